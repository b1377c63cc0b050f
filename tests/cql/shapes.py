"""A syntax tree in one short line, for tests: ``(op left right)``."""

from __future__ import annotations

from guideway.cql import syntax as s
from guideway.cql.unparse import unparse


def shape(node: object) -> str:
    """Operators as ``(op operands...)``, other nodes by their class name, leaves as they are written."""
    node = s.strip(node) if isinstance(node, s.Expression) else node
    if isinstance(node, s.Binary):
        return f"({node.op} {shape(node.left)} {shape(node.right)})"
    if isinstance(node, s.Unary):
        return f"({node.op} {shape(node.operand)})"
    if isinstance(node, s.Timing):
        p = node.phrase
        words = [p.left, "properly" if p.properly else None, p.kind, p.relation, p.precision, p.right]
        if p.offset is not None:
            words.insert(1, f"{unparse(p.offset.quantity)}{' ' + p.offset.relation if p.offset.relation else ''}")
        return f"({' '.join(w for w in words if w)} {shape(node.left)} {shape(node.right)})"
    if isinstance(node, s.Membership):
        return f"({node.op}{' ' + node.precision if node.precision else ''} {shape(node.left)} {shape(node.right)})"
    if isinstance(node, (s.Literal, s.Name, s.Special, s.Quantity, s.Ratio, s.ExternalConstant, s.CodeSelector, s.TypeSpecifier)):
        return unparse(node)
    if isinstance(node, s.Member):
        return f"{shape(node.target)}.{node.name}"
    if node is None:
        return "-"
    if isinstance(node, (str, bool)):
        return str(node)
    if isinstance(node, list):
        return "[" + ", ".join(map(shape, node)) + "]"
    if isinstance(node, s.Identifier):
        return node.name
    assert isinstance(node, s.Node)
    fields = [f for f in node.__struct_fields__ if f not in ("start", "end", "at", "quote", "comments", "tags")]
    return f"{type(node).__name__}({', '.join(shape(getattr(node, f)) for f in fields)})"

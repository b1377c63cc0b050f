"""Ordinary operators: a call of the row of the operator table, or the plain Python operation where the static types allow it.

Whatever is strict, typed and small (comparing two Integers, adding them, comparing Strings) is written out, null checks and
overflow included; everything else is one call. What each operator does is the business of ``guideway.engine.operators``.
"""

from __future__ import annotations

from typing import Any

from guideway.elm import nodes, types
from guideway.engine.generator import Generator, Handler
from guideway.engine.generator_emit import Code
from guideway.engine.operators.operator import Operator


def operator_row(name: str) -> Operator | None:
    """The row of the operator table for a node name."""
    from guideway.engine.operators.table import OPERATORS

    return OPERATORS.get(name)


def ordinary(g: Generator, node: Any) -> Code:
    """A call of the operator of the node's name, its children evaluated in the order of the table."""
    name = type(node).__name__
    row = operator_row(name)
    if row is None:
        raise g.refusal(node)
    arguments: list[Code] = [Code("E")] if row.needs_context else []
    for child in row.operands:
        value = getattr(node, child)
        if isinstance(value, list):
            codes = [g.visit(item) for item in value]
            if row.nary:
                depth = 1 + max((c.depth for c in codes), default=0)
                arguments.append(Code(f"[{', '.join(c.text for c in codes)}]", depth))
            else:
                arguments += codes
        elif value is None or isinstance(value, (str, bool, int)):
            arguments.append(Code(repr(value), simple=True))
        else:
            arguments.append(g.visit(value))
    given = len(row.operands)
    while given and getattr(node, row.operands[given - 1]) is None:  # absent optional children at the end are left out
        given -= 1
        arguments.pop()
    code = g.call(g.operator(name), arguments, node, nonnull=name in _NEVER_NULL)
    keywords = [(k, getattr(node, k, None)) for k in row.keywords]
    named = ", ".join(f"{k}={_keyword(v)}" for k, v in keywords if v is not None)
    if named:
        separator = ", " if arguments else ""
        code = Code(f"{code.text[:-1]}{separator}{named})", code.depth, nonnull=code.nonnull)
    return g.folded(code, arguments) if name in _FOLDED else code


def _keyword(value: Any) -> str:
    return repr(value.rpartition("}")[2] if isinstance(value, str) and value.startswith("{") else value)


_FOLDED = frozenset(("ToConcept", "ToDecimal", "ToLong", "ToQuantity", "Date", "DateTime", "Time", "Negate", "ToList"))
"""Operators that are worked out at compile time where their operands are constants."""

_NEVER_NULL = frozenset(("Equivalent", "Exists", "IsNull", "IsTrue", "IsFalse", "AllTrue", "AnyTrue", "Count"))

# ---- plain Python where the types are known ----------------------------------------------------------------------------

_COMPARISONS = {"Equal": "==", "NotEqual": "!=", "Less": "<", "LessOrEqual": "<=", "Greater": ">", "GreaterOrEqual": ">="}
_ARITHMETIC = {"Add": "+", "Subtract": "-", "Multiply": "*"}
_EQUATABLE = (types.INTEGER, types.STRING, types.BOOLEAN, types.DECIMAL)
_ORDERABLE = (types.INTEGER, types.DECIMAL, types.STRING)


def compared(g: Generator, node: Any) -> str | None:
    """The Python operator that compares the node's operands, where their types allow it."""
    word = _COMPARISONS.get(type(node).__name__)
    if word is None or g.traced:
        return None
    left, right = (g.type_of(operand) for operand in node.operand)
    allowed = _EQUATABLE if word in ("==", "!=") else _ORDERABLE
    if left != right or left not in allowed:
        return None
    return word if all(certain(g, operand) for operand in node.operand) else None


def certain(g: Generator, node: Any, depth: int = 0) -> bool:
    """Whether a number cannot be an uncertainty: they come from durations between partial dates and spread in arithmetic."""
    type_ = g.type_of(node)
    if type_ in (types.STRING, types.BOOLEAN):
        return True
    if depth > 20:
        return False
    match node:
        case nodes.Literal() | nodes.Count() | nodes.Length() | nodes.PositionOf() | nodes.LastPositionOf() | nodes.IndexOf():
            return True
        case nodes.DateTimeComponentFrom() | nodes.ParameterRef() | nodes.Property() | nodes.Null():
            return True
        case nodes.Add() | nodes.Subtract() | nodes.Multiply() | nodes.Divide():
            return all(certain(g, operand, depth + 1) for operand in node.operand)
        case nodes.ToInteger() | nodes.ToDecimal() | nodes.Negate() | nodes.As():
            return certain(g, node.operand, depth + 1)
        case nodes.If():
            return certain(g, node.then, depth + 1) and certain(g, node.else_, depth + 1)
        case nodes.FunctionRef():
            owner = g.env.included(g.info, node.libraryName) if node.libraryName else g.info
            bodies = [f.expression for f in owner.functions.get(node.name or "", ())]
            return bool(bodies) and all(isinstance(body, nodes.Property) for body in bodies)
        case nodes.ExpressionRef():
            owner = g.env.included(g.info, node.libraryName) if node.libraryName else g.info
            definition = owner.defines.get(node.name or "")
            return definition is not None and owner is g.info and certain(g, definition.expression, depth + 1)
    return False


def _comparison(g: Generator, node: Any) -> Code:
    word = compared(g, node)
    if word is None:
        return _timing(g, node) if type(node).__name__ in _MOMENTS else ordinary(g, node)
    left, right = (g.visit(operand) for operand in node.operand)
    first, second = _named(g, left), _named(g, right)
    checks = [f"{check} is None" for code, check in ((left, first[0]), (right, second[0])) if not code.nonnull]
    operation = f"{first[1]} {word} {second[1]}"
    if not checks:
        return Code(f"({operation})", 1 + max(left.depth, right.depth), nonnull=True)
    return Code(f"(None if {' or '.join(checks)} else {operation})", 2 + max(left.depth, right.depth))


_MOMENTS = {
    "Before": "moment_before", "After": "moment_after", "SameOrBefore": "moment_not_after", "SameOrAfter": "moment_not_before",
    "Less": "moment_less", "Greater": "moment_greater", "LessOrEqual": "moment_not_greater", "GreaterOrEqual": "moment_not_less",
}  # fmt: skip


def _timing(g: Generator, node: Any) -> Code:
    """Before and after for two DateTimes or two Dates without a precision; intervals and all else go through the operator."""
    left, right = (g.type_of(operand) for operand in node.operand)
    if g.traced or left != right or left not in (types.DATETIME, types.DATE) or getattr(node, "precision", None):
        return ordinary(g, node)
    return g.call(_MOMENTS[type(node).__name__], [g.visit(operand) for operand in node.operand], node)


def comparison_test(g: Generator, node: Any) -> Code | None:
    """A Python test that is true exactly where a plain comparison is; None where the comparison is not plain."""
    word = compared(g, node)
    if word is None:
        return _membership_test(g, node)
    left, right = (g.visit(operand) for operand in node.operand)
    depth = 2 + max(left.depth, right.depth)
    if word == "==" and (left.nonnull or right.nonnull):
        return Code(f"({left.text} == {right.text})", depth, nonnull=True)
    first, second = _named(g, left), _named(g, right)
    tests = [f"{check} is not None" for code, check in ((left, first[0]), (right, second[0])) if not code.nonnull]
    # the checks name the values, so they come first
    return Code(f"({' and '.join([*tests, f'{first[1]} {word} {second[1]}'])})", depth, nonnull=True)


def _membership_test(g: Generator, node: Any) -> Code | None:
    """``X in { 'a', 'b' }`` of Strings or Integers as a Python test."""
    if not isinstance(node, nodes.In) or node.precision or not isinstance(node.operand[1], nodes.List):
        return None
    items = node.operand[1].element
    type_ = g.type_of(node.operand[0])
    if type_ not in (types.STRING, types.INTEGER) or not items or not certain(g, node.operand[0]):
        return None
    if not all(isinstance(item, nodes.Literal) and item.value is not None and g.type_of(item) == type_ for item in items):
        return None
    code = g.visit(node.operand[0])
    choices = ", ".join(g.visit(item).text for item in items)
    return Code(f"({code.text} in ({choices},))", code.depth + 1, nonnull=True)


def _named(g: Generator, code: Code) -> tuple[str, str]:
    """``(text to evaluate first, text to use afterwards)``."""
    if code.simple:
        return code.text, code.text
    if code.nonnull:
        return code.text, code.text
    name = g.w.new_local()
    return f"({name} := {code.text})", name


_MEMBERSHIPS = ("In", "ProperIn", "IncludedIn", "ProperIncludedIn")
_RELATIONS = ("Before", "After", "SameOrBefore", "SameOrAfter", "SameAs")


def _membership(g: Generator, node: Any) -> Code:
    """Membership of an interval between a moment and another at a distance, as timing phrases are written in ELM."""
    around = node.operand[1]
    if isinstance(around, nodes.Interval):
        for bound in (around.low, around.high):
            while isinstance(bound, (nodes.ToDateTime, nodes.ToDate, nodes.As)):
                bound = bound.operand
            if isinstance(bound, (nodes.Add, nodes.Subtract)):
                g.distances[id(bound)] = f"Reach{type(bound).__name__}"
                g.distances[id(around)] = "ReachInterval"
    return ordinary(g, node)


def _relation(g: Generator, node: Any) -> Code:
    """A relation to a moment at a distance."""
    edge = node.operand[1]
    if isinstance(edge, (nodes.Add, nodes.Subtract)):
        g.distances[id(edge)] = f"Edge{type(edge).__name__}"
    return _timing(g, node) if type(node).__name__ in _MOMENTS else ordinary(g, node)


def _arithmetic(g: Generator, node: Any) -> Code:
    row = g.distances.get(id(node))
    if row is not None:
        return g.call(g.operator(row), [g.visit(operand) for operand in node.operand], node)
    word = _ARITHMETIC[type(node).__name__]
    if g.traced or any(g.type_of(operand) != types.INTEGER or not certain(g, operand) for operand in node.operand):
        return ordinary(g, node)
    left, right = (g.w.store(g.visit(operand)) for operand in node.operand)
    name = g.w.new_local()
    result = f"{name} if -2147483648 <= ({name} := {left.text} {word} {right.text}) <= 2147483647 else None"
    checks = [f"{code.text} is None" for code in (left, right) if not code.nonnull]
    return Code(f"(None if {' or '.join(checks)} else {result})" if checks else f"({result})", 3)


def _to_list(g: Generator, node: nodes.ToList) -> Code:
    code = g.visit(node.operand)
    if code.nonnull:
        return Code(f"[{code.text}]", code.depth + 1, nonnull=True, constant=code.constant)
    return g.call(g.operator("ToList"), [code], node, nonnull=True)


def _length(g: Generator, node: nodes.Length) -> Code:
    """The length of a null list is 0, that of a null string null (CQL 1.5 Appendix B, "Length")."""
    code = ordinary(g, node)
    if isinstance(g.type_of(node.operand), types.ListType):
        return Code(f"({code.text} or 0)", code.depth + 1, nonnull=True)
    return code


def _union(g: Generator, node: nodes.Union) -> Code:
    """A null list counts as an empty one, two of them too (CQL 1.5 Appendix B, "Union"); of null intervals it is null."""
    code = ordinary(g, node)
    if isinstance(g.type_of(node), types.ListType):
        return Code(f"({code.text} or [])", code.depth + 1, nonnull=True)
    return code


_SPECIAL_NODES = """
And Or Xor Not Implies IsNull IsTrue IsFalse If Case Coalesce Null Is As Convert CanConvert Literal Quantity Ratio Tuple List
Interval Instance Code CodeRef Concept ConceptRef CodeSystemRef ValueSetRef ExpressionRef FunctionRef ParameterRef OperandRef
AliasRef QueryLetRef IdentifierRef Query Sort Exists First Last Filter ForEach Repeat Aggregate Current Iteration Total Times
Children Descendants Descendents Retrieve InValueSet AnyInValueSet InCodeSystem AnyInCodeSystem ExpandValueSet Property Search
"""
_SPECIAL = frozenset(_SPECIAL_NODES.split())


def _expression_nodes() -> list[str]:
    """The concrete expression nodes of the schema."""
    from guideway.elm.codec_table import is_a, is_abstract

    return [name for name in nodes.FIELDS if is_a(name, "Expression") and not is_abstract(name)]


HANDLERS: dict[type[Any], Handler] = {
    **{getattr(nodes, name): ordinary for name in _expression_nodes() if name not in _SPECIAL},
    **{getattr(nodes, name): _timing for name in _MOMENTS},
    **{getattr(nodes, name): _relation for name in _RELATIONS},
    **{getattr(nodes, name): _membership for name in _MEMBERSHIPS},
    **{getattr(nodes, name): _comparison for name in _COMPARISONS},
    **{getattr(nodes, name): _arithmetic for name in _ARITHMETIC},
    nodes.ToList: _to_list,
    nodes.Length: _length,
    nodes.Union: _union,
}

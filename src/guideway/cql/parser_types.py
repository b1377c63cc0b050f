"""Parsing of type specifiers (CQL 1.5, Developer's Guide, "Type Specifiers")."""

from __future__ import annotations

from guideway.cql.lexer import KEYWORDS, NAME, RESERVED, unescape
from guideway.cql.parser_core import Parser
from guideway.cql.syntax import ChoiceType, IntervalType, ListType, NamedType, TupleType, TupleTypeElement, TypeSpecifier

_TYPE_NAMES = frozenset({"Code", "Concept"})
"""Reserved words that are type names as well."""


def type_specifier(p: Parser) -> TypeSpecifier:
    """The type specifier at the cursor."""
    at = p.at
    kind = p.kinds[at]
    following = p.kinds[at + 1]
    if following == "<" and (kind == "List" or kind == "Interval" or (kind is NAME and p.texts[at] == "Choice")):
        room = p.room
        if not room:
            p.too_deep()
        p.room = room - 1
        p.at = at + 2
        result = _generic(p, at)
        p.room = room
        return result
    if kind == "Tuple" and following == "{":
        room = p.room
        if not room:
            p.too_deep()
        p.room = room - 1
        tuple_type = _tuple(p)
        p.room = room
        return tuple_type
    if kind in ("List", "Interval", "Tuple"):
        p.at = at + 1
        p.fail(f"expected '{'{' if kind == 'Tuple' else '<'}' after {kind} in a type", hint="for example " + _EXAMPLES[kind])
    return named_type(p)


_EXAMPLES = {"List": "List<Integer>", "Interval": "Interval<DateTime>", "Tuple": "Tuple { name String }"}


def _generic(p: Parser, at: int) -> TypeSpecifier:
    first = type_specifier(p)
    if p.kinds[at] is not NAME:
        p.expect(">", f"to close {p.kinds[at]}<")
        end = p.ends[p.at - 1]
        return ListType(p.starts[at], end, first) if p.kinds[at] == "List" else IntervalType(p.starts[at], end, first)
    choices = [first]
    while p.accept(","):
        choices.append(type_specifier(p))
    p.expect(">", "to close Choice<")
    return ChoiceType(p.starts[at], p.ends[p.at - 1], choices)


def _tuple(p: Parser) -> TupleType:
    at = p.at
    p.at = at + 2
    elements = []
    while True:
        identifier = p.reference("the name of a tuple element")
        if p.kinds[p.at] == ":":
            p.report("a tuple type has no ':' between name and type", p.at)
            p.at += 1
        kind = type_specifier(p)
        elements.append(TupleTypeElement(identifier.start, kind.end, identifier, kind))
        if not p.accept(","):
            break
    p.close(at + 1, "}")
    return TupleType(p.starts[at], p.ends[p.at - 1], elements)


def named_type(p: Parser) -> NamedType:
    """``Integer``, ``FHIR.Patient``, ``System.Code``."""
    kinds = p.kinds
    first = at = p.at
    names = []
    while True:
        kind = kinds[at]
        if kind is NAME:
            text = p.texts[at]
            names.append(unescape(text) if text[0] in '"`' else text)
        elif kind in _TYPE_NAMES or (kind in KEYWORDS and kind not in RESERVED):
            names.append(p.texts[at])
        else:
            p.at = at
            p.fail("expected the name of a type")
        at += 1
        if kinds[at] != ".":
            break
        at += 1
    p.at = at
    return NamedType(p.starts[first], p.ends[at - 1], names)

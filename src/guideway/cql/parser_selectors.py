"""Parsing of selectors: intervals, tuples, instances, lists, codes and concepts (CQL 1.5.3 grammar, ``term``)."""

from __future__ import annotations

from guideway.cql.lexer import KEYWORDS, NAME, STRING
from guideway.cql.parser_core import INFIX, JUXTAPOSITION, POWER, PREFIX, Parser, Stop
from guideway.cql.parser_types import type_specifier
from guideway.cql.syntax import (
    CodeSelector,
    ConceptSelector,
    Element,
    Expression,
    InstanceSelector,
    IntervalSelector,
    ListSelector,
    Member,
    Name,
    NamedType,
    TupleSelector,
)


def _interval(p: Parser, limit: int) -> Expression:
    first = p.at
    opened = first + 1
    kind = p.kinds[opened]
    if kind != "[" and kind != "(":
        p.at = opened
        p.fail("expected '[' or '(' after Interval", hint="for example Interval[1, 5)")
    p.at = opened + 1
    room = p.room
    high_closed = True
    low: Expression
    high: Expression
    try:
        low = p.expression(0)
        p.expect(",", "between the two ends of an interval")
        high = p.expression(0)
        end = p.kinds[p.at]
        if end != "]" and end != ")":
            p.fail("expected ']' or ')' at the end of an interval")
        high_closed = end == "]"
        p.at += 1
    except Stop as stop:
        p.room = room
        p.recover(opened, stop)
        low = high = p.missing(opened + 1)
    return IntervalSelector(p.starts[first], p.ends[p.at - 1], low, high, kind == "[", high_closed)


def _elements(p: Parser, opened: int) -> list[Element]:
    """The elements in the braces whose opening one is token ``opened``, up to behind the closing one; ``{ : }`` has none."""
    p.at = opened + 1
    elements: list[Element] = []
    room = p.room
    try:
        if p.accept(":"):
            p.close(opened, "}", separator=False)
            return elements
        while True:
            identifier = p.reference("the name of an element")
            if p.kinds[p.at] != ":":
                p.expect(":", "between the name of an element and its value")
            p.at += 1
            value = p.expression(0)
            elements.append(Element(identifier.start, value.end, identifier, value))
            if not p.accept(","):
                break
        p.close(opened, "}")
    except Stop as stop:
        p.room = room
        p.recover(opened, stop)
    return elements


def _tuple(p: Parser, limit: int) -> Expression:
    first = p.at
    if p.kinds[first + 1] != "{":
        p.at = first + 1
        p.fail("expected '{' after Tuple", hint="for example Tuple { name: 'x' }")
    elements = _elements(p, first + 1)
    return TupleSelector(p.starts[first], p.ends[p.at - 1], elements)


def _braces(p: Parser, limit: int) -> Expression:
    """``{ name: value }`` is a tuple, everything else in braces a list."""
    first = p.at
    kind = p.kinds[first + 1]
    if kind == ":" or (p.kinds[first + 2] == ":" and (kind is NAME or kind in KEYWORDS)):
        elements = _elements(p, first)
        return TupleSelector(p.starts[first], p.ends[p.at - 1], elements)
    items = _items(p, first)
    return ListSelector(p.starts[first], p.ends[p.at - 1], None, items)


def _items(p: Parser, opened: int) -> list[Expression]:
    at = p.at = opened + 1
    items: list[Expression] = []
    if p.kinds[at] == "}":
        p.at = at + 1
        return items
    room = p.room
    try:
        items.append(p.expression(0))
        while p.kinds[p.at] == ",":
            at = p.at = p.at + 1
            items.append(p.expression(0))
        p.close(opened, "}")
    except Stop as stop:
        p.room = room
        p.recover(opened, stop)
        items.append(p.missing(at))
    return items


def _list(p: Parser, limit: int) -> Expression:
    first = p.at
    p.at = first + 1
    element_type = None
    if p.accept("<"):
        element_type = type_specifier(p)
        p.expect(">", "to close List<")
    if p.kinds[p.at] != "{":
        p.fail("expected '{' after List", hint="for example List<Integer> { 1, 2 }")
    items = _items(p, p.at)
    return ListSelector(p.starts[first], p.ends[p.at - 1], element_type, items)


def _instance(p: Parser, left: Expression, limit: int) -> Expression:
    """``Type { element: value }`` behind the name of the type."""
    names: list[str] = []
    node = left
    while isinstance(node, Member):
        names.append(node.name)
        node = node.target
    if not isinstance(node, Name):
        p.fail("unexpected '{'", found=False, hint="elements in braces follow the name of a type, as in Quantity { value: 5 }")
    names.append(node.name)
    names.reverse()
    named = NamedType(left.start, left.end, names)
    elements = _elements(p, p.at)
    return InstanceSelector(left.start, p.ends[p.at - 1], named, elements)


def qualified_name(p: Parser, what: str) -> Expression:
    """``name`` or ``library.name``."""
    first = p.identifier(what)
    if p.kinds[p.at] != ".":
        return Name(first.start, first.end, first.name, first.quote)
    p.at += 1
    second = p.identifier(what)
    target = Name(first.start, first.end, first.name, first.quote)
    return Member(first.start, second.end, target, second.name, second.quote, second.start)


def display_clause(p: Parser) -> str | None:
    """``display 'text'`` if it is there."""
    if p.kinds[p.at] == "display" and p.kinds[p.at + 1] is STRING:
        p.at += 1
        return p.string("the display text")
    return None


def _code_selector(p: Parser) -> CodeSelector:
    first = p.at
    p.expect("Code", "in a Concept")
    code = p.string("the id of a code")
    p.expect("from", "and the code system of the code")
    system = qualified_name(p, "the name of a code system")
    display = display_clause(p)
    return CodeSelector(p.starts[first], p.ends[p.at - 1], code, system, display)


def _code(p: Parser, limit: int) -> Expression:
    at = p.at
    following = p.kinds[at + 1]
    if following == "{":
        p.at = at + 1
        return _instance(p, Name(p.starts[at], p.ends[at], p.texts[at], ""), limit)
    if following is not STRING:
        p.at = at + 1
        p.fail("expected the id of a code in single quotes, or '{', after Code", hint="for example Code 'x' from \"System\"")
    return _code_selector(p)


def _concept(p: Parser, limit: int) -> Expression:
    first = p.at
    opened = p.at = first + 1
    if p.kinds[opened] != "{":
        p.fail("expected '{' after Concept", hint="for example Concept { Code 'x' from \"System\" }")
    if p.kinds[opened + 1] != "Code" or p.kinds[opened + 2] is not STRING:
        return _instance(p, Name(p.starts[first], p.ends[first], p.texts[first], ""), limit)
    p.at = opened + 1
    codes: list[CodeSelector] = []
    try:
        codes.append(_code_selector(p))
        while p.accept(","):
            codes.append(_code_selector(p))
        p.close(opened, "}")
    except Stop as stop:
        p.recover(opened, stop)
    display = display_clause(p)
    return ConceptSelector(p.starts[first], p.ends[p.at - 1], codes, display)


POWER["{"] = JUXTAPOSITION
INFIX["{"] = _instance
PREFIX |= {
    "{": _braces,
    "Interval": _interval,
    "Tuple": _tuple,
    "List": _list,
    "Code": _code,
    "Concept": _concept,
}

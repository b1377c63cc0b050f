"""Parsing of timing phrases, membership, between, date components (CQL 1.5.3 grammar, ``intervalOperatorPhrase``)."""

from __future__ import annotations

from guideway.cql.lexer import KEYWORDS, NUMBER, RESERVED, STRING
from guideway.cql.parser_core import BETWEEN, INFIX, MEMBERSHIP, POWER, PREFIX, TERM, TIMING, UNARY, Parser
from guideway.cql.parser_terms import UNITS, outside_term, quantity
from guideway.cql.syntax import (
    PRECISIONS,
    Between,
    Component,
    DurationBetween,
    DurationOf,
    Expression,
    Membership,
    Offset,
    Timing,
    TimingPhrase,
)

_PRECISIONS = frozenset(PRECISIONS)
_AFTER_BOUNDARY = frozenset(
    {"same", "properly", "during", "included in", "before", "after", "on or", "within", "less than", "more than"}
)
"""What ``starts``, ``ends`` and ``occurs`` may stand before."""


def _precision_of(p: Parser) -> str | None:
    """``day of``, if it is there."""
    at = p.at
    kind = p.kinds[at]
    if kind in UNITS and p.kinds[at + 1] == "of":
        unit, plural = UNITS[kind]
        if plural:
            p.report(f"expected '{unit}' before 'of'", at, hint=f"write {unit} of")
        p.at = at + 2
        return unit
    return None


def _boundary(p: Parser) -> str | None:
    """``start`` or ``end`` of the right operand, if it is there and no ``start of`` nor a name."""
    at = p.at
    kind = p.kinds[at]
    if kind != "start" and kind != "end":
        return None
    following = p.kinds[at + 1]
    if following == "of" or following == "." or following not in PREFIX:
        return None
    p.at = at + 1
    return kind


def _offset_ahead(p: Parser, at: int) -> bool:
    """Whether a quantity with ``before`` or ``after`` begins at token ``at``."""
    kinds = p.kinds
    at += 1
    if kinds[at] is STRING or kinds[at] in UNITS:
        at += 1
    if kinds[at] == "or more" or kinds[at] == "or less":
        at += 1
    return kinds[at] in ("before", "after", "on or")


def _timing(p: Parser, left: Expression, limit: int) -> Expression:
    """``left phrase right``, the cursor being at the first word of the phrase."""
    kinds = p.kinds
    first = at = p.at
    kind = kinds[at]
    phrase = TimingPhrase(p.starts[at], p.ends[at], kind, None, None, None, False, None, None)
    if kind == "occurs" or kind == "starts" or kind == "ends":
        following = kinds[at + 1]
        if following in _AFTER_BOUNDARY or (following is NUMBER and _offset_ahead(p, at + 1)):
            phrase.left = kind
            at += 1
            kind = following
        elif kind == "occurs":
            p.at = at + 1
            p.fail("expected a timing phrase after 'occurs'", hint="for example 'occurs before', 'occurs 3 days or more after'")
    if kind == "properly":
        phrase.properly = True
        at += 1
        kind = kinds[at]
        if kind not in ("includes", "included in", "during", "within") or (phrase.left and kind == "includes"):
            p.at = at
            p.fail("expected 'includes', 'included in', 'during' or 'within' after 'properly'")
    phrase.kind = kind
    p.at = at
    _PHRASES[kind](p, phrase)
    phrase.end = p.ends[p.at - 1]
    right = p.expression(TIMING)
    assert p.at > first
    return Timing(left.start, right.end, left, phrase, right)


def _same(p: Parser, phrase: TimingPhrase) -> None:
    at = p.at + 1
    kind = p.kinds[at]
    if kind in UNITS:
        unit, plural = UNITS[kind]
        if plural:
            p.report(f"expected '{unit}' after 'same'", at, hint=f"write same {unit}")
        phrase.precision = unit
        at += 1
        kind = p.kinds[at]
    p.at = at
    if kind not in ("as", "or before", "or after"):
        p.fail("expected 'as', 'or before' or 'or after' in a 'same' phrase", expected=("as",))
    phrase.relation = kind
    p.at = at + 1
    phrase.right = _boundary(p)


def _includes(p: Parser, phrase: TimingPhrase) -> None:
    p.at += 1
    phrase.precision = _precision_of(p)
    phrase.right = _boundary(p)


def _during(p: Parser, phrase: TimingPhrase) -> None:
    p.at += 1
    phrase.precision = _precision_of(p)


def _before_after(p: Parser, phrase: TimingPhrase) -> None:
    """``[offset] [on or] before | after [or on] [precision of] [start | end]``."""
    kinds = p.kinds
    at = p.at
    kind = kinds[at]
    start = p.starts[at]
    if kind == "less than" or kind == "more than":
        p.at = at + 1
        amount = quantity(p)
        phrase.offset = Offset(start, amount.end, amount, kind)
    elif kind is NUMBER:
        amount = quantity(p)
        relation = None
        if kinds[p.at] == "or more" or kinds[p.at] == "or less":
            relation = kinds[p.at]
            p.at += 1
        phrase.offset = Offset(start, p.ends[p.at - 1], amount, relation)
    if p.accept("on or"):
        phrase.relation = "or on"
    at = p.at
    kind = kinds[at]
    if kind != "before" and kind != "after":
        if phrase.offset is not None:
            p.fail("expected 'before' or 'after' behind the quantity of a timing phrase", expected=("before", "after"))
        p.fail("expected 'before' or 'after'", expected=("before", "after"))
    phrase.kind = kind
    p.at = at + 1
    if phrase.relation is None and p.accept("or on"):
        phrase.relation = "or on"
    phrase.precision = _precision_of(p)
    phrase.right = _boundary(p)


def _number_behind(p: Parser, left: Expression, limit: int) -> Expression:
    if not _offset_ahead(p, p.at):
        p.fail("an operator is missing before this number", found=False)
    return _timing(p, left, limit)


def _within(p: Parser, phrase: TimingPhrase) -> None:
    p.at += 1
    amount = quantity(p)
    phrase.offset = Offset(amount.start, amount.end, amount, None)
    p.expect("of", "after the quantity of 'within'")
    phrase.right = _boundary(p)


def _meets_overlaps(p: Parser, phrase: TimingPhrase) -> None:
    at = p.at = p.at + 1
    kind = p.kinds[at]
    if kind == "before" or kind == "after":
        phrase.relation = kind
        p.at = at + 1
    phrase.precision = _precision_of(p)


_PHRASES = {
    "same": _same,
    "includes": _includes,
    "during": _during,
    "included in": _during,
    "before": _before_after,
    "after": _before_after,
    "on or": _before_after,
    "less than": _before_after,
    "more than": _before_after,
    NUMBER: _before_after,
    "within": _within,
    "meets": _meets_overlaps,
    "overlaps": _meets_overlaps,
    "starts": _during,
    "ends": _during,
}


def _membership(p: Parser, left: Expression, limit: int) -> Expression:
    op = p.kinds[p.at]
    p.at += 1
    precision = _precision_of(p)
    right = p.expression(MEMBERSHIP)
    return Membership(left.start, right.end, op, precision, left, right)


def _between(p: Parser, left: Expression, limit: int) -> Expression:
    properly = p.kinds[p.at] == "properly between"
    p.at += 1
    low = p.expression(TERM)
    p.expect("and", "between the two bounds of 'between'")
    high = p.expression(TERM)
    return Between(left.start, high.end, left, properly, low, high)


def _bounds(p: Parser, first: int, limit: int, kind: str, precision: str) -> Expression:
    """The rest of ``days between a and b``, the cursor being behind ``between``."""
    low = p.expression(TERM)
    p.expect("and", "between the two bounds of 'between'")
    high = p.expression(TERM)
    outside_term(p, first, limit, f"'{precision}s between ... and ...'")
    return DurationBetween(p.starts[first], high.end, kind, precision, low, high)


def _plural(p: Parser, limit: int) -> Expression:
    first = p.at
    p.at = first + 1
    kind = p.kinds[first]
    p.expect("between", f"after '{kind}'")
    return _bounds(p, first, limit, "duration", UNITS[kind][0])


def _duration(p: Parser, limit: int) -> Expression:
    first = p.at
    word = p.kinds[first]
    p.at = first + 1
    p.expect("in", f"after '{word}'")
    kind = p.kinds[p.at]
    if kind not in UNITS:
        p.fail(f"expected a precision after '{word} in'", hint=f"for example {word} in days between a and b")
    unit, plural = UNITS[kind]
    if not plural:
        p.report(f"expected '{unit}s' after '{word} in'", p.at, hint=f"write {word} in {unit}s")
    p.at += 1
    if p.accept("between"):
        return _bounds(p, first, limit, word, unit)
    if not p.accept("of"):
        p.fail(f"expected 'between' or 'of' after '{word} in {kind}'", expected=("between", "of"))
    operand = p.expression(UNARY)
    return DurationOf(p.starts[first], operand.end, word, unit, operand)


def _component(p: Parser, limit: int) -> Expression:
    first = p.at
    word = p.kinds[first]
    if p.kinds[first + 1] != "from":
        if word in KEYWORDS and word not in RESERVED:
            return PREFIX["version"](p, limit)  # an ordinary name
        p.at = first + 1
        if p.kinds[p.at] == "between":
            p.report(f"expected '{word}s' before 'between'", first, hint=f"write {word}s between")
            p.at += 1
            return _bounds(p, first, limit, "duration", word)
        p.fail(f"expected 'from' after '{word}'", expected=("from",))
    p.at = first + 2
    operand = p.expression(UNARY)
    return Component(p.starts[first], operand.end, word, operand)


for _kind in _PHRASES | {"properly": None, "occurs": None}:
    POWER[_kind] = TIMING
    INFIX[_kind] = _timing
INFIX[NUMBER] = _number_behind
for _kind in ("in", "contains"):
    POWER[_kind] = MEMBERSHIP
    INFIX[_kind] = _membership
for _kind in ("between", "properly between"):
    POWER[_kind] = BETWEEN
    INFIX[_kind] = _between
for _kind in ("duration", "difference"):
    PREFIX[_kind] = _duration
for _kind, (_unit, _is_plural) in UNITS.items():
    PREFIX[_kind] = _plural if _is_plural else _component
for _kind in ("date", "time", "timezone", "timezoneoffset"):
    PREFIX[_kind] = _component

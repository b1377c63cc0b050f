"""Timing phrases: ``starts 3 days or less after start``, ``during``, ``same day as``, ``overlaps before`` and their kind.

CQL 1.5 Author's Guide, "Timing and Interval Operators", and Appendix H, "Timing Interval Operator Diagrams". A phrase says
which boundary of each side is meant, a relation, and perhaps a precision or a distance; distances become intervals around
the right side: ``A 3 days or less before B`` is ``A in Interval[B - 3 days, B)``, and null where B is null.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guideway.cql import orders, syntax, warnings
from guideway.cql.conversions import Promotions
from guideway.cql.operators import check_precision
from guideway.cql.translation import Translation
from guideway.cql.typesystem import ERROR
from guideway.elm import nodes as elm
from guideway.elm.types import ANY, BOOLEAN, DATE, DATETIME, TIME, ChoiceType, IntervalType, NamedType, Type

# A point may stand for the interval that holds just it where points are compared with intervals.
_POINTS_AS_INTERVALS = Promotions(interval_promotion=True)


def timing(t: Translation, node: syntax.Timing) -> Any:
    """``left phrase right``."""
    phrase = node.phrase
    left, right = t.expression(node.left), t.expression(node.right)
    if ERROR in (left.result_type, right.result_type):
        return t.failed(node)
    if phrase.left in ("starts", "ends"):
        left = _boundary(t, left, phrase.left[:-1].capitalize(), node.left, phrase.left)
    if phrase.right is not None:
        right = _boundary(t, right, phrase.right.capitalize(), node.right, phrase.right)
    if ERROR in (left.result_type, right.result_type):
        return t.failed(node)
    if phrase.offset is None:
        warnings.related_units(t, node, left, right)
    return _PHRASES[phrase.kind](t, node, phrase, left, right)


def _boundary(t: Translation, value: Any, name: str, at: syntax.Node, called: str) -> Any:
    return t.operator(name, [value], at, called=called)


def _relate(
    t: Translation, name: str, left: Any, right: Any, node: syntax.Timing, called: str, promotions: Promotions | None = None
) -> Any:
    precision = node.phrase.precision
    made = t.operator(name, [left, right], node, precision=precision, called=called, promotions=promotions)
    return check_precision(t, made, precision, node)


def _same(t: Translation, node: syntax.Timing, phrase: syntax.TimingPhrase, left: Any, right: Any) -> Any:
    name = {"as": "SameAs", "or before": "SameOrBefore", "or after": "SameOrAfter"}[phrase.relation or "as"]
    promotions = None if name == "SameAs" else _POINTS_AS_INTERVALS
    return _relate(t, name, left, right, node, f"same {phrase.relation}", promotions)


def _includes(t: Translation, node: syntax.Timing, phrase: syntax.TimingPhrase, left: Any, right: Any) -> Any:
    if phrase.properly and right.result_type == ANY:  # an untyped null is a point here, and a list or interval without "properly"
        return _relate(t, "ProperContains", left, right, node, "includes")
    return _relate(t, "ProperIncludes" if phrase.properly else "Includes", left, right, node, "includes")


def _included(t: Translation, node: syntax.Timing, phrase: syntax.TimingPhrase, left: Any, right: Any) -> Any:
    if phrase.properly and left.result_type == ANY:
        return _relate(t, "ProperIn", left, right, node, phrase.kind)
    return _relate(t, "ProperIncludedIn" if phrase.properly else "IncludedIn", left, right, node, phrase.kind)


def _directed(t: Translation, node: syntax.Timing, phrase: syntax.TimingPhrase, left: Any, right: Any) -> Any:
    """``meets before``, ``overlaps after``, or without a direction."""
    name = phrase.kind.capitalize() + (phrase.relation or "").capitalize()
    return _relate(t, name, left, right, node, phrase.kind)


def _before_or_after(t: Translation, node: syntax.Timing, phrase: syntax.TimingPhrase, left: Any, right: Any) -> Any:
    before = phrase.kind == "before"
    inclusive = phrase.relation == "or on"
    if phrase.offset is None:
        name = ("SameOr" if inclusive else "") + phrase.kind.capitalize()
        return _relate(t, name, left, right, node, phrase.kind, _POINTS_AS_INTERVALS)
    # A distance lies between the two boundaries that face each other.
    if _is_interval(t, left.result_type):
        left = t.operator("End" if before else "Start", [left], node.left)
    if _is_interval(t, right.result_type):
        right = t.operator("Start" if before else "End", [right], node.right)
    quantity = t.expression(phrase.offset.quantity)
    edge = _moved(t, "Subtract" if before else "Add", right, quantity, node)
    if ERROR in (left.result_type, edge.result_type):
        return t.failed(node)
    relation = phrase.offset.relation
    if relation is None:
        return _relate(t, "SameAs", left, edge, node, phrase.kind)
    if relation == "or more":
        return _relate(t, "SameOrBefore" if before else "SameOrAfter", left, edge, node, phrase.kind)
    if relation == "more than":
        return _relate(t, "Before" if before else "After", left, edge, node, phrase.kind)
    near = t.convert(right, edge.result_type, node.right, "the right side")
    reached = relation == "or less"
    if before:
        around = elm.Interval(low=edge, high=near, lowClosed=reached, highClosed=inclusive)
    else:
        around = elm.Interval(low=near, high=edge, lowClosed=inclusive, highClosed=reached)
    made = _relate(t, "In", left, t.mark(around, node, IntervalType(edge.result_type)), node, phrase.kind)
    return _unless_right_is_null(t, made, near, node) if reached else made


def _within(t: Translation, node: syntax.Timing, phrase: syntax.TimingPhrase, left: Any, right: Any) -> Any:
    """``within 3 days of``: in the interval that reaches three days to both sides."""
    assert phrase.offset is not None
    quantity = t.expression(phrase.offset.quantity)
    start = end = right
    if _is_interval(t, right.result_type):
        start, end = t.operator("Start", [right], node.right), t.operator("End", [right], node.right)
    low = _moved(t, "Subtract", start, quantity, node)
    high = _moved(t, "Add", end, quantity, node) if low.result_type is not ERROR else low
    if ERROR in (low.result_type, high.result_type):
        return t.failed(node)
    closed = not phrase.properly
    around = t.mark(elm.Interval(low=low, high=high, lowClosed=closed, highClosed=closed), node, IntervalType(low.result_type))
    name = "IncludedIn" if _is_interval(t, left.result_type) else "In"
    made = _relate(t, name, left, around, node, "within")
    return _unless_right_is_null(t, made, right, node) if closed and start is right else made


def _moved(t: Translation, name: str, value: Any, quantity: Any, node: syntax.Timing) -> Any:
    """The right side moved by the distance: a date or time by an amount of time."""
    if ERROR in (value.result_type, quantity.result_type):
        return t.failed(node)
    assert node.phrase.offset is not None
    if not orders.require(
        t, value.result_type, orders.MOMENT_TYPES, node.right, f"A distance '{node.phrase.kind}'", "dates or times"
    ):
        return t.failed(node)
    moved = t.operator(name, [value, quantity], node.phrase.offset, called=node.phrase.kind)
    return orders.time_unit(t, moved, node.phrase.offset)


def _unless_right_is_null(t: Translation, made: Any, right: Any, node: syntax.Timing) -> Any:
    """Closed intervals take a null boundary for the end of time; a distance from null is null."""
    if made.result_type is ERROR:
        return made
    present = t.mark(elm.Not(operand=t.mark(elm.IsNull(operand=right), node, BOOLEAN)), node, BOOLEAN)
    return t.mark(elm.And(operand=[made, present]), node, BOOLEAN)


def _is_interval(t: Translation, type_: Type) -> bool:
    """Whether the value is an interval, or (like FHIR's Period) becomes one and no date or time."""
    if isinstance(type_, IntervalType):
        return True
    if not isinstance(type_, NamedType | ChoiceType):
        return False
    targets = list(t.conversions.targets(type_))
    return any(isinstance(x, IntervalType) for x in targets) and not any(x in (DATE, DATETIME, TIME) for x in targets)


_PHRASES: dict[str, Callable[[Translation, syntax.Timing, syntax.TimingPhrase, Any, Any], Any]] = {
    "same": _same,
    "includes": _includes,
    "during": _included,
    "included in": _included,
    "before": _before_or_after,
    "after": _before_or_after,
    "within": _within,
    "meets": _directed,
    "overlaps": _directed,
    "starts": _directed,
    "ends": _directed,
}
HANDLERS = {syntax.Timing: timing}

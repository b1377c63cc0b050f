"""Intervals (CQL 1.5 Appendix B, "Interval Operators").

Bounds are read through ``points.lower`` and ``points.upper``, so open and closed writings of one interval behave the same and
unknown bounds are uncertainties. Timing operators take points as well (an interval of one point), and lists where the reference
has an overload for lists. With a precision, dates and times are compared to that precision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guideway.engine.errors import CqlRuntimeError
from guideway.engine.operators import lists, temporal
from guideway.engine.operators.arithmetic import add, subtract
from guideway.engine.operators.comparison import (
    TEMPORAL,
    alike,
    bounds,
    greater,
    greater_or_equal,
    less,
    less_or_equal,
    order,
    same,
)
from guideway.engine.operators.logical import Truth, logical_and, logical_not, logical_or
from guideway.engine.operators.operator import Operator
from guideway.engine.operators.points import (
    TYPE_NAMES,
    end,
    lower,
    minimum,
    point_type,
    predecessor,
    start,
    successor,
    type_name,
    upper,
)
from guideway.engine.values.collections import Interval
from guideway.engine.values.numbers import Long
from guideway.engine.values.temporal import PRECISIONS, Time
from guideway.engine.values.uncertainty import Uncertainty


def make_interval(
    low: Any, high: Any, low_closed: bool | None = True, high_closed: bool | None = True, point_type: str | None = None
) -> Interval | None:
    """An interval; a run-time error where it ends before it starts; null where its point type is Any: of two untyped nulls."""
    low_in, high_in = low_closed is not False, high_closed is not False
    kind = point_type or _point_type(low, high)
    if low is None and high is None and kind == "Any":
        return None
    result = Interval(low, high, low_in, high_in, kind)
    if low is not None and high is not None:
        if low_in and high_in:
            wrong = greater(low, high)
        else:
            wrong = less(high, low) or (alike(low, high) is True) or greater(lower(result), upper(result))
        if wrong:
            raise CqlRuntimeError(f"an interval cannot end ({high}) before it starts ({low})")
    return result


def _point_type(low: Any, high: Any) -> str | None:
    for bound in (low, high):
        if bound is not None:
            return TYPE_NAMES.get(type(bound))
    return None


def _ends(value: Any) -> tuple[Any, Any]:
    """Start and end of an interval; a point is both."""
    return (lower(value), upper(value)) if type(value) is Interval else (value, value)


def _on_intervals(rule: Callable[[Any, Any, Any, Any, str | None], Truth]) -> Callable[..., Truth]:
    """A timing operator from its rule over (start, end) of both operands; null operands make it null."""

    def operator(left: Any, right: Any, *, precision: str | None = None) -> Truth:
        if left is None or right is None:
            return None
        low, high = _ends(left)
        other_low, other_high = _ends(right)
        return rule(low, high, other_low, other_high, precision)

    operator.__name__ = operator.__qualname__ = rule.__name__.lstrip("_")
    operator.__doc__ = rule.__doc__
    return operator


def _before(low: Any, high: Any, other_low: Any, other_high: Any, precision: str | None) -> Truth:
    """The first ends before the second starts."""
    return less(high, other_low, precision)


def _after(low: Any, high: Any, other_low: Any, other_high: Any, precision: str | None) -> Truth:
    """The first starts after the second ends."""
    return greater(low, other_high, precision)


def _same_or_before(low: Any, high: Any, other_low: Any, other_high: Any, precision: str | None) -> Truth:
    """The first ends on or before the start of the second."""
    return less_or_equal(high, other_low, precision)


def _same_or_after(low: Any, high: Any, other_low: Any, other_high: Any, precision: str | None) -> Truth:
    """The first starts on or after the end of the second."""
    return greater_or_equal(low, other_high, precision)


def _same_as(low: Any, high: Any, other_low: Any, other_high: Any, precision: str | None) -> Truth:
    """Both start, and both end, at the same value."""
    return logical_and(same(low, other_low, precision), same(high, other_high, precision))


def _includes(low: Any, high: Any, other_low: Any, other_high: Any, precision: str | None) -> Truth:
    """The first starts no later and ends no earlier than the second."""
    return logical_and(less_or_equal(low, other_low, precision), greater_or_equal(high, other_high, precision))


def _proper_includes(low: Any, high: Any, other_low: Any, other_high: Any, precision: str | None) -> Truth:
    """The first includes the second and is larger."""
    larger = logical_or(less(low, other_low, precision), greater(high, other_high, precision))
    return logical_and(_includes(low, high, other_low, other_high, precision), larger)


def _overlaps(low: Any, high: Any, other_low: Any, other_high: Any, precision: str | None) -> Truth:
    """They have a point in common."""
    return logical_and(less_or_equal(low, other_high, precision), less_or_equal(other_low, high, precision))


def _overlaps_before(low: Any, high: Any, other_low: Any, other_high: Any, precision: str | None) -> Truth:
    """They overlap and the first starts before the second."""
    return logical_and(less(low, other_low, precision), greater_or_equal(high, other_low, precision))


def _overlaps_after(low: Any, high: Any, other_low: Any, other_high: Any, precision: str | None) -> Truth:
    """They overlap and the first ends after the second."""
    return logical_and(greater(high, other_high, precision), less_or_equal(low, other_high, precision))


def _starts(low: Any, high: Any, other_low: Any, other_high: Any, precision: str | None) -> Truth:
    """They start together and the first ends no later."""
    return logical_and(same(low, other_low, precision), less_or_equal(high, other_high, precision))


def _finishes(low: Any, high: Any, other_low: Any, other_high: Any, precision: str | None) -> Truth:
    """They end together and the first starts no earlier."""
    return logical_and(greater_or_equal(low, other_low, precision), same(high, other_high, precision))


def _meets_before(low: Any, high: Any, other_low: Any, other_high: Any, precision: str | None) -> Truth:
    """The first ends immediately before the second starts."""
    if high is None or other_low is None:
        return None
    high, other_low = _cut(high, precision), _cut(other_low, precision)
    try:
        following = successor(high)
    except CqlRuntimeError:
        return False
    if type(high) is Uncertainty or type(other_low) is Uncertainty:
        # Nothing follows the greatest value: an uncertain end is followed by no more than what starts there.
        return logical_and(less(high, other_low, precision), same(following, other_low, precision))
    return same(following, other_low, precision)


def _meets_after(low: Any, high: Any, other_low: Any, other_high: Any, precision: str | None) -> Truth:
    """The first starts immediately after the second ends."""
    return _meets_before(other_low, other_high, low, high, precision)


def _meets(low: Any, high: Any, other_low: Any, other_high: Any, precision: str | None) -> Truth:
    """One ends immediately before the other starts."""
    return logical_or(
        _meets_before(low, high, other_low, other_high, precision), _meets_after(low, high, other_low, other_high, precision)
    )


def _cut(value: Any, precision: str | None) -> Any:
    if precision is None:
        return value
    if type(value) is Uncertainty:
        return Uncertainty(_cut(value.low, precision), _cut(value.high, precision))
    return temporal.truncated(value, PRECISIONS[precision]) if type(value) in TEMPORAL and precision in PRECISIONS else value


before = _on_intervals(_before)
after = _on_intervals(_after)
same_or_before = _on_intervals(_same_or_before)
same_or_after = _on_intervals(_same_or_after)
same_as = _on_intervals(_same_as)
overlaps = _on_intervals(_overlaps)
overlaps_before = _on_intervals(_overlaps_before)
overlaps_after = _on_intervals(_overlaps_after)
starts = _on_intervals(_starts)
ends = _on_intervals(_finishes)
meets = _on_intervals(_meets)
meets_before = _on_intervals(_meets_before)
meets_after = _on_intervals(_meets_after)
_interval_includes = _on_intervals(_includes)
_interval_proper_includes = _on_intervals(_proper_includes)


def contains(collection: Any, element: Any, *, precision: str | None = None) -> Truth:
    """Whether a list has the element, or an interval the point; null collections contain nothing."""
    if collection is None:
        return False
    if type(collection) is not Interval:
        return lists.contains(collection, element, precision)
    if element is None:
        return None
    from_low = _inside(element, collection.low, collection.low_closed, collection, lower, greater, greater_or_equal, precision)
    to_high = _inside(element, collection.high, collection.high_closed, collection, upper, less, less_or_equal, precision)
    if _passes_midnight(collection):
        return logical_or(from_low, to_high)
    return logical_and(from_low, to_high)


def _passes_midnight(interval: Interval) -> bool:
    """Whether this is the time around a time of day that a timing phrase made, from an evening to the next morning."""
    return type(interval.low) is Time and type(interval.high) is Time and greater(interval.low, interval.high) is True


def _inside(
    point: Any,
    bound: Any,
    closed: bool,
    interval: Interval,
    known: Callable[[Interval], Any],
    exclusive: Callable[..., Truth],
    inclusive: Callable[..., Truth],
    precision: str | None,
) -> Truth:
    if bound is None:
        return True if closed else inclusive(point, known(interval), precision)
    return inclusive(point, bound, precision) if closed else exclusive(point, bound, precision)


def element_in(element: Any, collection: Any, *, precision: str | None = None) -> Truth:
    """``in``: :func:`contains` the other way round."""
    return contains(collection, element, precision=precision)


def proper_contains(collection: Any, element: Any, *, precision: str | None = None) -> Truth:
    """Whether the element is in the list and not alone, or the point strictly inside the interval."""
    if collection is None:
        return False
    if type(collection) is not Interval:
        return lists.proper_contains(collection, element, precision)
    low, high = _ends(collection)
    return logical_and(greater(element, low, precision), less(element, high, precision))


def proper_in(element: Any, collection: Any, *, precision: str | None = None) -> Truth:
    """``properly included in`` for a point or element."""
    return proper_contains(collection, element, precision=precision)


def includes(left: Any, right: Any, *, precision: str | None = None) -> Truth:
    """Whether the first interval or list has all that the second has."""
    if left is None or right is None:
        return None
    if type(left) is not Interval:
        return lists.includes(left, right, precision)
    return (
        _interval_includes(left, right, precision=precision)
        if type(right) is Interval
        else contains(left, right, precision=precision)
    )


def included_in(left: Any, right: Any, *, precision: str | None = None) -> Truth:
    """:func:`includes` the other way round."""
    return includes(right, left, precision=precision)


def proper_includes(left: Any, right: Any, *, precision: str | None = None) -> Truth:
    """Whether the first includes the second and is larger."""
    if left is None or right is None:
        return None
    if type(left) is not Interval:
        return lists.proper_includes(left, right, precision)
    if type(right) is not Interval:
        return proper_contains(left, right, precision=precision)
    return _interval_proper_includes(left, right, precision=precision)


def proper_included_in(left: Any, right: Any, *, precision: str | None = None) -> Truth:
    """:func:`proper_includes` the other way round."""
    return proper_includes(right, left, precision=precision)


def width(operand: Interval | None) -> Any:
    """End minus start; a run-time error for dates and times, null where an end is unknown."""
    if operand is None:
        return None
    low, high = _ends(operand)
    _measurable(low, "width")
    _measurable(high, "width")
    return None if _open_ended(operand) else subtract(high, low)


def _open_ended(value: Interval) -> bool:
    """Whether a bound is open and null, and so unknown."""
    return (value.low is None and not value.low_closed) or (value.high is None and not value.high_closed)


def _measurable(bound: Any, word: str) -> None:
    if type(bounds(bound)[0]) in TEMPORAL:
        raise CqlRuntimeError(f"an interval of {type_name(bounds(bound)[0])} has no {word}: use a duration")


def size(operand: Interval | None) -> Any:
    """The width plus the size of a point."""
    if operand is None:
        return None
    low, high = _ends(operand)
    _measurable(low, "size")
    _measurable(high, "size")
    if low is None or high is None or _open_ended(operand):
        return None
    sample = bounds(low)[0]
    least = minimum(TYPE_NAMES[type(sample)])
    point = subtract(successor(least), least)
    if point_type(operand) == "Quantity":
        point = type(sample)(point.value, sample.unit)
    return add(subtract(high, low), point)


def point_from(operand: Interval | None) -> Any:
    """The one point of a unit interval; a run-time error for any other."""
    if operand is None:
        return None
    low, high = _ends(operand)
    if alike(low, high) is not True:
        raise CqlRuntimeError("point from: the interval does not consist of a single point")
    return low


def _extreme(left: Any, right: Any, wanted: int) -> Any:
    """The lesser (-1) or greater (1) of two bounds; an uncertainty where one is; None where it cannot be known."""
    if type(left) is Uncertainty or type(right) is Uncertainty:
        low, high = bounds(left)
        other_low, other_high = bounds(right)
        least, greatest = _extreme(low, other_low, wanted), _extreme(high, other_high, wanted)
        if least is None or greatest is None:
            return None
        return least if alike(least, greatest) else Uncertainty(least, greatest)
    result = order(left, right)
    if result is None:
        return None
    return right if result == -wanted else left


def _between(low: Any, high: Any, kind: str | None) -> Interval | None:
    """The closed interval between two bounds that are known, at least as uncertainties."""
    return None if low is None or high is None else Interval(low, high, True, True, kind)


def _intervals(left: Any, right: Any) -> tuple[Interval, Interval]:
    for value in (left, right):
        if type(value) is not Interval:
            raise CqlRuntimeError(f"an interval is expected, not {type_name(value)}")
    return left, right


def union(operands: list[Any]) -> Any:
    """The union of lists (without duplicates), or of intervals that overlap or meet (else null)."""
    return _fold(operands, _union_intervals, lists.union)


def _fold(operands: list[Any], on_intervals: Callable[[Any, Any], Any], on_lists: Callable[[Any, Any], Any]) -> Any:
    result = operands[0]
    for operand in operands[1:]:
        rule = on_intervals if type(result) is Interval or type(operand) is Interval else on_lists
        result = rule(result, operand)
    return result


def _union_intervals(left: Any, right: Any) -> Interval | None:
    if left is None or right is None:
        return None
    left, right = _intervals(left, right)
    if logical_or(overlaps(left, right), meets(left, right)) is not True:
        return None
    low, high = _extreme(lower(left), lower(right), -1), _extreme(upper(left), upper(right), 1)
    return _between(low, high, point_type(left) or point_type(right))


def intersect(operands: list[Any]) -> Any:
    """What is in both lists, or in both intervals (null where nothing is)."""
    return _fold(operands, _intersect_intervals, lists.intersect)


def _intersect_intervals(left: Any, right: Any) -> Interval | None:
    if left is None or right is None:
        return None
    left, right = _intervals(left, right)
    if overlaps(left, right) is not True:
        return None
    low, high = _extreme(lower(left), lower(right), 1), _extreme(upper(left), upper(right), -1)
    return _between(low, high, point_type(left) or point_type(right))


def except_(operands: list[Any]) -> Any:
    """What is in the first list and not in the second, or the part of the first interval outside the second."""
    return _fold(operands, _except_intervals, lists.except_)


def _except_intervals(left: Any, right: Any) -> Interval | None:
    if left is None or right is None:
        return None
    first, second = _intervals(left, right)
    (low, high), (other_low, other_high) = _ends(first), _ends(second)
    apart = logical_not(overlaps(first, second))
    if apart is None:
        return None
    if apart:
        return first
    kind = point_type(first)
    sticks_out, runs_on = less(low, other_low), greater(high, other_high)
    if sticks_out and runs_on is False:
        return _between(low, predecessor(other_low), kind)
    if runs_on and sticks_out is False:
        return _between(successor(other_high), high, kind)
    return None


def shown(value: Any) -> Any:
    """A value as results show it: an uncertainty as the closed interval of its bounds, an uncertain bound as an open null one."""
    if type(value) is Uncertainty:
        kind = TYPE_NAMES.get(type(value.low))
        if type(value.high) is Long:
            kind = "Long"
        return Interval(value.low, value.high, True, True, kind)
    if type(value) is Interval:
        low, high = value.low, value.high
        if type(low) is Uncertainty or type(high) is Uncertainty:
            low_known, high_known = type(low) is not Uncertainty, type(high) is not Uncertainty
            return Interval(
                low if low_known else None,
                high if high_known else None,
                value.low_closed and low_known,
                value.high_closed and high_known,
                value.point_type,
            )
    return value


PRECISE = ("precision",)

TABLE = {
    "Interval": Operator(make_interval, ("low", "high", "lowClosedExpression", "highClosedExpression"), null_in_null_out=False),
    "Start": Operator(start),
    "End": Operator(end),
    "Width": Operator(width),
    "Size": Operator(size),
    "PointFrom": Operator(point_from),
    "Before": Operator(before, keywords=PRECISE),
    "After": Operator(after, keywords=PRECISE),
    "SameAs": Operator(same_as, keywords=PRECISE),
    "SameOrBefore": Operator(same_or_before, keywords=PRECISE),
    "SameOrAfter": Operator(same_or_after, keywords=PRECISE),
    "Meets": Operator(meets, keywords=PRECISE),
    "MeetsBefore": Operator(meets_before, keywords=PRECISE),
    "MeetsAfter": Operator(meets_after, keywords=PRECISE),
    "Overlaps": Operator(overlaps, keywords=PRECISE),
    "OverlapsBefore": Operator(overlaps_before, keywords=PRECISE),
    "OverlapsAfter": Operator(overlaps_after, keywords=PRECISE),
    "Starts": Operator(starts, keywords=PRECISE),
    "Ends": Operator(ends, keywords=PRECISE),
    "Contains": Operator(contains, keywords=PRECISE, null_in_null_out=False),
    "In": Operator(element_in, keywords=PRECISE, null_in_null_out=False),
    "ProperContains": Operator(proper_contains, keywords=PRECISE, null_in_null_out=False),
    "ProperIn": Operator(proper_in, keywords=PRECISE, null_in_null_out=False),
    "Includes": Operator(includes, keywords=PRECISE),
    "IncludedIn": Operator(included_in, keywords=PRECISE),
    "ProperIncludes": Operator(proper_includes, keywords=PRECISE),
    "ProperIncludedIn": Operator(proper_included_in, keywords=PRECISE),
    "Union": Operator(union, nary=True, null_in_null_out=False),
    "Intersect": Operator(intersect, nary=True, null_in_null_out=False),
    "Except": Operator(except_, nary=True, null_in_null_out=False),
}

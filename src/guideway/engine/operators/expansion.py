"""Collapse and Expand (CQL 1.5 Appendix B, "Collapse", "Expand").

``per`` cuts the values into units: a number of steps for numeric intervals, years ... milliseconds for dates and times. Without
it the unit is that of the least precise bound.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal
from functools import cmp_to_key
from typing import Any

from guideway.engine.errors import CqlRuntimeError
from guideway.engine.operators import quantities, temporal
from guideway.engine.operators.comparison import TEMPORAL, as_quantity, greater, less_or_equal, sort_order
from guideway.engine.operators.interval import meets, overlaps
from guideway.engine.operators.operator import Operator
from guideway.engine.operators.points import lower, point_type, upper
from guideway.engine.values.collections import Interval
from guideway.engine.values.numbers import CONTEXT, Long, scale_of
from guideway.engine.values.quantity import Quantity
from guideway.engine.values.temporal import PRECISION_NAMES, PRECISIONS
from guideway.engine.values.uncertainty import Uncertainty

MOST = 1_000_000
"""An expansion of more elements than this is refused: it is a mistake, such as an interval without an end."""


def collapse(source: list[Interval | None] | None, per: Any = None) -> list[Interval] | None:
    """The intervals joined where they overlap or meet; with ``per``, where no more than ``per`` lies between two."""
    if source is None:
        return None
    present = [interval for interval in source if interval is not None]
    if len(present) < 2:
        return present
    present.sort(
        key=cmp_to_key(lambda left, right: sort_order(lower(left), lower(right)) or sort_order(upper(left), upper(right)))
    )
    joins = _joins(present, per)
    result = [present[0]]
    for interval in present[1:]:
        current = result[-1]
        if joins(current, interval):
            result[-1] = _joined(current, interval)
        else:
            result.append(interval)
    return result


def _joined(current: Interval, following: Interval) -> Interval:
    """From the start of the first to the later of the two ends."""
    later = following if greater(upper(following), upper(current)) else current
    return Interval(current.low, later.high, current.low_closed, later.high_closed, current.point_type or following.point_type)


def _joins(intervals: list[Interval], per: Any) -> Callable[[Interval, Interval], bool]:
    """Whether an interval continues the one before it."""
    sample = next((bound for interval in intervals for bound in (interval.low, interval.high) if bound is not None), None)
    if type(sample) in TEMPORAL:
        quantity = per if isinstance(per, Quantity) else None
        coarsest = _coarsest(intervals)
        if quantity is None:
            name = PRECISION_NAMES[coarsest]
            return lambda left, right: bool(overlaps(left, right, precision=name) or meets(left, right, precision=name))
        name, count = _time_unit(quantity)
        precision = PRECISIONS["Day" if name == "Week" else name]
        return lambda left, right: _near(left, right, precision, Decimal(count), name)
    if per is None:
        return lambda left, right: bool(overlaps(left, right) or meets(left, right))
    return lambda left, right: _close(upper(left), lower(right), as_quantity(per))


def _near(left: Interval, right: Interval, precision: int, count: Decimal, name: str) -> bool:
    end, start = upper(left), lower(right)
    if isinstance(end, Uncertainty) or isinstance(start, Uncertainty) or end is None or start is None:
        return False
    try:
        reach = temporal.moved(temporal.truncated(end, precision), count, name.lower())
    except CqlRuntimeError:
        return True
    return less_or_equal(temporal.truncated(start, precision), reach) is True


def _close(end: Any, start: Any, per: Quantity) -> bool:
    if end is None or start is None or isinstance(end, Uncertainty) or isinstance(start, Uncertainty):
        return False
    last, first = as_quantity(end), as_quantity(start)
    unit = last.unit if quantities.plain_unit(per.unit) == "1" else per.unit
    one, other = quantities.converted(last, unit), quantities.converted(first, unit)
    if one is None or other is None:
        raise CqlRuntimeError(f"intervals in {last.unit!r} cannot be joined per {per.unit!r}")
    return CONTEXT.subtract(other.value, one.value) <= per.value


def _coarsest(intervals: list[Interval]) -> int:
    precisions: list[int] = [
        bound.precision
        for interval in intervals
        for bound in (interval.low, interval.high)
        if bound is not None and not isinstance(bound, Uncertainty)
    ]
    return min(precisions)


def _time_unit(per: Quantity) -> tuple[str, int]:
    name = temporal.unit_precision(per.unit)
    if name is None:
        raise CqlRuntimeError(
            f"{per.unit!r} is not a unit of time: an interval of dates or times is divided by years ... milliseconds"
        )
    count = int(per.value)
    if count <= 0:
        raise CqlRuntimeError(f"intervals cannot be divided by {per.value} {per.unit}")
    return name, count


def expand(source: Any, per: Any = None) -> list[Any] | None:
    """The units of size ``per`` that lie within the intervals, as intervals; of a single interval, the points they start at.

    An interval without an end gives none (the reference leaves that of a closed null end to us).
    """
    if source is None:
        return None
    single = type(source) is Interval
    intervals = [
        interval
        for interval in ([source] if single else source)
        if interval is not None and interval.low is not None and interval.high is not None
    ]
    if not intervals:
        return []
    result: list[Any] = []
    for interval in intervals if single else collapse(intervals) or []:
        result.extend(_pieces(interval, per, _coarsest_step(intervals) if per is None else None))
    return [piece.low for piece in result] if single else result


def _coarsest_step(intervals: list[Interval]) -> Quantity | None:
    """The unit of the least precise bound."""
    bounds = [bound for interval in intervals for bound in (interval.low, interval.high) if bound is not None]
    known = [bound for bound in bounds if not isinstance(bound, Uncertainty)]
    if not known:
        return None
    if type(known[0]) in TEMPORAL:
        return Quantity(Decimal(1), PRECISION_NAMES[_coarsest(intervals)].lower())
    unit = known[0].unit if isinstance(known[0], Quantity) else "1"
    return Quantity(Decimal((0, (1,), -min(scale_of(as_quantity(bound).value) for bound in known))), unit)


def _pieces(interval: Interval, per: Any, default: Quantity | None) -> list[Interval]:
    low, high = lower(interval), upper(interval)
    if low is None or high is None or isinstance(low, Uncertainty) or isinstance(high, Uncertainty):
        return []
    step = as_quantity(per) if per is not None else default
    if step is None:
        return []
    kind = point_type(interval)
    if type(low) in TEMPORAL:
        return _time_pieces(low, high, step, kind)
    if step.value <= 0:
        raise CqlRuntimeError(f"intervals cannot be divided by {step.value}")
    return _number_pieces(low, high, step, kind)


def _time_pieces(low: Any, high: Any, per: Quantity, kind: str | None) -> list[Interval]:
    name, count = _time_unit(per)
    precision = PRECISIONS["Day" if name == "Week" else name]
    if low.precision < precision or high.precision < precision or precision > low.finest:
        return []
    current, last = temporal.truncated(low, precision), temporal.truncated(high, precision)
    result: list[Interval] = []
    while True:
        try:
            following = temporal.moved(current, count, name.lower())
            end = temporal.step(following, -1)
        except CqlRuntimeError:
            # The unit runs past the end of time: it is whole only where it is a single step.
            if count == 1 and name != "Week" and less_or_equal(current, last):
                result.append(Interval(current, current, True, True, kind))
            return result
        if less_or_equal(end, last) is not True:
            return result
        result.append(Interval(current, end, True, True, kind))
        _limit(result)
        current = following


def _limit(result: list[Interval]) -> None:
    if len(result) > MOST:
        raise CqlRuntimeError(f"the expansion has more than {MOST} elements: give the interval an end or a larger 'per'")


def _number_pieces(low: Any, high: Any, per: Quantity, kind: str | None) -> list[Interval]:
    """Units of a numeric interval, on the grid of the digits of ``per``; an Integer stands for all decimals to the next."""
    whole = type(low) in (int, Long)
    unit = low.unit if isinstance(low, Quantity) else "1"
    first, last = as_quantity(low), as_quantity(high)
    if isinstance(low, Quantity) and quantities.plain_unit(per.unit) not in ("1", unit):
        converted, converted_last = quantities.converted(first, per.unit), quantities.converted(last, per.unit)
        if converted is None or converted_last is None:
            raise CqlRuntimeError(f"an interval in {unit!r} cannot be divided by {per.unit!r}")
        first, last, unit = converted, converted_last, per.unit
    scale = scale_of(per.value)
    grid = Decimal((0, (1,), -scale))
    current = first.value.quantize(grid, ROUND_FLOOR, CONTEXT)
    limit = last.value.quantize(grid, ROUND_FLOOR, CONTEXT)
    if whole and scale:
        limit = CONTEXT.subtract(CONTEXT.add(limit, Decimal(1)), grid)
    to_point = _point_maker(low, unit, scale)
    if CONTEXT.divide(CONTEXT.subtract(limit, current), per.value) > MOST:
        raise CqlRuntimeError(f"the expansion has more than {MOST} elements: give the interval an end or a larger 'per'")
    result: list[Interval] = []
    name = "Decimal" if whole and scale else kind
    while True:
        following = CONTEXT.add(current, per.value)
        end = CONTEXT.subtract(following, grid)
        if end > limit:
            return result
        result.append(Interval(to_point(current), to_point(end), True, True, name))
        current = following


def _point_maker(sample: Any, unit: str, scale: int) -> Callable[[Decimal], Any]:
    if isinstance(sample, Quantity):
        return lambda value: Quantity(value, unit)
    if type(sample) is Decimal or scale:
        return lambda value: value
    return lambda value: type(sample)(int(value))


TABLE = {
    "Collapse": Operator(collapse, null_in_null_out=False),
    "Expand": Operator(expand, null_in_null_out=False),
}

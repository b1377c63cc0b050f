"""Distances in timing phrases: ``X 3 days or less after Y`` is ``X in Interval[Y, Y + 3 days]`` (CQL 1.5 Author's Guide,
"Timing and Interval Operators").

Nobody wrote that interval, so it is no error where it is empty (a distance shorter than the values are specified), where it
passes midnight (a day long, it takes in every time of day), or where it reaches beyond the first or last year (the end of a
period that goes on is the greatest DateTime): an empty interval has no points, and there is nothing beyond the end of time. The
generator uses these rows for arithmetic that is the right side of a timing relation, or a bound of an interval selector there.
"""

from __future__ import annotations

from typing import Any

from guideway.engine.errors import OutOfTimeError
from guideway.engine.operators import temporal
from guideway.engine.operators.arithmetic import add, subtract
from guideway.engine.operators.interval import make_interval
from guideway.engine.operators.operator import Operator
from guideway.engine.values.collections import Interval
from guideway.engine.values.temporal import DAY_TICKS, MAX_TICK, MIN_TICK, PRECISION_NAMES, Date, DateTime, Time, truncate_tick
from guideway.engine.values.uncertainty import Beyond, Uncertainty

SOME_DAY = 700_000 * DAY_TICKS


class Turned(Time, frozen=True):
    """A time of day ``days`` after (before, where negative) the one that it was counted from."""

    days: int = 0


def reach(
    low: Any, high: Any, low_closed: bool | None = True, high_closed: bool | None = True, point_type: str | None = None
) -> Interval | None:
    """The interval of a distance: of dates and times it may be empty, or pass midnight; else as any other interval."""
    if isinstance(low, Time) and isinstance(high, Time):
        return _around_the_clock(low, high, low_closed is not False, high_closed is not False)
    if type(low) in temporal.TEMPORAL and type(high) in temporal.TEMPORAL:
        return Interval(low, high, low_closed is not False, high_closed is not False, point_type or type(low).__name__)
    return make_interval(low, high, low_closed, high_closed, point_type)


def _around_the_clock(low: Time, high: Time, low_closed: bool, high_closed: bool) -> Interval:
    """The times of day between two bounds: all of them where a day lies between, but for the bounds where both are left out."""
    first, last = (bound.ticks + (bound.days * DAY_TICKS if type(bound) is Turned else 0) for bound in (low, high))
    low, high = Time(low.ticks, low.precision), Time(high.ticks, high.precision)
    if last - first > DAY_TICKS or (last - first == DAY_TICKS and (low_closed or high_closed)):
        return Interval(None, None, True, True, "Time")
    if last - first == DAY_TICKS:
        return Interval(temporal.moved(low, 1, _unit(low), cyclic=True), temporal.moved(high, -1, _unit(high), cyclic=True))
    return Interval(low, high, low_closed, high_closed, "Time")


def _unit(value: Time) -> str:
    return PRECISION_NAMES[value.precision].lower()


def _turned(value: Time, moved: Any, amount: Any, sign: int) -> Any:
    """``moved``, the time of day to which ``value`` was moved by an amount, with the days that lie between."""
    if type(moved) is not Time:
        return moved
    there = temporal.moved(DateTime(SOME_DAY + value.ticks, value.precision), sign * amount.value, amount.unit)
    days = (there.ticks - SOME_DAY) // DAY_TICKS
    return Turned(moved.ticks, moved.precision, days) if days else moved


def reach_add(left: Any, right: Any) -> Any:
    """``+`` in a bound of that interval: the first or last moment where the result is beyond it."""
    try:
        return _turned(left, add(left, right), right, 1) if type(left) is Time else add(left, right)
    except OutOfTimeError:
        return _limit(left, right.value > 0)


def reach_subtract(left: Any, right: Any) -> Any:
    """``-`` in a bound of that interval."""
    try:
        return _turned(left, subtract(left, right), right, -1) if type(left) is Time else subtract(left, right)
    except OutOfTimeError:
        return _limit(left, right.value < 0)


def _limit(value: Any, last: bool) -> Any:
    """The last or first moment of the value's type and precision; null for an uncertain one."""
    if isinstance(value, Time):
        return Turned(value.ticks, value.precision, 2 if last else -2)
    if type(value) is Uncertainty:
        return None
    ticks = truncate_tick(MAX_TICK if last else MIN_TICK, value.precision)
    return DateTime(ticks, value.precision, value.offset) if type(value) is DateTime else Date(ticks, value.precision)


def edge_add(left: Any, right: Any) -> Any:
    """``+`` at the right of a relation: ``Beyond`` where the result is before or after all dates and times."""
    try:
        return add(left, right)
    except OutOfTimeError:
        return Beyond(1 if right.value > 0 else -1)


def edge_subtract(left: Any, right: Any) -> Any:
    """``-`` at the right of a relation."""
    try:
        return subtract(left, right)
    except OutOfTimeError:
        return Beyond(1 if right.value < 0 else -1)


TABLE = {
    "ReachInterval": Operator(reach, ("low", "high", "lowClosedExpression", "highClosedExpression"), null_in_null_out=False),
    "ReachAdd": Operator(reach_add),
    "ReachSubtract": Operator(reach_subtract),
    "EdgeAdd": Operator(edge_add),
    "EdgeSubtract": Operator(edge_subtract),
}
"""Rows that no ELM node is named after: the generator chooses them."""

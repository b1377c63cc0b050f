"""Dates and times (CQL 1.5 Appendix B, "Date and Time Operators"); the algebra is in ``temporal``."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from guideway.engine.errors import CqlRuntimeError
from guideway.engine.operators import temporal
from guideway.engine.operators.operator import Context, Operator
from guideway.engine.operators.points import type_name
from guideway.engine.values.numbers import CONTEXT, settle
from guideway.engine.values.temporal import (
    DAY,
    DAY_TICKS,
    HOUR,
    MAX_OFFSET,
    PRECISIONS,
    Date,
    DateTime,
    Time,
    evaluation_offset,
)

TEMPORAL = frozenset({Date, DateTime, Time})


def make_datetime(
    year: int | None,
    month: int | None = None,
    day: int | None = None,
    hour: int | None = None,
    minute: int | None = None,
    second: int | None = None,
    millisecond: int | None = None,
    timezone_offset: Decimal | int | None = None,
) -> DateTime | None:
    """A DateTime of its parts, the offset in hours; null where the year is null, a run-time error where there is no such time."""
    parts = (month, day, hour, minute, second, millisecond)
    if year is None and all(part is None for part in parts):
        return None
    offset = None if timezone_offset is None else int((Decimal(timezone_offset) * 60).to_integral_value())
    if offset is not None and abs(offset) > MAX_OFFSET:
        raise CqlRuntimeError(f"{timezone_offset} hours is not an offset from UTC")
    try:
        return DateTime.of(_needed(year), month, day, hour, minute, second, millisecond, offset)
    except ValueError as error:
        raise CqlRuntimeError(f"there is no such date and time: {error}") from None


def make_date(year: int | None, month: int | None = None, day: int | None = None) -> Date | None:
    """A Date of its parts."""
    if year is None and month is None and day is None:
        return None
    try:
        return Date.of(_needed(year), month, day)
    except ValueError as error:
        raise CqlRuntimeError(f"there is no such date: {error}") from None


def make_time(
    hour: int | None, minute: int | None = None, second: int | None = None, millisecond: int | None = None
) -> Time | None:
    """A Time of its parts."""
    if hour is None and minute is None and second is None and millisecond is None:
        return None
    try:
        return Time.of(_needed(hour), minute, second, millisecond)
    except ValueError as error:
        raise CqlRuntimeError(f"there is no such time: {error}") from None


def _needed(value: int | None) -> int:
    if value is None:
        raise ValueError("a component is given while a coarser one is missing")
    return value


def now(context: Context) -> DateTime:
    """When the evaluation takes place."""
    moment: DateTime = context.now
    return moment


def today(context: Context) -> Date:
    """The date of the evaluation."""
    return temporal.date_of(context.now)


def time_of_day(context: Context) -> Time:
    """The time of day of the evaluation."""
    return Time(context.now.ticks % DAY_TICKS, context.now.precision)


def duration_between(left: Any, right: Any, *, precision: str | None = None) -> Any:
    """Whole periods between two dates or times; an ``Uncertainty`` where they are not specified far enough."""
    if left is None or right is None:
        return None
    return temporal.duration(_temporal(left), _temporal(right), precision or "Day")


def difference_between(left: Any, right: Any, *, precision: str | None = None) -> Any:
    """Boundaries crossed between two dates or times; an ``Uncertainty`` where they are not specified far enough."""
    if left is None or right is None:
        return None
    return temporal.difference(_temporal(left), _temporal(right), precision or "Day")


def _temporal(value: Any) -> temporal.Temporal:
    if type(value) not in TEMPORAL:
        raise CqlRuntimeError(f"{type_name(value)} is not a date or time")
    found: temporal.Temporal = value
    return found


def date_from(operand: Any) -> Date | None:
    """The date of a DateTime."""
    return None if operand is None else temporal.date_of(operand)


def time_from(operand: DateTime | None) -> Time | None:
    """The time of day of a DateTime, as written (like ``hour from`` and ``date from``); null where it has none."""
    if operand is None or operand.precision < HOUR:
        return None
    return Time(operand.ticks % DAY_TICKS, operand.precision)


def timezone_offset_from(operand: DateTime | None) -> Decimal | None:
    """The offset from UTC in hours; the evaluation's own where the value has none."""
    if operand is None:
        return None
    minutes = evaluation_offset() if operand.offset is None else operand.offset
    return settle(CONTEXT.divide(Decimal(minutes), Decimal(60)))


def component_from(operand: Any, *, precision: str | None) -> int | None:
    """One component of a date or time; null where it is not specified."""
    if operand is None:
        return None
    value = _temporal(operand)
    index = PRECISIONS.get(precision or "")
    if index is None:
        raise CqlRuntimeError(f"a date or time has no component {precision!r}")
    if (type(value) is Time and index < HOUR) or (type(value) is Date and index > DAY):
        raise CqlRuntimeError(f"{type_name(value)} has no {(precision or '').lower()}")
    return value.component(index)


DATETIME_PARTS = ("year", "month", "day", "hour", "minute", "second", "millisecond", "timezoneOffset")

TABLE = {
    "DateTime": Operator(make_datetime, DATETIME_PARTS, null_in_null_out=False),
    "Date": Operator(make_date, DATETIME_PARTS[:3], null_in_null_out=False),
    "Time": Operator(make_time, DATETIME_PARTS[3:7], null_in_null_out=False),
    "Now": Operator(now, (), needs_context=True),
    "Today": Operator(today, (), needs_context=True),
    "TimeOfDay": Operator(time_of_day, (), needs_context=True),
    "DurationBetween": Operator(duration_between, keywords=("precision",)),
    "DifferenceBetween": Operator(difference_between, keywords=("precision",)),
    "DateFrom": Operator(date_from),
    "TimeFrom": Operator(time_from),
    "TimezoneFrom": Operator(timezone_offset_from),
    "TimezoneOffsetFrom": Operator(timezone_offset_from),
    "DateTimeComponentFrom": Operator(component_from, keywords=("precision",)),
}

"""The algebra of dates and times behind the operators: comparing, counting and moving (CQL 1.5 §5.6 and Appendix B).

Values are ranges of ticks (``guideway.engine.values.temporal``). Offsets count only from hours down: two DateTimes of different
offsets are brought to the evaluation's time zone when they are compared or counted at hours or finer, and for whole durations.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from guideway.engine.errors import CqlRuntimeError, OutOfTimeError
from guideway.engine.values.temporal import (
    DAY,
    DAY_TICKS,
    HOUR,
    MAX_TICK,
    MILLISECOND,
    MIN_TICK,
    MONTH,
    PRECISION_NAMES,
    PRECISIONS,
    SECOND,
    TICKS,
    YEAR,
    Date,
    DateTime,
    Time,
    evaluation_offset,
    last_tick,
    truncate_tick,
)
from guideway.engine.values.uncertainty import Uncertainty

Temporal = Date | DateTime | Time
TEMPORAL = (Date, DateTime, Time)

WEEK_TICKS = 7 * DAY_TICKS

CALENDAR_UNITS = {
    **{name.lower(): name for name in PRECISIONS},
    **{f"{name.lower()}s": name for name in PRECISIONS},
    "week": "Week",
    "weeks": "Week",
}
DEFINITE_UNITS = {"wk": "Week", "d": "Day", "h": "Hour", "min": "Minute", "s": "Second", "ms": "Millisecond"}


def unit_precision(unit: str) -> str | None:
    """``Year`` ... ``Millisecond`` or ``Week`` for a calendar or UCUM unit that date arithmetic takes; None for others."""
    return CALENDAR_UNITS.get(unit) or DEFINITE_UNITS.get(unit)


def precision_index(name: str, operation: str) -> int:
    """The index of a precision by its ELM name; weeks are refused."""
    try:
        return PRECISIONS[name]
    except KeyError:
        raise CqlRuntimeError(f"{operation} takes no precision {name!r}") from None


def shift_of(value: Temporal) -> int:
    """Ticks to add to a value to bring it into the evaluation's time zone."""
    if type(value) is not DateTime or value.offset is None or value.precision < HOUR:
        return 0
    return (evaluation_offset() - value.offset) * 60_000


INSTANT = "Instant"
"""In place of a precision: seconds and milliseconds are one decimal, so 10:00:00 is the instant 10:00:00.000.

So the comparison operators compare (Appendix B, "Types", "Equal", "Less"); timing phrases, intervals and lists go "to the finest
precision specified in either input" ("Before", "Same As") and are null where a value is not specified that far.
"""


def _range(value: Temporal, shifted: bool, instant: bool = False) -> tuple[int, int]:
    shift = shift_of(value) if shifted else 0
    return value.ticks + shift, (value.ticks if instant and value.precision == SECOND else value.last) + shift


def compare(left: Temporal, right: Temporal, precision: str | None = None) -> int | None:
    """-1, 0 or 1; None where one value is not specified far enough to tell.

    With a precision the values are compared to that precision and no further, and both must be specified that far to be equal.
    """
    if precision is None or precision == INSTANT:
        if left.precision == right.precision and left.offset == right.offset:
            return (left.ticks > right.ticks) - (left.ticks < right.ticks)
        instant = precision == INSTANT
        (low, high), (other_low, other_high) = _range(left, True, instant), _range(right, True, instant)
        if high < other_low:
            return -1
        if low > other_high:
            return 1
        return 0 if (low, high) == (other_low, other_high) else None
    index = precision_index(precision, "a comparison of dates or times")
    if left.finest == DAY and index > DAY and right.finest == DAY:
        raise CqlRuntimeError(f"dates cannot be compared to the {precision.lower()}")
    if type(left) is Time and index < HOUR:
        raise CqlRuntimeError(f"times cannot be compared to the {precision.lower()}")
    shifted = index >= HOUR and left.offset != right.offset
    (low, high), (other_low, other_high) = _range(left, shifted), _range(right, shifted)
    low, high = truncate_tick(low, index), truncate_tick(high, index)
    other_low, other_high = truncate_tick(other_low, index), truncate_tick(other_high, index)
    if high < other_low:
        return -1
    if low > other_high:
        return 1
    return 0 if low == high == other_low == other_high else None


def truncated(value: Temporal, precision: int) -> Temporal:
    """The value cut to ``precision``; one that is coarser already stays."""
    if value.precision <= precision:
        return value
    ticks = truncate_tick(value.ticks, precision)
    if type(value) is DateTime:
        return DateTime(ticks, precision, value.offset)
    return Date(ticks, precision) if type(value) is Date else Time(ticks, precision)


def _replaced(value: Temporal, ticks: int, cyclic: bool = False) -> Temporal:
    if type(value) is Time:
        if not cyclic and not 0 <= ticks < DAY_TICKS:
            raise CqlRuntimeError("the result is not a time of day: it passes midnight")
        return Time(ticks % DAY_TICKS, value.precision)
    if not MIN_TICK <= ticks <= MAX_TICK:
        raise OutOfTimeError("the result is outside the years 0001 to 9999")
    return DateTime(ticks, value.precision, value.offset) if type(value) is DateTime else Date(ticks, value.precision)


def _months_later(tick: int, months: int) -> int:
    day = date.fromordinal(tick // DAY_TICKS)
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise OutOfTimeError("the result is outside the years 0001 to 9999")
    month += 1
    return date(year, month, _day_within(day.day, year, month)).toordinal() * DAY_TICKS + tick % DAY_TICKS


def _day_within(day: int, year: int, month: int) -> int:
    """``day``, or the last day of a month that does not have it."""
    if day <= 28:
        return day
    following = date(year, month + 1, 1).toordinal() if month < 12 else date(year, 12, 31).toordinal() + 1
    return min(day, following - date(year, month, 1).toordinal())


def _whole(value: Decimal | int, divisor: int = 1) -> int:
    """``value / divisor`` without its fraction, toward zero."""
    quotient = abs(int(value)) // divisor
    return -quotient if value < 0 else quotient


def moved(value: Temporal, amount: Decimal | int, unit: str, *, cyclic: bool = False) -> Temporal:
    """``value`` later by ``amount`` units (earlier where negative); a time of day past midnight is an error, or ``cyclic``.

    Years and months keep the day where the month has it; a unit finer than the value is first turned into the value's own
    precision (12 months, 365 or 30 days, 24 hours, ...), dropping the rest. Fractions count only for seconds.
    """
    name = unit_precision(unit)
    if name is None:
        if unit in ("a", "mo", "a_j", "a_g", "a_t", "mo_j", "mo_g", "mo_s"):
            raise CqlRuntimeError(f"{unit!r} is a definite duration: add years or months as calendar durations")
        raise CqlRuntimeError(f"{unit!r} is not a unit of time that can be added to a date or time")
    if type(value) is Time and name in ("Year", "Month", "Week", "Day"):
        raise CqlRuntimeError(f"{name.lower()}s cannot be added to a time of day")
    precision = value.precision
    if name in ("Year", "Month"):
        months = _whole(amount) * (12 if name == "Year" else 1)
        if precision == YEAR:
            months = _whole(months, 12) * 12
        return _replaced(value, _months_later(value.ticks, months))
    if name == "Second":
        ticks = int(amount * 1000)
    elif name == "Week":
        ticks = int(amount) * WEEK_TICKS
    else:
        ticks = int(amount) * TICKS[PRECISIONS[name]]
    if precision >= DAY:
        return _replaced(value, value.ticks + _whole(ticks, TICKS[precision]) * TICKS[precision], cyclic)
    days = _whole(ticks, DAY_TICKS)
    months = _whole(days, 30) if precision == MONTH else _whole(days, 365) * 12
    return _replaced(value, _months_later(value.ticks, months))


def step(value: Temporal, count: int) -> Temporal:
    """``value`` moved by ``count`` units of its own precision."""
    return moved(value, count, PRECISION_NAMES[value.precision].lower())


def _index(tick: int, name: str) -> int:
    """How many boundaries of the unit lie before ``tick``; weeks start on Sunday."""
    if name == "Week":
        return tick // DAY_TICKS // 7
    precision = PRECISIONS[name]
    if precision >= DAY:
        return tick // TICKS[precision]
    day = date.fromordinal(tick // DAY_TICKS)
    return day.year if precision == YEAR else day.year * 12 + day.month


def _whole_periods(first: int, second: int, name: str) -> int:
    """Whole periods from one tick to another, negative where the second comes first.

    A day that the last month does not have is its last day, as in date arithmetic (CQL 1.5 Appendix H, example 4.b of years).
    """
    if name == "Week":
        return _whole(second - first, WEEK_TICKS)
    precision = PRECISIONS[name]
    if precision >= DAY:
        return _whole(second - first, TICKS[precision])
    start, stop = date.fromordinal(first // DAY_TICKS), date.fromordinal(second // DAY_TICKS)
    months = (stop.year - start.year) * 12 + stop.month - start.month
    reached = (stop.day, second % DAY_TICKS)
    due = (_day_within(start.day, stop.year, stop.month), first % DAY_TICKS)
    if months > 0 and reached < due:
        months -= 1
    elif months < 0 and reached > due:
        months += 1
    return months if precision == MONTH else _whole(months, 12)


def _check_unit(left: Temporal, name: str) -> None:
    if name != "Week" and name not in PRECISIONS:
        raise CqlRuntimeError(f"no duration is counted in {name!r}")
    if type(left) is Time and name in ("Year", "Month", "Week", "Day"):
        raise CqlRuntimeError(f"{name.lower()}s cannot be counted between times of day")
    if type(left) is Date and name in ("Hour", "Minute", "Second", "Millisecond"):
        raise CqlRuntimeError(f"{name.lower()}s cannot be counted between dates")


def _bounds(value: Temporal, shifted: bool) -> tuple[int, int]:
    """The first and the last instant a value can stand for, in steps of its type: a Date's instants are days.

    A value specified to the second is an instant: seconds and milliseconds are one decimal precision (CQL 1.5 §2.3.1).
    """
    low, high = _range(value, shifted)
    if value.precision == SECOND:
        return low, low
    return (low, high // DAY_TICKS * DAY_TICKS) if value.finest == DAY else (low, high)


def _uncertain(low: int, high: int) -> int | Uncertainty:
    return low if low == high else Uncertainty(low, high)


def duration(left: Temporal, right: Temporal, name: str) -> int | Uncertainty:
    """Whole periods from ``left`` to ``right``; uncertain where a value is not fully specified."""
    _check_unit(left, name)
    shifted = left.offset != right.offset
    if left.finest != right.finest:
        left, right = as_datetime(left), as_datetime(right)
    (low, high), (other_low, other_high) = _bounds(left, shifted), _bounds(right, shifted)
    least = _whole_periods(high, other_low, name)
    return _uncertain(least, _whole_periods(low, other_high, name))


def difference(left: Temporal, right: Temporal, name: str) -> int | Uncertainty:
    """Boundaries crossed from ``left`` to ``right``; uncertain where a value is not specified that far."""
    _check_unit(left, name)
    shifted = left.offset != right.offset and name in ("Hour", "Minute", "Second", "Millisecond")
    (low, high), (other_low, other_high) = _range(left, shifted), _range(right, shifted)
    least = _index(other_low, name) - _index(high, name)
    return _uncertain(least, _index(other_high, name) - _index(low, name))


def as_datetime(value: Temporal) -> Temporal:
    """A Date as the DateTime of the same precision; others unchanged."""
    return DateTime(value.ticks, value.precision, None) if type(value) is Date else value


def date_of(value: DateTime | Date) -> Date:
    """The date of a DateTime, as far as specified."""
    if type(value) is Date:
        return value
    precision = min(value.precision, DAY)
    return Date(truncate_tick(value.ticks, precision), precision)


def low_boundary(value: Temporal, precision: int) -> Temporal:
    """The least value of ``precision`` that ``value`` can stand for."""
    if value.precision >= precision:
        return truncated(value, precision)
    return _at(value, value.ticks, precision)


def high_boundary(value: Temporal, precision: int) -> Temporal:
    """The greatest value of ``precision`` that ``value`` can stand for."""
    if value.precision >= precision:
        return truncated(value, precision)
    return _at(value, truncate_tick(last_tick(value.ticks, value.precision), precision), precision)


def _at(value: Temporal, ticks: int, precision: int) -> Temporal:
    if type(value) is DateTime:
        return DateTime(ticks, precision, value.offset)
    return Date(ticks, precision) if type(value) is Date else Time(ticks, precision)


FULL = {Date: DAY, DateTime: MILLISECOND, Time: MILLISECOND}

"""Dates, times and date-times of any precision (CQL 1.5 §2.3.1 "Date, DateTime and Time", §5.6 "Precision-Based Timing").

Every value is the tick (millisecond) at which its period starts, and how far it is specified: ``2014`` is the start of 2014 at
precision YEAR. So a comparison of two values of one precision and offset is a comparison of two integers, and every other
comparison is one of two ranges of ticks: it is null exactly where the ranges overlap without being the same.

A DateTime without an offset counts in the time zone of the evaluation, which :func:`using_offset` sets (UTC where unset).
"""

from __future__ import annotations

import re
from _thread import _local  # that of threading, without importing threading
from datetime import date
from typing import ClassVar

from msgspec import Struct

from guideway.patterns import Later

YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, MILLISECOND = range(7)
PRECISION_NAMES = ("Year", "Month", "Day", "Hour", "Minute", "Second", "Millisecond")
PRECISIONS = {name: index for index, name in enumerate(PRECISION_NAMES)}

DAY_TICKS = 86_400_000
TICKS = (0, 0, DAY_TICKS, 3_600_000, 60_000, 1_000, 1)
"""Ticks in one unit of each precision; years and months have no fixed length."""

MIN_TICK = date.min.toordinal() * DAY_TICKS
MAX_TICK = (date.max.toordinal() + 1) * DAY_TICKS - 1


class _Zone(_local):
    """The time zone that this thread evaluates in."""

    minutes = 0
    """East of UTC."""


zone = _Zone()


def evaluation_offset() -> int:
    """The offset from UTC, in minutes, in which a DateTime without one is taken."""
    return zone.minutes


class using_offset:
    """Evaluate in a time zone ``minutes`` east of UTC."""

    __slots__ = ("before", "minutes")

    def __init__(self, minutes: int) -> None:
        self.minutes = minutes

    def __enter__(self) -> None:
        self.before = zone.minutes
        zone.minutes = self.minutes

    def __exit__(self, *raised: object) -> None:
        zone.minutes = self.before


def truncate_tick(tick: int, precision: int) -> int:
    """The start of the year, month, day, ... that ``tick`` lies in."""
    if precision >= DAY:
        return tick - tick % TICKS[precision]
    day = date.fromordinal(tick // DAY_TICKS)
    return date(day.year, day.month if precision == MONTH else 1, 1).toordinal() * DAY_TICKS


def last_tick(tick: int, precision: int) -> int:
    """The last millisecond of the period of ``precision`` that starts at ``tick``."""
    if precision >= DAY:
        return tick + TICKS[precision] - 1
    day = date.fromordinal(tick // DAY_TICKS)
    if precision == YEAR or day.month == 12:
        last = date(day.year, 12, 31).toordinal()
    else:
        last = date(day.year, day.month + 1, 1).toordinal() - 1
    return (last + 1) * DAY_TICKS - 1


def _specified(parts: tuple[int | None, ...]) -> int:
    """How many leading parts are given; ValueError where one is missing before a given one."""
    count = 0
    for part in parts:
        if part is None:
            break
        count += 1
    if any(part is not None for part in parts[count:]):
        raise ValueError("a component is given while a coarser one is missing")
    return count


def _clock_ticks(hour: int, minute: int, second: int, millisecond: int) -> int:
    if not (0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 59 and 0 <= millisecond <= 999):
        raise ValueError(f"{hour:02}:{minute:02}:{second:02}.{millisecond:03} is not a time of day")
    return hour * 3_600_000 + minute * 60_000 + second * 1_000 + millisecond


def _clock_text(tick: int, precision: int) -> str:
    hour, rest = divmod(tick % DAY_TICKS, 3_600_000)
    minute, rest = divmod(rest, 60_000)
    text = f"{hour:02}"
    if precision >= MINUTE:
        text += f":{minute:02}"
    if precision >= SECOND:
        text += f":{rest // 1000:02}"
    if precision >= MILLISECOND:
        text += f".{rest % 1000:03}"
    return text


def _day_text(tick: int, precision: int) -> str:
    day = date.fromordinal(tick // DAY_TICKS)
    if precision >= DAY:
        return f"{day.year:04}-{day.month:02}-{day.day:02}"
    return f"{day.year:04}-{day.month:02}" if precision == MONTH else f"{day.year:04}"


def offset_text(minutes: int) -> str:
    """``+01:30``; UTC is ``Z``."""
    if minutes == 0:
        return "Z"
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


class _Temporal(Struct, frozen=True):
    ticks: int
    precision: int

    def component(self, precision: int) -> int | None:
        """The value of one component (YEAR ... MILLISECOND), or None where it is not specified."""
        if precision > self.precision:
            return None
        if precision == HOUR:
            return self.ticks % DAY_TICKS // 3_600_000
        if precision == MINUTE:
            return self.ticks % 3_600_000 // 60_000
        if precision == SECOND:
            return self.ticks % 60_000 // 1_000
        if precision == MILLISECOND:
            return self.ticks % 1_000
        day = date.fromordinal(self.ticks // DAY_TICKS)
        return (day.year, day.month, day.day)[precision]

    @property
    def last(self) -> int:
        """The last tick of the period this value stands for."""
        return last_tick(self.ticks, self.precision)


class _Dated(_Temporal, frozen=True):
    @property
    def year(self) -> int:
        return date.fromordinal(self.ticks // DAY_TICKS).year

    @property
    def month(self) -> int | None:
        return self.component(MONTH)

    @property
    def day(self) -> int | None:
        return self.component(DAY)


class Date(_Dated, frozen=True):
    """A calendar date: a year, a month, or a day."""

    finest: ClassVar[int] = DAY
    offset: ClassVar[None] = None

    @classmethod
    def of(cls, year: int, month: int | None = None, day: int | None = None) -> Date:
        """The date of these parts; ValueError where there is none."""
        count = _specified((year, month, day))
        first = date(year, 1 if month is None else month, 1 if day is None else day)
        return cls(first.toordinal() * DAY_TICKS, count - 1)

    @classmethod
    def parse(cls, text: str) -> Date:
        """``2014``, ``2014-05`` or ``2014-05-01``; ValueError for anything else."""
        match = _DATE.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a date")
        year, month, day = match.groups()
        return cls.of(int(year), int(month) if month else None, int(day) if day else None)

    def __str__(self) -> str:
        return _day_text(self.ticks, self.precision)

    def __repr__(self) -> str:
        return f"@{self}"


class DateTime(_Dated, frozen=True):
    """A date and a time of day, as far as specified; ``offset`` is in minutes east of UTC, None for the evaluation's own."""

    offset: int | None = None

    finest: ClassVar[int] = MILLISECOND

    @classmethod
    def of(
        cls,
        year: int,
        month: int | None = None,
        day: int | None = None,
        hour: int | None = None,
        minute: int | None = None,
        second: int | None = None,
        millisecond: int | None = None,
        offset: int | None = None,
    ) -> DateTime:
        """The date-time of these parts; ValueError where there is none."""
        precision = _specified((year, month, day, hour, minute, second, millisecond)) - 1
        ticks = date(year, 1 if month is None else month, 1 if day is None else day).toordinal() * DAY_TICKS
        if precision >= HOUR:
            ticks += _clock_ticks(hour or 0, minute or 0, second or 0, millisecond or 0)
        return cls(ticks, precision, offset)

    @classmethod
    def parse(cls, text: str) -> DateTime:
        """An ISO 8601 date-time of any precision, fraction digits past the third cut off; ValueError for anything else."""
        match = _DATETIME.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a date-time")
        year, month, day, hour, minute, second, fraction, zone = match.groups()
        if hour is None:
            if zone is not None:
                raise ValueError(f"{text!r} has an offset but no time")
            return cls.of(int(year), int(month) if month else None, int(day) if day else None)
        ticks = date(int(year), int(month), int(day)).toordinal() * DAY_TICKS
        precision = HOUR if minute is None else MINUTE if second is None else SECOND if fraction is None else MILLISECOND
        ticks += _clock_ticks(int(hour), int(minute or 0), int(second or 0), int((fraction or "0").ljust(3, "0")[:3]))
        return cls(ticks, precision, None if zone is None else parse_offset(zone))

    @property
    def hour(self) -> int | None:
        return self.component(HOUR)

    @property
    def minute(self) -> int | None:
        return self.component(MINUTE)

    @property
    def second(self) -> int | None:
        return self.component(SECOND)

    @property
    def millisecond(self) -> int | None:
        return self.component(MILLISECOND)

    def __str__(self) -> str:
        if self.precision < HOUR:
            return _day_text(self.ticks, self.precision)
        zone = "" if self.offset is None else offset_text(self.offset)
        return f"{_day_text(self.ticks, DAY)}T{_clock_text(self.ticks, self.precision)}{zone}"

    def __repr__(self) -> str:
        return f"@{self}{'T' if self.precision < HOUR else ''}"


class Time(_Temporal, frozen=True):
    """A time of day; ticks count from midnight."""

    finest: ClassVar[int] = MILLISECOND
    offset: ClassVar[None] = None

    @classmethod
    def of(cls, hour: int, minute: int | None = None, second: int | None = None, millisecond: int | None = None) -> Time:
        """The time of these parts; ValueError where there is none."""
        count = _specified((hour, minute, second, millisecond))
        return cls(_clock_ticks(hour, minute or 0, second or 0, millisecond or 0), HOUR + count - 1)

    @classmethod
    def parse(cls, text: str) -> Time:
        """``14``, ``14:30``, ``14:30:00.0``; ValueError for anything else."""
        match = _TIME.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a time")
        hour, minute, second, fraction = match.groups()
        milliseconds = None if fraction is None else int(fraction.ljust(3, "0")[:3])
        return cls.of(int(hour), None if minute is None else int(minute), None if second is None else int(second), milliseconds)

    @property
    def hour(self) -> int | None:
        return self.component(HOUR)

    @property
    def minute(self) -> int | None:
        return self.component(MINUTE)

    @property
    def second(self) -> int | None:
        return self.component(SECOND)

    @property
    def millisecond(self) -> int | None:
        return self.component(MILLISECOND)

    def __str__(self) -> str:
        return _clock_text(self.ticks, self.precision)

    def __repr__(self) -> str:
        return f"@T{self}"


_DATE = Later(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_DATETIME = Later(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(?:(\d{2})(?::(\d{2})(?::(\d{2})(?:\.(\d+))?)?)?(Z|[+-]\d{2}:\d{2})?)?)?)?)?T?", re.ASCII
)
_TIME = Later(r"(\d{2})(?::(\d{2})(?::(\d{2})(?:\.(\d+))?)?)?", re.ASCII)

MAX_OFFSET = 14 * 60


def parse_offset(text: str) -> int:
    """Minutes of ``Z`` or ``+01:30``; ValueError beyond fourteen hours."""
    if text == "Z":
        return 0
    hours, minutes = int(text[1:3]), int(text[4:6])
    total = hours * 60 + minutes
    if minutes > 59 or total > MAX_OFFSET:
        raise ValueError(f"{text!r} is not an offset from UTC")
    return -total if text[0] == "-" else total


MIN_DATE = Date(MIN_TICK, DAY)
MAX_DATE = Date(date.max.toordinal() * DAY_TICKS, DAY)
MIN_DATETIME = DateTime(MIN_TICK, MILLISECOND, 0)
MAX_DATETIME = DateTime(MAX_TICK, MILLISECOND, 0)
MIN_TIME = Time(0, MILLISECOND)
MAX_TIME = Time(DAY_TICKS - 1, MILLISECOND)

"""FHIR dates as far as the records need them: is the text a date, when did it begin, is it after the evaluation time.

Takes FHIR ``date``, ``dateTime`` and ``instant`` strings of any precision (FHIR R4 §2.24.0.1); gives moments in UTC. A date
without an offset is taken in the evaluation's time zone, and begins with its first instant: ``2026-05`` begins on the first of
May. Date arithmetic with precision belongs to the engine.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

DATE_TIME = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?:T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]+))?)?(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?)?"
    r")?)?"
)
_DAYS = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Parsed(NamedTuple):
    """A date's parts as far as they are given, and its offset in minutes."""

    year: int
    month: int | None
    day: int | None
    hour: int | None
    minute: int | None
    second: int | None
    micro: int
    offset: int | None


def parse(text: str) -> Parsed | None:
    """The parts of a FHIR date or date-time; None where the text is none (13th month, 30 February, 25:00)."""
    found = DATE_TIME.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    m, d, h, i, s = (int(p) if p is not None else None for p in (month, day, hour, minute, second))
    if int(year) == 0 or not _possible(int(year), m, d, h, i, s):
        return None
    offset: int | None = None
    if zone == "Z":
        offset = 0
    elif zone is not None:
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        if hours > 14 or minutes > 59 or (hours == 14 and minutes):
            return None
        offset = (hours * 60 + minutes) * (-1 if zone[0] == "-" else 1)
    return Parsed(int(year), m, d, h, i, s, int((fraction or "0")[:6].ljust(6, "0")), offset)


def _possible(year: int, month: int | None, day: int | None, hour: int | None, minute: int | None, second: int | None) -> bool:
    if month is not None and not 1 <= month <= 12:
        return False
    if day is not None and month is not None:
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        if not 1 <= day <= (28 if month == 2 and not leap else _DAYS[month]):
            return False
    return (hour or 0) <= 23 and (minute or 0) <= 59 and (second or 0) <= 59


def begin(text: str, offset: int = 0) -> datetime | None:
    """The first instant of a date in UTC; ``offset`` (minutes) stands in for one that is not given. None for no date."""
    found = parse(text)
    if found is None:
        return None
    zone = timezone(timedelta(minutes=offset if found.offset is None else found.offset))
    try:
        local = datetime(
            found.year, found.month or 1, found.day or 1, found.hour or 0, found.minute or 0, found.second or 0, found.micro, zone
        )
        return local.astimezone(UTC)
    except OverflowError:  # the first or last day of the calendar, moved out of it by its offset
        return local.replace(tzinfo=UTC)


class Evaluation(NamedTuple):
    """The evaluation time: an instant, and the offset (minutes) in which dates without one are taken."""

    instant: datetime
    offset: int = 0

    @classmethod
    def of(cls, now: object, offset: int = 0) -> Evaluation:
        """From a FHIR date-time string, a ``datetime`` (naive: in ``offset``), or any value whose text is a date-time."""
        if isinstance(now, datetime):
            aware = now if now.tzinfo is not None else now.replace(tzinfo=timezone(timedelta(minutes=offset)))
            return cls(aware.astimezone(UTC), offset)
        text = str(now).lstrip("@")
        found = begin(text, offset)
        if found is None:
            raise ValueError(f"{text!r} is no date-time")
        return cls(found, offset)

    def is_future(self, text: str) -> bool:
        """Whether a date begins after the evaluation time; a date-only value of the same day does not."""
        found = begin(text, self.offset)
        return found is not None and found > self.instant

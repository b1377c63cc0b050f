"""FHIR dates as far as the records need them: is the text a date, when did it begin, is it after the evaluation time.

Takes FHIR ``date``, ``dateTime`` and ``instant`` strings of any precision (FHIR R4 §2.24.0.1); gives moments in UTC. A date
without an offset is taken in the evaluation's time zone, and begins with its first instant: ``2026-05`` begins on the first of
May. Date arithmetic with precision belongs to the engine.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import msgspec

_DAYS = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Parsed(msgspec.Struct, frozen=True):
    """A date's parts as far as they are given, and its offset in minutes."""

    year: int
    month: int | None = None
    day: int | None = None
    hour: int | None = None
    minute: int | None = None
    second: int | None = None
    micro: int = 0
    offset: int | None = None


def parse(text: str) -> Parsed | None:
    """The parts of a FHIR date or date-time; None where the text is none (13th month, 30 February, 25:00)."""
    date, has_time, time = text.partition("T")
    year, month, day = (_digits(part, size) for part, size in ((date[:4], 4), (date[5:7], 2), (date[8:10], 2)))
    if not year or len(date) not in (4, 7, 10) or date[4:5] not in ("", "-") or date[7:8] not in ("", "-"):
        return None
    if (month is None and len(date) > 4) or (day is None and len(date) > 7) or not _possible_day(year, month, day):
        return None
    if not has_time:
        return Parsed(year, month, day)
    return _with_time(year, month, day, time) if day is not None else None


def is_usual(text: str) -> bool:
    """Whether the text is surely a date, or a date-time with seconds and zone, in one of the usual forms; quick, and False for
    rarer forms that ``parse`` takes too."""
    size = len(text)
    if size == 10:
        shaped = True
    elif size == 20:
        shaped = text[19] == "Z" and text[13] == ":" and text[16] == ":"
    elif size in (25, 29):
        shaped = text[13] == ":" and text[16] == ":" and text[-6] in "+-" and text[-3] == ":" and text[-5:] <= "14:00"
        shaped = shaped and (size == 25 or text[19] == ".")
    else:
        return False
    if not shaped or text[4] != "-" or text[7] != "-" or (size > 10 and text[10] != "T"):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _digits(text: str, size: int) -> int | None:
    return int(text) if len(text) == size and text.isascii() and text.isdigit() else None


def _with_time(year: int, month: int | None, day: int | None, text: str) -> Parsed | None:
    """Adds ``hh:mm[:ss[.f]][zone]``."""
    offset: int | None = None
    if text.endswith("Z"):
        offset, text = 0, text[:-1]
    elif text[-6:-5] in ("+", "-"):
        hours, minutes = _digits(text[-5:-3], 2), _digits(text[-2:], 2)
        if hours is None or minutes is None or text[-3] != ":" or minutes > 59 or hours * 60 + minutes > 14 * 60:
            return None
        offset = (hours * 60 + minutes) * (-1 if text[-6] == "-" else 1)
        text = text[:-6]
    clock, point, fraction = text.partition(".")
    hour, minute, second = (_digits(clock[at : at + 2], 2) for at in (0, 3, 6))
    if hour is None or minute is None or len(clock) not in (5, 8) or clock[2] != ":" or clock[5:6] not in ("", ":"):
        return None
    if (second is None and (len(clock) == 8 or point)) or (point and not (fraction.isascii() and fraction.isdigit())):
        return None
    if hour > 23 or minute > 59 or (second or 0) > 59:
        return None
    return Parsed(year, month, day, hour, minute, second, int((fraction or "0")[:6].ljust(6, "0")), offset)


def _possible_day(year: int, month: int | None, day: int | None) -> bool:
    if month is not None and not 1 <= month <= 12:
        return False
    if day is not None and month is not None:
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        return 1 <= day <= (28 if month == 2 and not leap else _DAYS[month])
    return True


def begin(text: str, offset: int = 0) -> datetime | None:
    """The first instant of a date in UTC; ``offset`` (minutes) stands in for one that is not given. None for no date."""
    if len(text) > 10 and is_usual(text):
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except OverflowError:
            pass
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


class Evaluation(msgspec.Struct, frozen=True):
    """The evaluation time: an instant, and the offset (minutes) in which dates without one are taken."""

    instant: datetime
    offset: int = 0
    before: str = ""
    """A day on which the evaluation time has certainly not come yet, wherever on earth."""

    @classmethod
    def of(cls, now: object, offset: int = 0) -> Evaluation:
        """From a FHIR date-time string, a ``datetime`` (naive: in ``offset``), or any value whose text is a date-time."""
        if isinstance(now, datetime):
            aware = now if now.tzinfo is not None else now.replace(tzinfo=timezone(timedelta(minutes=offset)))
            return cls._at(aware.astimezone(UTC), offset)
        text = str(now).lstrip("@")
        found = begin(text, offset)
        if found is None:
            raise ValueError(f"{text!r} is no date-time")
        return cls._at(found, offset)

    @classmethod
    def _at(cls, instant: datetime, offset: int) -> Evaluation:
        return cls(instant, offset, (instant - timedelta(days=3)).isoformat()[:10] if instant.year > 1 else "")

    def is_future(self, text: str) -> bool:
        """Whether a date begins after the evaluation time; a date-only value of the same day does not."""
        if text < self.before:
            return False
        found = begin(text, self.offset)
        return found is not None and found > self.instant

"""When an evaluation takes place: the evaluation time and its time zone, as the engine, the records and FHIR each write them.

``moment(as_of, timezone)`` takes a date-time with or without offset (without: in ``timezone``), or a date (its last second:
what happened on that day has happened), and a time zone by IANA name (``Europe/Vienna``), offset (``+02:00``) or ``UTC``. The
moment is always in that time zone, whatever the offset of ``as_of``: that is where data without an offset is taken to be. The
clock is never read here.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from guideway.diagnostics import GuidewayError
from guideway.engine.values import DateTime
from guideway.patterns import Later

_FORM = Later(r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?\s*(Z|[+-]\d{2}:?\d{2})?)?$", re.ASCII)
_OFFSET = Later(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?$", re.ASCII)


class Moment(msgspec.Struct, frozen=True):
    """An instant: ``now`` for the engine, ``text`` as a FHIR dateTime, ``offset`` in minutes east of UTC."""

    now: DateTime
    text: str
    offset: int
    timezone: str


def moment(as_of: Any, timezone: str = "UTC") -> Moment:
    """The moment of an evaluation; ``as_of`` is text, a ``datetime``, or an engine ``DateTime``."""
    if isinstance(as_of, Moment):
        return as_of
    text = as_of.isoformat() if hasattr(as_of, "isoformat") else str(as_of).strip().removeprefix("@")
    match = _FORM.match(text)
    if match is None:
        raise GuidewayError(
            f"{text!r} is not an evaluation time; write 2026-06-01, 2026-06-01T12:00 or 2026-06-01T12:00:00+02:00"
        )
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    clock = (int(hour), int(minute), int(second or 0)) if hour is not None else (23, 59, 59)
    millisecond = int((fraction or "0").ljust(3, "0")[:3])
    from datetime import datetime, timedelta

    try:
        local = datetime(int(year), int(month), int(day), *clock)
        if zone is None:
            offset = offset_of(timezone, local)
        else:
            if zone != "Z" and abs(_minutes(zone[0], zone[1:3], zone[-2:])) > 14 * 60:
                raise GuidewayError(f"{text!r} is not an evaluation time: no place on earth is {zone} from UTC")
            instant = local - timedelta(minutes=0 if zone == "Z" else _minutes(zone[0], zone[1:3], zone[-2:]))
            offset = offset_of(timezone, instant, utc=True)
            local = instant + timedelta(minutes=offset)
    except (ValueError, OverflowError) as error:
        raise GuidewayError(f"{text!r} is not an evaluation time: {error}") from None
    now = DateTime.of(
        local.year, local.month, local.day, local.hour, local.minute, local.second, millisecond, offset
    )  # fmt: skip
    fine = f".{millisecond:03}" if millisecond else ""
    ending = "Z" if offset == 0 else f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    return Moment(now, f"{local:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + fine + ending, offset, timezone)


def offset_of(timezone: str, when: Any, *, utc: bool = False) -> int:
    """Minutes east of UTC of a time zone at a local time (or at a time in UTC); ``GuidewayError`` for one that does not exist."""
    if timezone in ("UTC", "Z", "GMT", "Etc/UTC"):
        return 0
    match = _OFFSET.match(timezone)
    if match is not None:
        found = _minutes(*match.groups(default="00"))
        if abs(found) <= 14 * 60:
            return found
    else:
        from datetime import UTC
        from zoneinfo import ZoneInfo

        try:
            zone = ZoneInfo(timezone)
            shift = (when.replace(tzinfo=UTC).astimezone(zone) if utc else when.replace(tzinfo=zone)).utcoffset()
        except (KeyError, ValueError, OSError):
            shift = None
        if shift is not None:
            return int(shift.total_seconds() // 60)
    raise GuidewayError(f"no time zone {timezone!r}; write an IANA name (Europe/Vienna), an offset (+02:00) or UTC")


def _minutes(sign: str, hours: str, minutes: str) -> int:
    total = int(hours) * 60 + int(minutes or 0)
    return -total if sign == "-" else total

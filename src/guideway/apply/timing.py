"""``timing[x]`` of an action or activity as what a request keeps: an occurrence, or a period.

The six types that a definition may use (Timing, dateTime, Age, Period, Range, Duration) become the ones a request has: a Duration
is the period from the evaluation time on, a Range of durations the period between both ends, an Age the date at which the patient
reaches it. What cannot be said is None. Calendar arithmetic: a month later is the same day, or the month's last.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from guideway.guideline.names import copied

Json = dict[str, Any]
Timing = tuple[str, Any]

_TYPES = ("Timing", "DateTime", "Age", "Period", "Range", "Duration")
_MONTHS = {"a": 12, "mo": 1, "year": 12, "years": 12, "month": 1, "months": 1}
_DAYS = {"wk": 7, "d": 1, "week": 7, "weeks": 7, "day": 1, "days": 1}
_SECONDS = {"h": 3600, "min": 60, "s": 1, "hour": 3600, "hours": 3600, "minute": 60, "minutes": 60}


def timing_of(definition: Json) -> Timing | None:
    """The ``timing[x]`` of an action or activity as (type, value); the type as JSON names it, dateTime with a small d."""
    for name in _TYPES:
        value = definition.get(f"timing{name}")
        if value is not None:
            return ("dateTime" if name == "DateTime" else name), copied(value)
    return None


def as_occurrence(timing: Timing, types: tuple[str, ...], as_of: str, birth_date: str | None) -> Timing | None:
    """The timing as one of ``types`` (``dateTime``, ``Period``, ``Timing``), named as the JSON suffix; None: it cannot be."""
    name, value = timing
    if name in types:
        return name[0].upper() + name[1:], value
    if name == "Age" and "dateTime" in types:
        reached = shift(birth_date, value) if birth_date else None
        return ("DateTime", reached) if reached else None
    if name in ("Duration", "Range") and "Period" in types:
        period = as_period(timing, as_of, birth_date)
        return ("Period", period) if period else None
    if name == "Period" and "dateTime" in types and isinstance(value, dict) and value.get("start"):
        return "DateTime", value["start"]
    return None


def as_period(timing: Timing, as_of: str, birth_date: str | None) -> Json | None:
    """The timing as a Period; None: it cannot be."""
    name, value = timing
    if name == "Period" and isinstance(value, dict):
        return dict(value)
    if name == "dateTime":
        return {"start": value}
    if not isinstance(value, dict):
        return None
    if name == "Duration":
        end = shift(as_of, value)
        return {"start": as_of, "end": end} if end else None
    if name == "Range":
        low, high = value.get("low"), value.get("high")
        period = {"start": shift(as_of, low) if isinstance(low, dict) else as_of}
        if isinstance(high, dict):
            period["end"] = shift(as_of, high)
        return {k: v for k, v in period.items() if v} if all(period.values()) else None
    if name == "Age":
        reached = shift(birth_date, value) if birth_date else None
        return {"start": reached} if reached else None
    bounds = value.get("repeat", {}).get("boundsPeriod") if isinstance(value.get("repeat"), dict) else None
    return dict(bounds) if isinstance(bounds, dict) else None


def shift(moment: str, amount: Any) -> str | None:
    """A FHIR date or dateTime moved by a Duration; None where it is none, its unit is not one of time or the moment is not whole.

    >>> shift("2026-01-31", {"value": 1, "code": "mo"})
    '2026-02-28'
    """
    if not isinstance(amount, dict):
        return None
    value, unit = amount.get("value"), amount.get("code") or amount.get("unit")
    if not isinstance(value, int | Decimal) or not isinstance(unit, str) or len(moment) < 10:
        return None
    number = Decimal(value)
    day_text, rest = moment[:10], moment[10:]
    try:
        day = date.fromisoformat(day_text)
        if unit in _MONTHS:
            months = number * _MONTHS[unit]
            if months != int(months):
                return None
            return _add_months(day, int(months)).isoformat() + rest
        if unit in _DAYS:
            days = number * _DAYS[unit]
            return (day + timedelta(days=int(days))).isoformat() + rest if days == int(days) else None
        if unit in _SECONDS and rest:
            return _add_seconds(day, rest, number * _SECONDS[unit])
    except (ValueError, OverflowError):
        return None
    return None


def _add_months(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    from calendar import monthrange

    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _add_seconds(day: date, rest: str, seconds: Decimal) -> str:
    """``rest`` is ``THH:MM:SS`` with fraction and offset, which stay as they are."""
    hour, minute, second = int(rest[1:3]), int(rest[4:6]), int(rest[7:9])
    total = hour * 3600 + minute * 60 + second + int(seconds)
    moved, clock = divmod(total, 86400)
    later = day + timedelta(days=moved)
    return f"{later.isoformat()}T{clock // 3600:02}:{clock // 60 % 60:02}:{clock % 60:02}{rest[9:]}"


def days_between(repeat: Json) -> Decimal | None:
    """The days from one time to the next of a Timing.repeat; None where it does not say.

    >>> days_between({"frequency": 2, "period": 1, "periodUnit": "wk"})
    Decimal('3.5')
    """
    period, unit, frequency = repeat.get("period"), repeat.get("periodUnit"), repeat.get("frequency", 1)
    if not isinstance(period, int | Decimal) or not isinstance(frequency, int | Decimal) or not frequency:
        return None
    days = _PERIOD_DAYS.get(str(unit))
    return days * Decimal(period) / Decimal(frequency) if days is not None else None


_PERIOD_DAYS = {
    "s": Decimal(1) / 86400, "min": Decimal(1) / 1440, "h": Decimal(1) / 24, "d": Decimal(1), "wk": Decimal(7),
    "mo": Decimal(30), "a": Decimal(360),
}  # fmt: skip
"""A month counts as 30 days and a year as twelve months, so that 12 months are a year and no other unit comes near."""


_CODED_DAYS = {
    "BID": Decimal("0.5"), "TID": Decimal(1) / 3, "QID": Decimal("0.25"), "AM": Decimal(1), "PM": Decimal(1), "BED": Decimal(1),
    "QD": Decimal(1), "QOD": Decimal(2), "Q1H": Decimal(1) / 24, "Q2H": Decimal(1) / 12, "Q3H": Decimal("0.125"),
    "Q4H": Decimal(1) / 6, "Q6H": Decimal("0.25"), "Q8H": Decimal(1) / 3, "WK": Decimal(7), "MO": Decimal(30),
}  # fmt: skip
"""Timing.code of http://hl7.org/fhir/R4/valueset-timing-abbreviation.html: the days from one time to the next."""


def coded_interval(coding: Json) -> tuple[Decimal, str] | None:
    """The days from one time to the next that a Timing.code says, and the code in words."""
    code = coding.get("code")
    days = _CODED_DAYS.get(code) if isinstance(code, str) else None
    return (days, str(coding.get("display") or code)) if days is not None else None

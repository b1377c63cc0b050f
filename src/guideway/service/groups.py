"""Whom a Group stands for at a moment: its members that are active then.

A member that is ``inactive``, or whose ``period`` has ended or not begun, is left out. FHIR R4:
http://hl7.org/fhir/R4/group-definitions.html#Group.member
"""

from __future__ import annotations

from calendar import monthrange
from typing import Any

from guideway.apply.moment import moment
from guideway.diagnostics import GuidewayError

Json = dict[str, Any]


def members_at(group: Json, when: str, timezone: str) -> list[str]:
    """The references of the members that are active at ``when``; ``GuidewayError`` for a period that cannot be read."""
    given = group.get("member")
    now = _instant(when, timezone)
    found: list[str] = []
    for member in given if isinstance(given, list) else ():
        entity = member.get("entity") if isinstance(member, dict) else None
        reference = entity.get("reference") if isinstance(entity, dict) else None
        if not isinstance(reference, str) or member.get("inactive") is True:
            continue
        period = member.get("period")
        start, end = (period.get("start"), period.get("end")) if isinstance(period, dict) else (None, None)
        begun = start is None or _instant(_whole(start, last=False), timezone) <= now
        if begun and (end is None or now <= _instant(_whole(end, last=True), timezone)):
            found.append(reference)
    return found


def _instant(text: str, timezone: str) -> str:
    """A date-time in UTC, as text that compares as the instants do."""
    return moment(moment(text, timezone).text, "UTC").text.removesuffix("Z")


def _whole(text: Any, *, last: bool) -> str:
    """A FHIR dateTime, a partial one as its first or last moment."""
    parts = str(text).split("-")
    try:
        if len(parts) == 1:
            parts.append("12" if last else "01")
        if len(parts) == 2:
            parts.append(str(monthrange(int(parts[0]), int(parts[1]))[1]) if last else "01")
    except (ValueError, IndexError):
        raise GuidewayError(f"a Group's member has the period {str(text)[:40]!r}, which is no date") from None
    whole = "-".join(parts)
    return whole if "T" in whole or last else f"{whole}T00:00:00"

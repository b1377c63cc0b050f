"""Feedback on cards (CDS Hooks 2.0, "Feedback"): checked, kept once, answered after it is safe.

Takes the body of a request; gives the rows that the store keeps. Feedback is about a card that this service has shown to this
caller, and accepts suggestions that were on it; anything else would be counted for nothing, and nobody would notice.
"""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import anyio

from guideway.service.problems import Problem
from guideway.service.runtime import Runtime
from guideway.service.services import Service
from guideway.service.store import StoreError

Json = dict[str, Any]

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
COMMENT_LIMIT = 4000
ITEM_LIMIT = 1000
AHEAD = datetime.timedelta(days=1)
"""So far a caller's clock may be ahead."""
PATIENCE = 1.0
"""So many seconds another worker may take to keep the card that it has just shown."""


def rows(body: Json, service: Service, iss: str | None) -> list[tuple[int, Json]]:
    """The rows for ``Store.add_feedback``, one for each card, or for each accepted suggestion, with the number of the item that
    each comes from; raises Problem 400."""
    items = body.get("feedback")
    if not isinstance(items, list) or not items:
        raise Problem(400, "feedback must be an array of at least one item", expression="feedback")
    if len(items) > ITEM_LIMIT:
        raise Problem(413, f"more than {ITEM_LIMIT} items at once; send them in parts", expression="feedback")
    found: list[tuple[int, Json]] = []
    for number, item in enumerate(items):
        where = f"feedback[{number}]"
        if not isinstance(item, dict):
            raise Problem(400, f"{where} is not an object", expression=where)
        found += [(number, row) for row in _rows(item, where, service, iss)]
        if len(found) > ITEM_LIMIT:
            raise Problem(413, f"more than {ITEM_LIMIT} suggestions at once; send them in parts", expression=where)
    return found


async def only_shown(runtime: Runtime, found: Sequence[tuple[int, Json]]) -> None:
    """Raises Problem 400 where a row is about a card that was not shown to the caller by the service, or a suggestion that was
    not on it; StoreError where that cannot be told."""
    cards = {row["card"] for _, row in found}
    known = await anyio.to_thread.run_sync(runtime.store.cards, cards, abandon_on_cancel=True)
    until = time.monotonic() + (PATIENCE if runtime.settings.workers > 1 else 0)
    while not cards <= known.keys():
        await anyio.to_thread.run_sync(runtime.writer.flush, PATIENCE, abandon_on_cancel=True)
        last = time.monotonic() >= until
        known = await anyio.to_thread.run_sync(runtime.store.cards, cards, abandon_on_cancel=True)
        if last:
            break
        await anyio.sleep(0.05)
    if runtime.writer.failing and not cards <= known.keys():
        raise StoreError("cards that were shown are not kept yet")
    for number, row in found:
        card = known.get(row["card"])
        if card is None or card["shadow"] or (card["service"], card["iss"]) != (row["service"], row["iss"]):
            raise Problem(
                400,
                f"feedback[{number}].card is no card that this service has shown; nothing of this request was kept",
                expression=f"feedback[{number}].card",
            )
        if row["suggestion"] and row["suggestion"] not in _offered(card):
            raise Problem(
                400,
                f"feedback[{number}].acceptedSuggestions names one that was not on the card; nothing of this request was kept",
                expression=f"feedback[{number}].acceptedSuggestions",
            )


def _offered(card: Mapping[str, Any]) -> set[str]:
    """The suggestions of a card that was kept."""
    return {suggestion for each in card["recommendations"] or () for suggestion in each["suggestions"]}


def _rows(item: Json, where: str, service: Service, iss: str | None) -> list[Json]:
    card, outcome, timestamp = item.get("card"), item.get("outcome"), item.get("outcomeTimestamp")
    timestamp = timestamp.upper() if isinstance(timestamp, str) else timestamp  # RFC 3339: the letters may be small
    if not isinstance(card, str) or not 0 < len(card) <= 128 or not card.isprintable():
        raise Problem(400, f"{where}.card is missing", expression=f"{where}.card")
    if outcome not in ("accepted", "overridden"):
        raise Problem(400, f"{where}.outcome must be accepted or overridden", expression=f"{where}.outcome")
    if not isinstance(timestamp, str) or not _TIMESTAMP.fullmatch(timestamp) or not _real(timestamp):
        raise Problem(
            400,
            f"{where}.outcomeTimestamp must be a date and time with an offset, and not in the future",
            expression=f"{where}.outcomeTimestamp",
        )
    suggestions = [""]
    if outcome == "accepted":
        accepted = item.get("acceptedSuggestions")
        suggestions = (
            [s["id"] for s in accepted if isinstance(s, dict) and isinstance(s.get("id"), str) and s["id"]]
            if isinstance(accepted, list)
            else []
        )
        if not suggestions or len(suggestions) != len(accepted or ()):
            raise Problem(
                400,
                f"{where}.acceptedSuggestions must name what was accepted, each by its id",
                expression=f"{where}.acceptedSuggestions",
            )
    reason = item.get("overrideReason")
    if reason is not None and not isinstance(reason, dict):
        raise Problem(400, f"{where}.overrideReason is not an object", expression=f"{where}.overrideReason")
    coding = (reason or {}).get("reason") or {}
    comment = (reason or {}).get("userComment") or ""
    if not isinstance(coding, dict) or not isinstance(comment, str):
        raise Problem(
            400, f"{where}.overrideReason must hold a reason (Coding) or a userComment", expression=f"{where}.overrideReason"
        )
    if coding and not all(isinstance(coding.get(name), str) and coding[name] for name in ("system", "code")):
        raise Problem(
            400,
            f"{where}.overrideReason.reason must be a Coding with system and code",
            expression=f"{where}.overrideReason.reason",
        )
    if reason is not None and not coding and not comment:
        raise Problem(
            400, f"{where}.overrideReason holds neither a reason nor a userComment", expression=f"{where}.overrideReason"
        )
    if len(comment) > COMMENT_LIMIT:
        raise Problem(
            400,
            f"{where}.overrideReason.userComment is longer than {COMMENT_LIMIT} characters",
            expression=f"{where}.overrideReason.userComment",
        )
    return [
        {
            "service": service.id, "card": card.lower(), "outcome": outcome, "suggestion": _storable(suggestion, 128).lower(),
            "reason_system": _storable(coding.get("system"), 512), "reason_code": _storable(coding.get("code"), 128),
            "comment": _storable(comment, COMMENT_LIMIT), "timestamp": _utc(timestamp),
            "iss": iss or "", "received": int(time.time()),
        }
        for suggestion in suggestions
    ]  # fmt: skip


def _storable(value: Any, limit: int) -> str:
    """At most so many characters, without the one that databases do not take."""
    return str(value or "").replace("\x00", "")[:limit]


def _utc(timestamp: str) -> str:
    """The same moment written in one way, so that a repeated item is known as such."""
    return _moment(timestamp).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _moment(timestamp: str) -> datetime.datetime:
    """The moment; a leap second (RFC 3339: second 60) is taken as the second before it. Raises ValueError or OverflowError."""
    text = timestamp[:17] + "59" + timestamp[19:] if timestamp[17:19] == "60" else timestamp
    return datetime.datetime.fromisoformat(text).astimezone(datetime.UTC)


def _real(timestamp: str) -> bool:
    try:
        return _moment(timestamp) <= datetime.datetime.now(datetime.UTC) + AHEAD
    except (ValueError, OverflowError):
        return False

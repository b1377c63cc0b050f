"""What two requests say differently: everything in them but a short list that may differ.

``differences(left, right)`` gives the elements, in words and in order, that one of two requests for the same thing does not say
as the other does; an element that only one of them has is such a difference, but for a dose or an amount (``DETAILS``), which the
other can take over without losing anything. Left out is what identifies, dates or explains a
request (``_IGNORED``), and what it is for, which ``same_thing`` compares: by code, and by all the words where there is none. With
``on_record`` the second comes from a record: who asked, and how far it has gone, may differ as well, and a period counts by its
length, since it began when the proposal was made.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any

from guideway.apply.names import ACTIVITY_FACT, INSTANTIATES_CANONICAL, PERTAINS_TO_GOAL
from guideway.apply.things import WHAT, thing
from guideway.guideline.names import DIRECTION, NOTE, QUALITY, RATIONALE, STATEMENT_ID, STRENGTH, objects, url_of
from guideway.patterns import Later

Json = dict[str, Any]

_IGNORED = frozenset(
    {
        "id", "identifier", "groupIdentifier", "meta", "implicitRules", "language", "text", "resourceType",
        "instantiatesCanonical", "instantiatesUri", "authoredOn", "created", "date", "dateTime", "issued",
        "note", "reasonCode", "reasonReference", "priority", *WHAT,
    }
)  # fmt: skip
"""Ids, timestamps, notes, reasons and urgency (a request that is made from two keeps those of both), and what it is for."""

_IGNORED_EXTENSIONS = frozenset(
    {
        INSTANTIATES_CANONICAL, PERTAINS_TO_GOAL, RATIONALE, STRENGTH, QUALITY, DIRECTION, STATEMENT_ID, NOTE,
        ACTIVITY_FACT + "code", ACTIVITY_FACT + "title", ACTIVITY_FACT + "description",
    }
)  # fmt: skip
"""Likewise; the code of an activity stands in an extension where a product says what is asked for, and names the activity, as its
title and description do."""

DETAILS = ("dosageInstruction", "dispenseRequest", "quantity", "quantityQuantity")
"""What one of two requests may leave open and the other say: the one that is made of both says it."""

_RECORDED = frozenset(
    {
        "status", "statusReason", "intent", "subject", "patient", "for", "deliverTo", "candidate", "encounter", "requester",
        "recorder", "performer", "owner", "recipient", "author", "orderer", "supplier", "basedOn", "contained", "lastModified",
        "reportedBoolean", "eventHistory", "relevantHistory",
    }
)  # fmt: skip
"""What may differ between a request and the proposal of it that came back from a record."""

UCUM = "http://unitsofmeasure.org"
_CHOICES = ("occurrence", "medication", "content", "multipleBirth", "value")
_UNITS = {
    "s": ("s", 1),
    "min": ("s", 60),
    "h": ("s", 3600),
    "d": ("s", 86400),
    "wk": ("s", 604800),
    "mo": ("mo", 1),
    "a": ("mo", 12),
}
_WORD = Later(r"\w+(?:\.\d+)?")
_AMOUNT = Later(r"\d+(?:\.\d+)?")


def differences(left: Json, right: Json, *, on_record: bool = False) -> list[str]:
    """The elements that two requests do not say alike, in words."""
    first, second = _said(left, on_record), _said(right, on_record)
    if first != second:
        first, second = _said(left, on_record, units=True), _said(right, on_record, units=True)
    open_ones = () if on_record else [name for name in DETAILS if (name in first) != (name in second)]
    names = (name for name in (*first, *second) if first.get(name) != second.get(name) and name not in open_ones)
    found = {_in_words(name) for name in names}
    return sorted(found if same_thing(left, right) else found | {"name or amount"})


def _said(request: Json, on_record: bool, units: bool = False) -> dict[str, Any]:
    """The elements that count, each as something that compares equal where it says the same; ``units``: also in other units."""
    said: dict[str, Any] = {}
    for name, value in request.items():
        if name == "extension":
            kept = [e for e in objects(value) if url_of(e) not in _IGNORED_EXTENSIONS]
            for extension in kept:
                url = str(extension.get("url"))
                if not on_record or url.startswith(ACTIVITY_FACT):
                    said[url] = (*said.get(url, ()), plain(extension, units=units))
        elif name == "reasonCode" and isinstance(value, dict):
            said[name] = plain(value, units=units)  # one reason only has a place: two cannot be kept
        elif name.removeprefix("_") in _IGNORED or (on_record and name in _RECORDED):
            continue
        elif value not in (None, [], {}) and not (name == "doNotPerform" and value is False):
            said[name] = plain(value, lasting=on_record, units=units)
    return said


def _in_words(name: str) -> str:
    """``dosageInstruction`` as "dosage instruction", an extension by the end of its URL."""
    bare = name.rpartition("/")[2].removeprefix("activity-").removeprefix("_")
    bare = next((choice for choice in _CHOICES if bare.startswith(choice)), bare)
    return re.sub(r"[A-Z]", lambda capital: f" {capital[0].lower()}", bare)


def plain(value: Any, *, lasting: bool = False, units: bool = False) -> Any:
    """A JSON value as something that compares equal where it says the same: 5 and 5.0, a week and 7 days, with and without ids;
    ``units``: 5 mg and 0.005 g too.

    >>> plain({"period": 1, "periodUnit": "wk"}) == plain({"frequency": 1, "period": 7.0, "periodUnit": "d"})
    True
    """
    if isinstance(value, dict):
        if lasting and {"start", "end"} == value.keys() and (days := _length(value)) is not None:
            return ("lasting", days)
        if isinstance(value.get("periodUnit"), str) and value["periodUnit"] in _UNITS and _is_number(value.get("period")):
            unit, factor = _UNITS[value["periodUnit"]]
            period = Decimal(str(value["period"])) * factor
            value = {"frequency": 1, **value, "period": period, "periodUnit": unit}
        if units and value.get("system") == UCUM and _is_number(value.get("value")):
            value = _in_base_units(value)
        return tuple(
            sorted(
                (k, plain(v, lasting=lasting, units=units))
                for k, v in value.items()
                if k not in ("id", "unit") or (k == "unit" and "code" not in value)
            )
        )
    if isinstance(value, list):
        return tuple(plain(v, lasting=lasting, units=units) for v in value)
    return str(Decimal(str(value)).normalize()) if _is_number(value) else str(value)


def _in_base_units(quantity: Json) -> Json:
    """A quantity of UCUM in the units that its own is made of; as it is where that is none, or one of things that are counted, of
    which nothing but the annotation tells what they are."""
    from fractions import Fraction

    from guideway.ucum.grammar import UnitError, parse

    code = quantity.get("code")
    if not isinstance(code, str) or "{" in code:
        return quantity
    try:
        unit = parse(code)
    except UnitError:
        return quantity
    if unit.special is not None or not unit.dimension:
        return quantity
    size = Fraction(Decimal(str(quantity["value"]))) * unit.factor
    return {**quantity, "value": f"{size}", "code": f"{unit.dimension}"}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _length(period: Json) -> int | None:
    """The days of a Period with both ends."""
    try:
        return (date.fromisoformat(str(period["end"])[:10]) - date.fromisoformat(str(period["start"])[:10])).days
    except ValueError:
        return None


def same_thing(left: Json, right: Json) -> bool:
    """Whether two requests name the same thing with no other amount: by a shared code, or word for word where one has none; so
    do two that name nothing."""
    this, other = _concepts(left), _concepts(right)
    if not this and not other:
        return True
    codes, other_codes = thing(this).codes, thing(other).codes
    if codes and other_codes:
        amounts, other_amounts = _amounts(this), _amounts(other)
        return bool(codes & other_codes) and not (amounts and other_amounts and amounts != other_amounts)
    return bool(_names(this) & _names(other))


def _concepts(request: Json) -> list[Json]:
    """What a request is for; a drug by reference goes by its display."""
    found = [request[name] for name in WHAT if isinstance(request.get(name), dict)]
    reference = request.get("medicationReference")
    if isinstance(reference, dict) and isinstance(reference.get("display"), str):
        found.append({"text": reference["display"]})
    return found


def _amounts(concepts: list[Json]) -> frozenset[Decimal]:
    """The numbers in the own words of concepts: a strength, mostly."""
    texts = [c["text"] for c in concepts if isinstance(c.get("text"), str)]
    return frozenset(Decimal(number) for text in texts for number in _AMOUNT.findall(text))


def _names(concepts: list[Json]) -> frozenset[frozenset[str]]:
    """The names of concepts, each as all of its words."""
    texts = [c["text"] for c in concepts if isinstance(c.get("text"), str)]
    texts += [c["display"] for concept in concepts for c in objects(concept.get("coding")) if isinstance(c.get("display"), str)]
    return frozenset(frozenset(_WORD.findall(text.casefold())) for text in texts)

"""Whether two requests for a drug say different doses: amounts, timing, route and method, where both say them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from guideway.apply.differences import plain
from guideway.apply.things import thing
from guideway.guideline.names import concept_text, objects
from guideway.patterns import Later

Json = dict[str, Any]

WORDS = "amounts in its words"
_AMOUNT = Later(r"(\d+(?:\.\d+)?)\s*([^\W\d_]+|%)")


def doses_differ(left: Json, right: Json) -> set[str]:
    """Which parts of the dosage of two MedicationRequests both say, and say differently."""
    if left["resourceType"] != "MedicationRequest" or right["resourceType"] != "MedicationRequest":
        return set()
    return _differing(left, right)


def _differing(left: Json, right: Json) -> set[str]:
    """Which parts of two dosages both say, and say differently; amounts to dispense are no doses."""
    found: set[str] = set()
    first, second = list(objects(left.get("dosageInstruction"))), list(objects(right.get("dosageInstruction")))
    if len(first) != len(second):
        return {"number of dosage instructions"} if first and second else set()
    for a, b in zip(first, second):
        parts, others = _parts(a), _parts(b)
        found |= {name for name in parts.keys() & others.keys() if parts[name] != others[name]}
        if "dose" in found and _amounts(a, units=True) == _amounts(b, units=True):
            found -= {"dose", WORDS}  # the same, in another unit
        if found == {WORDS} and parts.get("dose") and parts.get("dose") == others.get("dose"):
            found.clear()  # the dose itself is the same, in other words
    return found


def _amounts(dosage: Json, units: bool = False) -> list[Any]:
    """The doses and rates of a dosage; ``units``: in those that their units are made of."""
    return [
        tuple(sorted((key, plain(value, units=units)) for key, value in dose.items() if key != "type"))
        for dose in objects(dosage.get("doseAndRate"))
    ]


def _parts(dosage: Json) -> Json:
    """The comparable parts of one dosage."""
    parts: Json = {}
    amounts = _amounts(dosage)
    if any(amounts):
        parts["dose"] = amounts
    if isinstance(dosage.get("timing"), dict):
        parts["timing"] = plain({k: v for k, v in dosage["timing"].items() if k in ("repeat", "event", "code")})
    for name in ("route", "method"):
        if isinstance(dosage.get(name), dict):
            parts[name] = thing([dosage[name]]).codes or concept_text(dosage[name])
    said = _AMOUNT.findall(dosage["text"]) if isinstance(dosage.get("text"), str) else ()
    if said:  # words without an amount (a device to carry) state no dose
        parts[WORDS] = frozenset((str(Decimal(number).normalize()), unit.casefold()) for number, unit in said)
    return parts

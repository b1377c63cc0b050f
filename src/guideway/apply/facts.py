"""What a resource says in one line: its name, value with unit, and date. Generic over FHIR types; for evidence.

The name is its code's text; the value is ``value[x]``, else the status that matters (a condition's clinical status, a request's
status; that a result is final or that a form was filled in is no value); the date is the clinically relevant one (effective,
onset, authored, performed), falling back to when it was recorded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from guideway.apply.code_names import Displays, concept_name
from guideway.diagnostics import Diagnostic, Severity
from guideway.guideline.names import concept_text, objects

Json = dict[str, Any]

_NAMES = ("code", "medicationCodeableConcept", "vaccineCode", "type", "category", "questionnaire", "title")
_DATES = (
    "effectiveDateTime", "effectivePeriod", "effectiveInstant", "onsetDateTime", "onsetPeriod", "performedDateTime",
    "performedPeriod", "occurrenceDateTime", "occurrencePeriod", "authoredOn", "authored", "whenHandedOver", "period", "issued",
    "recordedDate", "dateAsserted", "date", "start", "created",
)  # fmt: skip
_STATUSES = ("clinicalStatus", "status")
_ENDED = frozenset({"stopped", "on-hold", "not-taken", "not-done", "declined", "cancelled", "revoked"})
_LONGEST = 200
"""Of what is said of an end so many characters are shown."""
_ANSWERING = frozenset({"Observation", "QuestionnaireResponse"})
"""What is there to say something: its status says only that it was said."""


class ResourceFacts(msgspec.Struct, frozen=True):
    """Name, value, unit and date; each may be unknown."""

    display: str | None = None
    value: Any = None
    unit: str | None = None
    date: str | None = None
    measured: bool = False
    """Whether the value is a ``value[x]`` (and not a status)."""
    said: str | None = None
    """Of a status that is an end (stopped, on hold, not taken): why, in the resource's own words."""


def facts_of(resource: Json, displays: Displays | None = None, drug: Json | None = None) -> ResourceFacts:
    """The facts of one resource; ``displays`` names codes that the resource gives without words, and ``drug`` is the Medication
    that it refers to, where that is at hand."""
    value, unit = value_of(resource, displays)
    measured = value is not None
    if value is None and resource.get("resourceType") not in _ANSWERING:
        status = next((concept_text(resource[n]) for n in _STATUSES if concept_text(resource.get(n))), None)
        value = status
    said = None if measured else reason_of(resource, displays)
    return ResourceFacts(name_of(resource, displays, drug), value, unit, date_of(resource), measured, said)


def reason_of(resource: Json, displays: Displays | None = None) -> str | None:
    """Why something was ended, held or not done: its status reason, and what its notes say; None for any other status.

    >>> reason_of({"status": "stopped", "statusReason": {"text": "Hives"}, "note": [{"text": "after the second dose"}]})
    'Hives; after the second dose'
    """
    if resource.get("status") not in _ENDED:
        return None
    given = resource.get("statusReason")
    reasons = [each for each in (given if isinstance(given, list) else [given]) if isinstance(each, dict)]
    notes = [each.get("text") for each in resource.get("note") or () if isinstance(each, dict)]
    named = [concept_name(each, displays) for each in reasons]
    texts = [" ".join(text.split()) for text in [*named, *notes] if isinstance(text, str)]
    said = "; ".join(dict.fromkeys(filter(None, texts)))
    return (said if len(said) <= _LONGEST else said[: _LONGEST - 1].rstrip() + "…") or None


def name_of(resource: Json, displays: Displays | None = None, drug: Json | None = None) -> str | None:
    """What the resource is about, in words; ``drug``: the Medication that it refers to.

    >>> name_of({"medicationReference": {"reference": "Medication/1"}, "category": [{"text": "outpatient"}]}, None,
    ...     {"code": {"text": "Drug A"}})
    'Drug A'
    """
    reference = resource.get("medicationReference")
    if isinstance(reference, dict):
        return reference.get("display") or (drug and _drug_name(drug, displays)) or reference.get("reference")
    for name in _NAMES:
        found = resource.get(name)
        if isinstance(found, list):
            found = found[0] if found else None
        text = concept_name(found, displays)
        if text:
            return text
    return resource.get("resourceType")


def _drug_name(medication: Json, displays: Displays | None) -> str | None:
    """What a Medication is: by its code, else its ingredients."""
    parts = [concept_name(each.get("itemCodeableConcept"), displays) for each in objects(medication.get("ingredient"))]
    return concept_name(medication.get("code"), displays) or " + ".join(filter(None, parts)) or None


def value_of(resource: Json, displays: Displays | None = None) -> tuple[Any, str | None]:
    """``value[x]`` as a scalar and a unit; ``displays`` names codes that it gives without words."""
    for name, value in resource.items():
        if not name.startswith("value") or name == "value":
            continue
        if isinstance(value, dict):
            if "value" in value:
                number = value["value"]
                shown = f"{value['comparator']}{number}" if value.get("comparator") else number
                unit = value.get("code") or value.get("unit")
                return shown, unit if isinstance(unit, str) else None
            if name == "valueQuantity":  # a unit is no value
                unit = value.get("code") or value.get("unit")
                return None, unit if isinstance(unit, str) else None
            text = concept_name(value, displays)
            if text:
                return text, None
            if "start" in value or "end" in value:
                return f"{value.get('start', '')} to {value.get('end', '')}", None
        elif not isinstance(value, list):
            return value, None
    return None, None


def date_of(resource: Json) -> str | None:
    """The clinically relevant date."""
    for name in _DATES:
        found = resource.get(name)
        if isinstance(found, str):
            return found
        if isinstance(found, dict):
            begin = found.get("start") or found.get("end")
            if isinstance(begin, str):
                return begin
    return None


def unit_faults(resource: Any, unit: str | None, flags: Iterable[Any]) -> Iterable[Diagnostic]:
    """Findings about the unit of a measurement that leaves an element without a value: no unit at all is one already."""
    found = []
    for flag in flags:
        if flag.rule == "unit-unknown":
            found.append(Diagnostic(flag.rule, Severity.warning, f"{flag.resource}: {flag.reason}.", None, None, flag.resource))
    quantity = resource.data.get("valueQuantity") if resource is not None and unit else None
    given = (quantity.get("code") or quantity.get("unit")) if isinstance(quantity, dict) else None
    if unit and isinstance(given, str) and not found:
        from guideway.ucum.usual import commensurable

        if not commensurable(given, unit):
            text = f"{resource.reference}: the unit {given!r} cannot be converted to {unit!r}."
            found.append(Diagnostic("unit-unconvertible", Severity.warning, text, None, None, resource.reference))
    return found


def newest(found: Iterable[tuple[str, ResourceFacts]]) -> tuple[str, ResourceFacts] | None:
    """The newest measurement among the resources."""
    measured = [(reference, facts) for reference, facts in found if facts.measured and facts.unit]
    return max(measured, key=lambda each: (each[1].date or "", each[0])) if measured else None


def measured_text(reference: str, facts: ResourceFacts) -> str:
    """A measurement in words: ``Observation/x, 0.8 10*9/L of 2026-05-17``."""
    return f"{reference}, {facts.value} {facts.unit}{f' of {facts.date}' if facts.date else ''}"

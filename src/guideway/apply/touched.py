"""Which recommendations a fault of the data touches: those that rest on the faulty resource, and those that looked at it.

An absence ("not found: …") looks at every resource that might have been it, often at all of a type. A fault of a *quantity* is
then no concern of an element that is known by its codes and has none of the resource's: a count without a unit says nothing of
whether there is a diagnosis. A fault of anything else (a code, a status, a date) may be the very reason why it was not found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from guideway.apply.outcome import PatientOutcome, Recommendation
from guideway.diagnostics import Diagnostic
from guideway.guideline.compiled import CompiledGuideline, DefineKey

Json = dict[str, Any]

UNCODED = "uncoded"
IN_DOUBT = frozenset((UNCODED, "unconfirmed", "status-contradicts"))
"""What says nothing about an element that the resource was not taken for."""

QUANTITY_RULES = frozenset(
    (
        "unit-missing",
        "unit-unknown",
        "unit-doubtful",
        "unit-contradicts",
        "unit-of-another-system",
        "value-impossible",
        "tie",
        "value-and-absent",
        "flag-contradicts",
    )
)


def mark_touched(outcome: PatientOutcome, record: Any, guideline: CompiledGuideline, found: list[Diagnostic]) -> None:
    """Put the findings of the data on the recommendations that they touch."""
    pointed = [finding for finding in found if finding.pointer]
    if not pointed:
        return
    known: dict[str, list[Diagnostic]] = {}
    for recommendation in outcome.recommendations:
        for reference, merely_seen_by in _looked_at(recommendation):
            if reference not in known:
                known[reference] = [f for f in pointed if f.pointer == reference or str(f.pointer).startswith(f"{reference}.")]
            for finding in known[reference]:
                if finding in recommendation.findings:
                    continue
                if (
                    merely_seen_by
                    and _of_quantity(finding, reference)
                    and not _is_of(merely_seen_by, reference, record, guideline)
                ):
                    continue
                recommendation.findings.append(finding)


def _looked_at(recommendation: Recommendation) -> Iterator[tuple[str, str | None]]:
    """Each resource behind a recommendation; with the element that only looked at it, None where it counted."""
    for evidence in recommendation.evidence:
        if evidence.resource:
            yield evidence.resource, None
    for evidence in recommendation.evidence:
        for reference in evidence.checked:
            yield reference, evidence.element


def _of_quantity(finding: Diagnostic, reference: str) -> bool:
    return finding.rule in QUANTITY_RULES or (finding.pointer or "").startswith(f"{reference}.valueQuantity")


def _is_of(element: str, reference: str, record: Any, guideline: CompiledGuideline) -> bool:
    """Whether a resource may be the element's, by its code."""
    found = (getattr(record, "resolve_quietly", None) or record.resolve)(reference)
    keys = [key for key, known in guideline.elements.items() if known.id == element]
    return found is None or not keys or any(may_be_of(key, found.data, guideline) for key in keys)


def is_of_another_type(element: DefineKey, resource: Json, guideline: CompiledGuideline) -> bool:
    """Whether a data element is read from resources of other types: its value set is what those are retrieved by."""
    types = types_of(element, guideline)
    return bool(types) and resource.get("resourceType") not in types


def types_of(element: DefineKey, guideline: CompiledGuideline) -> frozenset[str]:
    """The types of resources that a data element's value set is retrieved by."""
    by_value_set: dict[str, set[str]] | None = guideline.memory.get(types_of)
    if by_value_set is None:
        by_value_set = {}
        for requirement in guideline.requirements:
            if requirement.value_set:
                by_value_set.setdefault(requirement.value_set, set()).add(requirement.type)
        guideline.memory[types_of] = by_value_set  # now that it is whole: other threads look here, too
    return frozenset(by_value_set.get(guideline.elements[element].value_set or "", ()))


def may_be_of(element: DefineKey, resource: Json, guideline: CompiledGuideline) -> bool:
    """Whether a resource may be a data element's: it has a code of a value set that the element is read by, or no code at all;
    yes where the element names no value set, or one that is not known."""
    return is_among(codings_of(resource), codes_of(element, guideline))


Codes = frozenset[tuple[str | None, str | None]]


def codes_of(element: DefineKey, guideline: CompiledGuideline) -> list[Codes] | None:
    """The codes of each value set that a data element is read by; None where it names none, or one that is not known."""
    from guideway.terminology.members import UnresolvedValueSet

    definition = guideline.definition(element)
    read = (guideline.requirements[number].value_set for number in definition.requirements) if definition is not None else ()
    names = dict.fromkeys(name for name in (guideline.elements[element].value_set, *read) if name)
    try:
        return [guideline.terminology.codes(name) for name in names] or None
    except UnresolvedValueSet:
        return None


def codings_of(resource: Json) -> Codes | None:
    """The codes of a resource; None where it has none."""
    code = resource.get("code")
    codings = code.get("coding") if isinstance(code, dict) else None
    if not codings:
        return None
    return frozenset((coding.get("system"), coding.get("code")) for coding in codings if isinstance(coding, dict))


def has_code_elsewhere(resource: Json) -> bool:
    """Whether a resource says by a code what it is about, in another element than ``code`` (``medicationCodeableConcept``)."""
    from guideway.fhir.modelinfo import builtin

    info = builtin("FHIR").type(str(resource.get("resourceType")))
    path = ((info.primary_code_path if info is not None else None) or "code").partition(".")[0]
    concept = resource.get(path) or resource.get(f"{path}CodeableConcept")
    coded = isinstance(concept, dict) and bool(concept.get("coding"))
    return path != "code" and (coded or f"{path}Reference" in resource)


def is_among(codings: Codes | None, codes: list[Codes] | None) -> bool:
    """Whether codes are those of value sets, as far as both are known."""
    return codings is None or codes is None or any(not codings.isdisjoint(known) for known in codes)

"""The extensions that say what plans and actions are, and how an artifact's JSON is read: nothing in it need be as it should.

Extensions of our own live below ``https://example.org/guideway/StructureDefinition/``; the others are HL7's (FHIR extensions
pack, CPG).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

OWN = "https://example.org/guideway/StructureDefinition/"
STATEMENT_ID = OWN + "statement-id"
SATISFIED_WHEN = OWN + "satisfied-when"
WITHHELD_WHEN = OWN + "withheld-when"
NOTE = OWN + "note"
NOTE_IF_NOT = OWN + "note-if-not"
EXCLUSIVE_GROUP = OWN + "exclusive-group"

CQF = "http://hl7.org/fhir/StructureDefinition/"
STRENGTH = CQF + "cqf-strengthOfRecommendation"
QUALITY = CQF + "cqf-qualityOfEvidence"
ALTERNATIVE_EXPRESSION = CQF + "cqf-alternativeExpression"
APPLICABILITY_BEHAVIOR = frozenset(
    {CQF + "cqf-applicabilityBehavior", "http://hl7.org/fhir/uv/cpg/StructureDefinition/cqf-applicabilityBehavior"}
)
CPG = "http://hl7.org/fhir/uv/cpg/StructureDefinition/"
DIRECTION = CPG + "cpg-directionOfRecommendation"
RATIONALE = CPG + "cpg-rationale"
ENABLED = CPG + "cpg-enabled"


def extensions(element: Json, url: str) -> list[Json]:
    """The extensions of an element with this URL, in order."""
    found = element.get("extension")
    return [e for e in found if isinstance(e, dict) and e.get("url") == url] if isinstance(found, list) else []


def url_of(extension: Json) -> str | None:
    """The URL of an extension; None where it is no text."""
    return text_of(extension.get("url"))


def extension_value(extension: Json) -> Any:
    """The ``value[x]`` of an extension, whatever its type."""
    for name, value in extension.items():
        if name.startswith("value"):
            return value
    return None


def first_value(element: Json, url: str) -> Any:
    """The value of the first extension with this URL."""
    found = extensions(element, url)
    return extension_value(found[0]) if found else None


def objects(value: Any) -> Iterator[Json]:
    """The JSON objects of a list that may be absent or malformed."""
    return iter([item for item in value if isinstance(item, dict)] if isinstance(value, list) else ())


def concept_text(concept: Any) -> str | None:
    """What a CodeableConcept, Coding or code says to people."""
    if isinstance(concept, str):
        return concept
    if not isinstance(concept, dict):
        return None
    if isinstance(concept.get("text"), str):
        return str(concept["text"])
    codings = concept.get("coding")
    for coding in codings if isinstance(codings, list) else [concept]:
        if isinstance(coding, dict):
            for name in ("display", "code"):
                if isinstance(coding.get(name), str):
                    return str(coding[name])
    return None


def text_of(value: Any) -> str | None:
    """A string, or None for anything else."""
    return value if isinstance(value, str) else None


def copied(value: Any) -> Any:
    """A JSON value of its own: what is changed in it changes nothing in this one."""
    if isinstance(value, dict):
        return {name: copied(item) for name, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


def texts_in(value: Any) -> Iterator[str]:
    """Every string in a JSON value."""
    if isinstance(value, str):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts_in(item)

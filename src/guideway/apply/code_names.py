"""What the guideline calls a code that a record gives without words.

Takes a (system, code) pair or the JSON of a CodeableConcept or Coding; gives the display that an expansion of one of the
guideline's value sets has for it, else None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guideway.fhir.code_systems import OTHER_NAMES
from guideway.guideline.compiled import CompiledGuideline
from guideway.guideline.names import concept_text, objects

Json = dict[str, Any]

Displays = Callable[[str, str], str | None]
"""(system, code) → its display where somebody knows one."""


def displays_of(guideline: CompiledGuideline) -> Displays:
    """The look-up of a guideline: what its value sets call a code."""
    return lambda system, code: code_name(guideline, system, code)


def code_name(guideline: CompiledGuideline, system: str | None, code: str) -> str | None:
    """What the guideline's value sets call a code; None where none of them holds it by a name."""
    return guideline.code_names.get(OTHER_NAMES.get(system or "", system or ""), {}).get(code)


def concept_name(concept: Any, displays: Displays | None = None) -> str | None:
    """What a CodeableConcept, Coding or code says to people: its text, a display, what ``displays`` calls it, else its code.

    >>> concept_name({"coding": [{"system": "s", "code": "1"}]}, lambda system, code: "one" if code == "1" else None)
    'one'
    """
    if displays is not None and isinstance(concept, dict) and not isinstance(concept.get("text"), str):
        codings = list(objects(concept.get("coding"))) if "coding" in concept else [concept]
        if not any(isinstance(coding.get("display"), str) for coding in codings):
            for coding in codings:
                system, code = coding.get("system"), coding.get("code")
                found = displays(system, code) if isinstance(system, str) and isinstance(code, str) else None
                if found:
                    return found
    return concept_text(concept)

"""What the guideline calls a code that a record gives without words.

Takes a (system, code) pair or the JSON of a CodeableConcept or Coding; gives the display that an expansion of one of the
guideline's value sets has for it, else None. The table is made when the first such code is met, and kept with the guideline:
a record whose codes have words costs nothing.
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
    known: dict[tuple[str, str], str] | None = guideline.memory.get(code_name)
    if known is None:
        known = guideline.memory[code_name] = {
            (member[0], member[1]): member[2]
            for url in sorted(guideline.value_sets, reverse=True)  # the first one that has a name for it counts
            for member in reversed(members_of(guideline.value_sets[url]))
            if member[2]
        }
    return known.get((OTHER_NAMES.get(system or "", system or ""), code))


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


def members_of(value_set: Any) -> list[Any]:
    """The members (system, code, display) of a value set as the guideline holds it; none where it could not be enumerated, and
    of a code system, which is held beside them as its bare codes."""
    return [member for member in value_set if not isinstance(member, str)] if isinstance(value_set, list) else []

"""Searching the artifacts of a guideline (R4 search.html, the part of it that artifacts need).

``_id``, ``status`` and ``version`` are tokens, ``url`` is a URI, ``name`` and ``title`` are texts (``:exact``, ``:contains``).
Commas mean any of, a parameter that is repeated means all of. What is not supported is refused: passed over in silence it would
give the wrong artifacts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from guideway.guideline.package import Artifact
from guideway.service.problems import Problem

TEXTS = ("name", "title")
TOKENS = ("_id", "status", "version", "url")
RESULT = {
    "_count": None,
    "_offset": None,
    "_format": ("json", "application/json", "application/fhir+json"),
    "_summary": ("count", "false"),
}
SEARCH = (*TOKENS, *TEXTS, *RESULT)
MODIFIERS = ("", "exact", "contains")

Criterion = tuple[str, str, str]
"""Name, modifier and value of one parameter."""


def criteria_of(query: Iterable[tuple[str, str]]) -> tuple[list[Criterion], dict[str, str]]:
    """What is searched for, and how the result is to be given; raises Problem 400 (406 for another format)."""
    criteria: list[Criterion] = []
    result: dict[str, str] = {}
    for name, value in query:
        element, _, modifier = name.partition(":")
        if element not in SEARCH:
            raise Problem(400, f"the search parameter {name} is not supported; there are {', '.join(SEARCH)}")
        if modifier not in (MODIFIERS if element in TEXTS else ("",)):
            raise Problem(400, f"the modifier of the search parameter {name} is not supported")
        if element not in RESULT:
            criteria.append((element, modifier, value))
            continue
        allowed = RESULT[element]
        if allowed is not None and value.partition(";")[0].replace(" ", "+") not in allowed:
            raise Problem(406 if element == "_format" else 400, f"{element} can be {', '.join(allowed)}")
        if element in result:
            raise Problem(400, f"{element} is given twice")
        result[element] = value
    return criteria, result


def matches(artifact: Artifact, criteria: Sequence[Criterion]) -> bool:
    """Whether an artifact has everything that is searched for."""
    return all(_fits(artifact, *each) for each in criteria)


def _fits(artifact: Artifact, element: str, modifier: str, value: str) -> bool:
    have = str(artifact.resource.get(element.lstrip("_")) or "")
    wanted = value.split(",")
    if element == "url":
        return have in wanted or artifact.canonical in wanted
    if element in TOKENS:
        return have in [each.rpartition("|")[2] for each in wanted]
    if modifier == "exact":
        return have in wanted
    if modifier == "contains":
        return any(each.casefold() in have.casefold() for each in wanted)
    return any(have.casefold().startswith(each.casefold()) for each in wanted)

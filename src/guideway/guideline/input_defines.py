"""The inputs of an action as defines, so that CQL which is written out on the action sees each by its id.

Takes DataRequirements with an id; gives CQL: what must be declared (value sets, code systems, codes), and a define for each input
that retrieves what the record holds of it, as FHIRPath sees it under ``%id``. An input that asks for more than its type and codes
cannot be written so. Clinical Reasoning 1.0: an input is a parameter of the action's expressions, named by its id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from guideway.cql.unparse import string
from guideway.guideline.names import concept_text, objects

Json = dict[str, Any]

_FOLLOWED = frozenset(
    {"id", "extension", "type", "profile", "subjectCodeableConcept", "subjectReference", "mustSupport", "codeFilter"}
)


class NotFollowed(ValueError):
    """An input asks for data in a way that is not followed; the message says why."""


def declared(inputs: Iterable[Json], titles: Mapping[str, str]) -> tuple[str, str]:
    """The declarations and the defines, as CQL, with the ``titles`` of value sets; ``NotFollowed`` where an input has none."""
    head: list[str] = []
    defines: list[str] = []
    for each in inputs:
        name = str(each["id"])
        others = [part for part in each if part not in _FOLLOWED and not part.startswith("_")]
        if others:
            raise NotFollowed(f"the input {name} has a {', a '.join(others)}, which is not evaluated")
        filters = each.get("codeFilter")
        if filters is not None and len(list(objects(filters))) != (len(filters) if isinstance(filters, list) else -1):
            raise NotFollowed(f"the input {name} has a codeFilter that is none")
        kind = each.get("type")
        if not isinstance(kind, str):
            raise NotFollowed(f"the input {name} names no type")
        parts = [f"({' union '.join(_retrieves(name, kind, n, part, head))})" for n, part in _filters(name, each)]
        retrieved = " intersect ".join(parts) or f"[{_quoted(kind)}]"
        defines.append(f"// @display: {_words(each, kind, titles)}\ndefine {_quoted(name)}:\n  {retrieved}\n")
    return "\n".join(head), "\n".join(defines)


def _words(requirement: Json, kind: str, titles: Mapping[str, str]) -> str:
    """What it asks for, as people say it."""
    filters = list(objects(requirement.get("codeFilter")))
    url = next((part["valueSet"].partition("|")[0] for part in filters if isinstance(part.get("valueSet"), str)), None)
    codes = [concept_text(code) for part in filters for code in objects(part.get("code"))]
    what = (titles.get(url) or url) if url is not None else ", ".join(filter(None, codes))
    return " ".join((f"{what} ({kind})" if what else kind).split())


def _filters(name: str, requirement: Json) -> Iterator[tuple[int, Json]]:
    for number, part in enumerate(objects(requirement.get("codeFilter")), 1):
        if "searchParam" in part:
            raise NotFollowed(f"the input {name} filters by the search parameter {part['searchParam']}, which is not evaluated")
        if "valueSet" in part or part.get("code"):
            yield number, part


def _retrieves(name: str, kind: str, number: int, part: Json, head: list[str]) -> Iterator[str]:
    """A retrieve by the value set of a code filter, and one by its codes."""
    path = str(part.get("path") or "code")
    what = f"{_quoted(kind)}: {_quoted(path)}"
    if isinstance(part.get("valueSet"), str):
        url, _, version = part["valueSet"].partition("|")
        local = _quoted(f"{name}: value set {number}")
        head.append(f"valueset {local}: {string(url)}" + (f" version {string(version)}" if version else ""))
        yield f"[{what} in {local}]"
    codes: list[str] = []
    for n, code in enumerate(objects(part.get("code")), 1):
        if not isinstance(code.get("system"), str) or not isinstance(code.get("code"), str):
            raise NotFollowed(f"the input {name} asks for {concept_text(code) or 'a code'}, which has no system")
        local, system = (_quoted(f"{name}: {word} {number}.{n}") for word in ("code", "code system"))
        head.append(f"codesystem {system}: {string(code['system'])}")
        head.append(f"code {local}: {string(code['code'])} from {system}")
        codes.append(local)
    if codes:
        yield f"[{what} in {{ {', '.join(codes)} }}]"


def _quoted(name: str) -> str:
    return string(name, '"')

"""What a case may name: concepts, questions, and what the guideline calls its actions, notes and data elements.

``concepts_of`` gives the ``Concepts`` of a guideline's artifacts: a value set stands under its title and its id. ``coding`` turns
one name into a coding: a value set's title or id (its first member; ``Title#code`` picks one), ``system|code`` with a full
system URI or one of the short names in ``SYSTEMS``, or ``local:<code system id>|code``. Whatever is not known is a ``Mistake``
that names the nearest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from guideway.authoring.case_text import Mistake, Path
from guideway.guideline.nearest import nearest

Json = dict[str, Any]

SYSTEMS = {
    "loinc": "http://loinc.org",
    "sct": "http://snomed.info/sct",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "icd10cm": "http://hl7.org/fhir/sid/icd-10-cm",
    "ucum": "http://unitsofmeasure.org",
}


class Concepts(msgspec.Struct, frozen=True):
    """The names a case may use, and the guideline's base for its own code systems and questionnaires."""

    members: Mapping[str, list[Json]]
    """Value set title or id → codings, in the order of the set."""
    base: str
    questions: Mapping[str, frozenset[str]] | None = None
    """Questionnaire id → its linkIds; None: not known, so not checked."""
    local: Mapping[str, frozenset[str]] | None = None
    """Id of a code system → its codes; None: not known, so not checked."""


def concepts_of(resources: Iterable[Json], base: str) -> Concepts:
    """The names that the value sets, code systems and questionnaires among these artifacts give."""
    members: dict[str, list[Json]] = {}
    questions: dict[str, frozenset[str]] = {}
    local: dict[str, frozenset[str]] = {}
    for resource in resources:
        kind, name = resource.get("resourceType"), str(resource.get("id"))
        if kind == "Questionnaire":
            questions[name] = frozenset(_link_ids(resource))
        elif kind == "CodeSystem":
            local[name] = frozenset(_codes(resource))
        elif kind == "ValueSet":
            codings = [
                {"system": include.get("system"), **concept}
                for include in resource.get("compose", {}).get("include", [])
                for concept in include.get("concept", [])
            ]
            for title in (resource.get("title"), resource.get("id")):
                if isinstance(title, str):
                    members.setdefault(title, codings)
    return Concepts(members, base.rstrip("/"), questions, local)


def _link_ids(parent: Json) -> Iterable[str]:
    for item in parent.get("item") or ():
        yield str(item.get("linkId"))
        yield from _link_ids(item)


def _codes(parent: Json) -> Iterable[str]:
    for concept in parent.get("concept") or ():
        yield str(concept.get("code"))
        yield from _codes(concept)


def coding(concepts: Concepts, name: str, path: Path) -> Json:
    """The coding that a name stands for; ``Mistake`` at ``path`` where it stands for none."""
    system, bar, code = name.partition("|")
    if bar:
        if system.startswith("local:"):
            return {"system": f"{concepts.base}/CodeSystem/{system[6:]}", "code": _local(concepts, system[6:], code, path)}
        if system not in SYSTEMS and ":" not in system:
            hint = f"write {', '.join(SYSTEMS)}, or the full URI of the code system"
            raise Mistake("concept", f"no code system is called {system!r}", path, hint)
        return {"system": SYSTEMS.get(system, system), "code": code}
    title, _, wanted = name.partition("#")
    codings = concepts.members.get(title)
    if codings is None:
        message = f"no value set has the title or id {title!r}"
        raise Mistake("concept", message, path, alike(title, concepts.members, "write system|code, or text: words"))
    found = [c for c in codings if not wanted or c.get("code") == wanted]
    if not found:
        known = ", ".join(str(c.get("code")) for c in codings[:8])
        message = f"the value set {title!r} has no code {wanted!r}" if wanted else f"the value set {title!r} lists no codes"
        raise Mistake("concept", message, path, f"it has {known}{' …' if len(codings) > 8 else ''}" if known else None)
    return {key: found[0][key] for key in ("system", "code", "display") if key in found[0]}


def _local(concepts: Concepts, system: str, code: str, path: Path) -> str:
    if concepts.local is None:
        return code
    if system not in concepts.local:
        raise Mistake("concept", f"the guideline has no code system {system!r}", path, alike(system, concepts.local))
    if code not in concepts.local[system]:
        message = f"the code system {system!r} has no code {code!r}"
        raise Mistake("concept", message, path, alike(code, concepts.local[system]))
    return code


def alike(typed: str, known: Iterable[str], otherwise: str | None = None) -> str | None:
    """``did you mean …?`` with the nearest names, else what to do otherwise."""
    found = nearest(typed, ((name, (name,)) for name in known))
    return f"did you mean {' or '.join(map(repr, found))}?" if found else otherwise

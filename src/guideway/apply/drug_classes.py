"""Classes of drugs: the value sets by which a guideline's logic reads allergies and drugs, each with its members.

A class is a value set; a thing whose name is the class's stands for its members, and one with the name of a member for that
member. What has a code goes by its code.
"""

from __future__ import annotations

from typing import Any

import msgspec

from guideway.apply.things import Codes, Thing, Words, forms_of, words
from guideway.diagnostics import GuidewayError
from guideway.guideline.compiled import CompiledGuideline

Json = dict[str, Any]

_CLASSED = ("AllergyIntolerance", "MedicationRequest", "MedicationStatement")
"""The types by whose value sets the logic may name a class of drugs."""


class DrugClass(msgspec.Struct, frozen=True):
    """A value set that stands for a class."""

    title: str
    codes: Codes
    names: dict[Words, Codes]
    """Member by name."""


class Classes:
    """The classes by which the logic reads allergies; found once for each guideline."""

    def __init__(self, guideline: CompiledGuideline) -> None:
        kept = _kept(guideline)
        if "allergies" not in kept:
            found = (drug_class(guideline, full) for full in _value_sets(guideline, ("AllergyIntolerance",)))
            kept["allergies"] = [group for group in found if group is not None]
        self._classes: list[DrugClass] = kept["allergies"]
        self.forms = forms_of(guideline)

    def members(self, named: Thing) -> Codes:
        """The codes a thing stands for: its own; without any, those of the members, or of the class, that its name is."""
        if named.codes:
            return named.codes
        found: Codes = frozenset()
        for group in self._classes:
            if _plural_free(words(group.title, self.forms)) in {_plural_free(n) for n in named.names}:
                found |= group.codes
            for name in named.names & group.names.keys():
                found |= group.names[name]
        return found

    def shared(self, left: Codes, right: Codes) -> str | None:
        """The smallest class that holds a code of both, by title."""
        holding = [(len(group.codes), group.title) for group in self._classes if group.codes & left and group.codes & right]
        return min(holding)[1] if holding else None


def _plural_free(name: Words) -> Words:
    return frozenset(word.removesuffix("s") for word in name)


def _kept(guideline: CompiledGuideline) -> Json:
    """What was found out about the classes of a guideline."""
    known = guideline.memory.get(id(guideline.requirements))
    if not isinstance(known, tuple) or known[0] is not guideline.requirements:
        known = guideline.memory[id(guideline.requirements)] = (guideline.requirements, {})
    kept: Json = known[1]
    return kept


def _value_sets(guideline: CompiledGuideline, types: tuple[str, ...]) -> list[str]:
    """The value sets by which the logic reads resources of these types."""
    found = {r.value_set: None for r in guideline.requirements if r.type in types and r.value_set}
    return list(found)


def _title(guideline: CompiledGuideline, full: str) -> str:
    return guideline.value_set_titles.get(full) or guideline.value_set_titles.get(full.partition("|")[0]) or full


def drug_class(guideline: CompiledGuideline, full: str) -> DrugClass | None:
    """A value set as a class, made once for each guideline; None: its codes are not known (yet)."""
    known: dict[str, DrugClass] = _kept(guideline).setdefault("classes", {})
    found = known.get(full) or _made_class(guideline, full)
    if found is not None:
        known[full] = found
    return found


def _made_class(guideline: CompiledGuideline, full: str) -> DrugClass | None:
    """The class; a compiled guideline may keep its value set by the URL alone."""
    url, _, version = full.partition("|")
    try:
        codes = frozenset(guideline.terminology.codes(url, version if full in guideline.value_sets else None))
    except GuidewayError:
        return None
    names: dict[Words, Codes] = {}
    forms = forms_of(guideline)
    members = guideline.value_sets.get(full) or guideline.value_sets.get(url)
    for member in members if isinstance(members, list) else ():
        if member[2]:
            key = words(member[2], forms)
            names[key] = names.get(key, frozenset()) | {(member[0], member[1])}
    return DrugClass(_title(guideline, full), codes, names)


def classes_called(what: Thing, guideline: CompiledGuideline) -> list[DrugClass]:
    """The classes, of drugs or of allergies, that a thing is called by."""
    kept = _kept(guideline)
    if "titles" not in kept:
        kept["titles"] = {}
        forms = forms_of(guideline)
        for full in _value_sets(guideline, _CLASSED):
            kept["titles"].setdefault(_plural_free(words(_title(guideline, full), forms)), []).append(full)
    named = {full: None for name in what.names for full in kept["titles"].get(_plural_free(name), ())}
    return [group for full in named if (group := drug_class(guideline, full)) is not None]


def is_in(what: Thing, group: DrugClass) -> bool:
    """Whether a thing is a member of a class: by code, or by a member's name where it has none."""
    return bool(what.codes & group.codes) if what.codes else bool(what.names & group.names.keys())

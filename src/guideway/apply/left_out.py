"""What an explanation must say of data that did not count: left out of the record, or faulty, where an element would read it; and
of data that was read for what then failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from guideway.apply.outcome import Excluded
from guideway.diagnostics import Diagnostic, GuidewayError
from guideway.guideline.compiled import CompiledGuideline, DefineKey, Requirement

if TYPE_CHECKING:  # a short run does without most of typing
    from typing import TypeVar

    T = TypeVar("T")


class LeftOut:
    """What one record left out, and what was found about it, by data element."""

    def __init__(self, guideline: CompiledGuideline, record: Any) -> None:
        self.guideline = guideline
        self.record = record
        self._excluded: dict[Requirement, list[Excluded]] = {}
        self._excludes: dict[str, bool] = {}
        self._faulty: dict[str, bool] = {}
        self._faults: dict[int, list[Diagnostic]] = {}
        self._excluded_of: dict[DefineKey, dict[Excluded, None]] = {}
        self._faults_of: dict[DefineKey, dict[Diagnostic, None]] = {}

    def excluded_for(self, keys: Iterable[DefineKey | Requirement]) -> list[Excluded]:
        """What the record left out that a retrieve of these elements, or one of these retrieves, would have found."""
        found: dict[Excluded, None] = {}
        for key in keys:
            if isinstance(key, Requirement):
                found |= dict.fromkeys(self._excluded_from(key))
                continue
            known = self._excluded_of.get(key)
            if known is None:
                known = self._excluded_of[key] = self._of_all(key, self._excluded_by)
            if known:
                found |= known
        return list(found)

    def _excluded_by(self, number: int) -> list[Excluded]:
        return self._excluded_from(self.guideline.requirements[number])

    def _excluded_from(self, requirement: Requirement) -> list[Excluded]:
        known = self._excluded.get(requirement)
        if known is None:
            known = []
            ask = getattr(self.record, "excluded_for", None)
            if ask is not None and (requirement.value_set or requirement.codes) and self._leaves_out(requirement.type):
                found = ask(requirement.type, requirement.code_path, self._codes_of(requirement))
                known = [Excluded(resource=e.resource, rule=e.rule, reason=e.reason) for e in found]
            self._excluded[requirement] = known
        return known

    def faults_for(self, keys: Iterable[DefineKey | Requirement]) -> list[Diagnostic]:
        """The findings about data that a retrieve of these elements finds, or would if the data were as it should be."""
        found: dict[Diagnostic, None] = {}
        for key in keys:
            if isinstance(key, Requirement):
                continue
            known = self._faults_of.get(key)
            if known is None:
                known = self._faults_of[key] = self._of_all(key, self._faults_by)
            if known:
                found |= known
        return list(found)

    def _of_all(self, key: DefineKey, by: Callable[[int], list[T]]) -> dict[T, None]:
        """Of all that a define's retrieves find."""
        definition = self.guideline.definition(key)
        return {item: None for number in (definition.requirements if definition is not None else ()) for item in by(number)}

    def _faults_by(self, number: int) -> list[Diagnostic]:
        known = self._faults.get(number)
        if known is None:
            known = []
            requirement = self.guideline.requirements[number]
            ask = getattr(self.record, "faults_for", None)
            if ask is not None and (requirement.value_set or requirement.codes) and self._is_faulty(requirement.type):
                known = ask(requirement.type, requirement.code_path, self._codes_of(requirement))
            self._faults[number] = known
        return known

    def _leaves_out(self, kind: str) -> bool:
        known = self._excludes.get(kind)
        if known is None:
            known = self._excludes[kind] = bool(self.record.excluded_for(kind))
        return known

    def _is_faulty(self, kind: str) -> bool:
        known = self._faulty.get(kind)
        if known is None:
            known = self._faulty[kind] = self.record.is_faulty(kind)
        return known

    def read_for(self, key: DefineKey) -> list[str]:
        """The resources that a define's retrieves find, also where it fails before it has a value."""
        definition = self.guideline.definition(key)
        found: dict[str, None] = {}
        for number in definition.requirements if definition is not None else ():
            requirement = self.guideline.requirements[number]
            coded = bool(requirement.value_set or requirement.codes)
            try:
                codes = self._codes_of(requirement) if coded else None
            except GuidewayError:  # no value set: then it read none
                continue
            read = self.record.retrieve(requirement.type, code_path=requirement.code_path, codes=codes)
            found |= {resource.reference: None for resource in read if resource.reference}
        return list(found)

    def _codes_of(self, requirement: Requirement) -> frozenset[tuple[str | None, str]]:
        codes = set(requirement.codes)
        if requirement.value_set:
            url, _, version = requirement.value_set.partition("|")
            codes |= set(self.guideline.terminology.codes(url, version or None))
        return frozenset(codes)

"""What the cases of a guideline have shown: which recommendations in which statuses, which logic with which values, which codes.

``Coverage(guideline)`` gives a ``guideline`` to run the cases with, whose evaluations it watches from outside; ``note`` counts a
case's outcome. What ought to be seen:

- a recommendation that applies, and that comes out in some other way;
- a Boolean define that is true, and that is false; any other define with a value (null and an empty list are none);
- a value set that the logic asks for, with one of its codes in the data of a case.

The percentage is of these. A define that is null, and the other statuses, are counted and listed, and not asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from copy import copy
from typing import Any

import msgspec

from guideway.authoring.cases import STATUSES, Case
from guideway.authoring.testing import actions_of
from guideway.guideline.canonical import parse, tail
from guideway.guideline.compiled import CompiledGuideline, DefineKey

Json = dict[str, Any]

TRUE, FALSE, NULL, VALUE = "true", "false", "null", "value"


class Row(msgspec.Struct, frozen=True):
    """One thing that cases can show."""

    kind: str
    """``recommendation``, ``define`` or ``value-set``."""
    name: str
    seen: dict[str, int]
    """How often each of its values was seen, those never seen with 0."""
    wanted: dict[str, bool]
    """What ought to be seen of it, and whether it was."""


class Coverage:
    """The count over all cases of one run."""

    def __init__(self, guideline: CompiledGuideline) -> None:
        self.guideline = copy(guideline)
        self._program = _Program(guideline.program)
        self._terminology = _Terminology(guideline.terminology)
        self.guideline.program = self._program
        self.guideline.terminology = self._terminology
        self._statuses: dict[str, Counter[str]] = {name: Counter() for name in _recommendations(guideline)}
        definitions = guideline.definitions
        types = {
            (library, name): definitions[number].type
            for library, defines in guideline.defines.items()
            for name, number in defines.items()
        }
        self._defines: dict[DefineKey, Counter[str]] = {
            key: Counter()
            for key, type_name in types.items()
            if type_name != f"FHIR.{key[1]}"  # what "context Patient" declares
        }
        self._boolean = {key for key in self._defines if types[key] == "Boolean"}
        read = (requirement.value_set for requirement in guideline.requirements)
        self._hits: dict[str, int] = {parse(url).url: 0 for url in read if url}
        self._titles = {parse(url).url: title for url, title in guideline.value_set_titles.items()}

    def note(self, case: Case, outcome: Json) -> None:
        """Count what a case has shown; called once after it was run with ``guideline``."""
        for recommendation in outcome.get("recommendations", ()):
            self._statuses.setdefault(recommendation["id"], Counter())[recommendation["status"]] += 1
        for library, define, value in self._program.values(list(self._defines)):
            self._defines[library, define][_kind_of(value, (library, define) in self._boolean)] += 1
        codes = set(_codes_in([case.bundle, case.context]))
        for url, version in self._terminology.asked:
            known = parse(url).url
            self._hits[known] = self._hits.get(known, 0) + bool(codes & self._terminology.members(url, version))
        self._terminology.asked.clear()

    def rows(self) -> list[Row]:
        """Everything that the cases could show: recommendations in plan order, defines as written, value sets by name."""
        rows = []
        for name, statuses in self._statuses.items():
            seen = {status: statuses[status] for status in STATUSES}
            wanted = {"applies": seen["applies"] > 0, "otherwise": sum(seen.values()) > seen["applies"]}
            rows.append(Row("recommendation", name, seen, wanted))
        for key, values in self._defines.items():
            kinds = (TRUE, FALSE, NULL) if key in self._boolean else (VALUE, NULL)
            wanted = {kind: values[kind] > 0 for kind in kinds if kind != NULL}
            rows.append(Row("define", f'{key[0]}."{key[1]}"', {kind: values[kind] for kind in kinds}, wanted))
        for url, hits in sorted(self._hits.items(), key=lambda each: self._titles.get(each[0], each[0])):
            rows.append(Row("value-set", self._titles.get(url) or tail(url), {"cases": hits}, {"hit": hits > 0}))
        return rows


def percentage(rows: list[Row]) -> float:
    """How much of what ought to be seen was seen, rounded down to a tenth."""
    wanted = [so for row in rows for so in row.wanted.values()]
    return int(1000 * sum(wanted) / len(wanted)) / 10 if wanted else 100.0


def _recommendations(guideline: CompiledGuideline) -> Iterator[str]:
    """``plan#action`` of what an outcome has a recommendation for: actions with a statement, and leaves."""
    from guideway.authoring.traceability import statement_ids

    for plan, name, action in actions_of(guideline):
        canonical = action.get("definitionCanonical")
        nested = guideline.resolve(canonical, "PlanDefinition") if isinstance(canonical, str) else None
        if statement_ids(action) or not (action.get("action") or nested is not None):
            yield f"{plan}#{name}"


def _kind_of(value: Any, boolean: bool) -> str:
    if value is None or value == []:
        return NULL
    return (TRUE if value is True else FALSE) if boolean else VALUE


def _codes_in(data: Any) -> Iterator[tuple[str, str]]:
    """Every (system, code) anywhere in the data."""
    pending = [data]
    while pending:
        here = pending.pop()
        if isinstance(here, dict):
            if isinstance(here.get("code"), str) and isinstance(here.get("system"), str):
                yield here["system"], here["code"]
            pending += here.values()
        elif isinstance(here, list):
            pending += here


class _Program:
    """A program that keeps hold of its last evaluations."""

    def __init__(self, program: Any) -> None:
        self._program = program
        self._evaluations: list[Any] = []
        self._functions: dict[bool, dict[Any, DefineKey]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._program, name)

    def evaluation(self, *arguments: Any, **named: Any) -> Any:
        """As the program's own."""
        made = self._program.evaluation(*arguments, **named)
        self._evaluations.append(made)
        return made

    def values(self, keys: list[DefineKey]) -> list[tuple[str, str, Any]]:
        """The value of every define that the evaluations since the last call came to, each define once."""
        found: dict[DefineKey, Any] = {}
        for evaluation in self._evaluations:
            names = self._names(evaluation.tracer is not None, keys)
            for function, value in evaluation.memo.items():
                if function in names:
                    found[names[function]] = value
        self._evaluations.clear()
        return [(library, define, value) for (library, define), value in found.items()]

    def _names(self, traced: bool, keys: list[DefineKey]) -> dict[Any, DefineKey]:
        """The function of each define; those that could not be compiled have none."""
        if traced not in self._functions:
            functions = {}
            for key in keys:
                try:
                    functions[self._program.entry(*key, traced)] = key
                except LookupError:
                    continue
            self._functions[traced] = functions
        return self._functions[traced]


class _Terminology:
    """Value sets that remember which of them were asked for."""

    def __init__(self, terminology: Any) -> None:
        self._terminology = terminology
        self.asked: set[tuple[str, str | None]] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._terminology, name)

    def codes(self, url: str, version: str | None = None) -> Any:
        """As the index's own."""
        self.asked.add((url, version))
        return self._terminology.codes(url, version)

    def contains(self, valueset_url: str, version: str | None, code: str | None, system: str | None) -> bool:
        """As the index's own."""
        self.asked.add((valueset_url, version))
        return bool(self._terminology.contains(valueset_url, version, code, system))

    def members(self, url: str, version: str | None = None) -> frozenset[tuple[str, str]]:
        """The codes, without counting as a question; none of a value set that cannot be enumerated."""
        from guideway.terminology.expansion import UnresolvedValueSet

        try:
            found: frozenset[tuple[str, str]] = self._terminology.codes(url, version)
        except UnresolvedValueSet:
            return frozenset()
        return found

"""A compiled guideline, read from the bytes that ``storing`` wrote, as far as it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from marshal import loads
from typing import Any

from guideway.diagnostics import Diagnostic, Position, Severity
from guideway.guideline.actions import ActionFacts, PlanFacts, Question
from guideway.guideline.compiled import CompiledGuideline, DateFilter, Element, ParameterInfo, Requirement
from guideway.guideline.package import Artifact, Manifest

Json = dict[str, Any]
Row = tuple[Any, ...]

LENGTH = 4
"""The bytes that say how long the table of lengths is."""
ON_DEMAND = (
    "aliases", "branches", "choices", "code_names", "defines", "must_support", "resting", "shared_value_sets", "value_set_uses",
    "value_sets",
)  # fmt: skip
"""The tables of which a run looks at few entries."""
QUESTIONS = [ActionFacts.__struct_fields__.index(name) for name in ("conditions", "notes", "notes_if_not")]
TRIGGERS = ActionFacts.__struct_fields__.index("triggers")
"""Which fields of an action these are."""


class OnDemand(Mapping[Any, Any]):
    """A table whose entries are read when they are asked for, each once."""

    __slots__ = ("_entries", "_load", "_places", "_read")

    def __init__(
        self, places: dict[Any, int], entries: memoryview, load: Callable[[memoryview], Any] = loads
    ) -> None:  # fmt: skip
        """``places`` says of each entry where in ``entries`` it begins, for ``load`` to read it."""
        self._places = places
        self._entries = entries
        self._load = load
        self._read: dict[Any, Any] = {}

    def __getitem__(self, name: Any) -> Any:
        if name not in self._read:
            self._read.setdefault(name, self._load(self._entries[self._places[name] :]))
        return self._read[name]

    def get(self, name: Any, default: Any = None) -> Any:
        return self[name] if name in self._places else default

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[Any]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def thaw(blob: bytes | memoryview) -> CompiledGuideline | None:
    """The guideline in a blob; None where it is not one (an entry of another version of this program)."""
    from guideway.engine.program import Program

    try:
        view = memoryview(blob)
        start = LENGTH + int.from_bytes(view[:LENGTH], "little")
        parts = []
        for length in loads(view[LENGTH:start]):
            parts.append(view[start : start + length])
            start += length
        stored: Json = _with_decimals(parts[0])
        resources = OnDemand(stored.pop("resources"), parts[1], _with_decimals)
        stored |= {name: OnDemand(stored[name], parts[1]) for name in ON_DEMAND}
        elements = [Element(*row) for row in stored["elements"]]
        actions = _actions(*[stored.pop(name) for name in ("actions", "asked", "triggers", "questions")])
        program = stored["program"]
        stored |= {
            "manifest": Manifest(*stored["manifest"]),
            "artifacts": [_artifact(*each, resources) for each in enumerate(stored["artifacts"])],
            "elements": {(element.library, element.define): element for element in elements},
            "requirements": tuple(map(_requirement, stored["requirements"])),
            "parameters": tuple(ParameterInfo(*row) for row in stored["parameters"]),
            "findings": list(map(_finding, stored["findings"])),
            "facts": [_plan(row, actions) for row in stored["facts"]],
            "program": Program.restored(program, parts[2:]) if program is not None else None,
        }
        return CompiledGuideline(**stored)
    except Exception:
        return None


def _with_decimals(data: memoryview) -> Any:
    """What was written with the places where numbers with a decimal point stand."""
    value, places = loads(data)
    for container, place in places:
        container[place] = Decimal(container[place].decode())
    return value


# ---- rows --------------------------------------------------------------------------------------------------------------


def _artifact(number: int, row: Row, resources: Mapping[int, Json]) -> Artifact:
    return Artifact.stored(row, lambda: resources[number]) if number in resources else Artifact(*row)


def _actions(
    fields: list[list[Any]], asked: list[tuple[int, ...]], triggers: list[list[Any]], questions: list[list[Any]]
) -> list[ActionFacts]:
    """All actions; those inside stand before the one that they stand in."""
    every = list(map(Question, *questions))
    together = [tuple([every[number] for number in numbers]) for numbers in asked]
    for place in QUESTIONS:
        fields[place] = [together[number] for number in fields[place]]
    events = list(map(tuple, triggers))
    fields[TRIGGERS] = [events[number] for number in fields[TRIGGERS]]
    *plain, starts, ends = fields
    made: list[ActionFacts] = []
    inside = (tuple(made[start:end]) for start, end in zip(starts, ends))
    for action in map(ActionFacts, *plain, inside):
        made.append(action)
    return made


def _plan(row: list[Any], actions: list[ActionFacts]) -> PlanFacts:
    row[-2:] = [tuple(actions[row[-2] : row[-1]])]
    return PlanFacts(*row)


def _requirement(row: Row) -> Requirement:
    kind, path, value_set, codes, dates, template = row
    return Requirement(kind, path, value_set, codes, tuple([DateFilter(*date) for date in dates]), template)


def _finding(row: Row) -> Diagnostic:
    rule, severity, message, file, position, *rest = row
    return Diagnostic(rule, Severity(severity), message, file, Position(*position) if position else None, *rest)

"""A compiled guideline as bytes, for the cache; ``stored`` reads them.

The bytes are a table of lengths, then what ``marshal`` makes of everything but the compiled code and the tables of which a run
looks at little, then those tables entry by entry, then the code piece by piece: they are read only where they are needed.
``marshal`` writes plain data alone, so structs are written as rows of their fields; it reads in two thirds of the time that
``pickle`` takes, which every start would also have to import. Whatever was one object is one again, within what is written
together. The cache is a folder of this user alone, and holds code that will be run anyhow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from marshal import dumps
from typing import Any

from msgspec.structs import asdict, astuple, replace

from guideway.diagnostics import Diagnostic
from guideway.guideline.actions import ActionFacts, PlanFacts, Question
from guideway.guideline.compiled import CompiledGuideline
from guideway.guideline.package import Artifact
from guideway.guideline.plan_facts import facts_of_plan
from guideway.guideline.stored import LENGTH, ON_DEMAND, QUESTIONS, TRIGGERS, Json, Row
from guideway.marshalling import compact

_AS_THEY_ARE = (
    "content_hash", "definitions", "elements_on", "inline", "inline_errors", "library_urls", "parts", "read_in_parts", "roots",
    "value_set_titles",
)  # fmt: skip
"""Parts of a guideline's state that are plain data already."""
_PLAIN = ActionFacts.__struct_fields__[:-1]
"""The fields of an action but the actions inside."""
_WALKED = "PlanDefinition"
"""The artifacts that every run walks through: their JSON is read with all the rest, where equal parts are one."""
_JSON = ("definition", "sound")
"""Those of them that are JSON of the artifact, and stay the objects that stand there."""


def freeze(guideline: CompiledGuideline) -> bytes:
    """A compiled guideline as bytes. RecursionError or ValueError: something in it nests too deeply for that."""
    known: dict[Any, Any] = {}
    state = _compact(guideline, known)
    facts = _Facts(known)
    entries = bytearray()
    pieces: list[Any] = []

    def keep(piece: Any) -> int:
        pieces.append(memoryview(piece))
        return len(pieces) - 1

    stored = {name: state[name] for name in _AS_THEY_ARE}
    stored |= {name: _entries(state[name], entries) for name in ON_DEMAND}
    apart = {number: a.resource for number, a in enumerate(state["artifacts"]) if a.type != _WALKED}
    stored |= {
        "manifest": list(astuple(state["manifest"])),
        "artifacts": [a.head if n in apart else (a.resource, a.file) for n, a in enumerate(state["artifacts"])],
        "resources": _entries(apart, entries, _dumps_with_decimals),
        "elements": [astuple(element) for element in state["elements"].values()],
        "requirements": [astuple(replace(r, dates=tuple(map(astuple, r.dates)))) for r in state["requirements"]],
        "parameters": [astuple(parameter) for parameter in state["parameters"]],
        "findings": [_finding_row(found) for found in state["findings"]],
        "facts": list(map(facts.plan, state["facts"])),
        "actions": facts.actions,
        "asked": list(facts.asked),
        "triggers": list(facts.triggers.values()),
        "questions": facts.questions,
        "program": state["program"].stored(keep) if state["program"] is not None else None,
    }
    parts = [compact(_dumps_with_decimals(stored)), entries, *pieces]
    head = dumps([len(part) for part in parts])
    return b"".join([len(head).to_bytes(LENGTH, "little"), head, *parts])


def _entries(table: dict[Any, Any], entries: bytearray, write: Callable[[Any], bytes] = dumps) -> dict[Any, int]:
    """Write a table entry by entry; where each begins."""
    places = {}
    for name, entry in table.items():
        places[name] = len(entries)
        entries += compact(write(_once(entry, {})))
    return places


def _dumps_with_decimals(value: Any) -> bytes:
    """A value with the places in it of numbers with a decimal point, which ``marshal`` does not know: they are written as bytes,
    which JSON does not have."""
    places = list(_decimals(value))
    for container, place in places:
        container[place] = str(container[place]).encode()
    return dumps((value, places))


# ---- rows --------------------------------------------------------------------------------------------------------------


class _Facts:
    """Writes what plans say, field by field: what is made of columns needs no rows. Many actions ask the same: a question is
    written, and made, once."""

    def __init__(self, known: dict[Any, Any]) -> None:
        self.actions: list[list[Any]] = [[] for _ in range(len(_PLAIN) + 2)]
        """The fields of all actions, those inside before the one that they stand in; of these last the first and the end."""
        self.questions: list[list[Any]] = [[] for _ in Question.__struct_fields__]
        self.asked: dict[tuple[int, ...], int] = {}
        """The questions that an action asks, by their numbers."""
        self.triggers: dict[tuple[int, ...], list[Any]] = {}
        """In lists: they may be of any kind."""
        self._numbers: dict[tuple[int, ...], int] = {}
        self._known = known

    def plan(self, facts: PlanFacts) -> list[Any]:
        """The fields of a plan, and where its actions are."""
        return [*astuple(facts)[:-1], *self._span(facts.actions)]

    def _span(self, actions: tuple[ActionFacts, ...]) -> tuple[int, int]:
        rows = [(*self._row(facts), *self._span(facts.actions)) for facts in actions]
        start = len(self.actions[0])
        for row in rows:
            for column, value in zip(self.actions, row, strict=True):
                column.append(value)
        return start, start + len(rows)

    def _row(self, facts: ActionFacts) -> list[Any]:
        row = [getattr(facts, name) if name in _JSON else _once(getattr(facts, name), self._known) for name in _PLAIN]
        self.triggers.setdefault(key := tuple(map(id, row[TRIGGERS])), list(row[TRIGGERS]))
        row[TRIGGERS] = list(self.triggers).index(key)
        for place in QUESTIONS:
            row[place] = self.asked.setdefault(tuple(map(self._number, row[place])), len(self.asked))
        return row

    def _number(self, question: Question) -> int:
        row = [part if name == "expression" else _once(part, self._known) for name, part in asdict(question).items()]
        key = tuple(map(id, row))
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers)
            for column, value in zip(self.questions, row, strict=True):
                column.append(value)
        return self._numbers[key]


def _finding_row(found: Diagnostic) -> Row:
    rule, severity, message, file, position, *rest = astuple(found)
    return (rule, str(severity), message, file, position and astuple(position), *rest)


def _decimals(data: Any) -> Iterator[tuple[Any, Any]]:
    """Where in plain data numbers with a decimal point stand: the list or object, and the place in it."""
    seen: set[int] = set()
    pending = [data]
    while pending:
        value = pending.pop()
        if not isinstance(value, dict | list | tuple) or id(value) in seen:
            continue
        seen.add(id(value))
        for place, part in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(part, Decimal):
                yield value, place
            else:
                pending.append(part)


# ---- equal parts -------------------------------------------------------------------------------------------------------


def _compact(guideline: CompiledGuideline, known: dict[Any, Any]) -> Json:
    """The state with equal parts made the same object, which is then written, and read, once; ``known`` are those parts.

    Two thirds of a guideline's JSON are extensions, codings and URLs that occur again and again; and what a start reads costs as
    much for its memory as for its time.
    """
    state = guideline.state()
    compact = dict(state)
    compact["manifest"] = replace(state["manifest"], settings=_once(state["manifest"].settings, known))
    compact["artifacts"] = tuple(Artifact(_once(a.resource, known), a.file) for a in state["artifacts"])
    compact["facts"] = tuple(facts_of_plan(a.resource, guideline) for a in compact["artifacts"] if a.type == "PlanDefinition")
    compact["definitions"] = [_once(astuple(found), known) for found in state["definitions"]]
    return compact


def _once(value: Any, known: dict[Any, Any]) -> Any:
    """The value, its parts replaced by equal ones that were met before. An action stays an object of its own, whatever others are
    equal to it: what is found out about actions goes by identity."""
    if isinstance(value, str):
        return known.setdefault(value, value)
    if isinstance(value, Decimal):
        return known.setdefault((Decimal, str(value)), value)
    if isinstance(value, tuple):  # by the identity of the parts, which are the ones kept: 1 is not True
        parts = tuple(_once(part, known) for part in value)
        return known.setdefault((tuple, *map(id, parts)), parts)
    if isinstance(value, list):
        items = [_once(item, known) for item in value]
        return known.setdefault((list, *map(id, items)), items)
    if isinstance(value, dict):
        made = {_once(name, known): _once(item, known) for name, item in value.items() if name != "action"}
        if "action" in value:
            actions = value["action"]
            own = [_own(item, known) for item in actions] if isinstance(actions, list) else actions
            return {name: own if name == "action" else made[name] for name in value}
        return known.setdefault((dict, *(id(part) for pair in made.items() for part in pair)), made)
    return value


def _own(value: Any, known: dict[Any, Any]) -> Any:
    return dict(_once(value, known)) if isinstance(value, dict) else value

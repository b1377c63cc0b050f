"""What is missing where no data element stands behind a null: the define, or the data that the logic reads there.

A package that tags no data elements (one made elsewhere) is explained by this alone. A null that nothing null explains is, at
last, something that was looked for and is not there: rows of a retrieve, an element of the patient, a parameter. The define
that such a null is the value of names it; a condition (a comparison, ``and``, ``or``, a choice between truth values) names
nothing, so there each thing that is read stands for itself. How to supply it follows from the retrieve.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from guideway.apply.outcome import Supply
from guideway.apply.provenance import Trace, unwrap
from guideway.apply.supply import requirement_name, requirement_supply
from guideway.apply.traces import PatientTraces
from guideway.engine.trace import Later, TraceNode
from guideway.engine.values import Code
from guideway.guideline.compiled import DefineKey, Requirement

NullKey = tuple[str, str] | int
"""The define whose value is null, or the node inside one, by identity."""

_TAKES = frozenset({"First", "Last", "Indexer", "SingletonFrom", "Property", "Query", "Coalesce", "Max", "Min", "Mode"})
"""What a Boolean define is when it is a datum (an answer), and not a condition."""
_WRAPS = frozenset({"As", "Convert", "FunctionRef", "ExpressionRef", "ToBoolean"})


class Datum(msgspec.Struct, frozen=True):
    """One thing that is missing: its name, in words, how to supply it, and where it was looked for."""

    name: str
    display: str
    supply: list[Supply]
    node: Trace
    key: DefineKey | None


def names_datum(node: Trace, traces: PatientTraces) -> bool:
    """Whether a null define is a datum, and no condition."""
    definition = traces.guideline.definition((node.library or "", node.define or ""))
    if definition is None or (definition.type or "").rpartition(".")[2].casefold() != "boolean":
        return definition is not None
    root = node
    while len(root.children or ()) and (root is node or root.kind in _WRAPS):
        root = root.children[-1] if root.kind == "FunctionRef" else root.children[0]
        if root.kind == "ExpressionDef":
            return False  # another define, which has a name of its own
    return root.kind in _TAKES


def data_behind(key: NullKey, node: Trace, traces: PatientTraces) -> Iterator[Datum]:
    """What is missing behind a null: the define, with all that it reads, or each thing that is read."""
    found = {name: (display, way) for name, display, way in _read(node, traces)}
    if isinstance(key, int):
        for name, (display, way) in found.items():
            yield Datum(name, display, [way], node, None)
        return
    yield Datum(key[1], traces.words(*key), [way for _, way in found.values()], node, key)


def _read(node: Trace, traces: PatientTraces) -> Iterator[tuple[str, str, Supply]]:
    """The name, the words and the way to supply of everything that a node reads outside data elements."""
    seen: set[int] = set()
    pending = [node]
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if traces.element(current) is not None:
            continue
        found = list(own_reads(current, traces))
        yield from found
        if not found:
            pending += reversed(current.children or ())


def own_reads(node: Trace, traces: PatientTraces) -> Iterator[tuple[str, str, Supply]]:
    """What a node itself reads: a retrieve, an element that the subject does not have, a parameter that is not given."""
    if node.kind == "Retrieve":
        if node.label == traces.subject_type and node.value:
            return
        for requirement in _requirements(node, traces):
            title = requirement_name(requirement, traces.guideline)
            name = _named(requirement, traces)
            yield name, title or requirement.type, requirement_supply(requirement, traces.guideline)
    elif node.kind == "Property" and unwrap(node.value) is None:
        if node.resources and node.resources[0].startswith(f"{traces.subject_type}/"):
            path = (node.label or "").removesuffix(".value")
            words = re.sub(r"[A-Z]", lambda capital: f" {capital[0].lower()}", path.replace(".", " "))
            name = f"{traces.subject_type}.{path}"
            yield name, f"{words} ({name})", Supply(kind="record", text=f"Record {name}", type=traces.subject_type)
    elif node.kind == "ParameterRef" and unwrap(node.value) is None:
        name = (node.label or "parameter").rpartition(".")[2]  # without what its library is called here
        yield name, f"parameter {name}", Supply(kind="record", text=f"Give a value for the parameter {name}")


def _named(requirement: Requirement, traces: PatientTraces) -> str:
    title = requirement_name(requirement, traces.guideline)
    return f"{requirement.type} of {title}" if title else requirement.type


class Reads:
    """The names of what the nodes of one patient's traces read outside data elements; each node is looked at once."""

    def __init__(self, traces: PatientTraces) -> None:
        self.traces = traces
        self._known: dict[int, frozenset[str]] = {}

    def of(self, node: Trace) -> frozenset[str]:
        """The names of everything that a node reads."""
        return self._of(node, _NOTHING)[0]

    def _of(self, node: Trace, told: frozenset[str]) -> tuple[frozenset[str], bool]:
        """The same, perhaps without what is told already; and whether it is all."""
        known = self._known.get(id(node))
        if known is not None:
            return known, True
        known, whole = _NOTHING, True
        kind = node.kind
        if kind == "ExpressionDef":
            told = _NOTHING  # others refer to it too
        if kind != "ExpressionDef" or self.traces.element(node) is None:
            if kind in _READS or kind == "Property":
                known = frozenset(name for name, _, _ in own_reads(node, self.traces)) or _NOTHING
            if not known:
                children, whole = self._children(node, told)
                for child in children:
                    if not (child.below or child.kind in _READS) or (child.kind == "Iteration" and self._says_nothing(child)):
                        continue
                    below, all_of_it = self._of(child, told | known if known else told)
                    whole = whole and all_of_it
                    if below and below is not known:
                        known = known | below if known else below
        if whole or not told:
            self._known[id(node)] = known
            whole = True
        return known, whole

    def _says_nothing(self, row: Trace) -> bool:
        """Whether nothing stands below a row but what would have to be made, and reads nothing."""
        below = row.below
        later = below[0].below if len(below) == 1 and type(below[0]) is TraceNode else None
        return type(later) is Later and later.asks_only(()) and later.reads_none_of(self.traces.subject_type)

    def _children(self, node: Trace, told: frozenset[str]) -> tuple[Sequence[Trace], bool]:
        """The children, without those that would have to be made where these read nothing new; and whether these are all that
        read anything."""
        later = node.later
        if later is None:
            rows = node.rows
            if rows is not None and rows.asks_only(()) and rows.reads_none_of(self.traces.subject_type):
                return node.known, True
            return node.children, True
        if later.reads_none_of(self.traces.subject_type) and later.asks_only(told):
            return node.known, not later.asks
        return node.children, True

    def beyond(self, node: Trace, elements: Iterable[DefineKey]) -> frozenset[str]:
        """Of what a node reads, what these elements do not read too."""
        found = self.of(node)
        for key in elements if found else ():
            definition = self.traces.guideline.definition(key)
            numbers = definition.requirements if definition is not None else ()
            found = found - {_named(self.traces.guideline.requirements[number], self.traces) for number in numbers}
        return found


_NOTHING: frozenset[str] = frozenset()
_READS = ("Retrieve", "ParameterRef")


def _requirements(retrieve: Trace, traces: PatientTraces) -> list[Requirement]:
    """What a retrieve asks for; of a define with several of one type, all that it may be."""
    guideline = traces.guideline
    definition = guideline.definition((retrieve.library or "", retrieve.define or ""))
    every = [guideline.requirements[number] for number in definition.requirements] if definition is not None else []
    found = [requirement for requirement in every if requirement.type == retrieve.label]
    asked = {(value.system, value.code) for value in _codes(retrieve)}
    if asked:
        exact = [requirement for requirement in found if asked & set(requirement.codes)]
    else:
        exact = [requirement for requirement in found if requirement.value_set]
    return exact or found or [Requirement(type=retrieve.label or "data")]


def _codes(retrieve: Trace) -> Iterator[Code]:
    pending = list(retrieve.children or ())
    while pending:
        node = pending.pop()
        if isinstance(node.value, Code):
            yield node.value
        else:
            pending += node.children or ()

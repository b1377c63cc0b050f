"""What is missing where no data element stands behind a null: the define, or the data that the logic reads there.

A package that tags no data elements (one made elsewhere) is explained by this alone. A null that nothing null explains is, at
last, something that was looked for and is not there: rows of a retrieve, an element of the patient, a parameter. The define
that such a null is the value of names it; a condition (a comparison, ``and``, ``or``, a choice between truth values) names
nothing, so there each thing that is not there stands for itself (``gaps``). How to supply it follows from the retrieve.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from guideway.apply.outcome import Supply
from guideway.apply.own_gaps import named, own_gaps
from guideway.apply.provenance import Trace
from guideway.apply.traces import PatientTraces
from guideway.engine.trace import Later, TraceNode
from guideway.guideline.compiled import DefineKey, Requirement

if TYPE_CHECKING:
    from guideway.apply.gaps import Gaps

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
    key: DefineKey | None = None
    names: frozenset[str] = frozenset()
    """Of a define, what it would be read from."""
    read: Requirement | None = None
    """Of what has no define, the retrieve that would have found it."""


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


def data_behind(key: NullKey, node: Trace, gaps: Gaps) -> Iterator[Datum]:
    """What is missing behind a null: the define, with all that it reads, or each thing that is read."""
    found = gaps.behind(node)
    if isinstance(key, int):
        for gap in found:
            yield Datum(gap.name, gap.display, [gap.supply], node, read=gap.read)
        return
    yield Datum(key[1], gaps.traces.words(*key), [gap.supply for gap in found], node, key, frozenset(gap.name for gap in found))


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
            if kind in _READS or (kind == "Property" and self._is_of_subject(node)):
                known = frozenset(gap.name for gap in own_gaps(node, self.traces)) or _NOTHING
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

    def _is_of_subject(self, node: Trace) -> bool:
        return bool(node.reads) and str(node.reads[0][0]).startswith(f"{self.traces.subject_type}/")

    def _says_nothing(self, row: Trace) -> bool:
        """Whether nothing stands below a row but what would have to be made, and reads nothing."""
        below = row.below
        later = below[0].below if len(below) == 1 and type(below[0]) is TraceNode else None
        return type(later) is Later and later.asks_only(()) and later.reads_none_of(self.traces.subject_type)

    def _children(self, node: Trace, told: frozenset[str]) -> tuple[Sequence[Trace], bool]:
        """The children, without those that would have to be made where these read nothing new; and whether these are all that
        read anything."""
        below = node.below
        if type(below) is tuple:
            return below, True
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
            found = found - {named(self.traces.guideline.requirements[number], self.traces) for number in numbers}
        return found


_NOTHING: frozenset[str] = frozenset()
_READS = ("Retrieve", "ParameterRef")

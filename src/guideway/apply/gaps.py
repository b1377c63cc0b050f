"""What would have to be there for a null to have a value, where no data element says it: rows, how many of them, or an element
that a resource on record does not have.

Takes a null node of a trace, or a list that has not enough rows; gives the ``Gap``s behind it. A null is followed down through
the operand that is null, the row that was taken, and the branch that was chosen, to one of three things: an element of a resource
that is there (``Condition/x.code.text``), a parameter, or a list without the row that was wanted of it. A list is followed to
what its rows come from; ``Skip(rows, 1)`` needs one more of these, ``rows[1]`` two. What the conditions or the results of a query
read besides is asked for with its rows, for it may never have been evaluated (``guideline.choices``), and so are the other
branches of a choice that rests on what is missing. Where none of this says anything, everything that is read stands for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from guideway.apply.own_gaps import Gap, element_gap, own_gaps
from guideway.apply.provenance import Trace, unwrap
from guideway.apply.traces import PatientTraces
from guideway.diagnostics import GuidewayError
from guideway.fhir.element import FhirObject

Operands = Mapping[str, tuple[Trace, "Operands"]]
"""What the operands of a call stand for, each with what the names in it stand for."""

_TAKES = frozenset({"First", "Last", "Indexer", "SingletonFrom"})
_SPREADS = frozenset({"Variance", "StdDev"})
"""What a single value has none of."""
_FOLDS = frozenset({"Max", "Min", "Sum", "Avg", "Median", "Mode", "Product", "GeometricMean", "PopulationVariance",
                    "PopulationStdDev", *_SPREADS})  # fmt: skip
_PASSES = frozenset({"As", "Convert", "ExpressionRef", "ExpressionDef"})
"""What gives its operand on as it is."""
_RELATES = frozenset({"With", "Without"})
_SOME_ROWS = 20
"""Of so many rows it is asked why they are null."""


class Gaps:
    """Finds the gaps behind nulls of one patient's traces."""

    def __init__(self, traces: PatientTraces, reads: Callable[[Trace], frozenset[str]]) -> None:
        self.traces = traces
        self._reads = reads
        """The names of everything that a node reads."""
        self._found: dict[str, Gap] = {}
        self._seen: set[tuple[int, int]] = set()

    def behind(self, node: Trace) -> list[Gap]:
        """What would have to be there for a null to have a value, in the order of the logic."""
        self._found, self._seen = {}, set()
        self._null(node, {})
        if not self._found:
            self._everything(node)
        return list(self._found.values())

    def chosen_otherwise(self, node: Trace, read: set[str]) -> list[Gap]:
        """What the other branches want of the choices below a node that rest on what is missing, on data of these names; and what
        the conditions and results of queries want whose rows it will be."""
        self._found, self._seen = {}, set()
        above: dict[int, Trace] = {}
        choices = list(self._choices(node, above))
        asked: set[int] = set()
        while choices:
            told = len(self._found)
            for choice in choices:
                wanted = read | self._found.keys()
                rests_on = [child for child in choice.children if child.kind != "Iteration"]
                rests_on = rests_on if choice.kind == "Query" else rests_on[:-1]
                if id(choice) not in asked and any(not wanted.isdisjoint(self._reads(child)) for child in rests_on):
                    asked.add(id(choice))
                    if choice.kind == "Query":  # a list that is empty refuses the rows to come, which is an answer
                        self._beside(choice, lists=False)
                        continue
                    for part in self._beside(choice):
                        self._of_other_row(part, choice, above)
                        choices += [inner for inner in self._choices(part, above) if inner not in choices]
            if len(self._found) == told:
                break
        return list(self._found.values())

    def _of_other_row(self, part: Trace, choice: Trace, above: Mapping[int, Trace]) -> None:
        """What is taken of what was chosen: the row, and the element of it, where another that may be chosen does not have it."""
        data, node = part.value, above.get(id(choice))
        path: list[str] = []
        reference = ""
        while node is not None:
            if isinstance(data, FhirObject):
                reference, data = data.reference or "", data.data
            if node.kind in _TAKES and isinstance(data, list):
                index = node.children[1].value if len(node.children) > 1 else 0
                place = index if isinstance(index, int) else 0
                if place >= len(data):
                    if not path:
                        self._more(part, place + 1 - len(data), {})
                    return
                data = data[-1 if node.kind == "Last" else place]
                if data is None:
                    self._items(part, {})
            elif node.kind == "Property" and not isinstance(data, list):
                if not isinstance(data, dict):
                    return
                path.append(name := node.label or "")
                data = data.get(name) or next((value for key, value in data.items() if _is_choice(key, name)), None)
            elif node.kind not in _PASSES:
                return
            if data is None:
                if reference and path:
                    self._add(element_gap(reference, ".".join(path)))
                return
            node = above.get(id(node))

    def _add(self, gap: Gap) -> None:
        known = self._found.get(gap.name)
        if known is None or (gap.supply.count or 1) > (known.supply.count or 1):
            self._found[gap.name] = gap

    def _again(self, node: Trace, wanted: int) -> bool:
        """Whether so much has been asked of a node already."""
        key = (id(node), wanted)
        if key in self._seen:
            return True
        self._seen.add(key)
        return False

    # -- what is null

    def _null(self, node: Trace, names: Operands) -> None:
        if self._again(node, 0) or self.traces.element(node) is not None:
            return
        before = len(self._found)
        children: Sequence[Trace] = node.children or ()
        kind = node.kind
        if kind == "Property":
            self._property(node, children, names)
        elif kind in ("ParameterRef", "Retrieve"):
            for gap in own_gaps(node, self.traces):
                self._add(gap)
        elif kind == "OperandRef":
            operand = names.get(node.label or "")
            if operand is not None:
                self._wanting(*operand)
        elif kind in _TAKES and children:
            self._taken(node, children, names)
        elif kind in _FOLDS and children:
            rows = children[0]
            there = sum(1 for item in rows.value or () if item is not None) if isinstance(rows.value, list) else 0
            self._more(rows, (2 if kind in _SPREADS else 1) - there, names)
        elif kind == "Coalesce":  # any of them would do
            for child in children:
                self._wanting(child, names)
                if len(self._found) > before:
                    break
        elif kind in ("If", "Case") and len(children) > 1:
            self._choice(node, lambda branch: self._wanting(branch, names), names)
        elif kind == "FunctionRef" and (operands := getattr(node, "operands", None)) is not None:
            given = {name: (child, names) for name, child in zip(operands, children)}
            for child in children[len(operands) :]:
                self._wanting(child, given)
        elif kind == "Query":
            self._results(node, names)
        else:
            for child in children:
                if unwrap(child.value) is None:
                    self._null(child, names)
        if len(self._found) == before and kind not in ("ExpressionDef", "Null", "Literal"):
            self._everything(node)

    def _wanting(self, node: Trace, names: Operands) -> None:
        """What is null, or a list without a row."""
        if unwrap(node.value) is None:
            self._null(node, names)
        elif node.value == []:
            self._more(node, 1, names)

    def _property(self, node: Trace, children: Sequence[Trace], names: Operands) -> None:
        owner = children[0] if children else None
        if owner is not None and unwrap(owner.value) is None:
            self._null(owner, names)
            return
        for gap in own_gaps(node, self.traces):
            self._add(gap)

    def _taken(self, node: Trace, children: Sequence[Trace], names: Operands) -> None:
        """A row of a list that is not there, or that is null."""
        rows, *index = children
        if index and unwrap(index[0].value) is None:
            self._null(index[0], names)
            return
        if not isinstance(rows.value, list):
            self._null(rows, names)
            return
        place = index[0].value if index and isinstance(index[0].value, int) else 0
        if place >= len(rows.value):
            self._more(rows, place + 1 - len(rows.value), names)
            return
        self._items(rows, names, len(rows.value) - 1 if node.kind == "Last" else place)

    def _items(self, rows: Trace, names: Operands, place: int | None = None) -> None:
        """Why items of a list are null, or the one at that place: the results of the rows that they come from."""
        pending = [rows]
        while pending:
            node = pending.pop()
            if self.traces.element(node) is not None:
                continue
            if node.kind == "Query":
                self._results(node, names, place)
            elif node.kind == "List":
                for child in node.children or ():
                    if isinstance(child.value, list):
                        pending.append(child)
                    elif unwrap(child.value) is None:
                        self._null(child, names)
            elif node.kind == "OperandRef" and (given := names.get(node.label or "")) is not None:
                pending.append(given[0])
            else:
                place = place if node.kind in _PASSES else None
                pending += reversed([child for child in node.children or () if isinstance(child.value, list)])

    def _results(self, query: Trace, names: Operands, place: int | None = None) -> None:
        """Why the results of the rows of a query are null, or the one at that place, where the rows are in their order."""
        children: Sequence[Trace] = query.children or ()
        before = len(self._found)
        sources = [child for child in children if child.kind != "Iteration"]
        bare = False
        results: list[Trace] = []
        rows = [child for child in children if child.kind == "Iteration"][:_SOME_ROWS]
        while rows:
            row = rows.pop(0)
            bare = bare or unwrap(row.value) is None
            inside = row.children or ()
            if inside and inside[-1].kind == "Iteration":  # of the next source
                rows[:0] = inside[:_SOME_ROWS]
                continue
            results += inside[getattr(row, "kept", len(inside)) :]
        values = query.value if isinstance(query.value, list) else []
        if place is not None and len(values) == len(results) and all(r.value is v for r, v in zip(results, values)):
            results = results[place : place + 1]
        for result in results:
            if unwrap(result.value) is None and result.kind != "AliasRef":
                self._null(result, names)
        for child in sources:
            if not isinstance(child.value, list):
                self._wanting(child, names)
            elif bare or len(self._found) == before:
                self._items(child, names)

    # -- lists without enough rows

    def _more(self, node: Trace, wanted: int, names: Operands) -> None:
        """What so many more rows of a list would come from."""
        if wanted < 1 or self._again(node, wanted) or self.traces.element(node) is not None:
            return
        before = len(self._found)
        children: Sequence[Trace] = node.children or ()
        kind = node.kind
        if node.value is not None and not isinstance(node.value, list):
            return
        if kind == "Retrieve":
            there = len(node.value or ())
            for gap in own_gaps(node, self.traces):
                self._add(_counted(gap, wanted, there))
        elif kind == "Property":
            self._property(node, children, names)
        elif kind == "Query":
            self._more_rows(node, wanted, names)
        elif kind == "Slice" and children:
            start = children[1].value if len(children) > 1 else 0
            start = start if isinstance(start, int) else 0
            end = children[2].value if len(children) > 2 else None
            there = len(children[0].value or ())
            if isinstance(end, int) and there >= end:  # no more of it are taken
                self._items(children[0], names)
            else:
                self._more(children[0], wanted + max(0, start - there), names)
        elif kind in ("Except", "Union") and children:  # of joined lists any of them would do
            self._more(children[0], wanted, names)
        elif kind == "Flatten" and children and children[0].kind == "List" and children[0].children:
            self._more(children[0].children[0], wanted, names)
        elif kind == "Intersect":
            there = len(node.value or ())
            lacks = [(child, there + wanted - sum(1 for i in child.value or () if i is not None)) for child in children]
            for child, lack in [each for each in lacks if each[1] > 0] or [(child, wanted) for child in children]:
                self._more(child, lack, names)
        elif kind in ("If", "Case") and len(children) > 1:
            self._choice(node, lambda branch: self._more(branch, wanted, names), names)
        elif kind == "OperandRef":
            given = names.get(node.label or "")
            if given is not None:
                self._more(given[0], wanted, given[1])
        elif kind == "FunctionRef" and (operands := getattr(node, "operands", None)) is not None:
            inner = {name: (child, names) for name, child in zip(operands, children)}
            for child in children[len(operands) :]:
                self._more(child, wanted, inner)
        elif kind == "Coalesce" and children:
            self._more(children[-1], wanted, names)
        else:
            for child in children:
                if isinstance(child.value, list):
                    self._more(child, wanted, names)
                elif unwrap(child.value) is None:
                    self._null(child, names)
        if len(self._found) == before and kind != "ExpressionDef":
            self._everything(node)

    def _more_rows(self, query: Trace, wanted: int, names: Operands) -> None:
        """More rows of a query: of what they come from, and what their conditions and results read besides."""
        children: Sequence[Trace] = query.children or ()
        sources = [child for child in children if child.kind != "Iteration"]
        row = next((child for child in children if child.kind == "Iteration"), None)
        while row is not None and row.children and row.children[0].kind == "Iteration":
            row = row.children[0]
        beside = [
            getattr(child, "source", None) for child in (row.children or () if row is not None else ()) if child.kind in _RELATES
        ]
        sources = [child for child in sources if not any(child is known for known in beside)]
        lists = [child for child in sources if child.value is None or isinstance(child.value, list)]
        for source in [child for child in lists if not child.value] or lists:
            self._more(source, wanted, names)
        for operand, inside in names.values():  # of a function that the query stands in
            if unwrap(operand.value) is None:
                self._null(operand, inside)
        self._beside(query, also_there=True)

    def _choice(self, node: Trace, ask: Callable[[Trace], None], names: Operands) -> None:
        """What the branch that was chosen wants, and what left the choice open."""
        *conditions, branch = node.children
        ask(branch)
        for condition in conditions:
            if unwrap(condition.value) is None:
                self._null(condition, names)

    def _beside(self, node: Trace, *, lists: bool = True, also_there: bool = False) -> list[Trace]:
        """What parts of a query or of a choice refer to that may not have been evaluated, as far as it is not there; not
        ``lists``: without empty lists; ``also_there``: of lists that are not empty more too. Gives all of these parts."""
        found: list[Trace] = []
        messages = len(self.traces.evaluation.messages)
        choices = self.traces.guideline.choices.get(node.library or "", {})
        for _, key in choices.get(getattr(node, "locator", None) or "", ()):
            try:
                part = self.traces.trace(*key) if key is not None else None
            except GuidewayError:
                part = None
            if part is not None:
                found.append(part)
                if lists or not isinstance(part.value, list):
                    self._wanting(part, {})
                if also_there and part.value and isinstance(part.value, list):
                    self._more(part, 1, {})
        del self.traces.evaluation.messages[messages:]  # of what the logic did not need
        return found

    def _choices(self, node: Trace, above: dict[int, Trace]) -> Iterator[Trace]:
        """The choices and queries below a node, but for those of data elements; ``above`` is told what each stands in first."""
        seen: set[int] = set()
        pending = [node]
        while pending:
            current = pending.pop()
            if id(current) in seen or self.traces.element(current) is not None:
                continue
            seen.add(id(current))
            if current.kind in ("If", "Case", "Query") and current.children:
                yield current
            for child in reversed(current.children or ()):
                above.setdefault(id(child), current)
                pending.append(child)

    def _everything(self, node: Trace) -> None:
        """Everything that a node reads outside data elements."""
        seen: set[int] = set()
        pending = [node]
        while pending:
            current = pending.pop()
            if id(current) in seen:
                continue
            seen.add(id(current))
            if self.traces.element(current) is not None:
                continue
            found = own_gaps(current, self.traces)
            for gap in found:
                self._add(gap)
            if not found:
                pending += reversed(current.children or ())


def _is_choice(key: str, name: str) -> bool:
    """Whether a property of JSON is that element of a choice type: ``valueQuantity``, ``value``."""
    return key.startswith(name) and key[len(name) : len(name) + 1].isupper()


def _counted(gap: Gap, wanted: int, there: int) -> Gap:
    """Rows, as many as are wanted beyond those that are there."""
    if wanted < 2 and not there:
        return gap
    much = "one more" if wanted < 2 else f"{wanted} more" if there else f"{wanted} of them"
    supply = msgspec.structs.replace(gap.supply, text=f"{gap.supply.text} ({much})", count=wanted if wanted > 1 else None)
    return Gap(gap.name, gap.display, supply, gap.read)

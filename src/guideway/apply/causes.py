"""What is missing: the data behind a null condition, how to supply it; why data that is there did not help is ``reasons``.

Missing is a data element that is null where the result is null because of it: the null operands of a null ``and`` or ``or``, the
null operand of a comparison, and so on down to the deepest element. An element whose null made no difference (``false and null``)
is not missing. An element that has a value which does not settle the comparison (a comparator, a unit) is missing with that as
the cause. Which of several nulls matter: ``relevance``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from guideway.apply.comparisons import brief, comparison_text
from guideway.apply.conditions import APPLICABILITY, statuses
from guideway.apply.doubts import unit_mismatch, weaknesses
from guideway.apply.outcome import ConditionResult, Excluded, Missing
from guideway.apply.provenance import Trace, deciders, unwrap
from guideway.apply.reasons import Reasons
from guideway.apply.relevance import Known as KnownNodes
from guideway.apply.relevance import Parts, Reader, is_null, relevant_leaves
from guideway.apply.supply import supplies
from guideway.apply.touched import (
    is_of_another_type,
    may_be_of,
)
from guideway.apply.traces import BRIEF, PatientTraces, define_name, plain
from guideway.apply.untagged import Datum, NullKey, Reads, data_behind, names_datum
from guideway.diagnostics import GuidewayError
from guideway.engine.values import TupleValue, Uncertainty
from guideway.guideline.compiled import DefineKey, Requirement

if TYPE_CHECKING:
    from guideway.apply.gaps import Gaps


class Causes(msgspec.Struct, frozen=True):
    """What is behind a null: data elements that are null; elements that have a value which does not settle it, with why; and
    nulls that no element accounts for, each with its node (``untagged``)."""

    strong: dict[DefineKey, None]
    weak: dict[DefineKey, list[str]]
    untagged: dict[NullKey, Trace]
    unsettled: NullKey | None = None
    """The null that rests on data elements, none of which makes it null by itself: the weak ones stand for it."""

    @property
    def named(self) -> Iterable[DefineKey]:
        """The elements whose values settle it."""
        return self.strong if self.unsettled is None else self.weak


_NO_CAUSES = Causes({}, {}, {})
_NO_ELEMENTS: frozenset[DefineKey] = frozenset()
_CONNECTIVES = frozenset({"And", "Or", "Implies", "Xor", "Not", "ExpressionRef", "ExpressionDef"})
"""Nodes whose operands each stand for themselves: a cause on one side does not explain the other."""


Results = list[tuple[ConditionResult, Trace]]
"""What the conditions of a recommendation came to, each with its trace."""


class CauseFinder:
    """Finds what the null conditions of one patient wait for; ``excluded`` gives what the record left out of what an element
    reads."""

    def __init__(self, traces: PatientTraces, excluded: Callable[[Iterable[DefineKey | Requirement]], list[Excluded]]) -> None:
        self.traces = traces
        self.reasons = Reasons(traces, excluded)
        self.standing: Mapping[DefineKey, str] = {}
        """Elements that stand for themselves although they rest on other ones, with why (``followups``)."""
        self._known: dict[int, Causes] = {}
        self._nodes = KnownNodes()
        self._nodes_with_reads = KnownNodes()
        self._passes: dict[tuple[bool, str, int], bool] = {}
        """By kind and trace of a condition: what ``_open`` leaves out."""
        self._relevant: dict[tuple[bool, tuple[tuple[str, int], ...]], tuple[list[Trace], bool]] = {}
        """By kind and trace of the conditions that are open: the nulls that matter; whether they rest on any
        that no element accounts for."""
        self._missing_with: dict[Any, tuple[list[Missing], dict[DefineKey, None]]] = {}
        """What is missing, by the nulls that matter and the conditions that are null."""
        self._reads = Reads(traces)
        self._given: dict[int, list[Trace]] = {}
        """By the node of an operand's name: what was given for it."""
        self._past: dict[int, frozenset[DefineKey]] = {}
        self._past_in: dict[DefineKey, bool] = {}
        self._others: dict[DefineKey, bool] = {}
        self._cut: set[int] = set()
        """Choices that did not evaluate all that they may need."""
        self._choices: dict[tuple[str, str], Sequence[tuple[Trace | None, Trace | None]] | None] = {}

    @cached_property
    def _gaps(self) -> Gaps:
        """What is missing where no data element says it, which seldom is asked for."""
        from guideway.apply.gaps import Gaps

        return Gaps(self.traces, self._reads.of)

    def with_standing(self, standing: Mapping[DefineKey, str]) -> CauseFinder:
        """The same, with elements that stand for themselves."""
        other = CauseFinder(self.traces, lambda keys: [])
        other.reasons = self.reasons
        other.standing = standing
        return other

    def missing(self, results: Results, *, checked: bool = True) -> tuple[list[Missing], dict[DefineKey, None]]:
        """The data that some completion of the rest lets decide the status, in the order of the conditions, and the data elements
        among it; ``checked``: with the resources that were looked at for each. Recommendations of which the same is open and null
        share what they wait for."""
        leaves, null = self._leaves(results)
        key = checked, tuple(map(id, leaves)), tuple([(result.kind, id(trace)) for result, trace in null])
        known = self._missing_with.get(key)
        if known is None:
            read: dict[DefineKey, None] = {}
            known = self._missing_with[key] = list(self._new_missing(leaves, null, read, checked)), read
        return known

    def _new_missing(self, leaves: list[Trace], null: Results, read: dict[DefineKey, None], checked: bool) -> Iterator[Missing]:
        """The same, from the nulls that matter and the conditions that are null."""
        found, data, untagged = self._found(leaves, null)
        waiting = self._waiting(null)
        first = null[0][0].kind if null else APPLICABILITY
        for key, because in found.items():
            read[key] = None
            element = self.traces.guideline.elements[key]
            missing = Missing(
                element=element.id,
                display=element.display,
                for_=waiting.get(key, first),
                supply=supplies(element, self.traces.guideline),
                checked=self._looked_at(key) if checked else [],
            )
            self.reasons.give(missing, [*because, *self.standing.get(key, "").splitlines()], key)
            yield missing
        told = {self.traces.guideline.elements[key].id for key in found}
        more: dict[str, Missing] = {}
        for missing in self._untagged(data, untagged, leaves, null, checked):
            if missing.element not in told:
                before = more.get(missing.element)
                more[missing.element] = missing if before is None else _more_of(before, missing)
        yield from more.values()
        if null and not told and not more:
            yield from self._all_that_is_read(*null[0], checked)

    def missing_elements(self, results: Results) -> list[DefineKey]:
        """The data elements alone that are missing."""
        return list(self._found(*self._leaves(results))[0])

    def _found(
        self, leaves: list[Trace], null: Results
    ) -> tuple[dict[DefineKey, list[str]], list[tuple[NullKey, Datum]], dict[NullKey, Trace]]:
        """The data elements that are missing, each with why, and the data that no element stands for, with the nulls that these
        are behind."""
        strong: dict[DefineKey, None] = {}
        weak: dict[DefineKey, list[str]] = {}
        untagged: dict[NullKey, Trace] = {}
        for leaf in leaves:
            causes = self._causes(leaf)
            strong |= causes.strong
            weak |= causes.weak
            untagged |= causes.untagged
        data = [(key, datum) for key, node in untagged.items() for datum in data_behind(key, node, self._gaps)]
        if data and (elements := self._null_elements(null)):
            data = [each for each in data if not self._tagged(each[1], elements, strong, weak)]
            untagged = {key: untagged[key] for key, _ in data}
        if not (strong or weak or data):
            weak |= {key: [] for key in self._null_elements(null)}
            if null:
                open_ = null[0][1]
                weak = weak or self._undecided(open_, only_empty=False) or {key: [] for key in self._resting_on(open_)}
        found: dict[DefineKey, list[str]] = {key: [] for key in strong}
        found |= {key: because for key, because in weak.items() if key not in strong}
        return found, data, untagged

    def _all_that_is_read(self, result: ConditionResult, trace: Trace, checked: bool) -> Iterator[Missing]:
        """What a null condition is without, where nothing else says it; its name where it reads nothing."""
        gaps = self._gaps.behind(trace)
        for gap in gaps:
            yield self._missing(Datum(gap.name, gap.display, [gap.supply], trace, read=gap.read), result.kind, checked)
        if not gaps:
            name = result.define or result.expression
            display = self.traces.words(result.library or "", name) if result.define else name
            yield Missing(element=name, display=display, for_=result.kind)

    def _null_elements(self, null: Results) -> list[DefineKey]:
        """The data elements without a value that the null conditions rest on and that rest on no other one."""
        found: dict[DefineKey, None] = {}
        messages = len(self.traces.evaluation.messages)
        for result, _ in null:
            definition = self.traces.guideline.definition((result.library or "", result.define or ""))
            for key in definition.elements if definition is not None else ():
                if key in found or self._rests_on_others(key):
                    continue
                try:
                    element = self.traces.trace(*key)
                except GuidewayError:
                    element = None
                if element is not None and unwrap(element.value) is None:
                    found[key] = None
        del self.traces.evaluation.messages[messages:]  # of what the logic did not need
        return list(found)

    def _resting_on(self, node: Trace) -> list[DefineKey]:
        """The data element without a value that itself rests on what is null here, and that reads all that this does: what
        supplies it supplies this too."""
        guideline = self.traces.guideline
        kinds = {gap.supply.type for gap in self._gaps.behind(node)}
        below = {(n.library, n.define) for n in _all_below(node) if define_name(n) is not None and unwrap(n.value) is None}
        found: list[tuple[int, DefineKey]] = []
        for key in guideline.elements if kinds else ():
            definition = guideline.definition(key)
            numbers = definition.requirements if definition is not None else ()
            if kinds <= {guideline.requirements[number].type for number in numbers}:
                found.append((len(numbers), key))
        for _, key in sorted(found):
            trace = self.traces.trace(*key)
            if trace is not None and unwrap(trace.value) is None:
                if any((n.library, n.define) in below for n in _all_below(trace) if define_name(n) is not None):
                    return [key]
        return []

    def _tagged(
        self, datum: Datum, elements: list[DefineKey], strong: dict[DefineKey, None], weak: dict[DefineKey, list[str]]
    ) -> bool:
        """Whether one of these data elements stands for a datum that no element is the root of: it has no value and is read from
        all that the datum would be read from. It is then among those that are missing."""
        guideline = self.traces.guideline
        asked = {(way.type, "" if way.resource else way.value_set or (way.code or {}).get("code")) for way in datum.supply}
        standing: list[tuple[bool, int, DefineKey]] = []
        for key in elements:
            definition = guideline.definition(key)
            requirements = [guideline.requirements[n] for n in definition.requirements] if definition is not None else []
            read = {(r.type, way) for r in requirements for way in ("", r.value_set or (r.codes[0][1] if r.codes else None))}
            if asked <= read and self._reads_what(key, datum):
                standing.append((key not in strong and key not in weak, len(requirements), key))
        if standing and (first := min(standing, key=lambda each: each[:2]))[0]:
            weak[first[2]] = []
        return bool(standing)

    def _reads_what(self, key: DefineKey, datum: Datum) -> bool:
        """Whether an element reads the resources on record that lack what is missing, and for the same reason."""
        lacking = {way.resource for way in datum.supply if way.resource}
        if not lacking:
            return True
        own = self.traces.guideline.definition((datum.node.library or "", datum.node.define or ""))
        other = self.traces.guideline.definition(key)
        if own is not None and other is not None:
            return set(own.requirements) <= set(other.requirements)
        trace = self.traces.trace(*key)
        return trace is not None and lacking <= self.traces.sources.read_by(trace).keys()

    def _leaves(self, results: Results) -> tuple[list[Trace], Results]:
        """The nulls that matter, and the conditions that are null. Data that no element stands for ties together what reads it:
        where there is such data, what reads it may change with it although it has a value so far."""
        open_ = self._open(results, with_reads=False)
        leaves, untagged = self._leaves_of(open_, with_reads=False)
        if untagged:
            leaves, _ = self._leaves_of(self._open(results, with_reads=True), with_reads=True)
        return leaves, [each for each in open_ if unwrap(each[1].value) is None]

    def _open(self, results: Results, *, with_reads: bool) -> Results:
        """The conditions without those that leave the status to the others (``statuses``), and certainly so."""
        found: Results = []
        reader: Reader | None = None
        for each in results:
            result, trace = each
            key = with_reads, result.kind, id(trace)
            passes = self._passes.get(key)
            if passes is None:
                passes = unwrap(trace.value) is (result.kind == APPLICABILITY)
                if passes:
                    reader = reader or self._reader(with_reads)
                    passes = reader.is_certain(trace)
                self._passes[key] = passes
            if not passes:
                found.append(each)
        return found

    def _leaves_of(self, open_: Results, *, with_reads: bool) -> tuple[list[Trace], bool]:
        """The nulls of these conditions that matter, and whether no element accounts for some. Recommendations that differ in
        nothing but what is certain and does not stand in their way have the same ones."""
        key = with_reads, tuple([(result.kind, id(trace)) for result, trace in open_])
        known = self._relevant.get(key)
        if known is None:
            kinds = [result.kind for result, _ in open_]
            traces = [trace for _, trace in open_]
            passing = [kind == APPLICABILITY for kind in kinds]
            leaves = relevant_leaves(
                self._reader(with_reads), traces, lambda every, values: statuses(kinds, every, values), passing=passing
            )
            known = self._relevant[key] = leaves, any(self._causes(leaf).untagged for leaf in leaves)
        return known

    def _reader(self, with_reads: bool) -> Reader:
        if not with_reads:
            return Reader(
                self._is_datum,
                unwrap,
                self._passed_over,
                self._nodes,
                self._branches,
                lambda node: self._causes(node).named,
                self._looked_past,
            )
        return Reader(
            self._is_datum,
            unwrap,
            self._passed_over,
            self._nodes_with_reads,
            self._branches,
            lambda node: [*(causes := self._causes(node)).named, *self._read_for(causes)],
            lambda node: self._looked_past(node) | self._reads.of(node),
        )

    def _untagged(
        self,
        data: list[tuple[NullKey, Datum]],
        nulls: dict[NullKey, Trace],
        leaves: list[Trace],
        null: Results,
        checked: bool,
    ) -> Iterator[Missing]:
        """What is missing that no data element stands for; last what may be chosen when the rest is there."""
        kind = APPLICABILITY
        told: set[str] = set().union(*(datum.names for _, datum in data))  # what is supplied with a define that is missing
        for key, datum in data:
            if not datum.names and datum.name in told and not datum.supply[0].count:
                continue
            waiting = (result.kind for result, trace in null if key in self._causes(trace).untagged)
            kind = next(waiting, APPLICABILITY)
            yield self._missing(datum, kind, checked)
        read: set[str] = set()
        for key, datum in data:
            read |= {datum.name, *datum.names}
            kinds = {way.type for way in datum.supply if way.resource}
            read |= {name for name in self._reads.of(nulls[key]) if name.partition(" ")[0] in kinds} if kinds else set()
        for leaf in leaves if nulls else ():
            for gap in self._gaps.chosen_otherwise(leaf, read):
                if gap.name not in told or gap.supply.count:
                    yield self._missing(Datum(gap.name, gap.display, [gap.supply], leaf, read=gap.read), kind, checked)

    def _missing(self, datum: Datum, kind: str, checked: bool) -> Missing:
        found, needed, looked_at = self.traces.sources.of(datum.node) if checked else ({}, {}, {})
        missing = Missing(
            element=datum.name,
            display=datum.display,
            for_=kind,
            supply=datum.supply,
            checked=list(found | needed | looked_at)[:BRIEF],
        )
        self.reasons.give(missing, [], datum)
        return missing

    def _looked_at(self, key: DefineKey) -> list[str]:
        """The resources that a missing element rests on as it is."""
        trace = self.traces.trace(*key)
        if trace is None:
            return []
        found, needed, checked = self.traces.sources.of(trace)
        return list(found | needed | checked)[:BRIEF]

    def _waiting(self, null: Results) -> dict[DefineKey, str]:
        """For each data element, the kind of the first null condition that rests on it."""
        found: dict[DefineKey, str] = {}
        for result, _ in reversed(null):
            definition = self.traces.guideline.definition((result.library or "", result.define or ""))
            if definition is not None:
                found |= dict.fromkeys(definition.elements, result.kind)
        return found

    def _parts(self, node: Trace) -> Sequence[tuple[Trace | None, Trace | None]] | None:
        """The conditions and branches of a choice between truth values, as they are for this patient, also those that were not
        evaluated; None where one of these cannot be."""
        place = (node.library or "", getattr(node, "locator", None) or "")
        if place not in self._choices:
            found: list[tuple[Trace | None, Trace | None]] | None = None
            messages = len(self.traces.evaluation.messages)
            try:
                if (parts := self.traces.guideline.choices.get(place[0], {}).get(place[1])) is not None:
                    found = [
                        (condition and self.traces.trace(*condition), branch and self.traces.trace(*branch))
                        for condition, branch in parts
                    ]
            except GuidewayError:
                found = None
            del self.traces.evaluation.messages[messages:]  # of branches that the logic did not take
            self._choices[place] = found
        return self._choices[place]

    def _branches(self, node: Trace) -> Parts | None:
        """The same, of what is no choice between truth values None: its parts are not its branches."""
        parts = self._parts(node)
        return None if parts is None or (node.kind in ("If", "Case") and parts[0][0] is None) else parts

    def _passed_over(self, node: Trace) -> Iterator[Trace]:
        """The data elements that are null in the branches which a null condition of an if or case kept from being evaluated."""
        branches = self.traces.guideline.branches.get(node.library or "", {})
        for key in branches.get(getattr(node, "locator", None) or "", ()):
            trace = self.traces.trace(*key)
            if trace is not None and unwrap(trace.value) is None and self._is_datum(trace):
                yield trace

    def _looked_past(self, node: Trace) -> frozenset[DefineKey]:
        """The null data elements below a node, or the one that it is itself."""
        known = self._past
        found = known.get(id(node))
        if found is not None:
            return found
        found = _NO_ELEMENTS
        home = node.home
        pending = [node] if home is None or self._may_look_past(home) else []
        while pending:
            for child in pending.pop().known:  # among what has not been made there is none
                past = known.get(id(child))
                if past is not None or child.kind == "ExpressionDef":  # others refer to it too
                    past = self._looked_past(child) if past is None else past
                    found = found | past if found else past
                elif child.below:
                    pending.append(child)
        if not found and node.kind == "ExpressionDef" and node.known and unwrap(node.value) is None:
            found = frozenset([home]) if self.traces.element(node) is not None else found
        known[id(node)] = found
        return found

    def _may_look_past(self, key: DefineKey) -> bool:
        """Whether a define may rest on a data element other than itself that is null."""
        known = self._past_in.get(key)
        if known is None:
            definition = self.traces.guideline.definition(key)
            nulls = self.traces.null_elements()
            known = definition is None or any(element != key and element in nulls for element in definition.elements)
            self._past_in[key] = known
        return known

    def _read_for(self, causes: Causes) -> Iterator[str]:
        """The names of what was read for the nulls that no element accounts for."""
        return (name for node in causes.untagged.values() for name in self._reads.of(node))

    def _rests_on_others(self, key: DefineKey) -> bool:
        """Whether a define may rest on a data element other than itself."""
        known = self._others.get(key)
        if known is None:
            definition = self.traces.guideline.definition(key)
            known = self._others[key] = definition is None or any(element != key for element in definition.elements)
        return known

    def _is_datum(self, node: Trace) -> bool:
        """Whether a null define is a datum by itself: a data element that rests on no other one that is null."""
        value = node.value
        if value is not None and unwrap(value) is not None:
            return False
        element = self.traces.element(node)
        causes = self._causes(node)
        if element is None:
            null: list[NullKey | None] = list(causes.untagged) or [causes.unsettled]
            return not causes.strong and null == [(node.library, node.define)]
        return list(causes.strong) == [(element.library, element.define)]

    def _causes(self, node: Trace) -> Causes:
        """What is behind a null."""
        if node.value is not None and unwrap(node.value) is not None:
            return _NO_CAUSES
        known = self._known
        result = known.get(id(node))
        if result is None:
            known[id(node)] = _NO_CAUSES
            result = known[id(node)] = self._new_causes(node)
        return result

    def _new_causes(self, node: Trace) -> Causes:
        element = self.traces.element(node)
        own_key = (element.library, element.define) if element is not None else None
        if own_key is not None and (own_key in self.standing or not self._rests_on_others(own_key)):
            return Causes({own_key: None}, {}, {})
        strong: dict[DefineKey, None] = {}
        weak: dict[DefineKey, list[str]] = {}
        untagged: dict[NullKey, Trace] = {}
        unsettled: NullKey | None = None

        def gather(nodes: Iterable[Trace]) -> None:
            nonlocal unsettled
            for child in nodes:
                more = self._causes(child)
                unsettled = more.unsettled or unsettled
                strong.update(more.strong)
                weak.update(more.weak)
                untagged.update(more.untagged)

        if node.kind == "Coalesce":  # any of them would do: the first that can be supplied, a data element before other data
            operands = list(node.children or ())
            first = next((at for at, child in enumerate(operands) if self._causes(child).strong), 0)
            for child in operands[first:]:
                if strong or weak or untagged:  # the one before may yet come to nothing: data elements may be asked for as well
                    strong.update(self._causes(child).strong)
                else:
                    gather([child])
                if (strong or weak or untagged) and not self._may_stay_null(child):
                    break
        elif node.kind == "OperandRef":
            gather(self._given.get(id(node), ()))
        elif node.kind == "FunctionRef" and hasattr(node, "operands"):
            count = self._bind(node)
            gather(node.children[count:])
            if not (strong or weak or untagged) or any(id(child) in self._cut for child in node.children[count:]):
                gather(node.children[:count])
        else:
            gather(node.children or ())
            if strong and node.kind in ("If", "Case"):
                passed = self._passed_over_by(node)
                gather(passed)
        if not strong and element is not None:
            return Causes({(element.library, element.define): None}, {}, {})
        if not strong and not untagged:
            tests = list(self._null_tests(node))
            tagged = [tested for tested in tests if any(self._causes(each).strong for each in tested)]
            for tested in tagged[:1] or tests:
                gather(tested)
                if strong or untagged:
                    break
        name = define_name(node)
        if not strong and not weak and (name is not None or comparison_text(node) is not None):
            weak.update(self._undecided(node, only_empty=bool(untagged)))
        if strong and node.kind not in _CONNECTIVES:
            weak = {}
        if not strong and not weak and not untagged and self._reads.beyond(node, ()):
            weak.update(self._undecided(node, only_empty=False))  # the elements below it, where there are any
            if weak:
                unsettled = id(node)
            else:
                untagged[id(node)] = node
        elif node.kind == "Query" and untagged:  # other rows may be null as well
            untagged[id(node)] = node
        own = any(isinstance(key, int) for key in untagged) and not self._rests_on_others((node.library or "", name or ""))
        if name is not None and own and names_datum(node, self.traces):
            untagged = {key: below for key, below in untagged.items() if not isinstance(key, int)}
            untagged[node.library or "", name] = node
        if strong or untagged:
            unsettled = None
        elif name is not None and isinstance(unsettled, int) and names_datum(node, self.traces):
            unsettled = (node.library or "", name)
        return Causes(strong, weak, untagged, unsettled)

    def _passed_over_by(self, node: Trace) -> list[Trace]:
        """What is null in the conditions and branches that a choice may come to yet, because data elements leave one of its
        conditions unknown. Inside a function the operands say it."""
        if not any(self._causes(condition).strong for condition in (node.children or ())[:-1]):
            return []
        if (parts := self._branches(node)) is not None:
            return [trace for part in _open_parts(parts) for trace in part if trace is not None]
        read = self._parts(node)
        if read is None:
            self._cut.add(id(node))
        return [*(trace for _, trace in read or () if trace is not None), *self._passed_over(node)]

    def _may_stay_null(self, node: Trace) -> bool:
        """Whether a choice that is open may come to a branch that is null as it is written."""
        while node.kind in ("ExpressionRef", "ExpressionDef", "As") and len(node.children or ()) == 1:
            node = node.children[0]
        parts = self._branches(node) if node.kind in ("If", "Case") and unwrap(node.value) is None else None
        return parts is not None and any(branch is None or is_null(branch) for _, branch in _open_parts(parts))

    def _bind(self, call: Any) -> int:
        """Note which operand each name in the body of a call stands for; how many operands there are."""
        count = len(call.operands)
        given = dict(zip(call.operands, call.children))
        pending = list(call.children[count:])
        while pending:
            node = pending.pop()
            if node.kind == "OperandRef":
                self._given[id(node)] = [given[node.label]] if node.label in given else []
            elif node.kind != "ExpressionDef":
                operands = getattr(node, "operands", None)
                if operands is not None:
                    pending += node.children[: len(operands)]
                else:
                    pending += node.children if node.rows is None else node.known
        return count

    def _null_tests(self, node: Trace) -> Iterator[list[Trace]]:
        """The null operands of the tests for null that made a choice go the way it went: ``if x is null then null else …``; those
        of each condition together."""
        if node.kind not in ("If", "Case", "CaseItem", "ExpressionDef", "ExpressionRef", "FunctionRef", "Query", "Iteration"):
            return
        seen: set[int] = set()
        for condition in node.children or ():
            found: list[Trace] = []
            pending = [condition]
            while pending:
                current = pending.pop(0)
                if id(current) in seen or not isinstance(unwrap(current.value), bool):
                    continue
                seen.add(id(current))
                if current.kind == "IsNull":
                    found += [child for child in current.children or () if unwrap(child.value) is None]
                    continue
                pending = [*deciders(current), *pending]
                if current.kind in ("And", "Or", "Implies") and len(current.children or ()) == 1:  # the other was not needed
                    parts = self._parts(current)
                    pending += [second for _, second in parts or () if second is not None]
                    if parts is None:  # inside a function or a query: it may need any of what this was given
                        self._cut.add(id(node))
            if found:
                yield found

    def _undecided(self, node: Trace, *, only_empty: bool) -> dict[DefineKey, list[str]]:
        """The nearest elements below a null that nothing null explains. They have values, which do not settle the matter: a
        partial date, a comparator, another unit. Where some have no value after all, only those."""
        empty: dict[DefineKey, list[str]] = {}
        present: dict[DefineKey, list[str]] = {}
        answers: set[DefineKey] = set()
        """Those that are true or false: such a one leaves nothing open where there are others that may."""
        text = comparison_text(node)
        if any(isinstance(side.value, Uncertainty) for side in node.children or ()) and (vague := self._vague(node)):
            return vague
        for element, child in self.traces.nearest(node):
            key = (element.library, element.define)
            value = unwrap(child.value)
            if value is None:
                empty[key] = []
            else:
                doubt = unit_mismatch(plain(value), [plain(unwrap(side.value)) for side in node.children or ()])
                present[key] = _unsettling(value, text, doubt)
                if isinstance(value, bool):
                    answers.add(key)
        if empty or only_empty:
            return empty
        return {key: because for key, because in present.items() if key not in answers} or present

    def _vague(self, node: Trace) -> dict[DefineKey, list[str]]:
        """Behind a length of time that is not known to the day: the elements that the resources may be of whose dates are no
        whole days, in the libraries of the elements that it was reckoned from."""
        guideline = self.traces.guideline
        near = {element.library for element, _ in self.traces.nearest(node)}
        candidates = [key for key, element in guideline.elements.items() if key[0] in near and element.value_set]
        empty: dict[DefineKey, list[str]] = {}
        present: dict[DefineKey, list[str]] = {}
        for reference in self.traces.sources.read_by(node):
            resource = self.traces.resource(reference)
            words = weaknesses(resource, reference, measured=False, own=False) if resource is not None else []
            for key in candidates if words else ():
                if resource is None or is_of_another_type(key, resource, guideline) or not may_be_of(key, resource, guideline):
                    continue
                trace = self.traces.trace(*key)
                if trace is not None and unwrap(trace.value) is None:
                    empty.setdefault(key, []).extend(words)
                elif trace is not None and reference in self.traces.sources.of(trace)[0]:
                    present.setdefault(key, []).extend(words)
        return empty or present


def _unsettling(value: object, text: str | None, doubt: str) -> list[str]:
    """Why a value does not settle the comparison ``text`` (None: something else), as a person reads it: an answer, and what the
    logic put together (tuples), say nothing that could be read."""
    rows = value if isinstance(value, list) else [value]
    if isinstance(value, bool) or any(isinstance(unwrap(row), TupleValue) for row in rows):
        return [f"what is there does not settle {text}{doubt}"] if text and not isinstance(value, bool) else []
    return [f"{brief(value)} does not settle {text or 'it'}{doubt}"]


def _open_parts(parts: Parts) -> Iterator[tuple[Trace | None, Trace | None]]:
    """The conditions of a choice that are null, with their branches, and the one that it takes if none of them comes true."""
    for condition, branch in parts:
        value = True if condition is None else unwrap(condition.value)
        if value is not False:
            yield condition, branch
        if value is True:
            return


def _all_below(node: Trace) -> Iterator[Trace]:
    """A node and those below it that have been made, each once."""
    seen: set[int] = set()
    pending = [node]
    while pending:
        current = pending.pop()
        if id(current) not in seen:
            seen.add(id(current))
            yield current
            pending += current.known


def _more_of(one: Missing, other: Missing) -> Missing:
    """Of one datum that is missing twice, the one of which more is."""
    counts = [max((way.count or 1 for way in missing.supply), default=1) for missing in (one, other)]
    return other if counts[1] > counts[0] else one

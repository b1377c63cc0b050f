"""Why a recommendation came out as it did: the evidence that decided, and the data that is missing, from the trace of its
conditions.

**Evidence** is what decided: of a false ``and`` the false operand, of a true ``or`` the true one, of everything else all that was
evaluated. A data element (a define tagged ``@dataElement``) is one piece of evidence with the resources it came from: the
narrowest ones, the value that the expression ended at, not all that was read on the way. An element that is false or empty
because nothing was found is evidence too (``absent``), with what was looked at and did not count.

**Missing** is a data element that is null where the result is null because of it: the null operands of a null ``and`` or
``or``, the null operand of a comparison, and so on down to the deepest element. An element whose null made no difference
(``false and null``) is not missing. An element that has a value which does not settle the comparison (a comparator, a unit)
is missing with that as the cause.

Works on any trace with ``kind``, ``label``, ``value``, ``children``, ``resources``, ``library``, ``define``
(``engine.trace.TraceNode``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from guideway.apply.conditions import APPLICABILITY, SATISFIED_KIND, WITHHELD, Verdict
from guideway.apply.doubts import unit_mismatch, weaknesses
from guideway.apply.facts import ResourceFacts, facts_of, unit_faults, unused
from guideway.apply.fhir_json import as_text
from guideway.apply.outcome import (
    DOES_NOT_APPLY,
    ERROR,
    SUPPRESSED,
    UNKNOWN,
    ConditionResult,
    Evidence,
    Excluded,
    Missing,
    Recommendation,
    Supply,
)
from guideway.apply.provenance import Provenance, Trace, deciders, resources_of_value, unwrap
from guideway.apply.relevance import Known as KnownNodes
from guideway.apply.relevance import relevant_leaves
from guideway.apply.supply import supplies
from guideway.apply.words import define_words
from guideway.diagnostics import Diagnostic, GuidewayError
from guideway.engine.values import Code, Concept, Quantity
from guideway.fhir.element import FhirObject
from guideway.guideline.compiled import CompiledGuideline, DefineKey, Element, Requirement

Json = dict[str, Any]

BRIEF = 12
"""So many resources of one element are listed one by one; of more, these and a count."""


class Causes(NamedTuple):
    """What is behind a null: data elements that are null; elements that have a value which does not settle it, with why; and,
    where there is neither, the names of defines."""

    strong: dict[DefineKey, None]
    weak: dict[DefineKey, list[str]]
    names: dict[str, None]


_NO_CAUSES = Causes({}, {}, {})
_CONNECTIVES = frozenset({"And", "Or", "Implies", "Xor", "Not", "ExpressionRef", "ExpressionDef"})
"""Nodes whose operands each stand for themselves: a cause on one side does not explain the other."""
_COMPARISONS = {
    "Less": "<", "LessOrEqual": "<=", "Greater": ">", "GreaterOrEqual": ">=", "Equal": "=", "NotEqual": "!=", "Equivalent": "~",
}  # fmt: skip


class Explainer:
    """Explains the recommendations of one patient."""

    def __init__(self, guideline: CompiledGuideline, evaluation: Any, record: Any) -> None:
        self.guideline = guideline
        self.evaluation = evaluation
        self.record = record
        self._traces: dict[DefineKey, Trace | None] = {}
        self._excluded: dict[int, list[Excluded]] = {}
        self.unit_faults: dict[Diagnostic, None] = {}
        """Findings about units that leave something unknown."""
        self._faulty: dict[str, bool] = {}
        self._faults: dict[int, list[Diagnostic]] = {}
        self._reasons: dict[DefineKey, list[str]] = {}
        self._known: dict[int, Causes] = {}
        self._nodes = KnownNodes()
        self._choices: dict[tuple[str, str], Sequence[tuple[Trace | None, Trace | None]] | None] = {}
        self._said: dict[DefineKey, tuple[list[Evidence], dict[DefineKey, None]]] = {}
        self._sources = Provenance()

    def explain(
        self, recommendation: Recommendation, verdict: Verdict, *, full: bool = False, only_missing: bool = False
    ) -> None:  # fmt: skip
        """Fill in evidence, missing and excluded of a recommendation from the results behind its status; ``only_missing``:
        without the evidence (and so without what is wrong with it)."""
        evidence: dict[tuple[Any, ...], Evidence] = {}
        missing: dict[str, Missing] = {}
        touched: dict[DefineKey, None] = {}
        results: list[tuple[ConditionResult, Trace]] = []
        shown: set[int] = set()
        for result in self._deciding(recommendation.status, verdict):
            trace = self.trace(result.library, result.define) if result.library and result.define else None
            if trace is not None:
                results.append((result, trace))
            elif result.value is None and recommendation.status == UNKNOWN:  # FHIRPath: no trace
                display = result.description or result.expression
                supply = [Supply(kind="record", text=f"Record what this needs: {display}", type=_kind_of(result.read))]
                missing[display] = Missing(element=display, display=display, for_=result.kind, supply=supply)
            if trace is None and not only_missing:
                for item in self._looked_at(result):
                    evidence.setdefault((item.element, item.display, item.resource, item.absent), item)
        for result, trace in results if not only_missing else ():
            for item in self._evidence_of(trace, result, touched):
                evidence.setdefault((item.element, item.display, item.resource, item.absent), item)
            if full:
                recommendation.trace.append({"condition": result.expression, "kind": result.kind, "trace": tree(trace, shown)})
        if recommendation.status == UNKNOWN:
            for datum in self._missing(results, touched):
                missing.setdefault(datum.element, datum)
        recommendation.missing = list(missing.values())
        unknown = {datum.element for datum in missing.values()}
        recommendation.evidence = [e for e in evidence.values() if not (e.absent and e.value is None and e.element in unknown)]
        recommendation.excluded = self._excluded_for(touched)
        faults = [*self._faults_for(touched), *self._unit_faults_of(missing)]
        recommendation.findings += [f for f in faults if f not in recommendation.findings]

    def _looked_at(self, result: ConditionResult) -> Iterator[Evidence]:
        """The resources of a condition in FHIRPath, each with what it says."""
        why = result.description or result.expression
        for reference in result.read[:BRIEF]:
            yield self._said_by(reference, why)

    def _deciding(self, status: str, verdict: Verdict) -> list[ConditionResult]:
        """The results that made the status what it is."""
        applicability = [r for r in verdict.results if r.kind == APPLICABILITY]
        if status == DOES_NOT_APPLY:
            return [r for r in applicability if r.value is False][:1]
        if status == ERROR:
            return [r for r in verdict.results if r.error is None]
        guards = [r for r in verdict.results if r.kind in (WITHHELD, SATISFIED_KIND)]
        if status == SUPPRESSED:
            return applicability + [r for r in guards if r.kind == WITHHELD and r.value is True]
        if any(r.value is True for r in guards):
            return applicability + [r for r in guards if r.value is True]
        return applicability + guards

    def trace(self, library: str, define: str) -> Trace | None:
        """The trace of a define, or None where there is none (the evaluation was made without)."""
        key = (library, define)
        if key not in self._traces:
            self._traces[key] = self.evaluation.trace(library, define)
        return self._traces[key]

    # -- evidence

    def _evidence_of(self, trace: Trace, result: ConditionResult, touched: dict[DefineKey, None]) -> list[Evidence]:
        """The evidence of one condition; many recommendations share one."""
        key = (result.library or "", result.define or "")
        known = self._said.get(key)
        if known is None:
            reached: dict[DefineKey, None] = {}
            known = self._said[key] = (list(self._evidence(trace, result, reached)), reached)
        touched.update(known[1])
        return known[0]

    def _evidence(self, trace: Trace, result: ConditionResult, touched: dict[DefineKey, None]) -> Iterator[Evidence]:
        said = result.define or result.expression
        seen: set[int] = set()
        pending: list[tuple[Trace, str, str | None, str]] = [(trace, said, None, said)]
        while pending:
            node, statement, comparison, inside = pending.pop()
            element = self.element(node)
            if element is not None:
                touched[element.library, element.define] = None
                yield from self._of_element(element, node, statement, comparison)
                continue
            if id(node) in seen:
                continue
            seen.add(id(node))
            found = resources_of_value(node.value)
            if found or node.kind in ("Retrieve", "Query"):
                touching = self._nearest(node) if node.kind == "Query" and not found else ()
                below = [child for _, child in touching]
                if below:
                    pending += [(child, statement, comparison, inside) for child in reversed(below)]
                    continue
                yield from self._of_resources(node, found, statement, comparison, inside)
                continue
            name = define_name(node)
            statement = name if name and isinstance(unwrap(node.value), bool | None) else statement
            inside = name or inside
            text = comparison_text(node)
            pending += [(child, statement, text or comparison, inside) for child in reversed(deciders(node))]

    def _of_element(self, element: Element, node: Trace, statement: str, comparison: str | None) -> Iterator[Evidence]:
        found, checked = self._sources.of(node)
        value = unwrap(node.value)
        why = reason(statement, comparison, element.define)
        references = list(found)
        if not references:
            absent = value is None or value is False or value == [] or value == 0
            yield Evidence(
                element=element.id,
                display=element.display,
                value=None if value is None else plain(value)[0],
                unit=plain(value)[1],
                why=why,
                absent=absent,
                checked=list(checked)[:BRIEF],
            )
            return
        for reference in references[:BRIEF]:
            facts = self._facts(reference)
            own_value, own_unit = plain(value)
            single = len(references) == 1 and own_value is not None and not isinstance(value, bool) and not found_in(value)
            shown, unit = (facts.value, facts.unit) if facts.measured or not single else (own_value, own_unit)
            if shown is None and isinstance(own_value, bool):  # an answer, or a finding without a value: what the element says
                shown = own_value
            yield Evidence(
                element=element.id, display=element.display, resource=reference, value=shown, unit=unit, date=facts.date, why=why
            )
        if len(references) > BRIEF:
            more = f"and {len(references) - BRIEF} more"
            yield Evidence(element=element.id, display=f"{element.display}: {more}", why=why)

    def _of_resources(
        self, node: Trace, found: list[str], statement: str, comparison: str | None, inside: str
    ) -> Iterator[Evidence]:
        """The resources of a retrieve or query outside any data element; ``inside`` is the define it stands in."""
        references = found
        checked: list[str] = []
        if not found:
            came_from, left_out = self._sources.of(node)
            references, checked = list(came_from), list(left_out)
        why = reason(statement, comparison, None)
        if not references:
            key = (node.library or "", inside)
            whole = self.trace(*key) if self.guideline.definition(key) is not None else None
            shown, unit = plain(whole.value if whole is not None else node.value)
            if isinstance(shown, int | Decimal) and not isinstance(shown, bool):  # a count of nothing is a number, not an absence
                yield Evidence(display=define_words(inside), value=shown, unit=unit, why=why, checked=checked[:BRIEF])
                return
            named = node.label if node.kind == "Retrieve" and node.label else define_words(inside)
            display = f"no {named} on record"
            yield Evidence(display=display, why=why, absent=True, checked=checked[:BRIEF])
        for reference in references[:BRIEF]:
            yield self._said_by(reference, why)

    def _said_by(self, reference: str, why: str | None) -> Evidence:
        """What a resource says, as evidence."""
        facts = self._facts(reference)
        return Evidence(
            display=facts.display or reference,
            resource=reference,
            value=facts.value,
            unit=facts.unit,
            date=facts.date,
            why=why,
        )

    def _facts(self, reference: str) -> ResourceFacts:
        found = self._resource(reference)
        return facts_of(found, self._display) if found is not None else ResourceFacts()

    def _resource(self, reference: str) -> Json | None:
        lookup = getattr(self.record, "resolve_quietly", None) or self.record.resolve
        found = lookup(reference)
        subject = self.record.subject()
        if found is None and subject is not None and subject.reference == reference:
            found = subject
        return found.data if found is not None else None

    def _display(self, system: str, code: str) -> str | None:
        """What the package's value sets call a code."""
        value_sets = self.guideline.value_sets
        known = self.guideline.memory.get(id(value_sets))
        if known is None:
            known = {(m[0], m[1]): m[2] for url in value_sets for m in members_of(value_sets[url]) if m[2]}
            self.guideline.memory[id(value_sets)] = known
        found: str | None = known.get((system, code))
        return found

    # -- missing

    def _missing(self, results: list[tuple[ConditionResult, Trace]], touched: dict[DefineKey, None]) -> Iterator[Missing]:
        """The data that some completion of the rest lets decide the status, in the order of the conditions."""
        known = self._known
        kinds = [result.kind for result, _ in results]
        leaves = relevant_leaves(
            [trace for _, trace in results],
            lambda every, values: statuses(kinds, every, values),
            lambda node: self._is_datum(node, known),
            unwrap,
            self._passed_over,
            self._nodes,
            self._parts,
            lambda node: self._causes(node, known).strong,
        )
        strong: dict[DefineKey, None] = {}
        weak: dict[DefineKey, list[str]] = {}
        names: dict[str, None] = {}
        for leaf in leaves:
            causes = self._causes(leaf, known)
            strong |= causes.strong
            weak |= causes.weak
            names |= causes.names
        waiting = self._waiting(results)
        found: dict[DefineKey, list[str]] = {key: [] for key in strong}
        found |= {key: because for key, because in weak.items() if key not in strong}
        for key, because in found.items():
            touched[key] = None
            element = self.guideline.elements[key]
            reasons = [*because, *self._because(key)]
            yield Missing(
                element=element.id,
                display=element.display,
                for_=waiting.get(key, APPLICABILITY),
                supply=supplies(element, self.guideline),
                because=list(dict.fromkeys(reasons)),
            )
        if not found:
            first = next((result for result, trace in results if unwrap(trace.value) is None), None)
            if first is not None:
                name = next(iter(names), first.define or first.expression)
                yield Missing(element=name, display=define_words(name), for_=first.kind)

    def _waiting(self, results: list[tuple[ConditionResult, Trace]]) -> dict[DefineKey, str]:
        """For each data element, the kind of the first null condition that rests on it."""
        found: dict[DefineKey, str] = {}
        for result, trace in results:
            definition = self.guideline.definition((result.library or "", result.define or ""))
            if unwrap(trace.value) is None and definition is not None:
                for key in definition.elements:
                    found.setdefault(key, result.kind)
        return found

    def _parts(self, node: Trace) -> Sequence[tuple[Trace | None, Trace | None]] | None:
        """The conditions and branches of a choice between truth values, as they are for this patient, also those that were not
        evaluated; None where one of these cannot be."""
        place = (node.library or "", getattr(node, "locator", None) or "")
        if place not in self._choices:
            found: list[tuple[Trace | None, Trace | None]] | None = None
            messages = len(self.evaluation.messages)
            try:
                if (parts := self.guideline.choices.get(place)) is not None:
                    found = [
                        (condition and self.trace(*condition), branch and self.trace(*branch)) for condition, branch in parts
                    ]
            except GuidewayError:
                found = None
            del self.evaluation.messages[messages:]  # of branches that the logic did not take
            self._choices[place] = found
        return self._choices[place]

    def _passed_over(self, node: Trace) -> Iterator[Trace]:
        """The data elements that are null in the branches which a null condition of an if or case kept from being evaluated."""
        for key in self.guideline.branches.get((node.library or "", getattr(node, "locator", None) or ""), ()):
            trace = self.trace(*key)
            if trace is not None and unwrap(trace.value) is None and self._is_datum(trace, self._known):
                yield trace

    def _is_datum(self, node: Trace, known: dict[int, Causes]) -> bool:
        """Whether a null define is a datum by itself: a data element that rests on no other one that is null."""
        element = self.element(node)
        if element is None:
            return False
        return list(self._causes(node, known).strong) == [(element.library, element.define)]

    def _causes(self, node: Trace, known: dict[int, Causes]) -> Causes:
        """What is behind a null."""
        if unwrap(node.value) is not None:
            return _NO_CAUSES
        result = known.get(id(node))
        if result is None:
            known[id(node)] = _NO_CAUSES
            result = known[id(node)] = self._new_causes(node, known)
        return result

    def _new_causes(self, node: Trace, known: dict[int, Causes]) -> Causes:
        strong: dict[DefineKey, None] = {}
        weak: dict[DefineKey, list[str]] = {}
        names: dict[str, None] = {}

        def gather(nodes: Iterable[Trace]) -> None:
            for child in nodes:
                more = self._causes(child, known)
                strong.update(more.strong)
                weak.update(more.weak)
                names.update(more.names)

        gather(node.children or ())
        element = self.element(node)
        if not strong and element is not None:
            return Causes({(element.library, element.define): None}, {}, {})
        if not strong:
            gather(null_tests(node))
        name = define_name(node)
        if not strong and not weak and (name is not None or comparison_text(node) is not None):
            weak.update(self._undecided(node))
        if strong and node.kind not in _CONNECTIVES:
            weak = {}
        if not strong and not weak and name is not None:
            names[name] = None
        return Causes(strong, weak, {} if strong or weak else names)

    def _undecided(self, node: Trace) -> dict[DefineKey, list[str]]:
        """The nearest elements below a null that nothing null explains. They have values, which do not settle the matter: a
        partial date, a comparator, another unit. Where some have no value after all, only those."""
        empty: dict[DefineKey, list[str]] = {}
        present: dict[DefineKey, list[str]] = {}
        text = comparison_text(node)
        for element, child in self._nearest(node):
            key = (element.library, element.define)
            value = unwrap(child.value)
            if value is None:
                empty[key] = []
            else:
                doubt = unit_mismatch(plain(value), [plain(unwrap(side.value)) for side in node.children or ()])
                present[key] = [f"{brief(value)} does not settle {text or 'it'}{doubt}"]
        return empty or present

    def _nearest(self, node: Trace) -> Iterator[tuple[Element, Trace]]:
        """The data elements below a node that are not below another one."""
        seen: set[int] = set()
        pending = list(node.children or ())
        while pending:
            child = pending.pop(0)
            if id(child) in seen:
                continue
            seen.add(id(child))
            element = self.element(child)
            if element is not None:
                yield element, child
            else:
                pending = [*(child.children or ()), *pending]

    def _because(self, key: DefineKey) -> list[str]:
        """Why an element has no value although there is data: what was left out or is doubtful."""
        notes = self._reasons.get(key)
        if notes is None:
            notes = []
            flags_of = getattr(self.record, "flags_of", None)
            trace = self.trace(*key)
            if flags_of is not None and trace is not None:
                unit = self.guideline.elements[key].unit
                measured = (self.guideline.elements[key].type or "").rpartition(".")[2] in ("Quantity", "SimpleQuantity")
                for reference in self._sources.read_by(trace):
                    flags = [f"{flag.resource}: {flag.reason}" for flag in flags_of(reference)]
                    found = self._resource(reference)
                    notes += flags or (weaknesses(found, reference, measured) if found is not None else [])
                    faults = unit_faults(self.record.resolve_quietly(reference), unit, flags_of(reference))
                    notes += [f.message.rstrip(".") for f in faults if f.rule == "unit-unconvertible"]
                    self.unit_faults |= dict.fromkeys(faults)
            notes += [f"{e.resource} does not count: {e.reason}" for e in self._excluded_for({key: None})]
            if not notes and trace is not None and self.guideline.elements[key].unit:
                notes += unused((r, self._facts(r)) for r in self._sources.read_by(trace))
            self._reasons[key] = notes = notes[:5]
        return notes

    # -- excluded

    def _excluded_for(self, keys: dict[DefineKey, None]) -> list[Excluded]:
        """What the record left out that a retrieve of these elements would have found."""
        found: dict[Excluded, None] = {}
        for key in keys:
            definition = self.guideline.definition(key)
            for number in definition.requirements if definition is not None else ():
                found |= dict.fromkeys(self._excluded_by(number))
        return list(found)

    def _excluded_by(self, number: int) -> list[Excluded]:
        known = self._excluded.get(number)
        if known is None:
            known = []
            requirement = self.guideline.requirements[number]
            ask = getattr(self.record, "excluded_for", None)
            if ask is not None and (requirement.value_set or requirement.codes):
                found = ask(requirement.type, requirement.code_path, self._codes_of(requirement))
                known = [Excluded(resource=e.resource, rule=e.rule, reason=e.reason) for e in found]
            self._excluded[number] = known
        return known

    def _faults_for(self, keys: dict[DefineKey, None]) -> list[Diagnostic]:
        """The findings about data that a retrieve of these elements finds, or would if the data were as it should be."""
        found: dict[Diagnostic, None] = {}
        for key in keys:
            definition = self.guideline.definition(key)
            for number in definition.requirements if definition is not None else ():
                found |= dict.fromkeys(self._faults_by(number))
        return list(found)

    def _unit_faults_of(self, missing: dict[str, Missing]) -> list[Diagnostic]:
        because = [why for datum in missing.values() for why in datum.because]
        return [fault for fault in self.unit_faults if fault.message.rstrip(".") in because]

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

    def _is_faulty(self, kind: str) -> bool:
        known = self._faulty.get(kind)
        if known is None:
            known = self._faulty[kind] = self.record.is_faulty(kind)
        return known

    def _codes_of(self, requirement: Requirement) -> frozenset[tuple[str | None, str]]:
        codes = set(requirement.codes)
        if requirement.value_set:
            url, _, version = requirement.value_set.partition("|")
            codes |= set(self.guideline.terminology.codes(url, version or None))
        return frozenset(codes)

    def element(self, node: Trace) -> Element | None:
        """The data element whose define this node is the root of."""
        name = define_name(node)
        return self.guideline.elements.get((node.library or "", name)) if name is not None else None


def _kind_of(references: list[str]) -> str | None:
    """The type of the resources, where it is one."""
    kinds = {reference.partition("/")[0] for reference in references}
    return kinds.pop() if len(kinds) == 1 else None


def statuses(kinds: list[str], every: int, values: list[tuple[int, int]]) -> tuple[int, ...]:
    """In which cases conditions of these kinds come to which status (``conditions.Verdict``); in the others it is not known.

    A case is a bit; ``every`` has all of them, and a value is the cases where it is true and those where it is false.
    """
    refused = withheld = satisfied = 0
    open_ = met = every
    for kind, (true, false) in zip(kinds, values):
        if kind == APPLICABILITY:
            refused |= false
            met &= true
        elif kind == WITHHELD:
            withheld |= true
            open_ &= false
        elif kind == SATISFIED_KIND:
            satisfied |= true
            open_ &= false
    return refused, met & withheld, met & ~withheld & satisfied, met & open_


def members_of(value_set: Any) -> list[Any]:
    """The members (system, code, display) of a value set as the guideline holds it; none where it could not be enumerated."""
    return value_set if isinstance(value_set, list) else []


def define_name(node: Trace) -> str | None:
    """The define that a node is the root of; None for a node inside one."""
    return node.define if node.kind in ("ExpressionDef", "Define") else None


def null_tests(node: Trace) -> Iterator[Trace]:
    """The null operands of the tests for null that made a choice go the way it went: ``if x is null then null else …``."""
    if node.kind not in ("If", "Case", "CaseItem", "ExpressionDef", "ExpressionRef", "FunctionRef", "Query", "Iteration"):
        return
    seen: set[int] = set()
    pending = [child for child in node.children or () if unwrap(child.value) is not None]
    while pending:
        current = pending.pop(0)
        if id(current) in seen or not isinstance(unwrap(current.value), bool):
            continue
        seen.add(id(current))
        if current.kind == "IsNull":
            yield from (child for child in current.children or () if unwrap(child.value) is None)
        else:
            pending = [*deciders(current), *pending]


def found_in(value: Any) -> bool:
    """Whether a value is itself data of the record (shown by the facts of its resource)."""
    return isinstance(value, FhirObject) and bool(value.reference)


def plain(value: Any) -> tuple[Any, str | None]:
    """A runtime value as a JSON scalar and a unit."""
    value = unwrap(value)
    if isinstance(value, Quantity):
        return value.value, None if value.unit == "1" else value.unit
    if isinstance(value, bool) or value is None:
        return value, None
    if isinstance(value, Code | Concept):
        return as_text(value), None
    if isinstance(value, FhirObject) and value.data.get("value") is not None:
        unit = value.data.get("code") or value.data.get("unit")
        return value.data["value"], unit if isinstance(unit, str) else None
    if isinstance(value, int):
        return int(value), None
    return as_text(value), None


def comparison_text(node: Trace) -> str | None:
    """A comparison with its operands as they were: ``0.8 10*9/L < 1.0 10*9/L``."""
    sign = _COMPARISONS.get(node.kind)
    children = list(node.children or ())
    if sign is None or len(children) != 2:
        return None
    left, right = (brief(unwrap(c.value)) for c in children)
    return f"{left} {sign} {right}"


def brief(value: Any) -> str:
    """A value in few words; a resource by its reference."""
    text = as_text(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def reason(statement: str, comparison: str | None, define: str | None) -> str | None:
    """Why a piece of evidence counts: the statement it is in, and the comparison."""
    if statement == define:
        return comparison
    return f"{statement} ({comparison})" if comparison else statement


def tree(node: Trace, seen: set[int] | None = None, depth: int = 0) -> Json:
    """A trace as JSON, for ``--explain``; a define that occurs again is only named."""
    seen = set() if seen is None else seen
    result: Json = {"kind": node.kind}
    if node.label:
        result["label"] = node.label
    result["value"] = brief(unwrap(node.value))
    if node.resources:
        result["resources"] = list(node.resources)[:BRIEF]
    if node.kind == "ExpressionDef":
        if id(node) in seen:
            return result
        seen.add(id(node))
    if depth < 40:
        children = [tree(child, seen, depth + 1) for child in node.children or ()]
        if children:
            result["children"] = children[:50]
    return result

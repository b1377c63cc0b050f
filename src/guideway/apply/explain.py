"""Why a recommendation came out as it did: the evidence that decided (``evidence``), the data that is missing (``causes``) and
what was left out (``left_out``), from the traces of the conditions behind its status.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from guideway.apply.causes import CauseFinder, Results
from guideway.apply.comparisons import brief
from guideway.apply.conditions import APPLICABILITY, SATISFIED_KIND, WITHHELD, Verdict
from guideway.apply.evidence import EvidenceFinder, Key, Touched, add, key_of, said_once, told_last
from guideway.apply.followups import FollowUps
from guideway.apply.left_out import LeftOut
from guideway.apply.outcome import (
    DOES_NOT_APPLY,
    ERROR,
    SATISFIED,
    SUPPRESSED,
    UNKNOWN,
    ConditionResult,
    Evidence,
    Missing,
    Recommendation,
    Supply,
)
from guideway.apply.provenance import Trace, unwrap
from guideway.apply.traces import BRIEF, PatientTraces
from guideway.diagnostics import Diagnostic
from guideway.guideline.compiled import CompiledGuideline, DefineKey

Json = dict[str, Any]


class Explainer:
    """Explains the recommendations of one patient."""

    def __init__(
        self, guideline: CompiledGuideline, evaluation: Any, record: Any, overrides: Mapping[DefineKey, Any] | None = None
    ) -> None:
        self.traces = PatientTraces(guideline, evaluation, record)
        self.evidence = EvidenceFinder(self.traces)
        self.left_out = LeftOut(guideline, record)
        self.causes = CauseFinder(self.traces, self.left_out.excluded_for)
        self.follow_ups = FollowUps(self.causes, overrides or {})

    @property
    def unit_faults(self) -> dict[Diagnostic, None]:
        """Findings about units that leave something unknown."""
        return self.causes.reasons.unit_faults

    def explain(
        self,
        recommendation: Recommendation,
        verdict: Verdict,
        *,
        full: bool = False,
        only_missing: bool = False,
        faulty: Collection[str] = (),
    ) -> None:
        """Fill in evidence, missing and excluded of a recommendation from the results behind its status; ``only_missing``:
        without what was looked at for the missing data, and of the evidence only that of conditions which may rest on one of the
        ``faulty`` resources, so that what is wrong with these is said."""
        evidence: dict[Key, Evidence] = {}
        missing: dict[str, Missing] = {}
        touched: Touched = {}
        results: Results = []
        shown: set[int] = set()
        for result in self._deciding(recommendation.status, verdict):
            trace = self.traces.trace(result.library, result.define) if result.library and result.define else None
            if trace is not None:
                results.append((result, trace))
                continue
            if result.value is None and recommendation.status == UNKNOWN:  # FHIRPath: no trace
                display = result.description or result.name or result.expression
                needs = ", ".join(result.absent)
                text = f"Record {needs}, for: {display}" if needs else f"Record what this needs: {display}"
                supply = [Supply(kind="record", text=text, type=_kind_of(result.read))]
                missing[display] = Missing(element=display, display=display, for_=result.kind, supply=supply, checked=result.read)
                left_out = self.left_out.excluded_for(result.asked)
                missing[display].because = [f"{e.resource} does not count: {e.reason}" for e in left_out]
            touched |= dict.fromkeys(result.asked)
            for item in self.evidence.looked_at(result) if not only_missing else ():
                add(evidence, item)
        for result in verdict.results if recommendation.status == ERROR and not only_missing else ():
            if result.error is not None:
                for item in self.evidence.read_for(result, self.left_out.read_for((result.library or "", result.define or ""))):
                    add(evidence, item)
        told = results
        if only_missing:
            told = [each for each in results if self._may_rest_on(faulty, *each)] if faulty else []
        beside = self._answered_by_its_own(recommendation, results) if told else set()
        elsewhere: dict[str, None] = {}
        for result, trace in told:
            for item in self.evidence.of(trace, result, touched):
                if id(result) in beside and item.absent:
                    elsewhere |= dict.fromkeys(item.checked)
                else:
                    add(evidence, item)
            if full:
                recommendation.trace.append({"condition": result.expression, "kind": result.kind, "trace": tree(trace, shown)})
        if verdict.earlier and not only_missing and recommendation.status not in (DOES_NOT_APPLY, ERROR):
            self._add_earlier(verdict, evidence, touched)
        for result, trace in results if recommendation.status == SATISFIED and not only_missing else ():
            if result.kind == SATISFIED_KIND and result.value is True:  # what is in place comes last
                for item in self.evidence.of(trace, result, touched):
                    if (key := key_of(item)) in evidence:
                        evidence[key] = evidence.pop(key)
        if elsewhere and evidence:  # what was looked at for the others is said with its own
            last = list(evidence.values())
            own = next((item for item in reversed(last) if item.absent), last[-1])
            add(evidence, msgspec.structs.replace(own, checked=list(elsewhere)))
        if recommendation.status == UNKNOWN:
            for datum in self.follow_ups.missing(results, touched, checked=not only_missing):
                missing.setdefault(datum.element, datum)
        recommendation.missing = list(missing.values())
        unknown = {datum.element for datum in missing.values()}
        found = said_once(evidence, told_last(self.traces.guideline))
        recommendation.evidence = [e for e in found if not (e.absent and e.value is None and e.element in unknown)]
        recommendation.excluded = self.left_out.excluded_for(touched)
        faults = [*self.left_out.faults_for(touched), *self.causes.reasons.unit_faults_of(missing)]
        recommendation.findings += [f for f in faults if f not in recommendation.findings]

    def _may_rest_on(self, faulty: Collection[str], result: ConditionResult, trace: Trace) -> bool:
        """Whether a condition has read one of these resources, or may look at a data element that would have read one if it were
        as it should be."""
        definition = self.traces.guideline.definition((result.library or "", result.define or ""))
        if definition is None or self.left_out.faults_for(dict.fromkeys(definition.elements)):
            return True
        read = self.traces.sources.read_by(trace)
        return any(reference in read for reference in faulty)

    def _add_earlier(self, verdict: Verdict, evidence: dict[Key, Evidence], touched: Touched) -> None:
        """Why those before it do not apply, of which only the first that applies counts."""
        for status, earlier in verdict.earlier:
            for result in self._deciding(status, earlier):
                trace = self.traces.trace(result.library, result.define) if result.library and result.define else None
                found = self.evidence.looked_at(result) if trace is None else self.evidence.of(trace, result, touched)
                for item in found:
                    add(evidence, item)

    @staticmethod
    def _answered_by_its_own(recommendation: Recommendation, results: Results) -> set[int]:
        """The groups' questions whether all in them is in place, of something that asks so of itself and is not: what was not
        found for the others in the group says nothing of it."""
        open_ = [result for result, _ in results if result.kind == SATISFIED_KIND and result.value is False]
        if not any(result.of in (None, recommendation.key) for result in open_):
            return set()
        return {id(result) for result in open_ if result.of not in (None, recommendation.key)}

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
        if any(r.value is True for r in guards):  # in place: nothing withholds it, else it would be suppressed
            return applicability + [r for r in guards if r.value is True or r.kind == WITHHELD]
        return applicability + guards


def _kind_of(references: list[str]) -> str | None:
    """The type of the resources, where it is one."""
    kinds = {reference.partition("/")[0] for reference in references}
    return kinds.pop() if len(kinds) == 1 else None


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

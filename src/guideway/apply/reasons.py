"""Why a data element has no value although there is data: what was left out, is doubtful, has no unit or no code, or was refused
by a test of the logic.

``Reasons.of`` gives them for a data element that is missing, in the order of the data, ``of_untagged`` for what no element stands
for; ``unit_faults`` are findings about units that leave something unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import msgspec

from guideway.apply.doubts import weaknesses
from guideway.apply.facts import measured_text, newest, unit_faults
from guideway.apply.outcome import Excluded, Missing
from guideway.apply.provenance import Trace
from guideway.apply.touched import (
    IN_DOUBT,
    QUANTITY_RULES,
    UNCODED,
    Codes,
    codes_of,
    codings_of,
    has_code_elsewhere,
    is_among,
    types_of,
)
from guideway.apply.traces import PatientTraces
from guideway.apply.untagged import Datum
from guideway.diagnostics import Diagnostic, Severity
from guideway.guideline.compiled import DefineKey, Requirement


class _Looked(msgspec.Struct, frozen=True):
    """A resource that was read, as the record has it and as JSON."""

    resource: Any
    found: dict[str, Any] | None
    flags: list[Any]
    """What is doubtful about it."""
    codings: Codes | None
    speaks: bool
    """Whether its date or its value may leave an element open that is about something else."""
    unit: str | None
    plain: bool
    """Whether there is nothing about it that could be a cause, but for its unit, what it is about, and what is doubtful about its
    number."""


_OF_NUMBERS = QUANTITY_RULES - {"unit-unknown"}
_FEW = 3
"""So many measurements that one test refused are named."""


class Reasons:
    """Finds them for one patient; ``excluded`` gives what the record left out of what an element reads."""

    def __init__(self, traces: PatientTraces, excluded: Callable[[Iterable[DefineKey | Requirement]], list[Excluded]]) -> None:
        self.traces = traces
        self._excluded_for = excluded
        self.unit_faults: dict[Diagnostic, None] = {}
        """Findings about units that leave something unknown."""
        self.later: list[tuple[Missing, DefineKey | Datum]] | None = None
        """What is missing of which it is not said yet why data that is there does not help; None: that does not wait."""
        self._reasons: dict[DefineKey, list[str]] = {}
        self._resources: dict[str, _Looked] = {}
        self._codings: dict[Codes | None, Codes | None] = {}
        self._taken: dict[int, dict[str, None]] = {}

    def give(self, missing: Missing, because: list[str], of: DefineKey | Datum) -> None:
        """Say of something missing why data that is there does not help, after what is known already; where that may wait, once
        somebody asks (``tell``)."""
        missing.because = because
        if self.later is not None:
            self.later.append((missing, of))
            return
        missing.because += self.of_untagged(of) if isinstance(of, Datum) else self.of(of)
        missing.because = list(dict.fromkeys(missing.because))

    def tell(self, elements: Collection[str]) -> None:
        """Say it of these that are missing, where it has waited; of others it is not said."""
        later, self.later = self.later or [], None
        for missing, of in later:
            if missing.element in elements:
                self.give(missing, missing.because, of)

    def of_untagged(self, datum: Datum) -> list[str]:
        """Why data that is there does not help something that no element stands for."""
        notes: list[str] = []
        flags_of = getattr(self.traces.record, "flags_of", None)
        for reference in self.traces.sources.read_by(datum.node):
            found = self.traces.resource(reference)
            flags = [f"{flag.resource}: {flag.reason}" for flag in flags_of(reference)] if flags_of is not None else []
            notes += flags or (weaknesses(found, reference, False, True) if found is not None else [])
        key = datum.key or datum.read
        notes += [f"{e.resource} does not count: {e.reason}" for e in self._excluded_for([key] if key is not None else [])]
        return list(dict.fromkeys(notes))[:5]

    def _resource(self, reference: str) -> _Looked:
        """A resource that was read, with what is asked of it again and again."""
        known = self._resources.get(reference)
        if known is None:
            record, found = self.traces.record, self.traces.resource(reference)
            codings = codings_of(found) if found is not None else None
            speaks = found is None or "valueQuantity" in found or bool(weaknesses(found, reference, False, False))
            flags = list(record.flags_of(reference))
            quantity = found.get("valueQuantity") if found is not None else None
            unit = (quantity.get("code") or quantity.get("unit")) if isinstance(quantity, dict) else None
            unit = unit if isinstance(unit, str) else None
            codings = self._codings.setdefault(codings, codings)  # so that equal ones are quickly told to be
            plain = not (found is None or found.get("component") or weaknesses(found, reference, True, True))
            plain = plain and all(flag.rule in _OF_NUMBERS for flag in flags)
            known = _Looked(record.resolve_quietly(reference), found, flags, codings, speaks, unit, plain)
            self._resources[reference] = known
        return known

    def _has_unit(self, looked: _Looked, unit: str | None) -> bool:
        """Whether the unit of a resource does not keep it from being used for an element with this unit."""
        return not (unit and looked.unit is not None and unit_faults(looked.resource, unit, ()))

    def of(self, key: DefineKey) -> list[str]:
        """Why an element has no value although there is data: what was left out or is doubtful."""
        notes = self._reasons.get(key)
        if notes is None:
            notes = []
            flags_of = getattr(self.traces.record, "flags_of", None)
            trace = self.traces.trace(*key)
            if flags_of is not None and trace is not None:
                unit = self.traces.guideline.elements[key].unit
                measured = self.traces.guideline.elements[key].short_type in ("Quantity", "SimpleQuantity")
                codes, types = codes_of(key, self.traces.guideline), types_of(key, self.traces.guideline)
                fits: dict[str | None, bool] = {}
                among: dict[Codes | None, bool] = {}
                for reference in self.traces.sources.read_by(trace):
                    looked = self._resource(reference)
                    found, all_flags, codings = looked.found, looked.flags, looked.codings
                    if (own := among.get(codings)) is None:
                        own = among[codings] = is_among(codings, codes)
                    uncoded = codings is None and bool(codes)
                    coded_so = own and not uncoded
                    if looked.plain and not (own and all_flags) and (coded_so or not self._taken_for(trace, reference)):
                        if (fitting := fits.get(looked.unit)) is None:
                            fitting = fits[looked.unit] = self._has_unit(looked, unit)
                        if fitting:
                            continue
                    own = own or found is None
                    if not (own or all_flags or looked.speaks or self._taken_for(trace, reference)):
                        continue
                    doubtful = [flag for flag in all_flags if own or flag.rule not in QUANTITY_RULES]
                    if found is not None and types and found.get("resourceType") not in types:
                        doubtful = [flag for flag in doubtful if flag.rule != UNCODED]
                    if any(flag.rule in IN_DOUBT for flag in doubtful) and not self._taken_for(trace, reference):
                        doubtful = [flag for flag in doubtful if flag.rule not in (IN_DOUBT if not own else (UNCODED,))]
                    flags = [f"{flag.resource}: {flag.reason}" for flag in doubtful]
                    open_ = not (own and not uncoded) and not flags and not (found or {}).get("component")
                    if found is not None and open_ and uncoded:
                        open_ = not has_code_elsewhere(found)
                    if open_ and (found or {}).get("resourceType") != "Patient" and self._taken_for(trace, reference):
                        name = self.traces.facts(reference).display or reference
                        why = "no code says so" if uncoded else "its code is none that is known for it"
                        answer = (found or {}).get("resourceType") == "QuestionnaireResponse"
                        said = (found or {}).get("authored")
                        flags = (
                            [f"{reference}: the answer{f' of {said[:10]}' if isinstance(said, str) else ''} does not settle it"]
                            if answer
                            else [f"{reference}, {name}: it may be this, but {why}"]
                        )
                    notes += flags or (weaknesses(found, reference, measured, own) if found is not None else [])
                    may_be_it = own or uncoded or self._taken_for(trace, reference)
                    faults = unit_faults(looked.resource, unit, all_flags) if may_be_it else ()
                    notes += [f.message.rstrip(".") for f in faults if f.rule == "unit-unconvertible"]
                    self.unit_faults |= dict.fromkeys(faults)
            notes += [f"{e.resource} does not count: {e.reason}" for e in self._excluded_for({key: None})]
            if not notes and trace is not None and self.traces.guideline.elements[key].unit:
                notes += self._refused(key, trace)
            self._reasons[key] = notes = notes[:5]
        return notes

    def _refused(self, key: DefineKey, trace: Trace) -> list[str]:
        """Why measurements that were read for something without a value do not serve; that a value or its unit is refused for
        what it is, is a finding. Of those with a code that says that they are something else there is nothing to tell."""
        from guideway.apply.refusals import refusals

        codes = codes_of(key, self.traces.guideline)
        looked = ((r, self._resource(r)) for r in self.traces.sources.read_by(trace))
        read = [r for r, each in looked if is_among(each.codings, codes) or (each.found or {}).get("component")]
        latest = newest((r, self.traces.facts(r)) for r in read)
        if latest is None:
            return []
        notes: dict[str, list[str]] = {}
        refused: list[tuple[str, str]] = []
        found = refusals(trace, self.traces.words)
        about_it = [refusal for refusal in found if latest[0] in refusal.of]
        for refusal in (about_it or found)[:_FEW] if len(found) > _FEW else found:
            about = {
                r: facts for r in (refusal.of or latest[:1])[:_FEW] if (facts := self.traces.facts(r)).measured and facts.unit
            }
            if refusal.together and len(about) > 1:
                notes.setdefault(", and ".join(measured_text(*each) for each in about.items()), []).append(refusal.text)
                continue
            for reference, facts in about.items():
                words = f"{measured_text(reference, facts)}, does not serve here"
                notes.setdefault(words, []).append(refusal.text)
                if {f"{facts.value} {facts.unit}", facts.unit} & set(refusal.amounts):
                    refused.append((words, reference))
        for words, reference in refused:
            fault = Diagnostic("value-not-used", Severity.warning, f"{words}: {'; '.join(notes[words])}.", None, None, reference)
            self.unit_faults[fault] = None
        return [f"{words}: {'; '.join(texts)}" for words, texts in notes.items()] or [
            f"{measured_text(*latest)}, does not serve here"
        ]

    def _taken_for(self, trace: Trace, reference: str) -> bool:
        """Whether a value came from a resource, or is what it is because of it."""
        known = self._taken.get(id(trace))
        if known is None:
            known = self._taken[id(trace)] = {}
            if not self.traces.sources.came_from_nothing(trace):
                counted, needed, _ = self.traces.sources.of(trace)
                known |= counted | needed
        return reference in known

    def unit_faults_of(self, missing: dict[str, Missing]) -> list[Diagnostic]:
        """Those of them that are named as a cause."""
        because = {why for datum in missing.values() for why in datum.because} if self.unit_faults else ()
        return [fault for fault in self.unit_faults if fault.message.rstrip(".") in because]

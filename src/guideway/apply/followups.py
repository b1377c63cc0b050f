"""What is missing for each recommendation, with what would still be missing once it is known.

The baseline before a drug hangs on the day that the drug began: an element that has no value because another one has none. Of
these the one that is the cause is missing, for knowing it may settle the other (``causes``). Where it may not, the next question
would come after the answer. So where an element without a value rests on a missing one, the conditions are evaluated again with
values that the missing one may have; if the element may then be missing as well, it is asked for itself, and what it rests on
only where something else needs that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Any

from guideway.apply.causes import CauseFinder, Results
from guideway.apply.conditions import statuses
from guideway.apply.evidence import Touched
from guideway.apply.outcome import Missing
from guideway.apply.provenance import unwrap
from guideway.diagnostics import GuidewayError
from guideway.engine.context import Known
from guideway.guideline.compiled import CompiledGuideline, DefineKey, Element

_MOST = 12
"""So many combinations of values are tried."""
_ROUNDS = 3
_DAYS_AGO = (0, 20, 60, 200, 1500, 6000)


class FollowUps:
    """Of one patient: what is missing as ``causes`` finds it, and beyond that; ``overrides`` are those of the run."""

    def __init__(self, causes: CauseFinder, overrides: Mapping[DefineKey, Any]) -> None:
        self.causes = causes
        self.traces = causes.traces
        self.overrides = overrides
        self._resting = causes.traces.guideline.elements_on
        """For each data element on which others rest: these."""
        self._found: dict[Any, list[DefineKey]] = {}
        self._finders: dict[frozenset[DefineKey], CauseFinder] = {}

    def missing(self, results: Results, touched: Touched, *, checked: bool) -> list[Missing]:
        """The data that the status waits for."""
        missing, read = self.causes.missing(results, checked=checked)
        standing: dict[DefineKey, str] = {}
        for _ in range(_ROUNDS):
            awaited = [key for key in read if key in self._resting and self._hides(key, results, read)]
            new = [key for key in self._missing_then(results, awaited) if key not in read] if awaited else []
            if not new:
                break
            for key in new:
                names = [self.traces.guideline.elements[other].display for other in awaited if key in self._resting[other]]
                standing[key] = f"cannot be found while this is not known: {', '.join(names)}" if names else ""
            missing, read = self._finder(standing).missing(results, checked=checked)
        touched.update(dict.fromkeys(read))
        return missing

    def _finder(self, standing: dict[DefineKey, str]) -> CauseFinder:
        known = self._finders.get(frozenset(standing))
        if known is None:
            known = self._finders[frozenset(standing)] = self.causes.with_standing(dict(standing))
        return known

    def _hides(self, key: DefineKey, results: Results, missing: Mapping[DefineKey, None]) -> bool:
        """Whether an element that the conditions rest on is null and rests on this one, and is not among the missing ones."""
        resting = self._resting[key]
        for result, trace in results:
            if trace.value is True or trace.value is False or unwrap(trace.value) is not None:
                continue
            definition = self.traces.guideline.definition((result.library or "", result.define or ""))
            if definition is None:
                continue
            for other in resting.intersection(definition.elements):
                if other not in missing and self._is_null(other):
                    return True
        return False

    def _is_null(self, key: DefineKey) -> bool:
        evaluation = self.traces.evaluation
        messages = len(evaluation.messages)
        try:
            trace = self.traces.trace(*key)
        except GuidewayError:
            return False
        finally:
            del evaluation.messages[messages:]  # of what the logic did not need
        return trace is not None and unwrap(trace.value) is None

    def _missing_then(self, results: Results, awaited: list[DefineKey]) -> list[DefineKey]:
        """What is missing with some values of these elements."""
        conditions = tuple((result.kind, result.library or "", result.define or "") for result, _ in results)
        known = self._found.get((conditions, tuple(awaited)))
        if known is None:
            guideline, now = self.traces.guideline, self.traces.evaluation.now
            values = [samples(guideline.elements[key], guideline, now) for key in awaited]
            named: dict[DefineKey, None] = {}
            untouched = self.traces.evaluation.known_without(guideline.resting_on(awaited))
            for combination in islice(product(*values), _MOST):
                named |= self._missing_with(results, dict(zip(awaited, combination)), untouched)
            known = self._found[conditions, tuple(awaited)] = list(named)
        return known

    def _missing_with(
        self, results: Results, values: Mapping[DefineKey, Any], untouched: Known
    ) -> dict[DefineKey, None]:  # fmt: skip
        """What is missing with these values; ``untouched`` is what has been evaluated and does not rest on them."""
        evaluation = self.traces.evaluation.again(untouched)
        evaluation.override({**self.overrides, **values})
        traces = self.traces.of(evaluation, len(untouched[1]))
        then: Results = []
        try:
            for result, _ in results:
                trace = traces.trace(result.library or "", result.define or "")
                if trace is None:
                    return {}
                then.append((result, trace))
            found = [unwrap(trace.value) for _, trace in then]
            pairs = [(int(value is True), int(value is False)) for value in found]
            if any(statuses([result.kind for result, _ in then], 1, pairs)):
                return {}
            return dict.fromkeys(CauseFinder(traces, lambda keys: []).missing_elements(then))
        except GuidewayError:
            return {}
        finally:
            evaluation.forget_traces()


def samples(element: Element, guideline: CompiledGuideline, now: Any) -> list[Any]:
    """Values that an element may have, of every kind that there is; none where it is no single value."""
    from guideway.apply.parameters import read_text

    found = []
    for text in _texts(element, guideline, now):
        try:
            found.append(read_text(text, element.type or "String", element.id))
        except GuidewayError:
            return []
    return found


def _texts(element: Element, guideline: CompiledGuideline, now: Any) -> Iterator[str]:
    kind = element.short_type.casefold()
    if kind == "boolean":
        yield from ("true", "false")
        return
    from guideway.apply.possible import answers

    if known := answers(element, guideline):
        yield from (answer.word for answer in known)
    elif kind in ("date", "datetime"):
        from datetime import date, timedelta

        today = date.fromisoformat(str(now)[:10])
        yield from ((today - timedelta(days=days)).isoformat() for days in _DAYS_AGO if days < today.toordinal())
    elif kind in ("quantity", "simplequantity"):
        yield from (f"{number} '{element.unit or '1'}'" for number in (0, 1, 30, 1000))
    elif kind in ("integer", "decimal"):
        yield from ("0", "1", "30", "100")

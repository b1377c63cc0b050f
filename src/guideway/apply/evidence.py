"""The evidence for a condition: what decided that it is true, false or unknown, from its trace.

Of a false ``and`` the false operand, of a true ``or`` the true one, of everything else all that was evaluated. A data element (a
define tagged ``@dataElement``) is one piece of evidence with the resources it came from: the narrowest ones, the value that the
expression ended at, not all that was read on the way. An element that is false or empty because nothing was found is evidence
too (``absent``), with what was looked at and did not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from guideway.apply.outcome import ConditionResult, Evidence
from guideway.apply.provenance import Trace, deciders, resources_of_value, unwrap
from guideway.apply.traces import BRIEF, PatientTraces, comparison_text, define_name, found_in, plain
from guideway.apply.words import define_words
from guideway.guideline.compiled import DefineKey, Element


class EvidenceFinder:
    """Finds the evidence for the conditions of one patient; many recommendations share one."""

    def __init__(self, traces: PatientTraces) -> None:
        self.traces = traces
        self._known: dict[DefineKey, tuple[list[Evidence], dict[DefineKey, None]]] = {}

    def looked_at(self, result: ConditionResult) -> Iterator[Evidence]:
        """The resources of a condition in FHIRPath, each with what it says."""
        why = result.description or result.expression
        for reference in result.read[:BRIEF]:
            yield self._said_by(reference, why)

    def of(self, trace: Trace, result: ConditionResult, touched: dict[DefineKey, None]) -> list[Evidence]:
        """The evidence of one condition; many recommendations share one."""
        key = (result.library or "", result.define or "")
        known = self._known.get(key)
        if known is None:
            reached: dict[DefineKey, None] = {}
            known = self._known[key] = (list(self._evidence(trace, result, reached)), reached)
        touched.update(known[1])
        return known[0]

    def _evidence(self, trace: Trace, result: ConditionResult, touched: dict[DefineKey, None]) -> Iterator[Evidence]:
        said = result.define or result.expression
        seen: set[int] = set()
        pending: list[tuple[Trace, str, str | None, str]] = [(trace, said, None, said)]
        while pending:
            node, statement, comparison, inside = pending.pop()
            element = self.traces.element(node)
            if element is not None:
                touched[element.library, element.define] = None
                yield from self._of_element(element, node, statement, comparison)
                continue
            if id(node) in seen:
                continue
            seen.add(id(node))
            found = resources_of_value(node.value)
            if found or node.kind in ("Retrieve", "Query"):
                touching = self.traces.nearest(node) if node.kind == "Query" and not found else ()
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
        found, checked = self.traces.sources.of(node)
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
            facts = self.traces.facts(reference)
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
            came_from, left_out = self.traces.sources.of(node)
            references, checked = list(came_from), list(left_out)
        why = reason(statement, comparison, None)
        if not references:
            key = (node.library or "", inside)
            whole = self.traces.trace(*key) if self.traces.guideline.definition(key) is not None else None
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
        facts = self.traces.facts(reference)
        return Evidence(
            display=facts.display or reference,
            resource=reference,
            value=facts.value,
            unit=facts.unit,
            date=facts.date,
            why=why,
        )


def reason(statement: str, comparison: str | None, define: str | None) -> str | None:
    """Why a piece of evidence counts: the statement it is in, and the comparison."""
    if statement == define:
        return comparison
    return f"{statement} ({comparison})" if comparison else statement

"""The evidence for a condition: what decided that it is true, false or unknown, from its trace.

Of a false ``and`` the false operand, of a true ``or`` the true one, of everything else all that was evaluated. A data element (a
define tagged ``@dataElement``) is one piece of evidence with the resources it came from: the narrowest ones, the value that the
expression ended at, not all that was read on the way. An element that is false or empty because nothing was found is evidence
too (``absent``), with what was looked at and did not count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal

import msgspec

from guideway.apply.code_names import concept_name, displays_of
from guideway.apply.comparisons import compared, outcome_text, own_comparisons
from guideway.apply.fhir_json import as_text
from guideway.apply.outcome import ConditionResult, Evidence
from guideway.apply.own_gaps import requirements_of
from guideway.apply.provenance import Trace, deciders, resources_of_value, unwrap
from guideway.apply.support import References
from guideway.apply.touched import is_of_another_type
from guideway.apply.traces import BRIEF, PatientTraces, define_name, found_in, plain
from guideway.engine.values import Code, Concept, TupleValue
from guideway.guideline.compiled import CompiledGuideline, DefineKey, Element, Requirement

Context = tuple[str, bool | None, tuple[str, ...]]
"""What something is evidence for: the nearest statement, whether it is so, and the comparisons that its own value stands in."""

Touched = dict[DefineKey | Requirement, None]
"""The data elements that something rests on, and the retrieves that it rests on outside of them."""

_PASSES = frozenset({"As", "Convert", "ExpressionRef", "ExpressionDef", "Distinct"})
"""What gives the list that it is made of on, but for what is in it twice."""

_REASONS = 3
"""So many reasons of one datum are given."""


class Reasons(msgspec.Struct):
    """Why one datum counts."""

    contexts: dict[Context, None]
    define: str | None = None
    """Its own define, which is not named again."""
    own: tuple[str, ...] = ()
    """The comparisons in it."""

    def text(self) -> str | None:
        """The statements that the datum stands in, as they came out, with what was compared; where nothing was, the first one."""
        telling = [context for context in self.contexts if context[2]] or list(self.contexts)[:1]
        found: dict[tuple[str, bool | None], dict[str, None]] = {}
        for statement, value, comparisons in telling:
            found.setdefault((statement, value), {}).update(dict.fromkeys(comparisons or self.own))
        texts = [self._said(statement, value, list(shown)[:_REASONS]) for (statement, value), shown in found.items()]
        return "; ".join([text for text in texts if text][:_REASONS]) or None

    def _said(self, statement: str, value: bool | None, comparisons: list[str]) -> str:
        shown = ", ".join(comparisons)
        if statement == self.define:
            return shown
        came_out = " is false" if value is False else " is not known" if value is None else ""
        return f"{statement}{came_out} ({shown})" if shown else f"{statement}{came_out}"


Made = tuple[list[Evidence], Reasons]
"""What is told of one datum, and why."""


class EvidenceFinder:
    """Finds the evidence for the conditions of one patient; many recommendations share one."""

    def __init__(self, traces: PatientTraces) -> None:
        self.traces = traces
        self._known: dict[DefineKey, tuple[list[Evidence], Touched]] = {}
        self._deciding: dict[int, tuple[Trace, ...]] = {}
        """The data elements that decided each node that was looked through for them."""
        self._asked: dict[int, Touched] = {}
        """What the retrieves below each node that was looked through for them ask for."""

    def looked_at(self, result: ConditionResult) -> Iterator[Evidence]:
        """The resources of a condition in FHIRPath, each with what it says, and what it looked for and there is none of (what
        leaves a condition open is missing instead)."""
        why = result.description or result.name or result.expression
        for reference in result.read[:BRIEF]:
            yield self._said_by(reference, why)
        for display in result.nothing:
            yield Evidence(display=display, absent=True, why=why)

    def read_for(self, result: ConditionResult, references: list[str]) -> Iterator[Evidence]:
        """The resources that were read for a condition that fails."""
        why = f"read for: {result.description or result.define or result.expression}, which fails"
        for reference in references[:BRIEF]:
            yield self._said_by(reference, why)
        if len(references) > BRIEF:
            yield Evidence(display=f"and {len(references) - BRIEF} more", why=why)

    def of(self, trace: Trace, result: ConditionResult, touched: Touched) -> list[Evidence]:
        """The evidence of one condition; many recommendations share one."""
        key = (result.library or "", result.define or "")
        known = self._known.get(key)
        if known is None:
            reached: Touched = {}
            known = self._known[key] = (self._evidence(trace, result, reached), reached)
        touched.update(known[1])
        return known[0]

    def _evidence(self, trace: Trace, result: ConditionResult, touched: Touched) -> list[Evidence]:
        """What the condition rests on, in the order of the logic; what of it no element and no list accounts for comes last."""
        found_all, needed, looked_at = self.traces.sources.of(trace)
        rests_on = found_all | needed
        said = result.define or result.expression
        items: list[Evidence] = []
        told: References = {}
        made: dict[int, Made] = {}
        seen: set[int] = set()
        enough: set[int] = set()
        """Lists of which it is asked whether anything is in them, and something is: what is not does not matter."""
        pending: list[tuple[Trace, Context, str]] = [(trace, (said, unwrap(trace.value), ()), said)]
        while pending:
            node, context, inside = pending.pop()
            kind = node.kind
            name = define_name(node) if kind == "ExpressionDef" else None
            element = self.traces.element(node) if name is not None else None
            value = node.value
            if value is not None and value is not True and value is not False:
                value = unwrap(value)
            answers = value is True or value is False
            if answers:  # what is compared with an answer says nothing of what the answer rests on
                if name and element is None:
                    context = (name, value, ())
                elif context[2]:
                    context = (context[0], context[1], ())
            if id(node) in seen:
                if context[2]:
                    for leaf in self._carried(node, made):
                        made[leaf][1].contexts[context] = None
                continue
            seen.add(id(node))
            if element is not None:
                touched[element.library, element.define] = None
                own = list(self._of_element(element, node, rests_on, told))
                made[id(node)] = own, Reasons({context: None}, element.define, tuple(own_comparisons(node)) if answers else ())
                items += own
                continue
            if kind == "Exists" and value is True:
                enough |= {id(child) for child in node.known}
            found = resources_of_value(value) if value and not answers else []
            if found or kind in ("Retrieve", "Query"):
                below = list(self._elements(node, with_sources=not found)) if kind == "Query" else []
                if found or not below:
                    counted = [reference for reference in found if reference in rests_on]
                    if counted or not found:
                        touched |= self._asked_for(node)
                        own = list(self._of_resources(node, counted, inside, told))
                        made[id(node)] = own, Reasons({context: None})
                        items += own
                lacking = [*self._empty_relations(node), *(() if id(node) in enough else self._empty_parts(node))]
                pending += [(child, context, inside) for child in reversed([*below, *lacking])]
                continue
            if name and value is None:
                context = (name, None, context[2])
            inside = name or inside
            pending += self._below(node, context, inside, answers or value is None)
        for own, reasons in made.values():
            why = reasons.text()
            for item in own:
                item.why = why
        items = _joined(items)
        rest = [reference for reference in rests_on if reference not in told]
        items += [self._said_by(reference, said) for reference in rest[:BRIEF]]
        if len(rest) > BRIEF:
            items.append(Evidence(display=f"and {len(rest) - BRIEF} more", why=said))
        unused = [reference for reference in looked_at if reference not in told]
        if unused:  # not with an absent element: that may be said as missing instead
            lasting = [item for item in items if item.element is None or not item.absent]
            if not lasting:
                words = self.traces.words(result.library or "", result.define) if result.define else result.expression
                lasting = [Evidence(display=words, value=plain(trace.value)[0], unit=plain(trace.value)[1])]
                items += lasting
            bearer = next((item for item in lasting if item.absent), lasting[0])
            bearer.checked = [*bearer.checked, *unused][:BRIEF]
        return items

    def _asked_for(self, node: Trace) -> Touched:
        """What the retrieves at or below a node ask for that are in no data element, without what would have to be made. Many
        conditions rest on one define: what is below it is looked through once."""
        known = self._asked.get(id(node))
        if known is None:
            known = self._asked[id(node)] = {}
            pending, seen = [node], set[int]()
            while pending:
                current = pending.pop()
                if id(current) in seen:
                    continue
                seen.add(id(current))
                kind = current.kind
                if kind == "Retrieve":
                    known |= dict.fromkeys(requirements_of(current, self.traces))
                elif kind != "ExpressionDef" or self.traces.element(current) is None:
                    if kind == "ExpressionDef" and current is not node:
                        known |= self._asked_for(current)
                    else:
                        pending += [child for child in current.known if child.kind != "Iteration"]
        return known

    def _empty_parts(self, node: Trace) -> Iterator[Trace]:
        """The lists without a row of those that a list is put together of."""
        pending = [node]
        while pending:
            current = pending.pop()
            if current.kind == "Union":
                pending += reversed(current.known)
                yield from (child for child in current.known if child.value == [])
            elif current.kind in _PASSES and self.traces.element(current) is None:
                pending += current.known

    def _empty_relations(self, node: Trace) -> Iterator[Trace]:
        """The lists without a row to which the rows of a query are related, or are not: that lets them in or keeps them out."""
        if node.kind != "Query" or node.rows is not None:
            return
        rows = [child for child in node.children if child.kind == "Iteration"]
        row = next((row for row in rows if has_kept(row)), rows[0] if rows else None)
        while row is not None:
            for child in row.children or ():
                source = getattr(child, "source", None) if child.kind in ("With", "Without") else None
                if source is not None and source.value == []:
                    yield source
            row = next((child for child in row.children or () if child.kind == "Iteration"), None)

    def _carried(self, node: Trace, made: dict[int, Made]) -> Iterator[int]:
        """Those of what is told already whose values, and not only what was said of them, are in the value of a node."""
        seen: set[int] = set()
        pending = [node]
        while pending:
            current = pending.pop()
            if id(current) in seen:
                continue
            seen.add(id(current))
            if id(current) in made:
                yield id(current)
            elif not isinstance(unwrap(current.value), bool):
                pending += current.known  # what has not been made has not been told

    def _below(self, node: Trace, context: Context, inside: str, answers: bool) -> list[tuple[Trace, Context, str]]:
        """The nodes that decided a node, the last first, each with the comparisons of the node in which its value stands."""
        statement, value, comparisons = context
        if answers and (text := outcome_text(node)) is not None:
            context = (statement, value, (text,))
        elif answers and node.kind == "FunctionRef" and (operands := getattr(node, "operands", ())):
            inner = compared(node)
            given = {id(child): inner.get(name) for name, child in zip(operands, node.children)}
            said = {key: (statement, value, tuple(texts)) for key, texts in given.items() if texts}
            plain = (statement, value, comparisons)
            return [(child, said.get(id(child), plain), inside) for child in reversed(deciders(node))]
        return [(child, context, inside) for child in reversed(deciders(node))]

    def _elements(self, query: Trace, *, with_sources: bool) -> Iterator[Trace]:
        """The data elements that let rows into a query's result or, where there are none, kept them out; and those that the rows
        came from."""
        deciding = row_deciders(query, with_sources=with_sources)
        return iter(dict.fromkeys(element for node in deciding for element in self._elements_of(node)))

    def _elements_of(self, node: Trace) -> tuple[Trace, ...]:
        """The data elements that decided a node, itself included, in the order of the logic. Of queries over queries each node is
        looked at once, not once for each way that leads to it."""
        known = self._deciding
        pending: list[tuple[Trace, list[Trace] | None]] = [(node, None)]
        while pending:
            current, below = pending.pop()
            key = id(current)
            if key in known:
                continue
            if below is None:
                if current.kind == "ExpressionDef" and self.traces.element(current) is not None:
                    known[key] = (current,)
                    continue
                later = type(current.below) is not tuple and current.later is not None
                among = current.known if later else row_deciders(current)  # in what is not made there is none
                below = [child for child in among if child.below or child.kind == "ExpressionDef"]
                pending.append((current, below))
                pending += [(child, None) for child in below if id(child) not in known]
                continue
            found = [elements for child in below if (elements := known.get(id(child), ()))]
            known[key] = found[0] if len(found) == 1 else tuple(dict.fromkeys(element for each in found for element in each))
        return known[id(node)]

    def _of_element(self, element: Element, node: Trace, rests_on: References, told: References) -> Iterator[Evidence]:
        """A data element, of a list with those of its rows alone that the condition rests on, where it rests on some of them."""
        found, needed, checked = self.traces.sources.of(node)
        value = unwrap(node.value)
        counted = {reference: None for reference in found if reference in rests_on} if isinstance(value, list) else {}
        narrowed = 0 < len(counted) < len(found)
        found = counted if narrowed else found
        told.update(found | needed | checked)
        references = list(found or needed)
        if found:
            checked = needed | checked
        if value is None:  # what only bears on it (the start of a treatment) says nothing of it
            references = [reference for reference in references if self._may_give(element, reference)]
            checked = checked if references else found | needed | checked
        orders = [reference for reference in references if not reference.startswith("Medication/")]
        if orders and len(orders) < len(references):  # a drug that an order refers to says what the order is of, and nothing more
            checked = dict.fromkeys(each for each in references if each not in orders) | checked
            references = orders
        if not references:
            absent = value is None or value is False or value == [] or value == 0
            yield Evidence(
                element=element.id,
                display=element.display,
                value=None if value is None else plain(value)[0],
                unit=plain(value)[1],
                absent=absent,
                checked=list(checked)[:BRIEF],
            )
            return
        for number, reference in enumerate(references[:BRIEF]):
            facts = self.traces.facts(reference)
            own_value, own_unit = plain(value)
            single = len(references) == 1 and not narrowed  # else the value is that of other rows too
            single = single and own_value is not None and not isinstance(value, bool) and not found_in(value)
            rows = _rows_of(value)
            single = single and not rows
            name = facts.display or self._name_in(_rows_about(reference, rows) or (rows if len(references) == 1 else []))
            shown, unit = (facts.value, facts.unit) if facts.measured or not single else (own_value, own_unit)
            unknown = value is None and not facts.measured  # that an order is active is no value of what it leaves open
            if unknown:
                shown, unit = None, None
            if shown is None and isinstance(own_value, bool):  # an answer, or a finding without a value: what the element says
                shown, unit = own_value, None
            yield Evidence(
                element=element.id,
                display=element.display,
                resource=reference,
                name=name if _names_a_drug(reference, name, element.display) else None,
                value=shown,
                unit=unit,
                date=facts.date,
                said=facts.said,
                unknown=unknown,
                checked=[] if number else list(checked)[:BRIEF],
            )
        if len(references) > BRIEF:
            more = f"and {len(references) - BRIEF} more"
            yield Evidence(element=element.id, display=f"{element.display}: {more}")

    def _name_in(self, rows: list[TupleValue]) -> str | None:
        """What the one row is of, where its resource is not on record (an order being written): the first code in it."""
        displays = displays_of(self.traces.guideline)
        values = [unwrap(value) for value in rows[0].values()] if len(rows) == 1 else []
        for value in values:
            if isinstance(value, Code | Concept):
                codes = value.codes if isinstance(value, Concept) else (value,)
                named = value.display or any(code.display for code in codes)
                known = (displays(code.system, code.code) for code in codes if code.system and code.code and not named)
                text: str | None = next(filter(None, known), None) or as_text(value)
            else:
                text = concept_name(value.data, displays) if getattr(value, "fhir_type", "") == "CodeableConcept" else None
            if text:
                return text
        return None

    def _may_give(self, element: Element, reference: str) -> bool:
        """Whether a resource is of a type that a data element is read from."""
        resource = self.traces.resource(reference)
        key = (element.library, element.define)
        return resource is None or not is_of_another_type(key, resource, self.traces.guideline)

    def _of_resources(self, node: Trace, found: list[str], inside: str, told: References) -> Iterator[Evidence]:
        """The resources of a retrieve or query outside any data element; ``inside`` is the define it stands in."""
        references = found
        checked: list[str] = []
        if not found:
            came_from, _, left_out = self.traces.sources.of(node)
            references, checked = list(came_from), [] if came_from else list(left_out)
        told.update(dict.fromkeys([*references, *checked]))
        words = self.traces.words(node.library or "", inside)
        if not references:
            key = (node.library or "", inside)
            whole = self.traces.trace(*key) if self.traces.guideline.definition(key) is not None else None
            shown, unit = plain(whole.value if whole is not None else node.value)
            if isinstance(shown, int | Decimal) and not isinstance(shown, bool):  # a count of nothing is a number, not an absence
                yield Evidence(display=words, value=shown, unit=unit, checked=checked[:BRIEF])
                return
            by_type = node.label if node.kind == "Retrieve" and not self.traces.has_words(*key) else None
            yield Evidence(display=by_type or words, absent=True, checked=checked[:BRIEF])
        for reference in references[:BRIEF]:
            yield self._said_by(reference)
        if len(references) > BRIEF:
            yield Evidence(display=f"{words}: and {len(references) - BRIEF} more")

    def _said_by(self, reference: str, why: str | None = None) -> Evidence:
        """What a resource says, as evidence."""
        facts = self.traces.facts(reference)
        return Evidence(
            display=facts.display or reference,
            resource=reference,
            value=facts.value,
            unit=facts.unit,
            date=facts.date,
            why=why,
            said=facts.said,
        )


def _joined(items: list[Evidence]) -> list[Evidence]:
    """The evidence with each resource told once: what a resource counts for besides its data element is said with that."""
    by_element = {item.resource: item for item in items if item.element and item.resource}
    kept = []
    for item in items:
        bearer = by_element.get(item.resource) if item.resource and not item.element else None
        if bearer is None:
            kept.append(item)
        elif item.why and item.why not in (bearer.why or ""):
            bearer.why = f"{bearer.why}; {item.why}" if bearer.why else item.why
    return kept


def _rows_of(value: object) -> list[TupleValue]:
    """What the logic put together (tuples): no value that a person reads."""
    rows = [unwrap(row) for row in (value if isinstance(value, list) else [value])]
    return [row for row in rows if isinstance(row, TupleValue)]


def _rows_about(reference: str, rows: list[TupleValue]) -> list[TupleValue]:
    """The rows that hold the id of a resource."""
    key = reference.rpartition("/")[2]
    return [row for row in rows if any(unwrap(value) == key for value in row.values())]


def _names_a_drug(reference: str, name: str | None, display: str) -> bool:
    """Whether a resource is about a drug that the element's display does not name: of a class it is not said which."""
    return reference.startswith("Medication") and name is not None and name.casefold() not in display.casefold()


Key = tuple[str | None, str, str | None, bool]


def key_of(item: Evidence) -> Key:
    """What makes two pieces of evidence the same."""
    return item.element, item.display, item.resource, item.absent


def add(known: dict[Key, Evidence], item: Evidence) -> None:
    """Add a piece of evidence; of one that is known already only what was looked at besides."""
    key = key_of(item)
    before = known.setdefault(key, item)
    more = [reference for reference in item.checked if reference not in before.checked]
    if more and before is not item:  # many recommendations share what is known
        known[key] = msgspec.structs.replace(before, checked=[*before.checked, *more][:BRIEF])


def said_once(known: dict[Key, Evidence], last: Collection[str] = ()) -> list[Evidence]:
    """The evidence, without saying of something that it was not found beside what was: a list that is empty where another one of
    that name is not. What was looked at for it stands with what was found. The absence of an element of ``last`` comes last."""
    found = {item.display: key for key, item in reversed(known.items()) if not item.absent}
    for item in [each for each in known.values() if each.absent and each.element is None and each.display in found]:
        bearer = known[found[item.display]]
        more = [reference for reference in item.checked if reference not in bearer.checked and reference != bearer.resource]
        if more:
            known[found[item.display]] = msgspec.structs.replace(bearer, checked=[*bearer.checked, *more][:BRIEF])
        del known[key_of(item)]
    return sorted(known.values(), key=lambda item: item.absent and item.element in last)


def told_last(guideline: CompiledGuideline) -> frozenset[str]:
    """The data elements whose absence its authors want told after that of others (tag ``@told: last``): it counts for almost
    every recommendation, and says of none what it is about."""
    known: frozenset[str] | None = guideline.memory.get(told_last)
    if known is None:
        found = (element.id for element in guideline.elements.values() if ("told", "last") in element.tags)
        known = guideline.memory[told_last] = frozenset(found)
    return known


def row_deciders(node: Trace, *, with_sources: bool = True) -> Sequence[Trace]:
    """As ``deciders``, also for queries: the conditions of the rows in the result, else what kept all out. Of rows that have not
    been made these are about nothing but the row."""
    below = node.below
    if type(below) is not tuple and node.rows is not None:
        return list(node.known) if with_sources else []
    children = below if type(below) is tuple else node.children
    if node.kind in ("Query", "With", "Without"):
        rows = [child for child in children if child.kind == "Iteration"]
        first = next((number for number, child in enumerate(children) if child.kind == "Iteration"), len(children))
        if node.kind == "Query":
            kept = [row for row in rows if has_kept(row)]
            rows = kept or rows
        elif node.value is True:
            rows = rows[-1:]
        return [*(children[:first] if with_sources else ()), *rows]
    if node.kind == "Iteration":
        inner = [child for child in children if child.kind == "Iteration"]
        if inner:
            return [row for row in inner if has_kept(row)] or inner
        return children[: node.kept] if hasattr(node, "kept") else children[-1:]
    return deciders(node)


def has_kept(row: Trace) -> bool:
    """Whether a row of a query, or a row inside it, is in the result."""
    return hasattr(row, "kept") or any(child.kind == "Iteration" and has_kept(child) for child in row.children or ())

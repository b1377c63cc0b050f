"""The traces of one patient's evaluation, with the record that they were made from: what explanations look things up in.

Works on any trace with ``kind``, ``label``, ``value``, ``children``, ``resources``, ``library``, ``define``
(``engine.trace.TraceNode``). Values come out as JSON scalars (``plain``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

from guideway.apply.code_names import displays_of
from guideway.apply.facts import ResourceFacts, facts_of
from guideway.apply.fhir_json import as_text
from guideway.apply.provenance import Provenance, Trace, unwrap
from guideway.apply.words import define_words
from guideway.engine.trace import Later
from guideway.engine.values import Code, Concept, Quantity
from guideway.fhir.element import FhirObject, FhirPrimitive
from guideway.guideline.compiled import CompiledGuideline, DefineKey, Element
from guideway.guideline.expressions import is_companion
from guideway.guideline.names import objects

Json = dict[str, Any]

_DEFINES = frozenset({"ExpressionDef", "Define"})

BRIEF = 12
"""So many resources of one element are listed one by one; of more, these and a count."""


class _Present:
    """What a record has of what defines read. It knows nothing of the traces that ask it: only the collector could free both."""

    def __init__(self, guideline: CompiledGuideline, record: Any) -> None:
        self._guideline = guideline
        self._record = record
        self._of_type: dict[str, frozenset[str] | None] = {}
        self._of_all: dict[tuple[int, ...], frozenset[str] | None] = {}

    def readable(self, define: Trace) -> frozenset[str] | None:
        """The resources of the types that a define reads, directly or through others: it can have read no other ones. None where
        that cannot be told: it is no define of the guideline, or they hold resources in themselves."""
        definition = self._guideline.definition(define.home)
        if definition is None:
            return None
        numbers = definition.requirements
        if numbers not in self._of_all:
            kinds = {self._guideline.requirements[number].type for number in numbers}
            found = [self._references(kind) for kind in kinds]
            self._of_all[numbers] = None if None in found else frozenset().union(*(each for each in found if each))
        return self._of_all[numbers]

    def _references(self, kind: str) -> frozenset[str] | None:
        if kind not in self._of_type:
            there = self._record.retrieve(kind)
            plain = all(resource.reference and "contained" not in resource.data for resource in there)
            self._of_type[kind] = frozenset(str(resource.reference) for resource in there) if plain else None
        return self._of_type[kind]


class PatientTraces:
    """The traces of one patient, each made once; the resources of the record, in words."""

    def __init__(self, guideline: CompiledGuideline, evaluation: Any, record: Any) -> None:
        self.guideline = guideline
        self.evaluation = evaluation
        self.record = record
        given = any(isinstance(value, FhirObject | list) for value in getattr(evaluation, "parameters", {}).values())
        self.sources = Provenance() if given else Provenance(_Present(guideline, record).readable)
        self._traces: dict[DefineKey, Trace | None] = {}
        self._null: set[DefineKey] = set()
        self._looked_at = 0
        """Of so many traces it has been asked whether they are null."""
        subject = record.subject()
        self.subject_type: str = subject.fhir_type.rpartition(".")[2] if subject is not None else "Patient"

    def trace(self, library: str, define: str) -> Trace | None:
        """The trace of a define, or None where there is none (the evaluation was made without)."""
        key = (library, define)
        if key not in self._traces:
            self._traces[key] = self.evaluation.trace(library, define)
        return self._traces[key]

    def element(self, node: Trace) -> Element | None:
        """The data element whose define this node is the root of."""
        if node.kind not in _DEFINES:
            return None
        return self.guideline.elements.get(node.home)

    def null_elements(self) -> Collection[DefineKey]:
        """The data elements that were evaluated so far and are null, because of what they rest on; of an evaluation that began
        with what another one had come to, also those that were null in that one."""
        defines = self.evaluation.tracer.defines
        if len(defines) > self._looked_at:
            new = islice(defines.values(), self._looked_at, None)
            nulls = [node for node in new if node.value is None or type(node.value) is FhirPrimitive]
            nulls = [node for node in nulls if node.home in self.guideline.elements and unwrap(node.value) is None and node.known]
            self._null.update([node.home for node in nulls])
            self._looked_at = len(defines)
        return self._null

    def of(self, evaluation: Any, taken: int) -> PatientTraces:
        """The same of another evaluation, which begins with so many of these traces."""
        other = PatientTraces(self.guideline, evaluation, self.record)
        other._null = set(self.null_elements())
        other._looked_at = taken
        return other

    def words(self, library: str, define: str) -> str:
        """What people call a define: as its author says (``@display``), else the words of its name."""
        element = self.guideline.elements.get((library, define))
        if element is not None:
            return element.display
        known = self.guideline.definition((library, define))
        if known is not None and known.display is not None:
            return known.display
        return define if is_companion(library) else define_words(define)

    def has_words(self, library: str, define: str) -> bool:
        """Whether the author of a define says what people call it."""
        known = self.guideline.definition((library, define))
        return (library, define) in self.guideline.elements or (known is not None and known.display is not None)

    def nearest(self, node: Trace) -> Iterator[tuple[Element, Trace]]:
        """The data elements below a node that are not below another one."""
        seen: set[int] = set()
        pending = list(reversed(node.known))  # among what has not been made there is none
        while pending:
            child = pending.pop()
            if id(child) in seen:
                continue
            seen.add(id(child))
            below = child.below
            element = self.element(child) if child.kind in _DEFINES else None
            if element is not None:
                yield element, child
            elif below and type(below) is not Later:
                pending += reversed(child.known)

    def facts(self, reference: str) -> ResourceFacts:
        """What a resource of the record says."""
        found = self.resource(reference)
        return facts_of(found, displays_of(self.guideline), self._drug_of(found)) if found is not None else ResourceFacts()

    def _drug_of(self, resource: Json) -> Json | None:
        """The Medication that a resource refers to: one inside it, or of the record."""
        given = resource.get("medicationReference")
        reference = given.get("reference") if isinstance(given, dict) else None
        if not isinstance(reference, str):
            return None
        if not reference.startswith("#"):
            return self.resource(reference)
        return next((each for each in objects(resource.get("contained")) if f"#{each.get('id')}" == reference), None)

    def resource(self, reference: str) -> Json | None:
        """A resource of the record, or the subject."""
        lookup = getattr(self.record, "resolve_quietly", None) or self.record.resolve
        found = lookup(reference)
        subject = self.record.subject()
        if found is None and subject is not None and subject.reference == reference:
            found = subject
        return found.data if found is not None else None


def define_name(node: Trace) -> str | None:
    """The define that a node is the root of; None for a node inside one."""
    return node.define if node.kind in _DEFINES else None


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

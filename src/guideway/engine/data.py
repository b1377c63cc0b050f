"""What the engine asks of patient data: the ``DataSource`` protocol, and a plain source over resources in memory.

A source belongs to one subject (a patient). The generated code asks it for resources by type and, where the CQL retrieve has a
code filter, by the codes at a path (CQL 1.5 §4.3 "Retrieve"); everything else (date ranges, other filters) the engine does
itself. The order of what a source gives is the order in which queries see it: keep it the same from run to run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

from guideway.fhir.element import FhirObject, codings

CodeSet = frozenset[tuple[str | None, str]]
"""Codes as ``(system, code)``. A coding of the data matches when both are the same; a bare code (system None in the data)
matches by its code alone, because its system is fixed by the element's binding."""


@runtime_checkable
class DataSource(Protocol):
    """The data of one subject."""

    def subject(self) -> FhirObject | None:
        """The patient (or other context resource) this source belongs to."""
        ...

    def retrieve(
        self,
        type_name: str,
        *,
        code_path: str | None = None,
        codes: CodeSet | None = None,
        context: str | FhirObject | None = "Patient",
        template_id: str | None = None,
    ) -> Sequence[FhirObject]:
        """The resources of a FHIR type that belong to the subject.

        ``codes`` (with ``code_path``): only those with a matching coding there; None for no code filter, the empty set for
        nothing at all. ``context`` is the name of the current context; ``"Unfiltered"`` (or ``"Population"``) asks for the
        resources of every subject, and a resource (a related Patient) for those of that one. ``template_id`` is the profile
        that the retrieve names; a source may use it.
        """
        ...

    def resolve(self, reference: str) -> FhirObject | None:
        """The resource that a reference (``Medication/x``, ``#contained`` excepted, an absolute URL) points to, or None."""
        ...


def matches(data: dict[str, Any], code_path: str, codes: CodeSet) -> bool:
    """Whether any coding at ``code_path`` is one of ``codes``."""
    for system, code in codings(data, code_path):
        if (system, code) in codes:
            return True
        if system is None and any(code == wanted for _, wanted in codes):
            return True
    return False


class ResourceSource:
    """A ``DataSource`` over resources as JSON objects, for one patient; without a patient, over all of them.

    It looks at every resource of the type at each retrieve: right for the command line, small tests and terminology-free use.
    Patient records with indexes and hygiene are ``guideway.records``.
    """

    def __init__(self, resources: Iterable[dict[str, Any]] = (), subject: dict[str, Any] | None = None) -> None:
        self._all: dict[str, list[FhirObject]] = {}
        self._by_reference: dict[str, FhirObject] = {}
        for resource in resources:
            kind = resource.get("resourceType")
            if isinstance(kind, str):
                found = FhirObject(kind, resource)
                self._all.setdefault(kind, []).append(found)
                if found.reference:
                    self._by_reference[found.reference] = found
        if subject is None:
            patients = self._all.get("Patient", [])
            self._subject = patients[0] if len(patients) == 1 else None
        else:
            self._subject = FhirObject(str(subject.get("resourceType")), subject)

    def subject(self) -> FhirObject | None:
        """The patient."""
        return self._subject

    def retrieve(
        self,
        type_name: str,
        *,
        code_path: str | None = None,
        codes: CodeSet | None = None,
        context: str | FhirObject | None = "Patient",
        template_id: str | None = None,
    ) -> Sequence[FhirObject]:
        """The resources of a type, see ``DataSource``. A resource belongs to a subject that any reference of it names; where only
        one patient is at hand, all belong to that one."""
        found: Sequence[FhirObject] = self._all.get(type_name, ())
        owner = context if isinstance(context, FhirObject) else self._subject if context not in UNFILTERED else None
        if owner is not None and (isinstance(context, FhirObject) or len(self._all.get("Patient", ())) > 1):
            found = [item for item in found if belongs(item, owner)]
        if codes is not None:
            path = code_path or "code"
            found = [item for item in found if matches(item.data, path, codes)]
        return found

    def resolve(self, reference: str) -> FhirObject | None:
        """The resource of a relative reference, or of an absolute one that ends in ``Type/id``."""
        return self._by_reference.get(reference) or self._by_reference.get("/".join(reference.split("/")[-2:]))


UNFILTERED = frozenset(("Unfiltered", "Population", None))
_OWNERS = ("subject", "patient", "beneficiary", "individual")


def belongs(item: FhirObject, owner: FhirObject) -> bool:
    """Whether a resource is the owner's: the owner itself, or one that refers to it as its subject or patient."""
    if item.fhir_type == owner.fhir_type:
        return item.id == owner.id
    reference = owner.reference
    for name in _OWNERS:
        target = item.data.get(name)
        if isinstance(target, dict):
            named = target.get("reference")
            return isinstance(named, str) and reference is not None and (named == reference or named.endswith("/" + reference))
    return False

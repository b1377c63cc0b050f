"""Whose resource is it? The patient that a resource is about, by the element that FHIR gives its type for that.

Takes a resource as JSON; gives the references that name its subject. FHIR's patient compartment also counts performers, recorders
and authors: a patient who recorded a neighbour's Condition does not have it, so only the subject counts here. Elements by type:
FHIR R4, the search parameter ``patient`` of each type.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from guideway.fhir.modelinfo import builtin

SUBJECT_ELEMENTS = ("subject", "patient", "for", "beneficiary", "individual", "candidate", "deliverTo")
_NESTED = {
    "Appointment": ("participant", "actor"),
    "Group": ("member", "entity"),
    "Person": ("link", "target"),
}
_NOT_CLINICAL = frozenset(("Account", "Contract", "Device", "Group", "Person", "Provenance", "Schedule"))
_REFERENCE = ("FHIR.Reference", "list<FHIR.Reference>")
_OTHERS = {"AppointmentResponse": "actor", "Provenance": "target", "Schedule": "actor"}


def subjects(resource: dict[str, Any]) -> list[dict[str, Any]]:
    """The references that say whom a resource is about; none where it says nothing. The element that its type has for that counts
    before one of another type's, which FHIR does not know there."""
    kind = str(resource.get("resourceType"))
    if kind in _NESTED:
        outer, inner = _NESTED[kind]
        members = resource.get(outer)
        found = [
            r for m in (members if isinstance(members, list) else ()) if isinstance(m, dict) for r in _references(m.get(inner))
        ]
        if found:
            return found
    for name in subject_elements(kind):
        value = resource.get(name)
        if value is not None:
            return [value] if type(value) is dict else _references(value)
    return []


@cache
def subject_elements(kind: str) -> tuple[str, ...]:
    """The elements in which a resource of a type may say whom it is about: first its own, then those of other types."""
    other = _OTHERS.get(kind)
    elements = builtin("FHIR").elements(kind)
    own = [name for name in SUBJECT_ELEMENTS if name in elements and elements[name].type in _REFERENCE]
    return tuple(dict.fromkeys([*([other] if other is not None else []), *own, *SUBJECT_ELEMENTS]))


def _references(value: Any) -> list[dict[str, Any]]:
    return [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, dict)]


@cache
def is_clinical(kind: str) -> bool:
    """Whether resources of a type are about a patient at all; products, practitioners and places are not."""
    if kind in _NOT_CLINICAL:
        return False
    if kind in _NESTED or kind in _OTHERS:
        return True
    elements = builtin("FHIR").elements(kind)
    return any(name in elements and elements[name].type in _REFERENCE for name in SUBJECT_ELEMENTS)


def reference_forms(reference: str) -> tuple[str, ...]:
    """The forms of a literal reference to look up, the most exact first: as written, without its version, and without its server.

    >>> reference_forms("http://example.org/fhir/Patient/1/_history/2")
    ('http://example.org/fhir/Patient/1/_history/2', 'http://example.org/fhir/Patient/1', 'Patient/1')
    """
    forms = [reference]
    plain = reference.partition("/_history/")[0]
    if plain != reference:
        forms.append(plain)
    if plain.startswith(("http://", "https://")):
        forms.append("/".join(plain.split("/")[-2:]))
    return tuple(forms)

"""A request is about the patient of the run and nobody else, whatever a dynamic value says.

``must_be_about(subject, changed, before)`` raises ``AnotherPatient`` where a change touched the element that says whom a resource
is about, or brought in a reference to a patient who is not the subject.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from guideway.fhir.literal_references import reference_type

Json = dict[str, Any]

_WHOSE = ("subject", "patient", "for", "candidate", "deliverTo", "beneficiary")
_ACTORS = {"AppointmentResponse": "actor"}


class AnotherPatient(ValueError):
    """The change would make the resource another patient's; the message says how."""


def must_be_about(subject: str, changed: Json, before: Json) -> None:
    """Raise ``AnotherPatient`` where ``changed`` is no longer about ``subject`` alone as ``before`` was."""
    kind = str(changed.get("resourceType"))
    for name in (*_WHOSE, *([_ACTORS[kind]] if kind in _ACTORS else ())):
        if "resourceType" in changed and changed.get(name) != before.get(name):
            for whom in _members(changed.get(name)):
                if set(whom) != {"reference"} or not is_same(whom["reference"], subject):
                    raise AnotherPatient(f"{kind}.{name} says whom it is about: {subject}")
    known = set(_references(before))
    for reference in _references(changed):
        if reference not in known and reference_type(reference) == "Patient" and not is_same(reference, subject):
            raise AnotherPatient(f"{reference} is not the patient whom it is about ({subject})")


def is_same(reference: Any, subject: str) -> bool:
    """Whether a literal reference is the subject's, with or without a version."""
    return isinstance(reference, str) and reference.partition("/_history/")[0] == subject.partition("/_history/")[0]


def _members(value: Any) -> list[Json]:
    members = value if isinstance(value, list) else [value]
    return [m if isinstance(m, dict) else {"value": m} for m in members]


def _references(value: Any) -> Iterator[str]:
    """Every literal reference below a value."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == "reference" and isinstance(item, str):
                yield item
            else:
                yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)

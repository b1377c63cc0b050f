"""Tokens of prefetch templates (CDS Hooks 2.0 "Prefetch tokens", 3.0 "simpler FHIRPath"), and what a client makes of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from guideway.remote.cds_hooks import prefetch_for
from guideway.remote.hooks_rules import discovery_faults
from guideway.remote.local_search import Shelf
from guideway.remote.prefetch_tokens import NoValue, earlier, fill, is_known

Json = dict[str, Any]
NOW = datetime(2026, 3, 1, tzinfo=UTC)
RX: Json = {
    "resourceType": "MedicationRequest", "id": "rx", "medicationReference": {"reference": "Medication/m"},
    "requester": {"reference": "PractitionerRole/r"}, "performer": {"reference": "Practitioner/x y"},
    "dispenseRequest": {"performer": {"reference": "#o"}},
    "contained": [{"resourceType": "Organization", "id": "o", "name": "O"}],
}  # fmt: skip
SR: Json = {
    "resourceType": "ServiceRequest", "id": "sr", "quantityQuantity": {"value": 2},
    "locationReference": [{"reference": "urn:uuid:1"}, {"reference": "https://e/fhir/Location/l2/_history/3"}],
}  # fmt: skip
LOCATION = {"resourceType": "Location", "id": "l1"}
CONTEXT: Json = {
    "userId": "PractitionerRole/r", "patientId": "a/b", "selections": ["MedicationRequest/rx", "ServiceRequest/sr"],
    "draftOrders": {"resourceType": "Bundle", "entry": [
        {"resource": RX}, {"resource": SR}, {"fullUrl": "urn:uuid:1", "resource": LOCATION},
    ]},
}  # fmt: skip
ENTRY = "context.draftOrders.entry.resource"


@pytest.mark.parametrize(
    ("token", "value"),
    [
        ("context.patientId", "a%2Fb"),
        ("  context.patientId ", "a%2Fb"),
        ("context.selections", "MedicationRequest/rx,ServiceRequest/sr"),
        ("userPractitionerRoleId", "r"),
        ("today()", "2026-03-01"),
        ("today() - 1 day", "2026-02-28"),
        ("today()+30days", "2026-03-31"),
        (f"{ENTRY}.id", "rx,sr,l1"),
        (f"{ENTRY}.ofType(ServiceRequest).id", "sr"),
        (f"{ENTRY}.ofType(FHIR.ServiceRequest).`id`", "sr"),
        (f"{ENTRY}.ofType(ServiceRequest).id | {ENTRY}.ofType(MedicationRequest).id", "sr,rx"),
        (f"{ENTRY}.ofType(MedicationRequest).medication.ofType(Reference).reference", "Medication/m"),
        (f"{ENTRY}.ofType(MedicationRequest).medication.ofType(Reference).resolve().id", "m"),
        (f"{ENTRY}.medication.resolve().ofType(Medication).id", "m"),
        (f"{ENTRY}.ofType(ServiceRequest).quantity.value", "2"),
        (f"{ENTRY}.ofType(ServiceRequest).locationReference.resolve().ofType(Location).id", "l1,l2"),
        (f"{ENTRY}.ofType(MedicationRequest).dispenseRequest.performer.resolve().name", "O"),
        (f"{ENTRY}.performer.resolve().ofType(Practitioner).id", "x%20y"),
        ("context.selections.resolve().ofType(MedicationRequest).id", "rx"),
        ("%drafts.entry.resource.id", "d1"),
    ],
)
def test_what_a_token_stands_for(token: str, value: str) -> None:
    results = {"drafts": {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Task", "id": "d1"}}]}}
    resolve = {"urn:uuid:1": LOCATION}.get
    assert fill(f"X?a={{{{{token}}}}}", CONTEXT, NOW, results, resolve) == f"X?a={value}"
    assert is_known(token.strip())


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("userPatientId", "not a Patient"),
        ("context.encounterId", "no value"),
        ("context.draftOrders", "no plain value"),
        (f"{ENTRY}.where(id = 'rx').id", "no token"),
        (f"{ENTRY}.ofType(Task).id", "no value"),
        ("patientId", "no token"),
        ("", "no token"),
        ("%later.id", "rests on the prefetch later"),
        ("today() - 999999 days", "no date"),
    ],
)
def test_a_token_without_a_value_says_why(token: str, why: str) -> None:
    with pytest.raises(NoValue, match=why):
        fill(f"X?a={{{{{token}}}}}", CONTEXT, NOW)


def test_templates_come_after_those_whose_results_they_use() -> None:
    templates = {
        "practitioner": "Practitioner/{{%role.practitioner.resolve().id}}",
        "role": "PractitionerRole/{{userPractitionerRoleId}}",
        "circle": "Task/{{%circle2.id}}",
        "circle2": "Task/{{%circle.id}}",
    }
    role = {"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "Practitioner/7"}}
    somebody = {"resourceType": "Practitioner", "id": "7"}
    made = prefetch_for({"prefetch": templates}, CONTEXT, Shelf([role, somebody]), NOW)
    assert made.values == {"practitioner": somebody, "role": role}
    assert list(made.values) == ["practitioner", "role"]
    assert set(made.left_out) == {"circle", "circle2"}
    assert earlier("%role.practitioner | context.patientId") == ["role"]


def test_the_rules_know_the_same_tokens() -> None:
    def faults(**templates: Any) -> list[str]:
        service = {"hook": "order-sign", "id": "x", "title": "X", "description": "X", "prefetch": templates}
        return [fault.rule for fault in discovery_faults({"services": [service]})]

    assert faults(a=f"Location?_id={{{{{ENTRY}.locationReference.resolve().id|context.patientId}}}}") == []
    assert faults(a="Patient/{{context.patientId}}", b="Task?_id={{%a.id}}") == []
    assert faults(b="Task?_id={{%a.id}}", a="Patient/{{context.patientId}}") == ["P3"]
    assert faults(a="Patient/{{foo.bar}}", b=5, c="https://evil/Patient/1") == ["P2", "P1", "P5"]
    assert faults(a="Patient/{{context.patientId.where(true)}}") == ["P2"]

"""The hook library: each hook with its context, complete and with each required field missing."""

from __future__ import annotations

import uuid
from typing import Any

from tests.service.each import each
from tests.service.ehr import HOOKS, PATIENT, RX, SERVICE_OF, Service
from tests.service.test_requirements_requests import problem

USER = {"userId": "Practitioner/d", "patientId": "p"}
DRAFT = {k: v for k, v in RX.items() if k != "authoredOn"} | {"id": "draft", "status": "draft"}
DRAFTS = {"resourceType": "Bundle", "entry": [{"resource": DRAFT}]}
APPOINTMENT = {
    "resourceType": "Appointment", "id": "a", "status": "proposed",
    "participant": [{"actor": {"reference": "Patient/p"}, "status": "accepted"}],
}  # fmt: skip
ENCOUNTER = {"resourceType": "Encounter", "id": "e", "status": "in-progress", "class": {"code": "AMB"}}
ENCOUNTER |= {"subject": {"reference": "Patient/p"}}
CONTEXTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "patient-view": (USER, ["userId", "patientId"]),
    "order-select": (
        USER | {"selections": ["MedicationRequest/draft"], "draftOrders": DRAFTS},
        ["userId", "patientId", "selections", "draftOrders"],
    ),
    "order-sign": (USER | {"draftOrders": DRAFTS}, ["userId", "patientId", "draftOrders"]),
    "order-dispatch": (
        {"patientId": "p", "dispatchedOrders": ["MedicationRequest/rx"], "performer": "Organization/o"},
        ["patientId", "dispatchedOrders", "performer"],
    ),
    "appointment-book": (
        USER | {"appointments": {"resourceType": "Bundle", "entry": [{"resource": APPOINTMENT}]}},
        ["userId", "patientId", "appointments"],
    ),
    "encounter-start": (USER | {"encounterId": "e"}, ["userId", "patientId", "encounterId"]),
}
assert set(CONTEXTS) == set(HOOKS)
CASES = [(hook, name) for hook, (_, names) in CONTEXTS.items() for name in names]


DISCOVERED: dict[str, list[dict[str, Any]]] = {}
"""The services by the base URL of a deployment."""


def request(service: Service, hook: str, context: dict[str, Any]) -> Any:
    if service.base not in DISCOVERED:
        DISCOVERED[service.base] = service.get("/cds-services").json()["services"]
    (entry,) = [s for s in DISCOVERED[service.base] if s["id"] == f"{SERVICE_OF[hook]}-{hook}"]
    assert entry["hook"] == hook
    prefetch = {
        key: {"resourceType": "Bundle", "type": "searchset", "entry": []} for key in entry["prefetch"] if key != "patient"
    }
    prefetch |= {"patient": PATIENT} | ({"encounter": ENCOUNTER} if "encounter" in prefetch else {})
    body = {"hook": hook, "hookInstance": str(uuid.uuid4()), "context": context, "prefetch": prefetch}
    return service.hook(body, f"{SERVICE_OF[hook]}-{hook}")


@each("hook", CONTEXTS)
def test_H1_a_complete_context_is_answered(service: Service, hook: str) -> None:
    answer = request(service, hook, CONTEXTS[hook][0])
    assert answer.status_code == 200, answer.text
    if hook in ("order-select", "order-sign"):
        assert "A draft holds tablet A" in answer.text


@each(("hook", "name"), CASES)
def test_H2_each_required_field_is_asked_for(service: Service, hook: str, name: str) -> None:
    context = {k: v for k, v in CONTEXTS[hook][0].items() if k != name}
    assert problem(request(service, hook, context), 400)["expression"] == [f"context.{name}"]


@each("user", ["Practitioner/d", "PractitionerRole/d", "Patient/p", "RelatedPerson/r"])
def test_H3_who_is_at_the_screen(service: Service, user: str) -> None:
    assert request(service, "patient-view", USER | {"userId": user}).status_code == 200


@each("user", ["d", "Device/d", "Practitioner/", "Practitioner/a b", 5, {}])
def test_H3_who_cannot_be_at_the_screen(service: Service, user: Any) -> None:
    assert request(service, "patient-view", USER | {"userId": user}).status_code == 400


def test_H4_an_encounter_may_be_named_where_it_is_optional(service: Service) -> None:
    for encounter in ("e", "Encounter/e"):
        assert request(service, "patient-view", USER | {"encounterId": encounter}).status_code == 200
    for nothing in ("", None, [], {}):
        assert request(service, "patient-view", USER | {"encounterId": nothing}).status_code == 200
    problem(request(service, "patient-view", USER | {"encounterId": "../e"}), 400)


@each(
    "drafts",
    [
        5,
        "x",
        [],
        {"resourceType": "Bundle", "entry": 5},
        {"resourceType": "Bundle", "entry": [{"resource": 5}]},
        {"resourceType": 7},
    ],
)
def test_H5_odd_draft_orders_are_the_callers_problem(service: Service, drafts: Any) -> None:
    answer = request(service, "order-sign", USER | {"draftOrders": drafts})
    assert answer.status_code in (200, 400), answer.text

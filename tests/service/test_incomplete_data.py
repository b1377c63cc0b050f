"""What looks like an answer and is none must never be read as "nothing on record": prefetch, search results, drafts, subjects."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.service.each import each
from tests.service.ehr import (
    COUNT,
    ORDERS,
    PATIENT,
    RX,
    SITE,
    FhirServer,
    Service,
    hook_request,
    order_request,
    searchset,
    send,
    write_guideline,
)
from tests.service.local import Local, local
from tests.service.test_requirements_hooks import ENCOUNTER
from tests.service.test_requirements_requests import problem, shape

from guideway.service.card_text import LONGEST, escaped
from guideway.service.settings import FhirServer as FhirServerSetting

Json = dict[str, Any]
FAILED = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception", "diagnostics": "no index"}]}
PARTLY = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "incomplete"}]}
SILENT = {"resourceType": "OperationOutcome"}
GARBLED = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": ["incomplete"]}]}
REMARK = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "not-supported"}]}
REFUSED = {"resourceType": "Bundle", "type": "batch-response", "entry": [{"response": {"status": "403"}}]}


@pytest.fixture(scope="module")
def ehr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FhirServer]:
    server = FhirServer(PATIENT, COUNT, RX)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, ehr: FhirServer) -> Iterator[Local]:
    folder = write_guideline(tmp_path_factory.mktemp("whole") / "g")
    servers = [{"url": ehr.base, "private": True}]
    with local(tmp_path_factory.mktemp("service"), folder, fhir_servers=servers) as service:
        yield service


def with_observation(value: Any, **more: Any) -> Json:
    body = hook_request(COUNT, RX, **more)
    body["prefetch"]["observation"] = value
    return body


@each(
    ("value", "why"),
    [
        (searchset(FAILED), "no index"),
        (searchset(PARTLY), "in part"),
        (searchset(COUNT, SILENT), "does not say how"),
        (searchset(COUNT, GARBLED), "cannot be read"),
        (REFUSED, "403"),
        (searchset(total=9), "9 matches"),
        (searchset(COUNT, total=2), "2 matches"),
    ],
)
def test_P9_a_result_that_is_not_whole_is_not_a_result(service: Service, value: Json, why: str) -> None:
    issue = problem(service.hook(with_observation(value)), 412)
    assert "observation" in issue["diagnostics"]
    assert why in issue["diagnostics"]


def test_a_result_that_is_not_whole_is_fetched_where_it_can_be(here: Local, ehr: FhirServer) -> None:
    expected = shape(here.cards(hook_request(COUNT, RX)))
    for value in (searchset(FAILED), REFUSED, searchset(total=9)):
        assert shape(here.cards(with_observation(value, fhirServer=ehr.base))) == expected


def test_remarks_take_nothing_from_a_result(here: Local) -> None:
    assert shape(here.cards(with_observation(searchset(COUNT, REMARK, total=1)))) == shape(here.cards(hook_request(COUNT, RX)))


def test_a_collection_that_holds_something_is_taken_for_a_result(here: Local) -> None:
    given = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": COUNT}]}
    assert shape(here.cards(with_observation(given))) == shape(here.cards(hook_request(COUNT, RX)))


@each(
    "value",
    [
        PATIENT,
        COUNT,
        {"resourceType": "Parameters"},
        searchset(PATIENT),
        {"resourceType": "Bundle", "entry": [{"fullUrl": "Observation/1"}]},
        {"resourceType": "Bundle", "entry": ["x"]},
        searchset(COUNT, link=[{"relation": "next", "url": ["Observation?page=2"]}]),
        searchset(COUNT, link="next"),
        searchset(total="9"),
        searchset(total=True),
        {"resourceType": "Bundle", "type": "collection"},
        {"resourceType": "Bundle", "type": "batch-response", "entry": []},
        {"resourceType": "Bundle", "type": "history", "entry": [{"resource": COUNT}]},
        "text",
        [],
        False,
        {},
    ],
)
def test_P11_another_thing_than_what_was_asked_for_is_refused(service: Service, value: Any) -> None:
    assert problem(service.hook(with_observation(value)), 400)["expression"] == ["prefetch.observation"]


def test_another_encounter_than_that_of_the_context_is_refused(service: Service) -> None:
    for found, status in ((ENCOUNTER, 200), (ENCOUNTER | {"id": "another"}, 400)):
        body = hook_request(COUNT, hook="encounter-discharge", context={"encounterId": "e"})
        body["prefetch"]["encounter"] = found
        answer = service.hook(body, SITE)
        assert answer.status_code == status, answer.text
    assert problem(answer, 400)["expression"] == ["prefetch.encounter"]


def test_the_patient_is_a_patient(here: Local) -> None:
    body = hook_request(COUNT)
    body["prefetch"]["patient"] = COUNT
    assert problem(here.hook(body), 400)["expression"] == ["prefetch.patient"]


@each(
    "subject",
    [
        {"reference": "Group/1"},
        {"reference": "Practitioner/p"},
        {"reference": "patient/p"},
        {"reference": "Patient/x/Patient/p"},
        {"reference": "p"},
        {"identifier": {"value": "p"}},
    ],
)
def test_S_patient_nothing_of_anybody_or_anything_else(service: Service, subject: Json) -> None:
    assert "another patient" in problem(service.hook(hook_request(COUNT | {"subject": subject}, RX)), 400)["diagnostics"]
    draft = {**RX, "id": "d", "status": "draft", "subject": subject}
    assert "another patient" in problem(service.hook(order_request(draft), ORDERS), 400)["diagnostics"]


def test_S_patient_nothing_of_this_patient_and_another(service: Service) -> None:
    this = COUNT["subject"]
    for subject in ([{"reference": "Patient/other"}, this], [this, {"reference": "Patient/other"}]):
        assert "another patient" in problem(service.hook(hook_request(COUNT | {"subject": subject}, RX)), 400)["diagnostics"]


@pytest.mark.parametrize(
    "fault",
    [
        {"code": "count"},
        {"code": {"coding": {"code": "count"}}},
        {"modifierExtension": [{"url": "http://x", "valueBoolean": True}]},
    ],
    ids=["text", "object", "modifier"],
)
def test_what_of_the_record_could_not_be_used_is_on_a_card(here: Local, fault: Json) -> None:
    cards = here.cards(hook_request(COUNT | fault))
    assert "not used as it stands" in cards[-1]["detail"]
    assert "Observation/count-1" in cards[-1]["detail"]
    assert "not used as it stands" not in str(here.cards(hook_request(COUNT)))


def test_two_versions_of_one_resource_are_told(here: Local) -> None:
    other = COUNT | {"status": "cancelled"}
    assert "Observation/count-1" in here.cards(hook_request(COUNT, other))[-1]["detail"]


def test_one_server_may_be_written_in_several_ways(here: Local) -> None:
    absolute = [r | {"subject": {"reference": "https://EHR.example.org:443/fhir/Patient/p"}} for r in (COUNT, RX)]
    for server, status in (("https://ehr.example.org/fhir/", 200), ("https://ehr.example.org:444/fhir", 400)):
        assert here.hook(hook_request(*absolute, fhirServer=server)).status_code == status, server


def test_cards_of_two_patients_have_ids_of_their_own(here: Local) -> None:
    body = hook_request(COUNT, RX)
    mine = here.cards(body)[0]["uuid"]
    body["hookInstance"] = body["hookInstance"].upper()
    assert here.cards(body)[0]["uuid"] == mine, "a UUID is the same in capitals"
    other = {**body, "context": body["context"] | {"patientId": "q"}}
    moved = [{**r, "subject": {"reference": "Patient/q"}} for r in (COUNT, RX)]
    other["prefetch"] = hook_request(PATIENT | {"id": "q"}, *moved)["prefetch"] | {"patient": PATIENT | {"id": "q"}}
    assert here.cards(other)[0]["uuid"] != mine


def answering(kind: str, status: int, body: Json) -> Callable[[Any], bool]:
    def misbehave(handler: Any) -> bool:
        if f"/{kind}?" not in handler.path:
            return False
        send(handler, status, body)
        return True

    return misbehave


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, REFUSED),
        (200, {"resourceType": "Bundle", "entry": ["x", 5, None]}),
        (200, searchset(PATIENT)),
        (200, searchset(total=7)),
        (200, searchset(total="7")),
        (200, {"resourceType": "Bundle", "type": "collection"}),
        (200, searchset(PARTLY)),
        (200, searchset(COUNT | {"subject": {"reference": "Group/9"}})),
        (404, FAILED),
        (400, FAILED),
        (500, FAILED),
    ],
)
def test_what_a_server_does_not_really_answer_is_not_obtained(here: Local, ehr: FhirServer, status: int, body: Json) -> None:
    ehr.misbehave = answering("Observation", status, body)
    try:
        answer = here.hook(hook_request(prefetch=..., fhirServer=ehr.base))
    finally:
        ehr.misbehave = None
    assert answer.status_code in (400, 412), answer.text
    if answer.status_code == 412:
        assert "observation: " in answer.json()["issue"][0]["diagnostics"]


def test_a_server_that_may_not_be_asked_spoils_no_whole_prefetch(here: Local) -> None:
    elsewhere = "https://ehr.example.com/fhir"
    expected = shape(here.cards(hook_request(COUNT, RX)))
    assert shape(here.cards(hook_request(COUNT, RX, fhirServer=elsewhere))) == expected
    body = hook_request(COUNT, RX, fhirServer=elsewhere)
    del body["prefetch"]["observation"], body["prefetch"]["medicationRequest"]
    said = problem(here.hook(body), 412)["diagnostics"]
    assert said.count("not on the list") == 1
    assert "medicationRequest, observation" in said


def test_a_context_cannot_set_the_guidelines_parameters(here: Local) -> None:
    expected = shape(here.cards(hook_request(COUNT, RX)))
    for value in (0, "x", {"a": 1}, [1]):
        body = hook_request(COUNT, RX)
        body["context"] |= {"Limit": value, "draftOrders": "not a part of patient-view"}
        assert shape(here.cards(body)) == expected


# -- draft orders

DRAFT = {k: v for k, v in RX.items() if k != "authoredOn"} | {"id": "d", "status": "draft"}
TABLET = {"resourceType": "Medication", "id": "m", "code": RX["medicationCodeableConcept"]}


def referring(reference: str) -> Json:
    return {k: v for k, v in DRAFT.items() if k != "medicationCodeableConcept"} | {
        "medicationReference": {"reference": reference}
    }


def of(*entries: Json) -> Json:
    body = order_request(DRAFT)
    body["context"]["draftOrders"] = {"resourceType": "Bundle", "entry": list(entries)}
    return body


@each(
    ("fault", "where"),
    [
        ({"medicationCodeableConcept": "tablet A"}, ".medicationCodeableConcept"),
        ({"medicationCodeableConcept": {"coding": {"code": "a"}}}, ".medicationCodeableConcept.coding"),
        ({"status": ["draft"]}, ".status"),
        ({"status": "Draft"}, ".status"),
        ({"status": "pending"}, ".status"),
        ({"intent": "Order"}, ".intent"),
        ({"id": "../../x?y"}, ".id"),
        ({"resourceType": "Nonsense"}, ""),
        ({"resourceType": "Bundle"}, ""),
        ({"resourceType": "Parameters"}, ""),
    ],
)
def test_H5_a_draft_that_cannot_be_read_is_not_judged(service: Service, fault: Json, where: str) -> None:
    issue = problem(service.hook(of({"resource": DRAFT | fault}), ORDERS), 400)
    assert issue["expression"] == [f"context.draftOrders.entry[0].resource{where}"]


def test_two_drafts_of_one_id_are_ambiguous(here: Local) -> None:
    other = DRAFT | {"medicationCodeableConcept": {"text": "Another"}}
    assert "several" in problem(here.hook(of({"resource": DRAFT}, {"resource": other}), ORDERS), 400)["diagnostics"]


def test_empty_elements_of_a_draft_do_not_matter(here: Local) -> None:
    found = here.cards(of({"resource": DRAFT | {"dosageInstruction": [], "note": None}}), ORDERS)
    assert [c["summary"] for c in found] == ["A draft holds tablet A"]


@pytest.mark.parametrize("selections", ["MedicationRequest/d", [1, None], ["MedicationRequest/other"], ["MedicationRequest/d?x"]])
def test_selections_are_drafts(here: Local, selections: Any) -> None:
    body = of({"resource": DRAFT})
    body["context"]["selections"] = selections
    assert problem(here.hook(body, ORDERS), 400)["expression"][0].startswith("context.selections")


def test_a_selection_may_be_a_bare_id(here: Local) -> None:
    body = of({"resource": DRAFT})
    body["context"]["selections"] = ["d"]
    assert here.cards(body, ORDERS)


def test_drafts_are_told_by_the_medication_they_refer_to() -> None:
    from guideway.service.hook_request import HookRequest

    class Orders:
        hook = "order-select"

    urn = "urn:uuid:0a0a0a0a-0000-4000-8000-000000000000"
    contained = referring("#m") | {"contained": [TABLET]}
    named = RX["medicationCodeableConcept"].get("text") or "Tablet A"
    parts = [{"itemCodeableConcept": {"text": named}}, {"itemReference": {"reference": "#x"}}]
    cases = [
        of({"resource": referring("Medication/m")}, {"resource": TABLET}),
        of({"fullUrl": urn, "resource": {k: v for k, v in TABLET.items() if k != "id"}}, {"resource": referring(urn)}),
        of({"resource": contained}),
        of({"resource": contained | {"contained": [{k: v for k, v in TABLET.items() if k != "code"} | {"ingredient": parts}]}}),
        of({"resource": contained | {"contained": [], "medicationReference": {"display": named}}}),
    ]
    for body in cases:
        request = HookRequest(copy.deepcopy(body), Orders())  # type: ignore[arg-type]
        (draft,) = request.draft_orders(request.medications).values()
        assert draft.words.startswith(named), draft
        drafts = [e["resource"]["resourceType"] for e in request.context["draftOrders"]["entry"]]
        assert drafts == ["MedicationRequest"]
        namesake = {"resourceType": "Condition", "id": "m", "code": {"text": "Another thing of that id"}}
        assert list(request.draft_orders([*request.medications, namesake]).values()) == [draft]


def test_the_medications_referred_to_are_read_and_none_of_another_server(here: Local) -> None:
    server = FhirServer(PATIENT, *({**TABLET, "id": f"m{number}"} for number in range(30)))
    here.runtime.settings.fhir_servers.append(FhirServerSetting(url=server.base, private=True))
    referred = [f"Medication/m{n}" for n in range(29)] + [f"{server.base}/Medication/{m}" for m in ("m0", "m29/_history/2")]
    try:
        orders = [referring(reference) | {"id": f"r{n}", "status": "active"} for n, reference in enumerate(referred)]
        assert here.hook(hook_request(COUNT, *orders, fhirServer=server.base)).status_code == 200
        assert sorted(path for path, _ in server.seen) == sorted(f"/fhir/Medication/m{number}" for number in range(30))
        stranger = referring("https://other.example.org/fhir/Medication/m1")
        said = problem(here.hook(hook_request(COUNT, stranger, fhirServer=server.base)), 412)["diagnostics"]
        assert "medicationRequest: it refers to Medication/m1 of another server" in said
        assert len(server.seen) == 30
    finally:
        here.runtime.settings.fhir_servers.pop()
        server.stop()


@pytest.mark.parametrize("name", ["expires_in", "scope", "subject", "access_token"])
def test_authorization_has_the_right_types(here: Local, ehr: FhirServer, name: str) -> None:
    good = {"access_token": "t", "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.rs", "subject": "app"}
    bad = {"expires_in": -1, "scope": 5, "subject": 5, "access_token": "a\nb"}
    body = hook_request(COUNT, fhirServer=ehr.base, fhirAuthorization=good | {name: bad[name]})
    assert problem(here.hook(body), 400)["expression"] == [f"fhirAuthorization.{name}"]


def test_what_a_caller_writes_without_end_is_cut_or_refused(here: Local) -> None:
    assert len(escaped("tablet " * 100_000)) <= LONGEST
    assert escaped("tablet " * 500) == ("tablet " * 500).strip()
    many = [RX | {"id": f"d{number}"} for number in range(1000)]
    assert problem(here.hook(order_request(*many), ORDERS), 413)["expression"] == ["context"]


def medications_of(here: Local, count: int, known: int, refuse: bool = False) -> tuple[Any, list[str]]:
    """The answer where so many orders refer to Medications, the last of which counts; and what the server was asked."""
    other = {"coding": [{"system": "http://example.org/drugs", "code": "of-no-interest"}]}
    tablets = [{**TABLET, "id": f"m{n}", "code": TABLET["code"] if n == count - 1 else other} for n in range(known)]
    server = FhirServer(PATIENT, *tablets)
    if refuse:
        server.misbehave = lambda handler: "?" in handler.path and (send(handler, 403, {}) or True)
    here.runtime.settings.fhir_servers.append(FhirServerSetting(url=server.base, private=True))
    try:
        orders = [referring(f"Medication/m{n}") | {"id": f"r{n}", "status": "active"} for n in range(count)]
        return here.hook(hook_request(COUNT, *orders, fhirServer=server.base)), [path for path, _ in server.seen]
    finally:
        here.runtime.settings.fhir_servers.pop()
        server.stop()


def test_many_medications_are_searched_for_and_none_is_left_out(here: Local) -> None:
    answer, seen = medications_of(here, 230, 230)
    assert "Stop tablet A" in json.dumps(answer.json())
    assert [path.partition("?")[0] for path in seen] == ["/fhir/Medication"] * 3
    answer, seen = medications_of(here, 60, 60, refuse=True)
    assert "Stop tablet A" in json.dumps(answer.json())
    assert len(seen) == 61


def test_medications_beyond_the_limit_are_missing_and_not_passed_over(here: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guideway.service.prefetch.MEDICATION_LIMIT", 50)
    said = problem(medications_of(here, 51, 51)[0], 412)["diagnostics"]
    assert "medicationRequest: it refers to more than 50 Medications" in said


@each("kind", ["MedicationDispense", "RequestGroup"])
def test_H5_a_draft_that_is_no_order_is_told(service: Service, kind: str) -> None:
    draft: Json = {"resourceType": kind, "id": "d", "status": "draft", "subject": COUNT["subject"]}
    if kind == "MedicationDispense":
        draft |= {"status": "preparation", "medicationCodeableConcept": RX["medicationCodeableConcept"]}
    else:
        draft |= {"intent": "plan"}
    told = json.dumps(service.cards(order_request(draft), ORDERS))
    assert f"{kind}/d among the draft orders is not judged" in told


DRUG_SUPPLIES: list[Json] = [
    {"itemCodeableConcept": RX["medicationCodeableConcept"]},
    {"itemCodeableConcept": {"text": "Ibuprofen 400 mg"}},
    {"itemReference": {"reference": "Medication/m"}},
]


@each("item", DRUG_SUPPLIES)
def test_H5_a_draft_of_supplies_that_may_be_a_drug_is_told(service: Service, item: Json) -> None:
    supply: Json = {"resourceType": "SupplyRequest", "id": "d", "status": "draft", "quantity": {"value": 1}}
    told = json.dumps(service.cards(order_request(supply | item), ORDERS))
    assert "SupplyRequest/d among the draft orders is not judged" in told
    device = supply | {"itemReference": {"reference": "Device/pump"}}
    assert "not judged" not in json.dumps(service.cards(order_request(device), ORDERS))

"""CDS Hooks, requests, prefetch and FHIR access: each test bears the id of the requirement it checks."""

from __future__ import annotations

import uuid

import pytest
import sqlalchemy as sa
from tests.service.each import each
from tests.service.ehr import COUNT, PATIENT, RX, SERVICE, hook_request, prefetch, searchset

AUTHORIZATION = {
    "access_token": "secret-token",
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "patient/*.rs",
    "subject": "app",
}


def problem(answer, status):
    assert answer.status_code == status, answer.text
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["severity"] == "error"
    return outcome["issue"][0]


def shape(cards):
    """What a clinician sees: all but the ids, which belong to the hook instance, and the moment."""

    def clean(value):
        if isinstance(value, dict):
            return {k: clean(v) for k, v in value.items() if k not in ("uuid", "authoredOn", "extension")}
        return [clean(v) for v in value] if isinstance(value, list) else value

    return clean(cards)


def test_R1_a_post_of_json_is_answered(service):
    assert service.hook(hook_request()).status_code == 200


@each("name", ["hook", "hookInstance", "context"])
def test_R2_what_is_required_is_asked_for(service, name):
    body = hook_request()
    del body[name]
    issue = problem(service.hook(body), 400)
    assert issue["expression"] == [name]


def test_R3_authorization_needs_a_server(service):
    assert problem(service.hook(hook_request(fhirAuthorization=AUTHORIZATION)), 400)["expression"] == ["fhirServer"]


@each("name", sorted(AUTHORIZATION))
def test_R3_authorization_is_whole(service, ehr_server, name):
    authorization = {k: v for k, v in AUTHORIZATION.items() if k != name}
    body = hook_request(fhirServer=ehr_server.base, fhirAuthorization=authorization)
    assert problem(service.hook(body), 400)["expression"] == [f"fhirAuthorization.{name}"]


def test_R4_the_wrong_hook(service):
    problem(service.hook(hook_request(hook="order-sign")), 400)


@each("value", ["1", "", 5, None, "zzzzzzzz-0000-0000-0000-000000000000"])
def test_R5_a_bad_uuid(service, value):
    problem(service.hook(hook_request(hookInstance=value)), 400)


@each("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a":NaN}', b"[" * 5000, b'{"a":1e999999999}'])
def test_R6_bad_json(service, content):
    answer = service.request("POST", f"/cds-services/{SERVICE}", content=content, headers={"Content-Type": "application/json"})
    problem(answer, 400)


@each("name", ["userId", "patientId"])
def test_R7_a_missing_field_of_the_context(service, name):
    body = hook_request()
    del body["context"][name]
    assert problem(service.hook(body), 400)["expression"] == [f"context.{name}"]


def test_R8_an_unknown_service(service):
    problem(service.hook(hook_request(), "no-such-service"), 404)


def test_R9_another_content_type(service):
    answer = service.request("POST", f"/cds-services/{SERVICE}", content=b"{}", headers={"Content-Type": "text/plain"})
    problem(answer, 415)
    packed = service.hook(hook_request(), headers={"Content-Encoding": "gzip"})
    assert "content encoding" in problem(packed, 415)["diagnostics"]


def test_E1_E2_extensions_and_unknown_fields_are_tolerated(service):
    body = hook_request(extension={"org.example.x": {"a": [1, None]}}, somethingNew=[{}])
    body["context"]["extension"] = {"org.example.y": 1}
    assert service.cards(body)


def test_S_context_bare_and_prefixed_ids_are_the_same(service):
    body = hook_request()
    body["context"]["patientId"] = "Patient/p"
    assert shape(service.cards(body)) == shape(service.cards(hook_request()))


def test_P6_a_key_left_out_is_fetched(service, ehr_server):
    body = hook_request(COUNT, fhirServer=ehr_server.base)
    del body["prefetch"]["medicationRequest"]
    assert any("Stop tablet A" in card["detail"] for card in service.cards(body))


def test_P6_null_means_no_data(service, ehr_server):
    body = hook_request(COUNT, fhirServer=ehr_server.base)
    body["prefetch"]["medicationRequest"] = None
    assert not any("Stop tablet A" in card["detail"] for card in service.cards(body))


def test_P6_further_pages_are_fetched(service, ehr_server):
    body = hook_request(COUNT, fhirServer=ehr_server.base)
    body["prefetch"]["medicationRequest"] = searchset(link=[{"relation": "next", "url": f"{ehr_server.base}?page=2"}])
    assert any("Stop tablet A" in card["detail"] for card in service.cards(body))


def test_P7_P8_data_that_cannot_be_had_is_412_and_names_the_keys(service):
    body = hook_request(COUNT)
    del body["prefetch"]["observation"], body["prefetch"]["medicationRequest"]
    issue = problem(service.hook(body), 412)
    assert "observation" in issue["diagnostics"]
    assert "medicationRequest" in issue["diagnostics"]
    assert "patient:" not in issue["diagnostics"]


def test_P9_an_outcome_in_the_prefetch_is_no_data(service):
    body = hook_request(COUNT)
    body["prefetch"]["observation"] = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
    assert "observation" in problem(service.hook(body), 412)["diagnostics"]


def test_P10_null_is_legal(service):
    body = hook_request(COUNT)
    body["prefetch"]["questionnaireResponse"] = None
    assert service.cards(body)


def test_P10_a_null_patient_is_not_an_answer(service):
    body = hook_request(COUNT)
    body["prefetch"]["patient"] = None
    assert "patient" in problem(service.hook(body), 412)["diagnostics"]


def test_P11_prefetch_server_or_both_give_the_same_cards(service, ehr_server):
    by_prefetch = shape(service.cards(hook_request(COUNT, RX)))
    by_server = shape(service.cards(hook_request(prefetch=..., fhirServer=ehr_server.base)))
    by_both = hook_request(COUNT, RX, fhirServer=ehr_server.base)
    del by_both["prefetch"]["observation"]
    assert by_prefetch == by_server == shape(service.cards(by_both))


def stored(service):
    """All that the store holds, as text."""
    engine = sa.create_engine(service.settings["store_url"])
    with engine.connect() as connection:
        tables = sa.inspect(connection).get_table_names()
        rows = [tuple(row) for name in tables for row in connection.execute(sa.text(f'SELECT * FROM "{name}"'))]
    engine.dispose()
    return repr(rows)


def test_T1_the_token_goes_to_the_server_and_nowhere_else(service, ehr_server):
    secret = f"token-{uuid.uuid4()}"
    ehr_server.seen.clear()
    body = hook_request(prefetch=..., fhirServer=ehr_server.base, fhirAuthorization=AUTHORIZATION | {"access_token": secret})
    assert service.cards(body)
    assert ehr_server.seen
    assert all(header == f"Bearer {secret}" for _, header in ehr_server.seen)
    assert secret not in service.log()
    assert not any(secret.encode() in file.read_bytes() for file in service.folder.glob("store.sqlite3*"))
    assert secret not in stored(service)


def test_T2_smart_scopes_of_both_versions_are_accepted(service, ehr_server):
    for scope in ("patient/Observation.rs", "patient/*.read", "patient/Observation.rs?category=laboratory"):
        body = hook_request(fhirServer=ehr_server.base, fhirAuthorization=AUTHORIZATION | {"scope": scope})
        assert service.hook(body).status_code == 200


def test_S_patient_data_of_another_is_refused(service):
    other = COUNT | {"subject": {"reference": "Patient/other"}}
    assert "another patient" in problem(service.hook(hook_request(other)), 400)["diagnostics"]
    body = hook_request(COUNT)
    for other in (PATIENT | {"id": "other"}, PATIENT | {"id": "other", "subject": {"reference": "Patient/p"}}):
        body["prefetch"]["patient"] = other
        problem(service.hook(body), 400)


@each(
    "subject",
    [
        {"reference": "https://other.example.org/fhir/Patient/other"},
        {"reference": "Patient/other/_history/2"},
        {"reference": "urn:uuid:0a0a0a0a-0000-4000-8000-000000000000"},
        {"display": "Somebody"},
        None,
    ],
)
def test_S_patient_whose_it_is_must_be_certain(service, subject):
    other = {k: v for k, v in (COUNT | {"subject": subject}).items() if v is not None}
    problem(service.hook(hook_request(other)), 400)


def test_S_patient_an_element_of_another_type_does_not_say_whose_it_is(service):
    """Of an allergy ``patient`` counts, of an appointment who takes part; FHIR knows no ``subject`` there."""
    this, other = {"reference": "Patient/p"}, {"reference": "Patient/other"}
    for theirs in (
        {"resourceType": "AllergyIntolerance", "id": "a", "subject": this, "patient": other},
        {"resourceType": "Appointment", "id": "a", "subject": this, "participant": [{"actor": other}]},
        {"resourceType": "AppointmentResponse", "id": "a", "subject": this, "actor": other},
    ):
        body = hook_request(COUNT)
        body["prefetch"]["observation"]["entry"].append({"resource": theirs, "search": {"mode": "include"}})
        assert "another patient" in problem(service.hook(body), 400)["diagnostics"]


def test_S_patient_supplies_for_a_ward_are_not_of_another_patient(service):
    from tests.service.ehr import ORDERS, order_request

    supply = {"resourceType": "SupplyRequest", "id": "s", "itemReference": {"reference": "Device/1"}, "quantity": {"value": 1}}
    for place in ("Location/ward", "Organization/pharmacy", "Patient/p"):
        answer = service.hook(order_request(RX, supply | {"deliverTo": {"reference": place}}), ORDERS)
        assert [card["summary"] for card in answer.json()["cards"]] == ["A draft holds tablet A"]
    problem(service.hook(order_request(RX, supply | {"deliverTo": {"reference": "Patient/other"}}), ORDERS), 400)


def test_S_patient_drafts_of_another_are_refused(service):
    from tests.service.ehr import ORDERS, order_request

    issue = problem(service.hook(order_request(RX | {"subject": {"reference": "Patient/other"}}), ORDERS), 400)
    assert issue["expression"] == ["context"]
    assert "MedicationRequest/rx" in issue["diagnostics"]
    problem(service.hook(hook_request(fhirServer="https://x", fhirAuthorization=AUTHORIZATION | {"patient": "other"})), 400)


def test_S_context_bundles_without_type_and_incomplete_drafts(service):
    from tests.service.ehr import ORDERS, order_request

    draft = {"resourceType": "MedicationRequest", "id": "d", "medicationCodeableConcept": RX["medicationCodeableConcept"]}
    assert [c["summary"] for c in service.cards(order_request(draft), ORDERS)] == ["A draft holds tablet A"]
    incomplete = {"resourceType": "MedicationRequest", "id": "d"}
    assert service.hook(order_request(incomplete), ORDERS).status_code == 200


def test_a_medication_that_is_referred_to_is_read_or_missed(plain, ehr_server):
    rx = {k: v for k, v in RX.items() if k != "medicationCodeableConcept"} | {
        "medicationReference": {"reference": "Medication/m"}
    }
    assert "Medication/m" in problem(plain.hook(hook_request(COUNT, rx)), 412)["diagnostics"]
    ehr_server.resources.append({"resourceType": "Medication", "id": "m", "code": RX["medicationCodeableConcept"]})
    try:
        found = plain.cards(hook_request(COUNT, rx, fhirServer=ehr_server.base))
    finally:
        ehr_server.resources.pop()
    assert any("Stop tablet A" in card["detail"] for card in found)


@pytest.mark.parametrize(
    "value",
    [
        1,
        "x",
        [],
        [1],
        {"resourceType": "Bundle", "entry": 5},
        {"resourceType": "Bundle", "link": 5, "entry": [1, {}]},
        {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": 5}}]},
        {"resourceType": "Observation"},
    ],
)
def test_odd_prefetch_values_are_the_callers_problem(plain, value):
    body = hook_request(COUNT)
    body["prefetch"]["observation"] = value
    assert plain.hook(body).status_code in (200, 400, 412)


def test_prefetch_helper_has_every_key(plain):
    (entry,) = [e for e in plain.get("/cds-services").json()["services"] if e["id"] == SERVICE]
    assert set(prefetch()) == set(entry["prefetch"])

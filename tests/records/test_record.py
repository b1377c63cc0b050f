"""The record as a data source: retrieves by code, references, the patient's standing, what-if changes."""

from __future__ import annotations

import pytest
from tests.records.make import LAB, PATIENT, Json, bundle, observation, record, resource, rules

from guideway.engine.data import DataSource
from guideway.records import read_bundle

RX = "http://www.nlm.nih.gov/research/umls/rxnorm"


def test_a_record_is_a_data_source() -> None:
    assert isinstance(record(), DataSource)
    assert record().subject().reference == "Patient/p"


@pytest.mark.parametrize(
    ("coding", "matches"),
    [
        ({"system": LAB, "code": "751-8"}, True),
        ({"system": LAB + "/x", "code": "751-8"}, False),
        ({"system": LAB.upper(), "code": "751-8"}, False),
        ({"system": LAB, "code": "751-8 "}, False),
        ({"code": "751-8"}, False),
        ({"system": "http://snomed.info/sct", "code": "751-8"}, False),
    ],
)
def test_codes_match_exactly_with_their_system(coding: Json, matches: bool) -> None:
    found = record(observation("a", code={"coding": [{"system": "urn:x", "code": "y"}, coding]}))
    retrieved = found.retrieve("Observation", code_path="code", codes=frozenset({(LAB, "751-8"), (LAB, "1")}))
    assert bool(retrieved) is matches
    wide = frozenset({(LAB, "751-8"), *((LAB, str(n)) for n in range(100))})
    assert bool(found.retrieve("Observation", code_path="code", codes=wide)) is matches


def test_a_bare_code_matches_by_its_text() -> None:
    found = record(PATIENT | {"gender": "female"})
    assert found.retrieve(
        "Patient", code_path="gender", codes=frozenset({("http://hl7.org/fhir/administrative-gender", "female")})
    )


def test_no_codes_find_nothing_and_no_filter_finds_all() -> None:
    found = record(observation("a"), observation("b"))
    assert list(found.retrieve("Observation", code_path="code", codes=frozenset())) == []
    assert len(found.retrieve("Observation")) == 2
    assert list(found.retrieve("Device")) == []


@pytest.mark.parametrize("reference", ["Medication/m", "http://example.org/fhir/Medication/m", "Medication/m/_history/1"])
def test_a_medication_given_by_reference_is_found_by_its_code(reference: str) -> None:
    drug = {"resourceType": "Medication", "id": "m", "code": {"coding": [{"system": RX, "code": "1"}]}}
    order = resource("MedicationRequest", "o", status="active", intent="order", medicationReference={"reference": reference})
    (found,) = read_bundle(bundle(PATIENT, drug, order, full_urls=True))
    assert [o.id for o in found.retrieve("MedicationRequest", code_path="medication", codes=frozenset({(RX, "1")}))] == ["o"]
    target = found.resolve(reference)
    assert target is not None
    assert target.fhir_type == "Medication"


@pytest.mark.parametrize(
    ("asked", "there", "words"),
    [
        ("Medication/m/_history/1", "1", None),
        ("Medication/m", "2", None),
        (
            "http://example.org/fhir/Medication/m/_history/1",
            "2",
            "_history/1 asks for version 1; version 2 of Medication/m is used",
        ),
        ("Medication/m/_history/2", "1", "asks for version 2; version 1 of Medication/m is used"),
        ("Medication/m/_history/1", None, "asks for version 1; Medication/m is used, which does not say what version it is"),
    ],
)
def test_a_reference_to_another_version_than_the_one_in_use_is_a_finding(
    asked: str, there: str | None, words: str | None
) -> None:
    drug = {"resourceType": "Medication", "id": "m", "code": {"coding": [{"system": RX, "code": "1"}]}}
    order = resource("MedicationRequest", "o", status="active", intent="order", medicationReference={"reference": asked})
    order["encounter"] = {"reference": "Encounter/e/_history/9"}  # nobody follows it
    versions = [drug | ({"meta": {"versionId": there}} if there else {})]
    visit = resource("Encounter", "e", status="finished", **{"class": {"code": "AMB"}})
    (found,) = read_bundle(bundle(PATIENT, *versions, order, visit, full_urls=True))
    assert rules(found) == []
    codes = frozenset({(RX, "1")})
    assert found.retrieve("MedicationRequest", code_path="medication", codes=codes)
    assert rules(found) == (["reference-version"] if words else [])
    for finding in found.findings:
        assert finding.message.startswith("MedicationRequest/o: medicationReference: ")
        assert str(words) in finding.message
        assert finding.severity.name == ("warning" if there else "information")
        assert (finding in found.faults_for("MedicationRequest", "medication", codes)) is True
    assert found.faults_for("MedicationRequest", "medication", frozenset({(RX, "2")})) == []


def test_who_a_resource_is_about_has_no_version() -> None:
    lab = observation("a", subject={"reference": "Patient/p/_history/2"})
    found = record(lab, PATIENT | {"meta": {"versionId": "3"}})
    assert [o.id for o in found.retrieve("Observation", code_path="code", codes=frozenset({(LAB, "751-8")}))] == ["a"]
    assert rules(found) == []


def test_a_contained_medication_is_found_by_its_code_in_its_own_order_only() -> None:
    drug = {"resourceType": "Medication", "id": "m", "code": {"coding": [{"system": RX, "code": "1"}]}}
    order = resource("MedicationRequest", "o", contained=[drug], medicationReference={"reference": "#m"})
    stray = resource("MedicationRequest", "s", medicationReference={"reference": "#m"})
    found = record(order, stray)
    assert [o.id for o in found.retrieve("MedicationRequest", code_path="medication", codes=frozenset({(RX, "1")}))] == ["o"]


def test_a_reference_that_leads_nowhere_is_found_once_it_is_followed() -> None:
    order = resource(
        "MedicationRequest", "o", status="active", intent="order", medicationReference={"reference": "Medication/none"}
    )
    found = record(order)
    assert rules(found) == []
    assert found.resolve("Medication/none") is None
    assert found.resolve("Medication/none") is None
    assert rules(found) == ["reference-unresolved"]


def test_a_reference_to_data_that_does_not_count_leads_nowhere() -> None:
    wrong = resource("Encounter", "e", status="entered-in-error")
    wrong["class"] = {"code": "AMB"}
    found = record(wrong, policy="clinical")
    assert found.resolve("Encounter/e") is None
    assert "does not count" in found.findings[0].message


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"deceasedBoolean": True}, "patient-deceased"),
        ({"deceasedDateTime": "2026-01-01"}, "patient-deceased"),
        ({"active": False}, "patient-inactive"),
        ({"link": [{"type": "replaced-by", "other": {"reference": "Patient/new"}}]}, "patient-replaced"),
    ],
)
def test_patients_not_to_be_taken_as_alive_and_current_are_found(change: Json, rule: str) -> None:
    found = record(PATIENT | change)
    assert rules(found) == [rule]
    assert (found.deceased, found.inactive, found.replaced_by) == (
        rule == "patient-deceased",
        rule == "patient-inactive",
        "Patient/new" if rule == "patient-replaced" else None,
    )


def test_who_dies_later_is_alive_at_the_evaluation_time() -> None:
    found = record(PATIENT | {"deceasedDateTime": "2026-07-01T10:00:00Z"})
    assert not found.deceased
    assert found.under("none", "2026-08-01T00:00:00Z").deceased


@pytest.mark.parametrize(
    "change",
    [
        {"deceasedDateTime": "gestern"},
        {"deceasedBoolean": "true"},
        {"deceasedBoolean": None},
        {"deceasedBoolean": False, "deceasedDateTime": "2026"},
        {"_deceasedDateTime": {"extension": [{"url": "http://example.org/reason", "valueCode": "unknown"}]}},
    ],
)
def test_nobody_is_taken_to_be_alive_whose_death_cannot_be_read(change: Json) -> None:
    found = record(PATIENT | change)
    assert found.death_unreadable or found.deceased
    assert "patient-deceased-unreadable" in rules(found) or "patient-deceased" in rules(found)


def test_versions_that_contradict_each_other_leave_a_death_unreadable() -> None:
    found = record(PATIENT, PATIENT | {"deceasedBoolean": True})
    assert (found.deceased, found.death_unreadable) == (False, True)


def test_a_living_patient_has_no_findings() -> None:
    found = record(PATIENT | {"deceasedBoolean": False, "active": True})
    assert (rules(found), found.death_unreadable) == ([], False)


def test_a_patient_without_an_id_still_has_a_record() -> None:
    (found,) = read_bundle(b'{"resourceType": "Patient", "gender": "male"}')
    assert (found.id, found.reference) == (None, "Patient/unidentified")


def test_what_if_adds_replaces_and_removes_without_touching_the_original() -> None:
    before = record(observation("a"), observation("b"), policy="clinical")
    after = before.changed(add=[observation("a", value="2.5"), observation("c")], remove=["Observation/b"])
    assert [o.id for o in before.retrieve("Observation")] == ["a", "b"]
    assert [(o.id, str(o.data["valueQuantity"]["value"])) for o in after.retrieve("Observation")] == [("a", "2.5"), ("c", "0.8")]
    assert after.policy == "clinical"


@pytest.mark.parametrize(("born", "used"), [("2030-01-01", False), ("1700", False), ("1961-04-02", True), ("2026-06-01", True)])
def test_a_birth_date_that_cannot_be_is_not_used(born: str, used: bool) -> None:
    (found,) = read_bundle(bundle({**PATIENT, "birthDate": born}, observation("a")))
    under = found.under("clinical", "2026-06-01T12:00:00Z")
    assert ("birthDate" in under.subject().data) is used
    assert under.retrieve("Patient") == [under.subject()]
    assert [o.id for o in under.retrieve("Observation", context=under.subject())] == ["a"]
    assert found.subject().data["birthDate"] == born

"""What the context of a hook brings: orders of this patient that are still to be done, with the Medications they refer to."""

from __future__ import annotations

from typing import Any

import pytest
from tests.guideline.support import guideline

from guideway.apply.hook_context import hook_parameters
from guideway.apply.outcome import PatientOutcome
from guideway.apply.run import apply_guideline
from guideway.records.reading import read_resources

Json = dict[str, Any]
RECORD: list[Json] = [
    {"resourceType": "Patient", "id": "p", "birthDate": "1980-01-01"},
    {
        "resourceType": "Condition",
        "id": "c",
        "subject": {"reference": "Patient/p"},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "D89.42"}]},
    },
]
MORPHINE: Json = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "7052"}]}
CARD = "opioid-safety#opioid-caution"


def order(**more: Any) -> Json:
    common = {"resourceType": "MedicationRequest", "id": "d", "status": "draft", "intent": "order"}
    return common | {"subject": {"reference": "Patient/p"}, "medicationCodeableConcept": MORPHINE} | more


def signed(*drafts: Json, urls: list[str] | None = None, record: list[Json] = RECORD) -> PatientOutcome:
    entries = [
        {"resource": draft} | ({"fullUrl": url} if url else {})
        for draft, url in zip(drafts, urls or [""] * len(drafts), strict=True)
    ]
    context = {"patientId": "p", "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": entries}}
    (found,) = read_resources([{"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in record]}], "p")
    given = hook_parameters(guideline(), context)
    return apply_guideline(
        guideline(), found, plans=["opioid-safety"], as_of="2026-06-01", hook="order-sign", parameters=given, explain="none"
    )


def applying(outcome: PatientOutcome) -> bool:
    return any(r.status == "applies" for r in outcome.recommendations)


def test_an_order_whose_code_system_is_named_by_its_oid_is_judged() -> None:
    by_oid = {"coding": [MORPHINE["coding"][0] | {"system": "urn:oid:2.16.840.1.113883.6.88"}]}
    assert applying(signed(order(medicationCodeableConcept=by_oid)))


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/p"},
        {"reference": "Patient/p/_history/2"},
        {"reference": "https://ehr.example.org/fhir/Patient/p"},
        {"display": "the patient"},
    ],
)
def test_an_order_of_this_patient_is_judged(subject: Json) -> None:
    outcome = signed(order(subject=subject))
    assert applying(outcome)
    assert outcome.excluded == []


@pytest.mark.parametrize("reference", ["Patient/zzz", "https://ehr.example.org/fhir/Patient/zzz"])
def test_an_order_of_another_patient_is_left_out(reference: str) -> None:
    outcome = signed(order(subject={"reference": reference}))
    assert not applying(outcome)
    assert [(e.resource, e.rule) for e in outcome.excluded] == [("MedicationRequest/d", "other-patient")]
    assert [f.rule for f in outcome.findings] == ["other-patient"]
    assert reference in outcome.findings[0].message
    assert applying(signed(order(subject={"reference": reference}), order(id="own")))


@pytest.mark.parametrize("status", ["revoked", "cancelled", "entered-in-error", "stopped", "completed"])
def test_an_order_that_is_over_is_left_out(status: str) -> None:
    outcome = signed(order(status=status))
    assert not applying(outcome)
    assert [(e.resource, e.rule) for e in outcome.excluded] == [("MedicationRequest/d", f"status-{status}")]
    assert [f.rule for f in outcome.findings] == [f"status-{status}"]


@pytest.mark.parametrize("status", ["draft", "active", "on-hold", "unknown"])
def test_an_order_that_stands_is_judged(status: str) -> None:
    assert applying(signed(order(status=status)))


@pytest.mark.parametrize(("reference", "url"), [("Medication/m", ""), ("urn:uuid:1", "urn:uuid:1")])
def test_a_medication_among_the_drafts_is_what_they_refer_to(reference: str, url: str) -> None:
    draft = order(medicationReference={"reference": reference})
    del draft["medicationCodeableConcept"]
    medication = {"resourceType": "Medication", "id": "m", "code": MORPHINE}
    outcome = signed(draft, medication, urls=["", url])
    assert applying(outcome)
    assert outcome.findings == []


def test_a_reference_that_leads_nowhere_may_name_its_drug() -> None:
    draft = order(medicationReference={"reference": "Medication/nowhere", "display": "Morphine sulfate 4 mg IV"})
    del draft["medicationCodeableConcept"]
    assert applying(signed(draft))
    unnamed = draft | {"medicationReference": {"reference": "Medication/nowhere"}}
    assert not applying(signed(unnamed))

"""What is derived from a record holds only where the record is certain: anaphylaxis despite therapy, the newest bone density, an
attack; and what is ordered or done is neither too old nor about something else."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from .evaluating import evaluation_of

Json = dict[str, Any]
SUBJECT = {"reference": "Patient/p"}
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"


def found(library: str, define: str, *resources: Json) -> Any:
    return evaluation_of([{"subject": SUBJECT} | resource for resource in resources]).define(f"MastCell{library}Elements", define)


# ---- anaphylaxis despite therapy ---------------------------------------------------------------------------------------


def anaphylaxis(code: str = "T78.2XXA") -> Json:
    confirmed = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed"}]}
    concept = {"coding": [{"system": ICD10, "code": code}]}
    return {
        "resourceType": "Condition", "id": "a", "verificationStatus": confirmed, "code": concept, "onsetDateTime": "2026-03-01"
    }  # fmt: skip


def drug(words: str | None = None, start: str = "2025-01-01") -> Json:
    dosage: Json = {"dosage": [{"text": words}]} if words else {}
    return {
        "resourceType": "MedicationStatement", "id": "d", "status": "active", "medicationCodeableConcept": {"text": "Cetirizine"},
        "effectivePeriod": {"start": start},
    } | dosage  # fmt: skip


def answered_no(at: str | None) -> Json:
    return {
        "resourceType": "QuestionnaireResponse", "id": "q", "status": "completed",
        "questionnaire": "https://example.org/guideway/mast-cell-disease/Questionnaire/clinical-course",
        "item": [{"linkId": "refractoryAnaphylaxis", "answer": [{"valueBoolean": False}]}],
    } | ({"authored": at} if at else {})  # fmt: skip


def despite(*resources: Json) -> Any:
    return found("Therapy", "Refractory Anaphylaxis", *resources)


@pytest.mark.parametrize("words", [None, "10 mg once daily", "10 mg before bedtime", "1 tablet every morning"])
def test_an_anaphylaxis_during_regular_therapy_is_despite_it(words: str | None) -> None:
    assert despite(drug(words), anaphylaxis()) is True
    assert despite(drug(words), anaphylaxis(), answered_no("2026-04-01")) is False


@pytest.mark.parametrize(
    "words",
    ["10 mg as needed", "10 mg po prn hives", "10 mg when hives appear", "10 mg once", "10 mg x1 before the scan", "single dose"],
)
def test_what_is_taken_now_and_then_leaves_it_open(words: str) -> None:
    assert despite(drug(words), anaphylaxis()) is None
    assert despite(drug(words), anaphylaxis(), answered_no("2026-02-01")) is None
    told = found("Therapy", "Remark On Anaphylaxis During Therapy", drug(words), anaphylaxis())
    assert "2026-03-01" in told
    assert "Cetirizine" in told


@pytest.mark.parametrize("code", ["Z87.892", "T78.2XXD", "T78.2XXS"])
def test_a_history_of_anaphylaxis_is_none_that_began(code: str) -> None:
    assert despite(drug(), anaphylaxis(code)) is None


def test_an_anaphylaxis_soon_after_the_start_leaves_it_open() -> None:
    """As many days as the parameter regularTherapyDays."""
    assert despite(drug(start="2026-02-16"), anaphylaxis()) is None
    assert despite(drug(start="2026-02-15"), anaphylaxis()) is True


def test_an_answer_without_a_day_makes_it_unknown() -> None:
    assert despite(drug(), anaphylaxis(), answered_no(None)) is None


def test_a_short_order_before_a_procedure_leaves_it_open() -> None:
    order = {
        "resourceType": "MedicationRequest", "id": "o", "status": "active", "intent": "order", "authoredOn": "2026-01-01",
        "medicationCodeableConcept": {"text": "Diphenhydramine"}, "courseOfTherapyType": {"coding": [{"code": "acute"}]},
    }  # fmt: skip
    assert despite(order, anaphylaxis()) is None


# ---- bone density ------------------------------------------------------------------------------------------------------


def score(value: float, at: str, site: Json | None = None, code: str = "80948-3", number: int = 1) -> Json:
    return {
        "resourceType": "Observation", "id": f"t{number}", "status": "final", "effectiveDateTime": at,
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "valueQuantity": {"value": Decimal(str(value)), "unit": "{T-score}"},
    } | ({"bodySite": site} if site else {})  # fmt: skip


def low(*scores: Json) -> Any:
    return found("Lab", "T-Score Is Low", *({**s, "id": f"t{i}"} for i, s in enumerate(scores)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (score(-2.6, "2020-01-01", {"text": "L1-L4"}, "38267-1"), score(-0.3, "2026-05-01", {"text": "Spine"}, "104938-6")),
        (score(-2.6, "2020-01-01", {"text": "Hip"}, "38264-8"), score(-0.3, "2026-05-01", {"text": "Left hip"}, "80946-7")),
        (score(-2.6, "2020-01-01", None, "38263-0"), score(-0.3, "2026-05-01", None, "38264-8")),
        (score(-2.6, "2020-01-01"), score(-0.3, "2026-05-01", {"coding": [{"system": SNOMED, "code": "29836001"}]})),
    ],
)
def test_the_newest_of_one_part_counts_however_it_is_called(old: Json, new: Json) -> None:
    assert low(old, new) is False


def test_a_low_score_of_another_part_counts_and_says_its_day() -> None:
    scores = [score(-2.6, "2020-01-01", None, "38267-1", 1), score(-0.3, "2026-05-01", None, "38264-8", 2)]
    assert low(*scores) is True
    assert "2020-01-01" in found("Bone", "Remark If Bone Density Is Old", *scores)
    recent = [score(-2.6, "2026-05-01", None, "38267-1", 1), score(-0.3, "2026-05-01", None, "38264-8", 2)]
    assert low(*recent) is True
    assert found("Bone", "Remark If Bone Density Is Old", *recent) is None


# ---- attacks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "reason", "acute"),
    [
        ("AMB", {"text": "history of anaphylaxis"}, False),
        ("AMB", {"text": "anaphylaxis follow-up"}, False),
        ("AMB", {"coding": [{"system": ICD10, "code": "T78.2XXD"}]}, False),
        ("IMP", {"text": "anaphylaxis ruled out"}, False),
        ("IMP", {"coding": [{"system": ICD10, "code": "Z87.892"}]}, False),
        ("IMP", {"coding": [{"system": ICD10, "code": "T78.2XXA"}]}, True),
        ("IMP", {"text": "Anaphylaxis"}, True),
        ("EMER", {"text": "Hives"}, True),
    ],
)
def test_an_attack_is_an_emergency_or_a_stay_for_anaphylaxis(kind: str, reason: Json, acute: bool) -> None:
    visit = {
        "resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": kind}, "reasonCode": [reason],
        "period": {"start": "2026-04-01T10:00:00Z", "end": "2026-04-01T18:00:00Z"},
    }  # fmt: skip
    assert bool(found("Encounter", "Acute Episodes", visit)) is acute


# ---- orders, studies, counts -------------------------------------------------------------------------------------------


def request(concept: Json, **more: Any) -> Json:
    return {
        "resourceType": "ServiceRequest", "id": "s", "status": "active", "intent": "order", "code": concept,
        "authoredOn": "2026-05-20",
    } | more  # fmt: skip


UNREAD = {"coding": [{"system": SNOMED, "code": "80146002000"}]}


@pytest.mark.parametrize("category", ["Laboratory procedure", "Imaging", "Counselling", "Education", "Physiotherapy"])
def test_a_category_of_no_operation_leaves_nothing_open(category: str) -> None:
    assert found("Procedure", "Codes Of Procedures Not Known", request(UNREAD))
    assert not found("Procedure", "Codes Of Procedures Not Known", request(UNREAD, category=[{"text": category}]))


def test_an_order_of_a_transplantation_gets_old() -> None:
    concept = {"coding": [{"system": SNOMED, "code": "234336002"}]}
    define = "Transplantation Is Ordered Or Evaluated"
    assert found("Procedure", define, request(concept)) is True
    assert found("Procedure", define, request(concept, authoredOn="2015-01-01")) is False
    assert found("Procedure", define, request(concept, authoredOn="2015-01-01", occurrenceDateTime="2026-06-20")) is True


def test_a_second_opinion_orders_no_marrow() -> None:
    define = "Bone Marrow Biopsy Is Ordered"
    assert found("Procedure", define, request({"text": "Bone marrow biopsy"})) is True
    assert found("Procedure", define, request({"text": "Second opinion on outside bone marrow biopsy slides"})) is False


def test_a_report_on_bone_marrow_is_a_study_of_it() -> None:
    def report(text: str) -> Json:
        return {
            "resourceType": "DiagnosticReport", "id": "r", "status": "final", "code": {"text": text},
            "effectiveDateTime": "2026-05-25",
        }  # fmt: skip

    assert str(found("Procedure", "Last Marrow Study", report("Bone marrow biopsy pathology"))).startswith("2026-05-25")
    assert found("Procedure", "Last Marrow Study", report("Second opinion on bone marrow biopsy slides")) is None


def test_cells_in_a_litre_are_read() -> None:
    count = {
        "resourceType": "Observation", "id": "w", "status": "final", "effectiveDateTime": "2026-05-25",
        "code": {"coding": [{"system": "http://loinc.org", "code": "6690-2"}]},
        "valueQuantity": {"value": 2900000000, "unit": "/L", "system": "http://unitsofmeasure.org", "code": "/L"},
        "referenceRange": [{"low": {"value": 4000000000, "unit": "/L", "system": "http://unitsofmeasure.org", "code": "/L"}}],
    }  # fmt: skip
    assert found("Lab", "White Cells Are Low", count) is True

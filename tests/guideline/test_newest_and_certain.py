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


def anaphylaxis(code: str = "T78.2XXA", words: str | None = None, onset: str = "2026-03-01") -> Json:
    confirmed = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed"}]}
    concept = {"coding": [{"system": ICD10, "code": code}]} | ({"text": words} if words else {})
    return {
        "resourceType": "Condition", "id": f"a-{code}", "verificationStatus": confirmed, "code": concept, "onsetDateTime": onset
    }  # fmt: skip


def drug(words: str | None = "10 mg daily", start: str = "2025-01-01") -> Json:
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


def ordered(words: str = "10 mg daily", start: str = "2025-06-01", id: str = "o", **more: Any) -> Json:
    return {
        "resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order", "authoredOn": start,
        "medicationCodeableConcept": {"text": "Cetirizine"}, "dosageInstruction": [{"text": words}],
    } | more  # fmt: skip


def supply(days: int, repeats: int | None = None) -> Json:
    again = {} if repeats is None else {"numberOfRepeatsAllowed": repeats}
    return {"dispenseRequest": {"expectedSupplyDuration": {"value": days, "unit": "d"}} | again}


def handed_over(at: str, days: int, id: str = "h") -> Json:
    return {
        "resourceType": "MedicationDispense", "id": id, "status": "completed", "whenHandedOver": at,
        "medicationCodeableConcept": {"text": "Cetirizine"}, "daysSupply": {"value": days, "unit": "d"},
    }  # fmt: skip


def despite(*resources: Json) -> Any:
    return found("Anaphylaxis", "Refractory Anaphylaxis", *resources)


def told(*resources: Json) -> str:
    return str(found("Anaphylaxis", "Remark On Anaphylaxis During Therapy", *resources))


REGULAR = [
    "10 mg once daily",
    "10 mg before bedtime",
    "1 tablet every morning",
    "Take 1 tablet (10 mg total) by mouth 1 (one) time each day.",
    "10 mg PO once/day",
    "Take 1 tablet by mouth one time daily",
    "Take 1 tablet once by mouth daily",
    "Take one dose daily",
    "Take one tablet by mouth every day for allergy symptoms",
    "Take 1 tablet daily to prevent reactions",
    "Take 10 mg daily before work",
    "Take 1 tablet (10 mg) by mouth Once Daily (before noon)",
    "30 minutes before breakfast and dinner",
    "For oral use only. Take 1 tablet daily",
    "1 tab BID",
    "10 mg every 12 hours",
    "25 mg every 6 (six) hours",
    "25 mg every 6 hours for mastocytosis",
]
NOW_AND_THEN = [
    "10 mg as needed",
    "10 mg po prn hives",
    "10 mg when hives appear",
    "10 mg once",
    "10 mg x1 before the scan",
    "single dose",
    "10 mg daily if needed",
    "10 mg daily until the rash is gone",
    "up to 4 times a day",
    "25 mg every 6 hours for itching",
    "25 mg every 4-6 hours",
    "Take 1 tablet at first sign of hives",
    "take at onset of anaphylaxis",
    "50 mg every 6 hours starting the night before the procedure",
]


@pytest.mark.parametrize("words", REGULAR)
def test_an_anaphylaxis_during_regular_therapy_is_despite_it(words: str) -> None:
    assert despite(drug(words), anaphylaxis()) is True
    assert despite(drug(words), anaphylaxis(), answered_no("2026-04-01")) is False


@pytest.mark.parametrize("words", [*NOW_AND_THEN, None, "as directed", "10 mg"])
def test_what_is_taken_now_and_then_or_is_not_said_to_be_regular_leaves_it_open(words: str | None) -> None:
    assert despite(drug(words), anaphylaxis()) is None
    assert despite(drug(words), anaphylaxis(), answered_no("2026-02-01")) is None
    said = told(drug(words), anaphylaxis())
    assert "2026-03-01" in said
    assert "Cetirizine" in said
    assert "no drug is known to have been taken regularly" in said


@pytest.mark.parametrize(
    "order",
    [
        ordered("10 mg every 6 hours for 5 days"),
        ordered("10 mg PO q6h x 3 days"),
        ordered("10 mg daily for two weeks"),
        ordered("10 mg twice daily, 7 day course"),
        ordered(**supply(14)),
        ordered(**supply(90, 1)),
        drug("10 mg BID x 5 days after the visit"),
    ],
)
def test_a_short_course_is_no_regular_therapy_afterwards(order: Json) -> None:
    """The anaphylaxis came nine months later, and the order is still called active."""
    assert despite(order, anaphylaxis()) is None
    assert "Cetirizine" in told(order, anaphylaxis())


def test_what_was_supplied_covers_its_days() -> None:
    """From 1 June to 1 March are 273 days."""
    assert despite(ordered(**supply(91, 2)), anaphylaxis()) is True
    assert despite(ordered(**supply(90, 2)), anaphylaxis()) is None
    assert despite(ordered("10 mg daily for 90 days", dispenseRequest={"numberOfRepeatsAllowed": 3}), anaphylaxis()) is True
    assert despite(ordered(), handed_over("2025-06-01", 30), anaphylaxis()) is None
    assert despite(ordered(), handed_over("2025-06-01", 30), handed_over("2026-02-10", 30, "again"), anaphylaxis()) is True


def test_orders_that_follow_one_another_are_one_therapy() -> None:
    new = ordered(start="2026-02-25", id="new", **supply(30))
    assert despite(new, anaphylaxis()) is None
    assert despite(ordered(start="2026-01-24", id="old", **supply(30)), new, anaphylaxis()) is True
    assert despite(ordered(start="2026-01-10", id="old", **supply(30)), new, anaphylaxis()) is None


@pytest.mark.parametrize(
    "conditions",
    [
        [anaphylaxis("T88.6XXA")],
        [anaphylaxis("T78.00XA")],
        [anaphylaxis(words="Anaphylaxis due to iodinated contrast")],
        [anaphylaxis(words="Food-induced anaphylaxis")],
        [anaphylaxis(), anaphylaxis("T63.441A")],
    ],
)
def test_an_anaphylaxis_with_a_trigger_of_its_own_leaves_it_open(conditions: list[Json]) -> None:
    assert despite(drug(), *conditions) is None
    assert "with a trigger of its own" in told(drug(), *conditions)


@pytest.mark.parametrize(
    "words",
    [
        "Anaphylaxis",
        "Anaphylaxis due to systemic mastocytosis",
        "Anaphylaxis due to indolent systemic mastocytosis",
        "Anaphylaxis from unknown cause",
    ],
)
def test_an_anaphylaxis_of_the_disease_has_no_trigger_of_its_own(words: str) -> None:
    assert despite(drug(), anaphylaxis(words=words)) is True


@pytest.mark.parametrize(("onset", "counts"), [("2024-06-01", True), ("2024-05-31", None), ("2005-03-01", None)])
def test_an_anaphylaxis_of_long_ago_leaves_it_open(onset: str, counts: bool | None) -> None:
    """As many days as the parameter refractoryAnaphylaxisMaxAgeDays, 730."""
    taken = drug(start="2004-01-01")
    assert despite(taken, anaphylaxis(onset=onset)) is counts
    assert ("more than 730 days ago" in told(taken, anaphylaxis(onset=onset))) == (counts is None)


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
        (score(-2.6, "2020-01-01", None, "38263-0"), score(-0.3, "2026-05-01", {"text": "Femoral neck"}, "38264-8")),
        (score(-2.6, "2020-01-01"), score(-0.3, "2026-05-01", {"coding": [{"system": SNOMED, "code": "29836001"}]})),
    ],
)
def test_the_newest_of_one_part_counts_however_it_is_called(old: Json, new: Json) -> None:
    assert low(old, new) is False


@pytest.mark.parametrize("earlier", ["2026-05-01T09:55:00Z", "2026-05-01", "2023-05-01"])
@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        ((None, "38263-0"), (None, "38264-8")),
        (({"text": "Right hip"}, "38264-8"), ({"text": "Left hip"}, "38264-8")),
        ((None, "80945-9"), (None, "80946-7")),
        (({"text": "Left femoral neck"}, "38264-8"), ({"text": "Left total hip"}, "38264-8")),
        (({"text": "Hip, trochanter"}, "38264-8"), ({"text": "Hip"}, "38264-8")),
    ],
)
def test_a_later_score_of_another_site_of_the_hip_hides_no_low_one(
    earlier: str, lower: tuple[Json | None, str], higher: tuple[Json | None, str]
) -> None:
    """Minutes or years later; nor is the difference a fall of the density."""
    scores = [score(-1.8, earlier, *lower), score(-0.8, "2026-05-01T10:00:00Z", *higher)]
    assert low(*scores) is True
    assert low(*reversed(scores)) is True
    higher_first = [score(-0.8, "2023-05-01", *higher, 1), score(-1.8, "2026-05-01", *lower, 2)]
    assert found("Lab", "T-Score Falls", *higher_first) is False


def test_of_one_site_the_lowest_of_the_newest_day_counts() -> None:
    assert low(score(-1.8, "2026-05-01T10:00:00Z"), score(-0.8, "2026-05-01T10:05:00Z")) is True
    assert low(score(-1.8, "2026-04-30T10:00:00Z"), score(-0.8, "2026-05-01T10:05:00Z")) is False
    mended = {**score(-0.8, "2026-05-01T10:05:00Z"), "status": "corrected"}
    assert low(score(-1.8, "2026-05-01T10:00:00Z"), mended) is False


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


@pytest.mark.parametrize(
    ("words", "only"),
    [
        ("10 mg daily", False),
        ("Take 10 mg by mouth daily. May take a second dose if needed.", False),
        ("Take 1 tablet daily; may take extra tablet as needed for hives", False),
        ("10 mg daily and as needed for flares", False),
        ("10 mg daily plus 10 mg as needed", False),
        ("Take 10 mg twice daily, increase to 20 mg twice daily if needed", False),
        ("Take 1 tablet daily. No refills needed.", False),
        ("Take 1 tablet every morning, can repeat in evening prn", False),
        ("Take 1 tablet (10 mg) by mouth daily as needed for allergies", True),
        ("may take 10 mg daily as needed", True),
        ("10 mg at the first sign of hives", True),
        ("10 mg prn", True),
    ],
)
def test_an_extra_dose_as_needed_takes_nothing_from_the_daily_one(words: str, only: bool) -> None:
    said = found("Medication", "H1 Antihistamine As Needed Only", ordered(words))
    assert (said is not None) is only
    assert found("Medication", "On H1 Antihistamine As Therapy", ordered(words)) is (None if only else True)

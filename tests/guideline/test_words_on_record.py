"""What only words on record say: reasons for stopping, results, indications, diagnoses beside a code of no value set; and when an
order ends."""

from __future__ import annotations

from typing import Any

import pytest

from .evaluating import evaluation_of, order

Json = dict[str, Any]
P = {"subject": {"reference": "Patient/p"}}
ACTIVE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}


@pytest.mark.parametrize("reason", ["Side effects", "Drug intolerance", "Adverse reaction", "allergy", "Not tolerated: nausea"])
def test_a_drug_stopped_for_what_it_did_is_not_tolerated(reason: str) -> None:
    famotidine = order("4278", "stopped", reason)
    found = evaluation_of([famotidine])
    assert found.define("MastCellIntoleranceElements", "Has Allergy Or Intolerance To H2 Antihistamine") is True


def test_another_reason_is_no_intolerance() -> None:
    famotidine = order("4278", "stopped", "Patient moved")
    found = evaluation_of([famotidine])
    assert found.define("MastCellIntoleranceElements", "Has Allergy Or Intolerance To H2 Antihistamine") is False


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"valueString": "DETECTED (VAF 12%)"}, "positive"),
        ({"valueString": "Not detected"}, "negative"),
        (
            {"valueCodeableConcept": {"coding": [{"system": "http://loinc.org", "code": "LA9633-4", "display": "Present"}]}},
            "positive",
        ),
        (
            {"valueCodeableConcept": {"coding": [{"system": "http://loinc.org", "code": "LA9634-2", "display": "Absent"}]}},
            "negative",
        ),
        ({"valueString": "see report"}, None),
    ],
)
def test_a_molecular_result_in_words(result: Json, expected: str | None) -> None:
    code = {"coding": [{"system": "http://loinc.org", "code": "88519-4"}]}
    kit = {
        "resourceType": "Observation",
        "id": "k",
        "status": "final",
        "code": code,
        "effectiveDateTime": "2026-05-01",
        **P,
        **result,
    }
    assert evaluation_of([kit]).define("MastCellMolecularTests", "KIT D816V") == expected


@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("words", ["Atopic dermatitis, severe", "Eosinophilic esophagitis", "Severe persistent asthma"])
def test_dupilumab_for_another_disease_is_not_judged(words: str, in_order: bool) -> None:
    condition = {"resourceType": "Condition", "id": "c", "clinicalStatus": ACTIVE, "code": {"text": words}, **P}
    reason = {"reasonCode": [{"text": words}]} if in_order else {"reasonReference": [{"reference": "Condition/c"}]}
    found = evaluation_of([condition], drafts=[order("1876376", "draft", **reason)])
    assert found.define("MastCellCareElements", "Drafts Dupilumab For MCAS") is False
    unexplained = evaluation_of([condition], drafts=[order("1876376", "draft")])
    assert unexplained.define("MastCellCareElements", "Drafts Dupilumab For MCAS") is True


@pytest.mark.parametrize("status", ["cancelled", "stopped", "entered-in-error", "completed"])
def test_a_draft_that_is_none_any_more_is_not_judged(status: str) -> None:
    found = evaluation_of([], drafts=[order("7052", status=status)])
    assert found.define("MastCellCareElements", "Drafts Opioid") is False


@pytest.mark.parametrize(
    ("bounds", "current"),
    [
        ({"boundsDuration": {"value": 5, "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"}}, False),
        ({"boundsDuration": {"value": 104, "unit": "wk", "system": "http://unitsofmeasure.org", "code": "wk"}}, True),
        ({"boundsPeriod": {"start": "2025-01-01", "end": "2025-01-06"}}, False),
        ({}, True),
    ],
)
def test_an_order_ends_when_its_time_is_over(bounds: Json, current: bool) -> None:
    prednisone = order("8640", start="2025-01-01", dosage=[{"timing": {"repeat": bounds}}])
    assert evaluation_of([prednisone]).define("MastCellMedicationElements", "On Systemic Corticosteroid") is current


@pytest.mark.parametrize(
    ("system", "code"), [("http://snomed.info/sct", "1"), ("http://hl7.org/fhir/sid/icd-10-cm", "D47.0"), ("urn:oid:1.2.3", "x")]
)
def test_clear_words_beside_a_code_of_no_set_leave_the_population_unknown(system: str, code: str) -> None:
    said = {"coding": [{"system": system, "code": code}], "text": "Smoldering systemic mastocytosis"}
    condition = {"resourceType": "Condition", "id": "c", "clinicalStatus": ACTIVE, "code": said, **P}
    assert evaluation_of([condition]).define("MastCellDiagnosisElements", "Has SM") is None


def test_a_recorded_response_shows_that_first_line_was_tried() -> None:
    answers = {
        "resourceType": "QuestionnaireResponse",
        "id": "q",
        "status": "completed",
        "questionnaire": "https://example.org/guideway/mast-cell-disease/Questionnaire/therapy-response",
        "authored": "2026-05-01",
        "item": [{"linkId": "inadequateResponseH1", "answer": [{"valueCoding": {
            "system": "https://example.org/guideway/mast-cell-disease/CodeSystem/therapy-response", "code": "inadequate"}}]}],
        **P,
    }  # fmt: skip
    assert evaluation_of([answers]).define("MastCellTherapyElements", "Any First-Line Therapy Tried") is True

"""What only words on record say: reasons for stopping, results, indications, diagnoses beside a code of no value set; and when an
order ends."""

from __future__ import annotations

from decimal import Decimal
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


def observed(name: str, result: str | Json, **more: Any) -> Json:
    value = {"valueString": result} if isinstance(result, str) else result
    return {
        "resourceType": "Observation", "id": "o", "status": "final", "code": {"text": name}, "effectiveDateTime": "2026-05-01",
        **P, **value, **more,
    }  # fmt: skip


def report(conclusion: str, name: str = "Bone marrow biopsy") -> Json:
    return {
        "resourceType": "DiagnosticReport", "id": "r", "status": "final", "code": {"text": name}, "conclusion": conclusion,
        "effectiveDateTime": "2026-05-01", **P,
    }  # fmt: skip


def told_of(test: str, resource: Json) -> str:
    return str(evaluation_of([resource]).define("MastCellMolecularTests", f"Remark If {test} Is Not Read") or "")


VAF: Json = {"valueQuantity": {"value": Decimal("12.5"), "unit": "%"}}
KIT_TOLD = [
    (observed("KIT D816V mutation, peripheral blood", {"valueCodeableConcept": {"text": "Detected"}}), "Detected"),
    (observed("KIT D816V PCR", "Not detected. Recommend marrow testing if suspicion persists."), "Not detected"),
    (observed("KIT D816V PCR", {"interpretation": [{"text": "Positive"}]}), "Positive"),
    (observed("KIT D816V allele fraction", VAF), "12.5 %"),
    (observed("c-KIT mutation analysis", "p.Asp816Val detected (VAF 12%)"), "p.Asp816Val detected (VAF 12%)"),
    (report("Mutation not detected.", "KIT D816V, blood"), "Mutation not detected"),
    (report("Mast cells positive for CD25. KIT D816V mutation (ddPCR, blood): not detected."), "KIT D816V mutation"),
    (report("Aggregates of mast cells. Positive for the KIT D816V mutation."), "Positive for the KIT D816V mutation"),
    (report("No KIT D816V mutation was identified; JAK2 analysis pending"), "No KIT D816V mutation was identified"),
]
KIT_NOT_TOLD = [
    observed("CD117 (c-KIT) immunohistochemistry", "Positive in spindle-shaped mast cells"),
    observed("KIT exon 11 mutation (GIST)", "Not detected"),
    observed("KIT mutation, exon 11", "Not detected"),
    observed("KIT D816V mutation", "Test not performed, insufficient sample"),
    observed("KIT D816V mutation", "Pending"),
    observed("KIT D816V mutation", "See report"),
    observed("KIT D816V mutation requested", "Positive"),
    observed("KIT D816V mutation", {"interpretation": [{"text": "Indeterminate"}]}),
    report("Mast cells positive for CD117 (c-kit), tryptase and CD25. KIT D816V mutation analysis is recommended and pending. "),
    report("Mast cell aggregates. Recommend KIT D816V testing."),
    report("KIT D816V in CD117 positive cells"),
    report("Mast cells positive for CD117, KIT D816V to follow"),
    report("KIT D816V: test cancelled"),
    report("KIT D816V is detected in most patients with systemic mastocytosis."),
    report("Non-D816V KIT variant detected"),
    report("Positive for CD117 (c-KIT)", "KIT gene, exon 9 and 11"),
    report("Positive for CD117; KIT mutation not detected in exon 11"),
    report("Exon 11 KIT mutation was not detected."),
    report("", "KIT D816V, blood"),
]


@pytest.mark.parametrize(("resource", "shown"), KIT_TOLD)
def test_a_result_of_kit_d816v_in_words_is_told(resource: Json, shown: str) -> None:
    told = told_of("KIT D816V", resource)
    assert f'("{shown}' in told
    assert "2026-05-01" in told
    assert "do not order" not in told


@pytest.mark.parametrize("resource", [observed("KIT D816V PCR", "Detected"), report("KIT D816V was detected.")])
def test_a_result_without_a_date_is_told_without_one(resource: Json) -> None:
    del resource["effectiveDateTime"]
    assert ', without a date ("' in told_of("KIT D816V", resource)
    assert told_of("KIT D816V", resource | {"issued": "2026-05-02T10:00:00Z"}).count(" of 2026-05-02 (") == 1
    assert told_of("KIT D816V", resource | {"status": "preliminary"}) == ""


def test_a_report_of_a_time_whose_end_is_not_known_has_its_first_day() -> None:
    told = {k: v for k, v in report("KIT D816V was detected.").items() if k != "effectiveDateTime"}
    assert " of 2026-05-02 (" in told_of("KIT D816V", told | {"effectivePeriod": {"start": "2026-05-02"}})


@pytest.mark.parametrize("resource", KIT_NOT_TOLD)
def test_what_may_be_no_result_of_kit_d816v_is_not_told_as_one(resource: Json) -> None:
    assert told_of("KIT D816V", resource) == ""


def test_a_coded_result_that_is_not_read_is_shown_in_its_words() -> None:
    code = {"coding": [{"system": "http://loinc.org", "code": "88519-4"}]}
    assert '("see report")' in told_of("KIT D816V", observed("", "see report", code=code))


def test_a_long_sentence_is_told_by_its_beginning() -> None:
    told = told_of("KIT D816V", report(f"KIT D816V was detected {'in the marrow ' * 20}at last. CD25 is positive."))
    assert '...")' in told
    assert len(told) < 400


@pytest.mark.parametrize(
    ("resource", "told"),
    [
        (observed("FIP1L1-PDGFRA fusion by FISH", "Positive"), True),
        (observed("PDGFRA rearrangement", "No rearrangement"), True),
        (report("FIP1L1::PDGFRA was not detected."), True),
        (observed("PDGFRA immunostain", "Positive"), False),
        (observed("PDGFRA exon 18 (D842V)", "Not detected"), False),
        (observed("FIP1L1-PDGFRA fusion by FISH", "Test not performed"), False),
        (report("FIP1L1-PDGFRA testing is recommended."), False),
    ],
)
def test_only_a_result_of_the_fusion_in_words_is_told(resource: Json, told: bool) -> None:
    assert bool(told_of("FIP1L1-PDGFRA", resource)) is told


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

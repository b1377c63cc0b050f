"""A drug that the problem list or an adverse event blames is withheld as if it were on the allergy list."""

from __future__ import annotations

from typing import Any

import pytest

from .evaluating import RXNORM, evaluation_of, order

INTOLERANCES, RECORDS = "MastCellIntoleranceElements", "MastCellMedicationRecords"
DRUGS = (
    "Cetirizine", "Diphenhydramine", "Famotidine", "Oral Cromolyn", "Montelukast", "Zileuton", "Prednisone", "Omalizumab",
    "Dupilumab", "Denosumab", "Bisphosphonate", "Naltrexone", "Epinephrine", "Imatinib", "Cladribine",
)  # fmt: skip
Json = dict[str, Any]


def problem(words: str, **more: Any) -> Json:
    return {
        "resourceType": "Condition",
        "id": "c",
        "subject": {"reference": "Patient/p"},
        "code": {"text": words},
        **more,
    }


def event(words: str, suspect: str, **more: Any) -> Json:
    return {
        "resourceType": "AdverseEvent",
        "id": "e",
        "subject": {"reference": "Patient/p"},
        "actuality": "actual",
        "date": "2026-01-01",
        "event": {"text": words},
        "suspectEntity": [{"instance": {"display": suspect}}],
        **more,
    }


def withheld(resources: list[Json]) -> set[str]:
    evaluation = evaluation_of(resources)
    return {d for d in DRUGS if evaluation.define(INTOLERANCES, f"Has Allergy Or Intolerance To {d}")}


def told(resources: list[Json]) -> int:
    return len(evaluation_of(resources).define(RECORDS, "Stopped For Another Reason"))


@pytest.mark.parametrize(
    ("words", "drugs"),
    [
        ("Allergy to omalizumab (Xolair)", {"Omalizumab"}),
        ("Allergy status to omalizumab", {"Omalizumab"}),
        ("Famotidine allergy", {"Famotidine"}),
        ("Allergies: Pepcid", {"Famotidine"}),
        ("Anaphylaxis due to cetirizine", {"Cetirizine"}),
        ("Anaphylaxis after the second dose of omalizumab", {"Omalizumab"}),
        ("Montelukast-induced suicidal ideation", {"Montelukast"}),
        ("Adverse effect of zoledronic acid", {"Bisphosphonate"}),
        ("Bisphosphonate-related osteonecrosis of the jaw", {"Bisphosphonate"}),
        ("Allergy to antihistamines", {"Cetirizine", "Diphenhydramine"}),
        ("Steroid allergy", {"Prednisone"}),
        ("Adverse reaction to epinephrine", {"Epinephrine"}),
        ("Hives from naltrexone", {"Naltrexone"}),
        ("Cladribine hypersensitivity; takes famotidine", {"Cladribine"}),
        ("Allergic to penicillin, famotidine and sulfa", {"Famotidine"}),
        ("Allergies to sulfa, codeine, Zyrtec", {"Cetirizine"}),
        ("Intolerance of NSAIDs and montelukast", {"Montelukast"}),
        ("Hives to Pepcid", {"Famotidine"}),
        ("Anaphylactic shock after Xolair", {"Omalizumab"}),
        # named, and not blamed
        ("Urticaria treated with cetirizine", set()),
        ("Chronic urticaria on omalizumab", set()),
        ("Anaphylaxis, cetirizine and famotidine given", set()),
        ("Anaphylaxis - EpiPen", set()),
        ("Allergies - EpiPen", set()),
        ("Anaphylaxis (epinephrine given)", set()),
        ("Allergic rhinitis, relief from cetirizine", set()),
        ("Pruritus due to cetirizine withdrawal", set()),
        ("No allergy to omalizumab", set()),
        ("Allergic to penicillin; takes famotidine", set()),
        ("Allergic to penicillin, on omalizumab", set()),
        ("Allergic to pollen, cetirizine", set()),
        ("Allergy to peanuts, cetirizine as needed", set()),
        ("Allergic to penicillin and takes Pepcid", set()),
        ("Allergic to sulfa, takes cetirizine and famotidine", set()),
        ("Allergy to penicillin. On cetirizine and famotidine.", set()),
        ("Allergy to penicillin (rash), on cetirizine and famotidine", set()),
        ("Intolerance to exercise, takes cetirizine and famotidine", set()),
        ("Hypersensitivity to perfume; cetirizine helps, famotidine", set()),
        ("Allergic to contrast, premedicated with prednisone, cetirizine and famotidine", set()),
        ("Allergic to sulfa, uses albuterol and epinephrine", set()),
        ("Not allergic to penicillin, famotidine and sulfa", set()),
        ("Omalizumab allergy ruled out", set()),
        ("Family history of allergy to omalizumab", set()),
        ("Vitamin D deficiency", set()),
        # blamed for what is told, and withholds nothing
        ("Osteoporosis due to prednisone", set()),
    ],
)
def test_what_the_problem_list_blames(words: str, drugs: set[str]) -> None:
    assert withheld([problem(words)]) == drugs


def test_what_a_drug_did_and_is_no_harm_of_it_is_told() -> None:
    assert told([problem("Osteoporosis due to prednisone")]) == 1
    assert told([problem("Urticaria treated with prednisone")]) == 0


def test_a_diagnosis_that_was_refuted_blames_nothing() -> None:
    refuted = {"coding": [{"code": "refuted"}]}
    assert withheld([problem("Allergy to omalizumab", verificationStatus=refuted)]) == set()


@pytest.mark.parametrize(
    ("happened", "drugs", "shown"),
    [
        (event("Anaphylaxis", "Omalizumab 150 mg"), {"Omalizumab"}, 0),
        (event("Suicidal ideation", "montelukast"), {"Montelukast"}, 0),
        (event("Jaw osteonecrosis", "zoledronic acid"), {"Bisphosphonate"}, 0),
        (event("Somnolence", "Benadryl"), {"Diphenhydramine"}, 0),
        (event("Headache", "famotidine", severity={"coding": [{"code": "mild"}]}), set(), 1),
        (event("Hives", "famotidine", severity={"coding": [{"code": "mild"}]}), {"Famotidine"}, 0),
        (event("Anaphylaxis", "famotidine", actuality="potential"), set(), 0),
        (event("Neutropenia", "cladribine"), set(), 1),
        (event("Wrong dose", "famotidine", category=[{"coding": [{"code": "wrong-dose"}]}]), set(), 1),
        (event("Anaphylaxis", "peanut"), set(), 0),
        (event("Anaphylaxis due to cetirizine", "not known"), {"Cetirizine"}, 0),
        (event("Anaphylaxis ruled out", "omalizumab"), set(), 0),
        (event("No anaphylaxis", "omalizumab"), set(), 0),
        (event("Recurrent anaphylaxis", "omalizumab"), {"Omalizumab"}, 0),
        (
            event(
                "Anaphylaxis",
                "",
                suspectEntity=[
                    {
                        "instance": {"display": "Famotidine"},
                        "causality": [{"assessment": {"coding": [{"code": "unlikely"}]}}],
                    }
                ],
            ),
            set(),
            0,
        ),
    ],
)
def test_what_is_suspected_of_an_adverse_event(happened: Json, drugs: set[str], shown: int) -> None:
    assert withheld([happened]) == drugs
    assert told([happened]) == shown


@pytest.mark.parametrize(
    ("judged", "drugs"),
    [
        ("unlikely", set()), ("Unlikely to be related", set()), ("not related", set()), ("Unrelated", set()),
        ("not unlikely", {"Omalizumab"}), ("probable", {"Omalizumab"}), ("cannot be excluded; possible", {"Omalizumab"}),
    ],
)  # fmt: skip
def test_a_causality_is_read_in_words(judged: str, drugs: set[str]) -> None:
    suspect = [{"instance": {"display": "Omalizumab"}, "causality": [{"assessment": {"text": judged}}]}]
    assert withheld([event("Anaphylaxis", "", suspectEntity=suspect)]) == drugs


def test_a_suspect_is_read_through_the_record_it_refers_to() -> None:
    medication = {"resourceType": "Medication", "id": "sus", "code": {"coding": [{"system": RXNORM, "code": "302379"}]}}
    by_medication = event("Anaphylaxis", "", suspectEntity=[{"instance": {"reference": "Medication/sus"}}])
    by_order = event("Hives", "", suspectEntity=[{"instance": {"reference": "MedicationRequest/m"}}])
    assert withheld([medication, by_medication]) == {"Omalizumab"}
    assert withheld([order("4278", "completed"), by_order]) == {"Famotidine"}


def test_a_severe_reaction_rules_out_the_class() -> None:
    for record in (problem("Anaphylaxis due to cetirizine"), event("Anaphylaxis", "cetirizine")):
        assert evaluation_of([record]).define(INTOLERANCES, "Allergy Rules Out H1 Antihistamines") is True
    mild = evaluation_of([problem("Cetirizine intolerance")])
    assert mild.define(INTOLERANCES, "Allergy Rules Out H1 Antihistamines") is False


def test_another_harm_leaves_open_whether_midostaurin_is_tolerated() -> None:
    tolerated = {
        words: evaluation_of([event(words, "midostaurin")]).define(
            "MastCellMidostaurinElements", "Has Allergy Or Intolerance To Midostaurin"
        )
        for words in ("Pneumonitis", "Anaphylaxis", "Neutropenia")
    }
    assert tolerated == {"Pneumonitis": None, "Anaphylaxis": True, "Neutropenia": False}

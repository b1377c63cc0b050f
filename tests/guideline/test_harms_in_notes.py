"""What a drug did, by records that are not stopped: doses not given, notes, orders not to give; and a diagnosis that names it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from .evaluating import RXNORM, evaluation_of, order
from .support import ROOT

Json = dict[str, Any]
INTOLERANCES, NOTES, REACTIONS = "MastCellIntoleranceElements", "MastCellProposalNotes", "MastCellAspirinReactions"
STATUS_REASONS = "http://terminology.hl7.org/CodeSystem/medicationdispense-status-reason"
FAMOTIDINE, ASPIRIN, OMALIZUMAB, CETIRIZINE = "4278", "1191", "302379", "20610"


def withheld(resources: list[Json], drug: str) -> object:
    return evaluation_of(resources).define(INTOLERANCES, f"Has Allergy Or Intolerance To {drug}")


def told(resources: list[Json], drug: str) -> str:
    return str(evaluation_of(resources).define(NOTES, f"{drug} Out Of Date") or "")


def note(words: str) -> Json:
    return {"note": [{"text": words}]}


def not_given(code: str, **more: Any) -> Json:
    return {
        "resourceType": "MedicationAdministration",
        "id": "a",
        "status": "not-done",
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2026-04-01",
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": code}]},
        **more,
    }


def problem(words: str, **more: Any) -> Json:
    return {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}, "code": {"text": words}, **more}


LAID = (
    "anaphylaxis 20 minutes after", "anaphylaxis after second tablet", "Did not tolerate it", "hives within 10 minutes",
    "Reaction: hives", "anaphylaxis to famotidine", "Stopped for a rash", "Bronchospasm with it", "Anaphylaxis to last dose",
)  # fmt: skip
NAMED = ("Anaphylaxis", "Severe rash", "Developed hives")
SPOKEN_OF = (
    "as needed for anaphylaxis, with EpiPen", "Use for severe allergic reactions", "given in ED for anaphylaxis",
    "Call for side effects", "Discussed side effects, monitor for rash", "No side effects", "premedication for contrast allergy",
    "Well tolerated, no reaction", "prevents anaphylaxis", "Use if hives or anaphylaxis", "taken for an allergic reaction to dye",
    "Anaphylaxis after bee sting", "Given after anaphylaxis to peanut",
)  # fmt: skip


@pytest.mark.parametrize("words", LAID)
def test_a_note_of_a_course_that_ended_lays_a_harm_on_the_drug(words: str) -> None:
    assert withheld([order(FAMOTIDINE, "completed", **note(words))], "Famotidine") is True


@pytest.mark.parametrize(("code", "words"), [("199047", "Hives to Pepcid"), ("4278", "Rash to famotidine")])
def test_a_note_names_the_drug_of_its_record_whatever_its_code(code: str, words: str) -> None:
    assert withheld([order(code, "completed", **note(words))], "Famotidine") is True
    assert withheld([order(CETIRIZINE, "completed", **note(words))], "Cetirizine") is False


@pytest.mark.parametrize(
    ("status", "why", "expected"),
    [
        ("declined", {"statusReasonCodeableConcept": {"text": "Allergy"}}, True),
        ("stopped", {"statusReasonCodeableConcept": {"coding": [{"system": STATUS_REASONS, "code": "saig"}]}}, True),
        ("on-hold", note("Anaphylaxis to last dose"), True),
        ("completed", note("Anaphylaxis 20 minutes after"), True),
        ("declined", {"statusReasonCodeableConcept": {"text": "Prior authorization"}}, False),
        ("completed", note("For allergic reactions"), False),
    ],
)
def test_what_was_not_handed_out_for_a_harm(status: str, why: Json, expected: bool) -> None:
    dispense = not_given(OMALIZUMAB) | {"resourceType": "MedicationDispense", "status": status, **why}
    assert withheld([dispense], "Omalizumab") is expected


def test_the_reason_inside_an_order_not_to_give() -> None:
    inside = problem("", id="why", code={"coding": [{"system": "http://snomed.info/sct", "code": "126485001"}]})
    forbidden = order(FAMOTIDINE, doNotPerform=True, contained=[inside], reasonReference=[{"reference": "#why"}])
    assert withheld([forbidden], "Famotidine") is True
    refuted = inside | {"verificationStatus": {"coding": [{"code": "refuted"}]}}
    assert withheld([forbidden | {"contained": [refuted]}], "Famotidine") is False


@pytest.mark.parametrize("words", NAMED)
def test_a_harm_that_a_note_names_is_told(words: str) -> None:
    completed = [order(FAMOTIDINE, "completed", **note(words))]
    assert withheld(completed, "Famotidine") is False
    assert f'reason "{words}"' in told(completed, "H2 Antihistamine")


@pytest.mark.parametrize("words", SPOKEN_OF)
def test_what_a_note_only_speaks_of_is_no_harm(words: str) -> None:
    completed = [order(FAMOTIDINE, "completed", **note(words))]
    assert withheld(completed, "Famotidine") is False
    assert told(completed, "H2 Antihistamine") == ""


def test_a_dose_that_was_not_given_for_a_harm() -> None:
    for why in ({"statusReason": [{"text": "anaphylaxis to last dose"}]}, note("Anaphylaxis to last dose")):
        assert withheld([not_given(OMALIZUMAB, **why)], "Omalizumab") is True
        assert evaluation_of([not_given(ASPIRIN, **why)]).define(REACTIONS, "Any Reaction Is On Record") is True
    refused = [not_given(OMALIZUMAB, statusReason=[{"text": "Patient declined"}])]
    assert withheld(refused, "Omalizumab") is False
    assert 'not given 2026-04-01, reason "Patient declined"' in told(refused, "Omalizumab")


def test_a_dose_that_was_not_given_is_no_use_of_the_drug() -> None:
    evaluation = evaluation_of([not_given(OMALIZUMAB, statusReason=[{"text": "Clinic closed"}])])
    assert evaluation.define("MastCellMedicationElements", "On Omalizumab") is False


@pytest.mark.parametrize("words", ["Held: bronchospasm", "anaphylaxis to last dose"])
def test_the_note_of_a_hold_is_read_as_its_reason(words: str) -> None:
    assert withheld([order(OMALIZUMAB, "on-hold", **note(words))], "Omalizumab") is True
    assert 'reason "Moved away"' in told([order(OMALIZUMAB, "on-hold", **note("Moved away"))], "Omalizumab")


def test_the_reason_of_a_record_whose_status_is_unknown() -> None:
    assert withheld([order(FAMOTIDINE, "unknown", "anaphylaxis")], "Famotidine") is True
    assert 'reason "Family asked"' in told([order(FAMOTIDINE, "unknown", "Family asked")], "H2 Antihistamine")


@pytest.mark.parametrize("status", ["active", "on-hold"])
@pytest.mark.parametrize(
    "why",
    [
        note("anaphylaxis 2019"),
        {"reasonCode": [{"text": "Anaphylaxis"}]},
        {"reasonReference": [{"reference": "Condition/c"}]},
        {"reasonReference": [{"display": "Anaphylaxis"}]},
        {"statusReason": {"text": "Anaphylaxis"}},
    ],
)
def test_everything_an_order_not_to_give_says_is_its_reason(status: str, why: Json) -> None:
    anaphylaxis = problem("Anaphylaxis")
    assert withheld([order(FAMOTIDINE, status, doNotPerform=True, **why), anaphylaxis], "Famotidine") is True


def test_a_diagnosis_that_was_refuted_is_no_reason() -> None:
    refuted = problem("Anaphylaxis", verificationStatus={"coding": [{"code": "refuted"}]})
    forbidden = order(FAMOTIDINE, doNotPerform=True, reasonReference=[{"reference": "Condition/c"}])
    assert withheld([forbidden, refuted], "Famotidine") is False
    assert "not to be given, by an order" in told([forbidden, refuted], "H2 Antihistamine")


def class_not_to_give(words: str, reason: str) -> Json:
    forbidden = order("0", doNotPerform=True, reasonCode=[{"text": reason}])
    return {**forbidden, "medicationCodeableConcept": {"text": words}}


@pytest.mark.parametrize(
    ("words", "drugs"),
    [
        ("antihistamines", {"Cetirizine", "Diphenhydramine"}),
        ("First-generation antihistamines", {"Diphenhydramine"}),
        ("Non-sedating antihistamines", {"Cetirizine"}),
        ("H2 blockers", {"Famotidine"}),
        ("Systemic corticosteroids", {"Prednisone"}),
        ("Leukotriene modifiers", {"Montelukast"}),
        ("Bisphosphonates", {"Bisphosphonate"}),
        ("Topical steroids", set()),
        ("Anabolic steroids", set()),
    ],
)
def test_an_order_not_to_give_a_class_is_about_its_members(words: str, drugs: set[str]) -> None:
    evaluation = evaluation_of([class_not_to_give(words, "rash and hives")])
    asked = ("Cetirizine", "Diphenhydramine", "Famotidine", "Prednisone", "Montelukast", "Bisphosphonate", "Omalizumab")
    found = {drug for drug in asked if evaluation.define(INTOLERANCES, f"Has Allergy Or Intolerance To {drug}")}
    assert found == drugs


def test_an_order_not_to_give_a_class_for_another_reason_is_told() -> None:
    forbidden = [class_not_to_give("H2 blockers", "Formulary")]
    assert withheld(forbidden, "Famotidine") is False
    assert "H2 blockers not to be given, by an order" in told(forbidden, "H2 Antihistamine")
    assert told(forbidden, "H1 Antihistamine") == ""


@pytest.mark.parametrize("words", ["Xolair: anaphylaxis (2024)", "Omalizumab: allergic reaction", "Xolair reaction: hives"])
def test_a_diagnosis_that_is_a_drug_and_what_it_did_withholds(words: str) -> None:
    assert withheld([problem(words)], "Omalizumab") is True


@pytest.mark.parametrize(
    ("words", "drug"),
    [
        ("Anaphylaxis - Xolair", "Omalizumab"),
        ("Anaphylactic reaction, Xolair", "Omalizumab"),
        ("Angioedema with Xolair", "Omalizumab"),
        ("Suicidal thoughts on Singulair", "Leukotriene Modifier"),
        ("Depression while taking montelukast", "Leukotriene Modifier"),
    ],
)
def test_a_diagnosis_that_names_a_drug_beside_its_harm_is_told(words: str, drug: str) -> None:
    assert f'named on the problem list, reason "{words}"' in told([problem(words)], drug)


@pytest.mark.parametrize(
    "words",
    [
        "Chronic urticaria on omalizumab", "Anaphylaxis, treated with omalizumab", "Omalizumab: anaphylaxis prophylaxis",
        "Idiopathic anaphylaxis, on omalizumab", "Asthma on omalizumab", "Omalizumab therapy",
    ],
)  # fmt: skip
def test_a_diagnosis_that_names_what_is_taken_for_it_is_not_told(words: str) -> None:
    assert withheld([problem(words)], "Omalizumab") is False
    assert told([problem(words)], "Omalizumab") == ""


@pytest.mark.parametrize(("said", "shown"), [("Headache due to", "blamed"), ("Angioedema with", "named")])
def test_what_is_told_is_called_as_the_entry_calls_it(said: str, shown: str) -> None:
    """In its own words, for every list of names; never by the pattern that finds it."""
    lists = (ROOT / "plandefinitions/library/MastCellDrugNameLists.cql").read_text("utf-8")
    names = {
        name for row in re.findall(r"words: '([^']+)'", lists) for name in re.findall(r"(?<![\w?<>!: (])[a-z]{4,}(?=[|(])", row)
    }
    assert len(names) > 300
    entries = [problem(f"{said} {name}", id=name) for name in sorted(names)]
    found = evaluation_of(entries).define("MastCellDrugHarms", "Told")
    called = {(entry["drug"].display, entry["status"]) for entry in found}
    assert len(called) > 300
    assert called <= {(name, shown) for name in names}

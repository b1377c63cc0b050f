"""What counts as a reaction to aspirin or an NSAID, from whatever resource says it, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from .evaluating import ADVERSE, RXNORM, answer, evaluation_of, order

Json = dict[str, Any]
THERAPIES = "MastCellTherapyElements"
ASPIRIN, IBUPROFEN = "1191", "5640"
SUBJECT = {"reference": "Patient/p"}
TOLERATED: Json = {"valueCoding": {"system": "http://example.org", "code": "tolerated"}}
NONE, REACTION, SEVERE = (None, False), ("not-tolerated", False), ("not-tolerated", True)
"""Aspirin tolerance, and whether a severe reaction is on record."""


def judged(*resources: Json) -> tuple[object, object]:
    evaluation = evaluation_of(list(resources))
    return evaluation.define(THERAPIES, "Aspirin Tolerance"), evaluation.define(THERAPIES, "Has Severe NSAID Reaction")


def condition(words: str, *, verification: str = "confirmed", **more: Json) -> Json:
    system = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
    status = {"coding": [{"system": system, "code": verification}]}
    return {
        "resourceType": "Condition", "id": "c", "subject": SUBJECT, "code": {"text": words}, "verificationStatus": status, **more
    }  # fmt: skip


def event(words: str, suspect: Json | None = None, **more: Any) -> Json:
    happened: Json = {"event": {"text": words}} if words else {}
    suspects: Json = {"suspectEntity": [suspect]} if suspect else {}
    return {
        "resourceType": "AdverseEvent", "id": "e", "subject": SUBJECT, "actuality": "actual", "date": "2026-02-01",
        **happened, **suspects, **more,
    }  # fmt: skip


def statement(code: str, status: str = "completed") -> Json:
    drug = {"coding": [{"system": RXNORM, "code": code}]}
    return {
        "resourceType": "MedicationStatement",
        "id": "s",
        "subject": SUBJECT,
        "status": status,
        "medicationCodeableConcept": drug,
    }


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Anaphylaxis due to ibuprofen", SEVERE),
        ("Anaphylaxis caused by NSAID", SEVERE),
        ("Severe reaction to Toradol", SEVERE),
        ("Laryngeal edema after aspirin", SEVERE),
        ("Hives from naproxen", REACTION),
        ("Adverse reaction to ASA", REACTION),
        ("Aspirin ADR", REACTION),
        ("ADR to ibuprofen: wheeze", REACTION),
        ("No ADR to aspirin", NONE),
        ("Opioid analgesic intolerance", NONE),
        ("Acetaminophen (pain reliever) reaction", NONE),
        ("Intolerance of diclofenac", REACTION),
        ("Aspirin-exacerbated respiratory disease", REACTION),
        ("Asthma exacerbation after ketorolac", REACTION),
        ("No known allergy to aspirin", NONE),
        ("Family history of aspirin allergy", NONE),
        ("Gastropathy due to NSAID", NONE),
        ("Anaphylaxis due to peanut", NONE),
        ("Long-term use of aspirin", NONE),
        ("No known NSAID allergy", NONE),
        ("Asprin allergy", REACTION),
        ("Denies aspirin allergy", NONE),
        ("No aspirin sensitivity", NONE),
        ("FHx aspirin allergy", NONE),
        ("Mother allergic to aspirin", NONE),
        ("Allergy to ibuprofen ruled out", NONE),
        ("Aspirin allergy delabeled", NONE),
        ("Severe osteoarthritis treated with ibuprofen", NONE),
        ("Severe low back pain on naproxen", NONE),
        ("Long term (current) use of aspirin; severe aortic stenosis", NONE),
        ("Denies penicillin allergy. Aspirin anaphylaxis", SEVERE),
        ("Aspirin not tolerated", REACTION),
        ("Hives whenever she takes aspirin", REACTION),
        ("Anaphylaxis to ibuprofen, treated with epinephrine", SEVERE),
        ("Anaphylaxis on ibuprofen; tolerates acetaminophen", SEVERE),
        ("Hypotension due to ibuprofen", SEVERE),
    ],
)
def test_a_problem_that_names_the_drug_and_the_reaction(words: str, expected: tuple[object, object]) -> None:
    assert judged(condition(words)) == expected
    resolved = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "resolved"}]}
    assert judged(condition(words, clinicalStatus=resolved)) == expected
    assert judged(condition(words, verification="refuted")) == NONE


@pytest.mark.parametrize(
    "words",
    ["Idiopathic anaphylaxis, tolerates aspirin", "Anaphylaxis to peanut. Takes aspirin daily", "Septic shock, ibuprofen given"],
)
def test_a_drug_beside_a_harm_is_to_be_read_first_and_undoes_no_answer(words: str) -> None:
    assert judged(condition(words)) == (None, None)
    found = answer("aspirinTolerance", TOLERATED, "2026-05-01", "clinical-course")
    assert judged(condition(words), found) == ("tolerated", False)
    remarks = evaluation_of([condition(words)]).define("MastCellProposalNotes", "Aspirin Allergies In Words")
    assert any(words in remark for remark in remarks)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("No NSAIDs - anaphylaxis", SEVERE),
        ("No NSAIDs anaphylaxis", SEVERE),
        ("No aspirin", REACTION),
        ("No aspirin: allergic", REACTION),
        ("No known allergies except aspirin", REACTION),
        ("NKDA; aspirin", REACTION),
        ("Denies penicillin allergy. Aspirin", REACTION),
        ("No known drug allergies", NONE),
        ("NKDA", NONE),
        ("Not allergic to aspirin", NONE),
        ("Denies NSAID allergy", NONE),
        ("Pt states no aspirin allergy", NONE),
        ("No known aspirin or NSAID allergy", NONE),
    ],
)
def test_an_entry_of_the_allergy_list_that_begins_with_no(words: str, expected: tuple[object, object]) -> None:
    entry = {"resourceType": "AllergyIntolerance", "id": "a", "patient": SUBJECT, "code": {"text": words}}
    assert judged(entry) == expected
    if expected == NONE:
        assert evaluation_of([entry]).define("MastCellAllergyElements", "Drug Allergens") == []


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (ASPIRIN, ADVERSE, REACTION),
        (ASPIRIN, "allergic reaction", REACTION),
        (ASPIRIN, "stomach upset, not tolerated", REACTION),
        (ASPIRIN, "Anaphylaxis", SEVERE),
        (ASPIRIN, "no side effects", NONE),
        (IBUPROFEN, "Anaphylaxis", SEVERE),
        (IBUPROFEN, "hives", REACTION),
        (IBUPROFEN, "Throat swelling", SEVERE),
        (IBUPROFEN, "Lip swelling", SEVERE),
        (ASPIRIN, "Bronchospasm", SEVERE),
        (IBUPROFEN, "Hypotension", SEVERE),
        (IBUPROFEN, "Asthma attack", SEVERE),
        (IBUPROFEN, "No further anaphylaxis after stopping", SEVERE),
        (ASPIRIN, "Recurrent hives with each dose", REACTION),
        (IBUPROFEN, ADVERSE, NONE),
        ("4278", "Anaphylaxis", NONE),
    ],
)
def test_a_stop(code: str, reason: str | Json, expected: tuple[object, object]) -> None:
    assert judged(order(code, "stopped", reason)) == expected


def test_an_nsaid_stopped_for_a_harm_without_a_name_is_to_be_read_first() -> None:
    evaluation = evaluation_of([order(IBUPROFEN, "stopped", ADVERSE)])
    assert evaluation.define(THERAPIES, "Has NSAID Reaction") is None
    assert (
        "the record names aspirin, another NSAID or a pain reliever beside"
        in evaluation.define("MastCellProposalNotes", "Aspirin Allergies In Words")[0]
    )


@pytest.mark.parametrize(
    ("answered", "reason", "expected"),
    [
        ("2025-01-01", ADVERSE, REACTION),
        ("2026-04-01", ADVERSE, ("tolerated", False)),
        ("2026-04-01", "Anaphylaxis", SEVERE),
    ],
)
def test_the_newer_of_stop_and_tolerance_counts_unless_the_reaction_was_severe(
    answered: str, reason: str | Json, expected: tuple[object, object]
) -> None:
    stopped = order(ASPIRIN, "stopped", reason, start="2026-01-01", changed="2026-02-15")
    assert judged(stopped, answer("aspirinTolerance", TOLERATED, answered, "clinical-course")) == expected


@pytest.mark.parametrize("code", [ASPIRIN, IBUPROFEN])
def test_a_stop_for_a_code_that_is_not_known_is_to_be_read_first(code: str) -> None:
    unread = {"coding": [{"system": "http://example.org/reasons", "code": "x7"}]}
    stopped = order(code, "stopped", unread, start="2026-01-01", changed="2026-05-20")
    found = answer("aspirinTolerance", TOLERATED, "2026-05-01", "clinical-course")
    assert judged(stopped) == judged(stopped, found) == (None, None)
    later = answer("aspirinTolerance", TOLERATED, "2026-05-25", "clinical-course")
    assert judged(stopped, later) == ("tolerated", False)
    remarks = evaluation_of([stopped]).define("MastCellProposalNotes", "Aspirin Allergies In Words")
    assert any("code x7" in remark for remark in remarks)
    known = {"coding": [{**unread["coding"][0], "display": "Cost"}]}
    assert judged(order(code, "stopped", known)) == NONE


def test_a_stop_without_a_day_stands() -> None:
    stopped = order(ASPIRIN, "stopped", ADVERSE, start="2026-01-01")
    assert judged(stopped, answer("aspirinTolerance", TOLERATED, "2026-04-01", "clinical-course")) == REACTION


def test_aspirin_that_is_taken_again_is_no_reaction() -> None:
    again = order(ASPIRIN, "active", {}, id="n", start="2026-04-01")
    assert judged(order(ASPIRIN, "stopped", ADVERSE, start="2026-01-01"), again) == NONE
    assert judged(order(ASPIRIN, "stopped", "Anaphylaxis", start="2026-01-01"), again) == SEVERE


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ([event("Anaphylaxis", {"instance": {"display": "Ibuprofen 400 mg"}})], SEVERE),
        ([event("Anaphylaxis", {"instance": {"reference": "MedicationStatement/s"}}), statement(IBUPROFEN)], SEVERE),
        ([event("Anaphylaxis", {"instance": {"reference": "MedicationStatement/s"}}), statement("4278")], NONE),
        ([event("", {"instance": {"reference": "MedicationStatement/s"}}), statement(IBUPROFEN)], REACTION),
        ([event("Urticaria after diclofenac")], REACTION),
        ([event("Dyspepsia", {"instance": {"display": "Ibuprofen"}})], NONE),
        ([event("Dyspepsia", {"instance": {"display": "Aspirin"}})], REACTION),
        ([event("Bleeding", {"instance": {"display": "Ibuprofen"}}, severity={"coding": [{"code": "severe"}]})], SEVERE),
        ([event("Anaphylaxis", {"instance": {"display": "Ibuprofen"}}, actuality="potential")], NONE),
        (
            [
                event("", {"instance": {"display": "Ibuprofen"}}, resultingCondition=[{"reference": "Condition/c"}]),
                condition("Anaphylactic shock"),
            ],
            SEVERE,
        ),
        (
            [
                event(
                    "Anaphylaxis",
                    {"instance": {"display": "Ibuprofen"}, "causality": [{"assessment": {"coding": [{"code": "unlikely"}]}}]},
                )
            ],
            NONE,
        ),
    ],
)
def test_an_adverse_event(resources: list[Json], expected: tuple[object, object]) -> None:
    assert judged(*resources) == expected


def test_anaphylaxis_in_the_name_of_an_allergy_is_severe() -> None:
    entry = {"resourceType": "AllergyIntolerance", "id": "a", "patient": SUBJECT, "code": {"text": "Ibuprofen - anaphylaxis"}}
    assert judged(entry) == SEVERE


@pytest.mark.parametrize(
    "words",
    ["Analgesic intolerance", "Painkiller anaphylaxis", "ADR to pain medication", "Reaction to anti-inflammatory drug",
     "Rash after non-opioid analgesics", "Anaphylaxis, COX inhibitors"],
)  # fmt: skip
def test_a_pain_reliever_without_a_name_is_to_be_read_first(words: str) -> None:
    """On either list, until somebody finds aspirin tolerated."""
    entry = {"resourceType": "AllergyIntolerance", "id": "a", "patient": SUBJECT, "code": {"text": words}}
    found = answer("aspirinTolerance", TOLERATED, "2026-05-01", "clinical-course")
    for on_record in (condition(words), entry):
        assert judged(on_record) == (None, None)
        assert judged(on_record, found) == ("tolerated", False)
        remarks = evaluation_of([on_record]).define("MastCellProposalNotes", "Aspirin Allergies In Words")
        assert any(words in remark for remark in remarks)


@pytest.mark.parametrize(
    "words", ["Opioid analgesic intolerance", "Morphine (pain medication) rash", "Pain medication management"]
)
def test_another_pain_reliever_leaves_nothing_open(words: str) -> None:
    entry = {"resourceType": "AllergyIntolerance", "id": "a", "patient": SUBJECT, "code": {"text": words}}
    assert judged(condition(words)) == NONE
    assert (judged(entry) == NONE) == ("management" not in words)


@pytest.mark.parametrize(
    ("words", "open_"),
    [
        ("Non-opioid analgesics", True),
        ("Nonopioid analgesics", True),
        ("Non-narcotic analgesics", True),
        ("Narcotic and non-narcotic analgesics", True),
        ("Analgesics (not opioids)", True),
        ("Analgesics other than opioids", True),
        ("Analgesics, incl. acetaminophen", True),
        ("Analgesics such as Tylenol", True),
        ("Morphine and other pain medications", True),
        ("COX inhibitors", True),
        ("Cyclooxygenase inhibitor", True),
        ("Analgesics", True),
        ("Opioid analgesics", False),
        ("Analgesics, opioid", False),
        ("Acetaminophen (pain reliever)", False),
        ("Topical analgesic", False),
    ],
)
def test_what_a_class_of_pain_relievers_leaves_out_is_no_opioid(words: str, open_: bool) -> None:
    entry = {"resourceType": "AllergyIntolerance", "id": "a", "patient": SUBJECT, "code": {"text": words}}
    found = evaluation_of([entry])
    assert bool(found.define("MastCellAspirinReactions", "Pain Relievers On The Allergy List")) is open_
    assert judged(entry) == ((None, None) if open_ else NONE)


@pytest.mark.parametrize("words", ["Analgesic asthma syndrome", "Analgesic-induced asthma"])
def test_asthma_by_analgesics_is_a_reaction(words: str) -> None:
    assert judged(condition(words))[0] == "not-tolerated"


@pytest.mark.parametrize(
    ("reason", "asked"),
    [
        ("Worsening asthma", True),
        ("Angioedema persisted", True),
        ("Hives not controlled", True),
        ("No improvement, worsening flushing", True),
        ("No improvement, hives continued", True),
        ("Without relief; wheezing persisted", True),
        ("Did not help, flushing worsened", True),
        ("Not helping flushing increased", True),
        ("Did not continue: asthma", True),
        ("Worsening shortness of breath", True),
        ("Chest tightness increased", True),
        ("Breathing worse", True),
        ("Itching worse", True),
        ("Worsening pruritus", True),
        ("Worse sinus symptoms", True),
        ("Worsening rhinitis", True),
        ("Worsening nasal congestion", True),
        ("More flushing", True),
        ("AERD", True),
        ("Samter triad", True),
        ("MCAS flare", True),
        ("Triggered flare", True),
        ("Symptoms worsened after dose", True),
        ("Symptoms worse", True),
        ("No more flushing", False),
        ("Flushing resolved, not needed any more", False),
        ("No flare, no longer needed", False),
        ("Asthma not worse", False),
        ("Gout flare over", False),
        ("Cost", False),
        ("Hives resolved", False),
        ("No worsening of asthma", False),
    ],
)
def test_a_complaint_that_went_on_with_aspirin_has_to_be_read(reason: str, asked: bool) -> None:
    stopped = order(ASPIRIN, "stopped", reason, start="2026-01-01", changed="2026-05-20")
    found = evaluation_of([stopped])
    said = found.define("MastCellAspirinReactions", "Other NSAID Harms")
    assert any(reason in label for label in said or []) is asked
    tolerated = answer("aspirinTolerance", TOLERATED, "2026-02-01")
    assert (evaluation_of([stopped, tolerated]).define(THERAPIES, "Aspirin Tolerance") is None) is asked

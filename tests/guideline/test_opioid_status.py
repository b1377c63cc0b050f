"""Opioids before naltrexone: which record proves an opioid-free time, which disproves it, and which leaves it open."""

from __future__ import annotations

from typing import Any

import pytest

from .evaluating import RXNORM, answer, evaluation_of, order

Json = dict[str, Any]
OPIOIDS = "MastCellOpioidElements"
DRUG = {"coding": [{"system": RXNORM, "code": "7804", "display": "oxycodone"}]}
SUBJECT = {"reference": "Patient/p"}
LONG_AGO, YESTERDAY = "2024-01-01", "2026-05-31"


def stopped(**given: Any) -> Json:
    """An opioid on the list of what the patient says to have taken."""
    return {
        "resourceType": "MedicationStatement", "id": "s", "subject": SUBJECT, "status": "stopped",
        "medicationCodeableConcept": DRUG, "effectivePeriod": {"start": LONG_AGO}, **given,
    }  # fmt: skip


def dispensed(**given: Any) -> Json:
    return {
        "resourceType": "MedicationDispense", "id": "d", "subject": SUBJECT, "status": "completed",
        "medicationCodeableConcept": DRUG, **given,
    }  # fmt: skip


def supply(value: int, unit: str | None) -> Json:
    return {"value": value} | ({"unit": unit} if unit else {})


def ended_recently(*resources: Json) -> object:
    return evaluation_of(list(resources)).define(OPIOIDS, "Opioid Ended Recently")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (order("7804", "stopped", {}, start="2025-12-01"), None),
        (order("7804", "completed", {}, start="2019-12-01"), None),
        (order("7804", "stopped", {}, start="2025-12-01", changed="2026-05-30"), True),
        (order("7804", "stopped", {}, start="2025-12-01", changed="2026-04-30"), False),
        (stopped(dateAsserted=YESTERDAY), None),
        (stopped(dateAsserted="2025-05-31"), False),
        (stopped(status="completed", dateAsserted=YESTERDAY), None),
        (stopped(effectivePeriod={}), None),
        (stopped(effectivePeriod={"start": LONG_AGO, "end": "2026-05"}), None),
        (stopped(effectivePeriod={"start": LONG_AGO, "end": "2026-04"}), False),
        (stopped(status="active", effectivePeriod={"start": LONG_AGO, "end": "2026-05-29"}, dateAsserted="2024-02-01"), True),
        (dispensed(), None),
        (dispensed(whenHandedOver="2026-05-17"), None),
        (dispensed(whenHandedOver="2026-05-17", quantity={"value": 120}), None),
        (dispensed(whenHandedOver="2026-04-10", daysSupply=supply(30, None)), False),
        (dispensed(whenHandedOver="2026-04-10", daysSupply=supply(2, "mo")), True),
        (dispensed(whenHandedOver="2026-04-10", daysSupply=supply(6, "wk")), True),
        (dispensed(whenHandedOver="2026-04-10", daysSupply=supply(60, "tablets")), None),
        (dispensed(whenHandedOver="2026-04-10", daysSupply=supply(30, "d")), False),
        (dispensed(whenHandedOver="2025-11-01"), False),
        (dispensed(status="cancelled", whenHandedOver="2026-05-30"), False),
        (stopped(status="not-taken"), False),
    ],
)
def test_an_end_that_nobody_dated_is_open(record: Json, expected: bool | None) -> None:
    assert ended_recently(record) is expected


def out_of_date(instruction: Json, dispense: Json | None = None) -> Json:
    """An active order of an opioid with the times it was for."""
    made = order("7804", "active", {}, start="2025-06-01") | {"dosageInstruction": [instruction]}
    return made | {"dispenseRequest": {"validityPeriod": dispense}} if dispense else made


def until(end: str) -> Json:
    return {"timing": {"repeat": {"boundsPeriod": {"start": "2025-06-01", "end": end}}}}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (out_of_date({}, {"end": "2026-02-01"}), None),
        (out_of_date({}, {"end": "2025-07-01"}), None),
        (out_of_date(until("2026-05-01")), None),
        (out_of_date(until("2025-08-01"), {"end": "2025-07-01"}), None),
        (out_of_date(until("2026-05-28")), True),
    ],
)
def test_an_active_order_whose_time_is_over_proves_no_end(record: Json, expected: bool | None) -> None:
    found = evaluation_of([record])
    assert found.define(OPIOIDS, "Opioid Ended Recently") is expected
    if expected is None:
        assert "oxycodone" in found.define(OPIOIDS, "Note On Entries Left Open")
        denied = answer("opioidEndedRecently", NO, "2026-05-20", "care-and-lists")
        assert ended_recently(record, denied) is False


def test_an_active_order_whose_time_is_over_still_warns_of_a_benzodiazepine() -> None:
    lorazepam = order("6470", "draft", {})
    found = evaluation_of([out_of_date({}, {"end": "2026-02-01"})], drafts=[lorazepam])
    assert found.define("MastCellSafetyOverlay", "Benzodiazepine Meets Opioid") is True


NO, YES = {"valueBoolean": False}, {"valueBoolean": True}


@pytest.mark.parametrize(
    ("record", "value", "at", "expected"),
    [
        (order("7804", "stopped", {}, start="2025-12-01"), NO, "2026-05-20", False),
        (order("7804", "stopped", {}, start="2025-12-01"), NO, "2025-11-20", None),
        (order("7804", "stopped", {}, start="2020-12-01"), NO, "2025-11-20", None),
        (stopped(dateAsserted=YESTERDAY), NO, "2026-05-20", None),
        (stopped(dateAsserted=YESTERDAY), NO, "2026-06-01", False),
        (dispensed(), NO, "2026-05-20", False),
        (dispensed(whenHandedOver="2026-05-17"), NO, "2026-05-16", None),
        (dispensed(whenHandedOver="2026-05-25"), NO, "2026-05-28", True),
        (None, YES, "2026-05-25", True),
        (None, YES, "2026-04-25", None),
        (None, NO, "2026-05-25", False),
    ],
)
def test_an_answer_settles_what_the_record_leaves_open(record: Json | None, value: Json, at: str, expected: bool | None) -> None:
    given = [record] if record is not None else []
    assert ended_recently(*given, answer("opioidEndedRecently", value, at, "care-and-lists")) is expected


def test_an_opioid_that_is_intended_is_not_ruled_out() -> None:
    reviewed = answer("medicationListReviewed", YES, "2026-05-20", "care-and-lists")
    assert evaluation_of([reviewed]).define("MastCellMedicationElements", "On Opioid") is False
    intended = evaluation_of([reviewed, stopped(status="intended")])
    assert intended.define("MastCellMedicationElements", "On Opioid") is None
    assert "oxycodone (intended)" in intended.define(OPIOIDS, "Note On Entries Left Open")


def diagnosis(words: str | None = None, code: str | None = None, clinical: str = "active", verified: str = "confirmed") -> Json:
    system = "http://terminology.hl7.org/CodeSystem/condition-"
    coding = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}]} if code else {}
    return {
        "resourceType": "Condition", "id": "c", "subject": SUBJECT, "code": ({"text": words} if words else {}) | coding,
        "clinicalStatus": {"coding": [{"system": f"{system}clinical", "code": clinical}]},
        "verificationStatus": {"coding": [{"system": f"{system}ver-status", "code": verified}]},
    }  # fmt: skip


def dependence(entry: Json) -> object:
    return evaluation_of([entry]).define(OPIOIDS, "Opioid Dependence On Record")


@pytest.mark.parametrize("code", ["F11.10", "F11.13", "F11.20", "F11.23", "F11.24", "F11.93", "F11.99"])
def test_every_diagnosis_of_the_chapter_counts(code: str) -> None:
    assert dependence(diagnosis(code=code)) is True
    assert dependence(diagnosis(code=code, clinical="remission")) is None
    assert dependence(diagnosis(code=code, verified="refuted")) is False


@pytest.mark.parametrize(
    "entry",
    [
        diagnosis(code="F11.21"),
        diagnosis(code="F11.11"),
        diagnosis("Opioid dependence in remission", "F11.20"),
        diagnosis("Opioid use disorder, severe"),
        diagnosis("Chronic, continuous use of opioids"),
        diagnosis("On methadone maintenance therapy"),
        diagnosis("Suboxone maintenance"),
        diagnosis("Opioid-induced constipation"),
        diagnosis("Heroin addiction"),
        diagnosis(code="F11.20", clinical="resolved"),
        diagnosis(code="F11.20", clinical="inactive"),
        diagnosis("Opioid use disorder", clinical="resolved"),
        diagnosis("Drug addiction"),
        diagnosis("Polysubstance abuse"),
        diagnosis("Substance use disorder, severe"),
    ],
)
def test_remission_and_words_leave_it_open(entry: Json) -> None:
    assert dependence(entry) is None
    assert evaluation_of([entry]).define(OPIOIDS, "Note On Entries Left Open") is not None


@pytest.mark.parametrize(
    "words",
    ["No opioid use disorder", "Denies opioid abuse", "Allergy to codeine", "Alcohol dependence", "Nicotine dependence",
     "Cannabis use disorder", "Adverse effect of opioid", "Screening for opioid use disorder",
     "No history of drug abuse", "Family history of substance use disorder",
     "Drug-induced liver disorder"],
)  # fmt: skip
def test_other_words_do_not(words: str) -> None:
    assert dependence(diagnosis(words)) is False


def given(
    drug: str = "7052", *, at: str = "", start: str = "", end: str = "", status: str = "completed", words: str = ""
) -> Json:
    period = ({"start": start} if start else {}) | ({"end": end} if end else {})
    return {
        "resourceType": "MedicationAdministration", "id": "a", "subject": SUBJECT, "status": status,
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": drug}], "text": words or "an opioid"},
        **({"effectiveDateTime": at} if at else {}), **({"effectivePeriod": period} if period else {}),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (given(start="2026-05-12"), None),
        (given(start="2026-05-12", status="stopped"), None),
        (given(start="2025-05-12"), None),
        (given(start="2026-05-28"), True),
        (given(start="2026-05-12", end="2026-05-29"), True),
        (given(start="2026-04-01", end="2026-04-02"), False),
        (given(at="2026-05-22"), True),
        (given(at="2026-05-21"), None),
        (given(at="2026-04-27"), None),
        (given(at="2026-04-26"), False),
        (given("245134", at="2026-05-21", words="72 HR fentanyl 0.025 MG/HR Transdermal System"), None),
        (given("1819", at="2026-04-15", words="buprenorphine implant"), None),
        (given("1819", at="2025-12-01", words="Probuphine"), None),
        (given("1819", at="2025-10-01", words="Probuphine"), False),
    ],
)
def test_an_opioid_that_was_given_may_still_act(record: Json, expected: bool | None) -> None:
    """The form is not read, and a period without an end did not end on its first day."""
    assert ended_recently(record) is expected
    if expected is None:
        assert evaluation_of([record]).define(OPIOIDS, "Note On Entries Left Open") is not None
        assert ended_recently(record, answer("opioidEndedRecently", NO, YESTERDAY, "care-and-lists")) is False


def test_an_answer_of_before_the_start_settles_no_open_period() -> None:
    asked = answer("opioidEndedRecently", NO, "2026-05-11", "care-and-lists")
    assert ended_recently(given(start="2026-05-12"), asked) is None

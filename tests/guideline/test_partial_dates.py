"""A date without a day, or without a month, may lie on either side of a limit: what rests on it is unknown, with the reason."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from .test_doubtful_data import count, example, outcome, quantity
from .test_elements import med, obs, value_of

Json = dict[str, Any]
COUNTS = "MastCellMidostaurinCounts"
ANC = "Absolute Neutrophil Count"


def decided(bundle: Json) -> dict[str, Json]:
    """The recommendations of the dose plan by action id."""
    found = outcome(bundle)["recommendations"]
    return {r["id"].partition("#")[2]: r for r in found if r["id"].startswith("midostaurin-dose-modification#")}


def first_count(bundle: Json) -> Json:
    """The neutrophil count from before midostaurin, which began on 2026-04-01."""
    (found,) = [e["resource"] for e in bundle["entry"] if e["resource"].get("id") == "observation-1"]
    return found


@pytest.mark.parametrize("value", [0.8, 1.8])
@pytest.mark.parametrize("taken", ["2026-05", "2026"])
def test_a_count_of_a_month_is_not_fresh(taken: str, value: float) -> None:
    bundle = example()
    count(bundle).update(quantity(value=value), effectiveDateTime=taken)
    found = decided(bundle)
    assert found["interrupt-anc"]["status"] == "unknown"
    assert found["continue-present-dose"]["status"] != "applies"
    if taken == "2026-05":  # one of a year may be older than the one before it
        assert any("The neutrophil count of 2026-05 may be too old" in note for note in found["interrupt-anc"]["notes"])


def test_a_count_too_old_or_implausible_says_so_in_a_note() -> None:
    for changes, words in (
        ({"effectiveDateTime": "2026-05-17"}, "of 2026-05-17 is too old for a dose decision: a count may be as old as 14 days"),
        (quantity(value=150), "cannot be true: below zero, or above 100.0 10*9/L"),
    ):
        bundle = example()
        count(bundle).update(changes)
        notes = decided(bundle)["interrupt-anc"]["notes"]
        assert any(words in note for note in notes), notes


@pytest.mark.parametrize(("day", "fresh"), [(7, True), (8, None), (31, None), (32, False)])
def test_without_a_start_only_what_holds_in_every_week_is_fresh(day: int, fresh: bool | None) -> None:
    data = [
        obs(ANC, "1.8 10*9/L", at=f"2026-{'05-25' if day == 7 else '05-24' if day == 8 else '05-01' if day == 31 else '04-30'}")
    ]
    assert (value_of(COUNTS, "ANC", data) is not None) == (fresh is True)
    said = value_of(COUNTS, "Why ANC Is Not Used", data)
    assert {True: said is None, None: "may be too old" in str(said), False: "is too old" in str(said)}[fresh]


@pytest.mark.parametrize(("taken", "known"), [("2026-04", False), ("2026-03", True), ("2026-04-01", True)])
def test_a_count_that_may_be_after_the_start_is_no_baseline(taken: str, known: bool) -> None:
    bundle = example()
    first_count(bundle)["effectiveDateTime"] = taken
    found = decided(bundle)
    assert found["interrupt-anc"]["status"] == ("applies" if known else "unknown")
    assert (found["find-anc-baseline"]["status"] == "applies") == (not known)
    said = " ".join(found["find-anc-baseline"].get("notes", []))
    assert (f"dated {taken}, midostaurin began on 2026-04-01: it may be from after the start" in said) == (not known)


@pytest.mark.parametrize(
    ("later", "value", "known"),
    [("2026-04", "2.1", True), ("2026-04", "1.2", False), ("2026-02", "1.2", True), ("2026-04-01T09:00:00Z", "1.2", True)],
)
def test_a_second_count_that_may_be_the_baseline_must_agree(later: str, value: str, known: bool) -> None:
    data = [
        med("Midostaurin", dose="100 mg 2/d") | {"start": "2026-04-01"},
        obs(ANC, "2.1 10*9/L", at="2026-03-28"),
        obs(ANC, f"{value} 10*9/L", at=later),
    ]
    assert (value_of(COUNTS, "ANC Baseline", data) is not None) == known


def test_without_a_start_the_baseline_is_asked_for_and_says_that_it_hangs_on_the_start() -> None:
    bundle = example()
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "MedicationRequest":
            entry["resource"].pop("authoredOn", None)
    found = decided(bundle)
    (missing,) = found["interrupt-anc"]["missing"]
    assert missing["element"] == "ancBaseline"
    assert missing["because"] == ["cannot be found while this is not known: Start of midostaurin"]
    assert any("When midostaurin began is not on record" in note for note in found["find-anc-baseline"]["notes"])


def test_without_a_start_a_count_that_cannot_have_been_low_for_too_long_is_no_reason_to_discontinue() -> None:
    bundle = example()
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "MedicationRequest":
            entry["resource"].pop("authoredOn", None)
    assert decided(bundle)["discontinue-anc"]["status"] == "does-not-apply"
    first_count(bundle)["valueQuantity"]["value"] = Decimal("0.3")  # low since 2026-03-28, if midostaurin began before that
    found = decided(bundle)["discontinue-anc"]
    assert found["status"] == "unknown"
    assert "midostaurinStart" in {m["element"] for m in found["missing"]}


def test_how_long_a_count_was_low_is_told_for_the_band_of_the_patient_alone() -> None:
    shown = [e["display"] for e in decided(example())["discontinue-anc"]["evidence"]]
    assert not [d for d in shown if "0.5" in d or "reported range" in d], shown


def test_a_baseline_too_old_is_named() -> None:
    bundle = example()
    first_count(bundle)["effectiveDateTime"] = "2010-01-01"
    said = " ".join(decided(bundle)["find-anc-baseline"]["notes"])
    assert "The neutrophil count of 2010-01-01 is more than 365 days older than the start of midostaurin" in said


def test_a_sample_of_a_month_does_not_prove_how_long_a_count_was_low() -> None:
    began = med("Midostaurin", dose="100 mg 2/d") | {"start": "2026-04-01"}
    low = [obs(ANC, "0.4 10*9/L", at=at) for at in ("2026-05-03", "2026-06-01")]
    assert value_of(COUNTS, "Days With Neutrophils Below 0.5", [began, *low]) == 29
    between = obs(ANC, "1.8 10*9/L", at="2026-05")
    assert value_of(COUNTS, "Days With Neutrophils Below 0.5", [began, *low, between]) == 0
    first = obs(ANC, "0.4 10*9/L", at="2026-04")
    assert value_of(COUNTS, "Days With Neutrophils Below 0.5", [began | {"start": "2026-03-31"}, first, low[1]]) == 32
    assert value_of(COUNTS, "Days With Neutrophils Below 0.5", [began, first, low[1]]) == 0
    normal = obs(ANC, "1.8 10*9/L", at="2026-04")
    assert (
        value_of(COUNTS, "Days With Neutrophils Below 0.5", [began, normal, obs(ANC, "0.4 10*9/L", at="2026-04-05"), low[1]]) == 0
    )
    assert value_of(COUNTS, "Days With Neutrophils Possibly Low", [began, between, low[1]]) == 31


def test_elsewhere() -> None:
    month = {"at": "2025-12"}
    assert value_of("MastCellMedicationElements", "On Opioid", [{"reviewed": "medications", **month}]) is None
    answer = {"answers": "care-and-lists", "medicationListReviewed": True}
    assert value_of("MastCellMedicationElements", "On Opioid", [answer | month]) is None
    gfr = ("loinc|62238-1", "20 mL/min/{1.73_m2}")
    later = obs("loinc|62238-1", "90 mL/min/{1.73_m2}", at="2025-07-01")
    assert value_of("MastCellLabElements", "Has Renal Insufficiency", [obs(*gfr, at="2025"), later]) is None
    steroid = med("Prednisone") | {"start": "2026-03"}
    assert value_of("MastCellTherapyElements", "Corticosteroid Is Long Term", [steroid]) is None
    old = {"answers": "clinical-course", "organDamage": True, "at": "2025-06"}
    said = value_of("MastCellAttestationElements", "Organ Damage Attested", [old])
    assert said is True


def test_an_answer_of_the_month_of_a_new_dose_may_be_from_before_it() -> None:
    began = med("Midostaurin", dose="50 mg 2/d") | {"start": "2026-05-10"}
    answer = {"answers": "midostaurin-assessment", "midostaurinTolerated": True}
    for at, expected in (("2026-05", None), ("2026-05-09", None), ("2026-05-10", True)):
        assert value_of("MastCellMidostaurinElements", "Midostaurin Tolerated", [began, answer | {"at": at}]) is expected, at

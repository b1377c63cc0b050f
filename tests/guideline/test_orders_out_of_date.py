"""Active orders whose time is over: they make a drug doubtful, and prove no end of one that still matters."""

from __future__ import annotations

from typing import Any

import pytest

from .evaluating import RXNORM, evaluation_of, order
from .test_findings_in_doubt import INDOLENT, of_the_case, shown

Json = dict[str, Any]
MIDOSTAURIN = "1919083"
MEDICATIONS, COURSE, NOTES = "MastCellMedicationElements", "MastCellMidostaurinElements", "MastCellProposalNotes"
LAPSED: Json = {"dispenseRequest": {"validityPeriod": {"end": "2026-01-01"}}}
OVERRUN: Json = {"dosageInstruction": [{"timing": {"repeat": {"boundsPeriod": {"start": "2025-06-01", "end": "2026-01-01"}}}}]}


def active(code: str, over: Json) -> Json:
    return order(code, "active", {}, start="2025-06-01") | over


@pytest.mark.parametrize("over", [LAPSED, OVERRUN])
def test_midostaurin_counts_as_taken(over: Json) -> None:
    found = evaluation_of([active(MIDOSTAURIN, over)])
    assert found.define(COURSE, "Is On Midostaurin") is True
    assert found.define(COURSE, "Midostaurin Is Given") is True
    assert found.define(MEDICATIONS, "On Cytoreductive Drug") is True


@pytest.mark.parametrize(
    ("code", "name"),
    [("8787", "On Beta Blocker"), ("6470", "Benzodiazepine Is Possibly In Use"), ("7243", "Naltrexone Is Possibly In Use"),
     ("2670", "On Morphine Or Codeine"), ("5640", "On NSAID"), ("9143", "On Ranitidine"),
     ("3498", "First Generation H1 Antihistamine Is Possibly In Use")],
)  # fmt: skip
def test_warnings_stay(code: str, name: str) -> None:
    assert evaluation_of([active(code, LAPSED)]).define(MEDICATIONS, name) is True


@pytest.mark.parametrize("over", [LAPSED, OVERRUN])
def test_a_drug_to_be_added_is_not_taken_for_in_place(over: Json) -> None:
    assert evaluation_of([active("4278", over)]).define(MEDICATIONS, "On H2 Antihistamine") is False


@pytest.mark.parametrize("over", [LAPSED, OVERRUN])
def test_a_drug_that_is_proposed_again_says_what_is_on_record(over: Json) -> None:
    found = evaluation_of([active("4278", over)])
    said = found.define(NOTES, "H2 Antihistamine Out Of Date")
    assert said == (
        "On record, but out of date: code 4278 (ordered 2025-06-01). Ask whether it is still taken before it is started again."
    )
    assert evaluation_of([]).define(NOTES, "H2 Antihistamine Out Of Date") is None
    again = order("4278", "active", {}, id="n", start="2026-04-01")
    assert evaluation_of([active("4278", over), again]).define(NOTES, "H2 Antihistamine Out Of Date") is None


@pytest.mark.parametrize("over", [LAPSED, OVERRUN])
def test_midostaurin_out_of_date_is_said(over: Json) -> None:
    said = evaluation_of([active(MIDOSTAURIN, over)]).define(COURSE, "Note On Midostaurin Out Of Date")
    assert "(ordered 2025-06-01). Confirm that it is still taken." in said
    for resources in ([], [order(MIDOSTAURIN)], [active(MIDOSTAURIN, over), order(MIDOSTAURIN, id="n")]):
        assert evaluation_of(resources).define(COURSE, "Note On Midostaurin Out Of Date") is None


@pytest.mark.parametrize(
    ("given", "used"),
    [("2026-05-20", True), ("2026-05", True), ("2026-04", None), ("2026-03", False), ("2026-04-01", False), ("", None)],
)
def test_a_dose_that_was_given_counts_for_a_time(given: str, used: bool | None) -> None:
    """A month alone may leave it open: then it is neither in use nor past, and what proposes the drug says so."""
    drug = {"coding": [{"system": RXNORM, "code": "302379"}]}
    resource: Json = {
        "resourceType": "MedicationAdministration",
        "id": "m",
        "status": "completed",
        "subject": {"reference": "Patient/p"},
    }
    resource |= {"medicationCodeableConcept": drug} | ({"effectiveDateTime": given} if given else {})
    found = evaluation_of([resource])
    assert found.define(MEDICATIONS, "On Omalizumab") is (used is True)
    assert (found.define(NOTES, "Omalizumab Out Of Date") is not None) == (used is None)
    assert [r["state"] for r in found.define("MastCellMedicationRecords", "Medication Records")] == [
        {True: "current", None: "lapsed", False: "past"}[used]
    ]


def test_another_cytoreductive_drug_out_of_date_is_said() -> None:
    """By a record out of date it counts as in use: neither proposed anew nor passed over in silence."""
    found = evaluation_of([active("44157", LAPSED)])
    assert found.define(MEDICATIONS, "On Cladribine") is True
    said = found.define(NOTES, "Cytoreductive Drug Out Of Date")
    assert said.startswith("Treated as in use, but the record of it is out of date: ")
    assert said.endswith("(ordered 2025-06-01). Confirm that it is still taken.")
    again = order("44157", id="n")
    for resources in ([], [again], [active("44157", LAPSED), again]):
        assert evaluation_of(resources).define(NOTES, "Cytoreductive Drug Out Of Date") is None


def test_a_first_generation_antihistamine_out_of_date_is_said() -> None:
    found = evaluation_of([active("3498", LAPSED)])
    assert "(ordered 2025-06-01)" in found.define(NOTES, "First Generation H1 Antihistamine Out Of Date")


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"boundsPeriod": {"start": "2026-06-01", "end": "2026-12-01"}}, True),
        ({"boundsPeriod": {"start": "2026-06-01", "end": "2026-08-31"}}, True),
        ({"boundsPeriod": {"start": "2026-06-01", "end": "2026-08-30"}}, False),
        ({"boundsDuration": {"value": 6, "code": "mo", "system": "http://unitsofmeasure.org"}}, True),
        ({"boundsDuration": {"value": 5, "code": "d", "system": "http://unitsofmeasure.org"}}, False),
        ({}, False),
    ],
)
def test_a_corticosteroid_ordered_for_long_is_long_term(bounds: Json, expected: bool) -> None:
    times = {"frequency": 1, "period": 1, "periodUnit": "d"}
    draft = order("312615", "draft", start="2026-06-01", dosage=[{"timing": {"repeat": {**times, **bounds}}}])
    assert evaluation_of([], drafts=[draft]).define("OrderGuardsLogic", "Corticosteroid Is Long Term") is expected


def days(value: int, unit: str = "d") -> Json:
    return {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


@pytest.mark.parametrize(
    ("supply", "expected"),
    [
        ({"expectedSupplyDuration": days(180)}, True),
        ({"expectedSupplyDuration": days(91)}, True),
        ({"expectedSupplyDuration": days(90)}, False),
        ({"expectedSupplyDuration": days(30), "numberOfRepeatsAllowed": 5}, True),
        ({"expectedSupplyDuration": days(30), "numberOfRepeatsAllowed": 2}, False),
        ({"expectedSupplyDuration": days(4, "mo")}, True),
        ({"expectedSupplyDuration": days(1, "a")}, True),
        ({"expectedSupplyDuration": {"value": 180, "unit": "days"}}, True),
        ({"numberOfRepeatsAllowed": 5}, False),
    ],
)
def test_a_corticosteroid_supplied_for_long_is_long_term(supply: Json, expected: bool) -> None:
    """What may be dispensed in all, unless the instruction ends before."""
    draft = order("312615", "draft", start="2026-06-01", dispenseRequest=supply)
    assert evaluation_of([], drafts=[draft]).define("OrderGuardsLogic", "Corticosteroid Is Long Term") is expected
    short = [{"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d", "boundsDuration": days(5)}}}]
    draft = order("312615", "draft", start="2026-06-01", dispenseRequest=supply, dosage=short)
    assert evaluation_of([], drafts=[draft]).define("OrderGuardsLogic", "Corticosteroid Is Long Term") is False


@pytest.mark.parametrize(
    ("period", "possible"),
    [({"start": "2026-05-12"}, True), ({"start": "2026-05-12", "end": "2026-05-13"}, False), ({"start": "2026-06-01"}, True)],
)
def test_a_period_without_an_end_did_not_end_at_its_start(period: Json, possible: bool) -> None:
    resource: Json = {
        "resourceType": "MedicationAdministration", "id": "m", "status": "completed", "subject": {"reference": "Patient/p"},
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": "35827"}]}, "effectivePeriod": period,
    }  # fmt: skip
    assert evaluation_of([resource]).define(MEDICATIONS, "On NSAID") is possible


@pytest.mark.parametrize("leaf", ["h1-cetirizine", "h1-first-generation"])
def test_a_choice_of_a_group_says_what_is_out_of_date(leaf: str) -> None:
    """The group gives no outcome of its own: what stands beside it alone is never shown."""
    found = shown(INDOLENT, of_the_case(active("20610", LAPSED)))[f"indolent-anti-mediator-therapy#{leaf}"]
    assert any("out of date: code 20610 (ordered 2025-06-01)" in note for note in found["notes"])

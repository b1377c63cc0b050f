"""Active orders whose time is over: they make a drug doubtful, and prove no end of one that still matters."""

from __future__ import annotations

from datetime import date, timedelta
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


WARNINGS = [
    ("8787", "On Beta Blocker", "Beta Blocker"), ("6470", "Benzodiazepine Is Possibly In Use", "Benzodiazepine"),
    ("7243", "Naltrexone Is Possibly In Use", "Naltrexone"), ("2670", "On Morphine Or Codeine", "Morphine Or Codeine"),
    ("5640", "On NSAID", "NSAID"), ("9143", "On Ranitidine", "Ranitidine"), ("2670", "Opioid Is Possibly In Use", "Opioid"),
    ("3498", "First Generation H1 Antihistamine Is Possibly In Use", "First Generation H1 Antihistamine"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "name", "drug"), WARNINGS)
def test_warnings_stay(code: str, name: str, drug: str) -> None:
    """Also on hold; what does not say whether it is taken leaves them open, and is named."""
    assert evaluation_of([active(code, LAPSED)]).define(MEDICATIONS, name) is True
    held = evaluation_of([order(code, "on-hold")])
    assert held.define(MEDICATIONS, name) is True
    assert "ordered 2026-03-01; on hold" in held.define(MEDICATIONS, f"{drug} In Doubt")
    unknown = evaluation_of([order(code, "unknown")])
    assert unknown.define(MEDICATIONS, name) is None
    assert "ordered 2026-03-01; status unknown" in unknown.define(MEDICATIONS, f"{drug} In Doubt")
    over = evaluation_of([order(code, "unknown") | OVERRUN])
    assert over.define(MEDICATIONS, name) is False
    assert over.define(MEDICATIONS, f"{drug} In Doubt") is None
    assert evaluation_of([order(code, "unknown"), order(code, id="n")]).define(MEDICATIONS, name) is True


@pytest.mark.parametrize("over", [LAPSED, OVERRUN])
def test_a_drug_to_be_added_is_not_taken_for_in_place(over: Json) -> None:
    assert evaluation_of([active("4278", over)]).define(MEDICATIONS, "On H2 Antihistamine") is False


@pytest.mark.parametrize("over", [LAPSED, OVERRUN])
def test_a_drug_that_is_proposed_again_says_what_is_on_record(over: Json) -> None:
    found = evaluation_of([active("4278", over)])
    said = found.define(NOTES, "H2 Antihistamine Out Of Date")
    assert said == (
        "On record, but out of date: Famotidine (ordered 2025-06-01). Ask whether it is still taken before it is started again."
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
        ({"boundsDuration": {"value": 26, "unit": "Weeks"}}, True),
        ({"boundsDuration": {"value": 120, "code": "{d}", "unit": "Day"}}, True),
        ({"boundsRange": {"low": {"value": 30, "unit": "days"}, "high": {"value": 91, "unit": "days"}}}, True),
        ({"boundsRange": {"high": {"value": 90, "unit": "days"}}}, False),
        ({"boundsRange": {"low": {"value": 91, "unit": "days"}}}, True),
        ({"count": 91}, True),
        ({"count": 90}, False),
        ({"count": 180, "frequency": 2}, False),
        ({"count": 60, "countMax": 182, "frequency": 2}, True),
        ({}, None),
    ],
)
def test_a_corticosteroid_ordered_for_long_is_long_term(bounds: Json, expected: bool | None) -> None:
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
        ({"expectedSupplyDuration": {"value": 120, "unit": "Days"}}, True),
        ({"expectedSupplyDuration": {"value": 14, "unit": "weeks"}}, True),
        ({"expectedSupplyDuration": {"value": 12, "unit": "Weeks"}}, False),
        ({"expectedSupplyDuration": {"value": 1, "unit": "yr"}}, True),
        ({"numberOfRepeatsAllowed": 5}, None),
    ],
)
def test_a_corticosteroid_supplied_for_long_is_long_term(supply: Json, expected: bool | None) -> None:
    """What may be dispensed in all, unless the instruction ends before."""
    draft = order("312615", "draft", start="2026-06-01", dispenseRequest=supply)
    assert evaluation_of([], drafts=[draft]).define("OrderGuardsLogic", "Corticosteroid Is Long Term") is expected
    short = [{"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d", "boundsDuration": days(5)}}}]
    draft = order("312615", "draft", start="2026-06-01", dispenseRequest=supply, dosage=short)
    assert evaluation_of([], drafts=[draft]).define("OrderGuardsLogic", "Corticosteroid Is Long Term") is False


TABLETS: Json = {"value": 1, "unit": "tablet"}
TWENTY: Json = {"value": 20, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}


@pytest.mark.parametrize(
    ("dose", "times", "supply", "expected"),
    [
        (TABLETS, 1, {"quantity": {"value": 91, "unit": "TAB"}}, True),
        (TABLETS, 1, {"quantity": {"value": 90, "unit": "tablets"}}, False),
        (TABLETS, 2, {"quantity": {"value": 91, "unit": "tablets"}}, False),
        (TABLETS, 2, {"quantity": {"value": 91, "unit": "tablets"}, "numberOfRepeatsAllowed": 1}, True),
        (TWENTY, 1, {"quantity": {"value": 2000, "unit": "mg"}}, True),
        (TWENTY, 1, {"quantity": {"value": 200, "unit": "tablets"}}, None),
        ({"value": 5, "unit": "mL"}, 1, {"quantity": {"value": 500, "unit": "ml"}}, True),
        ({"value": 5, "unit": "mL"}, 1, {"quantity": {"value": 500, "unit": "g"}}, None),
    ],
)
def test_a_quantity_lasts_as_long_as_it_is_taken(dose: Json, times: int, supply: Json, expected: bool | None) -> None:
    """Where the tablets and the dose cannot be compared, nobody can tell."""
    taken = {"timing": {"repeat": {"frequency": times, "period": 1, "periodUnit": "d"}}, "doseAndRate": [{"doseQuantity": dose}]}
    draft = order("8640", "draft", start="2026-06-01", dispenseRequest=supply, dosage=[taken])
    assert evaluation_of([], drafts=[draft]).define("OrderGuardsLogic", "Corticosteroid Is Long Term") is expected


def lasting(count: int, name: str, *, start: str = "") -> Json:
    """A draft for so many days; with its own first day, or in days only."""
    end = (date.fromisoformat(start) + timedelta(days=count)).isoformat() if start else ""
    bounds = {"boundsPeriod": {"start": start, "end": end}} if start else {"boundsDuration": days(count)}
    return order("8640", "draft", id=name, start="2026-06-01", dosage=[{"timing": {"repeat": bounds}}])


@pytest.mark.parametrize(
    ("drafts", "expected"),
    [
        ([lasting(60, "a"), lasting(30, "b")], False),
        ([lasting(60, "a"), lasting(31, "b")], True),
        ([lasting(60, "a", start="2026-06-01"), lasting(60, "b", start="2026-06-01")], False),
        ([lasting(60, "a", start="2026-06-01"), lasting(60, "b", start="2026-07-31")], True),
        ([lasting(60, "a", start="2026-06-01"), lasting(60, "b", start="2026-07-01")], False),
        ([lasting(60, "a", start="2026-06-01"), lasting(61, "b", start="2026-07-02")], True),
        ([lasting(60, "a", start="2026-06-01"), lasting(60, "b", start="2026-12-01")], False),
    ],
)
def test_corticosteroids_being_ordered_count_together(drafts: list[Json], expected: bool) -> None:
    """One after the other, unless their dates say that they overlap, or that there is a time between them."""
    found = evaluation_of([], drafts=drafts)
    assert found.define("OrderGuardsLogic", "Corticosteroid Is Long Term") is expected
    assert "All corticosteroid orders count together" in found.define("OrderGuardsLogic", "Note On Long Term")


@pytest.mark.parametrize(("since", "expected"), [("2026-03-10", True), ("2026-05-20", False)])
def test_what_is_taken_already_counts_with_what_is_ordered(since: str, expected: bool) -> None:
    found = evaluation_of([order("8640", start=since)], drafts=[lasting(30, "a")])
    assert found.define("OrderGuardsLogic", "Corticosteroid Is Long Term") is expected
    alone = evaluation_of([order("8640", start=since)]).define("OrderGuardsLogic", "Corticosteroid Is Long Term")
    assert alone is False


def test_instructions_that_follow_each_other_are_a_taper() -> None:
    steps = [{"sequence": n, "timing": {"repeat": {"boundsDuration": days(31)}}} for n in (1, 2, 3)]
    long, side_by_side = order("8640", "draft", start="2026-06-01", dosage=steps), [{**step, "sequence": 1} for step in steps]
    short = order("8640", "draft", start="2026-06-01", dosage=side_by_side)
    for draft, expected in ((long, True), (short, False)):
        assert evaluation_of([], drafts=[draft]).define("OrderGuardsLogic", "Corticosteroid Is Long Term") is expected
    begun = order("8640", start="2026-04-01", dosage=steps)
    assert evaluation_of([begun]).define(MEDICATIONS, "On Systemic Corticosteroid") is True


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
    assert any("out of date: Cetirizine (ordered 2025-06-01)" in note for note in found["notes"])

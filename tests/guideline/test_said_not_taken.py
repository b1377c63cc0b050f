"""An order in use, and a later statement that the drug is not taken: like an order out of date, where it is proposed."""

from __future__ import annotations

from typing import Any

import pytest

from .evaluating import RXNORM, evaluation_of, order

Json = dict[str, Any]
MEDICATIONS, NOTES, THERAPIES = "MastCellMedicationElements", "MastCellProposalNotes", "MastCellTherapyElements"
PROPOSED = {
    "20610": ("On H1 Antihistamine", "H1 Antihistamine Out Of Date"),
    "4278": ("On H2 Antihistamine", "H2 Antihistamine Out Of Date"),
    "42612": ("On Oral Cromolyn", "Cromolyn Out Of Date"),
    "88249": ("On Leukotriene Modifier", "Leukotriene Modifier Out Of Date"),
    "1191": ("On Aspirin", "Aspirin Out Of Date"),
    "8640": ("On Systemic Corticosteroid", "Corticosteroid Out Of Date"),
    "302379": ("On Omalizumab", "Omalizumab Out Of Date"),
    "46041": ("On Bisphosphonate", "Bisphosphonate Out Of Date"),
    "993449": ("On Denosumab", "Denosumab Out Of Date"),
    "7243": ("On Naltrexone", "Naltrexone Out Of Date"),
}


def said(code: str, at: str = "2026-05-20", status: str = "not-taken", called: str = "", reason: str = "never filled") -> Json:
    drug: Json = {"text": called} if called else {"coding": [{"system": RXNORM, "code": code}]}
    return {
        "resourceType": "MedicationStatement", "id": "s", "status": status, "subject": {"reference": "Patient/p"},
        "medicationCodeableConcept": drug, "statusReason": [{"text": reason}], **({"dateAsserted": at} if at else {}),
    }  # fmt: skip


@pytest.mark.parametrize("code", PROPOSED)
def test_what_is_said_not_to_be_taken_since_is_proposed_again_with_a_note(code: str) -> None:
    used, note = PROPOSED[code]
    for at, shown in (("2026-05-20", "2026-05-20"), ("", "on an unknown day")):
        found = evaluation_of([order(code), said(code, at)])
        assert found.define(MEDICATIONS, used) is False
        assert f"(ordered 2026-03-01; not taken {shown}, by a statement)" in found.define(NOTES, note)
    for at in ("2026-03-01", "2026-02-20"):
        assert evaluation_of([order(code), said(code, at)]).define(MEDICATIONS, used) is True
    again = order(code, id="n", start="2026-05-25")
    assert evaluation_of([order(code), said(code), again]).define(MEDICATIONS, used) is True


@pytest.mark.parametrize("code", PROPOSED)
def test_a_stop_or_an_end_that_is_certainly_later_counts_like_not_taken(code: str) -> None:
    used, note = PROPOSED[code]
    for how, statement in (("stopped", said(code, status="stopped")), ("completed", completed(code, "2026-01-01"))):
        found = evaluation_of([order(code), statement])
        assert found.define(MEDICATIONS, used) is False
        assert f"(ordered 2026-03-01; {how} 2026-05-20, by a statement)" in found.define(NOTES, note)
    for statement in (said(code, "2026-03-01", "stopped"), said(code, "", "stopped"), said(code, status="completed")):
        assert evaluation_of([order(code), statement]).define(MEDICATIONS, used) is True


def completed(code: str, start: str, end: str = "2026-05-20") -> Json:
    return said(code, "", "completed", reason="") | {"effectivePeriod": {"start": start, "end": end}}


@pytest.mark.parametrize("code", PROPOSED)
def test_a_completed_course_that_began_after_the_order_does_not_end_it_and_is_told(code: str) -> None:
    used, note = PROPOSED[code]
    for start in ("2026-03-02", "2026-05-20"):
        found = evaluation_of([order(code, called="the drug"), completed(code, start)])
        assert found.define(MEDICATIONS, used) is True
        told = "the drug (ordered 2026-03-01; a later course of it ended 2026-05-20, by a statement)"
        assert found.define(NOTES, note) == f"In use by one record, but: {told}. Ask whether it is still taken."
    ahead = evaluation_of([order(code), completed(code, "2026-05-20", "2026-06-20")])
    assert (ahead.define(MEDICATIONS, used), ahead.define(NOTES, note)) == (True, None)


@pytest.mark.parametrize(
    ("statement", "long"),
    [
        (None, True), (completed("8640", "2025-09-01"), True), (completed("8640", "2025-06-01"), None),
        (said("8640"), None), (said("8640", status="stopped"), None), (said("8640", "2025-05-01", "stopped"), True),
    ],
)  # fmt: skip
def test_long_term_use_of_a_corticosteroid_is_not_denied_by_a_contradiction(statement: Json | None, long: bool | None) -> None:
    found = evaluation_of([order("8640", start="2025-06-01"), *([statement] if statement else [])])
    assert found.define(THERAPIES, "Corticosteroid Is Long Term") is long
    told = found.define("OrderGuardsLogic", "Note On Corticosteroid Contradicted")
    assert (told or "").startswith("The record contradicts itself: ") is (long is None)
    short = evaluation_of([order("8640", start="2026-04-01"), said("8640")])
    assert short.define(THERAPIES, "Corticosteroid Is Long Term") is False


@pytest.mark.parametrize(
    "record", [order("1919083", "unknown"), said("1919083", status="unknown"), said("1919083", status="intended")]
)
def test_midostaurin_of_unknown_status_is_perhaps_taken(record: Json) -> None:
    found = evaluation_of([record])
    assert found.define("MastCellMidostaurinElements", "Is On Midostaurin") is None
    assert found.define(MEDICATIONS, "On Cytoreductive Drug") is None
    told = found.define("MastCellMidostaurinElements", "Note On Midostaurin Contradicted")
    assert told.startswith("On record, but of unknown status: ")
    beside = evaluation_of([record | {"id": "other"}, order("1919083")])
    assert beside.define("MastCellMidostaurinElements", "Is On Midostaurin") is True


def test_a_stop_without_a_day_leaves_the_drug_in_place_and_is_told() -> None:
    found = evaluation_of([order("20610", called="cetirizine"), said("20610", "", "stopped")])
    told = "In use by one record, but: cetirizine (ordered 2026-03-01; stopped on an unknown day, by a statement)."
    assert found.define(NOTES, "H1 Antihistamine Out Of Date") == f"{told} Ask whether it is still taken."


@pytest.mark.parametrize("code", PROPOSED)
def test_an_order_of_unknown_status_is_told_where_the_drug_is_proposed(code: str) -> None:
    used, note = PROPOSED[code]
    found = evaluation_of([order(code, "unknown", called="the drug")])
    assert found.define(MEDICATIONS, used) is False
    assert "On record, but of unknown status: the drug (ordered 2026-03-01; status unknown)." in found.define(NOTES, note)
    intended = evaluation_of([said(code, status="intended", reason="")]).define(NOTES, note)
    assert "(intended)" in intended
    for doubtful in (order(code, "unknown", doNotPerform=True), order(code, "unknown") | {"intent": "proposal"}):
        assert evaluation_of([doubtful]).define(NOTES, note) is None


def test_a_cytoreductive_drug_and_auto_injectors_of_unknown_status_are_told() -> None:
    told = evaluation_of([order("44157", "unknown")]).define(NOTES, "Cytoreductive Drug Stopped Before")
    assert "of unknown status" in told
    (told,) = evaluation_of([order("1870230", "unknown")]).define("EmergencyPreparednessLogic", "Note On Listed Auto-Injector")
    assert told.startswith("On record, but of unknown status: ")


@pytest.mark.parametrize(
    ("ordered", "called", "used"),
    [
        ("20610", "Zyrtec 10 mg tablet", False), ("20610", "Claritin", True), ("46041", "Fosamax weekly", False),
        ("46041", "zoledronic acid", True), ("8640", "prednisone", False), ("8640", "hydrocortisone cream", True),
    ],
)  # fmt: skip
def test_the_same_drug_by_its_name_and_no_other_of_the_class(ordered: str, called: str, used: bool) -> None:
    found = evaluation_of([order(ordered), said("", called=called)])
    assert found.define(MEDICATIONS, PROPOSED[ordered][0]) is used


def test_an_opioid_or_a_warning_is_not_lifted() -> None:
    for code, name in (("7804", "On Opioid"), ("8787", "On Beta Blocker"), ("5640", "On NSAID"), ("9143", "On Ranitidine"),
                       ("7243", "Naltrexone Is Possibly In Use"), ("44157", "On Cladribine")):  # fmt: skip
        assert evaluation_of([order(code), said(code)]).define(MEDICATIONS, name) is True
    told = evaluation_of([order("44157"), said("44157")]).define(NOTES, "Cytoreductive Drug Out Of Date")
    assert told.startswith("Treated as in use, but the record of it is contradicted or out of date: ")


AUTO_INJECTOR = "1870230"
DISPENSED: Json = {
    "resourceType": "MedicationDispense", "id": "d", "status": "completed", "subject": {"reference": "Patient/p"},
    "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": AUTO_INJECTOR}]}, "quantity": {"value": 2},
    "whenHandedOver": "2026-01-01",
}  # fmt: skip
ORDERED = order(AUTO_INJECTOR, dispenseRequest={"quantity": {"value": 2}})


@pytest.mark.parametrize(
    ("supplied", "statement", "devices"),
    [
        (ORDERED, said("3992"), 0), (ORDERED, said("3992", ""), 0), (ORDERED, said("3992", "2026-02-20"), 2),
        (ORDERED, said("3992", "2026-03-01"), 2), (ORDERED, said("3992", reason="Not needed so far"), 0),
        (ORDERED, said("3992", status="stopped"), 0), (ORDERED, said("3992", "", status="stopped"), 2),
        (ORDERED, said("", called="EpiPen 2-Pak"), 0), (ORDERED, said("", called="cetirizine"), 2),
        (DISPENSED, said("3992"), 0), (DISPENSED, said("3992", reason="Lost"), 0),
        (DISPENSED, said("3992", reason="Not needed so far"), 2), (DISPENSED, said("3992", reason="No reactions"), 2),
        (DISPENSED, said("3992", reason="Never picked up, not needed"), 0), (DISPENSED, said("3992", "2025-12-01"), 2),
    ],
)  # fmt: skip
def test_auto_injectors_that_are_said_to_be_missing_do_not_count(supplied: Json, statement: Json, devices: int) -> None:
    found = evaluation_of([supplied, statement])
    assert (found.define(THERAPIES, "Epinephrine Auto-Injector Count") or 0) == devices
    assert found.define(THERAPIES, "Has Any Auto-Injector") is (devices > 0)

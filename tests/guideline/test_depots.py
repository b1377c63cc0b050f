"""A dose that is given at long intervals counts until the next one is due, unless the drug was stopped since or is not tolerated.

An opioid and naltrexone go on acting for their time all the same.
"""

from __future__ import annotations

from typing import Any

import pytest

from .evaluating import RXNORM, evaluation_of, order

Json = dict[str, Any]
MEDICATIONS, NOTES = "MastCellMedicationElements", "MastCellProposalNotes"
SUBJECT = {"reference": "Patient/p"}
ZOLEDRONIC, DENOSUMAB, OMALIZUMAB, CLADRIBINE, NALTREXONE, BUPRENORPHINE = "77655", "993449", "302379", "44157", "7243", "1819"
ON = {ZOLEDRONIC: "On Bisphosphonate", DENOSUMAB: "On Denosumab", OMALIZUMAB: "On Omalizumab"}
SAID = {ZOLEDRONIC: "Bisphosphonate Out Of Date", DENOSUMAB: "Denosumab Out Of Date", OMALIZUMAB: "Omalizumab Out Of Date"}

WHY = "stopped since or on an unknown day, not to be given, or an allergy or intolerance"


def coded(code: str) -> Json:
    return {"coding": [{"system": RXNORM, "code": code}]}


def dose(code: str, at: str = "2026-05-10") -> Json:
    return {
        "resourceType": "MedicationAdministration", "id": "given", "status": "completed", "subject": SUBJECT,
        "medicationCodeableConcept": coded(code), "effectiveDateTime": at,
    }  # fmt: skip


def allergy(code: str) -> Json:
    return {"resourceType": "AllergyIntolerance", "id": "a", "patient": SUBJECT, "code": coded(code)}


def stopped(code: str, *, start: str = "2026-05-10", changed: str = "", reason: str = "Cost") -> Json:
    return order(code, "stopped", reason, start=start, changed=changed)


def not_taken(code: str, *, on: str = "", said: str = "", period: Json | None = None, reason: str = "") -> Json:
    """A statement that the drug is not taken: on a day or in a time, said on a day."""
    return {
        "resourceType": "MedicationStatement", "id": "s", "status": "not-taken", "subject": SUBJECT,
        "medicationCodeableConcept": coded(code), **({"effectiveDateTime": on} if on else {}),
        **({"effectivePeriod": period} if period else {}), **({"dateAsserted": said} if said else {}),
        **({"statusReason": [{"text": reason}]} if reason else {}),
    }  # fmt: skip


def forbidden(code: str, *, start: str = "2026-05-12", status: str = "active", **more: Any) -> Json:
    """An order not to give the drug."""
    return order(code, status, {}, start=start, doNotPerform=True, **more)


def in_use(code: str, *resources: Json) -> bool:
    """Whether the drug given on 10 May is in use; where it is not, what proposes it says why it is not."""
    found = evaluation_of([dose(code), *resources])
    used = found.define(MEDICATIONS, ON[code])
    said = found.define(NOTES, SAID[code])
    assert (said is not None) == (used is not True)
    assert said is None or f"given 2026-05-10; {WHY}" in said
    return bool(used)


@pytest.mark.parametrize("code", ON)
def test_a_depot_counts_until_the_next_dose(code: str) -> None:
    assert in_use(code)
    assert in_use(code, order(code, start="2026-05-09", status="completed"))


@pytest.mark.parametrize("code", ON)
def test_a_later_stop_ends_it(code: str) -> None:
    assert not in_use(code, stopped(code, changed="2026-05-20"))
    assert not in_use(code, stopped(code, changed="2026-05-10"))
    assert not in_use(code, stopped(code))
    assert not in_use(code, stopped(code, reason="Anaphylaxis"))
    assert not in_use(code, {**stopped(code), "status": "completed", "statusReason": {"text": "Adverse reaction"}})


@pytest.mark.parametrize("code", ON)
def test_a_stop_before_the_dose_does_not(code: str) -> None:
    assert in_use(code, stopped(code, start="2025-01-01", changed="2026-05-09"))
    again = order(code, "completed", start="2026-05-01", id="n")
    assert in_use(code, stopped(code, start="2025-01-01"), again)


@pytest.mark.parametrize("code", ON)
def test_an_old_order_stopped_on_an_unknown_day_does_not(code: str) -> None:
    """The dose came of another order; where that may be the one, or it did harm, the stop counts."""
    assert in_use(code, stopped(code, start="2024-05-10"))
    assert in_use(code, stopped(code, start="2025-05-09"))
    assert not in_use(code, stopped(code, start="2025-05-10"))
    assert not in_use(code, stopped(code, start="2024-05-10", reason="Anaphylaxis"))
    assert not in_use(code, stopped(code, start="2024-05-10", changed="2026-05-20"))


@pytest.mark.parametrize("code", ON)
def test_a_statement_that_it_is_not_taken_ends_it(code: str) -> None:
    assert not in_use(code, not_taken(code, on="2026-05-20"))
    assert not in_use(code, not_taken(code, said="2026-05-10"))
    assert not in_use(code, not_taken(code))
    assert not in_use(code, not_taken(code, period={"start": "2026-03-01"}, said="2026-05-20"))
    assert not in_use(code, not_taken(code, reason="Anaphylaxis"))


@pytest.mark.parametrize("code", ON)
def test_a_statement_about_the_time_before_the_dose_does_not(code: str) -> None:
    assert in_use(code, not_taken(code, on="2026-05-09", said="2026-05-20"))
    assert in_use(code, not_taken(code, said="2026-05-09"))
    assert in_use(code, not_taken(code, period={"start": "2026-03-01", "end": "2026-05-01"}, said="2026-05-20"))


@pytest.mark.parametrize("code", ON)
def test_an_order_not_to_give_it_ends_it_while_it_is_in_force(code: str) -> None:
    assert not in_use(code, forbidden(code))
    assert not in_use(code, forbidden(code, start="2026-03-01"))
    assert in_use(code, forbidden(code), order(code, id="n", start="2026-05-20"))
    assert in_use(code, forbidden(code, status="stopped"))
    assert in_use(code, forbidden(code, status="cancelled"))
    assert in_use(code, forbidden(code) | {"intent": "proposal"})
    over = {"timing": {"repeat": {"boundsPeriod": {"end": "2026-05-20"}}}}
    assert in_use(code, forbidden(code, dosage=[over]))


@pytest.mark.parametrize("code", ON)
def test_an_order_that_was_cancelled_says_nothing(code: str) -> None:
    """It is excluded from the record: before anything was given it came to its end, and another one may stand in its place."""
    assert in_use(code, order(code, "cancelled", "Cost", start="2026-05-20"))
    assert in_use(code, order(code, "cancelled", "Cost", start="2026-05-01", changed="2026-05-20"))


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("Anaphylaxis", True),
        ("Throat swelling", True),
        ("Made her ill: side effects", True),
        ("Fear of side effects", False),
        ("Anaphylaxis after second dose; patient anxious about retrying", True),
        ("Hives with it, now scared", True),
        ("High risk, prior anaphylaxis to omalizumab", True),
        ("Risk of anaphylaxis too high", False),
    ],
)
def test_what_it_did_is_known_from_a_statement_that_it_is_not_taken(reason: str, expected: bool) -> None:
    found = evaluation_of([not_taken(OMALIZUMAB, on="2026-05-20", reason=reason)])
    assert found.define("MastCellIntoleranceElements", "Has Allergy Or Intolerance To Omalizumab") is expected
    assert found.define("MastCellFailureElements", "Omalizumab Has Not Failed") is True
    assert found.define("MastCellTherapyElements", "Inadequate Response To Omalizumab") is None


def test_what_it_did_not_do_is_known_from_it_too() -> None:
    found = evaluation_of([not_taken(OMALIZUMAB, on="2026-05-20", reason="No response")])
    assert found.define("MastCellFailureElements", "Omalizumab Has Not Failed") is None


def test_what_was_never_taken_was_not_tried() -> None:
    assert evaluation_of([not_taken("4278")]).define("MastCellTherapyElements", "H2 Antihistamine Tried") is None
    assert evaluation_of([stopped("4278")]).define("MastCellTherapyElements", "H2 Antihistamine Tried") is True


@pytest.mark.parametrize("code", ON)
def test_a_stop_of_another_drug_does_not(code: str) -> None:
    for other in ON:
        if other != code:
            assert in_use(code, stopped(other, changed="2026-05-20"), allergy(other))


@pytest.mark.parametrize("code", ON)
def test_an_allergy_ends_it(code: str) -> None:
    assert not in_use(code, allergy(code))
    refuted = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", "code": "refuted"}]}
    assert in_use(code, {**allergy(code), "verificationStatus": refuted})


def test_an_order_in_use_counts_beside_a_stop() -> None:
    assert in_use(OMALIZUMAB, stopped(OMALIZUMAB, changed="2026-05-20"), order(OMALIZUMAB, id="n", start="2026-05-20"))


def test_a_cytoreductive_drug_stays_in_use_and_says_so() -> None:
    found = evaluation_of([dose(CLADRIBINE), stopped(CLADRIBINE, changed="2026-05-20")])
    assert found.define(MEDICATIONS, "On Cladribine") is True
    assert found.define(MEDICATIONS, "On Cytoreductive Drug") is True
    assert "stopped since" in found.define(NOTES, "Cytoreductive Drug Out Of Date")


AGAINST = {
    code: [
        (), (stopped(code, changed="2026-05-20"),), (allergy(code),), (not_taken(code, on="2026-05-20"),), (forbidden(code),),
        (order(code, "cancelled", start="2026-05-20"),),
    ]
    for code in (BUPRENORPHINE, NALTREXONE)
}  # fmt: skip


@pytest.mark.parametrize("against", AGAINST[BUPRENORPHINE])
def test_an_opioid_depot_acts_on(against: tuple[Json, ...]) -> None:
    """As in use, and after that as open or as ended lately: whatever happened to its order."""
    assert evaluation_of([dose(BUPRENORPHINE, "2026-04-27"), *against]).define(MEDICATIONS, "On Opioid") is True
    later = evaluation_of([dose(BUPRENORPHINE, "2026-04-20"), *against])
    assert later.define("MastCellOpioidElements", "Opioid Ended Recently") is not False


@pytest.mark.parametrize("against", AGAINST[NALTREXONE])
def test_a_naltrexone_depot_warns_of_opioids(against: tuple[Json, ...]) -> None:
    found = evaluation_of([dose(NALTREXONE), *against])
    assert found.define(MEDICATIONS, "Naltrexone Is Possibly In Use") is True
    assert found.define(MEDICATIONS, "On Naltrexone") is True

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


def in_use(code: str, *resources: Json) -> bool:
    """Whether the drug given on 10 May is in use; where it is not, what proposes it says why it is not."""
    found = evaluation_of([dose(code), *resources])
    used = found.define(MEDICATIONS, ON[code])
    said = found.define(NOTES, SAID[code])
    assert (said is not None) == (used is not True)
    assert said is None or "given 2026-05-10; stopped since or on an unknown day, or an allergy or intolerance" in said
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


@pytest.mark.parametrize("against", [(), (stopped(BUPRENORPHINE, changed="2026-05-20"),), (allergy(BUPRENORPHINE),)])
def test_an_opioid_depot_acts_on(against: tuple[Json, ...]) -> None:
    """As in use, and after that as open or as ended lately: whatever happened to its order."""
    assert evaluation_of([dose(BUPRENORPHINE, "2026-04-27"), *against]).define(MEDICATIONS, "On Opioid") is True
    later = evaluation_of([dose(BUPRENORPHINE, "2026-04-20"), *against])
    assert later.define("MastCellOpioidElements", "Opioid Ended Recently") is not False


@pytest.mark.parametrize("against", [(), (stopped(NALTREXONE, changed="2026-05-20"),), (allergy(NALTREXONE),)])
def test_a_naltrexone_depot_warns_of_opioids(against: tuple[Json, ...]) -> None:
    found = evaluation_of([dose(NALTREXONE), *against])
    assert found.define(MEDICATIONS, "Naltrexone Is Possibly In Use") is True
    assert found.define(MEDICATIONS, "On Naltrexone") is True

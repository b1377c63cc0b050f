"""What an order says of its dose: periods of any unit, several instructions, doses as needed, several orders of one drug."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from .evaluating import evaluation_of

Json = dict[str, Any]
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CETIRIZINE, NALTREXONE, MIDOSTAURIN = "20610", "7243", "1919083"


def instruction(value: float, *, times: int = 1, period: int = 1, unit: str = "d", **more: Any) -> Json:
    """A dose in mg, so many times in a period."""
    dose = {"doseQuantity": {"value": Decimal(str(value)), "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}}
    return {"timing": {"repeat": {"frequency": times, "period": period, "periodUnit": unit}}, "doseAndRate": [dose], **more}


def order(code: str, *dosage: Json, id: str = "m", authored: str = "2026-05-01", status: str = "active") -> Json:
    return {
        "resourceType": "MedicationRequest",
        "id": id,
        "status": status,
        "intent": "order",
        "subject": {"reference": "Patient/p"},
        "authoredOn": authored,
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": code}]},
        "dosageInstruction": list(dosage),
    }


def value(library: str, define: str, *orders: Json, drafts: list[Json] | None = None) -> Any:
    found = evaluation_of(list(orders), drafts=drafts).define(library, define)
    return getattr(found, "value", found)


@pytest.mark.parametrize(
    ("dosage", "expected"),
    [
        ([instruction(10, times=2)], True),
        ([instruction(10, period=12, unit="h")], True),
        ([instruction(10, period=8, unit="h")], True),
        ([instruction(10)], False),
        ([instruction(10), instruction(10)], True),
        ([instruction(10), instruction(10, sequence=1)], True),
        ([instruction(10, sequence=1), instruction(20, sequence=2)], None),
        ([instruction(10, times=2, asNeededBoolean=True)], None),
        ([instruction(10), {"text": "and one at night"}], None),
    ],
)
def test_a_daily_dose_is_all_that_is_taken_regularly(dosage: list[Json], expected: bool | None) -> None:
    assert value("MastCellTherapyElements", "H1 At Two Label Doses", order(CETIRIZINE, *dosage)) is expected


def test_an_order_of_two_instructions_is_judged_by_their_sum() -> None:
    draft = order(CETIRIZINE, instruction(20), instruction(40), status="draft")
    assert value("MastCellSafetyOverlay", "H1 Above Four Label Doses Is Being Ordered", drafts=[draft]) is True


def test_the_order_that_started_last_is_in_force() -> None:
    old = order(NALTREXONE, instruction(1.5), id="old", authored="2024-01-01")
    new = order(NALTREXONE, instruction(4.5), id="new", authored="2025-01-01")
    for orders in ((old, new), (new, old)):
        assert value("MastCellTherapyElements", "Naltrexone Daily Dose", *orders) == Decimal("4.5")
    same_day = order(NALTREXONE, instruction(4.5), id="new", authored="2024-01-01")
    assert value("MastCellTherapyElements", "Naltrexone Daily Dose", old, same_day) is None


def test_split_doses_are_added() -> None:
    assert value("MastCellTherapyElements", "Naltrexone Daily Dose", order(NALTREXONE, instruction(3), instruction(3))) == 6
    split = order(MIDOSTAURIN, instruction(50), instruction(50))
    assert value("MastCellMidostaurinElements", "Midostaurin Is At 50 Twice Daily", split) is True
    unequal = order(MIDOSTAURIN, instruction(50), instruction(100))
    assert value("MastCellMidostaurinElements", "Midostaurin Is At 50 Twice Daily", unequal) is None


def test_every_twelve_hours_is_twice_a_day() -> None:
    hourly = order(MIDOSTAURIN, instruction(50, period=12, unit="h"))
    assert value("MastCellMidostaurinElements", "Midostaurin Is At 50 Twice Daily", hourly) is True


def test_auto_injectors_of_an_old_order_are_no_longer_in_date() -> None:
    def devices(authored: str) -> Any:
        prescribed = order("1870230", authored=authored) | {"dispenseRequest": {"quantity": {"value": 2}}}
        return value("MastCellTherapyElements", "Epinephrine Auto-Injector Count", prescribed)

    assert devices("2026-01-01") == 2
    assert devices("2019-01-01") is None


@pytest.mark.parametrize(
    "name", ["ASA", "Percodan", "Vicoprofen", "Duexis", "Treximet", "Arthrotec", "Fiorinal", "BC Powder", "Novalgin"]
)
def test_an_allergy_to_a_product_with_aspirin_or_an_nsaid_counts(name: str) -> None:
    allergy = {"resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": "Patient/p"}, "code": {"text": name}}
    assert evaluation_of([allergy]).define("MastCellAllergyElements", "Aspirin Or NSAID By Name") != []

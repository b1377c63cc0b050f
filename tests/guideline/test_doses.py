"""What an order says of its dose: periods of any unit, several instructions, doses as needed, several orders of one drug."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from .evaluating import RXNORM, evaluation_of, order

Json = dict[str, Any]
CETIRIZINE, NALTREXONE, MIDOSTAURIN = "20610", "7243", "1919083"


def instruction(value: float, *, times: int = 1, period: int = 1, unit: str = "d", **more: Any) -> Json:
    """A dose in mg, so many times in a period."""
    dose = {"doseQuantity": {"value": Decimal(str(value)), "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}}
    return {"timing": {"repeat": {"frequency": times, "period": period, "periodUnit": unit}}, "doseAndRate": [dose], **more}


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
    assert value("MastCellTherapyElements", "H1 At Two Label Doses", order(CETIRIZINE, dosage=dosage)) is expected


def test_an_order_of_two_instructions_is_judged_by_their_sum() -> None:
    draft = order(CETIRIZINE, "draft", dosage=[instruction(20), instruction(40)])
    assert value("MastCellSafetyOverlay", "H1 Above Four Label Doses Is Being Ordered", drafts=[draft]) is True


OVERLAY, CARE = "MastCellSafetyOverlay", "MastCellCareElements"


def draft(code: str, *dosage: Json, id: str = "d", text: str = "") -> Json:
    made = order(code, "draft", id=id, dosage=dosage)
    if text:
        made["medicationCodeableConcept"] = {"text": text}
    return made


@pytest.mark.parametrize(
    ("first", "second", "above"),
    [
        (instruction(20), instruction(30), True),
        (instruction(20), instruction(20), False),
        (instruction(50), {"text": "as told"}, True),
        (instruction(40), {"text": "as told"}, None),
        (instruction(20), instruction(20, times=1, asNeededBoolean=True), False),
    ],
)
def test_orders_of_one_antihistamine_are_judged_by_their_sum(first: Json, second: Json, above: bool) -> None:
    drafts = [draft(CETIRIZINE, first, id="a"), draft(CETIRIZINE, second, id="b")]
    for orders in (drafts, drafts[::-1]):
        assert value(OVERLAY, "H1 Above Four Label Doses Is Being Ordered", drafts=orders) is above


def test_orders_of_two_antihistamines_are_added_each_by_its_own_label() -> None:
    drafts = [
        draft(CETIRIZINE, instruction(20), id="a"),
        draft("28889", instruction(10), id="b"),
        draft("87636", instruction(360), id="c"),
    ]
    assert value(OVERLAY, "Ordered H1 Label Doses", drafts=drafts) == 5
    assert value(OVERLAY, "H1 Above Four Label Doses Is Being Ordered", drafts=drafts) is True


def within(dosage: Json, start: str, end: str) -> Json:
    dosage["timing"]["repeat"]["boundsPeriod"] = {"start": start, "end": end}
    return dosage


def test_orders_that_follow_each_other_are_not_added() -> None:
    steps = [
        draft(NALTREXONE, within(instruction(3), "2026-06-01", "2026-06-14"), id="a"),
        draft(NALTREXONE, within(instruction(4.5), "2026-06-15", "2026-07-15"), id="b"),
    ]
    assert value(CARE, "Draft Naltrexone Daily Dose", drafts=steps) == Decimal("4.5")
    steps[1] = draft(NALTREXONE, within(instruction(4.5), "2026-06-10", "2026-07-15"), id="b")
    assert value(CARE, "Draft Naltrexone Daily Dose", drafts=steps) == Decimal("7.5")


@pytest.mark.parametrize(
    ("doses", "total", "low"),
    [
        ([instruction(3), instruction(3)], Decimal(6), False),
        ([instruction(1.5), instruction(3)], Decimal("4.5"), True),
        ([instruction(5), {"text": "as told"}], Decimal(5), False),
        ([instruction(3), {"text": "as told"}], None, True),
    ],
)
def test_naltrexone_in_several_orders(doses: list[Json], total: Decimal | None, low: bool) -> None:
    drafts = [draft(NALTREXONE, dose, id=f"d{n}") for n, dose in enumerate(doses)]
    assert value(CARE, "Draft Naltrexone Daily Dose", drafts=drafts) == total
    assert value(OVERLAY, "Naltrexone Above Low Dose Is Being Ordered", drafts=drafts) is not low
    assert value(CARE, "Drafts Low-Dose Naltrexone", drafts=drafts) is low


def test_a_dose_in_grams_is_told_in_plain_milligrams() -> None:
    grams = instruction(3)
    grams["doseAndRate"][0]["doseQuantity"] |= {"value": Decimal("0.0045"), "unit": "g", "code": "g"}
    drafts = [draft(NALTREXONE, grams)]
    assert value(OVERLAY, "Note On Ordered Naltrexone Dose", drafts=drafts) == "Ordered: 4.5 mg a day."
    assert "starts with 4.5 mg a day" in value("LowDoseNaltrexoneLogic", "Note On Starting Dose", drafts=drafts)


def test_midostaurin_in_two_orders_is_added() -> None:
    drafts = [draft(MIDOSTAURIN, instruction(100, times=2), id="a"), draft(MIDOSTAURIN, instruction(50), id="b")]
    assert value(OVERLAY, "Midostaurin Above The Articles Is Being Ordered", drafts=drafts) is True
    assert value(OVERLAY, "Midostaurin Above The Articles Is Being Ordered", drafts=drafts[:1]) is False


def timed(value: float, **repeat: Any) -> Json:
    made = instruction(value)
    made["timing"]["repeat"] = repeat
    return made


@pytest.mark.parametrize(
    ("dosage", "label_doses"),
    [
        (timed(10, frequency=2, frequencyMax=6, period=1, periodUnit="d"), 6),
        (timed(10, frequency=1, period=4, periodMax=6, periodUnit="h"), 6),
        (timed(20, frequency=1, period=1, periodUnit="d", when=["MORN", "NOON", "EVE", "HS"]), 8),
        (timed(20, when=["MORN", "EVE"]), 4),
        (timed(20, timeOfDay=["08:00:00", "12:00:00", "20:00:00"]), 6),
        (timed(20, when=["AC"]), None),
        (timed(20, frequency=3, period=1, periodUnit="d", when=["AC"]), 6),
        (timed(10, frequency=3, period=1, periodUnit="d", when=["MORN"]), 3),
        ({"timing": {"code": {"coding": [{"code": "Q4H"}]}}, "doseAndRate": instruction(10)["doseAndRate"]}, 6),
    ],
)
def test_of_a_choice_the_most_counts(dosage: Json, label_doses: int | None) -> None:
    drafts = [draft(CETIRIZINE, dosage)]
    assert value(OVERLAY, "Ordered H1 Label Doses", drafts=drafts) == label_doses
    assert value(OVERLAY, "Ordered H1 Dose Cannot Be Read", drafts=drafts) is (label_doses is None)


@pytest.mark.parametrize(
    ("most", "period", "label_doses"),
    [
        (20, (1, "d"), 2),
        (20, (1, "day"), 2),
        (20, (1, "Days"), 2),
        (20, (12, "hours"), 4),
        (20, (12, "h"), 4),
        (140, (1, "wk"), 2),
        (100, (1, "d"), 6),
        (None, None, 6),
    ],
)
def test_no_more_counts_than_the_instruction_allows(most: int | None, period: tuple[int, str] | None, label_doses: int) -> None:
    dosage = timed(10, frequency=1, period=4, periodMax=6, periodUnit="h") | {"asNeededBoolean": True}
    if most is not None and period is not None:
        denominator: Json = {"value": period[0], "unit": period[1]}
        if len(period[1]) < 3:
            denominator |= {"code": period[1], "system": "http://unitsofmeasure.org"}
        dosage["maxDosePerPeriod"] = {"numerator": {"value": most, "unit": "mg"}, "denominator": denominator}
    assert value(OVERLAY, "Ordered H1 Label Doses", drafts=[draft(CETIRIZINE, dosage)]) == label_doses


def test_a_choice_of_doses_is_not_what_is_taken_regularly() -> None:
    def regular(frequency: int, most: int) -> Any:
        dosage = timed(10, frequency=frequency, frequencyMax=most, period=1, periodUnit="d")
        return value("MastCellTherapyElements", "H1 At Two Label Doses", order(CETIRIZINE, dosage=[dosage]))

    assert regular(1, 2) is None
    dosage = timed(5, frequency=1, frequencyMax=2, period=1, periodUnit="d")
    assert value("MastCellTherapyElements", "H1 At Two Label Doses", order(CETIRIZINE, dosage=[dosage])) is False


@pytest.mark.parametrize("unit", ["ug", "mcg", "µg"])
def test_micrograms_are_read_as_they_are_written(unit: str) -> None:
    dosage = instruction(0)
    dosage["doseAndRate"] = [{"doseQuantity": {"value": 9000, "unit": unit}}]
    assert value(OVERLAY, "Naltrexone Above Low Dose Is Being Ordered", drafts=[draft(NALTREXONE, dosage)]) is True


@pytest.mark.parametrize(
    ("name", "text", "high"),
    [
        ("Vivitrol 380 mg IM suspension", "380 mg IM every 4 weeks", True),
        ("Contrave ER 8-90 mg", "2 tablets BID", True),
        ("naltrexone 50 mg tablet", "1 tablet daily", True),
        ("naltrexone 50 mg tablet", "dissolve in 50 mL, take 4.5 mL", False),
        ("naltrexone 4.5 mg capsule", "1 capsule at bedtime", False),
        ("naltrexone 1.5 mg", "1 capsule", False),
        ("LDN", "1 capsule", False),
    ],
)
def test_a_product_of_a_high_dose_is_not_low_dose_naltrexone(name: str, text: str, high: bool) -> None:
    drafts = [draft(NALTREXONE, {"text": text}, text=name)]
    assert value(CARE, "Drafts Low-Dose Naltrexone", drafts=drafts) is not high
    assert value(OVERLAY, "Naltrexone Above Low Dose Is Being Ordered", drafts=drafts) is high
    taken = order(NALTREXONE, dosage=[{"text": text}], medicationCodeableConcept={"text": name})
    assert value("LowDoseNaltrexoneLogic", "On Low-Dose Naltrexone", taken) is not high


def test_the_tablet_of_fifty_milligrams_is_known_by_its_code() -> None:
    assert value(CARE, "Drafts Low-Dose Naltrexone", drafts=[draft("1483744", {"text": "1 tablet"})]) is False
    assert value(CARE, "Drafts Low-Dose Naltrexone", drafts=[draft("1483744", instruction(3))]) is True


def test_an_antihistamine_without_a_label_dose_cannot_be_compared() -> None:
    drafts = [draft("0", instruction(80), text="bilastine 20 mg")]
    assert value(OVERLAY, "Ordered H1 Dose Cannot Be Read", drafts=drafts) is True


def test_the_order_that_started_last_is_in_force() -> None:
    old = order(NALTREXONE, dosage=[instruction(1.5)], id="old", start="2024-01-01")
    new = order(NALTREXONE, dosage=[instruction(4.5)], id="new", start="2025-01-01")
    for orders in ((old, new), (new, old)):
        assert value("MastCellTherapyElements", "Naltrexone Daily Dose", *orders) == Decimal("4.5")
    same_day = order(NALTREXONE, dosage=[instruction(4.5)], id="new", start="2024-01-01")
    assert value("MastCellTherapyElements", "Naltrexone Daily Dose", old, same_day) is None


def test_split_doses_are_added() -> None:
    assert (
        value("MastCellTherapyElements", "Naltrexone Daily Dose", order(NALTREXONE, dosage=[instruction(3), instruction(3)])) == 6
    )
    split = order(MIDOSTAURIN, dosage=[instruction(50), instruction(50)])
    assert value("MastCellMidostaurinElements", "Midostaurin Is At 50 Twice Daily", split) is True
    unequal = order(MIDOSTAURIN, dosage=[instruction(50), instruction(100)])
    assert value("MastCellMidostaurinElements", "Midostaurin Is At 50 Twice Daily", unequal) is None


def test_every_twelve_hours_is_twice_a_day() -> None:
    hourly = order(MIDOSTAURIN, dosage=[instruction(50, period=12, unit="h")])
    assert value("MastCellMidostaurinElements", "Midostaurin Is At 50 Twice Daily", hourly) is True


def test_auto_injectors_of_an_old_order_are_no_longer_in_date() -> None:
    def devices(start: str) -> Any:
        prescribed = order("1870230", start=start) | {"dispenseRequest": {"quantity": {"value": 2}}}
        return value("MastCellTherapyElements", "Epinephrine Auto-Injector Count", prescribed)

    assert devices("2026-01-01") == 2
    assert devices("2019-01-01") is None


@pytest.mark.parametrize(
    "name",
    [
        "ASA",
        "Percodan",
        "Vicoprofen",
        "Duexis",
        "Treximet",
        "Arthrotec",
        "Fiorinal",
        "BC Powder",
        "Novalgin",
        "Asprin",
        "NSAIDs",
        "ibuprofen",
        "Voltaren gel",
        "COX-2 inhibitors",
        "Pepto-Bismol",
        "mefenamic acid",
        "nonsteroidals",
    ],
)
def test_an_allergy_to_a_product_with_aspirin_or_an_nsaid_counts(name: str) -> None:
    allergy = {"resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": "Patient/p"}, "code": {"text": name}}
    assert evaluation_of([allergy]).define("MastCellAllergyElements", "Aspirin Or NSAID By Name") != []


UCUM = "http://unitsofmeasure.org"
TABLETS: Json = {"value": 2, "unit": "tablets"}
TEN_MG: Json = {
    "numerator": {"value": 10, "unit": "mg", "system": UCUM, "code": "mg"}, "denominator": {"value": 1, "unit": "tablet"}
}  # fmt: skip


def in_pieces(dose: Json, *strengths: Json, code: str = CETIRIZINE) -> list[Json]:
    """An order of so many pieces once a day, of a product with these ingredients."""
    ingredients = [{"itemCodeableConcept": {"coding": [{"system": RXNORM, "code": code}]}, "strength": s} for s in strengths]
    product = {"resourceType": "Medication", "id": "drug", "ingredient": ingredients}
    made = order(
        code,
        dosage=[
            {"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}, "doseAndRate": [{"doseQuantity": dose}]}
        ],
    )
    del made["medicationCodeableConcept"]
    return [product, made | {"medicationReference": {"reference": "Medication/drug"}}]


@pytest.mark.parametrize(
    ("dose", "strengths", "expected"),
    [
        (TABLETS, [TEN_MG], True),
        ({"value": 1, "unit": "tablet"}, [TEN_MG], False),
        ({"value": 2, "system": "http://terminology.hl7.org/CodeSystem/v3-orderableDrugForm", "code": "TAB"}, [TEN_MG], True),
        ({"value": 2, "unit": "{tbl}", "system": UCUM, "code": "{tbl}"}, [{"numerator": TEN_MG["numerator"]}], True),
        (TABLETS, [{**TEN_MG, "numerator": {"value": 10, "unit": "mg"}}], None),
        (TABLETS, [{**TEN_MG, "denominator": {"value": 5, "unit": "mL", "system": UCUM, "code": "mL"}}], None),
        (TABLETS, [{**TEN_MG, "denominator": {"value": 2, "unit": "tablet"}}], None),
        (TABLETS, [TEN_MG, TEN_MG], None),
        (TABLETS, [{}], None),
        ({"value": 2}, [TEN_MG], None),
        ({"value": 2, "unit": "puffs"}, [TEN_MG], None),
        ({"value": 20, "unit": "mg", "system": UCUM, "code": "mg"}, [{}], True),
    ],
)
def test_pieces_are_weighed_by_a_coded_strength_alone(dose: Json, strengths: list[Json], expected: bool | None) -> None:
    assert value("MastCellTherapyElements", "H1 At Two Label Doses", *in_pieces(dose, *strengths)) is expected


def test_two_capsules_of_midostaurin_are_50_mg() -> None:
    strength = {
        "numerator": {"value": 25, "unit": "mg", "system": UCUM, "code": "mg"},
        "denominator": {"value": 1, "unit": "capsule"},
    }
    orders = in_pieces({"value": 2, "unit": "capsules"}, strength, code=MIDOSTAURIN)
    assert value("MastCellMidostaurinElements", "Midostaurin Dose", *orders) == 50


def until(day: str) -> Json:
    return {"timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d", "boundsPeriod": {"end": day}}}}


@pytest.mark.parametrize(
    ("on_record", "ordered", "above"),
    [
        ([order(CETIRIZINE, dosage=[instruction(20, times=2)])], {}, None),
        ([order(CETIRIZINE, dosage=[instruction(20)])], {}, False),
        ([order(CETIRIZINE, dosage=[instruction(15)]), order("87636", id="n", dosage=[instruction(180)])], {}, None),
        ([order(CETIRIZINE, "completed", dosage=[instruction(20, times=2)])], {}, False),
        ([order(CETIRIZINE, dosage=[instruction(20, times=2) | until("2026-05-31")])], {}, False),
        ([order(CETIRIZINE, dosage=[instruction(20, times=2)])], {"id": "m"}, False),
        (
            [order(CETIRIZINE, dosage=[instruction(20, times=2)])],
            {"priorPrescription": {"reference": "MedicationRequest/m"}},
            False,
        ),
        (
            [order(CETIRIZINE, dosage=[instruction(20, times=2)])],
            {"priorPrescription": {"reference": "https://ehr.example/fhir/MedicationRequest/m"}},
            False,
        ),
    ],
)
def test_an_order_beside_one_on_record_is_above_four_label_doses_unless_it_replaces_it(
    on_record: list[Json], ordered: Json, above: bool | None
) -> None:
    """20 mg a day are being ordered: two label doses."""
    drafts = [draft(CETIRIZINE, instruction(10, times=2)) | ordered]
    assert value(OVERLAY, "H1 Above Four Label Doses Is Being Ordered", *on_record, drafts=drafts) is above
    assert ("unless the order replaces it" in value(OVERLAY, "Note On Ordered H1 Dose", *on_record, drafts=drafts)) == (
        above is None
    )


def test_an_order_beside_one_on_record_whose_dose_cannot_be_read_leaves_it_open_and_names_it() -> None:
    drafts = [draft(CETIRIZINE, instruction(10, times=2))]
    for dosage in ([{"text": "as told"}], []):
        recorded = order(CETIRIZINE, called="cetirizine", dosage=dosage)
        assert value(OVERLAY, "H1 Above Four Label Doses Is Being Ordered", recorded, drafts=drafts) is None
        told = value(OVERLAY, "Note On Ordered H1 Dose", recorded, drafts=drafts)
        assert told.endswith("On record besides, with a dose that cannot be read: cetirizine.")


def test_an_antihistamine_that_is_on_record_twice_counts_once() -> None:
    listed = {
        "resourceType": "MedicationStatement", "id": "s", "status": "active", "subject": {"reference": "Patient/p"},
        "medicationCodeableConcept": order(CETIRIZINE)["medicationCodeableConcept"], "dosage": [instruction(10, times=2)],
    }  # fmt: skip
    on_record = [listed, order(CETIRIZINE, dosage=[instruction(10, times=2)])]
    drafts = [draft(CETIRIZINE, instruction(20))]
    assert value(OVERLAY, "H1 Above Four Label Doses Is Being Ordered", *on_record, drafts=drafts) is False

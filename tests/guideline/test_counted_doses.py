"""A dose that is counted in tablets, or told in plain words: known where the strength is, open where anything is not plain."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from .evaluating import RXNORM, evaluation_of, order

Json = dict[str, Any]
CETIRIZINE, CETIRIZINE_10_MG_TABLET, DESLORATADINE_2_5_MG = "20610", "1014678", "577080"
OVERLAY, THERAPIES = "MastCellSafetyOverlay", "MastCellTherapyElements"


def counted(value: float, unit: str = "tablet", *, times: int = 1, **more: Any) -> Json:
    timing = {"repeat": {"frequency": times, "period": 1, "periodUnit": "d"}}
    return {"timing": timing, "doseAndRate": [{"doseQuantity": {"value": Decimal(str(value)), "unit": unit}}], **more}


def ordered(drug: Json, *dosage: Json) -> Any:
    made = order(CETIRIZINE, "draft", dosage=dosage) | {"medicationCodeableConcept": drug}
    return evaluation_of([], drafts=[made]).define(OVERLAY, "Ordered H1 Label Doses")


def coded(code: str, display: str = "", text: str = "") -> Json:
    coding = {"system": RXNORM, "code": code} | ({"display": display} if display else {})
    return {"coding": [coding]} | ({"text": text} if text else {})


@pytest.mark.parametrize(
    ("drug", "expected"),
    [
        (coded(CETIRIZINE_10_MG_TABLET), 2),
        (coded(CETIRIZINE_10_MG_TABLET, "cetirizine hydrochloride 10 MG Oral Tablet"), 2),
        (coded(CETIRIZINE, "cetirizine", "Cetirizine (ZYRTEC) 10 mg tablet"), 2),
        ({"text": "Cetirizine HCl 10mg tab"}, 2),
        ({"text": "Zyrtec 5 mg tablets"}, 1),
        (coded(DESLORATADINE_2_5_MG), 1),
        ({"text": "Desloratadine 2.5 mg tab."}, 1),
        (coded(CETIRIZINE), None),
        ({"text": "Cetirizine 10 mg"}, None),
        ({"text": "Cetirizine tablet"}, None),
        ({"text": "Cetirizine 5 mg/5 mL solution"}, None),
        ({"text": "Cetirizine 5 mg - pseudoephedrine 120 mg tablet"}, None),
        ({"text": "Cetirizine/pseudoephedrine 5 mg tablet"}, None),
        ({"text": "Cetirizine 10 mg tablet, half of it"}, None),
        (coded(CETIRIZINE_10_MG_TABLET, "", "Cetirizine 5 mg tablet"), None),
        (coded(CETIRIZINE_10_MG_TABLET, "", "Cetirizine 10 mg tablet, 30 in a box"), None),
        ({"text": "All Day Allergy (cetirizine) 10 mg tablet"}, 2),
        ({"text": "Cetirizine 10 mg tablet unit dose"}, 2),
        ({"text": "Cetirizine tablet, 40 mg daily"}, None),
        ({"text": "Cetirizine (takes 20 mg) tablet"}, None),
        ({"text": "Cetirizine ½ 10 mg tablet"}, None),
        (coded(CETIRIZINE_10_MG_TABLET, "", "Cetirizine tablet, half"), None),
    ],
)
def test_the_strength_is_in_the_name_or_behind_the_code(drug: Json, expected: int | None) -> None:
    assert ordered(drug, counted(2)) == expected
    assert ordered(drug, {"text": "2 tablets once daily"}) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Take 2 tablets (20 mg total) by mouth once daily for hives.", 2),
        ("take 1 tablet by mouth twice daily", 2),
        ("1 tab PO BID", 2),
        ("One (1) tablet daily at bedtime", 1),
        ("2 tabs b.i.d.", 4),
        ("one tablet every morning and at bedtime", 2),
        ("Take 2 tablets by mouth every 12 hours", 4),
        ("10 mg daily", 1),
        ("20 mg PO once a day for 14 days", 2),
        ("1 capsule nightly", 1),
        ("Take 3 tablets (20 mg total) daily", None),
        ("1-2 tablets daily", None),
        ("1/2 tablet daily", None),
        ("2 tablets", None),
        ("2 tablets daily as needed", None),
        ("2 tablets daily if hives", None),
        ("2 tablets daily, may take another", None),
        ("2 tablets daily for 3 days, then 1 tablet daily", None),
        ("2 tablets every other day", None),
        ("2 tablets 2-3 times daily", None),
        ("10 mL daily", None),
        ("one tablet, later two", None),
        ("up to 2 tablets daily", None),
        ("2 pills daily", 2),
        ("1 tablet bd", 2),
        ("1 tablet daily for hives and itching", 1),
        ("1½ tablets daily", None),
        ("½–2 tablets daily", None),
        ("<2 tablets daily", None),
        ("≤ 2 tablets daily", None),
        ("~2 tablets daily", None),
        ("2 tablets daily?", None),
        ("1 tablet daily for hives, two at bedtime", None),
        ("1 tablet daily for hives, double on flare", None),
        ("1 tablet daily for hives and one extra", None),
        ("1 tablet daily for hives on weekends", None),
        ("2 tablets daily for hives (stopped)", None),
    ],
)
def test_a_plain_instruction_is_read_and_any_other_word_leaves_it_open(text: str, expected: int | None) -> None:
    assert ordered(coded(CETIRIZINE_10_MG_TABLET), {"text": text}) == expected


PLAIN = "2 tablets daily"


@pytest.mark.parametrize(
    ("dosage", "expected"),
    [
        ([{"text": PLAIN}, {"text": PLAIN}], 4),
        ([{"text": PLAIN}, {"text": "and one more"}], None),
        ([counted(1, text=PLAIN)], 1),
        ([{"text": PLAIN, "patientInstruction": PLAIN}], 2),
        ([{"text": PLAIN, "patientInstruction": "Take one more after a week"}], None),
        ([{"text": PLAIN, "asNeededBoolean": True}], None),
        ([{"text": PLAIN, "additionalInstruction": [{"text": "one more if needed"}]}], None),
        ([{"text": PLAIN, "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}], 2),
        ([{"text": PLAIN, "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}}], None),
        ([{"text": PLAIN, "doseAndRate": [{"doseQuantity": {"value": 2, "unit": "tablet"}}]}], 2),
        ([{"text": PLAIN, "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}]}], None),
        ([counted(1, text="Dissolve one tablet in water")], None),
        ([counted(0.5, text="Take half a tablet")], None),
        ([counted(2, unit="mL")], None),
    ],
)
def test_what_is_coded_beside_agrees(dosage: list[Json], expected: int | None) -> None:
    assert ordered(coded(CETIRIZINE_10_MG_TABLET), *dosage) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("2 tablets daily", True), ("1 tablet daily", False), ("2 tablets daily as needed", None)]
)
def test_the_dose_on_record_is_read_alike(text: str, expected: bool | None) -> None:
    found = evaluation_of([order(CETIRIZINE_10_MG_TABLET, dosage=[{"text": text}])])
    assert found.define(THERAPIES, "H1 At Two Label Doses") is expected

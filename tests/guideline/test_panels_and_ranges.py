"""A result inside a panel is a result; of several reference ranges those count that are normal ranges for this patient."""

from __future__ import annotations

from typing import Any

import pytest

from .evaluating import PATIENT, evaluation_of
from .seeing import MIDOSTAURIN
from .test_doubtful_data import count, example, outcome
from .test_elements import plain
from .test_unsaid_by_codes import amount, observation

Json = dict[str, Any]
PANEL = {"coding": [{"system": "http://loinc.org", "code": "58410-2"}]}
WHITE, LEUKOTRIENE = "6690-2", "33343-5"


def loinc(code: str) -> Json:
    return {"coding": [{"system": "http://loinc.org", "code": code}]}


def panel(*components: tuple[str, Json], **more: Any) -> Json:
    parts = [{"code": loinc(code)} | value for code, value in components]
    return observation(None, {}, at="2026-05-30", text="Panel") | {"code": PANEL, "component": parts} | more


@pytest.mark.parametrize(
    ("code", "value", "limits", "flag", "expected"),
    [
        (LEUKOTRIENE, 180, {"high": 104}, "N", True),  # value or interpretation: one is enough
        (LEUKOTRIENE, 180, {"high": 104}, "L", None),
        (LEUKOTRIENE, 90, {"high": 104}, "H", True),
        (LEUKOTRIENE, 90, {"low": 100, "high": 104}, "H", None),
        (LEUKOTRIENE, 90, {"high": 104}, "N", False),
        (LEUKOTRIENE, 90, {}, "N", False),
        (WHITE, 2.9, {"low": 4}, "N", True),
        (WHITE, 2.9, {"low": 4}, "H", None),
        (WHITE, 4.1, {"low": 4}, "L", True),
        (WHITE, 12, {"high": 10}, "L", None),
        (WHITE, 4.1, {"low": 4}, "N", False),
    ],
)
def test_a_flag_does_not_hide_what_value_and_range_prove(
    code: str, value: float, limits: Json, flag: str, expected: bool | None
) -> None:
    unit = "10*9/L" if code == WHITE else "pg/mg{creat}"
    result = observation(code, amount(value, unit)) | {"interpretation": [{"coding": [{"code": flag}]}]}
    if limits:
        result["referenceRange"] = [{side: {"value": limit, "unit": unit, "code": unit} for side, limit in limits.items()}]
    define = "White Cells Are Low" if code == WHITE else "Leukotriene E4 Is Elevated"
    assert evaluation_of([result]).define("MastCellLabElements", define) is expected


@pytest.mark.parametrize("status", ["final", "preliminary"])
def test_the_counts_of_a_panel_are_read(status: str) -> None:
    blood = panel(("751-8", amount(0.3, "10*9/L")), ("777-3", amount(300, "/nL")), (WHITE, amount(2.0, "10*9/L")), status=status)
    seen = evaluation_of([blood])
    read = status == "final"
    for library, define, expected in (
        ("MastCellMidostaurinCounts", "ANC", "0.3 10*9/L"),
        ("MastCellMidostaurinCounts", "Platelets", "300 10*9/L"),
        ("MastCellLabElements", "White Cell Count", "2 10*9/L"),
    ):
        assert plain(seen.define(library, define)) == (expected if read else None)
    assert (seen.define("MastCellCareElements", "Last Toxicity Labs") is not None) == read


def test_a_severe_count_in_a_panel_interrupts_and_nothing_says_that_none_is_on_record() -> None:
    bundle = example()
    found = count(bundle)
    found["component"] = [{"code": found.pop("code"), "valueQuantity": found.pop("valueQuantity") | {"value": 0.3}}]
    found["code"] = PANEL
    recommendations = {r["id"]: r for r in outcome(bundle)["recommendations"]}
    interrupt = recommendations[MIDOSTAURIN + "interrupt-anc"]
    assert interrupt["status"] == "applies"
    said = " ".join(interrupt["notes"])
    assert "No neutrophil count" not in said
    assert "neutrophils are below 0.5" in said
    (evidence,) = [e for e in interrupt["evidence"] if e.get("element") == "anc"]
    assert (evidence["resource"], float(evidence["value"])) == ("Observation/observation-3", 0.3)


def test_neither_count_is_said_once() -> None:
    bundle = example()
    bundle["entry"] = [e for e in bundle["entry"] if e["resource"]["resourceType"] != "Observation"]
    recommendations = {r["id"]: r for r in outcome(bundle)["recommendations"]}
    notes = recommendations[MIDOSTAURIN + "interrupt-anc"]["notes"]
    assert [n for n in notes if "count" in n and "on record" in n] == [
        "Neither a neutrophil count nor a platelet count is on record."
    ]


def normal(low: float | None = None, high: float | None = None, unit: str = "10*9/L", **more: Any) -> Json:
    ends = {"low": low, "high": high}
    return {k: amount(v, unit)["valueQuantity"] for k, v in ends.items() if v is not None} | more


def kind(code: str) -> Json:
    return {"type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/referencerange-meaning", "code": code}]}}


def years(low: float | None = None, high: float | None = None, unit: str = "a") -> Json:
    return {"age": {k: amount(v, unit)["valueQuantity"] for k, v in {"low": low, "high": high}.items() if v is not None}}


def for_whom(text: str) -> Json:
    return {"appliesTo": [{"text": text}]}


@pytest.mark.parametrize(
    ("value", "ranges", "low"),
    [
        (5.0, [normal(6.0), normal(4.0)], None),
        (5.0, [normal(6.0, **years(high=28, unit="d")), normal(4.0)], False),
        (5.0, [normal(6.0, **years(high=1)), normal(4.0, **years(low=18))], False),
        (5.0, [normal(4.0, **years(low=70)), normal(6.0, **years(low=18, high=69))], True),
        (5.0, [normal(6.0, **for_whom("Male")), normal(4.0, **for_whom("Female"))], False),
        (5.0, [normal(6.0, **for_whom("Asian")), normal(4.0)], None),
        (3.5, [normal(4.0, **for_whom("Adult men and women"))], True),
        (3.5, [normal(4.0, **for_whom("Male or female"))], True),
        (3.5, [normal(4.0, **for_whom("Adult men"))], None),
        (3.5, [normal(4.0, type={"text": "Reference range"})], True),
        (3.5, [normal(4.0, type={"text": "Reference Interval"})], True),
        (3.5, [normal(4.0, type={"text": "Critical reference range"})], None),
        (3.0, [normal(6.0), normal(4.0)], True),
        (7.0, [normal(6.0), normal(4.0)], False),
        (5.0, [normal(6.0, **kind("treatment"))], None),
        (5.0, [normal(6.0, **kind("treatment")), normal(4.0, **kind("normal"))], False),
        (5.0, [normal(high=10.0)], None),
    ],
)
def test_which_range_counts(value: float, ranges: list[Json], low: bool | None) -> None:
    woman = PATIENT | {"gender": "female"}
    seen = evaluation_of([woman, observation(WHITE, amount(value, "10*9/L"), referenceRange=ranges)])
    assert seen.define("MastCellLabElements", "White Cells Are Low") is low


def test_the_aim_of_a_treatment_is_no_normal_range() -> None:
    unit = "pg/mg{creat}"
    ranges = [normal(high=100, unit=unit, **kind("treatment")), normal(high=200, unit=unit, **kind("normal"))]
    seen = evaluation_of([observation(LEUKOTRIENE, amount(150, unit), referenceRange=ranges)])
    assert seen.define("MastCellLabElements", "Leukotriene E4 Is Elevated") is False


@pytest.mark.parametrize(
    ("value", "unit", "limit", "limit_unit", "low"),
    [
        (3200, "/uL", 4, "10*9/L", True),
        (4000, "/uL", 4, "10*9/L", False),
        (3.2, "10*9/L", 4000, "{cells}/uL", True),
        (3.2, "/nL", 4, "10*3/uL", True),
        (3.2, "10*9/L", 4, "mg/dL", None),
        (3.2, "10*9/L", 4, "", None),
    ],
)
def test_value_and_range_may_have_different_units(
    value: float, unit: str, limit: float, limit_unit: str, low: bool | None
) -> None:
    end = {"value": limit} | ({"unit": limit_unit, "code": limit_unit} if limit_unit else {})
    seen = evaluation_of([observation(WHITE, amount(value, unit), referenceRange=[{"low": end}])])
    assert seen.define("MastCellLabElements", "White Cells Are Low") is low


def test_the_patient_is_never_what_leaves_a_count_open() -> None:
    """The sex that a range asks for is read, but the Patient is no entry that may be a low white cell count."""
    bundle = example()
    bundle["entry"] = [e for e in bundle["entry"] if e["resource"]["resourceType"] not in ("Observation", "MedicationRequest")]
    whole = observation(WHITE, amount(2900, "/uL"), at="2026-05-28", referenceRange=[{"low": {"value": 4}}])
    bundle["entry"].append(
        {"resource": whole | {"id": "white", "subject": {"reference": "Patient/" + bundle["entry"][0]["resource"]["id"]}}}
    )
    recommendations = {r["id"]: r for r in outcome(bundle)["recommendations"]}
    low = recommendations["leukopenia-in-mast-cell-activation#investigate-causes"]
    (missing,) = [m for m in low["missing"] if m["element"] == "leukopenia"]
    assert low["status"] == "unknown"
    assert not any("Patient/" in why for why in missing.get("because", []))


def test_a_count_of_something_else_is_not_blamed_for_its_unit() -> None:
    """Neutrophils in K/uL, which is read: no platelet count is on record, and not one in a unit that cannot be converted."""
    bundle = example()
    bundle["entry"] = [e for e in bundle["entry"] if e["resource"]["resourceType"] != "Observation"]
    subject = {"reference": "Patient/" + bundle["entry"][0]["resource"]["id"]}
    for number, (value, day) in enumerate((("2.1", "2026-01-10"), ("0.8", "2026-05-31"))):
        found = observation("751-8", {"valueQuantity": {"value": float(value), "unit": "K/uL"}}, at=day)
        bundle["entry"].append({"resource": found | {"id": f"n{number}", "subject": subject}})
    told = outcome(bundle)
    assert not [f for f in told.get("findings", ()) if f["rule"] == "unit-unconvertible"]
    because = [why for r in told["recommendations"] for m in r.get("missing", ()) for why in m.get("because", ())]
    assert not [why for why in because if "K/uL" in why]

"""A diagnosis counts beside a newer value that does not bear it out, and the reader is told of both with their days."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from .evaluating import evaluation_of

Json = dict[str, Any]
BOTH = "MastCellDiagnosesAndValues"
ICD10, LOINC = "http://hl7.org/fhir/sid/icd-10-cm", "http://loinc.org"


def diagnosis(code: str, onset: str = "", recorded: str = "") -> Json:
    return {
        "resourceType": "Condition", "id": "c", "code": {"coding": [{"system": ICD10, "code": code}]},
    } | ({"onsetDateTime": onset} if onset else {}) | ({"recordedDate": recorded} if recorded else {})  # fmt: skip


def count(value: str, at: str = "2026-05-30", code: str = "6690-2", unit: str = "10*3/uL") -> Json:
    return {
        "resourceType": "Observation", "id": f"o{code}", "status": "final", "effectiveDateTime": at,
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "valueQuantity": {"value": Decimal(value), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
        "referenceRange": [{"low": {"value": Decimal("4.0"), "unit": unit, "code": unit}}],
    }  # fmt: skip


def score(value: str, at: str = "2026-05-30") -> Json:
    found = count(value, at, "38267-1", "{T-score}")
    del found["referenceRange"]
    return found


def remark(name: str, *resources: Json) -> str:
    return str(evaluation_of(list(resources)).define(BOTH, f"Remark On {name}") or "")


def test_leukopenia_beside_a_newer_normal_count_is_told_with_both_days() -> None:
    resources = [diagnosis("D72.819", "2019-04-01"), count("6.5")]
    told = remark("White Cells", *resources)
    assert "(2019-04-01)" in told
    assert "6.5 10*3/uL on 2026-05-30" in told
    assert evaluation_of(resources).define("MastCellLabElements", "Has Leukopenia") is True


@pytest.mark.parametrize("code", ["D70.9", "D70.2"])
def test_a_white_cell_count_says_nothing_of_neutrophils(code: str) -> None:
    assert remark("White Cells", diagnosis(code, "2026-04-01"), count("6.1")) == ""


def test_bone_disease_beside_a_newer_normal_score_is_told_with_both_days() -> None:
    resources = [diagnosis("M85.80", recorded="2018-04-01"), score("-0.4")]
    told = remark("Bone Density", *resources)
    assert "(2018-04-01)" in told
    assert "spine -0.4 on 2026-05-30" in told
    assert evaluation_of(resources).define("MastCellBoneElements", "Has Osteopenia Or Osteoporosis") is True


@pytest.mark.parametrize(
    "resources",
    [
        [diagnosis("D72.819", "2019-04-01")],
        [diagnosis("D72.819", "2019-04-01"), count("2.9")],
        [diagnosis("D72.819", "2026-05-31"), count("6.5")],
        [diagnosis("D72.819", "2019-04-01", "2026-05-31"), count("6.5")],
        [diagnosis("D72.819", "2019-04-01"), count("6.5", unit="%")],
    ],
)
def test_nothing_is_told_where_nothing_speaks_against_it(resources: list[Json]) -> None:
    assert remark("White Cells", *resources) == ""


def test_an_old_low_count_says_its_day() -> None:
    assert "2023-01-01" in remark("White Cells", count("2.9", "2023-01-01"))

"""What is missing although there is data says why the data does not help: its unit, its date, its status, its value."""

from __future__ import annotations

import pytest
from tests.apply.features import Json
from tests.apply.small import LOGIC, guideline, observation, plan, run, when

DATED = (
    LOGIC
    + """
// @dataElement: recent
// @display: A count of the last year
define "Recent":
  Last([Observation: "Count Tests"] O
    where (O.effective as FHIR.dateTime).value in Interval[@2025-06-01T00:00:00.0Z, @2026-06-01T12:00:00.0Z]
    sort by (effective as FHIR.dateTime).value).value as Quantity
define "Recent Is Low": "Recent" < 1 '10*9/L'
"""
)


def quantity(**more: object) -> Json:
    return observation(None, valueQuantity={"value": 0.5, **more})


UCUM = {"system": "http://unitsofmeasure.org"}
UNDATED = {name: value for name, value in observation(0.5).items() if name != "effectiveDateTime"}


@pytest.mark.parametrize(
    ("resource", "condition", "words"),
    [
        (quantity(), "Count Is Low", ["has no unit", "a number without a unit cannot be compared with 10*9/L"]),
        (quantity(unit="mg", code="mg", **UCUM), "Count Is Low", ["mg cannot be compared with 10*9/L"]),
        (quantity(unit="K/uL"), "Count Is Low", ["K/uL cannot be compared with 10*9/L"]),
        (observation(None), "Count Is Low", ["it has no value"]),
        (observation(None, dataAbsentReason={"text": "clotted"}), "Count Is Low", ["it has no value (clotted)"]),
        (observation(None, valueString="low"), "Count Is Low", ["its value is no number with a unit (low)"]),
        (observation(0.5, status="preliminary"), "Count Is Low", ["status is preliminary"]),
        (observation(0.5, date="2026-07-01"), "Count Is Low", ["after the evaluation time"]),
        (UNDATED, "Recent Is Low", ["neither an effective nor an issued date"]),
        (observation(0.5, date="2025"), "Recent Is Low", ["its date 2025 is no whole day"]),
    ],
)
def test_why_data_does_not_help(resource: Json, condition: str, words: list[str]) -> None:
    outcome = run(guideline(plan("main", {"id": "a", "title": "A", "condition": [when(condition)]}), cql=DATED), resource)
    (found,) = outcome.recommendations
    assert found.status == "unknown"
    (missing,) = found.missing
    said = "; ".join(missing.because)
    assert all(word in said for word in words), said
    assert "Observation/count" in said or "K/uL" in said or "mg" in said

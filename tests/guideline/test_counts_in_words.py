"""A blood count by a local code or in words is not read as the count, nor passed over: a newer one leaves the count open."""

from __future__ import annotations

from typing import Any

import pytest

from .evaluating import evaluation_of
from .seeing import MIDOSTAURIN
from .test_doubtful_data import count, example, outcome
from .test_elements import plain
from .test_unsaid_by_codes import amount, observation

Json = dict[str, Any]
LOCAL = {"coding": [{"system": "urn:oid:1.2.840.114350.1.13.1", "code": "1230", "display": "NEUTROPHILS ABSOLUTE"}]}
SEVERE = "safety-overlay#severe-cytopenia"


def results(words: str, value: float, unit: str = "10*9/L", at: str = "2026-05-31") -> Json:
    return observation(None, amount(value, unit), text=words, at=at)


@pytest.mark.parametrize(
    ("words", "unit", "counts"),
    [
        ("Neutrophils Absolute", "10*9/L", True),
        ("Absolute Neutrophil Count", "/uL", True),
        ("ANC", "10*3/uL", True),
        ("Neut #", "10*9/L", True),
        ("Neutrophils", "%", False),
        ("Band neutrophils, absolute", "10*9/L", False),
        ("Neutrophils, synovial fluid", "/uL", False),
        ("Hemoglobin", "g/dL", False),
    ],
)
def test_what_may_be_a_newer_neutrophil_count_leaves_it_open(words: str, unit: str, counts: bool) -> None:
    coded = observation("751-8", amount(3.0, "10*9/L"), at="2026-05-28") | {"id": "coded"}
    seen = evaluation_of([coded, results(words, 0.8, unit)])
    assert plain(seen.define("MastCellMidostaurinCounts", "ANC")) == (None if counts else "3 10*9/L")


@pytest.mark.parametrize("at", ["2026-05-28", "2026-05-20"])
def test_one_that_is_as_old_as_the_coded_count_changes_nothing(at: str) -> None:
    coded = observation("751-8", amount(3.0, "10*9/L"), at="2026-05-28") | {"id": "coded"}
    seen = evaluation_of([coded, results("Neutrophils Absolute", 0.8, at=at)])
    assert plain(seen.define("MastCellMidostaurinCounts", "ANC")) == "3 10*9/L"


def test_platelets_and_white_cells_likewise() -> None:
    low = {"referenceRange": [{"low": {"value": 4, "unit": "10*9/L", "code": "10*9/L"}}]}
    coded = [
        observation("777-3", amount(200, "10*9/L"), at="2026-05-27") | {"id": "platelets"},
        observation("6690-2", amount(5, "10*9/L"), at="2026-05-27", **low) | {"id": "white"},
    ]
    for words, define, library, before in (
        ("Platelets", "Platelets", "MastCellMidostaurinCounts", "200 10*9/L"),
        ("WBC", "White Cells Are Low", "MastCellLabElements", False),
    ):
        assert plain(evaluation_of(coded).define(library, define)) == before
        assert evaluation_of([*coded, results(words, 3)]).define(library, define) is None
    assert plain(evaluation_of([*coded, results("Mean platelet volume", 9)]).define("MastCellMidostaurinCounts", "Platelets"))


def severe(*results: Json) -> Any:
    return evaluation_of(list(results)).define("MastCellMidostaurinCounts", "Is Severely Low")


@pytest.mark.parametrize("code", ["751-8", "777-3"])
def test_a_count_in_a_unit_that_cannot_be_read_is_not_called_harmless(code: str) -> None:
    for unit in ("{K}/uL", "103/uL", "mg/dL"):
        assert severe(observation(code, amount(0.3, unit))) is None
    assert severe(observation(code, {"valueQuantity": {"value": 3}})) is None
    assert severe(observation(code, amount(30, "10*9/L"))) is False
    assert severe(observation(code, amount(0.3, "{K}/uL"), at="2025-05-01")) is False, "too old, like one that can be read"
    assert severe(observation(code, amount(0.3, "10*9/L"))) is True
    assert severe() is False


def test_two_counts_of_one_moment_of_which_one_is_severe() -> None:
    given = [observation("751-8", amount(value, "10*9/L")) | {"id": f"o{value}"} for value in (0.3, 3.0)]
    assert severe(*given) is None


def test_the_reason_for_a_severe_count_that_cannot_be_read_is_its_unit() -> None:
    bundle = example()
    bundle["entry"] = [e for e in bundle["entry"] if not e["resource"]["resourceType"].startswith("Medication")]
    count(bundle)["valueQuantity"] = {"value": 0.3, "unit": "{K}/uL"}
    found = next(r for r in outcome(bundle, explain="brief")["recommendations"] if r["id"] == SEVERE)
    assert found["status"] == "unknown"
    (missing,) = [missing for missing in found["missing"] if missing["element"] == "anc"]
    assert any("names a number in braces" in why for why in missing["because"])
    assert [f["rule"] for f in found["findings"]] == ["unit-doubtful"]


@pytest.mark.parametrize("code", [LOCAL, {"text": "Absolute Neutrophil Count"}])
def test_the_dose_decision_names_it_as_the_reason(code: Json) -> None:
    bundle = example()
    count(bundle)["code"] = code
    recommendations = {r["id"]: r for r in outcome(bundle)["recommendations"]}
    interrupt = recommendations[MIDOSTAURIN + "interrupt-anc"]
    assert interrupt["status"] == "unknown"
    because = [why for missing in interrupt["missing"] if missing["element"] == "anc" for why in missing["because"]]
    assert any("Observation/observation-3" in why for why in because)
    assert any("may be a neutrophil count" in str(note) for note in interrupt["notes"])
    assert "No midostaurin for systemic mastocytosis" in recommendations[SEVERE]["reason"]


@pytest.mark.parametrize(
    ("value", "status"), [(0.3, "unknown"), (0.49, "unknown"), (0.5, "does-not-apply"), (3.0, "does-not-apply")]
)
def test_a_severe_count_in_words_is_not_denied(value: float, status: str) -> None:
    bundle = example()
    bundle["entry"] = [e for e in bundle["entry"] if not e["resource"]["resourceType"].startswith("Medication")]
    found = count(bundle)
    found["code"] = LOCAL
    found["valueQuantity"]["value"] = value
    severe = next(r for r in outcome(bundle)["recommendations"] if r["id"] == SEVERE)
    assert severe["status"] == status
    if status == "unknown":
        assert "anc" in [missing["element"] for missing in severe["missing"]]

"""A record with years of laboratory results: the newest counts, and the work grows with their number, not with its square."""

from __future__ import annotations

import json
import random
import sys
from typing import Any

from guideway.apply.moment import moment
from guideway.records.reading import read_resources, select
from tests.guideline.support import guideline

GUIDELINE = guideline()
WHEN = moment("2026-06-01T12:00:00Z")
PATIENT = {"resourceType": "Patient", "id": "p", "birthDate": "1970-01-01"}


def counts(number: int, seed: int) -> list[dict[str, Any]]:
    """Results at days, and at moments of days, in any order."""
    chance = random.Random(seed)
    system, code = sorted(GUIDELINE.terminology.codes(TOXICITY_LABS))[0]
    found = []
    for n in range(number):
        date = f"{chance.randint(2015, 2025)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
        time = f"T{chance.randint(0, 23):02}:30:00Z" if chance.random() < 0.5 else ""
        found.append(
            {
                "resourceType": "Observation", "id": f"o{n}", "status": "final", "subject": {"reference": "Patient/p"},
                "code": {"coding": [{"system": system, "code": code}]}, "effectiveDateTime": date + time,
                "valueQuantity": {"value": 3, "unit": "10*9/L", "system": "http://unitsofmeasure.org", "code": "10*9/L"},
            }
        )  # fmt: skip
    return found


TOXICITY_LABS = next(url for url in GUIDELINE.value_sets if "toxicity-labs" in url)


def last(resources: list[dict[str, Any]]) -> tuple[str, int]:
    """The define's value, and how many functions of the logic were called for it."""
    record = select(read_resources([PATIENT, *json.loads(json.dumps(resources))], "test"), "p")
    evaluation = GUIDELINE.program.evaluation(record, now=WHEN.now, timezone="UTC", terminology=GUIDELINE.terminology)
    calls = 0

    def count(frame: Any, event: str, _: Any) -> None:
        nonlocal calls
        calls += event == "call" and frame.f_code.co_filename.startswith("<cql")

    evaluation.define("MastCellCareElements", "Last Toxicity Labs")
    evaluation = GUIDELINE.program.evaluation(record, now=WHEN.now, timezone="UTC", terminology=GUIDELINE.terminology)
    sys.setprofile(count)
    try:
        value = evaluation.define("MastCellCareElements", "Last Toxicity Labs")
    finally:
        sys.setprofile(None)
    return str(value), calls


def test_the_newest_of_many_is_one_that_none_is_certainly_later_than() -> None:
    for seed in range(20):
        resources = counts(30, seed)
        value, _ = last(resources)
        newest = max(r["effectiveDateTime"][:10] for r in resources)
        assert value[:10] == newest
        times = [r["effectiveDateTime"] for r in resources if r["effectiveDateTime"].startswith(newest)]
        assert value[:16] in {max(times)[:16], newest}


def test_the_work_grows_with_the_number_of_results() -> None:
    few, many = last(counts(50, 1))[1], last(counts(200, 1))[1]
    assert few > 50
    assert many < 5 * few

"""What leaves a result because it is not valid FHIR, and what only looks like it."""

from __future__ import annotations

import pytest

from guideway.fhir.soundness import cleaned

DUE = {"coding": [{"system": "http://loinc.org", "code": "30980-7"}]}


def test_a_code_beside_a_value_makes_no_quantity() -> None:
    recommendation = {
        "vaccineCode": [{"text": "x"}],
        "forecastStatus": {"text": "due"},
        "dateCriterion": [{"code": DUE, "value": "2026-07-01"}],
    }
    resource = {
        "resourceType": "ImmunizationRecommendation",
        "patient": {"reference": "Patient/p"},
        "date": "2026-06-01",
        "recommendation": [recommendation],
    }
    assert cleaned(resource) == (resource, [])


def test_a_unit_code_without_a_system_is_left_out() -> None:
    resource = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    amount = {"value": 1, "code": "mg"}
    kept, faults = cleaned(resource | {"valueQuantity": amount})
    assert kept["valueQuantity"] == {"value": 1}
    assert [place for place, _ in faults] == ["valueQuantity.code"]


@pytest.mark.parametrize(
    ("start", "end", "sound"),
    [
        ("2026-06-01T00:30:00+02:00", "2026-05-31T23:00:00Z", True),
        ("2026-06-01T00:30:00+02:00", "2026-05-31T22:00:00Z", False),
        ("2026-06-01T10:00:00Z", "2026-06-01T10:00:00.5Z", True),
        ("2026-06-01T10:00:00Z", "2026-06-01", True),
        ("2026-06", "2026-06-05", True),
        ("2026-07", "2026-06-05", False),
        ("2026-06-02", "2026-06-01T10:00:00Z", False),
    ],
)
def test_a_period_ends_after_it_starts(start: str, end: str, sound: bool) -> None:
    resource = {
        "resourceType": "CarePlan",
        "status": "draft",
        "intent": "proposal",
        "subject": {"reference": "Patient/p"},
        "period": {"start": start, "end": end},
    }
    kept, faults = cleaned(resource)
    assert kept["period"] == ({"start": start, "end": end} if sound else {"start": start})
    assert bool(faults) is not sound

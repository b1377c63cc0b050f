"""One list of words of low counts: for a diagnosis, for the reason of a stop, and for an order of a marrow study."""

from __future__ import annotations

from typing import Any

import pytest

from .evaluating import evaluation_of, order

Json = dict[str, Any]
ACTIVE: Json = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
FAMOTIDINE = "4278"


@pytest.mark.parametrize(
    ("words", "low"),
    [
        ("Neutropaenia", True),
        ("WBC low", True),
        ("Low absolute neutrophil count", True),
        ("Platelet count decreased", True),
        ("Myelosuppression", True),
        ("Lymphopenia", True),
        ("Pancytopenia", True),
        ("No neutropenia", False),
        ("No low WBC", False),
        ("Thrombocytopenia, resolved", False),
        ("Low blood pressure", False),
        ("Neutrophilia", False),
        ("History of leukopenia", False),
        ("Prior myelosuppression from chemotherapy", False),
    ],
)
def test_a_low_count_as_a_diagnosis(words: str, low: bool) -> None:
    condition = {
        "resourceType": "Condition", "id": "c", "clinicalStatus": ACTIVE, "code": {"text": words},
        "subject": {"reference": "Patient/p"},
    }  # fmt: skip
    assert bool(evaluation_of([condition]).define("MastCellLabElements", "Low Counts Diagnosed")) is low


@pytest.mark.parametrize(
    ("reason", "harm"),
    [
        ("Neutropaenia", True),
        ("Thrombocytopenia", True),
        ("Platelets 40", True),
        ("Low blood pressure", False),
        ("Moved away", False),
    ],
)
def test_a_low_count_as_the_reason_of_a_stop(reason: str, harm: bool) -> None:
    stopped = order(FAMOTIDINE, "stopped", reason)
    found = evaluation_of([stopped]).define("MastCellMedicationRecords", "Not Tolerated Medications")
    assert bool(found) is harm

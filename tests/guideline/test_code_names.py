"""A code that the record gives without words is told by the name that the value sets have for it."""

from __future__ import annotations

from typing import Any

import pytest

from .evaluating import RXNORM, evaluation_of, order
from .support import guideline

NOTES = "MastCellProposalNotes"
Json = dict[str, Any]


def test_every_code_of_a_value_set_that_has_a_name_is_named() -> None:
    sets = [members for members in guideline().value_sets.values() if isinstance(members, list)]
    named = {(m[0], m[1]): m[2] for members in sets for m in members if not isinstance(m, str) and m[2]}
    codes = evaluation_of([]).define("MastCellCodeNames", "Named Codes")
    assert {(code.system, code.code): code.display for code in codes if code.display} == named


@pytest.mark.parametrize(
    ("code", "define", "name"),
    [
        ("302379", "Omalizumab Out Of Date", "omalizumab"),
        ("77655", "Bisphosphonate Out Of Date", "zoledronic acid"),
        ("40575", "Leukotriene Modifier Out Of Date", "zileuton"),
    ],
)
def test_a_drug_that_was_stopped(code: str, define: str, name: str) -> None:
    bare = order(code, "stopped", "Family asked", changed="2026-04-20")
    bare["medicationCodeableConcept"] = {"coding": [{"system": RXNORM, "code": code}]}
    told = evaluation_of([bare]).define(NOTES, define)
    assert told.lower().startswith(f"on record before: {name} stopped 2026-04-20"), told


@pytest.mark.parametrize(
    ("concept", "said"),
    [
        ({"coding": [{"system": RXNORM, "code": "7052"}]}, "morphine (severe)"),
        ({"coding": [{"system": RXNORM, "code": "7052"}], "text": "MS Contin"}, "MS Contin (severe)"),
        ({"coding": [{"system": RXNORM, "code": "7052", "display": "Morphine sulfate"}]}, "Morphine sulfate (severe)"),
        (
            {"coding": [{"system": "http://example.org/own", "code": "m1"}, {"system": RXNORM, "code": "7052"}]},
            "morphine (severe)",
        ),
    ],
)
def test_an_entry_of_the_allergy_list(concept: Json, said: str) -> None:
    allergy = {
        "resourceType": "AllergyIntolerance",
        "id": "a",
        "patient": {"reference": "Patient/p"},
        "criticality": "high",
        "code": concept,
    }
    told = evaluation_of([allergy]).define("MastCellAnesthesiaAllergies", "Opioid Allergy")
    assert told is not None
    assert said in told

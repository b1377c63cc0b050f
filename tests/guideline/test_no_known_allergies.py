"""An entry of the allergy list that says that there is none: by its words, or by the display of its code."""

from __future__ import annotations

from typing import Any

import pytest

from .evaluating import evaluation_of

Json = dict[str, Any]
SNOMED = "http://snomed.info/sct"
ACTIVE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]}


def entries(code: Json, define: str = "Drug Allergens On The List") -> list[Any]:
    allergy = {
        "resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": "Patient/p"}, "category": ["medication"],
        "clinicalStatus": ACTIVE, "code": code,
    }  # fmt: skip
    return list(evaluation_of([allergy]).define("MastCellAllergyElements", define))


@pytest.mark.parametrize(
    "words",
    [
        "No known allergies",
        "NKDA",
        "NKFA",
        "No known food allergy",
        "No known drug or food allergies",
        "No known drug allergies or intolerances",
        "No known allergies (drug, food, environmental)",
        "No known allergies as of 5/2025",
        "Drug allergies: none known",
        "None",
        "Nil known",
    ],
)
def test_a_statement_of_none_is_no_entry(words: str) -> None:
    for code in ({"text": words}, {"coding": [{"system": SNOMED, "code": "429625007", "display": words}]}):
        assert entries(code) == []
        assert entries(code, "Entries That Cannot Be Read") == []
        assert entries(code, "Drugs Not Known As Aspirin Or NSAID") == []


@pytest.mark.parametrize(
    "words",
    [
        "No known allergies except penicillin",
        "NKDA; aspirin - hives",
        "Penicillin: none",
        "None to food, penicillin",
        "No known drug allergies; latex",
        "Unknown",
        "Not asked",
    ],
)
def test_what_names_something_or_says_nothing_is_an_entry(words: str) -> None:
    assert len(entries({"text": words})) == 1


def test_a_code_that_is_not_known_without_words_cannot_be_read() -> None:
    assert entries({"coding": [{"system": SNOMED, "code": "429625007"}]}, "Entries That Cannot Be Read") == ["code 429625007"]

"""When the order of a bone marrow biopsy says of itself that it is the first one (conflict C29)."""

from __future__ import annotations

from typing import Any

import pytest

from .evaluating import evaluation_of

MARROW = {"coding": [{"system": "http://snomed.info/sct", "code": "234326005"}]}


def is_first(**said: Any) -> Any:
    order = {"resourceType": "ServiceRequest", "id": "d", "status": "draft", "intent": "order"}
    found = evaluation_of([], drafts=[order | {"subject": {"reference": "Patient/p"}, "code": MARROW} | said])
    return found.define("MastCellCareElements", "Marrow Is Ordered As The First")


@pytest.mark.parametrize(
    "words",
    [
        "First bone marrow biopsy",
        "initial diagnostic workup",
        "Initial staging",
        "To confirm the diagnosis of systemic mastocytosis",
        "no prior marrow",
        "newly diagnosed",
    ],
)
def test_an_order_can_say_that_it_is_the_first(words: str) -> None:
    assert is_first(reasonCode=[{"text": words}]) is True
    assert is_first(note=[{"text": words}]) is True


@pytest.mark.parametrize(
    "words",
    ["Restaging", "yearly follow-up", "Diagnostic bone marrow; biopsy", "first-degree relative has leukemia", "tryptase high"],
)
def test_other_words_do_not_make_it_the_first(words: str) -> None:
    assert is_first(reasonCode=[{"text": words}]) is False


def test_an_order_without_words_is_not_the_first() -> None:
    assert is_first() is False

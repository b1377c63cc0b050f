"""What a name is: the words that tell one thing from another; which words of forms do not, the guideline says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.apply.small import guideline

from guideway.apply.things import covers, forms_of, same, thing, words

FORMS = frozenset({"capsule", "oral", "extended", "release"})


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Drug A 5 mg oral capsule", {"drug", "a"}),
        ("extended-release drug A, 24 hr", {"drug", "a"}),
        ("A of B", {"a", "b"}),
        ("oral capsule", {"oral", "capsule"}),  # nothing else is left, so these are the name
    ],
)
def test_the_words_that_are_left(name: str, kept: set[str]) -> None:
    assert words(name, FORMS) == kept


def test_without_words_of_forms_only_amounts_are_left_out() -> None:
    assert words("Drug A 5 mg oral capsule") == {"drug", "a", "oral", "capsule"}
    plain, product = {"text": "Drug A"}, {"text": "drug a, 5 mg oral capsule"}
    assert same(thing([plain], FORMS), thing([product], FORMS))
    assert not same(thing([plain]), thing([product]))
    assert covers(thing([plain]), thing([product]))


def test_the_guideline_says_which_words_are_forms() -> None:
    assert forms_of(guideline()) == {"tablet", "tablets", "oral"}
    ours = json.loads((Path(__file__).parents[2] / "plandefinitions/package.json").read_text("utf-8"))["guideway"]["formWords"]
    assert {"tablet", "capsule", "solution", "injection"} <= set(ours)

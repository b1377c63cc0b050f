"""A code that the record gives without words is called what the guideline's value sets call it."""

from __future__ import annotations

import pytest
from tests.apply.features import CANONICAL, A, Json, one
from tests.apply.small import ACTIVE, BASE, TABLET_A, activity, allergy, guideline, medication

from guideway.apply.code_names import code_name, concept_name, displays_of
from guideway.apply.facts import facts_of
from guideway.apply.words import proposal_text
from guideway.guideline.compiling import names_of_codes

LOCAL = f"{BASE}/CodeSystem/local"
BARE: Json = {"coding": [{"system": LOCAL, "code": "a"}]}


def test_the_name_comes_from_an_expansion_that_holds_the_code() -> None:
    compiled = guideline()
    assert code_name(compiled, LOCAL, "count2") == "Blue cells, other method"
    assert code_name(compiled, "http://other", "a") is None
    assert code_name(compiled, None, "a") is None


@pytest.mark.parametrize(
    ("concept", "said"),
    [
        (BARE, "Tablet A"),
        ({"system": LOCAL, "code": "a"}, "Tablet A"),
        ({"coding": [{"system": "http://other", "code": "9"}, {"system": LOCAL, "code": "a"}]}, "Tablet A"),
        ({"coding": [{"system": LOCAL, "code": "a", "display": "Alpha"}]}, "Alpha"),
        (BARE | {"text": "the white one"}, "the white one"),
        ({"coding": [{"system": "http://other", "code": "9"}]}, "9"),
        ({"coding": [{"code": "a"}]}, "a"),
        ({"coding": ["x", {}]}, None),
        ("active", "active"),
        (None, None),
    ],
)
def test_words_of_the_record_come_first(concept: Json, said: str | None) -> None:
    assert concept_name(concept, displays_of(guideline())) == said


def test_of_several_names_that_of_the_first_value_set_counts() -> None:
    rows = {"b": [(LOCAL, "a", "second"), (LOCAL, "b", "B")], "a": [(LOCAL, "a", "first"), (LOCAL, "b", None)], "c": "unknown"}
    assert names_of_codes(rows | {"codesystem x": ["a"]}) == {LOCAL: {"a": "first", "b": "B"}}


def test_facts_and_requests_are_named() -> None:
    displays = displays_of(guideline())
    assert facts_of(medication(BARE), displays).display == "Tablet A"
    stopped = medication(TABLET_A, status="stopped", statusReason=BARE)
    assert facts_of(stopped, displays).said == "Tablet A"
    answer: Json = {"resourceType": "Observation", "valueCodeableConcept": BARE}
    assert facts_of(answer, displays).value == "Tablet A"
    assert proposal_text(medication(BARE), displays) == "Tablet A (prescription)"
    assert proposal_text(medication(BARE)) == "a (prescription)"


def test_conflicts_name_what_is_on_record() -> None:
    request = activity(productCodeableConcept=TABLET_A)
    action = {**A, "definitionCanonical": CANONICAL}
    (known,) = one(action, request, data=(allergy(BARE, **ACTIVE),)).outcome.conflicts
    assert known.text.endswith("allergy or intolerance to Tablet A is on record")
    (taken,) = one(action, request, data=(medication(BARE),)).outcome.conflicts
    assert taken.text.endswith("and Tablet A is already being taken")

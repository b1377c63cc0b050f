"""Answers however a response holds them: in groups, below answers, in words, without a date of its own, amended."""

from __future__ import annotations

from typing import Any

import pytest

from guideway.apply.run import apply_guideline
from guideway.records.reading import read_resources

from .evaluating import PATIENT, evaluation_of
from .support import BASE, guideline

Json = dict[str, Any]
ATTESTED = "MastCellAttestationElements"


def response(*items: Json, authored: str | None = "2026-05-01", id_: str = "r", **more: Any) -> Json:
    found = {"resourceType": "QuestionnaireResponse", "id": id_, "status": "completed", "item": list(items)}
    found |= {"questionnaire": f"{BASE}/Questionnaire/clinical-course", "subject": {"reference": "Patient/p"}}
    return found | ({"authored": authored} if authored else {}) | more


def answer(link: str = "organDamage", **value: Any) -> Json:
    return {"linkId": link, "answer": [value]}


def group(*items: Json, deep: int) -> Json:
    found: Json = {"linkId": f"g{deep}", "item": list(items)}
    return found if deep == 1 else group(found, deep=deep - 1)


def attested(*responses: Json, define: str = "Organ Damage Attested") -> Any:
    return evaluation_of(list(responses)).define(ATTESTED, define)


YES = answer(valueBoolean=True)
NO = answer(valueBoolean=False)


@pytest.mark.parametrize("deep", [1, 2, 3, 5])
def test_in_groups(deep: int) -> None:
    assert attested(response(group(YES, deep=deep))) is True


def test_below_an_answer() -> None:
    above = {"linkId": "progressionSigns", "answer": [{"valueBoolean": True, "item": [NO]}]}
    assert attested(response(above)) is False


@pytest.mark.parametrize(
    ("words", "expected"), [("Yes", True), ("no", False), ("True", True), ("N", False), ("perhaps", None), ("not sure", None)]
)
def test_yes_or_no_in_words(words: str, expected: bool | None) -> None:
    assert attested(response(answer(valueString=words))) is expected


@pytest.mark.parametrize(
    "words", ["Not tolerated", "not-tolerated", "No", "no.", "Does not tolerate", "doesn't tolerate it", "no, hives"]
)
def test_a_choice_in_words(words: str) -> None:
    seen = evaluation_of([response(answer("aspirinTolerance", valueString=words))])
    assert seen.define("MastCellTherapyElements", "Aspirin Tolerance") == "not-tolerated"


@pytest.mark.parametrize("words", ["got hives last time", "no data", "yes"])
def test_an_answer_in_other_words_leaves_aspirin_unknown(words: str) -> None:
    seen = evaluation_of([response(answer("aspirinTolerance", valueString=words))])
    assert seen.define("MastCellTherapyElements", "Aspirin Tolerance") is None
    assert seen.define("MastCellTherapyElements", "Has Severe NSAID Reaction") is None


@pytest.mark.parametrize("words", ["Not tested", "untested", "Tolerated", "unknown"])
def test_an_offered_answer_in_words_leaves_nothing_open(words: str) -> None:
    seen = evaluation_of([response(answer("aspirinTolerance", valueString=words))])
    assert seen.define("MastCellTherapyElements", "Has Severe NSAID Reaction") is False


def test_without_a_date_the_moment_it_was_stored_counts() -> None:
    stored = {"meta": {"lastUpdated": "2026-05-02T10:00:00Z"}}
    assert attested(response(YES, authored=None, **stored)) is True
    assert attested(response(YES, authored=None, **stored), response(NO, authored="2026-05-03", id_="s")) is False


def test_without_any_date_it_is_not_read_and_that_is_said() -> None:
    undated = response(YES, authored=None)
    assert attested(undated) is None
    sick = {
        "resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "70910003"}]},
    }  # fmt: skip
    entries = [{"resource": r} for r in (PATIENT, sick, undated)]
    (record,) = read_resources([{"resourceType": "Bundle", "type": "collection", "entry": entries}], "p")
    outcome = apply_guideline(guideline(), record, as_of="2026-06-01").as_json()
    (finding,) = [f for f in outcome["findings"] if f["rule"] == "date-missing"]
    assert "QuestionnaireResponse/r: it does not say when it was filled in" in finding["message"]


def test_of_two_at_one_moment_the_amended_one_wins() -> None:
    amended = response(NO, id_="s", status="amended")
    assert attested(response(YES), amended) is False
    assert attested(response(YES), response(NO, id_="s")) is None
    assert attested(response(YES, authored="2026-05-02"), amended) is True

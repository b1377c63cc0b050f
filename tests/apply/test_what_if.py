"""What if a datum were different: settings read, data changed, differences told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from tests.apply.small import (
    AS_OF,
    LOGIC,
    QUESTIONNAIRE,
    TABLET_A,
    activity,
    agreement,
    expression,
    guideline,
    medication,
    observation,
    plan,
    record,
    when,
)

from guideway.apply.comparing import Comparison, compare
from guideway.apply.moment import moment
from guideway.apply.outcome import PatientOutcome
from guideway.apply.possible import answers, in_known_words, must_be_in_range
from guideway.apply.run import apply_guideline
from guideway.apply.what_if import change, settings_of
from guideway.diagnostics import GuidewayError
from guideway.guideline.compiled import CompiledGuideline

Json = dict[str, Any]

PLAN = plan(
    "main",
    {"id": "low", "title": "Low", "condition": [when("Count Is Low")]},
    {"id": "agrees", "title": "Agrees", "condition": [when("Agrees")]},
    {"id": "off", "title": "Off", "condition": [when("Not On A")]},
    {"id": "level", "title": "Level", "condition": [when("Level Over Count")]},
)


def changed(compiled: CompiledGuideline, settings: list[str], *data: Json) -> tuple[PatientOutcome, Comparison, list[str]]:
    """The outcome with the settings, what of it is different, and what was done."""
    before = apply_guideline(compiled, record(*data), as_of=AS_OF)
    found = change(record(*data), settings_of(settings, compiled), compiled, moment(AS_OF))
    outcome = apply_guideline(compiled, found.record, as_of=AS_OF, overrides=found.overrides)
    return outcome, compare(before, outcome), found.notes


def after(settings: list[str], *data: Json) -> tuple[dict[str, str], dict[str, tuple[str | None, str | None]], list[str]]:
    outcome, comparison, notes = changed(guideline(PLAN), settings, *data)
    differences = {d.key: (d.before, d.after) for d in comparison.recommendations}
    return {r.action: r.status for r in outcome.recommendations}, differences, notes


def test_a_computed_dose_is_a_change() -> None:
    values = [{"path": "dosageInstruction[0].doseAndRate[0].dose", "expression": expression("Dose By Level")}]
    by_level = activity(productCodeableConcept=TABLET_A, dosage=[{"text": "by level"}], dynamicValue=values)
    logic = LOGIC + 'define "Dose By Level": "Level" * 2.0\n'
    asking = plan("main", {"id": "a", "title": "A", "definitionCanonical": by_level["url"]})
    outcome, comparison, _ = changed(guideline(asking, by_level, cql=logic), ["level=9 10*9/L"], observation(3, "level"))
    (difference,) = comparison.recommendations
    dose = "MedicationRequest.dosageInstruction[0].doseAndRate[0].doseQuantity.value"
    assert difference.details == [f"{dose}: 6.0 → 18.0"]
    (words,) = outcome.recommendations[0].proposals.values()
    assert words == "Tablet A: by level (18.0 10*9/L) (prescription)"


def test_conflicts_are_changes() -> None:
    take = activity(productCodeableConcept=TABLET_A)
    compiled = guideline(plan("main", {"id": "a", "title": "A", "definitionCanonical": take["url"]}), take)
    _, comparison, _ = changed(compiled, ["onTabletA=true"])
    assert [c.rule for c in comparison.new_conflicts] == ["already-active"]
    assert list(comparison.lines()) == [("New conflict", "Tablet A is proposed, and Tablet A is already being taken")]
    _, comparison, _ = changed(compiled, ["onTabletA="], medication())
    assert [c.rule for c in comparison.gone_conflicts] == ["already-active"]
    assert comparison.as_json().keys() == {"changes", "conflicts"}


def test_the_order_is_a_change() -> None:
    urgency = [{"path": "priority", "expression": expression("Urgency")}]
    first, second = (activity(n, "Task", code={"text": n}) for n in ("first", "second"))
    second |= {"dynamicValue": urgency}
    logic = LOGIC + """define "Urgency": if "Agrees" then 'stat' else 'routine'\n"""
    both = ({"id": a["id"], "title": a["id"], "definitionCanonical": a["url"]} for a in (first, second))
    _, comparison, _ = changed(guideline(plan("main", *both), first, second, cql=logic), ["agrees=true"], agreement(False))
    assert comparison.order == ["main#second", "main#first"]
    assert ("Order", "second → first") in comparison.lines()


def test_a_measurement_is_added_with_its_value_unit_and_date() -> None:
    statuses, differences, notes = after(["count=0.8 10*9/L@2026-05-30"])
    assert statuses["low"] == "applies"
    assert differences["main#low"] == ("unknown", "applies")
    assert notes == ["Blue cell count: 0.8 10*9/L as Observation of 2026-05-30"]


def test_the_latest_measurement_counts_and_the_unit_may_be_left_out() -> None:
    assert after(["count=0.8"], observation(5))[0]["low"] == "applies"
    assert after(["count=0.8@2020-01-01"], observation(5))[0]["low"] == "does-not-apply"
    assert after(["Count=0.8"], observation(5))[0]["low"] == "applies"


def test_a_number_without_a_unit_is_told_with_the_unit_it_was_taken_in() -> None:
    (note,) = after(["count=0.8@2026-05-30"])[2]
    assert note == "Blue cell count: 0.8 10*9/L (the element's own unit; none was given) as Observation of 2026-05-30"


def test_an_answer_is_given_and_a_drug_added() -> None:
    assert after(["agrees=true"])[0]["agrees"] == "applies"
    assert after(["agrees=false"])[0]["agrees"] == "does-not-apply"
    statuses, differences, _ = after(["onTabletA=true"])
    assert (statuses["off"], differences["main#off"]) == ("does-not-apply", ("applies", "does-not-apply"))


def test_data_is_taken_away() -> None:
    statuses, _, notes = after(["onTabletA="], medication())
    assert statuses["off"] == "applies"
    assert "without MedicationRequest/rx" in notes[0]
    assert after(["count=unknown"], observation(0.5))[0]["low"] == "unknown"


def test_without_a_way_into_the_record_the_define_is_replaced() -> None:
    statuses, _, notes = after(["onTabletA=false"], medication())
    assert statuses["off"] == "applies"
    assert "in place of what its logic gives" in notes[0]


def test_a_range_may_be_open_and_one_that_is_none_is_named() -> None:
    element = replace(guideline(PLAN).element_named("count"), tags=(("range", "..12.5"),))
    must_be_in_range(element, Decimal("-3"), guideline(PLAN))
    with pytest.raises(GuidewayError, match=r"13 10\*9/L is not possible; write a number of 12.5 or less, in 10\*9/L"):
        must_be_in_range(element, Decimal("13"), guideline(PLAN))
    with pytest.raises(GuidewayError, match=r"define 'Count': @range: 3 is no range; write, for example, 0\.\.130"):
        must_be_in_range(replace(element, tags=(("range", "3"),)), Decimal("13"), guideline(PLAN))


def test_the_answers_and_the_range_of_a_questionnaires_item_count() -> None:
    url = "http://hl7.org/fhir/StructureDefinition/"
    item: Json = {"linkId": "tone", "type": "choice"}
    item |= {"answerOption": [{"valueCoding": {"code": "low", "display": "Low tone"}}, {"valueString": "high"}]}
    item |= {"extension": [{"url": f"{url}minValue", "valueInteger": 1}, {"url": f"{url}maxValue", "valueDecimal": 2.5}]}
    asked = QUESTIONNAIRE | {"item": [item]}
    compiled = guideline(PLAN, asked)
    element = replace(compiled.element_named("agrees"), question=f"{asked['url']}#tone", type="System.String")
    assert [answer.word for answer in answers(element, compiled)] == ["low", "high"]
    assert [in_known_words(element, text, compiled) for text in ("Low tone", "HIGH", "|low")] == ["low", "high", "low"]
    with pytest.raises(GuidewayError, match="'loud' is none of its answers; there are: low, high"):
        in_known_words(element, "loud", compiled)
    with pytest.raises(GuidewayError, match=r"3 is not possible; write a number of 1 to 2\.5"):
        must_be_in_range(element, Decimal(3), compiled)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cuont=1", r"nearest are: count \(Blue cell count\)"),
        ("blue cells=1", "nearest are: count"),
        ("count", "write name=value"),
        ("onTabletA=perhaps", "is not a Boolean"),
        ("count=0,4 10*9/L", r"has a comma; write the number with a point: count=0\.4 10\*9/L"),
        ("count=< 1,5", r"write the number with a point: count=< 1\.5"),
        ("count=0.4 10*9/L@30.05.2026", r"'30\.05\.2026' is no day; write it as count=0\.4 10\*9/L@YYYY-MM-DD"),
    ],
)
def test_bad_settings_say_what_to_write(text: str, words: str) -> None:
    with pytest.raises(GuidewayError, match=words):
        after([text])

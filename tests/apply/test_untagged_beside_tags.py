"""In logic that tags data elements, what is missing is one of them wherever one stands behind what is open, never a step.

The first of a list that no element stands for is named as before."""

from __future__ import annotations

from typing import Any

import pytest
from tests.apply.small import AS_OF, agreement, guideline, observation, plan, record, when

from guideway.apply.run import apply_guideline

Json = dict[str, Any]
CQL = """
library Logic version '1.0.0'
using FHIR version '4.0.1'
include FHIRHelpers version '4.0.1'
codesystem "Local": 'http://example.org/small/CodeSystem/local'
code "count code": 'count' from "Local"
code "other code": 'other' from "Local"
parameter maxAge Integer
context Patient

define "Counts": [Observation: "count code"] O where O.status = 'final'

// @dataElement: count
define "Count": Last("Counts" O sort by (effective as FHIR.dateTime).value).value as Quantity

// @dataElement: agrees
define "Agrees": Last(flatten([QuestionnaireResponse] R return all (R.item I
    where I.linkId = 'agree' return (First(I.answer).value as FHIR.boolean).value)))

define "Decision": case
    when Coalesce("Count" < 1 'mg', false) then 'stop'
    when Coalesce("Count" >= 1 'mg', false) then 'go on'
    else null
  end
define "Last Taken": Last("Counts" O sort by (effective as FHIR.dateTime).value).effective as FHIR.dateTime
define "Led To It": Coalesce(if exists ("Counts" C where C.value < 1 'mg') then true else null, "Agrees")
define "Is In Doubt": case when exists "Counts" then true else null end
define "Is Old": case when maxAge is not null then AgeInYears() > maxAge when "Count" is null then null else false end
define "Harm Is Unclear":
  if exists ([QuestionnaireResponse] R where exists (R.item I where I.linkId = 'x')) then false else null
// @dataElement: tolerated
define "Tolerated": case when "Harm Is Unclear" then false else "Agrees Alone" end
define "Agrees Alone": Last(flatten([QuestionnaireResponse] R return all (R.item I
    where I.linkId = 'alone' return (First(I.answer).value as FHIR.boolean).value)))
define "Other Kind": First([Observation: "other code"]).value as Quantity
"""
CONDITIONS = {
    "\"Decision\" = 'go on'": ["count"],
    '(if "Decision" is null then null else "Decision" in { \'go on\' }) and "Agrees"': ["count", "agrees"],
    '(if "Decision" is null then null else "Decision" in { \'go on\' }) and "Agrees" and "Tolerated"': [
        "count",
        "agrees",
        "tolerated",
    ],
    '"Led To It"': ["agrees"],
    '"Count" > 1 \'mg\' and difference in days between "Last Taken".value and Now() < 9': ["count"],
    '"Is Old"': ["count"],
    '"Other Kind" > 1 \'mg\' and "Agrees"': ["agrees", "Other Kind"],
    '"Other Kind" > "Count"': ["count", "Other Kind"],
    '"Harm Is Unclear"': ["tolerated"],
}


def missing(condition: str, *data: Json) -> list[str]:
    action = {"id": "a", "title": "a", "condition": [when("Asked")]}
    made = guideline(plan("main", action), cql=f'{CQL}\ndefine "Asked": {condition}', hygiene="none")
    assert not made.findings, [finding.as_text() for finding in made.findings]
    (found,) = apply_guideline(made, record(*data), as_of=AS_OF, explain=False).recommendations
    assert found.status == "unknown"
    return [m.element for m in found.missing]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_step_on_the_way_is_named_by_the_elements_that_it_rests_on(condition: str) -> None:
    assert missing(condition) == CONDITIONS[condition]


def test_an_element_that_has_a_value_is_named_where_nothing_else_leaves_it_open() -> None:
    logic = 'case when "Agrees" then null else false end'
    assert missing(logic, agreement(True)) == ["agrees"]
    assert missing('"Is In Doubt"', observation(None, "other")) == ["Observation of Blue cells"]


def test_data_on_record_without_a_value_is_not_taken_for_an_element_that_reads_other_data() -> None:
    level = """(First([Observation: "other code"]).value as Quantity) > "Count\""""
    found = missing(level, observation(None, "other", id="o"))
    assert found == ["count", "Observation/o.value"]

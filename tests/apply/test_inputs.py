"""What an action's input asks for: the data that it names and no other, or an error that says what is not followed."""

from __future__ import annotations

from typing import Any

import pytest
from tests.apply.features import A, Json
from tests.apply.small import AS_OF, BASE, activity, expression, guideline, observation, plan, record, run

from guideway.apply.activity_operation import apply_activity_definition

COUNTS = {"path": "code", "valueSet": f"{BASE}/ValueSet/count-tests"}
DAYS = {"value": 30, "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"}


def of_input(text: str, *data: Json, **needs: Any) -> Any:
    needed = {"id": "labs", "type": "Observation", "codeFilter": [COUNTS], **needs}
    action = {**A, "input": [needed], "condition": [{"kind": "applicability", "expression": expression(text, "text/fhirpath")}]}
    (found,) = run(guideline(plan("main", action)), *data).recommendations
    return found


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ({"codeFilter": [{"path": "code", "valueSet": "http://none.example/ValueSet/x"}]}, "http://none.example/ValueSet/x"),
        ({"codeFilter": [{"path": "color", "code": [{"code": "red"}]}]}, "color, which is no element of Observation"),
        ({"codeFilter": [{"searchParam": "code", "code": [{"code": "count"}]}]}, "search parameter code"),
        ({"codeFilter": ["x"]}, "codeFilter that is none"),
        ({"codeFilter": [{"path": "code", "code": [{"code": "count"}]}]}, "asks for count, which has no system"),
        ({"codeFilter": [{"path": "code", "code": [{"display": "Blue"}]}]}, "asks for Blue, which has no system"),
        ({"dateFilter": [{"path": "effective", "valueDuration": DAYS}]}, "dateFilter, which is not evaluated"),
        ({"sort": [{"path": "effective", "direction": "descending"}]}, "sort, which is not evaluated"),
        ({"limit": 1}, "limit, which is not evaluated"),
        ({"type": "Nothing"}, "no element of Nothing"),
        ({"type": {"a": 1}}, "names no type"),
    ],
)
def test_what_is_not_followed_of_an_input_is_an_error_and_no_wrong_answer(needs: Json, said: str) -> None:
    data = observation(0.5, date="2020-01-01"), observation(0.5, "potassium")
    failed = of_input("%labs.exists()", *data, **needs)
    assert failed.status == "error"
    assert said in failed.reason
    other = of_input("true", *data, **needs)
    assert other.status == "applies"
    assert {f.rule for f in other.findings} & {"input-unsupported", "action-invalid"}


def test_a_code_filter_that_is_none_is_an_error_in_cql_too() -> None:
    needed = {"id": "labs", "type": "Observation", "codeFilter": COUNTS}
    condition = {"kind": "applicability", "expression": expression("exists labs", "text/cql-expression")}
    (found,) = run(guideline(plan("main", {**A, "input": [needed], "condition": [condition]})), observation(0.5)).recommendations
    assert (found.status, "codeFilter that is none" in found.reason) == ("error", True)


def test_an_input_that_is_followed() -> None:
    final = {"path": "status", "code": [{"code": "final"}]}
    assert of_input("%labs.exists()", observation(0.5), mustSupport=["code"]).status == "applies"
    assert of_input("%labs.exists()", observation(0.5, "potassium")).status == "does-not-apply"
    assert of_input("%labs.exists()", observation(0.5), codeFilter=[COUNTS, final]).status == "applies"
    assert of_input("%labs.exists()", observation(0.5, status="amended"), codeFilter=[COUNTS, final]).status == "does-not-apply"


def test_a_long_chain_of_plans_takes_no_longer_than_its_length() -> None:
    link = [
        plan(
            f"p{n}",
            {"id": "next", "definitionCanonical": f"{BASE}/PlanDefinition/p{n + 1}"},
            goal=[{"description": {"text": "g"}}],
        )
        for n in range(40)
    ]
    outcome = run(guideline(*link, plan("p40", {"id": "leaf", "title": "leaf"})))
    assert [r.key for r in outcome.recommendations] == ["p40#leaf"]
    assert len(outcome.tree.goals) == 40


def test_a_retired_activity_is_applied_when_it_is_asked_for() -> None:
    retired = activity("old", "ServiceRequest", code={"text": "x"}, status="retired")
    found = guideline(retired)
    request = apply_activity_definition(found, found.resolve(retired["url"]), record(), as_of=AS_OF)
    assert request["resourceType"] == "ServiceRequest"
    assert "retired" in request["contained"][0]["issue"][0]["diagnostics"]

"""Conditions that are written out where they stand: what they are called in reasons, evidence and views."""

from __future__ import annotations

from typing import Any

import pytest
from tests.apply.small import BASE, expression, guideline, observation, plan, run

TEXT = '"Count Is Low"\n  and "Agrees"'
FHIRPATH = "Patient.birthDate.exists() and Patient.deceased = true"


@pytest.mark.parametrize(
    ("language", "text", "more", "said"),
    [
        ("text/cql-expression", TEXT, {}, '"Count Is Low" and "Agrees"'),
        ("text/cql-expression", TEXT, {"name": "lowAgrees"}, "lowAgrees"),
        ("text/cql-expression", TEXT, {"name": "lowAgrees", "description": "Low, and agrees."}, "Low, and agrees"),
        ("text/cql", TEXT, {"name": "lowAgrees"}, "lowAgrees"),
        ("text/cql-identifier", "Count Is Low And Agrees", {"name": "lowAgrees"}, "Count Is Low And Agrees"),
        ("text/fhirpath", FHIRPATH, {"name": "born"}, "born"),
        ("text/fhirpath", FHIRPATH, {}, FHIRPATH),
    ],
)
def test_a_condition_is_called_by_its_description_or_its_name_or_its_text(
    language: str, text: str, more: dict[str, Any], said: str
) -> None:
    condition = {"kind": "applicability", "expression": expression(text, language, **more)}
    outcome = run(guideline(plan("main", {"id": "a", "title": "A", "condition": [condition]})), observation(0.5))
    (found,) = outcome.recommendations
    assert found.reason.partition(": ")[2] == said
    assert "Expression 1" not in str(outcome.as_json())


def test_what_no_data_element_stands_behind_is_named_by_the_text() -> None:
    condition = {"kind": "applicability", "expression": expression("null as Boolean", "text/cql-expression")}
    outcome = run(guideline(plan("main", {"id": "a", "title": "A", "condition": [condition]})))
    (found,) = outcome.recommendations
    assert [missing.element for missing in found.missing] == ["null as Boolean"]


LABS = {"id": "labs", "type": "Observation", "codeFilter": [{"path": "code", "valueSet": f"{BASE}/ValueSet/count-tests"}]}
X = {"system": "urn:x", "code": "x", "display": "An X"}
OTHER = {"id": "other", "type": "Observation", "codeFilter": [{"path": "code", "code": [X]}]}
WITHOUT_SYSTEM = {"id": "other", "type": "Observation", "codeFilter": [{"code": [{"code": "x", "display": "An X"}]}]}


@pytest.mark.parametrize(
    ("text", "status", "absent"),
    [
        ("%labs.exists()", "does-not-apply", ["Count tests (Observation)"]),
        ("%labs.empty()", "applies", ["Count tests (Observation)"]),
        ("%labs.where(status = 'final').exists()", "does-not-apply", ["Count tests (Observation)"]),
        ("%labs.empty() and %other.exists()", "does-not-apply", ["An X (Observation)"]),
        ("%labs.empty() or %other.exists()", "applies", ["Count tests (Observation)"]),
        ("%labs.exists() or %other.exists()", "does-not-apply", ["Count tests (Observation)", "An X (Observation)"]),
        ("%encounter.exists()", "does-not-apply", []),
    ],
)
def test_that_an_input_is_empty_is_evidence_where_it_decides(text: str, status: str, absent: list[str]) -> None:
    condition = {"kind": "applicability", "expression": expression(text, "text/fhirpath")}
    outcome = run(guideline(plan("main", {"id": "a", "title": "A", "input": [LABS, OTHER], "condition": [condition]})))
    (found,) = outcome.recommendations
    assert found.status == status
    assert [evidence.display for evidence in found.evidence if evidence.absent] == absent
    assert all(evidence.why == text for evidence in found.evidence)


def test_what_an_unknown_condition_has_none_of_is_missing() -> None:
    condition = {"kind": "applicability", "expression": expression("%labs.value.value < 1", "text/fhirpath", name="low")}
    outcome = run(guideline(plan("main", {"id": "a", "title": "A", "input": [LABS], "condition": [condition]})))
    (found,) = outcome.recommendations
    assert (found.status, found.evidence) == ("unknown", [])
    assert [supply.text for missing in found.missing for supply in missing.supply] == [
        "Record Count tests (Observation), for: low"
    ]


def in_cql(text: str, *inputs: dict[str, Any], **more: Any) -> Any:
    condition = {"kind": "applicability", "expression": expression(text, "text/cql-expression")}
    return plan("main", {"id": "a", "title": "A", "input": list(inputs), "condition": [condition]}, **more)


CODED = {"id": "my-labs", "type": "Observation", "codeFilter": [{"path": "code", "code": [
    {"system": f"{BASE}/CodeSystem/local", "code": "count"}, {"system": f"{BASE}/CodeSystem/local", "code": "level"},
]}]}  # fmt: skip
PATIENTS = {"id": "everything", "type": "Observation"}


@pytest.mark.parametrize("more", [{}, {"library": []}])
@pytest.mark.parametrize(
    ("text", "inputs", "without", "with_low"),
    [
        ("exists labs", [LABS], "does-not-apply", "applies"),
        ("exists(labs L where L.status = 'final')", [LABS], "does-not-apply", "applies"),
        ("First(labs).value < 1 '10*9/L'", [LABS], "unknown", "applies"),
        ('exists "my-labs" and exists everything', [CODED, PATIENTS, LABS], "does-not-apply", "applies"),
        ("not exists labs", [{**LABS, "codeFilter": [*LABS["codeFilter"], *WITHOUT_SYSTEM["codeFilter"]]}], "error", "error"),
        ("exists labs", [{**LABS, "limit": 1}], "error", "error"),
    ],
)
def test_cql_that_is_written_out_sees_the_inputs_by_their_id(
    text: str, inputs: list[dict[str, Any]], without: str, with_low: str, more: dict[str, Any]
) -> None:
    compiled = guideline(in_cql(text, *inputs, **more))
    nothing, low = run(compiled), run(compiled, observation(0.5))
    assert [nothing.recommendations[0].status, low.recommendations[0].status] == [without, with_low]
    if low.recommendations[0].status == "applies":
        assert "Observation/count-2026-05-20" in {e.resource for e in low.recommendations[0].evidence}
        named = [e.display for e in nothing.recommendations[0].evidence if e.absent]
        named += [m.display for m in nothing.recommendations[0].missing]
        assert named


def test_that_an_input_is_empty_is_evidence_in_cql_too() -> None:
    (found,) = run(guideline(in_cql("exists labs", LABS))).recommendations
    assert [(e.display, e.absent, e.why) for e in found.evidence] == [("Count tests (Observation)", True, "exists labs is false")]


def test_actions_have_each_its_own_input_of_one_id() -> None:
    actions = []
    for name, code in (("a", "count"), ("b", "level")):
        needs = {
            "id": "labs",
            "type": "Observation",
            "codeFilter": [{"code": [{"system": f"{BASE}/CodeSystem/local", "code": code}]}],
        }
        inner = {"id": f"{name}-in", "title": "In", "condition": [
            {"kind": "applicability", "expression": expression("exists labs", "text/cql-expression")}
        ]}  # fmt: skip
        actions.append({**inner, "id": name, "input": [needs], "action": [inner]})
    outcome = run(guideline(plan("main", *actions)), observation(0.5, code="level"))
    found = {r.action: r for r in outcome.recommendations}
    assert (found["a-in"].status, found["b-in"].status) == ("does-not-apply", "error")  # an input is its own action's


def test_a_name_of_the_library_is_what_the_library_says() -> None:
    low = {**LABS, "id": "Count"}
    outcome = run(guideline(in_cql("\"Count\" < 1 '10*9/L'", low)), observation(0.5))
    assert outcome.recommendations[0].status == "applies"

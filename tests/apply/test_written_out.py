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
OTHER = {"id": "other", "type": "Observation", "codeFilter": [{"code": [{"code": "x", "display": "An X"}]}]}


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

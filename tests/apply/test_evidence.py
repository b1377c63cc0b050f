"""Evidence names the facts that decided, with their own values, whatever form the logic has."""

from __future__ import annotations

from typing import Any

from tests.apply.features import Json, made, one
from tests.apply.small import BASE, LOGIC, agreement, medication, observation, plan, when

from guideway.apply.outcome import Recommendation


def decided(define: str, *data: Json, cql: str = LOGIC, **condition: Any) -> Recommendation:
    """The recommendation of an action with one condition."""
    action = {"id": "a", "title": "A", "condition": [when(define, **condition)]}
    (found,) = one(action, data=data, cql=cql).outcome.recommendations
    return found


def test_an_answer_is_shown_as_what_was_answered() -> None:
    for answer in (True, False):
        (evidence,) = decided("Agrees", agreement(answer)).evidence
        assert (evidence.element, evidence.resource, evidence.value) == ("agrees", "QuestionnaireResponse/answers", answer)


def test_a_request_is_shown_with_its_status() -> None:
    (evidence,) = decided("On Tablet A", medication()).evidence
    assert (evidence.resource, evidence.value) == ("MedicationRequest/rx", "active")


def test_that_a_result_is_final_is_no_value_of_it() -> None:
    cql = (
        LOGIC
        + """
define "Measured": exists [Observation: "Count Tests"]

// @dataElement: tested
// @display: Was tested
define "Tested": exists [Observation: "Count Tests"]
"""
    )
    bare = observation(None)
    (evidence,) = decided("Measured", bare, cql=cql).evidence
    assert (evidence.resource, evidence.value) == ("Observation/count-2026-05-20", None)
    (evidence,) = decided("Tested", bare, cql=cql).evidence
    assert (evidence.element, evidence.resource, evidence.value) == ("tested", "Observation/count-2026-05-20", True)


def test_a_condition_spelt_out_is_explained_as_one_that_is_named() -> None:
    """Unqualified names in CQL that stands in the plan are the library's own: its elements, its parameters."""
    text = '"Count Is Low" and "Agrees" and "Level" is not null'
    cql = LOGIC + f'\ndefine "Named": {text}\n'
    for data in ((), (observation(0.5),), (agreement(True),), (observation(5),), (observation(0.5), agreement(False))):
        named = decided("Named", *data, cql=cql)
        for language in ("text/cql-expression", "text/cql"):
            inline = decided(text, *data, cql=cql, language=language)
            assert inline.status == named.status
            assert [m.as_json() for m in inline.missing] == [m.as_json() for m in named.missing]
            assert [(e.element, e.resource, e.value, e.absent) for e in inline.evidence] == [
                (e.element, e.resource, e.value, e.absent) for e in named.evidence
            ]
    (asked,) = decided('"Agrees" and true', language="text/cql-expression").missing
    assert (asked.element, asked.supply[0].link_id) == ("agrees", "agree")


def test_a_parameter_reaches_a_condition_spelt_out() -> None:
    action = {"id": "a", "title": "A", "condition": [when('"Count".value < "Limit"', language="text/cql-expression")]}
    assert one(action, data=(observation(5),)).statuses() == {"a": "does-not-apply"}
    assert one(action, data=(observation(5),), parameters={"Limit": "9.5"}).statuses() == {"a": "applies"}
    assert one(action, data=(observation(5),), parameters={"Logic.Limit": "9.5"}).statuses() == {"a": "applies"}


def test_a_condition_in_fhirpath_names_what_it_looked_at() -> None:
    needs = {"id": "cells", "type": "Observation", "codeFilter": [{"path": "code", "valueSet": f"{BASE}/ValueSet/count-tests"}]}
    texts = {
        "born": "birthDate < @2000-01-01",
        "low": "%cells.where(value.value < 1.0).exists()",
        "neither": "(gender = 'male') and %cells.exists()",
        "open": "maritalStatus.text = 'x'",
    }
    actions = [
        {"id": name, "title": name, "input": [needs], "condition": [when(text, language="text/fhirpath")]}
        for name, text in texts.items()
    ]
    found = {r.action: r for r in made(plan("main", *actions), data=(observation(0.5),)).outcome.recommendations}
    cell = ("Observation/count-2026-05-20", "0.5")
    seen = {name: [(e.resource, str(e.value)) for e in r.evidence] for name, r in found.items()}
    patient = ("Patient/p", "None")
    assert seen == {"born": [patient], "low": [cell], "neither": [cell, patient], "open": [patient]}
    assert found["born"].evidence[0].date == "1980-02-03"
    (missing,) = found["open"].missing
    assert missing.supply[0].type == "Patient"
    assert "maritalStatus" in missing.supply[0].text

"""What is malformed in a definition is named and left out; what follows from a definition cannot be set; nothing is hidden."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.apply.small import (
    ACTIVE,
    AS_OF,
    BASE,
    TABLET_A,
    activity,
    allergy,
    expression,
    guideline,
    medication,
    plan,
    record,
    run,
    when,
)

from guideway.apply.care_plan import bundle, care_plan
from guideway.apply.moment import moment
from guideway.apply.run import apply_guideline
from guideway.apply.what_if import change, parse_setting
from guideway.diagnostics import GuidewayError
from guideway.fhir.check import check_resource
from guideway.guideline.compiled import open_guideline

Json = dict[str, Any]

TAKE = f"{BASE}/ActivityDefinition/take-a"
BARE_RANGE: Json = {"low": {"value": 1, "code": "wk"}, "high": {"value": 2, "code": "wk"}}


def sound(outcome: Any) -> Json:
    """The CarePlan, which must be valid, as must be the Bundle."""
    result = care_plan(outcome)
    for resource in (result, bundle(outcome)):
        assert not [d.as_text() for d in check_resource(resource) if d.severity.value == "error"]
    return result


def request_of(found: Json) -> Json:
    (request,) = (c for c in found["contained"] if c["resourceType"] in ("MedicationRequest", "Procedure"))
    return dict(request)


def rules(outcome: Any) -> list[str]:
    return [f.rule for r in outcome.recommendations for f in r.findings]


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"definitionCanonical": 5}, "definition-unresolved"),
        ({"definitionCanonical": ["x"]}, "definition-unresolved"),
        ({"goalId": 5}, None),
        ({"goalId": [5]}, None),
        ({"timingAge": "x y"}, "request-invalid"),
        ({"timingRange": BARE_RANGE}, "action-invalid"),
    ],
)
def test_a_malformed_action(more: Json, rule: str | None) -> None:
    drug = activity("take-a", productCodeableConcept=TABLET_A)
    outcome = run(guideline(plan("main", {"id": "a", "definitionCanonical": TAKE, **more}), drug))
    sound(outcome)
    assert rule is None or rule in rules(outcome)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("MedicationRequest", {"productCodeableConcept": {}}),
        ("MedicationRequest", {"productCodeableConcept": {"coding": [5]}}),
        ("MedicationRequest", {"code": {}}),
        ("Procedure", {"timingRange": BARE_RANGE}),
        ("Procedure", {"timingRange": "x y"}),
    ],
)
def test_a_malformed_activity(kind: str, more: Json) -> None:
    outcome = run(guideline(plan("main", {"id": "a", "definitionCanonical": TAKE}), activity("take-a", kind, **more)))
    sound(outcome)
    assert [r.status for r in outcome.recommendations] == ["applies"]


def with_value(path: str, value: str, *, on_action: bool = False) -> Any:
    dynamic = [{"path": path, "expression": expression(value, "text/cql-expression")}]
    drug = activity("take-a", productCodeableConcept=TABLET_A, **({} if on_action else {"dynamicValue": dynamic}))
    action: Json = {"id": "a", "definitionCanonical": TAKE, **({"dynamicValue": dynamic} if on_action else {})}
    return run(guideline(plan("main", action), drug))


def test_an_id_that_is_set_is_the_one_referred_to() -> None:
    found = sound(with_value("id", "'chosen'"))
    assert request_of(found)["id"] == "chosen"
    assert found["contained"][0]["action"][0]["resource"] == {"reference": "#chosen"}


@pytest.mark.parametrize("path", ["action.id", "action.action.title", "action.resource"])
def test_what_follows_from_the_definition_is_not_set(path: str) -> None:
    outcome = with_value(path, "'x'", on_action=True)
    sound(outcome)
    assert rules(outcome) == ["dynamic-value-path"]


def test_a_participant_can_be_set() -> None:
    found = sound(with_value("action.participant[0]", "'Practitioner/x'", on_action=True))
    assert found["contained"][0]["action"][0]["participant"] == [{"reference": "Practitioner/x"}]


def test_a_quantity_by_its_general_name() -> None:
    found = sound(with_value("dosageInstruction.doseAndRate.dose.ofType(Quantity)", "5 'mg'"))
    assert request_of(found)["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["unit"] == "mg"


def test_an_open_proposal_hides_no_conflict() -> None:
    plans = plan(
        "main",
        {"id": "a", "definitionCanonical": TAKE},
        {"id": "n", "definitionCanonical": f"{BASE}/ActivityDefinition/no-a"},
    )
    drug = activity("take-a", productCodeableConcept=TABLET_A)
    against = activity("no-a", productCodeableConcept=TABLET_A, doNotPerform=True)
    outcome = run(guideline(plans, drug, against), allergy(**ACTIVE), medication(intent="proposal", id="open"))
    assert any("Already proposed" in note for note in outcome.recommendations[0].notes)
    assert {c.rule for c in outcome.conflicts} >= {"for-and-against", "allergy"}
    sound(outcome)


LIMITS = """
library Logic version '1.0.0'
using FHIR version '4.0.1'
include FHIRHelpers version '4.0.1'
codesystem "Local": 'http://example.org/small/CodeSystem/local'
code "Level code": 'level' from "Local"
context Patient
// @dataElement: level
define "Level": Last([Observation: "Level code"] O sort by id).value as Quantity
// @dataElement: other
define "Other": First([Observation: "Level code"] O sort by id).value as Quantity
define "Above 3, And Below 1 Or Other": not ("Level" < 3 'mg') and ("Level" < 1 'mg' or "Other" > 0 'mg')
define "Above 3, And Below 1, Unless Other": (not ("Level" < 3 'mg') and 1 'mg' > "Level") or "Other" > 0 'mg'
"""


def test_limits_of_one_number_go_together() -> None:
    """What is not below 3 is not below 1: then the level alone never decides the second condition."""
    g = guideline(
        plan(
            "main",
            {"id": "both", "title": "1", "condition": [when("Above 3, And Below 1 Or Other")]},
            {"id": "one", "title": "2", "condition": [when("Above 3, And Below 1, Unless Other")]},
        ),
        cql=LIMITS,
    )
    missing = {r.action: sorted(m.element for m in r.missing) for r in run(g).recommendations}
    assert missing["both"] == ["level", "other"]
    assert "other" in missing["one"]


def test_a_yes_or_no_question_takes_no_other_text() -> None:
    g = guideline(plan("main", {"id": "a", "condition": [when("Agrees")]}))
    with pytest.raises(GuidewayError, match="yes-or-no"):
        change(record(), [parse_setting("agrees=banana", g)], g, moment(AS_OF, "UTC"))


def test_yes_to_a_question_with_other_answers_sets_the_element() -> None:
    """The question about a therapy's response offers responses, not yes and no."""
    asks = {
        "resourceType": "Questionnaire",
        "id": "choose",
        "url": f"{BASE}/Questionnaire/choose",
        "status": "draft",
        "item": [{"linkId": "agree", "type": "choice", "answerOption": [{"valueCoding": {"code": "well"}}]}],
    }
    cql = (
        LIMITS
        + f"""
// @dataElement: poor
// @question: {BASE}/Questionnaire/choose#agree
define "Poor": null as Boolean
"""
    )
    g = guideline(plan("main", {"id": "a", "condition": [when("Poor")]}), asks, cql=cql)
    changed = change(record(), [parse_setting("poor=true", g)], g, moment(AS_OF, "UTC"))
    assert list(changed.overrides.values()) == [True]


def test_what_nests_too_deeply_to_be_kept_is_applied_all_the_same(tmp_path: Path) -> None:
    action: Json = {"id": "leaf", "title": "leaf"}
    for number in range(400):
        action = {"id": f"g{number}", "title": "group", "action": [action]}
    source = tmp_path / "deep.json"
    source.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": plan("main", action)}]}))
    for _ in range(2):
        outcome = apply_guideline(open_guideline(str(source)), record(), as_of=AS_OF)
        assert [r.status for r in outcome.recommendations] == ["applies"]
        assert [f.rule for r in outcome.recommendations for f in r.findings] == ["action-depth"]

"""ActivityDefinition/$apply, $data-requirements, and the outcome's schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.apply.small import (
    AS_OF,
    BASE,
    TABLET_A,
    activity,
    expression,
    guideline,
    medication,
    observation,
    plan,
    record,
    run,
    when,
)

import guideway.apply
from guideway.apply.activity_operation import apply_activity_definition
from guideway.apply.care_plan import result_bundle
from guideway.apply.data_requirements import module_definition, requirements_of_plan
from guideway.apply.outcome import dumps
from guideway.diagnostics import GuidewayError
from guideway.fhir.check import check_resource

Json = dict[str, Any]
SCHEMA = json.loads((Path(guideway.apply.__file__).parent / "outcome.schema.json").read_text())


def errors(resource: Json) -> list[str]:
    return [d.as_text() for d in check_resource(resource) if d.severity.value == "error"]


def test_an_activity_alone_becomes_its_request() -> None:
    dynamic = [{"path": "note.text", "expression": expression("Title")}, {"path": "priority", "expression": expression("Empty")}]
    compiled = guideline(activity(productCodeableConcept=TABLET_A, dynamicValue=dynamic))
    found = compiled.resolve(f"{BASE}/ActivityDefinition/take-a")
    assert found is not None
    request = apply_activity_definition(compiled, found, record(), as_of=AS_OF, practitioner="Practitioner/d")
    assert (request["resourceType"], request["id"], request["status"]) == ("MedicationRequest", "take-a", "draft")
    assert request["instantiatesCanonical"] == [f"{BASE}/ActivityDefinition/take-a|1.0.0"]
    assert request["note"] == [{"text": "A computed title"}]
    assert request["contained"][0]["issue"][0]["details"]["text"] == "dynamic-value-null"
    assert errors(request) == []


def test_an_activity_of_no_kind_says_so() -> None:
    compiled = guideline(activity(kind="Party"))
    found = compiled.resolve(f"{BASE}/ActivityDefinition/take-a")
    assert found is not None
    with pytest.raises(GuidewayError, match="'Party' is not one"):
        apply_activity_definition(compiled, found, record(), as_of=AS_OF)


def test_data_requirements_follow_from_the_logic_of_every_plan_reached() -> None:
    stated = {"type": "Procedure"}
    inner = plan("inner", {"id": "b", "title": "B", "condition": [when("Not On A")], "input": [stated]})
    outer = plan("main", {"id": "a", "condition": [when("Count Is Low")], "definitionCanonical": f"{BASE}/PlanDefinition/inner"})
    compiled = guideline(outer, inner)
    found = requirements_of_plan(compiled, compiled.plan("main"))
    assert found == [
        {"type": "Medication", "mustSupport": ["code", "id"]},
        {"type": "MedicationRequest", "mustSupport": ["medication.reference", "status"]},
        {
            "type": "MedicationRequest",
            "mustSupport": ["medication.reference", "status"],
            "codeFilter": [{"path": "medication", "valueSet": f"{BASE}/ValueSet/tablet-a"}],
        },
        {
            "type": "Observation",
            "mustSupport": ["effective", "status", "value"],
            "codeFilter": [{"path": "code", "valueSet": f"{BASE}/ValueSet/count-tests"}],
        },
        stated,
    ]
    assert requirements_of_plan(compiled, compiled.plan("inner"))[0]["type"] == "Medication"


def test_a_module_definition_is_a_valid_library() -> None:
    compiled = guideline(plan("main", {"id": "a", "title": "A", "condition": [when("Level Over Count")]}))
    library = module_definition(compiled, compiled.plan("main"))
    assert errors(library) == []
    assert library["parameter"] == [{"name": "Limit", "use": "in", "min": 0, "max": "1", "type": "decimal"}]
    assert {r["resource"] for r in library["relatedArtifact"]} == {f"{BASE}/Library/Logic|1.0.0", f"{BASE}/ValueSet/count-tests"}
    level = [r for r in library["dataRequirement"] if "code" in r["codeFilter"][0]]
    assert level[0]["codeFilter"] == [{"path": "code", "code": [{"system": f"{BASE}/CodeSystem/local", "code": "level"}]}]


def rich_outcome(**options: Any) -> Any:
    actions = [
        {"id": name, "title": name, "condition": [when(define)], "definitionCanonical": f"{BASE}/ActivityDefinition/take-a"}
        for name, define in {"t": "True", "f": "False", "n": "Count Is Low And Agrees", "e": "Fails", "c": "Count Is Low"}.items()
    ]
    actions[0]["documentation"] = [{"type": "citation", "label": "key, line 3", "citation": "C", "url": "http://x.org"}]
    compiled = guideline(plan("main", *actions, usage="U"), activity(productCodeableConcept=TABLET_A))
    bad = observation(3, date="2027-01-01")
    return run(compiled, observation(0.8), bad, medication(), **options)


@pytest.mark.parametrize("explain", [False, True, "none"])
@pytest.mark.parametrize("policy", ["cpg", "cqf", "spec"])
def test_every_outcome_follows_the_schema(explain: bool | str, policy: str) -> None:
    document = json.loads(dumps(rich_outcome(explain=explain, policy=policy).as_json()))
    jsonschema.validate(document, SCHEMA)
    assert document["counts"]["applies"] == 2


def test_the_schema_is_a_schema_and_closed() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = json.loads(dumps(rich_outcome().as_json()))
    document["recommendations"][0]["surprise"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)


def test_several_patients_come_as_one_bundle_of_care_plans() -> None:
    outcomes = [rich_outcome(), rich_outcome()]
    result = result_bundle(outcomes)
    assert [e["resource"]["resourceType"] for e in result["entry"]] == ["CarePlan", "CarePlan"]
    assert result["entry"][0]["fullUrl"].startswith("urn:uuid:")


def test_excluded_data_that_would_have_counted_is_listed() -> None:
    outcome = rich_outcome()
    found = {r.action: r for r in outcome.recommendations}["c"]
    assert [(e.resource, e.rule) for e in found.excluded] == [("Observation/count-2027-01-01", "future-dated")]
    assert [e.resource for e in outcome.excluded] == ["Observation/count-2027-01-01"]

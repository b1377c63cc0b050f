"""Artifacts and produced resources: what is valid, and every kind of invalid, with the pointer to it."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest

from guideway.fhir.check import check_resource

Json = dict[str, Any]

PLAN: Json = {
    "resourceType": "PlanDefinition",
    "id": "plan",
    "url": "https://example.org/PlanDefinition/plan",
    "status": "draft",
    "date": "2026-05",
    "extension": [{"url": "http://example.org/x", "valueString": "y"}],
    "action": [
        {
            "id": "a",
            "title": "A",
            "condition": [{"kind": "applicability", "expression": {"language": "text/cql-identifier", "expression": "X"}}],
            "selectionBehavior": "any",
            "definitionCanonical": "https://example.org/ActivityDefinition/a",
        },
    ],
}
CARE_PLAN: Json = {
    "resourceType": "CarePlan",
    "id": "c",
    "status": "draft",
    "intent": "proposal",
    "subject": {"reference": "Patient/p"},
    "period": {"start": "2026-01-01", "end": "2026-02-01"},
    "contained": [
        {
            "resourceType": "RequestGroup",
            "id": "rg",
            "status": "draft",
            "intent": "proposal",
            "action": [{"resource": {"reference": "#mr"}}],
        },
        {
            "resourceType": "MedicationRequest",
            "id": "mr",
            "status": "draft",
            "intent": "proposal",
            "subject": {"reference": "Patient/p"},
            "medicationCodeableConcept": {"text": "x"},
            "dosageInstruction": [
                {
                    "doseAndRate": [
                        {"doseQuantity": {"value": Decimal("0.50"), "system": "http://unitsofmeasure.org", "code": "mg"}}
                    ]
                }
            ],
        },
    ],
    "activity": [{"reference": {"reference": "#rg"}}],
}


@pytest.mark.parametrize("resource", [PLAN, CARE_PLAN])
def test_a_valid_resource_has_no_findings(resource: Json) -> None:
    assert check_resource(resource) == []


def changed(resource: Json, pointer: str, value: Any) -> Json:
    result = copy.deepcopy(resource)
    node: Any = result
    *path, last = pointer.strip("/").split("/")
    for step in path:
        node = node[int(step)] if isinstance(node, list) else node[step]
    if value is None:
        del node[int(last) if isinstance(node, list) else last]
    elif isinstance(node, list):
        node[int(last)] = value
    else:
        node[last] = value
    return result


@pytest.mark.parametrize(
    ("resource", "pointer", "value", "rule"),
    [
        (PLAN, "/status", "finished", "code-unknown"),
        (PLAN, "/status", None, "element-missing"),
        (PLAN, "/action/0/selectionBehavior", "some", "code-unknown"),
        (PLAN, "/action/0/condition/0/kind", "whenever", "code-unknown"),
        (PLAN, "/action/0/condition/0/kind", None, "element-missing"),
        (PLAN, "/action", [], "array-empty"),
        (PLAN, "/action/0/condition/0/expression", {}, "object-empty"),
        (PLAN, "/id", "x" * 65, "id-invalid"),
        (PLAN, "/date", "30.5.2026", "date-invalid"),
        (PLAN, "/title", 7, "json-type"),
        (PLAN, "/colour", "red", "element-unknown"),
        (PLAN, "/subjectCanonical", "http://example.org/x", "element-unknown"),
        (PLAN, "/extension/0/url", "x", "extension-url-relative"),
        (PLAN, "/extension/0/url", "http://example.org/x|1", "extension-url-versioned"),
        (PLAN, "/extension/0/valueString", None, "extension-value"),
        (PLAN, "/extension/0/extension", [{"url": "y", "valueString": "z"}], "extension-value"),
        (PLAN, "/action/0/definitionCanonical", "#none", "reference-local-dangling"),
        (PLAN, "/action/0/definitionUri", "http://example.org/x", "choice-twice"),
        (CARE_PLAN, "/activity/0/reference/reference", "#nothing", "reference-local-dangling"),
        (CARE_PLAN, "/activity/0", {"reference": {"reference": "Patient/p"}}, "reference-type"),
        (CARE_PLAN, "/contained/0/action/0/resource/reference", "#rg", "contained-unused"),
        (CARE_PLAN, "/contained/0/contained", [{"resourceType": "Patient", "id": "q"}], "contained-nested"),
        (CARE_PLAN, "/contained/1/id", "rg", "contained-id-twice"),
        (CARE_PLAN, "/contained/1/meta", {"versionId": "1"}, "contained-meta"),
        (CARE_PLAN, "/contained/1/medicationCodeableConcept", None, "element-missing"),
        (CARE_PLAN, "/contained/1/dosageInstruction/0/doseAndRate/0/doseQuantity/system", None, "quantity-code-without-system"),
        (CARE_PLAN, "/contained/1/subject/reference", "Practitioner/x", "reference-type"),
        (CARE_PLAN, "/contained/1/resourceType", "Prescription", "resource-type-unknown"),
        (CARE_PLAN, "/period/end", "2025-01-01", "period-backwards"),
        (CARE_PLAN, "/resourceType", "Plan", "resource-type-unknown"),
    ],
)
def test_each_kind_of_invalid_is_found_where_it_is(resource: Json, pointer: str, value: Any, rule: str) -> None:
    found = check_resource(changed(resource, pointer, value), "x.json")
    assert rule in [d.rule for d in found], found
    assert all(d.file == "x.json" and d.severity.value == "error" for d in found)
    (finding,) = [d for d in found if d.rule == rule][:1]
    assert finding.message.endswith(".")
    if rule not in ("contained-unused", "choice-twice"):
        assert (finding.pointer or "").startswith(pointer.rpartition("/")[0])


def test_what_only_the_classes_know_is_found() -> None:
    resource = {"resourceType": "Questionnaire", "status": "draft", "item": [{"linkId": "1", "type": "string", "maxLength": "x"}]}
    assert [d.pointer for d in check_resource(resource)] == ["/item/0/maxLength"]


@pytest.mark.parametrize(
    "odd", [None, 7, [], "x", {}, {"resourceType": None}, {"resourceType": "Patient", "contained": [7, None, {}]}]
)
def test_nothing_makes_it_fail(odd: Any) -> None:
    assert check_resource(odd)


def test_resources_in_a_bundle_or_parameters_have_their_own_contained_resources() -> None:
    for whole in (
        {"resourceType": "Parameters", "parameter": [{"name": "return", "resource": CARE_PLAN}]},
        {"resourceType": "Bundle", "type": "collection", "entry": [{"fullUrl": "urn:uuid:1", "resource": CARE_PLAN}]},
    ):
        assert [d.rule for d in check_resource(whole)] == [d.rule for d in check_resource(CARE_PLAN)]
    broken = copy.deepcopy(CARE_PLAN)
    del broken["contained"]
    (only,) = check_resource({"resourceType": "Parameters", "parameter": [{"name": "return", "resource": broken}]})
    assert only.rule == "reference-local-dangling"
    assert str(only.pointer).startswith("/parameter/0/resource/")

"""Nothing is dropped in silence: what failed, what does not go together and what is missing is told in every form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.apply.features import CANONICAL, HL7
from tests.apply.small import TABLET_A, activity, guideline, plan, run, when

from guideway.apply.care_plan import bundle, care_plan, requests_bundle
from guideway.apply.outcome import PatientOutcome, dumps
from guideway.fhir.check import check_resource

Json = dict[str, Any]
ALLERGY: Json = {
    "resourceType": "AllergyIntolerance",
    "id": "al",
    "patient": {"reference": "Patient/p"},
    "code": TABLET_A,
    "clinicalStatus": {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]
    },
}
ACTIONS: tuple[Json, ...] = (
    {"id": "a", "title": "A", "definitionCanonical": CANONICAL},
    {"id": "f", "title": "F", "condition": [when("Fails")]},
    {"id": "u", "title": "U", "condition": [when("Agrees")]},
    {"id": "x", "title": "X", "definitionCanonical": "http://gone.example"},
)


def _outcome(policy: str) -> PatientOutcome:
    return run(guideline(plan("main", *ACTIONS), activity(productCodeableConcept=TABLET_A)), ALLERGY, policy=policy)


def _entries(form: Json) -> dict[str, list[Json]]:
    made = json.loads(dumps(form))
    assert not [d.as_text() for d in check_resource(form) if d.severity.value == "error"]
    found: dict[str, list[Json]] = {}
    for entry in made["entry"]:
        found.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
    return found


@pytest.mark.parametrize("policy", ["cpg", "spec"])
@pytest.mark.parametrize("form", [bundle, requests_bundle])
def test_every_form_says_what_failed_what_conflicts_and_what_is_missing(form: Any, policy: str) -> None:
    outcome = _outcome(policy)
    found = _entries(form(outcome))
    (messages,) = found["OperationOutcome"]
    rules = {issue["details"]["text"] for issue in messages["issue"]}
    assert {"expression-failed", "definition-unresolved"} <= rules
    (conflict,) = [r for r in found["DetectedIssue"] if r["id"].startswith("conflict-")]
    (request,) = found["MedicationRequest"]
    assert {"reference": f"MedicationRequest/{request['id']}"} in conflict["implicated"]
    assert {"reference": "AllergyIntolerance/al"} in conflict["implicated"]
    (guidance,) = found["GuidanceResponse"]
    assert guidance["status"] == "data-required"
    contained = [r for r in care_plan(outcome)["contained"] if r["resourceType"] in ("DetectedIssue", "OperationOutcome")]
    assert [r["id"] for r in contained] == [r["id"] for r in [*found["DetectedIssue"], messages]]
    made = {f"{kind}/{r['id']}" for kind, of in found.items() for r in of}
    assert _references(found) <= made | {"Patient/p", "AllergyIntolerance/al"}
    if form is bundle:
        (group,) = found["RequestGroup"]
        named = {"url": HL7 + "cqf-messages", "valueReference": {"reference": f"OperationOutcome/{messages['id']}"}}
        assert named in group["extension"]


def _references(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(_references, value))
    if not isinstance(value, dict):
        return set()
    own = {value["reference"]} if isinstance(value.get("reference"), str) else set()
    return own.union(*map(_references, value.values()))


def test_the_flattened_requests_of_the_reference_say_what_failed() -> None:
    found = _entries(requests_bundle(_outcome("cqf")))
    assert list(found) == ["MedicationRequest", "OperationOutcome"]


def test_a_task_that_stands_alone_is_based_on_no_group() -> None:
    task = activity(kind="Task", code={"text": "Look"})
    outcome = run(guideline(plan("main", ACTIONS[0]), task))
    (flat,), (grouped,) = _entries(requests_bundle(outcome))["Task"], _entries(bundle(outcome))["Task"]
    assert ("basedOn" in flat, grouped["basedOn"]) == (False, [{"reference": "RequestGroup/main"}])

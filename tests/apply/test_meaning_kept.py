"""What changes the meaning of a request stays with it under every policy: "not to be done" is never lost on the way."""

from __future__ import annotations

from typing import Any

import pytest
from tests.apply.features import HL7, Json
from tests.apply.small import BASE, TABLET_A, activity, guideline, plan, run

from guideway.apply.care_plan import bundle, care_plan, requests, requests_bundle
from guideway.apply.kinds import KINDS
from guideway.apply.outcome import PatientOutcome
from guideway.apply.words import proposal_text
from guideway.fhir.check import check_resource

POLICIES = ("cpg", "cqf", "spec")
EVENTS = ("Communication", "DiagnosticReport", "Procedure")
KIND = "http://hl7.org/fhir/uv/cpg/StructureDefinition/cpg-activity-kind"
AGAINST = {"url": HL7 + "request-doNotPerform", "valueBoolean": True}
MODIFIER = {"url": "http://example.org/modifier", "valueBoolean": True}
OTHER = {"url": "http://example.org/other-modifier", "valueCode": "x"}


def outcome_of(kind: str, policy: str, action: Json | None = None, plan_has: Json | None = None, **more: Any) -> PatientOutcome:
    if kind in EVENTS:
        more["extension"] = [{"url": KIND, "valueCode": kind}]
    made = activity("do", "Task" if kind in EVENTS else kind, code={"text": "it"}, productCodeableConcept=TABLET_A, **more)
    step = {"id": "a", "title": "A", "definitionCanonical": f"{BASE}/ActivityDefinition/do", **(action or {})}
    outcome = run(guideline(plan("main", step, **(plan_has or {})), made), policy=policy)
    for form in (care_plan(outcome), bundle(outcome), requests_bundle(outcome)):
        assert not [d.as_text() for d in check_resource(form) if d.severity.value == "error"]
    return outcome


def rules(outcome: PatientOutcome) -> list[str]:
    return [finding.rule for each in outcome.recommendations for finding in each.findings]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("kind", KINDS)
def test_not_to_be_done_under_every_policy(kind: str, policy: str) -> None:
    outcome = outcome_of(kind, policy, doNotPerform=True, modifierExtension=[MODIFIER])
    in_plan = [r for r in care_plan(outcome)["contained"] if r["resourceType"] == kind]
    in_bundle = [e["resource"] for e in bundle(outcome)["entry"] if e["resource"]["resourceType"] == kind]
    for (request,) in (in_plan, in_bundle, requests(outcome)):
        assert request.get("doNotPerform") is True or AGAINST in request["modifierExtension"]
        assert MODIFIER in request["modifierExtension"]
        assert proposal_text(request).endswith(", not to be done)")


@pytest.mark.parametrize("policy", POLICIES)
def test_modifier_extensions_of_plan_and_action(policy: str) -> None:
    outcome = outcome_of("Task", policy, {"modifierExtension": [MODIFIER]}, {"modifierExtension": [OTHER]})
    (group,) = (r for r in care_plan(outcome)["contained"] if r["resourceType"] == "RequestGroup")
    assert group["modifierExtension"] == [OTHER]
    assert group["action"][0]["modifierExtension"] == [MODIFIER]
    (request,) = requests(outcome)
    assert request["modifierExtension"] == [MODIFIER]
    assert [f.rule for f in outcome.findings] == ["plan-modifier"]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    "more",
    [
        {"doNotPerform": "true"},
        {"doNotPerform": [True]},
        {"_doNotPerform": {"extension": [MODIFIER]}},
        {"modifierExtension": [{"url": "none", "valueBoolean": True}]},
        {"modifierExtension": [{"url": MODIFIER["url"], "valueBoolean": "true"}]},
        {"modifierExtension": ["x"]},
    ],
)
def test_what_may_mean_the_opposite_is_no_request(more: Json, policy: str) -> None:
    outcome = outcome_of("ServiceRequest", policy, **more)
    assert requests(outcome) == []
    assert "request-invalid" in rules(outcome)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_transform_and_a_participant_of_no_type_are_named_under_every_policy(policy: str) -> None:
    outcome = outcome_of("Task", policy, transform=f"{BASE}/StructureMap/x", participant=[{"type": "robot"}])
    assert rules(outcome) == ["transform-unsupported", "request-invalid"]

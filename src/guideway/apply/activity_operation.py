"""ActivityDefinition/$apply: the one request that an activity stands for, for one patient.

The same code as a plan with a single action, so that dynamic values, policies and findings are the same; findings come as a
contained OperationOutcome that the request refers to. http://hl7.org/fhir/R4/activitydefinition-operation-apply.html
"""

from __future__ import annotations

from typing import Any

from guideway.apply.audience import Audience, audience_of, reason_to_skip
from guideway.apply.care_plan import requests
from guideway.apply.explanation_resources import messages_of
from guideway.apply.names import MESSAGES, Ids
from guideway.apply.reference_forms import reference_messages
from guideway.apply.run import apply_guideline
from guideway.diagnostics import GuidewayError
from guideway.guideline.compiled import CompiledGuideline
from guideway.guideline.package import Artifact

Json = dict[str, Any]


def apply_activity_definition(guideline: CompiledGuideline, activity: Artifact, record: Any, **options: Any) -> Json:
    """The request; ``options`` are those of ``apply_guideline`` (``as_of`` is needed). ``GuidewayError`` where none can be
    made, or the activity is meant for somebody else (``audience``)."""
    audience = audience_of(**{name: options.get(name) for name in Audience.__struct_fields__})
    reason = reason_to_skip({**activity.resource, "status": "draft"}, audience)
    if reason is not None:
        raise GuidewayError(f"{activity.canonical}: no request is made: {reason}")
    libraries = activity.resource.get("library")
    plan: Json = {"resourceType": "PlanDefinition", "id": activity.id, "status": "draft"}
    if libraries:
        plan["library"] = libraries
    # Contained and by id, so that an activity without a URL can be applied too.
    inner = {**activity.resource, "id": "activity"}
    plan |= {"contained": [inner], "action": [{"definitionCanonical": "#activity"}]}
    outcome = apply_guideline(guideline, record, plans=[Artifact(plan, activity.file)], hook=None, explain="none", **options)
    (recommendation,) = outcome.recommendations
    made = requests(outcome)
    if not made:
        found = "; ".join(f.message for f in recommendation.findings) or recommendation.reason
        raise GuidewayError(f"{activity.canonical}: no request can be made: {found}", recommendation.findings)
    (request,) = made
    request["id"] = activity.id
    if request["resourceType"] == "Task":
        request.pop("basedOn", None)
    if outcome.tree.policy.reference_forms:
        problems = reference_messages(recommendation.findings, activity.id)
    else:
        problems = messages_of([(finding, None) for finding in recommendation.findings], Ids([activity.id]))
    if problems is not None:
        request["contained"] = [*request.get("contained", []), problems]
        reference = {"url": MESSAGES, "valueReference": {"reference": f"#{problems['id']}"}}
        request["extension"] = [*request.get("extension", []), reference]
    return request

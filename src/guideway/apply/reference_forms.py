"""The result as the Java reference implementation gives it (policy ``cqf``): what it keeps and drops, its ids, references, order.

Takes an outcome and gives the CarePlan, the Bundle or the requests, as ``care_plan`` does for the other policies. A RequestGroup
holds every action whose conditions are met, one of nothing is still there, and what the reference has no line for (prefix,
participants, behaviors but selection, reasons, goals and outputs of an action) is not. Elements are in the order of the FHIR
definitions, in which HAPI writes them. Conditions that cannot be evaluated count as not met and are in the OperationOutcome.
cqframework clinical-reasoning 4, ``plandefinition/apply``.

Stricter than the reference in what protects a patient: an action that is withheld, in place already, for another hook or
audience, or for somebody who has died, is not proposed under any policy.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from guideway.apply.actions import ActionNode, PlanNode
from guideway.apply.care_plan import beside, extensions_of, outcome_id, within
from guideway.apply.linking import Tree, sound_extensions
from guideway.apply.names import MESSAGES, NOT_COPIED, PERTAINS_TO_GOAL, Ids, safe_id
from guideway.apply.outcome import APPLIES, ERROR, PatientOutcome, Recommendation, pruned
from guideway.apply.passed_over import for_another_hook, passed_over
from guideway.apply.timing import timing_of
from guideway.apply.words import proposal_text
from guideway.diagnostics import Diagnostic, Severity
from guideway.fhir.soundness import cleaned
from guideway.guideline.names import copied, objects

Json = dict[str, Any]

_KEPT = ("title", "description", "textEquivalent", "priority", "documentation", "type", "selectionBehavior")
"""Elements of an action that the group's action has as they are."""

_IF_SET = ("prefix", "groupingBehavior", "requiredBehavior", "precheckBehavior", "cardinalityBehavior")
"""Elements that it has only where a dynamic value sets them."""


class _Reference:
    """Builds the resources of one outcome: contained in groups, or side by side."""

    def __init__(self, outcome: PatientOutcome, *, contain: bool) -> None:
        self.outcome = outcome
        self.tree: Tree = outcome.tree
        self.setting = self.tree.setting
        self.contain = contain
        self.ids = Ids()
        self.made: list[Json] = []
        """What was made beside the groups of the chosen plans, in the order of processing."""
        self.goals = 0
        self.requests: list[Json] = []

    def roots(self) -> list[Json]:
        """The groups of the chosen plans, each with everything of its own in ``contained``."""
        groups = []
        for number, node in enumerate(self.tree.plans):
            made: list[Json] = []
            group = self._group(node, made, nested=False)
            messages = self._messages(node, group["id"], first=number == 0)
            if messages is not None:
                reference = f"#{messages['id']}" if self.contain else f"OperationOutcome/{messages['id']}"
                group.setdefault("extension", []).append({"url": MESSAGES, "valueReference": {"reference": reference}})
                made.append(messages)
            self.made += made
            groups.append(in_order(group, "RequestGroup"))
        return groups

    def _refer(self, kind: str, name: str) -> Json:
        return {"reference": f"#{name}" if self.contain else f"{kind}/{name}"}

    def _group(self, node: PlanNode, made: list[Json], *, nested: bool) -> Json:
        policy, setting = self.tree.policy, self.setting
        group: Json = {"resourceType": "RequestGroup", "id": self.ids.take(node.artifact.id)}
        if setting.language:
            group["language"] = setting.language
        extension = sound_extensions(extensions_of(node), NOT_COPIED)
        for goal in self.tree.goals.get(node.artifact.canonical, ()):
            self.goals += 1
            kept = {n: v for n, v in goal.items() if n not in ("_goalId", "addresses", "note")}
            resource = {"resourceType": "Goal", "id": self.ids.take(str(self.goals)), **copied(kept)}
            made.append(in_order(resource, "Goal"))
            if not self.contain:
                extension.append({"url": PERTAINS_TO_GOAL, "valueReference": self._refer("Goal", resource["id"])})
        group |= {
            "extension": extension,
            "modifierExtension": sound_extensions(node.artifact.resource.get("modifierExtension"), NOT_COPIED),
            "instantiatesCanonical": [node.artifact.canonical],
            "status": policy.group_status,
            "intent": policy.nested_group_intent if nested else policy.group_intent,
            "subject": {"reference": setting.subject},
        }
        if setting.encounter:
            group["encounter"] = {"reference": setting.encounter}
        author = setting.organization or setting.practitioner
        if author:
            group["author"] = {"reference": author}
        below: list[Json] = []
        group["action"] = [self._action(a, group["id"], made, below) for a in node.actions if a.status == APPLIES]
        made += below
        return pruned(group)

    def _action(self, node: ActionNode, group: str, made: list[Json], below: list[Json]) -> Json:
        """One action; its children's resources come before its own. ``below`` takes what a nested group contains: it is lifted
        behind what stands beside that group."""
        definition = {**node.definition, **node.overrides}
        action: Json = {}
        own = node.definition.get("id")
        if isinstance(own, str) and own:
            action["id"] = own if not any(c.isspace() for c in own) else safe_id(own)
        action["extension"] = sound_extensions(definition.get("extension"), NOT_COPIED)
        action["modifierExtension"] = [copied(e) for e in objects(definition.get("modifierExtension"))]
        for name in (*_KEPT, *(n for n in _IF_SET if n in node.overrides)):
            if name in definition:
                action[name] = copied(definition[name])
        for name in ("condition", "relatedAction"):
            action[name] = [copied(each) for each in objects(definition.get(name))]
        action["code"] = [copied(code) for code in objects(definition.get("code"))][:1]
        timing = timing_of(node.overrides) or timing_of(definition)
        if timing is not None:
            action["timing" + timing[0][0].upper() + timing[0][1:]] = timing[1]
        for name in node.overrides:  # a computed extension of a primitive
            if name.startswith("_") and name[1:] in action:
                action[name] = copied(node.overrides[name])
        children = [self._action(child, group, made, below) for child in node.children if child.status == APPLIES]
        action["resource"] = self._resource(node, group, made, below)
        action["action"] = children
        kept = pruned(action)
        return in_order(kept or {"title": node.id}, "RequestGroup.Action")  # an element is never empty

    def _resource(self, node: ActionNode, group: str, made: list[Json], below: list[Json]) -> Json | None:
        if node.nested is not None:
            inner: list[Json] = []
            nested = in_order(self._group(node.nested, inner, nested=True), "RequestGroup")
            if self.contain:
                made.append(nested)
                below += inner
            else:
                made += [*inner, nested]
            return self._refer("RequestGroup", nested["id"])
        if node.request is not None:
            return self._request(node, node.request, group, made)
        if node.refers_to is None:
            return None
        questionnaire = self._questionnaire(node)
        if questionnaire is None:
            return {"reference": node.refers_to}
        wish = f"{node.definition['id']}-{questionnaire['id']}" if node.definition.get("id") else str(questionnaire["id"])
        resource = cleaned({**copied(questionnaire), "id": self.ids.take(wish)})[0]
        for each in within(resource, self.ids) if self.contain else [beside(resource)]:
            made.append(in_order(each, str(each["resourceType"])))
        return self._refer(str(resource["resourceType"]), resource["id"])

    def _questionnaire(self, node: ActionNode) -> Json | None:
        """The Questionnaire (or what else the plan contains) that the action's definition is."""
        if node.contained is not None:
            return node.contained
        canonical = node.definition.get("definitionCanonical")
        if self.tree.guideline is None or not isinstance(canonical, str):
            return None
        found = self.tree.guideline.resolve(canonical)
        return found.resource if found is not None and found.type == "Questionnaire" else None

    def _request(self, node: ActionNode, request: Json, group: str, made: list[Json]) -> Json:
        kind = str(request["resourceType"])
        activity = node.activity.id if node.activity is not None else kind.lower()
        own = node.definition.get("id")
        if kind == "Task" and own:
            wish = str(own)
        elif isinstance(request.get("id"), str):  # set by a dynamic value
            wish = request["id"]
        else:
            wish = f"{own}-{activity}" if own else activity
        resource = {**copied(request), "resourceType": kind, "id": self.ids.take(wish)}
        if kind == "Task" and "basedOn" not in resource:
            resource["basedOn"] = [{"reference": f"RequestGroup/{group}"}]
        resource = in_order(resource, kind)
        made.append(resource)
        self.requests.append(resource)
        reference = f"{kind}/{resource['id']}"
        if node.recommendation is not None and reference not in node.recommendation.requests:
            node.recommendation.requests.append(reference)
            node.recommendation.proposals[reference] = proposal_text(request)
        return self._refer(kind, resource["id"])

    def _messages(self, node: PlanNode, group: str, *, first: bool) -> Json | None:
        """What could not be done, of one chosen plan; what belongs to no plan is with the first."""
        reached: dict[str, Recommendation] = {}
        for top in node.actions:
            for action in top.walk():
                if action.recommendation is not None:
                    reached.setdefault(action.recommendation.key, action.recommendation)
        findings = [*(self.outcome.findings if first else ()), *(f for r in reached.values() for f in r.findings)]
        failed = [f"{r.key}: {r.reason}" for r in reached.values() if r.status == ERROR]
        return reference_messages(findings, group, failed, self._passed_over() if first else ())

    def _passed_over(self) -> list[str]:
        """What was passed over; what answers to another hook only where nothing else is in the result."""
        some = any(action.status == APPLIES for node in self.tree.plans for action in node.actions)
        return passed_over(each for each in self.outcome.skipped if not (some and for_another_hook(each)))


def reference_messages(
    findings: Iterable[Diagnostic], of: str, failed: Iterable[str] = (), passed: Iterable[str] = ()
) -> Json | None:
    """The OperationOutcome of the errors among the findings, of what else failed, and of what was ``passed`` over, with the id
    that the reference gives it; None where there is nothing of these."""
    texts = [*(f.message for f in findings if f.severity is Severity.error), *failed]
    issues = [{"severity": "error", "code": "exception", "diagnostics": text} for text in dict.fromkeys(texts)]
    for text in passed:
        issues.append({"severity": "information", "code": "informational", "diagnostics": f"Not part of the result: {text}"})
    if not issues:
        return None
    return {"resourceType": "OperationOutcome", "id": safe_id(f"apply-outcome-{of}"), "issue": issues}


def care_plan(outcome: PatientOutcome) -> Json:
    """The CarePlan: its groups, then what was lifted out of them."""
    builder = _Reference(outcome, contain=True)
    groups = builder.roots()
    setting = builder.setting
    messages = [r for r in builder.made if r["resourceType"] == "OperationOutcome"]
    plan: Json = {
        "resourceType": "CarePlan",
        "id": outcome_id(outcome),
        "language": setting.language,
        "contained": [*groups, *builder.made],
        "extension": [{"url": MESSAGES, "valueReference": {"reference": f"#{r['id']}"}} for r in messages],
        "instantiatesCanonical": [node.artifact.canonical for node in builder.tree.plans],
        "status": builder.tree.policy.care_plan_status,
        "intent": builder.tree.policy.care_plan_intent,
        "subject": {"reference": setting.subject},
        "encounter": {"reference": setting.encounter} if setting.encounter else None,
        "author": {"reference": setting.practitioner} if setting.practitioner else None,
        "goal": [{"reference": f"#{r['id']}"} for r in builder.made if r["resourceType"] == "Goal"],
        "activity": [{"reference": {"reference": f"#{group['id']}"}} for group in groups],
    }
    return pruned(plan)


def bundle(outcome: PatientOutcome) -> Json:
    """The Bundle form ($r5.apply): the group, then what was made, without full URLs."""
    builder = _Reference(outcome, contain=False)
    groups = builder.roots()
    entries = [{"resource": resource} for resource in [*groups, *builder.made]]
    return pruned({"resourceType": "Bundle", "id": outcome_id(outcome), "type": "collection", "entry": entries})


def requests(outcome: PatientOutcome) -> list[Json]:
    """The requests alone, in the order of processing; each recommendation is told which are its own."""
    builder = _Reference(outcome, contain=False)
    builder.roots()
    return builder.requests


def said(outcome: PatientOutcome) -> list[Json]:
    """What failed: the OperationOutcomes."""
    builder = _Reference(outcome, contain=False)
    builder.roots()
    return [r for r in builder.made if r["resourceType"] == "OperationOutcome"]


def in_order(element: Json, kind: str) -> Json:
    """``element`` with its properties, at every depth, in the order of the FHIR definition of its type (``Goal``,
    ``RequestGroup.Action``); ``resourceType`` first, what the definition does not know last."""
    from guideway.fhir.modelinfo import builtin

    known = builtin("FHIR", "4.0.1").json_elements(f"FHIR.{kind}")
    places = {name: place for place, name in enumerate(("resourceType", *known))}

    def place_of(name: str) -> tuple[int, bool]:
        return places.get(name.removeprefix("_"), len(places)), name.startswith("_")

    ordered: Json = {}
    for name in sorted(element, key=place_of):
        of = known.get(name.removeprefix("_"))
        inner = None if of is None else "Element" if name.startswith("_") else of.type.removeprefix("FHIR.")
        ordered[name] = _ordered(element[name], inner)
    return ordered


def _ordered(value: Any, kind: str | None) -> Any:
    if isinstance(value, list):
        return [_ordered(item, kind) for item in value]
    if not isinstance(value, dict):
        return value
    own = value.get("resourceType")
    kind = own if isinstance(own, str) else kind
    return in_order(value, kind) if kind is not None else value

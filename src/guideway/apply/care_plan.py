"""The FHIR resources of an outcome: a CarePlan with everything contained, a Bundle, or the requests alone.

``care_plan(outcome)`` gives one CarePlan: contained in it a RequestGroup for each plan with something that applies (nested
plans have their own), the requests, the goals, and under the policies that explain also the outcome of every recommendation
(extension), the data needed (GuidanceResponse and DetectedIssue), the conflicts (DetectedIssue) and the findings
(OperationOutcome). ``bundle(outcome)`` gives the same resources side by side, ``requests_bundle(outcome)`` the requests without
groups and goals, with what is to be said of them, ``requests(outcome)`` only the requests,
``result_bundle(outcomes)`` one CarePlan a patient. Everything is in a fixed order with ids that follow from the definitions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from guideway.apply.actions import ActionNode, PlanNode
from guideway.apply.activity_facts import person
from guideway.apply.linking import ActionIds, Linker, sound_extensions
from guideway.apply.names import (
    ACTION_INPUT,
    ACTION_OUTPUT,
    ACTION_PARTICIPANT,
    ACTION_REASON,
    LOGIC_EXTENSIONS,
    MESSAGES,
    NOT_CARRIED,
    PERTAINS_TO_GOAL,
    Ids,
    safe_id,
)
from guideway.apply.outcome import PatientOutcome, pruned
from guideway.apply.timing import timing_of
from guideway.fhir.literal_references import reference_type
from guideway.fhir.soundness import cleaned
from guideway.guideline.names import APPLICABILITY_BEHAVIOR, concept_text, copied, objects, texts_in, url_of

Json = dict[str, Any]


class _Builder(Linker):
    """Builds all resources of one outcome once, for one form of reference."""

    def explained(self) -> list[Json]:
        """What the result says beside what it proposes: data needed, conflicts, findings; once all else is built."""
        from guideway.apply.explanation_resources import explanation_resources

        groups = {} if self.flat else {group["instantiatesCanonical"][0]: group["id"] for group in self.groups}
        return explanation_resources(self.outcome, self.ids, groups, self.refer)

    def _carried(self, node: PlanNode) -> list[Json]:
        """The extensions of a plan that its group keeps."""
        return sound_extensions(extensions_of(node), NOT_CARRIED)

    def _action(self, node: ActionNode, group: Json, shown: set[str], taken: ActionIds) -> Json:
        definition = {**node.definition, **node.overrides}
        action: Json = {"id": taken.of(node.id)}
        extension = self._action_extensions(definition, node, group)
        if extension:
            action["extension"] = extension
        if "modifierExtension" in definition:
            action["modifierExtension"] = copied(definition["modifierExtension"])
        for name in ("prefix", "title", "description", "textEquivalent", "priority", "code", "documentation"):
            if name in definition:
                action[name] = copied(definition[name])
        conditions = [copied(c) for c in objects(definition.get("condition"))]
        if conditions:
            action["condition"] = conditions
        related = self._related(definition, shown, taken)
        if related:
            action["relatedAction"] = related
        timing = timing_of(definition)
        if timing is not None:
            action["timing" + timing[0][0].upper() + timing[0][1:]] = timing[1]
        participants = self._participants(definition)
        if participants:
            action["participant"] = participants
        for name in (
            "type", "groupingBehavior", "selectionBehavior", "requiredBehavior", "precheckBehavior", "cardinalityBehavior",
        ):  # fmt: skip
            if name in definition:
                action[name] = copied(definition[name])
        for name in node.overrides:  # a computed extension of a primitive
            if name.startswith("_") and name[1:] in action:
                action[name] = copied(node.overrides[name])
        self._content(action, node, group, shown, taken)
        return action

    def _bring(self, resource: Json, kind: str, known: str) -> None:
        made = cleaned({**copied(resource), "id": known})[0]
        self.others += within(made, self.ids) if self.refer(kind, known).startswith("#") else [beside(made)]

    def _keep(self, request: Json, known: str, node: ActionNode, group: Json) -> None:
        kind = str(request["resourceType"])
        resource = {
            "resourceType": kind,
            "id": known,
            **{k: v for k, v in copied(request).items() if k not in ("resourceType", "id")},
        }
        if kind == "Task" and "basedOn" not in resource and not self.flat:
            resource["basedOn"] = [{"reference": self.refer("RequestGroup", group["id"])}]
        self._pertains(resource, node, group)
        self.requests.append(resource)
        self.kept[id(request)] = resource

    def _pertains(self, resource: Json, node: ActionNode, group: Json) -> None:
        """Point a request at the goals of its plan that the action names."""
        for goal in goal_ids_of(node.definition):
            known = self.goal_ids.get((group["instantiatesCanonical"][0], goal))
            if known is not None:
                extension = {"url": PERTAINS_TO_GOAL, "valueReference": self._goal(known)}
                if extension not in resource.setdefault("extension", []):
                    resource["extension"].append(extension)

    def _goal(self, known: str) -> Json:
        """A goal by its reference; where the requests stand alone, and no goal with them, in words."""
        if not self.flat:
            return {"reference": self.refer("Goal", known)}
        description = next(goal.get("description") for goal in self.goals if goal["id"] == known)
        return {"display": concept_text(description) or known}

    def _action_extensions(self, definition: Json, node: ActionNode, group: Json) -> list[Json]:
        skip = NOT_CARRIED | LOGIC_EXTENSIONS | APPLICABILITY_BEHAVIOR
        found = [copied(e) for e in objects(definition.get("extension")) if url_of(e) not in skip]
        for name, url in (("input", ACTION_INPUT), ("output", ACTION_OUTPUT)):
            found += [{"url": url, "valueDataRequirement": copied(d)} for d in objects(definition.get(name))]
        for participant in objects(definition.get("participant")):
            who = person(participant.get("type"), self.setting)
            elsewhere = who is not None and reference_type(who) == "Organization"  # an action's participant is none
            parts = sound_extensions(participant.get("extension"), frozenset())
            if who is None or elsewhere or participant.get("role") or parts:
                kind = participant.get("type")
                if isinstance(kind, str) and kind and kind == " ".join(kind.split()):  # a code
                    parts.append({"url": "type", "valueCode": kind})
                if isinstance(participant.get("role"), dict):
                    parts.append({"url": "role", "valueCodeableConcept": copied(participant["role"])})
                if elsewhere:
                    parts.append({"url": "actor", "valueReference": {"reference": who}})
                if parts:
                    found.append({"url": ACTION_PARTICIPANT, "extension": parts})
        if node.request is None:
            found += [{"url": ACTION_REASON, "valueCodeableConcept": copied(r)} for r in objects(definition.get("reason"))]
        for goal in goal_ids_of(definition):
            known = self.goal_ids.get((group["instantiatesCanonical"][0], goal))
            if known is not None:
                found.append({"url": PERTAINS_TO_GOAL, "valueReference": {"reference": self.refer("Goal", known)}})
        return found

    def _participants(self, definition: Json) -> list[Json]:
        found: list[Json] = []
        for participant in objects(definition.get("participant")):
            reference = person(participant.get("type"), self.setting)
            # RequestGroup.action.participant: Patient, Practitioner, PractitionerRole, RelatedPerson, Device
            own = participant.get("reference")  # set by a dynamic value
            reference = own if isinstance(own, str) else reference
            if reference is not None and reference_type(reference) != "Organization" and {"reference": reference} not in found:
                found.append({"reference": reference})
        return found

    def _related(self, definition: Json, shown: set[str], taken: ActionIds) -> list[Json]:
        related = [copied(r) for r in objects(definition.get("relatedAction"))]
        for relation in related:
            if relation.get("actionId") in taken.own:
                relation["actionId"] = taken.own[relation["actionId"]]
        shown = {taken.own.get(name, name) for name in shown}
        return [r for r in related if r.get("actionId") in shown]


def within(resource: Json, ids: Ids) -> list[Json]:
    """A resource as another one contains it, and behind it what it contained itself: R4 allows neither nesting nor a version, a
    date or a security label of its own there (dom-2, dom-4, dom-5)."""
    resource = _without_dangling(resource)
    inner = _named_inside(resource)
    names = {str(each["id"]): ids.take(str(each["id"])) for each in inner}
    own = _renamed({n: v for n, v in _bare(resource).items() if n != "contained"}, names)
    return [own, *(_renamed(_bare(each) | {"id": names[str(each["id"])]}, names) for each in inner)]


def beside(resource: Json) -> Json:
    """A resource as it stands by itself, with what it contains and names."""
    resource = _without_dangling(resource)
    if "contained" not in resource:
        return resource
    inner = [_bare(each) for each in _named_inside(resource)]
    return {n: v for n, v in resource.items() if n != "contained"} | ({"contained": inner} if inner else {})


def _without_dangling(resource: Json) -> Json:
    """The resource without value sets of questions that it does not contain: they were not valid, or are not there."""
    held = {f"#{each.get('id')}" for each in objects(resource.get("contained"))}

    def kept(value: Any) -> Any:
        if isinstance(value, dict):
            return {n: kept(v) for n, v in value.items() if n != "answerValueSet" or not str(v).startswith("#") or v in held}
        return [kept(each) for each in value] if isinstance(value, list) else value

    found: Json = kept(resource)
    return found


def _named_inside(resource: Json) -> list[Json]:
    """What a resource contains and still names once it was freed of what is not valid (dom-3)."""
    held = {f"#{each['id']}": each for each in objects(resource.get("contained"))}
    named = set[str]()
    pending: list[Any] = [{n: v for n, v in resource.items() if n != "contained"}] if held else []
    while pending:
        found = {text for text in texts_in(pending.pop()) if text in held} - named
        named |= found
        pending += [held[text] for text in found]
    return [each for text, each in held.items() if text in named]


def _bare(resource: Json) -> Json:
    """A resource without what nothing contained has."""
    meta = resource.get("meta")
    if not isinstance(meta, dict) or not meta.keys() & set(OUTSIDE_ONLY):
        return resource
    kept = {name: value for name, value in meta.items() if name not in OUTSIDE_ONLY}
    return {n: (kept if n == "meta" else v) for n, v in resource.items() if n != "meta" or kept}


OUTSIDE_ONLY = ("versionId", "lastUpdated", "security")
"""The parts of ``meta`` that a contained resource does not have."""


def _renamed(value: Any, names: dict[str, str]) -> Any:
    """A JSON value with the local references by these names led to others."""
    if isinstance(value, dict):
        return {name: _renamed(item, names) for name, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    return f"#{names[value[1:]]}" if isinstance(value, str) and value[:1] == "#" and value[1:] in names else value


def goal_ids_of(definition: Json) -> list[str]:
    """The goals that an action names, where they are what they should be."""
    named = definition.get("goalId")
    return [goal for goal in named if isinstance(goal, str)] if isinstance(named, list) else []


def care_plan(outcome: PatientOutcome) -> Json:
    """The CarePlan of one patient, self-contained; valid R4."""
    if outcome.tree.policy.reference_forms:
        from guideway.apply.reference_forms import care_plan as reference_care_plan

        return reference_care_plan(outcome)
    from guideway.apply.explanation_resources import care_plan_extensions

    builder = _Builder(outcome, lambda kind, name: f"#{name}")
    roots = builder.build()
    policy, setting = builder.policy, builder.setting
    chosen = [node.artifact for node in builder.tree.plans]
    explained = builder.explained()
    messages = next((r for r in explained if r["resourceType"] == "OperationOutcome"), None)
    extension = care_plan_extensions(outcome)
    if messages is not None:
        extension.append({"url": MESSAGES, "valueReference": {"reference": f"#{messages['id']}"}})
    supporting = [{"reference": f"#{r['id']}"} for r in explained if r is not messages]
    plan: Json = {
        "resourceType": "CarePlan",
        "id": outcome_id(outcome),
        "language": setting.language,
        "contained": [*builder.groups, *builder.requests, *builder.goals, *builder.others, *explained],
        "extension": extension,
        "instantiatesCanonical": [artifact.canonical for artifact in chosen],
        "status": policy.care_plan_status,
        "intent": policy.care_plan_intent,
        "title": chosen[0].title if len(chosen) == 1 else _guideline_title(outcome),
        "subject": {"reference": setting.subject},
        "encounter": {"reference": setting.encounter} if setting.encounter else None,
        "created": setting.as_of,
        "author": {"reference": setting.requester} if setting.requester else None,
        "supportingInfo": supporting,
        "goal": [{"reference": f"#{goal['id']}"} for goal in builder.goals],
        "activity": [{"reference": {"reference": f"#{group['id']}"}} for group in roots],
        "note": [{"text": text} for text in (outcome.draft, *outcome.disclaimer) if text],
    }
    return pruned(plan)


def _guideline_title(outcome: PatientOutcome) -> str:
    return str(outcome.guideline.get("title") or outcome.guideline["id"])


def extensions_of(node: PlanNode) -> Any:
    """The extensions of a plan, with what expressions on them gave."""
    return node.artifact.resource.get("extension") if node.extension is None else node.extension


def outcome_id(outcome: PatientOutcome) -> str:
    """The id of a result: that of its plan, of several the guideline's and the patient's."""
    plans = outcome.tree.plans
    if len(plans) == 1:
        return safe_id(plans[0].artifact.id)
    return safe_id(f"{outcome.guideline['id']}-{outcome.subject.rpartition('/')[2]}")


def bundle(outcome: PatientOutcome) -> Json:
    """The Bundle form ($r5.apply): RequestGroups, then the requests and goals, as resources of their own, what is to be said of
    them (as in the CarePlan), and the questions for what is missing."""
    if outcome.tree.policy.reference_forms:
        from guideway.apply.reference_forms import bundle as reference_bundle

        return reference_bundle(outcome)
    builder = _Builder(outcome, lambda kind, name: f"{kind}/{name}")
    roots = builder.build()
    explained = builder.explained()
    for messages in (r for r in explained if r["resourceType"] == "OperationOutcome"):
        reference = {"reference": builder.refer("OperationOutcome", messages["id"])}
        for group in roots:
            group["extension"] = [*group.get("extension", []), {"url": MESSAGES, "valueReference": reference}]
    resources = [*builder.groups, *builder.requests, *builder.goals, *builder.others, *explained, *_questions(outcome)]
    entries = [{"fullUrl": _urn(outcome, r), "resource": r} for r in resources]
    return pruned({"resourceType": "Bundle", "id": outcome_id(outcome), "type": "collection", "entry": entries})


def _questions(outcome: PatientOutcome) -> list[Json]:
    """The Questionnaire for what is missing, and the response to be filled in."""
    if outcome.tree.guideline is None or not any(r.missing for r in outcome.recommendations):
        return []
    from guideway.apply.questions import questionnaire, response

    asked = questionnaire(outcome, outcome.tree.guideline)
    return [asked, response(asked, outcome)] if asked is not None else []


def requests(outcome: PatientOutcome) -> list[Json]:
    """The requests alone, in the order of the plans; references among them are ``Type/id``."""
    if outcome.tree.policy.reference_forms:
        from guideway.apply.reference_forms import requests as reference_requests

        return reference_requests(outcome)
    builder = _Builder(outcome, lambda kind, name: f"{kind}/{name}", flat=True)
    builder.build()
    return builder.requests


def requests_bundle(outcome: PatientOutcome) -> Json:
    """The requests flattened, in a collection Bundle, and behind them what is to be said of them: data needed, conflicts,
    findings."""
    if outcome.tree.policy.reference_forms:
        from guideway.apply.reference_forms import said

        resources = [*requests(outcome), *said(outcome)]
    else:
        builder = _Builder(outcome, lambda kind, name: f"{kind}/{name}", flat=True)
        builder.build()
        resources = [*builder.requests, *builder.explained()]
    entries = [{"fullUrl": _urn(outcome, r), "resource": r} for r in resources]
    return pruned({"resourceType": "Bundle", "id": outcome_id(outcome), "type": "collection", "entry": entries})


def result_bundle(outcomes: Iterable[PatientOutcome]) -> Json:
    """One CarePlan a patient, in the order given, in a collection Bundle."""
    plans = [(outcome, care_plan(outcome)) for outcome in outcomes]
    entries = [{"fullUrl": _urn(outcome, plan), "resource": plan} for outcome, plan in plans]
    return pruned({"resourceType": "Bundle", "type": "collection", "entry": entries})


def _urn(outcome: PatientOutcome, resource: Json) -> str:
    """A stable UUID from the guideline, the patient, the moment and the resource's own id."""
    from hashlib import sha1

    seed = "|".join(
        [outcome.guideline["hash"], outcome.subject, outcome.evaluated_at, str(resource["resourceType"]), str(resource["id"])]
    )
    digest = bytearray(sha1(seed.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"urn:uuid:{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

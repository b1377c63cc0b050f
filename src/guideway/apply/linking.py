"""Which requests each recommendation has: the way through all that applies, and the ids that are given on it.

``link_requests(outcome)`` fills in ``Type/id`` of each request, with what it proposes in words. ``Linker`` goes the way: a
RequestGroup for each plan with something that applies, nested plans in them, requests, goals. It makes no more of them than
their ids need; what makes the resources (``care_plan``) goes the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from guideway.apply.actions import ActionNode, PlanNode
from guideway.apply.activity_facts import Setting
from guideway.apply.names import (
    NOT_CARRIED,
    PERTAINS_TO_GOAL,
    Ids,
)
from guideway.apply.outcome import PatientOutcome
from guideway.apply.policies import Policy
from guideway.apply.words import proposal_text
from guideway.fhir.literal_references import reference_type
from guideway.fhir.soundness import cleaned
from guideway.guideline.names import copied, objects, url_of

Json = dict[str, Any]


Refer = Callable[[str, str], str]
"""(resource type, id) → the text of a reference: ``#id`` inside a CarePlan, ``Type/id`` in a Bundle."""


class Tree(msgspec.Struct, kw_only=True):
    """What the resources are made from: the walked plans, with duplicates folded (``merge``)."""

    plans: list[PlanNode]
    setting: Setting
    policy: Policy
    goals: dict[str, list[Json]] = {}
    """By plan canonical: Goal resources without id, each with the definition's goal id under ``_goalId``."""
    guideline: Any = None
    """The guideline, for the questions that a Bundle asks."""


class ActionIds(Ids):
    """The ids of the actions of one group: the definitions' own ones first, so that what is made beside them takes others."""

    __slots__ = ("own",)

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__()
        self.own: dict[str, str] = {}
        """The id of each action, by its name in the plan."""
        for name in names:
            self.own[name] = self.take(name)

    def of(self, name: str) -> str:
        """The id of the action of that name."""
        return self.own.get(name) or self.take(name)


class Linker:
    """Goes through all that applies of one outcome once, for one form of reference, and gives the ids."""

    def __init__(self, outcome: PatientOutcome, refer: Refer, *, flat: bool = False) -> None:
        self.flat = flat
        """Whether the requests stand alone: nothing in them refers to a group."""
        self.outcome = outcome
        self.tree: Tree = outcome.tree
        self.setting = self.tree.setting
        self.policy = self.tree.policy
        self.refer = refer
        self.ids = Ids()
        self.groups: list[Json] = []
        self.requests: list[Json] = []
        self.goals: list[Json] = []
        self.others: list[Json] = []
        """What actions refer to and their plans contain (Questionnaires)."""
        self.goal_ids: dict[tuple[str, str], str] = {}
        self.request_ids: dict[int, str] = {}
        """By identity of the request in the tree: folded actions share one."""
        self.kept: dict[int, Json] = {}
        """The resources that were made of them, likewise."""

    def build(self) -> list[Json]:
        """The RequestGroups of the chosen plans that have something to say."""
        roots = []
        for node in self.tree.plans:
            if node.shown:
                roots.append(self._group(node, nested=False))
        return roots

    def _group(self, node: PlanNode, *, nested: bool) -> Json:
        policy, setting = self.policy, self.setting
        group: Json = {"resourceType": "RequestGroup", "id": self.ids.take(node.artifact.id)}
        self.groups.append(group)
        if setting.language:
            group["language"] = setting.language
        self._goals(node, group)
        carried = self._carried(node)
        if carried:
            group["extension"] = [*group.get("extension", []), *carried]
        modifiers = sound_extensions(node.artifact.resource.get("modifierExtension"), NOT_CARRIED)
        if modifiers:
            group["modifierExtension"] = modifiers
        group["instantiatesCanonical"] = [node.artifact.canonical]
        group["status"] = policy.group_status
        group["intent"] = policy.nested_group_intent if nested else policy.group_intent
        group["subject"] = {"reference": setting.subject}
        if setting.encounter:
            group["encounter"] = {"reference": setting.encounter}
        group["authoredOn"] = setting.as_of
        if setting.requester and reference_type(setting.requester) != "Organization":
            group["author"] = {"reference": setting.requester}
        names = [a.id for a in node.own if a.shown]
        shown, taken = set(names), ActionIds(names)
        group["action"] = [self._action(a, group, shown, taken) for a in node.shown]
        return group

    def _goals(self, node: PlanNode, group: Json) -> None:
        for index, goal in enumerate(self.tree.goals.get(node.artifact.canonical, ()), 1):
            own = str(goal.get("_goalId") or index)
            key = (node.artifact.canonical, own)
            if key not in self.goal_ids:
                self.goal_ids[key] = self.ids.take(f"goal-{own}")
                resource = {name: value for name, value in goal.items() if name != "_goalId"}
                self.goals.append({"resourceType": "Goal", "id": self.goal_ids[key], **copied(resource)})
            reference = {"reference": self.refer("Goal", self.goal_ids[key])}
            group.setdefault("extension", []).append({"url": PERTAINS_TO_GOAL, "valueReference": reference})

    def _content(self, action: Json, node: ActionNode, group: Json, shown: set[str], taken: ActionIds) -> None:
        """``resource`` or ``action``: RequestGroup's rqg-1 allows one of them, so with both the resource gets an action of
        its own."""
        resource = self._resource(node, group)
        children = [self._action(child, group, shown, taken) for child in node.children if child.shown]
        if not children:
            if resource is None:
                text = action.get("title") or action.get("textEquivalent") or action.get("description") or node.id
                resource = {"display": text}
            action["resource"] = resource
        elif resource is None:
            action["action"] = children
        else:
            own = {"id": taken.take(f"{node.id}-resource"), "resource": resource}
            action["action"] = [own, *self._choice(action, children, node, taken)]

    def _choice(self, action: Json, children: list[Json], node: ActionNode, taken: ActionIds) -> list[Json]:
        """The children beside an action's own resource: where they are to be chosen among, in a group of their own, so that the
        resource is no choice."""
        if action.get("selectionBehavior") in (None, "all"):
            return children
        moved: Json = {name: action.pop(name) for name in ("groupingBehavior", "selectionBehavior") if name in action}
        return [{"id": taken.take(f"{node.id}-choice"), **moved, "action": children}]

    def _resource(self, node: ActionNode, group: Json) -> Json | None:
        if node.nested is not None and node.nested.shown:
            nested = self._group(node.nested, nested=True)
            return {"reference": self.refer("RequestGroup", nested["id"])}
        if node.request is not None:
            return {"reference": self._request(node, node.request, group)}
        if node.contained is not None:
            return {"reference": self._contained(node.contained)}
        if node.refers_to is not None:
            if not node.refers_to.startswith(("http", "urn:")) and "/" not in node.refers_to:
                return {"display": node.refers_to}
            return {"reference": node.refers_to}
        return None

    def _request(self, node: ActionNode, request: Json, group: Json) -> str:
        kind = str(request["resourceType"])
        known = self.request_ids.get(id(request))
        if known is None:
            activity = node.activity.id if node.activity is not None else kind.lower()
            own = request.get("id")  # set by a dynamic value
            wish = own if isinstance(own, str) else f"{node.id}-{activity}"
            known = self.request_ids[id(request)] = self.ids.take(wish)
            self._keep(request, known, node, group)
        elif node.definition.get("goalId") and (kept := self.kept.get(id(request))) is not None:
            self._pertains(kept, node, group)  # one request for several actions has the goals of all
        reference = f"{kind}/{known}"
        if node.recommendation is not None and reference not in node.recommendation.requests:
            node.recommendation.requests.append(reference)
            node.recommendation.proposals[reference] = proposal_text(request)
        return self.refer(kind, known)

    def _carried(self, node: PlanNode) -> list[Json]:
        """The extensions of a plan that its group keeps."""
        return []

    def _action(self, node: ActionNode, group: Json, shown: set[str], taken: ActionIds) -> Json:
        """An action of a group, with what stands in it."""
        action: Json = {}
        self._content(action, node, group, shown, taken)
        return action

    def _contained(self, resource: Json) -> str:
        """A resource that is contained in its plan comes along, once."""
        known = self.request_ids.get(id(resource))
        kind = str(resource["resourceType"])
        if known is None:
            known = self.request_ids[id(resource)] = self.ids.take(str(resource.get("id")))
            self._bring(resource, kind, known)
        return self.refer(kind, known)

    def _bring(self, resource: Json, kind: str, known: str) -> None:
        """Note what its plan contains under its id."""

    def _keep(self, request: Json, known: str, node: ActionNode, group: Json) -> None:
        """Note a request under its id."""

    def _pertains(self, resource: Json, node: ActionNode, group: Json) -> None:
        """Point a request at the goals of its plan that the action names."""


def link_requests(outcome: PatientOutcome) -> None:
    """Fill in which requests each recommendation has (``Type/id``), and what each proposes in words."""
    if outcome.tree.policy.reference_forms:
        from guideway.apply.reference_forms import requests as reference_requests

        reference_requests(outcome)
        return
    Linker(outcome, lambda kind, name: f"{kind}/{name}").build()


def sound_extensions(given: Any, left_out: frozenset[str]) -> list[Json]:
    """What is valid FHIR in these extensions, without those of the URLs that are left out."""
    found = [copied(e) for e in objects(given) if url_of(e) not in left_out]
    basic = {"resourceType": "Basic", "code": {"text": "x"}, "extension": found}
    return list(cleaned(basic)[0].get("extension", [])) if found else []

"""What a card offers: suggestions with the resources that they create, change or delete, as a client can store them (CDS Hooks
2.0, "Suggestion" and "Action": a create holds the whole resource).

A CarePlan holds what is proposed together with the RequestGroup that it is part of; a suggestion holds some of it alone. A
reference to something that is neither on the server nor in the suggestion would make the client's transaction fail.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import msgspec

from guideway.apply.actions import ActionNode
from guideway.apply.outcome import Recommendation
from guideway.apply.words import prohibits, proposal_text
from guideway.service.card_text import cut
from guideway.service.card_units import Unit

Json = dict[str, Any]
GOAL = "/resource-pertainsToGoal"
"""Of an extension that points at a goal of the CarePlan, which no suggestion holds."""


class DraftOrder(NamedTuple):
    """A draft order in words, and the codes (system, code) of what is ordered."""

    words: str
    codes: frozenset[tuple[str, str]] = frozenset()


class Shown(msgspec.Struct, kw_only=True):
    """One recommendation on a card: where it comes from, what came of it, and the ids of its suggestions."""

    plan: str
    version: str
    action: str
    status: str
    suggestions: list[str] = []


class Offers:
    """The suggestions of all cards of one response: what several recommendations propose is offered once, and belongs to all."""

    def __init__(
        self,
        requests: Mapping[str, Json],
        plans: Collection[str],
        drafts: Mapping[str, DraftOrder],
        identity: Callable[[str], str],
        url: Callable[[Recommendation], str],
    ) -> None:
        """``requests``: what was proposed, by reference; ``plans``: the ids of all plans; ``drafts``: draft orders by reference;
        ``identity``: a stable id for a name; ``url``: the plan's of a recommendation."""
        self.requests = requests
        self.plans = plans
        self.drafts = drafts
        self.identity = identity
        self.url = url
        self.offered: dict[tuple[str, ...], str] = {}
        """Requests that are offered already, and the suggestion's id."""

    def of(self, units: Sequence[Unit], shown: Sequence[Shown]) -> list[Json]:
        """What the units offer, each request once; the recommendations it belongs to get its id."""
        by_key = {(s.plan, s.action): s for s in shown}
        found = []
        for unit in (each for u in units for each in (u, *u.also)):
            for offer in unit.offers:
                suggestion = self._suggestion(offer)
                r = offer.recommendation
                assert r is not None
                key = tuple(r.requests)
                if key in self.offered:
                    for each in (r, unit.own):
                        mine = by_key.get((self.url(each), each.action)) if each is not None else None
                        if mine is not None and self.offered[key] not in mine.suggestions:
                            mine.suggestions.append(self.offered[key])
                if suggestion is not None:
                    found.append(suggestion)
        return found

    def _suggestion(self, offer: ActionNode) -> Json | None:
        r = offer.recommendation
        assert r is not None
        key = tuple(r.requests)
        if key in self.offered:
            return None
        actions = []
        forbids = False
        title = cut(r.title or r.action)[0]
        for reference in r.requests:
            resource = self.requests.get(reference)
            if resource is None:
                continue
            kind = _action_type(offer.definition)
            what = (
                {"resourceId": reference}
                if kind == "delete"
                else {"resource": standalone(resource, self.requests, self.plans, r.requests)}
            )
            actions.append({"type": kind, "description": cut(proposal_text(resource))[0], **what})
            forbids = forbids or prohibits(resource)
        if not actions:
            return None
        label = actions[0]["description"] if forbids and len(actions) == 1 else title  # what is forbidden is not told by a title
        suggestion: Json = {"label": label, "uuid": self.identity(f"{r.key}|suggestion"), "actions": actions}
        if offer.definition.get("precheckBehavior") == "yes":
            suggestion["isRecommended"] = True
        self.offered[key] = suggestion["uuid"]
        return suggestion

    def to_take_back(self, units: Sequence[Unit], shown: Sequence[Shown]) -> list[Json]:
        """Advice against an order that is being written offers to take that order back; never more than an offer.

        Advice that rests on several drafts does not say which of them is meant: then nothing is offered, because the wrong
        order could go. Several orders of one drug (by their codes where they have codes of one system, else by name) are all
        meant; each can be taken back by itself.
        """
        by_key = {(s.plan, s.action): s for s in shown}
        found: dict[str, Json] = {}
        for r in (r for unit in units for r in unit.recommendations if r.direction == "against"):
            drafts: dict[str, str | None] = {}
            for e in r.evidence:
                if e.resource is not None and e.resource in self.drafts:
                    drafts[e.resource] = drafts.get(e.resource) or e.name
            for reference in drafts if all(self._one_drug(drafts, *pair) for pair in combinations(drafts, 2)) else ():
                words = self.drafts[reference].words or reference
                if sum(self.drafts[each].words == words for each in drafts) > 1:
                    words = f"{words}, {reference}"
                label = cut(f"Take back the draft order: {words}")[0]
                action = {"type": "delete", "description": label, "resourceId": reference}
                identity = self.identity(f"take-back|{reference}")
                found.setdefault(reference, {"label": label, "uuid": identity, "actions": [action]})
                by_key[self.url(r), r.action].suggestions.append(identity)
        return list(found.values())

    def _one_drug(self, names: Mapping[str, str | None], one: str, other: str) -> bool:
        """Whether two drafts are certainly of one drug."""
        codes, others = self.drafts[one].codes, self.drafts[other].codes
        common = {system for system, _ in codes} & {system for system, _ in others}
        if common:  # each of these tells drugs apart, or tells no more than their class
            return all(any(code in others for code in codes if code[0] == system) for system in common)
        name, second = names[one], names[other]
        return name is not None and second is not None and name.casefold() == second.casefold()


def _action_type(definition: Json) -> str:
    for coding in (definition.get("type") or {}).get("coding") or ():
        if coding.get("code") in ("create", "update"):
            return str(coding["code"])
        if coding.get("code") in ("remove", "delete"):
            return "delete"
    return "create"


def standalone(resource: Json, proposed: Collection[str], plans: Collection[str], own: Collection[str]) -> Json:
    """The resource without references to what was proposed with it: ``proposed`` requests (``Type/id``) and the RequestGroups of
    the ``plans`` (ids), but for its ``own`` suggestion's."""

    result: Json = _without_links(resource, _Linked(proposed, plans, own))
    return result


class _Linked(NamedTuple):
    """What a reference may not lead to, and what it may."""

    proposed: Collection[str]
    plans: Collection[str]
    own: Collection[str]

    def leads(self, value: Any) -> bool:
        """Whether a reference leads to what was proposed beside it."""
        reference = value.get("reference") if isinstance(value, dict) else None
        if not isinstance(reference, str) or reference in self.own:
            return False
        kind, _, key = reference.partition("/")
        group = kind == "RequestGroup" and any(key == plan or _numbered(key, plan) for plan in self.plans)
        return group or reference in self.proposed


def _without_links(value: Any, linked: _Linked) -> Any:
    if isinstance(value, dict):
        if str(value.get("url", "")).endswith(GOAL):
            return {}
        found = {name: _without_links(part, linked) for name, part in value.items() if not linked.leads(part)}
        return {name: part for name, part in found.items() if part not in ([], {}) or value[name] in ([], {})}
    if isinstance(value, list):
        kept = [(part, _without_links(part, linked)) for part in value if not linked.leads(part)]
        return [new for old, new in kept if new != {} or old == {}]
    return value


def _numbered(key: str, plan: str) -> bool:
    return key.startswith(f"{plan}-") and key[len(plan) + 1 :].isdigit()

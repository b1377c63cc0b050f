"""The CDS services of a guideline: one for each plan at the top and each hook it answers to (CDS Hooks, "Discovery").

Plans at the top may reach the same plan below. Of the services that a site uses at one hook, one shows it (``left_to_others``):
otherwise a visit would show the same advice several times.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from guideway.apply.audience import EVERYONE, reason_to_skip
from guideway.apply.data_requirements import requirements_of_plan
from guideway.guideline.compiled import CompiledGuideline, definitions_in
from guideway.guideline.hook_contexts import HOOK_VERSIONS, REQUIRED_CONTEXT
from guideway.guideline.names import APPLICABILITY_BEHAVIOR, SATISFIED_WHEN, WITHHELD_WHEN
from guideway.guideline.package import Artifact
from guideway.service.prefetch import Template, templates
from guideway.terminology.expansion import UnresolvedValueSet

Json = dict[str, Any]


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One CDS service: a plan at one hook."""

    id: str
    hook: str
    guideline: CompiledGuideline
    plan: Artifact
    templates: tuple[Template, ...]
    title: str
    description: str
    hooks_version: str = "2.0.0"
    reaches: Mapping[str, tuple[int, int]] = {}
    """The plans below, as ``url|version``, that it applies whatever the patient is like: how many actions of each answer to the
    hook, and how many there are."""

    def discovery(self) -> Json:
        """The entry of the discovery document."""
        entry: Json = {"hook": self.hook, "id": self.id, "title": self.title, "description": self.description}
        if self.hooks_version.startswith("3"):
            entry["version"] = self.hooks_version
            entry["hookVersion"] = HOOK_VERSIONS.get(self.hook, "1.0")
        entry["prefetch"] = {t.key: t.query for t in self.templates}
        if self.reaches:
            entry["usageRequirements"] = (
                "Recommendations that several services of this guideline share are shown by one of them. "
                "A site that calls only some of the services at a hook names these in the setting services."
            )
        return entry


def services_of(guideline: CompiledGuideline, *, hooks_version: str = "2.0.0", include: bool = False) -> Iterator[Service]:
    """The services of one guideline, by plan and hook, ids stable across versions."""
    for plan in guideline.root_plans():
        for hook in sorted(hooks_of(guideline, plan)):
            if hook not in REQUIRED_CONTEXT:
                continue
            resource = plan.resource
            yield Service(
                id=service_id(str(resource.get("url") or plan.id), hook),
                hook=hook,
                guideline=guideline,
                plan=plan,
                templates=tuple(_templates(guideline, plan, hook, include)),
                title=str(resource.get("title") or resource.get("name") or plan.id),
                description=str(resource.get("description") or resource.get("title") or plan.id),
                hooks_version=hooks_version,
                reaches=dict(_reached(guideline, plan, hook)),
            )


def in_use(services: Iterable[Service], names: Sequence[str] = ()) -> list[Service]:
    """The services that a site uses, first the one that is asked first about what several share.

    ``names``: service ids in that order. Where none are named all are used. While an order is written the service that is made
    for it comes first: the one most of whose actions answer to the hook. Otherwise the one with the most to say comes first, then
    the one that adds most to it, and so on.
    """
    known = list(services)
    if names:
        by_id = {service.id: service for service in known}
        return [by_id[name] for name in dict.fromkeys(names) if name in by_id]
    found: list[Service] = []
    said: dict[str, set[str]] = {}

    def rank(service: Service) -> float:
        if service.hook.startswith("order-"):
            return sum(n for n, _ in service.reaches.values()) / (sum(n for _, n in service.reaches.values()) or 1)
        return sum(n for plan, (n, _) in service.reaches.items() if plan not in said.get(service.hook, ()))

    while known:
        best = max(known, key=rank)
        known.remove(best)
        found.append(best)
        said.setdefault(best.hook, set()).update(best.reaches)
    return found


class Left(NamedTuple):
    """What a service leaves to others."""

    plans: frozenset[str] = frozenset()
    """Plans (``url|version``) that another service shows."""
    asked: frozenset[str] = frozenset()
    """Of these the ones of the service that is asked first: it leaves nothing to others, so it always says what it lacks."""
    first: bool = True
    """Whether this is the service that is asked first: it tells what is wrong with the patient, and with the data as a whole."""
    types: frozenset[str] = frozenset()
    """Resource types that another service reads as well and tells the faults of."""


def left_to_others(service: Service, used: Sequence[Service]) -> Left:
    """What another of the ``used`` services shows at the same hook.

    A plan is left to another service only where that one applies it whatever the patient is like: what it says of the plan is
    then the same, word for word. So nothing is lost as long as the site calls the services that it is said to use.
    """
    others = [s for s in used if s.hook == service.hook and s.guideline is service.guideline]
    owner: dict[str, str] = {}
    for other in others:
        for plan in other.reaches:
            owner.setdefault(plan, other.id)
    elsewhere = frozenset(plan for plan, name in owner.items() if name != service.id)
    asked = frozenset(plan for plan in elsewhere if owner[plan] == others[0].id)
    reader: dict[str, str] = {}
    for other in others:
        for template in other.templates:
            reader.setdefault(template.type, other.id)
    types = frozenset(kind for kind, name in reader.items() if name != service.id)
    return Left(elsewhere, asked, not others or others[0].id == service.id, types)


class Usage:
    """What each service leaves to others, by the services that a site uses; worked out once for each such list."""

    def __init__(self, services: Iterable[Service]) -> None:
        self._services = tuple(services)
        self._found: dict[tuple[tuple[str, ...], frozenset[str]], dict[str, Left]] = {}

    def left(self, service: Service, names: tuple[str, ...], silent: Iterable[str] = ()) -> Left:
        """``left_to_others`` for a site that uses the services ``names`` (none: all) of which ``silent`` show nothing."""
        key = names, frozenset(silent)
        found = self._found.get(key)
        if found is None:
            used = in_use((s for s in self._services if s.id not in key[1]), names)
            found = self._found[key] = {s.id: left_to_others(s, used) for s in used}
        return found.get(service.id, Left())


def _reached(guideline: CompiledGuideline, plan: Artifact, hook: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """The plans that ``plan`` leads to by actions without any condition: how many of its actions answer to the hook, and how many
    there are."""
    pending, seen = [plan], {plan.canonical}
    while pending:
        resource = pending.pop().resource
        groups: list[Json] = [resource]
        while groups:
            group = groups.pop()
            if any(e.get("url") in APPLICABILITY_BEHAVIOR for e in group.get("extension") or ()):
                continue  # the first that applies ends the group
            for action in group.get("action") or ():
                if _may_be_left_out(action, hook):
                    continue
                groups.append(action)
                target = guideline.resolve(str(action.get("definitionCanonical") or ""), "PlanDefinition")
                if target is not None and target.canonical not in seen:
                    seen.add(target.canonical)
                    pending.append(target)
                    leaves = list(leaves_of(target.resource))
                    yield target.canonical, (sum(hook in names_of_triggers(a) for a in leaves), len(leaves))


def _may_be_left_out(action: Json, hook: str) -> bool:
    """Whether something decides if the action is taken: a condition, an occasion, an audience."""
    if action.get("condition") or action.get("participant") or reason_to_skip(action, EVERYONE) is not None:
        return True
    if any(e.get("url") in (WITHHELD_WHEN, SATISFIED_WHEN) for e in action.get("extension") or ()):
        return True
    names = names_of_triggers(action)
    return bool(names) and hook not in names


def names_of_triggers(action: Json) -> list[str]:
    """The named events that an action answers to."""
    return [str(t.get("name")) for t in action.get("trigger") or () if t.get("type") == "named-event"]


def leaves_of(group: Json) -> Iterator[Json]:
    """The actions below a plan or an action that hold no other."""
    for action in group.get("action") or ():
        if action.get("action"):
            yield from leaves_of(action)
        else:
            yield action


def actions_in(group: Json) -> Iterator[Json]:
    """All actions below a plan or an action."""
    for action in group.get("action") or ():
        if isinstance(action, dict):
            yield action
            yield from actions_in(action)


def service_id(url: str, hook: str) -> str:
    """The service's id: the tail of the plan's URL as a slug, and the hook."""
    tail = url.rstrip("/").rpartition("/")[2]
    return f"{re.sub(r'[^A-Za-z0-9]+', '-', tail).strip('-').lower()}-{hook}"


def hooks_of(guideline: CompiledGuideline, plan: Artifact) -> set[str]:
    """The named events that the plan, or a plan it reaches, answers to."""
    found: set[str] = set()
    seen: set[str] = set()
    pending = [plan]
    while pending:
        current = pending.pop()
        if current.canonical in seen:
            continue
        seen.add(current.canonical)
        actions: list[Any] = list(current.resource.get("action") or ())
        while actions:
            action = actions.pop()
            if not isinstance(action, dict):
                continue
            for trigger in action.get("trigger") or ():
                if isinstance(trigger, dict) and trigger.get("type") == "named-event" and isinstance(trigger.get("name"), str):
                    found.add(trigger["name"])
            actions += action.get("action") or ()
        for reference in definitions_in(current.resource):
            nested = guideline.resolve(reference, "PlanDefinition")
            if nested is not None:
                pending.append(nested)
    return found


def _templates(guideline: CompiledGuideline, plan: Artifact, hook: str, include: bool) -> list[Template]:
    def expand(url: str) -> frozenset[tuple[str, str]] | None:
        name, _, version = url.partition("|")
        try:
            return guideline.terminology.codes(name, version or None)  # type: ignore[no-any-return]
        except UnresolvedValueSet:
            return None

    encounter = hook in ("encounter-start", "encounter-discharge")
    return templates(requirements_of_plan(guideline, plan), expand, encounter=encounter, include=include)

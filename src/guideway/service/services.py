"""The CDS services of a guideline: one for each plan at the top and each hook it answers to (CDS Hooks, "Discovery")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from guideway.apply.data_requirements import requirements_of_plan
from guideway.apply.hook_context import REQUIRED
from guideway.guideline.compiled import CompiledGuideline, definitions_in
from guideway.guideline.package import Artifact
from guideway.service.prefetch import Template, templates
from guideway.terminology.expansion import UnresolvedValueSet

Json = dict[str, Any]


HOOK_VERSIONS = {"order-dispatch": "1.1"}
"""Hooks whose version is not 1.0."""


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

    def discovery(self) -> Json:
        """The entry of the discovery document."""
        entry: Json = {"hook": self.hook, "id": self.id, "title": self.title, "description": self.description}
        if self.hooks_version.startswith("3"):
            entry["version"] = self.hooks_version
            entry["hookVersion"] = HOOK_VERSIONS.get(self.hook, "1.0")
        entry["prefetch"] = {t.key: t.query for t in self.templates}
        return entry


def services_of(guideline: CompiledGuideline, *, hooks_version: str = "2.0.0", include: bool = False) -> Iterator[Service]:
    """The services of one guideline, by plan and hook, ids stable across versions."""
    for plan in guideline.root_plans():
        for hook in sorted(hooks_of(guideline, plan)):
            if hook not in REQUIRED:
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
            )


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

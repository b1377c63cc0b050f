"""What plans have: actions with ids, relations that lead somewhere, no circles, and what their CPG profile asks for.

Takes the guideline; gives diagnostics. CPG 2.0.0 profiles (http://hl7.org/fhir/uv/cpg): recommendation, strategy, pathway,
workflow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from guideway.authoring.rules import breach
from guideway.diagnostics import Diagnostic
from guideway.guideline.compiled import definitions_in
from guideway.guideline.package import Artifact, Guideline
from guideway.guideline.plan_facts import unknown_behaviors

Json = dict[str, Any]
CPG = "http://hl7.org/fhir/uv/cpg/StructureDefinition/"
EXCLUSIVE_GROUP = "https://example.org/guideway/StructureDefinition/exclusive-group"
_BEHAVIOURS = ("groupingBehavior", "requiredBehavior", "precheckBehavior", "cardinalityBehavior")


class Profile(NamedTuple):
    """What a CPG profile of PlanDefinition says of type and top-level actions."""

    type: str
    required: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


PROFILES: dict[str, Profile] = {
    "cpg-recommendationdefinition": Profile("eca-rule", targets=("ActivityDefinition", "PlanDefinition")),
    "cpg-strategydefinition": Profile(
        "workflow-definition",
        ("title", "description", "code"),
        ("type", *_BEHAVIOURS, "transform", "dynamicValue"),
        ("PlanDefinition",),
    ),
    "cpg-pathwaydefinition": Profile(
        "clinical-protocol",
        ("title", "description", "code"),
        ("input", "output", "relatedAction", *_BEHAVIOURS, "selectionBehavior", "transform", "dynamicValue"),
        ("PlanDefinition",),
    ),
    "cpg-ordersetdefinition": Profile("order-set", ("title",)),
    "cpg-workflowdefinition": Profile("workflow-definition", ("title", "description")),
}


def check(guideline: Guideline) -> Iterator[Diagnostic]:
    """All checks of all plans."""
    for plan in guideline.plans:
        yield from _actions(plan)
        yield from _profile(plan, guideline)
    yield from _circles(guideline)
    yield from _unreached(guideline)


def actions_of(plan: Json) -> Iterator[tuple[Json, str]]:
    """Every action of a plan with its pointer, in the order of the text."""
    pending = [(plan.get("action"), "/action")]
    while pending:
        actions, pointer = pending.pop(0)
        for number, action in enumerate(actions if isinstance(actions, list) else ()):
            if isinstance(action, dict):
                yield action, f"{pointer}/{number}"
                pending.append((action.get("action"), f"{pointer}/{number}/action"))


def extension_of(element: Json, url: str) -> Json | None:
    """The first extension of that URL."""
    for extension in element.get("extension", ()):
        if isinstance(extension, dict) and extension.get("url") == url:
            return extension
    return None


def _actions(plan: Artifact) -> Iterator[Diagnostic]:
    known: Counter[str] = Counter()
    waits: dict[str, set[str]] = {}
    groups: Counter[str] = Counter()
    actions = list(actions_of(plan.resource))
    for group, pointer in ((plan.resource, ""), *actions):
        for text in unknown_behaviors(group):
            yield breach("applicability-behavior", text, plan, f"{pointer}/extension")
    for action, pointer in actions:
        name = action.get("id")
        if not isinstance(name, str):
            yield breach("action-id-missing", f"action {action.get('title') or pointer} has no id", plan, pointer)
        else:
            known[name] += 1
            if known[name] == 2:
                yield breach("action-id-duplicate", f"two actions have the id {name}", plan, f"{pointer}/id")
        exclusive = extension_of(action, EXCLUSIVE_GROUP)
        if exclusive is not None:
            groups[str(exclusive.get("valueString"))] += 1
        says = any(part in action for part in ("action", "textEquivalent", "description", "dynamicValue"))
        if not says and not any(part.startswith("definition") for part in action):
            text = f"action {name or pointer} has neither a definition nor a text that says what to do"
            yield breach("action-empty", text, plan, pointer)
        for number, condition in enumerate(action.get("condition", ())):
            expression = condition.get("expression") if isinstance(condition, dict) else None
            if not isinstance(expression, dict) or not expression.get("expression"):
                text = f"a condition of action {name or pointer} has no expression"
                yield breach("condition-kind", text, plan, f"{pointer}/condition/{number}")
    for action, pointer in actions:
        for number, related in enumerate(action.get("relatedAction", ())):
            target = related.get("actionId") if isinstance(related, dict) else None
            if isinstance(target, str) and target not in known:
                from difflib import get_close_matches

                near = get_close_matches(target, list(known), 1, 0.6)
                hint = f"did you mean {near[0]}?" if near else None
                text = f"action {action.get('id') or pointer} relates to {target}, which is not in the plan"
                yield breach("related-action-unknown", text, plan, f"{pointer}/relatedAction/{number}/actionId", hint)
            elif isinstance(target, str) and str(related.get("relationship", "")).startswith("after"):
                waits.setdefault(str(action.get("id")), set()).add(target)
            elif isinstance(target, str) and str(related.get("relationship", "")).startswith("before"):
                waits.setdefault(target, set()).add(str(action.get("id")))
    circle = _circle(waits)
    if circle:
        yield breach("related-action-cycle", f"actions wait for each other: {' → '.join(circle)}", plan, "/action")
    for name, count in sorted(groups.items()):
        if count == 1:
            yield breach("exclusive-group-single", f"only one action is in the exclusive group {name!r}", plan, "/action")


def _circle(graph: Mapping[str, set[str]]) -> list[str]:
    """A circle in a graph as a path that ends where it begins; empty where there is none."""
    done: set[str] = set()
    for start in sorted(graph):
        path: list[str] = []
        stack: list[tuple[str, Iterator[str]]] = [(start, iter(sorted(graph.get(start, ()))))]
        if start in done:
            continue
        path.append(start)
        while stack:
            node, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                stack.pop()
                path.pop()
                done.add(node)
            elif following in path:
                return [*path[path.index(following) :], following]
            elif following not in done:
                path.append(following)
                stack.append((following, iter(sorted(graph.get(following, ())))))
    return []


def _profile(plan: Artifact, guideline: Guideline) -> Iterator[Diagnostic]:
    meta = plan.resource.get("meta")
    profiles = meta.get("profile", ()) if isinstance(meta, dict) else ()
    for url in profiles if isinstance(profiles, list) else ():
        name = str(url).partition("|")[0].removeprefix(CPG)
        profile = PROFILES.get(name)
        if profile is None:
            continue
        codes = _codes(plan.resource.get("type"))
        if profile.type not in codes:
            found = " and ".join(sorted(codes)) or "not given"
            yield breach("plan-type", f"its type is {found}; {name} prescribes {profile.type}", plan, "/type")
        actions = plan.resource.get("action")
        for number, action in enumerate(actions if isinstance(actions, list) else ()):
            if not isinstance(action, dict):
                continue
            label, pointer = action.get("id") or number, f"/action/{number}"
            missing = [part for part in profile.required if part not in action]
            if missing:
                yield breach(
                    "plan-profile", f"action {label} has no {' and no '.join(missing)}, which {name} requires", plan, pointer
                )
            extra = [part for part in profile.forbidden if part in action]
            if extra:
                yield breach("plan-profile", f"action {label} has {' and '.join(extra)}, which {name} forbids", plan, pointer)
            target = action.get("definitionCanonical")
            found_target = guideline.resolve(target) if isinstance(target, str) else None
            if found_target is not None and profile.targets and found_target.type not in profile.targets:
                text = f"action {label} leads to a {found_target.type}; {name} allows {' or '.join(profile.targets)}"
                yield breach("plan-profile", text, plan, f"{pointer}/definitionCanonical")


def _codes(concept: Any) -> set[str]:
    codings = concept.get("coding", ()) if isinstance(concept, dict) else ()
    return {str(c.get("code")) for c in codings if isinstance(c, dict)}


def _graph(guideline: Guideline) -> dict[str, set[str]]:
    """Plan → the plans that its actions lead to."""
    graph: dict[str, set[str]] = {}
    for plan in guideline.plans:
        targets = (guideline.resolve(reference, "PlanDefinition") for reference in definitions_in(plan.resource))
        graph[plan.canonical] = {target.canonical for target in targets if target is not None}
    return graph


def _circles(guideline: Guideline) -> Iterator[Diagnostic]:
    circle = _circle(_graph(guideline))
    if circle:
        first = guideline.resolve(circle[0])
        shown = " → ".join(canonical.partition("|")[0].rpartition("/")[2] for canonical in circle)
        yield breach("plan-cycle", f"plans lead to each other in a circle: {shown}", first)


def _unreached(guideline: Guideline) -> Iterator[Diagnostic]:
    graph = _graph(guideline)
    if not any(graph.values()):
        return
    reached = set().union(*graph.values())
    for plan in guideline.plans:
        if plan.canonical not in reached and not graph[plan.canonical]:
            yield breach("plan-unreached", "no other plan leads to it", plan)

"""Unknown because of what it stands in: the groups whose condition cannot be known yet, each once, with all that waits for it.

Takes a finished outcome and its trees. A recommendation none of whose own conditions is null is unknown for the reason of an
action that it stands in (or of the action that leads to its plan): ``inherited_from`` names that action, and the outcome lists it
once under ``unknown_groups``, with its conditions, what is missing, and its recommendations. Nothing is taken from the
recommendations themselves.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from guideway.apply.actions import PlanNode, each_plan
from guideway.apply.conditions import words
from guideway.apply.outcome import UNKNOWN, Missing, PatientOutcome, Recommendation, UnknownGroup


def find_groups(outcome: PatientOutcome, trees: Sequence[PlanNode]) -> None:
    """Fill in ``inherited_from`` of every recommendation and the outcome's ``unknown_groups``, in document order."""
    members: dict[str, list[Recommendation]] = {}
    for recommendation in outcome.recommendations:
        if recommendation.status != UNKNOWN:
            continue
        waiting = [result.of for result in recommendation.conditions if result.value is None and result.error is None]
        if waiting and recommendation.key not in waiting and waiting[-1] is not None:
            recommendation.inherited_from = waiting[-1]
            members.setdefault(waiting[-1], []).append(recommendation)
    titles = _titles(trees, members.keys()) if members else {}
    outcome.unknown_groups = [_group(key, titles.get(key, key), found) for key, found in members.items()]


def _group(key: str, title: str, found: list[Recommendation]) -> UnknownGroup:
    conditions = dict.fromkeys(words(r) for r in found[0].conditions if r.value is None and r.error is None)
    missing: dict[str, Missing] = {}
    for recommendation in found:
        for datum in recommendation.missing:
            missing.setdefault(datum.element, datum)
    keys = [recommendation.key for recommendation in found]
    return UnknownGroup(key=key, title=title, conditions=list(conditions), missing=list(missing.values()), recommendations=keys)


def _titles(trees: Sequence[PlanNode], wanted: Container[str]) -> dict[str, str]:
    """Action key → its title, or that of the plan it leads to."""
    found: dict[str, str] = {}
    for plan in each_plan(trees):
        for action in plan.own:
            key = f"{plan.artifact.id}#{action.id}"
            if key not in wanted or key in found:
                continue
            definition = action.definition
            own = definition.get("title") or definition.get("textEquivalent") or definition.get("description")
            if action.nested is not None:
                own = own or action.nested.artifact.title
            found[key] = str(own or plan.artifact.title or action.id)
    return found

"""The Goals of a plan, as a result proposes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guideway.apply.activity_facts import Setting
from guideway.guideline.names import concept_text, copied, objects, text_of
from guideway.guideline.package import Artifact

Json = dict[str, Any]


WORDLESS_GOAL = "a goal without words"


def goals_of(plan: Artifact, setting: Setting, conditions: Callable[[Json], list[str]]) -> list[Json]:
    """The Goals of a plan, proposed: description, priority, category, start, addresses, targets, documentation.

    ``conditions`` finds the patient's Conditions for a concept that a goal addresses; one that is not on record is named in
    words.
    """
    found: list[Json] = []
    for goal in objects(plan.resource.get("goal")):
        resource: Json = {"_goalId": goal["id"]} if text_of(goal.get("id")) else {}
        resource["lifecycleStatus"] = "proposed"
        if isinstance(goal.get("category"), dict):
            resource["category"] = [copied(goal["category"])]
        if isinstance(goal.get("priority"), dict):
            resource["priority"] = copied(goal["priority"])
        description = goal.get("description")
        resource["description"] = copied(description) if isinstance(description, dict) else {"text": WORDLESS_GOAL}
        resource["subject"] = {"reference": setting.subject}
        if isinstance(goal.get("start"), dict):
            resource["startCodeableConcept"] = copied(goal["start"])
        targets = []
        for target in objects(goal.get("target")):
            targets.append(
                {
                    ("dueDuration" if name == "due" else name): copied(value)
                    for name, value in target.items()
                    if name in ("measure", "due", "extension") or name.startswith("detail")
                }
            )
        if targets:
            resource["target"] = targets
        addresses: list[Json] = []
        for concept in objects(goal.get("addresses")):
            known = conditions(concept)
            addresses += [{"reference": reference} for reference in known] or [
                {"display": concept_text(concept) or "a condition"}
            ]
        if addresses:
            resource["addresses"] = addresses
        notes = [
            text_of(d.get("citation")) or text_of(d.get("label")) or text_of(d.get("url"))
            for d in objects(goal.get("documentation"))
        ]
        if any(notes):
            resource["note"] = [{"text": note} for note in notes if note]
        found.append(resource)
    return found

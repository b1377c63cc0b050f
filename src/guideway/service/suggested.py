"""The resources of one suggestion, as a client can store them (CDS Hooks 2.0, "Action": a create holds the whole resource).

A CarePlan holds what is proposed together with the RequestGroup that it is part of; a suggestion holds some of it alone. A
reference to something that is neither on the server nor in the suggestion would make the client's transaction fail.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

Json = dict[str, Any]
GOAL = "/resource-pertainsToGoal"
"""Of an extension that points at a goal of the CarePlan, which no suggestion holds."""


def standalone(resource: Json, proposed: Collection[str], plans: Collection[str], own: Collection[str]) -> Json:
    """The resource without references to what was proposed with it: ``proposed`` requests (``Type/id``) and the RequestGroups of
    the ``plans`` (ids), but for its ``own`` suggestion's."""

    def hangs(value: Any) -> bool:
        reference = value.get("reference") if isinstance(value, dict) else None
        if not isinstance(reference, str) or reference in own:
            return False
        kind, _, key = reference.partition("/")
        return reference in proposed or (kind == "RequestGroup" and any(key == plan or _numbered(key, plan) for plan in plans))

    def cleaned(value: Any) -> Any:
        if isinstance(value, dict):
            if str(value.get("url", "")).endswith(GOAL):
                return {}
            found = {name: cleaned(part) for name, part in value.items() if not hangs(part)}
            return {name: part for name, part in found.items() if part not in ([], {}) or value[name] in ([], {})}
        if isinstance(value, list):
            kept = [(part, cleaned(part)) for part in value if not hangs(part)]
            return [new for old, new in kept if new != {} or old == {}]
        return value

    result: Json = cleaned(resource)
    return result


def _numbered(key: str, plan: str) -> bool:
    return key.startswith(f"{plan}-") and key[len(plan) + 1 :].isdigit()

"""Who a plan or action is for: useContext and participants against userType, userTaskContext, setting and settingContext.

A plan that says for which users, tasks or settings it is meant is left out where the parameters say otherwise; so is an
action whose participants are all of another role. What is not said on either side excludes nothing. Disabled artifacts
(cpg-enabled false) and retired ones are left out too. Everything left out is listed with its reason.
"""

from __future__ import annotations

from typing import Any

import msgspec

from guideway.guideline.actions import switched_off
from guideway.guideline.names import concept_text, objects

Json = dict[str, Any]


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of $apply that say for whom and where, as CodeableConcepts."""

    user_type: Json | None = None
    user_task: Json | None = None
    setting: Json | None = None
    setting_context: Json | None = None


# http://terminology.hl7.org/CodeSystem/usage-context-type → which parameters it is about
_CONTEXTS: dict[str, tuple[str, ...]] = {
    "user": ("user_type",),
    "task": ("user_task",),
    "workflow": ("user_task",),
    "venue": ("setting", "setting_context"),
}


EVERYONE = Audience()


def reason_to_skip(definition: Json, audience: Audience) -> str | None:
    """Why a plan or an action is not for this audience; None: it is."""
    off = switched_off(definition)
    return off if off is not None or audience == EVERYONE else reason_of_audience(definition, audience)


def reason_of_audience(definition: Json, audience: Audience) -> str | None:
    """The same, whether or not it is in use."""
    for name, parameters in _CONTEXTS.items():
        wanted = [c for c in objects(definition.get("useContext")) if _context_code(c) == name]
        given = [value for p in parameters if (value := getattr(audience, p)) is not None]
        if wanted and given and not any(overlap(_context_value(c), value) for c in wanted for value in given):
            meant = " or ".join(concept_text(_context_value(c)) or "another" for c in wanted)
            return f"meant for {name} {meant}, not {' / '.join(concept_text(v) or 'this one' for v in given)}"
    roles = [p["role"] for p in objects(definition.get("participant")) if isinstance(p.get("role"), dict)]
    if roles and audience.user_type is not None and not definition.get("resourceType"):
        if not any(overlap(role, audience.user_type) for role in roles):
            meant = " or ".join(concept_text(role) or "another role" for role in roles)
            return f"meant for {meant}, not {concept_text(audience.user_type) or 'this user'}"
    return None


def _context_code(context: Json) -> str | None:
    code = context.get("code")
    found = code.get("code") if isinstance(code, dict) else None
    return found if isinstance(found, str) else None


def _context_value(context: Json) -> Json:
    found = context.get("valueCodeableConcept")
    return found if isinstance(found, dict) else {}


def overlap(left: Json, right: Json) -> bool:
    """Whether two CodeableConcepts share a coding (a coding without a system matches by its code), or else a text."""
    for a in objects(left.get("coding")):
        for b in objects(right.get("coding")):
            same_system = a.get("system") == b.get("system") or not a.get("system") or not b.get("system")
            if a.get("code") and a.get("code") == b.get("code") and same_system:
                return True
    text, other = left.get("text"), right.get("text")
    return isinstance(text, str) and isinstance(other, str) and text.casefold() == other.casefold()

"""Who a plan or action is for: useContext and participants against userType, userTaskContext, setting and settingContext.

A plan that says for which users, tasks or settings it is meant is left out where the parameters say otherwise; so is an
action whose participants are all of another role. What is not said on either side excludes nothing; of several users, tasks or
settings one that fits is enough. Disabled artifacts
(cpg-enabled false) and retired ones are left out too. Everything left out is listed with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from guideway.diagnostics import GuidewayError
from guideway.guideline.actions import switched_off
from guideway.guideline.names import concept_text, objects

Json = dict[str, Any]


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of $apply that say for whom and where, as CodeableConcepts; none: not said."""

    user_type: tuple[Json, ...] = ()
    user_task: tuple[Json, ...] = ()
    setting: tuple[Json, ...] = ()
    setting_context: tuple[Json, ...] = ()


# http://terminology.hl7.org/CodeSystem/usage-context-type → which parameters it is about
_CONTEXTS: dict[str, tuple[str, ...]] = {
    "user": ("user_type",),
    "task": ("user_task",),
    "workflow": ("user_task",),
    "venue": ("setting", "setting_context"),
}


EVERYONE = Audience()

Concepts = Json | Sequence[Json] | None
"""One CodeableConcept, several, or none."""


def audience_of(user_type: Concepts, user_task: Concepts, setting: Concepts, setting_context: Concepts) -> Audience:
    """The audience as the parameters say it; GuidewayError for a concept that names nothing, which no plan could be meant for."""
    if user_type is None and user_task is None and setting is None and setting_context is None:
        return EVERYONE
    return Audience(
        user_type=_concepts("userType", user_type),
        user_task=_concepts("userTaskContext", user_task),
        setting=_concepts("setting", setting),
        setting_context=_concepts("settingContext", setting_context),
    )


def _concepts(name: str, given: Concepts) -> tuple[Json, ...]:
    found = () if given is None else (given,) if isinstance(given, dict) else tuple(given)
    for concept in found:
        if not names_something(concept):
            raise GuidewayError(f"{name} names nothing: give a CodeableConcept with a code or a text")
    return found


def names_something(concept: Json) -> bool:
    """Whether a CodeableConcept has a code or a text to compare by."""
    text = concept.get("text")
    return (isinstance(text, str) and bool(text.strip())) or any(each.get("code") for each in objects(concept.get("coding")))


def reason_to_skip(definition: Json, audience: Audience) -> str | None:
    """Why a plan or an action is not for this audience; None: it is."""
    off = switched_off(definition)
    return off if off is not None or audience == EVERYONE else reason_of_audience(definition, audience)


def reason_of_audience(definition: Json, audience: Audience) -> str | None:
    """The same, whether or not it is in use."""
    for name, parameters in _CONTEXTS.items():
        wanted = [c for c in objects(definition.get("useContext")) if _context_code(c) == name]
        given = [value for p in parameters for value in getattr(audience, p)]
        if wanted and given and not any(overlap(_context_value(c), value) for c in wanted for value in given):
            meant = " or ".join(concept_text(_context_value(c)) or "another" for c in wanted)
            return f"meant for {name} {meant}, not {' / '.join(concept_text(v) or 'this one' for v in given)}"
    roles = [p["role"] for p in objects(definition.get("participant")) if isinstance(p.get("role"), dict)]
    if roles and audience.user_type and not definition.get("resourceType"):
        if not any(overlap(role, user) for role in roles for user in audience.user_type):
            meant = " or ".join(concept_text(role) or "another role" for role in roles)
            return f"meant for {meant}, not {' / '.join(concept_text(user) or 'this user' for user in audience.user_type)}"
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

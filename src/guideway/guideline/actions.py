"""What plans and their actions say, whoever the patient is: found out when a guideline is compiled (``plan_facts``), and read by
every run.

Of a PlanDefinition there is one ``PlanFacts``, with an ``ActionFacts`` for each action, as deep as actions may be nested.
"""

from __future__ import annotations

from typing import Any

import msgspec

from guideway.guideline.names import ENABLED, first_value, objects

Json = dict[str, Any]

DEPTH_LIMIT = 60
"""Actions within actions within plans; deeper than any guideline, far from Python's own limit."""

PLAN_LIMIT = 1000
"""Plans that one plan leads to, each counted on every way to it: more than any guideline has, far from what takes long."""

APPLICABILITY = "applicability"
WITHHELD = "withheld-when"
SATISFIED_KIND = "satisfied-when"


class Question(msgspec.Struct, frozen=True):
    """An expression of an action: a condition, or (kind ``note``) what gives a note."""

    kind: str
    expression: Any
    """The FHIR Expression, as it stands there."""
    library: str | None
    """The library of the define that it names; None: that is to be found out with a patient."""
    define: str | None
    text: str = ""
    """The expression itself."""
    description: str | None = None
    name: str | None = None


Citation = tuple[str, str | None, str | None, str | None, str | None]
"""Where a statement comes from: its label, key and lines where that is ``<key>, line(s) N``, the citation, the URL."""


class ActionFacts(msgspec.Struct, frozen=True):
    """What an action's definition says, whoever the patient is."""

    definition: Json
    name: str
    """What it is called in this plan: its id, or one made from its place; a second one of that id is told apart."""
    told: tuple[tuple[str, str], ...]
    """What is wrong with it, whoever the patient is: the rule and the words of each finding."""
    title: str
    statements: tuple[str, ...]
    description: str | None
    rationale: str | None
    strength: str | None
    direction: str | None
    quality: str | None
    priority: str | None
    exclusive_group: str | None
    sources: tuple[Citation, ...]
    group: bool
    """Whether actions stand in it."""
    one_of: bool
    """Whether its first action that applies is the only one."""
    skipped: str | None
    """Why it is left out for everybody."""
    triggers: tuple[Any, ...]
    """The named events that it answers to; none: it answers to whatever its parent does."""
    conditions: tuple[Question, ...]
    notes: tuple[Question, ...]
    notes_if_not: tuple[Question, ...]
    """What is said where it does not apply."""
    sound: Json
    """The definition with only valid FHIR in what goes into a result."""
    faults: tuple[str, ...]
    """What was left out of it."""
    computes: bool
    """Whether elements of it or its extensions are computed for each patient."""
    actions: tuple[ActionFacts, ...]
    """Those that stand in it."""


class PlanFacts(msgspec.Struct, frozen=True):
    """What a plan says, whoever the patient is."""

    resource: Json
    libraries: list[str]
    """The canonicals of its libraries."""
    skipped: str | None
    one_of: bool
    computes: bool
    """Whether its own extensions are computed for each patient."""
    told: tuple[tuple[str, str], ...]
    actions: tuple[ActionFacts, ...]


def libraries_of(resource: Json) -> list[str]:
    """The libraries an artifact refers to, in order."""
    found = resource.get("library")
    return [x for x in found if isinstance(x, str)] if isinstance(found, list) else []


def switched_off(definition: Json) -> str | None:
    """Why a plan or an action is for nobody; None: it is for somebody."""
    if "extension" in definition and first_value(definition, ENABLED) is False:
        return "switched off (cpg-enabled is false)"
    if definition.get("status") == "retired" and definition.get("resourceType"):
        return "retired"
    return None


def is_computed(element: Json) -> bool:
    """Whether the value of an extension on it is computed."""
    return any(name.startswith("_value") for extension in objects(element.get("extension")) for name in extension)

"""Finding out what a plan and its actions say, whoever the patient is (``actions``): once, when a guideline is compiled.

Takes a PlanDefinition and the guideline that it stands in. Conditions and notes have their defines looked up, but where that
takes a patient (an expression in another language, an alternative expression, a name that leads nowhere).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from guideway.guideline.actions import (
    APPLICABILITY,
    DEPTH_LIMIT,
    SATISFIED_KIND,
    WITHHELD,
    ActionFacts,
    Citation,
    PlanFacts,
    Question,
    is_computed,
    libraries_of,
    switched_off,
)
from guideway.guideline.expressions import CQL_LANGUAGES, bind, inputs_of
from guideway.guideline.names import (
    ALTERNATIVE_EXPRESSION,
    APPLICABILITY_BEHAVIOR,
    DIRECTION,
    EXCLUSIVE_GROUP,
    NOTE,
    NOTE_IF_NOT,
    QUALITY,
    RATIONALE,
    SATISFIED_WHEN,
    STATEMENT_ID,
    STRENGTH,
    WITHHELD_WHEN,
    concept_text,
    extension_value,
    extensions,
    objects,
    text_of,
    url_of,
)

if TYPE_CHECKING:
    from guideway.guideline.compiled import CompiledGuideline

Json = dict[str, Any]

_CARRIED_OVER = ("start", "stop")
"""Kinds of conditions that are not evaluated here."""


def facts_of_plan(resource: Json, guideline: CompiledGuideline) -> PlanFacts:
    """The facts of one plan."""
    libraries = libraries_of(resource)
    reader = _Reader(resource, guideline, libraries)
    return PlanFacts(
        resource,
        libraries,
        switched_off(resource),
        one_of(resource),
        is_computed(resource),
        tuple(("applicability-behavior", text) for text in unknown_behaviors(resource)),
        tuple(reader.actions(resource.get("action"), "", 0)),
    )


def one_of(group: Json) -> bool:
    """Whether a plan or a group says that its first action that applies is the only one."""
    return any(
        url_of(extension) in APPLICABILITY_BEHAVIOR and extension_value(extension) == "any"
        for extension in objects(group.get("extension"))
    )


def unknown_behaviors(group: Json) -> Iterator[str]:
    """What a plan or a group says of how many of its actions count, and is no code for that."""
    for extension in objects(group.get("extension")):
        if url_of(extension) in APPLICABILITY_BEHAVIOR and (value := extension_value(extension)) not in ("all", "any"):
            yield f"the applicability behaviour {str(value)[:60]!r} is neither all nor any; all of its actions that apply count"


class _Reader:
    """Reads the actions of one plan."""

    def __init__(self, plan: Json, guideline: CompiledGuideline, libraries: list[str]) -> None:
        self.plan = plan
        self.guideline = guideline
        self.libraries = libraries
        self.names: set[str] = set()

    def actions(self, definitions: Any, path: str, depth: int) -> Iterator[ActionFacts]:
        """The facts of each action of the plan or of a group, with what stands in it."""
        for index, definition in enumerate(objects(definitions), 1):
            yield self._action(definition, f"{path}.{index}" if path else str(index), depth)

    def _action(self, definition: Json, path: str, depth: int) -> ActionFacts:
        from guideway.guideline.carried import sound

        name, doubled = self._name(definition, path)
        title = definition.get("title") or definition.get("textEquivalent") or definition.get("description") or name
        by_url: dict[Any, list[Json]] = {}
        for extension in objects(definition.get("extension")):
            url = extension.get("url")
            if isinstance(url, str):
                by_url.setdefault(url, []).append(extension)

        def first(url: str) -> Any:
            return extension_value(by_url[url][0]) if url in by_url else None

        conditions = [
            self._question(APPLICABILITY, condition.get("expression"), definition)
            for condition in objects(definition.get("condition"))
            if condition.get("kind") not in _CARRIED_OVER  # a kind that there is not is no reason to do what may not apply
        ]
        for url, kind in ((WITHHELD_WHEN, WITHHELD), (SATISFIED_WHEN, SATISFIED_KIND)):
            conditions += [self._question(kind, extension_value(e), definition) for e in by_url.get(url, ())]
        kept, faults = sound(definition)
        return ActionFacts(
            definition,
            name,
            tuple(self._told(name, doubled, definition)),
            str(title),
            tuple(str(extension_value(e)) for e in by_url.get(STATEMENT_ID, ())),
            text_of(definition.get("description")),
            text_of(first(RATIONALE)),
            concept_text(first(STRENGTH)),
            direction_of(first(DIRECTION)),
            concept_text(first(QUALITY)),
            text_of(definition.get("priority")),
            text_of(first(EXCLUSIVE_GROUP)),
            tuple(citations(definition, self.plan)),
            any(True for _ in objects(definition.get("action"))),
            one_of(definition),
            switched_off(definition),
            tuple(t.get("name") for t in objects(definition.get("trigger")) if t.get("type") == "named-event"),
            tuple(conditions),
            tuple(self._question("note", extension_value(e), definition) for e in by_url.get(NOTE, ())),
            tuple(self._question("note-if-not", extension_value(e), definition) for e in by_url.get(NOTE_IF_NOT, ())),
            kept,
            faults,
            "dynamicValue" in definition or is_computed(definition),
            tuple(self.actions(definition.get("action"), path, depth + 1)) if depth <= DEPTH_LIMIT else (),
        )

    @staticmethod
    def _told(name: str, doubled: str | None, definition: Json) -> Iterator[tuple[str, str]]:
        """What is wrong with an action, whoever the patient is."""
        if doubled is not None:
            yield "action-id-duplicate", doubled
        for text in unknown_behaviors(definition) if "extension" in definition else ():
            yield "applicability-behavior", f"{name}: {text}"
        for number, condition in enumerate(objects(definition.get("condition")), 1):
            kind = condition.get("kind")
            if kind != APPLICABILITY and kind not in _CARRIED_OVER:
                has = f"has the kind {str(kind)[:60]!r}, which there is not" if "kind" in condition else "has no kind"
                yield "condition-kind-unknown", f"{name}: condition {number} {has}; it counts as one of applicability"
        for part in ("condition", "dynamicValue"):
            for number, element in enumerate(objects(definition.get(part)), 1):
                if "modifierExtension" in element:
                    text = "has a modifier extension, which is not understood: it may mean something else than it says"
                    yield "modifier-extension", f"{name}: {part} {number} {text}"

    def _name(self, definition: Json, path: str) -> tuple[str, str | None]:
        wish = str(definition.get("id") or f"action-{path}")
        name = wish
        while name in self.names:
            name = f"{wish}-at-{path}" if name == wish else f"{name}-x"
        self.names.add(name)
        if name == wish:
            return name, None
        return name, f"{wish}: two actions of this plan have this id; the one at {path} is called {name}"

    def _question(self, kind: str, expression: Any, action: Json) -> Question:
        given: Json = expression if isinstance(expression, dict) else {}
        language, description, name = text_of(given.get("language")), given.get("description"), given.get("name")
        words = (
            str(given.get("expression", "")),
            (" ".join(description.split()) or None) if isinstance(description, str) else None,
            name if isinstance(name, str) else None,
        )
        if language in CQL_LANGUAGES and text_of(given.get("expression")):
            bound = bind(self.guideline, expression, self.libraries, inputs_of(action) if "input" in action else ())
            if bound.error is None and not extensions(expression, ALTERNATIVE_EXPRESSION):
                return Question(kind, expression, bound.library, bound.define, *words)
        return Question(kind, expression, None, None, *words)


def direction_of(concept: Any) -> str | None:
    """``for`` or ``against``, from the code of cpg-directionOfRecommendation."""
    if isinstance(concept, dict):
        for coding in objects(concept.get("coding")):
            if isinstance(coding.get("code"), str):
                return str(coding["code"])
    return concept_text(concept)


def citations(definition: Json, plan: Json) -> list[Citation]:
    """The citations of an action: its documentation; the plan's own only where the action has none and is a leaf."""
    found = [citation_of(d) for d in objects(definition.get("documentation"))]
    if not found and not definition.get("action"):
        found = [citation_of(d) for d in objects(plan.get("relatedArtifact")) if d.get("type") in ("citation", "documentation")]
    return [c for c in found if c is not None]


def citation_of(artifact: Json) -> Citation | None:
    """A RelatedArtifact as a citation."""
    label = artifact.get("label") or artifact.get("display") or artifact.get("citation") or artifact.get("url")
    if not isinstance(label, str):
        return None
    key, _, rest = label.partition(",")
    head, _, lines = rest.strip().partition(" ")
    located = head in ("line", "lines", "line(s)")
    place = (key.strip(), lines.strip()) if located else (None, None)
    return label, *place, text_of(artifact.get("citation")), text_of(artifact.get("url"))

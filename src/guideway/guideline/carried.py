"""What of an action goes into a result, freed of what FHIR does not allow.

Takes an action's definition; gives the definition with only valid FHIR in what a RequestGroup action takes over from it
(``CARRIED`` and the timing) and in what goes elsewhere (``APART``), and in words what was left out. It is the same for every
patient, so it is done when a guideline is compiled.
"""

from __future__ import annotations

from typing import Any

from guideway.fhir.reference_targets import directed
from guideway.fhir.soundness import cleaned

Json = dict[str, Any]

CARRIED = frozenset(
    {
        "prefix", "title", "description", "textEquivalent", "priority", "code", "documentation", "condition", "relatedAction",
        "type", "groupingBehavior", "selectionBehavior", "requiredBehavior", "precheckBehavior", "cardinalityBehavior",
        "extension", "modifierExtension",
    }
)  # fmt: skip
"""Elements of an action that go to RequestGroup.action as they are."""

APART = {"reason": "CodeableConcept", "input": "DataRequirement", "output": "DataRequirement", "participant": "CodeableConcept"}
"""Elements of an action that go elsewhere, by the type that they (of a participant: the role) have there."""

_PARTICIPANT = frozenset({"id", "extension", "modifierExtension", "type", "_type"})
_WHO = _PARTICIPANT | {"role"}
"""The elements of a participant in a definition, which names nobody."""

GROUP: Json = {"resourceType": "RequestGroup", "status": "draft", "intent": "proposal", "subject": {"display": "anyone"}}
"""A RequestGroup in which an action can be checked."""


def sound(definition: Json) -> tuple[Json, tuple[str, ...]]:
    """The definition with what is valid in it, and what was left out of it; the same object where nothing was."""
    faults: list[str] = []
    definition = _apart(definition, faults)
    carried = {n: v for n, v in definition.items() if n in CARRIED or n.startswith("timing")}
    if carried:
        group, found = cleaned(GROUP | {"action": [carried]})
        kept, misdirected = directed("RequestGroup.Action", (group.get("action") or [{}])[0])
        found = [*((path.removeprefix("action.0."), message) for path, message in found), *misdirected]
        faults += [f"{path}: {message}; it is left out" for path, message in found]
        if found:
            definition = {n: v for n, v in definition.items() if n not in carried} | kept
    return definition, tuple(faults)


def _apart(definition: Json, faults: list[str]) -> Json:
    """The definition with what becomes an extension, or goes to the request (reasons, inputs, outputs, roles), valid."""
    changed: Json = {}
    for name, kind in APART.items():
        given = definition.get(name)
        if given is None:
            continue
        kept = []
        for item in given if isinstance(given, list) else [given]:
            if name != "participant" or not isinstance(item, dict):
                found = _one(name, kind, item, faults)
                kept += [found] if isinstance(found, dict) else []
                continue
            rest = {n: v for n, v in item.items() if n in _PARTICIPANT}
            faults += [f"participant.{str(n)[:60]}: there is no such element; it is left out" for n in item if n not in _WHO]
            role = _one(f"{name}.role", kind, item["role"], faults) if "role" in item else None
            kept.append(rest | ({"role": role} if isinstance(role, dict) else {}))
        if kept != given:
            changed[name] = kept
    return definition | changed if changed else definition


def _one(name: str, kind: str, value: Any, faults: list[str]) -> Any:
    basic = {"resourceType": "Basic", "code": {"text": "x"}, "extension": [{"url": "urn:x", f"value{kind}": value}]}
    resource, found = cleaned(basic)
    for path, message in found:
        where = path.removeprefix("extension.0").removeprefix(f".value{kind}")
        faults.append(f"{name}{where}: {message}; it is left out")
    kept = (resource.get("extension") or [{}])[0].get(f"value{kind}")
    if not isinstance(kept, dict):
        return kept
    kept, misdirected = directed(kind, kept)
    faults += [f"{name}.{path}: {message}; it is left out" for path, message in misdirected]
    return kept

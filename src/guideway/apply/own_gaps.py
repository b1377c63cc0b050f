"""What one node of a trace reads itself and is not there: rows of a retrieve, an element that a resource on record does not have,
a parameter that is not given; each with how to supply it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from guideway.apply.outcome import Supply
from guideway.apply.provenance import Trace, unwrap
from guideway.apply.supply import requirement_name, requirement_supply
from guideway.apply.traces import PatientTraces
from guideway.engine.values import Code
from guideway.guideline.compiled import Requirement


class Gap(msgspec.Struct, frozen=True):
    """One thing that is not there: its name, in words, how to supply it."""

    name: str
    display: str
    supply: Supply
    read: Requirement | None = None
    """The retrieve that would have found it."""


def own_gaps(node: Trace, traces: PatientTraces) -> list[Gap]:
    """What a node itself reads: rows, an element that a resource does not have, a parameter that is not given."""
    if node.kind == "Retrieve":
        if node.label == traces.subject_type and node.value:
            return []
        return [
            Gap(
                named(requirement, traces),
                requirement_name(requirement, traces.guideline) or requirement.type,
                requirement_supply(requirement, traces.guideline),
                requirement,
            )
            for requirement in requirements_of(node, traces)
        ]
    if node.kind == "Property" and (unwrap(node.value) is None or node.value == []) and node.resources:
        reference = node.resources[0]
        kind = reference.partition("/")[0]
        path = (node.reads[0][1] or "").removesuffix(".value") if node.reads[0][1] != "value" else "value"
        if kind == traces.subject_type:
            path = (node.label or "").removesuffix(".value")
            name = f"{kind}.{path}"
            return [Gap(name, f"{_apart(path)} ({name})", Supply(kind="record", text=f"Record {name}", type=kind))]
        return [element_gap(reference, path)]
    if node.kind == "ParameterRef" and unwrap(node.value) is None:
        name = (node.label or "parameter").rpartition(".")[2]  # without what its library is called here
        return [Gap(name, f"parameter {name}", Supply(kind="record", text=f"Give a value for the parameter {name}"))]
    return []


def element_gap(reference: str, path: str) -> Gap:
    """An element that a resource on record does not have."""
    name = f"{reference}.{path}"
    kind = reference.partition("/")[0]
    way = Supply(kind="record", text=f"Record {path} of {reference}", type=kind, resource=reference, path=path)
    return Gap(name, f"{_apart(path)} ({name})", way)


def _apart(path: str) -> str:
    """A path of elements in words.

    >>> _apart("birthDate"), _apart("interpretation[0].text")
    ('birth date', 'interpretation text')
    """
    return " ".join("".join(f" {c.lower()}" if c.isupper() else c if c.isalpha() else " " for c in path).split())


def named(requirement: Requirement, traces: PatientTraces) -> str:
    """What a retrieve asks for, as the name of something missing."""
    title = requirement_name(requirement, traces.guideline)
    return f"{requirement.type} of {title}" if title else requirement.type


def requirements_of(retrieve: Trace, traces: PatientTraces) -> list[Requirement]:
    """What a retrieve asks for; of a define with several of one type, all that it may be."""
    guideline = traces.guideline
    key = (retrieve.library or "", retrieve.define or "")
    definition = guideline.definition(key)
    numbers = definition.requirements if definition is not None else guideline.read_in_parts.get(key, ())
    every = [guideline.requirements[number] for number in numbers]
    found = [requirement for requirement in every if requirement.type == retrieve.label]
    asked = {(value.system, value.code) for value in _codes(retrieve)}
    if asked:
        exact = [requirement for requirement in found if asked & set(requirement.codes)]
    else:
        exact = [requirement for requirement in found if requirement.value_set]
    return exact or found or [Requirement(type=retrieve.label or "data")]


def _codes(retrieve: Trace) -> Iterable[Code]:
    pending = list(retrieve.children or ())
    while pending:
        node = pending.pop()
        if isinstance(node.value, Code):
            yield node.value
        else:
            pending += node.children or ()

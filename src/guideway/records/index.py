"""Codes to resources: one inverted index for each resource type and path, made when a retrieve first filters there.

Takes the resources of one type in order; gives those with a code among the wanted ones, in the same order. A code with its system
matches both exactly; a bare ``code`` element (``Patient.gender``) matches by its text, because its binding fixes the system; a
Coding that names no system matches nothing. Where the coded element is a choice and a reference is given
(``medicationReference``), the codes are those of the resource that it leads to, which may be contained (``#id``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from guideway.fhir.element import FhirObject
from guideway.fhir.modelinfo import builtin

Resolve = Callable[[str], FhirObject | None]
Codes = frozenset[tuple[str | None, str]]


class CodeIndex:
    """The inverted index of one type and path."""

    __slots__ = ("_bare", "_coded", "_resources")

    def __init__(self, resources: Sequence[FhirObject], path: str, resolve: Resolve) -> None:
        self._resources = resources
        self._coded: dict[tuple[str | None, str], list[int]] = {}
        self._bare: dict[str, list[int]] = {}
        for position, resource in enumerate(resources):
            concept = resource.data.get(path)
            if type(concept) is dict and "reference" not in concept and "coding" in concept:
                found: Iterable[tuple[str | None, str]] = _codings(concept, resource.data, resolve)
            else:
                found = codes_at(resource.data, path, resolve)
            for system, code in found:
                if system is None:
                    self._bare.setdefault(code, []).append(position)
                else:
                    self._coded.setdefault((system, code), []).append(position)

    def find(self, codes: Codes) -> list[FhirObject]:
        """The resources with one of the codes."""
        coded = self._coded
        found: set[int] = set()
        if len(coded) < len(codes):
            for key, positions in coded.items():
                if key in codes:
                    found.update(positions)
        else:
            for wanted in codes:
                positions_of = coded.get(wanted)
                if positions_of is not None:
                    found.update(positions_of)
        if self._bare:
            for _, code in codes:
                found.update(self._bare.get(code, ()))
        return [self._resources[position] for position in sorted(found)]


def codes_at(data: dict[str, Any], path: str, resolve: Resolve) -> Iterator[tuple[str | None, str]]:
    """Every code at a path: ``(system, code)``, or ``(None, code)`` of a bare code element."""
    pending: list[Any] = [data]
    for step in path.split("."):
        found: list[Any] = []
        for item in pending:
            if isinstance(item, dict):
                value = item.get(step)
                if value is None:
                    value = item.get(step + "CodeableConcept") or item.get(step + "Coding") or item.get(step + "Reference")
                if isinstance(value, list):
                    found.extend(value)
                elif value is not None:
                    found.append(value)
        pending = found
    for item in pending:
        if isinstance(item, str):
            yield None, item
        elif isinstance(item, dict):
            yield from _codings(item, data, resolve)


def _codings(item: dict[str, Any], holder: dict[str, Any], resolve: Resolve) -> Iterator[tuple[str, str]]:
    for coding in item.get("coding", ()) if "coding" in item else (item,):
        if isinstance(coding, dict):
            system, code = coding.get("system"), coding.get("code")
            if isinstance(code, str) and isinstance(system, str):
                yield system, code
    reference = item.get("reference")
    if isinstance(reference, str):
        target = _contained(holder, reference[1:]) if reference.startswith("#") else resolve(reference)
        info = builtin("FHIR").type(target.fhir_type) if target is not None else None
        if target is not None and info is not None and info.primary_code_path:
            for concept in codes_at(target.data, info.primary_code_path, _nowhere):
                if concept[0] is not None:
                    yield concept[0], concept[1]


def _contained(holder: dict[str, Any], id: str) -> FhirObject | None:
    """The contained resource with an id, which no other resource can refer to."""
    for inner in holder.get("contained", ()):
        if isinstance(inner, dict) and inner.get("id") == id and isinstance(inner.get("resourceType"), str):
            return FhirObject(inner["resourceType"], inner)
    return None


def _nowhere(reference: str) -> FhirObject | None:
    """References are followed once, not on and on."""
    return None

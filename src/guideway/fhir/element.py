"""FHIR data as the engine sees it: a piece of JSON together with the FHIR type it has.

``FhirObject`` is a resource, data type or backbone element over its plain ``dict``; ``FhirPrimitive`` is a primitive with its
raw JSON value (dates stay strings, numbers are ``int`` or ``Decimal``) and the ``_name`` object that carries its extensions.
``get`` follows one element of a type: choice elements by their base name (``value`` finds ``valueQuantity``), lists as lists,
absence as None, also of lists. Types are named as FHIR names them: ``Observation``, ``Observation.Component``, ``code``.

The JSON format is FHIR R4 §2.6.2 "JSON Representation"; the types come from ``guideway.fhir.modelinfo``, which is read only when
a path is followed that the generated code did not resolve beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


class FhirPrimitive:
    """A primitive element: its FHIR type, raw JSON value (None where only extensions are given), and its ``_name`` object."""

    __slots__ = ("extra", "fhir_type", "value")

    def __init__(self, fhir_type: str, value: Any, extra: Json | None = None) -> None:
        self.fhir_type = fhir_type
        self.value = value
        self.extra = extra

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FhirPrimitive):
            return NotImplemented
        return self.fhir_type == other.fhir_type and self.value == other.value and self.extra == other.extra

    def __hash__(self) -> int:
        return hash((self.fhir_type, self.value))

    def __repr__(self) -> str:
        return f"FhirPrimitive({self.fhir_type!r}, {self.value!r})"

    def __str__(self) -> str:
        return "" if self.value is None else str(self.value)


class FhirObject:
    """A resource or a complex element: its FHIR type and its JSON object."""

    __slots__ = ("data", "fhir_type")

    def __init__(self, fhir_type: str, data: Json) -> None:
        self.fhir_type = fhir_type
        self.data = data

    @property
    def id(self) -> str | None:
        """The resource's or element's id."""
        found = self.data.get("id")
        return found if isinstance(found, str) else None

    @property
    def reference(self) -> str | None:
        """``Observation/x`` for a resource with an id; None for anything else."""
        kind = self.data.get("resourceType")
        return f"{kind}/{self.data['id']}" if kind and self.data.get("id") else None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FhirObject):
            return NotImplemented
        return self.data is other.data or (self.fhir_type == other.fhir_type and self.data == other.data)

    def __hash__(self) -> int:
        return hash((self.fhir_type, self.id))

    def __repr__(self) -> str:
        return f"FhirObject({self.reference or self.fhir_type!r})"


FhirValue = FhirObject | FhirPrimitive


class Access:
    """How an element of a type is read: the JSON names that may hold it with the FHIR type of each, and whether it is a list."""

    __slots__ = ("alternatives", "many")

    def __init__(self, alternatives: tuple[tuple[str, str, bool], ...], many: bool) -> None:
        self.alternatives = alternatives
        """(JSON name, FHIR type, whether that type is primitive)"""
        self.many = many


_accesses: dict[tuple[str, str], Access | None] = {}
_primitive: dict[str, bool] = {}


def access(fhir_type: str, name: str) -> Access | None:
    """How element ``name`` of ``fhir_type`` is read; None where the type has no such element."""
    key = (fhir_type, name)
    try:
        return _accesses[key]
    except KeyError:
        pass
    from guideway.fhir.modelinfo import builtin, split_type

    model = builtin("FHIR", "4.0.1")
    info = model.element(f"FHIR.{fhir_type}", name)
    found: Access | None = None
    if info is not None:
        kind, parts = split_type(info.type)
        many = kind == "list"
        inner = parts[0] if many else info.type
        kind, parts = split_type(inner)
        if kind == "choice":
            found = Access(tuple(_alternative(name, part, True) for part in parts), many)
        elif not inner.startswith("System."):
            found = Access((_alternative(name, inner, False),), many)
        else:
            found = Access(((name, inner, True),), many)
    _accesses[key] = found
    return found


def _alternative(name: str, part: str, choice: bool) -> tuple[str, str, bool]:
    short = part.partition(".")[2]
    in_json = "Quantity" if short == "SimpleQuantity" else short  # a profile: JSON says Quantity
    return (name + in_json[0].upper() + in_json[1:] if choice else name, short, is_primitive(short))


def is_primitive(fhir_type: str) -> bool:
    """Whether a FHIR type is a primitive (``dateTime``, ``ObservationStatus``), as opposed to one with elements."""
    found = _primitive.get(fhir_type)
    if found is None:
        from guideway.fhir.modelinfo import builtin

        found = _primitive[fhir_type] = builtin("FHIR", "4.0.1").primitive(f"FHIR.{fhir_type}") is not None
    return found


def ancestors(fhir_type: str) -> tuple[str, ...]:
    """The type, its base, the base's base, …, as far as FHIR's own types go (``Age``, ``Quantity``, ``Element``)."""
    from guideway.fhir.modelinfo import builtin

    return tuple(
        name.partition(".")[2] for name in builtin("FHIR", "4.0.1").ancestors(f"FHIR.{fhir_type}") if name.startswith("FHIR.")
    )


def wrap_object(fhir_type: str, data: Any) -> FhirObject | None:
    """A complex element; a resource takes its own type. None for null."""
    if data is None:
        return None
    kind = data.get("resourceType") if isinstance(data, dict) else None
    return FhirObject(kind or fhir_type, data)


def get(source: FhirValue, name: str) -> Any:
    """Element ``name`` of ``source``: a FhirObject, a FhirPrimitive, a list of them, a plain string for the few elements whose
    type is not FHIR's own (``id``, ``url`` of an extension), or None where it is absent or not an element of the type."""
    if isinstance(source, FhirPrimitive):
        data: Json = source.extra or {}
        if name == "value":
            return source.value
    else:
        data = source.data
    how = access(source.fhir_type, name)
    return None if how is None else read(how, data)


def read(how: Access, data: Json) -> Any:
    """One element of a JSON object, read as ``how`` says."""
    for key, kind, primitive in how.alternatives:
        raw = data.get(key)
        if primitive:
            extra = data.get("_" + key)
            if raw is None and extra is None:
                continue
            if kind.startswith("System."):
                return raw
            if how.many:
                return list(_primitives(kind, raw, extra))
            return FhirPrimitive(kind, raw, extra)
        if raw is not None:
            if how.many:
                return [wrap_object(kind, item) for item in (raw if isinstance(raw, list) else [raw])]
            return wrap_object(kind, raw)
    return None


def _primitives(kind: str, raw: Any, extra: Any) -> Iterator[FhirPrimitive]:
    """The members of a repeating primitive; nulls hold the place of those that have extensions only (FHIR R4 §2.6.2.3)."""
    values = raw if isinstance(raw, list) else [] if raw is None else [raw]
    extras = extra if isinstance(extra, list) else []
    for index in range(max(len(values), len(extras))):
        value = values[index] if index < len(values) else None
        more = extras[index] if index < len(extras) else None
        if value is not None or more is not None:
            yield FhirPrimitive(kind, value, more)


def codings(data: Json, path: str) -> Iterator[tuple[str | None, str]]:
    """Every ``(system, code)`` at ``path`` of a JSON object, for code filters: of CodeableConcepts, Codings, and bare codes
    (system None); a Coding without a system is no known code. A step may be the base name of a choice (``medication``) and may
    cross lists; references are not followed.
    """
    pending: list[Any] = [data]
    for step in path.split("."):
        found: list[Any] = []
        for item in pending:
            if isinstance(item, dict):
                value = item.get(step)
                if value is None:
                    value = item.get(step + "CodeableConcept", item.get(step + "Coding"))
                found.extend(value if isinstance(value, list) else [value])
        pending = found
    for item in pending:
        if isinstance(item, str):
            yield None, item
        elif isinstance(item, dict):
            for coding in item.get("coding", ()) if "coding" in item else (item,):
                if isinstance(coding, dict) and isinstance(coding.get("code"), str) and isinstance(coding.get("system"), str):
                    yield coding["system"], coding["code"]

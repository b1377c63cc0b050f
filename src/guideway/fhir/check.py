"""Is this resource valid FHIR R4? For artifacts that people write and for resources that this program makes.

Takes a resource as JSON (numbers ``int`` or ``Decimal``); gives diagnostics whose pointers are RFC 6901. Three checkers, because
each misses what the others find:

1. ``guideway.fhir.structure``: JSON types, formats, required elements, required bindings, empty lists and objects, by R4 tables;
2. fhir.resources (R4B classes, which for the types that R4 has differ only in ``subjectCanonical``): one of several, patterns,
   and the types that a reference may lead to;
3. what neither looks at: local references, the rules for contained resources (dom-2 to dom-5), extensions (ext-1), quantities
   (qty-3), periods (per-1), ids used twice.

It is thorough and slow: data never passes here.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from functools import cache
from typing import Any

from guideway.diagnostics import Diagnostic, Severity
from guideway.fhir import structure
from guideway.fhir.dates import begin
from guideway.fhir.modelinfo import builtin

Json = dict[str, Any]
_KEPT_AS_WARNING = frozenset(("uri-invalid",))


def check_resource(resource: Any, file: str | None = None) -> list[Diagnostic]:
    """Everything wrong with a resource, in the order of its pointers; nothing where it is valid."""
    if not isinstance(resource, dict):
        return [_found("json-type", f"a resource is a JSON object, this is {structure.kind_of(resource)}", "", file)]
    kind = resource.get("resourceType")
    if not structure.known_type(kind):
        return [_found("resource-type-unknown", structure.unknown_type(kind), "/resourceType", file)]
    found: dict[tuple[str, str], Diagnostic] = {}

    def add(rule: str, message: str, pointer: str, severity: Severity = Severity.error) -> None:
        found.setdefault((pointer, rule), _found(rule, message, pointer, file, severity))

    for fault in structure.check(resource):
        severity = Severity.warning if fault.rule in _KEPT_AS_WARNING else Severity.error
        add(fault.rule, fault.message, _pointer(fault.path), severity)
    faulty = {pointer for pointer, _ in found}
    for pointer, message in _by_classes(str(kind), resource):
        if not any(pointer == f or f.startswith(f"{pointer}/") or pointer.startswith(f"{f}/") for f in faulty):
            add("resource-invalid", message, pointer)
    for inner, place in _whole_resources(resource, ""):
        for rule, message, pointer in _containment(inner):
            add(rule, message, place + pointer)
    for rule, message, pointer in _invariants(str(kind), resource):
        add(rule, message, pointer)
    return [found[key] for key in sorted(found)]


def _found(rule: str, message: str, pointer: str, file: str | None, severity: Severity = Severity.error) -> Diagnostic:
    shown = message[0].upper() + message[1:]
    return Diagnostic(rule, severity, shown if shown.endswith(".") else f"{shown}.", file, None, pointer or None)


def _pointer(path: tuple[str | int, ...]) -> str:
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


# ---- fhir.resources -----------------------------------------------------------------------------------------------------


@cache
def _class(kind: str) -> Any:
    """The fhir.resources class of a resource type; None for the few types that R4B dropped."""
    try:
        module = importlib.import_module(f"fhir.resources.R4B.{kind.lower()}")
    except ImportError:
        return None
    return getattr(module, kind, None)


def _by_classes(kind: str, resource: Json) -> Iterator[tuple[str, str]]:
    """What fhir.resources says: (pointer, message)."""
    from pydantic import ValidationError

    model = _class(kind)
    if model is None:
        return
    try:
        model.model_validate(resource)
    except ValidationError as error:
        for item in error.errors(include_url=False, include_context=False, include_input=False):
            path, message = _location(resource, item["loc"]), item["msg"].removeprefix("Value error, ")
            yield path, " ".join(message.split())
    except Exception as error:  # its own validators raise what they like on odd input
        yield "", f"fhir.resources cannot read it: {type(error).__name__}"


def _location(resource: Json, steps: tuple[int | str, ...]) -> str:
    """A pydantic location as a pointer, as far as it leads through the resource; class names in it are passed over."""
    node: Any = resource
    pointer = ""
    for step in steps:
        name: int | str = step
        if isinstance(node, dict) and isinstance(step, str):
            name = step if step in node else step.removesuffix("_fhir").removesuffix("__ext")
            if step.endswith("__ext") and f"_{name}" in node:
                name = f"_{name}"
            if name not in node:
                if step == steps[-1]:
                    return f"{pointer}/{name}"
                continue
            node = node[name]
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            node = node[step]
        else:
            continue
        pointer += f"/{name}"
    return pointer


# ---- contained resources and local references ---------------------------------------------------------------------------


def _whole_resources(value: Any, pointer: str) -> Iterator[tuple[Json, str]]:
    """The resource, and those that a Bundle or Parameters holds: each has its own contained resources."""
    if isinstance(value, dict):
        if "resourceType" in value:
            yield value, pointer
        for key, item in value.items():
            if key != "contained" and isinstance(item, dict | list):
                yield from _whole_resources(item, f"{pointer}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _whole_resources(item, f"{pointer}/{index}")


def _containment(resource: Json) -> Iterator[tuple[str, str, str]]:
    """Local references that lead nowhere, and the rules for contained resources."""
    contained = [c for c in _list(resource.get("contained")) if isinstance(c, dict)]
    ids: dict[str, int] = {}
    for index, item in enumerate(contained):
        pointer = f"/contained/{index}"
        name = item.get("id")
        if isinstance(name, str):
            if name in ids:
                yield (
                    "contained-id-twice",
                    f"contained resources {ids[name]} and {index} both have the id {name!r}",
                    f"{pointer}/id",
                )
            ids.setdefault(name, index)
        if item.get("contained"):
            yield "contained-nested", "a contained resource holds no contained resources (dom-2)", f"{pointer}/contained"
        meta = item.get("meta")
        if isinstance(meta, dict):
            for part, rule in (("versionId", "dom-4"), ("lastUpdated", "dom-4"), ("security", "dom-5")):
                if part in meta:
                    yield "contained-meta", f"a contained resource has no meta.{part} ({rule})", f"{pointer}/meta/{part}"
    used: set[str] = set()
    refers_out: set[str] = set()
    for value, pointer in _strings(resource, ""):
        if not value.startswith("#") or not _is_reference(pointer):
            continue
        inside = pointer.split("/")[2] if pointer.startswith("/contained/") else None
        if value == "#":
            if inside is None:
                yield "reference-local-dangling", "'#' means the container, and this is not inside a contained resource", pointer
            else:
                refers_out.add(inside)
            continue
        target = value[1:]
        if target not in ids:
            there = f"; contained are: {', '.join(sorted(ids))}" if ids else "; nothing is contained"
            yield "reference-local-dangling", f"{value} leads to no contained resource{there}", pointer
        elif inside is None or str(ids[target]) != inside:
            used.add(target)
    for name, index in ids.items():
        if name not in used and str(index) not in refers_out:
            yield "contained-unused", f"nothing refers to the contained resource {name!r} (dom-3)", f"/contained/{index}"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _strings(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield value, pointer
    elif isinstance(value, dict):
        if pointer and "resourceType" in value and not pointer.startswith("/contained/"):
            return  # a whole resource of its own, in a Bundle or Parameters
        for key, item in value.items():
            yield from _strings(item, f"{pointer}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(item, f"{pointer}/{index}")


_REFERRING = ("reference", "valueReference", "valueCanonical", "valueUri", "library", "transform")


def _is_reference(pointer: str) -> bool:
    """Whether a string stands where a reference to a resource stands: ``reference``, or a canonical."""
    name = next(step for step in reversed(pointer.split("/")) if not step.isdigit())
    return (
        name in _REFERRING
        or name.endswith("Canonical")
        or name in ("questionnaire", "derivedFrom", "partOf", "answerValueSet", "valueSet")
    )


# ---- invariants of data types -------------------------------------------------------------------------------------------


def _invariants(kind: str, resource: Json) -> Iterator[tuple[str, str, str]]:
    for type_name, value, pointer in objects(kind, resource):
        if type_name == "Extension":
            yield from _extension(value, pointer)
        elif type_name == "Period":
            yield from _period(value, pointer)
        elif type_name in ("Quantity", "SimpleQuantity", "Age", "Duration", "Count", "Distance", "MoneyQuantity"):
            if "code" in value and "system" not in value:
                yield "quantity-code-without-system", "a unit code needs its system (qty-3)", f"{pointer}/code"
        elif type_name == "Reference":
            yield from _reference(resource, value, pointer)
        ids = [key for key in ("id",) if isinstance(value.get(key), str)]
        if ids and pointer and "resourceType" not in value and any(c.isspace() for c in value["id"]):
            yield "element-id-invalid", "an element's id holds no spaces", f"{pointer}/id"


def objects(kind: str, value: Json, pointer: str = "") -> Iterator[tuple[str, Json, str]]:
    """Every object of a resource with its FHIR type and pointer, the resource itself first."""
    yield kind, value, pointer
    elements = builtin("FHIR").json_elements(kind)
    for key, item in value.items():
        primitive = key.startswith("_")
        element = elements.get(key[1:] if primitive else key)
        if element is None:
            continue
        short = "Element" if primitive else element.type.partition(".")[2]
        members = [(item, f"{pointer}/{key}")]
        if isinstance(item, list):
            members = [(member, f"{pointer}/{key}/{index}") for index, member in enumerate(item)]
        for member, place in members:
            if isinstance(member, dict):
                own = member.get("resourceType") if short == "Resource" else None
                if short != "Resource" or structure.known_type(own):
                    yield from objects(str(own) if own else short, member, place)


def _extension(value: Json, pointer: str) -> Iterator[tuple[str, str, str]]:
    url = value.get("url")
    values = [key for key in value if key.startswith(("value", "_value"))]
    if isinstance(url, str) and "|" in url:
        yield "extension-url-versioned", "an extension's url names no version", f"{pointer}/url"
    nested = (
        "/extension/" in pointer.rpartition("/extension/")[0] or "/modifierExtension/" in pointer.rpartition("/extension/")[0]
    )
    if isinstance(url, str) and ":" not in url and not nested:
        yield "extension-url-relative", "an extension's url is absolute, but inside another extension", f"{pointer}/url"
    if bool(values) == bool(value.get("extension")):
        what = "both" if values else "neither"
        yield "extension-value", f"an extension has either a value or extensions; this has {what} (ext-1)", pointer


def _period(value: Json, pointer: str) -> Iterator[tuple[str, str, str]]:
    start, end = value.get("start"), value.get("end")
    if isinstance(start, str) and isinstance(end, str) and len(start) == len(end):
        first, last = begin(start), begin(end)
        if first is not None and last is not None and first > last:
            yield "period-backwards", "the period ends before it starts (per-1)", pointer


def _reference(resource: Json, value: Json, pointer: str) -> Iterator[tuple[str, str, str]]:
    """Whether a literal reference leads to a type that is allowed there (the classes' metadata know which are)."""
    text = value.get("reference")
    if not isinstance(text, str):
        return
    if text.startswith("#"):
        target = next(
            (c.get("resourceType") for c in _list(resource.get("contained")) if isinstance(c, dict) and c.get("id") == text[1:]),
            None,
        )
    else:
        parts = text.partition("/_history/")[0].split("/")
        target = parts[-2] if len(parts) >= 2 and structure.known_type(parts[-2]) else None
    allowed = _allowed_targets(resource, pointer)
    if target is not None and allowed and target not in allowed:
        yield "reference-type", f"{text} is a {target}; allowed here: {', '.join(sorted(allowed))}", f"{pointer}/reference"


def _allowed_targets(resource: Json, pointer: str) -> frozenset[str]:
    """The resource types that a reference at this pointer may lead to; empty for any."""
    owner: Any = resource
    kind = str(resource["resourceType"])
    name = ""
    steps = pointer.split("/")[1:]
    for position, step in enumerate(steps):
        if isinstance(owner, list):
            owner = owner[int(step)]
            if isinstance(owner, dict) and isinstance(owner.get("resourceType"), str):
                kind = owner["resourceType"]
            continue
        name = step
        element = builtin("FHIR").json_elements(kind).get(step)
        last = position == len(steps) - 1 or (position == len(steps) - 2 and steps[-1].isdigit())
        if element is None or last:
            break
        owner, kind = owner[step], element.type.partition(".")[2]
        if isinstance(owner, dict) and isinstance(owner.get("resourceType"), str):
            kind = owner["resourceType"]
    return _targets(kind, name)


@cache
def _targets(kind: str, name: str) -> frozenset[str]:
    """From the metadata of fhir.resources; ``Resource`` there means any type."""
    root = kind.partition(".")[0]
    module = _class(root)
    if module is None:
        return frozenset()
    model = getattr(importlib.import_module(module.__module__), kind.replace(".", ""), None)
    for field in getattr(model, "model_fields", {}).values():
        if field.alias == name and isinstance(field.json_schema_extra, dict):
            types = frozenset(field.json_schema_extra.get("enum_reference_types", ()))
            return frozenset() if "Resource" in types else types
    return frozenset()

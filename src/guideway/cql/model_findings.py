"""What is wrong with the element mappings of a model info document: mappings that are never taken, or that nobody can read.

``findings(path)`` gives them with the document's name and line. A mapping by type (``FHIR.Quantity:...;FHIR.string:...``) whose
type is none of those that the FHIR element has is never taken: without a word every such value would be null. CQL 1.5
Developer's Guide, "Data Model Mapping"; how mappings are applied is in ``mappings``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

from guideway.cql import mappings
from guideway.cql.scope import nearest
from guideway.cql.typesystem import TypeSystem
from guideway.diagnostics import NOWHERE, Diagnostic, Position, Severity
from guideway.elm.types import ANY, ChoiceType, ListType, NamedType, Type
from guideway.fhir import modelinfo
from guideway.fhir.modelinfo_xml import read_xml

RULE = "model-mapping"


def findings(path: str) -> list[Diagnostic]:
    """Warnings about the mappings of a model info document, in the order of its lines."""
    model = read_xml(path)
    if model.target_url is None:
        return []
    types = TypeSystem([model])
    for name in modelinfo.BUILTIN_VERSIONS:
        base = modelinfo.builtin(name)
        if base.url == model.target_url:
            types.add(base)
    found: list[tuple[tuple[str, str], str, str | None]] = []
    for type_name in model.types:
        type_ = types.named(type_name)
        for element in model.types[type_name].elements.values():
            if type_ is not None and element.target:
                for message, hint in _wrong(types, type_, element.name, element.target):
                    found.append(((type_name.partition(".")[2], element.name), message, hint))
    if not found:
        return []
    lines = _lines(path)
    made = []
    for key, message, hint in found:
        line = lines.get(key, 1)
        at = Position(line, 1, line, 1)
        made.append(Diagnostic(RULE, Severity.warning, f"{key[0]}.{key[1]}: {message}", path, at, hint=hint))
    return sorted(made, key=lambda finding: finding.position or NOWHERE)


def _wrong(types: TypeSystem, type_: NamedType, element: str, target: str) -> Iterator[tuple[str, str | None]]:
    """What is wrong with one element's mapping: message and hint."""
    if not mappings.by_type(target):
        if not mappings.readable(target):
            yield f"the mapping '{target}' cannot be read, so the element is taken as it is.", None
        return
    twin = types.twin(type_)
    base = types.element(twin, element) if twin is not None else None
    has = _members(base.type) if base is not None else []
    for part in filter(None, (part.strip() for part in target.split(";"))):
        name, _, mapping = part.partition(":")
        key = types.named(name)
        shown = ", ".join(types.display(t) for t in has)
        hint = f"its types are {shown}" if has else None
        near = next((t for t in has if types.display(t).partition(".")[2] == name.rpartition(".")[2]), None)
        meant = types.display(near) if near is not None else nearest(name, [types.display(t) for t in has])
        hint = f"did you mean {meant}? {hint}" if meant else hint
        if not mapping or not mappings.readable(mapping):
            yield f"the mapping '{part}' cannot be read and is left out.", None
        elif key is None:
            yield f"there is no type '{name}', so its mapping is never taken.", hint
        elif has and ANY not in has and not any(types.is_subtype(types.twin(key) or key, t) for t in has):
            yield f"no value of this element is a {name}, so its mapping is never taken.", hint


def _members(type_: Type) -> list[Type]:
    if isinstance(type_, ListType):
        return _members(type_.element)
    return list(type_.choices) if isinstance(type_, ChoiceType) else [type_]


def _lines(path: str) -> dict[tuple[str, str], int]:
    """The line of each element, by type and name."""
    found: dict[tuple[str, str], int] = {}
    current = ""
    parser = expat.ParserCreate(namespace_separator="}")

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal current
        name = tag.rpartition("}")[2]
        if name == "typeInfo":
            current = attributes.get("name", "")
        elif name == "element" and "name" in attributes:
            found.setdefault((current, attributes["name"]), parser.CurrentLineNumber)

    parser.StartElementHandler = start
    parser.Parse(Path(path).read_bytes(), True)
    return found

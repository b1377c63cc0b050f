"""ELM as JSON: reading what any translator writes, and writing what other engines read.

The JSON form is that of HL7 and of the reference translator: attributes and elements by their schema names, a
``type`` on every node whose class is not settled by its place (today's reference translator writes it on every node), and the
sections of a library as ``{"def": [...]}``. Reading accepts ``{"library": {...}}`` or the library itself, with or without
annotations, locators, result types and signatures. What ELM does not have is refused by name, with its locator.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from guideway.diagnostics import GuidewayError
from guideway.elm import nodes
from guideway.elm.codec_table import SCALARS, SECTIONS, Field, article, class_of, fields, is_abstract, settle_types
from guideway.elm.recursion import deep_recursion

Json = dict[str, Any]

# ---- reading -----------------------------------------------------------------------------------------------------------


def read_json(source: bytes | str | Mapping[str, Any], *, file: str = "ELM") -> nodes.Library:
    """The library in an ELM JSON document. Raises GuidewayError where it is not JSON, not ELM, or holds an unknown node."""
    if isinstance(source, Mapping):
        document: Any = source
    else:
        import json

        text = source.decode("utf-8-sig") if isinstance(source, bytes) else source
        try:
            with deep_recursion():
                document = json.loads(text, parse_float=Decimal)
        except (ValueError, RecursionError) as error:
            raise GuidewayError(f"{file}: this is not JSON: {error}.") from None
    if isinstance(document, Mapping) and isinstance(document.get("library"), Mapping):
        document = document["library"]
    if not isinstance(document, Mapping) or "identifier" not in document:
        raise GuidewayError(f'{file}: this is no ELM library: {{"library": {{"identifier": …}}}} is expected.')
    with deep_recursion():
        library = _Reader(file).node(document, "Library", nodes.Library)
    assert isinstance(library, nodes.Library)
    return library


class _Reader:
    """Reads one document; knows the file and the locator of the innermost node that has one, for messages."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.locator: str | None = None

    def place(self, path: str) -> str:
        return f"{self.file}{':' + self.locator if self.locator else ''}: {path}"

    def node(self, data: Any, path: str, expected: type[Any] | str) -> Any:
        """One node; ``expected`` is its class, or the name of the class that the schema declares there."""
        if not isinstance(data, Mapping):
            what = expected if isinstance(expected, str) else expected.__name__
            raise GuidewayError(f"{self.place(path)}: {article(what)} is expected here, as a JSON object.")
        outer = self.locator
        if isinstance(data.get("locator"), str):
            self.locator = data["locator"]
        if isinstance(expected, str):
            expected = self._class(data, path, expected)
        known = fields(expected.__name__)
        values: dict[str, Any] = {}
        for name, value in data.items():
            field = known.get(name)
            if field is None:
                if not (name == "type" and isinstance(value, str)) and not name.startswith(("@", "xmlns")):
                    self._legacy(expected.__name__, name, value, values, path)
            elif value is not None:
                values[field.python] = self._field(field, value, expected.__name__, path)
        found = expected(**values)
        if isinstance(found, nodes.Element):
            settle_types(found)
        self.locator = outer
        return found

    def _class(self, data: Mapping[str, Any], path: str, declared: str) -> type[Any]:
        name = data.get("type")
        if isinstance(name, str):
            return class_of(name, declared, self.place(path))
        if isinstance(name, list):  # compatibility level 1.3 and before: the choices of a ChoiceTypeSpecifier are called "type"
            return nodes.ChoiceTypeSpecifier
        if is_abstract(declared):
            raise GuidewayError(f"{self.place(path)}: the 'type' of this {declared} is missing.")
        return class_of(declared, declared, self.place(path))

    def _legacy(self, owner: str, name: str, value: Any, values: dict[str, Any], path: str) -> None:
        """What early versions of ELM called otherwise; anything else is unknown."""
        if owner == "ChoiceTypeSpecifier" and name == "type" and isinstance(value, list):
            values["choice"] = [self.node(item, f"{path}.type[{i}]", "TypeSpecifier") for i, item in enumerate(value)]
        elif owner == "TupleElementDefinition" and name == "type" and isinstance(value, Mapping):
            values["elementType"] = self.node(value, f"{path}.type", "TypeSpecifier")
        elif owner == "Interval" and name in ("beginOpen", "endOpen"):
            values["lowClosed" if name == "beginOpen" else "highClosed"] = not value
        else:
            raise GuidewayError(f"{self.place(path)}: {article(owner)} has no {name!r} in ELM.")

    def _field(self, field: Field, value: Any, owner: str, path: str) -> Any:
        here = f"{path}.{field.json}"
        if owner == "Library" and field.json in SECTIONS:
            value = value.get("def", []) if isinstance(value, Mapping) else value
        if field.type == "Any":
            return value if not field.many or isinstance(value, list) else [value]
        if field.many:
            items = value if isinstance(value, list) else [value]
            return [self._value(field, item, owner, f"{here}[{i}]") for i, item in enumerate(items)]
        if isinstance(value, list):
            if len(value) != 1:
                raise GuidewayError(f"{self.place(here)}: one value is expected here, not {len(value)}.")
            value = value[0]
        return self._value(field, value, owner, here)

    def _value(self, field: Field, value: Any, owner: str, path: str) -> Any:
        if field.type not in SCALARS:
            return self.node(value, path, field.type)
        try:
            return scalar(field.type, value)
        except (ValueError, InvalidOperation):
            raise GuidewayError(f"{self.place(path)}: {value!r} is no {field.type} value.") from None


def scalar(kind: str, value: Any) -> Any:
    """An attribute's value from JSON or from XML text; ValueError where it is none of that kind."""
    if kind == "str":
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (str, int, Decimal)):
            return str(value)
    elif kind == "bool":
        if isinstance(value, bool):
            return value
        if value in ("true", "1", "false", "0"):
            return value in ("true", "1")
    elif kind == "int":
        return int(value)
    elif kind == "Decimal" and isinstance(value, (str, int, float, Decimal)) and not isinstance(value, bool):
        number = Decimal(repr(value) if isinstance(value, float) else value)
        if number.is_finite():
            return number
    raise ValueError(value)


# ---- writing -----------------------------------------------------------------------------------------------------------

_HEADS = ("annotation", "resultTypeName", "resultTypeSpecifier", "localId", "locator", "result_type")


def write_json(library: nodes.Library, *, annotations: bool = True, locators: bool = True, result_types: bool = False) -> Json:
    """``{"library": {...}}``, ready for ``json.dumps``.

    ``annotations``: annotations and local ids are kept; ``locators``: source positions; ``result_types``: each node's static
    type, as ``resultTypeName`` or ``resultTypeSpecifier``.
    """
    with deep_recursion():
        return {"library": _Writer(annotations, locators, result_types).node(library, "Library")}


def node_to_json(node: Any, *, declared: str = "Element") -> Json:
    """One node and all below it, without annotations, locators and result types: its meaning and nothing else."""
    with deep_recursion():
        return _Writer(False, False, False).node(node, declared)


class _Writer:
    def __init__(self, annotations: bool, locators: bool, result_types: bool) -> None:
        self.annotations = annotations
        self.locators = locators
        self.result_types = result_types

    def node(self, node: Any, declared: str) -> Json:
        name = type(node).__name__
        out: Json = {}
        if name != declared:
            out["type"] = name
        if isinstance(node, nodes.Element):
            self._head(node, out)
        library = name == "Library"
        for field in fields(name).values():
            if field.python in _HEADS:
                continue
            value = getattr(node, field.python)
            if value is None or (field.many and not value):
                continue
            if field.many:
                items = [self._value(field, item) for item in value]
                out[field.json] = {"def": items} if library and field.json in SECTIONS else items
            else:
                out[field.json] = self._value(field, value)
        return out

    def _head(self, node: nodes.Element, out: Json) -> None:
        if self.annotations:
            if node.localId is not None:
                out["localId"] = node.localId
            if node.annotation:
                out["annotation"] = [plain(item) for item in node.annotation]
        if self.locators and node.locator is not None:
            out["locator"] = node.locator
        if self.result_types:
            if node.resultTypeName is not None or node.resultTypeSpecifier is not None:
                name, specifier = node.resultTypeName, node.resultTypeSpecifier
            elif node.result_type is not None:
                from guideway.elm import types

                named = isinstance(node.result_type, types.NamedType)
                name = node.result_type.name if named else None
                specifier = None if named else types.to_specifier(node.result_type)
            else:
                return
            if name is not None:
                out["resultTypeName"] = name
            if specifier is not None:
                out["resultTypeSpecifier"] = self.node(specifier, "TypeSpecifier")

    def _value(self, field: Field, value: Any) -> Any:
        if field.type in SCALARS:
            return plain(value)
        return self.node(value, field.type)


def plain(value: Any) -> Any:
    """A scalar or annotation as JSON: decimals as numbers where a JSON reader gets the same number back, else as text."""
    if isinstance(value, Decimal):
        if value == value.to_integral_value() and abs(value) < 2**53:
            return int(value)
        return float(value) if Decimal(repr(float(value))) == value else format(value, "f")
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, msgspec.Struct):
        return {name: plain(item) for name, item in msgspec.structs.asdict(value).items() if item is not None}
    return value

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
        document = _parsed(source, file)
    if isinstance(document, Mapping) and isinstance(document.get("library"), Mapping):
        document = document["library"]
    if not isinstance(document, Mapping) or "identifier" not in document:
        raise GuidewayError(f'{file}: this is no ELM library: {{"library": {{"identifier": …}}}} is expected.')
    try:
        with deep_recursion():
            library = _Reader(file).node(document, nodes.Library)
    except RecursionError:
        raise GuidewayError(f"{file}: this ELM nests too deeply to be read.") from None
    assert isinstance(library, nodes.Library)
    return library


def _parsed(source: bytes | str, file: str) -> Any:
    """The JSON value of a text, however deep: Python's C parser takes what it can, its Python parser the rest."""
    import json

    try:
        text = source.decode("utf-8-sig") if isinstance(source, bytes) else source
        try:
            return json.loads(text, parse_float=Decimal)
        except RecursionError:
            from json import decoder, scanner

            reader: Any = json.JSONDecoder(parse_float=Decimal)
            reader.parse_object, reader.parse_array = decoder.JSONObject, decoder.JSONArray  # type: ignore[attr-defined]
            reader.scan_once = scanner.py_make_scanner(reader)  # type: ignore[attr-defined]
            with deep_recursion():
                return reader.decode(text)
    except RecursionError:
        raise GuidewayError(f"{file}: this JSON nests too deeply to be read.") from None
    except ValueError as error:
        raise GuidewayError(f"{file}: this is not JSON: {error}.") from None


class _Reader:
    """Reads one document; knows the file, the way to the current node, and the locator of the innermost node that has one."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.path = ["Library"]
        self.locator: str | None = None

    def refusal(self, message: str) -> GuidewayError:
        place = f"{self.file}{':' + self.locator if self.locator else ''}: {''.join(self.path)}"
        return GuidewayError(f"{place}: {message}")

    def node(self, data: Any, expected: type[Any] | str) -> Any:
        """One node; ``expected`` is its class, or the name of the class that the schema declares there."""
        if not isinstance(data, Mapping):
            what = expected if isinstance(expected, str) else expected.__name__
            raise self.refusal(f"{article(what)} is expected here, as a JSON object.")
        outer = self.locator
        if isinstance(data.get("locator"), str):
            self.locator = data["locator"]
        if isinstance(expected, str):
            expected = self._class(data, expected)
        known = fields(expected.__name__)
        values: dict[str, Any] = {}
        for name, value in data.items():
            field = known.get(name)
            if field is None:
                if not (name == "type" and isinstance(value, str)) and not name.startswith(("@", "xmlns")):
                    self._legacy(expected.__name__, name, value, values)
            elif value is not None:
                self.path.append(f".{name}")
                values[field.python] = self._field(field, value, expected.__name__)
                self.path.pop()
        found = expected(**values)
        if isinstance(found, nodes.Element):
            settle_types(found)
        self.locator = outer
        return found

    def nodes(self, items: list[Any], declared: str) -> list[Any]:
        """The members of a list."""
        found = []
        for index, item in enumerate(items):
            self.path.append(f"[{index}]")
            found.append(self.node(item, declared))
            self.path.pop()
        return found

    def _class(self, data: Mapping[str, Any], declared: str) -> type[Any]:
        name = data.get("type")
        try:
            if isinstance(name, str):
                return class_of(name, declared)
            if isinstance(name, list):  # compatibility level 1.3: the choices of a ChoiceTypeSpecifier are called "type"
                return nodes.ChoiceTypeSpecifier
            if is_abstract(declared):
                raise ValueError(f"the 'type' of this {declared} is missing.")
            return class_of(declared, declared)
        except ValueError as error:
            raise self.refusal(str(error)) from None

    def _legacy(self, owner: str, name: str, value: Any, values: dict[str, Any]) -> None:
        """What early versions of ELM called otherwise; anything else is unknown."""
        if owner == "ChoiceTypeSpecifier" and name == "type" and isinstance(value, list):
            values["choice"] = self.nodes(value, "TypeSpecifier")
        elif owner == "TupleElementDefinition" and name == "type" and isinstance(value, Mapping):
            values["elementType"] = self.node(value, "TypeSpecifier")
        elif owner == "Interval" and name in ("beginOpen", "endOpen"):
            values["lowClosed" if name == "beginOpen" else "highClosed"] = not value
        else:
            raise self.refusal(f"{article(owner)} has no {name!r} in ELM.")

    def _field(self, field: Field, value: Any, owner: str) -> Any:
        if owner == "Library" and field.json in SECTIONS:
            value = value.get("def", []) if isinstance(value, Mapping) else value
        if field.type == "Any":
            return value if not field.many or isinstance(value, list) else [value]
        if field.many:
            items = value if isinstance(value, list) else [value]
            if field.type in SCALARS:
                return [self._scalar(field, item) for item in items]
            return self.nodes(items, field.type)
        if isinstance(value, list):
            if len(value) != 1:
                raise self.refusal(f"one value is expected here, not {len(value)}.")
            value = value[0]
        return self._scalar(field, value) if field.type in SCALARS else self.node(value, field.type)

    def _scalar(self, field: Field, value: Any) -> Any:
        try:
            return scalar(field.type, value)
        except (ValueError, InvalidOperation):
            raise self.refusal(f"{value!r} is no {field.type} value.") from None


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


def json_text(value: Any, *, indent: int = 2) -> str:
    """JSON text of what ``write_json`` gives, however deep it nests."""
    out: list[str] = []
    with deep_recursion():
        _write_text(value, "\n", " " * indent, out)
    return "".join(out)


def _write_text(value: Any, start: str, indent: str, out: list[str]) -> None:
    import json

    if isinstance(value, (dict, list)) and value:
        inner = start + indent
        brackets = "{}" if isinstance(value, dict) else "[]"
        out.append(brackets[0])
        for position, item in enumerate(value):
            out.append(("," if position else "") + inner)
            if isinstance(value, dict):
                out.append(json.dumps(item, ensure_ascii=False) + ": ")
                item = value[item]
            _write_text(item, inner, indent, out)
        out.append(start + brackets[1])
    else:
        out.append(json.dumps(value, ensure_ascii=False))


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

"""ELM as XML, read: the form that the HL7 ELM schema defines (urn:hl7-org:elm:r1).

Elements carry the schema's names, the class of a node is its ``xsi:type``, attributes hold scalars, and QNames in attributes use
the prefixes that are declared where they stand. Gives the same tree as the JSON form of the same library.
"""

from __future__ import annotations

from decimal import InvalidOperation
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

from guideway.diagnostics import GuidewayError
from guideway.elm import nodes
from guideway.elm.codec_json import scalar
from guideway.elm.codec_table import QNAMES, SCALARS, SECTIONS, article, class_of, fields, settle_types
from guideway.elm.recursion import deep_recursion

NAMESPACE = "{urn:hl7-org:elm:r1}"
ANNOTATIONS = "{urn:hl7-org:cql-annotations:r1}"
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


def read_xml(source: bytes | str, *, file: str = "ELM") -> nodes.Library:
    """The library in an ELM XML document. Raises GuidewayError where it is not XML, not ELM, or holds an unknown node."""
    data = source.encode("utf-8") if isinstance(source, str) else source
    root: ElementTree.Element | None = None
    prefixes: dict[int, dict[str, str]] = {}
    scopes: list[dict[str, str]] = [{}]
    pending: dict[str, str] = {}
    try:
        for event, item in ElementTree.iterparse(BytesIO(data), events=("start-ns", "start", "end")):
            if event == "start-ns":
                pending[item[0]] = item[1]
            elif event == "start":
                scopes.append({**scopes[-1], **pending} if pending else scopes[-1])
                pending = {}
                prefixes[id(item)] = scopes[-1]
                root = item if root is None else root
            else:
                scopes.pop()
    except ElementTree.ParseError as error:
        raise GuidewayError(f"{file}: this is not well-formed XML: {error}.") from None
    if root is None or root.tag != f"{NAMESPACE}library":
        raise GuidewayError(f"{file}: this is no ELM library: a library element in the namespace {NAMESPACE[1:-1]} is expected.")
    try:
        with deep_recursion():
            library = _Reader(file, prefixes).node(root, "Library")
    except RecursionError:
        raise GuidewayError(f"{file}: this ELM nests too deeply to be read.") from None
    assert isinstance(library, nodes.Library)
    return library


class _Reader:
    """Reads one document; knows the file, the way to the current node, and the locator of the innermost node that has one."""

    def __init__(self, file: str, prefixes: dict[int, dict[str, str]]) -> None:
        self.file = file
        self.prefixes = prefixes
        self.path = ["library"]
        self.locator: str | None = None

    def refusal(self, message: str) -> GuidewayError:
        place = f"{self.file}{':' + self.locator if self.locator else ''}: {'.'.join(self.path)}"
        return GuidewayError(f"{place}: {message}")

    def qname(self, element: ElementTree.Element, text: str) -> str:
        """``t:Integer`` → ``{urn:hl7-org:elm-types:r1}Integer``, by the prefixes in force at ``element``."""
        if text.startswith("{"):
            return text
        prefix, colon, name = text.partition(":")
        uri = self.prefixes[id(element)].get(prefix if colon else "")
        return f"{{{uri}}}{name if colon else prefix}" if uri else text

    def node(self, element: ElementTree.Element, declared: str) -> Any:
        outer = self.locator
        self.locator = element.get("locator", outer)
        try:
            kind = class_of(element.get(XSI_TYPE) or declared, declared)
        except ValueError as error:
            raise self.refusal(str(error)) from None
        known = fields(kind.__name__)
        values: dict[str, Any] = {}
        for name, text in element.attrib.items():
            if name.startswith("{"):
                continue
            field = known.get(name)
            if field is None or field.type not in SCALARS:
                raise self.refusal(f"{article(kind.__name__)} has no {name!r} in ELM.")
            is_qname = name in QNAMES or (name == "name" and kind is nodes.NamedTypeSpecifier)
            values[field.python] = self._scalar(field.type, self.qname(element, text) if is_qname else text)
        for child in element:
            self.path.append(_local(child))
            self._child(child, kind.__name__, values)
            self.path.pop()
        found = kind(**values)
        if isinstance(found, nodes.Element):
            settle_types(found)
        self.locator = outer
        return found

    def _scalar(self, kind: str, text: str) -> Any:
        try:
            return scalar(kind, text)
        except (ValueError, InvalidOperation):
            raise self.refusal(f"{text!r} is no {kind} value.") from None

    def _child(self, child: ElementTree.Element, owner: str, values: dict[str, Any]) -> None:
        field = fields(owner).get(_local(child))
        if field is None:
            raise self.refusal(f"{article(owner)} has no {_local(child)!r} in ELM.")
        if field.type == "Any":
            values.setdefault(field.python, []).append(_annotation(child))
        elif owner == "Library" and field.json in SECTIONS:
            self.path.append("def")
            values[field.python] = [self.node(item, field.type) for item in child]
            self.path.pop()
        elif field.type in SCALARS:
            values[field.python] = self._scalar(field.type, child.text or "")
        elif field.many:
            values.setdefault(field.python, []).append(self.node(child, field.type))
        else:
            values[field.python] = self.node(child, field.type)


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _annotation(element: ElementTree.Element) -> dict[str, Any]:
    """An annotation in the shape of its JSON form; narratives as nested ``{"r": …, "s": [...]}`` and text."""
    kind = element.get(XSI_TYPE, "").rpartition(":")[2]
    out: dict[str, Any] = {"type": kind} if kind else {}
    out.update({name: value for name, value in element.attrib.items() if not name.startswith("{")})
    for child in element:
        name = _local(child)
        if name == "t":
            out.setdefault("t", []).append(dict(child.attrib))
        elif name == "s":
            out["s"] = _narrative(child)
        else:
            out[name] = _annotation(child)
    return out


def _narrative(element: ElementTree.Element) -> dict[str, Any]:
    out: dict[str, Any] = {"r": element.attrib["r"]} if "r" in element.attrib else {}
    parts: list[Any] = []
    if element.text and element.text.strip():
        parts.append({"value": [element.text]})
    for child in element:
        parts.append(_narrative(child))
        if child.tail and child.tail.strip():
            parts.append({"value": [child.tail]})
    if parts:
        out["s"] = parts
    return out

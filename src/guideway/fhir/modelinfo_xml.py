"""Model info documents: data models as the CQL translator's reference implementation describes them in XML (QI-Core, US Core,
another FHIR version).

Takes a document of the namespace ``urn:hl7-org:elm-modelinfo:r1`` (CQL 1.5, Translation Semantics, Data Model) and gives the same
``ModelInfo`` as the tables that ship with the package (``modelinfo``).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from guideway.diagnostics import GuidewayError
from guideway.fhir.modelinfo import ContextInfo, ConversionInfo, ElementInfo, ModelInfo, TypeInfo

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

NAMESPACE = "{urn:hl7-org:elm-modelinfo:r1}"
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


def read_xml(path: str | os.PathLike[str]) -> ModelInfo:
    """A model from a model info document in XML. Raises GuidewayError where the file is no such document."""
    from xml.etree import ElementTree

    try:
        root = ElementTree.parse(path).getroot()
    except OSError as error:
        raise GuidewayError(f"{path}: the model info cannot be read: {error.strerror}.") from None
    except ElementTree.ParseError as error:
        raise GuidewayError(f"{path}: this is not well-formed XML: {error}.") from None
    if root.tag != f"{NAMESPACE}modelInfo" or not root.get("name") or not root.get("url"):
        raise GuidewayError(f"{path}: this is no model info document: a modelInfo element with a name and a url is expected.")
    model = root.attrib["name"]
    types: dict[str, TypeInfo] = {}
    for node in root.findall(f"{NAMESPACE}typeInfo"):
        info = _type(model, node)
        types[info.name] = info
    return ModelInfo(
        model,
        root.get("version"),
        root.attrib["url"],
        types,
        tuple(
            ConversionInfo(c.attrib["functionName"], _name(model, c.get("fromType", "")), _name(model, c.get("toType", "")))
            for c in root.findall(f"{NAMESPACE}conversionInfo")
        ),
        tuple(_context(model, c) for c in root.findall(f"{NAMESPACE}contextInfo")),
        required=tuple((r.get("name", ""), r.get("version")) for r in root.findall(f"{NAMESPACE}requiredModelInfo")),
        target_url=root.get("targetUrl"),
        target_version=root.get("targetVersion"),
        patient_class=_name(model, root.attrib["patientClassName"]) if root.get("patientClassName") else None,
        patient_birth_date=root.get("patientBirthDatePropertyName"),
    )


def _name(model: str, name: str, namespace: str | None = None) -> str:
    """A type expression from an attribute: qualifies bare names, and reads ``List<…>`` and ``Interval<…>``."""
    if namespace:
        return f"{namespace}.{name}"
    for written, kind in (("List<", "list"), ("Interval<", "interval")):
        if name.startswith(written) and name.endswith(">"):
            return f"{kind}<{_name(model, name[len(written) : -1])}>"
    return name if name.startswith(("System.", f"{model}.")) else f"{model}.{name}"


def _context(model: str, node: Element) -> ContextInfo:
    named = node.find(f"{NAMESPACE}contextType")
    type_name = model if named is None else _name(model, named.get("name", ""), named.get("namespace"))
    return ContextInfo(node.get("name", ""), type_name, node.get("keyElement"), node.get("birthDateElement"))


def _type(model: str, node: Element) -> TypeInfo:
    name = _name(model, node.get("name", ""), node.get("namespace"))
    elements: dict[str, ElementInfo] = {}
    for child in node.findall(f"{NAMESPACE}element"):
        element = child.get("name", "")
        elements[element] = ElementInfo(element, _element_type(model, child), child.get("target"))
    base_specifier = node.find(f"{NAMESPACE}baseTypeSpecifier")
    base: str | None = None
    if node.get("baseType"):
        base = _name(model, node.attrib["baseType"])
    elif base_specifier is not None:
        base = _specifier(model, base_specifier)
    return TypeInfo(
        name,
        base,
        elements,
        node.get("retrievable") == "true",
        node.get("primaryCodePath"),
        node.get("identifier"),
        node.get("label"),
        node.get("target"),
        tuple((r.get("context", ""), r.get("relatedKeyElement", "")) for r in node.findall(f"{NAMESPACE}contextRelationship")),
    )


def _element_type(model: str, node: Element) -> str:
    for attribute in ("elementType", "type"):
        if node.get(attribute):
            return _name(model, node.attrib[attribute])
    for tag in ("elementTypeSpecifier", "typeSpecifier"):
        specifier = node.find(f"{NAMESPACE}{tag}")
        if specifier is not None:
            return _specifier(model, specifier)
    return "System.Any"


def _specifier(model: str, node: Element) -> str:
    """The type expression of a type specifier element, whichever form of nesting it uses."""
    kind = node.get(XSI_TYPE, "NamedTypeSpecifier").rpartition(":")[2]
    if kind == "NamedTypeSpecifier":
        return _name(model, node.get("name", ""), node.get("namespace") or node.get("modelName"))
    if kind == "ListTypeSpecifier":
        return f"list<{_element_type(model, node)}>"
    if kind == "IntervalTypeSpecifier":
        if node.get("pointType"):
            return f"interval<{_name(model, node.attrib['pointType'])}>"
        point = node.find(f"{NAMESPACE}pointTypeSpecifier")
        return f"interval<{_specifier(model, point) if point is not None else 'System.Any'}>"
    if kind == "ChoiceTypeSpecifier":
        choices = node.findall(f"{NAMESPACE}choice") or node.findall(f"{NAMESPACE}type")
        return f"choice<{','.join(dict.fromkeys(_specifier(model, c) for c in choices))}>"
    return "System.Any"

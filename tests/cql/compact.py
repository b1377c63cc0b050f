"""ELM in one short line, for tests: ``Add(ToDecimal(1), 2.0)``."""

from __future__ import annotations

from typing import Any

from guideway.cql.translator import TranslationResult, translate
from guideway.elm import nodes as elm
from guideway.elm.types import from_specifier

_SKIPPED = frozenset({"annotation", "resultTypeSpecifier", "localId", "locator", "resultTypeName", "result_type", "signature"})
_DEFAULTS = {"lowClosed": True, "highClosed": True, "strict": False, "templateId": None}


def compact(node: Any) -> str:
    """A node as ``Class(operand, ..., field=value)``; literals as they are written, references by their name."""
    match node:
        case None:
            return "-"
        case elm.Literal(value=value, valueType=kind):
            return f"'{value}'" if (kind or "").endswith("String") else str(value)
        case elm.Null():
            return "null"
        case elm.Quantity(value=value, unit=unit):
            return f"{value} '{unit}'"
        case elm.TypeSpecifier():
            return str(from_specifier(node))
        case list():
            return "[" + ", ".join(compact(n) for n in node) + "]"
        case str():
            return node.replace("{urn:hl7-org:elm-types:r1}", "").replace("{http://hl7.org/fhir}", "fhir:")
        case elm.TupleElement(name=name, value=value) | elm.InstanceElement(name=name, value=value):
            return f"{name}: {compact(value)}"
        case bool():
            return str(node).lower()
    if not hasattr(node, "__struct_fields__"):
        return str(node)
    parts = []
    for field in node.__struct_fields__:
        value = getattr(node, field)
        if field in _SKIPPED or value is None or value == [] or (field in _DEFAULTS and value == _DEFAULTS[field]):
            continue
        if field == "operand":
            parts += [compact(v) for v in value] if isinstance(value, list) else [compact(value)]
        elif field == "name" and not isinstance(node, elm.FunctionRef):
            parts.insert(0, str(value))
        elif field in ("preserve", "templateId"):
            continue
        else:
            parts.append(f"{field.rstrip('_')}={compact(value)}")
    return f"{type(node).__name__}({', '.join(parts)})"


def translated(text: str, **options: Any) -> TranslationResult:
    """A translation that must have no errors."""
    result = translate(text, file="Test.cql", **options)
    assert result.errors == [], "\n".join(d.as_text() for d in result.errors)
    return result


def definition(result: TranslationResult, name: str) -> elm.ExpressionDef:
    """A definition of the translated library."""
    return next(s for s in result.partial.statements if s.name == name)


def elm_of(expression: str, head: str = "") -> str:
    """The compact ELM of one expression."""
    return compact(definition(translated(f"library Test\n{head}\ndefine X: {expression}"), "X").expression)


FHIR = """\
using FHIR version '4.0.1'
include FHIRHelpers version '4.0.1'
codesystem "LOINC": 'http://loinc.org'
valueset "VS": 'http://example.org/vs'
code "Code": '123' from "LOINC"
concept "Concept": { "Code" }
parameter "Period" Interval<DateTime>
context Patient
"""

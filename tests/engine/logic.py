"""Short ways to run logic in tests: from CQL text, or from ELM nodes made by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from guideway.cql.translator import BuiltinSource, DictSource, SourceChain, translate_all
from guideway.elm import nodes
from guideway.engine.context import Evaluation
from guideway.engine.data import ResourceSource
from guideway.engine.program import Program, compile_program
from guideway.engine.values import DateTime
from guideway.terminology import ValueSetIndex

NOW = DateTime.parse("2026-01-15T12:00:00.000+00:00")
SYSTEM = "{urn:hl7-org:elm-types:r1}"
FHIR = "{http://hl7.org/fhir}"


def libraries(*texts: str) -> list[nodes.Library]:
    """The ELM of libraries given as CQL text, with FHIRHelpers where they include it."""
    named = {text.split()[1]: text for text in texts}
    return list(translate_all(SourceChain(DictSource(named), BuiltinSource()), list(named)).values())


def program(*texts: str) -> Program:
    return compile_program(libraries(*texts))


def fhir_library(body: str, name: str = "Test") -> str:
    """A library over FHIR with its Patient context."""
    return f"library {name}\nusing FHIR version '4.0.1'\ninclude FHIRHelpers version '4.0.1'\n{body}"


def evaluation(
    made: Program,
    resources: Iterable[dict[str, Any]] = (),
    *,
    value_sets: Iterable[dict[str, Any]] = (),
    parameters: Mapping[str, Any] | None = None,
    **more: Any,
) -> Evaluation:
    terminology = ValueSetIndex(value_sets)
    source = ResourceSource(resources)
    return made.evaluation(source, now=NOW, terminology=terminology, parameters=parameters, **more)


def value(expression: str, before: str = "", *, trace: bool = False, **more: Any) -> Any:
    """The value of a CQL expression without data."""
    made = program(f"library Test\n{before}\ndefine X: {expression}")
    return evaluation(made, trace=trace, **more).define("Test", "X")


def elm_value(expression: Any, *, trace: bool = False, **sections: Any) -> Any:
    """The value of an ELM expression."""
    statements = [*sections.pop("statements", []), nodes.ExpressionDef(name="X", context="Patient", expression=expression)]
    library = nodes.Library(identifier=nodes.VersionedIdentifier(id="Test"), statements=statements, **sections)
    return evaluation(compile_program([library]), trace=trace).define("Test", "X")


def integer(number: int) -> nodes.Literal:
    return nodes.Literal(valueType=f"{SYSTEM}Integer", value=str(number))


def string(text: str) -> nodes.Literal:
    return nodes.Literal(valueType=f"{SYSTEM}String", value=text)


def boolean(truth: bool | None) -> nodes.Expression:
    return nodes.Null() if truth is None else nodes.Literal(valueType=f"{SYSTEM}Boolean", value=str(truth).lower())


def patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "p", "birthDate": "1970-05-01", "gender": "male", **more}


def observation(id_: str, code: str, value: Any = None, when: str | None = "2025-06-01", **more: Any) -> dict[str, Any]:
    """A final laboratory observation in g/dL."""
    made: dict[str, Any] = {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"coding": [{"system": "http://example.org/labs", "code": code}]},
        "subject": {"reference": "Patient/p"},
    }
    if when is not None:
        made["effectiveDateTime"] = when
    if value is not None:
        made["valueQuantity"] = {"value": value, "unit": "g/dL", "system": "http://unitsofmeasure.org", "code": "g/dL"}
    return made | more


def value_set(url: str, *codes: str, system: str = "http://example.org/labs") -> dict[str, Any]:
    concepts = [{"code": code} for code in codes]
    return {"resourceType": "ValueSet", "url": url, "compose": {"include": [{"system": system, "concept": concepts}]}}

"""Results as a FHIR Parameters resource, as ``$cql`` and ``Library/$evaluate`` give them (Using CQL with FHIR, "CQL Evaluation
Result").

A list is repeated parameters of one name, a tuple a parameter with parts. Null, the empty list and the empty tuple are
extensions on an absent Boolean. What R4 has no type for (Long, intervals of numbers and times) travels in the nearest type
under the extension ``cqf-cqlType``. Decimals stay ``Decimal`` in the dict: write it with an encoder that puts them out as
numbers.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from guideway.engine.operators.interval import shown
from guideway.engine.operators.points import lower, point_type, upper
from guideway.engine.values.clinical import Code, CodeSystemRef, Concept, ValueSetRef
from guideway.engine.values.collections import Interval
from guideway.engine.values.numbers import Long, scale_of
from guideway.engine.values.quantity import Quantity, Ratio
from guideway.engine.values.temporal import Date, DateTime, Time
from guideway.engine.values.uncertainty import Uncertainty

Json = dict[str, Any]

EXTENSIONS = "http://hl7.org/fhir/StructureDefinition/"
ABSENT = {"url": f"{EXTENSIONS}data-absent-reason", "valueCode": "unknown"}
EMPTY_LIST = {"url": f"{EXTENSIONS}cqf-isEmptyList", "valueBoolean": True}
EMPTY_TUPLE = {"url": f"{EXTENSIONS}cqf-isEmptyTuple", "valueBoolean": True}
UCUM = "http://unitsofmeasure.org"
CALENDAR = "http://hl7.org/fhirpath/CodeSystem/calendar-units"
PLACEHOLDER_DATE = "0001-01-01"

FHIR_PRIMITIVES = frozenset(
    {"base64Binary", "boolean", "canonical", "code", "date", "dateTime", "decimal", "id", "instant", "integer", "markdown"}
    | {"oid", "positiveInt", "string", "time", "unsignedInt", "uri", "url", "uuid"}
)


def result_parameters(value: Any, name: str = "return") -> Json:
    """The Parameters resource of one result."""
    return {"resourceType": "Parameters", "parameter": parameters_of(name, value)}


def define_parameters(values: dict[str, Any]) -> Json:
    """The Parameters resource of several results by name."""
    return {
        "resourceType": "Parameters",
        "parameter": [entry for name, value in values.items() for entry in parameters_of(name, value)],
    }


def error_parameters(message: str) -> Json:
    """The Parameters resource of an evaluation that failed: ``evaluation error`` with an OperationOutcome."""
    issue = {"severity": "error", "code": "exception", "details": {"text": message}}
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    return {"resourceType": "Parameters", "parameter": [{"name": "evaluation error", "resource": outcome}]}


def parameters_of(name: str, value: Any) -> list[Json]:
    """The parameters, all of one name, that stand for a value."""
    if isinstance(value, list):
        if not value:
            return [_empty(name, EMPTY_LIST)]
        return [_element(name, item) for item in value]
    return [_single(name, value)]


def _element(name: str, item: Any) -> Json:
    """An element of a list; one that is a list itself becomes a parameter with parts named ``element``."""
    if isinstance(item, list) and item:
        return {"name": name, "part": [_element("element", inner) for inner in item]}
    return _single(name, item) if not isinstance(item, list) else _empty(name, EMPTY_LIST)


def _empty(name: str, extension: Json) -> Json:
    return {"name": name, "_valueBoolean": {"extension": [extension]}}


def _typed(name: str, cql_type: str, key: str, value: Any) -> Json:
    return {"name": name, "extension": [{"url": f"{EXTENSIONS}cqf-cqlType", "valueString": cql_type}], key: value}


def _single(name: str, value: Any) -> Json:
    if value is None:
        return _empty(name, ABSENT)
    if isinstance(value, Uncertainty):
        value = shown(value)
    if isinstance(value, bool):
        return {"name": name, "valueBoolean": value}
    if isinstance(value, Long):
        return _typed(name, "System.Long", "valueString", str(int(value)))
    if isinstance(value, int):
        return {"name": name, "valueInteger": value}
    if isinstance(value, Interval):
        return _interval(name, shown(value))
    if isinstance(value, dict):
        parts = [part for key, item in value.items() for part in parameters_of(key, item)]
        return {"name": name, "part": parts} if parts else _empty(name, EMPTY_TUPLE)
    for kind, (key, convert) in _RULES.items():
        if isinstance(value, kind):
            return {"name": name, key: convert(value)}
    return _fhir(name, value)


def _quantity(value: Quantity) -> Json:
    unit = value.unit or "1"
    from guideway.engine.operators.temporal import CALENDAR_UNITS

    return {"value": value.value, "unit": unit, "system": CALENDAR if unit in CALENDAR_UNITS else UCUM, "code": unit}


def _coding(code: Code) -> Json:
    found = {"system": code.system, "version": code.version, "code": code.code, "display": code.display}
    return {key: value for key, value in found.items() if value is not None}


def _concept(concept: Concept) -> Json:
    result: Json = {"coding": [_coding(code) for code in concept.codes if code is not None]}
    if concept.display is not None:
        result["text"] = concept.display
    return result


def _ratio(ratio: Ratio) -> Json:
    return {"numerator": _quantity(ratio.numerator), "denominator": _quantity(ratio.denominator)}


def _canonical(reference: ValueSetRef | CodeSystemRef) -> str:
    return f"{reference.id}|{reference.version}" if reference.version else str(reference.id)


_RULES: dict[type, tuple[str, Any]] = {
    Decimal: ("valueDecimal", lambda value: value),
    str: ("valueString", lambda value: value),
    Date: ("valueDate", str),
    DateTime: ("valueDateTime", str),
    Time: ("valueTime", str),
    Quantity: ("valueQuantity", _quantity),
    Ratio: ("valueRatio", _ratio),
    Code: ("valueCoding", _coding),
    Concept: ("valueCodeableConcept", _concept),
    ValueSetRef: ("valueCanonical", _canonical),
    CodeSystemRef: ("valueCanonical", _canonical),
}


def _interval(name: str, interval: Interval) -> Json:
    """A closed range or period; an unknown (open null) or endless bound is left out."""
    kind = point_type(interval) or "Any"
    low = None if interval.low is None else lower(interval)
    high = None if interval.high is None else upper(interval)
    cql_type = f"Interval<System.{kind}>"
    if kind in ("Date", "DateTime", "Time"):
        anchor = f"{PLACEHOLDER_DATE}T" if kind == "Time" else ""
        period = {key: f"{anchor}{bound}" for key, bound in (("start", low), ("end", high)) if bound is not None}
        return _typed(name, cql_type, "valuePeriod", period)
    bounds = {key: _boundary(bound) for key, bound in (("low", low), ("high", high)) if bound is not None}
    return _typed(name, cql_type, "valueRange", bounds)


def _boundary(bound: Any) -> Json:
    if isinstance(bound, Quantity):
        return _quantity(bound)
    if isinstance(bound, int | Decimal):
        precision = scale_of(bound) if isinstance(bound, Decimal) else 0
        extension = {"url": f"{EXTENSIONS}quantity-precision", "valueInteger": precision}
        return {
            "extension": [extension],
            "value": bound if isinstance(bound, Decimal) else int(bound),
            "system": UCUM,
            "code": "1",
        }
    return {"unit": str(bound)}


def _fhir(name: str, value: Any) -> Json:
    """FHIR data: a resource as such, an element as ``value[x]`` of its type, a backbone element as parts."""
    fhir_type: str = getattr(value, "fhir_type", "") or ""
    data = getattr(value, "data", None)
    if isinstance(data, dict):
        if "resourceType" in data:
            return {"name": name, "resource": data}
        if "." not in fhir_type and fhir_type not in ("BackboneElement", "Element"):
            return {"name": name, f"value{fhir_type[:1].upper()}{fhir_type[1:]}": data}
        return {"name": name, "part": [part for key, item in data.items() for part in _json(key, item)]}
    found = getattr(value, "value", None)
    kind = fhir_type if fhir_type in FHIR_PRIMITIVES else "code" if fhir_type else "string"
    key = f"value{kind[0].upper()}{kind[1:]}"
    extra = getattr(value, "extra", None)
    result = {"name": name}
    if found is not None:
        result[key] = found if fhir_type else str(value)
    elif not fhir_type:
        result[key] = str(value)
    if extra:
        result[f"_{key}"] = extra
    return result if len(result) > 1 else _empty(name, ABSENT)


def _json(name: str, item: Any) -> list[Json]:
    """Plain JSON as parameters: objects as parts, arrays repeated."""
    if isinstance(item, list):
        return [part for inner in item for part in _json(name, inner)]
    if isinstance(item, dict):
        return [{"name": name, "part": [part for key, inner in item.items() for part in _json(key, inner)]}]
    return [_single(name, item)]

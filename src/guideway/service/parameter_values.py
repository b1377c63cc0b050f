"""Parameters of the logic that a call brings: a FHIR Parameters resource as values of CQL (Using CQL with FHIR 1.0, "Parameter
mapping"), each of the type that is declared.

A value that cannot be read, or is of another type, is GuidewayError with the parameter's name: read as something else, or as
nothing, it would change what the guideline says without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from guideway.apply.parameters import declared_parameter, engine_parameters
from guideway.diagnostics import GuidewayError
from guideway.engine.values import Code, Concept, Date, DateTime, Interval, Long, Quantity, Ratio, Time
from guideway.fhir.element import FhirObject
from guideway.fhir.structure import known_type
from guideway.guideline.compiled import CompiledGuideline

Json = dict[str, Any]

TEXTS = ("String", "Code", "Id", "Uri", "Url", "Canonical", "Markdown", "Uuid", "Oid", "Base64Binary")
QUANTITIES = ("Quantity", "Duration", "Age", "Count", "Distance", "Money")
AS_THEY_ARE = (
    "Address", "Annotation", "Attachment", "ContactDetail", "ContactPoint", "Contributor", "DataRequirement", "Dosage",
    "Expression", "HumanName", "Identifier", "Meta", "ParameterDefinition", "Reference", "RelatedArtifact", "SampledData",
    "Signature", "Timing", "TriggerDefinition", "UsageContext",
)  # fmt: skip
"""Types that CQL has none of its own for."""


def values_of(resource: Json) -> Json:
    """The parameters of a Parameters resource by name: a name that is repeated becomes a list, resources stay resources."""
    result: Json = {}
    for entry in resource.get("parameter") or ():
        name = str(entry["name"])
        value = _value_of(entry, name)
        if name in result:
            before = result[name]
            value = [*before, value] if isinstance(before, list) else [before, value]
        result[name] = value
    return result


def _value_of(entry: Json, name: str) -> Any:
    (key,) = [key for key in entry if key == "resource" or key.startswith("value")]
    value = entry[key]
    if key == "resource":
        if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
            raise GuidewayError(f"the parameter {name} holds no resource (an object with a resourceType)")
        return FhirObject(value["resourceType"], value)
    read = _READERS.get(key.removeprefix("value"))
    if read is None:
        raise GuidewayError(f"the parameter {name}: {key[:60]} is no value that a parameter can have")
    try:
        return read(value)
    except (ValueError, ArithmeticError) as error:
        raise GuidewayError(f"the parameter {name}: what {key} holds is none") from error


def _of(*types: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise ValueError
        return value

    return read


_text, _object = _of(str), _of(dict)


def _integer(value: Any) -> int:
    if not -(2**31) <= _of(int)(value) < 2**31:
        raise ValueError
    return int(value)


def _quantity(value: Any) -> Quantity:
    number = _object(value).get("value")
    unit = value.get("code") or value.get("unit") or value.get("currency") or "1"
    if value.get("comparator"):
        raise ValueError
    return Quantity(Decimal(_of(int, Decimal)(number)), _text(unit))


def _code(value: Any) -> Code:
    parts = [_object(value).get(name) for name in ("code", "system", "version", "display")]
    if not parts[0] or not all(part is None or isinstance(part, str) for part in parts):
        raise ValueError
    return Code(*parts)


def _concept(value: Any) -> Concept:
    codes = [_code(coding) for coding in _of(list)(_object(value).get("coding", []))]
    text = value.get("text")
    return Concept(codes, None if text is None else _text(text))


def _interval(value: Any, names: tuple[str, str], read: Callable[[Any], Any], point: str) -> Interval:
    low, high = (None if _object(value).get(name) is None else read(value[name]) for name in names)
    return Interval(low, high, True, True, point)


def _date_time(value: Any) -> DateTime:
    return DateTime.parse(_text(value))


def _as_it_is(kind: str) -> Callable[[Any], Any]:
    return lambda value: FhirObject(kind, _object(value))


_READERS: dict[str, Callable[[Any], Any]] = {
    "Boolean": _of(bool),
    "Integer": _integer,
    "PositiveInt": _integer,
    "UnsignedInt": _integer,
    "Decimal": lambda value: Decimal(_of(int, Decimal)(value)),
    "Date": lambda value: Date.parse(_text(value)),
    "DateTime": _date_time,
    "Instant": _date_time,
    "Time": lambda value: Time.parse(_text(value)),
    "Coding": _code,
    "CodeableConcept": _concept,
    "Period": lambda value: _interval(value, ("start", "end"), _date_time, "DateTime"),
    "Range": lambda value: _interval(value, ("low", "high"), _quantity, "Quantity"),
    "Ratio": lambda value: Ratio(*(_quantity(_object(value).get(name)) for name in ("numerator", "denominator"))),
    **dict.fromkeys(TEXTS, _text),
    **dict.fromkeys(QUANTITIES, _quantity),
    **{kind: _as_it_is(kind) for kind in AS_THEY_ARE},
}

_CLASSES: dict[str, type | tuple[type, ...]] = {
    "Boolean": bool, "Integer": int, "Long": int, "Decimal": (int, Decimal), "String": str, "Date": Date, "DateTime": DateTime,
    "Time": Time, "Quantity": Quantity, "Ratio": Ratio, "Code": Code, "Concept": Concept,
}  # fmt: skip
_CONVERTED: dict[str, Callable[[Any], Any]] = {"Long": Long, "Decimal": Decimal}


def declared(guideline: CompiledGuideline, given: Mapping[str, Any]) -> Json:
    """The values as the types that the guideline's logic declares; GuidewayError for a name or a value that does not fit."""
    result: Json = {}
    for name, value in engine_parameters(guideline, given).items():
        kind = declared_parameter(guideline, name).type
        fitting = _fitting(value, kind)
        if fitting is None:
            raise GuidewayError(f"the parameter {name} is a {kind.replace('System.', '')}; the value is of another type")
        result[name] = fitting
    return result


def _fitting(value: Any, kind: str) -> Any:
    """The value as one of the type; None where it is of another."""
    kind = kind.replace("System.", "").removeprefix("FHIR.")
    if kind.startswith("List<"):
        found = [_fitting(each, kind[5:-1]) for each in (value if isinstance(value, list) else [value])]
        return None if any(each is None for each in found) else found
    if kind.startswith("Interval<"):
        return value if isinstance(value, Interval) and value.point_type == kind[9:-1] else None
    if isinstance(value, FhirObject):
        return value if kind in (value.fhir_type, "Resource", "DomainResource") or not kind.isidentifier() else None
    wanted = _CLASSES.get(kind)
    if wanted is None:  # a resource; or a choice or a tuple, and then the engine finds out
        return None if kind in ("Resource", "DomainResource") or known_type(kind) else value
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        return None
    convert = _CONVERTED.get(kind)
    return value if convert is None else convert(value)

"""Parameters of the logic: from text on a command line, or as runtime values.

Text is read as the type that the library declares (``anc-limit=1.0`` for a Decimal, ``5 'mg'`` for a Quantity,
``Interval[2026-01-01, 2026-06-01]`` for an interval); an unknown name lists what there is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from guideway.apply.fhir_json import as_text
from guideway.diagnostics import GuidewayError
from guideway.engine.values import Code, Concept, Date, DateTime, Interval, Long, Quantity, Time
from guideway.guideline.compiled import CompiledGuideline, ParameterInfo
from guideway.patterns import Later

Json = dict[str, Any]

_QUANTITY = Later(r"\s*([+-]?\d+(?:\.\d+)?)\s*(?:'([^']*)'|(\S.*?))?\s*$")
_INTERVAL = Later(r"\s*(?:Interval)?\s*([\[(])(.*),(.*)([\])])\s*$", re.DOTALL)


def engine_parameters(guideline: CompiledGuideline, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters for the engine, by name; ``GuidewayError`` for a name or a text that does not fit."""
    result: dict[str, Any] = {}
    for name, value in given.items():
        declared = declared_parameter(guideline, name)
        if isinstance(value, str) and declared.type.rpartition(".")[2] not in ("String", "Any"):
            value = read_text(value, declared.type, name)
        if declared.unit is not None and isinstance(value, Quantity):
            _check_unit(value, declared.unit, name)
        result[name] = value
    return result


def _check_unit(value: Quantity, unit: str, name: str) -> None:
    """Raise where a quantity cannot be compared with the default of its parameter: the logic would take it for unknown."""
    from guideway.engine.operators.quantities import in_common

    if value.unit != unit and in_common(value, Quantity(value.value, unit), approximate=True) is None:
        what = f"the unit {value.unit!r} cannot be converted to" if value.unit != "1" else "a unit is needed, such as"
        example = f"{name}='{value.value} {unit}'"
        raise GuidewayError(f"parameter {name}: {what} {unit!r}; write, for example, {example}")


def declared_parameter(guideline: CompiledGuideline, name: str) -> ParameterInfo:
    """The declaration of a parameter, by its name or ``Library.name``."""
    library, dot, short = name.rpartition(".")
    for parameter in guideline.parameters:
        if parameter.name == name or (dot and parameter.name == short and parameter.library == library):
            return parameter
    known = sorted({p.name for p in guideline.parameters})
    from difflib import get_close_matches

    near = get_close_matches(name, known, 1, 0.5)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(known)}" if known else "; it declares none"
    raise GuidewayError(f"{guideline.manifest.label} has no parameter {name!r}{hint}")


def read_text(text: str, type_name: str, name: str) -> Any:
    """A parameter's text as its declared type; ``GuidewayError`` with an example otherwise."""
    kind = type_name.replace("System.", "").strip()
    try:
        if kind.startswith("Interval<"):
            return _interval(text, kind[9:-1], name)
        if kind.startswith("List<"):
            return [read_text(part, kind[5:-1], name) for part in text.strip("{}").split(",") if part.strip()]
        reader = _READERS.get(_FHIR_TYPES.get(kind) or kind.rpartition(".")[2])
        if reader is not None:
            return _as_fhir(reader(text), kind) if kind.startswith("FHIR.") else reader(text)
    except (ValueError, InvalidOperation):
        pass
    example = _EXAMPLES.get(kind.rpartition(".")[2])
    hint = f"; write, for example, {name}={example}" if example else ""
    what = name if name.startswith("--") else f"parameter {name}"
    article = "an" if kind[:1] in "AEIO" else "a"
    raise GuidewayError(f"{what}: {text!r} is not {article} {kind}{hint}")


_FHIR_TYPES = {
    "FHIR.boolean": "Boolean", "FHIR.integer": "Integer", "FHIR.positiveInt": "Integer", "FHIR.unsignedInt": "Integer",
    "FHIR.decimal": "Decimal", "FHIR.string": "String", "FHIR.code": "String", "FHIR.markdown": "String", "FHIR.date": "Date",
    "FHIR.dateTime": "DateTime", "FHIR.instant": "DateTime", "FHIR.time": "Time", "FHIR.Quantity": "Quantity",
    "FHIR.SimpleQuantity": "Quantity", "FHIR.Coding": "Code", "FHIR.CodeableConcept": "Concept",
}  # fmt: skip


def _as_fhir(value: Any, kind: str) -> Any:
    """A value of CQL's own as the FHIR type that a define is declared to have."""
    from guideway.apply.fhir_json import to_fhir
    from guideway.fhir.element import FhirObject, FhirPrimitive

    short = kind.removeprefix("FHIR.")
    json = to_fhir(value, short)
    return FhirObject(short, json) if isinstance(json, dict) else FhirPrimitive(short, json)


def _interval(text: str, point: str, name: str) -> Interval:
    match = _INTERVAL.match(text)
    if match is None:
        raise GuidewayError(f"parameter {name}: {text!r} is not an interval; write {name}=[low, high]")
    low, high = (None if part.strip() in ("", "null") else read_text(part.strip(), point, name) for part in match.group(2, 3))
    return Interval(low, high, match.group(1) == "[", match.group(4) == "]", point.rpartition(".")[2])


def _boolean(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in ("true", "yes", "1"):
        return True
    if lowered in ("false", "no", "0"):
        return False
    raise ValueError(text)


def read_quantity(text: str) -> Quantity:
    """``5 'mg'``, ``5 mg`` or ``5``; ValueError for anything else."""
    match = _QUANTITY.match(text)
    if match is None:
        raise ValueError(text)
    return Quantity(Decimal(match.group(1)), match.group(2) or match.group(3) or "1")


def read_code(text: str) -> Code:
    """``system|code`` or a bare code."""
    system, bar, code = text.strip().rpartition("|")
    if not code:
        raise ValueError(text)
    return Code(code, system if bar else None)


def _decimal(text: str) -> Decimal:
    value = Decimal(text.strip())
    if not value.is_finite():
        raise ValueError(text)
    return value


_READERS: dict[str, Any] = {
    "Boolean": _boolean,
    "Integer": lambda text: int(text.strip()),
    "Long": lambda text: Long(int(text.strip().rstrip("L"))),
    "Decimal": _decimal,
    "String": str,
    "Date": lambda text: Date.parse(text.strip().lstrip("@")),
    "DateTime": lambda text: DateTime.parse(text.strip().lstrip("@")),
    "Time": lambda text: Time.parse(text.strip().lstrip("@T")),
    "Quantity": read_quantity,
    "Code": read_code,
    "Concept": lambda text: Concept([read_code(text)]),
}
_EXAMPLES = {
    "Boolean": "true", "Integer": "5", "Long": "5", "Decimal": "1.5", "Date": "2026-06-01", "DateTime": "2026-06-01T12:00:00",
    "Time": "12:00", "Quantity": "'5 mg'", "Code": "'http://loinc.org|8302-2'", "Concept": "'http://loinc.org|8302-2'",
}  # fmt: skip


def shown_parameters(parameters: Mapping[str, Any]) -> Json:
    """The parameters of a run as text, for the outcome."""
    return {name: as_text(value) for name, value in sorted(parameters.items())}

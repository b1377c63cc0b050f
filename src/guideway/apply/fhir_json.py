"""CQL values as FHIR JSON (CQL 1.5, Using CQL with FHIR, "Result types"): for dynamic values, evidence and notes.

``to_fhir(value, target)`` gives the JSON of a runtime value, fitted to the FHIR type of the element it is for (a Code becomes
the bare code of a ``code`` element, the coding of a CodeableConcept, and so on); ``type_of`` says which FHIR type a value has
by itself, for choice elements; ``as_text`` is what people read.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from guideway.engine.values import (
    Code,
    CodeSystemRef,
    Concept,
    Date,
    DateTime,
    Interval,
    Quantity,
    Ratio,
    Time,
    Uncertainty,
    ValueSetRef,
)
from guideway.fhir.element import FhirObject, FhirPrimitive

Json = dict[str, Any]

UCUM = "http://unitsofmeasure.org"
# CQL 1.5 §2.3.3: calendar durations and the UCUM codes that FHIR writes for them.
CALENDAR = {
    "year": "a", "month": "mo", "week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms",
}  # fmt: skip
_QUANTITIES = frozenset({"Quantity", "SimpleQuantity", "Duration", "Age", "Count", "Distance", "Money"})
_NOT_TEXT = _QUANTITIES | {"Coding", "Identifier", "Period", "Range", "Timing", "Ratio", "boolean", "integer", "decimal"}
_TEXTS = frozenset({"string", "markdown", "uri", "url", "canonical", "id", "oid", "uuid", "xhtml"})


class Unfit(ValueError):
    """The value cannot stand in an element of that type; the message says why."""


def type_of(value: Any) -> str | None:
    """The FHIR type a value has by itself; None for null and for lists."""
    if isinstance(value, FhirObject | FhirPrimitive):
        return value.fhir_type
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, Interval):
        return "Range" if isinstance(value.low if value.low is not None else value.high, Quantity) else "Period"
    for kind, name in _KINDS:
        if isinstance(value, kind):
            return name
    return None


_KINDS: tuple[tuple[type, str], ...] = (
    (int, "integer"), (Decimal, "decimal"), (str, "string"), (Date, "date"), (DateTime, "dateTime"), (Time, "time"),
    (Quantity, "Quantity"), (Ratio, "Ratio"), (Code, "Coding"), (Concept, "CodeableConcept"), (ValueSetRef, "canonical"),
)  # fmt: skip


def to_fhir(value: Any, target: str | None = None) -> Any:
    """The FHIR JSON of one value (not a list) for an element of type ``target``; ``Unfit`` where it cannot stand there."""
    if isinstance(value, FhirPrimitive):
        value = value.value
    if value is None:
        return None
    if isinstance(value, FhirObject):
        return _object(value, target)
    if isinstance(value, dict):
        return {name: to_fhir_any(item) for name, item in value.items() if item is not None}
    if isinstance(value, bool):
        return _fit(value, target, {"boolean"}, str(value).lower())
    if isinstance(value, int):
        if target == "decimal":
            return Decimal(value)
        return _fit(int(value), target, {"integer", "positiveInt", "unsignedInt", "integer64"}, str(value))
    if isinstance(value, Decimal):
        return _fit(value, target, {"decimal"}, str(value))
    if isinstance(value, str):
        return _string(value, target)
    if isinstance(value, Date | DateTime | Time):
        return _moment(value, target)
    if isinstance(value, Quantity):
        return _fit(_quantity(value), target, _QUANTITIES, as_text(value))
    if isinstance(value, Ratio):
        return _fit(
            {"numerator": _quantity(value.numerator), "denominator": _quantity(value.denominator)}, target, {"Ratio"}, None
        )
    if isinstance(value, Code):
        return _code(value, target)
    if isinstance(value, Concept):
        return _concept(value, target)
    if isinstance(value, Interval):
        return _interval(value, target)
    if isinstance(value, ValueSetRef):
        return _string(value.id or "", target)
    raise Unfit(f"a {type(value).__name__} has no FHIR form")


def to_fhir_any(value: Any) -> Any:
    """As ``to_fhir``, lists included."""
    if isinstance(value, list | tuple):
        return [to_fhir(item) for item in value if item is not None]
    return to_fhir(value)


def as_text(value: Any) -> str:
    """A value as people read it: quantities with their unit, codes by their display, lists with semicolons."""
    if isinstance(value, FhirPrimitive):
        value = value.value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Quantity):
        return f"{number_text(value.value)} {value.unit}" if value.unit != "1" else number_text(value.value)
    if isinstance(value, Decimal):
        return number_text(value)
    if isinstance(value, Ratio):
        return f"{as_text(value.numerator)} : {as_text(value.denominator)}"
    if isinstance(value, Code):
        return value.display or value.code or ""
    if isinstance(value, Concept):
        return value.display or (as_text(value.codes[0]) if value.codes else "")
    if isinstance(value, Interval):
        low = "" if value.low is None else as_text(value.low)
        high = "" if value.high is None else as_text(value.high)
        return f"{low} to {high}"
    if isinstance(value, Uncertainty):
        return f"{as_text(value.low)} to {as_text(value.high)}"
    if isinstance(value, ValueSetRef | CodeSystemRef):
        return value.name or value.id or ""
    if isinstance(value, FhirObject):
        return _object_text(value)
    if isinstance(value, list | tuple):
        return "; ".join(as_text(item) for item in value)
    if isinstance(value, dict):
        return "; ".join(f"{name}: {as_text(item)}" for name, item in value.items() if item is not None)
    return str(value)


def number_text(value: Decimal) -> str:
    """A decimal without an exponent, with the digits it came with."""
    return format(value, "f")


def _object_text(value: FhirObject) -> str:
    data = value.data
    if "value" in data and value.fhir_type in _QUANTITIES:
        unit = data.get("unit") or data.get("code") or ""
        return f"{data.get('comparator', '')}{data['value']} {unit}".strip()
    for name in ("text", "display", "title"):
        if isinstance(data.get(name), str):
            return str(data[name])
    codings = data.get("coding")
    if isinstance(codings, list) and codings and isinstance(codings[0], dict):
        return str(codings[0].get("display") or codings[0].get("code") or value.fhir_type)
    return value.reference or str(data.get("reference") or value.fhir_type)


def _fit(json: Any, target: str | None, native: frozenset[str] | set[str], text: str | None) -> Any:
    if target is None or target in native:
        return json
    if target in _TEXTS and text is not None:
        return text
    if target == "CodeableConcept" and text is not None:
        return {"text": text}
    raise Unfit(f"{text or 'the value'} does not fit an element of type {target}")


def _string(value: str, target: str | None) -> Any:
    if target == "CodeableConcept":
        return {"text": value}
    if target == "Reference":
        return {"reference": value}
    if target == "Annotation":
        return {"text": value}
    if (
        target in ("Coding", "Identifier", "Period", "Range", "Timing", "Ratio", "boolean", "integer", "decimal")
        or target in _QUANTITIES
    ):
        raise Unfit(f"the text {value!r} does not fit an element of type {target}")
    return value


def _moment(value: Date | DateTime | Time, target: str | None) -> Any:
    text = str(value).removeprefix("@").removeprefix("T")
    if isinstance(value, DateTime):
        text = _date_time(value)
    elif isinstance(value, Time):
        text += ":00" * (2 - text.count(":"))
    if target == "Period":
        return {"start": text, "end": text}
    if target == "Timing":
        return {"event": [text]}
    if target == "date":
        return text[:10]
    return _fit(text, target, {"date", "dateTime", "time", "instant"}, text)


def _date_time(value: DateTime) -> str:
    """FHIR wants seconds and an offset as soon as there is a time of day (R4, dateTime)."""
    text = str(value).removeprefix("@")
    day, clock, rest = text.partition("T")
    if not clock:
        return day
    cut = next((i for i, c in enumerate(rest) if c in "+-Z"), len(rest))
    time, offset = rest[:cut], rest[cut:]
    if not time:
        return day
    return f"{day}T{time}{':00' * (2 - time.count(':'))}{offset or 'Z'}"


def _quantity(value: Quantity) -> Json:
    unit = value.unit
    code = CALENDAR.get(unit) or CALENDAR.get(unit.removesuffix("s"), unit)
    result: Json = {"value": value.value}
    if unit != "1":
        result["unit"] = unit
    return result | {"system": UCUM, "code": code}


def _coding(value: Code) -> Json:
    parts = {"system": value.system, "version": value.version, "code": value.code, "display": value.display}
    return {name: part for name, part in parts.items() if part}


def _code(value: Code, target: str | None) -> Any:
    if target in (None, "Coding"):
        return _coding(value)
    if target == "CodeableConcept":
        return {"coding": [_coding(value)]}
    if target == "code" or (target and target[0].islower()):
        return value.code
    raise Unfit(f"the code {value.code} does not fit an element of type {target}")


def _concept(value: Concept, target: str | None) -> Any:
    if target in (None, "CodeableConcept"):
        result: Json = {"coding": [_coding(code) for code in value.codes]} if value.codes else {}
        return result | ({"text": value.display} if value.display else {})
    if not value.codes:
        raise Unfit(f"a concept without codes does not fit an element of type {target}")
    return _code(value.codes[0], target)


def _interval(value: Interval, target: str | None) -> Any:
    kind = type_of(value)
    bounds = {"low": value.low, "high": value.high} if kind == "Range" else {"start": value.low, "end": value.high}
    result = {name: to_fhir(bound) for name, bound in bounds.items() if bound is not None}
    if target == "Timing" and kind == "Period":
        return {"repeat": {"boundsPeriod": result}}
    return _fit(result, target, {"Range", "Period"}, as_text(value))


def _object(value: FhirObject, target: str | None) -> Any:
    kind = value.fhir_type
    if target == "Reference" and kind != "Reference" and value.reference:
        return {"reference": value.reference}
    if target == "CodeableConcept" and kind == "Coding":
        return {"coding": [value.data]}
    if target == "code" and kind in ("Coding", "CodeableConcept"):
        coding = value.data if kind == "Coding" else next(iter(value.data.get("coding") or [{}]))
        return coding.get("code")
    if target in _TEXTS:
        return as_text(value)
    return value.data

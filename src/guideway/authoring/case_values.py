"""The short forms of a case's values, as FHIR has them: quantities, doses, ranges, dates and codes.

``0.8 10*9/L`` (number, unit), ``<0.5 10*9/L``, ``0.8`` (no unit at all), ``100 mg 2/d``, ``4.0-10.5``.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from guideway.authoring.case_concepts import SYSTEMS

Json = dict[str, Any]

_QUANTITY = re.compile(r"^(?P<comparator><=|>=|<|>)?\s*(?P<value>-?\d+(?:\.\d+)?)(?:\s+(?P<unit>\S.*))?$")
_DOSE = re.compile(
    r"^(?P<low>\d+(?:\.\d+)?)(?:-(?P<high>\d+(?:\.\d+)?))?\s+(?P<unit>\S+)(?:\s+(?P<times>\d+)/(?P<period>\d*)(?P<per>d|wk|mo|h))?$"
)


def quantity(given: Any, printed_unit: Any = None) -> Json | None:
    """A Quantity; None where this is none. ``printed_unit`` is a unit without a UCUM code."""
    match = None if isinstance(given, (bool, date)) else _QUANTITY.match(str(given))
    if match is None:
        return None
    found: Json = {"value": Decimal(match["value"])}
    if match["comparator"]:
        found["comparator"] = match["comparator"]
    if match["unit"]:
        found |= _unit(match["unit"])
    if printed_unit is not None:
        found["unit"] = str(printed_unit)
    return found


def amount(given: Any) -> Json:
    """``2`` or ``0.3 mL`` as a Quantity; anything else is the printed unit."""
    return quantity(given) or {"unit": str(given)}


def bounds(text: str, of: Json) -> Json:
    """A reference range, in the unit of the quantity: ``4.0-10.5``, ``-104`` (only high) or ``4.0-`` (only low). ValueError."""
    low, dash, high = text.partition("-")
    if not dash:
        raise ValueError(text)
    unit = {key: of[key] for key in ("unit", "system", "code") if key in of}
    parts = (("low", low.strip()), ("high", high.strip()))
    try:
        return {name: {"value": Decimal(bound), **unit} for name, bound in parts if bound}
    except ArithmeticError:
        raise ValueError(text) from None


def dosage(text: str) -> Json:
    """``100 mg 2/d``, ``0.5-1.5 mg 1/d``, ``100 mg`` as a Dosage; anything else is its text."""
    match = _DOSE.match(text)
    found: Json = {"text": text}
    if match is None:
        return found
    low = {"value": Decimal(match["low"]), **_unit(match["unit"])}
    rate: Json = {"doseQuantity": low}
    if match["high"]:
        rate = {"doseRange": {"low": low, "high": low | {"value": Decimal(match["high"])}}}
    found["doseAndRate"] = [rate]
    if match["times"]:
        period = int(match["period"] or 1)
        found["timing"] = {"repeat": {"frequency": int(match["times"]), "period": period, "periodUnit": match["per"]}}
    return found


def moment(given: Any) -> str:
    """A YAML date or time as FHIR writes it."""
    if isinstance(given, datetime):
        text = given.isoformat()
        return text if given.tzinfo is not None else f"{text}Z"
    if isinstance(given, date):
        return given.isoformat()
    return str(given)


def coded(system: str, code: str) -> Json:
    """A CodeableConcept of one code."""
    return {"coding": [{"system": system, "code": code}]}


def _unit(code: str) -> Json:
    return {"unit": code, "system": SYSTEMS["ucum"], "code": code}

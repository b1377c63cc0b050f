"""Why data that is there does not help, in words: a unit that does not go with the other side's, a measurement without a
number, a date that is no whole day."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from guideway.apply.facts import date_of
from guideway.apply.fhir_json import as_text
from guideway.guideline.names import concept_text

Json = dict[str, Any]
Amount = tuple[Any, str | None]
"""A value and its unit."""


def unit_mismatch(own: Amount, sides: list[Amount]) -> str:
    """That the units of the two sides of a comparison do not go together; empty where that is not why.

    >>> unit_mismatch((Decimal(5), None), [(Decimal(5), None), (Decimal(1), "mg")])
    ': a number without a unit cannot be compared with mg'
    """
    units = [unit for amount, unit in sides if isinstance(amount, Decimal | int) and not isinstance(amount, bool)]
    theirs = next((unit for unit in units if unit != own[1]), own[1])
    if len(units) < 2 or theirs == own[1]:
        return ""
    nothing = "a number without a unit"
    return f": {own[1] or nothing} cannot be compared with {theirs or nothing}"


def weaknesses(resource: Json, reference: str, measured: bool, own: bool = True) -> list[str]:
    """That a date is no whole day; that an Observation has no value, or no number where one is needed (``measured``). What was
    only looked at, being about something else (not ``own``), needs no value."""
    date = date_of(resource)
    coarse = [f"{reference}: its date {date} is no whole day"] if date is not None and len(date) < 10 else []
    return coarse + (
        _without_number(resource, reference, measured) if own and resource.get("resourceType") == "Observation" else []
    )


def _without_number(resource: Json, reference: str, measured: bool) -> list[str]:
    name = next((n for n in resource if n.startswith("value")), None)
    if name is None and (resource.get("component") or resource.get("hasMember")):
        return []  # its values are there
    if name is None:
        absent = concept_text(resource.get("dataAbsentReason"))
        return [f"{reference}: it has no value" + (f" ({absent})" if absent else "")]
    if not measured or name == "valueQuantity":
        return []
    value = resource[name]
    shown = concept_text(value) if isinstance(value, dict | str) else as_text(value)
    return [f"{reference}: its value is no number with a unit ({shown or name})"]

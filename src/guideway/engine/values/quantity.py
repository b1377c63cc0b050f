"""Quantities and ratios (CQL 1.5 §2.3.3, "Clinical Types")."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct


class Quantity(Struct, frozen=True):
    """A value with a unit: a UCUM code, or a calendar duration in words (``year``, ``months``). No unit is ``1``."""

    value: Decimal
    unit: str = "1"


class Ratio(Struct, frozen=True):
    """A quantity to a quantity, as in titres (1:128) and concentrations."""

    numerator: Quantity
    denominator: Quantity

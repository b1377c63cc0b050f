"""Uncertain results: somewhere between two known bounds (CQL 1.5 §5.6, "Calculating Duration and Difference")."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Uncertainty(Struct, frozen=True):
    """A value known only to lie between ``low`` and ``high``, both inclusive.

    Arithmetic and comparison carry it along: ``[4, 16] > 5`` is null, ``[4, 16] < 24`` is true. Where a result leaves the
    engine it is shown as the closed interval of the same bounds.
    """

    low: Any
    high: Any


class Beyond(Struct, frozen=True):
    """A moment after all dates and times (``side`` 1) or before all of them (-1): only relations of timing phrases see it."""

    side: int

"""Uncertain results: somewhere between two known bounds (CQL 1.5 §5.6, "Calculating Duration and Difference")."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct


class Uncertainty(Struct, frozen=True):
    """A value known only to lie between ``low`` and ``high``, both inclusive.

    Arithmetic and comparison carry it along: ``[4, 16] > 5`` is null, ``[4, 16] < 24`` is true. Where a result leaves the
    engine it is shown as the closed interval of the same bounds.
    """

    low: Any
    high: Any


def spread(value: Uncertainty, rising: Callable[[Any], Any]) -> Uncertainty | None:
    """The uncertainty of ``rising(x)``, a function that keeps the order, for an uncertain x; null where a bound has no value."""
    low, high = rising(value.low), rising(value.high)
    return None if low is None or high is None else Uncertainty(low, high)


def doubtful(*values: Any) -> bool:
    """Whether one of the values is uncertain."""
    return any(type(value) is Uncertainty for value in values)


class Beyond(Struct, frozen=True):
    """A moment after all dates and times (``side`` 1) or before all of them (-1): only relations of timing phrases see it."""

    side: int

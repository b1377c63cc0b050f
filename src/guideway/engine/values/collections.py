"""Intervals and tuples (CQL 1.5 §2.3, "Types")."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class TupleValue(dict[str, Any]):
    """A tuple's elements by name, in the order of declaration."""

    __slots__ = ()


class Interval(Struct, frozen=True):
    """An interval. A null bound is open-ended when closed, unknown when open; see ``operators.interval.start``/``end``.

    ``point_type`` is the short name of the CQL type of its points ("Integer", "DateTime", ...); it decides the minimum and
    maximum that stand for a closed null bound, and may be None where a bound is present. A bound may itself be an
    ``Uncertainty`` (the intersection with an interval of unknown end). This class checks nothing: the Interval operator does.
    """

    low: Any
    high: Any
    low_closed: bool = True
    high_closed: bool = True
    point_type: str | None = None

"""What makes a type the point type of an interval: its least and greatest value, the next and the previous value.

Start and end of an interval follow from them (CQL 1.5 Appendix B, "Start", "End"; ELM, "Interval"): an open bound is the next
or previous value, a closed null bound is the least or greatest value of the type, an open null bound is unknown: an uncertainty
up to the other end.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from guideway.engine.errors import CqlRuntimeError
from guideway.engine.operators import temporal
from guideway.engine.values.collections import Interval
from guideway.engine.values.numbers import (
    CONTEXT,
    MAX_DECIMAL,
    MAX_INTEGER,
    MAX_LONG,
    MIN_DECIMAL,
    MIN_INTEGER,
    MIN_LONG,
    STEP,
    Long,
)
from guideway.engine.values.quantity import Quantity
from guideway.engine.values.temporal import (
    MAX_DATE,
    MAX_DATETIME,
    MAX_TIME,
    MIN_DATE,
    MIN_DATETIME,
    MIN_TIME,
    Date,
    DateTime,
    Time,
)
from guideway.engine.values.uncertainty import Uncertainty

TYPE_NAMES: dict[type, str] = {
    bool: "Boolean",
    int: "Integer",
    Long: "Long",
    Decimal: "Decimal",
    str: "String",
    Date: "Date",
    DateTime: "DateTime",
    Time: "Time",
    Quantity: "Quantity",
}

MINIMUM: dict[str, Any] = {
    "Integer": MIN_INTEGER,
    "Long": Long(MIN_LONG),
    "Decimal": MIN_DECIMAL,
    "Quantity": Quantity(MIN_DECIMAL, "1"),
    "Date": MIN_DATE,
    "DateTime": MIN_DATETIME,
    "Time": MIN_TIME,
}
MAXIMUM: dict[str, Any] = {
    "Integer": MAX_INTEGER,
    "Long": Long(MAX_LONG),
    "Decimal": MAX_DECIMAL,
    "Quantity": Quantity(MAX_DECIMAL, "1"),
    "Date": MAX_DATE,
    "DateTime": MAX_DATETIME,
    "Time": MAX_TIME,
}


def type_name(value: Any) -> str:
    """The short name of a value's CQL type."""
    return TYPE_NAMES.get(type(value)) or type(value).__name__


def local_name(type_name: str) -> str:
    """``Integer`` of ``{urn:hl7-org:elm-types:r1}Integer`` or ``System.Integer``."""
    return type_name.rpartition("}")[2].removeprefix("System.")


def minimum(type_name: str) -> Any:
    """The least value of a type, by its name."""
    return _extreme(MINIMUM, type_name, "minimum")


def maximum(type_name: str) -> Any:
    """The greatest value of a type, by its name."""
    return _extreme(MAXIMUM, type_name, "maximum")


def _extreme(table: dict[str, Any], name: str, word: str) -> Any:
    try:
        return table[local_name(name)]
    except KeyError:
        raise CqlRuntimeError(f"{local_name(name)} has no {word} value") from None


def successor(value: Any) -> Any:
    """The next value of the same type and precision; a run-time error past the greatest."""
    return _neighbour(value, 1, "successor", MAXIMUM)


def predecessor(value: Any) -> Any:
    """The previous value of the same type and precision; a run-time error past the least."""
    return _neighbour(value, -1, "predecessor", MINIMUM)


def _neighbour(value: Any, direction: int, word: str, limits: dict[str, Any]) -> Any:
    kind = type(value)
    if value is None:
        return None
    if kind is int or kind is Long:
        if value == limits[TYPE_NAMES[kind]]:
            raise CqlRuntimeError(f"{value} has no {word}: it is the last {TYPE_NAMES[kind]}")
        return kind(value + direction)
    if kind is Decimal:
        return _next_decimal(value, direction, word)
    if kind in temporal.FULL:
        try:
            return temporal.step(value, direction)
        except CqlRuntimeError:
            raise CqlRuntimeError(f"{value!r} has no {word}: it is the last {TYPE_NAMES[kind]}") from None
    if kind is Quantity:
        return Quantity(_next_decimal(value.value, direction, word), value.unit)
    if kind is Uncertainty:
        return Uncertainty(_clamped(value.low, direction, word, limits), _clamped(value.high, direction, word, limits))
    raise CqlRuntimeError(f"{type_name(value)} has no {word}")


def _next_decimal(value: Decimal, direction: int, word: str) -> Decimal:
    if value >= MAX_DECIMAL if direction > 0 else value <= MIN_DECIMAL:
        raise CqlRuntimeError(f"{value:f} has no {word}: it is the last Decimal")
    return CONTEXT.add(value, STEP) if direction > 0 else CONTEXT.subtract(value, STEP)


def _clamped(value: Any, direction: int, word: str, limits: dict[str, Any]) -> Any:
    try:
        return _neighbour(value, direction, word, limits)
    except CqlRuntimeError:
        return value


def point_type(interval: Interval) -> str | None:
    """The name of the type of an interval's points; None where neither the interval nor a bound tells."""
    if interval.point_type is not None:
        name = local_name(interval.point_type)
        return None if name == "Any" else name
    bound = interval.low if interval.low is not None else interval.high
    if isinstance(bound, Uncertainty):
        bound = bound.low
    return None if bound is None else TYPE_NAMES.get(type(bound))


def _limit(interval: Interval, limits: dict[str, Any], other: Any) -> Any:
    """The least or greatest value for a null bound, in the unit of the other bound where that is a quantity."""
    name = point_type(interval)
    limit = None if name is None else limits.get(name)
    if isinstance(limit, Quantity) and isinstance(other, Quantity):
        return Quantity(limit.value, other.unit)
    return limit


def lower(interval: Interval) -> Any:
    """Where an interval starts: a value, an ``Uncertainty`` for an open null bound, None where nothing is known of it."""
    low = interval.low
    if low is not None:
        return low if interval.low_closed else successor(low)
    least = _limit(interval, MINIMUM, interval.high)
    if interval.low_closed or least is None:
        return least
    high = interval.high
    if high is None:
        return Uncertainty(least, _limit(interval, MAXIMUM, None))
    if isinstance(high, Uncertainty):
        high = high.high
    return Uncertainty(least, high if interval.high_closed else predecessor(high))


def upper(interval: Interval) -> Any:
    """Where an interval ends: as :func:`lower`."""
    high = interval.high
    if high is not None:
        return high if interval.high_closed else predecessor(high)
    greatest = _limit(interval, MAXIMUM, interval.low)
    if interval.high_closed or greatest is None:
        return greatest
    low = interval.low
    if low is None:
        return Uncertainty(_limit(interval, MINIMUM, None), greatest)
    if isinstance(low, Uncertainty):
        low = low.low
    return Uncertainty(low if interval.low_closed else successor(low), greatest)


def start(interval: Interval | None) -> Any:
    """The Start operator: the starting point; null for an open null bound."""
    if interval is None or (interval.low is None and not interval.low_closed):
        return None
    return lower(interval)


def end(interval: Interval | None) -> Any:
    """The End operator: the ending point; null for an open null bound."""
    if interval is None or (interval.high is None and not interval.high_closed):
        return None
    return upper(interval)

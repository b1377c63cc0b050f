"""Short ways to write the engine's values in test tables."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from guideway.engine.operators import OPERATORS
from guideway.engine.values import Date, DateTime, Interval, Quantity, Time


def d(text: str) -> Decimal:
    return Decimal(text)


def date(text: str) -> Date:
    return Date.parse(text)


def dt(text: str) -> DateTime:
    return DateTime.parse(text)


def t(text: str) -> Time:
    return Time.parse(text)


def q(text: str) -> Quantity:
    """``5 mg``, ``1.5 [in_i]``, ``3 years``, ``2`` (unit 1)."""
    value, _, unit = text.partition(" ")
    return Quantity(Decimal(value), unit or "1")


def iv(low: Any, high: Any, brackets: str = "[]", point_type: str | None = None) -> Interval:
    """An interval; ``brackets`` as in ``[)``."""
    return Interval(low, high, brackets[0] == "[", brackets[1] == "]", point_type)


def run(operator: str, *operands: Any, **keywords: Any) -> Any:
    """The operator of that ELM name on these operands (operators that need no context)."""
    row = OPERATORS[operator]
    assert not row.needs_context
    return row.function(list(operands), **keywords) if row.nary else row.function(*operands, **keywords)


def identical(left: Any, right: Any) -> bool:
    """Same type and same value, numbers of any scale."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(identical(*pair) for pair in zip(left, right))
    return type(left) is type(right) and left == right

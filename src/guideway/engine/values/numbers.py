"""Numbers: 32-bit Integer, 64-bit Long, and Decimal with its limits (CQL 1.5 §2.3.1 and Appendix B, "Types").

A Decimal keeps the digits it was written with (``1.50``), since Precision and LowBoundary look at them. It has at most eight
fraction digits and 28 integer digits; results are worked out with 100 digits and then settled to eight, half away from zero.
The range is wider than ``maximum Decimal`` (20 integer digits), as in the public conformance suite.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Any

MIN_INTEGER, MAX_INTEGER = -(2**31), 2**31 - 1
MIN_LONG, MAX_LONG = -(2**63), 2**63 - 1

SCALE = 8
STEP = Decimal("0.00000001")
MAX_DECIMAL = Decimal("99999999999999999999.99999999")
MIN_DECIMAL = -MAX_DECIMAL
LARGEST_RESULT = Decimal("1e28")
SMALLEST_RESULT = -LARGEST_RESULT

CONTEXT = Context(prec=100, rounding=ROUND_HALF_UP, Emin=-999999, Emax=999999, traps=[InvalidOperation, DivisionByZero, Overflow])
EXACT = Context(prec=400, rounding=ROUND_HALF_UP, Emin=-999999, Emax=999999, traps=[InvalidOperation, Inexact])

ZERO = Decimal(0)
ONE = Decimal(1)


class Long(int):
    """A 64-bit integer. Python's own operators return plain ``int``: the arithmetic operators wrap their results again."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{int(self)}L"

    def __reduce__(self) -> tuple[Any, ...]:
        return (Long, (int(self),))


def settle(value: Decimal) -> Decimal | None:
    """``value`` with at most eight fraction digits and no negative zero; None where it is out of range."""
    if not SMALLEST_RESULT <= value <= LARGEST_RESULT:
        return None
    rounded = value.quantize(STEP, context=CONTEXT)
    if rounded != value or value.compare_total_mag(rounded) < 0:  # other digits, or more zeros than eight places hold
        value = rounded
    return value if value else value.copy_abs()


def scale_of(value: Decimal) -> int:
    """How many digits were written after the decimal point."""
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def decimal_text(value: Decimal) -> str:
    """The digits of a Decimal, never in exponent form."""
    return format(value, "f")

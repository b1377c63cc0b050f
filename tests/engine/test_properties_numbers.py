"""Decimals, integers and quantities: limits, exactness, and consistency of equality, equivalence and order."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.build import run

from guideway.engine.values import Quantity
from guideway.engine.values.numbers import LARGEST_RESULT, scale_of

DECIMALS = st.decimals(min_value=-(10**27), max_value=10**27, places=8, allow_nan=False, allow_infinity=False)
SMALL = st.decimals(min_value=-1000, max_value=1000, places=4, allow_nan=False, allow_infinity=False)
INTEGERS = st.integers(-(2**31), 2**31 - 1)


def settled(value: Fraction) -> Decimal | None:
    """Eight digits, half away from zero; None beyond the limit."""
    scaled = abs(value) * 10**8
    whole = scaled.numerator // scaled.denominator
    if (scaled - whole) * 2 >= 1:
        whole += 1
    with localcontext() as context:
        context.prec = 60
        result = Decimal(whole if value >= 0 else -whole) / 10**8
    return result if abs(result) <= LARGEST_RESULT else None


@given(DECIMALS, DECIMALS)
@settings(max_examples=200)
def test_decimal_arithmetic_is_exact_and_then_settled(left: Decimal, right: Decimal) -> None:
    a, b = Fraction(left), Fraction(right)
    assert run("Add", left, right) == settled(a + b)
    assert run("Subtract", left, right) == settled(a - b)
    assert run("Multiply", left, right) == settled(a * b)
    assert run("Divide", left, right) == (settled(a / b) if b else None)


@given(SMALL, SMALL)
def test_division_with_remainder(left: Decimal, right: Decimal) -> None:
    quotient, remainder = run("TruncatedDivide", left, right), run("Modulo", left, right)
    if right == 0:
        assert quotient is None
        assert remainder is None
        return
    assert run("Add", run("Multiply", quotient, right), remainder) == left
    assert abs(remainder) < abs(right)
    assert remainder == 0 or (remainder < 0) == (left < 0)


@given(INTEGERS, INTEGERS)
def test_integers_overflow_to_null(left: int, right: int) -> None:
    for name, result in (("Add", left + right), ("Subtract", left - right), ("Multiply", left * right)):
        assert run(name, left, right) == (result if -(2**31) <= result < 2**31 else None)
    if right:
        assert run("TruncatedDivide", left, right) == (None if (left, right) == (-(2**31), -1) else int(Fraction(left, right)))


@given(DECIMALS)
def test_rounding_truncating_and_boundaries(value: Decimal) -> None:
    low, high = run("LowBoundary", value, 8), run("HighBoundary", value, 8)
    assert low <= value <= high
    assert run("Precision", value) == scale_of(value)
    for name, bound in (("Floor", 0), ("Ceiling", 0), ("Truncate", 0)):
        result = run(name, value)
        assert result is None or abs(result - value) < 1 + bound
    floor, ceiling = run("Floor", value), run("Ceiling", value)
    assert None in (floor, ceiling) or floor <= value <= ceiling


UNITS = ("g", "mg", "kg", "ug", "[lb_av]")


@given(SMALL, st.sampled_from(UNITS), SMALL, st.sampled_from(UNITS))
def test_quantities_compare_and_add_across_units(left: Decimal, unit: str, right: Decimal, other: str) -> None:
    factors = {"g": 1, "mg": Fraction(1, 1000), "kg": 1000, "ug": Fraction(1, 10**6), "[lb_av]": Fraction("453.59237")}
    a, b = Fraction(left) * factors[unit], Fraction(right) * factors[other]
    one, two = Quantity(left, unit), Quantity(right, other)
    assert run("Less", one, two) is (a < b)
    assert run("Equal", one, two) is (a == b)
    assert run("GreaterOrEqual", one, two) is (a >= b)
    if run("Equal", one, two):
        assert run("Equivalent", one, two) is True
    total = run("Add", one, two)
    smaller = unit if factors[unit] <= factors[other] else other
    assert total.unit == smaller
    assert abs(Fraction(total.value) * factors[smaller] - (a + b)) <= 2 * factors[smaller] * Fraction(1, 10**8)


@given(DECIMALS, DECIMALS)
def test_equality_implies_equivalence_and_order_is_total(left: Decimal, right: Decimal) -> None:
    if run("Equal", left, right):
        assert run("Equivalent", left, right) is True
    assert [run("Less", left, right), run("Equal", left, right), run("Greater", left, right)].count(True) == 1
    assert run("ToDecimal", run("ToString", left)) == left

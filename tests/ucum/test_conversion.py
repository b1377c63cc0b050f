"""Conversion: exact where factors are rational, functions for special units, arbitrary units to nothing but themselves."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guideway.ucum.conversion import commensurable, convert, divide, exact, factor, multiply
from guideway.ucum.grammar import DEFINITIONS, UnitError, parse


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        ("1", "10*3/uL", "10*9/L", "1"), ("0.8", "10*3/uL", "/uL", "800"), ("5", "mg/dL", "g/L", "0.05"),
        ("1", "[lb_av]", "g", "453.59237"), ("1", "[in_i]", "cm", "2.54"),
        ("37", "Cel", "[degF]", "98.6"), ("0", "Cel", "K", "273.15"), ("-40", "[degF]", "Cel", "-40"),
        ("0", "K", "[degF]", "-459.67"), ("37", "Cel", "mCel", "37000"),
        ("3", "B", "dB", "30"), ("2", "B", "1", "100"), ("100", "1", "B", "2"), ("7", "[pH]", "mol/L", "1E-7"),
        ("1", "wk", "d", "7"), ("1", "a", "d", "365.25"), ("1", "mo", "d", "30.4375"),
        ("1", "%", "1", "0.01"), ("120", "mm[Hg]", "kPa", "15.99864"), ("1", "U", "katal", None), ("60", "U", "ukat", "1"),
        ("1", "[IU]", "[iU]", "1"), ("1", "k[IU]", "[IU]", "1000"),
        ("1", "[IU]", "U", None), ("1", "[IU]", "mg", None), ("1", "m", "s", None), ("1", "foo", "m", None),
        ("1", "foo", "foo", "1"), ("-5", "1", "B", None), ("4", "bit_s", "1", "16"),
        ("1", "meq/L", "mmol/L", "1"), ("1", "cal", "J", "4.184"),
    ],
)  # fmt: skip
def test_conversions(value: str, source: str, target: str, expected: str | None) -> None:
    result = convert(Decimal(value), source, target)
    if expected is None:
        assert result is None
    else:
        assert result is not None
        assert result.quantize(Decimal("1E-20")) == Decimal(expected)


@pytest.mark.parametrize(
    ("left", "right", "product", "quotient"),
    [
        ("cm", "cm", "cm2", "1"), ("g/cm3", "cm3", "g", "g/cm6"), ("mg/kg", "kg", "mg", "mg/kg2"), ("1", "mg", "mg", "/mg"),
        ("mg", "1", "mg", "mg"), ("10*9/L", "L", "10*9", "10*9/L2"),
        ("mg/(kg.d)", "d", "mg/kg", "mg/kg/d2"), ("{cells}/uL", "uL", "1", "/uL2"),
    ],
)  # fmt: skip
def test_products_and_quotients(left: str, right: str, product: str, quotient: str) -> None:
    assert multiply(left, right) == product
    assert divide(left, right) == quotient


def test_special_units_have_no_products() -> None:
    with pytest.raises(UnitError, match="special"):
        multiply("Cel", "m")
    assert multiply("Cel", "1") == "Cel"


RATIO_UNITS = sorted(code for code in DEFINITIONS if parse(code).special is None)
DECIMALS = st.decimals(min_value=-(10**6), max_value=10**6, places=6, allow_nan=False, allow_infinity=False)


@given(DECIMALS, st.sampled_from(RATIO_UNITS), st.sampled_from(RATIO_UNITS))
def test_conversion_goes_there_and_back_exactly(value: Decimal, source: str, target: str) -> None:
    found = factor(source, target)
    assert (found is not None) is commensurable(source, target)
    if found is None:
        assert exact(value, source, target) is None
        return
    back = factor(target, source)
    assert back is not None
    assert found * back == 1
    there = exact(value, source, target)
    assert there == Fraction(value) * found


@given(st.decimals(min_value=-200, max_value=200, places=3, allow_nan=False, allow_infinity=False))
def test_temperatures_go_there_and_back_exactly(value: Decimal) -> None:
    for target in ("[degF]", "K", "[degRe]"):
        there = exact(value, "Cel", target)
        assert there is not None
        # K and back by the definition: 0 Cel is 273.15 K.
        kelvin = Fraction(value) + Fraction("273.15")
        expected = {"K": kelvin, "[degF]": kelvin * 9 / 5 - Fraction("459.67"), "[degRe]": kelvin * 4 / 5 - Fraction("218.52")}[
            target
        ]
        assert there == expected


@given(st.sampled_from(("[pH]", "B", "Np", "bit_s", "B[V]", "[hp'_C]")), st.decimals(min_value=0, max_value=12, places=3))
def test_logarithmic_units_go_there_and_back(unit: str, value: Decimal) -> None:
    linear = {"[pH]": "mol/L", "B[V]": "V"}.get(unit, "1")
    there = convert(value, unit, linear)
    assert there is not None
    back = convert(there, linear, unit)
    assert back is not None
    assert abs(back - value) < Decimal("1E-30")


@given(st.sampled_from(RATIO_UNITS), st.sampled_from(RATIO_UNITS))
def test_product_and_quotient_of_units_have_the_right_size(left: str, right: str) -> None:
    one, two = parse(left), parse(right)
    assert parse(multiply(left, right)).factor == one.factor * two.factor
    assert parse(divide(left, right)).factor == one.factor / two.factor

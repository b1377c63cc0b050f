"""Arithmetic (CQL 1.5 Appendix B, "Arithmetic Operators")."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.engine.build import d, date, dt, q, run, t

from guideway.engine.errors import CqlRuntimeError
from guideway.engine.values import Long, Quantity, Uncertainty

LARGE = 2**31 - 1
HUGE = Long(2**63 - 1)


@pytest.mark.parametrize(
    ("name", "left", "right", "expected"),
    [
        ("Add", 1, 2, 3), ("Add", LARGE, 1, None), ("Add", Long(LARGE), 1, Long(2**31)), ("Add", HUGE, Long(1), None),
        ("Add", d("1.5"), 1, d("2.5")), ("Add", None, 1, None),
        ("Add", t("23:00"), q("2 hours"), t("01:00")), ("Subtract", t("00:30"), q("1 hour"), t("23:30")),
        ("Add", t("23:30:00"), q("49 hours"), t("00:30:00")), ("Add", "a", "b", "ab"),
        ("Add", q("1 m"), q("5 cm"), q("105 cm")), ("Add", q("5 cm"), q("1 m"), q("105 cm")),
        ("Add", q("1 h"), q("30 minutes"), q("90 minutes")),
        ("Add", q("1 year"), q("2 months"), q("14 months")), ("Add", q("2"), 3, q("5")),
        ("Add", q("1 foo"), q("2 foo"), q("3 foo")),
        ("Subtract", 1, 2, -1), ("Subtract", -LARGE, 2, None), ("Subtract", d("1.0"), d("0.00000001"), d("0.99999999")),
        ("Multiply", 65536, 65536, None), ("Multiply", Long(65536), 65536, Long(2**32)),
        ("Multiply", d("0.00001"), d("0.0001"), d("0.0")),
        ("Multiply", d("0.00015"), d("0.0001"), d("0.00000002")), ("Multiply", q("2 cm"), q("3 cm"), q("6 cm2")),
        ("Multiply", q("2 mg/kg"), q("70 kg"), q("140 mg")), ("Multiply", q("2 mg"), 3, q("6 mg")),
        ("Multiply", d("1e20"), d("1e9"), None),
        ("Divide", 10, 4, d("2.5")), ("Divide", 1, 3, d("0.33333333")), ("Divide", 2, 3, d("0.66666667")),
        ("Divide", -2, 3, d("-0.66666667")),
        ("Divide", 1, 0, None), ("Divide", q("6 mg"), q("2 mL"), q("3 mg/mL")), ("Divide", q("6 mg"), q("2 mg"), q("3")),
        ("Divide", q("6 mg"), q("0 mg"), None), ("Divide", 6, q("2 s"), q("3 /s")),
        ("TruncatedDivide", 7, -2, -3), ("TruncatedDivide", -7, 2, -3), ("TruncatedDivide", d("7.5"), 2, d("3")),
        ("TruncatedDivide", 1, 0, None),
        ("TruncatedDivide", -(2**31), -1, None), ("TruncatedDivide", q("7 cm"), q("2 cm"), q("3 cm")),
        ("Modulo", 7, -2, 1), ("Modulo", -7, 2, -1), ("Modulo", d("7.5"), 2, d("1.5")), ("Modulo", 1, 0, None),
        ("Modulo", q("1 m"), q("30 cm"), q("10 cm")),
        ("Power", 2, 10, 1024), ("Power", 2, 31, None), ("Power", Long(2), 62, Long(2**62)), ("Power", 2, -1, d("0.5")),
        ("Power", 0, -1, None),
        ("Power", 4, d("0.5"), d("2")), ("Power", -1, 1_000_000_001, -1), ("Power", d("-8"), d("0.5"), None),
        ("Power", d("10"), d("100"), None),
        ("Log", 1000, 10, d("3")), ("Log", 8, 2, d("3")), ("Log", 0, 2, None), ("Log", 8, 1, None), ("Log", None, 2, None),
    ],
)  # fmt: skip
def test_binary(name: str, left: Any, right: Any, expected: Any) -> None:
    result = run(name, left, right)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("name", "operand", "expected"),
    [
        ("Negate", 5, -5), ("Negate", -(2**31), None), ("Negate", d("0.0"), d("0.0")), ("Negate", q("5 cm"), q("-5 cm")),
        ("Negate", Long(5), Long(-5)),
        ("Abs", -5, 5), ("Abs", -(2**31), None), ("Abs", q("-5 cm"), q("5 cm")), ("Abs", Uncertainty(1, 3), Uncertainty(1, 3)),
        ("Ceiling", d("1.1"), 2), ("Ceiling", d("-1.1"), -1), ("Ceiling", d("1e10"), None), ("Floor", d("-1.1"), -2),
        ("Floor", 3, 3),
        ("Truncate", d("-1.9"), -1), ("Round", d("0.5"), d("1")), ("Round", d("-0.5"), d("-1")), ("Round", d("2.5"), d("3")),
        ("Round", 7, d("7")),
        ("Ln", 1, d("0")), ("Ln", -1, None), ("Exp", 0, d("1")), ("Exp", d("1"), d("2.71828183")), ("Exp", None, None),
        ("Precision", d("1.58700"), 5), ("Precision", d("15"), 0), ("Precision", date("2014-05"), 6),
        ("Precision", t("10:30"), 4),
        ("Precision", dt("2014-01-05T10:30:00"), 14),
        ("Successor", 1, 2), ("Successor", d("1.0"), d("1.00000001")), ("Successor", q("1 g"), q("1.00000001 g")),
        ("Successor", date("2014-12"), date("2015-01")),
        ("Successor", dt("2014-12-31T23:59"), dt("2015-01-01T00:00")), ("Successor", Uncertainty(1, 3), Uncertainty(2, 4)),
        ("Predecessor", Long(1), Long(0)), ("Predecessor", t("10:00"), t("09:59")), ("Predecessor", dt("2014"), dt("2013")),
        ("Predecessor", date("2016-03-01"), date("2016-02-29")),
    ],
)  # fmt: skip
def test_unary(name: str, operand: Any, expected: Any) -> None:
    result = run(name, operand)
    assert result == expected
    assert type(result) is type(expected)


def test_no_result_is_a_negative_zero() -> None:
    for result in (
        run("Negate", d("0.0")),
        run("Round", d("-0.4")),
        run("Multiply", d("-0.1"), d("0.0")),
        run("Subtract", d("-0.0"), d("0.0")),
    ):
        assert not result.is_signed()


def test_round_to_a_number_of_digits() -> None:
    assert run("Round", d("3.14159"), 2) == d("3.14")
    assert run("Round", d("1250"), -2) == d("1300")
    assert run("Round", d("3.14159"), None) == d("3")
    assert run("Round", q("2.54 cm")) == q("3 cm")
    assert run("Round", q("2.546 cm"), 2) == q("2.55 cm")


@pytest.mark.parametrize(
    ("name", "operands", "message"),
    [
        ("Successor", [LARGE], "has no successor"), ("Successor", [HUGE], "last Long"),
        ("Successor", [date("9999-12-31")], "has no successor"),
        ("Successor", [t("23:59:59.999")], "has no successor"), ("Predecessor", [dt("0001")], "has no predecessor"),
        ("Successor", ["a"], "String"),
        ("Exp", [d("1000")], "too large"), ("Ln", [0], "minus infinity"),
        ("MinValue", ["{urn:hl7-org:elm-types:r1}Boolean"], "Boolean has no minimum"),
        ("Add", [dt("9999-12-31"), q("1 day")], "outside the years"),
        ("Subtract", [date("0001"), q("1 year")], "outside the years"),
         ("Add", [t("10:00"), q("1 day")], "time of day"),
        ("Add", [dt("2014"), q("1 a")], "definite"),
        ("Add", [dt("2014"), q("1 cm")], "unit of time"),
        ("Add", [1, "a"], "Integer and String"),
    ],
)  # fmt: skip
def test_errors(name: str, operands: list[Any], message: str) -> None:
    with pytest.raises(CqlRuntimeError, match=message):
        run(name, *operands)


@pytest.mark.parametrize(
    ("value", "precision", "low", "high"),
    [
        (d("1.587"), 8, d("1.58700000"), d("1.58799999")), (d("1.587"), 2, d("1.58"), d("1.59")),
        (d("-1.587"), 8, d("-1.58799999"), d("-1.58700000")),
        (d("1.587"), None, d("1.58700000"), d("1.58799999")), (d("1.587"), 9, None, None), (5, 1, d("5.0"), d("5.9")),
        (date("2014"), 6, date("2014-01"), date("2014-12")), (date("2014"), None, date("2014-01-01"), date("2014-12-31")),
        (date("2014"), 17, None, None),
        (dt("2014-02"), 8, dt("2014-02-01"), dt("2014-02-28")),
        (dt("2014-02"), None, dt("2014-02-01T00:00:00.000"), dt("2014-02-28T23:59:59.999")),
        (dt("2014-02-28T10:30"), 4, dt("2014"), dt("2014")), (dt("2014"), 5, None, None), (t("10"), 4, t("10:00"), t("10:59")),
        (t("10"), None, t("10:00:00.000"), t("10:59:59.999")), (None, 8, None, None),
    ],
)  # fmt: skip
def test_boundaries(value: Any, precision: int | None, low: Any, high: Any) -> None:
    assert run("LowBoundary", value, precision) == low
    assert run("HighBoundary", value, precision) == high


def test_limits() -> None:
    prefix = "{urn:hl7-org:elm-types:r1}"
    assert run("MaxValue", valueType=f"{prefix}Decimal") == d("99999999999999999999.99999999")
    assert run("MinValue", valueType=f"{prefix}Integer") == -(2**31)
    assert run("MaxValue", valueType=f"{prefix}Quantity") == Quantity(d("99999999999999999999.99999999"), "1")
    assert run("MinValue", valueType=f"{prefix}DateTime") == dt("0001-01-01T00:00:00.000Z")
    # 28 integer digits: the largest literal, and one more digit
    assert run("Subtract", run("Multiply", 10, Decimal(10) ** 27), d("0.00000001")) == d("9" * 28 + "." + "9" * 8)
    assert run("Add", Decimal(10) ** 28, 1) is None
    assert run("ToDecimal", "9" * 28 + "." + "9" * 8) == d("9" * 28 + "." + "9" * 8)
    assert run("Negate", d("9" * 28 + "." + "9" * 8)) == d("-" + "9" * 28 + "." + "9" * 8)


def test_no_result_has_more_than_eight_places() -> None:
    assert str(run("Exp", d("-1e20"))) == "0E-8"
    assert str(run("Multiply", d("0.50000000"), d("0.50000000"))) == "0.25000000"
    assert str(run("Multiply", d("1.5"), d("2.5"))) == "3.75"


def test_uncertainties_propagate() -> None:
    span, other = Uncertainty(16, 44), Uncertainty(4, 16)
    assert run("Add", span, other) == Uncertainty(20, 60)
    assert run("Subtract", span, other) == Uncertainty(0, 40)
    assert run("Multiply", span, -1) == Uncertainty(-44, -16)
    assert run("Subtract", 50, span) == Uncertainty(6, 34)
    assert run("Negate", other) == Uncertainty(-16, -4)


@pytest.mark.parametrize("name", ["Add", "Subtract", "Modulo", "TruncatedDivide"])
def test_quantities_whose_units_do_not_fit_give_null(name: str) -> None:
    assert run(name, q("1 cm"), q("1 kg")) is None
    assert run(name, q("1 cm"), q("1 cm2")) is None
    assert run(name, q("1 month"), q("1 d")) is None


def test_a_special_unit_cannot_be_multiplied() -> None:
    assert run("Multiply", q("1 [pH]"), q("1 m")) is None
    assert run("Divide", q("37 Cel"), q("2 min")) is None
    assert run("Multiply", q("1 foo"), q("1 m")) is None

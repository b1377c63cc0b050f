"""Comparison operators (CQL 1.5 Appendix B, "Comparison Operators")."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.build import d, date, dt, iv, q, run, t

from guideway.engine.errors import CqlRuntimeError
from guideway.engine.values import Code, Concept, Long, Ratio, TupleValue, Uncertainty, using_offset


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (1, 1, True), (1, d("1.0"), True), (Long(2), 2, True), (d("1.50"), d("1.5"), True), ("a", "A", False), (True, True, True),
        (True, 1, False), (1, "1", False), (None, 1, None), (None, None, None),
        (dt("2014-01-01"), dt("2014-01-01"), True), (dt("2014-01"), dt("2014-01-01"), None),
        (dt("2014"), dt("2015-01-01"), False),
        (date("2014-01-01"), dt("2014-01-01"), True), (date("2014-01-01"), dt("2014-01-01T10"), None),
        (dt("2014-01-01T10:00:00.000Z"), dt("2014-01-01T12:00:00.000+02:00"), True), (t("10:30"), t("10:30:00"), None),
        (q("1 m"), q("100 cm"), True), (q("1 m"), q("1 kg"), None), (q("5"), 5, True), (q("1 foo"), q("1 foo"), True),
        (q("1 foo"), q("1 bar"), None), (q("37 Cel"), q("98.6 [degF]"), True), (q("1 g/cm3"), q("1000 kg/m3"), True),
        (q("1 [IU]"), q("1 U"), None), (q("10 10*3/uL"), q("10 10*9/L"), True),
        (q("12 months"), q("1 year"), True), (q("7 days"), q("1 week"), True), (q("1 year"), q("365 days"), None),
        (q("1 year"), q("1 a"), None), (q("60 s"), q("1 minute"), True), (q("1 month"), q("1 mo"), None),
        ([1, None], [1, None], True), ([1, None], [1, 2], None), ([1, 2], [1], False), ([2, None], [1, None], False),
        (TupleValue(a=1, b=None), TupleValue(a=1, b=None), True), (TupleValue(a=None, b=2), TupleValue(a=1, b=3), None),
        (TupleValue(a=1), TupleValue(b=1), False),
        (iv(1, 10), iv(1, 11, "[)"), True), (iv(1, 10), iv(1, 9), False), (iv(1, None), iv(1, 2**31 - 1), True),
        (iv(None, 5, "(]"), iv(1, 5), None), (iv(None, 5, "(]"), iv(1, 6), False),
        (Code("a", "s"), Code("a", "s"), True), (Code("a", "s"), Code("b", "s"), False),
        (Code("a", "s", None, "x"), Code("a", "s"), None),
        (Concept([Code("a")]), Concept([Code("a")]), True), (Ratio(q("1 g"), q("2 L")), Ratio(q("1000 mg"), q("2 L")), True),
        (Uncertainty(1, 3), 4, False), (Uncertainty(1, 3), 2, None), (Uncertainty(2, 2), 2, True),
    ],
)  # fmt: skip
def test_equal_and_not_equal(left: Any, right: Any, expected: bool | None) -> None:
    assert run("Equal", left, right) is expected
    assert run("Equal", right, left) is expected
    assert run("NotEqual", left, right) is (None if expected is None else not expected)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (None, None, True), (None, 1, False), ("Ab\tc", "aB c", True), ("a  b", "a b", False), (d("1.50"), d("1.5"), True),
        (d("1.55"), d("1.5"), False), (d("1.549"), d("1.5"), True), (d("1.001"), d("1.000"), True), (1, d("1.2"), True),
        (q("1 m"), q("100.2 cm"), True), (q("1 m"), q("1 kg"), False), (q("1 year"), q("365 days"), True),
        (q("1 year"), q("1 a"), True),
        (q("1 month"), q("30 days"), True), (q("1 mo"), q("1 month"), True), (q("1 foo"), q("1 bar"), False),
        (dt("2014"), dt("2014-01"), False), (dt("2014"), dt("2014"), True), ([1, None], [1, None], True), ([1], [None], False),
        (Code("a", "s", "1", "x"), Code("a", "s", "2", "y"), True), (Code("a", "s"), Code("a", "t"), False),
        (Concept([Code("a", "s"), Code("b", "s")]), Concept([Code("b", "s")]), True),
        (Concept([Code("a", "s")]), Code("a", "s"), True), (Concept([None]), Concept([None]), True),
        (Concept([Code("a", "s"), None]), Concept([None]), True), (Concept([Code("a", "s")]), Concept([None]), False),
        (Concept([]), Concept([]), False),
        (Concept([Code("a", "s")]), Concept([Code("b", "s")]), False),
        (Ratio(q("1"), q("128")), Ratio(q("2"), q("256")), True), (Ratio(q("1 g"), q("1 L")), Ratio(q("1 mg"), q("1 mL")), True),
        (iv(1, 3), iv(1, 4, "[)"), True), (TupleValue(a=None), TupleValue(a=None), True),
        (TupleValue(a="X"), TupleValue(a="x"), True),
    ],
)  # fmt: skip
def test_equivalent_is_never_null(left: Any, right: Any, expected: bool) -> None:
    assert run("Equivalent", left, right) is expected
    assert run("Equivalent", right, left) is expected


ORDERS = [
    (1, 2, -1), (d("1.0"), 1, 0), (Long(3), 2, 1), ("a", "b", -1), ("a", "aa", -1), (q("1 g"), q("999 mg"), 1),
    (q("1 g"), q("1 m"), None),
    (q("1 month"), q("1 d"), None), (q("13 months"), q("1 year"), 1), (q("2"), 3, -1),
    (dt("2014-02"), dt("2014-02-15"), None), (dt("2014-02"), dt("2014-03-15"), -1), (dt("2014"), dt("2013-12-31"), 1),
    (t("10:00"), t("10:00"), 0), (t("10"), t("09:59:59.999"), 1), (date("2014-02-01"), dt("2014-02-01T00:00:00.000"), None),
    (Uncertainty(4, 16), 3, 1), (Uncertainty(4, 16), 5, None), (Uncertainty(4, 16), Uncertainty(17, 18), -1),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right", "order"), ORDERS)
def test_order(left: Any, right: Any, order: int | None) -> None:
    for name, wanted in (("Less", (-1,)), ("LessOrEqual", (-1, 0)), ("Greater", (1,)), ("GreaterOrEqual", (0, 1))):
        assert run(name, left, right) is (None if order is None else order in wanted), name
        assert run(name, None, right) is None


def test_uncertainties_that_touch() -> None:
    assert run("LessOrEqual", Uncertainty(4, 16), 16) is True
    assert run("Less", Uncertainty(4, 16), 16) is None
    assert run("GreaterOrEqual", Uncertainty(4, 16), 4) is True


def test_a_date_time_without_offset_counts_in_the_evaluation_zone() -> None:
    here, utc = dt("2014-01-01T10:00:00.000"), dt("2014-01-01T10:00:00.000Z")
    assert run("Equal", here, utc) is True
    with using_offset(60):
        assert run("Less", here, utc) is True
    with using_offset(-60):
        assert run("Greater", here, utc) is True
    assert run("Equal", here, utc) is True


def test_types_without_an_order_are_an_error() -> None:
    with pytest.raises(CqlRuntimeError, match="Code and Code cannot be compared"):
        run("Less", Code("a"), Code("b"))
    with pytest.raises(CqlRuntimeError, match="Integer and String"):
        run("Less", 1, "a")


@pytest.mark.parametrize(
    "kind", [lambda text: t(text), lambda text: dt(f"2014-01-01T{text}"), lambda text: dt(f"2014-01-01T{text}Z")]
)
@pytest.mark.parametrize(
    ("left", "right", "order"),
    [
        ("10:00:00", "10:00:00.000", 0),
        ("10:00:00", "10:00:00.5", -1),
        ("10:00:00.999", "10:00:00", 1),
        ("10:00", "10:00:00.5", None),
    ],
)
def test_seconds_and_milliseconds_are_one_decimal(kind: Any, left: str, right: str, order: int | None) -> None:
    first, second = kind(left), kind(right)
    assert run("Equal", first, second) is (None if order is None else order == 0)
    assert (
        run("Equal", [first], [second]) is run("Equal", TupleValue(a=first), TupleValue(a=second)) is run("Equal", first, second)
    )
    assert run("Equivalent", first, second) is (order == 0)
    for name, holds in (("Less", (-1,)), ("LessOrEqual", (-1, 0)), ("Greater", (1,)), ("GreaterOrEqual", (0, 1))):
        assert run(name, first, second) is (None if order is None else order in holds), name
    if order is not None:
        assert run("Min", [first, second]) in ((first, second) if order == 0 else (first,) if order < 0 else (second,))


@pytest.mark.parametrize("name", ["SameAs", "SameOrBefore", "Before", "SameOrAfter", "After"])
def test_timing_phrases_go_to_the_finest_precision_specified(name: str) -> None:
    assert run(name, t("10:00:00"), t("10:00:00.000")) is None
    assert run(name, dt("2014-01-01T10:00:00"), dt("2014-01-01T10:00:00.000")) is None


def test_membership_to_the_second_is_uncertain_within_it() -> None:
    assert run("Contains", [t("10:00:00.000")], t("10:00:00")) is None
    assert run("In", t("10:00:00"), iv(t("10:00:00.000"), t("11:00:00.000"))) is None
    many = [t(f"10:00:{second:02}") for second in range(10)]
    exact = [t(f"10:00:{second:02}.000") for second in range(10)]
    assert run("Includes", many, exact) is None

"""Intervals (CQL 1.5 Appendix B, "Interval Operators"; ELM on null bounds)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.build import d, date, dt, iv, q, run, t

from guideway.engine.errors import CqlRuntimeError
from guideway.engine.operators.interval import shown
from guideway.engine.values import Interval, Uncertainty

LARGE = 2**31 - 1


def test_the_selector_refuses_intervals_that_end_before_they_start() -> None:
    for operands in ([5, 3], [5, 5, True, False], [5, 6, False, False], [dt("2014"), dt("2013")], [q("1 m"), q("5 cm")]):
        with pytest.raises(CqlRuntimeError, match="cannot end"):
            run("Interval", *operands)
    assert run("Interval", 1, 3) == Interval(1, 3, True, True, "Integer")
    assert run("Interval", None, d("2.0"), False) == Interval(None, d("2.0"), False, True, "Decimal")
    assert run("Interval", dt("2014"), dt("2014-03")) == Interval(dt("2014"), dt("2014-03"), True, True, "DateTime")


@pytest.mark.parametrize(
    ("interval", "start", "end"),
    [
        (iv(1, 10), 1, 10), (iv(1, 10, "()"), 2, 9), (iv(None, 5), -(2**31), 5), (iv(None, 5, "(]"), None, 5),
        (iv(5, None), 5, LARGE),
        (iv(d("1.0"), d("2.0"), "()"), d("1.00000001"), d("1.99999999")),
        (iv(date("2014-01"), date("2014-03"), "[)"), date("2014-01"), date("2014-02")),
        (iv(None, None), None, None), (iv(None, None, "[]", "Time"), t("00:00:00.000"), t("23:59:59.999")), (None, None, None),
        (iv(q("1 g"), None), q("1 g"), q("99999999999999999999.99999999 g")),
    ],
)  # fmt: skip
def test_start_and_end(interval: Any, start: Any, end: Any) -> None:
    assert (run("Start", interval), run("End", interval)) == (start, end)


UNKNOWN_END = iv(5, None, "[)")

TIMING = [
    ("Before", iv(1, 3), iv(5, 9), True), ("Before", iv(1, 5), iv(5, 9), False), ("Before", iv(1, 5, "[)"), iv(5, 9), True),
    ("Before", 4, iv(5, 9), True),
    ("Before", UNKNOWN_END, iv(4, 9), False), ("Before", UNKNOWN_END, iv(7, 9), None), ("After", iv(5, 9), iv(1, 3), True),
    ("After", iv(7, 9), UNKNOWN_END, None),
    ("After", iv(1, 3), UNKNOWN_END, False), ("SameOrBefore", iv(1, 5), iv(5, 9), True),
    ("SameOrAfter", iv(5, 9), iv(1, 5), True),
    ("SameAs", iv(1, 5), iv(1, 6, "[)"), True), ("Includes", iv(1, 9), iv(2, 9), True), ("Includes", iv(1, 9), iv(2, 10), False),
    ("Includes", iv(1, 9), 9, True), ("Includes", iv(1, None), iv(2, 100), True),
    ("Includes", iv(1, None, "[)"), iv(2, 100), None),
    ("Includes", iv(1, None, "[)"), iv(0, 100), False), ("IncludedIn", iv(2, 3), iv(1, 9), True),
    ("ProperIncludes", iv(1, 9), iv(1, 9), False),
    ("ProperIncludes", iv(1, 9), iv(1, 8), True), ("ProperIncludedIn", iv(1, 8), iv(1, 9), True),
    ("ProperContains", iv(1, 9), 9, False),
    ("ProperContains", iv(1, 9), 8, True), ("ProperIn", 1, iv(1, 9), False), ("Overlaps", iv(1, 5), iv(5, 9), True),
    ("Overlaps", iv(1, 5, "[)"), iv(5, 9), False),
    ("Overlaps", iv(1, 5), UNKNOWN_END, True), ("Overlaps", iv(6, 7), UNKNOWN_END, None),
    ("OverlapsBefore", iv(1, 5), iv(5, 9), True),
    ("OverlapsBefore", iv(5, 9), iv(5, 9), False), ("OverlapsAfter", iv(5, 9), iv(1, 5), True),
    ("OverlapsAfter", iv(5, 9), iv(1, 9), False),
    ("Meets", iv(1, 4), iv(5, 9), True), ("Meets", iv(5, 9), iv(1, 4), True), ("Meets", iv(1, 5), iv(5, 9), False),
    ("Meets", iv(1, 5, "[)"), iv(5, 9), True),
    ("MeetsBefore", iv(1, 4), iv(5, 9), True), ("MeetsAfter", iv(1, 4), iv(5, 9), False),
    ("MeetsBefore", iv(1, LARGE), iv(5, 9), False),
    ("Meets", iv(d("1.0"), d("2.0")), iv(d("2.00000001"), d("3.0")), True), ("Starts", iv(1, 4), iv(1, 9), True),
    ("Starts", iv(1, 9), iv(1, 4), False),
    ("Ends", iv(5, 9), iv(1, 9), True), ("Ends", iv(1, 9), iv(5, 9), False), ("Overlaps", None, iv(1, 2), None),
    ("Starts", iv(1, 2), None, None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "left", "right", "expected"), TIMING)
def test_timing(name: str, left: Any, right: Any, expected: bool | None) -> None:
    assert run(name, left, right) is expected


DAY_1 = iv(dt("2014-01-01T10:00:00.000"), dt("2014-01-05T18:00:00.000"))
DAY_5 = iv(dt("2014-01-05T20:00:00.000"), dt("2014-01-09T08:00:00.000"))
DAY_6 = iv(dt("2014-01-06T20:00:00.000"), dt("2014-01-09T08:00:00.000"))


@pytest.mark.parametrize(
    ("name", "left", "right", "precision", "expected"),
    [
        ("Overlaps", DAY_1, DAY_5, None, False), ("Overlaps", DAY_1, DAY_5, "Day", True), ("Meets", DAY_1, DAY_6, None, False),
        ("Meets", DAY_1, DAY_6, "Day", True),
        ("Before", DAY_1, DAY_5, "Day", False), ("SameOrBefore", DAY_1, DAY_5, "Day", True),
        ("Contains", DAY_1, dt("2014-01-05T23:00:00.000"), "Day", True),
        ("Contains", DAY_1, dt("2014-01-05T23:00:00.000"), None, False), ("Contains", DAY_1, dt("2014-01-05"), None, None),
        ("In", dt("2014-01-05"), DAY_1, "Day", True),
        ("Starts", DAY_5, iv(dt("2014-01-05T01:00:00.000"), dt("2014-01-20T01:00:00.000")), "Day", True),
        ("ProperContains", DAY_1, dt("2014-01-01T12:00:00.000"), "Day", False),
    ],
)  # fmt: skip
def test_timing_at_a_precision(name: str, left: Any, right: Any, precision: str | None, expected: bool | None) -> None:
    assert run(name, left, right, precision=precision) is expected


@pytest.mark.parametrize(
    ("collection", "element", "expected"),
    [
        (None, 1, False), (iv(1, 5), None, None), (iv(1, 5, "[)"), 5, False), (iv(1, 5, "(]"), 1, False),
        (iv(None, 5), -7, True), (iv(None, 5, "(]"), -7, None),
        (iv(None, 5, "(]"), 6, False), (iv(None, None, "[]", "Integer"), 3, True),
        (iv(q("1 g"), q("2 g"), "[)"), q("1999.9 mg"), True),
        (iv(d("1"), d("2"), "[)"), d("1.999999999"), True), ([1, 2], 2, True), ([1, None], None, True), ([1, None], 2, False),
        ([dt("2014")], dt("2014-01-01"), None), ([dt("2014"), dt("2014-01-01")], dt("2014-01-01"), True), ([], 1, False),
    ],
)  # fmt: skip
def test_contains_and_in(collection: Any, element: Any, expected: bool | None) -> None:
    assert run("Contains", collection, element) is expected
    assert run("In", element, collection) is expected


@pytest.mark.parametrize(
    ("name", "left", "right", "expected"),
    [
        ("Union", iv(1, 5), iv(4, 9), iv(1, 9)), ("Union", iv(1, 5), iv(6, 9), iv(1, 9)), ("Union", iv(1, 5), iv(7, 9), None),
        ("Union", iv(1, 5), None, None),
        ("Union", iv(1, 9, "()"), iv(3, 20, "[)"), iv(2, 19)), ("Union", iv(1, None), iv(0, 3), iv(0, LARGE)),
        ("Intersect", iv(1, 5), iv(4, 9), iv(4, 5)), ("Intersect", iv(1, 5), iv(6, 9), None),
        ("Intersect", iv(1, 9), iv(3, 4), iv(3, 4)),
        ("Intersect", iv(1, 10), UNKNOWN_END, iv(5, Uncertainty(5, 10))), ("Intersect", iv(1, 10), None, None),
        ("Except", iv(1, 9), iv(5, 12), iv(1, 4)), ("Except", iv(1, 9), iv(0, 5), iv(6, 9)), ("Except", iv(1, 9), iv(3, 5), None),
        ("Except", iv(1, 9), iv(0, 12), None), ("Except", iv(1, 9), iv(20, 30), iv(1, 9)), ("Except", iv(1, 9), iv(1, 9), None),
        ("Except", iv(1, 9, "[)"), iv(5, 8), iv(1, 4)),
        (
            "Except", iv(dt("2014-01-01"), dt("2014-01-09")), iv(dt("2014-01-05"), dt("2014-02-01")),
            iv(dt("2014-01-01"), dt("2014-01-04")),
        ),
    ],
)  # fmt: skip
def test_set_operations(name: str, left: Any, right: Any, expected: Any) -> None:
    result = run(name, left, right)
    if expected is None:
        assert result is None
    else:
        assert (result.low, result.high, result.low_closed, result.high_closed) == (expected.low, expected.high, True, True)


def test_width_size_and_point() -> None:
    assert run("Width", iv(1, 10, "[)")) == 8
    assert run("Size", iv(1, 10)) == 10
    assert run("Size", iv(d("1.0"), d("2.0"))) == d("1.00000001")
    assert run("Size", iv(q("1.0 g"), q("2.0 g"))) == q("1.00000001 g")
    for name in ("Width", "Size"):
        assert run(name, UNKNOWN_END) is None
        assert run(name, iv(None, 5, "(]")) is None
    assert run("Width", iv(5, None)) == LARGE - 5
    assert run("PointFrom", iv(4, 5, "[)")) == 4
    assert run("PointFrom", None) is None
    for name, interval in (("PointFrom", iv(1, 2)), ("Width", iv(date("2014"), date("2015"))), ("Size", iv(None, t("10:00")))):
        with pytest.raises(CqlRuntimeError, match="interval"):
            run(name, interval)


def test_what_results_show_of_uncertainty() -> None:
    assert shown(Uncertainty(4, 16)) == Interval(4, 16, True, True, "Integer")
    assert shown(iv(5, Uncertainty(5, 10))) == iv(5, None, "[)")
    assert shown(3) == 3


@pytest.mark.parametrize(
    ("intervals", "per", "expected"),
    [
        ([iv(1, 3), iv(10, 12), iv(4, 5)], None, [(1, 5), (10, 12)]), ([iv(1, 3), None, iv(2, 8)], None, [(1, 8)]),
        ([], None, []), ([iv(1, 20), iv(3, 5)], None, [(1, 20)]),
        ([iv(1, 3), iv(6, 8)], q("3"), [(1, 8)]), ([iv(1, 3), iv(6, 8)], q("2"), [(1, 3), (6, 8)]),
        (
            [iv(dt("2014-01-01T10:00"), dt("2014-01-03T10:00")), iv(dt("2014-01-04T10:00"), dt("2014-01-05T10:00"))],
            q("1 day"), [(dt("2014-01-01T10:00"), dt("2014-01-05T10:00"))],
        ),
        (
            [iv(dt("2014-01-01T10:00"), dt("2014-01-03T10:00")), iv(dt("2014-01-04"), dt("2014-01-05"))], None,
            [(dt("2014-01-01T10:00"), dt("2014-01-05"))],
        ),
        (
            [iv(date("2014-01-01"), date("2014-01-03")), iv(date("2014-01-05"), date("2014-01-08"))], None,
            [(date("2014-01-01"), date("2014-01-03")), (date("2014-01-05"), date("2014-01-08"))],
        ),
        (
            [iv(date("2014-01-01"), date("2014-01-03")), iv(date("2014-01-05"), date("2014-01-08"))], q("2 days"),
            [(date("2014-01-01"), date("2014-01-08"))],
        ),
        ([iv(q("1 g"), q("2 g")), iv(q("2001 mg"), q("3000 mg"))], q("1 mg"), [(q("1 g"), q("3000 mg"))]),
    ],
)  # fmt: skip
def test_collapse(intervals: list[Any], per: Any, expected: list[Any]) -> None:
    assert [(interval.low, interval.high) for interval in run("Collapse", intervals, per)] == expected


@pytest.mark.parametrize(
    ("source", "per", "expected"),
    [
        ([iv(1, 3)], None, [(1, 1), (2, 2), (3, 3)]), ([iv(1, 5)], q("2"), [(1, 2), (3, 4)]),
        ([iv(1, 2), iv(2, 3)], None, [(1, 1), (2, 2), (3, 3)]),
        ([iv(d("1.0"), d("1.2"))], None, [(d("1.0"), d("1.0")), (d("1.1"), d("1.1")), (d("1.2"), d("1.2"))]),
        ([iv(d("1.5"), d("3.5"))], q("1"), [(d("1"), d("1")), (d("2"), d("2")), (d("3"), d("3"))]),
        ([iv(q("1 g"), q("2 g"))], q("500 mg"), [(q("1000 mg"), q("1499 mg")), (q("1500 mg"), q("1999 mg"))]),
        (
            [iv(date("2014-01-30"), date("2014-02-02"))], q("1 month"),
            [(date("2014-01"), date("2014-01")), (date("2014-02"), date("2014-02"))],
        ),
        (
            [iv(date("2014-01-01"), date("2014-01-20"))], q("1 week"),
            [(date("2014-01-01"), date("2014-01-07")), (date("2014-01-08"), date("2014-01-14"))],
        ),
        ([iv(date("2014-01-01"), date("2014-01-02"))], q("1 hour"), []),
        ([iv(date("9999-12-31"), date("9999-12-31"))], None, [(date("9999-12-31"),) * 2]),
    ],
)  # fmt: skip
def test_expand(source: list[Any], per: Any, expected: list[Any]) -> None:
    assert [(interval.low, interval.high) for interval in run("Expand", source, per)] == expected
    if len(source) == 1:
        assert run("Expand", source[0], per) == [low for low, _ in expected]


def test_expand_leaves_out_what_has_no_end() -> None:
    for interval in (iv(1, None, "[)"), iv(1, None), iv(None, 5, "(]"), iv(None, 5)):
        assert run("Expand", interval, None) == []
        assert [piece.low for piece in run("Expand", [interval, iv(1, 1), None], q("1"))] == [1]
    assert run("Expand", [iv(None, 5)], None) == []


def test_expand_refuses_what_cannot_be_cut_up() -> None:
    with pytest.raises(CqlRuntimeError, match="more than"):
        run("Expand", iv(1, 2_000_000), None)
    with pytest.raises(CqlRuntimeError, match="divided by"):
        run("Expand", iv(1, 5), q("0"))
    with pytest.raises(CqlRuntimeError, match="unit of time"):
        run("Expand", iv(date("2014-01-01"), date("2014-01-02")), q("1 g"))

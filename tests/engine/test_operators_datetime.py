"""Dates and times (CQL 1.5 Appendix B, "Date and Time Operators"; §5.6 on uncertainty)."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from tests.engine.build import d, date, dt, q, run, t

from guideway.engine.errors import CqlRuntimeError
from guideway.engine.operators import OPERATORS
from guideway.engine.values import Uncertainty, using_offset


@pytest.mark.parametrize(
    ("value", "amount", "expected"),
    [
        (dt("2012-02-29"), "1 year", dt("2013-02-28")), (dt("2012-01-31"), "1 month", dt("2012-02-29")),
        (dt("2012-01-31T10:00"), "1 month", dt("2012-02-29T10:00")),
        (date("2014-12-31"), "1 day", date("2015-01-01")), (date("2014"), "11 months", date("2014")),
        (date("2014"), "-13 months", date("2013")),
        (date("2014-03"), "59 days", date("2014-04")), (date("2014"), "364 days", date("2014")),
        (date("2014-03-01"), "2 weeks", date("2014-03-15")),
        (dt("2014-03-01"), "47 hours", dt("2014-03-02")), (dt("2014-03-01T10"), "90 minutes", dt("2014-03-01T11")),
        (dt("2014-03-01T10"), "-90 minutes", dt("2014-03-01T09")),
        (dt("2014-03-01T10:00:00"), "1.5 seconds", dt("2014-03-01T10:00:01")),
        (dt("2014-03-01T10:00:00.000"), "1.5 seconds", dt("2014-03-01T10:00:01.500")),
        (dt("2014-03-01"), "1.9 days", dt("2014-03-02")), (dt("2014-03-01T10:00"), "1 h", dt("2014-03-01T11:00")),
        (dt("2014-03-01"), "1 wk", dt("2014-03-08")),
        (t("10:30"), "45 minutes", t("11:15")), (t("10"), "59 minutes", t("10")),
        (dt("2014-01-01T00:00+02:00"), "1 hour", dt("2014-01-01T01:00+02:00")),
    ],
)  # fmt: skip
def test_moving(value: Any, amount: str, expected: Any) -> None:
    quantity = q(amount)
    assert run("Add", value, quantity) == expected
    assert run("Subtract", value, q(f"{-quantity.value} {quantity.unit}")) == expected


@pytest.mark.parametrize(
    ("left", "right", "unit", "duration", "difference"),
    [
        (date("2014-01-31"), date("2014-03-01"), "Month", 1, 2), (date("2012-02-29"), date("2013-02-28"), "Year", 1, 1),
        (date("2012-02-29"), date("2013-02-27"), "Year", 0, 1), (date("2014-01-31"), date("2014-02-28"), "Month", 1, 1),
        (date("2014-01-31"), date("2014-02-27"), "Month", 0, 1), (date("2014-01-31"), date("2014-04-29"), "Month", 2, 3),
        (date("2014-01-31"), date("2014-04-30"), "Month", 3, 3), (date("2013-02-28"), date("2012-02-29"), "Year", 0, -1),
        (dt("2012-02-29T10:18:56.000"), dt("2014-02-28T19:02:34.000"), "Year", 2, 2),
        (dt("2012-02-29T10:18:56.000"), dt("2014-02-28T09:02:34.000"), "Year", 1, 2),
        (date("2014-01-01"), date("2014-01-15"), "Week", 2, 2),
        (date("2014-01-04"), date("2014-01-05"), "Week", 0, 1), (date("2014-01-10"), date("2014-01-01"), "Day", -9, -9),
        (date("2014"), date("2015"), "Year", Uncertainty(0, 1), 1),
        (date("2014"), date("2016-06-15"), "Year", Uncertainty(1, 2), 2),
        (dt("2014-01-01T23:00:00.000"), dt("2014-01-02T01:00:00.000"), "Day", 0, 1),
        (dt("2014-01-01T10:00"), dt("2014-01-01T12:00"), "Hour", Uncertainty(1, 2), 2),
        (t("10:00:00.000"), t("11:59:59.999"), "Hour", 1, 1),
        (t("10:59"), t("11:01"), "Hour", 0, 1), (dt("2014-06"), dt("2015-03-10"), "Month", Uncertainty(8, 9), 9),
        (dt("2014"), dt("2014-08"), "Month", Uncertainty(-4, 7), Uncertainty(-4, 7)),
        (dt("2014-01-01T00:00:00.000Z"), dt("2014-01-01T00:00:00.000+01:00"), "Hour", -1, -1),
        (dt("2014-01-01T23:30:00.000Z"), dt("2014-01-02T00:30:00.000+01:00"), "Day", 0, 1),
        (None, date("2014"), "Year", None, None),
    ],
)  # fmt: skip
def test_duration_and_difference(left: Any, right: Any, unit: str, duration: Any, difference: Any) -> None:
    assert run("DurationBetween", left, right, precision=unit) == duration
    assert run("DifferenceBetween", left, right, precision=unit) == difference


@pytest.mark.parametrize(
    ("left", "right", "precision", "same"),
    [
        (dt("2014-01-05"), dt("2014-01-20"), "Month", True), (dt("2014-01"), dt("2014-01"), "Day", None),
        (dt("2014-01"), dt("2014-02-03"), "Day", False),
        (dt("2014-01-01T23:00:00.000-05:00"), dt("2014-01-02T04:00:00.000Z"), "Day", False),
        (dt("2014-01-01T23:00:00.000-05:00"), dt("2014-01-02T04:00:00.000Z"), "Hour", True),
        (t("10:30:15"), t("10:30"), "Minute", True), (t("10:30:15"), t("10:30"), "Second", None),
        (date("2014-01-01"), dt("2014-01-01T10:00"), "Day", True),
    ],
)  # fmt: skip
def test_same_to_a_precision(left: Any, right: Any, precision: str, same: bool | None) -> None:
    assert run("SameAs", left, right, precision=precision) is same
    assert run("SameAs", right, left, precision=precision) is same


def test_half_hour_offsets_make_an_hour_uncertain() -> None:
    assert run("Equal", dt("2014-01-01T10+00:00"), dt("2014-01-01T10+00:30")) is None
    assert run("Equal", dt("2014-01-01T10+00:00"), dt("2014-01-01T11+01:00")) is True


def test_components_and_parts() -> None:
    value = dt("2014-03-05T10:30:15.250+05:30")
    parts = [
        run("DateTimeComponentFrom", value, precision=name)
        for name in ("Year", "Month", "Day", "Hour", "Minute", "Second", "Millisecond")
    ]
    assert parts == [2014, 3, 5, 10, 30, 15, 250]
    assert run("TimezoneOffsetFrom", value) == d("5.5")
    assert run("DateFrom", value) == date("2014-03-05")
    assert run("DateFrom", dt("2014")) == date("2014")
    assert run("TimeFrom", value) == t("10:30:15.250")
    with using_offset(330):
        assert run("TimezoneOffsetFrom", dt("2014-01-01T10:00")) == d("5.5")
    assert run("TimeFrom", dt("2014-03-05")) is None


def test_constructors() -> None:
    assert run("DateTime", 2014, 3, 5, 10, 30, 15, 250, d("-7.5")) == dt("2014-03-05T10:30:15.250-07:30")
    assert run("DateTime", 2014) == dt("2014")
    assert run("DateTime", None) is None
    assert run("Date", 2014, 3) == date("2014-03")
    assert run("Time", 10, 30) == t("10:30")


@pytest.mark.parametrize(
    ("name", "operands", "keywords", "message"),
    [
        ("DateTime", [2014, 13], {}, "month"), ("DateTime", [2014, None, 3], {}, "coarser"),
        ("DateTime", [0, 1, 1], {}, "no such"),
        ("DateTime", [2014, 1, 1, 0, 0, 0, 0, Decimal(15)], {}, "offset"), ("Date", [2014, 2, 30], {}, "no such date"),
        ("Time", [25], {}, "time of day"),
        ("DateTimeComponentFrom", [dt("2014")], {"precision": "Week"}, "Week"),
        ("DateTimeComponentFrom", [date("2014")], {"precision": "Hour"}, "no hour"),
        ("DurationBetween", [t("10:00"), t("11:00")], {"precision": "Day"}, "days cannot be counted"),
        ("SameAs", [t("10:00"), t("11:00")], {"precision": "Day"}, "times cannot"),
        (
            "DurationBetween", [date("2014-01-01"), date("2014-01-02")], {"precision": "Hour"},
            "hours cannot be counted between dates",
        ),
        ("SameAs", [date("2014"), date("2014")], {"precision": "Week"}, "Week"),
    ],
)  # fmt: skip
def test_errors(name: str, operands: list[Any], keywords: dict[str, str], message: str) -> None:
    with pytest.raises(CqlRuntimeError, match=message):
        run(name, *operands, **keywords)


def test_now_comes_from_the_context() -> None:
    context = SimpleNamespace(now=dt("2024-05-06T07:08:09.010+02:00"))
    assert OPERATORS["Now"].function(context) == context.now
    assert OPERATORS["Today"].function(context) == date("2024-05-06")
    assert OPERATORS["TimeOfDay"].function(context) == t("07:08:09.010")
    age = OPERATORS["CalculateAge"].function
    assert age(context, date("2000-05-07"), precision="Year") == 23
    assert age(context, date("2000-05-06"), precision="Year") == 24
    assert age(context, date("2000"), precision="Year") == Uncertainty(23, 24)
    assert run("CalculateAgeAt", date("2000-05-07"), dt("2024-05-07T00:30:00.000"), precision="Year") == 24

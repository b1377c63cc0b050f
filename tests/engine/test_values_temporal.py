"""Dates and times as values: reading, writing, components (CQL 1.5 §2.3.1)."""

from __future__ import annotations

import pickle

import pytest
from tests.engine.build import date, dt, t

from guideway.engine.values import Date, DateTime, Time
from guideway.engine.values.temporal import DAY, HOUR, MILLISECOND, MINUTE, MONTH, SECOND, YEAR


@pytest.mark.parametrize(
    ("text", "precision", "written"),
    [
        ("2014", YEAR, "2014"),
        ("2014-02", MONTH, "2014-02"),
        ("2014-02-28", DAY, "2014-02-28"),
        ("2014-02-28T", DAY, "2014-02-28"),
        ("2014-02-28T10", HOUR, "2014-02-28T10"),
        ("2014-02-28T10:30", MINUTE, "2014-02-28T10:30"),
        ("2014-02-28T10:30:05", SECOND, "2014-02-28T10:30:05"),
        ("2014-02-28T10:30:05.5", MILLISECOND, "2014-02-28T10:30:05.500"),
        ("2014-02-28T10:30:05.123456", MILLISECOND, "2014-02-28T10:30:05.123"),
        ("2014-02-28T10:30:05.123Z", MILLISECOND, "2014-02-28T10:30:05.123Z"),
        ("2014-02-28T10:30-05:45", MINUTE, "2014-02-28T10:30-05:45"),
        ("0001-01-01", DAY, "0001-01-01"),
        ("9999-12-31T23:59:59.999", MILLISECOND, "9999-12-31T23:59:59.999"),
    ],
)
def test_a_date_time_is_read_at_its_precision_and_written_back(text: str, precision: int, written: str) -> None:
    value = dt(text)
    assert value.precision == precision
    assert str(value) == written
    assert dt(str(value)) == value
    assert pickle.loads(pickle.dumps(value)) == value


@pytest.mark.parametrize(
    "text",
    ["", "14", "2014-13", "2014-02-30", "2014-2-3", "2014-02-28T24", "2014-02-28T10:60", "2014/02/28", "2014-02-28 10:00",
     "2014-02-28T10:00+15:00", "2014-02-28T10:00+05:61", "0000-01-01", "2014-02-28T10:00:00.", "٢٠١٤"],
)  # fmt: skip
def test_what_is_no_date_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        dt(text)


@pytest.mark.parametrize("text", ["24:00", "10:60", "1:00", "10:00Z", "T10:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        t(text)


def test_components_are_none_where_not_specified() -> None:
    value = dt("2014-03-05T10:30")
    assert (value.year, value.month, value.day) == (2014, 3, 5)
    assert (value.hour, value.minute, value.second, value.millisecond) == (10, 30, None, None)
    assert (date("2014").month, date("2014-03").day) == (None, None)
    assert (t("10").minute, t("10:05:07.009").millisecond) == (None, 9)


def test_the_last_tick_ends_the_period() -> None:
    assert DateTime(dt("2016-02").last, MILLISECOND) == dt("2016-02-29T23:59:59.999")
    assert DateTime(dt("2015").last, MILLISECOND) == dt("2015-12-31T23:59:59.999")
    assert DateTime(dt("2015-12").last, MILLISECOND) == dt("2015-12-31T23:59:59.999")
    assert Time(t("10:30").last, MILLISECOND) == t("10:30:59.999")


def test_a_gap_between_components_is_refused() -> None:
    with pytest.raises(ValueError, match="coarser"):
        DateTime.of(2014, None, 3)
    with pytest.raises(ValueError, match="coarser"):
        Time.of(10, None, 3)
    with pytest.raises(ValueError, match="coarser"):
        Date.of(2014, None, 3)

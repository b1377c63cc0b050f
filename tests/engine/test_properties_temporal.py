"""Dates and times of any precision against a brute-force model: all the days that a value may stand for."""

from __future__ import annotations

from calendar import monthrange
from datetime import date as day_of
from datetime import timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.engine.build import d, run

from guideway.engine.errors import CqlRuntimeError
from guideway.engine.values import Date, DateTime, Quantity, Uncertainty, using_offset
from guideway.engine.values.temporal import DAY, MILLISECOND, PRECISION_NAMES, SECOND, TICKS

NEAR = st.dates(day_of(2015, 11, 1), day_of(2017, 3, 1))
DAYS = st.dates(day_of(2000, 1, 1), day_of(2020, 12, 31))


@st.composite
def dates(draw: st.DrawFn, among: st.SearchStrategy[day_of] = DAYS) -> Date:
    found = draw(among)
    precision = draw(st.integers(1, 3))
    return Date.of(*(found.year, found.month, found.day)[:precision])


@st.composite
def datetimes(draw: st.DrawFn, full: bool = False) -> DateTime:
    found = draw(DAYS)
    parts = (
        found.year,
        found.month,
        found.day,
        draw(st.integers(0, 23)),
        draw(st.integers(0, 59)),
        draw(st.integers(0, 59)),
        draw(st.integers(0, 999)),
    )
    count = 7 if full else draw(st.integers(1, 7))
    offset = draw(st.sampled_from((0, 60, -300, 330) if full else (None, 0, 60, -300, 330))) if count > 3 else None
    return DateTime.of(*parts[:count], *[None] * (7 - count), offset)


def days(value: Date) -> list[day_of]:
    """All days a date may stand for."""
    first = day_of(value.year, value.month or 1, value.day or 1)
    result = []
    while (first.year, value.month and first.month, value.day and first.day) == (value.year, value.month, value.day):
        result.append(first)
        first += timedelta(1)
    return result


@given(dates(NEAR), dates(NEAR))
@settings(max_examples=150)
def test_comparison_is_what_all_possible_days_agree_on(left: Date, right: Date) -> None:
    """With one exception that CQL makes: two values of one precision that look the same are equal."""
    pairs = {(a > b) - (a < b) for a in (days(left)[0], days(left)[-1]) for b in (days(right)[0], days(right)[-1])}
    alike = left == right
    order = 0 if alike else pairs.pop() if len(pairs) == 1 else None
    assert run("Less", left, right) is (None if order is None else order < 0)
    assert run("GreaterOrEqual", left, right) is (None if order is None else order >= 0)
    assert run("Equal", left, right) is (None if order is None else order == 0)
    assert run("Equivalent", left, right) is (order == 0)


def months_later(day: day_of, months: int) -> day_of:
    """A day that the month does not have is its last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return day_of(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def months_between(first: day_of, second: day_of) -> int:
    """Whole months, counted one by one."""
    count = 0
    while first <= second and months_later(first, count + 1) <= second:
        count += 1
    while first >= second and months_later(first, count - 1) >= second:
        count -= 1
    return count


@example(Date.of(2000), Date.of(2004, 2, 29), "Month")
@example(Date.of(2004, 2, 29), Date.of(2004, 1, 31), "Month")
@given(dates(), dates(), st.sampled_from(("Year", "Month", "Week", "Day")))
@settings(max_examples=150)
def test_duration_is_the_range_over_all_possible_days(left: Date, right: Date, unit: str) -> None:
    def whole(a: day_of, b: day_of) -> int:
        if unit in ("Week", "Day"):
            return int((b - a).days / (7 if unit == "Week" else 1))
        return int(months_between(a, b) / (12 if unit == "Year" else 1))

    found = [whole(a, b) for a in (days(left)[0], days(left)[-1]) for b in (days(right)[0], days(right)[-1])]
    expected = min(found) if min(found) == max(found) else Uncertainty(min(found), max(found))
    assert run("DurationBetween", left, right, precision=unit) == expected


@example(DateTime.of(2000, 1, 1, 7, 0, 0), DateTime.of(2000, 1, 1, 7, 0, 0, 0))
@given(datetimes(), datetimes())
@settings(max_examples=200)
def test_order_of_date_times_is_consistent(left: DateTime, right: DateTime) -> None:
    less, greater, equal = run("Less", left, right), run("Greater", left, right), run("Equal", left, right)
    assert run("Greater", right, left) is less
    assert run("Equal", right, left) is equal
    if None in (less, greater, equal):
        assert {less, greater, equal} == {None}
    else:
        assert [less, greater, equal].count(True) == 1
    after = run("After", left, right)  # to timing phrases a time to the second is uncertain within it
    assert after is greater or (after is None and {left.precision, right.precision} == {SECOND, MILLISECOND})
    assert run("SameOrBefore", left, right) is (None if after is None else not after)
    # To a coarser precision an order can vanish but not turn round.
    for precision in PRECISION_NAMES[3:]:
        before = run("Before", left, right, precision=precision)
        assert not (before is True and greater is True)


@given(datetimes(full=True), datetimes(full=True), st.sampled_from((0, 120, -300)))
def test_full_date_times_compare_as_instants_in_every_zone(left: DateTime, right: DateTime, offset: int) -> None:
    assert left.offset is not None
    assert right.offset is not None
    one, two = left.ticks - left.offset * 60_000, right.ticks - right.offset * 60_000
    with using_offset(offset):
        assert run("Less", left, right) is (one < two)
        assert run("Equal", left, right) is (one == two)
        assert run("DurationBetween", left, right, precision="Millisecond") == two - one
        there = DateTime(one + offset * 60_000, left.precision, None)
        assert run("Equal", left, there) is True


@given(
    datetimes(),
    st.integers(-400, 400),
    st.sampled_from(("year", "month", "week", "day", "hour", "minute", "second", "millisecond")),
)
@settings(max_examples=200)
def test_moving_keeps_precision_and_offset_and_can_be_undone(value: DateTime, count: int, unit: str) -> None:
    try:
        moved = run("Add", value, Quantity(d(str(count)), unit))
    except CqlRuntimeError:
        return
    assert (moved.precision, moved.offset) == (value.precision, value.offset)
    back = run("Subtract", moved, Quantity(d(str(count)), unit))
    if unit in ("year", "month") and value.precision >= DAY:
        # The end of a short month is where days are lost.
        assert back.ticks <= value.ticks
        assert value.ticks - back.ticks <= 3 * TICKS[DAY]
    else:
        assert back == value


@given(datetimes())
def test_text_comes_back(value: DateTime) -> None:
    assert DateTime.parse(str(value)) == value
    assert run("ToDateTime", run("ToString", value)) == value


@given(datetimes())
def test_successor_and_predecessor_are_inverse_and_boundaries_enclose(value: DateTime) -> None:
    assert run("Predecessor", run("Successor", value)) == value
    assert run("Less", value, run("Successor", value)) is True
    low, high = run("LowBoundary", value, None), run("HighBoundary", value, None)
    assert low.ticks == value.ticks
    assert high.ticks == value.last
    assert run("SameAs", low, value, precision=PRECISION_NAMES[value.precision]) is True

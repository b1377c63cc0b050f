"""Interval algebra against a brute-force model: an interval of small integers is the set of its points."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.build import d, run

from guideway.engine.operators.points import lower, upper
from guideway.engine.values import Date, Interval, Quantity
from guideway.engine.values.temporal import DAY, DAY_TICKS

BASE = Date.of(2016, 2, 25).ticks


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    """A valid interval of points 0 to 15, open and closed in all ways."""
    low = draw(st.integers(0, 15))
    high = draw(st.integers(low, 15))
    low_open, high_open = draw(st.booleans()), draw(st.booleans())
    return Interval(low - low_open, high + high_open, not low_open, not high_open, "Integer")


def points(interval: Any) -> frozenset[int]:
    return frozenset() if interval is None else frozenset(range(lower(interval), upper(interval) + 1))


def whole(found: frozenset[int]) -> bool:
    """Whether a set of points has no gaps (and is one interval)."""
    return bool(found) and len(found) == max(found) - min(found) + 1


def as_dates(interval: Interval) -> Interval:
    low, high = (Date(BASE + bound * DAY_TICKS, DAY) for bound in (interval.low, interval.high))
    return Interval(low, high, interval.low_closed, interval.high_closed, "Date")


def as_quantities(interval: Interval) -> Interval:
    """The same interval in steps of the smallest quantity."""
    low, high = (Quantity(d(bound) * d("0.00000001"), "g") for bound in (interval.low, interval.high))
    return Interval(low, high, interval.low_closed, interval.high_closed, "Quantity")


RELATIONS = {
    "Before": lambda a, b: max(a) < min(b),
    "After": lambda a, b: min(a) > max(b),
    "SameOrBefore": lambda a, b: max(a) <= min(b),
    "SameOrAfter": lambda a, b: min(a) >= max(b),
    "SameAs": lambda a, b: a == b,
    "Equal": lambda a, b: a == b,
    "Equivalent": lambda a, b: a == b,
    "Includes": lambda a, b: a >= b,
    "IncludedIn": lambda a, b: a <= b,
    "ProperIncludes": lambda a, b: a > b,
    "ProperIncludedIn": lambda a, b: a < b,
    "Overlaps": lambda a, b: bool(a & b),
    "OverlapsBefore": lambda a, b: bool(a & b) and min(a) < min(b),
    "OverlapsAfter": lambda a, b: bool(a & b) and max(a) > max(b),
    "Meets": lambda a, b: max(a) + 1 == min(b) or max(b) + 1 == min(a),
    "MeetsBefore": lambda a, b: max(a) + 1 == min(b),
    "MeetsAfter": lambda a, b: max(b) + 1 == min(a),
    "Starts": lambda a, b: min(a) == min(b) and max(a) <= max(b),
    "Ends": lambda a, b: max(a) == max(b) and min(a) >= min(b),
}


@given(intervals(), intervals())
@settings(max_examples=300)
def test_relations(left: Interval, right: Interval) -> None:
    for name, model in RELATIONS.items():
        expected = model(points(left), points(right))
        assert run(name, left, right) is expected, name
        assert run(name, as_dates(left), as_dates(right)) is expected, f"{name} of dates"
        if name != "Equivalent":  # rounds to the digits of the less precise
            assert run(name, as_quantities(left), as_quantities(right)) is expected, f"{name} of quantities"


@given(intervals(), st.integers(-2, 17))
def test_membership(interval: Interval, point: int) -> None:
    inside = points(interval)
    assert run("Contains", interval, point) is (point in inside)
    assert run("In", point, interval) is (point in inside)
    assert run("ProperContains", interval, point) is (min(inside) < point < max(inside))
    assert run("Width", interval) == max(inside) - min(inside)
    assert run("Size", interval) == len(inside)


@given(intervals(), intervals())
@settings(max_examples=300)
def test_set_operations(left: Interval, right: Interval) -> None:
    a, b = points(left), points(right)
    for name, model in (("Union", a | b), ("Intersect", a & b), ("Except", a - b)):
        assert points(run(name, left, right)) == (model if whole(model) else frozenset()), name


@given(st.lists(intervals() | st.none(), max_size=6))
@settings(max_examples=300)
def test_collapse(source: list[Interval | None]) -> None:
    result = run("Collapse", source, None)
    covered = [points(interval) for interval in result]
    assert frozenset().union(*covered) == frozenset().union(*map(points, source))
    # No two that overlap or meet, in order, and the same from any order.
    assert all(max(one) + 1 < min(two) for one, two in pairwise(covered))
    assert [points(interval) for interval in run("Collapse", source[::-1], None)] == covered
    assert [points(interval) for interval in run("Collapse", result, None)] == covered


@given(st.lists(intervals(), max_size=5), st.integers(1, 4))
def test_collapse_per(source: list[Interval], per: int) -> None:
    covered = [points(interval) for interval in run("Collapse", source, Quantity(d(str(per)), "1"))]
    assert all(max(one) + per < min(two) for one, two in pairwise(covered))
    assert frozenset().union(*map(points, source)) <= frozenset().union(*covered)


@given(intervals(), st.integers(1, 5))
def test_expand(interval: Interval, per: int) -> None:
    inside = sorted(points(interval))
    pieces = run("Expand", [interval], Quantity(d(str(per)), "1"))
    assert all(len(points(piece)) == per for piece in pieces)
    count = len(inside) // per
    assert [point for piece in pieces for point in sorted(points(piece))] == inside[: count * per]
    assert run("Expand", interval, Quantity(d(str(per)), "1")) == inside[: count * per : per]
    days = run("Expand", as_dates(interval), Quantity(d(str(per)), "days"))
    assert [(day.ticks - BASE) // DAY_TICKS for day in days] == inside[: count * per : per]


@given(intervals(), intervals())
def test_an_unknown_bound_never_contradicts_what_it_turns_out_to_be(left: Interval, right: Interval) -> None:
    """Where an interval of unknown end gives an answer, every interval it can be gives the same."""
    known = Interval(lower(left), upper(left), True, True, "Integer")
    for unknown in (
        Interval(known.low, None, True, False, "Integer"),
        Interval(None, known.high, False, True, "Integer"),
    ):
        for name, model in RELATIONS.items():
            if name == "Equivalent":
                continue
            for swapped in (False, True):
                operands = (right, unknown) if swapped else (unknown, right)
                certain = (right, known) if swapped else (known, right)
                answer = run(name, *operands)
                assert answer is None or answer is model(*map(points, certain)), name

"""Lists and aggregates (CQL 1.5 Appendix B, "List Operators", "Aggregate Functions")."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.build import d, date, dt, identical, q, run, t

from guideway.engine.errors import CqlRuntimeError
from guideway.engine.operators.lists import skip, sorted_by, tail, take
from guideway.engine.values import Code, Long, TupleValue

PARTIAL = [dt("2014"), dt("2014-01"), dt("2013-05")]


@pytest.mark.parametrize(
    ("name", "operands", "expected"),
    [
        ("Distinct", [[1, 2, 1, None, None]], [1, 2, None]), ("Distinct", [[1, d("1.0"), Long(1)]], [1]),
        ("Distinct", [[True, 1]], [True, 1]), ("Distinct", [None], None),
        ("Distinct", [[dt("2014-01-01T10:00Z"), dt("2014-01-01T11:00+01:00")]], [dt("2014-01-01T10:00Z")]),
        ("Distinct", [PARTIAL], PARTIAL),
        ("Distinct", [[Code("a", "s"), Code("a", "s"), Code("a", "t")]], [Code("a", "s"), Code("a", "t")]),
        ("Distinct", [[[1], [1], [2]]], [[1], [2]]),
        ("Union", [[1, 2], [2, 3]], [1, 2, 3]), ("Union", [None, [1, 1]], [1]), ("Union", [[1], None], [1]),
        ("Union", [[1], [2], [1, 3]], [1, 2, 3]),
        ("Intersect", [[1, 2, 2, None], [None, 2]], [2, None]), ("Intersect", [[1], None], None),
        ("Intersect", [["a", "b"], ["b"]], ["b"]),
        ("Except", [[1, 2, 2, 3], [3]], [1, 2]), ("Except", [[1, None], [None]], [1]), ("Except", [None, [1]], None),
        ("Except", [[q("1 g")], [q("1000 mg")]], []),
        ("First", [[]], None), ("First", [[3, 4]], 3), ("Last", [[3, 4]], 4), ("Last", [None], None),
        ("SingletonFrom", [[]], None), ("SingletonFrom", [[7]], 7),
        ("IndexOf", [[1, 2], 2], 1), ("IndexOf", [[1, 2], 3], -1), ("IndexOf", [None, 2], None),
        ("IndexOf", [[1, 2], None], None),
        ("Flatten", [[[1], [2, None], None]], [1, 2, None]), ("Flatten", [None], None), ("Exists", [[None]], False),
        ("Exists", [[0]], True), ("Exists", [None], False),
        ("Includes", [[1, 2, None], [None, 1]], True), ("Includes", [[1], [1, 2]], False), ("Includes", [None, [1]], None),
        ("IncludedIn", [[1], [1, 2]], True),
        ("Includes", [[1, 2], 1], True), ("Includes", [list(range(20)), list(range(3, 15))], True),
        ("Includes", [list(range(20)), list(range(9, 25))], False),
        ("ProperIncludes", [[1, 2], [1]], True), ("ProperIncludes", [[1, 2], [2, 1]], False),
        ("ProperIncludedIn", [[1], [1, 2]], True), ("Includes", [PARTIAL, [dt("2014-01-01")]], None),
        ("ProperContains", [[1, 1], 1], False), ("ProperContains", [[1, 2], 1], True), ("ProperContains", [[1, None], 1], None),
        ("ProperContains", [[1, None], None], True),
        ("ProperIn", [None, [None, None]], False), ("Slice", [[1, 2, 3, 4], 1, 3], [2, 3]),
        ("Slice", [[1, 2, 3], -2, None], [2, 3]), ("Slice", [None, 0, 1], None),
        ("Times", [[TupleValue(a=1), TupleValue(a=2)], [TupleValue(b=3)]], [{"a": 1, "b": 3}, {"a": 2, "b": 3}]),
        ("Descendants", [TupleValue(a=TupleValue(b=1, c=None), d=[2])], [TupleValue(b=1, c=None), 2, 1]),
        ("Children", [q("1 g")], [d("1"), "g"]),
    ],
)  # fmt: skip
def test_lists(name: str, operands: list[Any], expected: Any) -> None:
    result = run(name, *operands)
    assert result == expected
    if isinstance(expected, bool) or expected is None:
        assert result is expected


def test_take_skip_and_tail() -> None:
    assert (take([1, 2, 3], 2), take([1, 2], None), take([1], -1), take(None, 1)) == ([1, 2], [], [], None)
    assert (skip([1, 2, 3], 2), skip([1, 2], None), skip([1], -1), skip(None, 1)) == ([3], [1, 2], [], None)
    assert (tail([1, 2]), tail([]), tail(None)) == ([2], [], None)


def test_singleton_from_more_than_one_is_an_error() -> None:
    with pytest.raises(CqlRuntimeError, match="2 elements"):
        run("SingletonFrom", [1, 2])


def test_sorting_puts_nulls_first_and_keeps_ties_in_order() -> None:
    assert sorted_by([3, None, 1], [(None, False)]) == [None, 1, 3]
    assert sorted_by([3, None, 1], [(None, True)]) == [3, 1, None]
    rows = [("b", 1), ("a", 2), ("b", 0), ("a", 1)]
    assert sorted_by(rows, [(lambda row: row[0], True), (lambda row: row[1], False)]) == [("b", 0), ("b", 1), ("a", 1), ("a", 2)]
    assert sorted_by([("x", 1), ("y", 1)], [(lambda row: row[1], True)]) == [("x", 1), ("y", 1)]
    assert sorted_by([dt("2014-01-01T10:00:00.000"), dt("2014-01"), dt("2014-01-01")], [(None, False)]) == [
        dt("2014-01"),
        dt("2014-01-01"),
        dt("2014-01-01T10:00:00.000"),
    ]


NUMBERS = [d("2"), None, d("4"), d("4"), d("5"), d("10")]


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("Count", NUMBERS, 5), ("Count", None, 0), ("Sum", NUMBERS, d("25")), ("Sum", [1, 2], 3), ("Sum", [], None),
        ("Sum", [2**31 - 1, 1], None), ("Sum", [q("1 g"), q("5 mg")], q("1005 mg")),
        ("Product", [2, 3, 7], 42), ("Product", [d("0.5"), d("4")], d("2")), ("Product", [None], None),
        ("Product", [q("2.0 g"), q("3.0 g")], q("6.00 g")), ("Product", [q("2 g"), q("500 mg")], q("1.0 g")),

        ("Min", NUMBERS, d("2")), ("Max", NUMBERS, d("10")), ("Max", ["b", "a"], "b"),
        ("Min", [q("1 g"), q("5 mg")], q("5 mg")), ("Max", [date("2014-01-02"), date("2014-01-10")], date("2014-01-10")),
        ("Min", [], None), ("Max", [dt("2014"), dt("2014-05")], None),
        ("Max", [dt("2014"), dt("2014-05"), dt("2015")], dt("2015")), ("Min", [q("1 g"), q("1 m")], None),
        ("Min", [dt("2014"), dt("2014-05"), dt("2013"), dt("2013")], dt("2013")), ("Avg", NUMBERS, d("5")),
        ("Avg", [1, 2], d("1.5")),
        ("Avg", [q("1 g"), q("500 mg")], q("0.75 g")), ("Avg", None, None), ("GeometricMean", [d("2"), d("8")], d("4")),
        ("GeometricMean", [d("0"), d("8")], d("0")), ("GeometricMean", [d("-2"), d("8")], None),
        ("Median", NUMBERS, d("4")), ("Median", [d("1"), d("2")], d("1.5")), ("Median", [q("1 g"), q("3 g")], q("2 g")),
        ("Median", [], None), ("Mode", NUMBERS, d("4")), ("Mode", [t("10:00")], t("10:00")),
        ("Mode", [None], None), ("Variance", NUMBERS, d("9")), ("PopulationVariance", NUMBERS, d("7.2")),
        ("StdDev", NUMBERS, d("3")), ("PopulationStdDev", [d("1"), d("3")], d("1")),
        ("Variance", [d("1")], None), ("StdDev", [q("1 g"), q("3 g")], q("1.41421356 g")), ("AllTrue", [True, None], True),
        ("AllTrue", [True, False], False), ("AllTrue", None, True), ("AnyTrue", [None, False], False),
        ("AnyTrue", [False, True], True), ("AnyTrue", None, False),
    ],
)  # fmt: skip
def test_aggregates(name: str, source: Any, expected: Any) -> None:
    assert identical(run(name, source), expected)


@pytest.mark.parametrize("name", ["Sum", "Product", "Avg", "Variance", "StdDev", "Median", "Min", "Max", "GeometricMean"])
def test_aggregates_of_units_that_do_not_fit_are_null(name: str) -> None:
    assert run(name, [q("1 g"), q("1 m")]) is None

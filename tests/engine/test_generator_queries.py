"""Queries, sorting, aggregates and the iteration nodes (CQL 1.5 Author's Guide, "Queries")."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.engine.logic import boolean, elm_value, evaluation, fhir_library, integer, libraries, observation, string, value

from guideway.elm import nodes
from guideway.elm.codec import read_json, write_json
from guideway.engine.program import compile_program

BOTH = pytest.mark.parametrize("trace", [False, True], ids=["plain", "traced"])


@BOTH
@pytest.mark.parametrize(
    ("cql", "expected"),
    [
        ("from ({1, 2, 3}) A where A > 1", [2, 3]),
        ("({1, 2, 3}) A return A * 2", [2, 4, 6]),
        ("({1, 1, 2}) A return A", [1, 2]),
        ("({1, 1, 2}) A return all A", [1, 1, 2]),
        ("({1, 1, 2}) A return distinct A", [1, 2]),
        ("from ({1, 2}) A, ({3, 4}) B return A * B", [3, 4, 6, 8]),
        ("from ({1}) A, ({2}) B", [{"A": 1, "B": 2}]),
        ("from ({1, 2}) A, ({3, 4}) B where A + B = 5 return Tuple { a: A, b: B }", [{"a": 1, "b": 4}, {"a": 2, "b": 3}]),
        ("({1, 2, 3}) A let b: A * 2, c: b + 1 where c > 3 return all c", [5, 7]),
        ("({1, 2, 3}) A with ({2, 3, 4}) B such that A = B", [2, 3]),
        ("({1, 2, 3}) A without ({2, 3, 4}) B such that A = B", [1]),
        ("({1, 2, 3}) A with ({2}) B such that A > B with ({3}) C such that C = A", [3]),
        ("(5) A return A + 1", 6),
        ("(5) A where A > 6", None),
        ("(null as Integer) A return 1", None),
        ("(null as List<Integer>) A return A", None),
        ("from (5) A, ({1, 2}) B return A + B", [6, 7]),
        ("({3, null, 1, 2}) A sort asc", [None, 1, 2, 3]),
        ("({3, null, 1, 2}) A sort desc", [3, 2, 1, None]),
        ("({Tuple{a: 2, b: 'x'}, Tuple{a: 1, b: 'y'}}) A return A.a sort asc", [1, 2]),
        (
            "({Tuple{a: 1, b: 'y'}, Tuple{a: 2, b: 'x'}, Tuple{a: 1, b: 'x'}}) A sort by a desc, b asc",
            [{"a": 2, "b": "x"}, {"a": 1, "b": "x"}, {"a": 1, "b": "y"}],
        ),
        ("({Tuple{a: 3}, Tuple{a: -5}, Tuple{a: 4}}) A sort by Abs(a)", [{"a": 3}, {"a": 4}, {"a": -5}]),
        ("({'b', 'a'}) A sort by $this", ["a", "b"]),
        ("({1, 2, 3}) A aggregate R starting 0: R + A", 6),
        ("({1, 1, 2}) A aggregate distinct R starting 0: R + A", 3),
        ("({1, 1, 2}) A aggregate all R starting 0: R + A", 4),
        ("from ({1, 2}) A, ({10, 20}) B aggregate R starting 0: R + A * B", 90),
        ("Count(({1, 2, 3}) A where A > 1)", 2),
        ("exists (({1, 2, 3}) A where A > 2)", True),
        ("exists (({1, 2, 3}) A where A > 5)", False),
        ("exists (({1, 2, 3}) A return all null as Integer)", False),
        ("Sum({1.5, 2.5})", Decimal("4.0")),
        ("({{1, 2}, {3}}) L return all First(L)", [1, 3]),
        ("flatten (({1, 2}) A return all (({10, 20}) B return all A * B))", [10, 20, 20, 40]),
        ("({1, 2}) A return all Count(({1, 2, 3}) B where B > A)", [2, 1]),
        ("Last(({2, 3, 1}) A sort asc)", 3),
        ("({@2014-01-01, @2013, null}) A sort asc", None),
    ],
)
def test_queries(cql: str, expected: Any, trace: bool) -> None:
    found = value(cql, trace=trace)
    if cql.startswith("({@2014"):
        assert [str(item) for item in found] == ["None", "2013", "2014-01-01"]
    else:
        assert found == expected


def numbers(*items: int) -> nodes.List:
    return nodes.List(element=[integer(item) for item in items])


def alias(name: str) -> nodes.AliasRef:
    return nodes.AliasRef(name=name)


@BOTH
def test_iteration_nodes(trace: bool) -> None:
    current = nodes.Current()
    greater = nodes.Greater(operand=[current, integer(1)])
    assert elm_value(nodes.Filter(source=numbers(1, 2, 3), condition=greater), trace=trace) == [2, 3]
    by_index = nodes.Equal(operand=[nodes.Iteration(), integer(0)])
    assert elm_value(nodes.Filter(source=numbers(5, 6), condition=by_index), trace=trace) == [5]
    doubled = nodes.Multiply(operand=[nodes.Current(scope="x"), integer(2)])
    assert elm_value(nodes.ForEach(source=numbers(1, 2), element=doubled, scope="x"), trace=trace) == [2, 4]
    step = nodes.If(condition=nodes.Less(operand=[current, integer(4)]), then=nodes.Add(operand=[current, integer(1)]))
    assert elm_value(nodes.Repeat(source=numbers(1), element=step), trace=trace) == [2, 3, 4]
    summed = nodes.Aggregate(
        source=numbers(1, 2, 3), iteration=nodes.Add(operand=[nodes.Total(), current]), initialValue=integer(10)
    )
    assert elm_value(summed, trace=trace) == 16
    assert elm_value(nodes.Filter(source=nodes.Null(), condition=boolean(True)), trace=trace) is None


@BOTH
def test_lists_of_the_schema_that_text_does_not_make(trace: bool) -> None:
    def pair(name: str, number: int) -> nodes.Tuple:
        return nodes.Tuple(element=[nodes.TupleElement(name=name, value=integer(number))])

    times = nodes.Times(operand=[nodes.List(element=[pair("a", 1)]), nodes.List(element=[pair("b", 2), pair("b", 3)])])
    assert elm_value(times, trace=trace) == [{"a": 1, "b": 2}, {"a": 1, "b": 3}]
    descending = nodes.Sort(source=numbers(1, 3, 2), by=[nodes.ByDirection(direction="descending")])
    assert elm_value(descending, trace=trace) == [3, 2, 1]
    by_column = nodes.Sort(
        source=nodes.List(element=[pair("a", 2), pair("a", 1)]), by=[nodes.ByColumn(path="a", direction="asc")]
    )
    assert elm_value(by_column, trace=trace) == [{"a": 1}, {"a": 2}]
    assert elm_value(nodes.First(source=nodes.List(element=[pair("a", 2), pair("a", 1)]), orderBy="a"), trace=trace) == {"a": 1}
    assert elm_value(nodes.Sum(source=nodes.List(element=[pair("a", 2), pair("a", 1)]), path="a"), trace=trace) == 3
    nested = nodes.Tuple(
        element=[nodes.TupleElement(name="t", value=pair("a", 2)), nodes.TupleElement(name="s", value=string("x"))]
    )
    assert elm_value(nodes.Children(source=nested), trace=trace) == [{"a": 2}, "x"]
    assert elm_value(nodes.Descendents(source=nested), trace=trace) == [{"a": 2}, "x", 2]


def test_a_name_left_open_is_looked_up_innermost_first() -> None:
    query = nodes.Query(
        source=[nodes.AliasedQuerySource(alias="A", expression=numbers(1, 2))],
        where=nodes.Greater(operand=[nodes.IdentifierRef(name="A"), integer(1)]),
    )
    assert elm_value(query) == [2]
    other = [nodes.ExpressionDef(name="Five", context="Patient", expression=integer(5))]
    assert elm_value(nodes.IdentifierRef(name="Five"), statements=other) == 5


TYPED = {
    "Returned": ("({ 1, 2 }) X return ToString(X)", "List<String>"),
    "Single": ("(Interval[1, 2]) X return start of X", "Integer"),
    "Elements": ("[Observation] O return O.status", "List<ObservationStatus>"),
    "Let": ("({ @2012 }) X let Y: X return Interval[Y, Y]", "List<Interval<Date>>"),
    "Nested": ("({ 1 }) X return (({ 'a' }) Y return Y)", "List<List<String>>"),
    "Outer": ("({ 'a' }) X return (({ 1 }) Y return X)", "List<List<String>>"),
    "Unions": ("({ 1 }) union (null as List<Integer>)", "List<Integer>"),
    "Aggregate": ("({ 1 }) X aggregate R starting 0: R + X", ""),
}


def test_queries_have_their_types_in_elm_without_types() -> None:
    body = "context Patient\n" + "\n".join(f"define {name}: {text}" for name, (text, _) in TYPED.items())
    made = [read_json(write_json(library)) for library in libraries(fhir_library(body))]
    defines = compile_program(made).library("Test").defines
    assert {name: defines[name].type for name in TYPED} == {name: type_ for name, (_, type_) in TYPED.items()}
    ran = evaluation(compile_program(made), [observation("a", "x")])
    assert [ran.define("Test", name) for name in ("Returned", "Nested", "Outer", "Unions")] == [["1", "2"], [["a"]], [["a"]], [1]]


def test_a_union_of_nulls_is_an_empty_list_also_in_elm_without_types() -> None:
    made = libraries("library Test define X: (null as List<Integer>) union (null as List<Integer>)")
    again = [read_json(write_json(library)) for library in made]
    assert evaluation(compile_program(made)).define("Test", "X") == evaluation(compile_program(again)).define("Test", "X") == []

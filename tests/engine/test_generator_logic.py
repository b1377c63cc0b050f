"""Three-valued logic, conditions and types as the generated code does them; the traced code must agree with the plain code."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from tests.engine.logic import boolean, elm_value, integer, string, value

from guideway.elm import nodes
from guideway.engine.errors import CqlRuntimeError

TRUTHS = (True, False, None)
PAIRS = list(itertools.product(TRUTHS, TRUTHS))
BOTH = pytest.mark.parametrize("trace", [False, True], ids=["plain", "traced"])


def both_and(left: bool | None, right: bool | None) -> bool | None:
    return False if left is False or right is False else None if None in (left, right) else True


def both_or(left: bool | None, right: bool | None) -> bool | None:
    return True if left is True or right is True else None if None in (left, right) else False


def opaque(truth: bool | None) -> nodes.Expression:
    """A Boolean that only evaluation can tell: it needs statements before it."""
    return nodes.First(
        source=nodes.Query(
            source=[nodes.AliasedQuerySource(alias="A", expression=nodes.List(element=[boolean(truth)]))],
            return_=nodes.ReturnClause(expression=nodes.AliasRef(name="A"), distinct=False),
        )
    )


TABLES: dict[type[Any], Any] = {
    nodes.And: both_and,
    nodes.Or: both_or,
    nodes.Xor: lambda a, b: None if None in (a, b) else a is not b,
    nodes.Implies: lambda a, b: both_or(None if a is None else not a, b),
}


@BOTH
@pytest.mark.parametrize("make", [boolean, opaque], ids=["inline", "statements"])
@pytest.mark.parametrize("operator", list(TABLES), ids=lambda o: o.__name__)
@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_truth_tables(operator: Any, left: bool | None, right: bool | None, make: Any, trace: bool) -> None:
    assert elm_value(operator(operand=[make(left), make(right)]), trace=trace) is TABLES[operator](left, right)


@pytest.mark.parametrize("make", [boolean, opaque], ids=["inline", "statements"])
@pytest.mark.parametrize(("left", "right"), PAIRS)
@pytest.mark.parametrize("operator", [nodes.And, nodes.Or], ids=lambda o: o.__name__)
def test_conditions_are_true_only_where_the_logic_is(operator: Any, left: bool | None, right: bool | None, make: Any) -> None:
    combined = operator(operand=[make(left), make(right)])
    expected = TABLES[operator](left, right)
    for condition, wanted in ((combined, expected is True), (nodes.Not(operand=combined), expected is False)):
        assert elm_value(nodes.If(condition=condition, then=integer(1), else_=integer(2))) == (1 if wanted else 2)


@pytest.mark.parametrize("truth", TRUTHS)
def test_tests_of_one_value(truth: bool | None) -> None:
    for make in (boolean, opaque):
        assert elm_value(nodes.Not(operand=make(truth))) is (None if truth is None else not truth)
        assert elm_value(nodes.IsNull(operand=make(truth))) is (truth is None)
        assert elm_value(nodes.IsTrue(operand=make(truth))) is (truth is True)
        assert elm_value(nodes.IsFalse(operand=make(truth))) is (truth is False)


def failing() -> nodes.Expression:
    return nodes.Message(
        source=boolean(True), condition=boolean(True), code=string("1"), severity=string("Error"), message=string("evaluated")
    )


@pytest.mark.parametrize(
    "expression",
    [
        nodes.And(operand=[boolean(False), failing()]),
        nodes.Or(operand=[boolean(True), failing()]),
        nodes.Implies(operand=[boolean(False), failing()]),
        nodes.If(condition=boolean(True), then=boolean(True), else_=failing()),
        nodes.Coalesce(operand=[boolean(True), failing()]),
        nodes.Case(caseItem=[nodes.CaseItem(when=boolean(True), then=boolean(True))], else_=failing()),
    ],
    ids=lambda e: type(e).__name__,
)
@BOTH
def test_what_is_not_needed_is_not_evaluated(expression: nodes.Expression, trace: bool) -> None:
    assert elm_value(expression, trace=trace) in (True, False)


@BOTH
@pytest.mark.parametrize(
    ("cql", "expected"),
    [
        ("case 2 when 1 then 'a' when 2 then 'b' else 'c' end", "b"),
        ("case null when 1 then 'a' else 'c' end", "c"),
        ("case when false then 'a' when null then 'b' else 'c' end", "c"),
        ("case 'x' when 'x' then 1 else 2 end", 1),
        ("Coalesce(null, null, 3)", 3),
        ("Coalesce({null, 4, 5})", 4),
        ("if null then 1 else 2", 2),
        ("(5 as Any) is Integer", True),
        ("(5 as Any) is String", False),
        ("null is Integer", False),
        ("(5 as Any) as String", None),
        ("({1, 2} as Any) is List<Integer>", True),
        ("({1, 2} as Any) is List<String>", False),
        ("(Interval[1, 2] as Any) is Interval<Integer>", True),
        ("(Tuple { a: 1 } as Any) is Tuple { a Integer }", True),
        ("(Tuple { a: 1 } as Any) is Tuple { a String }", False),
        ("convert 5 to String", "5"),
        ("convert '5' to Integer", 5),
        ("exists (List<Integer> {})", False),
        ("exists ({null as Integer})", False),
        ("Length(null as List<Integer>)", 0),
        ("Length(null as String)", None),
        ("{1, 2, 3}[1]", 2),
        ("First({1, 2})", 1),
    ],
)
def test_conditions_and_types(cql: str, expected: Any, trace: bool) -> None:
    found = value(cql, trace=trace)
    assert found == expected
    assert type(found) is type(expected)


@BOTH
def test_a_strict_cast_fails_in_its_place(trace: bool) -> None:
    with pytest.raises(CqlRuntimeError, match="a value of type Integer cannot be cast to String") as caught:
        value("cast (5 as Any) as String", trace=trace)
    assert (caught.value.library, caught.value.define) == ("Test", "X")
    assert caught.value.locator is not None
    assert caught.value.locator.startswith("3:")


@pytest.mark.parametrize(
    ("cql", "expected"),
    [
        ("2147483647 + 1", None),
        ("-2147483647 - 2", None),
        ("65536 * 65536", None),
        ("1 + null", None),
        ("3 * 4 - 2", 10),
        ("days between DateTime(2014, 1) and DateTime(2014, 2, 15) > 10", True),
        ("days between DateTime(2014, 1) and DateTime(2014, 2, 15) > 20", None),
        ("1.0 < 1.5", True),
        ("'a' < null", None),
        ("'a' != 'b'", True),
        ("true = null", None),
    ],
)
def test_plain_arithmetic_and_comparison(cql: str, expected: Any) -> None:
    assert value(cql) == expected
    assert value(cql, trace=True) == expected


def test_texts_that_look_like_the_generators_own_names_stay_texts() -> None:
    assert value("'v1 v2' + 'v3'") == "v1 v2v3"
    nested: nodes.Expression = string("v1")
    for _ in range(40):
        when = nodes.Equal(operand=[string("v1 is"), string("v2")])
        nested = nodes.Case(caseItem=[nodes.CaseItem(when=when, then=string("v3"))], else_=nested)
    assert elm_value(nested) == "v1"


@pytest.mark.parametrize("trace", [False, True])
def test_moments_compared_by_operators_and_by_phrases(trace: bool) -> None:
    """Seconds and milliseconds are one decimal for operators; phrases go to the finest precision specified."""
    second, exact = "@2014-01-01T10:00:00", "@2014-01-01T10:00:00.000"
    phrases = ("before", "after", "same or before", "same or after", "same as")
    operators = {"=": True, "!=": False, "<": False, "<=": True, ">": False, ">=": True, "~": True}
    rows = [f"{left} {word} {right}" for word in (*phrases, *operators) for left, right in ((second, exact), (exact, second))]
    got = value("{ " + ", ".join(rows) + " }", trace=trace)
    assert got == [None] * 10 + [operators[word] for word in operators for _ in range(2)]
    assert value(f"{{ {second} < @2014-01-01T10:00:00.001, {second} >= @2014-01-01T10:00:00.001 }}", trace=trace) == [True, False]
    assert value("@2014-01-01T10:00 < @2014-01-01T10:00:00.001", trace=trace) is None

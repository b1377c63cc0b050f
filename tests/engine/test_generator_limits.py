"""Deep and long expressions: Python's own limits on nesting, indentation, loops and recursion never show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.engine.logic import boolean, elm_value, evaluation, integer, string

from guideway.elm import nodes, types
from guideway.engine.errors import CqlRuntimeError
from guideway.engine.program import compile_program

BOTH = pytest.mark.parametrize("trace", [False, True], ids=["plain", "traced"])


def folded(count: int, start: Any, step: Callable[[Any, int], Any]) -> Any:
    found = start
    for index in range(count):
        found = step(found, index)
    return found


def listed(*items: Any) -> nodes.List:
    return nodes.List(element=list(items))


def query(source: Any, alias: str, **more: Any) -> nodes.Query:
    return nodes.Query(source=[nodes.AliasedQuerySource(alias=alias, expression=source)], **more)


def returning(expression: Any) -> nodes.ReturnClause:
    return nodes.ReturnClause(expression=expression, distinct=False)


ONE = nodes.Literal(valueType="{urn:hl7-org:elm-types:r1}Integer", value="1", result_type=types.INTEGER)
OPEN = nodes.SingletonFrom(operand=listed())

DEEP: dict[str, tuple[Callable[[], Any], Any]] = {
    "sum, left": (lambda: folded(2_000, integer(0), lambda e, _: nodes.Add(operand=[e, integer(1)])), 2_000),
    "sum, typed": (lambda: folded(2_000, ONE, lambda e, _: nodes.Add(operand=[e, ONE], result_type=types.INTEGER)), 2_001),
    "sum, right": (lambda: folded(300, integer(0), lambda e, _: nodes.Add(operand=[integer(1), e])), 300),
    "and": (lambda: folded(2_000, boolean(True), lambda e, i: nodes.And(operand=[e, nodes.Equal(operand=[ONE, ONE])])), True),
    "or with work": (
        lambda: folded(1_000, boolean(False), lambda e, i: nodes.Or(operand=[e, nodes.Exists(operand=listed())])),
        False,
    ),
    "or, right": (lambda: folded(300, boolean(None), lambda e, i: nodes.Or(operand=[boolean(False), e])), None),
    "implies": (lambda: folded(300, boolean(None), lambda e, i: nodes.Implies(operand=[boolean(True), e])), None),
    "not": (lambda: folded(500, boolean(True), lambda e, i: nodes.Not(operand=e)), True),
    "if": (lambda: folded(300, integer(7), lambda e, i: nodes.If(condition=boolean(False), then=integer(i), else_=e)), 7),
    "if, very deep": (
        lambda: folded(3_000, integer(7), lambda e, i: nodes.If(condition=boolean(False), then=integer(i), else_=e)),
        7,
    ),
    "negations of a constant": (lambda: folded(3_000, integer(7), lambda e, i: nodes.Negate(operand=e)), 7),
    "lists of a list": (
        lambda: folded(1_000, listed(integer(7)), lambda e, i: nodes.Flatten(operand=query(listed(e), f"a{i}"))),
        [7],
    ),
    "case in case": (
        lambda: folded(
            200, integer(7), lambda e, i: nodes.Case(caseItem=[nodes.CaseItem(when=boolean(None), then=ONE)], else_=e)
        ),
        7,
    ),
    "long case": (
        lambda: nodes.Case(
            comparand=integer(1_500), caseItem=[nodes.CaseItem(when=integer(i), then=integer(-i)) for i in range(2_000)]
        ),
        -1_500,
    ),
    "coalesce": (lambda: nodes.Coalesce(operand=[*[OPEN] * 1_000, integer(3)]), 3),
    "coalesce, nested": (lambda: folded(200, integer(3), lambda e, i: nodes.Coalesce(operand=[OPEN, e])), 3),
    "text": (lambda: folded(2_000, string("x"), lambda e, i: nodes.Concatenate(operand=[e, string("y")])), "x" + "y" * 2_000),
    "list": (lambda: listed(*[integer(i) for i in range(5_000)]), list(range(5_000))),
    "sources in sources": (lambda: folded(60, listed(ONE), lambda e, i: query(e, f"A{i}")), [1]),
    "queries in queries": (
        lambda: folded(
            60,
            nodes.AliasRef(name="A59"),
            lambda e, i: nodes.First(source=query(listed(ONE), f"A{59 - i}" if i else "A59", return_=returning(e))),
        ),
        1,
    ),
    "queries that look outward": (
        lambda: folded(
            40,
            nodes.AliasRef(name="A39"),
            lambda e, i: nodes.First(
                source=query(
                    listed(integer(i)),
                    f"A{39 - i}",
                    return_=returning(nodes.Add(operand=[e, nodes.AliasRef(name="A0")]) if i < 39 else e),
                )
            ),
        ),
        0 + 39 * 39,
    ),
    "tuples": (
        lambda: folded(
            150,
            folded(150, integer(5), lambda e, i: nodes.Tuple(element=[nodes.TupleElement(name="x", value=e)])),
            lambda e, i: nodes.Property(path="x", source=e),
        ),
        5,
    ),
}


@BOTH
@pytest.mark.parametrize("name", list(DEEP))
def test_deep_and_long(name: str, trace: bool) -> None:
    make, expected = DEEP[name]
    assert elm_value(make(), trace=trace) == expected


@pytest.mark.parametrize("count", [2, 50, 2_000])
def test_a_circle_of_defines_is_told_with_a_place(count: int) -> None:
    """The translator refuses circles; ELM of others may hold one."""

    def define(index: int) -> nodes.ExpressionDef:
        place = f"{index + 1}:1-{index + 1}:9"
        reference = nodes.ExpressionRef(name=f"D{(index + 1) % count}", locator=place)
        expression = nodes.Add(operand=[reference, integer(1)], locator=place)
        return nodes.ExpressionDef(name=f"D{index}", context="Patient", expression=expression, locator=place)

    library = nodes.Library(identifier=nodes.VersionedIdentifier(id="Test"), statements=[define(i) for i in range(count)])
    made = compile_program([library])
    with pytest.raises(CqlRuntimeError, match="in a circle") as raised:
        evaluation(made).define("Test", "D0")
    assert raised.value.library == "Test"
    assert raised.value.define
    assert raised.value.locator

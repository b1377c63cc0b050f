"""Deep and long expressions: Python's own limits on nesting, indentation, loops and recursion never show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.engine.logic import boolean, elm_value, integer, string

from guideway.elm import nodes, types

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

"""``$cql`` as a function: values and errors of an expression, each in the coordinates of the text that was given."""

from __future__ import annotations

from typing import Any

import pytest

from guideway.engine.values import DateTime
from guideway.guideline.cql_operations import Cql

NOW = DateTime.parse("2026-01-15T12:00:00.000Z")


def answer(expression: str, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = Cql().evaluate(expression, now=NOW, **more)["parameter"][0]
    return found


def test_a_value() -> None:
    assert answer("1 +\n 1") == {"name": "return", "valueInteger": 2}


@pytest.mark.parametrize(
    ("expression", "place"),
    [
        ("Interval[5, 3]", "expression (1:1-1:14)"),
        ("  1 + Message(1, true, 'c', 'Error', 'm')", "expression (1:7-1:41)"),
        ("({ 1 }) X\n  return\n    singleton from { X, 2 }", "expression (3:5-3:27)"),
    ],
)
def test_an_error_while_running_has_its_place_in_the_callers_text(expression: str, place: str) -> None:
    found = answer(expression)
    assert found["name"] == "evaluation error"
    text = found["resource"]["issue"][0]["details"]["text"]
    assert text.startswith(f"{place}: "), text


def test_an_error_while_translating_has_its_place_in_the_callers_text() -> None:
    text = answer("1 +\n'a'")["resource"]["issue"][0]["details"]["text"]
    assert text.startswith("expression:1:1 error cql-no-such-signature")


def test_the_second_run_of_an_expression_is_as_the_first() -> None:
    evaluator = Cql()
    first = evaluator.evaluate("Interval[5, 3]", now=NOW)
    assert evaluator.evaluate("Interval[5, 3]", now=NOW) == first

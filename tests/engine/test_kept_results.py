"""Functions that search texts: what one came to is kept for the same operands in one evaluation, and for no others."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.logic import NOW

from guideway.cql.translator import BuiltinSource, translate
from guideway.engine.data import ResourceSource
from guideway.engine.program import Program, compile_program
from guideway.engine.values import Code, Concept
from guideway.terminology import ValueSetIndex

LOGIC = """
library Names

parameter Wanted String

define function "Says"(name String, word String): Matches(name, '.*' + word + '.*')
define function "Is Wanted"(drug Concept): "Says"(drug.display, Wanted) or exists (drug.codes C where "Says"(C.display, Wanted))
define function "Called"(drug Concept): if "Is Wanted"(drug) then drug.display else null
define function "One Of Each"(one Code, other Concept): "Says"(one.display, 'a') and "Says"(other.display, 'b')
"""


@pytest.fixture(scope="module")
def program() -> Program:
    result = translate(LOGIC, sources=BuiltinSource())
    assert not result.errors, result.errors
    return compile_program(result.libraries)


def evaluation(program: Program, wanted: str, *, trace: bool = False) -> Any:
    return program.evaluation(
        ResourceSource([]), now=NOW, parameters={"Wanted": wanted}, terminology=ValueSetIndex([]), trace=trace
    )


def concept(display: str | None, *displays: str | None) -> Concept:
    return Concept([Code("1", "s", None, each) for each in displays], display)


@pytest.mark.parametrize("trace", [False, True])
def test_equal_operands_are_searched_once(program: Program, trace: bool) -> None:
    run = evaluation(program, "x", trace=trace)
    assert run.function("Names", "Is Wanted", concept("axa")) is True
    kept = dict(run.results)
    assert run.function("Names", "Is Wanted", concept("axa")) is True
    assert run.results == kept != {}
    assert run.function("Names", "Is Wanted", concept("b")) is False
    assert len(run.results) == len(kept) + 1


def test_what_differs_in_anything_is_told_apart(program: Program) -> None:
    run = evaluation(program, "x")
    cases = [
        concept("x"),
        concept(None, "x"),
        concept("b", "x"),
        concept("x", "b"),
        concept("b", "b"),
        concept(None),
        concept("b", None),
    ]
    expected = [True, True, True, True, False, None, False]
    for _ in range(2):
        assert [run.function("Names", "Is Wanted", case) for case in cases] == expected
    assert run.function("Names", "Called", concept("x")) == "x"
    assert run.function("Names", "Called", concept("b", "x")) == "b"
    assert run.function("Names", "One Of Each", Code("1", None, None, "a"), concept("b")) is True
    assert run.function("Names", "One Of Each", Code("1", None, None, "b"), concept("a")) is False


def test_a_concept_without_a_list_of_codes_is_one_like_any_other(program: Program) -> None:
    nothing: Any = None
    run = evaluation(program, "x")
    assert run.function("Names", "Is Wanted", Concept(nothing, "x")) is True
    assert run.function("Names", "Is Wanted", Concept([], "x")) is True


def test_another_evaluation_knows_nothing_of_it(program: Program) -> None:
    assert evaluation(program, "x").function("Names", "Is Wanted", concept("x")) is True
    assert evaluation(program, "y").function("Names", "Is Wanted", concept("x")) is False


def test_only_texts_codes_and_concepts_are_keys(program: Program) -> None:
    """A search by itself is not kept: keeping costs as much."""
    run = evaluation(program, "x")
    assert run.function("Names", "Says", "axa", "x") is True
    assert run.results == {}

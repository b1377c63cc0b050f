"""What values rest on, where little of their traces is looked at."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.logic import NOW

from guideway.apply.provenance import Provenance
from guideway.cql.translator import BuiltinSource, translate
from guideway.engine.data import ResourceSource
from guideway.engine.program import compile_program
from guideway.engine.trace import Later
from guideway.terminology import ValueSetIndex

LOGIC = """
library Rows
using FHIR version '4.0.1'
include FHIRHelpers version '4.0.1'
context Patient

define "Results": [Observation]
define "Texts":
  {
    if exists ([Procedure] P where P.status.value = 'completed') then 'some' else 'none',
    'of ' + First("Results").id.value
  }
define "About Nothing": "Texts" T where T = 'none'

define function "Named"(result Observation):
  if result.id.value = 'one' then 'the first' else 'another'

define function "Worded"(text System.String): Combine(({ 'one', 'two', 'three' }) W where W != text, ' ')
define function "Words Of"(result Observation):
  if result.status.value = 'final' then "Worded"(result.id.value) else First([Procedure]).id.value

define "Noted": "Results" R let words: "Words Of"(R) where StartsWith(words, 'one') return Tuple { id: R.id.value, words: words }

define "First One": "Results" R where not exists ("Results" Other where Other.id.value < R.id.value)
define "Not The First": "Results" R where exists ("Results" Other where Other.id.value < R.id.value)
define "Before No Other": exists ("Results" R where exists ("Results" Other where Other.id.value < R.status.value))

define "No Row": Last("Results" R where R.id.value = 'three' sort by id.value)
define "Of No Row": "Named When Final"("No Row")
define function "Named When Final"(result Observation): if result.status.value = 'final' then "Named"(result) else null

define "Told": "Results" R where R.id.value = 'one' return Tuple { id: R.id.value, name: "Named"(R) }
"""
RESOURCES: list[dict[str, Any]] = [
    {"resourceType": "Patient", "id": "p"},
    {"resourceType": "Observation", "id": "one", "status": "final"},
    {"resourceType": "Observation", "id": "two", "status": "final"},
]


def trace_of(define: str) -> Any:
    result = translate(LOGIC, sources=BuiltinSource())
    assert not result.errors, result.errors
    program = compile_program(result.libraries)
    ran = program.evaluation(ResourceSource(RESOURCES), now=NOW, terminology=ValueSetIndex([]), trace=True)
    return ran.trace("Rows", define)


def rests_on(define: str) -> list[list[str]]:
    return [list(part) for part in Provenance().of(trace_of(define))]


def rows_made(node: Any) -> list[str]:
    """The names of the rows that there are nodes of."""
    names = [node.label] if node.kind == "Iteration" else []
    return [*names, *(name for child in node.known for name in rows_made(child))]


def test_an_item_of_a_list_that_rests_on_nothing_does_not_rest_on_the_others() -> None:
    found, needed, _ = rests_on("About Nothing")
    assert found == needed == []


def test_what_is_made_of_one_row_rests_on_that_row() -> None:
    found, needed, checked = rests_on("Told")
    assert (found, needed, checked) == (["Observation/one"], [], ["Observation/two"])


def test_what_is_inside_of_a_let_that_is_about_the_row_need_not_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Later] = []
    monkeypatch.setattr(Later, "made", lambda later: made.append(later) or ())
    assert rests_on("Noted") == [["Observation/two"], [], ["Observation/one"]]
    assert made == []


@pytest.mark.parametrize(
    ("define", "found", "needed", "checked"),
    [
        ("First One", ["one"], [], ["two"]),
        ("Not The First", ["two"], ["one"], []),
        ("Before No Other", [], [], ["one", "two"]),
    ],
)
def test_rows_that_are_compared_with_rows_around_them_need_not_be_made(
    define: str, found: list[str], needed: list[str], checked: list[str]
) -> None:
    trace = trace_of(define)
    parts = Provenance().of(trace)
    assert [[reference.partition("/")[2] for reference in part] for part in parts] == [found, needed, checked]
    assert "R" in rows_made(trace)
    assert "Other" not in rows_made(trace)


def test_what_certainly_came_from_nothing_did() -> None:
    for define in ("Results", "Texts", "Told", "First One", "Not The First", "Before No Other", "Noted", "No Row", "Of No Row"):
        trace = trace_of(define)
        found, needed, _ = Provenance().of(trace)
        assert not Provenance().came_from_nothing(trace) or not (found or needed), define
    for define in ("No Row", "Of No Row"):
        assert Provenance().came_from_nothing(trace_of(define)), define
    assert not Provenance().came_from_nothing(trace_of("Told"))

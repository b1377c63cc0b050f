"""Timing phrases with a distance: empty intervals, midnight, the end of time; and null intervals of ELM without types."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.logic import NOW, evaluation, fhir_library, program, value

from guideway.cql.translator import translate
from guideway.elm.codec import read_json, write_json
from guideway.engine.data import ResourceSource
from guideway.engine.errors import CqlRuntimeError
from guideway.engine.program import compile_program
from guideway.terminology import ValueSetIndex


def from_json(expression: str, before: str = "") -> Any:
    """The value of an expression whose ELM went through JSON, which carries no types."""
    made = translate(f"library Test\n{before}\ndefine X: {expression}", file="Test.cql").library
    assert made is not None
    library = read_json(write_json(made))
    return compile_program([library]).evaluation(ResourceSource(()), now=NOW, terminology=ValueSetIndex(())).define("Test", "X")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("@2012-01-03 less than 1 day after @2012-01-01", False),
        ("@2012-02-10 less than 3 weeks after @2012-02", None),
        ("@2012-05-10 less than 6 months after @2012", None),
        ("@2012-02-10 3 hours or less after @2012-02-09", False),
        ("@T23:30 within 1 hour of @T23:45", True),
        ("@T00:30 within 1 hour of @T23:45", True),
        ("@T12:30 within 1 hour of @T23:45", False),
        ("@2012-02-01 within 3 weeks of start Interval[null, @2012-01-05]", False),
        ("@2012-02-01 3 months or less after end Interval[@2012-01-05, null]", False),
        ("@2012-02-01 more than 2 days after end Interval[@2012-01-05, null]", False),
        ("@2012-02-01 2 days or more after end Interval[@2012-01-05, null]", False),
        ("@2012-02-01 more than 2 days before start Interval[null, @2012-01-05]", False),
        ("@9999-12-31 1 day or more after end Interval[@2012-01-05, null]", False),
        ("@9999-12-31 same or before @9999-12-31 + 1 day", True),
        ("@2012-01-02 1 day after @2012-01-01", True),
    ],
)
def test_a_distance_is_no_error_where_nothing_is_within_it(expression: str, expected: bool | None) -> None:
    assert value(expression) is expected
    assert value(expression, trace=True) is expected
    assert from_json(expression) is expected


@pytest.mark.parametrize(
    "expression",
    [
        "Interval[5, 5)",
        "5 in Interval(4, 5)",
        "@2012 in Interval[@2013, @2012]",
        "5 in Interval[3 + 3, 5]",
        "@9999-12-31 + 1 day",
    ],
)
def test_what_an_author_wrote_stays_an_error(expression: str) -> None:
    with pytest.raises(CqlRuntimeError):
        value(expression)


def test_an_ongoing_period_has_no_distance_after_its_end() -> None:
    made = program(
        fhir_library(
            """context Patient
define A: exists ([Encounter] E with [Observation] O such that O.effective starts 3 months or less after end of E.period)
define B: exists ([Encounter] E with [Observation] O such that O.effective starts within 3 days of end E.period)
define C: exists ([Encounter] E with [Observation] O such that O.effective starts more than 2 days after end of E.period)
define D: exists ([Encounter] E with [Observation] O such that O.effective starts 1 day or more after end E.period)
"""
        )
    )
    resources = [
        {"resourceType": "Encounter", "id": "e", "status": "in-progress", "period": {"start": "2012-05-01T10:00:00Z"}},
        {"resourceType": "Observation", "id": "o", "status": "final", "effectiveDateTime": "2012-06-01T10:00:00Z"},
    ]
    found = evaluation(made, resources)
    assert [found.define("Test", name) for name in "ABCD"] == [False, False, False, False]


NONE = "define Dates: { @2012-01-01, @2012-01-02 }\ndefine None: First(Dates D where D > @2020-01-01)"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("@2012-01-01 in Interval[None, None]", True),
        ("Interval[None, None] is null", False),
        ("Interval[null, null] is null", True),
        ("5 in Interval[First({ null as Integer }), First({ null as Integer })]", True),
        ("@2013-03-01 starts less than 5 days after start Interval(null, @2013-03-10]", None),
    ],
)
def test_intervals_between_nulls_are_the_same_in_elm_without_types(expression: str, expected: bool | None) -> None:
    expression = expression.replace("@2013-03-01 starts", "Interval[@2013-03-01, @2013-03-02] starts")
    assert value(expression, NONE) is expected
    assert from_json(expression, NONE) is expected


@pytest.mark.parametrize("trace", [False, True])
def test_distances_of_a_day_or_more_take_in_every_time_of_day(trace: bool) -> None:
    expected = {
        "@T10:00 within 24 hours of @T12:00": True, "@T10:00 within 30 hours of @T12:00": True,
        "@T10:00 within 12 hours of @T23:00": True, "@T10:00 within 10 hours of @T23:00": False,
        "@T23 within 30 hours of @T12:00": True, "@T10:00 30 hours or less after @T12:00": True,
        "@T10:00 25 hours or less before @T11:00": True, "@T12:00 24 hours or less after @T12:00": True,
        "@T12:00 less than 24 hours after @T12:00": False, "@T11:59 less than 24 hours after @T12:00": True,
        "@T10:00 21 hours or less after @T12:00": False, "@T00:10 within 1 hour of @T23:30": True,
        "@T01:00 90000000000 hours or less after @T12:00": True, "null as Time within 24 hours of @T12:00": None,
    }  # fmt: skip
    assert {text: value(text, trace=trace) for text in expected} == expected

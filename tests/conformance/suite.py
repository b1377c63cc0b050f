"""The public CQL test suite: reading its files, running a test in process, comparing the result.

The format is http://hl7.org/fhirpath/tests: groups of tests, each with an expression and an expected output (CQL text too), or
``invalid``: the expression must fail.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from guideway.cql.conversions import Promotions
from guideway.cql.translator import DEFAULT_OPTIONS, EXPRESSION_NAME, TranslationOptions, translate_expression
from guideway.diagnostics import GuidewayError
from guideway.elm.codec import read_json, write_json
from guideway.engine.data import ResourceSource
from guideway.engine.operators.interval import shown
from guideway.engine.operators.points import lower, upper
from guideway.engine.program import compile_program
from guideway.engine.values import Code, Concept, Date, DateTime, Interval, Long, Quantity, Ratio, Time

NAMESPACE = "{http://hl7.org/fhirpath/tests}"
NOW = DateTime.parse("2024-03-15T10:30:00.000Z")


OUTPUT_OPTIONS = TranslationOptions(promotions=Promotions(list_promotion=True))
"""Expected outputs leave out the braces of a list of one (``Concept { codes: Code {...} }``)."""


TALLY: dict[str, tuple[int, int, int]] = {}
"""Passed, disputed and all tests of each file that was run, for the summary of the test run."""


class Failed(Exception):
    """The expression cannot be translated or evaluated."""


class Case(NamedTuple):
    """One test of the suite."""

    file: str
    group: str
    name: str
    expression: str
    invalid: str | None
    output: str | None


def read(path: Path) -> list[Case]:
    """The tests of one file, in order."""
    cases = []
    for group in ElementTree.parse(path).getroot().iter(f"{NAMESPACE}group"):
        for test in group.iter(f"{NAMESPACE}test"):
            expression, output = test.find(f"{NAMESPACE}expression"), test.find(f"{NAMESPACE}output")
            assert expression is not None
            expected = None if output is None else (output.text or "").strip()
            cases.append(
                Case(
                    path.stem,
                    group.get("name", ""),
                    test.get("name", ""),
                    expression.text or "",
                    expression.get("invalid"),
                    expected,
                )
            )
    return cases


def evaluate(text: str, options: TranslationOptions = DEFAULT_OPTIONS, *, trace: bool = False, as_json: bool = False) -> Any:
    """The value of a CQL expression; ``Failed`` with the reason where there is none.

    ``trace`` runs the traced code; ``as_json`` sends the ELM through JSON and back first.
    """
    result = translate_expression(text, options=options)
    if result.library is None:
        raise Failed("\n".join(diagnostic.as_text() for diagnostic in result.errors))
    libraries = result.libraries
    if as_json:
        libraries = [read_json(json.dumps(write_json(library)).encode()) for library in libraries]
    try:
        evaluation = compile_program(libraries).evaluation(ResourceSource(), now=NOW, trace=trace)
        return evaluation.define("Expressions", EXPRESSION_NAME)
    except GuidewayError as error:
        raise Failed(str(error)) from None


def outcome(text: str, **how: bool) -> Any:
    """The value of an expression, or the class ``Failed``."""
    try:
        return evaluate(text, **how)
    except Failed:
        return Failed


def same(expected: Any, actual: Any) -> bool:
    """Whether a result is the expected one: structure, numbers by value, dates with their precision, intervals by their ends."""
    expected, actual = shown(expected), shown(actual)
    if isinstance(expected, bool) or isinstance(actual, bool) or expected is None or actual is None:
        return expected is actual
    if isinstance(expected, int | Decimal) and isinstance(actual, int | Decimal):
        return expected == actual and isinstance(expected, Long) == isinstance(actual, Long)
    if isinstance(expected, Date | DateTime) and isinstance(actual, Date | DateTime):
        # The text of an expected Date may stand for a DateTime: it is converted implicitly.
        return (expected.ticks, expected.precision, expected.offset or 0) == (actual.ticks, actual.precision, actual.offset or 0)
    if isinstance(expected, Interval) and isinstance(actual, Interval):
        return all(
            same(bound(expected), bound(actual))
            for bound in (lambda value: shown(lower(value)), lambda value: shown(upper(value)))
        )
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(same(*pair) for pair in zip(expected, actual))
    if isinstance(expected, dict) and isinstance(actual, dict):
        return expected.keys() == actual.keys() and all(same(value, actual[name]) for name, value in expected.items())
    if isinstance(expected, Quantity) and isinstance(actual, Quantity):
        return expected.value == actual.value and (expected.unit or "1") == (actual.unit or "1")
    if isinstance(expected, str | Date | Time | Ratio | Code | Concept):
        return type(expected) is type(actual) and expected == actual
    return False


def verdict(case: Case) -> str | None:
    """None where the test passes; else what went wrong."""
    try:
        actual = evaluate(case.expression)
    except Failed as error:
        if case.invalid:
            return None
        return f"failed: {error}"
    if case.invalid in ("true", "semantic"):
        return f"gave {actual!r} where it must fail"
    try:
        expected = evaluate(case.output or "null", OUTPUT_OPTIONS)
    except Failed as error:
        return f"the expected output {case.output!r} cannot be read: {error}"
    return None if same(expected, actual) else f"gave {actual!r}, not {expected!r}"

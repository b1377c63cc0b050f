"""The public CQL suite, in process: every test passes but the disputed ones (disputed.yaml)."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.conformance.suite import NOW, TALLY, Case, Failed, outcome, read, same, verdict
from tests.engine.traces import at_once, lines_of
from tests.shared import shared_folder

from guideway.cql.translator import translate
from guideway.diagnostics import GuidewayError
from guideway.engine.data import ResourceSource
from guideway.engine.program import compile_program

DISPUTED = {row["name"]: row for row in yaml.safe_load((Path(__file__).parent / "disputed.yaml").read_text(encoding="utf-8"))}

FILES = [
    "CqlAggregateFunctionsTest", "CqlAggregateTest", "CqlArithmeticFunctionsTest", "CqlComparisonOperatorsTest",
    "CqlConditionalOperatorsTest",
    "CqlDateTimeOperatorsTest", "CqlErrorsAndMessagingOperatorsTest", "CqlIntervalOperatorsTest", "CqlListOperatorsTest",
    "CqlLogicalOperatorsTest", "CqlNullologicalOperatorsTest", "CqlQueryTests", "CqlStringOperatorsTest",
    "CqlTypeOperatorsTest", "CqlTypesTest",
    "ValueLiteralsAndSelectors",
]  # fmt: skip


@pytest.mark.parametrize("file", FILES)
def test_suite(file: str) -> None:
    cases = read(shared_folder("conformance/cql-tests") / f"{file}.xml")
    found: dict[Case, str] = {}
    for case in cases:
        problem = verdict(case)
        if problem is not None:
            found[case] = problem
    disputed = [case for case in found if case.name in DISPUTED]
    TALLY[file] = (len(cases) - len(found), len(disputed), len(cases))
    wrong = [
        f"{case.group}/{case.name}: {' '.join(case.expression.split())}\n    {text}"
        for case, text in found.items()
        if case not in disputed
    ]
    assert not wrong, "\n".join(wrong)
    unneeded = [case.name for case in cases if case.name in DISPUTED and case not in found]
    assert not unneeded, f"these pass now and must leave disputed.yaml: {unneeded}"


@pytest.mark.parametrize("file", FILES)
def test_traced_code_and_elm_read_from_json_give_the_same(file: str) -> None:
    for case in read(shared_folder("conformance/cql-tests") / f"{file}.xml"):
        plain = outcome(case.expression)
        for other in (outcome(case.expression, trace=True), outcome(case.expression, as_json=True)):
            assert (plain is Failed and other is Failed) or same(plain, other), case.name


@pytest.mark.full
@pytest.mark.parametrize("file", FILES)
def test_traces_inside_functions_and_conditions_of_rows_are_the_same_later(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each expression as the body of a function, and as what a row's condition is about."""
    compared = 0
    for case in read(shared_folder("conformance/cql-tests") / f"{file}.xml"):
        text = f"""library X
            define function "It"(given Integer): {case.expression}
            define "Called": It(1)
            define "Asked": ({{1, 2}}) N where N > 0 and (({case.expression}) is not null or N = 2) and It(N) is not null"""
        result = translate(text)
        if result.errors:
            continue
        found = []
        for program in (at_once(result.libraries, monkeypatch), compile_program(result.libraries)):
            ran = program.evaluation(ResourceSource([]), now=NOW, trace=True)
            for name in ("Called", "Asked"):
                try:
                    found.append(lines_of(ran.trace("X", name)))
                except GuidewayError as error:
                    found.append([error.message.partition(": ")[2]])
        assert found[:2] == found[2:], case.name
        compared += len(found[0])
    assert compared


def test_the_list_of_disputed_tests_stays_short_and_gives_its_proofs() -> None:
    assert len(DISPUTED) <= 5
    assert all(row["proof"] and row["returned"] for row in DISPUTED.values())


def test_no_file_is_left_out() -> None:
    assert sorted(path.stem for path in shared_folder("conformance/cql-tests").glob("*.xml")) == sorted(FILES)

"""Traces that are made when somebody looks: the same as those that are made at once, and made no sooner."""

from __future__ import annotations

import gc
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.engine.logic import NOW
from tests.engine.traces import at_once, lines_of

from guideway.cql.translator import BuiltinSource, FolderSource, SourceChain, translate
from guideway.diagnostics import GuidewayError
from guideway.engine.data import ResourceSource
from guideway.engine.program import Program, compile_program
from guideway.engine.trace import TraceNode
from guideway.terminology import ValueSetIndex

ORACLE = Path(__file__).parent.parent / "oracle"
BUNDLE = json.loads((ORACLE / "patient.json").read_text("utf-8"), parse_float=Decimal)
COUNTS = {
    "resourceType": "ValueSet",
    "url": "http://example.org/ValueSet/counts",
    "compose": {"include": [{"system": "http://loinc.org", "concept": [{"code": "751-8"}, {"code": "777-3"}]}]},
}

LOGIC = """
library Counts
using FHIR version '4.0.1'
include FHIRHelpers version '4.0.1'
context Patient

define "As Of": Now()

define function "Day Of"(result Observation):
  date from (result.effective as FHIR.dateTime).value

define function "Is Final"(result Observation):
  result.status.value in { 'final', 'amended', 'corrected' }

define function "Newest"(results List<Observation>):
  Last(results R where "Is Final"(R) and "Day Of"(R) same or before "As Of" sort by (effective as FHIR.dateTime).value)

define function "Value Of"(result Observation):
  result.value as FHIR.Quantity

define function "Last Two"(results List<Observation>, least Integer):
  if Count(results) < least then null else results R where "Is Final"(R) return R

define function "Days"(result Observation): Length(result.status.value) + Length(result.id.value)
define function "Days"(results List<Observation>): Max(results R return all "Days"(R))
define function "Weeks"(result Observation): "Days"(result) / 7.0

define "Results": [Observation]
define "Weeks Of The First": "Weeks"(First("Results"))
define "Newest Result": "Newest"("Results")
define "Newest Value": "Value Of"("Newest Result")
define "Enough": Count("Last Two"("Results", 2)) >= 2
define "Late Results":
  "Results" R
    let taken: "Day Of"(R)
    with "Results" Other such that "Day Of"(Other) before taken and Other.id.value != R.id.value
    where "Is Final"(R) and taken same or before "As Of" and taken is not null
    return "Value Of"(R)
define "Early": exists ("Results" R where "Day Of"(R) before @2020-01-01 or "Day Of"(R) is null)
"""


def traces(program: Program, name: str, *, looked: bool = False) -> dict[str, Any]:
    """The trace of every define as text; errors by their place and message. ``looked``: not before all of them are made."""
    source = ResourceSource(entry["resource"] for entry in BUNDLE["entry"])
    ran = program.evaluation(source, now=NOW, terminology=ValueSetIndex([COUNTS]), trace=True)
    seen: dict[int, int] = {}
    found: dict[str, Any] = {}
    for define in program.library(name).defines:
        try:
            node = ran.trace(name, define)
            found[define] = node if looked else lines_of(node, seen)
        except GuidewayError as error:
            found[define] = f"{type(error).__name__}: {error}"
    if looked:
        found = {name: lines_of(node, seen) if isinstance(node, TraceNode) else node for name, node in found.items()}
    return found


@pytest.mark.parametrize("path", sorted((ORACLE / "libraries").glob("*.cql")), ids=lambda path: path.stem)
def test_traces_are_those_that_are_made_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = translate(path.read_text("utf-8"), sources=SourceChain(FolderSource(path.parent), BuiltinSource()))
    expected = traces(at_once(result.libraries, monkeypatch), path.stem)
    program = compile_program(result.libraries)
    assert expected
    assert traces(program, path.stem) == expected
    assert traces(program, path.stem, looked=True) == expected


def counts() -> tuple[Program, Any]:
    result = translate(LOGIC, sources=BuiltinSource())
    assert not result.errors, result.errors
    return compile_program(result.libraries), result.libraries


def test_functions_and_conditions_of_rows_say_the_same_later(monkeypatch: pytest.MonkeyPatch) -> None:
    program, libraries = counts()
    expected = traces(at_once(libraries, monkeypatch), "Counts")
    assert sum(len(lines) for lines in expected.values()) > 300
    assert traces(program, "Counts") == expected
    assert traces(program, "Counts", looked=True) == expected
    assert traces(Program.loads(program.dumps()), "Counts") == expected


def ran() -> Any:
    source = ResourceSource(entry["resource"] for entry in BUNDLE["entry"])
    return counts()[0].evaluation(source, now=NOW, terminology=ValueSetIndex([COUNTS]), trace=True)


def unmade(node: TraceNode) -> list[TraceNode]:
    """The nodes below one whose children have not been made, found without making any."""
    found, pending = [], [node]
    while pending:
        current = pending.pop()
        if current.later is not None:
            found.append(current)
        pending += current.known
    return found


def test_what_is_given_is_known_before_the_body_is_made() -> None:
    (call,) = unmade(ran().trace("Counts", "Newest Result"))
    assert call.operands == ("results",)
    assert [child.kind for child in call.known] == ["ExpressionRef"]
    assert call.later is not None
    assert call.later.names == ("results",)
    assert call.later.reads_only(set(call.all_resources()))
    assert call.later is None
    assert len(call.children) == 2
    assert call.known == call.children
    assert call.operands == ("results",)


def test_what_calls_a_function_with_a_namesake_that_calls_it_is_made_when_somebody_looks() -> None:
    (call,) = unmade(ran().trace("Counts", "Weeks Of The First"))
    assert (call.label, call.operands) == ("Weeks", ("result",))


def test_conditions_of_rows_are_made_when_somebody_looks() -> None:
    node = ran().trace("Counts", "Late Results")
    names = {current.later.names for current in unmade(node) if current.later is not None}
    assert ("R", "") in names
    assert ("Other", "", "R") in names
    assert not any(current.later.reads_only(()) for current in unmade(node) if current.later is not None)
    assert node.all_reads()
    assert unmade(node) == []


def test_rows_that_stand_alone_are_made_when_somebody_looks() -> None:
    (query,) = [node for node in ran().trace("Counts", "Early").walk() if node.kind == "Query"]
    assert query.rows is None
    (query,) = ran().trace("Counts", "Early").children[0].known
    assert query.rows is not None
    assert [child.kind for child in query.known] == ["ExpressionRef"]
    assert query.rows.items == query.known[0].value
    assert query.rows is not None
    assert [child.kind for child in query.children[1:]] == ["Iteration"] * len(query.known[0].value)
    assert query.rows is None
    assert all(row.children[0].later is not None for row in query.children[1:])


def test_what_gives_elements_of_resources_is_traced_at_once() -> None:
    node = ran().trace("Counts", "Newest Value")
    call = node.children[0]
    assert call.kind == "FunctionRef"
    assert call.later is None
    assert call.children[-1].children[0].reads


FAILS = """
library Fails
define function "Some Are Last"(numbers List<Integer>):
  exists (numbers N where singleton from (numbers M where M >= N) >= 0)
define "Some": "Some Are Last"({3, 1})
"""


def test_a_body_that_fails_when_all_of_it_is_evaluated_has_no_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain code stops at the first row that there is; traced code looks at all."""
    result = translate(FAILS, sources=BuiltinSource())
    assert not result.errors, result.errors
    node = compile_program(result.libraries).evaluation(ResourceSource([]), now=NOW, trace=True).trace("Fails", "Some")
    assert node.value is True
    assert len(node.children[0].children) == 1
    with pytest.raises(GuidewayError):
        at_once(result.libraries, monkeypatch).evaluation(ResourceSource([]), now=NOW, trace=True).trace("Fails", "Some")


def test_traces_that_are_let_go_leave_nothing_behind() -> None:
    def nodes() -> int:
        return sum(type(each) is TraceNode for each in gc.get_objects())

    evaluation = ran()
    gc.collect()
    before = nodes()
    gc.disable()
    try:
        evaluation.trace("Counts", "Late Results")
        assert nodes() > before
        evaluation.forget_traces()
        assert nodes() == before
    finally:
        gc.enable()


TOLD = """
library Told
using FHIR version '4.0.1'
include FHIRHelpers version '4.0.1'
parameter Most Integer
parameter Least Integer default 3
context Patient
define function "Says"(name String, word String): PositionOf(' ' + word + ' ', ' ' + name + ' ') >= 0
define function "Says Either"(name String, one String, other String): "Says"(name, one) or "Says"(name, other)
define function "Between"(number Integer): number + Least > 4 and number < Most
define "Strict": "Says"('a b', 'b')
define "Choosing": "Says Either"('a b', 'b', 'c')
define "Asking": "Between"(2)
"""


def test_what_is_told_of_a_body_before_it_is_made() -> None:
    """Whether it always rests on all names that it mentions; which parameters that may have no value it is about."""
    result = translate(TOLD, sources=BuiltinSource())
    assert not result.errors, result.errors
    program = compile_program(result.libraries)

    def body(name: str, **parameters: Any) -> Any:
        evaluation = program.evaluation(ResourceSource([]), now=NOW, trace=True, parameters=parameters)
        define = evaluation.trace("Told", name)
        assert define.later is not None  # it reads nothing
        assert define.later.names == ()
        assert len(define.children) == 1
        (call,) = unmade(define)
        return call.later

    assert body("Strict").straight == ("word", "name")
    assert body("Strict").is_plain()
    assert body("Choosing").straight is None
    assert body("Asking").asks == ("Most",)
    assert body("Asking").asks_only({"Most"})
    assert not body("Asking").asks_only(set())
    assert not body("Asking", Least=None).asks_only({"Most"})
    assert body("Strict").reads_none_of("Patient")

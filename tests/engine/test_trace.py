"""The trace: every sub-value, the resources and elements that were read, and why a null is null."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.engine.logic import evaluation, fhir_library, observation, patient, program

from guideway.diagnostics import GuidewayError
from guideway.engine.data import ResourceSource
from guideway.engine.errors import CqlRuntimeError
from guideway.engine.trace import TraceNode

BODY = """codesystem "Labs": 'http://example.org/labs'
code "Hb": 'hb' from "Labs"
code "Plt": 'plt' from "Labs"
context Patient
define "Newest": Last([Observation: "Hb"] O where O.status = 'final' sort by (effective as FHIR.dateTime).value)
define "Value": "Newest".value as Quantity
define "Low": "Value" < 12 'g/dL'
define "Platelets": Last([Observation: "Plt"] O sort by (effective as FHIR.dateTime).value).value as Quantity
define "Both": "Low" and "Platelets" < 100 'g/dL'
define "Twice": "Low" or "Low"
define "Inner": First("Newest".code.coding).code
define "Branch": if "Low" then "Platelets" else "Value"
"""
DATA = [patient(), observation("a", "hb", Decimal("13.5"), "2025-01-01"), observation("b", "hb", Decimal("11.5"), "2025-02-01")]


def traced(define: str, data: list[dict[str, Any]] = DATA) -> TraceNode:
    return evaluation(program(fhir_library(BODY)), data, trace=True).trace("Test", define)


def find(node: TraceNode, kind: str, label: str | None = None) -> TraceNode:
    return next(n for n in node.walk() if n.kind == kind and label in (None, n.label))


def test_the_tree_has_every_sub_expression_with_its_value_and_place() -> None:
    root = traced("Low")
    assert (root.kind, root.label, root.library, root.define, root.value) == ("ExpressionDef", "Low", "Test", "Low", True)
    (less,) = root.children
    assert (less.kind, less.value) == ("Less", True)
    assert less.locator is not None
    assert less.locator.startswith("10:")
    assert [child.kind for child in less.children] == ["FunctionRef", "Quantity"]
    assert find(root, "ExpressionRef", "Value").children[0].label == "Value"
    assert find(root, "Quantity").label == "12 g/dL"


def test_resources_and_elements_that_were_read() -> None:
    root = traced("Low")
    assert find(root, "Retrieve").resources == ("Observation/a", "Observation/b")
    assert find(root, "Property", "value").reads == (("Observation/b", "value"),)
    assert set(root.all_resources()) == {"Observation/a", "Observation/b"}
    assert ("Observation/a", "status") in root.all_reads()
    assert ("Observation/b", "effective") in root.all_reads()


def test_elements_of_elements_are_named_by_their_path() -> None:
    root = traced("Inner")
    assert root.value.value == "hb"
    assert ("Observation/b", "code.coding") in root.all_reads()
    assert ("Observation/b", "code.coding[0].code") in root.all_reads()


def test_rows_of_a_query_are_told_apart() -> None:
    rows = [n for n in traced("Newest").walk() if n.kind == "Iteration"]
    assert [(row.label, row.value.id) for row in rows] == [("O", "a"), ("O", "b")]


def test_a_define_is_traced_once_and_shared() -> None:
    ran = evaluation(program(fhir_library(BODY)), DATA, trace=True)
    root = ran.trace("Test", "Both")
    low = ran.trace("Test", "Low")
    assert any(node is low for node in root.walk())
    assert sum(node is low for node in root.walk()) == 1


@pytest.mark.parametrize(
    ("define", "kind", "library_define"),
    [("Both", "Last", "Platelets"), ("Branch", "Last", "Platelets")],
)
def test_a_null_is_followed_to_where_it_came_from(define: str, kind: str, library_define: str) -> None:
    root = traced(define)
    assert root.value is None
    cause = root.null_cause()
    assert cause is not None
    assert (cause.kind, cause.define) == (kind, library_define)
    assert traced("Low").null_cause() is None


def test_an_error_leaves_the_trace_of_other_defines_whole() -> None:
    made = program("library T\ndefine A: 1 + Message(1, true, 'x', 'Error', 'stop')\ndefine B: 1 + 2")
    ran = evaluation(made, trace=True)
    with pytest.raises(CqlRuntimeError, match="stop"):
        ran.define("T", "A")
    root = ran.trace("T", "B")
    assert [child.kind for child in root.children] == ["Add"]
    assert root.children[0].children[0].value == 1


def test_a_trace_must_be_asked_for() -> None:
    with pytest.raises(GuidewayError, match="without a trace"):
        evaluation(program("library T\ndefine A: 1")).trace("T", "A")


def test_related_rows_are_told_apart_from_the_rows_they_qualify() -> None:
    body = """
define "Related":
  [Observation] O with [Observation] L such that L.id = 'b' where O.id = 'b' return all O.id
define "Alone": [Observation] O without [Observation] L such that L.id = O.id
"""
    ran = evaluation(program(fhir_library(body)), DATA, trace=True)
    query = find(ran.trace("Test", "Related"), "Query")
    first, second = (row for row in query.children if row.kind == "Iteration")
    assert not hasattr(first, "kept")
    assert [child.kind for child in second.children[: second.kept]] == ["With", "Equal"]
    assert [child.kind for child in second.children[second.kept :]] == ["Property"]
    clause = second.children[0]
    assert (clause.value, [row.value.id for row in clause.children]) == (True, ["a", "b"])
    assert clause.source.kind == "Retrieve"
    without = find(ran.trace("Test", "Alone"), "Without")
    assert (without.value, [child.kind for child in without.children]) == (True, ["Iteration"])


def test_the_operands_of_a_call_are_told_apart_from_its_body() -> None:
    body = """
define function "Newer"(every List<Observation>, than String): every O where O.id > than
define "Found": "Newer"([Observation], 'a')
"""
    ran = evaluation(program(fhir_library(body)), DATA, trace=True)
    call = find(ran.trace("Test", "Found"), "FunctionRef")
    assert call.operands == ("every", "than")
    assert [child.kind for child in call.children] == ["Retrieve", "Literal", "Query"]


def test_only_what_was_evaluated_is_below() -> None:
    body = """
define "Settled": false and 1 = 1
define "Open": true and (if 1 = 2 then 'a' else 'b') = 'b'
define "Chosen": case when 1 = 2 then 'a' when 2 = 2 then 'b' when 3 = 3 then 'c' else 'd' end
"""
    ran = evaluation(program(fhir_library(body)), trace=True)
    assert [child.label for child in find(ran.trace("Test", "Settled"), "And").children] == ["false"]
    assert [child.kind for child in find(ran.trace("Test", "Open"), "If").children] == ["Equal", "Literal"]
    case = find(ran.trace("Test", "Chosen"), "Case")
    assert [(child.kind, child.value) for child in case.children] == [("Equal", False), ("Equal", True), ("Literal", "b")]


def test_the_body_of_a_function_belongs_to_the_define_that_calls_it() -> None:
    body = """
define function "Half"(whole Integer): whole / 2
define function "Quarter"(whole Integer): "Half"(ToInteger(ToString("Half"(whole)))) + 0
define "Two": 2
define "Small": "Quarter"("Two" + 2)
define "Both": {"Half"("Two"), "Small", "Half"(4)}
"""
    ran = evaluation(program(fhir_library(body)), trace=True)
    assert {node.define for node in ran.trace("Test", "Small").walk() if node.kind == "Divide"} == {"Small"}
    both = ran.trace("Test", "Both")
    own = [child for child in find(both, "List").children if child.kind == "FunctionRef"]
    assert [{node.define for node in call.walk() if node.kind == "Divide"} for call in own] == [{"Both"}, {"Both"}]


def test_a_define_seen_from_outside_of_patients_has_a_trace_for_each() -> None:
    body = """
context Patient
define "Id": First([Patient] P return P.id.value)
context Unfiltered
define "Ids": "Id"
"""
    sources = [ResourceSource([patient(id=name)]) for name in ("p", "q")]
    ran = evaluation(program(fhir_library(body)), trace=True, population=sources)
    reference = find(ran.trace("Test", "Ids"), "ExpressionRef")
    assert [(child.kind, child.value) for child in reference.children] == [("ExpressionDef", "p"), ("ExpressionDef", "q")]

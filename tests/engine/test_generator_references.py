"""Defines, functions, parameters and included libraries."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.engine.logic import FHIR, SYSTEM, evaluation, integer, libraries, program, value

from guideway.diagnostics import GuidewayError
from guideway.elm import nodes
from guideway.elm.codec import read_json, write_json
from guideway.engine.errors import CqlRuntimeError
from guideway.engine.program import compile_program

SHARED = """library Shared version '1.0'
parameter Factor Integer default 3
define Base: 7
define function Times(x Integer): x * Factor
define function Times(x String): x + x
define fluent function doubled(x Integer): x * 2
define Broken: 1 + Message(1, true, 'E1', 'Error', 'on purpose')
"""

MAIN = """library Main version '2.0'
include Shared version '1.0' called S
parameter Limit Decimal default 2.5
parameter Open Integer
define Own: S.Base + 1
define Number: S.Times(4)
define Text: S.Times('ab')
define Fluent: (5).doubled()
define Limited: Limit * 2
define Opened: Open
define Fails:
  S.Broken
define function Add(a Integer, b Integer): a + b
"""


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize("stored", [False, True])
def test_references_across_libraries(trace: bool, stored: bool) -> None:
    made = program(MAIN, SHARED)
    if stored:
        made = type(made).loads(made.dumps())
    ran = evaluation(made, trace=trace)
    found = {name: ran.define("Main", name) for name in ("Own", "Number", "Text", "Limited", "Opened")}
    assert found == {"Own": 8, "Number": 12, "Text": "abab", "Limited": Decimal("5.0"), "Opened": None}
    assert ran.function("Main", "Add", 2, 3) == 5
    assert ran.define("Main|2.0", "Own") == 8


def test_parameters_are_given_by_name_and_checked() -> None:
    made = program(MAIN, SHARED)
    assert evaluation(made, parameters={"Limit": 4}).define("Main", "Limited") == Decimal(8)
    assert evaluation(made, parameters={"Shared.Factor": 5, "Factor": 100}).define("Main", "Number") == 20
    assert evaluation(made, parameters={"Limit": None}).define("Main", "Limited") is None
    with pytest.raises(CqlRuntimeError, match="the parameter 'Open' of Main is a Integer, not a String"):
        evaluation(made, parameters={"Open": "five"}).define("Main", "Opened")


def test_errors_name_the_innermost_library_define_and_place() -> None:
    for trace in (False, True):
        with pytest.raises(CqlRuntimeError, match="on purpose") as caught:
            evaluation(program(MAIN, SHARED), trace=trace).define("Main", "Fails")
        assert (caught.value.library, caught.value.define) == ("Shared", "Broken")
        assert str(caught.value).startswith("Shared.Broken (7:")


def test_unknown_names_are_answered_with_the_nearest() -> None:
    ran = evaluation(program(MAIN, SHARED))
    with pytest.raises(GuidewayError, match=r"Main defines no 'Limitd'\. Did you mean 'Limited'\?"):
        ran.define("Main", "Limitd")
    with pytest.raises(GuidewayError, match="There is no library 'Mian'"):
        ran.define("Mian", "Limited")
    with pytest.raises(GuidewayError, match="no function 'Add' with 1"):
        ran.function("Main", "Add", 1)


def test_each_define_is_evaluated_once() -> None:
    made = program("library T\ndefine A: Message(1, true, 'x', 'Message', 'once')\ndefine B: A + A\ndefine C: A + B")
    ran = evaluation(made)
    assert (ran.define("T", "C"), ran.define("T", "A")) == (3, 1)
    assert [message.text for message in ran.messages] == ["once"]


def test_overloads_without_signatures_or_types_are_chosen_by_the_values() -> None:
    made = [read_json(write_json(library, annotations=False)) for library in libraries(MAIN, SHARED)]
    for library in made:
        for statement in library.statements:
            if isinstance(statement.expression, nodes.FunctionRef):
                statement.expression.signature = []
                for operand in statement.expression.operand:
                    operand.result_type = None
    ran = evaluation(compile_program(made))
    assert [ran.define("Main", name) for name in ("Number", "Text")] == [12, "abab"]


def overloaded(operand: nodes.Expression) -> nodes.Library:
    functions = [
        nodes.FunctionDef(
            name="F",
            operand=[nodes.OperandDef(name="x", operandType=f"{SYSTEM}{kind}")],
            expression=nodes.Literal(valueType=f"{SYSTEM}String", value=kind),
        )
        for kind in ("Integer", "Decimal", "String")
    ]
    call = nodes.FunctionRef(name="F", operand=[operand])
    statements = [*functions, nodes.ExpressionDef(name="X", context="Patient", expression=call)]
    return nodes.Library(identifier=nodes.VersionedIdentifier(id="T"), statements=statements)


def test_an_overload_that_no_value_fits_is_an_error() -> None:
    unknown = nodes.First(source=nodes.List(element=[nodes.Quantity(value=Decimal(1), unit="mg")]))
    with pytest.raises(CqlRuntimeError, match=r"no overload of the function F takes \(Quantity\)"):
        evaluation(compile_program([overloaded(unknown)])).define("T", "X")
    known = nodes.First(source=nodes.List(element=[integer(1)]))
    assert evaluation(compile_program([overloaded(known)])).define("T", "X") == "Integer"


def test_external_functions_are_provided_by_the_caller() -> None:
    made = program("library T\ndefine function Half(x Integer) returns Integer: external\ndefine X: Half(8)")
    assert evaluation(made, externals={"Half": lambda x: x // 2}).define("T", "X") == 4
    with pytest.raises(CqlRuntimeError, match="external function 'Half' is not provided"):
        evaluation(made).define("T", "X")


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        (nodes.ExpressionRef(name="Nothing", locator="4:2-4:9"), "T 4:2-4:9 .*T defines no 'Nothing'"),
        (nodes.ParameterRef(name="Nothing"), "no parameter 'Nothing'"),
        (nodes.FunctionRef(name="Nothing"), "no function 'Nothing'"),
        (nodes.ValueSetRef(name="Nothing"), "no value set 'Nothing'"),
        (nodes.CodeRef(name="Nothing"), "no code is called 'Nothing'"),
        (nodes.AliasRef(name="A"), "no alias is called 'A'"),
        (nodes.OperandRef(name="x"), "no operand is called 'x'"),
        (nodes.IdentifierRef(name="Nothing"), "'Nothing' cannot be resolved"),
        (nodes.ExpressionRef(name="A", libraryName="Other"), "no included library is called 'Other'"),
        (nodes.Search(path="x"), "the ELM node Search is not supported"),
        (nodes.Literal(valueType=f"{SYSTEM}Integer", value="one"), "'one' is no literal of type Integer"),
        (nodes.Literal(valueType=f"{FHIR}string", value="x"), "no literals of type 'string'"),
        (nodes.Total(), r"\$total is used outside"),
    ],
)
def test_elm_that_cannot_be_evaluated_is_refused_when_it_is_compiled(expression: nodes.Expression, said: str) -> None:
    statement = nodes.ExpressionDef(name="X", context="Patient", expression=expression)
    library = nodes.Library(identifier=nodes.VersionedIdentifier(id="T"), statements=[statement])
    with pytest.raises(GuidewayError, match=said):
        compile_program([library])


def test_an_include_that_is_not_at_hand_is_named() -> None:
    library = nodes.Library(
        identifier=nodes.VersionedIdentifier(id="T"),
        includes=[nodes.IncludeDef(localIdentifier="O", path="Other", version="3")],
        statements=[nodes.ExpressionDef(name="X", expression=nodes.ExpressionRef(name="A", libraryName="O"))],
    )
    with pytest.raises(GuidewayError, match="the included library Other version '3' is not at hand"):
        compile_program([library])


def test_a_circle_of_definitions_is_an_error_and_not_a_crash() -> None:
    statements = [
        nodes.ExpressionDef(name=name, context="Patient", expression=nodes.ExpressionRef(name=other))
        for name, other in (("A", "B"), ("B", "A"))
    ]
    library = nodes.Library(identifier=nodes.VersionedIdentifier(id="T"), statements=statements)
    for trace in (False, True):
        with pytest.raises(CqlRuntimeError, match="refer to one another in a circle"):
            evaluation(compile_program([library]), trace=trace).define("T", "A")


def test_defines_are_known_without_running_them() -> None:
    made = program('library T\n// @rec: R1\n// @rec: R2\ndefine private "Is it": 1 > 0\ndefine Open: null')
    define = made.library("T").defines["Is it"]
    assert (define.access, define.type, define.tags) == ("Private", "Boolean", (("rec", "R1"), ("rec", "R2")))
    assert define.locator is not None


def test_evaluation_is_a_function_of_its_inputs() -> None:
    assert str(value("Now()")) == "2026-01-15T12:00:00.000Z"
    made: Any = program("library T\ndefine X: ToString(Now())\ndefine Y: hour from @2026-01-15T12:00:00.0+00:00")
    assert evaluation(made, timezone="+02:00").define("T", "X") == "2026-01-15T14:00:00.000+02:00"
    assert evaluation(made, timezone="America/New_York").define("T", "X") == "2026-01-15T07:00:00.000-05:00"
    with pytest.raises(GuidewayError, match="time zone 'Mars/Base' is not known"):
        evaluation(made, timezone="Mars/Base")

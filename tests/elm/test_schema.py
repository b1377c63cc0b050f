"""Every concrete type of the ELM schema is evaluated by some test or refused by name.

The types are read from the schema itself. What text can say is in the libraries that are compared with the reference
implementation (tests/oracle); what only ELM can say, or those do not use, is below with its result.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.engine.logic import FHIR, SYSTEM, boolean, elm_value, evaluation, integer, string, value_set
from tests.shared import shared_folder

from guideway.cql.translator import BuiltinSource, FolderSource, SourceChain, translate
from guideway.diagnostics import GuidewayError
from guideway.elm import nodes, types
from guideway.engine.program import compile_program
from guideway.engine.values import Code, Concept, Quantity, Ratio

XSD = "{http://www.w3.org/2001/XMLSchema}"
LIBRARIES = Path(__file__).parent.parent / "oracle" / "libraries"

REFUSED: dict[str, Any] = {
    "Search": nodes.Search(path="code"),
    "IncludeElement": nodes.Retrieve(
        dataType=f"{FHIR}Observation", include=[nodes.IncludeElement(relatedDataType=f"{FHIR}Patient")]
    ),
}
"""Nodes that no translator writes today and that this engine refuses, each with a place where it would stand."""


def decimal(text: str) -> nodes.Literal:
    return nodes.Literal(valueType=f"{SYSTEM}Decimal", value=text)


def date_time(text: str) -> nodes.Literal:
    return nodes.Literal(valueType=f"{SYSTEM}DateTime", value=text)


def numbers(*items: int) -> nodes.List:
    return nodes.List(element=[integer(item) for item in items])


def one(name: str, item: nodes.Expression) -> nodes.Tuple:
    return nodes.Tuple(element=[nodes.TupleElement(name=name, value=item)])


def interval(low: int, high: int) -> nodes.Interval:
    return nodes.Interval(low=integer(low), high=integer(high))


CURRENT = nodes.Current()
QUANTITY = nodes.Quantity(value=Decimal(5), unit="mg")
PAIRS = types.to_specifier(types.tuple_of({"a": types.INTEGER}))

EXAMPLES: list[tuple[Any, Any]] = [
    (nodes.Convert(operand=integer(5), toType=f"{SYSTEM}String"), "5"),
    (nodes.CanConvert(operand=string("x"), toType=f"{SYSTEM}Integer"), False),
    (nodes.ConvertsToBoolean(operand=string("yes")), True),
    (nodes.ConvertsToDate(operand=string("2014-13")), False),
    (nodes.ConvertsToDateTime(operand=string("2014-01-01T10:00")), True),
    (nodes.ConvertsToDecimal(operand=string("1.5")), True),
    (nodes.ConvertsToInteger(operand=string("1.5")), False),
    (nodes.ConvertsToLong(operand=string("5")), True),
    (nodes.ToLong(operand=string("5")), 5),
    (nodes.ConvertsToQuantity(operand=string("5 'mg'")), True),
    (nodes.ConvertsToRatio(operand=string("1:2")), True),
    (nodes.ToChars(operand=string("ab")), ["a", "b"]),
    (nodes.ConvertsToString(operand=integer(1)), True),
    (nodes.ConvertsToTime(operand=string("T10")), True),
    (nodes.CanConvertQuantity(operand=[QUANTITY, string("g")]), True),
    (nodes.NotEqual(operand=[integer(1), integer(2)]), True),
    (nodes.Precision(operand=decimal("1.50")), 2),
    (nodes.LowBoundary(operand=[decimal("1.5"), integer(2)]), Decimal("1.50")),
    (nodes.HighBoundary(operand=[decimal("1.5"), integer(2)]), Decimal("1.59")),
    (nodes.SplitOnMatches(stringToSplit=string("a1b"), separatorPattern=string("[0-9]")), ["a", "b"]),
    (nodes.DateTimeComponentFrom(operand=nodes.Now(), precision="Year"), 2026),
    (nodes.TimezoneOffsetFrom(operand=nodes.Now()), Decimal(0)),
    (nodes.ToString(operand=nodes.TimeOfDay()), "12:00:00.000"),
    (nodes.SameOrAfter(operand=[date_time("2014"), date_time("2013")], precision="Year"), True),
    (nodes.Size(operand=interval(1, 3)), 3),
    (nodes.ProperContains(operand=[interval(1, 3), integer(2)]), True),
    (nodes.ProperIn(operand=[integer(1), interval(1, 1)]), False),
    (nodes.ProperIncludedIn(operand=[interval(2, 3), interval(1, 3)]), True),
    (nodes.MeetsAfter(operand=[interval(4, 5), interval(1, 3)]), True),
    (
        nodes.Times(operand=[nodes.List(element=[one("a", integer(1))]), nodes.List(element=[one("b", integer(2))])]),
        [{"a": 1, "b": 2}],
    ),
    (nodes.Filter(source=numbers(1, 2), condition=nodes.Greater(operand=[CURRENT, integer(1)])), [2]),
    (nodes.Sort(source=numbers(1, 2), by=[nodes.ByDirection(direction="desc")]), [2, 1]),
    (nodes.ForEach(source=numbers(1, 2), element=nodes.Negate(operand=CURRENT)), [-1, -2]),
    (nodes.Repeat(source=numbers(1), element=nodes.Null()), []),
    (nodes.Filter(source=numbers(7, 8), condition=nodes.Equal(operand=[nodes.Iteration(), integer(1)])), [8]),
    (nodes.Aggregate(source=numbers(1, 2), iteration=nodes.Add(operand=[nodes.Total(), CURRENT]), initialValue=integer(1)), 4),
    (nodes.GeometricMean(source=nodes.List(element=[decimal("2.0"), decimal("8.0")])), Decimal("4.0")),
    (nodes.Variance(source=nodes.List(element=[decimal("1.0"), decimal("3.0")])), Decimal("2.0")),
    (nodes.PopulationStdDev(source=nodes.List(element=[decimal("1.0"), decimal("3.0")])), Decimal("1.0")),
    (nodes.Children(source=one("a", integer(1))), [1]),
    (nodes.Descendants(source=one("a", one("b", integer(1)))), [{"b": 1}, 1]),
    (nodes.Descendents(source=one("a", one("b", integer(1)))), [{"b": 1}, 1]),
    (nodes.Code(code="a", system=nodes.CodeSystemRef(name="S")), Code("a", "http://example.org/labs")),
    (
        nodes.Concept(code=[nodes.Code(code="a", system=nodes.CodeSystemRef(name="S"))], display="A"),
        Concept([Code("a", "http://example.org/labs")], "A"),
    ),
    (nodes.AnyInValueSet(codes=nodes.List(element=[nodes.CodeRef(name="A")]), valueset=nodes.ValueSetRef(name="V")), True),
    (nodes.InValueSet(code=nodes.CodeRef(name="A"), valuesetExpression=nodes.ValueSetRef(name="V", preserve=True)), True),
    (nodes.ExpandValueSet(operand=nodes.ValueSetRef(name="V", preserve=True)), [Code("a", "http://example.org/labs")]),
    (nodes.Ratio(numerator=QUANTITY, denominator=QUANTITY), Ratio(Quantity(Decimal(5), "mg"), Quantity(Decimal(5), "mg"))),
    (nodes.CalculateAge(operand=nodes.Literal(valueType=f"{SYSTEM}Date", value="2000-01-01"), precision="Year"), 26),
    (nodes.Is(operand=one("a", integer(1)), isTypeSpecifier=PAIRS), True),
    (nodes.If(condition=boolean(True), then=integer(1), else_=nodes.Null()), 1),
]  # fmt: skip

DECLARED: dict[str, Any] = {
    "codeSystems": [nodes.CodeSystemDef(name="S", id="http://example.org/labs")],
    "valueSets": [nodes.ValueSetDef(name="V", id="http://example.org/set")],
    "codes": [nodes.CodeDef(name="A", id="a", codeSystem=nodes.CodeSystemRef(name="S"))],
}

ELSEWHERE: dict[str, str] = {
    "CodeFilterElement": "test_filters_that_an_optimising_translator_writes",
    "DateFilterElement": "test_filters_that_an_optimising_translator_writes",
    "OtherFilterElement": "test_filters_that_an_optimising_translator_writes",
    "InCodeSystem": "test_code_systems_ask_the_terminology",
    "AnyInCodeSystem": "test_code_systems_ask_the_terminology",
    "Subsumes": "test_code_systems_ask_the_terminology",
    "SubsumedBy": "test_code_systems_ask_the_terminology",
    "TimezoneFrom": "test_the_time_zone_of_cql_1_2",
    "ParameterTypeSpecifier": "test_a_bare_type_parameter_is_any_type",
}
"""Types that a test of their own evaluates."""


@pytest.mark.parametrize("trace", [False, True], ids=["plain", "traced"])
@pytest.mark.parametrize(("expression", "expected"), EXAMPLES, ids=[type(e).__name__ for e, _ in EXAMPLES])
def test_examples(expression: Any, expected: Any, trace: bool) -> None:
    statement = nodes.ExpressionDef(name="X", context="Patient", expression=expression)
    library = nodes.Library(identifier=nodes.VersionedIdentifier(id="Test"), statements=[statement], **DECLARED)
    ran = evaluation(compile_program([library]), value_sets=[value_set("http://example.org/set", "a")], trace=trace)
    assert ran.define("Test", "X") == expected


def test_the_time_zone_of_cql_1_2() -> None:
    assert elm_value(nodes.TimezoneFrom(operand=nodes.Now())) == Decimal(0)


def test_a_bare_type_parameter_is_any_type() -> None:
    assert elm_value(nodes.As(operand=integer(1), asTypeSpecifier=nodes.ParameterTypeSpecifier(parameterName="T"))) == 1


def declared_value(expression: nodes.Expression, *resources: dict[str, Any]) -> Any:
    statement = nodes.ExpressionDef(name="X", context="Patient", expression=expression)
    library = nodes.Library(identifier=nodes.VersionedIdentifier(id="Test"), statements=[statement], **DECLARED)
    return evaluation(compile_program([library]), value_sets=resources).define("Test", "X")


def test_code_systems_ask_the_terminology() -> None:
    code, system = nodes.CodeRef(name="A"), nodes.CodeSystemRef(name="S")
    concepts = [{"code": "a"}, {"code": "b"}]
    resource = {"resourceType": "CodeSystem", "url": "http://example.org/labs", "content": "complete", "concept": concepts}
    for expression in (
        nodes.InCodeSystem(code=code, codesystem=system),
        nodes.AnyInCodeSystem(codes=nodes.List(element=[code]), codesystem=system),
    ):
        assert declared_value(expression, resource) is True
        with pytest.raises(GuidewayError, match="is not at hand as a whole"):
            declared_value(expression)
    assert declared_value(nodes.Subsumes(operand=[code, code])) is True
    assert declared_value(nodes.SubsumedBy(operand=[code, code])) is True


@pytest.mark.parametrize("name", list(REFUSED))
def test_refused_nodes_are_named(name: str) -> None:
    node = REFUSED[name]
    node.locator = "5:1-5:9"
    with pytest.raises(GuidewayError, match=rf"Test 5:1-5:9.*{name}"):
        elm_value(node)


def all_nodes(root: Any) -> Iterator[Any]:
    pending = [root]
    while pending:
        item = pending.pop()
        if isinstance(item, (list, tuple)):
            pending.extend(item)
        elif type(item).__module__ == nodes.__name__:
            yield item
            pending.extend(getattr(item, name) for name in item.__struct_fields__ if name not in ("annotation", "result_type"))


def test_every_concrete_type_of_the_schema_is_evaluated_or_refused() -> None:
    folder = shared_folder("reference/elm")
    concrete: set[str] = set()
    for file in ("expression.xsd", "clinicalexpression.xsd", "library.xsd"):
        root = ET.parse(folder / file).getroot()
        concrete |= {t.attrib["name"] for t in root.findall(f"{XSD}complexType") if t.get("abstract") != "true"}
    covered = {type(node).__name__ for node in all_nodes([expression for expression, _ in EXAMPLES])}
    covered |= set(REFUSED) | set(ELSEWHERE)
    for path in sorted(LIBRARIES.glob("*.cql")):
        result = translate(path.read_text("utf-8"), sources=SourceChain(FolderSource(LIBRARIES), BuiltinSource()))
        covered |= {type(node).__name__ for node in all_nodes(result.libraries)}
    assert sorted(concrete - covered) == []
    assert sorted(covered - concrete) == []

"""ELM XML: the same tree as from JSON, whatever the prefixes."""

from __future__ import annotations

import pytest

from guideway.diagnostics import GuidewayError
from guideway.elm import nodes, types
from guideway.elm.codec import node_to_json, read_json, read_xml

XML = """<?xml version="1.0" encoding="UTF-8"?>
<library xmlns="urn:hl7-org:elm:r1" xmlns:t="urn:hl7-org:elm-types:r1" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xmlns:f="http://hl7.org/fhir" xmlns:a="urn:hl7-org:cql-annotations:r1">
  <annotation xsi:type="a:CqlToElmInfo" translatorVersion="1"/>
  <identifier id="A" version="1"/>
  <schemaIdentifier id="urn:hl7-org:elm" version="r1"/>
  <usings><def localIdentifier="FHIR" uri="http://hl7.org/fhir" version="4.0.1"/></usings>
  <parameters>
    <def name="P" accessLevel="Public"><parameterTypeSpecifier xsi:type="IntervalTypeSpecifier">
      <pointType xsi:type="NamedTypeSpecifier" name="t:DateTime"/></parameterTypeSpecifier></def>
  </parameters>
  <valueSets><def name="V" id="http://example.org/set" accessLevel="Public"/></valueSets>
  <statements>
    <def name="X" context="Patient" locator="1:1-2:9">
      <annotation xsi:type="a:Annotation"><a:t name="display" value="The X"/>
        <a:s r="3">define X <a:s r="4">1</a:s></a:s></annotation>
      <expression xsi:type="Query">
        <source alias="O"><expression dataType="f:Observation" codeProperty="code" xsi:type="Retrieve">
          <codes name="V" xsi:type="ValueSetRef"/></expression></source>
        <where xsi:type="Greater" resultTypeName="t:Boolean">
          <operand xsi:type="Quantity" value="1.5" unit="mg"/>
          <operand xsi:type="Literal" valueType="t:Integer" value="1"/>
        </where>
        <return distinct="false"><expression xsi:type="AliasRef" name="O"/></return>
      </expression>
    </def>
    <def name="F" xsi:type="FunctionDef">
      <expression xsi:type="OperandRef" name="x"/><operand name="x" operandType="t:String"/></def>
  </statements>
</library>
"""

JSON = {
    "type": "Query",
    "source": [
        {
            "alias": "O",
            "expression": {
                "type": "Retrieve",
                "dataType": "{http://hl7.org/fhir}Observation",
                "codeProperty": "code",
                "codes": {"type": "ValueSetRef", "name": "V"},
            },
        }
    ],
    "where": {
        "type": "Greater",
        "operand": [
            {"type": "Quantity", "value": 1.5, "unit": "mg"},
            {"type": "Literal", "valueType": "{urn:hl7-org:elm-types:r1}Integer", "value": "1"},
        ],
    },
    "return": {"distinct": False, "expression": {"type": "AliasRef", "name": "O"}},
}


def test_xml_gives_the_tree_of_the_json() -> None:
    library = read_xml(XML)
    first, second = library.statements
    document = {"identifier": {"id": "A"}, "statements": {"def": [{"name": "X", "expression": JSON}]}}
    expected = read_json(document).statements[0].expression
    assert node_to_json(first.expression, declared="") == node_to_json(expected, declared="")
    assert isinstance(second, nodes.FunctionDef)
    assert second.operand[0].operandType == "{urn:hl7-org:elm-types:r1}String"
    assert library.parameters[0].parameterTypeSpecifier is not None
    assert types.from_specifier(library.parameters[0].parameterTypeSpecifier) == types.IntervalType(types.DATETIME)
    assert library.usings[0].uri == "http://hl7.org/fhir"


def test_static_types_and_annotations_are_read() -> None:
    first = read_xml(XML).statements[0]
    assert isinstance(first.expression, nodes.Query)
    assert first.expression.where is not None
    assert first.expression.where.result_type == types.BOOLEAN
    assert first.annotation[0]["t"] == [{"name": "display", "value": "The X"}]
    assert first.annotation[0]["s"]["r"] == "3"
    assert first.locator == "1:1-2:9"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'xsi:type="Query"',
            'xsi:type="Sparkle"',
            r"A\.xml:1:1-2:9: library\.statements\.def\.expression: ELM has no node 'Sparkle'",
        ),
        ('alias="O"', 'alias="O" colour="red"', "an AliasedQuerySource has no 'colour'"),
        ("<where", "<wherever/><where", "a Query has no 'wherever'"),
        ('value="1.5"', 'value="many"', "'many' is no Decimal value"),
        ("</library>", "", "not well-formed"),
        ("urn:hl7-org:elm:r1", "urn:other", "no ELM library"),
    ],
)
def test_what_is_not_elm_is_refused(old: str, new: str, said: str) -> None:
    with pytest.raises(GuidewayError, match=said):
        read_xml(XML.replace(old, new), file="A.xml")


def test_deep_documents_are_read_or_refused() -> None:
    namespaces = 'xmlns="urn:hl7-org:elm:r1" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    start = f'<library {namespaces}><identifier id="A"/><statements>'
    for depth in (3_000, 100_000):
        deep = '<operand xsi:type="Not">' * depth + '<operand xsi:type="Null"/>' + "</operand>" * depth
        text = f'{start}<def name="X"><expression xsi:type="Not">{deep}</expression></def></statements></library>'
        if depth < 10_000:
            assert read_xml(text).statements[0].name == "X"
        else:
            with pytest.raises(GuidewayError, match="nests too deeply"):
                read_xml(text)

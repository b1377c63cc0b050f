"""ELM JSON: what is written can be read, what others write can be read, and what is not ELM is refused by name and place."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from guideway.cql.translator import BuiltinSource, translate
from guideway.diagnostics import GuidewayError
from guideway.elm import nodes, types
from guideway.elm.codec import json_text, node_to_json, read, read_json, write_json

CQL = """
library Round version '1.0'
using FHIR version '4.0.1'
include FHIRHelpers version '4.0.1'
codesystem "Labs": 'http://example.org/labs'
valueset "Set": 'http://example.org/set'
code "A": 'a' from "Labs" display 'The A'
parameter "Limit" System.Quantity default 1.50 'mg'
context Patient
// @dataElement: newest
define "Newest": Last([Observation: "Set"] O where O.status = 'final' return all O sort by issued.value)
define "Numbers": { 1.0, 2.50, null }
define "When": Interval[@2024-01-01, @2024-06-01)
define "Choice": case when "Limit" > 1 'mg' then 'a' else 'b' end
define function Twice(x Integer): x * 2
"""


def library() -> nodes.Library:
    result = translate(CQL, file="Round.cql", sources=BuiltinSource())
    assert result.library is not None, result.errors
    return result.library


def test_what_is_written_is_read_back_as_the_same_tree() -> None:
    made = library()
    written = json.loads(json.dumps(write_json(made, result_types=True)))
    again = write_json(read_json(written), result_types=True)
    assert json.loads(json.dumps(again)) == written


@pytest.mark.parametrize(("option", "key"), [("annotations", "annotation"), ("locators", "locator")])
def test_options_leave_things_out(option: str, key: str) -> None:
    text = json.dumps(write_json(library(), **{option: False}))
    assert f'"{key}"' not in text
    assert f'"{key}"' in json.dumps(write_json(library()))


def test_result_types_are_read_into_static_types() -> None:
    again = read_json(write_json(library(), result_types=True))
    numbers = next(s for s in again.statements if s.name == "Numbers")
    assert isinstance(numbers.result_type, types.ListType)
    choice = next(s for s in again.statements if s.name == "Choice")
    assert choice.result_type == types.STRING


def test_tags_survive() -> None:
    newest = next(s for s in read_json(write_json(library())).statements if s.name == "Newest")
    assert {"name": "dataElement", "value": "newest"} in newest.annotation[0]["t"]


def test_every_node_may_carry_a_type_and_empty_lists() -> None:
    document = {
        "library": {
            "type": "Library",
            "annotation": [],
            "identifier": {"type": "VersionedIdentifier", "id": "A"},
            "statements": {
                "type": "Library$Statements",
                "def": [
                    {
                        "type": "ExpressionDef",
                        "name": "X",
                        "expression": {"type": "Literal", "valueType": "{urn:hl7-org:elm-types:r1}Integer", "value": 5},
                    }
                ],
            },
        }
    }
    found = read_json(json.dumps(document).encode())
    expression = found.statements[0].expression
    assert isinstance(expression, nodes.Literal)
    assert expression.value == "5"


def test_the_choice_types_of_compatibility_level_1_3() -> None:
    specifier = {"type": [{"type": "NamedTypeSpecifier", "name": "{urn:hl7-org:elm-types:r1}Integer"}]}
    document = {
        "identifier": {"id": "A"},
        "statements": {
            "def": [
                {"name": "X", "expression": {"type": "As", "asTypeSpecifier": specifier, "operand": {"type": "Null"}}},
                {
                    "name": "Y",
                    "resultTypeSpecifier": {
                        "type": "TupleTypeSpecifier",
                        "element": [
                            {"name": "a", "type": {"type": "NamedTypeSpecifier", "name": "{urn:hl7-org:elm-types:r1}String"}}
                        ],
                    },
                    "expression": {"type": "Null"},
                },
            ]
        },
    }
    first, second = read_json(document).statements
    assert isinstance(first.expression, nodes.As)
    assert isinstance(first.expression.asTypeSpecifier, nodes.ChoiceTypeSpecifier)
    assert second.result_type == types.tuple_of({"a": types.STRING})


def expression_document(expression: object) -> dict[str, object]:
    return {"library": {"identifier": {"id": "A"}, "statements": {"def": [{"name": "X", "expression": expression}]}}}


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        (
            {"type": "Sparkle", "locator": "3:4-3:9"},
            r"x\.json:3:4-3:9: Library\.statements\[0\]\.expression: ELM has no node 'Sparkle'",
        ),
        ({"type": "Literal", "colour": "red", "locator": "1:1-1:2"}, r"1:1-1:2: .*a Literal has no 'colour' in ELM"),
        ({"type": "ExpressionDef", "name": "Y"}, "an Expression is expected here, not an ExpressionDef"),
        ({"type": "BinaryExpression"}, "BinaryExpression is an abstract node"),
        ({"value": "5"}, "the 'type' of this Expression is missing"),
        ("five", "an Expression is expected here, as a JSON object"),
        ({"type": "Quantity", "value": "many"}, "'many' is no Decimal value"),
        ({"type": "Interval", "lowClosed": "perhaps"}, "'perhaps' is no bool value"),
    ],
)
def test_what_is_not_elm_is_refused_by_name_and_place(expression: object, said: str) -> None:
    with pytest.raises(GuidewayError, match=said):
        read_json(expression_document(expression), file="x.json")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"library": {}}', '{"resourceType": "Library"}', "nul"])
def test_documents_that_are_no_library(text: str) -> None:
    with pytest.raises(GuidewayError, match=r"x\.json"):
        read_json(text, file="x.json")


def test_decimals_keep_their_value() -> None:
    quantity = nodes.Quantity(value=Decimal("0.10"), unit="mg")
    assert node_to_json(quantity)["value"] == 0.1
    long = nodes.Quantity(value=Decimal("12345678901234567890.12345678"))
    assert read_json(expression_document(node_to_json(long))).statements[0].expression == long


def test_a_byte_order_mark_and_either_form_are_taken() -> None:
    data = json.dumps(expression_document({"type": "Null"})).encode()
    assert read(b"\xef\xbb\xbf" + data).identifier == nodes.VersionedIdentifier(id="A")
    assert read(b'<library xmlns="urn:hl7-org:elm:r1"><identifier id="A"/></library>').identifier == nodes.VersionedIdentifier(
        id="A"
    )


def test_chains_of_thousands_are_written_and_read() -> None:
    chain: nodes.Expression = nodes.Null()
    for _ in range(5_000):
        chain = nodes.Not(operand=chain)
    made = nodes.Library(
        identifier=nodes.VersionedIdentifier(id="A"), statements=[nodes.ExpressionDef(name="X", expression=chain)]
    )
    text = json_text(write_json(made))
    assert json_text(write_json(read_json(text))) == text


def test_text_is_that_of_pythons_own_writer() -> None:
    document = write_json(library(), result_types=True)
    assert json_text(document) == json.dumps(document, indent=2, ensure_ascii=False)


@pytest.mark.parametrize("depth", [100_000, 1_000_000])
def test_bottomless_documents_are_refused(depth: int) -> None:
    deep = b'{"type":"Not","operand":' * depth
    for data in (b"[" * depth, b'{"library":{"identifier":{"id":"A"},"statements":' + deep):
        with pytest.raises(GuidewayError, match=r"nests too deeply|not JSON"):
            read_json(data)

"""Libraries: declarations, includes, versions, access, functions, tags, the entry points."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cql.compact import compact, definition, translated

from guideway.cql.translator import (
    DictSource,
    FolderSource,
    SourceChain,
    TranslationOptions,
    translate,
    translate_all,
    translate_expression,
)
from guideway.diagnostics import GuidewayError

COMMON = """\
library Common version '1.2.0'
codesystem "LOINC": 'http://loinc.org'
valueset "VS": 'http://example.org/vs'
parameter Threshold Decimal default 1.5
define Answer: 42
define private Hidden: 1
define function twice(x Integer): x * 2
define function twice(x Decimal): x * 2.0
define private function secret(x Integer): x
define fluent function half(x Integer) returns Decimal: x / 2
"""


def errors(text: str, sources: object = None) -> list[str]:
    result = translate(text, sources=sources)  # type: ignore[arg-type]
    return [f"{d.position} {d.rule}" for d in result.errors]


def test_declarations_of_every_kind() -> None:
    library = translated(
        """\
library Example version '0.1'
using FHIR version '4.0.1'
codesystem "LOINC": 'http://loinc.org' version '2.76'
valueset "VS": 'http://example.org/vs' version '3' codesystems { "LOINC" }
code "C": '123' from "LOINC" display 'one two three'
concept "CC": { "C" } display 'many'
parameter "Period" Interval<DateTime>
parameter Limit default 5
parameter Text String default 'a'
"""
    ).partial
    assert (library.identifier.id, library.identifier.version) == ("Example", "0.1")
    assert [(u.localIdentifier, u.version) for u in library.usings] == [("System", None), ("FHIR", "4.0.1")]
    assert (library.codeSystems[0].id, library.codeSystems[0].version) == ("http://loinc.org", "2.76")
    assert compact(library.valueSets[0].codeSystem) == "[CodeSystemRef(LOINC)]"
    assert compact(library.codes[0].codeSystem) == "CodeSystemRef(LOINC)"
    assert compact(library.concepts[0].code) == "[CodeRef(C)]"
    assert [compact(p.parameterTypeSpecifier) for p in library.parameters] == ["Interval<DateTime>", "Integer", "String"]


def test_members_of_an_included_library() -> None:
    text = """\
library Uses
include Common version '1.2.0' called C
define A: C.Answer + 1
define B: C.twice(2)
define D: C.twice(2L)
define E: C.Threshold
define F: 'x' in C."VS"
define G: (4).half()
define H: Code '1' from C."LOINC"
"""
    result = translated(text, sources=DictSource({"Common": COMMON}))
    made = {s.name: compact(s.expression) for s in result.partial.statements}
    assert made["A"] == "Add(ExpressionRef(Answer, libraryName=C), 1)"
    assert made["B"] == "FunctionRef(name=twice, libraryName=C, 2)"
    assert made["D"] == "FunctionRef(name=twice, libraryName=C, ToDecimal(2))"
    assert made["E"] == "ParameterRef(Threshold, libraryName=C)"
    assert made["F"] == "InValueSet(code='x', valueset=ValueSetRef(VS, libraryName=C))"
    assert made["G"] == "FunctionRef(name=half, libraryName=C, 4)"
    assert made["H"] == "Code(system=CodeSystemRef(LOINC, libraryName=C), code=1)"
    assert [(i.localIdentifier, i.path, i.version) for i in result.partial.includes] == [("C", "Common", "1.2.0")]
    assert [library.identifier.id for library in result.libraries] == ["Common", "Uses"]


CIRCLE = {"A": "library A include B define X: B.X", "B": "library B include A define X: A.X"}
TWO_VERSIONS = {
    "One": "library One include Common version '1'",
    "Common1": "library Common version '1'",
    "Common2": "library Common version '2'",
}
WRONG = [
    ("library T include Comon version '1.2.0'", {"C": COMMON}, "1:11 cql-unknown-library"),
    ("library T include Common version '9'", {"C": COMMON}, "1:11 cql-unknown-library"),
    ("library T include A", CIRCLE, "1:11 cql-included-error"),
    ("library T include One include Common version '2'", TWO_VERSIONS, "1:23 cql-version-conflict"),
    ("library T include Common called C define X: C.Hidden", {"C": COMMON}, "1:47 cql-private"),
    ("library T include Common called C define X: C.secret(1)", {"C": COMMON}, "1:47 cql-private"),
    ("library T include Common called C define X: C.Anser", {"C": COMMON}, "1:47 cql-unknown-identifier"),
    ("library T include Common called C define X: C.twise(1)", {"C": COMMON}, "1:47 cql-unknown-function"),
    ("library T include Common called C define X: C", {"C": COMMON}, "1:45 cql-not-a-value"),
    ("library T include Common called C define C: 1", {"C": COMMON}, "1:42 cql-duplicate-name"),
]


@pytest.mark.parametrize(("text", "sources", "expected"), WRONG)
def test_wrong_includes(text: str, sources: dict[str, str], expected: str) -> None:
    assert errors(text, DictSource(sources)) == [expected] or expected in errors(text, DictSource(sources))


def test_circular_includes_are_named() -> None:
    result = translate(CIRCLE["A"], sources=DictSource(CIRCLE))
    assert any("A → B → A" in d.message for d in result.diagnostics)


def test_definitions_may_stand_in_any_order_but_not_need_themselves() -> None:
    assert str(definition(translated("define A: B + 1\ndefine B: 1.5"), "A").result_type) == "Decimal"
    assert errors("define A: B + 1\ndefine B: A + 1") == ["2:11 cql-circular-definition"]


def test_recursive_functions_say_what_they_return() -> None:
    text = "define function f(x Integer){}: if x < 1 then 1 else f(x - 1)"
    assert errors(text.format("")) == ["1:52 cql-circular-definition"]
    assert errors(text.format(" returns Integer")) == []


def test_functions() -> None:
    library = translated(
        """\
define function f(x Integer, y List<String>): x
define fluent function g(x Integer): x
define function h(x Integer) returns Decimal: external
define X: h(f(1, null))
"""
    ).partial
    f, g, h, x = library.statements
    assert [o.name for o in f.operand] == ["x", "y"]
    assert (g.fluent, h.external, h.expression) == (True, True, None)
    assert compact(h.resultTypeSpecifier) == "Decimal"
    assert compact(x.expression) == "FunctionRef(name=h, FunctionRef(name=f, 1, As(null, asTypeSpecifier=List<String>)))"


def test_equally_good_overloads_are_an_error() -> None:
    text = "define function f(x Integer, y Decimal): 1 define function f(x Decimal, y Integer): 2 define X: f(1, 1)"
    assert errors(text) == ["1:97 cql-ambiguous-call"]


def test_tags_of_a_definition_are_in_its_annotation() -> None:
    result = translated("// The count.\n// @dataElement: anc\n// @unit: 10*9/L\ndefine ANC: 1")
    assert definition(result, "ANC").annotation == [
        {"type": "Annotation", "t": [{"name": "dataElement", "value": "anc"}, {"name": "unit", "value": "10*9/L"}]}
    ]


def test_folder_source_finds_libraries_by_what_they_call_themselves(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "any-name.cql").write_text(COMMON)
    (tmp_path / "Uses.cql").write_text("library Uses include Common define X: Common.Answer")
    made = translate_all(FolderSource(tmp_path, deep=True))
    assert set(made) == {("Common", "1.2.0"), ("Uses", None)}


def test_newest_version_where_none_is_asked_for() -> None:
    sources = DictSource({"a": "library L version '1.9' define X: 1", "b": "library L version '1.10' define X: 'x'"})
    result = translated("library T include L define Y: L.X", sources=sources)
    assert str(definition(result, "Y").result_type) == "String"


def test_finished_elm_can_be_included() -> None:
    finished = translated(COMMON).library
    assert finished is not None
    result = translated("library T include Common define X: Common.twice(1)", sources=DictSource({"Common": finished}))
    assert str(definition(result, "X").result_type) == "Integer"


def test_translate_all_lists_every_error() -> None:
    sources = DictSource({"A": "library A define X: nope", "B": "library B define Y: nada"})
    with pytest.raises(GuidewayError) as caught:
        translate_all(sources)
    assert "nope" in str(caught.value)
    assert "nada" in str(caught.value)
    findings: list = []
    assert translate_all(SourceChain(sources), diagnostics=findings) == {}
    assert len(findings) == 2


def test_expression_alone_with_its_own_positions() -> None:
    assert compact(translate_expression("1 + 1").partial.statements[0].expression) == "Add(1, 1)"
    wrong = translate_expression("1 +\n  nope", using="FHIR version '4.0.1'", context="Patient").errors
    assert [str(d.position) for d in wrong] == ["2:3"]
    with_library = translate_expression("Common.Answer", includes=["Common"], sources=DictSource({"Common": COMMON}))
    assert with_library.errors == []


def test_signatures_of_operators_on_request() -> None:
    result = translate("define X: 1 + 2.0", options=TranslationOptions(signatures=True))
    assert [compact(s) for s in result.partial.statements[0].expression.signature] == ["Decimal", "Decimal"]


def test_errors_leave_a_partial_library_only() -> None:
    result = translate("define A: nope\ndefine B: 1")
    assert result.library is None
    assert [s.name for s in result.partial.statements] == ["A", "B"]


def test_two_texts_of_one_name_and_version_are_an_error_that_names_both_files(tmp_path: Path) -> None:
    (tmp_path / "A.cql").write_text("library Common version '1' define X: 1")
    (tmp_path / "B.cql").write_text("library Common version '1' define X: 2")
    found = translate("library T include Common define Y: Common.X", sources=FolderSource(tmp_path)).errors
    assert "A.cql" in found[0].message
    assert "B.cql" in found[0].message
    (tmp_path / "B.cql").write_text("library Common version '1' define X: 1")
    assert not translate("library T include Common define Y: Common.X", sources=FolderSource(tmp_path)).errors


def test_subfolders_count_only_where_asked_for(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "Common.cql").write_text("library Common define X: 1")
    assert list(FolderSource(tmp_path).names()) == []
    assert list(FolderSource(tmp_path, deep=True).names()) == ["Common"]

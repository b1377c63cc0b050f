"""From a loaded guideline to a compiled one: logic, tables, broken parts, the cache."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from tests.apply.small import BASE, activity, expression, guideline, plan, run, when

from guideway.cache import Cache
from guideway.cql.translator import translate
from guideway.diagnostics import GuidewayError
from guideway.elm.codec import write_json
from guideway.guideline import compiling
from guideway.guideline.compiled import CompiledGuideline, open_guideline
from guideway.guideline.compiling import compile_guideline
from guideway.guideline.loading import from_files
from guideway.guideline.reading import SourceFile

Json = dict[str, Any]


def of(*artifacts: Json, **cql: str) -> CompiledGuideline:
    manifest = {"name": "x", "version": "1", "canonical": BASE}
    files = [SourceFile("package.json", json.dumps(manifest).encode())]
    files += [SourceFile(f"{name}.cql", text.encode()) for name, text in cql.items()]
    files += [SourceFile(f"z{n}.json", json.dumps(a).encode()) for n, a in enumerate(artifacts)]
    return compile_guideline(from_files(sorted(files), "x"))


def test_elements_know_their_tags_value_sets_and_types() -> None:
    compiled = guideline(plan("main"))
    element = compiled.element_named("count")
    assert (element.display, element.unit, element.value_set) == ("Blue cell count", "10*9/L", f"{BASE}/ValueSet/count-tests")
    assert compiled.element_named("agrees").question == f"{BASE}/Questionnaire/ask#agree"
    assert compiled.element_named("On Tablet A").type == "Boolean"
    assert [e.id for e in compiled.elements.values()] == ["count", "level", "onTabletA", "agrees"]


def test_parameters_and_definitions_are_known_without_evaluating() -> None:
    compiled = guideline(plan("main"))
    assert [(p.name, p.type, p.has_default) for p in compiled.parameters] == [("Limit", "Decimal", True)]
    definition = compiled.definition(("Logic", "Low And Not On A"))
    assert definition is not None
    assert [key[1] for key in definition.elements] == ["Count", "On Tablet A"]
    assert {compiled.requirements[n].type for n in definition.requirements} == {"Observation", "MedicationRequest", "Medication"}


def test_roots_are_the_plans_that_no_other_leads_to() -> None:
    def leading(name: str, *targets: str) -> Json:
        return plan(name, *({"id": t, "definitionCanonical": f"{BASE}/PlanDefinition/{t}"} for t in targets))

    compiled = guideline(leading("a", "b"), leading("b", "c"), leading("c"), leading("x", "y"), leading("y", "x"))
    assert [p.id for p in compiled.root_plans()] == ["a", "x", "y"]


def test_a_broken_library_costs_only_what_needs_it() -> None:
    good = "library Good version '1'\nusing FHIR version '4.0.1'\ncontext Patient\ndefine \"Yes\": true\n"
    bad = "library Bad version '1'\nusing FHIR version '4.0.1'\ncontext Patient\ndefine \"Yes\": 1 + 'x'\n"
    first = plan("first", {"id": "a", "title": "A", "condition": [when("Yes")]}, library=[f"{BASE}/Library/Good"])
    second = plan("second", {"id": "b", "title": "B", "condition": [when("Yes")]}, library=[f"{BASE}/Library/Bad|1"])
    third = plan("third", {"id": "c", "title": "C", "condition": [when("Yes")]}, library=[f"{BASE}/Library/Nowhere"])
    outcome = run(of(first, second, third, Good=good, Bad=bad))
    assert {r.action: r.status for r in outcome.recommendations} == {"a": "applies", "b": "error", "c": "error"}
    reasons = {r.action: r.reason for r in outcome.recommendations}
    assert "could not be translated" in reasons["b"]
    assert "is not in this guideline" in reasons["c"]
    assert any(f.file == "Bad.cql" for f in outcome.findings)


def test_elm_made_elsewhere_is_used_where_there_is_no_text_or_the_text_fails() -> None:
    text = "library Other version '2'\nusing FHIR version '4.0.1'\ncontext Patient\ndefine \"Yes\": true\n"
    library = translate(text).library
    assert library is not None
    elm = b64encode(json.dumps(write_json(library, result_types=True), default=str).encode()).decode()
    definition = plan(
        "main", {"id": "a", "title": "A", "condition": [when("Yes")]}, library=["http://elsewhere.org/Library/Other|2"]
    )
    for contents in (
        [{"contentType": "application/elm+json", "data": elm}],
        [
            {"contentType": "text/cql", "data": b64encode(b"library Other version '2'\ndefine Yes: ???").decode()},
            {"contentType": "application/elm+json", "data": elm},
        ],
    ):
        resource = {
            "resourceType": "Library", "id": "o", "url": "http://elsewhere.org/Library/Other", "version": "2", "name": "Other",
            "status": "active", "type": {"coding": [{"code": "logic-library"}]}, "content": contents,
        }  # fmt: skip
        outcome = run(of(definition, resource))
        assert [r.status for r in outcome.recommendations] == ["applies"], [f.as_text() for f in outcome.findings]


def test_elm_that_cannot_be_read_is_a_finding() -> None:
    resource = {
        "resourceType": "Library", "id": "o", "url": "http://elsewhere.org/Library/Other", "name": "Other",
        "content": [{"contentType": "application/elm+json", "data": b64encode(b"{").decode()}],
    }  # fmt: skip
    assert [f.rule for f in of(plan("main"), resource).findings][:1] == ["library-elm"]


def test_expressions_in_artifacts_are_compiled_beside_their_library() -> None:
    inline = expression('"Count Is Low" or 1 = 1', "text/cql-expression")
    broken = expression('"Nowhere"', "text/cql-expression")
    compiled = guideline(
        plan(
            "main",
            *({"id": n, "condition": [{"kind": "applicability", "expression": e}]} for n, e in (("a", inline), ("b", broken))),
        ),
        activity(),
    )
    assert compiled.inline == {("Logic", '"Count Is Low" or 1 = 1'): ("LogicExpressions", '"Count Is Low" or 1 = 1')}
    assert list(compiled.inline_errors) == [("Logic", '"Nowhere"')]
    assert [e.library for e in compiled.elements.values()] == ["Logic"] * 4


def test_a_define_of_an_expression_is_called_by_its_text_in_short() -> None:
    texts = ["Agrees", '"Agrees"', "1 <\n  2", f"{'1 + ' * 30}1 > 0", f"{'1 + ' * 30}2 > 0", "'a \\' b' = 'x\\\\y'"]
    conditions = [{"kind": "applicability", "expression": expression(text, "text/cql-expression")} for text in texts]
    compiled = guideline(plan("main", *({"id": f"a{n}", "condition": [c]} for n, c in enumerate(conditions))))
    assert not compiled.inline_errors
    long = f"{'1 + ' * 19}1 +…"
    names = ['"Agrees"', '"Agrees" (2)', "1 < 2", long, f"{long} (2)", texts[-1]]
    assert [compiled.inline["Logic", text][1] for text in texts] == names


@pytest.mark.parametrize(
    "more", ['define "Z": true', "true", ", true", ") and (true", "parameter X Integer", "context Unfiltered"]
)
def test_what_comes_after_an_expression_is_an_error(more: str) -> None:
    found = expression(f"1 < 2\n{more}", "text/cql-expression")
    compiled = guideline(plan("main", {"id": "a", "condition": [{"kind": "applicability", "expression": found}]}))
    assert not compiled.inline
    (problem,) = compiled.inline_errors.values()
    assert "expected the end of the expression" in problem


def write(folder: Path) -> Path:
    (folder / "Logic.cql").write_text(
        "library Logic version '1'\nusing FHIR version '4.0.1'\ncontext Patient\ndefine Yes: true\n"
    )
    (folder / "package.json").write_text(json.dumps({"name": "cached", "version": "1", "canonical": BASE}))
    (folder / "PlanDefinition-main.json").write_text(
        json.dumps(plan("main", {"id": "a", "title": "A", "condition": [when("Yes")]}))
    )
    return folder


def test_a_warm_start_neither_loads_nor_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path)
    cache = Cache(tmp_path / ".kept")
    first = open_guideline(str(folder), cache=cache)

    def refuse(*_: Any) -> Any:
        raise AssertionError("compiled again")

    monkeypatch.setattr(compiling, "compile_guideline", refuse)
    second = open_guideline(str(folder), cache=cache)
    assert (second.content_hash, second.manifest) == (first.content_hash, first.manifest)
    assert run(second).recommendations[0].status == "applies"


def test_a_changed_file_and_a_broken_entry_are_noticed(tmp_path: Path) -> None:
    folder = write(tmp_path)
    cache = Cache(tmp_path / ".kept")
    first = open_guideline(str(folder), cache=cache)
    (folder / "package.json").write_text(json.dumps({"name": "cached", "version": "1.1", "canonical": BASE}))
    assert open_guideline(str(folder), cache=cache).manifest.version == "1.1"
    for entry in (tmp_path / ".kept").iterdir():
        entry.write_bytes(b"rubbish")
    assert open_guideline(str(folder), cache=cache).manifest.id == first.manifest.id


def test_no_guideline_there_says_so() -> None:
    with pytest.raises(GuidewayError, match="no such guideline"):
        open_guideline("/nowhere/at/all", cache=Cache(None))

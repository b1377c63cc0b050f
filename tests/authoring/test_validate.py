"""Each rule finds what it is for, where it is; a sound guideline has no finding."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from guideway.authoring.rules import RULES
from guideway.authoring.validate import validate
from guideway.cli.validate import validate as command
from guideway.diagnostics import Severity
from tests.authoring.package import BASE, CORE, CPG, CQL, LOCAL, artifact, checked, concept

PLAN = "plandefinitions/topic/PlanDefinition-topic.json"
ACTIVITY = "plandefinitions/topic/ActivityDefinition-give.json"
VALUES = "valuesets/ValueSet-tests.json"
SYSTEM = "valuesets/CodeSystem-tests.json"
LOGIC = "plandefinitions/topic/Logic.cql"
MANIFEST = "plandefinitions/package.json"


def test_a_sound_guideline_has_no_finding(tmp_path: Path) -> None:
    assert checked(tmp_path) == []


def act(files: dict[str, Any]) -> dict[str, Any]:
    action: dict[str, Any] = files[PLAN]["action"][0]
    return action


def put(file: str, **changes: Any) -> Any:
    """Set top-level elements; None takes them away."""

    def spoil(files: dict[str, Any]) -> None:
        for name, value in changes.items():
            if value is None:
                del files[file][name]
            else:
                files[file][name] = value

    return spoil


def put_action(**changes: Any) -> Any:
    def spoil(files: dict[str, Any]) -> None:
        for name, value in changes.items():
            if value is None:
                del act(files)[name]
            else:
                act(files)[name] = value

    return spoil


def add(name: str, content: Any) -> Any:
    return lambda files: files.update({name: content})


def cql(old: str, new: str) -> Any:
    assert old in CQL
    return lambda files: files.update({LOGIC: CQL.replace(old, new)})


def second_action(**more: Any) -> Any:
    def spoil(files: dict[str, Any]) -> None:
        files[PLAN]["action"].append({**act(files), "id": "second", **more})

    return spoil


def dose(**changes: Any) -> Any:
    def spoil(files: dict[str, Any]) -> None:
        quantity = files[ACTIVITY]["dosage"][0]["doseAndRate"][0]["doseQuantity"]
        for name, value in changes.items():
            if value is None:
                del quantity[name]
            else:
                quantity[name] = value

    return spoil


def plan_of(id: str, target: str) -> dict[str, Any]:
    action = {"id": "a", "title": "A", "definitionCanonical": f"{BASE}/PlanDefinition/{target}"}
    return artifact("PlanDefinition", id, action=[action])


def circle(files: dict[str, Any]) -> None:
    for one, other in (("one", "two"), ("two", "one")):
        files[f"plandefinitions/PlanDefinition-{one}.json"] = plan_of(one, other)


def relate(files: dict[str, Any]) -> None:
    act(files)["relatedAction"] = [{"actionId": "second", "relationship": "after"}]
    files[PLAN]["action"].append(
        {**act(files), "id": "second", "relatedAction": [{"actionId": "treat", "relationship": "after"}]}
    )


LIBRARY = "plandefinitions/topic/Library-logic.json"


def carried(text: str, kind: str = "text/cql") -> dict[str, Any]:
    content = {"contentType": kind, "data": base64.b64encode(text.encode()).decode()}
    url = f"{BASE}/Library/Logic"
    return artifact("Library", "logic", name="Logic", url=url, content=[content], type={"coding": [{"code": "logic-library"}]})


def suppress(**entry: Any) -> Any:
    return put(MANIFEST, guideway={"suppress": [entry]})


GROUP = {"url": "https://example.org/guideway/StructureDefinition/exclusive-group", "valueString": "g"}
BEHAVIOR = {"url": "http://hl7.org/fhir/StructureDefinition/cqf-applicabilityBehavior"}
CASES: list[tuple[str, str, Any]] = [
    ("package-manifest", MANIFEST, put(MANIFEST, version="one")),
    ("package-manifest", MANIFEST, put(MANIFEST, guideway={"hygiene": "spotless"})),
    ("json-duplicate-key", SYSTEM, add(SYSTEM, '{"resourceType": "CodeSystem", "status": "draft", "status": "active"}')),
    ("artifact-json", PLAN, add(PLAN, '{"resourceType": ')),
    ("artifact-type", "plandefinitions/x.json", add("plandefinitions/x.json", {"resourceType": "Plan"})),
    (
        "artifact-entry",
        "plandefinitions/x.json",
        add("plandefinitions/x.json", {"resourceType": "Bundle", "type": "collection", "entry": [None]}),
    ),
    ("artifact-id-missing", PLAN, put(PLAN, id=None)),
    (
        "artifact-file-name",
        "plandefinitions/topic/topic.json",
        lambda f: f.update({"plandefinitions/topic/topic.json": f.pop(PLAN)}),
    ),
    (
        "artifact-id-duplicate",
        "valuesets/x/ValueSet-tests.json",
        add("valuesets/x/ValueSet-tests.json", artifact("ValueSet", "tests", url=f"{BASE}/ValueSet/other")),
    ),
    (
        "artifact-name-duplicate",
        VALUES,
        add("valuesets/ValueSet-other.json", artifact("ValueSet", "other", name="Tests")),
    ),
    ("artifact-url-id", PLAN, put(PLAN, url=f"{BASE}/PlanDefinition/other")),
    ("artifact-canonical-base", PLAN, put(PLAN, url="https://elsewhere.org/PlanDefinition/topic")),
    ("artifact-name", PLAN, put(PLAN, name="my topic")),
    ("artifact-shareable", ACTIVITY, put(ACTIVITY, experimental=None)),
    ("artifact-publishable", ACTIVITY, put(ACTIVITY, date=None)),
    ("artifact-unused", ACTIVITY, put_action(definitionCanonical=None, textEquivalent="x")),
    ("code-unknown", PLAN, put(PLAN, status="finished")),
    ("canonical-unresolved", PLAN, put_action(definitionCanonical=f"{BASE}/ActivityDefinition/given")),
    ("canonical-version", PLAN, put_action(definitionCanonical=f"{BASE}/ActivityDefinition/give|2.0.0")),
    ("canonical-type", PLAN, put_action(definitionCanonical=f"{BASE}/ValueSet/tests")),
    ("plan-type", PLAN, put(PLAN, type=concept("order-set", "http://terminology.hl7.org/CodeSystem/plan-definition-type"))),
    ("plan-profile", PLAN, put(PLAN, meta={"profile": [f"{CPG}cpg-strategydefinition"]})),
    ("plan-cycle", "plandefinitions/PlanDefinition-one.json", circle),
    ("plan-unreached", PLAN, circle),
    ("action-id-missing", PLAN, put_action(id=None)),
    ("action-id-duplicate", PLAN, second_action(id="treat")),
    ("action-empty", PLAN, put_action(definitionCanonical=None, description=None)),
    ("related-action-unknown", PLAN, put_action(relatedAction=[{"actionId": "treatt", "relationship": "after"}])),
    ("related-action-cycle", PLAN, relate),
    ("exclusive-group-single", PLAN, lambda f: act(f)["extension"].append(GROUP)),
    ("condition-kind", PLAN, lambda f: act(f)["condition"][0].pop("expression")),
    ("applicability-behavior", PLAN, lambda f: act(f)["extension"].append(BEHAVIOR | {"valueCode": "some"})),
    ("trigger-missing", PLAN, put_action(trigger=None)),
    ("evidence-text", PLAN, put_action(description=None)),
    ("library-out-of-sync", LIBRARY, add(LIBRARY, carried('define "Other": 1'))),
    ("library-content-type", LIBRARY, add(LIBRARY, carried(CQL, "text/cql; version=1.5"))),
    ("suppression-reason", MANIFEST, suppress(rule="define-unused")),
    ("suppression-reason", MANIFEST, suppress(rule="no-such-rule", reason="because")),
    ("suppression-unused", MANIFEST, suppress(rule="define-unused", reason="because")),
    ("artifact-libraries", PLAN, put(PLAN, library=[f"{BASE}/Library/Logic", f"{BASE}/Library/Logic|1.0.0"])),
    ("expression-language", PLAN, lambda f: act(f)["condition"][0]["expression"].update(language="text/basic")),
    ("expression-unknown", PLAN, lambda f: act(f)["condition"][0]["expression"].update(expression="Needs Treatmant")),
    ("expression-not-boolean", PLAN, cql("exists ([Observation", "First ([Observation")),
    ("condition-constant", LOGIC, cql('exists ([Observation: "Tests"] O where O.status = \'final\' and O.code ~ "A")', "true")),
    ("define-null", LOGIC, lambda f: f.update({LOGIC: CQL + 'define "Later": null\n'})),
    ("define-unused", LOGIC, lambda f: f.update({LOGIC: CQL + 'define "Later": 1\n'})),
    ("clock-read", LOGIC, lambda f: f.update({LOGIC: CQL + 'define "Later": Today()\n'})),
    ("valueset-unknown", LOGIC, cql("/ValueSet/tests'", "/ValueSet/test'")),
    ("valueset-local-name", LOGIC, lambda f: f.update({LOGIC: CQL.replace('"Tests"', '"Checks"')})),
    ("code-unknown", LOGIC, cql("'a' from", "'z' from")),
    ("cql-unknown-identifier", LOGIC, cql('"Tests"] O', '"Test"] O')),
    ("valueset-unresolved", VALUES, lambda f: (f[VALUES].pop("compose"), f[VALUES].pop("expansion"))),
    ("valueset-empty", VALUES, lambda f: (f[VALUES].pop("expansion"), f[VALUES].update(compose={"include": []}))),
    (
        "valueset-compose-expansion-differ",
        VALUES,
        lambda f: f[VALUES]["expansion"]["contains"].append({"system": LOCAL, "code": "b"}),
    ),
    ("valueset-expansion-partial", VALUES, lambda f: f[VALUES]["expansion"].update(total=9)),
    ("valueset-code-twice", VALUES, lambda f: f[VALUES]["expansion"]["contains"].append({"system": LOCAL, "code": "a"})),
    ("valueset-code-unknown", VALUES, lambda f: f[VALUES]["compose"]["include"][0]["concept"].append({"code": "z"})),
    ("valueset-system", VALUES, lambda f: f[VALUES]["compose"]["include"][0].update(system=f"{BASE}/ValueSet/tests")),
    (
        "valueset-copyright",
        VALUES,
        lambda f: f[VALUES]["compose"]["include"].append({"system": "http://loinc.org", "concept": [{"code": "1"}]}),
    ),
    ("evidence-missing", PLAN, lambda f: act(f)["extension"].pop(0)),
    ("evidence-missing", PLAN, put_action(documentation=None)),
    ("evidence-locator", PLAN, put_action(documentation=[{"type": "citation", "label": "an article"}])),
    ("evidence-direction", PLAN, put(ACTIVITY, doNotPerform=True)),
    ("evidence-direction", PLAN, lambda f: act(f)["extension"][2]["valueCodeableConcept"]["coding"][0].update(code="against")),
    ("dose-unit", ACTIVITY, dose(code="milligrams")),
    ("dose-unit", ACTIVITY, dose(code=None)),
    ("dose-incomplete", ACTIVITY, lambda f: f[ACTIVITY]["dosage"][0].pop("route")),
    (
        "dose-maximum",
        ACTIVITY,
        lambda f: f[ACTIVITY]["dosage"][0].update(
            maxDosePerAdministration={"value": 4000, "system": "http://unitsofmeasure.org", "code": "ug"}
        ),
    ),
]


@pytest.mark.parametrize(("rule", "file", "spoil"), CASES, ids=[f"{rule}-{n}" for n, (rule, _, _) in enumerate(CASES)])
def test_each_rule_finds_what_it_is_for(rule: str, file: str, spoil: Any, tmp_path: Path) -> None:
    found = checked(tmp_path, spoil)
    matching = [d for d in found if d.rule == rule]
    assert matching, [d.as_text() for d in found]
    assert str(tmp_path / file) in {str(Path(d.file or "").resolve()) for d in matching}
    if rule in RULES and rule not in ("code-unknown",):
        assert all(d.severity is RULES[rule].severity for d in matching)


def test_a_suppression_with_a_reason_takes_findings_away(tmp_path: Path) -> None:
    def spoil(files: dict[str, Any]) -> None:
        files[LOGIC] = CQL + 'define "Later": 1\n'
        files[MANIFEST]["guideway"] = {
            "suppress": [{"rule": "define-unused", "file": "Logic.cql", "reason": "for the next version"}]
        }

    assert checked(tmp_path, spoil) == []


def test_names_that_come_near_are_offered(tmp_path: Path) -> None:
    (finding,) = [d for d in checked(tmp_path, cql("/ValueSet/tests'", "/ValueSet/test'")) if d.rule == "valueset-unknown"]
    assert finding.hint == f"did you mean {BASE}/ValueSet/tests?"
    assert finding.position is not None
    assert finding.position.line == 5


def including(files: dict[str, Any], broken: str) -> None:
    """Another library below the one of the plan, with this in it."""
    head = "library Below version '1.0.0'\nusing FHIR version '4.0.1'\ninclude FHIRHelpers version '4.0.1'\n"
    files["plandefinitions/topic/Below.cql"] = f"{head}context Patient\n{broken}\n"
    files[LOGIC] = CQL.replace("codesystem", "include Below version '1.0.0'\ncodesystem", 1) + 'define "Old": Below.Old\n'


def test_what_follows_from_an_error_in_an_included_library_is_counted_only(tmp_path: Path) -> None:
    found = [d for d in checked(tmp_path, lambda files: including(files, "defin Old: 1")) if d.severity is Severity.error]
    assert [(d.rule, Path(d.file or "").name) for d in found] == [("cql-syntax", "Below.cql")]
    again = validate([str(tmp_path)])
    assert again.consequences >= 3  # the include, the name, the expressions of the plan
    done = CliRunner().invoke(command, [str(tmp_path)])
    assert f"; {again.consequences} more follow from these" in done.output


def test_libraries_that_include_each_other_are_told(tmp_path: Path) -> None:
    def spoil(files: dict[str, Any]) -> None:
        including(files, 'define "Old": 1')
        below = "plandefinitions/topic/Below.cql"
        files[below] = files[below].replace("context Patient", "include Logic version '1.0.0'\ncontext Patient")

    assert "cql-circular-include" in {d.rule for d in checked(tmp_path, spoil)}


def test_expressions_without_their_library_are_told_together_with_the_nearest_one(tmp_path: Path) -> None:
    def spoil(files: dict[str, Any]) -> None:
        files[PLAN]["library"] = [f"{BASE}/Library/Logik"]
        act(files)["condition"].append(act(files)["condition"][0])
        act(files)["condition"].append({"kind": "start", "expression": {"language": "text/cql-identifier", "expression": "B"}})

    found = checked(tmp_path, spoil)
    (unknown,) = [d for d in found if d.rule == "expression-unknown"]
    assert unknown.message.endswith("is not in this guideline, so 'Needs Treatment' and 1 more cannot be looked up")
    (unresolved,) = [d for d in found if d.rule == "canonical-unresolved"]
    assert unresolved.hint == f"did you mean {BASE}/Library/Logic?"


def test_a_member_without_a_code_has_no_wrong_code(tmp_path: Path) -> None:
    found = checked(tmp_path, lambda files: files[VALUES]["compose"]["include"][0]["concept"].append({"display": "z"}))
    assert "valueset-code-unknown" not in {d.rule for d in found}
    assert "element-missing" in {d.rule for d in found}


def test_a_guideline_elsewhere_is_named_as_it_was_given(tmp_path: Path) -> None:
    checked(tmp_path, cql("/ValueSet/tests'", "/ValueSet/test'"))
    assert {d.file for d in validate([str(tmp_path)]).findings if d.rule == "valueset-unknown"} == {str(tmp_path / LOGIC)}


def test_a_missing_element_is_an_error_where_the_profile_is_claimed(tmp_path: Path) -> None:
    profile = "http://hl7.org/fhir/uv/crmi/StructureDefinition/crmi-shareableactivitydefinition"
    found = checked(tmp_path, put(ACTIVITY, version=None, meta={"profile": [profile]}))
    assert {d.severity.value for d in found if d.rule == "artifact-shareable"} == {"error"}


@pytest.mark.parametrize(
    "odd",
    [
        "[]",
        "7",
        "null",
        '{"resourceType": "PlanDefinition", "action": 7, "library": 3, "meta": [], "type": "x"}',
        '{"resourceType": "ValueSet", "url": 7, "compose": {"include": 3}, "expansion": {"contains": {}}}',
        '{"resourceType": "ActivityDefinition", "dosage": [{"doseAndRate": [3]}], "extension": [7]}',
    ],
)
def test_nothing_in_a_file_makes_it_fail(odd: str, tmp_path: Path) -> None:
    found = checked(tmp_path, add("plandefinitions/odd.json", odd))
    assert found


def test_the_page_of_rules_has_them_all() -> None:
    page = (Path(__file__).parents[2] / "docs" / "validate.md").read_text(encoding="utf-8")
    for rule in RULES.values():
        assert f"| `{rule.id}` | {rule.severity.value} | {rule.text} |" in page, rule.id


def test_the_urls_that_rules_name_are_those_of_the_standards() -> None:
    from guideway.authoring.validate_evidence import NEEDED

    assert NEEDED["strength"] == f"{CORE}cqf-strengthOfRecommendation"
    assert NEEDED["direction"] == f"{CPG}cpg-directionOfRecommendation"

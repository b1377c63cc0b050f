"""Definitions that are damaged in a few places: no crash, only valid FHIR, and the same bytes again."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from typing import Any

import pytest
from tests.apply.features import CANONICAL, DAYS, TIMING
from tests.apply.small import AS_OF, BASE, TABLET_A, activity, expression, guideline, plan, run, when
from tests.apply.test_nasty import RECORD, errors, with_artifacts

from guideway.apply.care_plan import bundle, care_plan, requests_bundle
from guideway.apply.kinds import KINDS
from guideway.apply.outcome import dumps
from guideway.apply.run import apply_guideline

Json = dict[str, Any]
EXTENSION = [{"url": "http://example.org/more", "valueString": "x"}]
CITED = [{"type": "citation", "citation": "x", "url": "http://example.org/cited"}]
WORDS = {"text": "it", "coding": [{"system": "http://example.org/s", "code": "c"}]}
INNER = [
    {"resourceType": "ActivityDefinition", "id": "inner", "status": "draft", "kind": "Task"},
    {
        "resourceType": "Questionnaire",
        "id": "q",
        "meta": {"versionId": "3", "lastUpdated": "2026-01-01T00:00:00Z", "security": [{"code": "R"}], "profile": ["http://x/y"]},
        "status": "draft",
        "item": [{"linkId": "1", "type": "choice", "text": "t", "answerValueSet": "#vs"}],
    },
    {"resourceType": "ValueSet", "id": "vs", "status": "draft"},
]
ACTION: Json = {
    "id": "a", "title": "A", "description": "d", "prefix": "1", "textEquivalent": "t", "priority": "urgent", "code": [WORDS],
    "reason": [WORDS], "documentation": CITED, "goalId": ["g"], "extension": EXTENSION, "type": WORDS,
    "condition": [when("True"), {"kind": "start", "expression": expression("True")}],
    "input": [{"id": "labs", "type": "Observation", "codeFilter": [{"path": "code", "code": [{"code": "count"}]}]}],
    "output": [{"type": "Observation"}], "participant": [{"type": "practitioner", "role": WORDS}, {"type": "patient"}],
    "relatedAction": [{"actionId": "b", "relationship": "before", "offsetDuration": DAYS}], "timingTiming": TIMING,
    "dynamicValue": [{"path": "note.text", "expression": expression("Title")}], "selectionBehavior": "any",
    "trigger": [{"type": "named-event", "name": "patient-view"}],
}  # fmt: skip
ACTIVITY: Json = {
    "code": WORDS, "productCodeableConcept": TABLET_A, "extension": EXTENSION, "description": "d", "intent": "plan",
    "doNotPerform": False, "timingRange": {"low": DAYS, "high": DAYS}, "location": {"reference": "Location/l"}, "quantity": DAYS,
    "participant": [{"type": "practitioner", "role": WORDS}], "bodySite": [WORDS], "dosage": [{"text": "x", "timing": TIMING}],
    "dynamicValue": [{"path": "extension('http://x/y').value", "expression": expression("Dose")}], "version": "2",
}  # fmt: skip
GOAL = {
    "id": "g",
    "description": WORDS,
    "target": [{"measure": WORDS, "due": DAYS}],
    "addresses": [WORDS],
    "documentation": CITED,
}
PUT: tuple[Any, ...] = (
    None, "", 0, -1.5, True, [], {}, [[]], [None], [{}], "x", "#q", "#", {"a": 1}, {"coding": "x"}, {"text": 5}, {"coding": [{}]},
    10**40, "stat", [{"url": "http://a/b", "valueString": ""}], {"id": "x"}, {"resourceType": "Patient"},
    {"value": "x", "unit": 3}, {"start": "2027-01-01", "end": "2026-01-01"}, {"low": {"value": 1}, "high": 3},
    {"reference": "#y"},
)  # fmt: skip
FORMS = (care_plan, bundle, requests_bundle)


def artifacts(kind: str, target: str) -> list[Json]:
    step = {**ACTION, "definitionCanonical": target, "action": [{"id": "c", "title": "C", "definitionCanonical": "#inner"}]}
    parts = {"goal": [GOAL], "contained": INNER, "extension": EXTENSION, "relatedArtifact": CITED}
    return deepcopy([plan("main", step, {"id": "b", "title": "B"}, **parts), activity("take-a", kind, **ACTIVITY)])


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


def damage(node: Any, path: tuple[Any, ...], draw: random.Random) -> None:
    *above, last = path
    for step in above:
        node = node[step]
    value = deepcopy(draw.choice(PUT))
    way = draw.random()
    if way < 0.15 and isinstance(node, dict):
        del node[last]
    elif way < 0.3 and isinstance(node, dict):
        node[f"_{last}"] = value
    elif way < 0.45 and isinstance(node[last], dict):
        node[last][draw.choice(("id", "extension", "url", "resourceType", "modifierExtension", "_id"))] = value
    else:
        node[last] = value


def check(found: list[Json], draw: random.Random) -> None:
    compiled = with_artifacts(found)
    policy = draw.choice(("cpg", "cqf", "spec"))
    options: dict[str, Any] = {"practitioner": draw.choice((None, "Practitioner/d")), "hook": draw.choice((None, "patient-view"))}
    outcome = apply_guideline(compiled, RECORD, as_of=AS_OF, policy=policy, **options)
    for form in FORMS:
        problems = errors(form(outcome), policy)
        assert not problems, (policy, problems[:3], json.dumps(found))
    again = apply_guideline(compiled, RECORD, as_of=AS_OF, policy=policy, **options)
    assert dumps(care_plan(outcome)) == dumps(care_plan(again))


def attack(seed: int) -> None:
    draw = random.Random(seed)
    target = draw.choice((CANONICAL, CANONICAL, CANONICAL, "#inner", "#q", f"{BASE}/Questionnaire/ask"))
    found = artifacts(
        draw.choice([kind for kind in KINDS if kind not in ("Communication", "DiagnosticReport", "Procedure")]), target
    )
    for _ in range(draw.randrange(1, 5)):
        artifact = draw.choice(found)
        ways = [p for p in places(artifact) if p and p[0] not in ("resourceType", "url", "library", "id")]
        damage(artifact, draw.choice(ways), draw)
    check(found, draw)


@pytest.mark.parametrize("block", range(6))
def test_damaged_definitions(block: int) -> None:
    for seed in range(block * 15, block * 15 + 15):
        attack(seed)


@pytest.mark.full
@pytest.mark.parametrize("block", range(20))
def test_many_damaged_definitions(block: int) -> None:
    for seed in range(1000 + block * 50, 1050 + block * 50):
        attack(seed)


ODD: Json = {"language": {"a": 1}, "expression": "x"}
NOT_HASHED: list[tuple[str, Json, Json, Json]] = [
    ("a condition's language", {"condition": [{"kind": "applicability", "expression": ODD}]}, {}, {}),
    ("a dynamic value's language", {"dynamicValue": [{"path": "note", "expression": {**ODD, "language": ["x"]}}]}, {}, {}),
    ("a goal's id", {"goalId": ["g"]}, {}, {"goal": [{**GOAL, "id": {"a": 1}}]}),
    ("an action's extension", {"extension": [{"url": {"a": 1}, "valueString": "x"}]}, {}, {}),
    ("an activity's extension", {}, {"extension": [{"url": {"a": 1}, "valueString": "x"}]}, {}),
    ("a plan's extension", {}, {}, {"extension": [{"url": {"a": 1}, "valueString": "x"}]}),
    ("an action's age", {"timingAge": ["x"]}, {}, {}),
    ("an activity's duration", {}, {"timingDuration": "x"}, {}),
    ("a contained type", {"definitionCanonical": "#q"}, {}, {"contained": [{"resourceType": {"a": 1}, "id": "q"}]}),
    ("a goal's words", {"goalId": ["g"]}, {}, {"goal": [{**GOAL, "description": {"text": 5}}]}),
]  # fmt: skip


@pytest.mark.parametrize("policy", ["cpg", "cqf", "spec"])
@pytest.mark.parametrize(("action", "more", "of_plan"), [row[1:] for row in NOT_HASHED], ids=[row[0] for row in NOT_HASHED])
def test_what_is_no_text_where_a_text_belongs(action: Json, more: Json, of_plan: Json, policy: str) -> None:
    found = [plan("main", {"id": "a", "title": "A", "definitionCanonical": CANONICAL, **action}, **of_plan)]
    found.append(activity("take-a", "ServiceRequest", code=WORDS, **more))
    outcome = apply_guideline(with_artifacts(found), RECORD, as_of=AS_OF, policy=policy)
    for form in FORMS:
        assert errors(form(outcome), policy) == []
    told = [f for r in outcome.recommendations for f in r.findings] or outcome.findings
    assert told or outcome.recommendations[0].status == "error" or (policy == "cqf" and "timingDuration" in more)


@pytest.mark.parametrize("policy", ["cpg", "cqf", "spec"])
@pytest.mark.parametrize("own", [True, False])
def test_a_questionnaire_comes_with_what_it_names_and_without_a_version_of_its_own(policy: str, own: bool) -> None:
    question, values = INNER[1:]
    if own:
        whole = {**question, "url": f"{BASE}/Questionnaire/whole", "contained": [values]}
        found = guideline(plan("main", {"id": "a", "title": "A", "definitionCanonical": whole["url"]}), whole)
    else:
        found = guideline(plan("main", {"id": "a", "title": "A", "definitionCanonical": "#q"}, contained=INNER[1:]))
    outcome = run(found, policy=policy)
    for form in FORMS:
        assert errors(form(outcome), policy) == []
    kept = [r for r in care_plan(outcome)["contained"] if r["resourceType"] == "Questionnaire"]
    assert len(kept) == (0 if own and policy != "cqf" else 1)
    for each in kept:
        assert each["meta"] == {"profile": ["http://x/y"]}
        (names,) = (r["id"] for r in care_plan(outcome)["contained"] if r["resourceType"] == "ValueSet")
        assert each["item"][0]["answerValueSet"] == f"#{names}"


@pytest.mark.parametrize(("path", "value"), [("meta.security", "Code A"), ("meta.versionId", "Title"), ("contained", "Code A")])
def test_what_no_contained_resource_has_is_not_computed(path: str, value: str) -> None:
    dynamic = [{"path": path, "expression": expression(value)}]
    outcome = run(guideline(plan("main", {"id": "a", "definitionCanonical": CANONICAL, "dynamicValue": dynamic}), activity()))
    assert errors(care_plan(outcome), "cpg") == []
    assert [f.rule for r in outcome.recommendations for f in r.findings] == ["dynamic-value-path"]

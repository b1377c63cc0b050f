"""Any PlanDefinition at all: never a crash, never an invalid resource, never an action that is dropped without a word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.apply.small import (
    AS_OF,
    BASE,
    TABLET_A,
    TABLET_B,
    activity,
    expression,
    guideline,
    medication,
    observation,
    plan,
    record,
    when,
)

from guideway.apply.care_plan import bundle, care_plan, requests
from guideway.apply.kinds import KINDS
from guideway.apply.outcome import dumps
from guideway.apply.run import apply_guideline
from guideway.fhir.check import check_resource
from guideway.guideline.compiled import CompiledGuideline
from guideway.guideline.package import Artifact

Json = dict[str, Any]

DEFINES = ("True", "False", "Null", "Fails", "Number", "Nope", "Count Is Low", "Agrees", "Low And Not On A")
ACTIVITIES = [
    activity(kind.lower(), kind, productCodeableConcept=TABLET_A if number % 2 else TABLET_B, code={"text": kind})
    for number, kind in enumerate(KINDS)
]
NAMES = ("one", "two", "three")
CANONICALS = (
    *(a["url"] for a in ACTIVITIES), *(f"{BASE}/PlanDefinition/{n}" for n in NAMES), f"{BASE}/PlanDefinition/one|9.9",
    f"{BASE}/ActivityDefinition/none", f"{BASE}/Questionnaire/ask", "#inner", "#none", "urn:oid:1.2.3",
)  # fmt: skip
BASE_GUIDELINE = guideline(*ACTIVITIES, plan("one"))
RECORD = record(observation(0.8), medication())

conditions = st.builds(
    when,
    st.sampled_from(DEFINES),
    st.sampled_from(["applicability"] * 4 + ["start", "stop"]),
    language=st.sampled_from(["text/cql-identifier"] * 4 + ["text/cql", "text/fhirpath", "text/none"]),
)
dynamic_values = st.builds(
    lambda path, define: {"path": path, "expression": expression(define)},
    st.sampled_from(
        ["action.title", "title", "status", "note[0].text", "dosageInstruction[0].text", "medication", "x.y", "priority", "a["]
    ),
    st.sampled_from(["Title", "Dose", "Code A", "Concept A", "Notes", "Priority", "When", "True", "Empty", "Fails"]),
)
timings = st.sampled_from(
    [
        {},
        {"timingDateTime": "2026-07"},
        {"timingDuration": {"value": 2, "unit": "d", "code": "d", "system": "http://unitsofmeasure.org"}},
    ]
)


def action(children: st.SearchStrategy[list[Json]]) -> st.SearchStrategy[Json]:
    def build(facts: Json, inner: list[Json], timing: Json) -> Json:
        made = {name: value for name, value in facts.items() if value} | timing
        return {**made, "action": inner} if inner else made

    facts = st.fixed_dictionaries(
        {
            "id": st.sampled_from(["", "a", "b", "c", "d", "a long id that is not a FHIR id at all, with spaces in it " * 2]),
            "title": st.sampled_from(["", "T"]),
            "description": st.sampled_from(["", "D"]),
            "prefix": st.sampled_from(["", "1"]),
            "condition": st.lists(conditions, max_size=2),
            "definitionCanonical": st.sampled_from(["", "", *CANONICALS]),
            "dynamicValue": st.lists(dynamic_values, max_size=2),
            "selectionBehavior": st.sampled_from(["", "any", "all", "exactly-one", "at-most-one", "one-or-more"]),
            "requiredBehavior": st.sampled_from(["", "must", "could", "must-unless-documented"]),
            "groupingBehavior": st.sampled_from(["", "logical-group"]),
            "priority": st.sampled_from(["", "routine", "stat"]),
            "relatedAction": st.lists(
                st.builds(
                    lambda target, how: {"actionId": target, "relationship": how},
                    st.sampled_from("abcx"),
                    st.sampled_from(["before", "after-start", "concurrent"]),
                ),
                max_size=2,
            ),
            "trigger": st.sampled_from(
                [[], [], [{"type": "named-event", "name": "order-sign"}], [{"type": "named-event", "name": "patient-view"}]]
            ),
            "participant": st.sampled_from([[], [{"type": "practitioner", "role": {"text": "r"}}], [{"type": "device"}]]),
            "input": st.sampled_from([[], [{"type": "Procedure"}]]),
            "goalId": st.sampled_from([[], ["g"], ["none"]]),
            "reason": st.sampled_from([[], [{"text": "because"}]]),
        }
    )
    return st.builds(build, facts, children, timings)


actions = st.recursive(action(st.just([])), lambda inner: action(st.lists(inner, max_size=3)), max_leaves=8)
plans = st.builds(
    lambda name, found, goal: plan(
        name,
        *found,
        contained=[{"resourceType": "ActivityDefinition", "id": "inner", "status": "draft", "kind": "Task"}],
        **({"goal": [{"id": "g", "description": {"text": "goal"}}]} if goal else {}),
    ),
    st.sampled_from(NAMES),
    st.lists(actions, min_size=1, max_size=3),
    st.booleans(),
)


def with_plans(found: list[Json]) -> CompiledGuideline:
    """The compiled base with other plans: the logic is compiled once."""
    state = BASE_GUIDELINE.state()
    kept = [a for a in state["artifacts"] if a.type != "PlanDefinition"]
    distinct = {p["id"]: p for p in found}
    state["artifacts"] = [*kept, *(Artifact(p, f"PlanDefinition-{name}.json") for name, p in distinct.items())]
    return CompiledGuideline.from_state(state | {"roots": None})


def leaves(definitions: Any) -> Iterator[Json]:
    for definition in definitions or ():
        if definition.get("action"):
            yield from leaves(definition["action"])
        else:
            yield definition


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(plans, min_size=1, max_size=3), st.sampled_from(["cpg", "spec"]), st.sampled_from(["patient-view", None]))
def test_any_plan(found: list[Json], policy: str, hook: str | None) -> None:
    compiled = with_plans(found)
    outcome = apply_guideline(compiled, RECORD, as_of=AS_OF, policy=policy, hook=hook, practitioner="Practitioner/d")
    produced = care_plan(outcome)
    for resource in (produced, bundle(outcome), *requests(outcome)):
        problems = [d.as_text() for d in check_resource(resource) if d.severity.value == "error"]
        assert not problems, problems
    assert dumps(produced) == dumps(
        care_plan(apply_guideline(compiled, RECORD, as_of=AS_OF, policy=policy, hook=hook, practitioner="Practitioner/d"))
    )
    _nothing_dropped(compiled, outcome)
    for recommendation in outcome.recommendations:
        assert recommendation.reason
        if recommendation.status == "unknown":
            assert recommendation.missing
        else:
            assert all(m.for_ == "input" for m in recommendation.missing)


def _nothing_dropped(compiled: CompiledGuideline, outcome: Any) -> None:
    """Every leaf of every plan that was reached is a recommendation, or it (or what it is in) is listed with the reason."""
    listed = {(entry["plan"], entry.get("action")) for entry in outcome.skipped}
    rules = {f.rule for f in outcome.findings} | {f.rule for r in outcome.recommendations for f in r.findings}
    for summary in outcome.plans:
        artifact = compiled.plan(summary.id)
        if any(name is None for where, name in listed if where == artifact.canonical):
            continue
        shown = [r for r in outcome.recommendations if r.plan == artifact.canonical]
        wanted = [
            d
            for d in leaves(artifact.resource.get("action"))
            if not d.get("definitionCanonical", "").startswith(f"{BASE}/PlanDefinition/")
        ]
        skipped = [name for where, name in listed if where == artifact.canonical]
        if not skipped and "action-depth" not in rules:
            assert len(shown) >= len(wanted), (wanted, [r.key for r in shown])


def test_actions_nested_beyond_reason_are_a_finding_not_a_crash() -> None:
    deep: Json = {"id": "leaf", "title": "leaf"}
    for number in range(200):
        deep = {"id": f"n{number}", "action": [deep]}
    outcome = apply_guideline(with_plans([plan("one", deep)]), RECORD, as_of=AS_OF)
    assert "action-depth" in [f.rule for r in outcome.recommendations for f in r.findings]
    json.loads(dumps(care_plan(outcome)))


def test_malformed_definitions_are_survived() -> None:
    for broken in (
        {"id": 5}, {"condition": "x"}, {"condition": [None, {"kind": "applicability"}]}, {"action": {}}, {"action": [1, "x"]},
        {"extension": "no"}, {"dynamicValue": [{}]}, {"definitionCanonical": {"a": 1}}, {"relatedAction": [{}]}, {"trigger": [3]},
    ):  # fmt: skip
        outcome = apply_guideline(with_plans([plan("one", {"title": "T", **broken})]), RECORD, as_of=AS_OF)
        assert outcome.recommendations
        problems = [d.as_text() for d in check_resource(care_plan(outcome)) if d.severity.value == "error"]
        assert not problems, (broken, problems)


def test_invalid_elements_of_definitions_are_left_out_and_named() -> None:
    broken = {"priority": "soon", "code": "x", "documentation": [{"type": "rumour"}], "timingDateTime": "some day", "prefix": 3}
    bad = activity(
        "bad", "ServiceRequest", priority="soon", bodySite=[{"coding": 3}], dosage=[], quantity={"value": "x"}, code={"text": "t"}
    )
    compiled = guideline(plan("one", {"id": "a", "title": "T", **broken, "definitionCanonical": bad["url"]}), bad)
    outcome = apply_guideline(compiled, RECORD, as_of=AS_OF)
    problems = [d.as_text() for d in check_resource(care_plan(outcome)) if d.severity.value == "error"]
    assert not problems, problems
    rules = {f.rule for f in outcome.recommendations[0].findings}
    assert rules == {"action-invalid", "request-invalid"}

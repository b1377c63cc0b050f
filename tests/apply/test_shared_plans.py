"""A plan that several ways lead to: it is one plan wherever as much is decided above it, and another one where not."""

from __future__ import annotations

from typing import Any

import pytest
from tests.apply.features import made
from tests.apply.small import BASE, guideline, plan, run, when

from guideway.apply.care_plan import care_plan
from guideway.apply.data_requirements import requirements_of_plan
from guideway.guideline.actions import PLAN_LIMIT

SHARED = plan(
    "shared",
    {"id": "first", "title": "First", "relatedAction": [{"actionId": "never", "relationship": "before-start"}]},
    {"id": "never", "title": "Never", "condition": [when("False")]},
    {"id": "deeper", "definitionCanonical": f"{BASE}/PlanDefinition/below"},
)
BELOW = plan("below", {"id": "leaf", "title": "Leaf"})


def to_shared(name: str, condition: str) -> dict[str, Any]:
    return {"id": name, "condition": [when(condition)], "definitionCanonical": f"{BASE}/PlanDefinition/shared"}


def test_every_way_is_named_and_every_finding_once() -> None:
    result = made(
        plan("main", to_shared("a", "True"), to_shared("b", "True")), plan("other", to_shared("c", "True")), SHARED, BELOW
    )
    found = {r.key: r for r in result.outcome.recommendations}
    assert found["shared#first"].via == [["main", "shared"], ["other", "shared"]]
    assert found["below#leaf"].via == [["main", "shared", "below"], ["other", "shared", "below"]]
    assert [f.rule for f in found["shared#first"].findings] == ["related-action-absent"]
    assert {r.status for r in result.outcome.recommendations if r.action != "never"} == {"applies"}


def test_what_is_decided_above_decides_below() -> None:
    for conditions, status in (
        (("True", "True"), "applies"),
        (("Null", "True"), "applies"),
        (("Null", "False"), "unknown"),
        (("False", "Null", "True"), "applies"),
        (("False", "False"), "does-not-apply"),
        (("Fails", "False"), "error"),
    ):
        ways = [to_shared(f"way-{number}", condition) for number, condition in enumerate(conditions)]
        outcome = made(plan("main", *ways), SHARED, BELOW).outcome
        (leaf,) = (r for r in outcome.recommendations if r.key == "below#leaf")
        assert leaf.status == status, conditions


def test_a_plan_that_leads_back_is_followed_on_each_way_as_far_as_it_goes() -> None:
    ring = [
        plan("one", {"id": "to-two", "definitionCanonical": f"{BASE}/PlanDefinition/two"}, {"id": "x", "title": "X"}),
        plan("two", {"id": "to-one", "definitionCanonical": f"{BASE}/PlanDefinition/one"}, {"id": "y", "title": "Y"}),
    ]
    outcome = made(*ring).outcome
    found = {r.key: r.via for r in outcome.recommendations}
    assert found["one#x"] == [["one"], ["two", "one"]]
    assert found["two#y"] == [["one", "two"], ["two"]]


def to_plan(name: str, target: str) -> dict[str, Any]:
    return {"id": name, "definitionCanonical": f"{BASE}/PlanDefinition/{target}"}


@pytest.mark.parametrize("policy", ["cpg", "cqf"])
def test_ways_without_number_are_followed_up_to_a_limit(policy: str) -> None:
    twice = [plan(f"p{n}", to_plan("a", f"p{n + 1}"), to_plan("b", f"p{n + 1}")) for n in range(45)]
    own = {"id": "x", "title": "X"}
    each = [plan(f"q{n}", *(to_plan(f"a{m}", f"q{m}") for m in range(15) if m != n), own) for n in range(15)]
    for plans, leaf in (([*twice, plan("p45", {"id": "leaf", "title": "Leaf"})], "p45#leaf"), (each, "q14#x")):
        compiled = guideline(*plans)
        outcome = run(compiled, plans=[plans[0]["id"]], policy=policy)
        found = {r.key: [f.rule for f in r.findings] for r in outcome.recommendations}
        assert "plans-too-many" not in found[leaf]
        groups = [r for r in care_plan(outcome)["contained"] if r["resourceType"] == "RequestGroup"]
        assert len(groups) <= PLAN_LIMIT + 1
        assert ["plans-too-many"] in found.values()
        assert requirements_of_plan(compiled, compiled.plan(plans[0]["id"])) is not None


def test_fewer_ways_than_the_limit_are_all_followed() -> None:
    twice = [plan(f"p{n}", to_plan("a", f"p{n + 1}"), to_plan("b", f"p{n + 1}")) for n in range(8)]
    outcome = run(guideline(*twice, plan("p8", {"id": "leaf", "title": "Leaf"})))
    groups = [r["id"] for r in care_plan(outcome)["contained"] if r["resourceType"] == "RequestGroup"]
    assert len(groups) == len(set(groups)) == 2**9 - 1
    assert [(r.key, r.findings) for r in outcome.recommendations] == [("p8#leaf", [])]

"""A plan that several ways lead to: it is one plan wherever as much is decided above it, and another one where not."""

from __future__ import annotations

from typing import Any

from tests.apply.features import made
from tests.apply.small import BASE, plan, when

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

"""A group that cannot be known is one entry, with all that waits for it; nothing is lost from the recommendations."""

from __future__ import annotations

import json

import jsonschema
from tests.apply.features import made
from tests.apply.small import BASE, medication, observation, plan, when
from tests.apply.test_operations import SCHEMA

from guideway.apply.outcome import dumps

GROUP = {
    "id": "g",
    "title": "When the count is low",
    "condition": [when("Count Is Low", description="the count is low")],
    "action": [
        {"id": "x", "title": "X"},
        {"id": "y", "title": "Y", "condition": [when("Not On A")]},
        {"id": "own", "title": "Own", "condition": [when("Agrees")]},
        {"id": "inner", "title": "Inner", "action": [{"id": "z", "title": "Z"}]},
        {"id": "to", "definitionCanonical": f"{BASE}/PlanDefinition/nested"},
    ],
}
NESTED = plan("nested", {"id": "n", "title": "N"}, {"id": "m", "title": "M", "condition": [when("Level Over Count")]})


def test_one_entry_for_a_group() -> None:
    outcome = made(plan("main", GROUP, {"id": "alone", "title": "Alone", "condition": [when("Agrees")]}), NESTED).outcome
    found = {r.action: r.inherited_from for r in outcome.recommendations}
    assert found == {"x": "main#g", "y": "main#g", "own": None, "z": "main#g", "n": "main#g", "m": None, "alone": None}
    (group,) = outcome.unknown_groups
    assert (group.key, group.title, group.conditions) == ("main#g", "When the count is low", ["the count is low"])
    assert group.recommendations == ["main#x", "main#y", "main#z", "nested#n"]
    assert [m.element for m in group.missing] == ["count"]
    for recommendation in outcome.recommendations:
        assert recommendation.missing, recommendation.key
    document = json.loads(dumps(outcome.as_json()))
    jsonschema.validate(document, SCHEMA)
    assert document["unknownGroups"][0]["missing"][0]["supply"]
    assert [r.get("inheritedFrom") for r in document["recommendations"]] == list(found.values())


def test_the_nearest_group_that_is_unknown() -> None:
    inner = {"id": "inner", "title": "If agreed", "condition": [when("Agrees")], "action": [{"id": "z", "title": "Z"}]}
    outcome = made(plan("main", {**GROUP, "action": [inner, {"id": "x", "title": "X"}]})).outcome
    assert {r.action: r.inherited_from for r in outcome.recommendations} == {"z": "main#inner", "x": "main#g"}
    assert [(g.key, [m.element for m in g.missing]) for g in outcome.unknown_groups] == [
        ("main#inner", ["count", "agrees"]),
        ("main#g", ["count"]),
    ]


def test_nothing_is_inherited_from_what_is_known() -> None:
    for data in ((observation(0.5),), (observation(5),), (medication(),)):
        outcome = made(plan("main", {**GROUP, "action": GROUP["action"][:2]}), data=data).outcome  # type: ignore[index]
        assert bool(outcome.unknown_groups) == (data[0]["resourceType"] != "Observation")
        assert all((r.inherited_from is not None) == (r.status == "unknown") for r in outcome.recommendations)


def test_an_issue_names_the_group_and_how_many_wait() -> None:
    result = made(plan("main", GROUP), NESTED)
    (issue,) = [i for i in result.of("DetectedIssue") if i["id"] == "needed-count"]
    assert issue["detail"].endswith("Waiting for it: When the count is low (4 recommendations); Own; M")

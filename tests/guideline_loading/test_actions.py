"""What plans and actions say, whoever the patient is, is found out once, and the same with the cache and without it."""

from __future__ import annotations

from functools import cache

from tests.apply.small import BASE, guideline, plan, when

from guideway.guideline.actions import ActionFacts
from guideway.guideline.compiled import CompiledGuideline
from guideway.guideline.stored import thaw
from guideway.guideline.storing import freeze

DUBIOUS = plan(
    "dubious",
    {"id": "same", "title": "One", "condition": [when("Count Is Low"), when("Not there")]},
    {"id": "same", "priority": "whenever", "action": [{"id": "inner", "dynamicValue": [{"path": "title"}]}]},
    {"id": "event", "trigger": [{"type": "named-event", "name": "order-sign"}, {"type": "periodic"}]},
)


@cache
def compiled() -> CompiledGuideline:
    return guideline(DUBIOUS)


def actions(of: CompiledGuideline) -> dict[str, ActionFacts]:
    return {facts.name: facts for facts in of.facts(of.plan("dubious")).actions}


def test_what_is_found_out_before_there_is_a_patient() -> None:
    found = actions(compiled())
    assert list(found) == ["same", "same-at-2", "event"]
    low, lost = found["same"].conditions
    assert (low.library, low.define) == ("Logic", "Count Is Low")
    assert (lost.library, lost.define) == (None, None)  # asked again with a patient, for its error
    second = found["same-at-2"]
    assert "two actions of this plan have this id" in str(second.told)
    assert "priority" in second.definition
    assert "priority" not in second.sound
    assert len(second.faults) == 1
    assert second.group
    assert [(a.name, a.computes) for a in second.actions] == [("inner", True)]
    assert found["event"].triggers == ("order-sign",)


def test_through_the_cache_nothing_is_found_out_again() -> None:
    thawed = thaw(freeze(compiled()))
    assert thawed is not None
    artifact = thawed.plan("dubious")
    kept = thawed._facts[id(artifact.resource)]
    assert kept is thawed.facts(artifact)
    assert kept == compiled().facts(compiled().plan("dubious"))
    assert kept.actions[0].definition is artifact.resource["action"][0]
    assert artifact.url == f"{BASE}/PlanDefinition/dubious"

"""Whatever a definition holds: no crash, only valid FHIR in every form and under every policy, the same bytes again, and every
action accounted for."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from tests.apply.nasty import Json, package_of
from tests.apply.small import AS_OF, guideline, medication, observation, plan, record
from tests.apply.test_operations import SCHEMA

from guideway.apply.care_plan import bundle, care_plan, requests
from guideway.apply.outcome import PatientOutcome, dumps
from guideway.apply.run import apply_guideline
from guideway.fhir.check import check_resource
from guideway.guideline.compiled import CompiledGuideline
from guideway.guideline.loading import without_controls
from guideway.guideline.package import Artifact

RECORD = record(
    observation(0.8),
    medication(),
    {"resourceType": "AllergyIntolerance", "id": "al", "patient": {"reference": "Patient/p"}, "code": {"text": "Alpha"}},
)
NURSE = {"text": "nurse"}
CALLS: tuple[dict[str, Any], ...] = (
    {},
    {"hook": None, "practitioner": "Practitioner/d", "encounter": "Encounter/e", "organization": "Organization/o"},
    {"hook": "order-sign", "organization": "Organization/o", "user_language": "de", "location": "Location/l"},
    {"hook": None, "user_type": NURSE, "user_task": NURSE, "setting": NURSE, "setting_context": NURSE, "explain": True},
)
BASE_GUIDELINE = guideline(plan("one"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def with_artifacts(found: list[Json]) -> CompiledGuideline:
    """The compiled base with other plans and activities: the logic is compiled once."""
    state = BASE_GUIDELINE.state()
    kept = [a for a in state["artifacts"] if a.type not in ("PlanDefinition", "ActivityDefinition")]
    state["artifacts"] = [*kept, *(Artifact(without_controls(a), f"{a['resourceType']}-{a['id']}.json") for a in found)]
    return CompiledGuideline.from_state(state | {"roots": None})


def leaves(definitions: Any) -> Iterator[Json]:
    for definition in definitions if isinstance(definitions, list) else ():
        if isinstance(definition, dict):
            inner = (
                [a for a in definition.get("action") or () if isinstance(a, dict)]
                if isinstance(definition.get("action"), list)
                else []
            )
            if inner:
                yield from leaves(inner)
            else:
                yield definition


def errors(resource: Json, policy: str) -> list[str]:
    """What is wrong; the reference lets an organization be the author of a RequestGroup, and so does its policy."""
    found = [d for d in check_resource(resource) if d.severity.value == "error"]
    kept = [d for d in found if policy != "cqf" or not str(d.pointer).endswith("/author/reference")]
    return [d.as_text() for d in kept]


def check(outcome: PatientOutcome) -> None:
    """Everything that holds for every outcome."""
    forms = [care_plan(outcome), bundle(outcome), *requests(outcome)]
    for form in forms:
        problems = errors(form, outcome.policy)
        assert not problems, (outcome.policy, problems[:3])
    problems = [e.message for e in VALIDATOR.iter_errors(json.loads(dumps(outcome.as_json())))]
    assert not problems, problems[:3]
    for recommendation in outcome.recommendations:
        assert recommendation.reason
        assert bool(recommendation.missing) >= (recommendation.status == "unknown")


def nothing_dropped(compiled: CompiledGuideline, outcome: PatientOutcome) -> None:
    """Every leaf of every plan that was reached has a recommendation, or it (or what it stands in) is listed with the reason."""
    rules = {f.rule for f in outcome.findings} | {f.rule for r in outcome.recommendations for f in r.findings}
    for summary in outcome.plans:
        artifact = compiled.resolve(f"{summary.url}|{summary.version}" if summary.version else summary.url)
        if artifact is None:
            continue
        skipped = [s for s in outcome.skipped if s["plan"] == artifact.canonical]
        shown = {r.action for r in outcome.recommendations if r.plan == artifact.canonical}
        wanted = list(leaves(artifact.resource.get("action")))
        nested = [d for d in wanted if isinstance(d.get("definitionCanonical"), str)]
        if not skipped and "action-depth" not in rules:
            assert len(shown) >= len(wanted) - len(nested), (len(shown), len(wanted))
        for definition in wanted:
            if not any(definition is d for d in nested) and definition.get("id") and not skipped:
                assert any(name.startswith(str(definition["id"])) for name in shown), definition["id"]


def attack(seed: int) -> None:
    draw = random.Random(seed)
    compiled = with_artifacts(package_of(draw))
    for policy in ("cpg", "cqf", "spec"):
        options = CALLS[draw.randrange(len(CALLS))]
        outcome = apply_guideline(compiled, RECORD, as_of=AS_OF, policy=policy, **options)
        check(outcome)
        nothing_dropped(compiled, outcome)
        again = apply_guideline(compiled, RECORD, as_of=AS_OF, policy=policy, **options)
        assert dumps(care_plan(outcome)) == dumps(care_plan(again))


@pytest.mark.parametrize("block", range(10))
def test_nasty_definitions(block: int) -> None:
    for seed in range(block * 12, block * 12 + 12):
        attack(seed)


@pytest.mark.full
@pytest.mark.parametrize("block", range(20))
def test_many_nasty_definitions(block: int) -> None:
    for seed in range(1000 + block * 50, 1050 + block * 50):
        attack(seed)

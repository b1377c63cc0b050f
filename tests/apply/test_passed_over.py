"""What of the plans is passed over is said in every form of the result, in a few words."""

from __future__ import annotations

from typing import Any

import pytest
from tests.apply.features import A, Json
from tests.apply.small import guideline, plan, run

from guideway.apply.care_plan import bundle, care_plan, requests_bundle
from guideway.apply.passed_over import passed_over
from guideway.apply.run import as_concept
from guideway.cli.lines import plain
from guideway.cli.markdown import markdown
from guideway.cli.table import table

VENUE = {"system": "http://terminology.hl7.org/CodeSystem/usage-context-type", "code": "venue"}
NURSE = {"type": "practitioner", "role": {"coding": [{"code": "nurse"}], "text": "nurse"}}
OFF = {"url": "http://hl7.org/fhir/uv/cpg/StructureDefinition/cpg-enabled", "valueBoolean": False}
ANY = {"url": "http://hl7.org/fhir/StructureDefinition/cqf-applicabilityBehavior", "valueCode": "any"}
OTHER_HOOK = {"trigger": [{"type": "named-event", "name": "order-sign"}]}


@pytest.mark.parametrize("policy", ["cpg", "cqf", "spec"])
@pytest.mark.parametrize(
    ("artifact", "options", "said"),
    [
        (plan("main", {**A, "participant": [NURSE]}), {"user_type": as_concept("doctor")}, "meant for nurse, not doctor: main#a"),
        (
            plan("main", A, useContext=[{"code": VENUE, "valueCodeableConcept": as_concept("icu")}]),
            {"setting": as_concept("ward")},
            "meant for venue icu, not ward: the plan main",
        ),
        (plan("main", A, status="retired"), {}, "the plan main"),
        (plan("main", {**A, "extension": [OFF]}), {}, "switched off (cpg-enabled is false): main#a"),
        (plan("main", {"id": "g", "extension": [ANY], "action": [A, {"id": "b"}]}), {}, "a applied first: main#b"),
        (plan("main", {**A, **OTHER_HOOK}), {}, "answers to order-sign, not to patient-view: main#a"),
    ],
)
def test_what_is_left_out_is_told_in_every_form(artifact: Json, options: dict[str, Any], said: str, policy: str) -> None:
    outcome = run(guideline(artifact), policy=policy, **options)
    for made in (
        care_plan(outcome)["contained"],
        [e["resource"] for e in bundle(outcome)["entry"]],
        [e["resource"] for e in requests_bundle(outcome)["entry"]],
    ):
        (found,) = [r for r in made if r["resourceType"] == "OperationOutcome"]
        (issue,) = [i for i in found["issue"] if i["code"] == "informational"]
        assert issue["severity"] == "information"
        assert said in issue["diagnostics"]
    assert said in " ".join(plain(table([outcome], width=80)).split())
    assert said in markdown([outcome]).replace("\\", "")


def test_many_are_counted() -> None:
    many = [{"plan": "http://x/main|1", "action": f"a{n}", "reason": "r"} for n in range(50)]
    assert passed_over(many) == ["r: main#a0 and 49 others"]
    assert passed_over(many, brief=True) == ["r (50)"]
    assert passed_over(many[:2], brief=True) == ["r: main#a0, main#a1"]
    apart = [{**each, "reason": f"r{n}"} for n, each in enumerate(many)]
    assert len(passed_over(apart)) == 9
    assert passed_over(apart)[-1] == "for 42 other reasons: main#a8 and 41 others"


def test_under_cqf_what_answers_to_another_hook_is_told_where_nothing_else_is_there() -> None:
    other = {"id": "b", **OTHER_HOOK}
    assert "contained" in care_plan(run(guideline(plan("main", other)), policy="cqf"))
    with_one = care_plan(run(guideline(plan("main", A, other)), policy="cqf"))
    assert [r["resourceType"] for r in with_one["contained"]] == ["RequestGroup"]
    assert "extension" not in with_one

"""What is made one and what stays apart: nothing that a request says is lost, and for is never folded with against."""

from __future__ import annotations

from typing import Any

import pytest
from tests.apply.features import CANONICAL, HL7, OWN, A, Json, Result, made, one
from tests.apply.small import BASE, TABLET_A, TABLET_B, activity, expression, medication, plan, when

from guideway.apply.differences import differences
from guideway.apply.names import PERTAINS_TO_GOAL
from guideway.guideline.names import DIRECTION

CLASSED = """
library Logic version '1.0.0'
using FHIR version '4.0.1'
valueset "All tablets": 'http://example.org/small/ValueSet/tablets'
context Patient
define "Any Tablet": exists [MedicationRequest: "All tablets"]
"""


def at(name: str) -> str:
    return f"{BASE}/ActivityDefinition/{name}"


def direction(code: str) -> Json:
    return {"url": DIRECTION, "valueCodeableConcept": {"coding": [{"code": code}]}}


def strength(text: str) -> Json:
    return {"url": HL7 + "cqf-strengthOfRecommendation", "valueCodeableConcept": {"text": text}}


def set_to(path: str, value: str) -> list[Json]:
    return [{"path": path, "expression": expression(value, "text/cql-expression")}]


def two_actions(target: Json, left: Json, right: Json, **values: Any) -> Result:
    """Two actions of one activity, each with elements of its own."""
    first = {**A, "definitionCanonical": target["url"], **left}
    return made(plan("main", first, {"id": "b", "title": "B", "definitionCanonical": target["url"], **right}), target, **values)


def rules(result: Result) -> list[str]:
    return [c.rule for c in result.outcome.conflicts]


def findings(result: Result, rule: str) -> list[str]:
    return [f.message for r in result.outcome.recommendations for f in r.findings if f.rule == rule]


def test_a_recommendation_against_is_not_folded_into_one_for() -> None:
    against = plan("one", {**A, "definitionCanonical": at("no-a"), "extension": [direction("against"), strength("strong")]})
    for_it = plan(
        "two", {"id": "b", "title": "B", "definitionCanonical": CANONICAL, "extension": [direction("for"), strength("weak")]}
    )
    result = made(against, for_it, activity(productCodeableConcept=TABLET_A), activity("no-a", productCodeableConcept=TABLET_A))
    assert len(result.of("MedicationRequest")) == 2
    (conflict,) = result.outcome.conflicts
    assert (conflict.rule, conflict.recommendations) == ("for-and-against", ["two#b", "one#a"])
    assert [r.also for r in result.outcome.recommendations] == [[], []]


@pytest.mark.parametrize(
    ("kind", "path", "left", "right", "word"),
    [
        ("CommunicationRequest", "payload[0].content", "'Stop smoking'", "'Eat well'", "payload"),
        ("Task", "description", "'Stop smoking'", "'Eat well'", "description"),
        ("ServiceRequest", "orderDetail[0].text", "'fasting'", "'after a meal'", "order detail"),
        ("ServiceRequest", "performerType.text", "'a nurse'", "'a physician'", "performer type"),
        ("ServiceRequest", "locationReference[0].reference", "'Location/1'", "'Location/2'", "location reference"),
        ("DeviceRequest", "parameter[0].value", "true", "false", "parameter"),
        ("MedicationRequest", "courseOfTherapyType.text", "'continuous'", "'acute'", "course of therapy type"),
    ],
)
def test_requests_that_say_different_things_both_stay(kind: str, path: str, left: str, right: str, word: str) -> None:
    target = activity("x", kind, code={"text": "Education"}, productCodeableConcept=TABLET_A)
    apart = two_actions(target, {"dynamicValue": set_to(path, left)}, {"dynamicValue": set_to(path, right)})
    assert len(apart.of(kind)) == 2
    (mine, theirs) = findings(apart, "request-differs")
    assert "main (B)" in mine
    assert f"another {word}" in mine
    assert f"another {word}" in theirs
    alike = two_actions(target, {"dynamicValue": set_to(path, left)}, {"dynamicValue": set_to(path, left)})
    assert len(alike.of(kind)) == 1
    assert findings(alike, "request-differs") == []
    stated = two_actions(target, {"dynamicValue": set_to(path, left)}, {})
    assert len(stated.of(kind)) == 2


@pytest.mark.parametrize(
    ("kind", "left", "right"),
    [
        ("MedicationRequest", {"bodySite": [{"text": "left eye"}]}, {"bodySite": [{"text": "right eye"}]}),
        ("DeviceRequest", {"quantity": {"value": 1}}, {"quantity": {"value": 2}}),
        ("SupplyRequest", {"quantity": {"value": 2}}, {"quantity": {"value": 3}}),
    ],
)
def test_definitions_that_differ_both_stay(kind: str, left: Json, right: Json) -> None:
    def requests(first: Json, second: Json) -> int:
        targets = (activity(n, kind, productCodeableConcept=TABLET_A, **more) for n, more in (("x", first), ("y", second)))
        actions = ({**A, "definitionCanonical": at("x")}, {"id": "b", "title": "B", "definitionCanonical": at("y")})
        return len(made(plan("main", *actions), *targets).of(kind))

    assert (requests(left, right), requests(left, left), requests(left, {})) == (2, 1, 2)


def test_tasks_at_other_times_both_stay_and_overlap() -> None:
    def every(unit: str, period: int = 1) -> Json:
        return {"timingTiming": {"repeat": {"frequency": 1, "period": period, "periodUnit": unit}}}

    task = activity("x", "Task", code=TABLET_B)
    apart = two_actions(task, every("wk"), every("mo"))
    assert (len(apart.of("Task")), rules(apart)) == (2, ["monitoring-overlap"])
    assert len(two_actions(task, every("wk"), every("d", 7)).of("Task")) == 1


def test_one_interval_in_two_units_is_one_and_coded_intervals_are_compared() -> None:
    def every(period: int, unit: str) -> Json:
        return {"timingTiming": {"repeat": {"frequency": 1, "period": period, "periodUnit": unit}}}

    def coded(code: str) -> Json:
        system = "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation"
        return {"timingTiming": {"code": {"coding": [{"system": system, "code": code}]}}}

    lab = activity("lab", "ServiceRequest", code=TABLET_B)
    same = two_actions(lab, every(1, "wk"), every(7, "d"))
    assert (len(same.of("ServiceRequest")), rules(same), same.rules()) == (1, [], [])
    (conflict,) = two_actions(lab, coded("QD"), coded("MO")).outcome.conflicts
    assert conflict.rule == "monitoring-overlap"
    assert "the shorter one (QD) governs" in conflict.text
    assert rules(two_actions(lab, coded("QD"), coded("QD"))) == []
    assert rules(two_actions(lab, coded("WK"), every(1, "mo"))) == ["monitoring-overlap"]


def test_strengths_in_words_do_not_fold() -> None:
    def of(left: str, right: str) -> int:
        targets = [activity(n, productCodeableConcept={"text": t}) for n, t in (("x", left), ("y", right))]
        actions = ({**A, "definitionCanonical": at("x")}, {"id": "b", "title": "B", "definitionCanonical": at("y")})
        return len(made(plan("main", *actions), *targets).of("MedicationRequest"))

    assert (of("Alpha 5 mg", "Alpha 10 mg"), of("Alpha 5 mg", "alpha, 5 MG")) == (2, 1)


def test_a_dose_that_one_leaves_open_is_that_of_the_other() -> None:
    target = activity(productCodeableConcept=TABLET_A, dosage=dosage(5))
    actions = ({"id": "b", "title": "B", "definitionCanonical": at("open")}, {**A, "definitionCanonical": CANONICAL})
    result = made(plan("main", *actions), target, activity("open", productCodeableConcept=TABLET_A))
    assert result.request["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"] == 5
    assert "stated by one of them only" in result.outcome.recommendations[0].notes[0]


def test_folding_keeps_reasons_notes_and_the_more_urgent_priority() -> None:
    left = {"reason": [{"text": "one"}], "extension": [strength("weak")]}
    right = {"reason": [{"text": "two"}], "priority": "urgent", "extension": [strength("strong")]}
    result = two_actions(activity(productCodeableConcept=TABLET_A), left, right)
    request = result.request
    assert [r["text"] for r in request["reasonCode"]] == ["two", "one"]
    assert request["priority"] == "urgent"
    assert "Also proposed by main: A (weak)" in request["note"][0]["text"]


def test_differences_ignore_ids_and_times_only() -> None:
    base: Json = {"resourceType": "ServiceRequest", "code": TABLET_A, "intent": "proposal"}
    assert differences({**base, "id": "x", "authoredOn": "2026-01-01"}, {**base, "note": [{"text": "n"}]}) == []
    assert differences(base, {**base, "intent": "order", "asNeededBoolean": True}) == ["as needed boolean", "intent"]
    assert differences(base, {**base, "extension": [{"url": "http://x/detail", "valueString": "y"}]}) == ["detail"]


# -- proposals on record


def dosage(value: int) -> list[Json]:
    unit = {"unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
    return [{"doseAndRate": [{"doseQuantity": {"value": value, **unit}}]}]


def proposed_before(**more: Any) -> Json:
    return medication(id="before", status="draft", intent="proposal", authoredOn="2026-05-01", **more)


def test_an_open_proposal_with_another_dose_does_not_swallow_the_new_one() -> None:
    target = activity(productCodeableConcept=TABLET_A, dosage=dosage(5))
    action = {**A, "definitionCanonical": CANONICAL}
    other = one(action, target, data=(proposed_before(dosageInstruction=dosage(50)),))
    assert other.request["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"] == 5
    (conflict,) = other.outcome.conflicts
    assert (conflict.rule, conflict.resources) == ("dose-differs", ["MedicationRequest/before"])
    (message,) = findings(other, "proposal-differs")
    assert "another dosage instruction" in message
    same = one(action, target, data=(proposed_before(dosageInstruction=dosage(5)),))
    assert (same.of("MedicationRequest"), rules(same)) == ([], [])
    assert "Already proposed on 2026-05-01" in same.outcome.recommendations[0].notes[0]
    both = (proposed_before(dosageInstruction=dosage(50)), {**proposed_before(dosageInstruction=dosage(5)), "id": "same"})
    assert one(action, target, data=both).of("MedicationRequest") == []


def test_an_open_proposal_for_does_not_stand_for_a_recommendation_against() -> None:
    action = {**A, "definitionCanonical": CANONICAL, "extension": [direction("against")]}
    assert len(one(action, activity(productCodeableConcept=TABLET_A), data=(proposed_before(),)).of("MedicationRequest")) == 1
    result = one(
        {**A, "definitionCanonical": CANONICAL},
        activity(productCodeableConcept=TABLET_A),
        data=(proposed_before(doNotPerform=True),),
    )
    (conflict,) = result.outcome.conflicts
    assert (conflict.rule, conflict.resources) == ("for-and-against", ["MedicationRequest/before"])


# -- classes, branches, goals, orders


@pytest.mark.parametrize(
    ("proposed", "against", "found"),
    [
        (TABLET_A, {"text": "All tablets"}, ["for-and-against"]),
        ({"text": "Tablet B"}, {"text": "all tablet"}, ["for-and-against"]),
        ({"text": "All tablets"}, TABLET_B, ["for-and-against"]),
        (TABLET_A, TABLET_B, []),
        ({"text": "Other"}, {"text": "All tablets"}, []),
    ],
)
def test_for_a_drug_and_against_its_class(proposed: Json, against: Json, found: list[str]) -> None:
    targets = (activity(productCodeableConcept=proposed), activity("r", productCodeableConcept=against, doNotPerform=True))
    actions = ({**A, "definitionCanonical": CANONICAL}, {"id": "b", "title": "B", "definitionCanonical": at("r")})
    result = made(plan("main", *actions), *targets, cql=CLASSED)
    assert rules(result) == found
    assert all(c.recommendations == ["main#a", "main#b"] for c in result.outcome.conflicts)


BRANCH = {"extension": [{"url": OWN + "exclusive-group", "valueString": "branch"}]}


def test_exclusive_branches_that_are_groups() -> None:
    def group(name: str, *inner: Json) -> Json:
        return {"id": name, "title": name.upper(), "action": list(inner), **BRANCH}

    result = made(plan("main", group("g", {"id": "x", "title": "X"}), group("h", {"id": "y", "title": "Y"})))
    (conflict,) = result.outcome.conflicts
    assert (conflict.rule, conflict.recommendations) == ("exclusive-branches", ["main#x", "main#y"])
    assert "G; H" in conflict.text
    no = {"id": "y", "title": "Y", "condition": [when("False")]}
    assert rules(made(plan("main", group("g", {"id": "x", "title": "X"}), group("h", no)))) == []


def test_a_conflict_without_requests_implicates_the_plan() -> None:
    result = made(plan("main", {**A, **BRANCH}, {"id": "b", "title": "B", **BRANCH}))
    (issue,) = result.of("DetectedIssue")
    assert issue["implicated"] == [{"reference": f"#{result.group()['id']}"}]


def test_the_goal_of_an_action_is_that_of_its_own_plan() -> None:
    def with_goal(name: str, target: str) -> Json:
        action = {"id": "a", "title": "A", "goalId": ["g"], "definitionCanonical": at(target)}
        return plan(name, action, goal=[{"id": "g", "description": {"text": f"Goal of {name}"}}])

    targets = activity("s", "ServiceRequest", code=TABLET_B), activity("t", "ServiceRequest", code=TABLET_A)
    result = made(with_goal("one", "s"), with_goal("two", "t"), *targets)
    words = {f"#{g['id']}": g["description"]["text"] for g in result.of("Goal")}

    def named(node: Json) -> list[str]:
        return [words[e["valueReference"]["reference"]] for e in node["extension"] if e["url"] == PERTAINS_TO_GOAL]

    assert [named(r) for r in result.of("ServiceRequest")] == [["Goal of one"], ["Goal of two"]]
    assert [named(g["action"][0]) for g in result.of("RequestGroup")] == [["Goal of one"], ["Goal of two"]]
    folded = made(with_goal("one", "s"), with_goal("two", "s"), targets[0])
    assert [named(r) for r in folded.of("ServiceRequest")] == [["Goal of one", "Goal of two"]]


@pytest.mark.parametrize(("kind", "element"), [("ServiceRequest", "code"), ("DeviceRequest", "codeCodeableConcept")])
def test_what_is_already_ordered(kind: str, element: str) -> None:
    def order(**more: Any) -> Json:
        subject = {"subject": {"reference": "Patient/p"}}
        return {"resourceType": kind, "id": "o", "status": "active", "intent": "order", **subject, element: TABLET_B, **more}

    def found(*data: Json) -> list[str]:
        target = activity("x", kind, code=TABLET_B, productCodeableConcept=TABLET_B)
        return rules(one({**A, "definitionCanonical": at("x")}, target, data=data))

    assert found(order()) == ["already-active"]
    assert found(order(status="completed")) == found(order(**{element: TABLET_A})) == found() == []


def test_relations_of_groups_decide_the_order() -> None:
    def related(target: str, relationship: str) -> Json:
        return {"relatedAction": [{"actionId": target, "relationship": relationship}]}

    inner = plan("inner", {"id": "i", "title": "I"})
    nested = {"id": "n", "title": "N", "definitionCanonical": f"{BASE}/PlanDefinition/inner", **related("x", "before")}
    group = {"id": "g", "title": "G", "action": [{"id": "x", "title": "X"}, {"id": "y", "title": "Y"}]}
    result = made(plan("main", {**group, **related("z", "after-end")}, {"id": "z", "title": "Z"}, nested), inner)
    order = [key for key in result.outcome.order if key != "main#g"]
    assert order.index("main#z") < order.index("main#x")
    assert order.index("main#z") < order.index("main#y")
    assert order.index("inner#i") < order.index("main#x")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({}, True),
        ({"productCodeableConcept": TABLET_B}, False),
        ({"dynamicValue": set_to("medication", "'another'")}, False),
        ({"doNotPerform": True}, False),
    ],
)
def test_what_another_plan_withholds_says_so_where_it_is_proposed(other: Json, said: bool) -> None:
    guard = {"url": OWN + "withheld-when", "valueExpression": {**expression("True"), "description": "Not today"}}
    withheld = {"id": "b", "title": "B", "definitionCanonical": at("other"), "extension": [guard]}
    plans = (plan("one", {**A, "definitionCanonical": CANONICAL}), plan("two", withheld))
    result = made(
        *plans, activity(productCodeableConcept=TABLET_A), activity("other", **{"productCodeableConcept": TABLET_A, **other})
    )
    one, two = result.outcome.recommendations
    assert (one.status, two.status, two.notes) == ("applies", "suppressed", [])
    note = f"Withheld by two (B): {two.reason}"
    assert (note in one.notes, {"text": note} in result.request.get("note", [])) == (said, said)
    assert "Not today" in note

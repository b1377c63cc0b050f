"""Features of $apply, 1 to 20: which actions apply, and what is carried over from them. Every row looks at the JSON."""

from __future__ import annotations

import json

import pytest
from tests.apply.features import CANONICAL, HL7, OWN, TIMING, A, Json, Rows, extensions, made, one
from tests.apply.small import BASE, TABLET_A, activity, observation, plan, when

from guideway.apply.outcome import dumps

ROWS = Rows()
row = ROWS.row


@row("01 applicability: true, false, null, an error and a non-Boolean each have their own status")
def _() -> None:
    result = made(
        plan(
            "main", *({"id": d, "title": d, "condition": [when(d)]} for d in ("True", "False", "Null", "Fails", "Number", "Nope"))
        )
    )
    assert result.statuses() == {
        "True": "applies",
        "False": "does-not-apply",
        "Null": "unknown",
        "Fails": "error",
        "Number": "error",
        "Nope": "error",
    }
    assert [a["id"] for a in result.actions] == ["True"]
    reasons = {r.action: r.reason for r in result.outcome.recommendations}
    assert reasons["Number"].endswith("is not Boolean: it gave an Integer")
    assert "no define 'Nope'" in reasons["Nope"]
    assert "this fails" in reasons["Fails"]


@row("01 several conditions are all needed; no condition applies; false settles it before null")
def _() -> None:
    result = made(
        plan(
            "main",
            {**A, "condition": [when("Null"), when("False")]},
            {"id": "b", "title": "B", "condition": [when("True"), when("Null")]},
            {"id": "c", "title": "C"},
        )
    )
    assert result.statuses() == {"a": "does-not-apply", "b": "unknown", "c": "applies"}


@row("02 start and stop conditions are carried over, not evaluated")
def _() -> None:
    result = one({**A, "condition": [when("True"), when("Fails", "start"), when("False", "stop")]})
    assert [c["kind"] for c in result.actions[0]["condition"]] == ["applicability", "start", "stop"]
    assert result.statuses() == {"a": "applies"}


@row("03 nested actions: document order; a false or unknown parent decides for its children")
def _() -> None:
    children = [{"id": "x", "title": "X"}, {"id": "y", "title": "Y", "condition": [when("False")]}, {"id": "z", "title": "Z"}]
    result = made(
        plan(
            "main",
            {"id": "yes", "title": "yes", "action": children},
            {
                "id": "no",
                "title": "no",
                "condition": [when("False")],
                "action": [{"id": "n", "title": "N", "condition": [when("Fails")]}],
            },
            {"id": "maybe", "title": "maybe", "condition": [when("Null")], "action": [{"id": "m", "title": "M"}]},
        )
    )
    assert result.statuses() == {"x": "applies", "y": "does-not-apply", "z": "applies", "n": "does-not-apply", "m": "unknown"}
    assert [a["id"] for a in result.actions] == ["yes"]
    assert [a["id"] for a in result.actions[0]["action"]] == ["x", "z"]


@row("04 applicabilityBehavior any stops after the first that applies; all (the default) does not")
def _() -> None:
    children = [{"id": "x", "title": "X", "condition": [when("False")]}, {"id": "y", "title": "Y"}, {"id": "z", "title": "Z"}]
    behaviour = {"extension": [{"url": HL7 + "cqf-applicabilityBehavior", "valueCode": "any"}]}
    result = one({**A, **behaviour, "action": children})
    assert [a["id"] for a in result.actions[0]["action"]] == ["y"]
    assert json.loads(dumps(result.outcome.as_json()))["skipped"] == [
        {"plan": f"{BASE}/PlanDefinition/main|1.0.0", "action": "z", "reason": "applicability behaviour any: y applied first"}
    ]
    assert result.statuses() == {"x": "does-not-apply", "y": "applies"}
    assert [a["id"] for a in one({**A, "action": children}).actions[0]["action"]] == ["y", "z"]


@row("05-07 grouping, selection, required, precheck and cardinality behaviours are carried over")
def _() -> None:
    behaviours = {
        "groupingBehavior": "logical-group",
        "selectionBehavior": "at-most-one",
        "requiredBehavior": "could",
        "precheckBehavior": "yes",
        "cardinalityBehavior": "single",
    }
    action = one({**A, **behaviours, "action": [{"id": "x", "title": "X"}, {"id": "y", "title": "Y"}]}).actions[0]
    assert {name: action[name] for name in behaviours} == behaviours
    assert len(action["action"]) == 2


@row("06 selection: a choice among several is no violation; nothing to choose from is a finding")
def _() -> None:
    none = [{"id": "x", "title": "X", "condition": [when("False")]}, {"id": "y", "title": "Y", "condition": [when("Null")]}]
    both = [{"id": "x", "title": "X"}, {"id": "y", "title": "Y"}]
    assert "selection-empty" in one({**A, "selectionBehavior": "exactly-one", "action": none}).rules()
    assert "selection-empty" in one({**A, "selectionBehavior": "one-or-more", "action": none}).rules()
    assert "selection-empty" not in one({**A, "selectionBehavior": "any", "action": none}).rules()
    assert one({**A, "selectionBehavior": "exactly-one", "action": both}).rules() == []


@row("exclusive branches: more than one applicable member is a finding and a conflict")
def _() -> None:
    group = {"extension": [{"url": OWN + "exclusive-group", "valueString": "branch"}]}
    result = made(plan("main", {**A, **group}, {"id": "b", "title": "B", **group}))
    assert result.rules().count("exclusive-branches") == 2
    assert [c.rule for c in result.outcome.conflicts] == ["exclusive-branches"]
    assert len([i for i in result.of("DetectedIssue") if "exclude each other" in i["detail"]]) == 1
    alone = made(plan("main", {**A, **group}, {"id": "b", "title": "B", **group, "condition": [when("False")]}))
    assert alone.outcome.conflicts == []


@row("08 relatedAction: relation and offset carried over; one to an action that is not there is left out")
def _() -> None:
    related = [
        {
            "actionId": "b",
            "relationship": "after-start",
            "offsetDuration": {"value": 2, "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"},
        },
        {"actionId": "c", "relationship": "before"},
    ]
    result = made(
        plan(
            "main",
            {**A, "relatedAction": related},
            {"id": "b", "title": "B"},
            {"id": "c", "title": "C", "condition": [when("False")]},
        )
    )
    assert result.actions[0]["relatedAction"] == related[:1]
    assert json.loads(dumps(result.outcome.as_json()))["order"] == ["main#b", "main#a"]
    again = [{**A, "relatedAction": related[:1]}, {"id": "b", "title": "B"}]
    nested = {"id": "n", "title": "N", "definitionCanonical": f"{BASE}/PlanDefinition/inner"}
    ids = made(plan("main", *again, nested), plan("inner", *again)).plan
    groups = [r for r in ids["contained"] if r["resourceType"] == "RequestGroup"]
    assert len(groups) == 2
    for group in groups:  # wherever an id had to change, the relation changed with it
        own = [action["id"] for action in group["action"]]
        assert group["action"][0]["relatedAction"][0]["actionId"] == own[1]


@row("09 timing[x] of an action is carried over and decides the occurrence")
def _() -> None:
    result = one(
        {**A, "timingTiming": TIMING, "definitionCanonical": CANONICAL},
        activity(kind="ServiceRequest", timingDateTime="2020-01-01"),
    )
    assert result.actions[0]["timingTiming"] == TIMING
    assert result.request["occurrenceTiming"] == TIMING


@row("10 trigger: an action answers to its own hook only; without a trigger to every one")
def _() -> None:
    trigger = [{"type": "named-event", "name": "order-sign"}]
    actions = ({**A, "trigger": trigger, "action": [{"id": "x", "title": "X"}]}, {"id": "b", "title": "B"})
    assert made(plan("main", *actions)).statuses() == {"b": "applies"}
    assert made(plan("main", *actions), hook="order-sign").statuses() == {"x": "applies", "b": "applies"}
    assert made(plan("main", *actions), hook=None).statuses() == {"x": "applies", "b": "applies"}
    assert made(plan("main", *actions)).outcome.skipped[0]["reason"] == "answers to order-sign, not to patient-view"


@row("10 trigger: a group none of whose actions answers to the hook is not there either")
def _() -> None:
    trigger = [{"type": "named-event", "name": "order-sign"}]
    group = {**A, "action": [{"id": "x", "title": "X", "trigger": trigger}]}
    assert [a["id"] for a in made(plan("main", group, {"id": "b", "title": "B"})).actions] == ["b"]
    assert "activity" not in made(plan("main", group)).plan
    assert [a["id"] for a in made(plan("main", group), hook="order-sign").actions] == ["a"]


@row("11 input: an extension on the action; what the record does not hold is data needed")
def _() -> None:
    needs = {"id": "cells", "type": "Observation", "codeFilter": [{"path": "code", "valueSet": f"{BASE}/ValueSet/count-tests"}]}
    result = one({**A, "input": [needs]})
    assert extensions(result.actions[0], OWN + "action-input")[0]["valueDataRequirement"] == needs
    (missing,) = result.outcome.recommendations[0].missing
    assert (missing.element, missing.for_) == ("cells", "input")
    assert one({**A, "input": [needs]}, data=(observation(2),)).outcome.recommendations[0].missing == []


@row("12 output: an extension on the action")
def _() -> None:
    gives = {"type": "Observation"}
    assert extensions(one({**A, "output": [gives]}).actions[0], OWN + "action-output")[0]["valueDataRequirement"] == gives


@row("13 participant: a reference where the parameters say who, with type and role kept")
def _() -> None:
    participants = [{"type": "practitioner", "role": {"text": "nurse"}}, {"type": "patient"}, {"type": "related-person"}]
    action = one({**A, "participant": participants}, practitioner="Practitioner/d").actions[0]
    assert action["participant"] == [{"reference": "Practitioner/d"}, {"reference": "Patient/p"}]
    kept = extensions(action, OWN + "action-participant")
    assert [{e["url"]: e.get("valueCode") or e.get("valueCodeableConcept") for e in k["extension"]} for k in kept] == [
        {"type": "practitioner", "role": {"text": "nurse"}},
        {"type": "related-person"},
    ]


@row("14 documentation, textEquivalent, all codings of code, type, priority, title, description, prefix")
def _() -> None:
    facts = {
        "prefix": "1",
        "description": "D",
        "textEquivalent": "T",
        "priority": "urgent",
        "code": [{"coding": [{"code": "x"}, {"code": "y"}]}, {"text": "z"}],
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/action-type", "code": "create"}]},
        "documentation": [{"type": "citation", "label": "key-1, line 7", "citation": "C"}],
    }
    result = one({**A, **facts})
    assert {name: result.actions[0][name] for name in facts} == facts
    (source,) = result.outcome.recommendations[0].source
    assert (source.key, source.lines, source.citation) == ("key-1", "7", "C")


@row("15 reason goes to the request's reasonCode, or on the action where there is no request; goalId to both")
def _() -> None:
    reason = [{"text": "because"}]
    goal = {"id": "g", "description": {"text": "be well"}}
    result = made(
        plan("main", {**A, "reason": reason, "goalId": ["g"], "definitionCanonical": CANONICAL}, goal=[goal]), activity()
    )
    assert result.request["reasonCode"] == reason
    assert extensions(result.request, HL7 + "resource-pertainsToGoal")[0]["valueReference"] == {"reference": "#goal-g"}
    assert extensions(result.actions[0], HL7 + "resource-pertainsToGoal")[0]["valueReference"] == {"reference": "#goal-g"}
    bare = one({**A, "reason": reason}).actions[0]
    assert extensions(bare, OWN + "action-reason")[0]["valueCodeableConcept"] == reason[0]


@row("16 definitionCanonical to an ActivityDefinition, versioned, unversioned and contained")
def _() -> None:
    for canonical in (CANONICAL, CANONICAL + "|1.0.0"):
        result = one({**A, "definitionCanonical": canonical}, activity(productCodeableConcept=TABLET_A))
        assert result.actions[0]["resource"] == {"reference": "#a-take-a"}
        assert result.request["medicationCodeableConcept"] == TABLET_A
    inner = {"resourceType": "ActivityDefinition", "id": "inner", "status": "draft", "kind": "Task", "code": {"text": "do"}}
    result = made(plan("main", {**A, "definitionCanonical": "#inner"}, contained=[inner]))
    assert (result.request["resourceType"], result.request["id"]) == ("Task", "a-inner")


@row("16 a definition that is not there is a finding, and the action stays")
def _() -> None:
    result = one({**A, "definitionCanonical": BASE + "/ActivityDefinition/gone"})
    assert result.rules() == ["definition-unresolved"]
    assert result.statuses() == {"a": "applies"}
    assert result.actions[0]["resource"] == {"display": "A"}


@row("17 definitionCanonical to a PlanDefinition: a RequestGroup of its own, conditions of both levels")
def _() -> None:
    inner = plan(
        "inner",
        {"id": "x", "title": "X", "definitionCanonical": CANONICAL},
        {"id": "y", "title": "Y", "condition": [when("False")]},
    )
    outer = plan("main", {**A, "definitionCanonical": BASE + "/PlanDefinition/inner"})
    result = made(outer, inner, activity())
    assert result.actions[0]["resource"] == {"reference": "#inner"}
    assert result.group(1)["instantiatesCanonical"] == [BASE + "/PlanDefinition/inner|1.0.0"]
    assert result.group(1)["action"][0]["resource"] == {"reference": "#x-take-a"}
    assert result.statuses() == {"x": "applies", "y": "does-not-apply"}
    assert result.outcome.recommendations[0].via == [["main", "inner"]]
    off = made(
        plan("main", {**A, "condition": [when("False")], "definitionCanonical": BASE + "/PlanDefinition/inner"}),
        inner,
        activity(),
    )
    assert off.statuses() == {"x": "does-not-apply", "y": "does-not-apply"}
    assert "activity" not in off.plan


@row("17 plans that point at each other end, with a finding")
def _() -> None:
    first = plan("one", {**A, "definitionCanonical": BASE + "/PlanDefinition/two"})
    second = plan("two", {"id": "b", "title": "B", "definitionCanonical": BASE + "/PlanDefinition/one"})
    result = made(first, second, plans=["one"])
    assert result.rules() == ["definition-cycle"]
    assert made(plan("self", {**A, "definitionCanonical": BASE + "/PlanDefinition/self"})).rules() == ["definition-cycle"]


@row("17 plans that plans contain: they reach what stands beside them, and two of one id are told apart")
def _() -> None:
    task = {"resourceType": "ActivityDefinition", "id": "ad", "status": "draft", "kind": "Task", "code": {"text": "do"}}

    def outer(name: str, define: str) -> Json:
        inner = {
            "resourceType": "PlanDefinition", "id": "in", "status": "draft", "library": [f"{BASE}/Library/Logic"],
            "action": [
                {"id": "x", "title": "X", "condition": [when(define)], "definitionCanonical": "#ad"},
                {"id": "y", "title": "Y", "definitionCanonical": "#deeper"},
            ],
        }  # fmt: skip
        deeper = {"resourceType": "PlanDefinition", "id": "deeper", "status": "draft", "action": [{"id": "z", "title": "Z"}]}
        return plan(name, {**A, "definitionCanonical": "#in"}, contained=[inner, deeper, task])

    result = made(outer("one", "False"), outer("two", "True"))
    assert result.rules() == []
    assert {r.key: r.status for r in result.outcome.recommendations} == {
        "one.in#x": "does-not-apply",
        "one.deeper#z": "applies",
        "two.in#x": "applies",
        "two.deeper#z": "applies",
    }
    (request,) = result.of("Task")
    assert request["code"] == {"text": "do"}
    assert [f"{BASE}/PlanDefinition/two#in"] in [g["instantiatesCanonical"] for g in result.of("RequestGroup")]


@row("18 definitionCanonical to a Questionnaire; 19 definitionUri")
def _() -> None:
    result = made(
        plan(
            "main",
            {**A, "definitionCanonical": BASE + "/Questionnaire/ask"},
            {"id": "b", "title": "B", "definitionUri": "http://x.org/y"},
        )
    )
    assert result.actions[0]["resource"] == {"reference": BASE + "/Questionnaire/ask|1.0.0"}
    assert result.actions[1]["resource"] == {"reference": "http://x.org/y"}


@row("18 a Questionnaire that the plan contains comes along")
def _() -> None:
    asked = {
        "resourceType": "Questionnaire",
        "id": "q",
        "status": "draft",
        "item": [{"linkId": "1", "text": "Well?", "type": "boolean"}],
    }
    actions = ({**A, "definitionCanonical": "#q"}, {"id": "b", "title": "B", "definitionCanonical": "#q"})
    result = made(plan("main", *actions, contained=[asked]))
    assert [a["resource"] for a in result.actions] == [{"reference": "#q"}] * 2
    assert result.of("Questionnaire") == [asked]
    reference = made(plan("main", *actions, contained=[asked]), policy="cqf")
    assert [a["resource"] for a in reference.actions] == [{"reference": "#a-q"}, {"reference": "#b-q"}]
    assert reference.of("Questionnaire") == [{**asked, "id": "a-q"}, {**asked, "id": "b-q"}]


@row("20 what a definition is follows from the resource, not from the URL's path")
def _() -> None:
    odd = {**activity(), "url": "urn:uuid:00000000-0000-4000-8000-000000000000"}
    assert one({**A, "definitionCanonical": odd["url"]}, odd).request["resourceType"] == "MedicationRequest"


@pytest.mark.parametrize("name", ROWS)
def test_row(name: str) -> None:
    ROWS[name]()

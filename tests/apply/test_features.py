"""One row for each feature of $apply; every row looks at the JSON that comes out, and every CarePlan must be valid R4."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from tests.apply.small import (
    BASE,
    TABLET_A,
    TABLET_B,
    activity,
    agreement,
    expression,
    guideline,
    medication,
    observation,
    plan,
    run,
    when,
)

from guideway.apply.care_plan import bundle, care_plan, requests
from guideway.apply.outcome import PatientOutcome, dumps
from guideway.fhir.check import check_resource

Json = dict[str, Any]
CANONICAL = f"{BASE}/ActivityDefinition/take-a"
HL7 = "http://hl7.org/fhir/StructureDefinition/"
OWN = "https://example.org/guideway/StructureDefinition/"


class Result(NamedTuple):
    outcome: PatientOutcome
    plan: Json

    def group(self, number: int = 0) -> Json:
        return [r for r in self.plan.get("contained", ()) if r["resourceType"] == "RequestGroup"][number]

    @property
    def actions(self) -> list[Json]:
        return self.group()["action"]  # type: ignore[no-any-return]

    def of(self, kind: str) -> list[Json]:
        return [r for r in self.plan.get("contained", ()) if r["resourceType"] == kind]

    @property
    def request(self) -> Json:
        other = {"RequestGroup", "OperationOutcome", "DetectedIssue", "GuidanceResponse", "Goal"}
        (found,) = [r for r in self.plan["contained"] if r["resourceType"] not in other]
        return found

    def statuses(self) -> dict[str, str]:
        return {r.action: r.status for r in self.outcome.recommendations}

    def rules(self) -> list[str]:
        return [f.rule for f in self.outcome.findings] + [f.rule for r in self.outcome.recommendations for f in r.findings]


def made(*artifacts: Json, data: tuple[Json, ...] = (), cql: str | None = None, **options: Any) -> Result:
    extra = {"cql": cql} if cql is not None else {}
    outcome = run(guideline(*artifacts, **extra), *data, **options)
    produced = json.loads(dumps(care_plan(outcome)))
    problems = [d.as_text() for d in check_resource(care_plan(outcome)) if d.severity.value == "error"]
    assert not problems, problems
    return Result(outcome, produced)


def extensions(element: Json, url: str) -> list[Json]:
    return [e for e in element.get("extension", ()) if e["url"] == url]


def one(action: Json, *more: Json, **kw: Any) -> Result:
    return made(plan("main", action), *more, **kw)


A: Json = {"id": "a", "title": "A"}
TIMING = {"repeat": {"frequency": 1, "period": 2, "periodUnit": "wk"}}

ROWS: dict[str, Callable[[], Any]] = {}


def row(name: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    def add(function: Callable[[], Any]) -> Callable[[], Any]:
        assert name not in ROWS, name
        ROWS[name] = function
        return function

    return add


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
    assert "is not Boolean" in reasons["Number"]
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
    assert result.outcome.skipped == [
        {"plan": f"{BASE}/PlanDefinition/main|1.0.0", "action": "z", "reason": "applicability behaviour any: y applied first"}
    ]
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
    assert result.outcome.order == ["main#b", "main#a"]


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


@row("20 what a definition is follows from the resource, not from the URL's path")
def _() -> None:
    odd = {**activity(), "url": "urn:uuid:00000000-0000-4000-8000-000000000000"}
    assert one({**A, "definitionCanonical": odd["url"]}, odd).request["resourceType"] == "MedicationRequest"


@row("21 dynamicValue on the action: on the request, or on the action itself")
def _() -> None:
    values = [
        {"path": "action.title", "expression": expression("Title")},
        {"path": "%action.priority", "expression": expression("Priority")},
        {"path": "dosageInstruction[0].doseAndRate[0].dose", "expression": expression("Dose")},
        {"path": "medication", "expression": expression("Concept A")},
        {"path": "extension('http://x/y').value", "expression": expression("Dose")},
        {"path": "note[0].text", "expression": expression("Title")},
    ]
    result = one({**A, "definitionCanonical": CANONICAL, "dynamicValue": values}, activity())
    assert (result.actions[0]["title"], result.actions[0]["priority"]) == ("A computed title", "urgent")
    dose = {"value": 5, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
    assert result.request["dosageInstruction"] == [{"doseAndRate": [{"doseQuantity": dose}]}]
    assert result.request["medicationCodeableConcept"]["text"] == "Tablet A concept"
    assert extensions(result.request, "http://x/y")[0]["valueQuantity"] == dose
    bare = one({**A, "dynamicValue": [{"path": "title", "expression": expression("Title")}]})
    assert bare.actions[0]["title"] == "A computed title"


@row("22 dynamicValue on the ActivityDefinition, before the action's own")
def _() -> None:
    inner = activity(
        dynamicValue=[
            {"path": "note.text", "expression": expression("Title")},
            {"path": "priority", "expression": expression("Priority")},
        ]
    )
    outer = [{"path": "note.text", "expression": expression("Priority")}]
    request = one({**A, "definitionCanonical": CANONICAL, "dynamicValue": outer}, inner).request
    assert (request["note"], request["priority"]) == ([{"text": "urgent"}], "urgent")


@row("22 a dynamic value that is null, fails or has a bad path is a finding, and nothing else is lost")
def _() -> None:
    values = [
        {"path": "note.text", "expression": expression("Empty")},
        {"path": "note.text", "expression": expression("Fails")},
        {"path": "nothing.there", "expression": expression("Title")},
        {"path": "status[", "expression": expression("Title")},
        {"path": "note.text", "expression": expression("Title")},
    ]
    result = one({**A, "definitionCanonical": CANONICAL, "dynamicValue": values}, activity())
    assert result.rules() == ["dynamic-value-null", "dynamic-value-error", "dynamic-value-path", "dynamic-value-path"]
    assert result.request["note"] == [{"text": "A computed title"}]


@row("23 languages: identifiers old and new, expressions, text/cql both ways, FHIRPath, qualified names")
def _() -> None:
    conditions = {
        "identifier": expression("True"),
        "dotted": expression("True", "text/cql.identifier"),
        "qualified": expression('Logic."True"'),
        "reference": expression("True", reference=f"{BASE}/Library/Logic|1.0.0"),
        "inline": expression('"True" and 1 < 2', "text/cql-expression"),
        "inline-dotted": expression('Logic."True"', "text/cql.expression"),
        "cql-name": expression("True", "text/cql"),
        "cql-text": expression('exists("Notes")', "text/cql"),
        "path": expression("birthDate < @2000-01-01", "text/fhirpath"),
        "path-variable": expression("%subject.id = 'p'", "text/fhirpath"),
    }
    result = made(
        plan(
            "main",
            *(
                {"id": name, "title": name, "condition": [{"kind": "applicability", "expression": e}]}
                for name, e in conditions.items()
            ),
        )
    )
    assert result.statuses() == dict.fromkeys(conditions, "applies")


@row("23 a language that is not known, and CQL that does not translate, are errors in words")
def _() -> None:
    bad = {"query": expression("Patient?x", "application/x-fhir-query"), "broken": expression("1 +", "text/cql-expression")}
    result = made(
        plan("main", *({"id": n, "title": n, "condition": [{"kind": "applicability", "expression": e}]} for n, e in bad.items()))
    )
    assert result.statuses() == {"query": "error", "broken": "error"}


@row("24 cqf-alternativeExpression is tried where the first gives null or cannot be evaluated")
def _() -> None:
    alternative = {"extension": [{"url": HL7 + "cqf-alternativeExpression", "valueExpression": expression("True")}]}
    actions = [
        {"id": "null", "title": "null", "condition": [when("Null", **alternative)]},
        {"id": "false", "title": "false", "condition": [when("False", **alternative)]},
        {
            "id": "odd",
            "title": "odd",
            "condition": [{"kind": "applicability", "expression": {**expression("x", "text/odd"), **alternative}}],
        },
    ]
    assert made(plan("main", *actions)).statuses() == {"null": "applies", "false": "does-not-apply", "odd": "applies"}


@row("25 FHIRPath sees subject, encounter, practitioner and parameters; CQL sees parameters")
def _() -> None:
    encounter = {
        "resourceType": "Encounter",
        "id": "e",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": "Patient/p"},
    }
    condition = [
        {"kind": "applicability", "expression": expression("%encounter.class.code = 'AMB' and %Limit > 1.5", "text/fhirpath")}
    ]
    options = {"encounter": "Encounter/e", "parameters": {"Limit": "2.0"}}
    result = made(
        plan("main", {**A, "condition": condition}, {"id": "b", "title": "B", "condition": [when("Count Is Low")]}),
        data=(encounter, observation(1.5)),
        **options,
    )
    assert result.statuses() == {"a": "applies", "b": "applies"}
    assert result.plan["encounter"] == {"reference": "Encounter/e"}
    assert result.outcome.parameters == {"Limit": "2.0"}


@row("26 a transform is refused by name, on the action and on the activity")
def _() -> None:
    result = one(
        {**A, "transform": BASE + "/StructureMap/x", "definitionCanonical": CANONICAL},
        activity(transform=BASE + "/StructureMap/y"),
    )
    texts = [f.message for f in result.outcome.recommendations[0].findings]
    assert ["StructureMap/x" in texts[0], "StructureMap/y" in texts[1]] == [True, True]
    assert result.rules() == ["transform-unsupported"] * 2


KINDS: dict[str, dict[str, Any]] = {
    "Appointment": {"status": "proposed", "participant": [{"actor": {"reference": "Patient/p"}, "status": "needs-action"}]},
    "AppointmentResponse": {"participantStatus": "needs-action", "actor": {"reference": "Patient/p"}},
    "CarePlan": {"status": "draft", "intent": "proposal", "subject": {"reference": "Patient/p"}},
    "Claim": {"status": "draft", "use": "predetermination", "patient": {"reference": "Patient/p"}},
    "CommunicationRequest": {
        "status": "draft",
        "payload": [{"contentString": "Describe it"}],
        "subject": {"reference": "Patient/p"},
    },
    "Contract": {"status": "offered", "subject": [{"reference": "Patient/p"}]},
    "DeviceRequest": {"status": "draft", "intent": "proposal", "codeCodeableConcept": TABLET_A},
    "EnrollmentRequest": {"status": "draft", "candidate": {"reference": "Patient/p"}},
    "ImmunizationRecommendation": {"patient": {"reference": "Patient/p"}, "date": "2026-06-01T12:00:00Z"},
    "MedicationRequest": {"status": "draft", "intent": "proposal", "medicationCodeableConcept": TABLET_A},
    "NutritionOrder": {"status": "draft", "intent": "proposal", "patient": {"reference": "Patient/p"}},
    "ServiceRequest": {"status": "draft", "intent": "proposal", "subject": {"reference": "Patient/p"}},
    "SupplyRequest": {"status": "draft", "itemCodeableConcept": TABLET_A, "deliverTo": {"reference": "Patient/p"}},
    "Task": {"status": "draft", "intent": "proposal", "for": {"reference": "Patient/p"}, "description": "Describe it"},
    "VisionPrescription": {"status": "draft", "patient": {"reference": "Patient/p"}},
}


@pytest.mark.parametrize("kind", KINDS)
def test_row_27_every_kind_takes_whoever_asks(kind: str) -> None:
    people = [{"type": "practitioner"}, {"type": "patient"}, {"type": "related-person"}]
    for asking in ({"practitioner": "Practitioner/d"}, {"organization": "Organization/o"}):
        assert (
            one({**A, "definitionCanonical": CANONICAL}, activity(kind=kind, participant=people), **asking).request[
                "resourceType"
            ]
            == kind
        )


@pytest.mark.parametrize("kind", KINDS)
def test_row_27_every_kind_is_made_whole(kind: str) -> None:
    facts = {"code": {"text": "the code"}, "productCodeableConcept": TABLET_A, "description": "Describe it", "priority": "urgent"}
    result = one({**A, "definitionCanonical": CANONICAL}, activity(kind=kind, **facts), practitioner="Practitioner/d")
    assert result.request["resourceType"] == kind
    assert {name: result.request.get(name) for name in KINDS[kind]} == KINDS[kind]
    bare = one({**A, "definitionCanonical": CANONICAL}, activity(kind=kind))
    assert bare.request["resourceType"] == kind
    assert bare.outcome.recommendations[0].status == "applies"


@row("27 an activity without a kind, or of an unknown one, is a finding")
def _() -> None:
    assert one({**A, "definitionCanonical": CANONICAL}, activity(kind="Party")).rules() == ["activity-kind"]


@row("27 the CPG activity kind reaches event types")
def _() -> None:
    extension = [{"url": "http://hl7.org/fhir/uv/cpg/StructureDefinition/cpg-activity-kind", "valueCode": "Procedure"}]
    request = one({**A, "definitionCanonical": CANONICAL}, activity(extension=extension, code={"text": "cut"})).request
    assert (request["resourceType"], request["status"], request["code"]) == ("Procedure", "preparation", {"text": "cut"})


@row("28 dosage, 29 quantity, where each kind keeps them")
def _() -> None:
    quantity = {"value": 30, "unit": "tablet"}
    dosage = [{"text": "one a day"}]
    request = one({**A, "definitionCanonical": CANONICAL}, activity(quantity=quantity, dosage=dosage)).request
    assert (request["dispenseRequest"], request["dosageInstruction"]) == ({"quantity": quantity}, dosage)
    request = one(
        {**A, "definitionCanonical": CANONICAL}, activity(kind="ServiceRequest", quantity=quantity, dosage=dosage)
    ).request
    assert request["quantityQuantity"] == quantity
    assert extensions(request, OWN + "activity-dosage")[0]["valueDosage"] == dosage[0]
    assert (
        one({**A, "definitionCanonical": CANONICAL}, activity(kind="SupplyRequest", quantity=quantity)).request["quantity"]
        == quantity
    )


@row("30 doNotPerform on every kind: its own element, or the modifier extension")
def _() -> None:
    for kind in ("MedicationRequest", "ServiceRequest", "CommunicationRequest"):
        assert (
            one({**A, "definitionCanonical": CANONICAL}, activity(kind=kind, doNotPerform=True)).request["doNotPerform"] is True
        )
    for kind in ("Task", "DeviceRequest", "SupplyRequest", "NutritionOrder"):
        request = one({**A, "definitionCanonical": CANONICAL}, activity(kind=kind, doNotPerform=True)).request
        assert request["modifierExtension"] == [{"url": HL7 + "request-doNotPerform", "valueBoolean": True}]


DAYS = {"value": 3, "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"}
YEARS = {"value": 50, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"}
TIMINGS: list[tuple[str, Json, str, Any]] = [
    ("ServiceRequest", {"timingTiming": TIMING}, "occurrenceTiming", TIMING),
    ("ServiceRequest", {"timingDateTime": "2026-07-01"}, "occurrenceDateTime", "2026-07-01"),
    ("ServiceRequest", {"timingPeriod": {"start": "2026-07-01"}}, "occurrencePeriod", {"start": "2026-07-01"}),
    (
        "ServiceRequest",
        {"timingDuration": DAYS},
        "occurrencePeriod",
        {"start": "2026-06-01T12:00:00Z", "end": "2026-06-04T12:00:00Z"},
    ),
    ("ServiceRequest", {"timingRange": {"low": DAYS}}, "occurrencePeriod", {"start": "2026-06-04T12:00:00Z"}),
    ("ServiceRequest", {"timingAge": YEARS}, "occurrenceDateTime", "2030-02-03"),
    ("MedicationRequest", {"timingTiming": TIMING}, "dosageInstruction", [{"timing": TIMING}]),
    (
        "MedicationRequest",
        {"timingPeriod": {"start": "2026-07-01"}},
        "dispenseRequest",
        {"validityPeriod": {"start": "2026-07-01"}},
    ),
    ("Task", {"timingDateTime": "2026-07-01"}, "restriction", {"period": {"start": "2026-07-01"}}),
    ("CommunicationRequest", {"timingDateTime": "2026-07-01"}, "occurrenceDateTime", "2026-07-01"),
    ("Appointment", {"timingPeriod": {"start": "2026-07-01"}}, "requestedPeriod", [{"start": "2026-07-01"}]),
    ("NutritionOrder", {"timingTiming": TIMING}, "oralDiet", {"schedule": [TIMING], "type": [{"text": "Take A"}]}),
]


@pytest.mark.parametrize(("kind", "timing", "element", "expected"), TIMINGS)
def test_row_31_timing_becomes_the_occurrence(kind: str, timing: Json, element: str, expected: Any) -> None:
    assert one({**A, "definitionCanonical": CANONICAL}, activity(kind=kind, **timing)).request[element] == expected


@row("31 a timing that a kind has no place for is kept in an extension")
def _() -> None:
    request = one({**A, "definitionCanonical": CANONICAL}, activity(kind="CommunicationRequest", timingTiming=TIMING)).request
    assert extensions(request, OWN + "activity-timing")[0]["valueTiming"] == TIMING


@row("32 priority, location, participant, body site, specimen and observation requirements")
def _() -> None:
    facts = {
        "priority": "asap",
        "location": {"reference": "Location/l"},
        "bodySite": [{"text": "arm"}],
        "participant": [{"type": "practitioner", "role": {"text": "nurse"}}],
        "specimenRequirement": [{"reference": "SpecimenDefinition/s"}],
        "observationRequirement": [{"reference": "ObservationDefinition/o"}],
    }
    request = one(
        {**A, "definitionCanonical": CANONICAL}, activity(kind="ServiceRequest", **facts), practitioner="Practitioner/d"
    ).request
    assert (request["priority"], request["locationReference"], request["bodySite"]) == (
        "asap",
        [facts["location"]],
        facts["bodySite"],
    )
    assert (request["performer"], request["performerType"]) == ([{"reference": "Practitioner/d"}], {"text": "nurse"})
    assert extensions(request, OWN + "activity-specimenRequirement")[0]["valueReference"] == {"reference": "SpecimenDefinition/s"}
    assert extensions(request, OWN + "activity-observationRequirement")[0]["valueReference"] == {
        "reference": "ObservationDefinition/o"
    }
    request = one({**A, "priority": "stat", "definitionCanonical": CANONICAL}, activity(priority="routine")).request
    assert request["priority"] == "stat"


@row("33 profile goes to meta.profile; 34 extensions are carried, and an expression on one is evaluated")
def _() -> None:
    carried = [
        {"url": "http://x/a", "valueString": "kept"},
        {
            "url": "http://x/b",
            "_valueString": {"extension": [{"url": HL7 + "cqf-expression", "valueExpression": expression("Title")}]},
        },
        {"url": HL7 + "cqf-knowledgeCapability", "valueCode": "computable"},
    ]
    request = one({**A, "definitionCanonical": CANONICAL}, activity(profile="http://x/profile", extension=carried)).request
    assert request["meta"] == {"profile": ["http://x/profile"]}
    assert request["extension"] == [
        {"url": "http://x/a", "valueString": "kept"},
        {"url": "http://x/b", "valueString": "A computed title"},
    ]


@row("36 encounter, practitioner, organization; 37 language, user type, task and setting")
def _() -> None:
    people = {
        "encounter": "Encounter/e",
        "practitioner": "Practitioner/d",
        "organization": "Organization/o",
        "user_language": "de",
    }
    result = one({**A, "definitionCanonical": CANONICAL}, activity(), **people)
    assert result.request["requester"] == {"reference": "Practitioner/d"}
    assert (result.plan["author"], result.plan["language"]) == ({"reference": "Practitioner/d"}, "de")
    only = one({**A, "definitionCanonical": CANONICAL}, activity(), organization="Organization/o")
    assert only.request["requester"] == {"reference": "Organization/o"}


@row("37 a plan or action for others is left out, and listed")
def _() -> None:
    def context(code: str, value: str) -> Json:
        system = "http://terminology.hl7.org/CodeSystem/usage-context-type"
        return {"code": {"system": system, "code": code}, "valueCodeableConcept": {"coding": [{"code": value}]}}

    nurse, doctor = {"coding": [{"code": "nurse"}]}, {"coding": [{"code": "doctor"}]}
    contexts = {"user": "user_type", "task": "user_task", "venue": "setting_context"}
    for code, parameter in contexts.items():
        definition = plan("main", A, useContext=[context(code, "nurse")])
        assert made(definition, **{parameter: nurse}).statuses() == {"a": "applies"}
        assert made(definition).statuses() == {"a": "applies"}
        left = made(definition, **{parameter: doctor})
        assert (left.statuses(), len(left.outcome.skipped)) == ({}, 1)
    role = {**A, "participant": [{"type": "practitioner", "role": nurse}]}
    assert made(plan("main", role), user_type=doctor).statuses() == {}
    assert made(plan("main", role), user_type=nurse).statuses() == {"a": "applies"}


@row("43 errors are an OperationOutcome that the CarePlan refers to")
def _() -> None:
    result = one({**A, "definitionCanonical": BASE + "/ActivityDefinition/gone"})
    (outcome,) = result.of("OperationOutcome")
    assert outcome["issue"][0]["severity"] == "error"
    assert extensions(result.plan, HL7 + "cqf-messages")[0]["valueReference"] == {"reference": "#" + outcome["id"]}


@row("44 ids follow from the definitions; two actions with one activity make two requests")
def _() -> None:
    take_b = {"path": "medication", "expression": expression("Code A")}
    result = made(
        plan(
            "main",
            {**A, "definitionCanonical": CANONICAL},
            {"id": "b", "title": "B", "definitionCanonical": CANONICAL, "dynamicValue": [take_b]},
        ),
        activity(productCodeableConcept=TABLET_B),
    )
    assert [r["id"] for r in result.of("MedicationRequest")] == ["a-take-a", "b-take-a"]
    assert [a["resource"]["reference"] for a in result.actions] == ["#a-take-a", "#b-take-a"]


@row("45 instantiatesCanonical on every kind; a Task is based on its RequestGroup")
def _() -> None:
    for kind in KINDS:
        request = one({**A, "definitionCanonical": CANONICAL}, activity(kind=kind)).request
        named = request.get("instantiatesCanonical") or [
            e["valueCanonical"] for e in extensions(request, HL7 + "workflow-instantiatesCanonical")
        ]
        assert named in ([CANONICAL + "|1.0.0"], CANONICAL + "|1.0.0"), kind
    task = one({**A, "definitionCanonical": CANONICAL}, activity(kind="Task")).request
    assert task["basedOn"] == [{"reference": "#main"}]


@row("46 goals with category, priority, start, addresses, target and documentation")
def _() -> None:
    goal = {
        "category": {"text": "c"},
        "description": {"text": "be well"},
        "priority": {"text": "high"},
        "start": {"text": "now"},
        "addresses": [{"coding": [{"code": "x"}], "text": "an illness"}, {"coding": [{"code": "y"}]}],
        "documentation": [{"type": "citation", "citation": "Said here"}],
        "target": [{"measure": {"text": "count"}, "detailQuantity": {"value": 1}, "due": DAYS}],
    }
    condition = {
        "resourceType": "Condition",
        "id": "c",
        "subject": {"reference": "Patient/p"},
        "code": {"coding": [{"code": "y"}]},
    }
    result = made(plan("main", A, goal=[goal]), data=(condition,))
    (found,) = result.of("Goal")
    assert {n: found[n] for n in ("lifecycleStatus", "category", "priority", "startCodeableConcept", "note")} == {
        "lifecycleStatus": "proposed",
        "category": [{"text": "c"}],
        "priority": {"text": "high"},
        "startCodeableConcept": {"text": "now"},
        "note": [{"text": "Said here"}],
    }
    assert found["target"] == [{"measure": {"text": "count"}, "detailQuantity": {"value": 1}, "dueDuration": DAYS}]
    assert found["addresses"] == [{"display": "an illness"}, {"reference": "Condition/c"}]
    assert result.plan["goal"] == [{"reference": "#goal-1"}] or result.plan["goal"] == [{"reference": f"#{found['id']}"}]


@row("48 selectionBehavior, titles and requests of children are there for cards to be made from")
def _() -> None:
    child = {"id": "x", "title": "Take it", "definitionCanonical": CANONICAL}
    action = one({**A, "selectionBehavior": "any", "action": [child]}, activity()).actions[0]
    assert action["action"][0]["resource"] == {"reference": "#x-take-a"}


@row("51 why: condition text, evidence with value, unit and date; 52 what is missing and how to supply it")
def _() -> None:
    said = when("Count Is Low And Agrees", description="The count is low and the patient agrees")
    result = one({**A, "condition": [said]}, data=(observation(0.8),))
    (found,) = result.outcome.recommendations
    assert found.reason == "Cannot be known yet: The count is low and the patient agrees"
    (evidence,) = found.evidence
    assert (evidence.element, evidence.resource, str(evidence.value), evidence.unit, evidence.date) == (
        "count",
        "Observation/count-2026-05-20",
        "0.8",
        "10*9/L",
        "2026-05-20",
    )
    assert evidence.why == "Count Is Low (0.8 10*9/L < 1.0 10*9/L)"
    (missing,) = found.missing
    assert (missing.element, missing.supply[0].kind, missing.supply[0].link_id) == ("agrees", "question", "agree")
    assert "Do you agree?" in missing.supply[0].text
    (issue,) = result.of("DetectedIssue")
    assert issue["mitigation"][0]["action"]["text"] == missing.supply[0].text
    (response,) = result.of("GuidanceResponse")
    assert response["status"] == "data-required"


@row("52 false and unknown is false: nothing is missing; true or unknown is true")
def _() -> None:
    result = made(
        plan(
            "main",
            {**A, "condition": [when("Count Is Low And Agrees")]},
            {"id": "b", "title": "B", "condition": [when("Count Is Low Or Agrees")]},
        ),
        data=(observation(0.8), agreement(False)),
    )
    assert result.statuses() == {"a": "does-not-apply", "b": "applies"}
    assert [r.missing for r in result.outcome.recommendations] == [[], []]
    assert [e.element for e in result.outcome.recommendations[0].evidence] == ["agrees"]


@row("54 duplicates fold into one request with all reasons; the strongest leads; differing sources are said")
def _() -> None:
    def strength(text: str) -> Json:
        return {"extension": [{"url": HL7 + "cqf-strengthOfRecommendation", "valueCodeableConcept": {"text": text}}]}

    one_plan = plan("one", {**A, **strength("may"), "reason": [{"text": "r1"}], "definitionCanonical": CANONICAL})
    two_plan = plan(
        "two", {"id": "b", "title": "B", **strength("must"), "reason": [{"text": "r2"}], "definitionCanonical": CANONICAL}
    )
    result = made(one_plan, two_plan, activity(productCodeableConcept=TABLET_A))
    (request,) = result.of("MedicationRequest")
    assert request["reasonCode"] == [{"text": "r2"}, {"text": "r1"}]
    found = {r.action: r for r in result.outcome.recommendations}
    assert found["a"].also == ["two#b"]
    assert "sources differ in strength" in found["b"].notes[0]
    assert [g["action"][0]["resource"] for g in result.of("RequestGroup")] == [{"reference": "#" + request["id"]}] * 2
    assert found["a"].requests == found["b"].requests == ["MedicationRequest/" + request["id"]]


@row("54 different doses of one drug are not folded, and are a conflict")
def _() -> None:
    def dosed(define: str) -> list[Json]:
        return [{"path": "dosageInstruction[0].doseAndRate[0].dose", "expression": expression(define)}]

    result = made(
        plan(
            "main",
            {**A, "definitionCanonical": CANONICAL, "dynamicValue": dosed("Dose")},
            {"id": "b", "title": "B", "definitionCanonical": CANONICAL, "dynamicValue": dosed("Half Dose")},
        ),
        activity(productCodeableConcept=TABLET_A),
    )
    assert len(result.of("MedicationRequest")) == 2
    assert [c.rule for c in result.outcome.conflicts] == ["dose-differs"]


@row("54 for and against one drug; a drug with an allergy on record; a drug that is already taken")
def _() -> None:
    against = {**activity("no-a", productCodeableConcept=TABLET_A, doNotPerform=True)}
    actions = ({**A, "definitionCanonical": CANONICAL}, {"id": "b", "title": "B", "definitionCanonical": against["url"]})
    result = made(plan("main", *actions), activity(productCodeableConcept=TABLET_A), against)
    assert [(c.rule, c.recommendations) for c in result.outcome.conflicts] == [("for-and-against", ["main#a", "main#b"])]
    (issue,) = result.of("DetectedIssue")
    assert len(issue["implicated"]) == 2
    allergy = {
        "resourceType": "AllergyIntolerance",
        "id": "al",
        "patient": {"reference": "Patient/p"},
        "code": TABLET_A,
        "criticality": "high",
    }
    result = one({**A, "definitionCanonical": CANONICAL}, activity(productCodeableConcept=TABLET_A), data=(allergy, medication()))
    assert [(c.rule, c.severity, c.resources) for c in result.outcome.conflicts] == [
        ("allergy", "high", ["AllergyIntolerance/al"]),
        ("already-active", "moderate", ["MedicationRequest/rx"]),
    ]


@row("54 the same test at two intervals is an overlap")
def _() -> None:
    other = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "mo"}}
    lab = activity("lab", "ServiceRequest", code=TABLET_B)
    result = made(
        plan(
            "main",
            {**A, "timingTiming": TIMING, "definitionCanonical": lab["url"]},
            {"id": "b", "title": "B", "timingTiming": other, "definitionCanonical": lab["url"]},
        ),
        lab,
    )
    assert [c.rule for c in result.outcome.conflicts] == ["monitoring-overlap"]


@row("54 an open proposal on record: no second request, and the date is said")
def _() -> None:
    proposal = medication(id="before", status="draft", intent="proposal", authoredOn="2026-05-01")
    result = one({**A, "definitionCanonical": CANONICAL}, activity(productCodeableConcept=TABLET_A), data=(proposal,))
    assert result.of("MedicationRequest") == []
    assert result.actions[0]["resource"] == {"reference": "MedicationRequest/before"}
    assert "Already proposed on 2026-05-01" in result.outcome.recommendations[0].notes[0]


@row("55 an action with both a definition and children keeps RequestGroup's rule: one of them")
def _() -> None:
    action = one({**A, "definitionCanonical": CANONICAL, "action": [{"id": "x", "title": "X"}]}, activity()).actions[0]
    assert "resource" not in action
    assert [a["id"] for a in action["action"]] == ["a-resource", "x"]


@row("withheld and already in place: visible, with the reason, and not proposed")
def _() -> None:
    def flag(url: str, define: str, words: str) -> Json:
        return {"url": OWN + url, "valueExpression": {**expression(define), "description": words, "name": "rule-1"}}

    actions = [
        {
            "id": "held",
            "title": "held",
            "extension": [flag("withheld-when", "True", "too risky"), flag("satisfied-when", "True", "has it")],
        },
        {
            "id": "done",
            "title": "done",
            "extension": [flag("withheld-when", "False", "too risky"), flag("satisfied-when", "True", "has it")],
        },
        {"id": "open", "title": "open", "extension": [flag("withheld-when", "Null", "too risky")]},
        {
            "id": "free",
            "title": "free",
            "extension": [flag("withheld-when", "False", "too risky"), flag("satisfied-when", "False", "has it")],
        },
        {
            "id": "never",
            "title": "never",
            "condition": [when("False")],
            "extension": [flag("withheld-when", "True", "too risky")],
        },
    ]
    result = made(plan("main", *actions))
    assert result.statuses() == {
        "held": "suppressed",
        "done": "already-satisfied",
        "open": "unknown",
        "free": "applies",
        "never": "does-not-apply",
    }
    reasons = {r.action: r.reason for r in result.outcome.recommendations}
    assert (reasons["held"], reasons["done"]) == ("Withheld: too risky", "Already in place: has it")
    assert [a["id"] for a in result.actions] == ["free"]


@row("notes are shown with the outcome; null is none")
def _() -> None:
    notes = [{"url": OWN + "note", "valueExpression": expression(define)} for define in ("Notes", "Title", "Empty")]
    result = one({**A, "extension": [*notes, {"url": OWN + "statement-id", "valueString": "row-1"}]})
    (found,) = result.outcome.recommendations
    assert (found.notes, found.statements) == (["one", "two", "A computed title"], ["row-1"])
    kept = [e["url"] for e in result.actions[0]["extension"]]
    assert kept == [OWN + "statement-id"]


@row("a deceased patient gets no recommendation, and it says so")
def _() -> None:
    patient = {"resourceType": "Patient", "id": "p", "deceasedDateTime": "2026-01-01"}
    result = one({**A, "definitionCanonical": CANONICAL}, activity(), patient=patient)
    assert result.statuses() == {"a": "does-not-apply"}
    assert "has died" in result.outcome.recommendations[0].reason
    assert "patient-deceased" in result.rules()
    assert "activity" not in result.plan


@row("policies: cpg drafts, cqf the reference's forms, spec options in groups")
def _() -> None:
    inner = plan("inner", {"id": "x", "title": "X", "definitionCanonical": CANONICAL})
    outer = plan("main", {**A, "definitionCanonical": BASE + "/PlanDefinition/inner"})
    forms = {}
    for name in ("cpg", "cqf", "spec"):
        result = made(outer, inner, activity(intent="plan"), policy=name)
        forms[name] = (
            result.plan["status"],
            result.group(0)["intent"],
            result.group(1)["status"],
            result.group(1)["intent"],
            result.request["status"],
            result.request["intent"],
        )
    assert forms == {
        "cpg": ("draft", "proposal", "draft", "proposal", "draft", "proposal"),
        "cqf": ("active", "proposal", "active", "proposal", "active", "plan"),
        "spec": ("draft", "proposal", "draft", "option", "draft", "plan"),
    }


@row("the draft banner and the disclaimer are on the outcome and the CarePlan")
def _() -> None:
    result = made(plan("main", A, usage="For professionals.", copyright="Ours."))
    assert result.outcome.draft.startswith("DRAFT")
    assert result.outcome.disclaimer == ["For professionals.", "Ours."]
    assert [n["text"] for n in result.plan["note"]] == [result.outcome.draft, "For professionals.", "Ours."]
    assert extensions(result.plan, OWN + "made-by")[0]["extension"][2]["valueString"] == result.outcome.guideline["hash"]


@row("the Bundle form has the same resources side by side; flattened are the requests alone")
def _() -> None:
    outcome = made(plan("main", {**A, "definitionCanonical": CANONICAL}), activity(productCodeableConcept=TABLET_A)).outcome
    entries = [e["resource"] for e in bundle(outcome)["entry"]]
    assert [r["resourceType"] for r in entries] == ["RequestGroup", "MedicationRequest"]
    assert entries[0]["action"][0]["resource"] == {"reference": "MedicationRequest/a-take-a"}
    assert [r["id"] for r in requests(outcome)] == ["a-take-a"]
    assert not [d for d in check_resource(bundle(outcome)) if d.severity.value == "error"]


@row("a plan that is switched off or retired is listed, not applied")
def _() -> None:
    off = {"extension": [{"url": "http://hl7.org/fhir/uv/cpg/StructureDefinition/cpg-enabled", "valueBoolean": False}]}
    assert made(plan("main", {**A, **off}, {"id": "b", "title": "B"})).statuses() == {"b": "applies"}
    assert made(plan("main", A, status="retired")).statuses() == {}


@pytest.mark.parametrize("name", ROWS)
def test_row(name: str) -> None:
    ROWS[name]()

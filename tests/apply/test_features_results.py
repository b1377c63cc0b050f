"""Features of $apply, 36 on: parameters, errors, ids, goals, explanation, conflicts, policies. Every row looks at the JSON."""

from __future__ import annotations

import json

import pytest
from tests.apply.features import CANONICAL, DAYS, HL7, KIND_NAMES, OWN, TIMING, A, Json, Rows, extensions, made, one
from tests.apply.small import (
    BASE,
    TABLET_A,
    TABLET_B,
    activity,
    agreement,
    allergy,
    expression,
    medication,
    observation,
    plan,
    when,
)

from guideway.apply.care_plan import bundle, requests
from guideway.apply.outcome import dumps
from guideway.fhir.check import check_resource

ROWS = Rows()
row = ROWS.row


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
    for kind in KIND_NAMES:
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


@row("46 a goal with what is not valid FHIR loses that and no more")
def _() -> None:
    result = made(plan("main", A, goal=[{"description": {"text": "be well"}, "priority": "high", "target": [{"due": 3}]}]))
    (found,) = result.of("Goal")
    assert found["description"] == {"text": "be well"}


@row("48 cards: a group of choices is one card, whose suggestions make the requests; with reason, source and urgency")
def _() -> None:
    pytest.importorskip("starlette")
    from guideway.service.cards import cards_of

    other = activity("take-b", productCodeableConcept=TABLET_B)
    source = {"type": "citation", "label": "key, line 3", "citation": "A book"}
    offers = [
        {"id": "x", "title": "Take A", "definitionCanonical": CANONICAL, "priority": "urgent", "documentation": [source]},
        {"id": "y", "title": "Take B", "definitionCanonical": other["url"]},
    ]
    group = {**A, "selectionBehavior": "at-most-one", "condition": [when("Count Is Low")], "action": offers}
    result = made(plan("main", group), activity(productCodeableConcept=TABLET_A), other, data=(observation(0.5),))
    cards = cards_of(result.outcome, requests(result.outcome), instance="visit", service="main")
    (card,) = (json.loads(dumps(each.body)) for each in cards)
    assert (card["summary"], card["selectionBehavior"], card["source"]["label"]) == ("A", "at-most-one", "key, line 3")
    assert card["indicator"] == "warning"
    assert "Blue cell count: 0.5" in card["detail"]
    assert "Source: key, line 3" in card["detail"]
    assert [s["label"] for s in card["suggestions"]] == ["Take A", "Take B"]
    made_by_card = [step for s in card["suggestions"] for step in s["actions"]]
    assert [step["type"] for step in made_by_card] == ["create", "create"]
    assert [step["resource"]["medicationCodeableConcept"] for step in made_by_card] == [TABLET_A, TABLET_B]
    assert not [d for step in made_by_card for d in check_resource(step["resource"])]
    assert len({s["uuid"] for s in card["suggestions"]} | {card["uuid"]}) == 3
    again = cards_of(result.outcome, requests(result.outcome), instance="visit", service="main")
    assert [each.body for each in again] == [each.body for each in cards]  # a retry has the same ids
    silent = made(plan("main", group), activity(productCodeableConcept=TABLET_A), other, data=(observation(5),))
    assert cards_of(silent.outcome, requests(silent.outcome), instance="visit", service="main") == []


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
    data = (allergy(criticality="high"), medication())
    result = one({**A, "definitionCanonical": CANONICAL}, activity(productCodeableConcept=TABLET_A), data=data)
    assert [(c.rule, c.severity, c.resources) for c in result.outcome.conflicts] == [
        ("allergy", "high", ["AllergyIntolerance/al"]),
        ("already-active", "moderate", ["MedicationRequest/rx"]),
    ]


@row("54 an allergy to another member of a class that the logic knows is a conflict too")
def _() -> None:
    cql = """
    library Logic version '1.0.0'
    using FHIR version '4.0.1'
    valueset "All tablets": 'http://example.org/small/ValueSet/tablets'
    context Patient
    define "Any Tablet Allergy": exists [AllergyIntolerance: "All tablets"]
    """
    target = activity(productCodeableConcept=TABLET_A, library=[f"{BASE}/Library/Logic"])
    result = one({**A, "definitionCanonical": CANONICAL}, target, data=(allergy(TABLET_B),), cql=cql)
    (conflict,) = result.outcome.conflicts
    assert (conflict.rule, conflict.severity) == ("allergy", "moderate")
    assert "of the same class (All tablets)" in conflict.text
    resolved = allergy(TABLET_B, clinicalStatus={"coding": [{"code": "resolved"}]})
    assert one({**A, "definitionCanonical": CANONICAL}, target, data=(resolved,), cql=cql).outcome.conflicts == []


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


@row("55 where there is something to choose from, the action's own resource is no choice")
def _() -> None:
    choice = {"selectionBehavior": "exactly-one", "groupingBehavior": "logical-group"}
    children = [{"id": "x", "title": "X"}, {"id": "y", "title": "Y"}]
    definition = {**A, **choice, "definitionCanonical": CANONICAL, "action": children}
    action = one(definition, activity()).actions[0]
    assert not {"selectionBehavior", "groupingBehavior", "resource"} & set(action)
    own, group = action["action"]
    assert own == {"id": "a-resource", "resource": {"reference": "#a-take-a"}}
    assert {**group, "action": [a["id"] for a in group["action"]]} == {"id": "a-choice", **choice, "action": ["x", "y"]}


@row("44 an action keeps its id where one that is made beside it would like to have it, and relations point at it")
def _() -> None:
    related = [{"actionId": "a-resource", "relationship": "after"}]
    actions = (
        {**A, "definitionCanonical": CANONICAL, "action": [{"id": "x", "title": "X"}]},
        {"id": "a-resource", "title": "R"},
        {"id": "b", "title": "B"},
        {"id": "z", "title": "Z", "relatedAction": related},
    )
    result = made(plan("main", *actions), activity())
    ids = [a["id"] for a in result.actions]
    assert (ids[1], ids[0], ids[3]) == ("a-resource", "a", "z")
    assert [a["id"] for a in result.actions[0]["action"]] == ["a-resource-2", "x"]
    assert [r["actionId"] for r in result.actions[3]["relatedAction"]] == ["a-resource"]


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


@row("a patient whose death cannot be read gets no recommendation either")
def _() -> None:
    for change in ({"deceasedDateTime": "gestern"}, {"deceasedBoolean": "true"}):
        patient = {"resourceType": "Patient", "id": "p", **change}
        result = one({**A, "definitionCanonical": CANONICAL}, activity(), patient=patient)
        assert result.statuses() == {"a": "does-not-apply"}
        assert "cannot be read" in result.outcome.recommendations[0].reason
        assert "patient-deceased-unreadable" in result.rules()


@row("policies: cpg drafts, cqf the reference's forms, spec options in groups")
def _() -> None:
    inner = plan("inner", {"id": "x", "title": "X", "definitionCanonical": CANONICAL})
    outer = plan("main", {**A, "definitionCanonical": BASE + "/PlanDefinition/inner"})
    forms = {}
    for name in ("cpg", "cqf", "spec"):
        result = made(outer, inner, activity(intent="plan", productCodeableConcept=TABLET_A), policy=name)
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

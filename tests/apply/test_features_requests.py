"""Features of $apply, 21 to 34: dynamic values, and the requests that activities become. Every row looks at the JSON."""

from __future__ import annotations

from typing import Any

import pytest
from tests.apply.features import CANONICAL, DAYS, HL7, OWN, TIMING, YEARS, A, Json, Rows, extensions, made, one
from tests.apply.small import BASE, TABLET_A, activity, expression, observation, plan, when

ROWS = Rows()
row = ROWS.row


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


@row(
    "22 no dynamic value makes more of a request than the policy does: cpg proposes drafts, the other policies ask the definition"
)
def _() -> None:
    values = [
        {"path": "status", "expression": expression("'active'", "text/fhirpath")},
        {"path": "%resource.intent", "expression": expression("'order'", "text/fhirpath")},
        {"path": "note.text", "expression": expression("Title")},
    ]
    for on_action, on_activity in ((values, []), ([], values)):
        inner = activity(dynamicValue=on_activity)
        kept = one({**A, "definitionCanonical": CANONICAL, "dynamicValue": on_action}, inner)
        assert (kept.request["status"], kept.request["intent"]) == ("draft", "proposal")
        assert kept.request["note"] == [{"text": "A computed title"}]
        assert kept.rules() == ["dynamic-value-policy", "dynamic-value-policy"]
        (said,) = kept.of("OperationOutcome")
        assert "under policy cpg the status is 'draft', not 'active'; it is refused" in said["issue"][0]["diagnostics"]
    free = one({**A, "definitionCanonical": CANONICAL, "dynamicValue": values}, activity(), policy="spec")
    assert (free.request["status"], free.request["intent"], free.rules()) == ("active", "order", [])
    same = [{"path": "status", "expression": expression("'draft'", "text/fhirpath")}]
    assert one({**A, "definitionCanonical": CANONICAL, "dynamicValue": same}, activity()).rules() == []


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
    assert [action["id"] for action in result.actions] == list(conditions)
    assert [action["condition"][0]["expression"] for action in result.actions] == list(conditions.values())
    assert result.statuses() == dict.fromkeys(conditions, "applies")


@row("23 a language that is not known, and CQL that does not translate, are errors in words")
def _() -> None:
    bad = {"query": expression("Patient?x", "application/x-fhir-query"), "broken": expression("1 +", "text/cql-expression")}
    result = made(
        plan("main", *({"id": n, "title": n, "condition": [{"kind": "applicability", "expression": e}]} for n, e in bad.items()))
    )
    assert result.statuses() == {"query": "error", "broken": "error"}
    assert result.of("RequestGroup") == []
    query, broken = result.issues()
    assert (query["severity"], query["details"]) == ("error", {"text": "expression-failed"})
    assert query["diagnostics"].startswith("main#query: expressions in application/x-fhir-query are not evaluated")
    assert broken["diagnostics"] == "main#broken: '1 +': expected an expression, found the end of the text"


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
    result = made(plan("main", *actions))
    assert [action["id"] for action in result.actions] == ["null", "odd"]
    assert result.statuses() == {"null": "applies", "false": "does-not-apply", "odd": "applies"}


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
    first, second = result.issues()
    assert first["diagnostics"] == f"a: the StructureMap transform {BASE}/StructureMap/x is not executed"
    assert f"{BASE}/StructureMap/y is not executed" in second["diagnostics"]
    assert (first["code"], first["details"]) == ("not-supported", {"text": "transform-unsupported"})
    assert [action.get("resource") for action in result.actions] == [{"reference": "#" + result.request["id"]}]


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


@pytest.mark.parametrize("kind", KINDS)
def test_row_27_no_fact_of_an_activity_is_lost(kind: str) -> None:
    facts = {"code": {"text": "the code"}, "productCodeableConcept": TABLET_A, "priority": "urgent"}
    facts |= {"bodySite": [{"text": "one site"}, {"text": "other site"}], "quantity": {"value": 77, "unit": "u"}}
    facts |= {"dosage": [{"text": "one a day"}], "location": {"reference": "Location/l"}, "timingDateTime": "2026-07-07"}
    facts |= {"participant": [{"type": "device", "role": {"text": "the role"}}]}
    said = str(one({**A, "definitionCanonical": CANONICAL}, activity(kind=kind, **facts)).request)
    wanted = (
        "the code",
        "Tablet A",
        "one site",
        "other site",
        "77",
        "one a day",
        "Location/l",
        "2026-07-07",
        "the role",
        "device",
    )
    assert [fact for fact in wanted if fact not in said] == []


@pytest.mark.parametrize(
    ("timing", "expected"),
    [
        ({"timingDateTime": "2026-07-07"}, "2026-07-07"),
        ({"timingPeriod": {"start": "2026-07-07", "end": "2026-07-09"}}, "2026-07-07"),
        ({"timingAge": YEARS}, "2030-02-03"),
    ],
)
@pytest.mark.parametrize("on_action", [False, True])
def test_row_31_the_date_of_a_vaccine(timing: Json, expected: str, on_action: bool) -> None:
    action = {**A, "definitionCanonical": CANONICAL, **(timing if on_action else {})}
    earlier = {"timingDateTime": "2026-06-02"} if on_action else timing
    result = one(action, activity(kind="ImmunizationRecommendation", **earlier))
    (recommendation,) = result.request["recommendation"]
    assert [c["value"] for c in recommendation["dateCriterion"]] == [expected]
    assert result.rules() == []


@row("27 an activity without a kind, or of an unknown one, is a finding")
def _() -> None:
    result = one({**A, "definitionCanonical": CANONICAL}, activity(kind="Party"))
    (issue,) = result.issues()
    assert (issue["severity"], issue["details"]) == ("error", {"text": "activity-kind"})
    assert f"{CANONICAL}: kind 'Party' is not one that $apply can make" in issue["diagnostics"]
    assert result.actions == [{"id": "a", "title": "A", "resource": {"display": "A"}}]
    none = one({**A, "definitionCanonical": CANONICAL}, {k: v for k, v in activity().items() if k != "kind"})
    assert none.rules() == ["activity-kind"]


@row("27 the CPG activity kind reaches event types")
def _() -> None:
    extension = [{"url": "http://hl7.org/fhir/uv/cpg/StructureDefinition/cpg-activity-kind", "valueCode": "Procedure"}]
    request = one({**A, "definitionCanonical": CANONICAL}, activity(extension=extension, code={"text": "cut"})).request
    assert (request["resourceType"], request["status"], request["code"]) == ("Procedure", "preparation", {"text": "cut"})


@row("28 dosage; 29 quantity, where each kind keeps them")
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


@pytest.mark.parametrize("name", ROWS)
def test_row(name: str) -> None:
    ROWS[name]()

"""Nothing is dropped in silence: what failed, what does not go together and what is missing is told in every form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.apply.features import CANONICAL, HL7, OWN, made
from tests.apply.small import (
    ACTIVE,
    AS_OF,
    BASE,
    LOGIC,
    PATIENT,
    TABLET_A,
    activity,
    allergy,
    expression,
    guideline,
    medication,
    observation,
    plan,
    run,
    when,
)  # fmt: skip

from guideway.apply.care_plan import bundle, care_plan, requests_bundle
from guideway.apply.outcome import PatientOutcome, dumps
from guideway.apply.run import apply_guideline
from guideway.diagnostics import GuidewayError
from guideway.fhir.check import check_resource
from guideway.records.reading import read_resources, select

Json = dict[str, Any]
ALLERGY = allergy(**ACTIVE)
ACTIONS: tuple[Json, ...] = (
    {"id": "a", "title": "A", "definitionCanonical": CANONICAL},
    {"id": "f", "title": "F", "condition": [when("Fails")]},
    {"id": "u", "title": "U", "condition": [when("Agrees")]},
    {"id": "x", "title": "X", "definitionCanonical": "http://gone.example"},
)


def _outcome(policy: str) -> PatientOutcome:
    return run(guideline(plan("main", *ACTIONS), activity(productCodeableConcept=TABLET_A)), ALLERGY, policy=policy)


def _entries(form: Json) -> dict[str, list[Json]]:
    made = json.loads(dumps(form))
    assert not [d.as_text() for d in check_resource(form) if d.severity.value == "error"]
    found: dict[str, list[Json]] = {}
    for entry in made["entry"]:
        found.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
    return found


@pytest.mark.parametrize("policy", ["cpg", "spec"])
@pytest.mark.parametrize("form", [bundle, requests_bundle])
def test_every_form_says_what_failed_what_conflicts_and_what_is_missing(form: Any, policy: str) -> None:
    outcome = _outcome(policy)
    found = _entries(form(outcome))
    (messages,) = found["OperationOutcome"]
    rules = {issue["details"]["text"] for issue in messages["issue"]}
    assert {"expression-failed", "definition-unresolved"} <= rules
    (conflict,) = [r for r in found["DetectedIssue"] if r["id"].startswith("conflict-")]
    (request,) = found["MedicationRequest"]
    assert {"reference": f"MedicationRequest/{request['id']}"} in conflict["implicated"]
    assert {"reference": "AllergyIntolerance/al"} in conflict["implicated"]
    (guidance,) = found["GuidanceResponse"]
    assert guidance["status"] == "data-required"
    contained = [r for r in care_plan(outcome)["contained"] if r["resourceType"] in ("DetectedIssue", "OperationOutcome")]
    assert [r["id"] for r in contained] == [r["id"] for r in [*found["DetectedIssue"], messages]]
    made = {f"{kind}/{r['id']}" for kind, of in found.items() for r in of}
    assert _references(found) <= made | {"Patient/p", "AllergyIntolerance/al"}
    if form is bundle:
        (group,) = found["RequestGroup"]
        named = {"url": HL7 + "cqf-messages", "valueReference": {"reference": f"OperationOutcome/{messages['id']}"}}
        assert named in group["extension"]


def _references(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(_references, value))
    if not isinstance(value, dict):
        return set()
    own = {value["reference"]} if isinstance(value.get("reference"), str) else set()
    return own.union(*map(_references, value.values()))


def test_the_flattened_requests_of_the_reference_say_what_failed() -> None:
    found = _entries(requests_bundle(_outcome("cqf")))
    assert list(found) == ["MedicationRequest", "OperationOutcome"]


def test_a_task_that_stands_alone_is_based_on_no_group() -> None:
    task = activity(kind="Task", code={"text": "Look"})
    outcome = run(guideline(plan("main", ACTIONS[0]), task))
    (flat,), (grouped,) = _entries(requests_bundle(outcome))["Task"], _entries(bundle(outcome))["Task"]
    assert ("basedOn" in flat, grouped["basedOn"]) == (False, [{"reference": "RequestGroup/main"}])


NESTED = plan("sub", {"id": "s", "title": "S"})
TAKE = activity(productCodeableConcept=TABLET_A, dosage=[{"text": 5}])
GROUPS: dict[str, Json] = {
    "group": {"action": [{"id": "k", "title": "K"}]},
    "nested plan": {"definitionCanonical": NESTED["url"]},
}
FAULTS: dict[str, tuple[Json, str, str]] = {
    "fails": ({"dynamicValue": [{"path": "action.title", "expression": expression("Fails")}]}, "dynamic-value-error", "fails"),
    "path": ({"dynamicValue": [{"path": "action.nope", "expression": expression("Title")}]}, "dynamic-value-path", "nope"),
    "null": ({"dynamicValue": [{"path": "action.title", "expression": expression("Null")}]}, "dynamic-value-null", "is null"),
    "note": ({"extension": [{"url": OWN + "note", "valueExpression": expression("Fails")}]}, "note-error", "fails"),
    "selection": ({"selectionBehavior": "bogus"}, "action-invalid", "selectionBehavior"),
    "grouping": ({"groupingBehavior": 3}, "action-invalid", "groupingBehavior"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", GROUPS)
def test_what_is_wrong_with_a_group_without_a_statement_is_told(kind: str, fault: str) -> None:
    wrong, rule, words = FAULTS[fault]
    result = made(plan("main", {"id": "g", "title": "G", **GROUPS[kind], **wrong}), NESTED)
    (finding,) = [f for f in result.outcome.findings if f.rule == rule]
    assert (words in finding.message, finding.message.startswith("g"), finding.pointer) == (True, True, "action:g")
    assert rule in result.rules()


def test_a_dosage_that_is_left_out_of_the_request_of_a_group_is_told() -> None:
    result = made(plan("main", {"id": "g", "title": "G", "definitionCanonical": CANONICAL, **GROUPS["group"]}), TAKE)
    assert "dosageInstruction" not in result.request or "text" not in result.request["dosageInstruction"][0]
    assert "request-invalid" in result.rules()


def test_the_statement_of_a_group_keeps_what_is_wrong_with_it() -> None:
    wrong = {"extension": [{"url": OWN + "statement-id", "valueString": "R1"}], "selectionBehavior": "bogus"}
    outcome = run(guideline(plan("main", {"id": "g", "title": "G", **GROUPS["group"], **wrong})))
    assert [(r.action, [f.rule for f in r.findings]) for r in outcome.recommendations if r.findings] == [
        ("g", ["action-invalid"])
    ]
    assert outcome.findings == []


def test_already_in_place_shows_what_would_have_withheld_it() -> None:
    guards = [
        {"url": OWN + kind, "valueExpression": expression(define)}
        for kind, define in (("withheld-when", "Count Is Low"), ("satisfied-when", "On Tablet A"))
    ]
    of = guideline(plan("main", {"id": "a", "title": "A", "extension": guards}))
    (given,) = run(of, observation(5), medication()).recommendations
    assert given.status == "already-satisfied"
    assert {e.resource for e in given.evidence} == {"Observation/count-2026-05-20", "MedicationRequest/rx"}
    assert run(of, observation(0.5), medication()).recommendations[0].status == "suppressed"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("practitioner", "Patient/d"),
        ("practitioner", "RelatedPerson/d"),
        ("practitioner", "Device/d"),
        ("practitioner", "https://ehr.example/fhir/Patient/d/_history/2"),
        ("practitioner", "#c"),
        ("practitioner", "x"),
        ("encounter", "e"),
        ("practitioner", " "),
        ("encounter", "Observation/e"),
        ("organization", "Practitioner/o"),
        ("location", "Patient/x"),
        ("user_language", " "),
        ("user_language", "de\n"),
        ("user_language", "not a language"),
    ],
)
def test_circumstances_that_would_make_invalid_resources_are_refused(name: str, value: str) -> None:
    word = "userLanguage" if name == "user_language" else name
    with pytest.raises(GuidewayError, match=f"^{word}: .*give"):
        run(guideline(plan("main", ACTIONS[0]), activity(productCodeableConcept=TABLET_A)), **{name: value})


@pytest.mark.parametrize(
    "practitioner", ["Practitioner/d", "PractitionerRole/d", "https://ehr.example/fhir/Practitioner/d/_history/2", "urn:uuid:1"]
)
def test_whoever_practises_is_the_author(practitioner: str) -> None:
    outcome = run(guideline(plan("main", ACTIONS[0]), activity(productCodeableConcept=TABLET_A)), practitioner=practitioner)
    assert care_plan(outcome)["author"] == {"reference": practitioner}


def test_of_two_definitions_the_one_that_is_left_out_is_told() -> None:
    result = made(plan("main", {**ACTIONS[0], "definitionUri": "http://x.example/how"}), activity())
    (finding,) = result.outcome.recommendations[0].findings
    assert (finding.rule, CANONICAL in finding.message) == ("definition-unresolved", True)


def _context(kind: str, code: str) -> Json:
    concept = {"coding": [{"code": code}]}
    system = "http://terminology.hl7.org/CodeSystem/usage-context-type"
    return {"code": {"system": system, "code": kind}, "valueCodeableConcept": concept}


def test_a_definition_for_another_audience_is_left_out_with_its_action() -> None:
    review = activity(productCodeableConcept=TABLET_A, useContext=[_context("task", "review")])
    nurses = NESTED | {"useContext": [_context("user", "nurse")]}
    both = plan("main", ACTIONS[0], {"id": "n", "title": "N", "definitionCanonical": NESTED["url"]}, {"id": "k", "title": "K"})

    def left(**circumstances: str) -> tuple[list[str], list[str]]:
        given = {name: {"coding": [{"code": code}]} for name, code in circumstances.items()}
        result = made(both, review, nurses, **given)
        told = [issue["diagnostics"] for issue in result.issues() if issue["details"]["text"] == "definition-skipped"]
        skipped = [s for s in result.outcome.skipped if "action" in s]
        assert [t.partition(": ")[0] for t in told] == [s["action"] for s in skipped]
        return [action["id"] for action in result.actions], told

    assert left() == left(user_task="review", user_type="nurse") == (["a", "n", "k"], [])
    actions, (task,) = left(user_task="billing")
    assert (actions, "meant for task review" in task) == (["n", "k"], True)
    actions, (user,) = left(user_type="doctor")
    assert (actions, nurses["url"] in user) == (["a", "k"], True)


def test_a_group_keeps_its_actions_where_its_definition_is_for_others() -> None:
    review = activity(useContext=[_context("task", "review")])
    group = {**ACTIONS[0], "action": [{"id": "k", "title": "K"}]}
    result = made(plan("main", group), review, user_task={"coding": [{"code": "billing"}]})
    assert [a["id"] for a in result.actions[0]["action"]] == ["k"]
    assert "definition-skipped" in result.rules()


def test_a_goal_and_a_participant_that_nobody_knows_are_told() -> None:
    goal = {"id": "g", "description": {"text": "Less"}}
    action = {**ACTIONS[0], "goalId": ["g", "gone"], "participant": [{"type": "robot"}, {"type": "device"}]}
    result = made(plan("main", action, goal=[goal]), activity(participant=[{"type": "alien"}]))
    told = [f.message for f in result.outcome.recommendations[0].findings]
    assert [[word in text for word in ("'gone'", "'robot'", "'alien'")] for text in told] == [
        [False, False, True],
        [True, False, False],
        [False, True, False],
    ]


def test_requests_that_stand_alone_name_their_goal_in_words() -> None:
    goal = {"id": "g", "description": {"text": "Fewer headaches"}}
    outcome = run(guideline(plan("main", {**ACTIONS[0], "goalId": ["g"]}, goal=[goal]), activity()))
    (alone,) = _entries(requests_bundle(outcome))["MedicationRequest"]
    (grouped,) = _entries(bundle(outcome))["MedicationRequest"]
    pertains = [[e["valueReference"] for e in r["extension"] if "pertainsToGoal" in e["url"]] for r in (alone, grouped)]
    assert pertains == [[{"display": "Fewer headaches"}], [{"reference": "Goal/goal-g"}]]


def test_the_note_of_a_group_without_a_statement_is_told() -> None:
    note = {"url": OWN + "note", "valueExpression": expression("Notes")}
    result = made(plan("main", {"id": "g", "title": "G", **GROUPS["group"], "extension": [note]}))
    told = [(f.rule, f.message, f.pointer) for f in result.outcome.findings]
    assert told == [("group-note", "one", "action:g"), ("group-note", "two", "action:g")]
    assert [issue["diagnostics"] for issue in result.issues()] == ["one", "two"]


@pytest.mark.parametrize(("kind", "status"), [("whenever", "does-not-apply"), (3, "does-not-apply"), ("start", "applies")])
def test_a_condition_of_an_unknown_kind_counts(kind: Any, status: str) -> None:
    (given,) = run(guideline(plan("main", {"id": "a", "title": "A", "condition": [when("False", kind=kind)]}))).recommendations
    assert given.status == status


FAULTY: tuple[Json, ...] = (
    observation(0.5) | {"id": "late", "effectiveDateTime": "2031-01-01"},
    observation(0.5) | {"id": "odd", "note": [{"text": 5}]},
    ALLERGY | {"recordedDate": "long ago"},
)


@pytest.mark.parametrize("define", ["False", "True"])
def test_faults_of_other_types_are_looked_for_only_where_something_is_explained(define: str) -> None:
    """The service: what is wrong with what another service of the site reads as well is told there."""
    found = guideline(plan("main", {"id": "a", "title": "A", "condition": [when(define)]}))
    record = select(read_resources([PATIENT, *FAULTY, observation(0.5)], "here"), "p")
    whole, told = (
        apply_guideline(found, record, as_of=AS_OF, explain="brief", wanted=_applying, checked=checked)
        for checked in (None, {"AllergyIntolerance", "Patient"})
    )
    about = {(finding.pointer or "").partition("/")[0] for finding in whole.findings}
    assert {"Observation", "AllergyIntolerance"} <= about
    assert [e.resource for e in whole.excluded] == ["Observation/late"]
    if define == "False":
        assert told.findings == [f for f in whole.findings if not (f.pointer or "").startswith("Observation")]
        assert told.excluded == []
    else:
        assert (told.findings, told.excluded) == (whole.findings, whole.excluded)


def _applying(outcome: PatientOutcome) -> dict[str, str]:
    return {r.key: "evidence" for r in outcome.recommendations if r.status == "applies"}


@pytest.mark.parametrize("kind", [{}, {"kind": "sometimes"}, {"kind": None}, {"kind": ["applicability"]}])
def test_a_condition_of_no_known_kind_counts_and_is_told(kind: Json) -> None:
    condition = {**kind, "expression": expression("False")}
    outcome = run(guideline(plan("main", {"id": "a", "title": "A", "condition": [condition]})))
    assert [r.status for r in outcome.recommendations] == ["does-not-apply"]
    (finding,) = [f for f in outcome.findings if f.rule == "condition-kind-unknown"]
    assert finding.message.startswith("a: condition 1 has ")


def test_a_modifier_extension_that_is_not_understood_is_told() -> None:
    odd = {"modifierExtension": [{"url": "http://example.org/not-really", "valueBoolean": True}]}
    dynamic = {**odd, "path": "priority", "expression": expression("'urgent'")}
    action = {"id": "a", "title": "A", "condition": [{**when("True"), **odd}], "dynamicValue": [dynamic]}
    found = run(guideline(plan("main", action))).findings
    assert [f.message.partition(" has ")[0] for f in found if f.rule == "modifier-extension"] == [
        "a: condition 1",
        "a: dynamicValue 1",
    ]


def test_conditions_of_known_kinds_are_not_told() -> None:
    conditions = [when("True", kind) for kind in ("applicability", "start", "stop")]
    assert run(guideline(plan("main", {"id": "a", "title": "A", "condition": conditions}))).findings == []


@pytest.mark.parametrize(("value", "told"), [("bogus", True), ("all", False), ("any", False)])
def test_an_applicability_behaviour_of_no_known_code_is_told(value: str, told: bool) -> None:
    behaviour = {"url": "http://hl7.org/fhir/StructureDefinition/cqf-applicabilityBehavior", "valueCode": value}
    two = [{"id": "b", "title": "B"}, {"id": "c", "title": "C"}]
    of_group = plan("main", {"id": "a", "title": "A", "extension": [behaviour], "action": two})
    for artifact in (of_group, plan("main", *two, extension=[behaviour])):
        found = [f.rule for f in run(guideline(artifact)).findings]
        assert found == (["applicability-behavior"] if told else [])


COMBINATION: Json = {
    "resourceType": "Medication",
    "id": "s",
    "code": {"text": "Combo"},
    "form": {"text": "capsule"},
    "ingredient": [
        {
            "itemCodeableConcept": TABLET_A,
            "isActive": True,
            "strength": {"numerator": {"value": 25}, "denominator": {"value": 1}},
        },
        {"itemReference": {"reference": "#t"}},
    ],
    "manufacturer": {"display": "Somebody"},
}
SUBSTANCE: Json = {"resourceType": "Substance", "id": "t", "code": {"text": "Other"}}


@pytest.mark.parametrize("policy", ["cpg", "spec", "cqf"])
def test_what_a_contained_product_is_made_of_is_told_and_counts(policy: str) -> None:
    made_of = activity("m", productReference={"reference": "#s"}, contained=[COMBINATION, SUBSTANCE])
    package = guideline(plan("main", {"id": "a", "title": "A", "definitionCanonical": made_of["url"]}), made_of)
    outcome = run(package, ALLERGY, medication(), policy=policy)
    assert {conflict.rule for conflict in outcome.conflicts} == {"allergy", "already-active"}
    (recommendation,) = outcome.recommendations
    (finding,) = (f for f in recommendation.findings if f.rule == "product-reduced")
    for form in (care_plan, bundle, requests_bundle):
        assert not [d.as_text() for d in check_resource(form(outcome)) if d.severity.value == "error"]
    (request,) = (
        e["resource"] for e in requests_bundle(outcome)["entry"] if e["resource"]["resourceType"] == "MedicationRequest"
    )
    assert request["medicationCodeableConcept"] == {"text": "Combo"}
    if policy == "cqf":
        assert "manufacturer, form, ingredient" in finding.message
        return
    assert finding.message.endswith("left out: manufacturer")
    form, first, second = (e for e in request["extension"] if "product" in e["url"])
    assert form == {"url": OWN + "activity-productForm", "valueCodeableConcept": {"text": "capsule"}}
    strength = {"url": "strength", "valueRatio": COMBINATION["ingredient"][0]["strength"]}
    item = {"url": "item", "valueCodeableConcept": TABLET_A}
    assert first == {
        "url": OWN + "activity-productIngredient",
        "extension": [item, {"url": "isActive", "valueBoolean": True}, strength],
    }
    assert second["extension"] == [{"url": "item", "valueCodeableConcept": {"text": "Other"}}]


READ_AT_ONCE = """
define "Any Count": exists [Observation: "Count Tests"]
define "First Is Low": (First([Observation: "Count Tests"]).value as FHIR.Quantity) < 1 '10*9/L'
"""


@pytest.mark.parametrize("data", [{"status": "entered-in-error"}, {"status": "preliminary"}, {"date": "2027-05-20"}])
@pytest.mark.parametrize(
    ("language", "text", "known"),
    [
        ("text/fhirpath", "%labs.exists()", True),
        ("text/fhirpath", "%labs.first().value.value < 1", False),
        ("text/cql-expression", "exists labs", True),
        ("text/cql-expression", 'exists [Observation: "Count Tests"]', True),
        ("text/cql-expression", "(First(labs).value as FHIR.Quantity) < 1 '10*9/L'", False),
        ("text/cql-identifier", "Any Count", True),
        ("text/cql-identifier", "First Is Low", False),
    ],
)
def test_what_does_not_count_is_told_of_what_is_read_outside_data_elements(
    language: str, text: str, known: bool, data: Json
) -> None:
    needed = {"id": "labs", "type": "Observation", "codeFilter": [{"path": "code", "valueSet": f"{BASE}/ValueSet/count-tests"}]}
    condition = {"kind": "applicability", "expression": expression(text, language)}
    package = guideline(
        plan("main", {"id": "a", "title": "A", "input": [needed], "condition": [condition]}), cql=LOGIC + READ_AT_ONCE
    )
    (found,) = run(package, observation(0.8, **data), observation(0.8, "potassium", **data)).recommendations
    assert found.status == ("does-not-apply" if known else "unknown")
    (left_out,) = found.excluded
    assert left_out.resource.startswith("Observation/count")
    for missing in found.missing:
        assert missing.because == [f"{left_out.resource} does not count: {left_out.reason}"]
    assert bool(found.missing) is not known

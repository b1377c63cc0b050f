"""What is computed, advised against, addressed or left empty in ways that are easily lost on the way to the result."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.apply.features import CANONICAL, DAYS, KIND_NAMES, OWN, TIMING, YEARS, A, Json, extensions, made, one
from tests.apply.small import BASE, LOGIC, TABLET_A, TABLET_B, activity, expression, guideline, plan, run

from guideway.apply.care_plan import requests, requests_bundle
from guideway.fhir.reference_targets import targets, wrong_target
from guideway.guideline.loading import from_files
from guideway.guideline.names import DIRECTION
from guideway.guideline.reading import SourceFile

AGAINST = [{"url": DIRECTION, "valueCodeableConcept": {"coding": [{"code": "against"}]}}]
TIMES = LOGIC + 'define "Span": Interval[@2026-07-01T00:00:00.0Z, @2026-07-03T00:00:00.0Z]\n'
TIMES += 'define "Often": @2026-07-01\n'


def computed(kind: str, *values: tuple[str, str], **more: Any) -> Any:
    """A request of an action with these dynamic values."""
    dynamic = [{"path": path, "expression": expression(define)} for path, define in values]
    return one({**A, "definitionCanonical": CANONICAL, "dynamicValue": dynamic}, activity(kind=kind, **more), cql=TIMES)


def test_a_computed_priority_of_the_action_is_the_requests() -> None:
    assert computed("MedicationRequest", ("action.priority", "Priority"), priority="routine").request["priority"] == "urgent"
    assert computed("Appointment", ("action.priority", "Priority")).request["priority"] == 5
    later = computed("Task", ("priority", "Priority"), ("action.priority", "Title"), priority="routine")
    assert (later.request["priority"], later.rules()) == ("urgent", ["dynamic-value-path"])


def test_a_computed_timing_of_the_action_is_the_requests() -> None:
    when = computed("ServiceRequest", ("action.timing", "When"), timingTiming=TIMING)
    assert (when.request["occurrenceDateTime"], "occurrenceTiming" in when.request) == ("2026-07-01", False)
    assert when.actions[0]["timingDateTime"] == "2026-07-01"
    span = computed("Task", ("action.timing", "Span"))
    assert span.request["restriction"]["period"]["start"].startswith("2026-07-01")
    none = computed("EnrollmentRequest", ("action.timing", "When"), timingDuration=DAYS)
    (extension,) = extensions(none.request, OWN + "activity-timing")
    assert extension["valueDateTime"] == "2026-07-01"


def test_another_version_of_a_library_is_none() -> None:
    def of(version: str) -> Any:
        value = {"path": "note.text", "expression": expression("Title", reference=f"{BASE}/Library/Logic{version}")}
        return one({**A, "definitionCanonical": CANONICAL, "dynamicValue": [value]}, activity())

    for version in ("", "|1.0.0"):
        assert of(version).request["note"] == [{"text": "A computed title"}]
    (issue,) = of("|7").issues()
    assert issue["details"] == {"text": "dynamic-value-error"}
    assert f"its library {BASE}/Library/Logic|7 is not in this guideline" in issue["diagnostics"]


def test_a_reference_that_is_none_is_refused() -> None:
    result = computed("Task", ("action.participant", "Title"))
    assert result.rules() == ["dynamic-value-path"]
    assert "participant" not in result.actions[0]


def test_an_organization_that_takes_part_stands_in_the_extension() -> None:
    action = {**A, "participant": [{"type": "organization"}, {"type": "practitioner"}]}
    result = one(action, organization="Organization/o", practitioner="Practitioner/d")
    assert result.actions[0]["participant"] == [{"reference": "Practitioner/d"}]
    (extension,) = extensions(result.actions[0], OWN + "action-participant")
    assert extension["extension"] == [
        {"url": "type", "valueCode": "organization"},
        {"url": "actor", "valueReference": {"reference": "Organization/o"}},
    ]


@pytest.mark.parametrize(
    ("concept", "conflicts"), [(TABLET_A, ["for-and-against"]), ({"text": "Tablet A"}, ["for-and-against"]), (TABLET_B, [])]
)
def test_advice_against_needs_no_request(concept: Json, conflicts: list[str]) -> None:
    take = activity(productCodeableConcept=TABLET_A)
    against = {"id": "b", "title": "Not tablet A", "extension": AGAINST, "code": [concept]}
    result = made(plan("main", {**A, "definitionCanonical": take["url"]}, against), take)
    assert [c.rule for c in result.outcome.conflicts] == conflicts
    if conflicts:
        assert result.outcome.conflicts[0].recommendations == ["main#a", "main#b"]


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ("x", "main: its action is no list but 'x'; there is nothing to apply in it"),
        ({"id": "a"}, "main: its action is no list but \"{'id': 'a'}\"; there is nothing to apply in it"),
        (None, "main: the plan has no actions, so there is nothing to apply in it"),
        ([], "main: the plan has no actions, so there is nothing to apply in it"),
        ([A, "x"], "main: action 2 is no object but 'x'; it is left out"),
    ],
)
def test_a_plan_without_actions_says_so(action: Any, text: str) -> None:
    outcome = run(guideline(plan("main") | ({} if action is None else {"action": action})))
    assert [f.message for f in outcome.findings if f.rule == "plan-actions"] == [text]
    assert outcome.guideline_findings == outcome.findings


def test_a_group_whose_actions_are_all_skipped_offers_no_choice() -> None:
    other = {"id": "b", "title": "B", "trigger": [{"type": "named-event", "name": "order-sign"}]}
    group = {"id": "g", "title": "G", "selectionBehavior": "one-or-more", "action": [other]}
    outcome = run(guideline(plan("main", group, A)), hook="patient-view")
    assert [(f.rule, f.message) for f in outcome.findings] == [
        ("selection-empty", "g: one-or-more of its actions is to be chosen, and none applies: all are skipped")
    ]


def test_the_requests_alone_as_a_bundle() -> None:
    take = activity(productCodeableConcept=TABLET_A)
    outcome = run(guideline(plan("main", {**A, "definitionCanonical": take["url"]}), take))
    flat = requests_bundle(outcome)
    assert [entry["resource"] for entry in flat["entry"]] == requests(outcome)
    assert [entry["resource"]["resourceType"] for entry in flat["entry"]] == ["MedicationRequest"]


@pytest.mark.parametrize(
    "path", ["medication.text", "(medication as CodeableConcept).text", "medication.ofType(CodeableConcept).text"]
)
def test_a_path_goes_on_below_the_choice_that_is_there(path: str) -> None:
    result = computed("MedicationRequest", (path, "Title"), productCodeableConcept=TABLET_A)
    assert (result.request["medicationCodeableConcept"]["text"], result.rules()) == ("A computed title", [])


def test_a_path_below_a_choice_of_which_none_is_there_is_refused() -> None:
    assert computed("ServiceRequest", ("occurrence.repeat.count", "Number")).rules() == ["dynamic-value-path"]


@pytest.mark.parametrize(("words", "made"), [("Stop smoking", 1), ("Keep smoking", 2)])
def test_messages_that_say_the_same_are_one(words: str, made: int) -> None:
    first, second = (activity(n, "CommunicationRequest", description=d) for n, d in (("x", "Stop smoking"), ("y", words)))
    actions = ({"id": a["id"], "title": a["id"], "definitionCanonical": a["url"]} for a in (first, second))
    outcome = run(guideline(plan("main", *actions), first, second))
    assert len(requests(outcome)) == made
    assert [r.also for r in outcome.recommendations] == ([["main#y"], ["main#x"]] if made == 1 else [[], []])


def test_a_retired_activity_and_a_value_set_are_named() -> None:
    action = {**A, "definitionCanonical": CANONICAL}
    assert one(action, activity(status="retired")).rules() == ["definition-retired"]
    (issue,) = one({**A, "definitionCanonical": f"{BASE}/ValueSet/tablets"}).issues()
    assert issue["diagnostics"].endswith("is a value set, which cannot be applied")


def test_artifacts_in_xml_are_named() -> None:
    files = [
        SourceFile("PlanDefinition-p.json", json.dumps(plan("p", A)).encode()),
        SourceFile("PlanDefinition-q.xml", b'<PlanDefinition xmlns="http://hl7.org/fhir"/>'),
    ]
    (finding,) = from_files(files, "here").findings
    assert (finding.rule, finding.file) == ("artifact-xml", "PlanDefinition-q.xml")


MONDAYS: Json = {
    "repeat": {"boundsPeriod": {"start": "2026-07-01", "end": "2026-08-09"}, "frequency": 1, "period": 2, "periodUnit": "wk",
               "dayOfWeek": ["mon"]},
    "code": {"text": "every other Monday"},
}  # fmt: skip
TWICE: Json = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}


@pytest.mark.parametrize("on_action", [True, False])
@pytest.mark.parametrize("kind", ["Task", "Appointment", "CarePlan", "Contract"])
def test_how_often_is_not_lost_where_a_type_has_only_a_period(kind: str, on_action: bool) -> None:
    timing = {"timingTiming": MONDAYS}
    action = {**A, "definitionCanonical": CANONICAL, **(timing if on_action else {})}
    request = one(action, activity(kind=kind, **({} if on_action else timing))).request
    (extension,) = extensions(request, OWN + "activity-timing")
    assert extension["valueTiming"] == MONDAYS
    assert MONDAYS["repeat"]["boundsPeriod"]["start"] in json.dumps({n: v for n, v in request.items() if n != "extension"})


@pytest.mark.parametrize("kind", ["Task", "CarePlan"])
def test_bounds_alone_are_the_period(kind: str) -> None:
    bounds = {"repeat": {"boundsPeriod": {"start": "2026-07-01"}}}
    request = one({**A, "definitionCanonical": CANONICAL}, activity(kind=kind, timingTiming=bounds)).request
    assert extensions(request, OWN + "activity-timing") == []


@pytest.mark.parametrize("on_action", [True, False])
def test_a_dose_keeps_its_own_timing_and_the_other_is_told(on_action: bool) -> None:
    timing = {"timingTiming": TIMING}
    action = {**A, "definitionCanonical": CANONICAL, **(timing if on_action else {})}
    doses = [{"text": "one", "timing": TWICE}, {"text": "two"}]
    request = one(action, activity(dosage=doses, **({} if on_action else timing))).request
    assert [dose["timing"] for dose in request["dosageInstruction"]] == [TWICE, TIMING]
    (extension,) = extensions(request, OWN + "activity-timing")
    assert extension["valueTiming"] == TIMING
    alone = one(action, activity(dosage=[{"text": "one", "timing": TIMING}], **({} if on_action else timing))).request
    assert "extension" not in alone


def test_a_computed_timing_takes_the_place_of_the_definitions_and_of_no_doses_own() -> None:
    span = {"repeat": {"boundsPeriod": {"start": "2026-07-01T00:00:00.000Z", "end": "2026-07-03T00:00:00.000Z"}}}
    doses = [{"text": "one", "timing": TWICE}, {"text": "two"}]
    computed_timing = ("action.timing.ofType(Timing)", "Span")
    request = computed("MedicationRequest", computed_timing, dosage=doses, timingTiming=TIMING).request
    assert [dose["timing"] for dose in request["dosageInstruction"]] == [TWICE, span]
    (extension,) = extensions(request, OWN + "activity-timing")
    assert extension["valueTiming"] == span
    diet = computed("NutritionOrder", computed_timing, productCodeableConcept=TABLET_A, timingTiming=TIMING).request
    assert (diet["supplement"][0]["schedule"], "oralDiet" in diet) == ([span], False)
    task = computed("Task", ("action.timing.ofType(Timing)", "Often"), timingPeriod={"start": "2026-06-30"}).request
    assert "restriction" not in task
    assert extensions(task, OWN + "activity-timing")[0]["valueTiming"] == {"event": ["2026-07-01"]}
    vaccine = computed("ImmunizationRecommendation", ("action.timing", "When"), timingDateTime="2026-06-30").request
    assert vaccine["recommendation"][0]["dateCriterion"][0]["value"] == "2026-07-01"


def test_a_quantity_of_nutrition_without_a_supplement_is_kept() -> None:
    amount = {"value": 4711, "unit": "mL", "system": "http://unitsofmeasure.org", "code": "mL"}
    for product in ({}, {"productReference": {"reference": "Substance/s"}}):
        request = one(
            {**A, "definitionCanonical": CANONICAL}, activity(kind="NutritionOrder", quantity=amount, **product)
        ).request
        (extension,) = extensions(request, OWN + "activity-quantity")
        assert extension["valueQuantity"] == amount
    fed = one(
        {**A, "definitionCanonical": CANONICAL}, activity(kind="NutritionOrder", quantity=amount, productCodeableConcept=TABLET_A)
    )
    assert fed.request["supplement"][0]["quantity"] == amount
    assert extensions(fed.request, OWN + "activity-quantity") == []


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("ServiceRequest", "encounter", "'MedicationRequest/m'"),
        ("ServiceRequest", "locationReference[0].reference", "'Organization/o'"),
        ("Task", "owner", "'Observation/x'"),
        ("Claim", "insurance[0].coverage", "'Organization/o'"),
        ("MedicationRequest", "requester", "'Observation/x'"),
        ("Task", "action.participant[0]", "'Observation/x'"),
    ],
)
def test_a_computed_reference_to_a_type_that_is_not_allowed_there_is_refused(kind: str, path: str, value: str) -> None:
    dynamic = [{"path": path, "expression": expression(value, "text/cql-expression")}]
    result = one({**A, "definitionCanonical": CANONICAL, "dynamicValue": dynamic}, activity(kind=kind))
    assert result.rules() == ["dynamic-value-path"]
    assert "may be" in result.issues()[0]["diagnostics"]


def test_the_types_that_references_lead_to_are_those_of_r4() -> None:
    import importlib

    for element, types in targets().items():
        owner, _, name = element.rpartition(".")
        module = importlib.import_module(f"fhir.resources.R4B.{owner.partition('.')[0].lower()}")
        fields = getattr(module, owner.replace(".", "")).model_fields.values()
        (field,) = (f for f in fields if f.alias == name)
        assert types == set(field.json_schema_extra["enum_reference_types"]), element


def test_an_extension_on_a_participant_is_kept() -> None:
    more = [{"url": "http://example.org/more", "valueString": "x"}, {"url": "none", "valueString": "y"}]
    for kind in ("related-person", "patient"):
        (action,) = one({**A, "participant": [{"type": kind, "extension": more}]}).actions
        (found,) = extensions(action, OWN + "action-participant")
        assert found["extension"] == [more[0], {"url": "type", "valueCode": kind}]


def test_a_dynamic_value_may_be_a_modifier_or_an_extension_of_a_primitive() -> None:
    values = [
        {"path": "modifierExtension('urn:m').value", "expression": expression("True")},
        {"path": "status.extension('urn:s').value", "expression": expression("Title")},
        {"path": "occurrence.ofType(dateTime).extension.where(url='urn:o').value", "expression": expression("Number")},
        {"path": "action.title.extension('urn:t').value", "expression": expression("Title")},
    ]
    activity_ = activity(kind="ServiceRequest", timingDateTime="2026-07-01")
    action = {**A, "definitionCanonical": CANONICAL, "dynamicValue": values}
    computed = {"url": "urn:t", "valueString": "A computed title"}
    assert one(action, activity_, policy="cqf").actions[0]["_title"] == {"extension": [computed]}
    result = one(action, activity_)
    assert result.rules() == []
    assert result.request["modifierExtension"] == [{"url": "urn:m", "valueBoolean": True}]
    assert result.request["_status"] == {"extension": [{"url": "urn:s", "valueString": "A computed title"}]}
    assert result.request["_occurrenceDateTime"] == {"extension": [{"url": "urn:o", "valueInteger": 3}]}
    assert (result.request["status"], result.request["occurrenceDateTime"]) == ("draft", "2026-07-01")
    (action,) = result.actions
    assert (action["title"], action["_title"]) == ("A", {"extension": [computed]})


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("status.value", "nothing but an extension lies below it"),
        ("status.modifierExtension('urn:m').value", "nothing but an extension lies below it"),
        ("instantiatesUri[0].extension('urn:m').value", "instantiatesUri repeats"),
        ("code.modifierExtension('urn:m').value", "CodeableConcept has no element 'modifierExtension'"),
    ],
)
def test_what_has_no_such_extension_is_told(path: str, said: str) -> None:
    value = {"path": path, "expression": expression("Title")}
    result = one({**A, "definitionCanonical": CANONICAL, "dynamicValue": [value]}, activity(kind="ServiceRequest", code=TABLET_A))
    (finding,) = result.outcome.recommendations[0].findings
    assert (finding.rule, said in finding.message) == ("dynamic-value-path", True)


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_no_request_loses_the_words_of_its_activity(kind: str) -> None:
    title, description = "Tilia words", "Descripta words"
    request = one(
        {**A, "definitionCanonical": CANONICAL},
        activity(kind=kind, title=title, description=description, productCodeableConcept=TABLET_A),
    ).request
    assert title in str(request)
    assert description in str(request)
    alone = one({**A, "definitionCanonical": CANONICAL}, activity(kind=kind, title=title)).request
    assert title in str(alone)


def test_an_age_that_is_past_is_told() -> None:
    def told(years: int, **more: Any) -> list[str]:
        age = {"timingAge": {**YEARS, "value": years}}
        on_action = {**A, "definitionCanonical": CANONICAL, **age}
        of_activity = {**A, "definitionCanonical": CANONICAL}
        found = [one(on_action, activity(kind="ServiceRequest")), one(of_activity, activity(kind="ServiceRequest", **age))]
        assert found[0].request["occurrenceDateTime"] == found[1].request["occurrenceDateTime"]
        assert found[0].rules() == found[1].rules()
        return found[0].rules()

    assert told(20) == ["timing-past"]
    assert told(60) == []


@pytest.mark.parametrize("policy", ["cpg", "cqf", "spec"])
@pytest.mark.parametrize("kind", [*KIND_NAMES, "Procedure"])
def test_a_place_that_is_none_is_refused(kind: str, policy: str) -> None:
    def found(of: str) -> list[str]:
        where = activity(kind=kind, location={"reference": f"{of}/x"}, productCodeableConcept=TABLET_A, code=TABLET_B)
        result = one({**A, "definitionCanonical": CANONICAL}, where, policy=policy)
        for resource in result.plan["contained"]:
            assert wrong_target(resource["resourceType"], resource) is None
        return [f.rule for r in result.outcome.recommendations for f in r.findings if "location" in f.message]

    assert found("Patient") == ["request-invalid"]
    assert found("Organization") == ([] if kind == "SupplyRequest" else ["request-invalid"])
    assert found("Location") == []


def test_under_cqf_a_drug_that_is_none_is_refused() -> None:
    where = activity(kind="MedicationRequest", productReference={"reference": "Patient/x"})
    result = one({**A, "definitionCanonical": CANONICAL}, where, policy="cqf")
    assert "productReference Patient/x is a Patient" in str(result.issues())
    assert result.of("MedicationRequest") == []


@pytest.mark.parametrize(
    "path", ["extension('urn:e')", "modifierExtension('urn:e')", "status.extension('urn:e')", "action.extension('urn:e')"]
)
@pytest.mark.parametrize(
    "value", ["'x'", "{'x', 'y'}", "FHIR.Extension{url: FHIR.uri{value: 'urn:other'}, value: FHIR.string{value: 'x'}}"]
)
def test_at_the_place_of_an_extension_nothing_but_that_extension_is_set(path: str, value: str) -> None:
    dynamic = [{"path": path, "expression": expression(value, "text/cql-expression")}]
    result = one({**A, "definitionCanonical": CANONICAL, "dynamicValue": dynamic}, activity())
    assert result.rules() == ["dynamic-value-path"]
    assert "urn:e" not in json.dumps([result.request, result.actions])
    whole = "FHIR.Extension{url: FHIR.uri{value: 'urn:e'}, value: FHIR.string{value: 'x'}}"
    set_ = {"url": "urn:e", "valueString": "x"}
    dynamic = [{"path": path, "expression": expression(whole, "text/cql-expression")}]
    result = one({**A, "definitionCanonical": CANONICAL, "dynamicValue": dynamic}, activity())
    assert result.rules() == []
    assert json.dumps(set_) in json.dumps([result.request, result.actions])


@pytest.mark.parametrize("policy", ["cpg", "spec"])
@pytest.mark.parametrize("reference", ["Patient/other", "Observation/x", "#y"])
def test_a_participant_of_a_definition_names_nobody(reference: str, policy: str) -> None:
    participants = [{"type": "patient", "reference": reference}, {"reference": reference}]
    result = one({**A, "participant": participants}, policy=policy)
    assert set(result.rules()) == {"action-invalid"}
    assert result.actions[0]["participant"] == [{"reference": "Patient/p"}]
    assert reference not in json.dumps(result.actions)


@pytest.mark.parametrize("name", ["input", "output", "extension"])
def test_a_reference_of_an_action_to_a_type_that_is_not_allowed_there_is_left_out(name: str) -> None:
    def given(reference: str) -> list[Json]:
        needed = {"type": "Observation", "subjectReference": {"reference": reference}}
        return [needed if name != "extension" else {"url": "urn:e", "valueDataRequirement": needed}]

    result = one({**A, name: given("Patient/other")})
    assert result.rules() == ["action-invalid"]
    assert "is a Patient" in result.issues()[0]["diagnostics"]
    (found,) = result.actions[0]["extension"]
    assert found["valueDataRequirement"] == {"type": "Observation"}
    result = one({**A, name: given("Group/g")})
    assert result.rules() == []
    assert result.actions[0]["extension"][0]["valueDataRequirement"]["subjectReference"] == {"reference": "Group/g"}

"""The table of features of $apply: every one that any engine has, or that its users ask for, has a row that looks at the JSON.

Here are the numbers with the features in our words, the rows that need the operations around $apply (parameters, data
requirements, packages, questions), and the check that no feature is without a row.
"""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from tests.apply import test_features_requests, test_features_results, test_features_walk
from tests.apply.features import CANONICAL, A, Json, Rows, made, one
from tests.apply.small import (
    AS_OF,
    BASE,
    LOGIC,
    PATIENT,
    TABLET_A,
    activity,
    expression,
    guideline,
    medication,
    observation,
    package,
    plan,
    run,
    when,
)
from tests.shared import shared_folder

from guideway.apply.care_plan import bundle, care_plan
from guideway.apply.data_requirements import module_definition
from guideway.apply.outcome import dumps
from guideway.diagnostics import GuidewayError
from guideway.fhir.check import check_resource

ROWS = Rows()
row = ROWS.row

# Number → (words that name the feature where engines are compared, what this project calls it).
FEATURES: dict[int, tuple[str, str]] = {
    1: ("applicability", "conditions that decide whether an action applies"),
    2: ("start/stop", "conditions for whoever carries the action out"),
    3: ("nested actions", "actions within actions"),
    4: ("applicabilityBehavior", "stop after the first child that applies"),
    5: ("groupingBehavior", "how a group is shown"),
    6: ("selectionBehavior", "how many of a group the end user chooses"),
    7: ("requiredBehavior precheckBehavior cardinalityBehavior", "how needed, how preselected, how often"),
    8: ("relatedAction", "what comes before and after"),
    9: ("action.timing", "when, said on the action"),
    10: ("trigger", "which hook an action answers to"),
    11: ("action.input", "data that an action needs"),
    12: ("action.output", "data that an action gives"),
    13: ("action.participant", "who takes part"),
    14: ("documentation textEquivalent code type priority title", "what an action says of itself"),
    15: ("reason goalId", "what for"),
    16: ("definitionCanonical ActivityDefinition", "an action that is an activity"),
    17: ("definitionCanonical PlanDefinition", "an action that is another plan"),
    18: ("definitionCanonical Questionnaire", "an action that is questions"),
    19: ("definitionUri", "an action that is defined elsewhere"),
    20: ("URL path", "what a canonical leads to"),
    21: ("dynamicValue action", "elements computed by the action"),
    22: ("dynamicValue ActivityDefinition", "elements computed by the activity"),
    23: ("expression languages", "in which language expressions are written"),
    24: ("alternativeExpression", "a second way to say an expression"),
    25: ("FHIRPath variables", "what FHIRPath sees"),
    26: ("transform", "StructureMaps"),
    27: ("kinds", "every kind of request"),
    28: ("dosage", "how a drug is given"),
    29: ("quantity", "how much"),
    30: ("doNotPerform", "what is not to be done"),
    31: ("timing occurrence", "when, said on the activity"),
    32: ("AD.priority location participant specimenRequirement bodySite", "how urgent, where, by whom, on what"),
    33: ("AD.profile", "the profile of what is made"),
    34: ("extensions on definition", "extensions that are carried, and those that are honoured"),
    35: ("subject list", "several subjects"),
    36: ("encounter practitioner organization", "in which visit, by whom"),
    37: ("userType userTaskContext setting", "for whom and where"),
    38: ("parameters data prefetchData", "values and data given with the call"),
    39: ("dataEndpoint contentEndpoint terminologyEndpoint", "servers named in the call"),
    40: ("$data-requirements", "what data a plan reads"),
    41: ("$package", "a plan with all it depends on"),
    42: ("questionnaire generation populate", "questions for the data that is missing"),
    43: ("errors", "how errors are told"),
    44: ("ids", "what resources are called"),
    45: ("basedOn instantiatesCanonical", "where a request comes from"),
    46: ("goals", "goals"),
    47: ("FHIR versions", "which FHIR"),
    48: ("CDS Hooks output", "cards"),
    49: ("CDS Hooks request", "what a hook brings"),
    50: ("$evaluate $cql", "logic by itself"),
    51: ("explanation", "why an action applied or not"),
    52: ("missing-data", "what is missing"),
    53: ("population", "many patients"),
    54: ("conflicts duplicates", "recommendations compared with each other"),
    55: ("validity", "only valid FHIR comes out"),
    56: ("determinism", "the same order, the same bytes"),
}

# The elements of an action that RequestGroup.action has no place for → the features whose rows look at where they go.
PLACES: dict[str, tuple[int, ...]] = {
    "reason": (15,),
    "goalId": (15,),
    "input": (11,),
    "output": (12,),
    "participant": (13,),
    "trigger": (10,),
    "transform": (26,),
    "selectionBehavior": (6,),
    "mutually exclusive branches": (6, 54),
    "requiredBehavior": (7,),
    "precheckBehavior": (7,),
    "cardinalityBehavior": (7,),
    "groupingBehavior": (5,),
}

TABLES = (ROWS, test_features_walk.ROWS, test_features_requests.ROWS, test_features_results.ROWS)


def covered() -> set[int]:
    return set().union(*(table.features() for table in TABLES))


def test_every_feature_has_a_row() -> None:
    assert covered() == set(FEATURES)
    assert {number for numbers in PLACES.values() for number in numbers} <= covered()


def test_no_feature_is_left_out() -> None:
    """The comparison of engines, row by row: each number here, about the same thing."""
    text = shared_folder("design/apply.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\d+) \| ([^|]+) \|", text, re.MULTILINE))
    assert {int(number) for number in rows} == set(FEATURES)
    for number, (words, _) in FEATURES.items():
        named = rows[str(number)].casefold()
        assert all(word.casefold() in named for word in words.split()), (number, words, named)


def test_every_element_without_a_place_has_one() -> None:
    text = shared_folder("design/apply.md").read_text(encoding="utf-8")
    *_, table = text.split("has no place for")
    named = [cell for cell in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) if cell not in ("PlanDefinition.action", "---")]
    elements = {element.strip() for cell in named for element in re.sub(r" \{.*", "", cell).split(",")}
    assert elements == set(PLACES)


# -- the operations


def runtime(*artifacts: Json, cql: str = LOGIC, **settings: Any) -> Any:
    """What the operations take of a running service: a package and its settings."""
    from guideway.guideline.cql_operations import Cql
    from guideway.service.runtime import Content, with_libraries

    compiled = guideline(*artifacts, cql=cql)
    whole = with_libraries(package(*artifacts, cql=cql))
    given = {"timezone": "UTC", "parameters": {}, "serves_cql": True, "max_entries": 20_000} | settings
    held = {"guidelines": (compiled,), "packages": (whole,), "services": {}, "cql": Cql(compiled)}
    content = Content(**{field.name: held.get(field.name) for field in fields(Content)})
    return SimpleNamespace(settings=SimpleNamespace(**given), content=content)


def called(operation: str, *parameters: Json, at: Any, kind: str = "PlanDefinition") -> Json:
    """The answer of an operation to these parameters."""
    pytest.importorskip("starlette")
    from guideway.service import operations

    body = json.loads(dumps({"resourceType": "Parameters", "parameter": list(parameters)}), parse_float=Decimal)
    inputs = operations.Inputs([], body, kind, None)
    result: Json = json.loads(dumps(getattr(operations, operation)(at, inputs)))
    problems = [d.as_text() for d in check_resource(result) if d.severity.value == "error"]
    assert not problems, problems
    return result


URL: Json = {"name": "url", "valueUri": f"{BASE}/PlanDefinition/main"}
NOW: Json = {"name": "asOf", "valueString": AS_OF}


def subject(name: str) -> Json:
    return {"name": "subject", "valueString": name}


def data(*resources: Json, name: str = "data") -> Json:
    return {
        "name": name,
        "resource": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]},
    }


LOW: Json = {"id": "low", "title": "Low", "condition": [when("Count Is Low")], "definitionCanonical": CANONICAL}
SECOND: Json = {"resourceType": "Patient", "id": "q"}
OF_SECOND: Json = {"subject": {"reference": "Patient/q"}, "id": "of-q"}


@row("35 several subjects, as a list or as a Group, one result each; one subject's data is never another's")
def _() -> None:
    at = runtime(plan("main", LOW), activity(productCodeableConcept=TABLET_A))
    everyone = data(PATIENT, SECOND, observation(0.5), observation(5, **OF_SECOND))
    group = {
        "resourceType": "Group", "id": "g", "type": "person", "actual": True,
        "member": [{"entity": {"reference": f"Patient/{name}"}} for name in "pq"],
    }  # fmt: skip
    several = called("apply_operation", URL, NOW, subject("Patient/p"), subject("Patient/q"), everyone, at=at)
    assert [p["name"] for p in several["parameter"]] == ["return", "return"]
    plans = [p["resource"] for p in several["parameter"]]
    assert [(p["resourceType"], p["subject"], "activity" in p) for p in plans] == [
        ("CarePlan", {"reference": "Patient/p"}, True),
        ("CarePlan", {"reference": "Patient/q"}, False),
    ]
    together = called("apply_operation", URL, NOW, subject("Group/g"), everyone, {"name": "data", "resource": group}, at=at)
    assert together == several
    single = called("apply_operation", URL, NOW, subject("Patient/p"), everyone, at=at)
    assert single == plans[0]


@row("35 a Group stands for its members that are active at the time: not for one that left")
def _() -> None:
    at = runtime(plan("main", LOW), activity(productCodeableConcept=TABLET_A))
    everyone = data(PATIENT, SECOND, observation(0.5), observation(5, **OF_SECOND))
    alone = called("apply_operation", URL, NOW, subject("Patient/p"), everyone, at=at)
    both = called("apply_operation", URL, NOW, subject("Patient/p"), subject("Patient/q"), everyone, at=at)

    def of_group(**more: Any) -> Json:
        members = [{"entity": {"reference": "Patient/p"}}, {"entity": {"reference": "Patient/q"}, **more}]
        group = {"resourceType": "Group", "id": "g", "type": "person", "actual": True, "member": members}
        return called("apply_operation", URL, NOW, subject("Group/g"), everyone, {"name": "data", "resource": group}, at=at)

    for left in (
        {"inactive": True},
        {"period": {"end": "2026-05"}},
        {"period": {"end": "2026-06-01T13:59:59+02:00"}},
        {"period": {"start": "2026-06-02"}},
    ):
        assert of_group(**left) == alone, left
    for there in ({"inactive": False}, {"period": {"start": "2020", "end": "2026"}}, {"period": {"end": "2026-06-01"}}):
        assert of_group(**there) == both, there


@row("37 the parameters for whom and where: userLanguage as a CodeableConcept or a code, userType, userTaskContext, setting")
def _() -> None:
    def concept(name: str, code: str) -> Json:
        return {"name": name, "valueCodeableConcept": {"coding": [{"system": "urn:ietf:bcp:47", "code": code}]}}

    def context(kind: str, code: str) -> Json:
        system = "http://terminology.hl7.org/CodeSystem/usage-context-type"
        return {"code": {"system": system, "code": kind}, "valueCodeableConcept": {"coding": [{"code": code}]}}

    for_whom = {**A, "participant": [{"type": "practitioner", "role": {"coding": [{"code": "nurse"}]}}]}
    target = activity(productCodeableConcept=TABLET_A, useContext=[context("task", "review"), context("venue", "ward")])
    at = runtime(plan("main", for_whom, LOW, useContext=[context("task", "review"), context("venue", "ward")]), target)
    call = (URL, NOW, subject("Patient/p"), data(PATIENT, observation(0.5)))
    for language in (concept("userLanguage", "de-CH"), {"name": "userLanguage", "valueCode": "de-CH"}):
        made = called("apply_operation", *call, language, at=at)
        assert [r["language"] for r in (made, *made["contained"][:2])] == ["de-CH"] * 3
    served = called("apply_operation", *call, concept("userType", "nurse"), at=at)
    assert [a["id"] for a in served["contained"][0]["action"]] == ["a", "low"]
    other = called("apply_operation", *call, concept("userType", "doctor"), at=at)
    assert [a["id"] for a in other["contained"][0]["action"]] == ["low"]
    both_users = called("apply_operation", *call, concept("userType", "doctor"), concept("userType", "nurse"), at=at)
    assert [a["id"] for a in both_users["contained"][0]["action"]] == ["a", "low"]
    for name, right, wrong in (
        ("userTaskContext", "review", "billing"),
        ("setting", "ward", "home"),
        ("settingContext", "ward", "x"),
    ):
        assert "activity" in called("apply_operation", *call, concept(name, right), at=at)
        assert "activity" not in called("apply_operation", *call, concept(name, wrong), at=at)
        for both in ((right, wrong), (wrong, right)):
            assert "activity" in called("apply_operation", *call, *(concept(name, each) for each in both), at=at)

    activity_call = ({"name": "url", "valueUri": CANONICAL}, *call[1:])
    request = called("apply_activity", *activity_call, concept("userLanguage", "de-CH"), at=at, kind="ActivityDefinition")
    assert (request["resourceType"], request["language"]) == ("MedicationRequest", "de-CH")
    for name, right, wrong in (
        ("userTaskContext", "review", "billing"),
        ("setting", "ward", "home"),
        ("settingContext", "ward", "x"),
    ):
        called("apply_activity", *activity_call, concept(name, right), at=at, kind="ActivityDefinition")
        both = (concept(name, wrong), concept(name, right))
        called("apply_activity", *activity_call, *both, at=at, kind="ActivityDefinition")
        with pytest.raises(GuidewayError, match="meant for"):
            called("apply_activity", *activity_call, concept(name, wrong), at=at, kind="ActivityDefinition")


@row("38 parameters, data and prefetchData, which count together")
def _() -> None:
    at = runtime(plan("main", LOW), activity(productCodeableConcept=TABLET_A))
    limit = {"resourceType": "Parameters", "parameter": [{"name": "Limit", "valueDecimal": 9.5}]}
    prefetched = {
        "name": "prefetchData",
        "part": [{"name": "key", "valueString": "counts"}, {"name": "data", "resource": data(observation(5))["resource"]}],
    }
    without = called("apply_operation", URL, NOW, subject("Patient/p"), data(PATIENT), prefetched, at=at)
    assert "activity" not in without
    raised = {"name": "parameters", "resource": limit}
    found = called("apply_operation", URL, NOW, subject("Patient/p"), data(PATIENT), prefetched, raised, at=at)
    assert [a["id"] for a in found["contained"][0]["action"]] == ["low"]


@row("39 servers named in the call are refused by name, not ignored, in every operation that could use them")
def _() -> None:
    pytest.importorskip("starlette")
    from guideway.service.problems import Problem

    at = runtime(plan("main", LOW), activity())
    endpoint = {"resourceType": "Endpoint", "address": "http://example.org"}
    for name in ("dataEndpoint", "contentEndpoint", "terminologyEndpoint"):
        for operation in ("apply_operation", "apply_as_bundle", "evaluate", "cql"):
            with pytest.raises(Problem) as refused:
                called(operation, URL, NOW, subject("Patient/p"), data(PATIENT), {"name": name, "resource": endpoint}, at=at)
            answer = refused.value.outcome()
            assert not check_resource(answer)
            (said,) = answer["issue"]
            assert (refused.value.status, said["severity"], said["code"]) == (501, "error", "not-supported")
            assert said["details"]["text"].startswith(f"the parameter {name} is not supported")


@row("40 what data a plan reads, as a module-definition Library")
def _() -> None:
    at = runtime(plan("main", LOW), activity())
    library = called("data_requirements", URL, at=at)
    assert (library["resourceType"], library["type"]["coding"][0]["code"]) == ("Library", "module-definition")
    assert library["dataRequirement"] == [
        {
            "type": "Observation",
            "mustSupport": ["effective", "status", "value"],
            "codeFilter": [{"path": "code", "valueSet": f"{BASE}/ValueSet/count-tests"}],
        }
    ]
    recent = "O.effective during Interval[Now() - 30 days, Now()]"
    cql = LOGIC + f'\ndefine "Recent": exists ([Observation: "Count Tests"] O where {recent})\n'
    dated = runtime(plan("main", {**A, "condition": [when("Recent")]}), cql=cql)
    (requirement,) = called("data_requirements", URL, at=dated)["dataRequirement"]
    (dates,) = requirement["dateFilter"]
    assert (dates["path"], dates["valueDuration"]["value"], dates["valueDuration"]["code"]) == ("effective", 30, "d")
    assert library == json.loads(dumps(module_definition(at.content.guidelines[0], at.content.guidelines[0].plan("main"))))


@row("41 a plan with all that it leads to, in one Bundle")
def _() -> None:
    whole = called("package", URL, at=runtime(plan("main", LOW), plan("other", A), activity()))
    assert whole["type"] == "transaction"
    found = {entry["resource"]["id"] for entry in whole["entry"]}
    assert {"main", "take-a"} <= found
    assert "other" not in found
    assert whole["entry"][0]["request"]["ifNoneExist"] == f"url={BASE}/PlanDefinition/main&version=1.0.0"


@row("42 what is missing as a Questionnaire with a response to fill in; the answers count as data")
def _() -> None:
    plans = plan("main", {**A, "condition": [when("Count Is Low And Agrees")]})
    compiled = guideline(plans)
    entries = [e["resource"] for e in bundle(run(compiled))["entry"]]
    asked, response = (next(r for r in entries if r["resourceType"] == t) for t in ("Questionnaire", "QuestionnaireResponse"))
    assert [(i["linkId"], i["text"], i["type"]) for i in asked["item"]] == [
        ("count", "Blue cell count", "quantity"),
        ("agrees", "Do you agree?", "boolean"),
    ]
    assert asked["item"][0]["extension"][0]["valueCoding"]["code"] == "10*9/L"
    assert asked["item"][0]["code"] == [{"system": f"{BASE}/CodeSystem/local", "code": "count", "display": "Blue cells"}]
    assert (response["status"], response["questionnaire"]) == ("in-progress", f"{asked['url']}|1.0.0")
    assert not [d.as_text() for r in (asked, response) for d in check_resource(r) if d.severity.value == "error"]
    assert run(compiled, response).recommendations[0].status == "unknown"
    values: list[Json] = [{"valueQuantity": {"value": 0.5, "code": "10*9/L", "system": "http://unitsofmeasure.org"}}]
    values.append({"valueBoolean": True})
    items = [{**item, "answer": [value]} for item, value in zip(response["item"], values)]
    answered = run(compiled, json.loads(dumps({**response, "status": "completed", "item": items})))
    assert answered.recommendations[0].status == "applies"
    assert "Questionnaire" not in [e["resource"]["resourceType"] for e in bundle(answered)["entry"]]


@row("47 FHIR R4: what only a later version has is left out, each with a finding, and what is made has R4's forms")
def _() -> None:
    reason = {"path": "reason", "expression": expression("'x'", "text/fhirpath")}  # R4: reasonCode
    later = {"resourceType": "InventoryItem", "id": "i", "status": "active"}
    result = one({**LOW, "dynamicValue": [reason]}, activity(productCodeableConcept=TABLET_A), data=(later, observation(0.5)))
    (unknown_type,) = result.outcome.findings
    assert unknown_type.rule == "resource-type-unknown"
    assert "'InventoryItem' is no FHIR R4 resource type; the resource is left out" in unknown_type.message
    (unknown_path,) = result.outcome.recommendations[0].findings
    assert (unknown_path.rule, "MedicationRequest has no element 'reason'" in unknown_path.message) == (
        "dynamic-value-path",
        True,
    )
    assert "InventoryItem" not in json.dumps(result.plan["contained"][0])
    assert result.plan["activity"] == [{"reference": {"reference": f"#{result.group()['id']}"}}]  # R5: plannedActivityReference
    assert result.request["medicationCodeableConcept"] == TABLET_A  # R5: medication.concept
    assert not {"reason", "medication"} & set(result.request)
    kind = one(LOW, {**activity(), "kind": "DeviceAssociation"}, data=(observation(0.5),))
    assert "activity-kind" in kind.rules()
    assert not [r for r in kind.plan["contained"] if r["resourceType"] == "DeviceAssociation"]
    timed = one({**A, "timing": 3})
    assert (timed.rules(), "timing" in timed.actions[0]) == (["action-invalid"], False)


@row("49 a hook's context: draft orders are seen by the logic, and an order hook is answered by its own actions")
def _() -> None:
    trigger = [{"type": "named-event", "name": "order-sign"}]
    plans = plan("main", {"id": "on", "title": "On", "trigger": trigger, "condition": [when("On Tablet A")]})
    other, signing = made(plans, data=(medication(),)), made(plans, data=(medication(),), hook="order-sign")
    assert (other.of("RequestGroup"), other.statuses()) == ([], {})
    assert [(action["id"], action["condition"][0]["expression"]["expression"]) for action in signing.actions] == [
        ("on", "On Tablet A")
    ]
    assert signing.statuses() == {"on": "applies"}
    assert "contained" not in made(plans, hook="order-sign").plan or not made(plans, hook="order-sign").of("RequestGroup")


@row("50 $cql and Library/$evaluate: the logic by itself, as Parameters")
def _() -> None:
    at = runtime(plan("main", LOW), activity())
    answer = called("cql", {"name": "expression", "valueString": "1 + 1"}, NOW, at=at, kind="")
    assert answer["parameter"] == [{"name": "return", "valueInteger": 2}]
    library = {"name": "url", "valueUri": f"{BASE}/Library/Logic"}
    asked = {"name": "expression", "valueString": "Count Is Low"}
    found = called("evaluate", library, asked, NOW, subject("Patient/p"), data(PATIENT, observation(0.5)), at=at, kind="Library")
    assert found["parameter"] == [{"name": "Count Is Low", "valueBoolean": True}]


@row("53 many patients, several at a time: each its own result, the same as alone")
def _() -> None:
    compiled = guideline(plan("main", LOW), activity(productCodeableConcept=TABLET_A))
    values = [n / 10 for n in range(1, 25)]
    alone = [dumps(care_plan(run(compiled, observation(v)))) for v in values]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda v: dumps(care_plan(run(compiled, observation(v)))), values)) == alone
    for value, plan_ in zip(values, map(json.loads, alone)):
        made_ = [r for r in plan_.get("contained", ()) if r["resourceType"] == "MedicationRequest"]
        assert [r["medicationCodeableConcept"] for r in made_] == ([TABLET_A] if value < 1 else [])
        (told,) = (e for e in plan_["extension"] if e["url"].endswith("recommendation-outcome"))
        assert next(e for e in told["extension"] if e["url"] == "status")["valueCode"] == (
            "applies" if value < 1 else "does-not-apply"
        )


@row("56 document order, and the same bytes for the same input")
def _() -> None:
    actions = [{"id": name, "title": name} for name in "zebra"]
    first, second = (made(plan("main", *actions)) for _ in range(2))
    assert [a["id"] for a in first.actions] == list("zebra")
    assert dumps(care_plan(first.outcome)) == dumps(care_plan(second.outcome))


@row("11 input: what the record holds of it is a FHIRPath variable of the action, by its id")
def _() -> None:
    needs = {"id": "cells", "type": "Observation", "codeFilter": [{"path": "code", "valueSet": f"{BASE}/ValueSet/count-tests"}]}
    condition = {"kind": "applicability", "expression": expression("%cells.where(value.value < 1.0).exists()", "text/fhirpath")}
    value = {"path": "action.description", "expression": expression("'seen: ' & %cells.count().toString()", "text/fhirpath")}
    action = {**A, "input": [needs], "condition": [condition], "dynamicValue": [value]}
    result = one(action, data=(observation(0.5), observation(3, date="2026-05-01"), observation(0.5, "level")))
    assert result.actions[0]["description"] == "seen: 2"
    assert one(action, data=(observation(3),)).statuses() == {"a": "does-not-apply"}


@row("34 extensions of CPG: what an activity collects, reports and enrolls in are inputs of its Task; its target status")
def _() -> None:
    cpg = "http://hl7.org/fhir/uv/cpg/StructureDefinition/"
    names = {"cpg-collectWith": "Questionnaire", "cpg-reportWith": "StructureDefinition", "cpg-enrollIn": "PlanDefinition"}
    extension = [{"url": cpg + name, "valueCanonical": f"{BASE}/{kind}/x"} for name, kind in names.items()]
    task = one({**A, "definitionCanonical": CANONICAL}, activity(kind="Task", extension=extension)).request
    assert [i["valueCanonical"] for i in task["input"]] == [f"{BASE}/{kind}/x" for kind in names.values()]
    assert all(i["type"]["text"] for i in task["input"])
    target = {"url": "http://hl7.org/fhir/us/ecr/StructureDefinition/targetStatus", "valueCoding": {"code": "requested"}}
    statuses = {
        policy: one({**A, "definitionCanonical": CANONICAL}, activity(kind="Task", extension=[target]), policy=policy).request[
            "status"
        ]
        for policy in ("cpg", "cqf", "spec")
    }
    assert statuses == {"cpg": "draft", "cqf": "requested", "spec": "requested"}


@pytest.mark.parametrize("name", ROWS)
def test_row(name: str) -> None:
    ROWS[name]()

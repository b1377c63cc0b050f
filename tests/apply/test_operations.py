"""ActivityDefinition/$apply, $data-requirements, and the outcome's schema."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.apply.small import (
    AS_OF,
    BASE,
    LOGIC,
    TABLET_A,
    activity,
    expression,
    guideline,
    medication,
    observation,
    plan,
    record,
    run,
    when,
)

import guideway.apply
from guideway.apply.activity_operation import apply_activity_definition
from guideway.apply.care_plan import result_bundle
from guideway.apply.data_requirements import module_definition, requirements_of_plan
from guideway.apply.outcome import dumps
from guideway.diagnostics import GuidewayError
from guideway.fhir.check import check_resource

Json = dict[str, Any]
SCHEMA = json.loads((Path(guideway.apply.__file__).parent / "outcome.schema.json").read_text())


def errors(resource: Json) -> list[str]:
    return [d.as_text() for d in check_resource(resource) if d.severity.value == "error"]


def test_an_activity_alone_becomes_its_request() -> None:
    dynamic = [{"path": "note.text", "expression": expression("Title")}, {"path": "priority", "expression": expression("Empty")}]
    compiled = guideline(activity(productCodeableConcept=TABLET_A, dynamicValue=dynamic))
    found = compiled.resolve(f"{BASE}/ActivityDefinition/take-a")
    assert found is not None
    request = apply_activity_definition(compiled, found, record(), as_of=AS_OF, practitioner="Practitioner/d")
    assert (request["resourceType"], request["id"], request["status"]) == ("MedicationRequest", "take-a", "draft")
    assert request["instantiatesCanonical"] == [f"{BASE}/ActivityDefinition/take-a|1.0.0"]
    assert request["note"] == [{"text": "A computed title"}]
    assert request["contained"][0]["issue"][0]["details"]["text"] == "dynamic-value-null"
    assert errors(request) == []


def test_an_activity_of_no_kind_says_so() -> None:
    compiled = guideline(activity(kind="Party"))
    found = compiled.resolve(f"{BASE}/ActivityDefinition/take-a")
    assert found is not None
    with pytest.raises(GuidewayError, match="'Party' is not one"):
        apply_activity_definition(compiled, found, record(), as_of=AS_OF)


def test_data_requirements_follow_from_the_logic_of_every_plan_reached() -> None:
    stated = {"type": "Procedure"}
    inner = plan("inner", {"id": "b", "title": "B", "condition": [when("Not On A")], "input": [stated]})
    outer = plan("main", {"id": "a", "condition": [when("Count Is Low")], "definitionCanonical": f"{BASE}/PlanDefinition/inner"})
    compiled = guideline(outer, inner)
    found = requirements_of_plan(compiled, compiled.plan("main"))
    assert found == [
        {"type": "Medication", "mustSupport": ["code", "id"]},
        {"type": "MedicationRequest", "mustSupport": ["medication.reference", "status"]},
        {
            "type": "MedicationRequest",
            "mustSupport": ["medication.reference", "status"],
            "codeFilter": [{"path": "medication", "valueSet": f"{BASE}/ValueSet/tablet-a"}],
        },
        {
            "type": "Observation",
            "mustSupport": ["effective", "status", "value"],
            "codeFilter": [{"path": "code", "valueSet": f"{BASE}/ValueSet/count-tests"}],
        },
        stated,
    ]
    assert requirements_of_plan(compiled, compiled.plan("inner"))[0]["type"] == "Medication"


def test_a_module_definition_is_a_valid_library() -> None:
    compiled = guideline(plan("main", {"id": "a", "title": "A", "condition": [when("Level Over Count")]}))
    library = module_definition(compiled, compiled.plan("main"))
    assert errors(library) == []
    assert library["parameter"] == [{"name": "Limit", "use": "in", "min": 0, "max": "1", "type": "decimal"}]
    assert {r["resource"] for r in library["relatedArtifact"]} == {f"{BASE}/Library/Logic|1.0.0", f"{BASE}/ValueSet/count-tests"}
    level = [r for r in library["dataRequirement"] if "code" in r["codeFilter"][0]]
    assert level[0]["codeFilter"] == [{"path": "code", "code": [{"system": f"{BASE}/CodeSystem/local", "code": "level"}]}]


def rich_outcome(**options: Any) -> Any:
    actions = [
        {"id": name, "title": name, "condition": [when(define)], "definitionCanonical": f"{BASE}/ActivityDefinition/take-a"}
        for name, define in {"t": "True", "f": "False", "n": "Count Is Low And Agrees", "e": "Fails", "c": "Count Is Low"}.items()
    ]
    actions[0]["documentation"] = [{"type": "citation", "label": "key, line 3", "citation": "C", "url": "http://x.org"}]
    compiled = guideline(plan("main", *actions, usage="U"), activity(productCodeableConcept=TABLET_A))
    bad = observation(3, date="2027-01-01")
    return run(compiled, observation(0.8), bad, medication(), **options)


@pytest.mark.parametrize("explain", [False, True, "none"])
@pytest.mark.parametrize("policy", ["cpg", "cqf", "spec"])
def test_every_outcome_follows_the_schema(explain: bool | str, policy: str) -> None:
    document = json.loads(dumps(rich_outcome(explain=explain, policy=policy).as_json()))
    jsonschema.validate(document, SCHEMA)
    assert document["counts"]["applies"] == 2


def test_the_schema_is_a_schema_and_closed() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = json.loads(dumps(rich_outcome().as_json()))
    document["recommendations"][0]["surprise"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)


def test_several_patients_come_as_one_bundle_of_care_plans() -> None:
    outcomes = [rich_outcome(), rich_outcome()]
    result = result_bundle(outcomes)
    assert [e["resource"]["resourceType"] for e in result["entry"]] == ["CarePlan", "CarePlan"]
    assert result["entry"][0]["fullUrl"].startswith("urn:uuid:")


def test_excluded_data_that_would_have_counted_is_listed() -> None:
    outcome = rich_outcome()
    found = {r.action: r for r in outcome.recommendations}["c"]
    assert [(e.resource, e.rule) for e in found.excluded] == [("Observation/count-2027-01-01", "future-dated")]
    assert [e.resource for e in outcome.excluded] == ["Observation/count-2027-01-01"]


FIXED = {"start": "2020-01-01T00:00:00Z", "end": "2021-01-01T00:00:00+01:00"}


def days(value: int) -> Json:
    return {"value": value, "system": "http://unitsofmeasure.org", "code": "d"}


def computed(**ends: str) -> list[Json]:
    """The filter of a period whose ends CQL gives."""
    url = "http://hl7.org/fhir/StructureDefinition/cqf-expression"
    expressions = {end: {"language": "text/cql-expression", "expression": text} for end, text in ends.items()}
    period = {f"_{end}": {"extension": [{"url": url, "valueExpression": given}]} for end, given in expressions.items()}
    return [{"path": "issued", "valuePeriod": period}]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("O.effective during Interval[Now() - 30 days, Now()]", [{"path": "effective", "valueDuration": days(30)}]),
        ("O.status = 'final' and O.issued 30 days or less before Now()", [{"path": "issued", "valueDuration": days(30)}]),
        ("O.effective as dateTime after Now() - 30 days", [{"path": "effective", "valueDuration": days(30)}]),
        ("Now() - 30 days < O.issued", [{"path": "issued", "valueDuration": days(30)}]),
        ("O.issued during Interval[Today() - 7 days, Now()]", [{"path": "issued", "valueDuration": days(8)}]),
        ("O.effective as dateTime after Today() - 3 months", [{"path": "effective", "valueDuration": days(94)}]),
        ("O.effective during Interval[Today() - 1 year, Today()]", [{"path": "effective", "valueDuration": days(367)}]),
        (
            "O.issued during Interval[@2020-01-01T00:00:00Z, @2021-01-01T00:00:00+01:00]",
            [{"path": "issued", "valuePeriod": FIXED}],
        ),
        ("O.issued after @2020-05-01", [{"path": "issued", "valuePeriod": {"start": "2020-05-01"}}]),
        ("@2020-05-01 after (O.effective as dateTime)", [{"path": "effective", "valuePeriod": {"end": "2020-05-01"}}]),
        (
            "O.issued after @2020-05-01 and O.issued before @2021-05-01",
            [{"path": "issued", "valuePeriod": {"start": "2020-05-01", "end": "2021-05-01"}}],
        ),
        # what R4 has no duration for is a period with computed ends
        ("O.issued before Now() + 36 hours", computed(end="Now() + 36 hours")),
        ("O.issued before Now() - 30 days", computed(end="Now() - 30 days")),
        ("O.issued after Today() + 1 week", computed(start="Today() + 1 week")),
        ("O.issued before Now() + 3 'h'", computed(end="Now() + 3 'h'")),
        ("O.issued during Interval[Now() - 2 days, Now() + 36 hours]", computed(start="Now() - 2 days", end="Now() + 36 hours")),
        (
            "O.issued after @2020-05-01 and O.issued before Now()",
            [{"path": "issued", "valuePeriod": {"start": "2020-05-01", **computed(end="Now()")[0]["valuePeriod"]}}],
        ),
        # what cannot be said in a filter leaves the element's name alone, and what is not needed of every row nothing
        ('O.issued after Now() - "Count"', [{"path": "issued"}]),
        ("O.issued same day or after Now() - 3 days", [{"path": "issued"}]),
        ("O.issued after Now() - 30 days or O.status = 'final'", None),
        ("not (O.issued after Now() - 30 days)", None),
    ],
)
def test_the_dates_that_the_logic_wants_are_date_filters(condition: str, expected: list[Json] | None) -> None:
    cql = LOGIC + f'\ndefine "Recent": exists ([Observation: "Level code"] O where {condition})\n'
    compiled = guideline(plan("main", {"id": "a", "title": "A", "condition": [when("Recent")]}), cql=cql)
    assert not compiled.findings
    library = json.loads(dumps(module_definition(compiled, compiled.plan("main"))))
    assert errors(library) == []
    (found,) = [r for r in library["dataRequirement"] if "code" in r["codeFilter"][0]]
    assert found.get("dateFilter") == expected


CALLS = """
define "As Of": Now()
define "Span": 30 days
define function "Recent Enough"(o Observation, span System.Quantity): o.issued after "As Of" - span
define function "Usable"(o Observation): o.status = 'final' and "Recent Enough"(o, 30 days)
define function "Known At"(o Observation): Coalesce(o.effective as FHIR.dateTime, o.issued)
define function "Either"(o Observation): o.issued after Now() - 30 days or o.status = 'amended'
define function "Of Another"(o Observation):
  exists ([Observation: "Count Tests"] L where L.issued after Now() - 30 days and L.status = o.status)
"""
BACK = [{"path": "issued", "valueDuration": days(30)}]
GIVEN = """
define function "Recent"(os List<Observation>): os O where O.issued after Now() - 30 days
define function "Recent Of"(os List<Observation>, span System.Quantity): exists (os O where O.issued after Now() - span)
define function "Recent Or All"(os List<Observation>): (os O where O.issued after Now() - 30 days) union os
define function "Some"(os List<Observation>): os O where O.status = 'final'
"""


@pytest.mark.parametrize(
    ("logic", "expected"),
    [
        ('exists "Recent"([Observation: "Level code"])', BACK),
        ('"Recent Of"([Observation: "Level code"], 30 days)', [{"path": "issued"}]),
        ('exists "Recent Or All"([Observation: "Level code"])', None),
        ('exists "Some"([Observation: "Level code"])', None),
    ],
)
def test_dates_that_a_function_wants_of_the_rows_it_is_given_are_date_filters(logic: str, expected: list[Json] | None) -> None:
    compiled = guideline(
        plan("main", {"id": "a", "title": "A", "condition": [when("Asked")]}), cql=f'{LOGIC}{GIVEN}\ndefine "Asked": {logic}\n'
    )
    assert not compiled.findings
    (found,) = requirements_of_plan(compiled, compiled.plan("main"))
    assert found.get("dateFilter") == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('"Recent Enough"(O, 30 days)', BACK),
        ('"Usable"(O)', BACK),
        ('O.issued during Interval["As Of" - "Span", "As Of"]', BACK),
        ('"Recent Enough"(O, "Count")', [{"path": "issued"}]),
        ('"Known At"(O) after Now() - 30 days', None),
        ('"Either"(O)', None),
        ('"Of Another"(O)', None),
    ],
)
def test_dates_in_functions_and_defines_are_seen_where_that_is_sound(condition: str, expected: list[Json] | None) -> None:
    cql = f'{LOGIC}{CALLS}\ndefine "Recent": exists ([Observation: "Level code"] O where {condition})\n'
    compiled = guideline(plan("main", {"id": "a", "title": "A", "condition": [when("Recent")]}), cql=cql)
    assert not compiled.findings
    (found,) = [r for r in requirements_of_plan(compiled, compiled.plan("main")) if "code" in r["codeFilter"][0]]
    assert found.get("dateFilter") == expected
    draw = random.Random(0)
    level = {"coding": [{"system": f"{BASE}/CodeSystem/local", "code": "level"}]}
    for _ in range(25):
        data = []
        for number in range(draw.choice([0, 1, 3])):
            day = draw.choice(["2025-01-01", "2026-05-01", "2026-05-02", "2026-05-03", "2026-06-01"])
            made = observation(draw.choice([0.5, 40]), draw.choice(["level", "level", "count"]), day, id=f"o{number}")
            made["status"] = draw.choice(["final", "amended"])
            if draw.random() < 0.7:
                made["issued"] = f"{day}T{draw.choice(['00', '11', '12', '13'])}:00:00Z"
            data.append(made)
        fetched = [r for r in data if r["code"]["coding"] != level["coding"] or asked_for(r, found)]
        every, named = (run(compiled, *resources, explain="none") for resources in (data, fetched))
        assert [r.status for r in every.recommendations] == [r.status for r in named.recommendations], data


def asked_for(resource: Json, requirement: Json) -> bool:
    """Whether a server that is asked for what is required gives this resource."""
    for wanted in requirement.get("dateFilter", ()):
        if "valueDuration" in wanted:
            first = datetime.fromisoformat(AS_OF) - timedelta(days=int(wanted["valueDuration"]["value"]))
            if "issued" not in resource or datetime.fromisoformat(resource["issued"]) < first:
                return False
    return True


def test_the_dates_of_a_relation_are_those_of_its_own_retrieve() -> None:
    related = '[Observation: "Count Tests"] O with [Observation: "Level code"] L such that L.issued after Now() - 30 days'
    compiled = guideline(
        plan("main", {"id": "a", "title": "A", "condition": [when("Both")]}), cql=f'{LOGIC}\ndefine "Both": exists ({related})\n'
    )
    found = requirements_of_plan(compiled, compiled.plan("main"))
    assert [("code" in r["codeFilter"][0], r.get("dateFilter")) for r in found] == [
        (True, [{"path": "issued", "valueDuration": days(30)}]),
        (False, None),
    ]

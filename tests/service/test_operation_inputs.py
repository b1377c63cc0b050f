"""Parameters of operations: values of the wrong kind are refused with their place, never read as something else, never a 500."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.apply.small import BASE
from tests.service.ehr import COUNT, PATIENT, RX, Service, searchset
from tests.service.local import local
from tests.service.test_operations import AS_OF, SUBJECT, case, data, good, parameters, titles, where
from tests.service.test_requirements_requests import problem

Json = dict[str, Any]
APPLY = "/fhir/PlanDefinition/main/$apply"
SYSTEM = f"{BASE}/CodeSystem/local"
SET = f"{BASE}/ValueSet/tablet-a"


@pytest.fixture(scope="module")
def fhir(tmp_path_factory: pytest.TempPathFactory, small: Any) -> Iterator[Service]:
    with local(tmp_path_factory.mktemp("fhir"), small, cql_operation=True) as service:
        yield service


def given(*values: Json) -> Json:
    return {"name": "parameters", "resource": parameters(*values)}


UNREADABLE: list[Json] = [
    {"valueDate": "abc"}, {"valueDateTime": "2020-13-45"}, {"valueTime": "99"}, {"valueInstant": 5},
    {"valueQuantity": {"value": "x", "unit": "mg"}}, {"valueQuantity": {"value": None}}, {"valueQuantity": {"value": {}}},
    {"valueQuantity": 5}, {"valueQuantity": {"value": 1, "comparator": "<"}}, {"valueQuantity": {"value": 1, "unit": 5}},
    {"valueCodeableConcept": {"coding": [5]}}, {"valueCodeableConcept": {"coding": 5}}, {"valueCoding": {"code": 5}},
    {"valueCoding": {}}, {"valuePeriod": {"start": 5}}, {"valuePeriod": {"start": "x"}}, {"valueRange": {"low": 5}},
    {"valueRatio": {}}, {"valueDecimal": "1.5"}, {"valueInteger": 99999999999999999999}, {"valueInteger": 1.5},
    {"valueInteger": True}, {"valueBoolean": "true"}, {"valueString": 5}, {"value": 5}, {"valueFoo": 5}, {"valueHumanName": 5},
    {"resource": {}}, {"resource": {"resourceType": 5}}, {"resource": 5},
]  # fmt: skip


def test_values_that_cannot_be_read_are_refused(fhir: Service) -> None:
    for value in UNREADABLE:
        answer = fhir.post("/fhir/$cql", parameters({"name": "expression", "valueString": "1"}, given({"name": "x"} | value)))
        issue = problem(answer, 400)
        assert issue["expression"] == where("parameters"), value
        assert " x" in issue["diagnostics"]


@pytest.mark.parametrize(
    ("expression", "values", "expected"),
    [
        ("x + 1", [{"valueInteger": 2}], {"valueInteger": 3}),
        ("%x + 0.5", [{"valueDecimal": 2}], {"valueDecimal": 2.5}),
        ("Sum(x)", [{"valueInteger": 2}, {"valueInteger": 3}], {"valueInteger": 5}),
        ("x.value", [{"valueQuantity": {"value": 2, "unit": "mg"}}], {"valueDecimal": 2}),
        ("x.low.value", [{"valueRange": {"low": {"value": 2, "unit": "mg"}}}], {"valueDecimal": 2}),
        ("x.denominator.value", [{"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 2}}}], {"valueDecimal": 2}),
        ("start of x", [{"valuePeriod": {"start": "2020-01-01"}}], {"valueDateTime": "2020-01-01"}),
        ("x.code", [{"valueCoding": {"code": "a", "system": "s"}}], {"valueString": "a"}),
        ("First(x.codes).code", [{"valueCodeableConcept": {"coding": [{"code": "a"}]}}], {"valueString": "a"}),
        ("x", [{"valueCode": "final"}], {"valueString": "final"}),
        ("x.family", [{"valueHumanName": {"family": "A"}}], {"valueString": "A"}),
        ("x.birthDate", [{"resource": PATIENT}], {"valueDate": PATIENT["birthDate"]}),
    ],
)
def test_an_expression_reads_its_parameters_by_name(fhir: Service, expression: str, values: list[Json], expected: Json) -> None:
    entries = given(*({"name": "x"} | value for value in values))
    found = good(fhir.post("/fhir/$cql", parameters({"name": "expression", "valueString": expression}, entries)))
    assert found["parameter"] == [{"name": "return"} | expected]


@pytest.mark.parametrize("name", ['a"b', "a\nb", "a\\", ""])
def test_what_cannot_be_a_name_breaks_no_expression(fhir: Service, name: str) -> None:
    asked = parameters({"name": "expression", "valueString": "1"}, given({"name": name, "valueString": "1"}))
    (entry,) = good(fhir.post("/fhir/$cql", asked))["parameter"]
    assert entry["name"] == "evaluation error"
    assert "cannot be the name" in entry["resource"]["issue"][0]["details"]["text"]


@pytest.mark.parametrize(
    "value", [{"valueBoolean": True}, {"valueQuantity": {"value": 1}}, {"valueDate": "2020"}, {"resource": RX}]
)
def test_a_value_of_another_type_than_the_logic_declares_is_refused(fhir: Service, value: Json) -> None:
    issue = problem(fhir.post(APPLY, case(given({"name": "Limit"} | value))), 400)
    assert issue["diagnostics"] == "the parameter Limit is a Decimal; the value is of another type"
    assert issue["expression"] == where("parameters")


def test_values_of_the_declared_type_are_taken(fhir: Service) -> None:
    for value in ({"valueInteger": 0}, {"valueDecimal": 0.5}, {"valueString": "0.5"}):
        assert "Take tablet A" not in titles(good(fhir.post(APPLY, case(given({"name": "Limit"} | value)))))
    for drafts in ([], [RX]):  # one is as good as a list of one
        good(fhir.post(APPLY, case(given(*({"name": "draftOrders", "resource": each} for each in drafts)))))
    problem(fhir.post(APPLY, case(given({"name": "draftOrders", "valueInteger": 1}))), 400)


def test_a_parameter_has_one_value(fhir: Service) -> None:
    twice = case({"name": "policy", "valueString": "cpg", "valueCode": "cqf"})
    assert problem(fhir.post(APPLY, twice), 400)["expression"] == ["Parameters.parameter[3]"]


@pytest.mark.parametrize(
    "bundle",
    [
        searchset(PATIENT, link=[{"relation": "next", "url": "https://x/fhir?page=2"}]),
        searchset(PATIENT, total=9),
    ],
)
def test_data_that_is_not_whole_is_refused(fhir: Service, bundle: Json) -> None:
    for entry in ({"name": "data", "resource": bundle}, {"name": "prefetchData", "part": [{"name": "data", "resource": bundle}]}):
        issue = problem(fhir.post(APPLY, parameters(SUBJECT, AS_OF, entry)), 400)
        assert "not whole" in issue["diagnostics"]
        assert issue["expression"] == where(entry["name"])


@pytest.mark.parametrize(
    "entry",
    [{"resource": COUNT}, {"part": [{"name": "key", "valueString": "a"}]}, {"part": [{"name": "data", "valueString": "x"}]}],
)
def test_prefetch_data_without_data_is_no_data(fhir: Service, entry: Json) -> None:
    issue = problem(fhir.post(APPLY, parameters(SUBJECT, data(PATIENT), {"name": "prefetchData"} | entry)), 400)
    assert issue["expression"] == where("prefetchData")


def test_an_unknown_define_is_told_with_its_place(fhir: Service) -> None:
    asked = parameters(SUBJECT, data(PATIENT), {"name": "expression", "valueString": "Nope"})
    assert problem(fhir.post("/fhir/Library/Logic/$evaluate", asked), 400)["expression"] == where("expression")


# -- artifacts that come with the call


POSTED: Json = {
    "resourceType": "ValueSet",
    "status": "draft",
    "compose": {
        "include": [{"system": SYSTEM, "concept": [{"code": "z", "display": "Zed"}]}, {"valueSet": [f"{BASE}/ValueSet/tablet-a"]}]
    },
}


def test_a_value_set_may_come_with_the_call(fhir: Service) -> None:
    brought = {"name": "valueSet", "resource": POSTED}
    expanded = good(fhir.post("/fhir/ValueSet/$expand", parameters(brought)))
    assert {c["code"] for c in expanded["expansion"]["contains"]} == {"a", "z"}
    assert "url" not in expanded
    for code, expected in (("z", True), ("b", False)):
        asked = [{"name": "code", "valueCode": code}, {"name": "system", "valueUri": SYSTEM}]
        answer = good(fhir.post("/fhir/ValueSet/$validate-code", parameters(brought, *asked)))
        assert answer["parameter"][0] == {"name": "result", "valueBoolean": expected}
        assert "urn:uuid" not in str(answer)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"compose": {"include": [{"valueSet": ["https://x/none"]}]}}, 422),
        ({"compose": {"include": [{"system": SYSTEM, "concept": [{"code": 5}]}]}}, 400),
        ({"compose": 5}, 400),
        ({"resourceType": "CodeSystem"}, 400),
    ],
)
def test_a_value_set_that_comes_must_be_one_that_can_be_told(fhir: Service, change: Json, status: int) -> None:
    issue = problem(fhir.post("/fhir/ValueSet/$expand", parameters({"name": "valueSet", "resource": POSTED | change})), status)
    assert issue["expression"] == where("valueSet")


def test_a_value_set_without_a_name_is_not_given_one(fhir):
    for given in ({}, {"compose": {"include": [{"valueSet": ["https://x/none"]}]}}):
        brought = {"resourceType": "ValueSet", "status": "draft", **given}
        said = problem(fhir.post("/fhir/ValueSet/$expand", parameters({"name": "valueSet", "resource": brought})), 422)
        assert "The value set that was brought" in said["diagnostics"]
        assert "urn:" not in said["diagnostics"]


def test_a_value_set_is_named_or_brought(fhir: Service) -> None:
    both = parameters({"name": "valueSet", "resource": POSTED}, {"name": "url", "valueUri": f"{BASE}/ValueSet/tablet-a"})
    problem(fhir.post("/fhir/ValueSet/$expand", both), 400)
    problem(fhir.post("/fhir/ValueSet/tablet-a/$expand", parameters({"name": "valueSet", "resource": POSTED})), 400)


def test_other_artifacts_are_the_services_own(fhir: Service) -> None:
    plan = {"name": "planDefinition", "resource": {"resourceType": "PlanDefinition", "status": "draft"}}
    issue = problem(fhir.post("/fhir/PlanDefinition/$apply", case(plan)), 400)
    assert issue["code"] == "not-supported"
    assert "name one by url" in issue["diagnostics"]


def test_a_coding_without_a_code_is_said(fhir: Service) -> None:
    concept = {"name": "codeableConcept", "valueCodeableConcept": {"coding": [{"system": SYSTEM}]}}
    url = {"name": "url", "valueUri": f"{BASE}/ValueSet/tablet-a"}
    answer = good(fhir.post("/fhir/ValueSet/$validate-code", parameters(url, concept)))
    assert answer["parameter"] == [
        {"name": "result", "valueBoolean": False},
        {"name": "message", "valueString": "a coding has no code"},
    ]


def test_a_count_alone_has_no_further_pages(fhir: Service) -> None:
    counted = good(fhir.get("/fhir/ValueSet?_summary=count&_count=1"))
    assert counted["total"] > 1
    assert [link["relation"] for link in counted["link"]] == ["self"]


def test_another_version_of_fhir_is_refused(fhir: Service) -> None:
    for version, status in (("4.0", 200), ("5.0", 415)):
        headers = {"Content-Type": f"application/fhir+json; fhirVersion={version}; charset=utf-8"}
        assert fhir.post(APPLY, case(), headers=headers).status_code == status


def test_a_format_in_the_body_counts(fhir: Service) -> None:
    named = {"name": "url", "valueUri": SET}
    for text, status in (("xml", 406), ("application/fhir+xml", 406), ("json", 200), ("application/fhir+json", 200)):
        body = parameters(named, {"name": "_format", "valueString": text})
        assert fhir.post("/fhir/ValueSet/$expand", body).status_code == status, text


def test_an_empty_filter_is_none_and_a_number_is_given_once(fhir: Service) -> None:
    expansion = fhir.get(f"/fhir/ValueSet/$expand?url={SET}&filter=").json()["expansion"]
    assert "parameter" not in expansion
    for name in ("count", "offset"):
        issue = problem(fhir.get(f"/fhir/ValueSet/$expand?url={SET}&{name}=1&{name}=5"), 400)
        assert issue["expression"] == where(name)

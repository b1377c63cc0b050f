"""The OpenAPI document lists what there is, and what it lists is what happens."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.routing import Route
from tests.service.ehr import SERVICE, Service, hook_request

from guideway.service.application import all_places
from guideway.service.openapi import document
from guideway.service.settings import Settings


def routes(settings: Settings) -> set[tuple[str, str]]:
    """(method, path) of the application's own route table."""
    from guideway.service.application import make_routes

    found = set()
    for route in make_routes(None, all_places(settings)):  # type: ignore[arg-type]
        assert isinstance(route, Route)
        found |= {(method, route.path) for method in route.methods or () if method != "HEAD"}
    return found


OFF = [{"cql_operation": False}, {"host": "0.0.0.0"}, {"fhir_operations": False}]


@pytest.mark.parametrize("settings", [{}, {"host": "0.0.0.0", "cql_operation": True}, *OFF])
def test_every_route_is_listed_and_nothing_else(settings: Any) -> None:
    given = Settings(**settings)
    listed = {(m.upper(), path) for path, item in document(all_places(given), "http://x")["paths"].items() for m in item}
    assert listed == routes(given)
    assert (("POST", "/fhir/$cql") in listed) == (settings not in OFF)


def test_every_operation_has_schemas() -> None:
    for path, item in document(all_places(Settings()), "http://x")["paths"].items():
        for method, operation in item.items():
            success = operation["responses"]["200"]
            assert "content" in success or path.endswith("/feedback"), path
            if method == "post":
                assert operation["requestBody"]["content"], path
            assert operation["summary"], path


def test_operations_list_what_they_take() -> None:
    paths = document(all_places(Settings()), "http://x")["paths"]
    names = lambda path: {p["name"] for p in paths[path]["get"].get("parameters", ())}  # noqa: E731
    assert {"id", "subject", "asOf", "hook", "_outputForm"} <= names("/fhir/PlanDefinition/{id}/$apply")
    assert {"url", "filter", "offset", "count"} <= names("/fhir/ValueSet/$expand")
    assert {"url", "system", "code", "inferSystem"} <= names("/fhir/ValueSet/$validate-code")
    assert {"expression", "subject"} <= names("/fhir/$cql")
    assert {"type", "_id", "url", "_count"} <= names("/fhir/{type}")
    assert "data" not in names("/fhir/PlanDefinition/$apply")


def test_each_route_lists_what_it_can_answer_and_no_more() -> None:
    paths = document(all_places(Settings()), "http://x")["paths"]
    listed = {(method, path): set(operation["responses"]) for path, item in paths.items() for method, operation in item.items()}
    assert listed["get", "/health/live"] == {"200", "421", "500"}
    assert listed["get", "/cds-services"] == {"200", "304", "401", "421", "429", "500", "503"}
    assert "503" in listed["get", "/metrics"]
    assert "503" in listed["get", "/fhir/{type}"]
    assert "412" in listed["post", "/cds-services/{id}"]
    assert [place for place, found in listed.items() if "412" in found] == [("post", "/cds-services/{id}")]
    assert "413" in listed["post", "/fhir/ValueSet/$expand"]
    assert "413" not in listed["get", "/fhir/ValueSet/$expand"]
    assert "422" not in listed["get", "/fhir/PlanDefinition/$package"]


def test_bodies_may_be_of_both_json_types() -> None:
    operation = document(all_places(Settings()), "http://x")["paths"]["/cds-services/{id}"]["post"]
    assert set(operation["requestBody"]["content"]) == {"application/json", "application/fhir+json"}


@pytest.mark.parametrize(
    ("query", "accept", "status"),
    [
        ("", "application/fhir+xml", 406),
        ("", "application/fhir+xml, application/fhir+json;q=0.5", 200),
        ("", "*/*", 200),
        ("?_format=xml", "*/*", 406),
        ("?_format=application/fhir%2Bjson", "*/*", 200),
        ("?_format=json", "application/fhir+xml", 200),
        ("?_format=application/fhir%2Bjson;fhirVersion=5.0", "*/*", 406),
        ("", "application/fhir+json;q=0", 406),
        ("", "application/fhir+json;q=0.0, */*", 406),
        ("", "application/fhir+json;q=0, application/json", 200),
        ("", "*/*;q=0", 406),
        ("", "text/html, */*;q=0.1", 200),
        ("", "application/fhir+json; fhirVersion=5.0", 406),
        ("", 'application/fhir+json; fhirVersion="4.0"; q=0.9', 200),
        ("", "application/fhir+json; fhirVersion=5.0, application/fhir+json; fhirVersion=4.0", 200),
    ],
)
def test_other_formats_are_refused(plain: Service, query: str, accept: str, status: int) -> None:
    for path in ("metadata", "PlanDefinition", "PlanDefinition/main", "PlanDefinition/main/$data-requirements"):
        assert plain.get(f"/fhir/{path}{query}", headers={"Accept": accept}).status_code == status


def test_the_document_is_served(plain: Service) -> None:
    assert plain.get("/openapi.json").json()["openapi"].startswith("3.1")


def test_fhir_can_be_left_out(package: Any, tmp_path: Any) -> None:
    assert not any(p.path.startswith("/fhir") for p in all_places(Settings(fhir_operations=False)))


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(plain: Service, method: str) -> None:
    answer = plain.request(method, f"/cds-services/{SERVICE}")
    assert answer.status_code == 405
    assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.full
def test_whatever_is_sent_no_5xx_and_documented_statuses_only(plain: Service) -> None:
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

    schema = schemathesis.openapi.from_dict(plain.get("/openapi.json").json())
    schema.config.base_url = plain.base
    failures: list[str] = []
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
        @given(case=operation.as_strategy())
        def attempt(case: Any) -> None:
            answer = case.call(timeout=60)
            for check in (not_a_server_error, status_code_conformance, response_schema_conformance):
                case.validate_response(answer, checks=[check])

        try:
            attempt()
        except BaseException as error:  # all are told at the end
            failures.append(f"{operation.label}: {str(error)[:1500]}")
    assert not failures, "\n\n".join(failures)


@pytest.mark.full
def test_whatever_a_hook_request_holds_no_5xx(plain: Service) -> None:
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    leaves = (
        st.none()
        | st.booleans()
        | st.integers(-9, 9)
        | st.text(max_size=5)
        | st.sampled_from(["p", "Patient/p", "Bundle", "Observation"])
    )
    names = st.sampled_from(
        ["resourceType", "entry", "resource", "subject", "reference", "id", "link", "code", "coding", "valueQuantity", "value",
         "status", "effectiveDateTime", "item", "answer", "medicationReference", "contained", "extension", "url", "birthDate"]
    )  # fmt: skip
    trees = st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=12
    )
    resources = st.builds(
        lambda kind, more: {"resourceType": kind, "id": "x", "subject": {"reference": "Patient/p"}, **more},
        st.sampled_from(["Observation", "MedicationRequest", "QuestionnaireResponse", "Condition", "Patient", "Nonsense"]),
        st.dictionaries(names, trees, max_size=4),
    )
    keys = st.sampled_from(["patient", "observation", "medicationRequest", "questionnaireResponse", "other"])

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.dictionaries(keys, trees | resources, max_size=3), st.dictionaries(st.sampled_from(["encounterId", "userId"]), leaves)
    )
    def attempt(prefetch: Any, context: Any) -> None:
        body = hook_request(context=context)
        body["prefetch"] |= prefetch
        answer = plain.hook(body)
        assert answer.status_code in (200, 400, 412), answer.text

    attempt()

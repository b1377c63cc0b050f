"""CDS Hooks, discovery and transport: each test bears the id of the requirement it checks (docs/service.md lists them)."""

from __future__ import annotations

import json

import httpx
from tests.service.ehr import ORDERS, SERVICE, Service, hook_request, running, token, write_guideline
from tests.service.test_requirements_requests import problem


def discovery(service: Service):
    answer = service.get("/cds-services")
    assert answer.status_code == 200
    return answer.json()["services"]


def nothing_empty(value):
    """No null, "", [] or {} anywhere below; what is allowed to be empty is taken out by the caller."""
    if isinstance(value, dict):
        return bool(value) and all(nothing_empty(v) for v in value.values())
    if isinstance(value, list):
        return bool(value) and all(nothing_empty(v) for v in value)
    return value not in (None, "")


def test_J1_json_and_fhir_json(service):
    answer = service.hook(hook_request())
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["cards"]
    failed = service.hook(hook_request(prefetch=...))
    assert failed.headers["content-type"].startswith("application/fhir+json")


def test_J2_J4_nothing_is_null_or_empty(service):
    assert nothing_empty(discovery(service))
    assert nothing_empty(service.cards(hook_request()))


def test_J3_no_comments_in_json(service):
    json.loads(service.get("/cds-services").content)
    assert (
        service.request(
            "POST", f"/cds-services/{SERVICE}", content=b'{"hook": 1} // no', headers={"Content-Type": "application/json"}
        ).status_code
        == 400
    )


def test_D1_discovery_at_its_path(service):
    assert service.get("/cds-services").status_code == 200
    assert service.get("/cds-services/").status_code in (200, 307, 404)


def test_D2_services_is_an_array(service):
    assert isinstance(discovery(service), list)


def test_D2_services_is_an_array_even_where_there_are_none(tmp_path):
    guideline = write_guideline(tmp_path / "g")
    for file in guideline.glob("PlanDefinition-*.json"):
        file.unlink()
    with running(Service(tmp_path / "s", guideline)) as none:
        assert none.get("/cds-services").json() == {"services": []}


def test_D3_hook_description_and_id_are_texts(service):
    for entry in discovery(service):
        assert all(isinstance(entry[name], str) and entry[name] for name in ("hook", "description", "id"))


def test_D4_every_service_has_a_title(service):
    assert all(entry["title"] for entry in discovery(service))


def test_D5_the_version_is_told_where_3_0_is_spoken(service):
    for entry in discovery(service):
        versions = ("3.0.0", "1.1" if entry["hook"] == "order-dispatch" else "1.0")
        expected = versions if service.settings["hooks_version"] == "3.0.0" else (None, None)
        assert (entry.get("version"), entry.get("hookVersion")) == expected


def test_D6_the_id_is_the_segment_of_the_url(service):
    assert service.hook(hook_request(), SERVICE).status_code == 200
    assert {SERVICE, ORDERS} <= {entry["id"] for entry in discovery(service)}


def test_D7_one_id_for_each_hook(service):
    ids = [entry["id"] for entry in discovery(service)]
    assert len(ids) == len(set(ids))


def test_D8_each_hook_has_its_own_endpoint(service):
    found = discovery(service)
    assert len({(entry["id"], entry["hook"]) for entry in found}) == len({entry["id"] for entry in found})


def test_D9_an_extension_if_any_is_an_object(service):
    assert all(isinstance(entry.get("extension", {}), dict) for entry in discovery(service))


def test_P0_P5_templates_are_relative_reads_or_searches(service):
    for entry in discovery(service):
        for query in entry["prefetch"].values():
            assert not query.startswith(("/", "http"))
            assert query[0].isupper()
            assert len(query) < 2000


def test_P1_prefetch_maps_texts_to_texts(service):
    for entry in discovery(service):
        assert all(isinstance(key, str) and isinstance(value, str) for key, value in entry["prefetch"].items())


def test_P2_tokens_are_plain_fields_of_the_context(service):
    import re

    for entry in discovery(service):
        for query in entry["prefetch"].values():
            assert set(re.findall(r"{{(.*?)}}", query)) <= {"context.patientId", "context.encounterId", "context.userId"}


def test_P3_P4_searches_keep_to_the_recommended_part_of_fhir(service):
    from urllib.parse import parse_qsl, urlsplit

    for entry in discovery(service):
        for query in entry["prefetch"].values():
            for name, _ in parse_qsl(urlsplit(query.replace("{{", "").replace("}}", "")).query):
                assert name.partition(":")[0] in ("patient", "subject", "code", "category", "type", "beneficiary")
                assert name.partition(":")[2] in ("", "in")


def test_X1_preflight_allows_what_a_browser_needs(service):
    asked = {"Origin": "https://app.example.org", "Access-Control-Request-Method": "POST"}
    asked["Access-Control-Request-Headers"] = "authorization,content-type"
    answer = service.request("OPTIONS", f"/cds-services/{SERVICE}", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://app.example.org"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()


def test_X2_other_origins_are_not_reflected(service):
    answer = service.get("/cds-services", headers={"Origin": "https://evil.example.org"})
    asked = {"Origin": "https://evil.example.org", "Access-Control-Request-Method": "POST"}
    refused = service.request("OPTIONS", f"/cds-services/{SERVICE}", headers=asked)
    problem(refused, 403)
    for headers in (answer.headers, refused.headers):
        assert "access-control-allow-origin" not in headers
        assert "access-control-allow-credentials" not in headers


def test_S_ops_discovery_has_an_etag(service):
    tag = service.get("/cds-services").headers["etag"]
    for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = service.get("/cds-services", headers={"If-None-Match": held})
        assert (answer.status_code, answer.headers["cache-control"]) == (304, "private, max-age=60")
    assert service.get("/cds-services", headers={"If-None-Match": '"other"'}).status_code == 200


def test_A1_every_call_needs_the_token(signed_service):
    signed, bare = signed_service, {"Authorization": ""}
    problem(signed.get("/cds-services", headers=bare), 401)
    problem(signed.hook(hook_request(), headers=bare), 401)
    problem(signed.post(f"/cds-services/{SERVICE}/feedback", {"feedback": []}, headers=bare), 401)
    of_another = {"Authorization": f"Bearer {token(f'{signed.base}/cds-services', signed.algorithm)}"}
    assert signed.get("/cds-services", headers=of_another).status_code == 200
    problem(signed.hook(hook_request(), headers=of_another), 401)
    good = signed.headers("/cds-services")["Authorization"]
    twice = [("Authorization", good), ("Authorization", "Bearer x")]
    problem(httpx.get(f"{signed.base}/cds-services", headers=twice, timeout=60), 401)
    assert signed.get("/cds-services", headers={"Authorization": good}).status_code == 200

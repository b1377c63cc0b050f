"""Security and reliability: each test bears the name of the expectation it checks (docs/service.md lists them)."""

from __future__ import annotations

import concurrent.futures
import json
import re
import subprocess
import sys
import time
import uuid
import zlib
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.service.conftest import IN_PROCESS, PER_MINUTE
from tests.service.each import each
from tests.service.ehr import (
    COUNT,
    OMITTING,
    PATIENT,
    RX,
    SERVICE,
    SHADOWED,
    SITE,
    SLOW,
    TOKEN_ISS,
    hook_request,
    send,
    token,
)  # fmt: skip
from tests.service.program import tried
from tests.service.test_requirements_hooks import ENCOUNTER
from tests.service.test_requirements_requests import problem, shape, stored

from guideway.service.card_text import cut

PATH = f"/cds-services/{SERVICE}"


def with_token(service, text):
    return service.hook(hook_request(), headers={"Authorization": f"Bearer {text}"})


def unsigned(audience):
    import base64

    part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()  # noqa: E731
    now = int(time.time())
    claims = {"iss": "https://ehr.example.org", "aud": audience, "exp": now + 60, "iat": now, "jti": str(uuid.uuid4())}
    return f"{part({'alg': 'none', 'kid': 'ES384', 'typ': 'JWT'})}.{part(claims)}."


REFUSED = {
    "A5 none": lambda audience, algorithm: unsigned(audience),
    "A5 symmetric": lambda audience, algorithm: __import__("jwt").encode(
        {"iss": "https://ehr.example.org", "aud": audience}, "k" * 64, "HS384", {"kid": "ES384"}
    ),
    "A9 issuer": lambda audience, algorithm: token(audience, algorithm, iss="https://evil.example.org"),
    "A12 jku": lambda audience, algorithm: token(audience, algorithm, headers={"jku": "https://evil.example.org/keys"}),
    "audience": lambda audience, algorithm: token(audience + "x", algorithm),
    "base is no audience": lambda audience, algorithm: token(audience.partition("/cds-services")[0], algorithm),
    "expired": lambda audience, algorithm: token(audience, algorithm, exp=int(time.time()) - 3600),
    "old": lambda audience, algorithm: token(audience, algorithm, iat=int(time.time()) - 3000),
    "infinite": lambda audience, algorithm: token(audience, algorithm, exp=float("inf")),
    "time as text": lambda audience, algorithm: token(audience, algorithm, iat=str(int(time.time()))),
    "no jti": lambda audience, algorithm: token(audience, algorithm, jti=None),
    "jti with nul": lambda audience, algorithm: token(audience, algorithm, jti="a\x00b"),
    "no aud": lambda audience, algorithm: token(audience, algorithm, aud=None),
    "garbage": lambda audience, algorithm: "a.b.c",
}


@each("name", REFUSED)
def test_A5_A9_A12_A14_S_jwt_tokens_refused_without_a_reason(signed_service, name):
    text = REFUSED[name](signed_service.base + PATH, signed_service.algorithm)
    answer = with_token(signed_service, text)
    assert problem(answer, 401)["diagnostics"] == "not authorized"
    assert text not in signed_service.log()


def test_A1_S_jwt_both_algorithms_and_an_audience_list(signed_service):
    signed, algorithm = signed_service, signed_service.algorithm
    audience = signed.base + PATH
    assert with_token(signed, token(audience, algorithm)).status_code == 200
    assert with_token(signed, token(audience, algorithm, aud=["https://other.example.org", audience])).status_code == 200


def test_A3_S_replay_a_token_is_used_once_whichever_worker(signed_service):
    service = signed_service
    text = token(f"{service.base}/cds-services", service.algorithm)
    header = {"Authorization": f"Bearer {text}"}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        ask = lambda _: httpx.get(f"{service.base}/cds-services", headers=header, timeout=60, verify=False).status_code  # noqa: E731
        found = sorted(pool.map(ask, range(16)))
    assert found == [200] + [401] * 15


def test_S_jku_remote_keys_are_read_from_the_list_only(signed_service, tmp_path, ehr_server):
    service, algorithm = signed_service, signed_service.algorithm
    keys = json.loads(__import__("tests.service.ehr", fromlist=["write_keys"]).write_keys(tmp_path / "k.json").read_text())
    asked = []

    def serve_keys(handler):
        if handler.path == "/keys":
            asked.append(1)
            send(handler, 200, keys)
            return True
        return False

    (url,) = service.settings["issuers"][0]["jku"]
    ehr_server.misbehave = serve_keys
    try:
        audience = f"{service.base}{PATH}"
        for _ in range(3):
            assert with_token(service, token(audience, algorithm, headers={"jku": url})).status_code == 200
        for kid in ("x", "y", "z"):
            assert with_token(service, token(audience, algorithm, headers={"jku": url, "kid": kid})).status_code == 401
        assert with_token(service, token(audience, algorithm, headers={"jku": url + "2"})).status_code == 401
    finally:
        ehr_server.misbehave = None
    assert len(asked) <= 2 * service.settings["workers"]


@each(
    "server",
    [
        "http://169.254.169.254/latest",
        "https://evil.example.org/fhir",
        "http://127.0.0.1:1/fhir",
        "file:///etc/passwd",
        "gopher://x",
        "http://user@127.0.0.1/fhir",
        "{base}/../secret",
        "{base}/%2e%2e%2fsecret",
        "{base}/%252e%252e/secret",
        "{base}/..;/secret",
        "{base}/.%3bx/secret",
        "{base}\n",
        "{base}?x=",
        "{base}#",
        "",
        "::",
        "http://[::1",
        5,
    ],
)
def test_S_fhir_server_only_listed_servers_are_asked(service, ehr_server, server):
    ehr_server.seen.clear()
    named = server.replace("{base}", ehr_server.base) if isinstance(server, str) else server
    answer = service.hook(hook_request(prefetch=..., fhirServer=named))
    problem(answer, 412 if answer.status_code == 412 else 400)  # what is a URL at all is one that may not be asked
    assert not ehr_server.seen
    whole = service.hook(hook_request(COUNT, RX, fhirServer=named))
    assert whole.status_code == 400 if answer.status_code == 400 else whole.json()["cards"]
    assert not ehr_server.seen


def test_S_fhir_server_values_are_encoded_into_urls(service):
    for patient in ("p/../../x", "p?x=1", "p&x", "p%2f", "../p", "p\n"):
        body = hook_request(prefetch=...)
        body["context"]["patientId"] = patient
        problem(service.hook(body), 400)


def hang(handler):
    time.sleep(30)
    return True


def endless(handler):
    if "Observation" not in handler.path:
        return False
    number = int(handler.path.rpartition("page=")[2] or 0) if "page=" in handler.path else 0
    url = f"http://{handler.headers['Host']}/fhir/Observation?page={number + 1}"
    send(handler, 200, {"resourceType": "Bundle", "type": "searchset", "link": [{"relation": "next", "url": url}]})
    return True


def elsewhere(handler):
    handler.send_response(302)
    handler.send_header("Location", "http://169.254.169.254/latest/meta-data")
    handler.send_header("Content-Length", "0")
    handler.end_headers()
    return True


def next_elsewhere(handler):
    if "Observation" not in handler.path:
        return False
    link = [{"relation": "next", "url": "http://169.254.169.254/latest"}]
    send(handler, 200, {"resourceType": "Bundle", "type": "searchset", "link": link})
    return True


def gigabyte(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(1 << 30))
    handler.end_headers()
    for _ in range(1 << 14):
        handler.wfile.write(b" " * 65536)
    return True


def bomb_body():
    """200 MB of spaces in a few hundred KB, made of one compressed part again and again."""
    made = zlib.compressobj(9, wbits=31)
    first, second = (made.compress(b" " * (1 << 20)) + made.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + second * 199


def bomb(handler):
    body = bomb_body()
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
    return True


MISBEHAVIOURS = {"hang": 504, "endless": 412, "elsewhere": 412, "next_elsewhere": 412, "gigabyte": 412, "bomb": 412}


def most_memory(pid):
    """The most that a process has held since ``forget``, in MB."""
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0]) // 1024


def forget(pid):
    Path(f"/proc/{pid}/clear_refs").write_text("5")


@pytest.fixture(scope="module")
def badly_served(request, services, ehr_server):
    """What each deployment answers where the FHIR server misbehaves, after how long, and how much memory that took: all
    deployments are asked at once and wait together."""
    wanted = {
        item.callspec.params["service"]
        for item in request.session.items
        if "badly_served" in getattr(item, "fixturenames", ()) and item.path == request.path
    }
    started = {each: services(each[0] != "none", *each[1:]) for each in wanted}

    def ask(deployment):
        service = started[deployment]
        headers = signed_with(service, deployment[0]) if deployment[0] != "none" else {}
        start = time.monotonic()
        answer = service.hook(hook_request(prefetch=..., fhirServer=ehr_server.base), headers=headers)
        return answer, time.monotonic() - start

    found = {}
    for name in MISBEHAVIOURS:
        before = {pid: most_memory(pid) for s in started.values() for pid in s.processes() if not forget(pid)}
        ehr_server.misbehave = globals()[name]
        try:
            with concurrent.futures.ThreadPoolExecutor(len(wanted)) as pool:
                answers = dict(zip(wanted, pool.map(ask, wanted), strict=True))
        finally:
            ehr_server.misbehave = None
        for deployment, service in started.items():
            grown = max((most_memory(pid) - before[pid] for pid in service.processes()), default=0)
            found[name, deployment] = *answers[deployment], grown
    return found


def signed_with(service, algorithm):
    return {"Authorization": f"Bearer {token(service.base + PATH, algorithm)}"}


@each("name", MISBEHAVIOURS)
def test_S_fhir_server_a_bad_one_costs_bounded_time_and_memory(service, request, badly_served, name):
    answer, seconds, megabytes = badly_served[name, request.node.callspec.params["service"]]
    problem(answer, answer.status_code if answer.status_code == 504 else MISBEHAVIOURS[name])  # a busy machine runs out of time
    assert seconds < 30
    assert megabytes < 60


def test_S_time_the_deadline_is_the_services_own(service, request, badly_served):
    answer, seconds, _ = badly_served["hang", request.node.callspec.params["service"]]
    problem(answer, 504)
    assert service.settings["deadline_seconds"] <= seconds < 30


def test_S_token_S_phi_nothing_about_the_patient_is_logged(service, ehr_server):
    mark = f"Zebra{uuid.uuid4().hex}"
    observation = COUNT | {"note": [{"text": f"{mark} note"}], "code": COUNT["code"] | {"text": f"{mark} text"}}
    patient = {"resourceType": "Patient", "id": "p", "name": [{"family": f"{mark} name"}], "birthDate": "1980-02-03"}
    body = hook_request(observation)
    body["prefetch"]["patient"] = patient
    assert service.hook(body).status_code == 200
    service.hook(body | {"hook": mark})
    service.hook(body | {"context": body["context"] | {"patientId": mark}})
    service.get(f"/fhir/PlanDefinition/{mark}")
    service.post("/fhir/$cql", {"resourceType": "Parameters", "parameter": [{"name": "expression", "valueString": mark}]})
    assert mark not in service.log()
    assert f"{mark} " not in stored(service)  # the id of the patient who was asked about stands in the AuditEvents
    assert any(line.get("event") == "cards" for line in service.log_lines())


def test_S_errors_a_failure_is_never_an_empty_list(service):
    for body in (hook_request(prefetch=...), hook_request(hook="x"), hook_request(context={"patientId": 5})):
        answer = service.hook(body)
        assert answer.status_code >= 400
        assert "cards" not in answer.json()
        assert "Traceback" not in answer.text


def test_S_missing_goes_on_without_where_configured_and_says_so(service):
    found = {"patient": PATIENT, "encounter": ENCOUNTER}
    body = hook_request(hook="encounter-start", context={"encounterId": "e"}, prefetch=found)
    (warning,) = service.cards(body, OMITTING)
    assert "could not be obtained" in warning["summary"]
    assert warning["indicator"] == "warning"
    assert "observation" in warning["detail"]
    problem(service.hook(body | {"prefetch": {"encounter": ENCOUNTER}}, OMITTING), 412)


def test_S_412_is_counted_and_insufficient_data_is_a_card(service):
    body = hook_request(prefetch=...)
    problem(service.hook(body), 412)
    assert (
        "guideway_incomplete_total"
        in service.get("/metrics", headers=service.headers("/metrics", scope="system/Metrics.rs")).text
    )
    assert any(
        line.get("event") == "data missing" and line["hookInstance"] == body["hookInstance"] for line in service.log_lines()
    )
    (needed,) = service.cards(hook_request(RX | {"status": "stopped"}))
    assert (needed["indicator"], needed["summary"]) == ("info", "2 data items needed: Blue cell count; The patient agrees")
    (stop,) = service.cards(hook_request(RX))
    assert "**Blue cell count**" in stop["detail"]


def test_S_sizes_bodies_are_capped(service):
    answer = service.hook(hook_request(extension={"x": "y" * 400_000}))
    problem(answer, 413)

    def chunks():
        for _ in range(400):
            yield b" " * 1000

    answer = service.request("POST", PATH, content=chunks(), headers={"Content-Type": "application/json"})
    problem(answer, 413)


def test_S_sizes_depth_is_capped(service):
    body = json.dumps(hook_request()).replace('"hook":', '"extension": {"a":' + "[" * 200 + "]" * 200 + '}, "hook":', 1)
    answer = service.request("POST", PATH, content=body.encode(), headers={"Content-Type": "application/json"})
    assert "nests deeper" in problem(answer, 400)["diagnostics"]


def test_S_sizes_resources_are_counted(service):
    many = [{"resourceType": "Observation", "id": f"o{n}", "subject": {"reference": "Patient/p"}} for n in range(501)]
    problem(service.hook(hook_request(*many)), 413)


def test_S_isolation_patients_at_the_same_time_do_not_mix(service):
    both, one, other = hook_request(COUNT, RX), hook_request(COUNT), hook_request(RX)
    expected = {json.dumps(b["prefetch"]): shape(service.cards(b)) for b in (both, one, other)}
    bodies = [b | {"hookInstance": str(uuid.uuid4())} for b in (both, one, other)] * 8
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for body, found in zip(bodies, pool.map(service.cards, bodies), strict=True):
            assert shape(found) == expected[json.dumps(body["prefetch"])]


def test_S_markdown_text_of_the_record_stays_text(service):
    text = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) **b** http://evil.example.org `c` www.evil.example a@evil.com"
    text += "\u202e01 to 10 \u2066"
    observation = COUNT | {"valueQuantity": COUNT["valueQuantity"] | {"unit": text}}
    rx = RX | {"medicationCodeableConcept": RX["medicationCodeableConcept"] | {"text": text}}
    details = "".join(card["detail"] for card in service.cards(hook_request(observation, rx)))
    rendered = re.sub(r"\\([\\`*_{}\[\]|~#.:@-])", r"\1", details)  # escapes are read before links are made
    for harmful in ("http://evil", "www.evil", "a@", "@evil", "//evil"):
        assert harmful not in rendered
    for harmful in ("<img", "[x](", "**b**", "\u202e", "\u2066"):
        assert harmful not in details
    assert cut("Take back: \u202e01 to 10\u2066 mg")[0] == "Take back: 01 to 10 mg"


def test_S_audit_every_call_leaves_an_event(service):
    import sqlalchemy as sa

    body = hook_request()
    assert service.hook(body).status_code == 200
    failing = hook_request(prefetch=...)
    problem(service.hook(failing), 412)
    engine = sa.create_engine(service.settings["store_url"])
    found: dict[str, Any] = {}
    for _ in range(100):  # events are written beside the answers
        with engine.connect() as connection:
            query = sa.text("SELECT resource FROM audit_event ORDER BY id DESC LIMIT 200")
            rows = connection.execute(query).scalars().all()
        events = [r if isinstance(r, dict) else json.loads(r) for r in rows]
        found = {e["entity"][-1]["detail"][0]["valueString"]: e for e in events}
        if {body["hookInstance"], failing["hookInstance"]} <= set(found):
            break
        time.sleep(0.1)
    engine.dispose()
    assert found[body["hookInstance"]]["outcome"] == "0"
    assert found[failing["hookInstance"]]["outcome"] == "4"
    assert found[body["hookInstance"]]["entity"][1]["what"]["reference"].endswith("main|1.0.0")
    assert found[body["hookInstance"]]["agent"][1]["who"]["reference"] == "Practitioner/d"


def test_S_ops_health_and_metrics(service):
    assert service.get("/health/live").json() == {"status": "ok"}
    assert service.get("/health/ready").json()["guidelines"][0]["version"] == "1.0.0"
    assert "guideway_requests_total" in service.get("/metrics").text
    for name in ("x-content-type-options", "x-request-id", "content-security-policy", "referrer-policy"):
        assert name in service.get("/cds-services").headers


def test_S_ops_the_rate_is_limited_for_each_issuer(service):
    """And where no token is asked for, for each address. The service's other callers do not notice."""

    def headers():
        if service.algorithm is None:
            return {"X-Forwarded-For": "192.0.2.7"}
        return service.headers("/cds-services", iss=SLOW.format(service.algorithm))

    with httpx.Client(base_url=service.base, verify=False) as kept:  # one connection stays with one worker, and gets all
        ask = kept.get if service.process else service.get
        answers = [ask("/cds-services", headers=headers()) for _ in range(PER_MINUTE)]
    assert [a.status_code for a in answers] == [200] * PER_MINUTE
    answers = [service.get("/cds-services", headers=headers()) for _ in range(PER_MINUTE)]
    assert (
        sum(a.status_code == 200 for a in answers) < PER_MINUTE / 2
    )  # what comes back meanwhile, and no more for another worker
    limited = next(a for a in reversed(answers) if a.status_code != 200)
    problem(limited, 429)
    assert int(limited.headers["retry-after"]) >= 1
    assert service.get("/cds-services").status_code == 200


UNSAFE = ({"host": "0.0.0.0"}, {"base_url": "https://cds.example.org"}, {"algorithms": ["none"]})


@pytest.fixture(scope="module")
def refused_starts(request, services):
    """What ``guideway serve`` says to each unsafe change of each deployment's settings, in one process of its own."""
    wanted = {i.callspec.params["service"] for i in request.session.items if "refused_starts" in getattr(i, "fixturenames", ())}
    cases = [(deployment, number) for deployment in wanted for number in range(len(UNSAFE))]
    given = []
    for (algorithm, *rest), number in cases:
        service = services(algorithm != "none", *rest)
        unsafe = UNSAFE[number]
        if algorithm != "none":  # what makes such an address safe
            unsafe = unsafe | ({"issuers": []} if "host" in unsafe else {"token_issuers": []} if "base_url" in unsafe else {})
        given.append(service.environment(**unsafe))
    if set(wanted) == {IN_PROCESS}:
        return dict(zip(cases, map(tried, given), strict=True))
    command = [sys.executable, "-m", "tests.service.program"]
    told = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, timeout=120, check=True)
    return dict(zip(cases, map(json.loads, told.stdout.splitlines()), strict=True))


def test_S_bind_unsafe_starts_are_refused(service, request, refused_starts):
    for number, unsafe in enumerate(UNSAFE):
        status, told = refused_starts[request.node.callspec.params["service"], number]
        assert status != 0, unsafe
        assert "the service does not start" in told
        assert ("only asymmetric" if "algorithms" in unsafe else "can be reached from other machines") in told


def test_S_bind_the_audience_is_not_the_host_header(signed_service):
    text = token("https://evil.example.org/cds-services", signed_service.algorithm)
    headers = {"Authorization": f"Bearer {text}", "Host": "evil.example.org", "X-Forwarded-Host": "evil.example.org"}
    problem(signed_service.get("/cds-services", headers=headers), 401)
    of_another = token(f"{signed_service.base}/cds-services/other", signed_service.algorithm)
    headers = {"Authorization": f"Bearer {of_another}", "Host": "127.0.0.1/cds-services/other?"}
    problem(signed_service.get("/cds-services", headers=headers), 401)


def test_S_bind_other_host_names_are_refused_where_no_token_is_asked_for(service):
    answer = service.get("/cds-services", headers={"Host": "evil.example.org"})
    if service.algorithm is None:
        problem(answer, 421)
    assert "evil.example.org" not in answer.text + str(answer.headers)


def test_S_fhir_bearer_tokens_issuer_audience_and_scopes(signed_service):
    signed = signed_service
    for claims in ({"iss": "https://evil.example.org"}, {"aud": "https://x"}, {"exp": 1}):
        problem(signed.get("/fhir/PlanDefinition", headers=signed.headers("/fhir", **claims)), 401)
    problem(signed.get("/fhir/PlanDefinition", headers=signed.headers("/fhir", scope="system/Observation.rs")), 403)
    problem(signed.get("/fhir/PlanDefinition", headers={"Authorization": ""}), 401)
    hooks = {"Authorization": f"Bearer {token(signed.base + '/cds-services', signed.algorithm)}"}
    problem(signed.get("/fhir/PlanDefinition", headers=hooks), 401)
    for scope in ("system/PlanDefinition.rs", "system/*.read", "system/*.*"):
        assert signed.get("/fhir/PlanDefinition", headers=signed.headers("/fhir", scope=scope)).status_code == 200
    assert TOKEN_ISS


def test_L1_shadow_mode_shows_nothing_and_logs(service):
    body = hook_request(hook="appointment-book", context={"appointments": {"resourceType": "Bundle", "entry": []}})
    assert service.cards(body, SHADOWED) == []
    (line,) = [each for each in service.log_lines() if each.get("hookInstance") == body["hookInstance"]]
    assert (line["event"], line["cards"], line["shadow"]) == ("cards", 1, True)


def test_L2_recommendations_can_be_switched_off_and_sites_have_parameters(service):
    """As the service is set up for every site: "Off" would apply as well, and the default of the parameter is 9."""
    body = hook_request(COUNT, hook="encounter-discharge", context={"encounterId": "e"})
    body["prefetch"]["encounter"] = ENCOUNTER
    assert [card["summary"] for card in service.cards(body, SITE)] == ["Enough here"]

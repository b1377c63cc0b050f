"""``guideway hooks``: against our service in another process, and against a small server of somebody else's, with faults."""

from __future__ import annotations

import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from jwt.algorithms import ECAlgorithm
from tests.cli.processes import assert_fatal
from tests.cli.processes import guideway as guideway_in_a_process
from tests.service.ehr import COUNT, ISS, KEYS, PATIENT, RX, SERVICE
from tests.service.program import guideway

CARD = {"uuid": str(uuid.uuid4()), "summary": "Drink *water*", "indicator": "info", "source": {"label": "A book"},
        "detail": "**Why**\n\n- it is [hot](https://x)\n- 5 \\* 3 &lt;b&gt;", "selectionBehavior": "any",
        "suggestions": [{"label": "Order water", "uuid": str(uuid.uuid4()), "actions": [
            {"type": "create", "description": "Order",
             "resource": {"resourceType": "ServiceRequest", "code": {"text": "Water"}}}]}],
        "links": [{"label": "Read", "url": "https://read", "type": "absolute"}]}  # fmt: skip
SERVICES = [{"hook": "patient-view", "id": "water", "title": "Water", "description": "About water",
             "prefetch": {"patient": "Patient/{{context.patientId}}",
                          "tests": "Observation?patient={{context.patientId}}"}}]  # fmt: skip


class Other:
    """Somebody else's server: ``change(path, request) -> (status, body)`` answers instead where it gives something."""

    def __init__(self):
        outer = self
        self.seen, self.change, self.mislabelled = [], lambda path, request: None, False

        class Handler(BaseHTTPRequestHandler):
            def answer(self, body):
                try:
                    request = json.loads(body) if body else None
                except ValueError:
                    request = ...
                outer.seen.append((self.path, request))
                found = outer.change(self.path, request)
                status, answer = found if found is not None else outer.usual(self.path, request)
                kind = "text/html" if outer.mislabelled and request is not None else "application/json"
                content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/html" if content.startswith(b"<") else kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_GET(self):
                self.answer(b"")

            def do_POST(self):
                self.answer(self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}/deep"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def usual(self, path, request):
        if path == "/deep/cds-services":
            return 200, {"services": SERVICES}
        if path == "/deep/cds-services/water/feedback":
            return 200, {}
        if path != "/deep/cds-services/water":
            return 404, {}
        if request is ... or request.get("hook") != "patient-view" or "patientId" not in request["context"]:
            return 400, {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "bad request"}]}
        if "prefetch" not in request:
            return 412, {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "patient is missing"}]}
        return 200, {"cards": [CARD]}


@pytest.fixture
def other():
    server = Other()
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture
def bundle(tmp_path):
    resources = [PATIENT, COUNT, RX]
    entries = [{"fullUrl": f"urn:uuid:{uuid.uuid4()}", "resource": r} for r in resources]
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    return file


def test_cards_of_our_service(plain, bundle):
    done = guideway("hooks", "call", plain.base, "--bundle", bundle)
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    assert "CRITICAL  2 urgent: Stop tablet A; Take tablet A" in text
    assert "[ ] Take tablet A" in text
    assert "create MedicationRequest: Tablet A" in text
    assert "breaks" not in text
    assert text.endswith("1 card from 1 service\n")


def test_cards_of_our_service_that_asks_for_tokens(signed, bundle, tmp_path):
    key = ECAlgorithm.to_jwk(KEYS["ES384"], as_dict=True) | {"kid": "ES384"}
    (tmp_path / "key.json").write_text(json.dumps(key))
    assert_fatal(guideway("hooks", "call", signed.base, "--bundle", bundle), "HTTP 401", "give a token or a signing key")
    done = guideway(
        "hooks", "call", signed.base, "--bundle", bundle, "--jwt-key", tmp_path / "key.json", "--jwt-issuer", ISS
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"Take tablet A" in done.stdout
    checked = guideway(
        "hooks", "check", signed.base, "--bundle", bundle, "--jwt-key", tmp_path / "key.json", "--jwt-issuer", ISS,
        "--format", "json",
    )  # fmt: skip
    verdicts = {v["rule"]: v for v in json.loads(checked.stdout)}
    assert checked.returncode == 0, verdicts
    assert {name: verdicts[name]["result"] for name in ("A3", "A5", "A14")} == {"A3": "pass", "A5": "pass", "A14": "pass"}
    assert [v for v in verdicts.values() if v["result"] in ("fail", "warn")] == []


def test_our_service_keeps_every_rule(plain, bundle):
    done = guideway("hooks", "check", plain.base, "--bundle", bundle, "--origin", "https://app.example.org/")
    assert done.returncode == 0, done.stdout.decode()
    assert b" 0 broken, 0 to think about" in done.stdout
    assert b"FAIL" not in done.stdout
    without = guideway("hooks", "check", plain.base, "--format", "json")
    assert without.returncode == 0
    assert {v["result"] for v in json.loads(without.stdout)} <= {"pass", "skip"}


def test_cards_of_another_server_as_a_person_reads_them(other, bundle):
    done = guideway("hooks", "call", other.base, "--bundle", bundle)
    assert done.returncode == 0, done.stderr
    lines = [line.strip() for line in done.stdout.decode().splitlines() if line.strip()]
    assert lines[0].startswith("Water (water) ")
    assert lines[1:] == [
        "info  Drink *water*", "from A book", "Why", "• it is hot (https://x)", "• 5 * 3 <b>", "Offered:", "[ ] Order water",
        "create ServiceRequest: Water (order)", "link Read: https://read", "1 card from 1 service",
    ]  # fmt: skip
    (request,) = [r for path, r in other.seen if path.endswith("/water")]
    assert request["hook"] == "patient-view"
    assert uuid.UUID(request["hookInstance"])
    assert request["context"] == {"userId": "Practitioner/guideway", "patientId": "p"}
    assert request["prefetch"]["patient"] == PATIENT
    assert [e["resource"]["id"] for e in request["prefetch"]["tests"]["entry"]] == ["count-1"]


def test_what_a_template_asks_for_and_cannot_be_had_is_said(other, bundle):
    template = {"color": "Observation?color=red"}
    other.change = lambda path, request: (200, {"services": [SERVICES[0] | {"prefetch": template}]}) if request is None else None
    done = guideway("hooks", "call", other.base, "--bundle", bundle)
    assert b"not prefetched  color: the search parameter color" in done.stdout
    assert b"no answer  HTTP 412: patient is missing" in done.stdout
    assert done.returncode == 1


def test_a_whole_request_gives_the_context(other, bundle, tmp_path):
    file = tmp_path / "context.json"
    file.write_text(
        json.dumps({"hook": "patient-view", "context": {"patientId": "p", "encounterId": "e", "userId": "Patient/p"}})
    )
    guideway("hooks", "call", f"{other.base}/cds-services", "--bundle", bundle, "--context", file, "--fhir-server", "https://f")
    (request,) = [r for path, r in other.seen if path.endswith("/water")]
    assert request["context"] == {"userId": "Patient/p", "patientId": "p", "encounterId": "e"}
    assert request["fhirServer"] == "https://f"


def of_the_call(status, body):
    return lambda path, request: (status, body) if path.endswith("/water") and request is not ... else None


FAULTS = {
    "status 500": (of_the_call(500, {"error": "x"}), "no answer  HTTP 500", {"R1", "P7", "P10", "R4", "R7"}),
    "html": (of_the_call(200, b"<html>login</html>"), "the body is not JSON", {"R1", "R4", "R7"}),
    "not an object": (of_the_call(200, [1]), "the body is not a JSON object", {"R1", "R4", "R7"}),
    "no cards": (of_the_call(200, {"card": []}), "no answer  HTTP 200", {"C1", "R4", "R7"}),
    "null": (of_the_call(200, {"cards": None}), "breaks C1", {"C1", "R4", "R7"}),
    "wrong fields": (
        of_the_call(200, {"cards": [CARD | {"indicator": "hard-stop", "selectionBehavior": "all", "links": [{"url": 5}]}]}),
        "breaks C3",
        {"C3", "C8", "C18", "R4", "R7"},
    ),
    "too long": (of_the_call(200, {"cards": [CARD | {"summary": "S" * 140}]}), "140 characters", {"C2", "R4", "R7"}),
    "no source": (of_the_call(200, {"cards": [CARD | {"source": {}}]}), "breaks C4", {"C4", "J2", "R4", "R7"}),
    "nulls": (of_the_call(200, {"cards": [CARD | {"detail": None}]}), "breaks J2", {"J2", "R4", "R7"}),
    "detail": (of_the_call(200, {"cards": [CARD | {"detail": ["a"]}]}), "breaks C22", {"C22", "R4", "R7"}),
    "silent": (of_the_call(200, {"cards": []}), "no cards", {"P7", "R4", "R7"}),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_said_and_counted(other, bundle, name):
    other.change, words, broken = FAULTS[name]
    called = guideway("hooks", "call", other.base, "--bundle", bundle)
    assert words in " ".join(called.stdout.decode().split()) or words in called.stdout.decode()
    assert called.returncode == ("no answer" in called.stdout.decode())
    done = guideway("hooks", "check", other.base, "--bundle", bundle, "--format", "json")
    verdicts = json.loads(done.stdout)
    assert {v["rule"] for v in verdicts if v["result"] in ("fail", "warn")} == broken
    assert done.returncode == any(v["result"] == "fail" for v in verdicts)
    assert all(v.get("faults") for v in verdicts if v["result"] in ("fail", "warn"))


def test_cards_that_are_called_something_else_than_json_are_noticed(other, bundle):
    other.mislabelled = True
    done = guideway("hooks", "check", other.base, "--bundle", bundle, "--format", "json")
    assert {v["rule"] for v in json.loads(done.stdout) if v["result"] in ("fail", "warn")} == {"J4"}


@pytest.mark.parametrize(
    ("more", "broken"),
    [
        ({"usageRequirements": 5}, {"D8"}),
        ({"usageRequirements": "A subscription"}, set()),
        ({"hookVersion": "3.0"}, {"D8"}),
        ({"hookVersion": "latest"}, {"D8"}),
        ({"hookVersion": 1}, {"D8"}),
        ({"hookVersion": "1.0"}, set()),
    ],
)
def test_what_discovery_says_of_use_and_version(other, bundle, more, broken):
    services = {"services": [SERVICES[0] | more]}
    other.change = lambda path, request: (200, services) if path.endswith("cds-services") else None
    done = guideway("hooks", "check", other.base, "--bundle", bundle, "--format", "json")
    assert {v["rule"] for v in json.loads(done.stdout) if v["result"] in ("fail", "warn")} == broken


def test_a_good_server_of_somebody_else_keeps_every_rule(other, bundle):
    done = guideway("hooks", "check", other.base, "--bundle", bundle, "--format", "json")
    assert [v for v in json.loads(done.stdout) if v["result"] in ("fail", "warn")] == []
    assert done.returncode == 0


def test_a_server_that_reads_from_a_fhir_server_alone_may_answer_412(other, bundle):
    services = [{name: value for name, value in SERVICES[0].items() if name != "prefetch"}]
    refusal = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "no fhirServer is given"}]}

    def change(path, request):
        if path.endswith("cds-services"):
            return 200, {"services": services}
        status, _ = other.usual(path, request)
        return (412, refusal) if status == 200 else None

    other.change = change
    for _ in range(2):
        done = guideway("hooks", "check", other.base, "--bundle", bundle, "--format", "json")
        verdicts = {v["rule"]: v for v in json.loads(done.stdout)}
        assert [v for v in verdicts.values() if v["result"] in ("fail", "warn")] == []
        assert verdicts["R1"]["result"] == "skip"
        assert "fhirServer" in verdicts["R1"]["note"]
        assert verdicts["P8"]["result"] == "pass"
        assert done.returncode == 0
        services[0] = SERVICES[0]  # one that asks for some data and needs more


def test_ids_that_change_are_noticed(other, bundle):
    def change(path, request):
        answered = of_the_call(200, {"cards": [CARD | {"uuid": str(uuid.uuid4())}]})(path, request)
        return answered if request and request is not ... and request.get("hook") == "patient-view" else None

    other.change = change
    done = guideway("hooks", "check", other.base, "--bundle", bundle, "--format", "json")
    assert "C23" in {v["rule"] for v in json.loads(done.stdout) if v["result"] == "warn"}


def test_ids_that_can_be_no_url_are_not_called_and_doubled_ones_once(other, bundle):
    services = [
        SERVICES[0] | {"id": "a b/../c"},
        SERVICES[0],
        {"hook": "order-sign", "id": "water", "description": "x", "title": "x"},
    ]
    other.change = lambda path, request: (200, {"services": services}) if path.endswith("cds-services") else None
    done = guideway("hooks", "check", other.base, "--bundle", bundle, "--format", "json")
    found = {v["rule"]: v for v in json.loads(done.stdout)}
    assert {rule for rule, v in found.items() if v["result"] in ("fail", "warn")} == {"D6", "D7", "R1"}
    assert "cannot stand in a URL" in str(found["R1"]["faults"])
    called = guideway("hooks", "call", other.base, "--bundle", bundle, "--service", "a b/../c")
    assert b"cannot stand in a URL" in b" ".join(called.stdout.split())


def test_a_slow_server_is_given_up_in_time(other, bundle):
    other.change = lambda path, request: time.sleep(3) if path.endswith("/water") else None
    done = guideway("hooks", "call", other.base, "--bundle", bundle, "--timeout", "0.5")
    assert b"no answer  " in done.stdout
    assert b"did not answer within 0.5 s" in b" ".join(done.stdout.split())
    assert done.returncode == 1


def test_discovery_that_is_none(other, bundle):
    other.change = lambda path, request: (200, b"<html>") if path.endswith("cds-services") else None
    assert_fatal(guideway("hooks", "call", other.base, "--bundle", bundle), "cds-services", "not JSON")
    done = guideway("hooks", "check", other.base)
    assert done.returncode == 1
    assert b"FAIL  D1" in done.stdout
    assert b"not JSON" in done.stdout


def test_mistakes_of_the_user(other, bundle, tmp_path):
    assert_fatal(guideway("hooks", "call", other.base), "--bundle")
    assert_fatal(guideway("hooks", "call", "ftp://x", "--bundle", bundle), "ftp://x")
    assert_fatal(guideway("hooks", "call", "http://127.0.0.1:1", "--bundle", bundle), "could not be reached")
    assert_fatal(guideway("hooks", "call", other.base, "--bundle", bundle, "--hook", "order-sign"), "draftOrders", "--context")
    assert_fatal(guideway("hooks", "call", other.base, "--bundle", bundle, "--service", "fire"), "fire", "water (patient-view)")
    assert_fatal(guideway("hooks", "call", other.base, "--bundle", bundle, "--patient", "z"), "'z'", "p")
    assert_fatal(guideway("hooks", "call", other.base, "--bundle", bundle, "--jwt-key", "k"), "--jwt-issuer")
    (tmp_path / "token").write_text("two words")
    assert_fatal(guideway("hooks", "call", other.base, "--bundle", bundle, "--token-file", tmp_path / "token"), "bearer token")


def test_for_programs(other, bundle):
    done = guideway_in_a_process("hooks", "call", other.base, "--bundle", bundle, "--format", "json")
    (found,) = json.loads(done.stdout)
    assert found["service"] == "water"
    assert found["answer"] == {"cards": [CARD]}
    assert SERVICE not in str(found)

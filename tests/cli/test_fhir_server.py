"""``guideway apply --fhir-server``: the same outcome as from a bundle with the same data, or a clear error."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from tests.cli.processes import assert_fatal, guideway, loaded_modules

pytest.importorskip("httpx")

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
KEY = ec.generate_private_key(ec.SECP384R1())


def searchset(resources, **more):
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in resources]} | more


class FhirServer:
    """A FHIR server with pages of two; ``change(path, query) -> (status, body)`` answers instead where it gives something."""

    def __init__(self, resources, token=None):
        outer = self
        self.resources, self.token, self.seen = resources, token, []
        self.change = lambda path, query: None

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                parts = urlsplit(self.path)
                path, query = parts.path.removeprefix("/fhir/"), parse_qs(parts.query)
                outer.seen.append((self.path, self.headers.get("Authorization")))
                found = outer.change(path, query)
                if found is None and outer.token and self.headers.get("Authorization") != f"Bearer {outer.token}":
                    found = 401, {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "who are you"}]}
                self.give(*(found or outer.usual(path, query)))

            def do_POST(self):
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                claims = jwt.decode(
                    form["client_assertion"][0], KEY.public_key(), ["ES384"], audience=f"{outer.base}/token", issuer="me"
                )
                assert form["grant_type"] == ["client_credentials"]
                outer.token = f"t-{claims['jti']}"
                self.give(200, {"access_token": outer.token, "token_type": "Bearer", "expires_in": 60})

            def give(self, status, body):
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}/fhir"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def usual(self, path, query):
        if "/" in path:
            kind, key = path.split("/")
            found = next((r for r in self.resources if (r["resourceType"], r["id"]) == (kind, key)), None)
            return (200, found) if found else (404, {"resourceType": "OperationOutcome", "issue": []})
        found = [r for r in self.resources if r["resourceType"] == path]
        page = int(query.get("page", ["0"])[0])
        link = [{"relation": "next", "url": f"{self.base}/{path}?page={page + 1}"}] if found[page * 2 + 2 :] else []
        return 200, searchset(found[page * 2 : page * 2 + 2]) | ({"link": link} if link else {})


def bundle(name):
    return json.loads((EXAMPLES / f"{name}.json").read_bytes())


def patient_of(name):
    (patient,) = [e["resource"] for e in bundle(name)["entry"] if e["resource"]["resourceType"] == "Patient"]
    return patient["id"]


@pytest.fixture
def serve():
    started = []

    def start(name, **options):
        server = FhirServer([entry["resource"] for entry in bundle(name)["entry"]], **options)
        started.append(server)
        return server

    yield start
    for server in started:
        server.server.shutdown()
        server.server.server_close()


NAME = "aggressive-sm-neutrophils-0-8"
MORE = ("--as-of", "2026-06-01", "--format", "outcome")


@pytest.mark.parametrize("name", [NAME, "mcas-back-pain-severe-refractory", "uncoded-diagnosis", "mcas-in-pregnancy"])
def test_the_outcome_is_that_of_a_bundle(serve, name):
    server = serve(name)
    done = guideway("apply", "--fhir-server", server.base, "--patient", patient_of(name), *MORE)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(guideway("apply", EXAMPLES / f"{name}.json", *MORE).stdout)
    assert any("page=1" in path for path, _ in server.seen) == (name == NAME)


def test_a_token_is_read_from_a_file_or_the_environment(serve, tmp_path):
    server = serve(NAME, token="a.b-c")
    patient = patient_of(NAME)
    (tmp_path / "token").write_text("a.b-c\n")
    assert (
        guideway("apply", "--fhir-server", server.base, "--patient", patient, "--token-file", tmp_path / "token").returncode == 0
    )
    assert guideway("apply", "--fhir-server", server.base, "--patient", patient, GUIDEWAY_TOKEN="a.b-c").returncode == 0
    done = guideway("apply", "--fhir-server", server.base, "--patient", patient)
    assert_fatal(done, "HTTP 401", "No token was sent", "GUIDEWAY_TOKEN")
    assert guideway("apply", "--fhir-server", server.base, "--patient", patient, GUIDEWAY_TOKEN="a.b-c\n").returncode == 0
    for odd in ("a.b\n-c", "two words", " ", "caf\u00e9"):
        done = guideway("apply", "--fhir-server", server.base, "--patient", patient, GUIDEWAY_TOKEN=odd)
        assert_fatal(done, "GUIDEWAY_TOKEN: expected one bearer token")
    done = guideway("apply", "--fhir-server", server.base, "--patient", patient, GUIDEWAY_TOKEN="secret-1")
    assert_fatal(done, "HTTP 401", "check the token")
    assert b"secret-1" not in done.stderr


def test_smart_backend_services(serve, tmp_path):
    server = serve(NAME, token="not yet")
    well_known = {"token_endpoint": f"{server.base}/token"}
    server.change = lambda path, query: (200, well_known) if path.startswith(".well-known") else None
    (tmp_path / "key.json").write_text(json.dumps(ECAlgorithm.to_jwk(KEY, as_dict=True) | {"kid": "1"}))
    access = ("--client-id", "me", "--client-key", tmp_path / "key.json")
    done = guideway("apply", "--fhir-server", server.base, "--patient", f"Patient/{patient_of(NAME)}", *access, *MORE)
    assert done.returncode == 0, done.stderr
    assert {token for path, token in server.seen if ".well-known" not in path} == {f"Bearer {server.token}"}
    server.change = lambda path, query: (200, {}) if path.startswith(".well-known") else None
    assert_fatal(guideway("apply", "--fhir-server", server.base, "--patient", "p", *access), "token_endpoint")
    server.change = lambda path, query: (200, {"token_endpoint": "http://example.org/t"}) if path.startswith(".well") else None
    assert_fatal(guideway("apply", "--fhir-server", server.base, "--patient", "p", *access), "not https")


def test_a_type_that_the_server_does_not_keep_is_said(serve):
    server = serve(NAME)
    kept = sorted({r["resourceType"] for r in server.resources} | {"Patient", "Condition", "Procedure"})
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-supported", "diagnostics": "no"}]}
    metadata = {"resourceType": "CapabilityStatement", "rest": [{"resource": [{"type": kind} for kind in kept]}]}

    def change(path, query):
        if path == "metadata":
            return 200, metadata
        return None if path.partition("/")[0] in kept else (404, outcome)

    server.change = change
    done = guideway("apply", "--fhir-server", server.base, "--patient", patient_of(NAME), *MORE)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert b"does not keep AdverseEvent, AllergyIntolerance, " in done.stderr
    assert "operation-outcome" in {f["rule"] for f in found["findings"]}
    kept.append("AllergyIntolerance")
    server.change = lambda path, query: (500, outcome) if path == "AllergyIntolerance" else change(path, query)
    metadata["rest"][0]["resource"].append({"type": "AllergyIntolerance"})
    assert_fatal(
        guideway("apply", "--fhir-server", server.base, "--patient", patient_of(NAME)), "AllergyIntolerance", "HTTP 500", "no"
    )


ERROR = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "x", "diagnostics": "half is missing"}]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda path, query: (404, {}) if path.startswith("Patient/") else None, ("has no Patient/",)),
        (lambda path, query: (200, {"resourceType": "Patient", "id": "z"}) if "/" in path else None, ("Patient/z",)),
        (lambda path, query: (200, b"<html>"), ("did not answer with JSON",)),
        (lambda path, query: (200, [1]), ("not a FHIR resource",)),
        (lambda path, query: (503, ERROR), ("HTTP 503", "half is missing")),
        (
            lambda path, query: (403, ERROR) if path == "Observation" else None,
            ("part of the data could not be read", "observation"),
        ),
        (lambda path, query: (200, ERROR) if path == "Observation" else None, ("OperationOutcome where a Bundle",)),
        (lambda path, query: (200, searchset([ERROR])) if path == "Observation" else None, ("failed in part", "half is missing")),
        (
            lambda path, query: (
                (200, searchset([], link=[{"relation": "next", "url": "http://example.org/x"}]))
                if path == "Observation"
                else None
            ),
            ("next page is on another server",),
        ),
        (lambda path, query: time.sleep(5), ("did not answer within", "--timeout allows more")),
    ],
)
def test_what_goes_wrong_is_said(serve, change, words):
    server = serve(NAME)
    server.change = change
    done = guideway("apply", "--fhir-server", server.base, "--patient", patient_of(NAME), "--timeout", "2")
    assert_fatal(done, *words)


def test_mistakes_of_the_user(serve, tmp_path):
    base = "http://127.0.0.1:1/fhir"
    assert_fatal(guideway("apply", "--fhir-server", base), "--patient")
    assert_fatal(guideway("apply", "--fhir-server", base, "--patient", "p", EXAMPLES / f"{NAME}.json"), "not several")
    assert_fatal(guideway("apply", "--fhir-server", base, "--patient", "p"), "could not be reached")
    assert_fatal(guideway("apply", "--fhir-server", "fhir.example.org", "--patient", "p"), "base URL")
    assert_fatal(guideway("apply", "--fhir-server", base, "--patient", "p", "--timeout", "soon"), "--timeout soon")
    assert_fatal(guideway("apply", "--fhir-server", base, "--patient", "p", "--client-id", "x"), "--client-key")
    done = guideway("apply", "--fhir-server", "http://example.org/fhir", "--patient", "p", GUIDEWAY_TOKEN="t")
    assert_fatal(done, "https")
    assert_fatal(guideway("apply", EXAMPLES / f"{NAME}.json", "--client-id", "x"), "--fhir-server")
    (tmp_path / "key").write_text("{}")
    done = guideway("apply", "--fhir-server", base, "--patient", "p", "--client-id", "x", "--client-key", tmp_path / "key")
    assert_fatal(done, "private JWK")


def test_a_plain_run_loads_no_http_client():
    assert not {"httpx", "httpcore", "jwt", "guideway.remote.client"} & loaded_modules("apply", EXAMPLES / f"{NAME}.json")

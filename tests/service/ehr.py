"""An EHR for the tests: it signs its calls, holds a patient, and has a FHIR server that can misbehave; and the service itself,
run as another process by ``guideway serve`` and spoken to over HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.apply.small import BASE, LOGIC, QUESTIONNAIRE, TABLET_A, VALUE_SETS, activity, plan, when

Json = dict[str, Any]
ISS = "https://ehr.example.org"
TOKEN_ISS = "https://auth.example.org"
KEYS = {"ES384": ec.generate_private_key(ec.SECP384R1()), "RS384": rsa.generate_private_key(65537, 2048)}

PATIENT: Json = {"resourceType": "Patient", "id": "p", "birthDate": "1980-02-03"}
COUNT: Json = {
    "resourceType": "Observation", "id": "count-1", "status": "final", "subject": {"reference": "Patient/p"},
    "code": {"coding": [{"system": f"{BASE}/CodeSystem/local", "code": "count"}], "text": "count <b>result</b>"},
    "effectiveDateTime": "2026-05-20",
    "valueQuantity": {"value": 0.80, "unit": "10*9/L", "system": "http://unitsofmeasure.org", "code": "10*9/L"},
}  # fmt: skip
RX: Json = {
    "resourceType": "MedicationRequest", "id": "rx", "status": "active", "intent": "order",
    "subject": {"reference": "Patient/p"}, "medicationCodeableConcept": TABLET_A, "authoredOn": "2026-01-01",
}  # fmt: skip

SERVICE_OF = {
    "patient-view": "main", "order-select": "orders", "order-sign": "orders", "order-dispatch": "occasions",
    "appointment-book": "occasions", "encounter-start": "occasions",
}  # fmt: skip
"""The plan that answers to each hook."""
HOOKS = tuple(SERVICE_OF)
SERVICE = "main-patient-view"
ORDERS = "orders-order-select"
OMITTING = "occasions-encounter-start"
"""The service that goes on without data that cannot be had, in the deployments that all tests share."""
SHADOWED = "occasions-appointment-book"
"""The service that shows nothing there."""
SITE = "site-encounter-discharge"
"""The service of which a site has switched one recommendation off and set the parameter of another."""
SLOW = "https://slow-{}.example.org"
"""Issuers, one for each algorithm, that may not ask often."""


def write_guideline(folder: Path, version: str = "1.0.0") -> Path:
    """A small guideline on disk: one plan on patient-view, one on order-select and order-sign."""
    statement = {"url": "https://example.org/guideway/StructureDefinition/statement-id", "valueString": "s1"}
    view = {"trigger": [{"type": "named-event", "name": "patient-view"}]}
    orders = {"trigger": [{"type": "named-event", "name": name} for name in ("order-select", "order-sign")]}
    occasions = {"trigger": [{"type": "named-event", "name": name} for name in HOOKS if SERVICE_OF[name] == "occasions"]}
    leaving = {"trigger": [{"type": "named-event", "name": "encounter-discharge"}]}
    switched = {"url": statement["url"], "valueString": "s2"}
    documentation = [{"type": "citation", "label": "small, line 1", "citation": "A source.", "url": "https://example.org/source"}]
    plans = [
        plan(
            "main",
            {
                "id": "take",
                "title": "Take tablet A",
                "extension": [statement],
                "condition": [when("Count Is Low")],
                "priority": "asap",
                "documentation": documentation,
                "description": "Because the count is low.",
                "definitionCanonical": f"{BASE}/ActivityDefinition/take-a",
                **view,
            },
            {"id": "ask", "title": "T" * 300, "condition": [when("Agrees")], **view},
            {"id": "stop", "title": "Stop tablet A", "condition": [when("On Tablet A")], "priority": "stat", **view},
            version=version,
        ),
        plan(
            "orders",
            {
                "id": "draft",
                "title": "A draft holds tablet A",
                "condition": [when("Drafts Hold A")],
                "priority": "urgent",
                **orders,
            },
            version=version,
        ),
        plan(
            "occasions",
            {"id": "low", "title": "The count is low", "condition": [when("Count Is Low")], **occasions},
            version=version,
        ),
        plan(
            "site",
            {"id": "off", "title": "Off", "condition": [when("Count Is Low")], "extension": [switched], **leaving},
            {"id": "enough", "title": "Enough here", "condition": [when("Count Is Enough Here")], **leaving},
            version=version,
        ),
    ]
    more = 'parameter "draftOrders" List<FHIR.Resource> default {}\n\nparameter "Enough" Decimal default 9.0\n\n'
    logic = LOGIC.replace('parameter "Limit"', more + 'parameter "Limit"') + (
        '\ndefine "Count Is Enough Here": "Count".value >= "Enough"\n'
        "\ndefine \"Drafts Hold A\": exists ((draftOrders D return D as FHIR.MedicationRequest) M\n"
        "  where M is not null and (M.medication as FHIR.CodeableConcept) ~ \"Concept A\")\n"
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {"name": "org.example.small", "version": version, "canonical": BASE, "title": "Small"}
    (folder / "package.json").write_text(json.dumps(manifest | {"guideway": {"hygiene": "clinical"}}))
    (folder / "Logic.cql").write_text(logic)
    for resource in (*plans, activity(productCodeableConcept=TABLET_A), *VALUE_SETS, QUESTIONNAIRE):
        (folder / f"{resource['resourceType']}-{resource['id']}.json").write_text(json.dumps(resource))
    return folder


def write_keys(file: Path) -> Path:
    """The EHR's public keys as a JWKS."""
    entries = []
    for algorithm, key in KEYS.items():
        public = json.loads(jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key()))
        entries.append(public | {"kid": algorithm, "alg": algorithm, "use": "sig"})
    file.write_text(json.dumps({"keys": entries}))
    return file


def token(audience: str, algorithm: str = "ES384", *, headers: Json | None = None, key: Any = None, **claims: Any) -> str:
    """A signed token for ``audience``; claims that are None are left out."""
    now = int(time.time())
    payload = {"iss": ISS, "aud": audience, "exp": now + 300, "iat": now, "jti": str(uuid.uuid4())} | claims
    payload = {name: value for name, value in payload.items() if value is not None}
    return jwt.encode(payload, key or KEYS[algorithm], algorithm, headers={"kid": algorithm, **(headers or {})})


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Service:
    """``guideway serve`` in another process, with the settings given."""

    def __init__(self, folder: Path, package: Path | None, algorithm: str | None = None, **settings: Any) -> None:
        self.folder = folder
        self.algorithm = algorithm
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        self.settings: Json = {"port": self.port, "store_url": f"sqlite:///{folder / 'store.sqlite3'}", "log_level": "info"}
        self.settings |= {"requests_per_minute": 1_000_000}
        if package is not None:
            self.settings["packages"] = [str(package)]
        if algorithm is not None:
            keys = write_keys(folder / "keys.json")
            self.settings["base_url"] = self.base
            self.settings["issuers"] = [{"iss": ISS, "jwks_file": str(keys)}]
            self.settings["token_issuers"] = [{"iss": TOKEN_ISS, "jwks_file": str(keys)}]
        self.settings |= settings
        self.log_file = folder / "log.jsonl"
        self.far = False
        """Whether each request comes from an address of its own, as if a proxy were in front."""
        self.process: subprocess.Popen[bytes] | None = None

    def environment(self, **settings: Any) -> dict[str, str]:
        """The variables that tell the service its settings."""
        given = self.settings | settings
        return {f"GUIDEWAY_SERVE_{k.upper()}": v if isinstance(v, str) else json.dumps(v) for k, v in given.items()}

    def start(self) -> Service:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GUIDEWAY_SERVE_")} | self.environment()
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "guideway", "serve"], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        for _ in range(600):
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.base}/health/ready", timeout=5, verify=False).status_code == 200:
                    return self
            if self.process.poll() is not None:
                raise AssertionError(f"the service ended with {self.process.returncode}: {self.log()[-2000:]}")
            time.sleep(0.1)
        raise AssertionError(f"the service did not get ready: {self.log()[-2000:]}")

    def processes(self) -> list[int]:
        """The process and its workers; none where the service runs in the test's own."""
        if self.process is None:
            return []
        found = [self.process.pid]
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                if int(stat.read_text().rpartition(")")[2].split()[1]) == self.process.pid:
                    found.append(int(stat.parent.name))
        return found

    def stop(self) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        return int(self.process.returncode)

    def log(self) -> str:
        return self.log_file.read_text("utf-8", "replace")

    def log_lines(self) -> list[Json]:
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]

    def headers(self, path: str, **claims: Any) -> dict[str, str]:
        """The Authorization of a call, where the service asks for one."""
        address = {"X-Forwarded-For": str(IPv4Address(0x0A000000 + random.getrandbits(24)))} if self.far else {}
        if self.algorithm is None:
            return address
        audience = path.partition("?")[0]
        if path.startswith(("/fhir", "/metrics")):
            audience, claims = "/fhir", {"iss": TOKEN_ISS, "scope": "system/*.rs"} | claims
        return address | {"Authorization": f"Bearer {token(self.base + audience, self.algorithm, **claims)}"}

    def request(self, method: str, path: str, *, headers: Any = None, **options: Any) -> httpx.Response:
        options.setdefault("timeout", 60)
        options.setdefault("verify", False)  # there is no TLS here, and making ready for it takes longer than most requests
        return httpx.request(method, self.base + path, headers={**self.headers(path), **(headers or {})}, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, body: Any, **options: Any) -> httpx.Response:
        return self.request("POST", path, json=body, **options)

    def hook(self, body: Json, service: str = SERVICE, **options: Any) -> httpx.Response:
        return self.post(f"/cds-services/{service}", body, **options)

    def cards(self, body: Json, service: str = SERVICE) -> list[Json]:
        answer = self.hook(body, service)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["cards"])


def searchset(*resources: Json, **more: Any) -> Json:
    """A search result."""
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in resources], **more}


def prefetch(*resources: Json) -> Json:
    """A whole prefetch for the services of the small guideline."""
    of = lambda kind: searchset(*(r for r in resources if r["resourceType"] == kind))  # noqa: E731
    return {
        "patient": PATIENT, "observation": of("Observation"), "medicationRequest": of("MedicationRequest"),
        "questionnaireResponse": of("QuestionnaireResponse"),
    }  # fmt: skip


def hook_request(*resources: Json, hook: str = "patient-view", **more: Any) -> Json:
    """A request with a whole prefetch; ``context`` is added to what every hook has."""
    context = {"userId": "Practitioner/d", "patientId": "p", **more.pop("context", {})}
    body = {"hook": hook, "hookInstance": str(uuid.uuid4()), "context": context, "prefetch": prefetch(*(resources or (COUNT,)))}
    return {name: value for name, value in (body | more).items() if value is not ...}


def order_request(*drafts: Json, **more: Any) -> Json:
    """An order-select request with these draft orders."""
    bundle = {"resourceType": "Bundle", "entry": [{"resource": r} for r in drafts]}
    context = {"selections": [f"{r['resourceType']}/{r['id']}" for r in drafts], "draftOrders": bundle}
    return hook_request(hook="order-select", context=context, **more)


class FhirServer:
    """A FHIR server with the patient's resources; ``misbehave(handler) -> bool`` may answer instead."""

    def __init__(self, *resources: Json) -> None:
        self.resources = list(resources)
        self.seen: list[tuple[str, str]] = []
        self.misbehave: Callable[[BaseHTTPRequestHandler], bool] | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.seen.append((self.path, self.headers.get("Authorization", "")))
                with contextlib.suppress(OSError):
                    if outer.misbehave is None or not outer.misbehave(self):
                        outer.answer(self)

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}/fhir"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        names = parts.path.removeprefix("/fhir/").split("/")
        if len(names) == 2:
            found = next((r for r in self.resources if [r["resourceType"], r["id"]] == names), None)
            send(handler, 200 if found else 404, found or {"resourceType": "OperationOutcome", "issue": []})
            return
        query = parse_qs(parts.query)
        codes = {c.rpartition("|")[2] for text in query.get("code", ()) for c in text.split(",")}
        found_all = [r for r in self.resources if r["resourceType"] == names[0]]
        if codes:
            found_all = [r for r in found_all if r["code"]["coding"][0]["code"] in codes]
        if "_id" in query:
            found_all = [r for r in found_all if r["id"] in query["_id"][0].split(",")]
        send(handler, 200, searchset(*found_all))

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def send(handler: BaseHTTPRequestHandler, status: int, content: Any, **headers: str) -> None:
    body = json.dumps(content).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/fhir+json")
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@contextlib.contextmanager
def running(service: Service) -> Iterator[Service]:
    """The service for a while."""
    try:
        yield service.start()
    finally:
        service.stop()

"""The HTTP client against small servers that behave, and servers that do not."""

import asyncio
import gzip
import json
import time
from decimal import Decimal

import pytest

from guideway.remote.authorization import BackendClient, backend_token
from guideway.remote.client import Client, FhirClient, Limits
from guideway.remote.errors import RemoteError
from guideway.remote.guard import Guard
from guideway.remote.terminology import TerminologyServer


class Server:
    """Answers each request by ``respond(method, target, headers, body) -> (status, headers, body)``; keeps what it saw."""

    def __init__(self, respond):
        self.respond, self.seen = respond, []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.handle, "127.0.0.1", 0)
        self.base = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/fhir"
        return self

    async def __aexit__(self, *args):
        self.server.close()

    async def handle(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *rest = head.split("\r\n")
            method, target, _ = first.split(" ")
            headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in rest if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.seen.append((method, target, headers, body))
            answer = self.respond(method, target, headers, body)
            if asyncio.iscoroutine(answer):
                answer = await answer
            status, extra, content = answer
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\nConnection: close\r\n".encode())
            writer.write("".join(f"{k}: {v}\r\n" for k, v in extra.items()).encode() + b"\r\n" + content)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def run(respond, use, **options):
    """``use(client, server)`` against a server; the result, and what the server saw."""

    async def go():
        async with Server(respond) as server, Client(Guard.of([server.base], private=True), **options) as client:
            return await use(client, server), server.seen

    return asyncio.run(go())


def json_answer(content):
    return 200, {"Content-Type": "application/fhir+json"}, json.dumps(content).encode()


def test_numbers_stay_exact_and_the_token_is_sent():
    respond = lambda *_: (200, {}, b'{"resourceType":"Observation","valueQuantity":{"value":0.80}}')  # noqa: E731
    (found, seen) = run(respond, lambda c, s: FhirClient(c, s.base).read("Observation/1"), token="abc")
    assert str(found["valueQuantity"]["value"]) == "0.80"
    assert isinstance(found["valueQuantity"]["value"], Decimal)
    assert seen[0][1] == "/fhir/Observation/1"
    assert seen[0][2]["authorization"] == "Bearer abc"


def test_a_missing_resource_is_none_and_ids_are_encoded():
    found, seen = run(lambda *_: (404, {}, b"{}"), lambda c, s: FhirClient(c, s.base).read("Patient/a?b"))
    assert found is None
    assert seen[0][1] == "/fhir/Patient/a%3Fb"


def test_pages_are_followed():
    def respond(method, target, headers, body):
        page = int(target.split("page=")[1]) if "page=" in target else 1
        bundle = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Observation", "id": str(page)}}]}
        if page < 3:
            bundle["link"] = [{"relation": "next", "url": f"/fhir/Observation?page={page + 1}"}]
        return json_answer(bundle)

    found, _ = run(respond, lambda c, s: FhirClient(c, s.base).search("Observation?patient=1"))
    assert [r["id"] for r in found] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("respond", "kind"),
    [
        (lambda *_: (302, {"Location": "http://169.254.169.254/latest"}, b""), "refused"),
        (lambda *_: (500, {}, b'{"issue":[{"diagnostics":"disk full"}]}'), "status"),
        (lambda *_: (401, {}, b""), "authorization"),
        *(
            (lambda *_, status=status: (status, *json_answer({"resourceType": "Bundle", "type": "searchset"})[1:]), "status")
            for status in (202, 206)
        ),
        *(
            (
                lambda *_, code=code: json_answer(
                    {
                        "resourceType": "Bundle",
                        "entry": [
                            {"resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": code}]}}
                        ],
                    }
                ),
                "status",
            )
            for code in ("exception", "expired", "too-costly", "lock-error", "no-store", "unknown", "throttled", "Timeout", ["x"])
        ),
        *(
            (
                lambda *_, more=more: json_answer(
                    {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "OperationOutcome"} | more}]}
                ),
                "status",
            )
            for more in ({}, {"issue": []}, {"issue": "x"}, {"issue": [None]})
        ),
        (lambda *_: (200, {}, b"<html>"), "not-fhir"),
        (lambda *_: (200, {}, b"[]"), "not-fhir"),
        (lambda *_: (200, {}, b"x" * 5000), "too-large"),
        (lambda *_: json_answer({"resourceType": "Patient"}), "not-fhir"),
        (
            lambda *_: json_answer({"resourceType": "Bundle", "link": [{"relation": "next", "url": "http://10.0.0.1/fhir/x"}]}),
            "refused",
        ),
        (
            lambda *_: json_answer({"resourceType": "Bundle", "link": [{"relation": "next", "url": "/fhir/Observation?"}]}),
            "too-large",
        ),
        *(
            (lambda *_, url=url: json_answer({"resourceType": "Bundle", "link": [{"relation": "next", "url": url}]}), "not-fhir")
            for url in ("http://[::1", ["/fhir/Observation?p=2"], 2)
        ),
        (lambda *_: json_answer({"resourceType": "Bundle", "link": {"relation": "next", "url": "/fhir/x"}}), "not-fhir"),
        (
            lambda *_: json_answer(
                {
                    "resourceType": "Bundle",
                    "entry": [{"resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}}],
                }
            ),
            "status",
        ),
    ],
)
def test_bad_answers_are_errors_by_kind(respond, kind):
    with pytest.raises(RemoteError) as error:
        run(
            respond,
            lambda c, s: FhirClient(c, s.base).search("Observation?"),
            limits=Limits(answer_bytes=4000),
            token="very-secret",
        )
    assert error.value.kind == kind
    assert "very-secret" not in str(error.value)


@pytest.mark.parametrize("packed", [True, False])
def test_all_answers_together_are_bounded_also_where_they_come_at_the_same_time(packed):
    body = gzip.compress(b" " * 3_000_000) if packed else b" " * 3_000_000
    respond = lambda *_: (200, {"Content-Encoding": "gzip"} if packed else {}, body)  # noqa: E731

    async def ask(client, server):
        wanted = (client.get_json(f"{server.base}/{number}") for number in range(6))
        return await asyncio.gather(*wanted, return_exceptions=True), client._received

    limits = Limits(answer_bytes=2_000_000, total_bytes=5_000_000)
    (errors, received), _ = run(respond, ask, limits=limits)
    assert [error.kind for error in errors if isinstance(error, RemoteError)] == ["too-large"] * 6
    assert not any("than -" in str(error) for error in errors)
    assert received < limits.total_bytes + 6 * 65_536


def test_endless_pages_stop():
    count = iter(range(1_000_000))
    respond = lambda *_: json_answer(  # noqa: E731
        {"resourceType": "Bundle", "link": [{"relation": "next", "url": f"/fhir/Observation?p={next(count)}"}]}
    )
    with pytest.raises(RemoteError) as error:
        run(respond, lambda c, s: FhirClient(c, s.base).search("Observation"), limits=Limits(pages=7))
    assert error.value.kind == "too-large"
    assert next(count) == 7


def test_a_server_that_hangs_costs_the_deadline_and_no_more():
    async def hang(*_):
        await asyncio.sleep(30)

    start = time.monotonic()
    with pytest.raises(RemoteError) as error:
        run(hang, lambda c, s: FhirClient(c, s.base).search("Observation"), limits=Limits(seconds=0.2))
    assert error.value.kind == "deadline"
    assert time.monotonic() - start < 10


def test_a_closed_port_is_unreachable():
    async def go():
        async with Client(Guard.of(["http://127.0.0.1:9"], private=True)) as client:
            await client.get_json("http://127.0.0.1:9/x")

    with pytest.raises(RemoteError) as error:
        asyncio.run(go())
    assert error.value.kind == "unreachable"


def test_expansion_pages_are_joined_and_incomplete_ones_refused():
    def respond(total):
        def answer(method, target, headers, body):
            offset = int(target.split("offset=")[1].split("&")[0])
            contains = [{"system": "s", "code": str(i)} for i in range(offset, min(offset + 1000, 1500))]
            return json_answer(
                {"resourceType": "ValueSet", "expansion": {"offset": offset, "total": total, "contains": contains}}
            )

        return answer

    found, _ = run(respond(1500), lambda c, s: TerminologyServer(c, s.base).expand("http://x/vs"))
    assert len(found["expansion"]["contains"]) == 1500
    with pytest.raises(RemoteError):
        run(respond(9000), lambda c, s: TerminologyServer(c, s.base).expand("http://x/vs"))


def test_validate_code_asks_once_and_fails_loudly():
    async def twice(client, server):
        terminology = TerminologyServer(client, server.base)
        return [await terminology.validate_code("http://x/vs", "1", "s") for _ in range(2)]

    found, seen = run(
        lambda *_: json_answer({"resourceType": "Parameters", "parameter": [{"name": "result", "valueBoolean": True}]}), twice
    )
    assert found == [True, True]
    assert len(seen) == 1
    with pytest.raises(RemoteError):
        run(
            lambda *_: json_answer({"resourceType": "Parameters"}),
            lambda c, s: TerminologyServer(c, s.base).validate_code("u", "1"),
        )


@pytest.mark.parametrize("kind", ["RSA", "EC"])
def test_backend_services_token(kind):
    jwt = pytest.importorskip("jwt")
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    private = rsa.generate_private_key(65537, 2048) if kind == "RSA" else ec.generate_private_key(ec.SECP384R1())
    algorithm = "RS384" if kind == "RSA" else "ES384"
    jwk = json.loads(jwt.get_algorithm_by_name(algorithm).to_jwk(private)) | {"kid": "one"}

    def respond(method, target, headers, body):
        if "smart-configuration" in target:
            return json_answer({"token_endpoint": f"http://{headers['host']}/fhir/token"})
        return json_answer({"access_token": "granted"})

    token, seen = run(respond, lambda c, s: backend_token(c, s.base, BackendClient("me", jwk)))
    assert token == "granted"
    form = dict(pair.split("=") for pair in seen[1][3].decode().split("&"))
    claims = jwt.decode(
        form["client_assertion"],
        private.public_key(),
        [algorithm],
        audience=seen[1][2] and f"http://{seen[1][2]['host']}/fhir/token",
    )
    assert claims["iss"] == claims["sub"] == "me"
    assert claims["exp"] - claims["iat"] <= 300


def test_whom_to_trust_is_read_once(monkeypatch):
    from guideway.remote import client

    client._certificates.cache_clear()
    read = []
    make = client.httpx.create_ssl_context
    monkeypatch.setattr(client.httpx, "create_ssl_context", lambda **options: read.append(1) or make(**options))
    for _ in range(3):
        Client(Guard())
    assert read == [1]
    client._certificates.cache_clear()

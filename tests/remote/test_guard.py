"""The guard against server-side request forgery: which URLs and addresses may be asked."""

import asyncio

import httpcore
import pytest

from guideway.remote.errors import RemoteError
from guideway.remote.guard import AllowedBase, Guard, GuardedBackend, is_public

GUARD = Guard.of(["https://ehr.example.org/fhir"])


@pytest.mark.parametrize(
    "url",
    [
        "https://ehr.example.org/fhir",
        "https://ehr.example.org/fhir/Patient/1",
        "https://ehr.example.org:443/fhir/Observation?code=1",
    ],
)
def test_urls_at_or_below_an_allowed_base_pass(url):
    assert GUARD.base_of(url) == AllowedBase("https://ehr.example.org/fhir")


@pytest.mark.parametrize(
    "url",
    [
        "http://ehr.example.org/fhir/Patient/1",
        "https://ehr.example.org/fhirdata/Patient/1",
        "https://ehr.example.org/other",
        "https://ehr.example.org:8443/fhir",
        "https://ehr.example.org.evil.example/fhir",
        "https://user:secret@ehr.example.org/fhir",
        "https://ehr.example.org/fhir#x",
        "https://ehr.example.org/fhir/../admin",
        "https://ehr.example.org/fhir/%2e%2e/admin",
        "file:///etc/passwd",
        "https:///fhir",
        "https://ehr.example.org:port/fhir",
        "gopher://ehr.example.org/fhir",
    ],
)
def test_other_urls_are_refused_without_their_secrets(url):
    with pytest.raises(RemoteError) as refused:
        GUARD.base_of(url)
    assert refused.value.kind == "refused"
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_public_addresses(address, public):
    assert is_public(address) is public


def test_a_public_base_never_connects_to_a_private_address():
    backend = GuardedBackend(Guard.of(["https://localhost/fhir"]))
    with pytest.raises(RemoteError) as refused:
        asyncio.run(backend.connect_tcp("localhost", 443, timeout=2))
    assert refused.value.kind == "refused"


def test_a_base_marked_private_may():
    async def connect() -> None:
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        backend = GuardedBackend(Guard.of([f"http://127.0.0.1:{port}"], private=True))
        stream = await backend.connect_tcp("127.0.0.1", port, timeout=2)
        await stream.aclose()
        server.close()

    asyncio.run(connect())


def test_an_unknown_host_is_a_connection_error():
    backend = GuardedBackend(Guard.of(["https://nowhere.invalid"]))
    with pytest.raises(httpcore.ConnectError):
        asyncio.run(backend.connect_tcp("nowhere.invalid", 443, timeout=5))

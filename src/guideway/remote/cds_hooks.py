"""The client side of CDS Hooks 2.0 and 3.0: discovery, a request with prefetch made from resources at hand, the answer.

Knows no service in particular. What a service sends is taken as it is; ``hooks_rules`` says what is wrong with it.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from guideway.diagnostics import GuidewayError
from guideway.remote.client import Client, Limits
from guideway.remote.documents import decode
from guideway.remote.errors import RemoteError
from guideway.remote.guard import AllowedBase, Guard
from guideway.remote.local_search import NotAnswerable, Shelf
from guideway.remote.prefetch_tokens import TOKEN, earlier, fill

Json = dict[str, Any]
URL_SEGMENT = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:@%]+")
"""A service's id that can be the last segment of its URL."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What signs the calls: the issuer's name and a private JWK (RSA or EC P-384) with a ``kid``."""

    issuer: str
    key: Json = field(repr=False)

    @classmethod
    def from_file(cls, issuer: str, path: Path) -> SigningKey:
        """Read the key (or the first of a set) from a file; raises GuidewayError."""
        from guideway.remote.authorization import BackendClient

        return cls(issuer, BackendClient.from_file(issuer, path).key)

    def token(self, audience: str) -> str:
        """A JWT for one call (CDS Hooks 2.0, "Trusting CDS Clients")."""
        import jwt

        algorithm = "ES384" if self.key.get("kty") == "EC" else "RS384"
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": audience, "iat": now, "exp": now + 240, "jti": str(uuid.uuid4())}
        return jwt.encode(claims, jwt.PyJWK(self.key, algorithm).key, algorithm, headers={"kid": self.key["kid"], "typ": "JWT"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from one call: the status, the decoded body (None: no JSON), the bytes, and how long it took."""

    status: int
    body: Any
    raw: bytes
    content_type: str
    seconds: float
    problem: str = ""
    """Why there is no JSON."""

    def failure(self) -> str:
        """One sentence about an answer that is not 200 with a JSON object; empty where it is."""
        if self.status == 200 and isinstance(self.body, dict):
            return ""
        if self.status == 200:
            return f"HTTP 200, but {self.problem or 'the body is not a JSON object'}"
        return f"HTTP {self.status}{outcome_text(self.body)}"


def outcome_text(body: Any) -> str:
    """``: text`` of an OperationOutcome's first issue; empty for anything else."""
    issues = body.get("issue") if isinstance(body, dict) else None
    for issue in issues if isinstance(issues, list) else ():
        if isinstance(issue, dict):
            details = issue.get("details")
            text = issue.get("diagnostics") or (details.get("text") if isinstance(details, dict) else None) or issue.get("code")
            if isinstance(text, str):
                return f": {text}"
    return ""


class HooksClient:
    """Calls to the CDS services at one base URL; each call has its own deadline and, where a key is given, its own JWT."""

    def __init__(self, base: str, *, token: str | None = None, key: SigningKey | None = None, seconds: float = 10.0) -> None:
        """``base`` with or without ``/cds-services``; raises GuidewayError where it is no http or https URL."""
        base = base.strip().rstrip("/").removesuffix("/cds-services")
        parts = urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise GuidewayError(f"{base!r} is not the base URL of a CDS Hooks server, such as http://127.0.0.1:8080")
        self.base = base
        self.limits = Limits(seconds=seconds)
        self._token = token
        self._key = key
        self._guard = Guard((AllowedBase(base, private=True),))

    def url(self, service: str | None = None, *more: str) -> str:
        """The discovery's URL, or a service's."""
        return "/".join([self.base, "cds-services", *(quote(part, safe="") for part in (service, *more) if part is not None)])

    async def discover(self, **options: Any) -> Answer:
        """The discovery document; raises RemoteError where no answer can be had."""
        return await self.send("GET", self.url(), **options)

    async def call(self, service: str, request: Any, **options: Any) -> Answer:
        """One hook request; raises RemoteError where no answer can be had."""
        if not URL_SEGMENT.fullmatch(service) or service in (".", ".."):
            raise RemoteError("refused", f"it was not called: the id {service!r} cannot stand in a URL")
        return await self.send("POST", self.url(service), request, **options)

    async def send(
        self,
        method: str,
        url: str,
        body: Any = None,
        *,
        token: str | None = None,
        raw: bytes | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """One request. ``token`` replaces what would be sent (empty: none); ``raw`` replaces the body."""
        used = token if token is not None else self._key.token(url) if self._key is not None else self._token
        content = raw if raw is not None else encode(body) if body is not None else None
        start = time.perf_counter()
        async with Client(self._guard, limits=self.limits, token=used or None, token_base=self.base) as client:
            kind = content_type if content is not None else None
            status, data, headers = await client.request(method, url, content=content, content_type=kind)
        seconds = time.perf_counter() - start
        decoded, problem = None, ""
        try:
            decoded = decode(data)
        except ValueError as error:
            shown = data[:40].decode("utf-8", "replace").strip()
            problem = f"the body is not JSON ({error}): {shown!r}" if data.strip() else "the body is empty"
        return Answer(status, decoded, data, headers.get("content-type", ""), seconds, problem)

    async def lets_in(self, origin: str, method: str) -> tuple[str, bool, str]:
        """What a browser is told that holds a page of ``origin``, by the preflight of a call (``OPTIONS``) or by the discovery
        (``GET``), which it sends without a token: which origin may call, whether with credentials, and with which headers. Raises
        RemoteError."""
        wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
        more = {"Origin": origin, **(wanted if method == "OPTIONS" else {})}
        async with Client(self._guard, limits=self.limits) as client:
            _, _, headers = await client.request(method, self.url(), more=more)
        told = [headers.get(f"access-control-allow-{name}", "").strip() for name in ("origin", "credentials", "headers")]
        return told[0], told[1].lower() == "true", told[2].lower()

    async def services(self) -> list[Json]:
        """The services of the discovery document; raises RemoteError where it is none."""
        answer = await self.discover()
        failure = answer.failure()
        if failure:
            if answer.status in (401, 403):
                raise RemoteError("authorization", f"{self.url()}: {failure}; give a token or a signing key", answer.status)
            raise RemoteError("status", f"{self.url()}: {failure}", answer.status)
        listed = answer.body.get("services")
        if not isinstance(listed, list):
            raise RemoteError("not-fhir", f"{self.url()}: there is no array of services in the discovery document")
        return [service for service in listed if isinstance(service, dict)]


def encode(value: Any) -> bytes:
    """JSON, with decimals as the numbers they were written as."""
    return msgspec.json.Encoder(decimal_format="number").encode(value)


@dataclass(frozen=True, slots=True)
class Prefetched:
    """The prefetch of one service, and what of it could not be made, by key with the reason."""

    values: Json
    left_out: dict[str, str]


def prefetch_for(service: Mapping[str, Any], context: Mapping[str, Any], shelf: Shelf, now: datetime | None = None) -> Prefetched:
    """The prefetch of a service's templates, answered from the resources at hand.

    A key that cannot be answered is left out, as a client must (CDS Hooks 2.0, "Prefetch Template"), and the reason is given; a
    read that finds nothing is null. Templates that use the results of others come after these, in whatever order they are listed.
    """
    values: Json = {}
    left_out: dict[str, str] = {}
    templates = service.get("prefetch")
    resources = resources_by_reference(context)
    for key, template in _in_order(templates if isinstance(templates, dict) else {}):
        try:
            if not isinstance(template, str):
                raise NotAnswerable("its template is not a text")
            query = fill(template, context, now, values, lambda reference: resources.get(reference) or shelf.get(reference))
            values[key] = shelf.answer(query)
        except NotAnswerable as error:
            left_out[key] = str(error)
    return Prefetched({key: values[key] for key in templates or () if key in values}, left_out)


def _in_order(templates: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The templates, each after those whose results it uses; those of a circle at the end."""
    waiting = dict(templates)
    while waiting:
        ready = [key for key, template in waiting.items() if not (uses(template) & waiting.keys()) - {key}]
        for key in ready or list(waiting):
            yield key, waiting.pop(key)


def uses(template: Any) -> set[str]:
    """The keys of the templates whose results a template uses."""
    return {key for token in TOKEN.findall(template) for key in earlier(token)} if isinstance(template, str) else set()


def resources_by_reference(context: Mapping[str, Any]) -> dict[str, Json]:
    """The resources of the Bundles in a context by ``Type/id`` and by their fullUrl."""
    found: dict[str, Json] = {}
    for value in context.values():
        entries = value.get("entry") if isinstance(value, dict) else None
        for entry in entries if isinstance(entries, list) else ():
            resource = entry.get("resource") if isinstance(entry, dict) else None
            if isinstance(resource, dict):
                names = (f"{resource.get('resourceType')}/{resource.get('id')}", entry.get("fullUrl"))
                found |= {name: resource for name in names if isinstance(name, str)}
    return found


def hook_request(hook: str, context: Json, prefetch: Json | None, instance: str | None = None, **more: Any) -> Json:
    """The body of a request; ``prefetch`` None: none is sent."""
    request: Json = {"hook": hook, "hookInstance": instance or str(uuid.uuid4()), "context": context}
    return request | ({"prefetch": prefetch} if prefetch else {}) | more


def with_references(resources: Iterable[tuple[str | None, Json]]) -> list[Json]:
    """Resources of a Bundle with ``urn:uuid`` references turned into ``Type/id``, as a FHIR server has them.

    Takes (fullUrl, resource) pairs; a resource without an id takes that of its fullUrl.
    """
    pairs = [(url, dict(resource)) for url, resource in resources]
    names: dict[str, str] = {}
    for url, resource in pairs:
        if url and not resource.get("id"):
            resource["id"] = url.rpartition("/")[2].rpartition(":")[2]
        if url:
            names[url] = f"{resource.get('resourceType')}/{resource.get('id')}"

    def replaced(value: Any) -> Any:
        if isinstance(value, list):
            return [replaced(each) for each in value]
        if not isinstance(value, dict):
            return value
        return {
            name: names.get(part, part) if name == "reference" and isinstance(part, str) else replaced(part)
            for name, part in value.items()
        }

    return [replaced(resource) for _, resource in pairs]

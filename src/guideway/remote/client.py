"""The one HTTP client for FHIR, terminology and CDS Hooks servers.

Every request goes through the guard (guard.py), has a deadline, a cap on bytes and pages, follows no redirect, and keeps the
token out of every message. JSON is decoded with exact decimals. Used by the command line (``--fhir-server``) and by the service,
which reads with the token that an EHR passed along.
"""

from __future__ import annotations

import asyncio
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import httpx
import msgspec

from guideway.diagnostics import GuidewayError
from guideway.remote.documents import decode
from guideway.remote.errors import RemoteError
from guideway.remote.guard import AllowedBase, Guard, GuardedBackend, _shown
from guideway.remote.search_results import next_link, page, short_of

NOT_THE_ANSWER = frozenset({202, 204, 205, 206})
"""Successes by which a GET does not bring what was asked for: taken on for later, nothing, a part (RFC 9110 §15.3)."""
ACCEPT = "application/fhir+json, application/json;q=0.9"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one use of a client may cost: seconds and bytes in all, bytes an answer, pages a search, entries a search."""

    seconds: float = 10.0
    answer_bytes: int = 20_000_000
    pages: int = 50
    entries: int = 20_000
    total_bytes: int = 100_000_000


class Client:
    """An HTTP client bound to a guard, limits, and (if any) one bearer token. Use as ``async with``.

    The token is held in memory for the life of the client and sent only below ``token_base``.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        limits: Limits | None = None,
        token: str | None = None,
        token_base: str | None = None,
        user_agent: str = "guideway",
    ) -> None:
        self._guard = guard
        self.limits = limits or Limits()
        self._token = token
        self._token_base = AllowedBase(token_base.rstrip("/")) if token_base else None
        self._received = 0
        self._deadline = time.monotonic() + self.limits.seconds
        transport = httpx.AsyncHTTPTransport(verify=_certificates(), retries=0, trust_env=False)
        pool = transport._pool  # the only way to give httpx a network backend of one's own
        pool._network_backend = GuardedBackend(guard)
        self._http = httpx.AsyncClient(
            transport=transport,
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": user_agent, "Accept": ACCEPT, "Accept-Encoding": "gzip"},
        )

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._http.aclose()

    async def get_json(self, url: str) -> Any:
        """The decoded JSON answer to a GET; raises RemoteError."""
        return await self._json("GET", url)

    async def post_json(self, url: str, body: Any, content_type: str = "application/json") -> Any:
        """The decoded JSON answer to a POST of JSON; raises RemoteError."""
        return await self._json(
            "POST", url, content=msgspec.json.Encoder(decimal_format="number").encode(body), content_type=content_type
        )

    async def post_form(self, url: str, form: Mapping[str, str]) -> Any:
        """The decoded JSON answer to a POST of a form; raises RemoteError."""
        return await self._json("POST", url, form=form)

    async def request(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        content_type: str | None = None,
        form: Mapping[str, str] | None = None,
        more: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes, httpx.Headers]:
        """Status, body (at most ``answer_bytes``) and headers; raises RemoteError where no answer can be had. ``more``: headers
        to send besides."""
        self._guard.base_of(url)
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise RemoteError("deadline", f"{_shown(url)} was not asked: the {self.limits.seconds:g} s allowed are used up")
        headers = dict(more or {})
        if content_type:
            headers["Content-Type"] = content_type
        if self._token and (self._token_base is None or self._token_base.covers(url)):
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            async with asyncio.timeout(left):
                async with self._http.stream(
                    method, url, content=content, data=dict(form) if form is not None else None, headers=headers, timeout=left
                ) as answer:
                    if 300 <= answer.status_code < 400:
                        raise RemoteError("refused", f"{_shown(url)} redirects elsewhere; give the final URL", answer.status_code)
                    return answer.status_code, await self._body(answer, url), answer.headers
        except (TimeoutError, httpx.TimeoutException) as error:
            raise RemoteError("deadline", f"{_shown(url)} did not answer within {self.limits.seconds:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise RemoteError("unreachable", f"{_shown(url)} could not be reached: {_why(error)}") from error

    async def _body(self, answer: httpx.Response, url: str) -> bytes:
        """The body, unpacked by our own hand: a small packed answer must not become a big one before it is measured."""
        coding = answer.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("identity", "gzip", "deflate", ""):
            raise RemoteError("not-fhir", f"{_shown(url)} answered in the unasked-for encoding {coding[:20]!r}")
        unpack = zlib.decompressobj(47) if coding in ("gzip", "deflate") else None
        chunks, size = [], 0
        try:
            async for raw in answer.aiter_raw(65_536):
                # looked at for each piece: other answers to the same client come in meanwhile
                room = min(self.limits.answer_bytes - size, self.limits.total_bytes - self._received)
                chunk = unpack.decompress(raw, max(room, 0) + 1) if unpack is not None else raw
                size += len(chunk)
                self._received += len(chunk)
                if size > self.limits.answer_bytes:
                    raise RemoteError("too-large", f"{_shown(url)} answered with more than {self.limits.answer_bytes} bytes")
                if self._received > self.limits.total_bytes:
                    text = f"{_shown(url)} and what else was asked answered with more than {self.limits.total_bytes} bytes"
                    raise RemoteError("too-large", text)
                chunks.append(chunk)
        except zlib.error as error:
            raise RemoteError("not-fhir", f"{_shown(url)} answered with a body that cannot be unpacked") from error
        return b"".join(chunks)

    async def _json(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        content_type: str | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Any:
        status, body, _ = await self.request(method, url, content=content, content_type=content_type, form=form)
        if status in (401, 403):
            raise RemoteError(
                "authorization", f"{_shown(url)} refused access (HTTP {status}); check the token and its scopes", status
            )
        if not 200 <= status < 300 or (method == "GET" and status in NOT_THE_ANSWER):
            raise RemoteError("status", f"{_shown(url)} answered HTTP {status}{_outcome_text(body)}", status)
        try:
            return decode(body)
        except ValueError as error:
            raise RemoteError("not-fhir", f"{_shown(url)} did not answer with JSON: {error}") from error


@cache
def _certificates() -> ssl.SSLContext:
    """Whom to trust, read once: a service makes a client for each request, and reading takes longer than many an answer."""
    return httpx.create_ssl_context(trust_env=False)


def _outcome_text(body: bytes) -> str:
    """``: diagnostics`` of an OperationOutcome's first issue, for messages; nothing for other answers."""
    try:
        issue = msgspec.json.decode(body)["issue"][0]
        text = issue.get("diagnostics") or issue.get("details", {}).get("text") or issue.get("code")
    except Exception:
        return ""
    return f": {str(text)[:200]}" if text else ""


class FhirClient:
    """FHIR reads and searches below one base URL (R4 http.html), through a ``Client``."""

    def __init__(self, client: Client, base: str) -> None:
        self.base = base.rstrip("/")
        self._client = client

    async def read(self, reference: str) -> dict[str, Any] | None:
        """The resource ``Type/id``; None where the server does not have it (404, 410)."""
        kind, _, key = reference.partition("/")
        try:
            answer = await self._client.get_json(f"{self.base}/{quote(kind, safe='')}/{quote(key, safe='')}")
        except RemoteError as error:
            if error.status in (404, 410):
                return None
            raise
        return self._resource(answer, reference)

    async def search(self, query: str) -> list[dict[str, Any]]:
        """All resources of a search such as ``Observation?patient=1&code=…``, pages followed; included ones too.

        Raises RemoteError for pages of another origin, more pages or entries than allowed, and for a result that is not whole
        (``search_results``).
        """
        limits = self._client.limits
        url: str | None = f"{self.base}/{query.lstrip('/')}"
        kind = query.lstrip("/").partition("?")[0]
        found: list[dict[str, Any]] = []
        matches = 0
        seen: set[str] = set()
        for _ in range(limits.pages):
            assert url is not None
            if url in seen:
                raise RemoteError("too-large", f"{_shown(url)}: the server's pages lead in a circle")
            seen.add(url)
            bundle = self._resource(await self._client.get_json(url), kind)
            try:
                result = page(bundle, kind)
                found += result.resources
                matches += result.matches
                following = self._next(bundle, url)
                failure = result.failure or ("" if following else short_of(bundle, matches))
            except RemoteError:
                raise
            except GuidewayError as error:
                raise RemoteError("not-fhir", f"{_shown(url)} answered with what is no search result: {error}") from error
            if failure:
                raise RemoteError("status", f"{_shown(url)}: {failure}")
            if len(found) > limits.entries:
                raise RemoteError("too-large", f"{_shown(url)}: more than {limits.entries} entries")
            url = following
            if url is None:
                return found
        raise RemoteError("too-large", f"{self.base}/{query.split('?')[0]}: more than {limits.pages} pages")

    def _next(self, bundle: dict[str, Any], current: str) -> str | None:
        try:
            following = next_link(bundle)
            if following is None:
                return None
            url = urljoin(current, following)
            mine, other = urlsplit(self.base), urlsplit(url)
        except (ValueError, GuidewayError) as error:
            raise RemoteError("not-fhir", f"{_shown(current)}: where its next page is cannot be read") from error
        if (mine.scheme, mine.netloc) != (other.scheme, other.netloc):
            raise RemoteError("refused", f"{_shown(self.base)}: the next page is on another server ({_shown(url)})")
        return url

    @staticmethod
    def _resource(answer: Any, what: str) -> dict[str, Any]:
        if not isinstance(answer, dict) or not isinstance(answer.get("resourceType"), str):
            raise RemoteError("not-fhir", f"the answer for {what} is not a FHIR resource")
        return answer


def _why(error: Exception) -> str:
    """What is wrong with a connection, in words; no more of the network than that."""
    if "certificate" in str(error).lower():
        return "its certificate is not trusted here"
    if isinstance(error, httpx.ConnectError):
        return "no connection can be made; check the address, and whether the server runs"
    return "this is no address of a server" if isinstance(error, httpx.InvalidURL) else "the connection broke off"

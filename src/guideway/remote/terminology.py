"""A terminology server for value sets that are not enumerated in the package: ``$expand`` and ``$validate-code``.

``TerminologyServer`` asks one server; ``Terminology`` is what the engine sees: the value sets at hand, and the server for the
rest. Answers are kept; a failure is an error, never "not a member" (FHIR R4 valueset-operation-expand,
valueset-operation-validate-code).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any
from urllib.parse import urlencode, urlsplit

from guideway.diagnostics import GuidewayError
from guideway.remote.client import Client, Limits
from guideway.remote.errors import RemoteError
from guideway.remote.guard import AllowedBase, Guard
from guideway.terminology.expansion import Member, UnresolvedValueSet, expansion_members, flat_contains, partial_expansion
from guideway.terminology.valuesets import AmbiguousCode, ValueSetIndex

PAGE = 1000
KEPT_SECONDS = 3600.0
"""How long an answer of a server counts."""
PAUSE_SECONDS = 30.0
"""How long a server that did not answer is left in peace; until then its failure is told again at once."""
MOST_KEPT = 20_000
"""So many answers are kept at most."""


def is_down(failure: BaseException) -> bool:
    """Whether an UnresolvedValueSet comes of a server that is out of order for now, and not of what it cannot do."""
    cause = failure.__cause__
    if not isinstance(cause, RemoteError):
        return False
    status = cause.status or 0
    return cause.kind in ("unreachable", "deadline") or (cause.kind == "status" and (status >= 500 or status in (408, 429)))


def is_broken(failure: BaseException) -> bool:
    """Whether an UnresolvedValueSet comes of a server that lets nobody in from here, leads elsewhere, or gives no answer that can
    be used: who asked about the value set cannot mend it."""
    cause = failure.__cause__
    return isinstance(cause, RemoteError) and cause.kind in ("authorization", "refused", "not-fhir")


class TerminologyServer:
    """The terminology operations of the server at ``base``."""

    def __init__(self, client: Client, base: str) -> None:
        self.base = base.rstrip("/")
        self._client = client
        self._expansions: dict[tuple[str, str | None], dict[str, Any]] = {}
        self._answers: dict[tuple[str, str | None, str, str | None], bool] = {}

    async def expand(self, url: str, version: str | None = None) -> dict[str, Any]:
        """The ValueSet with its whole expansion (pages joined); raises RemoteError, also for an expansion marked incomplete."""
        key = (url, version)
        if key in self._expansions:
            return self._expansions[key]
        contains: list[Any] = []
        held = 0
        result: dict[str, Any] | None = None
        for _ in range(self._client.limits.pages):
            query = {"url": url, "offset": str(held), "count": str(PAGE)}
            if version:
                query["valueSetVersion"] = version
            answer = await self._client.get_json(f"{self.base}/ValueSet/$expand?{urlencode(query)}")
            if not isinstance(answer, dict) or answer.get("resourceType") != "ValueSet" or "expansion" not in answer:
                raise RemoteError("not-fhir", f"{self.base} did not expand {url}")
            expansion = answer["expansion"]
            found = expansion.get("contains") or [] if isinstance(expansion, dict) else None
            if not isinstance(found, list) or str(answer.get("url", url)).partition("|")[0] != url.partition("|")[0]:
                raise RemoteError("not-fhir", f"{self.base} did not expand {url}")
            full = (size := sum(1 for _ in flat_contains(found))) == PAGE or size >= _page_of(expansion)
            if found and found == contains[-len(found) :]:  # whatever is asked for, this is what comes
                if full:
                    text = f"{self.base} gave {held} codes of {url} and does not say whether there are more"
                    raise RemoteError("too-large", text)
                break
            contains += found
            held += size
            result = result or answer
            total = expansion.get("total")
            if total is not None and (not isinstance(total, int) or isinstance(total, bool)):
                raise RemoteError("not-fhir", f"{self.base}: the expansion of {url} has a total that is no number")
            if total is None:
                ends = not found or ("offset" not in expansion and not full)
            else:
                ends = not found or "offset" not in expansion or held >= total
            if ends:
                if total is not None and held < total:
                    raise RemoteError("not-fhir", f"{self.base} gave {held} of {total} codes of {url}")
                break
        else:
            raise RemoteError("too-large", f"{url} has more codes than {self._client.limits.pages} pages hold")
        assert result is not None
        result = {**result, "expansion": {**result["expansion"], "contains": contains}}
        self._expansions[key] = result
        return result

    async def validate_code(self, url: str, code: str, system: str | None = None, version: str | None = None) -> bool:
        """Whether the code is in the value set; raises RemoteError."""
        key = (url, version, code, system)
        if key not in self._answers:
            query = {"url": url, "code": code}
            query.update({"system": system} if system else {"inferSystem": "true"})
            if version:
                query["valueSetVersion"] = version
            answer = await self._client.get_json(f"{self.base}/ValueSet/$validate-code?{urlencode(query)}")
            given = answer.get("parameter") if isinstance(answer, dict) else None
            entries = [p for p in given if isinstance(p, dict)] if isinstance(given, list) else []
            result = next((p.get("valueBoolean") for p in entries if p.get("name") == "result"), None)
            if not isinstance(result, bool):
                raise RemoteError("not-fhir", f"{self.base} did not say whether {code} is in {url}")
            self._answers[key] = result
        return self._answers[key]


def _page_of(expansion: dict[str, Any]) -> float:
    """How many codes a page of this expansion holds at most, as far as it says: a page that is full may not be the last."""
    given = expansion.get("parameter")
    named = (
        [p.get("valueInteger") for p in given if isinstance(p, dict) and p.get("name") == "count"]
        if isinstance(given, list)
        else []
    )
    return next((count for count in named if isinstance(count, int)), float("inf"))


class _Answers:
    """What one server said, for all that ask it: the answers with the time until which they count, the questions under way, and
    until when the server is left in peace, with the reason."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.known: dict[Any, tuple[float, Any]] = {}
        self.asking: dict[Any, Future[Any]] = {}
        self.down: tuple[float, RemoteError] | None = None

    def failing(self) -> RemoteError | None:
        """Why the server is not asked now."""
        return self.down[1] if self.down is not None and time.monotonic() < self.down[0] else None

    def leave_in_peace(self, why: RemoteError) -> None:
        """Ask no more for a while."""
        self.down = (time.monotonic() + PAUSE_SECONDS, why)

    def keep(self, key: Any, answer: Any) -> None:
        """Keep an answer; a refusal for a shorter time."""
        now = time.monotonic()
        if len(self.known) >= MOST_KEPT:
            newest = sorted(self.known.items(), key=lambda item: item[1][0])[MOST_KEPT // 2 :]
            self.known = {kept: value for kept, value in newest if value[0] > now}
        self.known[key] = (now + (PAUSE_SECONDS if isinstance(answer, Exception) else KEPT_SECONDS), answer)
        if not isinstance(answer, Exception):
            self.down = None
        elif isinstance(answer, RemoteError) and answer.kind in ("deadline", "unreachable", "refused", "authorization"):
            self.leave_in_peace(answer)


class Terminology:
    """The value sets at hand, and a server for those that are not enumerated there; a stand-in for ``ValueSetIndex``.

    A value set is asked for as a whole (``$expand``); where the server will not list it, each code is asked for
    (``$validate-code``). The methods block, and are called from threads that run no event loop. The server is asked beside them:
    who has waited long enough goes on without its answer, which is kept when it comes.
    """

    def __init__(
        self,
        local: ValueSetIndex,
        base: str,
        *,
        private: bool = False,
        token: str | None = None,
        seconds: float = 10.0,
        patience: float | None = None,
    ) -> None:
        """``private``: the server may live at a loopback or private address; ``seconds``: what one question may take;
        ``patience``: how long an answer is waited for (None: until it is there, or has failed)."""
        self.local = local
        self.base = base.rstrip("/")
        self._guard = Guard((AllowedBase(self.base, private),))
        self._token = token
        self._limits = Limits(seconds=seconds)
        self._patience = patience
        self._answers = _Answers()

    @classmethod
    def of_user(cls, local: ValueSetIndex, base: str) -> Terminology:
        """The server that a user names for one run, wherever it is; raises GuidewayError for what is no URL."""
        parts = urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
            raise GuidewayError(f"{base}: expected the base URL of a FHIR terminology server, such as https://tx.example.org/r4")
        return cls(local, base, private=True, seconds=30.0)

    def over(self, local: ValueSetIndex) -> Terminology:
        """The same server behind other value sets, asked with patience; what it said is shared."""
        other = Terminology(local, self.base, token=self._token, seconds=self._limits.seconds)
        other._guard, other._answers = self._guard, self._answers
        return other

    def __getattr__(self, name: str) -> Any:
        """Everything that is not about membership is answered by what is at hand."""
        if name.startswith("__") or name == "local":
            raise AttributeError(name)
        return getattr(self.local, name)

    def members(self, url: str, version: str | None = None) -> tuple[Member, ...]:
        """As ``ValueSetIndex.members``."""
        try:
            return self.local.members(url, version)
        except UnresolvedValueSet as error:
            return self._listed(url, version, error)

    def codes(self, url: str, version: str | None = None) -> frozenset[tuple[str, str]]:
        """As ``ValueSetIndex.codes``."""
        try:
            return self.local.codes(url, version)
        except UnresolvedValueSet as error:
            return frozenset((m.system, m.code) for m in self._listed(url, version, error))

    def displays(self, url: str, version: str | None = None) -> dict[tuple[str, str], str]:
        """As ``ValueSetIndex.displays``."""
        try:
            return self.local.displays(url, version)
        except UnresolvedValueSet as error:
            return {(m.system, m.code): m.display for m in self._listed(url, version, error) if m.display}

    def contains(self, valueset_url: str, version: str | None, code: str | None, system: str | None) -> bool:
        """As ``ValueSetIndex.contains``."""
        try:
            return self.local.contains(valueset_url, version, code, system)
        except UnresolvedValueSet as error:
            if code is None:
                return False
            try:
                return any((m.system, m.code) == (system, code) for m in self._listed(valueset_url, version, error))
            except UnresolvedValueSet as failure:
                if self._answers.failing() is not None:
                    raise
                return self._is_valid(valueset_url, version, code, system, failure)

    def contains_string(self, valueset_url: str, version: str | None, code: str) -> bool:
        """As ``ValueSetIndex.contains_string``."""
        try:
            return self.local.contains_string(valueset_url, version, code)
        except UnresolvedValueSet as error:
            members = self._listed(valueset_url, version, error)
            if len({m.system for m in members}) > 1:
                raise AmbiguousCode(
                    f"Value set {valueset_url} draws on several code systems: the bare string {code!r} is ambiguous."
                ) from None
            return any(m.code == code for m in members)

    def _listed(self, url: str, version: str | None, why: UnresolvedValueSet) -> tuple[Member, ...]:
        """The members by the server's ``$expand``; UnresolvedValueSet where it does not give them all."""
        name, _, written = url.partition("|")
        version = version or written or None

        async def ask(server: TerminologyServer) -> tuple[Member, ...]:
            expanded = await server.expand(name, version)
            partial = partial_expansion({**expanded, "expansion": {**expanded["expansion"], "offset": 0}})
            if partial is not None:
                raise RemoteError("not-fhir", f"{self.base}: its expansion of {name} is not whole: {partial}")
            found = expansion_members(expanded)
            return tuple(found[key] for key in sorted(found))

        found: tuple[Member, ...] = self._kept(("expand", name, version), ask, why)
        return found

    def _is_valid(self, url: str, version: str | None, code: str, system: str | None, why: UnresolvedValueSet) -> bool:
        name, _, written = url.partition("|")
        version = version or written or None
        found: bool = self._kept(
            ("validate", name, version, code, system), lambda server: server.validate_code(name, code, system, version), why
        )
        return found

    def _kept(self, key: Any, ask: Callable[[TerminologyServer], Awaitable[Any]], why: UnresolvedValueSet) -> Any:
        """The answer, kept for an hour; a refusal is kept as well, for a shorter time."""
        answers, question = self._answers, None
        with answers.lock:
            until, answer = answers.known.get(key, (0.0, None))
            if time.monotonic() >= until:
                answer = answers.failing()
                question = (answers.asking.get(key) or self._begin(key, ask)) if answer is None else None
        if question is not None:
            try:
                answer = question.result(self._patience)
            except TimeoutError:
                answer = RemoteError("deadline", f"{self.base} has not answered within {self._patience:g} s")
                with answers.lock:
                    if not question.done():
                        answers.leave_in_peace(answer)
        if isinstance(answer, Exception):
            raise UnresolvedValueSet(f"{why} The terminology server cannot tell either: {answer}") from answer
        return answer

    def _begin(self, key: Any, ask: Callable[[TerminologyServer], Awaitable[Any]]) -> Future[Any]:
        """A question, asked in a thread of its own: nobody who gives up stops it."""
        question: Future[Any] = Future()

        def work() -> None:
            answer = self._asked(ask)
            with self._answers.lock:
                self._answers.keep(key, answer)
                self._answers.asking.pop(key, None)
                question.set_result(answer)

        threading.Thread(target=work, name="terminology", daemon=True).start()  # it waits for the lock, which the caller holds
        self._answers.asking[key] = question
        return question

    def _asked(self, ask: Callable[[TerminologyServer], Awaitable[Any]]) -> Any:
        """The server's answer, or the error."""

        async def run() -> Any:
            async with Client(self._guard, limits=self._limits, token=self._token, token_base=self.base) as client:
                return await ask(TerminologyServer(client, self.base))

        try:
            return asyncio.run(run())
        except RemoteError as error:
            return error
        except Exception as error:
            text = str(error) if isinstance(error, UnresolvedValueSet) else f"its answer cannot be used ({type(error).__name__})"
            return RemoteError("not-fhir", f"{self.base}: {text}")

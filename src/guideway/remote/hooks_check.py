"""A conformance check of any CDS Hooks server: discovery, calls, mistakes that a client makes, feedback, tokens.

Sends a few requests to every service and compares what comes back with the rules (hooks_rules). The data is what the caller
brings, or a made-up patient without any data. Nothing is changed on the server but one item of feedback on a card of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from guideway.guideline.hook_contexts import REQUIRED_CONTEXT
from guideway.remote.cds_hooks import Answer, HooksClient, encode, hook_request, prefetch_for
from guideway.remote.errors import RemoteError
from guideway.remote.hooks_rules import RULES, Fault, discovery_faults, response_faults
from guideway.remote.local_search import Shelf

Json = dict[str, Any]

PASSED, FAILED, WARNED, SKIPPED = "pass", "FAIL", "warn", "skip"
SLOW_SECONDS = 1.0
"""Slower than this is more than "on the order of 500 ms"."""
JSON_TYPES = ("application/json", "application/fhir+json")

UNANSWERED = "the plain request was not answered"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_json(content_type: str) -> bool:
    """Whether an answer's content type is one of JSON, whatever its parameters."""
    return content_type.partition(";")[0].strip().lower() in JSON_TYPES


class Verdict(NamedTuple):
    """What came of one rule: pass, FAIL, warn (a should, or sense, that is not kept) or skip (nothing to see), and why."""

    rule: str
    result: str
    faults: list[Fault]
    note: str = ""


class Checker:
    """One check of one server."""

    def __init__(
        self, client: HooksClient, contexts: Callable[[str], Json | None], shelf: Shelf, origin: str | None = None
    ) -> None:
        """``contexts``: the context of a hook for the data at hand, None where it cannot be made. ``origin``: that of a page in a
        browser that should be able to call."""
        self.client = client
        self.contexts = contexts
        self.shelf = shelf
        self.origin = origin
        self.faults: dict[str, list[Fault]] = {}
        self.seen: set[str] = set()
        self.notes: dict[str, str] = {}

    async def run(self, only: Iterable[str] = ()) -> list[Verdict]:
        """Check everything, or the services ``only``; one verdict for each rule, in the order of ``RULES``."""
        parts = urlsplit(self.client.base)
        self.saw("J1")
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            self.fault("J1", self.client.base, "is http")
        services = await self._discovery()
        wanted = set(only)
        chosen = [s for s in services if not wanted or s.get("id") in wanted]
        for service in {s["id"]: s for s in reversed(chosen)}.values():  # of several with one id only the first can be meant
            await self._service(service)
        if chosen:
            await self._unknown(chosen[0])
            await self._tokens(chosen[0])
        if not self.faults.get("D1"):
            await self._origins()
        return [self._verdict(rule) for rule in RULES]

    def saw(self, *rules: str) -> None:
        """These rules have been looked at."""
        self.seen.update(rules)

    def fault(self, rule: str, where: str, text: str) -> None:
        """Something is wrong."""
        self.saw(rule)
        self.faults.setdefault(rule, []).append(Fault(rule, where, text))

    def _verdict(self, rule: str) -> Verdict:
        faults = self.faults.get(rule, [])
        if faults:
            return Verdict(rule, FAILED if RULES[rule].level == "must" else WARNED, faults)
        note = self.notes.get(rule, "")
        return (
            Verdict(rule, PASSED, [], "" if note == UNANSWERED else note)
            if rule in self.seen
            else Verdict(rule, SKIPPED, [], note)
        )

    async def _discovery(self) -> list[Json]:
        self.saw("D1")
        try:
            answer = await self.client.discover()
        except RemoteError as error:
            self.fault("D1", "discovery", str(error))
            return []
        if answer.failure():
            self.fault("D1", "discovery", answer.failure())
            return []
        if not is_json(answer.content_type):
            self.fault("D1", "discovery", f"its content type is {answer.content_type or 'not said'}")
        self.saw("D2", "J2")
        document = answer.body
        services = document.get("services")
        if isinstance(services, list) and services:
            self.saw("D3", "D4", "D6", "D7", "D8", "D9")
            if any(isinstance(s, dict) and s.get("prefetch") for s in services):
                self.saw("P1", "P2", "P3", "P4", "P5")
        for fault in discovery_faults(document):
            self.fault(*fault)
        return [
            s for s in services or () if isinstance(s, dict) and isinstance(s.get("id"), str) and isinstance(s.get("hook"), str)
        ]

    async def _service(self, service: Json) -> None:
        name, hook = service["id"], service["hook"]
        context = self.contexts(hook)
        if context is None:
            self.notes["R1"] = f"{hook} is not a hook that can be tried with this data"
            return
        where = f"service {name}"
        made = prefetch_for(service, context, self.shelf)
        templates = service.get("prefetch") if isinstance(service.get("prefetch"), dict) else {}
        request = hook_request(hook, context, made.values)
        answer = await self._call(name, request, where)
        if answer is None:
            return
        self.saw("T1")
        if answer.seconds > SLOW_SECONDS:
            self.fault("T1", where, f"took {answer.seconds:.1f} s")
        if answer.status == 412:
            self.seen |= {"R1"} if made.left_out else set()
            self._is_412(answer, where)
            if not made.left_out:
                self.notes["R1"] = (
                    f"{where} answered 412 to all that it asks for; it may read from a fhirServer, which it was not given"
                )
        elif answer.failure():
            self.fault("R1", where, answer.failure())
        else:
            self.saw("R1")
            self._cards(answer, where)
            await self._again(name, request, answer, where)
        good = answer.status
        await self._variants(name, hook, request, good, where)
        if templates:
            await self._without_data(name, hook, context, templates, where)
        if good == 200 and isinstance(answer.body, dict):
            await self._feedback(name, answer.body, where)

    async def _call(self, name: str, request: Any, where: str, rule: str = "R1", **options: Any) -> Answer | None:
        try:
            return await self.client.call(name, request, **options)
        except RemoteError as error:
            self.fault(rule, where, str(error))
            return None

    def _cards(self, answer: Answer, where: str) -> None:
        self.saw("C1", "C20", "J4")
        if not is_json(answer.content_type):
            self.fault("J4", where, f"its content type is {answer.content_type or 'not said'}")
        cards = answer.body.get("cards") if isinstance(answer.body, dict) else None
        if isinstance(cards, list) and cards:
            self.saw("C2", "C3", "C4", "C5", "C6", "C7", "C17", "C18", "C19", "C21", "C22")
            if any(isinstance(card, dict) and card.get("suggestions") for card in cards):
                self.saw("C8", "C9", "C10", "C11", "C12", "C13", "C14", "C15", "C16")
        for fault in response_faults(answer.body, where):
            self.fault(*fault)

    async def _again(self, name: str, request: Json, first: Answer, where: str) -> None:
        """The very same request once more, as a client sends it that got no answer."""
        ids = _uuids(first.body)
        again = await self._call(name, request, where, "C23") if ids else None
        if again is not None and not again.failure():
            self.saw("C23")
            if _uuids(again.body) != ids:
                self.fault("C23", where, "its cards have other uuids the second time")

    def _is_412(self, answer: Answer, where: str) -> None:
        self.saw("P8")
        if not isinstance(answer.body, dict) or answer.body.get("resourceType") != "OperationOutcome":
            self.fault("P8", where, "its 412 has another body")

    async def _variants(self, name: str, hook: str, request: Json, good: int, where: str) -> None:
        """The request with harmless additions, and with mistakes."""
        additions = (("E1", {"extension": {"org.example.check": {"a": 1}}}), ("E2", {"somethingUnknown": {"a": [1]}}))
        self.notes |= {} if good in (200, 412) else dict.fromkeys(("E1", "E2"), UNANSWERED)
        for rule, more in additions if good in (200, 412) else ():
            answer = await self._call(name, request | more | {"hookInstance": str(uuid.uuid4())}, where, rule)
            self.saw(rule)
            if answer is not None and answer.status != good:
                self.fault(rule, where, f"answered {answer.status} instead of {good}")
        other = "order-sign" if hook != "order-sign" else "patient-view"
        lacking = {k: v for k, v in request["context"].items() if k != "patientId"}
        for rule, body, raw in (
            ("R4", request | {"hook": other}, None),
            ("R6", None, b'{"hook": '),
            ("R7", request | {"context": lacking}, None),
        ):
            answer = await self._call(name, body, where, rule, raw=raw)
            self.saw(rule)
            if answer is not None and not 400 <= answer.status < 500:
                self.fault(rule, where, f"answered {answer.status}")

    async def _without_data(self, name: str, hook: str, context: Json, templates: Json, where: str) -> None:
        """No prefetch at all, and a prefetch that says that there is nothing."""
        answer = await self._call(name, hook_request(hook, context, None), where, "P7")
        self.saw("P7")
        if answer is not None and answer.status == 412:
            self._is_412(answer, where)
        elif answer is not None and answer.status >= 500:
            self.fault("P7", where, f"answered {answer.status} to a request without prefetch and FHIR server")
        elif answer is not None and answer.status == 200 and answer.body == {"cards": []}:
            self.fault("P7", where, "answered with no cards to a request without any data: that reads as all clear")
        reads = {key for key, template in templates.items() if "?" not in str(template)}
        known = prefetch_for({"prefetch": {key: templates[key] for key in reads}}, context, self.shelf).values
        nothing = {key: known.get(key) for key in templates}
        answer = await self._call(name, hook_request(hook, context, nothing), where, "P10")
        self.saw("P10")
        if answer is not None and answer.status not in (200, 412):
            self.fault("P10", where, f"answered {answer.status} to null")

    async def _feedback(self, name: str, body: Json, where: str) -> None:
        cards = [c for c in body.get("cards") or () if isinstance(c, dict) and isinstance(c.get("uuid"), str)]
        if not cards:
            return
        reason = {"system": "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes", "code": "cds-not-applicable"}
        item = {
            "card": cards[0]["uuid"],
            "outcome": "overridden",
            "overrideReason": {"reason": reason | {"display": "Does not fit this patient"}, "userComment": "conformance check"},
            "outcomeTimestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        for rule in ("F1", "F2"):
            try:
                answer = await self.client.send("POST", self.client.url(name, "feedback"), {"feedback": [item]})
            except RemoteError as error:
                self.fault(rule, where, str(error))
                return
            self.saw(rule)
            if answer.status in (404, 405):
                self.notes["F1"] = "there is no feedback endpoint"
                self.seen.discard("F2")
                return
            if not 200 <= answer.status < 300:
                self.fault(rule, where, answer.failure())

    async def _unknown(self, service: Json) -> None:
        context = self.contexts(service["hook"])
        if context is None:
            return
        missing = f"no-such-service-{uuid.uuid4().hex[:8]}"
        answer = await self._call(missing, hook_request(service["hook"], context, None), "an unknown service", "R8")
        self.saw("R8")
        if answer is not None and answer.status != 404:
            self.fault("R8", "an unknown service", f"answered {answer.status}")

    async def _tokens(self, service: Json) -> None:
        """What happens without a token, with an unsigned one, and with one that was used."""
        try:
            bare = await self.client.discover(token="")
        except RemoteError as error:
            self.fault("A14", "discovery", str(error))
            return
        if bare.status == 200:
            self.notes["A14"] = "the server asks for no tokens"
            return
        self.saw("A14", "A5")
        if bare.status != 401:
            self.fault("A14", "discovery", f"answered {bare.status} without a token")
        unsigned = ".".join((_base64({"alg": "none", "typ": "JWT"}), _base64({"iss": "x", "aud": self.client.url()}), ""))
        if (answer := await self.client.discover(token=unsigned)).status != 401:
            self.fault("A5", "discovery", f"answered {answer.status} to an unsigned token")
        key = self.client._key
        if key is not None:
            token = key.token(self.client.url())
            statuses = [(await self.client.discover(token=token)).status for _ in range(2)]
            self.saw("A3")
            if statuses[1] != 401:
                self.fault("A3", "discovery", f"answered {statuses[1]} to a token that was used before")

    async def _origins(self) -> None:
        """What pages in a browser are told: of the origin that should be let in, and of one that nobody can have listed."""
        stranger = f"https://{uuid.uuid4().hex}.example.org"
        if self.origin is None:
            self.notes["X1"] = "name an origin that should be let in (--origin)"
        try:
            if self.origin is not None:
                self.saw("X1")
                origin, _, headers = await self.client.lets_in(self.origin, "OPTIONS")
                missing = [name for name in ("authorization", "content-type") if name not in headers and headers != "*"]
                if origin not in (self.origin, "*"):
                    self.fault("X1", "the preflight", f"does not let in {self.origin}")
                elif missing:
                    self.fault("X1", "the preflight", f"does not allow {' and '.join(missing)}")
            self.saw("X2")
            for method, where in (("OPTIONS", "the preflight"), ("GET", "discovery")):
                origin, credentials, _ = await self.client.lets_in(stranger, method)
                if origin == stranger or (origin and credentials):
                    with_them = " with credentials" if credentials else ""
                    self.fault("X2", where, f"lets in an unknown origin{with_them} ({stranger})")
        except RemoteError as error:
            self.notes["X2"] = str(error)


def _uuids(body: Any) -> list[str]:
    cards = body.get("cards") if isinstance(body, dict) else None
    return [str(c.get("uuid")) for c in cards if isinstance(c, dict) and c.get("uuid")] if isinstance(cards, list) else []


def _base64(value: Json) -> str:
    import base64

    return base64.urlsafe_b64encode(encode(value)).rstrip(b"=").decode()


def made_up_context(hook: str, patient: str, user: str, encounter: str | None, given: Json) -> Json | None:
    """The context of a hook: what is ``given``, and the patient, user and encounter; None where something required is missing."""
    context: Json = {"userId": user, "patientId": patient} | ({"encounterId": encounter} if encounter else {})
    if hook == "order-dispatch":
        del context["userId"]
    context |= {name: value for name, value in given.items() if name not in ("hook", "hookInstance", "prefetch")}
    required = REQUIRED_CONTEXT.get(hook, ("patientId",))
    return context if all(context.get(name) is not None for name in required) else None

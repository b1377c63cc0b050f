"""One CDS Hooks request, from its body to its cards (CDS Hooks 2.0, "Calling a CDS Service").

The steps: check the request; gather the data (prefetch, then the EHR's FHIR server); refuse data of other patients; apply the
plan; make cards; keep what feedback will refer to. Data that cannot be obtained is 412 and names the keys; data that was obtained
but does not suffice is a card that says what is needed.
"""

from __future__ import annotations

import datetime
import logging
import re
import time
from collections.abc import Mapping
from typing import Any

import anyio
import msgspec

from guideway.apply.care_plan import requests
from guideway.apply.hook_context import RESOURCES, draft_references, hook_parameters, resources_of
from guideway.apply.outcome import PatientOutcome
from guideway.apply.run import apply_guideline
from guideway.apply.words import proposal_text
from guideway.diagnostics import GuidewayError
from guideway.guideline.hook_contexts import REQUIRED_CONTEXT
from guideway.records.reading import read_resources, select
from guideway.remote.client import Client, FhirClient, Limits
from guideway.remote.errors import RemoteError
from guideway.service.caller import Caller
from guideway.service.cards import Card, cards_of
from guideway.service.logs import log
from guideway.service.prefetch import Gathered, gather, of_other_patients
from guideway.service.problems import Problem, from_remote
from guideway.service.runtime import Runtime, declares
from guideway.service.services import Left, Service
from guideway.service.settings import Settings

Json = dict[str, Any]

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
USER_TYPES = ("Practitioner", "PractitionerRole", "Patient", "RelatedPerson")


class HookRequest:
    """A checked request: its hook, instance, context with a plain ``patientId``, prefetch, and where the FHIR server is."""

    def __init__(self, body: Json, service: Service) -> None:
        """Raises Problem 400 with the element at fault."""
        self.hook = _text(body, "hook")
        if self.hook != service.hook:
            raise Problem(400, f"this service answers to {service.hook}, not to {self.hook}", expression="hook")
        self.instance = _text(body, "hookInstance")
        if not _UUID.fullmatch(self.instance):
            raise Problem(400, "hookInstance is not a UUID", expression="hookInstance")
        context = body.get("context")
        if not isinstance(context, dict):
            raise Problem(400, "context is missing or not an object", expression="context")
        for name in REQUIRED_CONTEXT[self.hook]:
            if context.get(name) in (None, "", [], {}) and not (name == "selections" and context.get(name) == []):
                raise Problem(400, f"context.{name} is required for {self.hook}", expression=f"context.{name}")
        self.context = dict(context)
        self.context["patientId"] = self.patient = _patient_id(context["patientId"])
        self.user = self._user(context.get("userId"))
        encounter = context.get("encounterId")
        if encounter is not None:
            if not isinstance(encounter, str) or not _ID.fullmatch(encounter.removeprefix("Encounter/")):
                raise Problem(400, "context.encounterId is not an id", expression="context.encounterId")
            self.context["encounterId"] = encounter.removeprefix("Encounter/")
        prefetch = body.get("prefetch")
        if prefetch is not None and not isinstance(prefetch, dict):
            raise Problem(400, "prefetch is not an object", expression="prefetch")
        self.prefetch: Mapping[str, Any] = prefetch or {}
        if "extension" in body and not isinstance(body["extension"], dict):
            raise Problem(400, "extension is not an object", expression="extension")
        try:
            parts = [context[name] for name in RESOURCES if context.get(name) is not None]
            self.proposed = [r for part in parts for r in resources_of(part, "context")]
        except GuidewayError as error:
            raise Problem(400, str(error), expression="context") from error
        self.fhir_server, self.token = self._server(body)

    def _user(self, user: Any) -> str | None:
        if user is None:
            return None
        kind, _, key = user.partition("/") if isinstance(user, str) else ("", "", "")
        if kind not in USER_TYPES or not _ID.fullmatch(key):
            raise Problem(400, "context.userId must be Type/id, such as Practitioner/123", expression="context.userId")
        return str(user)

    def _server(self, body: Json) -> tuple[str | None, str | None]:
        server, authorization = body.get("fhirServer"), body.get("fhirAuthorization")
        if server is not None and (not isinstance(server, str) or "?" in server or "#" in server):
            raise Problem(400, "fhirServer is not a URL", expression="fhirServer")
        if authorization is None:
            return server, None
        if not server:
            raise Problem(400, "fhirServer is required where fhirAuthorization is given", expression="fhirServer")
        if not isinstance(authorization, dict):
            raise Problem(400, "fhirAuthorization is not an object", expression="fhirAuthorization")
        for name in ("access_token", "token_type", "expires_in", "scope", "subject"):
            if not authorization.get(name):
                raise Problem(400, f"fhirAuthorization.{name} is missing", expression=f"fhirAuthorization.{name}")
        if authorization["token_type"] != "Bearer" or not isinstance(authorization["access_token"], str):
            raise Problem(400, "fhirAuthorization.token_type must be Bearer", expression="fhirAuthorization.token_type")
        patient = authorization.get("patient")
        if patient is not None and str(patient).removeprefix("Patient/") != self.patient:
            raise Problem(
                400, "fhirAuthorization.patient is another patient than the context's", expression="fhirAuthorization.patient"
            )
        return server, authorization["access_token"]


def _text(body: Json, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Problem(400, f"{name} is missing", expression=name)
    return value


def _patient_id(value: Any) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value.removeprefix("Patient/")):
        raise Problem(400, "context.patientId is not an id", expression="context.patientId")
    return value.removeprefix("Patient/")


async def answer(runtime: Runtime, service: Service, body: Json, caller: Caller) -> Json:
    """The response to one hook request; raises Problem."""
    request = HookRequest(body, service)
    try:
        return await _answer(runtime, service, request, caller)
    except Problem as problem:
        await anyio.to_thread.run_sync(runtime.store.audit, audit_event(service, request, caller, 0, problem.status))
        raise


async def _answer(runtime: Runtime, service: Service, request: HookRequest, caller: Caller) -> Json:
    start = time.perf_counter()
    gathered = await _data(runtime, service, request, caller)
    if gathered.missing:
        runtime.metrics.incomplete.labels(service.id).inc()
        keys = sorted(gathered.missing)
        log(
            logging.WARNING,
            "data missing",
            service=service.id,
            hook=service.hook,
            hookInstance=request.instance,
            iss=caller.iss,
            keys=keys,
        )
        if runtime.settings.when_missing(service.id) == "fail" or "patient" in gathered.missing:
            listed = "; ".join(f"{key}: {gathered.missing[key]}" for key in keys)
            raise Problem(412, f"data that this service needs could not be obtained: {listed}", expression="prefetch")
    cards = await anyio.to_thread.run_sync(
        _cards, runtime, service, request, caller, gathered, abandon_on_cancel=True, limiter=runtime.threads
    )
    hidden = runtime.settings.in_shadow(service.id)
    await anyio.to_thread.run_sync(_keep, runtime, service, request, caller, cards, hidden)
    for card in cards:
        runtime.metrics.cards.labels(service.id, card.body["indicator"], str(hidden).lower()).inc()
    ms = round((time.perf_counter() - start) * 1000, 1)
    log(
        logging.INFO, "cards", service=service.id, hook=service.hook, hookInstance=request.instance, iss=caller.iss,
        tenant=caller.tenant, cards=len(cards), ms=ms, shadow=hidden or None,
    )  # fmt: skip
    return {"cards": [] if hidden else [card.body for card in cards]}


async def _data(runtime: Runtime, service: Service, request: HookRequest, caller: Caller) -> Gathered:
    settings = runtime.settings
    limits = Limits(settings.deadline_seconds, settings.max_body_bytes, settings.max_pages, settings.max_entries)
    try:
        gathered = await _gathered(settings, service, request, caller, limits)
    except RemoteError as error:
        raise from_remote(error) from error
    except GuidewayError as error:
        raise Problem(400, str(error), expression="prefetch") from error
    if len(gathered.resources) > settings.max_entries:
        raise Problem(413, f"the request brings more than {settings.max_entries} resources")
    wrong = of_other_patients(gathered.resources, request.patient, request.fhir_server)
    wrong += of_other_patients(request.proposed, request.patient, request.fhir_server, drafts=True)
    if wrong:
        log(
            logging.WARNING,
            "data of another patient",
            service=service.id,
            hookInstance=request.instance,
            iss=caller.iss,
            count=len(wrong),
        )
        raise Problem(
            400,
            f"{len(wrong)} resources belong to another patient than context.patientId: {', '.join(wrong[:5])}",
            expression="prefetch",
        )
    return gathered


async def _gathered(settings: Settings, service: Service, request: HookRequest, caller: Caller, limits: Limits) -> Gathered:
    if request.fhir_server is None:
        return await gather(service.templates, request.prefetch, request.context, None, "no fhirServer is given")
    guard = settings.guard_for(caller.issuer)
    guard.base_of(request.fhir_server)
    async with Client(guard, limits=limits, token=request.token, token_base=request.fhir_server) as client:
        server = FhirClient(client, request.fhir_server)
        return await gather(service.templates, request.prefetch, request.context, server, "")


def _cards(runtime: Runtime, service: Service, request: HookRequest, caller: Caller, gathered: Gathered) -> list[Card]:
    settings = runtime.settings
    site = caller.issuer
    configured = {**settings.parameters, **(site.parameters if site is not None else {})}
    parameters: dict[str, Any] = {n: v for n, v in configured.items() if declares(service.guideline, n)}
    try:
        record = select(read_resources(gathered.resources, "prefetch"), request.patient)
        parameters.update(hook_parameters(service.guideline, request.context))
    except GuidewayError as error:
        raise Problem(400, str(error), expression="prefetch") from error
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    user = request.user or ""
    outcome = applied(
        service.guideline,
        record,
        plans=[service.plan.id],
        as_of=now,
        timezone=settings.timezone,
        parameters=parameters,
        hook=service.hook,
        practitioner=user if user.startswith("Practitioner") else None,
        encounter=f"Encounter/{request.context['encounterId']}" if request.context.get("encounterId") else None,
        explain="brief",
        warm=True,
    )
    for finding in outcome.findings:
        log(logging.DEBUG, "finding", service=service.id, hookInstance=request.instance, reason=finding.rule)
    links = (
        [{"label": "Open the guideline's application", "url": settings.smart_app_url, "type": "smart"}]
        if settings.smart_app_url
        else []
    )
    left = _left(runtime, service, caller)
    return cards_of(
        outcome,
        requests(outcome),
        instance=request.instance,
        service=service.id,
        drafts=draft_words(request),
        limit=settings.max_cards,
        links=links,
        disabled=[*settings.disabled, *(site.disabled if site is not None else [])],
        missing=gathered.missing,
        elsewhere=left.plans,
        asked=left.asked,
        always_ask=settings.data_needed == "always",
    )


def _left(runtime: Runtime, service: Service, caller: Caller) -> Left:
    """What another service of this caller's shows; one that is in shadow shows nothing, so nothing is left to it."""
    settings, usage = runtime.settings, runtime.content.usage
    silent = settings.shadow if isinstance(settings.shadow, list) else ()
    return usage.left(service, settings.services_for(caller.issuer), [name for name in silent if name != service.id])


def draft_words(request: HookRequest) -> dict[str, str]:
    """The draft orders by reference, each with what is ordered, in words."""
    words = {f"{r['resourceType']}/{r['id']}": proposal_text(r) for r in request.proposed if r.get("id")}
    return {reference: words.get(reference, "") for reference in draft_references(request.context)}


def applied(*arguments: Any, **options: Any) -> PatientOutcome:
    """The outcome; what goes wrong here is not the caller's doing."""
    try:
        return apply_guideline(*arguments, **options)
    except GuidewayError as error:
        raise Problem(500, f"the guideline could not be applied: {error}") from error


def _keep(runtime: Runtime, service: Service, request: HookRequest, caller: Caller, cards: list[Card], hidden: bool) -> None:
    """Keep what feedback will refer to, and the audit event; both hold no patient data but the references that audit needs."""
    now = int(time.time())
    rows = (
        {
            "uuid": card.uuid, "service": service.id, "plan": card.plan, "version": card.version, "action": card.action,
            "indicator": card.body["indicator"], "iss": caller.iss or "", "shadow": hidden, "shown": now,
            "recommendations": [msgspec.to_builtins(each) for each in card.shown],
        }
        for card in cards
    )  # fmt: skip
    runtime.store.keep(rows, audit_event(service, request, caller, len(cards)))


def audit_event(service: Service, request: HookRequest, caller: Caller, cards: int, status: int = 200) -> Json:
    """The AuditEvent of one hook request: who asked, for whom, what was applied, how many cards or which failure."""
    agents: list[Json] = [{"requestor": True, "who": {"display": caller.iss or "local"}}]
    if request.user:
        agents.append({"requestor": False, "who": {"reference": request.user}})
    return {
        "resourceType": "AuditEvent",
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "subtype": [{"system": "http://hl7.org/fhir/restful-interaction", "code": "operation"}],
        "action": "E",
        "recorded": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "outcome": "0" if status < 400 else "4" if status < 500 else "8",
        "agent": agents,
        "source": {"observer": {"display": "guideway"}},
        "entity": [
            {"what": {"reference": f"Patient/{request.patient}"}, "role": {"code": "1"}},
            {
                "what": {"reference": service.plan.canonical},
                "detail": [
                    {"type": "hookInstance", "valueString": request.instance},
                    {"type": "service", "valueString": service.id},
                    {"type": "cards", "valueString": str(cards)},
                ],
            },
        ],
    }

"""One CDS Hooks request, from its body to its cards (CDS Hooks 2.0, "Calling a CDS Service").

The steps: check the request (hook_request.py); gather the data (prefetch, then the EHR's FHIR server); refuse data of other
patients; apply the plan; make cards; keep what feedback will refer to. Data that cannot be obtained is 412 and names the keys;
data that was obtained but does not suffice is a card that says what is needed.
"""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import anyio
import msgspec

from guideway.apply.care_plan import requests
from guideway.apply.code_names import displays_of
from guideway.apply.hook_context import hook_parameters
from guideway.apply.outcome import PatientOutcome
from guideway.apply.run import apply_guideline
from guideway.diagnostics import GuidewayError
from guideway.records.reading import read_resources, select
from guideway.remote.client import Client, FhirClient, Limits
from guideway.remote.errors import RemoteError
from guideway.service.audit import audit_event
from guideway.service.caller import Caller
from guideway.service.cards import Card, cards_of, to_explain, to_give_reasons
from guideway.service.data_notes import ABOUT_ALL, DataNotes, data_notes
from guideway.service.hook_request import HookRequest, plain_id
from guideway.service.logs import log
from guideway.service.prefetch import Gathered, gather, of_other_patients
from guideway.service.problems import Problem, from_remote
from guideway.service.runtime import Runtime, declares
from guideway.service.services import Left, Service
from guideway.service.settings import Settings

Json = dict[str, Any]

LARGE = 500
"""So many resources of one patient may take longer to explain than there is time; then what applies is worked out first."""
HOPELESS = 10_000
"""So many cannot be explained in the time that there is: it is not tried."""
LONG = 500_000
"""A request of so many bytes is checked beside the loop that serves the others: its drafts may hold very many elements."""
SOURCE = "prefetch"
"""What the record calls the place that its resources came from."""


async def answer(runtime: Runtime, service: Service, body: Json, caller: Caller, size: int = 0) -> Json:
    """The response to one hook request of ``size`` bytes; raises Problem. Whatever comes of it, an AuditEvent is kept."""
    start = time.perf_counter()
    request: HookRequest | None = None
    cards: list[Card] = []
    status = 500
    try:
        request = HookRequest(body, service) if size < LONG else await anyio.to_thread.run_sync(HookRequest, body, service)
        cards = await _answer(runtime, service, request, caller)
        status = 200
    except Problem as problem:
        status = problem.status
        raise
    finally:
        if status != 200:
            with suppress(Problem):  # the log says that it could not be kept
                await runtime.keep((), _event(service, about(request, body), caller, 0, status))
    hidden = runtime.settings.in_shadow(service.id)
    kept = card_rows(service, caller, cards, hidden), _event(service, about(request, body), caller, len(cards))
    await runtime.keep(*kept)
    for card in cards:
        runtime.metrics.cards.labels(service.id, card.body["indicator"], str(hidden).lower()).inc()
    ms = round((time.perf_counter() - start) * 1000, 1)
    log(
        logging.INFO, "cards", service=service.id, hook=service.hook, hookInstance=request.instance, iss=caller.iss,
        tenant=caller.tenant, cards=len(cards), ms=ms, shadow=hidden or None,
    )  # fmt: skip
    return {"cards": [] if hidden else [card.body for card in cards]}


async def _answer(runtime: Runtime, service: Service, request: HookRequest, caller: Caller) -> list[Card]:
    start = time.monotonic()
    seconds = runtime.settings.deadline_seconds
    try:
        with anyio.fail_after(seconds):
            gathered = await _data(runtime, service, request, caller)
    except TimeoutError:
        raise Problem(504, f"no data within {seconds:g} s; nothing can be concluded from this answer") from None
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
            reasons: dict[str, list[str]] = {}
            for key in keys:
                reasons.setdefault(gathered.missing[key], []).append(key)
            listed = "; ".join(f"{', '.join(names)}: {why}" for why, names in reasons.items())
            raise Problem(412, f"data that this service needs could not be obtained: {listed}", expression="prefetch")
    left = max(0.1, start + seconds - time.monotonic())
    without: list[list[Card]] = []

    def in_short() -> list[Card]:
        without.append(_cards(runtime, service, request, caller, gathered, reasons=False))
        return without[0]

    def work() -> list[Card]:
        if len(gathered.resources) > LARGE:
            in_short()
        if len(gathered.resources) > HOPELESS:
            return without[0]
        return _cards(runtime, service, request, caller, gathered)

    cards: list[Card] = await runtime.lanes.run(work, left, lambda: without[0] if without else None, in_short)
    if without and cards is without[0]:
        log(logging.WARNING, "reasons left out", service=service.id, hookInstance=request.instance, count=len(gathered.resources))
    return cards


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
    for resources, place, drafts in ((gathered.resources, "prefetch", False), (request.proposed, "context", True)):
        wrong = of_other_patients(resources, request.patient, request.fhir_server, drafts=drafts)
        if wrong:
            log(
                logging.WARNING, "data of another patient", service=service.id, hookInstance=request.instance, iss=caller.iss,
                count=len(wrong),
            )  # fmt: skip
            what = "1 resource is" if len(wrong) == 1 else f"{len(wrong)} resources are"
            text = f"{what} of another patient than context.patientId, or not certainly of this one: {', '.join(wrong[:5])}"
            raise Problem(400, text, expression=place)
    return gathered


async def _gathered(settings: Settings, service: Service, request: HookRequest, caller: Caller, limits: Limits) -> Gathered:
    """What the prefetch brings, and the rest from the FHIR server, if that may be asked; one that may not does not make a
    prefetch that is complete any worse."""
    wanted = service.templates, request.prefetch, request.context
    more = request.medications, request.proposed
    if request.fhir_server is None:
        return await gather(*wanted, None, "no fhirServer is given", *more)
    guard = settings.guard_for(caller.issuer)
    try:
        guard.base_of(request.fhir_server)
    except RemoteError as error:
        found = await gather(*wanted, None, str(error), *more)
        if found.missing:
            log(logging.WARNING, "server refused", service=service.id, hookInstance=request.instance, iss=caller.iss)
        return found
    async with Client(guard, limits=limits, token=request.token, token_base=request.fhir_server) as client:
        return await gather(*wanted, FhirClient(client, request.fhir_server), "", *more)


def _cards(
    runtime: Runtime, service: Service, request: HookRequest, caller: Caller, gathered: Gathered, *, reasons: bool = True
) -> list[Card]:
    """The cards; without ``reasons`` what applies and no more, in a fraction of the time."""
    settings = runtime.settings
    site = caller.issuer
    configured = {**settings.parameters, **(site.parameters if site is not None else {})}
    parameters: dict[str, Any] = {n: v for n, v in configured.items() if declares(service.guideline, n)}
    try:
        record = select(read_resources(gathered.resources, SOURCE), request.patient)
        parameters.update(hook_parameters(service.guideline, request.context))
    except GuidewayError as error:
        raise Problem(400, str(error), expression="prefetch") from error
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    user = request.user or ""
    left = _left(runtime, service, caller)
    disabled = [*settings.disabled, *(site.disabled if site is not None else [])]
    types = {template.type for template in service.templates} - left.types
    outcome = applied(
        service.guideline,
        record,
        plans=[service.plan.id],
        as_of=now,
        timezone=settings.timezone,
        parameters=parameters,
        hook=service.hook,
        practitioner=user if user.startswith(("Practitioner/", "PractitionerRole/")) else None,
        encounter=f"Encounter/{request.context['encounterId']}" if request.context.get("encounterId") else None,
        explain="brief" if reasons else "none",
        warm=True,
        wanted=lambda known: to_explain(known, disabled=disabled, elsewhere=left.plans, asked=left.asked),
        told=lambda known: to_give_reasons(known, disabled=disabled, elsewhere=left.plans),
        checked=types | ABOUT_ALL,
    )
    for finding in outcome.findings:
        log(logging.DEBUG, "finding", service=service.id, hookInstance=request.instance, reason=finding.rule)
    notes = data_notes(outcome, SOURCE, types, general=left.first)
    if left.first and (not_judged := request.not_judged()):
        notes = DataNotes((*not_judged, *notes.lines), "warning")
    if notes.lines:
        log(logging.INFO, "doubts about the data", service=service.id, hookInstance=request.instance, count=len(notes.lines))
    links = (
        [{"label": "Open the guideline's application", "url": settings.smart_app_url, "type": "smart"}]
        if settings.smart_app_url
        else []
    )
    return cards_of(
        outcome,
        requests(outcome),
        instance="|".join((caller.iss or "", request.patient, request.instance)),
        service=service.id,
        drafts=request.draft_orders(gathered.resources, displays_of(service.guideline)),
        limit=settings.max_cards,
        links=links,
        disabled=disabled,
        missing=gathered.missing,
        elsewhere=left.plans,
        asked=left.asked,
        always_ask=settings.data_needed == "always",
        may_ask=bool(request.proposed) or "draftOrders" not in request.context,
        notes=notes,
        reasons=reasons,
    )


def _left(runtime: Runtime, service: Service, caller: Caller) -> Left:
    """What another service of this caller's shows; one that is in shadow shows nothing, so nothing is left to it."""
    settings, usage = runtime.settings, runtime.content.usage
    silent = settings.shadow if isinstance(settings.shadow, list) else ()
    return usage.left(service, settings.services_for(caller.issuer), [name for name in silent if name != service.id])


def applied(*arguments: Any, **options: Any) -> PatientOutcome:
    """The outcome; what goes wrong here is not the caller's doing."""
    try:
        return apply_guideline(*arguments, **options)
    except GuidewayError as error:
        raise Problem(500, f"the guideline could not be applied: {error}") from error


def card_rows(service: Service, caller: Caller, cards: Sequence[Card], hidden: bool) -> list[Json]:
    """What is kept of cards, for feedback to refer to; nothing of the patient."""
    now = int(time.time())
    return [
        {
            "uuid": card.uuid, "service": service.id, "plan": card.plan, "version": card.version, "action": card.action,
            "indicator": card.body["indicator"], "iss": caller.iss or "", "shadow": hidden, "shown": now,
            "recommendations": [msgspec.to_builtins(each) for each in card.shown],
        }
        for card in cards
    ]  # fmt: skip


class About(NamedTuple):
    """Whom a request is about, who is at the screen, and which request it is; None where that was not said, or not rightly."""

    patient: str | None = None
    user: str | None = None
    instance: str | None = None


def about(request: HookRequest | None, body: Json) -> About:
    """What the AuditEvent says of a request; of one that was refused at once the patient, if a well-formed id was given."""
    if request is not None:
        return About(request.patient, request.user, request.instance)
    context = body.get("context")
    try:
        return About(plain_id(context.get("patientId"), "patientId", "Patient") if isinstance(context, dict) else None)
    except Problem:
        return About()


def _event(service: Service, request: About, caller: Caller, cards: int, status: int = 200) -> Json:
    """The AuditEvent of one hook request: what was applied, how many cards came of it, or which failure."""
    instance = {"hookInstance": request.instance} if request.instance else {}
    return audit_event(
        caller, {"reference": service.plan.canonical}, {**instance, "service": service.id, "cards": str(cards)},
        about=[f"Patient/{request.patient}"] if request.patient else [], user=request.user, status=status,
    )  # fmt: skip

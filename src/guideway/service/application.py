"""The ASGI application: routes, and what every request passes through.

Every answer has a request id, security headers, a line in the log and a place in the metrics; every failure is an
OperationOutcome. The routes are one table, which the OpenAPI document is made from as well (openapi.py).
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import anyio
import msgspec
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from guideway.diagnostics import GuidewayError
from guideway.remote.errors import RemoteError
from guideway.service import feedback as feedback_rows
from guideway.service import hooks
from guideway.service.caller import hooks_caller, own_name
from guideway.service.intake import decode, read_body, require_json, require_json_wanted
from guideway.service.logs import log
from guideway.service.problems import Problem, from_remote
from guideway.service.routes import Handler, Place, json_response, problem_response
from guideway.service.runtime import Runtime, guidelines_shown
from guideway.service.services import Service
from guideway.service.settings import Settings
from guideway.service.store import StoreError

Json = dict[str, Any]

SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-site"),
)
NO_STORE = (b"cache-control", b"no-store")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods that are told apart in metrics and the log: a caller can make up any."""
HSTS = (b"strict-transport-security", b"max-age=31536000")


class Gate:
    """The outermost layer: request id, headers, log, metrics, and a last net that no exception falls through."""

    def __init__(self, app: ASGIApp, runtime: Runtime) -> None:
        self.app = app
        self.runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        runtime = self.runtime
        start = time.perf_counter()
        request_id = str(uuid.uuid4())
        status = 500
        begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                begun = True
                status = message["status"]
                headers = [*message.get("headers", ()), *SECURITY_HEADERS, (b"x-request-id", request_id.encode())]
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append(NO_STORE)
                if runtime.draining:
                    headers.append((b"connection", b"close"))
                if runtime.settings.public_base.startswith("https://"):
                    headers.append(HSTS)
                message = {**message, "headers": headers}
            await send(message)

        runtime.under_way += 1
        runtime.metrics.under_way.inc()
        scope["guideway.request"] = request_id
        try:
            await self.app(scope, receive, send_with_headers)
        except Exception as error:
            log(logging.ERROR, "failed", failure=error, request=request_id)
            if not begun:
                await problem_response(failure(request_id))(scope, receive, send_with_headers)
        finally:
            runtime.under_way -= 1
            runtime.metrics.under_way.dec()
            route = getattr(scope.get("route"), "path", None) or "other"
            seconds = time.perf_counter() - start
            method = scope["method"] if scope["method"] in METHODS else "other"
            runtime.metrics.requests.labels(route, method, str(status)).inc()
            runtime.metrics.seconds.labels(route).observe(seconds)
            if not route.startswith(("/health", "/metrics")):
                ms = round(seconds * 1000, 1)
                log(logging.INFO, "request", request=request_id, method=method, route=route, status=status, ms=ms)


class Origins(CORSMiddleware):
    """Which pages in a browser may call; a preflight that is refused gets an OperationOutcome like everything else."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """The answer to ``OPTIONS``."""
        answer = super().preflight_response(request_headers)
        if answer.status_code < 400:
            return answer
        return problem_response(Problem(403, "pages of this origin may not call so", headers={"Vary": "Origin"}))


def failure(request_id: str) -> Problem:
    """What is told of a failure of the service itself; what it was stands in the log."""
    return Problem(500, f"the service failed on this request ({request_id}); nothing can be concluded from this answer")


def endpoint(runtime: Runtime, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """A route's function: the handler with its problems turned into answers."""

    async def run(request: Request) -> Response:
        try:
            own_name(runtime.settings, request)
            if request.scope["path"].startswith("/fhir"):
                require_json_wanted(request)
            return await handler(runtime, request)
        except Problem as problem:
            return problem_response(problem)
        except RemoteError as error:
            return problem_response(from_remote(error))
        except GuidewayError as error:
            return problem_response(Problem(400, str(error)))

    return run


async def discovery(runtime: Runtime, request: Request) -> Response:
    """``GET /cds-services``: the services of all packages."""
    caller = await hooks_caller(runtime, request)
    names = runtime.settings.services_for(caller.issuer) or tuple(runtime.content.services)
    document = {"services": [runtime.content.services[name].discovery() for name in dict.fromkeys(names)]}
    body = msgspec.json.encode(document)
    tag = f'"{uuid.uuid5(uuid.NAMESPACE_OID, body.decode()).hex}"'
    headers = {"ETag": tag, "Cache-Control": "private, max-age=60"}  # of a 304 as well (RFC 9110 §15.4.5)
    held = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if held & {tag, "*"}:
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, "application/json; charset=utf-8")


def _service(runtime: Runtime, request: Request) -> Service:
    service = runtime.content.services.get(request.path_params["id"])
    if service is None:
        raise Problem(404, "there is no such service; GET /cds-services lists them")
    return service


async def call(runtime: Runtime, request: Request) -> Response:
    """``POST /cds-services/{id}``: cards for one hook."""
    caller = await hooks_caller(runtime, request)
    service = _service(runtime, request)
    require_json(request)
    raw = await read_body(request, runtime.settings)
    body = decode(raw, runtime.settings)
    return json_response(await hooks.answer(runtime, service, body, caller, len(raw)))


async def feedback(runtime: Runtime, request: Request) -> Response:
    """``POST /cds-services/{id}/feedback``: what became of cards; kept before it is acknowledged."""
    caller = await hooks_caller(runtime, request)
    service = _service(runtime, request)
    require_json(request)
    body = decode(await read_body(request, runtime.settings), runtime.settings)
    found = feedback_rows.rows(body, service, caller.iss)
    try:
        with anyio.fail_after(runtime.settings.deadline_seconds):
            await feedback_rows.only_shown(runtime, found)
            new = await anyio.to_thread.run_sync(runtime.store.add_feedback, [row for _, row in found], abandon_on_cancel=True)
    except (TimeoutError, StoreError) as error:
        log(logging.ERROR, "feedback could not be kept", failure=error, service=service.id, iss=caller.iss)
        raise Problem(503, "the feedback could not be kept; send it again", headers={"Retry-After": "5"}) from error
    log(logging.INFO, "feedback", service=service.id, iss=caller.iss, count=new)
    return Response(status_code=200)


async def live(runtime: Runtime, request: Request) -> Response:
    """``GET /health/live``: the process answers."""
    return json_response({"status": "ok"})


async def ready(runtime: Runtime, request: Request) -> Response:
    """``GET /health/ready``: guidelines compiled, store reachable, not draining. A worker that is replaced says what the others
    would say: the service goes on."""
    if runtime.stopping:
        return json_response({"status": "draining"}, 503)
    try:
        await runtime.stored(runtime.store.ping, otherwise="store unreachable")
        runtime.writer.trust()
        if runtime.writer.failing:
            raise StoreError("the last answers could not be kept")
    except Exception as error:
        log(logging.ERROR, "store unreachable", failure=error)
        runtime.writer.doubt()
        return json_response({"status": "store unreachable"}, 503)
    return json_response({"status": "ok", "guidelines": guidelines_shown(runtime.content.guidelines)})


async def metrics(runtime: Runtime, request: Request) -> Response:
    """``GET /metrics``: Prometheus text; where others than this machine can call, for a bearer token with system/Metrics.r."""
    if runtime.settings.public and runtime.settings.token_issuers:
        from guideway.service.caller import fhir_caller

        await fhir_caller(runtime, request, ["system/Metrics.r"])
    if runtime.settings.public and not runtime.settings.token_issuers:
        raise Problem(403, "metrics need token_issuers where others than this machine can call")
    otherwise = "the store, which counts the cards, does not answer"
    rows = await runtime.stored(runtime.store.feedback_counts, otherwise=otherwise)
    each = await runtime.stored(runtime.store.recommendation_feedback, otherwise=otherwise)
    body, kind = runtime.metrics.text(rows, each)
    return Response(body, 200, media_type=kind)


PLACES: tuple[Place, ...] = (
    Place("GET", "/cds-services", discovery, "Discovery of the CDS services"),
    Place("POST", "/cds-services/{id}", call, "Call a CDS service"),
    Place("POST", "/cds-services/{id}/feedback", feedback, "Feedback on cards"),
    Place("GET", "/health/live", live, "Whether the process answers"),
    Place("GET", "/health/ready", ready, "Whether the service can answer"),
    Place("GET", "/metrics", metrics, "Prometheus metrics"),
)


def all_places(settings: Settings, *, refusing: bool = False) -> tuple[Place, ...]:
    """Every route of a service with these settings; with ``refusing`` also those that say that ``$cql`` is switched off."""
    from guideway.service.openapi import OPENAPI_PLACES
    from guideway.service.operations import CQL_PATH, FHIR_PLACES

    shown = settings.serves_cql or refusing
    fhir = [place for place in FHIR_PLACES if shown or place.path != CQL_PATH] if settings.fhir_operations else []
    return (*PLACES, *fhir, *OPENAPI_PLACES)


def make_application(runtime: Runtime) -> ASGIApp:
    """The application around a runtime."""
    routes = make_routes(runtime, all_places(runtime.settings, refusing=True))

    async def not_found(request: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 404)
        text = {404: "there is nothing at this path", 405: "this path does not take this method"}.get(
            status, "the request is not valid"
        )
        return problem_response(Problem(status, text, headers=dict(getattr(error, "headers", None) or {})))

    async def failed(request: Request, error: Exception) -> Response:
        return problem_response(failure(request.scope["guideway.request"]))

    middleware = []
    if runtime.settings.cors_origins:
        origins = [origin.rstrip("/") for origin in runtime.settings.cors_origins]
        allowed, shown = ["authorization", "content-type", "if-none-match"], ["ETag", "Retry-After", "X-Request-Id"]
        middleware.append(
            Middleware(Origins, allow_origins=origins, allow_methods=["GET", "POST"], allow_headers=allowed, expose_headers=shown)
        )
    application = Starlette(
        routes=routes, exception_handlers={404: not_found, 405: not_found, Exception: failed}, middleware=middleware
    )
    application.router.redirect_slashes = False  # the address would be made from the Host header
    return Gate(application, runtime)


def make_routes(runtime: Runtime, places: Iterable[Place]) -> list[Route]:
    """A Starlette route for each path of the table."""
    methods: dict[str, dict[str, Handler]] = {}
    for place in places:
        methods.setdefault(place.path, {})[place.method] = place.handler
    return [_route(runtime, path, by_method) for path, by_method in methods.items()]


def _route(runtime: Runtime, path: str, by_method: dict[str, Handler]) -> Route:
    async def choose(runtime: Runtime, request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await by_method[method](runtime, request)

    return Route(path, endpoint(runtime, choose), methods=list(by_method))

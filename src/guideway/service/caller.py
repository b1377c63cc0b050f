"""Who is calling: the check of the Authorization header, for CDS Hooks (client JWT) and for /fhir (bearer token)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request

from guideway.service.keys import Claims, KeysOutOfReach, TokenRefused, verify
from guideway.service.logs import log
from guideway.service.problems import Problem
from guideway.service.runtime import Runtime
from guideway.service.settings import Issuer, Settings, is_loopback

REFUSALS_PER_MINUTE = 120
"""So many tokens of one address may be refused, or not be checked, in a minute."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller that was let in; all parts None on a loopback service without authentication."""

    iss: str | None = None
    tenant: str | None = None
    jti: str | None = None
    issuer: Issuer | None = None
    scopes: frozenset[str] = frozenset()


def own_name(settings: Settings, request: Request) -> None:
    """Raises Problem 421 where nobody is asked for a token and the request names another host than this one.

    A page in a browser on this machine could otherwise reach the service through a name that it has pointed here.
    """
    if settings.token_issuers if request.scope["path"].startswith("/fhir") else settings.authenticated:
        return
    named = request.headers.getlist("host")
    try:
        host = urlsplit("//" + named[0]).hostname or "" if len(named) == 1 else ""
    except ValueError:
        host = ""
    if not is_loopback(host) and host != urlsplit(settings.public_base).hostname:
        raise Problem(421, "this service does not answer to that host name")


def _bearer(request: Request) -> str | None:
    given = request.headers.getlist("authorization")
    scheme, _, token = (given[0] if len(given) == 1 else "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _refuse(runtime: Runtime, request: Request, reason: str) -> Problem:
    """What is told of a token that is refused; 429 where too many of its address were just now. A good token is let in whatever
    else came from its address: all EHRs behind one proxy or NAT may share it."""
    if (many := _counted(runtime, request)) is not None:
        return many
    log(logging.WARNING, "token refused", reason=reason)
    runtime.metrics.refused.labels("401").inc()
    return Problem(401, "not authorized", headers={"WWW-Authenticate": "Bearer"})


def _counted(runtime: Runtime, request: Request) -> Problem | None:
    """Count a token that was not let in; 429 where too many of its address were not just now."""
    wait = runtime.refusals.allow(request.client.host if request.client else "local", REFUSALS_PER_MINUTE)
    return _too_many(runtime, wait) if wait else None


def _too_many(runtime: Runtime, wait: float) -> Problem:
    runtime.metrics.refused.labels("429").inc()
    return Problem(429, "too many requests", headers={"Retry-After": str(max(1, round(wait + 0.5)))})


async def _verified(runtime: Runtime, request: Request, token: str, **options: Any) -> Claims:
    """What the token says; raises TokenRefused, or Problem 503 (429 as above) where that cannot be told."""
    settings = runtime.settings
    try:
        return await verify(
            token, algorithms=settings.algorithms, skew=settings.clock_skew_seconds, patience=settings.deadline_seconds, **options
        )
    except KeysOutOfReach as error:
        if (many := _counted(runtime, request)) is not None:
            raise many from error
        log(logging.ERROR, "token not checked", reason=str(error))
        text = "whether the token is good cannot be told: the keys of its issuer are out of reach; ask again"
        raise Problem(503, text, headers={"Retry-After": "5"}) from error


async def hooks_caller(runtime: Runtime, request: Request) -> Caller:
    """The EHR behind a CDS Hooks request; raises Problem 401 (no reason given), 429 or 503."""
    settings = runtime.settings
    caller = Caller()
    if settings.authenticated:
        token = _bearer(request)
        if token is None:
            raise _refuse(runtime, request, "no bearer token")
        path = request.scope["path"]  # of the URL nothing else counts: its host is what the caller says
        try:
            claims = await _verified(
                runtime, request, token, sources=runtime.keys, audiences=[settings.public_base + path],
                max_age=settings.token_age_seconds,
            )  # fmt: skip
            assert claims.jti is not None
            fresh = await runtime.stored(
                runtime.store.use_token, claims.iss, claims.jti, claims.exp,
                otherwise="whether the token was used before cannot be told; ask again with a new one",
            )  # fmt: skip
            if not fresh:
                raise TokenRefused("the jti was used before")
        except TokenRefused as refused:
            raise _refuse(runtime, request, str(refused)) from None
        issuer = next(i for i in settings.issuers if i.iss == claims.iss)
        caller = Caller(claims.iss, claims.tenant, claims.jti, issuer)
    elif request.headers.get("authorization"):
        log(logging.DEBUG, "authorization ignored", reason="no issuers are configured")
    _within_rate(runtime, request, caller)
    return caller


async def fhir_caller(runtime: Runtime, request: Request, scopes: Iterable[str]) -> Caller:
    """The client behind a /fhir request, which must have one of ``scopes``; raises Problem 401, 403, 429 or 503."""
    settings = runtime.settings
    caller = Caller()
    if settings.token_issuers:
        token = _bearer(request)
        if token is None:
            raise _refuse(runtime, request, "no bearer token")
        try:
            claims = await _verified(
                runtime, request, token, sources=runtime.token_keys,
                audiences=[t.audience or settings.public_base + "/fhir" for t in settings.token_issuers],
                max_age=None, require_jti=False,
            )  # fmt: skip
        except TokenRefused as refused:
            raise _refuse(runtime, request, str(refused)) from None
        expected = next(
            (t.audience or settings.public_base + "/fhir" for t in settings.token_issuers if t.iss == claims.iss), None
        )
        audience = claims.all.get("aud")
        if expected not in (audience if isinstance(audience, list) else [audience]):
            raise _refuse(runtime, request, "the audience is that of another issuer")
        granted = claims.all.get("scope") or claims.all.get("scp") or ""
        names = frozenset(granted.split() if isinstance(granted, str) else map(str, granted) if isinstance(granted, list) else ())
        caller = Caller(claims.iss, claims.tenant, claims.jti, None, names)
        if not any(_covers(have, need) for have in names for need in scopes):
            log(logging.WARNING, "scope missing", iss=claims.iss, reason="none of the scopes for this operation")
            raise Problem(403, "the token does not allow this operation")
    _within_rate(runtime, request, caller)
    return caller


def _covers(have: str, need: str) -> bool:
    """Whether a SMART scope (v1 or v2) covers a needed one such as ``system/PlanDefinition.r``."""
    context, _, rest = have.partition("/")
    kind, _, access = rest.partition(".")
    needed_kind, _, needed_access = need.partition("/")[2].partition(".")
    if "?" in access:  # only for some resources, which this service does not tell apart
        return False
    rights = {"read": "rs", "write": "cud", "*": "cruds"}.get(access, access)
    return context == need.partition("/")[0] and kind in ("*", needed_kind) and set(needed_access) <= set(rights)


def _within_rate(runtime: Runtime, request: Request, caller: Caller) -> None:
    who = caller.iss or (request.client.host if request.client else "local")
    limit = caller.issuer.requests_per_minute if caller.issuer is not None else None
    wait = runtime.limiter.allow(who, limit or runtime.settings.requests_per_minute)
    if wait:
        raise _too_many(runtime, wait)

"""JSON Web Tokens of callers: the CDS Hooks client JWT (spec "Trusting CDS Clients") and bearer tokens for /fhir.

The order of checks is that of the best-practices page: algorithm, issuer, key, signature, audience, times, replay.
The reason of a refusal is for the log only; a caller learns nothing but 401.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt

from guideway.remote.client import Client, Limits
from guideway.remote.errors import RemoteError
from guideway.remote.guard import AllowedBase, Guard
from guideway.service.logs import log

KEY_LIFETIME = 600.0
LAST_RESORT = 10 * KEY_LIFETIME
"""So long a key is used where the issuer's keys cannot be read again."""
REFETCH_PAUSE = 30.0
RETRY_PAUSE = 2.0
FETCH_SECONDS = 3.0
MAX_TOKEN_LIFETIME = 3600


class TokenRefused(Exception):
    """The token is not accepted; the message says why, without any part of the token."""


class KeysOutOfReach(Exception):
    """Whether the token is good cannot be told: the issuer's keys could not be had."""


@dataclass(slots=True)
class KeySource:
    """The public keys of one issuer: from a file, or from URLs that are on its list; remote ones are kept for ten minutes.

    A ``kid`` that is not known causes one new look, at most every 30 s, so that neither a rotation of keys nor a flood of made-up
    ids does harm. Whoever needs a look waits for the one that is under way; after one that failed none is begun for a moment.
    """

    file: Path | None
    urls: tuple[str, ...]
    private: bool = False
    _sets: dict[str, tuple[float, dict[str, Any]]] = field(default_factory=dict)
    _asked: dict[str, tuple[float, bool]] = field(default_factory=dict)
    """When the last look ended, and whether keys were found."""
    _looks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def key(self, kid: str, jku: str | None, patience: float = 5.0) -> Any:
        """The key with this id; raises TokenRefused, or KeysOutOfReach where in so many seconds it cannot be told."""
        if jku is not None and jku not in self.urls:
            raise TokenRefused("the jku is not on the issuer's list")
        if jku is None and self.file is None and len(self.urls) != 1:
            raise TokenRefused("no jku in the token, and no key file is configured")
        source = jku or (str(self.file) if self.file is not None else self.urls[0])
        keys, age = self._held(source)
        if kid in keys and age <= KEY_LIFETIME:  # it waits for nobody
            return keys[kid]
        ended, found = self._asked.get(source, (float("-inf"), True))
        if time.monotonic() - ended >= (REFETCH_PAUSE if found or kid in keys else RETRY_PAUSE):
            try:
                await self._look(source, patience)
            except KeysOutOfReach:
                if kid not in keys or age >= LAST_RESORT:
                    raise
            keys, age = self._held(source)
        if kid in keys and age < LAST_RESORT:
            return keys[kid]
        if not self._asked.get(source, (0.0, False))[1]:
            raise KeysOutOfReach("the issuer's keys could not be read")
        raise TokenRefused("the key id is unknown")

    def _held(self, source: str) -> tuple[dict[str, Any], float]:
        """The keys that were read last, and how long ago."""
        loaded, keys = self._sets.get(source, (float("-inf"), {}))
        return keys, time.monotonic() - loaded

    async def _look(self, source: str, patience: float) -> None:
        """Wait, so many seconds at most, for the look that is under way, or for a new one."""
        task = self._looks.get(source)
        if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
            task = self._looks[source] = asyncio.create_task(self._read(source))
        try:
            await asyncio.wait_for(asyncio.shield(task), patience)
        except TimeoutError:
            raise KeysOutOfReach("the issuer's keys were not there in time") from None

    async def _read(self, source: str) -> None:
        try:
            if self.file is not None and source == str(self.file):
                content = json.loads(self.file.read_text("utf-8"))
            else:
                guard = Guard((AllowedBase(source, self.private),))
                async with Client(guard, limits=Limits(seconds=FETCH_SECONDS, answer_bytes=200_000)) as client:
                    content = await client.get_json(source)
            keys = parse_key_set(content)
        except (OSError, ValueError, RecursionError, RemoteError) as error:
            log(logging.WARNING, "an issuer's keys could not be read", failure=error)
            self._asked[source] = time.monotonic(), False
        else:
            if not keys:  # what was withdrawn is withdrawn
                log(logging.WARNING, "an issuer has no key that can be used")
            self._sets[source] = time.monotonic(), keys
            self._asked[source] = time.monotonic(), True


def parse_key_set(content: Any) -> dict[str, Any]:
    """kid → public key of a JWKS; raises ValueError where it is no key set.

    What cannot be used here (another kind of key or curve, one for encryption, one without an id, one that cannot be read) is
    passed over, as RFC 7517 §5 asks for, and so is an id that several keys share (one key that is listed twice is one key).
    """
    if not isinstance(content, Mapping) or not isinstance(content.get("keys"), list):
        raise ValueError("not a JWKS")
    keys: dict[str, Any] = {}
    seen: dict[str, list[Any]] = {}
    shared: set[str] = set()
    for entry in content["keys"]:
        if not isinstance(entry, Mapping) or entry.get("kty") not in ("RSA", "EC"):
            continue
        kid, uses = entry.get("kid"), entry.get("key_ops") or ["verify"]  # some write null or [] for what they do not say
        if not isinstance(kid, str) or not kid or entry.get("use") not in (None, "sig"):
            continue
        if not isinstance(uses, list) or "verify" not in uses:
            continue
        public = {k: v for k, v in entry.items() if k not in ("d", "p", "q", "dp", "dq", "qi", "alg")}
        try:
            key = jwt.PyJWK(public, entry.get("alg") or ("ES384" if entry["kty"] == "EC" else "RS384")).key
        except Exception:  # whatever it is that cannot be read, the other keys are none the worse
            continue
        keys[kid] = key
        material = [entry.get(name) for name in ("kty", "n", "e", "crv", "x", "y")]
        if seen.setdefault(kid, material) != material:
            shared.add(kid)
    return {kid: key for kid, key in keys.items() if kid not in shared}


@dataclass(frozen=True, slots=True)
class Claims:
    """What an accepted token says: who issued it, its id and its times (seconds since 1970), tenant, and all claims."""

    iss: str
    jti: str | None
    exp: int
    tenant: str | None
    all: Mapping[str, Any]


async def verify(
    token: str,
    *,
    sources: Mapping[str, KeySource],
    algorithms: Sequence[str],
    audiences: Sequence[str],
    skew: int = 60,
    max_age: int | None = 480,
    require_jti: bool = True,
    patience: float = 5.0,
) -> Claims:
    """Check a compact JWT; raises TokenRefused, or KeysOutOfReach where the issuer's keys cannot be had in ``patience`` seconds.
    Replay is the caller's next step: ``Store.use_token``.

    ``max_age``: seconds since ``iat`` after which the token is refused (None: only ``exp`` counts).
    """
    if len(token) > 16_384:
        raise TokenRefused("the token is too long")
    try:
        header = jwt.get_unverified_header(token)
        unverified = jwt.decode(token, options={"verify_signature": False})
    except Exception as error:  # whatever it is that cannot be read, it is no token
        raise TokenRefused("not a JWT") from error
    if not isinstance(header, dict) or not isinstance(unverified, dict):
        raise TokenRefused("not a JWT")
    if header.get("alg") not in algorithms:
        raise TokenRefused("the algorithm is not allowed")
    if header.get("crit"):
        raise TokenRefused("critical extensions are not supported")
    if str(header.get("typ", "JWT")).lower() not in ("jwt", "at+jwt", "application/at+jwt"):
        raise TokenRefused("the type is not JWT")
    iss = unverified.get("iss")
    if not isinstance(iss, str) or iss not in sources:
        raise TokenRefused("the issuer is not on the list")
    kid, jku = header.get("kid"), header.get("jku")
    if not isinstance(kid, str) or not kid or not (jku is None or isinstance(jku, str)):
        raise TokenRefused("no key id")
    key = await sources[iss].key(kid, jku, patience)
    required = ["iss", "aud", "exp", "iat"] + (["jti"] if require_jti else [])
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[header["alg"]],
            audience=list(audiences),
            issuer=iss,
            leeway=skew,
            options={"require": required},
        )
        if not all(isinstance(claims[name], int | float) and not isinstance(claims[name], bool) for name in ("exp", "iat")):
            raise TokenRefused("its times are no numbers")
    except TokenRefused:
        raise
    except Exception as error:  # a check that fails in any way is a refusal
        raise TokenRefused(f"the token does not hold: {type(error).__name__}") from error
    now = time.time()
    if max_age is not None and claims["iat"] < now - max_age - skew:
        raise TokenRefused("the token was issued too long ago")
    if claims["exp"] > now + MAX_TOKEN_LIFETIME + skew and max_age is not None:
        raise TokenRefused("the token lives longer than an hour")
    jti = claims.get("jti")
    if require_jti and (not isinstance(jti, str) or not jti or len(jti) > 256 or not jti.isprintable()):
        raise TokenRefused("no usable jti")
    tenant = claims.get("tenant")
    return Claims(
        iss, jti if isinstance(jti, str) else None, int(claims["exp"]), tenant if isinstance(tenant, str) else None, claims
    )

"""Access tokens for FHIR servers: SMART Backend Services (client credentials with a signed assertion).

HL7 SMART App Launch 2.2, "Backend Services": the token endpoint is read from ``.well-known/smart-configuration``, the client
signs a JWT (RS384 or ES384) with its private key and exchanges it for a short-lived bearer token.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guideway.diagnostics import GuidewayError
from guideway.remote.client import Client
from guideway.remote.errors import RemoteError

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DEFAULT_SCOPES: tuple[str, ...] = ("system/*.rs",)


@dataclass(frozen=True, slots=True)
class BackendClient:
    """What the FHIR server knows this program by. ``key`` is a private JWK (RSA or EC P-384) with a ``kid``."""

    client_id: str
    key: dict[str, Any]
    scopes: tuple[str, ...] = DEFAULT_SCOPES

    @classmethod
    def from_file(cls, client_id: str, path: Path, scopes: Sequence[str] = ()) -> BackendClient:
        """Read the private JWK (or the first key of a JWK set) from ``path``; raises GuidewayError."""
        try:
            content = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise GuidewayError(f"{path}: the private key could not be read: {error}") from error
        key = content["keys"][0] if isinstance(content, dict) and content.get("keys") else content
        if not isinstance(key, dict) or "d" not in key or not key.get("kid"):
            raise GuidewayError(f"{path}: expected a private JWK with a kid (RSA or EC P-384)")
        return cls(client_id, key, tuple(scopes) or DEFAULT_SCOPES)


async def backend_token(client: Client, base: str, backend: BackendClient, token_url: str | None = None) -> str:
    """A bearer token for ``base``; ``token_url`` saves the look-up. Raises RemoteError (``authorization``)."""
    import jwt

    if token_url is None:
        configuration = await client.get_json(f"{base.rstrip('/')}/.well-known/smart-configuration")
        token_url = configuration.get("token_endpoint") if isinstance(configuration, dict) else None
        if not token_url:
            raise RemoteError("authorization", f"{base}: its SMART configuration names no token_endpoint; give the token URL")
    algorithm = "ES384" if backend.key.get("kty") == "EC" else "RS384"
    now = int(time.time())
    claims = {"iss": backend.client_id, "sub": backend.client_id, "aud": token_url, "iat": now, "exp": now + 240}
    claims["jti"] = str(uuid.uuid4())
    assertion = jwt.encode(claims, jwt.PyJWK(backend.key, algorithm).key, algorithm, headers={"kid": backend.key["kid"]})
    answer = await client.post_form(
        token_url,
        {
            "grant_type": "client_credentials",
            "scope": " ".join(backend.scopes),
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        },
    )
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token:
        raise RemoteError("authorization", f"{token_url} answered without an access token")
    return token

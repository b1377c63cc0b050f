"""``guideway apply --fhir-server``: one patient's data from a FHIR server, as the guideline's data requirements name it.

Reads the patient, then searches each resource type that the chosen plans read (pages followed, one deadline for all). Access is
by a bearer token, or by SMART Backend Services with a private key. What cannot be read is an error: an outcome from part of the
data would say "none on record" of what is on record.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from guideway.cli.ending import complain
from guideway.diagnostics import GuidewayError
from guideway.records.reading import file_bytes, read_resources, select
from guideway.remote.authorization import BackendClient, backend_token
from guideway.remote.client import Client, FhirClient, Limits
from guideway.remote.errors import RemoteError
from guideway.remote.guard import AllowedBase, Guard
from guideway.service.prefetch import Gathered, Template, gather, templates
from guideway.terminology.expansion import UnresolvedValueSet

if TYPE_CHECKING:
    from guideway.guideline.compiled import CompiledGuideline
    from guideway.records.record import PatientRecord

Json = dict[str, Any]

QUERY_LIMIT = 1800
"""Longer searches, and those that name a value set, are made without the codes: not every server takes them."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def read_token(file: str | None) -> str | None:
    """A bearer token from a file, or from GUIDEWAY_TOKEN; None where there is neither. Never from the command line, which others
    on the machine can read."""
    given = os.environ.get("GUIDEWAY_TOKEN") if file is None else file_bytes(file).decode("utf-8", "replace")
    if not given and file is None:
        return None
    token = (given or "").strip()
    if not token or any(not 33 <= ord(c) <= 126 for c in token):
        raise GuidewayError(f"{file or 'GUIDEWAY_TOKEN'}: expected one bearer token, without spaces and line breaks")
    return token


class FhirSource:
    """A FHIR server that the user named, and how to get in."""

    def __init__(
        self,
        base: str,
        *,
        token_file: str | None = None,
        client_id: str | None = None,
        client_key: str | None = None,
        seconds: str = "60",
    ) -> None:
        """Raises GuidewayError for what cannot be meant."""
        parts = urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
            raise GuidewayError(
                f"--fhir-server {base}: expected the base URL of a FHIR server, such as https://fhir.example.org/r4"
            )
        if (client_id is None) != (client_key is None):
            raise GuidewayError("--client-id and --client-key belong together: the name the server knows, and the key that signs")
        if client_id is not None and token_file is not None:
            raise GuidewayError("give a token or a client with its key, not both")
        try:
            limit = float(seconds)
        except ValueError:
            limit = 0
        if not 0 < limit <= 3600:
            raise GuidewayError(f"--timeout {seconds}: expected seconds, more than 0 and at most 3600")
        self.base = base.rstrip("/")
        self.limits = Limits(seconds=limit, pages=1000, entries=200_000, total_bytes=1_000_000_000)
        self._backend = BackendClient.from_file(client_id, Path(client_key)) if client_id and client_key else None
        self._token = None if self._backend is not None else read_token(token_file)
        if self._token is not None and parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise GuidewayError(
                f"--fhir-server {base}: a token is not sent over http, where others can read it; give the https URL"
            )

    def record(self, patient: str, guideline: CompiledGuideline, plans: Sequence[str]) -> PatientRecord:
        """The record of one patient (an id, or ``Patient/id``); raises GuidewayError."""
        return asyncio.run(self._record(patient.removeprefix("Patient/"), guideline, plans))

    async def _record(self, patient: str, guideline: CompiledGuideline, plans: Sequence[str]) -> PatientRecord:
        token = await self._access() if self._backend is not None else self._token
        async with self._client(token) as client:
            server = FhirClient(client, self.base)
            try:
                found = await server.read(f"Patient/{patient}")
            except RemoteError as error:
                raise self._explained(error, token) from error
            if found is None:
                raise GuidewayError(f"{self.base} has no Patient/{patient}. Give the patient's id on this server.")
            if found.get("resourceType") != "Patient" or found.get("id") != patient:
                raise GuidewayError(f"{self.base} answered Patient/{patient} with {found.get('resourceType')}/{found.get('id')}")
            wanted = templates_of(guideline, plans)
            unknown: list[str] = []
            gathered, failed = await self._gathered(wanted, found, patient, server)
            if gathered.missing if failed is None else failed.kind == "status":
                unknown = await self._unknown_types(server, wanted)
                if unknown:
                    kept = [t for t in wanted if t.type not in unknown]
                    gathered, failed = await self._gathered(kept, found, patient, server)
            if failed is not None:
                raise self._explained(failed, token) from failed
        if gathered.missing:
            listed = "; ".join(f"{key}: {why}" for key, why in sorted(gathered.missing.items()))
            raise GuidewayError(f"{self.base}: part of the data could not be read, so nothing can be said. {listed}")
        remarks: list[Json] = []
        if unknown:
            complain(f"note: {self.base} does not keep {', '.join(unknown)}; no data is expected of them")
            remarks = [{"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "not-supported"}]}]
        return select(read_resources([*gathered.resources, *remarks], self.base), patient)

    async def _gathered(
        self, wanted: Sequence[Template], found: Json, patient: str, server: FhirClient
    ) -> tuple[Gathered, RemoteError | None]:
        """What the templates name, or why nothing of it could be read."""
        try:
            return await gather(wanted, {"patient": found}, {"patientId": patient}, server, ""), None
        except RemoteError as error:
            return Gathered(), error

    async def _unknown_types(self, server: FhirClient, wanted: Sequence[Template]) -> list[str]:
        """The resource types that the server's CapabilityStatement does not list; none where it lists nothing."""
        try:
            statement = await server._client.get_json(f"{self.base}/metadata")
        except RemoteError:
            return []
        rest = statement.get("rest") if isinstance(statement, dict) else None
        resources = [r for each in rest or () if isinstance(each, dict) for r in each.get("resource") or ()]
        known = {r.get("type") for r in resources if isinstance(r, dict)}
        return sorted({t.type for t in wanted} - known) if known else []

    def _client(self, token: str | None, *more: str) -> Client:
        guard = Guard(tuple(AllowedBase(url, private=True) for url in (self.base, *more)))
        return Client(guard, limits=self.limits, token=token, token_base=self.base)

    async def _access(self) -> str:
        """An access token by SMART Backend Services."""
        assert self._backend is not None
        async with self._client(None) as client:
            configuration = await client.get_json(f"{self.base}/.well-known/smart-configuration")
        url = configuration.get("token_endpoint") if isinstance(configuration, dict) else None
        if not isinstance(url, str) or not url:
            raise GuidewayError(f"{self.base}: its SMART configuration names no token_endpoint")
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise GuidewayError(f"{self.base}: its token endpoint {quote(url, safe=':/')} is not https")
        async with self._client(None, url) as client:
            return await backend_token(client, self.base, self._backend, url)

    def _explained(self, error: RemoteError, token: str | None) -> GuidewayError:
        if error.kind == "authorization" and token is None:
            return GuidewayError(
                f"{error}. No token was sent: set GUIDEWAY_TOKEN, give --token-file, or --client-id with --client-key."
            )
        if error.kind == "deadline":
            return GuidewayError(f"{error}; --timeout allows more")
        return error


def templates_of(guideline: CompiledGuideline, plans: Sequence[str]) -> list[Template]:
    """The searches for what the plans read (none named: all), each type once."""
    from guideway.apply.data_requirements import requirements_of_plan

    def expand(url: str) -> frozenset[tuple[str, str]] | None:
        name, _, version = url.partition("|")
        try:
            return guideline.terminology.codes(name, version or None)  # type: ignore[no-any-return]
        except UnresolvedValueSet:
            return None

    chosen = [guideline.plan(name) for name in plans] if plans else guideline.root_plans()
    requirements = [each for plan in chosen for each in requirements_of_plan(guideline, plan)]
    found: list[Template] = []
    for template in templates(requirements, expand):
        if len(template.query) > QUERY_LIMIT or ":in=" in template.query:
            template = Template(template.type.lower(), template.query.partition("&")[0], template.type)
        if all(template.query != other.query for other in found):
            found.append(template)
    return found

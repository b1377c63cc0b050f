"""A terminology server for value sets that are not enumerated in the package: ``$expand`` and ``$validate-code``.

Answers are kept for the life of the object; a failure is an error, never "not a member" (FHIR R4 valueset-operation-expand,
valueset-operation-validate-code).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from guideway.remote.client import Client
from guideway.remote.errors import RemoteError

PAGE = 1000


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
        result: dict[str, Any] | None = None
        for page in range(self._client.limits.pages):
            query = {"url": url, "offset": str(page * PAGE), "count": str(PAGE)}
            if version:
                query["valueSetVersion"] = version
            answer = await self._client.get_json(f"{self.base}/ValueSet/$expand?{urlencode(query)}")
            if not isinstance(answer, dict) or answer.get("resourceType") != "ValueSet" or "expansion" not in answer:
                raise RemoteError("not-fhir", f"{self.base} did not expand {url}")
            expansion = answer["expansion"]
            found = expansion.get("contains") or []
            contains += found
            result = result or answer
            total = expansion.get("total")
            if not found or "offset" not in expansion or (total is not None and len(contains) >= int(total)):
                if total is not None and len(contains) < int(total):
                    raise RemoteError("not-fhir", f"{self.base} gave {len(contains)} of {total} codes of {url}")
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
            parameters = {p.get("name"): p for p in answer.get("parameter") or ()} if isinstance(answer, dict) else {}
            result = parameters.get("result", {}).get("valueBoolean")
            if not isinstance(result, bool):
                raise RemoteError("not-fhir", f"{self.base} did not say whether {code} is in {url}")
            self._answers[key] = result
        return self._answers[key]

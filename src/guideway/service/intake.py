"""Reading a request's body: JSON of bounded size, depth and number of entries, with exact decimals.

The body must arrive within a time as well: a caller who sends a byte a second would hold a place for ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

import anyio
from starlette.requests import ClientDisconnect, Request

from guideway.remote import documents
from guideway.service.problems import Problem
from guideway.service.settings import Settings

FORM_TYPE = "application/x-www-form-urlencoded"
MOST_FIELDS = 200
JSON_TYPES = ("application/json", "application/fhir+json", "application/json+fhir")
USUAL = frozenset({"*/*", *JSON_TYPES})
"""What an Accept header mostly says."""
FHIR_VERSION = "4.0"
_ZERO = re.compile(r"0(\.0*)?")


async def read_body(request: Request, settings: Settings) -> bytes:
    """The body; raises Problem 413 as soon as it is over the limit, whatever the Content-Length said."""
    declared = request.headers.get("content-length", "")
    too_large = Problem(413, f"the body is larger than {settings.max_body_bytes} bytes")
    if declared.isascii() and declared.isdigit() and int(declared[:19]) > settings.max_body_bytes:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    try:
        with anyio.fail_after(settings.body_seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > settings.max_body_bytes:
                    raise too_large
                chunks.append(chunk)
    except TimeoutError:
        raise Problem(
            408, f"the body did not arrive within {settings.body_seconds:g} s", headers={"Connection": "close"}
        ) from None
    except ClientDisconnect as error:
        raise Problem(400, "the request ended before its body did") from error
    return b"".join(chunks)


def require_json(request: Request) -> None:
    """Raises Problem 415 unless the content type is JSON in UTF-8, and not packed."""
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        raise Problem(415, f"the body must come as it is, not with the content encoding {coding[:20]}")
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset, version = (
        parameters.lower().partition(f"{name}=")[2].partition(";")[0].strip(' "') for name in ("charset", "fhirversion")
    )
    if kind.strip().lower() not in JSON_TYPES or charset not in ("", "utf-8", "utf8"):
        raise Problem(
            415, f"the content type must be application/json or application/fhir+json in UTF-8, not {kind.strip() or 'missing'}"
        )
    if version not in ("", FHIR_VERSION):
        raise Problem(415, f"the content type must be of FHIR {FHIR_VERSION}, not {version[:20]}")


def form_fields(request: Request, body: bytes) -> list[tuple[str, str]]:
    """The fields of a form in a body; none where there is no body. Raises Problem 415 for another content type, 400 for what is
    no form."""
    if not body:
        return []
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM_TYPE:
        raise Problem(415, f"the content type must be {FORM_TYPE}, not {kind or 'missing'}")
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError as error:
        raise Problem(400, f"the body is no form in UTF-8 of at most {MOST_FIELDS} fields", code="structure") from error


def require_json_wanted(request: Request) -> None:
    """Raises Problem 406 where another format or version of FHIR is asked for: by ``_format``, which counts more than the header
    Accept (FHIR R4, http.html#mime-type), else by that."""
    query = request.scope["query_string"]
    asked = [text.replace(" ", "+") for text in request.query_params.getlist("_format")] if query else []
    accepted = asked or request.headers.getlist("accept")
    if not accepted or (len(accepted) == 1 and accepted[0] in USUAL):
        return
    json_among(accepted)


def json_among(accepted: Iterable[str]) -> None:
    """Raises Problem 406 where none of these formats can be given."""
    wanted = [_wanted(part) for value in accepted for part in value.split(",") if part.strip()]
    kinds = {kind for kind, good in wanted if good}
    refused = {kind for kind, good in wanted if not good}
    named = kinds & {*JSON_TYPES, "json", "text/json"}
    if wanted and not named and (not kinds & {"application/*", "*/*", "*"} or refused & {*JSON_TYPES}):
        raise Problem(406, f"only application/fhir+json of FHIR 4.0 is given, not {', '.join(sorted(kinds | refused))[:100]}")


def _wanted(part: str) -> tuple[str, bool]:
    """A media type of Accept, and whether it may be given: its weight is not 0, and its version of FHIR is ours."""
    kind, *parameters = (text.strip().lower() for text in part.split(";"))
    given = {name.strip(): value.strip(' "') for name, _, value in (each.partition("=") for each in parameters)}
    return kind, not _ZERO.fullmatch(given.get("q", "1")) and given.get("fhirversion", FHIR_VERSION) == FHIR_VERSION


def decode(body: bytes, settings: Settings) -> dict[str, Any]:
    """The JSON object in ``body``; raises Problem 400 (not JSON, not an object, too deep)."""
    try:
        content = documents.decode(body, settings.max_depth)
    except ValueError as error:
        raise Problem(400, f"the body is not acceptable JSON: {error}", code="structure") from error
    if not isinstance(content, dict):
        raise Problem(400, "the body must be a JSON object", code="structure")
    return content

"""Reading a request's body: JSON of bounded size, depth and number of entries, with exact decimals.

msgspec decodes; the depth is checked before, on the bytes, since a deeply nested document costs stack wherever it is read.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request

from guideway.service.problems import Problem
from guideway.service.settings import Settings

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
JSON_TYPES = ("application/json", "application/fhir+json", "application/json+fhir")


async def read_body(request: Request, settings: Settings) -> bytes:
    """The body; raises Problem 413 as soon as it is over the limit, whatever the Content-Length said."""
    declared = request.headers.get("content-length", "")
    too_large = Problem(413, f"the body is larger than {settings.max_body_bytes} bytes")
    if declared.isdigit() and int(declared) > settings.max_body_bytes:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > settings.max_body_bytes:
                raise too_large
            chunks.append(chunk)
    except ClientDisconnect as error:
        raise Problem(400, "the request ended before its body did") from error
    return b"".join(chunks)


def require_json(request: Request) -> None:
    """Raises Problem 415 unless the content type is JSON in UTF-8."""
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.lower().partition("charset=")[2].strip(' "').split(";")[0]
    if kind.strip().lower() not in JSON_TYPES or charset not in ("", "utf-8", "utf8"):
        raise Problem(
            415, f"the content type must be application/json or application/fhir+json in UTF-8, not {kind.strip() or 'missing'}"
        )


def depth(body: bytes, limit: int) -> bool:
    """Whether the document nests at most ``limit`` deep."""
    if body.count(b"{") + body.count(b"[") <= limit:
        return True
    level = 0
    for match in _STRUCTURE.finditer(body):
        mark = match.group()
        if mark in (b"{", b"["):
            level += 1
            if level > limit:
                return False
        elif mark in (b"}", b"]"):
            level -= 1
    return True


def decode(body: bytes, settings: Settings) -> dict[str, Any]:
    """The JSON object in ``body``; raises Problem 400 (not JSON, not an object, too deep) or 413 (too many entries)."""
    if body.startswith(b"\xef\xbb\xbf"):
        body = body[3:]
    if not depth(body, settings.max_depth):
        raise Problem(400, f"the body nests deeper than {settings.max_depth} levels")
    try:
        content = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError) as error:
        raise Problem(400, f"the body is not JSON: {error}", code="structure") from error
    if not isinstance(content, dict):
        raise Problem(400, "the body must be a JSON object", code="structure")
    return content

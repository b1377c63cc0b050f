"""What a route is: one row of the table that the application and its OpenAPI document are made from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from guideway.service.problems import Problem
from guideway.service.runtime import Runtime

Handler = Callable[[Runtime, Request], Awaitable[Response]]


class Place(msgspec.Struct, frozen=True):
    """One row of the route table."""

    method: str
    path: str
    handler: Handler
    summary: str


def json_response(content: Any, status: int = 200, *, fhir: bool = False, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer; decimals keep the digits they were written with."""
    body = msgspec.json.Encoder(decimal_format="number").encode(content)
    return Response(body, status, headers, "application/fhir+json; charset=utf-8" if fhir else "application/json; charset=utf-8")


def problem_response(problem: Problem) -> Response:
    """The OperationOutcome of a problem."""
    return json_response(problem.outcome(), problem.status, fhir=True, headers=problem.headers)

"""Errors of the service: an HTTP status and an OperationOutcome, never an empty card list and never a traceback."""

from __future__ import annotations

from typing import Any

from guideway.remote.errors import RemoteError

# FHIR issue-type by HTTP status
ISSUE_CODES = {
    400: "invalid", 401: "login", 403: "forbidden", 404: "not-found", 405: "not-supported",
    406: "not-supported", 408: "timeout", 409: "conflict",
    421: "security", 431: "too-costly",
    412: "incomplete", 413: "too-costly", 415: "not-supported", 422: "processing", 429: "throttled", 500: "exception",
    502: "transient", 503: "transient", 504: "timeout",
}  # fmt: skip
REMOTE_STATUS = {
    "refused": 400, "unreachable": 502, "deadline": 504, "too-large": 502, "status": 502, "not-fhir": 502, "authorization": 412,
}  # fmt: skip


class Problem(Exception):
    """An answer other than success. ``expression`` is a FHIRPath to the element at fault; ``headers`` are added to the answer."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        expression: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.expression = expression
        self.code = code or ISSUE_CODES.get(status, "processing")
        self.headers = headers or {}

    def outcome(self) -> dict[str, Any]:
        """The OperationOutcome of the answer."""
        return operation_outcome([issue("error", self.code, self.message, self.expression)])


def issue(severity: str, code: str, text: str, expression: str | None = None) -> dict[str, Any]:
    """One OperationOutcome.issue."""
    result: dict[str, Any] = {"severity": severity, "code": code, "details": {"text": text}, "diagnostics": text}
    if expression:
        result["expression"] = [expression]
    return result


def operation_outcome(issues: list[dict[str, Any]]) -> dict[str, Any]:
    """An OperationOutcome of these issues; "all is well" where there are none (at least one issue is required)."""
    return {"resourceType": "OperationOutcome", "issue": issues or [issue("information", "informational", "No issues found")]}


def from_remote(error: RemoteError) -> Problem:
    """Another server's failure as this service's answer: 412 where access was refused, 502 or 504 where it failed."""
    return Problem(REMOTE_STATUS[error.kind], str(error), code="security" if error.kind == "authorization" else None)

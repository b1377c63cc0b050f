"""Message (CQL 1.5 Appendix B, "Errors and Messaging")."""

from __future__ import annotations

from typing import Any

import msgspec

from guideway.engine.errors import CqlRuntimeError
from guideway.engine.operators.operator import Context, Operator

SEVERITIES = ("Trace", "Message", "Warning", "Error")


class RecordedMessage(msgspec.Struct, frozen=True):
    """A message that an expression produced."""

    severity: str
    code: str | None
    text: str | None
    source: Any


def message(
    context: Context, source: Any, condition: bool | None, code: str | None, severity: str | None, text: str | None
) -> Any:
    """``source`` unchanged; where ``condition`` is true, a message is recorded, and severity Error stops the evaluation."""
    if condition is True:
        severity = severity or "Message"
        if severity == "Error":
            raise CqlRuntimeError(f"{code + ': ' if code else ''}{text or 'the expression reported an error'}")
        context.messages.append(RecordedMessage(severity, code, text, source))
    return source


TABLE = {
    "Message": Operator(
        message, ("source", "condition", "code", "severity", "message"), needs_context=True, null_in_null_out=False
    ),
}

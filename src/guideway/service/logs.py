"""Structured logs: one JSON object a line on standard error. Ids, names of hooks and numbers only.

What may be in a line is a fixed list of fields, so that neither a token nor a patient's data can slip in with a message.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

FIELDS = frozenset(
    {
        "method", "route", "status", "ms", "service", "hook", "hookInstance", "iss", "tenant", "jti", "cards", "reason",
        "request", "package", "version", "hash", "problem", "settings", "keys", "shadow", "count",
        "worker", "location",
    }
)  # fmt: skip
LOGGER = logging.getLogger("guideway.service")


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage() if record.name == LOGGER.name else _foreign(record),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            trace = record.exc_info[2]
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            if trace is not None:
                line["location"] = f"{trace.tb_frame.f_code.co_filename.rpartition('guideway/')[2]}:{trace.tb_lineno}"
        return json.dumps(line, ensure_ascii=False, default=str)


def _foreign(record: logging.LogRecord) -> str:
    """Of another library's message the template and the first line only: what is filled in could be anybody's data."""
    text = record.getMessage() if record.name.startswith("uvicorn") else str(record.msg)
    return text.partition("\n")[0][:200]


def configure(level: str) -> None:
    """Send the service's log to standard error as JSON lines, and silence the web server's own request log."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    for name in ("guideway.service", "uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level.upper())
        logger.propagate = False
    logging.getLogger().handlers = [handler]
    logging.captureWarnings(True)
    logging.getLogger("uvicorn.access").disabled = True
    for name in ("httpx", "httpcore", "alembic", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.WARNING)


def log(level: int, event: str, *, failure: BaseException | None = None, **fields: Any) -> None:
    """One line. ``fields`` must be on the list; ``failure`` adds an exception's type and place, not its message."""
    unknown = set(fields) - FIELDS
    if unknown:
        raise ValueError(f"not a log field: {sorted(unknown)}")
    LOGGER.log(level, event, exc_info=failure, extra={"fields": {k: v for k, v in fields.items() if v is not None}})

"""How every command ends: its exit status, and one message where something was wrong. Knows nothing of click.

Exit status: 0 done (findings included), 1 only where ``--fail-on`` or a check asked for it, 2 a mistake in what was given (one
message on standard error, nothing on standard output), 3 a fault of this program, 130 interrupted, 141 the reader went away.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from guideway.diagnostics import GuidewayError

USAGE_ERROR = 2
OWN_FAULT = 3
INTERRUPTED = 130
READER_GONE = 141

EXTRAS: dict[str, str] = {
    "prompt_toolkit": "repl",
    "starlette": "serve",
    "uvicorn": "serve",
    "httpx": "serve",
    "sqlalchemy": "serve",
    "alembic": "serve",
    "pydantic_settings": "serve",
    "jwt": "serve",
    "cryptography": "serve",
    "prometheus_client": "serve",
    "psycopg": "postgresql",
    "dask": "population",
    "distributed": "population",
}
"""Top-level module → the extra of pyproject.toml that brings it."""


def ended(command: Callable[[], Any]) -> int:
    """Run a command and give its exit status; no exception leaves this function."""
    try:
        result = command()
        if sys.stdout is not None:
            sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except BrokenPipeError:
        return _reader_gone()
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except GuidewayError as error:
        complain(str(error), *(finding.as_text() for finding in error.diagnostics))
        return USAGE_ERROR
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").split(".")[0])
        if extra is None:
            return _own_fault(error)
        complain(f"this command needs the optional part {extra!r}; install it with:  pip install 'guideway[{extra}]'")
        return USAGE_ERROR
    except OSError as error:
        if error.filename is None:
            return _own_fault(error)
        complain(f"{_text(error.filename)}: {(error.strerror or 'cannot be used').lower()}")
        return USAGE_ERROR
    except Exception as error:
        return _own_fault(error)


def complain(message: str, *more: str) -> None:
    """A message on standard error; a closed standard error is no reason to fail differently."""
    if sys.stderr is None:
        return
    lines = "\n".join([f"guideway: {message}", *(line for line in more if line)])
    try:
        print(lines, file=sys.stderr, flush=True)
    except UnicodeEncodeError:
        print(lines.encode("ascii", "backslashreplace").decode(), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        return


def _reader_gone() -> int:
    """``guideway … | head``: stop without a word, and keep the interpreter from complaining about it at exit."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    except (OSError, ValueError):
        return READER_GONE
    return READER_GONE


def _own_fault(error: BaseException) -> int:
    """A fault of ours: one line with the place, and the whole stack under GUIDEWAY_DEBUG (it may hold patient data)."""
    if os.environ.get("GUIDEWAY_DEBUG"):
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = ""
    if trace is not None:
        code = trace.tb_frame.f_code
        place = (
            f" in {os.path.basename(os.path.dirname(code.co_filename))}/{os.path.basename(code.co_filename)}:{trace.tb_lineno}"
        )
    complain(
        f"internal error: {type(error).__name__}{place}",
        "This is a fault of the program, not of your data. GUIDEWAY_DEBUG=1 prints the details (they may contain patient data).",
    )
    return OWN_FAULT


def _text(name: object) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)

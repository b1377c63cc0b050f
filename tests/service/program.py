"""The program ``guideway`` in the test's own process, where its start would take longer than what is looked at."""

from __future__ import annotations

import contextlib
import io
import subprocess
from pathlib import Path

from guideway.cli.root import run


def guideway(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """One run: its status, and what it wrote."""
    written = [io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2)]
    with contextlib.redirect_stdout(written[0]), contextlib.redirect_stderr(written[1]):
        status = run([str(each) for each in arguments])
    for stream in written:
        stream.flush()
    output, errors = (stream.buffer.getvalue() for stream in written)  # type: ignore[attr-defined]
    return subprocess.CompletedProcess(arguments, status, output, errors)

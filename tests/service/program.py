"""The program ``guideway`` in the test's own process, where its start would take longer than what is looked at."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

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


def tried(variables: dict[str, str]) -> tuple[int, str]:
    """A start of the service that is expected to be refused: its status, and what it wrote."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GUIDEWAY_SERVE_")}
    with mock.patch.dict(os.environ, clean | variables, clear=True):
        done = guideway("serve")
    return done.returncode, (done.stdout + done.stderr).decode()


if __name__ == "__main__":  # starts to be tried, each as an object of variables, from standard input
    for each in json.load(sys.stdin):
        print(json.dumps(tried(each)), flush=True)

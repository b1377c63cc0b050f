"""Running the program as a user does: a process of its own, with its streams apart."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = [sys.executable, "-m", "guideway"]


def guideway(*arguments: str | Path, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """One run; ``environment`` is added to this process's own."""
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        env={**os.environ, **environment},
        check=False,
        timeout=300,
    )


def loaded_modules(*arguments: str | Path) -> set[str]:
    """The modules that a run of these arguments has loaded when it ends (standard output is a pipe)."""
    code = (
        "import sys, atexit\n"
        "atexit.register(lambda: print('\\n'.join(sys.modules), file=sys.stderr))\n"
        "from guideway.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=True, timeout=300
    )
    return set(done.stderr.split())


def assert_fatal(done: subprocess.CompletedProcess[bytes], *words: str) -> None:
    """Status 2, nothing on standard output, one message without a traceback that holds all ``words``."""
    message = done.stderr.decode()
    assert done.returncode == 2, message
    assert done.stdout == b""
    assert message.startswith("guideway: ")
    assert "Traceback" not in message
    for word in words:
        assert word in message

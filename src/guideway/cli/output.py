"""Where results go: standard output or a file, whole or not at all.

A command computes everything, then writes once; so a fatal mistake leaves standard output empty, and a file named with ``-o`` is
replaced only when its new content is complete.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from stat import S_ISREG
from typing import TYPE_CHECKING

from guideway.diagnostics import GuidewayError

if TYPE_CHECKING:
    from guideway.cli.lines import Line


def write_result(text: str | bytes, path: str | None) -> None:
    """Write to ``path``, or to standard output where it is ``None`` or ``-``; text is UTF-8."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if path is None or path == "-":
        _write_standard_output(data)
        return
    if not path:
        raise GuidewayError("-o: this is no file name; name a file, or - for standard output")
    try:
        _write_file(data, path)
    except OSError as error:
        raise GuidewayError(f"{path}: cannot be written ({(error.strerror or str(error)).lower()})") from error


def _write_standard_output(data: bytes) -> None:
    if sys.stdout is None:
        raise GuidewayError("standard output is closed; name a file with -o FILE")
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:  # a stream of text alone: a test, a notebook
        sys.stdout.write(data.decode("utf-8", "replace"))
        sys.stdout.flush()
        return
    try:
        sys.stdout.flush()
        stream.write(data)
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _silence()
        raise GuidewayError(f"standard output: cannot be written ({(error.strerror or str(error)).lower()})") from error


def _silence() -> None:
    """Nothing more to standard output: what is left in its buffer could not be written at exit either."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    except (OSError, ValueError):
        return


def _write_file(data: bytes, path: str) -> None:
    path = os.path.realpath(path)
    try:
        status = os.stat(path)
    except FileNotFoundError:
        mode = 0o666 & ~_umask()
    else:
        if not S_ISREG(status.st_mode):  # a device or a pipe is written to, not replaced
            with open(path, "wb") as stream:
                stream.write(data)
            return
        mode = status.st_mode & 0o777
    temporary = f"{path}.{os.getpid()}.{os.urandom(4).hex()}.part"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(descriptor)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        _forget(temporary)
        raise


def _forget(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return


def _umask() -> int:
    current = os.umask(0o077)
    os.umask(current)
    return current


def wants_colour() -> bool:
    """Whether standard output is a terminal for a person who has not asked for plain text (https://no-color.org)."""
    return sys.stdout is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def show_lines(lines: Callable[[int], Iterable[Line]], path: str | None = None) -> None:
    """Styled lines, in colour on a terminal and as plain text of 80 columns elsewhere; ``lines`` is given the width."""
    from guideway.cli.lines import PLAIN_WIDTH, coloured, plain, terminal_width

    if path is None and wants_colour():
        width = terminal_width()
        write_result(coloured(lines(width), width), None)
        return
    width = terminal_width() if path is None and sys.stdout is not None and sys.stdout.isatty() else PLAIN_WIDTH
    write_result(plain(lines(width)), path)

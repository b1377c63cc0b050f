"""The reading half of the compile cache: what state files are in, the keys made of it, and an entry's bytes.

Short, because every start of the program runs it before anything is cached. ``cache`` has the rest.
"""

import os
import sys
from marshal import dumps

from guideway.places import checksum, fingerprint, trusted

MAGIC = b"GWCACHE2"
HEADER = len(MAGIC) + 4 + 8
SUFFIX = ".blob"
_SOURCES = (".py", ".json", ".txt", ".cql", ".bin", ".xml")

_PLAIN = 2
"""The version of ``marshal`` whose bytes say what a value is, and not also which of its parts are one object."""

_stamp: str | None = None

_FIRST_SEAL, _SEALS = 300_000_000, 600_000_000
"""Seconds of time: between 1979 and 1998, before anybody can have altered an entry."""


def digest(*parts: str | bytes) -> str:
    """A key from everything a blob was made from; the interpreter and this program are always part of it.

    The parts are hashed with their lengths, so ``("ab", "c")`` and ``("a", "bc")`` differ.
    """
    joined = []
    for part in (sys.implementation.cache_tag or sys.version, program_stamp(), *parts):
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        joined += [len(data).to_bytes(8, "little"), data]
    return fingerprint(b"".join(joined), 20)


def program_stamp() -> str:
    """What this program is: its version and place, and the state of its files, taken once a process.

    A checkout changes with every edit and keeps its version number, so there the names, sizes and times of all source files
    count. An installation is written once: the time of one file stands for all.
    """
    global _stamp
    if _stamp is None:
        from guideway import __version__

        this = os.path.abspath(__file__)
        root = os.path.dirname(this)
        state = tree_stamp(this if _is_installed(root) else root, _SOURCES)
        _stamp = f"{__version__}\0{root}\0{fingerprint(state, 8)}"
    return _stamp


def installed_record(path: str) -> bytes | None:
    """What the installer wrote down of this program's files, with a hash of each, where ``path`` is among them: they are not
    altered afterwards. None where it is not, or nothing was written down."""
    root = os.path.dirname(os.path.abspath(__file__))
    if not _is_installed(root) or not os.path.abspath(path).startswith(root + os.sep):
        return None
    from guideway import __version__

    folder, name = os.path.split(root)
    try:
        with open(os.path.join(folder, f"{name}-{__version__}.dist-info", "RECORD"), "rb") as stream:
            return stream.read()
    except OSError:
        return None


def _is_installed(root: str) -> bool:
    return "site-packages" in root or "dist-packages" in root


def tree_stamp(root: str, suffixes: tuple[str, ...] = ()) -> bytes:
    """The names, sizes and modification times of all files below ``root`` (or of the file ``root``), in a fixed order.

    Equal stamps mean: nobody has touched anything. It costs one ``stat`` a file and reads none. Names that begin with a dot and
    ``__pycache__`` are left out, so that an editor's traces do not count. A folder that cannot be read raises ``OSError``.
    """
    if os.path.isfile(root):
        status = os.stat(root)
        return dumps((os.path.basename(root), status.st_size, status.st_mtime_ns), _PLAIN)
    found: list[tuple[str, int, int]] = []
    pending = [(root, "")]
    while pending:
        folder, prefix = pending.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name[0] == "." or name == "__pycache__":
                    continue
                if entry.is_dir():
                    pending.append((entry.path, f"{prefix}{name}/"))
                elif not suffixes or name.endswith(suffixes):
                    status = entry.stat()
                    found.append((prefix + name, status.st_size, status.st_mtime_ns))
    found.sort()
    return dumps(found, _PLAIN)


def entry_path(folder: str, kind: str, key: str) -> str:
    """The file of one entry."""
    return os.path.join(folder, f"{kind}-{key}{SUFFIX}")


def read_entry(path: str) -> tuple[memoryview | None, float]:
    """The data of an entry and when it was last used. No data: what is there is not whole. OSError: there is nothing to trust.

    The data is the file itself, mapped into memory: what is never looked at is never copied, nor even read where the file's time
    is its seal (see ``seal``).
    """
    from mmap import ACCESS_READ, mmap

    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        status = os.fstat(descriptor)
        if not trusted(status):
            raise PermissionError(path)
        if status.st_size < HEADER:
            return None, status.st_atime
        content = memoryview(mmap(descriptor, status.st_size, access=ACCESS_READ))
    finally:
        os.close(descriptor)
    found = unwrapped(content, status.st_mtime)
    if found is not None and found[1]:
        put_seal(path, status.st_atime, found[1])
    return found[0] if found is not None else None, status.st_atime


def unwrapped(content: memoryview, time: float) -> tuple[memoryview, float] | None:
    """The data of a file that ``cache`` wrote, last changed at ``time``, and the seal that it lacks (0: none); ``None`` unless
    every byte is in place."""
    start = len(MAGIC)
    if content[:start] != MAGIC or int.from_bytes(content[start + 4 : HEADER], "little") != len(content) - HEADER:
        return None
    data, expected = content[HEADER:], int.from_bytes(content[start : start + 4], "little")
    if time == seal(expected):
        return data, 0
    return (data, seal(expected)) if checksum(data) == expected else None


def seal(whole: int) -> float:
    """The time of change that a file with this checksum is given when it has been found whole.

    Whatever changes a file changes its time as well. So one that has still this time need not be read through once more: that
    would take longer than what a start reads of it. (When an entry was last used is its time of access.)
    """
    return float(_FIRST_SEAL + whole % _SEALS // 2 * 2)  # some file systems know only even seconds


def put_seal(path: str, used: float, time: float) -> None:
    """Note when a file was last used, and its seal, where that can be written."""
    try:
        os.utime(path, (used, time))
    except OSError:
        return  # a read-only folder: it is read through each time, and keeps its age

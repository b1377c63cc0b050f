"""The compile cache: named blobs in the user's cache folder, safe to lose at any moment.

Compiling a guideline takes seconds, reading the compiled form milliseconds; this keeps the compiled form between runs. It takes
a kind (``guideline``), a key (a digest of everything the blob was made from, see ``digest``) and bytes, and gives the bytes back,
or ``None``. It never raises for the state of the disk: a folder that cannot be written means that nothing is kept, an entry that
was cut short, altered or made by another user counts as absent (and is removed where that is possible). Any number of processes
may read and write at once: an entry appears whole (written under another name, then renamed) or not at all.

Where: ``GUIDEWAY_CACHE`` if set (``off`` or an empty value: no caching), else the platform's user cache folder. The folder is
made for its owner alone, because blobs are code that will be run, just as Python's own ``__pycache__``.

Why our own: diskcache and platformdirs would each cost more to import than the whole read takes; this needs what every
interpreter has loaded already.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from zlib import crc32

LIMIT = 512 * 1024 * 1024
"""Bytes kept in all; the entries that were used longest ago go first."""

_MAGIC = b"GWCACHE1"
_HEADER = len(_MAGIC) + 4 + 8
_SUFFIX = ".blob"
_TEMPORARY = ".writing"
_STALE_SECONDS = 3600.0
_TOUCH_SECONDS = 86400.0
_OFF = ("", "off", "none", "0")
_SOURCES = (".py", ".json", ".txt", ".cql", ".bin", ".xml")
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def default_folder() -> str | None:
    """The folder that holds the user's cache, or ``None`` where caching is off or no home folder is known; it need not exist."""
    chosen = os.environ.get("GUIDEWAY_CACHE")
    if chosen is not None:
        return None if chosen.strip().lower() in _OFF else os.path.abspath(os.path.expanduser(chosen))
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~\\AppData\\Local")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "guideway") if os.path.isabs(base) else None


def user_cache() -> Cache:
    """The cache of the user who runs this process."""
    return Cache(default_folder())


def digest(*parts: str | bytes) -> str:
    """A key from everything a blob was made from; the interpreter and this program are always part of it.

    The parts are hashed with their lengths, so ``("ab", "c")`` and ``("a", "bc")`` differ.
    """
    try:
        from _blake2 import blake2b  # hashlib's own, without the cost of loading OpenSSL
    except ImportError:
        from hashlib import blake2b

    state = blake2b(digest_size=20)
    for part in (sys.implementation.cache_tag or sys.version, program_stamp(), *parts):
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.hexdigest()


_stamp: str | None = None


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
        installed = "site-packages" in root or "dist-packages" in root
        state = tree_stamp(this if installed else root, _SOURCES)
        _stamp = f"{__version__}\0{root}\0{crc32(state):08x}"
    return _stamp


def tree_stamp(root: str, suffixes: tuple[str, ...] = ()) -> bytes:
    """The names, sizes and modification times of all files below ``root`` (or of the file ``root``), in a fixed order.

    Equal stamps mean: nobody has touched anything. It costs one ``stat`` a file and reads none. Names that begin with a dot and
    ``__pycache__`` are left out, so that an editor's traces do not count. A folder that cannot be read raises ``OSError``.
    """
    if os.path.isfile(root):
        status = os.stat(root)
        return f"{os.path.basename(root)}\0{status.st_size}\0{status.st_mtime_ns}\n".encode("utf-8", "surrogatepass")
    lines: list[str] = []
    pending = [(root, "")]
    while pending:
        folder, prefix = pending.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name.startswith(".") or name == "__pycache__":
                    continue
                if entry.is_dir():
                    pending.append((entry.path, f"{prefix}{name}/"))
                elif not suffixes or name.endswith(suffixes):
                    status = entry.stat()
                    lines.append(f"{prefix}{name}\0{status.st_size}\0{status.st_mtime_ns}\n")
    lines.sort()
    return "".join(lines).encode("utf-8", "surrogatepass")


class Cache:
    """A folder of blobs; ``None`` for the folder: nothing is kept and nothing fails.

    >>> cache = Cache(None)
    >>> cache.write("guideline", "key", b"data"), cache.read("guideline", "key")
    (False, None)
    """

    __slots__ = ("folder", "limit")

    def __init__(self, folder: str | os.PathLike[str] | None, limit: int = LIMIT) -> None:
        self.folder = None if folder is None else os.fspath(folder)
        self.limit = limit

    def read(self, kind: str, key: str) -> bytes | None:
        """The blob that was last written whole under this kind and key, or ``None``."""
        path = self._path(kind, key)
        if path is None:
            return None
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError:
            return None
        try:
            status = os.fstat(descriptor)
            if not _trusted(status):
                return None
            content = _read_all(descriptor, status.st_size)
        except OSError:
            return None
        finally:
            os.close(descriptor)
        data = _unwrap(content)
        if data is None:
            _remove(path)
            return None
        self._touch(path, status.st_mtime)
        return data

    def write(self, kind: str, key: str, data: bytes) -> bool:
        """Keep ``data``; false where the folder cannot be written or the blob alone exceeds the limit. The last writer wins."""
        path = self._path(kind, key)
        if path is None or len(data) + _HEADER > self.limit:
            return False
        assert self.folder is not None
        temporary = f"{path}.{os.getpid()}.{os.urandom(6).hex()}{_TEMPORARY}"
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            self._make_room(len(data) + _HEADER, path)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            try:
                with os.fdopen(descriptor, "wb") as stream:
                    stream.write(_wrap(data))
                os.replace(temporary, path)
            except BaseException:
                _remove(temporary)
                raise
        except OSError:
            return False
        return True

    def clear(self) -> int:
        """Remove every entry; how many there were. Files that are not ours stay."""
        removed = 0
        for path, _, _ in self._files():
            if _remove(path) and path.endswith(_SUFFIX):
                removed += 1
        return removed

    def entries(self) -> list[tuple[str, int]]:
        """Name and size in bytes of every entry, in name order."""
        return sorted((os.path.basename(path), size) for path, size, _ in self._files() if path.endswith(_SUFFIX))

    def _path(self, kind: str, key: str) -> str | None:
        for name in (kind, key):
            if not name or name.startswith(".") or not _NAME_CHARACTERS.issuperset(name):
                raise ValueError(f"not a name for a cache entry: {name!r}")
        return None if self.folder is None else os.path.join(self.folder, f"{kind}-{key}{_SUFFIX}")

    def _files(self) -> Iterator[tuple[str, int, float]]:
        """Path, size and time of each entry and of each file left by a writer that died."""
        if self.folder is None:
            return
        try:
            with os.scandir(self.folder) as found:
                entries = list(found)
        except OSError:
            return
        for entry in entries:
            if entry.name.endswith((_SUFFIX, _TEMPORARY)):
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                yield entry.path, status.st_size, status.st_mtime

    def _make_room(self, needed: int, keep: str) -> None:
        """Remove what dead writers left, then the entries used longest ago, until ``needed`` bytes fit under the limit."""
        import time

        stale = time.time() - _STALE_SECONDS
        kept: list[tuple[float, int, str]] = []
        for path, size, used in self._files():
            if path.endswith(_TEMPORARY):
                if used < stale:
                    _remove(path)
            elif path != keep:
                kept.append((used, size, path))
        total = needed + sum(size for _, size, _ in kept)
        for _, size, path in sorted(kept):
            if total <= self.limit:
                break
            if _remove(path):
                total -= size

    def _touch(self, path: str, used: float) -> None:
        """Note the use of an entry, at most once a day, so that the oldest by time is the one used longest ago."""
        import time

        if time.time() - used > _TOUCH_SECONDS:
            try:
                os.utime(path)
            except OSError:
                return  # a read-only folder: the entry keeps its age


def _wrap(data: bytes) -> bytes:
    return b"".join((_MAGIC, crc32(data).to_bytes(4, "little"), len(data).to_bytes(8, "little"), data))


def _unwrap(content: bytes) -> bytes | None:
    """The data of a file that ``_wrap`` made; ``None`` unless every byte is in place."""
    if len(content) < _HEADER or not content.startswith(_MAGIC):
        return None
    start = len(_MAGIC)
    checksum = int.from_bytes(content[start : start + 4], "little")
    length = int.from_bytes(content[start + 4 : _HEADER], "little")
    if length != len(content) - _HEADER:
        return None
    data = content[_HEADER:]
    return data if crc32(data) == checksum else None


def _read_all(descriptor: int, size: int) -> bytes:
    pieces = []
    remaining = size
    while remaining > 0:
        piece = os.read(descriptor, remaining)
        if not piece:
            break
        pieces.append(piece)
        remaining -= len(piece)
    return b"".join(pieces) if len(pieces) != 1 else pieces[0]


def _trusted(status: os.stat_result) -> bool:
    """Whether only this user can have put it there: blobs hold code."""
    if sys.platform == "win32":
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _remove(path: str) -> bool:
    try:
        os.unlink(path)
    except OSError:
        return False
    return True

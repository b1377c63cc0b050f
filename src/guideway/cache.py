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
from collections.abc import Iterator
from time import time

from guideway.places import checksum, default_folder
from guideway.stamps import (
    HEADER,
    MAGIC,
    SUFFIX,
    digest,
    entry_path,
    installed_record,
    program_stamp,
    put_seal,
    read_entry,
    seal,
    tree_stamp,
)

__all__ = ["Cache", "default_folder", "digest", "installed_record", "program_stamp", "tree_stamp", "user_cache"]

LIMIT = 512 * 1024 * 1024
"""Bytes kept in all; the entries that were used longest ago go first."""

_TEMPORARY = ".writing"
_STALE_SECONDS = 3600.0
_TOUCH_SECONDS = 86400.0
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def user_cache() -> Cache:
    """The cache of the user who runs this process."""
    return Cache(default_folder())


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
        found = self.view(kind, key)
        return None if found is None else bytes(found)

    def view(self, kind: str, key: str) -> memoryview | None:
        """The same without copying it: the file, mapped into memory."""
        path = self._path(kind, key)
        if path is None:
            return None
        try:
            data, used = read_entry(path)
        except OSError:
            return None
        if data is None:
            _remove(path)
        else:
            self._touch(path, used)
        return data

    def write(self, kind: str, key: str, data: bytes) -> bool:
        """Keep ``data``; false where the folder cannot be written or the blob alone exceeds the limit. The last writer wins."""
        path = self._path(kind, key)
        if path is None or len(data) + HEADER > self.limit:
            return False
        assert self.folder is not None
        temporary = f"{path}.{os.getpid()}.{os.urandom(6).hex()}{_TEMPORARY}"
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            self._make_room(len(data) + HEADER, path)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            try:
                with os.fdopen(descriptor, "wb") as stream:
                    whole = checksum(data)
                    stream.write(_wrap(data, whole))
                    stream.flush()
                    os.fsync(stream.fileno())  # what is sealed stays whole, whatever happens to the machine
                put_seal(temporary, time(), seal(whole))
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
            if _remove(path) and path.endswith(SUFFIX):
                removed += 1
        return removed

    def entries(self) -> list[tuple[str, int]]:
        """Name and size in bytes of every entry, in name order."""
        return sorted((os.path.basename(path), size) for path, size, _ in self._files() if path.endswith(SUFFIX))

    def _path(self, kind: str, key: str) -> str | None:
        for name in (kind, key):
            if not name or name.startswith(".") or not _NAME_CHARACTERS.issuperset(name):
                raise ValueError(f"not a name for a cache entry: {name!r}")
        return None if self.folder is None else entry_path(self.folder, kind, key)

    def _files(self) -> Iterator[tuple[str, int, float]]:
        """Path, size and time of last use of each entry, and of each file left by a writer that died."""
        if self.folder is None:
            return
        try:
            with os.scandir(self.folder) as found:
                entries = list(found)
        except OSError:
            return
        for entry in entries:
            if entry.name.endswith((SUFFIX, _TEMPORARY)):
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                yield entry.path, status.st_size, status.st_atime

    def _make_room(self, needed: int, keep: str) -> None:
        """Remove what dead writers left, then the entries used longest ago, until ``needed`` bytes fit under the limit."""
        stale = time() - _STALE_SECONDS
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
        now = time()
        if now - used > _TOUCH_SECONDS:
            try:
                put_seal(path, now, os.stat(path).st_mtime)
            except OSError:
                return  # somebody has removed it


def _wrap(data: bytes, whole: int) -> bytes:
    return b"".join((MAGIC, whole.to_bytes(4, "little"), len(data).to_bytes(8, "little"), data))


def _remove(path: str) -> bool:
    try:
        os.unlink(path)
    except OSError:
        return False
    return True

"""Where the user's cache is, and who can have written a file: read by every start before anything else, so it is short."""

import os
import sys

_OFF = ("", "off", "none", "0")

FIRST = "first"
"""The kind of the entry in the cache that holds the first modules of a start."""


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


def trusted(status: os.stat_result) -> bool:
    """Whether only this user can have put it there: blobs hold code."""
    return sys.platform == "win32" or (status.st_uid == os.geteuid() and not status.st_mode & 0o022)


def first_modules() -> None:
    """Import the first modules of a warm start as ``archive_writing`` has kept them, where they are still as they were.

    Where Python keeps nothing of what it compiles (``PYTHONDONTWRITEBYTECODE``), compiling them is a tenth of a start.
    """
    folder = default_folder()
    if folder is None:
        return
    from marshal import loads

    try:
        with open(os.path.join(folder, f"{FIRST}-{first_key()}.blob"), "rb") as stream:
            blob = stream.read() if trusted(os.fstat(stream.fileno())) else b""
        if len(blob) <= 20 or checksum(blob[20:]) != int.from_bytes(blob[8:12], "little"):  # the format is that of ``stamps``
            return
        kept = loads(blob[20:])
        for _, file, size, time, _ in kept:
            status = os.stat(file)
            if (status.st_size, status.st_mtime_ns) != (size, time):
                return
    except (OSError, EOFError, ValueError, TypeError):
        return
    for name, file, _, _, code in kept:
        module = sys.modules[name] = type(sys)(name)
        spec = type(sys.__spec__)(name, None, origin=file)
        spec.has_location = True
        module.__dict__.update(__spec__=spec, __file__=file, __package__=name.rpartition(".")[0])
        exec(code, module.__dict__)
        parent, _, own = name.rpartition(".")
        setattr(sys.modules[parent], own, module)


def first_key() -> str:
    """The key of the first modules in the cache: of this interpreter and this place."""
    return f"{sys.implementation.cache_tag}-{fingerprint(os.path.abspath(__file__).encode('utf-8', 'surrogatepass'), 4)}"


def fingerprint(data: bytes | memoryview, size: int) -> str:
    """A hash of ``size`` bytes as hexadecimal digits."""
    try:
        from _blake2 import blake2b  # hashlib's own, without the cost of loading OpenSSL
    except ImportError:
        from hashlib import blake2b

    return blake2b(data, digest_size=size).hexdigest()


def checksum(data: bytes | memoryview) -> int:
    """What tells whether the data of an entry in the cache is whole: four bytes, by the hash that a start needs in any case."""
    return int(fingerprint(data, 4), 16)

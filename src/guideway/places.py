"""Where the user's cache is, and who can have written a file: read by every start before anything else, so it is short."""

from __future__ import annotations

import os
import sys

_OFF = ("", "off", "none", "0")

BYTECODE = "start"
"""The folder in the cache for what Python compiles of the first modules."""


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


def bytecode_folder(folder: str) -> str | None:
    """Where Python is to keep what it compiles of the first modules, if it keeps nothing beside them; ``None``: nowhere."""
    try:
        return os.path.join(folder, BYTECODE) if trusted(os.stat(folder)) else None
    except OSError:
        return None

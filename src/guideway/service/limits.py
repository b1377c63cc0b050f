"""Rate limits per caller: a token bucket each, in a piece of memory that all workers of the service share.

A caller that keeps one connection stays with one worker, and one that opens many is spread over all; both get what was
configured, no less and no more.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SLOT = struct.Struct("<Qdd")
"""Whose bucket it is (0: nobody's), how full it was, and when."""
SLOTS = 4096
PROBES = 8
"""So many places a caller's bucket can be at; where all are taken, the one that was used longest ago is given away."""


class RateLimiter:
    """``allow`` says how long a caller must wait; 0 lets the request through."""

    def __init__(self, file: Path | None = None) -> None:
        """``file``: where workers share their buckets (it is made); None: one process alone."""
        self._lock: int | None = None
        if file is None:
            self._slots = mmap.mmap(-1, SLOT.size * SLOTS)
            return
        self._lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(self._lock, SLOT.size * SLOTS)
        self._slots = mmap.mmap(self._lock, SLOT.size * SLOTS)

    def close(self) -> None:
        """Give the memory back."""
        self._slots.close()
        if self._lock is not None:
            os.close(self._lock)

    def allow(self, caller: str, per_minute: int) -> float:
        """Seconds until the caller may ask again (0 = now, and the request is counted)."""
        who = int.from_bytes(hashlib.blake2b(caller.encode("utf-8", "replace"), digest_size=8).digest(), "big") | 1
        with self._alone():
            now = time.monotonic()  # the same clock in all processes of a machine
            place, level, then = self._find(who)
            level = min(per_minute, level + max(0.0, now - then) * per_minute / 60) if then else float(per_minute)
            free = level >= 1
            SLOT.pack_into(self._slots, place, who, level - 1 if free else level, now)
        return 0.0 if free else (1 - level) / per_minute * 60

    def _find(self, who: int) -> tuple[int, float, float]:
        """Where a caller's bucket is or can be put, how full it was, and when (0: it is new)."""
        oldest = -1, float("inf")
        for number in range(PROBES):
            place = (who + number) % SLOTS * SLOT.size
            owner, level, then = SLOT.unpack_from(self._slots, place)
            if owner == who:
                return place, level, then
            if then < oldest[1]:
                oldest = place, then
        return oldest[0], 0.0, 0.0

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other worker looks meanwhile (where the system can lock a file; elsewhere two may count as one)."""
        if self._lock is None or os.name == "nt":
            yield
            return
        import fcntl

        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

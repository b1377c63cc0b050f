"""Rate limits per caller: a token bucket each, in the memory of one worker.

The limit is divided by the number of workers, so that all of them together let through about what was configured.
"""

from __future__ import annotations

import time
from collections import OrderedDict

KEPT = 10_000


class RateLimiter:
    """``allow`` says how long a caller must wait; 0 lets the request through."""

    def __init__(self, workers: int = 1) -> None:
        self._workers = workers
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str, per_minute: int) -> float:
        """Seconds until the caller may ask again (0 = now); nothing is counted."""
        capacity = max(1.0, per_minute / self._workers)
        level, then = self._buckets.get(caller, (capacity, 0.0))
        level = min(capacity, level + (time.monotonic() - then) * capacity / 60)
        return 0.0 if level >= 1 else (1 - level) / capacity * 60

    def allow(self, caller: str, per_minute: int) -> float:
        """Seconds until the caller may ask again (0 = now, and the request is counted)."""
        capacity = max(1.0, per_minute / self._workers)
        rate = capacity / 60
        now = time.monotonic()
        level, then = self._buckets.pop(caller, (capacity, now))
        level = min(capacity, level + (now - then) * rate)
        wait = 0.0
        if level >= 1:
            level -= 1
        else:
            wait = (1 - level) / rate
        self._buckets[caller] = (level, now)
        if len(self._buckets) > KEPT:
            self._buckets.popitem(last=False)
        return wait

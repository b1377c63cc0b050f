"""How often a caller may ask: its own measure, all workers together, whichever of them it reaches."""

from __future__ import annotations

from pathlib import Path

import pytest

from guideway.service import limits
from guideway.service.limits import RateLimiter


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(limits.time, "monotonic", lambda: now[0])
    return now


def test_one_connection_gets_all_that_is_configured_and_many_no_more(tmp_path: Path, clock: list[float]) -> None:
    workers = [RateLimiter(tmp_path / "rates") for _ in range(4)]
    assert [workers[0].allow("ehr", 8) == 0 for _ in range(10)] == [True] * 8 + [False] * 2
    assert all(worker.allow("ehr", 8) > 0 for worker in workers)
    assert sum(workers[n % 4].allow("other", 8) == 0 for n in range(20)) == 8


def test_what_was_used_comes_back_with_time(clock: list[float]) -> None:
    limiter = RateLimiter()
    assert [limiter.allow("ehr", 60) for _ in range(60)] == [0.0] * 60
    assert limiter.allow("ehr", 60) == pytest.approx(1.0)
    clock[0] += 2
    assert [limiter.allow("ehr", 60) == 0 for _ in range(3)] == [True, True, False]
    clock[0] += 3600
    assert sum(limiter.allow("ehr", 60) == 0 for _ in range(100)) == 60


def test_where_room_runs_out_who_was_seen_last_is_kept(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    monkeypatch.setattr(limits, "SLOTS", limits.PROBES)
    limiter = RateLimiter()
    for number in range(limits.PROBES):
        clock[0] += 0.001
        limiter.allow(f"address {number}", 1)
    clock[0] += 0.001
    assert limiter.allow("another", 1) == 0
    assert limiter.allow(f"address {limits.PROBES - 1}", 1) > 0
    assert limiter.allow("another", 1) > 0

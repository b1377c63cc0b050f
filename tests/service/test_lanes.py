"""Work in a few threads: in the order of coming, with a bounded wait, and stopped at its deadline."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from guideway.service import lanes as lanes_module
from guideway.service.lanes import Lanes
from guideway.service.problems import Problem


def ask(lanes: Lanes, *works: tuple[Callable[[], Any], float]) -> list[Any]:
    async def run() -> list[Any]:
        tasks = []
        for work, seconds in works:
            tasks.append(asyncio.create_task(lanes.run(work, seconds)))
            await asyncio.sleep(0.02)
        return await asyncio.gather(*tasks, return_exceptions=True)

    return asyncio.run(run())


def busy() -> None:
    while True:
        sum(range(100))


def test_results_and_failures_come_back() -> None:
    def fail() -> None:
        raise ValueError("mine")

    one, other = ask(Lanes(1, 5), (lambda: 7, 5), (fail, 5))
    assert one == 7
    assert isinstance(other, ValueError)


def test_first_come_first_served_and_waiting_does_not_count() -> None:
    order: list[int] = []

    def work(number: int) -> Callable[[], None]:
        return lambda: (time.sleep(0.1), order.append(number))[1]

    ask(Lanes(1, 600), *[(work(n), 1.5) for n in range(18)])  # all of them together take longer than each may
    assert order == list(range(18))


def test_who_waits_too_long_is_told_so_and_never_begun() -> None:
    begun: list[str] = []
    gate = threading.Event()
    lanes = Lanes(1, 0.2)

    async def run() -> tuple[Any, Any]:
        first = asyncio.create_task(lanes.run(lambda: gate.wait(600), 600))
        await asyncio.sleep(0.02)
        (second,) = await asyncio.gather(lanes.run(lambda: begun.append("x"), 600), return_exceptions=True)
        gate.set()
        return await first, second

    first, second = asyncio.run(run())
    assert first is True
    assert isinstance(second, Problem)
    assert (second.status, second.headers) == (503, {"Retry-After": "2"})
    assert begun == []


def test_what_runs_past_its_deadline_is_stopped_and_the_lane_is_free() -> None:
    lanes = Lanes(1, 60)  # how long others may wait has nothing to do with it
    first, second = ask(lanes, (busy, 0.2), (lambda: "next", 5))
    assert isinstance(first, Problem)
    assert first.status == 504
    assert second == "next"


def test_work_that_ends_as_it_is_stopped_spoils_nothing() -> None:
    lanes = Lanes(1, 10)

    def short() -> str:
        time.sleep(0.05)
        return "done"

    found = ask(lanes, *[(short, 0.05 + n / 10_000) for n in range(40)])
    assert all(each == "done" or each.status == 504 for each in found)
    assert ask(lanes, (lambda: "still here", 5)) == ["still here"]


def test_what_is_known_early_is_the_answer_where_the_rest_takes_too_long() -> None:
    lanes = Lanes(1, 10)
    known: list[str] = []

    def work() -> None:
        known.append("early")
        busy()

    async def run() -> object:
        return await lanes.run(work, 0.5, lambda: known[0] if known else None)

    assert asyncio.run(run()) == "early"
    assert ask(lanes, (lambda: "next", 5)) == ["next"]


def test_less_work_is_done_where_the_whole_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes_module, "ENOUGH", 0.001)
    lanes = Lanes(1, 600)

    async def run() -> None:
        assert await lanes.run(busy, 100, instead=lambda: "less") == "less"
        assert await lanes.run(lambda: "the lane is free", 100) == "the lane is free"
        assert await lanes.run(lambda: "whole", 100, instead=busy) == "whole"
        assert await lanes.run(busy, 100, lambda: "known", busy) == "known"
        with pytest.raises(Problem) as found:
            await lanes.run(busy, 0.3, instead=busy)
        assert found.value.status == 504
        with pytest.raises(ValueError, match="less"):
            await lanes.run(busy, 100, instead=lambda: int("less"))

    asyncio.run(run())
    lanes.close()


def test_a_failure_of_work_that_nobody_waits_for_any_more_is_not_complained_of() -> None:
    complaints: list[str] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(str(context["message"])))
        for late in (False, True):
            done: asyncio.Future[Any] = loop.create_future()
            if not late:
                done.set_exception(ValueError("mine"))
            lanes_module._give_up(lanes_module._Job(busy), Future(), done)
            if late:
                done.set_exception(ValueError("mine"))
            await asyncio.sleep(0)
            del done
            gc.collect()

    asyncio.run(run())
    assert complaints == []


def test_a_stop_at_the_very_end_of_work_is_not_its_failure() -> None:
    job = lanes_module._Job(lambda: 7)

    def leave() -> None:
        raise lanes_module._Stopped

    job._leave = leave  # type: ignore[method-assign]
    assert job.run() is None

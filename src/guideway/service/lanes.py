"""Where the work is done: a few threads, requests served in the order in which they came, and no work that outlives its deadline.

Evaluating is work for the processor, so more threads than a few make every request slower and none faster. A request that finds
all lanes taken waits for its turn. What it waits there is not its own doing and does not count against its deadline; a wait that
gets too long is answered with 503, and the work is not begun. Work that runs past its deadline is answered with 504 and stopped,
so that the lane is free for the next.
"""

from __future__ import annotations

import asyncio
import ctypes
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from guideway.service.problems import Problem

LOOK_SECONDS = 0.05
"""How often a request that waits looks whether its turn has come."""
ENOUGH = 0.6
"""The share of the time after which what is known is answered."""


class _Stopped(BaseException):
    """Raised inside of work whose deadline has passed; not an Exception, so that nothing on the way takes it for a failure."""


class _Job:
    """One piece of work: when it began, and the way to stop it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._thread: int | None = None
        self._stopped = False
        self.began: float | None = None

    def run(self) -> Any:
        """In a lane's thread: do the work; None where it was stopped."""
        try:
            return self._run()
        except _Stopped:  # it came between the end of the work and the end of the job
            return None

    def _run(self) -> Any:
        try:
            self.began = time.monotonic()
            self._thread = threading.get_ident()
            result = self._work()
        except _Stopped:
            return None
        except BaseException:
            self._leave()
            raise
        self._leave()
        return result

    def _leave(self) -> None:
        """After this nothing can be raised in the thread any more; a stop that is under way is waited for (a moment: it may have
        come where Python lets an exception go by, and then it does not come again)."""
        try:
            with self._lock:
                self._thread = None
            for _ in range(50 if self._stopped else 0):
                time.sleep(0.001)
        except _Stopped:
            pass

    def stop(self) -> None:
        """From another thread: raise ``_Stopped`` in the work, at its next step in Python."""
        with self._lock:
            if self._thread is not None and not self._stopped:
                self._stopped = True
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), ctypes.py_object(_Stopped))


class Lanes:
    """``count`` threads, and the queue before them. ``patience``: so many seconds a request waits there at most."""

    def __init__(self, count: int, patience: float) -> None:
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="lane")
        self._beside = ThreadPoolExecutor(count, thread_name_prefix="beside")
        self._patience = patience

    async def run(
        self,
        work: Callable[[], Any],
        seconds: float,
        early: Callable[[], Any] = lambda: None,
        instead: Callable[[], Any] | None = None,
    ) -> Any:
        """What ``work`` gives, in at most ``seconds`` from when it begins; raises Problem 503 or 504, or what ``work`` raises.

        ``early``: what is known before the work is done (None: nothing yet). Where it knows something, that is the result as soon
        as ``ENOUGH`` of the time has passed, and the rest of the work is not done. ``instead``: where it knows nothing then, less
        work, which is done in the time that is left instead of the rest.
        """
        job = _Job(work)
        future = self._threads.submit(job.run)
        done = asyncio.wrap_future(future)
        patience = time.monotonic() + self._patience
        try:
            while not done.done():
                now = time.monotonic()
                if job.began is None:
                    if now < patience:
                        await asyncio.wait((done,), timeout=min(LOOK_SECONDS, patience - now))
                    elif future.cancel():
                        text = "too many requests are waiting; this one was not looked at"
                        raise Problem(503, text, headers={"Retry-After": "2"})
                    continue
                left = job.began + seconds - now
                soon = left - (1 - ENOUGH) * seconds
                if soon > 0:
                    await asyncio.wait((done,), timeout=soon)
                elif (known := early()) is not None:
                    return known
                elif left > 0 and instead is not None:
                    job.stop()
                    return await self._less(instead, left, seconds)
                elif left > 0:
                    await asyncio.wait((done,), timeout=left)
                else:
                    raise _too_late(seconds)
        finally:
            _give_up(job, future, done)
        return done.result()

    async def _less(self, work: Callable[[], Any], left: float, seconds: float) -> Any:
        """What the lesser work gives in the time that is left, in a thread beside the lanes: their queue is not for it."""
        job = _Job(work)
        future = self._beside.submit(job.run)
        done = asyncio.wrap_future(future)
        try:
            await asyncio.wait((done,), timeout=left)
            if not done.done():
                raise _too_late(seconds)
        finally:
            _give_up(job, future, done)
        return done.result()

    def close(self) -> None:
        """End the threads once what is under way is done; what waits is not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._beside.shutdown(wait=False, cancel_futures=True)


def _give_up(job: _Job, future: Future[Any], done: asyncio.Future[Any]) -> None:
    """End work that is not done: nobody waits for it any more. A failure that came at the last moment is nobody's either, where
    the result is not asked for."""
    if done.done():
        _forget(done)
    else:
        done.add_done_callback(_forget)
        future.cancel()
        job.stop()


def _too_late(seconds: float) -> Problem:
    return Problem(504, f"no answer within {seconds:.3g} s; nothing can be concluded from this answer")


def _forget(done: asyncio.Future[Any]) -> None:
    """Nobody waits for this result any more, whatever it is."""
    if not done.cancelled():
        done.exception()

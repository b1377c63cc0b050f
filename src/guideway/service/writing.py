"""What is kept of a request that was answered (its cards and its AuditEvent), written beside the answers, not before them.

One thread commits what has come in since its last commit, all at once (``AT_ONCE`` at most); so an answer does not wait for the
disk, and a busy service commits seldom. What a kill can take is what was answered in the last instant. Where a commit fails, or
does not return in time, nothing is dropped: it is tried again, with less at once, and until it succeeds (or where too much waits)
every request writes for itself before it is answered, so that without a store nobody is answered for long. What is still not
written when the service ends is ``lost``, and told. Feedback does not come this way: it is committed before it is acknowledged.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from guideway.service.logs import log
from guideway.service.store import Store

Json = dict[str, Any]
Kept = tuple[Sequence[Mapping[str, Any]], Mapping[str, Any]]
"""The rows of the cards, and the AuditEvent."""

WAITING = 2000
"""So many requests may wait to be kept."""
AT_ONCE = 200
"""So many are written in one transaction at most."""
AGAIN_SECONDS = 1.0
LATE_SECONDS = 2.0
"""A commit that takes longer has not returned in time."""


class Writer:
    """Keeps things a moment later. ``later`` takes one; ``close`` writes what is left."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[Kept] = []
        self._changed = threading.Condition()
        self._busy = False
        self._failing = False
        self._closed = False
        self._ended = False
        self._at_once = AT_ONCE
        """So many are written next: half as many after a failure, because a slow store may not take more in its time."""
        self._began = 0.0
        """When the commit under way began."""
        self.lost = 0
        """So many answers were not written when the service ended."""
        self._thread: threading.Thread | None = None

    @property
    def failing(self) -> bool:
        """Whether what was answered could not be written the last time, or is not written in time now."""
        return self._failing or (self._busy and time.monotonic() - self._began > LATE_SECONDS)

    def later(self, rows: Sequence[Mapping[str, Any]], event: Mapping[str, Any]) -> bool:
        """Take the cards and the AuditEvent of one request; False where the caller must write them itself (``now``)."""
        with self._changed:
            if self.failing or self._closed or len(self._waiting) >= WAITING:
                return False
            self._waiting.append((rows, event))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return True

    def now(self, rows: Sequence[Mapping[str, Any]], event: Mapping[str, Any]) -> None:
        """Write at once; raises what the store raises."""
        self._store.keep(rows, [event])
        self.trust()

    def doubt(self) -> None:
        """The store was seen not to answer: until it does, nothing is put off."""
        with self._changed:
            self._failing = True

    def trust(self) -> None:
        """The store was seen to take what is written: unless something still waits to be, all is well again."""
        with self._changed:
            self._failing = bool(self._waiting) and self._failing

    def flush(self, seconds: float = 10.0) -> bool:
        """Wait until everything taken is written; False where that did not come about."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, seconds)

    def close(self, seconds: float = 10.0) -> None:
        """Write what is left, for so many seconds at most, and end; ``lost`` says how much that did not do."""
        until = time.monotonic() + seconds
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting, until - time.monotonic())
            self._ended = True
            self._changed.notify_all()
            self.lost = len(self._waiting)
        if self.lost:
            log(logging.ERROR, "answers could not be kept", count=self.lost)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting or self._ended:
                    return
                batch = self._waiting[: self._at_once]
                self._busy, self._began = True, time.monotonic()
            failure = self._failure(batch)
            with self._changed:
                self._busy = False
                self._failing = failure is not None
                self._at_once = min(AT_ONCE, 2 * self._at_once) if failure is None else max(1, len(batch) // 2)
                if failure is None:
                    self._let_go(batch)
                    self._changed.notify_all()
                    continue
                log(logging.ERROR, "answers could not be kept yet", failure=failure, count=len(batch))
                if self._closed:
                    self._changed.wait_for(lambda: self._ended, AGAIN_SECONDS / 5)
                else:  # whoever closes wants another try at once
                    self._changed.wait_for(lambda: self._closed, AGAIN_SECONDS)

    def _one_by_one(self, batch: Sequence[Kept]) -> Exception | None:
        """Write each in a transaction of its own, and let it go at once, so that none is written again for another's sake."""
        for each in batch:
            failure = self._failure([each])
            if failure is not None:
                return failure
            with self._changed:
                self._let_go([each])
        return None

    def _let_go(self, batch: Sequence[Kept]) -> None:
        gone = {id(each) for each in batch}
        self._waiting[:] = [each for each in self._waiting if id(each) not in gone]

    def _failure(self, batch: Sequence[Kept]) -> Exception | None:
        """Write them in one transaction; why that did not succeed. What the store will never take is named in the log and let go,
        so that it does not keep the rest from being written."""
        try:
            self._store.keep([row for rows, _ in batch for row in rows], [event for _, event in batch])
        except (sa.exc.DataError, sa.exc.IntegrityError) as error:
            if len(batch) == 1:
                log(logging.ERROR, "an answer cannot be kept", failure=error)
                return None
            return self._one_by_one(batch)
        except Exception as error:
            return error
        return None

"""A clock for each connection to a database server that is in use: one that falls silent must not hang who waits for it.

A connection can die without a word (the server's machine is gone, a firewall has forgotten it): nothing comes back, and nothing
says so. What the server or the kernel bound (``statement_timeout``, ``tcp_user_timeout``) does not reach every such case, so the
bound that counts is here: when the time of a connection is over, its socket is shut down, and whoever waits for an answer on it
gets the driver's error at once.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Any


class Clocks:
    """The connections in use, and when the time of each is over (one thread looks, while there are any)."""

    def __init__(self) -> None:
        self._ends: dict[int, tuple[float, Any]] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def start(self, connection: Any, seconds: float) -> None:
        """From now on the driver's ``connection`` has so many seconds (and no longer what it had before)."""
        with self._changed:
            self._ends[id(connection)] = time.monotonic() + seconds, connection
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="store clock", daemon=True)
                self._thread.start()
            self._changed.notify()

    def stop(self, connection: Any) -> None:
        """The connection is not in use any more."""
        with self._changed:
            self._ends.pop(id(connection), None)

    def _run(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for key, (end, connection) in list(self._ends.items()):
                    if end <= now:
                        del self._ends[key]
                        _shut(connection)
                following = min((end for end, _ in self._ends.values()), default=None)
                if following is None and not self._changed.wait(60) and not self._ends:
                    self._thread = None
                    return
                if following is not None:
                    self._changed.wait(max(0.0, following - now))


def _shut(connection: Any) -> None:
    """Shut the connection's socket down, and leave it to the driver to close it."""
    with suppress(Exception):  # one that has been closed meanwhile needs nothing
        found = socket.socket(fileno=connection.fileno())
        try:
            found.shutdown(socket.SHUT_RDWR)
        finally:
            found.detach()

"""Stopping without dropping a request: what the web server does at SIGTERM, made gentler.

uvicorn, told to stop, closes its socket and every connection that has no request under way. Two kinds of callers are dropped by
that: those that the kernel has connected but nobody has accepted yet, and those whose connection is accepted but whose first
bytes are still on their way. So here a worker first says that it is draining (``/health/ready`` answers 503, responses carry
``Connection: close``), goes on accepting for the notice that was configured, lets the queue run dry, closes the socket, and gives
the connections that are open a moment for their request. A supervisor of several workers gives its own hold of the socket up
first, since a queue that somebody holds open and nobody serves is a trap.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

from guideway.service.runtime import Runtime

MOMENT = 0.3


def soften(runtime: Runtime) -> None:
    """Make the web server of this process stop as described."""
    from uvicorn.server import Server

    plain: Callable[..., Awaitable[None]] = Server.shutdown

    async def shutdown(self: Any, sockets: list[socket.socket] | None = None) -> None:
        runtime.draining = True
        await asyncio.sleep(runtime.settings.drain_notice_seconds)
        if runtime.settings.workers == 1:
            _no_more([*(s for server in self.servers for s in server.sockets), *(sockets or ())])
            await asyncio.sleep(MOMENT / 3)
        for server in self.servers:
            server.close()
        for each in sockets or ():
            each.close()
        await asyncio.sleep(MOMENT)
        await plain(self, [])

    Server.shutdown = shutdown  # type: ignore[method-assign]


def soften_supervisor(notice: float) -> None:
    """Make the supervisor of several workers give up the socket before it ends them."""
    from uvicorn.supervisors import Multiprocess

    plain: Callable[[Any], None] = Multiprocess.terminate_all

    def terminate_all(self: Any) -> None:
        if notice:
            for process in self.processes:
                process.terminate()
            time.sleep(notice)
        _no_more(self.sockets)
        time.sleep(MOMENT / 3)
        for each in self.sockets:
            each.close()
        if not notice:
            plain(self)

    Multiprocess.terminate_all = terminate_all  # type: ignore[method-assign]


def _no_more(sockets: Iterable[Any]) -> None:
    """Let the queue of connections that wait to be accepted hold no new ones."""
    for each in sockets:
        # event loops hand out wrappers that do not listen
        with suppress(OSError), socket.socket(fileno=os.dup(each.fileno())) as same:
            same.listen(0)

"""Stopping without dropping a request: what the web server does at SIGTERM, made gentler.

uvicorn, told to stop, closes its socket and every connection that has no request under way. Three kinds of callers are dropped by
that: those that the kernel has connected but nobody has accepted yet; those that the event loop has just accepted and not yet
handed to a protocol; and those whose first bytes are still on their way. So a worker stops in this order:

1. it says that it is draining (``/health/ready`` answers 503, responses carry ``Connection: close``), and goes on as before for
   the notice that was configured;
2. nobody new is let in to the queue of connections that wait to be accepted (by a filter on the socket where the system has one:
   Linux; a caller then tries again until the socket is closed, and is refused);
3. it goes on accepting for a moment, until that queue has run dry, and only then closes the socket;
4. requests under way are answered, and so are those that arrive on connections that are open (connections.py).

Several workers share the socket. Their supervisor does step 2 for all when it is told to stop. A worker that is replaced leaves
it out: the queue is the others' as well; nor does it say that it is draining, because the service is not: which of the two it is
the supervisor says by a file in the folder that they share.

One signal is enough: what hangs (a store that does not answer) is left behind when the time is over.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any

from guideway.service.logs import log
from guideway.service.metrics import SHARED_FOLDER
from guideway.service.runtime import STOPPING, Runtime
from guideway.service.settings import Settings

MOMENT = 0.3
GRACE = 1.0
"""So long what was asked to end is waited for, once all else is done."""
LONGEST = 5.0
"""So long a queue that does not run dry is served."""

SO_ATTACH_FILTER = 26
# a BPF filter over a TCP segment: load the byte of flags; with SYN in it, take nothing of the segment, else all of it
NO_SYN = ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))


def end_in_time(settings: Settings) -> None:
    """Have this process end within the time for a stop from the first SIGTERM on, whatever hangs in it; to be called before
    anything can hang."""
    if os.name == "nt" or threading.current_thread() is not threading.main_thread():
        return
    before = signal.getsignal(signal.SIGTERM)
    if not callable(before):  # nothing is made of the signal: it ends the process by itself
        return
    asked: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        if not asked:
            _end_after(settings.drain_notice_seconds + settings.drain_seconds + LONGEST + 2 * GRACE, 1)
        asked.append(number)
        before(number, frame)

    signal.signal(signal.SIGTERM, end)


def _end_after(seconds: float, status: int) -> None:
    """End this process then, if it is still there: threads that hang would keep it for ever."""

    def end() -> None:
        time.sleep(seconds)
        log(logging.WARNING, "ended with work that did not", worker=os.getpid())
        os._exit(status)

    threading.Thread(target=end, name="end", daemon=True).start()


def soften(runtime: Runtime) -> None:
    """Make the web server of this process stop as described."""
    if os.name == "nt":  # sockets there are not accepted from by hand
        return
    from uvicorn.server import Server

    plain: Callable[..., Awaitable[None]] = Server.shutdown

    async def shutdown(self: Any, sockets: list[socket.socket] | None = None) -> None:
        runtime.draining = True
        notice = runtime.settings.drain_notice_seconds
        runtime.ends_at = time.monotonic() + notice + runtime.settings.drain_seconds
        await asyncio.sleep(notice)
        alone = runtime.settings.workers == 1
        with _same([s for server in self.servers for s in server.sockets]) as listening:
            if alone:
                let_nobody_in(listening)
            # a supervisor that has given notice as well may be a little behind
            await asyncio.sleep(MOMENT if alone or not notice else 1.0)
            await _accept_the_rest(self, listening)
            for server in self.servers:
                server.close()
            for each in sockets or ():
                each.close()
        await plain(self, [])
        if alone:  # who is one of several is ended by the signal itself, once it is taken up again
            self._captured_signals = [each for each in self._captured_signals if each != signal.SIGTERM]
            _end_after(GRACE, 1 if runtime.writer.lost else 0)

    Server.shutdown = shutdown  # type: ignore[method-assign]


def soften_supervisor(notice: float) -> None:
    """Make the supervisor of several workers close the way in before it ends them, and wait neither for a worker that has ended
    nor, once it is to stop itself, for one that says nothing."""
    from uvicorn.supervisors import Multiprocess
    from uvicorn.supervisors.multiprocess import Process

    begin: Callable[[Any], None] = Process.start
    ends: list[threading.Event] = []

    def start(self: Any) -> None:
        begin(self)
        self.child_conn.close()  # the worker's own: as long as somebody else holds it, its end is not seen

    def is_alive(self: Any, timeout: float = 5) -> bool:
        return bool(self.process.is_alive()) and answers(self.parent_conn, timeout, ends)

    Process.start = start  # type: ignore[method-assign]
    Process.is_alive = is_alive  # type: ignore[method-assign]
    make: Callable[..., None] = Multiprocess.__init__
    terminate: Callable[[Any], None] = Multiprocess.terminate_all

    def init(self: Any, *arguments: Any, **named: Any) -> None:
        make(self, *arguments, **named)
        ends.append(self.should_exit)

        def stop(number: int, frame: Any) -> None:
            if folder := os.environ.get(SHARED_FOLDER):
                Path(folder, STOPPING).touch()
            # at once: whoever ends a group of processes ends the workers as well
            if not notice:
                let_nobody_in(self.sockets)
            # from another thread, since this one may be holding the event's lock
            threading.Thread(target=self.should_exit.set).start()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)

    def terminate_all(self: Any) -> None:
        if notice:
            terminate(self)
            time.sleep(notice)
        let_nobody_in(self.sockets)
        if not notice:
            terminate(self)
        for each in self.sockets:
            each.close()

    Multiprocess.__init__ = init  # type: ignore[method-assign]
    Multiprocess.terminate_all = terminate_all  # type: ignore[method-assign]


def answers(line: Connection, timeout: float, ends: Iterable[threading.Event]) -> bool:
    """Whether the worker at the other end answers in time; it is taken for alive where one of ``ends`` comes first, since who is
    not alive is killed with all that it has under way."""
    until = time.monotonic() + timeout
    try:
        line.send(b"ping")
        while (left := until - time.monotonic()) > 0:
            if line.poll(min(left, MOMENT)):
                line.recv()
                return True
            if any(end.is_set() for end in ends):
                return True
    except (OSError, EOFError):
        pass
    return False


def let_nobody_in(listening: Iterable[socket.socket]) -> None:
    """Let no new connection into the queue of those that wait to be accepted; handshakes that have begun are finished."""
    program = b"".join(struct.pack("HBBI", *each) for each in NO_SYN)
    code = ctypes.create_string_buffer(program, len(program))
    for each in listening:
        try:
            if sys.platform != "linux":
                raise OSError("no filters")
            each.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(NO_SYN), ctypes.addressof(code)))
        except OSError:
            with suppress(OSError):
                each.listen(0)


@contextlib.contextmanager
def _same(sockets: Iterable[Any]) -> Iterator[list[socket.socket]]:
    """The sockets themselves: event loops hand out wrappers that can do little."""
    with contextlib.ExitStack() as held:
        yield [held.enter_context(socket.socket(fileno=os.dup(each.fileno()))) for each in sockets]


async def _accept_the_rest(server: Any, listening: list[socket.socket]) -> None:
    """Wait until nobody waits to be accepted any more, and take the event loop off the sockets without dropping anybody.

    An event loop accepts in one turn and makes the connection in the next; whom it has accepted when its server is closed in
    between, it forgets. So it is told to accept no more, is given its turns, and who has come meanwhile is accepted by hand.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + LONGEST
    queue = select.poll()
    for each in listening:
        queue.register(each, select.POLLIN)
    while queue.poll(0) and loop.time() < until:
        await asyncio.sleep(0.01)
    for each in (s for one in server.servers for s in one.sockets):
        with suppress(NotImplementedError, RuntimeError):
            loop.remove_reader(each.fileno())
    for _ in range(3):
        await asyncio.sleep(0)
    config = server.config

    def protocol() -> Any:
        return config.http_protocol_class(config=config, server_state=server.server_state, app_state=server.lifespan.state)

    for each in listening:
        while True:
            try:
                connection, _ = each.accept()
            except OSError:  # nobody is left
                break
            connection.setblocking(False)
            await loop.connect_accepted_socket(protocol, connection)

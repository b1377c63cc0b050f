"""One connection of a caller: what the web server's own protocol leaves open about time, size and number.

The web server hands a request on once its head is complete; until then nobody looks at the clock, at how much has come, or at
how many wait so. Here the head of a request must arrive within ``header_seconds`` of the connection (of its first byte, on a
connection that has had a request before) and be of bounded size, and where more connections are open than ``most``, the one that
has waited longest for its head makes room. What is refused so gets an OperationOutcome like everything else.

At a stop, a connection that waits for its first request is not closed at once, as the web server would: its bytes may be on their
way. It is served if they come, and closed after a moment if they do not (draining.py).
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from guideway.service.problems import Problem

HEAD_BYTES = 64 * 1024
NEW_SECONDS = 5.0
"""So long a connection may stay open after a stop for its first request."""
KEPT_SECONDS = 1.0
"""So long one that has had requests may."""


class Bounds(NamedTuple):
    """What a worker allows its connections; found under ``BOUNDS`` in the state that the application's start leaves."""

    header_seconds: float
    most: int


BOUNDS = "guideway.bounds"


class Bounded:
    """What is added to one of the web server's protocols; which of them depends on the parsers that are installed."""

    connections: set[Any]
    cycle: Any
    app_state: dict[str, Any]
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport

    leaving = False
    """Whether the worker stops."""
    since = 0.0
    """From when on the head of a request has been waited for."""
    head = 0
    """Bytes of a head that is not complete."""
    last = b""
    """Its last bytes."""
    timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> bool:
        """Whether no request is under way."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:
        """A caller has connected."""
        super().connection_made(transport)  # type: ignore[misc]
        self.bounds: Bounds = self.app_state[BOUNDS]
        self.since = self.loop.time()
        self._within(self.bounds.header_seconds)
        if len(self.connections) > self.bounds.most:
            longest = min((c for c in self.connections if c.waiting and c is not self), key=_since, default=self)
            longest.refuse(Problem(503, "too many connections are open", headers={"Retry-After": "2"}))

    def data_received(self, data: bytes) -> None:
        """Bytes have come: of a head, or of a body."""
        before, waited = self.cycle, self.waiting
        # what still comes of a body whose request has been refused is no head
        of_a_head = waited and (before is None or not before.more_body)
        if of_a_head and self.head + len(data) > HEAD_BYTES and not self._ends(data):
            self._too_large()
            return
        super().data_received(data)  # type: ignore[misc]
        if self.cycle is not before:
            self._settle()
            self.head = 0
            if self.leaving:
                self.cycle.keep_alive = False
        elif waited and not self.transport.is_closing():
            if self.timer is None:
                self.since = self.loop.time()
                self._within(self.bounds.header_seconds)
            if of_a_head:
                self.head += len(data)
                self.last = data[-3:]
                if self.head > HEAD_BYTES:
                    self._too_large()

    def _ends(self, data: bytes) -> bool:
        """Whether the head ends within its bounds in what has come now; a body may follow it at once."""
        room = max(0, HEAD_BYTES - self.head)
        within = (self.last if self.head else b"") + data[:room]
        return b"\n\r\n" in within or b"\n\n" in within

    def _too_large(self) -> None:
        self.refuse(Problem(431, f"the head of the request is larger than {HEAD_BYTES} bytes"))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._settle()
        super().connection_lost(exc)  # type: ignore[misc]

    def shutdown(self) -> None:
        """The worker stops: serve what is under way or about to come, then close."""
        self.leaving = True
        if not self.waiting:
            self.cycle.keep_alive = False
        elif self.cycle is None and not self.head:
            self._within(max(0.0, self.since + min(NEW_SECONDS, self.bounds.header_seconds) - self.loop.time()))
        elif self.timer is None:
            self._within(KEPT_SECONDS)

    def send_400_response(self, msg: str) -> None:
        """What has come is no HTTP."""
        self.refuse(Problem(400, msg))

    def refuse(self, problem: Problem) -> None:
        """Answer so, and close."""
        self._settle()
        if self.transport.is_closing():
            return
        body = msgspec.json.encode(problem.outcome())
        headers = {
            "content-type": "application/fhir+json; charset=utf-8", "content-length": str(len(body)), "connection": "close",
            "cache-control": "no-store", **problem.headers,
        }  # fmt: skip
        lines = [f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}", *(f"{k}: {v}" for k, v in headers.items())]
        self.transport.write("\r\n".join([*lines, "", ""]).encode("ascii") + body)
        self.transport.close()

    def _within(self, seconds: float) -> None:
        self._settle()
        self.timer = self.loop.call_later(seconds, self._late)

    def _settle(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _late(self) -> None:
        if self.head:
            self.refuse(Problem(408, f"the head of the request did not arrive within {self.bounds.header_seconds:g} s"))
        else:
            self.transport.close()


class Connection(Bounded, AutoHTTPProtocol):  # type: ignore[valid-type, misc]
    """The protocol that the web server is told to use."""


def _since(connection: Bounded) -> float:
    return connection.since

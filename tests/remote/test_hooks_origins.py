"""What ``guideway hooks check`` says of a server that pages in a browser may call."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("httpx")

from guideway.remote.cds_hooks import HooksClient
from guideway.remote.hooks_check import Checker, Verdict
from guideway.remote.local_search import Shelf

APP = "https://app.example.org"
WANTED = "Authorization, Content-Type"


class Server(ThreadingHTTPServer):
    """A server without services; ``told`` gives what it says of an origin, by the method."""

    daemon_threads = True
    told: dict[str, dict[str, str]]


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            for name, value in server.told.get(self.command, {}).items():
                found = value.replace("{origin}", self.headers.get("Origin", ""))
                self.send_header(f"Access-Control-Allow-{name}", found)
            self.send_header("Content-Length", "15")
            self.end_headers()
            self.wfile.write(b'{"services":[]}')

        do_OPTIONS = do_GET

        def log_message(self, *arguments: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    server.told = {}
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def verdicts(server: Server, origin: str | None = APP) -> dict[str, Verdict]:
    client = HooksClient(f"http://127.0.0.1:{server.server_address[1]}")
    return {v.rule: v for v in asyncio.run(Checker(client, lambda hook: None, Shelf([]), origin).run())}


@pytest.mark.parametrize(
    ("told", "own", "foreign"),
    [
        ({"OPTIONS": {"Origin": APP, "Headers": WANTED}}, "pass", "pass"),
        ({}, "warn", "pass"),
        ({"OPTIONS": {"Origin": APP, "Headers": "content-type"}}, "warn", "pass"),
        ({"OPTIONS": {"Origin": "*", "Headers": "*"}}, "pass", "pass"),
        ({"OPTIONS": {"Origin": "{origin}", "Headers": WANTED}}, "pass", "warn"),
        ({"GET": {"Origin": "{origin}", "Credentials": "true"}}, "warn", "warn"),
        ({"OPTIONS": {"Origin": "*", "Headers": WANTED, "Credentials": "true"}}, "pass", "warn"),
    ],
)
def test_who_is_let_in(server: Server, told: dict[str, dict[str, str]], own: str, foreign: str) -> None:
    server.told = told
    found = verdicts(server)
    assert (found["X1"].result, found["X2"].result) == (own, foreign)


def test_without_an_origin_only_strangers_are_tried(server: Server) -> None:
    found = verdicts(server, None)
    assert (found["X1"].result, found["X2"].result) == ("skip", "pass")
    assert "--origin" in found["X1"].note

"""A PostgreSQL server for the tests: the one that GUIDEWAY_TEST_POSTGRESQL names, or a fresh one made here from the installed
programs, in a temporary folder, that ends with the test run. Every user of it gets a database of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest


def _program(name: str) -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


def server() -> Iterator[str]:
    """The URL of a server (without a database's name at its end); skips where there is none and none can be made."""
    if url := os.environ.get("GUIDEWAY_TEST_POSTGRESQL"):
        yield url.rpartition("/")[0]
        return
    initdb, control = _program("initdb"), _program("pg_ctl")
    if not initdb or not control:
        pytest.skip("needs PostgreSQL: install it, or set GUIDEWAY_TEST_POSTGRESQL to a server's URL")
    folder = Path(tempfile.mkdtemp(prefix="guideway-pg-"))
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    prefix: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        prefix = ["runuser", "-u", "postgres", "--"]
    data = str(folder / "data")

    def run(*command: str) -> None:
        subprocess.run([*prefix, *command], check=True, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    run(initdb, "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off -c max_connections=300"
    run(control, "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
    try:
        yield f"postgresql+psycopg://tester@127.0.0.1:{port}"
    finally:
        run(control, "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def database(base: str) -> str:
    """The URL of a new, empty database."""
    import sqlalchemy as sa

    name = f"guideway_{uuid.uuid4().hex}"
    engine = sa.create_engine(f"{base}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return f"{base}/{name}"


class Between:
    """Stands between the service and the server, until the connections fall silent: not a word on those that there are, and (with
    ``new``) on those that come; nothing tells either side."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._server = parts.hostname, parts.port
        self._listening = socket.create_server(("127.0.0.1", 0))
        port = self._listening.getsockname()[1]
        self.url = url.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{port}")
        self._silent = threading.Event()
        self._new = False
        threading.Thread(target=self._run, daemon=True).start()

    def fall_silent(self, *, new: bool = False) -> None:
        """From now on; connections that are made later are passed on, unless ``new``."""
        self._silent.set()
        self._silent, self._new = threading.Event(), new
        if new:
            self._silent.set()

    def close(self) -> None:
        """No more."""
        self._listening.close()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(self._server)
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(one, other, self._silent), daemon=True).start()

    @staticmethod
    def _pass_on(one: socket.socket, other: socket.socket, silent: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while (data := one.recv(65536)) and not silent.is_set():
                other.sendall(data)
        while silent.is_set():  # held, so that nobody is told
            time.sleep(1)
        for each in (one, other):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

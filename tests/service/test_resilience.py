"""Killed, stopped or reloaded under load: nothing acknowledged is lost, and no request is dropped."""

from __future__ import annotations

import concurrent.futures
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from tests.service.ehr import COUNT, RX, SERVICE, Service, hook_request, running, write_guideline

pytestmark = pytest.mark.full


def until(what: Callable[[], bool], seconds: float = 120) -> None:
    """Wait for it; AssertionError where it does not come about."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def all_started(service: Service) -> bool:
    """Whether every worker has begun: one that begins after a package was changed loads the changed one."""
    return sum(line["event"] == "started" for line in service.log_lines()) >= service.settings.get("workers", 1)


def kept(url: str) -> set[str]:
    """The times of the feedback that the store holds; each item has one of its own."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = set(connection.execute(sa.text("SELECT timestamp FROM feedback")).scalars())
    engine.dispose()
    return found


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
@pytest.mark.parametrize("workers", [1, 4])
def test_S_feedback_killed_under_load_nothing_acknowledged_is_lost(
    package: Any, tmp_path: Any, store: str, workers: int, request: pytest.FixtureRequest
) -> None:
    more = {"store_url": request.getfixturevalue("new_database")()} if store == "postgresql" else {}
    service = Service(tmp_path / "s", package, workers=workers, **more).start()
    card = service.cards(hook_request(COUNT, RX))[0]["uuid"]
    acknowledged: set[str] = set()
    moments = (f"2026-06-01T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}.{m:06}Z" for m in range(1000) for n in range(86_400))
    ended = threading.Event()

    def send() -> None:
        with httpx.Client(verify=False) as client:
            while not ended.is_set():
                told = [next(moments) for _ in range(3)]
                items = [{"card": card, "outcome": "overridden", "outcomeTimestamp": moment} for moment in told]
                try:
                    answer = client.post(f"{service.base}/cds-services/{SERVICE}/feedback", json={"feedback": items})
                except httpx.HTTPError:
                    return
                if answer.status_code == 200:
                    acknowledged.update(told)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    until(lambda: len(acknowledged) > 100)
    assert service.process is not None
    for pid in service.processes():
        os.kill(pid, signal.SIGKILL)
    service.process.wait(10)
    ended.set()
    for thread in threads:
        thread.join(30)
    assert len(acknowledged) > 100
    assert acknowledged <= kept(service.settings["store_url"])


class Load:
    """Hook requests from several clients until told to end; each request's fate is kept."""

    def __init__(self, service: Service, clients: int = 6) -> None:
        self.service, self.ended, self.statuses, self.refused, self.broken = service, threading.Event(), [], 0, []
        self.versions: set[str] = set()
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self) -> None:
        while not self.ended.is_set():
            try:
                answer = self.service.hook(hook_request(COUNT, RX))
            except httpx.ConnectError:
                self.refused += 1  # it was never taken in
                time.sleep(0.02)
            except httpx.HTTPError as error:
                self.broken.append(repr(error))
            else:
                self.statuses.append(answer.status_code)
                if answer.status_code == 200:
                    self.versions.update(re.findall(r"Small (\d)", answer.json()["cards"][0]["detail"]))

    def end(self) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join(60)


@pytest.mark.parametrize(("workers", "store", "algorithm"), [(1, "sqlite", None), (4, "postgresql", "ES384")])
def test_S_ops_stopped_under_load_no_request_is_dropped(
    package: Any, tmp_path: Any, workers: int, store: str, algorithm: str | None, request: pytest.FixtureRequest
) -> None:
    more = {"store_url": request.getfixturevalue("new_database")()} if store == "postgresql" else {}
    service = Service(tmp_path / "s", package, algorithm, workers=workers, **more).start()
    load = Load(service)
    until(lambda: len(load.statuses) > 40)
    assert service.stop() in (0, -15, 143)
    load.end()
    assert load.broken == []
    assert set(load.statuses) == {200}


@pytest.mark.parametrize("workers", [1, 2])
def test_reloaded_under_load_the_new_version_answers_and_no_request_is_dropped(tmp_path: Any, workers: int) -> None:
    package = write_guideline(tmp_path / "g")
    with running(Service(tmp_path / "s", package, workers=workers)) as service:
        until(lambda: all_started(service))
        load = Load(service, 4)
        until(lambda: len(load.statuses) > 20)
        write_guideline(tmp_path / "g", "2.0.0")
        assert service.process is not None
        service.process.send_signal(signal.SIGHUP)
        until(lambda: "2" in load.versions)
        enough = len(load.statuses) + 40
        until(lambda: len(load.statuses) > enough)
        load.end()
    assert load.broken == []
    assert load.refused == 0
    assert set(load.statuses) == {200}
    assert load.versions == {"1", "2"}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_broken_package_at_reload_changes_nothing(tmp_path: Any, workers: int) -> None:
    package = write_guideline(tmp_path / "g")
    with running(Service(tmp_path / "s", package, workers=workers)) as service:
        until(lambda: all_started(service))
        (package / "Logic.cql").write_text("library Logic version '1.0.0'\nthis is no CQL")
        assert service.process is not None
        service.process.send_signal(signal.SIGHUP)
        told = ("reload failed", "New child process")  # by the one worker; by the supervisor of several
        until(lambda: any(line["event"].startswith(told) for line in service.log_lines()))
        assert "Traceback" not in service.log()
        for _ in range(6):
            assert "Stop tablet A" in str(service.cards(hook_request(COUNT, RX)))


def test_while_workers_are_replaced_the_service_is_ready(tmp_path: Any) -> None:
    package = write_guideline(tmp_path / "g")
    with running(Service(tmp_path / "s", package, workers=2, drain_notice_seconds=1)) as service:
        until(lambda: all_started(service))
        assert service.process is not None
        service.process.send_signal(signal.SIGHUP)
        found: set[int] = set()

        def replaced() -> bool:
            found.add(service.get("/health/ready").status_code)
            return sum(line["event"] == "stopped" for line in service.log_lines()) == 2

        until(replaced)
        assert found == {200}
        service.process.send_signal(signal.SIGTERM)
        until(lambda: service.get("/health/ready").status_code == 503)


HANGING = """
import threading
from guideway.service.store import Store

def hang(*arguments):
    threading.Event().wait()

Store.cards = Store.keep = hang
"""


@pytest.fixture
def hanging(package: Any, tmp_path: Any, workers: int, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service whose store takes nothing and does not say so."""
    (tmp_path / "sitecustomize.py").write_text(HANGING)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    return Service(tmp_path / "s", package, workers=workers, deadline_seconds=1, drain_seconds=2).start()


@pytest.mark.parametrize("workers", [1, 2])
def test_one_signal_ends_a_service_whose_store_hangs(hanging: Service) -> None:
    service = hanging
    item = {"card": "c", "outcome": "overridden", "outcomeTimestamp": "2026-06-01T10:00:00Z"}
    assert service.post(f"/cds-services/{SERVICE}/feedback", {"feedback": [item]}).status_code == 503
    begun = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - begun < 25
    assert "Traceback" not in service.log()


@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_store_did_not_take_is_told_at_the_end(hanging: Service, workers: int) -> None:
    service = hanging
    assert service.hook(hook_request(COUNT, RX)).status_code == 200
    if workers == 1:
        until(lambda: service.get("/health/ready").status_code == 503)
        assert service.hook(hook_request(COUNT, RX)).status_code == 503
    assert service.stop() == 1
    assert [line["count"] for line in service.log_lines() if line["event"] == "answers could not be kept"] == [1]


@pytest.mark.parametrize("workers", [1, 2])
def test_after_a_stop_all_is_well(package: Any, tmp_path: Any, workers: int) -> None:
    service = Service(tmp_path / "s", package, workers=workers).start()
    assert service.stop() == 0


def test_a_worker_that_cannot_come_back_does_not_end_the_others(tmp_path: Any) -> None:
    package = write_guideline(tmp_path / "g")
    with running(Service(tmp_path / "s", package, workers=2)) as service:
        until(lambda: all_started(service))
        (package / "Logic.cql").write_text("library Logic version '1.0.0'\nthis is no CQL")
        workers = [line["worker"] for line in service.log_lines() if line["event"] == "started"]
        os.kill(workers[0], signal.SIGKILL)
        until(lambda: any(line["event"] == "the worker does not start" for line in service.log_lines()))
        for _ in range(3):
            assert "Stop tablet A" in str(service.cards(hook_request(COUNT, RX)))
        assert service.stop() == 0


def test_a_store_that_cannot_be_stops_the_start(package: Any, tmp_path: Any) -> None:
    for workers in (1, 2):
        with pytest.raises(AssertionError, match="the store cannot be"):
            Service(tmp_path / str(workers), package, workers=workers, store_url="sqlite:////proc/none/x.sqlite3").start()


def test_many_at_once_are_all_answered(plain: Service) -> None:
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda _: plain.hook(hook_request(COUNT, RX)).status_code, range(96)))
    assert set(answers) == {200}

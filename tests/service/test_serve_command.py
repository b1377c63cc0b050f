"""``guideway serve`` as a command: what keeps it from starting is said before it says that it serves."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.cli.processes import assert_fatal
from tests.service.program import guideway

from guideway.diagnostics import GuidewayError
from guideway.service import serving
from guideway.service.settings import Settings


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    "url",
    ["mysql://u:p@db/x", "garbage", "sqlite:////proc/no/such/place.sqlite3", "postgresql+psycopg://u:p@127.0.0.1:1/x"],
)
def test_a_store_that_cannot_be_used_is_said_first(
    tmp_path: Path, small: Path, url: str, check: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uvicorn.run", None)  # it must not come to that
    config = tmp_path / "service.toml"
    config.write_text(f"packages = [{json.dumps(str(small))}]\nstore_url = {json.dumps(url)}\nport = 1\n")
    done = guideway("serve", "--config", config, *(["--check"] if check else []))
    if check:
        assert done.returncode == 2
        assert b"store" in done.stderr
    else:
        assert_fatal(done, "store")
    assert b"/cds-services" not in done.stderr
    assert b"u:p@" not in done.stdout + done.stderr


def test_settings_are_checked_where_the_service_has_not_run_yet(tmp_path: Path, small: Path) -> None:
    config = tmp_path / "service.toml"
    file = tmp_path / "new" / "service.sqlite3"
    config.write_text(f"packages = [{json.dumps(str(small))}]\nstore_url = {json.dumps(f'sqlite:///{file}')}\n")
    for _ in range(2):
        done = guideway("serve", "--config", config, "--check")
        assert (done.returncode, done.stderr) == (0, b"")
        assert json.loads(done.stdout)["port"] == 8080


def test_what_a_worker_starts_does_not_see_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(serving.RESOLVED, "")
    monkeypatch.setattr(serving, "configure", lambda level: None)
    started: list[Settings] = []

    def make(settings: Settings) -> None:
        started.append(settings)
        raise GuidewayError("enough")

    monkeypatch.setattr(serving, "make_runtime", make)
    serving.hand_over(Settings(store_url="postgresql+psycopg://u:p@db/x"))
    with pytest.raises(SystemExit):
        serving.application()
    assert started[0].store_url is not None
    assert serving.RESOLVED not in os.environ

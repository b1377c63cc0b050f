"""What all commands have in common: help, exit status, streams, what is imported."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from tests.cli.processes import PROGRAM, assert_fatal, guideway, loaded_modules

from guideway.cli import output
from guideway.cli.root import run
from guideway.diagnostics import Diagnostic, GuidewayError, Severity

HEAVY = {
    "fastapi",
    "starlette",
    "uvicorn",
    "pydantic",
    "fhir",
    "jsonschema",
    "dask",
    "importlib.metadata",
    "rich",
    "yaml",
    "httpx",
}


def test_help_lists_every_command_and_imports_none() -> None:
    done = guideway("--help")
    assert done.returncode == 0
    for word in (b"apply", b"plans", b"validate", b"cql", b"cache"):
        assert word in done.stdout
    modules = loaded_modules("--help")
    assert not modules & HEAVY
    assert not {name for name in modules if name.startswith("guideway.")} - {
        "guideway.cli",
        "guideway.cli.root",
        "guideway.cli.commands",
        "guideway.cli.ending",
        "guideway.diagnostics",
    }


def test_without_a_command_the_help_is_shown() -> None:
    assert guideway().stdout == guideway("--help").stdout


def test_an_unknown_command_names_the_nearest() -> None:
    assert_fatal(guideway("aply"), "no command 'aply'", "did you mean 'apply'")
    assert_fatal(guideway("zzz"), "no command 'zzz'", "--help")


def test_an_unknown_option_is_a_mistake() -> None:
    assert_fatal(guideway("cache", "path", "--nonsense"), "--nonsense")


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (GuidewayError("file.json: not JSON"), 2, "file.json: not JSON"),
        (GuidewayError("bad", [Diagnostic("a-rule", Severity.error, "the detail")]), 2, "the detail"),
        (FileNotFoundError(2, "No such file or directory", "x.json"), 2, "x.json: no such file or directory"),
        (ModuleNotFoundError("No module named 'uvicorn'", name="uvicorn"), 2, "pip install 'guideway[serve]'"),
        (ModuleNotFoundError("No module named 'prompt_toolkit'", name="prompt_toolkit"), 2, "pip install 'guideway[repl]'"),
        (ModuleNotFoundError("No module named 'guideway.gone'", name="guideway.gone"), 3, "internal error: ModuleNotFoundError"),
        (ZeroDivisionError("secret patient name"), 3, "internal error: ZeroDivisionError in cli/test_root.py:"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.Abort(), 130, "interrupted"),
        (click.UsageError("wrong use"), 2, "wrong use"),
        (click.FileError("f", "gone"), 2, "f"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_every_end_has_its_status_and_message(
    error: BaseException, status: int, words: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GUIDEWAY_DEBUG", raising=False)

    @click.command()
    def failing() -> None:
        raise error

    assert run([], failing) == status
    out, err = capfd.readouterr()
    assert out == ""
    assert words in err
    assert "Traceback" not in err
    assert "secret" not in err


def test_the_stack_is_shown_on_request_only(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def failing() -> None:
        raise ZeroDivisionError("details")

    monkeypatch.setenv("GUIDEWAY_DEBUG", "1")
    assert run([], failing) == 3
    assert "Traceback" in capfd.readouterr().err


def test_a_command_may_give_its_status(capfd: pytest.CaptureFixture[str]) -> None:
    @click.command()
    def failing() -> int:
        return 1

    assert run([], failing) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
def test_a_reader_that_goes_away_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run([*PROGRAM, "--help"], stdout=writer, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(writer)
    assert done.returncode == 141
    assert done.stderr == b""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_an_interrupt_ends_quietly() -> None:
    code = "\n".join(
        (
            "import signal, time, click, sys",
            "from guideway.cli.root import run",
            "signal.signal(signal.SIGINT, signal.default_int_handler)",  # who starts the tests may have it ignored
            "@click.command()",
            "def wait():",
            "    print(1, flush=True)",
            "    time.sleep(30)",
            "sys.exit(run([], wait))",
        )
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert errors.decode() == "guideway: interrupted\n"
    assert process.returncode == 130


def test_an_interrupt_before_the_command_has_begun_ends_quietly() -> None:
    """In a process of its own, since a start that goes on ends the process."""
    code = """
import sys
from guideway.cli import archive, main

def interrupted(name):
    raise KeyboardInterrupt

archive.install = interrupted
sys.dont_write_bytecode = False  # else the first modules are made anew
sys.argv = ["guideway", "apply", "patient.json"]
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"guideway: interrupted\n")


# --- output ---


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    output.write_result("first", str(target))
    target.chmod(0o640)
    output.write_result("zweite äöü", str(target))
    assert target.read_text("utf-8") == "zweite äöü"
    assert target.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_a_link_keeps_leading_to_its_file(tmp_path: Path) -> None:
    target = tmp_path / "real.txt"
    target.write_text("old")
    link = tmp_path / "link.txt"
    link.symlink_to(target)
    output.write_result("new", str(link))
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out.json"
    target.write_text("old")

    def refuse(source: str, goal: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output.os, "replace", refuse)
    with pytest.raises(GuidewayError, match="cannot be written"):
        output.write_result("new", str(target))
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(GuidewayError, match=r"gone/out\.json: cannot be written"):
        output.write_result("x", str(tmp_path / "gone" / "out.json"))


@pytest.mark.parametrize(
    ("variables", "wanted"), [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)]
)
def test_colour_is_for_terminals_of_those_who_want_it(
    variables: dict[str, str], wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert output.wants_colour() is wanted


# --- guideway cache ---


def test_the_cache_can_be_found_looked_at_and_cleared(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    assert guideway("cache", "path", GUIDEWAY_CACHE=str(folder)).stdout.decode().strip() == str(folder)
    folder.mkdir()
    (folder / "guideline-abc.blob").write_bytes(b"x" * 2048)
    assert b"1 entry, 2 kB" in guideway("cache", "info", GUIDEWAY_CACHE=str(folder)).stdout
    for number in range(20):
        (folder / f"patterns-{number}.blob").write_bytes(b"x" * 1024)
    first, *rest = guideway("cache", "info", GUIDEWAY_CACHE=str(folder)).stdout.decode().splitlines()
    assert "21 entries, 22 kB" in first
    assert [line.split() for line in rest] == [["2", "kB", "1", "entry", "guideline"], ["20", "kB", "20", "entries", "patterns"]]
    assert b"patterns-7.blob" in guideway("cache", "info", "--files", GUIDEWAY_CACHE=str(folder)).stdout
    (folder / "guideline-abc.blob").unlink()
    assert guideway("cache", "clear", GUIDEWAY_CACHE=str(folder)).stdout == b"20 entries removed\n"
    (folder / "guideline-abc.blob").write_bytes(b"x" * 2048)
    assert guideway("cache", "clear", GUIDEWAY_CACHE=str(folder)).stdout == b"1 entry removed\n"
    assert guideway("cache", "clear", GUIDEWAY_CACHE=str(folder)).stdout == b"0 entries removed\n"
    assert guideway("cache", "path", GUIDEWAY_CACHE="off").stdout == b"caching is off\n"
    assert guideway("cache", "clear", GUIDEWAY_CACHE="off").returncode == 0

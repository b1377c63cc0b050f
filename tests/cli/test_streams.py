"""Streams that are closed or full, options that contradict themselves: one clear message, never a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.processes import PROGRAM, assert_fatal, guideway

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLE = ROOT / "examples/no-mast-cell-disease.json"
CLEAN = ROOT / "examples/aggressive-sm-neutrophils-0-8.json"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="closes streams as a POSIX shell does")


def shell(command: str) -> subprocess.CompletedProcess[str]:
    program = " ".join(f"'{word}'" for word in PROGRAM)
    return subprocess.run(["sh", "-c", command.replace("guideway", program)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [f"apply {EXAMPLE}", "plans"])
@pytest.mark.parametrize(("stream", "words"), [(">/dev/full", "no space left"), (">&-", "standard output is closed")])
def test_standard_output_that_takes_nothing(arguments: str, stream: str, words: str) -> None:
    done = shell(f"guideway {arguments} {stream}")
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_standard_input_and_standard_error_that_are_closed() -> None:
    done = shell("guideway apply - <&-")
    assert (done.returncode, done.stdout) == (2, "")
    assert "standard input is closed" in done.stderr
    assert shell(f"guideway apply {EXAMPLE} 2>&- >/dev/null").returncode == 0
    silent = shell("guideway apply /nowhere.json 2>&-")
    assert (silent.returncode, silent.stdout, silent.stderr) == (2, "", "")


def test_a_parameter_twice_and_an_unknown_hook_are_mistakes() -> None:
    twice = ("--parameter", "labMaxAgeDays=1", "--parameter", "labMaxAgeDays=2")
    assert_fatal(guideway("apply", EXAMPLE, *twice), "labMaxAgeDays is given twice")
    assert_fatal(guideway("apply", EXAMPLE, "--hook", "order-sing"), "order-sing", "order-sign")
    assert guideway("apply", EXAMPLE, "--hook", "order-sign").returncode == 0


def test_what_only_informs_is_no_finding() -> None:
    """That a relation to an action that does not apply is left out of the result is said, and is nobody's mistake."""
    outcome = json.loads(guideway("apply", CLEAN, "--as-of", "2026-06-01", "--format", "outcome").stdout)
    severities = {f["severity"] for r in outcome["recommendations"] for f in r.get("findings", [])}
    assert severities <= {"information"}
    assert guideway("apply", CLEAN, "--as-of", "2026-06-01", "--fail-on", "finding").returncode == 0


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"resourceType": "Bundle",\n "total": NaN}', ":2:11: this is not JSON: NaN is no JSON number. Put it right there"),
        (b'{"resourceType": "Bundle",\n "total": -Infinity}', "-Infinity is no JSON number"),
        (b'{"resourceType": "Bundle",\n "entry": [1,]}', ":2:14: this is not JSON: trailing comma in array. Put it right there"),
        (b'{"resourceType": "Bundle",\n "entry": [', ":2: this is not JSON: it breaks off too soon. Is the file complete?"),
        ('{"resourceType": "Bundle"}'.encode("utf-16-le"), "UTF-16"),
        (b"PK\x03\x04rest", "ZIP file"),
        (b'{"resourceType": "Bundle", "type": "collection", "entry": {}}', "entry: a list is expected"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_line(tmp_path: Path, data: bytes, words: str) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(data)
    done = guideway("apply", file)
    assert_fatal(done, "x.json", words)
    assert done.stderr.count(b"\n") == 1


def test_standard_input_is_read_once() -> None:
    assert_fatal(guideway("apply", "-", "-", stdin=b"{}"), "standard input (-) is given more than once")

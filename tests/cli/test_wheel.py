"""The wheel: built, installed into a fresh environment, it carries the guideline and gives the same answers as the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.cli.processes import guideway

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLE = ROOT / "examples" / "aggressive-sm-neutrophils-0-8.json"

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    (found,) = folder.glob("*.whl")
    return found


def test_it_carries_the_guideline_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    plans = {path.relative_to(ROOT).as_posix() for path in (ROOT / "plandefinitions").rglob("PlanDefinition-*.json")}
    assert {f"guideway/_guideline/{name}" for name in plans} <= set(names)
    assert "guideway/_guideline/plandefinitions/package.json" in names
    assert any(name.startswith("guideway/_guideline/valuesets/") for name in names)
    assert "guideway/py.typed" in names
    assert not [name for name in names if name.startswith(("tests/", "examples/")) or name.endswith(".pyc")]


def test_installed_it_answers_as_the_checkout_does(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    quiet = {"check": True, "capture_output": True, "stdin": subprocess.DEVNULL}
    subprocess.run([sys.executable, "-m", "venv", str(environment)], **quiet)  # type: ignore[call-overload]
    subprocess.run([str(environment / "bin" / "pip"), "install", "-q", str(wheel)], **quiet)  # type: ignore[call-overload]
    program = environment / "bin" / "guideway"
    variables = {**os.environ, "GUIDEWAY_CACHE": str(tmp_path / "cache")}

    def run(*arguments: str) -> bytes:
        done = subprocess.run([str(program), *arguments], capture_output=True, check=False, cwd=tmp_path, env=variables)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    arguments = ("apply", str(EXAMPLE), "--as-of", "2026-06-01", "--format", "json")
    assert run(*arguments) == run(*arguments) == guideway(*arguments).stdout
    assert run("--version") == guideway("--version").stdout
    done = subprocess.run([str(program), "cql", "repl"], capture_output=True, check=False, cwd=tmp_path, env=variables)
    assert done.returncode == 2
    assert b"pip install 'guideway[repl]'" in done.stderr

"""The README keeps its word: its first command prints the outcome, and its picture shows what the command prints."""

from __future__ import annotations

import html
import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

from tests.cli.processes import guideway

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def block(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n```sh\n(.*?)\n```", README, flags=re.DOTALL)
    assert found is not None
    return found[1]


def test_the_first_command_prints_an_explained_outcome() -> None:
    setup, install, run = block("run").split(" && ")
    assert setup == "python3 -m venv .venv"
    assert install == ".venv/bin/pip install -q -e ."
    program, *arguments = shlex.split(run)
    assert program == ".venv/bin/guideway"
    done = guideway(*(ROOT / word if word.startswith("examples/") else word for word in arguments))
    assert done.returncode == 0
    assert "Interrupt midostaurin" in done.stdout.decode()


def test_the_second_command_runs_the_tests() -> None:
    setup, install, run = block("test").split(" && ")
    assert setup == "python3 -m venv .venv"
    assert install == ".venv/bin/pip install -q -e '.[dev]'"
    assert run == ".venv/bin/pytest -n auto"


def picture_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_readme_picture", ROOT / "scripts" / "make_readme_picture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def words(text: str) -> list[str]:
    """Without the content hash, which changes with every edit of the guideline."""
    return re.sub(r"\([0-9a-f]{12}\)", "()", text).split()


def test_the_picture_shows_what_the_command_prints() -> None:
    script = picture_script()
    shown = [html.unescape(piece) for piece in re.findall(r"<text [^>]*>(.*?)</text>", script.TARGET.read_text("utf-8"))]
    printed = guideway("apply", ROOT / script.EXAMPLE, "--as-of", script.AS_OF, "--plan", script.PLAN).stdout.decode()
    printed = re.sub(r"\([0-9a-f]{12}\)", "(…)", printed)
    assert words(" ".join(shown)) == words(script.COMMAND + " " + printed), "run scripts/make_readme_picture.py"

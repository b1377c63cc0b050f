"""The house rules that a program can check: floors, names that do not belong in src, links, commands in the documentation."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "guideway"

FLOORS: list[set[str]] = [
    {"diagnostics", "cache"},
    {"fhir", "ucum"},
    {"terminology", "elm"},
    {"cql", "engine"},
    {"records", "guideline"},
    {"apply", "remote"},
    {"authoring", "service", "population"},
    {"cli"},
]
"""From the ground up (docs/architecture.md): a package imports itself and what stands on lower floors, never a neighbour."""


def floor_of(package: str) -> int:
    for level, packages in enumerate(FLOORS):
        if package in packages:
            return level
    raise AssertionError(f"src/guideway/{package} has no floor: give it one here and in docs/architecture.md")


def python_files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def imported(tree: ast.AST, module: str) -> Iterator[tuple[int, str]]:
    """Every guideway module that the file names in an import, inside functions and under TYPE_CHECKING too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                base = ".".join([*parts[: len(parts) - node.level], *([base] if base else [])])
            yield node.lineno, base
            if base == "guideway":
                for name in node.names:
                    yield node.lineno, f"guideway.{name.name}"


def package_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def test_each_package_imports_only_lower_floors() -> None:
    wrong = []
    for path in python_files():
        package = package_of(path)
        if package in ("__init__", "__main__"):
            continue
        module = "guideway." + ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        for line, name in imported(ast.parse(path.read_text(encoding="utf-8")), module):
            parts = name.split(".")
            if parts[0] != "guideway" or len(parts) == 1 or parts[1] in (package, "__version__"):
                continue
            if floor_of(parts[1]) >= floor_of(package):
                wrong.append(f"{path.relative_to(ROOT)}:{line}: {package} imports {parts[1]}")
    assert wrong == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [str(path.relative_to(ROOT)) for path in python_files() if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert silent == []


# --- src knows no disease ---

ORDINARY_WORDS: dict[str, str] = {}
"""Words of displays that are also the program's own vocabulary, each with the reason why it may stand in src."""


@cache
def value_set_vocabulary() -> tuple[frozenset[str], frozenset[str]]:
    """The words of five letters or more of every display, and every code, of all value sets and code systems."""
    words: set[str] = set()
    codes: set[str] = set()

    def visit(node: object) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("code"), str) and not (node.keys() & {"valueCode", "kind"}):
                if node.keys() & {"display", "system"} or node.keys() <= {"code", "display", "definition", "designation"}:
                    codes.add(node["code"])
            for key in ("display",):
                if isinstance(node.get(key), str):
                    words.update(word.lower() for word in re.findall(r"[^\W\d_]{5,}", node[key]))
            for key, value in node.items():
                if key not in ("meta", "useContext", "jurisdiction", "topic", "identifier"):
                    visit(value)
        elif isinstance(node, list):
            for item in node:
                visit(item)

    for path in sorted((ROOT / "valuesets").rglob("*.json")):
        resource = json.loads(path.read_text(encoding="utf-8"))
        for part in ("compose", "expansion", "concept"):
            visit(resource.get(part))
    return frozenset(words), frozenset(codes)


def source_texts() -> Iterator[tuple[str, str]]:
    for path in sorted(SOURCE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and "_guideline" not in path.parts:
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8", errors="replace")


def test_no_display_word_of_a_value_set_is_in_src() -> None:
    words, _ = value_set_vocabulary()
    if not words:
        pytest.skip("no value sets yet")
    found = {}
    for name, text in source_texts():
        for word in set(re.findall(r"[^\W\d_]{5,}", text.lower())) & words - ORDINARY_WORDS.keys():
            found.setdefault(word, []).append(name)
    assert found == {}


def test_no_code_of_a_value_set_is_in_src() -> None:
    _, codes = value_set_vocabulary()
    if not codes:
        pytest.skip("no value sets yet")
    found = {}
    for name, text in source_texts():
        for word in set(re.findall(r"[\w./-]*\w", text)) & codes:
            found.setdefault(word, []).append(name)
    assert found == {}


def test_each_ordinary_word_is_still_needed() -> None:
    words, _ = value_set_vocabulary()
    text = " ".join(text for _, text in source_texts()).lower()
    spare = [word for word in ORDINARY_WORDS if word not in words or not re.search(rf"\b{word}\b", text)]
    assert spare == []


# --- the project speaks of itself alone ---

FORBIDDEN = {
    "an issue's number": r"\b(?:issue|ticket)s? #?\d+\b|(?<![\w&/#])#\d+\b(?!\w)",
    "a machine's path": r"(?<![\w.])/(?:work|home|root|Users)/\w+",
    "a drive of a machine": r"\b[A-Z]:\\\\?Users\b",
}

SPEAKING = (".py", ".md", ".toml", ".cql", ".yaml", ".yml", ".sh", ".txt", ".html", ".js", ".css")


def project_files() -> list[Path]:
    """The files of the project as they are handed over: what git knows, or, outside a checkout, what is there."""
    import subprocess

    try:
        listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
        files = [ROOT / name for name in listing if name]
    except (OSError, subprocess.CalledProcessError):
        skipped = {".git", ".venv", "__pycache__", "node_modules", "dist"}
        files = [path for path in ROOT.rglob("*") if path.is_file() and not skipped & set(path.parts)]
    return [path for path in files if path.is_file()]


def test_the_project_speaks_of_itself_alone() -> None:
    wrong = []
    for path in project_files():
        if path == Path(__file__).resolve() or not (path.suffix in SPEAKING or path.parent.name == ".ci"):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").split("\n"), 1):
            for what, pattern in FORBIDDEN.items():
                match = re.search(pattern, line)
                if match:
                    wrong.append(f"{path.relative_to(ROOT)}:{number}: {what}: {match.group()}")
    assert wrong == []


# --- documentation ---


def documents() -> list[Path]:
    return [path for path in project_files() if path.suffix == ".md"]


def anchors(text: str) -> set[str]:
    """The anchors that a page's headings get, by the rule of the usual Markdown renderers."""
    plain = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+\s+(.*?)\s*$", plain, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", title).lower()).replace(" ", "-") for title in titles}


def test_every_link_of_the_documentation_leads_somewhere() -> None:
    broken = []
    for path in documents():
        text = path.read_text(encoding="utf-8")
        plain = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)", plain):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            goal = (path.parent / file).resolve() if file else path
            if not goal.exists():
                broken.append(f"{path.relative_to(ROOT)}: {target}")
            elif anchor and goal.suffix == ".md" and anchor not in anchors(goal.read_text(encoding="utf-8")):
                broken.append(f"{path.relative_to(ROOT)}: {target} (no such heading)")
    assert broken == []


def shell_lines() -> Iterator[tuple[str, list[str]]]:
    """Each ``guideway …`` line in the shell blocks of all documents, as words."""
    import shlex

    for path in documents():
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        for block in re.findall(r"^```(?:sh|bash|console|shell)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
            for line in block.split("\n"):
                for piece in re.split(r"&&|\||;", line.removeprefix("$ ")):
                    words = shlex.split(piece, comments=True) if piece.count("'") % 2 == 0 and piece.count('"') % 2 == 0 else []
                    if words and words[0].rpartition("/")[2] == "guideway":
                        yield f"{path.relative_to(ROOT)}: {piece.strip()}", words[1:]


def test_every_command_in_the_documentation_exists() -> None:
    import click

    from guideway.cli.root import root

    wrong = []
    for where, words in shell_lines():
        command: click.Command | None = root
        context = click.Context(root)
        for word in words:
            if word.startswith("-") or not isinstance(command, click.Group):
                break
            command = command.get_command(context, word)
            if command is None:
                wrong.append(f"{where} (no command {word!r})")
                break
        if command is not None:
            known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {
                "--help",
                "-h",
                "--version",
            }
            wrong += [
                f"{where} (no option {w})" for w in (x.split("=")[0] for x in words) if w.startswith("--") and w not in known
            ]
    assert wrong == []


def test_every_row_of_the_command_table_holds() -> None:
    from importlib import import_module

    import click

    from guideway.cli.commands import COMMANDS, EXTRAS

    for name, entry in COMMANDS.items():
        try:
            command = getattr(import_module(entry.module), entry.attribute)
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] in EXTRAS:
                continue
            raise
        assert isinstance(command, click.Command)
        assert command.help, f"guideway {name} has no help text"
        assert len(name) + len(entry.summary) < 78, f"{name}: its summary does not fit on one line"


def test_each_extra_is_in_the_package_description() -> None:
    import tomllib

    from guideway.cli.commands import EXTRAS

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(EXTRAS.values()) <= project["optional-dependencies"].keys()

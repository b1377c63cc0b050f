"""The one file of modules: what is kept comes back, runs in the order it needs, and a file that is none is not used."""

from __future__ import annotations

import ast
import marshal
import os
import subprocess
import sys
from pathlib import Path

import pytest

from guideway.cli.archive import Archive, source_stamp
from guideway.cli.archive_writing import compiled, in_order, lean, packed, save_first

SOURCES = {
    "guideway.made_here": "from guideway.made_here.needed import answer\n",
    "guideway.made_here.user": "from guideway.made_here import answer\ntwice = 2 * answer\n",
    "guideway.made_here.needed": "answer = 21\n",
}


def made(folder: Path, usual: tuple[str, ...]) -> Archive:
    codes = {name: compile(text, name, "exec") for name, text in SOURCES.items()}
    files = {name: (str(folder / "__init__.py"), name == "guideway.made_here") for name in SOURCES}
    return Archive("", "", memoryview(packed(files, codes, usual)))


@pytest.mark.parametrize("usual", [(), tuple(SOURCES)])
def test_the_code_comes_back_as_it_was(tmp_path: Path, usual: tuple[str, ...]) -> None:
    archive = made(tmp_path, usual)
    assert {name: archive.get_code(name).co_filename for name in SOURCES} == {name: name for name in SOURCES}
    assert archive.codes() == {name: archive.get_code(name) for name in SOURCES}


@pytest.mark.parametrize("at_once", [False, True])
def test_modules_of_the_archive_are_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, at_once: bool) -> None:
    order = tuple(in_order({name: ast.parse(text) for name, text in SOURCES.items()}))
    archive = made(tmp_path, order if at_once else ())
    monkeypatch.setattr(sys, "meta_path", [archive, *sys.meta_path])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    archive.run_usual()
    assert ("guideway.made_here.user" in sys.modules) is at_once
    import guideway.made_here.user  # type: ignore[import-not-found]

    assert guideway.made_here.user.twice == 42
    assert not archive.missed
    assert archive.save() is False


def test_modules_that_cannot_be_run_are_not_left_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    archive = made(tmp_path, tuple(reversed(SOURCES)))
    codes = {name: compile("1 / 0", name, "exec") for name in SOURCES}
    files = {name: (str(tmp_path / "__init__.py"), name == "guideway.made_here") for name in SOURCES}
    archive = Archive("", "", memoryview(packed(files, codes, tuple(SOURCES))))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    with pytest.raises(ZeroDivisionError):
        archive.run_usual()
    assert not set(SOURCES) & set(sys.modules)


def test_a_module_that_is_not_there_is_noticed() -> None:
    archive = Archive("", "")
    assert archive.find_spec("json") is None
    assert not archive.missed
    assert archive.find_spec("guideway.nowhere") is None
    assert archive.missed


def test_a_module_of_the_standard_library_is_served_while_its_source_is_what_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = tmp_path / "colorsys.py"
    source.write_text("answer = 0\n")
    stamp = source_stamp(str(source))
    assert stamp is not None
    codes = {"colorsys": compile("answer = 42", "colorsys", "exec")}
    blob = packed({"colorsys": (str(source), False)}, codes, (), {"colorsys": stamp})
    monkeypatch.setattr(sys, "meta_path", [Archive("", "", memoryview(blob)), *sys.meta_path])
    monkeypatch.setitem(sys.modules, "colorsys", sys)  # so that whatever was there, or nothing, is there again afterwards
    del sys.modules["colorsys"]
    import colorsys

    assert colorsys.answer == 42  # type: ignore[attr-defined]
    source.write_text("answer = 1\n")
    os.utime(source, ns=(stamp[1] + 1, stamp[1] + 1))
    with pytest.raises(ValueError, match="changed"):
        Archive("", "", memoryview(blob))
    source.unlink()
    with pytest.raises(ValueError, match="changed"):
        Archive("", "", memoryview(blob))


def test_what_is_kept_is_what_running_needs() -> None:
    text = '''"""Documentation."""
from __future__ import annotations
from collections.abc import Sequence, Sized
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import guideway.nowhere


class One:
    """More of it."""

    part: Sequence[int]
    """And of a part."""


def two(given: One, *more: Any) -> int:
    """A function."""
    return given.part if isinstance(given, Sized) else 0
'''
    names: dict[str, object] = {}
    exec(compiled(lean(text), "made"), names)
    one, two = names["One"], names["two"]
    assert one.__doc__ is None
    assert one.__annotations__ == {"part": "Sequence[int]"}
    assert {"Sequence", "Sized"} <= set(names)
    assert not {"Any", "TYPE_CHECKING", "annotations"} & set(names)
    assert two.__doc__ is None
    assert two.__annotations__ == {}
    assert names.get("__doc__") is None
    assert two.__code__.co_firstlineno == text[: text.index("def two")].count("\n") + 1  # type: ignore[attr-defined]


def test_the_lines_of_what_is_kept_are_those_of_the_file() -> None:
    code = compiled(lean('"""One.\n\nTwo.\n"""\nx = 1\n'), "made")
    assert {line for _, _, line in code.co_lines() if line} == {5}


@pytest.mark.parametrize("blob", [b"", b"\x00", b"\xff\xff\xff\xff", b"\x02\x00\x00\x00xx", marshal.dumps(1)])
def test_bytes_that_are_no_archive_are_refused(blob: bytes) -> None:
    with pytest.raises((EOFError, ValueError, TypeError, AttributeError)):
        Archive("", "", memoryview(blob))


def test_where_python_keeps_nothing_the_first_modules_are_kept_in_the_cache(tmp_path: Path) -> None:
    environment = {**os.environ, "GUIDEWAY_CACHE": str(tmp_path)}
    tmp_path.chmod(0o700)
    code = (
        "import sys, guideway.cli; from guideway.places import first_modules\n"
        "first_modules(); there = 'guideway.stamps' in sys.modules\n"
        "from guideway.cli.archive import Archive, install; from guideway.stamps import digest\n"
        "print(there, Archive.__module__, install('apply') is not None, len(digest('x')))"
    )

    def started() -> str:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        return done.stdout

    assert started() == "False guideway.cli.archive True 40\n"
    assert save_first(str(tmp_path)) is True
    assert save_first(str(tmp_path)) is False
    assert started() == "True guideway.cli.archive True 40\n"
    (entry,) = tmp_path.glob("first-*.blob")
    whole = entry.read_bytes()
    for damaged in (b"", whole[:200], whole[:-9] + b"!" + whole[-8:], whole + b"more"):
        entry.write_bytes(damaged)
        assert started() == "False guideway.cli.archive True 40\n"
    entry.write_bytes(whole)
    entry.chmod(0o666)
    assert started() == "False guideway.cli.archive True 40\n"


def test_what_few_records_need_is_served_and_not_run_with_the_usual_modules(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    code = (
        "import sys; from guideway.cli.archive import KIND, Archive; from guideway.stamps import entry_path, read_entry\n"
        "import guideway.diagnostics, guideway.ucum.conversion, guideway.cli.fhir_server\n"
        "from guideway.cli.archive_writing import save\n"
        "folder = sys.argv[1]; assert save(Archive(folder, 'key'), tuple(sys.modules))\n"
        "found = Archive(folder, 'key', read_entry(entry_path(folder, KIND, 'key'))[0])\n"
        "assert 'guideway.diagnostics' in found.usual\n"
        "for name in ('conversion', 'grammar', 'units'):\n"
        "    assert f'guideway.ucum.{name}' in found.table and f'guideway.ucum.{name}' not in found.usual\n"
        "assert found.get_code('guideway.ucum.conversion')\n"
        "assert 'guideway.remote.client' in found.table and 'guideway.cli.fhir_server' in found.table\n"
        "far = 'guideway.remote.', 'guideway.service.', 'guideway.cli.fhir_server'\n"
        "assert not [name for name in found.usual if name.startswith(far)]\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

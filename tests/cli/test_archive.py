"""The one file of modules: what is kept comes back, and a file that is none is not used."""

from __future__ import annotations

import marshal
import sys
from pathlib import Path

import pytest

from guideway.cli.archive import Archive, packed, unpacked


def test_the_modules_come_back_as_they_were() -> None:
    codes = {
        "guideway.one": marshal.dumps(compile("x = 1", "one", "exec")),
        "guideway.two": marshal.dumps(compile("y", "two", "exec")),
    }
    rows = {name: (f"/{name}.py", name.endswith("two"), code) for name, code in codes.items()}
    found = unpacked(memoryview(packed(rows)))
    assert {name: (file, package, bytes(code)) for name, (file, package, code) in found.items()} == rows
    assert Archive("", "", found).get_code("guideway.one").co_filename == "one"


def test_a_module_of_the_archive_is_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    row = (str(tmp_path / "made.py"), False, marshal.dumps(compile("answer = 42", "made", "exec")))
    monkeypatch.setattr(sys, "meta_path", [Archive("", "", unpacked(memoryview(packed({"guideway_made": row})))), *sys.meta_path])
    import guideway_made  # type: ignore[import-not-found]

    assert guideway_made.answer == 42


@pytest.mark.parametrize("blob", [b"", b"\x00", b"\xff\xff\xff\xff", b"\x02\x00\x00\x00xx"])
def test_bytes_that_are_no_archive_are_refused(blob: bytes) -> None:
    with pytest.raises((EOFError, ValueError, TypeError, AttributeError)):
        unpacked(memoryview(blob))

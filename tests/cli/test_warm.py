"""What a short process does its own way, and what comes of it all the same."""

from __future__ import annotations

import builtins
import subprocess
import sys

import pytest

from guideway.cli.warm import _taking


def test_taking_names_from_a_module_gives_what_it_always_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    usual = builtins.__import__

    def noted(name: str, *more: object) -> object:
        asked.append(name)
        return usual(name, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", _taking(noted))
    import os.path

    from guideway import places, stamps
    from guideway.places import default_folder

    assert (places.default_folder, stamps.SUFFIX, os.path) == (default_folder, ".blob", sys.modules["os.path"])
    assert asked == ["os.path", "guideway"]
    with pytest.raises(ImportError, match=r"cannot import name 'nowhere' from 'guideway.places' \(.*places.py\)"):
        from guideway.places import nowhere  # type: ignore[attr-defined]  # noqa: F401
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'guideway.nowhere'"):
        from guideway.nowhere import anything  # type: ignore[import-not-found]  # noqa: F401


def test_a_name_that_is_relative_is_none_of_a_module_elsewhere() -> None:
    code = (
        "import builtins, sys, types; from guideway.cli.warm import _taking\n"
        "builtins.__import__ = _taking(builtins.__import__)\n"
        "sys.modules['places'] = types.ModuleType('places')\n"
        "__package__ = 'guideway'\n"
        "from .places import default_folder\n"
        "print(default_folder.__module__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("guideway.places\n", "")

"""The guideline's CQL is in the canonical layout: a difference between two versions is one of meaning."""

from __future__ import annotations

from pathlib import Path

import pytest

from guideway.cql.formatter import format_text

from .support import ROOT


@pytest.mark.parametrize("file", sorted((ROOT / "plandefinitions").rglob("*.cql")), ids=lambda path: path.stem)
def test_formatting_changes_nothing(file: Path) -> None:
    text = file.read_text("utf-8")
    assert format_text(text, file.name) == (text, []), "guideway cql format -w plandefinitions"

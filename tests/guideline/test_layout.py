"""The guideline's CQL is in the canonical layout: a difference between two versions is one of meaning; and its README leads to
every folder, plan and library that is there, and to none that is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from guideway.cql.formatter import format_text

from .support import ROOT


@pytest.mark.parametrize("file", sorted((ROOT / "plandefinitions").rglob("*.cql")), ids=lambda path: path.stem)
def test_formatting_changes_nothing(file: Path) -> None:
    text = file.read_text("utf-8")
    assert format_text(text, file.name) == (text, []), "guideway cql format -w plandefinitions"


def test_the_readme_leads_to_what_is_there() -> None:
    plans = ROOT / "plandefinitions"
    text = (plans / "README.md").read_text("utf-8")
    tables = [line for line in text.split("## The truth of a condition")[0].splitlines() if line.startswith("|")]
    named = {name for line in tables for name in re.findall(r"`([a-z-]+|\w+Logic)`", line)}
    folders = {file.parent.name for file in plans.glob("*/PlanDefinition-*.json")}
    there = folders | {file.stem.removeprefix("PlanDefinition-") for file in plans.glob("*/PlanDefinition-*.json")}
    assert named <= there | {file.stem for file in plans.glob("*/*Logic.cql")}
    assert folders <= named
    libraries = {file.stem for file in (plans / "library").glob("*.cql")}
    assert {line.split("|")[1].strip() for line in tables if line.startswith("| MastCell")} == libraries


def test_no_file_of_logic_is_two_ideas() -> None:
    """Longer than about 600 lines it is split by idea."""
    lengths = {file.stem: len(file.read_text("utf-8").splitlines()) for file in (ROOT / "plandefinitions").rglob("*.cql")}
    assert {name: length for name, length in lengths.items() if length > 610} == {}

"""docs/testing.md holds: its first case passes, its tables are complete, and what it says of concepts is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from guideway.authoring.case_concepts import SYSTEMS
from guideway.authoring.case_data import Builder
from guideway.authoring.cases import FIELDS, STATUSES, Expect
from guideway.cli.root import run

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/testing.md").read_text("utf-8")


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_column(title: str) -> set[str]:
    """The names in the first column of a section's table."""
    cells = re.findall(r"^\| (.*?) \|", section(title), flags=re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"[a-z_-]{2,}", cell)}


def test_the_first_case_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", section("A first case"), flags=re.DOTALL)
    file = tmp_path / "my-case.yaml"
    file.write_text(text, "utf-8")
    assert run(["test", str(file)]) == 0
    assert capsys.readouterr().out.endswith("1 passed, 0 failed\n")


def test_every_field_expectation_and_status_is_described() -> None:
    assert set(FIELDS) - first_column("Fields") == set()
    assert set(Expect.__struct_fields__) - first_column("Expectations") == set()
    assert all(f"`{status}`" in section("Expectations") for status in STATUSES)


def test_every_kind_of_item_is_described() -> None:
    kinds = {name[5:].replace("_", "-") for name in dir(Builder) if name.startswith("item_")}
    assert set(re.findall(r"[|,] `([a-z-]+): ", section("Items of data"))) - {"as"} == kinds


def test_every_system_is_described() -> None:
    assert set(SYSTEMS) - {"ucum"} <= set(re.findall(r"`(\w+)`", section("Concepts")))

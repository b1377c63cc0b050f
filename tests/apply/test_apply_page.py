"""docs/apply.md holds: its program runs, and the recommendation that it shows is one of the format."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/apply.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def test_the_program_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "examples/aggressive-sm-neutrophils-0-8.json", tmp_path / "patient.json")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(block("python"), names)
    assert names["care_plan"](names["outcome"])["resourceType"] == "CarePlan"
    assert "midostaurin-dose-modification#interrupt-anc" in {r.key for r in names["outcome"].by_status("applies")}


def test_the_recommendation_is_one_of_the_format() -> None:
    schema = json.loads((ROOT / "src/guideway/apply/outcome.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(json.loads(block("json")), {"$defs": schema["$defs"], "$ref": "#/$defs/recommendation"})

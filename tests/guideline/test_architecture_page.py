"""docs/architecture.md walks one lab value through the program: what it says of the value, the logic and the rooms is so."""

from __future__ import annotations

import json
import re

import pytest

from guideway.apply.run import apply_guideline
from guideway.records.reading import read_bundle

from .support import ROOT, guideline

PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
WALK = PAGE.partition("## One neutrophil count")[2].partition("## What is always true")[0]
ROOMS = {match[1]: match[2] for match in re.finditer(r"### \d\. `(\w+)`:[^\n]*\n(.*?)(?=\n### |\Z)", WALK, re.DOTALL)}
NO_MODULES = {"clinical", "and", "or", "terminology", "ucum"}
EXAMPLE = "aggressive-sm-neutrophils-0-8"


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("room", ["records", "guideline", "apply"])
def test_the_modules_of_each_room_are_there(room: str) -> None:
    named = {name.partition(".")[0] for name in re.findall(r"`([a-z_]+(?:\.[a-z_]+)?)`", ROOMS[room])} - NO_MODULES
    assert len(named) >= 5
    for name in named:
        assert (ROOT / f"src/guideway/{room}/{name}.py").is_file(), f"{room}/{name}.py"


def test_the_logic_it_quotes_is_that_of_the_guideline() -> None:
    texts = [flat(path.read_text(encoding="utf-8")) for path in (ROOT / "plandefinitions").rglob("*.cql")]
    quoted = re.findall(r"```cql\n(.*?)```", WALK, re.DOTALL)
    assert len(quoted) == 2
    for block in quoted:
        assert any(flat(block) in text for text in texts), block


def test_the_value_it_follows_comes_out_as_it_says() -> None:
    (record,) = read_bundle((ROOT / f"examples/{EXAMPLE}.json").read_bytes(), EXAMPLE)
    found = apply_guideline(guideline(), record, as_of="2026-06-01", plans=["midostaurin-dose-modification"], explain=True)
    (interrupt,) = [r for r in found.recommendations if r.action == "interrupt-anc"]
    assert interrupt.status == "applies"
    assert "Interrupt For ANC Below 1" in {condition.define for condition in interrupt.conditions}
    count, baseline = (next(e for e in interrupt.evidence if e.element == name) for name in ("anc", "ancBaseline"))
    assert f"{count.display}: {count.value} 10\\*9/L, {count.date}, {count.resource}" in flat(WALK)
    assert "0.8 10*9/L < 1.0 10*9/L" in (count.why or "")
    assert "2.1 10*9/L > 1.5 10*9/L" in (baseline.why or "")
    assert f"*{interrupt.source[0].label}*" in WALK
    assert json.dumps(sorted(interrupt.proposals.values())) == '["Hold midostaurin (task)"]'

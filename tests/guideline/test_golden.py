"""The full outcome of every vignette, reviewed: everything that is not simply "does not apply".

``golden/<vignette>.yaml`` holds one line for each: status, plan and action, and the statements that justify it; ``listed`` marks
what the vignette itself expects, so every other line that applies is there to be read with its statement. After an intended
change of content: ``python -m tests.guideline.test_golden`` writes them anew; read the difference before it is committed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from .support import ROOT, outcome_of, read

VIGNETTES = sorted((ROOT / "tests/guideline/cases/vignettes").glob("*.yaml"))
GOLDEN = ROOT / "tests/guideline/golden"
REVIEWED = ROOT / "tests/guideline/data/reviewed.yaml"
"""By hand: for each vignette what applies beyond its list, with the row behind it and why it holds for this patient."""


def lines_of(file: Path) -> list[dict[str, Any]]:
    """The golden lines of a vignette."""
    case = read(file)
    lines = []
    recommendations = {r["id"]: r for r in outcome_of(case, explain="none")["recommendations"]}
    parents = dict(parents_of(recommendations))
    for key, found in sorted(recommendations.items()):
        if found["status"] == "does-not-apply":
            continue
        statements = list(found.get("statements", []))
        names = {key, found["action"], *statements}
        listed = bool(names & {*case.expect.fire, *case.expect.status})
        line: dict[str, Any] = {
            "status": found["status"],
            "action": key,
            "because": statements or [f"part of {parents.get(key, key)}"],
        }
        if listed:
            line["listed"] = True
        lines.append(line)
    return sorted(lines, key=lambda line: (line["status"] != "applies", line["status"], line["action"]))


def parents_of(recommendations: dict[str, Any]) -> list[tuple[str, str]]:
    """For each action without a statement of its own, the action above it that has one."""
    from .test_statements import OWN, PLANS, values

    found: list[tuple[str, str]] = []

    def walk(plan: str, node: Any, above: str) -> None:
        for action in node.get("action", []):
            own = values(action, OWN + "statement-id")
            if not own and above:
                found.append((f"{plan}#{action['id']}", above))
            walk(plan, action, ", ".join(own) or above)

    for plan in PLANS:
        walk(plan["id"], plan, "")
    return [(key, above) for key, above in found if key in recommendations]


def text_of(file: Path) -> str:
    return yaml.safe_dump(lines_of(file), sort_keys=False, allow_unicode=True, width=130, default_flow_style=None)


@pytest.mark.parametrize("file", VIGNETTES, ids=lambda path: path.stem)
def test_the_outcome_is_the_reviewed_one(file: Path) -> None:
    golden = GOLDEN / file.name
    assert golden.exists(), "write it: python -m tests.guideline.test_golden"
    assert yaml.safe_load(golden.read_text("utf-8")) == lines_of(file)


@pytest.mark.parametrize("file", VIGNETTES, ids=lambda path: path.stem)
def test_whatever_applies_beyond_the_list_was_reviewed(file: Path) -> None:
    """Each with its statements and a reason, and nothing that no longer applies."""
    reviewed = yaml.safe_load(REVIEWED.read_text("utf-8"))[file.stem]
    beyond = {
        line["action"]: line["because"] for line in lines_of(file) if line["status"] == "applies" and not line.get("listed")
    }
    said = reviewed.get("beyond", {})
    assert {action: review["rows"] for action, review in said.items()} == beyond
    assert reviewed["review"]
    assert all(review["why"] for review in said.values())


@pytest.mark.parametrize("file", VIGNETTES, ids=lambda path: path.stem)
def test_whatever_applies_has_a_statement_or_rule_behind_it(file: Path) -> None:
    lines = yaml.safe_load((GOLDEN / file.name).read_text("utf-8"))
    unjustified = [
        line["action"] for line in lines if line["status"] == "applies" and line["because"] == [f"part of {line['action']}"]
    ]
    assert unjustified == []


def test_there_is_no_golden_file_without_its_vignette() -> None:
    assert {file.name for file in GOLDEN.glob("*.yaml")} == {file.name for file in VIGNETTES}


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for old in GOLDEN.glob("*.yaml"):
        old.unlink()
    for vignette in VIGNETTES:
        (GOLDEN / vignette.name).write_text(text_of(vignette), "utf-8")
    print(f"{len(VIGNETTES)} vignettes")

"""Every clinical case below tests/guideline/cases holds, and shows nobody a search pattern."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from .support import ROOT, cases_below, read, suite

CASES = cases_below(ROOT / "tests/guideline/cases")
PATTERN = re.compile(r"\(\?|\[a-z0-9|\.\*")
"""What stands in a regular expression, and in no sentence."""


@pytest.mark.parametrize("file", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(file: Path) -> None:
    result, outcome = suite().judged(read(file))
    assert [str(problem) for problem in result.problems] == []
    assert PATTERN.findall(json.dumps(outcome["recommendations"], ensure_ascii=False, default=str)) == []


def test_ids_are_unique() -> None:
    ids = [read(file).id for file in CASES]
    assert len(ids) == len(set(ids))

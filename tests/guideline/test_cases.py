"""Every clinical case below tests/guideline/cases holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from .support import ROOT, cases_below, read, suite

CASES = cases_below(ROOT / "tests/guideline/cases")


@pytest.mark.parametrize("file", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(file: Path) -> None:
    assert [str(problem) for problem in suite().run(read(file)).problems] == []


def test_ids_are_unique() -> None:
    ids = [read(file).id for file in CASES]
    assert len(ids) == len(set(ids))

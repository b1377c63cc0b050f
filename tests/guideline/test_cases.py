"""Every clinical case below tests/guideline/cases holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from guideway.authoring.cases import check

from .support import ROOT, cases_below, outcome_of, read

CASES = cases_below(ROOT / "tests/guideline/cases")


@pytest.mark.parametrize("file", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(file: Path) -> None:
    case = read(file)
    assert check(case, outcome_of(case)) == []


def test_ids_are_unique() -> None:
    ids = [read(file).id for file in CASES]
    assert len(ids) == len(set(ids))

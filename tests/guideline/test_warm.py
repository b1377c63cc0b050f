"""What a long-running process does to be faster (tracing only what is explained) changes no outcome."""

from __future__ import annotations

import pytest

from guideway.apply.run import apply_guideline
from guideway.records.reading import read_bundle
from tests.guideline.support import ROOT, guideline

EXAMPLES = sorted((ROOT / "examples").glob("*.json"))


@pytest.mark.parametrize("level", ["short", "brief", "evidence"])
def test_warm_or_not_the_outcome_is_the_same(level: str) -> None:
    assert len(EXAMPLES) > 5
    for example in EXAMPLES:
        found = []
        for warm in (False, True):
            (record,) = read_bundle(example.read_bytes(), example.name)
            outcome = apply_guideline(guideline(), record, as_of="2026-06-01", explain=level, warm=warm)
            found.append(outcome.as_json())
        assert found[0] == found[1], example.name

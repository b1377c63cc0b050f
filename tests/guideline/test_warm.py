"""What a long-running process does (letting traces go at once) changes no outcome, and leaves none of them behind."""

from __future__ import annotations

import gc

import pytest

from guideway.apply.run import apply_guideline
from guideway.engine.trace import TraceNode
from guideway.records.reading import read_bundle
from tests.guideline.support import ROOT, guideline

EXAMPLES = sorted((ROOT / "examples").glob("*.json"))


@pytest.mark.parametrize(("turn", "level"), [(0, "short"), (1, "brief"), (2, "evidence")])
def test_warm_or_not_the_outcome_is_the_same(turn: int, level: str) -> None:
    """Each example at one of the levels, in turn."""
    assert len(EXAMPLES) > 5
    for example in EXAMPLES[turn::3]:
        found = []
        for warm in (False, True):
            (record,) = read_bundle(example.read_bytes(), example.name)
            outcome = apply_guideline(guideline(), record, as_of="2026-06-01", explain=level, warm=warm)
            found.append(outcome.as_json())
        assert found[0] == found[1], example.name


def test_traces_go_when_the_outcome_is_there() -> None:
    (record,) = read_bundle(EXAMPLES[0].read_bytes(), EXAMPLES[0].name)
    gc.collect()
    gc.disable()
    try:
        before = sum(type(each) is TraceNode for each in gc.get_objects())
        outcome = apply_guideline(guideline(), record, as_of="2026-06-01", explain="evidence", warm=True)
        assert any(recommendation.evidence for recommendation in outcome.recommendations)
        assert sum(type(each) is TraceNode for each in gc.get_objects()) == before
    finally:
        gc.enable()

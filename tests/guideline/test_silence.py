"""Patients without mast cell disease hear nothing: no plan, no warning, no question, whatever else they have."""

from __future__ import annotations

from collections import Counter

import pytest

from guideway.apply.care_plan import requests
from guideway.apply.run import apply_guideline
from guideway.records.folder import Folder
from tests.shared import shared_folder

from .support import guideline


@pytest.mark.full
@pytest.mark.parametrize("hook", [None, "patient-view"])
def test_a_hundred_patients_of_a_general_practice(hook: str | None) -> None:
    """Hook None: every action, those for order entry too. Nothing applies, nothing is withheld, nothing is asked for."""
    folder = Folder(shared_folder("data/synthea/ndjson"))
    statuses: Counter[str] = Counter()
    requested = []
    for record in folder:
        outcome = apply_guideline(guideline(), record, as_of="2026-06-01", hook=hook, explain="none")
        statuses.update(r.status for r in outcome.recommendations)
        requested += requests(outcome)
    assert len(folder.ids) == 100
    assert set(statuses) == {"does-not-apply"}
    assert statuses["does-not-apply"] >= 100 * 150
    assert requested == []


def test_the_first_patients_hear_nothing_either() -> None:
    folder = Folder(shared_folder("data/synthea/ndjson"))
    for _, record in zip(range(5), folder, strict=False):
        outcome = apply_guideline(guideline(), record, as_of="2026-06-01", hook=None, explain="none")
        assert {r.status for r in outcome.recommendations} == {"does-not-apply"}

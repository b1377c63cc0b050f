"""How much a visit shows: cards over 500 generated mast cell patients, and silence for patients who have no mast cell disease."""

from __future__ import annotations

from collections import Counter

import pytest

from guideway.apply.care_plan import requests
from guideway.apply.run import apply_guideline
from guideway.records.folder import Folder
from guideway.records.reading import read_resources
from guideway.service.cards import cards_of
from tests.shared import shared_folder

from .generated import Maker, case_from
from .support import guideline

PATIENTS = 500
HANDFUL, MOST = 8, 12
"""Cards of one clinical question at one visit, the gathered ones (withheld, not known yet) included: nearly always, and ever."""


def cards_at_a_visit(number: int) -> dict[str, int]:
    """How many cards each plan from the top shows one generated patient at patient-view."""
    case = case_from(Maker(number).anyone(), number)
    (record,) = read_resources([case.bundle], case.id)
    shown = {}
    for plan in guideline().root_plans():
        outcome = apply_guideline(guideline(), record, plans=[plan], as_of=case.as_of, explain="brief")
        shown[plan.id] = len(cards_of(outcome, requests(outcome), instance="visit", service=plan.id))
    return shown


def distribution(patients: int) -> tuple[dict[str, Counter[int]], Counter[int]]:
    """Cards by plan and over all plans: number of cards → number of patients."""
    by_plan: dict[str, Counter[int]] = {}
    together: Counter[int] = Counter()
    for number in range(patients):
        shown = cards_at_a_visit(number)
        for plan, count in shown.items():
            by_plan.setdefault(plan, Counter())[count] += 1
        together[sum(shown.values())] += 1
    return by_plan, together


@pytest.mark.long
def test_a_visit_shows_a_handful_of_cards() -> None:
    by_plan, together = distribution(PATIENTS)
    for plan, counts in sorted(by_plan.items()):
        print(plan, dict(sorted(counts.items())))
    print("all plans", dict(sorted(together.items())))
    assert {plan: max(counts) for plan, counts in by_plan.items() if max(counts) > MOST} == {}
    over = {plan: sum(many for cards, many in counts.items() if cards > HANDFUL) for plan, counts in by_plan.items()}
    assert {plan: many for plan, many in over.items() if many > PATIENTS * 0.05} == {}


@pytest.mark.long
def test_patients_without_mast_cell_disease_hear_nothing() -> None:
    folder = Folder(shared_folder("data/synthea/ndjson"))
    spoken = []
    for record in folder:
        outcome = apply_guideline(guideline(), record, as_of="2026-06-01", hook=None, explain="none")
        spoken += [f"{record.reference} {r.key}" for r in outcome.recommendations if r.status in ("applies", "suppressed")]
    assert len(folder.ids) == 100
    assert spoken == []

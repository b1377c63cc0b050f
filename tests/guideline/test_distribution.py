"""How much a visit shows: the cards of all services that an EHR calls at once, over 500 generated mast cell patients; and
silence for patients who have no mast cell disease. ``python -m tests.guideline.test_distribution`` prints the numbers."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import product
from statistics import median

import pytest

from guideway.apply.care_plan import requests
from guideway.apply.hook_context import draft_references, hook_parameters
from guideway.apply.run import apply_guideline
from guideway.records.folder import Folder
from guideway.records.reading import read_resources
from guideway.service.cards import cards_of
from guideway.service.services import Service, in_use, left_to_others, services_of
from tests.shared import shared_folder

from .generated import Items, Maker, case_from
from .seeing import ADULT, ANAPHYLAXIS, BACK_PAIN, LEUKOPENIA, LEUKOTRIENE, MCAS, WHEEZE, failed
from .support import guideline

PATIENTS = 500
HANDFUL = {"patient-view": (4, 8, 9), "order-select": (1, 3, 4), "order-sign": (1, 3, 4)}
"""Cards at one visit, over all services: at most so many in the median, for 98 of 100 patients, and ever."""
ORDERED = (
    "Nonsteroidal Anti-Inflammatory Drugs", "Opioids", "Naltrexone", "Ranitidine", "First Generation H1 Antihistamines",
    "Montelukast", "Zileuton", "Omalizumab", "Systemic Corticosteroids", "Denosumab", "Bisphosphonates", "Cladribine", "Imatinib",
    "Avapritinib", "Dupilumab", "Benzodiazepines", "Midostaurin", "Neuromuscular Blockers To Avoid In MCAS", "Cetirizine",
    "Aspirin", "Strong CYP3A Inhibitors", "Epinephrine Auto-Injectors", "Vitamin D",
)  # fmt: skip


@cache
def services(hook: str) -> list[Service]:
    """The services at a hook, as the service makes them."""
    return in_use((service for service in services_of(guideline()) if service.hook == hook), ())


def visit(number: int, hook: str) -> Counter[str]:
    """How many cards each service shows one generated patient; order hooks come with one or two drafts."""
    maker = Maker(number)
    items: Items = maker.anyone()
    if hook != "patient-view":
        for drug in maker.random.sample(ORDERED, maker.random.randint(1, 2)):
            items.append({"order": maker.member(drug)})
    case = case_from(items, number, hook)
    (record,) = read_resources([case.bundle], case.id)
    context = case.context or {}
    shown: Counter[str] = Counter()
    for service in services(hook):
        outcome = apply_guideline(
            guideline(), record, plans=[service.plan], as_of=case.as_of, explain="brief", hook=hook,
            parameters=hook_parameters(guideline(), context),
        )  # fmt: skip
        left = left_to_others(service, services(hook))
        cards = cards_of(
            outcome, requests(outcome), instance="visit", service=service.id, drafts=draft_references(context),
            elsewhere=left.plans, asked=left.asked,
        )  # fmt: skip
        shown[service.id] = len(cards)
    return shown


def distribution(patients: range, hook: str) -> Counter[int]:
    """Cards at a visit → number of patients."""
    return Counter(sum(visit(number, hook).values()) for number in patients)


# A patient has one visit, at one of the hooks in turn: three quarters of them open the chart.
SHARE = {"patient-view": 375, "order-select": 75, "order-sign": 50}
PARTS = [("patient-view", 0, 3), ("patient-view", 1, 3), ("patient-view", 2, 3), ("order-select", 0, 1), ("order-sign", 0, 1)]


@pytest.mark.full
@pytest.mark.parametrize(("hook", "part", "parts"), PARTS)
def test_a_visit_shows_a_handful_of_cards(hook: str, part: int, parts: int) -> None:
    """In each part of the patients at a hook, and so in all of them."""
    assert sum(SHARE.values()) == PATIENTS
    counts = distribution(range(part, SHARE[hook], parts), hook)
    middle, nearly, most = HANDFUL[hook]
    assert max(counts) <= most, dict(sorted(counts.items()))
    assert sum(n for cards, n in counts.items() if cards > nearly) <= counts.total() * 0.02, dict(sorted(counts.items()))
    assert median(counts.elements()) <= middle, dict(sorted(counts.items()))


def test_whatever_services_a_site_uses_nothing_that_applies_is_lost() -> None:
    number = next(n for n in range(50) if visit(n, "patient-view").total() > 5)
    case = case_from(Maker(number).anyone(), number)
    (record,) = read_resources([case.bundle], case.id)
    everything = services("patient-view")
    outcomes = {s.id: apply_guideline(guideline(), record, plans=[s.plan], as_of=case.as_of, explain="brief") for s in everything}
    for chosen in product((False, True), repeat=len(everything)):
        used = [service for service, wanted in zip(everything, chosen, strict=True) if wanted]
        wanted, told = set(), set()
        for service in used:
            outcome = outcomes[service.id]
            urls = {p.id: p.url for p in outcome.plans}
            wanted |= {(urls[r.plan_id], r.action) for r in outcome.recommendations if r.status in ("applies", "suppressed")}
            left = left_to_others(service, used)
            cards = cards_of(
                outcome, requests(outcome), instance="visit", service=service.id, elsewhere=left.plans, asked=left.asked
            )
            told |= {(each.plan, each.action) for card in cards for each in card.shown}
        assert wanted <= told


def test_a_drug_that_several_questions_propose_stands_on_one_card() -> None:
    """Back pain, a low white cell count and wheeze all lead to montelukast or zileuton; each question is a service of its own."""
    who = [ADULT, MCAS, BACK_PAIN, LEUKOPENIA, ANAPHYLAXIS, WHEEZE, LEUKOTRIENE, failed("H1", "H2")]
    case = case_from(who, 0)
    (record,) = read_resources([case.bundle], case.id)
    everything = services("patient-view")
    offered = []
    for service in everything:
        outcome = apply_guideline(guideline(), record, plans=[service.plan], as_of=case.as_of, explain="brief")
        left = left_to_others(service, everything)
        made = requests(outcome)
        cards = cards_of(outcome, made, instance="visit", service=service.id, elsewhere=left.plans, asked=left.asked)
        offered += [card for card in cards if any("leukotriene-modifiers" in each.plan for each in card.shown)]
    told = {each.action for card in offered for each in card.shown}
    assert {"leukotriene-back-pain", "leukotriene-leukopenia", "leukotriene-for-symptoms", "step-2-leukotriene"} <= told
    drugs = [card for card in offered if "ontelukast" in str(card.body.get("suggestions"))]
    assert len(drugs) == 1


@pytest.mark.long
def test_patients_without_mast_cell_disease_hear_nothing() -> None:
    folder = Folder(shared_folder("data/synthea/ndjson"))
    spoken = []
    for record in folder:
        outcome = apply_guideline(guideline(), record, as_of="2026-06-01", hook=None, explain="none")
        spoken += [f"{record.reference} {r.key}" for r in outcome.recommendations if r.status in ("applies", "suppressed")]
    assert len(folder.ids) == 100
    assert spoken == []


if __name__ == "__main__":
    for name in HANDFUL:
        found = distribution(range(PATIENTS), name)
        print(name, dict(sorted(found.items())), "median", median(found.elements()))

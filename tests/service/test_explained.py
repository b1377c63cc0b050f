"""What is explained for the cards is enough for them: the same cards come of an outcome that is explained as a whole."""

from __future__ import annotations

import pytest
from tests.guideline.generated import Items, Maker, case_from
from tests.guideline.support import guideline
from tests.guideline.test_distribution import ORDERED, services

from guideway.apply.care_plan import requests
from guideway.apply.hook_context import draft_references, hook_parameters
from guideway.apply.run import apply_guideline
from guideway.records.reading import read_resources
from guideway.service.cards import cards_of, to_explain, to_give_reasons
from guideway.service.services import left_to_others


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("hook", ["patient-view", "order-select"])
def test_the_cards_are_those_of_the_whole_explanation(hook: str, number: int) -> None:
    assert same_cards(hook, number)


def same_cards(hook: str, number: int) -> bool:
    maker = Maker(number)
    items: Items = maker.anyone()
    if hook != "patient-view":
        items += [{"order": maker.member(drug)} for drug in maker.random.sample(ORDERED, 2)]
    case = case_from(items, number, hook)
    context = case.context or {}
    parameters = hook_parameters(guideline(), context)
    for service in services(hook):
        left = left_to_others(service, services(hook))
        shared = {"elsewhere": left.plans, "asked": left.asked, "disabled": ["no-such-row"]}
        found = []
        reasons = {name: shared[name] for name in ("elsewhere", "disabled")}
        for whole in (True, False):
            (record,) = read_resources([case.bundle], case.id)
            outcome = apply_guideline(
                guideline(), record, plans=[service.plan], as_of=case.as_of, explain="brief", hook=hook, warm=True,
                parameters=parameters,
                wanted=None if whole else lambda known, shared=shared: to_explain(known, **shared),
                told=None if whole else lambda known, reasons=reasons: to_give_reasons(known, **reasons),
            )  # fmt: skip
            drafts = draft_references(context)
            cards = cards_of(outcome, requests(outcome), instance="visit", service=service.id, drafts=drafts, **shared)
            found.append([card.body for card in cards])
        assert found[0] == found[1], (service.id, number)
    return True

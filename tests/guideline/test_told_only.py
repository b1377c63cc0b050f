"""What a record names and does not lay on the drug plainly withholds nothing, and is told where the drug is proposed."""

from __future__ import annotations

import pytest

from .generated import Items, Maker, case_from
from .provoking import outcome_of
from .support import guideline
from .telling import SEVERE, TOLD, Tale

PROPOSED = {
    "famotidine": ("mcas-back-pain", "h2-add"),
    "cromolyn": ("mcas-back-pain", "cromolyn"),
    "montelukast": ("indolent-anti-mediator-therapy", "montelukast"),
    "omalizumab": ("mcas-back-pain", "omalizumab-severe"),
}


@pytest.mark.parametrize("form", TOLD)
@pytest.mark.parametrize("drug", PROPOSED)
def test_it_is_told_and_withholds_nothing(form: str, drug: str) -> None:
    plan, action = PROPOSED[drug]
    for seed in range(3):
        m = Maker(seed)
        tale = Tale(m, drug, SEVERE[:1], allergic=True, most=900)
        ill = (
            [m.mcas(), m.back_pain()]
            if plan == "mcas-back-pain"
            else [m.mastocytosis("indolent"), {"condition": "icd10cm|R23.2"}]
        )
        needed: Items = [m.adult(), *ill, m.course(severeRefractoryMediatorSymptoms=True)]
        told = [{"resource": resource} for resource in TOLD[form](tale)]
        outcome = outcome_of(guideline(), case_from([*needed, *told], seed), plans=(plan,))
        (found,) = [r for r in outcome.recommendations if r.action == action]
        assert found.status == "applies", found.reason
        assert "Judge by that before it is started again." in " ".join(found.notes), (found.notes, told)

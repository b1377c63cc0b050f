"""What the articles say beside their recommendations reaches the reader: in the outcome, and on the card."""

from __future__ import annotations

import csv
import re

import pytest

from guideway.service.cards import cards_of

from .seeing import Seen
from .support import ROOT
from .test_statements import OWN, PLANS, values

RATIONALE = "http://hl7.org/fhir/uv/cpg/StructureDefinition/cpg-rationale"
with (ROOT / "tests/guideline/data/statements.csv").open(newline="", encoding="utf-8") as lines:
    NARRATIVE = [row["id"] for row in csv.DictReader(lines) if row["computability"] == "narrative-only"]
ADULT = {"patient": {"born": "1982-03-01", "sex": "female"}}


def actions() -> list[dict[str, object]]:
    found = []
    pending = [action for plan in PLANS for action in plan.get("action", [])]
    while pending:
        action = pending.pop()
        found.append(action)
        pending += action.get("action", [])
    return found


@pytest.mark.parametrize("statement", NARRATIVE)
def test_a_narrative_statement_is_in_the_text_of_its_action(statement: str) -> None:
    homes = [a for a in actions() if statement in values(a, OWN + "statement-id")]
    assert homes
    evidence = re.search(r"\.(evidence|mechanism)\.|-evidence$", statement) and ".pitfall." not in statement
    for home in homes:
        background = [e["valueMarkdown"] for e in home["extension"] if e["url"] == RATIONALE]  # type: ignore[attr-defined]
        assert home["description"]
        assert background or not evidence


def test_it_stands_in_the_outcome_and_on_the_card() -> None:
    seen = Seen(ADULT, {"condition": "sct|70910003"}, {"condition": "icd10cm|M81.0"})
    found = seen.at("mast-cell-bone-health#bisphosphonate-sm")
    assert found.rationale
    assert "femoral" in found.rationale
    assert found.as_json()["rationale"] == found.rationale
    details = " ".join(
        str(card.body.get("detail"))
        for card in cards_of(seen.outcome, seen.requests, instance="visit", service="systemic-mastocytosis-pathway")
    )
    assert "Background: " in details
    assert re.search(r"femoral head", details)

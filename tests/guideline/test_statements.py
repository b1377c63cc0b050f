"""What every action answers for: statements of the articles, overlay rules and conflict rules, kept in the tests as facts."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.shared import shared_folder

from .support import BASE, ROOT

Json = dict[str, Any]
OWN = "https://example.org/guideway/StructureDefinition/"
DATA = ROOT / "tests/guideline/data"


def rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


STATEMENTS = {row["id"]: row for row in rows("statements.csv")}
RULES = {row["id"] for row in rows("rules.csv")}
PLANS = [json.loads(path.read_text("utf-8")) for path in sorted((ROOT / "plandefinitions").rglob("PlanDefinition-*.json"))]

# The days of the articles; the one on low-dose naltrexone has none.
DATES = {
    "mcas-back-pain-2025": "2025-10-09",
    "mcas-leukopenia-2025": "2025-12-24",
    "mcas-dupilumab-2025": "2025-10-25",
    "systemic-mastocytosis-2025": "2025-12-26",
}


def actions(parent: Json) -> Iterator[Json]:
    for action in parent.get("action", []):
        yield action
        yield from actions(action)


def values(action: Json, url: str) -> list[Any]:
    return [next(v for k, v in e.items() if k.startswith("value")) for e in action.get("extension", []) if e["url"] == url]


SHOWN = {
    "required",
    "strongly recommended",
    "recommended",
    "should be considered",
    "can be considered",
    "can be considered, short term only",
    "can be considered, with caution",
    "only in this case",
    "alternative",
    "first-line",
    "first-line, FDA-approved",
    "second-line",
    "third-line",
    "basic treatment",
    "part of treatment",
    "part of follow-up",
    "part of care",
    "after the tolerance check",
    "safer choice",
    "the article's instruction",
    "with caution",
    "caution",
    "caution: others are safer",
    "avoid",
    "avoid, or use with caution",
    "do not",
    "do not withhold",
    "never",
    "never withhold",
    "not contraindicated",
    "not first-line",
    "not recommended",
    "not recommended otherwise",
    "not routinely",
    "limited evidence",
    "usual dose",
    "usual way",
    "for information",
    "information needed",
    "check of the record",
    "follows from the dose rule",
    "not addressed by the article",
    "review with a specialist (safety overlay)",
    "safety overlay, not from the source articles",
    "safety overlay, taken over from the article on systemic mastocytosis",
    "safety warning, not from the source articles",
}
"""The strengths that a clinician reads."""

RECOMMENDATIONS = [
    pytest.param(action, id=f"{plan['id']}#{action['id']}")
    for plan in PLANS
    for action in actions(plan)
    if values(action, OWN + "statement-id")
]


def test_the_facts_are_those_of_the_specification() -> None:
    spec = yaml.safe_load(shared_folder("spec/recommendations.yaml").read_text("utf-8"))
    assert list(STATEMENTS) == [row["id"] for row in spec["recommendations"]]
    assert len(STATEMENTS) == 191
    assert {o["id"] for o in spec["safety_overlays"]} | {c["id"] for c in spec["conflicts"]} == RULES
    for row in spec["recommendations"]:
        fact = STATEMENTS[row["id"]]
        assert (fact["strength"], fact["computability"]) == (row["strength"]["cls"], row["computability"])
        assert fact["lines"] == str(row["source"]["lines"])


@pytest.mark.parametrize("action", RECOMMENDATIONS)
def test_an_action_answers_for_known_statements(action: Json) -> None:
    named = values(action, OWN + "statement-id")
    assert [name for name in named if name not in STATEMENTS and name not in RULES] == []


@pytest.mark.parametrize("action", RECOMMENDATIONS)
def test_an_action_cites_what_it_carries(action: Json) -> None:
    """Article and lines of each statement are among the action's citations; overlay and conflict rules cite themselves."""
    labels = [document["label"] for document in action.get("documentation", [])]
    assert labels
    for name in values(action, OWN + "statement-id"):
        if name in STATEMENTS:
            article, lines = STATEMENTS[name]["article"], STATEMENTS[name]["lines"]
            assert any(label.startswith(f"{article}, line") and label.endswith(f" {lines}") for label in labels), name


@pytest.mark.parametrize("action", RECOMMENDATIONS)
def test_strength_is_the_wording_of_the_statement(action: Json) -> None:
    """The first statement gives the code; a text row that surfaces on the card of another does not change it. What the
    safety overlay downgrades to a review (conflict C13) has the overlay's own."""
    named = [name for name in values(action, OWN + "statement-id") if name in STATEMENTS]
    (strength,) = values(action, "http://hl7.org/fhir/StructureDefinition/cqf-strengthOfRecommendation")
    (coding,) = strength["coding"]
    assert coding["system"] == f"{BASE}/CodeSystem/recommendation-wording"
    if "C13" in values(action, OWN + "statement-id"):
        assert (coding["code"], action["requiredBehavior"]) == ("overlay", "could")
    elif named:
        assert coding["code"] in {STATEMENTS[name]["strength"] for name in named}


def test_the_wording_of_the_article_stands_beside_the_plain_strength() -> None:
    """Where an action carries a statement of an article, its strength keeps the article's words as the specification has them;
    what a clinician reads is one of a few plain ones."""
    spec = yaml.safe_load(shared_folder("spec/recommendations.yaml").read_text("utf-8"))
    cues = {row["id"]: row["strength"]["cue"] for row in spec["recommendations"]}
    shown = set()
    for plan in PLANS:
        for action in actions(plan):
            for strength in values(action, "http://hl7.org/fhir/StructureDefinition/cqf-strengthOfRecommendation"):
                named = values(action, OWN + "statement-id")
                wording = values(strength, OWN + "source-wording")
                own = {cues[name] for name in named if name in cues}
                assert (len(wording) == 1 and wording[0] in own) or (not wording and (not own or "C13" in named)), action["id"]
                shown.add(strength["text"])
    assert shown <= SHOWN


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan["id"])
def test_action_ids_are_unique(plan: Json) -> None:
    ids = [action["id"] for action in actions(plan)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan["id"])
def test_a_plan_is_a_draft_without_approval(plan: Json) -> None:
    assert (plan["status"], plan["experimental"]) == ("draft", True)
    assert plan["url"] == f"{BASE}/PlanDefinition/{plan['id']}"
    assert not {"approvalDate", "lastReviewDate", "reviewer", "endorser"} & set(plan)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan["id"])
def test_a_plan_has_the_date_of_the_newest_article_it_is_made_from(plan: Json) -> None:
    """An article without a date, and the safety overlay, give none: the plan's own day is later than every article then."""
    cited = [artifact for artifact in plan["relatedArtifact"] if artifact["type"] == "citation"]
    dates = {artifact["label"]: DATES[artifact["label"]] for artifact in cited if artifact["label"] in DATES}
    assert dates or {artifact["label"] for artifact in cited} <= {"mcas-ldn", "safety-overlay"}
    assert all(f"({dates[artifact['label']]})" in artifact["citation"] for artifact in cited if artifact["label"] in dates)
    if dates:
        assert plan["date"] == max(dates.values())
    else:
        assert plan["date"] > max(DATES.values())


def test_safer_opioids_and_monitoring_keep_the_strength_of_their_rows() -> None:
    found = [action for plan in PLANS for action in actions(plan)]
    (safer,) = [action for action in found if action["id"] == "safer-opioids-mast-cell-activation"]
    assert values(safer, OWN + "statement-id") == ["lk.pain.fentanyl-remifentanil-safer"]
    assert safer["requiredBehavior"] == "could"
    (monitored,) = [a for a in found if "ldn.safety.monitor-knowledgeable-doctor" in values(a, OWN + "statement-id")]
    assert monitored["requiredBehavior"] == "must-unless-documented"

"""The 520 boundary cases of the midostaurin table: each row becomes a patient, the patient an outcome, the outcome the decision.

A row says: count (anc or plt), baseline (or missing), current value, state (taking or held), for how many days the count has
certainly been low, whether a clinician suspects the drug, the decision, and the notes that go with it.

Recipe of a patient: aggressive systemic mastocytosis, midostaurin since 1 January 2026, evaluated on 1 June 2026.
- The baseline, if not missing, was taken on 28 December 2025.
- The current value is of 1 June. With days of low counts it was the same on the days before, from that many days ago on.
- Held: the hold began with a count that is low by either threshold (0.3, or 20 platelets), that many days ago, or five days ago
  where the row has no days; a current value at target follows it. Suspicion is an answer of today.
- The other count is normal and was normal before treatment, so that it never decides.
"""

from __future__ import annotations

import csv
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from guideway.authoring.cases import case_of

from .support import ROOT, concepts, outcome_of

TODAY = date(2026, 6, 1)
START = date(2026, 1, 1)
BEFORE = date(2025, 12, 28)
SET = {"anc": "Absolute Neutrophil Count", "plt": "Platelet Count"}
LOW = {"anc": "0.3", "plt": "20"}
NORMAL = {"anc": "4.0", "plt": "250"}
TARGET = {"anc": Decimal("1.0"), "plt": Decimal(50)}

DECISION = {
    "interrupt-anc": "interrupt",
    "interrupt-anc-low-baseline": "interrupt",
    "interrupt-platelets": "interrupt",
    "interrupt-platelets-low-baseline": "interrupt",
    "discontinue-anc": "discontinue",
    "discontinue-platelets": "discontinue",
    "stay-interrupted": "stay-interrupted",
    "find-anc-baseline": "baseline-required",
    "find-platelet-baseline": "baseline-required",
    "resume-after-anc": "resume-50-bid",
    "resume-after-platelets": "resume-50-bid",
    "continue-present-dose": "continue",
}
NOTE = {
    "ov.outside-band": "outside stated bands: clinician decision",
    "ov.resume-above-baseline": "resume target exceeds baseline",
    "C12-attribution-needed": ">21 d: attribution needed",
    "C12-not-drug-related": ">21 d, judged not drug-related",
    "C09-exactly-one": "001 wording 'above 1' not met; 004 '>=1' met",
}
"""Rules whose note stands for a fact of the grid."""

ALSO_WITHOUT_BASELINE = {NOTE[rule] for rule in ("C12-attribution-needed", "C12-not-drug-related", "C09-exactly-one")}
"""True whatever the baseline is; the grid leaves them out where there is none."""

with (ROOT / "tests/guideline/data/midostaurin_grid.csv").open(newline="", encoding="utf-8") as lines:
    ROWS = list(csv.DictReader(lines))


def patient_of(row: dict[str, str]) -> list[Any]:
    """The data items of the row's patient, by the recipe above."""
    count, held, days = row["count"], row["state"] == "held", int(row["low_days_lower_bound"])
    other = "plt" if count == "anc" else "anc"
    at_target = Decimal(row["current"]) >= TARGET[count]

    def sample(kind: str, value: str, when: date) -> dict[str, Any]:
        return {"observation": SET[kind], "value": f"{value} 10*9/L", "at": when}

    items: list[Any] = [
        {"patient": {"born": "1961-04-02", "sex": "male"}},
        {"condition": "sct|716655008", "onset": "2025-10-01"},
        {"medication": "Midostaurin", "dose": "100 mg 2/d", "start": START, "status": "on-hold" if held else "active"},
        sample(other, NORMAL[other], BEFORE),
        sample(other, NORMAL[other], TODAY),
    ]
    if row["baseline"] != "missing":
        items.append(sample(count, row["baseline"], BEFORE))
    first = TODAY - timedelta(days=days or 5)
    if held:
        items.append(sample(count, LOW[count], first))
    elif days:
        items.append(sample(count, row["current"], first))
    if days and not at_target:
        items += [sample(count, row["current"], TODAY - timedelta(days=ago)) for ago in (14, 7)]
    items.append(sample(count, row["current"], TODAY))
    if row["drug_related"] != "unknown":
        items.append({"answers": "midostaurin-assessment", "drugRelatedSuspected": row["drug_related"] == "true"})
    return items


def facts_of(notes: list[str], rules: list[str]) -> set[str]:
    """The grid's facts behind the notes that were shown."""
    facts = {NOTE[rule] for rule in rules if rule in NOTE}
    if "C10-bands-disagree" in rules:
        (text,) = [note for note in notes if "the bands disagree" in note]
        one, two = (part.rpartition(": ")[2] for part in text.rstrip(".").split(". With another"))
        facts.add(
            "bands disagree: " + "/".join(sorted(word.replace("stay interrupted", "stay-interrupted") for word in (one, two)))
        )
    return facts


def notes_of(text: str) -> set[str]:
    """The facts of the note column; the one on exactly 1.0 holds a semicolon itself."""
    facts = {NOTE["C09-exactly-one"]} if NOTE["C09-exactly-one"] in text else set()
    return facts | {fact for fact in text.replace(NOTE["C09-exactly-one"], "").split("; ") if fact}


def test_the_grid_is_complete() -> None:
    assert len(ROWS) == 520
    assert {row["decision"] for row in ROWS} == set(DECISION.values())


@pytest.mark.parametrize("block", range(20))
def test_decision_and_notes(block: int) -> None:
    """Every row of the block: exactly one decision, the expected one, with the expected notes.

    Without a baseline the grid lists only the disagreement of the bands; what else is true under both bands may be shown.
    """
    wrong: list[str] = []
    for number, row in enumerate(ROWS[block::20]):
        name = f"row-{block + 20 * number + 2}"
        case = case_of(
            {"id": name, "as_of": "2026-06-01", "plans": ["midostaurin-dose-modification"], "data": patient_of(row)}, concepts()
        )
        found = [r for r in outcome_of(case, explain="none")["recommendations"] if r["status"] == "applies"]
        decisions = {DECISION[r["action"]] for r in found if r["action"] != "ask-about-midostaurin"}
        shown = set().union(*(facts_of(r.get("notes", []), r.get("noteRules", [])) for r in found)) if found else set()
        expected = notes_of(row["note"])
        extra = shown - expected - (ALSO_WITHOUT_BASELINE if row["baseline"] == "missing" else set())
        if decisions != {row["decision"]} or expected - shown or extra:
            wrong.append(f"{name} {dict(row)}: decided {decisions}, noted {shown}")
    assert not wrong, "\n".join(wrong)

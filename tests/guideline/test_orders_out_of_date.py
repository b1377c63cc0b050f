"""Active orders whose time is over: they make a drug doubtful, and prove no end of one that still matters."""

from __future__ import annotations

from typing import Any

import pytest

from .evaluating import evaluation_of, order

Json = dict[str, Any]
MIDOSTAURIN = "1919083"
MEDICATIONS, COURSE = "MastCellMedicationElements", "MastCellMidostaurinElements"
LAPSED: Json = {"dispenseRequest": {"validityPeriod": {"end": "2026-01-01"}}}
OVERRUN: Json = {"dosageInstruction": [{"timing": {"repeat": {"boundsPeriod": {"start": "2025-06-01", "end": "2026-01-01"}}}}]}


def active(code: str, over: Json) -> Json:
    return order(code, "active", {}, start="2025-06-01") | over


@pytest.mark.parametrize("over", [LAPSED, OVERRUN])
def test_midostaurin_counts_as_taken(over: Json) -> None:
    found = evaluation_of([active(MIDOSTAURIN, over)])
    assert found.define(COURSE, "Is On Midostaurin") is True
    assert found.define(COURSE, "Midostaurin Is Given") is True
    assert found.define(MEDICATIONS, "On Cytoreductive Drug") is True


@pytest.mark.parametrize(
    ("code", "name"),
    [("8787", "On Beta Blocker"), ("6470", "Benzodiazepine Is Possibly In Use"), ("7243", "Naltrexone Is Possibly In Use"),
     ("2670", "On Morphine Or Codeine"), ("5640", "On NSAID"), ("9143", "On Ranitidine"),
     ("3498", "First Generation H1 Antihistamine Is Possibly In Use")],
)  # fmt: skip
def test_warnings_stay(code: str, name: str) -> None:
    assert evaluation_of([active(code, LAPSED)]).define(MEDICATIONS, name) is True


@pytest.mark.parametrize("over", [LAPSED, OVERRUN])
def test_a_drug_to_be_added_is_not_taken_for_in_place(over: Json) -> None:
    assert evaluation_of([active("4278", over)]).define(MEDICATIONS, "On H2 Antihistamine") is False

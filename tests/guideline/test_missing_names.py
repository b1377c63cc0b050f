"""What is called missing can be supplied: it is a data element of the guideline, which a user can set by its name, or something
that a record may hold. Inner workings of the logic (a decision, a parameter, a list made on the way) are never named."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from .support import ROOT, cases_below, guideline, outcome_of, read

FOLDER = ROOT / "tests/guideline/cases"
CASES = cases_below(FOLDER)
FIELD = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9.-]+\.[a-z]|Patient\.[a-z]")
"""``Condition/x.onset``, ``Patient.birthDate``."""
OPEN = ("advanced-in-doubt", "cytoreduction-on-midostaurin", "cytoreduction-response-inadequate-on-midostaurin")
"""Cases that leave much open in plans that are not their own."""
PARTS = 3


def not_to_be_supplied(files: Iterable[Path], *, every_plan: bool) -> list[tuple[str, str, str]]:
    """Case, recommendation and name of what is missing and no user can supply."""
    elements = {element.id for element in guideline().elements.values()}
    found = []
    for case in map(read, files):
        case = msgspec.structs.replace(case, plans=type(case.plans)()) if every_plan else case
        for recommendation in outcome_of(case)["recommendations"]:
            for missing in recommendation.get("missing", ()):
                if missing["element"] not in elements and not FIELD.match(missing["element"]):
                    found.append((case.id, recommendation["id"], missing["element"]))
    return found


def test_what_is_missing_can_be_supplied() -> None:
    files = [FOLDER / "advanced-mastocytosis-cytoreduction" / f"{name}.yaml" for name in OPEN]
    assert not not_to_be_supplied(files, every_plan=True)


def test_what_keeps_a_dose_open_is_named_by_what_it_rests_on() -> None:
    case = read(FOLDER / "advanced-mastocytosis-cytoreduction" / f"{OPEN[2]}.yaml")
    outcome = outcome_of(msgspec.structs.replace(case, plans=type(case.plans)()))
    (raise_,) = [r for r in outcome["recommendations"] if r["id"] == "midostaurin-dose-modification#raise-after-anc"]
    assert {m["element"] for m in raise_["missing"]} == {
        "midostaurinDose",
        "midostaurinIntakesADay",
        "heldForNeutrophils",
        "midostaurinTolerated",
        "anc",
        "platelets",
    }


@pytest.mark.full
@pytest.mark.parametrize("part", range(PARTS))
def test_what_is_missing_in_any_case_can_be_supplied(part: int) -> None:
    """In each case by its own plans, in a part of them by all."""
    assert not not_to_be_supplied(CASES[part::PARTS], every_plan=False)
    assert not not_to_be_supplied(CASES[part :: PARTS * 6], every_plan=True)

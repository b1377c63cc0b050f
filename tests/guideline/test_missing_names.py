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
NAMING = ("mastocytosis-general-anesthesia", "bone-sm-renal-insufficiency", "cladribine-old-answer", "on-midostaurin")
"""Cases in which lists, classes of drugs and counts that no data element stands for were looked for and not found."""
TYPES = (
    "Condition",
    "Observation",
    "MedicationRequest",
    "MedicationStatement",
    "Procedure",
    "ServiceRequest",
    "AllergyIntolerance",
)
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


def not_in_words(files: Iterable[Path], *, every_plan: bool) -> set[tuple[str, str]]:
    """What was looked for and is called by the name of a define or of a type, with a recommendation that rests on it."""
    found = set()
    for case in map(read, files):
        case = msgspec.structs.replace(case, plans=type(case.plans)()) if every_plan else case
        for recommendation in outcome_of(case)["recommendations"]:
            looked_for = [e for e in recommendation.get("evidence", ()) if "resource" not in e]
            for one in [*looked_for, *recommendation.get("missing", ())]:
                if one["display"][0].islower() or one["display"] in TYPES:
                    found.add((one["display"], recommendation["id"]))
    return found


def test_what_is_not_found_is_called_by_plain_words() -> None:
    files = [path for path in CASES if path.stem in NAMING]
    assert len(files) == len(NAMING)
    assert not not_in_words(files, every_plan=True)


def test_what_is_not_found_is_what_the_row_is_about() -> None:
    """Not what else stands in its group."""
    (case,) = [read(path) for path in CASES if path.stem == NAMING[0]]
    found = {
        r["action"]: [e.get("element") for e in r.get("evidence", ()) if e.get("absent")]
        for r in outcome_of(case)["recommendations"]
    }
    assert "activeH2Antihistamine" in found["premedication-mca-h2"]
    assert "activeH1Antihistamine" not in found["premedication-mca-h2"] + found["premedication-mca-corticosteroid"]
    assert "activeH1Antihistamine" in found["premedication-mca-h1"]
    assert "activeH1Antihistamine" in found["premedication-mast-cell-activation"]  # the group asks for all of them


def test_an_order_being_written_is_told_by_its_drug() -> None:
    """Not by what the logic made of it."""
    (case,) = [read(path) for path in CASES if path.stem == "midostaurin-inhibitor"]
    told = [e for r in outcome_of(case)["recommendations"] for e in r.get("evidence", ()) if e.get("element") == "draftOrder"]
    drafts = [e for e in told if e.get("resource") == "MedicationRequest/draft-1"]
    assert drafts
    assert {(e.get("name"), "drug:" in str(e.get("value"))) for e in drafts} == {("midostaurin", False)}


@pytest.mark.full
@pytest.mark.parametrize("part", range(PARTS))
def test_what_is_not_found_in_any_case_is_called_by_plain_words(part: int) -> None:
    assert not not_in_words(CASES[part::PARTS], every_plan=False)
    assert not not_in_words(CASES[part :: PARTS * 6], every_plan=True)


@pytest.mark.full
@pytest.mark.parametrize("part", range(PARTS))
def test_what_is_missing_in_any_case_can_be_supplied(part: int) -> None:
    """In each case by its own plans, in a part of them by all."""
    assert not not_to_be_supplied(CASES[part::PARTS], every_plan=False)
    assert not not_to_be_supplied(CASES[part :: PARTS * 6], every_plan=True)

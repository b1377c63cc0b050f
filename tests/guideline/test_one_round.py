"""What is named as missing decides when it is supplied, at once: no second question comes after the first."""

from __future__ import annotations

from copy import deepcopy
from random import Random

import pytest

from guideway.apply.moment import moment
from guideway.apply.run import apply_guideline
from guideway.apply.what_if import change, settings_of
from guideway.records.reading import read_resources

from .supplying import BROKEN, faults
from .support import ROOT, guideline, read

CASES = ROOT / "tests" / "guideline" / "cases" / "low-dose-naltrexone"
PLAN = "low-dose-naltrexone#"


@pytest.mark.parametrize("answer", [True, False])
@pytest.mark.parametrize(
    "name", ["list-not-reviewed", "list-not-asked", "list-entries-not-read", "review-answer-old", "review-denied-later"]
)
def test_what_is_missing_of_naltrexone_decides_in_one_round(name: str, answer: bool) -> None:
    case, opened = read(CASES / f"{name}.yaml"), guideline()
    (record,) = read_resources([case.bundle], "case")
    elements = {element.id: element for element in opened.elements.values()}
    before = apply_guideline(opened, record, as_of=case.as_of).recommendations
    unknown = {r.key: [m.element for m in r.missing] for r in before if r.status == "unknown" and r.key.startswith(PLAN)}
    assert f"{PLAN}adjunct-option" in unknown
    for key, missing in unknown.items():
        assert missing == ["activeOpioid"]
        given = {(elements[m].library, elements[m].define): answer for m in missing}
        after = {r.key: r for r in apply_guideline(opened, record, as_of=case.as_of, overrides=given).recommendations}
        assert after[key].status == ("suppressed" if answer else "applies")


DECIDED = {True: ("unknown", ["platelets", "plateletsBaseline"]), False: ("does-not-apply", [])}
"""What becomes of an interruption for low platelets without any count."""


@pytest.mark.parametrize("answer", [True, False])
def test_whether_midostaurin_is_given_is_answered_in_one_place(answer: bool) -> None:
    case, opened = read(CASES.parent / "midostaurin-dose-modification" / "not-taken-by-a-statement.yaml"), guideline()
    (record,) = read_resources([case.bundle], "case")
    elements = {element.id: element for element in opened.elements.values()}
    given = {(elements["onMidostaurin"].library, elements["onMidostaurin"].define): answer}
    before, after = (
        {r.action: r for r in apply_guideline(opened, record, as_of=case.as_of, overrides=known).recommendations
         if r.key.startswith("midostaurin-dose-modification#")}
        for known in ({}, given)
    )  # fmt: skip
    assert "onMidostaurin" in [m.element for m in before["interrupt-anc"].missing]
    assert after["interrupt-anc"].status == ("applies" if answer else "does-not-apply")
    platelets = after["interrupt-platelets"]
    assert (platelets.status, [m.element for m in platelets.missing]) == DECIDED[answer]


IN_DOUBT = "advanced-in-doubt-after-an-answer"


@pytest.mark.parametrize("recorded", ["2026-05-28", "2026-05", "2026"])
@pytest.mark.parametrize(
    ("verified", "status"), [("provisional", "unknown"), ("refuted", "does-not-apply"), ("confirmed", "applies")]
)
def test_a_subtype_in_doubt_since_an_answer_is_to_be_confirmed_or_refuted(verified: str, status: str, recorded: str) -> None:
    case = read(CASES.parent / "advanced-mastocytosis-cytoreduction" / f"{IN_DOUBT}.yaml")
    bundle = deepcopy(case.bundle)
    (doubted,) = (e["resource"] for e in bundle["entry"] if "C96.21" in str(e["resource"].get("code")))
    doubted["verificationStatus"]["coding"][0]["code"] = verified
    doubted["recordedDate"] = recorded
    (record,) = read_resources([bundle], "case")
    found = {r.key: r for r in apply_guideline(guideline(), record, as_of=case.as_of).recommendations}
    row = found["advanced-mastocytosis-cytoreduction#cytoreduction"]
    assert row.status == status
    for missing in row.missing:
        assert missing.element == "smSubtype"
        assert f"Condition/{doubted['id']}: verification status is provisional" in missing.because
        assert any("confirm or refute a diagnosis in doubt" in way.text for way in missing.supply)


@pytest.mark.parametrize("way", ["answered", "supplied"])
@pytest.mark.parametrize("dated", [True, False])
@pytest.mark.parametrize("name", ["advanced-in-doubt", IN_DOUBT])
@pytest.mark.parametrize("subtype", ["indolent", "smoldering", "aggressive", "sm-ahn", "mast-cell-leukemia"])
def test_whichever_subtype_is_said_decides_over_a_diagnosis_in_doubt(subtype: str, name: str, dated: bool, way: str) -> None:
    case, opened = read(CASES.parent / "advanced-mastocytosis-cytoreduction" / f"{name}.yaml"), guideline()
    bundle = deepcopy(case.bundle)
    if not dated:
        for entry in bundle["entry"]:
            entry["resource"].pop("recordedDate", None)
    (record,) = read_resources([bundle], "case")
    (element,) = (element for element in opened.elements.values() if element.id == "smSubtype")
    key = (element.library, element.define)
    given: dict[tuple[str, str], object] = {key: [subtype]}
    if way == "answered":
        made = change(record, settings_of([f"smSubtype={subtype}"], opened), opened, moment(case.as_of))
        record, given = made.record, made.overrides
    after = {r.key: r for r in apply_guideline(opened, record, as_of=case.as_of, overrides=given).recommendations}
    row = after["advanced-mastocytosis-cytoreduction#cytoreduction"]
    advanced = subtype not in ("indolent", "smoldering")
    assert row.status == ("applies" if advanced else "does-not-apply")
    assert not [m for r in after.values() for m in r.missing if m.element == "smSubtype"]


@pytest.mark.parametrize(("answer", "status"), [(True, "applies"), (False, "suppressed")])
def test_what_is_said_of_tolerating_midostaurin_decides_whether_it_may_be_given_again(answer: bool, status: str) -> None:
    case, opened = (
        read(CASES.parent / "midostaurin-dose-modification" / "resume-after-hold-for-another-harm.yaml"),
        guideline(),
    )
    (record,) = read_resources([case.bundle], "case")
    (element,) = (element for element in opened.elements.values() if element.id == "midostaurinTolerated")
    elements, word = {each.id for each in opened.elements.values()}, str(answer).lower()
    made = change(record, settings_of([f"midostaurinTolerated={word}"], opened), opened, moment(case.as_of))
    for known, given in ((made.record, made.overrides), (record, {(element.library, element.define): answer})):
        after = {r.key: r for r in apply_guideline(opened, known, as_of=case.as_of, overrides=given).recommendations}
        assert after["midostaurin-dose-modification#resume-after-anc"].status == status
        assert not [m for row in after.values() for m in row.missing if m.element not in elements]


HELD = ["heldForNeutrophils", "heldForPlatelets"]


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("continue-or-raise", {"continue-present-dose": HELD, "raise-after-anc": HELD[:1], "raise-after-platelets": HELD[1:]}),
        (
            "continue-without-counts",
            {
                "continue-present-dose": [*HELD, "anc", "platelets"],
                "raise-after-anc": [*HELD[:1], "anc", "platelets"],
                "raise-after-platelets": [*HELD[1:], "anc", "platelets"],
            },
        ),
    ],
)
def test_whether_midostaurin_is_raised_waits_for_the_counts_and_for_which_was_low(
    name: str, missing: dict[str, list[str]]
) -> None:
    case, opened = read(CASES.parent / "midostaurin-dose-modification" / f"{name}.yaml"), guideline()
    (record,) = read_resources([case.bundle], "case")
    rows = {r.action: r for r in apply_guideline(opened, record, as_of=case.as_of).recommendations}
    for action, expected in missing.items():
        assert [m.element for m in rows[action].missing] == expected
    platelets = rows["interrupt-platelets"].missing
    assert [m.element for m in platelets] == ["platelets", "plateletsBaseline"]
    assert not [why for m in platelets for why in m.because]  # a neutrophil count says nothing of why there are none
    resources = [entry["resource"] for entry in case.bundle["entry"]]
    found = faults(resources, str(case.as_of), Random(1), {}, most=12, only=missing)
    assert not [fault for fault in found if fault.kind in BROKEN]


def test_a_drug_that_only_its_name_tells_leaves_data_elements_missing_alone() -> None:
    case, opened = (
        read(CASES.parent / "advanced-mastocytosis-cytoreduction" / "advanced-midostaurin-by-name-only.yaml"),
        guideline(),
    )
    (record,) = read_resources([case.bundle], "case")
    elements = {element.id for element in opened.elements.values()}
    for row in apply_guideline(opened, record, as_of=case.as_of).recommendations:
        assert {missing.element for missing in row.missing} <= elements, row.key

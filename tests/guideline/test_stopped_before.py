"""What is said of a drug that was taken before: a stop for reasons that are neither read as harm nor as failure, the harm that
montelukast is known for, and necrosis of the jaw, which is a harm of a class."""

from __future__ import annotations

from typing import Any

import pytest

from guideway.apply.care_plan import requests
from guideway.apply.run import apply_guideline
from guideway.cli.telling import evidence_text
from guideway.records.reading import read_resources
from guideway.service.cards import cards_of

from .evaluating import evaluation_of, order
from .support import guideline

Json = dict[str, Any]
NOTES, INTOLERANCES, BONE = "MastCellProposalNotes", "MastCellIntoleranceElements", "BoneHealthLogic"
SUBJECT = {"reference": "Patient/p"}
OMALIZUMAB, MONTELUKAST, ZILEUTON, CROMOLYN, ASPIRIN, ZOLEDRONIC, MIDOSTAURIN = (
    "302379", "88249", "40575", "42612", "1191", "77655", "1919083",
)  # fmt: skip
DENOSUMAB = "993449"
SAID = {
    OMALIZUMAB: "Omalizumab Out Of Date", MONTELUKAST: "Leukotriene Modifier Out Of Date",
    ZILEUTON: "Leukotriene Modifier Out Of Date", CROMOLYN: "Cromolyn Out Of Date", ASPIRIN: "Aspirin Out Of Date",
    ZOLEDRONIC: "Bisphosphonate Out Of Date", DENOSUMAB: "Denosumab Out Of Date",
    MIDOSTAURIN: "Cytoreductive Drug Stopped Before",
}  # fmt: skip


def not_taken(code: str, reason: str) -> Json:
    return {
        "resourceType": "MedicationStatement", "id": "s", "status": "not-taken", "subject": SUBJECT,
        "medicationCodeableConcept": order(code)["medicationCodeableConcept"], "effectiveDateTime": "2026-04-20",
        "statusReason": [{"text": reason}],
    }  # fmt: skip


def condition(text: str, code: str = "") -> Json:
    coding = [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}] if code else []
    active = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
    return {
        "resourceType": "Condition", "id": "c", "subject": SUBJECT, "clinicalStatus": active,
        "code": {**({"text": text} if text else {}), **({"coding": coding} if coding else {})},
    }  # fmt: skip


def said(code: str, *resources: Json) -> str | None:
    found: str | None = evaluation_of(list(resources)).define(NOTES, SAID[code])
    return found


@pytest.mark.parametrize("code", SAID)
def test_an_earlier_stop_for_reasons_that_are_not_read_is_told(code: str) -> None:
    told = said(code, order(code, "stopped", "Family asked", changed="2026-04-20"))
    assert (told or "").startswith("On record before: ")
    assert told is not None
    assert 'stopped 2026-04-20, reason "Family asked"' in told
    assert 'stopped on an unknown day, reason "Hair loss"' in (said(code, order(code, "stopped", "Hair loss")) or "")
    assert 'not taken 2026-04-20, reason "Fear of anaphylaxis"' in (said(code, not_taken(code, "Fear of anaphylaxis")) or "")


def test_the_note_of_a_stop_without_a_reason_is_read_as_its_reason() -> None:
    stop, reason = order(OMALIZUMAB, "stopped", {}), {"statusReason": {"text": "Family asked"}}
    note = {"note": [{"text": "Stopped after anaphylaxis"}]}
    of_harm = evaluation_of([{**stop, **note}]).define(INTOLERANCES, "Has Allergy Or Intolerance To Omalizumab")
    assert of_harm is True
    assert 'reason "No anaphylaxis, moved away"' in (
        said(OMALIZUMAB, {**stop, "note": [{"text": "No anaphylaxis, moved away"}]}) or ""
    )
    assert 'reason "Family asked"' in (said(OMALIZUMAB, {**stop, **note, **reason}) or ""), "the record gives its reason"
    in_use = evaluation_of([{**order(OMALIZUMAB, "active", {}), **note}])
    assert in_use.define(INTOLERANCES, "Has Allergy Or Intolerance To Omalizumab") is not True


@pytest.mark.parametrize("code", SAID)
def test_what_is_read_or_without_words_or_in_use_is_not_told_so(code: str) -> None:
    assert said(code, order(code, "stopped", "Anaphylaxis")) is None
    assert said(code, order(code, "stopped", {})) is None
    assert said(code) is None
    assert said(code, order(code, "stopped", "Family asked"), order(code, id="n", start="2026-05-20")) is None


LACK = {"coding": [{"system": "https://example.org/guideway/mast-cell-disease/CodeSystem/stop-reason", "code": "lack-of-effect"}]}
UNREAD = {"coding": [{"system": "http://snomed.info/sct", "code": "62014003"}]}


@pytest.mark.parametrize("reason", ["Ineffective", LACK])
@pytest.mark.parametrize("code", SAID)
def test_a_stop_without_effect_is_told_where_nothing_else_speaks_of_failure(code: str, reason: str | Json) -> None:
    """In words or by a code; where an inadequate response is told or asked about, that is enough."""
    told = said(code, order(code, "stopped", reason))
    if code in (ASPIRIN, DENOSUMAB) or (code == MIDOSTAURIN and reason == LACK):
        assert (told or "").startswith("On record before: ")
    else:
        assert told is None


@pytest.mark.parametrize("reason", [{}, "Kidney function", "Ineffective", LACK, UNREAD])
@pytest.mark.parametrize("code", SAID)
def test_an_order_not_to_give_is_told_for_whatever_reason(code: str, reason: str | Json) -> None:
    why = {"text": reason} if isinstance(reason, str) else reason
    ban = order(code, id="no", start="2026-05-01", doNotPerform=True, **({"reasonCode": [why]} if why else {}))
    assert "not to be given, by an order 2026-05-01" in (said(code, ban) or "")
    in_use = said(code, ban, order(code, id="yes", start="2026-04-01"))
    assert (in_use or "").startswith("In use by the record, but: ")
    assert said(code, ban, order(code, id="yes", start="2026-05-20")) is None


@pytest.mark.parametrize(
    "reason", ["Suicidal thoughts", "Depression", "Mood changes", "Nightmares", "Aggressive behavior", "Neuropsychiatric event"]
)
def test_a_change_of_mood_is_a_harm_of_montelukast(reason: str) -> None:
    found = evaluation_of([order(MONTELUKAST, "stopped", reason)])
    assert found.define(INTOLERANCES, "Has Allergy Or Intolerance To Montelukast") is True
    other = evaluation_of([order(OMALIZUMAB, "stopped", reason)])
    assert other.define(INTOLERANCES, "Has Allergy Or Intolerance To Omalizumab") is False


@pytest.mark.parametrize("reason", ["No depression, cost", "Denies suicidal thoughts", "Cost", "Anxious about pills"])
def test_mood_that_is_denied_is_none(reason: str) -> None:
    found = evaluation_of([order(MONTELUKAST, "stopped", reason)])
    assert found.define(INTOLERANCES, "Has Allergy Or Intolerance To Montelukast") is False


JAW = {
    "stop": order(ZOLEDRONIC, "stopped", "Osteonecrosis of the jaw"),
    "short": order(ZOLEDRONIC, "stopped", "MRONJ"),
    "not-taken": not_taken(ZOLEDRONIC, "Osteonecrosis of jaw"),
    "denosumab": order(DENOSUMAB, "stopped", "Jaw osteonecrosis"),
    "coded": condition("", "M87.180"),
    "words": condition("Osteonecrosis of jaw due to zoledronic acid"),
    "reaction": {
        "resourceType": "AllergyIntolerance", "id": "a", "patient": SUBJECT,
        "code": order(ZOLEDRONIC)["medicationCodeableConcept"],
        "reaction": [{"manifestation": [{"text": "Osteonecrosis of the jaw"}]}],
    },
}  # fmt: skip


@pytest.mark.parametrize("name", JAW)
def test_necrosis_of_the_jaw_rules_out_the_class(name: str) -> None:
    found = evaluation_of([JAW[name]])
    assert found.define(BONE, "Allergy Rules Out Bisphosphonates") is True
    assert found.define(BONE, "Note On Other Bisphosphonate") is None
    assert "denosumab" in found.define(BONE, "Note On Jaw Osteonecrosis")


@pytest.mark.parametrize(
    "resource",
    [
        order(ZOLEDRONIC, "stopped", "Osteonecrosis risk"), condition("No osteonecrosis of the jaw"), condition("Jaw pain"),
        order(ZOLEDRONIC, "stopped", "Fear of osteonecrosis of the jaw"), condition("Osteonecrosis of hip"),
        order(ZOLEDRONIC, "stopped", "Hypocalcemia"),
    ],
)  # fmt: skip
def test_what_is_not_necrosis_of_the_jaw_does_not(resource: Json) -> None:
    found = evaluation_of([resource])
    assert found.define(BONE, "Allergy Rules Out Bisphosphonates") is False
    assert found.define(BONE, "Note On Jaw Osteonecrosis") is None


@pytest.mark.parametrize(("reason", "harm"), [("Anaphylaxis to first dose", True), ("Pregnancy", False), ("", False)])
def test_an_order_not_to_give_it_for_a_harm_withholds_it(reason: str, harm: bool) -> None:
    why = {"reasonCode": [{"text": reason}]} if reason else {}
    ban = order(OMALIZUMAB, id="no", start="2026-03-01", doNotPerform=True, **why)
    allergy = "Has Allergy Or Intolerance To Omalizumab"
    assert evaluation_of([ban]).define(INTOLERANCES, allergy) is harm
    assert (said(OMALIZUMAB, ban) is None) is harm, "what withholds it is not told beside it as well"
    assert evaluation_of([{**ban, "status": "cancelled"}]).define(INTOLERANCES, allergy) is False


def test_aspirin_is_not_tested_where_an_order_forbids_it_for_anaphylaxis() -> None:
    ban = order(ASPIRIN, id="no", start="2026-03-01", doNotPerform=True, reasonCode=[{"text": "NSAID anaphylaxis"}])
    assert evaluation_of([ban]).define("MastCellAspirinReactions", "Severe Reaction Is On Record") is True


@pytest.mark.parametrize("code", SAID)
def test_an_order_not_to_give_it_is_told_and_only_another_order_lifts_it(code: str) -> None:
    ban = order(code, id="no", start="2026-03-01", doNotPerform=True)
    assert "not to be given, by an order 2026-03-01." in (said(code, ban) or "")
    given = {
        "resourceType": "MedicationAdministration", "id": "given", "status": "completed", "subject": SUBJECT,
        "medicationCodeableConcept": order(code)["medicationCodeableConcept"], "effectiveDateTime": "2025-03-10",
    }  # fmt: skip
    assert "not to be given" in (said(code, ban, given) or "")
    assert "not to be given" in (said(code, ban, {**given, "effectiveDateTime": "2026-03-10"}, order(code, "stopped")) or "")
    assert said(code, ban, order(code, id="n", start="2026-05-20")) is None
    assert said(code, {**ban, "status": "stopped"}) is None
    because = {**ban, "reasonCode": [{"text": "Family asked"}]}
    assert 'by an order 2026-03-01, reason "Family asked"' in (said(code, because) or "")


ANAPHYLAXIS = "Anaphylaxis ten minutes after a tablet"
FAMOTIDINE = "4278"


@pytest.mark.parametrize(
    "stop",
    [
        order(FAMOTIDINE, "stopped", ANAPHYLAXIS),
        order(FAMOTIDINE, "stopped", "Adverse reaction", note=[{"text": ANAPHYLAXIS}]),
        {**not_taken(FAMOTIDINE, ANAPHYLAXIS), "status": "stopped"},
    ],
)
def test_what_is_withheld_for_a_harm_gives_the_words_of_the_stop(stop: Json) -> None:
    entries = [{"resource": r} for r in ({"resourceType": "Patient", "id": "p", "birthDate": "1961-04-02"}, stop)]
    entries += [{"resource": {**condition("", "D89.42"), "id": "mcas"}}, {"resource": condition("Anaphylaxis", "T78.2XXA")}]
    (record,) = read_resources([{"resourceType": "Bundle", "type": "collection", "entry": entries}], "p")
    outcome = apply_guideline(guideline(), record, plans=["dupilumab-question"], as_of="2026-06-01", hook="patient-view")
    (withheld,) = [r for r in outcome.recommendations if r.status == "suppressed"]
    assert [ANAPHYLAXIS in evidence_text(e) for e in withheld.evidence if (e.resource or "").startswith("Medication")] == [True]
    shown = cards_of(outcome, requests(outcome), instance="i", service="s")
    (line,) = [line for card in shown for line in card.body["detail"].splitlines() if withheld.title in line]
    assert ANAPHYLAXIS in line


HELD = [code for code in SAID if code != MIDOSTAURIN]


@pytest.mark.parametrize("code", HELD)
def test_a_drug_on_hold_is_told_with_its_reason(code: str) -> None:
    told = said(code, order(code, "on-hold", "held until skin test", changed="2026-05-20"))
    assert 'on hold 2026-05-20, reason "held until skin test". Judge by that' in (told or "")
    assert "on hold since an unknown day. Judge by that" in (said(code, order(code, "on-hold")) or "")
    assert said(code, order(code, "on-hold", "Anaphylaxis")) is None
    assert said(code, order(code, "on-hold"), order(code, id="n", start="2026-05-20")) is None


def test_a_hold_of_midostaurin_has_rules_of_its_own() -> None:
    assert said(MIDOSTAURIN, order(MIDOSTAURIN, "on-hold", "Surgery")) is None


COUNT = "Note On Midostaurin Stopped For A Low Count"
CYTOPENIA = {"coding": [{"system": LACK["coding"][0]["system"], "code": "cytopenia"}]}
NEUTROPENIA = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "D70.2"}]}


def told_of_a_count(*resources: Json) -> str | None:
    found: str | None = evaluation_of(list(resources)).define("MastCellMidostaurinElements", COUNT)
    return found


@pytest.mark.parametrize(
    "reason",
    [
        "neutropenia",
        "Thrombocytopenia grade 3",
        "Side effect: low platelets",
        "ANC 0.6",
        "ANC of 640/uL",
        "platelets 32",
        "platelets 32,000",
        "Plt 32k",
        "platelets dropped to 30",
        "neutrophils were falling",
        CYTOPENIA,
        NEUTROPENIA,
    ],
)
def test_midostaurin_stopped_for_a_low_count_is_told_with_the_rules_of_a_hold(reason: str | Json) -> None:
    told = told_of_a_count(order(MIDOSTAURIN, "stopped", reason, changed="2026-04-20")) or ""
    assert " stopped 2026-04-20, reason " in told
    assert "for a drug in use or on hold" in told
    assert "on an unknown day" in (told_of_a_count(order(MIDOSTAURIN, "stopped", reason)) or "")
    assert told_of_a_count(
        {**not_taken(MIDOSTAURIN, "x"), "statusReason": [reason if isinstance(reason, dict) else {"text": reason}]}
    )


@pytest.mark.parametrize(
    "reason",
    [
        "Nausea",
        "No neutropenia, cost",
        "Fear of thrombocytopenia",
        "Platelets normal, moved",
        "disease progression; platelets stable",
        "moved away, platelets and neutrophils fine",
        "ANC 4.2, course finished",
        "platelets 250",
        "platelets 250,000",
        "GI bleed on anti-platelet therapy",
        "neutrophil engraftment after transplant",
        {},
    ],
)
def test_another_reason_of_a_stop_is_not_told_as_a_low_count(reason: str | Json) -> None:
    assert told_of_a_count(order(MIDOSTAURIN, "stopped", reason, changed="2026-04-20")) is None


def test_a_hold_for_a_low_count_and_a_later_use_are_not_told_as_a_stop() -> None:
    stop = order(MIDOSTAURIN, "stopped", "neutropenia", changed="2026-04-20")
    assert told_of_a_count(order(MIDOSTAURIN, "on-hold", "neutropenia", changed="2026-04-20")) is None
    assert told_of_a_count(stop, order(MIDOSTAURIN, id="n", start="2026-05-01")) is None
    assert told_of_a_count(stop, order(MIDOSTAURIN, "stopped", "Cost", id="n", start="2026-05-01")) is None


def test_several_orders_of_midostaurin_are_named_with_dose_and_day() -> None:
    def dosed(mg: int, **more: Any) -> Json:
        every = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}
        return order(
            MIDOSTAURIN, dosage=[{"timing": every, "doseAndRate": [{"doseQuantity": {"value": mg, "unit": "mg"}}]}], **more
        )

    def several(*resources: Json) -> str | None:
        found: str | None = evaluation_of(list(resources)).define(
            "MastCellMidostaurinElements", "Note On Several Midostaurin Orders"
        )
        return found

    newest = dosed(50, id="n", start="2026-04-01")
    statement = {**{k: v for k, v in dosed(50, id="s").items() if k not in ("intent", "authoredOn", "dosageInstruction")},
                 "resourceType": "MedicationStatement", "effectiveDateTime": "2026-04-10"}  # fmt: skip
    assert several(newest) is None
    assert (several(newest, newest | {"id": "again"}) or "").count("50 mg twice daily (order of 2026-04-01)") == 2
    assert several(newest, {**statement, "dosage": newest["dosageInstruction"]}) is None
    assert several(newest, dosed(100, status="stopped")) is None
    assert several(newest, dosed(100, start="2027-01-01")) is None
    assert "100 mg twice daily (order of 2026-03-01)" in (several(newest, dosed(100)) or "")
    assert "100 mg twice daily (order of 2026-03-01; on hold)" in (several(newest, dosed(100, status="on-hold")) or "")
    other = several(newest, {**statement, "dosage": dosed(100)["dosageInstruction"]}) or ""
    assert "100 mg twice daily (a statement; since 2026-04-10)" in other
    for period, told in ((7, "100 mg every 7 days"), (2, "100 mg every 2 days")):
        seldom = {"repeat": {"frequency": 1, "period": period, "periodUnit": "d"}}
        dosage = dosed(100)["dosageInstruction"][0] | {"timing": seldom}
        assert told in (several(newest, order(MIDOSTAURIN, dosage=[dosage])) or "")
    worded = several(newest, order(MIDOSTAURIN, dosage=[{"text": "4 capsules morning and evening"}])) or ""
    assert '"4 capsules morning and evening" (order of 2026-03-01)' in worded
    assert "dose not on record (order of 2026-03-01)" in (several(newest, order(MIDOSTAURIN)) or "")

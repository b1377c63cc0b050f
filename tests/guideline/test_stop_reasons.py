"""Why a drug was stopped or held, in words: what is intolerance, and what only sounds like it."""

from __future__ import annotations

from typing import Any

import pytest

from .evaluating import ADVERSE, answer, evaluation_of, order
from .support import BASE

Json = dict[str, Any]
INTOLERANCES, MIDOSTAURIN = "MastCellIntoleranceElements", "MastCellMidostaurinElements"
FAILURES, THERAPIES = "MastCellFailureElements", "MastCellTherapyElements"

NOT_INTOLERANCE = (
    "No longer needed, allergy season over", "No side effects; symptoms resolved", "Switched: no adverse effects but cost",
    "Stopped for allergy testing", "per allergist", "hives resolved", "Urticaria well controlled", "hives under control",
    "denies any side effects or allergies", "without rash or hives", "side effects: none", "allergy ruled out", "Cost",
    "Seasonal allergies improved", "not because of an allergy", "No known drug allergies. Cost.", "Allergies better",
    "Well tolerated, no longer needed", "Rash resolved", "allergic rhinitis resolved", "no adverse drug reactions", "no rash",
    "unlikely allergic reaction", "no longer has hives", "hives not controlled", "persistent urticaria",
    "ineffective: hives persist", "no reaction", "wheezing resolved", "sore throat gone",
    "Severe heartburn persists", "persistent urticaria due to mastocytosis", "No toxicity", "no osteonecrosis", "Jaw surgery",
    "Fear of anaphylaxis", "Risk of anaphylaxis too high", "Concern for toxicity", "Afraid of side effects", "Osteonecrosis risk",
    "Worried about a serious allergic reaction or hives", "Anaphylaxis risk", "Side effect concerns", "Scared of a rash; cost",
    "Financial toxicity", "Toxicology screen positive", "Non-toxic goitre", "Nontoxic goiter", "Toxic multinodular goiter",
    "Concerned about possible adverse effects", "No ONJ",
)  # fmt: skip
INTOLERANCE = (
    "Rash and hives", "Adverse event", "side effects", "allergic reaction", "No effect, severe rash", "not tolerated",
    "Rash resolved after stopping", "didn't tolerate", "unable to tolerate: nausea", "Urticaria", "allergy", "Drug allergy",
    "no benefit; side effects", "Side effects not improved", "Anaphylaxis", "hypersensitivity reaction", "angioedema of the lip",
    "patient reports hives after dose", "No improvement and developed rash", "allergic reaction resolved",
    "No further hives after stopping", "No more rash since stopped", "Recurrent rash with each dose",
    "Hives persisted until drug stopped", "Ongoing urticaria, likely from drug", "Allergy test positive for famotidine",
    "Developed allergic symptoms after first dose", "Never had hives before this drug", "Throat swelling", "Swelling of the lips",
    "Bronchospasm", "Wheezing", "Hypotension", "Stevens-Johnson syndrome", "Asthma attack", "Collapse", "Severe reaction",
    "Never had anaphylaxis before", "No more angioedema since stopped", "Toxicity", "Hepatotoxic", "Nephrotoxicity, cost",
    "Osteonecrosis of the jaw", "Jaw necrosis", "ONJ",
    "Necrosis of mandible", "MRONJ", "Neurotoxicity", "Liver toxicity", "Fear of another reaction", "Fear of needles; hives",
    "Anaphylaxis after second dose; patient anxious about retrying", "Concerned: anaphylaxis after 2nd injection",
    "Hives with it, now scared", "High risk, prior anaphylaxis to the drug", "Reaction, anxiety attack",
    "Concern for anaphylaxis after the first dose", "Risk of anaphylaxis; hives in March", "Anaphylaxis, risk too high",
)  # fmt: skip


def famotidine_intolerance(reason: str) -> object:
    resources = [order("4278", "stopped", reason)]
    return evaluation_of(resources).define(INTOLERANCES, "Has Allergy Or Intolerance To Famotidine")


@pytest.mark.parametrize("reason", NOT_INTOLERANCE)
def test_what_is_denied_or_only_a_season_is_no_intolerance(reason: str) -> None:
    assert famotidine_intolerance(reason) is False


@pytest.mark.parametrize("reason", INTOLERANCE)
def test_what_the_drug_did_is_intolerance(reason: str) -> None:
    assert famotidine_intolerance(reason) is True


def tolerated(*resources: Json) -> tuple[object, object]:
    """Whether an allergy or intolerance to midostaurin is on record, and whether it is tolerated."""
    evaluation = evaluation_of(list(resources))
    return (
        evaluation.define(MIDOSTAURIN, "Has Allergy Or Intolerance To Midostaurin"),
        evaluation.define(MIDOSTAURIN, "Midostaurin Tolerated"),
    )


def midostaurin(status: str, reason: str | Json, **given: str) -> Json:
    return order("1919083", status, reason, **given)


YES: Json = {"valueBoolean": True}


@pytest.mark.parametrize(
    "reason",
    [ADVERSE, "Adverse event", "Adverse event: neutropenia", "Side effect: low platelets", "ANC 0.6", "Hematologic toxicity"],
)
@pytest.mark.parametrize("status", ["on-hold", "stopped"])
def test_a_low_count_is_no_intolerance_and_a_hold_is_the_rule_itself(status: str, reason: str | Json) -> None:
    names_nothing = reason == ADVERSE or reason == "Adverse event"
    expected = (True, False) if status == "stopped" and names_nothing else (False, None)
    assert tolerated(midostaurin(status, reason)) == expected


def test_a_hold_for_an_allergic_reaction_is_intolerance_and_for_another_harm_it_is_open() -> None:
    assert tolerated(midostaurin("on-hold", "Anaphylaxis")) == (True, False)
    assert tolerated(midostaurin("on-hold", "Neutropenia and a generalized rash")) == (True, False)
    assert tolerated(midostaurin("on-hold", "Adverse event: pneumonitis")) == (None, None)
    held = midostaurin("on-hold", "Adverse event: pneumonitis", changed="2026-05-10")
    assert tolerated(held, answer("midostaurinTolerated", YES, "2026-05-20")) == (False, True)


@pytest.mark.parametrize(
    ("stopped", "answered", "expected"),
    [
        ("2026-05-15", "2026-05-10", (True, False)),
        ("2026-05-15", "2026-05-20", (False, True)),
        ("", "2026-02-01", (True, False)),
        ("", "2026-05-20", (None, None)),
        ("", "2026-06-01", (False, True)),
    ],
)
def test_the_newer_of_stop_and_answer_counts(stopped: str, answered: str, expected: tuple[object, object]) -> None:
    record = midostaurin("stopped", ADVERSE, changed=stopped)
    assert tolerated(record, answer("midostaurinTolerated", YES, answered)) == expected


def test_what_was_taken_again_after_the_stop_is_no_intolerance() -> None:
    stopped, again = midostaurin("stopped", ADVERSE), midostaurin("active", {}, id="n", start="2026-05-12")
    assert tolerated(stopped, again, answer("midostaurinTolerated", YES, "2026-05-30")) == (False, True)
    before = midostaurin("active", {}, id="n", start="2026-02-01")
    assert tolerated(midostaurin("stopped", ADVERSE, changed="2026-05-15"), before) == (True, False)


WITHOUT_EFFECT = (
    "Lack of effect", "Ineffective", "Inadequate response", "Treatment failure", "No response", "Not effective",
    "lack of efficacy", "No benefit", "did not help", "didn't help", "does not work", "no improvement", "failed",
    "Therapy failure", "non-responder", "Insufficient symptom control", "lost efficacy", "no longer effective",
    "minimal benefit after 4 months", "No clinical response", "symptoms not controlled", "No effect, severe rash",
    "Loss of response", "Stopped: not working", "Lack of drug action", "Symptoms persisted", "Still having hives",
    "Persistent symptoms despite treatment", "Breakthrough symptoms", "Breakthrough", "Refractory", "Refractory disease",
    "Uncontrolled symptoms", "Uncontrolled", "Worsening symptoms", "Worsening", "Disease progression", "Progressive disease",
    "Wore off", "Wears off after two weeks", "Hives continue", "Symptoms came back", "Ongoing flushing", "Continued anaphylaxis",
    "Symptoms got worse", "Remains symptomatic", "Recurrent episodes of anaphylaxis", "No insurance. Symptoms persisted",
    "Failed to respond", "Failed to control symptoms", "Tachyphylaxis", "Failed omalizumab", "Mastocytosis progressed",
    "Failed to get relief", "Failed to show improvement", "Failed to bring relief", "Failed to start working",
    "Failed to get symptoms under control", "Failed to keep symptoms controlled", "Failed to return to baseline",
    "First-line failed", "First line fails",
    "Second line failed", "Therapy line failed", "First line failure", "Failed first line",
    "Failure to obtain remission", "Failed to come into remission", "Failed to appear effective", "Failed to call off flares",
    "Failed injections", "Failed injection therapy", "Failed injectable therapy", "Failing injections", "Failed scheduled dosing",
    "Failed scheduled therapy", "Failed scheduled antihistamines", "Failed insurance-mandated trial", "Failure",
    "Failed insurance required step", "Failed pen dosing", "Failed renewed trial", "Failed schedule of 150 mg",
    "Failed to deliver any meaningful change", "Failed to deliver as hoped", "Omalizumab failed to deliver",
    "Relief failed to arrive",
    "Failed to get drug to work", "Not cost, failure", "Appeal failed and drug failed", "Drug failed follow up",
    "Drug failed, screening for a trial", "Failed, deliver alternative", "Failed with the insurance approved dose",
    "Appeared to fail", "Seems to fail", "Likely to fail", "Not resolved", "Symptoms have not resolved", "No resolution",
    "No complete resolution of symptoms", "Not fully resolved", "No remission", "Not in any remission",
    "Flushing never went away", "No better", "Not much better", "Not getting better", "Didn't get better",
    "Transformation to AML", "Transformed into leukemia", "Leukemic transformation", "AML", "Developed acute myeloid leukemia",
    "Blast crisis", "Clinical deterioration", "Condition deteriorated", "Marginal benefit", "Transient relief", "Waning effect",
    "Effect diminished", "Recurrence", "Plateau", "Disappointing", "Unsuccessful", "Not side effects; not better",
)  # fmt: skip
NOT_WITHOUT_EFFECT = (
    "Cost", "No side effects; symptoms resolved", "Not because of lack of efficacy", "patient preference", "insurance denied",
    "No longer needed", "side effects", "Pregnancy", "not due to treatment failure", "Moved to another provider",
    "Rash and hives", "no adverse effects but cost", "Surgery", "effective, course completed", "Failed to pick up",
    "Prior authorization failed", "Failed prior authorization", "Failure of delivery", "Failure to refill", "Heart failure",
    "Renal failure", "Insurance appeal failed", "Failed to attend follow-up", "No breakthrough symptoms", "No worsening",
    "Symptoms no longer persist", "Not because of disease progression", "Side effects persisted", "Still having side effects",
    "Worsening renal function", "Uncontrolled hypertension", "Progression of chronic kidney disease", "No persistent symptoms",
    "In remission, disease did not progress", "Symptoms resolved", "Continued by another doctor", "Still breastfeeding",
    "Failed to get prior authorization", "Failed to keep the appointment", "Failed to return for follow up", "IV line failed",
    "Failed to come to clinic", "Failed to start therapy", "Failed to obtain approval", "Failed to bring the forms",
    "Did not fail", "Never failed; cost", "Resolved", "Symptoms fully resolved", "No longer needed, better",
    "Not needed: in remission", "Better on another drug", "No transformation, course completed", "No evidence of AML; cost",
    "Remission", "No recurrence", "No deterioration", "Unclear", "No deterioration of renal function", "Fail to refill",
)  # fmt: skip


def omalizumab_failed(*resources: Json) -> tuple[object, object]:
    """Whether omalizumab failed, and whether the guard holds that it has not."""
    evaluation = evaluation_of(list(resources))
    return (
        evaluation.define(THERAPIES, "Inadequate Response To Omalizumab"),
        evaluation.define(FAILURES, "Omalizumab Has Not Failed"),
    )


@pytest.mark.parametrize("reason", WITHOUT_EFFECT)
def test_a_stop_for_lack_of_effect_in_words_leaves_failure_open(reason: str) -> None:
    assert omalizumab_failed(order("302379", "stopped", reason)) == (None, None)


@pytest.mark.parametrize("reason", NOT_WITHOUT_EFFECT)
def test_another_reason_in_words_is_no_failure(reason: str) -> None:
    assert omalizumab_failed(order("302379", "stopped", reason)) == (None, True)


def test_the_package_s_own_reason_is_failure_and_an_answer_settles_the_words() -> None:
    coded = {"coding": [{"system": f"{BASE}/CodeSystem/stop-reason", "code": "lack-of-effect"}]}
    assert omalizumab_failed(order("302379", "stopped", coded)) == (True, False)
    unknown = {"coding": [{"system": "http://snomed.info/sct", "code": "58848006"}]}
    assert omalizumab_failed(order("302379", "stopped", unknown)) == (None, None)
    cost = {"coding": [{"system": f"{BASE}/CodeSystem/stop-reason", "code": "cost"}]}
    assert omalizumab_failed(order("302379", "stopped", cost)) == (None, True)
    words = order("302379", "stopped", "Lack of effect")
    for code, expected in (("adequate", (False, True)), ("inadequate", (True, False))):
        chosen = {"valueCoding": {"system": f"{BASE}/CodeSystem/therapy-response", "code": code}}
        assert omalizumab_failed(words, answer("inadequateResponseOmalizumab", chosen, "2026-05-20")) == expected


STATUS_REASON = "http://terminology.hl7.org/CodeSystem/medicationrequest-status-reason"


@pytest.mark.parametrize(
    ("code", "expected"), [("sintol", True), ("salg", True), ("SALG", True), ("non-avail", False), ("surg", False)]
)
def test_a_status_reason_by_its_code_alone(code: str, expected: bool) -> None:
    reason: Json = {"coding": [{"system": STATUS_REASON, "code": code}]}
    found = evaluation_of([order("4278", "stopped", reason)])
    assert found.define(INTOLERANCES, "Has Allergy Or Intolerance To Famotidine") is expected
    elsewhere: Json = {"coding": [{"system": "http://example.org/reasons", "code": code}]}
    found = evaluation_of([order("4278", "stopped", elsewhere)])
    assert found.define(INTOLERANCES, "Has Allergy Or Intolerance To Famotidine") is False


def test_a_hold_for_an_allergy_by_its_code_is_no_hold_for_a_low_count() -> None:
    assert tolerated(order("1919083", "on-hold", {"coding": [{"system": STATUS_REASON, "code": "salg"}]})) == (True, False)


OF_THE_DISEASE = (
    "recurrent anaphylaxis despite therapy", "anaphylaxis persisted", "ineffective, still anaphylaxis",
    "breakthrough anaphylaxis",
    "still having anaphylaxis", "ineffective for anaphylaxis prevention", "did not prevent anaphylaxis", "continued anaphylaxis",
    "Anaphylaxis not controlled", "anaphylaxis despite omalizumab", "Failed to control severe allergic reactions",
    "anaphylaxis while on it, not effective", "Anaphylaxis recurred", "didn't prevent recurrent anaphylaxis",
    "Still having anaphylactic reactions",
)  # fmt: skip
"""What the drug did not prevent: failure stays open."""
NOT_OF_THE_DRUG = (
    "anaphylaxis free 2 years", "Anaphylaxis controlled", "anaphylaxis in remission", "anaphylaxis resolved",
    "Free of anaphylaxis for a year", "severe idiopathic anaphylaxis", "anaphylaxis to peanut, drug changed in hospital",
    "stopped for tryptase/skin testing after anaphylaxis", "hold for allergy testing: venom anaphylaxis",
    "no longer needed for anaphylaxis", "Anaphylaxis prophylaxis no longer needed", "Prior auth: severe idiopathic anaphylaxis",
    "Mast cell disease with anaphylaxis",
)  # fmt: skip
OF_THE_DRUG = (
    "Anaphylaxis", "anaphylaxis to omalizumab", "Recurrent anaphylaxis with each injection",
    "Recurrent anaphylaxis after injections",
    "Still anaphylaxis after the third dose", "Recurrent anaphylactic reactions to the drug",
    "anaphylaxis resolved after stopping",
    "Anaphylaxis resolved with epinephrine", "Anaphylaxis despite premedication", "for anaphylaxis", "Stopped for anaphylaxis",
    "Discontinued to prevent recurrent anaphylaxis", "EpiPen used for anaphylaxis", "No effect, severe allergic reaction",
    "Contra-indication: anaphylaxis", "Epinephrine needed for anaphylaxis",
    "Idiopathic anaphylaxis; anaphylaxis 30 min after dose",
    "Not effective; anaphylaxis", "Anaphylaxis recurred on rechallenge", "No anaphylaxis since stopped", "Another anaphylaxis",
    "Controlled, then anaphylaxis", "Severe reaction", "Side effect with anaphylaxis", "anaphylaxis 20 minutes after",
)  # fmt: skip


def harmed(record: Json) -> tuple[object, object]:
    """Whether omalizumab was not tolerated, and whether a reason of a stop is a severe reaction."""
    evaluation = evaluation_of([record])
    return (
        evaluation.define(INTOLERANCES, "Has Allergy Or Intolerance To Omalizumab"),
        bool(evaluation.define(INTOLERANCES, "Drugs With A Severe Reaction")),
    )


@pytest.mark.parametrize("reason", OF_THE_DISEASE + NOT_OF_THE_DRUG)
def test_a_severe_reaction_that_is_the_disease_is_no_harm_of_the_drug(reason: str) -> None:
    record = order("302379", "stopped", reason)
    assert harmed(record) == (False, False)
    assert omalizumab_failed(record) == ((None, None) if reason in OF_THE_DISEASE else (None, True))
    noted = order("302379", "stopped", note=[{"text": reason}])
    assert harmed(noted) == (False, False)


@pytest.mark.parametrize("reason", OF_THE_DRUG)
def test_a_severe_reaction_that_the_drug_may_have_caused_is_harm(reason: str) -> None:
    assert harmed(order("302379", "stopped", reason)) == (True, True)


@pytest.mark.parametrize(
    "note",
    [
        "Use for severe allergic reactions", "as needed for anaphylaxis, with EpiPen", "for anaphylaxis prophylaxis",
        "for anaphylaxis prevention", "with Benadryl in case of anaphylaxis", "given in ED for anaphylaxis",
        "for severe asthma exacerbation", "For anaphylaxis: take 50 mg at first sign", "use with EpiPen for anaphylaxis",
        "for anaphylaxis", "approved for anaphylaxis; moved to self-injection", "for itching, hives",
        "Take 2 tablets as needed for hives or anaphylaxis", "To prevent anaphylaxis", "1 dose IV for anaphylaxis",
        "Used for itching, flushing and anaphylaxis",
    ],
)  # fmt: skip
def test_what_a_note_says_the_drug_is_for_is_no_harm(note: str) -> None:
    assert harmed(order("302379", "stopped", note=[{"text": note}])) == (False, False)


@pytest.mark.parametrize(
    "note",
    [
        "Anaphylaxis", "Stopped for anaphylaxis", "Given; then anaphylaxis", "EpiPen used for anaphylaxis",
        "Given epinephrine for anaphylaxis", "Seen in ED for anaphylaxis", "For anaphylaxis after the second dose",
        "Treated for anaphylaxis to omalizumab", "Used for hives. Anaphylaxis 30 minutes after the injection",
        "Discontinued. Given in ED for anaphylaxis", "For urticaria; anaphylaxis with third dose",
    ],
)  # fmt: skip
def test_a_note_that_may_tell_of_a_harm_is_harm(note: str) -> None:
    assert harmed(order("302379", "stopped", note=[{"text": note}])) == (True, True)

"""Where the articles overlap, differ or leave a gap: each conflict rule C01 to C42 has a test of its visible effect.

The rules are listed in data/rules.csv; what each does is said in the name and the assertions of its test, on small patients.
Those about the dose of midostaurin are in ``test_conflicts_of_midostaurin``.
"""

from __future__ import annotations

import json
import re
from datetime import date, timedelta

import pytest

from . import test_conflicts_of_midostaurin
from .generated import TODAY
from .seeing import (
    ADULT,
    AGGRESSIVE,
    ANAPHYLAXIS,
    BACK_PAIN,
    DIARRHEA,
    INDOLENT,
    LEUKEMIA,
    LEUKOPENIA,
    LEUKOTRIENE,
    MCAS,
    MIDOSTAURIN,
    NOT_AVAILABLE,
    OSTEOPOROSIS,
    PROCEDURE,
    PROSTAGLANDIN,
    REVIEWED,
    SMOLDERING,
    TRYPTASE,
    WHEEZE,
    Json,
    Seen,
    artifacts,
    course,
    dose_text,
    failed,
)
from .support import concepts
from .test_statements import RULES


def test_every_conflict_rule_has_its_test() -> None:
    named = {name[5:8].upper() for name in {**globals(), **vars(test_conflicts_of_midostaurin)} if re.match(r"test_c\d\d_", name)}
    assert named == {rule for rule in RULES if re.fullmatch(r"C\d\d", rule)} == {f"C{n:02}" for n in range(1, 43)}


def test_c01_cromolyn_keeps_its_place_in_each_article_and_is_proposed_once() -> None:
    seen = Seen(ADULT, MCAS, BACK_PAIN, LEUKOPENIA, DIARRHEA, ANAPHYLAXIS)
    keys = [
        "mcas-back-pain#cromolyn",
        "leukopenia-in-mast-cell-activation#cromolyn-200-qid",
        "dupilumab-question#cromolyn-for-symptoms",
    ]
    assert seen.applies(*keys)
    assert all("C01" in seen.rules(key) for key in keys)
    assert "C01-line" in seen.rules("dupilumab-question#cromolyn-for-symptoms")
    assert seen.status("dupilumab-question#step-2-cromolyn") != "applies"
    assert len(seen.drugs("cromolyn")) == 1


def test_c02_the_cromolyn_dose_comes_from_the_article_on_leukopenia_only() -> None:
    assert "dosage" not in artifacts("ActivityDefinition")["propose-oral-cromolyn"]
    (request,) = Seen(ADULT, MCAS, LEUKOPENIA).drugs("cromolyn")
    assert "200 mg" in dose_text(request)
    seen = Seen(ADULT, MCAS, BACK_PAIN)
    (request,) = seen.drugs("cromolyn")
    assert not request.get("dosageInstruction")
    assert "C02" in seen.rules("mcas-back-pain#cromolyn")
    assert "200 mg four times a day" in seen.said("mcas-back-pain#cromolyn")
    indolent = Seen(ADULT, INDOLENT, DIARRHEA)
    assert "C02" in indolent.rules("indolent-anti-mediator-therapy#oral-cromolyn")


def test_c03_h1_is_a_range_of_label_doses_and_first_generation_carries_its_caution() -> None:
    seen = Seen(ADULT, MCAS, BACK_PAIN)
    (request,) = seen.proposed("propose-second-generation-h1")
    assert "2 to 4 times" in dose_text(request)
    assert "mg" not in dose_text(request)
    assert "C03" in seen.rules("mcas-back-pain#h1-high-dose")
    assert seen.applies("mcas-back-pain#first-generation-h1-option")
    indolent = Seen({"patient": {"born": "1940-01-01", "sex": "male"}}, INDOLENT)
    key = "indolent-anti-mediator-therapy#h1-first-generation"
    assert indolent.applies(key, "indolent-anti-mediator-therapy#h1-cetirizine")
    assert {"C03-sedation", "ov.first-gen-elderly"} <= set(indolent.rules(key))


def test_a_withheld_h1_says_nothing_of_a_choice_of_doses() -> None:
    child = {"patient": {"born": "2012-03-01", "sex": "female"}}
    for key, who in (
        ("mcas-back-pain#h1-high-dose", [MCAS, BACK_PAIN]),
        ("indolent-anti-mediator-therapy#h1-cetirizine", [INDOLENT]),
    ):
        assert "times" in Seen(ADULT, *who).said(key)
        withheld = Seen(child, *who)
        assert withheld.status(key) == "suppressed"
        assert not {"C03", "ov.h1-above-label"} & set(withheld.rules(key))


def test_c04_h2_is_for_all_in_mcas_and_for_symptoms_in_mastocytosis() -> None:
    assert Seen(ADULT, MCAS, BACK_PAIN).applies("mcas-back-pain#h2-add")
    assert Seen(ADULT, MCAS, LEUKOPENIA).applies("leukopenia-in-mast-cell-activation#h2-add")
    key = "indolent-anti-mediator-therapy#h2-antihistamine"
    assert Seen(ADULT, INDOLENT).status(key) != "applies"
    with_symptoms = Seen(ADULT, INDOLENT, DIARRHEA)
    assert with_symptoms.applies(key)
    assert "C04" in with_symptoms.rules(key)


def test_c05_ranitidine_is_recognised_and_never_proposed() -> None:
    codes = {c["code"] for c in concepts().members["Ranitidine"]}
    assert codes <= {c["code"] for c in concepts().members["H2 Antihistamines"]}
    assert not codes & {c["code"] for c in concepts().members["H2 Antihistamines To Offer"]}
    seen = Seen(ADULT, INDOLENT, DIARRHEA)
    key = "indolent-anti-mediator-therapy#h2-antihistamine"
    assert "ov.ranitidine-withdrawn" in seen.rules(key)
    assert seen.drugs("famotidine")
    assert not seen.drugs("ranitidine")
    ordered = Seen(ADULT, INDOLENT, {"order": "Ranitidine"}, hook="order-select")
    assert ordered.applies("safety-overlay#ranitidine-order")
    assert "2020" in ordered.said("safety-overlay#ranitidine-order")


def test_c06_aspirin_passes_three_gates_and_has_no_dose() -> None:
    untested = Seen(ADULT, MCAS, BACK_PAIN, PROSTAGLANDIN)
    assert untested.proposed("assess-aspirin-tolerance")
    assert "not from the source articles" in untested.said("aspirin-tolerance-gate#assess-tolerance-back-pain")
    assert not untested.drugs("aspirin")
    tolerated = Seen(ADULT, MCAS, BACK_PAIN, PROSTAGLANDIN, course(aspirinTolerance="local:aspirin-tolerance|tolerated"))
    (request,) = tolerated.drugs("aspirin")
    assert not request.get("dosageInstruction")
    not_tolerated = Seen(ADULT, MCAS, BACK_PAIN, PROSTAGLANDIN, course(aspirinTolerance="local:aspirin-tolerance|not-tolerated"))
    assert not_tolerated.status("aspirin-tolerance-gate#aspirin-back-pain") == "suppressed"
    assert not_tolerated.at("aspirin-tolerance-gate#aspirin-back-pain").reason
    assert not not_tolerated.drugs("aspirin")
    nsaids = {c["code"] for c in concepts().members["Nonsteroidal Anti-Inflammatory Drugs"]}
    assert not nsaids & {c["code"] for c in concepts().members["Aspirin"]}
    assert "ov.aspirin-bleeding" in untested.rules("aspirin-tolerance-gate#aspirin-back-pain")


def test_c07_one_card_holds_the_caution_and_do_not_withhold() -> None:
    seen = Seen(ADULT, MCAS, {"order": "rxnorm|7052"}, hook="order-select")
    opioids = [r.key for r in seen.outcome.recommendations if r.plan_id == "opioid-safety" and r.status == "applies"]
    balanced = [key for key in opioids if "caution" in seen.said(key).lower() and "withhold" in seen.said(key).lower()]
    assert balanced
    (safer,) = [
        r for r in seen.outcome.recommendations if r.status == "applies" and "lk.pain.fentanyl-remifentanil-safer" in r.statements
    ]
    assert "ov.fentanyl-context" in safer.note_rules
    assert not any(r.get("doNotPerform") for r in seen.requests)
    at_home = Seen(ADULT, MCAS, {"medication": "rxnorm|7052"})
    assert not at_home.proposed("offer-safer-opioid")
    # Not to withhold stands on every card of caution, in the words of the article that the card is from.
    cards = {
        "opioid-balance-mcas": ("bp.precaution.opiate-do-not-withhold", "do not withhold"),
        "opioid-use-mast-cell-activation": ("lk.pain.opioid-never-withhold", "never withhold"),
        "opioid-order-mast-cell-activation": ("lk.pain.opioid-never-withhold", "never withhold"),
    }
    for action, (row, words) in cards.items():
        shown = (seen if "order" in action else at_home).at(f"opioid-safety#{action}")
        assert shown.status == "applies"
        assert row in shown.statements
        assert words in shown.title.lower()
        assert words in (shown.description or "").lower()
    # Where a card of caution says it, no second card does.
    for action in ("do-not-withhold-mcas", "never-withhold-mast-cell-activation"):
        assert not at_home.applies(f"opioid-safety#{action}")


def test_c08_naltrexone_and_opioids_are_kept_apart_both_ways() -> None:
    pain = {"condition": "Chronic Pain"}
    opioid = {"medication": "rxnorm|7052"}
    key = "low-dose-naltrexone#adjunct-option"
    assert Seen(ADULT, MCAS, pain, opioid).status(key) == "suppressed"
    unknown = Seen(ADULT, MCAS, pain)
    assert unknown.status(key) == "unknown"
    assert unknown.applies("low-dose-naltrexone#medication-review-first")
    assert Seen(ADULT, MCAS, pain, REVIEWED).status(key) == "applies"
    naltrexone = {"medication": "Naltrexone", "dose": "3 mg 1/d"}
    assert Seen(ADULT, MCAS, opioid, {"order": "Naltrexone", "dose": "1 mg 1/d"}, hook="order-sign").applies(
        "safety-overlay#naltrexone-with-opioid"
    )
    opioid_side = Seen(ADULT, MCAS, naltrexone, {"order": "rxnorm|7052"}, hook="order-sign")
    assert opioid_side.applies("safety-overlay#opioid-on-naltrexone")
    assert "withhold" in opioid_side.said("safety-overlay#opioid-on-naltrexone")
    assert "not from the source article" in opioid_side.said("safety-overlay#opioid-on-naltrexone")
    assert Seen(ADULT, MCAS, naltrexone, PROCEDURE).applies("safety-overlay#naltrexone-before-procedure")


def test_c15_two_devices_for_everyone_and_history_comes_first() -> None:
    plain = Seen(ADULT, MCAS)
    key = "emergency-preparedness#two-auto-injectors-mast-cell-activation"
    assert plain.applies(key)
    assert "C15" in plain.rules(key)
    assert "C15-history" not in plain.rules(key)
    assert Seen(ADULT, INDOLENT).applies("emergency-preparedness#two-auto-injectors-systemic-mastocytosis")
    history = Seen(ADULT, MCAS, ANAPHYLAXIS)
    assert "C15-history" in history.rules(key)
    assert history.applies("emergency-preparedness#auto-injector-after-anaphylaxis")
    assert len(history.drugs("epinephrine")) == 1
    for request in history.drugs("epinephrine"):
        assert request["dispenseRequest"]["quantity"]["value"] == 2
        assert request["priority"] == "urgent"
        assert "mg" not in json.dumps(request.get("dosageInstruction", []))


def test_c16_premedication_shows_both_strengths_and_the_anxiolytic_is_for_mastocytosis() -> None:
    seen = Seen(ADULT, INDOLENT, PROCEDURE)
    plan = "perioperative-preparation#"
    should, possibly = plan + "premedication-mca-corticosteroid", plan + "premedication-corticosteroid-option"
    assert seen.applies(should, possibly, plan + "premedication-anxiolytic", plan + "premedication-h1-h2")
    assert seen.at(plan + "premedication-mast-cell-activation").strength != seen.at(possibly).strength
    assert seen.applies(plan + "premedication-mca-h1", plan + "premedication-mca-h2")
    assert "C16" in seen.rules(possibly)
    assert "ov.benzo-opioid" in seen.rules(plan + "premedication-anxiolytic")
    assert all(
        not r.get("dosageInstruction", [{}])[0].get("doseAndRate")
        for r in seen.requests
        if "premedicate" in json.dumps(r, default=str)
    )
    assert Seen(ADULT, MCAS, PROCEDURE).status(plan + "premedication-anxiolytic") != "applies"


def test_c17_relaxants_to_avoid_differ_by_disease_and_do_not_reach_oral_muscle_relaxants() -> None:
    relaxants = concepts().members

    def words(title: str) -> set[str]:
        return {re.split(r"[ ,]", c["display"].lower())[0] for c in relaxants[title]}

    assert words("Neuromuscular Blockers To Avoid In MCAS") == {"atracurium", "mivacurium"}
    assert words("Neuromuscular Blockers Less Safe In SM") == {"atracurium", "mivacurium", "succinylcholine"}
    assert words("Safer Neuromuscular Blockers") == {"rocuronium", "vecuronium"}
    succinylcholine = next(
        c["code"]
        for c in relaxants["Neuromuscular Blockers Less Safe In SM"]
        if c["display"].lower().startswith("succinylcholine")
    )
    order = {"order": f"Neuromuscular Blockers Less Safe In SM#{succinylcholine}"}
    sm = Seen(ADULT, INDOLENT, order, hook="order-select")
    assert sm.applies("order-guards#less-safe-relaxant")
    assert "C17" in sm.rules("order-guards#less-safe-relaxant")
    assert Seen(ADULT, MCAS, order, hook="order-select").status("order-guards#atracurium-mivacurium") != "applies"
    avoid = Seen(ADULT, MCAS, {"order": "Neuromuscular Blockers To Avoid In MCAS"}, hook="order-select")
    assert avoid.applies("order-guards#atracurium-mivacurium")


def test_c18_prednisone_has_a_dose_in_mg_only_with_a_weight_and_is_not_for_long() -> None:
    severe = course(severeRefractoryMediatorSymptoms=True)
    key = "mcas-back-pain#prednisone-refractory"
    seen = Seen(ADULT, MCAS, BACK_PAIN, severe, {"observation": "Body Weight", "value": "70.3 kg", "at": "2026-05-20"})
    (request,) = seen.proposed("propose-low-dose-prednisone")
    assert seen.applies(key)
    assert "C18" in seen.rules(key)
    assert "35.1 mg" in dose_text(request)
    assert "0.5 mg/kg/day" in dose_text(request)
    (request,) = Seen(ADULT, MCAS, BACK_PAIN, severe).proposed("propose-low-dose-prednisone")
    assert not re.search(r"\d mg(?!/kg)", dose_text(request))
    steroid = {"medication": "Prednisone", "start": TODAY - timedelta(days=120)}
    assert "C18-days" in Seen(ADULT, MCAS, steroid).rules("order-guards#long-term-corticosteroid")
    assert Seen(ADULT, MCAS, steroid).applies("order-guards#long-term-corticosteroid")


def test_c19_the_strictest_gate_holds_for_dupilumab() -> None:
    order = {"order": "Dupilumab"}
    key = "order-guards#dupilumab-not-first-line"
    early = Seen(ADULT, MCAS, ANAPHYLAXIS, failed("H1", "H2", "Cromolyn", "Leukotriene"), order, hook="order-sign")
    assert early.applies(key)
    assert "omalizumab first" in early.said(key).lower()
    ready = Seen(ADULT, MCAS, ANAPHYLAXIS, failed("H1", "H2", "Cromolyn", "Leukotriene", "Omalizumab"), order, hook="order-sign")
    assert ready.status(key) != "applies"
    asthma = Seen(ADULT, MCAS, ANAPHYLAXIS, {"order": "Dupilumab", "for": "Other Indications For Dupilumab"}, hook="order-sign")
    assert asthma.status(key) != "applies"


def test_c20_leukotriene_e4_or_an_inadequate_response_opens_the_modifier() -> None:
    key = "leukotriene-modifiers#leukotriene-back-pain"
    for ground in (LEUKOTRIENE, failed("H1", "H2")):
        seen = Seen(ADULT, MCAS, BACK_PAIN, ground)
        assert seen.applies(key, key + "-montelukast", key + "-zileuton")
        assert "C20" in seen.rules(key)
        assert "ov.montelukast-neuropsych" in seen.rules(key + "-montelukast")
        assert "ov.zileuton-liver" in seen.rules(key + "-zileuton")
    assert Seen(ADULT, MCAS, BACK_PAIN).status(key) != "applies"
    assert Seen(ADULT, MCAS, WHEEZE).applies("leukotriene-modifiers#leukotriene-for-symptoms")
    indolent = Seen(ADULT, INDOLENT, WHEEZE)
    assert indolent.drugs("montelukast")
    assert not indolent.drugs("zileuton")


def test_c21_tryptase_alone_never_opens_a_treatment() -> None:
    for who in (MCAS, INDOLENT, SMOLDERING):
        without, with_it = Seen(ADULT, who, BACK_PAIN), Seen(ADULT, who, BACK_PAIN, TRYPTASE)
        assert [r["id"] for r in with_it.requests if r["resourceType"] == "MedicationRequest"] == [
            r["id"] for r in without.requests if r["resourceType"] == "MedicationRequest"
        ]
    conditions = [c["expression"]["expression"] for plan in artifacts("PlanDefinition").values() for c in conditions_in(plan)]
    assert not [name for name in conditions if re.search(r"tryptase|titer", name, re.IGNORECASE)]
    ordered = Seen(ADULT, INDOLENT, TRYPTASE, {"order": "Cladribine"}, hook="order-sign")
    assert ordered.applies("order-guards#not-tryptase-alone")


def conditions_in(node: Json) -> list[Json]:
    """The conditions of every action below."""
    return [c for action in node.get("action", []) for c in [*action.get("condition", []), *conditions_in(action)]]


def test_c22_the_order_guard_yields_to_a_documented_reason() -> None:
    key = "order-guards#no-cytoreduction-first-line"
    order = {"order": "Cladribine"}
    none = course(severeRefractoryMediatorSymptoms=False, organDamage=False)
    assert Seen(ADULT, INDOLENT, none, order, hook="order-sign").applies(key, "order-guards#no-cytoreduction-on-burden")
    severe = course(severeRefractoryMediatorSymptoms=True)
    assert Seen(ADULT, INDOLENT, severe, order, hook="order-sign").status(key) != "applies"
    damaged = Seen(ADULT, INDOLENT, course(organDamage=True), order, hook="order-sign")
    assert damaged.status(key) != "applies"
    assert damaged.applies("order-guards#organ-damage-reclassify")
    smoldering = Seen(ADULT, SMOLDERING, none, order, hook="order-sign")
    assert smoldering.applies(key)
    assert smoldering.status("order-guards#no-cytoreduction-on-burden") != "applies"


def test_c23_calcium_is_an_order_with_bone_disease_and_a_mention_without() -> None:
    bone = Seen(ADULT, INDOLENT, OSTEOPOROSIS)
    assert bone.applies("mast-cell-bone-health#calcium-sm")
    assert bone.proposed("give-calcium")
    assert "C23" in bone.rules("mast-cell-bone-health#calcium-vitamin-d-sm")
    without = Seen(ADULT, INDOLENT)
    assert without.applies("mast-cell-bone-health#calcium-vitamin-d-mention")
    assert not without.proposed("give-calcium")


def test_c24_the_second_line_for_bone_is_a_choice_and_the_kidney_leaves_denosumab() -> None:
    plan = "mast-cell-bone-health#"
    seen = Seen(ADULT, INDOLENT, OSTEOPOROSIS, failed("Bisphosphonate"), course(refractoryBonePain=True))
    assert seen.applies(plan + "denosumab-sm", plan + "peginterferon-sm")
    assert "C24" in seen.rules(plan + "denosumab-sm")
    groups = [a for a in artifacts("PlanDefinition")["mast-cell-bone-health"]["action"] if a["id"] == "second-line-sm"]
    assert [a.get("selectionBehavior") for a in groups] == ["any"]
    kidney = Seen(ADULT, INDOLENT, OSTEOPOROSIS, {"condition": "icd10cm|N18.4"})
    assert kidney.applies(plan + "denosumab-sm")
    assert kidney.status(plan + "peginterferon-sm") != "applies"
    assert kidney.status(plan + "bisphosphonate-sm") == "suppressed"
    assert "ov.denosumab-ckd" in kidney.rules(plan + "denosumab-sm")


@pytest.mark.parametrize(
    ("result", "status"), [("negative", "applies"), ("unknown", "applies"), ("positive", "does-not-apply"), (None, "unknown")]
)
def test_c25_kit_missing_is_not_kit_unknown(result: str | None, status: str) -> None:
    test = [] if result is None else [{"observation": "KIT D816V Test", "is": f"local:test-result|{result}", "at": "2026-03-01"}]
    seen = Seen(ADULT, AGGRESSIVE, NOT_AVAILABLE, *test)
    plan = "advanced-mastocytosis-cytoreduction#"
    assert seen.status(plan + "imatinib-kit") == status
    assert seen.applies(plan + "find-kit-result") == (result is None)
    assert bool(seen.drugs("imatinib")) == (status == "applies")
    if result == "unknown":
        assert "ov.kit-unknown-documented" in seen.rules(plan + "imatinib-kit")


@pytest.mark.parametrize("given", ["sct|260385009", "loinc|LA9634-2", "local:stop-reason|cytopenia"])
def test_c25_a_result_by_a_code_that_is_not_read_is_not_called_missing(given: str) -> None:
    result = {"observation": "KIT D816V Test", "is": given, "at": "2026-01-10"}
    said = f'A KIT D816V result of 2026-01-10 is on record ("code {given.partition("|")[2]}"), but cannot be read'
    plan = "advanced-mastocytosis-cytoreduction#"
    seen = Seen(ADULT, AGGRESSIVE, NOT_AVAILABLE, result)
    assert seen.status(plan + "imatinib-kit") == "unknown"
    assert said in seen.said(plan + "imatinib-kit")
    assert "KIT D816V is not recorded" not in seen.said(plan + "imatinib-kit")
    assert seen.applies(plan + "find-kit-result")
    assert said in seen.said(plan + "find-kit-result")
    ordered = Seen(ADULT, AGGRESSIVE, result, {"order": "Imatinib"}, hook="order-sign")
    assert ordered.applies("safety-overlay#imatinib-kit-missing")
    assert said in ordered.said("safety-overlay#imatinib-kit-missing")


def test_c25_kit_positive_is_allowed_only_with_eosinophilia_and_the_fusion_gene() -> None:
    positive = {"observation": "KIT D816V Test", "is": "local:test-result|positive", "at": "2026-03-01"}
    fusion = {"observation": "FIP1L1-PDGFRA Test", "is": "local:test-result|positive", "at": "2026-03-01"}
    eosinophilia = {"condition": "Eosinophilia"}
    assert Seen(ADULT, AGGRESSIVE, NOT_AVAILABLE, positive, fusion, eosinophilia).applies(
        "advanced-mastocytosis-cytoreduction#imatinib-fusion"
    )
    ordered = Seen(ADULT, AGGRESSIVE, positive, {"order": "Imatinib"}, hook="order-sign")
    assert ordered.applies("order-guards#imatinib-not-otherwise")


def test_c26_failure_of_midostaurin_opens_nothing_but_says_so() -> None:
    stopped = {
        "medication": "Midostaurin",
        "start": "2026-01-10",
        "status": "stopped",
        "reason": "local:stop-reason|lack-of-effect",
    }
    seen = Seen(ADULT, AGGRESSIVE, stopped)
    plan = "advanced-mastocytosis-cytoreduction#"
    assert seen.applies(plan + "midostaurin-failed", plan + "clinical-trial")
    assert seen.status(plan + "alternatives") != "applies"


def test_c27_therapy_continues_and_the_label_of_famotidine_is_named() -> None:
    plan = "leukopenia-in-mast-cell-activation#"
    seen = Seen(ADULT, MCAS, LEUKOPENIA, {"medication": "Cetirizine"}, REVIEWED)
    assert seen.applies(plan + "continue-anti-mediator", plan + "investigate-causes")
    assert {"C27", "ov.famotidine-dyscrasia"} <= set(seen.rules(plan + "continue-anti-mediator"))
    assert "drug" in seen.said(plan + "investigate-causes").lower()


def test_c28_one_referral_with_the_strength_of_each_article() -> None:
    seen = Seen(ADULT, INDOLENT, LEUKOPENIA)
    must, strongly = seen.at("specialist-network#center-systemic-mastocytosis"), seen.at("specialist-network#center-leukopenia")
    assert (must.status, strongly.status) == ("applies", "applies")
    assert must.strength != strongly.strength
    assert len(seen.proposed("refer-specialized-center")) == 1
    assert "C28" in must.note_rules


def test_c29_a_first_marrow_is_not_restaging() -> None:
    suspected = Seen(ADULT, MCAS, LEUKOPENIA, course(marrowInvolvementSuspected=True), REVIEWED)
    assert suspected.applies("leukopenia-in-mast-cell-activation#bone-marrow-biopsy")
    key = "order-guards#no-routine-marrow"
    marrow = {"observation": "Bone Marrow Mast Cells", "value": "30 %", "at": "2024-05-28"}
    order = {"order": "Bone Marrow Biopsy", "as": "service"}
    stable = course(newOrWorseningSymptoms=False, progressionSigns=False)
    assert Seen(ADULT, INDOLENT, marrow, stable, order, hook="order-select").applies(key)
    assert Seen(ADULT, INDOLENT, marrow, stable, LEUKOPENIA, order, hook="order-select").status(key) != "applies"
    restage = Seen(ADULT, INDOLENT, course(progressionSigns=True), LEUKOPENIA)
    assert restage.applies("indolent-surveillance#restage-marrow")
    assert {"C29", "C29-cytopenia"} <= set(restage.rules("indolent-surveillance#restage-marrow"))


def test_c30_printed_citation_numbers_stay_unresolved_and_evidence_is_not_graded() -> None:
    seen = Seen(ADULT, MCAS, {"condition": "Chronic Pain"}, REVIEWED)
    option = seen.at("low-dose-naltrexone#adjunct-option")
    assert "ov.citation-unverified" in option.note_rules
    assert option.quality == "Not graded"
    texts = [
        document["citation"]
        for plan in artifacts("PlanDefinition").values()
        for action in actions_in(plan)
        for document in action.get("documentation", [])
        if "printed citation" in document.get("citation", "")
    ]
    assert texts
    assert all("unresolved" in text for text in texts)
    assert not any(re.search(r"doi|pmid", text, re.IGNORECASE) for text in texts)


def actions_in(node: Json) -> list[Json]:
    return [found for action in node.get("action", []) for found in [action, *actions_in(action)]]


def test_c31_survival_after_transplantation_is_quoted_with_the_remark() -> None:
    response = {"answers": "advanced-disease", "cytoreductiveResponseAdequate": True, "at": "2026-05-28"}
    seen = Seen(ADULT, LEUKEMIA, response)
    key = "transplant-evaluation#after-response"
    assert seen.applies(key)
    assert {"C31", "C31-leukemia"} <= set(seen.rules(key))
    assert "57%" in seen.said(key)
    assert "17%" in seen.said(key)


def test_c32_naltrexone_starts_in_the_range_and_ends_at_4_5() -> None:
    activities = artifacts("ActivityDefinition")
    dose = activities["start-low-dose-naltrexone"]["dosage"][0]["doseAndRate"][0]["doseRange"]
    assert (dose["low"]["value"], dose["high"]["value"]) == (0.5, 1.5)
    seen = Seen(ADULT, MCAS, course(ldnChosen=True), REVIEWED)
    key = "low-dose-naltrexone#start-low-dose"
    assert seen.applies(key)
    assert {"ov.ldn-compounding", "ov.ldn-liver"} <= set(seen.rules(key))
    titrate = "low-dose-naltrexone#titrate-to-4-5"
    for given, status in (("3 mg 1/d", "applies"), ("4.5 mg 1/d", "does-not-apply")):
        assert Seen(ADULT, MCAS, {"medication": "Naltrexone", "dose": given}, REVIEWED).status(titrate) == status
    above = Seen(ADULT, MCAS, REVIEWED, {"order": "Naltrexone", "dose": "6 mg 1/d"}, hook="order-sign")
    assert above.applies("safety-overlay#naltrexone-above-range")


@pytest.mark.parametrize("outside", [{"patient": {"born": "2012-01-01", "sex": "male"}}, None], ids=["child", "pregnancy"])
def test_c33_outside_the_scope_drugs_are_withheld_and_epinephrine_is_information(outside: Json | None) -> None:
    who = [outside] if outside else [ADULT, {"condition": "Pregnancy"}]
    seen = Seen(*who, MCAS, BACK_PAIN, LEUKOPENIA, PROSTAGLANDIN, LEUKOTRIENE)
    assert not [r for r in seen.requests if r["resourceType"] == "MedicationRequest"]
    assert seen.status("mcas-back-pain#primary-treatment") == "suppressed"
    assert seen.applies("emergency-preparedness#emergency-epinephrine-outside-scope")


def test_c34_low_white_cells_open_the_leukopenia_plan_and_never_a_dose_rule() -> None:
    low = {"observation": "White Blood Cell Count", "value": "2.9 10*9/L", "range": "4.0-10.5", "at": "2026-06-01"}
    seen = Seen(ADULT, MCAS, low)
    key = "leukopenia-in-mast-cell-activation#primary-treatment"
    assert seen.applies(key)
    assert "C34" in seen.rules(key)
    drug = {"medication": "Midostaurin", "dose": "100 mg 2/d", "start": "2026-01-01"}
    normal = {"observation": "Absolute Neutrophil Count", "value": "2.0 10*9/L", "at": "2026-06-01"}
    dosed = Seen(ADULT, AGGRESSIVE, low, normal, drug)
    assert not [
        r.key for r in dosed.outcome.recommendations if r.key.startswith(MIDOSTAURIN + "interrupt") and r.status == "applies"
    ]


def test_c35_d47_02_alone_is_no_subtype() -> None:
    seen = Seen(ADULT, {"condition": "icd10cm|D47.02"})
    assert seen.applies("subtype-stratification#record-subtype")
    assert "D47.02" in seen.said("subtype-stratification#record-subtype")
    assert seen.status("advanced-mastocytosis-cytoreduction#midostaurin") == "unknown"
    assert seen.status("indolent-anti-mediator-therapy#anti-mediator-first-line") == "unknown"


@pytest.mark.parametrize(
    ("day", "action"),
    [(0, "weekly"), (27, "weekly"), (28, "every-two-weeks"), (83, "every-two-weeks"), (84, "monthly")],
)
@pytest.mark.parametrize("drug", ["Midostaurin", "Cladribine"])
def test_c36_any_cytoreductive_drug_and_the_days_of_its_course(day: int, action: str, drug: str) -> None:
    seen = Seen(ADULT, AGGRESSIVE, {"medication": drug, "start": TODAY - timedelta(days=day)})
    checks = {name: seen.status(f"cytoreductive-vigilance#toxicity-{name}") for name in ("weekly", "every-two-weeks", "monthly")}
    assert [name for name, status in checks.items() if status == "applies"] == [action]
    assert "C36" in seen.rules(f"cytoreductive-vigilance#toxicity-{action}")


def test_c37_codes_of_both_diseases_are_both_evaluated_and_flagged() -> None:
    seen = Seen(ADULT, MCAS, {"condition": "icd10cm|D47.02"}, BACK_PAIN)
    assert seen.applies("subtype-stratification#check-coding", "mcas-back-pain#h1-high-dose")
    assert seen.applies("emergency-preparedness#two-auto-injectors-systemic-mastocytosis")
    hereditary = Seen(ADULT, {"condition": "icd10cm|D89.44"}, LEUKOPENIA, BACK_PAIN)
    assert not [r.key for r in hereditary.outcome.recommendations if r.status == "applies"]
    secondary = Seen(ADULT, {"condition": "icd10cm|D89.43"}, LEUKOPENIA, BACK_PAIN)
    assert secondary.applies("leukopenia-in-mast-cell-activation#primary-treatment")
    assert secondary.status("mcas-back-pain#primary-treatment") != "applies"


def test_c38_remission_is_the_clinicians_decision_and_sarcoma_is_outside() -> None:
    seen = Seen(ADULT, {"condition": "icd10cm|C94.31"})
    assert seen.status("advanced-mastocytosis-cytoreduction#midostaurin") == "suppressed"
    assert not seen.drugs("midostaurin")
    for code in ("C96.22", "D47.01"):
        outside = Seen(ADULT, {"condition": f"icd10cm|{code}"})
        assert not [
            s for r in outside.outcome.recommendations if r.status == "applies" for s in r.statements if s.startswith("sm.")
        ], code


def test_c39_the_union_of_the_trigger_lists_is_called_so_and_taught_once() -> None:
    seen = Seen(ADULT, MCAS, BACK_PAIN)
    key = "trigger-avoidance#triggers-mast-cell-activation"
    assert seen.applies(key, "trigger-avoidance#individual-triggers")
    assert "C39" in seen.rules(key)
    assert "Combined from" in seen.said(key)
    assert len(seen.proposed("teach-trigger-avoidance")) == 1


def test_c40_each_article_keeps_its_gate_for_omalizumab_and_one_is_proposed() -> None:
    seen = Seen(
        ADULT,
        MCAS,
        BACK_PAIN,
        ANAPHYLAXIS,
        failed("H1", "H2", "Cromolyn", "Leukotriene"),
        course(severeRefractoryMediatorSymptoms=True),
    )
    keys = ["mcas-back-pain#omalizumab-severe", "dupilumab-question#step-3-omalizumab"]
    assert seen.applies(*keys)
    assert all("C40" in seen.rules(key) for key in keys)
    assert len(seen.drugs("omalizumab")) == 1
    assert Seen(ADULT, INDOLENT, TRYPTASE).status("indolent-anti-mediator-therapy#omalizumab") != "applies"
    assert Seen(ADULT, INDOLENT, course(severeRefractoryMediatorSymptoms=True)).applies(
        "indolent-anti-mediator-therapy#omalizumab"
    )


def test_c41_naltrexone_is_no_step_of_the_back_pain_plan() -> None:
    plans = [artifacts("PlanDefinition")[name] for name in ("mcas-back-pain", "back-pain-in-mcas")]
    used = [str(a.get("definitionCanonical", "")) for plan in plans for a in actions_in(plan)]
    assert used
    assert not [canonical for canonical in used if "naltrexone" in canonical]
    seen = Seen(ADULT, MCAS, BACK_PAIN, REVIEWED)
    assert "C41" in seen.rules("low-dose-naltrexone#adjunct-option")


def test_c42_the_shorter_interval_governs_and_both_reasons_are_shown() -> None:
    seen = Seen(ADULT, INDOLENT, {"medication": "Cladribine", "start": date(2026, 5, 20)})
    check, review = "cytoreductive-vigilance#toxicity-weekly", "indolent-surveillance#review"
    assert seen.applies(check, review)
    assert "C42" in seen.rules(check)
    assert "C42" in seen.rules(review)
    assert "shorter interval" in seen.said(check)

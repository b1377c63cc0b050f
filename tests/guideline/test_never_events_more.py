"""More that must never happen, from the clarifications, the decision tables and the conflict rules (see ``provoking``)."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from guideway.apply.outcome import APPLIES, PatientOutcome
from guideway.authoring.cases import Case

from . import telling
from .generated import TODAY, Items, Json, Maker
from .provoking import (
    DOSE_DECISIONS,
    FEW,
    MANY,
    Event,
    Guard,
    applying,
    defines,
    drugs_proposed,
    from_activities,
    names,
    provoke,
)
from .support import ROOT

MEDICATIONS, INTOLERANCES = "MastCellMedicationElements", "MastCellIntoleranceElements"
ASPIRIN = ("aspirin-tolerance-gate",)
DOSES = ("midostaurin-dose-modification",)
ADVANCED = ("advanced-mastocytosis-cytoreduction",)
STEPS = ("dupilumab-question", "mcas-back-pain", "leukotriene-modifiers")
DRUGS = (
    "mcas-back-pain",
    "indolent-anti-mediator-therapy",
    "indolent-escalation",
    "advanced-mastocytosis-cytoreduction",
    "mast-cell-bone-health",
)
H1 = ("mcas-back-pain", "leukopenia-in-mast-cell-activation", "indolent-anti-mediator-therapy", "mediator-guided-therapy")

SEVERE_SYMPTOMS: Json = {"severeRefractoryMediatorSymptoms": True}


def flushing(m: Maker) -> Json:
    return {"condition": "icd10cm|R23.2", "onset": m.before(5, 90)}


# ---- every drug that is proposed: who needs it, what it is called, and the values of its defines that hold it back ----

NEEDS: dict[str, tuple[Any, str, tuple[str, ...]]] = {
    "Famotidine": (lambda m: [m.mcas(), m.back_pain()], "H2 Antihistamines", ("propose-famotidine",)),
    "Cromolyn": (lambda m: [m.mcas(), m.back_pain()], "Oral Cromolyn", ("propose-oral-cromolyn",)),
    "Montelukast": (lambda m: [m.mastocytosis("indolent"), flushing(m)], "Montelukast", ("add-montelukast",)),
    "Omalizumab": (lambda m: [m.mcas(), m.back_pain(), m.course(**SEVERE_SYMPTOMS)], "Omalizumab", ("offer-omalizumab",)),
    "Bisphosphonate": (
        lambda m: [m.mastocytosis(), {"condition": m.member("Osteopenia Or Osteoporosis")}],
        "Bisphosphonates",
        ("start-bisphosphonate",),
    ),
    "Midostaurin": (lambda m: [m.mastocytosis("aggressive", "leukemia")], "Midostaurin", ("start-midostaurin",)),
    "Denosumab": (
        lambda m: [
            m.mastocytosis(),
            {"condition": m.member("Osteopenia Or Osteoporosis")},
            {"condition": m.member("Renal Insufficiency")},
        ],
        "Denosumab",
        ("consider-denosumab",),
    ),
    "Cladribine": (
        lambda m: [m.mastocytosis("indolent"), m.course(**SEVERE_SYMPTOMS, maximalAntiMediatorTherapyTried=True)],
        "Cladribine",
        ("consider-cladribine",),
    ),
}


CALLED = {name: name.lower() for name in NEEDS} | {"Bisphosphonate": "alendronate"}
"""What a record calls each drug of the table (``telling``)."""


def needing(m: Maker) -> tuple[str, Items]:
    """A drug, and a patient who needs it and whose record says nothing else of it."""
    drug = m.one(*NEEDS)
    who, _, _ = NEEDS[drug]
    noise = [item for item in m.noise() if item.get("medication") not in ("Montelukast", "Oral Cromolyn")]
    return drug, [m.adult(), *who(m), *noise, {"reviewed": "medications"}]


def with_drug_in_use(m: Maker) -> tuple[Items, str]:
    m.about, items = needing(m)
    return [*items, *telling.told(m, CALLED[m.about], telling.IN_USE)], "patient-view"


def with_drug_allergy(m: Maker) -> tuple[Items, str]:
    m.about, items = needing(m)
    harms = telling.SEVERE if m.about in ("Bisphosphonate", "Famotidine") else (*telling.SEVERE, *telling.ALLERGIC)
    return [*items, *telling.told(m, CALLED[m.about], telling.HARMS, harms, allergic=m.about == "Midostaurin")], "patient-view"


OFFERED = {
    "Famotidine": "rxnorm|4278",
    "Cromolyn": "rxnorm|42612",
    "Omalizumab": "rxnorm|302379",
    "Cladribine": "rxnorm|44157",
}
"""Proposals exactly as the activity makes them: without a dose, the ingredient as the drug."""


def with_open_proposal(m: Maker) -> tuple[Items, str]:
    m.about = m.one(*OFFERED)
    who, _, _ = NEEDS[m.about]
    return [m.adult(), *who(m), {"medication": OFFERED[m.about], "intent": "proposal", "start": m.before(1, 20)}], "patient-view"


def without_proposals(items: Items) -> Items:
    return [item for item in items if item.get("intent") != "proposal"]


def without_death(items: Items) -> Items:
    return [{"patient": {k: v for k, v in i["patient"].items() if k != "deceased"}} if "patient" in i else i for i in items]


def proposed_again(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    """A proposal of the very drug that the record is about: in use, or an allergy."""
    return from_activities(requested, *NEEDS[str(case.note)][2])


def requested_again(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    """A request for what is on record as proposed, or for what could have been."""
    return from_activities(requested, *NEEDS[str(case.note)][2])


def all_false(library: str, *starts: str) -> dict[tuple[str, str], Any]:
    """False for every define of a library whose name begins so."""
    (file,) = (ROOT / "plandefinitions").rglob(f"{library}.cql")
    found = re.findall(r'^define "([^"]+)":', file.read_text("utf-8"), re.MULTILINE)
    return {(library, name): False for name in found if name.startswith(starts)}


# ---- intolerance is not failure --------------------------------------------------------------------------------------


def with_intolerance_only(m: Maker) -> tuple[Items, str]:
    """Everything was tried, and did harm or was stopped for cost; nothing is said of its effect."""
    stopped: Items = []
    told = m.one(*TRIED)
    for name, value_set in TRIED.items():
        if name != told:
            reason = f"local:stop-reason|{m.one('adverse-effect', 'cost', 'not-available')}"
            stopped.append({"medication": value_set, "status": "stopped", "reason": reason, "start": m.before(300, 600)})
    stopped += telling.told(m, told, harms=telling.ALLERGIC if told == "montelukast" else (*telling.SEVERE, *telling.ALLERGIC))
    noise = [item for item in m.noise() if not {"observation", "medication"} & set(item)]
    return [m.adult(), m.mcas(), m.back_pain(), m.anaphylaxis(), *stopped, *noise], "patient-view"


TRIED = {
    "cetirizine": "Cetirizine",
    "famotidine": "H2 Antihistamines To Offer",
    "cromolyn": "Oral Cromolyn",
    "montelukast": "Montelukast",
    "omalizumab": "Omalizumab",
}


def later_step_opened(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    steps = ("step-2-cromolyn", "step-3-omalizumab", "step-3-corticosteroid", "step-4-dupilumab")
    leukotriene = applying(outcome, "leukotriene-modifiers", "step-2-leukotriene", "leukotriene-back-pain")
    return applying(outcome, "dupilumab-question", *steps) + leukotriene


def with_severe_reaction_to_another_h1(m: Maker) -> tuple[Items, str]:
    told = telling.told(m, m.one("diphenhydramine", "hydroxyzine"), harms=telling.SEVERE)
    who = m.one([m.mcas(), m.back_pain()], [m.mcas(), m.leukopenia()], [m.mastocytosis("indolent", "smoldering")])
    noise = [item for item in m.noise("Cetirizine") if item.get("encounter") is None]
    return [m.adult(), *who, *told, *noise], "patient-view"


def h1_proposed(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    return from_activities(
        requested,
        "propose-second-generation-h1",
        "propose-cetirizine",
        "propose-non-sedating-h1",
        "offer-first-generation-h1",
    )


# ---- aspirin ---------------------------------------------------------------------------------------------------------


def with_severe_nsaid_reaction(m: Maker) -> tuple[Items, str]:
    if m.random.random() < 0.3:
        who = [m.adult(), m.mastocytosis("indolent", "smoldering"), flushing(m)]
    else:
        who = [m.adult(), m.mcas(), m.one(m.back_pain(), m.anaphylaxis(), m.leukopenia()), m.prostaglandin()]
    told = telling.told(m, m.one("aspirin", "ibuprofen", "naproxen", "ketorolac"), harms=telling.SEVERE)
    items = [*who, *told, *m.noise()]
    if m.random.random() < 0.3:
        items.append(m.course(aspirinTolerance="local:aspirin-tolerance|tolerated"))
    return items, "patient-view"


def aspirin_tested_or_given(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    return from_activities(requested, "assess-aspirin-tolerance", "offer-aspirin")


# ---- scope, rescue, the dead -----------------------------------------------------------------------------------------


def outside_scope(m: Maker) -> tuple[Items, str]:
    _, (_, *items) = needing(m)
    if m.random.random() < 0.5:
        return [m.child(), *items], "patient-view"
    born = TODAY - timedelta(days=365 * m.random.randint(19, 44))
    return [
        {"patient": {"born": born, "sex": "female"}},
        {"condition": "Pregnancy", "onset": m.before(20, 200)},
        *items,
    ], "patient-view"


def any_drug_proposed(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    return names([r for r in requested if r["resourceType"] == "MedicationRequest" and not r.get("doNotPerform")])


def almost_empty_record(m: Maker) -> tuple[Items, str]:
    """A mast cell disorder and hardly anything else: no birth date, no list reviewed."""
    who: Json = {"patient": {"sex": m.one("female", "male")}}
    noise = [item for item in m.noise("Epinephrine Auto-Injectors") if "reviewed" not in item]
    return [who, m.one(m.mcas(), m.mastocytosis(), {"condition": "icd10cm|D89.43"}), *noise], "patient-view"


def rescue_held_back(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    rescue = [r for r in outcome.recommendations if r.key == "emergency-preparedness#two-auto-injectors-mast-cell-activation"]
    return [f"{r.key}: {r.status}" for r in rescue if r.status != APPLIES]


def who_has_died(m: Maker) -> tuple[Items, str]:
    _, (_, *items) = needing(m)
    who = m.adult()
    who["patient"]["deceased"] = m.one(True, m.before(1, 400))
    return [who, *items], "patient-view"


def anything_said(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    return [r.key for r in outcome.recommendations if r.status == APPLIES] + [r["id"] for r in requested]


# ---- counts that decide nothing --------------------------------------------------------------------------------------


def with_counts(m: Maker, *, broken: str) -> tuple[Items, str]:
    """On midostaurin, with a count that would ask for an interruption and cannot be used; the other count is well."""
    name, other, before, low, well = m.one(
        ("Absolute Neutrophil Count", "Platelet Count", "4.2", m.one("0.4", "0.7", "0.9"), "240"),
        ("Platelet Count", "Absolute Neutrophil Count", "300", m.one("22", "41", "49"), "4.0"),
    )
    days = m.random.randint(0, 4)
    sample = m.count(name, low, days)
    samples: Items = [sample]
    if broken == "stale":
        sample["at"] = TODAY - timedelta(days=m.random.randint(40, 60))
    elif broken == "tied":
        samples.append(m.count(name, before, days))
    elif broken == "future":
        sample["at"] = TODAY + timedelta(days=m.random.randint(1, 20))
    elif broken == "implausible":
        sample["value"] = f"{m.one('640', '870') if name.startswith('Abs') else m.one('41000', '9000')} 10*9/L"
    else:
        sample["status"] = broken
    drug = {"medication": "Midostaurin", "dose": "100 mg 2/d", "start": TODAY - timedelta(days=100)}
    base = [m.count(name, before, 110), m.count(other, well, 110), m.count(other, well, 0)]
    return [m.adult(), m.mastocytosis("aggressive", "neoplasm", "leukemia"), drug, *base, *samples, *m.noise()], "patient-view"


def unusable(broken: str) -> Any:
    return partial(with_counts, broken=broken)


def count_decided(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    """Interrupted, discontinued or declared well: every decision on a count that is not known."""
    found = applying(outcome, "midostaurin-dose-modification")
    return [key for key in found if DOSE_DECISIONS.match(key.partition("#")[2])]


def with_low_counts_on_hold(m: Maker) -> tuple[Items, str]:
    items, hook = with_counts(m, broken="final")
    (drug,) = [item for item in items if item.get("medication") == "Midostaurin"]
    drug |= {"status": "on-hold", "changed": TODAY - timedelta(days=6)}
    return items, hook


def interrupted_again(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    found = applying(outcome, "midostaurin-dose-modification")
    return [key for key in found if re.search("#(review-)?interrupt-", key)]


def with_long_cytopenia(m: Maker) -> tuple[Items, str]:
    """Low for four weeks; nobody suspects the drug, or nobody said."""
    items, hook = with_counts(m, broken="final")
    (low,) = [
        item for item in items if item.get("at") != TODAY - timedelta(days=110) and item.get("value", "").split(" ")[0] in LOW
    ]
    items += [low | {"at": low["at"] - timedelta(days=days)} for days in (7, 14, 21, 28)]
    if m.random.random() < 0.5:
        items.append({"answers": "midostaurin-assessment", "drugRelatedSuspected": False, "at": TODAY})
    return items, hook


LOW = ("0.4", "0.7", "0.9", "22", "41", "49")


def discontinued(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    decided = ("discontinue-anc", "discontinue-platelets", "review-discontinue-anc", "review-discontinue-platelets")
    found = applying(outcome, "midostaurin-dose-modification", *decided)
    return found + from_activities(requested, "discontinue-midostaurin")


# ---- gates of the expensive and the dangerous ------------------------------------------------------------------------


def with_kit_open_or_positive(m: Maker) -> tuple[Items, str]:
    gate = {
        "answers": "advanced-disease",
        "midostaurinAvailable": False,
        "debulkingUrgent": m.one(True, False),
        "at": m.before(1, 20),
    }
    items = [m.adult(), m.mastocytosis("aggressive", "neoplasm", "leukemia"), gate, *m.noise()]
    if m.random.random() < 0.5:
        items.append({"observation": "KIT D816V Test", "is": "local:test-result|positive", "at": m.before(20, 300)})
        if m.random.random() < 0.5:
            items.append({"condition": "Eosinophilia"})
    return items, "patient-view"


def imatinib_proposed(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    return names(drugs_proposed(requested, "imatinib", "Imatinib"))


def after_failure_of_midostaurin(m: Maker) -> tuple[Items, str]:
    stopped = telling.told(m, "midostaurin", telling.FAILED)
    course = {
        "answers": "advanced-disease",
        "debulkingUrgent": True,
        "slowlyProgressive": m.one(True, False),
        "at": m.before(1, 20),
    }
    kit = {"observation": "KIT D816V Test", "is": "local:test-result|negative", "at": m.before(20, 300)}
    return [m.adult(), m.mastocytosis("aggressive", "neoplasm", "leukemia"), *stopped, course, kit, *m.noise()], "patient-view"


def alternative_proposed(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    return names(drugs_proposed(requested, "cladribine|imatinib|interferon", "Cytoreductive Drugs"))


def leukemia_in_remission(m: Maker) -> tuple[Items, str]:
    return [m.adult(), {"condition": "icd10cm|C94.31", "onset": m.before(300, 900)}, *m.noise()], "patient-view"


def midostaurin_started(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    return names(drugs_proposed(requested, "midostaurin", "Midostaurin"))


def before_omalizumab_failed(m: Maker) -> tuple[Items, str]:
    items = [m.adult(), m.mcas(), m.anaphylaxis(), m.failed("H1", "H2", "Cromolyn", "Leukotriene"), *m.noise()]
    return [*items, *telling.told(m, "omalizumab", NOT_FAILED)], "patient-view"


NOT_FAILED = {**telling.IN_USE, **telling.ENDED, **telling.HARMS}


def dupilumab_proposed(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    return names(drugs_proposed(requested, "dupilumab", "Dupilumab"))


def with_weak_bones_and_kidneys(m: Maker) -> tuple[Items, str]:
    who = m.one([m.mastocytosis()], [m.mcas(), {"condition": "Bone Pain", "onset": m.before(10, 100)}])
    bones = {"condition": m.member("Osteopenia Or Osteoporosis"), "onset": m.before(50, 900)}
    kidneys: Json = {"condition": m.member("Renal Insufficiency"), "onset": m.before(50, 900)}
    if m.random.random() < 0.5:
        rate = f"{m.random.randint(8, 34)} mL/min/{{1.73_m2}}"
        kidneys = {"observation": "Estimated Glomerular Filtration Rate", "value": rate, "at": m.before(5, 200)}
    return [m.adult(), *who, bones, kidneys, *m.noise()], "patient-view"


def bisphosphonate_proposed(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    return from_activities(requested, "start-bisphosphonate")


EVENTS = [
    Event(
        "drug-proposed-that-is-in-use",
        with_drug_in_use,
        proposed_again,
        Guard(
            all_false(MEDICATIONS, "On ")
            | defines("MastCellMidostaurinElements", Is_On_Midostaurin=False)
            | defines(
                "AdvancedCytoreductionLogic",
                On_Midostaurin=False,
                Another_Cytoreductive_Drug_Is_In_Use=False,
                Midostaurin_Was_Not_Stopped_Before=True,
            )
        ),
        DRUGS,
        tuple(telling.IN_USE),
    ),
    Event(
        "drug-proposed-in-spite-of-an-allergy",
        with_drug_allergy,
        proposed_again,
        Guard(
            all_false(INTOLERANCES, "Has Allergy", "Allergy Rules Out")
            | all_false("MastCellMidostaurinElements", "Has Allergy")
            | defines("MastCellMidostaurinElements", Midostaurin_Tolerated=None)
            | all_false(MEDICATIONS, "On ")
            | defines(
                "AdvancedCytoreductionLogic",
                On_Midostaurin=False,
                Another_Cytoreductive_Drug_Is_In_Use=False,
                Midostaurin_Was_Not_Stopped_Before=True,
            )
        ),
        DRUGS,
        tuple(telling.HARMS),
    ),
    Event(
        "second-request-beside-an-open-proposal",
        with_open_proposal,
        requested_again,
        Guard(without=without_proposals),
        DRUGS,
    ),
    Event(
        "intolerance-taken-for-failure",
        with_intolerance_only,
        later_step_opened,
        Guard(
            defines(
                "MastCellTherapyElements",
                Inadequate_Response_To_H1_Antihistamine=True,
                Inadequate_Response_To_H2_Antihistamine=True,
            )
        ),
        STEPS,
        tuple(telling.HARMS),
    ),
    Event(
        "class-proposed-after-a-severe-reaction-to-a-member",
        with_severe_reaction_to_another_h1,
        h1_proposed,
        Guard(defines(INTOLERANCES, Allergy_Rules_Out_H1_Antihistamines=False)),
        H1,
        tuple(telling.HARMS),
    ),
    Event(
        "aspirin-tested-after-a-severe-reaction",
        with_severe_nsaid_reaction,
        aspirin_tested_or_given,
        Guard(defines("AspirinGateLogic", Has_Severe_NSAID_Reaction=False, Aspirin_Is_Not_Tolerated=False)),
        ASPIRIN,
        tuple(telling.HARMS),
    ),
    Event(
        "drug-proposed-outside-the-scope",
        outside_scope,
        any_drug_proposed,
        Guard(defines("MastCellPatientElements", Is_Outside_Stated_Scope=False)),
        DRUGS,
    ),
    Event(
        "rescue-held-back-by-missing-data",
        almost_empty_record,
        rescue_held_back,
        Guard(defines("EmergencyPreparednessLogic", Is_Certainly_Outside_Stated_Scope=None)),
        ("emergency-preparedness",),
    ),
    Event("anything-said-of-the-dead", who_has_died, anything_said, Guard(without=without_death), DRUGS),
    Event("dose-decision-from-a-preliminary-count", unusable("preliminary"), count_decided, Guard(in_copy=True), DOSES),
    Event("dose-decision-from-tied-counts", unusable("tied"), count_decided, Guard(in_copy=True), DOSES),
    Event("dose-decision-from-a-count-of-the-future", unusable("future"), count_decided, Guard(in_copy=True), DOSES),
    Event(
        "dose-decision-from-an-old-count",
        unusable("stale"),
        count_decided,
        Guard(parameters={"labMaxAgeDays": 1000}),
        DOSES,
    ),
    Event(
        "dose-decision-from-an-implausible-count",
        unusable("implausible"),
        count_decided,
        Guard(parameters={"implausibleNeutrophils": "100000 10*9/L", "implausiblePlatelets": "100000 10*9/L"}),
        DOSES,
    ),
    Event(
        "interrupted-again-while-on-hold",
        with_low_counts_on_hold,
        interrupted_again,
        Guard(defines("MidostaurinDoseLogic", Midostaurin_Is_Given=True)),
        DOSES,
    ),
    Event(
        "discontinued-without-suspicion",
        with_long_cytopenia,
        discontinued,
        Guard(defines("MastCellLowCountCause", Drug_Is_Suspected=True)),
        DOSES,
    ),
    Event(
        "imatinib-with-kit-positive-or-not-recorded",
        with_kit_open_or_positive,
        imatinib_proposed,
        Guard({("AdvancedCytoreductionLogic", "KIT D816V Is Negative Or Documented As Unknown"): True}),
        ADVANCED,
    ),
    Event(
        "alternative-after-failure-of-midostaurin",
        after_failure_of_midostaurin,
        alternative_proposed,
        Guard(defines("AdvancedCytoreductionLogic", Midostaurin_Is_Not_Tolerated_Or_Not_Available=True)),
        ADVANCED,
        tuple(telling.FAILED),
    ),
    Event(
        "midostaurin-in-remission",
        leukemia_in_remission,
        midostaurin_started,
        Guard(defines("AdvancedCytoreductionLogic", Mast_Cell_Leukemia_Is_In_Remission=False)),
        ADVANCED,
    ),
    Event(
        "dupilumab-before-omalizumab-failed",
        before_omalizumab_failed,
        dupilumab_proposed,
        Guard(defines("DupilumabQuestionLogic", Omalizumab_Failed=True)),
        STEPS,
        tuple(NOT_FAILED),
    ),
    Event(
        "bisphosphonate-with-renal-insufficiency",
        with_weak_bones_and_kidneys,
        bisphosphonate_proposed,
        Guard(defines("BoneHealthLogic", Renal_Insufficiency_Is_On_Record=False)),
        ("mast-cell-bone-health",),
    ),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_it_never_happens(event: Event) -> None:
    """Few patients, the whole guideline."""
    assert provoke(event, FEW, None) >= FEW


@pytest.mark.full
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_it_never_happens_to_five_hundred(event: Event) -> None:
    """Many patients, every plan that could show it."""
    assert provoke(event, MANY, event.plans) >= MANY

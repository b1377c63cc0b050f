"""The never-events of the safety review, provoked (``provoking``): nobody ever sees one, everybody does without the guard."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal

import pytest

from guideway.apply.outcome import APPLIES, SUPPRESSED, PatientOutcome
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
    codes_of,
    defines,
    drug_of,
    drugs_proposed,
    milligrams,
    names,
    provoke,
)

OPIOIDS = ("opioid-safety", "order-guards", "safety-overlay", "perioperative-preparation")
H1 = (
    "mcas-back-pain",
    "leukopenia-in-mast-cell-activation",
    "dupilumab-question",
    "mediator-guided-therapy",
    "indolent-anti-mediator-therapy",
)
H2 = (*H1, "perioperative-preparation")
CYTOREDUCTION = ("advanced-mastocytosis-cytoreduction", "indolent-escalation", "mast-cell-bone-health")
ASPIRIN = ("aspirin-tolerance-gate",)
DOSES = ("midostaurin-dose-modification",)

OPIOIDS_TOLD = ("morphine", "oxycodone", "codeine", "tramadol", "methadone", "fentanyl")
OPIOID_USE = {**telling.OPIOID_IN_USE, **telling.OPIOID_OPEN}
ASPIRIN_HARMS = {**telling.HARMS, **telling.ASPIRIN}


# ---- what is seen ----------------------------------------------------------------------------------------------------


def opioid_forbidden(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    """A request not to do something that names an opioid, or advice against in the plan on opioids."""
    codes = codes_of("Opioids") - codes_of("Naltrexone")
    found = []
    for request in requested:
        said = json.dumps(
            {k: v for k, v in request.items() if k in ("medicationCodeableConcept", "code", "payload", "about")}, default=str
        )
        named = any((c.get("system"), c.get("code")) in codes for c in drug_of(request).get("coding", []))
        if request.get("doNotPerform") and (
            named or re.search(r"opioid|opiate|morphine|codeine|fentanyl", said + text_of(request), re.I)
        ):
            found.append(f"{request['resourceType']}/{request['id']}")
    return found + [
        r.key
        for r in outcome.recommendations
        if r.plan_id == "opioid-safety" and r.status == APPLIES and r.direction == "against"
    ]


def text_of(request: Json) -> str:
    """Words and definition of a request."""
    return json.dumps(
        [request.get("instantiatesCanonical"), request.get("text"), request.get("extension"), request["id"]], default=str
    )


def ranitidine_ordered(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    return names(drugs_proposed(requested, "ranitidine", "Ranitidine"))


def naltrexone_proposed(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    proposals = applying(outcome, "low-dose-naltrexone", "adjunct-option", "start-low-dose", "titrate-to-4-5")
    return proposals + names(drugs_proposed(requested, "naltrexone", "Naltrexone"))


def midostaurin_proposed(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    first = applying(outcome, "advanced-mastocytosis-cytoreduction", "midostaurin", "cytoreduction")
    return first + names(drugs_proposed(requested, "midostaurin", "Midostaurin"))


def cytoreduction_proposed(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    words = "midostaurin|cladribine|imatinib|interferon|avapritinib|hydroxyurea"
    return names(drugs_proposed(requested, words, "Cytoreductive Drugs", "Cytoreductive Drugs Recognised"))


def aspirin_proposed(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    return names(drugs_proposed(requested, "aspirin|acetylsalicylic", "Aspirin"))


def dose_decided(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    return [key for key in applying(outcome, "midostaurin-dose-modification") if DOSE_DECISIONS.match(key.partition("#")[2])]


LABEL_DOSES = {"Cetirizine": 10, "Levocetirizine": 5, "Fexofenadine": 180, "Loratadine": 10, "Desloratadine": 5}


def dose_too_high(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    found = [r for r in drugs_proposed(requested, "naltrexone", "Naltrexone") if any(mg > Decimal("4.5") for mg in milligrams(r))]
    for request in drugs_proposed(requested, r"\bH1\b|cetirizine|fexofenadine|loratadine", "H1 Antihistamines"):
        codes = {(c.get("system"), c.get("code")) for c in drug_of(request).get("coding", [])}
        labels = [dose for name, dose in LABEL_DOSES.items() if codes & codes_of(name)] or [max(LABEL_DOSES.values())]
        words = " ".join(d.get("text", "") for d in request.get("dosageInstruction", []))
        times = [int(n) for n in re.findall(r"(\d+) times", words)]
        if any(mg > 4 * max(labels) for mg in milligrams(request)) or any(n > 4 for n in times):
            found.append(request)
    return names(found)


def prednisone_in_mg(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    return names([r for r in drugs_proposed(requested, "prednisone|corticosteroid", "Prednisone") if milligrams(r)])


def withheld_in_silence(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    """Withheld without one of its reasons in the words that the clinician reads."""
    found = []
    for r in outcome.recommendations:
        if r.status == SUPPRESSED:
            reasons = [c.description for c in r.conditions if c.kind == "withheld-when" and c.value is True and c.description]
            if not r.reason.strip() or not any(reason in r.reason for reason in reasons):
                found.append(f"{r.key}: {r.reason}")
    return found


# ---- who is tried ----------------------------------------------------------------------------------------------------


def with_opioid(m: Maker) -> tuple[Items, str]:
    items = [
        m.adult(),
        m.one(m.mcas(), m.mastocytosis()),
        *m.noise(),
        telling.drafted(m, m.one(*OPIOIDS_TOLD)),
    ]
    items = [*telling.told(m, m.one(*OPIOIDS_TOLD)), *items]
    if m.random.random() < 0.3:
        items[-1] = {"medication": m.member("Morphine And Codeine"), "start": m.before(1, 30)}
        return [*items, m.course(painNeedsOpioid=True)], "patient-view"
    return items, m.one("order-select", "order-sign")


def with_need_of_h2(m: Maker) -> tuple[Items, str]:
    items = [m.adult(), m.mcas(), m.one(m.back_pain(), m.leukopenia(), m.anaphylaxis()), *m.noise("Famotidine")]
    return [*items, *telling.told(m, "ranitidine", telling.ENDED)], "patient-view"


def with_opioid_and_naltrexone(m: Maker) -> tuple[Items, str]:
    items = [m.adult(), m.mcas(), {"condition": m.member("Chronic Pain"), "onset": m.before(200, 900)}, *m.noise()]
    if m.random.random() < 0.6:
        items.append(m.course(ldnChosen=True))
    if m.random.random() < 0.8:
        items.append({"reviewed": "medications"})
    return [*items, *telling.told(m, m.one(*OPIOIDS_TOLD), OPIOID_USE)], "patient-view"


def indolent(m: Maker) -> tuple[Items, str]:
    burden = [m.tryptase(), m.marrow()][: m.random.randint(0, 2)]
    answers = m.course(severeRefractoryMediatorSymptoms=m.one(True, False), organDamage=False)
    return [m.adult(), *telling.indolent(m), *burden, answers, *m.noise()], "patient-view"


def with_bones_and_burden(m: Maker) -> tuple[Items, str]:
    """Indolent, high tryptase and marrow burden, bones that get worse; no failure of a bisphosphonate is on record."""
    items = [m.adult(), m.mastocytosis("indolent", "smoldering"), m.tryptase(), m.marrow(), *m.noise()]
    items.append({"condition": m.member("Osteopenia Or Osteoporosis"), "onset": m.before(100, 900)})
    if m.random.random() < 0.5:
        items.append({"condition": m.member("Pathologic Fracture"), "onset": m.before(20, 400)})
    else:
        items += [
            {"observation": "loinc|38267-1", "value": "-2.1 {T-score}", "at": m.before(700, 900)},
            {"observation": "loinc|38267-1", "value": "-3.0 {T-score}", "at": m.before(20, 300)},
        ]
    if m.random.random() < 0.9:
        items += telling.told(m, "alendronate")
    items.append(m.course(refractoryBonePain=True))
    return items, "patient-view"


def indolent_with_burden(m: Maker) -> tuple[Items, str]:
    items = [m.adult(), m.mastocytosis("indolent", "smoldering"), m.tryptase(), m.marrow(), *m.noise()]
    answers: Json = {"maximalAntiMediatorTherapyTried": True}
    if m.random.random() < 0.5:
        answers["severeRefractoryMediatorSymptoms"] = False
    return [*items, m.course(**answers)], "patient-view"


def aspirin_indication(m: Maker) -> Items:
    """Somebody for whom an article mentions aspirin."""
    if m.random.random() < 0.3:
        return [m.adult(), m.mastocytosis("indolent", "smoldering"), {"condition": "icd10cm|R23.2", "onset": m.before(5, 90)}]
    ground = m.one(m.back_pain(), m.anaphylaxis(), m.leukopenia())
    return [m.adult(), m.mcas(), ground, m.prostaglandin()]


def with_aspirin_allergy(m: Maker) -> tuple[Items, str]:
    told = telling.told(m, m.one("aspirin", "ibuprofen", "naproxen", "ketorolac"), ASPIRIN_HARMS, allergic=True, most=380)
    items = [*aspirin_indication(m), *told, *m.noise()]
    if m.random.random() < 0.5:
        items.append(
            {"answers": "clinical-course", "aspirinTolerance": "local:aspirin-tolerance|tolerated", "at": m.before(400, 900)}
        )
    return items, "patient-view"


def with_untested_aspirin(m: Maker) -> tuple[Items, str]:
    items = [*aspirin_indication(m), *telling.told(m, "aspirin", telling.ENDED), *m.noise()]
    if m.random.random() < 0.4:
        items.append(m.course(aspirinTolerance="local:aspirin-tolerance|untested"))
    return items, "patient-view"


def with_counts_without_unit(m: Maker) -> tuple[Items, str]:
    return with_unusable_counts(m, "unit")


def with_counts_in_error(m: Maker) -> tuple[Items, str]:
    return with_unusable_counts(m, "error")


def with_unusable_counts(m: Maker, broken: str) -> tuple[Items, str]:
    """On midostaurin, or held, with counts that would decide, all without a unit or all entered in error."""
    held = m.random.random() < 0.4
    drug: Json = {"medication": "Midostaurin", "dose": "100 mg 2/d", "start": TODAY - timedelta(days=100)}
    items = [m.adult(), m.mastocytosis("aggressive", "neoplasm", "leukemia"), drug]
    if held:
        drug |= {"status": "on-hold", "changed": TODAY - timedelta(days=15)}
    name, low, good = m.one(("Absolute Neutrophil Count", "0.7", "1.4"), ("Platelet Count", "41", "120"))

    def sample(value: str, days: int) -> Json:
        made: Json = {"observation": name, "at": TODAY - timedelta(days=days)}
        return made | ({"value": value} if broken == "unit" else {"value": f"{value} 10*9/L", "status": "entered-in-error"})

    items += [sample("300" if name.startswith("Plat") else "4.2", 110)]
    items += [sample(low, 15), sample(good, 0)] if held else [sample(low, 0)]
    return [*items, *m.noise()], "patient-view"


def with_dose_proposed(m: Maker) -> tuple[Items, str]:
    if m.random.random() < 0.5:
        dose = m.one("0.5", "1", "1.5", "3", "4", "4.4")
        naltrexone = {"medication": "Naltrexone", "dose": f"{dose} mg 1/d", "start": m.before(20, 100)}
        return [m.adult(), m.mcas(), naltrexone, {"reviewed": "medications"}, *m.noise()], "patient-view"
    who = m.one([m.mcas(), m.back_pain()], [m.mcas(), m.leukopenia()], [m.mastocytosis("indolent", "smoldering")])
    return [m.adult(), *who, *m.noise("Cetirizine")], "patient-view"


def without_weight(m: Maker) -> tuple[Items, str]:
    items = [m.adult(), m.mcas(), m.back_pain(), m.course(severeRefractoryMediatorSymptoms=True), *m.noise()]
    weight: Json = {"observation": "Body Weight", "value": f"{m.random.randint(45, 120)} kg", "at": m.before(1, 20)}
    broken = m.one("none", "unit", "error", "preliminary")
    if broken == "unit":
        weight["value"] = weight["value"].partition(" ")[0]
    elif broken != "none":
        weight["status"] = {"error": "entered-in-error"}.get(broken, broken)
    return [*items, *([] if broken == "none" else [weight])], "patient-view"


def with_something_withheld(m: Maker) -> tuple[Items, str]:
    way = m.random.random()
    who = [m.one(m.mcas(), m.mastocytosis("indolent", "smoldering")), m.back_pain(), *m.noise("Cetirizine")]
    if way < 0.1:
        return [m.child(), *who], "patient-view"
    if way < 0.2:
        return [
            {"patient": {"born": TODAY - timedelta(days=11000), "sex": "female"}},
            *who,
            {"condition": m.member("Pregnancy")},
        ], "patient-view"
    told = telling.told(m, m.one("famotidine", "cromolyn", "cetirizine"), harms=telling.SEVERE)
    return [m.adult(), *who, {"condition": m.member("Gastrointestinal Symptoms")}, *told], "patient-view"


EVENTS = [
    Event("opioid-advised-against", with_opioid, opioid_forbidden, Guard(in_copy=True), OPIOIDS, tuple(telling.HARMS)),
    Event("ranitidine-ordered", with_need_of_h2, ranitidine_ordered, Guard(in_copy=True), H2, tuple(telling.ENDED)),
    Event(
        "naltrexone-with-active-or-unknown-opioid",
        with_opioid_and_naltrexone,
        naltrexone_proposed,
        Guard(defines("LowDoseNaltrexoneLogic", Opioid_Is_In_Use=False, Opioid_Ended_Recently=False)),
        ("low-dose-naltrexone",),
        tuple(OPIOID_USE),
    ),
    Event(
        "midostaurin-first-line-in-indolent-disease",
        indolent,
        midostaurin_proposed,
        Guard(defines("AdvancedCytoreductionLogic", Has_Advanced_Disease=True)),
        CYTOREDUCTION,
        tuple(telling.SUBTYPES_TOLD),
    ),
    Event(
        "cytoreduction-from-tryptase-or-burden-alone",
        indolent_with_burden,
        cytoreduction_proposed,
        Guard(defines("IndolentEscalationLogic", Severe_Refractory_Mediator_Symptoms=True)),
        CYTOREDUCTION,
    ),
    Event(
        "cytoreduction-for-bones-without-failure-of-a-bisphosphonate",
        with_bones_and_burden,
        cytoreduction_proposed,
        Guard(defines("MastCellTherapyElements", Inadequate_Response_To_Bisphosphonate=True)),
        CYTOREDUCTION,
        tuple(telling.HARMS),
    ),
    Event(
        "aspirin-with-allergy",
        with_aspirin_allergy,
        aspirin_proposed,
        Guard(
            defines(
                "AspirinGateLogic", Has_Severe_NSAID_Reaction=False, Aspirin_Is_Not_Tolerated=False, Aspirin_Is_Tolerated=True
            )
        ),
        ASPIRIN,
        tuple(ASPIRIN_HARMS),
    ),
    Event("dose-decision-from-a-count-without-unit", with_counts_without_unit, dose_decided, Guard(in_copy=True), DOSES),
    Event("dose-decision-from-a-count-entered-in-error", with_counts_in_error, dose_decided, Guard(in_copy=True), DOSES),
    Event("dose-above-the-limit", with_dose_proposed, dose_too_high, Guard(in_copy=True), (*H1, "low-dose-naltrexone")),
    Event(
        "prednisone-in-mg-without-weight",
        without_weight,
        prednisone_in_mg,
        Guard(in_copy=True),
        ("mcas-back-pain",),
    ),
    Event(
        "regular-aspirin-with-tolerance-untested",
        with_untested_aspirin,
        aspirin_proposed,
        Guard(defines("AspirinGateLogic", Aspirin_Is_Tolerated=True)),
        ASPIRIN,
        tuple(telling.ENDED),
    ),
    Event(
        "withheld-without-a-reason",
        with_something_withheld,
        withheld_in_silence,
        Guard(in_copy=True),
        ("mcas-back-pain", "indolent-anti-mediator-therapy"),
        tuple(telling.HARMS),
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

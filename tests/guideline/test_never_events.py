"""What must never happen, provoked: generated patients who meet everything but the guard.

Each event is tried on generated patients, and on each of them twice: as the guideline is, where it must not happen, and with the
guard taken out, where it must. So the second run proves of every patient counted that all other preconditions are met, and that
the detector sees the event. A guard is taken out by giving its define another value, or, where it is a property of an
activity, of the hygiene of the record or of a unit, in a copy of the guideline.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

import pytest

from guideway.apply.care_plan import requests
from guideway.apply.outcome import APPLIES, SUPPRESSED, PatientOutcome
from guideway.apply.run import apply_guideline
from guideway.authoring.cases import Case
from guideway.engine.values import Quantity
from guideway.fhir.element import FhirObject
from guideway.guideline.compiled import CompiledGuideline, open_guideline
from guideway.records.reading import read_resources

from .generated import TODAY, Items, Json, Maker, case_from
from .support import ROOT, concepts, guideline

Overrides = Mapping[tuple[str, str], Any]
FEW, MANY = 40, 500
SPARE = 1.05
"""So many are tried for each to be counted: hardly any may miss a precondition, or a way to the event would go unproven."""


class Event(NamedTuple):
    """One never-event: who is tried, what it looks like, and the guard (None: the copy without guards)."""

    name: str
    patient: Callable[[Maker], tuple[Items, str]]
    seen: Callable[[PatientOutcome, list[Json], Case], list[str]]
    guard: Overrides | None


# ---- running ---------------------------------------------------------------------------------------------------------


def outcome_of(of: CompiledGuideline, case: Case, overrides: Overrides | None = None) -> PatientOutcome:
    (record,) = read_resources([case.bundle], case.id)
    parameters: Json = {}
    if case.context is not None and "draftOrders" in case.context:
        drafts = [entry["resource"] for entry in case.context["draftOrders"]["entry"]]
        parameters["draftOrders"] = [FhirObject(draft["resourceType"], draft) for draft in drafts]
    return apply_guideline(
        of, record, as_of=case.as_of, hook=case.hook, parameters=parameters, explain="none", overrides=overrides
    )


@cache
def unguarded() -> CompiledGuideline:
    """A copy of the guideline in which the guards that are not defines are gone."""
    folder = Path(mkdtemp(prefix="unguarded-"))
    for name in ("plandefinitions", "valuesets"):
        shutil.copytree(ROOT / name, folder / name)
    plans = folder / "plandefinitions"

    def activity(name: str) -> tuple[Path, Json]:
        (file,) = plans.rglob(f"ActivityDefinition-{name}.json")
        return file, json.loads(file.read_text("utf-8"))

    for name in ("explain-opioid-balance", "offer-safer-opioid"):
        file, resource = activity(name)
        file.write_text(json.dumps(resource | {"doNotPerform": True}), "utf-8")
    ranitidine = concepts().members["Ranitidine"][0]
    for name in ("propose-famotidine", "premedicate-h2"):
        file, resource = activity(name)
        file.write_text(json.dumps(resource | {"productCodeableConcept": {"coding": [ranitidine]}}), "utf-8")
    file, resource = activity("titrate-low-dose-naltrexone")
    file.write_text(json.dumps(resource | {"dosage": [{"doseAndRate": [{"doseQuantity": {"value": 9, "unit": "mg"}}]}]}), "utf-8")
    for name in ("propose-second-generation-h1", "propose-cetirizine", "propose-non-sedating-h1"):
        file, resource = activity(name)
        dosage = [{"text": "60 mg a day", "doseAndRate": [{"doseQuantity": {"value": 1000, "unit": "mg"}}]}]
        file.write_text(json.dumps(resource | {"dosage": dosage}), "utf-8")
    common = plans / "library/MastCellCommon.cql"
    text = common.read_text("utf-8")
    usable = "O.status.value in { 'final', 'amended', 'corrected' }"
    assert usable in text
    text = text.replace(usable, "O.status.value in { 'final', 'amended', 'corrected', 'entered-in-error' }", 1)
    head, start, tail = text.partition('define function "Count Divisor"')
    assert start
    common.write_text(head + start + tail.replace("else null", "else 1.0", 1), "utf-8")
    manifest = plans / "package.json"
    manifest.write_text(manifest.read_text("utf-8").replace('"hygiene": "clinical"', '"hygiene": "none"'), "utf-8")
    for file in plans.rglob("PlanDefinition-*.json"):
        plan = json.loads(file.read_text("utf-8"))
        for extension in withheld_in(plan):
            extension["valueExpression"].pop("description", None)
        file.write_text(json.dumps(plan), "utf-8")
    try:
        return open_guideline(str(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def withheld_in(node: Json) -> Iterator[Json]:
    """The withheld-when extensions of every action."""
    for action in node.get("action", []):
        yield from (e for e in action.get("extension", []) if e["url"].endswith("/withheld-when"))
        yield from withheld_in(action)


# ---- what is seen ----------------------------------------------------------------------------------------------------


def codes_of(*value_sets: str) -> set[tuple[str, str]]:
    return {(coding["system"], coding["code"]) for name in value_sets for coding in concepts().members[name]}


def drug_of(request: Json) -> Json:
    found: Json = request.get("medicationCodeableConcept", {})
    return found


def drugs_proposed(requested: list[Json], words: str, *value_sets: str) -> list[Json]:
    """Medication requests for a member of the value sets, or with one of the words (a pattern) in their text."""
    codes, pattern = codes_of(*value_sets), re.compile(words, re.IGNORECASE)
    found = []
    for request in requested:
        drug = drug_of(request)
        coded = any((c.get("system"), c.get("code")) in codes for c in drug.get("coding", []))
        if request["resourceType"] == "MedicationRequest" and not request.get("doNotPerform"):
            if coded or pattern.search(json.dumps(drug, default=str)):
                found.append(request)
    return found


def names(found: list[Json]) -> list[str]:
    return [f"{request['resourceType']}/{request['id']}: {drug_of(request)}" for request in found]


def applying(outcome: PatientOutcome, plan: str, *actions: str) -> list[str]:
    return [
        r.key
        for r in outcome.recommendations
        if r.status == APPLIES and r.plan_id == plan and (not actions or r.action in actions)
    ]


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


DOSE_DECISIONS = re.compile(r"interrupt-|discontinue-|resume-|raise-|continue-")


def dose_decided(outcome: PatientOutcome, requested: list[Json], case: Case) -> list[str]:
    return [key for key in applying(outcome, "midostaurin-dose-modification") if DOSE_DECISIONS.match(key.partition("#")[2])]


LABEL_DOSES = {"Cetirizine": 10, "Levocetirizine": 5, "Fexofenadine": 180, "Loratadine": 10, "Desloratadine": 5}


def milligrams(request: Json) -> list[Decimal]:
    """Every amount in mg that the request names, a day: structured amounts times their frequency, and amounts in its words."""
    found = []
    for dosage in request.get("dosageInstruction", []):
        repeat = dosage.get("timing", {}).get("repeat", {})
        times = Decimal(str(repeat.get("frequencyMax", repeat.get("frequency", 1))))
        for rate in dosage.get("doseAndRate", []):
            for quantity in (
                rate.get("doseQuantity"),
                rate.get("doseRange", {}).get("low"),
                rate.get("doseRange", {}).get("high"),
            ):
                if quantity and quantity.get("unit", quantity.get("code")) == "mg":
                    found.append(Decimal(str(quantity["value"])) * times)
        found += [Decimal(n) for n in re.findall(r"(\d+(?:\.\d+)?) ?mg(?!/kg)", dosage.get("text", ""))]
    return found


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
        {"order": m.member(m.one("Morphine And Codeine", "Opioids"))},
    ]
    if m.random.random() < 0.3:
        items[-1] = {"medication": m.member("Morphine And Codeine"), "start": m.before(1, 30)}
        return [*items, m.course(painNeedsOpioid=True)], "patient-view"
    return items, m.one("order-select", "order-sign")


def with_need_of_h2(m: Maker) -> tuple[Items, str]:
    items = [m.adult(), m.mcas(), m.one(m.back_pain(), m.leukopenia(), m.anaphylaxis()), *m.noise("Famotidine")]
    if m.random.random() < 0.5:
        items.append({"medication": m.member("Ranitidine"), "status": "stopped", "start": m.before(500, 900)})
    return items, "patient-view"


def with_opioid_and_naltrexone(m: Maker) -> tuple[Items, str]:
    items = [m.adult(), m.mcas(), {"condition": m.member("Chronic Pain"), "onset": m.before(200, 900)}, *m.noise()]
    if m.random.random() < 0.6:
        items.append(m.course(ldnChosen=True))
    known = m.random.random()
    if known < 0.6:
        items.append({"medication": m.member("Opioids"), "as": m.one("request", "statement"), "start": m.before(1, 60)})
    elif known < 0.7:
        items.append({"condition": m.member("Opioid Use Or Dependence"), "onset": m.before(100, 900)})
    return items, "patient-view"


def indolent(m: Maker) -> tuple[Items, str]:
    burden = [m.tryptase(), m.marrow()][: m.random.randint(0, 2)]
    answers = m.course(severeRefractoryMediatorSymptoms=m.one(True, False), organDamage=False)
    return [m.adult(), m.mastocytosis("indolent", "smoldering"), *burden, answers, *m.noise()], "patient-view"


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
    allergy: Json = {
        "allergy": m.member(m.one("Aspirin", "Aspirin Or NSAID Hypersensitivity", "Nonsteroidal Anti-Inflammatory Drugs"))
    }
    if m.random.random() < 0.5:
        allergy["criticality"] = m.one("high", "low")
    if m.random.random() < 0.3:
        allergy["verification"] = "unconfirmed"
    items = [*aspirin_indication(m), allergy, *m.noise()]
    if m.random.random() < 0.5:
        items.append(
            {"answers": "clinical-course", "aspirinTolerance": "local:aspirin-tolerance|tolerated", "at": m.before(400, 900)}
        )
    return items, "patient-view"


def with_untested_aspirin(m: Maker) -> tuple[Items, str]:
    items = [*aspirin_indication(m), *m.noise()]
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
    if way < 0.4:
        return [m.child(), *who], "patient-view"
    if way < 0.7:
        return [
            {"patient": {"born": TODAY - timedelta(days=11000), "sex": "female"}},
            *who,
            {"condition": m.member("Pregnancy")},
        ], "patient-view"
    return [
        m.adult(),
        *who,
        {"condition": m.member("Gastrointestinal Symptoms")},
        {"allergy": m.member("H2 Antihistamines")},
    ], "patient-view"


def defines(library: str, **values: Any) -> dict[tuple[str, str], Any]:
    return {(library, name.replace("_", " ")): value for name, value in values.items()}


EVENTS = [
    Event("opioid-advised-against", with_opioid, opioid_forbidden, None),
    Event("ranitidine-ordered", with_need_of_h2, ranitidine_ordered, None),
    Event(
        "naltrexone-with-active-or-unknown-opioid",
        with_opioid_and_naltrexone,
        naltrexone_proposed,
        defines("LowDoseNaltrexoneLogic", Opioid_Is_In_Use=False),
    ),
    Event(
        "midostaurin-first-line-in-indolent-disease",
        indolent,
        midostaurin_proposed,
        defines("AdvancedCytoreductionLogic", Has_Advanced_Disease=True),
    ),
    Event(
        "cytoreduction-from-tryptase-or-burden-alone",
        indolent_with_burden,
        cytoreduction_proposed,
        defines("IndolentEscalationLogic", Severe_Refractory_Mediator_Symptoms=True),
    ),
    Event(
        "aspirin-with-allergy",
        with_aspirin_allergy,
        aspirin_proposed,
        defines("AspirinGateLogic", Has_Severe_NSAID_Reaction=False, Aspirin_Is_Not_Tolerated=False, Aspirin_Is_Tolerated=True),
    ),
    Event("dose-decision-from-a-count-without-unit", with_counts_without_unit, dose_decided, None),
    Event("dose-decision-from-a-count-entered-in-error", with_counts_in_error, dose_decided, None),
    Event("dose-above-the-limit", with_dose_proposed, dose_too_high, None),
    Event(
        "prednisone-in-mg-without-weight",
        without_weight,
        prednisone_in_mg,
        defines("BackPainLogic", Prednisone_Starting_Dose=Quantity(Decimal(35), "mg")),
    ),
    Event(
        "regular-aspirin-with-tolerance-untested",
        with_untested_aspirin,
        aspirin_proposed,
        defines("AspirinGateLogic", Aspirin_Is_Tolerated=True),
    ),
    Event("withheld-without-a-reason", with_something_withheld, withheld_in_silence, None),
]


def provoke(event: Event, wanted: int) -> int:
    """How many patients met every other precondition; fails as soon as the event happens."""
    counted = 0
    for number in range(int(wanted * SPARE)):
        items, hook = event.patient(Maker(number))
        case = case_from(items, number, hook)
        guarded = outcome_of(guideline(), case)
        assert event.seen(guarded, requests(guarded), case) == [], f"patient {number}: {items}"
        bare = outcome_of(guideline(), case, event.guard) if event.guard is not None else outcome_of(unguarded(), case)
        counted += bool(event.seen(bare, requests(bare), case))
        if counted == wanted:
            break
    return counted


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_it_never_happens(event: Event) -> None:
    assert provoke(event, FEW) >= FEW


@pytest.mark.long
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_it_never_happens_to_five_hundred(event: Event) -> None:
    assert provoke(event, MANY) >= MANY

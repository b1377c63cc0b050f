"""What must never happen, provoked: generated patients who meet everything but the guard.

An event is tried on generated patients, on each of them twice: as the guideline is, where it must not happen, and with the guard
taken out, where it must. So the second run proves of every patient counted that all other preconditions are met, and that the
detector sees the event. A guard is taken out

- by giving its define another value (``Guard.defines``), or a parameter one (``parameters``),
- in a copy of the guideline, where it is a property of an activity, of the hygiene of the record or of a unit (``in_copy``),
- or, where the program itself holds it, by taking its ground out of the patient (``without``).

Where the event depends on a fact that a record can tell in several forms (``telling``), each form is counted as well: one that
never occurs, or of which nobody meets the preconditions, fails.

The patients are made to meet the preconditions, not searched for; plans that cannot show the event are left out of the large
counts, and nothing is explained, so an event takes seconds. With few patients the whole guideline is applied.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

from guideway.apply.care_plan import requests
from guideway.apply.outcome import APPLIES, PatientOutcome
from guideway.apply.run import apply_guideline
from guideway.authoring.cases import Case
from guideway.fhir.element import FhirObject
from guideway.guideline.compiled import CompiledGuideline, open_guideline
from guideway.records.reading import read_resources

from .generated import Items, Json, Maker, case_from
from .support import ROOT, concepts, guideline

FEW, MANY = 6, 500
SPARE = 1.05
"""So many are tried for each to be counted: hardly any may miss a precondition, or a way to the event would go unproven."""


LEAST = 3
"""So many of the patients counted tell the fact by each form."""


class Guard(NamedTuple):
    """What is taken out for the second run."""

    defines: Mapping[tuple[str, str], Any] | None = None
    parameters: Mapping[str, Any] | None = None
    in_copy: bool = False
    without: Callable[[Items], Items] | None = None


class Event(NamedTuple):
    """One never-event: who is tried, what it looks like, what holds it back, and the plans that could show it."""

    name: str
    patient: Callable[[Maker], tuple[Items, str]]
    seen: Callable[[PatientOutcome, list[Json], Case], list[str]]
    guard: Guard
    plans: tuple[str, ...]
    told_by: tuple[str, ...] = ()
    """The forms that must occur."""


# ---- running ---------------------------------------------------------------------------------------------------------


def outcome_of(
    of: CompiledGuideline, case: Case, guard: Guard | None = None, plans: tuple[str, ...] | None = None
) -> PatientOutcome:
    (record,) = read_resources([case.bundle], case.id)
    parameters: Json = dict(guard.parameters or {}) if guard else {}
    if case.context is not None and "draftOrders" in case.context:
        drafts = [entry["resource"] for entry in case.context["draftOrders"]["entry"]]
        parameters["draftOrders"] = [FhirObject(draft["resourceType"], draft) for draft in drafts]
    return apply_guideline(
        of,
        record,
        plans=plans,
        as_of=case.as_of,
        hook=case.hook,
        parameters=parameters,
        explain="none",
        overrides=guard.defines if guard else None,
    )


def provoke(event: Event, wanted: int, plans: tuple[str, ...] | None) -> int:
    """How many patients met every other precondition; fails as soon as the event happens, and where a form is missing of many."""
    counted = 0
    told: Counter[str] = Counter()
    for number in range(int(wanted * SPARE)):
        maker = Maker(number)
        items, hook = event.patient(maker)
        case = case_from(items, number, hook, maker.about)
        guarded = outcome_of(guideline(), case, plans=plans)
        assert event.seen(guarded, requests(guarded), case) == [], f"patient {number}: {items}"
        if event.guard.without is not None:
            case = case_from(event.guard.without(items), number, hook, maker.about)
        of = unguarded() if event.guard.in_copy else guideline()
        bare = outcome_of(of, case, event.guard, plans)
        if event.seen(bare, requests(bare), case):
            counted += 1
            told.update(form for _, form in maker.forms)
        if counted == wanted:
            break
    if wanted >= MANY:
        assert {form: told[form] for form in event.told_by if told[form] < LEAST} == {}
    return counted


def defines(library: str, **values: Any) -> dict[tuple[str, str], Any]:
    """Values of defines by name, with blanks written as underscores."""
    return {(library, name.replace("_", " ")): value for name, value in values.items()}


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
    usable = "O.status.value in { 'final', 'amended', 'corrected' }"
    without_guards(
        plans / "library/MastCellCommon.cql",
        (usable, usable.replace("'corrected'", "'corrected', 'entered-in-error', 'preliminary'")),
        ('moment is not null and (moment after "As Of") is not true', "moment is not null"),
    )
    without_guards(
        plans / "library/MastCellMeasurements.cql",
        ("return all O.countRange(plausible))) = 1", "return all O.countRange(plausible))) >= 1"),
        ("else 1.0 / \"Converted\"(unit, '10*9/L')", "else 1.0"),
    )
    without_guards(
        plans / "mcas-back-pain/BackPainLogic.cql",
        ('if Patients."Body Weight" is null then null\n  else System.Quantity', "System.Quantity"),
        ('Truncate(Patients."Body Weight".value * 5.0)', 'Truncate(Coalesce(Patients."Body Weight".value, 70.0) * 5.0)'),
    )
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


def without_guards(logic: Path, *guards: tuple[str, str]) -> None:
    """Write a file of logic with each guard replaced, where it first stands, by what is there without it."""
    text = logic.read_text("utf-8")
    for guard, gone in guards:
        assert guard in text
        text = text.replace(guard, gone, 1)
    logic.write_text(text, "utf-8")


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


DOSE_DECISIONS = re.compile(r"(?:review-)?(?:interrupt-|discontinue-)|resume-|raise-|continue-")
"""The actions that decide on a dose of midostaurin, the reviews with a specialist that stand in for some of them included."""


def applying(outcome: PatientOutcome, plan: str, *actions: str) -> list[str]:
    return [
        r.key
        for r in outcome.recommendations
        if r.status == APPLIES and r.plan_id == plan and (not actions or r.action in actions)
    ]


def from_activities(requested: list[Json], *activities: str) -> list[str]:
    """Requests made from one of the activities that ask for something to be done."""
    said = {f"{r['resourceType']}/{r['id']}": json.dumps(r, default=str) for r in requested if not r.get("doNotPerform")}
    return [key for key, text in said.items() if any(f"/ActivityDefinition/{activity}|" in text for activity in activities)]


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

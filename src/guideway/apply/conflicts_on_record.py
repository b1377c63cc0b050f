"""What the record says against a proposal: allergies, drugs that are being taken, orders in force, and orders not to give.

Each function gives the conflicts of one kind, see ``conflicts``. ``proposed``: the open proposals among the resources (by the
identity of their data), which are no orders in force.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from guideway.apply.code_names import Displays, concept_name, displays_of
from guideway.apply.conflict_sides import DRUGS, Side, conflict_of, groups_of, interval_of, same_on_record
from guideway.apply.drug_classes import Classes, is_in
from guideway.apply.outcome import Conflict, PatientOutcome
from guideway.apply.things import Thing, Words, covers, same, thing, thing_of
from guideway.apply.timing import shift
from guideway.apply.words import prohibits
from guideway.diagnostics import Diagnostic, Severity
from guideway.guideline.compiled import CompiledGuideline
from guideway.guideline.names import objects
from guideway.records.hygiene import contradicted

Json = dict[str, Any]

_USE = {
    **dict.fromkeys(("MedicationRequest", "MedicationStatement"), ("active",)),
    "MedicationAdministration": ("in-progress",),
    "MedicationDispense": ("preparation", "in-progress"),
}
"""By type: the statuses with which a drug is being taken, given or handed out."""
_ORDERS = ("ServiceRequest", "DeviceRequest", "SupplyRequest")
_IN_FORCE = ("active", "on-hold")
_SILENT = ("RequestGroup",)
"""Of a recommendation against something that makes no request."""


def forbidden(sides: list[Side], guideline: CompiledGuideline, record: Any, proposed: Set[int]) -> Iterator[Conflict]:
    """A drug or service that an order in force says not to give; of a class also a member."""
    if not sides:
        return
    for name in ("MedicationRequest", "ServiceRequest"):
        for order in record.retrieve(name):
            if id(order.data) in proposed or order.data.get("status") not in _IN_FORCE or not prohibits(order.data):
                continue
            known = thing([_medication(order.data, record)]) if name == "MedicationRequest" else thing_of(order.data)
            for side in sides:
                if side.against or side.request["resourceType"] != name:
                    continue
                both = bool(side.thing.codes and known.codes)
                direct = bool(side.thing.codes & known.codes) if both else same(side.thing, known)
                direct = direct or any(same(part, known) for part in side.parts)
                if direct or any(is_in(known, group) for group in groups_of(side, guideline)):
                    what = side.text if direct else f"{_named_thing(known, displays_of(guideline))}, one of {side.text}"
                    text = f"{side.title} — but an order on record says not to give {what}"
                    if name == "ServiceRequest":
                        text = f"{side.title} — but an order on record says not to do it: {what}"
                    yield conflict_of("for-and-against", "high", text, side, on_record=order)


def with_allergies(sides: list[Side], classes: Classes, allergies: list[Any], displays: Displays) -> Iterator[Conflict]:
    """A drug that is proposed, or a member of its class, with an allergy or intolerance to it."""
    for side in sides:
        if side.against or side.request["resourceType"] not in DRUGS:
            continue
        wanted = [classes.members(each) for each in (side.thing, *side.parts)]
        for allergy in allergies:
            substances = [reaction.get("substance") for reaction in objects(allergy.data.get("reaction"))]
            known = thing([allergy.data.get("code"), *substances], classes.forms)
            direct = any(same(each, known) or _by_words(each, known) for each in (side.thing, *side.parts))
            groups = () if direct else (classes.shared(each, classes.members(known)) for each in wanted)
            group = next(filter(None, groups), None)
            if direct or group:
                named = (concept_name(each, displays) for each in (allergy.data.get("code"), *substances))
                name = next(filter(None, named), side.text)
                kind = allergy.data.get("type") or "allergy or intolerance"
                of = f", of the same class ({group})" if group else ""
                severity = "high" if allergy.data.get("criticality") == "high" or not group else "moderate"
                text = f"{side.text} is proposed, and {kind} to {name}{of} is on record"
                yield conflict_of("allergy", severity, text, side, on_record=allergy)


def _by_words(left: Thing, right: Thing) -> bool:
    """Whether one is a kind of the other by name, where codes do not say (one has none, or they share no system)."""
    systems = {system for system, _ in left.codes} & {system for system, _ in right.codes}
    return not systems and (covers(left, right) or covers(right, left))


def allergy_counts(allergy: Json) -> bool:
    """Whether an allergy is neither over nor refuted; one whose status contradicts itself counts."""
    clinical = {c.get("code") for c in objects((allergy.get("clinicalStatus") or {}).get("coding"))}
    verified = {c.get("code") for c in objects((allergy.get("verificationStatus") or {}).get("coding"))}
    over = clinical & {"inactive", "resolved"} and not contradicted(allergy, "clinicalStatus")
    refuted = verified & {"refuted", "entered-in-error"} and not contradicted(allergy, "verificationStatus")
    return not over and not refuted


def _named_thing(known: Thing, displays: Displays) -> str:
    """What a thing of the record is called; what has a code alone as the guideline calls it."""
    found = (displays(system, code) for system, code in sorted(known.codes, key=str) if system) if not known.names else ()
    return next(filter(None, found), known.text)


def drugs_taken(record: Any, forms: Words, now: str, proposed: Set[int]) -> Iterator[tuple[Any, Thing]]:
    """The drugs that are being taken or given, each with what it is; of a combination also what it is made of. What was handed
    out counts as long as it lasts, by the days that it says."""
    for name, statuses in _USE.items():
        for medication in record.retrieve(name):
            data = medication.data
            in_use = data.get("status") in statuses or (name == "MedicationDispense" and _lasts(data, now))
            if in_use and data.get("doNotPerform") is not True and id(data) not in proposed:
                for concept in _medications(data, record):
                    yield medication, thing([concept], forms)


def _lasts(dispense: Json, now: str) -> bool:
    """Whether what was handed out lasts until now, where the dispense says for how many days."""
    since, supply = dispense.get("whenHandedOver") or dispense.get("whenPrepared"), dispense.get("daysSupply")
    if dispense.get("status") != "completed" or not isinstance(since, str) or not isinstance(supply, dict):
        return False
    until = shift(since, {"value": supply.get("value"), "code": "d"})
    return until is not None and since[:10] <= now[:10] <= until[:10]


def _ended(data: Json, now: str) -> str | None:
    """The day on which a drug that is in use by its status ended by its dates; None: they do not say so."""
    dosages = list(objects(data.get("dosageInstruction")))
    periods = [data.get("effectivePeriod")] if "effectivePeriod" in data else [_bounds(dosage) for dosage in dosages]
    ends = [period.get("end") if isinstance(period, dict) else None for period in periods]
    if not ends or not all(isinstance(end, str) and end[:10] < now[: min(10, len(end))] for end in ends):
        return None
    return max(str(end)[:10] for end in ends)


def _bounds(dosage: Json) -> Any:
    timing = dosage.get("timing")
    repeat = timing.get("repeat") if isinstance(timing, dict) else None
    return repeat.get("boundsPeriod") if isinstance(repeat, dict) else None


def with_drugs_taken(
    sides: list[Side], active: list[tuple[Any, Thing]], guideline: CompiledGuideline, now: str
) -> Iterator[Conflict]:
    """A drug that is being taken already, and one that is and is advised against; of a class also a member."""
    displays = displays_of(guideline) if active else None
    for side in sides if displays is not None else ():
        assert displays is not None
        if side.request["resourceType"] != "MedicationRequest" and not (side.against and side.request["resourceType"] in _SILENT):
            continue
        groups = groups_of(side, guideline) if side.against else []
        for medication, known in active:
            systems = {system for system, _ in side.thing.codes} & {system for system, _ in known.codes}
            direct = same(side.thing, known) or (not systems and covers(side.thing, known))
            direct = direct or any(same(part, known) for part in side.parts)
            if not direct and not any(is_in(known, group) for group in groups):
                continue
            ended = _ended(medication.data, now)
            doubt = f", by its status; by its dates it ended ({ended})" if ended is not None else ""
            if side.against:
                text = f"{side.title} — but {_named_thing(known, displays) or side.text} is being taken{doubt}"
                yield conflict_of("for-and-against", "high" if ended is None else "moderate", text, side, on_record=medication)
                continue
            text = f"{side.text} is proposed, and {_named_thing(known, displays) or side.text} is already being taken{doubt}"
            yield conflict_of("already-active", "moderate", text, side, on_record=medication)


def ordered_against(sides: list[Side], record: Any, forms: Words, proposed: Set[int]) -> Iterator[Conflict]:
    """What is advised against and ordered."""
    for side in sides:
        kind = side.request["resourceType"]
        for name in (kind,) if kind in _ORDERS else _ORDERS if kind in _SILENT else ():
            for order in record.retrieve(name):
                data = order.data
                if data.get("status") != "active" or prohibits(data) or id(data) in proposed:
                    continue
                known = thing_of(data, forms)
                both = side.thing.codes and known.codes
                if side.thing.codes & known.codes if both else same(side.thing, known):
                    yield conflict_of(
                        "for-and-against", "high", f"{side.title} — but {side.text} is ordered", side, on_record=order
                    )


def already_ordered(sides: list[Side], record: Any, forms: Words, proposed: Set[int]) -> Iterator[Conflict]:
    """What is proposed and already ordered; another interval is ``monitoring-overlap``."""
    wanted = [s for s in sides if not s.against and s.request["resourceType"] in _ORDERS]
    for side in wanted:
        interval = interval_of(side.request)
        for order in record.retrieve(side.request["resourceType"]):
            data = order.data
            if (
                data.get("status") != "active"
                or prohibits(data)
                or id(data) in proposed
                or not same_on_record(side.request, data, forms)
            ):
                continue
            known = interval_of(data)
            if not (interval and known and interval[0] != known[0]):
                text = f"{side.text} is proposed, and is already ordered"
                yield conflict_of("already-active", "low", text, side, on_record=order)


def _medication(data: Json, record: Any) -> Any:
    """The concept of the drug of an order or statement: its own, or that of the Medication it refers to."""
    return _medications(data, record)[0]


def _medications(data: Json, record: Any) -> list[Any]:
    """The concept of the drug, and those of the ingredients of the Medication that it refers to."""
    reference = data.get("medicationReference")
    if not isinstance(reference, dict):
        return [data.get("medicationCodeableConcept")]
    text = reference.get("reference")
    if isinstance(text, str) and text.startswith("#"):
        found: Json | None = next((c for c in objects(data.get("contained")) if c.get("id") == text[1:]), {})
    else:
        lookup = getattr(record, "resolve_quietly", None) or record.resolve
        resource = lookup(text) if isinstance(text, str) else None
        found = resource.data if resource is not None else None
    if found is None:
        return [{"text": reference.get("display")}]
    parts = [part["itemCodeableConcept"] for part in objects(found.get("ingredient")) if part.get("itemCodeableConcept")]
    return [found.get("code") or (parts[0] if len(parts) == 1 else None), *parts]


def by_name_only(
    outcome: PatientOutcome,
    sides: list[Side],
    allergies: list[Any],
    active: list[tuple[Any, Thing]],
    guideline: CompiledGuideline,
) -> None:
    """Say which drugs were compared by their words, since a code was missing on one side. A class has none, and needs none."""
    proposed = [s.text for s in sides if not s.against and s.request["resourceType"] in DRUGS]
    uncoded = [
        s.text
        for s in sides
        if not s.against and s.request["resourceType"] in DRUGS and not s.thing.codes and not groups_of(s, guideline)
    ]
    known = [thing([a.data.get("code")]) for a in allergies] + [t for _, t in active]
    bare = [t.text or "a drug without a name" for t in known if not t.codes]
    parts = []
    if uncoded and known:
        parts.append(f"proposed: {', '.join(dict.fromkeys(uncoded))}")
    if bare and proposed:
        parts.append(f"on record: {', '.join(dict.fromkeys(bare))}")
    if parts:
        text = (
            "compare these drugs with the allergies and the other drugs yourself: they have no code, so only their names could "
            f"be matched ({'; '.join(parts)})"
        )
        outcome.findings.append(Diagnostic("conflict-by-name", Severity.information, text))

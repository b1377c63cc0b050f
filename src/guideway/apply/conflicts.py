"""Recommendations that do not go together, and proposals that the record speaks against. Each is reported with both sides.

- ``for-and-against``: one recommendation for and one against the same thing, or a class and a member of it; the other side may be
  an open proposal or an order on record, or a drug that is being taken;
- ``exclusive-branches``: more than one member of an exclusive group applies;
- ``dose-differs``: the same drug proposed twice, here or on record, with doses that differ;
- ``same-choice``: two proposals of a drug to be chosen from the same value set;
- ``allergy``: a drug, or a member of its class, that an active allergy or intolerance is recorded for;
- ``already-active``: a drug that is already being taken, or a service, device or supply that is already ordered;
- ``monitoring-overlap``: the same test at different intervals (the shorter one governs).

Things are the same by code, and where codes do not say by name (``things``). A class is a value set that the guideline's logic
reads AllergyIntolerance by (for and against a class also drugs); a proposal whose name is a class's stands for its members, and a
name that a member has stands for that member; a proposal that names the value set of what may be chosen stands for its
members. What has no code at all is named in a finding, since it was compared by its words only.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from guideway.apply.actions import ActionNode, PlanNode, each_plan
from guideway.apply.activity_facts import clinical_code, composition_of, only_cpg
from guideway.apply.code_names import Displays, concept_name, displays_of
from guideway.apply.differences import plain
from guideway.apply.names import ACTIVITY_FACT, ORDERABLE, PRODUCT_INGREDIENT
from guideway.apply.outcome import APPLIES, Conflict, PatientOutcome, Recommendation
from guideway.apply.things import Codes, Thing, Words, covers, forms_of, same, thing, thing_of, words
from guideway.apply.timing import coded_interval, days_between, shift
from guideway.apply.words import prohibits
from guideway.diagnostics import Diagnostic, GuidewayError, Severity
from guideway.guideline.compiled import CompiledGuideline
from guideway.guideline.names import concept_text, first_value, objects
from guideway.guideline.package import Artifact
from guideway.patterns import Later
from guideway.records.hygiene import contradicted

Json = dict[str, Any]

_MEDICATIONS = ("MedicationRequest", "MedicationStatement")
_USE = {
    **dict.fromkeys(_MEDICATIONS, ("active",)),
    "MedicationAdministration": ("in-progress",),
    "MedicationDispense": ("preparation", "in-progress"),
}
"""By type: the statuses with which a drug is being taken, given or handed out."""
WORDS = "amounts in its words"
_AMOUNT = Later(r"(\d+(?:\.\d+)?)\s*([^\W\d_]+|%)")
_ORDERS = ("ServiceRequest", "DeviceRequest", "SupplyRequest")
_IN_FORCE = ("active", "on-hold")
_CLASSED = ("AllergyIntolerance", *_MEDICATIONS)
"""The types by whose value sets the logic may name a class of drugs."""
_SILENT = ("RequestGroup",)
"""Of a recommendation against something that makes no request."""
_DRUGS = ("MedicationRequest", "SupplyRequest", "NutritionOrder", "ImmunizationRecommendation")


def find_conflicts(
    outcome: PatientOutcome, proposing: list[ActionNode], trees: list[PlanNode], guideline: CompiledGuideline, record: Any
) -> list[Conflict]:
    """Every conflict of one patient, in the order of the rules above."""
    forms = forms_of(guideline)
    sides = [Side(action, forms) for action in _distinct(proposing)]
    sides += [Side(action, forms) for action in _warned_against(trees)]
    allergies = [a for a in record.retrieve("AllergyIntolerance") if _counts(a.data)] if sides else []
    active = list(_taken(record, forms, outcome.evaluated_at)) if sides else []
    classes = Classes(guideline) if allergies else None
    proposals = list(getattr(record, "proposals", None) or ()) if sides else []
    found = [
        *_for_and_against(sides, proposals, forms),
        *_for_and_against_class(sides, guideline),
        *_forbidden(sides, guideline, record),
        *_exclusive(trees),
        *_doses(sides, proposals, forms),
        *(_allergies(sides, classes, allergies, displays_of(guideline)) if classes is not None else ()),
        *_active(sides, active, guideline, outcome.evaluated_at),
        *_ordered(sides, record, forms),
        *_ordered_against([side for side in sides if side.against], record, forms),
        *_monitoring(sides, record, forms),
    ]
    _by_name_only(outcome, sides, allergies, active, guideline)
    merged: dict[tuple[str, str], Conflict] = {}
    for conflict in found:
        known = merged.setdefault((conflict.rule, conflict.text), conflict)
        known.recommendations += [r for r in conflict.recommendations if r not in known.recommendations]
        known.resources += [r for r in conflict.resources if r not in known.resources]
    return list(merged.values())


def _distinct(proposing: list[ActionNode]) -> Iterator[ActionNode]:
    """One action for each request that is really made."""
    seen: set[int] = set()
    for action in proposing:
        if action.request is not None and id(action.request) not in seen:
            seen.add(id(action.request))
            yield action


def _warned_against(trees: list[PlanNode]) -> Iterator[ActionNode]:
    """The actions that advise against something, which their code says, and make no request."""
    seen: set[str] = set()
    for action in (node for tree in trees for top in tree.actions for node in top.walk()):
        recommendation = action.recommendation
        if recommendation is None or action.request is not None or action.status != APPLIES or recommendation.key in seen:
            continue
        if recommendation.direction == "against" and any(not only_cpg(code) for code in objects(action.definition.get("code"))):
            seen.add(recommendation.key)
            yield action


class DrugClass(msgspec.Struct, frozen=True):
    """A value set that stands for a class."""

    title: str
    codes: Codes
    names: dict[Words, Codes]
    """Member by name."""


class Classes:
    """The classes by which the logic reads allergies; found once for each guideline."""

    def __init__(self, guideline: CompiledGuideline) -> None:
        kept = _kept(guideline)
        if "allergies" not in kept:
            found = (_drug_class(guideline, full) for full in _value_sets(guideline, ("AllergyIntolerance",)))
            kept["allergies"] = [group for group in found if group is not None]
        self._classes: list[DrugClass] = kept["allergies"]
        self.forms = forms_of(guideline)

    def members(self, named: Thing) -> Codes:
        """The codes a thing stands for: its own; without any, those of the members, or of the class, that its name is."""
        if named.codes:
            return named.codes
        found: Codes = frozenset()
        for group in self._classes:
            if _plural_free(words(group.title, self.forms)) in {_plural_free(n) for n in named.names}:
                found |= group.codes
            for name in named.names & group.names.keys():
                found |= group.names[name]
        return found

    def shared(self, left: Codes, right: Codes) -> str | None:
        """The smallest class that holds a code of both, by title."""
        holding = [(len(group.codes), group.title) for group in self._classes if group.codes & left and group.codes & right]
        return min(holding)[1] if holding else None


def _plural_free(name: Words) -> Words:
    return frozenset(word.removesuffix("s") for word in name)


def _kept(guideline: CompiledGuideline) -> Json:
    """What was found out about the classes of a guideline."""
    known = guideline.memory.get(id(guideline.requirements))
    if not isinstance(known, tuple) or known[0] is not guideline.requirements:
        known = guideline.memory[id(guideline.requirements)] = (guideline.requirements, {})
    kept: Json = known[1]
    return kept


def _value_sets(guideline: CompiledGuideline, types: tuple[str, ...]) -> list[str]:
    """The value sets by which the logic reads resources of these types."""
    found = {r.value_set: None for r in guideline.requirements if r.type in types and r.value_set}
    return list(found)


def _title(guideline: CompiledGuideline, full: str) -> str:
    return guideline.value_set_titles.get(full) or guideline.value_set_titles.get(full.partition("|")[0]) or full


def _drug_class(guideline: CompiledGuideline, full: str) -> DrugClass | None:
    """A value set as a class, made once for each guideline; None: its codes are not known (yet)."""
    known: dict[str, DrugClass] = _kept(guideline).setdefault("classes", {})
    found = known.get(full) or _made_class(guideline, full)
    if found is not None:
        known[full] = found
    return found


def _made_class(guideline: CompiledGuideline, full: str) -> DrugClass | None:
    """The class; a compiled guideline may keep its value set by the URL alone."""
    url, _, version = full.partition("|")
    try:
        codes = frozenset(guideline.terminology.codes(url, version if full in guideline.value_sets else None))
    except GuidewayError:
        return None
    names: dict[Words, Codes] = {}
    forms = forms_of(guideline)
    members = guideline.value_sets.get(full) or guideline.value_sets.get(url)
    for member in members if isinstance(members, list) else ():
        if member[2]:
            key = words(member[2], forms)
            names[key] = names.get(key, frozenset()) | {(member[0], member[1])}
    return DrugClass(_title(guideline, full), codes, names)


def _called(what: Thing, guideline: CompiledGuideline) -> list[DrugClass]:
    """The classes, of drugs or of allergies, that a thing is called by."""
    kept = _kept(guideline)
    if "titles" not in kept:
        kept["titles"] = {}
        forms = forms_of(guideline)
        for full in _value_sets(guideline, _CLASSED):
            kept["titles"].setdefault(_plural_free(words(_title(guideline, full), forms)), []).append(full)
    named = {full: None for name in what.names for full in kept["titles"].get(_plural_free(name), ())}
    return [group for full in named if (group := _drug_class(guideline, full)) is not None]


def _groups(side: Side, guideline: CompiledGuideline) -> list[DrugClass]:
    """The classes that a proposal is for: what may be chosen, and what it is called by."""
    chosen = _drug_class(guideline, side.choice) if side.choice is not None else None
    return [*([chosen] if chosen is not None else ()), *_called(side.thing, guideline)]


def is_against(action: ActionNode) -> bool:
    """Whether an action proposes not to do it: its request says so, or its recommendation is one against."""
    recommendation = action.recommendation
    directed = recommendation is not None and recommendation.direction == "against"
    return directed or (action.request is not None and prohibits(action.request))


class Side:
    """One proposal, as a party to a conflict."""

    __slots__ = ("against", "choice", "key", "parts", "request", "thing", "title")

    def __init__(self, action: ActionNode, forms: Words) -> None:
        if action.request is not None:
            self.request, self.thing = action.request, thing_of(action.request, forms)
        else:  # it has no more than its own code
            self.request = {"resourceType": "RequestGroup"}
            self.thing = thing(map(clinical_code, objects(action.definition.get("code"))), forms)
        self.parts = [thing([item], forms) for item in _ingredients(action.activity)]
        """What it is made of, where it says so."""
        choice = first_value(self.request, ORDERABLE)
        self.choice = choice if isinstance(choice, str) else None
        recommendation = action.recommendation
        self.key = recommendation.key if recommendation is not None else action.id
        self.title = recommendation.title if recommendation is not None else action.id
        self.against = is_against(action)

    @property
    def text(self) -> str:
        """What it is about, in words."""
        return self.thing.text


def _ingredients(activity: Artifact | None) -> list[Json]:
    """The concepts of what the product of an activity is made of, where it contains it."""
    if activity is None or "contained" not in activity.resource:
        return []
    told = (each for each in composition_of(activity.resource)[0] if each["url"] == PRODUCT_INGREDIENT)
    return [item for each in told if isinstance(item := first_value(each, "item"), dict) and "reference" not in item]


def _pairs(sides: list[Side]) -> Iterator[tuple[Side, Side]]:
    """Every two proposals for the same thing, or for a choice from the same value set."""
    for number, left in enumerate(sides):
        for right in sides[number + 1 :]:
            if same(left.thing, right.thing) or (left.choice is not None and left.choice == right.choice):
                yield left, right


def _is_made_of(left: Side, right: Side) -> bool:
    """Whether one is made of the other."""
    return any(same(part, right.thing) for part in left.parts) or any(same(part, left.thing) for part in right.parts)


def _for_and_against(sides: list[Side], proposals: list[Any], forms: Words) -> Iterator[Conflict]:
    pairs = list(_pairs(sides))
    if any(side.parts for side in sides):
        every = ((left, right) for number, left in enumerate(sides) for right in sides[number + 1 :])
        pairs += [pair for pair in every if pair not in pairs and _is_made_of(*pair)]
    for left, right in pairs:
        if left.against != right.against:
            pro, contra = (right, left) if left.against else (left, right)
            text = f"For and against {pro.text}: {pro.title} — but {contra.title}"
            yield Conflict(rule="for-and-against", severity="high", text=text, recommendations=[pro.key, contra.key])
    for side, proposal in _proposed(sides, proposals, forms):
        if side.against != prohibits(proposal.data) and prohibits(side.request) != prohibits(proposal.data):
            said = "for" if side.against else "against"
            text = f"{side.title} — but an open proposal on record is {said} {side.text}"
            yield Conflict(
                rule="for-and-against", severity="high", text=text, recommendations=[side.key], resources=_reference(proposal)
            )


def _for_and_against_class(sides: list[Side], guideline: CompiledGuideline) -> Iterator[Conflict]:
    """One for (or against) a drug, and one against (or for) the class it is in."""
    pros, contras = [s for s in sides if not s.against], [s for s in sides if s.against]
    if not pros or not contras:
        return
    for ours, theirs in ((pros, contras), (contras, pros)):
        for general in ours:
            for group in _groups(general, guideline):
                for special in theirs:
                    if same(general.thing, special.thing) or not _is_in(special.thing, group):
                        continue
                    pro, contra = (special, general) if general.against else (general, special)
                    text = (
                        f"For and against {general.text} and {special.text}, which is one of them: "
                        f"{pro.title} — but {contra.title}"
                    )
                    yield Conflict(rule="for-and-against", severity="high", text=text, recommendations=[pro.key, contra.key])


def _forbidden(sides: list[Side], guideline: CompiledGuideline, record: Any) -> Iterator[Conflict]:
    """A drug or service that an order in force says not to give; of a class also a member."""
    if not sides:
        return
    proposals = {id(p.data) for p in getattr(record, "proposals", None) or ()}
    for name in ("MedicationRequest", "ServiceRequest"):
        for order in record.retrieve(name):
            if id(order.data) in proposals or order.data.get("status") not in _IN_FORCE or not prohibits(order.data):
                continue
            known = thing([_medication(order.data, record)]) if name == "MedicationRequest" else thing_of(order.data)
            for side in sides:
                if side.against or side.request["resourceType"] != name:
                    continue
                both = bool(side.thing.codes and known.codes)
                direct = bool(side.thing.codes & known.codes) if both else same(side.thing, known)
                direct = direct or any(same(part, known) for part in side.parts)
                if direct or any(_is_in(known, group) for group in _groups(side, guideline)):
                    what = side.text if direct else f"{_named_thing(known, displays_of(guideline))}, one of {side.text}"
                    text = f"{side.title} — but an order on record says not to give {what}"
                    if name == "ServiceRequest":
                        text = f"{side.title} — but an order on record says not to do it: {what}"
                    yield Conflict(
                        rule="for-and-against",
                        severity="high",
                        text=text,
                        recommendations=[side.key],
                        resources=_reference(order),
                    )


def _is_in(what: Thing, group: DrugClass) -> bool:
    """Whether a thing is a member of a class: by code, or by a member's name where it has none."""
    return bool(what.codes & group.codes) if what.codes else bool(what.names & group.names.keys())


def _exclusive(trees: list[PlanNode]) -> Iterator[Conflict]:
    """Branches that exclude each other and are both in the result: actions, and groups with what is in them."""
    groups: dict[tuple[str, str], dict[str, ActionNode]] = {}
    for plan in each_plan(trees):
        for node in plan.own:
            group = node.exclusive
            if group is not None and (node.shown or (node.recommendation is not None and node.status == APPLIES)):
                groups.setdefault((plan.artifact.canonical, group), {}).setdefault(node.id, node)
    for (_, group), members in groups.items():
        if len(members) < 2:
            continue
        titles = (node.recommendation.title if node.recommendation is not None else _heading(node) for node in members.values())
        names = "; ".join(titles)
        text = f"Branches that exclude each other ({group}) all apply: {names}"
        found = dict.fromkeys(r.key for node in members.values() for r in _within(node))
        for node in members.values():
            for recommendation in _within(node)[:1]:
                recommendation.findings.append(Diagnostic("exclusive-branches", Severity.warning, text))
        yield Conflict(rule="exclusive-branches", severity="moderate", text=text, recommendations=list(found))


def _heading(group: ActionNode) -> str:
    return str(group.definition.get("title") or group.definition.get("description") or group.id)


def _within(node: ActionNode) -> list[Recommendation]:
    """The recommendation of a branch, or those that apply in it."""
    if node.recommendation is not None:
        return [node.recommendation]
    found = {r.key: r for a in node.walk() if (r := a.recommendation) is not None and r.status == APPLIES}
    return list(found.values())


def _doses(sides: list[Side], proposals: list[Any], forms: Words) -> Iterator[Conflict]:
    for left, right in _pairs(sides):
        differing = sorted(doses_differ(left.request, right.request)) if not left.against and not right.against else []
        if differing:
            text = f"{left.text} is proposed twice, with a different {' and '.join(differing)}: {left.title} — and {right.title}"
            yield Conflict(rule="dose-differs", severity="moderate", text=text, recommendations=[left.key, right.key])
        elif left.choice is not None and left.choice == right.choice and not left.against and not right.against:
            text = f"{left.text} and {right.text} are a choice from the same drugs; one of them is enough"
            yield Conflict(rule="same-choice", severity="moderate", text=text, recommendations=[left.key, right.key])
    for side, proposal in _proposed(sides, proposals, forms):
        apart = side.against or prohibits(proposal.data)
        differing = sorted(doses_differ(side.request, proposal.data)) if not apart else []
        if differing:
            text = f"{side.text} is proposed, and an open proposal on record has a different {' and '.join(differing)}"
            yield Conflict(
                rule="dose-differs", severity="moderate", text=text, recommendations=[side.key], resources=_reference(proposal)
            )


def _proposed(sides: list[Side], proposals: list[Any], forms: Words) -> Iterator[tuple[Side, Any]]:
    """Every proposal that is made, with each open one on record for the same thing."""
    for side in sides:
        for proposal in proposals:
            if proposal.data.get("resourceType") == side.request["resourceType"] and same_on_record(
                side.request, proposal.data, forms
            ):
                yield side, proposal


def same_on_record(request: Json, data: Json, forms: Words) -> bool:
    """Whether a request and one on record are for the same thing: by code where both have one, else by name."""
    wanted, known = thing_of(request, forms), thing_of(data, forms)
    return bool(wanted.codes & known.codes) if wanted.codes and known.codes else same(wanted, known)


def doses_differ(left: Json, right: Json) -> set[str]:
    """Which parts of the dosage of two MedicationRequests both say, and say differently."""
    if left["resourceType"] != "MedicationRequest" or right["resourceType"] != "MedicationRequest":
        return set()
    return _differing(left, right)


def _differing(left: Json, right: Json) -> set[str]:
    """Which parts of two dosages both say, and say differently; amounts to dispense are no doses."""
    found: set[str] = set()
    first, second = list(objects(left.get("dosageInstruction"))), list(objects(right.get("dosageInstruction")))
    if len(first) != len(second):
        return {"number of dosage instructions"} if first and second else set()
    for a, b in zip(first, second):
        parts, others = _parts(a), _parts(b)
        found |= {name for name in parts.keys() & others.keys() if parts[name] != others[name]}
        if "dose" in found and _amounts(a, units=True) == _amounts(b, units=True):
            found -= {"dose", WORDS}  # the same, in another unit
        if found == {WORDS} and parts.get("dose") and parts.get("dose") == others.get("dose"):
            found.clear()  # the dose itself is the same, in other words
    return found


def _amounts(dosage: Json, units: bool = False) -> list[Any]:
    """The doses and rates of a dosage; ``units``: in those that their units are made of."""
    return [
        tuple(sorted((key, plain(value, units=units)) for key, value in dose.items() if key != "type"))
        for dose in objects(dosage.get("doseAndRate"))
    ]


def _parts(dosage: Json) -> Json:
    """The comparable parts of one dosage."""
    parts: Json = {}
    amounts = _amounts(dosage)
    if any(amounts):
        parts["dose"] = amounts
    if isinstance(dosage.get("timing"), dict):
        parts["timing"] = plain({k: v for k, v in dosage["timing"].items() if k in ("repeat", "event", "code")})
    for name in ("route", "method"):
        if isinstance(dosage.get(name), dict):
            parts[name] = thing([dosage[name]]).codes or concept_text(dosage[name])
    said = _AMOUNT.findall(dosage["text"]) if isinstance(dosage.get("text"), str) else ()
    if said:  # words without an amount (a device to carry) state no dose
        parts[WORDS] = frozenset((str(Decimal(number).normalize()), unit.casefold()) for number, unit in said)
    return parts


def _allergies(sides: list[Side], classes: Classes, allergies: list[Any], displays: Displays) -> Iterator[Conflict]:
    for side in sides:
        if side.against or side.request["resourceType"] not in _DRUGS:
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
                yield Conflict(
                    rule="allergy", severity=severity, text=text, recommendations=[side.key], resources=_reference(allergy)
                )


def _by_words(left: Thing, right: Thing) -> bool:
    """Whether one is a kind of the other by name, where codes do not say (one has none, or they share no system)."""
    systems = {system for system, _ in left.codes} & {system for system, _ in right.codes}
    return not systems and (covers(left, right) or covers(right, left))


def _counts(allergy: Json) -> bool:
    clinical = {c.get("code") for c in objects((allergy.get("clinicalStatus") or {}).get("coding"))}
    verified = {c.get("code") for c in objects((allergy.get("verificationStatus") or {}).get("coding"))}
    over = clinical & {"inactive", "resolved"} and not contradicted(allergy, "clinicalStatus")
    refuted = verified & {"refuted", "entered-in-error"} and not contradicted(allergy, "verificationStatus")
    return not over and not refuted


def _named_thing(known: Thing, displays: Displays) -> str:
    """What a thing of the record is called; what has a code alone as the guideline calls it."""
    found = (displays(system, code) for system, code in sorted(known.codes, key=str) if system) if not known.names else ()
    return next(filter(None, found), known.text)


def _taken(record: Any, forms: Words, now: str) -> Iterator[tuple[Any, Thing]]:
    """The drugs that are being taken or given, each with what it is; of a combination also what it is made of. What was handed
    out counts as long as it lasts, by the days that it says."""
    proposals = {id(p.data) for p in getattr(record, "proposals", None) or ()}
    for name, statuses in _USE.items():
        for medication in record.retrieve(name):
            data = medication.data
            in_use = data.get("status") in statuses or (name == "MedicationDispense" and _lasts(data, now))
            if in_use and data.get("doNotPerform") is not True and id(data) not in proposals:
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


def _active(sides: list[Side], active: list[tuple[Any, Thing]], guideline: CompiledGuideline, now: str) -> Iterator[Conflict]:
    """A drug that is being taken already, and one that is and is advised against; of a class also a member."""
    displays = displays_of(guideline) if active else None
    for side in sides if displays is not None else ():
        assert displays is not None
        if side.request["resourceType"] != "MedicationRequest" and not (side.against and side.request["resourceType"] in _SILENT):
            continue
        groups = _groups(side, guideline) if side.against else []
        for medication, known in active:
            systems = {system for system, _ in side.thing.codes} & {system for system, _ in known.codes}
            direct = same(side.thing, known) or (not systems and covers(side.thing, known))
            direct = direct or any(same(part, known) for part in side.parts)
            if not direct and not any(_is_in(known, group) for group in groups):
                continue
            ended = _ended(medication.data, now)
            doubt = f", by its status; by its dates it ended ({ended})" if ended is not None else ""
            if side.against:
                text = f"{side.title} — but {_named_thing(known, displays) or side.text} is being taken{doubt}"
                yield Conflict(
                    rule="for-and-against",
                    severity="high" if ended is None else "moderate",
                    text=text,
                    recommendations=[side.key],
                    resources=_reference(medication),
                )
                continue
            text = f"{side.text} is proposed, and {_named_thing(known, displays) or side.text} is already being taken{doubt}"
            yield Conflict(
                rule="already-active",
                severity="moderate",
                text=text,
                recommendations=[side.key],
                resources=_reference(medication),
            )


def _ordered_against(sides: list[Side], record: Any, forms: Words) -> Iterator[Conflict]:
    """What is advised against and ordered."""
    open_ones = {id(p.data) for p in getattr(record, "proposals", None) or ()}
    for side in sides:
        kind = side.request["resourceType"]
        for name in (kind,) if kind in _ORDERS else _ORDERS if kind in _SILENT else ():
            for order in record.retrieve(name):
                data = order.data
                if data.get("status") != "active" or prohibits(data) or id(data) in open_ones:
                    continue
                known = thing_of(data, forms)
                both = side.thing.codes and known.codes
                if side.thing.codes & known.codes if both else same(side.thing, known):
                    yield Conflict(
                        rule="for-and-against",
                        severity="high",
                        text=f"{side.title} — but {side.text} is ordered",
                        recommendations=[side.key],
                        resources=_reference(order),
                    )


def _ordered(sides: list[Side], record: Any, forms: Words) -> Iterator[Conflict]:
    """What is proposed and already ordered; another interval is ``monitoring-overlap``."""
    wanted = [s for s in sides if not s.against and s.request["resourceType"] in _ORDERS]
    open_ones = {id(p.data) for p in getattr(record, "proposals", None) or ()}
    for side in wanted:
        interval = _interval(side.request)
        for order in record.retrieve(side.request["resourceType"]):
            data = order.data
            if (
                data.get("status") != "active"
                or prohibits(data)
                or id(data) in open_ones
                or not same_on_record(side.request, data, forms)
            ):
                continue
            known = _interval(data)
            if not (interval and known and interval[0] != known[0]):
                text = f"{side.text} is proposed, and is already ordered"
                yield Conflict(
                    rule="already-active", severity="low", text=text, recommendations=[side.key], resources=_reference(order)
                )


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


def _monitoring(sides: list[Side], record: Any, forms: Words) -> Iterator[Conflict]:
    for left, right in _pairs(sides):
        first, second = (_interval(side.request) for side in (left, right))
        if first and second and first[0] != second[0] and not left.against and not right.against:
            shorter = min(first, second)[1]
            text = (
                f"{left.text} at two intervals ({first[1]} and {second[1]}); the shorter one ({shorter}) governs: "
                f"{left.title} — and {right.title}"
            )
            yield Conflict(rule="monitoring-overlap", severity="low", text=text, recommendations=[left.key, right.key])
    timed = [(side, interval) for side in sides if not side.against and (interval := _interval(side.request))]
    running = [r for r in record.retrieve("ServiceRequest") if r.data.get("status") == "active"] if timed else []
    for side, interval in timed:
        for order in running:
            known = _interval(order.data)
            if known and known[0] != interval[0] and same(side.thing, thing_of(order.data, forms)):
                text = f"{side.text} is proposed {interval[1]}, and is already ordered {known[1]}; the shorter one governs"
                yield Conflict(
                    rule="monitoring-overlap", severity="low", text=text, recommendations=[side.key], resources=_reference(order)
                )


def _interval(request: Json) -> tuple[Decimal, str] | None:
    """The days from one time to the next of what is repeated, and in words; None for what is not."""
    timing = request.get("occurrenceTiming") or first_value(request, ACTIVITY_FACT + "timing")
    if not isinstance(timing, dict):
        return None
    repeat = timing.get("repeat")
    days = days_between(repeat) if isinstance(repeat, dict) else None
    if days is not None:
        assert isinstance(repeat, dict)
        return days, f"{repeat.get('frequency', 1)} in {repeat['period']} {repeat['periodUnit']}"
    code = timing.get("code")
    codings = objects(code.get("coding")) if isinstance(code, dict) else ()
    return next((known for coding in codings if (known := coded_interval(coding))), None)


def _by_name_only(
    outcome: PatientOutcome,
    sides: list[Side],
    allergies: list[Any],
    active: list[tuple[Any, Thing]],
    guideline: CompiledGuideline,
) -> None:
    """Say which drugs were compared by their words, since a code was missing on one side. A class has none, and needs none."""
    proposed = [s.text for s in sides if not s.against and s.request["resourceType"] in _DRUGS]
    uncoded = [
        s.text
        for s in sides
        if not s.against and s.request["resourceType"] in _DRUGS and not s.thing.codes and not _groups(s, guideline)
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


def _reference(resource: Any) -> list[str]:
    return [resource.reference] if resource.reference else []

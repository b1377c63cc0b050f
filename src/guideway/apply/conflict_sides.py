"""The parties to a conflict: proposals, each with the thing it is about, what it is made of, and what may be chosen for it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from guideway.apply.actions import ActionNode
from guideway.apply.activity_facts import clinical_code, composition_of
from guideway.apply.drug_classes import DrugClass, classes_called, drug_class
from guideway.apply.names import ACTIVITY_FACT, ORDERABLE, PRODUCT_INGREDIENT
from guideway.apply.outcome import Conflict
from guideway.apply.things import Words, same, thing, thing_of
from guideway.apply.timing import coded_interval, days_between
from guideway.apply.words import prohibits
from guideway.guideline.compiled import CompiledGuideline
from guideway.guideline.names import first_value, objects
from guideway.guideline.package import Artifact

Json = dict[str, Any]

DRUGS = ("MedicationRequest", "SupplyRequest", "NutritionOrder", "ImmunizationRecommendation")
"""The requests that may be for something that an allergy speaks against."""


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


def is_against(action: ActionNode) -> bool:
    """Whether an action proposes not to do it: its request says so, or its recommendation is one against."""
    recommendation = action.recommendation
    directed = recommendation is not None and recommendation.direction == "against"
    return directed or (action.request is not None and prohibits(action.request))


def groups_of(side: Side, guideline: CompiledGuideline) -> list[DrugClass]:
    """The classes that a proposal is for: what may be chosen, and what it is called by."""
    chosen = drug_class(guideline, side.choice) if side.choice is not None else None
    return [*([chosen] if chosen is not None else ()), *classes_called(side.thing, guideline)]


def pairs_of(sides: list[Side]) -> Iterator[tuple[Side, Side]]:
    """Every two proposals for the same thing, or for a choice from the same value set."""
    for number, left in enumerate(sides):
        for right in sides[number + 1 :]:
            if same(left.thing, right.thing) or (left.choice is not None and left.choice == right.choice):
                yield left, right


def is_made_of(left: Side, right: Side) -> bool:
    """Whether one is made of the other."""
    return any(same(part, right.thing) for part in left.parts) or any(same(part, left.thing) for part in right.parts)


def proposed_on_record(sides: list[Side], proposals: list[Any], forms: Words) -> Iterator[tuple[Side, Any]]:
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


def interval_of(request: Json) -> tuple[Decimal, str] | None:
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


def conflict_of(rule: str, severity: str, text: str, *sides: Side, on_record: Any = None) -> Conflict:
    """A conflict between proposals, or of one with a resource on record; that has no name where it has no id."""
    resources = [on_record.reference] if on_record is not None and on_record.reference else []
    return Conflict(rule=rule, severity=severity, text=text, recommendations=[side.key for side in sides], resources=resources)

"""Recommendations that do not go together, and proposals that the record speaks against. Each is reported with both sides.

- ``for-and-against``: one recommendation for and one against the same thing, or the same class;
- ``exclusive-branches``: more than one member of an exclusive group applies;
- ``dose-differs``: the same drug proposed twice with different details, so that they could not be folded;
- ``allergy``: a drug, or a member of its class, that an active allergy or intolerance is recorded for;
- ``already-active``: a drug that is already being taken;
- ``monitoring-overlap``: the same test at different intervals (the shorter one governs).

A class is a value set of the guideline: for allergies one that its logic reads AllergyIntolerance by, for therapy one that it
reads medications by.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from guideway.apply.actions import ActionNode
from guideway.apply.names import concept_text, objects
from guideway.apply.outcome import APPLIES, Conflict, PatientOutcome, Recommendation
from guideway.diagnostics import Diagnostic, GuidewayError, Severity
from guideway.guideline.compiled import CompiledGuideline

Json = dict[str, Any]
Codes = frozenset[tuple[str | None, str]]

_MEDICATIONS = ("MedicationRequest", "MedicationStatement")


def find_conflicts(
    outcome: PatientOutcome, proposing: list[ActionNode], guideline: CompiledGuideline, record: Any
) -> list[Conflict]:
    """Every conflict of one patient, in the order of the rules above."""
    classes = Classes(guideline)
    sides = [Side(action, classes) for action in _distinct(proposing)]
    found = [
        *_for_and_against(sides),
        *_exclusive(outcome),
        *_doses(sides),
        *_allergies(sides, classes, record),
        *_active(sides, classes, record),
        *_monitoring(sides),
    ]
    return list({(c.rule, c.text): c for c in found}.values())


def _distinct(proposing: list[ActionNode]) -> Iterator[ActionNode]:
    """One action for each request that is really made."""
    seen: set[int] = set()
    for action in proposing:
        if action.request is not None and id(action.request) not in seen:
            seen.add(id(action.request))
            yield action


class Classes:
    """The value sets that stand for classes, each with its codes."""

    def __init__(self, guideline: CompiledGuideline) -> None:
        self.guideline = guideline
        self.allergies = self._sets(("AllergyIntolerance",))
        self.therapies = self._sets(_MEDICATIONS)

    def _sets(self, types: tuple[str, ...]) -> dict[str, Codes]:
        found: dict[str, Codes] = {}
        for requirement in self.guideline.requirements:
            if requirement.type in types and requirement.value_set and requirement.value_set not in found:
                url, _, version = requirement.value_set.partition("|")
                try:
                    found[requirement.value_set] = frozenset(self.guideline.terminology.codes(url, version or None))
                except GuidewayError:
                    continue
        return found

    def shared(self, sets: dict[str, Codes], left: Codes, right: Codes) -> str | None:
        """The smallest class that holds a code of both, by title."""
        holding = [(len(codes), url) for url, codes in sets.items() if codes & left and codes & right]
        if not holding:
            return None
        url = min(holding)[1]
        return self.guideline.value_set_titles.get(url) or self.guideline.value_set_titles.get(url.partition("|")[0]) or url


class Side:
    """One proposal, as a party to a conflict."""

    __slots__ = ("against", "codes", "key", "request", "text", "title")

    def __init__(self, action: ActionNode, classes: Classes) -> None:
        from guideway.apply.merge import prohibits, what_codes, what_text

        assert action.request is not None
        self.request = action.request
        self.codes = what_codes(action.request)
        self.text = what_text(action.request)
        recommendation = action.recommendation
        self.key = recommendation.key if recommendation is not None else action.id
        self.title = recommendation.title if recommendation is not None else action.id
        self.against = prohibits(action.request) or (recommendation is not None and recommendation.direction == "against")


def _pairs(sides: list[Side]) -> Iterator[tuple[Side, Side]]:
    for number, left in enumerate(sides):
        for right in sides[number + 1 :]:
            yield left, right


def _for_and_against(sides: list[Side]) -> Iterator[Conflict]:
    for left, right in _pairs(sides):
        if left.against != right.against and left.codes & right.codes:
            pro, contra = (right, left) if left.against else (left, right)
            text = f"For and against {pro.text}: {pro.title} — but {contra.title}"
            yield Conflict(rule="for-and-against", severity="high", text=text, recommendations=[pro.key, contra.key])


def _exclusive(outcome: PatientOutcome) -> Iterator[Conflict]:
    groups: dict[tuple[str, str], list[Recommendation]] = {}
    for recommendation in outcome.recommendations:
        if recommendation.exclusive_group and recommendation.status == APPLIES:
            groups.setdefault((recommendation.plan, recommendation.exclusive_group), []).append(recommendation)
    for (_, group), members in groups.items():
        if len(members) > 1:
            names = "; ".join(m.title for m in members)
            text = f"Branches that exclude each other ({group}) all apply: {names}"
            for member in members:
                member.findings.append(Diagnostic("exclusive-branches", Severity.warning, text))
            yield Conflict(rule="exclusive-branches", severity="moderate", text=text, recommendations=[m.key for m in members])


def _doses(sides: list[Side]) -> Iterator[Conflict]:
    for left, right in _pairs(sides):
        same = left.request["resourceType"] == right.request["resourceType"] == "MedicationRequest" and left.codes & right.codes
        if same and left.against == right.against:
            text = f"{left.text} is proposed twice with different details: {left.title} — and {right.title}"
            yield Conflict(rule="dose-differs", severity="moderate", text=text, recommendations=[left.key, right.key])


def _allergies(sides: list[Side], classes: Classes, record: Any) -> Iterator[Conflict]:
    allergies = [a for a in record.retrieve("AllergyIntolerance") if _counts(a.data)]
    for side in sides:
        if side.against or not side.codes or side.request["resourceType"] not in ("MedicationRequest", "SupplyRequest"):
            continue
        for allergy in allergies:
            codes = _concept_codes(
                [allergy.data.get("code"), *(r.get("substance") for r in objects(allergy.data.get("reaction")))]
            )
            group = None if codes & side.codes else classes.shared(classes.allergies, side.codes, codes)
            if codes & side.codes or group:
                name = concept_text(allergy.data.get("code")) or "an allergy"
                kind = allergy.data.get("type") or "allergy or intolerance"
                of = f", of the same class ({group})" if group else ""
                severity = "high" if allergy.data.get("criticality") == "high" or not group else "moderate"
                text = f"{side.text} is proposed, and {kind} to {name}{of} is on record"
                yield Conflict(
                    rule="allergy", severity=severity, text=text, recommendations=[side.key], resources=_reference(allergy)
                )


def _counts(allergy: Json) -> bool:
    clinical = {c.get("code") for c in objects((allergy.get("clinicalStatus") or {}).get("coding"))}
    verified = {c.get("code") for c in objects((allergy.get("verificationStatus") or {}).get("coding"))}
    return not clinical & {"inactive", "resolved"} and not verified & {"refuted", "entered-in-error"}


def _active(sides: list[Side], classes: Classes, record: Any) -> Iterator[Conflict]:
    active = [m for name in _MEDICATIONS for m in record.retrieve(name) if m.data.get("status") == "active"]
    for side in sides:
        if side.against or not side.codes or side.request["resourceType"] != "MedicationRequest":
            continue
        for medication in active:
            codes = _medication_codes(medication.data, record)
            if medication.data.get("doNotPerform") is True or not codes & side.codes:
                continue
            name = concept_text(medication.data.get("medicationCodeableConcept")) or side.text
            text = f"{side.text} is proposed, and {name} is already being taken"
            yield Conflict(
                rule="already-active",
                severity="moderate",
                text=text,
                recommendations=[side.key],
                resources=_reference(medication),
            )


def _medication_codes(data: Json, record: Any) -> Codes:
    concept = data.get("medicationCodeableConcept")
    reference = (data.get("medicationReference") or {}).get("reference")
    if isinstance(reference, str):
        lookup = getattr(record, "resolve_quietly", None) or record.resolve
        found = lookup(reference)
        concept = found.data.get("code") if found is not None else None
        if found is None and reference.startswith("#"):
            contained = next((c for c in objects(data.get("contained")) if c.get("id") == reference[1:]), {})
            concept = contained.get("code")
    return _concept_codes([concept])


def _concept_codes(concepts: Iterable[Any]) -> Codes:
    return frozenset(
        (c.get("system"), c["code"])
        for concept in concepts
        if isinstance(concept, dict)
        for c in objects(concept.get("coding"))
        if isinstance(c.get("code"), str)
    )


def _monitoring(sides: list[Side]) -> Iterator[Conflict]:
    for left, right in _pairs(sides):
        first, second = (_repeat(side.request) for side in (left, right))
        if first and second and first != second and left.codes & right.codes:
            text = (
                f"{left.text} at two intervals ({first} and {second}); the shorter one governs: {left.title} — and {right.title}"
            )
            yield Conflict(rule="monitoring-overlap", severity="low", text=text, recommendations=[left.key, right.key])


def _repeat(request: Json) -> str | None:
    timing = request.get("occurrenceTiming")
    repeat = timing.get("repeat") if isinstance(timing, dict) else None
    if not isinstance(repeat, dict) or "period" not in repeat:
        return None
    return f"{repeat.get('frequency', 1)} in {repeat['period']} {repeat.get('periodUnit', '')}".strip()


def _reference(resource: Any) -> list[str]:
    return [resource.reference] if resource.reference else []

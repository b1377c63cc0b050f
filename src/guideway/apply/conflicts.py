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
from typing import Any

from guideway.apply.actions import ActionNode, PlanNode, each_plan
from guideway.apply.activity_facts import only_cpg
from guideway.apply.code_names import displays_of
from guideway.apply.conflict_sides import (
    Side,
    conflict_of,
    groups_of,
    interval_of,
    is_made_of,
    pairs_of,
    proposed_on_record,
)
from guideway.apply.conflicts_on_record import (
    allergy_counts,
    already_ordered,
    by_name_only,
    drugs_taken,
    forbidden,
    ordered_against,
    with_allergies,
    with_drugs_taken,
)
from guideway.apply.doses import doses_differ
from guideway.apply.drug_classes import Classes, is_in
from guideway.apply.outcome import APPLIES, Conflict, PatientOutcome, Recommendation
from guideway.apply.things import Words, forms_of, same, thing_of
from guideway.apply.words import prohibits
from guideway.diagnostics import Diagnostic, Severity
from guideway.guideline.compiled import CompiledGuideline
from guideway.guideline.names import objects


def find_conflicts(
    outcome: PatientOutcome, proposing: list[ActionNode], trees: list[PlanNode], guideline: CompiledGuideline, record: Any
) -> list[Conflict]:
    """Every conflict of one patient, in the order of the rules above."""
    forms = forms_of(guideline)
    sides = [Side(action, forms) for action in _distinct(proposing)]
    sides += [Side(action, forms) for action in _warned_against(trees)]
    allergies = [a for a in record.retrieve("AllergyIntolerance") if allergy_counts(a.data)] if sides else []
    proposals = list(getattr(record, "proposals", None) or ()) if sides else []
    proposed = {id(proposal.data) for proposal in proposals}
    active = list(drugs_taken(record, forms, outcome.evaluated_at, proposed)) if sides else []
    classes = Classes(guideline) if allergies else None
    found = [
        *_for_and_against(sides, proposals, forms),
        *_for_and_against_class(sides, guideline),
        *forbidden(sides, guideline, record, proposed),
        *_exclusive(trees),
        *_doses(sides, proposals, forms),
        *(with_allergies(sides, classes, allergies, displays_of(guideline)) if classes is not None else ()),
        *with_drugs_taken(sides, active, guideline, outcome.evaluated_at),
        *already_ordered(sides, record, forms, proposed),
        *ordered_against([side for side in sides if side.against], record, forms, proposed),
        *_monitoring(sides, record, forms),
    ]
    by_name_only(outcome, sides, allergies, active, guideline)
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


def _for_and_against(sides: list[Side], proposals: list[Any], forms: Words) -> Iterator[Conflict]:
    pairs = list(pairs_of(sides))
    if any(side.parts for side in sides):
        every = ((left, right) for number, left in enumerate(sides) for right in sides[number + 1 :])
        pairs += [pair for pair in every if pair not in pairs and is_made_of(*pair)]
    for left, right in pairs:
        if left.against != right.against:
            pro, contra = (right, left) if left.against else (left, right)
            text = f"For and against {pro.text}: {pro.title} — but {contra.title}"
            yield conflict_of("for-and-against", "high", text, pro, contra)
    for side, proposal in proposed_on_record(sides, proposals, forms):
        if side.against != prohibits(proposal.data) and prohibits(side.request) != prohibits(proposal.data):
            said = "for" if side.against else "against"
            text = f"{side.title} — but an open proposal on record is {said} {side.text}"
            yield conflict_of("for-and-against", "high", text, side, on_record=proposal)


def _for_and_against_class(sides: list[Side], guideline: CompiledGuideline) -> Iterator[Conflict]:
    """One for (or against) a drug, and one against (or for) the class it is in."""
    pros, contras = [s for s in sides if not s.against], [s for s in sides if s.against]
    if not pros or not contras:
        return
    for ours, theirs in ((pros, contras), (contras, pros)):
        for general in ours:
            for group in groups_of(general, guideline):
                for special in theirs:
                    if same(general.thing, special.thing) or not is_in(special.thing, group):
                        continue
                    pro, contra = (special, general) if general.against else (general, special)
                    text = (
                        f"For and against {general.text} and {special.text}, which is one of them: "
                        f"{pro.title} — but {contra.title}"
                    )
                    yield conflict_of("for-and-against", "high", text, pro, contra)


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
    for left, right in pairs_of(sides):
        differing = sorted(doses_differ(left.request, right.request)) if not left.against and not right.against else []
        if differing:
            text = f"{left.text} is proposed twice, with a different {' and '.join(differing)}: {left.title} — and {right.title}"
            yield conflict_of("dose-differs", "moderate", text, left, right)
        elif left.choice is not None and left.choice == right.choice and not left.against and not right.against:
            text = f"{left.text} and {right.text} are a choice from the same drugs; one of them is enough"
            yield conflict_of("same-choice", "moderate", text, left, right)
    for side, proposal in proposed_on_record(sides, proposals, forms):
        apart = side.against or prohibits(proposal.data)
        differing = sorted(doses_differ(side.request, proposal.data)) if not apart else []
        if differing:
            text = f"{side.text} is proposed, and an open proposal on record has a different {' and '.join(differing)}"
            yield conflict_of("dose-differs", "moderate", text, side, on_record=proposal)


def _monitoring(sides: list[Side], record: Any, forms: Words) -> Iterator[Conflict]:
    for left, right in pairs_of(sides):
        first, second = (interval_of(side.request) for side in (left, right))
        if first and second and first[0] != second[0] and not left.against and not right.against:
            shorter = min(first, second)[1]
            text = (
                f"{left.text} at two intervals ({first[1]} and {second[1]}); the shorter one ({shorter}) governs: "
                f"{left.title} — and {right.title}"
            )
            yield conflict_of("monitoring-overlap", "low", text, left, right)
    timed = [(side, interval) for side in sides if not side.against and (interval := interval_of(side.request))]
    running = [r for r in record.retrieve("ServiceRequest") if r.data.get("status") == "active"] if timed else []
    for side, interval in timed:
        for order in running:
            known = interval_of(order.data)
            if known and known[0] != interval[0] and same(side.thing, thing_of(order.data, forms)):
                text = f"{side.text} is proposed {interval[1]}, and is already ordered {known[1]}; the shorter one governs"
                yield conflict_of("monitoring-overlap", "low", text, side, on_record=order)

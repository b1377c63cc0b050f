"""Across recommendations: one proposal where several ask for the same, what already lies on the table, conflicts, and an order.

Works on the walked trees of all chosen plans before the resources are built. Two requests ask for the same when they are of
one type, for the same thing (a shared code; where one is given in words alone, the same words), both for or both against, and say
the same in everything but ids, times, notes, reasons and urgency, or one says a dose or an amount that the other leaves open
(``differences``). They are folded into the one with the
strongest cue: all reasons are kept, and the others are named in notes. Two for the same thing that differ in anything else both
stay, and how they differ is a finding; two different dosages are a conflict. An open proposal on record that says the same is
pointed at instead of made again. What one action proposes and another withholds says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from guideway.apply.actions import ActionNode, PlanNode, each_plan
from guideway.apply.activities import make_request
from guideway.apply.conflict_sides import is_against, same_on_record
from guideway.apply.conflicts import find_conflicts
from guideway.apply.differences import DETAILS, differences, plain, same_thing
from guideway.apply.doses import doses_differ
from guideway.apply.facts import date_of
from guideway.apply.kinds import PRIORITY_ORDER
from guideway.apply.outcome import APPLIES, SUPPRESSED, PatientOutcome, Recommendation
from guideway.apply.policies import policy as policy_named
from guideway.apply.things import WHAT, Words, forms_of, thing_of
from guideway.apply.words import prohibits
from guideway.diagnostics import Diagnostic, Severity
from guideway.guideline.compiled import CompiledGuideline
from guideway.guideline.names import objects

Json = dict[str, Any]

# Words of strength from the strongest on, as guidelines and GRADE use them; matched in the concept's text, longest first.
_STRENGTH_WORDS = (
    ("must", 0), ("required", 0), ("shall", 0), ("imperative", 0), ("strong", 1), ("recommended", 2), ("should", 2),
    ("declarative", 2), ("conditional", 3), ("weak", 3), ("consider", 4), ("could", 4), ("may", 4), ("option", 4),
)  # fmt: skip

_THINGS = ("MedicationRequest", "ServiceRequest", "DeviceRequest", "SupplyRequest")
"""The types whose requests are told by what they are for, whichever definition they come from."""
_NOTED = ("MedicationRequest", "ServiceRequest", "DeviceRequest")


def merge(outcome: PatientOutcome, trees: list[PlanNode], guideline: CompiledGuideline, record: Any) -> None:
    """Fold duplicates, point at open proposals, find conflicts and put what applies in order."""
    proposing = list(_proposing(trees))
    folds = policy_named(outcome.policy).folds
    if folds:
        _fold(proposing)
        _withheld_elsewhere(proposing, trees, outcome)
    outcome.conflicts = find_conflicts(outcome, proposing, trees, guideline, record)
    if folds:  # afterwards: what is only pointed at is still proposed, and may conflict
        _already_proposed(proposing, record, forms_of(guideline))
    outcome.order = order(outcome, trees)
    if folds:
        _lost_relations(outcome, trees)


def _proposing(trees: list[PlanNode]) -> Iterator[ActionNode]:
    """The actions that propose a request, in document order, each once."""
    seen: set[int] = set()
    for tree in trees:
        for action in (a for top in tree.actions for a in top.walk()):
            if action.request is not None and action.status == APPLIES and id(action) not in seen:
                seen.add(id(action))
                yield action


def strength_rank(recommendation: Recommendation | None) -> int:
    """0 is the strongest; what says nothing ranks after what does."""
    text = (recommendation.strength or "").casefold() if recommendation is not None else ""
    return next((rank for word, rank in _STRENGTH_WORDS if word in text), 5)


def _fold(proposing: list[ActionNode]) -> None:
    leaders: list[ActionNode] = []
    for action in proposing:
        comparable = [other for other in leaders if _comparable(other, action)]
        leader = None
        for other in comparable:
            assert other.request is not None
            assert action.request is not None
            differing = differences(other.request, action.request)
            if not differing:
                leader = other
                break
            _tell_apart(other, action, differing)
        if leader is None:
            leaders.append(action)
        elif strength_rank(action.recommendation) < strength_rank(leader.recommendation):
            leaders[leaders.index(leader)] = action
            followers = [a for a in proposing if a.request is leader.request and a is not action]
            kept = leader.request
            _absorb(action, leader)
            for follower in followers:
                if follower.request is kept:
                    follower.request = action.request
        else:
            _absorb(leader, action)


def _comparable(left: ActionNode, right: ActionNode) -> bool:
    """Whether both ask for the same thing: of one type, and both for or both against."""
    first, second = left.request, right.request
    if (
        first is None
        or second is None
        or first["resourceType"] != second["resourceType"]
        or is_against(left) != is_against(right)
    ):
        return False
    if left.activity is not None and right.activity is not None and left.activity.url == right.activity.url:
        return same_thing(first, second)
    if first["resourceType"] == "CommunicationRequest":  # told by what is said
        return bool(first.get("payload")) and plain(first["payload"]) == plain(second.get("payload"))
    named = thing_of(first)
    return first["resourceType"] in _THINGS and bool(named.codes or named.names) and same_thing(first, second)


def _tell_apart(left: ActionNode, right: ActionNode, differing: list[str]) -> None:
    """Say on both sides that two requests for the same stay apart, and in what they differ; doses that differ are a conflict."""
    mine, theirs = left.recommendation, right.recommendation
    assert left.request is not None
    assert right.request is not None
    if mine is None or theirs is None or mine.key == theirs.key or doses_differ(left.request, right.request):
        return
    for one, other in ((mine, theirs), (theirs, mine)):
        text = f"{other.plan_id} ({other.title}) asks for the same with another {', '.join(differing)}, so both requests are made"
        finding = Diagnostic("request-differs", Severity.information, text, pointer=f"action:{one.action}")
        if finding not in one.findings:
            one.findings.append(finding)


def _absorb(leader: ActionNode, other: ActionNode) -> None:
    """Fold ``other``'s request into the leader's: reasons, notes, open details, urgency, and a note that names the other."""
    request, absorbed = leader.request, other.request
    assert request is not None
    assert absorbed is not None
    one_sided = [name for name in DETAILS if (name in absorbed) != (name in request)]
    for name in one_sided:
        request.setdefault(name, absorbed.get(name))
    for name in ("reasonCode", "reasonReference", "note"):
        for item in objects(absorbed.get(name)):
            if item not in request.setdefault(name, []):
                request[name].append(item)
    mine, theirs = leader.recommendation, other.recommendation
    if theirs is not None and mine is not None and mine.key != theirs.key:
        parts = [f"Also proposed by {theirs.plan_id}: {theirs.title}" + (f" ({theirs.strength})" if theirs.strength else "")]
        if (mine.strength or "") != (theirs.strength or ""):
            parts.append(
                f"sources differ in strength: {mine.strength or 'not stated'} here, {theirs.strength or 'not stated'} there"
            )
        if one_sided:
            parts.append("sources differ: details such as the dose are stated by one of them only")
        note = "; ".join(parts)
        if note not in mine.notes:
            mine.notes.append(note)
        _cross(mine, theirs)
        _note(request, note)
    if PRIORITY_ORDER.get(str(absorbed.get("priority")), 9) < PRIORITY_ORDER.get(str(request.get("priority")), 9):
        request["priority"] = absorbed["priority"]
    other.request = request


def _withheld_elsewhere(proposing: list[ActionNode], trees: list[PlanNode], outcome: PatientOutcome) -> None:
    """Say on a proposal that another action withholds the same, and why."""
    seen: set[str] = set()
    for withheld in (a for tree in trees for top in tree.actions for a in top.walk()) if proposing else ():
        theirs = withheld.recommendation
        if withheld.status != SUPPRESSED or withheld.activity is None or theirs is None or theirs.key in seen:
            continue
        seen.add(theirs.key)
        activity = withheld.activity
        made = make_request(activity.resource, withheld.definition, outcome.tree.setting, activity.file).resource
        if made is None or made["resourceType"] not in _THINGS or _names_it_anew(activity.resource, withheld.definition):
            continue
        other = msgspec.structs.replace(withheld, request=made)
        for action in proposing:
            mine = action.recommendation
            if mine is not None and mine.key != theirs.key and _comparable(other, action):
                note = f"Withheld by {theirs.plan_id} ({theirs.title}): {theirs.reason}"
                if note not in mine.notes:
                    mine.notes.append(note)
                _note(action.request, note)


def _names_it_anew(*definitions: Json) -> bool:
    """Whether a dynamic value says what is asked for."""
    paths = (str(dynamic.get("path")) for definition in definitions for dynamic in objects(definition.get("dynamicValue")))
    return any(path.replace("[", ".").partition(".")[0] in (*WHAT, "medication", "product", "item") for path in paths)


def _note(request: Json | None, text: str) -> None:
    """A note on a request, where its type has notes."""
    if request is not None and request["resourceType"] in _NOTED:
        notes = request.setdefault("note", [])
        if {"text": text} not in notes:
            notes.append({"text": text})


def _cross(left: Recommendation, right: Recommendation) -> None:
    for a, b in ((left, right), (right, left)):
        if b.key not in a.also:
            a.also.append(b.key)


def _already_proposed(proposing: list[ActionNode], record: Any, forms: Words) -> None:
    """An identical open proposal on record: no second request; the action points at it and says since when."""
    open_proposals = list(getattr(record, "proposals", None) or ())
    if not open_proposals:
        return
    for action in proposing:
        request = action.request
        if request is None:
            continue
        alike: tuple[Any, list[str]] | None = None
        for proposal in open_proposals:
            data = proposal.data
            if data.get("resourceType") != request["resourceType"] or prohibits(data) != is_against(action):
                continue
            if not same_on_record(request, data, forms):
                continue
            differing = differences(request, data, on_record=True)
            if alike is None or len(differing) < len(alike[1]):
                alike = proposal, differing
        if alike is None:
            continue
        proposal, differing = alike
        when = f" on {date_of(proposal.data)}" if date_of(proposal.data) else ""
        name = proposal.reference or thing_of(proposal.data).text
        if differing:
            _other_proposal(action, f"{name}{when}", differing)
            continue
        note = f"Already proposed{when} ({name}); no second request is made"
        if action.recommendation is not None and note not in action.recommendation.notes:
            action.recommendation.notes.append(note)
        if proposal.reference:
            action.refers_to = proposal.reference
            action.request = None


def _other_proposal(action: ActionNode, name: str, differing: list[str]) -> None:
    """Say that the open proposal on record is not the one that is made."""
    if action.recommendation is None:
        return
    text = f"an open proposal for the same ({name}) has another {', '.join(differing)}, so this request is made as well"
    finding = Diagnostic("proposal-differs", Severity.information, text, pointer=f"action:{action.recommendation.action}")
    if finding not in action.recommendation.findings:
        action.recommendation.findings.append(finding)


def _plans(trees: list[PlanNode]) -> Iterator[tuple[PlanNode, dict[str, ActionNode]]]:
    """Every plan of the result once, nested ones included, with its own actions by id."""
    for plan in each_plan(trees):
        yield plan, {action.id: action for action in plan.own}


def _lost_relations(outcome: PatientOutcome, trees: list[PlanNode]) -> None:
    """A relation to an action that is not part of the result is left out of it: that is said, with the reason."""
    for plan, nodes in _plans(trees):
        relating = [a for a in nodes.values() if "relatedAction" in a.definition and a.shown]
        known = nodes.keys() | _ids(plan.artifact.resource) if relating else ()
        for node in relating:
            for related in objects(node.definition.get("relatedAction")):
                target = related.get("actionId")
                if not isinstance(target, str) or (target in nodes and nodes[target].shown):
                    continue
                where = f"{node.id}: {related.get('relationship')} {target}"
                if target in nodes:
                    text = f"{where}: that action is not part of the result ({nodes[target].status}), so the relation is left out"
                    severity = Severity.information
                elif target in known:
                    text, severity = f"{where}: that action was skipped, so the relation is left out", Severity.information
                else:
                    text, severity = f"{where}: the plan has no such action, so the relation is left out", Severity.warning
                finding = Diagnostic(
                    "related-action-absent", severity, text, plan.artifact.file or None, pointer=f"action:{node.id}"
                )
                (node.recommendation.findings if node.recommendation is not None else outcome.findings).append(finding)


def _ids(node: Json) -> set[str]:
    """The ids of all actions below a plan or an action."""
    found: set[str] = set()
    for action in objects(node.get("action")):
        found |= {str(action.get("id"))} | _ids(action)
    return found


def order(outcome: PatientOutcome, trees: list[PlanNode]) -> list[str]:
    """Keys of what applies, first things first: relations between actions, then priority, then required, then document order."""
    applying = [r for r in outcome.recommendations if r.status == APPLIES]
    place = {r.key: number for number, r in enumerate(applying)}
    required = {"must": 0, "must-unless-documented": 1, "could": 2}
    rank: dict[str, tuple[int, int, int]] = {}
    before: dict[str, set[str]] = {key: set() for key in place}
    for action in (a for tree in trees for top in tree.actions for a in top.walk()):
        if action.recommendation is not None and (key := action.recommendation.key) in place:
            rank[key] = (
                PRIORITY_ORDER.get(str((action.request or {}).get("priority") or action.definition.get("priority")), 3),
                required.get(str(action.definition.get("requiredBehavior")), 1),
                place[key],
            )
    for earlier, later in _relations(trees):
        ahead, behind = ({r.key for a in node.walk() if (r := a.recommendation) is not None} for node in (earlier, later))
        for key in behind - ahead:
            if key in before:
                before[key] |= (ahead - behind) & place.keys()
    return _sorted(place, rank, before)


def _relations(trees: list[PlanNode]) -> Iterator[tuple[ActionNode, ActionNode]]:
    """The actions that stand before others by a relation of either; a group stands for all that is in it."""
    for _, nodes in _plans(trees):
        for node in nodes.values():
            if "relatedAction" not in node.definition:
                continue
            for related in objects(node.definition["relatedAction"]):
                other = nodes.get(str(related.get("actionId")))
                relationship = str(related.get("relationship"))
                if other is None or other is node:
                    continue
                if relationship.startswith("before"):
                    yield node, other
                elif relationship.startswith("after"):
                    yield other, node


def _sorted(place: dict[str, int], rank: dict[str, tuple[int, int, int]], before: dict[str, set[str]]) -> list[str]:
    """A stable topological order; where relations run in a circle, rank alone decides."""
    remaining = sorted(place, key=lambda key: rank.get(key, (9, 9, place[key])))
    result: list[str] = []
    done: set[str] = set()
    while remaining:
        following = next((key for key in remaining if before[key] <= done or not before[key] & set(remaining)), remaining[0])
        remaining.remove(following)
        done.add(following)
        result.append(following)
    return result

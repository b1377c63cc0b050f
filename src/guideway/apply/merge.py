"""Across recommendations: one proposal where several ask for the same, what already lies on the table, conflicts, and an order.

Works on the walked trees of all chosen plans before the resources are built. Two requests ask for the same when they are of
one type, for the same thing (a shared code; where one is given in words alone, the same words), and both for or both against.
They are folded into the one with the strongest cue: all reasons are kept, the others are named in notes, and where they differ
that is said. What cannot be folded without losing something (two different dosages) stays apart and is a conflict. An open
proposal on record is pointed at instead of made again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from guideway.apply.actions import ActionNode, PlanNode
from guideway.apply.conflicts import find_conflicts
from guideway.apply.facts import date_of
from guideway.apply.kinds import PRIORITY_ORDER
from guideway.apply.names import objects
from guideway.apply.outcome import APPLIES, PatientOutcome, Recommendation
from guideway.apply.things import same, thing_of
from guideway.diagnostics import Diagnostic, Severity
from guideway.guideline.compiled import CompiledGuideline

Json = dict[str, Any]

# Words of strength from the strongest on, as guidelines and GRADE use them; matched in the concept's text, longest first.
_STRENGTH_WORDS = (
    ("must", 0), ("shall", 0), ("imperative", 0), ("strong", 1), ("recommended", 2), ("should", 2), ("declarative", 2),
    ("conditional", 3), ("weak", 3), ("consider", 4), ("could", 4), ("may", 4), ("option", 4),
)  # fmt: skip

# Elements that say what is asked for and how; the rest (status, dates, ids, provenance) may differ between foldable requests.
_HOW = ("dosageInstruction", "quantityQuantity", "quantity", "dispenseRequest", "occurrence", "bodySite")


def _how(request: Json) -> Json:
    """Those elements; ``occurrence[x]`` is one of them, whatever its type."""
    return {
        name: {key: value for key, value in request.items() if key == name or (name == "occurrence" and key.startswith(name))}
        for name in _HOW
        if name in request or (name == "occurrence" and any(key.startswith(name) for key in request))
    }


def merge(outcome: PatientOutcome, trees: list[PlanNode], guideline: CompiledGuideline, record: Any) -> None:
    """Fold duplicates, point at open proposals, find conflicts and put what applies in order."""
    proposing = list(_proposing(trees))
    if outcome.policy != "cqf":
        _fold(proposing)
    outcome.conflicts = find_conflicts(outcome, proposing, guideline, record)
    if outcome.policy != "cqf":  # afterwards: what is only pointed at is still proposed, and may conflict
        _already_proposed(proposing, record)
    outcome.order = order(outcome, trees)
    if outcome.policy != "cqf":
        _lost_relations(outcome, trees)


def _proposing(trees: list[PlanNode]) -> Iterator[ActionNode]:
    """The actions that propose a request, in document order, each once."""
    seen: set[int] = set()
    for tree in trees:
        for action in (a for top in tree.actions for a in top.walk()):
            if action.request is not None and action.status == APPLIES and id(action) not in seen:
                seen.add(id(action))
                yield action


def prohibits(request: Json) -> bool:
    """Whether a request says not to do it."""
    if request.get("doNotPerform") is True:
        return True
    return any(
        e.get("url", "").endswith("request-doNotPerform") and e.get("valueBoolean")
        for e in objects(request.get("modifierExtension"))
    )


def strength_rank(recommendation: Recommendation | None) -> int:
    """0 is the strongest; what says nothing ranks after what does."""
    text = (recommendation.strength or "").casefold() if recommendation is not None else ""
    return next((rank for word, rank in _STRENGTH_WORDS if word in text), 5)


def _fold(proposing: list[ActionNode]) -> None:
    leaders: list[ActionNode] = []
    for action in proposing:
        leader = next((other for other in leaders if _same(other, action)), None)
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


def _same(left: ActionNode, right: ActionNode) -> bool:
    first, second = left.request, right.request
    if (
        first is None
        or second is None
        or first["resourceType"] != second["resourceType"]
        or prohibits(first) != prohibits(second)
    ):
        return False
    this, other = thing_of(first), thing_of(second)
    same_activity = left.activity is not None and right.activity is not None and left.activity.url == right.activity.url
    if this.codes and other.codes:
        if not this.codes & other.codes:
            return False
    elif not this.names & other.names and not (same_activity and this.text == other.text):
        return False  # one is given in words alone: the same words are the same thing
    if not same_activity and first["resourceType"] not in (
        "MedicationRequest",
        "ServiceRequest",
        "DeviceRequest",
        "SupplyRequest",
    ):
        return False
    how, other_how = _how(first), _how(second)
    return all(how[name] == other_how[name] for name in how.keys() & other_how.keys())


def _absorb(leader: ActionNode, other: ActionNode) -> None:
    """Fold ``other``'s request into the leader's: reasons, missing details, and a note that names the other statement."""
    request, absorbed = leader.request, other.request
    assert request is not None
    assert absorbed is not None
    own, others = _how(request), _how(absorbed)
    differing = [name for name in _HOW if name in others and name not in own]
    for name in differing:
        request.update(others[name])
    reasons = request.get("reasonCode")
    for reason in objects(absorbed.get("reasonCode")):
        if isinstance(reasons, list) and reason not in reasons:
            reasons.append(reason)
        elif reasons is None:
            reasons = request["reasonCode"] = [reason]
    mine, theirs = leader.recommendation, other.recommendation
    if theirs is not None and mine is not None and mine.key != theirs.key:
        parts = [f"Also proposed by {theirs.plan_id}: {theirs.title}" + (f" ({theirs.strength})" if theirs.strength else "")]
        if (mine.strength or "") != (theirs.strength or ""):
            parts.append(
                f"sources differ in strength: {mine.strength or 'not stated'} here, {theirs.strength or 'not stated'} there"
            )
        unstated = [n for n in _HOW if n in own and n not in others] + differing
        if unstated:
            parts.append("sources differ: details such as the dose are stated by one of them only")
        note = "; ".join(parts)
        if note not in mine.notes:
            mine.notes.append(note)
        _cross(mine, theirs)
        notes = (
            request.setdefault("note", [])
            if request["resourceType"] in ("MedicationRequest", "ServiceRequest", "DeviceRequest")
            else []
        )
        if {"text": note} not in notes:
            notes.append({"text": note})
        if PRIORITY_ORDER.get(str(absorbed.get("priority")), 9) < PRIORITY_ORDER.get(str(request.get("priority")), 9):
            request["priority"] = absorbed["priority"]
    other.request = request


def _cross(left: Recommendation, right: Recommendation) -> None:
    for a, b in ((left, right), (right, left)):
        if b.key not in a.also:
            a.also.append(b.key)


def _already_proposed(proposing: list[ActionNode], record: Any) -> None:
    """An identical open proposal on record: no second request; the action points at it and says since when."""
    open_proposals = list(getattr(record, "proposals", None) or ())
    if not open_proposals:
        return
    for action in proposing:
        request = action.request
        if request is None:
            continue
        wanted = thing_of(request)
        for proposal in open_proposals:
            data = proposal.data
            if data.get("resourceType") != request["resourceType"] or prohibits(data) != prohibits(request):
                continue
            open_for = thing_of(data)
            if not (wanted.codes & open_for.codes if wanted.codes and open_for.codes else same(wanted, open_for)):
                continue
            when = f" on {date_of(data)}" if date_of(data) else ""
            note = f"Already proposed{when} ({proposal.reference or open_for.text}); no second request is made"
            if action.recommendation is not None and note not in action.recommendation.notes:
                action.recommendation.notes.append(note)
            if proposal.reference:
                action.refers_to = proposal.reference
                action.request = None
            break


def _lost_relations(outcome: PatientOutcome, trees: list[PlanNode]) -> None:
    """A relation to an action that is not part of the result is left out of it: that is said, with the reason."""
    pending = list(trees)
    seen: set[int] = set()
    while pending:
        plan = pending.pop(0)
        if id(plan) in seen:
            continue
        seen.add(id(plan))
        nodes = {a.id: a for top in plan.actions for a in top.same_plan()}
        pending += [a.nested for a in nodes.values() if a.nested is not None]
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
    for tree in trees:
        for action in (a for top in tree.actions for a in top.walk()):
            if action.recommendation is None or action.recommendation.key not in place:
                continue
            key = action.recommendation.key
            definition = action.definition
            priority = (action.request or {}).get("priority") or definition.get("priority")
            rank[key] = (
                PRIORITY_ORDER.get(str(priority), 3),
                required.get(str(definition.get("requiredBehavior")), 1),
                place[key],
            )
            for related in objects(definition.get("relatedAction")):
                other = f"{action.recommendation.plan_id}#{related.get('actionId')}"
                relationship = str(related.get("relationship"))
                if other in before and other != key:
                    if relationship.startswith("before"):
                        before[other].add(key)
                    elif relationship.startswith("after"):
                        before[key].add(other)
    return _sorted(place, rank, before)


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

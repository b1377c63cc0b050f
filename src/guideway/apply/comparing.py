"""What is different between two outcomes of one patient: what ``guideway apply --set`` prints.

``compare(before, after)`` gives a ``Comparison``: the recommendations that came out differently, each with what of it did
(status, reason, notes, what is missing, what is proposed down to the element, a dose for example); the conflicts and findings
that are new or gone; and the order, where what applies before and after is to be done in another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from guideway.apply.actions import ActionNode
from guideway.apply.fhir_json import as_text
from guideway.apply.outcome import Conflict, PatientOutcome, Recommendation, pruned
from guideway.apply.words import proposal_text
from guideway.diagnostics import Diagnostic

Json = dict[str, Any]

SHOWN = 8
"""So many elements of one request are told; of more, these and a count."""


class Difference(msgspec.Struct, frozen=True):
    """One recommendation that came out differently."""

    key: str
    title: str
    before: str | None
    after: str | None
    reason: str
    details: list[str] = []
    """What else of it differs, a line each."""

    def as_json(self) -> Json:
        """As ``--format outcome`` prints it."""
        found: Json = {"id": self.key, "title": self.title, "before": self.before, "after": self.after, "reason": self.reason}
        return found | ({"details": self.details} if self.details else {})


class Comparison(msgspec.Struct, frozen=True):
    """Everything that differs; false where nothing does."""

    recommendations: list[Difference]
    new_conflicts: list[Conflict]
    gone_conflicts: list[Conflict]
    new_findings: list[str]
    gone_findings: list[str]
    order: list[str]
    """Keys of what applies, as it is ordered now, where that has changed; else empty."""
    titles: dict[str, str]
    """Of these."""

    def __bool__(self) -> bool:
        conflicts, findings = self.new_conflicts or self.gone_conflicts, self.new_findings or self.gone_findings
        return bool(self.recommendations or conflicts or findings or self.order)

    def as_json(self) -> Json:
        """As ``--format outcome`` prints it."""
        conflicts = pruned({"new": [c.as_json() for c in self.new_conflicts], "gone": [c.as_json() for c in self.gone_conflicts]})
        findings = pruned({"new": self.new_findings, "gone": self.gone_findings})
        more = pruned({"conflicts": conflicts, "findings": findings, "order": self.order})
        return {"changes": [d.as_json() for d in self.recommendations], **more}

    def lines(self) -> Iterator[tuple[str, str]]:
        """What differs beside the recommendations, in words: a heading and a line each."""
        groups = ((self.new_conflicts, "New conflict"), (self.gone_conflicts, "No longer in conflict"))
        yield from ((heading, conflict.text) for conflicts, heading in groups for conflict in conflicts)
        for findings, heading in ((self.new_findings, "New finding"), (self.gone_findings, "No longer found")):
            yield from ((heading, finding) for finding in findings)
        if self.order:
            yield "Order", " → ".join(self.titles[key] for key in self.order)


def compare(before: PatientOutcome, after: PatientOutcome) -> Comparison:
    """What differs between two outcomes, in the order of the later one."""
    first = {r.key: r for r in before.recommendations}
    second = {r.key: r for r in after.recommendations}
    asked, asks = _contents(before), _contents(after)
    found: list[Difference] = []
    for key in dict.fromkeys([*second, *first]):
        old, new = first.get(key), second.get(key)
        shown = new or old
        assert shown is not None
        if old is None or new is None:
            found.append(
                Difference(key, shown.title, old.status if old else None, new.status if new else None, new.reason if new else "")
            )
            continue
        details = [*_details(old, new), *_proposed(asked.get(key), asks.get(key), old.status == new.status)]
        if details or (old.status, old.reason, old.title) != (new.status, new.reason, new.title):
            found.append(Difference(key, new.title, old.status, new.status, new.reason, details))
    known, now = ({(c.rule, c.text): c for c in outcome.conflicts} for outcome in (before, after))
    told, tells = (dict.fromkeys(_findings(outcome)) for outcome in (before, after))
    return Comparison(
        found,
        [c for name, c in now.items() if name not in known],
        [c for name, c in known.items() if name not in now],
        [text for text in tells if text not in told],
        [text for text in told if text not in tells],
        _reordered(before.order, after.order),
        {key: r.title for key, r in second.items()},
    )


def _details(old: Recommendation, new: Recommendation) -> Iterator[str]:
    """The notes, and the missing data, that are on one side only."""
    yield from (note for note in new.notes if note not in old.notes)
    yield from (f"no longer: {note}" for note in old.notes if note not in new.notes)
    if new.missing and old.missing:
        known, now = ({m.element: m.display for m in r.missing} for r in (old, new))
        more, fewer = ([name for key, name in a.items() if key not in b] for a, b in ((now, known), (known, now)))
        yield from (f"now missing as well: {name}" for name in more)
        yield from (f"no longer missing: {name}" for name in fewer)
    priorities = (old.priority, new.priority)
    if priorities[0] != priorities[1]:
        yield f"priority: {priorities[0] or 'none'} → {priorities[1] or 'none'}"


def _proposed(old: tuple[Json, Json] | None, new: tuple[Json, Json] | None, same_status: bool) -> Iterator[str]:
    """What a recommendation asks for now and did not before, element by element."""
    asked, own = old if old is not None else ({}, {})
    asks, set_ = new if new is not None else ({}, {})
    if asked and asks:
        yield from (f"{asks['resourceType']}.{line}" for line in _elements(asked, asks))
    elif same_status and (asked or asks):
        yield f"now proposed: {proposal_text(asks)}" if asks else f"no longer proposed: {proposal_text(asked)}"
    if old is not None and new is not None:
        yield from (f"action.{line}" for line in _elements(own, set_))


def _elements(old: Json, new: Json) -> list[str]:
    """The elements that two objects do not have alike, with both values."""
    left, right = dict(_leaves(old)), dict(_leaves(new))
    found = [
        f"{path}: {_value(left, path)} → {_value(right, path)}"
        for path in dict.fromkeys([*right, *left])
        if left.get(path) != right.get(path)
    ]
    return [*found[:SHOWN], f"… and {len(found) - SHOWN} more elements"] if len(found) > SHOWN else found


def _value(leaves: dict[str, Any], path: str) -> str:
    return as_text(leaves[path]) if path in leaves else "none"


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
    else:
        yield path, value


def _contents(outcome: PatientOutcome) -> dict[str, tuple[Json, Json]]:
    """By recommendation: the request it makes, and what dynamic values set on its action; each without ids."""
    found: dict[str, tuple[Json, Json]] = {}
    nodes: Iterator[ActionNode] = (node for tree in outcome.tree.plans for top in tree.actions for node in top.walk())
    for node in nodes:
        if node.recommendation is not None:
            found.setdefault(node.recommendation.key, (node.request or {}, node.overrides))
    return found


def _findings(outcome: PatientOutcome) -> Iterator[str]:
    every: list[Diagnostic] = [*outcome.findings, *(f for r in outcome.recommendations for f in r.findings)]
    yield from (finding.message for finding in every)


def _reordered(before: list[str], after: list[str]) -> list[str]:
    """The later order, where what is in both stands in another one."""
    both = set(before) & set(after)
    return after if [k for k in before if k in both] != [k for k in after if k in both] else []

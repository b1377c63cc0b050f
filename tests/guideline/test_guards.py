"""Every condition, every reason to withhold and every "already in place" of every action does what it is there for.

``data/guards.csv`` lists each of them with a case in which the action applies. There the guard alone is turned (a condition to
false, a reason to withhold or something in place to true), and the action must fall silent in the way the guard stands for. So a
guard that somebody takes out, or empties, fails here; one that somebody adds has to be listed:
``python -m tests.guideline.test_guards`` writes the list anew.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from guideway.apply.outcome import APPLIES
from guideway.authoring.cases import Case

from .provoking import Guard, outcome_of
from .support import ROOT, Json, cases_below, guideline, read
from .test_artifacts import code_of, of_kind

FILE = ROOT / "tests/guideline/data/guards.csv"
FALLS = {
    "condition": (False, "does-not-apply"),
    "withheld-when": (True, "suppressed"),
    "satisfied-when": (True, "already-satisfied"),
}
"""What the guard is turned to, and the status that follows."""


class Row(NamedTuple):
    action: str
    kind: str
    define: str
    case: str


def guards() -> Iterator[tuple[str, str, str]]:
    """Action, kind and define of every guard of every recommendation."""
    for plan in of_kind("PlanDefinition"):
        if code_of(plan["type"]) == "eca-rule":
            for action in plan["action"]:
                yield from _guards(plan["id"], action)


def _guards(plan: str, action: Json) -> Iterator[tuple[str, str, str]]:
    key = f"{plan}#{action['id']}"
    for condition in action.get("condition", []):
        yield key, "condition", condition["expression"]["expression"]
    for extension in action.get("extension", []):
        kind = extension["url"].rpartition("/")[2]
        if kind in FALLS:
            yield key, kind, extension["valueExpression"]["expression"]
    for child in action.get("action", []):
        yield from _guards(plan, child)


@cache
def cases() -> dict[str, Path]:
    return {read(file).id: file for file in cases_below(ROOT / "tests/guideline/cases")}


@cache
def case_of(name: str) -> Case:
    return read(cases()[name])


@cache
def watched() -> dict[str, str]:
    """A group without a statement has no status of its own: the first recommendation in it shows what becomes of it."""
    found: dict[str, str] = {}

    def walk(plan: str, action: Json) -> str | None:
        key = f"{plan}#{action['id']}"
        named = any(e["url"].endswith("/statement-id") for e in action.get("extension", []))
        below = [walk(plan, child) for child in action.get("action", [])]
        first = key if named or not below else next((name for name in below if name), None)
        if first is not None:
            found[key] = first
        return first

    for plan in of_kind("PlanDefinition"):
        for action in plan["action"]:
            walk(plan["id"], action)
    return found


def library_of(plan: str) -> str:
    (reference,) = guideline().plan(plan).resource["library"]
    return str(reference).partition("|")[0].rpartition("/")[2]


def status_of(action: str, case: str, guard: Guard | None = None) -> str | None:
    """The status of the action in a case, with the plan of the action alone."""
    plan = action.partition("#")[0]
    found = outcome_of(guideline(), case_of(case), guard, (plan,))
    return next((r.status for r in found.recommendations if r.key == watched()[action]), None)


def rows() -> list[Row]:
    with FILE.open(newline="", encoding="utf-8") as lines:
        return [Row(**row) for row in csv.DictReader(lines)]


def test_every_guard_is_listed() -> None:
    assert sorted({row[:3] for row in rows()}) == sorted(set(guards()))


@pytest.mark.parametrize("plan", sorted({row.action.partition("#")[0] for row in rows()}))
def test_a_guard_alone_silences_its_action(plan: str) -> None:
    wrong = []
    for row in rows():
        if row.action.partition("#")[0] != plan:
            continue
        value, status = FALLS[row.kind]
        if status_of(row.action, row.case) != APPLIES:
            wrong.append(f"{row}: does not apply to begin with")
            continue
        found = status_of(row.action, row.case, Guard({(library_of(plan), row.define): value}))
        if found != status:
            wrong.append(f"{row}: {found}")
    assert wrong == []


def write() -> list[str]:
    """Write the list: for each guard the first case in which its action applies and the guard alone silences it."""
    applying: dict[str, list[str]] = {}
    for name in sorted(cases(), key=lambda name: ("vignettes" in str(cases()[name]), name)):
        found = outcome_of(guideline(), case_of(name))
        for r in found.recommendations:
            if r.status == APPLIES:
                applying.setdefault(r.key, []).append(name)
    written, without = [], []
    for action, kind, define in sorted(set(guards())):
        value, status = FALLS[kind]
        guard = Guard({(library_of(action.partition("#")[0]), define): value})
        for name in applying.get(watched()[action], [])[:6]:
            if status_of(action, name) == APPLIES and status_of(action, name, guard) == status:
                written.append(Row(action, kind, define, name))
                break
        else:
            without.append(f"{action} {kind} {define}: {len(applying.get(watched()[action], []))} cases")
    with FILE.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(written)
    return without


if __name__ == "__main__":
    print("\n".join(write()) or "every guard has its case")

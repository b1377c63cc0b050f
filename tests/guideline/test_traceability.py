"""Every statement has a home that is reached from the top; nothing is there that no statement, overlay or conflict asks for."""

from __future__ import annotations

import csv
import json
from functools import cache

import pytest

from guideway.authoring.traceability import actions_of, names_expected, statement_ids, traceability
from guideway.authoring.validate import validate
from guideway.guideline.compiled import definitions_in

from .support import ROOT, Json, cases_below, guideline, read

DATA = ROOT / "tests/guideline/data"
TABLE = ROOT / "plandefinitions/traceability.json"
REFRESH = "run guideway traceability --cases tests/guideline/cases --format json -o plandefinitions/traceability.json"

UNUSED_ON_PURPOSE = {"define-unused": "elements of the catalogue that no statement reads yet are kept for sites' own plans"}


@cache
def table() -> Json:
    cases = {case.id: names_expected(case.expect) for case in map(read, cases_below(ROOT / "tests/guideline/cases"))}
    return traceability(guideline(), cases)


def facts(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


STATEMENTS = {row["id"]: row for row in facts("statements.csv")}
RULES = {row["id"] for row in facts("rules.csv")}


@cache
def homes() -> dict[str, Json]:
    return {row["id"]: row for row in table()["statements"]}


@cache
def reached() -> frozenset[str]:
    """Ids of the plans that are reached from the top."""
    found: set[str] = set()
    pending = list(guideline().root_plans())
    while pending:
        plan = pending.pop()
        if plan.id in found:
            continue
        found.add(plan.id)
        for reference in definitions_in(plan.resource):
            nested = guideline().resolve(reference, "PlanDefinition")
            if nested is not None:
                pending.append(nested)
    return frozenset(found)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_statement_has_a_home_that_is_reached(statement: str) -> None:
    row = homes().get(statement)
    assert row is not None, f"{statement} has no action"
    assert all(home["plan"] in reached() for home in row["homes"])
    assert all(home.get("source") for home in row["homes"])


@pytest.mark.parametrize("statement", [name for name, row in STATEMENTS.items() if row["computability"] != "narrative-only"])
def test_every_computable_statement_has_logic_and_a_case(statement: str) -> None:
    row = homes()[statement]
    assert any(home.get("defines") for home in row["homes"]) or any(home.get("elements") for home in row["homes"])
    assert row["cases"], f"no case expects anything of {statement}"


def test_every_action_is_accounted_for() -> None:
    """An action carries a statement or a rule, follows on one that does, holds some below it, or leads to a plan."""
    for plan in guideline().plans:
        carriers = {action.get("id") for action in actions_of(plan.resource) if statement_ids(action)}
        for top in plan.resource.get("action") or ():
            below = [top, *actions_of(top)]
            named = [name for action in below for name in statement_ids(action)]
            follows = any(related["actionId"] in carriers for related in top.get("relatedAction") or ())
            leads_on = all("/PlanDefinition/" in a.get("definitionCanonical", "") or a.get("action") for a in below)
            assert named or leads_on or follows, f"{plan.id}#{top.get('id')}"
            assert [name for name in named if name not in STATEMENTS and name not in RULES] == []


def test_every_activity_is_proposed_by_an_action() -> None:
    used = {reference.partition("|")[0] for plan in guideline().plans for reference in definitions_in(plan.resource)}
    assert sorted(a.id for a in guideline().package.of_type("ActivityDefinition") if a.url not in used) == []


def test_nothing_in_the_package_is_unused() -> None:
    found = validate([str(ROOT)]).findings
    unused = [d.as_text() for d in found if d.rule.endswith("-unused") and d.rule not in UNUSED_ON_PURPOSE]
    assert unused == []


def test_the_table_in_the_repository_is_today_s() -> None:
    assert json.loads(TABLE.read_text("utf-8")) == json.loads(json.dumps(table())), REFRESH

"""Every statement has a home that is reached from the top; nothing is there that no statement, overlay or conflict asks for."""

from __future__ import annotations

import csv
import json
import shutil
from functools import cache
from pathlib import Path

import pytest

from guideway.authoring.traceability import actions_of, names_expected, statement_ids, traceability
from guideway.authoring.validate import validate
from guideway.guideline.compiled import definitions_in

from .support import ROOT, Json, cases_below, guideline, read, remarks

DATA = ROOT / "tests/guideline/data"
TABLE = ROOT / "plandefinitions/traceability.json"
REFRESH = "run guideway traceability --cases tests/guideline/cases --format json -o plandefinitions/traceability.json"


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


def value_sets_of(statement: str) -> set[str]:
    return {name for home in homes()[statement]["homes"] for name in home.get("valueSets", ())}


def test_every_value_set_stands_in_a_row() -> None:
    listed = {name for statement in homes() for name in value_sets_of(statement)}
    assert all(listed.issuperset(names) for names in table()["shared"].values())
    assert listed == {file.stem.removeprefix("ValueSet-") for file in (ROOT / "valuesets").rglob("ValueSet-*.json")}


@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        ("bp.precaution.nsaid", {"mcas", "nsaid"}),  # what a draft order is, or a drug in use
        ("lk.pain.opioid-caution", {"opioid"}),
        ("sm.advanced.midostaurin-first-line", {"midostaurin"}),
        ("bp.first-line.h2-add", {"h2-antihistamine", "ranitidine"}),
        (
            "sm.periop.premed-h1-h2",
            {"h1-antihistamine-orderable", "h2-antihistamine-orderable"},
        ),  # what its activities let one choose from
        ("sm.all.stratify-by-subtype", {"sm-subtype"}),  # the answers to a question
    ],
)
def test_a_row_names_the_value_sets_that_its_logic_only_asks_about(statement: str, wanted: set[str]) -> None:
    assert wanted <= value_sets_of(statement)


def test_what_reads_the_names_of_drugs_is_listed_once() -> None:
    """It asks about the value sets of every drug, whatever the row is about."""
    row = homes()["lk.pain.opioid-caution"]["homes"][0]
    assert "names of drugs" in row["shared"]
    assert "nsaid" not in row["valueSets"]
    assert {"nsaid", "h1-antihistamine", "opioid"} <= set(table()["shared"]["names of drugs"])


def test_a_row_names_what_is_ordered() -> None:
    products = [home["product"] for home in homes()["sm.advanced.midostaurin-first-line"]["homes"] if "product" in home]
    assert products
    assert all("http://www.nlm.nih.gov/research/umls/rxnorm|" in product for product in products)


def unaccounted(plans: list[Json]) -> list[str]:
    """Actions, however deep, that carry no statement or rule, follow on none, hold none and lead to no plan; and statements that
    are none."""
    found = []
    for plan in plans:
        carriers = {action.get("id") for action in actions_of(plan) if statement_ids(action)}
        for action in actions_of(plan):
            named = statement_ids(action)
            follows = any(related["actionId"] in carriers for related in action.get("relatedAction") or ())
            proposes = "/ActivityDefinition/" in action.get("definitionCanonical", "")
            leads_on = "/PlanDefinition/" in action.get("definitionCanonical", "") or bool(action.get("action"))
            if not named and (proposes or not (leads_on or follows)):
                found.append(f"{plan['id']}#{action.get('id')}")
            found += [name for name in named if name not in STATEMENTS and name not in RULES]
    return found


def test_every_action_is_accounted_for() -> None:
    assert unaccounted([plan.resource for plan in guideline().plans]) == []


def test_an_action_that_nothing_asks_for_is_found() -> None:
    plan = json.loads(json.dumps(next(plan.resource for plan in guideline().plans if plan.id == "trigger-avoidance")))
    stray = {"id": "stray", "title": "Stray", "description": "Nobody asked for it."}
    plan["action"].append(stray)
    assert unaccounted([plan]) == ["trigger-avoidance#stray"]
    stray["extension"] = [
        {"url": "https://example.org/guideway/StructureDefinition/statement-id", "valueString": "sm.no-such-statement"}
    ]
    assert unaccounted([plan]) == ["sm.no-such-statement"]


def test_an_action_that_nothing_asks_for_is_found_inside_one_that_is() -> None:
    plan = json.loads(json.dumps(next(plan.resource for plan in guideline().plans if plan.id == "trigger-avoidance")))
    named = next(action for action in actions_of(plan) if statement_ids(action))
    named.setdefault("action", []).append({"id": "stray", "title": "Stray", "description": "Nobody asked for it."})
    assert unaccounted([plan]) == ["trigger-avoidance#stray"]


def test_every_activity_is_proposed_by_an_action() -> None:
    used = {reference.partition("|")[0] for plan in guideline().plans for reference in definitions_in(plan.resource)}
    assert sorted(a.id for a in guideline().package.of_type("ActivityDefinition") if a.url not in used) == []


def test_nothing_in_the_package_is_unused() -> None:
    assert [d.as_text() for d in remarks() if d.rule.endswith("-unused")] == []


@pytest.mark.full
def test_what_nothing_refers_to_is_found(tmp_path: Path) -> None:
    """An activity, a value set, a define and a library: each in the file that it stands in, and nothing else."""
    for name in ("plandefinitions", "valuesets"):
        shutil.copytree(ROOT / name, tmp_path / name)
    plans = tmp_path / "plandefinitions"
    logic, library = (plans / f"trigger-avoidance/{name}.cql" for name in ("TriggerAvoidanceLogic", "Stray"))
    logic.write_text(logic.read_text("utf-8") + '\ndefine "Stray":\n  true\n', "utf-8")
    text = "library Stray version '0.1.0'\n\nusing FHIR version '4.0.1'\n\ncontext Patient\n\ndefine \"Stray\":\n  true\n"
    library.write_text(text, "utf-8")
    strays = [logic, library]
    for kind, source in (("ActivityDefinition", plans / "shared-activities"), ("ValueSet", tmp_path / "valuesets")):
        file = sorted(source.rglob(f"{kind}-*.json"))[0]
        resource = json.loads(file.read_text("utf-8"))
        old = resource["id"]
        resource |= {"id": "stray", "url": resource["url"].replace(f"/{old}", "/stray"), "name": "Stray", "title": "Stray"}
        strays.append(file.parent / f"{kind}-stray.json")
        strays[-1].write_text(json.dumps(resource), "utf-8")
    found = {d.file for d in validate([str(tmp_path)]).findings if d.rule.endswith("-unused")}
    assert found == {str(file) for file in strays}


def test_the_table_in_the_repository_is_today_s() -> None:
    assert json.loads(TABLE.read_text("utf-8")) == json.loads(json.dumps(table())), REFRESH

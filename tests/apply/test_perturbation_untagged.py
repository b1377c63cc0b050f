"""Explanations hold for packages that tag no data elements: what is missing is named by define or by what is read, and is enough.

Generated conditions over untagged defines, aggregates, the first and the last of a list in place, lists made of lists, the age
of the patient and one tagged element. On generated patients: supplying everything that is called missing, as the kind of data
that it says, decides the status; each datum can change it; and what is not named does not matter.
"""

from __future__ import annotations

import random
from functools import cache
from itertools import product
from typing import Any

import pytest
from tests.apply.small import AS_OF, BASE, PATIENT, agreement, guideline, head, observation, plan, record, when

from guideway.apply.outcome import Missing, Recommendation
from guideway.apply.run import apply_guideline
from guideway.guideline.compiled import CompiledGuideline

Json = dict[str, Any]
CONDITIONS = 24

HEAD = (
    head({"level": "level", "other": "other", "mark": "mark"}, "Count Tests")
    + """
define "Counts": [Observation: "Count Tests"] O where O.status = 'final'
define "Levels": [Observation: "level code"] O where O.status = 'final'
define "Marks": [Observation: "mark code"] O where O.status = 'final'
define "Latest Level": Last("Levels" O sort by (effective as FHIR.dateTime).value).value as Quantity
define "Level Is Low": "Latest Level" < 1 'mg'
define "Agrees":
  First([QuestionnaireResponse] R
    return First(R.item I where I.linkId = 'agree' return (First(I.answer).value as FHIR.boolean).value))

// @dataElement: other
define "Other": Last([Observation: "other code"] O sort by (effective as FHIR.dateTime).value).value as Quantity
"""
)


def atom(draw: random.Random) -> str:
    number = draw.choice("13")
    counts = '"Counts" C return (C.value as Quantity)'
    return draw.choice(
        [
            f"{draw.choice(['Max', 'Min', 'Sum', 'Median'])}({counts}) {draw.choice('<>')} {number} 'mg'",
            f'Count("Marks") > {number}',
            f"First({counts}) > {number} 'mg'",
            f"(Last(\"Counts\" C sort by (effective as FHIR.dateTime).value).value as Quantity) < {number} 'mg'",
            f"Max(({counts}) union ({counts})) > {number} 'mg'",
            f"Max(distinct ({counts})) < {number} 'mg'",
            f"\"Latest Level\" < {number} 'mg'",
            '"Level Is Low"',
            '"Agrees"',
            f"\"Other\" > {number} 'mg'",
            f'"Latest Level" {draw.choice("<>")} "Other"',
            f"AgeInYears() > {draw.choice(['40', '60'])}",
            "Patient.gender = 'female'",
            "exists (\"Marks\" C where (C.value as Quantity) > 1 'mg')",
        ]
    )


def condition(draw: random.Random, depth: int = 2) -> str:
    if depth == 0 or draw.random() < 0.15:
        return f"({atom(draw)})"
    a, b, c = (condition(draw, depth - 1) for _ in range(3))
    return draw.choice([f"({a} and {b})", f"({a} or {b})", f"(not {a})", f"({a} implies {b})", f"(if {a} then {b} else {c})"])


@cache
def compiled(seed: int) -> tuple[CompiledGuideline, dict[str, str]]:
    """A guideline, and its conditions by action."""
    draw = random.Random(seed)
    conditions = {f"a{number}": condition(draw) for number in range(CONDITIONS)}
    lines = [HEAD, *(f'define "Condition {action[1:]}": {logic}' for action, logic in conditions.items())]
    actions = [{"id": f"a{n}", "title": str(n), "condition": [when(f"Condition {n}")]} for n in range(CONDITIONS)]
    made = guideline(plan("main", *actions), cql="\n".join(lines), hygiene="none")
    assert not made.findings, [finding.as_text() for finding in made.findings]
    return made, conditions


def measured(code: str, value: int | None, day: str = "2026-05-30", name: str | None = None) -> Json:
    unit = {"unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
    more: Json = {} if value is None else {"valueQuantity": {"value": value, **unit}}
    return observation(None, code, day, id=name or f"new-{code}", **more)


def patient(draw: random.Random) -> list[Json]:
    """The subject first."""
    subject: Json = {"resourceType": "Patient", "id": "p"}
    found = [subject | {name: PATIENT[name] for name in ("birthDate", "gender") if draw.random() < 0.5}]
    for code in ("count", "level", "other", "mark"):
        for number in range(draw.choice([0, 0, 1, 2])):
            value = draw.choice([0, 2, 2, 4]) if draw.random() < 0.8 else None
            found.append(measured(code, value, f"2026-05-0{number + 1}", f"{code}-{number}"))
    if draw.random() < 0.4:
        found.append(agreement(draw.random() < 0.5))
    return found


SUPPLIES: dict[str, list[Json]] = {
    "Observation of Count tests": [measured("count", n) for n in (-1, 2, 9)],
    "Latest Level": [measured("level", n) for n in (-1, 2, 9)],
    "other": [measured("other", n) for n in (-1, 2, 9)],
    "Agrees": [agreement(value, "2026-05-30") for value in (False, True)],
    "Patient.birthDate": [{"resourceType": "Patient", "birthDate": day} for day in ("1950-01-01", "1975-01-01", "2000-01-01")],
    "Patient.gender": [{"resourceType": "Patient", "gender": code} for code in ("male", "female")],
}


def statuses(g: CompiledGuideline, data: list[Json], explain: bool | str = "none") -> dict[str, Recommendation]:
    subject, *others = data
    outcome = apply_guideline(g, record(*others, patient=subject), as_of=AS_OF, explain=explain)
    return {r.action: r for r in outcome.recommendations}


def supplies(name: str, data: list[Json]) -> list[Json]:
    """The ways to supply what is missing; the value of a measurement that is there by its reference."""
    if name in SUPPLIES:
        return SUPPLIES[name]
    (known,) = (r for r in data if name == f"{r['resourceType']}/{r['id']}.value")
    code = known["code"]["coding"][0]["code"]
    return [measured(code, n, known["effectiveDateTime"], known["id"]) for n in (-1, 2, 9)]


def supplied(data: list[Json], given: tuple[Json, ...]) -> list[Json]:
    """The data with what was missing: in place of measurements of the same without a value."""
    subject, *others = data
    known = {r["id"] for r in others}
    codes = [r["code"] for r in given if "code" in r and r["id"] not in known]
    others = [r for r in others if "valueQuantity" in r or r.get("code") not in codes]
    for resource in given:
        if resource["resourceType"] == "Patient":
            subject = subject | resource
        else:
            others = [r for r in others if r["id"] != resource["id"]] + [resource]
    return [subject, *others]


def independent(logic: str) -> bool:
    """Whether no datum stands in two parts of a condition: two that rest on one datum cannot each go their own way."""
    atoms = logic.count('"Counts"') - logic.count("union")
    levels = logic.count('"Latest Level"') + logic.count('"Level Is Low"')
    return max(atoms, levels, logic.count('"Other"'), logic.count("AgeInYears"), logic.count("gender")) < 2


def check_missing(g: CompiledGuideline, data: list[Json], conditions: dict[str, str]) -> int:
    unknown = {action: r for action, r in statuses(g, data, False).items() if r.status == "unknown"}
    for action, r in unknown.items():
        names = [m.element for m in r.missing]
        assert names, action
        assert all(m.supply for m in r.missing), (action, r.missing)
        ways = {n: supplies(n, data) for n in names}
        table = {
            given: statuses(g, supplied(data, tuple(ways[n][i] for n, i in zip(names, given))))[action].status
            for given in product(*(range(len(ways[n])) for n in names))
        }
        assert "unknown" not in table.values(), (action, names, table)
        for place, name in enumerate(names if independent(conditions[action]) else ()):
            found: dict[tuple[int, ...], set[str]] = {}
            for given, status in table.items():
                found.setdefault(given[:place] + given[place + 1 :], set()).add(status)
            if any(len(different) > 1 for different in found.values()):
                continue
            if 'First("Counts" C return' in conditions[action] and name.startswith("Observation/count-"):
                continue  # in such a list equal values are one: of rows without a value all are named, not the first alone
            # it comes to the same either way, but the logic cannot tell before it has it
            rest = [n for n in names if n != name]
            without = (
                statuses(g, supplied(data, tuple(ways[n][i] for n, i in zip(rest, given))))[action].status
                for given in product(*(range(len(ways[n])) for n in rest))
            )
            assert "unknown" in without, (action, name, names)
    return len(unknown)


def check_named(g: CompiledGuideline, data: list[Json]) -> None:
    before = statuses(g, data, False)
    for resource in data[1:]:
        reference = f"{resource['resourceType']}/{resource['id']}"
        ways = [[r for r in data if r is not resource]]
        if resource["resourceType"] == "Observation":
            code = resource["code"]["coding"][0]["code"]
            other = [measured(code, n, resource["effectiveDateTime"], resource["id"]) for n in (None, 0, 3, 9)]
            ways += [[changed if r is resource else r for r in data] for changed in other]
        for way in ways:
            after = statuses(g, way)
            for action, r in before.items():
                named = {e.resource for e in r.evidence} | {c for e in [*r.evidence, *r.missing] for c in e.checked}
                if reference not in named:
                    assert after[action].status == r.status, (action, reference, way, r.evidence)


def check(seed: int, patients: int) -> int:
    draw = random.Random(seed)
    g, conditions = compiled(seed)
    found = 0
    for _ in range(patients):
        data = patient(draw)
        found += check_missing(g, data, conditions)
        check_named(g, data)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_what_no_tag_names_is_missing_enough(seed: int) -> None:
    assert check(seed, 2) > 0


@pytest.mark.full
@pytest.mark.parametrize("seed", range(1000, 1025))
def test_what_no_tag_names_is_missing_enough_on_many_patients(seed: int) -> None:
    check(seed, 8)


def missing_of(logic: str, *data: Json, subject: Json = PATIENT) -> list[Missing]:
    made = guideline(
        plan("main", {"id": "a", "title": "a", "condition": [when("Asked")]}), cql=f'{HEAD}\ndefine "Asked": {logic}'
    )
    (found,) = statuses(made, [subject, *data], False).values()
    return found.missing


def test_untagged_data_says_what_it_is_and_how_to_supply_it() -> None:
    (count,) = missing_of("Max(\"Counts\" C return (C.value as Quantity)) > 1 'mg'")
    assert (count.element, count.display) == ("Observation of Count tests", "Count tests")
    (way,) = count.supply
    assert (way.kind, way.text, way.type) == ("order", "Order or enter: Count tests", "Observation")
    assert way.value_set == f"{BASE}/ValueSet/count-tests"
    (level,) = missing_of("\"Latest Level\" < 1 'mg'")
    assert (level.element, level.supply[0].code) == ("Latest Level", {"code": "level", "system": f"{BASE}/CodeSystem/local"})
    (born,) = missing_of("AgeInYears() > 50", subject={"resourceType": "Patient", "id": "p"})
    assert (born.element, born.display) == ("Patient.birthDate", "birth date (Patient.birthDate)")
    assert born.supply[0].text == "Record Patient.birthDate"
    assert [m.element for m in missing_of('"Latest Level" < "Other"')] == ["other", "Latest Level"]


def test_what_else_the_missing_data_would_change_is_opened() -> None:
    logic = """(if exists ("Counts" C where (C.value as Quantity) > 1 'mg') then "Latest Level" < 1 'mg' else
      Min("Counts" C return (C.value as Quantity)) < 3 'mg')"""
    assert [m.element for m in missing_of(logic)] == ["Observation of Count tests", "Latest Level"]


def test_untagged_data_that_is_there_says_why_it_does_not_help() -> None:
    (level,) = missing_of("\"Latest Level\" < 1 'mg'", measured("level", None, name="empty"))
    assert level.because == ["Observation/empty: it has no value"]
    assert level.checked == ["Observation/empty"]

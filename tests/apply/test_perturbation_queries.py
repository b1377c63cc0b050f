"""What an explanation does not name does not matter, for logic that asks of several resources at once.

Generated conditions over every form of query: ``where`` with several conditions and other defines, ``with`` and ``without``,
nested ``exists``, ``let``, several sources, counts, sums and extremes, the first and the last, each value once, lists made of
lists, functions that take lists, and drugs behind a reference. On generated patients each resource that is neither evidence,
nor named as looked at or left out, is taken away, given another status, and given another value: no status changes.
"""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import pytest
from tests.apply.small import AS_OF, BASE, PATIENT, guideline, head, observation, plan, record, when

from guideway.apply.outcome import Recommendation
from guideway.apply.run import apply_guideline
from guideway.guideline.compiled import CompiledGuideline

Json = dict[str, Any]
CONDITIONS = 30

HEAD = (
    head({"a": "A", "b": "B", "e": "E"}, "Tablet A")
    + """
define "A": [Observation: "a code"]
define "B": [Observation: "b code"]
define "Illnesses": [Condition: "e code"]

// @dataElement: ill
define "Ill": exists ("Illnesses" C where C.clinicalStatus.coding[0].code.value = 'active')

// @dataElement: onTablet
define "On Tablet": exists ([MedicationRequest: "Tablet A"] M where M.status = 'active')

// @dataElement: tablets
define "Tablets": [MedicationRequest: "Tablet A"] M where M.status in { 'active', 'on-hold' }

// @dataElement: latestA
define "Latest A": Last("A" O where O.status = 'final' sort by (effective as FHIR.dateTime).value).value as Quantity

define "Pairs":
  from "A" X, "B" Y
    where X.status = Y.status and (X.value as Quantity) > (Y.value as Quantity)
    return Tuple { x: X, amount: X.value as Quantity, alike: X.effective = Y.effective }

// @dataElement: rows
define "Rows":
  ("A" union "B") O
    let amount: O.value as Quantity
    return Tuple { row: O, amount: amount, good: O.status = 'final' }

define function "Usable"(o Observation): o.status = 'final' and o.value is not null
define function "Newest"(every List<Observation>):
  Last(every O where "Usable"(O) sort by (effective as FHIR.dateTime).value)
define function "Amount"(o Observation): o.value as Quantity
define function "More"(every List<Observation>, than Integer): Count(every) > than
define function "Either"(one Boolean, other Boolean): one or other
"""
)


def of_row(draw: random.Random, row: str, depth: int = 1) -> str:
    """A condition on an Observation called ``row``."""
    amount = f"({row}.value as Quantity)"
    other = "Q" if row != "Q" else "R"
    few = [
        f"{row}.status = '{draw.choice(['final', 'amended'])}'",
        f"{amount} {draw.choice('<>')} {draw.choice('123')} 'mg'",
        f'"Usable"({row})',
        f"\"Amount\"({row}) > 1 'mg'",
        f"{row}.value is {draw.choice(['null', 'not null'])}",
    ]
    if depth == 0:
        return draw.choice(few)
    more = [
        f'"{draw.choice(["Ill", "On Tablet"])}"',
        f'(not "{draw.choice(["Ill", "On Tablet"])}")',
        f'{amount} > "Latest A"',
        f"exists ({source(draw)} {other} where {of_row(draw, other, 0)} and {other}.status = {row}.status)",
        f"Count({source(draw)} {other} where {of_row(draw, other, 0)}) > {draw.choice('01')}",
    ]
    parts = [draw.choice([*few, *more]) for _ in range(draw.choice([1, 2, 2]))]
    return draw.choice([" and ", " and ", " or "]).join(parts)


def source(draw: random.Random) -> str:
    """Something that gives Observations."""
    filtered = f'("A" I where {of_row(draw, "I", 0)})'
    fewer = f'("A" {draw.choice(["intersect", "except"])} {filtered})'
    return draw.choice(['"A"', '"B"', '[Observation: "a code"]', '("A" union "B")', filtered, fewer])


def amounts(draw: random.Random, depth: int = 1) -> str:
    """A list of amounts, each once, of one or of several lists."""
    if depth == 0 or draw.random() < 0.4:
        return f"({rows(draw)} S return {draw.choice(['', 'distinct '])}(S.value as Quantity))"
    left, right = amounts(draw, depth - 1), amounts(draw, depth - 1)
    every = f"({rows(draw)} S return all (S.value as Quantity))"
    return draw.choice(
        [
            f"({left} {draw.choice(['union', 'intersect', 'except'])} {right})",
            f"(distinct {every})",
            f"(Take({every}, {draw.choice('12')}))",
            f"({every} T return T)",
        ]
    )


def rows(draw: random.Random) -> str:
    """A list of Observations."""
    clause = ""
    if draw.random() < 0.5:
        kind = draw.choice(["with", "without"])
        clause = f"{kind} {source(draw)} W such that {of_row(draw, 'W', 0)} and W.status = O.status "
    where = f"where {of_row(draw, 'O')}" if not clause or draw.random() < 0.6 else ""
    let = f"let n: Count({rows(draw)}) " if draw.random() < 0.15 else ""
    if let:
        where = f"{where} {'and' if where else 'where'} n > {draw.choice('01')}"
    return f"({source(draw)} O {let}{clause}{where})"


def condition(draw: random.Random, depth: int = 2) -> str:
    if depth and draw.random() < 0.35:
        left, right = condition(draw, depth - 1), condition(draw, depth - 1)
        return draw.choice(
            [
                f"({left} and {right})",
                f"({left} or {right})",
                f"(not ({left}))",
                f"(({left}) is true)",
                f"(if {left} then {right} else {condition(draw, 0)})",
                f'"Either"({left}, {right})',
            ]
        )
    number = draw.choice("012")
    return draw.choice(
        [
            lambda: f"exists {rows(draw)}",
            lambda: f"exists {rows(draw)}",
            lambda: f"Count({rows(draw)}) {draw.choice(['>', '<', '='])} {number}",
            lambda: f"Sum({rows(draw)} S return all (S.value as Quantity)) > {number} 'mg'",
            lambda: f"Max({rows(draw)} S return all (S.value as Quantity)) > {number} 'mg'",
            lambda: f"{draw.choice(['Sum', 'Max', 'Min', 'Median'])}({amounts(draw)}) {draw.choice('<>')} {number} 'mg'",
            lambda: f"Count({amounts(draw)}) > {number}",
            lambda: f"exists ({amounts(draw)} S where S > {number} 'mg')",
            lambda: f"(First({amounts(draw)}) > {number} 'mg')",
            lambda: f"AnyTrue({rows(draw)} S return all {of_row(draw, 'S', 0)})",
            lambda: f"(Last({rows(draw)} S sort by (effective as FHIR.dateTime).value).value as Quantity) > {number} 'mg'",
            lambda: f"(First({rows(draw)}).status = 'final')",
            lambda: f'"Amount"("Newest"({rows(draw)})) > {number} \'mg\'',
            lambda: f'"More"({rows(draw)}, {number})',
            lambda: f"exists (\"Pairs\" P where P.amount > {number} 'mg' {draw.choice(['', 'and P.alike'])})",
            lambda: f"Count(\"Rows\" R where R.good and R.amount > {number} 'mg') > 0",
            lambda: f"(First(\"Rows\" R where R.good return all R.amount)) > {number} 'mg'",
            lambda: f"exists (\"Tablets\" T where T.status = 'active' {draw.choice(['', 'and exists ' + rows(draw)])})",
            lambda: 'Count("Tablets") > 1',
            lambda: draw.choice(['"Ill"', '"On Tablet"', f"\"Latest A\" > {number} 'mg'"]),
            lambda: f"({rows(draw)} S aggregate T starting 0: T + 1) > {number}",
        ]
    )()


@cache
def compiled(seed: int) -> CompiledGuideline:
    draw = random.Random(seed)
    lines = [HEAD]
    actions = []
    for number in range(CONDITIONS):
        lines.append(f'define "Condition {number}": {condition(draw)}')
        actions.append({"id": f"a{number}", "title": str(number), "condition": [when(f"Condition {number}")]})
    made = guideline(plan("main", *actions), cql="\n".join(lines), hygiene="none")
    assert not made.findings, [finding.as_text() for finding in made.findings]
    return made


def quantity(draw: random.Random) -> Json:
    amount = draw.choice([0, 1, 2, 3, 4])
    return {"value": amount, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}


def coded(code: str) -> Json:
    return {"coding": [{"system": f"{BASE}/CodeSystem/local", "code": code}]}


def patient(draw: random.Random) -> list[Json]:
    found: list[Json] = []
    for code in "AB":
        for number in range(draw.choice([0, 1, 2, 3])):
            more: Json = {"valueQuantity": quantity(draw)} if draw.random() < 0.8 else {}
            day = f"2026-05-0{number + 1}"
            status = draw.choice(["final", "final", "amended"])
            found.append(observation(None, code, day, id=f"{code}-{number}", status=status, **more))
    if draw.random() < 0.6:
        state = draw.choice(["active", "resolved"])
        found.append(
            {
                "resourceType": "Condition",
                "id": "c",
                "subject": {"reference": "Patient/p"},
                "code": coded("E"),
                "clinicalStatus": coded(state),
            }
        )
    for number in range(draw.choice([0, 1, 1, 2])):
        request: Json = {"resourceType": "MedicationRequest", "id": f"m{number}", "intent": "order", "authoredOn": "2026-01-01"}
        request |= {"status": draw.choice(["active", "on-hold", "stopped"]), "subject": {"reference": "Patient/p"}}
        if draw.random() < 0.5:
            request["medicationReference"] = {"reference": f"Medication/d{number}"}
            found.append({"resourceType": "Medication", "id": f"d{number}", "code": coded("a")})
        else:
            request["medicationCodeableConcept"] = coded("a")
        found.append(request)
    return found


def outcomes(g: CompiledGuideline, data: list[Json], explain: bool | str = "none") -> dict[str, Recommendation]:
    result = apply_guideline(g, record(*data, patient=PATIENT), as_of=AS_OF, explain=explain)
    return {r.action: r for r in result.recommendations}


def changed(resource: Json) -> list[Json | None]:
    """The resource gone; with another status; with another value, or none."""
    ways: list[Json | None] = [None]
    match resource["resourceType"]:
        case "Observation":
            ways.append(resource | {"status": "amended" if resource["status"] == "final" else "final"})
            ways += [
                resource | {"valueQuantity": {"value": n, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}}
                for n in (0, 2, 9)
            ]
            ways.append({name: value for name, value in resource.items() if name != "valueQuantity"})
        case "Condition":
            ways += [resource | {"clinicalStatus": coded(state)} for state in ("active", "resolved")]
        case "MedicationRequest":
            ways += [resource | {"status": status} for status in ("active", "stopped")]
        case "Medication":
            ways.append(resource | {"code": coded("z")})
    return ways


def check(g: CompiledGuideline, data: list[Json]) -> tuple[int, int]:
    """How many references are named, and how many resources there are, over all conditions."""
    before = outcomes(g, data, explain=False)
    said = {
        action: {e.resource for e in r.evidence} | {c for e in [*r.evidence, *r.missing] for c in e.checked}
        for action, r in before.items()
    }
    for resource in data:
        reference = f"{resource['resourceType']}/{resource['id']}"
        if all(reference in named for named in said.values()):
            continue
        for other in changed(resource):
            after = outcomes(g, [other if r is resource else r for r in data if r is not resource or other is not None])
            for action, r in before.items():
                if reference not in said[action]:
                    assert after[action].status == r.status, (
                        action,
                        reference,
                        other,
                        r.status,
                        after[action].status,
                        r.evidence,
                    )
    return sum(len(named & {f"{r['resourceType']}/{r['id']}" for r in data}) for named in said.values()), len(data) * len(before)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_not_named_does_not_matter(seed: int) -> None:
    draw = random.Random(seed)
    named, there = 0, 0
    for _ in range(3):
        counts = check(compiled(seed), patient(draw))
        named, there = named + counts[0], there + counts[1]
    assert named < there * 2 / 3  # what decided, not everything that was read


@pytest.mark.parametrize(
    "logic",
    [
        "Max(\"A\" C return (C.value as Quantity)) > 2 'mg'",
        "Sum(distinct (\"A\" C return all (C.value as Quantity))) > 2 'mg'",
        'Count(("A" C return (C.value as Quantity)) union ("B" C return (C.value as Quantity))) > 1',
        'exists (("A" C return (C.value as Quantity)) intersect ("B" C return (C.value as Quantity)))',
        'not exists (("A" C return (C.value as Quantity)) except ("B" C return (C.value as Quantity)))',
    ],
    ids=["return", "distinct", "union", "intersect", "except"],
)
def test_rows_that_are_alike_are_named(logic: str) -> None:
    conditions = {"id": "a", "title": "a", "condition": [when("Asked")]}
    made = guideline(plan("main", conditions), cql=f'{HEAD}\ndefine "Asked": {logic}', hygiene="none")
    unit = {"unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
    days = {"A-0": "2026-01-05", "A-1": "2026-03-05", "B-0": "2026-03-06"}
    data = [observation(None, n[0], day, id=n, valueQuantity={"value": 1, **unit}) for n, day in days.items()]
    check(made, data)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(50))
def test_what_is_not_named_does_not_matter_on_a_thousand_patients(seed: int) -> None:
    draw = random.Random(seed + 1000)
    for _ in range(20):
        check(compiled(seed + 1000), patient(draw))

"""Explanations hold for logic of any form that tags no data elements: what is not named does not matter, what is missing is
enough.

Small random defines, each an expression of Boolean type built from lists of rows, lists of numbers, single rows and numbers:
``if`` and ``case`` between lists, indices, ``First``, ``Last``, ``Skip``, ``Take``, ``singleton from``, queries that read a
second source in their conditions or results, sorted and aggregated ones, extremes, ``exists``, ``implies``, tests for null,
elements that a record does not have. On random records each resource that is neither evidence nor named as looked at is taken
away, given another value, status or date, and loses an element: no status changes.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from typing import Any

import pytest
from tests.apply.small import AS_OF, BASE, PATIENT, guideline, head, observation, plan, record, when

from guideway.apply.outcome import Missing, Recommendation
from guideway.apply.run import apply_guideline
from guideway.guideline.compiled import CompiledGuideline

Json = dict[str, Any]
CONDITIONS = 24

HEAD = (
    head({"a": "A", "b": "B", "k": "K"})
    + """
define "As": [Observation: "a code"] O where O.status = 'final'
define "Bs": [Observation: "b code"]
define "Ks": [Condition: "k code"]
define "A": "As" O return all (O.value as FHIR.Quantity).value.value
define "B": "Bs" O return all (O.value as FHIR.Quantity).value.value
define "Newest A": Last("As" O sort by (effective as FHIR.dateTime).value)
define "Oldest B": First("Bs" O sort by (effective as FHIR.dateTime).value)
define "Latest A": ("Newest A".value as FHIR.Quantity).value.value
define "Has K": exists ("Ks" K where K.clinicalStatus.coding[0].code.value = 'active')
define function "Amount"(o Observation): (o.value as FHIR.Quantity).value.value
define function "Over"(numbers List<Decimal>, limit Decimal): numbers N where N > limit
"""
)

SORTED = "sort by (effective as FHIR.dateTime).value"


class Forms:
    """Expressions at random, by type; ``chooses``: whether one of them has let rows in by their values."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw

    def number(self) -> str:
        return self.draw.choice(["0.0", "1.0", "2.0", "3.0"])

    def rows(self, depth: int) -> str:
        """A list of Observations."""
        if depth <= 0:
            return self.draw.choice(['"As"', '"Bs"', '([Observation: "a code"])', '([Observation: "b code"])'])
        return self.draw.choice(
            [
                lambda: self.rows(0),
                lambda: self.rows(0),
                lambda: f"({self.rows(depth - 1)} X where {self.of_row('X', depth - 1)})",
                lambda: f"({self.rows(depth - 1)} X return all X {SORTED}{self.draw.choice(['', ' desc'])})",
                lambda: (
                    f"({self.rows(0)} X {self.draw.choice(['with', 'without'])} {self.rows(0)} Y such that "
                    f"X.id.value != Y.id.value and "
                    f"(X.value as FHIR.Quantity).value.value >= (Y.value as FHIR.Quantity).value.value)"
                ),
                lambda: f"({self.rows(0)} union {self.rows(0)})",
                lambda: f"(if {self.truth(depth - 1)} then {self.rows(depth - 1)} else {self.rows(0)})",
                lambda: f"(Skip({self.rows(depth - 1)}, 1))",
                lambda: f"(Take({self.rows(depth - 1)}, {self.draw.choice('12')}))",
                lambda: f"(Tail({self.rows(depth - 1)}))",
            ]
        )()

    def row(self, depth: int) -> str:
        """One Observation."""
        return self.draw.choice(
            [
                lambda: '"Newest A"',
                lambda: '"Oldest B"',
                lambda: f"First({self.rows(depth - 1)})",
                lambda: f"Last({self.rows(depth - 1)})",
                lambda: f"Last({self.rows(depth - 1)} X return all X {SORTED})",
                lambda: f"{self.rows(0)}[{self.draw.choice('001')}]",
                lambda: f"First({self.rows(0)} X return all X {SORTED} desc)",
                lambda: f"(if {self.truth(depth - 1)} then {self.row(depth - 1)} else {self.row(0)})",
                lambda: f"Coalesce({self.row(0)}, {self.row(0)})",
                lambda: f"(singleton from (Take({self.rows(0)}, 1)))",
            ][: 3 if depth <= 0 else None]
        )()

    def of_row(self, row: str, depth: int) -> str:
        """A condition on one row of a list."""
        amount = f"({row}.value as FHIR.Quantity).value.value"
        return self.draw.choice(
            [
                lambda: f"{amount} {self.draw.choice('<>')} {self.number()}",
                lambda: f"{row}.status.value = 'final'",
                lambda: f"{amount} in {self.numbers(depth - 1)}",
                lambda: f"{amount} >= {self.amount(depth - 1)}",
                lambda: f"exists ({self.rows(0)} Y where Y.status.value = {row}.status.value)",
                lambda: self.truth(depth - 1),
            ][: 2 if depth <= 0 else None]
        )()

    def numbers(self, depth: int) -> str:
        """A list of numbers."""
        if depth <= 0:
            return self.draw.choice(['"A"', '"B"'])
        return self.draw.choice(
            [
                lambda: self.numbers(0),
                lambda: f"({self.rows(depth - 1)} R return all (R.value as FHIR.Quantity).value.value)",
                lambda: f'({self.rows(depth - 1)} R return all "Amount"(R) + {self.amount(depth - 1)})',
                lambda: f"({self.numbers(depth - 1)} N where N {self.draw.choice('<>')} {self.amount(depth - 1)})",
                lambda: f"({self.numbers(depth - 1)} N where N in {self.numbers(0)})",
                lambda: f'("A" {self.draw.choice(["union", "intersect", "except"])} "B")',
                lambda: f"(distinct {self.numbers(depth - 1)})",
                lambda: f"(if {self.truth(depth - 1)} then {self.numbers(depth - 1)} else {self.numbers(0)})",
                lambda: (
                    f"(case when {self.truth(depth - 1)} then {self.numbers(0)} when {self.truth(0)} then {self.numbers(0)}"
                    f" else {self.numbers(0)} end)"
                ),
                lambda: f"(Skip({self.numbers(depth - 1)}, 1))",
                lambda: f"(Take({self.numbers(depth - 1)}, {self.draw.choice('12')}))",
                lambda: f"({self.numbers(depth - 1)} N sort {self.draw.choice(['asc', 'desc'])})",
                lambda: f'("Over"({self.numbers(depth - 1)}, {self.amount(depth - 1)}))',
                lambda: f"(flatten {{ {self.numbers(0)}, {self.numbers(0)} }})",
                lambda: (
                    f"(from {self.rows(0)} P, {self.rows(0)} Q return all (P.value as FHIR.Quantity).value.value - "
                    f"(Q.value as FHIR.Quantity).value.value)"
                ),
                lambda: f"({{ {self.amount(0)}, {self.amount(0)} }})",
            ]
        )()

    def amount(self, depth: int) -> str:
        """A number, or null."""
        if depth <= 0:
            return self.draw.choice(
                [self.number(), self.number(), '"Latest A"', 'First("A")', 'Last("B")', 'ToDecimal(Count("Bs"))']
            )
        return self.draw.choice(
            [
                lambda: self.amount(0),
                lambda: f"({self.row(depth)}.value as FHIR.Quantity).value.value",
                lambda: f"({self.row(depth)}.value as FHIR.Quantity).value.value",
                lambda: f"{self.draw.choice(['Max', 'Min', 'Sum', 'Avg', 'Median'])}({self.numbers(depth - 1)})",
                lambda: f"{self.draw.choice(['First', 'Last'])}({self.numbers(depth - 1)})",
                lambda: f"{self.numbers(0)}[{self.draw.choice('01')}]",
                lambda: f"{self.numbers(depth - 1)}[0]",
                lambda: f"ToDecimal(Count({self.draw.choice([self.numbers, self.rows])(depth - 1)}))",
                lambda: f"Coalesce({self.amount(depth - 1)}, {self.amount(0)})",
                lambda: f"({self.amount(depth - 1)} {self.draw.choice('+-')} {self.amount(0)})",
                lambda: f"(if {self.truth(depth - 1)} then {self.amount(depth - 1)} else {self.amount(0)})",
                lambda: f"({self.numbers(depth - 1)} N aggregate T starting ({self.amount(0)}): T + N)",
                lambda: f'"Amount"({self.row(depth - 1)})',
            ]
        )()

    def truth(self, depth: int) -> str:
        """A condition."""
        if depth <= 0:
            return self.draw.choice(
                [
                    f"(Count({self.rows(0)}) > {self.draw.choice('01')})",
                    f"(exists {self.rows(0)})",
                    '"Has K"',
                    f'("Latest A" > {self.number()})',
                ]
            )
        return self.draw.choice(
            [
                lambda: self.truth(0),
                lambda: f"({self.amount(depth)} {self.draw.choice(['<', '>', '=', '>='])} {self.amount(depth - 1)})",
                lambda: f"({self.amount(depth)} > {self.number()})",
                lambda: f"({self.amount(depth)} > {self.number()})",
                lambda: f"(exists {self.rows(depth)})",
                lambda: f"(exists ({self.numbers(depth)} N where N > {self.number()}))",
                lambda: f"({self.numbers(depth)} contains {self.amount(depth - 1)})",
                lambda: f"({self.amount(depth - 1)} in {self.numbers(depth)})",
                lambda: f"(IndexOf({self.numbers(depth)}, {self.amount(0)}) = 0)",
                lambda: f"({self.row(depth)}.status.value = 'final')",
                lambda: f"({self.row(depth)}.interpretation[0].text.value = 'H')",
                lambda: "(Last(\"Ks\").code.text.value = 'x')",
                lambda: f"({self.row(depth)}.issued.value > @2026-01-01T00:00:00.0Z)",
                lambda: f"({self.amount(depth)} is null)",
                lambda: f"(({self.truth(depth - 1)}) is true)",
                lambda: f"(AnyTrue({self.rows(depth - 1)} R return all {self.of_row('R', depth - 1)}))",
                lambda: f"({self.truth(depth - 1)} and {self.truth(depth - 1)})",
                lambda: f"({self.truth(depth - 1)} or {self.truth(depth - 1)})",
                lambda: f"({self.truth(depth - 1)} implies {self.truth(depth - 1)})",
                lambda: f"(exists {self.rows(0)} implies {self.truth(depth - 1)})",
                lambda: f"(not {self.truth(depth - 1)})",
                lambda: f"(if {self.truth(depth - 1)} then {self.truth(depth - 1)} else {self.truth(0)})",
                lambda: f"(Interval[{self.amount(0)}, {self.amount(depth - 1)}] contains {self.number()})",
            ]
        )()


@cache
def compiled(seed: int) -> tuple[CompiledGuideline, dict[str, str]]:
    """A guideline, and its conditions by action."""
    forms = Forms(random.Random(seed))
    return of_logic({f"a{number}": forms.truth(2) for number in range(CONDITIONS)})


def of_logic(conditions: dict[str, str]) -> tuple[CompiledGuideline, dict[str, str]]:
    lines = [HEAD, *(f'define "Condition {action}": {logic}' for action, logic in conditions.items())]
    actions = [{"id": action, "title": action, "condition": [when(f"Condition {action}")]} for action in conditions]
    made = guideline(plan("main", *actions), cql="\n".join(lines), hygiene="none")
    assert not made.findings, [finding.as_text() for finding in made.findings]
    return made, conditions


def coded(code: str) -> Json:
    return {"coding": [{"system": f"{BASE}/CodeSystem/local", "code": code}]}


def measured(name: str, value: float | None, day: str, **more: Any) -> Json:
    quantity = {} if value is None else {"valueQuantity": {"value": value, "unit": "1", "system": "http://unitsofmeasure.org"}}
    return observation(None, name[0], day, id=name, **quantity, **more)


def illness(name: str, state: str, text: str | None = None) -> Json:
    code = coded("K") | ({"text": text} if text else {})
    found: Json = {"resourceType": "Condition", "id": name, "subject": {"reference": "Patient/p"}, "code": code}
    return found | {"clinicalStatus": coded(state)}


def patient(draw: random.Random) -> list[Json]:
    found: list[Json] = []
    for code in "AB":
        for number in range(draw.choice([0, 0, 1, 2, 3])):
            value = draw.choice([0.0, 1.0, 2.0, 3.0]) if draw.random() < 0.85 else None
            day = f"2026-05-{draw.randint(1, 28):02}"
            status = draw.choice(["final", "final", "final", "amended"])
            more: Json = {"interpretation": [{"text": draw.choice("HL")}]} if draw.random() < 0.3 else {}
            more |= {"issued": f"{day}T12:00:00.000Z"} if draw.random() < 0.3 else {}
            found.append(measured(f"{code}-{number}", value, day, status=status, **more))
    for number in range(draw.choice([0, 0, 1, 2])):
        found.append(illness(f"K-{number}", draw.choice(["active", "resolved"]), draw.choice([None, "x", "y"])))
    return found


def outcomes(g: CompiledGuideline, data: list[Json], explain: bool | str = "none") -> dict[str, Recommendation]:
    result = apply_guideline(g, record(*data, patient=PATIENT), as_of=AS_OF, explain=explain)
    return {r.action: r for r in result.recommendations}


def ways(data: list[Json], changed: Json) -> Iterator[list[Json]]:
    """The data without a resource, and with it otherwise."""
    yield [r for r in data if r is not changed]
    others: list[Json] = []
    if changed["resourceType"] == "Observation":
        for value in (None, 0.0, 2.0, 9.0):
            others.append({k: v for k, v in changed.items() if k != "valueQuantity"} | _value(value))
        others += [changed | {"status": "amended" if changed["status"] == "final" else "final"}]
        others += [changed | {"effectiveDateTime": day} for day in ("2026-04-01", "2026-05-31")]
        others += [{k: v for k, v in changed.items() if k not in ("interpretation", "issued")}]
        others += [changed | {"interpretation": [{"text": "H"}], "issued": "2026-05-30T12:00:00.000Z"}]
    else:
        others += [changed | {"clinicalStatus": coded(state)} for state in ("active", "resolved")]
        others += [changed | {"code": coded("K") | {"text": text}} for text in "xz"]
    for other in others:
        if other != changed:
            yield [other if r is changed else r for r in data]


def _value(value: float | None) -> Json:
    return {} if value is None else {"valueQuantity": {"value": value, "unit": "1", "system": "http://unitsofmeasure.org"}}


def named(r: Recommendation) -> set[str]:
    return {e.resource for e in r.evidence if e.resource} | {c for e in [*r.evidence, *r.missing] for c in e.checked}


def faults_of_names(g: CompiledGuideline, conditions: dict[str, str], data: list[Json]) -> Iterator[str]:
    """What changes a status and is not named."""
    before = outcomes(g, data, explain=False)
    said = {action: named(r) for action, r in before.items()}
    for resource in data:
        reference = f"{resource['resourceType']}/{resource['id']}"
        if all(reference in names for names in said.values()):
            continue
        for way in ways(data, resource):
            after = outcomes(g, way)
            for action, r in before.items():
                if reference not in said[action] and after[action].status != r.status and not may_fail(conditions[action]):
                    yield f"{conditions[action]}\n  {reference} {way} {r.status} -> {after[action].status} {r.evidence}"


def may_fail(logic: str) -> bool:
    """Whether another operand could fail with other data (an interval turned round), which did not decide."""
    return "Interval[" in logic and ("or" in logic or "and" in logic or "implies" in logic)


VALUES = (-1.0, 2.0, 9.0)
Way = tuple[Sequence[float], str, int, int]
WAYS: tuple[Way, ...] = (
    (VALUES, "final", 0, -1),
    ((0.0, 1.0, 3.0, 5.0), "final", 0, 1),
    (VALUES, "amended", 0, 1),
    (VALUES, "final", 1, -1),
    (VALUES, "final", 1, 1),
    ((3.0, 5.0), "final", 1, -2),
)
"""What is supplied: values, a status, how many rows more than are asked for, and the step from the value of one to that of the
next; logic that chooses rows may need any of these."""
FULL: Json = {"interpretation": [{"text": "H"}], "issued": "2026-05-30T12:00:00.000Z"}
"""What a result that is supplied says besides its value."""
CHOOSES = (
    "where",
    "with",
    " in ",
    "contains",
    "intersect",
    "except",
    "IndexOf",
    "Over",
    "from ",
    "Coalesce",
    "Interval",
    "Skip",
    "distinct",
)
"""Logic that may refuse what is supplied for what it says."""


def supplies(missing: Missing, data: list[Json], values: Sequence[float], state: str, more: int, step: int) -> list[list[Json]]:
    """What a datum that is missing may be supplied as: for each way the resources that are new, or otherwise than they were."""
    ways: list[list[Json]] = []
    for value in values:
        made: list[Json] = []
        for supply in missing.supply:
            if supply.resource is not None:
                assert supply.path is not None
                (there,) = (r for r in data if f"{r['resourceType']}/{r['id']}" == supply.resource)
                made.append(with_element(there, supply.path, value))
                continue
            assert supply.code is not None, missing
            code, numbers = supply.code["code"], range((supply.count or 1) + more)
            if supply.type == "Condition":
                made += [illness(f"K-new{number}", "active", "x") for number in numbers]
            else:
                full: Json = {**FULL, "status": state}
                made += [
                    measured(f"{code}-new{number}", value + step * number, f"2026-05-{29 + number}", **full) for number in numbers
                ]
        ways.append(made)
    return ways


def with_element(there: Json, path: str, value: float) -> Json:
    """A resource with an element that it did not have."""
    if path.startswith("value"):
        return there | _value(value)
    if path == "code.text":
        return there | {"code": there["code"] | {"text": "x"}}
    name = path.partition(".")[0].partition("[")[0]
    return there | {name: FULL[name]}


def supplied(data: list[Json], given: tuple[list[Json], ...]) -> list[Json]:
    """The data with what was missing; of a resource that is supplied with two elements, both."""
    found = {r["id"]: r for r in data}
    for resource in (r for way in given for r in way):
        known = found.get(resource["id"])
        before = next((r for r in data if r["id"] == resource["id"]), None)
        added = {k: v for k, v in resource.items() if before is None or before.get(k) != v}
        found[resource["id"]] = {**known, **added} if known is not None else resource
    return list(found.values())


def faults_of_missing(g: CompiledGuideline, conditions: dict[str, str], data: list[Json]) -> Iterator[str]:
    """What is called missing and does not decide, and what decides nothing."""
    for action, r in outcomes(g, data, explain=False).items():
        if r.status != "unknown":
            continue
        names = [m.element for m in r.missing]
        told = f"{conditions[action]}\n  {names} {[s.text for m in r.missing for s in m.supply]} {brief(data)}"
        if not names or len(names) > 4:
            yield f"{told} so many are missing"
            continue
        chosen = any(word in conditions[action] for word in CHOOSES)
        for values, state, more, step in WAYS if chosen else WAYS[:1]:
            options = [supplies(m, data, values, state, more, step) for m in r.missing]
            table = {
                given: outcomes(g, supplied(data, tuple(options[n][i] for n, i in enumerate(given))))[action].status
                for given in product(*(range(len(ways)) for ways in options))
            }
            decided = [status != "unknown" for status in table.values()]
            if any(decided):
                break
        if (not any(decided) or not (all(decided) or chosen)) and not (chosen and later_rows(g, action, data, options)):
            yield f"{told} is not enough {table}"


def faults_of_need(g: CompiledGuideline, conditions: dict[str, str], data: list[Json]) -> Iterator[str]:
    """What is called missing and decides nothing, whatever it and the others are."""
    for action, r in outcomes(g, data, explain=False).items():
        if not independent(conditions[action]):
            continue
        for place, missing in enumerate(r.missing if r.status == "unknown" and len(r.missing) < 4 else ()):
            if not any(needed(g, action, data, r.missing, place, way) for way in WAYS):
                names = [m.element for m in r.missing]
                yield f"{conditions[action]}\n  {missing.element} of {names} {brief(data)} is not needed"


def otherwise(made: list[Json]) -> list[Json]:
    """The same resources saying the opposite of what these say besides their values."""
    return [with_words(r) for r in made]


def with_words(resource: Json) -> Json:
    if resource["resourceType"] == "Condition":
        return resource | {"clinicalStatus": coded("resolved"), "code": resource["code"] | {"text": "y"}}
    said: Json = {"status": "amended" if resource["status"] == "final" else "final"} if "new" in resource["id"] else {}
    said |= {"interpretation": [{"text": "L"}]} if "interpretation" in resource else {}
    return resource | said | ({"issued": "2020-05-30T12:00:00.000Z"} if "issued" in resource else {})


def independent(logic: str) -> bool:
    """Whether no datum stands in two parts of a condition: two that rest on one datum cannot each go their own way."""
    return max(len(re.findall(names, logic)) for names in ('A"|"As"|a code', 'B"|"Bs"|b code', '"Ks"|Has K')) < 2


def needed(g: CompiledGuideline, action: str, data: list[Json], missing: list[Missing], place: int, way: Way) -> bool:
    """Whether something that is missing can change the status for some values of the rest, or there is none without it."""
    options = [[*supplies(m, data, *way), *map(otherwise, supplies(m, data, *way))] for m in missing]
    for given in product(*(ways if number != place else [[]] for number, ways in enumerate(options))):
        found = {outcomes(g, supplied(data, given))[action].status}
        for own in options[place]:
            found.add(outcomes(g, supplied(data, (*given[:place], own, *given[place + 1 :])))[action].status)
        if len(found) > 1 or "unknown" in found:
            return True
    return False


def later_rows(g: CompiledGuideline, action: str, data: list[Json], options: list[list[list[Json]]]) -> bool:
    """Whether all that is missing then is what rows lack that were refused before, and count now."""
    then = outcomes(g, supplied(data, tuple(ways[0] for ways in options)), explain=False)[action]
    there = {f"{r['resourceType']}/{r['id']}" for r in data}
    return all(way.resource in there for m in then.missing for way in m.supply)


def brief(data: list[Json]) -> list[str]:
    return [
        f"{r['id']}={r.get('valueQuantity', {}).get('value')} {r.get('effectiveDateTime', '')} {r.get('status', '')}"
        for r in data
    ]


@pytest.mark.parametrize("seed", range(2))
def test_what_is_not_named_does_not_matter(seed: int) -> None:
    draw = random.Random(seed)
    made, conditions = compiled(seed)
    assert list(faults_of_names(made, conditions, patient(draw))) == []


@pytest.mark.parametrize("seed", range(2))
def test_what_is_missing_is_enough(seed: int) -> None:
    draw = random.Random(seed)
    made, conditions = compiled(seed)
    for _ in range(3):
        assert list(faults_of_missing(made, conditions, patient(draw))) == []


@pytest.mark.parametrize("seed", range(2))
def test_each_datum_that_is_missing_is_needed(seed: int) -> None:
    draw = random.Random(seed)
    made, conditions = compiled(seed)
    for _ in range(2):
        assert list(faults_of_need(made, conditions, patient(draw))) == []


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1100))
def test_explanations_hold_in_a_thousand_forms(seed: int) -> None:
    draw = random.Random(seed)
    made, conditions = compiled(seed)
    for _ in range(4):
        data = patient(draw)
        assert list(faults_of_names(made, conditions, data)) == []
        assert list(faults_of_missing(made, conditions, data)) == []
        assert list(faults_of_need(made, conditions, data)) == []


A_ROW, B_ROW, K_ROW = measured("A-0", 2.0, "2026-05-02"), measured("B-0", 2.0, "2026-05-02"), illness("K-0", "active")


ASK_A, ASK_B = {"Observation of A": ["Order or enter: A"]}, {"Observation of B": ["Order or enter: B"]}
MISSING: list[tuple[str, list[Json], dict[str, list[str]]]] = [
    ("Last(\"Ks\").code.text.value = 'x'", [K_ROW], {"Condition/K-0.code.text": ["Record code.text of Condition/K-0"]}),
    (
        "\"Newest A\".interpretation[0].text.value = 'H'",
        [A_ROW],
        {"Observation/A-0.interpretation": ["Record interpretation of Observation/A-0"]},
    ),
    ('"B"[1] > 1', [], {"Observation of B": ["Order or enter: B (2 of them)"]}),
    ('"B"[1] > 1', [B_ROW], {"Observation of B": ["Order or enter: B (one more)"]}),
    ('First(Skip("A", 1)) > 1', [], {"Observation of A": ["Order or enter: A (2 of them)"]}),
    ('StdDev("A") > 1', [], {"Observation of A": ["Order or enter: A (2 of them)"]}),
    ('"A"[Count("B")] > 1', [], ASK_A),
    (
        'Sum("A" intersect "B") > 0',
        [measured("A-0", None, "2026-05-02")],
        {"Observation of A": ["Order or enter: A (one more)"]} | ASK_B,
    ),
    ('("B"[0] > 0) implies ("B"[1] > 3)', [], {"Observation of B": ["Order or enter: B (2 of them)"]}),
    ('Min("B" X where X in "A") > 1', [], ASK_B | ASK_A),
    ('Max("B" X return all X + Last("A")) > 3', [], ASK_B | ASK_A),
    ('Median("Over"("B", Last("A"))) > 1', [], ASK_B | ASK_A),
    (
        '(exists "Ks" implies First("A") > 1) and Last("Ks").code.text.value = \'x\'',
        [],
        ASK_A | {"Condition of K": ["Record: K (Condition)"]},
    ),
    (
        '(if exists "As" then Last("B") else First("A")) > 1',
        [],
        ASK_A | ASK_B,
    ),
]


@cache
def with_all_of_these() -> CompiledGuideline:
    return of_logic({f"x{number}": logic for number, (logic, _, _) in enumerate(MISSING)})[0]


@pytest.mark.parametrize("number", range(len(MISSING)), ids=[logic for logic, _, _ in MISSING])
def test_what_is_missing_is_named_with_how_much_of_it(number: int) -> None:
    _, data, expected = MISSING[number]
    found = outcomes(with_all_of_these(), data, explain=False)[f"x{number}"]
    assert {m.element: [way.text for way in m.supply] for m in found.missing} == expected

"""Explanations hold up when the data is changed: on generated patients and generated logic.

For every unknown: supplying all that is called missing decides it, and each missing datum can flip it for some completion of
the others. For every outcome: taking away a resource that is neither evidence nor said to have been checked changes no
status.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

import pytest
from tests.apply.small import AS_OF, BASE, PATIENT, guideline, head, observation, plan, record, when

from guideway.apply.outcome import Recommendation
from guideway.apply.parameters import read_text
from guideway.apply.run import apply_guideline
from guideway.guideline.compiled import CompiledGuideline, DefineKey

Json = dict[str, Any]

BOOLEANS = ("B1", "B2", "B3", "B4")
QUANTITIES = ("Q1", "Q2")
PLANS = 24
CHOICES = "aoaonitfc"
"""Formulas with tests for truth (t), if (f) and case (c) besides and, or, not and implies."""
TESTS = "aoaonizwvf"
"""Formulas with tests for null: between truth values (z, w), of numbers (v); numbers only there."""
STATES = "aoaonixx"
"""Formulas with tests for truth or for null that are conditions by themselves (x)."""

HEAD = (
    head({"q1": "Q1", "q2": "Q2", "e": "e"})
    + """
define function answer(link String):
  Last(flatten([QuestionnaireResponse] R return all (R.item I
    where I.linkId = link return (First(I.answer).value as FHIR.boolean).value)))

define function "given"(one FHIR.Quantity, other FHIR.Quantity):
  case when one is not null then one when other is not null then other else null end
define function "certain"(one Boolean, other Boolean): if one is null or other is null then null else one and other
define function "either"(one Boolean, other Boolean): case when one is not null then one else other end

// @dataElement: E1
define "E1": exists ([Condition: "e code"])
"""
)


def formula(draw: random.Random, depth: int, kinds: str) -> str:
    """A Boolean expression over the elements."""
    if depth == 0 or draw.random() < 0.15:
        kind = draw.choice("bbbbe" if "v" in kinds else "bbbqe")
        if kind == "b":
            return f'"{draw.choice(BOOLEANS if "t" not in kinds else BOOLEANS[:3])}"'
        return '"E1"' if kind == "e" else f"\"{draw.choice(QUANTITIES)}\" < {draw.choice('13')} 'mg'"
    a, b, c = (formula(draw, depth - 1, kinds) for _ in range(3))
    match draw.choice(kinds):
        case "a":
            return f"({a} and {b})"
        case "o":
            return f"({a} or {b})"
        case "n":
            return f"(not ({a}))"
        case "i":
            return f"({a} implies {b})"
        case "t":
            return f'(("B4") is {draw.choice(["true", "not true", "not false"])} and {b})'
        case "f":
            return f"(if {a} then {b} else {c})"
        case "z":
            first, second = draw.sample(BOOLEANS, 2)
            return draw.choice(
                [
                    f'(if "{first}" is null then null else "{first}" and {b})',
                    f'(if "{first}" is null or "{second}" is null then null else "{first}" or "{second}")',
                ]
            )
        case "w":
            first, second = draw.sample(BOOLEANS, 2)
            last = draw.choice(["null", a])
            return f'(case when "{first}" is not null then "{first}" when "{second}" is not null then "{second}" else {last} end)'
        case "x":
            first, second = draw.sample(BOOLEANS, 2)
            return f'("{first}" is {draw.choice(["true", "not false"])} or "{second}" is {draw.choice(["null", "not null"])})'
        case "v":
            value = draw.choice(
                [
                    '(if "Q1" is null then null else "Q1")',
                    '(case when "Q1" is not null then "Q1" else null end)',
                ]
            )
            return f"({value} < {draw.choice('13')} 'mg')"
        case "c":
            d, e = (formula(draw, depth - 1, kinds) for _ in range(2))
            return f"(case when {a} then {b} when {c} then {d} else {e} end)"
    raise AssertionError


@cache
def compiled(seed: int, kinds: str) -> CompiledGuideline:
    draw = random.Random(seed)
    lines = [HEAD]
    for name in BOOLEANS:
        lines.append(f"// @dataElement: {name}\ndefine \"{name}\": answer('{name}')\n")
    for name in QUANTITIES:
        body = f'Last([Observation: "{name.lower()} code"] O sort by id).value as Quantity'
        lines.append(f'// @dataElement: {name}\n// @unit: mg\ndefine "{name}":\n  {body}\n')
    actions = []
    for number in range(PLANS):
        lines.append(f'define "Condition {number}": {formula(draw, 3, kinds)}')
        lines.append(f'define "Guard {number}": {formula(draw, 1, kinds)}')
        guards = [
            {
                "url": f"https://example.org/guideway/StructureDefinition/{kind}",
                "valueExpression": {"language": "text/cql-identifier", "expression": f"Guard {number}"},
            }
            for kind in ("withheld-when", "satisfied-when")[: number % 3]
        ]
        actions.append(
            {
                "id": f"a{number}",
                "title": str(number),
                "condition": [when(f"Condition {number}")],
                **({"extension": guards} if guards else {}),
            }
        )
    return guideline(plan("main", *actions), cql="\n".join(lines))


def patient(draw: random.Random) -> list[Json]:
    found: list[Json] = []
    for name in BOOLEANS:
        if draw.random() < 0.5:
            answer = {"linkId": name, "answer": [{"valueBoolean": draw.random() < 0.5}]}
            found.append(
                {
                    "resourceType": "QuestionnaireResponse",
                    "id": f"r-{name}",
                    "status": "completed",
                    "subject": {"reference": "Patient/p"},
                    "authored": "2026-01-01",
                    "item": [answer],
                }
            )
    for name in QUANTITIES:
        for number in range(draw.choice([0, 0, 1, 2])):
            value = {"value": draw.choice([0, 2, 4]), "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
            found.append(observation(None, name, f"2026-05-0{number + 1}", valueQuantity=value, id=f"{name}-{number}"))
    if draw.random() < 0.5:
        found.append(
            {
                "resourceType": "Condition",
                "id": "c",
                "subject": {"reference": "Patient/p"},
                "code": {"coding": [{"system": f"{BASE}/CodeSystem/local", "code": "e"}]},
            }
        )
    found.append(observation(1, "unrelated", id="unrelated"))
    return found


def key(name: str) -> DefineKey:
    return "Logic", name


def values_of(name: str) -> tuple[Any, ...]:
    return (False, True) if name in BOOLEANS else tuple(read_text(f"{n} 'mg'", "FHIR.Quantity", name) for n in (0, 2, 4))


def outcomes(
    g: CompiledGuideline, data: list[Json], overrides: dict[DefineKey, Any] | None = None, explain: bool | str = "none"
) -> dict[str, Recommendation]:
    result = apply_guideline(g, record(*data, patient=PATIENT), as_of=AS_OF, overrides=overrides, explain=explain)
    return {r.action: r for r in result.recommendations}


def completions(names: list[str]) -> Iterator[dict[DefineKey, Any]]:
    for values in product(*(values_of(n) for n in names)):
        yield {key(n): v for n, v in zip(names, values)}


def flips(name: str, statuses: list[tuple[dict[DefineKey, Any], str]]) -> bool:
    """Whether some completion of the others lets this datum change the status."""
    found: dict[tuple[Any, ...], set[str]] = {}
    for given, status in statuses:
        others = tuple(str(getattr(value, "data", value)) for k, value in given.items() if k != key(name))
        found.setdefault(others, set()).add(status)
    return any(len(different) > 1 for different in found.values())


def unknown_in(data: list[Json]) -> list[str]:
    known = {r["id"].removeprefix("r-").partition("-")[0] for r in data}
    return [name for name in BOOLEANS + QUANTITIES if name not in known]


def check_patient(g: CompiledGuideline, data: list[Json], *, independent: bool = True) -> int:
    """How many recommendations were unknown. ``independent``: no two parts of a formula rest on one datum each in its own way, so
    all that is called missing is needed as well."""
    before = outcomes(g, data, explain=False)
    unknown = {action: r for action, r in before.items() if r.status == "unknown"}
    groups: dict[tuple[str, ...], list[str]] = {}
    for action, r in unknown.items():
        names = [m.element for m in r.missing]
        assert names, action
        assert all(n in BOOLEANS + QUANTITIES for n in names), (action, names)
        groups.setdefault(tuple(names), []).append(action)
    for names, actions in groups.items():
        table = [(given, outcomes(g, data, given)) for given in completions(list(names))]
        for action in actions:
            statuses = [(given, found[action].status) for given, found in table]
            open_still = [given for given, status in statuses if status == "unknown"]
            assert not open_still, (action, before[action].missing, open_still)
            for name in names if independent else ():
                if flips(name, statuses):
                    continue
                # "a or not a" comes to the same either way, but the logic cannot tell before it has a: then all is open
                # without it.
                rest = [n for n in names if n != name]
                if any(outcomes(g, data, given)[action].status == "unknown" for given in completions(rest)):
                    continue
                # "if a then b else …" goes on without a: then b counts once a is known, whatever that is.
                every = [(given, outcomes(g, data, given)[action].status) for given in completions(unknown_in(data))]
                assert flips(name, every), (action, name)
    for resource in data:
        reference = f"{resource['resourceType']}/{resource['id']}"
        without = outcomes(g, [r for r in data if r is not resource])
        for action, r in before.items():
            said = {e.resource for e in r.evidence} | {c for e in r.evidence for c in e.checked}
            if reference not in said:
                assert without[action].status == r.status, (action, reference, r.status, without[action].status, r.evidence)
    return len(unknown)


@pytest.mark.parametrize("seed", range(4))
def test_explanations_hold_under_change(seed: int) -> None:
    draw = random.Random(seed)
    found = sum(check_patient(compiled(seed, "aoaoni"), patient(draw)) for _ in range(6))
    assert found > 0


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kinds", [CHOICES, TESTS, STATES])
def test_explanations_hold_with_tests_and_choices(seed: int, kinds: str) -> None:
    draw = random.Random(seed + 200)
    g = compiled(seed + 200, kinds)
    assert sum(check_patient(g, patient(draw), independent=kinds != TESTS) for _ in range(4)) > 0


def test_what_a_function_tests_for_null_is_named() -> None:
    elements = "\n".join(f"// @dataElement: {name}\ndefine \"{name}\": answer('{name}')\n" for name in BOOLEANS)
    elements += "\n".join(
        f'// @dataElement: {name}\ndefine "{name}": Last([Observation: "{name.lower()} code"] O sort by id).value as Quantity\n'
        for name in QUANTITIES
    )
    logic = """
define "Certain": "certain"("B1", "B2")
define "Given": "given"("Q2", "Q1") < 1 'mg'
define "Coalesce": Coalesce("Q2", "Q1") < 1 'mg'
define "Sum": (if "Q1" is null or "Q2" is null then null else "Q1" + "Q2") < 1 'mg'
define "First": (case when "Q1" is not null then "Q1" when "Q2" is not null then "Q2" else null end) < 1 'mg'
define "Known": if "B1" is null then null else "B1" and "B2"
define "Either": "either"("B1", "B2")
define "Else": case when "B1" is not null then "B1" else "certain"("B3", "B2") end
"""
    names = ("Certain", "Given", "Coalesce", "Sum", "First", "Known", "Either", "Else")
    conditions = ({"id": name, "title": name, "condition": [when(name)]} for name in names)
    found = outcomes(guideline(plan("main", *conditions), cql=HEAD + elements + logic), [], explain=False)
    assert {action: [m.element for m in r.missing] for action, r in found.items()} == {
        "Certain": ["B1", "B2"],
        "Given": ["Q2"],
        "Coalesce": ["Q2"],
        "Sum": ["Q1", "Q2"],
        "First": ["Q1"],
        "Known": ["B1", "B2"],
        "Either": ["B2"],
        "Else": ["B3", "B2"],
    }


UNDECIDED: dict[str, tuple[str, list[str]]] = {
    "Operand of Coalesce": ('Coalesce(if "B1" then "B2" else "B3", "B4")', ["B1", "B3", "B2"]),
    "Operand of Coalesce, case": ('Coalesce(case when "B1" then "B2" else "B3" end, "B4")', ["B1", "B3", "B2"]),
    "Operand of Coalesce, null": ('Coalesce(if "B1" then "B2" else null, "B4")', ["B1", "B2", "B4"]),
    "Operand of a function": ('Coalesce("chosen"("B1", "B2", "B3"), "B4")', ["B1", "B3", "B2"]),
    "Compared": ('(if "B1" then "B2" else "B3") = "E1"', ["B1", "B3", "B2"]),
    "Compared, one settled": ('(if "E1" then "B4" else if "B1" then "B2" else "B3") = "E1"', ["B1", "B3", "B2"]),
    "A number compared": ('(if "B1" then "Number 2" else "Number 3") > 3', ["B1", "B3", "B2"]),
    "A number reckoned with": ('(case when "B1" then "Number 2" else "Number 3" end) + 1 > 3', ["B1", "B3", "B2"]),
    "Negated": ('not (if "B1" then "B2" else "B3")', ["B1", "B3", "B2"]),
}
"""Choices with an unknown condition, wherever they stand, and what is missing."""


def test_of_an_undecided_choice_both_branches_are_missing_wherever_it_stands() -> None:
    elements = "\n".join(f"// @dataElement: {name}\ndefine \"{name}\": answer('{name}')\n" for name in BOOLEANS)
    elements += 'define function "chosen"(test Boolean, one Boolean, other Boolean): if test then one else other\n'
    for number in "23":
        elements += f'define "Number {number}": if "B{number}" is null then null else if "B{number}" then 5 else 1\n'
    logic = "\n".join(f'define "{name}": {body}' for name, (body, _) in UNDECIDED.items())
    conditions = ({"id": name, "title": name, "condition": [when(name)]} for name in UNDECIDED)
    made = guideline(plan("main", *conditions), cql=HEAD + elements + logic)
    found = outcomes(made, [], explain=False)
    assert {action: [m.element for m in r.missing] for action, r in found.items()} == {
        name: missing for name, (_, missing) in UNDECIDED.items()
    }
    statuses: dict[str, set[str]] = {name: set() for name in UNDECIDED}
    for values in product((False, True), repeat=len(BOOLEANS)):
        given = dict(zip(BOOLEANS, values))
        for name, (_, missing) in UNDECIDED.items():
            told: dict[DefineKey, Any] = {("Logic", element): given[element] for element in missing}
            statuses[name].add(outcomes(made, [], told)[name].status)
    assert all(found == {"applies", "does-not-apply"} for found in statuses.values()), statuses


def test_a_branch_that_cannot_be_evaluated_leaves_the_rest_explained() -> None:
    elements = "\n".join(f"// @dataElement: {name}\ndefine \"{name}\": answer('{name}')\n" for name in BOOLEANS)
    logic = """
define "Fails": if "B1" then (singleton from ({1, 2})) = 1 and "B2" else "B4"
define "Short": ("B1" is not true or "B2") and ("B1" or "B3")
"""
    conditions = ({"id": name, "title": name, "condition": [when(name)]} for name in ("Fails", "Short"))
    found = outcomes(guideline(plan("main", *conditions), cql=HEAD + elements + logic), [], explain=False)
    assert {action: [m.element for m in r.missing] for action, r in found.items()} == {
        "Fails": ["B1", "B4", "B2"],
        "Short": ["B1", "B3", "B2"],
    }


@pytest.mark.full
@pytest.mark.parametrize("seed", range(50))
def test_explanations_hold_under_change_on_a_thousand_patients(seed: int) -> None:
    """Three quarters of them with logic that has choices, and tests for truth and for null."""
    draw = random.Random(seed + 1000)
    kinds = (CHOICES, TESTS, "aoaoni", STATES)[seed % 4]
    for _ in range(20):
        check_patient(compiled(seed + 1000, kinds), patient(draw), independent=kinds != TESTS)

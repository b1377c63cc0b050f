"""An element that has no value because another one has none: it is asked for itself where knowing the other may not settle it."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from guideway.apply.parameters import read_text
from guideway.apply.run import apply_guideline

from .small import AS_OF, Json, agreement, guideline, head, observation, plan, record, when

CQL = (
    head({"count": "count", "other": "other", "third": "third"})
    + """
define "Answers": flatten([QuestionnaireResponse] R return all (R.item I return all
    Tuple { link: I.linkId.value, yes: (First(I.answer).value as FHIR.boolean).value }))

// @dataElement: start
// @display: Start of it
define "Start": (First([Observation: "other code"]).effective as FHIR.dateTime).value

// @dataElement: count
// @unit: mg
define "Count": Last([Observation: "count code"] O sort by (effective as FHIR.dateTime).value).value as Quantity

// @dataElement: before
// @display: Count before it
// @unit: mg
define "Before": if "Start" is null then null
  else Last([Observation: "third code"] O where (O.effective as FHIR.dateTime).value before "Start").value as Quantity

// @dataElement: long
define "Long": "Start" before Now() - 100 days

// @dataElement: agrees
define "Agrees": First("Answers" A where A.link = 'agree' return A.yes)
"""
)
CONDITIONS: dict[str, list[str]] = {
    """"Before" > 1 'mg\'""": ["before"],
    """"Count" < 1 'mg' and "Before" > 1 'mg\'""": ["count", "before"],
    '''"Before" > 1 'mg' and "Agrees"''': ["before", "agrees"],
    '"Long"': ["start"],
    '"Long" and "Agrees"': ["start", "agrees"],
    """"Long" and "Before" > 1 'mg\'""": ["start", "before"],
    """"Long" or "Before" > 1 'mg\'""": ["start", "before"],
}
"""What is missing without any data."""
VALUES = {
    "start": ["2010-01-01", "2026-05-25"],
    "count": ["0.5 'mg'", "2 'mg'"],
    "before": ["0.5 'mg'", "2 'mg'"],
    "agrees": ["true", "false"],
}


def asked(condition: str) -> Any:
    action = {"id": "a", "title": "a", "condition": [when("Asked")]}
    made = guideline(plan("main", action), cql=f'{CQL}\ndefine "Asked": {condition}', hygiene="none")
    assert not made.findings, [finding.as_text() for finding in made.findings]
    return made


def found(made: Any, given: dict[str, str], *data: Json) -> Any:
    elements = {element.id: element for element in made.elements.values()}
    overrides = {
        (elements[name].library, elements[name].define): read_text(text, elements[name].type or "", name)
        for name, text in given.items()
    }
    (row,) = apply_guideline(made, record(*data), as_of=AS_OF, overrides=overrides).recommendations
    return row


@pytest.mark.parametrize("condition", CONDITIONS)
def test_what_is_missing_is_enough_and_needed(condition: str) -> None:
    made, expected = asked(condition), CONDITIONS[condition]
    assert [m.element for m in found(made, {}).missing] == expected
    table = {values: found(made, dict(zip(expected, values))).status for values in product(*(VALUES[name] for name in expected))}
    assert "unknown" not in table.values()
    for place in range(len(expected)):
        rests = {values[:place] + values[place + 1 :] for values in table}
        assert any(
            len({status for values, status in table.items() if values[:place] + values[place + 1 :] == rest}) > 1
            for rest in rests
        )


def test_it_says_what_it_hangs_on() -> None:
    (missing,) = found(asked(""""Before" > 1 'mg\'"""), {}).missing
    assert missing.because == ["cannot be found while this is not known: Start of it"]


def test_where_knowing_the_other_always_settles_it_only_the_other_is_missing() -> None:
    amount = {"value": 0.5, "system": "http://unitsofmeasure.org", "code": "mg"}
    old = observation(0.5, "third", "1990-01-01", id="old", valueQuantity=amount)
    made = asked(""""Before" > 1 'mg\'""")
    assert [m.element for m in found(made, {}, old).missing] == ["start"]
    assert found(made, {"start": "2010-01-01"}, old).status == "does-not-apply"


def test_what_a_run_sets_holds_while_it_is_looked_for() -> None:
    made = asked(""""Agrees" and "Before" > 1 'mg\'""")
    assert [m.element for m in found(made, {"agrees": "true"}).missing] == ["before"]
    assert [m.element for m in found(made, {}, agreement(True)).missing] == ["before"]

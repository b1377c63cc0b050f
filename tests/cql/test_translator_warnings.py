"""Likely mistakes: what is warned of, and what is not."""

from __future__ import annotations

import pytest
from tests.cql.compact import FHIR

from guideway.cql.translator import TranslationOptions, translate
from guideway.diagnostics import Severity

HEAD = f"library T\n{FHIR}define B: true\ndefine Dose: 5 'mg'\ndefine X: "

WARNED = [
    ("5 = null", "cql-null-comparison", "5 is null"),
    ("Dose != null", "cql-null-comparison", "Dose is not null"),
    ("null > 5", "cql-null-comparison", "None"),
    ("B = false", "cql-boolean-comparison", "'B is false'"),
    ("B != true", "cql-boolean-comparison", "'not B'"),
    ("Patient.active = false", "cql-boolean-comparison", "'Patient.active is false'"),
    ("Patient.active != true", "cql-boolean-comparison", "'not Patient.active'"),
    ("Patient.deceased = false", "cql-boolean-comparison", "'Patient.deceased is false'"),
    ("if true then 1 else 2", "cql-unreachable", "None"),
    ("case when B then 1 when true then 2 when not B then 3 else 4 end", "cql-unreachable", "None"),
    ("case when B then 1 when B then 2 else 3 end", "cql-unreachable", "None"),
    ("case 1 when 2 then 'a' when 2 then 'b' else 'c' end", "cql-unreachable", "None"),
    ("if B then 1 else if not B then 2 else if B then 3 else 4", "cql-unreachable", "None"),
    ("if B or  B then 1 else if B or B then 2 else 3", "cql-unreachable", "None"),
    ("B or B and not B", "cql-mixed-logic", "put parentheses"),
    ("B and B or not B", "cql-mixed-logic", "put parentheses"),
    ("exists [Observation]", "cql-unfiltered-retrieve", "[Observation:"),
    ('exists [Observation: "VS"]', "cql-unfiltered-retrieve", "status"),
    ('[Condition: "VS"] C where C.recordedDate before Today()', "cql-unfiltered-retrieve", "clinicalStatus"),
    ("Dose < 3 'mL'", "cql-incommensurable", "None"),
    ("Interval[1 'mg', 2 'mL']", "cql-incommensurable", "None"),
    ("5 'mg' in Interval[1 'mL', 2 'mL']", "cql-incommensurable", "None"),
    ("{5 'mg'} contains 5 'mL'", "cql-incommensurable", "None"),
    ("5 'mg' between 1 'mL' and 2 'mL'", "cql-incommensurable", "None"),
    ("Interval[1 'mg', 2 'mg'] overlaps Interval[1 'mL', 2 'mL']", "cql-incommensurable", "None"),
    ("Max({5 'mg', 1 'g', 5 'mL'})", "cql-incommensurable", "None"),
    ("Sum({5 'mg', 5 'mL'})", "cql-incommensurable", "None"),
    ("1 is String", "cql-impossible-type", "None"),
    ("({1}) B return B", "cql-hidden-name", "None"),
    ("({1}) Y let two: Y + 1 return Y", "cql-unused", "None"),
    ("({1}) Y with ({2}) Z such that Y > 0", "cql-unused", "None"),
    ("from ({1}) Y, ({2}) Z return Y", "cql-unused", "None"),
    ("[Observation: \"VS\"] O where O.status = 'final' return O.value * 2", "cql-choice-member", "(... as FHIR.Quantity)"),
    ("[Observation: \"VS\"] O where O.status = 'final' and O.value > 5", "cql-choice-member", "(... as FHIR.Quantity)"),
]
QUIET = [
    "5 is null",
    "B is false",
    "true = true",
    "(exists {1}) = false",
    "(B is null) = false",
    "Dose in Interval[1 'g', null]",
    "{5 'mg', 5 'mL'} contains 5 'L'",
    "Dose between 1 'g' and 2 'g'",
    "B or (B and not B)",
    "B and B and not B",
    "if B then 1 else 2",
    "if B then 1 else if not B then 2 else 3",
    "Max({5 'mg', 1 'g'})",
    "({1}) Y let two: Y + 1 where two > 1 return Y",
    "({1}) Y let two: Y + 1, three: two + 1 return three",
    "({1}) Y with ({2}) Z such that Z > Y",
    "from ({1}) Y, ({2}) Z",
    "from ({1}) Y, ({2}) Z where Z > 1 return Y",
    "({1}) Y sort desc",
    "[Observation: \"VS\"] O where O.status = 'final' and O.value > 5 'mg'",
    "[Observation: \"VS\"] O where O.status = 'final' return O.value as Quantity",
    "Dose < 3 'g'",
    "5 days < 3 'wk'",
    '[Observation: "VS"]',
    "[Observation: \"VS\"] O where O.status = 'final'",
    "[Observation] O where O.status = 'final' and O.code in \"VS\"",
    '[Condition: "VS"] C where C.verificationStatus is not null',
    'final([Observation: "VS"])',
    '[Observation: "VS"] O where isFinal(O)',
    "[Patient]",
    "exists ([Patient] P where P.active)",
]


def warnings(expression: str) -> list[tuple[str, str | None]]:
    functions = (
        "\ndefine function isFinal(o Observation): o.status = 'final'"
        "\ndefine function final(os List<Observation>): os O where isFinal(O)"
    )
    result = translate(HEAD + expression + functions)
    assert result.errors == [], result.errors
    return [(d.rule, d.hint) for d in result.diagnostics if d.severity is Severity.warning]


@pytest.mark.parametrize(("expression", "rule", "hint"), WARNED)
def test_warned_of(expression: str, rule: str, hint: str) -> None:
    found = warnings(expression)
    assert [r for r, _ in found] == [rule]
    assert hint in str(found[0][1])


@pytest.mark.parametrize("expression", QUIET)
def test_not_warned_of(expression: str) -> None:
    assert warnings(expression) == []


def test_unused_private_definitions_functions_and_includes() -> None:
    from guideway.cql.translator import DictSource

    text = """\
library T
include Common
define private A: 1
define private B: 1
define C: B
define private function f(x Integer): x
"""
    result = translate(text, sources=DictSource({"Common": "library Common define X: 1"}))
    assert [(d.rule, d.position.line if d.position else 0) for d in result.diagnostics] == [
        ("cql-unused", 2),
        ("cql-unused", 3),
        ("cql-unused", 6),
    ]


def test_warnings_can_be_left_out() -> None:
    assert translate("define X: 1 = null", options=TranslationOptions(warnings=False)).diagnostics == []

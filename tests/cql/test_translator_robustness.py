"""The translator on texts of any kind: the shared suite, mutated texts, deep and long ones. Never anything but diagnostics."""

from __future__ import annotations

import random
import re
from xml.etree import ElementTree

import pytest
from tests.cql.compact import FHIR
from tests.shared import shared_folder

from guideway.cql.translator import translate, translate_expression

NAMESPACE = "{http://hl7.org/fhirpath/tests}"
# A literal beyond Integer, in one test valid and in its neighbours not.
CONTRADICTED = {"FloorIntegerLessThanMinInteger"}


def test_every_expression_of_the_suite_translates_and_invalid_ones_do_not() -> None:
    wrong = []
    for path in sorted(shared_folder("conformance/cql-tests").glob("*.xml")):
        for test in ElementTree.parse(path).iter(f"{NAMESPACE}test"):
            node = test.find(f"{NAMESPACE}expression")
            assert node is not None
            failed = bool(translate_expression(node.text or "").errors)
            invalid = node.get("invalid")
            # "true" is an error of evaluation; finding it earlier is as good.
            expected = invalid in ("semantic", "syntax")
            if failed != expected and invalid != "true" and test.get("name") not in CONTRADICTED:
                wrong.append(f"{path.stem}/{test.get('name')}: {node.text}")
    assert wrong == []


TOKENS = re.compile(r"\s+|[A-Za-z_$]\w*|\d+(?:\.\d+)?L?|'[^']*'|\"[^\"]*\"|@[\dT:.+\-]+|<=|>=|!=|!~|->|.", re.DOTALL)
SEEDS = [
    "1 + 2.0 * 3 'mg'",
    "[Observation: \"VS\"] O where O.status = 'final' and O.value > 5 'mg' return O.code sort by text",
    'Interval[@2012-01-01, Now()] starts 3 days or less after day of start "Period"',
    "case when Patient.gender = 'male' then {1, 2} else null end",
    "from ({1, 2}) X, ({3}) Y let z: X + Y where z > 4 return all Tuple { a: X, b: z }",
    "({1, 2}) X aggregate A starting 0: A + X",
    "Patient.name.given.where($this = 'x').first()",
    "convert (5 'g') to 'mg' as Quantity",
    "expand { Interval[1, 4] } per 2 days",
    "First([Encounter] E with [Condition] C such that C.onset during E.period sort by start of period desc).type",
    'Code \'1\' from "LOINC" in "VS" or AgeInYears() between 18 and 65',
    'difference in months between start of "Period" and end of "Period"',
    "Sum({1, 2L, 3.0}) is not null implies not exists (null)",
    "Message({1} union {'a'}, true, '1', 'Warning', 'text' & null)",
]


@pytest.mark.parametrize("seed", range(4))
def test_mutated_texts_give_diagnostics_only(seed: int) -> None:
    chance = random.Random(seed)
    pool = [token for text in SEEDS for token in TOKENS.findall(text) if token.strip()]
    for _ in range(250):
        tokens = TOKENS.findall(chance.choice(SEEDS))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(tokens) + 1)
            match chance.randint(0, 3):
                case 0:
                    del tokens[at : at + 1]
                case 1:
                    tokens.insert(at, f" {chance.choice(pool)} ")
                case 2:
                    tokens[at : at + 1] = [f" {chance.choice(pool)} "]
                case _:
                    tokens.insert(at, f" ({chance.choice(SEEDS)}) ")
        text = "".join(tokens)
        result = translate(f"library T\n{FHIR}define X: {text}")
        assert result.library is not None or result.errors


DEEP = [
    "1" + " + 1" * 4_000,
    "true" + " and true" * 4_000,
    "'a'" + ".toString()" * 4_000,
    "if true then " * 90 + "1" + " else 2" * 90,
]
TOO_DEEP = ["1" + " + 1" * 20_000, "(" * 10_000 + "1" + ")" * 10_000, "not " * 10_000 + "true", "{" * 10_000]


@pytest.mark.parametrize("text", DEEP, ids=lambda t: t[:12])
def test_deep_texts_translate(text: str) -> None:
    assert translate_expression(text).errors == []


@pytest.mark.parametrize("text", TOO_DEEP, ids=lambda t: t[:12])
def test_deeper_texts_are_refused(text: str) -> None:
    assert translate_expression(text).errors


@pytest.mark.parametrize("count", [2000])
def test_long_chains_of_definitions(count: int) -> None:
    lines = [f'define "D{i}": "D{i + 1}" + 1' for i in range(count)] + [f'define "D{count}": 1']
    assert translate("\n".join(lines)).errors == []
    lines = [f"define function f{i}(x Integer): f{i + 1}(x)" for i in range(count)] + [f"define function f{count}(x Integer): x"]
    assert translate("\n".join(lines)).errors == []

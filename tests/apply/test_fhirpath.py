"""FHIRPath in artifacts: paths, operators, functions, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from guideway.apply.expressions import quoted
from guideway.apply.fhirpath import FhirPathError, evaluate
from guideway.apply.fhirpath_values import system
from guideway.engine.values import Date, DateTime, Quantity

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "active": True,
    "birthDate": "1980-02-03",
    "name": [{"family": "A", "given": ["B", "C"]}, {"family": "D", "use": "old"}],
    "extension": [{"url": "http://x/e", "valueString": "inside"}],
    "multipleBirthInteger": 2,
}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "1-8"}]},
    "valueQuantity": {"value": Decimal("5.0"), "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"},
    "effectiveDateTime": "2026-05-01",
    "subject": {"reference": "Patient/p"},
}
NOW = DateTime.parse("2026-06-01T12:00:00Z")


def values(text: str, **variables: Any) -> list[Any]:
    return [system(v) for v in evaluate(text, {"resource": PATIENT, "obs": OBSERVATION, **variables}, now=NOW)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name.family", ["A", "D"]),
        ("Patient.name[0].given[1]", ["C"]),
        ("name.where(use = 'old').family", ["D"]),
        ("name.given.first()", ["B"]),
        ("%resource.id", ["p"]),
        ("extension('http://x/e').value", ["inside"]),
        ("multipleBirth", [2]),
        ("multipleBirth.ofType(integer) + 1", [3]),
        ("multipleBirth is boolean", [False]),
        ("name.exists() and active", [True]),
        ("telecom.empty()", [True]),
        ("telecom.exists() or active.not()", [False]),
        ("active implies {}", []),
        ("active xor false", [True]),
        ("name.count() > 1", [True]),
        ("name.select(given.count())", [2, 0]),
        ("name.all(family.exists())", [True]),
        ("(1 + 2) * 3", [9]),
        ("7 div 2 + 7 mod 2", [4]),
        ("-3.abs()", [-3]),
        ("1.5 < 2", [True]),
        ("'a' + 'b' & 'c'", ["abc"]),
        ("'a' & {}", ["a"]),
        ("'abc'.substring(1, 1)", ["b"]),
        ("'abc'.matches('^a.*c$')", [True]),
        ("'a,b'.split(',').join('-')", ["a-b"]),
        ("'5.5'.toDecimal()", [Decimal("5.5")]),
        ("'x'.toInteger()", []),
        ("(1 | 2 | 1).count()", [2]),
        ("2 in (1 | 2)", [True]),
        ("(1 | 2) contains 3", [False]),
        ("'abc'.contains('b')", [True]),
        ("(1|2|3).where($this > 1).first()", [2]),
        ("(1|2|3).aggregate($this + $total, 0)", [6]),
        ("iif(active, 'yes', 'no')", ["yes"]),
        ("%obs.value > 4 'mg'", [True]),
        ("%obs.value = 0.005 'g'", [True]),
        ("%obs.value as Quantity", [Quantity(Decimal("5.0"), "mg")]),
        ("%obs.effective < today()", [True]),
        ("birthDate < @2000", [True]),
        ("birthDate + 1 year", [Date.parse("1981-02-03")]),
        ("@2026-06 = today()", []),
        ("now()", [NOW]),
        ("birthDate.toString()", ["1980-02-03"]),
        ("name.descendants().count() > 3", [True]),
        ("`name`.family", ["A", "D"]),
        ("%encounter.id", []),
        ("'it\\'s'", ["it's"]),
        ("{}", []),
        ("name.family = ('A' | 'D')", [True]),
        ("name.family.distinct().isDistinct()", [True]),
        ("name.take(1).family", ["A"]),
        ("(1|2).exclude(2)", [1]),
        ("'abc'.toChars().count()", [3]),
        ("// a comment\n active", [True]),
    ],
)
def test_values(text: str, expected: list[Any]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name.", "the end"),
        ("name..family", "'.'"),
        ("memberOf('x')", "memberOf\\(\\) is not supported"),
        ("%nobody", "no variable %nobody"),
        ("name.family + 'x'", "takes one value"),
        ("where()", "does not take 0 arguments"),
        ("(" * 200 + "1" + ")" * 200, "too deeply"),
        ("'unended", "cannot read"),
        ("active + 1", "cannot be done"),
        ("'a'.matches('(')", "no pattern"),
        ("$index", "means nothing here"),
        ("@2026-13-01", "not a date or time"),
    ],
)
def test_what_is_no_expression_says_why(text: str, words: str) -> None:
    with pytest.raises(FhirPathError, match=words):
        values(text)


def test_references_resolve_through_the_record() -> None:
    from guideway.fhir.element import FhirObject

    found = evaluate("%obs.subject.resolve().birthDate", {"obs": OBSERVATION}, resolve=lambda r: FhirObject("Patient", PATIENT))
    assert [system(v) for v in found] == [Date.parse("1980-02-03")]


@pytest.mark.parametrize(
    "text", ["'x'", " 'before  it' ", "''", "'é\n'", "'a' & 'b'", r"'it\'s'", "'", "''''", "x", "'a' + 'b'", "'a'.length()"]
)
def test_a_text_in_quotation_marks_says_what_the_reader_of_fhirpath_says(text: str) -> None:
    said = quoted(text)
    if said is not None:
        assert evaluate(text, {}) == [said]


def test_which_expressions_are_nothing_but_a_text() -> None:
    assert quoted(" 'before the procedure' ") == "before the procedure"
    assert quoted("''") == ""
    assert [quoted(text) for text in ("'", "'a' & 'b'", r"'it\'s'", "name", "'a' // 'b'", "")] == [None] * 6

"""Conversions, clinical operators and messages (CQL 1.5 Appendix B, "Type Operators", "Clinical Operators", "Message")."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.conformance.suite import evaluate
from tests.engine.build import d, date, dt, identical, q, run, t

from guideway.engine.errors import CqlRuntimeError
from guideway.engine.operators import OPERATORS
from guideway.engine.operators.message import RecordedMessage
from guideway.engine.values import Code, CodeSystemRef, Concept, Long, Ratio, Uncertainty, ValueSetRef


@pytest.mark.parametrize(
    ("name", "operand", "expected"),
    [
        ("Boolean", "Yes", True), ("Boolean", "F", False), ("Boolean", "2", None), ("Boolean", 1, True), ("Boolean", 2, None),
        ("Boolean", d("0.0"), False), ("Boolean", True, True),
        ("Integer", "+12", 12), ("Integer", "1.0", None), ("Integer", "2147483648", None), ("Integer", True, 1),
        ("Integer", " 1", None), ("Integer", Long(7), 7),
        ("Long", "2147483648", Long(2147483648)), ("Long", 5, Long(5)), ("Long", "9223372036854775808", None),
        ("Decimal", "-1.50", d("-1.50")), ("Decimal", "1e5", None), ("Decimal", ".5", None),
        ("Decimal", "0.123456789", d("0.12345678")),
        ("Decimal", 3, d("3")), ("Decimal", True, d("1.0")), ("Decimal", "NaN", None),
        ("String", d("5"), "5.0"), ("String", d("1.50"), "1.50"), ("String", False, "false"), ("String", Long(5), "5"),
        ("String", q("5 mg"), "5 'mg'"), ("String", q("5 days"), "5 'days'"),
        ("String", Ratio(q("1 mg"), q("2 mL")), "1 'mg':2 'mL'"), ("String", date("2014-02"), "2014-02"),
        ("String", t("10:30"), "10:30"), ("String", Code("a"), None),
        ("Date", "2014-02-28T10:00:00", date("2014-02-28")), ("Date", "2014-02-30", None),
        ("Date", dt("2014-02"), date("2014-02")), ("Date", "x", None),
        ("DateTime", "2014-02-28T10:30Z", dt("2014-02-28T10:30Z")), ("DateTime", date("2014-02-28"), dt("2014-02-28")),
        ("DateTime", "2014-02-28T25", None),
        ("Time", "T10:30", t("10:30")), ("Time", "10:30:15.5+01:00", t("10:30:15.500")), ("Time", "25:00", None),
        ("Time", dt("2014-01-01T10:30"), t("10:30")),
        ("Quantity", "5.5 'mg'", q("5.5 mg")), ("Quantity", "5 days", q("5 days")),
        ("Quantity", "5 'days'", q("5 days")), ("Quantity", "5", q("5")),
        ("Quantity", "5 'foo'", None), ("Quantity", "5 foo", None), ("Quantity", 5, q("5")),
        ("Quantity", Ratio(q("6 mg"), q("2 mL")), q("3 mg/mL")), ("Ratio", "1 'mg':2 'mL'", Ratio(q("1 mg"), q("2 mL"))),
        ("Ratio", "1:128", Ratio(q("1"), q("128"))), ("Ratio", "1", None),
    ],
)  # fmt: skip
def test_conversions(name: str, operand: Any, expected: Any) -> None:
    assert identical(run(f"To{name}", operand), expected)
    assert run(f"ConvertsTo{name}", operand) is (expected is not None)
    assert run(f"To{name}", None) is None
    assert run(f"ConvertsTo{name}", None) is None


def test_concepts_lists_and_characters() -> None:
    code = Code("a", "s", None, "A")
    assert run("ToConcept", code) == Concept([code], "A")
    assert run("ToConcept", [code, None]) == Concept([code])
    assert (run("ToList", None), run("ToList", 1)) == ([], [1])
    assert (run("ToChars", "ab"), run("ToChars", None)) == (["a", "b"], None)


@pytest.mark.parametrize(
    ("quantity", "unit", "expected"),
    [
        (q("5 mg"), "g", q("0.005 g")), (q("37 Cel"), "[degF]", q("98.6 [degF]")), (q("5 mg"), "m", None),
        (q("2 years"), "months", q("24 months")), (q("1 week"), "d", q("7 d")),
        (q("1 year"), "d", None), (q("5 mg"), None, None), (None, "mg", None), (q("1 [in_i]"), "cm", q("2.54 cm")),
    ],
)  # fmt: skip
def test_quantity_conversion(quantity: Any, unit: str | None, expected: Any) -> None:
    assert run("ConvertQuantity", quantity, unit) == expected
    known = quantity is not None and unit is not None
    assert run("CanConvertQuantity", quantity, unit) is ((expected is not None) if known else None)


class Shelf:
    """A value-set index of two codes."""

    members = frozenset({("s", "a"), ("s", "b")})

    def contains(self, url: str, version: str | None, code: str, system: str | None) -> bool:
        if url != "vs":
            raise CqlRuntimeError(f"{url} cannot be resolved")
        return (system, code) in self.members

    def contains_string(self, url: str, version: str | None, code: str) -> bool:
        return any(code == known for _, known in self.members)

    def codes(self, url: str, version: str | None = None) -> frozenset[tuple[str, str]]:
        return self.members

    def in_code_system(self, url: str, version: str | None, code: str) -> bool:
        return any(code == known and url == system for system, known in self.members)


def clinical(name: str, *operands: Any) -> Any:
    return OPERATORS[name].function(SimpleNamespace(terminology=Shelf()), *operands)


def test_value_sets() -> None:
    reference = ValueSetRef("vs")
    assert clinical("InValueSet", Code("a", "s"), reference) is True
    assert clinical("InValueSet", Code("a", "t"), reference) is False
    assert clinical("InValueSet", "b", reference) is True
    assert clinical("InValueSet", Concept([Code("x", "s"), Code("b", "s")]), reference) is True
    assert clinical("InValueSet", Code("b", None), reference) is False
    assert clinical("InValueSet", Concept([Code("x", None), Code("b", "s")]), reference) is True
    assert clinical("InValueSet", Code("b", None), [Code("b", None)]) is True
    assert clinical("InValueSet", None, reference) is False
    assert clinical("AnyInValueSet", [Code("x", "s"), None, Code("a", "s")], reference) is True
    assert clinical("AnyInValueSet", None, reference) is False
    assert clinical("InValueSet", Code("a", "s"), [Code("a", "s")]) is True
    assert clinical("ExpandValueSet", reference) == [Code("a", "s"), Code("b", "s")]
    names = SimpleNamespace(codes=Shelf().codes, displays=lambda url, version: {("s", "b"): "B"})
    expanded = OPERATORS["ExpandValueSet"].function(SimpleNamespace(terminology=names), reference)
    assert expanded == [Code("a", "s"), Code("b", "s", display="B")]
    with pytest.raises(CqlRuntimeError, match="resolved"):
        clinical("InValueSet", Code("a", "s"), ValueSetRef("other"))


def test_code_systems() -> None:
    reference = CodeSystemRef("s")
    assert clinical("InCodeSystem", Code("a", "s"), reference) is True
    assert clinical("InCodeSystem", Code("a", "t"), reference) is False
    assert clinical("InCodeSystem", "a", reference) is True
    assert clinical("InCodeSystem", Code("a", None), reference) is False
    assert clinical("InCodeSystem", None, reference) is False
    assert clinical("AnyInCodeSystem", [Code("x", "s")], reference) is False
    assert clinical("Subsumes", Code("a", "s"), Code("a", "s")) is True
    assert clinical("SubsumedBy", Code("a", "s"), Code("a", "t")) is False
    with pytest.raises(CqlRuntimeError, match="hierarchy"):
        clinical("Subsumes", Code("a", "s"), Code("b", "s"))


def test_messages() -> None:
    context = SimpleNamespace(messages=[])
    message = OPERATORS["Message"].function
    assert message(context, 5, True, "100", "Warning", "look") == 5
    assert message(context, 5, False, "100", "Error", "unheard") == 5
    assert message(context, 5, None, "100", "Error", "unheard") == 5
    assert context.messages == [RecordedMessage("Warning", "100", "look", 5)]
    with pytest.raises(CqlRuntimeError, match="400: stop"):
        message(context, 5, True, "400", "Error", "stop")


@pytest.mark.parametrize("trace", [False, True], ids=["plain", "traced"])
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(years between @2010 and @2014) is Integer", True),
        ("(years between @2010 and @2014) is String", False),
        ("((years between @2010 and @2014) as Choice<Integer, String>) as Integer = 9", False),
        ("cast (years between @2010 and @2014) as Integer > 2", True),
    ],
)
def test_an_uncertain_number_is_a_number(expression: str, expected: Any, trace: bool) -> None:
    assert evaluate(expression, trace=trace) is expected


UNCERTAIN = Uncertainty(17, 45)


@pytest.mark.parametrize(
    ("name", "operands", "expected"),
    [
        ("ToDecimal", (UNCERTAIN,), Uncertainty(d("17"), d("45"))),
        ("ToLong", (UNCERTAIN,), Uncertainty(Long(17), Long(45))),
        ("ToQuantity", (UNCERTAIN,), Uncertainty(q("17"), q("45"))),
        ("Add", (UNCERTAIN, d("0.5")), Uncertainty(d("17.5"), d("45.5"))),
        ("Divide", (UNCERTAIN, 2), Uncertainty(d("8.5"), d("22.5"))),
        ("Divide", (UNCERTAIN, -1), Uncertainty(d("-45"), d("-17"))),
        ("Divide", (90, UNCERTAIN), Uncertainty(d("2"), d("5.29411765"))),
        ("Divide", (1, Uncertainty(-1, 1)), None),
        ("Divide", (UNCERTAIN, 0), None),
        ("TruncatedDivide", (UNCERTAIN, 2), Uncertainty(8, 22)),
        ("Modulo", (UNCERTAIN, 2), None),
        ("Multiply", (Uncertainty(q("1"), q("2")), q("5 mg")), Uncertainty(q("5 mg"), q("10 mg"))),
        ("Abs", (Uncertainty(-5, 3),), Uncertainty(0, 5)),
        ("Abs", (Uncertainty(-5, -3),), Uncertainty(3, 5)),
        ("Negate", (UNCERTAIN,), Uncertainty(-45, -17)),
        ("Round", (Uncertainty(d("1.4"), d("2.6")),), Uncertainty(d("1"), d("3"))),
        ("Ceiling", (Uncertainty(d("1.4"), d("2.6")),), Uncertainty(2, 3)),
        ("Power", (UNCERTAIN, 2), None),
        ("Indexer", ("abc", UNCERTAIN), None),
        ("Substring", ("abc", 0, UNCERTAIN), None),
        ("Slice", ([1, 2], 0, UNCERTAIN), None),
        ("Greater", (Uncertainty(d("17"), d("45")), d("1.5")), True),
        ("Greater", (Uncertainty(q("17"), q("45")), q("20")), None),
    ],
)  # fmt: skip
def test_uncertain_numbers_stay_uncertain_or_become_null(name: str, operands: tuple[Any, ...], expected: Any) -> None:
    assert run(name, *operands) == expected


def test_an_uncertain_duration_is_compared_with_a_decimal() -> None:
    assert evaluate("(days between @2012-01-15 and @2012-03) > 1.5") is True
    assert evaluate("(months between @2012 and @2014-06-15) / 12 >= 0.5") is True
    assert evaluate("(months between @2012 and @2014-06-15) / 12 >= 2.0") is None
    assert evaluate("'abc'[days between @2012-01 and @2012-01-15]") is None

"""What the translator says about wrong texts: the rule, the place, the hint; once for each mistake, and going on after it."""

from __future__ import annotations

import pytest
from tests.cql.compact import FHIR

from guideway.cql.translator import translate, translate_expression
from guideway.diagnostics import Diagnostic


def errors(text: str) -> list[Diagnostic]:
    return translate(text, file="Test.cql").errors


# An expression, the rule it breaks, the marked text, and a part of the hint or the message.
EXPRESSIONS = [
    ("1 + 'a'", "cql-no-such-signature", "1 + 'a'", "'+' cannot be applied to (Integer, String)"),
    ("'a' & 1", "cql-no-such-signature", "'a' & 1", "(String, Integer)"),
    ("if 1 then 2 else 3", "cql-wrong-type", "1", "the condition of 'if' must be Boolean, but this is Integer"),
    ("Answr", "cql-unknown-identifier", "Answr", "did you mean 'Answer'?"),
    ("Sun({1})", "cql-unknown-function", "Sun", "did you mean 'Sum'?"),
    ("thrise(1)", "cql-unknown-function", "thrise", "did you mean 'thrice'?"),
    ("thrice('a')", "cql-no-such-signature", "thrice('a')", "it takes (x Integer)"),
    ("Answer(1)", "cql-unknown-function", "Answer", "leave out the parentheses"),
    ("thrice", "cql-unknown-identifier", "thrice", "it is a function: thrice(...)"),
    ("(1).thrice()", "cql-unknown-function", "thrice", "it is called as thrice(...)"),
    ("Tuple { a: 1 }.b", "cql-unknown-member", "b", "Tuple{a Integer} has no element 'b'"),
    ("(5 'mg').valu", "cql-unknown-member", "valu", "did you mean 'value'?"),
    ("Patient.birtDate", "cql-unknown-member", "birtDate", "did you mean 'birthDate'?"),
    ("[Observatoin]", "cql-unknown-type", "Observatoin", "did you mean 'Observation'?"),
    ("[Quantity]", "cql-not-retrievable", "Quantity", "no type of resource"),
    ('[Observation: cod in "VS"]', "cql-unknown-member", "cod", "did you mean 'code'?"),
    ("[Observation: 5]", "cql-wrong-type", "5", "Codes, a concept or a value set are expected here, not Integer"),
    ("'x' as Integer", "cql-impossible-cast", "'x' as Integer", "convert"),
    ("convert @2012 to Integer", "cql-no-conversion", "convert @2012 to Integer", "from Date to Integer"),
    ("1 is Intger", "cql-unknown-type", "Intger", "did you mean 'Integer'?"),
    ("Interval[1, 'a']", "cql-wrong-type", "Interval[1, 'a']", "Integer and String"),
    ("{1, 2} contains {1}", "cql-no-such-signature", "{1, 2} contains {1}", "(List<Integer>, List<Integer>)"),
    ("3 during day of Interval[1, 5]", "cql-precision", "3 during day of Interval[1, 5]", "dates and times, not to Integer"),
    ("days between @T10 and @T11", "cql-precision", "days between @T10 and @T11", "Times have no days"),
    ("hours between @2012 and @2013", "cql-precision", "hours between @2012 and @2013", "Dates have no hours"),
    ("minute from @2012-01-01", "cql-precision", "minute from @2012-01-01", "A Date has no minute"),
    ("day from @T10:00", "cql-precision", "day from @T10:00", "A Time has no day"),
    ("Code '1' from \"VS\"", "cql-wrong-kind", '"VS"', "codesystem is expected"),
    ("FHIR.Coding { cod: null }", "cql-unknown-member", "cod", "did you mean 'code'?"),
    ("FHIR.Coding { code: 1 }", "cql-wrong-type", "1", "must be FHIR.code, but this is Integer"),
    ("Tuple { a: 1, a: 2 }", "cql-duplicate-name", "a", "two elements 'a'"),
    ("({1}) X return all X let", "cql-", "", ""),
    ("({1}) A, ({2}) A return 1", "cql-", "", ""),
    ("from ({1}) A, ({2}) A return 1", "cql-duplicate-name", "A", "declared twice"),
    ("(1) X sort desc", "cql-sort-of-one", "sort desc", "nothing to sort"),
    ("minimum Boolean", "cql-wrong-type", "minimum Boolean", "has no minimum value"),
    ("$this", "cql-unknown-identifier", "$this", "no meaning here"),
    ("2147483648", "cql-literal-out-of-range", "2147483648", "a Long is written 2147483648L"),
    ("-2147483649", "cql-literal-out-of-range", "2147483649", "limits are"),
    ("9223372036854775808L", "cql-literal-out-of-range", "9223372036854775808L", "not a Long"),
    ("0.000000001", "cql-literal-out-of-range", "0.000000001", "8 after"),
    ("10000000000000000000000000000.0", "cql-literal-out-of-range", "10000000000000000000000000000.0", "28 digits"),
    ("@2013-02-29", "cql-invalid-date", "@2013-02-29", "February 2013 has 28 days"),
    ("@2013-13", "cql-invalid-date", "@2013-13", "no month 13"),
    ("@T24:00", "cql-invalid-date", "@T24:00", "hours run from 0 to 23"),
    ("@2013-01-01T00:00+15:00", "cql-invalid-date", "@2013-01-01T00:00+15:00", "-14:00 to +14:00"),
    ("Max({1, 'a'})", "cql-ambiguous-call", "Max({1, 'a'})", "it fits (List<Integer>); (List<String>) equally well"),
    ("Min({@2020, 1})", "cql-ambiguous-call", "Min({@2020, 1})", "as in (... X where X is Date return X as Date)"),
    ("Sum({1, 'a', 3})", "cql-no-such-signature", "Sum({1, 'a', 3})", "(List<Choice<Integer, String>>)"),
    ("Avg({1, 2.0, 'a'})", "cql-no-such-signature", "Avg({1, 2.0, 'a'})", "(List<Choice<Decimal, String>>)"),
    ("AllTrue({true, 1})", "cql-no-such-signature", "AllTrue({true, 1})", "(List<Choice<Boolean, Integer>>)"),
    ("Combine({'a', 1})", "cql-no-such-signature", "Combine({'a', 1})", "(List<Choice<Integer, String>>)"),
    ("Mixed + Mixed", "cql-ambiguous-call", "Mixed + Mixed", "it fits (Integer, Integer); (String, String) equally well"),
    ("Obs.value + 1 '%'", "cql-ambiguous-call", "Obs.value + 1 '%'", "as in (... as FHIR.Quantity)"),
    ("Obs.value > Obs.value", "cql-ambiguous-call", "Obs.value > Obs.value", "(Integer, Integer); (DateTime, DateTime)"),
    ("ToString(Obs.value)", "cql-ambiguous-call", "ToString(Obs.value)", "it fits (Integer); (DateTime); (Time)"),
    ("Max({Obs.value})", "cql-ambiguous-call", "Max({Obs.value})", "(List<Quantity>); (List<DateTime>)"),
    ("5 'mcg'", "cql-invalid-unit", "5 'mcg'", "did you mean 'ug'?"),
    ("convert 5 'g' to 'grams'", "cql-invalid-unit", "convert 5 'g' to 'grams'", "not a UCUM unit"),
]
HEAD = f"library T\n{FHIR}define Answer: 42\ndefine function thrice(x Integer): x * 3\n"
HEAD += "define Mixed: if Answer > 1 then 1 else 'a'\ndefine Obs: First([Observation])\ndefine X: "


@pytest.mark.parametrize(("expression", "rule", "marked", "says"), [e for e in EXPRESSIONS if e[2]])
def test_wrong_expression(expression: str, rule: str, marked: str, says: str) -> None:
    text = HEAD + expression
    found = errors(text)
    assert [d.rule for d in found] == [rule]
    position = found[0].position
    assert position is not None
    line = text.split("\n")[position.line - 1]
    assert line[position.column - 1 : position.end_column - 1] == marked
    assert says in f"{found[0].message} {found[0].hint}"


@pytest.mark.parametrize(
    ("expression", "rule"),
    [
        ("1 same as 1", "cql-no-such-signature"),
        ("@2012-01-01 same day as Interval[@2012-01-01, @2012-02-01]", "cql-no-such-signature"),
        ("true before false", "cql-no-such-signature"),
        ("'a' same or after 'b'", "cql-no-such-signature"),
        ("(1 : 2) after (1 : 2)", "cql-no-such-signature"),
        ("Tuple { a: 1 } before Interval[1, 2]", "cql-no-such-signature"),
        ("1 within 3 days of 5 'mg'", "cql-wrong-type"),
        ("5 'mg' 3 days or less after 4 'mg'", "cql-wrong-type"),
        ("Interval[1, 2] starts within 3 days of start Interval[1, 2]", "cql-wrong-type"),
        ("@2012-01-01 within 3 'mg' of @2012-01-02", "cql-time-unit"),
        ("@2012-01-01 3 'mg' or more before @2012-01-02", "cql-time-unit"),
        ("@2012-01-01 + 5 'mg'", "cql-time-unit"),
        ("@2012-01-01 - 1 'a'", "cql-time-unit"),
        ("Interval[true, false]", "cql-wrong-type"),
        ("Interval[Tuple { a: 1 }, Tuple { a: 2 }]", "cql-wrong-type"),
        ("Interval[1, 2] between Interval[1, 2] and Interval[1, 3]", "cql-wrong-type"),
        ("({ Interval[1, 2] }) A sort desc", "cql-wrong-type"),
        ("({ Tuple { a: { 1 } } }) A sort by a", "cql-wrong-type"),
    ],
)
def test_values_without_an_order_or_a_time_are_refused(expression: str, rule: str) -> None:
    assert [d.rule for d in errors(f"library T define X: {expression}")] == [rule]


@pytest.mark.parametrize(
    "expression",
    [
        "1 before 2", "1 before Interval[2, 3]", "5 'mg' after 4 'mg'", "@2012-01-01 before Interval[@2012-02-01, @2012-03-01]",
        "null before Interval[1, 2]", "@T10 within 3 hours of @T11", "@2012-01-01 + 3 'd'", "@2012-01-01T10 - 3 'h'",
        "Interval['a', 'b']", "Interval[1, 2] between 1 and 3", "({ 1, null }) A sort desc", "({ null }) A sort asc",
        "({ Tuple { a: 1 }, Tuple { a: null } }) A sort by a", "Interval[null, null] same as Interval[1, 2]",
    ],
)  # fmt: skip
def test_values_with_an_order_are_taken(expression: str) -> None:
    assert not errors(f"library T define X: {expression}")


def test_a_mistake_is_reported_once_and_the_rest_is_checked() -> None:
    text = "define A: Nope + 1\ndefine B: A + 1\ndefine C: if B > 2 then A else Nada\ndefine D: First({A})"
    assert [d.message for d in errors(text)] == ["Nothing here is called 'Nope'.", "Nothing here is called 'Nada'."]


def test_errors_of_the_parser_and_the_translator_come_together_in_order() -> None:
    found = errors("define A: Nope\ndefine B: 1 +\ndefine C: Nada")
    assert [d.position.line for d in found if d.position] == [1, 2, 3]


def test_an_error_shows_the_marked_source() -> None:
    shown = errors("define A: 1 + Nope")[0].as_text()
    assert shown.split("\n") == [
        "Test.cql:1:15 error cql-unknown-identifier: Nothing here is called 'Nope'.",
        "  define A: 1 + Nope",
        "                ^^^^",
    ]


DECLARATIONS = [
    ("using FHIR version '3.0.0'", "cql-unknown-model"),
    ("using Fire version '1'", "cql-unknown-model"),
    ("context Patient", "cql-unknown-context"),
    ("using FHIR version '4.0.1' context Pateint", "cql-unknown-context"),
    ("define A: 1 define A: 2", "cql-duplicate-name"),
    ("define function f(x Integer): 1 define function f(y Integer): 2", "cql-duplicate-name"),
    ("define function f(x Integer, x Integer): 1", "cql-duplicate-name"),
    ("define function f(x Integer): external", "cql-syntax"),
    ("define function f(x Integer) returns String: x", "cql-wrong-type"),
    ("parameter P Integer default 'a'", "cql-wrong-type"),
    ("parameter P default null", "cql-no-type"),
    ("code C: '1' from Nope", "cql-unknown-identifier"),
    ("concept C: { Nope }", "cql-unknown-identifier"),
    ("define A: AgeInYears()", "cql-no-patient"),
    ("define A: 1 define B: A.x", "cql-unknown-member"),
]


@pytest.mark.parametrize(("text", "rule"), DECLARATIONS)
def test_wrong_declaration(text: str, rule: str) -> None:
    assert [d.rule for d in errors("library T " + text)] == [rule]


@pytest.mark.parametrize(
    "text",
    [
        "using FHIR version '4.0.1' context Patint define A: Patient.birthDate define B: AgeInYears() define C: Patint.gender",
        "using FHIR version '4.0.1' context Patint define A: 1 context Patint define B: AgeInYears()",
        "using FHIR version '4.0.1' context Xyzzy define A: Patient.birthDate define B: AgeInYears() define C: Xyzzy.name",
        "using FHIR version '4.0.1' context Unfilterd define A: [Observation] context Patient define B: A",
        "using FIHR version '4.0.1' context Patient define A: [Observation] define B: AgeInYears()",
        "using FHIR version '4.0.0' context Patient define A: [Observation] define B: Patient.birthDate.value",
        "using QICore version '6.0.0' context Patient define A: [Encounter] E where E.x define B: AgeInYears()",
        "using QICore version '6.0.0' define function f(x List<QICore.Encounter>): First(x).status",
        "context Patient define A: Patient.birthDate define B: AgeInYears()",
    ],
)
def test_an_unknown_context_or_model_is_one_mistake(text: str) -> None:
    assert len(errors("library T " + text)) == 1


def test_after_a_misspelt_context_the_rest_is_checked_against_the_one_that_was_meant() -> None:
    found = errors("library T using FHIR version '4.0.1' context Patint define A: Patient.birtDate define B: Patien.name")
    assert [d.rule for d in found] == ["cql-unknown-context", "cql-unknown-member", "cql-unknown-identifier"]
    assert [d.hint for d in found][1:] == ["did you mean 'birthDate'?", "did you mean 'Patient'?"]


def test_a_name_of_an_included_library_is_pointed_to() -> None:
    from guideway.cql.translator import DictSource

    sources = DictSource({"Common": "library Common define Answer: 42"})
    found = translate("library T include Common called C define X: Answer", sources=sources).errors
    assert found[0].hint == 'library Common has it: C."Answer"'


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("", ["cql-syntax"]),
        ("// nothing", ["cql-syntax"]),
        ("#", ["cql-character", "cql-syntax"]),
        ("/* open", ["cql-character", "cql-syntax"]),
    ],
)
def test_an_expression_that_is_none_is_marked_in_its_own_text(text: str, rules: list[str]) -> None:
    found = translate_expression(text).errors
    assert [d.rule for d in found] == rules
    assert all(str(d.position) == "1:1" and "define" not in d.as_text() for d in found)


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("AgeInYear()", "'AgeInYears'"),
        ("AgeInYearAt(Today())", "'AgeInYearsAt'"),
        ("CalculateAgeInYear(@2012)", "'CalculateAgeInYears'"),
        ("5 'mgg'", "'mg'"),
        ("5 'mgs'", "'mg'"),
        ("({1}) X where X > 1 retrun X", "'return'"),
        ("if true then 1 els 2", "'else'"),
        ("5 mg", "5 'mg'"),
    ],
)
def test_a_slip_of_the_keyboard_is_answered_with_what_was_meant(expression: str, hint: str) -> None:
    from guideway.cql.translator import translate

    head = "library T using FHIR version '4.0.1' include FHIRHelpers version '4.0.1' context Patient define X: "
    found = translate(head + expression).errors
    assert hint in str(found[0].hint)
    assert found[0].message.count("mgg") < 2


def test_a_mistyped_context_is_answered_with_the_near_one() -> None:
    from guideway.cql.translator import translate

    found = translate("library T using FHIR version '4.0.1' context Patiant define X: 1").errors
    assert str(found[0].hint).startswith("did you mean 'Patient'?")

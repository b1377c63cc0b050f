"""Operators of the System library: what each becomes in ELM, and how its operands are converted (CQL Reference)."""

from __future__ import annotations

import pytest
from tests.cql.compact import compact, definition, elm_of, translated

from guideway.cql.conversions import Promotions
from guideway.cql.translator import TranslationOptions, translate

LOGIC = [
    ("true and false", "And(true, false)"),
    ("true or null", "Or(true, As(null, asType=Boolean))"),
    ("true xor false", "Xor(true, false)"),
    ("true implies false", "Implies(true, false)"),
    ("not null", "Not(As(null, asType=Boolean))"),
]
TYPES = [
    ("1 is Integer", "Is(1, isTypeSpecifier=Integer)"),
    ("(null) as Integer", "As(null, asTypeSpecifier=Integer)"),
    ("cast 1 as Integer", "As(1, asTypeSpecifier=Integer, strict=true)"),
    ("convert 1 to Decimal", "ToDecimal(1)"),
    ("convert '1' to Integer", "ToInteger('1')"),
    ("convert 1 to Integer", "1"),
    ("convert 5 'mg' to 'g'", "ConvertQuantity(5 'mg', 'g')"),
    ("convert 1 year to months", "ConvertQuantity(1 'year', 'months')"),
    ("ToString(1.0)", "ToString(1.0)"),
    ("ToConcept(Code { code: 'a' })", "ToConcept(Instance(element=[code: 'a'], classType=Code))"),
    ("ConvertsToDate('x')", "ConvertsToDate('x')"),
    ("minimum Integer", "MinValue(valueType=Integer)"),
    ("maximum DateTime", "MaxValue(valueType=DateTime)"),
]
NULLS = [
    ("1 is null", "IsNull(1)"),
    ("1 is not null", "Not(IsNull(1))"),
    ("true is not false", "Not(IsFalse(true))"),
    ("Coalesce(1, 2.0)", "Coalesce(ToDecimal(1), 2.0)"),
    ("Coalesce({1, null})", "Coalesce(List(element=[1, As(null, asType=Integer)]))"),
    ("Coalesce(1, 2, 3, 4, 5, 6.0)", "Coalesce(ToDecimal(1), ToDecimal(2), ToDecimal(3), ToDecimal(4), ToDecimal(5), 6.0)"),
]
COMPARISON = [
    ("1 = 2L", "Equal(ToLong(1), 2)"),
    ("1 != 2", "Not(Equal(1, 2))"),
    ("1 ~ 1.0", "Equivalent(ToDecimal(1), 1.0)"),
    ("1 !~ 2", "Not(Equivalent(1, 2))"),
    ("null = 1", "Equal(As(null, asType=Integer), 1)"),
    ("5 > 1 'g'", "Greater(ToQuantity(5), 1 'g')"),
    (
        "@2012-01-01 < @2012-01-01T00",
        "Less(ToDateTime(Date(year=2012, month=1, day=1)), DateTime(year=2012, month=1, day=1, hour=0))",
    ),
    ("3 between 1 and 5", "And(GreaterOrEqual(3, 1), LessOrEqual(3, 5))"),
    ("3 properly between 1 and 5", "And(Greater(3, 1), Less(3, 5))"),
    ("{1} = {1.0}", "Equal(List(element=[ToDecimal(1)]), List(element=[1.0]))"),
    (
        "Tuple { a: 1 } = Tuple { a: 1.0 }",
        "Equal(Tuple(element=[a: ToDecimal(1)]), Tuple(element=[a: 1.0]))",
    ),
]
ARITHMETIC = [
    ("1 + 2.0", "Add(ToDecimal(1), 2.0)"),
    ("1 / 2", "Divide(ToDecimal(1), ToDecimal(2))"),
    ("1 div 2", "TruncatedDivide(1, 2)"),
    ("5 mod 2L", "Modulo(ToLong(5), 2)"),
    ("2 ^ 3", "Power(2, 3)"),
    ("2 * 1 'g'", "Multiply(ToQuantity(2), 1 'g')"),
    ("-1.5", "Negate(1.5)"),
    ("-2147483648", "-2147483648"),
    ("-9223372036854775808L", "-9223372036854775808"),
    ("+1", "1"),
    ("Round(1)", "Round(ToDecimal(1))"),
    ("Round(1.5, 1)", "Round(1.5, precision=1)"),
    ("Log(1, 2)", "Log(ToDecimal(1), ToDecimal(2))"),
    ("successor of 1", "Successor(1)"),
    ("HighBoundary(@2012, 8)", "HighBoundary(Date(year=2012), 8)"),
    ("HighBoundary(@2012)", "HighBoundary(Date(year=2012), null)"),
    ("@2012-01-31 + 1 month", "Add(Date(year=2012, month=1, day=31), 1 'month')"),
]
STRINGS = [
    ("'a' + 'b'", "Concatenate('a', 'b')"),
    ("'a' & null", "Concatenate(Coalesce('a', ''), Coalesce(As(null, asType=String), ''))"),
    ("'abc'[1]", "Indexer('abc', 1)"),
    ("Substring('abc', 1, 2)", "Substring(stringToSub='abc', startIndex=1, length=2)"),
    ("PositionOf('b', 'abc')", "PositionOf(pattern='b', string='abc')"),
    ("Combine({'a'}, ',')", "Combine(source=List(element=['a']), separator=',')"),
    ("SplitOnMatches('a1b', '[0-9]')", "SplitOnMatches(stringToSplit='a1b', separatorPattern='[0-9]')"),
    ("ReplaceMatches('a', 'b', 'c')", "ReplaceMatches('a', 'b', 'c')"),
    ("Length('abc')", "Length('abc')"),
]
DATES = [
    ("@2012-02-29", "Date(year=2012, month=2, day=29)"),
    ("@2014T", "DateTime(year=2014)"),
    ("@2014-01-25T14:30:14.559+01:30",
     "DateTime(year=2014, month=1, day=25, hour=14, minute=30, second=14, millisecond=559, timezoneOffset=1.5)"),
    ("@2014-01-25T14:30Z", "DateTime(year=2014, month=1, day=25, hour=14, minute=30, timezoneOffset=0.0)"),
    ("@2014-01-25T14:30-07:00", "DateTime(year=2014, month=1, day=25, hour=14, minute=30, timezoneOffset=-7.0)"),
    ("@T12:00", "Time(hour=12, minute=0)"),
    ("@T12:00:01.5", "Time(hour=12, minute=0, second=1, millisecond=500)"),
    ("DateTime(2012, 1)", "DateTime(year=2012, month=1)"),
    ("years between @2012 and @2013", "DurationBetween(Date(year=2012), Date(year=2013), precision=Year)"),
    ("difference in days between @2012 and @2013", "DifferenceBetween(Date(year=2012), Date(year=2013), precision=Day)"),
    ("hour from @T12:00", "DateTimeComponentFrom(Time(hour=12, minute=0), precision=Hour)"),
    ("date from Now()", "DateFrom(Now())"),
    ("timezoneoffset from Now()", "TimezoneOffsetFrom(Now())"),
    ("CalculateAgeInYearsAt(@2000-01-01, Today())",
     "CalculateAgeAt(Date(year=2000, month=1, day=1), Today(), precision=Year)"),
]  # fmt: skip
INTERVALS = [
    ("Interval[1, 2.0)", "Interval(low=ToDecimal(1), high=2.0, highClosed=false)"),
    ("Interval(null, 1]", "Interval(low=As(null, asType=Integer), high=1, lowClosed=false)"),
    ("width of Interval[1, 2]", "Width(Interval(low=1, high=2))"),
    ("point from Interval[1, 1]", "PointFrom(Interval(low=1, high=1))"),
    ("Interval[1, 3] contains 2.0", "Contains(Interval(low=ToDecimal(1), high=ToDecimal(3)), 2.0)"),
    ("3 in Interval[1, 5]", "In(3, Interval(low=1, high=5))"),
    ("collapse {Interval[1, 2]}", "Collapse(List(element=[Interval(low=1, high=2)]), null)"),
    ("expand Interval[1, 10] per 2 days", "Expand(Interval(low=1, high=10), 2 'days')"),
    ("collapse {Interval[@2012, @2013]} per month",
     "Collapse(List(element=[Interval(low=Date(year=2012), high=Date(year=2013))]), 1 'month')"),
]  # fmt: skip
LISTS = [
    ("{1, 2.0, null}", "List(element=[ToDecimal(1), 2.0, As(null, asType=Decimal)])"),
    ("{1, 'a'}", "List(element=[1, 'a'])"),
    ("{1} union {'a'}",
     "Union(As(List(element=[1]), asTypeSpecifier=List<Choice<Integer, String>>), "
     "As(List(element=['a']), asTypeSpecifier=List<Choice<Integer, String>>))"),
    ("{1} | {2}", "Union(List(element=[1]), List(element=[2]))"),
    ("{1} except {2}", "Except(List(element=[1]), List(element=[2]))"),
    ("{1} intersect {2.0}", "Intersect(List(element=[ToDecimal(1)]), List(element=[2.0]))"),
    ("flatten {{1}, {2}}", "Flatten(List(element=[List(element=[1]), List(element=[2])]))"),
    ("exists {1}", "Exists(List(element=[1]))"),
    ("{1, 2} contains 1", "Contains(List(element=[1, 2]), 1)"),
    ("IndexOf({1}, 2)", "IndexOf(source=List(element=[1]), element=2)"),
    ("First({1})", "First(source=List(element=[1]))"),
    ("Slice({1, 2}, 0, 1)", "Slice(source=List(element=[1, 2]), startIndex=0, endIndex=1)"),
    ("Take({1, 2}, 1)", "Slice(source=List(element=[1, 2]), startIndex=0, endIndex=1)"),
    ("Skip({1, 2}, 1)", "Slice(source=List(element=[1, 2]), startIndex=1, endIndex=null)"),
    ("Tail({1, 2})", "Slice(source=List(element=[1, 2]), startIndex=1, endIndex=null)"),
    ("Avg({1, 2})", "Avg(source=List(element=[ToDecimal(1), ToDecimal(2)]))"),
    ("Sum({1 'g'})", "Sum(source=List(element=[1 'g']))"),
    ("Message(1, true, 'a', 'Error', 'x')", "Message(source=1, condition=true, code='a', severity='Error', message='x')"),
]  # fmt: skip
CONDITIONS = [
    ("if true then 1 else 2.0", "If(condition=true, then=ToDecimal(1), else=2.0)"),
    ("if 1 = 1 then null else 2", "If(condition=Equal(1, 1), then=As(null, asType=Integer), else=2)"),
    ("if 1 = 1 then 1 else 'a'",
     "If(condition=Equal(1, 1), then=As(1, asTypeSpecifier=Choice<Integer, String>), "
     "else=As('a', asTypeSpecifier=Choice<Integer, String>))"),
    ("case 1 when 2.0 then 'a' else 'b' end",
     "Case(comparand=ToDecimal(1), caseItem=[CaseItem(when=2.0, then='a')], else='b')"),
    ("case when 1 = 1 then 1 else null end",
     "Case(caseItem=[CaseItem(when=Equal(1, 1), then=1)], else=As(null, asType=Integer))"),
]  # fmt: skip
METHODS = [
    ("(4).toString()", "ToString(4)"),
    ("{1, 2}.first()", "First(source=List(element=[1, 2]))"),
    ("{1, 2}.where($this > 1)",
     "Query(source=[AliasedQuerySource(expression=List(element=[1, 2]), alias=$this)], where=Greater(AliasRef($this), 1))"),
    ("{1}.exists()", "Exists(List(element=[1]))"),
    ("{1, 2}.take(1)", "Slice(source=List(element=[1, 2]), startIndex=0, endIndex=1)"),
]  # fmt: skip
CHAPTERS = {
    "logic": LOGIC, "types": TYPES, "nulls": NULLS, "comparison": COMPARISON, "arithmetic": ARITHMETIC, "strings": STRINGS,
    "dates": DATES, "intervals": INTERVALS, "lists": LISTS, "conditions": CONDITIONS, "methods": METHODS,
}  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "expected"),
    [pytest.param(*row, id=f"{chapter}: {row[0]}") for chapter, rows in CHAPTERS.items() for row in rows],
)
def test_operator_in_elm(expression: str, expected: str) -> None:
    assert elm_of(expression) == expected


RESULT_TYPES = [
    ("1 + 2.0", "Decimal"),
    ("{1, 'a'}", "List<Choice<Integer, String>>"),
    ("Interval[@2012, null)", "Interval<Date>"),
    ("Tuple { b: 1, a: 'x' }", "Tuple{a String, b Integer}"),
    ("null", "Any"),
    ("{}", "List<Any>"),
    ("expand Interval[1, 2]", "List<Integer>"),
    ("1 'g' / 2 's'", "Quantity"),
    ("if true then {1} else {1.0}", "List<Decimal>"),
    ("Interval[1, 2].low", "Integer"),
    ("(5 'g').unit", "String"),
]


@pytest.mark.parametrize(("expression", "expected"), RESULT_TYPES)
def test_result_type(expression: str, expected: str) -> None:
    assert str(definition(translated(f"define X: {expression}"), "X").result_type) == expected


def test_interval_of_another_type_is_converted_by_its_boundaries_and_null_stays_null() -> None:
    result = translated("define I: Interval[1, 2]\ndefine X: I contains 1.5")
    assert compact(definition(result, "X").expression) == (
        "Contains(If(condition=IsNull(ExpressionRef(I)), then=null, else=Interval("
        "low=ToDecimal(Property(source=ExpressionRef(I), path=low)), "
        "lowClosedExpression=Property(source=ExpressionRef(I), path=lowClosed), "
        "high=ToDecimal(Property(source=ExpressionRef(I), path=high)), "
        "highClosedExpression=Property(source=ExpressionRef(I), path=highClosed))), 1.5)"
    )


def test_list_of_another_type_is_converted_by_a_query() -> None:
    result = translated("define L: {1, 2}\ndefine X: Avg(L)")
    assert compact(definition(result, "X").expression) == (
        "Avg(source=Query(source=[AliasedQuerySource(expression=ExpressionRef(L), alias=X)], "
        "return=ReturnClause(expression=ToDecimal(AliasRef(X)), distinct=false)))"
    )


def test_a_choice_is_taken_for_the_member_it_is_compared_with() -> None:
    result = translated("define C: if true then 1 else 'a'\ndefine X: C = 1\ndefine Y: C + 1")
    assert compact(definition(result, "X").expression) == "Equal(As(ExpressionRef(C), asType=Integer), 1)"
    assert compact(definition(result, "Y").expression) == "Add(As(ExpressionRef(C), asType=Integer), 1)"


def test_of_equally_good_signatures_the_one_is_taken_that_takes_most_of_a_choice() -> None:
    head = "parameter N Choice<Integer, Decimal>\ndefine X: "
    made = compact(definition(translated(head + "N > N"), "X").expression)
    assert "asType=Decimal" in made
    assert "ToDecimal(As(ParameterRef(N), asType=Integer))" in made
    assert str(definition(translated("parameter N Choice<Integer, Decimal>\ndefine X: Sum({N})"), "X").result_type) == "Decimal"


def test_every_node_has_an_id_a_place_and_a_type() -> None:
    result = translated("library L version '1'\ndefine A: 1 + 2.0\ndefine B: Sum({1, 2}) X return X\n".replace(" X return X", ""))
    sum_ = definition(result, "A").expression
    assert (sum_.locator, str(sum_.result_type)) == ("2:11-2:17", "Decimal")
    assert sum_.operand[0].operand.locator == "2:11-2:11"
    ids = [s.localId for s in result.partial.statements]
    assert None not in ids
    assert len(set(ids)) == len(ids)


PROMOTED = [
    ("list_promotion", "exists 1", "Exists(ToList(1))"),
    ("list_demotion", "{1} + 1", "Add(SingletonFrom(List(element=[1])), 1)"),
    ("interval_demotion", "Interval[1, 1] + 1", "Add(PointFrom(Interval(low=1, high=1)), 1)"),
    ("interval_promotion", "start of 1", "Start(If(condition=IsNull(1), then=null, else=Interval(low=1, high=1)))"),
]


@pytest.mark.parametrize(("option", "expression", "expected"), PROMOTED)
def test_promotions_and_demotions_only_on_request(option: str, expression: str, expected: str) -> None:
    assert [d.rule for d in translate(f"define X: {expression}").errors] == ["cql-no-such-signature"]
    options = TranslationOptions(promotions=Promotions(**{option: True}))
    assert compact(definition(translated(f"define X: {expression}", options=options), "X").expression) == expected

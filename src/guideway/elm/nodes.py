"""The ELM tree: one class for every complex type of the ELM schema (HL7 CQL 1.5, urn:hl7-org:elm:r1).

Made by scripts/make_elm_nodes.py from the schema; do not edit. Field names are the schema's. ``result_type`` is the
translator's own note of the static type (a ``guideway.elm.types.Type``); it is never written out as such.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec


class Element(msgspec.Struct, kw_only=True):
    """Abstract."""

    annotation: list[Any] = msgspec.field(default_factory=list)
    resultTypeSpecifier: TypeSpecifier | None = None
    localId: str | None = None
    locator: str | None = None
    resultTypeName: str | None = None
    result_type: Any = None


class TypeSpecifier(Element, kw_only=True):
    """Abstract."""


class NamedTypeSpecifier(TypeSpecifier, kw_only=True):
    """ELM NamedTypeSpecifier."""

    name: str | None = None


class IntervalTypeSpecifier(TypeSpecifier, kw_only=True):
    """ELM IntervalTypeSpecifier."""

    pointType: TypeSpecifier | None = None


class ListTypeSpecifier(TypeSpecifier, kw_only=True):
    """ELM ListTypeSpecifier."""

    elementType: TypeSpecifier | None = None


class TupleElementDefinition(Element, kw_only=True):
    """ELM TupleElementDefinition."""

    elementType: TypeSpecifier | None = None
    name: str | None = None


class TupleTypeSpecifier(TypeSpecifier, kw_only=True):
    """ELM TupleTypeSpecifier."""

    element: list[TupleElementDefinition] = msgspec.field(default_factory=list)


class ChoiceTypeSpecifier(TypeSpecifier, kw_only=True):
    """ELM ChoiceTypeSpecifier."""

    choice: list[TypeSpecifier] = msgspec.field(default_factory=list)


class ParameterTypeSpecifier(TypeSpecifier, kw_only=True):
    """ELM ParameterTypeSpecifier."""

    parameterName: str | None = None


class Expression(Element, kw_only=True):
    """Abstract."""


class OperatorExpression(Expression, kw_only=True):
    """Abstract."""

    signature: list[TypeSpecifier] = msgspec.field(default_factory=list)


class UnaryExpression(OperatorExpression, kw_only=True):
    """Abstract."""

    operand: Expression | None = None


class BinaryExpression(OperatorExpression, kw_only=True):
    """Abstract."""

    operand: list[Expression] = msgspec.field(default_factory=list)


class TernaryExpression(OperatorExpression, kw_only=True):
    """Abstract."""

    operand: list[Expression] = msgspec.field(default_factory=list)


class NaryExpression(OperatorExpression, kw_only=True):
    """Abstract."""

    operand: list[Expression] = msgspec.field(default_factory=list)


class ExpressionDef(Element, kw_only=True):
    """ELM ExpressionDef."""

    expression: Expression | None = None
    name: str | None = None
    context: str | None = None
    accessLevel: str = 'Public'


class FunctionDef(ExpressionDef, kw_only=True):
    """ELM FunctionDef."""

    operand: list[OperandDef] = msgspec.field(default_factory=list)
    external: bool | None = None
    fluent: bool | None = None


class ExpressionRef(Expression, kw_only=True):
    """ELM ExpressionRef."""

    name: str | None = None
    libraryName: str | None = None


class FunctionRef(ExpressionRef, kw_only=True):
    """ELM FunctionRef."""

    signature: list[TypeSpecifier] = msgspec.field(default_factory=list)
    operand: list[Expression] = msgspec.field(default_factory=list)


class ParameterDef(Element, kw_only=True):
    """ELM ParameterDef."""

    default: Expression | None = None
    parameterTypeSpecifier: TypeSpecifier | None = None
    name: str | None = None
    parameterType: str | None = None
    accessLevel: str = 'Public'


class ParameterRef(Expression, kw_only=True):
    """ELM ParameterRef."""

    name: str | None = None
    libraryName: str | None = None


class OperandDef(Element, kw_only=True):
    """ELM OperandDef."""

    operandTypeSpecifier: TypeSpecifier | None = None
    name: str | None = None
    operandType: str | None = None


class OperandRef(Expression, kw_only=True):
    """ELM OperandRef."""

    name: str | None = None


class IdentifierRef(Expression, kw_only=True):
    """ELM IdentifierRef."""

    name: str | None = None
    libraryName: str | None = None


class Literal(Expression, kw_only=True):
    """ELM Literal."""

    valueType: str | None = None
    value: str | None = None


class TupleElement(msgspec.Struct, kw_only=True):
    """ELM TupleElement."""

    value: Expression | None = None
    name: str | None = None


class Tuple(Expression, kw_only=True):
    """ELM Tuple."""

    element: list[TupleElement] = msgspec.field(default_factory=list)


class InstanceElement(msgspec.Struct, kw_only=True):
    """ELM InstanceElement."""

    value: Expression | None = None
    name: str | None = None


class Instance(Expression, kw_only=True):
    """ELM Instance."""

    element: list[InstanceElement] = msgspec.field(default_factory=list)
    classType: str | None = None


class Interval(Expression, kw_only=True):
    """ELM Interval."""

    low: Expression | None = None
    lowClosedExpression: Expression | None = None
    high: Expression | None = None
    highClosedExpression: Expression | None = None
    lowClosed: bool = True
    highClosed: bool = True


class List(Expression, kw_only=True):
    """ELM List."""

    typeSpecifier: TypeSpecifier | None = None
    element: list[Expression] = msgspec.field(default_factory=list)


class And(BinaryExpression, kw_only=True):
    """ELM And."""


class Or(BinaryExpression, kw_only=True):
    """ELM Or."""


class Xor(BinaryExpression, kw_only=True):
    """ELM Xor."""


class Implies(BinaryExpression, kw_only=True):
    """ELM Implies."""


class Not(UnaryExpression, kw_only=True):
    """ELM Not."""


class If(Expression, kw_only=True):
    """ELM If."""

    condition: Expression | None = None
    then: Expression | None = None
    else_: Expression | None = None


class CaseItem(Element, kw_only=True):
    """ELM CaseItem."""

    when: Expression | None = None
    then: Expression | None = None


class Case(Expression, kw_only=True):
    """ELM Case."""

    comparand: Expression | None = None
    caseItem: list[CaseItem] = msgspec.field(default_factory=list)
    else_: Expression | None = None


class Null(Expression, kw_only=True):
    """ELM Null."""

    valueType: str | None = None


class IsNull(UnaryExpression, kw_only=True):
    """ELM IsNull."""


class IsTrue(UnaryExpression, kw_only=True):
    """ELM IsTrue."""


class IsFalse(UnaryExpression, kw_only=True):
    """ELM IsFalse."""


class Coalesce(NaryExpression, kw_only=True):
    """ELM Coalesce."""


class Is(UnaryExpression, kw_only=True):
    """ELM Is."""

    isTypeSpecifier: TypeSpecifier | None = None
    isType: str | None = None


class As(UnaryExpression, kw_only=True):
    """ELM As."""

    asTypeSpecifier: TypeSpecifier | None = None
    asType: str | None = None
    strict: bool = False


class Convert(UnaryExpression, kw_only=True):
    """ELM Convert."""

    toTypeSpecifier: TypeSpecifier | None = None
    toType: str | None = None


class CanConvert(UnaryExpression, kw_only=True):
    """ELM CanConvert."""

    toTypeSpecifier: TypeSpecifier | None = None
    toType: str | None = None


class ToBoolean(UnaryExpression, kw_only=True):
    """ELM ToBoolean."""


class ConvertsToBoolean(UnaryExpression, kw_only=True):
    """ELM ConvertsToBoolean."""


class ToConcept(UnaryExpression, kw_only=True):
    """ELM ToConcept."""


class ConvertsToDate(UnaryExpression, kw_only=True):
    """ELM ConvertsToDate."""


class ToDate(UnaryExpression, kw_only=True):
    """ELM ToDate."""


class ConvertsToDateTime(UnaryExpression, kw_only=True):
    """ELM ConvertsToDateTime."""


class ToDateTime(UnaryExpression, kw_only=True):
    """ELM ToDateTime."""


class ConvertsToDecimal(UnaryExpression, kw_only=True):
    """ELM ConvertsToDecimal."""


class ToDecimal(UnaryExpression, kw_only=True):
    """ELM ToDecimal."""


class ConvertsToInteger(UnaryExpression, kw_only=True):
    """ELM ConvertsToInteger."""


class ToInteger(UnaryExpression, kw_only=True):
    """ELM ToInteger."""


class ConvertsToLong(UnaryExpression, kw_only=True):
    """ELM ConvertsToLong."""


class ToLong(UnaryExpression, kw_only=True):
    """ELM ToLong."""


class ConvertsToQuantity(UnaryExpression, kw_only=True):
    """ELM ConvertsToQuantity."""


class ToQuantity(UnaryExpression, kw_only=True):
    """ELM ToQuantity."""


class ConvertsToRatio(UnaryExpression, kw_only=True):
    """ELM ConvertsToRatio."""


class ToRatio(UnaryExpression, kw_only=True):
    """ELM ToRatio."""


class ToList(UnaryExpression, kw_only=True):
    """ELM ToList."""


class ToChars(UnaryExpression, kw_only=True):
    """ELM ToChars."""


class ConvertsToString(UnaryExpression, kw_only=True):
    """ELM ConvertsToString."""


class ToString(UnaryExpression, kw_only=True):
    """ELM ToString."""


class ConvertsToTime(UnaryExpression, kw_only=True):
    """ELM ConvertsToTime."""


class ToTime(UnaryExpression, kw_only=True):
    """ELM ToTime."""


class CanConvertQuantity(BinaryExpression, kw_only=True):
    """ELM CanConvertQuantity."""


class ConvertQuantity(BinaryExpression, kw_only=True):
    """ELM ConvertQuantity."""


class Equal(BinaryExpression, kw_only=True):
    """ELM Equal."""


class Equivalent(BinaryExpression, kw_only=True):
    """ELM Equivalent."""


class NotEqual(BinaryExpression, kw_only=True):
    """ELM NotEqual."""


class Less(BinaryExpression, kw_only=True):
    """ELM Less."""


class Greater(BinaryExpression, kw_only=True):
    """ELM Greater."""


class LessOrEqual(BinaryExpression, kw_only=True):
    """ELM LessOrEqual."""


class GreaterOrEqual(BinaryExpression, kw_only=True):
    """ELM GreaterOrEqual."""


class Add(BinaryExpression, kw_only=True):
    """ELM Add."""


class Subtract(BinaryExpression, kw_only=True):
    """ELM Subtract."""


class Multiply(BinaryExpression, kw_only=True):
    """ELM Multiply."""


class Divide(BinaryExpression, kw_only=True):
    """ELM Divide."""


class TruncatedDivide(BinaryExpression, kw_only=True):
    """ELM TruncatedDivide."""


class Modulo(BinaryExpression, kw_only=True):
    """ELM Modulo."""


class Ceiling(UnaryExpression, kw_only=True):
    """ELM Ceiling."""


class Floor(UnaryExpression, kw_only=True):
    """ELM Floor."""


class Truncate(UnaryExpression, kw_only=True):
    """ELM Truncate."""


class Abs(UnaryExpression, kw_only=True):
    """ELM Abs."""


class Negate(UnaryExpression, kw_only=True):
    """ELM Negate."""


class Round(OperatorExpression, kw_only=True):
    """ELM Round."""

    operand: Expression | None = None
    precision: Expression | None = None


class Ln(UnaryExpression, kw_only=True):
    """ELM Ln."""


class Exp(UnaryExpression, kw_only=True):
    """ELM Exp."""


class Log(BinaryExpression, kw_only=True):
    """ELM Log."""


class Power(BinaryExpression, kw_only=True):
    """ELM Power."""


class Successor(UnaryExpression, kw_only=True):
    """ELM Successor."""


class Predecessor(UnaryExpression, kw_only=True):
    """ELM Predecessor."""


class MinValue(Expression, kw_only=True):
    """ELM MinValue."""

    valueType: str | None = None


class MaxValue(Expression, kw_only=True):
    """ELM MaxValue."""

    valueType: str | None = None


class Precision(UnaryExpression, kw_only=True):
    """ELM Precision."""


class LowBoundary(BinaryExpression, kw_only=True):
    """ELM LowBoundary."""


class HighBoundary(BinaryExpression, kw_only=True):
    """ELM HighBoundary."""


class Concatenate(NaryExpression, kw_only=True):
    """ELM Concatenate."""


class Combine(OperatorExpression, kw_only=True):
    """ELM Combine."""

    source: Expression | None = None
    separator: Expression | None = None


class Split(OperatorExpression, kw_only=True):
    """ELM Split."""

    stringToSplit: Expression | None = None
    separator: Expression | None = None


class SplitOnMatches(OperatorExpression, kw_only=True):
    """ELM SplitOnMatches."""

    stringToSplit: Expression | None = None
    separatorPattern: Expression | None = None


class Length(UnaryExpression, kw_only=True):
    """ELM Length."""


class Upper(UnaryExpression, kw_only=True):
    """ELM Upper."""


class Lower(UnaryExpression, kw_only=True):
    """ELM Lower."""


class Indexer(BinaryExpression, kw_only=True):
    """ELM Indexer."""


class PositionOf(OperatorExpression, kw_only=True):
    """ELM PositionOf."""

    pattern: Expression | None = None
    string: Expression | None = None


class LastPositionOf(OperatorExpression, kw_only=True):
    """ELM LastPositionOf."""

    pattern: Expression | None = None
    string: Expression | None = None


class Substring(OperatorExpression, kw_only=True):
    """ELM Substring."""

    stringToSub: Expression | None = None
    startIndex: Expression | None = None
    length: Expression | None = None


class StartsWith(BinaryExpression, kw_only=True):
    """ELM StartsWith."""


class EndsWith(BinaryExpression, kw_only=True):
    """ELM EndsWith."""


class Matches(BinaryExpression, kw_only=True):
    """ELM Matches."""


class ReplaceMatches(TernaryExpression, kw_only=True):
    """ELM ReplaceMatches."""


class DurationBetween(BinaryExpression, kw_only=True):
    """ELM DurationBetween."""

    precision: str | None = None


class DifferenceBetween(BinaryExpression, kw_only=True):
    """ELM DifferenceBetween."""

    precision: str | None = None


class DateFrom(UnaryExpression, kw_only=True):
    """ELM DateFrom."""


class TimeFrom(UnaryExpression, kw_only=True):
    """ELM TimeFrom."""


class TimezoneFrom(UnaryExpression, kw_only=True):
    """ELM TimezoneFrom."""


class TimezoneOffsetFrom(UnaryExpression, kw_only=True):
    """ELM TimezoneOffsetFrom."""


class DateTimeComponentFrom(UnaryExpression, kw_only=True):
    """ELM DateTimeComponentFrom."""

    precision: str | None = None


class TimeOfDay(OperatorExpression, kw_only=True):
    """ELM TimeOfDay."""


class Today(OperatorExpression, kw_only=True):
    """ELM Today."""


class Now(OperatorExpression, kw_only=True):
    """ELM Now."""


class Date(OperatorExpression, kw_only=True):
    """ELM Date."""

    year: Expression | None = None
    month: Expression | None = None
    day: Expression | None = None


class DateTime(OperatorExpression, kw_only=True):
    """ELM DateTime."""

    year: Expression | None = None
    month: Expression | None = None
    day: Expression | None = None
    hour: Expression | None = None
    minute: Expression | None = None
    second: Expression | None = None
    millisecond: Expression | None = None
    timezoneOffset: Expression | None = None


class Time(OperatorExpression, kw_only=True):
    """ELM Time."""

    hour: Expression | None = None
    minute: Expression | None = None
    second: Expression | None = None
    millisecond: Expression | None = None


class SameAs(BinaryExpression, kw_only=True):
    """ELM SameAs."""

    precision: str | None = None


class SameOrBefore(BinaryExpression, kw_only=True):
    """ELM SameOrBefore."""

    precision: str | None = None


class SameOrAfter(BinaryExpression, kw_only=True):
    """ELM SameOrAfter."""

    precision: str | None = None


class PointFrom(UnaryExpression, kw_only=True):
    """ELM PointFrom."""


class Width(UnaryExpression, kw_only=True):
    """ELM Width."""


class Size(UnaryExpression, kw_only=True):
    """ELM Size."""


class Start(UnaryExpression, kw_only=True):
    """ELM Start."""


class End(UnaryExpression, kw_only=True):
    """ELM End."""


class Contains(BinaryExpression, kw_only=True):
    """ELM Contains."""

    precision: str | None = None


class ProperContains(BinaryExpression, kw_only=True):
    """ELM ProperContains."""

    precision: str | None = None


class In(BinaryExpression, kw_only=True):
    """ELM In."""

    precision: str | None = None


class ProperIn(BinaryExpression, kw_only=True):
    """ELM ProperIn."""

    precision: str | None = None


class Includes(BinaryExpression, kw_only=True):
    """ELM Includes."""

    precision: str | None = None


class IncludedIn(BinaryExpression, kw_only=True):
    """ELM IncludedIn."""

    precision: str | None = None


class ProperIncludes(BinaryExpression, kw_only=True):
    """ELM ProperIncludes."""

    precision: str | None = None


class ProperIncludedIn(BinaryExpression, kw_only=True):
    """ELM ProperIncludedIn."""

    precision: str | None = None


class Before(BinaryExpression, kw_only=True):
    """ELM Before."""

    precision: str | None = None


class After(BinaryExpression, kw_only=True):
    """ELM After."""

    precision: str | None = None


class Meets(BinaryExpression, kw_only=True):
    """ELM Meets."""

    precision: str | None = None


class MeetsBefore(BinaryExpression, kw_only=True):
    """ELM MeetsBefore."""

    precision: str | None = None


class MeetsAfter(BinaryExpression, kw_only=True):
    """ELM MeetsAfter."""

    precision: str | None = None


class Overlaps(BinaryExpression, kw_only=True):
    """ELM Overlaps."""

    precision: str | None = None


class OverlapsBefore(BinaryExpression, kw_only=True):
    """ELM OverlapsBefore."""

    precision: str | None = None


class OverlapsAfter(BinaryExpression, kw_only=True):
    """ELM OverlapsAfter."""

    precision: str | None = None


class Starts(BinaryExpression, kw_only=True):
    """ELM Starts."""

    precision: str | None = None


class Ends(BinaryExpression, kw_only=True):
    """ELM Ends."""

    precision: str | None = None


class Collapse(BinaryExpression, kw_only=True):
    """ELM Collapse."""


class Expand(BinaryExpression, kw_only=True):
    """ELM Expand."""


class Union(NaryExpression, kw_only=True):
    """ELM Union."""


class Intersect(NaryExpression, kw_only=True):
    """ELM Intersect."""


class Except(NaryExpression, kw_only=True):
    """ELM Except."""


class Exists(UnaryExpression, kw_only=True):
    """ELM Exists."""


class Times(BinaryExpression, kw_only=True):
    """ELM Times."""


class Filter(Expression, kw_only=True):
    """ELM Filter."""

    source: Expression | None = None
    condition: Expression | None = None
    scope: str | None = None


class First(OperatorExpression, kw_only=True):
    """ELM First."""

    source: Expression | None = None
    orderBy: str | None = None


class Last(OperatorExpression, kw_only=True):
    """ELM Last."""

    source: Expression | None = None
    orderBy: str | None = None


class Slice(OperatorExpression, kw_only=True):
    """ELM Slice."""

    source: Expression | None = None
    startIndex: Expression | None = None
    endIndex: Expression | None = None


class IndexOf(OperatorExpression, kw_only=True):
    """ELM IndexOf."""

    source: Expression | None = None
    element: Expression | None = None


class Flatten(UnaryExpression, kw_only=True):
    """ELM Flatten."""


class Sort(Expression, kw_only=True):
    """ELM Sort."""

    source: Expression | None = None
    by: list[SortByItem] = msgspec.field(default_factory=list)


class ForEach(Expression, kw_only=True):
    """ELM ForEach."""

    source: Expression | None = None
    element: Expression | None = None
    scope: str | None = None


class Repeat(Expression, kw_only=True):
    """ELM Repeat."""

    source: Expression | None = None
    element: Expression | None = None
    scope: str | None = None


class Distinct(UnaryExpression, kw_only=True):
    """ELM Distinct."""


class Current(Expression, kw_only=True):
    """ELM Current."""

    scope: str | None = None


class Iteration(Expression, kw_only=True):
    """ELM Iteration."""

    scope: str | None = None


class Total(Expression, kw_only=True):
    """ELM Total."""

    scope: str | None = None


class SingletonFrom(UnaryExpression, kw_only=True):
    """ELM SingletonFrom."""


class AggregateExpression(Expression, kw_only=True):
    """Abstract."""

    signature: list[TypeSpecifier] = msgspec.field(default_factory=list)
    source: Expression | None = None
    path: str | None = None


class Aggregate(AggregateExpression, kw_only=True):
    """ELM Aggregate."""

    iteration: Expression | None = None
    initialValue: Expression | None = None


class Count(AggregateExpression, kw_only=True):
    """ELM Count."""


class Sum(AggregateExpression, kw_only=True):
    """ELM Sum."""


class Product(AggregateExpression, kw_only=True):
    """ELM Product."""


class Min(AggregateExpression, kw_only=True):
    """ELM Min."""


class Max(AggregateExpression, kw_only=True):
    """ELM Max."""


class Avg(AggregateExpression, kw_only=True):
    """ELM Avg."""


class GeometricMean(AggregateExpression, kw_only=True):
    """ELM GeometricMean."""


class Median(AggregateExpression, kw_only=True):
    """ELM Median."""


class Mode(AggregateExpression, kw_only=True):
    """ELM Mode."""


class Variance(AggregateExpression, kw_only=True):
    """ELM Variance."""


class PopulationVariance(AggregateExpression, kw_only=True):
    """ELM PopulationVariance."""


class StdDev(AggregateExpression, kw_only=True):
    """ELM StdDev."""


class PopulationStdDev(AggregateExpression, kw_only=True):
    """ELM PopulationStdDev."""


class AllTrue(AggregateExpression, kw_only=True):
    """ELM AllTrue."""


class AnyTrue(AggregateExpression, kw_only=True):
    """ELM AnyTrue."""


class Property(Expression, kw_only=True):
    """ELM Property."""

    source: Expression | None = None
    path: str | None = None
    scope: str | None = None


class AliasedQuerySource(Element, kw_only=True):
    """ELM AliasedQuerySource."""

    expression: Expression | None = None
    alias: str | None = None


class LetClause(Element, kw_only=True):
    """ELM LetClause."""

    expression: Expression | None = None
    identifier: str | None = None


class RelationshipClause(AliasedQuerySource, kw_only=True):
    """Abstract."""

    suchThat: Expression | None = None


class With(RelationshipClause, kw_only=True):
    """ELM With."""


class Without(RelationshipClause, kw_only=True):
    """ELM Without."""


class SortByItem(Element, kw_only=True):
    """Abstract."""

    direction: str | None = None


class ByDirection(SortByItem, kw_only=True):
    """ELM ByDirection."""


class ByColumn(SortByItem, kw_only=True):
    """ELM ByColumn."""

    path: str | None = None


class ByExpression(SortByItem, kw_only=True):
    """ELM ByExpression."""

    expression: Expression | None = None


class SortClause(Element, kw_only=True):
    """ELM SortClause."""

    by: list[SortByItem] = msgspec.field(default_factory=list)


class ReturnClause(Element, kw_only=True):
    """ELM ReturnClause."""

    expression: Expression | None = None
    distinct: bool = True


class AggregateClause(Element, kw_only=True):
    """ELM AggregateClause."""

    expression: Expression | None = None
    starting: Expression | None = None
    identifier: str | None = None
    distinct: bool = False


class Query(Expression, kw_only=True):
    """ELM Query."""

    source: list[AliasedQuerySource] = msgspec.field(default_factory=list)
    let: list[LetClause] = msgspec.field(default_factory=list)
    relationship: list[RelationshipClause] = msgspec.field(default_factory=list)
    where: Expression | None = None
    return_: ReturnClause | None = None
    aggregate: AggregateClause | None = None
    sort: SortClause | None = None


class AliasRef(Expression, kw_only=True):
    """ELM AliasRef."""

    name: str | None = None


class QueryLetRef(Expression, kw_only=True):
    """ELM QueryLetRef."""

    name: str | None = None


class Children(OperatorExpression, kw_only=True):
    """ELM Children."""

    source: Expression | None = None


class Descendants(OperatorExpression, kw_only=True):
    """ELM Descendants."""

    source: Expression | None = None


class Descendents(OperatorExpression, kw_only=True):
    """ELM Descendents."""

    source: Expression | None = None


class Message(OperatorExpression, kw_only=True):
    """ELM Message."""

    source: Expression | None = None
    condition: Expression | None = None
    code: Expression | None = None
    severity: Expression | None = None
    message: Expression | None = None


class CodeFilterElement(Element, kw_only=True):
    """ELM CodeFilterElement."""

    value: Expression | None = None
    property: str | None = None
    valueSetProperty: str | None = None
    search: str | None = None
    comparator: str | None = None


class DateFilterElement(Element, kw_only=True):
    """ELM DateFilterElement."""

    value: Expression | None = None
    property: str | None = None
    lowProperty: str | None = None
    highProperty: str | None = None
    search: str | None = None


class OtherFilterElement(Element, kw_only=True):
    """ELM OtherFilterElement."""

    value: Expression | None = None
    property: str | None = None
    search: str | None = None
    comparator: str | None = None


class IncludeElement(Element, kw_only=True):
    """ELM IncludeElement."""

    includeFrom: str | None = None
    relatedDataType: str | None = None
    relatedProperty: str | None = None
    relatedSearch: str | None = None
    isReverse: bool | None = None


class Retrieve(Expression, kw_only=True):
    """ELM Retrieve."""

    id: Expression | None = None
    codes: Expression | None = None
    dateRange: Expression | None = None
    context: Expression | None = None
    include: list[IncludeElement] = msgspec.field(default_factory=list)
    codeFilter: list[CodeFilterElement] = msgspec.field(default_factory=list)
    dateFilter: list[DateFilterElement] = msgspec.field(default_factory=list)
    otherFilter: list[OtherFilterElement] = msgspec.field(default_factory=list)
    dataType: str | None = None
    templateId: str | None = None
    idProperty: str | None = None
    idSearch: str | None = None
    contextProperty: str | None = None
    contextSearch: str | None = None
    codeProperty: str | None = None
    codeSearch: str | None = None
    codeComparator: str | None = None
    valueSetProperty: str | None = None
    dateProperty: str | None = None
    dateLowProperty: str | None = None
    dateHighProperty: str | None = None
    dateSearch: str | None = None
    includedIn: str | None = None


class Search(Property, kw_only=True):
    """ELM Search."""


class CodeSystemDef(Element, kw_only=True):
    """ELM CodeSystemDef."""

    name: str | None = None
    id: str | None = None
    version: str | None = None
    accessLevel: str = 'Public'


class ValueSetDef(Element, kw_only=True):
    """ELM ValueSetDef."""

    codeSystem: list[CodeSystemRef] = msgspec.field(default_factory=list)
    name: str | None = None
    id: str | None = None
    version: str | None = None
    accessLevel: str = 'Public'


class CodeDef(Element, kw_only=True):
    """ELM CodeDef."""

    codeSystem: CodeSystemRef | None = None
    name: str | None = None
    id: str | None = None
    display: str | None = None
    accessLevel: str = 'Public'


class ConceptDef(Element, kw_only=True):
    """ELM ConceptDef."""

    code: list[CodeRef] = msgspec.field(default_factory=list)
    name: str | None = None
    display: str | None = None
    accessLevel: str = 'Public'


class CodeSystemRef(Expression, kw_only=True):
    """ELM CodeSystemRef."""

    name: str | None = None
    libraryName: str | None = None


class ValueSetRef(Expression, kw_only=True):
    """ELM ValueSetRef."""

    name: str | None = None
    libraryName: str | None = None
    preserve: bool | None = None


class CodeRef(Expression, kw_only=True):
    """ELM CodeRef."""

    name: str | None = None
    libraryName: str | None = None


class ConceptRef(Expression, kw_only=True):
    """ELM ConceptRef."""

    name: str | None = None
    libraryName: str | None = None


class Code(Expression, kw_only=True):
    """ELM Code."""

    system: CodeSystemRef | None = None
    code: str | None = None
    display: str | None = None


class Concept(Expression, kw_only=True):
    """ELM Concept."""

    code: list[Code] = msgspec.field(default_factory=list)
    display: str | None = None


class InCodeSystem(OperatorExpression, kw_only=True):
    """ELM InCodeSystem."""

    code: Expression | None = None
    codesystem: CodeSystemRef | None = None
    codesystemExpression: Expression | None = None


class AnyInCodeSystem(OperatorExpression, kw_only=True):
    """ELM AnyInCodeSystem."""

    codes: Expression | None = None
    codesystem: CodeSystemRef | None = None
    codesystemExpression: Expression | None = None


class InValueSet(OperatorExpression, kw_only=True):
    """ELM InValueSet."""

    code: Expression | None = None
    valueset: ValueSetRef | None = None
    valuesetExpression: Expression | None = None


class AnyInValueSet(OperatorExpression, kw_only=True):
    """ELM AnyInValueSet."""

    codes: Expression | None = None
    valueset: ValueSetRef | None = None
    valuesetExpression: Expression | None = None


class ExpandValueSet(UnaryExpression, kw_only=True):
    """ELM ExpandValueSet."""


class Subsumes(BinaryExpression, kw_only=True):
    """ELM Subsumes."""


class SubsumedBy(BinaryExpression, kw_only=True):
    """ELM SubsumedBy."""


class Quantity(Expression, kw_only=True):
    """ELM Quantity."""

    value: Decimal | None = None
    unit: str | None = None


class Ratio(Expression, kw_only=True):
    """ELM Ratio."""

    numerator: Quantity | None = None
    denominator: Quantity | None = None


class CalculateAge(UnaryExpression, kw_only=True):
    """ELM CalculateAge."""

    precision: str | None = None


class CalculateAgeAt(BinaryExpression, kw_only=True):
    """ELM CalculateAgeAt."""

    precision: str | None = None


class VersionedIdentifier(msgspec.Struct, kw_only=True):
    """ELM VersionedIdentifier."""

    id: str | None = None
    system: str | None = None
    version: str | None = None


class UsingDef(Element, kw_only=True):
    """ELM UsingDef."""

    localIdentifier: str | None = None
    uri: str | None = None
    version: str | None = None


class IncludeDef(Element, kw_only=True):
    """ELM IncludeDef."""

    localIdentifier: str | None = None
    mediaType: str = 'application/elm+xml'
    path: str | None = None
    version: str | None = None


class ContextDef(Element, kw_only=True):
    """ELM ContextDef."""

    name: str | None = None


class Library(Element, kw_only=True):
    """ELM Library."""

    identifier: VersionedIdentifier | None = None
    schemaIdentifier: VersionedIdentifier | None = None
    usings: list[UsingDef] = msgspec.field(default_factory=list)
    includes: list[IncludeDef] = msgspec.field(default_factory=list)
    parameters: list[ParameterDef] = msgspec.field(default_factory=list)
    codeSystems: list[CodeSystemDef] = msgspec.field(default_factory=list)
    valueSets: list[ValueSetDef] = msgspec.field(default_factory=list)
    codes: list[CodeDef] = msgspec.field(default_factory=list)
    concepts: list[ConceptDef] = msgspec.field(default_factory=list)
    contexts: list[ContextDef] = msgspec.field(default_factory=list)
    statements: list[ExpressionDef] = msgspec.field(default_factory=list)


# class name -> (base name, abstract, ((JSON name, Python name, type name, is list), ...)); own fields only
FIELDS: dict[str, tuple[str | None, bool, list[tuple[str, str, str, bool]]]] = {
    'Element': (None, True, [('annotation', 'annotation', 'Any', True), ('resultTypeSpecifier', 'resultTypeSpecifier', 'TypeSpecifier', False), ('localId', 'localId', 'str', False), ('locator', 'locator', 'str', False), ('resultTypeName', 'resultTypeName', 'str', False)]),
    'TypeSpecifier': ('Element', True, []),
    'NamedTypeSpecifier': ('TypeSpecifier', False, [('name', 'name', 'str', False)]),
    'IntervalTypeSpecifier': ('TypeSpecifier', False, [('pointType', 'pointType', 'TypeSpecifier', False)]),
    'ListTypeSpecifier': ('TypeSpecifier', False, [('elementType', 'elementType', 'TypeSpecifier', False)]),
    'TupleElementDefinition': ('Element', False, [('elementType', 'elementType', 'TypeSpecifier', False), ('name', 'name', 'str', False)]),
    'TupleTypeSpecifier': ('TypeSpecifier', False, [('element', 'element', 'TupleElementDefinition', True)]),
    'ChoiceTypeSpecifier': ('TypeSpecifier', False, [('choice', 'choice', 'TypeSpecifier', True)]),
    'ParameterTypeSpecifier': ('TypeSpecifier', False, [('parameterName', 'parameterName', 'str', False)]),
    'Expression': ('Element', True, []),
    'OperatorExpression': ('Expression', True, [('signature', 'signature', 'TypeSpecifier', True)]),
    'UnaryExpression': ('OperatorExpression', True, [('operand', 'operand', 'Expression', False)]),
    'BinaryExpression': ('OperatorExpression', True, [('operand', 'operand', 'Expression', True)]),
    'TernaryExpression': ('OperatorExpression', True, [('operand', 'operand', 'Expression', True)]),
    'NaryExpression': ('OperatorExpression', True, [('operand', 'operand', 'Expression', True)]),
    'ExpressionDef': ('Element', False, [('expression', 'expression', 'Expression', False), ('name', 'name', 'str', False), ('context', 'context', 'str', False), ('accessLevel', 'accessLevel', 'str', False)]),
    'FunctionDef': ('ExpressionDef', False, [('operand', 'operand', 'OperandDef', True), ('external', 'external', 'bool', False), ('fluent', 'fluent', 'bool', False)]),
    'ExpressionRef': ('Expression', False, [('name', 'name', 'str', False), ('libraryName', 'libraryName', 'str', False)]),
    'FunctionRef': ('ExpressionRef', False, [('signature', 'signature', 'TypeSpecifier', True), ('operand', 'operand', 'Expression', True)]),
    'ParameterDef': ('Element', False, [('default', 'default', 'Expression', False), ('parameterTypeSpecifier', 'parameterTypeSpecifier', 'TypeSpecifier', False), ('name', 'name', 'str', False), ('parameterType', 'parameterType', 'str', False), ('accessLevel', 'accessLevel', 'str', False)]),
    'ParameterRef': ('Expression', False, [('name', 'name', 'str', False), ('libraryName', 'libraryName', 'str', False)]),
    'OperandDef': ('Element', False, [('operandTypeSpecifier', 'operandTypeSpecifier', 'TypeSpecifier', False), ('name', 'name', 'str', False), ('operandType', 'operandType', 'str', False)]),
    'OperandRef': ('Expression', False, [('name', 'name', 'str', False)]),
    'IdentifierRef': ('Expression', False, [('name', 'name', 'str', False), ('libraryName', 'libraryName', 'str', False)]),
    'Literal': ('Expression', False, [('valueType', 'valueType', 'str', False), ('value', 'value', 'str', False)]),
    'TupleElement': (None, False, [('value', 'value', 'Expression', False), ('name', 'name', 'str', False)]),
    'Tuple': ('Expression', False, [('element', 'element', 'TupleElement', True)]),
    'InstanceElement': (None, False, [('value', 'value', 'Expression', False), ('name', 'name', 'str', False)]),
    'Instance': ('Expression', False, [('element', 'element', 'InstanceElement', True), ('classType', 'classType', 'str', False)]),
    'Interval': ('Expression', False, [('low', 'low', 'Expression', False), ('lowClosedExpression', 'lowClosedExpression', 'Expression', False), ('high', 'high', 'Expression', False), ('highClosedExpression', 'highClosedExpression', 'Expression', False), ('lowClosed', 'lowClosed', 'bool', False), ('highClosed', 'highClosed', 'bool', False)]),
    'List': ('Expression', False, [('typeSpecifier', 'typeSpecifier', 'TypeSpecifier', False), ('element', 'element', 'Expression', True)]),
    'And': ('BinaryExpression', False, []),
    'Or': ('BinaryExpression', False, []),
    'Xor': ('BinaryExpression', False, []),
    'Implies': ('BinaryExpression', False, []),
    'Not': ('UnaryExpression', False, []),
    'If': ('Expression', False, [('condition', 'condition', 'Expression', False), ('then', 'then', 'Expression', False), ('else', 'else_', 'Expression', False)]),
    'CaseItem': ('Element', False, [('when', 'when', 'Expression', False), ('then', 'then', 'Expression', False)]),
    'Case': ('Expression', False, [('comparand', 'comparand', 'Expression', False), ('caseItem', 'caseItem', 'CaseItem', True), ('else', 'else_', 'Expression', False)]),
    'Null': ('Expression', False, [('valueType', 'valueType', 'str', False)]),
    'IsNull': ('UnaryExpression', False, []),
    'IsTrue': ('UnaryExpression', False, []),
    'IsFalse': ('UnaryExpression', False, []),
    'Coalesce': ('NaryExpression', False, []),
    'Is': ('UnaryExpression', False, [('isTypeSpecifier', 'isTypeSpecifier', 'TypeSpecifier', False), ('isType', 'isType', 'str', False)]),
    'As': ('UnaryExpression', False, [('asTypeSpecifier', 'asTypeSpecifier', 'TypeSpecifier', False), ('asType', 'asType', 'str', False), ('strict', 'strict', 'bool', False)]),
    'Convert': ('UnaryExpression', False, [('toTypeSpecifier', 'toTypeSpecifier', 'TypeSpecifier', False), ('toType', 'toType', 'str', False)]),
    'CanConvert': ('UnaryExpression', False, [('toTypeSpecifier', 'toTypeSpecifier', 'TypeSpecifier', False), ('toType', 'toType', 'str', False)]),
    'ToBoolean': ('UnaryExpression', False, []),
    'ConvertsToBoolean': ('UnaryExpression', False, []),
    'ToConcept': ('UnaryExpression', False, []),
    'ConvertsToDate': ('UnaryExpression', False, []),
    'ToDate': ('UnaryExpression', False, []),
    'ConvertsToDateTime': ('UnaryExpression', False, []),
    'ToDateTime': ('UnaryExpression', False, []),
    'ConvertsToDecimal': ('UnaryExpression', False, []),
    'ToDecimal': ('UnaryExpression', False, []),
    'ConvertsToInteger': ('UnaryExpression', False, []),
    'ToInteger': ('UnaryExpression', False, []),
    'ConvertsToLong': ('UnaryExpression', False, []),
    'ToLong': ('UnaryExpression', False, []),
    'ConvertsToQuantity': ('UnaryExpression', False, []),
    'ToQuantity': ('UnaryExpression', False, []),
    'ConvertsToRatio': ('UnaryExpression', False, []),
    'ToRatio': ('UnaryExpression', False, []),
    'ToList': ('UnaryExpression', False, []),
    'ToChars': ('UnaryExpression', False, []),
    'ConvertsToString': ('UnaryExpression', False, []),
    'ToString': ('UnaryExpression', False, []),
    'ConvertsToTime': ('UnaryExpression', False, []),
    'ToTime': ('UnaryExpression', False, []),
    'CanConvertQuantity': ('BinaryExpression', False, []),
    'ConvertQuantity': ('BinaryExpression', False, []),
    'Equal': ('BinaryExpression', False, []),
    'Equivalent': ('BinaryExpression', False, []),
    'NotEqual': ('BinaryExpression', False, []),
    'Less': ('BinaryExpression', False, []),
    'Greater': ('BinaryExpression', False, []),
    'LessOrEqual': ('BinaryExpression', False, []),
    'GreaterOrEqual': ('BinaryExpression', False, []),
    'Add': ('BinaryExpression', False, []),
    'Subtract': ('BinaryExpression', False, []),
    'Multiply': ('BinaryExpression', False, []),
    'Divide': ('BinaryExpression', False, []),
    'TruncatedDivide': ('BinaryExpression', False, []),
    'Modulo': ('BinaryExpression', False, []),
    'Ceiling': ('UnaryExpression', False, []),
    'Floor': ('UnaryExpression', False, []),
    'Truncate': ('UnaryExpression', False, []),
    'Abs': ('UnaryExpression', False, []),
    'Negate': ('UnaryExpression', False, []),
    'Round': ('OperatorExpression', False, [('operand', 'operand', 'Expression', False), ('precision', 'precision', 'Expression', False)]),
    'Ln': ('UnaryExpression', False, []),
    'Exp': ('UnaryExpression', False, []),
    'Log': ('BinaryExpression', False, []),
    'Power': ('BinaryExpression', False, []),
    'Successor': ('UnaryExpression', False, []),
    'Predecessor': ('UnaryExpression', False, []),
    'MinValue': ('Expression', False, [('valueType', 'valueType', 'str', False)]),
    'MaxValue': ('Expression', False, [('valueType', 'valueType', 'str', False)]),
    'Precision': ('UnaryExpression', False, []),
    'LowBoundary': ('BinaryExpression', False, []),
    'HighBoundary': ('BinaryExpression', False, []),
    'Concatenate': ('NaryExpression', False, []),
    'Combine': ('OperatorExpression', False, [('source', 'source', 'Expression', False), ('separator', 'separator', 'Expression', False)]),
    'Split': ('OperatorExpression', False, [('stringToSplit', 'stringToSplit', 'Expression', False), ('separator', 'separator', 'Expression', False)]),
    'SplitOnMatches': ('OperatorExpression', False, [('stringToSplit', 'stringToSplit', 'Expression', False), ('separatorPattern', 'separatorPattern', 'Expression', False)]),
    'Length': ('UnaryExpression', False, []),
    'Upper': ('UnaryExpression', False, []),
    'Lower': ('UnaryExpression', False, []),
    'Indexer': ('BinaryExpression', False, []),
    'PositionOf': ('OperatorExpression', False, [('pattern', 'pattern', 'Expression', False), ('string', 'string', 'Expression', False)]),
    'LastPositionOf': ('OperatorExpression', False, [('pattern', 'pattern', 'Expression', False), ('string', 'string', 'Expression', False)]),
    'Substring': ('OperatorExpression', False, [('stringToSub', 'stringToSub', 'Expression', False), ('startIndex', 'startIndex', 'Expression', False), ('length', 'length', 'Expression', False)]),
    'StartsWith': ('BinaryExpression', False, []),
    'EndsWith': ('BinaryExpression', False, []),
    'Matches': ('BinaryExpression', False, []),
    'ReplaceMatches': ('TernaryExpression', False, []),
    'DurationBetween': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'DifferenceBetween': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'DateFrom': ('UnaryExpression', False, []),
    'TimeFrom': ('UnaryExpression', False, []),
    'TimezoneFrom': ('UnaryExpression', False, []),
    'TimezoneOffsetFrom': ('UnaryExpression', False, []),
    'DateTimeComponentFrom': ('UnaryExpression', False, [('precision', 'precision', 'str', False)]),
    'TimeOfDay': ('OperatorExpression', False, []),
    'Today': ('OperatorExpression', False, []),
    'Now': ('OperatorExpression', False, []),
    'Date': ('OperatorExpression', False, [('year', 'year', 'Expression', False), ('month', 'month', 'Expression', False), ('day', 'day', 'Expression', False)]),
    'DateTime': ('OperatorExpression', False, [('year', 'year', 'Expression', False), ('month', 'month', 'Expression', False), ('day', 'day', 'Expression', False), ('hour', 'hour', 'Expression', False), ('minute', 'minute', 'Expression', False), ('second', 'second', 'Expression', False), ('millisecond', 'millisecond', 'Expression', False), ('timezoneOffset', 'timezoneOffset', 'Expression', False)]),
    'Time': ('OperatorExpression', False, [('hour', 'hour', 'Expression', False), ('minute', 'minute', 'Expression', False), ('second', 'second', 'Expression', False), ('millisecond', 'millisecond', 'Expression', False)]),
    'SameAs': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'SameOrBefore': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'SameOrAfter': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'PointFrom': ('UnaryExpression', False, []),
    'Width': ('UnaryExpression', False, []),
    'Size': ('UnaryExpression', False, []),
    'Start': ('UnaryExpression', False, []),
    'End': ('UnaryExpression', False, []),
    'Contains': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'ProperContains': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'In': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'ProperIn': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'Includes': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'IncludedIn': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'ProperIncludes': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'ProperIncludedIn': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'Before': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'After': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'Meets': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'MeetsBefore': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'MeetsAfter': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'Overlaps': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'OverlapsBefore': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'OverlapsAfter': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'Starts': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'Ends': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'Collapse': ('BinaryExpression', False, []),
    'Expand': ('BinaryExpression', False, []),
    'Union': ('NaryExpression', False, []),
    'Intersect': ('NaryExpression', False, []),
    'Except': ('NaryExpression', False, []),
    'Exists': ('UnaryExpression', False, []),
    'Times': ('BinaryExpression', False, []),
    'Filter': ('Expression', False, [('source', 'source', 'Expression', False), ('condition', 'condition', 'Expression', False), ('scope', 'scope', 'str', False)]),
    'First': ('OperatorExpression', False, [('source', 'source', 'Expression', False), ('orderBy', 'orderBy', 'str', False)]),
    'Last': ('OperatorExpression', False, [('source', 'source', 'Expression', False), ('orderBy', 'orderBy', 'str', False)]),
    'Slice': ('OperatorExpression', False, [('source', 'source', 'Expression', False), ('startIndex', 'startIndex', 'Expression', False), ('endIndex', 'endIndex', 'Expression', False)]),
    'IndexOf': ('OperatorExpression', False, [('source', 'source', 'Expression', False), ('element', 'element', 'Expression', False)]),
    'Flatten': ('UnaryExpression', False, []),
    'Sort': ('Expression', False, [('source', 'source', 'Expression', False), ('by', 'by', 'SortByItem', True)]),
    'ForEach': ('Expression', False, [('source', 'source', 'Expression', False), ('element', 'element', 'Expression', False), ('scope', 'scope', 'str', False)]),
    'Repeat': ('Expression', False, [('source', 'source', 'Expression', False), ('element', 'element', 'Expression', False), ('scope', 'scope', 'str', False)]),
    'Distinct': ('UnaryExpression', False, []),
    'Current': ('Expression', False, [('scope', 'scope', 'str', False)]),
    'Iteration': ('Expression', False, [('scope', 'scope', 'str', False)]),
    'Total': ('Expression', False, [('scope', 'scope', 'str', False)]),
    'SingletonFrom': ('UnaryExpression', False, []),
    'AggregateExpression': ('Expression', True, [('signature', 'signature', 'TypeSpecifier', True), ('source', 'source', 'Expression', False), ('path', 'path', 'str', False)]),
    'Aggregate': ('AggregateExpression', False, [('iteration', 'iteration', 'Expression', False), ('initialValue', 'initialValue', 'Expression', False)]),
    'Count': ('AggregateExpression', False, []),
    'Sum': ('AggregateExpression', False, []),
    'Product': ('AggregateExpression', False, []),
    'Min': ('AggregateExpression', False, []),
    'Max': ('AggregateExpression', False, []),
    'Avg': ('AggregateExpression', False, []),
    'GeometricMean': ('AggregateExpression', False, []),
    'Median': ('AggregateExpression', False, []),
    'Mode': ('AggregateExpression', False, []),
    'Variance': ('AggregateExpression', False, []),
    'PopulationVariance': ('AggregateExpression', False, []),
    'StdDev': ('AggregateExpression', False, []),
    'PopulationStdDev': ('AggregateExpression', False, []),
    'AllTrue': ('AggregateExpression', False, []),
    'AnyTrue': ('AggregateExpression', False, []),
    'Property': ('Expression', False, [('source', 'source', 'Expression', False), ('path', 'path', 'str', False), ('scope', 'scope', 'str', False)]),
    'AliasedQuerySource': ('Element', False, [('expression', 'expression', 'Expression', False), ('alias', 'alias', 'str', False)]),
    'LetClause': ('Element', False, [('expression', 'expression', 'Expression', False), ('identifier', 'identifier', 'str', False)]),
    'RelationshipClause': ('AliasedQuerySource', True, [('suchThat', 'suchThat', 'Expression', False)]),
    'With': ('RelationshipClause', False, []),
    'Without': ('RelationshipClause', False, []),
    'SortByItem': ('Element', True, [('direction', 'direction', 'str', False)]),
    'ByDirection': ('SortByItem', False, []),
    'ByColumn': ('SortByItem', False, [('path', 'path', 'str', False)]),
    'ByExpression': ('SortByItem', False, [('expression', 'expression', 'Expression', False)]),
    'SortClause': ('Element', False, [('by', 'by', 'SortByItem', True)]),
    'ReturnClause': ('Element', False, [('expression', 'expression', 'Expression', False), ('distinct', 'distinct', 'bool', False)]),
    'AggregateClause': ('Element', False, [('expression', 'expression', 'Expression', False), ('starting', 'starting', 'Expression', False), ('identifier', 'identifier', 'str', False), ('distinct', 'distinct', 'bool', False)]),
    'Query': ('Expression', False, [('source', 'source', 'AliasedQuerySource', True), ('let', 'let', 'LetClause', True), ('relationship', 'relationship', 'RelationshipClause', True), ('where', 'where', 'Expression', False), ('return', 'return_', 'ReturnClause', False), ('aggregate', 'aggregate', 'AggregateClause', False), ('sort', 'sort', 'SortClause', False)]),
    'AliasRef': ('Expression', False, [('name', 'name', 'str', False)]),
    'QueryLetRef': ('Expression', False, [('name', 'name', 'str', False)]),
    'Children': ('OperatorExpression', False, [('source', 'source', 'Expression', False)]),
    'Descendants': ('OperatorExpression', False, [('source', 'source', 'Expression', False)]),
    'Descendents': ('OperatorExpression', False, [('source', 'source', 'Expression', False)]),
    'Message': ('OperatorExpression', False, [('source', 'source', 'Expression', False), ('condition', 'condition', 'Expression', False), ('code', 'code', 'Expression', False), ('severity', 'severity', 'Expression', False), ('message', 'message', 'Expression', False)]),
    'CodeFilterElement': ('Element', False, [('value', 'value', 'Expression', False), ('property', 'property', 'str', False), ('valueSetProperty', 'valueSetProperty', 'str', False), ('search', 'search', 'str', False), ('comparator', 'comparator', 'str', False)]),
    'DateFilterElement': ('Element', False, [('value', 'value', 'Expression', False), ('property', 'property', 'str', False), ('lowProperty', 'lowProperty', 'str', False), ('highProperty', 'highProperty', 'str', False), ('search', 'search', 'str', False)]),
    'OtherFilterElement': ('Element', False, [('value', 'value', 'Expression', False), ('property', 'property', 'str', False), ('search', 'search', 'str', False), ('comparator', 'comparator', 'str', False)]),
    'IncludeElement': ('Element', False, [('includeFrom', 'includeFrom', 'str', False), ('relatedDataType', 'relatedDataType', 'str', False), ('relatedProperty', 'relatedProperty', 'str', False), ('relatedSearch', 'relatedSearch', 'str', False), ('isReverse', 'isReverse', 'bool', False)]),
    'Retrieve': ('Expression', False, [('id', 'id', 'Expression', False), ('codes', 'codes', 'Expression', False), ('dateRange', 'dateRange', 'Expression', False), ('context', 'context', 'Expression', False), ('include', 'include', 'IncludeElement', True), ('codeFilter', 'codeFilter', 'CodeFilterElement', True), ('dateFilter', 'dateFilter', 'DateFilterElement', True), ('otherFilter', 'otherFilter', 'OtherFilterElement', True), ('dataType', 'dataType', 'str', False), ('templateId', 'templateId', 'str', False), ('idProperty', 'idProperty', 'str', False), ('idSearch', 'idSearch', 'str', False), ('contextProperty', 'contextProperty', 'str', False), ('contextSearch', 'contextSearch', 'str', False), ('codeProperty', 'codeProperty', 'str', False), ('codeSearch', 'codeSearch', 'str', False), ('codeComparator', 'codeComparator', 'str', False), ('valueSetProperty', 'valueSetProperty', 'str', False), ('dateProperty', 'dateProperty', 'str', False), ('dateLowProperty', 'dateLowProperty', 'str', False), ('dateHighProperty', 'dateHighProperty', 'str', False), ('dateSearch', 'dateSearch', 'str', False), ('includedIn', 'includedIn', 'str', False)]),
    'Search': ('Property', False, []),
    'CodeSystemDef': ('Element', False, [('name', 'name', 'str', False), ('id', 'id', 'str', False), ('version', 'version', 'str', False), ('accessLevel', 'accessLevel', 'str', False)]),
    'ValueSetDef': ('Element', False, [('codeSystem', 'codeSystem', 'CodeSystemRef', True), ('name', 'name', 'str', False), ('id', 'id', 'str', False), ('version', 'version', 'str', False), ('accessLevel', 'accessLevel', 'str', False)]),
    'CodeDef': ('Element', False, [('codeSystem', 'codeSystem', 'CodeSystemRef', False), ('name', 'name', 'str', False), ('id', 'id', 'str', False), ('display', 'display', 'str', False), ('accessLevel', 'accessLevel', 'str', False)]),
    'ConceptDef': ('Element', False, [('code', 'code', 'CodeRef', True), ('name', 'name', 'str', False), ('display', 'display', 'str', False), ('accessLevel', 'accessLevel', 'str', False)]),
    'CodeSystemRef': ('Expression', False, [('name', 'name', 'str', False), ('libraryName', 'libraryName', 'str', False)]),
    'ValueSetRef': ('Expression', False, [('name', 'name', 'str', False), ('libraryName', 'libraryName', 'str', False), ('preserve', 'preserve', 'bool', False)]),
    'CodeRef': ('Expression', False, [('name', 'name', 'str', False), ('libraryName', 'libraryName', 'str', False)]),
    'ConceptRef': ('Expression', False, [('name', 'name', 'str', False), ('libraryName', 'libraryName', 'str', False)]),
    'Code': ('Expression', False, [('system', 'system', 'CodeSystemRef', False), ('code', 'code', 'str', False), ('display', 'display', 'str', False)]),
    'Concept': ('Expression', False, [('code', 'code', 'Code', True), ('display', 'display', 'str', False)]),
    'InCodeSystem': ('OperatorExpression', False, [('code', 'code', 'Expression', False), ('codesystem', 'codesystem', 'CodeSystemRef', False), ('codesystemExpression', 'codesystemExpression', 'Expression', False)]),
    'AnyInCodeSystem': ('OperatorExpression', False, [('codes', 'codes', 'Expression', False), ('codesystem', 'codesystem', 'CodeSystemRef', False), ('codesystemExpression', 'codesystemExpression', 'Expression', False)]),
    'InValueSet': ('OperatorExpression', False, [('code', 'code', 'Expression', False), ('valueset', 'valueset', 'ValueSetRef', False), ('valuesetExpression', 'valuesetExpression', 'Expression', False)]),
    'AnyInValueSet': ('OperatorExpression', False, [('codes', 'codes', 'Expression', False), ('valueset', 'valueset', 'ValueSetRef', False), ('valuesetExpression', 'valuesetExpression', 'Expression', False)]),
    'ExpandValueSet': ('UnaryExpression', False, []),
    'Subsumes': ('BinaryExpression', False, []),
    'SubsumedBy': ('BinaryExpression', False, []),
    'Quantity': ('Expression', False, [('value', 'value', 'Decimal', False), ('unit', 'unit', 'str', False)]),
    'Ratio': ('Expression', False, [('numerator', 'numerator', 'Quantity', False), ('denominator', 'denominator', 'Quantity', False)]),
    'CalculateAge': ('UnaryExpression', False, [('precision', 'precision', 'str', False)]),
    'CalculateAgeAt': ('BinaryExpression', False, [('precision', 'precision', 'str', False)]),
    'VersionedIdentifier': (None, False, [('id', 'id', 'str', False), ('system', 'system', 'str', False), ('version', 'version', 'str', False)]),
    'UsingDef': ('Element', False, [('localIdentifier', 'localIdentifier', 'str', False), ('uri', 'uri', 'str', False), ('version', 'version', 'str', False)]),
    'IncludeDef': ('Element', False, [('localIdentifier', 'localIdentifier', 'str', False), ('mediaType', 'mediaType', 'str', False), ('path', 'path', 'str', False), ('version', 'version', 'str', False)]),
    'ContextDef': ('Element', False, [('name', 'name', 'str', False)]),
    'Library': ('Element', False, [('identifier', 'identifier', 'VersionedIdentifier', False), ('schemaIdentifier', 'schemaIdentifier', 'VersionedIdentifier', False), ('usings', 'usings', 'UsingDef', True), ('includes', 'includes', 'IncludeDef', True), ('parameters', 'parameters', 'ParameterDef', True), ('codeSystems', 'codeSystems', 'CodeSystemDef', True), ('valueSets', 'valueSets', 'ValueSetDef', True), ('codes', 'codes', 'CodeDef', True), ('concepts', 'concepts', 'ConceptDef', True), ('contexts', 'contexts', 'ContextDef', True), ('statements', 'statements', 'ExpressionDef', True)]),
}

# enumerations of the schema
ENUMERATIONS: dict[str, list[str]] = {'AccessModifier': ['Public', 'Private'], 'DateTimePrecision': ['Year', 'Month', 'Week', 'Day', 'Hour', 'Minute', 'Second', 'Millisecond'], 'SortDirection': ['asc', 'ascending', 'desc', 'descending']}

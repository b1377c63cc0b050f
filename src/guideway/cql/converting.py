"""Conversions as ELM nodes: ``ToDecimal(x)``, ``As``, calls of a model's conversion functions, queries over lists.

Takes a ``conversions.Conversion`` and the translated value; follows the shapes that the CQL 1.5 Developer's Guide gives under
"Implicit Conversions" (lists by a query, intervals by their boundaries, choices by a case over the run-time type).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guideway.cql.conversions import Conversion
from guideway.cql.typesystem import TypeSystem
from guideway.elm import nodes as elm
from guideway.elm.types import BOOLEAN, ChoiceType, IntervalType, ListType, NamedType, TupleType, Type, to_specifier

if TYPE_CHECKING:
    from guideway.cql.translation import Translation


def specifier(types: TypeSystem, type_: Type) -> elm.TypeSpecifier:
    """The ELM TypeSpecifier of a type, profile-informed types by the name of the type they stand for."""
    match type_:
        case NamedType():
            return elm.NamedTypeSpecifier(name=types.target_name(type_))
        case ListType(element):
            return elm.ListTypeSpecifier(elementType=specifier(types, element))
        case IntervalType(point):
            return elm.IntervalTypeSpecifier(pointType=specifier(types, point))
        case TupleType(elements):
            return elm.TupleTypeSpecifier(
                element=[elm.TupleElementDefinition(name=n, elementType=specifier(types, t)) for n, t in elements]
            )
        case ChoiceType(choices):
            return elm.ChoiceTypeSpecifier(choice=[specifier(types, c) for c in choices])
    return to_specifier(type_)


def apply(t: Translation, value: Any, conversion: Conversion) -> Any:
    """The value, converted."""
    return _APPLY[conversion.kind](t, value, conversion)


def cast(t: Translation, value: Any, to: Type) -> Any:
    """``As``, without a check at run time: null where the value is of another type."""
    made = elm.As(operand=value)
    if isinstance(to, NamedType):
        made.asType = t.types.target_name(to)
    else:
        made.asTypeSpecifier = specifier(t.types, to)
    return t.like(made, value, to)


def null(t: Translation, like: elm.Element, type_: Type) -> Any:
    """A null of a type."""
    return cast(t, t.like(elm.Null(), like, type_), type_)


def _none(t: Translation, value: Any, conversion: Conversion) -> Any:
    return value


def _cast(t: Translation, value: Any, conversion: Conversion) -> Any:
    return cast(t, value, conversion.to)


def _operator(t: Translation, value: Any, conversion: Conversion) -> Any:
    return t.like(getattr(elm, conversion.name)(operand=value), value, conversion.to)


def _function(t: Translation, value: Any, conversion: Conversion) -> Any:
    made = elm.FunctionRef(
        name=conversion.name,
        libraryName=t.helpers(conversion.library),
        operand=[value],
        signature=[specifier(t.types, conversion.from_)],
    )
    return t.like(made, value, conversion.to)


def _then(t: Translation, value: Any, conversion: Conversion) -> Any:
    assert conversion.inner is not None
    assert conversion.second is not None
    return apply(t, apply(t, value, conversion.inner), conversion.second)


def _list(t: Translation, value: Any, conversion: Conversion) -> Any:
    """``{1, 2}`` as List<Decimal>: the elements where they are written out, else ``X return all ToDecimal(X)``."""
    inner = conversion.inner
    assert inner is not None
    if inner.kind == "none":
        return value
    if isinstance(value, elm.List):
        value.element = [apply(t, e, inner) for e in value.element]
        value.result_type = conversion.to
        return value
    item = t.like(elm.AliasRef(name="X"), value, inner.from_)
    source = t.like(elm.AliasedQuerySource(alias="X", expression=value), value, value.result_type)
    returned = t.like(elm.ReturnClause(distinct=False, expression=apply(t, item, inner)), value, inner.to)
    return t.like(elm.Query(source=[source], return_=returned), value, conversion.to)


def _interval(t: Translation, value: Any, conversion: Conversion) -> Any:
    """Boundary by boundary; a null interval stays null."""
    inner = conversion.inner
    assert inner is not None
    if inner.kind == "none":
        return value
    if isinstance(value, elm.Interval) and isinstance(value.low, elm.Null) and isinstance(value.high, elm.Null):
        # without a point type there is no interval: Interval[null, null] is null
        return cast(t, t.like(elm.Null(), value, value.result_type), conversion.to)
    if isinstance(value, elm.Interval):
        value.low, value.high = apply(t, value.low, inner), apply(t, value.high, inner)
        value.result_type = conversion.to
        return value
    if isinstance(value, elm.As) and isinstance(value.operand, elm.Null):
        return cast(t, value.operand, conversion.to)

    def part(path: str, type_: Type) -> Any:
        return t.like(elm.Property(path=path, source=value), value, type_)

    made = elm.Interval(
        low=apply(t, part("low", inner.from_), inner),
        lowClosedExpression=part("lowClosed", BOOLEAN),
        high=apply(t, part("high", inner.from_), inner),
        highClosedExpression=part("highClosed", BOOLEAN),
    )
    return _unless_null(t, value, t.like(made, value, conversion.to))


def _promote_interval(t: Translation, value: Any, conversion: Conversion) -> Any:
    """A point as the interval that holds just it; null stays null."""
    inner = conversion.inner
    assert inner is not None
    point = apply(t, value, inner)
    made = t.like(elm.Interval(low=point, high=point), value, conversion.to)
    return _unless_null(t, point, made)


def _unless_null(t: Translation, value: Any, made: Any) -> Any:
    condition = t.like(elm.IsNull(operand=value), value, BOOLEAN)
    absent = t.like(elm.Null(), value, made.result_type)
    return t.like(elm.If(condition=condition, then=absent, else_=made), value, made.result_type)


def _tuple(t: Translation, value: Any, conversion: Conversion) -> Any:
    assert isinstance(conversion.from_, TupleType)
    ways = dict(zip((n for n, _ in conversion.from_.elements), conversion.alternatives))
    if isinstance(value, elm.Tuple):
        for element in value.element:
            element.value = apply(t, element.value, ways[element.name or ""])
        value.result_type = conversion.to
        return value
    elements = []
    for name, way in ways.items():
        part = t.like(elm.Property(path=name, source=value), value, way.from_)
        elements.append(elm.TupleElement(name=name, value=apply(t, part, way)))
    return _unless_null(t, value, t.like(elm.Tuple(element=elements), value, conversion.to))


def _choice(t: Translation, value: Any, conversion: Conversion) -> Any:
    """One alternative: cast, then convert. Several: by the run-time type of the value."""
    ways = conversion.alternatives
    if len(ways) == 1:
        return apply(t, cast(t, value, ways[0].from_), ways[0])
    items = []
    for way in ways:
        test = elm.Is(operand=value)
        if isinstance(way.from_, NamedType):
            test.isType = t.types.target_name(way.from_)
        else:
            test.isTypeSpecifier = specifier(t.types, way.from_)
        when = t.like(test, value, BOOLEAN)
        then = apply(t, cast(t, value, way.from_), way)
        items.append(t.like(elm.CaseItem(when=when, then=then), value, conversion.to))
    absent = t.like(elm.Null(), value, conversion.to)
    return t.like(elm.Case(caseItem=items, else_=absent), value, conversion.to)


_APPLY = {
    "none": _none,
    "cast": _cast,
    "operator": _operator,
    "function": _function,
    "then": _then,
    "list": _list,
    "interval": _interval,
    "tuple": _tuple,
    "choice": _choice,
    "promote_interval": _promote_interval,
}

"""Selectors: intervals, tuples, instances, lists, codes and concepts written out (CQL 1.5 Author's Guide, "Values")."""

from __future__ import annotations

from typing import Any

from guideway.cql import converting, orders, references, syntax, typenames, warnings
from guideway.cql.scope import nearest
from guideway.cql.translation import Translation
from guideway.cql.typesystem import ERROR
from guideway.elm import nodes as elm
from guideway.elm.types import (
    ANY,
    CODE,
    CONCEPT,
    SYSTEM_URI,
    ChoiceType,
    IntervalType,
    ListType,
    NamedType,
    Type,
    tuple_of,
)


def interval(t: Translation, node: syntax.IntervalSelector) -> Any:
    """``Interval[low, high)``: both boundaries become of one type that has an order."""
    low, high = t.expression(node.low), t.expression(node.high)
    if ERROR in (low.result_type, high.result_type):
        return t.failed(node)
    warnings.units(t, node, low, high)
    joined = t.conversions.join(low.result_type, high.result_type)
    if joined is None:
        return t.error(
            "cql-wrong-type",
            f"An interval needs boundaries of one type; these are {t.show(low.result_type)} and {t.show(high.result_type)}.",
            node,
        )
    point = ordered_point(t, joined)
    if not orders.require(t, point, orders.ORDERED_TYPES, node, "An interval", "numbers, quantities, dates or times"):
        return t.failed(node)
    made = elm.Interval(
        low=t.convert(low, point, node.low, "the low boundary"),
        high=t.convert(high, point, node.high, "the high boundary"),
        lowClosed=node.low_closed,
        highClosed=node.high_closed,
    )
    return t.mark(made, node, IntervalType(point))


def ordered_point(t: Translation, type_: Type) -> Type:
    """The type to use for the points of an interval: model primitives become the System types that they stand for."""
    if isinstance(type_, ChoiceType) or (isinstance(type_, NamedType) and type_.uri != SYSTEM_URI):
        primitives = [p for p in t.conversions.targets(type_) if isinstance(p, NamedType)] if type_ != ANY else []
        if primitives:
            return primitives[0]
    return type_


def tuple_(t: Translation, node: syntax.TupleSelector) -> Any:
    """``Tuple { name: value }``."""
    types: dict[str, Type] = {}
    made = []
    for element in node.elements:
        if element.name in types:
            t.error("cql-duplicate-name", f"The tuple has two elements '{element.name}'.", element.identifier)
            continue
        value = t.expression(element.value)
        types[element.name] = value.result_type
        made.append(elm.TupleElement(name=element.name, value=value))
    return t.mark(elm.Tuple(element=made), node, tuple_of(types))


def instance(t: Translation, node: syntax.InstanceSelector) -> Any:
    """``FHIR.Coding { code: ... }``: each value must be of its element's type."""
    type_ = typenames.named(t, node.type)
    if type_ is ERROR:
        for element in node.elements:
            t.expression(element.value)
        return t.failed(node)
    known = t.types.elements(type_)
    made, seen = [], set()
    for element in node.elements:
        value = t.expression(element.value)
        expected = known.get(element.name)
        if expected is None:
            near = nearest(element.name, list(known))
            hint = f"did you mean '{near}'?" if near else None
            t.error("cql-unknown-member", f"{t.show(type_)} has no element '{element.name}'.", element.identifier, hint=hint)
            continue
        if element.name in seen:
            t.error("cql-duplicate-name", f"Element '{element.name}' is given twice.", element.identifier)
            continue
        seen.add(element.name)
        if not t.types.is_subtype(value.result_type, expected.type):
            value = t.convert(value, expected.type, element.value, f"element '{element.name}'")
        made.append(elm.InstanceElement(name=element.name, value=value))
    assert isinstance(type_, NamedType)
    return t.mark(elm.Instance(classType=t.types.target_name(type_), element=made), node, type_)


def list_(t: Translation, node: syntax.ListSelector) -> Any:
    """``{ a, b }``: elements become of one type where they convert, else the list is of a choice."""
    items = [t.expression(item) for item in node.items]
    made = elm.List()
    if node.element_type is not None:
        element = typenames.resolve(t, node.element_type)
        if element is ERROR:
            return t.failed(node)
        made.element = [t.convert(v, element, at, "an element of this list") for v, at in zip(items, node.items)]
    else:
        element = t.conversions.union(v.result_type for v in items)
        if any(v.result_type is ERROR for v in items):
            return t.failed(node)
        made.element = [as_member(t, v, element, at) for v, at in zip(items, node.items)]
    return t.mark(made, node, ListType(element))


def as_member(t: Translation, value: Any, type_: Type, at: syntax.Node) -> Any:
    """A value as an element of a list of ``type_``: members of a choice stay as they are."""
    if isinstance(type_, ChoiceType) and value.result_type != ANY and t.types.is_subtype(value.result_type, type_):
        return value
    return t.convert(value, type_, at, "an element of this list")


def unified(t: Translation, values: list[Any], at: syntax.Node) -> tuple[list[Any], Type]:
    """Values of several branches, all as one type: by conversion where they have one, else as a choice."""
    if any(v.result_type is ERROR for v in values):
        return values, ERROR
    type_ = t.conversions.union(v.result_type for v in values)
    converted = []
    for value in values:
        way = t.conversions.find(value.result_type, type_)
        converted.append(value if way is None or way.kind == "none" else converting.apply(t, value, way))
    return converted, type_


def code(t: Translation, node: syntax.CodeSelector) -> Any:
    """``Code 'id' from system display 'text'``."""
    system = references.terminology(t, node.system, "codesystem")
    if system is None:
        return t.failed(node)
    return t.mark(elm.Code(code=node.code, system=system, display=node.display), node, CODE)


def concept(t: Translation, node: syntax.ConceptSelector) -> Any:
    """``Concept { Code ..., Code ... } display 'text'``."""
    codes = [code(t, c) for c in node.codes]
    if not all(isinstance(c, elm.Code) for c in codes):
        return t.failed(node)
    return t.mark(elm.Concept(code=codes, display=node.display), node, CONCEPT)


HANDLERS = {
    syntax.IntervalSelector: interval,
    syntax.TupleSelector: tuple_,
    syntax.InstanceSelector: instance,
    syntax.ListSelector: list_,
    syntax.CodeSelector: code,
    syntax.ConceptSelector: concept,
}

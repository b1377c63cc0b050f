"""Element mappings of profile-informed models: how QICore's or US Core's elements are read from FHIR data.

A model info says of an element where it is in the base model: ``%value.value`` (the ``value`` of it),
``FHIRHelpers.ToConcept(%value)`` (a conversion of it), ``%parent.extension[url='...'].value`` (an extension), several with
``;`` for the members of a choice (``FHIR.dateTime:%value.value;FHIR.Period:FHIRHelpers.ToInterval(%value)``). CQL 1.5
Developer's Guide, "Data Model Mapping".
"""

from __future__ import annotations

import re
from typing import Any

from guideway.cql import converting, syntax
from guideway.cql.translation import Translation
from guideway.cql.typesystem import ElementType
from guideway.elm import nodes as elm
from guideway.elm.types import ANY, BOOLEAN, STRING, ListType, NamedType, Type

_CALL = re.compile(r"(\w+)\.(\w+)\((%value(?:\.[\w.]+)?)\)")
_PATH = re.compile(r"%(value|parent)((?:\.\w+|\[[^\]]*\])*)")
_STEP = re.compile(r"\.(\w+)|\[([\w]+)\s*=\s*'([^']*)'\]|\[(\d+)\]")


def apply(t: Translation, value: Any, element: ElementType, at: syntax.Node) -> Any:
    """The Property node ``value`` read as its mapping says."""
    target = element.target or ""
    type_ = value.result_type
    item = type_.element if isinstance(type_, ListType) else type_
    if ";" in target or re.match(r"[\w.]+:", target):
        return _choices(t, value, target, type_, at)
    if isinstance(type_, ListType) and "%value" in target and "%parent" not in target:
        source = t.mark(elm.AliasedQuerySource(alias="$this", expression=value), at, type_)
        this = t.mark(elm.AliasRef(name="$this"), at, item)
        returned = t.mark(elm.ReturnClause(distinct=False, expression=_one(t, this, target, item, at)), at, item)
        return t.mark(elm.Query(source=[source], return_=returned), at, type_)
    return _one(t, value, target, type_, at)


def _choices(t: Translation, value: Any, target: str, type_: Type, at: syntax.Node) -> Any:
    """By the run-time type of the value, one of several mappings."""
    items = []
    for part in target.split(";"):
        name, _, mapping = part.partition(":")
        data_type = _data_type(t, name)
        if data_type is None or not mapping:
            continue
        when = t.mark(elm.Is(operand=value, isType=data_type.name), at, BOOLEAN)
        then = _one(t, converting.cast(t, value, data_type), mapping, ANY, at)
        items.append(t.mark(elm.CaseItem(when=when, then=converting.cast(t, then, type_)), at, type_))
    absent = converting.null(t, value, type_)
    return t.mark(elm.Case(caseItem=items, else_=absent), at, type_)


def _data_type(t: Translation, name: str) -> NamedType | None:
    known = t.types.named(name)
    if known is not None:
        return known
    model, _, local = name.partition(".")
    for info in t.types.models.values():
        if info.target_url is not None and model in ("FHIR", info.name):
            return NamedType(f"{{{info.target_url}}}{local or model}")
    return None


def _one(t: Translation, value: Any, mapping: str, type_: Type, at: syntax.Node) -> Any:
    """One mapping: a call of a conversion function, or a path."""
    call = _CALL.fullmatch(mapping)
    if call is not None:
        library, function, inner = call.groups()
        operand = _one(t, value, inner, ANY, at)
        made = elm.FunctionRef(name=function, libraryName=t.helpers(library), operand=[operand])
        return t.mark(made, at, type_)
    path = _PATH.fullmatch(mapping)
    if path is None:
        return value
    origin, steps = path.groups()
    if origin == "parent":
        value = value.source if value.source is not None else t.mark(elm.AliasRef(name=value.scope), at, ANY)
    for step, field, wanted, position in _STEP.findall(steps):
        if step:
            value = t.mark(elm.Property(path=step, source=value), at, ANY)
        elif position:
            index = t.mark(elm.Literal(valueType="{urn:hl7-org:elm-types:r1}Integer", value=position), at, ANY)
            value = t.mark(elm.Indexer(operand=[value, index]), at, ANY)
        else:
            value = _having(t, value, field, wanted, at)
    return t.like(value, value, type_)


def _having(t: Translation, value: Any, field: str, wanted: str, at: syntax.Node) -> Any:
    """``extension[url='...']``: the one item whose field has that value."""
    source = t.mark(elm.AliasedQuerySource(alias="$this", expression=value), at, ListType(ANY))
    held = t.mark(elm.Property(path="value", source=t.mark(elm.Property(path=field, scope="$this"), at, ANY)), at, STRING)
    if field == "url":
        held = t.mark(elm.Property(path=field, scope="$this"), at, STRING)
    literal = t.mark(elm.Literal(valueType=STRING.name, value=wanted), at, STRING)
    where = t.mark(elm.Equal(operand=[held, literal]), at, BOOLEAN)
    query = t.mark(elm.Query(source=[source], where=where), at, ListType(ANY))
    return t.mark(elm.SingletonFrom(operand=query), at, ANY)

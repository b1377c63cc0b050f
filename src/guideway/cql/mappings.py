"""Element mappings of profile-informed models: how elements of QICore and its kind are read from FHIR data.

A model info says of an element where it is in the base model: ``%value.value`` (the ``value`` of it),
``FHIRHelpers.ToConcept(%value)`` (a conversion of it), ``%parent.extension[url='...'].value`` (an extension of what holds it),
``%parent.category[coding.code='vital-signs']`` (the item that is like that), and for choices several with ``;``:
``FHIR.dateTime:%value.value;FHIR.Period:FHIRHelpers.ToInterval(%value)``. CQL 1.5 Developer's Guide, "Data Model Mapping".
"""

from __future__ import annotations

import re
from typing import Any

from guideway.cql import converting, syntax
from guideway.cql.signatures import Row
from guideway.cql.translation import Translation
from guideway.cql.typesystem import ElementType
from guideway.elm import nodes as elm
from guideway.elm.types import ANY, BOOLEAN, INTEGER, STRING, ListType, NamedType, Type

_CALL = re.compile(r"(\w+)\.(\w+)\((%.*)\)")
_PATH = re.compile(r"%(value|parent)((?:\.\w+|\[[^\]]*\])*)")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]|\[([^\]]*)\]")
_CRITERION = re.compile(r"([\w.]+)\s*=\s*'([^']*)'")
_CASES = re.compile(r"[\w.]+:%?[\w.]+[^;]*(;|$)")


def by_type(target: str) -> bool:
    """Whether a mapping is one for each type that the value may have."""
    return bool(_CASES.fullmatch(target)) or ";" in target


def readable(mapping: str) -> bool:
    """Whether a mapping of one type is a path, or a call of a conversion function on one."""
    call = _CALL.fullmatch(mapping)
    return readable(call[3]) if call is not None else _PATH.fullmatch(mapping) is not None


def apply(t: Translation, value: Any, element: ElementType, at: syntax.Node) -> Any:
    """The Property (or, in a sort clause, IdentifierRef) node ``value`` read as its element's mapping says."""
    target = element.target or ""
    type_ = value.result_type
    value.result_type = base_type(t, value)
    if by_type(target):
        return _cases(t, value, target, type_, at)
    if isinstance(type_, ListType) and target.count("%value") and "%parent" not in target:
        held = value.result_type
        item = held.element if isinstance(held, ListType) else ANY
        source = t.mark(elm.AliasedQuerySource(alias="$this", expression=value), at, held)
        one = _one(t, t.mark(elm.AliasRef(name="$this"), at, item), target, type_.element, at)
        returned = t.mark(elm.ReturnClause(distinct=False, expression=one), at, type_.element)
        return t.mark(elm.Query(source=[source], return_=returned), at, type_)
    return _one(t, value, target, type_, at)


def base_type(t: Translation, value: Any) -> Type:
    """The type in the base model of what a Property reads: FHIR's type for ``QICore.Encounter``'s ``status``."""
    if not isinstance(value, elm.Property):
        frame = t.scope.this()
        parent = frame.this if frame is not None else None
        path = value.name
    elif value.source is not None:
        parent, path = value.source.result_type, value.path
    else:
        local = t.scope.find(value.scope or "")
        parent, path = local.type if local is not None else None, value.path
    return _element_type(t, t.types.twin(parent) if isinstance(parent, NamedType) else None, path or "")


def _element_type(t: Translation, parent: Type | None, path: str) -> Type:
    element = t.types.element(parent, path) if parent is not None and parent != ANY else None
    return element.type if element is not None else ANY


def _cases(t: Translation, value: Any, target: str, type_: Type, at: syntax.Node) -> Any:
    """By the run-time type of the value, one of several mappings."""
    items = []
    for part in target.split(";"):
        name, _, mapping = part.strip().partition(":")
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
    return t.types.twin(known) or known if known is not None else None


def _one(t: Translation, value: Any, mapping: str, type_: Type, at: syntax.Node) -> Any:
    """One mapping: a call of a conversion function, or a path."""
    call = _CALL.fullmatch(mapping)
    if call is not None:
        library, function, inner = call.groups()
        return _call(t, library, function, _one(t, value, inner, ANY, at), type_, at)
    path = _PATH.fullmatch(mapping)
    if path is None:
        return t.like(value, value, type_)
    origin, steps = path.groups()
    current = value
    if origin == "parent":
        current = _parent(t, value, at)
    for step, position, criteria in _STEP.findall(steps):
        held = current.result_type
        if step:
            current = t.mark(elm.Property(path=step, source=current), at, _element_type(t, held, step))
        elif position:
            index = t.mark(elm.Literal(valueType=INTEGER.name, value=position), at, INTEGER)
            item = held.element if isinstance(held, ListType) else ANY
            current = t.mark(elm.Indexer(operand=[current, index]), at, item)
        else:
            current = _where(t, current, criteria, at)
    if type_ != ANY:
        current.result_type = type_
    return current


def _parent(t: Translation, value: Any, at: syntax.Node) -> Any:
    """What holds the element."""
    if isinstance(value, elm.Property) and value.source is not None:
        parent = value.source
        known = parent.result_type
        if isinstance(known, NamedType):
            return t.mark(elm.As(operand=parent, asType=t.types.target_name(known)), at, t.types.twin(known) or known)
        return parent
    name = value.scope if isinstance(value, elm.Property) else "$this"
    local = t.scope.find(name or "")
    known = local.type if local is not None else ANY
    twin = t.types.twin(known) if isinstance(known, NamedType) else None
    return t.mark(elm.AliasRef(name=name), at, twin or known)


def _call(t: Translation, library: str, function: str, operand: Any, type_: Type, at: syntax.Node) -> Any:
    """A conversion function, its overload picked by the operand's type or, where that is not known, by the result's."""
    name = t.helpers(library)
    candidates = t.helper_functions(library, function)
    rows = [Row(f.operands, ANY, str(i)) for i, f in enumerate(candidates)]
    found = t.overloads.resolve(rows, (operand.result_type,)) if operand.result_type != ANY else []
    chosen = candidates[int(found[0].row.node)] if found else next((f for f in candidates if f.result == type_), None)
    made = elm.FunctionRef(name=function, libraryName=name, operand=[operand])
    if found:
        made.operand = [converting.apply(t, operand, found[0].conversions[0])]
    if chosen is not None:
        chosen.used = True
        made.signature = [t.specifier(o) for o in chosen.operands]
    return t.mark(made, at, type_)


def _where(t: Translation, value: Any, criteria: str, at: syntax.Node) -> Any:
    """``extension[url='...']``: the one item whose elements have these values."""
    held = value.result_type
    item = held.element if isinstance(held, ListType) else ANY
    source = t.mark(elm.AliasedQuerySource(alias="$this", expression=value), at, held)
    where: Any = None
    for path, wanted in _CRITERION.findall(criteria):
        current: Any = t.mark(elm.AliasRef(name="$this"), at, item)
        current_type = item
        many = False
        for step in (*path.split("."), "value"):
            if isinstance(current_type, ListType):
                many, current_type = True, current_type.element
            current_type = _element_type(t, current_type, step)
            current = t.mark(elm.Property(path=step, source=current), at, ListType(STRING) if many else current_type)
        literal = t.mark(elm.Literal(valueType=STRING.name, value=wanted), at, STRING)
        test: Any = elm.In(operand=[literal, current]) if many else elm.Equal(operand=[current, literal])
        test = t.mark(test, at, BOOLEAN)
        where = test if where is None else t.mark(elm.And(operand=[where, test]), at, BOOLEAN)
    query = t.mark(elm.Query(source=[source], where=where), at, held)
    return t.mark(elm.SingletonFrom(operand=query), at, item)

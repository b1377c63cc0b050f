"""Retrieves: ``[Observation: code in "Value Set"]`` and its shorter and longer forms.

CQL 1.5 Author's Guide, "Retrieve". Without a code path the type's primary code path is meant; without a comparator, ``in``
for value sets and lists of codes and ``~`` for a code or concept. Codes reach the data source as a list or as a value set
reference.
"""

from __future__ import annotations

from typing import Any

from guideway.cql import syntax, typenames, warnings
from guideway.cql.scope import Frame, Local, nearest
from guideway.cql.translation import Translation
from guideway.cql.typesystem import ERROR
from guideway.elm import nodes as elm
from guideway.elm.types import (
    ANY,
    BOOLEAN,
    CODE,
    CODESYSTEM,
    CONCEPT,
    STRING,
    VALUESET,
    ChoiceType,
    ListType,
    NamedType,
    Type,
)


def retrieve(t: Translation, node: syntax.Retrieve) -> Any:
    """A retrieve, with its code filter."""
    type_ = typenames.named(t, node.type)
    if type_ is ERROR:
        if node.terminology is not None:
            t.expression(node.terminology)
        return t.failed(node)
    assert isinstance(type_, NamedType)
    info = t.types.info(type_)
    if info is None or not info.retrievable:
        return t.error("cql-not-retrievable", f"{t.show(type_)} is no type of resource, so it cannot be retrieved.", node.type)
    result = ListType(type_)
    if id(node) not in t.excused and t.options.warnings:
        warnings.bare_retrieve(t, node, type_, node.terminology is not None)
    made = elm.Retrieve(dataType=t.types.target_name(type_), templateId=info.identifier)
    if node.context is not None:
        made.context = t.expression(node.context)
    if node.terminology is None:
        return t.mark(made, node, result)
    path = code_path(t, node, type_, info.primary_code_path)
    codes = t.expression(node.terminology)
    if path is None or codes.result_type is ERROR:
        return t.failed(node)
    filtered = code_filter(t, codes, node)
    if filtered is None:
        return t.failed(node)
    made.codes, comparator = filtered
    made.codeProperty, made.codeComparator = path, node.comparator or comparator
    t.mark(made, node, result)
    if node.code_path is None:
        return _with_referenced(t, made, type_, path, codes, node)
    return made


def code_path(t: Translation, node: syntax.Retrieve, type_: NamedType, primary: str | None) -> str | None:
    """The path to compare, checked against the model; None, reported, where there is none."""
    if node.code_path is None:
        if primary is None:
            t.error("cql-no-code-path", f"{t.show(type_)} has no primary code path: say which element is meant.", node.type,
                    hint=f"[{node.type.name}: element in ...]")  # fmt: skip
        return primary
    steps = _steps(node.code_path)
    if steps is None:
        t.error("cql-no-code-path", "A path of elements is expected here.", node.code_path)
        return None
    current: Type = type_
    for step in steps:
        if isinstance(current, ListType):
            current = current.element
        element = t.types.element(current, step)
        if element is None:
            near = nearest(step, list(t.types.elements(current)))
            hint = f"did you mean '{near}'?" if near else None
            t.error("cql-unknown-member", f"{t.show(current)} has no element '{step}'.", node.code_path, hint=hint)
            return None
        current = element.type
    return ".".join(steps)


def _steps(path: syntax.Expression) -> list[str] | None:
    steps: list[str] = []
    current = syntax.strip(path)
    while isinstance(current, syntax.Member):
        steps.insert(0, current.name)
        current = syntax.strip(current.target)
    if not isinstance(current, syntax.Name):
        return None
    return [current.name, *steps]


def code_filter(t: Translation, codes: Any, node: syntax.Retrieve) -> tuple[Any, str] | None:
    """The codes as the data source takes them, and the comparator they imply."""
    at = node.terminology or node
    type_ = codes.result_type
    if type_ in (VALUESET, CODESYSTEM):
        return codes, "in"
    if isinstance(type_, ListType):
        for element in (CODE, CONCEPT, STRING):
            way = t.conversions.find(type_, ListType(element))
            if way is not None:
                return t.convert(codes, ListType(element), at, "the codes"), "in"
    for target in (CODE, CONCEPT, STRING):
        way = t.conversions.find(type_, target) if type_ != ANY else None
        if way is None or (target == CONCEPT and type_ == CODE):
            continue
        value = t.convert(codes, target, at, "the code")
        if target == CONCEPT:
            return t.like(elm.Property(path="codes", source=value), value, ListType(CODE)), "~"
        return t.like(elm.ToList(operand=value), value, ListType(target)), "~" if target == CODE else "="
    t.error("cql-wrong-type", f"Codes, a concept or a value set are expected here, not {t.show(type_)}.", at)
    return None


def _with_referenced(t: Translation, made: elm.Retrieve, type_: NamedType, path: str, codes: Any, node: syntax.Retrieve) -> Any:
    """A primary code that may be a reference (a request's ``medication``) is looked for in the referenced resources, too."""
    element = t.types.element(type_, path)
    if element is None or not isinstance(element.type, ChoiceType):
        return made
    model = t.types.model_of(type_)
    reference = next((c for c in element.type.choices if isinstance(c, NamedType) and c.local_name == "Reference"), None)
    referenced = t.types.named(f"{model.name}.{path.capitalize()}") if model is not None else None
    info = t.types.info(referenced) if referenced is not None else None
    if reference is None or referenced is None or info is None or not info.primary_code_path:
        return made
    result = ListType(type_)
    all_of = t.mark(elm.Retrieve(dataType=made.dataType, templateId=made.templateId), node, result)
    others = t.mark(
        elm.Retrieve(dataType=t.types.target_name(referenced), templateId=info.identifier), node, ListType(referenced)
    )  # fmt: skip
    outer, inner = "".join(c for c in type_.local_name if c.isupper()), referenced.local_name[0]
    frame = t.scope.push(Frame("query"))
    frame.add(Local("alias", inner, referenced))
    held = t.mark(elm.Property(path="id", scope=inner), node, _element(t, referenced, "id"))
    link = t.mark(elm.Property(path=f"{path}.reference", scope=outer), node, _element(t, reference, "reference"))
    slash = t.mark(elm.Literal(valueType=STRING.name, value="/"), node, STRING)
    text = t.convert(link, STRING, node, "the reference")
    parts = t.mark(elm.Split(stringToSplit=text, separator=slash), node, ListType(STRING))
    last = t.mark(elm.Last(source=parts), node, STRING)
    same = t.operator("Equal", [held, last], node)
    coded = t.mark(elm.Property(path=info.primary_code_path, scope=inner), node, _element(t, referenced, info.primary_code_path))
    t.scope.pop()
    matching = _matches(t, coded, codes, node)
    such_that = t.mark(elm.And(operand=[same, matching]), node, BOOLEAN)
    relation = t.mark(elm.With(alias=inner, expression=others, suchThat=such_that), node, ListType(referenced))
    source = t.mark(elm.AliasedQuerySource(alias=outer, expression=all_of), node, result)
    query = t.mark(elm.Query(source=[source], relationship=[relation]), node, result)
    return t.mark(elm.Union(operand=[made, query]), node, result)


def _element(t: Translation, type_: Type, name: str) -> Type:
    element = t.types.element(type_, name)
    return element.type if element is not None else ANY


def _matches(t: Translation, coded: Any, codes: Any, node: syntax.Retrieve) -> Any:
    from guideway.cql.operators import in_terminology

    if codes.result_type in (VALUESET, CODESYSTEM):
        return in_terminology(t, coded, codes, node)
    if isinstance(codes.result_type, ListType):
        concept = t.convert(coded, CONCEPT, node, "the code")
        held = t.mark(elm.Property(path="codes", source=concept), node, ListType(CODE))
        wanted = t.convert(codes, ListType(CODE), node, "the codes")
        shared = t.mark(elm.Intersect(operand=[held, wanted]), node, ListType(CODE))
        return t.mark(elm.Exists(operand=shared), node, BOOLEAN)
    return t.operator("Equivalent", [coded, codes], node)


HANDLERS = {syntax.Retrieve: retrieve}

"""Type specifiers of the text (``Integer``, ``FHIR.Patient``, ``List<Choice<Code, Concept>>``) as types.

A bare name is looked for in the models in use first and in System then, so ``Quantity`` in a library that uses FHIR is FHIR's
(CQL 1.5 Developer's Guide, "Type Specifiers").
"""

from __future__ import annotations

from guideway.cql import syntax
from guideway.cql.scope import nearest
from guideway.cql.translation import Translation
from guideway.cql.typesystem import ERROR
from guideway.elm.types import SYSTEM_TYPES, IntervalType, ListType, Type, choice_of, tuple_of


def resolve(t: Translation, specifier: syntax.TypeSpecifier) -> Type:
    """The type that a specifier names; reports unknown names and gives ``ERROR`` for them."""
    match specifier:
        case syntax.NamedType():
            return named(t, specifier)
        case syntax.ListType():
            element = resolve(t, specifier.element)
            return ERROR if element is ERROR else ListType(element)
        case syntax.IntervalType():
            point = resolve(t, specifier.point)
            return ERROR if point is ERROR else IntervalType(point)
        case syntax.TupleType():
            elements = {e.name: resolve(t, e.type) for e in specifier.elements}
            return ERROR if any(e is ERROR for e in elements.values()) else tuple_of(elements)
        case syntax.ChoiceType():
            choices = [resolve(t, c) for c in specifier.choices]
            return ERROR if any(c is ERROR for c in choices) else choice_of(choices)
    return ERROR


def find(t: Translation, names: list[str]) -> Type | None:
    """The type called so, without a report; the last name is the type's, those before it a model's."""
    if len(names) > 1:
        model = t.models.get(names[0])
        if model is not None:
            return t.types.named(".".join((model.name, *names[1:])))
        if names[0] == "System":
            return SYSTEM_TYPES.get(".".join(names[1:]))
    name = ".".join(names)
    for model in t.models.values():
        found = t.types.named(f"{model.name}.{name}")
        if found is not None:
            return found
    found_system = SYSTEM_TYPES.get(name)
    if found_system is not None:
        return found_system
    for model in t.models.values():
        for candidate, info in model.types.items():
            if info.label == name:
                return t.types.named(candidate)
    return None


def named(t: Translation, specifier: syntax.NamedType) -> Type:
    """The type of a name in the text."""
    found = find(t, specifier.names)
    if found is not None:
        return found
    if t.lacks_model:  # it may be a type of that model, and that it is not there has been said
        return ERROR
    qualifier = specifier.qualifier
    if qualifier is not None and qualifier != "System" and qualifier not in t.models:
        known = ", ".join(("System", *t.models))
        t.error("cql-unknown-type", f"There is no data model '{qualifier}' in this library.", specifier, hint=f"in use: {known}")
        return ERROR
    offered = list(SYSTEM_TYPES)
    for model in t.models.values():
        offered += [name.partition(".")[2] for name in model.types]
    near = nearest(specifier.name, offered)
    hint = f"did you mean '{near}'?" if near else None
    if hint is None and not t.models:
        hint = "types of FHIR need: using FHIR version '4.0.1'"
    t.error("cql-unknown-type", f"There is no type '{'.'.join(specifier.names)}'.", specifier, hint=hint)
    return ERROR

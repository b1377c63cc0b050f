"""The static types of CQL: what an expression can give, as small frozen values.

A type is a named type (of the System model or of a data model), a list, an interval, a tuple or a choice
(CQL 1.5 Author's Guide, "Types"; ELM ``TypeSpecifier``). Types are hashable and compare by structure. Tuples compare without
regard to the order of their elements, choices without regard to the order of their members: ``tuple_of`` and ``choice_of``
put both into one canonical order.

``to_specifier`` and ``from_specifier`` go to and from the ELM tree; ``str(type)`` is how messages name a type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from guideway.elm import nodes

# https://cql.hl7.org/elm/schema/types.xsd
SYSTEM_URI = "urn:hl7-org:elm-types:r1"


class Type(msgspec.Struct, frozen=True):
    """Any static type."""


class NamedType(Type, frozen=True):
    """A type of a model, by its qualified name: ``{urn:hl7-org:elm-types:r1}Integer``."""

    name: str

    @property
    def uri(self) -> str:
        """The model's namespace; ``urn:hl7-org:elm-types:r1`` for the System model."""
        return self.name[1:].partition("}")[0] if self.name.startswith("{") else ""

    @property
    def local_name(self) -> str:
        """The name inside the model: ``Integer``, ``Bundle.Entry``."""
        return self.name.partition("}")[2] if self.name.startswith("{") else self.name

    def __str__(self) -> str:
        return self.local_name


class ListType(Type, frozen=True):
    """``List<element>``."""

    element: Type

    def __str__(self) -> str:
        return f"List<{self.element}>"


class IntervalType(Type, frozen=True):
    """``Interval<point>``."""

    point: Type

    def __str__(self) -> str:
        return f"Interval<{self.point}>"


class TupleType(Type, frozen=True):
    """``Tuple { name type, ... }``; make it with ``tuple_of``, so that equal types compare equal."""

    elements: tuple[tuple[str, Type], ...]

    def element(self, name: str) -> Type | None:
        """The type of one element, or None where there is no such element."""
        for known, type_ in self.elements:
            if known == name:
                return type_
        return None

    def __str__(self) -> str:
        return "Tuple{" + ", ".join(f"{name} {type_}" for name, type_ in self.elements) + "}"


class ChoiceType(Type, frozen=True):
    """``Choice<a, b, ...>``; make it with ``choice_of``: flat, without repeats, in one order."""

    choices: tuple[Type, ...]

    def __str__(self) -> str:
        return "Choice<" + ", ".join(map(str, self.choices)) + ">"


def system(name: str) -> NamedType:
    """A type of the System model."""
    return NamedType(f"{{{SYSTEM_URI}}}{name}")


ANY = system("Any")
BOOLEAN = system("Boolean")
INTEGER = system("Integer")
LONG = system("Long")
DECIMAL = system("Decimal")
STRING = system("String")
DATE = system("Date")
DATETIME = system("DateTime")
TIME = system("Time")
QUANTITY = system("Quantity")
RATIO = system("Ratio")
CODE = system("Code")
CONCEPT = system("Concept")
VOCABULARY = system("Vocabulary")
VALUESET = system("ValueSet")
CODESYSTEM = system("CodeSystem")

SYSTEM_TYPES: dict[str, NamedType] = {
    t.local_name: t
    for t in (
        ANY, BOOLEAN, INTEGER, LONG, DECIMAL, STRING, DATE, DATETIME, TIME, QUANTITY, RATIO, CODE, CONCEPT, VOCABULARY, VALUESET,
        CODESYSTEM,
    )
}  # fmt: skip

# Elements of the System model's structured types (System model info 1.0.0).
SYSTEM_ELEMENTS: dict[NamedType, dict[str, Type]] = {
    QUANTITY: {"value": DECIMAL, "unit": STRING},
    RATIO: {"numerator": QUANTITY, "denominator": QUANTITY},
    CODE: {"code": STRING, "system": STRING, "version": STRING, "display": STRING},
    CONCEPT: {"codes": ListType(CODE), "display": STRING},
    VOCABULARY: {"id": STRING, "version": STRING, "name": STRING},
    VALUESET: {"id": STRING, "version": STRING, "name": STRING},
    CODESYSTEM: {"id": STRING, "version": STRING, "name": STRING},
}

# Supertypes inside the System model other than Any.
SYSTEM_BASES: dict[NamedType, NamedType] = {VALUESET: VOCABULARY, CODESYSTEM: VOCABULARY}


def tuple_of(elements: Mapping[str, Type] | Iterable[tuple[str, Type]]) -> TupleType:
    """A tuple type with its elements in name order."""
    pairs = elements.items() if isinstance(elements, Mapping) else elements
    return TupleType(tuple(sorted(pairs, key=lambda pair: pair[0])))


def choice_of(types: Iterable[Type]) -> Type:
    """The choice of ``types``: nested choices flattened, repeats dropped; of a single type, that type itself.

    ``choice_of([INTEGER, choice_of([STRING, INTEGER])])`` is ``Choice<Integer, String>``.
    """
    flat: dict[Type, None] = {}
    for type_ in types:
        for member in type_.choices if isinstance(type_, ChoiceType) else (type_,):
            flat[member] = None
    if len(flat) == 1:
        return next(iter(flat))
    return ChoiceType(tuple(sorted(flat, key=repr)))


def to_specifier(type_: Type) -> nodes.TypeSpecifier:
    """The ELM TypeSpecifier of a type."""
    from guideway.elm import nodes

    match type_:
        case NamedType(name):
            return nodes.NamedTypeSpecifier(name=name)
        case ListType(element):
            return nodes.ListTypeSpecifier(elementType=to_specifier(element))
        case IntervalType(point):
            return nodes.IntervalTypeSpecifier(pointType=to_specifier(point))
        case TupleType(elements):
            return nodes.TupleTypeSpecifier(
                element=[nodes.TupleElementDefinition(name=name, elementType=to_specifier(t)) for name, t in elements]
            )
        case ChoiceType(choices):
            return nodes.ChoiceTypeSpecifier(choice=[to_specifier(t) for t in choices])
    raise TypeError(f"no TypeSpecifier for {type_!r}")


def from_specifier(specifier: nodes.TypeSpecifier | None) -> Type:
    """The type that an ELM TypeSpecifier names; ANY for None and for what has no type (a bare type parameter)."""
    from guideway.elm import nodes

    match specifier:
        case nodes.NamedTypeSpecifier(name=str(name)):
            return NamedType(name)
        case nodes.ListTypeSpecifier(elementType=element):
            return ListType(from_specifier(element))
        case nodes.IntervalTypeSpecifier(pointType=point):
            return IntervalType(from_specifier(point))
        case nodes.TupleTypeSpecifier(element=elements):
            return tuple_of((e.name or "", from_specifier(e.elementType)) for e in elements)
        case nodes.ChoiceTypeSpecifier(choice=choices):
            return choice_of(from_specifier(c) for c in choices)
    return ANY

"""What both codecs know of the ELM schema: the fields of each class, inherited ones included, and which attributes are QNames.

Everything follows from ``guideway.elm.nodes.FIELDS``, which was made from the schema.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from guideway.elm import nodes

SCALARS = frozenset(("str", "bool", "int", "Decimal", "Any"))

SECTIONS = frozenset(
    ("usings", "includes", "parameters", "codeSystems", "valueSets", "codes", "concepts", "contexts", "statements")
)
"""The parts of a library that are written as ``{"def": [...]}``."""

QNAMES = frozenset(
    (
        "resultTypeName", "valueType", "dataType", "classType", "isType", "asType", "toType", "parameterType", "operandType",
        "relatedDataType",
    )
)  # fmt: skip
"""Attributes that hold a QName, wherever they occur; ``name`` is one on a NamedTypeSpecifier only."""


class Field(NamedTuple):
    """One child element or attribute of a class."""

    json: str
    python: str
    type: str
    many: bool


@cache
def fields(class_name: str) -> dict[str, Field]:
    """All fields of an ELM class by their name in the schema, base classes first."""
    base, _, own = nodes.FIELDS[class_name]
    found = dict(fields(base)) if base else {}
    for json_name, python_name, type_name, many in own:
        found[json_name] = Field(json_name, python_name, type_name, many)
    return found


@cache
def is_abstract(class_name: str) -> bool:
    """Whether the schema declares the class abstract."""
    return class_name in nodes.FIELDS and nodes.FIELDS[class_name][1]


@cache
def is_a(class_name: str, base: str) -> bool:
    """Whether ``class_name`` is ``base`` or derives from it in the schema."""
    name: str | None = class_name
    while name is not None:
        if name == base:
            return True
        name = nodes.FIELDS[name][0]
    return False


def class_of(type_name: str, declared: str) -> type[Any]:
    """The class for a node of type ``type_name`` where the schema declares ``declared``.

    Raises ValueError, saying why, for a type that is not part of ELM, or that cannot stand there.
    """
    name = type_name.rpartition(":")[2]
    if name not in nodes.FIELDS:
        raise ValueError(f"ELM has no node {type_name!r}. It may come from a newer version of the standard.")
    if not is_a(name, declared):
        raise ValueError(f"{article(declared)} is expected here, not {article(name)}.")
    if is_abstract(name):
        raise ValueError(f"{name} is an abstract node; a concrete {name} must be named in 'type'.")
    return getattr(nodes, name)  # type: ignore[no-any-return]


def article(name: str) -> str:
    """``an Expression``, ``a Retrieve``."""
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def settle_types(node: Any) -> None:
    """Give a node that was read its static type, where the ELM says it."""
    from guideway.elm import types

    if node.resultTypeSpecifier is not None:
        node.result_type = types.from_specifier(node.resultTypeSpecifier)
    elif node.resultTypeName is not None:
        node.result_type = types.NamedType(node.resultTypeName)

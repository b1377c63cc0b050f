"""Names and members: what ``X``, ``Library.X``, ``x.status`` and ``$this`` refer to.

CQL 1.5 Developer's Guide, "Identifier Resolution": local names first (aliases, lets, operands, in sort clauses the elements
of what is sorted), then the library's own declarations. A member of a list is the list of the members (list traversal,
"Path Traversal").
"""

from __future__ import annotations

from typing import Any

from guideway.cql import syntax
from guideway.cql.scope import Frame, Local, Symbol, nearest
from guideway.cql.translation import Translation
from guideway.cql.typesystem import ERROR, ElementType
from guideway.elm import nodes as elm
from guideway.elm.types import (
    ANY,
    BOOLEAN,
    CODE,
    CODESYSTEM,
    CONCEPT,
    VALUESET,
    ListType,
    Type,
)

_LOCAL = {"alias": elm.AliasRef, "let": elm.QueryLetRef, "operand": elm.OperandRef, "total": elm.QueryLetRef}
_SYMBOL: dict[str, tuple[Any, Type | None]] = {
    "expression": (elm.ExpressionRef, None),
    "parameter": (elm.ParameterRef, None),
    "codesystem": (elm.CodeSystemRef, CODESYSTEM),
    "valueset": (elm.ValueSetRef, VALUESET),
    "code": (elm.CodeRef, CODE),
    "concept": (elm.ConceptRef, CONCEPT),
}
UNFILTERED = ("Unfiltered", "Population")


def name(t: Translation, node: syntax.Name) -> Any:
    """A name standing alone."""
    found = lookup(t, node.name)
    if isinstance(found, Local):
        return t.mark(_LOCAL[found.kind](name=found.name), node, found.type)
    if isinstance(found, Frame):
        return implicit_member(t, found, node.name, node)
    if isinstance(found, Symbol):
        if found.kind == "include":
            return t.error("cql-not-a-value", f"'{node.name}' is a library, not a value.", node, hint=f'{node.name}."Definition"')
        return symbol_reference(t, found, None, node)
    return unknown(t, node.name, node)


def lookup(t: Translation, text: str) -> Local | Frame | Symbol | None:
    """What a name stands for; a Frame where it is an element of the frame's ``$this``."""
    for frame in reversed(t.scope.frames):
        local = frame.names.get(text)
        if local is not None:
            return local
        if frame.this is not None and frame.this is not ERROR and t.types.element(frame.this, text) is not None:
            return frame
    return t.symbols.symbols.get(text)


def unknown(t: Translation, text: str, at: syntax.Node) -> Any:
    """Report a name that stands for nothing."""
    if t.scope.this() is not None and t.scope.this().this is ERROR:  # type: ignore[union-attr]
        return t.failed(at)
    known = [*t.scope.names(), *(n for n, s in t.symbols.symbols.items() if s.definition is not None or s.type is not ERROR)]
    for frame in t.scope.frames:
        if frame.this is not None:
            known += t.types.elements(frame.this)
    near = nearest(text, known)
    hint = f"did you mean '{near}'?" if near else None
    if hint is None:
        for symbol in t.symbols.symbols.values():
            if symbol.library is not None and text in symbol.library.symbols:
                hint = f'library {symbol.library.name} has it: {symbol.name}."{text}"'
        if text in t.symbols.functions:
            hint = f"it is a function: {text}(...)"
        elif any(model.context(text) is not None for model in t.models.values()):
            hint = f"'{text}' is there after: context {text}"
    return t.error("cql-unknown-identifier", f"Nothing here is called '{text}'.", at, hint=hint)


def symbol_reference(t: Translation, symbol: Symbol, library: str | None, at: syntax.Node) -> Any:
    """A reference to something that this library, or the one included as ``library``, declares."""
    symbol.used = True
    cls, type_ = _SYMBOL[symbol.kind]
    if type_ is None:
        if symbol.type is None and library is None:
            t.declare(symbol, at)
        type_ = symbol.type or ERROR
        if symbol.context is not None and symbol.context not in UNFILTERED and t.context in UNFILTERED and type_ is not ERROR:
            type_ = ListType(type_)  # one value for each subject
    made = cls(name=symbol.name, libraryName=library)
    if isinstance(made, elm.ValueSetRef):
        made.preserve = True
    return t.mark(made, at, type_)


def implicit_member(t: Translation, frame: Frame, text: str, at: syntax.Node) -> Any:
    """An element of what is being sorted or filtered, named alone."""
    assert frame.this is not None
    element = t.types.element(frame.this, text)
    assert element is not None
    if frame.kind == "sort":
        return mapped(t, t.mark(elm.IdentifierRef(name=text), at, element.type), element, at)
    return mapped(t, t.mark(elm.Property(path=text, scope="$this"), at, element.type), element, at)


def special(t: Translation, node: syntax.Special) -> Any:
    """``$this``, ``$index``, ``$total``."""
    frame = t.scope.this()
    if node.name == "$this" and frame is not None and frame.this is not None:
        cls: Any = elm.IdentifierRef if frame.kind == "sort" else elm.AliasRef
        return t.mark(cls(name="$this"), node, frame.this)
    return t.error("cql-unknown-identifier", f"{node.name} has no meaning here.", node)


def constant(t: Translation, node: syntax.ExternalConstant) -> Any:
    """``%name``: a parameter."""
    symbol = t.symbols.symbols.get(node.name)
    if symbol is None or symbol.kind != "parameter":
        return t.error("cql-unknown-identifier", f"There is no parameter '{node.name}'.", node)
    return symbol_reference(t, symbol, None, node)


# ---- members ---------------------------------------------------------------------------------------------------------------


def included(t: Translation, target: syntax.Expression) -> Symbol | None:
    """The include that a target names, if it names one and no local name hides it."""
    if isinstance(target, syntax.Name):
        found = lookup(t, target.name)
        if isinstance(found, Symbol) and found.kind == "include":
            return found
    return None


def member(t: Translation, node: syntax.Member) -> Any:
    """``target.name``: of an included library, or an element of a value."""
    include = included(t, node.target)
    if include is not None:
        return library_member(t, include, node)
    return property_(t, t.expression(node.target), node.name, node)


def library_member(t: Translation, include: Symbol, node: syntax.Member) -> Any:
    """``Library.name``."""
    include.used = True
    library = include.library
    if library is None:
        return t.failed(node)  # it could not be read, and that has been reported
    symbol = library.symbols.get(node.name)
    at = syntax.Node(node.at, node.end)
    if symbol is None or symbol.kind == "include":
        near = nearest(node.name, list(library.public_names()))
        hint = f"did you mean '{near}'?" if near else None
        return t.error("cql-unknown-identifier", f"Library {library.name} has no '{node.name}'.", at, hint=hint)
    if symbol.access == "Private":
        return t.error("cql-private", f"'{node.name}' is private to library {library.name}.", at)
    return symbol_reference(t, symbol, include.name, node)


def property_(t: Translation, value: Any, text: str, node: syntax.Member) -> Any:
    """An element of a value; of a list of values, the list of their elements."""
    type_ = value.result_type
    if type_ is ERROR:
        return t.failed(node)
    element = t.types.element(type_, text)
    if element is not None:
        if isinstance(value, elm.AliasRef) and value.name != "$this":
            made = elm.Property(path=text, scope=value.name)
        else:
            made = elm.Property(path=text, source=value)
        return mapped(t, t.mark(made, node, element.type), element, node)
    if isinstance(type_, ListType):
        inner = t.types.element(type_.element, text)
        if inner is not None:
            return traversal(t, value, type_.element, text, inner, node)
        type_ = type_.element
    at = syntax.Node(node.at, node.end)
    known = list(t.types.elements(type_))
    near = nearest(text, known)
    hint = f"did you mean '{near}'?" if near else None
    if hint is None and type_ == ANY:
        hint = "say what it is first: (... as Type)"
    elif hint is None and known and len(known) <= 24:
        hint = "it has: " + ", ".join(known)
    return t.error("cql-unknown-member", f"{t.show(type_)} has no element '{text}'.", at, hint=hint)


def traversal(t: Translation, value: Any, item: Type, text: str, element: ElementType, node: syntax.Member) -> Any:
    """``list.name``: the elements of the items that have it; lists in it are flattened."""

    def part() -> Any:
        this = t.mark(elm.AliasRef(name="$this"), node, item)
        return mapped(t, t.mark(elm.Property(path=text, source=this), node, element.type), element, node)

    source = t.mark(elm.AliasedQuerySource(alias="$this", expression=value), node, value.result_type)
    there = t.mark(elm.Not(operand=t.mark(elm.IsNull(operand=part()), node, BOOLEAN)), node, BOOLEAN)
    returned = part()
    type_ = returned.result_type
    clause = t.mark(elm.ReturnClause(distinct=False, expression=returned), node, type_)
    query = t.mark(elm.Query(source=[source], where=there, return_=clause), node, ListType(type_))
    if isinstance(type_, ListType):
        return t.mark(elm.Flatten(operand=query), node, type_)
    return query


def mapped(t: Translation, value: Any, element: ElementType, at: syntax.Node) -> Any:
    """Follow the mapping of a profile-informed model: ``%value.value`` reads on, ``Library.Function(%value)`` calls."""
    if element.target is None:
        return value
    from guideway.cql import mappings

    return mappings.apply(t, value, element, at)


def terminology(t: Translation, node: syntax.Expression, kind: str) -> Any | None:
    """The reference to a code system, value set or code that a declaration names; None, reported, where it is none."""
    made = t.expression(node)
    if made.result_type is ERROR:
        return None
    wanted = {"codesystem": elm.CodeSystemRef, "valueset": elm.ValueSetRef, "code": elm.CodeRef}[kind]
    if not isinstance(made, wanted):
        t.error("cql-wrong-kind", f"A {kind} is expected here.", node)
        return None
    return made


HANDLERS = {
    syntax.Name: name,
    syntax.Special: special,
    syntax.ExternalConstant: constant,
    syntax.Member: member,
}

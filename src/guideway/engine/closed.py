"""Which expressions are about nothing but the names around them: they read no data of their own and ask no define that does.

What such an expression comes to rests on the values of its names (aliases, operands, lets) alone, so traced code need not make
a trace of it until somebody looks inside (``generator_trace``). A define that reads nothing (``define "As Of": Now()``) may be
asked; one with tags may not: it has a meaning of its own to those who read the trace.

A closed function that searches texts for words comes to the same for the same words, and a record says the same words again and
again (the names of drugs): what it came to is kept for the evaluation (``searches``).

What it comes to must tell by itself where it came from: values of CQL's own types do, as nobody asks that of them, and so do
whole resources that were given. An element of a resource does not, nor does a list of values: these are traced at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from guideway.elm import nodes, types

if TYPE_CHECKING:
    from guideway.engine.generator import Generator
    from guideway.engine.generator_types import LibraryInfo

LEAST = 2
"""So many nodes make it worth while."""
_HEAD = frozenset(("annotation", "resultTypeSpecifier", "localId", "locator", "resultTypeName", "result_type", "signature"))
_READS = (nodes.Retrieve, nodes.Message)
"""Nodes that read data, or have an effect."""
_LOOSE = (
    nodes.IdentifierRef, nodes.Current, nodes.Iteration, nodes.Total, nodes.Filter, nodes.ForEach, nodes.Repeat, nodes.Aggregate,
    nodes.ByExpression,
)  # fmt: skip
"""Nodes that may mean something that stands outside of them under no name."""

_CHOOSES = (
    nodes.And, nodes.Or, nodes.Implies, nodes.If, nodes.Case, nodes.Coalesce, nodes.Query, nodes.Exists, nodes.First, nodes.Last,
    nodes.Indexer, nodes.SingletonFrom, nodes.Distinct, nodes.Union, nodes.Intersect, nodes.Except, nodes.Slice, nodes.Flatten,
    *_LOOSE,
)  # fmt: skip
"""Nodes that may not need all that stands in them, or take some of it."""


_GIVEN = (nodes.Literal, nodes.Quantity)
"""Default values that are there."""


class _Body(NamedTuple):
    """What is known of the body of a define or function."""

    closed: bool
    makes: bool = True
    """Whether it may come to a resource that it was not given."""
    asks: tuple[str, ...] = ()
    """The parameters without a default that it may ask for, as the trace calls them."""
    searches: bool = False
    """Whether it may search a text by a pattern."""


_OPEN = _Body(False)
_SEARCHES = (nodes.Matches, nodes.ReplaceMatches, nodes.SplitOnMatches)
_KEYS = (types.STRING, types.CODE, types.CONCEPT)
"""Types of operands whose values can be told to be the same."""


class Closed:
    """Finds them, for all libraries of a program."""

    def __init__(self) -> None:
        self._known: dict[int, _Body] = {}
        self._kept: list[Any] = []

    def names(self, g: Generator, node: Any) -> tuple[str, ...] | None:
        """The names around an expression that it mentions, in order (of a let ""); None where it is not closed, gives data of the
        record itself, or is too small to matter."""
        if isinstance(node, nodes.Property) or not _is_plain(g.type_of(node)):
            return None
        found: dict[str, None] = {}
        bound: set[str] = set()
        lets: set[str] = set()
        size = 0
        for part in parts_of(node):
            size += 1
            if isinstance(part, _LOOSE) or not self._part(g, g.info, part).closed:
                return None
            if isinstance(part, nodes.QueryLetRef):
                lets.add(part.name or "")
                found[part.name or ""] = None
            elif isinstance(part, (nodes.AliasRef, nodes.OperandRef)):
                found[part.name or ""] = None
            elif isinstance(part, nodes.Property) and part.source is None:
                found[part.scope or ""] = None
            elif isinstance(part, (nodes.AliasedQuerySource, nodes.With, nodes.Without)):
                bound.add(part.alias or "")
            elif isinstance(part, (nodes.LetClause, nodes.AggregateClause)):
                bound.add(part.identifier or "")
        if size < LEAST or not bound.isdisjoint((*g.aliases, *g.lets, *g.operands)):
            return None
        return tuple(dict.fromkeys("" if name in lets else name for name in found if name not in bound))

    def function(self, g: Generator, function: nodes.FunctionDef) -> bool:
        """Whether a function of the library that is written rests on its operands alone, and gives nothing of the record but what
        it was given."""
        body = function.expression
        if body is None or sum(1 for _ in parts_of(body)) < LEAST:
            return False
        type_ = g.env.type_of(body, g.info)
        found = self._definition(g, g.info, function)
        return found.closed and (_is_plain(type_) or (_is_resource(g, type_) and not found.makes))

    def define(self, g: Generator, definition: nodes.ExpressionDef) -> bool:
        """Whether a define without tags, of the library that is written, rests on nothing at all but parameters and the time."""
        body = definition.expression
        if body is None or _tagged(definition) or sum(1 for _ in parts_of(body)) < LEAST:
            return False
        found = self._definition(g, g.info, definition)
        return found.closed and (not found.makes or _is_plain(g.env.type_of(body, g.info)))

    def searches(self, g: Generator, function: nodes.FunctionDef) -> bool:
        """Whether a function of the library that is written is a closed one that searches texts, by way of others, and takes
        nothing but texts, codes and concepts: what it came to for them may be kept."""
        from guideway.engine.generator_types import operand_type

        body = function.expression
        if body is None or not function.operand or any(operand_type(operand) not in _KEYS for operand in function.operand):
            return False
        found = self._definition(g, g.info, function)
        calls = any(isinstance(part, nodes.FunctionRef) for part in parts_of(body))
        return found.closed and found.searches and calls and _is_plain(g.env.type_of(body, g.info))

    def asks(self, g: Generator, node: Any) -> tuple[str, ...]:
        """The parameters without a default that a closed expression may ask for, as the trace calls them."""
        return _asked(self._part(g, g.info, part) for part in parts_of(node))

    def straight(self, g: Generator, node: Any, *, scoped: bool = False) -> tuple[str, ...] | None:
        """The names that a closed expression mentions, if it always rests on all of them in the same way; None where it does not,
        or where that cannot be told. ``scoped``: also those that only stand in the scope of a property."""
        from guideway.engine.generator_refs import is_in_place

        found: dict[str, None] = {}
        for part in parts_of(node):
            if isinstance(part, (nodes.AliasRef, nodes.OperandRef)):
                found[part.name or ""] = None
            elif scoped and isinstance(part, nodes.Property) and part.source is None:
                found[part.scope or ""] = None
            elif (
                isinstance(part, (*_CHOOSES, nodes.QueryLetRef))
                or (isinstance(part, nodes.Property) and part.source is None)
                or (isinstance(part, nodes.FunctionRef) and not is_in_place(g, part))
            ):
                return None
        return tuple(found)

    def _part(self, g: Generator, info: LibraryInfo, part: Any) -> _Body:
        """What an expression does by itself, apart from those in it."""
        if isinstance(part, _READS):
            return _OPEN
        if isinstance(part, nodes.FunctionRef):
            called = [self._definition(g, *found) for found in _called(g, info, part)]
            closed = bool(called) and all(body.closed for body in called)
            return _Body(closed, any(body.makes for body in called), _asked(called), any(body.searches for body in called))
        if isinstance(part, nodes.ExpressionRef):
            owner = g.env.included(info, part.libraryName) if part.libraryName else info
            definition = owner.defines.get(part.name or "")
            return _OPEN if definition is None or _tagged(definition) else self._definition(g, owner, definition)
        if isinstance(part, nodes.ParameterRef):
            owner = g.env.included(info, part.libraryName) if part.libraryName else info
            parameter = owner.parameters.get(part.name or "")
            if parameter is None:
                return _OPEN
            declared = g.env.named_or_specified(parameter.parameterType, parameter.parameterTypeSpecifier)
            name = f"{part.libraryName}.{part.name}" if part.libraryName else part.name or ""
            asks = () if isinstance(parameter.default, _GIVEN) else (name,)
            return _Body(_is_plain(declared or g.env.type_of(parameter.default, owner)), False, asks)
        if isinstance(part, nodes.IdentifierRef):
            tables = (info.defines, info.parameters)
            if part.libraryName is not None or any(part.name in table for table in tables):
                return _OPEN
        leads = isinstance(part, (nodes.Property, nodes.IdentifierRef)) and not _is_element(g, info, part)
        return _Body(True, leads or isinstance(part, nodes.Instance), searches=isinstance(part, _SEARCHES))

    def _definition(self, g: Generator, info: LibraryInfo, definition: nodes.ExpressionDef) -> _Body:
        """What a define or function does; one that leads back to itself is taken to read data."""
        known = self._known.get(id(definition))
        if known is None:
            self._kept.append(definition)
            self._known[id(definition)] = known = _OPEN
            body = definition.expression
            if body is not None:
                found = [self._part(g, info, part) for part in parts_of(body)]
                closed = all(part.closed for part in found)
                searches = any(part.searches for part in found)
                known = _Body(closed, any(part.makes for part in found), _asked(found), searches)
            self._known[id(definition)] = known
        return known


def parts_of(node: Any) -> Iterator[Any]:
    """An expression and all that stands in it."""
    pending = [node]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending.extend(reversed(item))
        elif isinstance(item, (nodes.Element, nodes.TupleElement, nodes.InstanceElement)):
            yield item
            pending.extend(getattr(item, field) for field in reversed(item.__struct_fields__) if field not in _HEAD)


def _asked(bodies: Iterable[_Body]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for body in bodies for name in body.asks))


def _called(g: Generator, info: LibraryInfo, node: nodes.FunctionRef) -> list[tuple[LibraryInfo, nodes.FunctionDef]]:
    """The functions that a call may mean: the one for operands of just these types, else all of the name with as many of them."""
    from guideway.engine.generator_types import operand_type

    owner = g.env.included(info, node.libraryName) if node.libraryName else info
    fitting = [f for f in owner.functions.get(node.name or "", []) if len(f.operand) == len(node.operand)]
    if len(fitting) > 1:
        signed = len(node.signature or ()) == len(node.operand)
        given = map(types.from_specifier, node.signature) if signed else (g.env.type_of(o, info) for o in node.operand)
        wanted = list(given)
        fitting = [f for f in fitting if [operand_type(o) for o in f.operand] == wanted][:1] or fitting
    return [(owner, f) for f in fitting]


def _tagged(definition: nodes.ExpressionDef) -> bool:
    return any(isinstance(note, dict) and note.get("t") for note in definition.annotation)


def _is_plain(type_: types.Type | None) -> bool:
    """Whether values of a type are CQL's own, and single: none of them is a part of the record."""
    if isinstance(type_, types.NamedType):
        return type_.uri == types.SYSTEM_URI and type_ != types.ANY
    if isinstance(type_, types.ChoiceType):
        return all(_is_plain(choice) for choice in type_.choices)
    return isinstance(type_, types.IntervalType) and _is_plain(type_.point)


def _is_resource(g: Generator, type_: types.Type | None) -> bool:
    """Whether values of a type are whole resources, or lists of them."""
    if isinstance(type_, types.ListType):
        type_ = type_.element
    name = g.env.fhir_name(type_)
    return name is not None and f"FHIR.{name}" in g.env.fhir.types and g.env.fhir.is_subtype(name, "Resource")


def _is_element(g: Generator, info: LibraryInfo, part: Any) -> bool:
    """Whether what a path or a name leads to is certainly no resource."""
    pending = [g.env.type_of(part, info)]
    while pending:
        type_ = pending.pop()
        if isinstance(type_, types.ListType):
            pending.append(type_.element)
        elif isinstance(type_, types.ChoiceType):
            pending.extend(type_.choices)
        elif not isinstance(type_, (types.NamedType, types.IntervalType)) or type_ == types.ANY or _is_resource(g, type_):
            return False
    return True

"""What a run may leave unevaluated, as defines of its own, so that an explanation can ask what it would come to.

A run evaluates one branch of a choice (``if``, ``case``), and the second operand of ``and``, ``or`` and ``implies`` only where
the first does not settle the matter. Where that rests on something unknown (a condition that is null; ``x is not true`` where
``x`` is null), what is missing depends on the other parts as well. Takes the libraries of a guideline; gives them again with a
define for each such part that is not one already, and says by library and locator of the choice which these are. Only logic
between truth values has parts: what stands inside queries and functions cannot stand alone. Of a query, which evaluates its
conditions and results for the rows that there are, and of a choice between other values the parts are what these refer to:
defines and retrieves. What stands in a data element needs no parts, for it is missing as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import msgspec

from guideway.elm import nodes
from guideway.elm.types import BOOLEAN, Type
from guideway.guideline.compiled import DefineKey, Parts
from guideway.guideline.elements import tags_of
from guideway.guideline.requirements import base_name, name_of

_TESTS = (nodes.IsTrue, nodes.IsFalse, nodes.IsNull, nodes.If, nodes.Case)
"""What has a value although something in it is null."""
_CONNECTIVES = (nodes.And, nodes.Or, nodes.Implies)
_BINDING = (nodes.Query, nodes.Filter, nodes.ForEach, nodes.Repeat, nodes.Aggregate, nodes.Sort)
"""What gives names to what stands in it."""
_BESIDE = frozenset({"annotation", "resultTypeSpecifier", "result_type", "signature"})
_PARTS = (msgspec.Struct, list)
_SORTED = "$sorted"
"""What stands for an element that a query sorts by."""
_SEEN_THROUGH = (*_CONNECTIVES, *_TESTS, nodes.Not, nodes.Xor, nodes.CaseItem)


def with_parts(libraries: Sequence[nodes.Library]) -> tuple[list[nodes.Library], dict[str, dict[str, Parts]]]:
    """The libraries with a define for every part that may be left unevaluated, and the parts by library and locator."""
    maker = _Maker(libraries)
    return [maker.library(library) for library in libraries], maker.found


class _Maker:
    def __init__(self, libraries: Sequence[nodes.Library]) -> None:
        self.found: dict[str, dict[str, Parts]] = {}
        self._bodies = {(name_of(library), s.name or ""): s.expression for library in libraries for s in library.statements}
        self._homes = {name_of(x): {i.localIdentifier: base_name(i.path) for i in x.includes} for x in libraries}
        self._tested: dict[DefineKey, bool] = {}
        self._read: dict[DefineKey, bool] = {}
        self._elements = {(name_of(x), s.name or "") for x in libraries for s in x.statements if _is_element(s)}
        self._outside = self._reached_outside(libraries)

    def library(self, library: nodes.Library) -> nodes.Library:
        """The library with its parts as defines; itself where there are none."""
        name = name_of(library)
        added: list[nodes.ExpressionDef] = []
        known = self.found.setdefault(name, {})

        def part(
            expression: nodes.Expression | None, place: str, which: str, context: str | None, of: Type | None = BOOLEAN
        ) -> DefineKey | None:
            if expression is None:
                return None
            if type(expression) is nodes.ExpressionRef and (target := self._target(name, expression)) is not None:
                return target
            key = (name, f"{place} {which}")
            while key in self._bodies:
                key = (name, f"{key[1]}'")
            self._bodies[key] = expression
            added.append(nodes.ExpressionDef(name=key[1], context=context, expression=expression, result_type=of))
            return key

        for statement in library.statements:
            outside = (name, statement.name or "") in self._outside
            for node in _logic(statement.expression) if not isinstance(statement, nodes.FunctionDef) else ():
                place, context = node.locator, statement.context
                if not place or place in known:
                    continue
                if isinstance(node, _CONNECTIVES):
                    first = node.operand[0]
                    if len(node.operand) == 2 and (self._has_test(name, first) or (outside and self._reads(name, first))):
                        known[place] = ((None, part(node.operand[1], place, "second", context)),)
                elif node.result_type == BOOLEAN and not (isinstance(node, nodes.Case) and node.comparand is not None):
                    whole = isinstance(node, nodes.If)
                    pairs = [(node.condition, node.then)] if whole else [(item.when, item.then) for item in node.caseItem]
                    known[place] = (
                        *(
                            (part(when, place, f"condition {number}", context), part(then, place, f"branch {number}", context))
                            for number, (when, then) in enumerate(pairs, 1)
                        ),
                        (None, part(node.else_, place, "otherwise", context)),
                    )
            for node in _chooses(statement.expression) if outside else ():
                place = node.locator
                if not place or place in known:
                    continue
                keys: dict[DefineKey | None, None] = {}
                for number, inner in enumerate(self._closed(name, node), 1):
                    if isinstance(inner, tuple):
                        keys |= {inner: None} if self._read_outside(inner) else {}
                    elif self._reads(name, inner):
                        keys[part(inner, place, f"read {number}", statement.context, inner.result_type)] = None
                if keys:
                    known[place] = tuple((None, key) for key in keys)
        return msgspec.structs.replace(library, statements=[*library.statements, *added]) if added else library

    def _reached_outside(self, libraries: Sequence[nodes.Library]) -> set[DefineKey]:
        """The statements that are reached, from those that no other refers to, without going through a data element, and that
        read data themselves or through others: nothing is asked for in the rest (all of FHIRHelpers)."""
        references: dict[DefineKey, set[DefineKey]] = {}
        users: dict[DefineKey, set[DefineKey]] = {}
        reading: set[DefineKey] = set()
        readers: list[DefineKey] = []
        for library in libraries:
            name = name_of(library)
            for statement in library.statements:
                key = (name, statement.name or "")
                found = references.setdefault(key, set())
                for node in _every(statement.expression):
                    if isinstance(node, nodes.Retrieve | nodes.ParameterRef):
                        readers.append(key)
                    target = self._target(name, node) if isinstance(node, nodes.ExpressionRef) else None
                    if target is not None:
                        found.add(target)
                        users.setdefault(target, set()).add(key)
        while readers:
            key = readers.pop()
            if key not in reading:
                reading.add(key)
                readers += users.get(key, ())
        reached: set[DefineKey] = set()
        pending = list(references.keys() - {target for found in references.values() for target in found})
        while pending:
            key = pending.pop()
            if key not in reached and key not in self._elements:
                reached.add(key)
                pending += references.get(key, ())
        return reached & reading

    def _closed(self, library: str, node: Any) -> Iterator[DefineKey | Any]:
        """What the conditions and results of a query, or the branches of a choice, rest on besides the names around them, also
        through functions: expressions of this library, and defines."""
        seen: set[DefineKey] = set()
        pending: list[tuple[str, Any]] = [(library, part) for part in reversed(_beside(node))]
        while pending:
            home, current = pending.pop()
            if isinstance(current, list | tuple):
                pending += [(home, part) for part in reversed(current)]
            elif isinstance(current, nodes.ExpressionRef) and not isinstance(current, nodes.FunctionRef):
                target = self._target(home, current)
                if target is not None and target not in seen:
                    seen.add(target)
                    yield target
            elif isinstance(current, nodes.Expression) and home == library and _is_closed(current):
                if any(isinstance(inner, nodes.ExpressionRef | nodes.Retrieve | nodes.ParameterRef) for inner in _every(current)):
                    yield current
            elif isinstance(current, msgspec.Struct):
                target = self._target(home, current) if isinstance(current, nodes.FunctionRef) else None
                if target is not None and target not in seen:
                    seen.add(target)
                    pending.append((target[0], self._bodies[target]))
                children = (getattr(current, name) for name in current.__struct_fields__ if name not in _BESIDE)
                pending += [(home, child) for child in reversed([c for c in children if isinstance(c, msgspec.Struct | list)])]

    def _reads(self, library: str, expression: Any) -> bool:
        """Whether it reads data that no data element stands for."""
        for node in _every(expression):
            if isinstance(node, nodes.Retrieve | nodes.ParameterRef):
                return True
            target = self._target(library, node) if isinstance(node, nodes.ExpressionRef) else None
            if target is not None and self._read_outside(target):
                return True
        return False

    def _read_outside(self, key: DefineKey) -> bool:
        """The same of a define."""
        if key not in self._read:
            self._read[key] = False  # in a circle
            self._read[key] = key not in self._elements and self._reads(key[0], self._bodies[key])
        return self._read[key]

    def _target(self, library: str, reference: nodes.ExpressionRef) -> DefineKey | None:
        home = self._homes[library].get(reference.libraryName) if reference.libraryName else library
        key = (home or "", reference.name or "")
        return key if key in self._bodies else None

    def _has_test(self, library: str, expression: Any) -> bool:
        """Whether it may have a value although something that it rests on by logic alone is null."""
        for node in _through(expression):
            if isinstance(node, _TESTS):
                return True
            target = self._target(library, node) if type(node) is nodes.ExpressionRef else None
            if target is not None:
                if target not in self._tested:
                    self._tested[target] = False  # in a circle
                    self._tested[target] = self._has_test(target[0], self._bodies[target])
                if self._tested[target]:
                    return True
        return False


def _is_element(statement: nodes.ExpressionDef) -> bool:
    """Whether a define is a data element."""
    return any(name == "dataElement" for name, _ in tags_of(statement.annotation))


def _chooses(expression: Any) -> Iterator[Any]:
    """The queries of an expression, and its choices between other than truth values."""
    for node in _every(expression):
        if isinstance(node, nodes.Query) or (isinstance(node, nodes.If | nodes.Case) and node.result_type != BOOLEAN):
            yield node


def _beside(node: Any) -> list[Any]:
    """The parts of a query that are evaluated for its rows alone, without what these may not be related to; the branches of a
    choice."""
    if isinstance(node, nodes.Query):
        return [
            node.let,
            [(r.expression, r.suchThat) for r in node.relationship if isinstance(r, nodes.With)],
            node.where,
            node.return_,
            node.aggregate,
        ]
    if isinstance(node, nodes.If):
        return [node.then, node.else_]
    return [[(item.when, item.then) for item in node.caseItem], node.else_]


def _is_closed(expression: Any) -> bool:
    """Whether it mentions no name around it; names that it gives itself, where they are given, do not count."""
    pending: list[tuple[Any, frozenset[str | None]]] = [(expression, frozenset())]
    while pending:
        node, given = pending.pop()
        if isinstance(node, nodes.OperandRef):
            return False
        if isinstance(node, nodes.AliasRef | nodes.QueryLetRef) and node.name not in given:
            return False
        if isinstance(node, nodes.IdentifierRef) and _SORTED not in given:
            return False
        if getattr(node, "scope", None) and getattr(node, "scope", None) not in given:
            return False
        inside = given
        if isinstance(node, nodes.Query):
            pending += [(source.expression, given) for source in node.source]
            inside |= {source.alias for source in (*node.source, *node.relationship)} | {let.identifier for let in node.let}
            inside |= {_SORTED, node.aggregate.identifier if node.aggregate is not None else _SORTED}
        parts = node if isinstance(node, list) else [getattr(node, name) for name in _fields(node.__class__)]
        for part in parts:
            if isinstance(part, msgspec.Struct | list) and not (isinstance(node, nodes.Query) and part is node.source):
                pending.append((part, inside))
    return True


def _every(expression: Any) -> Iterator[Any]:
    """All nodes of an expression."""
    pending = [expression]
    while pending:
        node = pending.pop()
        if isinstance(node, list | tuple):
            pending += reversed(node)
        elif isinstance(node, msgspec.Struct):
            yield node
            children = [getattr(node, name) for name in _fields(node.__class__)]
            pending += reversed([child for child in children if isinstance(child, _PARTS)])


@cache
def _fields(kind: Any) -> tuple[str, ...]:
    """The fields of a kind of node that may hold parts of an expression."""
    return tuple(name for name in kind.__struct_fields__ if name not in _BESIDE)


def _logic(expression: Any) -> Iterator[Any]:
    """The connectives and choices of an expression that can stand alone: not those inside of queries."""
    pending = [expression]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += reversed(node)
        elif isinstance(node, msgspec.Struct) and not isinstance(node, _BINDING):
            if isinstance(node, (*_CONNECTIVES, nodes.If, nodes.Case)):
                yield node
            children = (getattr(node, name) for name in node.__struct_fields__ if name not in _BESIDE)
            pending += reversed([child for child in children if isinstance(child, msgspec.Struct | list)])


def _through(expression: Any) -> Iterator[Any]:
    """The nodes of an expression down to where it is no longer logic."""
    pending = [expression]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += reversed(node)
        elif isinstance(node, msgspec.Struct):
            yield node
            if isinstance(node, _SEEN_THROUGH):
                children = (getattr(node, name) for name in node.__struct_fields__)
                pending += reversed([child for child in children if isinstance(child, msgspec.Struct | list)])

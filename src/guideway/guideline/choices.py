"""What a run may leave unevaluated, as defines of its own, so that an explanation can ask what it would come to.

A run evaluates one branch of a choice (``if``, ``case``), and the second operand of ``and``, ``or`` and ``implies`` only where
the first does not settle the matter. Where that rests on something unknown (a condition that is null; ``x is not true`` where
``x`` is null), what is missing depends on the other parts as well. Takes the libraries of a guideline; gives them again with a
define for each such part that is not one already, and says by library and locator of the choice which these are. Only logic
between truth values has parts: what stands inside queries and functions cannot stand alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from guideway.elm import nodes
from guideway.elm.types import BOOLEAN
from guideway.guideline.compiled import DefineKey, Parts
from guideway.guideline.requirements import base_name, name_of

_TESTS = (nodes.IsTrue, nodes.IsFalse, nodes.IsNull, nodes.If, nodes.Case)
"""What has a value although something in it is null."""
_CONNECTIVES = (nodes.And, nodes.Or, nodes.Implies)
_BINDING = (nodes.Query, nodes.Filter, nodes.ForEach, nodes.Repeat, nodes.Aggregate, nodes.Sort)
"""What gives names to what stands in it."""
_BESIDE = frozenset({"annotation", "resultTypeSpecifier", "result_type", "signature"})
_SEEN_THROUGH = (*_CONNECTIVES, *_TESTS, nodes.Not, nodes.Xor, nodes.CaseItem)


def with_parts(libraries: Sequence[nodes.Library]) -> tuple[list[nodes.Library], dict[tuple[str, str], Parts]]:
    """The libraries with a define for every part that may be left unevaluated, and the parts by library and locator."""
    maker = _Maker(libraries)
    return [maker.library(library) for library in libraries], maker.found


class _Maker:
    def __init__(self, libraries: Sequence[nodes.Library]) -> None:
        self.found: dict[tuple[str, str], Parts] = {}
        self._bodies = {(name_of(library), s.name or ""): s.expression for library in libraries for s in library.statements}
        self._homes = {name_of(x): {i.localIdentifier: base_name(i.path) for i in x.includes} for x in libraries}
        self._tested: dict[DefineKey, bool] = {}

    def library(self, library: nodes.Library) -> nodes.Library:
        """The library with its parts as defines; itself where there are none."""
        name = name_of(library)
        added: list[nodes.ExpressionDef] = []

        def part(expression: nodes.Expression | None, place: str, which: str, context: str | None) -> DefineKey | None:
            if expression is None:
                return None
            if type(expression) is nodes.ExpressionRef and (target := self._target(name, expression)) is not None:
                return target
            key = (name, f"{place} {which}")
            while key in self._bodies:
                key = (name, f"{key[1]}'")
            self._bodies[key] = expression
            added.append(nodes.ExpressionDef(name=key[1], context=context, expression=expression, result_type=BOOLEAN))
            return key

        for statement in library.statements:
            for node in _logic(statement.expression) if not isinstance(statement, nodes.FunctionDef) else ():
                place, context = node.locator, statement.context
                if not place or (name, place) in self.found:
                    continue
                if isinstance(node, _CONNECTIVES):
                    if len(node.operand) == 2 and self._has_test(name, node.operand[0]):
                        self.found[name, place] = ((None, part(node.operand[1], place, "second", context)),)
                elif node.result_type == BOOLEAN and not (isinstance(node, nodes.Case) and node.comparand is not None):
                    whole = isinstance(node, nodes.If)
                    pairs = [(node.condition, node.then)] if whole else [(item.when, item.then) for item in node.caseItem]
                    self.found[name, place] = (
                        *(
                            (part(when, place, f"condition {number}", context), part(then, place, f"branch {number}", context))
                            for number, (when, then) in enumerate(pairs, 1)
                        ),
                        (None, part(node.else_, place, "otherwise", context)),
                    )
        return msgspec.structs.replace(library, statements=[*library.statements, *added]) if added else library

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

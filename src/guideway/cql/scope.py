"""Names and what they stand for: the library's own declarations, what it includes, and the local names of functions and queries.

CQL 1.5 Developer's Guide, "Identifier Resolution": local names hide outer ones, and those hide the library's. A ``Frame``
is one level of local names; a ``LibrarySymbols`` is what a library declares, for itself and (its public part) for those
that include it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from guideway.cql import syntax
from guideway.elm import nodes as elm
from guideway.elm.types import Type


class Local(msgspec.Struct):
    """A local name: ``kind`` is ``alias``, ``let``, ``operand`` or ``total`` (the accumulator of an aggregate clause)."""

    kind: str
    name: str
    type: Type
    at: syntax.Node | None = None


class Frame(msgspec.Struct):
    """One level of local names.

    ``kind`` is ``function``, ``query``, ``sort`` or ``this``. In ``sort`` and ``this`` frames the elements of ``this`` can be
    named alone, and ``$this`` is a value of that type.
    """

    kind: str
    names: dict[str, Local] = msgspec.field(default_factory=dict)
    this: Type | None = None

    def add(self, local: Local) -> None:
        self.names[local.name] = local


class Function(msgspec.Struct):
    """A function as callers see it. ``definition`` is its syntax where it still has to be translated."""

    name: str
    operands: tuple[Type, ...]
    operand_names: tuple[str, ...]
    result: Type | None
    access: str = "Public"
    fluent: bool = False
    external: bool = False
    definition: syntax.FunctionDef | None = None
    context: str | None = None
    used: bool = False


class Symbol(msgspec.Struct):
    """Something a library declares by name.

    ``kind`` is ``expression``, ``parameter``, ``codesystem``, ``valueset``, ``code``, ``concept`` or ``include``. ``type``
    is None until the declaration has been translated; ``node`` is its ELM then. ``library`` is, for an include, what is
    included.
    """

    kind: str
    name: str
    type: Type | None = None
    access: str = "Public"
    definition: syntax.Definition | None = None
    node: Any = None
    context: str | None = None
    library: LibrarySymbols | None = None
    used: bool = False


class LibrarySymbols(msgspec.Struct):
    """What a library declares: its names and its functions."""

    name: str | None
    version: str | None
    symbols: dict[str, Symbol] = msgspec.field(default_factory=dict)
    functions: dict[str, list[Function]] = msgspec.field(default_factory=dict)
    elm: elm.Library | None = None

    def public_names(self) -> Iterator[str]:
        """The names that other libraries may use."""
        for symbol in self.symbols.values():
            if symbol.access == "Public" and symbol.kind != "include":
                yield symbol.name
        for name, functions in self.functions.items():
            if any(f.access == "Public" for f in functions):
                yield name


class Scope:
    """The stack of local frames."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def push(self, frame: Frame) -> Frame:
        self.frames.append(frame)
        return frame

    def pop(self) -> None:
        self.frames.pop()

    def find(self, name: str) -> Local | None:
        """The innermost local of that name."""
        for frame in reversed(self.frames):
            found = frame.names.get(name)
            if found is not None:
                return found
        return None

    def this(self) -> Frame | None:
        """The innermost frame that has a ``$this``."""
        for frame in reversed(self.frames):
            if frame.this is not None:
                return frame
        return None

    def names(self) -> Iterator[str]:
        """All local names in reach."""
        for frame in reversed(self.frames):
            yield from frame.names


def nearest(name: str, known: Iterator[str] | list[str]) -> str | None:
    """The known name that a mistyped one most likely means; None where nothing is near.

    >>> nearest("Observatoin", ["Observation", "Condition"])
    'Observation'
    """
    best: str | None = None
    limit = max(1, min(3, len(name) // 3)) + 1
    lowered = name.lower()
    for candidate in known:
        if candidate == name or abs(len(candidate) - len(name)) >= limit:
            continue
        if candidate.lower() == lowered:
            return candidate
        distance = _distance(lowered, candidate.lower(), limit)
        if distance < limit:
            best, limit = candidate, distance
    return best


def _distance(a: str, b: str, limit: int) -> int:
    """Edits (insert, delete, replace, swap neighbours) from ``a`` to ``b``; gives up at ``limit``."""
    before: list[int] = []
    previous = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        current = [i]
        for j, y in enumerate(b, 1):
            cost = min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            current.append(cost)
        if min(current) >= limit:
            return limit
        before, previous = previous, current
    return previous[-1]

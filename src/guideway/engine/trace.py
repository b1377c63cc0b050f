"""How a value came about: the tree of sub-expressions with their values, the data they read, and why a null is null.

Traced code (see ``generator``, ``traced``) calls ``t_enter`` before and ``t_leave`` after each sub-expression. A define's tree is
made once and shared by all references to it. Untraced code knows nothing of this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from guideway.engine.values.uncertainty import Beyond
from guideway.fhir.element import FhirObject, FhirPrimitive

if TYPE_CHECKING:
    from guideway.engine.context import Evaluation

TraceRow = tuple[str, str, str | None]
"""Kind of node, label, locator."""


class TraceNode:
    """One sub-expression of an evaluation.

    ``kind`` is the ELM node's name (``ExpressionDef`` for a define's own node, ``Iteration`` for one row of a query or of what a
    ``With`` or ``Without`` looks through; the value of these is whether a row is related); ``label``
    the name, path or value it mentions; ``children`` its operands in the order of evaluation (a reference has the define it
    refers to); ``reads`` the elements of resources that it read, as ``("Observation/x", "value")``.
    """

    __slots__ = ("children", "define", "kept", "kind", "label", "library", "locator", "operands", "reads", "source", "value")

    kept: int
    """Of a row that passed: how many of its children are its conditions; those after them are its result. Else absent."""
    operands: tuple[str, ...]
    """Of a call: the names of what it was given; so many of its children are these, then comes its body. Else absent."""
    source: TraceNode
    """Of a With or Without whose rows were evaluated before: their node. Else absent."""

    def __init__(self, row: TraceRow, library: str = "", define: str = "") -> None:
        self.kind, self.label, self.locator = row
        self.library = library
        self.define = define
        self.value: Any = None
        self.children: list[TraceNode] = []
        self.reads: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"TraceNode({self.kind}{' ' + self.label if self.label else ''} = {self.value!r})"

    @property
    def resources(self) -> tuple[str, ...]:
        """The resources that this sub-expression itself read, as ``Observation/x``."""
        if self.kind == "Retrieve" and isinstance(self.value, list):
            return tuple(item.reference for item in self.value if isinstance(item, FhirObject) and item.reference)
        return tuple(dict.fromkeys(reference for reference, _ in self.reads))

    def walk(self) -> Iterator[TraceNode]:
        """This node and all below it, each define once, in the order of evaluation."""
        seen: set[int] = set()
        pending = [self]
        while pending:
            node = pending.pop()
            if node.kind == "ExpressionDef":
                if id(node) in seen:
                    continue
                seen.add(id(node))
            yield node
            pending.extend(reversed(node.children))

    def all_resources(self) -> tuple[str, ...]:
        """Every resource that was read for this value, in the order of reading."""
        return tuple(dict.fromkeys(reference for node in self.walk() for reference in node.resources))

    def all_reads(self) -> tuple[tuple[str, str], ...]:
        """Every element that was read for this value, as (resource, path), in the order of reading."""
        return tuple(dict.fromkeys(read for node in self.walk() for read in node.reads))

    def null_cause(self) -> TraceNode | None:
        """Where a null comes from: the operand that was null first, followed down to where nothing below it is null.

        None where this value is not null.
        """
        if self.value is not None:
            return None
        node = self
        while True:
            below = node._first_null()
            if below is None:
                return node
            node = below

    def _first_null(self) -> TraceNode | None:
        operands = [child for child in self.children if child.kind != "Iteration"]
        if self.kind in ("If", "Case"):  # the branch that was taken comes last
            operands = operands[-1:]
        elif self.kind == "Property":
            operands = operands[:1]
        return next((child for child in operands if child.value is None and child.kind != "Null"), None)


class Tracer:
    """Builds the trees of one evaluation."""

    __slots__ = ("defines", "origins", "stack")

    def __init__(self) -> None:
        self.stack: list[TraceNode] = [TraceNode(("Evaluation", "", None))]
        self.defines: dict[Any, TraceNode] = {}
        self.origins: dict[int, tuple[str, str]] = {}

    def origin(self, value: Any) -> tuple[str, str] | None:
        """Which element of which resource a FHIR value is."""
        if isinstance(value, FhirObject):
            reference = value.reference
            return (reference, "") if reference else self.origins.get(id(value.data))
        return self.origins.get(id(value)) if isinstance(value, FhirPrimitive) else None

    def note(self, value: Any, origin: tuple[str, str]) -> None:
        """Remember where a value came from; the tree keeps it alive, so its identity is its own."""
        if isinstance(value, FhirObject):
            self.origins[id(value.data)] = origin
        elif isinstance(value, FhirPrimitive):
            self.origins[id(value)] = origin
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self.note(item, (origin[0], f"{origin[1]}[{index}]"))


def t_enter(E: Evaluation, row: TraceRow) -> TraceNode:
    """Begin a sub-expression."""
    tracer = E.tracer
    assert tracer is not None
    outer = tracer.stack[-1]
    node = TraceNode(row, outer.library, outer.define)
    tracer.stack.append(node)
    return node


def t_leave(E: Evaluation, node: TraceNode, value: Any) -> Any:
    """End a sub-expression: note its value and hang it below the one around it."""
    tracer = E.tracer
    assert tracer is not None
    stack = tracer.stack
    while stack.pop() is not node:
        pass
    node.value = None if type(value) is Beyond else value
    stack[-1].children.append(node)
    if node.kind == "Property" and node.children:
        found = tracer.origin(node.children[0].value)
        if found is not None:
            path = f"{found[1]}.{node.label}" if found[1] else node.label
            if node.label == "value" and isinstance(node.children[0].value, FhirPrimitive):
                path = found[1]
            node.reads = ((found[0], path),)
            tracer.note(value, (found[0], path))
    return value


def t_define(E: Evaluation, key: Any, body: Callable[[Evaluation], Any], row: TraceRow, library: str, define: str) -> Any:
    """Evaluate a define once, keep its tree, and hang the tree below the reference."""
    tracer = E.tracer
    assert tracer is not None
    stack = tracer.stack
    if key in E.memo:
        value = E.memo[key]
    else:
        node = TraceNode(row, library.partition("|")[0], define)
        height = len(stack)
        stack.append(node)
        try:
            value = body(E)
        finally:
            del stack[height:]
        node.value = value
        E.memo[key] = value
        tracer.defines[key] = node
    if len(stack) > 1:
        stack[-1].children.append(tracer.defines[key])
    return value

"""How a value came about: the tree of sub-expressions with their values, the data they read, and why a null is null.

Traced code (see ``generator_trace``) makes a node of each sub-expression as soon as it has its value and its children. A define's
tree is made once and shared by all references to it. Untraced code knows nothing of this module.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from guideway.diagnostics import GuidewayError
from guideway.engine.errors import CqlRuntimeError
from guideway.engine.values.temporal import zone
from guideway.engine.values.uncertainty import Beyond
from guideway.fhir.element import FhirObject, FhirPrimitive

if TYPE_CHECKING:
    from collections.abc import Callable

    from guideway.engine.context import Evaluation


_FAILURES = (
    CqlRuntimeError, GuidewayError, TypeError, AttributeError, ValueError, ArithmeticError, LookupError, RecursionError,
)  # fmt: skip


class Later(msgspec.Struct, eq=False):
    """Children that are made when somebody asks for them: they rest on the values of ``names`` alone, which stand around the
    expression or are the operands of the function that is called, and none of them is a define with a meaning of its own or reads
    data. A let has the name "" here."""

    evaluation: Evaluation
    library: str
    function: str
    """The name in the library's traced module of what makes them."""
    names: tuple[str, ...]
    given: tuple[Any, ...]
    """What it is given: values of names, and the define that is evaluated."""
    home: Any = None
    """The define for which a function is called."""
    straight: tuple[str, ...] | None = None
    """Those of the names that they always rest on, all of them and in the same way; None where they may choose."""
    asks: tuple[str, ...] = ()
    """The parameters without a default that they may be about."""

    def made(self) -> Any:
        """The children, as traced code gives them; none where the logic fails that did not when it needed less."""
        evaluation = self.evaluation
        function = evaluation.program.made(self.library, self.function, True)
        before = evaluation.home, evaluation.made, zone.minutes
        evaluation.home, zone.minutes = self.home, evaluation.timezone_offset
        try:
            return function(evaluation, *self.given)
        except _FAILURES:
            return ()
        finally:
            evaluation.home, evaluation.made, zone.minutes = before

    def reads_only(self, references: Container[str]) -> bool:
        """Whether the children certainly read no other resources than these."""
        tracer = self.evaluation.tracer
        assert tracer is not None
        for item in _data_in(self.given):
            origin = tracer.origin(item)
            if origin is not None and origin[0] not in references:  # of what has none, no parts have one
                return False
        return True

    def asks_only(self, names: Container[str]) -> bool:
        """Whether the children are certainly about no parameter that has no value, except for these."""
        return None not in self.evaluation.parameters.values() and all(name in names for name in self.asks)

    def reads_none_of(self, kind: str) -> bool:
        """Whether the children certainly read no resource of a type."""
        tracer = self.evaluation.tracer
        assert tracer is not None
        for item in _data_in(self.given):
            found = item.data.get("resourceType") if isinstance(item, FhirObject) else None
            if found is None and (origin := tracer.origin(item)) is not None:
                found = origin[0].partition("/")[0]
            if found == kind:
                return False
        return True

    def is_plain(self) -> bool:
        """Whether nothing that the children rest on is data of the record."""
        return not any(isinstance(value, FhirObject | FhirPrimitive | list | dict) for value in self.given)


def _data_in(values: Iterable[Any]) -> Iterator[FhirObject | FhirPrimitive]:
    """What of the record there is in values, lists and tuples of them."""
    for value in values:
        if isinstance(value, (FhirObject, FhirPrimitive)):
            yield value
        elif isinstance(value, list):
            yield from _data_in(value)
        elif isinstance(value, dict):
            yield from _data_in(value.values())


class Rows(Later):
    """The rows of a query that are made when somebody asks for them: each is in the result, or is not, for a condition that rests
    on the row alone (its name is the only one of ``names``), or, where ``straight`` names them, always on it and on rows around
    it."""

    items: list[Any] = []
    """What the query goes through."""


class TraceNode(msgspec.Struct, eq=False):
    """One sub-expression of an evaluation.

    ``kind`` is the ELM node's name (``ExpressionDef`` for a define's own node, ``Iteration`` for one row of a query or of what a
    ``With`` or ``Without`` looks through; the value of these is whether a row is related); ``label``
    the name, path or value it mentions; ``children`` its operands in the order of evaluation (a reference has the define it
    refers to); ``reads`` the elements of resources that it read, as ``("Observation/x", "value")``.

    Many more nodes are made than are ever looked at. So what code gives is kept as it is, and brought into its final form when
    somebody asks for it.
    """

    kind: str
    place: str
    """The locator, a space, the label."""
    value: Any
    below: Any
    """The children, a tuple; or, a list, what the code gave for them: nodes, null for what was not evaluated, lists, of a
    call the names of its operands with the children of its body, and of a query, last, its rows, which are still to be made."""
    home: tuple[str, str] | None = None
    """The library and the name of the define that is evaluated."""
    more: Any = None
    """Of a row: ``kept``; of a With or Without: ``source``; of a call: ``operands``."""
    reads: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        """The name, path or value that the node mentions."""
        return self.place.partition(" ")[2]

    @property
    def locator(self) -> str | None:
        """Where it stands in the text of its library."""
        return self.place.partition(" ")[0] or None

    @property
    def library(self) -> str:
        """The library of the define that is evaluated."""
        return "" if self.home is None else self.home[0]

    @property
    def define(self) -> str:
        """The define that is evaluated."""
        return "" if self.home is None else self.home[1]

    @property
    def later(self) -> Later | None:
        """How the children will be made (of a call those after its operands), where nobody has asked for them so far."""
        below = self.below
        kind = type(below)
        if kind is tuple:
            return None
        if kind is Later:
            return below  # type: ignore[no-any-return]
        if below and self.kind == "FunctionRef":
            last = below[-1]
            if type(last) is tuple and type(last[1]) is Later:
                return last[1]
        return None

    @property
    def rows(self) -> Rows | None:
        """Of a query: how its rows, which come after its source, will be made, where nobody has asked for them so far."""
        below = self.below
        if type(below) is list and below and type(below[-1]) is Rows:
            return below[-1]
        return None

    @property
    def known(self) -> tuple[TraceNode, ...]:
        """The children without those that would have to be made."""
        below = self.below
        kind = type(below)
        if kind is tuple:
            return below  # type: ignore[no-any-return]
        if kind is Later:
            return ()
        last = below[-1] if below else None
        if type(last) is not Rows and not (type(last) is tuple and type(last[1]) is Later):
            return self.children
        found: list[TraceNode] = []
        self._gather(below[:-1], found)
        self.below = [*found, below[-1]]
        return tuple(found)

    @property
    def children(self) -> tuple[TraceNode, ...]:
        """The operands in the order of evaluation."""
        below = self.below
        if type(below) is tuple:
            return below
        found: list[TraceNode] = []
        for child in below.made() if type(below) is Later else below:
            if type(child) is TraceNode:
                if type(child.value) is Beyond:
                    child.value = None
                found.append(child)
            elif child is not None:
                self._gather((child,), found)
        self.below = final = tuple(found)
        return final

    def _gather(self, below: Iterable[Any], found: list[TraceNode]) -> None:
        for child in below:
            kind = type(child)
            if kind is TraceNode:
                if type(child.value) is Beyond:
                    child.value = None
                found.append(child)
            elif kind is list:
                self._gather(child, found)
            elif kind is Rows:
                self._gather(child.made(), found)
            elif kind is tuple:
                self.more, body = child
                self._gather(body.made() if type(body) is Later else body, found)

    def _more(self, name: str, *kinds: str) -> Any:
        if self.kind in kinds:
            children = self.children  # with them comes what a call was given
            if self.more is not None and children is not None:
                return self.more
        raise AttributeError(name)

    @property
    def kept(self) -> int:
        """Of a row that passed: how many of its children are its conditions; those after them are its result. Else absent."""
        kept: int = self._more("kept", "Iteration")
        return kept

    @property
    def operands(self) -> tuple[str, ...]:
        """Of a call: the names of what it was given; so many of its children are these, then comes its body. Else absent."""
        below = self.below
        if type(below) is list and self.later is not None:
            return below[-1][0]  # type: ignore[no-any-return]
        operands: tuple[str, ...] = self._more("operands", "FunctionRef")
        return operands

    @property
    def source(self) -> TraceNode:
        """Of a With or Without whose rows were evaluated before: their node. Else absent."""
        source: TraceNode = self._more("source", "With", "Without")
        return source

    def __repr__(self) -> str:
        return f"TraceNode({self.kind}{' ' + self.label if self.label else ''} = {self.value!r})"

    @property
    def resources(self) -> tuple[str, ...]:
        """The resources that this sub-expression itself read, as ``Observation/x``."""
        if self.reads:
            return tuple(dict.fromkeys(reference for reference, _ in self.reads))
        if self.kind == "Retrieve" and isinstance(self.value, list):
            return tuple(item.reference for item in self.value if isinstance(item, FhirObject) and item.reference)
        return ()

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
    """What the traces of one evaluation have in common."""

    __slots__ = ("defines", "origins")

    def __init__(self) -> None:
        self.defines: dict[Any, TraceNode] = {}
        self.origins: dict[int, tuple[str, str]] = {}

    def value(self, E: Evaluation, define: Callable[[Evaluation], TraceNode]) -> Any:
        """The value of a define, whose code gives its node; it is evaluated once."""
        if define not in E.memo:
            node = self.defines[define] = define(E)
            E.memo[define] = node.value
        return E.memo[define]

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


def define_node(library: str, define: str, value: Any, children: Any = (), place: str | None = None) -> TraceNode:
    """The node of a define."""
    return TraceNode("ExpressionDef", f" {define}" if place is None else place, value, children, (library, define))


def t_reference(
    E: Evaluation, define: Callable[[Evaluation], TraceNode], place: str, home: tuple[str, str] | None
) -> tuple[Any, TraceNode]:
    """The value of a define, and the node of a reference to it. (As ``Tracer.value``, without a further call.)"""
    memo = E.memo
    defines = E.tracer.defines  # type: ignore[union-attr]
    if define in memo:
        node = defines.get(define)  # none of what has been let go
        value = memo[define]
    else:
        node = defines[define] = define(E)
        value = memo[define] = node.value
    return value, TraceNode("ExpressionRef", place, value, (node,), home)


def t_property(E: Evaluation, place: str, value: Any, children: Sequence[TraceNode], home: tuple[str, str] | None) -> TraceNode:
    """The node of a Property: which element of which resource it read, if it is one."""
    owner = children[0].value
    kind = type(owner)
    if kind is not FhirObject and kind is not FhirPrimitive and not isinstance(owner, (FhirObject, FhirPrimitive)):
        return TraceNode("Property", place, value, children, home)
    tracer = E.tracer
    assert tracer is not None
    found = tracer.origin(owner)
    if found is None:
        return TraceNode("Property", place, value, children, home)
    label = place.partition(" ")[2]
    path = f"{found[1]}.{label}" if found[1] else label
    if label == "value" and isinstance(owner, FhirPrimitive):
        path = found[1]
    origin = (found[0], path)
    tracer.note(value, origin)
    return TraceNode("Property", place, value, children, home, None, (origin,))

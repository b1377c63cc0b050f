"""Traced code: every sub-expression makes a node of the trace beside its value (``trace``).

A node is made by one call, with its value and its children. Which nodes are the children of which is known when the code is
written: ``Below`` collects, for the expression that is being written, the Python expressions that make or name its children. What
stands in the same block is made where its parent is made; what may be skipped is a variable that is null until then; what is
made again and again, or in a function of its own, goes to a list. What a define or function that is called has made is in
``E.made`` when it comes back.

Most nodes would stand in functions and below the conditions of rows, of which there are as many as the record has resources,
and hardly any of them is looked at. So a function that is about nothing but what it is given, and a condition that is about
nothing but the row (``closed``), are plain code, and there is, instead of the children, what makes them when somebody asks
(``trace.Later``); so it is with a define that reads nothing, such as a list of words. Of a query over a list with nothing but
such a condition the rows themselves are made later (``trace.Rows``), also where it compares the row with one around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from guideway.engine.generator_emit import Code, FunctionWriter

if TYPE_CHECKING:
    from guideway.elm import nodes
    from guideway.engine.generator import Generator, Handler


class Source(Protocol):
    """The list that a query goes through: what its members are called, and the variable that holds it."""

    alias: str
    value: str


GIVEN = ("N", "R")
"""What makes nodes, and what evaluates a define and makes the node of a reference to it (``program.given_to``): operands of every
function, with a default, because all code asks for them and a local variable is found at once."""

_LONGEST = 1_000
_DEEPEST = 12


class Below:
    """The children of one expression while it is written; of a row of a query (``listed``) all go to a list, for what makes the
    row's node stands at every place where the row is left."""

    def __init__(self, g: Generator, *, listed: bool = False) -> None:
        self.g = g
        self.writer = g.w
        self.block = g.w.block
        self.at = len(self.block.items)
        self._parts: list[tuple[str, int]] = []
        self._unset: list[str] = []
        self._lists: list[str] = []
        self._listed = listed
        self.final = True
        """Whether all parts are nodes in the end, none of them beyond the time."""
        if listed:
            self.rows()

    def rows(self) -> str:
        """The list for what is made again and again."""
        if not self._parts or not self._lists or self._parts[-1][0] != f"*{self._lists[-1]}":
            name = self.writer.new_local()
            self._lists.append(name)
            self._parts.append((f"*{name}", 0))
        return self._lists[-1]

    def add(self, text: str, depth: int = 0, *, now: bool = False) -> None:
        """A child, as the expression that makes it; ``now``: it must be made here."""
        w = self.g.w
        if self._listed or w is not self.writer or w.block.rounds != self.block.rounds:
            w.line(f"{self.rows()}.append({text})")
            return
        if w.block is self.block and not now and depth < _DEEPEST and len(text) < _LONGEST:
            self._parts.append((text, depth))
            return
        name = w.new_local()
        w.line(f"{name} = {text}")
        if w.block is not self.block:
            self._unset.append(name)
        self._parts.append((name, 0))

    def last(self) -> str:
        """A variable with the child that was added last."""
        text, _ = self._parts.pop()
        name = self.writer.new_local()
        if text.startswith("*"):
            self._parts.append((text, 0))
            text = f"{text[1:]}[-1]"
        else:
            self._parts.append((name, 0))
        self.writer.line(f"{name} = {text}")
        return name

    def close(self) -> tuple[str, int]:
        """The Python expression for the children, and how deep it nests."""
        first = [f"{name} = []" for name in self._lists]
        if self._unset:
            first.append(f"{' = '.join(self._unset)} = None")
        self.block.items[self.at : self.at] = first
        if not self._parts:
            return "()", 0
        inside, depth = ", ".join(text for text, _ in self._parts), 1 + max(depth for _, depth in self._parts)
        if self.final and not (self._unset or self._lists or self.g.distances):
            return f"({inside},)", depth
        return (self._lists[0] if inside == f"*{self._lists[0]}" else f"[{inside}]") if self._lists else f"[{inside}]", depth


def node_text(g: Generator, kind: str, place: str, value: str, children: str, more: str = "") -> str:
    """The Python expression that makes a node; ``more``: see ``trace.TraceNode``."""
    return f"N({kind!r}, {place}, {value}, {children}, {g.home}{f', {more}' if more else ''})"


def place_text(g: Generator, label: str, locator: str | None) -> str:
    """Where a node stands and what it is called, as a constant of the code."""
    return g.literal(f"{locator or ''} {label}")


def traced(g: Generator, kind: str, place: str, code: Code, below: Below) -> Code:
    """The value of an expression as a variable, after its node has been given to the expression around it; ``below`` has been
    filled while the expression was written."""
    assert g.below is not None
    if g.calls == "reference":
        found, made = g.w.new_local(), g.w.new_local()
        g.w.line(f"{found}, {made} = {code.text}")
        g.below.add(made)
        return Code(found, simple=True, nonnull=code.nonnull)
    value = code if g.is_local(code.text) else g.w.store(Code(code.text, nonnull=code.nonnull))
    if g.calls:  # what the called function or defines have made
        below.add(g.w.store(Code("E.made")).text)
        below.final = False
    children, depth = below.close()
    if kind == "Property" and children != "()":  # it is remembered where the value came from, before anything reads on
        g.below.add(f"t_property(E, {place}, {value.text}, {children}, {g.home})", now=True)
    else:
        g.below.add(node_text(g, kind, place, value.text, children), depth + 1)
    return Code(value.text, simple=True, nonnull=code.nonnull)


def traced_later(g: Generator, node: Any, handler: Handler, place: str, names: tuple[str, ...]) -> Code:
    """The value of a closed expression by plain code; its node has the function that makes its children. ``names`` are those
    around it that it mentions."""
    below = g.below
    assert below is not None
    with plainly(g):
        code = g.visit(node)
    value = code if g.is_local(code.text) else g.w.store(Code(code.text, nonnull=code.nonnull))
    with _apart(g) as (inner, own):
        with g.row(False):
            g.w.store(Code(handler(g, node).text))
        if g.calls:
            own.add(g.w.store(Code("E.made")).text)
            own.final = False
    told = "".join(f", {g.literal(each)}" for each in _told(g, node))
    later = f"Later(E, {g.literal(g.info.key)}, {inner.name!r}, {g.literal(names)}, {_captured(inner)}, None{told})"
    below.add(node_text(g, type(node).__name__, place, value.text, later), 2)
    return Code(value.text, simple=True, nonnull=code.nonnull)


def rows_later(g: Generator, source: Source, where: Any, names: tuple[str, ...], write: Callable[[], None]) -> None:
    """The rows of a query over a list that are there, or not, for their condition alone, a closed one that mentions these names:
    plain code (``write`` has been called for it already), and a function that makes their nodes (``write`` again)."""
    below = g.below
    assert below is not None
    with _apart(g) as (inner, _):
        write()
    asks = g.literal(g.env.closed.asks(g, where))
    straight = g.literal(names) if len(names) > 1 else None
    given = f"{g.literal((source.alias,))}, {_captured(inner)}, None, {straight}, {asks}, {source.value}"
    below.add(f"Rows(E, {g.literal(g.info.key)}, {inner.name!r}, {given}) if {source.value} else None", 1)
    below.final = False


@contextmanager
def _apart(g: Generator) -> Iterator[tuple[FunctionWriter, Below]]:
    """Inside the ``with`` block what is written goes into a function of its own, which returns the nodes that are made there."""
    outer, below, calls = g.w, g.below, g.calls
    inner = g.w = FunctionWriter(_new_name(g), [], g.numbers, outer)
    own = g.below = Below(g)
    g.calls = ""
    yield inner, own
    inner.line(f"return {own.close()[0]}")
    g.w, g.below, g.calls = outer, below, calls
    inner.arguments = ["E", *inner.captured()]
    outer.inner.append(inner)


def _captured(inner: FunctionWriter) -> str:
    """What a function takes besides the evaluation, as the text of a tuple."""
    return f"({''.join(f'{argument}, ' for argument in inner.arguments[1:])})"


@contextmanager
def plainly(g: Generator) -> Iterator[None]:
    """Inside the ``with`` block what is written is plain code."""
    below, calls = g.below, g.calls
    g.traced, g.plainly, g.below = False, True, None
    try:
        yield
    finally:
        g.traced, g.plainly, g.below, g.calls = True, False, below, calls


def function_later(g: Generator, index: int, function: nodes.FunctionDef, arguments: list[str]) -> FunctionWriter:
    """A closed function: its plain code gives the result (``forms.closed_function``). What makes the children of its body."""
    writer = g.w = FunctionWriter(_new_name(g), ["E", *arguments], g.numbers)
    g.bind_operands(function, arguments)
    writer.line(f"return {g.traced_body(function.expression)[1]}")
    plain = g.link("plain function", g.info.key, function.name or "", index)
    names = tuple(operand.name or "" for operand in function.operand)
    g.forms[f"f{index}"] = "closed_function", plain, (names, g.info.key, writer.name, _told(g, function.expression))
    return writer


def define_later(g: Generator, name: str, statement: nodes.ExpressionDef) -> FunctionWriter:
    """A closed define: its plain code gives the value (``forms.closed_define``). What makes its children."""
    writer = g.w = FunctionWriter(_new_name(g), ["E"], g.numbers)
    g.home = writer.new_local()
    writer.arguments.append(g.home)
    writer.line(f"return {g.with_children(statement.expression)[1]}")
    plain = g.link("plain define", g.info.key, statement.name or "")
    place, home = f"{statement.locator or ''} {g.define}", (g.info.name, g.define)
    g.forms[name] = "closed_define", plain, (place, home, g.info.key, writer.name, _told(g, statement.expression))
    return writer


def _told(g: Generator, node: Any) -> tuple[Any, ...]:
    """What is told of a closed expression beforehand: the last fields of its ``trace.Later``."""
    straight, asks = g.env.closed.straight(g, node), g.env.closed.asks(g, node)
    if asks:
        return straight, asks
    return () if straight is None else (straight,)


def _new_name(g: Generator) -> str:
    """A name of the module for what makes a trace later."""
    g.later += 1
    return f"y{g.later}"

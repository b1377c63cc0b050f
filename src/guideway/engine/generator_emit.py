"""Writing Python source: expressions, blocks, functions, and where each piece came from.

A ``Code`` is a Python expression that may stand anywhere (a name, a literal, a call, or something in parentheses). A
``FunctionWriter`` collects the statements that must run before an expression can be used; blocks that may or may not run are
written apart and then put behind their ``if`` or ``for``. Python's limits are kept here and nowhere else: an expression that
nests too deeply moves to a variable, a block that is indented too far moves to a function of its own.

Marks inside the text (``\\x01 number \\x02``, stripped when the source is put together) tie a column of the source to an ELM
locator; the line map is read only when an error has to be placed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

DEEPEST_EXPRESSION = 40
LONGEST_EXPRESSION = 3_000
DEEPEST_INDENT = 24
DEEPEST_LOOP = 7

_MARK = re.compile("\x01(\\d+)\x02")
_LOCAL = re.compile(r"\bv\d+\b")


class Code:
    """A Python expression: its text, how deep its parentheses nest, whether it can be null, and whether it is a mere name."""

    __slots__ = ("constant", "depth", "nonnull", "simple", "text")

    def __init__(self, text: str, depth: int = 0, *, nonnull: bool = False, simple: bool = False, constant: bool = False) -> None:
        self.text = text
        self.depth = depth
        self.nonnull = nonnull
        self.simple = simple
        self.constant = constant
        """Whether it is a literal or a constant of the module."""

    def __repr__(self) -> str:
        return f"Code({self.text!r})"


NULL = Code("None", simple=True)
TRUE = Code("True", nonnull=True, simple=True)
FALSE = Code("False", nonnull=True, simple=True)


class Block:
    """Statements: lines, and blocks behind a header line."""

    __slots__ = ("items", "loops", "rounds")

    def __init__(self, loops: int = 0, rounds: int = 0) -> None:
        self.items: list[str | tuple[str, Block]] = []
        self.loops = loops
        self.rounds = rounds
        """In how many loops it stands that may go round more than once."""

    def __bool__(self) -> bool:
        return bool(self.items)


class FunctionWriter:
    """Writes one Python function; ``numbers`` hands out local names that are unique in the whole library."""

    def __init__(self, name: str, arguments: list[str], numbers: Iterator[int], parent: FunctionWriter | None = None) -> None:
        self.name = name
        self.arguments = arguments
        self.parent = parent
        self.block = Block()
        self.indent = 1
        self.assigned: set[str] = set()
        self.inner: list[FunctionWriter] = []
        self._numbers = numbers

    def new_local(self) -> str:
        """A fresh local name."""
        name = f"v{next(self._numbers)}"
        self.assigned.add(name)
        return name

    def line(self, text: str) -> None:
        """Add a statement to the current block."""
        self.block.items.append(text)

    def behind(self, header: str, block: Block) -> None:
        """Add a block behind ``header`` (``if x:``); an empty block becomes ``pass``."""
        if not block.items:
            block.items.append("pass")
        self.block.items.append((header, block))

    @contextmanager
    def apart(self, *, loop: bool = False, once: bool = False) -> Iterator[Block]:
        """Write into a block of its own, one level further in; it goes nowhere until ``behind`` places it. ``once``: a loop only
        for its ``break``."""
        outer = self.block
        block = Block(outer.loops + loop, outer.rounds + (loop and not once))
        self.block = block
        self.indent += 1
        try:
            yield block
        finally:
            self.block = outer
            self.indent -= 1

    def too_deep(self) -> bool:
        """Whether the next block should rather start a function of its own."""
        return self.indent >= DEEPEST_INDENT or self.block.loops >= DEEPEST_LOOP

    def store(self, code: Code) -> Code:
        """The expression as a variable of its own, unless it is one already."""
        if code.simple:
            return code
        name = self.new_local()
        self.line(f"{name} = {code.text}")
        return Code(name, nonnull=code.nonnull, simple=True)

    def settle(self, code: Code) -> Code:
        """The expression itself, or a variable that holds it where it has grown too deep or too long to nest further."""
        if code.depth > DEEPEST_EXPRESSION or len(code.text) > LONGEST_EXPRESSION:
            return self.store(code)
        return code

    def captured(self) -> list[str]:
        """The local names of enclosing functions that this one uses, in order: its arguments."""
        used: dict[str, None] = {}
        outside: set[str] = set()
        writer = self.parent
        while writer is not None:
            outside |= writer.assigned
            writer = writer.parent
        for text in _texts(self.block):
            for name in _LOCAL.findall(text):
                if name in outside:  # and not a word of some text that looks like one
                    used[name] = None
        for inner in self.inner:
            for name in inner.arguments:
                if name not in self.assigned and name != "E":
                    used[name] = None
        return sorted(used, key=lambda name: int(name[1:]))


def _texts(block: Block) -> Iterator[str]:
    pending: list[str | tuple[str, Block]] = list(reversed(block.items))
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        else:
            yield item[0]
            pending.extend(reversed(item[1].items))


LineMap = dict[int, list[tuple[int, int]]]
"""Source line → (column, number of the mark), ascending."""


class SourceWriter:
    """Puts functions together to one source text, and keeps the line map. ``given`` are operands that every function has besides
    its own, with a default."""

    def __init__(self, given: tuple[str, ...] = ()) -> None:
        self.given = given
        self.lines: list[str] = []
        self.map: LineMap = {}

    def line(self, text: str, indent: int = 0) -> None:
        """One physical line; marks are taken out and noted."""
        text = "    " * indent + text
        if "\x01" in text:
            marks: list[tuple[int, int]] = []
            removed = 0
            for found in _MARK.finditer(text):
                marks.append((found.start() - removed, int(found.group(1))))
                removed += found.end() - found.start()
            text = _MARK.sub("", text)
            self.map[len(self.lines) + 1] = marks
        self.lines.append(text)

    def block(self, block: Block, indent: int) -> None:
        """A block and all blocks in it."""
        for item in block.items:
            if isinstance(item, str):
                self.line(item, indent)
            else:
                self.line(item[0], indent)
                self.block(item[1], indent + 1)

    def function(self, writer: FunctionWriter) -> None:
        """A function, after the functions that were split off it."""
        for inner in writer.inner:
            self.function(inner)
        self.line(f"def {writer.name}({', '.join((*writer.arguments, *(f'{name}={name}' for name in self.given)))}):")
        self.block(writer.block, 1)

    def text(self) -> str:
        """The whole source."""
        return "\n".join(self.lines) + "\n"

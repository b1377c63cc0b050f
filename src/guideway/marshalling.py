"""What ``marshal`` has written, in the form that is read at the least cost.

``marshal`` numbers each object that has more than one owner when it is written, the instructions of every function among them,
and whoever reads it keeps all that is numbered until the end: of the modules of this program three quarters of a megabyte. And it
writes an object as often as there are copies of it. Here only what stands in several places is numbered, and each thing is
written once, however many copies there are; but of lists and objects, which can be altered, what was one is one again, and what
was not is not.
"""

from __future__ import annotations

import marshal

_NUMBERED = 0x80
"""The bit of a type's letter that says that later places refer to this one."""

_FIXED = dict.fromkeys(b"NTF.S", 0) | {ord("i"): 4, ord("g"): 8, ord("y"): 16}
"""Types of a known length, with it."""
_LONG, _SHORT = b"stuaA", b"zZ"
"""Texts and bytes with four bytes for their length, and with one."""
_CODE = "nnnnnoooooooonoo"
"""What a code object consists of: numbers of four bytes, and objects."""
_CHEAP, _EMPTY = frozenset({b"N", b"T", b"F", b".", b"S", b"i"}), b"\0"
"""What is no longer than a reference to it would be: some types, and what is followed by its length alone."""

_ALTERABLE, _END = b"[{", b"0"
"""What can be altered, and what stands after the last item of an object."""

Parts = tuple[bytes | int, ...]
"""A thing as it is written: its type's letter and bytes, with the number of a thing wherever there is one inside it."""


def compact(written: bytes) -> bytes:
    """The same value in other bytes, or the same bytes where these are none that are known here."""
    try:
        things, top = _Reader(written).all()
        made = _written(things, top)
        return made if marshal.loads(made) == marshal.loads(written) else written
    except (ValueError, IndexError, EOFError, TypeError, RecursionError):
        return written


class _Reader:
    """Takes bytes apart: each thing once, whatever equals it."""

    def __init__(self, written: bytes) -> None:
        self.written = written
        self.place = 0
        self.numbered: list[int | None] = []
        """What references mean, in the order of the bytes; None while a thing is being read."""
        self.things: list[Parts] = []
        self.known: dict[Parts, int] = {}
        """Those of them that cannot be altered."""

    def all(self) -> tuple[list[Parts], int]:
        """All things, and which of them is the value; ValueError where not all of the bytes are known."""
        top = self._thing()
        if self.place != len(self.written):
            raise ValueError(self.place)
        return self.things, top

    def _thing(self) -> int:
        letter = self.written[self.place] & ~_NUMBERED
        if letter == ord("r"):
            known = self.numbered[int.from_bytes(self._bytes(5)[1:], "little")]
            if known is None:
                raise ValueError("something that holds itself")
            return known
        number, is_numbered = len(self.numbered), letter != self.written[self.place]
        if is_numbered:
            self.numbered.append(None)
        self.place += 1
        parts = (bytes([letter]), *self._rest(letter))
        found = len(self.things) if letter in _ALTERABLE else self.known.setdefault(parts, len(self.things))
        if found == len(self.things):
            self.things.append(parts)
        if is_numbered:
            self.numbered[number] = found
        return found

    def _rest(self, letter: int) -> Parts:
        if letter in _FIXED:
            return (self._bytes(_FIXED[letter]),)
        if letter in _SHORT:
            return (self._bytes(1 + self.written[self.place]),)
        if letter in _LONG:
            return (self._bytes(4 + self._number()),)
        if letter == ord("l"):
            return (self._bytes(4 + 2 * abs(self._number())),)
        if letter == ord("c"):
            return tuple([self._bytes(4) if part == "n" else self._thing() for part in _CODE])
        if letter == ord("{"):
            items = []
            while self.written[self.place] != ord(_END):
                items.append(self._thing())
            return (*items, self._bytes(1))
        if letter not in b")(>[":
            raise ValueError(letter)
        length = self._bytes(1 if letter == ord(")") else 4)
        return (length, *[self._thing() for _ in range(int.from_bytes(length, "little"))])

    def _number(self) -> int:
        return int.from_bytes(self.written[self.place : self.place + 4], "little", signed=True)

    def _bytes(self, length: int) -> bytes:
        self.place += length
        return self.written[self.place - length : self.place]


def _written(things: list[Parts], top: int) -> bytes:
    uses = [0] * len(things)
    for parts in things:
        for part in parts:
            if isinstance(part, int):
                uses[part] += 1
    made = bytearray()
    numbers: dict[int, int] = {}

    def write(number: int) -> None:
        if number in numbers:
            made.extend(b"r" + numbers[number].to_bytes(4, "little"))
            return
        parts, start = things[number], len(made)
        again = uses[number] > 1 and parts[0] not in _CHEAP and parts[1:] != (_EMPTY,)
        if again:
            numbers[number] = len(numbers)
        for part in parts:
            if isinstance(part, bytes):
                made.extend(part)
            else:
                write(part)
        if again:
            made[start] |= _NUMBERED

    write(top)
    return bytes(made)

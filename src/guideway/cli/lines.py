"""Styled lines of text: what the views are made of before anybody knows whether a terminal, a file or a browser shows them.

A line is a list of (text, style) pieces, already wrapped to the width. ``plain`` joins them; ``coloured`` hands them to rich,
which is imported there and nowhere else. Both show the same characters in the same places.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from guideway.patterns import Later

PLAIN_WIDTH = 80


class Piece(msgspec.Struct, frozen=True):
    """Some text and what it is (a name of ``STYLES``)."""

    text: str
    style: str = ""


Line = list[Piece]

STYLES: dict[str, str] = {
    "": "",
    "banner": "bold black on yellow",
    "heading": "bold underline",
    "title": "bold",
    "dim": "dim",
    "label": "cyan",
    "value": "bold",
    "applies": "bold green",
    "unknown": "bold yellow",
    "suppressed": "bold magenta",
    "already-satisfied": "bold blue",
    "error": "bold red",
    "does-not-apply": "dim",
    "warning": "yellow",
}
"""Style name → rich style."""

_CONTROL = Later(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """Text from data, safe to show: control characters (terminal escapes, direction overrides) become visible question marks."""
    if text.isprintable():
        return text
    return _CONTROL.sub("?", text.replace("\t", " ").replace("\r\n", "\n"))


def wrap(
    text: str, width: int, *, first: str = "", rest: str = "", style: str = "", first_style: str = "label"
) -> Iterator[Line]:
    """``text`` in lines of at most ``width`` columns; the first begins with ``first``, the others with ``rest``.

    Words longer than a line are cut; line breaks in the text are kept.
    """
    start: Piece = Piece(first, first_style)
    room = max(20, width - len(first))
    for paragraph in clean(text).split("\n"):
        for row in _rows(paragraph, room, max(20, width - len(rest))):
            yield [start, Piece(row, style)] if start.text else [Piece(row, style)]
            start, room = Piece(rest), max(20, width - len(rest))


def _rows(paragraph: str, room: int, later: int) -> Iterator[str]:
    """The words in rows: the first as wide as ``room``, the others as ``later``."""
    words = paragraph.split()
    if len(paragraph) <= room:
        yield " ".join(words)
        return
    row = ""
    for word in words:
        while len(word) > room:
            if row:
                yield row
                row, room = "", later
                continue
            yield word[:room]
            word, room = word[room:], later
        if row and len(row) + 1 + len(word) > room:
            yield row
            row, room = word, later
        else:
            row = f"{row} {word}" if row else word
    yield row


def plain(lines: Iterable[Line]) -> str:
    """The lines as text without styles."""
    return "".join("".join(piece.text for piece in line).rstrip() + "\n" for line in lines)


def coloured(lines: Iterable[Line], width: int) -> str:
    """The lines with terminal colours."""
    import io

    from rich.console import Console

    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=width, highlight=False, legacy_windows=False)
    _print(console, lines)
    return stream.getvalue()


def _print(console: object, lines: Iterable[Line]) -> None:
    from rich.console import Console
    from rich.text import Text

    assert isinstance(console, Console)
    for line in lines:
        console.print(Text.assemble(*((piece.text, STYLES[piece.style]) for piece in line)), soft_wrap=True)


def terminal_width() -> int:
    """The columns to use on this terminal: not more than a comfortable reading width."""
    import shutil

    return min(max(shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns, 50), 110)

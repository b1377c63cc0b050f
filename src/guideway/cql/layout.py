"""Lays out a document of text and possible line breaks within a width (after Oppen and Wadler).

A document is a string, a list of documents, or one of the classes below. ``render`` breaks a ``Group`` only if it does not fit on
the line, outermost groups first. Neither building nor rendering recurses along the depth of a document, so chains may be long.
"""

from __future__ import annotations

from typing import Union

Doc = Union[str, "list[Doc]", "Group", "Indent", "Break", "Note"]


class Group:
    """Its breaks are either all spaces or all line breaks; ``broken`` forces the latter."""

    __slots__ = ("broken", "doc")

    def __init__(self, doc: Doc, broken: bool = False) -> None:
        self.doc = doc
        self.broken = broken


class Indent:
    """Lines begun inside stand one step (two spaces) further in."""

    __slots__ = ("doc",)

    def __init__(self, doc: Doc) -> None:
        self.doc = doc


class Break:
    """``flat`` where the group is on one line, else a line break."""

    __slots__ = ("flat",)

    def __init__(self, flat: str) -> None:
        self.flat = flat


class Note:
    """A comment. ``place`` is ``inline`` (on a line with what follows), ``trailing`` (ends its line) or ``own`` (has its own)."""

    __slots__ = ("column", "place", "text")

    def __init__(self, text: str, place: str, column: int) -> None:
        self.text = text
        self.place = place
        self.column = column


LINE = Break(" ")
SOFT = Break("")


def _fits(room: int, doc: Doc, rest: list[tuple[int, bool, Doc]]) -> bool:
    """Whether ``doc`` on one line, and what follows it up to the next possible break, needs no more than ``room``."""
    pending: list[tuple[bool, Doc]] = [(True, doc)]
    following = len(rest)
    while room >= 0:
        if pending:
            flat, item = pending.pop()
        else:
            if not following:
                return True
            following -= 1
            _, broken, item = rest[following]
            flat = not broken
        if isinstance(item, str):
            room -= len(item)
        elif isinstance(item, list):
            pending.extend((flat, part) for part in reversed(item))
        elif isinstance(item, Break):
            if not flat:
                return True
            room -= len(item.flat)
        elif isinstance(item, Indent):
            pending.append((flat, item.doc))
        elif isinstance(item, Note):
            if item.place != "inline" or "\n" in item.text:
                return not flat
            room -= len(item.text) + 1
        else:
            if item.broken and flat:
                return False
            pending.append((flat and not item.broken, item.doc))
    return False


def _shifted(note: Note, column: int) -> str:
    """The comment with its further lines moved as its first line was."""
    lines = note.text.split("\n")
    if len(lines) == 1:
        return note.text
    shift = column - note.column
    moved = [lines[0].rstrip()]
    for line in lines[1:]:
        body = line.lstrip(" ")
        indent = len(line) - len(body)
        moved.append((" " * max(0, indent + shift) + body).rstrip())
    return "\n".join(moved)


def render(doc: Doc, width: int, indent: int = 0) -> str:
    """The text of ``doc``, its first line at column ``indent`` and without that indentation."""
    out: list[str] = []
    column = indent
    fresh = True  # nothing but indentation on this line
    ended = False  # a comment has ended this line
    pending: list[tuple[int, bool, Doc]] = [(indent, True, doc)]
    while pending:
        level, broken, item = pending.pop()
        if isinstance(item, list):
            pending.extend((level, broken, part) for part in reversed(item))
        elif isinstance(item, Indent):
            pending.append((level + 2, broken, item.doc))
        elif isinstance(item, Group):
            flat = not item.broken and not ended and _fits(width - column, item.doc, pending)
            pending.append((level, not flat, item.doc))
        elif isinstance(item, Break):
            if broken or ended:
                _new_line(out, level, fresh)
                column, fresh, ended = level, True, False
            elif not fresh:
                out.append(item.flat)
                column += len(item.flat)
        elif isinstance(item, Note):
            if ended or item.place == "own":
                _new_line(out, level, fresh)
                column, fresh, ended = level, True, False
            if item.place == "trailing" and not fresh:
                _strip(out)
                out.append("  ")
                column += 2
            text = _shifted(item, column)
            out.append(text)
            column = _column(column, text)
            fresh = False
            if item.place == "inline":
                out.append(" ")
                column += 1
            else:
                ended = True
        elif item:
            if ended:
                _new_line(out, level, fresh)
                column, fresh, ended = level, True, False
            text = item.lstrip(" ") if fresh else item
            if text:
                out.append(text)
                column = _column(column, text)
                fresh = False
    _strip(out)
    return "".join(out)


def _column(column: int, text: str) -> int:
    """The column behind ``text`` that began at ``column``."""
    last = text.rfind("\n")
    return column + len(text) if last < 0 else len(text) - last - 1


def _new_line(out: list[str], level: int, fresh: bool) -> None:
    """Begins a line at ``level``; a line that has nothing but indentation is begun anew."""
    if fresh:
        if out and out[-1].startswith("\n"):
            out[-1] = "\n" + " " * level
        return
    _strip(out)
    out.append("\n" + " " * level)


def _strip(out: list[str]) -> None:
    """Takes spaces off the end of the current line."""
    while out:
        last = out[-1].rstrip(" ")
        if last or not out[-1]:
            out[-1] = last
            if last:
                return
        out.pop()

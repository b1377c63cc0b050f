"""A CQL text with its file name and line table: turns offsets into lines, columns, ELM locators and marked diagnostics."""

from __future__ import annotations

from bisect import bisect_right

from guideway.diagnostics import Diagnostic, Position, Severity


def readable(text: str) -> str:
    """The text with halves of surrogate pairs, which no file can hold and no output can show, made whole or replaced."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


class SourceText:
    """A text with its file name and line table."""

    __slots__ = ("_lines", "file", "text")

    def __init__(self, text: str, file: str | None = None) -> None:
        self.text = readable(text)
        self.file = file
        self._lines: list[int] | None = None

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset; both count from 1."""
        lines = self._lines
        if lines is None:
            lines = [0]
            find = self.text.find
            at = find("\n")
            while at >= 0:
                lines.append(at + 1)
                at = find("\n", at + 1)
            self._lines = lines
        line = bisect_right(lines, offset)
        return line, offset - lines[line - 1] + 1

    def position(self, start: int, end: int) -> Position:
        """The range from ``start`` up to ``end``."""
        return Position(*self.place(start), *self.place(max(start, end)))

    def locator(self, start: int, end: int) -> str:
        """The range as ELM writes it, ``12:3-12:20``: both ends inclusive."""
        line, column = self.place(start)
        end_line, end_column = self.place(max(start, end - 1))
        return f"{line}:{column}-{end_line}:{end_column}"

    def diagnostic(
        self,
        rule: str,
        message: str,
        start: int,
        end: int,
        *,
        severity: Severity = Severity.error,
        hint: str | None = None,
        link: str | None = None,
    ) -> Diagnostic:
        """A finding about the range, with the marked line."""
        position = self.position(start, end)
        first = start - position.column + 1
        last = self.text.find("\n", first)
        line = self.text[first:] if last < 0 else self.text[first:last]
        end_line = position.end_line - position.line + 1
        excerpt = mark(line, Position(1, position.column, end_line, position.end_column)) or None
        return Diagnostic(rule, severity, message, self.file, position, None, hint, link, excerpt)


def mark(source: str, position: Position, width: int = 120) -> str:
    """The source line at ``position`` with carets under the marked range.

    >>> print(mark("define A: 1 + x", Position(1, 15, 1, 16)))
      define A: 1 + x
                    ^
    """
    lines = source.split("\n")
    if not 1 <= position.line <= len(lines):
        return ""
    line = lines[position.line - 1].rstrip("\r")
    start = position.column - 1
    end = position.end_column - 1 if position.end_line == position.line else len(line)
    shift = 0
    if len(line) > width:
        shift = max(0, min(start - width // 2, len(line) - width))
        line = line[shift : shift + width]
    visible = line.replace("\t", " ")
    start, end = start - shift, min(end - shift, len(line))
    return f"  {visible}\n  {' ' * start}{'^' * max(1, end - start)}"

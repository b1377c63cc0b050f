"""The one finding type, and the one family of errors.

The CQL translator, the artifact checker, the validator, the test runner and the reader of patient data all report
``Diagnostic`` values: what rule was broken, where (file with line and column, or a JSON pointer), and what to do. They print as
one line for people (``file:line:col rule message``, with the marked source where there is one), as JSON, and as SARIF 2.1.0
(``sarif``).

A user's mistake that stops a command is a ``GuidewayError``: commands print its message and exit with status 2, no traceback.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from typing import ClassVar, Self


class Severity(str):
    """How bad it is, in the words of FHIR's issue-severity: one of three. (An enum would have to be imported by every start.)"""

    __slots__ = ()
    if TYPE_CHECKING:
        error: ClassVar[Severity]
        warning: ClassVar[Severity]
        information: ClassVar[Severity]

    def __new__(cls, word: str) -> Self:
        """The one of that word; ValueError where there is none."""
        found = _SEVERITIES.get(word)
        if found is None:
            raise ValueError(f"not a severity: {word!r}")
        return found  # type: ignore[return-value]

    @property
    def value(self) -> str:
        """The word."""
        return str(self)

    name = value


_SEVERITIES = {word: str.__new__(Severity, word) for word in ("error", "warning", "information")}
for _word, _severity in _SEVERITIES.items():
    setattr(Severity, _word, _severity)


class Position(msgspec.Struct, frozen=True, order=True):
    """A range of source text: lines and columns count from 1; the end column is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


NOWHERE = Position(0, 0, 0, 0)
"""Before every range: where what has none is put in order."""


class Diagnostic(msgspec.Struct, frozen=True):
    """One finding.

    ``rule`` is a stable kebab-case id (``cql-unknown-identifier``); ``pointer`` is an RFC 6901 JSON pointer, or a FHIR element
    path, inside ``file``; ``excerpt`` is the source line with the marked range below it.
    """

    rule: str
    severity: Severity
    message: str
    file: str | None = None
    position: Position | None = None
    pointer: str | None = None
    hint: str | None = None
    link: str | None = None
    excerpt: str | None = None

    def as_text(self) -> str:
        """``file:line:col severity rule message``, then the excerpt and the hint on lines of their own."""
        place = self.file or ""
        if self.position is not None:
            place += f":{self.position}"
        elif self.pointer:
            place += f"#{self.pointer}"
        lines = [f"{place + ' ' if place else ''}{self.severity.value} {self.rule}: {self.message}"]
        if self.excerpt:
            lines.append(self.excerpt)
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """The finding as a JSON object; absent parts are left out."""
        result: dict[str, Any] = {"rule": self.rule, "severity": self.severity.value, "message": self.message}
        if self.file is not None:
            result["file"] = self.file
        if self.position is not None:
            at = self.position
            result["position"] = {"line": at.line, "column": at.column, "endLine": at.end_line, "endColumn": at.end_column}
        for name in ("pointer", "hint", "link"):
            value = getattr(self, name)
            if value is not None:
                result[name] = value
        return result


class GuidewayError(Exception):
    """A mistake in what the user gave; the message says which file, where in it, what is wrong and what to do."""

    def __init__(self, message: str, diagnostics: Sequence[Diagnostic] = ()) -> None:
        super().__init__(message)
        self.diagnostics = tuple(diagnostics)

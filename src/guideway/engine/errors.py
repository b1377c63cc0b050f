"""Errors that an evaluation raises: what went wrong, and where in which library (CQL 1.5, "Errors and Messaging")."""

from __future__ import annotations

from guideway.diagnostics import GuidewayError


class CqlRuntimeError(GuidewayError):
    """A run-time error of an expression.

    Operators know only the message; the generated code adds ``library``, ``define`` and ``locator`` ("12:3-12:20") by
    :meth:`at` as the error passes through.
    """

    def __init__(
        self, message: str, *, library: str | None = None, define: str | None = None, locator: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.library = library
        self.define = define
        self.locator = locator

    def at(self, library: str | None, define: str | None, locator: str | None) -> CqlRuntimeError:
        """This error with its place filled in; a place already known (the innermost) stays."""
        if self.library is None and self.define is None:
            self.library, self.define = library, define
        if self.locator is None:
            self.locator = locator
        return self

    def __str__(self) -> str:
        if self.library is None and self.define is None:
            return self.message
        where = ".".join(part if part.isidentifier() else f'"{part}"' for part in (self.library, self.define) if part)
        return f"{where}{f' ({self.locator})' if self.locator else ''}: {self.message}"


class OutOfTimeError(CqlRuntimeError):
    """The result of date arithmetic is before the first or after the last year."""

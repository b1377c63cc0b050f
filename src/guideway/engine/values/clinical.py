"""Codes, concepts, and references to value sets and code systems (CQL 1.5 §2.3.3, "Clinical Types")."""

from __future__ import annotations

from msgspec import Struct


class Code(Struct, frozen=True):
    """A code of a code system; ``system`` is the system's canonical URL."""

    code: str | None
    system: str | None = None
    version: str | None = None
    display: str | None = None


class Concept(Struct, frozen=True):
    """Codes that say the same thing."""

    codes: list[Code]
    display: str | None = None


class ValueSetRef(Struct, frozen=True):
    """A value set by its canonical URL and, where pinned, its version."""

    id: str | None
    version: str | None = None
    name: str | None = None


class CodeSystemRef(Struct, frozen=True):
    """A code system by its canonical URL and, where pinned, its version."""

    id: str | None
    version: str | None = None
    name: str | None = None

"""Likely mistakes in a library that is otherwise right."""

from __future__ import annotations

from guideway.cql import syntax
from guideway.cql.translation import Translation


def check(t: Translation, tree: syntax.Library) -> None:
    """Look through a whole library."""

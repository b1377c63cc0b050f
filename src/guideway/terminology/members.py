"""What value sets are made of, and what is raised where that cannot be told: all that a run needs whose value sets are expanded
already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from guideway.diagnostics import GuidewayError

Json = Mapping[str, Any]


class UnresolvedValueSet(GuidewayError):
    """The codes of a value set cannot be told; membership in it is neither true nor false."""


class Member(msgspec.Struct, frozen=True):
    """One code of a value set."""

    system: str
    code: str
    display: str | None = None
    version: str | None = None
    inactive: bool = False

"""Writing the archive of modules (see ``archive``): what a warm run of the command imports, compiled."""

from __future__ import annotations

import marshal
import sys
from types import ModuleType

from guideway.cache import Cache
from guideway.cli.archive import KIND, Archive, Row, packed

COLD = (
    "guideway.cql.",
    "guideway.elm.",
    "guideway.engine.compiler",
    "guideway.engine.generator",
    "guideway.guideline.compiling",
    "guideway.guideline.companions",
    "guideway.guideline.date_filters",
    "guideway.guideline.requirements",
)
"""Modules that only a cold run needs, to compile the guideline: they would make every warm run read more."""


def save(archive: Archive) -> bool:
    """Keep what has been imported since the archive was read; true where something new was written."""
    rows = dict(archive.rows)
    for name, module in sorted(sys.modules.items()):
        if name not in rows and name.startswith("guideway.") and not name.startswith(COLD):
            row = _row(name, module)
            if row is not None:
                rows[name] = row
    return len(rows) > len(archive.rows) and Cache(archive.folder).write(KIND, archive.key, packed(rows))


def _row(name: str, module: ModuleType) -> Row | None:
    """What to keep of a module that was imported from its source file."""
    spec = getattr(module, "__spec__", None)
    get_code = getattr(getattr(spec, "loader", None), "get_code", None)
    if spec is None or get_code is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    code = get_code(name)
    return (spec.origin, spec.submodule_search_locations is not None, marshal.dumps(code)) if code is not None else None

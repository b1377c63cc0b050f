"""The program's own modules in one cached file, so that a warm start reads one file instead of a hundred.

Python keeps compiled modules in ``__pycache__`` where it may; where it may not (a read-only installation, or
``PYTHONDONTWRITEBYTECODE``) it compiles every module at every start, which costs more than a whole warm run. This keeps the
compiled modules that a command needs in the compile cache, keyed by the state of the program's files, and serves them to
``import``. Without a usable entry everything is imported as usual, and the entry is written when the command has succeeded.

It holds code of the package ``guideway`` alone. ``GUIDEWAY_CACHE=off`` turns it off.
"""

from __future__ import annotations

import marshal
import sys
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

from guideway.cache import Cache, digest, user_cache

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
else:
    ModuleSpec = type(sys.__spec__)

KIND = "program"
_PACKAGE = "guideway"

Row = tuple[str, bool, bytes]
"""File, whether it is a package, and the marshalled code."""


class Archive:
    """A finder and loader (``importlib`` protocols) for the modules in one blob."""

    def __init__(self, cache: Cache, key: str, rows: dict[str, Row]) -> None:
        self.cache = cache
        self.key = key
        self.rows = rows

    # -- the protocol of finders and loaders

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        row = self.rows.get(name)
        if row is None:
            return None
        file, is_package, _ = row
        spec = ModuleSpec(name, self, origin=file, is_package=is_package)  # type: ignore[arg-type]
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [file.rpartition("/")[0] if "/" in file else file.rpartition("\\")[0]]
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(self.get_code(module.__name__), module.__dict__)

    def get_code(self, name: str) -> CodeType:
        code = marshal.loads(self.rows[name][2])
        assert isinstance(code, CodeType)
        return code

    def get_source(self, name: str) -> str | None:
        """For tracebacks and debuggers."""
        try:
            with open(self.rows[name][0], encoding="utf-8") as stream:
                return stream.read()
        except OSError:
            return None

    def get_filename(self, name: str) -> str:
        return self.rows[name][0]

    def is_package(self, name: str) -> bool:
        return self.rows[name][1]

    def get_resource_reader(self, name: str) -> Any:
        """Data files lie beside the modules, as ever."""
        from importlib.readers import FileReader

        class _Place:
            path = self.rows[name][0]

        return FileReader(_Place())  # type: ignore[arg-type]

    # -- keeping it

    def save(self) -> bool:
        """Keep what has been imported since; true where something new was written."""
        rows = dict(self.rows)
        for name, module in sorted(sys.modules.items()):
            if name in rows or not name.startswith(_PACKAGE + "."):
                continue
            row = _row(name, module)
            if row is not None:
                rows[name] = row
        return len(rows) > len(self.rows) and self.cache.write(KIND, self.key, marshal.dumps(rows))


def install(command: str, cache: Cache | None = None) -> Archive | None:
    """Serve the modules kept for ``command`` to ``import``; ``None`` where caching is off."""
    kept = user_cache() if cache is None else cache
    if kept.folder is None:
        return None
    try:
        key = digest(KIND, command)
    except OSError:
        return None
    archive = Archive(kept, key, _rows(kept.read(KIND, key)))
    if archive.rows:
        sys.meta_path.insert(0, archive)
    return archive


def _rows(blob: bytes | None) -> dict[str, Row]:
    try:
        rows = marshal.loads(blob) if blob is not None else {}
    except (EOFError, ValueError, TypeError):
        return {}
    return rows if isinstance(rows, dict) else {}


def _row(name: str, module: ModuleType) -> Row | None:
    """What to keep of a module that was imported from its source file."""
    spec = getattr(module, "__spec__", None)
    get_code = getattr(getattr(spec, "loader", None), "get_code", None)
    if spec is None or get_code is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    code = get_code(name)
    return (spec.origin, spec.submodule_search_locations is not None, marshal.dumps(code)) if code is not None else None

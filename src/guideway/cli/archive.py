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

from guideway.stamps import default_folder, digest, entry_path, read_entry

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
else:
    ModuleSpec = type(sys.__spec__)

KIND = "program"

Row = tuple[str, bool, bytes | memoryview]
"""File, whether it is a package, and the marshalled code."""

_LENGTH = 4


class Archive:
    """A finder and loader (``importlib`` protocols) for the modules in one blob."""

    def __init__(self, folder: str, key: str, rows: dict[str, Row]) -> None:
        self.folder = folder
        self.key = key
        self.rows = rows

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        row = self.rows.get(name)
        if row is None:
            return None
        file, is_package, _ = row
        spec = ModuleSpec(name, self, origin=file, is_package=is_package)  # type: ignore[arg-type]
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [file[: -len("/__init__.py")]]
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(self.get_code(module.__name__), module.__dict__)

    def get_code(self, name: str) -> CodeType:
        code: CodeType = marshal.loads(self.rows[name][2])
        return code

    def save(self) -> bool:
        """Keep what has been imported since; true where something new was written."""
        from guideway.cli.archive_writing import save

        return save(self)


def packed(rows: dict[str, Row]) -> bytes:
    """The rows as bytes: a table of contents, then the code of each module."""
    table: dict[str, tuple[str, bool, int, int]] = {}
    start = 0
    for name, (file, is_package, code) in rows.items():
        table[name] = (file, is_package, start, start + len(code))
        start += len(code)
    head = marshal.dumps(table)
    return b"".join([len(head).to_bytes(_LENGTH, "little"), head, *(code for _, _, code in rows.values())])


def unpacked(blob: memoryview) -> dict[str, Row]:
    """The rows of ``packed``; the code of a module that is not imported is never copied."""
    start = _LENGTH + int.from_bytes(blob[:_LENGTH], "little")
    table = marshal.loads(blob[_LENGTH:start])
    codes = blob[start:]
    return {name: (file, is_package, codes[first:end]) for name, (file, is_package, first, end) in table.items()}


def install(command: str) -> Archive | None:
    """Serve the modules kept for ``command`` to ``import``; ``None`` where caching is off."""
    folder = default_folder()
    if folder is None:
        return None
    rows: dict[str, Row] = {}
    try:
        key = digest(KIND, command)
    except OSError:
        return None
    try:
        blob, _ = read_entry(entry_path(folder, KIND, key))
        rows = unpacked(blob) if blob is not None else {}
    except (OSError, EOFError, ValueError, TypeError, AttributeError):
        rows = {}
    archive = Archive(folder, key, rows)
    if rows:
        sys.meta_path.insert(0, archive)
    return archive

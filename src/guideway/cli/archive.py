"""The program's own modules in one cached file, so that a warm start reads one file instead of a hundred.

Python keeps compiled modules in ``__pycache__`` where it may; where it may not (a read-only installation, or
``PYTHONDONTWRITEBYTECODE``) it compiles every module at every start, which costs more than a whole warm run. And where it may, a
hundred modules are a hundred files to look for and a hundred times the same names to make. This keeps the compiled modules that a
command needs in the compile cache, keyed by the state of the program's files: those that it usually needs as one piece, run at
once in the order in which they need each other, and any others each by itself, for ``import`` to find. Without a usable entry
everything is imported as usual, and the entry is written when the command has succeeded (``archive_writing``).

It holds code of the package ``guideway``, and of the modules of Python's standard library and of msgspec that the command usually
needs: each with the size and time of its source, as Python's own compiled files have them, and used only where all of these are
still so.
``GUIDEWAY_CACHE=off`` turns it off.
"""

import marshal
import os
import sys

from guideway.places import default_folder
from guideway.stamps import digest, entry_path, read_entry

TYPE_CHECKING = False  # importing typing for its own costs as much as all the rest here
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Any
else:
    ModuleSpec = type(sys.__spec__)
    ModuleType = type(sys)

KIND = "program"
LENGTH = 4
LIBRARY = os.path.dirname(os.__file__)
"""The folder of the standard library."""


class Archive:
    """A finder and loader (``importlib`` protocols) for the modules in one blob."""

    usual: tuple[str, ...] = ()
    """The modules that are run at once, in the order in which they are."""

    def __init__(self, folder: str, key: str, blob: memoryview | None = None) -> None:
        """Raises one of EOFError, ValueError, TypeError and AttributeError where the blob is none that ``packed`` made, also
        where a module of the standard library is not what it was."""
        self.folder = folder
        self.key = key
        self.table: dict[str, tuple[str, bool, int, int]] = {}
        """Of each module its file, whether it is a package, and where its code is (one of the usual ones has none of its own)."""
        self.missed = False
        """Whether a module of the program was asked for that is not here."""
        self.library: dict[str, tuple[int, int]] = {}
        """The modules of others here, each with size and time of its source."""
        self.around: Any = None
        """What modules of the program are run in (``sparing.Spare``)."""
        self.before = frozenset(sys.modules)
        """What was imported before anything was asked for here."""
        if blob is None:
            return
        start = LENGTH + int.from_bytes(blob[:LENGTH], "little")
        self.table, self.usual, length, self.library = marshal.loads(blob[LENGTH:start])
        for name, stamp in self.library.items():
            if source_stamp(self.table[name][0]) != stamp:
                raise ValueError("the standard library has changed")
        self._together = blob[start : start + length]
        self._codes = blob[start + length :]

    def find_spec(self, name: str, path: "Any" = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name[:9] == "guideway.":
            if name in self.table:
                return self._spec(name)
            self.missed = True
        elif name in self.library:
            return self._spec(name)
        return None

    def _spec(self, name: str) -> ModuleSpec:
        file, is_package, _, _ = self.table[name]
        spec = ModuleSpec(name, self, origin=file, is_package=is_package)  # type: ignore[arg-type]
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [file[: -len("/__init__.py")]]
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        code = self.get_code(module.__name__)
        if self.around is None or module.__name__ in self.library:
            exec(code, module.__dict__)
            return
        with self.around:
            exec(code, module.__dict__)

    def get_code(self, name: str) -> "CodeType":
        _, _, start, end = self.table[name]
        code: CodeType
        if start == end:
            code = marshal.loads(self._together)[self.usual.index(name)]
        else:
            code = marshal.loads(self._codes[start:end])
        return code

    def codes(self) -> "dict[str, CodeType]":
        """The code of every module here."""
        usual = dict(zip(self.usual, marshal.loads(self._together), strict=True)) if self.usual else {}
        return {name: usual[name] if name in usual else self.get_code(name) for name in self.table}

    def run_usual(self) -> None:
        """Import the usual modules: what ``import`` does for each, without asking for each."""
        if not self.usual:
            return
        modules = sys.modules
        made = {name: self._module(name) for name in self.usual if name not in modules}
        modules.update(made)
        if self.around is not None:
            self.around.__enter__()
        self._ran = marshal.loads(self._together)  # kept: taking apart what has been run takes time
        try:
            for name, code in zip(self.usual, self._ran, strict=True):
                module = made.get(name)
                if module is not None:
                    exec(code, module.__dict__)
                    parent, _, own = name.rpartition(".")
                    setattr(modules[parent], own, module)
                    del made[name]
        finally:
            if self.around is not None:
                self.around.__exit__()
            for name in made:
                del modules[name]

    def _module(self, name: str) -> ModuleType:
        """The module before it is run, with what ``import`` says about it."""
        module = ModuleType(name)
        spec = self._spec(name)
        names = module.__dict__
        names["__spec__"], names["__loader__"], names["__file__"] = spec, self, spec.origin
        names["__package__"] = spec.parent
        if spec.submodule_search_locations is not None:
            names["__path__"] = spec.submodule_search_locations
        return module

    def save(self) -> bool:
        """Keep what has been imported and is not here; true where something new was written."""
        if not self.missed:
            return False
        present = tuple(sys.modules)
        from guideway.cli.archive_writing import save

        return save(self, present)


def source_stamp(file: str) -> tuple[int, int] | None:
    """Size and time of a module's source; ``None`` where there is none."""
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def install(command: str) -> Archive | None:
    """Serve the modules kept for ``command`` to ``import``; ``None`` where caching is off."""
    folder = default_folder()
    if folder is None:
        return None
    try:
        key = digest(KIND, command, sys.version, LIBRARY)
    except OSError:
        return None
    try:
        archive = Archive(folder, key, read_entry(entry_path(folder, KIND, key))[0])
    except (OSError, EOFError, ValueError, TypeError, AttributeError):
        archive = Archive(folder, key)
    sys.meta_path.insert(0, archive)
    return archive

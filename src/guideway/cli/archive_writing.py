"""Writing the archive of modules (see ``archive``): what a warm run of the command imports, compiled.

What is kept of a module is what running it needs: neither the texts that say what things are for, nor the types of a function's
parameters, nor what is there for the type checker. The lines are the same, so that a fault is reported where it is.
"""

from __future__ import annotations
import __future__

import ast
import marshal
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.machinery import SourceFileLoader
from types import CodeType, ModuleType
from typing import Any, cast

from guideway.cache import Cache
from guideway.cli.archive import KIND, LENGTH, LIBRARY, Archive, source_stamp
from guideway.marshalling import compact
from guideway.places import FIRST, first_key

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
"""Modules that only a cold run needs, to compile the guideline: a run with one of them does not show what a warm one needs."""

BEFORE = ("guideway.cli", "guideway.cli.archive", "guideway.places", "guideway.stamps")
"""What is imported before there is an archive."""

ALONE = ("guideway.cache", "guideway.cli.archive_writing", "guideway.cli.sparing", "guideway.cli.warm", "guideway.marshalling")
"""What writing needs, and what is imported before the usual modules are: not among these, but served."""

SELDOM = tuple(f"guideway.ucum.{name}" for name in ("advice", "conversion", "grammar", "units"))
"""Where one record has several units for one thing, these are needed, and much of the standard library with them; the run that
shows what is usual may have such a record, and most others have not. They are served, not run with the usual ones."""

FAR = ("guideway.remote.", "guideway.service.", "guideway.cli.fhir_server", "guideway.cli.hooks", "guideway.cli.serve")
"""What talks to other machines, with the clients that it needs: the run that shows what is usual may do so, and most do not."""


def save(archive: Archive, imported: Sequence[str]) -> bool:
    """Keep what has been imported and is not in the archive; true where something was written. The first run with a compiled
    guideline shows which modules are usual."""
    present = [name for name in imported if name.startswith("guideway.") and name not in BEFORE]
    if any(name.startswith(COLD) for name in present):
        return False
    trees = {name: tree for name in present if name not in archive.table and (tree := _tree(sys.modules[name])) is not None}
    if not trees:
        return False
    if sys.dont_write_bytecode:
        save_first(archive.folder)
    files = {name: (file, is_package) for name, (file, is_package, _, _) in archive.table.items()}
    codes = archive.codes()
    usual, library = archive.usual, archive.library
    if not usual:
        usual = tuple(name for name in in_order(trees) if name not in (*ALONE, *SELDOM) and not name.startswith(FAR))
        for name in imported:
            spec = _of_library(name) if name not in archive.before else None
            stamp = source_stamp(spec.origin) if spec is not None else None
            if spec is not None and stamp is not None:
                library[name] = stamp
                files[name] = (spec.origin, spec.submodule_search_locations is not None)
                codes[name] = spec.loader.get_code(name)
    for name, tree in trees.items():
        spec = cast(Any, sys.modules[name].__spec__)
        files[name] = (spec.origin, spec.submodule_search_locations is not None)
        codes[name] = compiled(tree, spec.origin)
    return Cache(archive.folder).write(KIND, archive.key, packed(files, codes, usual, library))


FIRST_MODULES = ("guideway.stamps", "guideway.cli.archive")
"""What is imported before there is an archive, and long enough to be kept compiled where Python does not."""


def save_first(folder: str) -> bool:
    """Keep the first modules for ``places.first_modules``; true where they were not there and have been written."""
    cache = Cache(folder)
    kept = []
    for name in FIRST_MODULES:
        module = sys.modules[name]
        file = module.__file__
        stamp = source_stamp(file) if file is not None else None
        if file is None or stamp is None:
            return False
        with open(file, "rb") as stream:
            code = compiled(lean(stream.read().decode()), file)
        kept.append((name, file, *stamp, code))
    data = compact(marshal.dumps(tuple(kept)))
    return cache.read(FIRST, first_key()) != data and cache.write(FIRST, first_key(), data)


def packed(
    files: Mapping[str, tuple[str, bool]],
    codes: Mapping[str, CodeType],
    usual: Sequence[str],
    library: Mapping[str, tuple[int, int]] | None = None,
) -> bytes:
    """The modules as the bytes that an ``Archive`` is made from; ``files`` has of each its file and whether it is a package."""
    together = compact(marshal.dumps(tuple(codes[name] for name in usual)))
    table: dict[str, tuple[str, bool, int, int]] = {}
    alone: list[bytes] = []
    start = 0
    for name, (file, is_package) in files.items():
        code = b"" if name in usual else compact(marshal.dumps(codes[name]))
        alone.append(code)
        table[name] = (file, is_package, start, start + len(code))
        start += len(code)
    head = marshal.dumps((table, tuple(usual), len(together), dict(library or {})))
    return b"".join([len(head).to_bytes(LENGTH, "little"), head, together, *alone])


def _of_library(name: str) -> Any:
    """The spec of an imported module of the standard library, or of msgspec, that is written in Python."""
    module = sys.modules[name]
    spec: Any = getattr(module, "__spec__", None) if type(module) is ModuleType else None
    if spec is None or spec.name != name or type(spec.loader) is not SourceFileLoader or not spec.origin:
        return None
    if name.partition(".")[0] == "msgspec":
        return spec
    inside = spec.origin.removeprefix(LIBRARY + os.sep)
    return None if inside == spec.origin or inside.split(os.sep)[0] in ("site-packages", "dist-packages") else spec


def in_order(trees: Mapping[str, ast.Module]) -> list[str]:
    """The names of the modules, each after those that it imports when it is itself imported."""
    found: dict[str, None] = {}
    begun: set[str] = set()

    def visit(name: str) -> None:
        if name in begun or name not in trees:
            return
        begun.add(name)
        for needed in _imported(trees[name]):
            visit(needed)
        found[name] = None

    for name in trees:
        visit(name)
    return list(found)


def _imported(tree: ast.Module) -> Iterable[str]:
    """The modules that running a module imports (and names in them, which nobody will take for modules)."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop(0)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            pending[:0] = ast.iter_child_nodes(node)


def _tree(module: ModuleType) -> ast.Module | None:
    """The syntax tree of a module that was imported from its source file."""
    spec = module.__spec__
    get_source = getattr(getattr(spec, "loader", None), "get_source", None)
    if spec is None or get_source is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    source = get_source(module.__name__)
    return lean(source) if source is not None else None


def lean(source: str) -> ast.Module:
    """The syntax tree of a module's text without what running it does not need; for ``compiled``."""
    tree: ast.Module = ast.fix_missing_locations(_Lean().visit(ast.parse(source)))
    return tree


def compiled(tree: ast.Module, file: str) -> CodeType:
    """The code of such a tree: annotations stay text, without the module ``__future__``, which says so, being imported."""
    code: CodeType = compile(tree, file, "exec", flags=__future__.annotations.compiler_flag, dont_inherit=True)
    return code


TYPES = ("__future__", "collections.abc", "typing")
"""Modules whose names most modules take for annotations alone."""


class _Lean(ast.NodeTransformer):
    """Takes away documentation, the annotations of functions, names imported for these, and what stands under
    ``if TYPE_CHECKING``."""

    def visit_Module(self, node: ast.Module) -> ast.AST:
        self.generic_visit(node)
        named = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        for each in node.body:
            if isinstance(each, ast.ImportFrom) and each.module in TYPES:
                each.names = [alias for alias in each.names if (alias.asname or alias.name) in named]
        node.body = [each for each in node.body if not isinstance(each, ast.ImportFrom) or each.names]
        return _undocumented(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        return node if node.decorator_list else _undocumented(node)  # a dataclass without a text makes one up

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return _undocumented(self.generic_visit(node))

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return _undocumented(self.generic_visit(node))

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_If(self, node: ast.If) -> Any:
        self.generic_visit(node)
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return node.orelse
        return node


def _undocumented(node: Any) -> ast.AST:
    """The module, class or function without the texts in it that stand for themselves."""
    node.body = [each for each in node.body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))]
    if not node.body and not isinstance(node, ast.Module):
        node.body = [ast.Pass()]
    return cast(ast.AST, node)

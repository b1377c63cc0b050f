"""Compiled programs: libraries as Python code, ready to run, to store and to load.

``compile_program`` takes the ELM of a library and of everything it includes. The result can be written as bytes (``dumps``) and
read back (``Program.loads``) without the ELM, the translator or the generator; code is unpacked function by function when it is
first needed (``packing``). Beside the plain code a program carries the traced code (see ``trace``), made when it is first asked
for or stored.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from guideway.diagnostics import GuidewayError
from guideway.engine.context import UNSET, Evaluation, in_offset, offset_of
from guideway.engine.errors import CqlRuntimeError
from guideway.engine.packing import Buffer, Namespace, Packed, place

if TYPE_CHECKING:
    from guideway.elm import nodes
    from guideway.engine.data import DataSource
    from guideway.engine.generator_types import Environment
    from guideway.engine.values import DateTime
    from guideway.fhir.modelinfo import ModelInfo

FORMAT = 17
"""Of the stored form; raise it with every change to what generated code expects."""

_FILE = "<cql "

_Tables = tuple[dict[str, "DefineInfo"], dict[str, list[tuple[int, str, tuple[Any, ...]]]], dict[str, tuple[str, str]]]


class DefineInfo:
    """What is known of a define without running it."""

    __slots__ = ("access", "context", "function", "locator", "name", "tags", "type")

    def __init__(self, row: tuple[Any, ...]) -> None:
        self.name, self.function, self.context, self.access, self.type, self.locator, self.tags = row
        """``type`` is the static type in words ("" where unknown); ``tags`` are (name, value) pairs of its annotation."""


class CompiledLibrary:
    """One library of a program: tables and code, each in packed form until it is needed."""

    __slots__ = ("_code", "_entries", "_index", "_meta", "_places", "_tables", "key")

    def __init__(
        self, key: str, entries: Buffer, meta: Buffer, code: dict[bool, Packed], places: dict[bool, Buffer]
    ) -> None:  # fmt: skip
        self.key = key
        self._index = entries
        self._meta = meta
        self._code = code
        self._places = places
        self._tables: _Tables | None = None
        self._entries: dict[str, int] | None = None

    @property
    def entries(self) -> dict[str, int]:
        """The number of each define's function in the module: all that a run needs of the tables."""
        if self._entries is None:
            self._entries = marshal.loads(self._index)
        return self._entries

    @property
    def tables(self) -> _Tables:
        """The defines, functions and parameters."""
        if self._tables is None:
            rows, functions, parameters = marshal.loads(self._meta)
            self._tables = ({row[0]: DefineInfo(row) for row in rows}, functions, parameters)
        return self._tables

    @property
    def defines(self) -> dict[str, DefineInfo]:
        """The defines by name."""
        return self.tables[0]

    @property
    def functions(self) -> dict[str, list[tuple[int, str, tuple[Any, ...]]]]:
        """The functions by name: of each overload its index, its name in the module and the tests of its operands."""
        return self.tables[1]

    @property
    def parameters(self) -> dict[str, tuple[str, str]]:
        """The parameters by name: the name in the module, and the type in words."""
        return self.tables[2]

    @property
    def name(self) -> str:
        """The library's name, without its version."""
        return self.key.partition("|")[0]

    @property
    def version(self) -> str | None:
        """The library's version."""
        return self.key.partition("|")[2] or None

    def packed_code(self, traced: bool) -> Packed:
        """The module's code (see ``packing``)."""
        return self._code[traced]

    def places(self, traced: bool) -> tuple[dict[int, list[tuple[int, int]]], list[tuple[str, str]], dict[str, bytes]]:
        """The line map, the marks it refers to, as (locator, define), and of each function the table of positions."""
        return marshal.loads(self._places[traced])  # type: ignore[no-any-return]

    def has(self, traced: bool) -> bool:
        """Whether the code of that kind has been made."""
        return traced in self._code

    def add(self, other: CompiledLibrary) -> None:
        """Take over the other kind of code."""
        self._code.update(other._code)
        self._places.update(other._places)

    def packed(self) -> tuple[Any, ...]:
        """Plain data, for ``marshal``."""
        codes = {kind: (bytes(contents), bytes(pieces)) for kind, (contents, pieces) in self._code.items()}
        places = {kind: bytes(data) for kind, data in self._places.items()}
        return self.key, bytes(self._index), bytes(self._meta), codes, places


class Program:
    """Compiled libraries that refer to one another."""

    def __init__(
        self,
        libraries: Iterable[CompiledLibrary],
        environment: Environment | None = None,
        names: Mapping[str, Any] | None = None,
    ) -> None:
        """``names`` are further names for the generated code."""
        self.libraries: dict[str, CompiledLibrary] = {library.key: library for library in libraries}
        self._by_name: dict[str, str] = {library.name: library.key for library in self.libraries.values()}
        self._names: dict[bool, Namespace] = {}
        """Of plain and of traced code."""
        self._entries: dict[tuple[str, str, bool], Callable[[Evaluation], Any]] = {}
        self._environment = environment
        self._more_names = names or {}

    # ---- running -------------------------------------------------------------------------------------------------------

    def evaluation(
        self,
        source: DataSource,
        *,
        now: DateTime,
        timezone: str | int | None = None,
        parameters: Mapping[str, Any] | None = None,
        terminology: Any = None,
        trace: bool = False,
        externals: Mapping[Any, Callable[..., Any]] | None = None,
        population: Iterable[DataSource] = (),
    ) -> Evaluation:
        """An evaluation for the subject of ``source`` at the moment ``now``.

        ``timezone`` (a name, an offset, or minutes east of UTC; else that of ``now``) is where date-times without an offset are
        taken to be. ``parameters`` go by ``Name`` or ``Library.Name``. ``terminology`` answers ``codes(url, version)`` and
        ``contains(url, version, code, system)``. ``externals`` are the functions that the logic declares external, by name or by
        (library key, name). ``population`` are the sources of all subjects, for defines in the Unfiltered context.
        """
        offset = offset_of(timezone, now)
        tracer = None
        if trace:
            from guideway.engine.trace import Tracer

            tracer = Tracer()
        moment = in_offset(now, offset)
        return Evaluation(self, source, moment, offset, parameters or {}, terminology, tracer, externals or {}, population)

    def library(self, name: str) -> CompiledLibrary:
        """A library by its name or by ``Name|version``. Raises GuidewayError where there is none."""
        found = self.libraries.get(name) or self.libraries.get(self._by_name.get(name, ""))
        if found is None:
            raise GuidewayError(f"There is no library {name!r}; there are {', '.join(sorted(self.libraries)) or 'none'}.")
        return found

    def entry(self, library: str, name: str, traced: bool) -> Callable[[Evaluation], Any]:
        """The function behind a define; of plain code it gives the value, of traced code the node (``trace.Tracer.value``)."""
        known = self._entries.get((library, name, traced))
        if known is not None:
            return known
        owner = self.library(library)
        number = owner.entries.get(name)
        if number is None:
            raise GuidewayError(f"Library {owner.name} defines no {name!r}.{_nearest(name, owner.entries)}")
        function: Callable[[Evaluation], Any] = self.made(owner.key, f"d{number}", traced)
        self._entries[library, name, traced] = function
        return function

    def entry_made(self, library: str, name: str, traced: bool) -> Callable[[Evaluation], Any] | None:
        """The function behind a define where it has been made, which it is before it is run."""
        owner = self.library(library)
        known = self._names.get(traced)
        return None if known is None else known.names.get(place(f"d{owner.entries.get(name)}", owner.key))

    def parameter_entry(self, library: str, name: str) -> Callable[[Evaluation], Any]:
        """The function behind a parameter."""
        owner = self.library(library)
        found = owner.parameters.get(name)
        if found is None:
            raise GuidewayError(f"Library {owner.name} has no parameter {name!r}.{_nearest(name, owner.parameters)}")
        function: Callable[[Evaluation], Any] = self.made(owner.key, found[0], False)
        return function

    def function_entry(self, library: str, name: str, operands: Sequence[Any], traced: bool) -> Callable[..., Any]:
        """The function of that name that takes the operands."""
        from guideway.engine.typetests import choose

        owner = self.library(library)
        rows = [row for row in owner.functions.get(name, ()) if len(row[2]) == len(operands)]
        if not rows:
            raise GuidewayError(f"Library {owner.name} has no function {name!r} with {len(operands)} operands.")
        candidates = tuple((tests, self.made(owner.key, function, traced)) for _, function, tests in rows)
        chosen: Callable[..., Any] = choose(candidates, tuple(operands), name)
        return chosen

    def made(self, key: str, name: str, traced: bool) -> Any:
        """What a name of the module of the library with this key stands for."""
        return self._namespace(traced).of(place(name, key))

    def _namespace(self, traced: bool) -> Namespace:
        found = self._names.get(traced)
        if found is None:
            plain, given = self._namespace(False) if traced else None, given_to(traced)
            made = Namespace(lambda key: self._packed(key, traced), names_of_modules(traced), self._more_names, plain, given)
            found = self._names.setdefault(traced, made)
        return found

    def _packed(self, key: str, traced: bool) -> Packed:
        library = self.libraries[key]
        if not library.has(traced):
            self._make_traced()
        return library.packed_code(traced)

    def placed(self, error: CqlRuntimeError, cause: BaseException | None = None) -> CqlRuntimeError:
        """The error with the library, define and locator of the innermost place in the logic that it passed."""
        trace = (cause or error).__traceback__
        inner = None
        while trace is not None:
            if trace.tb_frame.f_code.co_filename.startswith(_FILE):
                inner = trace
            trace = trace.tb_next
        if inner is None:
            return error
        code = inner.tb_frame.f_code
        key = code.co_filename[len(_FILE) : -1]
        traced = key.startswith("traced ")
        key = key.removeprefix("traced ")
        library = self.libraries.get(key)
        if library is None:  # code of the engine's own, such as a function that could not be made ready
            return error
        lines, marks, tables = library.places(traced)
        if code.co_name in tables:
            code = code.replace(co_linetable=tables[code.co_name])
        positions = list(code.co_positions())[inner.tb_lasti // 2]
        found = _mark_at(lines, positions[0] or inner.tb_lineno, positions[2] or 0, code.co_firstlineno)
        if found is None:
            return error.at(library.name, _define_of(library, code.co_name), None)
        locator, define = marks[found]
        return error.at(library.name, define, locator)

    # ---- storing -------------------------------------------------------------------------------------------------------

    def dumps(self) -> bytes:
        """The whole program, traced code included, as bytes that ``loads`` of the same interpreter version reads."""
        if self._environment is not None:
            self._make_traced()
        return marshal.dumps((FORMAT, sys.implementation.cache_tag, [lib.packed() for lib in self.libraries.values()]))

    @classmethod
    def loads(cls, data: bytes) -> Program:
        """A program from the bytes of ``dumps``. Raises ValueError where they are of another format or interpreter."""
        try:
            format_, tag, libraries = marshal.loads(data)
        except (EOFError, TypeError, ValueError) as error:
            raise ValueError("these bytes are no stored program") from error
        if format_ != FORMAT or tag != sys.implementation.cache_tag:
            raise ValueError("the stored program is of another version")
        return cls(CompiledLibrary(*packed) for packed in libraries)

    def __reduce__(self) -> tuple[Any, ...]:
        return Program.loads, (self.dumps(),)

    def stored(self, keep: Callable[[Buffer], int]) -> tuple[Any, ...]:
        """The program, traced code included, as plain data for ``marshal``, with what ``keep`` gives in place of each piece of
        packed data. What a run reads of every library is kept first: next to each other it is on fewer pages of memory."""
        if self._environment is not None:
            self._make_traced()
        packed = [library.packed() for library in self.libraries.values()]
        indices = [keep(index) for _, index, _, _, _ in packed]
        contents = [{kind: keep(found) for kind, (found, _) in codes.items()} for _, _, _, codes, _ in packed]
        rows = [
            (
                key, index, keep(meta), {kind: (head[kind], keep(pieces)) for kind, (_, pieces) in codes.items()},
                {kind: keep(table) for kind, table in places.items()},
            )
            for (key, _, meta, codes, places), index, head in zip(packed, indices, contents, strict=True)
        ]  # fmt: skip
        return FORMAT, sys.implementation.cache_tag, rows

    @classmethod
    def restored(cls, stored: tuple[Any, ...], buffers: Sequence[Buffer]) -> Program:
        """The program that was ``stored``, with the pieces of these numbers. Raises ValueError where it is of another format or
        interpreter."""
        format_, tag, rows = stored
        if format_ != FORMAT or tag != sys.implementation.cache_tag:
            raise ValueError("the stored program is of another version")
        libraries = []
        for key, index, meta, codes, places in rows:
            code: dict[bool, Packed] = {kind: (buffers[head], buffers[pieces]) for kind, (head, pieces) in codes.items()}
            tables = {kind: buffers[table] for kind, table in places.items()}
            libraries.append(CompiledLibrary(key, buffers[index], buffers[meta], code, tables))
        return cls(libraries)

    def _make_traced(self) -> None:
        if self._environment is None:
            raise GuidewayError("This program was stored without its traced form.")
        from guideway.engine.compiler import compiled_for

        for info in self._environment.libraries.values():
            compiled = self.libraries[info.key]
            if not compiled.has(True):
                compiled.add(compiled_for(self._environment, info, traced=True))


def compile_program(libraries: Sequence[nodes.Library], *, models: Iterable[ModelInfo] = ()) -> Program:
    """A program from ELM: the libraries that are wanted and all that they include, in any order.

    ``models`` are data models besides FHIR 4.0.1 that the libraries use. Raises GuidewayError, with library and locator, for ELM
    that this engine does not evaluate or that refers to what is not there.
    """
    from guideway.elm.recursion import deep_recursion
    from guideway.engine.compiler import compiled_for
    from guideway.engine.generator_types import Environment

    with deep_recursion():
        environment = Environment(libraries, models)
        return Program([compiled_for(environment, info) for info in environment.libraries.values()], environment)


@cache
def names_of_modules(traced: bool = False) -> dict[str, Any]:
    """The names that every generated module may use, Python's own among them; traced code has some of its own."""
    if traced:
        from guideway.engine.forms import FORMS
        from guideway.engine.trace import Later, Rows, t_property

        return names_of_modules() | FORMS | {"Later": Later, "Rows": Rows, "t_property": t_property}
    import builtins
    from decimal import Decimal

    from guideway.engine import access, support, typetests, values
    from guideway.fhir import element

    names = vars(builtins) | {name: getattr(values, name) for name in values.__all__}
    for module in (access, support, typetests):
        for name, value in vars(module).items():
            if not name.startswith("_") and callable(value) and getattr(value, "__module__", "") == module.__name__:
                names[name] = value
    names.update(
        Decimal=Decimal, EMPTY=access.EMPTY, U=UNSET, Access=element.Access, read=element.read,
        wrap_object=element.wrap_object, FhirObject=element.FhirObject,
    )  # fmt: skip
    return names


def given_to(traced: bool) -> tuple[Any, ...]:
    """What every function of generated code has as the default of its last operands (``generator_trace.GIVEN``)."""
    if not traced:
        return ()
    from guideway.engine.trace import TraceNode, t_reference

    return TraceNode, t_reference


def _mark_at(lines: dict[int, list[tuple[int, int]]], line: int, column: int, first: int) -> int | None:
    """The mark at a place of the source: the last one at or before it, inside the same function."""
    while line >= first:
        for at, mark in reversed(lines.get(line, [])):
            if at <= column:
                return mark
        line, column = line - 1, sys.maxsize
    return None


def _define_of(library: CompiledLibrary, function: str) -> str | None:
    wanted = {function, "d" + function[1:]}
    return next((d.name for d in library.defines.values() if d.function in wanted), None)


def _nearest(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), 1)
    return f" Did you mean {close[0]!r}?" if close else ""

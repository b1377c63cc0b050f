"""Where libraries come from, and the set of libraries that are translated together.

A ``LibrarySource`` finds a library by name and version: ``FolderSource`` (folders of .cql files),
``DictSource`` (texts or finished ELM in memory), ``BuiltinSource`` (FHIRHelpers), ``SourceChain``. A ``Workspace``
translates what is asked for and what that includes, each library once, and finds circular includes and two versions of one
library in the same set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from guideway.cql import syntax
from guideway.cql.conversions import Conversions, Overloads
from guideway.cql.scope import Function, LibrarySymbols, Symbol
from guideway.cql.typesystem import TypeSystem
from guideway.diagnostics import Diagnostic, GuidewayError
from guideway.elm import nodes as elm
from guideway.elm.types import CODE, CODESYSTEM, CONCEPT, VALUESET, NamedType, Type, from_specifier
from guideway.fhir import modelinfo

if TYPE_CHECKING:
    from guideway.cql.translation import TranslationOptions


FoundT = TypeVar("FoundT")


class LibraryText(NamedTuple):
    """The CQL text of a library, and the name of its file for messages."""

    text: str
    file: str | None = None


class LibrarySource(Protocol):
    """Finds libraries by name."""

    def find(self, name: str, version: str | None) -> LibraryText | elm.Library | None:
        """The library of that name and (where one is asked for) version; None where it has none."""
        ...

    def names(self) -> Iterable[str]:
        """The names of all libraries it has."""
        ...


_HEADER = re.compile(
    r"""\A(?:\s|//[^\n]*|/\*.*?\*/)*library\s+(?P<name>(?:[\w.]+|"[^"]*"|`[^`]*`))(?:\s+version\s+'(?P<version>[^']*)')?""",
    re.DOTALL,
)


def header(text: str) -> tuple[str | None, str | None]:
    """The name and version that a CQL text gives itself.

    >>> header("// mine\\nlibrary Common version '1.2'")
    ('Common', '1.2')
    """
    found = _HEADER.match(text)
    if found is None:
        return None, None
    return found["name"].strip('"`').rpartition(".")[2], found["version"]


class DictSource:
    """Libraries in memory: CQL texts or finished ELM, under any keys; their own headers name them."""

    def __init__(self, libraries: Mapping[str, str | LibraryText | elm.Library]) -> None:
        self._libraries: list[tuple[str, str | None, LibraryText | elm.Library]] = []
        for key, value in libraries.items():
            if isinstance(value, elm.Library):
                identifier = value.identifier or elm.VersionedIdentifier(id=key)
                self._libraries.append((identifier.id or key, identifier.version, value))
                continue
            text = LibraryText(value) if isinstance(value, str) else value
            name, version = header(text.text)
            self._libraries.append((name or key, version, text))

    def find(self, name: str, version: str | None) -> LibraryText | elm.Library | None:
        return _pick(self._libraries, name, version)

    def names(self) -> Iterator[str]:
        return (name for name, _, _ in self._libraries)


class FolderSource:
    """The .cql files of folders; each is known by the name and version in its library line, else by its file name.

    Only files directly in a folder count; with ``deep`` those of its subfolders, too. Two different texts of one name and version
    are an error where that library is asked for, which names both files. So is a file that cannot be read, where a library of its
    file's name is asked for.
    """

    def __init__(self, *folders: str | Path, deep: bool = False) -> None:
        self._folders = tuple(dict.fromkeys(Path(f).resolve() for f in folders))
        self._shown = {Path(f).resolve(): Path(f) for f in reversed(folders)}
        self._deep = deep
        self._unreadable: dict[str, GuidewayError] = {}
        self._found: list[tuple[str, str | None, LibraryText]] | None = None

    def _all(self) -> list[tuple[str, str | None, LibraryText]]:
        if self._found is None:
            self._found = []
            for folder in self._folders:
                shown = self._shown[folder]
                for path in sorted((shown.rglob if self._deep else shown.glob)("*.cql")):
                    if not path.is_file():
                        continue
                    try:
                        text = read_cql(path)
                    except GuidewayError as error:
                        self._unreadable[path.stem] = error
                        continue
                    name, version = header(text)
                    self._found.append((name or path.stem, version, LibraryText(text, str(path))))
        return self._found

    def find(self, name: str, version: str | None) -> LibraryText | elm.Library | None:
        found = _pick(self._all(), name, version)
        if found is not None:
            chosen = header(found.text)[1]
            same = [t for n, v, t in self._all() if n == name and v == chosen]
            if any(other.text != found.text for other in same):
                files = " and ".join(dict.fromkeys(other.file or "" for other in same))
                shown = f"{name}{f' version {chosen}' if chosen else ''}"
                raise GuidewayError(f"Library {shown} is there more than once, and the texts differ: {files}. Keep one of them.")
        if found is None and name in self._unreadable:
            raise self._unreadable[name]
        return found

    def names(self) -> Iterator[str]:
        return (name for name, _, _ in self._all())


def read_cql(path: Path) -> str:
    """The text of a file; raises GuidewayError where it cannot be read as UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise GuidewayError(f"{path}: the file cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise GuidewayError(f"{path}: this is not UTF-8 text (byte {error.start}): save it as UTF-8.") from None


@cache
def _builtin_text() -> LibraryText:
    return LibraryText((Path(__file__).parent / "FHIRHelpers.cql").read_text(encoding="utf-8"), "FHIRHelpers.cql")


class BuiltinSource:
    """The libraries that ship with the program: FHIRHelpers 4.0.1."""

    def find(self, name: str, version: str | None) -> LibraryText | elm.Library | None:
        return _builtin_text() if name == "FHIRHelpers" and version in (None, "4.0.1") else None

    def names(self) -> tuple[str, ...]:
        return ("FHIRHelpers",)


class SourceChain:
    """Several sources; the first that has a library gives it."""

    def __init__(self, *sources: LibrarySource) -> None:
        self._sources = sources

    def find(self, name: str, version: str | None) -> LibraryText | elm.Library | None:
        for source in self._sources:
            found = source.find(name, version)
            if found is not None:
                return found
        return None

    def names(self) -> Iterator[str]:
        for source in self._sources:
            yield from source.names()


def _pick(libraries: Sequence[tuple[str, str | None, FoundT]], name: str, version: str | None) -> FoundT | None:
    """The library of that name: of that version, or the newest where none is asked for."""
    fitting = [(v, found) for n, v, found in libraries if n == name and (version is None or v == version)]
    if not fitting:
        return None
    return max(fitting, key=lambda pair: _version_order(pair[0]))[1]


def _version_order(version: str | None) -> list[tuple[int, str]]:
    return [(int(part) if part.isdecimal() else 0, part) for part in re.split(r"[.\-]", version or "")]


# ---- workspace -----------------------------------------------------------------------------------------------------------------


class Translated(NamedTuple):
    """One library's outcome. ``library`` is there even where errors make it incomplete; ``failed`` says so."""

    symbols: LibrarySymbols
    library: elm.Library
    diagnostics: list[Diagnostic]
    failed: bool


class Problem(NamedTuple):
    """Why a library cannot be included."""

    rule: str
    message: str
    hint: str | None = None


class Workspace:
    """Libraries that are translated together: one set of models, each library once."""

    def __init__(self, sources: LibrarySource | None, models: Sequence[modelinfo.ModelInfo], options: TranslationOptions) -> None:
        chain: tuple[LibrarySource, ...] = (sources, BuiltinSource()) if sources is not None else (BuiltinSource(),)
        self.source: LibrarySource = SourceChain(*chain)
        self.options = options
        self.models = tuple(models)
        self.given_models = {m.name: m for m in models}
        self.types, self.conversions, self.overloads = type_facts(self.models)
        self.done: dict[tuple[str | None, str | None], Translated] = {}
        self._versions: dict[str, str | None] = {}
        self._open: list[str] = []

    def model(self, name: str, version: str | None) -> modelinfo.ModelInfo | Problem:
        """The data model that ``using`` names."""
        given = self.given_models.get(name)
        if given is not None:
            if version is not None and given.version not in (None, version):
                message = f"Model {name} {version} is not here; its version here is {given.version}."
                return Problem("cql-unknown-model", message)
            self.types.add(given)
            if given.target_url is not None:
                self._base_model(given)
            for required, required_version in given.required:
                if required not in ("System", name):
                    self.model(required, required_version)
            return given
        try:
            found = modelinfo.builtin(name, version)
        except GuidewayError as error:
            return Problem("cql-unknown-model", str(error), "give its model info with --model FILE")
        self.types.add(found)
        return found

    def _base_model(self, model: modelinfo.ModelInfo) -> None:
        """The model whose data a profile-informed model reads."""
        for name in modelinfo.BUILTIN_VERSIONS:
            base = modelinfo.builtin(name)
            if base.url == model.target_url:
                self.types.add(base)

    def include(self, name: str, version: str | None) -> Translated | Problem:
        """An included library, translated."""
        if name in self._open:
            path = " → ".join([*self._open[self._open.index(name) :], name])
            return Problem("cql-circular-include", f"The libraries include each other in a circle: {path}.")
        known = self.find_done(name, version)
        if known is not None:
            return known
        try:
            found = self.source.find(name, version)
            other = self.source.find(name, None) if found is None and version is not None else None
        except GuidewayError as error:
            return Problem("cql-unknown-library", str(error))
        if found is None:
            if other is not None:
                has = header(other.text)[1] if isinstance(other, LibraryText) else (other.identifier and other.identifier.version)
                return Problem("cql-unknown-library", f"Library {name} is here in version {has}, not in version {version}.")
            from guideway.cql.scope import nearest

            near = nearest(name, list(self.source.names()))
            return Problem(
                "cql-unknown-library",
                f"There is no library '{name}'{f' version {version}' if version else ''} to include.",
                f"did you mean '{near}'?" if near else None,
            )
        if isinstance(found, elm.Library):
            result = Translated(symbols_of(found), found, [], False)
            self.done[(result.symbols.name, result.symbols.version)] = result
        elif found is _builtin_text():
            key = (self.models, self.options)
            if key not in _BUILTIN_DONE:
                _BUILTIN_DONE[key] = self.translate(found.text, found.file)
            result = self.done[(name, header(found.text)[1])] = _BUILTIN_DONE[key]
        else:
            result = self.translate(found.text, found.file)
        actual = result.symbols.version
        if name in self._versions and self._versions[name] != actual:
            return Problem(
                "cql-version-conflict",
                f"Library {name} is included in two versions, {self._versions[name]} and {actual}; one set has one of each.",
            )
        self._versions[name] = actual
        return result

    def find_done(self, name: str, version: str | None) -> Translated | None:
        """A library that has been translated already, if its version fits."""
        if version is not None:
            return self.done.get((name, version))
        return next((d for (n, _), d in self.done.items() if n == name), None)

    def translate(self, text: str | syntax.Library, file: str | None = None) -> Translated:
        """Translate one library and what it includes."""
        from guideway.cql.declarations import translate_library

        if isinstance(text, str):
            from guideway.cql.parser import parse

            tree, diagnostics = parse(text, file)
        else:
            tree, diagnostics = text, []
        name = tree.name
        if name is not None:
            self._open.append(name)
        try:
            result = translate_library(tree, diagnostics, self)
        finally:
            if name is not None:
                self._open.pop()
        if name is not None:
            self.done[(name, tree.version)] = result
        return result


# FHIRHelpers, translated once in a process for each set of models and options.
_BUILTIN_DONE: dict[tuple[tuple[modelinfo.ModelInfo, ...], TranslationOptions], Translated] = {}
_FACTS: dict[tuple[modelinfo.ModelInfo, ...], tuple[TypeSystem, Conversions, Overloads]] = {}


def type_facts(models: tuple[modelinfo.ModelInfo, ...]) -> tuple[TypeSystem, Conversions, Overloads]:
    """The type system of a set of models, with what has been found out about it; shared by all translations of a process."""
    found = _FACTS.get(models)
    if found is None:
        types = TypeSystem(models)
        conversions = Conversions(types)
        found = types, conversions, Overloads(conversions)
        if len(_FACTS) > 8:
            _FACTS.clear()
        _FACTS[models] = found
    return found


# ---- symbols of finished ELM ---------------------------------------------------------------------------------------------------


def _type_of(element: elm.Element | None) -> Type:
    if element is None:
        return from_specifier(None)
    if isinstance(element.result_type, Type):
        return element.result_type
    if element.resultTypeName:
        return NamedType(element.resultTypeName)
    if element.resultTypeSpecifier is not None:
        return from_specifier(element.resultTypeSpecifier)
    return from_specifier(None)


def symbols_of(library: elm.Library) -> LibrarySymbols:
    """What a finished ELM library declares, for those that include it. Its result types must be written out."""
    identifier = library.identifier or elm.VersionedIdentifier()
    symbols = LibrarySymbols(identifier.id, identifier.version, elm=library)

    def add(kind: str, node: elm.Element, name: str | None, type_: Type, access: str, context: str | None = None) -> None:
        if name is not None:
            symbols.symbols[name] = Symbol(kind, name, type_, access, node=node, context=context)

    for system in library.codeSystems:
        add("codesystem", system, system.name, CODESYSTEM, system.accessLevel)
    for value_set in library.valueSets:
        add("valueset", value_set, value_set.name, VALUESET, value_set.accessLevel)
    for code in library.codes:
        add("code", code, code.name, CODE, code.accessLevel)
    for concept in library.concepts:
        add("concept", concept, concept.name, CONCEPT, concept.accessLevel)
    for parameter in library.parameters:
        declared = from_specifier(parameter.parameterTypeSpecifier) if parameter.parameterTypeSpecifier else None
        if declared is None:
            declared = NamedType(parameter.parameterType) if parameter.parameterType else _type_of(parameter)
        add("parameter", parameter, parameter.name, declared, parameter.accessLevel)
    for statement in library.statements:
        type_ = _type_of(statement)
        if type_ == from_specifier(None):
            type_ = _type_of(statement.expression)
        if not isinstance(statement, elm.FunctionDef):
            add("expression", statement, statement.name, type_, statement.accessLevel, statement.context)
            continue
        operands = tuple(
            from_specifier(o.operandTypeSpecifier) if o.operandTypeSpecifier else NamedType(o.operandType) if o.operandType
            else _type_of(o) for o in statement.operand
        )  # fmt: skip
        function = Function(
            statement.name or "", operands, tuple(o.name or "" for o in statement.operand), type_, statement.accessLevel,
            bool(statement.fluent), bool(statement.external), context=statement.context,
        )  # fmt: skip
        symbols.functions.setdefault(function.name, []).append(function)
    return symbols

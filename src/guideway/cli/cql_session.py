"""Evaluating CQL typed by a person: expressions and definitions, one after the other, on one patient's data.

A ``Session`` knows where libraries come from, which are included, the patient's data and the moment; it keeps the definitions
typed so far. ``answer`` gives an expression's value and type, or what is wrong with it. It prints nothing: ``guideway cql eval``
and the prompt do.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from guideway.cli.apply import now
from guideway.diagnostics import Diagnostic, GuidewayError, Severity

if TYPE_CHECKING:
    from guideway.cql.translator import LibrarySource, TranslationOptions, TranslationResult
    from guideway.engine.trace import TraceNode
    from guideway.fhir.modelinfo import ModelInfo

NAME = "Expressions"
RESULT = "Expression"
USING = "FHIR version '4.0.1'"
_QUIET = frozenset({"cql-unused", "cql-unfiltered-retrieve"})
_DEFINE = re.compile(
    r"""\s*define\s+(?:(?:public|private)\s+)?(?P<function>(?:fluent\s+)?function\s+)?(?P<name>"[^"]+"|`[^`]+`|\w+)"""
)
_SYNTAX_AT_END = ("found the end of the text", "is not closed")


class Answer(NamedTuple):
    """What came of one expression; ``found`` false: only the diagnostics count."""

    found: bool
    value: Any = None
    type: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()
    trace: TraceNode | None = None
    messages: tuple[str, ...] = ()


class Session:
    """One conversation; see the module's text."""

    def __init__(
        self,
        *,
        libraries: Sequence[str] = (),
        package: str | None = None,
        models: Sequence[str] = (),
        data: Sequence[str] = (),
        patient: str | None = None,
        as_of: str | None = None,
        timezone: str = "UTC",
        parameters: Sequence[tuple[str, str]] = (),
        allow: Sequence[str] = (),
    ) -> None:
        from guideway.apply.moment import moment
        from guideway.fhir.modelinfo_xml import read_xml

        self.options = translation_options(allow)
        self.models: tuple[ModelInfo, ...] = tuple(read_xml(path) for path in models)
        fhir = next((model for model in self.models if model.name == "FHIR"), None)
        self.using = USING if fhir is None else f"FHIR version '{fhir.version}'"
        self.sources, self.terminology = sources_of([*libraries], package)
        self.includes = [_library_name(path) for path in libraries]
        self.when = moment(as_of if as_of is not None else now(), timezone)
        self.parameters: dict[str, Any] = dict(parameters)
        self.definitions: dict[str, str] = {}
        self.record: Any = None
        self.load(data, patient)

    def load(self, data: Sequence[str], patient: str | None = None) -> None:
        """Take the data of one patient; none: an empty record."""
        if not data:
            from guideway.engine.data import ResourceSource

            self.record = ResourceSource()
            return
        from guideway.records.reading import read_files, select

        found = read_files(data)
        if patient is None and len(found) > 1:
            raise GuidewayError(f"{', '.join(data)}: {len(found)} patients; choose one with --patient ID")
        self.record = found[0] if patient is None else select(found, patient)

    def translate(self, text: str, more: str = "") -> TranslationResult:
        """The library around an expression."""
        from guideway.cql.translator import translate_expression

        definitions = "\n".join([*self.definitions.values(), *([more] if more else [])])
        return translate_expression(
            text,
            sources=self.sources,
            includes=self.includes,
            models=self.models,
            using=self.using,
            context=f"Patient\n{definitions}" if definitions else "Patient",
            file="expression",
            options=self.options,
        )

    def define(self, text: str) -> list[Diagnostic]:
        """Keep a definition, unless it has errors; what is wrong with it."""
        match = _DEFINE.match(text)
        name = match["name"].strip('"`') if match else ""
        kept = {key: value for key, value in self.definitions.items() if key != name or (match and match["function"])}
        before, self.definitions = self.definitions, kept
        result = self.translate("null", text)
        errors = [replace(finding, file="definition") for finding in result.errors]
        if errors:
            self.definitions = before
            return errors
        self.definitions[f"{name}({len(kept)})" if match and match["function"] else name or str(len(kept))] = text
        return []

    def answer(self, text: str, *, trace: bool = False) -> Answer:
        """The value of an expression."""
        from guideway.engine.errors import CqlRuntimeError
        from guideway.engine.program import compile_program

        result = self.translate(text)
        findings = tuple(finding for finding in result.diagnostics if finding.rule not in _QUIET)
        if result.library is None:
            return Answer(False, diagnostics=findings)
        program = compile_program(result.libraries, models=self.models)
        evaluation = program.evaluation(
            self.record,
            now=self.when.now,
            timezone=self.when.offset,
            parameters=self._parameters(result),
            terminology=self.terminology,
            trace=trace,
        )
        try:
            value = evaluation.define(NAME, RESULT)
        except CqlRuntimeError as error:
            raise _placed(error, result) from None
        tree = evaluation.trace(NAME, RESULT) if trace else None
        messages = tuple(_message(message) for message in evaluation.messages)
        return Answer(True, value, type_of(result), findings, tree, messages)

    def type(self, text: str) -> Answer:
        """The static type of an expression, without evaluating it."""
        result = self.translate(text)
        return Answer(result.library is not None, None, type_of(result), tuple(result.errors))

    def _parameters(self, result: TranslationResult) -> dict[str, Any]:
        """The parameters given as text, as their declared types."""
        from guideway.apply.parameters import read_text

        given: dict[str, Any] = {}
        for name, text in self.parameters.items():
            short = name.rpartition(".")[2]
            declared = [p for library in result.libraries for p in library.parameters if p.name == short]
            if not declared:
                raise GuidewayError(f"--parameter {name}: no library here declares it")
            kind = next((str(p.result_type) for p in declared if getattr(p, "result_type", None) is not None), "String")
            given[name] = read_text(text, kind, name)
        return given


def translation_options(allow: Sequence[str], *, warnings: bool = True) -> TranslationOptions:
    """The translator's options; ``allow`` names promotions and demotions (``list-promotion``)."""
    from guideway.cql.conversions import Promotions
    from guideway.cql.translator import TranslationOptions

    return TranslationOptions(Promotions(**{name.replace("-", "_"): True for name in allow}), warnings=warnings)


def type_of(result: TranslationResult) -> str:
    """The static type of a translated expression, as CQL writes it."""
    for statement in result.partial.statements:
        if statement.name == RESULT and statement.expression is not None:
            from guideway.cli.cql_text import type_text

            return type_text(statement.expression.result_type)
    return ""


def is_complete(text: str) -> bool:
    """Whether a text is a whole expression or definition (right or wrong), and not the beginning of one."""
    from guideway.cql.parser import parse, parse_expression

    if not text.strip() or text.startswith(":"):
        return True
    _, findings = parse(text) if _DEFINE.match(text) else parse_expression(text)
    return not any(
        finding.severity is Severity.error and any(words in finding.message for words in _SYNTAX_AT_END) for finding in findings
    )


def _placed(error: GuidewayError, result: TranslationResult) -> GuidewayError:
    """An error of the expression itself with its place in the text that was given, not in the library made around it."""
    from guideway.engine.errors import CqlRuntimeError

    if not isinstance(error, CqlRuntimeError) or (error.library, error.define) != (NAME, RESULT) or result.library is None:
        return error
    from guideway.cql.translator import locator_in_expression

    place = locator_in_expression(result.library, error.locator)
    return CqlRuntimeError(error.message, define="expression", locator=place)


def _message(message: Any) -> str:
    """What the operator Message recorded, in a line; a trace with the value that it is about."""
    from guideway.cli.cql_text import cql_text

    head = f"{message.severity.lower()} {message.code}" if message.code else message.severity.lower()
    about = f" ({cql_text(message.source)})" if message.severity == "Trace" else ""
    return f"{head}: {message.text or ''}{about}"


def sources_of(libraries: Sequence[str], package: str | None, below: Sequence[str] = ()) -> tuple[LibrarySource, Any]:
    """Where libraries are found, and the value sets.

    The first of these that has a library gives it: the folders of the given files, without their subfolders; the folders
    ``below``, with theirs; the guideline that the files belong to, or that is given; what is built in.
    """
    from guideway.cql.translator import BuiltinSource, DictSource, FolderSource, SourceChain
    from guideway.terminology.valuesets import ValueSetIndex

    chain: list[Any] = []
    resources: list[Any] = []
    for path in libraries:
        if not os.path.exists(path):
            raise GuidewayError(f"{path}: there is no such file or folder")
    folders = dict.fromkeys(path if os.path.isdir(path) else os.path.dirname(os.path.abspath(path)) for path in libraries)
    if folders:
        chain.append(FolderSource(*folders))
    if below:
        chain.append(FolderSource(*below, deep=True))
    from guideway.authoring.validate import enclosing_guideline

    roots = [root for path in libraries if (root := enclosing_guideline(path)) is not None]
    if package is not None:
        roots.append(package)
    for root in dict.fromkeys(roots):
        from guideway.cql.libraries import LibraryText
        from guideway.guideline.loading import load

        guideline = load(root)
        chain.append(DictSource({x.name: LibraryText(x.cql, x.file) for x in guideline.libraries if x.cql is not None}))
        resources += [a.resource for a in guideline.artifacts if a.type in ("ValueSet", "CodeSystem")]
    return SourceChain(*chain, BuiltinSource()), ValueSetIndex(resources)


def _library_name(path: str) -> str:
    from guideway.cql.libraries import header, read_cql

    if os.path.isdir(path):
        raise GuidewayError(f"{path}: this is a folder; give the .cql file of a library")
    from pathlib import Path

    file = Path(path)
    if file.suffix.lower() in (".json", ".xml"):
        raise GuidewayError(f"{path}: a library is given as CQL text here, a .cql file; this looks like ELM")
    return header(read_cql(file))[0] or file.stem

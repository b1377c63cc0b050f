"""CQL text (or its syntax tree) to typed, resolved ELM: the entry points.

``translate`` one library, ``translate_all`` libraries by name with all they include, ``translate_expression`` an expression
alone. The stages are: ``parser`` (text → syntax tree), ``declarations`` (names, order, contexts), the expression modules
(types, overloads, conversions → ELM), ``warnings``. See docs/cql.md, "From tree to ELM".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from guideway.cql import syntax
from guideway.cql.libraries import (
    BuiltinSource,
    DictSource,
    FolderSource,
    LibrarySource,
    LibraryText,
    Problem,
    SourceChain,
    Translated,
    Workspace,
)
from guideway.cql.source import SourceText
from guideway.cql.translation import TranslationOptions
from guideway.diagnostics import Diagnostic, GuidewayError, Severity
from guideway.elm import nodes as elm
from guideway.fhir.modelinfo import ModelInfo

__all__ = [
    "BuiltinSource",
    "DictSource",
    "FolderSource",
    "LibrarySource",
    "LibraryText",
    "SourceChain",
    "TranslationOptions",
    "TranslationResult",
    "translate",
    "translate_all",
    "translate_expression",
]

EXPRESSION_NAME = "Expression"
"""The definition that ``translate_expression`` puts the expression into."""

DEFAULT_OPTIONS = TranslationOptions()


class TranslationResult(NamedTuple):
    """``library`` is None where there are errors; ``partial`` is what could be made of it all the same, for tools.

    ``included`` are the libraries it needs, FHIRHelpers among them, each after those that it includes itself.
    """

    library: elm.Library | None
    diagnostics: list[Diagnostic]
    partial: elm.Library
    included: list[elm.Library]

    @property
    def libraries(self) -> list[elm.Library]:
        """All libraries of the result, the included ones first; empty where there are errors."""
        return [*self.included, self.library] if self.library is not None else []

    @property
    def errors(self) -> list[Diagnostic]:
        return [d for d in self.diagnostics if d.severity is Severity.error]


def translate(
    text: str | syntax.Library,
    *,
    file: str | None = None,
    sources: LibrarySource | None = None,
    models: Sequence[ModelInfo] = (),
    options: TranslationOptions = DEFAULT_OPTIONS,
) -> TranslationResult:
    """Translate one library. ``sources`` finds what it includes; ``models`` adds to the built-in FHIR 4.0.1 and System."""
    workspace = Workspace(sources, models, options)
    done = workspace.translate(text, file)
    return _result(done, workspace)


def _result(done: Translated, workspace: Workspace) -> TranslationResult:
    included = [d for d in workspace.done.values() if d.library is not done.library]
    diagnostics = list(done.diagnostics)
    for other in included:
        if other.failed:
            diagnostics += [d for d in other.diagnostics if d.severity is Severity.error]
    return TranslationResult(None if done.failed else done.library, diagnostics, done.library, [d.library for d in included])


def translate_all(
    sources: LibrarySource,
    names: Iterable[str] | None = None,
    *,
    models: Sequence[ModelInfo] = (),
    options: TranslationOptions = DEFAULT_OPTIONS,
    diagnostics: list[Diagnostic] | None = None,
) -> dict[tuple[str, str | None], elm.Library]:
    """The libraries of these names (all of the source where none are given) and all that they include, by name and version.

    Each is after those that it includes. Errors raise a GuidewayError that lists them, unless ``diagnostics`` is given: then all
    findings are put there, and libraries with errors are left out.
    """
    workspace = Workspace(sources, models, options)
    problems: list[str] = []
    for name in dict.fromkeys(sources.names() if names is None else names):
        found = workspace.include(name, None)
        if isinstance(found, Problem):
            problems.append(f"{found.message}{f' ({found.hint})' if found.hint else ''}")
    findings = [d for done in workspace.done.values() for d in done.diagnostics]
    if diagnostics is not None:
        diagnostics += findings
        diagnostics += [Diagnostic("cql-unknown-library", Severity.error, p) for p in problems]
    else:
        errors = [d for d in findings if d.severity is Severity.error]
        if errors or problems:
            raise GuidewayError("\n".join([*problems, *(d.as_text() for d in errors)]), errors)
    return {(name or "", version): d.library for (name, version), d in workspace.done.items() if not d.failed}


def translate_expression(
    text: str,
    *,
    sources: LibrarySource | None = None,
    includes: Sequence[str] = (),
    models: Sequence[ModelInfo] = (),
    using: str | None = None,
    context: str | None = None,
    parameters: str = "",
    file: str | None = "expression",
    options: TranslationOptions = DEFAULT_OPTIONS,
) -> TranslationResult:
    """Translate an expression alone, as the definition ``Expression`` of a library made around it.

    ``using`` is a model (``"FHIR version '4.0.1'"``), ``context`` a context of it, ``includes`` names of libraries,
    ``parameters`` further declarations. Positions in the findings are those of ``text``.
    """
    lines = ["library Expressions"]
    if using:
        lines.append(f"using {using}")
    lines += [f'include "{name}"' for name in includes]
    if parameters:
        lines.append(parameters)
    if context:
        lines.append(f"context {context}")
    head = "\n".join(lines) + f"\ndefine {EXPRESSION_NAME}:\n"
    result = translate(head + text, file=file, sources=sources, models=models, options=options)
    above = head.count("\n")
    own = SourceText(text, file)
    moved = [_moved_up(d, above, own) if d.file == file else d for d in result.diagnostics]
    return result._replace(diagnostics=sorted(moved, key=lambda d: d.rule == "cql-syntax" and d.position == own.position(0, 0)))


def locator_in_expression(library: elm.Library, locator: str | None) -> str | None:
    """A locator of the library that ``translate_expression`` made, as one of the text that it was given."""
    around = next((define.locator for define in library.statements if define.name == EXPRESSION_NAME), None)
    if locator is None or around is None:
        return None
    above = int(around.partition(":")[0])
    ends = [end.split(":") for end in locator.split("-")]
    return "-".join(f"{int(line) - above}:{column}" for line, column in ends)


def _moved_up(diagnostic: Diagnostic, lines: int, text: SourceText) -> Diagnostic:
    """The finding as one of the expression's text; that there is no expression is said of the text's beginning."""
    position = diagnostic.position
    if position is None:
        return diagnostic
    if position.line <= lines and diagnostic.rule == "cql-syntax":
        return text.diagnostic(diagnostic.rule, diagnostic.message, 0, 0, hint=diagnostic.hint)
    line, end_line = max(1, position.line - lines), max(1, position.end_line - lines)
    return replace(diagnostic, position=replace(position, line=line, end_line=end_line))

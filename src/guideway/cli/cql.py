"""``guideway cql``: check, translate, evaluate, try out and format CQL."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from guideway.cli.output import show_lines, write_result
from guideway.diagnostics import Diagnostic, GuidewayError, Severity

if TYPE_CHECKING:
    from guideway.cli.cql_session import Answer, Session
    from guideway.cli.lines import Line
    from guideway.cql.translator import TranslationResult

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group()
def cql() -> None:
    """Check, translate, evaluate, try out and format CQL.

    CQL 1.5 (https://cql.hl7.org). Libraries that a file includes are looked for in its own folder, below a folder that was named,
    in the guideline it belongs to, and among those built in (FHIRHelpers); the first that has one gives it.
    """


def model_option(command: Command) -> Command:
    """``--model FILE``, repeatable."""
    return click.option(
        "--model", "models", metavar="FILE", multiple=True, help="A data model: its model info, in XML; repeatable."
    )(command)


PROMOTIONS = ("list-promotion", "list-demotion", "interval-promotion", "interval-demotion")


def allow_option(command: Command) -> Command:
    """``--allow list-promotion``, repeatable."""
    words = "Convert between a list or an interval and its one item where that is needed; repeatable.  [default: never]"
    return click.option("--allow", multiple=True, type=click.Choice(PROMOTIONS), help=words)(command)


def session_options(command: Command) -> Command:
    """What ``eval`` and ``repl`` have in common."""
    options = [
        click.option("--data", metavar="BUNDLE", multiple=True, help="The patient's data; repeatable."),
        click.option("--patient", metavar="ID", help="Which patient, where the data has several."),
        click.option("--library", "libraries", metavar="FILE", multiple=True, help="A library to include; repeatable."),
        click.option("--package", metavar="PATH", help="A guideline whose libraries and value sets can be used."),
        click.option("--as-of", "as_of", metavar="DATETIME", help="The moment of the evaluation.  [default: now]"),
        click.option("--timezone", metavar="ZONE", default="UTC", show_default=True, help="Where times without offset are."),
        click.option("--parameter", "parameters", metavar="NAME=VALUE", multiple=True, help="A parameter; repeatable."),
    ]
    for option in reversed(options):
        command = option(command)
    return model_option(allow_option(command))


@cql.command()
@click.argument("paths", metavar="FILE...", nargs=-1, required=True)
@model_option
@allow_option
@click.option("--format", "form", type=click.Choice(["text", "json", "sarif"]), default="text", show_default=True)
@click.option("--warnings/--no-warnings", default=True, show_default=True, help="Look for likely mistakes as well.")
def check(paths: tuple[str, ...], models: tuple[str, ...], allow: tuple[str, ...], form: str, warnings: bool) -> int:
    """Translate libraries and list every mistake, with its place and the marked source.

    FILE is a .cql file or a folder of them. The exit status is 1 where there is an error.
    """
    from guideway import __version__
    from guideway.sarif import as_json_text, as_sarif

    findings: list[Diagnostic] = model_findings(models)
    files = list(_cql_files(paths))
    below = [path for path in paths if os.path.isdir(path)]
    for file in files:
        try:
            found = _translated(file, models, allow, below, warnings=warnings).diagnostics
        except UnreadableText as error:
            if len(files) == 1:
                raise
            found = [Diagnostic("cql-unreadable", Severity.error, error.reason, file)]
        findings += [d for d in found if d not in findings]
    errors = sum(finding.severity is Severity.error for finding in findings)
    if form == "json":
        write_result(as_json_text(findings) + "\n", None)
    elif form == "sarif":
        import json

        write_result(json.dumps(as_sarif(findings, __version__), indent=2, ensure_ascii=False) + "\n", None)
    else:
        summary = f"{len(files)} file{'s' if len(files) != 1 else ''}: {errors} error{'s' if errors != 1 else ''}, "
        others = len(findings) - errors
        summary += f"{others} warning{'s' if others != 1 else ''}"
        write_result("\n".join([*(finding.as_text() for finding in findings), summary]) + "\n", None)
    return 1 if errors else 0


@cql.command()
@click.argument("file")
@model_option
@allow_option
@click.option("--annotations/--no-annotations", default=True, show_default=True, help="Keep the tags of definitions.")
@click.option("--locators/--no-locators", default=True, show_default=True, help="Say where in the text each node stands.")
@click.option("--result-types", is_flag=True, help="Say the type of each node.")
@click.option("-o", "--output", "target", metavar="FILE", help="Write there instead of standard output.")
def elm(
    file: str,
    models: tuple[str, ...],
    allow: tuple[str, ...],
    annotations: bool,
    locators: bool,
    result_types: bool,
    target: str | None,
) -> int:
    """Translate a library to ELM (JSON), which other CQL engines read.

    Where there are errors they are listed on standard error, and the exit status is 2.
    """
    from guideway.elm.codec import json_text, write_json

    _say(model_findings(models))
    result = _translated(file, models, allow, warnings=False)
    if result.library is None:
        raise GuidewayError(f"{file}: not translated", result.errors)
    document = write_json(result.library, annotations=annotations, locators=locators, result_types=result_types)
    write_result(json_text(document) + "\n", target)
    return 0


@cql.command("eval")
@click.argument("expression")
@session_options
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="json: a FHIR Parameters resource.")  # fmt: skip
@click.option("--type", "show_type", is_flag=True, help="Also print the expression's type.")
@click.option("--explain", is_flag=True, help="Also print every sub-expression with its value.")
def evaluate(expression: str, form: str, show_type: bool, explain: bool, **options: Any) -> int:
    """Evaluate an expression.

    \b
      guideway cql eval "1 + 1"
      guideway cql eval "Patient.birthDate" --data patient.json
      guideway cql eval 'Common."Is Adult"' --library Common.cql \\
        --data patient.json --explain
    """
    session = make_session(options)
    answer = session.answer(expression, trace=explain)
    if not answer.found:
        raise GuidewayError("the expression has errors", [d for d in answer.diagnostics if d.severity is Severity.error])
    for finding in answer.diagnostics:
        click.echo(finding.as_text(), err=True)
    if form == "json":
        from guideway.apply.outcome import dumps
        from guideway.engine.parameters import result_parameters

        write_result(dumps(result_parameters(answer.value), indent=2), None)
        return 0
    show_lines(lambda width: answer_lines(answer, width, show_type=show_type))
    return 0


@cql.command()
@session_options
def repl(**options: Any) -> int:
    """Try out CQL at a prompt: definitions, expressions, their types and how they came to their values."""
    from guideway.cli.repl import Prompt

    return Prompt(make_session(options)).run()


@cql.command("format")
@click.argument("paths", metavar="FILE...", nargs=-1, required=True)
@click.option("-w", "--write", is_flag=True, help="Write the files instead of printing.")
@click.option("--check", "only_check", is_flag=True, help="Change nothing; exit with status 1 where a file would change.")
def reformat(paths: tuple[str, ...], write: bool, only_check: bool) -> int:
    """Lay CQL out in the canonical way; only white space changes, and comments are kept.

    FILE is a .cql file, a folder of them, or - for standard input. Prints the result, or changes the files with -w.
    """
    from guideway.cql.formatter import format_text

    if write and only_check:
        raise GuidewayError("give -w or --check, not both")
    changed: list[str] = []
    printed: list[str] = []
    files = list(_cql_files(paths))
    if len(files) > 1 and not write and not only_check:
        raise GuidewayError(f"{len(files)} files: use -w to change them or --check to look")
    for file in files:
        text = _text(file)
        formatted, findings = format_text(text, _shown(file))
        errors = [finding for finding in findings if finding.severity is Severity.error]
        if errors:
            raise GuidewayError(f"{_shown(file)}: has errors and is left as it is", errors)
        printed.append(formatted)
        if formatted != text:
            changed.append(file)
            if write:
                write_result(formatted, file)
    if write or only_check:
        words = "changed" if write else "would change"
        write_result("".join(f"{words}: {_shown(file)}\n" for file in changed), None)
    else:
        write_result("".join(printed), None)
    return 1 if only_check and changed else 0


def make_session(options: dict[str, Any]) -> Session:
    """The session that the options of ``eval`` and ``repl`` describe."""
    from guideway.cli.apply import assignment
    from guideway.cli.cql_session import Session

    _say(model_findings(options["models"]))
    return Session(
        libraries=options["libraries"],
        package=options["package"],
        models=options["models"],
        data=options["data"],
        patient=options["patient"],
        as_of=options["as_of"],
        timezone=options["timezone"],
        parameters=[assignment(text, "--parameter") for text in options["parameters"]],
        allow=options["allow"],
    )


def answer_lines(answer: Answer, width: int, *, show_type: bool = False) -> Iterator[Line]:
    """An answer for people: the value, its type on request, messages, and the trace where there is one."""
    from guideway.cli.cql_text import cql_text, trace_lines
    from guideway.cli.lines import Piece, clean, wrap

    yield [Piece(clean(cql_text(answer.value)), "value")]
    if show_type and answer.type:
        yield [Piece(f"type: {answer.type}", "dim")]
    for message in answer.messages:
        yield from wrap(message, width, style="warning")
    if answer.trace is not None:
        yield []
        yield from trace_lines(answer.trace, width)


def model_findings(models: Sequence[str]) -> list[Diagnostic]:
    """What is wrong with the mappings of model info files."""
    if not models:
        return []
    from guideway.cql.model_findings import findings

    return [finding for path in models for finding in findings(path)]


def _say(findings: Sequence[Diagnostic]) -> None:
    for finding in findings:
        click.echo(finding.as_text(), err=True)


def _translated(
    file: str, models: Sequence[str], allow: Sequence[str], below: Sequence[str] = (), *, warnings: bool
) -> TranslationResult:
    from guideway.cli.cql_session import sources_of, translation_options
    from guideway.cql.translator import translate
    from guideway.fhir.modelinfo_xml import read_xml

    text = _text(file)
    sources, _ = sources_of([file] if file != "-" else [], None, below)
    options = translation_options(allow, warnings=warnings)
    return translate(text, file=_shown(file), sources=sources, models=[read_xml(m) for m in models], options=options)


def _cql_files(paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        if os.path.isdir(path):
            found = sorted(
                os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names if name.endswith(".cql")
            )
            if not found:
                raise GuidewayError(f"{path}: there is no .cql file in this folder")
            yield from found
        else:
            yield path


def _shown(file: str) -> str:
    return "standard input" if file == "-" else file


class UnreadableText(GuidewayError):
    """A file is no text in UTF-8, or cannot be read at all."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{_shown(file)}: {reason}")
        self.reason = reason


def _text(file: str) -> str:
    from guideway.records.reading import file_bytes

    try:
        return file_bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        reason = f"this is not UTF-8 text (byte {error.start}); save it as UTF-8"
        raise UnreadableText(file, reason) from None

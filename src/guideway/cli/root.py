"""The command ``guideway`` itself: dispatch by the table, and what every command has in common.

Exit status: 0 done (findings included), 1 only where ``--fail-on`` or a check asked for it, 2 a mistake in what was given (one
message on standard error, nothing on standard output), 3 a fault of this program, 130 interrupted, 141 the reader went away.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from guideway.cli.commands import COMMANDS, EXTRAS
from guideway.diagnostics import GuidewayError

USAGE_ERROR = 2
OWN_FAULT = 3
INTERRUPTED = 130
READER_GONE = 141

_HELP_OPTIONS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class TableGroup(click.Group):
    """A group whose commands come from the table; a module is imported when its command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        from importlib import import_module

        command = getattr(import_module(entry.module), entry.attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(name, COMMANDS, n=1)
            ctx.fail(f"no command {name!r}" + (f"; did you mean {near[0]!r}?" if near else "; guideway --help lists them"))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, entry in COMMANDS.items():
            sections.setdefault(entry.section, []).append((name, entry.summary))
        width = max(map(len, COMMANDS))
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), summary) for name, summary in rows])


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    from guideway import __version__
    from guideway.cli.package import version_lines

    click.echo("\n".join([f"guideway {__version__}", *version_lines()]))
    ctx.exit()


@click.group(cls=TableGroup, context_settings=_HELP_OPTIONS, invoke_without_command=True)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
              help="Print the versions of the program and the guideline, and the guideline's content hash.")  # fmt: skip
@click.pass_context
def root(ctx: click.Context) -> None:
    """Apply computable clinical guidelines to FHIR patient data, and explain every outcome.

    \b
      guideway apply patient.json       what the guideline recommends, and why
      guideway plans                    what the guideline covers
      guideway COMMAND --help           the options of one command
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def run(arguments: Sequence[str], command: click.Command = root) -> int:
    """Run one command line and return the exit status; no exception leaves this function."""
    try:
        try:
            result = _invoke(list(arguments), command)
            sys.stdout.flush()
            return result if isinstance(result, int) else 0
        except click.exceptions.Exit as stop:
            sys.stdout.flush()
            return stop.exit_code
    except BrokenPipeError:
        return _reader_gone()
    except (KeyboardInterrupt, click.Abort):
        _complain("interrupted")
        return INTERRUPTED
    except GuidewayError as error:
        _complain(str(error), *(finding.as_text() for finding in error.diagnostics))
        return USAGE_ERROR
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return USAGE_ERROR
    except click.UsageError as error:
        _complain(error.format_message(), _usage_hint(error.ctx))
        return USAGE_ERROR
    except click.ClickException as error:
        _complain(error.format_message())
        return USAGE_ERROR
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").split(".")[0])
        if extra is None:
            return _own_fault(error)
        _complain(f"this command needs the optional part {extra!r}; install it with:  pip install 'guideway[{extra}]'")
        return USAGE_ERROR
    except OSError as error:
        if error.filename is None:
            return _own_fault(error)
        _complain(f"{_text(error.filename)}: {(error.strerror or 'cannot be used').lower()}")
        return USAGE_ERROR
    except Exception as error:
        return _own_fault(error)


def _invoke(arguments: list[str], command: click.Command) -> Any:
    """click's ``Command.main`` without its own handling of interrupts and closed pipes, whose statuses are others."""
    if "_GUIDEWAY_COMPLETE" in os.environ:  # a shell asks for completions
        return command.main(arguments, prog_name="guideway")
    with command.make_context("guideway", arguments) as context:
        return command.invoke(context)


def _complain(message: str, *more: str) -> None:
    """A message on standard error; a closed standard error is no reason to fail differently."""
    lines = "\n".join([f"guideway: {message}", *(line for line in more if line)])
    try:
        print(lines, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        return
    except UnicodeEncodeError:
        print(lines.encode("ascii", "backslashreplace").decode(), file=sys.stderr, flush=True)


def _usage_hint(ctx: click.Context | None) -> str:
    return f"See: {ctx.command_path} --help" if ctx is not None else ""


def _reader_gone() -> int:
    """``guideway … | head``: stop without a word, and keep the interpreter from complaining about it at exit."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    except (OSError, ValueError):
        return READER_GONE
    return READER_GONE


def _own_fault(error: BaseException) -> int:
    """A fault of ours: one line with the place, and the whole stack under GUIDEWAY_DEBUG (it may hold patient data)."""
    if os.environ.get("GUIDEWAY_DEBUG"):
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = ""
    if trace is not None:
        code = trace.tb_frame.f_code
        place = (
            f" in {os.path.basename(os.path.dirname(code.co_filename))}/{os.path.basename(code.co_filename)}:{trace.tb_lineno}"
        )
    _complain(
        f"internal error: {type(error).__name__}{place}",
        "This is a fault of the program, not of your data. GUIDEWAY_DEBUG=1 prints the details (they may contain patient data).",
    )
    return OWN_FAULT


def _text(name: object) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)

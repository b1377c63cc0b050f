"""The command ``guideway`` itself: dispatch by the table. How commands end is in ``ending``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import click

from guideway.cli.commands import COMMANDS
from guideway.cli.ending import INTERRUPTED, USAGE_ERROR, complain, ended

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
    return ended(lambda: _with_click(list(arguments), command))


def _with_click(arguments: list[str], command: click.Command) -> Any:
    """click's ``Command.main`` without its own handling of interrupts and closed pipes, whose statuses are others."""
    if "_GUIDEWAY_COMPLETE" in os.environ:  # a shell asks for completions
        return command.main(arguments, prog_name="guideway")
    try:
        with command.make_context("guideway", arguments) as context:
            return command.invoke(context)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort:
        complain("interrupted")
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
    except click.UsageError as error:
        complain(error.format_message(), f"See: {error.ctx.command_path} --help" if error.ctx is not None else "")
    except click.ClickException as error:
        complain(error.format_message())
    return USAGE_ERROR

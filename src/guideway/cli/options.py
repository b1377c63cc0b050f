"""A command's options as a table, read in two ways: at once, without click, and by click.

Importing click takes a third of a warm ``guideway apply``. A plain command line needs none of it: ``quick`` reads one by the
table, and gives up (``None``) at anything out of the ordinary, such as ``--help``, an unknown option or a missing value; then
``as_click`` makes the click command from the same table, which helps, completes and complains as ever. So there is one list of
options, and both readers agree on every command line that ``quick`` accepts (a test compares them).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import click

Values = dict[str, Any]


class Option(msgspec.Struct, frozen=True):
    """One option: a text, one of ``choices``, a flag, or (``many``) a tuple of texts."""

    name: str
    """The parameter it fills."""
    flags: tuple[str, ...]
    help: str
    metavar: str | None = None
    default: str | None = None
    choices: tuple[str, ...] = ()
    many: bool = False
    flag: bool = False


def quick(options: Sequence[Option], rest: str, arguments: Sequence[str]) -> Values | None:
    """The values of a plain command line; ``rest`` takes what is no option. ``None``: let click read it."""
    by_flag = {flag: option for option in options for flag in option.flags}
    values: Values = {option.name: False if option.flag else () if option.many else option.default for option in options}
    others: list[str] = []
    remaining = iter(arguments)
    for word in remaining:
        if word == "-" or not word.startswith("-"):
            others.append(word)
            continue
        flag, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        option = by_flag.get(flag)
        if option is None:
            return None
        if option.flag:
            if equals:
                return None
            values[option.name] = True
            continue
        if not equals:
            following = next(remaining, None)
            if following is None or (following.startswith("-") and following != "-"):
                return None
            value = following
        if option.choices and value not in option.choices:
            return None
        values[option.name] = (*values[option.name], value) if option.many else value
    values[rest] = tuple(others)
    return values


def as_click(
    name: str, options: Sequence[Option], rest: str, metavar: str, run: Callable[..., int], text: str
) -> click.Command:  # fmt: skip
    """The click command of the table; ``text`` is its help."""
    import click

    parameters: list[click.Parameter] = [click.Argument([rest], nargs=-1, metavar=metavar)]
    for option in options:
        kind: Any = click.Choice(option.choices) if option.choices else str
        shown = option.default is not None and not option.flag
        parameters.append(
            click.Option(
                [*option.flags, option.name],
                metavar=option.metavar,
                help=option.help,
                type=None if option.flag else kind,
                is_flag=option.flag,
                multiple=option.many,
                default=False if option.flag else None if option.many else option.default,
                show_default=shown,
            )
        )
    return click.Command(name, params=parameters, callback=run, help=text)

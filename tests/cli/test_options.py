"""The two readers of a command line agree: whatever ``quick`` accepts, click reads the same."""

from __future__ import annotations

from dataclasses import fields

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guideway.cli.apply import OPTIONS
from guideway.cli.hooks import Asked, hooks
from guideway.cli.options import Option, as_click, quick
from guideway.diagnostics import GuidewayError

SEEN: list[dict[str, object]] = []


def _collect(**values: object) -> int:
    SEEN.append(values)
    return 0


COMMAND = as_click("apply", OPTIONS, "bundles", "[BUNDLE]...", _collect, "Help.")


def by_click(arguments: list[str]) -> dict[str, object]:
    SEEN.clear()
    with COMMAND.make_context("apply", list(arguments)) as context:
        COMMAND.invoke(context)
    return SEEN[0]


def values_of(option: Option) -> st.SearchStrategy[str]:
    return (
        st.sampled_from(option.choices)
        if option.choices
        else st.sampled_from(["x", "a=b", "10*9/L", "ä ö", "-", "-5", "", "--x"])
    )


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    line: list[str] = []
    for option in draw(st.lists(st.sampled_from(OPTIONS), max_size=5)):
        flag = draw(st.sampled_from(option.flags))
        if option.flag:
            line.append(flag)
        elif flag.startswith("--") and draw(st.booleans()):
            line.append(f"{flag}={draw(values_of(option))}")
        else:
            line += [flag, draw(values_of(option))]
        if draw(st.booleans()):
            line.append(draw(st.sampled_from(["patient.json", "-", "b c.json"])))
    return line


@given(command_lines())
def test_both_readers_agree(line: list[str]) -> None:
    values = quick(OPTIONS, "bundles", line)
    if values is not None:
        assert values == by_click(line)


@given(command_lines(), st.sampled_from(["--help", "-h", "--unknown", "-ofile", "--", "--format=xml", "--explain=1", "--as-of"]))
def test_what_is_out_of_the_ordinary_is_left_to_click(line: list[str], odd: str) -> None:
    assert quick(OPTIONS, "bundles", [*line, odd]) is None


def test_plain_lines_are_read_quickly() -> None:
    line = ["a.json", "--plan", "x", "--plan=y", "--explain", "-o", "out", "--format", "json", "b.json", "-"]
    values = quick(OPTIONS, "bundles", line)
    assert values is not None
    assert values["bundles"] == ("a.json", "b.json", "-")
    assert values["plans"] == ("x", "y")
    assert (values["explain"], values["target"], values["form"], values["timezone"]) == (True, "out", "json", "UTC")


def test_the_last_of_a_repeated_option_counts() -> None:
    line = ["--as-of", "2026-01-01", "--as-of", "2026-02-02"]
    assert quick(OPTIONS, "bundles", line) == by_click(line)


def test_click_complains_where_quick_gives_up() -> None:
    for line in (["--format", "xml"], ["--as-of"], ["--unknown"]):
        assert quick(OPTIONS, "bundles", line) is None
        with pytest.raises(click.UsageError):
            by_click(line)


@pytest.mark.parametrize("command", [hooks.commands["call"], hooks.commands["check"]], ids=lambda command: command.name)
def test_a_call_and_a_check_of_hooks_read_the_same_options(command: click.Command) -> None:
    both = {part.name for part in fields(Asked)}
    assert both <= {parameter.name for parameter in command.params}
    lines = {
        "--jwt-key and --jwt-issuer belong together": ["--jwt-issuer", "me"],
        "--timeout must be more than 0 seconds": ["--timeout", "0"],
        "nowhere.json": ["--context", "nowhere.json"],
    }
    for words, line in lines.items():
        context = command.make_context(command.name, ["http://127.0.0.1:9", "--patient", "p", *line])
        with context, pytest.raises(GuidewayError, match=words):
            command.invoke(context)

"""``guideway traceability``: where each statement of the source went, as a table for people or JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from guideway.cli.lines import Line, Piece, wrap
from guideway.cli.output import show_lines, write_result
from guideway.cli.package import open_package, package_option


@click.command()
@package_option
@click.option("--cases", "folder", metavar="DIR", help="The folder with the test cases (YAML).")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="For people, or for programs.",
)
@click.option("-o", "--output", "target", metavar="FILE", help="Write there instead of standard output.")
def traceability(package: str | None, folder: str | None, form: str, target: str | None) -> None:
    """Show where each statement of the source went: action, activity, logic, value sets, test cases."""
    from guideway.authoring.traceability import names_expected
    from guideway.authoring.traceability import traceability as table_of

    cases: dict[str, list[str]] = {}
    if folder is None:
        guideline = open_package(package)
    else:
        from guideway.authoring.testing import case_files, open_suite

        suite = open_suite(package)
        guideline = suite.guideline
        cases = {case.id: names_expected(case.expect) for case in suite.read_all(case_files([folder], package))}
    table = table_of(guideline, cases)
    if form == "json":
        import json

        write_result((json.dumps(table, indent=1, ensure_ascii=False) + "\n").encode(), target)
        return
    show_lines(lambda width: _lines(table, width, with_cases=folder is not None), target)


def _lines(table: dict[str, Any], width: int, with_cases: bool) -> Iterator[Line]:
    for row in table["statements"]:
        yield [Piece(row["id"], "title")]
        for home in row["homes"]:
            sources = "; ".join(home.get("source", []))
            yield from wrap(f"{home['plan']}#{home['action']} ({home['kind']}; {sources})", width, first="  ", rest="    ")
            if home.get("activity"):
                yield from _named("activity", home["activity"], width)
            if home.get("defines"):
                yield from _named("logic", ", ".join(home["defines"]), width)
        if with_cases:
            yield from _named("cases", ", ".join(row["cases"]) or "none", width)


def _named(label: str, text: str, width: int) -> Iterator[Line]:
    return wrap(text, width, first=f"    {label:<10}", rest=" " * 14)

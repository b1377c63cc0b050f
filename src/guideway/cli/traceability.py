"""``guideway traceability``: where each statement of the source went, as a table for people or JSON."""

from __future__ import annotations

from typing import Any

import click

from guideway.cli.output import write_result
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
    write_result("\n".join(_lines(table)) + "\n", target)


def _lines(table: dict[str, Any]) -> list[str]:
    lines = []
    for row in table["statements"]:
        lines.append(row["id"])
        for home in row["homes"]:
            lines.append(f"  {home['plan']}#{home['action']}  ({home['kind']}; {'; '.join(home.get('source', []))})")
            if home.get("activity"):
                lines.append(f"    activity  {home['activity']}")
            if home.get("defines"):
                lines.append(f"    logic     {', '.join(home['defines'])}")
        lines.append(f"    cases     {', '.join(row['cases']) or 'none'}")
    return lines

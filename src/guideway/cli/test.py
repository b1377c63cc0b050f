"""``guideway test``: does the guideline say of these patients what it should?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from guideway.cli.lines import Line, Piece, clean, wrap
from guideway.cli.output import show_lines, write_result
from guideway.cli.package import open_plans, package_option

if TYPE_CHECKING:
    from guideway.authoring.coverage import Row
    from guideway.authoring.testing import Result


@click.command("test")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path())
@package_option
@click.option("-k", "chosen", metavar="TEXT", multiple=True,
              help="Only cases with TEXT in their file name, id, story or rows; repeatable.")  # fmt: skip
@click.option("--coverage", is_flag=True, help="Also show what no case has shown: statuses, values of defines, value sets.")
@click.option("--fail-under", metavar="PERCENT", type=click.FloatRange(0, 100),
              help="Exit with status 1 where less is covered; implies --coverage.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["table", "json", "junit"]), default="table", show_default=True,
              help="For people, for programs, for build servers.")  # fmt: skip
@click.option("-o", "--output", "target", metavar="FILE", help="Write there instead of standard output.")
def test(
    paths: tuple[str, ...],
    package: str | None,
    chosen: tuple[str, ...],
    coverage: bool,
    fail_under: float | None,
    form: str,
    target: str | None,
) -> int:
    """Run clinical cases: patients in a few lines of YAML, with what must come out.

    PATH is a case file or a folder of them; without it the cases beside the guideline are run. docs/testing.md describes the
    format.

    The exit status is 0 where every case passes, 1 where one fails, 2 where a file has a mistake (all are listed and nothing
    is run).

    \b
      guideway test
      guideway test cases/topic -k TEXT
      guideway test --coverage --fail-under 90
      guideway test --format junit -o results.xml
    """
    from guideway.authoring.case_text import refused
    from guideway.authoring.coverage import Coverage, percentage
    from guideway.authoring.testing import Suite, case_files, open_suite
    from guideway.diagnostics import Diagnostic, GuidewayError

    open_plans(package)
    suite = open_suite(package)
    cases = suite.read_all(case_files(paths, package), chosen)
    if not cases:
        raise GuidewayError(f"no case has {' or '.join(map(repr, chosen))} in its file name, id, story or rows")
    counted = Coverage(suite.guideline) if coverage or fail_under is not None else None
    if counted is not None:
        suite = Suite(counted.guideline, suite.concepts)
    results: list[Result] = []
    mistakes: list[Diagnostic] = []
    for case in cases:
        try:
            result, outcome = suite.judged(case)
        except GuidewayError as error:
            if not error.diagnostics:
                raise
            mistakes += error.diagnostics
            continue
        results.append(result)
        if counted is not None:
            counted.note(case, outcome)
    if mistakes:
        raise refused(mistakes)
    rows = counted.rows() if counted is not None else None
    if form == "junit":
        from guideway.authoring.case_reports import as_junit

        write_result(as_junit(suite.guideline, results), target)
    elif form == "json":
        from guideway.apply.outcome import dumps
        from guideway.authoring.case_reports import as_json

        write_result(dumps(as_json(suite.guideline, results, rows), indent=2), target)
    else:
        show_lines(lambda width: _lines(suite, results, rows, width), target)
    short = rows is not None and fail_under is not None and percentage(rows) < fail_under
    return 1 if short or any(not result.passed for result in results) else 0


def _lines(suite: Any, results: list[Result], rows: list[Row] | None, width: int) -> Iterator[Line]:
    for result in results:
        for problem in result.problems:
            place = result.case.file or result.case.id
            line = result.line(problem)
            yield [Piece(f"{place}:{line}" if line else place, "title"), Piece(clean(f" {result.case.id}: {problem}"))]
    if rows is not None:
        yield from _coverage(rows, width)
    failed = sum(not result.passed for result in results)
    manifest = suite.guideline.manifest
    words = f"{len(results)} case{'s' if len(results) != 1 else ''} of {manifest.id} {manifest.version}: "
    words += f"{len(results) - failed} passed, {failed} failed"
    yield [Piece(words, "title")]


KINDS = (
    ("recommendation", "Recommendations", {"applies": "never seen to apply", "otherwise": "never seen not to apply"}),
    ("define", "Defines", {"true": "never true", "false": "never false", "value": "never with a value"}),
    ("value-set", "Value sets", {"hit": "no case has a code of it"}),
)


def _coverage(rows: list[Row], width: int) -> Iterator[Line]:
    from guideway.authoring.coverage import percentage

    for kind, title, words in KINDS:
        mine = [row for row in rows if row.kind == kind]
        yield [Piece(f"{title}: {percentage(mine)}% of {sum(len(row.wanted) for row in mine)}", "title")]
        for what, said in words.items():
            names = [row.name for row in mine if row.wanted.get(what) is False]
            if names:
                yield [Piece(f"  {said} ({len(names)})")]
                for name in names:
                    yield from wrap(name, width, first="    ", rest="      ")
    yield [Piece(f"Coverage: {percentage(rows)}% of {sum(len(row.wanted) for row in rows)}", "title")]
    yield []

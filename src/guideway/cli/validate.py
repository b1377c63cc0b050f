"""``guideway validate``: is this guideline fit to be applied?"""

from __future__ import annotations

import click

from guideway.cli.output import write_result


@click.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path())
@click.option("--format", "form", type=click.Choice(["text", "json", "sarif"]), default="text", show_default=True)
@click.option("-o", "--output", "target", metavar="FILE", help="Write there instead of standard output.")
def validate(paths: tuple[str, ...], form: str, target: str | None) -> int:
    """Check artifacts, canonical references, CQL and conditions.

    PATH is a guideline (a folder, a FHIR package, a Bundle) or files of one; without it the guideline that came with guideway is
    checked. A file is checked as part of its guideline.

    The exit status is 1 where there is an error, 0 where there are at most warnings.
    """
    from guideway import __version__
    from guideway.authoring.validate import validate as check
    from guideway.diagnostics import GuidewayError, Severity
    from guideway.guideline.locate import installed_guideline
    from guideway.sarif import as_json_text, as_sarif

    if not paths:
        origin = installed_guideline()
        if origin is None:
            raise GuidewayError("no guideline came with this program; name one: guideway validate PATH")
        paths = (origin,)
    checked = check(paths)
    findings = checked.findings
    errors = sum(finding.severity is Severity.error for finding in findings)
    if form == "json":
        write_result(as_json_text(findings) + "\n", target)
    elif form == "sarif":
        import json

        write_result(json.dumps(as_sarif(findings, __version__), indent=2, ensure_ascii=False) + "\n", target)
    else:
        warnings = sum(finding.severity is Severity.warning for finding in findings)
        summary = f"{_count(checked.artifacts, 'artifact')}, {_count(checked.libraries, 'library', 'libraries')}: "
        summary += f"{_count(errors, 'error')}, {_count(warnings, 'warning')}"
        if checked.consequences:
            summary += f"; {checked.consequences} more follow from these, and are told when these are mended"
        write_result("\n".join([*(finding.as_text() for finding in findings), summary]) + "\n", target)
    return 1 if errors else 0


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"

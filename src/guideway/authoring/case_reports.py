"""The results of cases for programs: one JSON document, and JUnit's XML for build servers.

The JSON is described in docs/testing.md; ``FORMAT`` changes when a reader of an older version would misread a newer one. There
are no times in either: the same cases give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from guideway import __version__
from guideway.authoring.coverage import Row, percentage
from guideway.authoring.testing import Result
from guideway.guideline.compiled import CompiledGuideline

Json = dict[str, Any]

FORMAT = "guideway-test/1"
PLURALS = {"recommendation": "recommendations", "define": "defines", "value-set": "valueSets"}


def as_json(guideline: CompiledGuideline, results: Sequence[Result], rows: list[Row] | None) -> Json:
    """Everything about a run."""
    failed = sum(not result.passed for result in results)
    document: Json = {
        "format": FORMAT,
        "program": {"name": "guideway", "version": __version__},
        "guideline": {
            "id": guideline.manifest.id,
            "version": guideline.manifest.version,
            "hash": guideline.content_hash,
        },
        "summary": {"cases": len(results), "passed": len(results) - failed, "failed": failed},
        "cases": [_case(result) for result in results],
    }
    if rows is not None:
        coverage: Json = {"percent": percentage(rows)}
        for kind, plural in PLURALS.items():
            coverage[plural] = [{"name": row.name, "seen": row.seen, "never": _never(row)} for row in rows if row.kind == kind]
        document["coverage"] = coverage
    return document


def _case(result: Result) -> Json:
    case = result.case
    found: Json = {"id": case.id, "story": case.story, "file": case.file, "line": result.line(), "rows": case.rows}
    found |= {"result": "passed" if result.passed else "failed"}
    problems = [
        {
            "line": result.line(problem),
            "expectation": problem.path[1] if len(problem.path) > 1 else None,
            "name": problem.name,
            "expected": problem.expected,
            "came": problem.came,
            "why": problem.why or None,
        }
        for problem in result.problems
    ]
    if problems:
        found["problems"] = [{name: value for name, value in problem.items() if value is not None} for problem in problems]
    return {name: value for name, value in found.items() if value not in (None, "", [])}


def _never(row: Row) -> list[str]:
    return [name for name, so in row.wanted.items() if not so]


def as_junit(guideline: CompiledGuideline, results: Sequence[Result]) -> bytes:
    """JUnit's XML: a suite for each folder, a test case for each case, what failed as a failure."""
    failed = sum(not result.passed for result in results)
    root = ElementTree.Element("testsuites", name=guideline.manifest.label, tests=str(len(results)), failures=str(failed))
    suites: dict[str, list[Result]] = {}
    for result in results:
        suites.setdefault((result.case.file or "").replace("\\", "/").rpartition("/")[0], []).append(result)
    for folder, members in suites.items():
        wrong = sum(not result.passed for result in members)
        suite = ElementTree.SubElement(root, "testsuite", name=folder or ".", tests=str(len(members)), failures=str(wrong))
        for result in members:
            place: dict[str, str] = {
                "name": result.case.id,
                "classname": folder.replace("/", "."),
                "file": result.case.file or "",
                "line": str(result.line() or 1),
            }
            element = ElementTree.SubElement(suite, "testcase", place)
            if not result.passed:
                lines = [_printable(f"{result.case.file}:{result.line(p) or 1}: {p}") for p in result.problems]
                failure = ElementTree.SubElement(element, "failure", message=_printable(str(result.problems[0])))
                failure.text = "\n".join(lines)
    ElementTree.indent(root)
    data: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _printable(text: str) -> str:
    """Without what XML 1.0 cannot hold."""
    return "".join(
        each if each in "\t\n" or " " <= each < "\ud800" or "\ue000" <= each <= "\ufffd" or each > "\uffff" else "�"
        for each in text
    )

"""The traces of every define for every example patient are those that are made at once, node by node; and what values rest on is
the same, found before they were made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from guideway.apply.moment import moment
from guideway.apply.provenance import Provenance
from guideway.diagnostics import GuidewayError
from guideway.engine.program import Program
from guideway.guideline.compiling import compile_guideline
from guideway.guideline.loading import load
from guideway.guideline.locate import installed_guideline
from guideway.records.reading import read_bundle
from tests.engine.traces import at_once, libraries_of, lines_of

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.mark.full
def test_traces_of_the_examples_are_those_that_are_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    guideline = compile_guideline(load(installed_guideline()))
    eager = at_once(libraries_of(guideline.program), monkeypatch)
    when = moment("2026-06-01", "UTC")

    def traces(program: Program, record: Any) -> dict[Any, Any]:
        ran = program.evaluation(record, now=when.now, timezone=when.offset, terminology=guideline.terminology, trace=True)
        seen: dict[int, int] = {}
        found: dict[Any, Any] = {}
        sources = Provenance()
        for library in program.libraries.values():
            for define in library.defines:
                try:
                    node = ran.trace(library.name, define)
                except GuidewayError:
                    continue
                rests_on = [list(part) for part in sources.of(node)]
                found["support", library.name, define] = rests_on, list(sources.read_by(node))
        for library in program.libraries.values():
            for define in library.defines:
                try:
                    found[library.name, define] = lines_of(ran.trace(library.name, define), seen)
                except GuidewayError as error:
                    found[library.name, define] = str(error)
        return found

    nodes = 0
    for path in sorted(EXAMPLES.glob("*.json")):
        (record,) = read_bundle(path.read_bytes(), path.name)
        seen = record.under(guideline.manifest.hygiene, when.text, when.offset)
        expected = traces(eager, seen)
        assert traces(guideline.program, seen) == expected, path.name
        nodes += sum(len(lines) for lines in expected.values() if isinstance(lines, list))
    assert nodes > 100_000

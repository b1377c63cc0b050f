"""One meaning, four ways: plain code, traced code, ELM without types, and stored programs give the same for many libraries.

The corpus is the one that is compared with the reference implementation (tests/oracle).
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.engine.logic import NOW

from guideway.cql.translator import BuiltinSource, FolderSource, SourceChain, translate
from guideway.diagnostics import GuidewayError
from guideway.elm.codec import read_json, write_json
from guideway.engine.data import ResourceSource
from guideway.engine.program import Program, compile_program
from guideway.terminology import ValueSetIndex

ORACLE = Path(__file__).parent.parent / "oracle"
BUNDLE = json.loads((ORACLE / "patient.json").read_text("utf-8"), parse_float=Decimal)
COUNTS = {
    "resourceType": "ValueSet",
    "url": "http://example.org/ValueSet/counts",
    "compose": {"include": [{"system": "http://loinc.org", "concept": [{"code": "751-8"}, {"code": "777-3"}]}]},
}


def outcomes(program: Program, name: str, *, trace: bool = False) -> dict[str, str]:
    """Every define's value as text; errors by their place and message."""
    source = ResourceSource(entry["resource"] for entry in BUNDLE["entry"])
    ran = program.evaluation(source, now=NOW, terminology=ValueSetIndex([COUNTS]), trace=trace)
    found = {}
    for define in program.library(name).defines:
        try:
            found[define] = shown(ran.define(name, define))
        except GuidewayError as error:
            found[define] = f"{type(error).__name__}: {error}"
    return found


def shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(shown(item) for item in value)}]"
    return f"{type(value).__name__} {value!r}"


@pytest.mark.parametrize("path", sorted((ORACLE / "libraries").glob("*.cql")), ids=lambda path: path.stem)
def test_all_ways_agree(path: Path) -> None:
    result = translate(path.read_text("utf-8"), sources=SourceChain(FolderSource(path.parent), BuiltinSource()))
    assert not result.errors
    plain = compile_program(result.libraries)
    expected = outcomes(plain, path.stem)
    assert expected
    assert outcomes(plain, path.stem, trace=True) == expected
    assert outcomes(Program.loads(plain.dumps()), path.stem) == expected
    untyped = compile_program([read_json(write_json(library)) for library in result.libraries])
    assert outcomes(untyped, path.stem) == expected

"""What the clinical tests share: the guideline opened once, the names a case may use, and a case applied to an outcome."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from guideway.authoring.case_concepts import Concepts
from guideway.authoring.cases import Case
from guideway.authoring.testing import Suite, open_suite
from guideway.authoring.validate import validate
from guideway.diagnostics import Diagnostic
from guideway.guideline.compiled import CompiledGuideline

ROOT = Path(__file__).resolve().parents[2]
BASE = "https://example.org/guideway/mast-cell-disease"
Json = dict[str, Any]


@cache
def suite() -> Suite:
    """The guideline of this checkout, ready to be tested; as ``guideway test`` has it."""
    return open_suite(str(ROOT))


def guideline() -> CompiledGuideline:
    """The guideline of this checkout, compiled."""
    return suite().guideline


def concepts() -> Concepts:
    """The value sets of this checkout by title and id."""
    return suite().concepts


@cache
def remarks() -> tuple[Diagnostic, ...]:
    """What ``guideway validate`` says of this checkout."""
    return tuple(validate([str(ROOT)]).findings)


def read(path: Path) -> Case:
    """The case in a file; real bundles are looked for beside it."""
    return suite().read(path, path.name)


def outcome_of(case: Case, *, explain: bool | str = False) -> Json:
    """The documented outcome of a case, as ``guideway apply --format outcome`` prints it."""
    return suite().outcome(case, explain=explain)


def cases_below(*folders: Path) -> list[Path]:
    """Every case file below the folders, in order."""
    return sorted(path for folder in folders for path in folder.rglob("*.yaml"))

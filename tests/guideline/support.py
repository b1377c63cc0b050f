"""What the clinical tests share: the guideline opened once, the names a case may use, and a case applied to an outcome."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from guideway.apply.run import apply_guideline
from guideway.authoring.cases import Case, Concepts, concepts_of, read_case
from guideway.guideline.compiled import CompiledGuideline, open_guideline
from guideway.records.reading import read_resources

ROOT = Path(__file__).resolve().parents[2]
BASE = "https://example.org/guideway/mast-cell-disease"
Json = dict[str, Any]


@cache
def guideline() -> CompiledGuideline:
    """The guideline of this checkout, compiled."""
    return open_guideline(str(ROOT))


@cache
def concepts() -> Concepts:
    """The value sets of this checkout by title and id."""
    return concepts_of((json.loads(path.read_text("utf-8")) for path in sorted((ROOT / "valuesets").rglob("*.json"))), BASE)


def read(path: Path) -> Case:
    """The case in a file; real bundles are looked for beside it."""
    return read_case(
        path.read_text("utf-8"),
        concepts(),
        path.name,
        bundle_reader=lambda name: json.loads((path.parent / name).read_text("utf-8")),
    )


def outcome_of(case: Case, *, explain: bool | str = False) -> Json:
    """The documented outcome of a case, as ``guideway apply --format json`` carries it."""
    (record,) = read_resources([case.bundle], case.id)
    parameters = {name: str(value) for name, value in case.parameters.items()}
    if case.context is not None:
        from guideway.fhir.element import FhirObject

        drafts = [entry["resource"] for entry in case.context["draftOrders"]["entry"]]
        parameters["draftOrders"] = [FhirObject(draft["resourceType"], draft) for draft in drafts]  # type: ignore[assignment]
    found = apply_guideline(
        guideline(),
        record,
        plans=case.plans or None,
        as_of=case.as_of,
        hook=case.hook,
        parameters=parameters,
        explain=explain,
    )
    result: Json = found.as_json()
    return result


def cases_below(*folders: Path) -> list[Path]:
    """Every case file below the folders, in order."""
    return sorted(path for folder in folders for path in folder.rglob("*.yaml"))

"""The cases here expect what the specification says: 25 vignettes, 40 small cases on both sides, the grid of doses."""

from __future__ import annotations

import csv

import pytest
import yaml

from tests.shared import shared_folder

from .support import ROOT, cases_below, read

CASES = ROOT / "tests/guideline/cases"


def test_every_vignette_expects_what_its_specification_lists() -> None:
    """A class of drugs is one element each in the data elements, so ``inadequateResponse`` is asked for by class."""
    told = {v["id"]: v for v in yaml.safe_load(shared_folder("spec/vignettes.yaml").read_text("utf-8"))}
    cases = {case.id: case for case in map(read, cases_below(CASES / "vignettes"))}
    assert set(cases) == set(told)
    assert len(told) == 25
    for name, vignette in told.items():
        expect = cases[name].expect
        missing = {str(element) for element in expect.missing}
        assert set(vignette["fire"]) <= set(expect.fire), name
        assert set(vignette["not_fire"]) <= set(expect.not_fire), name
        assert set(vignette.get("overlay") or ()) <= set(expect.overlay), name
        assert all(any(m.startswith(element) for m in missing) for element in vignette.get("missing") or ()), name


def test_every_small_case_is_there_on_both_sides() -> None:
    told = yaml.safe_load(shared_folder("spec/microcases.yaml").read_text("utf-8"))
    rows = [case["row"] for case in told]
    assert len(rows) == 40
    cases = [read(file) for file in cases_below(CASES / "microcases")]
    fires = {name for case in cases for name in case.expect.fire}
    silent = {
        name
        for case in cases
        for name in [*case.expect.not_fire, *case.expect.status, case.id.removesuffix("-not")]
        if name not in case.expect.fire
    }
    assert [row for row in rows if row not in fires] == []
    assert [row for row in rows if row not in silent] == []


@pytest.mark.parametrize("name", ["midostaurin_grid.csv"])
def test_the_grid_is_the_specification_s(name: str) -> None:
    def rows_of(text: str) -> list[dict[str, str]]:
        return list(csv.DictReader(text.splitlines()))

    ours = rows_of((ROOT / "tests/guideline/data" / name).read_text("utf-8"))
    assert ours == rows_of(shared_folder(f"spec/{name}").read_text("utf-8"))
    assert len(ours) == 520

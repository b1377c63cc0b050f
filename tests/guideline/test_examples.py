"""The example patients: the bundle beside each story is its expansion, and the outcome is the expected one."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from guideway.apply.run import apply_guideline
from guideway.authoring.judging import check
from guideway.records.reading import read_files

from .support import ROOT, guideline, outcome_of, read

STORIES = sorted((ROOT / "examples").glob("*.yaml"))


def test_there_are_enough_stories() -> None:
    assert len(STORIES) >= 8


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.stem)
def test_outcome(story: Path) -> None:
    case = read(story)
    assert case.story
    assert check(case, outcome_of(case)) == []


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.stem)
def test_bundle_is_the_expansion(story: Path) -> None:
    expanded = json.loads(msgspec.json.Encoder(decimal_format="number").encode(read(story).bundle))
    assert json.loads(story.with_suffix(".json").read_text("utf-8")) == expanded


def test_all_together_are_what_each_is_alone() -> None:
    records = read_files([story.with_suffix(".json") for story in STORIES])
    assert [record.id for record in records] == sorted(story.stem for story in STORIES)
    for record in records[::4]:
        together = apply_guideline(guideline(), record, as_of="2026-06-01")
        (single,) = read_files([ROOT / f"examples/{record.id}.json"])
        assert together.as_json() == apply_guideline(guideline(), single, as_of="2026-06-01").as_json()


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.stem)
def test_nobody_has_a_name(story: Path) -> None:
    bundle = json.loads(story.with_suffix(".json").read_text("utf-8"))
    (patient,) = [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient"]
    assert not {"name", "telecom", "address", "identifier"} & set(patient)

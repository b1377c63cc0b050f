"""The example patients: the bundle beside each story is its expansion, and the outcome is the expected one."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from guideway.authoring.cases import check

from .support import ROOT, outcome_of, read

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


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.stem)
def test_nobody_has_a_name(story: Path) -> None:
    bundle = json.loads(story.with_suffix(".json").read_text("utf-8"))
    (patient,) = [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient"]
    assert not {"name", "telecom", "address", "identifier"} & set(patient)

"""Words of a record are looked through in a time that grows with their length, not with its square: a line of dots or dashes, as
forms and printed tables hold them, must not keep a service from everybody else."""

import json
import time
from decimal import Decimal
from pathlib import Path

import pytest

from guideway.apply.run import apply_guideline
from guideway.guideline.compiled import open_guideline
from guideway.records.reading import read_resources, select

PATIENT = Path(__file__).parents[2] / "examples" / "aggressive-sm-neutrophils-0-8.json"
LENGTH = 100_000


def record(kind, words):
    found = [entry["resource"] for entry in json.loads(PATIENT.read_text("utf-8"), parse_float=Decimal)["entry"]]
    whose = {"reference": f"Patient/{found[0]['id']}"}
    added = {
        "Condition": {"subject": whose, "code": {"text": words}},
        "AllergyIntolerance": {"patient": whose, "code": {"text": words}},
        "Procedure": {"status": "completed", "subject": whose, "code": {"text": words}},
        "DiagnosticReport": {"status": "final", "subject": whose, "code": {"text": "KIT D816V"}, "conclusion": words},
    }[kind]
    return select(read_resources([*found, {"resourceType": kind, "id": "long", **added}]), found[0]["id"])


@pytest.mark.parametrize("run", [".", "-", " ", "\n"])
@pytest.mark.parametrize("kind", ["Condition", "AllergyIntolerance", "Procedure", "DiagnosticReport"])
def test_a_long_run_of_one_character_is_looked_through_once(kind, run):
    given = record(kind, f"KIT D816V x{run * LENGTH}x")
    guideline = open_guideline(None)
    start = time.process_time()
    apply_guideline(guideline, given, plans=None, as_of="2026-11-22T00:00:00Z", timezone="UTC")
    assert time.process_time() - start < 5

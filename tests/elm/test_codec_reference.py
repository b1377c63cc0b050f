"""ELM of the reference translator in all its forms: read alike from JSON and XML, with the same results at every level.

Needs Node and npm (packages as in tests/oracle) and the model information in GUIDEWAY_SHARED.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.engine.logic import evaluation, fhir_library, observation, patient, value_set
from tests.shared import shared_folder

from guideway.cql.translator import BuiltinSource
from guideway.elm.codec import read, write_json
from guideway.engine.program import compile_program

pytestmark = pytest.mark.full
HERE = Path(__file__).parent
ORACLE = HERE.parent / "oracle"

BODY = """codesystem "Labs": 'http://example.org/labs'
valueset "Blood": 'http://example.org/blood'
code "Hb": 'hb' from "Labs"
parameter "Period" Interval<System.DateTime> default Interval[@2025-01-01T00:00:00.0, @2025-12-31T23:59:59.9]
context Patient
define "Final": [Observation: "Hb"] O where O.status = 'final'
define "Newest": Last("Final" O sort by (effective as FHIR.dateTime).value)
define "Low": "Newest".value as FHIR.Quantity < 12 'g/dL'
define "In set": Count([Observation: "Blood"])
define "Coded": exists ([Observation] O where O.code in "Blood")
define "Within": ([Observation: "Blood"] O where (O.effective as FHIR.dateTime) during "Period" return all O.id.value)
define "Tuples": "Final" O let v: O.value as FHIR.Quantity return all Tuple { id: O.id.value, value: v.value.value }
define "Age": AgeInYearsAt(@2026-01-01)
define "Case": case when "Low" then 'low' else 'other' end
define "Message": Message('x', true, 'code', 'Warning', 'words')
"""
DATA = [
    patient(),
    observation("a", "hb", Decimal("13.5"), "2025-01-05T00:00:00Z"),
    observation("b", "hb", Decimal("11.5"), "2025-02-01T10:00:00Z"),
    observation("c", "plt", 140, "2024-12-30"),
]
SETS = [value_set("http://example.org/blood", "hb", "plt")]


@pytest.fixture(scope="module")
def forms() -> list[dict[str, Any]]:
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("needs Node and npm")
    models = shared_folder("reference/model-info")
    folder = Path(os.environ.get("GUIDEWAY_ORACLE") or Path.home() / ".cache" / "guideway-oracle")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ORACLE / "package.json", folder / "package.json")
    shutil.copy(HERE / "reference_forms.mjs", folder / "reference_forms.mjs")
    if not (folder / "node_modules" / "cql-execution").exists():
        subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True)
    helpers = BuiltinSource().find("FHIRHelpers", "4.0.1")
    assert helpers is not None
    paths = {"System": str(models / "system-modelinfo.xml"), "FHIR": str(models / "fhir-modelinfo-4.0.1.xml")}
    job = {"text": fhir_library(BODY), "helpers": helpers.text, "models": paths}
    done = subprocess.run(
        ["node", "reference_forms.mjs"], cwd=folder, input=json.dumps(job), capture_output=True, text=True, check=True
    )
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


def results(documents: list[bytes]) -> dict[str, str]:
    made = compile_program([read(document) for document in documents])
    ran = evaluation(made, DATA, value_sets=SETS)
    return {name: repr(ran.define("Test", name)) for name in made.library("Test").defines}


def test_every_form_is_read_with_the_same_results(forms: list[dict[str, Any]]) -> None:
    assert [form["errors"] for form in forms] == [[]] * 12
    expected: dict[str, str] | None = None
    for main, helpers in zip(forms[::2], forms[1::2]):
        for form in (main, helpers):
            trees = [write_json(read(form[kind].encode()), annotations=False) for kind in ("json", "xml")]
            assert trees[0] == trees[1]
        for kind in ("json", "xml"):
            found = results([main[kind].encode(), helpers[kind].encode()])
            expected = expected or found
            assert (main["level"], main["rich"], kind, found) == (main["level"], main["rich"], kind, expected)
    assert expected is not None
    assert expected["Low"] == "True"
    assert expected["Within"] == "['a', 'b']"

"""Content from elsewhere: a folder, a FHIR package and a Bundle of the same nasty definitions give the same result, in every form
of the command line."""

from __future__ import annotations

import base64
import io
import json
import random
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from tests.apply.nasty import Json, package_of
from tests.apply.small import (
    AS_OF,
    BASE,
    LOGIC,
    QUESTIONNAIRE,
    VALUE_SETS,
    bundle,
    expression,
    medication,
    observation,
    plan,
    record,
)

from guideway.apply.care_plan import care_plan
from guideway.apply.outcome import dumps
from guideway.apply.run import apply_guideline
from guideway.fhir.check import check_resource
from guideway.guideline.compiled import open_guideline

MANIFEST: Json = {
    "name": "org.example.elsewhere",
    "version": "1.0.0",
    "canonical": BASE,
    "title": "Elsewhere",
    "fhirVersions": ["4.0.1"],
    "guideway": {"hygiene": "clinical"},
}
LIBRARY: Json = {
    "resourceType": "Library",
    "id": "Logic",
    "url": f"{BASE}/Library/Logic",
    "name": "Logic",
    "version": "1.0.0",
    "status": "draft",
    "type": {"text": "logic"},
    "content": [{"contentType": "text/cql", "data": base64.b64encode(LOGIC.encode()).decode()}],
}
SHAPES = ("folder", "package.tgz", "bundle.json")


def deep() -> Json:
    action: Json = {"id": "leaf", "title": "leaf"}
    for number in range(200):
        action = {"id": f"n{number}", "action": [action]}
    return plan("deep", action)


def artifacts(seed: int) -> list[Json]:
    """Some nasty definitions, a plan that is too deep, and the logic; as JSON can carry them."""
    text = json.dumps(package_of(random.Random(seed))).replace("\\ud800", "")
    found: list[Json] = json.loads(text)
    value = {"path": "note[0].text", "expression": expression("Title")}
    return [
        *found,
        plan("plain", {"id": "p", "title": "Plain", "dynamicValue": [value]}),
        deep(),
        LIBRARY,
        QUESTIONNAIRE,
        *VALUE_SETS,
    ]


def written(found: list[Json], shape: str, folder: Path) -> Path:
    """The definitions in one shape."""
    files = {f"{a['resourceType']}-{number}.json": json.dumps(a).encode() for number, a in enumerate(found)}
    files["package.json"] = json.dumps(MANIFEST).encode()
    path = folder / shape
    if shape == "folder":
        path.mkdir()
        for name, data in files.items():
            (path / name).write_bytes(data)
    elif shape == "package.tgz":
        with tarfile.open(path, "w:gz") as archive:
            for name, data in files.items():
                entry = tarfile.TarInfo(f"package/{name}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    else:
        entries = [{"fullUrl": f"urn:uuid:{n}", "resource": a} for n, a in enumerate(found)]
        path.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}), "utf-8")
    return path


def without_identity(text: bytes) -> Any:
    """A CarePlan without what says which package it was made from, and without the names of its files."""
    found = json.loads(text)
    found["extension"] = [e for e in found["extension"] if not e["url"].endswith("made-by")]
    for name in ("title", "id"):
        found.pop(name, None)
    return found


@pytest.mark.parametrize("seed", [3, 11, 27])
def test_every_shape_gives_the_same(seed: int, tmp_path: Path) -> None:
    results = []
    for shape in SHAPES:
        compiled = open_guideline(str(written(artifacts(seed), shape, tmp_path)))
        outcome = apply_guideline(compiled, record(observation(0.8), medication()), as_of=AS_OF, hook=None)
        found = care_plan(outcome)
        problems = [d.as_text() for d in check_resource(found) if d.severity.value == "error"]
        assert not problems, problems[:3]
        assert {r.plan_id for r in outcome.recommendations} >= {"plain", "deep"}
        results.append(without_identity(dumps(found)))
    # what was found about the files differs by their names and by the hygiene that only a manifest can ask for
    kept = [[c for c in r["contained"] if c["resourceType"] in ("RequestGroup", "MedicationRequest", "Task")] for r in results]
    assert kept[0] == kept[1]
    assert [(c["resourceType"], c["id"]) for c in kept[2]] == [(c["resourceType"], c["id"]) for c in kept[0]]


@pytest.mark.parametrize(
    ("shape", "policy", "form"),
    [
        ("folder", "cpg", "table"),
        ("package.tgz", "cqf", "json"),
        ("bundle.json", "spec", "bundle"),
        ("package.tgz", "spec", "markdown"),
        ("bundle.json", "cqf", "outcome"),
    ],
)
def test_the_command_line_survives_it(shape: str, policy: str, form: str, tmp_path: Path) -> None:
    path = written(artifacts(42), shape, tmp_path)
    (tmp_path / "patient.json").write_bytes(bundle(observation(0.8), medication()))
    command = [sys.executable, "-m", "guideway", "apply", str(tmp_path / "patient.json"), "--package", str(path)]
    command += ["--policy", policy, "--format", form, "--as-of", "2026-06-01"]
    done = subprocess.run(command, capture_output=True, check=False)
    said = done.stderr.decode()
    assert done.returncode in (0, 1), said
    assert "Traceback" not in said
    if form in ("json", "bundle", "outcome"):
        found = json.loads(done.stdout)
        assert found
        if form != "outcome":
            kept = [
                d
                for d in check_resource(found)
                if d.severity.value == "error" and not str(d.pointer).endswith("author/reference")
            ]
            assert not kept, [d.as_text() for d in kept[:3]]

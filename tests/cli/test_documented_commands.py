"""Every ``guideway …`` line of the documents runs, with the files that it names.

Those that cannot run here are listed with a reason; ``test_house`` checks that their commands and options exist.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.authoring.package import checked
from tests.test_house import ROOT, shell_lines

from guideway.cli.root import run

EXAMPLE = ROOT / "examples/aggressive-sm-neutrophils-0-8.json"
NOT_HERE = {
    "serve": "runs until it is stopped",
    "hooks": "needs a server",
    "--fhir-server": "needs a server",
    "repl": "is a prompt",
}
FOR_LONG = ("test", "test --coverage --fail-under 85", "test --format junit -o results.xml")
"""All cases of the guideline: tests/guideline runs them."""
FAILS = {"--fail-on": 1}
"""What is meant to end with another status than 0."""

LINES = dict(shell_lines())

pytestmark = pytest.mark.full


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the documents speak of."""
    monkeypatch.chdir(tmp_path)
    patient = json.loads(EXAMPLE.read_text("utf-8").replace("aggressive-sm-neutrophils-0-8", "42"))
    (tmp_path / "patient.json").write_text(json.dumps(patient), "utf-8")
    shutil.copy(ROOT / "examples/no-mast-cell-disease.json", tmp_path / "other-patient.json")
    order = {"resourceType": "MedicationRequest", "id": "d", "status": "draft", "intent": "order"}
    order |= {"medicationCodeableConcept": {"text": "a drug"}, "subject": {"reference": "Patient/42"}}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}]}
    (tmp_path / "drafts.json").write_text(json.dumps({"patientId": "42", "draftOrders": bundle}), "utf-8")
    (tmp_path / "export").mkdir()
    for entry in patient["entry"]:
        resource = entry["resource"]
        with (tmp_path / f"export/{resource['resourceType']}.ndjson").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(resource) + "\n")
    checked(tmp_path / "my-guideline")
    (tmp_path / "my-guideline/cases").mkdir()
    case = "id: c\nas_of: 2026-06-01\ndata: []\nexpect: {not_fire: [treat]}\n"
    (tmp_path / "my-guideline/cases/c.yaml").write_text(case, "utf-8")
    shutil.copy(tmp_path / "my-guideline/plandefinitions/topic/Logic.cql", tmp_path / "Logic.cql")
    run(["cql", "format", "-w", "Logic.cql"])
    shutil.copy(ROOT / "examples/no-mast-cell-disease.yaml", tmp_path / "my-case.yaml")
    cases = ROOT / "tests/guideline/cases/opioid-safety"
    shutil.copytree(cases, tmp_path / "cases/opioids")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


def runnable() -> Iterator[str]:
    """Where commands stand; one that stands in several places, once."""
    first = {tuple(words): where for where, words in reversed(LINES.items())}
    for words, where in reversed(first.items()):
        if not any(word in NOT_HERE for word in words) and " ".join(words) not in FOR_LONG:
            yield where


def files(word: str) -> list[str]:
    """What a shell makes of a word."""
    return sorted(map(str, Path().glob(word))) if "*" in word and "=" not in word else [word]


@pytest.mark.parametrize("where", list(runnable()))
def test_it_runs(where: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    words = [name for word in LINES[where] for name in files(word)]
    if "<" in words:
        given = words.index("<")
        import io
        import sys

        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((folder / words[given + 1]).read_bytes())))
        words = words[:given]
    if words[:2] == ["cache", "clear"]:
        monkeypatch.setenv("GUIDEWAY_CACHE", str(folder / "cache"))
    if words == ["test", "-k", "naltrexone"]:
        words.append("cases")  # those beside the guideline would be all
    status = run(words)
    out, err = capfd.readouterr()
    assert status == next((status for word, status in FAILS.items() if word in words), 0), err
    assert out or "-o" in words or "--check" in words

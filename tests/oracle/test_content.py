"""The guideline's own CQL in the reference translator: every library must translate there without an error.

So the content runs on any engine that takes CQL or ELM, not on ours alone. Needs Node and npm, and the model information in
GUIDEWAY_SHARED.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from tests.shared import shared_folder

from guideway.cql.libraries import _builtin_text
from guideway.guideline.locate import PLAN_FOLDER, installed_guideline

pytestmark = pytest.mark.full
HERE = Path(__file__).parent


def test_every_library_of_the_guideline_translates_in_the_reference_translator() -> None:
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("needs Node and npm")
    models = shared_folder("reference/model-info")
    content = Path(installed_guideline() or ".") / PLAN_FOLDER
    texts = {path.stem: path.read_text("utf-8") for path in sorted(content.rglob("*.cql"))}
    assert len(texts) > 10
    folder = Path(os.environ.get("GUIDEWAY_ORACLE") or Path.home() / ".cache" / "guideway-oracle")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "reference.mjs"):
        shutil.copy(HERE / name, folder / name)
    if not (folder / "node_modules" / "cql-execution").exists():
        subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True)
    job = {
        "id": "content",
        "libraries": {"FHIRHelpers": _builtin_text().text, **{name: texts[name] for name in _included_first(texts)}},
        "models": {"System": str(models / "system-modelinfo.xml"), "FHIR": str(models / "fhir-modelinfo-4.0.1.xml")},
        "elmOnly": True,
    }
    done = subprocess.run(
        ["node", "reference.mjs"], cwd=folder, input=json.dumps(job), capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    answer = next(json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"id"'))
    assert not answer.get("failure"), answer["failure"]
    assert not answer["errors"], "\n".join(answer["errors"])
    assert set(answer["elm"]) == {*texts, "FHIRHelpers"}


def _included_first(texts: dict[str, str]) -> list[str]:
    """The names of the libraries, each after those that it includes: what is wrong is found in its own library, and at once."""
    includes = {name: [m for m in re.findall(r"^include (\w+)", text, re.M) if m in texts] for name, text in texts.items()}
    return list(TopologicalSorter(includes).static_order())

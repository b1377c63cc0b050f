"""Our ELM beside that of the reference translator, node for node, for the idioms of quality measures and a list of phrases.

Each definition of the libraries in ``translation/`` is translated by both, and both trees are written in the compact form of
``tests.cql.compact``. They must be equal, except where ``DIFFERENCES`` says why they are not. Needs Node and npm, and the model
information in GUIDEWAY_SHARED.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.cql.compact import compact
from tests.shared import shared_folder

from guideway.cql.libraries import _builtin_text
from guideway.cql.translator import translate
from guideway.elm.codec import read_json

pytestmark = pytest.mark.full
HERE = Path(__file__).parent
LIBRARIES = {p.stem: p.read_text("utf-8") for p in sorted((HERE / "translation").glob("*.cql"))}

# The definition's text, and why its ELM differs.
DIFFERENCES = {
    "{}  = {1}": "the reference takes the empty list for one of Decimals, because that was asked of it before",
    "{1} = {1.0}": "we convert the elements of a list that is written out, the reference queries it",
    "h({1,2})": "the same",
    "Avg({1,2})": "the same",
    "Median({1})": "the same",
    "StdDev({1})": "the same",
    "{1} intersect {2.0}": "we intersect Decimals, the reference a choice in which 1 and 1.0 are no equals",
    "N contains 5.0": "a converted interval stays null where the interval is null",
    "expand Interval[1,10] per 2": "the reference converts a number after 'per' itself",
    "Interval[null, null] contains 5": "without a point type there is no interval: we take it for null",
    "null included in {1}": "the suite says that this is null: the list overload, as we take it",
    "null during Interval[1,2]": "the same",
    "I includes null": "the suite says that this is null: the overload for an interval that is null",
    "L includes null": "the same, for a list",
    "width of null": "the same",
    "Take({1,2,3}, 1)": "the reference guards a number that is written out against null",
}  # fmt: skip


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("needs Node and npm")
    models = shared_folder("reference/model-info")
    folder = Path(os.environ.get("GUIDEWAY_ORACLE") or Path.home() / ".cache" / "guideway-oracle")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "reference.mjs"):
        shutil.copy(HERE / name, folder / name)
    if not (folder / "node_modules" / "cql-execution").exists():
        subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True)
    paths = {"System": str(models / "system-modelinfo.xml"), "FHIR": str(models / "fhir-modelinfo-4.0.1.xml")}
    jobs = [
        {"id": n, "libraries": {n: text, "FHIRHelpers": _builtin_text().text}, "main": n, "models": paths, "elmOnly": True}
        for n, text in LIBRARIES.items()
    ]
    done = subprocess.run(
        ["node", "reference.mjs"], cwd=folder, input="\n".join(map(json.dumps, jobs)), capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    answers = (json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"id"'))
    return {answer["id"]: answer["elm"][answer["id"]] for answer in answers}


def shown(node: Any) -> str:
    """The compact form without what both may write in two ways."""
    text = compact(node)
    text = re.sub(r", distinct=(true|false)|, preserve=true", "", text)
    text = re.sub(r"direction=(asc|desc)ending", r"direction=\1", text)
    return text.replace("null, asTypeSpecifier=", "null, asType=")


def source_of(name: str) -> dict[str, str]:
    """The text of each definition, by name."""
    found = re.findall(r'^define (?:function )?"?([^":(]+)"?[^:]*:\s*(.*?)(?=^define |\Z)', LIBRARIES[name], re.M | re.S)
    return {n.strip(): text.strip() for n, text in found}


@pytest.mark.parametrize("name", LIBRARIES)
def test_same_elm_as_the_reference(reference: dict[str, Any], name: str) -> None:
    ours = translate(LIBRARIES[name])
    assert ours.errors == [], [d.as_text() for d in ours.errors]
    texts = source_of(name)
    theirs = {s.name: s for s in read_json(reference[name]).statements}
    wrong, needless = [], []
    for statement in ours.partial.statements:
        text = texts.get(statement.name or "", "")
        expected, made = shown(theirs[statement.name].expression), shown(statement.expression)
        if len([s for s in ours.partial.statements if s.name == statement.name]) > 1:
            continue  # overloads share a name
        listed = text in DIFFERENCES
        if expected != made and not listed:
            wrong.append(f"{statement.name}: {text}\n  reference {expected}\n  ours      {made}")
        if expected == made and listed:
            needless.append(text)
    assert not wrong, f"{len(wrong)} differ\n" + "\n".join(wrong)
    assert not needless, "listed as different, but equal:\n" + "\n".join(needless)

"""Applying a guideline, warm: relative to parsing the same bytes, and relative to encender on a comparable plan.

Takes nothing but the repository's own examples and guideline; prints ratios of medians of interleaved rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from guideway.apply.care_plan import care_plan
from guideway.apply.outcome import dumps
from guideway.apply.run import apply_guideline
from guideway.cql.translator import translate
from guideway.elm.codec import write_json
from guideway.guideline.compiled import CompiledGuideline, open_guideline
from guideway.guideline.compiling import compile_guideline
from guideway.guideline.loading import from_files
from guideway.guideline.reading import SourceFile
from guideway.records.reading import read_bundle

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).resolve().parent
AS_OF = "2026-06-01T12:00:00Z"
BASE = "http://example.org/bench"
ACTIONS = 12


def tell(text: str) -> None:
    """Print a line at once, also into a file or a pipe: a run that is stopped has shown what it found so far."""
    print(text, flush=True)


def rounds(tasks: dict[str, Callable[[], object]], count: int) -> dict[str, float]:
    """Median seconds of each task; one round runs each once."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(count + 2):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            if number > 1:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def applied(guideline: CompiledGuideline, data: list[bytes], explain: bool | str, *, plan: bool = False) -> int:
    """Apply everything to every patient; how many recommendations there were."""
    found = 0
    for content in data:
        (record,) = read_bundle(content, "patient.json")
        outcome = apply_guideline(guideline, record, as_of=AS_OF, explain=explain)
        found += len(outcome.recommendations)
        if plan:
            dumps(care_plan(outcome))
    return found


def whole_guideline(count: int) -> None:
    """All plans on all examples, relative to parsing."""
    data = [path.read_bytes() for path in sorted((ROOT / "examples").glob("*.json"))]
    guideline = open_guideline()
    tasks: dict[str, Callable[[], object]] = {
        "orjson.loads": lambda: [orjson.loads(content) for content in data],
        "statuses only": lambda: applied(guideline, data, "none"),
        "in brief": lambda: applied(guideline, data, "brief"),
        "with all evidence": lambda: applied(guideline, data, "evidence"),
        "in brief, with the CarePlan": lambda: applied(guideline, data, "brief", plan=True),
    }
    recommendations = applied(guideline, data, "none")
    medians = rounds(tasks, count)
    size = sum(map(len, data)) / len(data) / 1024
    tell(f"{len(data)} patients of {size:.1f} KB on average, {recommendations // len(data)} recommendations each")
    for name, value in medians.items():
        ratio = value / medians["orjson.loads"]
        tell(f"  {ratio:8.1f} x orjson.loads   {value / len(data) * 1e3:6.2f} ms a patient   {name}")


HEAD = f"""library Bench version '1.0.0'
using FHIR version '4.0.1'
include FHIRHelpers version '4.0.1'
codesystem "Local": '{BASE}/CodeSystem/local'
"""
CODE = 'code "Test {n}": \'t{n}\' from "Local"\n'
DEFINE = """define "Condition {n}":
  exists ([Observation: "Test {n}"] O
    where O.status = 'final' and (O.value as FHIR.Quantity).value > 5.0)
"""
NUMBERS = range(ACTIONS)
CQL = HEAD + "".join(CODE.format(n=n) for n in NUMBERS) + "context Patient\n" + "".join(DEFINE.format(n=n) for n in NUMBERS)


def plan_and_patient() -> tuple[list[dict[str, Any]], bytes]:
    """A plan of actions with a condition and an activity each, and a patient for whom every second one applies."""
    actions = [
        {
            "id": f"a{n}",
            "title": f"Action {n}",
            "condition": [{"kind": "applicability", "expression": {"language": "text/cql", "expression": f"Condition {n}"}}],
            "definitionCanonical": f"{BASE}/ActivityDefinition/order{n}",
        }
        for n in range(ACTIONS)
    ]
    common = {"version": "1.0.0", "status": "active", "library": [f"{BASE}/Library/Bench"]}
    plan = {"resourceType": "PlanDefinition", "id": "bench", "url": f"{BASE}/PlanDefinition/bench", **common, "action": actions}
    activities = [
        {
            "resourceType": "ActivityDefinition", "id": f"order{n}", "url": f"{BASE}/ActivityDefinition/order{n}", **common,
            "kind": "ServiceRequest", "code": {"text": f"Service {n}"},
        }
        for n in range(ACTIONS)
    ]  # fmt: skip
    resources: list[dict[str, Any]] = [
        {"resourceType": "Patient", "id": "p", "name": [{"family": "P"}], "birthDate": "1980-01-01"}
    ]
    for n in range(ACTIONS):
        for day in range(1, 9):
            resources.append(
                {
                    "resourceType": "Observation", "id": f"o{n}-{day}", "status": "final", "subject": {"reference": "Patient/p"},
                    "code": {"coding": [{"system": f"{BASE}/CodeSystem/local", "code": f"t{n}"}]},
                    "effectiveDateTime": f"2026-05-0{day}",
                    "valueQuantity": {"value": 6 if n % 2 == 0 and day == 8 else 1, "unit": "mg"},
                }
            )  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}
    return [plan, *activities], json.dumps(bundle).encode()


def with_peer(count: int) -> None:
    """The same plan by both programs."""
    artifacts, bundle = plan_and_patient()
    files = [
        SourceFile("package.json", b'{"name":"bench","version":"1","canonical":"http://example.org/bench"}'),
        SourceFile("Bench.cql", CQL.encode()),
    ]
    files += [SourceFile(f"z{n:02}.json", json.dumps(a).encode()) for n, a in enumerate(artifacts)]
    guideline = compile_guideline(from_files(sorted(files), "bench"))

    def ours() -> dict[str, Any]:
        (record,) = read_bundle(bundle, "patient.json")
        return care_plan(apply_guideline(guideline, record, as_of=AS_OF))

    expected = [a["title"] for r in ours()["contained"] if r["resourceType"] == "RequestGroup" for a in r["action"]]
    result = translate(CQL)
    elm = {lib.identifier.id: write_json(lib) for lib in result.libraries if lib.identifier is not None}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "package.json").write_text('{"name":"peer","version":"1.0.0","type":"module"}')
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", "encender@0.7.1"], cwd=place, check=True)
        (place / "peer.mjs").write_text((HERE / "peer.mjs").read_text())
        task = {"plan": artifacts[0], "resources": artifacts[1:], "bundle": json.loads(bundle), "elm": elm, "count": count}
        (place / "task.json").write_text(json.dumps(task, default=str))
        done = subprocess.run(["node", "peer.mjs"], cwd=place, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"encender failed:\n{done.stderr[-2000:]}")
        answer = json.loads(done.stdout.splitlines()[-1])
    assert sorted(answer["titles"]) == sorted(expected), (answer["titles"], expected)
    mine = rounds({"ours": ours}, max(count, 20))["ours"]
    theirs = statistics.median(answer["seconds"])
    tell(f"one plan of {ACTIONS} actions, {len(expected)} apply; bundle of {len(bundle) / 1024:.0f} KB")
    tell(f"  Guideway, explained, with the CarePlan: {mine * 1e3:8.2f} ms")
    tell(f"  encender 0.7.1:                         {theirs * 1e3:8.2f} ms   {theirs / mine:.0f} times as long")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-peer", action="store_true", help="leave encender out (it needs Node and npm)")
    parser.add_argument("--only-peer", action="store_true", help="only the comparison with encender")
    options = parser.parse_args()
    if not options.no_peer:
        with_peer(options.rounds)
    if not options.only_peer:
        whole_guideline(options.rounds)


if __name__ == "__main__":
    main()

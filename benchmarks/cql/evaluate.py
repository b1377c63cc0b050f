"""Evaluating CQL: 49 defines over FHIR bundles, relative to parsing the same bytes, and to cql-execution.

For each generated bundle (about 130 KB, 125 resources): ``orjson.loads`` alone; the plain program over JSON objects, from bytes
to results; the typed program over structs, from bytes to results; and on Node cql-execution 3.3.2 with the ELM of the reference
translator, from text to results. Before anything is timed the results of all are compared, with full semantics on: decimals,
precision, units. Prints times relative to ``orjson.loads`` in this run; exits with 1 where results differ.

The peer needs Node, npm and the model information files (``--models FOLDER``, or GUIDEWAY_SHARED); without them it is left out.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import orjson
import workload

from guideway.cql.translator import BuiltinSource, DictSource, SourceChain, translate_all
from guideway.engine.data import CodeSet, ResourceSource
from guideway.engine.program import compile_program
from guideway.engine.typed import compile_typed
from guideway.engine.values import DateTime
from guideway.fhir.element import FhirObject
from guideway.records import read_bundle
from guideway.records.index import CodeIndex
from guideway.terminology import ValueSetIndex

HERE = Path(__file__).resolve().parent
ORACLE = HERE.parent.parent / "tests" / "oracle"
NOW = "2026-01-01T00:00:00.000+00:00"
LIBRARY = "Workload"


class IndexedSource(ResourceSource):
    """Plain JSON objects by type, with an index of codes: the least that a retrieve needs."""

    def __init__(self, data: bytes) -> None:
        document = _decoder.decode(data)
        super().__init__(entry["resource"] for entry in document["entry"])
        self._indexes: dict[tuple[str, str], CodeIndex] = {}

    def retrieve(self, type_name: str, *, code_path: str | None = None, codes: CodeSet | None = None, **more: Any) -> Any:
        if codes is None:
            return super().retrieve(type_name)
        key = (type_name, code_path or "code")
        index = self._indexes.get(key)
        if index is None:
            index = self._indexes[key] = CodeIndex(self._all.get(type_name, []), key[1], _nowhere)
        return index.find(codes)


_decoder = msgspec.json.Decoder(float_hook=Decimal)


def _nowhere(reference: str) -> FhirObject | None:
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", type=Path, default=None, help="folder with the model information in XML, for the peer")
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()

    text = workload.library()
    libraries = translate_all(SourceChain(DictSource({LIBRARY: text}), BuiltinSource()), [LIBRARY])
    plain = compile_program(list(libraries.values()))
    typed = compile_typed(list(libraries.values()), [(LIBRARY, name) for name in workload.defines(text)])
    terminology = ValueSetIndex(workload.value_sets())
    names = workload.defines(text)
    now = DateTime.parse(NOW)
    bundles = [workload.bundle(seed) for seed in range(options.patients)]
    print(f"{len(bundles)} bundles of {sum(map(len, bundles)) / len(bundles) / 1000:.0f} KB, {len(names)} defines and Patient")

    def run_plain(data: bytes) -> dict[str, Any]:
        return plain.evaluation(IndexedSource(data), now=now, terminology=terminology).all_of(LIBRARY, names)

    def run_typed(data: bytes) -> dict[str, Any]:
        return typed.program.evaluation(typed.decoder.decode(data), now=now, terminology=terminology).all_of(LIBRARY, names)

    def run_records(data: bytes) -> dict[str, Any]:
        return plain.evaluation(read_bundle(data)[0], now=now, terminology=terminology).all_of(LIBRARY, names)

    def compared(found: dict[str, Any]) -> dict[str, Any]:
        return {name: found[name] for name in workload.RESULTS}

    ours = [compared(run_plain(data)) for data in bundles]
    for name, run in (("typed", run_typed), ("records", run_records)):
        if [compared(run(data)) for data in bundles] != ours:
            print(f"results differ between the plain program and {name}")
            return 1
    ways: list[tuple[str, Callable[[bytes], Any]]] = [
        ("orjson.loads alone", orjson.loads),
        ("msgspec to JSON objects with decimals, alone", _decoder.decode),
        ("typed decoding alone", typed.decoder.decode),
        ("typed: bytes to results", run_typed),
        ("plain: bytes to results", run_plain),
        ("plain through patient records (checked, indexed)", run_records),
    ]
    best = dict.fromkeys((name for name, _ in ways), float("inf"))
    gc.collect()
    gc.freeze()
    for _ in range(options.rounds):
        for name, run in ways:
            start = time.perf_counter()
            for data in bundles:
                run(data)
            best[name] = min(best[name], (time.perf_counter() - start) / len(bundles) * 1e6)
    base = best["orjson.loads alone"]
    for name, microseconds in best.items():
        print(f"{microseconds / base:8.2f}  {name}")
    if options.no_peer:
        return 0
    return peer(options, text, bundles, ours, base)


def peer(options: argparse.Namespace, text: str, bundles: list[bytes], ours: list[dict[str, Any]], base: float) -> int:
    """cql-execution on the same bundles: first its results, then its time."""
    shared = os.environ.get("GUIDEWAY_SHARED")
    models = options.models or (Path(shared) / "reference" / "model-info" if shared else None)
    if models is None or not shutil.which("node") or not shutil.which("npm"):
        print("    (cql-execution left out: it needs Node, npm and --models FOLDER)")
        return 0
    folder = Path(os.environ.get("GUIDEWAY_ORACLE") or Path.home() / ".cache" / "guideway-oracle")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ORACLE / "package.json", folder / "package.json")
    shutil.copy(HERE / "evaluate_peer.mjs", folder / "evaluate_peer.mjs")
    if not (folder / "node_modules" / "cql-execution").exists():
        subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True)
    helpers = BuiltinSource().find("FHIRHelpers", "4.0.1")
    assert helpers is not None
    few = bundles[: max(10, len(bundles) // 5)]
    with tempfile.TemporaryDirectory() as place:
        paths = []
        for number, data in enumerate(few):
            path = Path(place) / f"{number}.json"
            path.write_bytes(data)
            paths.append(str(path))
        index = ValueSetIndex(workload.value_sets())
        job = {
            "libraries": {LIBRARY: text, "FHIRHelpers": helpers.text},
            "main": LIBRARY,
            "models": {"System": str(models / "system-modelinfo.xml"), "FHIR": str(models / "fhir-modelinfo-4.0.1.xml")},
            "valueSets": {url: sorted(index.codes(url)) for url in index.urls()},
            "bundles": paths,
            "now": NOW,
            "defines": list(workload.RESULTS),
            "rounds": 3,
        }
        done = subprocess.run(
            ["node", "evaluate_peer.mjs"], cwd=folder, input=json.dumps(job), capture_output=True, text=True, check=False
        )
    if done.returncode:
        print(f"cql-execution failed: {done.stderr[-500:]}")
        return 1
    answer = json.loads(done.stdout.splitlines()[-1])
    differences = [
        (number, name, mine[name], theirs[name])
        for number, (mine, theirs) in enumerate(zip(ours, answer["results"]))
        for name in workload.RESULTS
        if not alike(mine[name], theirs[name])
    ]
    for number, name, mine, theirs in differences[:5]:
        print(f"results differ: patient {number}, {name}: {mine} here, {theirs} in cql-execution")
    print(f"{answer['microseconds'] / base:8.2f}  cql-execution 3.3.2 on Node: text to results")
    return 1 if differences else 0


def alike(mine: Any, theirs: Any) -> bool:
    """Equal values; the peer's decimals are doubles."""
    if isinstance(mine, Decimal) and isinstance(theirs, (int, float)):
        return abs(float(mine) - theirs) < 1e-6
    return bool(mine == theirs)


if __name__ == "__main__":
    sys.exit(main())

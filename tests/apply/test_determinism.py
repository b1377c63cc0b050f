"""The same input gives the same bytes: in other processes, with other hash seeds, shuffled data, a stored guideline."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.apply.small import (
    AS_OF,
    BASE,
    TABLET_A,
    activity,
    agreement,
    bundle,
    guideline,
    medication,
    observation,
    plan,
    run,
    when,
)

from guideway.apply.care_plan import care_plan
from guideway.apply.outcome import dumps
from guideway.apply.run import apply_guideline
from guideway.guideline.stored import thaw
from guideway.guideline.storing import freeze
from guideway.records.reading import read_bundle

DATA = (
    observation(0.8),
    observation(2.5, date="2026-04-01"),
    agreement(True),
    medication(status="stopped"),
    observation(3, "level"),
)


def small() -> Any:
    actions = [
        {
            "id": define.replace(" ", "-"),
            "title": define,
            "condition": [when(define)],
            "definitionCanonical": f"{BASE}/ActivityDefinition/take-a",
        }
        for define in ("Low And Not On A", "Count Is Low And Agrees", "Level Over Count", "Null", "Fails")
    ]
    return guideline(plan("main", *actions), plan("other", *actions), activity(productCodeableConcept=TABLET_A))


def result(compiled: Any, data: bytes) -> bytes:
    (record,) = read_bundle(data, "p.json")
    outcome = apply_guideline(compiled, record, as_of=AS_OF, explain=True)
    return dumps(outcome.as_json()) + dumps(care_plan(outcome))


def test_shuffled_data_gives_the_same_bytes() -> None:
    compiled = small()
    expected = result(compiled, bundle(*DATA))
    for seed in range(5):
        content = json.loads(bundle(*DATA))
        random.Random(seed).shuffle(content["entry"])
        assert result(compiled, json.dumps(content).encode()) == expected


def test_a_stored_guideline_gives_the_same_bytes() -> None:
    compiled = small()
    thawed = thaw(freeze(compiled))
    assert thawed is not None
    assert result(thawed, bundle(*DATA)) == result(compiled, bundle(*DATA))
    assert thawed.content_hash == compiled.content_hash


def test_a_second_run_in_one_process_is_not_touched_by_the_first() -> None:
    compiled = small()
    expected = result(compiled, bundle(*DATA))
    run(compiled, observation(9), as_of="2020-01-01")
    assert result(compiled, bundle(*DATA)) == expected


@pytest.mark.parametrize("seed", ["0", "1", "random"])
def test_other_processes_give_the_same_bytes(seed: str, tmp_path: Path) -> None:
    script = "import sys; from tests.apply.test_determinism import *; sys.stdout.buffer.write(result(small(), bundle(*DATA)))"
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", script], cwd=root, env=environment, capture_output=True, check=True)
    assert done.stdout == result(small(), bundle(*DATA))


def test_two_patients_at_once_do_not_see_each_other() -> None:
    from concurrent.futures import ThreadPoolExecutor

    compiled = small()
    inputs = [bundle(observation(value)) for value in (0.5, 5, 0.7, 7)] * 6
    alone = [result(compiled, data) for data in inputs]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda data: result(compiled, data), inputs)) == alone


def test_many_patients_at_once_in_many_threads() -> None:
    """Each patient's outcome is the one it has alone, and names nobody else: one compiled guideline, all starting together."""
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    count, threads = 64, 8
    compiled = small()

    def data_of(number: int) -> bytes:
        name = f"person-{number:03}"
        own = {"subject": {"reference": f"Patient/{name}"}}
        found = [observation(number / 10, id=f"{name}-count", **own)]
        found += [{**medication(status="active" if number % 3 else "stopped", id=f"{name}-rx"), **own}]
        found += [{**agreement(bool(number % 2)), "id": f"{name}-answers", **own}]
        return bundle(*found, patient={"resourceType": "Patient", "id": name, "birthDate": f"19{number % 90 + 10}-01-01"})

    inputs = [data_of(n) for n in range(count)]
    alone = [result(compiled, data) for data in inputs]
    fresh = thaw(freeze(compiled))
    start = Barrier(threads)

    def work(worker: int) -> list[tuple[int, bytes]]:
        start.wait()
        order = [n for n in range(count) if n % 2 == worker % 2] if worker % 4 < 2 else list(range(worker, count, threads))
        return [(n, result(fresh, inputs[n])) for n in order]

    with ThreadPoolExecutor(threads) as pool:
        for found in pool.map(work, range(threads)):
            for number, text in found:
                assert text == alone[number]
                others = {f"person-{n:03}" for n in range(count) if n != number}
                assert not any(other.encode() in text for other in others)

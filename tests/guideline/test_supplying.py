"""What an explanation calls missing decides when it is supplied, whatever it says, and each datum of it can make a difference."""

from __future__ import annotations

import os
from random import Random
from typing import Any

import pytest

from .supplying import BROKEN, faults, merged


@pytest.mark.long
def test_what_is_missing_of_merged_cases_is_enough_and_needed() -> None:
    seed, count = int(os.environ.get("GUIDEWAY_FUZZ_SEED", "1")), int(os.environ.get("GUIDEWAY_FUZZ_COUNT", "300"))
    passed: dict[Any, int] = {}
    found = []
    for number in range(count):
        draw = Random(f"{seed}-{number}")
        resources, when = merged(draw)
        found += [(number, fault) for fault in faults(resources, when, draw, passed) if fault.kind in BROKEN]
    assert not found, "\n".join(f"{number}: {fault}" for number, fault in found)

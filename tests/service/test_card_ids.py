"""Ids of cards: a retry has the same, and nothing else has (feedback would go to the card of another patient)."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from tests.service.ehr import COUNT, RX, hook_request, write_guideline
from tests.service.local import local

Json = dict[str, Any]


def ids(cards: list[Json]) -> set[str]:
    return {c["uuid"] for c in cards} | {s["uuid"] for c in cards for s in c.get("suggestions", ())}


@pytest.mark.parametrize("algorithm", [None, "ES384"])
def test_one_hook_instance_for_two_patients_gives_two_cards(tmp_path: Path, algorithm: str | None) -> None:
    with local(tmp_path / "s", write_guideline(tmp_path / "g"), algorithm) as service:
        body = hook_request(COUNT, RX)
        other = json.loads(json.dumps(body).replace("Patient/p", "Patient/q").replace('"id": "p"', '"id": "q"'))
        other["context"]["patientId"] = "q"
        first, second = ids(service.cards(body)), ids(service.cards(other))
        assert first
        assert second
        assert not first & second
        shouted = copy.deepcopy(body)
        shouted["hookInstance"] = body["hookInstance"].upper()
        assert ids(service.cards(shouted)) == first

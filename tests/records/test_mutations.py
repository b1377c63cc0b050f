"""Whatever is done to a bundle, reading it gives records with findings or one clear error: never anything else."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.records.make import PATIENT, Json, bundle, observation, resource
from tests.shared import shared_folder

from guideway.diagnostics import GuidewayError
from guideway.records import read_bundle

CODE = {"coding": [{"system": "http://snomed.info/sct", "code": "1"}], "text": "x"}
GOOD: list[Json] = [
    PATIENT | {"identifier": [{"system": "s", "value": "1"}], "link": [{"type": "refer", "other": {"reference": "Patient/q"}}]},
    observation("a", component=[{"code": CODE, "valueQuantity": {"value": 1, "code": "mg"}}], focus=[{"reference": "Patient/p"}]),
    resource("Condition", "c", code=CODE, verificationStatus=CODE, onsetPeriod={"start": "2020"}),
    resource("MedicationRequest", "m", status="active", intent="order", medicationReference={"reference": "Medication/d"}),
    {"resourceType": "Medication", "id": "d", "code": CODE},
    resource(
        "CarePlan",
        "plan",
        status="draft",
        intent="proposal",
        contained=[resource("Task", "t", status="draft", intent="proposal")],
    ),
    resource("Appointment", "ap", status="booked", participant=[{"actor": {"reference": "Patient/p"}, "status": "accepted"}]),
    {"resourceType": "Group", "id": "g", "type": "person", "actual": True, "member": [{"entity": {"reference": "Patient/p"}}]},
    resource("QuestionnaireResponse", "q", status="completed", item=[{"linkId": "1", "answer": [{"valueBoolean": True}]}]),
]
ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x",
    " ",
    "\u0000",
    [],
    {},
    [None],
    [[]],
    {"": ""},
    [{}],
    "Patient/p",
    "#x",
    10**40,
    "2026-13",
]


def read_all(data: bytes) -> None:
    try:
        records = read_bundle(data, "x")
    except GuidewayError:
        return
    for record in records:
        for policy in ("none", "clinical"):
            under = record.under(policy, "2026-05-30T12:00:00Z", 120)
            for kind in (*under.types, "Observation"):
                under.retrieve(kind)
                under.retrieve(kind, code_path="medication", codes=frozenset({("http://snomed.info/sct", "1")}))
                under.retrieve(kind, code_path="code", codes=frozenset({("http://snomed.info/sct", "1")}), context="Unfiltered")
                under.excluded_for(kind, "code", frozenset({("http://snomed.info/sct", "1")}))
            under.resolve("Medication/d")
            assert all(isinstance(part, list) for part in (under.findings, under.excluded, under.flagged, under.proposals))
            assert under.reference
            assert (under.deceased, under.inactive) == (under.deceased, under.inactive)
            json.dumps([d.as_json() for d in under.findings] + [e.as_json() for e in (*under.excluded, *under.flagged)])
            under.changed(add=[observation("new")], remove=["Observation/a"]).retrieve("Observation")


def odd(chance: random.Random) -> Any:
    return copy.deepcopy(chance.choice(ODD))


def spoiled(value: Any, chance: random.Random, times: int) -> Any:
    """A copy with some parts replaced, removed, doubled or moved."""
    result = copy.deepcopy(value)
    for _ in range(times):
        node: Any = result
        for _ in range(chance.randrange(1, 9)):
            inner = list(node.values()) if isinstance(node, dict) else node
            below = [v for v in inner if isinstance(v, dict | list) and v]
            if not below or chance.random() < 0.15:
                break
            node = chance.choice(below)
        if isinstance(node, dict) and node:
            key = chance.choice(list(node))
            action = chance.randrange(4)
            if action == 0:
                del node[key]
            elif action == 1:
                node[key] = odd(chance)
            elif action == 2:
                node[key] = [node[key]]
            else:
                name = chance.choice(["id", "status", "code", "subject", "reference", "coding", "extension", "x"])
                node[name] = odd(chance)
        elif isinstance(node, list) and node:
            node[chance.randrange(len(node))] = odd(chance)
    return result


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_any_change_of_a_bundle_is_read_or_refused(chance: random.Random, times: int) -> None:
    document = spoiled(json.loads(bundle(*GOOD)), chance, times)
    read_all(json.dumps(document).encode())


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=40), st.integers(0, 4000))
def test_any_bytes_in_a_bundle_are_read_or_refused(noise: bytes, at: int) -> None:
    text = bundle(*GOOD)
    read_all(text[:at] + noise + text[at + len(noise) :])


@pytest.mark.long
def test_many_changes_of_real_bundles() -> None:
    files: list[Path] = sorted(shared_folder("data/synthea/bundles").glob("*.json"), key=lambda f: f.stat().st_size)[:4]
    for number in range(400):
        chance = random.Random(number)
        document = json.loads(chance.choice(files).read_bytes())
        document["entry"] = document["entry"][:30]
        read_all(json.dumps(spoiled(document, chance, 20)).encode())

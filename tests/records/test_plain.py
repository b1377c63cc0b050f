"""What is taken to be plain without a closer look has no fault under the closer look, and nothing in it forbids to process it."""

from __future__ import annotations

import copy
import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.records.make import Json, dump, observation
from tests.records.test_mutations import GOOD, ODD

from guideway.fhir.plain import plain
from guideway.fhir.structure import check
from guideway.records import read_bundle
from guideway.records.hygiene import Hygiene, _is_ordinary, not_understood

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("modifierExtension", "implicitRules", "contained", "_status", "extension", "valueString", "x", "text", "resourceType")
VALUES: list[Any] = [*ODD, "2026-02-30", "2026-05-01T10:00Z", Decimal("1E+400"), [{"url": "http://x"}], "a\tb", "a b", "\ud800"]


def resources() -> list[Json]:
    bundles = [json.loads(path.read_text("utf-8"), parse_float=Decimal) for path in sorted(EXAMPLES.glob("*.json"))]
    return [*GOOD, *(entry["resource"] for bundle in bundles for entry in bundle["entry"])]


def places(value: Any) -> list[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, part in items for place in ((value, key), *places(part))]


def test_ordinary_resources_are_plain() -> None:
    found = [plain(resource) for resource in resources()]
    assert sum(each is not None for each in found) > 0.9 * len(found)
    assert plain(observation("a", hasMember=[{"reference": "Observation/b"}])) == ["Patient/p", "Observation/b"]


def test_what_is_plain_has_no_fault() -> None:
    chance = random.Random(11)
    everything = resources()
    faulty = 0
    for _ in range(3000):
        resource = copy.deepcopy(chance.choice(everything))
        holder, key = chance.choice([place for place in places(resource) if place[1] != "resourceType"])
        change = chance.random()
        if change < 0.6:
            holder[key] = copy.deepcopy(chance.choice(VALUES))
        elif change < 0.8 and isinstance(holder, dict):
            holder[chance.choice(NAMES[:-1])] = copy.deepcopy(chance.choice(VALUES))
        else:
            del holder[key]
        faults = check(resource)
        faulty += bool(faults)
        if faults or not_understood(resource) is not None:
            assert plain(resource) is None, (faults, resource)
    assert faulty > 1000


@pytest.mark.parametrize("name", NAMES[:4])
def test_what_may_change_the_meaning_is_not_plain(name: str) -> None:
    assert plain(observation("a")) is not None
    assert plain(observation("a") | {name: [{"url": "http://example.org/x", "valueBoolean": True}]}) is None


CONTAINED = {"resourceType": "Medication", "id": "m", "code": {"text": "cromolyn"}, "manufacturer": {"reference": "#o"}}


def test_a_contained_resource_is_looked_at_like_any_other() -> None:
    assert plain(observation("a", contained=[CONTAINED])) == ["Patient/p", "#o"]


@pytest.mark.parametrize(
    "change",
    [
        {"id": None},
        {"id": "a b"},
        {"resourceType": "Nothing"},
        {"resourceType": None},
        {"status": "unheard-of"},
        {"implicitRules": "http://example.org/rules"},
        {"code": {"coding": [{"system": "urn:oid:2.16.840.1.113883.6.88", "code": "1"}]}},
        {"contained": [CONTAINED]},
    ],
)
def test_a_contained_resource_with_something_wrong_is_not_plain(change: Json) -> None:
    inner = {name: value for name, value in (CONTAINED | change).items() if value is not None}
    assert plain(observation("a", contained=[inner])) is None


@pytest.mark.parametrize(
    "change",
    [
        {"valueQuantity": {"value": Decimal(-1), "code": "10*9/L"}},
        {"valueQuantity": {"value": Decimal(1), "unit": "g/L", "code": "mg/L"}},
        {"valueQuantity": {"value": Decimal(1), "system": "http://example.org", "code": "mg/L"}},
        {"valueQuantity": {"value": Decimal(1)}},
        {"code": {"coding": [{"code": "1"}]}},
        {"effectiveDateTime": None, "effectivePeriod": {"start": "2026-02", "end": "2025"}},
        {"dataAbsentReason": {"text": "x"}},
        {"component": [{"code": {"text": "x"}, "valueQuantity": {"value": Decimal(1)}}]},
    ],
)
def test_an_observation_with_something_wrong_is_not_ordinary(change: Json) -> None:
    good = observation("a", effectiveDateTime="2026-05-01", valueQuantity={"value": Decimal(1), "code": "mg/L"})
    good["code"] = {"coding": [{"system": "http://loinc.org", "code": "1"}]}
    assert _is_ordinary(good)
    assert not list(Hygiene("clinical", None).faults("Observation", good))
    bad = {name: value for name, value in (good | change).items() if value is not None}
    assert not _is_ordinary(bad)
    assert list(Hygiene("clinical", None).faults("Observation", bad))


def test_whom_a_plain_observation_is_about_is_seen_as_logic_sees_it() -> None:
    """The focus is compared with the subject after both are written alike."""
    person = {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "p", "birthDate": "1960-01-01"}}
    lab = observation("a", focus=[{"reference": "urn:uuid:1"}])
    given = {"resourceType": "Bundle", "type": "collection", "entry": [person, {"resource": lab}]}
    found = read_bundle(dump(given))[0].under("clinical", "2026-05-30")
    assert [r.id for r in found.retrieve("Observation")] == ["a"]
    assert found.excluded == []

"""What if a datum were different: settings read, data changed, differences told."""

from __future__ import annotations

from typing import Any

import pytest
from tests.apply.small import AS_OF, guideline, medication, observation, plan, record, when

from guideway.apply.moment import moment
from guideway.apply.run import apply_guideline
from guideway.apply.what_if import change, compare, settings_of
from guideway.diagnostics import GuidewayError

PLAN = plan(
    "main",
    {"id": "low", "title": "Low", "condition": [when("Count Is Low")]},
    {"id": "agrees", "title": "Agrees", "condition": [when("Agrees")]},
    {"id": "off", "title": "Off", "condition": [when("Not On A")]},
    {"id": "level", "title": "Level", "condition": [when("Level Over Count")]},
)


def after(
    settings: list[str], *data: dict[str, Any]
) -> tuple[dict[str, str], dict[str, tuple[str | None, str | None]], list[str]]:
    compiled = guideline(PLAN)
    before = apply_guideline(compiled, record(*data), as_of=AS_OF)
    changed = change(record(*data), settings_of(settings, compiled), compiled, moment(AS_OF))
    outcome = apply_guideline(compiled, changed.record, as_of=AS_OF, overrides=changed.overrides)
    differences = {d.key: (d.before, d.after) for d in compare(before, outcome)}
    return {r.action: r.status for r in outcome.recommendations}, differences, changed.notes


def test_a_measurement_is_added_with_its_value_unit_and_date() -> None:
    statuses, differences, notes = after(["count=0.8 10*9/L@2026-05-30"])
    assert statuses["low"] == "applies"
    assert differences["main#low"] == ("unknown", "applies")
    assert notes == ["Blue cell count: 0.8 10*9/L as Observation of 2026-05-30"]


def test_the_latest_measurement_counts_and_the_unit_may_be_left_out() -> None:
    assert after(["count=0.8"], observation(5))[0]["low"] == "applies"
    assert after(["count=0.8@2020-01-01"], observation(5))[0]["low"] == "does-not-apply"
    assert after(["Count=0.8"], observation(5))[0]["low"] == "applies"


def test_an_answer_is_given_and_a_drug_added() -> None:
    assert after(["agrees=true"])[0]["agrees"] == "applies"
    assert after(["agrees=false"])[0]["agrees"] == "does-not-apply"
    statuses, differences, _ = after(["onTabletA=true"])
    assert (statuses["off"], differences["main#off"]) == ("does-not-apply", ("applies", "does-not-apply"))


def test_data_is_taken_away() -> None:
    statuses, _, notes = after(["onTabletA="], medication())
    assert statuses["off"] == "applies"
    assert "without MedicationRequest/rx" in notes[0]
    assert after(["count=unknown"], observation(0.5))[0]["low"] == "unknown"


def test_without_a_way_into_the_record_the_define_is_replaced() -> None:
    statuses, _, notes = after(["onTabletA=false"], medication())
    assert statuses["off"] == "applies"
    assert "in place of what its logic gives" in notes[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cuont=1", r"nearest are: count \(Blue cell count\)"),
        ("blue cells=1", "nearest are: count"),
        ("count", "write name=value"),
        ("onTabletA=perhaps", "is not a Boolean"),
    ],
)
def test_bad_settings_say_what_to_write(text: str, words: str) -> None:
    with pytest.raises(GuidewayError, match=words):
        after([text])

"""FHIR dates: what is one, when it begins, whether it is in the future."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from guideway.fhir.dates import Evaluation, begin, parse

DATES = """2026  2026-05  2026-05-30  2024-02-29  2026-05-30T10:00:00Z  2026-05-30T10:00:00.123456789+02:00  0001-01-01
2026-05-30T10:00:00  2026-05-30T10:00Z"""
NO_DATES = """26  2026-13  2026-02-29  1900-02-29  2026-5-1  2026-05-32  2026-05-30T  2026-05-30T25:00:00Z  2026-05-30T10  0000
2026-05-30T10:00:00+15:00  2026-05T10:00:00Z  2026-05-30T10:00:60Z  ２０２６  2026-05-30T10:00:00.Z  2026-05-30T10:00:00.5.5Z
soon  2026-  2026-05-"""


@pytest.mark.parametrize("text", DATES.split())
def test_dates(text: str) -> None:
    assert parse(text) is not None


@pytest.mark.parametrize("text", ["", "2026-05-30 10:00:00", *NO_DATES.split()])
def test_no_dates(text: str) -> None:
    assert parse(text) is None


def test_a_date_begins_in_the_evaluations_time_zone() -> None:
    assert begin("2026-05-30", 120) == datetime(2026, 5, 29, 22, tzinfo=UTC)
    assert begin("2026-05", 0) == datetime(2026, 5, 1, tzinfo=UTC)
    assert begin("2026-05-30T10:00:00-05:00", 120) == datetime(2026, 5, 30, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "future"),
    [("2026-05-30", False), ("2026-05-31", True), ("2026", False), ("2026-06", True), ("2026-05-30T11:59:59Z", False),
     ("2026-05-30T12:00:01Z", True), ("2026-05-30T13:30:00+02:00", False), ("9999-12-31T23:59:59-12:00", True)],
)  # fmt: skip
def test_the_day_of_the_evaluation_is_not_the_future(text: str, future: bool) -> None:
    assert Evaluation.of("2026-05-30T12:00:00Z").is_future(text) is future

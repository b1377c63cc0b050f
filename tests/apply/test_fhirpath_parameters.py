"""A FHIRPath expression sees the parameters of the logic: as they are given, else with their defaults."""

from __future__ import annotations

from typing import Any

import pytest

from .small import expression, guideline, head, observation, plan, run

CQL = head({"count": "count"}).replace(
    "context Patient",
    """parameter Limit System.Quantity default 4 'mg'
parameter "Oldest Age" Integer default 20 + 20
parameter Words List<String> default { 'a', 'b' }
parameter LimitHigh Decimal
parameter Broken Integer default singleton from { 1, 2 }
context Patient""",
)


def status(text: str, **parameters: Any) -> Any:
    action = {"id": "a", "title": "a", "condition": [{"kind": "applicability", "expression": expression(text, "text/fhirpath")}]}
    made = guideline(plan("main", action), cql=CQL, hygiene="none")
    assert not made.findings, [finding.as_text() for finding in made.findings]
    (row,) = run(made, observation(1.5), parameters=parameters).recommendations
    return row


@pytest.mark.parametrize(
    ("text", "parameters", "expected"),
    [
        ("%Limit > 3 'mg'", {}, "applies"),
        ("%Limit > 3 'mg'", {"Limit": "2 'mg'"}, "does-not-apply"),
        ("%Limit > 3 'mg'", {"Logic.Limit": "2 'mg'"}, "does-not-apply"),
        ("%Limit > 0.003 'g'", {}, "applies"),
        ("%`Oldest Age` = 40 and %Words.count() = 2", {}, "applies"),
        ("%LimitHigh > 1", {}, "unknown"),
        ("%LimitHigh > 1", {"LimitHigh": "1.5"}, "applies"),
        ("'%Broken' = 'x' or %Limit > 3 'mg'", {}, "applies"),
    ],
)
def test_a_parameter_is_seen_as_the_logic_sees_it(text: str, parameters: dict[str, str], expected: str) -> None:
    assert status(text, **parameters).status == expected


def test_a_default_that_fails_is_an_error_and_so_is_a_name_that_nobody_declares() -> None:
    row = status("%Broken > 1")
    assert (row.status, "%Broken > 1" in row.reason) == ("error", True)
    assert "there is no variable %Nobody" in status("%Nobody > 1").reason

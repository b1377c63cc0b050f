"""A long text is read in time that grows with its length: denials are looked for in its beginning only, and what stands behind it
counts whether it is denied or not."""

from __future__ import annotations

from typing import Any

import pytest

from guideway.engine.operators import strings

from .evaluating import evaluation_of, order

Json = dict[str, Any]
FILLER = "as noted by the team on rounds "
LIMIT = 1100
LONG = {
    "stop": "no a b side effects of of the the ",
    "appointment": "no elective hip surgery follow up ",
    "allergy": "denies allergy to to any any family history ",
}


def records(kind: str, text: str) -> list[Json]:
    """A record that says this, of a kind whose words are read for what they deny."""
    subject = {"subject": {"reference": "Patient/p"}}
    if kind == "stop":
        return [order("302379", "stopped", text, id="o"), order("1191", "stopped", text)]
    if kind == "appointment":
        return [{"resourceType": "Appointment", "id": "a", "status": "booked", "participant": [], "description": text}]
    return [
        {"resourceType": "AllergyIntolerance", "id": "a", "patient": subject["subject"], "code": {"text": text}},
        {"resourceType": "Condition", "id": "c", **subject, "code": {"text": text}},
    ]


ASKED = {
    "stop": [
        ("MastCellFailureElements", "Omalizumab Has Not Failed"),
        ("MastCellIntoleranceElements", "Has Allergy Or Intolerance To Omalizumab"),
        ("MastCellTherapyElements", "Aspirin Tolerance"),
    ],
    "appointment": [("MastCellProcedureElements", "Procedure Is Planned")],
    "allergy": [("MastCellTherapyElements", "Has NSAID Reaction")],
}


@pytest.mark.parametrize("kind", LONG)
def test_denials_are_looked_for_in_the_beginning_only(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only short patterns, which write a text in plain words, see all of it."""
    met: dict[str, int] = {}

    class Watched:
        def __init__(self, pattern: str) -> None:
            self.pattern = pattern

        def sub(self, substitution: str, text: str) -> str:
            met[self.pattern] = max(met.get(self.pattern, 0), len(text))
            return compiled(self.pattern).sub(substitution, text)

        def __getattr__(self, name: str) -> Any:
            return getattr(compiled(self.pattern), name)

    compiled = strings._pattern
    monkeypatch.setattr(strings, "_pattern", lambda pattern, origin=None: Watched(pattern))
    strings._finder.cache_clear()
    try:
        found = evaluation_of(records(kind, LONG[kind] * 400))
        for library, define in ASKED[kind]:
            found.define(library, define)
    finally:
        strings._finder.cache_clear()
    denials = {pattern: length for pattern, length in met.items() if len(pattern) > 60}
    assert denials
    assert max(denials.values()) <= LIMIT, {pattern[:60]: length for pattern, length in denials.items() if length > LIMIT}


def asked(kind: str, text: str) -> list[Any]:
    found = evaluation_of(records(kind, text))
    return [found.define(library, define) for library, define in ASKED[kind]]


@pytest.mark.parametrize("before", [40, 400])
def test_what_stands_behind_the_beginning_is_not_silent(before: int) -> None:
    long = FILLER * before
    assert asked("stop", f"{long}no response")[0] is not True
    assert asked("stop", f"{long}anaphylaxis")[1:] == [True, "not-tolerated"]
    assert asked("appointment", f"{long}hip surgery")[0] is None
    assert asked("allergy", f"{long}allergy to ibuprofen")[0] is True


def test_a_denial_behind_the_beginning_is_left_to_the_reader() -> None:
    long = FILLER * 40
    assert asked("stop", "No side effects; no treatment failure; cost")[:2] == [True, False]
    assert asked("stop", f"{long}; no side effects; no treatment failure; cost")[:2] != [True, False]
    assert asked("appointment", "No surgery planned")[0] is False
    assert asked("appointment", f"{long}; no surgery planned")[0] is None
    assert asked("appointment", f"No surgery planned; {long}")[0] is False


def test_a_text_without_a_blank_is_read_too() -> None:
    assert asked("appointment", "a" * 5000 + " surgery")[0] is None
    assert asked("appointment", "a" * 5000)[0] is False

"""A corticosteroid order whose words say that it goes on for long, without a duration that can be read: unknown, and told."""

from __future__ import annotations

import pytest

from .evaluating import RXNORM, evaluation_of

LOGIC = "OrderGuardsLogic"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("10 mg daily, long-term", None),
        ("10 mg daily for 4 months", None),
        ("Taper over 6 months", None),
        ("5 mg daily indefinitely", None),
        ("Chronic maintenance dose, 5 mg", None),
        ("40 mg daily for 5 days", False),
        ("40 mg daily for 2 weeks", False),
        ("40 mg for 5 days for chronic urticaria; not long-term", False),
        ("50 mg once before the procedure", False),
    ],
)
def test_words_that_say_long_leave_it_open(words: str, expected: bool | None) -> None:
    draft = {
        "resourceType": "MedicationRequest", "id": "d", "status": "draft", "intent": "order", "authoredOn": "2026-06-01",
        "subject": {"reference": "Patient/p"}, "dosageInstruction": [{"text": words}],
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": "8640"}]},
    }  # fmt: skip
    found = evaluation_of([], drafts=[draft])
    assert found.define(LOGIC, "Long-Term Corticosteroid Is Being Ordered") is expected
    assert ("give its duration" in found.define(LOGIC, "Note On Long Term")) == (expected is None)

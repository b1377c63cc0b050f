"""For how long a corticosteroid is ordered: what says nothing of it, or says in words alone that it is long, is unknown and asked
for; what is given once, or in an emergency, or for a few days is not."""

from __future__ import annotations

from typing import Any

import pytest

from guideway.apply.care_plan import requests
from guideway.apply.hook_context import draft_references, hook_parameters
from guideway.apply.run import apply_guideline
from guideway.records.reading import read_resources
from guideway.service.cards import Card, cards_of
from guideway.service.services import in_use, left_to_others, services_of

from .evaluating import RXNORM, evaluation_of, order
from .support import guideline

Json = dict[str, Any]
LOGIC = "OrderGuardsLogic"
MCAS: Json = {
    "resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"},
    "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
    "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "D89.42"}]},
}  # fmt: skip
DAILY: Json = {"frequency": 1, "period": 1, "periodUnit": "d"}


def draft(*dosage: Json, code: str = "8640", **more: Any) -> Json:
    return order(code, "draft", id="d", start="2026-06-01", dosage=dosage, **more)


def is_long(*resources: Json) -> Any:
    *before, being_written = resources
    return evaluation_of(before, drafts=[being_written]).define(LOGIC, "Long-Term Corticosteroid Is Being Ordered")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("10 mg daily, long-term", None),
        ("10 mg daily for 4 months", None),
        ("Taper over 6 months", None),
        ("5 mg daily indefinitely", None),
        ("Chronic maintenance dose, 5 mg", None),
        ("40 mg daily for 120 days", None),
        ("10 mg daily", None),
        ("10 mg once daily", None),
        ("10 mg every 2 weeks", None),
        ("Decrease by 5 mg every 3 days", None),
        ("40 mg daily for 5 days, then 10 mg daily", None),
        ("40 mg daily for 5 days, 20 mg daily", None),
        ("30 mg daily for 60 days, then 20 mg daily for 60 days", None),
        ("Take slowly over 1 to 3 months", None),
        ("40 mg daily for 5 days", False),
        ("40 mg daily for 2 weeks", False),
        ("40 mg daily x5d", False),
        ("40 mg BID x 5 days", False),
        ("20 mg daily for 5-7 days", False),
        ("40 mg daily for two weeks, then 20 mg daily for two weeks, then stop", False),
        ("40 mg for 5 days, 20 mg for 5 days, 10 mg for 5 days", False),
        ("5-day burst, 40 mg daily", False),
        ("Medrol dose pack as directed", False),
        ("40 mg for 5 days for chronic urticaria; not long-term", False),
        ("50 mg once before the procedure", False),
        ("50 mg 13, 7 and 1 hour before contrast", False),
        ("Premedication: 50 mg the night before", False),
        ("125 mg IV x 1", False),
        ("125 mg STAT", False),
        ("40 mg stat, then 20 mg daily", None),
        ("50 mg as needed for anaphylaxis", False),
        ("Emergency kit: 50 mg in case of a reaction", False),
        ("5 mg as needed", None),
    ],
)
def test_the_words_of_an_order_tell_a_short_time_and_leave_a_long_one_open(words: str, expected: bool | None) -> None:
    found = evaluation_of([], drafts=[draft({"text": words})])
    assert found.define(LOGIC, "Long-Term Corticosteroid Is Being Ordered") is expected
    assert ("give its duration" in found.define(LOGIC, "Note On Long Term")) == (expected is None)


@pytest.mark.parametrize(
    ("dosage", "expected"),
    [
        ({}, None),
        ({"timing": {"repeat": DAILY}}, None),
        ({"timing": {"repeat": {"count": 1}}}, False),
        ({"timing": {"event": ["2026-06-03T08:00:00Z"]}}, False),
        ({"timing": {"code": {"text": "Once"}}}, False),
        ({"timing": {"code": {"text": "Once daily"}}}, None),
        ({"asNeededCodeableConcept": {"text": "anaphylaxis"}}, False),
        ({"asNeededBoolean": True}, None),
        ({"text": "40 mg", "patientInstruction": "Take for 5 days"}, False),
        ({"text": "40 mg for 5 days", "patientInstruction": "Take daily"}, False),
        ({"text": "40 mg for 5 days", "patientInstruction": "Long-term, do not stop"}, None),
    ],
)
def test_the_instruction_tells_by_its_other_elements_too(dosage: Json, expected: bool | None) -> None:
    assert is_long(draft(dosage)) is expected


def test_an_order_without_an_instruction_does_not_say_for_how_long() -> None:
    assert is_long(draft()) is None
    assert is_long(draft(reasonCode=[{"text": "Premedication for contrast"}])) is False
    assert is_long(draft({"asNeededBoolean": True}, reasonCode=[{"text": "Anaphylaxis"}])) is False
    assert is_long(draft({"text": "10 mg daily"}, reasonCode=[{"text": "Anaphylaxis"}])) is None


def test_an_order_that_may_be_dispensed_again_goes_on() -> None:
    words = {"text": "20 mg daily for 30 days"}
    assert is_long(draft(words, dispenseRequest={"numberOfRepeatsAllowed": 1})) is False
    assert is_long(draft(words, dispenseRequest={"numberOfRepeatsAllowed": 5})) is None


def test_days_in_words_count_with_what_is_taken_and_make_nothing_long_alone() -> None:
    taken = order("8640", start="2026-04-01")
    assert is_long(taken, draft({"text": "20 mg daily for 5 days"})) is False
    assert is_long(taken, draft({"text": "20 mg daily for 60 days"})) is None


@pytest.mark.parametrize("form", ["prednisolone eye drops", "dexamethasone oral rinse", "prednisolone cream"])
def test_a_local_form_is_not_asked_about(form: str) -> None:
    assert is_long(draft(called=form)) is False
    assert is_long(draft({"text": "1 drop in each eye daily"})) is False


def past(start: str, end: str) -> Json:
    """A statement of a course that is over."""
    return {
        "resourceType": "MedicationStatement", "id": f"s-{start}", "status": "completed", "subject": {"reference": "Patient/p"},
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": "8640"}]},
        "effectivePeriod": {"start": start, "end": end},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("courses", "expected"),
    [
        ([past("2026-03-01", "2026-04-29"), order("8640", start="2026-05-01")], True),
        ([past("2026-03-01", "2026-04-23"), order("8640", start="2026-05-01")], True),
        ([past("2026-03-01", "2026-04-22"), order("8640", start="2026-05-01")], False),
        ([past("2026-01-01", "2026-05-31")], True),
        ([past("2026-01-01", "2026-05-20")], False),
        ([past("2026-03-15", "2026-04-29"), order("8640", start="2026-05-01")], False),
    ],
)
def test_courses_a_few_days_apart_are_one(courses: list[Json], expected: bool) -> None:
    """At most a week apart (``steroidCourseGapDays``): what is taken, what ended, and what is being ordered."""
    assert evaluation_of(courses).define(LOGIC, "Corticosteroid Is Long Term") is expected


def test_a_course_that_ended_yesterday_counts_with_the_order() -> None:
    next_one = draft({"timing": {"repeat": {"boundsPeriod": {"start": "2026-06-02", "end": "2026-07-15"}}}})
    assert is_long(past("2026-04-01", "2026-05-31"), next_one) is True
    assert is_long(past("2026-04-01", "2026-05-20"), next_one) is False
    told = evaluation_of([past("2026-04-01", "2026-05-31")], drafts=[next_one]).define(LOGIC, "Note On Long Term")
    assert "at most 7 days between them are one" in told


UNTIL_TODAY = order("8640", id="now", start="2026-05-20")


def supply(days: int) -> Json:
    return {"dispenseRequest": {"expectedSupplyDuration": {"value": days, "unit": "d", "code": "d"}}}


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([order("8640", "completed", id="a", start="2026-02-01"), UNTIL_TODAY], None),
        ([order("8640", "stopped", id="a", start="2026-02-01"), UNTIL_TODAY], None),
        ([order("8640", "stopped", id="a", start="2026-02-01", changed="2026-02-08"), UNTIL_TODAY], False),
        ([order("8640", "completed", id="a", start="2026-02-01", **supply(7)), UNTIL_TODAY], False),
        ([order("8640", "completed", id="a", start="2026-02-01", **supply(110)), UNTIL_TODAY], True),
        (
            [order("8640", "completed", id="a", start="2026-02-01", dosage=[{"text": "40 mg daily for 5 days"}]), UNTIL_TODAY],
            False,
        ),
        ([order("8640", "completed", id="a", start="2026-04-01"), UNTIL_TODAY], False),
        ([order("8640", "completed", id="a", start="2024-02-01"), UNTIL_TODAY], False),
        ([order("8640", "completed", id="a", start="2026-02-01")], False),
    ],
)
def test_an_earlier_order_that_does_not_say_for_how_long_leaves_it_open(records: list[Json], expected: bool | None) -> None:
    """Orders are written anew at each renewal; what was completed may have been taken until the next one."""
    found = evaluation_of(records)
    assert found.define(LOGIC, "Corticosteroid Is Long Term") is expected
    assert (found.define(LOGIC, "Note On Courses Of Unknown Length") is None) == (expected is not None)


@pytest.mark.parametrize(("days", "expected"), [(7, None), (91, True)])
def test_the_order_being_written_may_renew_one_of_unknown_length(days: int, expected: bool | None) -> None:
    assert is_long(order("8640", "completed", id="a", start="2026-02-01"), draft(DAILY, **supply(days))) is expected


def test_of_an_earlier_course_without_an_end_its_end_is_asked_not_the_duration_that_is_there() -> None:
    before = order("8640", "completed", id="a", start="2026-02-20")
    found = evaluation_of([before], drafts=[draft(DAILY, **supply(7))])
    assert found.define(LOGIC, "Long-Term Corticosteroid Is Being Ordered") is None
    assert found.define("MastCellCorticosteroidCourses", "Days Ordered") == 7
    assert "By its words" not in found.define(LOGIC, "Note On Long Term")
    assert "does not say when it ended: prednisone" in found.define(LOGIC, "Note On Courses Of Unknown Length")
    in_words = evaluation_of([], drafts=[draft({"text": "40 mg daily for 120 days"})])
    assert "By its words the order goes on for longer than that" in in_words.define(LOGIC, "Note On Long Term")


def test_a_taper_over_three_months_is_long_and_says_why() -> None:
    """Three months are more than 90 days; the article on back pain gives as much, and the two are shown together (C18)."""
    bounds = {"boundsDuration": {"value": 3, "unit": "mo", "system": "http://unitsofmeasure.org", "code": "mo"}}
    found = evaluation_of([], drafts=[draft({"timing": {"repeat": bounds}})])
    assert found.define(LOGIC, "Long-Term Corticosteroid Is Being Ordered") is True
    assert found.define("MastCellCorticosteroidCourses", "Days Ordered") == 93
    assert "more than 90 days, a month as 31 at most" in found.define(LOGIC, "Note On Long Term")
    assert "taper over 1 to 3 months" in found.define(LOGIC, "Note On Steroid Articles")


def cards(hook: str, *drafts: Json) -> list[Card]:
    """What all services show at the order of a patient with mast cell activation syndrome."""
    patient = {"resourceType": "Patient", "id": "p", "birthDate": "1961-04-02"}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in (patient, MCAS)]}
    (record,) = read_resources([bundle], "p")
    context = {"draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": d} for d in drafts]}}
    everything = in_use((s for s in services_of(guideline()) if s.hook == hook), ())
    shown: list[Card] = []
    for service in everything:
        outcome = apply_guideline(
            guideline(), record, plans=[service.plan], as_of="2026-06-01", hook=hook, explain="brief",
            parameters=hook_parameters(guideline(), context),
        )  # fmt: skip
        left = left_to_others(service, everything)
        shown += cards_of(
            outcome, requests(outcome), instance="i", service=service.id, drafts=draft_references(context),
            elsewhere=left.plans, asked=left.asked,
        )  # fmt: skip
    return shown


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_an_order_hook_asks_for_the_duration_once(hook: str) -> None:
    (card,) = cards(hook, draft({"text": "10 mg daily"}))
    detail = card.body["detail"]
    assert "**Days for which a corticosteroid is ordered**: Enter the duration in the corticosteroid order" in detail
    assert "Order being written" not in detail
    for given in ({"text": "10 mg daily for 5 days"}, {"text": "50 mg once before the procedure"}):
        assert not any("duration" in card.body["detail"] for card in cards(hook, draft(given)))


@pytest.mark.parametrize(("status", "start"), [("unknown", "2025-06-01"), ("on-hold", "2025-06-01"), ("unknown", "2026-03-13")])
def test_what_is_on_hold_or_of_unknown_status_may_make_the_order_long(status: str, start: str) -> None:
    found = evaluation_of([order("8640", status, id="a", start=start)], drafts=[draft(DAILY, **supply(30))])
    assert found.define(LOGIC, "Corticosteroid Is Long Term") is None
    assert "prednisone" in found.define(LOGIC, "Note On Corticosteroid In Doubt")


def test_what_is_on_hold_since_some_days_makes_a_short_order_not_long() -> None:
    found = evaluation_of([order("8640", "on-hold", id="a", start="2026-05-20")], drafts=[draft(DAILY, **supply(30))])
    assert found.define(LOGIC, "Corticosteroid Is Long Term") is False


def test_a_supply_to_be_taken_as_needed_does_not_tell_on_how_many_days() -> None:
    as_needed = {"asNeededBoolean": True} | DAILY
    found = evaluation_of([], drafts=[draft(as_needed, **supply(100))])
    assert found.define(LOGIC, "Corticosteroid Is Long Term") is None
    assert "to be taken as needed" in found.define(LOGIC, "Note On Long Term")
    assert is_long(draft(as_needed, **supply(30))) is False
    assert evaluation_of([order("8640", start="2025-06-01")], drafts=[draft(as_needed, **supply(100))]).define(
        LOGIC, "Corticosteroid Is Long Term"
    )

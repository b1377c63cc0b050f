"""What goes together and what does not: by code, by class, by name; doses, intervals, relations; and whose request it is."""

from __future__ import annotations

from typing import Any

import pytest
from tests.apply.features import CANONICAL, HL7, OWN, TIMING, A, Json, Result, extensions, made, one
from tests.apply.small import (
    ACTIVE,
    BASE,
    TABLET_A,
    TABLET_B,
    activity,
    allergy,
    expression,
    guideline,
    medication,
    plan,
    run,
    when,
)

from guideway.guideline.names import DIRECTION

NAMED_A: Json = {"text": "Tablet A 5 mg, oral"}
LAB = f"{BASE}/ActivityDefinition/lab"

AGAINST: Json = {"url": DIRECTION, "valueCodeableConcept": {"coding": [{"code": "against"}]}}

CLASSES = """
library Logic version '1.0.0'
using FHIR version '4.0.1'
valueset "All tablets": 'http://example.org/small/ValueSet/tablets'
context Patient
define "Any Tablet Allergy": exists [AllergyIntolerance: "All tablets"]
"""


def rules(result: Result) -> list[str]:
    return [c.rule for c in result.outcome.conflicts]


def drug(product: Json, *data: Json, cql: str | None = None, **more: Any) -> Result:
    return one({**A, "definitionCanonical": CANONICAL}, activity(productCodeableConcept=product, **more), data=data, cql=cql)


def two(first: Json, second: Json, *data: Json, **values: Any) -> Result:
    """Two actions with an activity each."""
    other = {**second, "id": "other", "url": f"{BASE}/ActivityDefinition/other"}
    actions = ({**A, "definitionCanonical": first["url"]}, {"id": "b", "title": "B", "definitionCanonical": other["url"]})
    return made(plan("main", *actions), first, other, data=data, **values)


@pytest.mark.parametrize(
    ("proposed", "recorded", "found"),
    [
        (TABLET_A, TABLET_A, True),
        (TABLET_A, TABLET_B, False),
        (TABLET_A, {"text": "tablet a"}, True),
        ({"text": "Tablet A"}, TABLET_A, True),
        (NAMED_A, {"text": "TABLET-A"}, True),
        ({"text": "Alpha"}, {"text": "alpha retard 5 mg"}, True),
        ({"text": "Alpha"}, {"text": "Beta"}, False),
        (TABLET_A, {"coding": [{"system": "http://other", "code": "1", "display": "A 10 mg oral tablet"}]}, True),
    ],
)
def test_a_drug_that_is_taken_or_not_tolerated(proposed: Json, recorded: Json, found: bool) -> None:
    assert rules(drug(proposed, medication(recorded))) == (["already-active"] if found else [])
    assert rules(drug(proposed, allergy(recorded))) == (["allergy"] if found else [])


@pytest.mark.parametrize(
    ("proposed", "recorded", "found"),
    [
        (TABLET_A, TABLET_A, True),
        (TABLET_A, TABLET_B, False),
        (TABLET_A, {"text": "tablet a"}, True),
        ({"text": "All tablets"}, TABLET_B, True),
        ({"text": "Alpha"}, {"text": "Beta"}, False),
    ],
)
def test_a_drug_that_is_advised_against_and_taken(proposed: Json, recorded: Json, found: bool) -> None:
    cql = CLASSES.replace("AllergyIntolerance", "MedicationRequest")
    for result in (
        drug(proposed, medication(recorded), cql=cql, doNotPerform=True),
        one({**A, "code": [proposed], "extension": [AGAINST]}, data=(medication(recorded),), cql=cql),
    ):
        conflicts = [c for c in result.outcome.conflicts if "is being taken" in c.text]
        assert [(c.rule, c.severity, c.resources) for c in conflicts] == (
            [("for-and-against", "high", ["MedicationRequest/rx"])] if found else []
        )
    assert rules(drug(proposed, medication(recorded, status="stopped"), cql=cql, doNotPerform=True)) == []


@pytest.mark.parametrize("against", [True, False])
@pytest.mark.parametrize(
    ("end", "ended"), [("2020", True), ("2026-05-31", True), ("2026-06-01", False), ("2026", False), (None, False)]
)
def test_of_a_drug_whose_dates_are_over_that_is_said(end: str | None, ended: bool, against: bool) -> None:
    period = {"start": "2019", **({"end": end} if end else {})}
    statement: Json = {
        "resourceType": "MedicationStatement",
        "id": "ms",
        "status": "active",
        "subject": {"reference": "Patient/p"},
        "medicationCodeableConcept": TABLET_A,
        "effectivePeriod": period,
    }
    order = medication(dosageInstruction=[{"timing": {"repeat": {"boundsPeriod": period}}}])
    for data in (statement, order):
        (conflict,) = drug(TABLET_A, data, doNotPerform=against).outcome.conflicts
        assert conflict.text.endswith(f"being taken, by its status; by its dates it ended ({end})" if ended else "being taken")
        assert conflict.severity == ("high" if against and not ended else "moderate")


@pytest.mark.parametrize(("handed_out", "found"), [("2026-05-31", True), ("2026-04-01", False)])
def test_a_drug_that_was_handed_out_is_taken_as_long_as_it_lasts(handed_out: str, found: bool) -> None:
    dispense: Json = {
        "resourceType": "MedicationDispense",
        "id": "md",
        "status": "completed",
        "subject": {"reference": "Patient/p"},
        "medicationCodeableConcept": TABLET_A,
        "whenHandedOver": handed_out,
        "daysSupply": {"value": 30, "unit": "days"},
    }
    assert rules(drug(TABLET_A, dispense)) == (["already-active"] if found else [])
    assert rules(drug(TABLET_A, dispense, doNotPerform=True)) == (["for-and-against"] if found else [])


def test_a_service_that_is_advised_against_and_ordered() -> None:
    order: Json = {
        "resourceType": "ServiceRequest",
        "id": "sr",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p"},
        "code": {"text": "Blood count"},
    }
    service = activity(kind="ServiceRequest", code={"text": "Blood count"}, doNotPerform=True)
    for action in ({**A, "definitionCanonical": CANONICAL}, {**A, "code": [{"text": "Blood count"}], "extension": [AGAINST]}):
        (conflict,) = one(action, service, data=(order,)).outcome.conflicts
        assert (conflict.rule, conflict.severity, conflict.resources) == ("for-and-against", "high", ["ServiceRequest/sr"])
        assert conflict.text == "A — but Blood count is ordered"
        assert rules(one(action, service, data=({**order, "status": "completed"},))) == []
        assert rules(one(action, service, data=({**order, "code": {"text": "Marrow"}},))) == []


def test_an_allergy_goes_by_its_substance_where_that_alone_is_coded() -> None:
    known = {**allergy(TABLET_A), "reaction": [{"substance": TABLET_A, "manifestation": [{"text": "rash"}]}]}
    del known["code"]
    (conflict,) = drug(TABLET_A, known).outcome.conflicts
    assert conflict.text == "Tablet A is proposed, and allergy or intolerance to Tablet A is on record"


def test_a_vaccine_is_a_thing_too() -> None:
    vaccine = drug(TABLET_A, allergy(TABLET_A), kind="ImmunizationRecommendation")
    assert (rules(vaccine), vaccine.outcome.findings) == (["allergy"], [])
    against = activity(kind="ImmunizationRecommendation", productCodeableConcept=TABLET_A, doNotPerform=True)
    both = two(activity(kind="ImmunizationRecommendation", productCodeableConcept=TABLET_A), against)
    assert rules(both) == ["for-and-against"]


def test_what_is_compared_by_its_words_only_is_said() -> None:
    (finding,) = [f for f in drug({"text": "Alpha"}, allergy(TABLET_B)).outcome.findings if f.rule == "conflict-by-name"]
    assert "proposed: Alpha" in finding.message
    (finding,) = [f for f in drug(TABLET_A, medication({"text": "Beta"})).outcome.findings if f.rule == "conflict-by-name"]
    assert "on record: Beta" in finding.message
    assert not drug(TABLET_A, allergy(TABLET_B)).rules()
    assert not drug({"text": "Alpha"}).rules()
    of_class = drug({"text": "All tablets"}, medication(TABLET_A), cql=CLASSES)
    assert not of_class.outcome.findings  # a class is compared by its members


@pytest.mark.parametrize("version", ["", "|1.0.0"])
def test_proposals_of_a_choice_from_one_value_set(version: str) -> None:
    choice = [{"url": f"{OWN}orderable-value-set", "valueCanonical": f"{BASE}/ValueSet/tablets{version}"}]
    first = activity(productCodeableConcept={"text": "A light tablet"}, extension=choice)
    second = activity(productCodeableConcept={"text": "Any tablet (A or B)"}, extension=choice)
    (conflict,) = two(first, second, cql=CLASSES).outcome.conflicts
    assert (conflict.rule, conflict.recommendations) == ("same-choice", ["main#a", "main#b"])
    assert conflict.text.startswith("A light tablet and Any tablet (A or B)")
    assert rules(two(first, activity(productCodeableConcept={"text": "Something else"}), cql=CLASSES)) == []
    known = two(first, activity(productCodeableConcept=TABLET_A), allergy({"coding": [{"system": "http://other", "code": "9"}]}))
    assert not known.outcome.findings  # the choice is compared by its codes
    (against,) = two(first, activity(productCodeableConcept=TABLET_A, doNotPerform=True), cql=CLASSES).outcome.conflicts
    assert against.rule == "for-and-against"


def test_an_order_in_force_not_to_give_it() -> None:
    def said(proposed: Json, forbidden: Json) -> list[str]:
        return [c.text for c in drug(proposed, medication(forbidden, doNotPerform=True)).outcome.conflicts]

    assert said(TABLET_A, TABLET_B) == []
    (text,) = said(TABLET_A, TABLET_A)
    assert "an order on record says not to give" in text


@pytest.mark.parametrize(
    ("proposed", "recorded"),
    [
        (TABLET_A, {"text": "Tablet B"}),  # the name of a member
        ({"text": "All tablets"}, TABLET_B),  # the class itself is proposed
        ({"text": "all tablet"}, {"text": "tablet b, 5 mg"}),
    ],
)
def test_a_class_known_by_names(proposed: Json, recorded: Json) -> None:
    (conflict,) = drug(proposed, allergy(recorded), cql=CLASSES).outcome.conflicts
    assert (conflict.rule, conflict.severity, conflict.resources) == ("allergy", "moderate", ["AllergyIntolerance/al"])
    assert "of the same class (All tablets)" in conflict.text


def test_one_drug_in_two_records_is_one_conflict_with_both() -> None:
    statement = {
        "resourceType": "MedicationStatement",
        "id": "st",
        "status": "active",
        "subject": {"reference": "Patient/p"},
        "medicationCodeableConcept": TABLET_A,
    }
    (conflict,) = drug(TABLET_A, medication(), statement).outcome.conflicts
    assert conflict.resources == ["MedicationRequest/rx", "MedicationStatement/st"]


@pytest.mark.parametrize(
    ("kind", "status", "found"),
    [
        ("MedicationAdministration", "in-progress", True),
        ("MedicationAdministration", "completed", False),
        ("MedicationDispense", "in-progress", True),
        ("MedicationDispense", "cancelled", False),
    ],
)
def test_a_drug_that_is_being_given_or_handed_out_is_taken(kind: str, status: str, found: bool) -> None:
    given = {
        "resourceType": kind,
        "id": "x",
        "status": status,
        "subject": {"reference": "Patient/p"},
        "medicationCodeableConcept": TABLET_A,
    } | ({"effectiveDateTime": "2026-06-01"} if kind == "MedicationAdministration" else {})
    assert rules(drug(TABLET_A, given)) == (["already-active"] if found else [])


@pytest.mark.parametrize("coded", [True, False])
def test_what_a_combination_is_made_of_is_taken(coded: bool) -> None:
    mix: Json = {
        "resourceType": "Medication",
        "id": "mix",
        "ingredient": [{"itemCodeableConcept": c} for c in (TABLET_B, TABLET_A)],
    }
    mix |= {"code": {"coding": [{"system": "http://other", "code": "ab"}]}} if coded else {}
    order = medication() | {"medicationReference": {"reference": "Medication/mix"}}
    del order["medicationCodeableConcept"]
    (conflict,) = drug(TABLET_A, order, mix).outcome.conflicts
    assert (conflict.rule, conflict.resources) == ("already-active", ["MedicationRequest/rx"])


@pytest.mark.parametrize(
    ("recorded", "rule"), [(medication(), "already-active"), (allergy(**ACTIVE), "allergy")], ids=["already-active", "allergy"]
)
def test_a_conflict_of_several_recommendations_names_them_all(recorded: Json, rule: str) -> None:
    ways = [activity(name, productCodeableConcept=TABLET_A, dosage=[{"text": name}]) for name in ("x", "y")]
    actions = [{"id": a["id"], "title": a["id"], "definitionCanonical": a["url"]} for a in ways]
    plans = [plan("p1", actions[0]), plan("p2", actions[1])]
    outcome = run(guideline(*plans, *ways), recorded, plans=["p1", "p2"])
    (conflict,) = [c for c in outcome.conflicts if c.rule == rule]
    assert conflict.recommendations == ["p1#x", "p2#y"]


@pytest.mark.parametrize(
    ("concept", "data", "found"),
    [
        (TABLET_A, {"intent": "proposal"}, []),
        (TABLET_A, {"doNotPerform": True}, ["for-and-against"]),
        (TABLET_A, {"doNotPerform": True, "status": "stopped"}, []),
        (TABLET_A, {"status": "stopped"}, []),
    ],
)
def test_what_is_not_being_taken(concept: Json, data: Json, found: list[str]) -> None:
    assert rules(drug(concept, medication(concept, **data))) == found


def test_for_and_against_by_name() -> None:
    for_it, against = (
        activity(productCodeableConcept={"text": "Alpha"}),
        activity(productCodeableConcept={"text": "ALPHA"}, doNotPerform=True),
    )
    assert rules(two(for_it, against)) == ["for-and-against"]
    longer = activity(productCodeableConcept={"text": "Alpha for more than a year"}, doNotPerform=True)
    assert rules(two(for_it, longer)) == []


def test_the_same_words_fold() -> None:
    result = two(activity(productCodeableConcept={"text": "Alpha"}), activity(productCodeableConcept={"text": "alpha"}))
    assert len(result.of("MedicationRequest")) == 1
    assert result.outcome.recommendations[0].also == ["main#b"]


def dose(value: float, unit: str = "mg", **more: Any) -> Json:
    quantity = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return {"doseAndRate": [{"doseQuantity": quantity}], **more}


@pytest.mark.parametrize(
    ("left", "right", "found"),
    [
        ({"dosage": [dose(5)]}, {"dosage": [dose(10)]}, ["dose-differs"]),
        ({"dosage": [dose(5)]}, {"dosage": [dose(5.0)]}, []),
        ({"dosage": [dose(5)]}, {"dosage": [dose(0.005, "g")]}, []),
        ({"dosage": [dose(5, text="5 mg")]}, {"dosage": [dose(0.005, "g", text="0.005 g")]}, []),
        ({"dosage": [dose(5)]}, {"dosage": [dose(5, "g")]}, ["dose-differs"]),
        ({"dosage": [dose(5)]}, {"dosage": [dose(5, "mL")]}, ["dose-differs"]),
        ({"dosage": [dose(1, "{tablet}")]}, {"dosage": [dose(1, "{capsule}")]}, ["dose-differs"]),
        ({"dosage": [dose(5, "no unit")]}, {"dosage": [dose(5, "g")]}, ["dose-differs"]),
        ({"dosage": [dose(5, timing=TIMING)]}, {"dosage": [dose(5, text="by mouth")]}, []),
        ({"dosage": [{"text": "5 mg a day"}]}, {"dosage": [{"text": "10 mg a day"}]}, ["dose-differs"]),
        ({"dosage": [{"text": "Carry it"}]}, {"dosage": [{"text": "Carry two at all times"}]}, []),
        ({"quantity": {"value": 2}}, {"quantity": {"value": 1}}, []),
        ({"dosage": [{"text": "Carry it"}], "quantity": {"value": 2}}, {"dosage": [{"text": "Keep one at home"}]}, []),
        ({"dosage": [dose(5)], "doNotPerform": True}, {"dosage": [dose(10)], "doNotPerform": True}, []),
    ],
)
def test_doses_that_differ(left: Json, right: Json, found: list[str]) -> None:
    assert (
        rules(two(activity(productCodeableConcept=TABLET_A, **left), activity(productCodeableConcept=TABLET_A, **right))) == found
    )


@pytest.mark.parametrize("kind", ["DeviceRequest", "SupplyRequest"])
def test_supplies_and_devices_have_no_dose(kind: str) -> None:
    left, right = ({"quantity": {"value": n}, "dosage": [dose(n)]} for n in (1, 2))
    first = activity(kind=kind, productCodeableConcept=TABLET_A, **left)
    assert rules(two(first, activity(kind=kind, productCodeableConcept=TABLET_A, **right))) == []


def every(frequency: int, period: float, unit: str) -> Json:
    return {"timingTiming": {"repeat": {"frequency": frequency, "period": period, "periodUnit": unit}}}


def test_intervals() -> None:
    def compared(left: Json, right: Json) -> list[str]:
        lab = activity("lab", "ServiceRequest", code=TABLET_B)
        actions = ({**A, **left, "definitionCanonical": LAB}, {"id": "b", "title": "B", **right, "definitionCanonical": LAB})
        return rules(made(plan("main", *actions), lab))

    assert compared(every(1, 2, "wk"), every(1, 1, "mo")) == ["monitoring-overlap"]
    assert compared(every(1, 2, "wk"), every(1, 14, "d")) == []
    assert compared(every(2, 1, "a"), every(1, 6, "mo")) == []
    assert compared(every(1, 2, "wk"), {"timingDateTime": "2026-07-01"}) == []


def test_an_interval_that_is_already_ordered() -> None:
    order = {
        "resourceType": "ServiceRequest",
        "id": "o",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p"},
        "code": TABLET_B,
        "occurrenceTiming": {"repeat": {"frequency": 1, "period": 3, "periodUnit": "mo"}},
    }
    lab = activity("lab", "ServiceRequest", code=TABLET_B)
    (conflict,) = one({**A, **every(1, 2, "wk"), "definitionCanonical": LAB}, lab, data=(order,)).outcome.conflicts
    assert (conflict.rule, conflict.resources) == ("monitoring-overlap", ["ServiceRequest/o"])
    assert rules(one({**A, **every(1, 3, "mo"), "definitionCanonical": LAB}, lab, data=(order,))) == ["already-active"]


# -- relations


def test_a_relation_that_is_left_out_is_said() -> None:
    def related(target: str) -> Json:
        return {"relatedAction": [{"actionId": target, "relationship": "before"}]}

    result = made(
        plan(
            "main",
            {**A, **related("no")},
            {"id": "b", "title": "B", **related("gone")},
            {"id": "c", "title": "C", **related("hidden")},
            {"id": "d", "title": "D", **related("a")},
            {"id": "no", "title": "No", "condition": [when("False")]},
            {"id": "hidden", "title": "H", "trigger": [{"type": "named-event", "name": "order-sign"}]},
        )
    )
    found = {r.action: [(f.severity.value, f.message) for f in r.findings] for r in result.outcome.recommendations}
    assert [len(found[a]) for a in "abcd"] == [1, 1, 1, 0]
    assert found["a"][0] == (
        "information",
        "a: before no: that action is not part of the result (does-not-apply), so the relation is left out",
    )
    assert found["b"][0][0] == "warning"
    assert "skipped" in found["c"][0][1]
    assert [a.get("relatedAction") is not None for a in result.actions] == [False, False, False, True]


# -- whose request it is

OTHER = "'Patient/other'"


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("MedicationRequest", "subject", OTHER),
        ("MedicationRequest", "subject.reference", OTHER),
        ("MedicationRequest", "subject.display", "'Somebody else'"),
        ("MedicationRequest", "subject.identifier.value", "'12345'"),
        ("MedicationRequest", "subject", "'Group/all'"),
        ("MedicationRequest", "performer", OTHER),
        ("MedicationRequest", "extension('http://x/y').value.ofType(Reference).reference", OTHER),
        ("ServiceRequest", "subject", "'http://elsewhere.org/fhir/Patient/p2'"),
        ("Task", "for", OTHER),
        ("Task", "for.reference", "'Patient/p2/_history/1'"),
        ("NutritionOrder", "patient", OTHER),
        ("SupplyRequest", "deliverTo", OTHER),
        ("EnrollmentRequest", "candidate", OTHER),
        ("Contract", "subject[0]", OTHER),
        ("Appointment", "participant[0].actor", OTHER),
        ("AppointmentResponse", "actor", OTHER),
        ("CommunicationRequest", "recipient", OTHER),
    ],
)
def test_a_dynamic_value_cannot_make_it_another_patients(kind: str, path: str, value: str) -> None:
    dynamic = [{"path": path, "expression": expression(value, "text/cql-expression")}]
    before = drug(TABLET_A, kind=kind).request
    for where in ("action", "activity"):
        target = activity(
            kind=kind, productCodeableConcept=TABLET_A, **({"dynamicValue": dynamic} if where == "activity" else {})
        )
        action = {**A, "definitionCanonical": CANONICAL, **({"dynamicValue": dynamic} if where == "action" else {})}
        result = one(action, target)
        assert result.request == before
        (finding,) = result.outcome.recommendations[0].findings
        assert finding.rule in ("dynamic-value-subject", "dynamic-value-path")
        assert finding.severity.value == "error"
        if "identifier" not in path:
            assert finding.rule == "dynamic-value-subject", finding.message


def test_the_patient_that_it_is_about_may_be_said_again() -> None:
    for value in ("'Patient/p'", "'Patient/p/_history/3'"):
        dynamic = [{"path": "performer", "expression": expression(value, "text/cql-expression")}]
        result = one({**A, "definitionCanonical": CANONICAL, "dynamicValue": dynamic}, activity())
        assert result.rules() == []
    same = [{"path": "subject", "expression": expression("'Patient/p'", "text/cql-expression")}]
    assert one({**A, "definitionCanonical": CANONICAL, "dynamicValue": same}, activity()).rules() == []


def test_a_computed_extension_names_no_other_patient() -> None:
    computed = {"extension": [{"url": HL7 + "cqf-expression", "valueExpression": expression(OTHER, "text/cql-expression")}]}
    extension = [{"url": "http://x/y", "_valueReference": computed}]
    target = activity(extension=extension)
    result = made(plan("main", {**A, "extension": extension, "definitionCanonical": CANONICAL}, extension=extension), target)
    assert result.rules() == ["extension-expression"] * 2
    assert "Patient/other" not in str([g.get("extension") for g in (result.group(), result.actions[0], result.request)])


def test_an_action_takes_no_other_patient_either() -> None:
    dynamic = [{"path": "action.participant[0]", "expression": expression(OTHER, "text/cql-expression")}]
    result = one({**A, "dynamicValue": dynamic})
    assert result.rules() == ["dynamic-value-subject"]
    assert "participant" not in result.actions[0]
    assert extensions(result.actions[0], OWN + "action-participant") == []


def test_what_is_due_at_different_times_does_not_fold() -> None:
    later, soon = {"timingDateTime": "2026-09-01"}, {"timingPeriod": {"start": "2026-07-01"}}
    lab = activity("lab", "ServiceRequest", code=TABLET_B)

    def requests_of(left: Json, right: Json) -> list[Json]:
        actions = ({**A, **left, "definitionCanonical": LAB}, {"id": "b", "title": "B", **right, "definitionCanonical": LAB})
        return made(plan("main", *actions), lab).of("ServiceRequest")

    assert [r.get("occurrenceDateTime") for r in requests_of(later, soon)] == ["2026-09-01", None]
    assert len(requests_of(later, later)) == 1
    assert [r.get("occurrenceDateTime") for r in requests_of(later, {})] == ["2026-09-01", None]

"""What is left out before anything is computed, and what is kept although doubtful."""

from __future__ import annotations

from typing import Any

import pytest
from tests.records.make import PATIENT, Json, observation, record, resource, rules

PATIENT_REF = {"patient": {"reference": "Patient/p"}}
CODE = {"coding": [{"system": "http://snomed.info/sct", "code": "1"}]}


def verification(code: str) -> Json:
    return {"verificationStatus": {"coding": [{"code": code}]}}


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        (observation("x", status="preliminary"), "status-preliminary"),
        (observation("x", status="registered"), "status-registered"),
        (observation("x", status="cancelled"), "status-cancelled"),
        (observation("x", status="entered-in-error"), "status-entered-in-error"),
        (observation("x", status=None), "status-missing"),
        (observation("x", status="finall"), "status-finall"),
        (observation("x", effectiveDateTime="2026-05-31"), "future-dated"),
        (observation("x", effectiveDateTime="2026-05-30T14:30:00+02:00"), "future-dated"),
        (observation("x", focus=[{"reference": "Patient/fetus"}]), "focus-other"),
        (observation("x", modifierExtension=[{"url": "http://example.org/not", "valueBoolean": True}]), "modifier-unknown"),
        (resource("Condition", code=CODE, **verification("refuted")), "verification-refuted"),
        (resource("Condition", code=CODE, **verification("entered-in-error")), "verification-entered-in-error"),
        (resource("Condition", code=CODE, recordedDate="2027-01-01"), "future-dated"),
        (resource("AllergyIntolerance", code=CODE, **PATIENT_REF, **verification("refuted")), "verification-refuted"),
        (resource("MedicationRequest", status="cancelled", intent="order"), "status-cancelled"),
        (resource("MedicationRequest", status="draft", intent="order"), "status-draft"),
        (resource("MedicationRequest", status="active", intent="proposal"), "proposal"),
        (resource("MedicationRequest", status="active", intent="option"), "option"),
        (resource("MedicationRequest", status="active", intent="order", authoredOn="2026-06-01"), "future-dated"),
        (resource("MedicationStatement", status="entered-in-error"), "status-entered-in-error"),
        (resource("MedicationAdministration", status="not-done"), "status-not-done"),
        (resource("ServiceRequest", status="revoked", intent="order"), "status-revoked"),
        (resource("Procedure", status="not-done"), "status-not-done"),
        (resource("DiagnosticReport", status="preliminary", code=CODE), "status-preliminary"),
        (resource("QuestionnaireResponse", status="in-progress"), "status-in-progress"),
        (resource("QuestionnaireResponse", status="completed", authored="2026-06-02T00:00:00Z"), "future-dated"),
    ],
)  # fmt: skip
def test_left_out_under_the_clinical_policy_and_only_there(given: Json, rule: str) -> None:
    given = {key: value for key, value in given.items() if value is not None}
    kind = given["resourceType"]
    found = record(given, policy="clinical")
    assert list(found.retrieve(kind)) == []
    (exclusion,) = found.excluded
    assert (exclusion.resource, exclusion.rule) == (f"{kind}/x", rule)
    assert exclusion.reason
    assert len(record(given, policy="none").retrieve(kind)) == 1
    assert record(given, policy="none").excluded == []


@pytest.mark.parametrize("why", [{"statusReason": [{"text": "Allergy"}]}, {"note": [{"text": "Hives after the last one"}]}])
def test_a_dose_that_was_not_given_stays_where_its_record_says_why(why: Json) -> None:
    found = record(resource("MedicationAdministration", status="not-done", **why), policy="clinical")
    assert len(found.retrieve("MedicationAdministration")) == 1
    assert found.excluded == []


@pytest.mark.parametrize("why", [{"statusReasonCodeableConcept": {"text": "Allergy"}}, {"note": [{"text": "Hives"}]}])
def test_what_was_not_handed_out_stays_where_its_record_says_why(why: Json) -> None:
    found = record(resource("MedicationDispense", status="declined", **why), policy="clinical")
    assert len(found.retrieve("MedicationDispense")) == 1
    assert found.excluded == []
    (exclusion,) = record(resource("MedicationDispense", status="declined"), policy="clinical").excluded
    assert exclusion.rule == "status-declined"


@pytest.mark.parametrize(
    "given",
    [
        observation("x", status="amended"),
        observation("x", status="corrected"),
        observation("x", effectiveDateTime="2026-05-30"),
        observation("x", focus=[{"reference": "Patient/p"}]),
        resource("Condition", code=CODE, clinicalStatus={"coding": [{"code": "resolved"}]}, **verification("confirmed")),
        resource("Condition", code=CODE, **verification("unconfirmed")),
        resource("AllergyIntolerance", code=CODE, **PATIENT_REF, **verification("unconfirmed")),
        resource("AllergyIntolerance", code=CODE, **PATIENT_REF, recordedDate="2027-01-01"),
        resource("MedicationRequest", status="stopped", intent="order"),
        resource("MedicationRequest", status="completed", intent="plan"),
        resource("MedicationRequest", status="on-hold", intent="order"),
        resource("MedicationStatement", status="stopped"),
        resource("MedicationStatement", status="intended", effectiveDateTime="2026-07-01"),
        resource("Procedure", status="preparation", performedDateTime="2026-07-01"),
        resource("Encounter", status="planned", period={"start": "2026-07-01"}),
        resource("Appointment", status="booked", participant=[{"actor": {"reference": "Patient/p"}, "status": "accepted"}]),
    ],
)
def test_what_tells_the_history_stays(given: Json) -> None:
    found = record(given, policy="clinical")
    assert len(found.retrieve(given["resourceType"])) == 1
    assert found.excluded == []


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"valueQuantity": {"value": 1}}, "unit-missing"),
        ({"valueQuantity": {"value": 1, "unit": "thousand per microlitre"}}, "unit-unknown"),
        ({"valueQuantity": {"value": 1, "comparator": "<", "code": "10*9/L"}}, "comparator"),
        ({"effectiveDateTime": None}, "date-missing"),
        ({"code": {"text": "some lab"}}, "uncoded"),
        ({"code": {"coding": [{"code": "751-8"}]}}, "code-without-system"),
        ({"issued": "soon"}, "element-unreadable"),
    ],
)
def test_doubtful_data_is_kept_and_flagged(change: dict[str, Any], rule: str) -> None:
    given = {key: value for key, value in observation("x", **change).items() if value is not None}
    found = record(given, policy="clinical")
    assert len(found.retrieve("Observation")) == 1
    assert [f.rule for f in found.flags_of("Observation/x")] == [rule]


def saying(name: str, *codes: str, system: str = "http://terminology.hl7.org/CodeSystem/x") -> Json:
    return {name: {"coding": [{"system": f"{system}{n}", "code": code} for n, code in enumerate(codes)]}}


@pytest.mark.parametrize("kind", ["Condition", "AllergyIntolerance"])
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (saying("verificationStatus", "confirmed", "refuted"), "verification status says confirmed and refuted"),
        (saying("verificationStatus", "refuted", "local", "unconfirmed"), "verification status says refuted and unconfirmed"),
        (saying("verificationStatus", "provisional", "confirmed"), "verification status says provisional and confirmed"),
        (
            saying("verificationStatus", "entered-in-error", "confirmed"),
            "verification status says entered-in-error and confirmed",
        ),
        (saying("clinicalStatus", "active", "resolved"), "clinical status says active and resolved"),
        (saying("clinicalStatus", "inactive", "recurrence"), "clinical status says inactive and recurrence"),
    ],
)
def test_a_status_that_contradicts_itself_is_said_and_leaves_nothing_out(kind: str, status: Json, words: str) -> None:
    found = record(resource(kind, code=CODE, **PATIENT_REF, **status), policy="clinical")
    assert len(found.retrieve(kind)) == 1
    (flag,) = found.flags_of(f"{kind}/x")
    assert flag.rule == "status-contradicts"
    assert words in flag.reason
    assert "status-contradicts" in rules(found)


@pytest.mark.parametrize(
    ("status", "kept"),
    [
        (saying("verificationStatus", "refuted", "entered-in-error"), 0),
        (saying("verificationStatus", "refuted", "local"), 0),
        (saying("verificationStatus", "confirmed", "local"), 1),
        (saying("clinicalStatus", "active", "relapse"), 1),
        (saying("clinicalStatus", "resolved", "inactive"), 1),
    ],
)
def test_a_status_in_several_codes_that_go_together(status: Json, kept: int) -> None:
    found = record(resource("Condition", code=CODE, **PATIENT_REF, **status), policy="clinical")
    assert len(found.retrieve("Condition")) == kept
    assert not found.flags_of("Condition/x")


ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"


@pytest.mark.parametrize("kind", ["Condition", "AllergyIntolerance"])
@pytest.mark.parametrize(
    ("code", "told"),
    [
        ({}, True),
        ({"code": {"extension": [{"url": "http://example.org/why", "valueCode": "masked"}]}}, True),
        ({"code": {"coding": [{"system": ABSENT, "code": "masked", "display": "Masked"}]}}, True),
        ({"code": {"coding": [{"display": "hay fever"}]}}, False),
        ({"code": {"text": "hay fever"}}, False),
        ({"code": {"coding": [{"system": ABSENT, "code": "unknown"}], "text": "hay fever"}}, False),
        ({"code": CODE}, False),
    ],
)
def test_what_does_not_say_what_it_is_about_is_told(kind: str, code: Json, told: bool) -> None:
    found = record(resource(kind, **code, **PATIENT_REF), policy="clinical")
    assert len(found.retrieve(kind)) == 1
    assert ("code-missing" in [f.rule for f in found.flags_of(f"{kind}/x")]) is told
    assert ("code-missing" in rules(found)) is told


@pytest.mark.parametrize("kind", ["MedicationRequest", "MedicationStatement", "ServiceRequest", "Procedure"])
def test_what_has_an_unknown_status_is_said_where_it_is_read(kind: str) -> None:
    found = record(resource(kind, status="unknown", intent="order", code=CODE, medicationCodeableConcept=CODE), policy="clinical")
    assert len(found.retrieve(kind)) == 1
    assert "status-unknown" in [f.rule for f in found.flags_of(f"{kind}/x")]
    assert "status-unknown" in rules(found)


def flagged(value: int, flag: str, *, of: Json | None = None, other: Json | None = None, **limits: int) -> Json:
    """A value with an interpretation and a reference range, or two."""
    limits_of = {name: {"value": limit, "code": "10*9/L"} for name, limit in limits.items()}
    return {
        "valueQuantity": {"value": value, "code": "10*9/L"},
        "interpretation": [{"coding": [{"code": flag}]}],
        "referenceRange": [limits_of | (of or {}), *([other] if other else [])],
    }


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"dataAbsentReason": {"text": "clotted"}}, "value-and-absent"),
        ({"valueQuantity": {"value": 1, "unit": "10*9/L", "code": "/uL"}}, "unit-contradicts"),
        ({"valueQuantity": {"value": 1, "code": "/uL", "system": "http://snomed.info/sct"}}, "unit-of-another-system"),
        ({"valueQuantity": {"value": 1, "unit": "per cubic something", "code": "/uL"}}, None),
        ({"valueQuantity": {"value": 1, "unit": "10*3/uL", "code": "10*9/L"}}, None),
        ({"valueQuantity": {"value": 1, "unit": "K/uL", "code": "10*3/uL"}}, None),
        (flagged(180, "N", high=104), "flag-contradicts"),
        (flagged(3, "N", low=4), "flag-contradicts"),
        (flagged(3, "H", low=4), "flag-contradicts"),
        (flagged(100, "H", high=104), "flag-contradicts"),
        (flagged(7, "HH", low=4, high=10), "flag-contradicts"),
        (flagged(180, "H", high=104), None),
        (flagged(104, "H", high=104), None),
        (flagged(100, "N", high=104), None),
        (flagged(180, "A", high=104), None),
        (flagged(3, "H", high=10, other={"low": {"value": 4, "code": "10*9/L"}}), None),
        (flagged(180, "N", high=104, of={"age": {"high": {"value": 1}}}), None),
        ({"valueQuantity": {"value": 1, "unit": "Thousand/uL", "code": "/uL"}}, "unit-contradicts"),
        ({"valueQuantity": {"value": 1, "code": "{Thousand}/uL"}}, "unit-doubtful"),
        ({"valueQuantity": {"value": 1, "code": "{k}/uL"}}, "unit-doubtful"),
        ({"valueQuantity": {"value": 1, "unit": "103/uL"}}, "unit-doubtful"),
        ({"valueQuantity": {"value": 1, "code": "103/uL"}}, "unit-doubtful"),
        ({"valueQuantity": {"value": 1, "code": "109/L"}}, "unit-doubtful"),
        ({"valueQuantity": {"value": 1, "code": "{x10^3}/uL"}}, "unit-doubtful"),
        ({"valueQuantity": {"value": 1, "unit": "{E3}/uL"}}, "unit-doubtful"),
        ({"valueQuantity": {"value": 1, "unit": "{K cells}/uL"}}, "unit-doubtful"),
        ({"valueQuantity": {"value": 1, "unit": "{M}/uL"}}, "unit-doubtful"),
        ({"valueQuantity": {"value": 1, "code": "{CD4_cells}/uL"}}, None),
        ({"valueQuantity": {"value": 1, "code": "mL/min/{1.73_m2}"}}, None),
        ({"valueQuantity": {"value": 1, "code": "100/uL"}}, None),
        ({"valueQuantity": {"value": 1, "code": "{technician}/min"}}, None),
    ],
)
def test_a_result_that_says_two_things_is_a_finding_where_it_is_read(change: Json, rule: str | None) -> None:
    found = record(observation("x", **change), policy="clinical")
    found.retrieve("Observation", code_path="code", codes=frozenset({("http://loinc.org", "751-8")}))
    assert rules(found) == ([rule] if rule else [])


def test_a_good_observation_is_not_flagged() -> None:
    assert record(observation("x"), policy="clinical").flagged == []


def test_two_values_for_one_day_contradict_each_other() -> None:
    found = record(observation("a", value="0.8"), observation("b", value="1.8"), policy="clinical")
    assert [(f.resource, f.rule) for f in found.flagged] == [("Observation/a", "tie"), ("Observation/b", "tie")]
    assert len(found.retrieve("Observation")) == 2


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({}, {"valueQuantity": {"value": 0.80, "unit": "10*9/L", "code": "10*9/L"}}),
        ({}, {"valueQuantity": {"value": 800, "unit": "/uL", "code": "/uL"}}),
        ({}, {"effectiveDateTime": "2026-05-02"}),
        ({}, {"effectiveDateTime": "2026-05-01T08:00:00Z"}),
        ({"effectiveDateTime": "2026-05-01T08:00:00Z"}, {"effectiveDateTime": "2026-05-01T08:00:01Z"}),
        ({"effectiveDateTime": "2026-05"}, {"effectiveDateTime": "2026-05"}),
        ({}, {"code": {"coding": [{"system": "http://loinc.org", "code": "777-3"}]}}),
    ],
)
def test_other_pairs_do_not(one: Json, two: Json) -> None:
    found = record(
        observation("a", **one), observation("b", **({"valueQuantity": {"value": 9, "code": "10*9/L"}} | two)), policy="clinical"
    )
    assert found.flagged == []


@pytest.mark.parametrize(
    "two", [{"value": 801, "code": "/uL"}, {"value": 800, "code": "/uL", "comparator": "<"}, {"value": 800, "code": "mg"}]
)
def test_values_that_differ_after_conversion_do(two: Json) -> None:
    found = record(observation("a"), observation("b", valueQuantity=two), policy="clinical")
    assert [f.rule for f in found.flagged if f.rule == "tie"] == ["tie", "tie"]


@pytest.mark.parametrize(
    ("one", "two", "contradict"),
    [
        ((60, "mL/min"), (60, "mL/min/{1.73_m2}"), False),
        ((60, "mL/min"), (61, "mL/min/{1.73_m2}"), True),
        ((60, "mL/min"), ("60.0", "mL/min"), False),
        ((60, "mL/min"), (61, "mL/min"), True),
        ((60, "mL/min"), (60, "mL"), True),
        ((60, "unheard-of"), ("60.0", "unheard-of"), False),
        ((60, "unheard-of"), (60, "unheard-of/{x}"), True),
    ],
)
def test_units_that_are_one_need_no_conversion(one: tuple[object, str], two: tuple[object, str], contradict: bool) -> None:
    found = record(observation("a", one[0], one[1]), observation("b", two[0], two[1]), policy="clinical")
    assert [f.rule for f in found.flagged if f.rule == "tie"] == ["tie", "tie"] * contradict


def test_the_same_instant_in_two_time_zones_is_one() -> None:
    first = observation("a", effectiveDateTime="2026-05-01T08:00:00Z")
    second = observation("b", value="2", effectiveDateTime="2026-05-01T10:00:00+02:00")
    assert [f.rule for f in record(first, second, policy="clinical").flagged] == ["tie", "tie"]


def test_a_correction_wins_over_what_it_corrects() -> None:
    found = record(observation("a", value="0.8"), observation("b", value="1.8", status="corrected"), policy="clinical")
    assert [o.id for o in found.retrieve("Observation")] == ["b"]
    assert [(e.resource, e.rule) for e in found.excluded] == [("Observation/a", "superseded-by-correction")]
    assert found.flagged == []


def test_open_proposals_are_kept_apart() -> None:
    code = {"medicationCodeableConcept": CODE}
    loose = resource("MedicationRequest", "b", status="draft", intent="proposal", authoredOn="2026-05-01", **code)
    settled = resource("MedicationRequest", "c", status="completed", intent="proposal", **code)
    inner = resource("MedicationRequest", "a", status="draft", intent="proposal", **code)
    plan = resource("CarePlan", "plan", status="draft", intent="proposal", contained=[inner])
    found = record(loose, settled, plan, policy="clinical")
    assert [o.id for o in found.proposals] == ["plan", "a", "b"]
    assert list(found.retrieve("MedicationRequest")) == []


def test_exclusions_are_found_by_the_codes_a_retrieve_asks_for() -> None:
    found = record(observation("a", status="preliminary"), observation("b", status="preliminary", code=CODE), policy="clinical")
    asked = found.excluded_for("Observation", "code", frozenset({("http://loinc.org", "751-8")}))
    assert [e.resource for e in asked] == ["Observation/a"]
    assert found.excluded_for("Condition") == []


def test_verdicts_belong_to_the_evaluation_time() -> None:
    now = record(PATIENT, observation("a", effectiveDateTime="2026-05-01"), policy="clinical")
    then = now.under("clinical", "2026-01-01T00:00:00Z")
    assert (len(now.retrieve("Observation")), len(then.retrieve("Observation"))) == (1, 0)


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(ValueError, match="lax"):
        record().under("lax")

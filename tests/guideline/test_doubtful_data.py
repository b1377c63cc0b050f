"""A fault of one resource: a finding, the touched recommendations marked, and never a silent answer."""

from __future__ import annotations

import itertools
import json
from typing import Any

import msgspec
import pytest

from guideway.apply.run import apply_guideline
from guideway.records.decode import decode
from guideway.records.reading import read_bundle

from .support import ROOT, guideline

Json = dict[str, Any]
EXAMPLE = ROOT / "examples/aggressive-sm-neutrophils-0-8.json"
INTERRUPT = "midostaurin-dose-modification#interrupt-anc"
COUNT = "Observation/observation-3"


def count(bundle: Json) -> Json:
    """The neutrophil count of the day."""
    (found,) = [e["resource"] for e in bundle["entry"] if e["resource"].get("id") == "observation-3"]
    return found


def outcome(bundle: Json, **more: Any) -> Json:
    data = msgspec.json.Encoder(decimal_format="number").encode(bundle)
    (record,) = read_bundle(data, "bundle.json")
    found: Json = apply_guideline(guideline(), record, as_of="2026-06-01", **more).as_json()
    return found


def example() -> Json:
    bundle: Json = decode(EXAMPLE.read_bytes(), "example").value
    return bundle


def quantity(**changes: Any) -> Json:
    given = {"value": 0.8, "unit": "10*9/L", "system": "http://unitsofmeasure.org", "code": "10*9/L"} | changes
    return {"valueQuantity": {k: v for k, v in given.items() if v is not None}}


FAULTS: dict[str, tuple[Json, str, str]] = {
    "no unit": (quantity(unit=None, code=None, system=None), "unit-missing", "has no unit"),
    "a unit of something else": (quantity(unit="mg/dL", code="mg/dL"), "unit-unconvertible", "cannot be converted"),
    "no UCUM unit": (quantity(unit="Gpt/L", code="Gpt/L"), "unit-unknown", "is not UCUM"),
    "below zero": (quantity(value=-1), "value-impossible", "cannot be"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("level", ["brief", False])
def test_a_lab_that_cannot_be_used_is_a_finding_and_leaves_unknown_what_needs_it(fault: str, level: bool | str) -> None:
    changes, rule, words = FAULTS[fault]
    bundle = example()
    count(bundle).update(changes)
    found = outcome(bundle, explain=level)
    (finding,) = [f for f in found["findings"] if f["rule"] == rule]
    assert words in finding["message"]
    assert COUNT in finding["message"]
    recommendations = {r["id"]: r for r in found["recommendations"]}
    interrupt = recommendations[INTERRUPT]
    assert interrupt["status"] == "unknown"
    assert rule in [f["rule"] for f in interrupt["findings"]]
    assert any(words in why for missing in interrupt["missing"] for why in missing["because"])
    assert not recommendations["specialist-network#center-systemic-mastocytosis"].get("findings")


UNREADABLE: dict[str, tuple[Json, str]] = {
    "invalid date": ({"effectiveDateTime": "2026-02-30"}, "date-invalid"),
    "wrong JSON type": ({"valueQuantity": "0.8"}, "json-type"),
    "code without system": ({"code": {"coding": [{"code": "751-8"}]}}, "code-without-system"),
    "unknown modifier": ({"modifierExtension": [{"url": "https://example.org/not"}]}, "modifier-unknown"),
    "modifier inside": ({"referenceRange": [{"modifierExtension": [{"url": "https://example.org/x"}]}]}, "modifier-unknown"),
    "implicit rules": ({"implicitRules": "https://example.org/rules"}, "implicit-rules"),
    "unknown status": ({"status": "finall"}, "code-unknown"),
}


@pytest.mark.parametrize("fault", UNREADABLE)
def test_a_resource_that_cannot_be_read_marks_what_it_touches(fault: str) -> None:
    changes, rule = UNREADABLE[fault]
    bundle = example()
    count(bundle).update(changes)
    found = outcome(bundle)
    assert rule in [f["rule"] for f in found["findings"]]
    recommendations = {r["id"]: r for r in found["recommendations"]}
    assert recommendations[INTERRUPT]["status"] != "applies"
    assert rule in [f["rule"] for f in recommendations[INTERRUPT]["findings"]]
    assert not recommendations["specialist-network#center-systemic-mastocytosis"].get("findings")


CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
STATES: list[Json] = [
    {"clinicalStatus": {"coding": [{"system": CLINICAL, "code": "Active"}]}},
    {"clinicalStatus": {"coding": [{"system": "http://snomed.info/sct", "code": "55561003", "display": "Active"}]}},
    {"clinicalStatus": {"text": "resolved"}},
    {"verificationStatus": {"coding": [{"code": "Confirmed"}]}},
    {"verificationStatus": {"coding": [{"code": "Refuted"}]}},
    {"clinicalStatus": "resolved"},
    {"clinicalStatus": "active"},
    {"clinicalStatus": [{"coding": [{"system": CLINICAL, "code": "resolved"}]}]},
    {"clinicalStatus": {"coding": {"system": CLINICAL, "code": "resolved"}}},
    {"clinicalStatus": {"coding": [{"system": CLINICAL, "code": 7}]}},
    {"verificationStatus": "refuted"},
    {"verificationStatus": "confirmed"},
    {"verificationStatus": 1},
]


@pytest.mark.parametrize("status", STATES)
def test_a_diagnosis_whose_status_cannot_be_read_is_in_doubt_and_told(status: Json) -> None:
    bundle = example()
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Condition":
            entry["resource"].update(status)
    found = outcome(bundle)
    (name,) = status
    told = [f["message"] for f in found["findings"] if f["rule"] in ("code-unknown", "json-type")]
    assert told
    assert all(f": {name}" in message for message in told)
    statuses = {r["id"]: r["status"] for r in found["recommendations"]}
    assert "applies" not in statuses.values()
    assert statuses["midostaurin-dose-modification#review-interrupt-anc"] == "unknown"


@pytest.mark.parametrize(
    "status",
    [
        {"verificationStatus": ["confirmed", "refuted"]},
        {"verificationStatus": ["refuted", "confirmed"]},
        {"verificationStatus": ["provisional", "confirmed"]},
        {"clinicalStatus": ["active", "resolved"]},
        {"clinicalStatus": ["inactive", "active"]},
    ],
)
def test_a_diagnosis_whose_status_contradicts_itself_is_in_doubt_and_told(status: dict[str, list[str]]) -> None:
    bundle = example()
    (name,) = status
    codings = [{"system": f"https://example.org/{n}", "code": code} for n, code in enumerate(status[name])]
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Condition":
            entry["resource"][name] = {"coding": codings}
    found = outcome(bundle)
    told = [f["message"] for f in found["findings"] if f["rule"] == "status-contradicts"]
    assert told
    assert all(" and ".join(status[name]) in message for message in told)
    statuses = {r["id"]: r["status"] for r in found["recommendations"]}
    assert "applies" not in statuses.values()
    assert statuses["midostaurin-dose-modification#review-interrupt-anc"] == "unknown"


def test_a_code_without_a_system_is_no_error_and_is_told() -> None:
    bundle = example()
    (patient,) = [e["resource"]["id"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient"]
    peanut = {"coding": [{"code": "X", "display": "peanut"}]}
    allergy = {"resourceType": "AllergyIntolerance", "id": "q", "patient": {"reference": f"Patient/{patient}"}, "code": peanut}
    drug = {
        "medicationCodeableConcept": {"coding": [{"code": "723", "display": "Amoxicillin"}]},
        "status": "active",
        "intent": "order",
    }
    order = {"resourceType": "MedicationRequest", "id": "q", "subject": {"reference": f"Patient/{patient}"}} | drug
    bundle["entry"] += [{"resource": allergy}, {"resource": order}]
    found = outcome(bundle)
    assert "error" not in {r["status"] for r in found["recommendations"]}
    told = {f["pointer"] for f in found["findings"] if f["rule"] == "code-without-system"}
    assert told == {"AllergyIntolerance/q", "MedicationRequest/q"}


def test_two_counts_of_one_moment_that_differ_are_a_finding_and_decide_nothing() -> None:
    bundle = example()
    other = count(bundle) | {"id": "observation-9"} | quantity(value=2.0)
    bundle["entry"].append({"resource": other})
    found = outcome(bundle)
    ties = [f["message"] for f in found["findings"] if f["rule"] == "tie"]
    assert len(ties) == 2
    interrupt = next(r for r in found["recommendations"] if r["id"] == INTERRUPT)
    assert interrupt["status"] == "unknown"
    assert {f["rule"] for f in interrupt["findings"]} == {"tie"}


def test_versions_that_differ_decide_nothing_in_whatever_order_they_come() -> None:
    results = set()
    for order in itertools.permutations((0.8, 2.0, 0.4)):
        bundle = example()
        original = count(bundle)
        place = next(n for n, e in enumerate(bundle["entry"]) if e["resource"] is original)
        bundle["entry"][place : place + 1] = [{"resource": original | quantity(value=value)} for value in order]
        found = outcome(bundle)
        results.add(json.dumps(found, default=str))
        assert [f["rule"] for f in found["findings"]] == ["duplicate-resource"]
        interrupt = next(r for r in found["recommendations"] if r["id"] == INTERRUPT)
        assert interrupt["status"] == "unknown"
        assert [f["rule"] for f in interrupt["findings"]] == ["duplicate-resource"]
        assert any("its versions differ" in why for missing in interrupt["missing"] for why in missing["because"])
    assert len(results) == 1


def test_a_lab_that_nothing_reads_may_be_without_a_unit() -> None:
    bundle = example()
    ratio = {"coding": [{"system": "http://loinc.org", "code": "2748-2"}]}
    bundle["entry"].append({"resource": count(bundle) | {"id": "ph", "code": ratio, "valueQuantity": {"value": 7.4}}})
    assert not outcome(bundle).get("findings")


def test_a_patient_under_rules_that_are_not_understood_is_a_finding() -> None:
    bundle = example()
    bundle["entry"][0]["resource"]["implicitRules"] = "https://example.org/rules"
    assert bundle["entry"][0]["resource"]["resourceType"] == "Patient"
    assert [f["rule"] for f in outcome(bundle)["findings"]] == ["patient-implicit-rules"]


@pytest.mark.parametrize("born", ["2050-01-01", "1700-01-01"])
def test_a_birth_date_that_cannot_be_is_a_finding(born: str) -> None:
    bundle = example()
    bundle["entry"][0]["resource"]["birthDate"] = born
    assert [f["rule"] for f in outcome(bundle)["findings"]] == ["birth-date-impossible"]


def test_a_period_that_ends_before_it_begins_is_a_finding() -> None:
    bundle = example()
    found = count(bundle)
    del found["effectiveDateTime"]
    found["effectivePeriod"] = {"start": "2026-06-01", "end": "2026-05-01"}
    assert "period-reversed" in [f["rule"] for f in outcome(bundle)["findings"]]


def test_a_count_beyond_what_is_plausible_or_too_old_is_named_as_the_reason() -> None:
    for changes in (quantity(value=800), {"effectiveDateTime": "2026-04-02"}):
        bundle = example()
        count(bundle).update(changes)
        interrupt = next(r for r in outcome(bundle)["recommendations"] if r["id"] == INTERRUPT)
        assert interrupt["status"] == "unknown"
        (missing,) = [m for m in interrupt["missing"] if m["element"] == "anc"]
        assert missing["because"][0].startswith(COUNT)
        assert "does not serve here" in missing["because"][0]

"""Reads and searches over resources at hand: FHIR R4 search.html, in tables."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from guideway.remote.cds_hooks import fill, prefetch_for, with_references
from guideway.remote.local_search import NotAnswerable, Shelf

S = "http://loinc.org"


def observation(key, code, date, *, patient="p", status="final", **more):
    code = {"coding": [{"system": S, "code": code}]}
    subject = {"reference": f"Patient/{patient}"}
    return {
        "resourceType": "Observation",
        "id": key,
        "code": code,
        "status": status,
        "subject": subject,
        "effectiveDateTime": date,
        **more,
    }


RESOURCES = [
    {"resourceType": "Patient", "id": "p"},
    observation("o1", "a", "2026-01-10"),
    observation("o2", "b", "2026-02-10T08:00:00+01:00", status="amended"),
    observation("o3", "a", "2026-03"),
    observation("o4", "a", "2026-01-01", patient="q"),
    {"resourceType": "Observation", "id": "o5", "subject": {"reference": "http://x/fhir/Patient/p"}, "code": {"text": "no code"},
     "effectivePeriod": {"start": "2026-04-01", "end": "2026-05-01"}, "category": [{"coding": [{"code": "laboratory"}]}]},
    {"resourceType": "MedicationRequest", "id": "m1", "subject": {"reference": "Patient/p"},
     "medicationReference": {"reference": "Medication/m"}},
    {"resourceType": "MedicationRequest", "id": "m2", "subject": {"reference": "Patient/p"},
     "medicationCodeableConcept": {"coding": [{"system": S, "code": "drug"}]}},
    {"resourceType": "MedicationRequest", "id": "m3", "subject": {"reference": "Patient/p"},
     "contained": [{"resourceType": "Medication", "id": "c", "code": {"coding": [{"system": S, "code": "drug"}]}}],
     "medicationReference": {"reference": "#c"}},
    {"resourceType": "Medication", "id": "m", "code": {"coding": [{"system": S, "code": "drug"}]}},
    {"resourceType": "QuestionnaireResponse", "id": "r", "subject": {"reference": "Patient/p"}, "questionnaire": "http://q|1",
     "authored": "2026-01-01"},
]  # fmt: skip
SHELF = Shelf(RESOURCES, {"http://vs": frozenset({(S, "a")})}.get)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("Observation?patient=p", "o1 o2 o3 o5"),
        ("Observation?patient=Patient/p", "o1 o2 o3 o5"),
        ("Observation?subject=Patient/q", "o4"),
        ("Observation?subject:Patient=q", "o4"),
        ("Observation?_id=o1,o3", "o1 o3"),
        ("Observation?patient=p&code=a", "o1 o3"),
        ("Observation?patient=p&code=http://loinc.org|a,http://loinc.org%7Cb", "o1 o2 o3"),
        ("Observation?patient=p&code=http://other|a", ""),
        ("Observation?patient=p&code=|a", ""),
        ("Observation?patient=p&code=http://loinc.org|", "o1 o2 o3"),
        ("Observation?patient=p&code:in=http://vs", "o1 o3"),
        ("Observation?patient=p&status=amended,preliminary", "o2"),
        ("Observation?category=laboratory", "o5"),
        ("Observation?patient=p&date=2026-01-10", "o1"),
        ("Observation?patient=p&date=2026-03", "o3"),
        ("Observation?patient=p&date=2026", "o1 o2 o3 o5"),
        ("Observation?patient=p&date=ge2026-02-10", "o2 o3 o5"),
        ("Observation?patient=p&date=gt2026-02-10", "o3 o5"),
        ("Observation?patient=p&date=lt2026-02-10", "o1"),
        ("Observation?patient=p&date=le2026-02-10T07:00:00Z", "o1 o2"),
        ("Observation?patient=p&date=sa2026-03-31", "o5"),
        ("Observation?patient=p&date=eb2026-02-10", "o1"),
        ("Observation?patient=p&date=ge2026-02-01&date=lt2026-03-01", "o2"),
        ("Observation?patient=p&date=ne2026-01-10", "o2 o3 o5"),
        ("Observation?patient=p&_sort=-date", "o5 o3 o2 o1"),
        ("Observation?patient=p&_sort=-date&_count=2", "o5 o3"),
        ("Observation?patient=p&_sort=date&_maxresults=1", "o1"),
        ("Observation?patient=p&_sort=status,-date", "o2 o3 o1 o5"),
        ("MedicationRequest?patient=p&code=http://loinc.org|drug", "m1 m2 m3"),
        ("MedicationRequest?patient=p&_include=MedicationRequest:medication", "m1 m2 m3 m"),
        ("QuestionnaireResponse?subject=p&questionnaire=http://q", "r"),
        ("QuestionnaireResponse?authored=gt2025", "r"),
        ("Condition?patient=p", ""),
    ],
)
def test_searches(query, ids):
    found = SHELF.answer(query)
    assert found["type"] == "searchset"
    assert " ".join(entry["resource"]["id"] for entry in found.get("entry", ())) == ids
    assert "entry" not in found or found["entry"]


def test_reads():
    assert SHELF.answer("Patient/p") == {"resourceType": "Patient", "id": "p"}
    assert SHELF.answer("Patient/z") is None


def test_a_total_is_that_of_all_pages():
    assert SHELF.answer("Observation?patient=p&_count=1")["total"] == 4


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("Observation?patient=p&code:in=http://other", "the value set http://other is not at hand"),
        ("Observation?value-quantity=gt5", "the search parameter value-quantity"),
        ("Observation?patient.name=x", "the search parameter patient.name"),
        ("Observation?code:not=a", "the search parameter code:not"),
        ("Observation?date=soon", "soon is no date"),
        ("Observation?_sort=color", "_sort=color"),
        ("Observation?_count=x", "_count=x is no number"),
        ("Observation?_include=Observation:subject", "_include=Observation:subject"),
    ],
)
def test_what_is_not_understood_is_not_ignored(query, why):
    with pytest.raises(NotAnswerable, match="^" + why.replace("|", r"\|")):
        SHELF.answer(query)


CONTEXT = {"patientId": "p/1", "userId": "Practitioner/7", "dispatchedOrders": ["ServiceRequest/1", "ServiceRequest/2"], "n": 5}


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("Patient/{{context.patientId}}", "Patient/p%2F1"),
        ("A?b={{ context.patientId }}&c={{context.n}}", "A?b=p%2F1&c=5"),
        ("Practitioner/{{userPractitionerId}}", "Practitioner/7"),
        ("A?_id={{context.dispatchedOrders}}", "A?_id=ServiceRequest/1,ServiceRequest/2"),
        ("A?date=ge{{today()}}", "A?date=ge2026-06-01"),
        ("A?date=ge{{today() - 90 days}}&date=lt{{today() + 1 day}}", "A?date=ge2026-03-03&date=lt2026-06-02"),
    ],
)
def test_tokens(template, filled):
    assert fill(template, CONTEXT, datetime(2026, 6, 1, tzinfo=UTC)) == filled


@pytest.mark.parametrize("token", ["context.encounterId", "userPatientId", "userId", "%patient.id", "context.draftOrders.id"])
def test_tokens_without_a_value(token):
    with pytest.raises(NotAnswerable):
        fill(f"A?b={{{{{token}}}}}", CONTEXT)


def test_a_key_that_cannot_be_answered_is_left_out_with_the_reason():
    templates = {"patient": "Patient/{{context.patientId}}", "none": "Patient/z", "odd": "Observation?color=red", "bad": 5}
    made = prefetch_for({"prefetch": templates}, {"patientId": "p"}, SHELF)
    assert made.values == {"patient": {"resourceType": "Patient", "id": "p"}, "none": None}
    assert made.left_out == {"odd": "the search parameter color", "bad": "its template is not a text"}
    assert prefetch_for({}, {}, SHELF).values == {}


def test_references_within_a_bundle_are_those_of_a_server():
    patient = {"resourceType": "Patient"}
    condition = {
        "resourceType": "Condition",
        "id": "c",
        "subject": {"reference": "urn:uuid:12"},
        "note": [{"text": "urn:uuid:12"}],
    }
    found = with_references([("urn:uuid:12", patient), (None, condition)])
    assert found[0]["id"] == "12"
    assert found[1]["subject"] == {"reference": "Patient/12"}
    assert found[1]["note"] == [{"text": "urn:uuid:12"}]
    assert "id" not in patient

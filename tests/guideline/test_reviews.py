"""Which visit with laboratory tests is a review, which may be one, and which is none: by the reason that it names."""

from __future__ import annotations

from typing import Any

import pytest

from guideway.apply.run import apply_guideline
from guideway.records.reading import read_resources

from .support import guideline

Json = dict[str, Any]
REVIEWED, OPEN, NONE = "does-not-apply", "unknown", "applies"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"


def act_class(code: str) -> Json:
    return {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": code}


def review(kind: str, *reasons: Json, of: Json | None = None) -> str:
    """Whether a review is proposed after a visit of twelve days ago with a blood count on its day."""
    subject = {"subject": {"reference": "Patient/p"}}
    resources: list[Json] = [
        {"resourceType": "Patient", "id": "p", "birthDate": "1980-05-05", "gender": "female"},
        {
            "resourceType": "Condition",
            "id": "dx",
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "70910003"}]},
            "clinicalStatus": {
                "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
            },
        },
        {
            "resourceType": "Encounter",
            "id": "visit",
            "status": "finished",
            "class": of or act_class("AMB"),
            "type": [{"text": kind}],
            "reasonCode": list(reasons),
            "period": {"start": "2026-05-20", "end": "2026-05-20"},
        },
        {
            "resourceType": "Observation",
            "id": "count",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "6690-2"}]},
            "effectiveDateTime": "2026-05-20",
            "valueQuantity": {"value": 6.0, "unit": "10*3/uL", "system": "http://unitsofmeasure.org", "code": "10*3/uL"},
        },
    ]
    entries = [{"resource": r if r["resourceType"] == "Patient" else r | subject} for r in resources]
    (record,) = read_resources([{"resourceType": "Bundle", "type": "collection", "entry": entries}], "visits")
    outcome = apply_guideline(guideline(), record, as_of="2026-06-01", plans=["indolent-surveillance"]).as_json()
    (found,) = [r for r in outcome["recommendations"] if r["id"] == "indolent-surveillance#review"]
    named = [note for note in found.get("notes", []) if kind in str(note)]
    assert bool(named) is (found["status"] != NONE), "what was taken for a review, or may be one, is named"
    return str(found["status"])


def text(words: str) -> Json:
    return {"text": words}


def icd(code: str, **more: str) -> Json:
    return {"coding": [{"system": ICD, "code": code} | more]}


SAYS_NOTHING = [
    text("Follow-up"),
    text("Follow up visit"),
    text("6 month follow-up"),
    text("Return patient"),
    text("Medication management"),
    text("Medication check"),
    text("Annual exam"),
    text("New patient consultation"),
    text("Discuss lab results"),
    text("Allergy follow-up"),
    icd("Z79.899", display="Other long term (current) drug therapy"),
    icd("Z79.899"),
    icd("Z09"),
    icd("Z51.81", display="Encounter for therapeutic drug level monitoring"),
    icd("Z79.899") | text("Long-term use of high-risk medication"),
]
OF_THE_DISEASE = [
    text("Flushing"),
    text("Hives"),
    text("Urticaria"),
    text("Itching"),
    text("Diarrhea"),
    text("Anaphylaxis"),
    text("Elevated tryptase"),
    text("Flushing follow-up"),
    icd("R23.2"),
    icd("L50.9", display="Urticaria, unspecified"),
    {"coding": [{"system": "urn:oid:1.2.3.4", "code": "17"}]},
]
ANOTHER_MATTER = [
    text("Flu shot"),
    text("Common cold"),
    text("Dental caries"),
    text("Iron deficiency anemia"),
    text("Allergy shot"),
    text("Blood draw"),
    text("Knee pain follow-up"),
    text("Physical therapy"),
    icd("J06.9"),
    icd("D50.9") | text("Follow-up"),
]


def named(reason: Json) -> str:
    return str(reason.get("text") or reason["coding"][0]["code"])


@pytest.mark.parametrize("reason", SAYS_NOTHING, ids=named)
def test_a_reason_that_says_nothing_is_no_other_reason(reason: Json) -> None:
    assert review("Allergy and Immunology visit", reason) == REVIEWED
    assert review("Office Visit", reason) == OPEN


@pytest.mark.parametrize("reason", OF_THE_DISEASE, ids=named)
def test_what_mast_cells_can_do_leaves_it_open(reason: Json) -> None:
    assert review("Hematology visit", reason) == OPEN
    assert review("Office Visit", reason) == OPEN
    assert review("Hematology visit", text("Hypertension"), reason) == OPEN


@pytest.mark.parametrize("reason", ANOTHER_MATTER, ids=named)
def test_a_visit_for_another_matter_is_no_review(reason: Json) -> None:
    assert review("Hematology visit", reason) == NONE
    assert review("Office Visit", reason, text("Follow-up")) == NONE


@pytest.mark.parametrize(
    "of",
    [*map(act_class, ("IMP", "ACUTE", "EMER", "OBSENC", "imp")), {"system": "urn:x", "code": "1", "display": "Inpatient"}],
    ids=str,
)
def test_an_emergency_or_a_stay_is_no_review_even_for_the_disease(of: Json) -> None:
    assert review("Hospital Encounter", text("Systemic mastocytosis"), of=of) == NONE
    assert review("Hospital Encounter", text("Systemic mastocytosis"), of=act_class("AMB")) == REVIEWED
    assert review("Hematology service", of=of) == NONE


@pytest.mark.parametrize(
    "kind", ["Emergency room admission", "Emergency department visit", "Hospital admission", "Inpatient stay"]
)
def test_a_visit_that_is_called_an_emergency_or_a_stay_is_none(kind: str) -> None:
    assert review(kind, text("Systemic mastocytosis")) == NONE


@pytest.mark.parametrize(
    "kind", ["Emergency department follow-up visit", "Hospital discharge follow-up", "Post hospital admission visit"]
)
def test_what_comes_after_one_may_be_a_review(kind: str) -> None:
    assert review(kind, text("Systemic mastocytosis")) == REVIEWED
    assert (
        review("Office Visit", text("Systemic mastocytosis"), of={"code": "O", "display": "Outpatient, non-emergency"})
        == REVIEWED
    )

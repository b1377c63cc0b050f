"""What is given once before a procedure and what is taken all the time are two proposals, whatever drug both ask for."""

from __future__ import annotations

from typing import Any

from guideway.apply.care_plan import requests
from guideway.apply.run import apply_guideline
from guideway.records.reading import read_resources

from .support import guideline

Json = dict[str, Any]
SNOMED = "http://snomed.info/sct"


def test_an_antihistamine_beside_a_bisphosphonate_is_not_lost_in_the_premedication() -> None:
    subject = {"reference": "Patient/p"}
    resources: list[Json] = [
        {"resourceType": "Patient", "id": "p", "birthDate": "1980-05-05", "gender": "female"},
        {"resourceType": "Condition", "id": "sm", "subject": subject,
         "code": {"coding": [{"system": SNOMED, "code": "70910003"}]}},
        {"resourceType": "Condition", "id": "bone", "subject": subject,
         "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M81.0"}]}},
        {"resourceType": "MedicationRequest", "id": "m", "status": "active", "intent": "order", "subject": subject,
         "authoredOn": "2026-03-01", "medicationCodeableConcept": {"text": "Alendronate"}},
        {"resourceType": "ServiceRequest", "id": "s", "status": "active", "intent": "order", "subject": subject,
         "code": {"coding": [{"system": SNOMED, "code": "387713003"}]}, "occurrenceDateTime": "2026-06-10"},
    ]  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}
    (record,) = read_resources([bundle], "p")
    made = requests(apply_guideline(guideline(), record, as_of="2026-06-01"))
    drugs = {str(r["instantiatesCanonical"]).rpartition("/")[2]: r for r in made if r["resourceType"] == "MedicationRequest"}
    names = {name.partition("|")[0]: request for name, request in drugs.items()}
    assert names["premedicate-h1"]["courseOfTherapyType"] == {"text": "before the procedure only"}
    assert "courseOfTherapyType" not in names["keep-h1-with-bisphosphonate"]

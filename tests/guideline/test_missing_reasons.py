"""What is said beside a missing datum: data that could have been it, and no other."""

from __future__ import annotations

import json
from typing import Any

from guideway.apply.run import apply_guideline
from guideway.records.reading import read_bundle

from .support import guideline

Json = dict[str, Any]
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SUBJECT = {"reference": "Patient/p"}


def missing_for(*resources: Json) -> dict[str, list[str]]:
    """What is said beside each missing element."""
    entries: list[Json] = [{"resourceType": "Patient", "id": "p", "birthDate": "1980-02-03"}, *resources]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in entries]}
    (record,) = read_bundle(json.dumps(bundle).encode(), "bundle.json")
    outcome = apply_guideline(guideline(), record, as_of="2026-06-01").as_json()
    return {m["element"]: m.get("because", []) for r in outcome["recommendations"] for m in r.get("missing", ())}


def test_a_drug_in_words_is_no_reason_why_a_response_is_missing() -> None:
    active = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
    code = {"coding": [{"system": ICD, "code": "D89.42"}]}
    mcas = {"resourceType": "Condition", "id": "c", "subject": SUBJECT, "clinicalStatus": active, "code": code}
    drug = {"medicationCodeableConcept": {"text": "Famotidine 20 mg tablet"}, "status": "active", "intent": "order"}
    why = missing_for(mcas, {"resourceType": "MedicationRequest", "id": "m", "subject": SUBJECT, **drug})
    assert why["inadequateResponseH1"] == []
    assert why["inadequateResponseH2"] == []
    assert why["activeOpioid"] == ["MedicationRequest/m: it has no code, only the text “Famotidine 20 mg tablet”"]

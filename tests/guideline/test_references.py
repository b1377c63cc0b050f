"""A drug given by reference: every form of reference that FHIR allows finds it, and one that leads nowhere is no absence."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import msgspec
import pytest

from guideway.apply.run import apply_guideline
from guideway.fhir.element import FhirObject
from guideway.records.reading import read_bundle

from .support import ROOT, guideline, read

Json = dict[str, Any]
EXAMPLE = ROOT / "examples/aggressive-sm-neutrophils-0-8.json"
BASE = "https://ehr.example.org/fhir"
UUID = "3f0c1a52-9a68-4d6f-8d4e-0a1b2c3d4e5f"


def by_reference(reference: Json, medication: Json | None, full_url: str | None = None) -> bytes:
    """The example with its drug in a resource of its own."""
    text = EXAMPLE.read_bytes()
    bundle = json.loads(text)
    for entry in bundle["entry"]:
        resource = entry["resource"]
        entry["fullUrl"] = f"{BASE}/{resource['resourceType']}/{resource['id']}"
        if resource["resourceType"] == "MedicationRequest":
            concept = resource.pop("medicationCodeableConcept")
            resource["medicationReference"] = reference
    if medication is not None:
        entry = {"resource": {"resourceType": "Medication", **medication, "code": concept}}
        bundle["entry"].append({"fullUrl": full_url} | entry if full_url else entry)
    return json.dumps(bundle).encode()


def outcome(data: bytes) -> Json:
    (record,) = read_bundle(data, "bundle.json")
    found: Json = apply_guideline(guideline(), record, as_of="2026-06-01").as_json()
    return found


@cache
def statuses(data: bytes) -> dict[str, str]:
    """What is said of each recommendation; nothing is explained."""
    (record,) = read_bundle(data, "bundle.json")
    return {r.key: r.status for r in apply_guideline(guideline(), record, as_of="2026-06-01", explain="none").recommendations}


REFERENCES = {
    "relative": ({"reference": "Medication/m1"}, {"id": "m1"}, f"{BASE}/Medication/m1"),
    "relative, no full URL": ({"reference": "Medication/m1"}, {"id": "m1"}, None),
    "urn, no id": ({"reference": f"urn:uuid:{UUID}"}, {}, f"urn:uuid:{UUID}"),
    "urn, with id": ({"reference": f"urn:uuid:{UUID}"}, {"id": "m1"}, f"urn:uuid:{UUID}"),
    "absolute": ({"reference": f"{BASE}/Medication/m1"}, {"id": "m1"}, f"{BASE}/Medication/m1"),
    "absolute, no id": ({"reference": f"{BASE}/Medication/m1"}, {}, f"{BASE}/Medication/m1"),
    "versioned": ({"reference": "Medication/m1/_history/1"}, {"id": "m1"}, f"{BASE}/Medication/m1"),
    "absolute and versioned": ({"reference": f"{BASE}/Medication/m1/_history/2"}, {"id": "m1"}, f"{BASE}/Medication/m1"),
}


@pytest.mark.parametrize("form", REFERENCES)
def test_every_form_of_reference_finds_the_drug(form: str) -> None:
    assert statuses(by_reference(*REFERENCES[form])) == statuses(EXAMPLE.read_bytes())


NOWHERE = {
    "not there": ({"reference": "Medication/m1"}, None, None),
    "another server": ({"reference": "https://elsewhere.example.org/Medication/m1"}, {"id": "m1"}, f"{BASE}/Medication/m1"),
    "words only": ({"display": "some drug"}, None, None),
    "not contained": ({"reference": "#m1"}, None, None),
    "entered in error": ({"reference": "Medication/m1"}, {"id": "m1", "status": "entered-in-error"}, None),
}


@pytest.mark.parametrize("case", NOWHERE)
def test_a_reference_that_leads_nowhere_is_a_finding_and_makes_unknown_not_false(case: str) -> None:
    found = outcome(by_reference(*NOWHERE[case]))
    (finding,) = [f for f in found["findings"] if f["rule"] == "reference-unresolved"]
    assert finding["message"].startswith("MedicationRequest/medication-request-1: medicationReference: ")
    recommendations = {r["id"]: r for r in found["recommendations"]}
    interrupt = recommendations["midostaurin-dose-modification#interrupt-anc"]
    assert interrupt["status"] == "unknown"
    (missing,) = [m for m in interrupt["missing"] if m["element"] == "onMidostaurin"]
    assert "MedicationRequest/medication-request-1" in missing["because"][0]
    assert recommendations["advanced-mastocytosis-cytoreduction#midostaurin"]["status"] == "unknown"
    # what asks for no drug stands
    assert recommendations["emergency-preparedness#two-auto-injectors-systemic-mastocytosis"]["status"] == "applies"


@pytest.mark.parametrize("form", [f for f in REFERENCES if f != "relative, no full URL"])
def test_the_drug_of_an_order_being_written_is_found_too(form: str) -> None:
    reference, medication, full_url = REFERENCES[form]
    (record,) = read_bundle(by_reference({"reference": "Medication/m1"}, medication, full_url), "bundle.json")

    def guarded(reference: Json) -> str:
        draft = {"resourceType": "MedicationRequest", "id": "new", "status": "draft", "intent": "order"}
        order = FhirObject("MedicationRequest", draft | {"medicationReference": reference})
        found = apply_guideline(
            guideline(),
            record,
            as_of="2026-06-01",
            hook="order-sign",
            parameters={"draftOrders": [order]},
            plans=["order-guards"],
        )
        return " ".join(f"{r.key} {r.status}" for r in found.recommendations)

    assert guarded(reference) == guarded({"reference": f"Medication/{(medication or {}).get('id') or record_id(full_url)}"})
    assert guarded(reference) != guarded({"reference": "Medication/nowhere"})
    assert "unknown" in guarded({"reference": "Medication/nowhere"})


def record_id(full_url: str | None) -> str:
    return (full_url or "").replace("/", ":").rpartition(":")[2]


def test_references_that_nothing_follows_are_no_finding() -> None:
    bundle = json.loads(EXAMPLE.read_bytes())
    for entry in bundle["entry"]:
        entry["resource"]["encounter"] = {"reference": "Encounter/nowhere"}
        entry["resource"]["performer"] = [{"reference": "Practitioner/nowhere"}]
    rules = {f["rule"] for f in outcome(json.dumps(bundle).encode())["findings"]}
    assert "reference-unresolved" not in rules


@pytest.mark.parametrize(
    "reference",
    [
        "MedicationRequest/medication-request-1",
        f"{BASE}/MedicationRequest/medication-request-1",
        f"{BASE}/MedicationRequest/medication-request-1/_history/3",
        f"urn:uuid:{UUID}",
    ],
)
def test_an_adverse_event_finds_its_suspect_whatever_the_form(reference: str) -> None:
    case = read(ROOT / "tests/guideline/cases/midostaurin-dose-modification/attribution-by-adverse-event.yaml")
    bundle = json.loads(msgspec.json.Encoder(decimal_format="number").encode(case.bundle))
    for entry in bundle["entry"]:
        kind, own = entry["resource"]["resourceType"], entry["resource"]["id"]
        entry["fullUrl"] = f"urn:uuid:{UUID}" if kind == "MedicationRequest" and "urn" in reference else f"{BASE}/{kind}/{own}"
        if kind == "AdverseEvent":
            entry["resource"]["suspectEntity"][0]["instance"]["reference"] = reference
    assert statuses(json.dumps(bundle).encode())["midostaurin-dose-modification#discontinue-anc"] == "applies"
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "AdverseEvent":
            entry["resource"]["suspectEntity"][0]["instance"]["reference"] = "Procedure/medication-request-1"
    assert statuses(json.dumps(bundle).encode())["midostaurin-dose-modification#discontinue-anc"] != "applies"

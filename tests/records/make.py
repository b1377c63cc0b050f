"""Short ways to write patient data in tests."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from guideway.records import PatientRecord, read_bundle

Json = dict[str, Any]
PATIENT: Json = {"resourceType": "Patient", "id": "p", "birthDate": "1960-01-01"}
LAB = "http://loinc.org"


def observation(id: str, value: Any = "0.8", unit: str | None = "10*9/L", **more: Any) -> Json:
    quantity: Json = {"value": Decimal(value) if isinstance(value, str) else value}
    if unit is not None:
        quantity |= {"unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"coding": [{"system": LAB, "code": "751-8"}]},
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2026-05-01",
        "valueQuantity": quantity,
    } | more


def resource(kind: str, id: str = "x", **more: Any) -> Json:
    return {"resourceType": kind, "id": id, "subject": {"reference": "Patient/p"}} | more


def bundle(*resources: Any, kind: str = "collection", full_urls: bool = False) -> bytes:
    entries = []
    for item in resources:
        entry: Json = {"resource": item}
        if full_urls:
            entry["fullUrl"] = f"http://example.org/fhir/{item['resourceType']}/{item['id']}"
        entries.append(entry)
    return dump({"resourceType": "Bundle", "type": kind, "entry": entries})


def dump(value: Any) -> bytes:
    """JSON with decimals as numbers, digit by digit."""
    marked = json.dumps(value, default=lambda d: f"\0{d}\0")
    return marked.replace('"\\u0000', "").replace('\\u0000"', "").encode()


def record(*resources: Any, policy: str = "none", now: str = "2026-05-30T12:00:00Z") -> PatientRecord:
    """The one patient's record of these resources (a Patient is added where there is none)."""
    given = (
        resources if any(isinstance(r, dict) and r.get("resourceType") == "Patient" for r in resources) else (PATIENT, *resources)
    )
    (found,) = read_bundle(bundle(*given), "bundle.json")
    return found.under(policy, now)


def rules(found: PatientRecord) -> list[str]:
    return [d.rule for d in found.findings]

"""The logic alone, for a few resources of one patient: what a test of defines needs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from guideway.apply.moment import moment
from guideway.fhir.element import FhirObject
from guideway.records.reading import read_resources

from .support import BASE, ROOT, guideline

Json = dict[str, Any]
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ADVERSE: Json = {"coding": [{"system": f"{BASE}/CodeSystem/stop-reason", "code": "adverse-effect"}]}
"""The package's own reason for a stop: an adverse effect."""
PATIENT: Json = {"resourceType": "Patient", "id": "p", "birthDate": "1961-04-02"}


@cache
def library_of(define: str) -> str:
    """The one shared library that has this define."""
    files = (ROOT / "plandefinitions" / "library").glob("*.cql")
    (name,) = [file.stem for file in files if f'define "{define}":' in file.read_text("utf-8")]
    return name


def evaluation_of(resources: list[Json], *, drafts: list[Json] | None = None, as_of: str = "2026-06-01") -> Any:
    """The logic for patient ``p`` with these resources (a Patient among them is taken for this one), and with orders being
    written."""
    entries = [*([] if any(r["resourceType"] == "Patient" for r in resources) else [PATIENT]), *resources]
    (record,) = read_resources(
        [{"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in entries]}], "p"
    )
    when, opened = moment(as_of, "UTC"), guideline()
    given = {"draftOrders": [FhirObject(draft["resourceType"], draft) for draft in drafts]} if drafts else {}
    return opened.program.evaluation(
        record.under(opened.manifest.hygiene, when.text, when.offset),
        now=when.now,
        timezone=when.offset,
        parameters=given,
        terminology=opened.terminology,
    )


def order(
    code: str,
    status: str = "active",
    reason: str | Json = "",
    *,
    id: str = "m",
    start: str = "2026-03-01",
    changed: str = "",
    called: str = "",
    dosage: Sequence[Json] = (),
    **more: Any,
) -> Json:
    """An order of the drug; with the reason why it has this status and since when, the drug's words, and instructions."""
    url = "http://hl7.org/fhir/5.0/StructureDefinition/extension-MedicationRequest.statusChanged"
    drug = {"coding": [{"system": RXNORM, "code": code}]} | ({"text": called} if called else {})
    given = {
        "statusReason": {"text": reason} if isinstance(reason, str) and reason else reason,
        "extension": [{"url": url, "valueDateTime": changed}] if changed else [],
        "dosageInstruction": list(dosage),
    }
    return {
        "resourceType": "MedicationRequest",
        "id": id,
        "status": status,
        "intent": "order",
        "subject": {"reference": "Patient/p"},
        "authoredOn": start,
        "medicationCodeableConcept": drug,
        **{name: value for name, value in given.items() if value},
        **more,
    }


def answer(question: str, value: Json, at: str, questionnaire: str = "midostaurin-assessment") -> Json:
    """A completed response with one answer."""
    return {
        "resourceType": "QuestionnaireResponse",
        "id": "q",
        "status": "completed",
        "authored": at,
        "subject": {"reference": "Patient/p"},
        "questionnaire": f"{BASE}/Questionnaire/{questionnaire}",
        "item": [{"linkId": question, "answer": [value]}],
    }

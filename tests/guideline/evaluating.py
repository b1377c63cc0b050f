"""The logic alone, for a few resources of one patient: what a test of defines needs."""

from __future__ import annotations

from typing import Any

from guideway.apply.moment import moment
from guideway.fhir.element import FhirObject
from guideway.records.reading import read_resources

from .support import guideline

Json = dict[str, Any]
PATIENT: Json = {"resourceType": "Patient", "id": "p", "birthDate": "1961-04-02"}


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

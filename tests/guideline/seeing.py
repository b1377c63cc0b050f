"""What a clinician is shown of one small patient, and the patients that the tests of conflicts and thresholds have in common."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from guideway.apply.care_plan import requests
from guideway.apply.outcome import Recommendation
from guideway.apply.run import apply_guideline
from guideway.fhir.element import FhirObject
from guideway.records.reading import read_resources

from .generated import case_from
from .support import ROOT, guideline

Json = dict[str, Any]

ADULT = {"patient": {"born": "1982-03-01", "sex": "female"}}
MCAS = {"condition": "icd10cm|D89.42"}
BACK_PAIN = {"condition": ["icd10cm|M54.50", "icd10cm|G89.29"], "onset": "2025-06-01"}
LEUKOPENIA = {"condition": "icd10cm|D72.819"}
ANAPHYLAXIS = {"condition": "icd10cm|T78.2XXA", "onset": "2025-11-02", "status": "resolved"}
DIARRHEA = {"condition": "icd10cm|R19.7"}
WHEEZE = {"condition": "icd10cm|R06.2"}
FLUSHING = {"condition": "icd10cm|R23.2"}
OSTEOPOROSIS = {"condition": "icd10cm|M81.0"}
INDOLENT = {"condition": "sct|70910003"}
SMOLDERING = {"condition": "local:sm-subtype|smoldering"}
AGGRESSIVE = {"condition": "icd10cm|C96.21"}
LEUKEMIA = {"condition": "icd10cm|C94.30"}
PROSTAGLANDIN = {
    "observation": "Urinary 11beta PGF2alpha",
    "value": "5.1 ng/mg{creat}",
    "interpretation": "H",
    "at": "2026-05-10",
}
LEUKOTRIENE = {
    "observation": "Urinary Leukotriene E4 To Creatinine",
    "value": "400 pg/mg{creat}",
    "interpretation": "H",
    "at": "2026-05-10",
}
TRYPTASE = {"observation": "Serum Tryptase", "value": "95 ng/mL", "interpretation": "H", "at": "2026-05-28"}
REVIEWED = {"reviewed": "medications"}
PROCEDURE = {"request": "Invasive Procedures", "at": "2026-06-10"}
NOT_AVAILABLE = {"answers": "advanced-disease", "midostaurinAvailable": False, "debulkingUrgent": False, "at": "2026-05-28"}


def course(**answers: Any) -> Json:
    return {"answers": "clinical-course", **answers, "at": "2026-05-28"}


def failed(*classes: str) -> Json:
    return {
        "answers": "therapy-response",
        **{f"inadequateResponse{c}": "Inadequate Response" for c in classes},
        "at": "2026-05-28",
    }


class Seen:
    """What one patient's clinician is shown."""

    def __init__(self, *items: Json, hook: str = "patient-view") -> None:
        case = case_from(list(items), 0, hook)
        (record,) = read_resources([case.bundle], case.id)
        parameters: Json = {}
        if case.context is not None and "draftOrders" in case.context:
            drafts = [entry["resource"] for entry in case.context["draftOrders"]["entry"]]
            parameters["draftOrders"] = [FhirObject(draft["resourceType"], draft) for draft in drafts]
        outcome = apply_guideline(guideline(), record, as_of=case.as_of, hook=hook, parameters=parameters, explain="none")
        self.outcome = outcome
        self.requests = requests(outcome)

    def at(self, key: str) -> Recommendation:
        (found,) = [r for r in self.outcome.recommendations if r.key == key]
        return found

    def status(self, key: str) -> str | None:
        """The status; None where the action was not reached."""
        return next((r.status for r in self.outcome.recommendations if r.key == key), None)

    def applies(self, *keys: str) -> bool:
        return all(self.status(key) == "applies" for key in keys)

    def said(self, key: str) -> str:
        """The title, text, reason and notes of a recommendation."""
        r = self.at(key)
        return " ".join([r.title, r.description or "", r.reason, *r.notes])

    def rules(self, key: str) -> list[str]:
        return self.at(key).note_rules

    def proposed(self, activity: str) -> list[Json]:
        """The requests made from an activity."""
        return [r for r in self.requests if f"/ActivityDefinition/{activity}|" in json.dumps(r, default=str)]

    def drugs(self, words: str) -> list[Json]:
        pattern = re.compile(words, re.IGNORECASE)
        return [r for r in self.requests if pattern.search(json.dumps(r.get("medicationCodeableConcept", {})))]


@cache
def artifacts(kind: str) -> dict[str, Json]:
    files = [*(ROOT / "plandefinitions").rglob(f"{kind}-*.json"), *(ROOT / "valuesets").rglob(f"{kind}-*.json")]
    found = [json.loads(file.read_text("utf-8")) for file in files]
    return {resource["id"]: resource for resource in found}


def dose_text(request: Json) -> str:
    return " ".join(d.get("text", "") for d in request.get("dosageInstruction", []))


def on_midostaurin(*counts: tuple[str, str, str], held: bool = False, who: Json = AGGRESSIVE, **answers: bool) -> Seen:
    """A patient on midostaurin since 1 January, with counts (name, value, day)."""
    drug: Json = {"medication": "Midostaurin", "dose": "100 mg 2/d", "start": "2026-01-01"}
    if held:
        drug |= {"status": "on-hold", "changed": "2026-05-25"}
    names = {"anc": "Absolute Neutrophil Count", "plt": "Platelet Count"}
    samples = [{"observation": names[name], "value": f"{value} 10*9/L", "at": at} for name, value, at in counts]
    said = [{"answers": "midostaurin-assessment", **answers, "at": "2026-06-01"}] if answers else []
    return Seen(ADULT, who, drug, *samples, *said)


MIDOSTAURIN = "midostaurin-dose-modification#"
NORMAL = (("anc", "4", "2025-12-28"), ("plt", "250", "2025-12-28"))

"""What a recommendation rests on, and what a dosage says: strength, quality, direction, citation; units, limits, route.

Takes the guideline; gives diagnostics. An action is a recommendation where its plan claims the CPG recommendation profile, or
where it carries a statement id. CPG 2.0.0, methodology (a grade, its system and the source are required of each recommendation).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from guideway.authoring.rules import breach
from guideway.authoring.validate_plans import CPG, actions_of, extension_of
from guideway.diagnostics import Diagnostic
from guideway.fhir.check import objects
from guideway.guideline.package import Artifact, Guideline
from guideway.ucum.grammar import known

Json = dict[str, Any]
CORE = "http://hl7.org/fhir/StructureDefinition/"
STATEMENT_ID = "https://example.org/guideway/StructureDefinition/statement-id"
NEEDED = {
    "strength": f"{CORE}cqf-strengthOfRecommendation",
    "quality of evidence": f"{CORE}cqf-qualityOfEvidence",
    "direction": f"{CPG}cpg-directionOfRecommendation",
}
SOURCES = ("citation", "justification", "derived-from")
LOCATOR = re.compile(
    r"\b(lines?|pp?\.|pages?|sections?|§|statements?|tables?|figures?|recommendations?|chapters?)\s*\S*\d|doi\.org|PMID", re.I
)
ORDERS = frozenset(
    ("DeviceRequest", "MedicationRequest", "NutritionOrder", "ServiceRequest", "SupplyRequest", "VisionPrescription")
)


def check(guideline: Guideline) -> Iterator[Diagnostic]:
    """All checks."""
    for plan in guideline.plans:
        meta = plan.resource.get("meta")
        profiles = meta.get("profile", ()) if isinstance(meta, dict) else ()
        claimed = any(str(p).partition("|")[0] == f"{CPG}cpg-recommendationdefinition" for p in profiles)
        for action, pointer in actions_of(plan.resource):
            top = pointer.count("/") == 2
            if extension_of(action, STATEMENT_ID) is not None or (claimed and top and "action" not in action):
                yield from _recommendation(plan, action, pointer, guideline)
    for artifact in guideline.artifacts:
        if artifact.type in ("ActivityDefinition", "PlanDefinition"):
            for kind, value, pointer in objects(artifact.type, artifact.resource):
                if kind == "Dosage":
                    yield from _dosage(artifact, value, pointer)


def _recommendation(plan: Artifact, action: Json, pointer: str, guideline: Guideline) -> Iterator[Diagnostic]:
    label = action.get("id") or action.get("title") or pointer
    missing = [what for what, url in NEEDED.items() if extension_of(action, url) is None]
    citations = [d for d in action.get("documentation", ()) if isinstance(d, dict) and d.get("type") in SOURCES]
    if not citations:
        missing.append("citation")
    if missing:
        yield breach("evidence-missing", f"action {label} has no {' and no '.join(missing)}", plan, pointer)
    for number, citation in enumerate(citations):
        text = " ".join(str(citation.get(part, "")) for part in ("label", "display", "citation", "url"))
        if not LOCATOR.search(text):
            message = f"action {label}: the citation does not say where in the source the statement stands"
            yield breach("evidence-locator", message, plan, f"{pointer}/documentation/{number}")
    if not action.get("description"):
        yield breach("evidence-text", f"action {label} has no description", plan, pointer)
    if not action.get("trigger"):
        yield breach("trigger-missing", f"action {label} has no trigger", plan, pointer)
    yield from _direction(plan, action, label, pointer, guideline)


def _direction(plan: Artifact, action: Json, label: Any, pointer: str, guideline: Guideline) -> Iterator[Diagnostic]:
    extension = extension_of(action, NEEDED["direction"])
    concept = extension.get("valueCodeableConcept") if extension is not None else None
    codings = concept.get("coding", ()) if isinstance(concept, dict) else ()
    direction = {c.get("code") for c in codings if isinstance(c, dict)}
    reference = action.get("definitionCanonical")
    activity = guideline.resolve(reference, "ActivityDefinition") if isinstance(reference, str) else None
    if activity is None or activity.resource.get("kind") not in ORDERS:
        return
    forbids = activity.resource.get("doNotPerform") is True
    if "against" in direction and not forbids:
        text = f"action {label} is a recommendation against, but {activity.id} orders it (doNotPerform is not true)"
        yield breach("evidence-direction", text, plan, pointer)
    if "for" in direction and forbids:
        text = f"action {label} is a recommendation for, but {activity.id} forbids it (doNotPerform is true)"
        yield breach("evidence-direction", text, plan, pointer)


def _dosage(artifact: Artifact, dosage: Json, pointer: str) -> Iterator[Diagnostic]:
    doses: list[Json] = []
    for number, rate in enumerate(dosage.get("doseAndRate", ())):
        if not isinstance(rate, dict):
            continue
        place = f"{pointer}/doseAndRate/{number}"
        bounds = rate.get("doseRange")
        given = {"doseQuantity": rate.get("doseQuantity")}
        if isinstance(bounds, dict):
            given |= {"doseRange/low": bounds.get("low"), "doseRange/high": bounds.get("high")}
        for name, dose in given.items():
            if isinstance(dose, dict):
                doses.append(dose)
                problem = _unit_problem(dose)
                if problem:
                    yield breach("dose-unit", problem, artifact, f"{place}/{name}")
    if doses:
        missing = [
            what
            for what in ("route", "timing")
            if what not in dosage and not (what == "timing" and dosage.get("asNeededBoolean"))
        ]
        if missing:
            yield breach("dose-incomplete", f"a dosage has a dose but no {' and no '.join(missing)}", artifact, pointer)
    for name in ("maxDosePerPeriod", "maxDosePerAdministration"):
        limit = dosage.get(name)
        limit = limit.get("numerator") if name == "maxDosePerPeriod" and isinstance(limit, dict) else limit
        for dose in doses:
            if isinstance(limit, dict) and _smaller(limit, dose):
                shown = [f"{q.get('value')} {q.get('code')}" for q in (limit, dose)]
                text = f"{name} ({shown[0]}) is less than one dose ({shown[1]})"
                yield breach("dose-maximum", text, artifact, f"{pointer}/{name}")


def _unit_problem(dose: Json) -> str | None:
    code, system = dose.get("code"), dose.get("system")
    if not code or not system:
        return "a dose has no coded unit"
    if system == "http://unitsofmeasure.org" and not known(str(code)):
        return f"the dose unit {code!r} is not UCUM"
    return None


def _smaller(limit: Json, dose: Json) -> bool:
    """Whether a limit is provably less than a dose."""
    from guideway.ucum.conversion import convert

    one, other = limit.get("value"), dose.get("value")
    if not isinstance(one, int | Decimal) or not isinstance(other, int | Decimal):
        return False
    unit, target = str(limit.get("code", "")), str(dose.get("code", ""))
    if not known(unit) or not known(target):
        return False
    converted = convert(Decimal(one), unit, target)
    return converted is not None and converted < other

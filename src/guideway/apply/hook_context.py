"""The context of a CDS hook as parameters of the logic.

The context of a hook (CDS Hooks, "Hook library") names its parts: ``draftOrders`` (a Bundle), ``selections`` (references),
``appointments``, ``performer`` … A guideline's logic reads a part by declaring a CQL parameter of the same name: a Bundle arrives
as ``List<FHIR.Resource>`` (and the drafts that are selected also as ``selectedOrders``), an array of texts as ``List<String>``, a
text as ``String``. Parts that no library declares are not passed, nor what no hook defines: a caller must not be able to change
the guideline's own parameters by naming them in a context.

A resource of a context is judged only where it can be about this patient and is still to be done: one that names another patient,
or whose status says that it is over, is left out, with a finding. A Medication among the draft orders is what the drafts that
refer to it mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from guideway.apply.outcome import Excluded
from guideway.diagnostics import Diagnostic, GuidewayError, Severity
from guideway.fhir.code_systems import as_fhir
from guideway.fhir.element import FhirObject
from guideway.fhir.literal_references import relative_reference
from guideway.guideline.compiled import CompiledGuideline
from guideway.guideline.hook_contexts import CONTEXT_PARTS

Json = dict[str, Any]

RESOURCES = ("draftOrders", "appointments", "fulfillmentTasks")
"""Parts that hold resources: a Bundle, a list of resources, or one resource."""

OVER = frozenset(
    {"revoked", "cancelled", "entered-in-error", "stopped", "completed", "ended", "rejected", "failed", "noshow", "not-done"}
)
"""Statuses of what is no longer to be done."""


def read_context(document: Any, name: str) -> Json:
    """The context in a file: the context itself, or a whole CDS Hooks request; GuidewayError otherwise."""
    if isinstance(document, dict) and isinstance(document.get("context"), dict):
        document = document["context"]
    if not isinstance(document, dict) or document.get("resourceType"):
        raise GuidewayError(f'{name}: expected the context of a CDS hook, such as {{"patientId": …, "draftOrders": {{Bundle}}}}')
    for part in RESOURCES:
        if part in document:
            resources_of(document[part], f"{name}: {part}")
    return document


def resources_of(value: Any, name: str) -> list[Json]:
    """The resources of one part of a context, in order; GuidewayError where it holds something else."""
    if isinstance(value, dict) and value.get("resourceType") == "Bundle":
        entries = value.get("entry") or []
        if not isinstance(entries, list):
            raise GuidewayError(f"{name}: Bundle.entry is not an array")
        value = [entry.get("resource") if isinstance(entry, dict) else None for entry in entries]
    elif isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        raise GuidewayError(f"{name}: expected a Bundle of resources")
    for item in value:
        if not isinstance(item, dict) or not isinstance(item.get("resourceType"), str):
            raise GuidewayError(f"{name}: every entry must hold a resource with a resourceType")
    return value


def known_hooks(guideline: CompiledGuideline) -> list[str]:
    """The hooks that some action of the guideline answers to, and patient-view, which actions without a trigger answer to."""
    known = {"patient-view"}
    pending: list[Any] = [plan.resource.get("action") for plan in guideline.plans]
    while pending:
        for action in (a for a in pending.pop() or () if isinstance(a, dict)):
            known |= {str(t.get("name")) for t in action.get("trigger") or () if isinstance(t, dict) and t.get("name")}
            pending.append(action.get("action"))
    return sorted(known)


def hook_parameters(guideline: CompiledGuideline, context: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of the context that the guideline's logic declares as parameters, as runtime values; GuidewayError."""
    declared = {p.name for p in guideline.parameters}
    result: dict[str, Any] = {}
    for part, value in context.items():
        if part in RESOURCES:
            found = _with_medications(value, resources_of(value, f"context.{part}"))
            resources = [FhirObject(r["resourceType"], as_fhir(r)[0]) for r in found]
            if part in declared:
                result[part] = resources
            if part == "draftOrders" and "selectedOrders" in declared:
                chosen = set(_texts(context.get("selections")))
                result["selectedOrders"] = [r for r in resources if not chosen or f"{r.fhir_type}/{r.id}" in chosen]
        elif part in declared and part in CONTEXT_PARTS:
            result[part] = _texts(value) if isinstance(value, list) else value
    return result


def screened(parameters: Mapping[str, Any], patient: Iterable[str]) -> tuple[dict[str, Any], list[Excluded], list[Diagnostic]]:
    """The parameters without the resources of a context that are not about the patient (``Patient/id``, in each form that is
    known) or are over; those, and a finding for each."""
    own = set(patient)
    kept: dict[str, Any] = {}
    left: dict[str, Excluded] = {}
    for name, value in parameters.items():
        if name in (*RESOURCES, "selectedOrders") and isinstance(value, list):
            sound = []
            for number, resource in enumerate(value):
                fault = _fault(resource.data, own) if isinstance(resource, FhirObject) else None
                if fault is None:
                    sound.append(resource)
                else:
                    label = f"{resource.fhir_type}/{resource.id}" if resource.id else f"{name}[{number}]"
                    left[label] = Excluded(resource=label, rule=fault[0], reason=fault[1])
            value = sound
        kept[name] = value
    found = list(left.values())
    text = "{0.resource} of the context of the hook is left out: {0.reason}."
    return kept, found, [Diagnostic(e.rule, Severity.warning, text.format(e)) for e in found]


def _fault(resource: Json, own: set[str]) -> tuple[str, str] | None:
    status = resource.get("status")
    if status in OVER:
        return f"status-{status}", f"its status is {status}"
    for element in ("subject", "patient", "for"):
        reference = resource.get(element)
        text = str(reference.get("reference") or "") if isinstance(reference, dict) else ""
        named = relative_reference(text)
        if own and named.startswith("Patient/") and named not in own:
            return "other-patient", f"it is about {text}"
    return None


def _with_medications(value: Any, resources: list[Json]) -> list[Json]:
    """The resources of a part without the Medications among them: those are put into what refers to them, by id or fullUrl."""
    entries = value.get("entry") if isinstance(value, dict) and value.get("resourceType") == "Bundle" else None
    urls = [entry.get("fullUrl") for entry in entries] if entries else [None] * len(resources)
    known: dict[str, Json] = {}
    for number, (url, resource) in enumerate(zip(urls, resources, strict=True)):
        if resource["resourceType"] == "Medication":
            medication = resource | {"id": str(resource.get("id") or f"medication-{number}")}
            known[f"Medication/{medication['id']}"] = medication
            if isinstance(url, str):
                known[url] = medication
    if not known:
        return resources
    found = []
    for resource in resources:
        reference = resource.get("medicationReference")
        meant = known.get(str(reference.get("reference"))) if isinstance(reference, dict) else None
        if meant is not None and isinstance(reference, dict):
            resource = resource | {
                "contained": [*(resource.get("contained") or []), meant],
                "medicationReference": reference | {"reference": f"#{meant['id']}"},
            }
        if resource["resourceType"] != "Medication":
            found.append(resource)
    return found


def draft_references(context: Mapping[str, Any]) -> list[str]:
    """``Type/id`` of the draft orders."""
    return [f"{r['resourceType']}/{r['id']}" for r in resources_of(context.get("draftOrders", []), "draftOrders") if r.get("id")]


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []

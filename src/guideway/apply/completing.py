"""What a resource type requires, or says in its own way, beyond its row of ``kinds.KINDS``: one function a type.

Each takes the request as far as it is made, the activity (with the timing of the action) and the ``Setting``, and fills the
request in place. FHIR R4, the required elements and the invariants of each type (nor-1, of a NutritionOrder, is one).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guideway.apply.activity_facts import Setting, clinical_code, is_told, only_cpg, person, product_of, words_of
from guideway.apply.kinds import CLAIM_PRIORITY
from guideway.apply.names import TARGET_STATUS, TASK_INPUTS
from guideway.apply.timing import Timing, as_occurrence, timing_of
from guideway.guideline.names import concept_text, copied, extensions, first_value, objects

Json = dict[str, Any]

PROCESS_PRIORITY = "http://terminology.hl7.org/CodeSystem/processpriority"
FORECAST_DUE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/immunization-recommendation-status", "code": "due"}]}


def _communication(request: Json, activity: Json, setting: Setting) -> None:
    """The message: what the activity says."""
    code = activity.get("code")
    text = activity.get("description") or concept_text(code) or activity.get("title") or activity.get("name")
    if isinstance(text, str):
        request["payload"] = [{"contentString": text}]
    if isinstance(code, dict) and not code.get("coding"):
        request.pop("category", None)


def _task(request: Json, activity: Json, setting: Setting) -> None:
    for url, words in TASK_INPUTS.items():
        for extension in extensions(activity, url):
            name = next((n for n in extension if n.startswith("value")), None)
            if name is not None:
                request.setdefault("input", []).append({"type": {"text": words}, name: copied(extension[name])})
    target = first_value(activity, TARGET_STATUS)
    code = target.get("code") if isinstance(target, dict) else target
    if isinstance(code, str) and setting.policy.name != "cpg":  # there every request is a draft
        request["status"] = code


def _supply(request: Json, activity: Json, setting: Setting) -> None:
    request.setdefault("quantity", {"value": 1})
    if "itemReference" not in request and "itemCodeableConcept" not in request:
        request["itemCodeableConcept"] = {"text": words_of(activity)}


def _medication(request: Json, activity: Json, setting: Setting) -> None:
    if "medicationReference" not in request and "medicationCodeableConcept" not in request:
        request["medicationCodeableConcept"] = {"text": words_of(activity)}


def _device(request: Json, activity: Json, setting: Setting) -> None:
    if "codeReference" not in request and "codeCodeableConcept" not in request:
        request["codeCodeableConcept"] = {"text": words_of(activity)}


def _immunization(request: Json, activity: Json, setting: Setting) -> None:
    name, product = product_of(activity)
    vaccine = product if name == "CodeableConcept" and product else activity.get("code")
    if not isinstance(vaccine, dict) or only_cpg(vaccine):
        vaccine = {"text": words_of(activity)}
    recommendation: Json = {"vaccineCode": [copied(vaccine)], "forecastStatus": copied(FORECAST_DUE)}
    if isinstance(activity.get("description"), str):
        recommendation["description"] = activity["description"]
    request["recommendation"] = [recommendation]
    timing = timing_of(activity)
    if timing is not None:
        put_due_date(request, timing, setting)


def put_due_date(request: Json, timing: Timing, setting: Setting) -> None:
    """The date at which a recommended vaccine is due, where the timing says one; other requests have none."""
    for recommendation in objects(request.get("recommendation")):
        recommendation.pop("dateCriterion", None)
        when = as_occurrence(timing, ("dateTime",), setting.as_of, setting.birth_date)
        if when is not None:
            due = {"coding": [{"system": "http://loinc.org", "code": "30980-7", "display": "Date vaccine due"}]}
            recommendation["dateCriterion"] = [{"code": due, "value": when[1]}]


def _nutrition(request: Json, activity: Json, setting: Setting) -> None:
    """nor-1: an oral diet, a supplement or enteral feeding must be there."""
    name, product = product_of(activity)
    code = clinical_code(activity.get("code"))
    if product is not None and name == "CodeableConcept":
        supplement: Json = {"type": copied(product)}
        if isinstance(activity.get("quantity"), dict):
            supplement["quantity"] = copied(activity["quantity"])
        diet = request.pop("oralDiet", None)
        if diet:
            supplement["schedule"] = diet["schedule"]
        request["supplement"] = [supplement]
        return
    diet = request.setdefault("oralDiet", {})
    diet["type"] = [copied(code) if isinstance(code, dict) else {"text": words_of(activity)}]
    if isinstance(activity.get("description"), str):
        diet["instruction"] = activity["description"]


def _appointment(request: Json, activity: Json, setting: Setting) -> None:
    people: list[Json] = [{"actor": {"reference": setting.subject}, "status": "needs-action"}]
    for participant in objects(activity.get("participant")):
        who: Json = {"status": "needs-action"}
        if isinstance(participant.get("role"), dict):
            who["type"] = [copied(participant["role"])]
        reference = person(participant.get("type"), setting)
        if reference == setting.subject:
            continue
        if reference is not None:
            who["actor"] = {"reference": reference}
        elif "type" not in who or is_told(participant.get("type")):
            who["actor"] = {"display": str(participant.get("type"))}
        people.append(who)
    request["participant"] = people


def _appointment_response(request: Json, activity: Json, setting: Setting) -> None:
    request["appointment"] = {"display": words_of(activity)}
    request["actor"] = {"reference": setting.subject}


def _claim(request: Json, activity: Json, setting: Setting) -> None:
    code = clinical_code(activity.get("code"))
    name, product = product_of(activity)
    service = product if name == "CodeableConcept" and product else code
    priority = CLAIM_PRIORITY.get(str(activity.get("priority")), "normal")
    item: Json = {
        "sequence": 1,
        "productOrService": copied(service) if isinstance(service, dict) else {"text": words_of(activity)},
    }
    if isinstance(activity.get("quantity"), dict):
        item["quantity"] = copied(activity["quantity"])
    sites = list(objects(activity.get("bodySite")))
    if sites:
        item["bodySite"] = copied(sites[0])
    if isinstance(activity.get("location"), dict):
        item["locationReference"] = copied(activity["location"])
    request |= {
        "type": copied(code) if isinstance(code, dict) else {"text": words_of(activity)},
        "use": "predetermination",
        "provider": {"reference": setting.requester} if setting.requester else {"display": "provider not stated"},
        "priority": {"coding": [{"system": PROCESS_PRIORITY, "code": priority}]},
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "coverage not stated"}}],
        "item": [item],
    }


def _contract(request: Json, activity: Json, setting: Setting) -> None:
    offer: Json = {"text": str(activity.get("description") or words_of(activity))}
    term: Json = {"offer": offer}
    _, product = product_of(activity)
    if product is not None or isinstance(activity.get("quantity"), dict):
        valued: Json = {}
        if product is not None:
            valued["entity" + product_of(activity)[0]] = copied(product)
        if isinstance(activity.get("quantity"), dict):
            valued["quantity"] = copied(activity["quantity"])
        term["asset"] = [{"valuedItem": [valued]}]
    request["term"] = [term]


def _enrollment(request: Json, activity: Json, setting: Setting) -> None:
    if setting.organization:
        request["insurer"] = {"reference": setting.organization}


def _vision(request: Json, activity: Json, setting: Setting) -> None:
    name, product = product_of(activity)
    code = clinical_code(activity.get("code"))
    lens = product if name == "CodeableConcept" and product else code if isinstance(code, dict) else {"text": words_of(activity)}
    request |= {
        "dateWritten": setting.as_of,
        "prescriber": {"reference": setting.practitioner} if setting.practitioner else {"display": "prescriber not stated"},
        "lensSpecification": [{"product": copied(lens), "eye": eye} for eye in ("right", "left")],
    }


def _needs_code(request: Json, activity: Json, setting: Setting) -> None:
    if "code" not in request:
        request["code"] = {"text": words_of(activity)}


COMPLETE: dict[str, Callable[[Json, Json, Setting], None]] = {
    "CommunicationRequest": _communication,
    "Communication": _communication,
    "Task": _task,
    "SupplyRequest": _supply,
    "MedicationRequest": _medication,
    "DeviceRequest": _device,
    "ImmunizationRecommendation": _immunization,
    "NutritionOrder": _nutrition,
    "Appointment": _appointment,
    "AppointmentResponse": _appointment_response,
    "Claim": _claim,
    "Contract": _contract,
    "EnrollmentRequest": _enrollment,
    "VisionPrescription": _vision,
    "ServiceRequest": _needs_code,
    "Procedure": _needs_code,
    "DiagnosticReport": _needs_code,
}
"""What a type requires, or says in its own way, beyond its row of the table."""

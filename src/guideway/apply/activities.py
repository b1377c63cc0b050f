"""ActivityDefinition → request: one resource of the activity's kind with every fact that the definition, the action and the
parameters give.

Takes the activity, the action that points at it, and the ``Setting`` (subject, encounter, who asks, when); gives the resource and
findings. Where each fact goes is the table ``kinds.KINDS``; what a type requires beyond that is filled here, type by type
(``COMPLETE``). A fact that the type has no place for becomes an extension ``…/activity-<fact>``. Dynamic values are applied
afterwards, by ``actions``. FHIR R4, ActivityDefinition/$apply: http://hl7.org/fhir/R4/activitydefinition-operation-apply.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from guideway.apply.kinds import APPOINTMENT_PRIORITY, CLAIM_PRIORITY, KINDS, Kind
from guideway.apply.names import (
    ACTIVITY_FACT,
    ACTIVITY_KIND,
    DO_NOT_PERFORM,
    INSTANTIATES_CANONICAL,
    NOT_CARRIED,
    TARGET_STATUS,
    TASK_INPUTS,
    concept_text,
    copied,
    extensions,
    first_value,
    objects,
)
from guideway.apply.policies import Policy
from guideway.apply.timing import as_occurrence, as_period, timing_of
from guideway.diagnostics import Diagnostic, Severity

Json = dict[str, Any]

CPG_ACTIVITY_TYPES = "http://hl7.org/fhir/uv/cpg/CodeSystem/cpg-activity-type-cs"
PROCESS_PRIORITY = "http://terminology.hl7.org/CodeSystem/processpriority"
FORECAST_DUE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/immunization-recommendation-status", "code": "due"}]}


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """Who and when: the same for every request of one run."""

    subject: str
    """Reference of the patient, ``Patient/x``."""
    as_of: str
    """The evaluation time as a FHIR dateTime."""
    policy: Policy
    birth_date: str | None = None
    encounter: str | None = None
    practitioner: str | None = None
    organization: str | None = None
    language: str | None = None
    location: str | None = None

    @property
    def requester(self) -> str | None:
        """Who asks, and whom a plan is by: the practitioner, else the organization."""
        return self.practitioner or self.organization


class Made(msgspec.Struct):
    """A request and what was noticed in making it; ``resource`` None: it could not be made."""

    resource: Json | None
    findings: list[Diagnostic] = []


def kind_name(activity: Json) -> str | None:
    """The resource type an activity makes: cpg-activity-kind where given, else ``kind``."""
    found = first_value(activity, ACTIVITY_KIND) or activity.get("kind")
    return found if isinstance(found, str) else None


def make_request(activity: Json, action: Json, setting: Setting, file: str = "") -> Made:
    """The request that ``activity`` stands for, under ``action`` (``{}`` for ActivityDefinition/$apply itself)."""
    name = kind_name(activity)
    label = str(activity.get("url") or activity.get("id") or "an activity")
    kind = KINDS.get(name or "")
    if kind is None:
        text = f"{label}: kind {name!r} is not one that $apply can make" if name else f"{label}: an activity without a kind"
        hint = "give ActivityDefinition.kind one of: " + ", ".join(KINDS)
        return Made(None, [Diagnostic("activity-kind", Severity.error, text, file or None, pointer="/kind", hint=hint)])
    if setting.policy.reference_forms:
        from guideway.apply.reference_requests import make_reference_request

        reference = make_reference_request(activity, setting, file)
        if reference is not None:
            return reference
    made = Made({"resourceType": kind.type}, [])
    assert made.resource is not None
    request = made.resource
    if activity.get("transform"):
        text = f"{label}: the StructureMap transform {activity['transform']} is not executed; the elements alone make the request"
        made.findings.append(Diagnostic("transform-unsupported", Severity.warning, text, file or None, pointer="/transform"))
    _identity(request, activity, kind, setting)
    _people(request, activity, kind, setting)
    _what(request, activity, kind, setting)
    _when_and_where(request, activity, action, kind, setting)
    _why(request, activity, action, kind)
    complete = COMPLETE.get(kind.type)
    if complete is not None:
        complete(request, _timed(activity, action), setting)
    if kind.type in _OWN_PRODUCT:
        _left_over(request, activity)
    _carry_extensions(request, activity)
    return made


def _identity(request: Json, activity: Json, kind: Kind, setting: Setting) -> None:
    policy = setting.policy
    profile = activity.get("profile")
    if isinstance(profile, str):
        request["meta"] = {"profile": [profile]}
    if setting.language:
        request["language"] = setting.language
    url = activity.get("url")
    if isinstance(url, str):
        canonical = f"{url}|{activity['version']}" if activity.get("version") else url
        if kind.instantiates == "list":
            request["instantiatesCanonical"] = [canonical]
        elif kind.instantiates == "single":
            request["instantiatesCanonical"] = canonical
        else:
            _extend(request, INSTANTIATES_CANONICAL, "Canonical", canonical)
    if kind.status:
        request[kind.status] = kind.draft if policy.request_status == "draft" else kind.active
    if kind.intents:
        own = activity.get("intent")
        wanted = policy.request_intent or (own if isinstance(own, str) else kind.default_intent)
        request["intent"] = wanted if wanted in kind.intents else kind.default_intent
    if kind.authored:
        request[kind.authored] = setting.as_of
    if activity.get("doNotPerform") is True:
        if kind.do_not_perform:
            request["doNotPerform"] = True
        else:
            request.setdefault("modifierExtension", []).append({"url": DO_NOT_PERFORM, "valueBoolean": True})


def _people(request: Json, activity: Json, kind: Kind, setting: Setting) -> None:
    if kind.subject:
        subject = {"reference": setting.subject}
        request[kind.subject] = [subject] if kind.type == "Contract" else subject
    if kind.encounter and setting.encounter:
        request[kind.encounter] = {"reference": setting.encounter}
    if kind.requester and setting.requester and reference_type(setting.requester) not in kind.requester_not:
        request[kind.requester] = {"reference": setting.requester}
    performers: list[Json] = []
    roles: list[Json] = []
    for participant in objects(activity.get("participant")):
        reference = person(participant.get("type"), setting)
        if reference is not None and reference_type(reference) in kind.performer_not:
            _extend(request, ACTIVITY_FACT + "participant", "Reference", {"reference": reference})
        elif reference is not None and {"reference": reference} not in performers:
            performers.append({"reference": reference})
        elif reference is None and not participant.get("role"):
            roles.append({"text": str(participant.get("type"))})
        if isinstance(participant.get("role"), dict):
            roles.append(copied(participant["role"]))
    if performers:
        if kind.performer:
            request[kind.performer] = performers if kind.performer_many else performers[0]
            performers = [] if kind.performer_many else performers[1:]
        for performer in performers:
            _extend(request, ACTIVITY_FACT + "participant", "Reference", performer)
    if roles:
        if kind.performer_type:
            request[kind.performer_type] = roles if kind.performer_type_many else roles[0]
            roles = [] if kind.performer_type_many else roles[1:]
        for role in roles:
            _extend(request, ACTIVITY_FACT + "participantRole", "CodeableConcept", role)


def reference_type(reference: str) -> str:
    """The resource type that a literal reference names: ``Practitioner/x``, ``https://…/Practitioner/x``."""
    return reference.rpartition("/")[0].rpartition("/")[2]


def person(participant_type: Any, setting: Setting) -> str | None:
    """Who a participant of that type is, where the parameters say; the codes are those of action-participant-type."""
    found = {"patient": setting.subject, "practitioner": setting.practitioner, "organization": setting.organization}
    return found.get(participant_type) if isinstance(participant_type, str) else None


def _what(request: Json, activity: Json, kind: Kind, setting: Setting) -> None:
    code = clinical_code(activity.get("code")) if kind.type != "Task" else activity.get("code")
    product_name, product = product_of(activity)
    used_code = False
    if kind.code and isinstance(code, dict):
        request[kind.code] = [copied(code)] if kind.code_many else copied(code)
        used_code = True
    if kind.product:
        if product is None and kind.product_fallback and isinstance(code, dict) and not only_cpg(code):
            product_name, product, used_code = "CodeableConcept", code, True
        if product is None and kind.product_fallback:
            text = activity.get("title") or activity.get("name")
            product_name, product = "CodeableConcept", ({"text": text} if isinstance(text, str) else None)
        if product_name == "Reference" and product is not None and not _may_stand(kind, product):
            _extend(request, ACTIVITY_FACT + "product", product_name, product)
            product = None  # the type has no place for such a reference: it is filled in words
        if product is not None:
            request[kind.product + product_name] = copied(product)
            product = None
    if product is not None and kind.type not in _OWN_PRODUCT:
        _extend(request, ACTIVITY_FACT + "product", product_name, product)
    if isinstance(code, dict) and not used_code and kind.type not in _OWN_PRODUCT and not only_cpg(code):
        _extend(request, ACTIVITY_FACT + "code", "CodeableConcept", code)
    _place(request, kind.quantity, activity.get("quantity"), "quantity", "Quantity", kind.type in _OWN_QUANTITY)
    dosage = activity.get("dosage")
    if isinstance(dosage, list) and dosage:
        if kind.dosage:
            request[kind.dosage] = copied(dosage)
        else:
            for item in objects(dosage):
                _extend(request, ACTIVITY_FACT + "dosage", "Dosage", item)
    sites = list(objects(activity.get("bodySite")))
    if kind.body_site and sites:
        request[kind.body_site] = copied(sites)
    else:
        for site in sites if kind.type != "Claim" else sites[1:]:  # an item of a claim holds one
            _extend(request, ACTIVITY_FACT + "bodySite", "CodeableConcept", site)
    for name in ("specimenRequirement", "observationRequirement", "observationResultRequirement"):
        for reference in objects(activity.get(name)):
            _extend(request, ACTIVITY_FACT + name, "Reference", reference)


_OWN_PRODUCT = frozenset(
    {"ImmunizationRecommendation", "NutritionOrder", "Claim", "VisionPrescription", "Contract", "EnrollmentRequest"}
)
"""Types that keep product and code in an element of their own (``COMPLETE``)."""
_OWN_QUANTITY = frozenset({"NutritionOrder", "Claim", "Contract"})


def _left_over(request: Json, activity: Json) -> None:
    """The product and the code that such a type has found no place for."""
    name, product = product_of(activity)
    if product is not None and not _holds(request, product):
        _extend(request, ACTIVITY_FACT + "product", name, product)
    code = clinical_code(activity.get("code"))
    if isinstance(code, dict) and not only_cpg(code) and not _holds(request, code):
        _extend(request, ACTIVITY_FACT + "code", "CodeableConcept", code)


def _holds(node: Any, value: Any) -> bool:
    if node == value:
        return True
    if isinstance(node, dict):
        return any(_holds(item, value) for item in node.values())
    return isinstance(node, list) and any(_holds(item, value) for item in node)


def clinical_code(code: Any) -> Any:
    """A code without the CPG activity type beside it: ``order-service`` is no service."""
    if not isinstance(code, dict):
        return code
    codings = list(objects(code.get("coding")))
    clinical = [c for c in codings if c.get("system") != CPG_ACTIVITY_TYPES]
    if len(clinical) == len(codings) or not (clinical or code.get("text")):
        return code
    kept = {name: value for name, value in code.items() if name != "coding"}
    return {"coding": clinical, **kept} if clinical else kept


def only_cpg(code: Json) -> bool:
    """Whether a code says no more than which CPG activity this is."""
    codings = list(objects(code.get("coding")))
    return bool(codings) and all(c.get("system") == CPG_ACTIVITY_TYPES for c in codings) and not code.get("text")


_PRODUCTS = {
    "MedicationRequest": ("Medication",),
    "DeviceRequest": ("Device",),
    "SupplyRequest": ("Medication", "Substance", "Device"),
}
"""Which types a product may be by reference."""


def _may_stand(kind: Kind, reference: Json) -> bool:
    named = reference_type(str(reference.get("reference", "")))
    return not named or named in _PRODUCTS.get(kind.type, (named,))


def _contained_code(activity: Json, name: str) -> Json | None:
    for resource in objects(activity.get("contained")):
        if resource.get("id") == name and isinstance(resource.get("code"), dict):
            return dict(resource["code"])
    return None


def product_of(activity: Json) -> tuple[str, Any]:
    """The product as (``CodeableConcept`` or ``Reference``, value); one that the activity contains by its code; None: none."""
    for name in ("CodeableConcept", "Reference"):
        found = activity.get(f"product{name}")
        if name == "Reference" and isinstance(found, dict) and str(found.get("reference", "")).startswith("#"):
            code = _contained_code(activity, str(found["reference"])[1:])
            if code is not None:  # what is contained in a definition does not come along: its code does
                return "CodeableConcept", code
        if isinstance(found, dict) and found:
            return name, found
    return "CodeableConcept", None


def _timed(activity: Json, action: Json) -> Json:
    """The activity with the timing of the action, where that has one."""
    timing = timing_of(action)
    if timing is None:
        return activity
    kept = {name: value for name, value in activity.items() if not name.startswith("timing")}
    return kept | {f"timing{timing[0][0].upper()}{timing[0][1:]}": timing[1]}


def _when_and_where(request: Json, activity: Json, action: Json, kind: Kind, setting: Setting) -> None:
    timing = timing_of(action) or timing_of(activity)
    if timing is not None and not _put_timing(request, kind, timing, setting):
        name, value = timing
        _extend(request, ACTIVITY_FACT + "timing", name, value)
    location = activity.get("location")
    if not isinstance(location, dict) and setting.location:
        location = {"reference": setting.location}
    if isinstance(location, dict):
        if kind.location:
            request[kind.location] = [copied(location)] if kind.location_many else copied(location)
        elif kind.type != "Claim" and activity.get("location"):
            _extend(request, ACTIVITY_FACT + "location", "Reference", location)
    _put_priority(request, action.get("priority") or activity.get("priority"), kind)


def _put_priority(request: Json, priority: Any, kind: Kind) -> None:
    if isinstance(priority, str):
        if kind.priority:
            request[kind.priority] = priority
        elif kind.type == "Appointment":
            request["priority"] = APPOINTMENT_PRIORITY.get(priority, 0)
        elif kind.type != "Claim":
            _extend(request, ACTIVITY_FACT + "priority", "Code", priority)


def take_over(request: Json, computed: Json, setting: Setting) -> Json:
    """The request with the timing and the priority that an action's dynamic values computed, in place of those it had."""
    kind = KINDS[str(request["resourceType"])]
    timing = timing_of(computed)
    if timing is not None:
        replaced = () if kind.occurrence is None else tuple(f"{kind.occurrence}{name}" for name in kind.occurrence_names)
        request = {name: copied(value) for name, value in request.items() if name not in replaced}
        _without(request, ACTIVITY_FACT + "timing")
        for dose in objects(request.get("dosageInstruction")) if timing[0] == "Timing" else ():
            dose.pop("timing", None)
        if not _put_timing(request, kind, timing, setting):
            _extend(request, ACTIVITY_FACT + "timing", *timing)
    if "priority" in computed:
        request = copied(request)
        _without(request, ACTIVITY_FACT + "priority")
        _put_priority(request, computed["priority"], kind)
    return request


def _without(request: Json, url: str) -> None:
    kept = [e for e in objects(request.get("extension")) if e.get("url") != url]
    request.pop("extension", None)
    if kept:
        request["extension"] = kept


def _put_timing(request: Json, kind: Kind, timing: tuple[str, Any], setting: Setting) -> bool:
    """Put a timing where the kind keeps it; False: it has no place for one."""
    name, value = timing
    if kind.type == "MedicationRequest" and name == "Timing":
        doses = list(objects(request.get("dosageInstruction"))) or [{}]
        request["dosageInstruction"] = doses
        for dose in doses:
            dose.setdefault("timing", copied(value))
        return True
    if kind.type == "NutritionOrder" and name == "Timing":
        request.setdefault("oralDiet", {})["schedule"] = [copied(value)]
        return True
    if kind.occurrence:
        found = as_occurrence(timing, kind.occurrence_types, setting.as_of, setting.birth_date)
        if found is not None:
            request[kind.occurrence + found[0]] = found[1]
            return True
    if kind.period:
        period = as_period(timing, setting.as_of, setting.birth_date)
        if period is not None:
            _put(request, kind.period, [period] if kind.type == "Appointment" else period)
            return True
    return False


def _why(request: Json, activity: Json, action: Json, kind: Kind) -> None:
    reasons = [copied(r) for r in objects(action.get("reason"))]
    if reasons and kind.reason:
        request[kind.reason] = reasons if kind.reason_many else reasons[0]
        reasons = [] if kind.reason_many else reasons[1:]
    for reason in reasons:
        _extend(request, ACTIVITY_FACT + "reason", "CodeableConcept", reason)
    if kind.description:
        text = activity.get("description") or activity.get("title") or action.get("description")
        if isinstance(text, str):
            request[kind.description] = text


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
        request["itemCodeableConcept"] = {"text": _words(activity)}


def _medication(request: Json, activity: Json, setting: Setting) -> None:
    if "medicationReference" not in request and "medicationCodeableConcept" not in request:
        request["medicationCodeableConcept"] = {"text": _words(activity)}


def _device(request: Json, activity: Json, setting: Setting) -> None:
    if "codeReference" not in request and "codeCodeableConcept" not in request:
        request["codeCodeableConcept"] = {"text": _words(activity)}


def _immunization(request: Json, activity: Json, setting: Setting) -> None:
    name, product = product_of(activity)
    vaccine = product if name == "CodeableConcept" and product else activity.get("code")
    if not isinstance(vaccine, dict) or only_cpg(vaccine):
        vaccine = {"text": _words(activity)}
    recommendation: Json = {"vaccineCode": [copied(vaccine)], "forecastStatus": copied(FORECAST_DUE)}
    if isinstance(activity.get("description"), str):
        recommendation["description"] = activity["description"]
    timing = timing_of(activity)
    when = as_occurrence(timing, ("dateTime",), setting.as_of, setting.birth_date) if timing else None
    if when is not None:
        earliest = {"coding": [{"system": "http://loinc.org", "code": "30980-7", "display": "Date vaccine due"}]}
        recommendation["dateCriterion"] = [{"code": earliest, "value": when[1]}]
    request["recommendation"] = [recommendation]


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
    diet["type"] = [copied(code) if isinstance(code, dict) else {"text": _words(activity)}]
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
        elif "type" not in who:
            who["actor"] = {"display": str(participant.get("type"))}
        people.append(who)
    request["participant"] = people


def _appointment_response(request: Json, activity: Json, setting: Setting) -> None:
    request["appointment"] = {"display": _words(activity)}
    request["actor"] = {"reference": setting.subject}


def _claim(request: Json, activity: Json, setting: Setting) -> None:
    code = clinical_code(activity.get("code"))
    name, product = product_of(activity)
    service = product if name == "CodeableConcept" and product else code
    priority = CLAIM_PRIORITY.get(str(activity.get("priority")), "normal")
    item: Json = {
        "sequence": 1,
        "productOrService": copied(service) if isinstance(service, dict) else {"text": _words(activity)},
    }
    if isinstance(activity.get("quantity"), dict):
        item["quantity"] = copied(activity["quantity"])
    sites = list(objects(activity.get("bodySite")))
    if sites:
        item["bodySite"] = copied(sites[0])
    if isinstance(activity.get("location"), dict):
        item["locationReference"] = copied(activity["location"])
    request |= {
        "type": copied(code) if isinstance(code, dict) else {"text": _words(activity)},
        "use": "predetermination",
        "provider": {"reference": setting.requester} if setting.requester else {"display": "provider not stated"},
        "priority": {"coding": [{"system": PROCESS_PRIORITY, "code": priority}]},
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "coverage not stated"}}],
        "item": [item],
    }


def _contract(request: Json, activity: Json, setting: Setting) -> None:
    offer: Json = {"text": str(activity.get("description") or _words(activity))}
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
    lens = product if name == "CodeableConcept" and product else code if isinstance(code, dict) else {"text": _words(activity)}
    request |= {
        "dateWritten": setting.as_of,
        "prescriber": {"reference": setting.practitioner} if setting.practitioner else {"display": "prescriber not stated"},
        "lensSpecification": [{"product": copied(lens), "eye": eye} for eye in ("right", "left")],
    }


def _needs_code(request: Json, activity: Json, setting: Setting) -> None:
    if "code" not in request:
        request["code"] = {"text": _words(activity)}


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


def _words(activity: Json) -> str:
    for name in ("title", "name", "description", "id", "url"):
        if isinstance(activity.get(name), str) and activity[name]:
            return str(activity[name])
    return "an activity without a name"


def _carry_extensions(request: Json, activity: Json) -> None:
    skip = NOT_CARRIED | {ACTIVITY_KIND, TARGET_STATUS} | TASK_INPUTS.keys()
    carried = [copied(e) for e in objects(activity.get("extension")) if e.get("url") not in skip]
    if carried:
        request["extension"] = [*request.get("extension", []), *carried]
    modifiers = [copied(e) for e in objects(activity.get("modifierExtension"))]
    if modifiers:
        request["modifierExtension"] = [*request.get("modifierExtension", []), *modifiers]


def _place(request: Json, path: str | None, value: Any, name: str, value_type: str, own: bool) -> None:
    if not isinstance(value, dict) or own:
        return
    if path:
        _put(request, path, copied(value))
    else:
        _extend(request, ACTIVITY_FACT + name, value_type, value)


def _put(node: Json, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        node = node.setdefault(parent, {})
    node[last] = value


def _extend(element: Json, url: str, value_type: str, value: Any) -> None:
    name = "value" + value_type[0].upper() + value_type[1:]
    element.setdefault("extension", []).append({"url": url, name: copied(value)})

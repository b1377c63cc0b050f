"""ActivityDefinition → request: one resource of the activity's kind with every fact that the definition, the action and the
parameters give.

Takes the activity, the action that points at it, and the ``Setting`` (subject, encounter, who asks, when); gives the resource and
findings. Where each fact goes is the table ``kinds.KINDS``; what a type requires beyond that is filled by its function in
``completing``. A fact that the type has no place for becomes an extension ``…/activity-<fact>``. Dynamic values are applied
afterwards, by ``actions``. FHIR R4, ActivityDefinition/$apply: http://hl7.org/fhir/R4/activitydefinition-operation-apply.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from guideway.apply.activity_facts import (
    Setting,
    clinical_code,
    composition_of,
    is_told,
    kind_name,
    only_cpg,
    participant_fault,
    person,
    product_of,
    prohibition_doubt,
)
from guideway.apply.completing import COMPLETE, put_due_date
from guideway.apply.kinds import APPOINTMENT_PRIORITY, KINDS, Kind
from guideway.apply.names import (
    ACTIVITY_FACT,
    ACTIVITY_KIND,
    DO_NOT_PERFORM,
    INSTANTIATES_CANONICAL,
    NOT_CARRIED,
    TARGET_STATUS,
    TASK_INPUTS,
)
from guideway.apply.timing import Timing, as_occurrence, as_period, shift, timing_of
from guideway.diagnostics import Diagnostic, Severity
from guideway.fhir.literal_references import reference_type
from guideway.fhir.structure import known_type
from guideway.guideline.names import copied, objects, url_of

Json = dict[str, Any]


class Made(msgspec.Struct):
    """A request and what was noticed in making it; ``resource`` None: it could not be made."""

    resource: Json | None
    findings: list[Diagnostic] = []


def make_request(activity: Json, action: Json, setting: Setting, file: str = "") -> Made:
    """The request that ``activity`` stands for, under ``action`` (``{}`` for ActivityDefinition/$apply itself)."""
    name = kind_name(activity)
    label = str(activity.get("url") or activity.get("id") or "an activity")
    kind = KINDS.get(name or "")
    if kind is None:
        text = f"{label}: kind {name!r} is not one that $apply can make" if name else f"{label}: an activity without a kind"
        hint = "give ActivityDefinition.kind one of: " + ", ".join(KINDS)
        return Made(None, [Diagnostic("activity-kind", Severity.error, text, file or None, pointer="/kind", hint=hint)])
    findings = list(_noticed(activity, label, file))
    if (doubt := prohibition_doubt(activity)) is not None:
        text = f"{label}: {doubt}; no request is made, since it may be one not to be done"
        return Made(None, [*findings, Diagnostic("request-invalid", Severity.error, text, file or None, pointer="/doNotPerform")])
    if "location" in activity or "productReference" in activity:
        wrong = list(_misdirected(activity, kind, setting))
        for element, text in wrong:
            finding = Diagnostic("request-invalid", Severity.error, f"{label}: {text}", file or None, pointer=f"/{element}")
            findings.append(finding)
        activity = {part: value for part, value in activity.items() if part not in dict(wrong)} if wrong else activity
    made = _made(activity, action, kind, setting, file)
    if made.resource is not None:
        _carry_modifiers(made.resource, activity, action)
        if "contained" in activity:
            findings += _composed(made.resource, activity, setting, label, file)
        if "timingAge" in action or "timingAge" in activity:
            findings += _passed(activity, action, setting, label, file)
    return Made(made.resource, [*findings, *made.findings])


def _misdirected(activity: Json, kind: Kind, setting: Setting) -> Iterator[tuple[str, str]]:
    """The references of an activity that lead to another type than the request may have there; but a product that its type has no
    place for stands in an extension, where there are any."""
    places = ("Location", "Organization") if kind.type == "SupplyRequest" else ("Location",)
    allowed: dict[str, tuple[str, ...]] = {"location": places}
    if setting.policy.reference_forms and kind.type in _PRODUCTS:
        allowed["productReference"] = _PRODUCTS[kind.type]
    for element, types in allowed.items():
        value = activity.get(element)
        reference = value.get("reference") if isinstance(value, dict) else None
        leads = reference_type(reference) if isinstance(reference, str) else ""
        if known_type(leads) and leads not in types:
            yield element, f"{element} {reference} is a {leads}; it may be {' or '.join(types)}; it is left out"


def _composed(request: Json, activity: Json, setting: Setting, label: str, file: str) -> Iterator[Diagnostic]:
    """What a contained product says beside its code goes to the request, where its form allows; the rest is named."""
    said, unsaid = composition_of(activity)
    if setting.policy.reference_forms:
        unsaid, said = [*unsaid, *dict.fromkeys(str(each["url"]).rpartition("-product")[2].casefold() for each in said)], []
    if said:
        request["extension"] = [*request.get("extension", []), *copied(said)]
    if unsaid:
        text = f"{label}: of the product that it contains the request has the code; left out: {', '.join(unsaid)}"
        yield Diagnostic("product-reduced", Severity.warning, text, file or None, pointer="/productReference")


def _passed(activity: Json, action: Json, setting: Setting, label: str, file: str) -> Iterator[Diagnostic]:
    """That an age at which something is to be done was reached before now."""
    name, value = timing_of(action) or timing_of(activity) or ("", None)
    reached = shift(setting.birth_date, value) if name == "Age" and setting.birth_date else None
    if reached is not None and reached[:10] < setting.as_of[:10]:
        text = f"{label}: the age at which it is to be done was reached on {reached}, before {setting.as_of[:10]}"
        yield Diagnostic("timing-past", Severity.warning, text, file or None, pointer="/timingAge")


def _noticed(activity: Json, label: str, file: str) -> Iterator[Diagnostic]:
    """What is wrong with an activity whatever request is made of it."""
    if activity.get("transform"):
        text = f"{label}: the StructureMap transform {activity['transform']} is not executed; the elements alone make the request"
        yield Diagnostic("transform-unsupported", Severity.warning, text, file or None, pointer="/transform")
    for participant in objects(activity.get("participant")):
        if (fault := participant_fault(participant)) is not None:
            yield Diagnostic("request-invalid", Severity.warning, f"{label}: {fault}", file or None, pointer="/participant")


def _made(activity: Json, action: Json, kind: Kind, setting: Setting, file: str) -> Made:
    """The request but for what modifies its meaning."""
    if setting.policy.reference_forms:
        from guideway.apply.reference_requests import make_reference_request

        reference = make_reference_request(activity, setting, file)
        if reference is not None:
            return reference
    request: Json = {"resourceType": kind.type}
    _identity(request, activity, kind, setting)
    _people(request, activity, kind, setting)
    _what(request, activity, kind, setting)
    _when_and_where(request, activity, action, kind, setting)
    _why(request, activity, action, kind)
    complete = COMPLETE.get(kind.type)
    if complete is not None:
        complete(request, _timed(activity, action), setting)
    if kind.type in _OWN_PRODUCT:
        _left_over(request, activity, kind)
    _words(request, activity, kind)
    _carry_extensions(request, activity)
    return Made(request)


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
    if kind.authored and (kind.dated or not policy.reference_forms):
        request[kind.authored] = setting.as_of
    if kind.do_not_perform and activity.get("doNotPerform") is True:
        request["doNotPerform"] = True


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
            if reference is None and is_told(participant.get("type")) and kind.type != "Appointment":
                _extend(request, ACTIVITY_FACT + "participantType", "Code", participant["type"])
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


def _left_over(request: Json, activity: Json, kind: Kind) -> None:
    """The product, the code and the quantity that such a type has found no place for."""
    name, product = product_of(activity)
    if product is not None and not _holds(request, product):
        _extend(request, ACTIVITY_FACT + "product", name, product)
    code = clinical_code(activity.get("code"))
    if isinstance(code, dict) and not only_cpg(code) and not _holds(request, code):
        _extend(request, ACTIVITY_FACT + "code", "CodeableConcept", code)
    quantity = activity.get("quantity")
    if kind.type in _OWN_QUANTITY and isinstance(quantity, dict) and not _holds(request, quantity):
        _extend(request, ACTIVITY_FACT + "quantity", "Quantity", quantity)


def _holds(node: Any, value: Any) -> bool:
    if node == value:
        return True
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        if _holds(item, value):
            return True
    return False


_PRODUCTS = {
    "MedicationRequest": ("Medication",),
    "DeviceRequest": ("Device",),
    "SupplyRequest": ("Medication", "Substance", "Device"),
}
"""Which types a product may be by reference."""


def _may_stand(kind: Kind, reference: Json) -> bool:
    named = reference_type(str(reference.get("reference", "")))
    return not named or named in _PRODUCTS.get(kind.type, (named,))


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


def take_over(request: Json, computed: Json, before: Timing | None, setting: Setting) -> Json:
    """The request with the timing and the priority that an action's dynamic values computed, in place of those it had: ``before``
    is the timing that it was made with. A dose keeps a timing of its own."""
    kind = KINDS[str(request["resourceType"])]
    timing = timing_of(computed)
    if timing is not None:
        replaced = () if kind.occurrence is None else tuple(f"{kind.occurrence}{name}" for name in kind.occurrence_names)
        request = {name: copied(value) for name, value in request.items() if name not in replaced}
        _without(request, ACTIVITY_FACT + "timing")
        if before is not None and kind.period:
            _take_away(request, kind.period, as_period(before, setting.as_of, setting.birth_date))
        for holder in _scheduled(request, kind):
            for name in ("timing", "schedule"):
                if before is not None and holder.get(name) in (before[1], [before[1]]):
                    del holder[name]
        if not _put_timing(request, kind, timing, setting):
            _extend(request, ACTIVITY_FACT + "timing", *timing)
        put_due_date(request, timing, setting)
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
    """Put a timing where the kind keeps it; False: the request does not say all of it there."""
    name, value = timing
    if kind.type == "MedicationRequest" and name == "Timing":
        doses = list(objects(request.get("dosageInstruction"))) or [{}]
        request["dosageInstruction"] = doses
        for dose in doses:
            dose.setdefault("timing", copied(value))
        return all(dose["timing"] == value for dose in doses)  # a dose may have its own
    if kind.type == "NutritionOrder" and name == "Timing":
        holder = next(iter(_scheduled(request, kind)), None)
        holder = request.setdefault("oralDiet", {}) if holder is None else holder
        holder["schedule"] = [copied(value)]
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
            return name != "Timing" or value == {"repeat": {"boundsPeriod": period}}  # how often, no Period says
    return False


def _scheduled(request: Json, kind: Kind) -> list[Json]:
    """The elements of a request that have a Timing of their own."""
    if kind.type == "MedicationRequest":
        return list(objects(request.get("dosageInstruction")))
    if kind.type == "NutritionOrder":
        diet = request.get("oralDiet")
        return [*objects(request.get("supplement")), *([diet] if isinstance(diet, dict) else [])]
    return []


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


def _words(request: Json, activity: Json, kind: Kind) -> None:
    """The title and the description, where the request has no place for them."""
    title, description = activity.get("title"), activity.get("description")
    completed = kind.type in COMPLETE
    if isinstance(description, str) and not kind.description and not (completed and _holds(request, description)):
        _extend(request, ACTIVITY_FACT + "description", "Markdown", description)
    alone = kind.description and not isinstance(description, str)
    if isinstance(title, str) and not alone and not (completed and _holds(request, title)):
        _extend(request, ACTIVITY_FACT + "title", "String", title)


def _carry_extensions(request: Json, activity: Json) -> None:
    skip = NOT_CARRIED | {ACTIVITY_KIND, TARGET_STATUS} | TASK_INPUTS.keys()
    carried = [copied(e) for e in objects(activity.get("extension")) if url_of(e) not in skip]
    if carried:
        request["extension"] = [*request.get("extension", []), *carried]


def _carry_modifiers(request: Json, activity: Json, action: Json) -> None:
    """What changes the meaning of a request goes with it under every policy: that it is not to be done, where its type has no
    element for that, and the modifier extensions of the activity and of the action. What is malformed there goes along as well:
    what frees a request of invalid FHIR finds it, and makes none."""
    modifiers: list[Any] = []
    if activity.get("doNotPerform") is True and request.get("doNotPerform") is not True:
        modifiers.append({"url": DO_NOT_PERFORM, "valueBoolean": True})
    for given in (activity.get("modifierExtension"), action.get("modifierExtension")):
        members = given if isinstance(given, list) else [] if given is None else [given]
        modifiers += [copied(each) for each in members if each not in modifiers]
    if modifiers:
        request["modifierExtension"] = modifiers


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


def _take_away(node: Json, path: str, value: Any) -> None:
    """Take a value out of its place, where it is what stands there."""
    first, _, rest = path.partition(".")
    inner = node.get(first)
    if rest and isinstance(inner, dict):
        _take_away(inner, rest, value)
    if inner is not None and inner in ({}, value, [value]):
        del node[first]


def _extend(element: Json, url: str, value_type: str, value: Any) -> None:
    name = "value" + value_type[0].upper() + value_type[1:]
    element.setdefault("extension", []).append({"url": url, name: copied(value)})

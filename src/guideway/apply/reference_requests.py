"""ActivityDefinition → request as the Java reference implementation makes it (policy ``cqf``): the elements it writes, no others.

Takes an activity and the ``Setting``; gives the resource, without id, and findings. A kind of which the reference makes an empty
resource is made as under the other policies: a request that says nothing serves nobody. What R4 requires and the reference leaves
out is filled in where it can be (``subject`` of a Procedure, ``quantity`` of a SupplyRequest); that something is not to be done,
and modifier extensions, ``activities`` adds under every policy. A MedicationRequest without a
product or a ServiceRequest without a code, and without a dynamic value that could set it, is an error and no request, as there.
cqframework clinical-reasoning 4, ``activitydefinition/apply/resolvers``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guideway.apply.activities import Made
from guideway.apply.activity_facts import Setting, kind_name, product_of
from guideway.apply.completing import FORECAST_DUE
from guideway.apply.names import NOT_COPIED, TARGET_STATUS
from guideway.diagnostics import Diagnostic, Severity
from guideway.guideline.names import copied, first_value, objects, text_of, url_of

Json = dict[str, Any]


class _Activity:
    """One activity, and what requests of several types take from it alike."""

    def __init__(self, definition: Json, setting: Setting) -> None:
        self.definition = definition
        self.setting = setting
        version = definition.get("version")
        url = definition.get("url")
        self.canonical = (f"{url}|{version}" if version else url) if isinstance(url, str) else None

    def intent(self, default: str) -> str:
        own = self.definition.get("intent")
        return own if isinstance(own, str) else default

    def subject(self) -> Json:
        return {"reference": self.setting.subject}

    def code(self) -> Json | None:
        found = self.definition.get("code")
        return copied(found) if isinstance(found, dict) else None

    def encounter(self) -> Json:
        return {"encounter": {"reference": self.setting.encounter}} if self.setting.encounter else {}

    def asked_by(self, *people: str | None) -> Json:
        """The requester: the first of them whom the parameters name."""
        found = next((person for person in people if person), None)
        return {"requester": {"reference": found}} if found else {}

    def instantiates(self) -> Json:
        return {"instantiatesCanonical": [self.canonical]} if self.canonical else {}

    def not_to_be_done(self) -> Json:
        given = self.definition.get("doNotPerform")
        return {"doNotPerform": given} if isinstance(given, bool) else {}

    def taken(self, **elements: str) -> Json:
        """Elements that are copied as they are, by the name that the request has for each."""
        return {name: copied(self.definition[own]) for name, own in elements.items() if own in self.definition}


def _medication(a: _Activity) -> Json:
    name, product = product_of(a.definition)
    medication = {f"medication{name}": copied(product)} if product is not None else {}
    return {
        "status": "active", "intent": a.intent("order"), **a.not_to_be_done(), **medication, "subject": a.subject(),
        **a.encounter(), **a.asked_by(a.setting.practitioner), **a.instantiates(), **a.taken(dosageInstruction="dosage"),
    }  # fmt: skip


def _service(a: _Activity) -> Json:
    return {
        **a.instantiates(), "status": "active", "intent": a.intent("order"), **a.not_to_be_done(), **a.taken(code="code"),
        "subject": a.subject(), **a.encounter(), **a.asked_by(a.setting.practitioner, a.setting.organization),
        **a.taken(bodySite="bodySite"),
    }  # fmt: skip


def _task(a: _Activity) -> Json:
    target = first_value(a.definition, TARGET_STATUS)
    status = target.get("code") if isinstance(target, dict) else target
    made: Json = {} if a.canonical is None else {"instantiatesCanonical": a.canonical}
    return made | {
        "status": status if isinstance(status, str) else "ready", "intent": a.intent("proposal"),
        **a.taken(code="code", description="description"), "for": a.subject(), **a.encounter(),
        **a.asked_by(a.setting.practitioner),
    }  # fmt: skip


def _said(a: _Activity) -> Json:
    """The message: the text of the code, and no other words."""
    text = text_of((a.code() or {}).get("text"))
    return {"payload": [{"contentString": text}]} if text else {}


def _communication_request(a: _Activity) -> Json:
    return {
        "status": "active", **a.not_to_be_done(), "subject": a.subject(), **a.encounter(), **_said(a),
        **a.asked_by(a.setting.practitioner),
    }  # fmt: skip


def _supply(a: _Activity) -> Json:
    code = a.code()
    return {
        "status": "active", **({"itemCodeableConcept": code} if code is not None else {}), "quantity": {"value": 1},
        **a.taken(quantity="quantity"), **a.asked_by(a.setting.organization, a.setting.practitioner),
    }  # fmt: skip


def _appointment(a: _Activity) -> Json:
    return {"status": "proposed", "participant": [{"actor": a.subject(), "status": "needs-action"}]}


def _immunization(a: _Activity) -> Json:
    name, product = product_of(a.definition)
    vaccine = {"vaccineCode": [copied(product)]} if product is not None and name == "CodeableConcept" else {}
    return {
        "patient": a.subject(),
        "date": a.setting.as_of,
        "recommendation": [vaccine | {"forecastStatus": copied(FORECAST_DUE)}],
    }


def _procedure(a: _Activity) -> Json:
    return {
        **a.instantiates(),
        "status": "unknown",
        **a.taken(code="code"),
        "subject": a.subject(),
        **a.taken(bodySite="bodySite"),
    }


MAKERS: dict[str, Callable[[_Activity], Json]] = {
    "MedicationRequest": _medication,
    "ServiceRequest": _service,
    "Task": _task,
    "CommunicationRequest": _communication_request,
    "SupplyRequest": _supply,
    "Appointment": _appointment,
    "ImmunizationRecommendation": _immunization,
    "Procedure": _procedure,
    "Communication": lambda a: {"status": "unknown", **_said(a)},
    "DiagnosticReport": lambda a: {"status": "unknown", **a.taken(code="code")},
}
"""The kinds of which the reference makes more than an empty resource."""


def make_reference_request(activity: Json, setting: Setting, file: str = "") -> Made | None:
    """The request in the reference's form; None: it has none of this kind's own."""
    name = kind_name(activity)
    maker = MAKERS.get(name or "")
    if maker is None:
        return None
    made = _Activity(activity, setting)
    lacks = {"MedicationRequest": product_of(activity)[1] is None, "ServiceRequest": made.code() is None}.get(str(name), False)
    if lacks and not activity.get("dynamicValue"):
        label = str(activity.get("url") or activity.get("id") or "an activity")
        element = "product" if name == "MedicationRequest" else "code"
        text = f"{label}: no {name} is made without {element}"
        hint = f"give the ActivityDefinition a {element}, or a dynamic value that sets it"
        return Made(
            None, [Diagnostic("activity-incomplete", Severity.error, text, file or None, pointer=f"/{element}", hint=hint)]
        )
    request: Json = {"resourceType": name}
    if isinstance(activity.get("profile"), str):
        request["meta"] = {"profile": [activity["profile"]]}
    extension = [copied(e) for e in objects(activity.get("extension")) if url_of(e) not in NOT_COPIED]
    if extension:
        request["extension"] = extension
    return Made(request | maker(made))

"""The data of a case: each item of its list becomes a FHIR R4 resource of the case's patient, or an order in the hook's context.

``Builder`` has one method for each kind of item (``item_<kind>``): its value is what the item begins with, ``fields`` are the
others; what a method does not take is a mistake. Ids follow from the order of the items, so the same text gives the same
bundle.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from guideway.authoring.case_concepts import Concepts, alike, coding
from guideway.authoring.case_text import Mistake
from guideway.authoring.case_values import amount, bounds, coded, dosage, moment, quantity

Json = dict[str, Any]

CLINICAL = "http://terminology.hl7.org/CodeSystem/"
ACT_CODES = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
INTERPRETATIONS = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
STATUS_CHANGED = "http://hl7.org/fhir/5.0/StructureDefinition/extension-MedicationRequest.statusChanged"
PATIENT = "case"
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d.*)?)?)?$", re.ASCII)


class Builder:
    """Turns the items of a case into resources, in order."""

    def __init__(self, concepts: Concepts, as_of: str, bundle_reader: Callable[[str], Json] | None) -> None:
        self.concepts = concepts
        self.as_of = as_of
        self.bundle_reader = bundle_reader
        self.patient: Json = {"resourceType": "Patient", "id": PATIENT}
        self.resources: list[Json] = []
        self.drafts: list[Json] = []
        self.whole: list[Json] = []
        self.number = 0
        self.field = ""
        """What is being read, for the place of a mistake."""

    @property
    def subject(self) -> str:
        """The reference of the case's patient."""
        return f"Patient/{self.patient['id']}"

    # ---- items -------------------------------------------------------------------------------------------------------

    def add(self, item: Any, number: int) -> None:
        """One entry of ``data``; ``number`` counts from 0. ``Mistake`` where it cannot be meant."""
        self.number = number
        if not isinstance(item, dict) or not item:
            raise self.mistake("an item is a mapping that begins with its kind, such as 'condition: …'")
        kind = str(next(iter(item)))
        method = getattr(self, f"item_{kind.replace('-', '_')}", None)
        if method is None:
            kinds = sorted(name[5:].replace("_", "-") for name in dir(self) if name.startswith("item_"))
            raise self.mistake(f"unknown kind {kind!r}", kind, alike(kind, kinds) or f"the kinds are {', '.join(kinds)}")
        fields = dict(item)
        self.field = kind
        method(fields.pop(kind), fields)
        if fields:
            raise self.unknown(kind, fields)

    def unknown(self, kind: str, fields: Json) -> Mistake:
        """The mistake of fields that nothing took."""
        named, first = ", ".join(map(str, fields)), str(next(iter(fields)))
        return self.mistake(f"{kind}: unknown field {named}", first, f"docs/testing.md lists the fields of {kind}")

    def mistake(self, message: str, field: str | None = None, hint: str | None = None) -> Mistake:
        """A mistake in the present item, at one of its fields."""
        path = ("data", self.number) if field is None else ("data", self.number, field)
        return Mistake("data", message, path, hint)

    def item_patient(self, value: Any, fields: Json) -> None:
        """``patient: {born: 1975-03-01, sex: female}``; also deceased, active, id (the first item then)."""
        if not isinstance(value or {}, dict):
            raise self.mistake("patient: write {born: 1975-03-01, sex: female}", "patient")
        facts = dict(value or {}) | fields
        fields.clear()
        if "id" in facts:
            if self.resources or self.drafts:
                raise self.mistake("patient: an id is given in the first item, because the others refer to it", "patient")
            self.patient["id"] = str(facts.pop("id"))
        for name, element in (("born", "birthDate"), ("sex", "gender"), ("active", "active")):
            if name in facts:
                given = facts.pop(name)
                self.patient[element] = given if isinstance(given, bool) else moment(given)
        if "deceased" in facts:
            given = facts.pop("deceased")
            self.patient["deceasedBoolean" if isinstance(given, bool) else "deceasedDateTime"] = (
                given if isinstance(given, bool) else moment(given)
            )
        if facts:
            raise self.unknown("patient", facts)

    def item_condition(self, value: Any, fields: Json) -> None:
        """``condition: <concept>`` with status, verification (``none``: without one), onset, ended, recorded, site, encounter."""
        resource = self.new("Condition", code=self.concept(value))
        clinical, verification = fields.pop("status", "active"), fields.pop("verification", "confirmed")
        if clinical != "none":
            resource["clinicalStatus"] = coded(CLINICAL + "condition-clinical", str(clinical))
        if verification != "none":
            resource["verificationStatus"] = coded(CLINICAL + "condition-ver-status", str(verification))
        self.take(fields, resource, onset="onsetDateTime", ended="abatementDateTime", recorded="recordedDate")
        if "site" in fields:
            resource["bodySite"] = [self.concept(fields.pop("site"), "site")]
        self.encounter(fields, resource)

    def item_observation(self, value: Any, fields: Json) -> None:
        """``observation: <concept>`` with value, at, status, interpretation, range, components, issued, encounter, absent.

        A value is ``0.8 10*9/L``, ``<0.5 10*9/L``, ``0.8`` (no unit), true, a concept (``is: <concept>``) or ``text: words``."""
        resource = self.new("Observation", status=fields.pop("status", "final"), code=self.concept(value))
        if fields.get("at") == "none":
            del fields["at"]
        else:
            resource["effectiveDateTime"] = self.date("at", fields, self.as_of[:10])
        self.take(fields, resource, issued="issued")
        if "value" in fields:
            self.field = "value"
            resource |= self.value(fields.pop("value"), fields.pop("unit", None))
        if "is" in fields:
            resource["valueCodeableConcept"] = self.concept(fields.pop("is"), "is")
        if "absent" in fields:
            resource["dataAbsentReason"] = coded(CLINICAL + "data-absent-reason", str(fields.pop("absent")))
        if "interpretation" in fields:
            resource["interpretation"] = [coded(INTERPRETATIONS, str(fields.pop("interpretation")))]
        if "range" in fields:
            given = str(fields.pop("range"))
            try:
                resource["referenceRange"] = [bounds(given, resource.get("valueQuantity", {}))]
            except ValueError:
                message = f"observation: {given!r} is no range; write 4.0-10.5, -104 or 4.0-"
                raise self.mistake(message, "range") from None
        if "components" in fields:
            self.field = "components"
            given = fields.pop("components")
            if not isinstance(given, dict):
                raise self.mistake("observation: components is a mapping of concept: value", "components")
            resource["component"] = [{"code": self.concept(code), **self.value(one)} for code, one in given.items()]
        self.encounter(fields, resource)

    def item_medication(self, value: Any, fields: Json) -> None:
        """``medication: <concept>`` with as (request, statement, administration), status, start, end, dose (``100 mg 2/d``),
        reason (why it stopped), for (why it was ordered), changed (when the status changed), intent, quantity."""
        form = str(fields.pop("as", "request"))
        if form not in ("request", "statement", "administration"):
            raise self.mistake(f"medication: as is request, statement or administration, not {form!r}", "as")
        {"request": self._request, "statement": self._statement, "administration": self._administration}[form](value, fields)

    def _request(self, value: Any, fields: Json) -> Json:
        resource = self.new("MedicationRequest", status=fields.pop("status", "active"), intent=fields.pop("intent", "order"))
        resource["medicationCodeableConcept"] = self.concept(value)
        self.take(fields, resource, start="authoredOn")
        self.dosage(fields, resource, "dosageInstruction")
        if "reason" in fields:
            resource["statusReason"] = self.concept(fields.pop("reason"), "reason")
        if "for" in fields:
            resource["reasonCode"] = [self.concept(fields.pop("for"), "for")]
        if "quantity" in fields:
            resource["dispenseRequest"] = {"quantity": amount(fields.pop("quantity"))}
        if "changed" in fields:
            resource["extension"] = [{"url": STATUS_CHANGED, "valueDateTime": self.date("changed", fields)}]
        if "end" in fields:
            end = self.date("end", fields)
            for instruction in resource.setdefault("dosageInstruction", [{}]):
                instruction.setdefault("timing", {}).setdefault("repeat", {})["boundsPeriod"] = {"end": end}
        if fields.pop("do_not_perform", False):
            resource["doNotPerform"] = True
        return resource

    def _statement(self, value: Any, fields: Json) -> Json:
        resource = self.new("MedicationStatement", status=fields.pop("status", "active"))
        resource["medicationCodeableConcept"] = self.concept(value)
        period = {name: self.date(name, fields) for name in ("start", "end") if name in fields}
        if period:
            resource["effectivePeriod"] = period
        self.dosage(fields, resource, "dosage")
        if "reason" in fields:
            resource["statusReason"] = [self.concept(fields.pop("reason"), "reason")]
        self.take(fields, resource, changed="dateAsserted")
        return resource

    def _administration(self, value: Any, fields: Json) -> Json:
        resource = self.new("MedicationAdministration", status=fields.pop("status", "completed"))
        resource["medicationCodeableConcept"] = self.concept(value)
        resource["effectiveDateTime"] = self.date("start", fields, self.as_of[:10])
        return resource

    def item_dispense(self, value: Any, fields: Json) -> None:
        """``dispense: <concept>`` with quantity, at, status."""
        resource = self.new("MedicationDispense", status=fields.pop("status", "completed"))
        resource["medicationCodeableConcept"] = self.concept(value)
        resource["whenHandedOver"] = self.date("at", fields, self.as_of[:10])
        if "quantity" in fields:
            resource["quantity"] = amount(fields.pop("quantity"))

    def item_allergy(self, value: Any, fields: Json) -> None:
        """``allergy: <concept>`` with status, verification, criticality, severity, reaction, substance."""
        resource = self.new("AllergyIntolerance", code=self.concept(value))
        status, verification = fields.pop("status", "active"), fields.pop("verification", "confirmed")
        if status != "none":
            resource["clinicalStatus"] = coded(CLINICAL + "allergyintolerance-clinical", str(status))
        if verification != "none":
            resource["verificationStatus"] = coded(CLINICAL + "allergyintolerance-verification", str(verification))
        self.take(fields, resource, recorded="recordedDate")
        for name in ("criticality", "type"):
            if name in fields:
                resource[name] = str(fields.pop(name))
        if {"severity", "reaction", "substance"} & fields.keys():
            reaction: Json = {"manifestation": [self.concept(fields.pop("reaction", "text: reaction"), "reaction")]}
            if "substance" in fields:
                reaction["substance"] = self.concept(fields.pop("substance"), "substance")
            if "severity" in fields:
                reaction["severity"] = str(fields.pop("severity"))
            resource["reaction"] = [reaction]

    def item_answers(self, value: Any, fields: Json) -> None:
        """``answers: <questionnaire id>`` with at, status and ``<question>: true|false|<concept>|[…]``."""
        resource = self.new("QuestionnaireResponse", status=fields.pop("status", "completed"))
        known = self.concepts.questions
        if known is not None and value not in known:
            raise self.mistake(f"answers: the guideline has no questionnaire {value!r}", "answers", alike(str(value), known))
        resource["questionnaire"] = f"{self.concepts.base}/Questionnaire/{value}"
        resource["authored"] = self.date("at", fields, self.as_of[:10])
        resource["item"] = []
        for question in list(fields):
            if known is not None and str(question) not in known[value]:
                message = f"answers: {value} has no question {question!r}"
                raise self.mistake(message, str(question), alike(str(question), known[value]))
            self.field = str(question)
            given = fields.pop(question)
            answers = [self.answer(one) for one in (given if isinstance(given, list) else [given])]
            resource["item"].append({"linkId": str(question), "answer": answers})

    def item_procedure(self, value: Any, fields: Json) -> None:
        """``procedure: <concept>`` with status, at."""
        resource = self.new("Procedure", status=fields.pop("status", "completed"), code=self.concept(value))
        self.take(fields, resource, at="performedDateTime")

    def item_request(self, value: Any, fields: Json) -> None:
        """``request: <concept>`` (a ServiceRequest) with status, intent, at (when it is to happen), category, written."""
        self._service(value, fields)

    def _service(self, value: Any, fields: Json) -> Json:
        resource = self.new("ServiceRequest", status=fields.pop("status", "active"), intent=fields.pop("intent", "order"))
        resource["code"] = self.concept(value)
        if "category" in fields:
            resource["category"] = [self.concept(fields.pop("category"), "category")]
        self.take(fields, resource, at="occurrenceDateTime", written="authoredOn")
        return resource

    def item_appointment(self, value: Any, fields: Json) -> None:
        """``appointment: <concept>`` with at, status."""
        resource = self.new("Appointment", status=fields.pop("status", "booked"))
        resource.pop("subject")
        resource["serviceType"] = [self.concept(value)]
        resource["participant"] = [{"actor": {"reference": self.subject}, "status": "accepted"}]
        if "at" in fields:
            start = self.date("at", fields)
            resource["start"] = start if "T" in start else f"{start}T09:00:00Z"

    def item_encounter(self, value: Any, fields: Json) -> None:
        """``encounter: <class code>`` (AMB, EMER, IMP …) with id, status, start, end, type, reason."""
        resource = self.new("Encounter", status=fields.pop("status", "finished"))
        resource["class"] = {"system": ACT_CODES, "code": str(value or "AMB")}
        if "id" in fields:
            resource["id"] = str(fields.pop("id"))
        period = {"start": self.date("start", fields, self.as_of[:10])}
        if "end" in fields:
            period["end"] = self.date("end", fields)
        resource["period"] = period
        if "type" in fields:
            resource["type"] = [self.concept(fields.pop("type"), "type")]
        if "reason" in fields:
            resource["reasonCode"] = [self.concept(fields.pop("reason"), "reason")]

    def item_reviewed(self, value: Any, fields: Json) -> None:
        """``reviewed: medications`` (or ``allergies``) with at: a current list that somebody went through."""
        resource = self.new("List", status="current", mode="snapshot")
        resource["code"] = coded(CLINICAL + "list-example-use-codes", str(value))
        resource["date"] = self.date("at", fields, self.as_of[:10])

    def item_care_team(self, value: Any, fields: Json) -> None:
        """``care-team: <concept>`` with status."""
        resource = self.new("CareTeam", status=fields.pop("status", "active"))
        resource["category"] = [self.concept(value)]

    def item_report(self, value: Any, fields: Json) -> None:
        """``report: <concept>`` (a DiagnosticReport) with at, status."""
        resource = self.new("DiagnosticReport", status=fields.pop("status", "final"), code=self.concept(value))
        resource["effectiveDateTime"] = self.date("at", fields, self.as_of[:10])

    def item_order(self, value: Any, fields: Json) -> None:
        """``order: <concept>``: the order being selected or signed, with dose, for; ``as: service`` for a ServiceRequest."""
        form = fields.pop("as", "medication")
        fields.setdefault("status", "draft")
        resource = self._service(value, fields) if form == "service" else self._request(value, fields)
        self.resources.remove(resource)
        resource["id"] = f"draft-{len(self.drafts) + 1}"
        self.drafts.append(resource)

    def item_resource(self, value: Any, fields: Json) -> None:
        """``resource: {…}``: a FHIR resource as it is."""
        if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
            raise self.mistake("resource: write a FHIR resource, with its resourceType", "resource")
        self.resources.append(deepcopy(value))

    def item_bundle(self, value: Any, fields: Json) -> None:
        """``bundle: file.json``: the entries of a real bundle, instead of a patient made here."""
        if self.bundle_reader is None:
            raise self.mistake("bundle: this reader opens no files", "bundle")
        try:
            found = self.bundle_reader(str(value))
        except OSError as error:
            raise self.mistake(f"bundle: {value} {(error.strerror or 'cannot be read').lower()}", "bundle") from None
        except ValueError as error:
            raise self.mistake(f"bundle: {value} is not JSON: {error}", "bundle") from None
        if not isinstance(found, dict) or found.get("resourceType") != "Bundle":
            raise self.mistake(f"bundle: {value} is not a FHIR Bundle", "bundle")
        self.whole.append(found)

    # ---- pieces ------------------------------------------------------------------------------------------------------

    def new(self, resource_type: str, **elements: Any) -> Json:
        """A resource of the case's patient, with an id from its type and place."""
        count = sum(r["resourceType"] == resource_type for r in self.resources) + 1
        who = {"AllergyIntolerance": "patient"}.get(resource_type, "subject")
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", resource_type).lower()
        resource: Json = {"resourceType": resource_type, "id": f"{name}-{count}", **elements, who: {"reference": self.subject}}
        self.resources.append(resource)
        return resource

    def take(self, fields: Json, resource: Json, **names: str) -> None:
        """Dates that go over as they are."""
        for field, element in names.items():
            if field in fields:
                resource[element] = self.date(field, fields)

    def date(self, field: str, fields: Json, default: Any = None) -> str:
        """The date in a field, taken out of it."""
        given = moment(fields.pop(field, default))
        if not _DATE.match(given):
            hint = "write 2026-06-01, 2026-06 or 2026-06-01T08:30:00Z; what is wrong on purpose is a resource: {…}"
            raise self.mistake(f"{field}: {given!r} is no date", field, hint)
        return given

    def encounter(self, fields: Json, resource: Json) -> None:
        """``encounter: <id>`` of any item."""
        if "encounter" in fields:
            resource["encounter"] = {"reference": f"Encounter/{fields.pop('encounter')}"}

    def concept(self, value: Any, field: str | None = None) -> Json:
        """A CodeableConcept from a name, ``system|code``, ``text: words`` or a list of these."""
        path = ("data", self.number, field or self.field)
        if isinstance(value, dict) and set(value) == {"text"}:
            return {"text": str(value["text"])}
        names = value if isinstance(value, list) else [value]
        if not names or not all(isinstance(name, (str, int)) for name in names):
            raise Mistake("concept", f"{value!r} is no concept", path, "write a value set's title, system|code, or text: words")
        if len(names) == 1 and str(names[0]).startswith("text:"):
            return {"text": str(names[0])[5:].strip()}
        return {"coding": [coding(self.concepts, str(name), path) for name in names]}

    def value(self, given: Any, unit: Any = None) -> Json:
        """``value[x]`` of an observation. ``unit`` gives a printed unit without a UCUM code."""
        if isinstance(given, bool):
            return {"valueBoolean": given}
        if isinstance(given, str) and given.startswith("text:"):
            return {"valueString": given[5:].strip()}
        found = quantity(given, unit)
        return {"valueQuantity": found} if found is not None else {"valueCodeableConcept": self.concept(given)}

    def answer(self, given: Any) -> Json:
        """``value[x]`` of an answer: true, a number, a date, ``text: words`` or a concept."""
        if isinstance(given, bool):
            return {"valueBoolean": given}
        if isinstance(given, int):
            return {"valueInteger": given}
        if isinstance(given, Decimal):
            return {"valueDecimal": given}
        if isinstance(given, date):
            return {"valueDateTime" if isinstance(given, datetime) else "valueDate": moment(given)}
        concept = self.concept(given)
        return {"valueCoding": concept["coding"][0]} if "coding" in concept else {"valueString": concept["text"]}

    def dosage(self, fields: Json, resource: Json, element: str) -> None:
        """``dose: 100 mg 2/d`` of a drug."""
        if "dose" in fields:
            resource[element] = [dosage(str(fields.pop("dose")))]

    # ---- results -----------------------------------------------------------------------------------------------------

    def bundle(self) -> Json:
        """All resources as a collection; real bundles with what the case adds to them."""
        if self.whole:
            first = deepcopy(self.whole[0])
            first["entry"] = [entry for whole in self.whole for entry in whole.get("entry", [])]
            first["entry"] += [{"resource": resource} for resource in self.resources]
            return first
        resources = [self.patient, *self.resources]
        server = "https://example.org/fhir" if self.patient["id"] == PATIENT else f"https://example.org/{self.patient['id']}/fhir"
        return {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"fullUrl": f"{server}/{r['resourceType']}/{r['id']}", "resource": r} for r in resources],
        }

    def context(self, hook: str) -> Json | None:
        """What the hook brings along; None for a hook without orders."""
        if not self.drafts:
            return None
        entries = [{"resource": draft} for draft in self.drafts]
        context: Json = {
            "patientId": self.patient["id"],
            "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": entries},
        }
        if hook == "order-select":
            context["selections"] = [f"{d['resourceType']}/{d['id']}" for d in self.drafts]
        return context

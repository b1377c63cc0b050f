"""Clinical cases: one small YAML file names the data by concept and says what must come out; this reads it.

``read_case(text, concepts)`` gives a ``Case``: a FHIR R4 Bundle, the hook and its context, and the expectations. It is a pure
function: the same text gives the same bundle, resource ids follow from the order of the items. ``check(case, outcome)``
compares an outcome (the documented JSON of ``guideway apply``) with the expectations and lists what is different. The format
is described in docs/cases.md.

A concept is a value set of the guideline by title or id (its first member; ``Title#code`` picks one), or ``system|code`` with
a full system URI or one of the short names in ``SYSTEMS``, or ``local:<code system id>|code``, or ``text: words`` for a
concept without a code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from guideway.diagnostics import GuidewayError

Json = dict[str, Any]

SYSTEMS = {
    "loinc": "http://loinc.org",
    "sct": "http://snomed.info/sct",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "icd10cm": "http://hl7.org/fhir/sid/icd-10-cm",
    "ucum": "http://unitsofmeasure.org",
}
CLINICAL = "http://terminology.hl7.org/CodeSystem/"
ACT_CODES = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
INTERPRETATIONS = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
STATUS_CHANGED = "http://hl7.org/fhir/5.0/StructureDefinition/extension-MedicationRequest.statusChanged"
PATIENT = "case"

_QUANTITY = re.compile(r"^(?P<comparator><=|>=|<|>)?\s*(?P<value>-?\d+(?:\.\d+)?)(?:\s+(?P<unit>\S.*))?$")
_DOSE = re.compile(
    r"^(?P<low>\d+(?:\.\d+)?)(?:-(?P<high>\d+(?:\.\d+)?))?\s+(?P<unit>\S+)(?:\s+(?P<times>\d+)/(?P<period>\d*)(?P<per>d|wk|mo|h))?$"
)


class Concepts(msgspec.Struct, frozen=True):
    """The names a case may use: value sets by title and id, and the guideline's base for its own code systems."""

    members: Mapping[str, list[Json]]
    """Value set title or id → codings, in the order of the set."""
    base: str


class Expect(msgspec.Struct, forbid_unknown_fields=True):
    """What must come out. Ids are statement ids, action ids or ``plan#action``."""

    fire: list[str] = []
    """Must apply."""
    not_fire: list[str] = []
    """Must not apply (any other status will do)."""
    status: dict[str, str] = {}
    """The exact status of each."""
    missing: list[str] = []
    """Data elements that must be named as missing; ``action: element`` asks for it on that recommendation."""
    not_missing: list[str] = []
    overlay: list[str] = []
    """Rules whose note, reason or own recommendation must be shown."""
    notes: list[str] = []
    """Names of notes that must be shown."""
    not_notes: list[str] = []
    excluded: list[str] = []
    """Resources or rules that must be listed as left out or doubtful."""
    only: bool = False
    """Nothing outside ``fire`` may apply."""


class Case(msgspec.Struct):
    """One clinical case, ready to apply."""

    id: str
    story: str
    as_of: str
    hook: str
    bundle: Json
    expect: Expect
    context: Json | None = None
    """The hook's context: patientId, and for orders ``draftOrders`` and ``selections``."""
    plans: list[str] = []
    parameters: Json = {}
    rows: list[str] = []
    """Statements that the case was written for."""
    note: str | None = None
    file: str | None = None


def concepts_of(resources: Iterable[Json], base: str) -> Concepts:
    """The names that the value sets among these artifacts give."""
    members: dict[str, list[Json]] = {}
    for resource in resources:
        if resource.get("resourceType") != "ValueSet":
            continue
        codings = [
            {"system": include.get("system"), **concept}
            for include in resource.get("compose", {}).get("include", [])
            for concept in include.get("concept", [])
        ]
        for name in (resource.get("title"), resource.get("id")):
            if isinstance(name, str):
                members.setdefault(name, codings)
    return Concepts(members, base.rstrip("/"))


def read_case(
    text: str, concepts: Concepts, file: str | None = None, *, bundle_reader: Callable[[str], Json] | None = None
) -> Case:
    """The case in a YAML text. ``bundle_reader`` opens the real bundles that a ``bundle:`` item names."""
    import yaml

    try:
        content = yaml.load(text, Loader=_loader())
    except yaml.YAMLError as problem:
        raise GuidewayError(f"{file or 'case'} is not YAML: {problem}") from None
    if not isinstance(content, dict):
        raise GuidewayError(f"{file or 'case'}: a case is a mapping with id, story, as_of, data and expect")
    return case_of(content, concepts, file, bundle_reader=bundle_reader)


def case_of(
    content: Mapping[str, Any], concepts: Concepts, file: str | None = None, *, bundle_reader: Callable[[str], Json] | None = None
) -> Case:
    """The case in a mapping that was read from YAML or made by a test."""
    where = file or str(content.get("id", "case"))
    known = {"id", "story", "as_of", "hook", "data", "expect", "plans", "parameters", "rows", "note"}
    unknown = set(content) - known
    if unknown:
        raise GuidewayError(f"{where}: unknown field {', '.join(sorted(unknown))}; a case has {', '.join(sorted(known))}")
    for needed in ("id", "as_of", "data"):
        if needed not in content:
            raise GuidewayError(f"{where}: a case needs {needed}")
    builder = _Builder(concepts, _moment(content["as_of"]), where, bundle_reader)
    for number, item in enumerate(content["data"] or [], 1):
        builder.add(item, number)
    hook = str(content.get("hook", "patient-view"))
    try:
        expect = msgspec.convert(content.get("expect") or {}, Expect)
    except msgspec.ValidationError as problem:
        raise GuidewayError(f"{where}: expect: {problem}") from None
    return Case(
        id=str(content["id"]),
        story=str(content.get("story", "")),
        as_of=_moment(content["as_of"]),
        hook=hook,
        bundle=builder.bundle(),
        context=builder.context(hook),
        expect=expect,
        plans=[str(p) for p in content.get("plans", [])],
        parameters=dict(content.get("parameters", {})),
        rows=[str(r) for r in content.get("rows", [])],
        note=content.get("note"),
        file=file,
    )


def _loader() -> Any:
    """YAML's safe loader with decimals as text-exact Decimals."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    def exact(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Decimal:
        return Decimal(loader.construct_scalar(node))

    Loader.add_constructor("tag:yaml.org,2002:float", exact)
    return Loader


class _Builder:
    """Turns the items of a case into resources, in order."""

    def __init__(self, concepts: Concepts, as_of: str, where: str, bundle_reader: Callable[[str], Json] | None) -> None:
        self.concepts = concepts
        self.as_of = as_of
        self.where = where
        self.bundle_reader = bundle_reader
        self.patient: Json = {"resourceType": "Patient", "id": PATIENT}
        self.resources: list[Json] = []
        self.drafts: list[Json] = []
        self.whole: list[Json] = []
        self.number = 0

    @property
    def subject(self) -> str:
        """The reference of the case's patient."""
        return f"Patient/{self.patient['id']}"

    # ---- items -------------------------------------------------------------------------------------------------------

    def add(self, item: Any, number: int) -> None:
        """One entry of ``data``."""
        if not isinstance(item, dict) or not item:
            raise self.error(number, "an item is a mapping that begins with its kind, such as 'condition: …'")
        self.number = number
        kind = next(iter(item))
        method = getattr(self, f"item_{str(kind).replace('-', '_')}", None)
        if method is None:
            kinds = sorted(name[5:].replace("_", "-") for name in dir(self) if name.startswith("item_"))
            raise self.error(number, f"unknown kind {kind!r}; the kinds are {', '.join(kinds)}")
        fields = dict(item)
        method(fields.pop(kind), fields)
        if fields:
            raise self.error(number, f"{kind}: unknown field {', '.join(map(str, fields))}")

    def item_patient(self, value: Any, fields: Json) -> None:
        """``patient: {born: 1975-03-01, sex: female}``; also deceased, active, id (the first item then)."""
        facts = dict(value or {}) | fields
        fields.clear()
        if "id" in facts:
            if self.resources or self.drafts:
                raise self.error(self.number, "patient: an id is given in the first item, because the others refer to it")
            self.patient["id"] = str(facts.pop("id"))
        for name, element in (("born", "birthDate"), ("sex", "gender"), ("active", "active")):
            if name in facts:
                given = facts.pop(name)
                self.patient[element] = given if isinstance(given, bool) else _moment(given)
        if "deceased" in facts:
            given = facts.pop("deceased")
            self.patient["deceasedBoolean" if isinstance(given, bool) else "deceasedDateTime"] = (
                given if isinstance(given, bool) else _moment(given)
            )
        if facts:
            raise self.error(self.number, f"patient: unknown field {', '.join(facts)}")

    def item_condition(self, value: Any, fields: Json) -> None:
        """``condition: <concept>`` with status, verification (``none``: without one), onset, ended, recorded, site, encounter."""
        resource = self.new("Condition", code=self.concept(value))
        clinical, verification = fields.pop("status", "active"), fields.pop("verification", "confirmed")
        if clinical != "none":
            resource["clinicalStatus"] = _coded(CLINICAL + "condition-clinical", str(clinical))
        if verification != "none":
            resource["verificationStatus"] = _coded(CLINICAL + "condition-ver-status", str(verification))
        self.take(fields, resource, onset="onsetDateTime", ended="abatementDateTime", recorded="recordedDate")
        if "site" in fields:
            resource["bodySite"] = [self.concept(fields.pop("site"))]
        self.encounter(fields, resource)

    def item_observation(self, value: Any, fields: Json) -> None:
        """``observation: <concept>`` with value, at, status, interpretation, range, components, issued, encounter, absent.

        A value is ``0.8 10*9/L``, ``<0.5 10*9/L``, ``0.8`` (no unit), true, a concept (``is: <concept>``) or ``text: words``."""
        resource = self.new("Observation", status=fields.pop("status", "final"), code=self.concept(value))
        resource["effectiveDateTime"] = _moment(fields.pop("at", self.as_of[:10]))
        if resource["effectiveDateTime"] == "none":
            del resource["effectiveDateTime"]
        self.take(fields, resource, issued="issued")
        if "value" in fields:
            resource |= self.value(fields.pop("value"), fields.pop("unit", None))
        if "is" in fields:
            resource["valueCodeableConcept"] = self.concept(fields.pop("is"))
        if "absent" in fields:
            resource["dataAbsentReason"] = _coded(CLINICAL + "data-absent-reason", str(fields.pop("absent")))
        if "interpretation" in fields:
            resource["interpretation"] = [_coded(INTERPRETATIONS, str(fields.pop("interpretation")))]
        if "range" in fields:
            resource["referenceRange"] = [self.range(str(fields.pop("range")), resource.get("valueQuantity", {}))]
        if "components" in fields:
            resource["component"] = [
                {"code": self.concept(code)}
                | ({"valueCodeableConcept": self.concept(given)} if not _is_value(given) else self.value(given))
                for code, given in dict(fields.pop("components")).items()
            ]
        self.encounter(fields, resource)

    def item_medication(self, value: Any, fields: Json) -> None:
        """``medication: <concept>`` with as (request, statement, administration), status, start, end, dose (``100 mg 2/d``),
        reason (why it stopped), for (why it was ordered), changed (when the status changed), intent, quantity."""
        form = str(fields.pop("as", "request"))
        if form not in ("request", "statement", "administration"):
            raise self.error(self.number, f"medication: as is request, statement or administration, not {form!r}")
        {"request": self._request, "statement": self._statement, "administration": self._administration}[form](value, fields)

    def _request(self, value: Any, fields: Json) -> Json:
        resource = self.new("MedicationRequest", status=fields.pop("status", "active"), intent=fields.pop("intent", "order"))
        resource["medicationCodeableConcept"] = self.concept(value)
        self.take(fields, resource, start="authoredOn")
        self.dosage(fields, resource, "dosageInstruction")
        if "reason" in fields:
            resource["statusReason"] = self.concept(fields.pop("reason"))
        if "for" in fields:
            resource["reasonCode"] = [self.concept(fields.pop("for"))]
        if "quantity" in fields:
            resource["dispenseRequest"] = {"quantity": _number(fields.pop("quantity"))}
        if "changed" in fields:
            resource["extension"] = [{"url": STATUS_CHANGED, "valueDateTime": _moment(fields.pop("changed"))}]
        if "end" in fields:
            for dosage in resource.setdefault("dosageInstruction", [{}]):
                dosage.setdefault("timing", {}).setdefault("repeat", {})["boundsPeriod"] = {"end": _moment(fields["end"])}
            fields.pop("end")
        if fields.pop("do_not_perform", False):
            resource["doNotPerform"] = True
        return resource

    def _statement(self, value: Any, fields: Json) -> Json:
        resource = self.new("MedicationStatement", status=fields.pop("status", "active"))
        resource["medicationCodeableConcept"] = self.concept(value)
        period = {name: _moment(fields.pop(field)) for field, name in (("start", "start"), ("end", "end")) if field in fields}
        if period:
            resource["effectivePeriod"] = period
        self.dosage(fields, resource, "dosage")
        if "reason" in fields:
            resource["statusReason"] = [self.concept(fields.pop("reason"))]
        self.take(fields, resource, changed="dateAsserted")
        return resource

    def _administration(self, value: Any, fields: Json) -> Json:
        resource = self.new("MedicationAdministration", status=fields.pop("status", "completed"))
        resource["medicationCodeableConcept"] = self.concept(value)
        resource["effectiveDateTime"] = _moment(fields.pop("start", self.as_of[:10]))
        return resource

    def item_dispense(self, value: Any, fields: Json) -> None:
        """``dispense: <concept>`` with quantity, at, status."""
        resource = self.new("MedicationDispense", status=fields.pop("status", "completed"))
        resource["medicationCodeableConcept"] = self.concept(value)
        resource["whenHandedOver"] = _moment(fields.pop("at", self.as_of[:10]))
        if "quantity" in fields:
            resource["quantity"] = _number(fields.pop("quantity"))

    def item_allergy(self, value: Any, fields: Json) -> None:
        """``allergy: <concept>`` with status, verification, criticality, severity, reaction, substance."""
        resource = self.new("AllergyIntolerance", code=self.concept(value))
        status, verification = fields.pop("status", "active"), fields.pop("verification", "confirmed")
        if status != "none":
            resource["clinicalStatus"] = _coded(CLINICAL + "allergyintolerance-clinical", str(status))
        if verification != "none":
            resource["verificationStatus"] = _coded(CLINICAL + "allergyintolerance-verification", str(verification))
        self.take(fields, resource, criticality="criticality", type="type", recorded="recordedDate")
        if {"severity", "reaction", "substance"} & fields.keys():
            reaction: Json = {"manifestation": [self.concept(fields.pop("reaction", "text: reaction"))]}
            if "substance" in fields:
                reaction["substance"] = self.concept(fields.pop("substance"))
            if "severity" in fields:
                reaction["severity"] = str(fields.pop("severity"))
            resource["reaction"] = [reaction]

    def item_answers(self, value: Any, fields: Json) -> None:
        """``answers: <questionnaire id>`` with at, status and ``<question>: true|false|<concept>|[…]``."""
        resource = self.new("QuestionnaireResponse", status=fields.pop("status", "completed"))
        resource["questionnaire"] = f"{self.concepts.base}/Questionnaire/{value}"
        resource["authored"] = _moment(fields.pop("at", self.as_of[:10]))
        resource["item"] = []
        for question in list(fields):
            given = fields.pop(question)
            answers = [
                {"valueBoolean": one} if isinstance(one, bool) else {"valueCoding": self.concept(one)["coding"][0]}
                for one in (given if isinstance(given, list) else [given])
            ]
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
            resource["category"] = [self.concept(fields.pop("category"))]
        self.take(fields, resource, at="occurrenceDateTime", written="authoredOn")
        return resource

    def item_appointment(self, value: Any, fields: Json) -> None:
        """``appointment: <concept>`` with at, status."""
        resource = self.new("Appointment", status=fields.pop("status", "booked"))
        resource.pop("subject")
        resource["serviceType"] = [self.concept(value)]
        resource["participant"] = [{"actor": {"reference": self.subject}, "status": "accepted"}]
        if "at" in fields:
            moment = _moment(fields.pop("at"))
            resource["start"] = moment if "T" in moment else f"{moment}T09:00:00Z"

    def item_encounter(self, value: Any, fields: Json) -> None:
        """``encounter: <class code>`` (AMB, EMER, IMP …) with id, status, start, end, type, reason."""
        resource = self.new("Encounter", status=fields.pop("status", "finished"))
        resource["class"] = {"system": ACT_CODES, "code": str(value or "AMB")}
        if "id" in fields:
            resource["id"] = str(fields.pop("id"))
        period = {"start": _moment(fields.pop("start", self.as_of[:10]))}
        if "end" in fields:
            period["end"] = _moment(fields.pop("end"))
        resource["period"] = period
        if "type" in fields:
            resource["type"] = [self.concept(fields.pop("type"))]
        if "reason" in fields:
            resource["reasonCode"] = [self.concept(fields.pop("reason"))]

    def item_reviewed(self, value: Any, fields: Json) -> None:
        """``reviewed: medications`` (or ``allergies``) with at: a current list that somebody went through."""
        resource = self.new("List", status="current", mode="snapshot")
        resource["code"] = _coded(CLINICAL + "list-example-use-codes", str(value))
        resource["date"] = _moment(fields.pop("at", self.as_of[:10]))

    def item_care_team(self, value: Any, fields: Json) -> None:
        """``care-team: <concept>`` with status."""
        resource = self.new("CareTeam", status=fields.pop("status", "active"))
        resource["category"] = [self.concept(value)]

    def item_report(self, value: Any, fields: Json) -> None:
        """``report: <concept>`` (a DiagnosticReport) with at, status."""
        resource = self.new("DiagnosticReport", status=fields.pop("status", "final"), code=self.concept(value))
        resource["effectiveDateTime"] = _moment(fields.pop("at", self.as_of[:10]))

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
        self.resources.append(deepcopy(dict(value)))

    def item_bundle(self, value: Any, fields: Json) -> None:
        """``bundle: file.json``: the entries of a real bundle, instead of a patient made here."""
        if self.bundle_reader is None:
            raise self.error(self.number, "bundle: this reader opens no files")
        self.whole.append(self.bundle_reader(str(value)))

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
        """Dates and codes that go over as they are."""
        for field, element in names.items():
            if field in fields:
                resource[element] = _moment(fields.pop(field))

    def encounter(self, fields: Json, resource: Json) -> None:
        if "encounter" in fields:
            resource["encounter"] = {"reference": f"Encounter/{fields.pop('encounter')}"}

    def concept(self, value: Any) -> Json:
        """A CodeableConcept from a name, ``system|code``, ``text: words`` or a list of these."""
        if isinstance(value, dict) and set(value) == {"text"}:
            return {"text": str(value["text"])}
        names = value if isinstance(value, list) else [value]
        if len(names) == 1 and str(names[0]).startswith("text:"):
            return {"text": str(names[0])[5:].strip()}
        return {"coding": [self.coding(str(name)) for name in names]}

    def coding(self, name: str) -> Json:
        system, bar, code = name.partition("|")
        if bar:
            if system.startswith("local:"):
                return {"system": f"{self.concepts.base}/CodeSystem/{system[6:]}", "code": code}
            return {"system": SYSTEMS.get(system, system), "code": code}
        title, _, wanted = name.partition("#")
        codings = self.concepts.members.get(title)
        if not codings:
            raise self.error(self.number, f"no value set has the title or id {title!r}; write system|code or text: words")
        found = [c for c in codings if not wanted or c.get("code") == wanted]
        if not found:
            raise self.error(self.number, f"the value set {title!r} has no code {wanted!r}")
        return {key: found[0][key] for key in ("system", "code", "display") if key in found[0]}

    def value(self, given: Any, unit: Any = None) -> Json:
        """``value[x]`` of an observation. ``unit`` gives a printed unit without a UCUM code."""
        if isinstance(given, bool):
            return {"valueBoolean": given}
        text = str(given)
        if text.startswith("text:"):
            return {"valueString": text[5:].strip()}
        match = _QUANTITY.match(text)
        if match is None:
            return {"valueCodeableConcept": self.concept(given)}
        quantity: Json = {"value": Decimal(match["value"])}
        if match["comparator"]:
            quantity["comparator"] = match["comparator"]
        if match["unit"]:
            quantity |= {"unit": match["unit"], "system": SYSTEMS["ucum"], "code": match["unit"]}
        if unit is not None:
            quantity["unit"] = str(unit)
        return {"valueQuantity": quantity}

    def range(self, text: str, quantity: Json) -> Json:
        """``4.0-10.5``, ``-104`` (only high) or ``4.0-`` (only low), in the unit of the value."""
        low, _, high = text.partition("-")
        unit = {key: quantity[key] for key in ("unit", "system", "code") if key in quantity}
        bounds = (("low", low.strip()), ("high", high.strip()))
        return {name: {"value": Decimal(bound), **unit} for name, bound in bounds if bound}

    def dosage(self, fields: Json, resource: Json, element: str) -> None:
        """``100 mg 2/d``, ``0.5-1.5 mg 1/d``, ``100 mg``; anything else is text."""
        if "dose" not in fields:
            return
        text = str(fields.pop("dose"))
        match = _DOSE.match(text)
        dosage: Json = {"text": text}
        if match is not None:
            low = {"value": Decimal(match["low"]), "unit": match["unit"], "system": SYSTEMS["ucum"], "code": match["unit"]}
            rate: Json = {"doseQuantity": low}
            if match["high"]:
                rate = {"doseRange": {"low": low, "high": low | {"value": Decimal(match["high"])}}}
            dosage["doseAndRate"] = [rate]
            if match["times"]:
                period = int(match["period"] or 1)
                dosage["timing"] = {"repeat": {"frequency": int(match["times"]), "period": period, "periodUnit": match["per"]}}
        resource[element] = [dosage]

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

    def error(self, number: int, message: str) -> GuidewayError:
        return GuidewayError(f"{self.where}: data, item {number}: {message}")


def _is_value(given: Any) -> bool:
    return isinstance(given, bool) or _QUANTITY.match(str(given)) is not None


def _coded(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def _number(given: Any) -> Json:
    """``2`` or ``0.3 mL`` as a Quantity."""
    match = _QUANTITY.match(str(given))
    if match is None:
        return {"unit": str(given)}
    quantity: Json = {"value": Decimal(match["value"])}
    if match["unit"]:
        quantity |= {"unit": match["unit"], "system": SYSTEMS["ucum"], "code": match["unit"]}
    return quantity


def _moment(given: Any) -> str:
    """A YAML date or time as FHIR writes it."""
    if isinstance(given, datetime):
        text = given.isoformat()
        return text if given.tzinfo is not None else f"{text}Z"
    if isinstance(given, date):
        return given.isoformat()
    return str(given)


# ---- judging ---------------------------------------------------------------------------------------------------------


def check(case: Case, outcome: Json) -> list[str]:
    """What is different from the expectations, one sentence each; empty if the case holds."""
    expect = case.expect
    found = outcome.get("recommendations", [])
    problems: list[str] = []
    for wanted in expect.fire:
        statuses = _statuses(found, wanted)
        if "applies" not in statuses:
            problems.append(f"{wanted} must apply, but {_said(statuses)}")
    for unwanted in expect.not_fire:
        if "applies" in _statuses(found, unwanted):
            problems.append(f"{unwanted} must not apply, but it does")
    for name, status in expect.status.items():
        statuses = _statuses(found, name)
        if status not in statuses:
            problems.append(f"{name} must be {status}, but {_said(statuses)}")
    problems += _check_missing(expect, found)
    shown = _rules_shown(found)
    problems += [f"{rule} must be shown" for rule in (*expect.overlay, *expect.notes) if rule not in shown]
    problems += [f"{rule} must not be shown" for rule in expect.not_notes if rule in shown]
    left_out = [*outcome.get("excluded", []), *(e for r in found for e in r.get("excluded", []))]
    named = {e.get("resource") for e in left_out} | {e.get("rule") for e in left_out}
    named |= {f.get("rule") for r in (outcome, *found) for f in r.get("findings", [])}
    named |= {line.partition(":")[0] for r in found for m in r.get("missing", []) for line in m.get("because", [])}
    problems += [f"{name} must be listed as left out or doubtful" for name in expect.excluded if name not in named]
    if expect.only:
        for recommendation in found:
            names = _names(recommendation)
            if recommendation.get("status") == "applies" and not names & set(expect.fire):
                problems.append(f"{recommendation.get('id')} applies, but nothing beyond the listed may")
    return problems


def _check_missing(expect: Expect, found: list[Json]) -> list[str]:
    problems: list[str] = []
    everywhere = {m.get("element") for r in found for m in r.get("missing", [])}
    for wanted in expect.missing:
        of, colon, element = wanted.rpartition(": ")
        named = {m.get("element") for r in found if of in _names(r) for m in r.get("missing", [])} if colon else everywhere
        if element not in named:
            problems.append(f"{element} must be named as missing{f' for {of}' if colon else ''}")
    problems += [f"{element} must not be named as missing" for element in expect.not_missing if element in everywhere]
    return problems


def _names(recommendation: Json) -> set[str]:
    return {str(recommendation.get("id")), str(recommendation.get("action")), *recommendation.get("statements", [])}


def _statuses(found: list[Json], name: str) -> set[str]:
    return {str(r.get("status")) for r in found if name in _names(r)}


def _rules_shown(found: list[Json]) -> set[str]:
    """Rules behind notes, behind reasons for withholding, and rules with a recommendation of their own that applies."""
    shown: set[str] = set()
    for recommendation in found:
        shown.update(recommendation.get("noteRules", []))
        conditions = recommendation.get("conditions", [])
        shown.update(str(c["name"]) for c in conditions if c.get("kind") == "withheld-when" and c.get("value") and c.get("name"))
        if recommendation.get("status") == "applies":
            shown.update(recommendation.get("statements", []))
    return shown


def _said(statuses: set[str]) -> str:
    return f"it is {', '.join(sorted(statuses))}" if statuses else "nothing has that name"

"""Features of the published profile models (US Core, QI-Core), in two small models of our own.

Wrapped primitives without conversions, slices, extensions as elements, System types under another name, elements without a type,
bases by a specifier.
"""

# ruff: noqa: E501

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.engine.logic import evaluation, observation, patient

from guideway.cql.translator import BuiltinSource, translate
from guideway.engine.program import compile_program
from guideway.engine.values import Code, Concept
from guideway.fhir.element import FhirObject, FhirPrimitive
from guideway.fhir.modelinfo import ModelInfo
from guideway.fhir.modelinfo_xml import read_xml

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<modelInfo xmlns="urn:hl7-org:elm-modelinfo:r1" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xmlns:xsd="http://www.w3.org/2001/XMLSchema" version="1.0.0" targetUrl="http://hl7.org/fhir" """

# Primitives are classes with a value, as FHIR has them; nothing converts implicitly.
WRAPPED = (
    HEAD
    + """name="Wrapped" url="http://example.org/wrapped" targetQualifier="wrapped"
  patientClassName="PatientProfile" patientBirthDatePropertyName="birthDate">
 <requiredModelInfo name="System" version="1.0.0"/>
 <typeInfo baseType="System.Any" namespace="Wrapped" name="Element" retrievable="false" xsi:type="ClassInfo"/>
 <typeInfo baseType="Wrapped.Element" namespace="Wrapped" name="DomainResource" retrievable="false" xsi:type="ClassInfo">
  <element name="id" elementType="Wrapped.string"/>
  <element name="extension">
   <elementTypeSpecifier elementType="Wrapped.Extension" xsi:type="ListTypeSpecifier"/>
  </element>
 </typeInfo>
 <typeInfo baseType="Wrapped.Element" namespace="Wrapped" name="Extension" retrievable="false" xsi:type="ClassInfo">
  <element name="url" elementType="Wrapped.string"/>
  <element name="value"/>
 </typeInfo>
 <typeInfo baseType="Wrapped.Element" namespace="Wrapped" name="string" retrievable="false" xsi:type="ClassInfo">
  <element name="value" elementType="System.String"/>
 </typeInfo>
 <typeInfo baseType="Wrapped.Element" namespace="Wrapped" name="date" retrievable="false" xsi:type="ClassInfo">
  <element name="value" elementType="System.Date"/>
 </typeInfo>
 <typeInfo baseType="Wrapped.Element" namespace="Wrapped" name="dateTime" retrievable="false" xsi:type="ClassInfo">
  <element name="value" elementType="System.DateTime"/>
 </typeInfo>
 <typeInfo baseType="Wrapped.Element" namespace="Wrapped" name="decimal" retrievable="false" xsi:type="ClassInfo">
  <element name="value" elementType="System.Decimal"/>
 </typeInfo>
 <typeInfo baseType="Wrapped.Element" namespace="Wrapped" name="Status" retrievable="false" xsi:type="ClassInfo">
  <element name="value" elementType="System.String"/>
 </typeInfo>
 <typeInfo baseType="Wrapped.Element" namespace="Wrapped" name="Period" retrievable="false" xsi:type="ClassInfo">
  <element name="start" elementType="Wrapped.dateTime"/>
  <element name="end" elementType="Wrapped.dateTime"/>
 </typeInfo>
 <typeInfo baseType="Wrapped.Element" namespace="Wrapped" name="Quantity" retrievable="false" xsi:type="ClassInfo">
  <element name="value" elementType="Wrapped.decimal"/>
  <element name="unit" elementType="Wrapped.string"/>
 </typeInfo>
 <typeInfo baseType="Wrapped.Element" namespace="Wrapped" name="Coding" retrievable="false" xsi:type="ClassInfo">
  <element name="system" elementType="Wrapped.string"/>
  <element name="code" elementType="Wrapped.string"/>
 </typeInfo>
 <typeInfo baseType="Wrapped.Element" namespace="Wrapped" name="CodeableConcept" retrievable="false" xsi:type="ClassInfo">
  <element name="coding">
   <elementTypeSpecifier elementType="Wrapped.Coding" xsi:type="ListTypeSpecifier"/>
  </element>
 </typeInfo>
 <typeInfo baseType="Wrapped.CodeableConcept" namespace="Wrapped" name="Observation.Code" retrievable="false" xsi:type="ClassInfo"/>
 <typeInfo baseType="Wrapped.DomainResource" namespace="Wrapped" name="PatientProfile" label="Patient Profile" target="Patient"
   identifier="http://example.org/wrapped/patient" retrievable="true" xsi:type="ClassInfo">
  <element name="birthDate" elementType="Wrapped.date"/>
 </typeInfo>
 <typeInfo baseType="Wrapped.DomainResource" namespace="Wrapped" name="PulseProfile" label="Pulse Profile" target="Observation"
   identifier="http://example.org/wrapped/pulse" retrievable="true" primaryCodePath="code" xsi:type="ClassInfo">
  <element name="status" elementType="Wrapped.Status"><binding name="Status" strength="Required"/></element>
  <element name="category">
   <elementTypeSpecifier xsi:type="ListTypeSpecifier">
    <elementTypeSpecifier namespace="Wrapped" name="CodeableConcept" xsi:type="NamedTypeSpecifier"/>
   </elementTypeSpecifier>
   <constraint name="ele-1" severity="ERROR" message="m"><expression language="text/fhirpath" expression="a > b"/></constraint>
  </element>
  <element name="VSCat" elementType="Wrapped.CodeableConcept"
    target="%parent.category[coding.system='http://s',coding.code='vital-signs']"/>
  <element name="code" elementType="Wrapped.Observation.Code"/>
  <element name="effective">
   <elementTypeSpecifier xsi:type="ChoiceTypeSpecifier">
    <choice namespace="Wrapped" name="dateTime" xsi:type="NamedTypeSpecifier"/>
    <choice namespace="Wrapped" name="Period" xsi:type="NamedTypeSpecifier"/>
   </elementTypeSpecifier>
  </element>
  <element name="value" elementType="Wrapped.Quantity"/>
 </typeInfo>
 <contextInfo name="Patient" keyElement="id" birthDateElement="birthDate">
  <contextType namespace="Wrapped" name="PatientProfile"/>
 </contextInfo>
</modelInfo>"""
)

# Elements are System values, read by their mappings.
MAPPED = (
    HEAD
    + """name="Mapped" url="http://example.org/mapped" targetQualifier="mapped"
  patientClassName="Patient" patientBirthDatePropertyName="birthDate">
 <requiredModelInfo name="System" version="1.0.0"/>
 <typeInfo xsi:type="ClassInfo" baseType="System.Any" namespace="Mapped" name="Element" retrievable="false"/>
 <typeInfo xsi:type="ClassInfo" baseType="Mapped.Element" namespace="Mapped" name="BackboneElement" retrievable="false"/>
 <typeInfo xsi:type="ClassInfo" baseType="Mapped.Element" namespace="Mapped" name="Reference" retrievable="false">
  <element name="reference" elementType="System.String" target="%value.value"/>
 </typeInfo>
 <typeInfo xsi:type="ClassInfo" baseType="Mapped.Element" namespace="Mapped" name="DomainResource" retrievable="false">
  <element name="id" elementType="System.String" target="%value.value"/>
 </typeInfo>
 <typeInfo xsi:type="ClassInfo" baseType="System.Concept" namespace="Mapped" name="statusReason" label="Reason" retrievable="false"
   identifier="http://example.org/status-reason"/>
 <typeInfo xsi:type="ClassInfo" baseType="System.Boolean" namespace="Mapped" name="preferred" retrievable="false"/>
 <typeInfo xsi:type="ClassInfo" baseType="System.Integer" namespace="Mapped" name="sequenceNumber" retrievable="false"/>
 <typeInfo xsi:type="ClassInfo" namespace="Mapped" name="following" retrievable="false">
  <baseTypeSpecifier xsi:type="ChoiceTypeSpecifier">
   <choice namespace="System" name="Concept" xsi:type="NamedTypeSpecifier"/>
   <choice namespace="Mapped" name="Reference" xsi:type="NamedTypeSpecifier"/>
  </baseTypeSpecifier>
 </typeInfo>
 <typeInfo xsi:type="ClassInfo" baseType="System.String" namespace="Mapped" name="RequestStatus" retrievable="false"/>
 <typeInfo xsi:type="ClassInfo" baseType="Mapped.DomainResource" namespace="Mapped" name="Patient" label="Patient"
   identifier="http://example.org/mapped/patient" retrievable="true">
  <element name="birthDate" elementType="System.Date" target="%value.value"/>
 </typeInfo>
 <typeInfo xsi:type="ClassInfo" baseType="Mapped.BackboneElement" namespace="Mapped" name="AdverseEvent.SuspectEntity"
   retrievable="false">
  <element name="instance" elementType="Mapped.Reference"/>
  <element name="causality">
   <elementTypeSpecifier elementType="Mapped.AdverseEvent.SuspectEntity.Causality" xsi:type="ListTypeSpecifier"/>
  </element>
 </typeInfo>
 <typeInfo xsi:type="ClassInfo" baseType="Mapped.BackboneElement" namespace="Mapped"
   name="AdverseEvent.SuspectEntity.Causality" retrievable="false">
  <element name="assessment" elementType="System.Concept" target="FHIRHelpers.ToConcept(%value)"/>
 </typeInfo>
 <typeInfo xsi:type="ClassInfo" baseType="Mapped.DomainResource" namespace="Mapped" name="AdverseEvent" label="AdverseEvent"
   identifier="http://example.org/mapped/event" retrievable="true" primaryCodePath="event">
  <element name="event" elementType="System.Concept" target="FHIRHelpers.ToConcept(%value)"/>
  <element name="date" elementType="System.DateTime" target="%value.value"/>
  <element name="suspectEntity">
   <elementTypeSpecifier elementType="Mapped.AdverseEvent.SuspectEntity" xsi:type="ListTypeSpecifier"/>
  </element>
  <contextRelationship context="Patient" relatedKeyElement="subject"/>
 </typeInfo>
 <typeInfo xsi:type="ClassInfo" baseType="Mapped.DomainResource" namespace="Mapped" name="ServiceNotRequested"
   label="ServiceNotRequested" target="ServiceRequest" identifier="http://example.org/mapped/not-requested" retrievable="true"
   primaryCodePath="code">
  <element name="code" elementType="System.Concept" target="FHIRHelpers.ToConcept(%value)"/>
 </typeInfo>
 <typeInfo xsi:type="ClassInfo" baseType="Mapped.DomainResource" namespace="Mapped" name="ServiceRequest" label="ServiceRequest"
   identifier="http://example.org/mapped/request" retrievable="true" primaryCodePath="code">
  <element name="statusReason" elementType="Mapped.statusReason"
    target="FHIRHelpers.ToConcept(%parent.extension[url='http://example.org/status-reason'].value)"/>
  <element name="score" target="%parent.extension[url='http://example.org/score']"/>
  <element name="sequence" elementType="Mapped.sequenceNumber"
    target="%parent.extension[url='http://example.org/sequence'].value.value"/>
  <element name="preferred" elementType="Mapped.preferred"
    target="%parent.extension[url='http://example.org/preferred'].value.value"/>
  <element name="status" elementType="Mapped.RequestStatus" target="%value.value"/>
  <element name="doNotPerform" elementType="System.Boolean" target="%value.value"/>
  <element name="instantiatesUri" target="%value.value">
   <elementTypeSpecifier elementType="System.String" xsi:type="ListTypeSpecifier"/>
  </element>
  <element name="reasonCode" target="FHIRHelpers.ToConcept(%value)">
   <elementTypeSpecifier elementType="System.Concept" xsi:type="ListTypeSpecifier"/>
  </element>
  <element name="code" elementType="System.Concept" target="FHIRHelpers.ToConcept(%value)"/>
  <element name="authoredOn" elementType="System.DateTime" target="%value.value"/>
  <element name="reasonReference">
   <elementTypeSpecifier elementType="Mapped.Reference" xsi:type="ListTypeSpecifier"/>
  </element>
 </typeInfo>
 <contextInfo name="Practitioner" keyElement="id"><contextType namespace="Mapped" name="Practitioner"/></contextInfo>
 <contextInfo name="Patient" keyElement="id" birthDateElement="birthDate">
  <contextType namespace="Mapped" name="Patient"/>
 </contextInfo>
</modelInfo>"""
)


def coded(code: str, system: str = "http://s") -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def extension(name: str, **value: Any) -> dict[str, Any]:
    return {"url": f"http://example.org/{name}", **value}


DATA = [
    patient(),
    observation(
        "pulse", "8867-4", status="final", category=[coded("other"), coded("vital-signs")],
        effectiveDateTime="2025-05-01T10:00:00Z", valueQuantity={"value": 72, "unit": "/min", "code": "/min"},
    ),
    {
        "resourceType": "ServiceRequest", "id": "order", "status": "revoked", "intent": "order", "code": coded("scan"),
        "subject": {"reference": "Patient/p"}, "authoredOn": "2025-04-01", "instantiatesUri": ["http://a", "http://b"],
        "reasonCode": [coded("r1"), coded("r2")], "reasonReference": [{"reference": "Condition/c"}],
        "extension": [
            extension("status-reason", valueCodeableConcept=coded("gone")), extension("score", valueInteger=7),
            extension("sequence", valueInteger=3), extension("preferred", valueBoolean=True),
        ],
    },
    {
        "resourceType": "AdverseEvent", "id": "event", "actuality": "actual", "subject": {"reference": "Patient/p"},
        "event": coded("rash"), "date": "2025-03-01T08:00:00Z",
        "suspectEntity": [{"instance": {"reference": "Medication/m"}, "causality": [{"assessment": coded("certain")}]}],
    },
]  # fmt: skip

RUNS: dict[str, tuple[str, dict[str, tuple[str, Any]]]] = {
    "Wrapped": (
        WRAPPED,
        {
            "birth date": ("Patient.birthDate.value = @1970-05-01", True),
            "age": ("AgeInYears()", 55),
            "status": ("[PulseProfile] P return all P.status.value", ["final"]),
            "by label": ('[\"Pulse Profile\"] P return all P.id.value', ["pulse"]),
            "slice": ("[PulseProfile] P return all First(P.VSCat.coding).code.value", ["vital-signs"]),
            "value, by the base model's conversion": ("[PulseProfile] P where P.value > 70 '/min' return all P.id.value", ["pulse"]),
            "code": ("[PulseProfile] P return all First(P.code.coding).code.value", ["8867-4"]),
            "value": ("[PulseProfile] P return all P.value.value.value", [72]),
            "value, converted": ("[PulseProfile] P where P.value.value.value > 70 return all P.id.value", ["pulse"]),
            "effective": ("[PulseProfile] P return all (P.effective as Wrapped.dateTime).value = @2025-05-01T10:00:00Z", [True]),
            "effective, other": ("[PulseProfile] P return all (P.effective as Wrapped.Period).start.value is null", [True]),
            "effective is": ("[PulseProfile] P return all P.effective is Wrapped.dateTime", [True]),
            "filtered": ("exists [PulseProfile: code ~ Pulse]", True),
        },
    ),
    "Mapped": (
        MAPPED,
        {
            "birth date": ("Patient.birthDate = @1970-05-01", True),
            "age": ("AgeInYears()", 55),
            "extension": ("[ServiceRequest] S return all S.statusReason", [Concept([Code("gone", "http://s")])]),
            "extension as a concept": ("[ServiceRequest] S where S.statusReason ~ Gone return all S.id", ["order"]),
            "extension of a number": ("[ServiceRequest] S return all S.sequence + 1", [4]),
            "extension of a number, as a decimal": ("[ServiceRequest] S where S.sequence > 1.5 return all S.sequence / 2", [Decimal("1.5")]),
            "extension as text": ("[ServiceRequest] S return all ToString(S.sequence) + S.status", ["3revoked"]),
            "extension in a value set": ("[ServiceRequest] S return all S.statusReason.codes", [[Code("gone", "http://s")]]),
            "extension of a Boolean": ("[ServiceRequest] S where S.preferred return all S.id", ["order"]),
            "element without a type": ("[ServiceRequest] S where S.score is not null return all S.id", ["order"]),
            "name of a System type": ("[ServiceRequest] S where S.status = 'revoked' return all S.id", ["order"]),
            "names in a list": ("[ServiceRequest] S where S.status in { 'revoked', 'draft' } return all S.id", ["order"]),
            "list of strings": ("First([ServiceRequest] S return all S.instantiatesUri)", ["http://a", "http://b"]),
            "list of concepts": ("[ServiceRequest] S where exists (S.reasonCode R where R ~ Second) return all S.id", ["order"]),
            "absent": ("[ServiceRequest] S return all S.doNotPerform is null", [True]),
            "dates": ("[ServiceRequest] S return all S.authoredOn same day as @2025-04-01", [True]),
            "references": ("[ServiceRequest] S return all First(S.reasonReference).reference", ["Condition/c"]),
            "filtered": ("[ServiceRequest: Scan] S return all S.id", ["order"]),
            "nested": ("[AdverseEvent] A return all First(First(A.suspectEntity).causality).assessment",
                       [Concept([Code("certain", "http://s")])]),
            "nested reference": ("[AdverseEvent] A return all First(A.suspectEntity).instance.reference", ["Medication/m"]),
            "sorted": ("([AdverseEvent] A sort by date) A return all A.id", ["event"]),
            "union": ("Count([ServiceRequest] union [AdverseEvent])", 2),
            "fluent": ("[ServiceRequest] S return all S.isGone()", [True]),
        },
    ),
}  # fmt: skip
CODES = """codesystem S: 'http://s'
codesystem L: 'http://example.org/labs'
code Gone: 'gone' from S
code Scan: 'scan' from S
code Second: 'r2' from S
code Pulse: '8867-4' from L
"""
FLUENT = "define fluent function isGone(request ServiceRequest): request.statusReason ~ Gone\n"
CASES = [(model, name) for model, (_, cases) in RUNS.items() for name in cases]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelInfo]:
    folder: Path = tmp_path_factory.mktemp("models")
    made = {}
    for name, (text, _) in RUNS.items():
        (folder / f"{name}.xml").write_text(text)
        made[name] = read_xml(folder / f"{name}.xml")
    return made


def plain(value: Any) -> Any:
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.value if isinstance(value, FhirPrimitive) else value.id if isinstance(value, FhirObject) else value


@pytest.mark.parametrize(("model", "name"), CASES)
def test_values(models: dict[str, ModelInfo], model: str, name: str) -> None:
    expression, expected = RUNS[model][1][name]
    helpers = "include FHIRHelpers version '4.0.1'\n"
    text = f"library T\nusing {model} version '1.0.0'\n{helpers}{CODES}context Patient\n"
    text += (FLUENT if model == "Mapped" else "") + f"define X: {expression}"
    result = translate(text, models=list(models.values()), sources=BuiltinSource())
    assert [str(d) for d in result.errors] == []
    program = compile_program(result.libraries, models=list(models.values()))
    for trace in (False, True):
        assert plain(evaluation(program, DATA, trace=trace).define("T", "X")) == expected

"""A small made-up guideline for tests: no disease, plain logic, and helpers to apply it to a handful of resources."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from guideway.apply.outcome import PatientOutcome
from guideway.apply.run import apply_guideline
from guideway.engine.program import Program
from guideway.guideline.compiled import CompiledGuideline
from guideway.guideline.compiling import compile_guideline
from guideway.guideline.loading import from_files
from guideway.guideline.package import Guideline
from guideway.guideline.reading import SourceFile
from guideway.records.reading import read_bundle

Json = dict[str, Any]

BASE = "http://example.org/small"
AS_OF = "2026-06-01T12:00:00Z"

LOGIC = """
library Logic version '1.0.0'

using FHIR version '4.0.1'
include FHIRHelpers version '4.0.1'

codesystem "Local": 'http://example.org/small/CodeSystem/local'
valueset "Count Tests": 'http://example.org/small/ValueSet/count-tests'
valueset "Tablet A": 'http://example.org/small/ValueSet/tablet-a'
code "Level code": 'level' from "Local"

parameter "Limit" Decimal default 1.0

context Patient

// @dataElement: count
// @display: Blue cell count
// @unit: 10*9/L
// @valueset: Count Tests
define "Count":
  Last([Observation: "Count Tests"] O
    where O.status in {'final', 'amended', 'corrected'}
    sort by (effective as FHIR.dateTime).value).value as Quantity

// @dataElement: level
// @display: Level
define "Level":
  Last([Observation: "Level code"] O sort by (effective as FHIR.dateTime).value).value as Quantity

// @dataElement: onTabletA
// @display: Takes tablet A
// @valueset: Tablet A
define "On Tablet A":
  exists ([MedicationRequest: "Tablet A"] M where M.status = 'active')

// @dataElement: agrees
// @display: The patient agrees
// @question: http://example.org/small/Questionnaire/ask#agree
define "Agrees":
  First([QuestionnaireResponse] R
    return First(R.item I where I.linkId = 'agree' return (First(I.answer).value as FHIR.boolean).value))

define "True": true
define "False": false
define "Null": null as Boolean
define "Number": 3
define "Fails": 1 / 0 > 0 or Message(true, true, 'x', 'Error', 'this fails')
define "Count Is Low": "Count" < System.Quantity { value: "Limit", unit: '10*9/L' }
define "Count Is Low And Agrees": "Count Is Low" and "Agrees"
define "Count Is Low Or Agrees": "Count Is Low" or "Agrees"
define "Not On A": not "On Tablet A"
define "Low And Not On A": "Count Is Low" and "Not On A"
define "Level Over Count": "Level" > "Count"
define "Note": 'the count is ' + ToString("Count")
define "Notes": List<String>{ 'one', 'two' }
define "Title": 'A computed title'
define "Dose": 5 'mg'
define "Half Dose": 2.5 'mg'
define "When": @2026-07-01
define "Code A": System.Code { code: 'a', system: 'http://example.org/small/CodeSystem/local', display: 'Tablet A' }
define "Concept A": System.Concept { codes: { "Code A" }, display: 'Tablet A concept' }
define "Priority": 'urgent'
define "Empty": null as String
"""


def head(codes: dict[str, str], *value_sets: str) -> str:
    """How a library of its own begins: local codes by name (``"q1 code": 'Q1'``), and some of the guideline's value sets."""
    lines = ["library Logic version '1.0.0'", "using FHIR version '4.0.1'", "include FHIRHelpers version '4.0.1'"]
    lines.append(f"codesystem \"Local\": '{BASE}/CodeSystem/local'")
    lines += [f"valueset \"{name}\": '{BASE}/ValueSet/{name.lower().replace(' ', '-')}'" for name in value_sets]
    lines += [f'code "{name} code": \'{code}\' from "Local"' for name, code in codes.items()]
    return "\n".join(["", *lines, "context Patient", ""])


VALUE_SETS: list[Json] = [
    {
        "resourceType": "ValueSet",
        "id": name,
        "url": f"{BASE}/ValueSet/{name}",
        "version": "1.0.0",
        "title": title,
        "status": "draft",
        "compose": {
            "include": [{"system": f"{BASE}/CodeSystem/local", "concept": [{"code": c, "display": d} for c, d in codes]}]
        },
    }
    for name, title, codes in (
        ("count-tests", "Count tests", [("count", "Blue cells"), ("count2", "Blue cells, other method")]),
        ("tablet-a", "Tablet A", [("a", "Tablet A")]),
        ("tablets", "All tablets", [("a", "Tablet A"), ("b", "Tablet B")]),
    )
]

QUESTIONNAIRE: Json = {
    "resourceType": "Questionnaire",
    "id": "ask",
    "url": f"{BASE}/Questionnaire/ask",
    "version": "1.0.0",
    "title": "Some questions",
    "status": "draft",
    "item": [
        {
            "linkId": "group",
            "type": "group",
            "item": [
                {"linkId": "agree", "text": "Do you agree?", "type": "boolean"},
            ],
        }
    ],
}


def when(define: str, kind: str = "applicability", **more: Any) -> Json:
    """A condition on a define."""
    return {"kind": kind, "expression": {"language": "text/cql-identifier", "expression": define, **more}}


def expression(text: str, language: str = "text/cql-identifier", **more: Any) -> Json:
    return {"language": language, "expression": text, **more}


def plan(name: str = "main", *actions: Json, **more: Any) -> Json:
    """A PlanDefinition of these actions."""
    return {
        "resourceType": "PlanDefinition",
        "id": name,
        "url": f"{BASE}/PlanDefinition/{name}",
        "version": "1.0.0",
        "name": name.title(),
        "title": f"Plan {name}",
        "status": "draft",
        "library": [f"{BASE}/Library/Logic"],
        **({"action": list(actions)} if actions else {}),
        **more,
    }


def activity(name: str = "take-a", kind: str = "MedicationRequest", **more: Any) -> Json:
    """An ActivityDefinition."""
    return {
        "resourceType": "ActivityDefinition",
        "id": name,
        "url": f"{BASE}/ActivityDefinition/{name}",
        "version": "1.0.0",
        "name": "TakeA",
        "title": "Take A",
        "status": "draft",
        "kind": kind,
        "library": [f"{BASE}/Library/Logic"],
        **more,
    }


TABLET_A: Json = {"coding": [{"system": f"{BASE}/CodeSystem/local", "code": "a", "display": "Tablet A"}]}
TABLET_B: Json = {"coding": [{"system": f"{BASE}/CodeSystem/local", "code": "b", "display": "Tablet B"}]}


def package(*artifacts: Json, cql: str = LOGIC, hygiene: str = "clinical") -> Guideline:
    """The package that ``guideline`` compiles, whole."""
    return _package(json.dumps(artifacts), cql, hygiene)


@cache
def _compiled(text: str, cql: str, hygiene: str) -> CompiledGuideline:
    compiled = compile_guideline(_package(text, cql, hygiene))
    program = _program(cql)
    if list(compiled.program.libraries) == list(program.libraries):  # no logic of the artifacts' own
        compiled.program = program
    return compiled


@cache
def _program(cql: str) -> Program:
    """The program of the text alone: what it has made ready, tracing above all, serves every guideline with that text."""
    program: Program = compile_guideline(_package("[]", cql, "none")).program
    return program


def write(folder: Path, *artifacts: Json, cql: str = LOGIC, hygiene: str = "clinical") -> Path:
    """The package's files in a folder, as authors have them; the folder."""
    for file in _files(json.dumps(artifacts), cql, hygiene):
        (folder / file.name).write_bytes(file.data)
    return folder


def _package(text: str, cql: str, hygiene: str) -> Guideline:
    return from_files(_files(text, cql, hygiene), "small")


def _files(text: str, cql: str, hygiene: str) -> list[SourceFile]:
    artifacts = [*json.loads(text), *VALUE_SETS, QUESTIONNAIRE]
    manifest = {
        "name": "org.example.small",
        "version": "1.0.0",
        "canonical": BASE,
        "title": "Small",
        "guideway": {"hygiene": hygiene, "formWords": ["tablet", "tablets", "oral"]},
    }
    files = [SourceFile("package.json", json.dumps(manifest).encode()), SourceFile("Logic.cql", cql.encode())]
    files += [SourceFile(f"a{n:03}.json", json.dumps(a).encode()) for n, a in enumerate(artifacts)]
    return sorted(files)


def guideline(*artifacts: Json, cql: str = LOGIC, hygiene: str = "clinical") -> CompiledGuideline:
    """The small guideline with these artifacts."""
    return _compiled(json.dumps(artifacts), cql, hygiene)


def observation(value: float | str | None, code: str = "count", date: str = "2026-05-20", **more: Any) -> Json:
    """A final Observation."""
    name = more.pop("id", f"{code}-{date}")
    quantity = (
        None if value is None else {"value": value, "unit": "10*9/L", "system": "http://unitsofmeasure.org", "code": "10*9/L"}
    )
    result: Json = {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "subject": {"reference": "Patient/p"},
        "code": {"coding": [{"system": f"{BASE}/CodeSystem/local", "code": code}], "text": f"{code} result"},
        "effectiveDateTime": date,
        **({"valueQuantity": quantity} if quantity else {}),
        **more,
    }
    return result


def agreement(value: bool, date: str = "2026-05-20") -> Json:
    return {
        "resourceType": "QuestionnaireResponse",
        "id": "answers",
        "status": "completed",
        "subject": {"reference": "Patient/p"},
        "questionnaire": f"{BASE}/Questionnaire/ask",
        "authored": date,
        "item": [{"linkId": "agree", "answer": [{"valueBoolean": value}]}],
    }


def medication(concept: Json = TABLET_A, status: str = "active", **more: Any) -> Json:
    return {
        "resourceType": "MedicationRequest",
        "id": more.pop("id", "rx"),
        "status": status,
        "intent": "order",
        "subject": {"reference": "Patient/p"},
        "medicationCodeableConcept": concept,
        "authoredOn": "2026-01-01",
        **more,
    }


def allergy(concept: Json = TABLET_A, **more: Any) -> Json:
    return {"resourceType": "AllergyIntolerance", "id": "al", "patient": {"reference": "Patient/p"}, "code": concept, **more}


ACTIVE: Json = {
    "clinicalStatus": {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]
    }
}
"""Of an allergy that is not over."""
PATIENT: Json = {"resourceType": "Patient", "id": "p", "birthDate": "1980-02-03", "gender": "female"}


def bundle(*resources: Json, patient: Json = PATIENT) -> bytes:
    entries = [
        {"fullUrl": f"http://example.org/fhir/{r['resourceType']}/{r['id']}", "resource": r} for r in (patient, *resources)
    ]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


def record(*resources: Json, patient: Json = PATIENT) -> Any:
    (found,) = read_bundle(bundle(*resources, patient=patient), "patient.json")
    return found


def run(compiled: CompiledGuideline, *resources: Json, patient: Json = PATIENT, **options: Any) -> PatientOutcome:
    """The outcome of one patient with these resources."""
    options.setdefault("as_of", AS_OF)
    return apply_guideline(compiled, record(*resources, patient=patient), **options)

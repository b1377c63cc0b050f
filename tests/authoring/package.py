"""A small guideline without a finding, and ways to spoil it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from guideway.authoring.validate import validate
from guideway.diagnostics import Diagnostic

Json = dict[str, Any]
BASE = "https://example.org/small"
CORE = "http://hl7.org/fhir/StructureDefinition/"
CPG = "http://hl7.org/fhir/uv/cpg/StructureDefinition/"
LOCAL = f"{BASE}/CodeSystem/tests"


def artifact(kind: str, id: str, /, **more: Any) -> Json:
    name = "".join(part.capitalize() for part in id.split("-"))
    return {
        "resourceType": kind,
        "id": id,
        "url": f"{BASE}/{kind}/{id}",
        "version": "1.0.0",
        "name": name,
        "title": name,
        "status": "draft",
        "experimental": True,
        "date": "2026-01-01",
        "publisher": "Nobody",
        "description": "For a test.",
        **more,
    }


def concept(code: str, system: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def files() -> dict[str, Any]:
    """File name → JSON, or text."""
    action = {
        "id": "treat",
        "title": "Treat",
        "description": "Treat those who need it.",
        "trigger": [{"type": "named-event", "name": "patient-view"}],
        "extension": [
            {"url": f"{CORE}cqf-strengthOfRecommendation", "valueCodeableConcept": {"text": "strong"}},
            {"url": f"{CORE}cqf-qualityOfEvidence", "valueCodeableConcept": {"text": "low"}},
            {
                "url": f"{CPG}cpg-directionOfRecommendation",
                "valueCodeableConcept": concept("for", "http://hl7.org/fhir/uv/cpg/CodeSystem/cpg-recommendation-direction-cs"),
            },
        ],
        "documentation": [{"type": "citation", "label": "article, line 12"}],
        "condition": [
            {"kind": "applicability", "expression": {"language": "text/cql-identifier", "expression": "Needs Treatment"}}
        ],
        "definitionCanonical": f"{BASE}/ActivityDefinition/give|1.0.0",
    }
    dose = {"value": 5, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
    return {
        "plandefinitions/package.json": {
            "name": "org.example.small",
            "version": "1.0.0",
            "canonical": BASE,
            "fhirVersions": ["4.0.1"],
            "guideway": {"hygiene": "clinical"},
        },
        "plandefinitions/topic/PlanDefinition-topic.json": artifact(
            "PlanDefinition",
            "topic",
            library=[f"{BASE}/Library/Logic|1.0.0"],
            action=[action],
            type=concept("eca-rule", "http://terminology.hl7.org/CodeSystem/plan-definition-type"),
            meta={"profile": [f"{CPG}cpg-recommendationdefinition"]},
        ),
        "plandefinitions/topic/ActivityDefinition-give.json": artifact(
            "ActivityDefinition",
            "give",
            kind="MedicationRequest",
            intent="proposal",
            productCodeableConcept={"text": "drug"},
            dosage=[
                {
                    "text": "5 mg daily",
                    "route": {"text": "oral"},
                    "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                    "doseAndRate": [{"doseQuantity": dose}],
                }
            ],
        ),
        "valuesets/ValueSet-tests.json": artifact(
            "ValueSet",
            "tests",
            compose={"include": [{"system": LOCAL, "concept": [{"code": "a"}]}]},
            expansion={"timestamp": "2026-01-01", "contains": [{"system": LOCAL, "code": "a"}]},
        ),
        "valuesets/CodeSystem-tests.json": artifact(
            "CodeSystem", "tests", content="complete", caseSensitive=True, concept=[{"code": "a"}, {"code": "b"}]
        ),
        "plandefinitions/topic/Logic.cql": CQL,
    }


CQL = f"""library Logic version '1.0.0'
using FHIR version '4.0.1'
include FHIRHelpers version '4.0.1'
codesystem "Local": '{LOCAL}'
valueset "Tests": '{BASE}/ValueSet/tests'
code "A": 'a' from "Local"
context Patient
define "Needs Treatment":
  exists ([Observation: "Tests"] O where O.status = 'final' and O.code ~ "A")
"""

Spoil = Callable[[dict[str, Any]], Any]


def checked(folder: Path, spoil: Spoil | None = None) -> list[Diagnostic]:
    """The findings of the small guideline after ``spoil`` has changed its files."""
    given = copy.deepcopy(files())
    if spoil is not None:
        spoil(given)
    for name, content in given.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content, indent=1), encoding="utf-8")
    return validate([str(folder)]).findings

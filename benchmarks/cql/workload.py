"""The workload of the evaluation benchmark: a library of 49 defines over FHIR 4.0.1 with 14 value sets, and bundles to run it on.

Nothing here is random from run to run: the same arguments give the same bytes.
"""

from __future__ import annotations

import json
import random
from typing import Any

LABS = ("hb", "plt", "wbc", "alt", "crea", "na", "k")
CONDITIONS = ("anaemia", "renal", "hepatic", "cardiac")
DRUGS = ("statin", "steroid", "diuretic")
SYSTEM = "http://example.org/codes"
CODES_PER_SET = 12


def value_set_url(name: str) -> str:
    return f"http://example.org/ValueSet/{name}"


def value_sets() -> list[dict[str, Any]]:
    """One ValueSet resource for each lab, condition and drug."""
    found = []
    for name in (*LABS, *CONDITIONS, *DRUGS):
        concepts = [{"code": f"{name}-{n}", "display": f"{name} {n}"} for n in range(CODES_PER_SET)]
        include = [{"system": SYSTEM, "concept": concepts}]
        resource = {"resourceType": "ValueSet", "id": name, "url": value_set_url(name), "status": "active"}
        found.append(resource | {"compose": {"include": include}})
    return found


def library() -> str:
    """The CQL text: 49 defines."""
    lines = [
        "library Workload version '1.0.0'",
        "using FHIR version '4.0.1'",
        "include FHIRHelpers version '4.0.1'",
        *(f"valueset \"{name}\": '{value_set_url(name)}'" for name in (*LABS, *CONDITIONS, *DRUGS)),
        "context Patient",
        'define "Age": AgeInYears()',
        'define "Adult": "Age" >= 18 and Patient.gender = \'female\'',
    ]
    for lab in LABS:
        lines += [
            f'define "{lab} all": [Observation: "{lab}"] O '
            "where O.status in { 'final', 'amended' } and O.value is not null",
            f'define "{lab} newest": Last("{lab} all" O sort by (effective as FHIR.dateTime).value)',
            f'define "{lab} value": "{lab} newest".value as FHIR.Quantity',
            f'define "{lab} low": FHIRHelpers.ToQuantity("{lab} value") < 100 \'mg/dL\'',
            f'define "{lab} recent": Count("{lab} all" O where (O.effective as FHIR.dateTime) after @2024-01-01T00:00:00.0)',
        ]
    for condition in CONDITIONS:
        lines.append(
            f'define "Has {condition}": exists ([Condition: "{condition}"] C '
            "where exists (C.clinicalStatus.coding K where K.code = 'active'))"
        )
    for drug in DRUGS:
        lines.append(
            f'define "Has {drug}": exists ([MedicationRequest: "{drug}"] M where M.status = \'active\' '
            "and (M.authoredOn) after @2023-01-01T00:00:00.0)"
        )
    lines += [
        'define "Any lab low": ' + " or ".join(f'"{lab} low"' for lab in LABS),
        'define "Risk": (if "Has renal" then 2 else 0) + (if "Has cardiac" then 3 else 0) + (if "Has steroid" then 1 else 0)',
        'define "Mean": Avg(("hb all" O return all (O.value as FHIR.Quantity).value.value) union '
        '("plt all" O return all (O.value as FHIR.Quantity).value.value))',
        'define "Advice": case when "Any lab low" and "Risk" > 2 then \'review\' when "Adult" then \'watch\' else \'none\' end',
    ]
    text = "\n".join(lines)
    assert text.count("define ") == 48  # and Patient, which the context defines
    return text


def defines(text: str) -> list[str]:
    """The names of the defines."""
    return [line.split('"')[1] for line in text.splitlines() if line.startswith("define ")]


RESULTS = ("Age", "Adult", "Any lab low", "Risk", "Mean", "Advice", *(f"{lab} low" for lab in LABS),
           *(f"{lab} recent" for lab in LABS), *(f"Has {name}" for name in (*CONDITIONS, *DRUGS)))  # fmt: skip
"""Defines whose values are CQL's own types: these are compared between engines."""


def bundle(seed: int, resources: int = 125) -> bytes:
    """One patient's record of about 117 KB."""
    rng = random.Random(seed)
    patient = {
        "resourceType": "Patient", "id": f"p{seed}", "gender": rng.choice(["male", "female"]),
        "birthDate": f"{rng.randint(1930, 2010)}-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}",
        "name": [{"use": "official", "family": f"Family{seed}", "given": ["Given", "Other"]}],
        "address": [{"line": ["1 Street"], "city": "Town", "postalCode": "12345", "country": "XX"}],
    }  # fmt: skip
    entries = [patient, *(_resource(rng, seed, n) for n in range(resources - 1))]
    document = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": f"urn:uuid:{r['id']}", "resource": r} for r in entries],
    }
    return json.dumps(document).encode()


def _resource(rng: random.Random, seed: int, n: int) -> dict[str, Any]:
    kind = rng.choices(["Observation", "Condition", "MedicationRequest", "Encounter", "Procedure"], [60, 12, 12, 10, 6])[0]
    day = f"20{rng.randint(18, 25)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    moment = f"{day}T{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:00+00:00"
    padding = "The text of the resource as a person would read it, with the result, the method and the reference. " * 3
    made: dict[str, Any] = {
        "resourceType": kind, "id": f"{kind.lower()}-{seed}-{n}",
        "meta": {"versionId": "1", "lastUpdated": moment, "profile": [f"http://example.org/StructureDefinition/{kind}"]},
        "text": {"status": "generated", "div": f"<div xmlns=\"http://www.w3.org/1999/xhtml\">{padding}</div>"},
    }  # fmt: skip

    def concept(names: tuple[str, ...]) -> dict[str, Any]:
        name = rng.choice((*names, "other"))
        return {"coding": [{"system": SYSTEM, "code": f"{name}-{rng.randint(0, CODES_PER_SET)}", "display": name}], "text": name}

    who = {"reference": f"Patient/p{seed}"}
    if kind == "Observation":
        made |= {
            "status": rng.choice(["final", "final", "final", "amended", "entered-in-error"]),
            "category": [{"coding": [{"system": "http://example.org/category", "code": "laboratory"}]}],
            "code": concept(LABS), "subject": who, "effectiveDateTime": moment, "issued": moment,
            "valueQuantity": {"value": round(rng.uniform(20, 400), rng.randint(0, 2)), "unit": "mg/dL",
                              "system": "http://unitsofmeasure.org", "code": "mg/dL"},
            "referenceRange": [{"low": {"value": 50, "unit": "mg/dL"}, "high": {"value": 200, "unit": "mg/dL"}}],
        }  # fmt: skip
    elif kind == "Condition":
        status = rng.choice(["active", "resolved"])
        made |= {
            "clinicalStatus": {"coding": [{"system": "http://example.org/clinical", "code": status}]},
            "code": concept(CONDITIONS), "subject": who, "onsetDateTime": day,
        }  # fmt: skip
    elif kind == "MedicationRequest":
        made |= {
            "status": rng.choice(["active", "stopped"]), "intent": "order", "medicationCodeableConcept": concept(DRUGS),
            "subject": who, "authoredOn": moment, "dosageInstruction": [{"text": "1 tablet a day", "sequence": 1}],
        }  # fmt: skip
    else:
        made |= {"status": "finished", "subject": who, "code" if kind == "Procedure" else "type": concept(("a", "b"))}
        if kind == "Encounter":
            made["type"] = [made["type"]]
            made["period"] = {"start": moment, "end": moment}
            made["class"] = {"system": "http://example.org/class", "code": "AMB"}
        else:
            made["performedDateTime"] = moment
    return made

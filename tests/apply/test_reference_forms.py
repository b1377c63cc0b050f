"""The policy ``cqf``: the forms of the Java reference implementation, compared with a result it published."""

from __future__ import annotations

import json
import re

from tests.apply.small import BASE, TABLET_A, activity, guideline, plan, record, run
from tests.shared import shared_folder

from guideway.apply.care_plan import bundle, care_plan
from guideway.apply.outcome import dumps
from guideway.apply.run import apply_guideline
from guideway.guideline.compiling import compile_guideline
from guideway.guideline.package import from_files
from guideway.guideline.reading import SourceFile

HELLO = "http://fhir.org/guides/cdc/opioid-cds/PlanDefinition/hello-world-patient-view"


def test_every_published_sample_byte_for_byte() -> None:
    """The published results as they stand in the comparison of engines: made again from what they show of their definitions."""
    text = shared_folder("design/apply.md").read_text(encoding="utf-8")
    samples = re.findall(r"^```json\n(.*?)\n```", text, re.MULTILINE | re.DOTALL)
    assert samples
    for sample in samples:
        published = json.loads(sample)
        (group,) = published["contained"]
        url, _, version = group["instantiatesCanonical"][0].partition("|")
        definition = {
            "resourceType": "PlanDefinition",
            "id": group["id"],
            "url": url,
            "version": version,
            "status": "active",
            "action": group["action"],
        }
        compiled = compile_guideline(from_files([SourceFile("plan.json", json.dumps(definition).encode())], "sample"))
        patient = {"resourceType": "Patient", "id": published["subject"]["reference"].partition("/")[2]}
        outcome = apply_guideline(
            compiled, record(patient=patient), as_of="2026-06-01", policy="cqf", encounter=published["encounter"]["reference"]
        )
        assert dumps(care_plan(outcome)).decode() == sample


def test_the_published_hello_world() -> None:
    action = {
        "title": "Hello World!",
        "description": "The CDS Service is alive and communicating successfully!",
        "condition": [
            {
                "kind": "start",
                "expression": {
                    "description": "Whether or not a Hello World! card should be returned",
                    "language": "text/cql.identifier",
                    "expression": "Main Action Condition Expression Is True",
                },
            }
        ],
    }
    definition = {
        "resourceType": "PlanDefinition",
        "id": "hello-world-patient-view",
        "url": HELLO,
        "version": "1.0.0",
        "status": "active",
        "action": [action],
    }
    compiled = compile_guideline(from_files([SourceFile("plan.json", json.dumps(definition).encode())], "hello"))
    patient = {"resourceType": "Patient", "id": "helloworld-patient-1"}
    outcome = apply_guideline(
        compiled,
        record(patient=patient),
        as_of="2026-06-01",
        policy="cqf",
        encounter="Encounter/helloworld-patient-1-encounter-1",
    )
    subject = {"reference": "Patient/helloworld-patient-1"}
    encounter = {"reference": "Encounter/helloworld-patient-1-encounter-1"}
    common = {"instantiatesCanonical": [f"{HELLO}|1.0.0"], "status": "active", "intent": "proposal"}
    common |= {"subject": subject, "encounter": encounter}
    group = {"resourceType": "RequestGroup", "id": "hello-world-patient-view", **common, "action": [action]}
    expected = {
        "resourceType": "CarePlan",
        "id": "hello-world-patient-view",
        "contained": [group],
        **common,
        "activity": [{"reference": {"reference": "#hello-world-patient-view"}}],
    }
    assert dumps(care_plan(outcome)) == dumps(expected)
    assert bundle(outcome) == {
        "resourceType": "Bundle",
        "id": "hello-world-patient-view",
        "type": "collection",
        "entry": [{"resource": group}],
    }


def test_requests_have_the_reference_ids_statuses_and_intents() -> None:
    canonical = f"{BASE}/ActivityDefinition/take-a"
    actions = ({"id": "one", "title": "1", "definitionCanonical": canonical}, {"title": "2", "definitionCanonical": canonical})
    outcome = run(
        guideline(plan("main", *actions), activity(productCodeableConcept=TABLET_A)), policy="cqf", organization="Organization/o"
    )
    produced = care_plan(outcome)
    group, *made = produced["contained"]
    assert [r["id"] for r in made] == ["one-take-a", "take-a"]
    assert [(r["status"], r["intent"]) for r in made] == [("active", "order")] * 2
    assert group["author"] == {"reference": "Organization/o"}
    assert "author" not in produced
    task = run(
        guideline(
            plan("main", {"id": "ask", "title": "T", "definitionCanonical": canonical}), activity(kind="Task", code={"text": "c"})
        ),
        policy="cqf",
    )
    (entry,) = [e["resource"] for e in bundle(task)["entry"] if e["resource"]["resourceType"] == "Task"]
    assert (entry["id"], entry["status"], entry["basedOn"]) == ("ask", "ready", [{"reference": "RequestGroup/main"}])

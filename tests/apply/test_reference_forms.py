"""The policy ``cqf``: the forms of the Java reference implementation, compared with a result it published."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.apply.small import BASE, PATIENT, TABLET_A, activity, expression, guideline, plan, record, run
from tests.shared import shared_folder

from guideway.apply.care_plan import bundle, care_plan
from guideway.apply.names import DO_NOT_PERFORM, MESSAGES
from guideway.apply.outcome import dumps
from guideway.apply.run import apply_guideline
from guideway.fhir.check import check_resource
from guideway.guideline.compiling import compile_guideline
from guideway.guideline.loading import from_files
from guideway.guideline.reading import SourceFile

Json = dict[str, Any]

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


def made(*artifacts: Json, **options: Any) -> list[Json]:
    """What the CarePlan contains."""
    return list(care_plan(run(guideline(*artifacts), policy="cqf", **options))["contained"])


def action_of(**more: Any) -> Json:
    """The action of the group, of a plan with this one."""
    group, *_ = made(plan("main", {"id": "a", "title": "A", **more}))
    (action,) = group["action"]
    return dict(action)


CONCEPTS = [{"text": "one"}, {"text": "two"}]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"code": CONCEPTS}, {"code": CONCEPTS[:1]}),
        ({"textEquivalent": "t", "priority": "urgent"}, {"textEquivalent": "t", "priority": "urgent"}),
        ({"prefix": "1"}, {}),
        ({"reason": CONCEPTS}, {}),
        ({"participant": [{"type": "practitioner"}]}, {}),
        ({"selectionBehavior": "any", "groupingBehavior": "visual-group"}, {"selectionBehavior": "any"}),
        ({"requiredBehavior": "must", "precheckBehavior": "yes", "cardinalityBehavior": "single"}, {}),
        ({"output": [{"type": "Observation"}]}, {}),
        ({"timingDateTime": "2026-07-01"}, {"timingDateTime": "2026-07-01"}),
        (
            {"relatedAction": [{"actionId": "gone", "relationship": "before"}]},
            {"relatedAction": [{"actionId": "gone", "relationship": "before"}]},
        ),
        ({"extension": [{"url": "urn:x", "valueString": "x"}]}, {"extension": [{"url": "urn:x", "valueString": "x"}]}),
        ({"definitionUri": "http://example.org/page"}, {"resource": {"reference": "http://example.org/page"}}),
    ],
)
def test_an_action_has_what_the_reference_keeps(given: Json, kept: Json) -> None:
    action = action_of(**given)
    assert {name: value for name, value in action.items() if name not in ("id", "title")} == kept


def test_elements_are_in_the_order_of_their_definitions() -> None:
    condition = {"expression": {"expression": "true", "language": "text/cql-expression"}, "kind": "applicability"}
    action = action_of(condition=[condition], timingDateTime="2026-07-01", description="d", selectionBehavior="any")
    assert list(action) == ["id", "title", "description", "condition", "timingDateTime", "selectionBehavior"]
    assert (
        dumps(action["condition"])
        == b'[{"kind":"applicability","expression":{"language":"text/cql-expression","expression":"true"}}]'
    )


TAKE = f"{BASE}/ActivityDefinition/take-a"
PEOPLE = {"practitioner": "Practitioner/d", "organization": "Organization/o", "encounter": "Encounter/e"}
SUBJECT = {"reference": "Patient/p"}
ENCOUNTER = {"encounter": {"reference": "Encounter/e"}}
BY_PRACTITIONER = {"requester": {"reference": "Practitioner/d"}}
CODE = {"coding": [{"code": "c"}], "text": "Say it"}


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        (
            "MedicationRequest",
            {"productCodeableConcept": TABLET_A, "dosage": [{"text": "one"}], "quantity": {"value": 3}, "priority": "urgent"},
            {
                "status": "active", "intent": "order", "medicationCodeableConcept": TABLET_A, "subject": SUBJECT, **ENCOUNTER,
                **BY_PRACTITIONER, "instantiatesCanonical": [f"{TAKE}|1.0.0"], "dosageInstruction": [{"text": "one"}],
            },
        ),
        (
            "ServiceRequest",
            {"code": CODE, "bodySite": CONCEPTS, "timingDateTime": "2026-07-01", "doNotPerform": True},
            {
                "instantiatesCanonical": [f"{TAKE}|1.0.0"], "status": "active", "intent": "order", "doNotPerform": True,
                "code": CODE, "subject": SUBJECT, **ENCOUNTER, **BY_PRACTITIONER, "bodySite": CONCEPTS,
            },
        ),
        (
            "CommunicationRequest",
            {"code": CODE, "description": "More words"},
            {
                "status": "active", "subject": SUBJECT, **ENCOUNTER, "payload": [{"contentString": "Say it"}], **BY_PRACTITIONER,
            },
        ),
        (
            "SupplyRequest",
            {"code": CODE, "quantity": {"value": 2}},
            {
                "status": "active", "itemCodeableConcept": CODE, "quantity": {"value": 2},
                "requester": {"reference": "Organization/o"},
            },
        ),
        ("Appointment", {"code": CODE}, {"status": "proposed", "participant": [{"actor": SUBJECT, "status": "needs-action"}]}),
    ],
)  # fmt: skip
def test_a_request_has_what_the_reference_writes(kind: str, more: Json, expected: Json) -> None:
    _, request = made(plan("main", {"id": "x", "title": "X", "definitionCanonical": TAKE}), activity(kind=kind, **more), **PEOPLE)
    assert dumps(request) == dumps({"resourceType": kind, "id": "x-take-a", **expected})


@pytest.mark.parametrize(
    ("kind", "element", "dated"),
    [("DeviceRequest", "authoredOn", False), ("CarePlan", "created", False), ("Claim", "created", True)],
)
def test_of_what_the_reference_leaves_empty_only_what_r4_requires_is_dated(kind: str, element: str, dated: bool) -> None:
    _, request = made(plan("main", {"id": "x", "title": "X", "definitionCanonical": TAKE}), activity(kind=kind))
    assert request["resourceType"] == kind
    assert (element in request) is dated


def test_a_task_rests_on_its_group_in_both_forms() -> None:
    parts = (plan("main", {"id": "ask", "title": "T", "definitionCanonical": TAKE}), activity(kind="Task", doNotPerform=True))
    for contained in made(*parts), [e["resource"] for e in bundle(run(guideline(*parts), policy="cqf"))["entry"]]:
        task = contained[1]
        assert (task["id"], task["status"], task["intent"]) == ("ask", "ready", "proposal")
        assert task["basedOn"] == [{"reference": "RequestGroup/main"}]
        assert task["modifierExtension"] == [{"url": DO_NOT_PERFORM, "valueBoolean": True}]


@pytest.mark.parametrize(("kind", "element"), [("MedicationRequest", "product"), ("ServiceRequest", "code")])
def test_without_what_it_is_for_no_request_is_made_but_an_error(kind: str, element: str) -> None:
    group, outcome = made(plan("main", {"id": "x", "title": "X", "definitionCanonical": TAKE}), activity(kind=kind))
    assert group["action"] == [{"id": "x", "title": "X"}]
    assert outcome["id"] == "apply-outcome-main"
    (issue,) = outcome["issue"]
    assert (issue["severity"], issue["code"]) == ("error", "exception")
    assert f"without {element}" in issue["diagnostics"]


def test_a_condition_that_fails_is_in_the_operation_outcome() -> None:
    breaks = "Message(1, true, 'x', 'Error', 'it broke') = 1"
    failing = {"kind": "applicability", "expression": {"language": "text/cql-expression", "expression": breaks}}
    produced = care_plan(
        run(guideline(plan("main", {"id": "a", "title": "A", "condition": [failing]}, {"id": "b", "title": "B"})), policy="cqf")
    )
    group, outcome = produced["contained"]
    assert [a["id"] for a in group["action"]] == ["b"]
    reference = {"url": MESSAGES, "valueReference": {"reference": "#apply-outcome-main"}}
    assert produced["extension"] == group["extension"] == [reference]
    assert "it broke" in outcome["issue"][0]["diagnostics"]


def test_groups_of_nothing_stay_and_what_is_contained_is_lifted_behind_what_contained_it() -> None:
    never = {"kind": "applicability", "expression": {"language": "text/cql-expression", "expression": "false"}}
    inner = plan("inner", {"id": "i", "title": "I", "definitionCanonical": TAKE})
    empty = plan("empty", {"id": "n", "title": "N", "condition": [never]})
    outer = plan(
        "main",
        {
            "id": "g",
            "title": "G",
            "definitionCanonical": TAKE,
            "action": [{"id": "c", "title": "C", "definitionCanonical": TAKE}],
        },
        {"id": "none", "title": "None", "action": [{"id": "x", "title": "X", "condition": [never]}]},
        {"id": "nest", "title": "Nest", "definitionCanonical": f"{BASE}/PlanDefinition/inner"},
        {"id": "void", "title": "Void", "definitionCanonical": f"{BASE}/PlanDefinition/empty"},
        goal=[{"description": {"text": "Well"}, "addresses": CONCEPTS}],
    )
    drug = activity(productCodeableConcept=TABLET_A)
    produced = care_plan(run(guideline(outer, inner, empty, drug), policy="cqf"))
    assert [r["id"] for r in produced["contained"]] == [
        "main", "1", "c-take-a", "g-take-a", "inner", "empty", "i-take-a",
    ]  # fmt: skip
    assert produced["goal"] == [{"reference": "#1"}]
    assert "addresses" not in produced["contained"][1]
    assert produced["contained"][0]["action"][1] == {"id": "none", "title": "None"}
    side_by_side = bundle(run(guideline(outer, inner, empty, drug), policy="cqf"))["entry"]
    assert [e["resource"]["id"] for e in side_by_side] == ["main", "1", "c-take-a", "g-take-a", "i-take-a", "inner", "empty"]
    nothing = care_plan(run(guideline(plan("main", {"id": "n", "title": "N", "condition": [never]})), policy="cqf"))
    assert "action" not in nothing["contained"][0]
    assert nothing["activity"] == [{"reference": {"reference": "#main"}}]


def test_where_the_policy_differs_from_the_reference_on_purpose() -> None:
    """What docs/apply.md says of it: what answers to another hook, is for another audience, is withheld or in place, or is for
    a patient who has died, is not proposed."""
    own = "https://example.org/guideway/StructureDefinition/"
    user = {"coding": [{"code": "nurse"}]}
    other_user = {"code": {"code": "user"}, "valueCodeableConcept": {"coding": [{"code": "pharmacist"}]}}
    actions = {
        "hook": {"trigger": [{"type": "named-event", "name": "order-sign"}]},
        "withheld": {"extension": [{"url": own + "withheld-when", "valueExpression": expression("True")}]},
        "satisfied": {"extension": [{"url": own + "satisfied-when", "valueExpression": expression("True")}]},
        "role": {"participant": [{"type": "practitioner", "role": {"coding": [{"code": "pharmacist"}]}}]},
        "kept": {},
    }
    made = guideline(plan("main", *({"id": n, "title": n, **more} for n, more in actions.items())))
    asked: Json = {"policy": "cqf", "hook": "patient-view", "user_type": user}

    def titles(outcome: Any) -> list[str]:
        groups = [r for r in care_plan(outcome).get("contained", ()) if r["resourceType"] == "RequestGroup"]
        return [action["title"] for group in groups for action in group.get("action", ())]

    assert titles(run(made, **asked)) == ["kept"]
    assert titles(run(made, patient=PATIENT | {"deceasedBoolean": True}, **asked)) == []
    elsewhere = guideline(plan("main", {"id": "a", "title": "a"}, useContext=[other_user]))
    assert titles(run(elsewhere, **asked)) == []


def test_an_organization_is_the_author_which_is_the_one_thing_r4_does_not_allow() -> None:
    outcome = run(guideline(plan("main", {"id": "a", "title": "a"})), policy="cqf", organization="Organization/o")
    made = care_plan(outcome)
    faults = {(d.rule, d.pointer) for d in check_resource(made) if d.severity.value == "error"}
    assert {rule for rule, _ in faults} == {"reference-type"}
    assert all("author" in (pointer or "") for _, pointer in faults)

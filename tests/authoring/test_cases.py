"""The YAML form of clinical cases: what each item becomes, how mistakes are reported, how an outcome is judged."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from guideway.authoring.case_concepts import Concepts, concepts_of
from guideway.authoring.cases import Case, Expect, case_of, read_case
from guideway.authoring.judging import Difference, check
from guideway.diagnostics import GuidewayError

CONCEPTS = Concepts(
    {"Fever": [{"system": "urn:s", "code": "f1", "display": "Fever"}, {"system": "urn:s", "code": "f2"}]}, "https://x.org/g"
)


def resources(*items: Any, **more: Any) -> list[dict[str, Any]]:
    case = case_of({"id": "c", "as_of": "2026-06-01", "data": list(items), **more}, CONCEPTS)
    return [entry["resource"] for entry in case.bundle["entry"]]


def only(item: Any) -> dict[str, Any]:
    _, resource = resources(item)
    return resource


def test_names_come_from_value_sets() -> None:
    found = concepts_of(
        [
            {"resourceType": "CodeSystem", "id": "no"},
            {
                "resourceType": "ValueSet",
                "id": "fever",
                "title": "Fever",
                "compose": {"include": [{"system": "urn:s", "concept": [{"code": "f1", "display": "Fever"}]}]},
            },
        ],
        "https://x.org/g/",
    )
    assert found.members["fever"] == found.members["Fever"] == [{"system": "urn:s", "code": "f1", "display": "Fever"}]
    assert found.base == "https://x.org/g"


@pytest.mark.parametrize(
    ("name", "coding"),
    [
        ("Fever", {"system": "urn:s", "code": "f1", "display": "Fever"}),
        ("Fever#f2", {"system": "urn:s", "code": "f2"}),
        ("loinc|751-8", {"system": "http://loinc.org", "code": "751-8"}),
        ("urn:other|9", {"system": "urn:other", "code": "9"}),
        ("local:kind|k", {"system": "https://x.org/g/CodeSystem/kind", "code": "k"}),
    ],
)
def test_concepts(name: str, coding: dict[str, str]) -> None:
    assert only({"condition": name})["code"] == {"coding": [coding]}


def test_text_and_several_codings() -> None:
    assert only({"condition": "text: Feels hot"})["code"] == {"text": "Feels hot"}
    assert [c["code"] for c in only({"condition": ["Fever", "loinc|1-1"]})["code"]["coding"]] == ["f1", "1-1"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0.80 10*9/L", {"value": Decimal("0.80"), "unit": "10*9/L", "system": "http://unitsofmeasure.org", "code": "10*9/L"}),
        (
            "<0.5 10*9/L",
            {
                "value": Decimal("0.5"),
                "comparator": "<",
                "unit": "10*9/L",
                "system": "http://unitsofmeasure.org",
                "code": "10*9/L",
            },
        ),
        ("0.8", {"value": Decimal("0.8")}),
        (Decimal("0.8"), {"value": Decimal("0.8")}),
    ],
)
def test_quantities(value: Any, expected: dict[str, Any]) -> None:
    assert only({"observation": "Fever", "value": value})["valueQuantity"] == expected


def test_other_values() -> None:
    assert only({"observation": "Fever", "value": True})["valueBoolean"] is True
    assert only({"observation": "Fever", "value": "Fever#f2"})["valueCodeableConcept"]["coding"][0]["code"] == "f2"
    assert only({"observation": "Fever", "value": "text: warm"})["valueString"] == "warm"
    assert only({"observation": "Fever", "value": "5 g", "range": "-4"})["referenceRange"][0]["high"]["value"] == 4


def test_the_evaluation_date_is_the_default_date() -> None:
    assert only({"observation": "Fever"})["effectiveDateTime"] == "2026-06-01"
    assert "effectiveDateTime" not in only({"observation": "Fever", "at": "none"})


def test_doses() -> None:
    dosage = only({"medication": "Fever", "dose": "0.5-1.5 mg 1/d"})["dosageInstruction"][0]
    assert dosage["doseAndRate"][0]["doseRange"]["high"]["value"] == Decimal("1.5")
    assert dosage["timing"]["repeat"] == {"frequency": 1, "period": 1, "periodUnit": "d"}
    assert only({"medication": "Fever", "dose": "as needed"})["dosageInstruction"] == [{"text": "as needed"}]


def test_orders_go_into_the_context() -> None:
    content = {"id": "c", "as_of": "2026-06-01", "hook": "order-select", "data": [{"order": "Fever", "dose": "1 mg 1/d"}]}
    case = case_of(content, CONCEPTS)
    assert [entry["resource"]["resourceType"] for entry in case.bundle["entry"]] == ["Patient"]
    assert case.context is not None
    assert case.context["selections"] == ["MedicationRequest/draft-1"]
    (entry,) = case.context["draftOrders"]["entry"]
    assert (entry["resource"]["status"], entry["resource"]["intent"]) == ("draft", "order")


def test_answers() -> None:
    response = only({"answers": "form", "q1": True, "q2": ["Fever", "Fever#f2"]})
    assert response["questionnaire"] == "https://x.org/g/Questionnaire/form"
    assert response["item"][0] == {"linkId": "q1", "answer": [{"valueBoolean": True}]}
    assert [a["valueCoding"]["code"] for a in response["item"][1]["answer"]] == ["f1", "f2"]


def test_the_same_text_gives_the_same_bundle() -> None:
    text = "id: c\nas_of: 2026-06-01\ndata:\n- {observation: Fever, value: 0.80 g}\n- {observation: Fever, value: 1 g}\n"
    first, second = read_case(text, CONCEPTS), read_case(text, CONCEPTS)
    assert first == second
    assert [e["resource"]["id"] for e in first.bundle["entry"]] == ["case", "observation-1", "observation-2"]


def test_a_real_bundle_is_taken_and_added_to() -> None:
    real = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"resourceType": "Patient", "id": "p"}}]}
    content = {"id": "c", "as_of": "2026-06-01", "data": [{"bundle": "p.json"}, {"condition": "Fever"}]}
    case = case_of(content, CONCEPTS, bundle_reader={"p.json": real}.__getitem__)
    assert [e["resource"]["resourceType"] for e in case.bundle["entry"]] == ["Patient", "Condition"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"as_of": "2026-06-01", "data": []}, "needs id"),
        ({"id": "c", "as_of": "2026-06-01", "data": [], "expected": {}}, "unknown field expected"),
        ({"id": "c", "as_of": "2026-06-01", "data": [{"conditon": "Fever"}]}, "unknown kind 'conditon'"),
        ({"id": "c", "as_of": "2026-06-01", "data": [{"condition": "Cough"}]}, "no value set has the title or id 'Cough'"),
        ({"id": "c", "as_of": "2026-06-01", "data": [{"condition": "Fever#f9"}]}, "has no code 'f9'"),
        ({"id": "c", "as_of": "2026-06-01", "data": [{"condition": "Fever", "onst": "2026"}]}, "unknown field onst"),
        ({"id": "c", "as_of": "2026-06-01", "data": [{"medication": "Fever", "as": "wish"}]}, "not 'wish'"),
        ({"id": "c", "as_of": "2026-06-01", "data": ["Fever"]}, "an item is a mapping"),
        ({"id": "c", "as_of": "2026-06-01", "data": [], "expect": {"fires": []}}, "expect"),
    ],
)
def test_mistakes_are_named(content: dict[str, Any], said: str) -> None:
    with pytest.raises(GuidewayError, match=said):
        case_of(content, CONCEPTS, "case.yaml")


def test_text_that_is_no_yaml() -> None:
    with pytest.raises(GuidewayError, match=r"case\.yaml:2:1 error case-yaml: not YAML"):
        read_case("id: [", CONCEPTS, "case.yaml")


OUTCOME = {
    "excluded": [{"resource": "Observation/1", "rule": "status-preliminary"}],
    "recommendations": [
        {"id": "p#a", "action": "a", "status": "applies", "statements": ["s.1"], "noteRules": ["n.1"]},
        {
            "id": "p#b",
            "action": "b",
            "status": "suppressed",
            "reason": "It is not safe.",
            "statements": ["s.2"],
            "conditions": [{"kind": "withheld-when", "name": "ov.x", "value": True}],
        },
        {
            "id": "p#c",
            "action": "c",
            "status": "unknown",
            "missing": [{"element": "weight", "because": ["Observation/7: no unit"]}],
        },
    ],
}


def judged(**expect: Any) -> list[Difference]:
    return check(Case("c", "", "2026-06-01", "patient-view", {}, Expect(**expect)), OUTCOME)


def test_a_case_that_holds() -> None:
    assert not judged(
        fire=["s.1", "a", "p#a"],
        not_fire=["s.2", "c"],
        status={"b": "suppressed", "c": "unknown"},
        missing=["weight", "c: weight"],
        overlay=["ov.x", "n.1"],
        excluded=["Observation/1", "status-preliminary", "Observation/7"],
        only=True,
    )


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ({"fire": ["s.2"]}, "s.2 must apply, but it is suppressed: It is not safe"),
        ({"fire": ["nobody"]}, "nobody must apply, but no plan that was applied has it"),
        ({"not_fire": ["s.1"]}, "s.1 must not apply"),
        ({"status": {"a": "unknown"}}, "a must be unknown, but it applies"),
        ({"missing": ["a: weight"]}, "weight must be named as missing for a"),
        ({"not_missing": ["weight"]}, "weight must not be named as missing"),
        ({"overlay": ["ov.y"]}, "ov.y must be shown"),
        ({"not_notes": ["n.1"]}, "n.1 must not be shown"),
        ({"excluded": ["Observation/2"]}, "Observation/2 must be listed"),
        ({"only": True}, "p#a must not apply (only what fire lists may), but it does"),
    ],
)
def test_a_case_that_does_not(expect: dict[str, Any], said: str) -> None:
    (problem,) = judged(**expect)
    assert str(problem).startswith(said)

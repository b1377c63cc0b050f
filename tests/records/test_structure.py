"""Every fault of a single resource is a finding, and what cannot be read counts as absent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.records.make import PATIENT, Json, bundle, observation, record, rules

from guideway.fhir.element import get
from guideway.records.reading import read_bundle


@pytest.mark.parametrize(
    ("change", "rule", "path"),
    [
        ({"valueQuantity": {"value": "0.8"}}, "json-type", "valueQuantity.value"),
        ({"valueQuantity": 0.8}, "json-type", "valueQuantity"),
        ({"valueQuantity": []}, "json-type", "valueQuantity"),
        ({"valueQuantity": None}, "json-null", "valueQuantity"),
        ({"valueQuantity": {}}, "object-empty", "valueQuantity"),
        ({"valueString": "low"}, "choice-twice", "valueString"),
        ({"category": {"text": "lab"}}, "json-type", "category"),
        ({"category": []}, "array-empty", "category"),
        ({"category": [None]}, "json-null", "category[0]"),
        ({"effectiveDateTime": "2026-02-30"}, "date-invalid", "effectiveDateTime"),
        ({"effectiveDateTime": "30.5.2026"}, "date-invalid", "effectiveDateTime"),
        ({"issued": "2026-05-30"}, "date-invalid", "issued"),
        ({"status": ["final"]}, "json-type", "status"),
        ({"note": [{"text": ""}]}, "string-empty", "note[0].text"),
        ({"component": [{"code": {"text": "x"}, "valueBoolean": 1}]}, "json-type", "component[0].valueBoolean"),
        ({"component": [{"code": {"text": "x"}, "valueInteger": 1.5}]}, "json-type", "component[0].valueInteger"),
        ({"component": [{"code": {"text": "x"}, "valueInteger": 3 * 10**9}]}, "number-out-of-range", "component[0].valueInteger"),
        ({"meta": {"profile": "http://example.org"}}, "json-type", "meta.profile"),
        ({"contained": [{"resourceType": "Nothing", "id": "c"}]}, "resource-type-unknown", "contained[0]"),
        ({"fhir_comments": ["hm"]}, "json-comments", "fhir_comments"),
        ({"text": {"status": "generated", "div": "<div><script>x</script></div>"}}, "narrative-unsafe", "text.div"),
    ],
)  # fmt: skip
def test_an_element_that_cannot_be_read_is_found_and_counts_as_absent(change: Json, rule: str, path: str) -> None:
    found = record(observation("a", **change), policy="clinical")
    about = {(d.rule, d.pointer) for d in found.findings_about("Observation/a")}
    assert (rule, f"Observation/a.{path}") in about
    first = path.replace("[", ".").split(".")[0]
    if "." not in path and "[" not in path:
        assert first not in found.retrieve("Observation")[0].data if found.retrieve("Observation") else True


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"status": "finall"}, "code-unknown"),
        ({"code": None}, "json-null"),
        ({"colour": "red"}, "element-unknown"),
        ({"effectiveDateTime": "2026-05-30T10:00:00"}, "date-without-zone"),
        ({"effectiveDateTime": "2026-05-30T10:00Z"}, "date-without-seconds"),
        ({"id": "not an id"}, "id-invalid"),
        ({"id": "x" * 65}, "id-invalid"),
    ],
)
def test_other_faults_are_found_too(change: Json, rule: str) -> None:
    assert rule in rules(record(observation("a") | change))


CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"


@pytest.mark.parametrize(
    ("kind", "element", "concept", "known"),
    [
        ("Condition", "clinicalStatus", {"coding": [{"system": CLINICAL, "code": "active"}]}, True),
        ("Condition", "clinicalStatus", {"coding": [{"code": "Active"}, {"system": CLINICAL, "code": "resolved"}]}, True),
        ("Condition", "clinicalStatus", {"coding": [{"system": CLINICAL, "code": "Active"}]}, False),
        ("Condition", "clinicalStatus", {"coding": [{"system": "http://snomed.info/sct", "code": "55561003"}]}, False),
        ("Condition", "clinicalStatus", {"text": "active"}, False),
        ("Condition", "clinicalStatus", {"coding": [{"display": "Active"}]}, False),
        ("Condition", "clinicalStatus", {"extension": [{"url": "http://example.org/why", "valueCode": "unknown"}]}, True),
        ("Condition", "verificationStatus", {"coding": [{"code": "provisional"}]}, True),
        ("Condition", "verificationStatus", {"coding": [{"code": "Confirmed"}]}, False),
        ("AllergyIntolerance", "clinicalStatus", {"coding": [{"code": "resolved"}]}, True),
        ("AllergyIntolerance", "clinicalStatus", {"coding": [{"code": "remission"}]}, False),
        ("AllergyIntolerance", "verificationStatus", {"coding": [{"code": "provisional"}]}, False),
    ],
)
def test_a_concept_that_must_have_one_of_certain_codes_is_found_without_one(
    kind: str, element: str, concept: Json, known: bool
) -> None:
    subject = {"patient" if kind == "AllergyIntolerance" else "subject": {"reference": "Patient/p"}}
    given = {"resourceType": kind, "id": "a", "code": {"text": "x"}, **subject, element: concept}
    about = record(given).findings_about(f"{kind}/a")
    assert [(d.rule, d.pointer) for d in about] == ([] if known else [("code-unknown", f"{kind}/a.{element}")])
    (kept,) = record(given).retrieve(kind)
    assert element in kept.data


@pytest.mark.parametrize("kind", ["Condition", "AllergyIntolerance"])
@pytest.mark.parametrize("element", ["clinicalStatus", "verificationStatus"])
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("refuted", {"text": "refuted"}),  # the form of DSTU2
        ([{"coding": [{"code": "confirmed"}]}], {"text": "cannot be read"}),
        (5, {"text": "cannot be read"}),
        ({"coding": {"code": "confirmed"}}, {"text": "cannot be read"}),
        ({"coding": [{"code": 5}]}, {"text": "cannot be read"}),
        (None, None),
        ({}, None),
        ({"coding": []}, {}),
    ],
)
def test_a_status_that_cannot_be_read_is_not_absent(kind: str, element: str, given: Any, kept: Any) -> None:
    subject = {"patient" if kind == "AllergyIntolerance" else "subject": {"reference": "Patient/p"}}
    found = record({"resourceType": kind, "id": "a", "code": {"text": "x"}, **subject, element: given})
    assert found.findings_about(f"{kind}/a")
    (held,) = found.retrieve(kind)
    assert held.data.get(element) == kept


def test_a_status_that_can_be_read_is_kept_whatever_else_of_it_cannot() -> None:
    coding = {"code": "resolved", "display": 5}
    given = {"resourceType": "Condition", "id": "a", "code": {"text": "x"}, "subject": {"reference": "Patient/p"}}
    (held,) = record(given | {"clinicalStatus": {"coding": [coding], "text": 7}}).retrieve("Condition")
    assert held.data["clinicalStatus"] == {"coding": [{"code": "resolved"}]}


def test_a_required_element_that_is_missing_is_found() -> None:
    lab = observation("a")
    del lab["code"], lab["status"]
    found = {d.pointer for d in record(lab).findings if d.rule == "element-missing"}
    assert found == {"Observation/a.code", "Observation/a.status"}


def test_the_rest_of_a_faulty_resource_stays() -> None:
    (lab,) = record(observation("a", value="0.80", issued="yesterday", category=[])).retrieve("Observation")
    assert str(get(get(lab, "value"), "value").value) == "0.80"
    assert get(lab, "issued") is None
    assert get(lab, "category") is None


def test_extensions_beside_primitives_are_no_fault() -> None:
    good = observation("a", _status={"extension": [{"url": "http://example.org/x", "valueString": "y"}]})
    names = PATIENT | {"name": [{"given": ["A", None], "_given": [None, {"id": "b"}]}]}
    assert rules(record(names, good)) == []


@pytest.mark.parametrize("wrong", [None, 7, "x", [], ["a"], {}, {"resourceType": 3}, {"resourceType": "Labs"}, {"id": "x"}])
def test_an_entry_that_is_no_resource_never_costs_the_others(wrong: Any) -> None:
    found = record(PATIENT, observation("a"), wrong)
    assert [o.id for o in found.retrieve("Observation")] == ["a"]
    assert {"json-type", "resource-type-unknown"} & set(rules(found))


def test_a_deviant_entry_list_is_found_or_refused() -> None:
    from guideway.diagnostics import GuidewayError
    from guideway.records import read_bundle

    with pytest.raises(GuidewayError, match="no Patient"):
        read_bundle(b'{"resourceType": "Bundle", "type": "collection", "entry": {"resource": {"resourceType": "Patient"}}}')
    text = bundle(PATIENT).replace(b'"entry": [', b'"entry": [7, {"fullUrl": 3}, null, ')
    (found,) = read_bundle(text)
    assert rules(found).count("json-type") == 2


def test_duplicate_keys_with_different_values_are_not_read() -> None:
    from guideway.records import read_bundle

    text = bundle(PATIENT, observation("a", value="0.8")).replace(
        b'"valueQuantity"', b'"valueQuantity": {"value": 9}, "valueQuantity"'
    )
    (found,) = read_bundle(text)
    assert ("json-duplicate-key", "Observation/a.valueQuantity") in {(d.rule, d.pointer) for d in found.findings}
    assert get(found.retrieve("Observation")[0], "value") is None


def test_findings_never_show_what_a_patient_is_called_or_when_born() -> None:
    odd = {
        "resourceType": "Patient",
        "id": "p",
        "birthDate": "31.12.1955",
        "name": [{"family": 7, "given": "Zebulon"}],
        "Zebulon": 1,
    }
    text = "\n".join(d.as_text() for d in record(odd).findings if "element-unknown" not in d.rule)
    assert "Zebulon" not in text
    assert "1955" not in text


def test_full_urls_that_are_none_are_one_finding_for_the_bundle() -> None:
    text = json.loads(bundle(PATIENT, observation("a"), observation("b"), full_urls=True))
    for entry in text["entry"]:
        entry["fullUrl"] = f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
    (record,) = read_bundle(json.dumps(text).encode())
    (finding,) = record.findings
    assert (finding.rule, finding.pointer) == ("full-url-invalid", "/entry/0/fullUrl")
    assert finding.message.startswith("entry[0].fullUrl (and of 2 more): ")

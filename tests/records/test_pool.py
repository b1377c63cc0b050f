"""The same resource twice, several patients, and whose a resource is."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from tests.records.make import PATIENT, Json, bundle, dump, observation, record, resource, rules

from guideway.diagnostics import GuidewayError
from guideway.records import read_bundle, read_documents, select


def values(found: Any) -> list[str]:
    return [str(o.data["valueQuantity"]["value"]) for o in found.retrieve("Observation")]


@pytest.mark.parametrize(
    ("first", "second", "wins"),
    [
        ({"versionId": "10"}, {"versionId": "9"}, "1"),
        ({"versionId": "9"}, {"versionId": "10"}, "2"),
        (
            {"versionId": "1", "lastUpdated": "2026-01-01T00:00:00Z"},
            {"versionId": "1", "lastUpdated": "2025-01-01T00:00:00Z"},
            "1",
        ),
        ({"lastUpdated": "2026-01-01T00:30:00+01:00"}, {"lastUpdated": "2026-01-01T00:00:00Z"}, "2"),
        (
            {"versionId": "2", "lastUpdated": "2020-01-01T00:00:00Z"},
            {"versionId": "1", "lastUpdated": "2026-01-01T00:00:00Z"},
            "1",
        ),
    ],
)
def test_the_newest_version_counts_and_a_difference_is_found(first: Json, second: Json, wins: str) -> None:
    found = record(observation("a", value="1", meta=first), observation("a", value="2", meta=second))
    assert values(found) == [wins]
    assert rules(found) == ["duplicate-resource"]
    assert [(e.resource, e.rule) for e in found.excluded] == [("Observation/a", "older-version")]


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_where_nothing_says_which_version_is_current_what_differs_is_not_known(order: tuple[int, ...]) -> None:
    codes = [{"coding": [{"system": "http://snomed.info/sct", "code": "1"}]}] * 2
    versions = [
        observation("a", value="1", interpretation=codes[:1]),
        observation("a", value="2", interpretation=codes[:1]),
        observation("a", value="3", interpretation=codes),
    ]
    found = record(*(versions[n] for n in order), policy="clinical")
    (only,) = found.retrieve("Observation", code_path="code", codes=frozenset({("http://loinc.org", "751-8")}))
    assert only.data["valueQuantity"] == {"unit": "10*9/L", "system": "http://unitsofmeasure.org", "code": "10*9/L"}
    assert "interpretation" not in only.data
    assert only.data["effectiveDateTime"] == "2026-05-01"
    (finding,) = found.findings
    assert finding.rule == "duplicate-resource"
    assert "Observation/a is given 3 times" in finding.message
    assert "interpretation, valueQuantity.value" in finding.message
    assert "versions-differ" in [flag.rule for flag in found.flags_of("Observation/a")]
    assert found.changed().findings == found.findings


def test_one_id_in_files_about_different_people_is_two_resources() -> None:
    def file(name: str, value: str) -> bytes:
        drug = {"resourceType": "Medication", "id": "m", "code": {"text": name}}
        order = resource(
            "MedicationRequest", "r", medicationReference={"reference": "Medication/m"}, subject={"reference": f"Patient/{name}"}
        )
        return bundle(
            PATIENT | {"id": name}, observation("a", value=value, subject={"reference": f"Patient/{name}"}), drug, order
        )

    both = read_documents([("x", file("p", "1")), ("y", file("q", "2"))])
    assert [values(found) for found in both] == [["1"], ["2"]]
    assert [len(found.retrieve("MedicationRequest")) for found in both] == [1, 1]
    for found, name in zip(both, ("p", "q"), strict=True):
        assert "duplicate-resource" not in rules(found)
        (drug,) = found.retrieve("Medication")
        assert drug.data["code"]["text"] == name
        assert (found.resolve("Medication/m") or drug).data["code"]["text"] == name


def test_a_version_of_a_later_file_counts_whatever_its_place_in_the_file() -> None:
    old, one, two = (observation("a", value=v) for v in ("1", "2", "3"))
    (found,) = read_documents([("x", bundle(PATIENT, one, old)), ("y", bundle(PATIENT, two))])
    assert values(found) == ["3"]


@pytest.mark.parametrize("different", [{"birthDate": "1961-01-01"}, {"gender": "male"}, {"identifier": [{"value": "8"}]}])
def test_two_files_with_different_people_of_one_id_are_refused(different: Json) -> None:
    known = PATIENT | {"gender": "female", "identifier": [{"value": "7"}]}
    with pytest.raises(GuidewayError, match=r"Patient/p is in one\.json and in two\.json with different .* different people"):
        read_documents([("one.json", bundle(known)), ("two.json", bundle(known | different))])
    (same,) = read_documents([("one.json", bundle(known)), ("two.json", bundle(known, observation("a")))])
    assert values(same) == ["0.8"]


def test_the_same_resource_twice_alike_is_one_without_a_word() -> None:
    found = record(observation("a", meta={"versionId": "1"}), observation("a", meta={"versionId": "2"}))
    assert (values(found), rules(found), found.excluded) == (["0.8"], [], [])


def test_a_later_source_wins() -> None:
    (found,) = read_documents([("one", bundle(PATIENT, observation("a", value="1"))), ("two", dump(observation("a", value="2")))])
    assert values(found) == ["2"]


def test_the_same_id_on_two_servers_is_two_resources() -> None:
    labs = [
        {"fullUrl": f"http://{s}.example.org/Observation/a", "resource": observation("a", value=v)}
        for s, v in (("x", "1"), ("y", "2"))
    ]
    (found,) = read_bundle(dump({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT}, *labs]}))
    assert sorted(values(found)) == ["1", "2"]


def test_a_history_that_ends_in_a_deletion_leaves_nothing() -> None:
    gone = {"request": {"method": "DELETE", "url": "Observation/a"}, "response": {"lastModified": "2026-05-02T00:00:00Z"}}
    entries = [{"resource": PATIENT}, gone, {"resource": observation("a", meta={"lastUpdated": "2026-05-01T00:00:00Z"})}]
    (found,) = read_bundle(dump({"resourceType": "Bundle", "type": "history", "entry": entries}))
    assert values(found) == []
    assert [e.rule for e in found.excluded] == ["deleted"]


@pytest.mark.parametrize(
    "kind", ["document", "message", "transaction", "batch", "history", "searchset", "collection", "batch-response"]
)
def test_bundles_of_any_type_are_read(kind: str) -> None:
    (found,) = read_bundle(bundle(PATIENT, observation("a"), kind=kind))
    assert values(found) == ["0.8"]


def test_bundles_in_bundles_and_parameters_are_opened() -> None:
    inner = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": observation("a")}]}
    outer = {
        "resourceType": "Parameters",
        "parameter": [{"name": "data", "part": [{"name": "x", "resource": inner}]}, {"resource": PATIENT}],
    }
    (found,) = read_bundle(dump(outer))
    assert values(found) == ["0.8"]


def test_a_page_of_a_search_and_a_servers_complaint_are_findings() -> None:
    complaint = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
    page = {"resourceType": "Bundle", "type": "searchset", "link": [{"relation": "next", "url": "http://example.org?page=2"}],
            "entry": [{"resource": PATIENT}, {"resource": complaint, "search": {"mode": "outcome"}}]}  # fmt: skip
    (found,) = read_bundle(dump(page))
    assert set(rules(found)) == {"bundle-is-a-page", "operation-outcome"}


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/p",
        "urn:uuid:p",
        "http://example.org/fhir/Patient/p",
        "http://example.org/fhir/Patient/p/_history/3",
        "Patient/p/_history/1",
    ],
)
def test_every_form_of_reference_to_the_patient_is_understood(reference: str) -> None:
    (found,) = read_bundle(bundle(PATIENT, observation("a", subject={"reference": reference}), full_urls=True))
    assert values(found) == ["0.8"]


def test_an_identifier_names_the_patient_too() -> None:
    known = PATIENT | {"identifier": [{"system": "http://example.org/mrn", "value": "7"}]}
    lab = observation("a", subject={"identifier": {"system": "http://example.org/mrn", "value": "7"}})
    assert values(record(known, lab)) == ["0.8"]


@pytest.mark.parametrize(
    "reference", ["Patient/other", "urn:uuid:0c4e0d4e-0000-4000-8000-000000000000", "http://elsewhere.org/Patient/p"]
)
def test_data_about_somebody_else_is_left_out_and_listed(reference: str) -> None:
    (found,) = read_bundle(bundle(PATIENT, observation("a", subject={"reference": reference}), full_urls=True))
    assert values(found) == []
    assert [(e.resource, e.rule) for e in found.excluded] == [("Observation/a", "other-patient")]
    assert rules(found) == ["other-patient"]


def test_data_that_names_nobody_is_the_one_patients_and_says_so() -> None:
    lab = observation("a")
    del lab["subject"]
    found = record(lab)
    assert (values(found), rules(found)) == (["0.8"], ["subject-missing"])
    other = PATIENT | {"id": "q"}
    for patient in read_bundle(bundle(PATIENT, other, lab)):
        assert values(patient) == []
        assert rules(patient) == ["subject-missing"]


def test_patients_never_see_each_others_data() -> None:
    other = PATIENT | {"id": "q"}
    theirs = observation("b", value="9", subject={"reference": "Patient/q"})
    drug = {"resourceType": "Medication", "id": "m", "code": {"text": "x"}}
    p, q = read_bundle(bundle(other, theirs, PATIENT, observation("a"), drug))
    assert (p.id, q.id) == ("p", "q")
    assert (values(p), values(q)) == (["0.8"], ["9"])
    assert p.resolve_quietly("Observation/b") is None
    assert p.resolve("Medication/m") is q.resolve("Medication/m") is not None
    assert sorted(o.id or "" for o in p.retrieve("Observation", context="Unfiltered")) == ["a", "b"]
    assert [o.id for o in p.retrieve("Observation", context=q.subject())] == ["b"]


def test_the_order_of_entries_does_not_matter() -> None:
    items = [PATIENT, observation("b"), observation("a"), resource("Condition", "c", code={"text": "x"})]
    seen = set()
    for shuffled in itertools.permutations(items):
        (found,) = read_bundle(bundle(*shuffled))
        seen.add((tuple(o.id for o in found.retrieve("Observation")), tuple(d.as_text() for d in found.findings)))
    assert len(seen) == 1


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"7",
        b"null",
        b'"x"',
        b"{}",
        b'{"resourceType": 3}',
        b'{"resourceType": "Bundle", "type": "collection"}',
        b'{"resourceType": "Bundle", "entry": []}',
        b'{"resourceType": "List", "contained": [{"resourceType": "Patient", "id": "p"}]}',
        dump(observation("a")),
    ],
)
def test_without_a_patient_there_is_one_clear_error(text: bytes) -> None:
    with pytest.raises(GuidewayError) as error:
        read_bundle(text, "x.json")
    assert str(error.value).startswith("x.json: ")


def test_a_patient_is_chosen_by_id_reference_or_identifier() -> None:
    mrn = [{"system": "http://example.org/mrn", "value": "7"}]
    found = read_bundle(bundle(PATIENT, PATIENT | {"id": "q", "identifier": mrn}, PATIENT | {"id": "r", "identifier": mrn}))
    assert select(found, "q").id == select(found, "Patient/q").id == "q"
    with pytest.raises(GuidewayError, match="means 2 patients"):
        select(found, "http://example.org/mrn|7")
    with pytest.raises(GuidewayError, match=r"no patient 'z'.*p, q, r"):
        select(found, "z")


def test_ndjson_is_read_line_by_line_and_a_bad_line_costs_only_itself() -> None:
    text = b"\n".join([dump(PATIENT), dump(observation("a")), b'{"resourceType": "Obs', dump(observation("b"))])
    (found,) = read_bundle(text, "data.ndjson")
    assert [o.id for o in found.retrieve("Observation")] == ["a", "b"]
    assert rules(found) == ["ndjson-line-unreadable"]


def test_two_people_with_the_same_id_are_not_mixed() -> None:
    other = bundle(PATIENT | {"birthDate": "1999-09-09"}, observation("b"))
    with pytest.raises(GuidewayError, match="different people") as error:
        read_documents([("one", bundle(PATIENT)), ("two", other)])
    assert "1999" not in str(error.value)
    (found,) = read_documents([("one", bundle(PATIENT)), ("two", bundle(PATIENT | {"gender": "male"}))])
    assert rules(found) == ["duplicate-resource"]

"""Code systems by OID and codes of ICD-10 without their dot are read as FHIR writes them, and it is said."""

from __future__ import annotations

from typing import Any

import pytest
from tests.records.make import observation, record, resource, rules

from guideway.fhir.code_systems import BY_OID, as_fhir
from guideway.fhir.plain import plain

Json = dict[str, Any]
ICD, SNOMED, LOINC = "http://hl7.org/fhir/sid/icd-10-cm", "http://snomed.info/sct", "http://loinc.org"


def condition(system: str, code: str) -> Json:
    return resource("Condition", code={"coding": [{"system": system, "code": code}]})


@pytest.mark.parametrize(
    ("system", "code", "read", "rule"),
    [
        ("urn:oid:2.16.840.1.113883.6.90", "D89.42", (ICD, "D89.42"), "code-system-by-oid"),
        ("2.16.840.1.113883.6.96", "70910003", (SNOMED, "70910003"), "code-system-by-oid"),
        ("https://snomed.info/sct", "70910003", (SNOMED, "70910003"), "code-system-spelling"),
        ("http://snomed.info/sct/", "70910003", (SNOMED, "70910003"), "code-system-spelling"),
        ("https://hl7.org/fhir/sid/icd-10-cm/", "D89.42", (ICD, "D89.42"), "code-system-spelling"),
        (ICD, "D8942", (ICD, "D89.42"), "code-spelling"),
        (ICD, "d89.42", (ICD, "D89.42"), "code-spelling"),
        (ICD, "T782XXA", (ICD, "T78.2XXA"), "code-spelling"),
    ],
)
def test_a_condition_is_found_by_what_its_code_means(system: str, code: str, read: tuple[str, str], rule: str) -> None:
    found = record(condition(system, code), policy="clinical")
    (kept,) = found.retrieve("Condition", code_path="code", codes=frozenset({read}))
    assert kept.data["code"]["coding"][0] == {"system": read[0], "code": read[1]}
    assert rules(found) == [rule]


@pytest.mark.parametrize(
    ("system", "code"),
    [(ICD, "D89.42"), (ICD, "I10"), (SNOMED, "7091"), (ICD, "mast"), (ICD, "D89."), ("urn:oid:1.2.840.114350", "D8942")],
)
def test_what_is_written_as_fhir_does_or_is_no_such_code_stays(system: str, code: str) -> None:
    given = condition(system, code)
    assert as_fhir(given) == (given, [])
    assert plain(given) is not None


def test_a_system_by_oid_and_a_code_without_dot_together_and_in_every_place() -> None:
    coding = {"system": "urn:oid:2.16.840.1.113883.6.90", "code": "D8942"}
    given = condition(SNOMED, "1") | {"evidence": [{"code": [{"coding": [coding, coding]}]}]}
    changed, faults = as_fhir(given)
    assert changed["evidence"][0]["code"][0]["coding"] == [{"system": ICD, "code": "D89.42"}] * 2
    assert given["evidence"][0]["code"][0]["coding"][0] is coding
    assert coding["code"] == "D8942"
    assert [fault.rule for fault in faults] == ["code-system-by-oid", "code-spelling"]


def test_units_are_of_ucum_by_its_oid_too() -> None:
    given = observation("x", code={"coding": [{"system": "urn:oid:2.16.840.1.113883.6.1", "code": "751-8"}]})
    given["valueQuantity"]["system"] = "urn:oid:2.16.840.1.113883.6.8"
    found = record(given, policy="clinical")
    (kept,) = found.retrieve("Observation", code_path="code", codes=frozenset({(LOINC, "751-8")}))
    assert kept.data["valueQuantity"]["system"] == "http://unitsofmeasure.org"
    assert rules(found) == ["code-system-by-oid"]


def test_identifiers_keep_their_systems() -> None:
    given = condition(SNOMED, "1") | {"identifier": [{"system": next(iter(BY_OID)), "value": "7"}]}
    assert as_fhir(given)[0] is given

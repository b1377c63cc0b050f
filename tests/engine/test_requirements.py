"""Data requirements from ELM, with and without static types in it."""

from __future__ import annotations

import pytest
from tests.engine.logic import fhir_library, libraries

from guideway.elm.codec import read_json, write_json
from guideway.engine.generator_types import Environment
from guideway.engine.requirements import CodeUse, as_fhir, requirements_of

BODY = """codesystem "Labs": 'http://example.org/labs'
valueset "Blood": 'http://example.org/blood' version '2'
code "Hb": 'hb' from "Labs" display 'Haemoglobin'
parameter "Limit" Decimal default 1.0
context Patient
define "Newest": Last([Observation: "Hb"] O where O.status = 'final' sort by (effective as FHIR.dateTime).value)
define "Value": "Newest".value as Quantity
define "Any": exists ([Condition: "Blood"] C where C.onset is not null)
define "Over": "Value".value > "Limit"
define "Age": AgeInYears()
define "Free": 1 + 1
"""


@pytest.fixture(params=["typed", "untyped"])
def environment(request: pytest.FixtureRequest) -> Environment:
    made = libraries(fhir_library(BODY))
    if request.param == "untyped":
        made = [read_json(write_json(library)) for library in made]
    return Environment(made)


def test_types_filters_and_elements(environment: Environment) -> None:
    found = requirements_of(environment, libraries=["Test"])
    by_type = {requirement.type: requirement for requirement in found.data}
    assert sorted(by_type) == ["Condition", "Observation", "Patient"]
    assert by_type["Observation"].codes == (CodeUse("http://example.org/labs", "hb", "Haemoglobin"),)
    assert by_type["Observation"].elements == ("code", "effective", "status", "value")
    assert by_type["Condition"].value_sets == ("http://example.org/blood|2",)
    assert by_type["Condition"].elements == ("code", "onset")
    assert by_type["Patient"].elements == ("birthDate",)
    assert found.value_sets == ("http://example.org/blood|2",)
    assert found.code_systems == ("http://example.org/labs",)
    assert found.parameters == (("Test", "Limit", "Decimal"),)
    assert found.touched["Quantity"] == ("value",)


def test_only_what_is_reached_counts(environment: Environment) -> None:
    assert requirements_of(environment, [("Test", "Free")]).data == ()
    found = requirements_of(environment, [("Test", "Over")])
    assert [requirement.type for requirement in found.data] == ["Observation"]
    assert {name for _, name in found.defines} == {"Over", "Value", "Newest"}


def test_as_fhir(environment: Environment) -> None:
    found = {r.type: as_fhir(r) for r in requirements_of(environment, libraries=["Test"]).data}
    assert found["Condition"] == {
        "type": "Condition",
        "mustSupport": ["code", "onset"],
        "codeFilter": [{"path": "code", "valueSet": "http://example.org/blood|2"}],
    }
    coding = {"system": "http://example.org/labs", "code": "hb", "display": "Haemoglobin"}
    assert found["Observation"]["codeFilter"] == [{"path": "code", "code": [coding]}]

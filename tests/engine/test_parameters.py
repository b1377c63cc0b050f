"""Results as FHIR Parameters, as the public test runner reads them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from tests.engine.build import d, date, dt, iv, q, t

from guideway.engine.parameters import define_parameters, error_parameters, result_parameters
from guideway.engine.values import Code, Concept, Long, Ratio, TupleValue, Uncertainty, ValueSetRef
from guideway.fhir.element import FhirObject, FhirPrimitive

EXTENSIONS = "http://hl7.org/fhir/StructureDefinition/"


def typed(cql_type: str) -> list[dict[str, str]]:
    return [{"url": f"{EXTENSIONS}cqf-cqlType", "valueString": cql_type}]


def absent(name: str, url: str, **value: Any) -> dict[str, Any]:
    return {"name": name, "_valueBoolean": {"extension": [{"url": f"{EXTENSIONS}{url}", **value}]}}


NULL = absent("return", "data-absent-reason", valueCode="unknown")
MG = {"value": d("5.0"), "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, [NULL]),
        ([], [absent("return", "cqf-isEmptyList", valueBoolean=True)]),
        (TupleValue(), [absent("return", "cqf-isEmptyTuple", valueBoolean=True)]),
        (True, [{"name": "return", "valueBoolean": True}]),
        (5, [{"name": "return", "valueInteger": 5}]),
        (Long(5), [{"name": "return", "extension": typed("System.Long"), "valueString": "5"}]),
        (d("1.50"), [{"name": "return", "valueDecimal": d("1.50")}]),
        ("a", [{"name": "return", "valueString": "a"}]),
        (date("2014-02"), [{"name": "return", "valueDate": "2014-02"}]),
        (dt("2014-02-28T10:30Z"), [{"name": "return", "valueDateTime": "2014-02-28T10:30Z"}]),
        (t("10:30"), [{"name": "return", "valueTime": "10:30"}]),
        (q("5.0 mg"), [{"name": "return", "valueQuantity": MG}]),
        (
            q("5 days"),
            [
                {
                    "name": "return",
                    "valueQuantity": {
                        "value": d("5"),
                        "unit": "days",
                        "system": "http://hl7.org/fhirpath/CodeSystem/calendar-units",
                        "code": "days",
                    },
                }
            ],
        ),
        (Ratio(q("5.0 mg"), q("5.0 mg")), [{"name": "return", "valueRatio": {"numerator": MG, "denominator": MG}}]),
        (Code("a", "s", None, "A"), [{"name": "return", "valueCoding": {"system": "s", "code": "a", "display": "A"}}]),
        (
            Concept([Code("a", "s")], "A"),
            [{"name": "return", "valueCodeableConcept": {"coding": [{"system": "s", "code": "a"}], "text": "A"}}],
        ),
        (ValueSetRef("v", "1"), [{"name": "return", "valueCanonical": "v|1"}]),
        ([1, None], [{"name": "return", "valueInteger": 1}, NULL]),
        (
            [[1, 2], []],
            [
                {"name": "return", "part": [{"name": "element", "valueInteger": 1}, {"name": "element", "valueInteger": 2}]},
                absent("return", "cqf-isEmptyList", valueBoolean=True),
            ],
        ),
        (
            TupleValue(a=1, b=["x", "y"]),
            [
                {
                    "name": "return",
                    "part": [
                        {"name": "a", "valueInteger": 1},
                        {"name": "b", "valueString": "x"},
                        {"name": "b", "valueString": "y"},
                    ],
                }
            ],
        ),
        (
            iv(date("2014"), date("2015"), "[)"),
            [{"name": "return", "extension": typed("Interval<System.Date>"), "valuePeriod": {"start": "2014", "end": "2014"}}],
        ),
        (
            iv(dt("2014"), None),
            [{"name": "return", "extension": typed("Interval<System.DateTime>"), "valuePeriod": {"start": "2014"}}],
        ),
        (
            iv(t("10:00"), t("11:00")),
            [
                {
                    "name": "return",
                    "extension": typed("Interval<System.Time>"),
                    "valuePeriod": {"start": "0001-01-01T10:00", "end": "0001-01-01T11:00"},
                }
            ],
        ),
        (
            iv(q("5.0 mg"), None, "[)"),
            [{"name": "return", "extension": typed("Interval<System.Quantity>"), "valueRange": {"low": MG}}],
        ),
    ],
)
def test_values(value: Any, expected: list[dict[str, Any]]) -> None:
    assert result_parameters(value) == {"resourceType": "Parameters", "parameter": expected}


def test_numeric_intervals_carry_type_unity_and_precision() -> None:
    (found,) = result_parameters(iv(1, 4, "[)"))["parameter"]
    assert found["extension"] == typed("Interval<System.Integer>")
    assert [found["valueRange"][key]["value"] for key in ("low", "high")] == [1, 3]
    assert found["valueRange"]["low"]["code"] == "1"
    (found,) = result_parameters(iv(d("1.50"), d("2.0")))["parameter"]
    assert found["valueRange"]["low"]["extension"] == [{"url": f"{EXTENSIONS}quantity-precision", "valueInteger": 2}]
    assert result_parameters(Uncertainty(4, 16)) == result_parameters(iv(4, 16))


def test_fhir_data() -> None:
    patient = {"resourceType": "Patient", "id": "a"}
    assert result_parameters(FhirObject("Patient", patient))["parameter"] == [{"name": "return", "resource": patient}]
    period = {"start": "2014"}
    assert result_parameters(FhirObject("Period", period))["parameter"] == [{"name": "return", "valuePeriod": period}]
    assert result_parameters(FhirPrimitive("dateTime", "2014"))["parameter"] == [{"name": "return", "valueDateTime": "2014"}]
    assert result_parameters(FhirPrimitive("ObservationStatus", "final"))["parameter"] == [
        {"name": "return", "valueCode": "final"}
    ]
    assert result_parameters(FhirPrimitive("string", None))["parameter"] == [NULL]
    component = FhirObject("Observation.Component", {"code": {"text": "x"}, "valueInteger": 1})
    assert result_parameters(component)["parameter"] == [
        {
            "name": "return",
            "part": [
                {"name": "code", "part": [{"name": "text", "valueString": "x"}]},
                {"name": "valueInteger", "valueInteger": 1},
            ],
        }
    ]


def test_several_results_and_errors() -> None:
    found = define_parameters({"A": 1, "B": [True, False]})["parameter"]
    assert [entry["name"] for entry in found] == ["A", "B", "B"]
    (error,) = error_parameters("Library.Define: it failed")["parameter"]
    assert error["name"] == "evaluation error"
    assert error["resource"]["issue"][0]["details"]["text"] == "Library.Define: it failed"


def test_only_json_and_decimals_come_out() -> None:
    value = TupleValue(a=[Long(1), iv(Long(1), Long(2))], b=iv(d("1.0"), None), c=q("1 mg"), d=None)
    json.dumps(result_parameters(value), default=lambda number: float(number) if isinstance(number, Decimal) else 1 / 0)

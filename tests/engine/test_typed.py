"""The typed backend gives the results of the plain one, skips what nobody reads, and survives bad entries."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from tests.engine.logic import FHIR, NOW, evaluation, fhir_library, integer, libraries, observation, patient, value_set

from guideway.diagnostics import GuidewayError
from guideway.elm import nodes
from guideway.engine.errors import CqlRuntimeError
from guideway.engine.program import compile_program
from guideway.engine.typed import Decoded, NotDecoded, TypedProgram, compile_typed
from guideway.terminology import ValueSetIndex

BODY = """codesystem "Labs": 'http://example.org/labs'
valueset "Blood": 'http://example.org/blood'
code "Hb": 'hb' from "Labs"
context Patient
define "Labs final": [Observation: "Blood"] O where O.status in { 'final', 'amended' } and O.value is not null
define "Count": Count("Labs final")
define "Newest": Last("Labs final" O sort by (effective as FHIR.dateTime).value)
define "Value": FHIRHelpers.ToQuantity("Newest".value as FHIR.Quantity)
define "Low": "Value" < 12 'g/dL'
define "Ids": "Labs final" O return all O.id.value
define "In set": Count([Observation] O where O.code in "Blood")
define "Concept": FHIRHelpers.ToConcept("Newest".code)
define "Code": FHIRHelpers.ToCode(First("Newest".code.coding))
define "Texts": [Observation] O where O.value is FHIR.string return all (O.value as FHIR.string).value
define "Parts": flatten ([Observation] O return all (O.component C return all (C.value as FHIR.Quantity).value.value))
define "When": [Observation] O return all FHIRHelpers.ToInterval(O.effective as FHIR.Period)
define "No birth date": Patient.birthDate is null
define "Age": AgeInYears()
define "Male": Patient.gender = 'male'
define "Given": flatten (Patient.name N return all (N.given G return all G.value))
define "Drugs": Count([MedicationRequest: medication in "Blood"])
define "Class": First([Encounter] E return all E.class.code.value)
define "Made": FHIRHelpers.ToQuantity(FHIR.Quantity { value: FHIR.decimal { value: 5.0 }, unit: FHIR.string { value: 'mg' } })
define "Let": First((1) N let q: FHIR.Quantity { value: FHIR.decimal { value: 2.5 } } return { q.value.value })
define "Mixed": ({ First([Observation]), FHIR.Observation { id: FHIR.id { value: 'new' } } }) O return all O.id.value
define "Same codes": exists ([Observation] A with [Observation] B such that A.id != B.id and A.code = B.code)
define "Nothing": Last([Condition] C sort by recordedDate.value).code.text.value
"""
NAMES = [line.split('"')[1] for line in BODY.splitlines() if line.startswith("define") and '"Labs final"' not in line[:20]]
NAMES.remove("Newest")
SETS = [value_set("http://example.org/blood", "hb", "plt")]
DATA: list[dict[str, Any]] = [
    patient(name=[{"given": ["A", "B"]}, {"text": "y"}]),
    observation("a", "hb", Decimal("13.5"), "2025-01-01T10:00:00Z"),
    observation("b", "hb", Decimal("11.50"), "2025-02-01T10:00:00Z", interpretation=[{"text": "nobody reads this"}]),
    observation("c", "plt", 140, "2024-12-30", status="entered-in-error"),
    observation("d", "bp", None, None, component=[{"valueQuantity": {"value": 120}}, {"valueString": "x"}]),
    observation("e", "hb", None, None, valueString="clotted", effectivePeriod={"start": "2025-03-01"}),
    {
        "resourceType": "MedicationRequest",
        "id": "m",
        "medicationCodeableConcept": {"coding": [{"system": "http://example.org/labs", "code": "hb"}]},
    },
    {"resourceType": "Encounter", "id": "v", "class": {"code": "AMB"}},
    {"resourceType": "Basic", "id": "z", "code": {"text": "not read"}},
]  # fmt: skip


def as_bundle(resources: list[dict[str, Any]]) -> bytes:
    def number(value: Any) -> Any:
        return float(value)

    return json.dumps({"resourceType": "Bundle", "entry": [{"resource": r} for r in resources]}, default=number).encode()


@pytest.fixture(scope="module")
def typed() -> TypedProgram:
    return compile_typed(libraries(fhir_library(BODY)), [("Test", name) for name in NAMES])


def values(program: TypedProgram, data: bytes) -> dict[str, Any]:
    ran = program.program.evaluation(program.decoder.decode(data), now=NOW, terminology=ValueSetIndex(SETS))
    return ran.all_of("Test", NAMES)


def test_results_are_those_of_the_plain_program(typed: TypedProgram) -> None:
    plain = evaluation(compile_program(libraries(fhir_library(BODY))), DATA, value_sets=SETS)
    expected = {name: plain.define("Test", name) for name in NAMES}
    assert values(typed, as_bundle(DATA)) == expected
    assert expected["Low"] is True
    assert expected["Given"] == ["A", "B"]
    assert expected["Same codes"] is True


def test_only_what_is_read_is_decoded(typed: TypedProgram) -> None:
    record = typed.decoder.decode(as_bundle(DATA))
    (first, *_) = record.retrieve("Observation")
    data: Any = first.data
    assert isinstance(data, Decoded)
    assert not hasattr(data, "interpretation")
    assert data.get("resourceType") == "Observation"
    with pytest.raises(NotDecoded, match="'interpretation'"):
        data.get("interpretation")
    assert "valueQuantity" in typed.layout["Observation"]
    assert "CodeableConcept" not in typed.layout  # compared as a whole by "Same codes"


def test_a_bad_entry_costs_only_itself(typed: TypedProgram) -> None:
    good = as_bundle(DATA)
    bad = [
        {"resourceType": "Observation", "id": 5},
        {"resourceType": "Sparkle", "id": "s"},
        {"resourceType": "Observation", "id": "w", "status": ["final"]},
        {"id": "no type"},
    ]
    record = typed.decoder.decode(as_bundle([*DATA, *bad]))
    assert [skipped.position for skipped in record.skipped] == [9, 10, 11, 12]
    assert "Expected `str" in record.skipped[0].reason
    assert values(typed, as_bundle([*DATA, *bad])) == values(typed, good)
    assert typed.decoder.decode(b"\xef\xbb\xbf" + good).skipped == ()


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b'{"entry": 5}', b"[" * 100_000])
def test_what_is_no_bundle_is_refused(typed: TypedProgram, data: bytes) -> None:
    with pytest.raises(GuidewayError, match="no FHIR Bundle"):
        typed.decoder.decode(data)


@pytest.mark.parametrize("text", ['"1.0"', '"NaN"', "true"])
def test_numbers_are_numbers(typed: TypedProgram, text: str) -> None:
    data = as_bundle([patient(), observation("a", "hb", 1)]).replace(b'"value": 1', b'"value": ' + text.encode())
    record = typed.decoder.decode(data)
    ran = typed.program.evaluation(record, now=NOW, terminology=ValueSetIndex(SETS))
    with pytest.raises(CqlRuntimeError, match="is not a decimal of FHIR"):
        ran.define("Test", "Value")


def test_digits_are_kept() -> None:
    made = compile_typed(
        libraries(
            fhir_library("context Patient\ndefine X: First([Observation] O return all (O.value as FHIR.Quantity).value.value)")
        ),
        [("Test", "X")],
    )
    data = as_bundle([patient(), observation("a", "hb", 1)]).replace(b'"value": 1', b'"value": 0.50')
    found = made.program.evaluation(made.decoder.decode(data), now=NOW).define("Test", "X")
    assert str(found) == "0.50"


def test_logic_whose_types_are_not_known_stays_with_the_plain_program() -> None:
    observations = nodes.Retrieve(dataType=f"{FHIR}Observation")
    codes = [nodes.Property(path="code", source=nodes.Indexer(operand=[observations, integer(n)])) for n in (0, 1)]
    statement = nodes.ExpressionDef(name="X", context="Patient", expression=nodes.Equal(operand=codes, locator="3:1-3:9"))
    made = nodes.Library(identifier=nodes.VersionedIdentifier(id="Test"), statements=[statement])
    with pytest.raises(GuidewayError, match="cannot be decoded by type: the ELM does not say what is compared at Test 3:1-3:9"):
        compile_typed([made], [("Test", "X")])


def test_another_patients_data_is_not_here(typed: TypedProgram) -> None:
    record = typed.decoder.decode(as_bundle([patient(), patient(id="q")]))
    with pytest.raises(NotDecoded, match="one patient"):
        record.retrieve("Observation", context="Unfiltered")

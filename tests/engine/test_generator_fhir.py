"""FHIR data: retrieves, value sets, properties, choice types, FHIRHelpers, contexts. Plain and traced code must agree."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from tests.engine.logic import FHIR, evaluation, fhir_library, observation, patient, program, value_set

from guideway.elm import nodes
from guideway.engine.data import ResourceSource
from guideway.engine.errors import CqlRuntimeError
from guideway.engine.program import compile_program
from guideway.engine.values import Code, Concept, Quantity
from guideway.fhir.element import FhirObject, FhirPrimitive
from guideway.terminology import UnresolvedValueSet

HEAD = """codesystem "Labs": 'http://example.org/labs'
valueset "Blood": 'http://example.org/blood'
valueset "Missing": 'http://example.org/missing'
code "Hb": 'hb' from "Labs" display 'Haemoglobin'
code "Plt": 'plt' from "Labs"
concept "Both": { "Hb", "Plt" }
parameter "Period" Interval<System.DateTime> default Interval[@2025-01-01T00:00:00.0, @2025-12-31T23:59:59.9]
context Patient
"""

DATA: list[dict[str, Any]] = [
    patient(
        name=[{"use": "official", "family": "X", "given": ["A", "B"]}, {"use": "usual", "text": "y"}],
        multipleBirthInteger=2,
        active=True,
    ),
    observation("a", "hb", Decimal("13.5"), "2025-01-01"),
    observation("b", "hb", Decimal("11.50"), "2025-02-01T10:00:00Z", issued="2025-02-02T00:00:00Z"),
    observation("c", "plt", 140, "2024-12-30", status="amended"),
    observation("d", "bp", None, None, component=[
        {"code": {"coding": [{"system": "http://example.org/labs", "code": "sys"}]}, "valueQuantity": {"value": 120}},
        {"code": {"text": "dia"}, "valueString": "low"},
    ], effectivePeriod={"start": "2025-03-01", "end": "2025-03-02"}),
    observation("e", "hb", None, "2025-05-05", status="entered-in-error", valueString="clotted"),
    {"resourceType": "Condition", "id": "k", "onsetDateTime": "2025-01-15", "subject": {"reference": "Patient/p"}},
]  # fmt: skip
SETS = [value_set("http://example.org/blood", "hb", "plt")]


def short(value: Any) -> Any:
    """Resources as their ids, primitives as their values."""
    if isinstance(value, list):
        return [short(item) for item in value]
    if isinstance(value, FhirObject):
        return value.id or value.fhir_type
    if isinstance(value, FhirPrimitive):
        return (value.fhir_type, value.value)
    if isinstance(value, dict):
        return {name: short(item) for name, item in value.items()}
    return value


CASES: list[tuple[str, Any]] = [
    ("[Observation]", ["a", "b", "c", "d", "e"]),
    ('[Observation: "Hb"]', ["a", "b", "e"]),
    ('[Observation: "Blood"]', ["a", "b", "c", "e"]),
    ('[Observation: "Both"]', ["a", "b", "c", "e"]),
    ('[Observation: code in "Blood"]', ["a", "b", "c", "e"]),
    ('[Observation: code ~ "Plt"]', ["c"]),
    ('[Observation: { "Plt" }]', ["c"]),
    ("[Observation: status = 'amended']", ["c"]),
    ("[Observation: status ~ 'amended']", ["c"]),
    ("[Observation: status in { 'amended' }]", ["c"]),
    ("[Observation: \"Plt\"] O return O.value / 2", [Quantity(Decimal(70), "g/dL")]),
    ("[Encounter]", []),
    ("Patient.birthDate", ("date", "1970-05-01")),
    ("ToString(Patient.birthDate.value)", "1970-05-01"),
    ("Patient.gender = 'male'", True),
    ("Patient.active.value", True),
    ("Patient.deceased is null", True),
    ("Patient.multipleBirth", ("integer", 2)),
    ("(Patient.multipleBirth as FHIR.integer).value + 1", 3),
    ("AgeInYears()", 55),
    ("AgeInYearsAt(@2000-05-01)", 30),
    ("Patient.name N return all N.family.value", ["X", None]),
    ("flatten (Patient.name N return all N.given)", [("string", "A"), ("string", "B")]),
    ("First(Patient.name N where N.use = 'official').family.value", "X"),
    ("Patient.name[1].text.value", "y"),
    ("Patient.photo is null", True),
    ("exists Patient.photo", False),
    ("exists (Patient.name)", True),
    ('Last([Observation: "Hb"] O where O.status = \'final\' sort by (effective as FHIR.dateTime).value)', "b"),
    ('[Observation: "Hb"] O return all (O.value as Quantity).value.value', [Decimal("13.5"), Decimal("11.50"), None]),
    ('exists ([Observation: "Hb"] O where O.value as Quantity < 12 \'g/dL\')', True),
    ('exists ([Observation: "Hb"] O where (O.value as Quantity) < 115 \'g/L\')', False),
    ('[Observation] O where O.value is FHIR.string return all (O.value as FHIR.string).value', ["clotted"]),
    ('[Observation] O where O.value is FHIR.Quantity', ["a", "b", "c"]),
    ('[Observation] O where O.value is null', ["d"]),
    ('[Observation] O where O.effective is FHIR.Period', ["d"]),
    ('[Observation] O where O.code in "Blood"', ["a", "b", "c", "e"]),
    ('[Observation] O where O.code ~ "Plt"', ["c"]),
    ('[Observation] O where O.status in { \'final\', \'amended\' }', ["a", "b", "c", "d"]),
    ('[Observation] O where (O.effective as FHIR.dateTime) during "Period"', ["b", "e"]),
    ('[Observation] O where (O.effective as FHIR.Period) starts "Period"', []),
    ('[Observation] O where end of (O.effective as FHIR.Period) during "Period"', ["d"]),
    ("[Observation] O with [Condition] C such that (C.onset as FHIR.dateTime) before (O.effective as FHIR.dateTime)", ["b", "e"]),
    ("flatten ([Observation] O return all (O.component C where C.value is FHIR.string))", ["Observation.Component"]),
    ('Avg([Observation: "Hb"] O return all (O.value as Quantity).value.value)', Decimal("12.5")),
    ('[Observation: "Hb"] O return Tuple { id: O.id.value, at: O.effective }', [
        {"id": "a", "at": ("dateTime", "2025-01-01")},
        {"id": "b", "at": ("dateTime", "2025-02-01T10:00:00Z")},
        {"id": "e", "at": ("dateTime", "2025-05-05")},
    ]),
    ('FHIRHelpers.ToConcept(First([Observation: "Hb"]).code)', Concept([Code("hb", "http://example.org/labs")])),
    ("FHIRHelpers.ToQuantity(FHIR.Quantity { value: FHIR.decimal { value: 5.0 }, unit: FHIR.string { value: 'mg' } })",
     Quantity(Decimal("5.0"), "mg")),
    ("(FHIR.Observation { value: FHIR.string { value: 'x' } }).value", ("string", "x")),
    ("Count([Observation]) > 3", True),
    ("Patient P return P.gender.value", "male"),
]  # fmt: skip


@pytest.mark.parametrize("trace", [False, True], ids=["plain", "traced"])
def test_data(trace: bool) -> None:
    defines = "\n".join(f"define X{index}: {cql}" for index, (cql, _) in enumerate(CASES))
    ran = evaluation(program(fhir_library(HEAD + defines)), DATA, value_sets=SETS, trace=trace)
    for index, (cql, expected) in enumerate(CASES):
        assert (cql, short(ran.define("Test", f"X{index}"))) == (cql, expected)


def only(body: str, resources: list[dict[str, Any]] | None = None, **more: Any) -> Any:
    made = program(fhir_library(HEAD + body))
    return evaluation(made, DATA if resources is None else resources, value_sets=SETS, **more).define("Test", "X")


@pytest.mark.parametrize("trace", [False, True])
def test_a_value_set_that_is_not_known_is_an_error_and_not_false(trace: bool) -> None:
    for cql in ('exists [Observation: "Missing"]', 'exists ([Observation] O where O.code in "Missing")'):
        with pytest.raises(UnresolvedValueSet, match="Value set http"):
            only(f"define X: {cql}", trace=trace)


@pytest.mark.parametrize("trace", [False, True])
def test_a_quantity_with_a_comparator_or_a_foreign_unit_is_an_error(trace: bool) -> None:
    below = observation("z", "hb", None, valueQuantity={"value": 5, "unit": "mg", "comparator": "<"})
    foreign = observation("z", "hb", None, valueQuantity={"value": 5, "unit": "mg", "system": "http://example.org", "code": "q"})
    for resource, said in ((below, "ComparatorQuantityNotSupported"), (foreign, "InvalidFHIRQuantity")):
        with pytest.raises(CqlRuntimeError, match=said) as caught:
            only("define X: First([Observation: \"Hb\"]).value as Quantity > 1 'mg'", [patient(), resource], trace=trace)
        assert caught.value.define == "X"


def test_native_conversions_do_what_the_text_of_fhirhelpers_says() -> None:
    """The functions that the engine does itself, beside the same functions without the tag that says so."""
    body = """
define Quantities: [Observation] O return all FHIRHelpers.ToQuantity(O.value as FHIR.Quantity)
define Concepts: [Observation] O return all FHIRHelpers.ToConcept(O.code)
define Codes: [Observation] O return all FHIRHelpers.ToCode(First(O.code.coding))
define Periods: [Observation] O return all FHIRHelpers.ToInterval(O.effective as FHIR.Period)
define Ranges: [Observation] O return all FHIRHelpers.ToInterval(First(O.referenceRange).low)
"""
    from tests.engine.logic import libraries

    resources = [
        *DATA,
        observation("q1", "hb", 5, valueQuantity={"value": 5, "code": "wk", "system": "http://unitsofmeasure.org"}),
        observation("q2", "hb", 5, valueQuantity={"unit": "mg"}),
        observation("q3", "hb", 5, effectivePeriod={"end": "2025-01-01T10:00:00Z"}),
        observation("q4", "hb", 5, effectivePeriod={"start": "2025"}) | {"code": {"text": "only words"}},
    ]
    made = libraries(fhir_library(HEAD + body))
    native = evaluation(compile_program(made), resources, value_sets=SETS)
    found = {name: native.define("Test", name) for name in ("Quantities", "Concepts", "Codes", "Periods", "Ranges")}
    untagged = deepcopy(made)  # FHIRHelpers is one for all programs of a process
    for library in untagged:
        for statement in library.statements:
            statement.annotation = []
    text = evaluation(compile_program(untagged), resources, value_sets=SETS)
    assert found == {name: text.define("Test", name) for name in found}
    assert Quantity(Decimal(5), "week") in found["Quantities"]


def test_the_unfiltered_context_sees_every_subject() -> None:
    body = """define "Mine": Count([Observation])
context Unfiltered
define "All": Count([Observation])
define "Each": "Mine"
"""
    others = [patient(id="q"), observation("o", "hb", 1, subject={"reference": "Patient/q"})]
    everything = [*DATA, *others]
    made = program(fhir_library(HEAD + body))
    sources = [ResourceSource(everything, subject) for subject in (DATA[0], others[0])]
    ran = evaluation(made, everything, population=sources)
    assert [ran.define("Test", name) for name in ("All", "Each")] == [6, [5, 1]]


@pytest.mark.parametrize(
    ("related", "expected"),
    [
        ('Literal("m")', ["h"]), ('Literal("Patient/m")', ["h"]), ('Literal("nobody")', []), ("Null", []),
        ("Reference", ["h"]), ("no Reference", []),
    ],
)  # fmt: skip
def test_related_context_asks_for_the_data_of_another(related: str, expected: list[str]) -> None:
    mother = {"resourceType": "Patient", "id": "m"}
    subject = DATA[0] | ({"link": [{"other": {"reference": "Patient/m"}}]} if related == "Reference" else {})
    hers = observation("h", "hb", 9, subject={"reference": "Patient/m"})
    other: Any = nodes.Null()
    if related.startswith("Literal"):
        other = nodes.Literal(valueType="{urn:hl7-org:elm-types:r1}String", value=related.split('"')[1])
    elif related.endswith("Reference"):
        links = nodes.Property(path="link", source=nodes.ExpressionRef(name="Patient"))
        other = nodes.Property(path="other", source=nodes.First(source=links))
    statements = [
        nodes.ExpressionDef(
            name="Patient",
            context="Patient",
            expression=nodes.SingletonFrom(operand=nodes.Retrieve(dataType=f"{FHIR}Patient")),
        ),
        nodes.ExpressionDef(name="X", context="Patient", expression=nodes.Retrieve(dataType=f"{FHIR}Observation", context=other)),
    ]
    made = compile_program([nodes.Library(identifier=nodes.VersionedIdentifier(id="Test"), statements=statements)])
    source = ResourceSource([subject, *DATA[1:], mother, hers], subject)
    from tests.engine.logic import NOW

    assert short(made.evaluation(source, now=NOW).define("Test", "X")) == expected


def retrieved(**more: Any) -> Any:
    statements = [
        nodes.ExpressionDef(name="X", context="Patient", expression=nodes.Retrieve(dataType=f"{FHIR}Observation", **more))
    ]
    value_sets = [nodes.ValueSetDef(name="Blood", id="http://example.org/blood")]
    library = nodes.Library(identifier=nodes.VersionedIdentifier(id="Test"), statements=statements, valueSets=value_sets)
    return short(evaluation(compile_program([library]), DATA, value_sets=SETS).define("Test", "X"))


def day(text: str) -> nodes.Literal:
    return nodes.Literal(valueType="{urn:hl7-org:elm-types:r1}DateTime", value=text)


def test_filters_that_an_optimising_translator_writes() -> None:
    within = nodes.Interval(low=day("2025-01-01"), high=day("2025-03-31"))
    string = "{urn:hl7-org:elm-types:r1}String"
    assert retrieved(dateProperty="effective", dateRange=within) == ["a", "b", "d"]
    assert retrieved(dateFilter=[nodes.DateFilterElement(property="effective", value=within)]) == ["a", "b", "d"]
    low_high = nodes.DateFilterElement(lowProperty="effective.start", highProperty="effective.end", value=within)
    assert retrieved(dateFilter=[low_high]) == ["d"]
    codes = nodes.ValueSetRef(name="Blood", preserve=True)
    assert retrieved(codeFilter=[nodes.CodeFilterElement(property="code", comparator="in", value=codes)]) == ["a", "b", "c", "e"]
    amended = nodes.OtherFilterElement(property="status", comparator="=", value=nodes.Literal(valueType=string, value="amended"))
    assert retrieved(otherFilter=[amended]) == ["c"]
    assert retrieved(id=nodes.Literal(valueType=string, value="b")) == ["b"]
    old = nodes.Code(code="plt", system=nodes.CodeSystemRef(name="Labs"), display="Other words")
    library = nodes.Library(
        identifier=nodes.VersionedIdentifier(id="Test"),
        codeSystems=[nodes.CodeSystemDef(name="Labs", id="http://example.org/labs")],
        statements=[
            nodes.ExpressionDef(
                name="X",
                context="Patient",
                expression=nodes.Retrieve(
                    dataType=f"{FHIR}Observation", codeProperty="code", codeComparator="=", codes=nodes.ToList(operand=old)
                ),
            )
        ],
    )
    assert short(evaluation(compile_program([library]), DATA).define("Test", "X")) == ["c"]


def test_elm_before_1_5_takes_a_value_set_for_its_codes() -> None:
    reference = nodes.ValueSetRef(name="Blood")
    library = nodes.Library(
        identifier=nodes.VersionedIdentifier(id="Test"),
        valueSets=[nodes.ValueSetDef(name="Blood", id="http://example.org/blood")],
        statements=[nodes.ExpressionDef(name="X", context="Patient", expression=nodes.Count(source=reference))],
    )
    assert evaluation(compile_program([library]), value_sets=SETS).define("Test", "X") == 2


def test_elements_without_a_value_but_with_an_extension_are_not_null() -> None:
    unknown = patient(birthDate=None, _birthDate={"extension": [{"url": "http://example.org/why", "valueCode": "unknown"}]})
    del unknown["birthDate"]
    for trace in (False, True):
        assert only("define X: Patient.birthDate is null", [unknown], trace=trace) is False
        assert only("define X: AgeInYears()", [unknown], trace=trace) is None
        url = "define X: First(Patient.birthDate.extension E where E.url = 'http://example.org/why').value"
        assert short(only(url, [unknown], trace=trace)) == ("code", "unknown")


def test_an_invalid_date_is_an_error_in_its_place() -> None:
    with pytest.raises(CqlRuntimeError, match="'2025-13-45' is not a date-time of FHIR") as caught:
        only(
            "define X: First([Observation]).effective as FHIR.dateTime before Now()",
            [patient(), observation("a", "hb", 1, "2025-13-45")],
        )
    assert caught.value.locator is not None

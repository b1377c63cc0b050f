"""Profile-informed models from model info XML: types that stand for FHIR types, elements mapped onto FHIR elements."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cql.compact import compact, definition, translated

from guideway.cql.translator import TranslationResult
from guideway.fhir.modelinfo_xml import read_xml

MODEL = """\
<modelInfo xmlns="urn:hl7-org:elm-modelinfo:r1" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    name="Prof" version="1.0.0" url="http://example.org/prof" targetUrl="http://hl7.org/fhir" targetQualifier="prof"
    patientClassName="Patient" patientBirthDatePropertyName="birthDate">
 <requiredModelInfo name="System" version="1.0.0"/>
 <typeInfo xsi:type="ClassInfo" namespace="Prof" name="Element" baseType="System.Any" retrievable="false"/>
 <typeInfo xsi:type="ClassInfo" namespace="Prof" name="Period" baseType="Prof.Element" retrievable="false"/>
 <typeInfo xsi:type="ClassInfo" namespace="Prof" name="VisitStatus" baseType="System.String" retrievable="false"/>
 <typeInfo xsi:type="ClassInfo" namespace="Prof" name="Patient" baseType="Prof.Element"
     identifier="http://example.org/prof/patient" retrievable="true">
   <element name="birthDate" elementType="System.Date" target="%value.value"/>
   <element name="race" elementType="System.Concept"
       target="FHIRHelpers.ToConcept(%parent.extension[url='http://example.org/race'].value)"/>
 </typeInfo>
 <typeInfo xsi:type="ClassInfo" namespace="Prof" name="Encounter" baseType="Prof.Element" label="Visit"
     identifier="http://example.org/prof/encounter" retrievable="true" primaryCodePath="type">
   <element name="status" elementType="Prof.VisitStatus" target="%value.value"/>
   <element name="period" target="FHIRHelpers.ToInterval(%value)">
     <elementTypeSpecifier xsi:type="IntervalTypeSpecifier">
       <pointTypeSpecifier namespace="System" name="DateTime" xsi:type="NamedTypeSpecifier"/>
     </elementTypeSpecifier>
   </element>
   <element name="type" target="FHIRHelpers.ToConcept(%value)">
     <elementTypeSpecifier elementType="System.Concept" xsi:type="ListTypeSpecifier"/>
   </element>
   <element name="raw" elementType="Prof.Period"/>
 </typeInfo>
 <typeInfo xsi:type="ClassInfo" namespace="Prof" name="heartrate" target="Observation" baseType="Prof.Element"
     identifier="http://example.org/prof/heartrate" label="Heart Rate" retrievable="true" primaryCodePath="code">
   <element name="code" elementType="System.Concept" target="FHIRHelpers.ToConcept(%value)"/>
   <element name="value" elementType="System.Quantity" target="FHIRHelpers.ToQuantity(%value)"/>
   <element name="category" elementType="System.Concept"
       target="FHIRHelpers.ToConcept(%parent.category[coding.system='http://s',coding.code='vital-signs'])"/>
   <element name="effective" target="FHIR.dateTime:%value.value;FHIR.Period:FHIRHelpers.ToInterval(%value)">
     <elementTypeSpecifier xsi:type="ChoiceTypeSpecifier">
       <choice namespace="System" name="DateTime" xsi:type="NamedTypeSpecifier"/>
       <choice xsi:type="IntervalTypeSpecifier">
         <pointTypeSpecifier namespace="System" name="DateTime" xsi:type="NamedTypeSpecifier"/>
       </choice>
     </elementTypeSpecifier>
   </element>
 </typeInfo>
 <contextInfo name="Patient" keyElement="id" birthDateElement="birthDate">
   <contextType namespace="Prof" name="Patient"/>
 </contextInfo>
</modelInfo>
"""


@pytest.fixture
def made(tmp_path: Path) -> TranslationResult:
    (tmp_path / "prof.xml").write_text(MODEL)
    text = """\
library P
using Prof version '1.0.0'
include FHIRHelpers version '4.0.1'
parameter MP Interval<DateTime>
context Patient
define Birth: Patient.birthDate
define Age: AgeInYears()
define Race: Patient.race
define Visits: [Encounter] V where V.status = 'finished' and V.period during MP
define Types: [Encounter] V return V.type
define Sorted: [Encounter] V sort by start of period
define Rates: [heartrate] H where H.value > 60 '/min'
define Categories: [heartrate] H return H.category
define Times: [heartrate] H return H.effective
define Raw: [Encounter] V where V.raw during MP
"""
    return translated(text, models=[read_xml(tmp_path / "prof.xml")])


def test_profile_types_stand_for_fhir_types(made: TranslationResult) -> None:
    rates = definition(made, "Rates").expression.source[0].expression
    assert (rates.dataType, rates.templateId) == ("{http://hl7.org/fhir}Observation", "http://example.org/prof/heartrate")
    assert str(definition(made, "Visits").result_type) == "List<Encounter>"


CONCEPT = "FunctionRef(name=ToConcept, libraryName=FHIRHelpers, {})"
MAPPED = [
    ("Birth", "Property(source=Property(source=ExpressionRef(Patient), path=birthDate), path=value)"),
    ("Age", "CalculateAge(Property(source=ExpressionRef(Patient), path=birthDate.value), precision=Year)"),
    (
        "Race",
        CONCEPT.format(
            "As(Property(source=SingletonFrom(Query(source=[AliasedQuerySource(expression=Property("
            "source=As(ExpressionRef(Patient), asType=fhir:Patient), path=extension), alias=$this)], "
            "where=Equal(Property(source=Property(source=AliasRef($this), path=url), path=value), 'http://example.org/race'))), "
            "path=value), asType=fhir:CodeableConcept)"
        ),
    ),
    (
        "Visits",
        "Query(source=[AliasedQuerySource(expression=Retrieve(dataType=fhir:Encounter), alias=V)], "
        "where=And(Equal(Property(source=Property(path=status, scope=V), path=value), 'finished'), "
        "IncludedIn(FunctionRef(name=ToInterval, libraryName=FHIRHelpers, Property(path=period, scope=V)), ParameterRef(MP))))",
    ),
    (
        "Raw",
        "Query(source=[AliasedQuerySource(expression=Retrieve(dataType=fhir:Encounter), alias=V)], "
        "where=IncludedIn(FunctionRef(name=ToInterval, libraryName=FHIRHelpers, Property(path=raw, scope=V)), ParameterRef(MP)))",
    ),
]


@pytest.mark.parametrize(("name", "expected"), MAPPED)
def test_mapped_elements(made: TranslationResult, name: str, expected: str) -> None:
    assert compact(definition(made, name).expression) == expected


def test_lists_are_mapped_item_by_item(made: TranslationResult) -> None:
    shown = compact(definition(made, "Types").expression.return_.expression)
    assert shown == (
        "Query(source=[AliasedQuerySource(expression=Property(path=type, scope=V), alias=$this)], "
        f"return=ReturnClause(expression={CONCEPT.format('AliasRef($this)')}, distinct=false))"
    )


def test_overloads_of_conversions_are_picked_by_the_base_models_type(made: TranslationResult) -> None:
    during = definition(made, "Visits").expression.where.operand[1].operand[0]
    assert [s.name for s in during.signature] == ["{http://hl7.org/fhir}Period"]


def test_mapped_elements_in_a_sort_clause(made: TranslationResult) -> None:
    item = definition(made, "Sorted").expression.sort.by[0]
    assert compact(item.expression) == ("Start(FunctionRef(name=ToInterval, libraryName=FHIRHelpers, IdentifierRef(period)))")


def test_criteria_with_paths_through_lists(made: TranslationResult) -> None:
    shown = compact(definition(made, "Categories").expression.return_.expression)
    assert "In('vital-signs', Property(source=Property(source=Property(source=AliasRef($this), path=coding), path=code)" in shown


def test_mapping_by_the_type_of_the_value(made: TranslationResult) -> None:
    case = definition(made, "Times").expression.return_.expression
    assert [compact(item.when) for item in case.caseItem] == [
        "Is(Property(path=effective, scope=H), isType=fhir:dateTime)",
        "Is(Property(path=effective, scope=H), isType=fhir:Period)",
    ]


def test_a_retrieve_names_its_type_by_the_label_of_the_model(tmp_path: Path) -> None:
    from guideway.cql.translator import translate

    (tmp_path / "prof.xml").write_text(MODEL)
    text = "library P using Prof version '1.0.0' context Patient define A: [\"Heart Rate\"] define B: [Visit]"
    result = translate(text, models=[read_xml(tmp_path / "prof.xml")])
    assert result.errors == []
    retrieves = {s.name: s.expression.templateId for s in result.partial.statements if s.name in ("A", "B")}
    assert retrieves == {"A": "http://example.org/prof/heartrate", "B": "http://example.org/prof/encounter"}


def test_a_mapping_that_is_never_taken_is_found_with_its_line(tmp_path: Path) -> None:
    from guideway.cql.model_findings import findings

    good = tmp_path / "good.xml"
    good.write_text(MODEL)
    assert findings(str(good)) == []
    bad = tmp_path / "bad.xml"
    bad.write_text(MODEL.replace("FHIR.Period:FHIRHelpers", "System.Quantity:FHIRHelpers"))
    (found,) = findings(str(bad))
    line = next(i for i, text in enumerate(bad.read_text().split("\n"), 1) if 'name="effective"' in text)
    assert (found.rule, found.position.line if found.position else 0) == ("model-mapping", line)
    assert "System.Quantity" in found.message

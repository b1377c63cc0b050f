"""The data models: built-in tables, model info documents, profile-informed models."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.shared import shared_folder

from guideway.diagnostics import GuidewayError
from guideway.fhir.modelinfo import ContextInfo, ConversionInfo, JsonElement, ModelInfo, builtin, split_type
from guideway.fhir.modelinfo_xml import read_xml

FHIR = builtin("FHIR", "4.0.1")
QICORE = """<?xml version="1.0"?>
<modelInfo xmlns="urn:hl7-org:elm-modelinfo:r1" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    name="QICore" version="4.1.1" url="http://hl7.org/fhir/us/qicore" targetUrl="http://hl7.org/fhir" patientClassName="Patient"
    patientBirthDatePropertyName="birthDate">
  <requiredModelInfo name="System" version="1.0.0"/>
  <typeInfo xsi:type="ClassInfo" namespace="QICore" name="BodyWeight" target="Observation" baseType="QICore.DomainResource"
      identifier="http://hl7.org/fhir/us/qicore/StructureDefinition/body-weight" retrievable="true" primaryCodePath="code">
    <element name="value" elementType="System.Quantity" target="FHIRHelpers.ToQuantity(%value)"/>
    <element name="status" elementType="QICore.Status" target="%value.value"/>
    <element name="category" target="FHIRHelpers.ToConcept(%value)">
      <elementTypeSpecifier xsi:type="ListTypeSpecifier" elementType="System.Concept"/>
    </element>
    <element name="effective" target="FHIRHelpers.ToValue(%value)">
      <elementTypeSpecifier xsi:type="ChoiceTypeSpecifier">
        <choice xsi:type="NamedTypeSpecifier" namespace="System" name="DateTime"/>
        <choice xsi:type="IntervalTypeSpecifier">
          <pointTypeSpecifier xsi:type="NamedTypeSpecifier" namespace="System" name="DateTime"/>
        </choice>
      </elementTypeSpecifier>
    </element>
  </typeInfo>
  <conversionInfo functionName="FHIRHelpers.ToInterval" fromType="QICore.Period" toType="Interval&lt;System.DateTime&gt;"/>
  <contextInfo name="Patient" keyElement="id"><contextType namespace="QICore" name="Patient"/></contextInfo>
</modelInfo>"""


@pytest.mark.parametrize(
    ("type_name", "element", "expected"),
    [
        ("Observation", "status", "FHIR.ObservationStatus"),
        ("FHIR.Observation", "category", "list<FHIR.CodeableConcept>"),
        ("Observation", "id", "FHIR.id"),
        ("Age", "value", "FHIR.decimal"),
        ("decimal", "value", "System.Decimal"),
        ("MedicationRequest", "medication", "choice<FHIR.CodeableConcept,FHIR.Reference>"),
        ("Bundle.Entry", "fullUrl", "FHIR.uri"),
    ],
)
def test_elements_own_and_inherited(type_name: str, element: str, expected: str) -> None:
    found = FHIR.element(type_name, element)
    assert found is not None
    assert found.type == expected


@pytest.mark.parametrize("model", [FHIR, builtin("System")], ids=lambda m: m.name)
def test_every_line_of_a_table_is_found_by_its_name(model: ModelInfo) -> None:
    names = list(model.types)
    assert len(names) == len(set(names)) == len(model.types) > 10
    assert all(name in model.types and model.types[name].name == name for name in names)
    assert "FHIR.Observatio" not in model.types
    assert FHIR.codes("FHIR.QuantityComparator") == {"<", "<=", ">=", ">"}
    assert FHIR.codes("FHIR.Quantity") is None
    assert FHIR.codes("System.QuantityComparator") is None


def test_what_is_not_there_is_none() -> None:
    assert FHIR.type("Labs") is None
    assert FHIR.element("Observation", "colour") is None
    assert FHIR.element("Labs", "x") is None
    with pytest.raises(GuidewayError, match=r"FHIR 4\.0\.1"):
        builtin("FHIR", "5.0.0")


def test_facts_of_types() -> None:
    observation = FHIR.type("Observation")
    assert observation is not None
    assert (observation.retrievable, observation.primary_code_path) == (True, "code")
    assert FHIR.by_identifier("http://hl7.org/fhir/StructureDefinition/Observation") == observation
    assert ("Patient", "subject") in observation.relationships
    assert FHIR.ancestors("Age") == ("FHIR.Age", "FHIR.Quantity", "FHIR.Element", "System.Any")
    assert FHIR.is_subtype("Observation", "Resource")
    assert FHIR.primitive("ObservationStatus") == "System.String"
    assert FHIR.primitive("Quantity") is None
    assert FHIR.codes("FHIR.ObservationStatus") == {
        "registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"
    }  # fmt: skip
    required = [e.name for e in FHIR.elements("MedicationRequest").values() if e.required]
    assert required == ["status", "intent", "medication", "subject"]


def test_json_names_of_choices() -> None:
    names = FHIR.json_elements("Observation")
    assert names["valueQuantity"] == JsonElement("value", "FHIR.Quantity", False, True)
    assert names["component"] == JsonElement("component", "FHIR.Observation.Component", True, False)


def test_qualified_names_as_elm_writes_them() -> None:
    assert FHIR.qname("Observation") == "{http://hl7.org/fhir}Observation"
    assert FHIR.qname("System.Integer") == "{urn:hl7-org:elm-types:r1}Integer"
    assert FHIR.from_qname("{http://hl7.org/fhir}Bundle.Entry") == "FHIR.Bundle.Entry"
    assert FHIR.from_qname("{http://example.org}Observation") is None


def test_conversions_and_contexts() -> None:
    assert ConversionInfo("FHIRHelpers.ToInterval", "FHIR.Period", "interval<System.DateTime>") in FHIR.conversions
    assert FHIR.context("Patient") == ContextInfo("Patient", "FHIR.Patient", "id", "birthDate.value")
    assert builtin("System").element("Concept", "codes") is not None


def test_a_profile_informed_model_keeps_its_mappings(tmp_path: Path) -> None:
    (tmp_path / "qicore.xml").write_text(QICORE, encoding="utf-8")
    model = read_xml(tmp_path / "qicore.xml")
    weight = model.type("BodyWeight")
    assert weight is not None
    assert (weight.target, model.target_url, model.required) == ("Observation", "http://hl7.org/fhir", (("System", "1.0.0"),))
    assert model.by_identifier("http://hl7.org/fhir/us/qicore/StructureDefinition/body-weight") == weight
    assert {name: (e.type, e.target) for name, e in weight.elements.items()} == {
        "value": ("System.Quantity", "FHIRHelpers.ToQuantity(%value)"),
        "status": ("QICore.Status", "%value.value"),
        "category": ("list<System.Concept>", "FHIRHelpers.ToConcept(%value)"),
        "effective": ("choice<System.DateTime,interval<System.DateTime>>", "FHIRHelpers.ToValue(%value)"),
    }
    assert model.conversions[0].to_type == "interval<System.DateTime>"
    assert model.from_qname("{http://hl7.org/fhir}BodyWeight") == "QICore.BodyWeight"


def test_other_files_are_refused(tmp_path: Path) -> None:
    for name, text, says in (
        ("a.xml", "<a/>", "no model info"),
        ("b.xml", "<a", "well-formed"),
        ("c.xml", None, "cannot be read"),
    ):
        if text is not None:
            (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(GuidewayError, match=says):
            read_xml(tmp_path / name)


def test_type_expressions_are_split_at_their_own_commas() -> None:
    assert split_type("choice<FHIR.Quantity,interval<System.Date>>") == ("choice", ("FHIR.Quantity", "interval<System.Date>"))
    assert split_type("list<choice<A,B>>") == ("list", ("choice<A,B>",))


def test_the_tables_hold_what_the_model_info_documents_say() -> None:
    folder = shared_folder("reference/model-info")
    for file, model in (("fhir-modelinfo-4.0.1.xml", FHIR), ("system-modelinfo.xml", builtin("System"))):
        written = read_xml(folder / file)
        assert set(written.types) == set(model.types)
        for name, info in written.types.items():
            table = model.types[name]
            assert {n: e.type for n, e in table.elements.items()} == {n: e.type for n, e in info.elements.items()}
            facts = ("base", "retrievable", "primary_code_path", "identifier", "label", "relationships")
            assert [getattr(table, f) for f in facts] == [getattr(info, f) for f in facts]
        assert set(written.conversions) == set(model.conversions)
        assert set(written.contexts) == set(model.contexts)

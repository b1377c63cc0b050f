"""FHIR: retrieves, properties, conversions by FHIRHelpers, value sets, queries, the patient's age."""

from __future__ import annotations

import pytest
from tests.cql.compact import FHIR, compact, definition, translated

from guideway.cql.libraries import _builtin_text
from guideway.fhir import modelinfo


def fhir(expression: str, more: str = "") -> str:
    return compact(definition(translated(f"library Test\n{FHIR}\n{more}\ndefine X: {expression}"), "X").expression)


def call(function: str, operand: str) -> str:
    return f"FunctionRef(name={function}, libraryName=FHIRHelpers, {operand})"


PATIENT = "ExpressionRef(Patient)"
OBSERVATIONS = "Retrieve(dataType=fhir:Observation)"
O_SOURCE = f"source=[AliasedQuerySource(expression={OBSERVATIONS}, alias=O)]"


def where(condition: str) -> str:
    return f"Query({O_SOURCE}, where={condition})"


RETRIEVES = [
    ("[Observation]", OBSERVATIONS),
    (
        '[Observation: "VS"]',
        "Retrieve(codes=ValueSetRef(VS), dataType=fhir:Observation, codeProperty=code, codeComparator=in)",
    ),
    (
        '[Observation: "Code"]',
        "Retrieve(codes=ToList(CodeRef(Code)), dataType=fhir:Observation, codeProperty=code, codeComparator=~)",
    ),
    (
        '[Observation: "Concept"]',
        "Retrieve(codes=Property(source=ConceptRef(Concept), path=codes), dataType=fhir:Observation, codeProperty=code, "
        "codeComparator=~)",
    ),
    (
        '[Observation: category in "VS"]',
        "Retrieve(codes=ValueSetRef(VS), dataType=fhir:Observation, codeProperty=category, codeComparator=in)",
    ),
    (
        '[Condition: clinicalStatus ~ "Code"]',
        "Retrieve(codes=ToList(CodeRef(Code)), dataType=fhir:Condition, codeProperty=clinicalStatus, codeComparator=~)",
    ),
    (
        '[Observation: code in { "Code" }]',
        "Retrieve(codes=List(element=[CodeRef(Code)]), dataType=fhir:Observation, codeProperty=code, codeComparator=in)",
    ),
    ("[Patient -> Observation]", f"Retrieve(context={PATIENT}, dataType=fhir:Observation)"),
]
PROPERTIES = [
    ("Patient.birthDate.value", f"Property(source=Property(source={PATIENT}, path=birthDate), path=value)"),
    ("Patient.gender = 'male'", f"Equal({call('ToString', f'Property(source={PATIENT}, path=gender)')}, 'male')"),
    (
        "Patient.birthDate before Now()",
        f"Before(ToDateTime({call('ToDate', f'Property(source={PATIENT}, path=birthDate)')}), Now())",
    ),
    (
        "Patient.name.given",
        f"Flatten(Query(source=[AliasedQuerySource(expression=Property(source={PATIENT}, path=name), alias=$this)], "
        "where=Not(IsNull(Property(source=AliasRef($this), path=given))), "
        "return=ReturnClause(expression=Property(source=AliasRef($this), path=given), distinct=false)))",
    ),
    ("AgeInYears()", f"CalculateAge(Property(source={PATIENT}, path=birthDate.value), precision=Year)"),
    ("AgeInYearsAt(@2020-01-01)",
     f"CalculateAgeAt(Property(source={PATIENT}, path=birthDate.value), Date(year=2020, month=1, day=1), precision=Year)"),
    ("AgeInHours()", f"CalculateAge(ToDateTime(Property(source={PATIENT}, path=birthDate.value)), precision=Hour)"),
]  # fmt: skip
QUERIES = [
    ("[Observation] O where O.status in {'final'}",
     where(f"In({call('ToString', 'Property(path=status, scope=O)')}, List(element=['final']))")),
    ("[Observation] O where O.value > 5 'mg'",
     where(f"Greater({call('ToQuantity', 'As(Property(path=value, scope=O), asType=fhir:Quantity)')}, 5 'mg')")),
    ('[Observation] O where O.code ~ "Code"',
     where(f"Equivalent({call('ToConcept', 'Property(path=code, scope=O)')}, ToConcept(CodeRef(Code)))")),
    ('[Observation] O where O.code in "VS"',
     where(f"InValueSet(code={call('ToConcept', 'Property(path=code, scope=O)')}, valueset=ValueSetRef(VS))")),
    ('[Observation] O where O.value in "VS"',
     where("InValueSet(code=" + call("ToConcept", "As(Property(path=value, scope=O), asType=fhir:CodeableConcept)")
           + ", valueset=ValueSetRef(VS))")),
    ('[Observation] O where O.issued during day of "Period"',
     where(f"In({call('ToDateTime', 'Property(path=issued, scope=O)')}, ParameterRef(Period), precision=Day)")),
    ("[Observation] O sort by issued desc",
     f"Query({O_SOURCE}, sort=SortClause(by=[ByColumn(direction=desc, path=issued)]))"),
    ("[Observation] O sort by (effective as dateTime)",
     f"Query({O_SOURCE}, sort=SortClause(by=[ByExpression(direction=asc, "
     "expression=As(IdentifierRef(effective), asTypeSpecifier=dateTime))]))"),
    ("[Observation] O return all O.issued",
     f"Query({O_SOURCE}, return=ReturnClause(expression=Property(path=issued, scope=O), distinct=false))"),
    ("[Observation] O let s: O.status where s = 'final' return s",
     f"Query({O_SOURCE}, let=[LetClause(expression=Property(path=status, scope=O), identifier=s)], "
     f"where=Equal({call('ToString', 'QueryLetRef(s)')}, 'final'), "
     "return=ReturnClause(expression=QueryLetRef(s), distinct=true))"),
    ("[Observation] O with [Encounter] E such that O.issued during E.period",
     f"Query({O_SOURCE}, relationship=[With(expression=Retrieve(dataType=fhir:Encounter), alias=E, suchThat="
     f"In({call('ToDateTime', 'Property(path=issued, scope=O)')}, {call('ToInterval', 'Property(path=period, scope=E)')}))])"),
    ("from [Observation] O, [Encounter] E",
     f"Query(source=[AliasedQuerySource(expression={OBSERVATIONS}, alias=O), "
     "AliasedQuerySource(expression=Retrieve(dataType=fhir:Encounter), alias=E)], "
     "return=ReturnClause(expression=Tuple(element=[O: AliasRef(O), E: AliasRef(E)]), distinct=true))"),
    ("({1, 2}) X aggregate A starting 0: A + X",
     "Query(source=[AliasedQuerySource(expression=List(element=[1, 2]), alias=X)], aggregate=AggregateClause("
     "expression=Add(QueryLetRef(A), AliasRef(X)), starting=0, identifier=A, distinct=false))"),
    ("({1, 2}) X aggregate A starting 0: A + X * 1.5",
     "Query(source=[AliasedQuerySource(expression=List(element=[1, 2]), alias=X)], aggregate=AggregateClause("
     "expression=Add(QueryLetRef(A), Multiply(ToDecimal(AliasRef(X)), 1.5)), starting=ToDecimal(0), identifier=A, "
     "distinct=false))"),
]  # fmt: skip
TERMINOLOGY = [
    ('"Code" in "VS"', "InValueSet(code=CodeRef(Code), valueset=ValueSetRef(VS))"),
    ('{ "Code" } in "VS"', "AnyInValueSet(codes=List(element=[CodeRef(Code)]), valueset=ValueSetRef(VS))"),
    ('"VS" contains "Code"', "InValueSet(code=CodeRef(Code), valueset=ValueSetRef(VS))"),
    ('"Code" in "LOINC"', "InCodeSystem(code=CodeRef(Code), codesystem=CodeSystemRef(LOINC))"),
    ('"Code" ~ "Concept"', "Equivalent(ToConcept(CodeRef(Code)), ConceptRef(Concept))"),
    ('exists "VS"', "Exists(ExpandValueSet(ValueSetRef(VS)))"),
    ("Code '1' from \"LOINC\" display 'one'", "Code(system=CodeSystemRef(LOINC), code=1, display=one)"),
]


@pytest.mark.parametrize(("expression", "expected"), RETRIEVES + PROPERTIES + QUERIES + TERMINOLOGY)
def test_fhir_in_elm(expression: str, expected: str) -> None:
    assert fhir(expression) == expected


def test_retrieve_names_its_profile() -> None:
    result = translated(f"library T\n{FHIR}\ndefine X: [Observation]")
    assert definition(result, "X").expression.templateId == "http://hl7.org/fhir/StructureDefinition/Observation"


def test_context_defines_the_patient_and_later_definitions_are_in_it() -> None:
    result = translated(f"library T\n{FHIR}\ndefine X: Patient.id")
    patient = definition(result, "Patient")
    assert compact(patient.expression) == "SingletonFrom(Retrieve(dataType=fhir:Patient))"
    assert [c.name for c in result.partial.contexts] == ["Patient"]
    assert definition(result, "X").context == "Patient"


def test_patient_definitions_seen_from_outside_the_context_are_lists() -> None:
    text = "library T\nusing FHIR version '4.0.1'\ncontext Patient\ndefine A: 1\ncontext Unfiltered\ndefine X: A"
    assert str(definition(translated(text), "X").result_type) == "List<Integer>"


def test_a_choice_of_times_is_read_by_what_it_is() -> None:
    made = fhir('[Observation] O where O.effective during "Period"')
    assert "when=Is(Property(path=effective, scope=O), isType=fhir:dateTime)" in made
    assert "when=Is(Property(path=effective, scope=O), isType=fhir:instant)" in made


def test_primary_code_that_may_be_a_reference_is_looked_for_in_what_it_refers_to() -> None:
    made = fhir('[MedicationRequest: "VS"]')
    assert made.startswith("Union(Retrieve(codes=ValueSetRef(VS), dataType=fhir:MedicationRequest, codeProperty=medication")
    assert "With(expression=Retrieve(dataType=fhir:Medication), alias=M" in made


def test_helpers_are_included_unasked_under_the_alias_they_have_or_their_own_name() -> None:
    text = "library T\nusing FHIR version '4.0.1'\n{}\ncontext Patient\ndefine X: Patient.gender = 'male'"
    plain = translated(text.format(""))
    assert [i.path for i in plain.partial.includes] == ["FHIRHelpers"]
    assert "FHIRHelpers" in [library.identifier.id for library in plain.included]
    aliased = translated(text.format("include FHIRHelpers version '4.0.1' called FH"))
    assert "libraryName=FH," in compact(definition(aliased, "X").expression)


def test_helpers_translate_and_cover_every_conversion_of_the_model() -> None:
    result = translated(_builtin_text().text)
    defined = {(s.name, compact(s.operand[0].operandTypeSpecifier)) for s in result.partial.statements if len(s.operand) == 1}
    model = modelinfo.builtin("FHIR", "4.0.1")
    for conversion in model.conversions:
        wanted = (conversion.function.removeprefix("FHIRHelpers."), conversion.from_type.removeprefix("FHIR."))
        assert wanted in defined


def test_function_references_say_their_signature() -> None:
    result = translated(f"library T\n{FHIR}\ndefine X: Patient.gender = 'male'")
    reference = definition(result, "X").expression.operand[0]
    assert [compact(s) for s in reference.signature] == ["AdministrativeGender"]

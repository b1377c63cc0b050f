"""Logic over a profile-informed model runs on the same FHIR JSON as logic over FHIR itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.cql.test_translator_models import MODEL
from tests.engine.logic import evaluation, observation, patient

from guideway.cql.translator import BuiltinSource, translate
from guideway.engine.program import Program, compile_program
from guideway.engine.typed import compile_typed
from guideway.engine.values import Code, Concept
from guideway.fhir.element import FhirObject
from guideway.fhir.modelinfo_xml import read_xml

LOGIC = """library P
using Prof version '1.0.0'
include FHIRHelpers version '4.0.1'
parameter MP Interval<DateTime> default Interval[@2025-01-01T00:00:00.0, @2025-12-31T00:00:00.0]
context Patient
define Birth: ToString(Patient.birthDate)
define Age: AgeInYears()
define Race: Patient.race
define Visits: [Encounter] V where V.status = 'finished' and V.period during MP
define Types: [Encounter] V return all V.type
define Sorted: [Encounter] V sort by start of period
define Rates: [heartrate] H where H.value > 60 '/min'
define Categories: [heartrate] H return all H.category
define Raw: [Encounter] V where V.raw during MP
"""


def visit(id_: str, start: str, status: str = "finished") -> dict[str, Any]:
    period = {"start": start, "end": start}
    coding = {"system": "http://example.org/types", "code": id_}
    return {"resourceType": "Encounter", "id": id_, "status": status, "period": period, "type": [{"coding": [coding]}]}


def rate(id_: str, number: int) -> dict[str, Any]:
    quantity = {"value": number, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"}
    vital = {"coding": [{"system": "http://s", "code": "vital-signs"}]}
    other = {"coding": [{"system": "http://s", "code": "other"}]}
    return observation(id_, "hr", valueQuantity=quantity, category=[other, vital])


RACE = {"url": "http://example.org/race", "valueCodeableConcept": {"coding": [{"system": "http://example.org", "code": "r"}]}}
DATA = [
    patient(extension=[{"url": "http://example.org/other", "valueString": "x"}, RACE]),
    visit("late", "2025-06-01T10:00:00Z"),
    visit("early", "2025-02-01T10:00:00Z", "planned"),
    visit("before", "2020-02-01T10:00:00Z"),
    rate("fast", 90),
    rate("slow", 50),
]


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Any], list[Any]]:
    path: Path = tmp_path_factory.mktemp("models") / "prof.xml"
    path.write_text(MODEL)
    models = [read_xml(path)]
    result = translate(LOGIC, models=models, sources=BuiltinSource())
    assert not result.errors
    return result.libraries, models


def shown(value: Any) -> Any:
    if isinstance(value, list):
        return [shown(item) for item in value]
    return value.id if isinstance(value, FhirObject) else value


EXPECTED = {
    "Birth": "1970-05-01",
    "Age": 55,
    "Race": Concept([Code("r", "http://example.org")]),
    "Visits": ["late"],
    "Sorted": ["before", "early", "late"],
    "Rates": ["fast"],
    "Categories": [Concept([Code("vital-signs", "http://s")])] * 2,
    "Raw": [],
}


@pytest.mark.parametrize("trace", [False, True])
def test_results(libraries: tuple[list[Any], list[Any]], trace: bool) -> None:
    made, models = libraries
    program: Program = compile_program(made, models=models)
    ran = evaluation(program, DATA, trace=trace)
    assert {name: shown(ran.define("P", name)) for name in EXPECTED} == EXPECTED
    types = ran.define("P", "Types")
    assert types[0] == [Concept([Code("late", "http://example.org/types")])]


def test_the_typed_backend_takes_such_logic_as_well(libraries: tuple[list[Any], list[Any]]) -> None:
    from tests.engine.logic import NOW
    from tests.engine.test_typed import as_bundle

    made, models = libraries
    names = ["Birth", "Age", "Race", "Categories"]
    typed = compile_typed(made, [("P", name) for name in names], models=models)
    ran = typed.program.evaluation(typed.decoder.decode(as_bundle(DATA)), now=NOW)
    assert ran.all_of("P", names) == {name: EXPECTED[name] for name in names}

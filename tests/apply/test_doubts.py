"""What is missing although there is data says why the data does not help: its unit, its date, its status, its value."""

from __future__ import annotations

import pytest
from tests.apply.features import Json
from tests.apply.small import LOGIC, guideline, medication, observation, plan, run, when

from guideway.apply.fhir_json import as_text
from guideway.engine.values import Uncertainty, ValueSetRef
from guideway.guideline.compiled import CompiledGuideline

DATED = (
    LOGIC
    + """
// @dataElement: recent
// @display: A count of the last year
define "Recent":
  Last([Observation: "Count Tests"] O
    where (O.effective as FHIR.dateTime).value in Interval[@2025-06-01T00:00:00.0Z, @2026-06-01T12:00:00.0Z]
    sort by (effective as FHIR.dateTime).value).value as Quantity
define "Recent Is Low": "Recent" < 1 '10*9/L'
"""
)


def quantity(**more: object) -> Json:
    return observation(None, valueQuantity={"value": 0.5, **more})


UCUM = {"system": "http://unitsofmeasure.org"}
UNDATED = {name: value for name, value in observation(0.5).items() if name != "effectiveDateTime"}


@pytest.mark.parametrize(
    ("resource", "condition", "words"),
    [
        (quantity(), "Count Is Low", ["has no unit", "a number without a unit cannot be compared with 10*9/L"]),
        (quantity(unit="mg", code="mg", **UCUM), "Count Is Low", ["mg cannot be compared with 10*9/L"]),
        (quantity(unit="K/uL"), "Count Is Low", ["K/uL cannot be compared with 10*9/L"]),
        (observation(None), "Count Is Low", ["it has no value"]),
        (observation(None, dataAbsentReason={"text": "clotted"}), "Count Is Low", ["it has no value (clotted)"]),
        (observation(None, valueString="low"), "Count Is Low", ["its value is no number with a unit (low)"]),
        (observation(0.5, status="preliminary"), "Count Is Low", ["status is preliminary"]),
        (observation(0.5, date="2026-07-01"), "Count Is Low", ["after the evaluation time"]),
        (UNDATED, "Recent Is Low", ["neither an effective nor an issued date"]),
        (observation(0.5, date="2025"), "Recent Is Low", ["its date 2025 is no whole day"]),
    ],
)
def test_why_data_does_not_help(resource: Json, condition: str, words: list[str]) -> None:
    outcome = run(guideline(plan("main", {"id": "a", "title": "A", "condition": [when(condition)]}), cql=DATED), resource)
    (found,) = outcome.recommendations
    assert found.status == "unknown"
    (missing,) = found.missing
    said = "; ".join(missing.because)
    assert all(word in said for word in words), said
    assert "Observation/count" in said or "K/uL" in said or "mg" in said


TESTED = (
    LOGIC.replace(
        "context Patient",
        """
parameter "MostDays" Integer default 14
parameter "mostPlausible" System.Quantity default 100.0 '10*9/L'

context Patient""",
    )
    + """
define fluent function daysAgo(o FHIR.Observation):
  difference in days between (o.effective as FHIR.dateTime).value and Now()

define fluent function unitOf(o FHIR.Observation):
  (o.value as FHIR.Quantity).unit.value

define function "Divisor"(unit System.String):
  case
    when unit in { '10*9/L', '10*3/uL', 'G/L', 'Gpt/L' } then 1.0
    when unit in { '/uL' } then 1000.0
    else null
  end

define fluent function plausible(amount System.Quantity, limit System.Quantity):
  if amount < System.Quantity { value: 0.0, unit: '10*9/L' } or amount > limit then null else amount

define fluent function amountOf(o FHIR.Observation):
  (
    if "Divisor"(o.unitOf()) is null then null
    else System.Quantity { value: (o.value as FHIR.Quantity).value.value / "Divisor"(o.unitOf()), unit: '10*9/L' }
  ).plausible("mostPlausible")

define fluent function agreed(every List<FHIR.Observation>):
  if exists (every O where O.amountOf() is null) then null
  else if Count(distinct (every O return all O.amountOf())) = 1 then First(every O return all O.amountOf())
  else null

define "Count Tests On Record": [Observation: "Count Tests"]

// @dataElement: fit
// @display: A count that serves
// @unit: 10*9/L
// @valueset: Count Tests
define "Fit":
  if exists ("Count Tests On Record" O where O.daysAgo() > "MostDays") then null else "Count Tests On Record".agreed()
define "Fit Is Low": "Fit" < 1 '10*9/L'

define function "No More Than"(every List<FHIR.Observation>):
  if not exists (every O where O.amountOf() is not null) then null else every

// @display: longest age of a count, in days
define "Age Limit": 20

// @dataElement: aged
// @unit: 10*9/L
// @valueset: Count Tests
define "Aged":
  if exists ("Count Tests On Record" O where O.daysAgo() > "Age Limit") then null else "Count Tests On Record".agreed()
define "Aged Is Low": "Aged" < 1 '10*9/L'

// @display: day of the tablet
define "TabletDay": First([MedicationRequest: "Tablet A"] M return all M.authoredOn.value)
define "Tablet Is Old": "TabletDay" before @2026-01-01
define "H1 Tablets": [MedicationRequest: "Tablet A"] M where M.status = 'active'
define "Has Tablets": exists "H1 Tablets"

// @dataElement: early
// @display: A count of before May
// @unit: 10*9/L
// @valueset: Count Tests
define "Early":
  "No More Than"("Count Tests On Record" O where (O.effective as FHIR.dateTime).value before @2026-05-01).agreed()
define "Early Is Low": "Early" < 1 '10*9/L'

// @dataElement: began
// @display: When it began
// @valueset: Tablet A
define "Began": First([MedicationRequest: "Tablet A"] M return M.authoredOn.value)
define "Long Since Then":
  First("Count Tests On Record" O return all difference in days between "Began" and (O.effective as FHIR.dateTime).value) > 21
"""
)


def asking(condition: str) -> CompiledGuideline:
    """A plan of one action under a condition."""
    return guideline(plan("main", {"id": "a", "title": "A", "condition": [when(condition)]}), cql=TESTED)


def said_of(condition: str, *data: Json) -> tuple[dict[str, list[str]], list[str]]:
    """What is missing and why; the findings."""
    outcome = run(asking(condition), *data)
    (found,) = outcome.recommendations
    assert found.status == "unknown"
    findings = [f"{finding.rule}: {finding.message}" for finding in found.findings]
    assert {finding.message for finding in found.findings} <= {finding.message for finding in outcome.findings}
    return {missing.element: missing.because for missing in found.missing}, findings


def test_a_value_that_does_not_serve_says_which_test_it_failed() -> None:
    old = observation(0.5, date="2026-05-02")
    because = (
        "Observation/count-2026-05-02, 0.5 10*9/L of 2026-05-02, does not serve here: 30 (days ago) is more than 14 (most days)"
    )
    assert said_of("Fit Is Low", old) == ({"fit": [because]}, [])

    vast = observation(150, date="2026-05-30")
    because = "Observation/count-2026-05-30, 150 10*9/L of 2026-05-30, does not serve here: "
    because += "150 10*9/L (amount) is more than 100.0 10*9/L (most plausible)"
    found, (finding,) = said_of("Fit Is Low", vast)
    assert (found, finding) == ({"fit": [because]}, f"value-not-used: {because}.")

    odd = quantity(unit="10*9/l", code="10*9/l", **UCUM) | {"id": "odd", "effectiveDateTime": "2026-05-30"}
    because = "Observation/odd, 0.5 10*9/l of 2026-05-30, does not serve here: 10*9/l (unit) is none of 10*9/L, 10*3/uL, G/L, …"
    found, (finding,) = said_of("Fit Is Low", odd)
    assert (found, finding) == ({"fit": [because]}, f"value-not-used: {because}.")


def test_where_none_is_left_it_says_what_left_it_out() -> None:
    because = "Observation/count-2026-05-20, 0.5 10*9/L of 2026-05-20, does not serve here: 2026-05-20 is not before 2026-05-01"
    assert said_of("Early Is Low", observation(0.5)) == ({"early": [because]}, [])


def test_values_that_contradict_each_other_are_named_together() -> None:
    data = (observation(0.5, date="2026-05-31"), observation(1.8, date="2026-05-31T08:00:00Z", id="second"))
    (because,) = said_of("Fit Is Low", *data)[0]["fit"]
    assert because == (
        "Observation/count-2026-05-31, 0.5 10*9/L of 2026-05-31, and Observation/second, 1.8 10*9/L of 2026-05-31T08:00:00Z: "
        "they do not agree (2 different values)"
    )


def test_behind_a_length_of_time_the_datum_with_the_partial_date_is_named() -> None:
    """The start is on record to the day: recording it again would not help."""
    data = (observation(0.5, date="2026-05"), medication(authoredOn="2026-04-20"))
    found, _ = said_of("Long Since Then", *data)
    because = ["Observation/count-2026-05: its date 2026-05 is no whole day"]
    assert found == {"early": because}


def test_what_the_engine_has_of_its_own_is_written_for_people() -> None:
    assert as_text(Uncertainty(-30, 30)) == "-30 to 30"
    assert as_text(ValueSetRef(id="http://example.org/vs", name="Counts")) == "Counts"


def test_people_read_what_the_author_calls_a_define() -> None:
    old = observation(0.5, date="2026-05-02")
    because = (
        f"Observation/count-2026-05-02, 0.5 10*9/L of 2026-05-02, does not serve here: 30 (days ago) is more than {AGE_LIMIT}"
    )
    assert said_of("Aged Is Low", old) == ({"aged": [because]}, [])
    found = run(asking("Tablet Is Old"))
    ((missing,),) = (r.missing for r in found.recommendations)
    assert missing.display == "day of the tablet"


AGE_LIMIT = "20 (longest age of a count, in days)"


def test_where_there_is_nothing_to_compare_no_null_is_shown() -> None:
    found = run(
        guideline(plan("main", {"id": "a", "title": "A", "condition": [when("Tablet Is Old")]}), cql=TESTED), explain=True
    )
    why = [evidence.why or "" for r in found.recommendations for evidence in r.evidence]
    assert any("no value to compare with 2026-01-01" in text for text in why)
    assert not any("null" in text for text in why)


def test_what_was_looked_for_is_named_in_words() -> None:
    found = run(asking("Has Tablets"), explain=True)
    ((evidence,),) = (r.evidence for r in found.recommendations)
    assert (evidence.display, evidence.absent) == ("H1 tablets", True)

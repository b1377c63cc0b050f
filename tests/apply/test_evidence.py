"""Evidence names the facts that decided, with their own values, whatever form the logic has."""

from __future__ import annotations

from typing import Any

import pytest
from tests.apply.features import OWN, Json, made, one
from tests.apply.small import (
    BASE,
    LOGIC,
    TABLET_A,
    TABLET_B,
    agreement,
    expression,
    guideline,
    medication,
    observation,
    plan,
    run,
    when,
)

from guideway.apply import evidence
from guideway.apply.outcome import Recommendation
from guideway.cli.markdown import markdown
from guideway.cli.telling import evidence_text
from guideway.service.card_text import evidence_line


def decided(define: str, *data: Json, cql: str = LOGIC, **condition: Any) -> Recommendation:
    """The recommendation of an action with one condition."""
    action = {"id": "a", "title": "A", "condition": [when(define, **condition)]}
    (found,) = one(action, data=data, cql=cql).outcome.recommendations
    return found


def test_an_answer_is_shown_as_what_was_answered() -> None:
    for answer in (True, False):
        (evidence,) = decided("Agrees", agreement(answer)).evidence
        assert (evidence.element, evidence.resource, evidence.value) == ("agrees", "QuestionnaireResponse/answers", answer)


def satisfied(define: str, *conditions: Json) -> Json:
    """An action that is in place where a define is true."""
    guard = {"url": f"{OWN}satisfied-when", "valueExpression": expression(define, description="in place")}
    return {"id": "a", "title": "A", "condition": list(conditions), "extension": [guard]}


def test_what_is_in_place_is_the_last_piece_of_evidence_also_where_something_else_rests_on_it() -> None:
    action = satisfied("On Tablet A", when("On Tablet A"), when("Count Is Low"))
    (found,) = one(action, data=(medication(), observation(0.5)), cql=LOGIC).outcome.recommendations
    assert found.status == "already-satisfied"
    assert [e.resource for e in found.evidence] == ["Observation/count-2026-05-20", "MedicationRequest/rx"]


def test_what_was_found_is_not_told_as_absent_for_another_list_of_that_name() -> None:
    found = evidence.Evidence(
        display="Drug in use", resource="MedicationRequest/a", value="active", checked=["MedicationRequest/c"]
    )
    empty = evidence.Evidence(display="Drug in use", absent=True, checked=["MedicationRequest/a", "MedicationRequest/b"])
    other = evidence.Evidence(display="Allergy", absent=True)
    element = evidence.Evidence(element="use", display="Drug in use", absent=True)
    known: dict[evidence.Key, evidence.Evidence] = {}
    for item in (empty, found, other, element):
        evidence.add(known, item)
    first, *rest = evidence.said_once(known)
    assert (first.resource, first.checked) == ("MedicationRequest/a", ["MedicationRequest/c", "MedicationRequest/b"])
    assert rest == [other, element]


def test_a_request_is_shown_with_its_status() -> None:
    (evidence,) = decided("On Tablet A", medication()).evidence
    assert (evidence.resource, evidence.value) == ("MedicationRequest/rx", "active")


def test_an_end_is_told_with_the_reason_that_its_record_gives() -> None:
    cql = (
        LOGIC
        + """
define "Was Stopped": exists ([MedicationRequest] R where R.status.value = 'stopped')
"""
    )
    stopped = medication() | {
        "status": "stopped",
        "statusReason": {"text": "Hives"},
        "note": [{"text": "after  the second dose"}],
    }
    (evidence,) = decided("Was Stopped", stopped, cql=cql).evidence
    assert (evidence.value, evidence.said) == ("stopped", "Hives; after the second dose")
    assert evidence_text(evidence).startswith('Tablet A: stopped, reason "Hives; after the second dose", ')
    assert 'stopped, reason "Hives; after the second dose" (' in evidence_line(evidence)
    assert evidence.as_json()["said"] == "Hives; after the second dose"
    (active,) = decided("On Tablet A", medication() | {"note": [{"text": "with food"}]}).evidence
    assert active.said is None
    (long,) = decided("Was Stopped", stopped | {"note": [{"text": "x" * 500}]}, cql=cql).evidence
    assert len(long.said or "") == 200


def test_what_leaves_an_element_without_a_value_is_not_told_as_its_value() -> None:
    """That an order is active does not say whether it is tolerated."""
    cql = (
        LOGIC
        + """
// @dataElement: tolerated
// @display: Drug tolerated
define "Tolerated": if exists ([MedicationRequest] R where R.status.value = 'active') then null as System.Boolean else false

define "Not Known To Be Tolerated": "Tolerated" is not true
"""
    )
    (evidence,) = decided("Not Known To Be Tolerated", medication(), cql=cql).evidence
    assert (evidence.element, evidence.resource, evidence.value, evidence.unknown) == (
        "tolerated", "MedicationRequest/rx", None, True,
    )  # fmt: skip
    assert evidence_text(evidence).startswith("Drug tolerated: not known, ")
    assert "not known (" in evidence_line(evidence)
    assert evidence.as_json()["unknown"] is True


def test_a_note_for_what_does_not_apply_is_shown_there_alone() -> None:
    notes = [
        {"url": f"{OWN}note", "valueExpression": expression("'It is low.'", language="text/cql-expression")},
        {"url": f"{OWN}note-if-not", "valueExpression": expression("'It is not low.'", language="text/cql-expression")},
    ]
    action = {"id": "a", "title": "A", "condition": [when("Count Is Low")], "extension": notes}
    for count, said in ((0.5, ["It is low."]), (5, ["It is not low."])):
        outcome = one(action, data=(observation(count),), cql=LOGIC).outcome
        (found,) = outcome.recommendations
        assert found.notes == said
        if found.status == "does-not-apply":
            assert "It is not low." in markdown([outcome])


def test_that_a_result_is_final_is_no_value_of_it() -> None:
    cql = (
        LOGIC
        + """
define "Measured": exists [Observation: "Count Tests"]

// @dataElement: tested
// @display: Was tested
define "Tested": exists [Observation: "Count Tests"]
"""
    )
    bare = observation(None)
    (evidence,) = decided("Measured", bare, cql=cql).evidence
    assert (evidence.resource, evidence.value) == ("Observation/count-2026-05-20", None)
    (evidence,) = decided("Tested", bare, cql=cql).evidence
    assert (evidence.element, evidence.resource, evidence.value) == ("tested", "Observation/count-2026-05-20", True)


def test_a_condition_spelt_out_is_explained_as_one_that_is_named() -> None:
    """Unqualified names in CQL that stands in the plan are the library's own: its elements, its parameters."""
    text = '"Count Is Low" and "Agrees" and "Level" is not null'
    cql = LOGIC + f'\ndefine "Named": {text}\n'
    for data in ((), (observation(0.5),), (agreement(True),), (observation(5),), (observation(0.5), agreement(False))):
        named = decided("Named", *data, cql=cql)
        for language in ("text/cql-expression", "text/cql"):
            inline = decided(text, *data, cql=cql, language=language)
            assert inline.status == named.status
            assert [m.as_json() for m in inline.missing] == [m.as_json() for m in named.missing]
            assert [(e.element, e.resource, e.value, e.absent) for e in inline.evidence] == [
                (e.element, e.resource, e.value, e.absent) for e in named.evidence
            ]
    (asked,) = decided('"Agrees" and true', language="text/cql-expression").missing
    assert (asked.element, asked.supply[0].link_id) == ("agrees", "agree")


def test_a_parameter_reaches_a_condition_spelt_out() -> None:
    action = {"id": "a", "title": "A", "condition": [when('"Count".value < "Limit"', language="text/cql-expression")]}
    assert one(action, data=(observation(5),)).statuses() == {"a": "does-not-apply"}
    assert one(action, data=(observation(5),), parameters={"Limit": "9.5"}).statuses() == {"a": "applies"}
    assert one(action, data=(observation(5),), parameters={"Logic.Limit": "9.5"}).statuses() == {"a": "applies"}


def test_a_condition_in_fhirpath_names_what_it_looked_at() -> None:
    needs = {"id": "cells", "type": "Observation", "codeFilter": [{"path": "code", "valueSet": f"{BASE}/ValueSet/count-tests"}]}
    texts = {
        "born": "birthDate < @2000-01-01",
        "low": "%cells.where(value.value < 1.0).exists()",
        "neither": "%cells.exists() and (gender = 'male')",
        "one": "%cells.where(value.value < 1.0).exists() or (gender = 'male')",
        "open": "maritalStatus.text = 'x'",
    }
    actions = [
        {"id": name, "title": name, "input": [needs], "condition": [when(text, language="text/fhirpath")]}
        for name, text in texts.items()
    ]
    found = {r.action: r for r in made(plan("main", *actions), data=(observation(0.5),)).outcome.recommendations}
    cell = ("Observation/count-2026-05-20", "0.5")
    seen = {name: [(e.resource, str(e.value)) for e in r.evidence] for name, r in found.items()}
    patient = ("Patient/p", "None")
    assert seen == {"born": [patient], "low": [cell], "neither": [patient], "one": [cell], "open": [patient]}
    assert found["born"].evidence[0].date is None, "a birth date is not shown"
    (missing,) = found["open"].missing
    assert missing.supply[0].type == "Patient"
    assert missing.supply[0].text == "Record Patient.maritalStatus, for: maritalStatus.text = 'x'"


QUERIES = (
    LOGIC
    + """
define "Levels": [Observation: "Level code"]
define "Counts": [Observation: "Count Tests"]
define "With": exists ("Counts" O with "Levels" L such that L.status = O.status)
define "Without": exists ("Counts" O without "Levels" L such that L.status = 'final')
define "Nested": exists ("Counts" O where exists ("Levels" L where L.status = O.status))
define "Let": exists ("Counts" O let n: Count("Levels") where n > 0 return n)
define "And Not": exists ("Counts" O where O.status = 'final' and not "On Tablet A")
define "Sum": Sum("Counts" O where (O.value as Quantity) > 1 '10*9/L' return all (O.value as Quantity)) > 3 '10*9/L'
define "Latest":
  (Last("Counts" O where O.status = 'final' sort by (effective as FHIR.dateTime).value).value as Quantity) > 1 '10*9/L'
define function "Newest"(every List<Observation>): Last(every O sort by (effective as FHIR.dateTime).value)
define "Called": ("Newest"("Counts").value as Quantity) > 1 '10*9/L'
"""
)
OLD = observation(5, date="2026-05-19", id="old")
NEW = observation(2, id="new")
LEVEL = observation(3, "level", id="level")


def named(define: str, *data: Json) -> tuple[str, list[str | None], list[str]]:
    """The status, the resources that are evidence, and those that were looked at."""
    found = decided(define, *data, cql=QUERIES)
    resources = [e.resource.partition("/")[2] if e.resource else e.element for e in found.evidence]
    return found.status, resources, sorted({c.partition("/")[2] for e in found.evidence for c in e.checked})


def test_what_qualified_a_row_is_evidence_too() -> None:
    amended = NEW | {"status": "amended"}
    assert named("With", amended, OLD, LEVEL) == ("applies", ["old", "level"], [])
    assert named("With", amended, LEVEL) == ("does-not-apply", [None], ["level", "new"])
    assert named("Without", NEW, LEVEL) == ("does-not-apply", [None], ["level", "new"])
    assert named("Without", NEW, LEVEL | {"status": "amended"}) == ("applies", ["new"], ["level"])
    assert named("Nested", amended, OLD, LEVEL) == ("applies", ["old", "level"], [])
    assert named("Let", NEW, LEVEL) == ("applies", ["new", "level"], [])
    assert named("And Not", NEW) == ("applies", ["new", "onTabletA"], [])
    assert named("And Not", NEW, medication()) == ("does-not-apply", ["rx"], ["new"])


def test_a_sum_rests_on_what_it_left_out_and_the_last_one_on_those_before_it_as_checked() -> None:
    low = NEW | {"valueQuantity": NEW["valueQuantity"] | {"value": 1}}
    assert named("Sum", OLD, low) == ("applies", ["old"], ["new"])
    assert named("Latest", OLD, NEW) == ("applies", ["new"], ["old"])
    assert named("Latest", OLD, NEW | {"status": "amended"}) == ("applies", ["old"], ["new"])
    assert named("Called", OLD, NEW) == ("applies", ["new"], ["old"])


def test_the_drug_behind_a_reference_is_looked_at() -> None:
    drug = {"resourceType": "Medication", "id": "drug", "code": medication()["medicationCodeableConcept"]}
    request = {k: v for k, v in medication().items() if k != "medicationCodeableConcept"}
    request |= {"medicationReference": {"reference": "Medication/drug"}}
    assert named("On Tablet A", request, drug) == ("applies", ["rx"], ["drug"])


@pytest.mark.parametrize("contained", [False, True])
def test_the_drug_behind_a_reference_names_the_order_and_is_no_row_of_its_own(contained: bool) -> None:
    cql = (
        LOGIC
        + """
// @dataElement: onSomething
// @display: Tablet in use
define "On Something":
  exists ([MedicationRequest] R with [Medication] M such that R.status.value = 'active' and M.status.value = 'active')
"""
    )
    drug = {"resourceType": "Medication", "id": "drug", "status": "active", "code": {"text": "Drug A 10 mg"}}
    request = {k: v for k, v in medication().items() if k != "medicationCodeableConcept"}
    request |= {"category": [{"text": "outpatient"}], "medicationReference": {"reference": "Medication/drug"}}
    if contained:
        request |= {"contained": [drug], "medicationReference": {"reference": "#drug"}}
    (evidence,) = decided("On Something", request, drug | {"code": {"text": "Drug B"}} if contained else drug, cql=cql).evidence
    assert (evidence.resource, evidence.name, evidence.value) == ("MedicationRequest/rx", "Drug A 10 mg", "active")


def test_of_lists_joined_only_the_row_that_decided_is_evidence() -> None:
    cql = (
        LOGIC
        + """
define "Records":
  flatten ({
    ([MedicationRequest] R return all Tuple { drug: R.medication as FHIR.CodeableConcept, state: R.status.value }),
    ([MedicationStatement] S return all Tuple { drug: S.medication as FHIR.CodeableConcept, state: S.status.value })
  })

define "Current": "Records" R where R.state = 'active'

define "On It": exists ("Current" M where exists (M.drug.coding C where C.code.value = 'drug-a'))
"""
    )
    mine = medication() | {"id": "mine", "medicationCodeableConcept": {"coding": [{"code": "drug-a"}]}}
    other = medication() | {"id": "other", "medicationCodeableConcept": {"coding": [{"code": "something-else"}]}}
    for data in ((mine, other), (other, mine)):
        found = decided("On It", *data, cql=cql)
        assert (found.status, [e.resource for e in found.evidence]) == ("applies", ["MedicationRequest/mine"])


def test_the_evidence_of_a_class_says_which_drug_it_is() -> None:
    cql = (
        LOGIC
        + """
// @dataElement: onSomething
// @display: Tablet in use
define "On Something": exists ([MedicationRequest] R where R.status.value = 'active')
"""
    )
    given = medication() | {"medicationCodeableConcept": {"text": "Drug A 10 mg"}}
    (evidence,) = decided("On Something", given, cql=cql).evidence
    assert (evidence.display, evidence.name, evidence.value) == ("Tablet in use", "Drug A 10 mg", "active")
    assert evidence.as_json()["name"] == "Drug A 10 mg"
    plain = medication() | {"medicationCodeableConcept": {"text": "tablet"}}
    assert decided("On Something", plain, cql=cql).evidence[0].name is None


COMPARING = (
    LOGIC
    + """
define function "Range Of"(amount System.Quantity): Tuple { low: amount, high: amount }

define function "isBelow"(range Tuple { low System.Quantity, high System.Quantity }, limit System.Quantity):
  case
    when range is null then null
    when range.high < limit then true
    when range.low >= limit then false
    else null
  end

define function "isOutside"(range Tuple { low System.Quantity, high System.Quantity }, low System.Quantity, high System.Quantity):
  "isBelow"(range, low) or not "isBelow"(range, high)

define "Count Range": "Range Of"("Count")
define "Below Its Limit":
  "isBelow"("Count Range", 0.5 '10*9/L') or ("isBelow"("Count Range", 1.0 '10*9/L') and not "Level Is In Band")
define "Level Is In Band": not "isOutside"("Range Of"("Level"), 0.5 '10*9/L', 1.5 '10*9/L')
define "Decision": case when "Below Its Limit" then 'stop' else 'go' end
define "Decision Is Wait": "Decision" = 'wait'
define "Not Waiting And Below": not "Decision Is Wait" and "Below Its Limit"
"""
)


def reasons(define: str, count: float, level: float) -> dict[str | None, str | None]:
    data = (observation(count), observation(level, "level", id="level"))
    return {e.element: e.why for e in decided(define, *data, cql=COMPARING).evidence}


def test_the_comparison_that_decided_is_shown_also_inside_a_function() -> None:
    assert reasons("Not Waiting And Below", 0.8, 2.1) == {
        "count": "Below Its Limit (0.8 10*9/L < 1.0 10*9/L)",
        "level": "Level Is In Band is false (2.1 10*9/L >= 1.5 10*9/L)",
    }
    assert reasons("Not Waiting And Below", 0.4, 2.1) == {"count": "Below Its Limit (0.4 10*9/L < 0.5 10*9/L)"}


def test_what_was_false_is_shown_as_what_holds() -> None:
    assert reasons("Below Its Limit", 1.2, 0.7) == {
        "count": "Below Its Limit is false (1.2 10*9/L >= 0.5 10*9/L, 1.2 10*9/L >= 1.0 10*9/L)",
    }
    assert (
        reasons("Not Waiting And Below", 0.8, 0.7)["level"]
        == "Level Is In Band (0.7 10*9/L >= 0.5 10*9/L, 0.7 10*9/L < 1.5 10*9/L)"
    )
    assert reasons("Count Is Low", 5, 1) == {"count": "Count Is Low is false (5 10*9/L >= 1.0 10*9/L)"}


def test_what_was_compared_with_an_answer_is_no_reason() -> None:
    """Which way a decision went is compared with 'wait': that says nothing of the count behind it."""
    for count in (0.4, 0.8, 3):
        assert not any("wait" in (why or "") for why in reasons("Decision Is Wait", count, 2.1).values())


def test_a_resource_behind_an_element_is_told_once() -> None:
    cql = (
        LOGIC
        + '\ndefine "Counts": Count([Observation: "Count Tests"]) > 0\ndefine "Low And Counted": "Count Is Low" and "Counts"\n'
    )
    (evidence,) = decided("Low And Counted", observation(0.8), cql=cql).evidence
    assert (evidence.element, evidence.resource) == ("count", "Observation/count-2026-05-20")
    assert evidence.why == "Count Is Low (0.8 10*9/L < 1.0 10*9/L); Counts (1 > 0)"


LISTS = (
    LOGIC
    + """
define "Cs": [Observation: "Count Tests"] O where O.status = 'final'
define "Ls": [Observation: "Level code"] O where O.status = 'final'
define "A": "Cs" O return all (O.value as Quantity).value
define "B": "Ls" L return all (L.value as Quantity).value
define "Chosen Numbers": (if Count("A") > 1 then "B" else "A") contains 2.0
define "Second Row": "Cs"[1].status.value = 'final'
define "Second By Date": (("Cs" O return all O sort by (effective as FHIR.dateTime).value)[1].value as Quantity) > 1 '10*9/L'
define "As Many Rows In": "Cs"[Count("B")].status.value = 'final'
define "After The First": exists (Skip("Cs", 1))
define "Sum From There": ("A" N aggregate T starting (First("B")): T + N) > 4
define "Only One": (singleton from "Cs").status.value = 'final'
define "Turned Round": Interval[First("A"), First("B")] contains 1.0
"""
)


@pytest.mark.parametrize(
    ("define", "status", "counted", "checked"),
    [
        ("Chosen Numbers", "applies", ["c0", "c1", "l0"], []),
        ("Second Row", "applies", ["c1"], ["c0"]),
        ("Second By Date", "applies", ["c0"], ["c1"]),
        ("As Many Rows In", "applies", ["c1", "l0"], ["c0"]),
        ("After The First", "applies", ["c1"], ["c0"]),
        ("Sum From There", "applies", ["c0", "c1", "l0"], []),
        ("Only One", "error", ["c0", "c1"], []),
        ("Turned Round", "error", ["c0", "c1", "l0"], []),
    ],
)
def test_what_a_list_or_a_row_of_it_rests_on(define: str, status: str, counted: list[str], checked: list[str]) -> None:
    data = (
        observation(3, date="2026-05-20", id="c0"),
        observation(3, date="2026-05-10", id="c1"),
        observation(2, "level", "2026-05-10", id="l0"),
    )
    found = decided(define, *data, cql=LISTS)
    names = sorted({e.resource.partition("/")[2] for e in found.evidence if e.resource})
    looked_at = sorted({r.partition("/")[2] for e in found.evidence for r in e.checked})
    assert (found.status, names, looked_at) == (status, counted, checked)


def drafts_of(logic: str) -> str:
    """A data element whose rows are orders, and a condition on it."""
    lines = [
        LOGIC,
        "// @dataElement: drafts",
        "// @display: Order being written",
        'define "Drafts": [MedicationRequest] R return all Tuple { id: R.id.value, status: R.status.value, drug: R.medication }',
        'define "Tablets Of A": "Drafts" D where (D.drug as FHIR.CodeableConcept) in "Tablet A"',
    ]
    return "\n".join([*lines, f'define "Asked": {logic}'])


@pytest.mark.parametrize(
    "logic",
    [
        'exists ("Drafts" D where (D.drug as FHIR.CodeableConcept) in "Tablet A")',
        'exists ("Drafts" D where (D.drug as FHIR.CodeableConcept) in "Tablet A") or "Agrees"',
        'exists "Tablets Of A"',
        "(First(\"Drafts\" D where D.id = 'd1').status) = 'active' and exists \"Tablets Of A\"",
    ],
    ids=["filter", "or", "named", "twice"],
)
def test_of_a_list_the_rows_that_a_condition_refused_are_no_evidence_where_one_satisfied_it(logic: str) -> None:
    one, other = medication(TABLET_A, id="d1"), medication(TABLET_B, id="d2")
    for data in ((one, other), (other, one)):
        found = decided("Asked", *data, cql=drafts_of(logic))
        assert found.status == "applies"
        assert [(e.element, e.resource) for e in found.evidence] == [("drafts", "MedicationRequest/d1")]
        assert "d2" not in str(found.evidence[0].value)  # the row's own value, not the whole list's


@pytest.mark.parametrize(
    ("logic", "status"),
    [
        ("exists (\"Drafts\" D where D.status = 'stopped')", "does-not-apply"),
        ("Count(\"Drafts\" D where D.status = 'active') = 2", "applies"),
        ("not exists (\"Drafts\" D where D.status = 'stopped')", "applies"),
        ('exists "Drafts"', "applies"),
    ],
    ids=["none", "count", "not", "each"],
)
def test_where_every_row_counts_every_row_is_named(logic: str, status: str) -> None:
    data = (medication(TABLET_A, id="d1"), medication(TABLET_B, id="d2"))
    found = decided("Asked", *data, cql=drafts_of(logic))
    assert found.status == status
    assert {e.resource for e in found.evidence} == {"MedicationRequest/d1", "MedicationRequest/d2"}


def test_what_queries_over_queries_share_is_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cql = (
        LOGIC
        + """
define "Read": [Observation: "Count Tests"] O where O.status = 'final' and not "On Tablet A" return all O.id
define "First Half": "Read" R where exists ("Read" Other where Other = R) return all R
define "Second Half": "First Half" R where exists ("Read" Other where Other = R) return all R
define "Shared": (flatten ({ "First Half", "Second Half" })) R where R is not null
define "Either": exists ("Second Half") and exists ("Shared") and exists ("First Half")
"""
    )
    looked: list[Any] = []
    whole = evidence.row_deciders

    def watched(node: Any, *, with_sources: bool | None = None) -> Any:
        if with_sources is None:
            looked.append(node)
        return whole(node, with_sources=with_sources is not False)

    monkeypatch.setattr(evidence, "row_deciders", watched)
    found = decided("Either", NEW, OLD, cql=cql)
    assert (found.status, {e.element or e.resource for e in found.evidence}) == (
        "applies",
        {"onTabletA", "Observation/new", "Observation/old"},
    )
    assert len(looked) > 20
    assert len({id(node) for node in looked}) == len(looked)


FIRST_ONLY = [{"url": "http://hl7.org/fhir/StructureDefinition/cqf-applicabilityBehavior", "valueCode": "any"}]


@pytest.mark.parametrize("nested", [False, True])
def test_what_counts_only_where_nothing_before_it_applies_rests_on_what_those_before_it_rest_on(nested: bool) -> None:
    last = {"id": "b", "title": "B"}
    before = [
        {"id": "a", "title": "A", "condition": [when("Agrees")]},
        {"id": "c", "title": "C", "condition": [when("Count Is Low")]},
    ]
    after = {"id": "g", "title": "G", "action": [last]} if nested else last
    group = {"id": "top", "title": "Top", "extension": FIRST_ONLY, "action": [*before, after]}
    compiled = guideline(plan("main", group))
    (row,) = (r for r in run(compiled, observation(5.0)).recommendations if r.action == "b")
    assert row.status == "applies"
    assert {(e.element, e.resource, e.absent) for e in row.evidence} == {
        ("agrees", None, True), ("count", "Observation/count-2026-05-20", False)
    }  # fmt: skip
    for data in ([observation(5.0), agreement(True)], [observation(0.5)]):
        outcome = run(compiled, *data)
        assert "b" not in [r.action for r in outcome.by_status("applies")]


@pytest.mark.parametrize(
    ("text", "missing", "absent"),
    [
        ("(%z.first().value.value < 2 and %x.exists()) or %y.first().value.value > 1", "y", ["x"]),
        ("%y.first().value.value > 1 or (%x.exists() and %z.first().value.value < 2)", "y", ["x"]),
        ("%x.empty() and %y.first().value.value > 1", "y", ["x"]),
        ("%y.first().value.value > 1 and (%y.exists() or %x.empty())", "y", ["x"]),
        ("%x.first().value.value > 1 xor %y.first().value.value > 1", "x (Observation), y", []),
    ],
)
def test_what_a_condition_in_fhirpath_lacks_is_enough(text: str, missing: str, absent: list[str]) -> None:
    local = f"{BASE}/CodeSystem/local"
    inputs = [
        {"id": name, "type": "Observation", "codeFilter": [{"path": "code", "code": [{"system": local, "code": name}]}]}
        for name in "xyz"
    ]
    condition = {"kind": "applicability", "expression": expression(text, "text/fhirpath")}
    package = guideline(plan("main", {"id": "a", "title": "A", "input": inputs, "condition": [condition]}))
    (found,) = run(package).recommendations
    ((way,),) = (each.supply for each in found.missing)
    assert way.text.startswith(f"Record {missing} (Observation), for: ")
    assert [e.display for e in found.evidence if e.absent] == [f"{name} (Observation)" for name in absent]
    for value in (0.5, 5):
        data = [observation(value, name) for name in missing if name in "xyz"]
        (known,) = run(package, *data).recommendations
        assert known.status in ("applies", "does-not-apply")


RELATED = """
// @dataElement: xs
define "Xs": [Observation: "Count Tests"]
// @dataElement: drugs
define "Drugs": [MedicationRequest]
define "Two In All": Count([Observation: "Count Tests"] union [MedicationRequest]) > 1
define "Two Named": Count("Xs" union "Drugs") > 1
define "None Beside":
  exists ([Observation: "Count Tests"] A without [MedicationRequest] B such that A.subject.reference = B.subject.reference)
define "None Named Beside": exists ("Xs" A without "Drugs" B such that A.subject.reference = B.subject.reference)
define "Some Beside": exists ("Xs" A with "Drugs" B such that A.subject.reference = B.subject.reference)
define "Any": exists ("Xs" union "Drugs")
"""


@pytest.mark.parametrize(
    ("define", "status", "absent"),
    [
        ("Two In All", "does-not-apply", ["MedicationRequest"]),
        ("Two Named", "does-not-apply", ["Drugs"]),
        ("None Beside", "applies", ["MedicationRequest"]),
        ("None Named Beside", "applies", ["Drugs"]),
        ("Some Beside", "does-not-apply", ["Drugs"]),
        ("Any", "applies", []),
    ],
)
def test_that_a_list_is_empty_which_others_are_joined_with_is_told_where_it_counts(
    define: str, status: str, absent: list[str]
) -> None:
    found = decided(define, observation(0.5), cql=LOGIC + RELATED)
    assert found.status == status
    assert [e.display for e in found.evidence if e.absent and e.display != "Xs"] == absent
    if status == "applies":
        assert [e.resource for e in found.evidence if not e.absent] == ["Observation/count-2026-05-20"]


def test_a_condition_spelt_out_is_named_as_it_is_written_and_a_blank_description_says_nothing() -> None:
    text = "exists ([Observation: \"Count Tests\"] A where A.status = 'final')"
    for description, name in ((None, text), (" ", text), ("It is\n there. ", "It is there")):
        condition = {"kind": "applicability", "expression": expression(text, "text/cql-expression")}
        condition["expression"] |= {"description": description} if description else {}
        (found,) = one({"id": "a", "title": "A", "condition": [condition]}, cql=LOGIC).outcome.recommendations
        assert found.reason == f"Not the case: {name}"
        assert [e.display for e in found.evidence] == [text]

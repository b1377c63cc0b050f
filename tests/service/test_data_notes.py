"""What could not be used of the data must reach whoever reads the cards: silence would be read as "nothing applies"."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.guideline.test_distribution import services
from tests.service.ehr import COUNT, ORDERS, RX, hook_request, order_request, write_guideline
from tests.service.local import Local, local

from guideway.apply.outcome import Excluded, PatientOutcome
from guideway.diagnostics import Diagnostic, Severity
from guideway.service.data_notes import OF_A_KIND, data_notes
from guideway.service.services import left_to_others

Json = dict[str, Any]
NEGATED = {"modifierExtension": [{"url": "https://ehr.example.org/negated", "valueBoolean": True}]}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    folder = write_guideline(tmp_path_factory.mktemp("notes") / "g")
    with local(tmp_path_factory.mktemp("service"), folder) as service:
        yield service


@pytest.mark.parametrize(
    "copies",
    [
        [COUNT | {"code": "count"}],
        [COUNT | {"code": COUNT["code"] | {"coding": COUNT["code"]["coding"][0]}}],
        [COUNT | {"effectiveDateTime": "20.5.2026"}],
        [COUNT | NEGATED],
        [COUNT, COUNT | {"valueQuantity": COUNT["valueQuantity"] | {"value": 7}}],
        [{k: v for k, v in COUNT.items() if k != "status"}],
        [COUNT | {"effectiveDateTime": "2062-05-20"}],
    ],
    ids=["code", "coding", "date", "modifier", "two copies", "status", "future"],
)
def test_data_that_cannot_be_used_is_named_on_a_card(here: Local, copies: list[Json]) -> None:
    cards = here.cards(hook_request(*copies, RX))
    assert cards
    told = [
        p
        for card in cards
        for p in card["detail"].split("\n\n")
        if p.startswith(("**Of this patient's record, not used", "**Check:"))
    ]
    assert len([paragraph for paragraph in told if "Observation/count-1" in paragraph]) == 1


@pytest.mark.parametrize("harmless", [{"note": []}, {"category": [{}]}, {"effectiveDateTime": "2026-05-20T10:00:00"}])
def test_faults_by_which_nothing_is_lost_are_not_told(here: Local, harmless: Json) -> None:
    assert all("not used as it stands" not in card["detail"] for card in here.cards(hook_request(COUNT | harmless, RX)))


def test_a_visit_without_any_other_card_has_one_about_the_data(here: Local) -> None:
    assert here.cards(hook_request(COUNT, hook="order-select", context=order_request(RX)["context"]), ORDERS)
    other = RX | {"medicationCodeableConcept": {"text": "water"}}
    body = order_request(other)
    assert here.cards(body, ORDERS) == []
    body["prefetch"]["patient"] = body["prefetch"]["patient"] | {"birthDate": "1.2.1980"}
    (card,) = here.cards(body, ORDERS)
    assert card["indicator"] == "warning"
    assert "Patient/p: birthDate" in card["detail"]
    assert card["summary"].startswith("1 fault in the data: Patient/p")


def finding(rule: str, message: str, pointer: str | None = None, severity: Severity = Severity.warning) -> Diagnostic:
    return Diagnostic(rule, severity, message, "prefetch", None, pointer)


def outcome(*findings: Diagnostic, excluded: list[Excluded] | None = None) -> PatientOutcome:
    found: Any = SimpleNamespace(findings=findings, excluded=excluded or [])
    return cast(PatientOutcome, found)


def test_many_of_a_kind_are_counted_and_other_types_left_out() -> None:
    many = [finding("unit-missing", f"Observation/{n}: no unit.", f"Observation/{n}") for n in range(OF_A_KIND + 4)]
    other = finding("json-type", "Device/1: udi.", "Device/1.udi")
    remark = finding("cql-message", "a remark", severity=Severity.information)
    lines = data_notes(outcome(*many, other, remark), "prefetch", {"Observation"})
    named = ("Observation/0: no unit.", "Observation/1: no unit.", "Observation/2: no unit. (and 4 more of this kind)")
    assert lines == (named, "info")


def test_a_diagnosis_that_does_not_say_of_what_is_told_calmly() -> None:
    found = outcome(finding("code-missing", "Condition/1: it has neither a code nor words.", "Condition/1"))
    assert data_notes(found, "prefetch", {"Condition"}) == (("Condition/1: it has neither a code nor words.",), "info")


def test_what_the_record_itself_says_is_void_is_no_fault() -> None:
    excluded = [
        Excluded(resource="Condition/1", rule="verification-refuted", reason="it is refuted"),
        Excluded(resource="Condition/2", rule="future-dated", reason="dated 2062, after the evaluation time"),
        Excluded(resource="Device/3", rule="future-dated", reason="dated 2062, after the evaluation time"),
    ]
    lines = data_notes(outcome(excluded=excluded), "prefetch", {"Condition"})
    assert lines.lines == ("Condition/2 is not used: dated 2062, after the evaluation time.",)


def test_the_patient_and_the_whole_are_told_by_one_service() -> None:
    found = outcome(
        finding("patient-deceased", "Patient/p has died: no recommendation is made.", "Patient/p"),
        finding("json-type", "entry[3]: an object is expected, this is a number.", "/entry/3"),
        finding("json-type", "Observation/1: code: an object is expected.", "Observation/1.code"),
    )
    assert len(data_notes(found, "prefetch", {"Observation"}).lines) == 3
    assert len(data_notes(found, "prefetch", {"Observation"}, general=False).lines) == 1
    assert len(data_notes(found, "prefetch", (), general=True).lines) == 2


@pytest.mark.parametrize("hook", ["patient-view", "order-sign"])
def test_of_the_services_in_use_one_tells_the_faults_of_each_type(hook: str) -> None:
    used = services(hook)
    told = [{t.type for t in service.templates} - left_to_others(service, used).types for service in used]
    assert sum(map(len, told)) == len(set().union(*told))
    assert set().union(*told) == {t.type for service in used for t in service.templates}
    assert [left_to_others(service, used).first for service in used] == [True] + [False] * (len(used) - 1)

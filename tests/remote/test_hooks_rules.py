"""Every rule for discovery documents and answers is kept by a good one and broken by a change."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guideway.remote.hooks_rules import RULES, discovery_faults, response_faults

SERVICE = {
    "hook": "patient-view", "id": "a-b.c", "title": "T", "description": "D", "extension": {"x": 1},
    "prefetch": {"patient": "Patient/{{context.patientId}}",
                 "o": "Observation?patient={{context.patientId}}&code:in=http://x&date=ge{{today() - 9 days}}&_count=1",
                 "u": "Practitioner/{{userPractitionerId}}"},
}  # fmt: skip
RESOURCE = {"resourceType": "Task", "note": []}
SUGGESTION = {
    "label": "L", "uuid": str(uuid.uuid4()), "isRecommended": True,
    "actions": [{"type": "create", "description": "d", "resource": RESOURCE},
                {"type": "delete", "description": "d", "resourceId": "T/1"}],
}  # fmt: skip
CARD = {
    "uuid": str(uuid.uuid4()), "summary": "S" * 139, "indicator": "info", "detail": "d", "selectionBehavior": "at-most-one",
    "source": {"label": "x", "url": "https://x/", "topic": {"code": "t"}},
    "suggestions": [SUGGESTION, {"label": "M", "uuid": str(uuid.uuid4())}],
    "overrideReasons": [{"code": "c", "system": "http://s", "display": "d"}],
    "links": [{"label": "l", "url": "https://l", "type": "smart", "appContext": "{}"}],
}  # fmt: skip


def rules(faults):
    return sorted({fault.rule for fault in faults})


def test_a_good_discovery_and_a_good_answer():
    assert rules(discovery_faults({"services": [SERVICE]})) == []
    assert rules(discovery_faults({"services": []})) == []
    orders = {"hook": "order-sign", "prefetch": {"a": "Task?_id={{context.draftOrders.entry.resource.id}}"}}
    assert rules(discovery_faults({"services": [SERVICE | orders]})) == []
    another = {"hook": "my-own-hook", "prefetch": {"a": "Task/{{context.taskId}}"}}
    assert rules(discovery_faults({"services": [SERVICE | another]})) == []
    assert rules(response_faults({"cards": [CARD]})) == []
    assert rules(response_faults({"cards": [], "systemActions": [{"type": "update", "resource": RESOURCE}]})) == []


@pytest.mark.parametrize(
    ("rule", "document"),
    [
        ("D2", []),
        ("D2", {"service": []}),
        ("D3", {"services": [SERVICE | {"description": 5}]}),
        ("D3", {"services": ["x"]}),
        ("D4", {"services": [{k: v for k, v in SERVICE.items() if k != "title"}]}),
        ("D6", {"services": [SERVICE | {"id": "a/b c"}]}),
        ("D7", {"services": [SERVICE, SERVICE]}),
        ("D9", {"services": [SERVICE | {"extension": [1]}]}),
        ("J2", {"services": [SERVICE | {"usageRequirements": None}]}),
        ("P1", {"services": [SERVICE | {"prefetch": {"a": {"b": 1}}}]}),
        ("P2", {"services": [SERVICE | {"prefetch": {"a": "Patient/{{patient.id}}"}}]}),
        ("P2", {"services": [SERVICE | {"prefetch": {"a": "Patient/{{context.patient}}"}}]}),
        ("P2", {"services": [SERVICE | {"prefetch": {"a": "Task?_id={{context.draftOrders.entry.resource.id}}"}}]}),
        ("P4", {"services": [SERVICE | {"prefetch": {"a": "Observation?_include=Observation:subject"}}]}),
        ("P4", {"services": [SERVICE | {"prefetch": {"a": "Observation?code:text=x"}}]}),
        ("P5", {"services": [SERVICE | {"prefetch": {"a": "https://x/Patient/1"}}]}),
    ],
)
def test_faults_of_a_discovery(rule, document):
    assert rules(discovery_faults(document)) == [rule]


def card(**more):
    return {"cards": [{k: v for k, v in (CARD | more).items() if v is not ...}]}


def offering(**more):
    return card(suggestions=[{k: v for k, v in (SUGGESTION | more).items() if v is not ...}])


def acting(**more):
    return offering(actions=[{k: v for k, v in (SUGGESTION["actions"][0] | more).items() if v is not ...}])


@pytest.mark.parametrize(
    ("rule", "body"),
    [
        ("C1", {"card": []}),
        ("C1", []),
        ("C1", {"cards": [5]}),
        ("C2", card(summary=...)),
        ("C2", card(summary="S" * 140)),
        ("C3", card(indicator="success")),
        ("C3", card(indicator=...)),
        ("C4", card(source=...)),
        ("C4", card(source={"label": " "})),
        ("C5", card(source={"label": "x", "icon": "/icon.png"})),
        ("C6", card(source={"label": "x", "topic": {"display": "t"}})),
        ("C7", card(uuid=...)),
        ("C7", card(uuid="1")),
        ("C8", card(selectionBehavior=...)),
        ("C8", card(selectionBehavior="all")),
        ("C9", acting(type="fire-event", resource=...)),
        ("C10", acting(description=...)),
        ("C11", acting(resource=...)),
        ("C12", acting(type="delete", resource=...)),
        ("C13", card(suggestions=[SUGGESTION, SUGGESTION | {"uuid": str(uuid.uuid4())}])),
        ("C14", offering(label=...)),
        ("C15", offering(uuid=...)),
        ("C16", offering(actionSelectionBehavior="any")),
        ("C17", card(overrideReasons=[{"code": "c", "display": "d"}])),
        ("C18", card(links=[{"label": "l", "url": "/x", "type": "absolute"}])),
        ("C18", card(links=[{"label": "l", "url": "https://x", "type": "other"}])),
        ("C19", card(links=[{"label": "l", "url": "https://x", "type": "absolute", "appContext": "x"}])),
        ("C20", {"cards": [], "systemActions": [{"type": "create"}]}),
        ("C21", {"cards": [CARD, CARD]}),
        ("D9", card(extension=[1])),
        ("J2", card(detail="")),
        ("J2", card(links=[])),
        ("J2", {"cards": [], "systemActions": None}),
    ],
)
def test_faults_of_an_answer(rule, body):
    assert rules(response_faults(body)) == [rule]


def test_a_fault_says_where_it_is():
    (fault,) = response_faults({"cards": [], "systemActions": [{"type": "create"}]})
    assert fault.where == "systemActions[0]"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["cards", "services", "suggestions", "actions", "source", "links", "uuid", "prefetch", "id", "extension"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_nothing_breaks_the_rules_themselves(body):
    for fault in [*response_faults(body), *discovery_faults(body), *response_faults({"cards": [body]})]:
        assert fault.rule in RULES

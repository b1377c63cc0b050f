"""CDS Hooks, cards and feedback: each test bears the id of the requirement it checks."""

from __future__ import annotations

import re
import uuid

import pytest
from tests.service.ehr import COUNT, ORDERS, RX, SERVICE, hook_request, order_request
from tests.service.test_requirements_requests import problem

AGREES = {
    "resourceType": "QuestionnaireResponse",
    "id": "a",
    "status": "completed",
    "subject": {"reference": "Patient/p"},
    "questionnaire": "http://example.org/small/Questionnaire/ask",
    "authored": "2026-05-20",
    "item": [{"linkId": "agree", "answer": [{"valueBoolean": True}]}],
}


@pytest.fixture
def cards(service):
    return service.cards(hook_request(COUNT, RX))


def test_C1_cards_is_an_array_even_where_there_are_none(service):
    answer = service.hook(order_request({"resourceType": "MedicationRequest", "id": "d"}), ORDERS)
    assert answer.json() == {"cards": []}


def test_C2_summaries_are_short(service):
    found = service.cards(hook_request(COUNT, AGREES))
    assert any("T" * 100 in card["summary"] for card in found)
    assert all(0 < len(card["summary"]) < 140 for card in found)


def test_C3_indicators(service, cards):
    assert [card["indicator"] for card in cards] == ["critical"]
    assert [card["indicator"] for card in service.cards(hook_request(COUNT))] == ["warning"]
    assert [card["indicator"] for card in service.cards(hook_request(COUNT, AGREES))] == ["warning", "info"]


def test_C4_C5_sources(cards):
    for card in cards:
        assert card["source"]["label"]
        assert card["source"].get("url", "https://x").startswith("https://")


def test_C6_a_topic_is_a_coding(cards):
    topics = [card["source"]["topic"] for card in cards if "topic" in card["source"]]
    assert all(topic["code"] and topic["system"] for topic in topics)


def test_C7_C15_ids_are_uuids_and_stable_for_a_retry(service):
    body = hook_request(COUNT, RX)
    first, second = service.cards(body), service.cards(body)
    ids = [c["uuid"] for c in first] + [s["uuid"] for c in first for s in c.get("suggestions", ())]
    assert ids == [c["uuid"] for c in second] + [s["uuid"] for c in second for s in c.get("suggestions", ())]
    assert len({uuid.UUID(i) for i in ids}) == len(ids)
    assert service.cards(hook_request(COUNT, RX))[0]["uuid"] != first[0]["uuid"]


def test_C8_C13_C14_suggestions(cards):
    offering = [card for card in cards if card.get("suggestions")]
    assert offering
    for card in offering:
        assert card["selectionBehavior"] in ("any", "at-most-one")
        assert all(s["label"] for s in card["suggestions"])
        if card["selectionBehavior"] == "at-most-one":
            assert sum(bool(s.get("isRecommended")) for s in card["suggestions"]) <= 1


def test_C9_C10_C11_C12_actions(cards):
    actions = [a for card in cards for s in card.get("suggestions", ()) for a in s["actions"]]
    assert actions
    for action in actions:
        assert action["type"] in ("create", "update", "delete")
        assert action["description"]
        assert ("resourceId" in action) == (action["type"] == "delete")
        assert ("resource" in action) == (action["type"] != "delete")


def test_C16_no_action_selection_behavior(cards):
    assert "actionSelectionBehavior" not in str(cards)


def test_C17_override_reasons_are_whole_codings(cards):
    for card in cards:
        for reason in card["overrideReasons"]:
            assert reason["code"]
            assert reason["display"]
            assert reason["system"].startswith("http")


def test_C18_C19_links(cards):
    links = [link for card in cards for link in card.get("links", ())]
    assert links
    for link in links:
        assert link["label"]
        assert link["url"].startswith("https://")
        assert link["type"] in ("absolute", "smart")
        assert "appContext" not in link or link["type"] == "smart"


def test_C20_no_system_actions(service):
    assert set(service.hook(hook_request()).json()) == {"cards"}


def item(card, **more):
    return {
        "card": card,
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": "s"}],
        "outcomeTimestamp": "2026-06-01T10:00:00Z",
    } | more


def feedback(service, *items):
    return service.post(f"/cds-services/{SERVICE}/feedback", {"feedback": list(items)})


def outcomes(service):
    text = service.get("/metrics", headers=service.headers("/metrics", scope="system/Metrics.rs")).text
    return {m[1]: float(m[2]) for m in re.finditer(r"^guideway_card_outcomes\{(.*)\} (.*)$", text, re.MULTILINE)}


def counted(service, code):
    return sum(v for k, v in outcomes(service).items() if f'reason="{code}"' in k)


def test_F1_F2_feedback_is_kept_once(service):
    card = service.cards(hook_request())[0]["uuid"]
    reason = {"reason": {"system": "http://r", "code": "recipient-disagrees-evidence", "display": "x"}}
    overridden = item(card, outcome="overridden", overrideReason=reason)
    del overridden["acceptedSuggestions"]
    again = overridden | {"outcomeTimestamp": "2026-06-01T12:00:00.000+02:00"}
    before = counted(service, reason["reason"]["code"])
    for items in ([overridden], [overridden, overridden], [again]):
        assert feedback(service, *items).status_code == 200
    assert counted(service, reason["reason"]["code"]) == before + 1


def a_card(service):
    return service.cards(hook_request(COUNT, RX))[0]


def test_F3_a_reason_or_a_comment(service):
    base = {k: v for k, v in item(a_card(service)["uuid"], outcome="overridden").items() if k != "acceptedSuggestions"}
    assert feedback(service, base).status_code == 200
    assert feedback(service, base | {"overrideReason": {"userComment": "no"}}).status_code == 200
    problem(feedback(service, base | {"overrideReason": {}}), 400)


BAD_FEEDBACK = (
    ("card", ""),
    ("card", "a\x00b"),
    ("card", 5),
    ("card", str(uuid.uuid4())),
    ("outcome", "ignored"),
    ("acceptedSuggestions", []),
    ("acceptedSuggestions", [{}]),
    ("acceptedSuggestions", [{"id": str(uuid.uuid4())}]),
    ("outcomeTimestamp", "yesterday"),
    ("outcomeTimestamp", "2026-13-01T00:00:00Z"),
    ("outcomeTimestamp", "2026-06-01T10:00:00"),
    ("outcomeTimestamp", "2999-06-01T10:00:00Z"),
    ("overrideReason", 5),
)


def test_F4_bad_feedback(service):
    card = a_card(service)
    good = item(card["uuid"], acceptedSuggestions=[{"id": card["suggestions"][0]["uuid"]}])
    for name, value in BAD_FEEDBACK:
        issue = problem(feedback(service, good, good | {name: value}), 400)
        assert issue["expression"] == [f"feedback[1].{name}"], value
    of_another = service.post(f"/cds-services/{ORDERS}/feedback", {"feedback": [good]})
    assert problem(of_another, 400)["expression"] == ["feedback[0].card"]
    assert feedback(service, good).status_code == 200


def test_F4_no_feedback_at_all(service):
    problem(feedback(service), 400)
    problem(service.post(f"/cds-services/{SERVICE}/feedback", {}), 400)


def test_F5_feedback_for_an_unknown_service(service):
    problem(service.post("/cds-services/none/feedback", {"feedback": [item("c")]}), 404)


def test_S_feedback_characters_that_databases_refuse(service):
    told = item(a_card(service)["uuid"], outcome="overridden", overrideReason={"userComment": "a\x00b"})
    assert feedback(service, told).status_code == 200


def test_F_feedback_belongs_to_the_recommendations_of_a_card(service):
    (card,) = service.cards(hook_request(COUNT, RX))
    (suggestion,) = card["suggestions"]
    accepted = item(card["uuid"], acceptedSuggestions=[{"id": suggestion["uuid"]}])
    code = "does-not-align-preferences"
    overridden = item(
        card["uuid"], outcome="overridden", overrideReason={"reason": {"system": "r", "code": code, "display": "x"}}
    )
    del overridden["acceptedSuggestions"]

    def counts():
        text = service.get("/metrics", headers=service.headers("/metrics", scope="system/Metrics.rs")).text
        found = re.finditer(r"^guideway_recommendation_outcomes\{(.*)\} (.*)$", text, re.MULTILINE)
        labels = [(dict(re.findall(r'(\w+)="([^"]*)"', m[1])), float(m[2])) for m in found]
        return {(label["action"], label["outcome"], label["reason"]): count for label, count in labels}

    before = counts()
    assert feedback(service, accepted, overridden).status_code == 200
    after = counts()
    assert after["take", "accepted", ""] == before.get(("take", "accepted", ""), 0) + 1
    assert ("stop", "accepted", "") not in after
    assert {action for action, outcome, reason in after if reason == code} == {"take", "stop"}
    assert not any(action == "ask" for action, _, _ in after), "what is not known yet is not overridden"

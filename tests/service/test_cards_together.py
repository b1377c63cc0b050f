"""What belongs together is on one card; nothing that matters is lost by it."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from tests.apply.small import (
    BASE,
    LOGIC,
    TABLET_A,
    TABLET_B,
    activity,
    agreement,
    guideline,
    medication,
    observation,
    plan,
    run,
    when,
)
from tests.service.ehr import ORDERS, order_request, write_guideline
from tests.service.local import local

from guideway.apply.care_plan import requests
from guideway.apply.outcome import Evidence, Recommendation
from guideway.service.cards import EXTENSION, cards_of
from guideway.service.services import in_use, left_to_others, services_of
from guideway.service.suggestions import DraftOrder, Offers, Shown, standalone

OWN = "https://example.org/guideway/StructureDefinition/"
TAKE_A, TAKE_B = f"{BASE}/ActivityDefinition/take-a", f"{BASE}/ActivityDefinition/take-b"
DIRECTION = "http://hl7.org/fhir/uv/cpg/StructureDefinition/cpg-directionOfRecommendation"
LOW = observation(0.8)


def action(name, define="Count Is Low", *extension, **more):
    statement = {"url": f"{OWN}statement-id", "valueString": name}
    return {"id": name, "title": f"Do {name}", "condition": [when(define)], "extension": [statement, *extension], **more}


def logic(name, define, **more):
    expression = {"language": "text/cql-identifier", "expression": define, **more}
    return {"url": OWN + name, "valueExpression": expression}


def against(name, **more):
    return action(name, "True", {"url": DIRECTION, "valueCodeableConcept": {"coding": [{"code": "against"}]}}, **more)


def compiled(*actions, **more):
    return guideline(
        plan("main", *actions, **more),
        activity("take-a", productCodeableConcept=TABLET_A),
        activity("take-b", productCodeableConcept=TABLET_B),
    )


def cards(*actions, record=(LOW,), hook="patient-view", **options):
    outcome = run(compiled(*actions), *record, hook=hook)
    return cards_of(outcome, requests(outcome), **({"instance": "i", "service": "s"} | options))


def bodies(*actions, **options):
    return [card.body for card in cards(*actions, **options)]


def test_what_applies_is_one_card_with_a_section_and_a_suggestion_each():
    (card,) = bodies(
        action("one", definitionCanonical=TAKE_A), action("two", definitionCanonical=TAKE_B), action("three", "True")
    )
    assert card["summary"] == "3 recommendations: Do one; Do two; Do three"
    assert card["indicator"] == "info"
    assert [s["label"] for s in card["suggestions"]] == ["Do one", "Do two"]
    assert card["selectionBehavior"] == "any"
    for title in ("one", "two", "three"):
        assert f"**Do {title}**" in card["detail"]


def test_reasons_that_all_share_are_said_once():
    (card,) = bodies(action("one"), action("two"))
    assert card["detail"].count("Observation/") == 1
    assert "**Why, for all of these:**" in card["detail"]


def test_one_recommendation_is_its_own_title_and_source():
    (card,) = bodies(action("one", documentation=[{"type": "citation", "label": "a book, line 3"}]))
    assert card["summary"] == "Do one"
    assert card["source"] == {"label": "a book, line 3"}


def test_a_long_title_is_whole_in_the_detail():
    (card,) = bodies(action("one", title="T" * 300))
    assert len(card["summary"]) == 139
    assert "T" * 300 in card["detail"]


def test_what_is_urgent_or_advised_against_is_one_card_with_the_worst_indicator():
    found = bodies(action("calm"), action("soon", priority="urgent"), action("now", priority="stat"), against("not"))
    assert [(c["indicator"], c["summary"]) for c in found] == [
        ("critical", "2 urgent, 1 advised against: Do now; Do soon; Do not"),
        ("info", "Do calm"),
    ]


def test_while_an_order_is_written_all_but_choices_is_one_card():
    (card,) = bodies(action("calm"), action("soon", priority="urgent"), against("not"), hook="order-select")
    assert card["summary"] == "1 urgent, 1 advised against, 1 recommendation: Do soon; Do not; Do calm"
    assert card["indicator"] == "warning"


def test_advice_against_something_alone_is_no_warning():
    (card,) = bodies(against("not"))
    assert (card["indicator"], card["summary"]) == ("info", "Do not")


@pytest.mark.parametrize("stated", [True, False])
def test_a_choice_of_one_has_its_own_card(stated):
    members = [
        action("a", "True", logic("note", "Note"), definitionCanonical=TAKE_A),
        action("b", "True", definitionCanonical=TAKE_B),
    ]
    group = action("pick", "True", action=members, selectionBehavior="at-most-one")
    if not stated:
        del group["extension"]
    choice, other = bodies(group, action("other"))
    assert choice["selectionBehavior"] == "at-most-one"
    assert [s["label"] for s in choice["suggestions"]] == ["Do a", "Do b"]
    assert choice["summary"] == "Do pick"
    assert "the count is 0.8" in choice["detail"]
    assert other["summary"] == "Do other"


def test_of_a_choice_with_one_member_left_no_card_is_made_of_its_own():
    members = [action("a", "True", definitionCanonical=TAKE_A), action("b", "False", definitionCanonical=TAKE_B)]
    (card,) = bodies(action("pick", "True", action=members, selectionBehavior="at-most-one"), action("other"))
    assert [s["label"] for s in card["suggestions"]] == ["Do a"]
    assert card["selectionBehavior"] == "any"


def test_choices_beyond_the_limit_are_listed():
    def pick(name):
        members = [
            action(f"{name}-a", "True", definitionCanonical=TAKE_A, dynamicValue=[]),
            action(f"{name}-b", "True", definitionCanonical=TAKE_B),
        ]
        return action(name, "True", action=members, selectionBehavior="at-most-one")

    (card,) = bodies(pick("x"), limit=1)
    assert "suggestions" not in card
    assert "One of: Do x-a; Do x-b" in card["detail"]


def test_a_proposal_of_several_recommendations_is_offered_once_and_belongs_to_all():
    (card,) = cards(action("one", definitionCanonical=TAKE_A), action("two", "True", definitionCanonical=TAKE_A))
    (suggestion,) = card.body["suggestions"]
    assert {s.action: s.suggestions for s in card.shown} == {"one": [suggestion["uuid"]], "two": [suggestion["uuid"]]}
    assert "*Do two*" in card.body["detail"]


def test_withheld_is_said_with_the_reason():
    withheld = action("stop", "True", logic("withheld-when", "True", description="an allergy"), definitionCanonical=TAKE_A)
    found = bodies(withheld, action("one"))
    assert [c["summary"] for c in found] == ["1 recommendation, 1 withheld: Do one"]
    assert "Do stop: an allergy" in found[0]["detail"]
    assert "suggestions" not in found[0]
    (alone,) = bodies(withheld)
    assert alone["summary"] == "1 withheld: Do stop"


def test_something_urgent_that_was_withheld_is_a_warning():
    (card,) = bodies(action("stop", "True", logic("withheld-when", "True", description="an allergy"), priority="urgent"))
    assert (card["indicator"], card["summary"]) == ("warning", "1 urgent withheld: Do stop")
    assert "an allergy" in card["detail"]


def test_errors_and_data_that_could_not_be_obtained_are_warnings():
    card, other = bodies(action("broken", "Fails"), action("one"), missing={"observation": "the server is down"})
    assert card["indicator"] == "warning"
    assert card["summary"] == ("1 recommendation could not be evaluated, 1 part of the record could not be obtained: Do broken")
    assert "Do broken" in card["detail"]
    assert "the server is down" in card["detail"]
    assert other["summary"] == "Do one"


def test_the_data_needed_stand_on_the_last_card_each_once():
    (card,) = bodies(action("one"), action("asks", "Agrees"), action("asks-too", "Agrees"))
    assert card["summary"] == "Do one"
    assert card["detail"].count("**The patient agrees**") == 1
    assert "decides: Do asks; Do asks-too" in card["detail"]


def test_the_data_needed_have_a_card_where_nothing_else_is_said():
    (card,) = bodies(action("asks", "Agrees"))
    assert (card["indicator"], card["summary"]) == ("info", "1 data item needed: The patient agrees")
    assert "suggestions" not in card


def test_what_something_urgent_waits_for_comes_first():
    tree = [action("a", "Agrees"), action("b", "Agrees"), action("now", "Count Is Low", priority="urgent")]
    (card,) = bodies(*tree, record=())
    assert card["summary"] == "2 data items needed: Blue cell count; The patient agrees"
    assert card["detail"].index("Blue cell count") < card["detail"].index("The patient agrees")


SHARED = f"{BASE}/PlanDefinition/shared"


def two_services(extra=(), shared=(), **more):
    """Two plans at the top that share one; the wide one reaches more."""
    view = {"trigger": [{"type": "named-event", "name": "patient-view"}]}
    reach = {"id": "reach", "definitionCanonical": SHARED} | more
    far = {"id": "far", "definitionCanonical": f"{BASE}/PlanDefinition/far"}
    made = guideline(
        plan("narrow", reach, *({**each, **view} for each in extra)),
        plan("wide", {"id": "reach", "definitionCanonical": SHARED}, far),
        plan("shared", *({**each, **view} for each in shared or (action("common"),))),
        plan("far", {**action("afar", "False"), **view}),
    )
    return made, {s.plan.id: s for s in services_of(made)}


def visit(made, services, record=(LOW,), names=(), **options):
    used = in_use(services.values(), names)
    found = {}
    for service in used:
        outcome = run(made, *record, plans=[service.plan])
        left = left_to_others(service, used)
        found[service.plan.id] = cards_of(
            outcome, requests(outcome), instance="i", service=service.id, elsewhere=left.plans, asked=left.asked, **options
        )
    return {name: [card.body["summary"] for card in made] for name, made in found.items()}


def test_a_plan_that_services_share_is_shown_by_the_one_that_reaches_most():
    made, services = two_services(extra=[action("mine")])
    assert visit(made, services) == {"wide": ["Do common"], "narrow": ["Do mine"]}


def test_while_an_order_is_written_the_service_made_for_it_comes_first():
    at = lambda *hooks: {"trigger": [{"type": "named-event", "name": name} for name in hooks]}  # noqa: E731
    both, view = at("patient-view", "order-sign"), at("patient-view")
    made = guideline(
        plan(
            "wide", {"id": "a", "definitionCanonical": SHARED}, {"id": "b", "definitionCanonical": f"{BASE}/PlanDefinition/more"}
        ),
        plan("orders", {"id": "a", "definitionCanonical": SHARED}),
        plan("shared", {**action("common"), **both}),
        plan("more", {**action("one"), **both}, {**action("two"), **view}, {**action("three"), **view}),
    )
    services = list(services_of(made))
    for hook, first in (("patient-view", "wide"), ("order-sign", "orders")):
        assert next(iter(in_use(s for s in services if s.hook == hook))).plan.id == first


def test_a_site_that_uses_one_service_gets_everything_from_it():
    made, services = two_services(extra=[action("mine")])
    assert visit(made, services, names=["narrow-patient-view"]) == {"narrow": ["2 recommendations: Do common; Do mine"]}


def test_a_site_says_which_service_comes_first():
    made, services = two_services()
    assert visit(made, services, names=["narrow-patient-view", "wide-patient-view"]) == {"narrow": ["Do common"], "wide": []}


@pytest.mark.parametrize(
    "more",
    [
        {"condition": [when("False")]},
        {"extension": [logic("withheld-when", "True")]},
        {"trigger": [{"type": "named-event", "name": "order-sign"}]},
        {"extension": [{"url": "http://hl7.org/fhir/uv/cpg/StructureDefinition/cpg-enabled", "valueBoolean": False}]},
    ],
)
def test_a_plan_is_not_left_to_a_service_that_may_not_show_it(more):
    made, services = two_services(**more)
    assert visit(made, services, names=["narrow-patient-view", "wide-patient-view"])["wide"] == ["Do common"]


def test_a_visit_that_shows_something_is_not_interrupted_for_data_alone():
    made, services = two_services(extra=[action("asks", "Agrees")])
    assert visit(made, services) == {"wide": ["Do common"], "narrow": []}
    asked = ["1 data item needed: The patient agrees"]
    assert visit(made, services, always_ask=True)["narrow"] == asked
    assert visit(made, services, disabled=["common"])["narrow"] == asked
    assert visit(made, services, names=["narrow-patient-view"])["narrow"] == ["Do common"]


def test_while_an_order_is_written_only_what_rests_on_it_is_asked_for():
    about = [action("draft", "On Tablet A", logic("withheld-when", "Agrees", description="does not want to"))]
    other = [action("other", "Agrees")]
    options = {"record": (LOW, medication()), "hook": "order-sign", "drafts": [f"MedicationRequest/{medication()['id']}"]}
    assert [c["summary"] for c in bodies(*about, **options)] == ["1 data item needed: The patient agrees"]
    assert bodies(*other, **options) == []
    assert bodies(*other, **options, always_ask=True)
    assert bodies(*other, **(options | {"hook": "patient-view"}))


def test_where_no_order_is_left_nothing_is_asked_for(tmp_path):
    guideline = write_guideline(tmp_path / "g")
    file = guideline / "PlanDefinition-orders.json"
    orders = json.loads(file.read_text())
    orders["action"].append({k: v for k, v in orders["action"][0].items() if k != "priority"} | {"id": "b", "title": "B"})
    orders["action"][-1]["condition"] = [when("Agrees")]
    file.write_text(json.dumps(orders))
    with local(tmp_path / "s", guideline) as service:
        asked = order_request({"resourceType": "MedicationRequest", "medicationCodeableConcept": TABLET_B, "id": "d"})
        assert service.cards(asked, ORDERS) == []
        asked["context"] |= {"selections": [], "draftOrders": {"resourceType": "Bundle", "type": "collection"}}
        assert service.cards(asked, ORDERS) == []


def test_what_the_first_service_asks_for_no_other_asks():
    made, services = two_services(extra=[action("asks", "Agrees")], shared=[action("common", "Agrees")])
    asked = ["1 data item needed: The patient agrees"]
    assert visit(made, services) == {"wide": asked, "narrow": []}
    made, services = two_services(extra=[action("asks", "Count Is Low")], shared=[action("common", "Agrees")])
    assert visit(made, services, record=())["narrow"] == ["1 data item needed: Blue cell count"]


@pytest.mark.parametrize(
    "asks",
    [
        action("asks", "Agrees", priority="urgent"),
        action("asks", "Agrees", {"url": DIRECTION, "valueCodeableConcept": {"coding": [{"code": "against"}]}}),
        action("asks", "True", logic("withheld-when", "Agrees", description="does not want to")),
    ],
)
def test_what_presses_is_asked_for_at_any_visit(asks):
    made, services = two_services(extra=[asks])
    assert visit(made, services)["narrow"] == ["1 data item needed: The patient agrees"]


def test_advice_against_one_draft_offers_to_take_it_back_once():
    record = (LOW, medication())
    both = [
        action("no", "On Tablet A", {"url": DIRECTION, "valueCodeableConcept": {"coding": [{"code": "against"}]}}),
        action("never", "On Tablet A", {"url": DIRECTION, "valueCodeableConcept": {"coding": [{"code": "against"}]}}),
    ]
    reference = f"MedicationRequest/{medication()['id']}"
    (card,) = cards(*both, record=record, drafts={reference: "Tablet A"})
    (suggestion,) = card.body["suggestions"]
    assert suggestion["label"] == "Take back the draft order: Tablet A"
    assert suggestion["actions"] == [{"type": "delete", "description": suggestion["label"], "resourceId": reference}]
    assert [s.suggestions for s in card.shown] == [[suggestion["uuid"]]] * 2


def test_of_several_drafts_the_one_that_is_advised_against_is_offered_to_be_taken_back():
    cql = (
        LOGIC
        + """
// @dataElement: drafts
// @display: Order being written
define "Drafts": [MedicationRequest] R return all Tuple { drug: R.medication }
define "Drafts A": exists ("Drafts" D where (D.drug as FHIR.CodeableConcept) in "Tablet A")
"""
    )
    no = action("no", "Drafts A", {"url": DIRECTION, "valueCodeableConcept": {"coding": [{"code": "against"}]}})
    record = (medication(TABLET_B, id="d2"), medication(TABLET_A, id="d1"))
    outcome = run(guideline(plan("main", no), cql=cql), *record, hook="order-sign")
    drafts = {"MedicationRequest/d1": "Tablet A", "MedicationRequest/d2": "Tablet B"}
    (card,) = cards_of(outcome, requests(outcome), instance="i", service="s", drafts=drafts)
    (suggestion,) = card.body["suggestions"]
    assert suggestion["label"] == "Take back the draft order: Tablet A"
    assert [a["resourceId"] for a in suggestion["actions"]] == ["MedicationRequest/d1"]


@pytest.mark.parametrize(
    ("codes", "names", "offered"),
    [
        (("1", "1"), ("Tablet A", "Brand of A"), 2),
        (("1", "2"), ("Tablet", "Tablet"), 0),
        (("1", None), ("Tablet A", "tablet a"), 2),
        (("1", None), ("Tablet A", "Brand of A"), 0),
        ((None, None), ("Tablet A", None), 0),
        (("1 class", "2 class"), ("Tablet A", "Tablet B"), 0),
        (("1 class", "1 class"), ("Tablet A", "Brand of A"), 2),
    ],
)
def test_several_drafts_of_one_drug_are_known_by_their_codes(codes, names, offered):
    references = ["MedicationRequest/d1", "MedicationRequest/d2"]
    evidence = [Evidence(display="Order", resource=r, name=n) for r, n in zip(references, names, strict=True)]
    r = Recommendation(
        plan="u", plan_id="main", action="no", title="No", status="applies", direction="against", evidence=evidence
    )
    drafts = {
        each: DraftOrder(f"words of {each}", frozenset((f"system {n}", part) for n, part in enumerate((code or "").split())))
        for each, code in zip(references, codes, strict=True)
    }
    shown = [Shown(plan="url", version="1", action="no", status="applies")]
    offers = Offers({}, (), drafts, identity=str, url=lambda _: "url")
    assert len(offers.to_take_back([SimpleNamespace(recommendations=[r])], shown)) == offered


def test_every_recommendation_names_its_suggestions_for_feedback():
    (card,) = bodies(action("one", definitionCanonical=TAKE_A), action("two"), action("asks", "Agrees"))
    (suggestion,) = card["suggestions"]
    assert card["extension"][EXTENSION] == [
        {"plan": f"{BASE}/PlanDefinition/main", "version": "1.0.0", "action": "one", "status": "applies",
         "suggestions": [suggestion["uuid"]]},
        {"plan": f"{BASE}/PlanDefinition/main", "version": "1.0.0", "action": "two", "status": "applies"},
        {"plan": f"{BASE}/PlanDefinition/main", "version": "1.0.0", "action": "asks", "status": "unknown"},
    ]  # fmt: skip


def test_ids_are_those_of_the_hook_instance_and_of_the_version():
    tree = [action("one", definitionCanonical=TAKE_A), action("now", priority="stat")]

    def ids(version="1.0.0", **options):
        outcome = run(compiled(*tree, version=version), LOW)
        found = cards_of(outcome, requests(outcome), **({"instance": "i", "service": "s"} | options))
        return [c.uuid for c in found] + [s["uuid"] for c in found for s in c.body.get("suggestions", ())]

    assert ids() == ids()
    for other in (ids(instance="j"), ids(service="t"), ids(version="2.0.0")):
        assert not set(ids()) & set(other)


def test_what_is_switched_off_is_on_no_card():
    tree = [action("one", definitionCanonical=TAKE_A), action("asks", "Agrees"), action("now", "True", priority="stat")]
    (card,) = bodies(*tree, record=(LOW, agreement(True)), disabled=["one", "main#now"])
    assert card["summary"] == "Do asks"
    assert bodies(*tree, disabled=["one", "now", "asks"]) == []


def test_a_suggestion_refers_to_nothing_that_is_not_there():
    task = {"resourceType": "Task", "basedOn": [{"reference": "RequestGroup/main-2"}], "focus": {"reference": "Patient/p"}}
    goal = {"url": "http://hl7.org/fhir/StructureDefinition/resource-pertainsToGoal", "valueReference": {"reference": "Goal/g"}}
    task["extension"] = [goal]
    task["partOf"] = [{"reference": "Task/other"}, {"reference": "Task/own"}]
    assert standalone(task, {"Task/other", "Task/own"}, {"main"}, ["Task/own"]) == {
        "resourceType": "Task",
        "focus": {"reference": "Patient/p"},
        "partOf": [{"reference": "Task/own"}],
    }
    assert standalone({"basedOn": [{"reference": "RequestGroup/his"}]}, set(), {"main"}, []) != {}


def test_tasks_in_suggestions_are_based_on_nothing_that_only_a_care_plan_holds():
    ask = activity("ask-a", kind="Task")
    outcome = run(guideline(plan("main", action("one", definitionCanonical=f"{BASE}/ActivityDefinition/ask-a")), ask), LOW)
    (proposed,) = requests(outcome)
    assert proposed["resourceType"] == "Task"
    assert "RequestGroup" not in str(proposed)  # there is none beside the requests
    (card,) = cards_of(outcome, [proposed], instance="i", service="s")
    assert "RequestGroup" not in str(card.body["suggestions"])


def test_where_one_card_may_be_shown_it_holds_all():
    members = [action("a", "True", definitionCanonical=TAKE_A), action("b", "True", definitionCanonical=TAKE_B)]
    actions = (
        action("calm"),
        action("soon", priority="urgent"),
        action("pick", "True", action=members, selectionBehavior="at-most-one"),
    )
    (card,) = bodies(*actions, limit=1)
    for title in ("calm", "soon", "pick", "a; Do b"):
        assert f"Do {title}" in card["detail"]

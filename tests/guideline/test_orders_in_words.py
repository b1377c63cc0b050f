"""The card of an order speaks of the order in words: by the name of its drug, and never by how the logic is written."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from guideway.apply.care_plan import requests
from guideway.apply.code_names import displays_of
from guideway.apply.hook_context import hook_parameters
from guideway.apply.run import apply_guideline
from guideway.records.reading import read_resources
from guideway.service.cards import Card, cards_of
from guideway.service.hook_request import HookRequest
from guideway.service.services import services_of

from .evaluating import RXNORM
from .support import guideline
from .test_corticosteroid_orders import MCAS

Json = dict[str, Any]
IBUPROFEN: Json = {"system": RXNORM, "code": "5640"}
MISSPELT = RXNORM.replace("http:", "https:")
LOCAL: Json = {"system": "urn:x", "code": "1"}


def cards(*drugs: Json) -> list[Card]:
    """What is shown at the orders of these drugs, of a patient with mast cell activation syndrome."""
    (service,) = [s for s in services_of(guideline()) if s.id == "ordering-and-drug-safety-order-sign"]
    drafts = [
        {"resourceType": "MedicationRequest", "id": f"d{n}", "status": "draft", "intent": "order",
         "subject": {"reference": "Patient/p"}, **({"medicationCodeableConcept": drug} if drug else {})}
        for n, drug in enumerate(drugs)
    ]  # fmt: skip
    context = {"userId": "Practitioner/d", "patientId": "p"}
    context["draftOrders"] = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": d} for d in drafts]}
    request = HookRequest({"hook": "order-sign", "hookInstance": str(uuid.uuid4()), "context": context}, service)
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"resourceType": "Patient", "id": "p"}}]}
    bundle["entry"].append({"resource": MCAS})
    (record,) = read_resources([bundle], "p")
    outcome = apply_guideline(
        guideline(), record, plans=[service.plan], as_of="2026-06-01", hook="order-sign", explain="brief",
        parameters=hook_parameters(guideline(), request.context),
    )  # fmt: skip
    drafts = request.draft_orders([], displays_of(guideline()))
    return cards_of(outcome, requests(outcome), instance="i", service=service.id, drafts=drafts)


def labels(found: list[Card]) -> list[str]:
    return [s["label"] for card in found for s in card.body.get("suggestions", ())]


@pytest.mark.parametrize("codings", [[IBUPROFEN], [LOCAL, IBUPROFEN], [IBUPROFEN | {"system": MISSPELT}]])
def test_a_drug_that_is_given_by_its_codes_is_called_as_the_guideline_calls_it(codings: list[Json]) -> None:
    (card,) = found = cards({"coding": codings})
    assert "Order being written: Ibuprofen (MedicationRequest/d0)" in card.body["detail"]
    assert labels(found) == ["Take back the draft order: Ibuprofen (prescription)"]


def test_two_orders_of_one_drug_can_each_be_taken_back() -> None:
    (card,) = found = cards({"coding": [IBUPROFEN]}, {"text": "Ibuprofen"})
    for draft in ("d0", "d1"):
        assert f"Order being written: Ibuprofen (MedicationRequest/{draft})" in card.body["detail"]
    start = "Take back the draft order: Ibuprofen (prescription), MedicationRequest"
    assert labels(found) == [f"{start}/d0", f"{start}/d1"]


def test_the_drug_is_named_beside_an_order_of_another_kind() -> None:
    (card,) = found = cards({"coding": [IBUPROFEN]}, {"text": "Metoprolol"})
    assert "Order being written: Ibuprofen (MedicationRequest/d0)" in card.body["detail"]
    assert labels(found) == ["Take back the draft order: Ibuprofen (prescription)"]


def test_of_orders_of_two_drugs_it_is_not_said_which_is_meant() -> None:
    assert labels(cards({"coding": [IBUPROFEN]}, {"text": "Naproxen"})) == []


def test_an_order_without_a_drug_is_asked_for_its_name() -> None:
    (card,) = cards({})
    detail = card.body["detail"]
    assert "**Order being written**: Enter the name of its drug in the order" in detail
    for word in ("does not settle", "id:", "repeats", "false", "true"):
        assert word not in detail
    assert "NSAID other than aspirin in use" not in detail

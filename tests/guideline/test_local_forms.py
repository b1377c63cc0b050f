"""Whether a drug is swallowed or injected, or stays where it is put: the route first, then the product, then how it is used."""

from __future__ import annotations

from typing import Any

import pytest

from .evaluating import evaluation_of

Json = dict[str, Any]
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
H1, STEROID, CROMOLYN = ("20610", "On H1 Antihistamine"), ("8640", "On Systemic Corticosteroid"), ("42612", "On Oral Cromolyn")


def in_use(drug: tuple[str, str], *, text: str = "", route: Json | None = None, name: str = "", kind: str = "request") -> Any:
    code, define = drug
    concept: Json = {"coding": [{"system": RXNORM, "code": code}]} | ({"text": name} if name else {})
    dosage: Json = ({"text": text} if text else {}) | ({"route": route} if route else {})
    common = {"id": "m", "subject": {"reference": "Patient/p"}, "medicationCodeableConcept": concept}
    if kind == "administration":
        record = {"resourceType": "MedicationAdministration", "status": "completed", "effectiveDateTime": "2026-06-01", **common}
        record |= {"dosage": dosage} if dosage else {}
    else:
        record = {"resourceType": "MedicationRequest", "status": "active", "intent": "order", **common}
        record |= {"dosageInstruction": [dosage]} if dosage else {}
    return evaluation_of([record]).define("MastCellMedicationElements", define)


@pytest.mark.parametrize(
    ("drug", "text"),
    [
        (H1, "Take 1 tablet by mouth daily for nasal congestion"),
        (H1, "Take 1 tablet daily for ocular itching"),
        (H1, "Take 10 mg by mouth daily for nasal allergies"),
        (H1, "Take 10 mg daily; stop nasal sprays"),
        (H1, "10 mg daily for topical and cutaneous itching"),
        (H1, "10 mg daily, for itchy eyes and ears"),
        (STEROID, "Take 1 tablet by mouth daily for nasal polyps"),
        (STEROID, "20 mg intravenously before the infusion; apply pressure to the skin"),
        (H1, "10 mg daily for swelling around the eyes, and use eye drops"),
        (H1, "daily for itching in both eyes"),
        (H1, "20 drops once daily"),
        (H1, "2 tablets, push through the foil; for itchy skin"),
        (CROMOLYN, "Dissolve the ampule in water and drink before meals; do not inhale"),
    ],
)
def test_what_a_drug_is_for_is_not_its_form(drug: tuple[str, str], text: str) -> None:
    assert in_use(drug, text=text) is True


@pytest.mark.parametrize(
    ("drug", "text"),
    [
        (H1, "1 spray in each nostril daily"),
        (H1, "Take 2 sprays in each nostril"),
        (H1, "1 drop in both eyes twice a day"),
        (H1, "Apply to the affected area"),
        (H1, "Place 1 drop for itching in both eyes"),
        (H1, "One drop for itchy eyes"),
        (H1, "1 drop for the eye"),
        (H1, "Drops for both eyes"),
        (H1, "1 gtt OU"),
        (H1, "Push pump, 1 spray each nostril"),
        (H1, "1 spray for itchy nose"),
        (H1, "thin layer for rash on skin"),
        (H1, "Cream for itchy skin"),
        (STEROID, "Instill 1 drop into the right eye"),
        (STEROID, "Inhale 2 puffs by mouth twice daily"),
        (STEROID, "Swish and spit"),
        (CROMOLYN, "20 mg nebulized four times a day"),
    ],
)
def test_how_it_is_used_says_that_it_is_local(drug: tuple[str, str], text: str) -> None:
    assert in_use(drug, text=text) is False


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ({"text": "oral"}, True),
        ({"coding": [{"system": "http://snomed.info/sct", "code": "26643006", "display": "Oral route"}]}, True),
        ({"coding": [{"code": "PO"}]}, True),
        ({"text": "IV"}, True),
        ({"text": "Ophthalmic"}, False),
        ({"coding": [{"display": "Nasal route"}]}, False),
        ({"text": "Inhalation, oral"}, False),
    ],
)
def test_the_route_decides_before_the_words(route: Json, expected: bool) -> None:
    for text in ("Take 1 tablet by mouth", "1 drop into each eye"):
        assert in_use(STEROID, text=text, route=route) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("prednisone 10 MG Oral Tablet (nasal polyps)", True),
        ("cetirizine tablet, eye allergy", True),
        ("prednisone 20 mg (nasal polyps)", True),
        ("prednisolone eye itch relief", False),
        ("nasal allergy spray", False),
        ("prednisolone acetate 1% ophthalmic suspension", False),
        ("budesonide for oral inhalation", False),
        ("dexamethasone oral rinse", False),
    ],
)
def test_the_name_of_the_product_says_its_form(name: str, expected: bool) -> None:
    assert in_use(STEROID, name=name) is expected


def test_a_drug_in_words_may_say_what_it_is_for() -> None:
    record = {
        "resourceType": "MedicationStatement",
        "id": "m",
        "status": "active",
        "subject": {"reference": "Patient/p"},
        "medicationCodeableConcept": {"text": "prednisone 20 mg for nasal polyps"},
        "dosage": [{"text": "daily", "route": {"text": "oral"}}],
    }
    assert evaluation_of([record]).define("MastCellMedicationElements", "On Systemic Corticosteroid") is True


def test_an_administered_eye_drop_is_local() -> None:
    assert in_use(STEROID, name="prednisolone eye drops", kind="administration") is False
    assert in_use(STEROID, name="prednisone", kind="administration") is True


@pytest.mark.parametrize("by_code", [False, True])
@pytest.mark.parametrize(
    ("route", "code", "used"),
    [
        ("Ophthalmic", "54485002", False),
        ("nasal", "46713006", False),
        ("Topical", "6064005", False),
        ("inhalation", "447694001", False),
        ("Oral", "26643006", True),
        ("Intravenous", "47625008", True),
    ],
)
@pytest.mark.parametrize("kind", ["administration", "request"])
def test_the_route_of_a_dose_that_was_given_counts_like_that_of_an_order(
    kind: str, route: str, code: str, used: bool, by_code: bool
) -> None:
    coded: Json = {"system": "http://snomed.info/sct", "code": code}
    said: Json = {"coding": [coded | {"display": f"{route} route"}]} if by_code else {"text": route}
    assert in_use(STEROID, route=said, kind=kind) is used
    # without a word nobody can tell: the drug counts, so that its guards hold, unless the instruction says that it is local
    assert in_use(STEROID, route={"coding": [coded]}, kind=kind) is True
    assert in_use(STEROID, route={"coding": [coded]}, kind=kind, text="1 drop in each eye") is False


@pytest.mark.parametrize("kind", ["administration", "request"])
@pytest.mark.parametrize(
    "text",
    [
        "50 mg IV for swelling of both eyes",
        "given for swollen lips and the eyes",
        "30 mg pushed; swelling of right eye",
        "30 mg IM into the left deltoid; apply pressure to the skin",
        "50 mg, pain in the left ear",
    ],
)
def test_where_the_swelling_is_is_not_where_the_drug_goes(text: str, kind: str) -> None:
    assert in_use(H1, text=text, kind=kind) is True


@pytest.mark.parametrize(
    "text", ["1 drop into each eye for itching of the eyes", "for itchy eyes 1 drop in both eyes", "apply to skin"]
)
def test_a_local_use_stays_one_where_it_says_what_it_is_for(text: str) -> None:
    assert in_use(H1, text=text) is False


def test_an_eye_drop_of_an_nsaid_that_was_given_is_a_local_form() -> None:
    record: Json = {
        "resourceType": "MedicationAdministration", "id": "m", "status": "completed", "effectiveDateTime": "2026-06-01",
        "subject": {"reference": "Patient/p"}, "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": "35827"}]},
    }  # fmt: skip
    drop = {"dosage": {"route": {"text": "Ophthalmic"}}}
    assert evaluation_of([record | drop]).define("OrderGuardsLogic", "Note On Local NSAID") is not None
    assert evaluation_of([record]).define("OrderGuardsLogic", "Note On Local NSAID") is None


def test_an_order_by_mouth_for_the_nose_is_guarded() -> None:
    draft = {
        "resourceType": "MedicationRequest",
        "id": "d",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": "Patient/p"},
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": "20610"}]},
        "dosageInstruction": [
            {
                "text": "Take by mouth daily for nasal congestion",
                "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": {"value": 60, "unit": "mg"}}],
            }
        ],
    }
    found = evaluation_of([], drafts=[draft])
    assert found.define("MastCellSafetyOverlay", "H1 Above Four Label Doses Is Being Ordered") is True

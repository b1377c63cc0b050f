"""What a drug is known to do, as the reason of a stop in words: a harm of it, unless it is denied, feared or to be avoided."""

from __future__ import annotations

import pytest

from .evaluating import evaluation_of, order

ASPIRIN, IBUPROFEN, ALENDRONATE, ZOLEDRONIC, DENOSUMAB, OMALIZUMAB, PREDNISONE, NALTREXONE, FAMOTIDINE, ZILEUTON, CETIRIZINE = (
    "1191", "5640", "46041", "77655", "993449", "302379", "8640", "7243", "4278", "40575", "20610",
)  # fmt: skip
INTOLERANCES, THERAPIES, BONE = "MastCellIntoleranceElements", "MastCellTherapyElements", "BoneHealthLogic"
NAMES = {
    ALENDRONATE: "Bisphosphonate", ZOLEDRONIC: "Bisphosphonate", DENOSUMAB: "Denosumab", OMALIZUMAB: "Omalizumab",
    PREDNISONE: "Prednisone", NALTREXONE: "Naltrexone", FAMOTIDINE: "Famotidine", ZILEUTON: "Zileuton", CETIRIZINE: "Cetirizine",
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (OMALIZUMAB, "Serum sickness"), (PREDNISONE, "Serum sickness"), (DENOSUMAB, "Severe hypocalcemia"),
        (ALENDRONATE, "Esophagitis"), (ZOLEDRONIC, "Hypocalcaemia"), (PREDNISONE, "Steroid psychosis"), (PREDNISONE, "Mania"),
        (PREDNISONE, "Avascular necrosis of the hip"), (NALTREXONE, "Precipitated withdrawal"), (NALTREXONE, "Elevated LFTs"),
        (NALTREXONE, "Hepatitis"), (FAMOTIDINE, "Thrombocytopenia"), (FAMOTIDINE, "Delirium"), (ZILEUTON, "Raised ALT"),
        (CETIRIZINE, "Urinary retention"),
    ],
)  # fmt: skip
def test_a_known_harm_is_intolerance(code: str, reason: str) -> None:
    for status in ("stopped", "on-hold"):
        found = evaluation_of([order(code, status, reason)])
        assert found.define(INTOLERANCES, f"Has Allergy Or Intolerance To {NAMES[code]}") is True


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (DENOSUMAB, "Risk of hypocalcemia"), (PREDNISONE, "No psychosis, cost"), (NALTREXONE, "Withdrawal from the program"),
        (NALTREXONE, "Nausea"), (PREDNISONE, "Weight gain"), (FAMOTIDINE, "Headache"), (OMALIZUMAB, "Hair loss"),
        (ZILEUTON, "Worried about liver injury"), (CETIRIZINE, "Hypocalcemia"), (PREDNISONE, "To prevent hyperglycemia"),
    ],
)  # fmt: skip
def test_what_is_denied_feared_avoided_or_of_another_drug_is_none(code: str, reason: str) -> None:
    found = evaluation_of([order(code, "stopped", reason)])
    assert found.define(INTOLERANCES, f"Has Allergy Or Intolerance To {NAMES[code]}") is False


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("GI bleed", "not-tolerated"), ("Gastrointestinal hemorrhage", "not-tolerated"), ("Peptic ulcer", "not-tolerated"),
        ("Melena", "not-tolerated"), ("History of bleeding ulcer", "not-tolerated"), ("Before surgery, to avoid bleeding", None),
        ("Bleeding risk", None), ("No bleeding; not needed", None), ("Cost", None),
    ],
)  # fmt: skip
def test_aspirin_that_made_the_patient_bleed_was_not_tolerated(reason: str, expected: str | None) -> None:
    found = evaluation_of([order(ASPIRIN, "stopped", reason)])
    assert found.define(THERAPIES, "Aspirin Tolerance") == expected
    assert found.define(THERAPIES, "Has NSAID Reaction") is (True if expected else None)
    assert found.define(THERAPIES, "Has Severe NSAID Reaction") is False
    other = evaluation_of([order(IBUPROFEN, "stopped", reason)])
    assert bool(other.define("MastCellAspirinReactions", "Other NSAID Harms")) is bool(expected)


@pytest.mark.parametrize("code", [ALENDRONATE, ZOLEDRONIC, DENOSUMAB])
@pytest.mark.parametrize(
    "reason", ["Atypical femoral fracture", "Atypical femur fracture", "Subtrochanteric fracture of the femur"]
)
def test_an_atypical_fracture_rules_out_the_class(code: str, reason: str) -> None:
    found = evaluation_of([order(code, "stopped", reason)])
    assert found.define(BONE, "Allergy Rules Out Bisphosphonates") is True
    assert "atypical femoral fracture" in found.define(BONE, "Note On Jaw Osteonecrosis")
    for other in ("Femoral neck fracture", "No atypical fracture", "Fear of an atypical femoral fracture"):
        assert evaluation_of([order(code, "stopped", other)]).define(BONE, "Allergy Rules Out Bisphosphonates") is False

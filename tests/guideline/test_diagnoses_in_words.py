"""A diagnosis that only words name: what population it leaves unknown, in which words and order, and what it does not touch."""

from __future__ import annotations

from typing import Any

import pytest

from guideway.apply.run import apply_guideline
from guideway.records.reading import read_resources

from .support import guideline

Json = dict[str, Any]
ACTIVE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
LOCAL = {"system": "urn:oid:1.2.3.4", "code": "MAST-7"}
SM, MCAS = "dxSM", "dxMCAS"


def asked(code: Json) -> set[str]:
    """Which of the two diagnoses the outcome of a patient with this condition asks for; nothing may be proposed."""
    condition = {"resourceType": "Condition", "id": "dx", "subject": {"reference": "Patient/p"}, "clinicalStatus": ACTIVE}
    patient = {"resourceType": "Patient", "id": "p", "birthDate": "1961-04-02", "gender": "male"}
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": patient}, {"resource": condition | {"code": code}}],
    }
    (record,) = read_resources([bundle], "words")
    found = apply_guideline(guideline(), record, as_of="2026-06-01").as_json()["recommendations"]
    assert {r["id"] for r in found if r["status"] == "applies"} <= {
        "dupilumab-question#criteria"
    }  # documentation, never an order
    return {m["element"] for r in found for m in r.get("missing", [])} & {SM, MCAS}


@pytest.mark.parametrize(
    "words",
    [
        "Systemic mastocytosis",
        "Systemic mast cell disease",
        "mastocytosis, systemic",
        "Indolent mastocytosis (ISM)",
        "SMOULDERING MASTOCYTOSIS",
        "Aggressive  systemic\tmast-cell disease",
        "Bone marrow mastocytosis",
        "Systemic mastocytosis with cutaneous involvement",
        "Mastocytosis",
        "Mast cell leukaemia",
    ],
)
def test_words_for_systemic_mastocytosis_are_asked_about(words: str) -> None:
    assert asked({"text": words}) == {SM}


@pytest.mark.parametrize(
    "words",
    ["Mast cell activation syndrome", "MCAS", "Mast-Cell Activation Disorder", "idiopathic mast cell activation", "MCAS?"],
)
def test_words_for_mast_cell_activation_are_asked_about(words: str) -> None:
    assert asked({"text": words}) == {MCAS}


@pytest.mark.parametrize("words", ["Mast cell disease", "mast cell disorder, unspecified"])
def test_words_that_may_mean_either_are_asked_about_as_both(words: str) -> None:
    assert asked({"text": words}) == {SM, MCAS}


@pytest.mark.parametrize(
    "words", ["Cutaneous mastocytosis", "Urticaria pigmentosa (mastocytosis)", "Systemic lupus erythematosus", "Mastitis"]
)
def test_another_disease_stays_silent(words: str) -> None:
    assert asked({"text": words}) == set()


@pytest.mark.parametrize(
    "code",
    [{"coding": [LOCAL], "text": "Mastocytosis, systemic"}, {"coding": [LOCAL | {"display": "ISM - indolent mastocytosis"}]}],
)
def test_a_code_of_the_site_does_not_hide_the_words(code: Json) -> None:
    assert asked(code) == {SM}


def test_a_code_of_a_known_system_says_what_the_words_do_not() -> None:
    cutaneous = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "D47.01", "display": "Cutaneous mastocytosis"}
    assert asked({"coding": [cutaneous], "text": "Mastocytosis"}) == set()

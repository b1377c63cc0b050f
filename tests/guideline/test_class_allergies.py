"""An entry of the allergy list that names a class of drugs is about each member; one that names a member is about that one."""

from __future__ import annotations

import pytest

from .evaluating import ADVERSE, evaluation_of, order

INTOLERANCES, NOTES = "MastCellIntoleranceElements", "MastCellProposalNotes"
DRUGS = ("Cetirizine", "Fexofenadine", "Diphenhydramine", "Hydroxyzine", "Famotidine", "Montelukast", "Zileuton", "Prednisone")
CLASSES = (
    "H1 Antihistamines", "H2 Antihistamines", "Leukotriene Modifiers", "Systemic Corticosteroids", "Bisphosphonates",
    "Benzodiazepines",
)  # fmt: skip
H1 = {"Cetirizine", "Fexofenadine", "Diphenhydramine", "Hydroxyzine"}


def entry(words: str, **more: object) -> dict[str, object]:
    return {
        "resourceType": "AllergyIntolerance",
        "id": "a",
        "patient": {"reference": "Patient/p"},
        "code": {"text": words},
        **more,
    }


@pytest.mark.parametrize(
    ("words", "drugs", "classes"),
    [
        ("Antihistamines", H1, {"H1 Antihistamines"}),
        ("Anti-histamine", H1, {"H1 Antihistamines"}),
        ("H1 blockers", H1, {"H1 Antihistamines"}),
        ("Histamine receptor antagonist", H1, {"H1 Antihistamines"}),
        ("First generation antihistamines", {"Diphenhydramine", "Hydroxyzine"}, set()),
        ("Non-sedating antihistamines", {"Cetirizine", "Fexofenadine"}, set()),
        ("Antihistamine (Benadryl)", {"Diphenhydramine"}, set()),
        ("H2 antihistamines", {"Famotidine"}, {"H2 Antihistamines"}),
        ("Histamine H2 receptor antagonists", {"Famotidine"}, {"H2 Antihistamines"}),
        ("Leukotriene modifiers", {"Montelukast", "Zileuton"}, {"Leukotriene Modifiers"}),
        ("Leukotriene receptor antagonists", {"Montelukast"}, set()),
        ("Corticosteroids", {"Prednisone"}, {"Systemic Corticosteroids"}),
        ("Glucocorticoids", {"Prednisone"}, {"Systemic Corticosteroids"}),
        ("Steroids", {"Prednisone"}, {"Systemic Corticosteroids"}),
        ("Non-steroidal anti-inflammatory drugs", set(), set()),
        ("Anabolic steroids", set(), set()),
        ("Topical corticosteroids", set(), set()),
        ("Methylprednisolone", set(), set()),
        ("Bisphosphonates", set(), {"Bisphosphonates"}),
        ("Benzodiazepines", set(), {"Benzodiazepines"}),
        ("Allergic to nothing of it", set(), set()),
        ("Antihistamine eye drops", set(), set()),
        ("Antihistamines - eye swelling", H1, {"H1 Antihistamines"}),
        ("Denies steroid allergy", set(), set()),
        ("Diphenhydramine and other antihistamines", H1, {"H1 Antihistamines"}),
    ],
)
def test_what_an_entry_is_about(words: str, drugs: set[str], classes: set[str]) -> None:
    evaluation = evaluation_of([entry(words)])
    assert {d for d in DRUGS if evaluation.define(INTOLERANCES, f"Has Allergy Or Intolerance To {d}")} == drugs
    assert {c for c in CLASSES if evaluation.define(INTOLERANCES, f"Allergy Rules Out {c}")} == classes


@pytest.mark.parametrize("words", ["Methylprednisolone", "Medrol", "Topical corticosteroids"])
def test_another_corticosteroid_is_named_with_prednisone(words: str) -> None:
    evaluation = evaluation_of([entry(words)])
    assert words in evaluation.define(NOTES, "Other Corticosteroid")
    assert words in evaluation.define(NOTES, "Corticosteroid To Avoid")


def test_a_corticosteroid_that_was_stopped_is_named() -> None:
    evaluation = evaluation_of([order("6902", "stopped", ADVERSE)])
    assert "stopped as not tolerated" in evaluation.define(NOTES, "Other Corticosteroid")


def test_where_prednisone_or_the_class_is_ruled_out_nothing_more_is_said() -> None:
    for resource in (entry("Corticosteroids"), entry("Methylprednisolone", criticality="high")):
        evaluation = evaluation_of([resource])
        assert evaluation.define(NOTES, "Prednisone Is Not Usable") is True
        assert evaluation.define(NOTES, "Other Corticosteroid") is None
        assert evaluation.define(NOTES, "Corticosteroid To Avoid") is None
    assert evaluation_of([]).define(NOTES, "Other Corticosteroid") is None


@pytest.mark.parametrize(
    ("define", "name"),
    [
        ("H1 Antihistamine", "Benadryl cream"),
        ("Diphenhydramine", "Advil PM"),
        ("Systemic Corticosteroid", "prednisolone eye drops"),
        ("Oral Cromolyn", "cromolyn nasal spray"),
        ("Bisphosphonate", "Fosamax"),
        ("Opioid", "Opioids"),
        ("Opioid", "Percocet"),
        ("Remifentanil", "Ultiva"),
        ("Fentanyl", "Duragesic patch"),
        ("Rocuronium", "Zemuron"),
        ("Neuromuscular Blocker Class", "Anectine"),
        ("Peginterferon Alfa", "pegylated interferon"),
        ("Denosumab", "Stoboclo"),
        ("Vitamin D", "vit D3"),
    ],
)
def test_an_allergy_is_known_by_the_names_of_drugs_in_any_form(define: str, name: str) -> None:
    """Whoever reacts to the cream reacts to the drug; the names are those of the drugs in use."""
    entry = {"resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": "Patient/p"}, "code": {"text": name}}
    assert evaluation_of([entry]).define("MastCellAllergyElements", define)

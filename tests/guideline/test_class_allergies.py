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


MEMBERS = {
    "H1 Antihistamines": "20610", "H2 Antihistamines": "4278", "Leukotriene Modifiers": "88249",
    "Systemic Corticosteroids": "8640", "Bisphosphonates": "46041", "Benzodiazepines": "6470", "Interferon Alfa": "253453",
}  # fmt: skip
"""Of each class a member, by its code alone."""


def ruled_out(*resources: dict[str, object]) -> set[str]:
    evaluation = evaluation_of(list(resources))
    return {c for c in MEMBERS if evaluation.define(INTOLERANCES, f"Allergy Rules Out {c}")}


@pytest.mark.parametrize(("group", "code"), MEMBERS.items())
def test_a_severe_reaction_that_is_told_anywhere_withholds_the_class(group: str, code: str) -> None:
    """As the reason of a stop, of not taking it or of an order not to give it, as an adverse event, and on the problem list."""
    drug = order(code)["medicationCodeableConcept"]
    coding = drug["coding"][0]
    statement = {
        "resourceType": "MedicationStatement", "id": "s", "status": "not-taken", "subject": {"reference": "Patient/p"},
        "medicationCodeableConcept": drug, "statusReason": [{"text": "Anaphylaxis in March"}],
    }  # fmt: skip
    event = {
        "resourceType": "AdverseEvent", "id": "e", "actuality": "actual", "subject": {"reference": "Patient/p"},
        "event": {"text": "Anaphylaxis"}, "suspectEntity": [{"instance": {"reference": "Medication/d"}}],
    }  # fmt: skip
    medication = {"resourceType": "Medication", "id": "d", "code": {"coding": [coding]}}
    forbidden = order(code) | {"doNotPerform": True, "reasonCode": [{"text": "anaphylaxis to first dose"}]}
    coded = {"coding": [{"system": "http://snomed.info/sct", "code": "39579001"}]}
    assert ruled_out(order(code, "stopped", "Anaphylaxis")) == {group}
    assert ruled_out(order(code, "stopped", coded)) == {group}
    assert ruled_out(order(code, "on-hold", "anaphylactic shock after the second dose")) == {group}
    assert ruled_out(statement) == {group}
    assert ruled_out(statement | {"status": "stopped"}) == {group}
    assert ruled_out(forbidden) == {group}
    assert ruled_out(event, medication) == {group}


@pytest.mark.parametrize(
    ("words", "severe"),
    [
        ("Anaphylaxis", True),
        ("Severe allergic reaction", True),
        ("tongue swelling, epinephrine given", True),
        ("swelling of the throat", True),
        ("DRESS syndrome", True),
        ("Hives", False),
        ("Rash", False),
        ("Severe drowsiness", False),
        ("Severe headache, not tolerated", False),
        ("Fear of anaphylaxis", False),
        ("No anaphylaxis, hives", False),
        ("Intolerance", False),
    ],
)
def test_another_harm_is_the_drugs_alone(words: str, severe: bool) -> None:
    assert ruled_out(order("20610", "stopped", words)) == ({"H1 Antihistamines"} if severe else set())


@pytest.mark.parametrize(
    ("name", "manifestation", "severe"),
    [
        ("Ranitidine", "Anaphylaxis", True),
        ("Ranitidine", "no anaphylaxis, rash only", False),
        ("Ranitidine", "Tolerated? No, anaphylaxis", True),
        ("Ranitidine", "cardiac arrest", True),
        ("Ranitidine", "Life-threatening reaction", True),
        ("Ranitidine", "Swelling of the throat", True),
        ("Ranitidine", "recurrent anaphylaxis", True),
        ("Ranitidine", "Rash", False),
        ("Ranitidine - anaphylaxis", "Rash", True),
        ("Ranitidine - sister had anaphylaxis, patient tolerates", "", False),
    ],
)
def test_an_entry_of_the_list_is_severe_by_its_words(name: str, manifestation: str, severe: bool) -> None:
    entry = {"resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": "Patient/p"}, "code": {"text": name}}
    reaction = {"reaction": [{"manifestation": [{"text": manifestation}]}]} if manifestation else {}
    assert ruled_out(entry | reaction) == ({"H2 Antihistamines"} if severe else set())


def test_whoever_reacts_to_the_cream_reacts_to_the_class() -> None:
    assert ruled_out(order("1", "stopped", "Anaphylaxis", called="diphenhydramine cream")) == {"H1 Antihistamines"}


def test_a_drug_that_nobody_can_identify_may_be_of_any_class() -> None:
    unknown = {"medicationReference": {"reference": "Medication/none"}}
    stopped = {k: v for k, v in order("1", "stopped", "Anaphylaxis").items() if k != "medicationCodeableConcept"} | unknown
    mild = {k: v for k, v in order("1", "stopped", "Hives").items() if k != "medicationCodeableConcept"} | unknown
    assert {evaluation_of([stopped]).define(INTOLERANCES, f"Allergy Rules Out {c}") for c in MEMBERS} == {None}
    assert {evaluation_of([mild]).define(INTOLERANCES, f"Allergy Rules Out {c}") for c in MEMBERS} == {False}


@pytest.mark.parametrize(
    ("code", "reason", "define", "out"),
    [
        ("8782", "Hypersensitivity", "Propofol", True),
        ("36453", "Malignant hyperthermia", "Inhaled Anesthetics", True),
        ("36453", "Rash", "Inhaled Anesthetics", False),
        ("6387", "Anaphylaxis", "Local Anesthetics", True),
        ("6387", "Rash", "Local Anesthetics", False),
        ("1218", "Anaphylaxis", "Neuromuscular Blockers", True),
        ("68139", "Anaphylaxis", "Neuromuscular Blockers", True),
        ("68139", "Rash", "Neuromuscular Blockers", False),
        ("4337", "Anaphylaxis", "Fentanyl And Remifentanil", True),
        ("4337", "Rash", "Fentanyl And Remifentanil", False),
    ],
)
def test_drugs_of_anesthesia(code: str, reason: str, define: str, out: bool) -> None:
    evaluation = evaluation_of([order(code, "stopped", reason)])
    assert evaluation.define("MastCellAnesthesiaAllergies", f"Allergy Rules Out {define}") is out


PERIOPERATIVE = {
    "H1": ("H1 Antihistamines", "20610"), "H2": ("H2 Antihistamines", "4278"),
    "Corticosteroid": ("Systemic Corticosteroids", "8640"), "Benzodiazepine": ("Benzodiazepines", "6470"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "code"), [(name, code) for name, (_, code) in PERIOPERATIVE.items()])
def test_no_other_member_is_advised_of_a_class_that_is_withheld(name: str, code: str) -> None:
    def note(reason: str) -> str | None:
        found = evaluation_of([order(code, "stopped", reason)])
        said: str | None = found.define("PerioperativeLogic", f"Note On {name} Intolerance")
        return said

    assert note("Anaphylaxis") is None
    assert "choose another one" in (note("Hives") or "")


IN_USE = {
    "H1": "20610", "H2": "4278", "Leukotriene Modifier": "88249", "Corticosteroid": "8640", "Bisphosphonate": "46041",
    "Benzodiazepine": "6470",
}  # fmt: skip


@pytest.mark.parametrize(("name", "code"), IN_USE.items())
def test_what_is_in_use_of_a_class_that_is_withheld_is_told_with_its_day(name: str, code: str) -> None:
    """After a severe reaction the class is withheld all the same: "already in place" would hide the reaction."""
    before, after = order(code, "stopped", "Anaphylaxis") | {"id": "before"}, order(code) | {"authoredOn": "2025-01-01"}
    define = f"{name} In Use Though Withheld"
    note = evaluation_of([before, after]).define(NOTES, define)
    assert note.startswith("In use all the same: ")
    assert "(ordered 2025-01-01)" in note
    assert evaluation_of([before]).define(NOTES, define) is None
    assert evaluation_of([after]).define(NOTES, define) is None
    mild = evaluation_of([before | {"statusReason": {"text": "Hives"}}, after]).define(NOTES, define)
    assert mild.startswith("In use, and on record as an allergy or not tolerated: ")
    assert "(ordered 2025-01-01)" in mild


def test_aspirin_in_use_is_told_where_another_nsaid_was_not_tolerated() -> None:
    before, after = order("5640", "stopped", "Anaphylaxis") | {"id": "before"}, order("1191") | {"authoredOn": "2025-01-01"}
    told = str(evaluation_of([before, after]).define(NOTES, "Aspirin Out Of Date"))
    assert "In use all the same: " in told
    assert "(ordered 2025-01-01)" in told


def test_a_drug_that_was_not_tolerated_and_has_an_unknown_code_alone_is_named() -> None:
    overlay = "MastCellSafetyOverlay"
    found = evaluation_of([order("99999999", "stopped", "anaphylaxis")])
    assert found.define(overlay, "An Allergy Cannot Be Read") is True
    assert "code 99999999 (anaphylaxis)" in found.define(overlay, "Note On Allergies Not Read")
    for other in (
        order("99999999", "stopped", "no longer needed"),
        order("99999999", "stopped", "anaphylaxis", called="Amoxicillin"),
        order("20610", "stopped", "anaphylaxis"),
    ):
        assert evaluation_of([other]).define(overlay, "An Allergy Cannot Be Read") is False

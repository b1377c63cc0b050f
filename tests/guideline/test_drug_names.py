"""Drugs with a code of a product that is in no value set: which class their name gives them, on record and in an order."""

from __future__ import annotations

from typing import Any

import pytest

from .evaluating import evaluation_of

Json = dict[str, Any]
MEDICATIONS, CARE = "MastCellMedicationElements", "MastCellCareElements"
PRODUCT = {"system": "http://hl7.org/fhir/sid/ndc", "code": "00000-0000-00"}


def evaluation(name: str, coding: Json | None = PRODUCT) -> Any:
    """The logic for a patient who has the drug on record and is being given it again."""
    concept: Json = {"text": name} | ({"coding": [coding]} if coding is not None else {})
    common = {"medicationCodeableConcept": concept, "subject": {"reference": "Patient/p"}}
    record = {"resourceType": "MedicationStatement", "id": "m", "status": "active", **common}
    draft = {"resourceType": "MedicationRequest", "id": "d", "status": "draft", "intent": "order", **common}
    return evaluation_of([record], drafts=[draft])


ON_RECORD = {
    "On Opioid": (
        "Percodan 4.8355-325 mg", "Vicoprofen", "Abstral 100 mcg SL", "Fentora", "Subsys spray", "Brixadi weekly", "Buprenex",
        "Tussionex", "Roxicet", "Lorcet", "ZOHYDRO ER", "Exalgo", "ConZip", "Seglentis", "Xartemis XR", "Apadaz", "Embeda",
        "Stadol NS", "Roxanol", "Tylenol #3", "Robitussin AC", "Targin", "Palexia", "oxyCODONE-acetaminophen 5-325 mg",
        "fentaNYL 25 mcg/hr patch", "Zubsolv", "diamorphine", "opium tincture",
    ),
    "On H1 Antihistamine": ("cetirizine 10 MG (ZyrTEC)", "Zyrtec Liquid Gel capsule", "Xyzal", "Allegra-D", "Benadryl"),
    "On H2 Antihistamine": ("Pepcid AC", "famotidine 20 mg tab", "Zantac 360"),
    "On Ranitidine": ("Zantac 150 mg", "ranitidine HCl"),
    "On Oral Cromolyn": ("Gastrocrom 100 mg/5 mL", "cromolyn"),
    "On Leukotriene Modifier": ("Singulair 10 mg", "Zyflo CR", "Accolate"),
    "On Aspirin": ("Ecotrin", "aspirin EC 81 mg", "ASA 325", "Percodan"),
    "On NSAID": (
        "flurbiprofen", "diflunisal", "mefenamic acid", "meclofenamate", "metamizole", "etoricoxib", "Vimovo", "Mobic", "Feldene",
        "Anaprox DS", "Lodine", "Caldolor", "Sprix", "Seglentis",
    ),
    "On Systemic Corticosteroid": ("Medrol Dosepak", "predniSONE 5 mg tablet", "Decadron"),
    "On Omalizumab": ("Xolair 150 mg",),
    "On Denosumab": ("Prolia 60 mg/mL",),
    "On Bisphosphonate": ("Fosamax", "Reclast", "alendronic acid"),
    "On Cytoreductive Drug": ("AYVAKIT 200 mg tablet", "avapritinib", "Gleevec 400 mg", "Pegasys 180 mcg/mL", "PegIntron",
                              "Intron A", "Leustatin", "Mavenclad", "Besremi"),
    "On Beta Blocker": ("Toprol-XL 50 mg", "metoprolol succinate", "nadolol"),
    "On Strong CYP3A Inhibitor": ("Sporanox", "Paxlovid", "ketoconazole 200 mg tablet"),
    "On Strong CYP3A Inducer": ("Rifadin", "St. John's Wort", "Tegretol XR"),
    "On Benzodiazepine": ("Xanax", "ALPRAZolam 0.5 mg"),
    "On Naltrexone": ("LDN 4.5 mg capsule", "Contrave"),
}  # fmt: skip
NOT_MEANT = {
    "On Opioid": ("naloxone", "methylnaltrexone", "loperamide", "dextromethorphan"),
    "On H1 Antihistamine": ("diphenhydramine 2% cream", "cetirizine ophthalmic"),
    "On Ranitidine": ("Zantac 360 10 mg",),
    "On Oral Cromolyn": ("cromolyn sodium ophthalmic solution", "NasalCrom nasal spray", "cromolyn inhalation"),
    "On Aspirin": ("acetaminophen (aspirin-free)", "Asacol"),
    "On NSAID": ("acetaminophen", "metoprolol"),
    "On Systemic Corticosteroid": ("prednisoLONE acetate ophthalmic suspension", "dexamethasone eye drops"),
    "On Calcium": ("atorvastatin calcium 40 mg", "calcium channel blocker"),
    "On Cytoreductive Drug": ("interferon beta-1a", "hydroxyurea"),
    "On Beta Blocker": ("timolol ophthalmic",),
    "On Strong CYP3A Inhibitor": ("ketoconazole 2% shampoo",),
    "On Naltrexone": ("methylnaltrexone bromide",),
}
ORDERED = {
    "Drafts Neuromuscular Blocker To Avoid": ("atracurium 10 mg/mL", "Mivacron"),
    "Drafts Less Safe Neuromuscular Blocker": ("succinylcholine chloride 20 MG/ML", "Anectine"),
    "Drafts Ranitidine": ("Zantac 150 mg",),
    "Drafts Aspirin": ("aspirin EC 81 mg", "Ecotrin"),
    "Drafts NSAID": ("flurbiprofen", "Vimovo", "Sprix"),
    "Drafts Systemic Corticosteroid": ("predniSONE 20 mg",),
    "Drafts Omalizumab": ("Xolair",),
    "Drafts Montelukast": ("montelukast sodium 10 mg",),
    "Drafts Zileuton": ("zileuton ER",),
    "Drafts Denosumab": ("Prolia",),
    "Drafts Strong CYP3A Inhibitor Or Inducer": ("ketoconazole 200 mg", "rifampin"),
    "Drafts Cytoreductive Drug Of The Articles": (
        "Pegasys",
        "Leustatin",
        "PegIntron",
        "Intron A",
        "Mavenclad",
        "Gleevec",
        "Rydapt",
    ),
    "Drafts Avapritinib": ("Ayvakit",),
}


def each(table: dict[str, tuple[str, ...]]) -> list[Any]:
    return [pytest.param(define, name, id=f"{define}: {name}") for define, names in table.items() for name in names]


@pytest.mark.parametrize(("define", "name"), each(ON_RECORD))
def test_the_name_says_the_class(define: str, name: str) -> None:
    found = evaluation(name)
    assert found.define(MEDICATIONS, define) is True
    assert found.define(CARE, "Drugs Known By Name Only"), "what rests on a name says so"
    assert evaluation(name, coding=None).define(MEDICATIONS, define) is True


@pytest.mark.parametrize(("define", "name"), each(NOT_MEANT))
def test_a_name_that_only_looks_like_it(define: str, name: str) -> None:
    assert evaluation(name).define(MEDICATIONS, define) is not True


@pytest.mark.parametrize(("define", "name"), each(ORDERED))
def test_an_order_is_judged_by_its_name(define: str, name: str) -> None:
    assert evaluation(name).define(CARE, define) is True


def test_a_code_that_says_the_class_needs_no_name() -> None:
    ibuprofen = {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "5640", "display": "Ibuprofen"}
    assert evaluation("ibuprofen 200 mg", ibuprofen).define(CARE, "Drugs Known By Name Only") == []


def test_midostaurin_by_name_decides_no_dose() -> None:
    found = evaluation("Rydapt 25 mg capsule")
    assert found.define("MastCellMidostaurinElements", "Is On Midostaurin") is None
    assert found.define("MastCellMidostaurinElements", "Current Midostaurin") == []

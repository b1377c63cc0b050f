"""Drugs with a code of a product that is in no value set: which class their name gives them, on record and in an order."""

from __future__ import annotations

from typing import Any

import pytest

from .evaluating import evaluation_of, library_of

Json = dict[str, Any]
INTOLERANCES, CARE = "MastCellIntoleranceElements", "MastCellCareElements"
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
    "On H1 Antihistamine": ("cetirizine 10 MG (ZyrTEC)", "Zyrtec Liquid Gel capsule", "Xyzal", "Allegra-D", "Benadryl",
                            "bilastine 20 mg", "rupatadine", "ebastine 10 mg",
                            "azelastine 2 mg tablet", "Quzyttir", "ketotifen 1 mg tablet", "ketotifen",
                            "cyproheptadine 4 mg", "doxepin 10 mg capsule", "Sinequan", "chlorpheniramine 4 mg", "Tavist ND",
                            "promethazine-codeine syrup", "meclizine 25 mg", "Unisom SleepTabs", "Dramamine", "clemastine",
                            "brompheniramine", "carbinoxamine", "Tylenol PM", "Advil PM", "NyQuil", "Tussionex"),
    "On First Generation H1 Antihistamine": ("chlorpheniramine", "promethazine 25 mg", "doxylamine", "dimenhydrinate",
                                             "Tylenol PM", "ketotifen", "Silenor", "cyproheptadine"),
    "On H2 Antihistamine": ("Pepcid AC", "famotidine 20 mg tab", "Zantac 360"),
    "On Ranitidine": ("Zantac 150 mg", "ranitidine HCl"),
    "On Oral Cromolyn": ("Gastrocrom 100 mg/5 mL", "cromolyn"),
    "On Leukotriene Modifier": ("Singulair 10 mg", "Zyflo CR", "Accolate"),
    "On Aspirin": ("Ecotrin", "aspirin EC 81 mg", "ASA 325", "Percodan"),
    "On NSAID": (
        "flurbiprofen", "diflunisal", "mefenamic acid", "meclofenamate", "metamizole", "etoricoxib", "Vimovo", "Mobic", "Feldene",
        "Anaprox DS", "Lodine", "Caldolor", "Sprix", "Seglentis",
    ),
    "On Systemic Corticosteroid": ("Medrol Dosepak", "predniSONE 5 mg tablet", "Decadron", "hydrocortisone 10 mg tablet",
                                "Cortef", "betamethasone sodium phosphate injection", "Celestone", "deflazacort",
                                "cortisone acetate",
                                "triamcinolone acetonide 40 mg/mL injectable suspension", "Kenalog-40", "Solu-Cortef"),
    "On Calcium": ("Calcium 600 + D3", "calcium-vitamin D3 600 mg-400 unit", "Calcium 500 mg", "Tums", "Viactiv", "Citracal",
                   "oyster shell calcium 500 mg", "Caltrate 600+D"),
    "On Vitamin D": ("vit D3 2000 IU", "Vitamin D-3", "Caltrate 600+D", "Os-Cal 500 + D", "Citracal Maximum Plus D3",
                     "Fosamax Plus D", "Calcium 600 + D3", "Viactiv", "cholecalciferol 1000 unit"),
    "On Omalizumab": ("Xolair 150 mg",),
    "On Denosumab": ("Prolia 60 mg/mL", "Stoboclo", "Ospomyv", "Bomyntra", "Conexxence", "Enoby", "Osvyrti", "Bildyos"),
    "On Bisphosphonate": ("Fosamax", "Reclast", "alendronic acid", "clodronate", "etidronate", "Fosamax Plus D"),
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
    "On H1 Antihistamine": (
        "diphenhydramine 2% cream",
        "cetirizine ophthalmic",
        "ketotifen 0.025% ophthalmic",
        "ketotifen 0.025 %",
        "Zyrtec Itchy Eye drops",
        "Benadryl itch stopping spray",
        "ZzzQuil Pure Zzzs",
        "Unisom Simple Slumbers",
        "naphazoline-pheniramine",
        "azelastine nasal spray",
        "Fenistil gel",
    ),
    "On First Generation H1 Antihistamine": ("bilastine", "Tavist ND", "cetirizine 10 mg"),
    "On Ranitidine": ("Zantac 360 10 mg",),
    "On Oral Cromolyn": ("cromolyn sodium ophthalmic solution", "NasalCrom nasal spray", "cromolyn inhalation"),
    "On Aspirin": ("acetaminophen (aspirin-free)", "Asacol"),
    "On NSAID": ("acetaminophen", "metoprolol"),
    "On Systemic Corticosteroid": (
        "prednisoLONE acetate ophthalmic suspension",
        "dexamethasone eye drops",
        "hydrocortisone 1%",
        "hydrocortisone 2.5 % cream",
        "triamcinolone 0.1% ointment",
        "betamethasone dipropionate",
        "Nasacort",
        "Pulmicort",
        "hydrocortisone acetate 25 mg rectal suppository",
        "dexamethasone oral rinse",
    ),
    "On Calcium": (
        "atorvastatin calcium 40 mg",
        "calcium channel blocker",
        "calcium acetate 667 mg",
        "calcium gluconate",
        "rosuvastatin calcium",
        "leucovorin calcium",
    ),
    "On Vitamin D": ("calcium carbonate 500 mg", "vitamin D analog", "vitamin B12"),
    "On Cytoreductive Drug": ("interferon beta-1a", "hydroxyurea"),
    "On Beta Blocker": ("timolol ophthalmic",),
    "On Strong CYP3A Inhibitor": ("ketoconazole 2% shampoo",),
    "On Naltrexone": ("methylnaltrexone bromide",),
}
ORDERED = {
    "Drafts Neuromuscular Blocker To Avoid": ("atracurium 10 mg/mL", "Mivacron"),
    "Drafts Less Safe Neuromuscular Blocker": ("succinylcholine chloride 20 MG/ML", "Anectine"),
    "Drafts First Generation H1 Antihistamine": (
        "chlorpheniramine",
        "promethazine",
        "doxylamine",
        "dimenhydrinate",
        "Tylenol PM",
    ),
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
    assert found.define(library_of(define), define) is True
    assert found.define(CARE, "Drugs Known By Name Only"), "what rests on a name says so"
    assert evaluation(name, coding=None).define(library_of(define), define) is True


@pytest.mark.parametrize(("define", "name"), each(NOT_MEANT))
def test_a_name_that_only_looks_like_it(define: str, name: str) -> None:
    assert evaluation(name).define(library_of(define), define) is not True


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


@pytest.mark.parametrize("code", ["3638", "1000070", "6146", "246127"])
def test_doxepin_and_ketotifen_are_sedating_h1_antihistamines(code: str) -> None:
    found = evaluation("a drug", {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code})
    assert found.define("MastCellMedicationElements", "On First Generation H1 Antihistamine") is True
    assert found.define(CARE, "Drugs Known By Name Only") == []


def test_a_class_member_without_a_code_is_no_other_member() -> None:
    """Bilastine is no cetirizine: it has no label dose here, and its allergy is no allergy to cetirizine."""
    allergy = {
        "resourceType": "AllergyIntolerance",
        "id": "a",
        "patient": {"reference": "Patient/p"},
        "code": {"text": "rupatadine"},
    }
    found = evaluation_of([allergy])
    assert found.define(INTOLERANCES, "Has Allergy Or Intolerance To H1 Antihistamine") is True
    for member in ("Cetirizine", "Fexofenadine", "Diphenhydramine"):
        assert found.define(INTOLERANCES, f"Has Allergy Or Intolerance To {member}") is not True


@pytest.mark.parametrize("name", ["bilastine 20 mg tablet", "rupatadine"])
def test_a_drug_without_a_label_dose_is_not_measured(name: str) -> None:
    assert evaluation(name).define("MastCellTherapyElements", "H1 At Two Label Doses") is None


def test_a_severe_allergy_to_a_member_known_by_name_withholds_the_class() -> None:
    allergy = {
        "resourceType": "AllergyIntolerance",
        "id": "a",
        "patient": {"reference": "Patient/p"},
        "criticality": "high",
        "code": {"text": "chlorpheniramine"},
    }
    assert evaluation_of([allergy]).define(INTOLERANCES, "Allergy Rules Out H1 Antihistamines") is True

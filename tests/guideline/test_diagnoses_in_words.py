"""A diagnosis that only words name: what population it leaves unknown, in which words and order, and what it does not touch."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guideway.apply.run import apply_guideline
from guideway.records.reading import read_resources

from .evaluating import answer, evaluation_of
from .support import ROOT, guideline

Json = dict[str, Any]
SETS = ROOT / "valuesets/conditions"
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
        "ISM",
        "ASM?",
        "ssm",
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
    ("words", "diagnoses"),
    [
        ("No evidence of systemic mastocytosis", set()),
        ("Family history of systemic mastocytosis", set()),
        ("FHx: mastocytosis (mother)", set()),
        ("Systemic mastocytosis in her father", set()),
        ("Denies mastocytosis", set()),
        ("Does not meet criteria for mast cell activation syndrome", set()),
        ("No MCAS or systemic mastocytosis", set()),
        ("Screening for systemic mastocytosis", set()),
        ("MCAS, no systemic mastocytosis", {MCAS}),
        ("Systemic mastocytosis without MCAS", {SM}),
        ("Cutaneous mastocytosis without systemic involvement", set()),
        # as open as before
        ("Rule out systemic mastocytosis", {SM}),
        ("r/o MCAS", {MCAS}),
        ("Systemic mastocytosis ruled out", {SM}),
        ("Systemic mastocytosis not confirmed", {SM}),
        ("No confirmed systemic mastocytosis", {SM}),
        ("Suspected MCAS", {MCAS}),
        ("No. Systemic mastocytosis", {SM}),
        ("No anaphylaxis, systemic mastocytosis", {SM}),
        ("Mother well; systemic mastocytosis", {SM}),
        ("No advanced systemic mastocytosis", {SM}),
        ("Systemic mastocytosis, no mast cell leukemia", {SM}),
        ("No mastocytosis since transplant", {SM}),
    ],
)
def test_a_denied_diagnosis_or_a_relatives_is_none(words: str, diagnoses: set[str]) -> None:
    assert asked({"text": words}) == diagnoses


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Back pain", None),
        ("Denies back pain", False),
        ("No low back pain", False),
        ("No back pain or neck pain", False),
        ("Family history of back pain", False),
        ("No fever; chronic back pain", None),
        ("No back pain since May", None),
        ("r/o back pain", None),
        ("Lumbago", None),
    ],
)
def test_a_back_pain_in_words_is_one_unless_it_is_denied(words: str, expected: bool | None) -> None:
    condition = {
        "resourceType": "Condition",
        "id": "bp",
        "subject": {"reference": "Patient/p"},
        "clinicalStatus": ACTIVE,
        "code": {"text": words},
    }
    assert evaluation_of([condition]).define("MastCellBoneElements", "Has Chronic Back Pain") is expected


@pytest.mark.parametrize(
    "words",
    [
        "Cutaneous mastocytosis",
        "Urticaria pigmentosa (mastocytosis)",
        "Systemic lupus erythematosus",
        "Mastitis",
        "MCL",
        "Prism lenses",
        "ASM therapy for seizures",
    ],
)
def test_another_disease_stays_silent(words: str) -> None:
    assert asked({"text": words}) == set()


@pytest.mark.parametrize(
    "code",
    [{"coding": [LOCAL], "text": "Mastocytosis, systemic"}, {"coding": [LOCAL | {"display": "ISM - indolent mastocytosis"}]}],
)
def test_a_code_of_the_site_does_not_hide_the_words(code: Json) -> None:
    assert asked(code) == {SM}


def test_an_abbreviation_beside_a_code_of_another_disease_is_no_mastocytosis() -> None:
    melanoma = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "C43.9"}
    assert asked({"coding": [melanoma], "text": "SSM"}) == set()
    assert asked({"coding": [LOCAL | {"display": "ISM"}]}) == {SM}


def test_a_code_of_a_known_system_says_what_the_words_do_not() -> None:
    cutaneous = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "D47.01", "display": "Cutaneous mastocytosis"}
    assert asked({"coding": [cutaneous], "text": "Mastocytosis"}) == set()


INDOLENT = {"coding": [{"system": "http://snomed.info/sct", "code": "70910003"}]}
D4702 = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "D47.02"}]}
DIAGNOSIS = "MastCellDiagnosisElements"


def beside_indolent(code: Json, *others: Json, **said: Any) -> Any:
    """The logic for coded indolent disease and this active entry."""
    subject = {"reference": "Patient/p"}
    entry = {"resourceType": "Condition", "subject": subject, "clinicalStatus": ACTIVE}
    return evaluation_of([entry | {"id": "a", "code": INDOLENT}, entry | {"id": "b", "code": code} | said, *others])


@pytest.mark.parametrize(
    ("code", "subtype"),
    [
        ({"text": "Mast cell leukemia"}, "mast-cell-leukemia"),
        ({"text": "Aleukaemic mast cell leukaemia"}, "mast-cell-leukemia"),
        ({"text": "Aggressive systemic mastocytosis"}, "aggressive"),
        (D4702 | {"text": "Systemic mastocytosis, aggressive (ASM)"}, "aggressive"),
        ({"text": "Advanced systemic mastocytosis"}, "aggressive"),
        ({"text": "systemic mastocytosis with an associated hematologic neoplasm"}, "sm-ahn"),
        ({"text": "SM-AHN (CMML)"}, "sm-ahn"),
        ({"text": "Smouldering systemic mastocytosis"}, "smoldering"),
    ],
)
def test_a_subtype_that_only_words_name_is_in_doubt_beside_a_coded_one(code: Json, subtype: str) -> None:
    found = beside_indolent(code)
    assert found.define(DIAGNOSIS, "Subtypes In Doubt") == [subtype]
    assert found.define(DIAGNOSIS, "SM Subtypes") is None
    assert found.define(DIAGNOSIS, "Has Indolent SM") is True
    assert found.define(DIAGNOSIS, "Has Advanced SM") is (False if subtype == "smoldering" else None)
    (note,) = found.define(DIAGNOSIS, "Note On Subtype Entries")
    assert f'"{code["text"]}"' in note


@pytest.mark.parametrize(
    "code",
    [
        {"text": "Indolent systemic mastocytosis"},
        {"text": "Systemic mastocytosis, no aggressive disease"},
        {"text": "Systemic mastocytosis without an associated hematologic neoplasm"},
        {"text": "Non-aggressive systemic mastocytosis"},
        {"text": "Family history of mast cell leukemia"},
        {"text": "MCAS with aggressive flares"},
        {"text": "Acute lymphoblastic leukemia"},
        D4702,
    ],
)
def test_other_words_leave_the_coded_subtype_alone(code: Json) -> None:
    found = beside_indolent(code)
    assert found.define(DIAGNOSIS, "SM Subtypes") == ["indolent"]
    assert found.define(DIAGNOSIS, "Note On Subtype Entries") == []


@pytest.mark.parametrize(
    ("recorded", "in_doubt", "said"),
    [("2026-05-19", False, None), ("2026-05-20", False, "2026-05-20"), (None, False, "no day"), ("2026-05-21", True, None)],
)
@pytest.mark.parametrize("provisional", [True, False], ids=["provisional", "in words"])
def test_what_an_answer_passes_over_is_told_unless_it_is_older(
    recorded: str | None, in_doubt: bool, said: str | None, provisional: bool
) -> None:
    aggressive = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "C96.21"}
    status = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "provisional"}],
    }
    code = {"coding": [aggressive]} if provisional else {"text": "Aggressive systemic mastocytosis"}
    indolent = {"system": "https://example.org/guideway/mast-cell-disease/CodeSystem/sm-subtype", "code": "indolent"}
    entry = ({"verificationStatus": status} if provisional else {}) | ({"recordedDate": recorded} if recorded else {})
    found = beside_indolent(code, answer("smSubtype", {"valueCoding": indolent}, "2026-05-20", "advanced-disease"), **entry)
    assert found.define(DIAGNOSIS, "Has Advanced SM") is (None if in_doubt else False)
    passed = [n for n in found.define(DIAGNOSIS, "Note On Subtype Entries") if n.startswith("Passed over")]
    assert [said in note for note in passed if said] == ([True] if said else [])
    assert bool(passed) == bool(said)


BASE = "https://example.org/guideway/mast-cell-disease/CodeSystem"


def subtype_observed(at: str = "2026-05-20", **value: Any) -> Json:
    code = {"coding": [{"system": f"{BASE}/mast-cell-observations", "code": "sm-subtype"}]}
    return {"resourceType": "Observation", "id": at, "status": "final", "code": code, "effectiveDateTime": at} | value


def coded_as(subtype: str, **more: str) -> Json:
    return {"coding": [{"system": f"{BASE}/sm-subtype", "code": subtype} | more]}


@pytest.mark.parametrize(
    ("value", "subtype"),
    [
        ({"valueCodeableConcept": {"text": "aggressive"}}, "aggressive"),
        ({"valueString": "now ASM"}, "aggressive"),
        ({"valueString": "SM-AHN (CMML)"}, "sm-ahn"),
        ({"valueCodeableConcept": {"text": "MCL"}}, "mast-cell-leukemia"),
        ({"valueCodeableConcept": {"coding": [LOCAL | {"display": "Smouldering"}]}}, "smoldering"),
        ({"valueCodeableConcept": coded_as("indolent") | {"text": "aggressive"}}, "aggressive"),
    ],
)
def test_a_subtype_observation_in_words_leaves_the_subtype_in_doubt(value: Json, subtype: str) -> None:
    found = beside_indolent(D4702, subtype_observed(**value))
    assert found.define(DIAGNOSIS, "Subtypes In Doubt") == [subtype]
    assert found.define(DIAGNOSIS, "SM Subtypes") is None
    assert found.define(DIAGNOSIS, "Has Advanced SM") is (False if subtype == "smoldering" else None)
    (note,) = found.define(DIAGNOSIS, "Note On Subtype Entries")
    assert note.startswith("A subtype is named in words")


@pytest.mark.parametrize(
    "value",
    [
        {"valueCodeableConcept": {"text": "Indolent"}},
        {"valueString": "ISM, not aggressive"},
        {"valueCodeableConcept": coded_as("indolent", display="Indolent systemic mastocytosis")},
    ],
)
def test_a_subtype_observation_that_agrees_adds_no_doubt(value: Json) -> None:
    found = beside_indolent(D4702, subtype_observed(**value))
    assert found.define(DIAGNOSIS, "SM Subtypes") == ["indolent"]
    assert found.define(DIAGNOSIS, "Note On Subtype Entries") == []


def test_a_subtype_observation_that_names_none_undoes_nothing_and_is_told() -> None:
    older = subtype_observed("2026-01-10", valueCodeableConcept=coded_as("aggressive"))
    found = beside_indolent(D4702, older, subtype_observed(valueString="see pathology report"))
    assert found.define(DIAGNOSIS, "SM Subtypes") == ["indolent", "aggressive"]
    (note,) = found.define(DIAGNOSIS, "Note On Subtype Entries")
    assert '"see pathology report" (observation, 2026-05-20)' in note


def test_a_newer_observation_in_words_takes_the_place_of_a_coded_one() -> None:
    older = subtype_observed("2026-01-10", valueCodeableConcept=coded_as("aggressive"))
    entry = {
        "resourceType": "Condition",
        "id": "c",
        "clinicalStatus": ACTIVE,
        "code": D4702,
        "subject": {"reference": "Patient/p"},
    }
    found = evaluation_of([entry, older, subtype_observed(valueString="indolent")])
    assert found.define(DIAGNOSIS, "SM Subtypes") is None
    assert found.define(DIAGNOSIS, "Has Indolent SM") is None
    assert found.define(DIAGNOSIS, "Has Aggressive SM") is None


@pytest.mark.parametrize(("answered", "in_doubt"), [("2026-05-19", True), ("2026-05-20", False), ("2026-05-21", False)])
def test_an_answer_settles_what_an_observation_says_in_words(answered: str, in_doubt: bool) -> None:
    chosen = answer("smSubtype", {"valueCoding": coded_as("indolent")["coding"][0]}, answered, "advanced-disease")
    found = beside_indolent(D4702, chosen, subtype_observed(valueString="aggressive"))
    assert found.define(DIAGNOSIS, "Has Advanced SM") is (None if in_doubt else False)
    notes = found.define(DIAGNOSIS, "Note On Subtype Entries")
    assert [n.partition(",")[0] for n in notes] == (
        ["A subtype is named in words"] if in_doubt else ["Passed over"] if answered == "2026-05-20" else []
    )


SNOMED, ICD = "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10-cm"
OWN = f"{BASE}/sm-subtype"
CODED = [
    ((ICD, "C96.21"), "aggressive"), ((SNOMED, "716655008"), "aggressive"), ((SNOMED, "70910003"), "indolent"),
    ((OWN, "smoldering"), "smoldering"), ((SNOMED, "397015000"), "sm-ahn"), ((ICD, "C94.30"), "mast-cell-leukemia"),
]  # fmt: skip


def only(system: str, code: str, text: str | None = None, **coding: str) -> Any:
    entry = {"resourceType": "Condition", "id": "c", "clinicalStatus": ACTIVE, "subject": {"reference": "Patient/p"}}
    concept: Json = {"coding": [{"system": system, "code": code} | coding]} | ({"text": text} if text else {})
    return evaluation_of([entry | {"code": concept}])


@pytest.mark.parametrize(
    ("system", "code", "words", "coded", "said"),
    [
        (ICD, "C96.21", "Indolent systemic mastocytosis", "Aggressive", "Indolent"),
        (SNOMED, "70910003", "Aggressive systemic mastocytosis", "Indolent", "Aggressive"),
        (SNOMED, "70910003", "ASM", "Indolent", "Aggressive"),
        (OWN, "indolent", "Mast cell leukemia", "Indolent", "Mast Cell Leukemia"),
        (ICD, "C96.21", "SSM, formerly aggressive", "Aggressive", "Smoldering"),
        (SNOMED, "397015000", "Smouldering systemic mastocytosis", "SM-AHN", "Smoldering"),
        (ICD, "C94.30", "Aggressive systemic mastocytosis", "Mast Cell Leukemia", "Aggressive"),
    ],
)
def test_words_that_name_another_subtype_than_the_code_leave_both_in_doubt(
    system: str, code: str, words: str, coded: str, said: str
) -> None:
    for found in (only(system, code, words), only(system, code, words, display=f"{coded} systemic mastocytosis")):
        assert found.define(DIAGNOSIS, "Has SM") is True
        assert found.define(DIAGNOSIS, "SM Subtypes") is None
        for subtype in (coded, said):
            name = "Has SM-AHN" if subtype == "SM-AHN" else f"Has {subtype}" + ("" if "Leukemia" in subtype else " SM")
            assert found.define(DIAGNOSIS, name) is None
        (note,) = found.define(DIAGNOSIS, "Note On Subtype Entries")
        assert note.startswith("The code of an entry and its words name different subtypes")
        assert f'"{words}" (code {code}' in note


@pytest.mark.parametrize(
    ("system", "code", "words", "subtype"),
    [
        (ICD, "C96.21", "Aggressive systemic mastocytosis, formerly indolent", "aggressive"),
        (ICD, "C96.21", "ASM, progressed from smoldering systemic mastocytosis", "aggressive"),
        (ICD, "C96.21", "Aggressive systemic mastocytosis (previously diagnosed as ISM)", "aggressive"),
        (ICD, "C96.21", "Advanced systemic mastocytosis", "aggressive"),
        (ICD, "C96.21", "Systemic mastocytosis", "aggressive"),
        (SNOMED, "70910003", "Indolent systemic mastocytosis, no aggressive disease", "indolent"),
        (SNOMED, "70910003", "ISM without an associated hematologic neoplasm", "indolent"),
        (SNOMED, "70910003", "Mastocytosis", "indolent"),
        (SNOMED, "397015000", "Advanced systemic mastocytosis with CMML", "sm-ahn"),
        (ICD, "C94.30", "Aggressive mast cell leukemia", "mast-cell-leukemia"),
        (ICD, "C94.30", "Advanced systemic mastocytosis", "mast-cell-leukemia"),
    ],
)
def test_words_that_go_with_the_code_leave_it_alone(system: str, code: str, words: str, subtype: str) -> None:
    found = only(system, code, words)
    assert found.define(DIAGNOSIS, "SM Subtypes") == [subtype]
    assert found.define(DIAGNOSIS, "Note On Subtype Entries") == []


def test_another_subtype_beside_the_coded_one_is_in_doubt_alone() -> None:
    found = only(SNOMED, "70910003", "Indolent systemic mastocytosis, progressing to aggressive")
    assert found.define(DIAGNOSIS, "Has Indolent SM") is True
    assert found.define(DIAGNOSIS, "Has Aggressive SM") is None
    assert found.define(DIAGNOSIS, "SM Subtypes") is None


CODES = {
    (include["system"], concept["code"], concept["display"], name)
    for name in (
        "mcas", "mast-cell-activation", "systemic-mastocytosis", "indolent-sm", "smoldering-sm", "aggressive-sm", "sm-ahn",
        "mast-cell-leukemia", "mast-cell-leukemia-remission",
    )
    for include in json.loads((SETS / f"ValueSet-{name}.json").read_text("utf-8"))["compose"]["include"]
    for concept in include["concept"]
}  # fmt: skip


@pytest.mark.parametrize(("system", "code", "display", "name"), sorted(CODES))
def test_no_display_contradicts_its_own_code(system: str, code: str, display: str, name: str) -> None:
    """Every code of the value sets, with its display as display and as text, is read as without words."""
    bare = only(system, code)
    for found in (only(system, code, display), only(system, code, display=display)):
        for define in ("Has SM", "Has MCAS", "Has Mast Cell Activation", "SM Subtypes", "Note On Subtype Entries"):
            assert found.define(DIAGNOSIS, define) == bare.define(DIAGNOSIS, define)


@pytest.mark.parametrize(
    ("system", "code", "words", "mastocytosis", "activation"),
    [
        (ICD, "D89.42", "Systemic mastocytosis, aggressive", None, None),
        (ICD, "D89.42", "Mast cell leukemia", None, None),
        (ICD, "D89.42", "MCAS with systemic mastocytosis", None, True),
        (ICD, "D47.02", "Mast cell activation syndrome", None, None),
        (ICD, "D47.02", "Cutaneous mastocytosis", None, False),
        (ICD, "D89.43", "Systemic mastocytosis", None, False),
        # the words go with the code
        (ICD, "D89.42", "Mast cell disorder", False, True),
        (ICD, "D89.42", "MCAS, no systemic mastocytosis", False, True),
        (ICD, "D89.42", "MCAS, systemic mastocytosis ruled out", False, True),
        (ICD, "D89.42", "MCAS; mother has systemic mastocytosis", False, True),
        (ICD, "D89.42", "MCAS, followed in the mastocytosis clinic", False, True),
        (ICD, "D89.42", "MCAS with urticaria pigmentosa", False, True),
        (ICD, "D47.02", "Systemic mastocytosis with mast cell activation", True, False),
        (ICD, "D47.02", "Mast cell disease", True, False),
        (ICD, "D47.02", "Systemic mastocytosis with cutaneous mastocytosis", True, False),
        (ICD, "D47.02", "Back pain", True, False),
    ],
)
def test_words_for_another_disease_than_the_code_leave_both_in_doubt(
    system: str, code: str, words: str, mastocytosis: bool | None, activation: bool | None
) -> None:
    found = only(system, code, words)
    assert found.define(DIAGNOSIS, "Has SM") is mastocytosis
    assert found.define(DIAGNOSIS, "Has MCAS") is activation
    assert found.define(DIAGNOSIS, "Has Mast Cell Disorder") is (None if words == "Cutaneous mastocytosis" else True)
    if activation is None:
        assert words in found.define(DIAGNOSIS, "Why MCAS Is Unknown")

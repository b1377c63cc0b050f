"""An entry in words, in doubt or by a code that no value set has: unknown because of the entry, and never "nothing is on record".
Rescue counts it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guideway.apply.run import apply_guideline
from guideway.records.reading import read_resources

from .evaluating import answer, evaluation_of, library_of
from .generated import case_from
from .support import guideline
from .test_elements import cond, obs, value_of

Json = dict[str, Any]
ADULT = {"patient": {"born": "1982-03-01", "sex": "female"}}
MCAS = {"condition": "icd10cm|D89.42"}
INDOLENT = {"condition": "sct|70910003"}
RESCUE = "emergency-preparedness#auto-injector-after-anaphylaxis"


def shown(*items: Json) -> dict[str, Json]:
    """The recommendations by key, with their missing data."""
    case = case_from([ADULT, *items], 0, "patient-view")
    (record,) = read_resources([case.bundle], case.id)
    outcome = apply_guideline(guideline(), record, as_of=case.as_of, hook="patient-view", explain="brief").as_json()
    return {r["id"]: r for r in outcome["recommendations"]}


def of_the_case(resource: Json) -> Json:
    """A resource of patient ``p`` as an item of the case's patient."""
    return {"resource": json.loads(json.dumps(resource).replace("Patient/p", "Patient/case"))}


def because(recommendation: Json, element: str) -> list[str]:
    return [why for m in recommendation["missing"] if m["element"] == element for why in m.get("because", [])]


def supply(recommendation: Json, element: str) -> list[str]:
    return [way["text"] for m in recommendation["missing"] if m["element"] == element for way in m["supply"]]


BONE = [
    "text: Osteoporosis",
    "text: Osteopenia of hip",
    "text: Low BMD",
    "text: Osteopaenia",
    "icd10cm|M81.6",
    "icd10cm|M80.051A",
    "icd10cm|M80.08XD",
    "icd10cm|M85.851",
]
DENIED = [
    "Screening for osteoporosis",
    "Family history of osteoporosis",
    "No osteoporosis",
    "At risk of osteoporosis",
    "Osteoporosis risk",
]
NOT_IT = [
    "No history of anaphylaxis", "Risk of anaphylaxis", "Anaphylaxis risk", "Anaphylactoid purpura", "Family hx of anaphylaxis",
    "FHx anaphylaxis", "Mother had anaphylaxis", "Brother: anaphylaxis", "Never had anaphylaxis", "Anaphylaxis: none",
    "Anaphylaxis denied", "No h/o anaphylaxis",
]  # fmt: skip
SPINE = ["icd10cm|M48.56XA", "icd10cm|M48.50XD", "icd10cm|S32.010A", "text: Compression fracture of L1"]


@pytest.mark.parametrize("entry", BONE)
def test_bone_disease_in_words_or_by_another_code_is_unknown_and_named(entry: str) -> None:
    found = shown(INDOLENT, cond(entry))
    mention = found["mast-cell-bone-health#calcium-vitamin-d-mention"]
    assert mention["status"] == "unknown"
    assert found["mast-cell-bone-health#bisphosphonate-sm"]["status"] == "unknown"
    said = " ".join(note for key, r in found.items() if key.startswith("mast-cell-bone") for note in r.get("notes", []))
    assert "no diagnosis of osteopenia or osteoporosis is on record" not in said
    assert "On record, but in words, in doubt or by a code" in " ".join(mention["notes"])
    assert because(mention, "osteopeniaOrOsteoporosis")


def test_without_an_entry_the_mention_stands() -> None:
    mention = shown(INDOLENT)["mast-cell-bone-health#calcium-vitamin-d-mention"]
    assert mention["status"] == "applies"
    assert any(note.startswith("No bone density and no diagnosis") for note in mention["notes"])


@pytest.mark.parametrize("entry", DENIED)
def test_words_that_deny_it_are_no_entry(entry: str) -> None:
    assert shown(INDOLENT, cond(f"text: {entry}"))["mast-cell-bone-health#calcium-vitamin-d-mention"]["status"] == "applies"


ANAPHYLAXIS = [
    "icd10cm|T78.01XA",
    "icd10cm|T78.05XA",
    "icd10cm|T80.52XA",
    "icd10cm|T78.00XD",
    "text: Anaphylaxis to bee venom",
    "text: History of anaphylaxis",
    "text: No recent anaphylaxis; anaphylaxis in 2019",
    "text: Anaphylaxis ruled out 2020; later anaphylaxis to peanut",
    "text: No anaphylaxis since 2019",
    "text: Mother reports anaphylaxis at school",
]


@pytest.mark.parametrize("entry", ANAPHYLAXIS)
def test_rescue_counts_anaphylaxis_in_doubt_and_the_steps_leave_it_open(entry: str) -> None:
    found = shown(MCAS, cond(entry))
    assert found[RESCUE]["status"] == "applies"
    assert "Whether it is anaphylaxis is for the clinician to say" in " ".join(found[RESCUE]["notes"])
    step = found["dupilumab-question#step-1-h1"]
    assert step["status"] == "unknown"
    assert because(step, "hxSystemicAnaphylaxis")


def test_a_provisional_anaphylaxis_counts_for_rescue_and_a_refuted_one_does_not() -> None:
    known = "icd10cm|T78.00XA"
    assert shown(MCAS, cond(known, verification="provisional"))[RESCUE]["status"] == "applies"
    assert shown(MCAS, cond(known, verification="refuted"))[RESCUE]["status"] == "unknown"


@pytest.mark.parametrize("entry", NOT_IT)
def test_what_is_no_anaphylaxis_does_not_count(entry: str) -> None:
    found = shown(MCAS, cond(f"text: {entry}"))
    assert found[RESCUE]["status"] == "unknown"
    assert not because(found[RESCUE], "hxSystemicAnaphylaxis")


@pytest.mark.parametrize("entry", ["text: Laryngeal angioedema", "text: Swelling of tongue"])
def test_rescue_counts_angioedema_of_the_airway_in_words(entry: str) -> None:
    assert shown(MCAS, cond(entry))[RESCUE]["status"] == "applies"


@pytest.mark.parametrize("entry", SPINE)
def test_a_vertebral_fracture_by_another_code_is_named(entry: str) -> None:
    augmentation = shown(INDOLENT, cond(entry))["mast-cell-bone-health#vertebral-augmentation-sm"]
    assert augmentation["status"] == "unknown"
    assert because(augmentation, "vertebralCompressionFracture")
    assert "a vertebral compression fracture is for the clinician to say" in " ".join(augmentation["notes"])


@pytest.mark.parametrize(
    ("entry", "define"),
    [
        ("text: Shortness of breath", "Has Respiratory Symptoms"),
        ("icd10cm|R06.02", "Has Respiratory Symptoms"),
        ("icd10cm|R51.9", "Has Neuropsychiatric Symptoms"),
        ("icd10cm|F41.9", "Has Neuropsychiatric Symptoms"),
        ("icd10cm|R11.2", "Has Gastrointestinal Symptoms"),
        ("icd10cm|R55", "Has Cardiovascular Symptoms"),
        ("icd10cm|R00.0", "Has Cardiovascular Symptoms"),
        ("text: Itchy skin", "Has Pruritus"),
        ("text: Flushing of face", "Has Flushing"),
    ],
)
def test_a_symptom_in_words_is_unknown_even_where_it_was_denied_before(entry: str, define: str) -> None:
    symptom = {"Has Flushing": "Flushing", "Has Pruritus": "Pruritus"}.get(define)
    denied = [obs(symptom, False)] if symptom else []
    if symptom:
        assert value_of(library_of(define), define, denied) is False
    assert value_of(library_of(define), define, [*denied, cond(entry)]) is None


def test_the_entry_is_named_and_others_are_not() -> None:
    found = shown(MCAS, cond("icd10cm|R06.02"), cond("text: Headache"))["dupilumab-question#step-1-h1"]
    (reason,) = because(found, "sxRespiratory")
    assert "R06.02: it may be this, but its code is none that is known for it" in reason
    assert not because(found, "hxSystemicAnaphylaxis")


@pytest.mark.parametrize(
    ("entry", "define"),
    [
        ("icd10cm|R41.81", "Has Neuropsychiatric Symptoms"),
        ("icd10cm|G31.84", "Has Neuropsychiatric Symptoms"),
        ("icd10cm|L29.81", "Has Pruritus"),
        ("icd10cm|L29.81", "Has Dermatologic Symptoms"),
        ("icd10cm|K52.9", "Has Gastrointestinal Symptoms"),
        ("text: Cholestatic pruritus", "Has Pruritus"),
    ],
)
def test_a_code_that_names_another_cause_is_no_symptom(entry: str, define: str) -> None:
    assert value_of(library_of(define), define, [cond(entry)]) is None
    doubted = define.replace("Has ", "Perhaps ")
    assert not value_of(library_of(doubted), doubted, [cond(entry)])


ASKED = {
    "hxSystemicAnaphylaxis": "Has History Of Anaphylaxis",
    "hxAirwayAngioedema": "Has History Of Airway Angioedema",
    "sxCardiovascular": "Has Cardiovascular Symptoms",
    "sxRespiratory": "Has Respiratory Symptoms",
    "sxBronchospasm": "Has Bronchospasm",
    "sxDermatologic": "Has Dermatologic Symptoms",
    "sxFlushing": "Has Flushing",
    "sxPruritus": "Has Pruritus",
    "sxGI": "Has Gastrointestinal Symptoms",
    "sxNeuropsychiatric": "Has Neuropsychiatric Symptoms",
    "sxChronicPain": "Has Chronic Pain",
    "osteopeniaOrOsteoporosis": "Has Osteopenia Or Osteoporosis",
    "vertebralCompressionFracture": "Has Vertebral Compression Fracture",
    "pathologicFracture": "Has Pathologic Fracture",
}


@pytest.mark.parametrize("element", ASKED)
def test_no_can_be_said_and_yes(element: str) -> None:
    for said in (True, False):
        assert value_of(library_of(ASKED[element]), ASKED[element], [{"answers": "clinical-course", element: said}]) is said
    assert value_of(library_of(ASKED[element]), ASKED[element], []) is None


def test_no_settles_an_entry_in_doubt_that_is_older_and_no_newer_one() -> None:
    no = {"answers": "clinical-course", "hxSystemicAnaphylaxis": False, "at": "2026-05-01"}
    for at, expected in (("2026-04-30", False), ("2026-05-01", False), ("2026-05-02", None), ("2026-05", None)):
        entry = cond("text: Anaphylaxis to bee venom", onset=at)
        assert value_of("MastCellFindingElements", "Has History Of Anaphylaxis", [entry, no]) is expected, at
    assert value_of("MastCellFindingElements", "Has History Of Anaphylaxis", [cond("icd10cm|T78.00XA"), no]) is True


def test_no_clears_the_lists() -> None:
    no: Json = {"answers": "clinical-course"}
    no |= dict.fromkeys(("hxSystemicAnaphylaxis", "hxAirwayAngioedema", "sxRespiratory"), False)
    found = shown(MCAS, no)
    assert found[RESCUE]["status"] == "does-not-apply"
    assert found["dupilumab-question#step-1-h1"]["status"] == "does-not-apply"


def test_the_supply_names_the_question_first() -> None:
    first = supply(shown(MCAS)[RESCUE], "hxSystemicAnaphylaxis")[0]
    assert first == "Answer in “Clinical course”: Has the patient ever had anaphylaxis?"


@pytest.mark.parametrize("code", ["77080", "77085"])
def test_a_bone_density_scan_by_cpt_was_made(code: str) -> None:
    from .evaluating import evaluation_of

    coded = {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": code}]}
    scan = {
        "resourceType": "Procedure", "id": "s", "status": "completed", "code": coded, "subject": {"reference": "Patient/p"},
        "performedDateTime": "2026-01-05",
    }  # fmt: skip
    assert str(evaluation_of([scan]).define("MastCellLabElements", "Last Bone Density Scan"))[:10] == "2026-01-05"


def test_the_allergy_to_aspirin_is_no_drug() -> None:
    drug = {"medication": "sct|293586001", "start": "2026-01-01"}
    assert value_of("MastCellMedicationElements", "On Aspirin", [drug]) is not True
    assert value_of("MastCellTherapyElements", "Has NSAID Reaction", [{"allergy": "sct|293586001"}]) is True


def test_a_diagnosis_in_words_is_not_shown_as_a_fact() -> None:
    criteria = shown(cond("text: Possible mast cell activation syndrome"))["dupilumab-question#criteria"]
    assert criteria["status"] == "applies"
    assert "on record" not in criteria["title"]
    assert '"Possible mast cell activation syndrome". Whether it is mast cell activation syndrome' in criteria["notes"][0]
    assert not any("Whether it is" in note for note in shown(MCAS)["dupilumab-question#criteria"]["notes"])


def test_another_diagnosis_in_doubt_is_no_reason() -> None:
    found = shown(MCAS, cond("icd10cm|J45.909", verification="differential"))
    assert not because(found["dupilumab-question#step-1-h1"], "sxRespiratory")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Acute hepatitis B, no complications", True),
        ("Hepatic failure no encephalopathy", True),
        ("Liver failure ruled out", False),
        ("Family hx liver failure", False),
        ("No liver failure", False),
    ],
)
def test_liver_disease_in_words(words: str, expected: bool) -> None:
    seen = evaluation_of(
        [{"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}, "code": {"text": words}}]
    )
    assert bool(seen.define("MastCellFindingElements", "Acute Hepatitis Or Liver Failure")) is expected


SEEN = {"coding": [{"system": "http://snomed.info/sct", "code": "39579001"}]}
SUBJECT = {"reference": "Patient/p"}
PEANUT: Json = {
    "resourceType": "AllergyIntolerance", "id": "a", "patient": SUBJECT, "code": {"text": "Peanut"},
    "recordedDate": "2026-05-02", "reaction": [{"manifestation": [SEEN]}],
}  # fmt: skip
EVENT: Json = {
    "resourceType": "AdverseEvent", "id": "e", "subject": SUBJECT, "actuality": "actual", "date": "2026-05-02",
    "event": {"text": "Anaphylaxis after contrast"},
}  # fmt: skip


@pytest.mark.parametrize("reaction", [PEANUT, EVENT], ids=["allergy list", "adverse event"])
def test_anaphylaxis_as_a_reaction_is_named_and_counts_for_rescue(reaction: Json) -> None:
    found = evaluation_of([reaction])
    assert found.define("MastCellFindingElements", "Has History Of Anaphylaxis") is None
    assert found.define("MastCellFindingElements", "Anaphylaxis Is Noted") is True
    assert "on record as a reaction" in found.define("MastCellFindingElements", "Why Anaphylaxis Is Unknown")
    held = shown(MCAS, of_the_case(reaction))
    assert held[RESCUE]["status"] == "applies"
    assert "whether it belongs to a history of anaphylaxis" in " ".join(held[RESCUE]["notes"]).lower()
    assert because(held["dupilumab-question#step-1-h1"], "hxSystemicAnaphylaxis")
    for at, expected in (("2026-05-01", None), ("2026-05-02", False)):
        no = answer("hxSystemicAnaphylaxis", {"valueBoolean": False}, at, "clinical-course")
        settled = evaluation_of([reaction, no]).define("MastCellFindingElements", "Has History Of Anaphylaxis")
        assert settled is expected, at


def test_a_reaction_that_was_refuted_or_did_not_happen_is_no_anaphylaxis() -> None:
    refuted = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", "code": "refuted"}]}
    for reaction in (PEANUT | {"verificationStatus": refuted}, EVENT | {"actuality": "potential"}):
        assert evaluation_of([reaction]).define("MastCellFindingElements", "Anaphylaxis As A Reaction") == []


def observed(words: str, value: Json | None = None, at: str = "2026-05-20", coding: Json | None = None) -> Json:
    code = {"text": words} | ({"coding": [coding]} if coding else {})
    return {
        "resourceType": "Observation", "id": f"o{at}", "status": "final", "subject": SUBJECT, "effectiveDateTime": at,
        "code": code, **({"valueBoolean": True} if value is None else value),
    }  # fmt: skip


SYMPTOM = {"system": "http://loinc.org", "code": "75325-1", "display": "Symptom"}


@pytest.mark.parametrize(
    ("observations", "open_"),
    [
        ([observed("Flushing of the face")], True),
        ([observed("Flushing", {"valueString": "daily, after meals"})], True),
        ([observed("Symptom", {"valueCodeableConcept": {"text": "Flushing"}}, coding=SYMPTOM)], True),
        ([observed("Complaint", {"valueString": "flushing and hives"})], True),
        ([observed("Flushing", {"valueBoolean": False})], False),
        ([observed("Flushing", {"valueString": "No"})], False),
        ([observed("Flushing", {"valueString": "denies"})], False),
        ([observed("Symptom", {"valueString": "no flushing"})], False),
        ([observed("Flushing", at="2025-10-01")], False),
        ([observed("Flushing"), observed("Flushing", {"valueBoolean": False}, at="2026-05-25")], False),
        ([observed("Flushing", {"valueBoolean": False}), observed("Flushing", at="2026-05-25")], True),
        ([observed("Flushing frequency", {"valueCodeableConcept": {"text": "Often"}}, coding=SYMPTOM | {"code": "1-8"})], False),
        ([observed("Catheter flushing volume", {"valueQuantity": {"value": 10, "unit": "mL"}})], False),
    ],
)
def test_a_symptom_that_an_observation_says_in_words_is_open(observations: list[Json], open_: bool) -> None:
    found = evaluation_of(observations)
    assert bool(found.define("MastCellSymptomElements", "Flushing In Observations")) is open_
    assert found.define("MastCellSymptomElements", "Has Flushing") is None
    no = answer("sxFlushing", {"valueBoolean": False}, "2026-05-10", "clinical-course")
    settled = evaluation_of([*observations, no]).define("MastCellSymptomElements", "Has Flushing")
    assert settled is (None if open_ else False), "an older answer does not settle what was observed since"


def test_the_observation_is_named() -> None:
    found = shown(INDOLENT, of_the_case(observed("Flushing of the face")))["aspirin-tolerance-gate#aspirin-flushing"]
    assert any("it may be this" in why for why in because(found, "sxFlushing"))


@pytest.mark.parametrize(
    "entry",
    [cond("text: Bone pain"), of_the_case(observed("Symptom", {"valueString": "pain in bones at night"}, coding=SYMPTOM))],
)
def test_bone_pain_in_words_is_open_and_named(entry: Json) -> None:
    data = [MCAS, {"condition": "icd10cm|M81.0"}, entry]
    assert value_of("MastCellBoneElements", "Has Bone Pain", data) is None
    found = shown(*data)["mast-cell-bone-health#calcium-vitamin-d-mcas"]
    assert found["status"] == "unknown"
    assert any("it may be this" in why or "only the text" in why for why in because(found, "bonePain"))
    said = {"answers": "clinical-course", "bonePain": False}
    assert value_of("MastCellBoneElements", "Has Bone Pain", [*data, said]) is False
    assert value_of("MastCellBoneElements", "Has Bone Pain", [MCAS, cond("text: No bone pain")]) is None


def coded(value: Json, coding: str = "238810007") -> Json:
    return observed("Flushing", value, coding={"system": "http://snomed.info/sct", "code": coding})


def answered_by(code: str, display: str = "", system: str = "http://snomed.info/sct") -> Json:
    coding = {"system": system, "code": code} | ({"display": display} if display else {})
    return {"valueCodeableConcept": {"coding": [coding]}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (answered_by("373067005", "No"), False),
        (answered_by("2667000", "Absent"), False),
        (answered_by("LA32-8", "No", "http://loinc.org"), False),
        (answered_by("373067005"), None),
        (answered_by("LA32-8", system="http://loinc.org"), None),
        (answered_by("1", "Not sure", "http://example.org"), None),
        (answered_by("1", "No change, severe", "http://example.org"), None),
        ({"valueCodeableConcept": {"text": "Unknown"}}, None),
        ({"dataAbsentReason": {"text": "not asked"}}, None),
        (answered_by("1", "Yes", "http://example.org"), True),
        (answered_by("1", "Severe", "http://example.org"), True),
        (answered_by("238810007"), True),
        ({"valueBoolean": True}, True),
        ({"valueBoolean": False}, False),
        ({}, True),
    ],
)
def test_a_coded_symptom_is_present_only_where_its_value_says_so(value: Json, expected: bool | None) -> None:
    found = evaluation_of([coded(value)])
    assert found.define("MastCellSymptomElements", "Has Flushing") is expected


@pytest.mark.parametrize(
    "code",
    [
        "icd10cm|N18.9",
        "icd10cm|N19",
        "text: Chronic kidney disease",
        "text: Chronic kidney disease stage 4",
        "text: Chronic kidney disease with stage 1 through stage 4",
        "text: CKD; hypertension stage 2",
    ],
)
def test_kidney_disease_of_no_stage_is_told_as_that_coded_or_not(code: str) -> None:
    told = value_of("MastCellLabElements", "Why Kidney Function Is Unknown", [cond(code)])
    assert "Kidney disease is on record, and no code tells whether it is of stage 4 or 5" in told
    assert "words only" not in told


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("icd10cm|N18.32", True),
        ("icd10cm|N18.2", True),
        ("text: CKD stage G3a", True),
        ("text: CKD 3b", True),
        ("text: CKD G3bA2", True),
        ("text: Stage IIIa chronic kidney disease", True),
        ("text: Chronic renal insufficiency, stage 2", True),
        ("text: Kidney stone", False),
        ("text: Kidney stone, stage 1 removal", False),
        ("text: Renal cell carcinoma stage 3", False),
        ("text: Acute kidney injury, KDIGO stage 2", False),
        ("text: Kidney donor; breast cancer stage 2", False),
        ("text: Family history of kidney disease stage 3", False),
    ],
)
def test_kidney_disease_of_an_earlier_stage_is_named_where_no_filtration_rate_is(code: str, named: bool) -> None:
    told = value_of("MastCellLabElements", "Why Kidney Function Is Unknown", [cond(code)])
    assert told.startswith("No filtration rate that this package can read is on record")
    assert (", but kidney disease is: " in told) is named


def test_the_stage_of_a_code_is_read_whatever_it_is_called() -> None:
    """Beside a filtration rate, and without one."""
    coding = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "N18.32", "display": "CKD moderate, G3b"}
    disease = {"resourceType": "Condition", "id": "c", "code": {"coding": [coding]}, "subject": {"reference": "Patient/p"}}
    found = evaluation_of([disease])
    assert found.define("MastCellLabElements", "Kidney Diseases Of No Stage") == []
    told = found.define("MastCellLabElements", "Why Kidney Function Is Unknown")
    assert told.endswith(", but kidney disease is: CKD moderate, G3b.")


@pytest.mark.parametrize(("verification", "expected"), [("confirmed", True), ("provisional", None), ("refuted", None)])
def test_dependence_on_dialysis_is_renal_insufficiency(verification: str, expected: bool | None) -> None:
    dialysis = {"condition": "icd10cm|Z99.2", "verification": verification}
    assert value_of("MastCellLabElements", "Has Renal Insufficiency", [dialysis]) is expected

"""What a record says without a code of this package: kidney disease, pregnancy. Words make it unknown, never absent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from guideway.apply.run import apply_guideline
from guideway.records.reading import read_resources

from .evaluating import evaluation_of, order
from .support import guideline
from .test_elements import plain

Json = dict[str, Any]
LOINC = "http://loinc.org"
SUBJECT = {"reference": "Patient/p"}


def observation(code: str | None, value: Json, at: str = "2026-05-30", text: str | None = None, **more: Any) -> Json:
    concept: Json = {"coding": [{"system": LOINC, "code": code}]} if code else {}
    if text:
        concept["text"] = text
    return {"resourceType": "Observation", "id": "o", "status": "final", "code": concept, "effectiveDateTime": at} | value | more


def amount(value: float, unit: str) -> Json:
    return {"valueQuantity": {"value": Decimal(str(value)), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}}


def condition(text: str, **more: Any) -> Json:
    active = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
    return {"resourceType": "Condition", "id": "c", "clinicalStatus": active, "code": {"text": text}, "subject": SUBJECT} | more


def kidney(*resources: Json) -> tuple[Any, Any]:
    found = evaluation_of(list(resources))
    library = "MastCellLabElements"
    return found.define(library, "Has Renal Insufficiency"), found.define(library, "Why Kidney Function Is Unknown")


def test_the_older_code_of_a_filtration_rate_counts() -> None:
    assert kidney(observation("33914-3", amount(22, "mL/min/{1.73_m2}"))) == (True, None)


@pytest.mark.parametrize("words", ["Chronic kidney disease, stage 4", "CKD 4", "End-stage renal disease", "On dialysis"])
def test_kidney_disease_in_words_is_unknown_whatever_the_rate(words: str) -> None:
    known, why = kidney(condition(words))
    assert known is None
    assert words in why
    assert kidney(condition(words), observation("62238-1", amount(70, "mL/min/{1.73_m2}")))[0] is None
    assert kidney(condition(words), observation("62238-1", amount(22, "mL/min/{1.73_m2}")))[0] is True


@pytest.mark.parametrize("words", ["CKD stage 2", "Acute renal failure, resolved", "History of renal failure", "Kidney stone"])
def test_other_words_leave_it_to_the_rate(words: str) -> None:
    assert kidney(condition(words), observation("62238-1", amount(70, "mL/min/{1.73_m2}")))[0] is False


def test_the_reader_is_told_why_kidney_function_is_not_known() -> None:
    assert "No filtration rate" in kidney()[1]
    assert "too old" in kidney(observation("62238-1", amount(70, "mL/min/{1.73_m2}"), at="2020-01-01"))[1]
    assert "on which side" in kidney(observation("62238-1", amount(70, "mg")))[1]


def pregnant(*resources: Json) -> Any:
    return evaluation_of(list(resources)).define("MastCellPatientElements", "Is Pregnant")


HIGH = {"interpretation": [{"coding": [{"code": "H"}]}]}
NORMAL = {"interpretation": [{"coding": [{"code": "N"}]}]}


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (observation("21198-7", amount(24000, "m[IU]/mL"), **HIGH), None),
        (observation("21198-7", amount(24000, "m[IU]/mL")), None),
        (observation("21198-7", amount(1, "m[IU]/mL"), **NORMAL), False),
        (observation("21198-7", amount(24000, "m[IU]/mL"), at="2024-01-01", **HIGH), False),
        (observation(None, amount(24000, "m[IU]/mL"), text="Beta-hCG, quantitative", **HIGH), None),
        (observation("11778-8", {"valueDateTime": "2026-10-01"}, text="Delivery date Estimated"), None),
        (observation("11778-8", {"valueDateTime": "2026-02-01"}, text="Delivery date Estimated", at="2025-12-01"), False),
        (observation("18185-9", amount(20, "wk"), text="Gestational age"), None),
        (observation("18185-9", amount(20, "wk")), None),
        (observation("11778-8", {"valueDateTime": "2026-10-01"}), None),
        (observation("11778-8", {"valueDateTime": "2026-02-01"}, at="2025-12-01"), False),
        (observation("18185-9", amount(39, "wk"), text="Gestational age at birth of child"), False),
        (observation("18185-9", amount(20, "wk"), text="Gestational age", at="2024-01-01"), False),
    ],
)
def test_what_goes_with_a_pregnancy_leaves_it_unknown(resource: Json, expected: bool | None) -> None:
    assert pregnant(resource) is expected


def request(code: Json, **more: Any) -> Json:
    return {
        "resourceType": "ServiceRequest",
        "id": "s",
        "status": "active",
        "intent": "order",
        "subject": SUBJECT,
        "authoredOn": "2026-05-20",
        "occurrenceDateTime": "2026-06-10",
        "code": code,
    } | more


def planned(*resources: Json) -> Any:
    return evaluation_of(list(resources)).define("MastCellProcedureElements", "Procedure Is Planned")


CPT = "http://www.ama-assn.org/go/cpt"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ({"text": "Laparoscopic cholecystectomy"}, None),
        ({"text": "Endoscopy"}, None),
        ({"coding": [{"system": CPT, "code": "47562"}]}, None),
        ({"coding": [{"system": CPT, "code": "00790"}]}, None),
        ({"coding": [{"system": CPT, "code": "36415"}]}, False),
        ({"coding": [{"system": CPT, "code": "80053"}]}, False),
        ({"text": "Urinalysis with microscopy"}, False),
        ({"text": "Surgical pathology"}, False),
        ({"text": "Non-surgical treatment"}, False),
        ({"coding": [{"system": CPT, "code": "47562"}], "text": "Cholecystectomy; education given"}, None),
        ({"text": "Referral to general surgery"}, False),
        ({"text": "Therapeutic phlebotomy"}, False),
        ({"text": "Complete blood count"}, False),
    ],
)
def test_a_procedure_in_words_or_by_cpt_is_unknown(code: Json, expected: bool | None) -> None:
    assert planned(request(code)) is expected
    assert planned(request(code, occurrenceDateTime="2026-01-10")) is False


def appointment(**said: Any) -> Json:
    """A booked appointment that says this."""
    return {
        "resourceType": "Appointment", "id": "a", "status": "booked", "start": "2026-06-10T08:00:00Z", "participant": [], **said,
    }  # fmt: skip


def test_an_appointment_in_words_is_unknown() -> None:
    booked = appointment()
    assert planned(booked | {"serviceType": [{"text": "Endoscopy"}]}) is None
    assert planned(booked | {"reasonCode": [{"text": "Hernia repair"}]}) is None
    assert planned(booked | {"serviceType": [{"text": "Follow-up visit"}]}) is False


SNOMED = "http://snomed.info/sct"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"reasonCode": [{"text": "Knee replacement"}]}, None),
        ({"appointmentType": {"text": "Surgery"}}, None),
        ({"comment": "Surgery at the outpatient center"}, None),
        ({"patientInstruction": "Nothing to eat from midnight before your operation"}, None),
        ({"specialty": [{"coding": [{"system": SNOMED, "code": "394577000", "display": "Anesthetics"}]}]}, None),
        ({"specialty": [{"coding": [{"system": SNOMED, "code": "394610002", "display": "Neurosurgery"}]}]}, None),
        ({"specialty": [{"coding": [{"system": SNOMED, "code": "394577000"}]}]}, None),
        ({"specialty": [{"coding": [{"system": SNOMED, "code": "394582007"}]}], "description": "Slot 4"}, None),
        ({"specialty": [{"coding": [{"system": SNOMED, "code": "394582007", "display": "Dermatology"}]}]}, False),
        ({"specialty": [{"text": "Anaesthetics"}]}, None),
        ({"description": "Knee surgery, s/p arthroscopy in 2019"}, None),
        ({"description": "Cataract surgery after clearance"}, None),
        ({"specialty": [{"coding": [{"system": SNOMED, "code": "394577000"}]}], "description": "Clinic"}, False),
        ({"description": "Pre-op consult"}, None),
        ({"description": "Preoperative visit"}, None),
        ({"description": "Pre-anesthesia evaluation"}, None),
        ({"specialty": [{"coding": [{"system": SNOMED, "code": "394582007"}]}], "description": "Office visit"}, False),
        ({"comment": "Bring your list; surgery 2019", "description": "Office visit"}, False),
        ({"description": "No surgery planned; review"}, False),
        ({"description": "No surgery planned"}, False),
        ({"description": "Physical therapy, s/p knee surgery"}, False),
        ({"description": "s/p knee surgery"}, False),
        ({"description": "Dressing change after hernia repair"}, False),
        ({"description": "Surgery declined"}, False),
        ({"description": "Surgery not needed at this time"}, False),
        ({"description": "No plans for elective hip surgery"}, False),
        ({"description": "Knee surgery 3 years ago"}, False),
        ({"description": "Recovering from left knee surgery"}, False),
        ({"description": "Previous hip replacement"}, False),
        ({"description": "Discuss surgery"}, False),
        ({"description": "Aftercare following joint replacement surgery"}, False),
        ({"description": "Referral for hip surgery"}, False),
        ({"description": "Surgery follow-up"}, False),
        ({"description": "General surgery clinic; bring your list"}, False),
        ({"description": "Post-op knee replacement"}, False),
        ({"specialty": [{"text": "Chirurgie"}]}, None),
        ({"specialty": [{"text": "An\u00e4sthesie"}]}, None),
        ({"specialty": [{"text": "Trauma and orthopedics"}]}, None),
        ({"specialty": [{"text": "Orthopedic clinic"}]}, False),
        ({"description": "History of knee replacement"}, False),
        ({"description": "Hormone replacement"}, False),
        ({"description": "Iron infusion"}, False),
        ({"appointmentType": {"text": "Check-up"}}, False),
    ],
)
def test_what_an_appointment_says_of_an_operation(words: Json, expected: bool | None) -> None:
    booked = appointment(**words)
    assert planned(booked) is expected
    said = evaluation_of([booked]).define("MastCellProcedureElements", "Note On Appointments In Words")
    assert (said is not None) == (expected is None)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        *[
            (short, None)
            for short in (
                "Anesthesia", "Bone marrow bx", "Lap chole 0730", "Left heart cath", "TEE cardioversion", "Lithotripsy",
                "Epidural steroid injection", "ORIF wrist", "Cataract OS", "Bladder scope", "Root canal", "Port-a-cath",
                "Wisdom teeth", "Tonsils out - no aspirin 2 wks", "Knee joint injection", "Lumbar puncture",
                "LP", "LP 9 am", "LP w/ sedation",
            )
        ],
        *[
            (other, False)
            for other in (
                "Allergy injection", "Xolair injection", "Flu shot", "Catheter care", "Overlap clinic", "Cataract evaluation",
                "Anesthesia consult", "No anesthesia", "Telescope club", "Lapse in coverage",
                "LP declined", "Lp(a) level", "LPN visit", "Stitches out",
            )
        ],
    ],
)  # fmt: skip
def test_short_words_for_an_operation_ask(words: str, expected: bool | None) -> None:
    booked = appointment(description=words)
    assert planned(booked) is expected
    said = evaluation_of([booked]).define("MastCellProcedureElements", "Note On Appointments In Words")
    assert (said is not None) == (expected is None)


@pytest.mark.parametrize(
    "words",
    [
        "S/p fall - hip surgery", "After chemo: mastectomy", "Surgery: avoid NSAIDs", "Surgery; avoid morphine",
        "Surgery avoid triggers",
        "Denies allergies, EGD", "Hx of hernia; hernia repair", "H/o allergy, surgery", "Removal of old implant, surgery",
        "Not fasting - biopsy", "Surgery not yet confirmed", "Surgery not before 9", "Discussion then surgery",
        "Recent surgery cancelled, operation rebooked", "Surgery cancelled and rebooked for June", "No aspirin before surgery",
        "Stop aspirin prior to surgery", "CABG - reviewed by anesthesia",
        "Total hip replacement, then rehab", "Never had anesthesia. Tonsillectomy", "Revision of previous hip replacement",
        "No NSAIDs surgery 6/10", "Avoid opioids hip surgery", "No latex hip surgery", "Hx mastocytosis colonoscopy",
        "Hx of MCAS hip surgery", "S/P chemo mastectomy", "After chemo + mastectomy", "S/p fall.Hip surgery",
        "Recent dx breast cancer lumpectomy", "Since fall knee surgery", "Past due colonoscopy", "Prior auth obtained mastectomy",
        "After hours surgery", "After 9 am surgery", "Cancellation slot surgery", "Surgery cancellation list",
        "No show colonoscopy", "No-prep colonoscopy", "No general anesthesia biopsy", "Remote check-in knee surgery",
        "Never smoker lobectomy", "Old patient hip surgery", "Old scar excision", "Surgery no longer than 2 hours",
        "Operation not expected to exceed 1 h", "Surgery not done yet",
        "Surgery not scheduled in OR 2", "Surgery not required to fast", "Knee surgery declined sedation",
        "Prior auth approved hip replacement", "History of anaphylaxis EGD", "Not diabetic hip replacement",
        "Hip surgery (consulted cardiology)", "Surgery; follow-up in 2 weeks", "Hip surgery at clinic",
        "Surgery; education given", "Surgery w/ follow up", "Follow-up colonoscopy", "Clinic: EGD", "Sedation", "LASIK", "TURBT",
        "Pacemaker insertion", "Port placement", "EGD and clinic", "Consult and colonoscopy", "Clinic visit before surgery",
        "Follow-up for biopsy", "Consult hip surgery, no clinic",
    ],
)  # fmt: skip
def test_what_an_appointment_denies_in_one_clause_says_nothing_of_the_next(words: str) -> None:
    booked = appointment()
    for said in ({"description": words}, {"reasonCode": [{"text": words}]}):
        assert planned(booked | said) is None
        note = evaluation_of([booked | said]).define("MastCellProcedureElements", "Note On Appointments In Words")
        assert words in note


def test_an_old_order_without_a_date_does_not_plan_a_procedure() -> None:
    """Older than ``procedureOrderMaxAgeDays``."""
    surgery = {"coding": [{"system": "http://snomed.info/sct", "code": "387713003"}]}
    undated = {k: v for k, v in request(surgery).items() if k != "occurrenceDateTime"}
    assert planned(request(surgery)) is True
    assert planned(undated) is True
    assert planned(undated | {"authoredOn": "2025-06-10"}) is True
    assert planned(undated | {"authoredOn": "2025-05-20"}) is None


@pytest.mark.parametrize(
    ("resource", "define", "expected"),
    [
        (order("8638", called="prednisolone acetate 1 % eye drops"), "On Systemic Corticosteroid", False),
        (order("8638", called="prednisolone", dosage=[{"route": {"text": "Ophthalmic"}}]), "On Systemic Corticosteroid", False),
        (order("8638", called="prednisolone 5 mg tablet"), "On Systemic Corticosteroid", True),
        (order("42612", called="cromolyn nasal spray"), "On Oral Cromolyn", False),
        (order("42612", called="cromolyn", dosage=[{"text": "200 mg by mouth four times a day"}]), "On Oral Cromolyn", True),
        (order("3498", called="diphenhydramine", dosage=[{"text": "Apply to the affected area"}]), "On H1 Antihistamine", False),
        (
            order("3498", called="diphenhydramine 25 mg", dosage=[{"text": "1 capsule for eye allergy"}]),
            "On H1 Antihistamine",
            True,
        ),
    ],
)
def test_a_local_form_is_not_the_drug_of_the_articles(resource: Json, define: str, expected: bool) -> None:
    found = evaluation_of([resource])
    assert found.define("MastCellMedicationElements", define) is expected
    assert found.define("MastCellMedicationRecords", "Has Uncoded Current Medication") is False


def test_a_bone_density_scan_in_words_was_made() -> None:
    report = {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "effectiveDateTime": "2026-03-01"}

    def last(text: str, resource: Json) -> Any:
        found = evaluation_of([resource | {"code": {"text": text}}])
        return str(found.define("MastCellLabElements", "Last Bone Density Scan") or "")

    assert last("DXA bone density", report).startswith("2026-03-01")
    done = {"resourceType": "Procedure", "id": "p1", "status": "completed", "performedDateTime": "2026-02-01", "subject": SUBJECT}
    assert last("Bone mineral density scan (DEXA)", done).startswith("2026-02-01")
    assert last("DXA body composition", report) == ""
    assert last("Dexamethasone suppression test", report) == ""


def back_pain(**more: Any) -> Any:
    coded = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": more.pop("icd", "M54.50")}]}
    return evaluation_of([condition("", code=coded, **more)]).define("MastCellBoneElements", "Has Chronic Back Pain")


def years(age: int) -> Json:
    return {"value": age, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"}


def test_an_age_at_onset_says_how_long_it_has_lasted() -> None:
    assert back_pain(onsetAge=years(30)) is True
    assert back_pain(onsetAge=years(65)) is None
    assert back_pain() is None
    assert back_pain(icd="M54.41", onsetDateTime="2020-01-01") is None
    assert back_pain(icd="M54.2", onsetDateTime="2020-01-01") is False


@pytest.mark.parametrize(
    ("library", "define", "code", "value", "expected"),
    [
        ("MastCellLabElements", "Tryptase", "21582-2", amount(95, "ug/l"), "95 ng/mL"),
        ("MastCellLabElements", "Tryptase", "21582-2", amount(0.095, "mg/L"), "95 ng/mL"),
        ("MastCellLabElements", "Tryptase", "21582-2", amount(95, "nmol/L"), None),
        ("MastCellLabElements", "Has Renal Insufficiency", "62238-1", amount(20, "ml/min/{1.73_m2}"), True),
        ("MastCellLabElements", "Has Renal Insufficiency", "62238-1", amount(1, "mL/s/{1.73_m2}"), False),
        ("MastCellLabElements", "Has Renal Insufficiency", "62238-1", amount(20, "mL/min/m2"), None),
    ],
)
def test_a_unit_that_can_be_converted_is(library: str, define: str, code: str, value: Json, expected: Any) -> None:
    assert plain(evaluation_of([observation(code, value)]).define(library, define)) == expected


def test_a_weight_in_ounces_is_read_and_one_that_cannot_be_is_said() -> None:
    weight = observation("29463-7", amount(2464, "[oz_av]"))
    assert round(float(evaluation_of([weight]).define("MastCellPatientElements", "Body Weight").value), 1) == 69.9
    said = evaluation_of([observation("29463-7", amount(154, "stone"))]).define("BackPainLogic", "Note On Prednisone Dose")
    assert "cannot be read" in said


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("10*3.uL-1", 0.8),
        ("{#}/uL", 0.0008),
        ("1000/uL", 0.8),
        ("10*3/mcL", 0.8),
        ("cells/mcL", 0.0008),
        ("K/uL", None),
        ("10*9/l", 0.8),
        ("/nL", 0.8),
        ("10*6/mL", 0.8),
        ("/nl", 0.8),
        ("nmol/L", None),
        ("fmol/L", None),
        ("10*9/kg", None),
    ],
)
def test_units_of_counts(unit: str, expected: float | None) -> None:
    count = evaluation_of([observation("751-8", amount(0.8, unit))]).define("MastCellMidostaurinCounts", "ANC")
    assert (float(count.value) if count is not None else None) == expected


def neutrophils(value: Json) -> float | None:
    found = evaluation_of([observation("751-8", value)]).define("MastCellMidostaurinCounts", "ANC")
    return float(found.value) if found is not None else None


@pytest.mark.parametrize(
    "unit",
    [
        *("K/uL", "k/ul", "K/mcL", "K/µL", "K/mm3", "K/cumm", "Thousand/uL", "thousands/uL", "Thou/mm3", "THOU/MCL", "Tsd/µl"),
        *(
            "x10(3)/mcL",
            "10(3)/mcL",
            "x10(3)/uL",
            "10^3/uL",
            "x10^3/uL",
            "X10E3/UL",
            "10E+03/uL",
            "x103/uL",
            "x10³/µL",
            "x 10^3/mm^3",
        ),
        *("10^3 cells/uL", "x10(9)/L", "10(9)/L", "10e9/L", "x 10E9/L", "x10^9/l", "10⁹/L", "G/L", "Giga/L", "Gpt/l", "bil/L"),
    ],
)
def test_thousands_in_a_microlitre_as_they_are_printed(unit: str) -> None:
    """Without a code K is a thousand and G a thousand million."""
    assert neutrophils({"valueQuantity": {"value": Decimal("0.8"), "unit": unit}}) == 0.8


@pytest.mark.parametrize(
    "unit", ["{cells}/mcL", "cells/mm3", "cells/cumm", "per mm3", "/mcL", "#/uL", "10^6/L", "x10(6)/L", "Mill/L"]
)
def test_cells_in_a_microlitre_as_they_are_printed(unit: str) -> None:
    assert neutrophils({"valueQuantity": {"value": 800, "unit": unit}}) == 0.8


@pytest.mark.parametrize(
    "unit", ["103/uL", "109/L", "k/L", "M/uL", "{Thousand}/uL", "thousand", "thousand/mL", "g/L", "x10(9)/uL", "%"]
)
def test_what_is_printed_and_may_be_another_number_is_not_read(unit: str) -> None:
    assert neutrophils({"valueQuantity": {"value": Decimal("0.8"), "unit": unit}}) is None


@pytest.mark.parametrize("unit", ["K/uL", "G/L", "Thousand/uL", "x10(9)/L", "{Thousand}/uL", "{k}/uL", "{giga}/L"])
def test_a_code_of_ucum_stays_what_ucum_says(unit: str) -> None:
    """K is the kelvin, G the gauss, and words are no units; a number in braces, which UCUM counts as one, is in doubt."""
    assert neutrophils(amount(0.8, unit)) is None


POWERS = ["10*3", "x10^3", "10E3", "1000", "x1000", "E3", "K cells", "thousand cells", "thousand_cells", "Thousands", "M"]


@pytest.mark.parametrize("unit", [*(f"{{{power}}}/uL" for power in POWERS), "103/uL", "109/L", "10.3/uL", "106{cells}/L"])
def test_a_unit_that_may_be_another_power_of_ten_is_not_read(unit: str) -> None:
    """UCUM counts all that is in braces as one, and 103 as a hundred and three: the count would be a thousand times too low."""
    assert neutrophils(amount(5, unit)) is None
    assert neutrophils({"valueQuantity": {"value": 5, "unit": unit}}) is None
    low = {"referenceRange": [{"low": amount(4, "10*9/L")["valueQuantity"]}]}
    white = observation("6690-2", amount(5, unit), **low)
    assert evaluation_of([white]).define("MastCellLabElements", "White Cells Are Low") is None


@pytest.mark.parametrize("unit", ["{cells}/uL", "{WBC}/uL", "{#}/uL", "{CD4_cells}/uL"])
def test_words_in_braces_that_are_no_number_count_as_one(unit: str) -> None:
    assert neutrophils(amount(800, unit)) == 0.8


@pytest.mark.parametrize(
    ("gender", "asked"), [("male", False), ("female", True), ("other", True), ("unknown", True), (None, True)]
)
def test_pregnancy_is_not_asked_of_a_male_patient(gender: str | None, asked: bool) -> None:
    patient = {"resourceType": "Patient", "id": "p", "birthDate": "1990-01-01"} | ({"gender": gender} if gender else {})
    people = "MastCellPatientElements"
    in_words = condition("Pregnancy, 12 weeks")
    assert evaluation_of([patient, in_words]).define(people, "Is Pregnant") is (None if asked else False)
    pregnant = condition("", code={"coding": [{"system": "http://snomed.info/sct", "code": "77386006"}]})
    assert evaluation_of([patient, pregnant]).define(people, "Is Pregnant") is True, (
        "a coded pregnancy counts, whatever the gender"
    )


def told_of_pregnancy(gender: str, *resources: Json) -> set[tuple[Any, Any, Any]]:
    """What the proposals for indolent mastocytosis say of it: the resource, the value, whether it was not found."""
    patient = {"resourceType": "Patient", "id": "p", "birthDate": "1980-06-01", "gender": gender}
    disease = condition("", id="d", code={"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "D47.02"}]})
    entries = [{"resource": resource} for resource in (patient, disease, *resources)]
    (record,) = read_resources([{"resourceType": "Bundle", "type": "collection", "entry": entries}], "p")
    outcome = apply_guideline(guideline(), record, as_of="2026-06-01").as_json()
    return {
        (told.get("resource"), told.get("value"), told.get("absent", False))
        for found in outcome["recommendations"]
        for told in found.get("evidence", [])
        if told.get("element") == "pregnancy"
    }


def test_where_nothing_is_on_record_of_a_pregnancy_it_is_not_the_patient_that_says_so() -> None:
    """The gender says it of a male patient alone; a test that was negative says it itself."""
    negative = observation("2106-3", {"valueCodeableConcept": {"text": "Negative"}})
    assert told_of_pregnancy("female") == {(None, False, True)}
    assert told_of_pregnancy("male") == {("Patient/p", False, False)}
    assert told_of_pregnancy("female", negative) == {("Observation/o", "Negative", False)}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({}, True),
        ({"description": "Hernia repair"}, True),
        ({"description": "Gallbladder removal"}, True),
        ({"description": "Post-op visit after hernia repair"}, None),
        ({"description": "CABG - reviewed by anesthesia"}, True),
        ({"description": "Total hip replacement, then rehab"}, True),
        ({"description": "Hysterectomy (risks discussed)"}, True),
        ({"description": "Pacemaker insertion - discussed with patient"}, True),
        ({"description": "OR 3, reviewed by anesthesia"}, True),
        ({"description": "Port placement; aftercare arranged"}, True),
        ({"description": "Meds reviewed; avoid NSAIDs; tonsillectomy"}, True),
        ({"description": "S/p fall - hip surgery, meds reviewed"}, True),
        ({"description": "After chemo: mastectomy (reviewed)"}, True),
        ({"description": "Chart review"}, None),
        ({"description": "Review visit"}, None),
        ({"description": "Rehab after surgery"}, None),
        ({"description": "Aftercare following joint replacement surgery"}, None),
        ({"description": "Suture removal"}, None),
        ({"description": "Stitches"}, None),
        ({"description": "Stitches out"}, None),
        ({"description": "Remove stitches"}, None),
        ({"description": "Staples to be removed"}, None),
        ({"description": "Removal of sutures"}, None),
        ({"description": "Laceration repair, stitches"}, True),
        ({"description": "Excision with stitches"}, True),
        ({"description": "Pre-op consult"}, None),
        ({"appointmentType": {"text": "Office visit"}}, None),
        ({"reasonCode": [{"text": "Surgical consultation"}]}, None),
    ],
)
def test_a_visit_of_the_surgical_category_is_open(words: Json, expected: bool | None) -> None:
    category = {"coding": [{"system": "http://snomed.info/sct", "code": "387713003"}]}
    booked = appointment(serviceCategory=[category], **words)
    assert planned(booked) is expected


def test_that_no_pregnancy_was_found_is_told_last() -> None:
    """It counts at any age, for a coded one would withhold every drug; but it is not what a recommendation is about."""
    patient = {"resourceType": "Patient", "id": "p", "birthDate": "1952-03-04", "gender": "female"}
    sm = {"resourceType": "Condition", "id": "sm", "subject": {"reference": "Patient/p"}}
    active = {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}
    sm |= {"clinicalStatus": {"coding": [active]}}
    sm |= {"code": {"coding": [{"system": "http://snomed.info/sct", "code": "397016004"}]}}
    entries = [{"resource": resource} for resource in (patient, sm)]
    (record,) = read_resources([{"resourceType": "Bundle", "type": "collection", "entry": entries}], "p")
    outcome = apply_guideline(guideline(), record, as_of="2026-06-01").as_json()
    absent = [
        [told.get("element") for told in found.get("evidence", []) if told.get("absent")] for found in outcome["recommendations"]
    ]
    with_pregnancy = [names for names in absent if "pregnancy" in names]
    assert any(len(names) > 1 for names in with_pregnancy)
    assert {names[-1] for names in with_pregnancy} == {"pregnancy"}

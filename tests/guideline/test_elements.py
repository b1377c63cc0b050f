"""The shared data elements: true, false and unknown, each from a small record. A table a library; a row: define, data, value."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from guideway.apply.moment import moment
from guideway.authoring.cases import case_of
from guideway.engine.values import DateTime, Quantity
from guideway.records.reading import read_resources

from .evaluating import library_of
from .support import concepts, guideline

PATIENT = {"patient": {"born": "1980-06-01", "sex": "female"}}
AS_OF = "2026-06-01"
RESPONSE = "Therapy Response Observation"


def value_of(library: str, define: str, data: list[Any], context: dict[str, Any] | None = None, **parameters: Any) -> Any:
    """What a define gives for a patient made of these items."""
    if not any("patient" in item for item in data):
        data = [PATIENT, *data]
    case = case_of({"id": "element", "as_of": AS_OF, "hook": "order-sign", "data": data}, concepts())
    (record,) = read_resources([case.bundle], "element")
    when = moment(case.as_of, "UTC")
    opened = guideline()
    if case.context is not None:
        from guideway.fhir.element import FhirObject

        drafts = [entry["resource"] for entry in case.context["draftOrders"]["entry"]]
        parameters["draftOrders"] = [FhirObject(draft["resourceType"], draft) for draft in drafts]
    evaluation = opened.program.evaluation(
        record.under(opened.manifest.hygiene, when.text, when.offset),
        now=when.now,
        timezone=when.offset,
        parameters=parameters,
        terminology=opened.terminology,
    )
    return plain(evaluation.define(library, define))


def plain(value: Any) -> Any:
    """A value as the tables write it."""
    if isinstance(value, Quantity):
        return f"{value.value.normalize():f} {value.unit}"
    if isinstance(value, DateTime):
        return str(value)[:10]
    return value


def obs(concept: str, value: Any = None, at: str = "2026-05-20", **more: Any) -> dict[str, Any]:
    return {"observation": concept, "at": at} | ({} if value is None else {"value": value}) | more


def cond(concept: str, **more: Any) -> dict[str, Any]:
    return {"condition": concept} | more


def med(concept: str, **more: Any) -> dict[str, Any]:
    return {"medication": concept, "start": "2026-01-01"} | more


def run(library: str, row: tuple[str, list[Any], Any]) -> None:
    define, data, expected = row
    assert value_of(library, define, data) == expected


def table(rows: list[tuple[str, list[Any], Any]]) -> Any:
    return pytest.mark.parametrize("row", rows, ids=lambda row: f"{row[0]} = {row[2]}")


@table(
    [
        ("Age", [], 46),
        ("Age", [{"patient": {"sex": "male"}}], None),
        ("Is Minor", [{"patient": {"born": "2008-06-02"}}], True),
        ("Is Minor", [{"patient": {"born": "2008-06-01"}}], False),
        ("Is Elderly", [{"patient": {"born": "1961-06-01"}}], True),
        ("Is Pregnant", [], False),
        ("Is Pregnant", [cond("Pregnancy", onset="2026-02-01")], True),
        ("Is Pregnant", [cond("Pregnancy", onset="2024-02-01")], False),
        ("Is Pregnant", [cond("Pregnancy", status="resolved")], False),
        ("Is Outside Stated Scope", [{"patient": {"sex": "male"}}], None),
        ("Is Outside Stated Scope", [{"patient": {"sex": "female"}}, cond("Pregnancy", onset="2026-02-01")], True),
        ("Body Weight", [obs("Body Weight", "70 kg")], "70 kg"),
        ("Body Weight", [obs("Body Weight", "100 [lb_av]")], "45.359237 kg"),
        ("Body Weight", [obs("Body Weight", "70")], None),
        ("Body Weight", [obs("Body Weight", "70 kg", at="2024-01-01")], None),
    ]
)
def test_patient(row: Any) -> None:
    run("MastCellPatientElements", row)


@table(
    [
        ("Has MCAS", [], False),
        ("Has MCAS", [cond("icd10cm|D89.42")], True),
        ("Has MCAS", [cond("icd10cm|D89.42", status="none", verification="none")], True),
        ("Has MCAS", [cond("icd10cm|D89.42", status="inactive")], False),
        ("Has MCAS", [cond("icd10cm|D89.42", status="relapse")], True),
        ("Has MCAS", [cond("icd10cm|D89.42", verification="provisional")], None),
        ("Has MCAS", [cond("icd10cm|D89.42", verification="refuted")], False),
        ("Has MCAS", [cond("text: Mast cell activation syndrome")], None),
        ("Has MCAS", [cond("text: Migraine")], False),
        ("Has MCAS", [cond("icd10cm|D89.43")], False),
        ("Has Mast Cell Activation", [cond("icd10cm|D89.43")], True),
        ("Has Mast Cell Disorder", [cond("icd10cm|D89.44")], False),
        ("Has Mast Cell Disorder", [cond("icd10cm|D89.49")], True),
        ("Has SM", [cond("icd10cm|D47.02")], True),
        ("Has SM", [cond("icd10cm|D47.01")], False),
        ("Has SM", [cond("icd10cm|C96.22")], False),
        ("Has SM", [cond("text: Systemic mastocytosis")], None),
        ("Has Indolent SM", [], False),
        ("Has Indolent SM", [cond("icd10cm|D47.02")], None),
        ("Has Advanced SM", [cond("icd10cm|D47.02")], None),
        ("Has Advanced SM", [cond("icd10cm|C96.21")], True),
        ("Has Advanced SM", [cond("sct|70910003")], False),
        (
            "Has Indolent Or Smoldering SM",
            [cond("icd10cm|D47.02"), obs("Subtype Observation", "local:sm-subtype|smoldering")],
            True,
        ),
        (
            "Has Advanced SM",
            [cond("icd10cm|D47.02"), {"answers": "advanced-disease", "smSubtype": "local:sm-subtype|aggressive"}],
            True,
        ),
        ("Has SM-AHN", [cond("icd10cm|C94.30"), cond("sct|397015000")], True),
        ("Has Mast Cell Leukemia", [cond("icd10cm|C94.30"), cond("sct|397015000")], True),
        (
            "Has SM-AHN",
            [
                cond("icd10cm|D47.02"),
                {"answers": "advanced-disease", "smSubtype": ["local:sm-subtype|sm-ahn", "local:sm-subtype|mast-cell-leukemia"]},
            ],
            True,
        ),
        ("Mast Cell Leukemia In Remission", [cond("icd10cm|C94.31")], True),
        ("Has Coding Conflict", [cond("icd10cm|D89.42"), cond("icd10cm|D47.02")], True),
    ]
)
def test_diagnosis(row: Any) -> None:
    run("MastCellDiagnosisElements", row)


@table(
    [
        ("Has Flushing", [], None),
        ("Has Flushing", [cond("Flushing")], True),
        ("Has Flushing", [cond("Flushing", status="resolved")], None),
        ("Has Flushing", [obs("Flushing", True)], True),
        ("Has Flushing", [obs("Flushing", False)], False),
        ("Has Flushing", [obs("Flushing", True, at="2024-01-01")], None),
        ("Has Bronchospasm", [cond("icd10cm|R06.2")], True),
        ("Has Respiratory Symptoms", [cond("local:symptom|shortness-of-breath")], True),
        ("Has Gastrointestinal Symptoms", [cond("icd10cm|R19.7")], True),
        ("Has Cardiovascular Symptoms", [cond("sct|271594007")], True),
        ("Has Neuropsychiatric Symptoms", [cond("local:symptom|brain-fog")], True),
        ("Has History Of Anaphylaxis", [], None),
        ("Has History Of Anaphylaxis", [cond("icd10cm|T78.2XXA", status="resolved")], True),
        ("Has History Of Anaphylaxis", [cond("icd10cm|T78.2XXA", verification="refuted")], None),
        ("Has History Of Airway Angioedema", [cond("icd10cm|T78.3XXA")], None),
        ("Has History Of Airway Angioedema", [cond("icd10cm|T78.3XXA", site="text: Hand")], False),
        ("Has History Of Airway Angioedema", [cond("icd10cm|T78.3XXA", site="text: Larynx")], True),
        ("Has History Of Airway Angioedema", [cond("local:symptom|airway-angioedema")], True),
        ("Has Chronic Back Pain", [], False),
        ("Has Chronic Back Pain", [cond("text: Low back pain for years")], None),
        ("Has Chronic Back Pain", [cond("text: Headache")], False),
        ("Has Chronic Back Pain", [cond("sct|134407002", verification="provisional")], None),
        ("Has Chronic Back Pain", [cond("icd10cm|M54.50", verification="provisional")], None),
        ("Has Chronic Back Pain", [cond("icd10cm|M54.50", status="resolved")], False),
        ("Has Chronic Back Pain", [cond("sct|134407002")], True),
        ("Has Chronic Back Pain", [cond("icd10cm|M54.50")], None),
        ("Has Chronic Back Pain", [cond("icd10cm|M54.50"), cond("icd10cm|G89.29")], True),
        ("Has Chronic Back Pain", [cond("icd10cm|M54.50", onset="2026-02-20")], True),
        ("Has Chronic Back Pain", [cond("icd10cm|M54.50", onset="2026-04-20")], False),
        ("Has Bone Pain", [cond("Bone Pain")], True),
        ("Has Bone Pain", [{"answers": "clinical-course", "bonePain": False}], False),
        ("Has Osteopenia Or Osteoporosis", [], None),
        ("Has Osteopenia Or Osteoporosis", [cond("icd10cm|M81.0")], True),
        ("Has Osteopenia Or Osteoporosis", [obs("loinc|38267-1", "-1.1 {T-score}")], True),
        ("Has Osteopenia Or Osteoporosis", [obs("loinc|38267-1", "-1.0 {T-score}")], False),
        ("Has Worsening Bone Density", [], None),
        (
            "Has Worsening Bone Density",
            [obs("loinc|38267-1", "-2.1 {T-score}", at="2024-03-01"), obs("loinc|38267-1", "-2.9 {T-score}")],
            True,
        ),
        (
            "Has Worsening Bone Density",
            [obs("loinc|38267-1", "-2.1 {T-score}", at="2024-03-01"), obs("loinc|38263-0", "-2.9 {T-score}")],
            None,
        ),
        (
            "Has Worsening Bone Density",
            [
                obs("loinc|38267-1", "-2.1 {T-score}", at="2024-03-01"),
                obs("loinc|38267-1", "-2.2 {T-score}"),
                {"answers": "clinical-course", "worseningBMD": False},
            ],
            False,
        ),
        ("Has Pathologic Fracture", [cond("icd10cm|M84.40XA", status="resolved")], True),
        ("Has Organ Damage", [], None),
        ("Has Organ Damage", [{"answers": "clinical-course", "organDamage": False}], False),
        (
            "Organ Systems In One Episode",
            [
                {"encounter": "EMER", "id": "e1", "start": "2026-05-01"},
                cond("Flushing", encounter="e1"),
                cond("icd10cm|R06.2", encounter="e1"),
                cond("icd10cm|R19.7"),
            ],
            2,
        ),
    ]
)
def test_finding(row: Any) -> None:
    run(library_of(row[0]), row)


LTE4 = "loinc|33343-5"


@table(
    [
        ("Leukotriene E4 Is Elevated", [], None),
        ("Leukotriene E4 Is Elevated", [obs(LTE4, "180 pg/mg{creat}", range="-104")], True),
        ("Leukotriene E4 Is Elevated", [obs(LTE4, "100 pg/mg{creat}", range="-104")], False),
        ("Leukotriene E4 Is Elevated", [obs(LTE4, "180 pg/mg{creat}")], None),
        ("Leukotriene E4 Is Elevated", [obs(LTE4, "180 pg/mg{creat}", interpretation="H")], True),
        ("Leukotriene E4 Is Elevated", [obs(LTE4, "180 pg/mg{creat}", interpretation="N")], False),
        ("Leukotriene E4 Is Elevated", [obs(LTE4, ">200 pg/mg{creat}", range="-104")], True),
        ("Leukotriene E4 Is Elevated", [obs(LTE4, "180 pg/mg{creat}", status="preliminary", interpretation="H")], None),
        (
            "Prostaglandin Is Elevated",
            [obs("local:mast-cell-observations|urine-11beta-pgf2alpha", "900 ng/(24.h)", interpretation="H")],
            True,
        ),
        ("Histamine Is Elevated", [obs("loinc|44340-8", "300 ug/g{creat}", interpretation="HH")], True),
        ("Tryptase", [obs("loinc|21582-2", "95 ug/L")], "95 ng/mL"),
        ("KIT D816V", [], None),
        ("KIT D816V", [obs("loinc|88519-4", "local:test-result|negative")], "negative"),
        ("KIT D816V", [obs("loinc|88519-4", "local:test-result|unknown")], "unknown"),
        ("KIT D816V", [obs("loinc|88519-4", absent="unknown")], "unknown"),
        ("KIT D816V", [obs("loinc|88519-4", interpretation="POS", absent="asked-unknown")], "positive"),
        ("KIT D816V", [obs("loinc|88519-4", absent="not-performed")], None),
        ("KIT D816V", [obs("loinc|88519-4", absent="error")], None),
        (
            "KIT D816V",
            [obs("loinc|88519-4", "local:test-result|positive", at="2024-01-01"), obs("loinc|88519-4", absent="not-performed")],
            "positive",
        ),
        (
            "KIT D816V",
            [obs("loinc|88519-4", "local:test-result|positive", at="2024-01-01"), obs("loinc|88519-4", absent="error")],
            "positive",
        ),
        (
            "KIT D816V",
            [obs("loinc|88519-4", "local:test-result|positive", at="2024-01-01"), obs("loinc|88519-4", absent="unknown")],
            "positive",
        ),
        (
            "KIT D816V",
            [
                obs("loinc|88519-4", "local:test-result|positive", at="2024-01-01"),
                obs("loinc|88519-4", "local:test-result|unknown"),
            ],
            "positive",
        ),
        ("FIP1L1-PDGFRA", [obs("FIP1L1-PDGFRA Test", "local:test-result|positive")], "positive"),
        ("Has Leukopenia", [], None),
        ("Has Leukopenia", [obs("loinc|6690-2", "2.9 10*9/L", range="4.0-10.5")], True),
        ("Has Leukopenia", [obs("loinc|6690-2", "4.0 10*9/L", range="4.0-10.5")], False),
        ("White Cells Are Low", [obs("loinc|6690-2", "4.0 10*9/L", range="4.0-10.5")], False),
        ("Has Leukopenia", [obs("loinc|6690-2", "2.9 10*9/L")], None),
        ("Has Leukopenia", [cond("icd10cm|D72.819")], True),
        ("Has Eosinophilia", [obs("loinc|711-2", "4.8 10*9/L", interpretation="H")], True),
        ("Has Renal Insufficiency", [obs("loinc|62238-1", "80 mL/min/{1.73_m2}")], False),
        ("Filtration Rate Is Low", [obs("loinc|62238-1", "80 mL/min/{1.73_m2}")], False),
        ("Has Renal Insufficiency", [obs("loinc|98979-8", "34 mL/min/{1.73_m2}")], True),
        ("Last Bone Density Scan", [obs("loinc|38267-1", "-2.1 {T-score}", at="2023-01-15")], "2023-01-15"),
        ("Last Bone Density Scan", [{"procedure": "sct|312681000", "at": "2025-01-15"}], "2025-01-15"),
        (
            "Mediator Is Elevated During Attack",
            [
                {"encounter": "EMER", "id": "e1", "start": "2026-05-20", "end": "2026-05-21"},
                obs("loinc|21582-2", "40 ng/mL", interpretation="H", encounter="e1"),
            ],
            True,
        ),
        ("Mediator Is Elevated During Attack", [obs("loinc|21582-2", "40 ng/mL", interpretation="H")], None),
        ("Burden Recorded", [obs("loinc|11109-6", "30 %")], True),
    ]
)
def test_lab(row: Any) -> None:
    run(library_of(row[0]), row)


@table(
    [
        ("On H1 Antihistamine", [], False),
        ("On H1 Antihistamine", [med("Cetirizine")], True),
        ("On H1 Antihistamine", [med("Cetirizine", status="stopped")], False),
        ("On H1 Antihistamine", [med("Cetirizine", intent="proposal")], False),
        ("On H1 Antihistamine", [med("Cetirizine", do_not_perform=True)], False),
        ("On H1 Antihistamine", [med("Cetirizine", **{"as": "statement"}, end="2026-02-01")], False),
        ("On H1 Antihistamine", [med("Cetirizine", **{"as": "statement"})], True),
        ("On Omalizumab", [med("Omalizumab", **{"as": "administration"}, start="2026-05-15")], True),
        ("On Omalizumab", [med("Omalizumab", **{"as": "administration"}, start="2026-01-15")], False),
        ("On H2 Antihistamine", [med("Ranitidine")], True),
        ("On Opioid", [], None),
        ("On Opioid", [{"reviewed": "medications"}], False),
        ("On Opioid", [{"reviewed": "medications", "at": "2024-01-01"}], None),
        ("On Opioid", [{"answers": "care-and-lists", "medicationListReviewed": True}], False),
        ("On Opioid", [{"reviewed": "medications"}, med("text: some tablets")], None),
        ("On Opioid", [med("rxnorm|7804")], True),
        ("On Cytoreductive Drug", [med("Midostaurin", status="on-hold")], True),
        ("On Cytoreductive Drug", [med("Avapritinib")], True),
        (
            "Cytoreductive Start",
            [med("Midostaurin", start="2026-02-01"), med("Midostaurin", start="2026-01-05", status="stopped")],
            "2026-01-05",
        ),
        ("Has Allergy Or Intolerance To Cetirizine", [{"allergy": "Cetirizine"}], True),
        ("Has Allergy Or Intolerance To Cetirizine", [{"allergy": "Cetirizine", "verification": "unconfirmed"}], True),
        ("Has Allergy Or Intolerance To Cetirizine", [{"allergy": "Cetirizine", "verification": "refuted"}], False),
        ("Has Allergy Or Intolerance To Cetirizine", [{"allergy": "Cetirizine", "status": "resolved"}], False),
        (
            "Has Allergy Or Intolerance To Montelukast",
            [med("Montelukast", status="stopped", reason="local:stop-reason|adverse-effect")],
            True,
        ),
        (
            "Has Allergy Or Intolerance To Montelukast",
            [med("Montelukast", status="stopped", reason="local:stop-reason|cost")],
            False,
        ),
        ("Allergy Rules Out H1 Antihistamines", [{"allergy": "Cetirizine", "criticality": "high"}], True),
        ("Allergy Rules Out H1 Antihistamines", [{"allergy": "Cetirizine", "severity": "severe"}], True),
        ("Allergy Rules Out H1 Antihistamines", [{"allergy": "Cetirizine", "reaction": "Anaphylaxis#39579001"}], True),
        ("Allergy Rules Out H1 Antihistamines", [{"allergy": "Cetirizine", "severity": "mild"}], False),
    ]
)
def test_medication(row: Any) -> None:
    run(library_of(row[0]), row)


INADEQUATE, ADEQUATE = "local:therapy-response|inadequate", "local:therapy-response|adequate"


@table(
    [
        ("Inadequate Response To H1 Antihistamine", [], None),
        ("Inadequate Response To H1 Antihistamine", [{"answers": "therapy-response", "inadequateResponseH1": INADEQUATE}], True),
        ("Inadequate Response To H1 Antihistamine", [{"answers": "therapy-response", "inadequateResponseH1": ADEQUATE}], False),
        (
            "Inadequate Response To H1 Antihistamine",
            [
                {"answers": "therapy-response", "at": "2026-03-01", "inadequateResponseH1": ADEQUATE},
                {"answers": "therapy-response", "at": "2026-05-01", "inadequateResponseH1": INADEQUATE},
            ],
            True,
        ),
        (
            "Inadequate Response To H1 Antihistamine",
            [{"answers": "therapy-response", "status": "in-progress", "inadequateResponseH1": INADEQUATE}],
            None,
        ),
        ("Inadequate Response To H1 Antihistamine", [obs(RESPONSE, components={"Cetirizine": INADEQUATE})], True),
        ("Inadequate Response To H2 Antihistamine", [obs(RESPONSE, components={"Cetirizine": INADEQUATE})], None),
        (
            "Inadequate Response To H1 Antihistamine",
            [med("Cetirizine", status="stopped", reason="local:stop-reason|lack-of-effect")],
            True,
        ),
        (
            "Inadequate Response To H1 Antihistamine",
            [med("Cetirizine", status="stopped", reason="local:stop-reason|adverse-effect")],
            None,
        ),
        ("Inadequate Response To H1 Antihistamine", [med("Cetirizine", status="stopped")], None),
        (
            "Inadequate Response To First Line",
            [obs(RESPONSE, components={"Cetirizine": INADEQUATE, "H2 Antihistamines": INADEQUATE})],
            None,
        ),
        (
            "Inadequate Response To First Line",
            [obs(RESPONSE, components={"Cetirizine": INADEQUATE, "H2 Antihistamines": INADEQUATE, "Oral Cromolyn": INADEQUATE})],
            True,
        ),
        (
            "Standard Therapies Failed",
            [obs(RESPONSE, components={"Cetirizine": INADEQUATE, "H2 Antihistamines": INADEQUATE})],
            None,
        ),
        (
            "Standard Therapies Failed",
            [obs(RESPONSE, components={"Cetirizine": INADEQUATE, "H2 Antihistamines": INADEQUATE, "Montelukast": INADEQUATE})],
            True,
        ),
        ("Aspirin Tolerance", [], None),
        (
            "Aspirin Tolerance",
            [{"answers": "clinical-course", "aspirinTolerance": "local:aspirin-tolerance|tolerated"}],
            "tolerated",
        ),
        (
            "Aspirin Tolerance",
            [
                {"answers": "clinical-course", "aspirinTolerance": "local:aspirin-tolerance|tolerated"},
                {"allergy": "Aspirin#1191"},
            ],
            "not-tolerated",
        ),
        ("Aspirin Tolerance", [obs("Aspirin Challenge", "local:aspirin-tolerance|tolerated")], "tolerated"),
        ("Has NSAID Reaction", [], None),
        ("Has NSAID Reaction", [{"reviewed": "allergies"}], False),
        ("Has NSAID Reaction", [{"allergy": "Nonsteroidal Anti-Inflammatory Drugs#5640"}], True),
        ("Has Severe NSAID Reaction", [{"allergy": "Aspirin#1191", "criticality": "high"}], True),
        ("H1 At Two Label Doses", [], False),
        ("H1 At Two Label Doses", [med("Cetirizine", dose="10 mg 1/d")], False),
        ("H1 At Two Label Doses", [med("Cetirizine", dose="10 mg 2/d")], True),
        ("H1 At Two Label Doses", [med("Cetirizine")], None),
        ("H1 At Two Label Doses", [med("Fexofenadine", dose="180 mg 2/d")], True),
        ("Naltrexone Daily Dose", [med("Naltrexone", dose="1.5 mg 1/d")], "1.5 mg"),
        ("Corticosteroid Is Long Term", [med("Prednisone", start="2026-01-15")], True),
        ("Corticosteroid Is Long Term", [med("Prednisone", start="2026-05-10")], False),
        ("Biologic Start", [med("Omalizumab", start="2026-02-20")], "2026-02-20"),
        ("Cromolyn Start", [med("Oral Cromolyn", start="2026-04-15")], "2026-04-15"),
        ("Epinephrine Auto-Injector Count", [], None),
        ("Epinephrine Auto-Injector Count", [med("Epinephrine Auto-Injectors", quantity=2)], 2),
        (
            "Epinephrine Auto-Injector Count",
            [med("Epinephrine Auto-Injectors"), {"dispense": "Epinephrine Auto-Injectors", "quantity": 1}],
            1,
        ),
        ("Any First-Line Therapy Tried", [{"reviewed": "medications"}], False),
        ("Any First-Line Therapy Tried", [], None),
        ("Any First-Line Therapy Tried", [med("Cetirizine", status="completed")], True),
    ]
)
def test_therapy(row: Any) -> None:
    run(library_of(row[0]), row)


@table(
    [
        ("Procedure Is Planned", [], False),
        ("Procedure Is Planned", [{"request": "sct|73761001", "at": "2026-06-20"}], True),
        ("Procedure Is Planned", [{"request": "sct|73761001"}], True),
        ("Procedure Is Planned", [{"request": "sct|73761001", "at": "2026-05-20"}], False),
        ("Procedure Is Planned", [{"request": "sct|73761001", "status": "revoked"}], False),
        ("Procedure Is Planned", [{"appointment": "sct|73761001", "at": "2026-06-20"}], True),
        ("Procedure Is Planned", [{"procedure": "sct|387713003", "status": "preparation"}], True),
        ("General Anesthesia Is Planned", [], None),
        ("General Anesthesia Is Planned", [{"request": "sct|50697003", "at": "2026-06-20"}], True),
        ("General Anesthesia Is Planned", [{"answers": "care-and-lists", "generalAnesthesiaPlanned": False}], False),
        ("Procedure Is Planned", [{"order": "sct|387713003", "as": "service"}], True),
        ("Procedure Is Planned", [{"answers": "care-and-lists", "generalAnesthesiaPlanned": True, "at": "2026-05-28"}], True),
        ("Procedure Is Planned", [{"answers": "care-and-lists", "generalAnesthesiaPlanned": True, "at": "2025-06-01"}], True),
        ("Procedure Is Planned", [{"answers": "care-and-lists", "generalAnesthesiaPlanned": True, "at": "2025-05-31"}], None),
        ("Procedure Is Planned", [{"answers": "care-and-lists", "generalAnesthesiaPlanned": False, "at": "2026-05-28"}], False),
        (
            "Procedure Is Planned",
            [
                {"answers": "care-and-lists", "generalAnesthesiaPlanned": True, "at": "2026-05-20"},
                {"procedure": "sct|387713003", "at": "2026-05-28"},
            ],
            False,
        ),
        (
            "Procedure Is Planned",
            [
                {"answers": "care-and-lists", "generalAnesthesiaPlanned": True, "at": "2026-05-28"},
                {"procedure": "sct|387713003", "at": "2026-05-20"},
            ],
            True,
        ),
        ("Procedure Is Planned", [{"order": "sct|50697003", "as": "service"}], True),
        ("Procedure Is Planned", [{"order": "text: laparoscopic cholecystectomy", "as": "service"}], None),
        ("Procedure Is Planned", [{"order": "text: physical therapy", "as": "service"}], False),
        ("General Anesthesia Is Planned", [{"order": "sct|50697003", "as": "service"}], True),
    ]
)
def test_procedures(row: Any) -> None:
    run("MastCellProcedureElements", row)


@table(
    [
        ("Visit Is Today", [], False),
        ("Visit Is Today", [{"encounter": "AMB", "status": "in-progress", "start": "2026-06-01"}], True),
        ("Visit Is Today", [{"encounter": "AMB", "start": "2026-05-01"}], False),
        (
            "Last Assessment",
            [
                {"encounter": "AMB", "start": "2026-02-01", "reason": "icd10cm|D47.02"},
                obs("loinc|6690-2", "5 10*9/L", at="2026-02-02"),
            ],
            "2026-02-01",
        ),
        (
            "Last Assessment",
            [{"encounter": "AMB", "start": "2026-02-01"}, obs("loinc|6690-2", "5 10*9/L", at="2026-02-02")],
            None,
        ),
        ("Last Assessment", [{"encounter": "AMB", "start": "2026-02-01"}], None),
        ("Last Assessment", [{"encounter": "AMB", "start": "2026-02-01", "type": "Clinical Review"}], "2026-02-01"),
        (
            "Last Toxicity Labs",
            [obs("loinc|6690-2", "5 10*9/L", at="2026-05-02"), obs("loinc|777-3", "200 10*9/L", at="2026-05-09")],
            "2026-05-09",
        ),
        ("Is At Specialized Center", [], None),
        ("Is At Specialized Center", [{"care-team": "Specialized Center Care"}], True),
        ("Is At Specialized Center", [{"request": "Specialized Center Care"}], True),
        ("Drafts Morphine Or Codeine", [], False),
        ("Drafts Morphine Or Codeine", [{"order": "rxnorm|7052"}], True),
        ("Drafts Dupilumab For MCAS", [{"order": "Dupilumab"}], True),
        ("Drafts Dupilumab For MCAS", [{"order": "Dupilumab", "for": "sct|195967001"}], False),
        ("Draft Naltrexone Daily Dose", [{"order": "Naltrexone", "dose": "1.5 mg 1/d"}], "1.5 mg"),
        ("Drafts Bone Marrow Biopsy", [{"order": "Bone Marrow Biopsy", "as": "service"}], True),
        ("Drafts Bone Marrow Biopsy", [{"order": "text: Bone marrow biopsy and aspiration", "as": "service"}], True),
        ("Drafts Bone Marrow Biopsy", [{"order": "http://www.ama-assn.org/go/cpt|38222", "as": "service"}], None),
        ("Drafts Bone Marrow Biopsy", [{"order": "text: bone marrow transplant", "as": "service"}], False),
        ("Drafts Bone Marrow Biopsy", [{"order": "text: pathology review of bone marrow biopsy", "as": "service"}], False),
    ]
)
def test_care(row: Any) -> None:
    run("MastCellCareElements", row)


def test_second_line_needs_all() -> None:
    data = [obs(RESPONSE, components={"Montelukast": INADEQUATE})]
    assert value_of("MastCellTherapyElements", "Inadequate Response To Second Line", data) is True
    assert value_of("MastCellTherapyElements", "Inadequate Response To Second Line", data, secondLineNeedsAll=True) is None


def test_decimals_stay_exact() -> None:
    assert value_of("MastCellMidostaurinCounts", "ANC", [obs("loinc|751-8", "1001 /uL", at="2026-06-01")]) == "1.001 10*9/L"
    assert Decimal("1.001") != Decimal("1.0")

"""Single data elements on each side of their thresholds: what a define comes to on a few resources (see ``test_thresholds``)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from .evaluating import library_of
from .test_elements import cond, med, obs, table, value_of

TODAY = date(2026, 6, 1)


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


OVER: dict[str, Any] = {"medication": "rxnorm|7804", "status": "completed"}
"""An opioid that is no longer in use."""
GIVEN: dict[str, Any] = {"medication": "rxnorm|7052", "as": "administration", "status": "completed"}
"""One dose of an opioid that somebody gave."""
REVIEWED: dict[str, Any] = {"reviewed": "medications"}


@table(
    [
        ("Is Minor", [{"patient": {"born": "2008-06-02"}}], True),
        ("Is Minor", [{"patient": {"born": "2008-06-01"}}], False),
        ("Is Elderly", [{"patient": {"born": "1961-06-02"}}], False),
        ("Is Elderly", [{"patient": {"born": "1961-06-01"}}], True),
        ("Is Pregnant", [cond("Pregnancy", onset=ago(300))], True),
        ("Is Pregnant", [cond("Pregnancy", onset=ago(301))], False),
        ("Body Weight", [obs("Body Weight", "70 kg", at=ago(180))], "70 kg"),
        ("Body Weight", [obs("Body Weight", "70 kg", at=ago(181))], None),
        ("Body Weight", [obs("Body Weight", "70000 g")], "70 kg"),
        ("Body Weight", [obs("Body Weight", "11 [stone_av]")], None),
        ("Body Weight", [obs("Body Weight", "70 kg", status="preliminary")], None),
        ("Body Weight", [obs("Body Weight", "70 kg", status="entered-in-error")], None),
        ("Body Weight", [obs("Body Weight", "70 kg", at=ago(-1))], None),
    ]
)
def test_people(row: Any) -> None:
    run("MastCellPatientElements", row)


TSCORE = "loinc|38267-1"


@table(
    [
        ("T-Score Is Low", [obs(TSCORE, "-1.1 {T-score}")], True),
        ("T-Score Is Low", [obs(TSCORE, "-1.0 {T-score}")], False),
        ("T-Score Is Low", [obs(TSCORE, "-0.9 {T-score}")], False),
        ("T-Score Is Low", [obs(TSCORE, "-2.6")], True),
        ("T-Score Is Low", [obs(TSCORE, "-2.6 g/cm2")], None),
        ("T-Score Is Low", [obs(TSCORE, "<-1.0 {T-score}")], True),
        ("T-Score Is Low", [obs(TSCORE, "<=-1.0 {T-score}")], None),
        ("T-Score Is Low", [obs(TSCORE, "<-0.5 {T-score}")], None),
        ("T-Score Is Low", [obs(TSCORE, ">-1.0 {T-score}")], False),
        ("T-Score Is Low", [obs(TSCORE, ">-1.5 {T-score}")], None),
        ("T-Score Is Low", [obs(TSCORE, "-2.6 {T-score}", status="preliminary")], None),
        ("T-Score Is Low", [obs(TSCORE, "-2.6 {T-score}", status="entered-in-error")], None),
        ("T-Score Is Low", [obs(TSCORE, "-2.6 {T-score}", at=ago(-1))], None),
        ("T-Score Is Low", [obs(TSCORE, "-2.6 {T-score}", at=ago(900)), obs(TSCORE, ">-1.5 {T-score}")], None),
    ]
)
def test_bone_density(row: Any) -> None:
    run("MastCellLabElements", row)


GFR, PER = "loinc|98979-8", "mL/min/{1.73_m2}"


@table(
    [
        ("Has Renal Insufficiency", [obs(GFR, f"34.9 {PER}")], True),
        ("Has Renal Insufficiency", [obs(GFR, f"35 {PER}")], False),
        ("Has Renal Insufficiency", [obs(GFR, f"35.1 {PER}")], False),
        ("Has Renal Insufficiency", [obs(GFR, f"<35 {PER}")], True),
        ("Has Renal Insufficiency", [obs(GFR, f">60 {PER}")], False),
        ("Has Renal Insufficiency", [obs(GFR, f">30 {PER}")], None),
        ("Has Renal Insufficiency", [obs(GFR, "20")], None),
        ("Has Renal Insufficiency", [obs(GFR, f"20 {PER}", at=ago(365))], True),
        ("Has Renal Insufficiency", [obs(GFR, f"20 {PER}", at=ago(366))], None),
        ("Has Renal Insufficiency", [obs(GFR, f"20 {PER}", status="preliminary")], None),
        ("Has Renal Insufficiency", [obs(GFR, f"20 {PER}", status="entered-in-error")], None),
        ("Has Renal Insufficiency", [obs(GFR, f"20 {PER}", at=ago(-1))], None),
    ]
)
def test_kidney(row: Any) -> None:
    run("MastCellLabElements", row)


WBC, LTE4, EOS, TRYPTASE = "loinc|6690-2", "loinc|33343-5", "loinc|711-2", "loinc|21582-2"


@table(
    [
        ("Has Leukopenia", [obs(WBC, "3.9 10*9/L", range="4.0-10.5")], True),
        ("Has Leukopenia", [obs(WBC, "4.0 10*9/L", range="4.0-10.5")], False),
        ("Has Leukopenia", [obs(WBC, "4.1 10*9/L", range="4.0-10.5")], False),
        ("Has Leukopenia", [obs(WBC, "<4.0 10*9/L", range="4.0-10.5")], True),
        ("Has Leukopenia", [obs(WBC, "<5.0 10*9/L", range="4.0-10.5")], None),
        ("Has Leukopenia", [obs(WBC, "3.9 10*9/L", range="4.0-10.5", status="preliminary")], None),
        ("Has Leukopenia", [obs(WBC, "3.9 10*9/L", range="4.0-10.5", at=ago(-1))], None),
        ("Has Leukopenia", [obs(WBC, "2900 /uL", range="4000-10500")], True),
        ("Has Leukopenia", [obs(WBC, "2900 /uL", range="4.0-10.5")], None),
        ("Has Leukopenia", [obs(WBC, "2900 /uL", range="999-10500")], None),
        ("Has Leukopenia", [obs(WBC, "2900 /uL", range="1000-10500")], False),
        ("Has Leukopenia", [obs(WBC, "6.9 10*9/L", range="4000-10500")], None),
        ("Has Leukopenia", [obs(WBC, "6.9 10*9/L", range="20-30")], True),
        ("Has Leukopenia", [obs(WBC, "6.9 10*9/L", range="20.1-30")], None),
        ("White Cell Count", [obs(WBC, "3900 /uL")], "3.9 10*9/L"),
        ("White Cell Count", [obs(WBC, "3900 /mm3")], "3.9 10*9/L"),
        ("White Cell Count", [obs(WBC, "1000 10*9/L")], "1000 10*9/L"),
        ("White Cell Count", [obs(WBC, "1001 10*9/L")], None),
        ("White Cell Count", [obs(WBC, "3.9")], None),
        ("Leukotriene E4 Is Elevated", [obs(LTE4, "104 pg/mg{creat}", range="-104")], False),
        ("Leukotriene E4 Is Elevated", [obs(LTE4, "105 pg/mg{creat}", range="-104")], True),
        ("Leukotriene E4 Is Elevated", [obs(LTE4, ">104 pg/mg{creat}", range="-104")], True),
        ("Leukotriene E4 Is Elevated", [obs(LTE4, ">90 pg/mg{creat}", range="-104")], None),
        ("Leukotriene E4 Is Elevated", [obs(LTE4, "<200 pg/mg{creat}", range="-104")], None),
        ("Leukotriene E4 Is Elevated", [obs(LTE4, "180", range="-104")], None),
        ("Leukotriene E4 Is Elevated", [obs(LTE4, "180 pg/mg{creat}", range="-104", status="entered-in-error")], None),
        ("Leukotriene E4 Is Elevated", [obs(LTE4, "180 pg/mg{creat}", range="-104", at=ago(-1))], None),
        ("Has Eosinophilia", [obs(EOS, "0.5 10*9/L", range="-0.5")], False),
        ("Has Eosinophilia", [obs(EOS, "0.6 10*9/L", range="-0.5")], True),
        ("Tryptase", [obs(TRYPTASE, "95")], None),
        ("Tryptase", [obs(TRYPTASE, "95 ng/mL", status="preliminary")], None),
    ]
)
def test_reference_ranges(row: Any) -> None:
    run("MastCellLabElements", row)


@table(
    [
        ("Has Chronic Back Pain", [cond("icd10cm|M54.50", onset="2026-03-01")], True),
        ("Has Chronic Back Pain", [cond("icd10cm|M54.50", onset="2026-03-02")], False),
        ("Has Chronic Back Pain", [cond("icd10cm|M54.50", onset="2026-03")], None),
        ("Has Chronic Back Pain", [cond("icd10cm|M54.50", onset="2025")], True),
        ("Has Flushing", [obs("Flushing", True, at=ago(180))], True),
        ("Has Flushing", [obs("Flushing", True, at=ago(181))], None),
    ]
)
def test_symptoms(row: Any) -> None:
    run(library_of(row[0]), row)


@table(
    [
        ("On Opioid", [{"reviewed": "medications", "at": ago(180)}], False),
        ("On Opioid", [{"reviewed": "medications", "at": ago(181)}], None),
        ("On Opioid", [{"answers": "care-and-lists", "medicationListReviewed": True, "at": ago(180)}], False),
        ("On Opioid", [{"answers": "care-and-lists", "medicationListReviewed": True, "at": ago(181)}], None),
    ]
)
def test_drugs(row: Any) -> None:
    run(library_of(row[0]), row)


@table(
    [
        *(
            (define, [med(drug, **{"as": "administration"}) | {"start": ago(days + later)}], not later)
            for define, drug, days in (
                ("On Omalizumab", "Omalizumab", 35),
                ("On Dupilumab", "Dupilumab", 35),
                ("On Denosumab", "Denosumab", 190),
                ("On Bisphosphonate", "Zoledronic Acid", 366),
                ("On Bisphosphonate", "Pamidronate And Ibandronate", 100),
                ("On Bisphosphonate", "rxnorm|46041", 0),
                ("On Cladribine", "Cladribine", 60),
                ("On Cytoreductive Drug", "Midostaurin", 35),
                ("On Naltrexone", "Naltrexone", 35),
                ("On H2 Antihistamine", "Famotidine", 0),
                ("On H1 Antihistamine", "rxnorm|3498", 0),
                ("On NSAID", "rxnorm|35827", 0),
            )
            for later in (0, 1)
        ),
        ("On Opioid", [GIVEN | {"medication": "Buprenorphine", "start": ago(35)}, REVIEWED], True),
        ("On Opioid", [GIVEN | {"medication": "Buprenorphine", "start": ago(36)}, REVIEWED], False),
        ("On Opioid", [GIVEN | {"start": ago(0)}, REVIEWED], True),
        ("On Opioid", [GIVEN | {"start": ago(1)}, REVIEWED], False),
        ("Opioid Ended Recently", [GIVEN | {"start": ago(10)}], True),
        ("Opioid Ended Recently", [GIVEN | {"start": ago(11)}], None),
        ("Opioid Ended Recently", [GIVEN | {"start": ago(35)}], None),
        ("Opioid Ended Recently", [GIVEN | {"start": ago(36)}], False),
        ("Opioid Ended Recently", [GIVEN | {"medication": "Buprenorphine", "start": ago(197)}], None),
        ("Opioid Ended Recently", [GIVEN | {"medication": "Buprenorphine", "start": ago(198)}], False),
        ("Opioid Ended Recently", [GIVEN | {"medication": "rxnorm|6813", "start": ago(14)}], True),
        ("Opioid Ended Recently", [GIVEN | {"medication": "rxnorm|6813", "start": ago(15)}], None),
    ]
)
def test_an_administration_counts_for_its_day_and_a_depot_until_the_next_is_due(row: Any) -> None:
    run(library_of(row[0]), row)


@table(
    [
        ("Opioid Ended Recently", [OVER | {"end": ago(10)}], True),
        ("Opioid Ended Recently", [OVER | {"end": ago(11)}], False),
        ("Opioid Ended Recently", [OVER | {"start": ago(10)}], True),
        ("Opioid Ended Recently", [OVER | {"start": ago(11)}], None),
        ("Opioid Ended Recently", [OVER | {"start": ago(2000)}], None),
        ("Opioid Ended Recently", [OVER | {"start": ago(2000), "changed": ago(11)}], False),
        ("Opioid Ended Recently", [{"dispense": "rxnorm|7804", "at": ago(10)}], True),
        ("Opioid Ended Recently", [{"dispense": "rxnorm|7804", "at": ago(11)}], None),
        ("Opioid Ended Recently", [{"dispense": "rxnorm|7804", "at": ago(100)}], None),
        ("Opioid Ended Recently", [{"dispense": "rxnorm|7804", "at": ago(101)}], False),
    ]
)
def test_opioids_of_before(row: Any) -> None:
    run("MastCellOpioidElements", row)


@table(
    [
        ("Corticosteroid Is Long Term", [med("Prednisone") | {"start": ago(90)}], False),
        ("Corticosteroid Is Long Term", [med("Prednisone") | {"start": ago(91)}], True),
        ("H1 At Two Label Doses", [med("Cetirizine", dose="19 mg 1/d")], False),
        ("H1 At Two Label Doses", [med("Cetirizine", dose="20 mg 1/d")], True),
        ("H1 At Two Label Doses", [med("Levocetirizine", dose="5 mg 2/d")], True),
        ("H1 At Two Label Doses", [med("Fexofenadine", dose="359 mg 1/d")], False),
        ("H1 At Two Label Doses", [med("Fexofenadine", dose="180 mg 2/d")], True),
        ("H1 At Two Label Doses", [med("Loratadine", dose="10 mg 2/d")], True),
        ("H1 At Two Label Doses", [med("Desloratadine", dose="5 mg 2/d")], True),
        ("H1 At Two Label Doses", [med("Cetirizine")], None),
        ("Epinephrine Auto-Injector Count", [{"dispense": "Epinephrine Auto-Injectors", "quantity": 2, "at": ago(540)}], 2),
        ("Epinephrine Auto-Injector Count", [{"dispense": "Epinephrine Auto-Injectors", "quantity": 2, "at": ago(541)}], None),
    ]
)
def test_doses_and_devices(row: Any) -> None:
    run("MastCellTherapyElements", row)


@table(
    [
        ("Has NSAID Reaction", [{"allergy": "text: Aspirin"}], True),
        ("Has NSAID Reaction", [cond("text: Aspirin exacerbated respiratory disease")], True),
        ("Has NSAID Reaction", [{"allergy": "text: pollen"}], None),
        ("Has Severe NSAID Reaction", [{"allergy": "text: Pain killer, anaphylaxis"}], None),
        ("Has Severe NSAID Reaction", [{"allergy": "text: Penicillin, anaphylaxis"}], False),
    ]
)
def test_reactions_by_name(row: Any) -> None:
    run("MastCellTherapyElements", row)


def run(library: str, row: tuple[str, list[Any], Any]) -> None:
    define, data, expected = row
    assert value_of(library, define, data) == expected

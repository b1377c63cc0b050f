"""Every threshold of the guideline at its value, just below and just above it, in each accepted unit, with comparators, and with
values that must not count: without a unit, too old, preliminary, entered in error, dated in the future.

The thresholds of the midostaurin table are also in the 520 rows of ``test_midostaurin_grid``. ``test_no_parameter_is_forgotten``
keeps the list complete.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from . import test_thresholds_of_elements as elements
from .evaluating import evaluation_of, library_of, order
from .seeing import MIDOSTAURIN, Seen
from .support import ROOT
from .test_elements import med, obs, value_of
from .test_thresholds_of_elements import LTE4

TODAY = date(2026, 6, 1)
ADULT = {"patient": {"born": "1982-03-01", "sex": "female"}}
AGGRESSIVE = {"condition": "icd10cm|C96.21"}
MCAS = {"condition": "icd10cm|D89.42"}
Item = dict[str, Any]


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


REVIEWED: dict[str, Any] = {"reviewed": "medications"}


# ---- blood counts: each threshold, each unit, each comparator ---------------------------------------------------------

COUNTS = {"anc": ("Absolute Neutrophil Count", "4.0"), "plt": ("Platelet Count", "250")}
UNITS = {
    "10*9/L": Decimal(1),
    "10*3/uL": Decimal(1),
    "/uL": Decimal(1000),
    "{cells}/uL": Decimal(1000),
    "/mm3": Decimal(1000),
}
INTERRUPT = {
    "anc": (MIDOSTAURIN + "interrupt-anc", MIDOSTAURIN + "interrupt-anc-low-baseline"),
    "plt": (MIDOSTAURIN + "interrupt-platelets", MIDOSTAURIN + "interrupt-platelets-low-baseline"),
}


def on_midostaurin(count: str, baseline: str, sample: Item | None, held: bool = False, hold: str | None = None) -> Seen:
    """Midostaurin since 100 days; the other count is well. ``hold``: the count that was low when it was held, six days ago."""
    name, _ = COUNTS[count]
    other, well = COUNTS["plt" if count == "anc" else "anc"]
    drug: Item = {"medication": "Midostaurin", "dose": "100 mg 2/d", "start": ago(100)}
    if held:
        drug |= {"status": "on-hold", "changed": ago(6)}
    items = [
        {"observation": name, "value": f"{baseline} 10*9/L", "at": ago(105)},
        {"observation": other, "value": f"{well} 10*9/L", "at": ago(105)},
        {"observation": other, "value": f"{well} 10*9/L", "at": ago(0)},
    ]
    if hold is not None:
        items.append({"observation": name, "value": f"{hold} 10*9/L", "at": ago(6)})
    if sample is not None:
        items.append({"observation": name, "at": ago(0)} | sample)
    return Seen(ADULT, AGGRESSIVE, drug, *items)


THRESHOLDS = [("anc", "4.0", "1.0", 0), ("anc", "1.2", "0.5", 1), ("plt", "250", "50", 0), ("plt", "60", "25", 1)]
"""Count, baseline, threshold of its band, and which of the two interrupt statements speaks."""


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(("count", "baseline", "threshold", "which"), THRESHOLDS)
def test_interrupt_strictly_below(count: str, baseline: str, threshold: str, which: int, unit: str) -> None:
    key, factor = INTERRUPT[count][which], UNITS[unit]
    step = Decimal("0.001") if count == "anc" else Decimal("0.1")
    for value, status in (
        (Decimal(threshold) - step, "applies"),
        (Decimal(threshold), "does-not-apply"),
        (Decimal(threshold) + step, "does-not-apply"),
    ):
        given = f"{(value * factor).normalize():f} {unit}"
        assert on_midostaurin(count, baseline, {"value": given}).status(key) == status, given


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(("count", "hold", "target"), [("anc", "0.4", "1.0"), ("plt", "20", "50")])
def test_resume_at_the_target_and_above(count: str, hold: str, target: str, unit: str) -> None:
    key = MIDOSTAURIN + ("resume-after-anc" if count == "anc" else "resume-after-platelets")
    step = Decimal("0.001") if count == "anc" else Decimal("0.1")
    for value, resumes in ((Decimal(target) - step, False), (Decimal(target), True), (Decimal(target) + step, True)):
        given = f"{(value * UNITS[unit]).normalize():f} {unit}"
        seen = on_midostaurin(count, COUNTS[count][1], {"value": given}, held=True, hold=hold)
        assert seen.applies(key) == resumes, given
        assert seen.applies(MIDOSTAURIN + "stay-interrupted") != resumes, given


@pytest.mark.parametrize(("count", "baseline", "threshold", "which"), THRESHOLDS)
@pytest.mark.parametrize(
    ("sign", "distance", "status"),
    [
        ("<", 0, "applies"),
        ("<=", 0, "unknown"),
        ("<", 1, "unknown"),
        ("<", -1, "applies"),
        (">", 0, "does-not-apply"),
        (">=", 0, "does-not-apply"),
        (">", -1, "unknown"),
        (">", 1, "does-not-apply"),
    ],
)
def test_a_comparator_counts_where_it_proves_the_comparison(
    count: str, baseline: str, threshold: str, which: int, sign: str, distance: int, status: str
) -> None:
    step = Decimal("0.1") if count == "anc" else Decimal(5)
    value = f"{sign}{Decimal(threshold) + distance * step} 10*9/L"
    assert on_midostaurin(count, baseline, {"value": value}).status(INTERRUPT[count][which]) == status, value


LOW = {"anc": "0.3 10*9/L", "plt": "20 10*9/L"}
NOT_COUNTING = {
    "without a unit": lambda low: {"value": low.partition(" ")[0]},
    "a unit that is none": lambda low: {"value": f"{low.partition(' ')[0]} mg/dL"},
    "kelvin for thousand": lambda low: {"value": f"{low.partition(' ')[0]} K/uL"},
    "too old": lambda low: {"value": low, "at": ago(32)},
    "preliminary": lambda low: {"value": low, "status": "preliminary"},
    "registered": lambda low: {"value": low, "status": "registered"},
    "cancelled": lambda low: {"value": low, "status": "cancelled"},
    "entered in error": lambda low: {"value": low, "status": "entered-in-error"},
    "of the future": lambda low: {"value": low, "at": ago(-1)},
    "no value": lambda low: {"absent": "not-performed"},
}


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("fault", NOT_COUNTING)
def test_what_does_not_count_decides_nothing_and_is_named(count: str, fault: str) -> None:
    seen = on_midostaurin(count, COUNTS[count][1], NOT_COUNTING[fault](LOW[count]))
    decisions = [r.key for r in seen.outcome.recommendations if r.key.startswith(MIDOSTAURIN) and r.status == "applies"]
    assert decisions == []
    assert seen.status(INTERRUPT[count][0]) == "unknown"


@pytest.mark.parametrize("status", ["final", "amended", "corrected"])
@pytest.mark.parametrize("count", COUNTS)
def test_what_counts(count: str, status: str) -> None:
    seen = on_midostaurin(count, COUNTS[count][1], {"value": LOW[count], "status": status})
    assert seen.applies(INTERRUPT[count][0])


@pytest.mark.parametrize(("days", "status"), [(30, "applies"), (31, "applies"), (32, "unknown")])
def test_a_count_is_used_for_the_interval_of_its_check(days: int, status: str) -> None:
    assert on_midostaurin("anc", "4.0", {"value": LOW["anc"], "at": ago(days)}).status(INTERRUPT["anc"][0]) == status


@pytest.mark.parametrize(
    ("count", "baseline", "current", "which"),
    [
        ("anc", "0.499", "0.7", 0),
        ("anc", "0.5", "0.7", None),
        ("anc", "1.5", "0.7", None),
        ("anc", "1.501", "0.7", 0),
        ("plt", "24.9", "40", 0),
        ("plt", "25", "40", None),
        ("plt", "75", "40", None),
        ("plt", "75.1", "40", 0),
    ],
)
def test_the_ends_of_a_band(count: str, baseline: str, current: str, which: int | None) -> None:
    seen = on_midostaurin(count, baseline, {"value": f"{current} 10*9/L"})
    assert [key for key in INTERRUPT[count] if seen.applies(key)] == ([] if which is None else [INTERRUPT[count][which]])


# ---- recommendations: what is shown on each side of a threshold --------------------------------------------------------

OSTEOPOROSIS = {"condition": "icd10cm|M81.0"}
INDOLENT = {"condition": "sct|70910003"}


def review(days: date) -> Item:
    return {"encounter": "AMB", "start": days, "type": "Clinical Review"}


SIDES: list[tuple[str, list[Item], str, str]] = [
    ("indolent-surveillance#review", [INDOLENT, review(date(2025, 12, 2))], "patient-view", "does-not-apply"),
    ("indolent-surveillance#review", [INDOLENT, review(date(2025, 12, 1))], "patient-view", "applies"),
    (
        "indolent-surveillance#bone-density-scan",
        [INDOLENT, OSTEOPOROSIS, {"procedure": "sct|312681000", "at": date(2025, 6, 2)}],
        "patient-view",
        "does-not-apply",
    ),
    (
        "indolent-surveillance#bone-density-scan",
        [INDOLENT, OSTEOPOROSIS, {"procedure": "sct|312681000", "at": date(2025, 6, 1)}],
        "patient-view",
        "applies",
    ),
    (
        "therapy-response-review#review-cromolyn",
        [MCAS, med("Oral Cromolyn") | {"start": ago(41)}],
        "patient-view",
        "does-not-apply",
    ),
    ("therapy-response-review#review-cromolyn", [MCAS, med("Oral Cromolyn") | {"start": ago(42)}], "patient-view", "applies"),
    (
        "therapy-response-review#review-biologic",
        [MCAS, med("Omalizumab") | {"start": date(2026, 3, 2)}],
        "patient-view",
        "does-not-apply",
    ),
    (
        "therapy-response-review#review-biologic",
        [MCAS, med("Omalizumab") | {"start": date(2026, 3, 1)}],
        "patient-view",
        "applies",
    ),
    (
        "low-dose-naltrexone#titrate-to-4-5",
        [MCAS, {"reviewed": "medications"}, med("Naltrexone", dose="0.4 mg 1/d")],
        "patient-view",
        "does-not-apply",
    ),
    (
        "low-dose-naltrexone#titrate-to-4-5",
        [MCAS, {"reviewed": "medications"}, med("Naltrexone", dose="0.5 mg 1/d")],
        "patient-view",
        "applies",
    ),
    (
        "low-dose-naltrexone#titrate-to-4-5",
        [MCAS, {"reviewed": "medications"}, med("Naltrexone", dose="4.4 mg 1/d")],
        "patient-view",
        "applies",
    ),
    (
        "low-dose-naltrexone#titrate-to-4-5",
        [MCAS, {"reviewed": "medications"}, med("Naltrexone", dose="4.5 mg 1/d")],
        "patient-view",
        "does-not-apply",
    ),
    (
        "safety-overlay#naltrexone-above-range",
        [MCAS, {"order": "Naltrexone", "dose": "4.5 mg 1/d"}],
        "order-sign",
        "does-not-apply",
    ),
    ("safety-overlay#naltrexone-above-range", [MCAS, {"order": "Naltrexone", "dose": "4.6 mg 1/d"}], "order-sign", "applies"),
    ("safety-overlay#h1-above-label", [MCAS, {"order": "Cetirizine", "dose": "10 mg 1/d"}], "order-sign", "does-not-apply"),
    ("safety-overlay#h1-above-label", [MCAS, {"order": "Cetirizine", "dose": "11 mg 1/d"}], "order-sign", "applies"),
    ("safety-overlay#h1-above-label", [MCAS, {"order": "Cetirizine", "dose": "20 mg 2/d"}], "order-sign", "applies"),
    ("safety-overlay#h1-above-label", [MCAS, {"order": "Cetirizine"}], "order-sign", "does-not-apply"),
    (
        "safety-overlay#h1-above-four-label-doses",
        [MCAS, {"order": "Cetirizine", "dose": "20 mg 2/d"}],
        "order-sign",
        "does-not-apply",
    ),
    ("safety-overlay#h1-above-four-label-doses", [MCAS, {"order": "Cetirizine", "dose": "41 mg 1/d"}], "order-sign", "applies"),
    (
        "safety-overlay#h1-above-four-label-doses",
        [MCAS, {"order": "Fexofenadine", "dose": "360 mg 2/d"}],
        "order-sign",
        "does-not-apply",
    ),
    (
        "safety-overlay#h1-above-four-label-doses",
        [MCAS, {"order": "Fexofenadine", "dose": "361 mg 2/d"}],
        "order-sign",
        "applies",
    ),
    (
        "safety-overlay#severe-cytopenia",
        [MCAS, obs("Absolute Neutrophil Count", "0.5 10*9/L", at=TODAY)],
        "patient-view",
        "does-not-apply",
    ),
    (
        "safety-overlay#severe-cytopenia",
        [MCAS, obs("Absolute Neutrophil Count", "0.49 10*9/L", at=TODAY)],
        "patient-view",
        "applies",
    ),
    (
        "safety-overlay#severe-cytopenia",
        [MCAS, obs("Absolute Neutrophil Count", "<0.5 10*9/L", at=TODAY)],
        "patient-view",
        "applies",
    ),
    ("safety-overlay#severe-cytopenia", [MCAS, obs("Platelet Count", "20 10*9/L", at=TODAY)], "patient-view", "does-not-apply"),
    ("safety-overlay#severe-cytopenia", [MCAS, obs("Platelet Count", "19900 /uL", at=TODAY)], "patient-view", "applies"),
    ("safety-overlay#severe-cytopenia", [MCAS, obs("Platelet Count", "<20 10*9/L", at=TODAY)], "patient-view", "applies"),
    (
        "emergency-preparedness#two-auto-injectors-mast-cell-activation",
        [MCAS, med("Epinephrine Auto-Injectors", quantity=1)],
        "patient-view",
        "applies",
    ),
    (
        "emergency-preparedness#two-auto-injectors-mast-cell-activation",
        [MCAS, med("Epinephrine Auto-Injectors", quantity=2)],
        "patient-view",
        "already-satisfied",
    ),
]


@pytest.mark.parametrize(("key", "items", "hook", "status"), SIDES, ids=lambda value: value if isinstance(value, str) else "")
def test_on_each_side(key: str, items: list[Item], hook: str, status: str) -> None:
    assert Seen(ADULT, *items, hook=hook).status(key) == status


@pytest.mark.parametrize(
    ("day", "last", "action", "status"),
    [
        (10, 6, "weekly", "already-satisfied"),
        (10, 7, "weekly", "applies"),
        (40, 13, "every-two-weeks", "already-satisfied"),
        (40, 14, "every-two-weeks", "applies"),
    ],
)
def test_a_toxicity_check_is_due_again(day: int, last: int, action: str, status: str) -> None:
    counts = [
        obs(name, f"{value} 10*9/L", at=ago(last)) for name, value in (("Platelet Count", 200), ("Absolute Neutrophil Count", 3))
    ]
    seen = Seen(ADULT, AGGRESSIVE, {"medication": "Midostaurin", "start": ago(day)}, *counts)
    assert seen.status(f"cytoreductive-vigilance#toxicity-{action}") == status


@pytest.mark.parametrize("counted", ["Platelet Count", "Absolute Neutrophil Count", "White Blood Cell Count"])
def test_a_toxicity_check_on_midostaurin_needs_both_counts(counted: str) -> None:
    drug = {"medication": "Midostaurin", "start": ago(10)}
    seen = Seen(ADULT, AGGRESSIVE, drug, obs(counted, "3 10*9/L", at=ago(1)))
    assert seen.status("cytoreductive-vigilance#toxicity-weekly") == "applies"
    assert "that can be used is on record." in seen.said("cytoreductive-vigilance#toxicity-weekly")


@pytest.mark.parametrize(("platelets", "said"), [("100", False), ("99", True), ("<100", True)])
def test_low_platelets_are_named_with_aspirin(platelets: str, said: bool) -> None:
    high = obs("Urinary 11beta PGF2alpha", "5.1 ng/mg{creat}", interpretation="H")
    back = {"condition": ["icd10cm|M54.50", "icd10cm|G89.29"], "onset": "2025-06-01"}
    seen = Seen(ADULT, MCAS, back, high, obs("Platelet Count", f"{platelets} 10*9/L", at=TODAY))
    assert ("Platelets are low" in seen.said("aspirin-tolerance-gate#aspirin-back-pain")) == said


@pytest.mark.parametrize(("dose", "noted"), [("1.5 mg 1/d", False), ("1.6 mg 1/d", True)])
def test_a_start_above_the_range_is_noted(dose: str, noted: bool) -> None:
    seen = Seen(ADULT, MCAS, {"reviewed": "medications"}, {"order": "Naltrexone", "dose": dose}, hook="order-sign")
    assert ("The order starts with" in seen.said("low-dose-naltrexone#titrate-slowly")) == noted


@pytest.mark.parametrize(("days", "known"), [(365, True), (366, False)])
def test_a_baseline_may_be_a_year_old(days: int, known: bool) -> None:
    start = ago(100)
    data = [
        {"medication": "Midostaurin", "dose": "100 mg 2/d", "start": start},
        obs("Absolute Neutrophil Count", "4.0 10*9/L", at=start - timedelta(days=days)),
    ]
    found = value_of("MastCellMidostaurinCounts", "ANC Baseline", data)
    assert (found is not None) == known


@pytest.mark.parametrize(("value", "known"), [("100", True), ("100.1", False), ("5000", True), ("5000.1", False)])
def test_implausible_counts(value: str, known: bool) -> None:
    name, define = ("Absolute Neutrophil Count", "ANC") if Decimal(value) < 1000 else ("Platelet Count", "Platelets")
    found = value_of(library_of(define), define, [obs(name, f"{value} 10*9/L", at=TODAY)])
    assert (found is not None) == known


@pytest.mark.parametrize(("inclusive", "inside"), [(True, True), (False, False)])
@pytest.mark.parametrize("baseline", ["0.5", "1.5"])
def test_whether_the_ends_belong_to_the_band_is_a_parameter(baseline: str, inclusive: bool, inside: bool) -> None:
    data = [
        {"medication": "Midostaurin", "dose": "100 mg 2/d", "start": ago(100)},
        obs("Absolute Neutrophil Count", f"{baseline} 10*9/L", at=ago(105)),
    ]
    define = "ANC Baseline Is In Low Band"
    assert value_of(library_of(define), define, data, bandInclusive=inclusive) == inside


@pytest.mark.parametrize(("resets", "start"), [(False, "2026-01-05"), (True, "2026-05-20")])
def test_whether_an_interruption_resets_the_clock_is_a_parameter(resets: bool, start: str) -> None:
    data = [
        med("Midostaurin") | {"start": "2026-01-05", "status": "stopped"},
        med("Midostaurin") | {"start": "2026-05-20"},
    ]
    found = value_of("MastCellMedicationElements", "Cytoreductive Start", data, interruptionResetsClock=resets)
    assert found == start


@pytest.mark.parametrize(
    ("value", "known", "born"),
    [
        ("24.9 kg", False, "1982-03-01"),
        ("25 kg", True, "1982-03-01"),
        ("7 kg", False, "1982-03-01"),
        ("55.2 [lb_av]", True, "1982-03-01"),
        ("7 kg", False, None),
        ("1.9 kg", False, "2025-03-01"),
        ("2 kg", True, "2025-03-01"),
        ("400 kg", True, "1982-03-01"),
        ("400.1 kg", False, "1982-03-01"),
        ("881 [lb_av]", True, "1982-03-01"),
    ],
)
def test_implausible_weights(value: str, known: bool, born: str | None) -> None:
    person = {"patient": {"born": born, "sex": "female"} if born else {"sex": "female"}}
    data = [person, obs("Body Weight", "70 kg", at=ago(20)), obs("Body Weight", value, at=ago(10))]
    assert (value_of("MastCellPatientElements", "Body Weight", data) is not None) == known
    assert value_of("MastCellPatientElements", "Weight Is Implausible", data) == (not known)


@pytest.mark.parametrize("weight", ["700 kg", "7 kg"])
def test_an_implausible_weight_gives_no_dose_and_says_why(weight: str) -> None:
    back = {"condition": ["icd10cm|M54.50", "icd10cm|G89.29"], "onset": "2025-06-01"}
    severe = {"answers": "clinical-course", "severeRefractoryMediatorSymptoms": True, "at": TODAY}
    seen = Seen(ADULT, MCAS, back, severe, obs("Body Weight", weight, at=ago(3)))
    assert seen.status("mcas-back-pain#prednisone-refractory") == "applies"
    said = seen.said("mcas-back-pain#prednisone-refractory")
    assert f"The body weight on record ({weight.replace(' ', '.0 ')}) can hardly be right" in said
    assert "limits for an adult: 25.0 kg to 400.0 kg, package default" in said
    assert "mg/day" not in said


@pytest.mark.parametrize(("days", "said"), [(365, False), (366, True)])
def test_the_date_of_an_old_answer_is_pointed_out(days: int, said: bool) -> None:
    severe = {"answers": "clinical-course", "severeRefractoryMediatorSymptoms": True, "at": ago(days)}
    seen = Seen(ADULT, MCAS, {"condition": ["icd10cm|M54.50", "icd10cm|G89.29"], "onset": "2025-06-01"}, severe)
    assert seen.status("mcas-back-pain#omalizumab-severe") == "applies"
    assert (f"given on {ago(days)}, more than 365 days ago" in seen.said("mcas-back-pain#omalizumab-severe")) == said


@pytest.mark.parametrize(("days", "said"), [(365, False), (366, True)])
def test_the_date_of_an_old_result_is_pointed_out(days: int, said: bool) -> None:
    found = value_of("MastCellLabElements", "Remark If Leukotriene E4 Is Old", [obs(LTE4, "180 pg/mg{creat}", at=ago(days))])
    assert (found is not None) == said
    assert not said or f"taken on {ago(days)}, more than 365 days ago" in found


@pytest.mark.parametrize(("days", "said"), [(365, False), (366, True)])
def test_the_date_of_an_old_entry_of_a_symptom_is_pointed_out(days: int, said: bool) -> None:
    found = value_of(
        "MastCellSymptomElements",
        "Old Entries Of Gastrointestinal Symptoms",
        [{"condition": "icd10cm|R19.7", "onset": ago(days)}],
    )
    assert bool(found) == said
    assert not said or str(ago(days)) in found[0]


@pytest.mark.parametrize(("days", "used"), [(90, True), (91, False)])
def test_an_order_ends_some_time_after_it_may_no_longer_be_dispensed(days: int, used: bool) -> None:
    order = {
        "resourceType": "MedicationRequest",
        "id": "famotidine",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/case"},
        "medicationCodeableConcept": {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "4278"}]},
        "dispenseRequest": {"validityPeriod": {"end": str(ago(days))}},
    }
    assert value_of("MastCellMedicationElements", "On H2 Antihistamine", [{"resource": order}]) is used


@pytest.mark.parametrize(("ended", "start"), [("2026-05-12", "2026-03-01"), ("2026-05-11", "2026-05-20")])
def test_a_drug_that_is_ordered_again_within_days_was_taken_throughout(ended: str, start: str) -> None:
    """With seven days between them, and with eight."""
    earlier = {
        "resourceType": "MedicationStatement", "id": "s", "status": "completed", "subject": {"reference": "Patient/p"},
        "medicationCodeableConcept": order("42612")["medicationCodeableConcept"],
        "effectivePeriod": {"start": "2026-03-01", "end": ended},
    }  # fmt: skip
    found = evaluation_of([earlier, order("42612", start="2026-05-20")]).define("MastCellDrugCourses", "Cromolyn Start")
    assert str(found)[:10] == start


@pytest.mark.parametrize(
    ("start", "six_weeks"), [("2025-05-18", None), ("2025-05-17", False), ("2026-04-21", False), ("2026-04-20", None)]
)
def test_an_order_without_an_end_may_have_gone_on_until_the_next_one_within_a_year(start: str, six_weeks: bool | None) -> None:
    """366 days, then seven until the next order; and six weeks until today."""
    earlier = order("42612", "completed", id="before", start=start)
    found = evaluation_of([earlier, order("42612", start="2026-05-27")])
    assert found.define("ResponseReviewLogic", "Cromolyn Is Taken For Six Weeks") is six_weeks


COVERED_ELSEWHERE = {
    "procedureOrderMaxAgeDays": "test_unsaid_by_codes",
    "labMaxAgeDays": "test_never_events_more",
    "secondLineNeedsAll": "test_elements",
    "steroidCourseGapDays": "test_corticosteroid_orders",
    "regularTherapyDays": "test_newest_and_certain",
    "refractoryAnaphylaxisMaxAgeDays": "test_newest_and_certain",
}
COVERED = {
    "openOrderDays": test_an_order_without_an_end_may_have_gone_on_until_the_next_one_within_a_year,
    "renewalGapDays": test_a_drug_that_is_ordered_again_within_days_was_taken_throughout,
    "labRemarkAgeDays": test_the_date_of_an_old_result_is_pointed_out,
    "bandInclusive": test_whether_the_ends_belong_to_the_band_is_a_parameter,
    "interruptionResetsClock": test_whether_an_interruption_resets_the_clock_is_a_parameter,
    "baselineMaxAgeDays": test_a_baseline_may_be_a_year_old,
    "implausibleNeutrophils": test_implausible_counts,
    "implausiblePlatelets": test_implausible_counts,
    "implausibleWhiteCells": elements.test_reference_ranges,
    "lowestWhiteCellLimit": elements.test_reference_ranges,
    "highestWhiteCellLimit": elements.test_reference_ranges,
    "severeNeutropenia": test_on_each_side,
    "severeThrombocytopenia": test_on_each_side,
    "aspirinPlatelets": test_low_platelets_are_named_with_aspirin,
    "adultAge": elements.test_people,
    "elderlyAge": elements.test_people,
    "weightMaxAgeDays": elements.test_people,
    "implausibleWeightBelow": test_implausible_weights,
    "implausibleAdultWeightBelow": test_implausible_weights,
    "implausibleWeightAbove": test_implausible_weights,
    "attestationMaxAgeDays": test_the_date_of_an_old_answer_is_pointed_out,
    "pregnancyMaxAgeDays": elements.test_people,
    "backPainChronicMonths": elements.test_symptoms,
    "symptomRemarkAgeDays": test_the_date_of_an_old_entry_of_a_symptom_is_pointed_out,
    "symptomMaxAgeDays": elements.test_symptoms,
    "osteopeniaTScore": elements.test_bone_density,
    "renalCutoff": elements.test_kidney,
    "renalMaxAgeDays": elements.test_kidney,
    "listReviewMaxAgeDays": elements.test_drugs,
    "opioidWashoutDays": elements.test_opioids_of_before,
    "aspirinAndNSAIDNames": elements.test_reactions_by_name,
    "aspirinDiseaseNames": elements.test_reactions_by_name,
    "painRelieverNames": elements.test_reactions_by_name,
    "opioidSupplyUnknownDays": elements.test_opioids_of_before,
    "administrationActiveDays": elements.test_an_administration_counts_for_its_day_and_a_depot_until_the_next_is_due,
    "zoledronicAcidActiveDays": elements.test_an_administration_counts_for_its_day_and_a_depot_until_the_next_is_due,
    "infusedBisphosphonateActiveDays": elements.test_an_administration_counts_for_its_day_and_a_depot_until_the_next_is_due,
    "denosumabActiveDays": elements.test_an_administration_counts_for_its_day_and_a_depot_until_the_next_is_due,
    "biologicActiveDays": elements.test_an_administration_counts_for_its_day_and_a_depot_until_the_next_is_due,
    "cladribineActiveDays": elements.test_an_administration_counts_for_its_day_and_a_depot_until_the_next_is_due,
    "cytoreductiveAdministrationActiveDays": elements.test_an_administration_counts_for_its_day_and_a_depot_until_the_next_is_due,
    "naltrexoneAdministrationActiveDays": elements.test_an_administration_counts_for_its_day_and_a_depot_until_the_next_is_due,
    "buprenorphineAdministrationActiveDays": elements.test_an_administration_counts_for_its_day_and_a_depot_until_the_next_is_due,
    "opioidAdministrationOpenDays": elements.test_an_administration_counts_for_its_day_and_a_depot_until_the_next_is_due,
    "buprenorphineAdministrationOpenDays": elements.test_an_administration_counts_for_its_day_and_a_depot_until_the_next_is_due,
    "longActingOpioidWashoutDays": elements.test_an_administration_counts_for_its_day_and_a_depot_until_the_next_is_due,
    "steroidLongTermDays": elements.test_doses_and_devices,
    "orderLapses": test_an_order_ends_some_time_after_it_may_no_longer_be_dispensed,
    "autoInjectorMaxAgeDays": elements.test_doses_and_devices,
    "cetirizineLabelDose": elements.test_doses_and_devices,
    "levocetirizineLabelDose": elements.test_doses_and_devices,
    "fexofenadineLabelDose": elements.test_doses_and_devices,
    "loratadineLabelDose": elements.test_doses_and_devices,
    "desloratadineLabelDose": elements.test_doses_and_devices,
    "lowDoseNaltrexoneLimit": test_on_each_side,
}


def test_no_parameter_is_forgotten() -> None:
    text = (ROOT / "plandefinitions/library/MastCellConfiguration.cql").read_text("utf-8")
    declared = set(re.findall(r"^parameter (\w+)", text, re.MULTILINE))
    assert declared == set(COVERED) | set(COVERED_ELSEWHERE)
    for name, file in COVERED_ELSEWHERE.items():
        assert name in (ROOT / f"tests/guideline/{file}.py").read_text("utf-8")

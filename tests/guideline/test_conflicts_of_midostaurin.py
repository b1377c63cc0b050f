"""The conflict rules about the dose of midostaurin and about the other inhibitor, C09 to C14 (see ``test_conflicts``)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from .generated import TODAY
from .seeing import ADULT, AGGRESSIVE, LEUKEMIA, MIDOSTAURIN, NORMAL, Seen, artifacts, on_midostaurin


def test_c09_at_exactly_one_midostaurin_resumes_and_the_other_wording_is_named() -> None:
    low = ("anc", "0.6", "2026-05-25")
    exact = on_midostaurin(*NORMAL, low, ("anc", "1.0", "2026-06-01"), ("plt", "250", "2026-06-01"), held=True)
    assert exact.applies(MIDOSTAURIN + "resume-after-anc")
    assert "C09-exactly-one" in exact.rules(MIDOSTAURIN + "resume-after-anc")
    above = on_midostaurin(*NORMAL, low, ("anc", "1.1", "2026-06-01"), ("plt", "250", "2026-06-01"), held=True)
    assert above.applies(MIDOSTAURIN + "resume-after-anc")
    assert "C09-exactly-one" not in above.rules(MIDOSTAURIN + "resume-after-anc")
    for value, status in (("1.0", "does-not-apply"), ("0.99", "applies"), ("<1.0", "applies"), (">1.0", "does-not-apply")):
        given = on_midostaurin(*NORMAL, ("anc", value, "2026-06-01"), ("plt", "250", "2026-06-01"))
        assert given.status(MIDOSTAURIN + "interrupt-anc") == status, value


def test_c10_the_ends_of_a_band_are_inside_and_below_it_the_clinician_decides() -> None:
    for baseline in ("0.5", "1.5"):
        seen = on_midostaurin(
            ("anc", baseline, "2025-12-28"), ("anc", "0.8", "2026-06-01"), NORMAL[1], ("plt", "250", "2026-06-01")
        )
        assert seen.applies(MIDOSTAURIN + "continue-present-dose"), baseline
        assert "C10-band" in seen.rules(MIDOSTAURIN + "continue-present-dose")
    below = on_midostaurin(("anc", "0.4", "2025-12-28"), ("anc", "0.8", "2026-06-01"), NORMAL[1], ("plt", "250", "2026-06-01"))
    assert below.applies(MIDOSTAURIN + "interrupt-anc")
    assert "ov.outside-band" in below.rules(MIDOSTAURIN + "interrupt-anc")
    assert "clinician decision" in below.said(MIDOSTAURIN + "interrupt-anc")


def test_c11_a_target_above_the_baseline_is_said_and_never_lowered() -> None:
    low = ("plt", "20", "2026-05-25")
    seen = on_midostaurin(
        ("plt", "30", "2025-12-28"), low, ("plt", "40", "2026-06-01"), NORMAL[0], ("anc", "4", "2026-06-01"), held=True
    )
    assert seen.applies(MIDOSTAURIN + "stay-interrupted")
    assert "ov.resume-above-baseline" in seen.rules(MIDOSTAURIN + "stay-interrupted")
    for baseline, status in (("75", "does-not-apply"), ("76", "applies")):
        cliff = on_midostaurin(
            ("plt", baseline, "2025-12-28"), ("plt", "49", "2026-06-01"), NORMAL[0], ("anc", "4", "2026-06-01")
        )
        assert cliff.status(MIDOSTAURIN + "interrupt-platelets") == status, baseline


@pytest.mark.parametrize(
    ("days", "suspected", "status"), [(22, True, "applies"), (21, True, None), (22, False, None), (22, None, None)]
)
def test_c12_more_than_21_days_and_the_drug_suspected(days: int, suspected: bool | None, status: str | None) -> None:
    run = [("anc", "0.8", str(TODAY - timedelta(days=day))) for day in range(0, days + 1, 3)] + [
        ("anc", "0.8", str(TODAY - timedelta(days=days)))
    ]
    answers = {} if suspected is None else {"drugRelatedSuspected": suspected}
    seen = on_midostaurin(*NORMAL, *dict.fromkeys(run), ("plt", "250", "2026-06-01"), **answers)
    assert (seen.status(MIDOSTAURIN + "discontinue-anc") == "applies") == (status == "applies")
    shown = seen.rules(MIDOSTAURIN + "interrupt-anc")
    assert ("C12-attribution-needed" in shown) == (days > 21 and suspected is None)
    assert ("C12-not-drug-related" in shown) == (days > 21 and suspected is False)


def test_c13_with_leukemia_or_no_subtype_the_rule_is_a_review_with_a_specialist() -> None:
    counts = (*NORMAL, ("anc", "0.8", "2026-06-01"), ("plt", "250", "2026-06-01"))
    for who in (LEUKEMIA, {"condition": "icd10cm|D47.02"}):
        seen = on_midostaurin(*counts, who=who)
        key = MIDOSTAURIN + "review-interrupt-anc"
        assert seen.applies(key)
        assert seen.status(MIDOSTAURIN + "interrupt-anc") == "does-not-apply"
        assert "ov.midostaurin-mcl-scope" in seen.rules(key)
        assert "specialist" in seen.said(key)
        assert seen.at(key).strength == "review with a specialist (safety overlay)"
        tasks = [r for r in seen.requests if r["resourceType"] == "Task" and "midostaurin" in r["code"]["text"]]
        assert [task["code"]["text"] for task in tasks] == ["Review with a specialist whether to hold or stop midostaurin"]
    plain = on_midostaurin(*counts)
    assert plain.applies(MIDOSTAURIN + "interrupt-anc")
    assert plain.status(MIDOSTAURIN + "review-interrupt-anc") == "does-not-apply"
    assert "ov.midostaurin-mcl-scope" not in plain.rules(MIDOSTAURIN + "interrupt-anc")


def test_c14_avapritinib_is_recognised_named_and_never_started() -> None:
    assert not any("avapritinib" in name for name in artifacts("ActivityDefinition"))
    key = "advanced-mastocytosis-cytoreduction#midostaurin"
    seen = Seen(ADULT, AGGRESSIVE)
    assert seen.applies(key)
    assert "ov.avapritinib-awareness" in seen.rules(key)
    on_it = Seen(ADULT, AGGRESSIVE, {"medication": "Avapritinib"})
    assert on_it.status(key) == "suppressed"
    assert not on_it.drugs("midostaurin")

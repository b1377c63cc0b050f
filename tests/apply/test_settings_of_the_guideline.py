"""``--set`` on the guideline that comes with the program: what is set comes true, with dates and units; what cannot be is refused
in words."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.apply.small import AS_OF

from guideway.apply.comparing import compare
from guideway.apply.fhir_json import as_text
from guideway.apply.moment import moment
from guideway.apply.run import apply_guideline
from guideway.apply.settings_check import amount
from guideway.apply.what_if import Change, change, parse_setting
from guideway.diagnostics import GuidewayError
from guideway.guideline.compiled import CompiledGuideline, open_guideline
from guideway.records.reading import read_bundle

EXAMPLE = Path(__file__).parents[2] / "examples" / "aggressive-sm-neutrophils-0-8.json"
WHEN = moment(AS_OF, "UTC")


@cache
def guideline() -> CompiledGuideline:
    return open_guideline()


@cache
def patient() -> Any:
    (found,) = read_bundle(EXAMPLE.read_bytes(), EXAMPLE.name)
    return found


def changed(*texts: str) -> Change:
    return change(patient(), [parse_setting(text, guideline()) for text in texts], guideline(), WHEN)


def value_after(text: str) -> Any:
    found, element = changed(text), parse_setting(text, guideline()).element
    seen = found.record.under(guideline().manifest.hygiene, WHEN.text, WHEN.offset)
    evaluation = guideline().program.evaluation(
        seen, now=WHEN.now, timezone=WHEN.offset, parameters={}, terminology=guideline().terminology
    )
    evaluation.override(found.overrides)
    return evaluation.define(element.library, element.define)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("age=70", "70"),
        ("pregnancy=true", "true"),
        ("pregnancy=false", "false"),
        ("weightKg=70 kg", "70 kg"),
        ("weightKg=154 [lb_av]", "69.85322498 kg"),
        ("severeRefractoryMediatorSymptoms=true", "true"),
        ("severeRefractoryMediatorSymptoms=no", "false"),
        ("dxMCAS=true", "true"),
        ("smSubtype=aggressive", "aggressive"),
        ("smSubtype=Systemic mastocytosis with an associated hematologic neoplasm", "sm-ahn"),
        ("tryptase=25", "25 ng/mL"),
        ("tryptase=25 ug/L", "25 ng/mL"),
        ("kitD816V=positive", "positive"),
        ("kitD816V=Negative", "negative"),
        ("kitD816V=unknown", "unknown"),
        ("wbc=3.1 10*9/L", "3.1 10*9/L"),
        ("wbc=3100 /uL", "3.1 10*9/L"),
        ("anc=0.7 10*9/L@2026-06-01", "0.7 10*9/L"),
        ("ANC Baseline=2.5", "2.5 10*9/L"),
        ("ancBaseline=2500 /uL", "2.5 10*9/L"),
        ("lastDEXA=2026-01-05", "2026-01-05"),
        ("lastToxicityLabs=2026-05-29", "2026-05-29"),
        ("episodeOrganSystems=2", "2"),
        ("activeOpioid=true", "true"),
        ("cytoreductiveStart=2026-05-01T10:00:00Z", "2026-05-01T10:00:00Z"),
        ("biologicStart=2026-01", "2026-01"),
        ("inadequateResponseH1=true", "true"),
        ("inadequateResponseH1=Inadequate response", "true"),
        ("inadequateResponseH1=adequate", "false"),
        ("standardTherapiesFailed=true", "true"),
        ("aspirinTolerance=tolerated", "tolerated"),
        ("ldnDose=4.5", "4.5 mg"),
        ("epiAutoinjectorCount=2", "2"),
        ("midostaurinDose=50 mg", "50 mg"),
        ("visitToday=true", "true"),
    ],
)
def test_what_is_set_comes_true(text: str, expected: str) -> None:
    found = value_after(text)
    found = found[0] if isinstance(found, list) and len(found) == 1 else found
    quantity = amount(found)
    shown = f"{quantity[0].normalize():f} {quantity[1]}" if quantity is not None else as_text(found)
    assert shown == expected
    assert len(changed(text).notes) == 1


@pytest.mark.parametrize("text", ["anc=", "dxSM=", "tryptase=unknown", "ancBaseline=", "age="])
def test_what_is_taken_away_is_gone(text: str) -> None:
    assert value_after(text) in (None, False, [])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("wbc=3.1 parsec", "'parsec' cannot be converted to '10\\*9/L'; write, for example, wbc='3.1 10\\*9/L'"),
        ("anc=0.8 K/uL", "'K/uL' cannot be converted"),
        ("weightKg=70 mg/dL", "cannot be converted to 'kg'"),
        ("anc=abc", "is not a Quantity"),
        ("anc=0.8@2026-13-45", "is no date"),
        ("anc=0.8@2027-01-01", "after the evaluation time"),
        ("lastDEXA=yesterday", "is not a DateTime"),
        ("episodeOrganSystems=two", "is not an Integer"),
        ("severeRefractoryMediatorSymptoms=banana", "yes-or-no"),
        ("kitD816V=banana", "'banana' is none of its answers; there are: positive, negative, unknown$"),
        ("smSubtype=banana", "there are: aggressive, indolent, mast-cell-leukemia, sm-ahn, smoldering$"),
        ("smSubtype=aggressive,banana", "'banana' is none of its answers"),
        ("aspirinTolerance=banana", "there are: not-tolerated, tolerated, untested$"),
        ("inadequateResponseH1=banana", "there are: true, false, adequate, inadequate, not-assessable$"),
        ("inadequateResponseH1=http://example.org|inadequate", "is none of its answers"),
        ("age=-1", "-1 a is not possible; write a number of 0 to 130, in a$"),
        ("age=300", "300 a is not possible"),
        ("weightKg=1000 [lb_av]", "453.59237 kg is not possible; write a number of 0 to 400, in kg"),
        ("anc=-0.5", "-0.5 10\\*9/L is not possible; write a number of 0 or more, in 10"),
        ("draftOrder=x", "is not a Tuple"),
        ("tryptas=5", "nearest are: tryptase"),
        ("neutrophils=0.8", r"nearest are: anc \(Neutrophil count\), "),
        ("ANC count=0.8", r"nearest are: anc \(Neutrophil count\), "),
        ("bone density=-2", r"lastDEXA \(Last bone density scan\)"),
    ],
)
def test_what_cannot_be_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(GuidewayError, match=words):
        changed(text)


def test_what_is_older_than_what_counts_is_said() -> None:
    assert amount(value_after("anc=0.7@2026-01-01")) != amount(value_after("anc=0.7"))
    assert changed("anc=0.7 10*9/L@2026-01-01").notes == [
        "Neutrophil count: 0.7 10*9/L as Observation of 2026-01-01; something newer counts"
    ]


def test_what_changes_is_listed() -> None:
    before = apply_guideline(guideline(), patient(), as_of=AS_OF)
    found = changed("anc=2.5 10*9/L", "dxSM=")
    after = apply_guideline(guideline(), found.record, as_of=AS_OF, overrides=found.overrides)
    differences = compare(before, after)
    assert differences
    assert {(d.before, d.after) for d in differences.recommendations if d.before == "applies"}
    assert not compare(after, after)


@pytest.mark.parametrize("texts", [("dxSM=true", "smSubtype=indolent"), ("smSubtype=indolent", "dxSM=true")])
def test_what_is_set_says_no_more_and_stays_beside_what_else_is_set(texts: tuple[str, ...]) -> None:
    (alone,) = read_bundle(
        b'{"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"resourceType": "Patient"}}]}', "x"
    )

    def values(*given: str) -> list[Any]:
        settings = [parse_setting(text, guideline()) for text in given]
        found = change(alone, settings, guideline(), WHEN)
        seen = found.record.under(guideline().manifest.hygiene, WHEN.text, WHEN.offset)
        evaluation = guideline().program.evaluation(
            seen, now=WHEN.now, timezone=WHEN.offset, parameters={}, terminology=guideline().terminology
        )
        evaluation.override(found.overrides)
        keys = [parse_setting(name, guideline()).element for name in ("dxSM=", "smSubtype=")]
        return [evaluation.define(element.library, element.define) for element in keys]

    assert values("dxSM=true") == [True, None]
    assert values(*texts) == [True, ["indolent"]]

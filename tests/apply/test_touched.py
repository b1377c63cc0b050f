"""A fault of the data marks the recommendations that it touches, and no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.guideline.support import guideline

from guideway.apply.run import apply_guideline
from guideway.records.reading import read_bundle

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/aggressive-sm-neutrophils-0-8.json"


def marked(rule: str, **change: Any) -> set[str]:
    """The recommendations with a finding of this rule after the newest count of neutrophils was changed."""
    bundle = json.loads(EXAMPLE.read_text("utf-8"))
    (count,) = [e["resource"] for e in bundle["entry"] if e["resource"]["id"] == "observation-3"]
    count.update(change)
    bundle["entry"][0]["resource"]["gender"] = "female"  # of a woman, every result is looked at for a pregnancy
    (record,) = read_bundle(json.dumps(bundle).encode(), "x.json")
    outcome = apply_guideline(guideline(), record, as_of="2026-06-01").as_json()
    return {r["action"] for r in outcome["recommendations"] for f in r.get("findings", ()) if f["rule"] == rule}


@pytest.mark.parametrize(
    ("rule", "value"),
    [("unit-missing", {"value": 0.8}), ("json-type", {"value": "0.8", "unit": "10*9/L", "code": "10*9/L"})],
)
def test_a_quantity_that_cannot_be_used_concerns_what_is_measured_by_it(rule: str, value: dict[str, Any]) -> None:
    found = marked(rule, valueQuantity=value)
    assert {"interrupt-anc", "continue-present-dose", "midostaurin"} <= found  # in place, unless the count withholds it
    assert "two-auto-injectors-systemic-mastocytosis" not in found  # it looks at every result for a pregnancy
    assert len(found) <= 12


def test_a_fault_of_the_date_concerns_all_that_looked() -> None:
    found = marked("date-invalid", effectiveDateTime="2026-02-30")
    assert {"interrupt-anc", "two-auto-injectors-systemic-mastocytosis"} <= found


def test_what_was_only_looked_at_is_not_why_something_is_missing() -> None:
    """A panel of responses, and a count without a unit, are read in search of symptoms; they are neither."""
    bundle = json.loads((EXAMPLE.parent / "mcas-anaphylaxis-after-omalizumab.json").read_text("utf-8"))
    count = {"coding": [{"system": "http://loinc.org", "code": "718-7"}], "text": "something else"}
    other = {"resourceType": "Observation", "id": "other", "status": "final", "code": count, "valueQuantity": {"value": 9}}
    other |= {"effectiveDateTime": "2026-05-30", "subject": bundle["entry"][1]["resource"]["subject"]}
    bundle["entry"].append({"resource": other})
    (record,) = read_bundle(json.dumps(bundle).encode(), "x.json")
    outcome = apply_guideline(guideline(), record, as_of="2026-06-01").as_json()
    because = {line for r in outcome["recommendations"] for m in r.get("missing", ()) for line in m.get("because", ())}
    assert not [line for line in because if "observation-1" in line or "other" in line]

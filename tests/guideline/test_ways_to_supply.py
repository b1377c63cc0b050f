"""How to supply a missing datum: in plain clinical English, what to ask, to record, to order or to enter."""

from __future__ import annotations

import re

import pytest

from guideway.apply.outcome import Supply
from guideway.apply.supply import supplies

from .support import guideline

WAYS = [(element.id, way) for element in guideline().elements.values() for way in supplies(element, guideline())]
"""Every way that the package names for each of its data elements."""


@pytest.mark.parametrize(("element", "way"), WAYS, ids=[f"{element}-{way.kind}" for element, way in WAYS])
def test_it_says_what_to_do_and_names_no_code_of_a_list(element: str, way: Supply) -> None:
    kind, text = way.kind, way.text
    starts = {"question": ("Answer in ",), "order": ("Order ", "Enter "), "record": ("Record ", "Record: ", "Order ", "Enter ")}
    assert text.startswith(starts[kind]), text
    assert not re.search(r"\((finding|disorder|procedure)\)|for example|Order or enter|\[#/volume\]", text), text


def test_the_findings_are_asked_for_and_the_tests_are_ordered() -> None:
    said: dict[str, list[str]] = {}
    for element, way in WAYS:
        said.setdefault(element, []).append(way.text)
    assert said["inadequateResponseH1"][1] == "Record the response to H1 antihistamines"
    assert said["renalInsufficiency"][0].startswith("Order the estimated filtration rate (eGFR), or enter it")
    assert said["hxAirwayAngioedema"][1].startswith("Record angioedema with its body site")
    assert said["trialedBisphosphonate"] == ["Record: Bisphosphonate ever taken"]

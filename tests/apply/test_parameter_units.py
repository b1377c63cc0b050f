"""A parameter that is a quantity takes what can be compared with its default, and says so of anything else."""

from __future__ import annotations

import re

import pytest
from tests.apply.small import LOGIC, guideline, plan

from guideway.apply.parameters import engine_parameters
from guideway.diagnostics import GuidewayError
from guideway.engine.values import Quantity
from guideway.guideline.compiled import CompiledGuideline

PARAMETERS = """
parameter "Most" System.Quantity default 100.0 '10*9/L'
parameter "Lapse" System.Quantity default 90 days
parameter "Free" System.Quantity

context Patient"""


@pytest.fixture(scope="module")
def declaring() -> CompiledGuideline:
    return guideline(plan("main", {"id": "a", "title": "A"}), cql=LOGIC.replace("context Patient", PARAMETERS))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Most", "100 10*9/L"),
        ("Most", "100 '10*3/uL'"),
        ("Lapse", "90 days"),
        ("Lapse", "12 weeks"),
        ("Lapse", "90 'd'"),
        ("Lapse", "3 months"),
        ("Free", "5 mg"),
        ("Free", "5"),
    ],
)
def test_what_can_be_compared_is_taken(declaring: CompiledGuideline, name: str, value: str) -> None:
    assert isinstance(engine_parameters(declaring, {name: value})[name], Quantity)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("Most", "100 mg", "Most: the unit 'mg' cannot be converted to '10*9/L'; write, for example, Most='100 10*9/L'"),
        ("Most", "100 foo", "Most: the unit 'foo' cannot be converted to '10*9/L'; write, for example, Most='100 10*9/L'"),
        ("Most", "100", "Most: a unit is needed, such as '10*9/L'; write, for example, Most='100 10*9/L'"),
        ("Lapse", "90 kg", "Lapse: the unit 'kg' cannot be converted to 'days'; write, for example, Lapse='90 days'"),
    ],
)
def test_what_cannot_be_compared_is_refused(declaring: CompiledGuideline, name: str, value: str, words: str) -> None:
    with pytest.raises(GuidewayError, match=f"^parameter {re.escape(words)}$"):
        engine_parameters(declaring, {name: value})

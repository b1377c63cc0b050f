"""Timing phrases: relations, boundaries, precisions, distances, nulls (CQL 1.5 Author's Guide, "Timing Operators")."""

from __future__ import annotations

import pytest
from tests.cql.compact import compact, definition, translated

HEAD = "define A: Interval[@2012, @2013]\ndefine B: Interval[@2014, @2015]\ndefine P: @2012\ndefine N: 3\n"
A, B, P = "ExpressionRef(A)", "ExpressionRef(B)", "ExpressionRef(P)"


def promoted(point: str) -> str:
    """A point as the interval that holds just it."""
    return f"If(condition=IsNull({point}), then=null, else=Interval(low={point}, high={point}))"


CASES = [
    ("A before B", f"Before({A}, {B})"),
    ("A starts before start B", f"Before(Start({A}), Start({B}))"),
    ("A ends after month of end B", f"After(End({A}), End({B}), precision=Month)"),
    ("A starts before B", f"Before({promoted(f'Start({A})')}, {B})"),
    ("P before B", f"Before({promoted(P)}, {B})"),
    ("P on or before day of start B", f"SameOrBefore({P}, Start({B}), precision=Day)"),
    ("P before or on start B", f"SameOrBefore({P}, Start({B}))"),
    ("P after or on start B", f"SameOrAfter({P}, Start({B}))"),
    ("P same day as start B", f"SameAs({P}, Start({B}), precision=Day)"),
    ("P same month or before start B", f"SameOrBefore({P}, Start({B}), precision=Month)"),
    ("A occurs during B", f"IncludedIn({A}, {B})"),
    ("P during B", f"In({P}, {B})"),
    ("P during day of B", f"In({P}, {B}, precision=Day)"),
    ("A properly during B", f"ProperIncludedIn({A}, {B})"),
    ("P properly included in B", f"ProperIn({P}, {B})"),
    ("A includes P", f"Contains({A}, {P})"),
    ("A properly includes B", f"ProperIncludes({A}, {B})"),
    ("A starts during B", f"In(Start({A}), {B})"),
    ("A meets B", f"Meets({A}, {B})"),
    ("A meets before day of B", f"MeetsBefore({A}, {B}, precision=Day)"),
    ("A overlaps after B", f"OverlapsAfter({A}, {B})"),
    ("A starts B", f"Starts({A}, {B})"),
    ("A ends day of B", f"Ends({A}, {B}, precision=Day)"),
    ("P 3 days before start B", f"SameAs({P}, Subtract(Start({B}), 3 'days'))"),
    ("P 3 days or more before start B", f"SameOrBefore({P}, Subtract(Start({B}), 3 'days'))"),
    ("P more than 3 days after end B", f"After({P}, Add(End({B}), 3 'days'))"),
    (
        "P less than 3 days before start B",
        f"In({P}, Interval(low=Subtract(Start({B}), 3 'days'), high=Start({B}), lowClosed=false, highClosed=false))",
    ),
    (
        "P 3 days or less before start B",
        f"And(In({P}, Interval(low=Subtract(Start({B}), 3 'days'), high=Start({B}), highClosed=false)), Not(IsNull(Start({B}))))",
    ),
    (
        "P 3 days or less on or after start B",
        f"And(In({P}, Interval(low=Start({B}), high=Add(Start({B}), 3 'days'))), Not(IsNull(Start({B}))))",
    ),
    (
        "A starts 1 year or less after day of B",
        f"And(In(Start({A}), Interval(low=End({B}), high=Add(End({B}), 1 'year'), lowClosed=false), precision=Day), "
        f"Not(IsNull(End({B}))))",
    ),
    (
        "P within 3 days of start B",
        f"And(In({P}, Interval(low=Subtract(Start({B}), 3 'days'), high=Add(Start({B}), 3 'days'))), Not(IsNull(Start({B}))))",
    ),
    (
        "P properly within 3 days of start B",
        f"In({P}, Interval(low=Subtract(Start({B}), 3 'days'), high=Add(Start({B}), 3 'days'), "
        "lowClosed=false, highClosed=false))",
    ),
    (
        "A within 3 days of B",
        f"IncludedIn({A}, Interval(low=Subtract(Start({B}), 3 'days'), high=Add(End({B}), 3 'days')))",
    ),
    ("{1, 2} includes {1}", "Includes(List(element=[1, 2]), List(element=[1]))"),
    ("{1, 2} includes 1", "Contains(List(element=[1, 2]), 1)"),
    ("{1} properly included in {1, 2}", "ProperIncludedIn(List(element=[1]), List(element=[1, 2]))"),
    ("null included in {2}", "IncludedIn(As(null, asTypeSpecifier=List<Integer>), List(element=[2]))"),
    ("null properly included in {2}", "ProperIn(As(null, asType=Integer), List(element=[2]))"),
    ("duration in days of A", f"DurationBetween(Start({A}), End({A}), precision=Day)"),
]


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=[c[0] for c in CASES])
def test_timing_in_elm(expression: str, expected: str) -> None:
    assert compact(definition(translated(f"{HEAD}define X: {expression}"), "X").expression) == expected

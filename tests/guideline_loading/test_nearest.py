"""What somebody meant who typed a name that is not there."""

from __future__ import annotations

import pytest

from guideway.guideline.nearest import nearest

KNOWN = [
    ("redCount", ("redCount", "Red Cell Count", "Erythrocytes")),
    ("redCountBaseline", ("redCountBaseline", "Red Cell Count Baseline", "Erythrocytes before the drug")),
    ("age", ("age", "Age", "Age in years")),
    ("onTabletA", ("onTabletA", "On Tablet A", "Tablet A in use")),
]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("redcuont", ["redCount"]),
        ("erythrocyte", ["redCount", "redCountBaseline"]),
        ("red cells", ["redCount", "redCountBaseline"]),
        ("cells before the drug", ["redCountBaseline"]),
        ("tablets", ["onTabletA"]),
        ("years", ["age"]),
        ("@@@", []),
        ("", []),
    ],
)
def test_a_name_is_near_by_its_letters_or_by_the_words_for_the_thing(typed: str, found: list[str]) -> None:
    assert nearest(typed, KNOWN) == found


def test_there_may_be_nothing_to_mean() -> None:
    assert nearest("age", []) == []

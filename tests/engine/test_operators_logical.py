"""Logical and nullological operators: whole truth tables."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from tests.engine.build import run

VALUES = (True, False, None)
RANK = {False: 0, None: 1, True: 2}
"""Kleene's logic: and is the least, or the greatest of the two."""


@pytest.mark.parametrize(("left", "right"), list(product(VALUES, VALUES)))
def test_truth_tables(left: bool | None, right: bool | None) -> None:
    assert run("And", left, right) is min(left, right, key=RANK.__getitem__)
    assert run("Or", left, right) is max(left, right, key=RANK.__getitem__)
    assert run("Implies", left, right) is run("Or", run("Not", left), right)
    expected = None if None in (left, right) else left is not right
    assert run("Xor", left, right) is expected


@pytest.mark.parametrize(
    ("value", "null", "true", "false"), [(None, True, False, False), (True, False, True, False), (False, False, False, True)]
)
def test_null_and_truth_tests(value: Any, null: bool, true: bool, false: bool) -> None:
    assert (run("IsNull", value), run("IsTrue", value), run("IsFalse", value)) == (null, true, false)


@pytest.mark.parametrize(
    ("operands", "expected"),
    [
        ([None, None], None),
        ([None, 1, 2], 1),
        ([None, 0], 0),
        ([None, False], False),
        ([[None, 3, 4]], 3),
        ([[], [1]], []),
        ([[]], None),
    ],
)
def test_coalesce(operands: list[Any], expected: Any) -> None:
    assert run("Coalesce", *operands) == expected

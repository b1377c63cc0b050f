"""Every requirement has a test, and the table in docs/service.md names these tests and no others."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

from tests.service.requirements import REQUIREMENTS, ids_of

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "service.md"


def by_id() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for file in HERE.glob("test_*.py"):
        for node in ast.parse(file.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for each in ids_of(node.name):
                    found[each].add(node.name)
    return found


def test_every_requirement_has_a_test() -> None:
    assert set(by_id()) == set(REQUIREMENTS)


def test_the_table_is_that_of_these_tests() -> None:
    """Otherwise run scripts/make_service_table.py."""
    rows = re.findall(r"^\| (\S+) \| (\S) \| (.+?) \| passed, (\d+) runs \| (.*) \|$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    found = {each: (level, words, set(re.findall(r"`(test_\w+)`", names))) for each, level, words, _, names in rows}
    assert found == {each: (*REQUIREMENTS[each], tests) for each, tests in by_id().items()}
    assert all(int(count) > 0 for _, _, _, count, _ in rows)

"""Every requirement has a test, and the table in docs/service.md names these tests and no others."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

from tests.service.requirements import OF_TOKENS, REQUIREMENTS, deployments_of, ids_of

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "service.md"


EVERYWHERE = {"service", "signed_service", "cards"}
"""The fixtures that go through all deployments (``signed_service``: those that ask for tokens)."""
ONE_DEPLOYMENT = {
    "test_D2_services_is_an_array_even_where_there_are_none": "without plans there is nothing else to ask it",
    "test_S_ops_stopped_under_load_no_request_is_dropped": "it ends the service",
    "test_S_feedback_killed_under_load_nothing_acknowledged_is_lost": "it ends the service",
}
"""Tests of requirements that need a service of their own. Each of these requirements has another test, in every deployment."""


def by_id() -> dict[str, dict[str, list[str]]]:
    """The tests of each requirement, with the names of their fixtures."""
    found: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for file in HERE.glob("test_*.py"):
        for node in ast.parse(file.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for each in ids_of(node.name):
                    found[each][node.name] = [argument.arg for argument in node.args.args]
    return found


def test_every_requirement_has_a_test() -> None:
    assert set(by_id()) == set(REQUIREMENTS)


def test_every_requirement_is_tested_in_every_deployment() -> None:
    for each, tests in by_id().items():
        wanted = EVERYWHERE if each in OF_TOKENS else EVERYWHERE - {"signed_service"}
        assert any(wanted & {*names} for names in tests.values()), each
        for name, names in tests.items():
            assert name in ONE_DEPLOYMENT or EVERYWHERE & {*names}, f"{name}: in one deployment only"


def test_the_table_is_that_of_these_tests() -> None:
    """Otherwise run scripts/make_service_table.py."""
    rows = re.findall(r"^\| (\S+) \| (\S) \| (.+?) \| passed in (\d+) \| (.*) \|$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    found = {each: (level, words, set(re.findall(r"`(test_\w+)`", names))) for each, level, words, _, names in rows}
    assert found == {each: (*REQUIREMENTS[each], {*tests}) for each, tests in by_id().items()}
    assert all(int(count) >= len(deployments_of(each)) for each, _, _, count, _ in rows)

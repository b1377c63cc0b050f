"""Prints the tally of the public CQL suite at the end of a test run that included it."""

from __future__ import annotations

import sys
from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    suite = sys.modules.get("tests.conformance.suite")
    if suite is None or not suite.TALLY:
        return
    terminalreporter.section("public CQL suite")
    for name, (passed, disputed, total) in suite.TALLY.items():
        terminalreporter.write_line(f"{name:36} {passed:4} of {total:4}{f', {disputed} disputed' if disputed else ''}")
    passed, disputed, total = (sum(row[index] for row in suite.TALLY.values()) for index in range(3))
    terminalreporter.write_line(f"{'all':36} {passed:4} of {total:4}, {disputed} disputed")

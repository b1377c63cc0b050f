"""What every test run has in common: a compile cache of its own, and the rule that CI may not skip for want of test material."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

os.environ.setdefault("GUIDEWAY_CACHE", str(Path(__file__).resolve().parent.parent / ".pytest_cache" / "guideway"))

MATERIAL = "GUIDEWAY_SHARED"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under GUIDEWAY_NO_SKIP a test that skips for want of GUIDEWAY_SHARED has failed."""
    report = yield
    if report.skipped and os.environ.get("GUIDEWAY_NO_SKIP"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if MATERIAL in reason:
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped, which GUIDEWAY_NO_SKIP does not allow: {reason}"
    return report

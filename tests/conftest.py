"""What every test run has in common: a compile cache of its own, a garbage collector that leaves the tests themselves alone, the
rule that CI may not skip for want of test material, and the list of what has passed, by which a second run (with the material,
say) leaves out what the first has shown."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from pathlib import Path

import pytest

os.environ.setdefault("GUIDEWAY_CACHE", str(Path(__file__).resolve().parent.parent / ".pytest_cache" / "guideway"))

MATERIAL = "GUIDEWAY_SHARED"
NOTE_PASSED = "GUIDEWAY_NOTE_PASSED"
LEAVE_OUT = "GUIDEWAY_LEAVE_OUT"


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


class PassedTests:
    """Writes the ids of the tests that passed, a line each, into the file that GUIDEWAY_NOTE_PASSED names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.passed: dict[str, bool] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test has passed where its set-up, call and teardown all have."""
        self.passed[report.nodeid] = report.passed and self.passed.get(report.nodeid, True)

    def pytest_sessionfinish(self) -> None:
        self.path.write_text("".join(f"{test}\n" for test, passed in self.passed.items() if passed), "utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Of several processes only the first keeps the list of what has passed: the reports of all of them reach it."""
    if (path := os.environ.get(NOTE_PASSED)) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(PassedTests(Path(path)))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """What collecting makes stays until the end: nothing of it is garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Some ten thousand tests and their modules are set aside: going through them again and again would take minutes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Takes out the tests that the file of GUIDEWAY_LEAVE_OUT lists."""
    if path := os.environ.get(LEAVE_OUT):
        passed = set(Path(path).read_text("utf-8").splitlines())
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid in passed])
        items[:] = [item for item in items if item.nodeid not in passed]

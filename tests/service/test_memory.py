"""What a serving process keeps: what was loaded is no work for the garbage collector, and goes when it is loaded again."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.service.ehr import COUNT, RX, hook_request
from tests.service.local import local

from guideway.service import memory
from guideway.service.memory import keep_loaded, loaded_again


class Loaded:
    """Stands for a package: its parts refer to each other, so only the collector can free it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def collector() -> Iterator[None]:
    """The collector as a process begins with it; afterwards as the test run has set it."""
    thresholds, set_aside = gc.get_threshold(), gc.get_freeze_count()
    gc.unfreeze()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    if set_aside:
        gc.freeze()


@pytest.mark.usefixtures("collector")
def test_what_is_loaded_is_set_aside_until_it_is_loaded_again() -> None:
    package = Loaded()
    reference = weakref.ref(package)
    keep_loaded()
    del package
    gc.collect()
    assert reference() is not None
    loaded_again()
    assert reference() is None
    assert gc.get_freeze_count() > 0


@pytest.mark.usefixtures("collector")
def test_a_process_that_sets_nothing_aside_goes_on_so() -> None:
    loaded_again()
    assert gc.get_freeze_count() == 0


@pytest.mark.usefixtures("collector")
def test_what_requests_leave_behind_goes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MADE", 200)
    keep_loaded()
    left = Loaded()
    reference = weakref.ref(left)
    gc.collect(1)  # it has grown old while it was of use
    del left
    for _ in range(3 * memory.MADE * memory.YOUNG * memory.OLD):
        Loaded()
    assert reference() is None


@pytest.mark.usefixtures("collector")
def test_an_answer_leaves_nothing_that_only_the_collector_can_free(tmp_path: Path, small: Path) -> None:
    with local(tmp_path, small) as service:
        for _ in range(3):
            service.cards(hook_request(COUNT, RX))
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            assert service.cards(hook_request(COUNT, RX))
            service.runtime.writer.flush()
            gc.collect()
            left = {type(each).__qualname__ for each in gc.garbage if type(each).__module__.startswith("guideway")}
        finally:
            gc.set_debug(0)
            gc.enable()
            gc.garbage.clear()
    assert left == set()

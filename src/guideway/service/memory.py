"""The garbage collector of a process that serves: what is loaded stays, so no request waits until it has been looked through.

A request makes tens of thousands of objects and nearly all of them go by themselves when it ends. With Python's usual thresholds
the collector would look through the whole guideline a few times for each, which takes longer than answering.
"""

from __future__ import annotations

import gc

MADE = 100_000
"""So many objects are made, and not gone, before the newest are looked through."""
YOUNG, OLD = 10, 4
"""So many times the newest, before those that have stayed; so many times these, before all but what was loaded: what requests
leave behind is little, and looked through in a few milliseconds."""


def keep_loaded() -> None:
    """From now on nothing that exists is looked through; what was set aside before and is no longer needed goes."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.collect()  # Python waits with the next whole round until a quarter of what the last one found has been added: of nothing
    gc.set_threshold(MADE, YOUNG, OLD)


def loaded_again() -> None:
    """After the packages were loaded again, in a process that keeps what is loaded: the old ones go."""
    if gc.get_freeze_count():
        keep_loaded()

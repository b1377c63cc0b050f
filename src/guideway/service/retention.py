"""How long cards and AuditEvents are kept: a thread that removes what is older, now and then, a little at a time.

Each worker has one; what another has removed already is not there any more. Where nothing is to be removed there is no thread.
What was counted of the cards stays counted (``Store.remove_cards``). A store that fails is tried again the next time.
"""

from __future__ import annotations

import logging
import threading
import time

from guideway.service.logs import log
from guideway.service.settings import Settings
from guideway.service.store import Store

FIRST_SECONDS = 60.0
"""So long after the start the first look is taken: there is enough to do at a start."""
EVERY_SECONDS = 3600.0
DAY = 86_400


class Retention:
    """Removes what is older than the settings say, until ``close``."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._days = settings.keep_cards_days, settings.keep_audit_days
        self._closed = threading.Event()

    def start(self) -> None:
        """Begin, where there is something to be removed at all."""
        if any(days is not None for days in self._days):
            threading.Thread(target=self._run, name="retention", daemon=True).start()

    def close(self) -> None:
        """End after the part that is under way."""
        self._closed.set()

    def remove(self) -> int:
        """Remove what is too old now; how much it was."""
        cards, events = self._days
        now = int(time.time())
        count = 0
        for days, remove in ((cards, self._store.remove_cards), (events, self._store.remove_audit_events)):
            while days is not None and not self._closed.is_set() and (some := remove(now - days * DAY)):
                count += some
        return count

    def _run(self) -> None:
        wait = FIRST_SECONDS
        while not self._closed.wait(wait):
            wait = EVERY_SECONDS
            try:
                count = self.remove()
            except Exception as error:
                log(logging.ERROR, "what is old could not be removed", failure=error)
                continue
            if count:
                log(logging.INFO, "removed what is old", count=count)

"""What a value rests on, as one thing (``Support``), and what several such things come to together.

``merged`` joins supports, ``of_one`` is what a single value rests on that comes from rows, ``qualifying`` what a condition adds
to what it lets through, ``is_part`` whether something adds nothing. A support is never changed once it is made: many share
one. What its parts mean: ``provenance``.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

References = dict[str, None]


class Support(msgspec.Struct, frozen=True, gc=False):
    """What a value rests on; ``items``: of a list, each of its items by identity."""

    found: References
    needed: References
    checked: References
    others: References
    items: dict[int, Support]

    def all(self) -> References:
        """Every resource in it."""
        return self.found | self.needed | self.checked | self.others

    def add_to(self, references: References) -> None:
        """Add every resource in it."""
        for part in (self.found, self.needed, self.checked, self.others):
            if part:
                references.update(part)


def support_of(found: References, needed: References | None = None, checked: References | None = None) -> Support:
    """A support without a list."""
    return Support(found, needed or {}, checked or {}, {}, {})


NOTHING = Support({}, {}, {}, {}, {})
"""Told by its identity: whatever rests on nothing has this one."""


def of_one(support: Support) -> Support:
    """What a single value rests on that comes from rows: those that did not count are part of it."""
    if not (support.others or support.items):
        return support
    return support_of(support.found, support.needed, support.checked | support.others)


def is_part(support: Support, rows: Sequence[Support]) -> bool:
    """Whether rows that rest on all these rest on no more, and for no other reason, if they rest on this too."""
    if support is NOTHING or any(support is row for row in rows):
        return True
    found = {reference for row in rows for reference in row.found}
    if not support.found.keys() <= found:
        return False
    needed = found.union(*(row.needed for row in rows))
    if not support.needed.keys() <= needed:
        return False
    if not (support.checked or support.others):
        return True
    checked = needed.union(*(row.checked for row in rows))
    return support.checked.keys() <= checked and support.others.keys() <= checked


def qualifying(support: Support) -> Support:
    """What a condition rests on, as what something else needs."""
    return support if not support.found else Support({}, support.found | support.needed, support.checked, support.others, {})


def merged(supports: Sequence[Support]) -> Support:
    """Supports as one; the same object where one is all there is."""
    first = NOTHING
    several = False
    for support in supports:
        if support is not first and support is not NOTHING:
            several = first is not NOTHING
            if several:
                break
            first = support
    if not several:
        return first
    found: References = {}
    needed: References = {}
    checked: References = {}
    others: References = {}
    items: dict[int, Support] = {}
    for support in supports:
        if support.found:
            found.update(support.found)
        if support.needed:
            needed.update(support.needed)
        if support.checked:
            checked.update(support.checked)
        if support.others:
            others.update(support.others)
        if support.items:
            items.update(support.items)
    return Support(found, needed, checked, others, items)

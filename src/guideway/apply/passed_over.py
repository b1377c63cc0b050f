"""What of the plans was passed over, in a few words: for another hook, user or place, switched off, behind the first that counts.

Takes ``PatientOutcome.skipped``; gives one text for each reason, with the names of a few and the number of many, so that a result
of which nothing is left says why, and a large guideline says it in a line.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]

REASONS = 8
"""So many reasons are told; of more, how many there are."""
NAMES = 3


OTHER_HOOK = "answers to"
"""How the reason begins of what answers to another hook."""


def passed_over(skipped: Iterable[Json], reasons: int = REASONS, *, brief: bool = False) -> list[str]:
    """Each reason once, with what was passed over for it; ``brief``: of many only how many."""
    found: dict[str, dict[str, None]] = {}
    for each in skipped:
        found.setdefault(str(each["reason"]), {})[_name(each)] = None
    told = [
        f"{reason} ({len(names)})" if brief and len(names) > NAMES else f"{reason}: {_some(list(names))}"
        for reason, names in list(found.items())[:reasons]
    ]
    if len(found) > reasons:
        rest = [name for names in list(found.values())[reasons:] for name in names]
        told.append(f"for {len(found) - reasons} other reasons: {_some(rest)}")
    return told


def for_another_hook(skipped: Json) -> bool:
    """Whether it was passed over because it answers to another hook, as much does on every occasion."""
    return str(skipped["reason"]).startswith(OTHER_HOOK)


def _name(skipped: Json) -> str:
    """The action as its recommendation would be called, else the plan."""
    plan = str(skipped["plan"]).partition("|")[0].rpartition("/")[2]
    return f"{plan}#{skipped['action']}" if "action" in skipped else f"the plan {plan}"


def _some(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= NAMES else f"{names[0]} and {len(names) - 1} others"

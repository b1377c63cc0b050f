"""What a card must say about the data: what ``apply`` could not use, or only with doubts.

Takes the findings and exclusions of an outcome and the resource types that the service reads; gives lines in plain words, few
enough to be read. A resource that cannot be read is not on record for the logic: without these lines "nothing applies" and "your
data could not be used" would look the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

from guideway.apply.outcome import PatientOutcome
from guideway.diagnostics import Severity

HARMLESS = frozenset(
    {
        "array-empty", "object-empty", "json-null", "string-empty", "narrative-unsafe", "json-comments", "id-invalid",
        "id-missing", "uri-invalid", "date-without-zone", "date-without-seconds", "full-url-invalid", "plan-not-effective",
        "conflict-by-name",
    }
)  # fmt: skip
"""Findings by which nothing is lost that a recommendation could rest on, or that are not about the data."""
DOUBTFUL_EXCLUSIONS = frozenset({"future-dated", "status-missing", "subject-missing"})
"""Reasons for leaving something out that may be mistakes; the others (entered in error, refuted) the record gives itself."""
OF_ONE_VALUE = frozenset(
    {
        "unit-missing",
        "unit-unknown",
        "unit-doubtful",
        "unit-unconvertible",
        "value-impossible",
        "tie",
        "date-missing",
        "period-reversed",
        "future-dated",
        "code-missing",
    }
)
"""Doubts about one value: whoever reads of them can judge it."""
OF_A_KIND = 3
"""So many findings of one rule are named; the others are counted."""


ABOUT_ALL = frozenset({"Patient", "Medication"})
"""Resources of these types are no single service's."""


class DataNotes(NamedTuple):
    """Lines for a card, and how pressing they are (an indicator of CDS Hooks)."""

    lines: tuple[str, ...] = ()
    indicator: str = "info"


def data_notes(outcome: PatientOutcome, source: str, types: Collection[str], *, general: bool = True) -> DataNotes:
    """Lines about data of these types that came from ``source``: what was wrong with it, and what was left out.

    ``general``: also about the patient, Medications, and the data as a whole.
    """
    told: list[tuple[str, str]] = []
    for finding in outcome.findings:
        if finding.severity is Severity.information or finding.rule in HARMLESS or finding.file != source:
            continue
        kind, slash, _ = (finding.pointer or "").partition("/")
        if kind in types or (general and (not slash or not kind or kind in ABOUT_ALL)):
            told.append((finding.rule, finding.message))
    named = {message.partition(":")[0].partition(" ")[0] for _, message in told}
    for left_out in outcome.excluded:
        kind = left_out.resource.partition("/")[0]
        if left_out.rule in DOUBTFUL_EXCLUSIONS and kind in types and left_out.resource not in named:
            told.append((left_out.rule, f"{left_out.resource} is not used: {left_out.reason}."))
    serious = any(rule not in OF_ONE_VALUE for rule, _ in told)
    return DataNotes(_in_short(told), "warning" if serious else "info")


def _in_short(told: list[tuple[str, str]]) -> tuple[str, ...]:
    count = Counter(rule for rule, _ in told)
    shown: Counter[str] = Counter()
    lines = []
    for rule, message in told:
        shown[rule] += 1
        if shown[rule] <= OF_A_KIND:
            more = count[rule] - OF_A_KIND if shown[rule] == OF_A_KIND else 0
            lines.append(message + (f" (and {more} more of this kind)" if more > 0 else ""))
    return tuple(dict.fromkeys(lines))

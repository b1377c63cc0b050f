"""What follows from other errors, so that one mistake in a shared library is not told a thousand times.

Takes all findings on a guideline; gives those to act on, and how many were left out: what the translator says of names and types
in a library that includes one with errors, expressions that are looked up in a library which could not be translated, and what
nothing seems to refer to because of that. Where nothing else would be left to act on (libraries that include each
other), all stay.
"""

from __future__ import annotations

from collections.abc import Iterable

from guideway.diagnostics import Diagnostic, Severity

INCLUDED = "cql-included-error"
UNTRANSLATED = "library-untranslated"
_OWN = frozenset({"cql-syntax", "cql-circular-include"})
"""What a library has of its own, whatever it includes."""


def without_consequences(findings: Iterable[Diagnostic]) -> tuple[list[Diagnostic], int]:
    """The findings to act on, and the number of those that follow from them."""
    found = list(findings)
    below = {finding.file for finding in found if finding.rule == INCLUDED}
    kept = [
        finding
        for finding in found
        if finding.rule not in (INCLUDED, UNTRANSLATED, "define-unused", "suppression-unused")
        and not (finding.file in below and finding.rule.startswith("cql-") and finding.rule not in _OWN)
    ]
    roots = any(finding.severity is Severity.error and finding.rule.startswith("cql-") for finding in kept)
    return (kept, len(found) - len(kept)) if roots else (found, 0)

"""Whether an outcome is the one that a case expects, and if not: what was expected, what came, and why.

Takes a ``Case`` and the documented JSON of an outcome (``guideway apply --format outcome``); gives one ``Difference`` for each
expectation that does not hold. A case can expect names that no guideline has; ``testing`` refuses those beforehand.
"""

from __future__ import annotations

from typing import Any

import msgspec

from guideway.authoring.case_text import Path
from guideway.authoring.cases import Case, Expect

Json = dict[str, Any]


class Difference(msgspec.Struct, frozen=True):
    """One expectation that does not hold."""

    path: Path
    """Where in the case it stands, such as ``("expect", "fire", 0)``."""
    name: str
    """The recommendation, element, rule or resource it is about."""
    expected: str
    came: str
    why: str = ""
    """The outcome's own explanation."""

    def __str__(self) -> str:
        return f"{self.name} {self.expected}, but {self.came}{f': {self.why}' if self.why else ''}"


def check(case: Case, outcome: Json) -> list[Difference]:
    """What is different from the expectations; empty if the case holds."""
    expect = case.expect
    found: list[Json] = outcome.get("recommendations", [])
    problems = _statuses(expect, found) + _missing(expect, found)
    shown = _rules_shown(found)
    rules: tuple[tuple[str, list[str], bool], ...] = (
        ("overlay", expect.overlay, True),
        ("notes", expect.notes, True),
        ("not_notes", expect.not_notes, False),
    )
    for field, names, wanted in rules:
        for number, rule in enumerate(names):
            if (rule in shown) is not wanted:
                came = "it is" if not wanted else f"what is shown is {', '.join(sorted(shown))}" if shown else "nothing is"
                expected = "must be shown" if wanted else "must not be shown"
                problems.append(Difference(("expect", field, number), rule, expected, came))
    named = _left_out(outcome, found)
    for number, name in enumerate(expect.excluded):
        if name not in named:
            came = f"what is listed is {', '.join(sorted(named))}" if named else "nothing is"
            problems.append(Difference(("expect", "excluded", number), name, "must be listed as left out or doubtful", came))
    if expect.only:
        for recommendation in found:
            if recommendation.get("status") == "applies" and not _names(recommendation) & set(expect.fire):
                key = str(recommendation.get("id"))
                extra = Difference(
                    ("expect", "only"), key, "must not apply (only what fire lists may)", "it does", _why([recommendation])
                )
                problems.append(extra)
    return problems


def _statuses(expect: Expect, found: list[Json]) -> list[Difference]:
    """``fire``, ``not_fire`` and ``status``."""
    wanted: list[tuple[Path, str, str, bool]] = [
        *((("expect", "fire", number), name, "applies", True) for number, name in enumerate(expect.fire)),
        *((("expect", "not_fire", number), name, "applies", False) for number, name in enumerate(expect.not_fire)),
        *((("expect", "status", name), name, status, True) for name, status in expect.status.items()),
    ]
    problems: list[Difference] = []
    for path, name, status, so in wanted:
        named = [r for r in found if name in _names(r)]
        if any(r.get("status") == status for r in named) is so:
            continue
        words = "apply" if status == "applies" else f"be {status}"
        if so:
            problems.append(Difference(path, name, f"must {words}", _said(named), _why(named)))
        else:
            guilty = [r for r in named if r.get("status") == status]
            problems.append(Difference(path, name, f"must not {words}", "it does", _why(guilty)))
    return problems


def _missing(expect: Expect, found: list[Json]) -> list[Difference]:
    """``missing`` and ``not_missing``."""
    problems: list[Difference] = []
    everywhere = _elements(found)
    for number, wanted in enumerate(expect.missing):
        of, colon, element = wanted.rpartition(": ")
        asked = [r for r in found if of in _names(r)] if colon else found
        named = _elements(asked)
        if element not in named:
            came = f"what is missing is {', '.join(sorted(named))}" if named else _said(asked) if colon else "nothing is"
            expected = f"must be named as missing{f' for {of}' if colon else ''}"
            path: Path = ("expect", "missing", number)
            problems.append(Difference(path, element, expected, came, _why(asked) if colon else ""))
    for number, element in enumerate(expect.not_missing):
        if element in everywhere:
            guilty = [str(r.get("id")) for r in found if element in _elements([r])]
            came = f"it is, for {', '.join(guilty[:4])}{' …' if len(guilty) > 4 else ''}"
            problems.append(Difference(("expect", "not_missing", number), element, "must not be named as missing", came))
    return problems


def _elements(found: list[Json]) -> set[str]:
    return {str(m.get("element")) for r in found for m in r.get("missing", [])}


def _names(recommendation: Json) -> set[str]:
    return {str(recommendation.get("id")), str(recommendation.get("action")), *recommendation.get("statements", [])}


def _left_out(outcome: Json, found: list[Json]) -> set[str]:
    """Resources and rules that are listed: left out, in doubt, or the reason why something is missing."""
    left_out = [*outcome.get("excluded", []), *(e for r in found for e in r.get("excluded", []))]
    named = {e.get("resource") for e in left_out} | {e.get("rule") for e in left_out}
    named |= {f.get("rule") for r in (outcome, *found) for f in r.get("findings", [])}
    named |= {line.partition(":")[0] for r in found for m in r.get("missing", []) for line in m.get("because", [])}
    return {name for name in named if name}


def _rules_shown(found: list[Json]) -> set[str]:
    """Rules behind notes, behind reasons for withholding, and rules with a recommendation of their own that applies."""
    shown: set[str] = set()
    for recommendation in found:
        shown.update(recommendation.get("noteRules", []))
        conditions = recommendation.get("conditions", [])
        shown.update(str(c["name"]) for c in conditions if c.get("kind") == "withheld-when" and c.get("value") and c.get("name"))
        if recommendation.get("status") == "applies":
            shown.update(recommendation.get("statements", []))
    return shown


def _said(named: list[Json]) -> str:
    """What came of a recommendation, in words."""
    statuses = sorted({str(r.get("status")) for r in named})
    words = " and ".join(_WORDS.get(status, status) for status in statuses)
    return words or "no plan that was applied has it"


_WORDS = {
    "applies": "it applies",
    "does-not-apply": "it does not apply",
    "unknown": "it cannot be known yet",
    "suppressed": "it is suppressed",
    "already-satisfied": "it is already satisfied",
    "error": "it is an error",
}


def _why(named: list[Json]) -> str:
    """The outcome's reasons, and what is missing; each once."""
    reasons = dict.fromkeys(str(r["reason"]).rstrip(".") for r in named if r.get("reason"))
    findings = dict.fromkeys(str(f["message"]) for r in named if r.get("status") == "error" for f in r.get("findings", []))
    return "; ".join([*reasons, *findings])

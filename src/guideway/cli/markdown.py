"""The Markdown view: the same content as the table view, for a note in a chart, a ticket or a review.

Text that comes from data or artifacts is escaped, so that it can neither make links nor markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from guideway.apply.outcome import APPLIES, DOES_NOT_APPLY, UNKNOWN, Missing, PatientOutcome, Recommendation
from guideway.cli.lines import clean
from guideway.cli.table import HEADINGS, evidence_rows, excluded_text, guideline_text, missing_text, result_text

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def markdown(outcomes: Sequence[PatientOutcome], *, explain: bool = False) -> str:
    """All outcomes as one Markdown document."""
    lines: list[str] = []
    if outcomes:
        lines += [f"> **{escape(outcomes[0].draft)}**", ""]
    for outcome in outcomes:
        lines += _patient(outcome, explain)
    for text in dict.fromkeys(text for outcome in outcomes for text in outcome.disclaimer):
        lines += ["---", "", escape(text), ""]
    return "\n".join(lines).rstrip() + "\n"


def escape(text: str) -> str:
    """``text`` as Markdown that shows exactly these characters, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(clean(text).split()))


def _patient(outcome: PatientOutcome, explain: bool) -> Iterator[str]:
    guideline = outcome.guideline
    yield f"# {escape(outcome.subject)}"
    yield ""
    yield f"- Guideline: {escape(guideline_text(guideline))}"
    yield f"- As of: {escape(outcome.evaluated_at)} (time zone {escape(outcome.timezone)})"
    yield f"- Result: {result_text(outcome)}"
    yield ""
    if outcome.findings:
        yield from ["## About this patient's data", ""]
        yield from (f"- {escape(f.message)} (`{f.rule}`)" for f in outcome.findings)
        yield ""
    if not outcome.by_status(APPLIES):
        yield from ["**Nothing applies.**", ""]
    rank = {key: number for number, key in enumerate(outcome.order)}
    for status, heading in HEADINGS.items():
        found = sorted(outcome.by_status(status), key=lambda r: rank.get(r.key, len(rank)))
        if not found:
            continue
        yield from [f"## {heading} ({len(found)})", ""]
        if status == DOES_NOT_APPLY and not explain:
            yield from _summary(outcome, found)
            continue
        if status == UNKNOWN:
            needed: dict[str, Missing] = {}
            for missing in (missing for item in found for missing in item.missing):
                needed.setdefault(missing.element, missing)
            if len(found) > 1 and needed:
                yield from ["What would settle it:", ""]
                yield from (f"- {escape(missing_text(missing))}" for missing in needed.values())
                yield ""
        for item in found:
            yield from _recommendation(item, explain)
        if status == APPLIES:
            yield from _conflicts(outcome)
    if outcome.excluded:
        yield from [f"## Data left out ({len(outcome.excluded)})", ""]
        yield from (f"- {escape(excluded_text(excluded))}" for excluded in outcome.excluded)
        yield ""


def _recommendation(item: Recommendation, explain: bool) -> Iterator[str]:
    marks = ", ".join(part for part in (item.strength, item.direction) if part)
    yield f"### {escape(item.title)}" + (f" ({escape(marks)})" if marks else "")
    yield ""
    yield f"`{item.plan_id}#{item.action}`"
    yield ""
    rows: list[tuple[str, str]] = []
    if item.reason and (item.status != APPLIES or explain):
        rows.append(("Because", item.reason))
    if item.description and (item.status == APPLIES or explain):
        rows.append(("What", item.description))
    rows += [(label.capitalize(), text) for label, text in evidence_rows(item, explain)]
    rows += [("Missing", missing_text(missing)) for missing in item.missing]
    rows += [("Left out", excluded_text(excluded)) for excluded in item.excluded]
    rows += [("Note", note) for note in item.notes]
    rows += [("Proposes", ", ".join(item.requests))] if item.requests else []
    rows += [("Source", source.label) for source in item.source]
    rows += [("Finding", f"{finding.message} [{finding.rule}]") for finding in item.findings]
    if explain:
        for condition in item.conditions:
            answer = {True: "true", False: "false", None: "unknown"}[condition.value]
            rows.append((condition.kind.capitalize(), f"{answer}: {condition.description or condition.expression}"))
        rows += [("Cites", source.citation) for source in item.source if source.citation]
    yield from (f"- **{label}:** {escape(text)}" for label, text in rows)
    yield ""


def _summary(outcome: PatientOutcome, found: Sequence[Recommendation]) -> Iterator[str]:
    titles = {plan.id: plan.title for plan in outcome.plans}
    plans: dict[str, list[Recommendation]] = {}
    for item in found:
        plans.setdefault(item.plan_id, []).append(item)
    for plan, items in plans.items():
        reasons = "; ".join(dict.fromkeys(item.reason for item in items if item.reason))
        yield f"- {escape(titles.get(plan, plan))} ({len(items)})" + (f": {escape(reasons)}" if reasons else "")
    yield ""


def _conflicts(outcome: PatientOutcome) -> Iterator[str]:
    if outcome.conflicts:
        yield from [f"## Conflicts ({len(outcome.conflicts)})", ""]
        for conflict in outcome.conflicts:
            sides = " and ".join(f"`{key}`" for key in conflict.recommendations)
            yield f"- {escape(conflict.text)} ({conflict.severity}; between {sides})"
        yield ""

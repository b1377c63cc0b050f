"""The Markdown view: the same content as the table view, for a note in a chart, a ticket or a review.

Text that comes from data or artifacts is escaped, so that it can neither make links nor markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from guideway.apply.outcome import APPLIES, DOES_NOT_APPLY, UNKNOWN, PatientOutcome, Recommendation
from guideway.apply.passed_over import passed_over
from guideway.apply.run import FEW
from guideway.cli import telling
from guideway.cli.lines import clean

if TYPE_CHECKING:
    from guideway.apply.comparing import Comparison

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def markdown(
    outcomes: Sequence[PatientOutcome],
    *,
    explain: bool = False,
    detail: bool = False,
    before: Iterable[Iterable[str]] = (),
) -> str:
    """All outcomes as one Markdown document; ``detail`` and ``explain`` as in the table view, ``before``: what comes first."""
    lines: list[str] = []
    if outcomes:
        lines += [f"> **{escape(outcomes[0].draft)}**", ""]
    for part in before:
        lines += part
    for outcome in outcomes:
        lines += _patient(outcome, explain, detail or explain)
    for text in dict.fromkeys(text for outcome in outcomes for text in outcome.disclaimer):
        lines += ["---", "", escape(text), ""]
    return "\n".join(lines).rstrip() + "\n"


def escape(text: str) -> str:
    """``text`` as Markdown that shows exactly these characters, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(clean(text).split()))


def what_if(subject: str, notes: Sequence[str], comparison: Comparison) -> Iterator[str]:
    """What ``--set`` changed in the outcome of one patient."""
    yield from [f"# What if, for {escape(subject)}", ""]
    yield from (f"- {escape(note)}" for note in notes)
    yield ""
    yield from ["What changes:" if comparison else "Nothing in the outcome changes.", ""]
    for difference in comparison.recommendations:
        yield f"- **{escape(difference.title)}:** {escape(telling.change_text(difference))}"
        yield from (f"  - {escape(detail)}" for detail in difference.details)
    yield from (f"- **{escape(heading)}:** {escape(text)}" for heading, text in comparison.lines())
    yield ""


def _patient(outcome: PatientOutcome, explain: bool, detail: bool) -> Iterator[str]:
    guideline = outcome.guideline
    yield f"# {escape(outcome.subject)}"
    yield ""
    yield f"- Guideline: {escape(telling.guideline_text(guideline))}"
    yield f"- Program: {escape(outcome.program['name'])} {escape(outcome.program['version'])}"
    yield f"- As of: {escape(outcome.evaluated_at)} (time zone {escape(outcome.timezone)})"
    if part_of := telling.part_of(outcome):
        yield f"- Part of: {escape(part_of)}"
    yield f"- Result: {telling.result_text(outcome)}"
    yield ""
    for heading, parts in telling.by_origin(outcome, explain):
        yield from [f"## {heading}", ""]
        for file, findings in parts:
            if file:
                yield from [f"{escape(file)}:", ""]
            for finding, more in telling.findings_in_short(findings, None if explain else telling.OF_A_KIND):
                hint = f" {escape(finding.hint)}" if finding.hint else ""
                yield f"- {escape(telling.with_place(finding, file))} (`{finding.rule}`){hint}"
                if more:
                    yield f"- and {more} more (`{finding.rule}`)"
            yield ""
    if not outcome.by_status(APPLIES):
        yield from ["**Nothing applies.**", ""]
        yield from _conflicts(outcome, explain)
    rank = {key: number for number, key in enumerate(outcome.order)}
    for status, heading in telling.HEADINGS.items():
        found = sorted(outcome.by_status(status), key=lambda r: rank.get(r.key, len(rank)))
        if not found:
            continue
        folded = telling.folds(found) if not explain and status not in (UNKNOWN, DOES_NOT_APPLY) else {}
        yield from [f"## {heading} ({telling.how_many(found, folded)})", ""]
        if status == DOES_NOT_APPLY and not explain:
            yield from (f"- {escape(reason)} ({number})" for reason, number in telling.reasons_of(found))
            yield from (f"- Note: {escape(note)}" for note in dict.fromkeys(note for item in found for note in item.notes))
            yield ""
            continue
        if status == UNKNOWN:
            found = telling.most_pressing_first(found)
            wanted = telling.needs(found)
            if len(found) > 1 and wanted:
                yield from [f"What would settle it ({telling.NEEDS_ORDER}):", ""]
                for missing, number, pressing in wanted:
                    marks = f"{number}, {pressing}" if pressing else str(number)
                    yield f"- {escape(telling.missing_text(missing))} ({marks})"
                yield ""
            if len(found) > FEW and not detail:
                yield from _waiting(outcome, found)
                continue
        folded = folded or ({} if explain else telling.folds(found))
        told = {twin.key for twins in folded.values() for twin in twins}
        for item in found:
            if item.key not in told:
                yield from _recommendation(item, explain, folded.get(item.key, ()))
        if status == APPLIES:
            yield from _conflicts(outcome, explain)
    if outcome.excluded:
        yield from [f"## Data left out ({len(outcome.excluded)})", ""]
        yield from (f"- {escape(telling.excluded_text(excluded))}" for excluded in outcome.excluded)
        yield ""
    if outcome.skipped:
        yield from [f"## {telling.PASSED_OVER}", ""]
        yield from (f"- {escape(text)}" for text in passed_over(outcome.skipped))
        yield ""


def _recommendation(item: Recommendation, explain: bool, twins: Sequence[Recommendation] = ()) -> Iterator[str]:
    marks = ", ".join(telling.marks_of(item, item.priority if item.priority != "routine" else None))
    yield f"### {escape(item.title)}" + (f" ({escape(marks)})" if marks else "")
    yield ""
    yield f"`{item.key if explain else item.plan_id}`"
    yield ""
    rows: list[tuple[str, str]] = []
    if item.reason and (item.status != APPLIES or explain):
        rows.append(("Because", item.reason))
    if item.description and (item.status == APPLIES or explain):
        rows.append(("What", item.description))
    if item.rationale and explain:
        rows.append(("Rationale", item.rationale))
    rows += [(label.capitalize(), text) for label, text in telling.evidence_rows(item, explain)]
    rows += [("Missing", telling.missing_text(missing)) for missing in item.missing]
    rows += [("Left out", telling.excluded_text(excluded)) for excluded in item.excluded]
    rows += [("Note", note) for note in telling.notes_of(item, twins)]
    rows += [("Proposes", text) for text in telling.proposals_of(item, explain)]
    sources = [source.label for source in item.source] if explain else telling.sources_in_short(item.source)
    rows += [("Source", text) for text in sources]
    rows += [("Also", telling.also_text(twin, item)) for twin in twins]
    rows += [("Finding", f"{finding.message} [{finding.rule}]") for finding in telling.told_findings(item, explain)]
    if explain:
        for condition in item.conditions:
            answer = {True: "true", False: "false", None: "unknown"}[condition.value]
            rows.append((condition.kind.capitalize(), f"{answer}: {condition.description or condition.expression}"))
        rows += [("Cites", source.citation) for source in item.source if source.citation]
    yield from _listed(rows)
    yield ""


def _listed(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    """A line for each; what comes several times under one label is a list of its own."""
    for label, found in groupby(rows, key=lambda row: row[0]):
        texts = [text for _, text in found]
        if len(texts) == 1:
            yield f"- **{label}:** {escape(texts[0])}"
        else:
            yield f"- **{label}:**"
            yield from (f"  - {escape(text)}" for text in texts)


def _waiting(outcome: PatientOutcome, found: Sequence[Recommendation]) -> Iterator[str]:
    """Many that cannot be known yet: one line for each."""
    titles = {plan.id: plan.title for plan in outcome.plans}
    yield from ["The recommendations:", ""]  # words between two lists, which would be one
    for item in found:
        sources = "; ".join(telling.sources_in_short(item.source))
        why = telling.waits_for(item) or ("" if item.missing else item.reason)
        details = "; ".join(
            [part for part in (sources, why) if part] + [f"{f.message} [{f.rule}]" for f in telling.told_findings(item)]
        )
        yield f"- {escape(titles.get(item.plan_id, item.plan_id))}: {escape(item.title)}" + (
            f" ({escape(details)})" if details else ""
        )
    yield ""


def _conflicts(outcome: PatientOutcome, explain: bool) -> Iterator[str]:
    if outcome.conflicts:
        yield from [f"## Conflicts ({len(outcome.conflicts)})", ""]
        for conflict in outcome.conflicts:
            sides = " and ".join(escape(side) for side in telling.sides_of(outcome, conflict, explain))
            resources = f"; {escape(', '.join(conflict.resources))}" if conflict.resources else ""
            yield f"- {escape(conflict.text)} ({conflict.severity}; between {sides}{resources})"
        yield ""

"""The table view: one patient's outcome for a person to read, at 80 columns.

What applies comes first, then what is withheld and what is already in place, then what cannot be known yet: what would settle
most of it, and a line for each recommendation; what does not apply is summed up by its reasons. A recommendation that applies
shows its strength, the data it rests on with value, unit and date, what was left out, notes, what it proposes in words, and the
source's article and lines. ``detail`` shows in full what cannot be known too, with what is missing and how to supply it;
``explain`` shows everything, with every condition, id and value. Patients go by type and id only. Takes ``PatientOutcome``
values and gives styled lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from guideway.apply.outcome import (
    APPLIES,
    DOES_NOT_APPLY,
    ERROR,
    SATISFIED,
    SUPPRESSED,
    UNKNOWN,
    Missing,
    PatientOutcome,
    Recommendation,
    UnknownGroup,
)
from guideway.apply.passed_over import for_another_hook, passed_over
from guideway.apply.run import FEW
from guideway.cli import telling
from guideway.cli.lines import Line, Piece, clean, wrap
from guideway.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from guideway.apply.comparing import Comparison


TOP = 5
"""So many data that would settle most are named; and those that are at hand but cannot be used, all."""


REASONS = 4
"""So many reasons why recommendations do not apply are named."""

_LABEL = 13
_LISTED = frozenset(("rests on", "missing", "supply it", "left out", "source", "also", "checked"))
"""Rows of which there may be several: what is wrapped hangs, so that one can be told from the next."""

_INDENT = "  "


def table(
    outcomes: Sequence[PatientOutcome],
    *,
    width: int,
    explain: bool = False,
    detail: bool = False,
    before: Iterable[Line] = (),
) -> Iterator[Line]:
    """All outcomes; the draft banner and what is to come ``before`` first, the disclaimer last."""
    if outcomes:
        yield from wrap(outcomes[0].draft, width, style="banner")
        yield []
    yield from before
    for number, outcome in enumerate(outcomes):
        if number:
            yield [Piece("─" * width, "dim")]
            yield []
        yield from _patient(outcome, width, explain, detail or explain)
    disclaimers = dict.fromkeys(text for outcome in outcomes for text in outcome.disclaimer)
    for text in disclaimers:
        yield from wrap(text, width, style="dim")


def _patient(outcome: PatientOutcome, width: int, explain: bool, detail: bool) -> Iterator[Line]:
    yield [Piece(clean(outcome.subject), "title")]
    yield from _row("guideline", telling.guideline_text(outcome.guideline), width)
    yield from _row("program", f"{outcome.program['name']} {outcome.program['version']}", width)
    yield from _row("as of", f"{outcome.evaluated_at} (time zone {outcome.timezone})", width)
    if outcome.hook and outcome.hook != "patient-view":
        yield from _row("hook", outcome.hook, width)
    if part_of := telling.part_of(outcome):
        yield from _row("part of", part_of, width)
    yield from _row("result", telling.result_text(outcome), width)
    yield []
    for heading, parts in telling.by_origin(outcome, explain):
        yield from _findings(heading, parts, width, None if explain else telling.OF_A_KIND)
    yield from _applies(outcome, width, explain)
    yield from _conflicts(outcome, width, explain)
    for status in (ERROR, SUPPRESSED, SATISFIED):
        yield from _group(status, outcome.by_status(status), width, explain)
    yield from _unknown(outcome, width, explain, detail)
    yield from _does_not_apply(outcome, width, explain)
    yield from _left_out(outcome, width)
    yield from _passed_over(outcome, width, explain)
    if not explain:
        more = "" if detail else "--plan ID shows one plan with all that is missing; "
        yield from wrap(f"{more}--explain shows everything.", width, style="dim")
        yield []


def _heading(status: str, text: str) -> Iterator[Line]:
    yield [Piece(text.upper(), status)]


def _applies(outcome: PatientOutcome, width: int, explain: bool) -> Iterator[Line]:
    found = {r.key: r for r in outcome.by_status(APPLIES)}
    if not found:
        yield [Piece("Nothing applies.", "title")]
        yield []
        return
    rank = {key: number for number, key in enumerate(outcome.order)}
    ordered = sorted(found.values(), key=lambda r: rank.get(r.key, len(rank)))
    yield from _group(APPLIES, ordered, width, explain)


def _group(status: str, found: Sequence[Recommendation], width: int, explain: bool) -> Iterator[Line]:
    """The recommendations of one status; those that propose what another one proposes are folded into that one."""
    if not found:
        return
    folded = {} if explain else telling.folds(found)
    yield from _heading(status, f"{telling.HEADINGS[status]} ({telling.how_many(found, folded)})")
    yield []
    for item in found:
        if any(item.key == twin.key for twins in folded.values() for twin in twins):
            continue
        if status == SATISFIED and not explain:
            yield from _in_place(item, width)
        else:
            yield from _recommendation(item, width, explain, folded.get(item.key, ()))
            yield []
    if status == SATISFIED and not explain:
        yield []


def _recommendation(
    item: Recommendation, width: int, explain: bool, twins: Sequence[Recommendation] = (), group: str | None = None
) -> Iterator[Line]:
    yield from _title(item, width)
    rows: list[tuple[str, str, str]] = [("plan", item.key, "dim")] if explain else []
    if item.reason and (item.status != APPLIES or explain):
        rows.append(("because", item.reason, ""))
    if item.description and (item.status == APPLIES or explain):
        rows.append(("what", item.description, ""))
    if item.rationale and explain:
        rows.append(("rationale", item.rationale, ""))
    rows += [(label, text, "") for label, text in telling.evidence_rows(item, explain)]
    rows += _missing_rows(item.missing) if group is None else [("missing", f"what “{group}” waits for (above)", "")]
    rows += [("left out", telling.excluded_text(excluded), "") for excluded in item.excluded]
    rows += [("note", note, "") for note in telling.notes_of(item, twins)]
    rows += [("proposes", text, "") for text in telling.proposals_of(item, explain)]
    rows += [("same as", ", ".join(item.also), "")] if explain and item.also else []
    sources = (
        [telling.source_text(source, explain) for source in item.source] if explain else telling.sources_in_short(item.source)
    )
    if not explain and sources and len(sources[-1]) + len(item.plan_id) + _LABEL + 8 <= width:
        sources[-1] += f" (plan {item.plan_id})"
    elif not explain:
        rows.append(("plan", item.plan_id, "dim"))
    rows += [("source", text, "") for text in sources]
    rows += [("also", telling.also_text(twin, item), "") for twin in twins]
    for finding in telling.told_findings(item, explain):
        only_said = finding.severity is Severity.information
        rows.append(("remark" if only_said else "finding", f"{finding.message} [{finding.rule}]", "" if only_said else "warning"))
    before = ""
    for label, text, style in rows:
        yield from _row(label, text, width, style, again=label == before)
        before = label
    if explain:
        yield from _explanation(item, width)


def _missing_rows(found: Iterable[Missing]) -> list[tuple[str, str, str]]:
    rows: list[tuple[str, str, str]] = []
    for missing in found:
        rows.append(("missing", telling.missing_text(missing, supply=False), ""))
        rows += [("supply it", supply.text, "") for supply in missing.supply]
    return rows


def _waiting_group(group: UnknownGroup, width: int) -> Iterator[Line]:
    """A group that cannot be known: what it waits for, once for everything in it."""
    number = len(group.recommendations)
    yield from wrap(f"{group.title}: {number} recommendation{'s' if number > 1 else ''}", width, rest=_INDENT, style="title")
    before = ""
    for label, text, style in (("because", "; ".join(group.conditions), ""), *_missing_rows(group.missing)):
        yield from _row(label, text, width, style, again=label == before)
        before = label


def _in_place(item: Recommendation, width: int) -> Iterator[Line]:
    """A recommendation that is already followed: what is in place, and the source."""
    yield from _title(item, width)
    if item.reason:
        yield from _row("because", item.reason.removeprefix(f"{telling.HEADINGS[SATISFIED]}: "), width)
    for evidence in [each for each in item.evidence if not each.absent][-1:]:  # the condition that is met comes last
        yield from _row("rests on", telling.evidence_text(evidence, why=False), width)
    if item.source:
        yield from _row("source", "; ".join(telling.sources_in_short(item.source)), width)
    for finding in telling.told_findings(item):
        yield from _row("finding", f"{finding.message} [{finding.rule}]", width, "warning")


def _title(item: Recommendation, width: int) -> Iterator[Line]:
    marks = telling.marks_of(item, item.priority if item.priority != "routine" else None)
    strength = f"[{', '.join(marks)}]" if marks else ""
    lines = list(wrap(item.title, width, rest=_INDENT, style="title", first="", first_style=""))
    last = lines[-1]
    if strength and sum(len(piece.text) for piece in last) + 2 + len(strength) <= width:
        last.append(Piece(f"  {clean(strength)}", "dim"))
        strength = ""
    yield from lines
    if strength:
        yield from wrap(strength, width, first=_INDENT, rest=_INDENT, style="dim")


def _explanation(item: Recommendation, width: int) -> Iterator[Line]:
    for condition in item.conditions:
        answer = {True: "true", False: "false", None: "unknown"}[condition.value]
        words = condition.description or condition.expression
        yield from _row(_KINDS.get(condition.kind, condition.kind), f"{answer}: {words}", width)
        if condition.define and condition.define != words:
            yield from _row(
                "", f'{condition.library}."{condition.define}"' if condition.library else condition.define, width, "dim"
            )
        if condition.error:
            yield from _row("", condition.error, width, "error")
    for evidence in item.evidence:
        for resource in evidence.checked:
            yield from _row("checked", f"{resource} ({evidence.display})", width, "dim")
    for source in item.source:
        if source.citation:
            yield from _row("cites", source.citation, width, "dim")


_KINDS = {"applicability": "if", "withheld-when": "unless", "satisfied-when": "done when"}


def _unknown(outcome: PatientOutcome, width: int, explain: bool, detail: bool) -> Iterator[Line]:
    found = telling.most_pressing_first(outcome.by_status(UNKNOWN))
    if not found:
        return
    yield from _heading(UNKNOWN, f"{telling.HEADINGS[UNKNOWN]} ({len(found)})")
    wanted = telling.needs(found)
    if len(found) == 1 or not wanted:
        yield []
    else:
        title, order = "What would settle it", f"({telling.NEEDS_ORDER})"
        if len(title) + 2 + len(order) <= width:
            yield [Piece(title, "title"), Piece(f"  {order}", "dim")]
        else:
            yield [Piece(title, "title")]
            yield from wrap(order, width, first=_INDENT, rest=_INDENT, style="dim")
        shown = wanted if explain else [need for n, need in enumerate(wanted) if n < TOP or need[0].because]
        for missing, number, pressing in shown:
            words = telling.missing_text(missing) if explain else telling.need_text(missing)
            words += f" [{pressing}]" if pressing else ""
            yield from _row("", words, width, bullet=f"{number:>3}  ")
        if len(wanted) > len(shown):
            rest = len(wanted) - len(shown)
            yield from _row("", f"and {rest} more; with --explain all", width, "dim", bullet="     ")
        yield []
    if len(found) <= FEW or detail:
        groups = {group.key: group for group in outcome.unknown_groups if len(group.recommendations) > 1}
        told: set[str] = set()
        for item in found:
            group = groups.get(item.inherited_from or "")
            if group is not None and group.key not in told:
                told.add(group.key)
                yield from _waiting_group(group, width)
                yield []
            yield from _recommendation(item, width, explain, group=group.title if group is not None else None)
            yield []
        return
    plans: dict[str, list[Recommendation]] = {}
    for item in found:
        plans.setdefault(item.plan_id, []).append(item)
    titles = {plan.id: plan.title for plan in outcome.plans}
    for plan, items in plans.items():
        title = titles.get(plan, plan)
        if len(items) > 1:
            yield from wrap(title, width, rest=_INDENT, style="title")
        for item in items:
            if len(items) > 1:
                yield from _row("", item.title, width, bullet="• ")
            else:
                yield from wrap(f"{title}: {item.title}", width, rest=_INDENT)
            if words := telling.waits_for(item) or ("" if item.missing else item.reason):
                yield from wrap(words, width, first=_INDENT * 2, rest=_INDENT * 2, style="dim")
            for finding in telling.told_findings(item):
                text = f"{finding.message} [{finding.rule}]"
                yield from wrap(text, width, first=_INDENT * 2, rest=_INDENT * 2, style="warning")
    yield []


def _does_not_apply(outcome: PatientOutcome, width: int, explain: bool) -> Iterator[Line]:
    found = outcome.by_status(DOES_NOT_APPLY)
    if not found:
        return
    if explain:
        yield from _group(DOES_NOT_APPLY, found, width, explain)
        return
    yield from _heading(DOES_NOT_APPLY, f"{telling.HEADINGS[DOES_NOT_APPLY]} ({len(found)})")
    reasons = telling.reasons_of(found)
    for reason, number in reasons[:REASONS]:
        yield from wrap(f"{reason} ({number})" if number > 1 else reason, width, first=f"{_INDENT}• ", rest=_INDENT * 2)
    for note in dict.fromkeys(note for item in found for note in item.notes):
        yield from _row("note", note, width)
    if len(reasons) > REASONS:
        rest = len(reasons) - REASONS
        words = f"and {rest} more reason{'s' if rest > 1 else ''}; with --explain all"
        yield from _row("", words, width, "dim", bullet="• ")
    yield []


def _conflicts(outcome: PatientOutcome, width: int, explain: bool) -> Iterator[Line]:
    if not outcome.conflicts:
        return
    yield from _heading("error", f"Conflicts ({len(outcome.conflicts)})")
    for conflict in outcome.conflicts:
        yield from _row("", f"{conflict.text} [{conflict.severity}]", width, bullet="• ")
        between = f"between {' and '.join(telling.sides_of(outcome, conflict, explain))}"
        for text in filter(None, (between, ", ".join(conflict.resources))):
            yield from wrap(text, width, first=_INDENT * 2, rest=_INDENT * 2, style="dim")
    yield []


def _findings(heading: str, parts: Sequence[tuple[str, Sequence[Diagnostic]]], width: int, most: int | None) -> Iterator[Line]:
    yield from _heading("warning", f"{heading} ({sum(len(findings) for _, findings in parts)})")
    for file, findings in parts:
        if file:
            yield from wrap(file, width, first=_INDENT, rest=_INDENT * 2, style="dim")
        for finding, more in telling.findings_in_short(findings, most):
            yield from _row("", f"{telling.with_place(finding, file)} [{finding.rule}]", width, bullet="• ")
            more_text = f"and {more} more of [{finding.rule}]; with --explain all" if more else ""
            for text in filter(None, (finding.hint, more_text)):
                yield from wrap(text, width, first=_INDENT * 2, rest=_INDENT * 2, style="dim")
    yield []


def _left_out(outcome: PatientOutcome, width: int) -> Iterator[Line]:
    if not outcome.excluded:
        return
    yield from _heading("dim", f"Data left out ({len(outcome.excluded)})")
    for excluded in outcome.excluded:
        yield from _row("", telling.excluded_text(excluded), width, bullet="• ")
    yield []


def _passed_over(outcome: PatientOutcome, width: int, explain: bool) -> Iterator[Line]:
    """In short, what answers to another hook is told only where nothing else is there: there is much of it on every occasion."""
    everything = explain or not outcome.recommendations
    skipped = [each for each in outcome.skipped if everything or not for_another_hook(each)]
    if not skipped:
        return
    for text in passed_over(skipped, len(skipped) if explain else REASONS, brief=not explain):
        yield from wrap(f"{telling.PASSED_OVER}: {text}", width, rest=_INDENT, style="dim")
    if explain:
        yield []


def _row(
    label: str, text: str, width: int, style: str = "", *, bullet: str = "", more_indent: str = "", again: bool = False
) -> Iterator[Line]:
    """One labelled row: the label once, the text wrapped beside it; with a bullet instead, the text wrapped beside that."""
    if bullet:
        yield from wrap(text, width, first=_INDENT + bullet, rest=_INDENT + " " * len(bullet), style=style)
        return
    first = f"{_INDENT}{'' if again else label:<{_LABEL - len(_INDENT)}}{more_indent}"
    hanging = _INDENT if label in _LISTED else ""
    yield from wrap(text, width, first=first, rest=" " * len(first) + hanging, style=style)


def what_if(subject: str, notes: Sequence[str], comparison: Comparison, width: int) -> Iterator[Line]:
    """What ``--set`` changed in the outcome of one patient."""
    yield from wrap(f"What if, for {subject}", width, style="title")
    for note in notes:
        yield from _row("", note, width, bullet="• ")
    if not comparison:
        yield from _row("", "nothing in the outcome changes", width)
    for difference in comparison.recommendations:
        yield from wrap(difference.title, width, first=_INDENT, rest=_INDENT, style="title")
        yield from _row("", telling.change_text(difference), width)
        for detail in difference.details:
            yield from _row("", detail, width, bullet="• ")
    for heading, text in comparison.lines():
        yield from _row("", f"{heading}: {text}", width)
    yield []

"""The table view: one patient's outcome for a person to read, at 80 columns.

What applies comes first, then what is withheld and what is already in place, then what cannot be known yet: what would settle
most of it, and a line for each recommendation; what does not apply is summed up by its reasons. A recommendation that applies
shows its strength, the data it rests on with value, unit and date, what was left out, notes, what it proposes in words, and the
source's article and lines. ``detail`` shows in full what cannot be known too, with what is missing and how to supply it;
``explain`` shows everything, with every condition, id and value. Patients go by type and id only. Takes ``PatientOutcome``
values and gives styled lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from guideway.apply.kinds import PRIORITY_ORDER
from guideway.apply.outcome import (
    APPLIES,
    DOES_NOT_APPLY,
    ERROR,
    SATISFIED,
    SUPPRESSED,
    UNKNOWN,
    Evidence,
    Excluded,
    Missing,
    PatientOutcome,
    Recommendation,
    Source,
    UnknownGroup,
)
from guideway.apply.run import FEW
from guideway.cli.lines import Line, Piece, clean, wrap
from guideway.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from guideway.apply.comparing import Comparison

HEADINGS: dict[str, str] = {
    APPLIES: "Applies",
    ERROR: "Could not be evaluated",
    SUPPRESSED: "Withheld",
    SATISFIED: "Already in place",
    UNKNOWN: "Cannot be known yet",
    DOES_NOT_APPLY: "Does not apply",
}
"""Status → heading, in the order of the view."""

COUNTED: dict[str, tuple[str, str]] = {
    APPLIES: ("applies", "apply"),
    ERROR: ("error", "errors"),
    SUPPRESSED: ("withheld", "withheld"),
    SATISFIED: ("already in place", "already in place"),
    UNKNOWN: ("unknown", "unknown"),
    DOES_NOT_APPLY: ("does not apply", "do not apply"),
}
"""Status → what one, and what several of it are called."""

TOP = 6
"""So many data that would settle most are named; and those that are at hand but cannot be used, all."""

OF_A_KIND = 3
"""So many findings of one rule are shown, unless everything is asked for; the others are counted."""

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
    yield from _row("guideline", guideline_text(outcome.guideline), width)
    yield from _row("program", f"{outcome.program['name']} {outcome.program['version']}", width)
    yield from _row("as of", f"{outcome.evaluated_at} (time zone {outcome.timezone})", width)
    if outcome.hook and outcome.hook != "patient-view":
        yield from _row("hook", outcome.hook, width)
    yield from _row("result", result_text(outcome), width)
    yield []
    yield from _findings("About this patient's data", general_findings(outcome, explain), width, None if explain else OF_A_KIND)
    yield from _applies(outcome, width, explain)
    yield from _conflicts(outcome, width)
    for status in (ERROR, SUPPRESSED, SATISFIED):
        yield from _group(status, outcome.by_status(status), width, explain)
    yield from _unknown(outcome, width, explain, detail)
    yield from _does_not_apply(outcome, width, explain)
    yield from _left_out(outcome, width)
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
    yield from _heading(status, f"{HEADINGS[status]} ({len(found)})")
    yield []
    folded = {} if explain else folds(found)
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


def folds(found: Sequence[Recommendation]) -> dict[str, list[Recommendation]]:
    """Key → the later recommendations that propose the same as that one, and are told with it."""
    result: dict[str, list[Recommendation]] = {}
    told: set[str] = set()
    for item in found:
        leader = next((key for key in item.also if key in told), None)
        if leader is None:
            told.add(item.key)
        else:
            result.setdefault(leader, []).append(item)
    return result


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
    rows += [(label, text, "") for label, text in evidence_rows(item, explain)]
    rows += _missing_rows(item.missing) if group is None else [("missing", f"what “{group}” waits for (above)", "")]
    rows += [("left out", excluded_text(excluded), "") for excluded in item.excluded]
    rows += [("note", note, "") for note in notes_of(item, twins)]
    rows += [("proposes", text, "") for text in proposals_of(item, explain)]
    rows += [("same as", ", ".join(item.also), "")] if explain and item.also else []
    sources = [_source(source, explain) for source in item.source] if explain else sources_in_short(item.source)
    if not explain and sources and len(sources[-1]) + len(item.plan_id) + _LABEL + 8 <= width:
        sources[-1] += f" (plan {item.plan_id})"
    elif not explain:
        rows.append(("plan", item.plan_id, "dim"))
    rows += [("source", text, "") for text in sources]
    rows += [("also", also_text(twin, item), "") for twin in twins]
    for finding in told_findings(item, explain):
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
        rows.append(("missing", missing_text(missing, supply=False), ""))
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
        yield from _row("because", item.reason.removeprefix(f"{HEADINGS[SATISFIED]}: "), width)
    rests = [text for label, text in evidence_rows(item, False) if label == "rests on"]
    for text in rests[-1:]:  # the condition that is met comes last
        yield from _row("rests on", text, width)
    if item.source:
        yield from _row("source", "; ".join(sources_in_short(item.source)), width)
    for finding in told_findings(item):
        yield from _row("finding", f"{finding.message} [{finding.rule}]", width, "warning")


def _title(item: Recommendation, width: int) -> Iterator[Line]:
    marks = marks_of(item, item.priority if item.priority != "routine" else None)
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
    found = outcome.by_status(UNKNOWN)
    if not found:
        return
    yield from _heading(UNKNOWN, f"{HEADINGS[UNKNOWN]} ({len(found)})")
    yield []
    wanted = needs(found)
    if len(found) > 1 and wanted:
        yield [Piece("What would settle it", "title"), Piece("  (how many wait for it)", "dim")]
        shown = wanted if explain else [need for n, need in enumerate(wanted) if n < TOP or need[0].because]
        for missing, number in shown:
            words = missing_text(missing) if explain else need_text(missing)
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
            if not item.missing and item.reason:
                yield from wrap(item.reason, width, first=_INDENT * 2, rest=_INDENT * 2, style="dim")
            for finding in told_findings(item):
                text = f"{finding.message} [{finding.rule}]"
                yield from wrap(text, width, first=_INDENT * 2, rest=_INDENT * 2, style="warning")
    yield []


def needs(found: Iterable[Recommendation]) -> list[tuple[Missing, int]]:
    """What is missing, each datum once with how many recommendations wait for it: first what is at hand but cannot be used,
    then what is urgent, then what is wanted most."""
    waiting: dict[str, list[Recommendation]] = {}
    needed: dict[str, Missing] = {}
    for item in found:
        for missing in item.missing:
            known = needed.setdefault(missing.element, missing)
            if missing.because and not known.because:
                needed[missing.element] = missing
            waiting.setdefault(missing.element, []).append(item)

    def rank(element: str) -> tuple[bool, int, int]:
        priority = min(PRIORITY_ORDER.get(item.priority or "routine", 3) for item in waiting[element])
        return not needed[element].because, priority, -len(waiting[element])

    return [(needed[element], len(waiting[element])) for element in sorted(needed, key=rank)]


def _does_not_apply(outcome: PatientOutcome, width: int, explain: bool) -> Iterator[Line]:
    found = outcome.by_status(DOES_NOT_APPLY)
    if not found:
        return
    if explain:
        yield from _group(DOES_NOT_APPLY, found, width, explain)
        return
    yield from _heading(DOES_NOT_APPLY, f"{HEADINGS[DOES_NOT_APPLY]} ({len(found)})")
    reasons = reasons_of(found)
    for reason, number in reasons[:REASONS]:
        yield from wrap(f"{reason} ({number})" if number > 1 else reason, width, first=f"{_INDENT}• ", rest=_INDENT * 2)
    if len(reasons) > REASONS:
        yield from _row("", f"and {len(reasons) - REASONS} more reasons; with --explain all", width, "dim", bullet="• ")
    yield []


def reasons_of(found: Iterable[Recommendation]) -> list[tuple[str, int]]:
    """Why recommendations do not apply, the most frequent reason first."""
    reasons: dict[str, int] = {}
    for item in found:
        reason = item.reason or "No reason is given"
        reasons[reason] = reasons.get(reason, 0) + 1
    return sorted(reasons.items(), key=lambda pair: -pair[1])


def _conflicts(outcome: PatientOutcome, width: int) -> Iterator[Line]:
    if not outcome.conflicts:
        return
    yield from _heading("error", f"Conflicts ({len(outcome.conflicts)})")
    for conflict in outcome.conflicts:
        yield from _row("", f"{conflict.text} [{conflict.severity}]", width, bullet="• ")
        yield from _row("", f"between {' and '.join(conflict.recommendations)}", width, "dim")
        if conflict.resources:
            yield from _row("", ", ".join(conflict.resources), width, "dim")
    yield []


def _findings(heading: str, findings: Sequence[Diagnostic], width: int, most: int | None) -> Iterator[Line]:
    if not findings:
        return
    yield from _heading("warning", f"{heading} ({len(findings)})")
    for finding, more in findings_in_short(findings, most):
        named = finding.pointer and finding.message.startswith(finding.pointer.partition(".")[0])
        in_message = finding.pointer and finding.pointer.startswith("/")  # the message says which entry
        place = f"{finding.pointer}: " if finding.pointer and not named and not in_message else ""
        yield from _row("", f"{place}{finding.message} [{finding.rule}]", width, bullet="• ")
        if finding.hint:
            yield from _row("", finding.hint, width, "dim")
        if more:
            yield from _row("", f"and {more} more of [{finding.rule}]; with --explain all", width, "dim")
    yield []


def general_findings(outcome: PatientOutcome, full: bool) -> list[Diagnostic]:
    """The findings on the whole result; in short without those that only say how the plans are written."""
    plans_only = Severity.information, "related-action-absent"
    return [f for f in outcome.findings if full or (f.severity, f.rule) != plans_only]


def findings_in_short(findings: Sequence[Diagnostic], most: int | None) -> Iterator[tuple[Diagnostic, int]]:
    """At most so many findings of each rule; with the last of them how many more there are."""
    count = Counter(finding.rule for finding in findings)
    shown: Counter[str] = Counter()
    for finding in findings:
        shown[finding.rule] += 1
        if most is None or shown[finding.rule] < most or count[finding.rule] == most:
            yield finding, 0
        elif shown[finding.rule] == most:
            yield finding, count[finding.rule] - most


def _left_out(outcome: PatientOutcome, width: int) -> Iterator[Line]:
    if not outcome.excluded:
        return
    yield from _heading("dim", f"Data left out ({len(outcome.excluded)})")
    for excluded in outcome.excluded:
        yield from _row("", excluded_text(excluded), width, bullet="• ")
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


def evidence_rows(item: Recommendation, full: bool) -> list[tuple[str, str]]:
    """The data a recommendation rests on, as (label, text): each datum once, then what was looked for and not found, by the data
    elements of the guideline where it has names for them.

    In full every piece of evidence is a row of its own, with why it counts.
    """
    if full:
        return [("rests on", evidence_text(evidence)) for evidence in item.evidence]
    shown: dict[tuple[str | None, str, str | None], str] = {}
    for evidence in item.evidence:
        if not evidence.absent:
            key = (evidence.resource or evidence.display, value_text(evidence.value), evidence.date)
            shown.setdefault(key, evidence_text(evidence, why=False))
    rows = [("rests on", text) for text in shown.values()]
    missed = [evidence for evidence in item.evidence if evidence.absent]
    named = [evidence for evidence in missed if evidence.element] or missed
    absent = dict.fromkeys(evidence.display.removeprefix("no ").removesuffix(" on record") for evidence in named)
    return rows + ([("not found", "; ".join(absent))] if absent else [])


def proposals_of(item: Recommendation, full: bool) -> list[str]:
    """What is proposed, in words; in full with the ids of the resources."""
    words = [item.proposals.get(reference, reference) for reference in item.requests]
    if full:
        return [f"{text} ({reference})" for text, reference in zip(words, item.requests)]
    return list(dict.fromkeys(words))


def told_findings(item: Recommendation, full: bool = False) -> list[Diagnostic]:
    """The findings on a recommendation, each once; in full also those that only inform."""
    return list(dict.fromkeys(f for f in item.findings if full or f.severity is not Severity.information))


def notes_of(item: Recommendation, twins: Sequence[Recommendation] = ()) -> list[str]:
    """The notes, without those that only name the recommendations that are told with this one."""
    heads = tuple(f"Also proposed by {twin.plan_id}: {twin.title}" for twin in twins)
    return [note for note in item.notes if not heads or not note.startswith(heads)]


def sources_in_short(sources: Sequence[Source]) -> list[str]:
    """Article and lines; several places of one article together: ``article, lines 24, 26-29``."""
    places: dict[str, list[str]] = {}
    labels: dict[str, str] = {}
    for source in sources:
        known = source.key is not None and source.lines is not None
        key = str(source.key) if known else source.label
        places.setdefault(key, []).extend(part.strip() for part in (source.lines or "").split(",") if known)
        labels.setdefault(key, source.label)
    return [f"{key}, lines {', '.join(dict.fromkeys(lines))}" if len(lines) > 1 else labels[key] for key, lines in places.items()]


def marks_of(item: Recommendation, *more: str | None) -> list[str]:
    """How strong a recommendation is, in the source's own words, and that it is one against; that it is one for goes without
    saying."""
    return [part for part in (item.strength, item.direction if item.direction != "for" else None, *more) if part]


def also_text(twin: Recommendation, leader: Recommendation) -> str:
    """A recommendation that proposes the same as the one it is told with, in one line."""
    marks = ", ".join(marks_of(twin))
    words = "" if twin.title == leader.title and marks else twin.title
    labels = "; ".join(sources_in_short(twin.source))
    return ": ".join(part for part in (" ".join(p for p in (words, f"[{marks}]" if marks else "") if p), labels) if part)


def what_if(subject: str, notes: Sequence[str], comparison: Comparison, width: int) -> Iterator[Line]:
    """What ``--set`` changed in the outcome of one patient."""
    yield from wrap(f"What if, for {subject}", width, style="title")
    for note in notes:
        yield from _row("", note, width, bullet="• ")
    if not comparison:
        yield from _row("", "nothing in the outcome changes", width)
    for difference in comparison.recommendations:
        before, after = (COUNTED.get(x or "", ("not there",))[0] for x in (difference.before, difference.after))
        yield from wrap(difference.title, width, first=_INDENT, rest=_INDENT, style="title")
        words = f"{before} → {after}" if before != after else f"still: {after}"
        yield from _row("", f"{words}: {difference.reason}" if difference.reason else words, width)
        for detail in difference.details:
            yield from _row("", detail, width, bullet="• ")
    for heading, text in comparison.lines():
        yield from _row("", f"{heading}: {text}", width)
    yield []


def result_text(outcome: PatientOutcome) -> str:
    """How many recommendations have which status."""
    counts = [f"{n} {words[n > 1]}" for status, words in COUNTED.items() if (n := len(outcome.by_status(status)))]
    return " · ".join(counts) if counts else "no recommendations"


def guideline_text(guideline: dict[str, Any]) -> str:
    """Which guideline it was: id, version and the beginning of its content hash."""
    return f"{guideline.get('id')} {guideline.get('version')} ({str(guideline.get('hash', ''))[:12]})"


def evidence_text(evidence: Evidence, *, why: bool = True) -> str:
    """What was there, with value, unit, date and resource, and why it counts."""
    parts = [evidence.display]
    if evidence.absent:
        parts[0] += ": none found"
    elif evidence.value is not None or evidence.name:
        known = [evidence.name or "", value_text(evidence.value) if evidence.value is not None else ""]
        parts[0] += f": {', '.join(filter(None, known))}"
        if evidence.unit:
            parts[0] += f" {evidence.unit}"
    elif evidence.element and (evidence.resource or "").startswith("Patient/"):
        parts[0] += ": not known"  # the patient is there, and does not say it
    if evidence.date and evidence.date != evidence.value:
        parts.append(evidence.date)
    if evidence.resource:
        parts.append(evidence.resource)
    text = ", ".join(parts)
    return f"{text}; {evidence.why}" if evidence.why and why else text


def missing_text(missing: Missing, *, supply: bool = True) -> str:
    """What is not known, why, and how to supply it."""
    text = missing.display
    if missing.because:
        text += f" ({'; '.join(missing.because)})"
    if missing.supply and supply:
        text += f". To supply it: {' or '.join(way.text for way in missing.supply)}"
    return text


def need_text(missing: Missing) -> str:
    """What is not known, why, and in a few words how to supply it."""
    ways = dict.fromkeys(_WAYS.get(way.kind) or way.text.rpartition(": ")[0] or way.text for way in missing.supply)
    known = missing_text(missing, supply=False)
    words = " or ".join(way[:1].lower() + way[1:] for way in ways)
    return f"{known}: {words}" if words else known


_WAYS = {"order": "order or enter it", "record": "record it"}


def excluded_text(excluded: Excluded) -> str:
    """What was left out and by which rule."""
    return f"{excluded.resource}: {excluded.reason} [{excluded.rule}]"


def _source(source: Source, full: bool) -> str:
    return f"{source.label}, {source.url}" if full and source.url else source.label


def value_text(value: Any) -> str:
    """A value as people write it."""
    if value is None:
        return "unknown"
    if value is True or value is False:
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(value_text, value)) or "none"
    if isinstance(value, dict):
        if "value" in value:
            return f"{value_text(value['value'])} {value.get('unit') or value.get('code') or ''}".rstrip()
        if "display" in value or "code" in value:
            return str(value.get("display") or value.get("code"))
        return ", ".join(f"{name} {value_text(part)}" for name, part in value.items())
    return str(value)

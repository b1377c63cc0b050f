"""The table view: one patient's outcome for a person to read, at 80 columns.

What applies comes first, then what cannot be known yet (and what would settle it), then errors, what is withheld and what is
already in place; what does not apply is a summary, in full with ``explain``. Each recommendation shows its strength, the data
it rests on with value, unit and date, what is missing and how to supply it, what was left out, notes, and the source's article
and lines. Patients go by type and id only. Takes ``PatientOutcome`` values and gives styled lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

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
)
from guideway.cli.lines import Line, Piece, clean, wrap
from guideway.diagnostics import Diagnostic

if TYPE_CHECKING:
    from guideway.apply.what_if import Difference

HEADINGS: dict[str, str] = {
    APPLIES: "Applies",
    UNKNOWN: "Cannot be known yet",
    ERROR: "Could not be evaluated",
    SUPPRESSED: "Withheld",
    SATISFIED: "Already in place",
    DOES_NOT_APPLY: "Does not apply",
}
"""Status → heading, in the order of the view."""

COUNTED: dict[str, tuple[str, str]] = {
    APPLIES: ("applies", "apply"),
    UNKNOWN: ("unknown", "unknown"),
    ERROR: ("error", "errors"),
    SUPPRESSED: ("withheld", "withheld"),
    SATISFIED: ("already in place", "already in place"),
    DOES_NOT_APPLY: ("does not apply", "do not apply"),
}
"""Status → what one, and what several of it are called."""

FEW = 3
"""So many recommendations that cannot be known yet are shown in full; of more, what they wait for."""

_LABEL = 13
_INDENT = "  "


def table(
    outcomes: Sequence[PatientOutcome], *, width: int, explain: bool = False, before: Iterable[Line] = ()
) -> Iterator[Line]:  # fmt: skip
    """All outcomes; the draft banner and what is to come ``before`` first, the disclaimer last."""
    if outcomes:
        yield from wrap(outcomes[0].draft, width, style="banner")
        yield []
    yield from before
    for number, outcome in enumerate(outcomes):
        if number:
            yield [Piece("─" * width, "dim")]
            yield []
        yield from _patient(outcome, width, explain)
    disclaimers = dict.fromkeys(text for outcome in outcomes for text in outcome.disclaimer)
    for text in disclaimers:
        yield from wrap(text, width, style="dim")


def _patient(outcome: PatientOutcome, width: int, explain: bool) -> Iterator[Line]:
    yield [Piece(clean(outcome.subject), "title")]
    yield from _row("guideline", guideline_text(outcome.guideline), width)
    yield from _row("as of", f"{outcome.evaluated_at} (time zone {outcome.timezone})", width)
    if outcome.hook and outcome.hook != "patient-view":
        yield from _row("hook", outcome.hook, width)
    yield from _row("result", result_text(outcome), width)
    yield []
    yield from _findings("About this patient's data", outcome.findings, width)
    yield from _applies(outcome, width, explain)
    yield from _conflicts(outcome, width)
    yield from _unknown(outcome, width, explain)
    for status in (ERROR, SUPPRESSED, SATISFIED):
        yield from _group(status, outcome.by_status(status), width, explain)
    yield from _does_not_apply(outcome, width, explain)
    yield from _left_out(outcome, width)


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
    if not found:
        return
    yield from _heading(status, f"{HEADINGS[status]} ({len(found)})")
    yield []
    shown: set[str] = set()
    for item in found:
        twin = next((key for key in item.also if key in shown), None) if status == APPLIES and not explain else None
        yield from _recommendation(item, width, explain) if twin is None else _again(item, twin, width)
        shown.add(item.key)
        yield []


def _again(item: Recommendation, twin: str, width: int) -> Iterator[Line]:
    """A recommendation whose proposal another one has already shown: only what it adds."""
    yield from _title(item, width)
    yield from _row("plan", item.key, width, "dim")
    yield from _row("same as", f"{twin}, above: one proposal for both", width)
    for number, source in enumerate(item.source):
        yield from _row("source" if number == 0 else "", source.label, width)


def _recommendation(item: Recommendation, width: int, explain: bool) -> Iterator[Line]:
    yield from _title(item, width)
    rows: list[tuple[str, str, str]] = [("plan", item.key, "dim")]
    if item.reason and (item.status != APPLIES or explain):
        rows.append(("because", item.reason, ""))
    if item.description and (item.status == APPLIES or explain):
        rows.append(("what", item.description, ""))
    rows += [(label, text, "") for label, text in evidence_rows(item, explain)]
    for missing in item.missing:
        rows.append(("missing", missing_text(missing, supply=False), ""))
        rows += [("supply it", supply.text, "") for supply in missing.supply]
    rows += [("left out", excluded_text(excluded), "") for excluded in item.excluded]
    rows += [("note", note, "") for note in item.notes]
    rows += [("proposes", ", ".join(item.requests), "")] if item.requests else []
    rows += [("same as", ", ".join(item.also), "")] if item.also else []
    rows += [("source", _source(source, explain), "") for source in item.source]
    rows += [("finding", f"{finding.message} [{finding.rule}]", "warning") for finding in item.findings]
    before = ""
    for label, text, style in rows:
        yield from _row(label if label != before else "", text, width, style)
        before = label
    if explain:
        yield from _explanation(item, width)


def _title(item: Recommendation, width: int) -> Iterator[Line]:
    marks = [part for part in (item.strength, item.direction, item.priority if item.priority != "routine" else None) if part]
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
    for node in item.trace:
        yield from _trace(node, width, 0)


_KINDS = {"applicability": "if", "withheld-when": "unless", "satisfied-when": "done when"}


def _trace(node: dict[str, Any], width: int, depth: int) -> Iterator[Line]:
    name = str(node.get("name") or node.get("label") or node.get("define") or node.get("kind") or "")
    value = node.get("value")
    text = f"{name} = {value_text(value)}" if "value" in node else name
    resources = node.get("resources")
    if isinstance(resources, list) and resources:
        text += f"  [{', '.join(map(str, resources))}]"
    first = "trace" if depth == 0 else ""
    yield from _row(first, text, width, "dim", more_indent="  " * depth)
    children = node.get("children")
    for child in children if isinstance(children, list) else ():
        if isinstance(child, dict):
            yield from _trace(child, width, depth + 1)


def _unknown(outcome: PatientOutcome, width: int, explain: bool) -> Iterator[Line]:
    found = outcome.by_status(UNKNOWN)
    if not found:
        return
    yield from _heading(UNKNOWN, f"{HEADINGS[UNKNOWN]} ({len(found)})")
    yield []
    waiting: dict[str, list[Recommendation]] = {}
    needed: dict[str, Missing] = {}
    for item in found:
        for missing in item.missing:
            needed.setdefault(missing.element, missing)
            waiting.setdefault(missing.element, []).append(item)
    if len(found) > 1 and needed:
        yield [Piece("What would settle it", "title")]
        for element, missing in sorted(needed.items(), key=lambda item: -len(waiting[item[0]])):
            number = len(waiting[element])
            yield from _row(
                "", f"{missing_text(missing)} ({number} recommendation{'s' if number > 1 else ''})", width, bullet="• "
            )
        yield []
    brief = len(found) > FEW and not explain
    if brief:
        groups: dict[tuple[str, ...], list[Recommendation]] = {}
        for item in found:
            groups.setdefault((item.plan_id, *(missing.element for missing in item.missing)), []).append(item)
        for members in groups.values():
            yield from _waiting(members[0], width) if len(members) == 1 else _waiting_alike(members, width)
            yield []
    else:
        for item in found:
            yield from _recommendation(item, width, explain)
            yield []
    if brief:
        yield from wrap("--explain shows what each of these rests on.", width, style="dim")
        yield []


def _waiting_alike(members: Sequence[Recommendation], width: int) -> Iterator[Line]:
    """Several of one plan that wait for the same: what for, once, then each with its source."""
    first = members[0]
    yield from wrap(f"{len(members)} recommendations of {first.plan_id}", width, rest=_INDENT, style="title")
    if first.missing:
        yield from _row("missing", "; ".join(missing_text(missing, supply=False) for missing in first.missing), width)
    for item in members:
        sources = "; ".join(source.label for source in item.source)
        yield from _row("", f"{item.title} ({item.action}{f': {sources}' if sources else ''})", width, bullet="• ")


def _waiting(item: Recommendation, width: int) -> Iterator[Line]:
    """One of many that cannot be known yet: what it waits for; how to supply that is said above."""
    yield from _title(item, width)
    yield from _row("plan", item.key, width, "dim")
    if item.missing:
        yield from _row("missing", "; ".join(missing_text(missing, supply=False) for missing in item.missing), width)
    elif item.reason:
        yield from _row("because", item.reason, width)
    for number, source in enumerate(item.source):
        yield from _row("source" if number == 0 else "", source.label, width)


def _does_not_apply(outcome: PatientOutcome, width: int, explain: bool) -> Iterator[Line]:
    found = outcome.by_status(DOES_NOT_APPLY)
    if not found:
        return
    if explain:
        yield from _group(DOES_NOT_APPLY, found, width, explain)
        return
    yield from _heading(DOES_NOT_APPLY, f"{HEADINGS[DOES_NOT_APPLY]} ({len(found)})")
    titles = {plan.id: plan.title for plan in outcome.plans}
    plans: dict[str, dict[str, int]] = {}
    for item in found:
        reasons = plans.setdefault(item.plan_id, {})
        reasons[item.reason] = reasons.get(item.reason, 0) + 1
    for plan, reasons in plans.items():
        number = sum(reasons.values())
        yield from wrap(f"{titles.get(plan, plan)} ({number})", width, first=_INDENT, rest=_INDENT * 2)
        for reason, times in list(reasons.items())[:3]:
            if reason:
                yield from wrap(reason + (f" ({times})" if times > 1 and times < number else ""), width, first=_INDENT * 2 + "- ",
                                rest=_INDENT * 3, style="dim")  # fmt: skip
        if len(reasons) > 3:
            yield [Piece(f"{_INDENT * 2}- and {len(reasons) - 3} more reasons; --explain lists all", "dim")]
    yield []


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


def _findings(heading: str, findings: Iterable[Diagnostic], width: int) -> Iterator[Line]:
    found = list(findings)
    if not found:
        return
    yield from _heading("warning", f"{heading} ({len(found)})")
    for finding in found:
        place = f"{finding.pointer}: " if finding.pointer else ""
        yield from _row("", f"{place}{finding.message} [{finding.rule}]", width, bullet="• ")
        if finding.hint:
            yield from _row("", finding.hint, width, "dim")
    yield []


def _left_out(outcome: PatientOutcome, width: int) -> Iterator[Line]:
    if not outcome.excluded:
        return
    yield from _heading("dim", f"Data left out ({len(outcome.excluded)})")
    for excluded in outcome.excluded:
        yield from _row("", excluded_text(excluded), width, bullet="• ")
    yield []


def _row(
    label: str, text: str, width: int, style: str = "", *, bullet: str = "", more_indent: str = ""
) -> Iterator[Line]:  # fmt: skip
    """One labelled row: the label once, the text wrapped beside it; with a bullet instead, the text wrapped beside that."""
    if bullet:
        yield from wrap(text, width, first=_INDENT + bullet, rest=_INDENT + " " * len(bullet), style=style)
        return
    first = f"{_INDENT}{label:<{_LABEL - len(_INDENT)}}{more_indent}"
    yield from wrap(text, width, first=first, rest=" " * len(first), style=style)


def evidence_rows(item: Recommendation, full: bool) -> list[tuple[str, str]]:
    """The data a recommendation rests on, as (label, text): each datum once, then what was looked for and not found.

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
    absent = dict.fromkeys(
        evidence.display.removeprefix("no ").removesuffix(" on record") for evidence in item.evidence if evidence.absent
    )
    return rows + ([("not found", "; ".join(absent))] if absent else [])


def what_if(subject: str, notes: Sequence[str], differences: Sequence[Difference], width: int) -> Iterator[Line]:
    """What ``--set`` changed in the outcome of one patient."""
    yield from wrap(f"What if, for {subject}", width, style="title")
    for note in notes:
        yield from _row("", note, width, bullet="• ")
    if not differences:
        yield from _row("", "nothing in the outcome changes", width)
    for difference in differences:
        before, after = (COUNTED.get(x or "", ("not there",))[0] for x in (difference.before, difference.after))
        yield from wrap(difference.title, width, first=_INDENT, rest=_INDENT, style="title")
        words = f"{before} → {after}" if before != after else f"still: {after}"
        yield from _row("", f"{words}: {difference.reason}" if difference.reason else words, width)
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
    elif evidence.value is not None:
        parts[0] += f": {value_text(evidence.value)}"
        if evidence.unit:
            parts[0] += f" {evidence.unit}"
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

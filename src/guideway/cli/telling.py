"""What the views say: an outcome's parts in words, for the table and for Markdown alike.

Takes parts of a ``PatientOutcome``; gives text without layout, and the parts in the order in which a reader wants them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from guideway.apply.kinds import PRIORITY_ORDER
from guideway.apply.outcome import (
    APPLIES,
    DOES_NOT_APPLY,
    ERROR,
    SATISFIED,
    SUPPRESSED,
    UNKNOWN,
    Conflict,
    Evidence,
    Excluded,
    Missing,
    PatientOutcome,
    Recommendation,
    Source,
)
from guideway.apply.run import FEW
from guideway.apply.words import value_text
from guideway.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from guideway.apply.comparing import Difference

HEADINGS: dict[str, str] = {
    APPLIES: "Applies",
    ERROR: "Could not be evaluated",
    SUPPRESSED: "Withheld",
    SATISFIED: "Already in place",
    UNKNOWN: "Cannot be known yet",
    DOES_NOT_APPLY: "Does not apply",
}
"""Status → heading, in the order of the view."""
PASSED_OVER = "Passed over"
COUNTED: dict[str, tuple[str, str]] = {
    APPLIES: ("applies", "apply"),
    ERROR: ("error", "errors"),
    SUPPRESSED: ("withheld", "withheld"),
    SATISFIED: ("already in place", "already in place"),
    UNKNOWN: ("unknown", "unknown"),
    DOES_NOT_APPLY: ("does not apply", "do not apply"),
}
"""Status → what one, and what several of it are called."""
OF_A_KIND = 3
"""So many findings of one rule are shown, unless everything is asked for; the others are counted."""
_SAYS_AGAINST = (
    "against",
    "avoid",
    "never",
    "do not",
    "not recommended",
    "not first-line",
    "not routinely",
    "caution",
    "warning",
)
"""Words by which a strength says itself that a recommendation is one against."""
_WAYS = {"order": "order or enter it", "record": "record it"}


def folds(found: Sequence[Recommendation]) -> dict[str, list[Recommendation]]:
    """Key → the later recommendations that propose the same as that one, or as one told with it, and are told with it."""
    result: dict[str, list[Recommendation]] = {}
    at = {item.key: item for item in found}
    told: set[str] = set()
    for first in found:
        pending = [] if first.key in told else [first]
        same: set[str] = set()
        while pending:
            item = pending.pop()
            if item.key not in same:
                same.add(item.key)
                pending += [at[key] for key in item.also if key in at]
        told |= same
        if twins := [item for item in found if item.key in same and item is not first]:
            result[first.key] = twins
    return result


def how_many(found: Sequence[Recommendation], folded: Mapping[str, Sequence[Recommendation]]) -> str:
    """How many recommendations there are, and how many of them stand with another one."""
    others = sum(map(len, folded.values()))
    return f"{len(found)}, {others} of them told with others" if others else str(len(found))


def most_pressing_first(found: Sequence[Recommendation]) -> list[Recommendation]:
    """By the priority that the guideline gives, plan by plan: first the plan with the most pressing one, in it that one."""
    first: dict[str, int] = {}
    for item in found:
        first[item.plan_id] = min(first.get(item.plan_id, 9), urgency(item))
    return sorted(found, key=lambda item: (first[item.plan_id], list(first).index(item.plan_id), urgency(item)))


def urgency(item: Recommendation) -> int:
    """The rank of a recommendation's priority; one that the guideline gives no priority comes after what it calls routine."""
    return PRIORITY_ORDER.get(item.priority or "", PRIORITY_ORDER["routine"] + 1)


def waits_for(item: Recommendation) -> str:
    """Of a pressing recommendation that cannot be known yet: the data it waits for; of others nothing."""
    if urgency(item) >= PRIORITY_ORDER["routine"] or not item.missing:
        return ""
    more = f" and {len(item.missing) - FEW} more" if len(item.missing) > FEW else ""
    return f"{item.priority}; waits for: {'; '.join(missing.display for missing in item.missing[:FEW])}{more}"


NEEDS_ORDER = "most pressing first; the number says how many wait"
"""The order of ``needs``, for the reader."""


def needs(found: Iterable[Recommendation]) -> list[tuple[Missing, int, str | None]]:
    """What is missing, each datum once with how many recommendations wait for it, and how pressing the first of them is if it is
    more than routine: first what is at hand but cannot be used, then what is urgent, then what is wanted most."""
    waiting: dict[str, list[Recommendation]] = {}
    needed: dict[str, Missing] = {}
    for item in found:
        for missing in item.missing:
            known = needed.setdefault(missing.element, missing)
            if missing.because and not known.because:
                needed[missing.element] = missing
            waiting.setdefault(missing.element, []).append(item)

    def rank(element: str) -> tuple[bool, int, int]:
        priority = min(map(urgency, waiting[element]))
        return not needed[element].because, priority, -len(waiting[element])

    def pressing(element: str) -> str | None:
        first = min(waiting[element], key=urgency)
        return first.priority if urgency(first) < PRIORITY_ORDER["routine"] else None

    return [(needed[element], len(waiting[element]), pressing(element)) for element in sorted(needed, key=rank)]


def part_of(outcome: PatientOutcome) -> str:
    """Which plans the chosen ones are a part of; empty where they are none."""
    wholes = dict.fromkeys(whole for plan in outcome.plans for whole in plan.part_of)
    if not wholes:
        return ""
    one = len(wholes) == 1
    return f"{', '.join(wholes)}: {'its' if one else 'their'} other parts are not applied here"


def reasons_of(found: Iterable[Recommendation]) -> list[tuple[str, int]]:
    """Why recommendations do not apply, the most frequent reason first."""
    reasons: dict[str, int] = {}
    for item in found:
        reason = item.reason or "No reason is given"
        reasons[reason] = reasons.get(reason, 0) + 1
    return sorted(reasons.items(), key=lambda pair: -pair[1])


def general_findings(outcome: PatientOutcome, full: bool) -> list[Diagnostic]:
    """The findings on the whole result; in short without those that only say how the plans are written."""
    plans_only = Severity.information, "related-action-absent"
    return [f for f in outcome.findings if full or (f.severity, f.rule) != plans_only]


def by_origin(outcome: PatientOutcome, full: bool) -> Iterator[tuple[str, list[tuple[str, list[Diagnostic]]]]]:
    """The findings on the whole result under a heading each: those in the guideline's own files, which say their place each;
    those about the patient, file by file."""
    found = general_findings(outcome, full)
    own = [finding for finding in found if finding in outcome.guideline_findings]
    if own:
        yield "About the guideline", [("", own if full else _to_act_on(own))]
    files: dict[str, list[Diagnostic]] = {}
    for finding in found:
        if finding not in own:
            files.setdefault(finding.file or "", []).append(finding)
    if files:
        yield "About this patient's data", [(f"in {file}" if file else "", part) for file, part in files.items()]


def _to_act_on(found: list[Diagnostic]) -> list[Diagnostic]:
    """The findings on a guideline without those that follow from others."""
    if all(finding.rule != "cql-included-error" for finding in found):
        return found
    from guideway.authoring.consequences import without_consequences

    return without_consequences(found)[0]


def with_place(finding: Diagnostic, file: str) -> str:
    """What a finding says, with where it is as far as neither its own words nor the ``file`` above it say that."""
    place = "" if file or not finding.file else f"{finding.file}:{finding.position}" if finding.position else finding.file
    if place and finding.position is None and finding.pointer:
        place += f"#{finding.pointer}"
    elif not place and finding.pointer and not finding.pointer.startswith("/"):  # what begins so is an entry, which it names
        place = "" if finding.message.startswith(finding.pointer.partition(".")[0]) else finding.pointer
    return f"{place}: {finding.message}" if place else finding.message


def findings_in_short(findings: Sequence[Diagnostic], most: int | None) -> Iterator[tuple[Diagnostic, int]]:
    """At most so many findings of each rule; with the last of them how many more there are."""
    count: dict[str, int] = defaultdict(int)
    for finding in findings:
        count[finding.rule] += 1
    shown: dict[str, int] = defaultdict(int)
    for finding in findings:
        shown[finding.rule] += 1
        if most is None or shown[finding.rule] < most or count[finding.rule] == most:
            yield finding, 0
        elif shown[finding.rule] == most:
            yield finding, count[finding.rule] - most


def evidence_rows(item: Recommendation, full: bool) -> list[tuple[str, str]]:
    """The data a recommendation rests on, as (label, text): each datum once, then what was looked for and not found, by the data
    elements of the guideline where it has names for them and nothing else is said to be missing.

    In full every piece of evidence is a row of its own, with why it counts.
    """
    if full:
        return [("rests on", evidence_text(evidence)) for evidence in item.evidence]
    shown: dict[tuple[str | None, str | None, str, str | None], str] = {}
    for evidence in item.evidence:
        if not evidence.absent:
            answer = isinstance(evidence.value, bool)  # of each question its own, also where one resource has them all
            own = None if evidence.resource and not answer else evidence.display
            key = (evidence.resource, own, value_text(evidence.value), evidence.date)
            shown.setdefault(key, evidence_text(evidence, why=False))
    rows = [("rests on", text) for text in shown.values()]
    missed = [evidence for evidence in item.evidence if evidence.absent]
    settled = item.missing or item.status in (SUPPRESSED, SATISFIED)
    named = [evidence for evidence in missed if evidence.element] or ([] if settled else missed)
    absent = dict.fromkeys(evidence.display for evidence in named)
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
    """How strong a recommendation is, and that it is one against, where its strength does not say so already; that it is one for
    goes without saying."""
    strength = (item.strength or "").casefold()
    said = item.direction == "for" or (item.direction == "against" and any(word in strength for word in _SAYS_AGAINST))
    return [part for part in (item.strength, None if said else item.direction, *more) if part]


def change_text(difference: Difference) -> str:
    """How a recommendation's status differs, and why."""
    before, after = (COUNTED.get(status or "", ("not there",))[0] for status in (difference.before, difference.after))
    words = f"{before} → {after}" if before != after else f"still: {after}"
    return f"{words}: {difference.reason}" if difference.reason else words


def sides_of(outcome: PatientOutcome, conflict: Conflict, full: bool) -> list[str]:
    """What does not go together: the titles of the recommendations, each once; in full their ids."""
    if full:
        return conflict.recommendations
    titles = {item.key: item.title for item in outcome.recommendations}
    return list(dict.fromkeys(titles.get(key, key) for key in conflict.recommendations))


def also_text(twin: Recommendation, leader: Recommendation) -> str:
    """A recommendation that proposes the same as the one it is told with, in one line."""
    marks = ", ".join(marks_of(twin))
    words = "the same" if twin.title == leader.title and marks else twin.title
    labels = "; ".join(sources_in_short(twin.source))
    return ": ".join(part for part in (" ".join(p for p in (words, f"[{marks}]" if marks else "") if p), labels) if part)


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
    elif evidence.unknown:
        parts[0] += f": not known{f', {evidence.name}' if evidence.name else ''}"
    elif evidence.value is not None or evidence.name:
        known = [evidence.name or "", value_text(evidence.value) if evidence.value is not None else ""]
        parts[0] += f": {', '.join(filter(None, known))}"
        if evidence.unit:
            parts[0] += f" {evidence.unit}"
    elif evidence.unit:
        parts[0] += f": no number that can be used, in {evidence.unit}"
    elif evidence.element and (evidence.resource or "").startswith("Patient/"):
        parts[0] += ": not known"  # the patient is there, and does not say it
    if evidence.said:
        parts.append(f'reason "{evidence.said}"')
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
        first, *others = (way.text for way in missing.supply)
        text += f". To supply it: {' or '.join([first, *map(_inside, others)])}"
    return text


def _inside(words: str) -> str:
    """What begins a sentence, inside one; an abbreviation stays as it is."""
    return words if words[1:2].isupper() else words[:1].lower() + words[1:]


def need_text(missing: Missing) -> str:
    """What is not known, why, and in a few words how to supply it."""
    ways = dict.fromkeys(
        "enter it"
        if way.kind == "record" and way.text.startswith("Enter ")
        else _WAYS.get(way.kind) or way.text.rpartition(": ")[0] or way.text
        for way in missing.supply
    )
    known = missing_text(missing, supply=False)
    words = " or ".join(map(_inside, ways))
    return f"{known}: {words}" if words else known


def excluded_text(excluded: Excluded) -> str:
    """What was left out and by which rule."""
    return f"{excluded.resource}: {excluded.reason} [{excluded.rule}]"


def source_text(source: Source, full: bool) -> str:
    """An article and lines; in full with its address."""
    return f"{source.label}, {source.url}" if full and source.url else source.label

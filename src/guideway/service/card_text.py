"""The words on cards: Markdown that a patient's data cannot break, and short sections that say what, why and from where.

CDS Hooks asks for a summary of less than 140 characters and a detail in GitHub's Markdown. Whatever comes from a record is
escaped here, so that it stays text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from guideway.apply.outcome import Evidence, Missing, PatientOutcome, Recommendation
from guideway.apply.words import value_text
from guideway.diagnostics import Severity

SUMMARY_LIMIT = 139
TITLES = 3
"""So many titles are named of what a missing datum decides; the rest is counted."""
IN_FULL = 5
"""So many data that are missing are told in full."""
WAYS = 2
"""So much is said of how each of them could be supplied, and of why data that is there does not help."""

LONGEST = 4000
"""So many characters of one text are shown."""

_MARKUP = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]|~#"})
_LIST_NUMBER = re.compile(r"^(\d+)([.)])(?=\s|$)")
_ADDRESS = re.compile(
    r"(?i)(:(?=/)|/(?=/)|\bwww(?=\.)|@|(?<=[a-z0-9])\.(?=(?:com|org|net|io|info|example|dev|app|[a-z]{2})\b(?:/|$)))"
)
"""Where an address can be broken."""
_DOTTED = re.compile(r"\.[^\W\d_]|www\.", re.IGNORECASE)
"""What a text without slashes or at-signs holds if there is an address in it."""
_JOINER = "\u2060"
"""An invisible character that is part of no address: many renderers make links after they have read escapes, so a backslash does
not keep an address in a patient's text from becoming a link."""
_REPLACED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": f"{_JOINER}@"})
"""An address of mail is broken on both sides: some renderers take any name for that of a host."""

_DIRECTIONS = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
"""Invisible characters that force a direction on what follows (Unicode, UAX 9): "dose 10 to 01" would read as another dose."""


def escaped(text: Any) -> str:
    """Text without markup: Markdown's characters are escaped, HTML's become entities, line breaks become spaces. What nobody
    would read to its end is cut.

    >>> escaped("<b>5 * 3</b>")
    '&lt;b&gt;5 \\\\* 3&lt;/b&gt;'
    """
    plain = cut(str(text), LONGEST)[0]
    plain = f"\\{plain[0]}{plain[1:].translate(_MARKUP)}" if plain[:1] in ("-", "+") else plain.translate(_MARKUP)
    if plain[:1].isdigit():
        plain = _LIST_NUMBER.sub(r"\1\\\2", plain)
    if ":/" in plain or "//" in plain or "@" in plain or ("." in plain and _DOTTED.search(plain)):
        plain = _ADDRESS.sub(rf"\1{_JOINER}", plain)
    return plain.translate(_REPLACED)


def cut(text: str, limit: int = SUMMARY_LIMIT) -> tuple[str, str]:
    """The text cut at a word to at most ``limit`` characters (with an ellipsis), and the whole text where it was cut. What would
    turn the words that follow around is left out."""
    text = " ".join((text if text.isascii() else text.translate(_DIRECTIONS)).split())
    if len(text) <= limit:
        return text, ""
    head = text[: limit - 1]
    if " " in head and text[limit - 1] != " ":
        head = head.rpartition(" ")[0] or head
    return head.rstrip(" ,;:-") + "…", text


def bullets(title: str, lines: Iterable[str]) -> list[str]:
    """A paragraph of bullets under a bold title; nothing where there are no lines."""
    found = [f"- {line}" for line in lines]
    return [f"**{title}**\n" + "\n".join(found)] if found else []


def counted(number: int, one: str, many: str) -> str:
    """``1 proposal``, ``2 proposals``."""
    return f"{number} {one if number == 1 else many}"


NOT_FOUND = "not found: "


def gathered(lines: Iterable[str]) -> list[str]:
    """Lines of evidence, with what was not found in one line at the end.

    >>> gathered(["not found: A", "B", "not found: C"])
    ['B', 'not found: A; C']
    """
    found = list(lines)
    absent = {line.casefold(): line.removeprefix(NOT_FOUND) for line in reversed(found) if line.startswith(NOT_FOUND)}
    rest = [line for line in found if not line.startswith(NOT_FOUND)]
    return rest + ([NOT_FOUND + "; ".join(reversed(absent.values()))] if absent else [])


def evidence_line(e: Evidence) -> str:
    """One line: what, its value and unit, its date, and where it is on record; or that it was looked for and not found."""
    if e.absent:
        return escaped(f"{NOT_FOUND}{e.display}")
    value = "not known" if e.unknown else "" if e.value is None else value_text(e.value) + (f" {e.unit}" if e.unit else "")
    known = ", ".join(filter(None, (e.name, value)))
    value = f": {known}" if known else ""
    if e.said:
        value += f', reason "{e.said}"'
    rest = ", ".join(part for part in (e.date, e.resource) if part)
    return escaped(f"{e.display}{value}" + (f" ({rest})" if rest else ""))


def said(outcome: PatientOutcome, r: Recommendation, without: Collection[str] = (), together: tuple[str, ...] = ()) -> list[str]:
    """What, why, remarks, conflicts, doubts, what was left out, and the source of one recommendation.

    ``without``: lines that the reader has read already. ``together``: how notes begin that name what stands in the same section.
    """

    def new(lines: Iterable[str]) -> list[str]:
        return [line for line in dict.fromkeys(lines) if line not in without]

    parts = new([escaped(r.description)]) if r.description else []
    parts += bullets("Why:", gathered(new(evidence_line(e) for e in r.evidence)))
    parts += new([f"Background: {escaped(r.rationale)}"]) if r.rationale else []
    notes = (note for note in r.notes if not note.startswith(together) or "details such as" in note)
    parts += bullets("Note:", new(escaped(note) for note in notes))
    parts += bullets(
        "Conflicts with other advice:", new(escaped(c.text) for c in outcome.conflicts if r.key in c.recommendations)
    )
    to_check = (finding.message for finding in r.findings if finding.severity is not Severity.information)
    parts += bullets("Check:", new(map(escaped, to_check)))
    parts += bullets("Left out:", new(f"{escaped(e.resource)}: {escaped(e.reason)}" for e in r.excluded))
    return parts + new(source_line([r]))


def source_line(recommendations: Iterable[Recommendation]) -> list[str]:
    """Where recommendations come from and how strong they are, in one line; none where nothing is said.

    Several places in one article are named together: ``article, lines 3, 7``.
    """
    places: dict[str, list[str]] = {}
    strength: dict[str, None] = {}
    for r in recommendations:
        for source in r.source:
            places.setdefault(source.key if source.key and source.lines else source.label, []).extend(
                source.lines.replace(" ", "").split(",") if source.key and source.lines else []
            )
        strength |= dict.fromkeys(text for text in (r.strength, r.quality) if text and text.strip())
    basis = []
    for name, lines in places.items():
        each = list(dict.fromkeys(lines))
        several = len(each) > 1 or any(not line.isdigit() for line in each)
        basis.append(escaped(f"{name}, {'lines' if several else 'line'} {', '.join(each)}" if each else name))
    basis = [text for text in [*basis, *map(escaped, strength)] if text.strip()]
    return ["Source: " + "; ".join(dict.fromkeys(basis))] if basis else []


def titles(texts: Iterable[str], limit: int = TITLES) -> str:
    """Titles in one line; beyond ``limit`` they are counted."""
    found = list(dict.fromkeys(texts))
    more = len(found) - limit
    return "; ".join(found[:limit]) + (f"; and {more} more" if more > 0 else "")


def needed_lines(waiting: Sequence[Recommendation], pressing: int = 0) -> list[str]:
    """The data that recommendations wait for, each once: what it is, how it could be supplied, and what it decides.

    First what the first ``pressing`` recommendations wait for, then what decides most. Beyond ``IN_FULL`` data are only named.
    """
    ways: dict[str, list[str]] = {}
    for r in waiting:
        for missing in r.missing:
            texts = [*(way.text for way in missing.supply), *missing.because]
            ways.setdefault(missing.display, []).extend(_without_name(missing, texts))
    ranked = _ranked(waiting, pressing)
    lines = []
    for name, found in ranked[:IN_FULL]:
        how = "; ".join(list(dict.fromkeys(ways.get(name, ())))[:WAYS])
        lines.append(f"**{escaped(name)}**{': ' + how if how else ''}\n  - decides: {titles(found)}")
    if len(ranked) > IN_FULL:
        lines.append("Also: " + "; ".join(f"**{escaped(name)}**" for name, _ in ranked[IN_FULL:]))
    return lines


def needed_with_reasons(waiting: Sequence[Recommendation], pressing: int = 0) -> set[str]:
    """The elements of which ``needed_lines`` may say why data that is there does not help."""
    full = {name for name, _ in _ranked(waiting, pressing)[:IN_FULL]}
    first: dict[str, Missing] = {}
    told = [missing for r in waiting for missing in r.missing if missing.display in full]
    for missing in told:
        first.setdefault(missing.display, missing)
    supplied = {name: _without_name(missing, (way.text for way in missing.supply)) for name, missing in first.items()}
    room = {name for name, ways in supplied.items() if len(set(ways)) < WAYS}
    return {missing.element for missing in told if missing.display in room}


def _ranked(waiting: Sequence[Recommendation], pressing: int) -> list[tuple[str, list[str]]]:
    """What is missing by its words, in the order in which it is told, each with the titles of what it decides."""
    first = {missing.display for r in waiting[:pressing] for missing in r.missing}
    decides: dict[str, list[str]] = {}
    for r in waiting:
        title = escaped(r.title or r.action)
        for name in [missing.display for missing in r.missing] or ["Not named by the guideline"]:
            decides.setdefault(name, []).append(title)
    return sorted(decides.items(), key=lambda item: (item[0] not in first, -len(item[1])))


def _without_name(missing: Missing, texts: Iterable[str]) -> list[str]:
    """Texts that stand with something missing, which need not name it again."""
    return [escaped(text.replace(f": {missing.display}", "", 1)) for text in texts]


def signed(outcome: PatientOutcome, parts: Iterable[str]) -> str:
    """The detail of a card: its parts, what the guideline wants every reader to know, and which guideline it is."""
    guideline = outcome.guideline
    about = f"{escaped(guideline.get('title') or guideline['id'])} {escaped(guideline.get('version') or '')}".strip()
    marked = [f"*{escaped(text)}*" for text in (outcome.draft, *outcome.disclaimer) if text and text.strip()]
    return "\n\n".join([*(part for part in parts if part.strip()), *marked, about])

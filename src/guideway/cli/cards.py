"""A CDS Hooks card as lines of text: what a person reads, in the order in which it matters.

Takes a card of any service, as it came: whatever is missing or of another type is passed over.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from guideway.cli.lines import Line, Piece, wrap

Json = dict[str, Any]

_INDICATORS = {"critical": ("CRITICAL", "error"), "warning": ("WARNING", "unknown"), "info": ("info", "applies")}
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|~:@<>])")
_MARKED = re.compile(r"(?<!\\)(\*\*|__|\*|`)(?=\S)(.+?)(?<=\S)(?<!\\)\1")
_LINK = re.compile(r"(?<!\\)\[([^\]]*)\]\(([^)]*)\)")
_BULLET = re.compile(r"(\s*)([-*+]|\d+[.)])\s+(.*)")


def card_lines(card: Json, width: int, without: Collection[str] = ()) -> Iterator[Line]:
    """The card; ``without``: paragraphs of the detail that are shown elsewhere."""
    word, style = _INDICATORS.get(str(card.get("indicator")), (f"{card.get('indicator')}?", "warning"))
    head = f"  {word}  "
    yield from wrap(
        _text(card.get("summary")) or "(no summary)", width, first=head, rest=" " * len(head), style="title", first_style=style
    )
    source = card.get("source")
    label = _text(source.get("label")) if isinstance(source, dict) else ""
    yield from wrap(label or "(no source)", width, first="    from ", rest=" " * 9, style="dim")
    for paragraph in paragraphs(card.get("detail")):
        if plain(paragraph) in without:
            continue
        yield []
        yield from markdown_lines(paragraph, width, "    ")
    yield from _suggestions(card, width)
    for link in _objects(card.get("links")):
        yield from wrap(
            f"{_text(link.get('label'))}: {_text(link.get('url'))}", width, first="    link ", rest=" " * 9, style="dim"
        )


def _suggestions(card: Json, width: int) -> Iterator[Line]:
    suggestions = _objects(card.get("suggestions"))
    if not suggestions:
        return
    one = card.get("selectionBehavior") == "at-most-one"
    yield []
    yield [Piece("    Take at most one:" if one else "    Offered:", "label")]
    for suggestion in suggestions:
        mark = "(•)" if suggestion.get("isRecommended") is True else "( )" if one else "[ ]"
        yield from wrap(_text(suggestion.get("label")) or "(no label)", width, first=f"      {mark} ", rest=" " * 10)
        for action in _objects(suggestion.get("actions")):
            yield from wrap(_action(action), width, first=" " * 10, rest=" " * 12, style="dim")


def _action(action: Json) -> str:
    resource = action.get("resource")
    if not isinstance(resource, dict):
        return f"{_text(action.get('type'))} {_text(action.get('resourceId')) or _text(action.get('description'))}"
    from guideway.apply.words import proposal_text

    try:
        what = proposal_text(resource)
    except (AttributeError, TypeError, KeyError, ValueError):
        what = _text(action.get("description"))
    return f"{_text(action.get('type'))} {_text(resource.get('resourceType'))}: {what}"


def paragraphs(detail: Any) -> list[str]:
    """The paragraphs of a card's Markdown."""
    return [part for part in re.split(r"\n\s*\n", _text(detail)) if part.strip()]


def shared_paragraphs(cards: Sequence[Json]) -> list[str]:
    """The paragraphs that every one of several cards ends with or holds: said once, they need not be said on each."""
    if len(cards) < 2:
        return []
    each = [dict.fromkeys(plain(part) for part in paragraphs(card.get("detail"))) for card in cards]
    counts = Counter(part for found in each for part in found)
    return [part for part in each[0] if counts[part] == len(cards)]


def markdown_lines(text: str, width: int, indent: str) -> Iterator[Line]:
    """One paragraph of Markdown: bullets keep their place, a line that is all bold stands out, the marks go."""
    for row in text.split("\n"):
        bullet = _BULLET.fullmatch(row)
        if bullet is not None:
            lead = f"{indent}{bullet[1]}{'•' if bullet[2] in '-*+' else bullet[2]} "
            yield from wrap(plain(bullet[3]), width, first=lead, rest=" " * len(lead), first_style="")
            continue
        bold = row.startswith("**") and row.rstrip().endswith("**")
        heading = re.fullmatch(r"#{1,6}\s+(.*)", row)
        words = plain(heading[1] if heading is not None else row)
        yield from wrap(
            words, width, first=indent, rest=indent, style="title" if bold or heading is not None else "", first_style=""
        )


def plain(text: str) -> str:
    """Markdown in one line without its marks."""
    text = _LINK.sub(r"\1 (\2)", text)
    for _ in range(2):
        text = _MARKED.sub(r"\2", text)
    return html.unescape(_ESCAPE.sub(r"\1", text))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _objects(value: Any) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []

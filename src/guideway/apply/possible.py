"""What values a data element can have, as far as the package says: the answers it knows, and the range of a number.

The answers are those of the Questionnaire's item that supplies the element (``answerOption``, ``answerValueSet``) and the words
of the tag ``@answers: positive | negative``. The range is the tag ``@range: 0..130`` in the element's own unit (a side may be
left open), or the item's ``minValue`` and ``maxValue`` (http://hl7.org/fhir/R4/extension-minvalue.html). ``in_known_words`` gives
a text in the words that the logic reads; it and ``must_be_in_range`` raise ``GuidewayError`` for what cannot be, naming what can.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from guideway.apply.supply import question_item
from guideway.diagnostics import GuidewayError
from guideway.guideline.compiled import CompiledGuideline, Element
from guideway.guideline.names import objects

Json = dict[str, Any]

_RANGE = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)?\s*\.\.\s*([+-]?\d+(?:\.\d+)?)?\s*$")
_BOUNDS = {
    "http://hl7.org/fhir/StructureDefinition/minValue": 0,
    "http://hl7.org/fhir/StructureDefinition/maxValue": 1,
}
_YES_OR_NO = ("true", "yes", "false", "no")


class Answer(msgspec.Struct, frozen=True):
    """One possible answer: the word by which the logic knows it, and where it is a code, of which system and called what."""

    word: str
    system: str | None = None
    display: str | None = None
    coded: bool = False

    def coding(self) -> Json:
        """As FHIR writes it."""
        parts = {"system": self.system, "code": self.word, "display": self.display}
        return {name: value for name, value in parts.items() if value}


def answers(element: Element, guideline: CompiledGuideline) -> list[Answer]:
    """The possible answers, in the package's order; none where it does not name them."""
    found = [Answer(word.strip()) for word in (element.tag("answers") or "").split("|") if word.strip()]
    item = question_item(element.question, guideline) if element.question else None
    if item is None:
        return found
    for option in objects(item.get("answerOption")):
        coding = option.get("valueCoding")
        if isinstance(coding, dict) and coding.get("code"):
            found.append(Answer(str(coding["code"]), coding.get("system"), coding.get("display"), coded=True))
        else:
            found += [Answer(str(value)) for name, value in option.items() if name.startswith("value")]
    url = str(item.get("answerValueSet"))
    members = guideline.value_sets.get(url) or guideline.value_sets.get(url.partition("|")[0])
    if isinstance(members, list):
        found += [Answer(m[1], m[0], m[2], coded=True) for m in members if not isinstance(m, str)]
    return list({(each.system, each.word): each for each in found}.values())


def chosen(text: str, known: list[Answer]) -> Answer | None:
    """The answer that a text names: by its word, its display, or as ``system|code``."""
    system, bar, code = text.strip().rpartition("|")
    folded = text.strip().casefold()
    for answer in known:
        if bar and answer.coded and (answer.system or "", answer.word) == (system, code):
            return answer
        if folded in (answer.word.casefold(), (answer.display or answer.word).casefold()):
            return answer
    return None


def in_known_words(element: Element, text: str, guideline: CompiledGuideline) -> str:
    """The text as the logic writes it; unchanged for a type that has no words, or where the package does not name its answers."""
    kind = (element.type or "String").replace("System.", "")
    boolean = kind.rpartition(".")[2].casefold() == "boolean"
    if boolean and (text.casefold() in _YES_OR_NO or not element.question):
        return text
    if not boolean and kind.removeprefix("List<").rstrip(">").rpartition(".")[2].casefold() not in ("string", "code"):
        return text
    known = answers(element, guideline)
    if not known:
        return text
    parts = [part for part in text.strip("{}").split(",") if part.strip()] if kind.startswith("List<") else [text]
    found: list[str] = []
    for part in parts:
        answer = chosen(part, known)
        if answer is None:
            words = [each.word for each in known]
            can = ", ".join(["true", "false", *words] if boolean else words)
            raise GuidewayError(f"--set {element.id}: {part.strip()!r} is none of its answers; there are: {can}")
        found.append(f"{answer.system or ''}|{answer.word}" if boolean else answer.word)
    return ",".join(found)


def must_be_in_range(element: Element, value: Decimal, guideline: CompiledGuideline) -> None:
    """``GuidewayError`` where the number, in the element's own unit, is none that the package takes for possible."""
    low, high = _bounds(element, guideline)
    if (low is None or value >= low) and (high is None or value <= high):
        return
    unit = f" {element.unit}" if element.unit and element.unit != "1" else ""
    possible = (
        f"{low} to {high}" if low is not None and high is not None else f"{low} or more" if high is None else f"{high} or less"
    )
    raise GuidewayError(
        f"--set {element.id}: {value:f}{unit} is not possible; write a number of {possible}{unit and ', in' + unit}"
    )


def _bounds(element: Element, guideline: CompiledGuideline) -> tuple[Decimal | None, Decimal | None]:
    text = element.tag("range")
    if text is not None:
        match = _RANGE.match(text)
        if match is None:
            raise GuidewayError(
                f"{element.library}, define {element.define!r}: @range: {text} is no range; write, for example, 0..130"
            )
        low, high = (Decimal(part) if part is not None else None for part in match.groups())
        return low, high
    item = question_item(element.question, guideline) if element.question else None
    found: list[Decimal | None] = [None, None]
    for extension in objects((item or {}).get("extension")):
        side = _BOUNDS.get(str(extension.get("url")))
        value = next((v for name, v in extension.items() if name in ("valueInteger", "valueDecimal")), None)
        if side is not None and value is not None:
            try:
                found[side] = Decimal(str(value))
            except InvalidOperation:
                continue
    return found[0], found[1]

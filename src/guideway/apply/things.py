"""What a request or a resource is about, and whether two are about the same: by code, or by name where codes do not say.

Takes CodeableConcepts and the resources that hold them; gives ``Thing``s. Names are compared without case, punctuation, order of
words, amounts, and the words that the guideline says make no difference (``forms_of``: dosage forms and packs), so that a drug
given as text is compared too; what can only be compared by its words says so (``Thing.codes`` is empty).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec

from guideway.guideline.compiled import CompiledGuideline
from guideway.guideline.names import concept_text, objects
from guideway.patterns import Later

Json = dict[str, Any]
Codes = frozenset[tuple[str | None, str]]
Words = frozenset[str]

WHAT = ("medicationCodeableConcept", "code", "codeCodeableConcept", "itemCodeableConcept")
_NOT_NAMES = frozenset(
    {
        "mg", "g", "kg", "mcg", "ug", "ng", "ml", "l", "iu", "u", "unit", "units", "meq", "mmol", "hr", "h", "day", "days",
        "of", "the", "in", "and", "by",
    }
)  # fmt: skip
"""Words of amounts, and those that only join others: they do not tell one thing from another."""

NO_FORMS: Words = frozenset()
FORM_WORDS = "formWords"
"""The setting of a guideline's package.json (``"guideway": {"formWords": […]}``)."""


def forms_of(guideline: CompiledGuideline) -> Words:
    """The words of dosage forms and packs, which in a product's name make no other drug of it; the guideline lists them."""
    found = guideline.manifest.settings.get(FORM_WORDS)
    return frozenset(word.casefold() for word in found if isinstance(word, str)) if isinstance(found, list) else NO_FORMS


class Thing(msgspec.Struct, frozen=True):
    """Codes, and names as sets of words."""

    codes: Codes
    names: frozenset[Words]
    text: str


_WORD = Later(r"[^\W_]+")


@lru_cache(4096)
def words(text: str, forms: Words = NO_FORMS) -> Words:
    """The words of a name that tell it from another; ``forms`` are words that do not.

    >>> sorted(words("Vial-A 5 mg, small", frozenset({"vial", "small"})))
    ['a']
    """
    found = _WORD.findall(text.casefold())
    kept = frozenset(w for w in found if w not in _NOT_NAMES and w not in forms and not w[0].isdigit())
    return kept or frozenset(found)


def thing(concepts: Iterable[Any], forms: Words = NO_FORMS) -> Thing:
    """What these concepts name together."""
    codes: set[tuple[str | None, str]] = set()
    names: dict[str, None] = {}
    text = ""
    for concept in concepts:
        if not isinstance(concept, dict):
            continue
        for coding in objects(concept.get("coding")):
            if isinstance(coding.get("code"), str):
                codes.add((coding.get("system"), coding["code"]))
            if isinstance(coding.get("display"), str):
                names[coding["display"]] = None
        if isinstance(concept.get("text"), str):
            names[concept["text"]] = None
        text = text or concept_text(concept) or ""
    return Thing(frozenset(codes), frozenset(found for name in names if (found := words(name, forms))), text)


def thing_of(request: Json, forms: Words = NO_FORMS) -> Thing:
    """What a request is for."""
    concepts = [request[name] for name in WHAT if isinstance(request.get(name), dict)]
    concepts += [supplement.get("type") for supplement in objects(request.get("supplement"))]
    if request.get("resourceType") == "ImmunizationRecommendation":
        recommended = objects(request.get("recommendation"))
        concepts += [vaccine for one in recommended for vaccine in objects(one.get("vaccineCode"))]
    reference = request.get("medicationReference")
    if isinstance(reference, dict) and isinstance(reference.get("display"), str):
        concepts.append({"text": reference["display"]})
    found = thing(concepts, forms)
    return found if found.text else Thing(found.codes, found.names, str(request.get("resourceType")))


def same(left: Thing, right: Thing) -> bool:
    """Whether both are the same: a shared code, or the same name."""
    return bool(left.codes & right.codes or left.names & right.names)


def covers(general: Thing, special: Thing) -> bool:
    """Whether ``special`` is the same or a kind of ``general`` by its name: "A" covers "A 5 mg tablet, coated"."""
    return same(general, special) or any(a <= b for a in general.names for b in special.names)

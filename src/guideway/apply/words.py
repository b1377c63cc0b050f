"""What people call things that the outcome names by an id or by the name of a define.

Takes a request (its JSON), a value or the name of a define; gives a few words. The views show them; ids stay in the JSON.
"""

from __future__ import annotations

from typing import Any

from guideway.apply.code_names import Displays, concept_name
from guideway.guideline.names import objects

Json = dict[str, Any]

_ASKS = {
    "MedicationRequest": "prescription", "ServiceRequest": "order", "DeviceRequest": "device", "SupplyRequest": "supply",
    "ImmunizationRecommendation": "immunization", "VisionPrescription": "prescription", "NutritionOrder": "order",
    "CommunicationRequest": "message", "Task": "task", "Appointment": "appointment", "EnrollmentRequest": "enrollment",
}  # fmt: skip


def proposal_text(request: Json, displays: Displays | None = None) -> str:
    """What a request asks for, in a few words: the thing, how, and what kind of request it is; ``displays`` names codes that it
    gives without words.

    >>> proposal_text({"resourceType": "ServiceRequest", "code": {"text": "Second opinion"}})
    'Second opinion (order)'
    """
    named = ("medicationCodeableConcept", "code", "codeCodeableConcept", "itemCodeableConcept", "description", "category")
    found = [request.get(name) for name in named]
    found += [vaccine for one in objects(request.get("recommendation")) for vaccine in objects(one.get("vaccineCode"))]
    found += [supplement.get("type") for supplement in objects(request.get("supplement"))]
    found += [payload.get("contentString") for payload in objects(request.get("payload"))]
    what = next((text for each in found if (text := concept_name(_first(each), displays))), None)
    how = [text for dosage in objects(request.get("dosageInstruction")) if (text := _how(dosage))]
    kind = str(request.get("resourceType"))
    words = what or kind
    if how and how[0].casefold() not in words.casefold():
        words += f": {how[0].rstrip('.')}"
    stop = ", not to be done" if prohibits(request) else ""
    return f"{words} ({_ASKS.get(kind, kind)}{stop})"


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def prohibits(request: Json) -> bool:
    """Whether a request says not to do it, in the element of its type or in the modifier extension."""
    if request.get("doNotPerform") is True:
        return True
    found = objects(request.get("modifierExtension"))
    return any(str(e.get("url", "")).endswith("request-doNotPerform") and e.get("valueBoolean") is True for e in found)


def _how(dosage: Json) -> str:
    """The words of a dosage, with the dose where they have no number."""
    text = dosage["text"] if isinstance(dosage.get("text"), str) else ""
    if any(character.isdigit() for character in text):
        return text
    amounts = [dose["doseQuantity"] for dose in objects(dosage.get("doseAndRate")) if isinstance(dose.get("doseQuantity"), dict)]
    said = ", ".join(f"{a['value']} {a.get('unit') or a.get('code') or ''}".strip() for a in amounts if "value" in a)
    return f"{text.rstrip('.')} ({said})" if text and said else text or said


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


_LEADING = ("Has ", "Is ", "On ", "Have ", "Does ")


def define_words(name: str) -> str:
    """The name of a define as words in a sentence: without the verb it begins with, abbreviations as they are.

    >>> define_words("Has Reviewed ANC Below 1.0")
    'reviewed ANC below 1.0'
    >>> define_words("A High-Range T4 After Step D")
    'a high-range T4 after step D'
    """
    for verb in _LEADING:
        if name.startswith(verb) and len(name) > len(verb):
            name = name.removeprefix(verb)
            break
    return " ".join("-".join(map(_in_a_sentence, word.split("-"))) for word in name.split())


def _in_a_sentence(word: str) -> str:
    """A word that only the title of a define begins with a capital letter, in small letters; a symbol (H1, D, ANC) as it is."""
    rest = word[1:]
    return word.lower() if word == "A" or (word[:1].isupper() and rest.isalpha() and rest == rest.lower()) else word


def name_words(name: str) -> str:
    """A name in one word as the words it is made of.

    >>> name_words("daysAgo")
    'days ago'
    """
    apart = [n for n, letter in enumerate(name) if n and letter.isupper() and name[n - 1].islower()]
    return " ".join(name[begin:end].lower() for begin, end in zip([0, *apart], [*apart, len(name)]))

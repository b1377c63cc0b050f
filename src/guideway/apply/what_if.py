"""What if a datum were different: ``--set 'anc=0.8 10*9/L@2026-05-30'`` for one run, and what changes in the outcome.

A setting names a data element of the guideline (a define tagged ``@dataElement``) and gives it a value, or nothing (``anc=``
takes it away). Where the element's tags say how the record would carry it, the record is changed: a measurement becomes an
Observation with the first code of its value set, an answer a QuestionnaireResponse, a diagnosis a Condition, a drug a
MedicationRequest; so everything else that reads such data sees it too. Where they do not, or where that does not make the element
what was set, the define's value is replaced.
What then differs in the outcome: ``comparing``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from guideway.apply.fhir_json import UCUM
from guideway.apply.moment import Moment
from guideway.apply.parameters import read_quantity
from guideway.apply.possible import answers, chosen, in_known_words, must_be_in_range
from guideway.apply.settings_check import checked, holds, in_own_unit, number_of
from guideway.diagnostics import GuidewayError
from guideway.guideline.compiled import CompiledGuideline, DefineKey, Element, Requirement
from guideway.guideline.names import objects

Json = dict[str, Any]

_SETTING = re.compile(
    r"\s*([^=]+?)\s*=\s*(.*?)\s*(?:@\s*(\d{4}(?:-\d{2}(?:-\d{2}(?:T[\d:.]+(?:Z|[+-]\d{2}:\d{2})?)?)?)?))?\s*$", re.DOTALL
)
_NEWER = ("null", "none", "unknown", "")
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFIED = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
ALLERGY = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"


class Setting(msgspec.Struct, frozen=True):
    """One ``--set``: the element, its value as text (None: take the data away), and when."""

    element: Element
    text: str | None
    date: str | None


class Change(msgspec.Struct):
    """What a set of settings does to a run."""

    record: Any
    overrides: dict[DefineKey, Any]
    notes: list[str]
    """For each setting, in words, what was done."""


def parse_setting(text: str, guideline: CompiledGuideline) -> Setting:
    """``name=value@date``; ``GuidewayError`` for an unknown name (with the nearest) or a text without ``=``."""
    match = _SETTING.match(text)
    if match is None:
        raise GuidewayError(
            f"--set {text!r}: write name=value, for example 'count=0.8 10*9/L@2026-05-30', or name= to take it away"
        )
    name, value, date = match.groups()
    element = guideline.element_named(name)
    words = [answer.word.casefold() for answer in answers(element, guideline)] if value.lower() in _NEWER else []
    if value.lower() in _NEWER and value.lower() not in words:  # "unknown" may be what a test says
        return Setting(element, None, date)
    _must_be_written_so(element, value)
    number = number_of(element, value)
    if number is not None:
        must_be_in_range(element, number, guideline)
    return Setting(element, in_known_words(element, value, guideline), date)


def _must_be_written_so(element: Element, value: str) -> None:
    """Refuse a number with a decimal comma and a day in another form, which would be taken for part of a unit."""
    if element.short_type not in ("Quantity", "Integer", "Decimal", "SimpleQuantity", "integer", "decimal"):
        return
    before, at, day = value.rpartition("@")
    if at and re.fullmatch(r"\s*\d[\d./: -]*", day):
        raise GuidewayError(
            f"--set {element.id}: {day.strip()!r} is no day; write it as {element.id}={before.strip()}@YYYY-MM-DD"
        )
    comma = re.match(r"(\s*(?:<=|>=|<|>)?\s*[+-]?\d+),(\d.*)", value, re.DOTALL)
    if comma is not None:
        text = f"{comma.group(1)}.{comma.group(2)}"
        raise GuidewayError(f"--set {element.id}: {value!r} has a comma; write the number with a point: {element.id}={text}")


def change(
    record: Any,
    settings: Iterable[Setting],
    guideline: CompiledGuideline,
    when: Moment,
    *,
    source: str = "--set",
    id: str = "what-if",
) -> Change:
    """The record and the overrides that make the settings true; ``source`` and ``id`` name the resources that are added."""
    result = Change(record, {}, [])
    settings = list(settings)
    added: list[str] = []
    dated: set[int] = set()
    for number, setting in enumerate(settings):
        element = setting.element
        checked(element, setting.text, setting.date, when)
        resource = _resource(setting, guideline, when, f"{id}-{number + 1}")
        if setting.text is None:
            gone = _carriers(element, guideline, result.record)
            less = result.record.changed(remove=gone) if gone and hasattr(result.record, "changed") else None
            if less is not None and holds(element, None, less, result.overrides, guideline, when):
                result.record = less
                result.notes.append(f"{element.display}: without {', '.join(gone)}")
            else:
                result.overrides[element.library, element.define] = None
                result.notes.append(f"{element.display}: not known")
            continue
        changed, remark = None, ""
        if resource is not None and hasattr(result.record, "changed"):
            day = _date(setting, when)[:10]
            same_day = _carriers(element, guideline, result.record, on=day) if len(day) == 10 else []
            same_day = [reference for reference in same_day if reference not in added]  # what is set beside it stays
            subject = result.record.subject()
            if subject is not None and subject.reference:
                _own(resource, subject.reference)
            changed = result.record.changed(add=[resource], remove=same_day, source=source)
            if not holds(element, setting.text, changed, result.overrides, guideline, when):
                if setting.date is None:
                    changed = None
                else:  # what is dated may be older than what counts; everything else must come true
                    remark = "; something newer counts"
                    dated.add(number)
        if changed is not None and resource is not None:
            result.record = changed
            added.append(f"{resource['resourceType']}/{resource['id']}")
            result.notes.append(
                f"{element.display}: {_said(setting)} as {resource['resourceType']} of {_date(setting, when)}{remark}"
            )
        else:
            _replace(result, setting)
            result.notes.append(_replaced(setting))
    for number, setting in enumerate(settings if len(settings) > 1 else ()):  # what came after may have undone it
        element = setting.element
        if number in dated or (element.library, element.define) in result.overrides:
            continue
        if any(other.element == element for other in settings[number + 1 :]):
            continue
        if not holds(element, setting.text, result.record, result.overrides, guideline, when):
            _replace(result, setting)
            result.notes[number] = _replaced(setting)
    return result


def _replace(result: Change, setting: Setting) -> None:
    """Give the element's define the value, in place of what its logic gives."""
    element, text = setting.element, setting.text
    result.overrides[element.library, element.define] = None if text is None else in_own_unit(element, text)


def _replaced(setting: Setting) -> str:
    if setting.text is None:
        return f"{setting.element.display}: not known"
    return f"{setting.element.display}: {_said(setting)} (in place of what its logic gives)"


def _said(setting: Setting) -> str:
    """The value as it was taken: a number that was given without a unit with the element's own."""
    text, unit = setting.text or "", setting.element.unit
    if setting.element.question and "|" in text:
        text = text.rpartition("|")[2]  # the code alone: its system is the question's
    try:
        bare = unit is not None and read_quantity(re.sub(r"^(<=|>=|<|>)\s*", "", text)).unit == "1"
    except (ValueError, InvalidOperation):
        bare = False
    return f"{text} {unit} (the element's own unit; none was given)" if bare and not text.rstrip().endswith("'") else text


def _own(resource: Json, subject: str) -> None:
    name = "patient" if resource["resourceType"] == "AllergyIntolerance" else "subject"
    resource[name] = {"reference": subject}


def _date(setting: Setting, when: Moment) -> str:
    return setting.date or when.text


def _coded_by(element: Element, guideline: CompiledGuideline) -> tuple[Requirement | None, Json | None]:
    """The retrieve by which the logic finds the element, and the first code it would find."""
    definition = guideline.definition((element.library, element.define))
    requirements = [guideline.requirements[n] for n in definition.requirements] if definition is not None else []
    for requirement in sorted(requirements, key=lambda r: r.value_set != element.value_set):
        if requirement.value_set and (element.value_set in (None, requirement.value_set)):
            url = requirement.value_set
            members = guideline.value_sets.get(url) or guideline.value_sets.get(url.partition("|")[0])
            if isinstance(members, list) and members:
                system, code, display = _saying_least(members, guideline)[:3]
                return requirement, {"system": system, "code": code} | ({"display": display} if display else {})
        elif requirement.codes and element.value_set is None:
            system, code = requirement.codes[0]
            return requirement, {"code": code} | ({"system": system} if system else {})
    return None, None


def _saying_least(members: list[Any], guideline: CompiledGuideline) -> Any:
    """The code of a value set that says no more than that: of a disease, not one of its subtypes. The one in the fewest other
    value sets that the logic reads; of several the first."""
    read = {r.value_set.partition("|")[0] for r in guideline.requirements if r.value_set}
    others = [found for url in sorted(read) if isinstance(found := guideline.value_sets.get(url), list)]
    held = [{(m[0], m[1]) for m in found if not isinstance(m, str)} for found in others]
    return min(members, key=lambda m: sum((m[0], m[1]) in codes for codes in held))


def _resource(setting: Setting, guideline: CompiledGuideline, when: Moment, name: str) -> Json | None:
    """The resource that would carry the value; None where the tags and the logic do not say."""
    element, text = setting.element, setting.text
    if text is None or element.short_type in ("Date", "DateTime", "date", "dateTime"):
        return None  # a day is a value of its own, not what some resource holds
    date = _date(setting, when)
    boolean = {"true": True, "yes": True, "false": False, "no": False}.get(text.lower())
    if element.question:
        if boolean is not None and _answer_type(element.question, guideline) not in (None, "boolean"):
            return None  # the question offers other answers than yes and no: the element itself takes the value
        return _answer(element, text, boolean, date, name, guideline)
    requirement, coding = _coded_by(element, guideline)
    if requirement is None or coding is None:
        return None
    concept = {"coding": [coding]}
    if requirement.type == "Observation":
        observation: Json = {
            "resourceType": "Observation",
            "id": name,
            "status": "final",
            "code": concept,
            "effectiveDateTime": date,
        }
        return observation | _observed(text, boolean, element)
    if boolean is not True:
        return None
    if requirement.type == "Condition":
        active = {"coding": [{"system": CLINICAL, "code": "active"}]}
        confirmed = {"coding": [{"system": VERIFIED, "code": "confirmed"}]}
        return {
            "resourceType": "Condition", "id": name, "clinicalStatus": active, "verificationStatus": confirmed, "code": concept,
            "onsetDateTime": date, "recordedDate": date,
        }  # fmt: skip
    if requirement.type == "MedicationRequest":
        return {
            "resourceType": "MedicationRequest", "id": name, "status": "active", "intent": "order",
            "medicationCodeableConcept": concept, "authoredOn": date,
        }  # fmt: skip
    if requirement.type == "AllergyIntolerance":
        active = {"coding": [{"system": ALLERGY, "code": "active"}]}
        return {"resourceType": "AllergyIntolerance", "id": name, "clinicalStatus": active, "code": concept, "recordedDate": date}
    return None


def _observed(text: str, boolean: bool | None, element: Element) -> Json:
    if boolean is not None:
        return {"valueBoolean": boolean}
    try:
        comparator = re.match(r"(<=|>=|<|>)\s*", text)
        quantity = read_quantity(text[comparator.end() :] if comparator else text)
    except (ValueError, InvalidOperation):
        return {"valueString": text}
    unit = element.unit if quantity.unit == "1" and element.unit else quantity.unit
    value: Json = {"value": quantity.value, "unit": unit, "system": UCUM, "code": unit}
    return {"valueQuantity": ({"comparator": comparator.group(1)} if comparator else {}) | value}


def _answer_type(question: str, guideline: CompiledGuideline) -> str | None:
    """The type of a question's item; None where the Questionnaire is not there."""
    canonical, _, link_id = question.partition("#")
    found = guideline.resolve(canonical)
    pending = list(objects(found.resource.get("item"))) if found is not None else []
    while pending:
        item = pending.pop()
        if item.get("linkId") == link_id:
            return str(item.get("type"))
        pending += objects(item.get("item"))
    return None


def _answer(element: Element, text: str, boolean: bool | None, date: str, name: str, guideline: CompiledGuideline) -> Json:
    canonical, _, link_id = (element.question or "").partition("#")
    known = answers(element, guideline)
    several = [chosen(part, known) for part in (text.split(",") if (element.type or "").startswith("List<") else [text])]
    codings = [each.coding() for each in several if each is not None and each.coded]
    if boolean is not None:
        answer: Json = {"valueBoolean": boolean}
    elif codings and len(codings) == len(several):
        return _response(canonical, link_id, [{"valueCoding": coding} for coding in codings], date, name)
    elif "|" in text:
        system, _, code = text.rpartition("|")
        answer = {"valueCoding": {"system": system, "code": code}}
    else:
        try:
            quantity = read_quantity(text)
            if quantity.unit != "1":
                answer = {
                    "valueQuantity": {"value": quantity.value, "unit": quantity.unit, "system": UCUM, "code": quantity.unit}
                }
            elif quantity.value == quantity.value.to_integral_value() and "." not in text:
                answer = {"valueInteger": int(quantity.value)}
            else:
                answer = {"valueDecimal": Decimal(quantity.value)}
        except (ValueError, InvalidOperation):
            if element.type is not None and element.type.rpartition(".")[2].lower() == "boolean":
                raise GuidewayError(
                    f"--set {element.id}: {text!r} is no answer to a yes-or-no question; write {element.id}=true, "
                    f"{element.id}=false, or the code of an answer as system|code"
                ) from None
            answer = {"valueDate": text} if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else {"valueString": text}
    return _response(canonical, link_id, [answer], date, name)


def _response(canonical: str, link_id: str, given: list[Json], date: str, name: str) -> Json:
    return {
        "resourceType": "QuestionnaireResponse", "id": name, "questionnaire": canonical, "status": "completed", "authored": date,
        "item": [{"linkId": link_id, "answer": given}],
    }  # fmt: skip


def _carriers(element: Element, guideline: CompiledGuideline, record: Any, on: str | None = None) -> list[str]:
    """References of the resources that carry the element; ``on``: only those of that day."""
    from guideway.apply.facts import date_of

    definition = guideline.definition((element.library, element.define))
    found: list[str] = []
    for number in definition.requirements if definition is not None else ():
        requirement = guideline.requirements[number]
        codes: Any = None
        if requirement.value_set:
            url, _, version = requirement.value_set.partition("|")
            codes = guideline.terminology.codes(url, version or None)
        elif requirement.codes:
            codes = frozenset(requirement.codes)
        if codes is None:
            continue
        for item in record.retrieve(requirement.type, code_path=requirement.code_path or "code", codes=codes):
            if item.reference and (on is None or (date_of(item.data) or "").startswith(on)):
                found.append(item.reference)
    return list(dict.fromkeys(found))


def settings_of(texts: Sequence[str], guideline: CompiledGuideline) -> list[Setting]:
    """All ``--set`` texts of a command."""
    return [parse_setting(text, guideline) for text in texts]

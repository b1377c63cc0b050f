"""The data that is missing as questions: a Questionnaire of one run, and its answers read back as data.

``questionnaire(outcome, guideline)`` asks each missing datum once: in the words and with the answers of the package's own
question where there is one, else by the datum's name, type and unit. ``with_answers(record, guideline, …)`` finds the responses
to such a Questionnaire in the data and makes them data, in the way of ``--set``: a number becomes an Observation, a yes to a drug
a MedicationRequest. SDC: http://hl7.org/fhir/R4/questionnaire.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from guideway.apply.moment import Moment
from guideway.apply.names import ASKED, safe_id
from guideway.apply.outcome import Missing, PatientOutcome, pruned
from guideway.apply.supply import question_item
from guideway.guideline.compiled import CompiledGuideline, DefineKey, Element
from guideway.guideline.names import objects

Json = dict[str, Any]

UNIT = "http://hl7.org/fhir/StructureDefinition/questionnaire-unit"

_TYPES = {
    "boolean": "boolean", "integer": "integer", "positiveInt": "integer", "unsignedInt": "integer", "decimal": "decimal",
    "quantity": "quantity", "simplequantity": "quantity", "date": "date", "datetime": "dateTime", "time": "time",
}  # fmt: skip


def questionnaire(outcome: PatientOutcome, guideline: CompiledGuideline) -> Json | None:
    """The questions for what this outcome misses; None where nothing that could be asked is missing."""
    asked: dict[str, Missing] = {}
    for recommendation in outcome.recommendations:
        for missing in recommendation.missing:
            asked.setdefault(missing.element, missing)
    elements = {element.id: element for element in guideline.elements.values()}
    items = [_item(elements[name], missing, guideline) for name, missing in asked.items() if name in elements]
    if not items:
        return None
    chosen = [plan for plan in outcome.plans if plan.chosen]
    name = chosen[0].id if len(chosen) == 1 else guideline.manifest.id
    base = str(guideline.manifest.canonical or "urn:guideway").rstrip("/")
    return pruned(
        {
            "resourceType": "Questionnaire",
            "id": safe_id(f"data-needed-{name}"),
            "url": f"{base}{ASKED}{safe_id(name)}",
            "version": guideline.manifest.version,
            "title": f"Data needed: {chosen[0].title if len(chosen) == 1 else outcome.guideline.get('title') or name}",
            "status": "draft",
            "subjectType": ["Patient"],
            "date": outcome.evaluated_at,
            "item": items,
        }
    )


def response(asked: Json, outcome: PatientOutcome) -> Json:
    """The response to be filled in: every question, no answer yet."""
    return {
        "resourceType": "QuestionnaireResponse",
        "id": safe_id(f"{asked['id']}-response"),
        "questionnaire": f"{asked['url']}|{asked['version']}" if asked.get("version") else asked["url"],
        "status": "in-progress",
        "subject": {"reference": outcome.subject},
        "authored": outcome.evaluated_at,
        "item": [{"linkId": item["linkId"], "text": item["text"]} for item in asked["item"]],
    }


def _item(element: Element, missing: Missing, guideline: CompiledGuideline) -> Json:
    own = question_item(element.question, guideline) if element.question else None
    kind = (element.type or "").rpartition(".")[2].casefold()
    item: Json = {"linkId": element.id, "text": missing.display, "type": _TYPES.get(kind, "string")}
    if own is not None and own.get("type") not in ("group", "display"):
        item |= {name: own[name] for name in ("text", "type", "answerOption", "answerValueSet") if name in own}
    coded = next((supply.code for supply in missing.supply if supply.code), None)
    if coded is not None:
        item["code"] = [coded]
    if element.unit and item["type"] == "quantity":
        unit = {"system": "http://unitsofmeasure.org", "code": element.unit, "display": element.unit}
        item = {"extension": [{"url": UNIT, "valueCoding": unit}]} | item
    return item


def with_answers(record: Any, guideline: CompiledGuideline, when: Moment) -> tuple[Any, dict[DefineKey, Any]]:
    """The record with the answers to questions made here as data, and the values of defines that no data can carry."""
    from guideway.apply.what_if import Setting, change

    elements = {element.id: element for element in guideline.elements.values()}
    settings: list[Setting] = []
    given = responses(record)
    for found in given:
        authored = found.data.get("authored")
        date = authored if isinstance(authored, str) and authored <= when.text else None
        for item in _items(found.data):
            element = elements.get(str(item.get("linkId")))
            text = _answer(item)
            if element is not None and text is not None:
                settings.append(Setting(element, text, date))
    if not settings:
        return record, {}
    record = record.changed(remove=[found.reference for found in given if found.reference])
    changed = change(record, settings, guideline, when, source="answers", id="answer")
    return changed.record, changed.overrides


def responses(record: Any) -> list[Any]:
    """The finished responses to a Questionnaire made here."""
    return [
        found
        for found in record.retrieve("QuestionnaireResponse")
        if ASKED in str(found.data.get("questionnaire")) and found.data.get("status") in ("completed", "amended")
    ]


def _items(node: Json) -> Iterator[Json]:
    for item in objects(node.get("item")):
        yield item
        yield from _items(item)


def _answer(item: Json) -> str | None:
    """The first answer as ``--set`` would write it."""
    for answer in objects(item.get("answer")):
        name = next((n for n in answer if n.startswith("value")), None)
        value = answer.get(name) if name else None
        if name == "valueBoolean":
            return "true" if value is True else "false"
        if name == "valueQuantity" and isinstance(value, dict) and "value" in value:
            return f"{value.get('comparator', '')}{value['value']} {value.get('code') or value.get('unit') or ''}".strip()
        if name == "valueCoding" and isinstance(value, dict) and value.get("code"):
            return f"{value['system']}|{value['code']}" if value.get("system") else str(value["code"])
        if name is not None and not isinstance(value, dict | list):
            return str(value)
    return None

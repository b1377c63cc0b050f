"""How to supply a missing data element: which result to order, which question to answer, what to record.

From the element's tags: ``@valueset`` (codes by which a result or record would carry it), ``@unit``, ``@question``
(questionnaire and item), and ``@supply``, which says it in the guideline's own words. What kind of thing it is follows from
what the element's logic reads: a value set on Observations is a measurement to order, on Conditions, medications and so on a
record to add; so is one that the guideline's words say to enter alone: what is past is not ordered.
"""

from __future__ import annotations

from typing import Any

from guideway.apply.code_names import code_name
from guideway.apply.outcome import Supply
from guideway.guideline.compiled import CompiledGuideline, DefineKey, Element, Requirement
from guideway.guideline.names import objects

Json = dict[str, Any]

_MEASURED = frozenset({"Observation", "DiagnosticReport"})


def supplies(element: Element, guideline: CompiledGuideline) -> list[Supply]:
    """Every way the package names, the question first; where it names none, the display alone."""
    known: dict[DefineKey, list[Supply]] = guideline.memory.setdefault(supplies, {})
    key = element.library, element.define
    if key not in known:
        known[key] = _supplies(element, guideline)
    return list(known[key])


def _supplies(element: Element, guideline: CompiledGuideline) -> list[Supply]:
    found: list[Supply] = []
    if element.question:
        found.append(question_supply(element.question, guideline))
    if element.value_set:
        found.append(_coded(element, guideline))
    if not found:
        unit = f", in {element.unit}" if element.unit else ""
        text = element.tag("supply") or f"Record: {element.display}{unit}"
        found.append(Supply(kind="record", text=text, unit=element.unit))
    return found


def requirement_name(requirement: Requirement, guideline: CompiledGuideline) -> str | None:
    """What a retrieve asks for, in words: its value set or its codes; None where it takes every resource of the type."""
    if requirement.value_set:
        return _title(requirement.value_set, guideline)
    named = [code_name(guideline, system, code) or code for system, code in requirement.codes]
    return " or ".join(dict.fromkeys(named)) or None


def requirement_supply(requirement: Requirement, guideline: CompiledGuideline) -> Supply:
    """How to supply what a retrieve asks for, where no element says it."""
    name = requirement_name(requirement, guideline)
    measured = requirement.type in _MEASURED
    code: Json | None = None
    if requirement.codes:
        system, value = requirement.codes[0]
        code = {"code": value} | ({"system": system} if system else {})
    what = name or requirement.type
    text = f"Order or enter: {what}" if measured else f"Record: {what}" + (f" ({requirement.type})" if name else "")
    kind = "order" if measured else "record"
    return Supply(kind=kind, text=text, type=requirement.type, value_set=requirement.value_set, code=code)


def _title(url: str, guideline: CompiledGuideline) -> str:
    return guideline.value_set_titles.get(url) or guideline.value_set_titles.get(url.partition("|")[0]) or url


def question_supply(reference: str, guideline: CompiledGuideline) -> Supply:
    """A question of a Questionnaire, with its text where the questionnaire is in the package."""
    canonical, _, link_id = reference.partition("#")
    questionnaire = guideline.resolve(canonical, "Questionnaire")
    title = questionnaire.title if questionnaire is not None else canonical
    text = (question_item(reference, guideline) or {}).get("text")
    words = f"Answer in “{title}”: {text}" if isinstance(text, str) else f"Answer item {link_id} of the form “{title}”"
    known = questionnaire.canonical if questionnaire is not None else canonical
    return Supply(kind="question", text=words, type="QuestionnaireResponse", questionnaire=known, link_id=link_id or None)


def question_item(reference: str, guideline: CompiledGuideline) -> Json | None:
    """The item of a Questionnaire that ``<canonical>#<linkId>`` names; None where the package does not hold it."""
    canonical, _, link_id = reference.partition("#")
    known: dict[str, dict[str, Json]] = guideline.memory.setdefault(question_item, {})
    items = known.get(canonical)
    if items is None:
        items = {}
        questionnaire = guideline.resolve(canonical, "Questionnaire")
        pending = [questionnaire.resource] if questionnaire is not None else []
        while pending:
            node = pending.pop()
            if isinstance(name := node.get("linkId"), str):
                items.setdefault(name, node)
            pending += reversed([*objects(node.get("item"))])
        known[canonical] = items  # now that it is whole: other threads look here, too
    return items.get(link_id)


def _coded(element: Element, guideline: CompiledGuideline) -> Supply:
    url = element.value_set or ""
    title = _title(url, guideline)
    members = guideline.value_sets.get(url) or guideline.value_sets.get(url.partition("|")[0])
    code: Json | None = None
    if isinstance(members, list) and members:
        system, value, display = members[0][0], members[0][1], members[0][2]
        code = {"system": system, "code": value} | ({"display": display} if display else {})
    definition = guideline.definition((element.library, element.define))
    read = [guideline.requirements[n] for n in definition.requirements] if definition is not None else []
    types = [r.type for r in read if r.value_set == url] or [r.type for r in read]
    measured = next((kind for kind in types if kind in _MEASURED), None)
    unit = f", in {element.unit}" if element.unit else ""
    taken = any(kind.startswith("Medication") for kind in types)  # which product comes first in a list says nothing
    example = f", for example {code['display']}" if code and "display" in code and not taken else ""
    title = element.display if taken else title
    named = f" ({title}{example})" if title.casefold() != element.display.casefold() else f" ({example[2:]})" if example else ""
    text = f"Order or enter: {element.display}{named}{unit}" if measured else f"Record: {element.display}{named}"
    own = element.tag("supply")
    order = measured and not (own or "").startswith(("Record", "Enter"))
    text = own or text
    kind = measured or (types[0] if types else None)
    return Supply(kind="order" if order else "record", text=text, type=kind, value_set=url, code=code, unit=element.unit)

"""Where each statement went: statement → source → action → activity → defines → value sets → test cases.

Made from the artifacts themselves, so it cannot drift from them: an action names its statements (extension ``statement-id``) and
cites article and lines; its expressions, and those of its activity, name defines; the compiled logic knows what those read and
which value sets they ask about (with the answers to their questions, and what the activity lets one choose from); a case names
what it expects. What a part of the logic asks for whoever calls it (tag ``@shared``) is listed once, and named by the rows.
Takes a compiled guideline and the test cases, gives one JSON object with a row for each statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from guideway.apply.names import ORDERABLE
from guideway.guideline.compiled import CompiledGuideline, DefineKey
from guideway.guideline.expressions import bind, expressions_of
from guideway.guideline.package import Artifact

Json = dict[str, Any]

STATEMENT_ID = "https://example.org/guideway/StructureDefinition/statement-id"
FORMAT = "guideway-traceability/1"


def traceability(guideline: CompiledGuideline, cases: Mapping[str, Iterable[str]] | None = None) -> Json:
    """The table. ``cases``: case id → the statement and action ids it expects something of; a case of one statement of an action
    is a case of all that the action carries."""
    by_name: dict[str, list[str]] = {}
    for case, names in sorted((cases or {}).items()):
        for name in names:
            by_name.setdefault(name, []).append(case)
    rows: dict[str, Json] = {}
    together: dict[str, set[str]] = {}
    for plan in sorted(guideline.plans, key=lambda p: p.id):
        for action in actions_of(plan.resource):
            carried = statement_ids(action)
            for statement in carried:
                together.setdefault(statement, set()).update([*carried, str(action.get("id")), f"{plan.id}#{action.get('id')}"])
                row = rows.setdefault(statement, {"id": statement, "homes": []})
                row["homes"].append(_home(guideline, plan, action))
    for statement, row in rows.items():
        row["cases"] = sorted({case for name in together[statement] for case in by_name.get(name, ())})
    manifest = guideline.manifest
    return {
        "format": FORMAT,
        "guideline": {"id": manifest.id, "version": manifest.version},
        "shared": {name: _names(urls) for name, urls in guideline.shared_value_sets.items()},
        "statements": [rows[name] for name in sorted(rows)],
    }


def statement_ids(action: Json) -> list[str]:
    """The statements that an action carries."""
    return [str(e["valueString"]) for e in action.get("extension") or () if e.get("url") == STATEMENT_ID and e.get("valueString")]


def actions_of(parent: Json) -> Iterator[Json]:
    """Every action below a plan or an action, in document order."""
    for action in parent.get("action") or ():
        yield action
        yield from actions_of(action)


def _home(guideline: CompiledGuideline, plan: Artifact, action: Json) -> Json:
    own = {name: value for name, value in action.items() if name != "action"}
    activity = (
        guideline.resolve(str(action.get("definitionCanonical") or ""), "ActivityDefinition")
        if action.get("definitionCanonical")
        else None
    )
    keys = _defines(guideline, own, plan.resource)
    if activity is not None:
        keys |= _defines(guideline, activity.resource, activity.resource)
    elements = [guideline.elements[e] for key in keys for e in _definition(guideline, key) if e in guideline.elements]
    uses = [guideline.value_sets_of(key) for key in keys]
    value_sets = [url for urls, _ in uses for url in urls]
    value_sets += [url for element in elements for url in _answers(guideline, element.question)]
    value_sets += [url for part in (own, activity.resource if activity is not None else {}) for url in _orderable(part)]
    home: Json = {
        "plan": plan.id,
        "action": str(action.get("id")),
        "title": action.get("title"),
        "kind": "proposal" if activity is not None else "information",
        "source": [str(d["label"]) for d in action.get("documentation") or () if d.get("label")],
        "activity": activity.id if activity is not None else None,
        "product": _product(activity.resource) if activity is not None else None,
        "defines": [f"{library}.{define}" for library, define in keys],
        "elements": sorted({element.id for element in elements}),
        "valueSets": _names(value_sets),
        "shared": sorted({name for _, shared in uses for name in shared}),
    }
    return {name: value for name, value in home.items() if value not in (None, [], "")}


def _definition(guideline: CompiledGuideline, key: DefineKey) -> tuple[DefineKey, ...]:
    found = guideline.definition(key)
    return found.elements if found is not None else ()


def _defines(guideline: CompiledGuideline, part: Json, artifact: Json) -> dict[DefineKey, None]:
    """The defines that the expressions in a part of an artifact name."""
    libraries = [reference for reference in artifact.get("library") or () if isinstance(reference, str)]
    bound = (bind(guideline, found.expression, libraries, found.inputs) for found in expressions_of(part))
    return {(b.library, b.define): None for b in bound if b.library is not None and b.define is not None}


def _orderable(definition: Json) -> list[str]:
    """The value sets of what may be chosen, where an action or an activity names a class."""
    return [str(e["valueCanonical"]) for e in definition.get("extension") or () if e.get("url") == ORDERABLE]


def _product(activity: Json) -> str | None:
    """What an activity orders, in words, with its codes."""
    concept = activity.get("productCodeableConcept") or {}
    codings = [f"{c.get('system')}|{c.get('code')}" for c in concept.get("coding") or ()]
    text = str(concept.get("text") or next((c["display"] for c in concept.get("coding") or () if c.get("display")), ""))
    return f"{text} ({', '.join(codings)})".strip() if codings else text or None


def _names(canonicals: Iterable[str]) -> list[str]:
    return sorted({url.rpartition("/")[2].partition("|")[0] for url in canonicals})


def _answers(guideline: CompiledGuideline, question: str | None) -> Iterator[str]:
    """The value set of the answers to the question that a data element names."""
    canonical, _, link = (question or "").partition("#")
    questionnaire = guideline.resolve(canonical, "Questionnaire") if canonical else None
    pending = list(questionnaire.resource.get("item") or ()) if questionnaire is not None else []
    while pending:
        item = pending.pop()
        pending += item.get("item") or ()
        if item.get("linkId") == link and item.get("answerValueSet"):
            yield str(item["answerValueSet"])


def names_expected(expect: Any) -> list[str]:
    """The statement and action ids that a case's expectations name."""
    pairs = [name.partition(": ")[0] for name in expect.missing if ": " in name]
    return [*expect.fire, *expect.not_fire, *expect.status, *pairs]

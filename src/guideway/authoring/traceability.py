"""Where each statement went: statement → source → action → activity → defines → value sets → test cases.

Made from the artifacts themselves, so it cannot drift from them: an action names its statements (extension ``statement-id``) and
cites article and lines; its expressions name defines; the compiled logic knows what those read; a case names what it expects.
Takes a compiled guideline and the test cases, gives one JSON object with a row for each statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

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
    libraries = [reference for reference in plan.resource.get("library") or () if isinstance(reference, str)]
    keys: dict[DefineKey, None] = {}
    for found in expressions_of(own):
        bound = bind(guideline, found.expression, libraries)
        if bound.library is not None and bound.define is not None:
            keys[bound.library, bound.define] = None
    activity = (
        guideline.resolve(str(action.get("definitionCanonical") or ""), "ActivityDefinition")
        if action.get("definitionCanonical")
        else None
    )
    home: Json = {
        "plan": plan.id,
        "action": str(action.get("id")),
        "title": action.get("title"),
        "kind": "proposal" if activity is not None else "information",
        "source": [str(d["label"]) for d in action.get("documentation") or () if d.get("label")],
        "activity": activity.id if activity is not None else None,
        "defines": [f"{library}.{define}" for library, define in keys],
        "elements": sorted(
            {guideline.elements[e].id for key in keys for e in _definition(guideline, key) if e in guideline.elements}
        ),
        "valueSets": sorted(_value_sets(guideline, keys)),
    }
    return {name: value for name, value in home.items() if value not in (None, [], "")}


def _definition(guideline: CompiledGuideline, key: DefineKey) -> tuple[DefineKey, ...]:
    found = guideline.definition(key)
    return found.elements if found is not None else ()


def _value_sets(guideline: CompiledGuideline, keys: Iterable[DefineKey]) -> set[str]:
    found: set[str] = set()
    for key in keys:
        definition = guideline.definition(key)
        for number in definition.requirements if definition is not None else ():
            url = guideline.requirements[number].value_set
            if url:
                found.add(url.rpartition("/")[2].partition("|")[0])
    return found


def names_expected(expect: Any) -> list[str]:
    """The statement and action ids that a case's expectations name."""
    pairs = [name.partition(": ")[0] for name in expect.missing if ": " in name]
    return [*expect.fire, *expect.not_fire, *expect.status, *pairs]

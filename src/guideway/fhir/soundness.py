"""Only valid FHIR leaves: what a definition or a dynamic value would bring in that R4 does not allow is taken out, and named.

``cleaned(resource)`` gives the resource without its faults, and the faults. An element that is wrong is dropped; one that
lacks something required is dropped as a whole; what is then empty goes too. Checks by the tables of ``structure``
(types, formats, required elements, required bindings), which take microseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from guideway.fhir import structure

Json = dict[str, Any]
Path = tuple[str | int, ...]

ROUNDS = 30


def faults_of(resource: Json) -> dict[tuple[Path, str], str]:
    """Every fault, by place and rule, with what is wrong."""
    found = {(fault.path, fault.rule): fault.message for fault in structure.check(resource)}
    return found | {(path, "invariant"): message for path, message in _invariants(resource, (), "")}


def cleaned(resource: Json) -> tuple[Json, list[tuple[str, str]]]:
    """The resource without its faults, and each fault as (element path, message). Parts that are fine are shared, not copied."""
    return mended(resource)[:2]


def mended(resource: Json) -> tuple[Json, list[tuple[str, str]], list[str]]:
    """As ``cleaned``; and the element paths of what is wrong even then: what leaving out does not mend."""
    named: dict[tuple[str, str], None] = {}
    for _ in range(ROUNDS):
        faults: list[tuple[Path, str]] = [(fault.path, fault.message) for fault in structure.check(resource)]
        lasting = [path for path, _ in faults]
        places = {_place(resource, path) for path, _ in faults} - {()}
        if not places:  # nothing that the tables know, or nothing that leaving out would mend
            faults = list(_invariants(resource, (), ""))
            lasting += [path for path, _ in faults]
            places = {_place(resource, path) for path, _ in faults} - {()}
        if not places:
            break
        named |= {(".".join(map(str, path)), message): None for path, message in faults}
        for place in sorted(places, key=lambda p: [str(step).zfill(9) for step in p], reverse=True):
            resource = without(resource, place)
        resource = swept(resource) or {}
    else:
        lasting = [path for path, _ in faults_of(resource)]
    return resource, list(named), list(dict.fromkeys(".".join(map(str, path)) for path in lasting))


def unmended(resource: Json) -> str | None:
    """What is wrong with a resource even when all that can be left out of it is; None where nothing is."""
    fault = next(iter(structure.check(cleaned(resource)[0])), None)
    return None if fault is None else f"{'.'.join(map(str, fault.path))}: {fault.message}"


_AMOUNT = frozenset({"value", "comparator", "unit", "system", "code", "id", "extension"})
_PERIOD = frozenset({"start", "end", "id", "extension"})
_ONLY_AMOUNTS = frozenset({"value", "comparator", "unit"})
"""What tells an amount from a Coding."""


_RESOURCES = frozenset({"contained", "resource", "outcome"})
"""The elements that are resources."""
_LOCAL = frozenset({"reference", "valueCanonical", "valueUri"})


def _invariants(value: Any, path: Path, name: str) -> Iterator[tuple[Path, str]]:
    """Faults that the tables do not know: ext-1, qty-3, references into the definition itself, and what stands beside a value."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _invariants(item, (*path, index), name)
    elif isinstance(value, dict):
        if name in ("extension", "modifierExtension"):
            if ":" not in str(value.get("url", "")) and "extension" not in path[:-2] and "modifierExtension" not in path[:-2]:
                yield path, f"an extension's url is absolute, not {str(value.get('url'))[:80]!r}"
                return
            has_value = any(key.startswith(("value", "_value")) for key in value)
            if has_value == bool(value.get("extension")):
                yield path, "an extension has either a value or extensions (ext-1)"
                return
        start, end = value.get("start"), value.get("end")
        if isinstance(start, str) and isinstance(end, str) and value.keys() <= _PERIOD and _is_before(end, start):
            yield (*path, "end"), f"the period ends ({end}) before it starts ({start}) (per-1)"
        if "system" not in value and isinstance(value.get("code"), str) and _is_amount(value):
            yield (*path, "code"), "a unit code needs its system (qty-3)"
        for key, item in value.items():
            if isinstance(item, str) and item.startswith("#") and (key in _LOCAL or key.endswith("Canonical")):
                yield (*path, key), f"{item[:80]} leads to nothing that is contained in the result"
            elif key == "reference" and isinstance(item, str) and item.split() != [item]:
                yield (*path, key), f"a reference is a URI, without spaces, not {item[:80]!r}"
            elif key == "resourceType" and path and name not in _RESOURCES:
                yield (*path, key), "only a resource has a resourceType"
            elif key.startswith("_") and (not item or (isinstance(item, list) and not any(item))):
                yield (*path, key), "there is nothing in it"
            elif key.startswith("_") and ((key == "_id" and path and name not in _RESOURCES) or _is_complex(value.get(key[1:]))):
                yield (*path, key), "only a primitive element has extensions beside it"
            elif isinstance(item, dict | list):
                yield from _invariants(item, (*path, key), key)


def _is_complex(value: Any) -> bool:
    """Whether an element, or what repeats, is no primitive."""
    return any(isinstance(part, dict) for part in (value if isinstance(value, list) else [value]))


def _is_amount(value: Json) -> bool:
    """Whether an object is a Quantity, not an element of its own that has a code and a value as well."""
    number = value.get("value", 0)
    plain = isinstance(number, int | float | Decimal) and not isinstance(number, bool)
    return plain and value.keys() <= _AMOUNT and bool(value.keys() & _ONLY_AMOUNTS)


def _is_before(left: str, right: str) -> bool:
    """Whether one dateTime is surely before another: as points in time where both are, else as far as both say."""
    if "T" in left and "T" in right:
        try:
            return datetime.fromisoformat(left) < datetime.fromisoformat(right)
        except (ValueError, TypeError):  # of another form, or only one has a time zone
            return left[:10] < right[:10]
    return left < right[: len(left)]


def _place(resource: Json, path: Path) -> Path:
    """What to drop for a fault at ``path``: the element, or what lacks it."""
    node: Any = resource
    for depth, step in enumerate(path):
        there = (isinstance(node, dict) and step in node) or (
            isinstance(node, list) and isinstance(step, int) and step < len(node)
        )
        if not there:
            return path[:depth]
        node = node[step]
    return path


def without(holder: Any, path: Path) -> Any:
    """A JSON value without what is at a place in it."""
    step, rest = path[0], path[1:]
    if isinstance(holder, dict) and step in holder:
        below = without(holder[str(step)], rest) if rest else None
        return {name: (below if name == step else value) for name, value in holder.items() if rest or name != step}
    if isinstance(holder, list) and isinstance(step, int) and step < len(holder):
        return [*holder[:step], *([without(holder[step], rest)] if rest else []), *holder[step + 1 :]]
    return holder


def swept(value: Any) -> Any:
    """A JSON value without empty objects, lists and nulls inside it; None where nothing is left."""
    if isinstance(value, dict):
        kept = {name: part for name, item in value.items() if (part := swept(item)) is not None}
        return kept or None
    if isinstance(value, list):
        return [part for item in value if (part := swept(item)) is not None] or None
    return value

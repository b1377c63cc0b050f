"""From a ValueSet resource to its codes, without a terminology server.

Takes a ValueSet as JSON and the CodeSystems and other ValueSets at hand; gives the members, or raises ``UnresolvedValueSet`` with
the reason. Nothing is guessed: what cannot be enumerated from what is at hand is unresolved, never empty. Follows FHIR R4,
ValueSet §4.9.8 (composition rules): the includes are united; within one include the system's codes and every value set named
there are intersected; excludes are taken away afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from guideway.terminology.members import Json as Json
from guideway.terminology.members import Member as Member
from guideway.terminology.members import UnresolvedValueSet as UnresolvedValueSet

TOO_COSTLY = "http://hl7.org/fhir/StructureDefinition/valueset-toocostly"
UNCLOSED = "http://hl7.org/fhir/StructureDefinition/valueset-unclosed"


Key = tuple[str, str]
Members = dict[Key, Member]


class Lookup(msgspec.Struct, frozen=True):
    """How the expansion reaches other resources: by canonical, None where there is none."""

    value_set: Callable[[str], Json | None]
    code_system: Callable[[str, str | None], Json | None]


def canonical(resource: Json) -> str:
    """``url|version`` of a resource, ``url`` where it has no version."""
    url, version = resource.get("url", "?"), resource.get("version")
    return f"{url}|{version}" if version else str(url)


def items(value: object) -> Iterator[Json]:
    """The JSON objects in a list; anything else gives nothing (malformed artifacts are the checker's matter)."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def expand(resource: Json, lookup: Lookup, trail: Sequence[str] = ()) -> Members:
    """The members: those of a whole ``expansion`` where the resource carries one, else those of its ``compose``."""
    name = canonical(resource)
    partial = partial_expansion(resource)
    if isinstance(resource.get("expansion"), dict) and partial is None:
        return expansion_members(resource)
    if isinstance(resource.get("compose"), dict):
        try:
            return compose_members(resource, lookup, trail)
        except UnresolvedValueSet as error:
            if partial is None:
                raise
            raise UnresolvedValueSet(f"{error} Its expansion does not help: {partial}.") from None
    if partial is not None:
        raise UnresolvedValueSet(f"Value set {name}: its expansion is not whole ({partial}), and it has no compose.")
    raise UnresolvedValueSet(f"Value set {name} has neither a compose nor an expansion: its codes are unknown.")


def partial_expansion(resource: Json) -> str | None:
    """Why the expansion does not hold all the codes; None where it does or where there is none."""
    expansion = resource.get("expansion")
    if not isinstance(expansion, dict):
        return None
    for extension in items(expansion.get("extension")):
        if extension.get("url") in (TOO_COSTLY, UNCLOSED) and extension.get("valueBoolean", True) is not False:
            return f"it is marked {str(extension['url']).rpartition('-')[2]}"
    offset, total = expansion.get("offset"), expansion.get("total")
    if isinstance(offset, int) and offset > 0:
        return f"it is a page that starts at {offset}"
    if isinstance(total, int):
        held = sum(1 for _ in flat_contains(expansion.get("contains")))
        if held < total:
            return f"it holds {held} of {total} codes"
    return None


def flat_contains(contains: object) -> Iterator[Json]:
    """All entries of an expansion, nested ones after the one that holds them."""
    for entry in items(contains):
        yield entry
        yield from flat_contains(entry.get("contains"))


def expansion_members(resource: Json) -> Members:
    """The codes that an expansion lists: abstract entries and entries without a code only group others."""
    found: Members = {}
    for entry in flat_contains(resource["expansion"].get("contains")):
        system, code = entry.get("system"), entry.get("code")
        if entry.get("abstract") is True or not isinstance(code, str):
            continue
        if not isinstance(system, str):
            raise UnresolvedValueSet(f"Value set {canonical(resource)}: its expansion lists code {code!r} without a system.")
        member = Member(system, code, entry.get("display"), entry.get("version"), entry.get("inactive") is True)
        found.setdefault((system, code), member)
    return found


def compose_members(resource: Json, lookup: Lookup, trail: Sequence[str] = ()) -> Members:
    """The codes that a compose defines."""
    name = canonical(resource)
    if name in trail:
        circle = " → ".join([*trail[list(trail).index(name) :], name])
        raise UnresolvedValueSet(f"Value set {name} includes itself: {circle}.")
    inner = [*trail, name]
    compose = resource["compose"]
    found: Members = {}
    for include in items(compose.get("include")):
        for key, member in _clause(name, "include", include, lookup, inner).items():
            found.setdefault(key, member)
    for exclude in items(compose.get("exclude")):
        for key in _clause(name, "exclude", exclude, lookup, inner):
            found.pop(key, None)
    if compose.get("inactive") is False:
        return {key: member for key, member in found.items() if not member.inactive}
    return found


def _clause(name: str, kind: str, clause: Json, lookup: Lookup, trail: Sequence[str]) -> Members:
    """The codes of one include or exclude."""
    found: Members | None = None
    system = clause.get("system")
    if isinstance(system, str):
        found = _system_members(name, kind, clause, system, lookup)
    elif clause.get("concept") or clause.get("filter"):
        raise UnresolvedValueSet(f"Value set {name}: an {kind} lists codes or filters but names no code system.")
    for other in clause.get("valueSet") or ():
        target = lookup.value_set(other)
        if target is None:
            raise UnresolvedValueSet(f"Value set {name}: the value set {other}, which it {kind}s, is not at hand.")
        if canonical(target) in trail:
            circle = " → ".join([*trail[list(trail).index(canonical(target)) :], canonical(target)])
            raise UnresolvedValueSet(f"Value set {name} includes itself: {circle}.")
        members = expand(target, lookup, trail)
        found = members if found is None else {key: m for key, m in found.items() if key in members}
    if found is None:
        raise UnresolvedValueSet(f"Value set {name}: an {kind} names neither a code system nor a value set.")
    return found


def _system_members(name: str, kind: str, clause: Json, system: str, lookup: Lookup) -> Members:
    version = clause.get("version")
    code_system = lookup.code_system(system, version)
    concepts, filters = list(items(clause.get("concept"))), list(items(clause.get("filter")))
    if concepts:
        known = concept_table(code_system) if code_system is not None else {}
        found: Members = {}
        for concept in concepts:
            code = concept.get("code")
            if not isinstance(code, str):
                raise UnresolvedValueSet(f"Value set {name}: an {kind} of {system} lists a concept without a code.")
            entry = known.get(code)
            display = concept.get("display") or (entry.display if entry else None)
            found[system, code] = Member(system, code, display, version, entry.inactive if entry else False)
        return found
    if code_system is None or code_system.get("content") != "complete":
        what = "filters" if filters else "takes the whole of"
        held = "is not at hand" if code_system is None else f"is at hand only in part (content {code_system.get('content')})"
        raise UnresolvedValueSet(
            f"Value set {name}: an {kind} {what} code system {system}, which {held}. Give the value set an expansion."
        )
    table = concept_table(code_system)
    chosen = set(table)
    for condition in filters:
        chosen &= _filtered(name, condition, table)
    return {
        (system, code): Member(system, code, table[code].display, version, table[code].inactive)
        for code in table
        if code in chosen
    }


# ---- code systems ------------------------------------------------------------------------------------------------------


class Concept(msgspec.Struct, frozen=True):
    """A code of a code system: its display, its ancestors in the hierarchy, its properties as text."""

    display: str | None
    ancestors: tuple[str, ...]
    inactive: bool
    properties: Mapping[str, tuple[str, ...]]


def concept_table(code_system: Json) -> dict[str, Concept]:
    """All concepts of a code system, in the order of the resource."""
    table: dict[str, Concept] = {}

    def walk(concepts: object, ancestors: tuple[str, ...]) -> None:
        for concept in items(concepts):
            code = concept.get("code")
            if not isinstance(code, str):
                continue
            properties: dict[str, tuple[str, ...]] = {}
            for given in items(concept.get("property")):
                value = next((v for k, v in given.items() if k.startswith("value")), None)
                text = (
                    value.get("code", "")
                    if isinstance(value, dict)
                    else str(value).lower()
                    if value in (True, False)
                    else str(value)
                )
                properties[str(given.get("code"))] = (*properties.get(str(given.get("code")), ()), text)
            parents = (*ancestors, *properties.get("parent", ()))
            inactive = "true" in properties.get("inactive", ()) or bool({"retired", "inactive"} & {*properties.get("status", ())})
            table[code] = Concept(concept.get("display"), parents, inactive, properties)
            walk(concept.get("concept"), (*ancestors, code))

    walk(code_system.get("concept"), ())
    return table


def _filtered(name: str, condition: Json, table: Mapping[str, Concept]) -> set[str]:
    """The codes that one filter lets through (FHIR R4, FilterOperator)."""
    prop, op, value = str(condition.get("property")), condition.get("op"), str(condition.get("value", ""))
    wanted = {part.strip() for part in value.split(",")}

    def below(code: str, seen: frozenset[str] = frozenset()) -> bool:
        entry = table.get(code)
        if entry is None or code in seen:
            return False
        return any(parent == value or below(parent, seen | {code}) for parent in entry.ancestors)

    def values(code: str) -> tuple[str, ...]:
        entry = table[code]
        if prop in ("concept", "code"):
            return (code,)
        if prop == "display":
            return (entry.display or "",)
        return entry.properties.get(prop, ())

    if op in ("is-a", "descendent-of", "is-not-a", "generalizes"):
        if op == "generalizes":
            entry = table.get(value)
            return {value, *(entry.ancestors if entry else ())} & set(table)
        down = {code for code in table if below(code)}
        if op == "descendent-of":
            return down
        family = down | ({value} & set(table))
        return family if op == "is-a" else set(table) - family
    if op == "=":
        return {code for code in table if value in values(code)}
    if op == "in":
        return {code for code in table if wanted & {*values(code)}}
    if op == "not-in":
        return {code for code in table if not wanted & {*values(code)}}
    if op == "exists":
        return {code for code in table if bool(values(code)) is (value == "true")}
    if op == "regex":
        try:
            pattern = re.compile(value)
        except re.error as error:
            raise UnresolvedValueSet(f"Value set {name}: the regular expression {value!r} cannot be read: {error}.") from None
        return {code for code in table if any(pattern.fullmatch(v) for v in values(code))}
    raise UnresolvedValueSet(f"Value set {name}: the filter operator {op!r} is not known.")

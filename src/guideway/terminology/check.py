"""Checks of value sets as authored: whether they have codes, and whether compose and expansion say the same.

Takes the index and one ValueSet; gives diagnostics. Used by ``guideway validate``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from guideway.diagnostics import Diagnostic, Severity
from guideway.terminology.expansion import (
    Json,
    Lookup,
    UnresolvedValueSet,
    canonical,
    compose_members,
    expansion_members,
    flat_contains,
    items,
    partial_expansion,
)
from guideway.terminology.valuesets import ValueSetIndex


def check_value_set(index: ValueSetIndex, resource: Json, file: str | None = None) -> Iterator[Diagnostic]:
    """Findings about one value set: unresolved, empty, compose and expansion that differ, codes listed twice."""

    def finding(rule: str, message: str, pointer: str | None, hint: str | None = None) -> Diagnostic:
        return Diagnostic(rule, Severity.error, message, file, None, pointer, hint)

    name = canonical(resource)
    has_expansion, has_compose = isinstance(resource.get("expansion"), dict), isinstance(resource.get("compose"), dict)
    partial = partial_expansion(resource)
    if partial is not None:
        yield finding("valueset-expansion-partial", f"The expansion of {name} is not whole: {partial}.", "/expansion")
    composed = expanded = None
    if has_compose:
        try:
            composed = compose_members(resource, Lookup(index.value_set, index.code_system))
        except UnresolvedValueSet as error:
            if not has_expansion or partial is not None:
                yield finding("valueset-unresolved", str(error), "/compose")
    elif not has_expansion:
        yield finding("valueset-unresolved", f"{name} has neither a compose nor an expansion: its codes are unknown.", None)
    if has_expansion and partial is None:
        try:
            expanded = expansion_members(resource)
        except UnresolvedValueSet as error:
            yield finding("valueset-unresolved", str(error), "/expansion")
    if composed is not None and expanded is not None:
        hint = "Make the expansion anew from the compose."
        for here, there, more, less in (
            ("compose", "expansion", composed, expanded),
            ("expansion", "compose", expanded, composed),
        ):
            extra = sorted(more.keys() - less.keys())
            if extra:
                listed = ", ".join(f"{system}|{code}" for system, code in extra[:5])
                listed += f" and {len(extra) - 5} more" if len(extra) > 5 else ""
                message = f"{name}: the {here} has codes that the {there} lacks: {listed}."
                yield finding("valueset-compose-expansion-differ", message, f"/{here}", hint)
    members = expanded if expanded is not None else composed
    if members is not None and not members:
        yield finding("valueset-empty", f"{name} has no codes: nothing can ever be in it.", None)
    yield from _listed_twice(resource, name, file)


def _listed_twice(resource: Json, name: str, file: str | None) -> Iterator[Diagnostic]:
    compose, expansion = resource.get("compose"), resource.get("expansion")
    if isinstance(compose, dict):
        for number, include in enumerate(items(compose.get("include"))):
            counted = Counter(concept.get("code") for concept in items(include.get("concept")))
            for code, count in counted.items():
                if count > 1:
                    message = f"{name}: the compose lists code {code} of {include.get('system')} {count} times."
                    yield Diagnostic("valueset-code-twice", Severity.warning, message, file, None, f"/compose/include/{number}")
    if isinstance(expansion, dict):
        seen = Counter((c.get("system"), c.get("code")) for c in flat_contains(expansion.get("contains")) if c.get("code"))
        for (system, code), count in seen.items():
            if count > 1:
                message = f"{name}: the expansion lists code {code} of {system} {count} times."
                yield Diagnostic("valueset-code-twice", Severity.warning, message, file, None, "/expansion/contains")

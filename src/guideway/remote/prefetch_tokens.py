"""The tokens of a CDS Hooks prefetch template, and what they stand for (CDS Hooks 2.0 "Prefetch tokens"; 3.0 ballot, "Prefetch
tokens containing simpler FHIRPath").

A token is ``context.`` and a field; the id of the user by his type (``userPractitionerId`` …); ``today()`` with days added or
taken; or, since 3.0, a path in FHIRPath that uses element names, ``ofType()``, ``resolve()`` and ``|`` only, and begins at the
context or at the result of an earlier template (``%patient.name``). Several values become a list with commas.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import quote

from guideway.fhir.literal_references import relative_reference
from guideway.remote.local_search import NotAnswerable

Json = dict[str, Any]

TOKEN = re.compile(r"\{\{\s*(.*?)\s*\}\}")
TODAY = re.compile(r"today\(\)(?:\s*([+-])\s*(\d{1,6})\s*days?)?")
USERS = {f"user{kind}Id": kind for kind in ("Practitioner", "PractitionerRole", "Patient", "RelatedPerson")}
_STEP = r"(?:\.(?:[A-Za-z]\w*|`\w+`|ofType\(\s*(?:FHIR\.)?\w+\s*\)|resolve\(\s*\)))"
_PATH = re.compile(rf"\(*\s*(context|%[A-Za-z][\w-]*|%`[^`]+`)({_STEP}*)\s*\)*")
_STEPS = re.compile(r"\.(?:ofType\(\s*(?:FHIR\.)?(\w+)\s*\)|(resolve)\(\s*\)|`?(\w+)`?)")


class NoValue(NotAnswerable):
    """A token that stands for nothing here; the message says why."""


class _Value(NamedTuple):
    """A value on the way: what it is, its type where the element's name tells it, and the resource it stands in."""

    value: Any
    type: str | None
    root: Any


Resolve = Callable[[str], Json | None]


def is_known(token: str) -> bool:
    """Whether a token is one that the specification knows."""
    return TODAY.fullmatch(token) is not None or token in USERS or all(_PATH.fullmatch(part) for part in _parts(token))


def earlier(token: str) -> list[str]:
    """The keys of the templates whose results a token uses."""
    found = [match[1] for part in _parts(token) if (match := _PATH.fullmatch(part)) is not None]
    return [start[1:].strip("`") for start in found if start.startswith("%")]


def context_fields(token: str) -> list[str]:
    """The fields of the hook's context that a token begins at.

    >>> context_fields("context.draftOrders.entry.resource.id | %patient.id")
    ['draftOrders']
    """
    found = [match[2] for part in _parts(token) if (match := _PATH.fullmatch(part)) is not None and match[1] == "context"]
    return [step[3] for steps in found if (step := _STEPS.match(steps)) is not None and step[3]]


def fill(
    template: str,
    context: Mapping[str, Any],
    now: datetime | None = None,
    results: Mapping[str, Any] | None = None,
    resolve: Resolve = lambda reference: None,
) -> str:
    """A prefetch template with its tokens replaced; raises NoValue for a token that stands for nothing.

    ``results``: what earlier templates gave, by key. ``resolve``: the resource that a reference names, where it is at hand.

    >>> fill("Observation?patient={{context.patientId}}", {"patientId": "7"})
    'Observation?patient=7'
    >>> drafts = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "ServiceRequest", "id": "a"}}]}
    >>> fill("ServiceRequest?_id={{context.draftOrders.entry.resource.ofType(ServiceRequest).id}}", {"draftOrders": drafts})
    'ServiceRequest?_id=a'
    """

    def value(match: re.Match[str]) -> str:
        token = match[1]
        today = TODAY.fullmatch(token)
        if today is not None:
            days = int(today[2] or 0) * (-1 if today[1] == "-" else 1)
            try:
                return ((now or datetime.now(UTC)) + timedelta(days=days)).date().isoformat()
            except OverflowError:
                raise NoValue(f"the token {{{{{token}}}}} is no date") from None
        if token in USERS:
            user, _, key = str(context.get("userId") or "").partition("/")
            if USERS[token] != user:
                raise NoValue(f"the user is not a {USERS[token]}")
            return quote(key, safe="")
        found = list(dict.fromkeys(_values(token, context, results or {}, resolve)))
        if not found:
            raise NoValue(f"the token {{{{{token}}}}} has no value here")
        whole = len(found) == 1 and token.count(".") == 1 and not isinstance(context.get(token.partition(".")[2]), list)
        return ",".join(quote(each, safe="" if whole else "/") for each in found)

    return TOKEN.sub(value, template)


def _parts(token: str) -> list[str]:
    return [part.strip() for part in token.split("|")]


def _values(token: str, context: Mapping[str, Any], results: Mapping[str, Any], resolve: Resolve) -> Iterator[str]:
    """The texts that the paths of a token lead to."""
    for part in _parts(token):
        match = _PATH.fullmatch(part)
        if match is None or part.count("(") != part.count(")"):
            raise NoValue(f"{{{{{token}}}}} is no token that CDS Hooks knows: {part or 'nothing'}")
        if match[1] == "context":
            values = [_Value(context, None, None)]
        else:
            key = match[1][1:].strip("`")
            if key not in results:
                raise NoValue(f"the token {{{{{token}}}}} rests on the prefetch {key}, which is not there")
            values = [_Value(results[key], None, None)]
        for step in _STEPS.finditer(match[2]):
            values = [after for before in values for after in _after(before, step, resolve)]
        for each in values:
            yield _text(each.value, token)


def _after(at: _Value, step: re.Match[str], resolve: Resolve) -> Iterator[_Value]:
    kind, is_resolve, name = step.groups()
    if kind is not None:
        own = at.value.get("resourceType") if isinstance(at.value, dict) else None
        if (own or at.type or "").lower() == kind.lower():
            yield at
    elif is_resolve:
        found = _resolved(at, resolve)
        if found is not None:
            yield _Value(found, None, found)
    elif isinstance(at.value, Mapping):
        root = at.value if at.value.get("resourceType") else at.root
        if name in at.value:
            yield from (_Value(each, None, root) for each in _each(at.value[name]))
        else:  # a choice: value[x] is in the JSON as valueQuantity
            for key, value in at.value.items():
                if key.startswith(name) and key[len(name) : len(name) + 1].isupper():
                    yield from (_Value(each, key[len(name) :], root) for each in _each(value))


def _resolved(at: _Value, resolve: Resolve) -> Json | None:
    """The resource behind a reference; where it is not at hand what its reference says of it: its type and id."""
    reference = at.value.get("reference") if isinstance(at.value, dict) else at.value
    if not isinstance(reference, str) or not reference:
        return None
    if reference.startswith("#"):
        inside = _each(at.root.get("contained")) if isinstance(at.root, dict) else ()
        return next((r for r in inside if isinstance(r, dict) and r.get("id") == reference[1:]), None)
    found = resolve(reference)
    if found is not None:
        return found
    kind, _, key = relative_reference(reference).partition("/")
    return {"resourceType": kind, "id": key} if key and kind[:1].isupper() else None


def _each(value: Any) -> list[Any]:
    return [each for each in (value if isinstance(value, list) else [value]) if each is not None]


def _text(value: Any, token: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | Decimal) or (isinstance(value, str) and value):
        return str(value)
    raise NoValue(f"the token {{{{{token}}}}} leads to what is no plain value")

"""FHIR reads and searches answered from resources at hand, as a FHIR server would answer them (R4 search.html).

Used to build the prefetch of a CDS Hooks request from a Bundle: the templates of a service's discovery are reads and searches.
What is supported is what CDS Hooks recommends for templates and a little more: ``_id``, references, tokens (lists, ``:in``),
dates with prefixes, ``_sort``, ``_count`` and ``_include``. Anything else raises ``NotAnswerable``: an answer that ignores a
parameter would be wrong without saying so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote

from guideway.fhir.literal_references import relative_reference

Json = dict[str, Any]
Codes = frozenset[tuple[str, str]]

REFERENCES = {
    "patient": ("patient", "subject", "for", "beneficiary", "actor", "participant.actor", "individual"),
    "subject": ("subject", "patient", "for"), "encounter": ("encounter", "context"), "beneficiary": ("beneficiary",),
    "actor": ("participant.actor",), "performer": ("performer", "performer.actor"), "requester": ("requester",),
    "author": ("author",), "based-on": ("basedOn",), "member": ("member.entity",), "focus": ("focus",), "owner": ("owner",),
    "medication": ("medicationReference",),
    "recipient": ("recipient",), "source": ("source",), "participant": ("participant.actor",),
}  # fmt: skip
TOKENS = {
    "category": ("category",), "status": ("status",), "clinical-status": ("clinicalStatus",),
    "verification-status": ("verificationStatus",), "vaccine-code": ("vaccineCode",), "type": ("type",), "class": ("class",),
    "intent": ("intent",), "identifier": ("identifier",), "gender": ("gender",), "event": ("event",), "priority": ("priority",),
    "service-type": ("serviceType",), "severity": ("severity",), "lifecycle-status": ("lifecycleStatus",),
    "value-concept": ("valueCodeableConcept",), "relationship": ("relationship",), "active": ("active",),
    "code": ("code", "medicationCodeableConcept", "vaccineCode", "productCodeableConcept", "activity.detail.code"),
}  # fmt: skip
DATES = {
    "date": (
        "effectiveDateTime", "effectivePeriod", "effectiveInstant", "performedDateTime", "performedPeriod", "occurrenceDateTime",
        "period", "date", "recordedDate", "start", "sent",
    ),
    "onset-date": ("onsetDateTime", "onsetPeriod"), "recorded-date": ("recordedDate",), "authoredon": ("authoredOn",),
    "authored": ("authored", "authoredOn"), "authored-on": ("authoredOn",), "issued": ("issued",), "birthdate": ("birthDate",),
    "period": ("period",), "whenhandedover": ("whenHandedOver",), "effective": ("effectivePeriod", "effectiveDateTime"),
    "effective-time": ("effectiveDateTime", "effectivePeriod"),
    "last-date": ("lastOccurrence",), "_lastUpdated": ("meta.lastUpdated",),
    "abatement-date": ("abatementDateTime", "abatementPeriod"), "asserted-date": ("assertedDate",),
    "occurrence": ("occurrenceDateTime",),
}  # fmt: skip
CANONICALS = {"questionnaire": ("questionnaire",), "instantiates-canonical": ("instantiatesCanonical",), "url": ("url",)}
INCLUDES = {"medication": "medicationReference"}
_DATE = re.compile(
    r"(eq|ne|gt|lt|ge|le|sa|eb)?(\d{4}(?:-\d\d(?:-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?)?)?)"
)
_SPLIT = re.compile(r"(?<!\\),")


class NotAnswerable(Exception):
    """The query uses something that cannot be answered from the resources at hand; the message says what."""


class Shelf:
    """Resources that can be read and searched. ``expand`` gives the codes of a value set, None where it cannot."""

    def __init__(self, resources: Iterable[Json], expand: Callable[[str], Codes | None] = lambda url: None) -> None:
        self.resources = [r for r in resources if isinstance(r, dict) and isinstance(r.get("resourceType"), str)]
        self._expand = expand
        self._by_reference = {f"{r['resourceType']}/{r['id']}": r for r in self.resources if r.get("id")}

    def get(self, reference: str) -> Json | None:
        """The resource that a literal reference names."""
        return self._by_reference.get(relative_reference(reference))

    def answer(self, query: str) -> Json | None:
        """A read (``Patient/1``; None where there is none) or a search (``Observation?…``; a searchset Bundle)."""
        path, mark, search = query.lstrip("/").partition("?")
        if not mark:
            return self._by_reference.get("/".join(unquote(part) for part in path.split("/")))
        return self._search(path, parse_qsl(search, keep_blank_values=True))

    def _search(self, kind: str, parameters: Sequence[tuple[str, str]]) -> Json:
        found = [r for r in self.resources if r["resourceType"] == kind]
        order: list[str] = []
        limit: int | None = None
        includes: list[str] = []
        for name, value in parameters:
            if name == "_sort":
                order = value.split(",")
            elif name in ("_count", "_maxresults"):
                if not value.isdigit():
                    raise NotAnswerable(f"{name}={value} is no number")
                limit = int(value)
            elif name == "_include":
                includes.append(value)
            elif name != "_format":
                keep = self._filter(name, value)
                found = [r for r in found if keep(r)]
        for each in reversed(order):
            found = _sorted(found, each)
        total = len(found)
        found = found if limit is None else found[:limit]
        entries = [{"resource": r, "search": {"mode": "match"}} for r in found]
        entries += [{"resource": r, "search": {"mode": "include"}} for r in self._included(found, includes)]
        bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": total}
        return bundle | ({"entry": entries} if entries else {})

    def _included(self, found: Sequence[Json], includes: Sequence[str]) -> list[Json]:
        more: dict[str, Json] = {}
        for include in includes:
            kind, _, parameter = include.partition(":")
            path = INCLUDES.get(parameter.partition(":")[0])
            if path is None:
                raise NotAnswerable(f"_include={include}")
            for resource in (r for r in found if r["resourceType"] == kind):
                for value in _at(resource, path):
                    target = self._by_reference.get(str(value.get("reference") if isinstance(value, dict) else ""))
                    if target is not None:
                        more[f"{target['resourceType']}/{target['id']}"] = target
        return list(more.values())

    def _filter(self, parameter: str, value: str) -> Callable[[Json], bool]:
        name, _, modifier = parameter.partition(":")
        wanted = [part.replace("\\,", ",") for part in _SPLIT.split(value)]
        if name == "_id" and not modifier:
            return lambda r: r.get("id") in wanted
        if name in REFERENCES and modifier in ("", "Patient"):
            ids = {part.rpartition("/")[2] for part in wanted}
            return lambda r: any(_id_of(v) in ids for path in REFERENCES[name] for v in _at(r, path))
        if name in TOKENS and modifier == "in":
            codes: set[tuple[str, str]] = set()
            for url in wanted:
                expanded = self._expand(url)
                if expanded is None:
                    raise NotAnswerable(f"the value set {url} is not at hand")
                codes |= expanded
            return lambda r: any(coding in codes for coding in self._codings(r, TOKENS[name]))
        if name in TOKENS and not modifier:
            return lambda r: any(_token(each, *coding) for each in wanted for coding in self._codings(r, TOKENS[name]))
        if name in CANONICALS and not modifier:
            urls = {part.partition("|")[0] for part in wanted}
            return lambda r: any(str(v).partition("|")[0] in urls for path in CANONICALS[name] for v in _at(r, path))
        if name in DATES and not modifier:
            ranges = [_range(part) for part in wanted]
            return lambda r: any(_in_range(v, *each) for each in ranges for path in DATES[name] for v in _at(r, path))
        raise NotAnswerable(f"the search parameter {parameter}")

    def _codings(self, resource: Json, paths: Sequence[str]) -> Iterator[tuple[str, str]]:
        for path in paths:
            for value in _at(resource, path):
                yield from codings(value)
        if "code" in paths:  # the drug may be a resource of its own
            for value in _at(resource, "medicationReference"):
                reference = str(value.get("reference", "")) if isinstance(value, dict) else ""
                contained = [c for c in _at(resource, "contained") if isinstance(c, dict) and f"#{c.get('id')}" == reference]
                for medication in contained or [self._by_reference.get(reference) or {}]:
                    yield from codings(medication.get("code"))


def codings(value: Any) -> Iterator[tuple[str, str]]:
    """(system, code) of a CodeableConcept, a Coding, an Identifier, a code or a boolean."""
    if isinstance(value, bool):
        yield "", str(value).lower()
    elif isinstance(value, str):
        yield "", value
    elif isinstance(value, dict):
        for coding in value.get("coding") or ():
            yield from codings(coding)
        code = value.get("code", value.get("value"))
        if isinstance(code, str):
            yield str(value.get("system") or ""), code


def _token(wanted: str, system: str, code: str) -> bool:
    left, bar, right = wanted.partition("|")
    if not bar:
        return code == left
    return (not right or code == right) and (system == left or (not left and not system))


def _at(resource: Any, path: str) -> Iterator[Any]:
    """The values at a dotted path, lists opened."""
    values = [resource]
    for name in path.split("."):
        values = [v.get(name) for v in values if isinstance(v, dict)]
        values = [part for v in values if v is not None for part in (v if isinstance(v, list) else [v])]
    return iter(values)


def _id_of(value: Any) -> str:
    reference = value.get("reference") if isinstance(value, dict) else value
    return str(reference or "").partition("/_history/")[0].rpartition("/")[2]


def bounds(text: str) -> tuple[datetime, datetime] | None:
    """The first moment of a FHIR date or date-time and the first after it; without an offset it is taken as UTC."""
    digits = text.rstrip("Z")
    try:
        if len(digits) == 4:
            start = datetime(int(digits), 1, 1, tzinfo=UTC)
            return start, start.replace(year=start.year + 1)
        if len(digits) == 7:
            start = datetime.fromisoformat(f"{digits}-01").replace(tzinfo=UTC)
            return start, (start + timedelta(days=31)).replace(day=1)
        start = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    start = start if start.tzinfo is not None else start.replace(tzinfo=UTC)
    try:
        return start, start + (timedelta(days=1) if len(digits) == 10 else timedelta(seconds=1))
    except OverflowError:
        return None


def _range(text: str) -> tuple[str, datetime, datetime]:
    match = _DATE.fullmatch(text)
    found = bounds(match[2]) if match else None
    if match is None or found is None:
        raise NotAnswerable(f"{text} is no date")
    return match[1] or "eq", *found


def _in_range(value: Any, prefix: str, start: datetime, end: datetime) -> bool:
    """Whether a date, or a period, of a resource stands to the wanted one as the prefix says (R4 search.html, "date")."""
    first, last = (value.get("start"), value.get("end")) if isinstance(value, dict) else (value, value)
    if isinstance(value, dict) and first is None and last is None:
        return False
    low = bounds(str(first)) if first is not None else (datetime.min.replace(tzinfo=UTC),) * 2
    high = bounds(str(last)) if last is not None else (datetime.max.replace(tzinfo=UTC),) * 2
    if low is None or high is None:
        return False
    mine_from, mine_to = low[0], high[1]
    return {
        "eq": start <= mine_from and mine_to <= end,
        "ne": not (start <= mine_from and mine_to <= end),
        "gt": mine_to > end,
        "lt": mine_from < start,
        "ge": mine_to > start,
        "le": mine_from < end,
        "sa": mine_from >= end,
        "eb": mine_to <= start,
    }[prefix]


def _sorted(found: list[Json], order: str) -> list[Json]:
    """Sorted by one sort rule; what has no value there comes last."""
    name = order.lstrip("-")
    if name == "_id":
        return sorted(found, key=lambda r: str(r.get("id")), reverse=order.startswith("-"))
    paths = DATES.get(name) or TOKENS.get(name)
    if paths is None:
        raise NotAnswerable(f"_sort={order}")

    def key(resource: Json) -> tuple[bool, Any]:
        for path in paths:
            for value in _at(resource, path):
                if name in DATES:
                    moment = value.get("start") or value.get("end") if isinstance(value, dict) else value
                    found_at = bounds(str(moment))
                    if found_at is not None:
                        return True, found_at[0].timestamp()
                else:
                    return True, next((code for _, code in codings(value)), "")
        return False, 0.0

    known = [(key(r), r) for r in found]
    with_value = sorted((each for each in known if each[0][0]), key=lambda each: each[0][1], reverse=order.startswith("-"))
    return [r for _, r in with_value] + [r for (has, _), r in known if not has]

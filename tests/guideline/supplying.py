"""Whether what is called missing is enough and needed: everything that ``--set`` allows for it is supplied, in every combination.

``merged(draw)`` makes a patient of the resources of several cases; ``faults(...)`` explains one patient, supplies the values of
what each unknown recommendation misses (``values_of``: the answers that there are, yes and no, numbers around the limits that the
logic names, days far and near) and says where a combination leaves a status unknown, or where a datum never makes a difference.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from copy import deepcopy
from functools import cache
from itertools import islice, product
from random import Random
from typing import Any

import msgspec

from guideway.apply.moment import moment
from guideway.apply.outcome import UNKNOWN
from guideway.apply.parameters import read_text
from guideway.apply.possible import answers
from guideway.apply.run import apply_guideline
from guideway.apply.what_if import change, settings_of
from guideway.diagnostics import GuidewayError
from guideway.guideline.compiled import Element
from guideway.records.reading import read_resources

from .support import ROOT, cases_below, guideline, read

Json = dict[str, Any]
Resources = list[Json]

BROKEN = ("no data element", "not enough", "not needed", "asked again")
"""The faults that are promises broken; another question after all answers (``asks on``) may come of what these are as data."""

MOST = 64
"""So many combinations of one set of missing data are tried."""
_MORE = 600
"""And so many before a datum is said to make no difference."""
_NUMBERS = {
    "age": ["1", "8", "17", "40"], "weightKg": ["5", "20", "80"], "tryptase": ["5", "15", "30", "250"], "wbc": ["2", "8", "40"],
    "anc": ["0", "0.3", "0.7", "1.2", "3"], "ancBaseline": ["0.7", "3"], "platelets": ["10", "30", "60", "130"],
    "plateletsBaseline": ["40", "130"], "midostaurinDose": ["25", "50", "100"], "draftMidostaurinDose": ["50", "100"],
    "midostaurinIntakesADay": ["1", "2"], "ldnDose": ["0.5", "4.5", "6"], "draftNaltrexoneDose": ["0.5", "4.5", "6"],
    "episodeOrganSystems": ["1", "2"], "epiAutoinjectorCount": ["0", "1", "2"],
}  # fmt: skip
"""Numbers on both sides of the limits that the logic names."""
_DAYS = ["2019-01-01", "2025-06-01", "2026-02-15", "2026-04-20", "2026-05-10", "2026-05-20", "2026-05-28", "2026-06-01"]


class Fault(msgspec.Struct, frozen=True):
    """One promise that was broken."""

    kind: str
    key: str
    missing: tuple[str, ...]
    given: dict[str, str]
    now: tuple[str, ...] = ()


@cache
def _elements() -> dict[str, Element]:
    return {element.id: element for element in guideline().elements.values()}


@cache
def values_of(name: str) -> tuple[str, ...]:
    """What can be supplied for an element, as ``--set`` takes it; nothing for one that is no single value."""
    element = _elements()[name]
    kind, known = element.short_type, [answer.word for answer in answers(element, guideline())]
    if kind.casefold() == "boolean":
        return ("true", "false")
    if known:
        several = [f"{known[0]},{other}" for other in known[2:3]] if (element.type or "").startswith("List<") else []
        return (*known, *several)
    if kind in ("Quantity", "Integer", "Decimal"):
        unit = f" {element.unit}" if kind == "Quantity" else ""
        return tuple(f"{number}{unit}" for number in _NUMBERS[name])
    if kind == "DateTime":
        return tuple(_DAYS)
    return ()


@cache
def _value(name: str, text: str) -> Any:
    element = _elements()[name]
    if element.short_type == "DateTime":
        text += "T00:00:00Z"
    if element.short_type == "Quantity":
        number, _, unit = text.partition(" ")
        text = f"{number} '{unit}'"
    return read_text(text, element.type or "String", name)


@cache
def _case(index: int) -> tuple[Resources, str]:
    case = read(cases_below(ROOT / "tests" / "guideline" / "cases")[index])
    return [entry["resource"] for entry in case.bundle.get("entry", [])], str(case.as_of)


def merged(draw: Random) -> tuple[Resources, str]:
    """One patient with most of the data of one case and half of that of a few others."""
    count = len(cases_below(ROOT / "tests" / "guideline" / "cases"))
    while True:
        first, when = _case(draw.randrange(count))
        patients = [r for r in first if r["resourceType"] == "Patient"]
        if patients:
            break
    found = [r for r in first if r["resourceType"] != "Patient" and draw.random() < 0.85]
    names = {(r["resourceType"], r["id"]) for r in first}
    for _ in range(draw.randrange(1, 6)):
        others, _ = _case(draw.randrange(count))
        old = next((r["id"] for r in others if r["resourceType"] == "Patient"), None)
        for resource in others:
            if resource["resourceType"] == "Patient" or old is None or draw.random() < 0.5:
                continue
            if (resource["resourceType"], resource["id"]) not in names:
                names.add((resource["resourceType"], resource["id"]))
                found.append(_of(resource, f"Patient/{old}", f"Patient/{patients[0]['id']}"))
    return deepcopy(patients[:1] + found), when


def _of(node: Any, old: str, new: str) -> Any:
    """The same with another reference."""
    if isinstance(node, dict):
        return {name: _of(value, old, new) for name, value in node.items()}
    if isinstance(node, list):
        return [_of(value, old, new) for value in node]
    return new if node == old else node


def record_of(resources: Resources) -> Any:
    """The resources as a record."""
    (record,) = read_resources(
        [{"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}], "x"
    )
    return record


def faults(
    resources: Resources, when: str, draw: Random, passed: dict[Any, int], most: int = MOST, only: Collection[str] = ()
) -> Iterator[Fault]:
    """The promises that the explanation of one patient breaks; ``passed`` counts what was tried before, which is not tried
    again and again; ``only`` for these actions."""
    opened, elements = guideline(), _elements()
    record = record_of(resources)
    unknown = [r for r in apply_guideline(opened, record, as_of=when).recommendations if r.status == UNKNOWN]
    unknown = [r for r in unknown if not only or r.action in only]
    together: dict[tuple[str, ...], list[str]] = {}
    for row in unknown:
        together.setdefault(tuple(m.element for m in row.missing), []).append(row.key)
    for missing, keys in together.items():
        mark = (missing, tuple(keys), tuple(tuple(sorted(m.because)) for r in unknown if r.key == keys[0] for m in r.missing))
        passed[mark] = passed.get(mark, 0) + 1
        if passed[mark] > 2 or any(name in elements and not values_of(name) for name in missing):
            continue
        if not missing or any(name not in elements for name in missing):
            yield Fault("no data element", keys[0], missing, {})
            continue
        yield from _supplied(record, when, missing, keys, draw, most)


def _supplied(record: Any, when: str, missing: tuple[str, ...], keys: list[str], draw: Random, most: int) -> Iterator[Fault]:
    tried = list(product(*map(values_of, missing)))
    table: dict[tuple[str, ...], dict[str, str]] = {}
    for combination in tried if len(tried) <= most else draw.sample(tried, most):
        table[combination] = _statuses(record, when, missing, combination)
    told: set[str] = set()
    for combination, statuses in table.items():
        for key in keys:
            if statuses[key] == UNKNOWN and key not in told:
                told.add(key)
                yield Fault(
                    "not enough", key, missing, dict(zip(missing, combination)), _missing(record, when, missing, combination, key)
                )
    combination = draw.choice(list(table))
    for place, name in enumerate(missing):
        for key in keys:
            if key not in told and not _matters(record, when, missing, key, place, table):
                yield Fault("not needed", key, missing, {name: ""})
    given = [f"{name}={text}" for name, text in zip(missing, combination)]
    try:
        made = change(record, settings_of(given, guideline()), guideline(), moment(when))
    except GuidewayError:
        return
    after = apply_guideline(guideline(), made.record, as_of=when, overrides=made.overrides).recommendations
    for row in after:
        if row.key in keys and row.key not in told and row.status == UNKNOWN:
            kind = "asked again" if {m.element for m in row.missing} & set(missing) else "asks on"
            yield Fault(kind, row.key, missing, dict(zip(missing, combination)), tuple(m.element for m in row.missing))


def _overrides(missing: Sequence[str], combination: Sequence[str]) -> dict[tuple[str, str], Any]:
    found = {}
    for name, text in zip(missing, combination):
        element = _elements()[name]
        found[element.library, element.define] = _value(name, text)
    return found


def _statuses(record: Any, when: str, missing: Sequence[str], combination: Sequence[str]) -> dict[str, str]:
    after = apply_guideline(guideline(), record, as_of=when, overrides=_overrides(missing, combination), explain="none")
    return {row.key: row.status for row in after.recommendations}


def _missing(record: Any, when: str, missing: Sequence[str], combination: Sequence[str], key: str) -> tuple[str, ...]:
    after = apply_guideline(guideline(), record, as_of=when, overrides=_overrides(missing, combination))
    return next(tuple(m.element for m in row.missing) for row in after.recommendations if row.key == key)


def _matters(
    record: Any, when: str, missing: tuple[str, ...], key: str, place: int, table: dict[tuple[str, ...], dict[str, str]]
) -> bool:
    """Whether another value of one datum makes another status, or the others leave it unknown."""
    less = missing[:place] + missing[place + 1 :]
    by_rest: dict[tuple[str, ...], set[str]] = {}

    def add(combination: tuple[str, ...]) -> bool:
        found = by_rest.setdefault(combination[:place] + combination[place + 1 :], set())
        found.add(table[combination][key])
        return len(found) > 1

    for combination in table:
        add(combination)
    if any(len(found) > 1 for found in by_rest.values()):
        return True
    if any(_statuses(record, when, less, rest)[key] == UNKNOWN for rest in list(by_rest)[:60]):
        return True
    for combination in islice(product(*map(values_of, missing)), _MORE):
        if combination not in table:
            table[combination] = _statuses(record, when, missing, combination)
            if add(combination):
                return True
    return any(_statuses(record, when, less, rest)[key] == UNKNOWN for rest in list(by_rest)[60:])

"""The same resource given twice: which version counts, and what several agree on where nothing tells which is current.

Of several versions of a resource the highest ``meta.versionId`` counts, then the latest ``meta.lastUpdated``, then that of the
later source. Where none of these tells which is right, what they agree on counts and what differs is not known. Resources of
one id from different servers, or about different patients, are different ones.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import msgspec

from guideway.diagnostics import GuidewayError
from guideway.fhir.dates import begin
from guideway.records.exclusion import Exclusion
from guideway.records.owners import reference_forms, subjects
from guideway.records.references import server_of
from guideway.records.resources import Held, element_path, finding

if TYPE_CHECKING:
    from guideway.records.pool import Pool


def of_one(group: list[Held], urls: dict[str, str], people: dict[str, set[str]]) -> list[list[Held]]:
    """Resources with the same type and id, parted into those that are versions of one; ``urls`` has the patients by full URL,
    ``people`` those of each source."""
    return [group] if len(group) == 1 else _by_subject(_by_server(group), urls, people)


def newest(versions: list[Held], pool: Pool) -> Held:
    """The version that counts, or what several agree on; what is told of it, and what it leaves out, goes to the pool."""
    if versions[0].kind == "Patient":
        _same_person(versions)
    candidates, why = _current(versions)
    contents = {_text(_content(item)): item for item in candidates}
    winner = contents[min(contents)]
    rest = [item for item in versions if item is not winner and _content(item) != _content(winner)]
    if not rest:
        return winner
    count = f"{len({_text(_content(item)) for item in rest}) + 1} times" if len(rest) > 1 else "twice"
    if len(contents) == 1:
        message = f"{winner.label} is given {count} with different content; the one {why} is used."
        pool.about.append((winner, finding(winner, "duplicate-resource", message)))
        for item in sorted(rest, key=lambda item: _text(_content(item))):
            reason = f"another version of the same resource is used, the one {why}"
            pool.excluded.append((winner, Exclusion(item.label, "older-version", reason, item)))
        return winner
    agreed = _agreed([_content(contents[text]) for text in sorted(contents)])
    paths = tuple(sorted({element_path(path) for path in agreed.differs}))
    merged = Held(agreed.value, winner.source, winner.where, winner.full_url, winner.twice, paths)
    merged.id, merged.order, merged.alike = winner.id, min(item.order for item in versions), pool.alike
    names = ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
    message = (
        f"{winner.label} is given {count} with different content, and nothing says which is current: what differs "
        f"({names}) is not used."
    )
    hint = "Give one version, or versions with meta.versionId or meta.lastUpdated."
    pool.about.append((merged, finding(merged, "duplicate-resource", message, hint=hint)))
    return merged


_OF_A_PERSON = {"birthDate": "birth dates", "gender": "sexes", "identifier": "identifiers"}
"""What does not change from one version of a Patient to the next, and what several of it are called."""


def _same_person(versions: list[Held]) -> None:
    """Refuse sources whose patients have the same id and are different people, as it seems: mixing two people's data is worse
    than an error."""
    for name, several in _OF_A_PERSON.items():
        found: dict[str, str] = {}
        for item in versions:
            value = item.resource.get(name)
            if value and not (name == "birthDate" and len(str(value)) < 10):
                found.setdefault(_text(value), item.source)
        sources = sorted(set(found.values()))
        if len(found) > 1 and len(sources) > 1:
            raise GuidewayError(
                f"{versions[0].label} is in {' and in '.join(sources)} with different {several}: these seem to be different "
                "people with the same id. Apply the guideline to one file at a time, or give each patient an id of their own."
            )


def _by_server(group: list[Held]) -> list[list[Held]]:
    """Resources with the same type and id, parted where their full URLs name different servers."""
    if len(group) == 1:
        return [group]
    servers: dict[str, list[Held]] = defaultdict(list)
    unplaced = []
    for item in group:
        server = server_of(item)
        if server is None:
            unplaced.append(item)
        else:
            servers[server].append(item)
    if not servers:
        return [unplaced]
    parts = [servers[name] for name in sorted(servers)]
    parts[0] = sorted(parts[0] + unplaced, key=lambda item: item.order)
    return parts


def _by_subject(groups: list[list[Held]], urls: dict[str, str], people: dict[str, set[str]]) -> list[list[Held]]:
    """Resources with the same type and id, parted where different sources say that they are about different patients; those
    about nobody, where the sources are about different patients."""
    parted: list[list[Held]] = []
    for group in groups:
        if len({item.source for item in group}) == 1 or group[0].kind == "Patient":
            parted.append(group)
            continue
        about: dict[tuple[str, ...], list[Held]] = defaultdict(list)
        for item in group:
            texts = (str(r.get("reference") or "") for r in subjects(item.resource))
            named = tuple(sorted(urls.get(text) or reference_forms(text)[-1] for text in texts))
            about[named or tuple(sorted(people.get(item.source, ())))].append(item)
        parted += about.values()
    return parted


def _meta(item: Held, name: str) -> str | None:
    meta = item.resource.get("meta")
    value = meta.get(name) if isinstance(meta, dict) else None
    return value if isinstance(value, str) else None


def _current(versions: list[Held]) -> tuple[list[Held], str]:
    """The versions that may be the current one, and what tells it: highest versionId, latest date, later source."""
    why = ""
    numbers = [_meta(item, "versionId") for item in versions]
    if all(number is not None and number.isascii() and number.isdigit() and len(number) < 20 for number in numbers):
        highest = max(int(number or 0) for number in numbers)
        found = [item for item, number in zip(versions, numbers) if int(number or 0) == highest]
        if len(found) < len(versions):
            versions, why = found, f"with the highest versionId ({highest})"
    moments = [begin(_meta(item, "lastUpdated") or "") for item in versions]
    dated = [moment for moment in moments if moment is not None]
    if len(versions) > 1 and len(dated) == len(versions):
        latest = max(dated)
        found = [item for item, moment in zip(versions, moments) if moment == latest]
        if len(found) < len(versions):
            versions, why = found, why or "last updated"
    sources = list(dict.fromkeys(item.source for item in sorted(versions, key=lambda item: item.order)))
    if len(sources) > 1:
        versions, why = [item for item in versions if item.source == sources[-1]], why or f"in {sources[-1]}"
    return versions, why


class _Agreed(msgspec.Struct, frozen=True):
    """What values agree on, and the paths of what differs."""

    value: Any
    differs: list[tuple[str | int, ...]]


def _agreed(values: list[Any], path: tuple[str | int, ...] = ()) -> _Agreed:
    """What several values of one element have in common; objects and lists of one length part by part."""
    first = values[0]
    if all(value == first and type(value) is type(first) for value in values):
        return _Agreed(first, [])
    if all(type(value) is dict for value in values):
        names = dict.fromkeys(name for value in values for name in sorted(value))
        shared: dict[str, Any] = {}
        differs: list[tuple[str | int, ...]] = []
        for name in names:
            if not all(name in value for value in values):
                differs.append((*path, name))
                continue
            part = _agreed([value[name] for value in values], (*path, name))
            differs += part.differs
            if part.value is not None:
                shared[name] = part.value
        return _Agreed(shared or None, differs)
    if all(type(value) is list and len(value) == len(first) for value in values):
        parts = [_agreed(list(each), (*path, place)) for place, each in enumerate(zip(*values))]
        kept = [part.value for part in parts]
        return _Agreed(None if None in kept else kept, [each for part in parts for each in part.differs])
    return _Agreed(None, [path])


def _text(value: Any) -> str:
    import json

    return json.dumps(value, sort_keys=True, default=str)


def updated_after(item: Held, when: str | None) -> bool:
    """Whether a version is newer than a deletion."""
    updated = _meta(item, "lastUpdated")
    if updated is None or when is None:
        return False
    written, deleted = begin(updated), begin(when)
    return written is not None and deleted is not None and written > deleted


def _content(item: Held) -> dict[str, Any]:
    """A resource without its metadata and narrative, which may differ though nothing clinical does."""
    return {key: value for key, value in item.resource.items() if key not in ("meta", "text")}

"""All resources of one input: the same resource twice becomes one, and each goes to the patient it is about.

Takes the resources that one or several sources gave, in order; parts them by patient. Of several versions of a resource the
highest ``meta.versionId`` counts, then the latest ``meta.lastUpdated``, then that of the later source; a difference is a finding.
Where none of these tells which is right, what they agree on counts and what differs is not known: the order of the entries in one
source never matters. A resource about a patient who is not in the input goes to nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from guideway.diagnostics import Diagnostic, GuidewayError, Severity
from guideway.fhir.dates import begin
from guideway.records.exclusion import Exclusion
from guideway.records.owners import is_clinical, reference_forms, subjects
from guideway.records.references import References, implied_id, server_of
from guideway.records.resources import Collected, Deletion, Held, element_path, finding


class Shelf:
    """Resources about no patient (products, practitioners, places) that many pools share, found by reference or type."""

    __slots__ = ("_by_kind", "_by_reference")

    def __init__(self, held: Iterable[Held]) -> None:
        self._by_kind: dict[str, list[Held]] = {}
        self._by_reference: dict[str, Held] = {}
        for item in held:
            self._by_kind.setdefault(item.kind, []).append(item)
            self._by_reference[item.label] = item

    def find(self, reference: str) -> Held | None:
        """The resource of a reference."""
        return self._by_reference.get(reference)

    def of(self, kind: str) -> Sequence[Held]:
        """All of a type."""
        return self._by_kind.get(kind, ())


class Pool:
    """The resources of an input after duplicates are settled, by patient and shared."""

    def __init__(self, collected: Iterable[Collected], shelf: Shelf | None = None) -> None:
        self.shelf = shelf if shelf is not None else Shelf(())
        self.findings: list[Diagnostic] = []
        self.excluded: list[tuple[Held, Exclusion]] = []
        self.about: list[tuple[Held, Diagnostic]] = []
        """Findings about one resource; they go to the record that the resource goes to."""
        held: list[Held] = []
        deletions: list[Deletion] = []
        for document in collected:
            held += document.held
            deletions += document.deletions
            self.findings += document.findings
        for order, item in enumerate(held):
            item.order = order
            item.alike = self.alike
            if item.id is None and (item.kind != "Patient" or str(item.full_url).startswith("http")):
                item.id = implied_id(item.kind, item.full_url)
        self.people: dict[str, set[str]] = defaultdict(set)
        """Which patients each source brings."""
        for item in held:
            if item.kind == "Patient":
                self.people[item.source].add(item.label)
        self.held = self._settle(held, deletions)
        self.patients = [item for item in self.held if item.kind == "Patient"]
        self.own: list[list[Held]] = [[patient] for patient in self.patients]
        self.shared: list[Held] = []
        self.nobody: list[Held] = []
        self._references = self._patient_references()
        self._owners: dict[str, int | str] = {}
        """By literal reference."""
        self._links: References | None = None
        self._assign()

    def alike(self, data: dict[str, Any], holder: Held, references: Sequence[str] | None = None) -> dict[str, Any]:
        """A resource with its references in the form in which logic compares them."""
        if self._links is None:
            self._links = References(self.held, self.shelf.find)
        return self._links.alike(data, holder, references)

    def shared_with(self, patient: Held) -> list[Held]:
        """What is about nobody, as far as it comes from a source of this patient or of none."""
        if len(self.people) < 2:
            return self.shared
        return [item for item in self.shared if not (there := self.people.get(item.source)) or patient.label in there]

    # -- the same resource twice

    def _settle(self, held: list[Held], deletions: list[Deletion]) -> list[Held]:
        groups: dict[tuple[str, str], list[Held]] = {}
        kept: list[Held] = []
        for item in held:
            if item.id is None:
                kept.append(item)
            else:
                groups.setdefault((item.kind, item.id), []).append(item)
        urls = {item.full_url: item.label for item in held if item.kind == "Patient" and item.full_url}
        removed = {(d.kind, d.id): d for d in deletions}
        for key, group in groups.items():
            parted = [group] if len(group) == 1 else _by_subject(_by_server(group), urls, self.people)
            for versions in parted:
                winner = self._newest(versions) if len(versions) > 1 else versions[0]
                deletion = removed.get(key)
                if deletion is not None and not _updated_after(winner, deletion.when):
                    reason = "deleted, says the history"
                    self.excluded.append((winner, Exclusion(winner.label, "deleted", reason, winner)))
                else:
                    kept.append(winner)
        kept.sort(key=lambda item: item.order)
        return kept

    def _newest(self, versions: list[Held]) -> Held:
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
            self.about.append((winner, finding(winner, "duplicate-resource", message)))
            for item in sorted(rest, key=lambda item: _text(_content(item))):
                reason = f"another version of the same resource is used, the one {why}"
                self.excluded.append((winner, Exclusion(item.label, "older-version", reason, item)))
            return winner
        agreed = _agreed([_content(contents[text]) for text in sorted(contents)])
        paths = tuple(sorted({element_path(path) for path in agreed.differs}))
        merged = Held(agreed.value, winner.source, winner.where, winner.full_url, winner.twice, paths)
        merged.id, merged.order, merged.alike = winner.id, min(item.order for item in versions), self.alike
        names = ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
        message = (
            f"{winner.label} is given {count} with different content, and nothing says which is current: what differs "
            f"({names}) is not used."
        )
        hint = "Give one version, or versions with meta.versionId or meta.lastUpdated."
        self.about.append((merged, finding(merged, "duplicate-resource", message, hint=hint)))
        return merged

    # -- whose is it

    def _patient_references(self) -> dict[str, int | None]:
        """Every reference that names one of the patients → its position; None where it could be several."""
        found: dict[str, int | None] = {}

        def note(form: str, position: int) -> None:
            found[form] = position if found.get(form, position) == position else None

        for position, patient in enumerate(self.patients):
            if patient.full_url:
                note(patient.full_url, position)
            if patient.id:
                note(f"Patient/{patient.id}", position)
                note(f"urn:uuid:{patient.id}", position)
        return found

    def owner(self, reference: dict[str, Any]) -> int | str | None:
        """The position of the patient that a reference names; the reference's text where it names another; None where it does not
        name anybody."""
        text = reference.get("reference")
        if not isinstance(text, str) or not text:
            return self._owner_by_identifier(reference.get("identifier"))
        found = self._owners.get(text)
        if found is None:
            found = self._owners[text] = self._owner_by_reference(text)
        return found

    def _owner_by_reference(self, text: str) -> int | str:
        for form in reference_forms(text):
            position = self._references.get(form)
            if position is not None:
                patient = self.patients[position]
                if form != text and text.startswith("http") and server_of(patient) not in (None, text.partition("/Patient/")[0]):
                    continue  # the same id on another server
                return position
        return text

    def _owner_by_identifier(self, identifier: object) -> int | None:
        if not isinstance(identifier, dict) or not identifier.get("value"):
            return None
        wanted = identifier.get("system"), identifier["value"]
        matches = [
            position
            for position, patient in enumerate(self.patients)
            for given in patient.resource.get("identifier", ())
            if isinstance(given, dict) and (given.get("system"), given.get("value")) == wanted
        ]
        return matches[0] if len(set(matches)) == 1 else None

    def _assign(self) -> None:
        groups = {f"Group/{item.id}": item for item in self.held if item.kind == "Group" and item.id}
        alone = len(self.patients) == 1
        for item in self.held:
            if item.kind == "Patient":
                continue
            references = subjects(item.resource)
            if not references:
                if not is_clinical(item.kind):
                    self.shared.append(item)
                elif alone:
                    self.own[0].append(item)
                    message = f"{item.label} does not say whom it is about; it is taken to be the one patient's."
                    self.about.append((item, finding(item, "subject-missing", message)))
                else:
                    self._leave_out(item, "subject-missing", "it does not say which of the patients it is about")
                continue
            if len(references) == 1 and type(only := self.owner(references[0])) is int:
                self.own[only].append(item)
                continue
            owners = [self.owner(r) for r in references]
            for text in [o for o in owners if isinstance(o, str) and o in groups]:
                owners += [self.owner(r) for r in subjects(groups[text].resource)]
            positions = sorted({o for o in owners if isinstance(o, int)})
            for position in positions:
                self.own[position].append(item)
            if not positions:
                named = next((o for o in owners if isinstance(o, str)), None)
                if named is None and alone and is_clinical(item.kind):
                    self.own[0].append(item)
                    message = f"{item.label} names its subject by words only; it is taken to be the one patient's."
                    self.about.append((item, finding(item, "subject-missing", message)))
                elif item.kind in ("Provenance", "Device", "Schedule", "Account") or not is_clinical(item.kind):
                    self.shared.append(item)
                else:
                    self._leave_out(item, "other-patient", f"it is about {named or 'somebody who is not named by a reference'}")

    def _leave_out(self, item: Held, rule: str, reason: str) -> None:
        self.nobody.append(item)
        self.excluded.append((item, Exclusion(item.label, rule, reason, item)))
        self.about.append((item, finding(item, rule, f"{item.label} is left out: {reason}.")))


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


def _updated_after(item: Held, when: str | None) -> bool:
    """Whether a version is newer than a deletion."""
    updated = _meta(item, "lastUpdated")
    if updated is None or when is None:
        return False
    written, deleted = begin(updated), begin(when)
    return written is not None and deleted is not None and written > deleted


def _content(item: Held) -> dict[str, Any]:
    """A resource without its metadata and narrative, which may differ though nothing clinical does."""
    return {key: value for key, value in item.resource.items() if key not in ("meta", "text")}


def no_patient(names: Sequence[str], pool: Pool) -> GuidewayError:
    """The error for an input without a Patient, saying what there is."""
    kinds: dict[str, int] = {}
    for item in pool.held:
        kinds[item.kind] = kinds.get(item.kind, 0) + 1
    there = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())[:8]) or "no resource at all"
    more = ", …" if len(kinds) > 8 else ""
    where = " and ".join(names) if len(names) <= 3 else f"{names[0]} and {len(names) - 1} more"
    found = [d.message for d in pool.findings if d.severity is not Severity.information]
    because = f" {found[0]}" + (f" ({len(found) - 1} more problems)" if len(found) > 1 else "") if found else ""
    return GuidewayError(
        f"{where}: there is no Patient in it ({there}{more}).{because} Give a Bundle that holds the Patient and their data."
    )

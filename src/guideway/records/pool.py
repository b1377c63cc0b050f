"""All resources of one input: the same resource twice becomes one, and each goes to the patient it is about.

Takes the resources that one or several sources gave, in order; parts them by patient. Of several versions of a resource one
counts (``versions``), and a difference is a finding: the order of the entries in one source never matters. A resource about a
patient who is not in the input goes to nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from guideway.diagnostics import Diagnostic, GuidewayError, Severity
from guideway.records.exclusion import Exclusion
from guideway.records.owners import is_clinical, reference_forms, subjects
from guideway.records.references import References, implied_id, server_of
from guideway.records.resources import Collected, Deletion, Held, finding


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
            deletion = removed.get(key)
            if len(group) == 1 and deletion is None:
                kept += group
                continue
            from guideway.records.versions import newest, of_one, updated_after

            for versions in of_one(group, urls, self.people):
                winner = newest(versions, self) if len(versions) > 1 else versions[0]
                if deletion is not None and not updated_after(winner, deletion.when):
                    reason = "deleted, says the history"
                    self.excluded.append((winner, Exclusion(winner.label, "deleted", reason, winner)))
                else:
                    kept.append(winner)
        kept.sort(key=lambda item: item.order)
        return kept

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

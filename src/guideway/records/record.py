"""One patient's data as the engine asks for it (``guideway.engine.data.DataSource``), with what was left out and why.

Takes the pool and the patient's place in it; gives resources by type and code, references resolved, findings, exclusions and
flags. Everything is made when first asked for: resources of types that no logic reads are indexed by type and otherwise left
alone, until ``findings`` asks about all of them. ``under(policy, now)`` gives the same record under a policy at an evaluation
time; it shares the resources and keeps its own verdicts, so the same record may be evaluated at several times at once.

Resources come in the order of their ids, so shuffled input gives the same lists.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from guideway.diagnostics import Diagnostic, Severity
from guideway.fhir.dates import Evaluation
from guideway.fhir.element import FhirObject
from guideway.records.exclusion import Exclusion, Flag
from guideway.records.hygiene import POLICIES, Hygiene, Reason, compare, is_open_proposal, not_understood
from guideway.records.index import CodeIndex, Codes, codes_at
from guideway.records.pool import Pool
from guideway.records.references import References, asked_version, identifying, version_of
from guideway.records.resources import Collected, Held, finding

_HARMLESS = frozenset(("element-unknown", "json-comments", "narrative-unsafe"))
"""Faults whose elements no logic reads anyway."""

UNFILTERED = frozenset(("Unfiltered", "Population", None))


class _Kind:
    """The resources of one type after hygiene."""

    __slots__ = ("_objects", "excluded", "faults", "flagged", "flags_of", "indexes", "kept", "ties", "wrong")

    def __init__(self) -> None:
        self.kept: list[Held] = []
        self._objects: list[FhirObject] | None = None
        self.excluded: list[Exclusion] = []
        self.flagged: list[Flag] | None = None
        self.flags_of: dict[str, list[Flag]] | None = None
        """The same by resource."""
        self.indexes: dict[str, CodeIndex] = {}
        self.wrong: dict[int, list[Reason]] = {}
        """By identity of what is held: what keeps it from being used as it is meant."""
        self.ties: dict[int, list[Reason]] = {}
        """By identity of what is held: why it contradicts others."""
        self.faults: tuple[int, list[tuple[Held, Diagnostic]]] | None = None
        """After so many questions: what is wrong with what they asked for."""

    @property
    def objects(self) -> list[FhirObject]:
        """What is kept, as the engine sees it; of a type that no logic reads it is never made."""
        if self._objects is None:
            self._objects = [item.object for item in self.kept]
        return self._objects


class PatientRecord:
    """The data of one patient; implements ``DataSource``."""

    __slots__ = (
        "_asked", "_by_kind", "_by_reference", "_closed", "_followed",
        "_hygiene", "_kinds", "_pool", "_position", "_subject", "_unfiltered",
        "patient", "source",
    )  # fmt: skip

    def __init__(self, pool: Pool, position: int, hygiene: Hygiene | None = None) -> None:
        self._pool = pool
        self._position = position
        self._hygiene = hygiene or Hygiene("none", None)
        self.patient: Held = pool.patients[position]
        self.source: str = self.patient.source
        self._by_kind: dict[str, list[Held]] | None = None
        self._kinds: dict[str, _Kind] = {}
        self._by_reference: References | None = None
        self._closed: dict[str, dict[tuple[str, Codes] | None, None]] | None = None
        self._asked: dict[str, dict[tuple[str, Codes] | None, None]] = {}
        """By type: what retrieves asked for, each a path and codes, or None for all of the type."""
        self._unfiltered: dict[str, list[FhirObject]] = {}
        self._followed: dict[str, str] = {}
        self._subject: FhirObject | None = None

    def __repr__(self) -> str:
        return f"PatientRecord({self.reference!r}, policy={self._hygiene.policy!r})"

    # -- who

    @property
    def id(self) -> str | None:
        """The patient's id; None where the resource has none."""
        return self.patient.id

    @property
    def reference(self) -> str:
        """``Patient/x``; for a patient without an id its full URL, else ``Patient/unidentified``."""
        return f"Patient/{self.patient.id}" if self.patient.id else self.patient.full_url or "Patient/unidentified"

    @property
    def deceased(self) -> bool:
        """Whether the patient has died, as of the evaluation time where there is one: no recommendation is made."""
        data = self.patient.object.data
        date, evaluation = data.get("deceasedDateTime"), self._hygiene.evaluation
        if isinstance(date, str) and evaluation is not None and evaluation.is_future(date):
            return False
        return data.get("deceasedBoolean") is True or "deceasedDateTime" in data

    @property
    def death_unreadable(self) -> bool:
        """Whether the record says something about the patient's death that cannot be read: nobody is then taken to be alive."""
        names = ("deceasedBoolean", "deceasedDateTime")
        if any(name in self.patient.object.data for name in names):
            return False
        given = self.patient.resource
        return any(name in given or f"_{name}" in given or name in self.patient.differs for name in names)

    @property
    def inactive(self) -> bool:
        """Whether the record says that it is not in use."""
        return self.patient.object.data.get("active") is False

    @property
    def replaced_by(self) -> str | None:
        """The reference of the patient record that replaces this one."""
        for link in self.patient.object.data.get("link", ()):
            other = link.get("other")
            if link.get("type") == "replaced-by":
                return str(other.get("reference") or "another record") if isinstance(other, dict) else "another record"
        return None

    # -- the policy

    @property
    def policy(self) -> str:
        """The hygiene policy in force."""
        return self._hygiene.policy

    def under(self, policy: str, now: object = None, offset: int = 0) -> PatientRecord:
        """The same data under a hygiene policy at an evaluation time (``datetime``, FHIR date-time text, or a value whose text is
        one); dates without an offset are taken in ``offset`` (minutes)."""
        if policy not in POLICIES:
            raise ValueError(f"{policy!r} is no hygiene policy; the policies are {', '.join(map(repr, POLICIES))}")
        evaluation = now if isinstance(now, Evaluation) or now is None else Evaluation.of(now, offset)
        return PatientRecord(self._pool, self._position, Hygiene(policy, evaluation))

    def changed(self, add: Iterable[dict[str, Any]] = (), remove: Iterable[str] = (), source: str = "added") -> PatientRecord:
        """A record with further resources (they count as a later source, and replace those with the same id) and without those
        whose references are in ``remove``. For what-if runs, prefetch and fetched data."""
        gone = set(remove)
        held = [_again(item) for item in self._pool.held if item.label not in gone]
        added = [Held(resource, source) for resource in add]
        doubled = [d for item, d in self._pool.about if item.differs and item.label not in gone]
        pool = Pool([Collected(held + added, [], [*self._pool.findings, *doubled])], self._pool.shelf)
        wanted = self.patient.label
        position = next((n for n, p in enumerate(pool.patients) if p.label == wanted), 0)
        return PatientRecord(pool, position, self._hygiene)

    # -- DataSource

    def subject(self) -> FhirObject:
        """The patient; without a birth date that cannot be, as without any other element that cannot be read."""
        if self._subject is None:
            found = self.patient.object
            if self._birth_date_fault() is not None and self._hygiene.policy != "none":
                found = FhirObject("Patient", {name: value for name, value in found.data.items() if name != "birthDate"})
            self._subject = found
        return self._subject

    def retrieve(
        self,
        type_name: str,
        *,
        code_path: str | None = None,
        codes: Codes | None = None,
        context: str | FhirObject | None = "Patient",
        template_id: str | None = None,
    ) -> Sequence[FhirObject]:
        """The resources of a type, after hygiene, in the order of their ids; with ``codes`` those with one of them at
        ``code_path``. See ``DataSource``."""
        if isinstance(context, FhirObject):
            if context.data is not self.patient.object.data and context.data is not self.subject().data:
                return self._of_other(context, type_name, code_path, codes)
        elif context in UNFILTERED and len(self._pool.patients) > 1:
            objects = self._all_patients(type_name)
            return objects if codes is None else CodeIndex(objects, code_path or "code", self.resolve_quietly).find(codes)
        asked = self._asked.setdefault(type_name, {})
        kind = self._kind(type_name)
        if codes is None:
            asked[None] = None
            own = self.patient.object
            return kind.objects if self.subject() is own else [self.subject() if o is own else o for o in kind.objects]
        if not codes:
            return []
        path = code_path or "code"
        asked[path, codes] = None
        return self._index(kind, path).find(codes)

    def _index(self, kind: _Kind, path: str) -> CodeIndex:
        index = kind.indexes.get(path)
        if index is None:
            index = kind.indexes[path] = CodeIndex(kind.objects, path, self.resolve_quietly)
        return index

    def resolve(self, reference: str) -> FhirObject | None:
        """The resource that a literal reference leads to. One that leads nowhere, or to data that does not count, becomes a
        finding."""
        found = self._lookup(reference)
        if found is None:
            self._followed.setdefault(reference, "leads to nothing in the data")
            return None
        reason = self._judged(found)
        if reason is not None:
            self._followed.setdefault(reference, f"leads to data that does not count: {reason[1]}")
            return None
        return found.object

    def resolve_quietly(self, reference: str) -> FhirObject | None:
        """As ``resolve``, without a finding."""
        found = self._lookup(reference)
        return found.object if found is not None else None

    def alike(self, given: Any) -> Any:
        """A resource that is not part of the record (an order being written), with its references written as the record's are;
        anything else as it is."""
        if not isinstance(given, FhirObject):
            return given
        data = self._pool.alike(given.data, self.patient)
        return given if data is given.data else FhirObject(given.fhir_type, data)

    # -- what is there

    @property
    def types(self) -> tuple[str, ...]:
        """The resource types at hand, sorted."""
        return tuple(sorted(self._held()))

    @property
    def excluded(self) -> list[Exclusion]:
        """What does not count, sorted by resource."""
        return self.excluded_of(None)

    def excluded_of(self, types: Collection[str] | None) -> list[Exclusion]:
        """What of these types does not count (None: of all); nothing else is judged for it."""
        found = [e for item, e in self._pool.excluded if (types is None or item.kind in types) and self._concerns(item)]
        for name in self._held():
            if types is None or name in types:
                found += self._kind(name).excluded
        return sorted(found, key=lambda e: (e.resource, e.rule, e.reason))

    @property
    def flagged(self) -> list[Flag]:
        """What counts but is doubtful, sorted by resource."""
        found: list[Flag] = []
        for name in self._held():
            found += self._flags(name)
        return sorted(found, key=lambda f: (f.resource, f.rule, f.reason))

    def excluded_for(self, type_name: str, code_path: str | None = None, codes: Codes | None = None) -> list[Exclusion]:
        """What of a type does not count: of everything, or of that which a retrieve with these codes would have found."""
        found = [e for item, e in self._pool.excluded if e.held.kind == type_name and self._concerns(item)]
        found = sorted([*found, *self._kind(type_name).excluded], key=lambda e: (e.resource, e.rule, e.reason))
        if codes is None:
            return found
        return [e for e in found if _has_code(e.held, code_path or "code", codes, self.resolve_quietly)]

    def flags_of(self, resource: str) -> list[Flag]:
        """What is doubtful about one resource (``Observation/x``)."""
        kind = self._kind(resource.partition("/")[0])
        if kind.flags_of is None:
            kind.flags_of = {}
            for flag in self._flags(resource.partition("/")[0]):
                kind.flags_of.setdefault(flag.resource, []).append(flag)
        return list(kind.flags_of.get(resource, ()))

    @property
    def proposals(self) -> list[FhirObject]:
        """Requests that are proposed and not settled, from the record itself or contained in a care plan, in order of ids."""
        found: list[FhirObject] = []
        for held in self._own():
            if held.resource.get("intent") != "proposal" and held.kind not in ("CarePlan", "RequestGroup"):
                continue
            data = held.object.data
            if is_open_proposal(data):
                found.append(held.object)
            if held.kind in ("CarePlan", "RequestGroup") and data.get("status") in ("draft", "active", "on-hold"):
                for item in data.get("contained", ()):
                    if isinstance(item, dict) and item.get("resourceType") != "RequestGroup" and is_open_proposal(item):
                        found.append(FhirObject(str(item["resourceType"]), item))
        return sorted(found, key=lambda o: (o.fhir_type, o.id or ""))

    @property
    def findings(self) -> list[Diagnostic]:
        """Everything found about the input as far as it concerns this patient: faults of resources, duplicates, the patient's own
        standing, references that were followed to nowhere. Sorted; the structure of every resource is checked now."""
        return self.findings_of(None)

    def findings_of(self, types: Collection[str] | None) -> list[Diagnostic]:
        """The same of the patient, of the data as a whole, and of resources of these types; no other resource is checked for
        it."""
        found = [*self._pool.findings, *self._standing()]
        found += [d for item, d in self._pool.about if self._concerns(item)]
        for held in (*self._own(), *self._pool.shared_with(self.patient)):
            if (types is None or held.kind in types) and held.faults:
                found += held.findings()
        for name in sorted(self._closed if self._closed is not None else self._asked):
            if types is None or name in types:
                found += [d for _, d in self._read_faults(name)]
        for reference, what in self._followed.items():
            message = f"The reference {reference}, which the logic followed, {what}."
            found.append(Diagnostic("reference-unresolved", Severity.warning, message, self.source, None, reference))
        return sorted(found, key=lambda d: (d.pointer or "", d.rule, d.message))

    def findings_about(self, resource: str) -> list[Diagnostic]:
        """The findings about one resource (``Observation/x``)."""
        return [
            d for d in self.findings if d.pointer is not None and (d.pointer == resource or d.pointer.startswith(f"{resource}."))
        ]

    def faults_for(self, type_name: str, code_path: str | None, codes: Codes) -> list[Diagnostic]:
        """The findings about what a retrieve with these codes finds, or would find if the resource were as it should be."""
        kind = self._kind(type_name)
        path = code_path or "code"
        faults = self._read_faults(type_name)
        wanted = {id(found) for found in self._index(kind, path).find(codes)}
        items = [h for h in kind.kept if id(h.object) in wanted or (h.doubtful and _nearly_has_code(h, path, codes))]
        items += [e.held for e in kind.excluded if _has_code(e.held, path, codes, self.resolve_quietly)]
        found: list[Diagnostic] = []
        for held in items:
            found += [d for d in held.findings() if d.severity is not Severity.information]
            found += [d for item, d in self._pool.about if item is held]
            found += [d for item, d in faults if item is held]
        return sorted(dict.fromkeys(found), key=lambda d: (d.pointer or "", d.rule, d.message))

    def is_faulty(self, type_name: str) -> bool:
        """Whether there are findings about resources of a type at all; ``faults_for`` says which."""
        if self._read_faults(type_name) or any(item.kind == type_name for item, _ in self._pool.about):
            return True
        kind = self._kind(type_name)
        return any(held.faults for held in (*kind.kept, *(e.held for e in kind.excluded)))

    def close(self) -> None:
        """From here on nothing that is asked is a question of the logic: findings stay as they are, whoever looks for an
        explanation."""
        self._closed = {name: dict(queries) for name, queries in self._asked.items()}

    # -- inside

    def _read_faults(self, name: str) -> list[tuple[Held, Diagnostic]]:
        """What is wrong with the resources of a type that the logic asked for, so that they cannot be used as they are meant."""
        kind = self._kind(name)
        asked = (self._closed if self._closed is not None else self._asked).get(name, {})
        if kind.faults is not None and kind.faults[0] == len(asked):
            return kind.faults[1]
        found: list[tuple[Held, Diagnostic]] = []
        everything = None in asked
        queries = [query for query in asked if query is not None]
        reached: set[int] = set()
        for path, codes in queries:
            reached.update(id(each) for each in self._index(kind, path).find(codes))
        for held in kind.kept:
            for place, why in self._leads_nowhere(held):
                message = f"{held.label}: {place}: {why}, so what it is about is not known."
                hint = "Give the resource that it refers to along with it."
                found.append((held, finding(held, "reference-unresolved", message, (place,), hint=hint)))
            if held.versioned and (everything or id(held.object) in reached):
                found += [(held, each) for each in self._other_versions(held)]
            reasons = [*self._faults_of(kind, held), *kind.ties.get(id(held), ())]
            held.doubtful = held.doubtful or bool(reasons)
            if reasons and (
                (everything and name != "Observation")
                or id(held.object) in reached
                or any(_nearly_has_code(held, path, codes) for path, codes in queries)
            ):
                found += [(held, finding(held, rule, f"{held.label}: {why}.")) for rule, why in reasons]
        for excluded in kind.excluded:
            held = excluded.held
            if excluded.rule in ("modifier-unknown", "implicit-rules") and (
                everything or any(_has_code(held, path, codes, self.resolve_quietly) for path, codes in queries)
            ):
                found.append((held, finding(held, excluded.rule, f"{held.label} is not used: {excluded.reason}.")))
        kind.faults = (len(asked), found)
        return found

    def _faults_of(self, kind: _Kind, held: Held) -> list[Reason]:
        """What keeps a resource that counts from being used as it is meant."""
        known = kind.wrong.get(id(held))
        if known is None:
            known = kind.wrong[id(held)] = list(self._hygiene.faults(held.kind, held.object.data))
        return known

    def _judged(self, held: Held) -> Reason | None:
        """Why a resource does not count; None where it does."""
        if held.kind == "Patient":
            return None
        if held.is_plain and "focus" not in held.resource:  # where something is compared with a reference, as logic sees both
            return self._hygiene.judge(held.kind, held.resource, understood=True)
        return self._hygiene.judge(held.kind, held.object.data, understood=held.is_plain)

    def _birth_date_fault(self) -> str | None:
        """Where the birth date cannot be at the evaluation time: that it is in the future, or more than 130 years ago."""
        born, evaluation = self.patient.object.data.get("birthDate"), self._hygiene.evaluation
        if not isinstance(born, str) or evaluation is None or not born[:4].isdigit():
            return None
        years = evaluation.instant.year - int(born[:4])
        if evaluation.is_future(born):
            return "in the future"
        return "more than 130 years ago" if years > 130 else None

    def _standing(self) -> Iterator[Diagnostic]:
        label = self.patient.label
        reason = not_understood(self.patient.object.data) if self._hygiene.policy != "none" else None
        if reason is not None:
            yield finding(self.patient, f"patient-{reason[0]}", f"{label}: {reason[1]}.", severity=Severity.error)
        fault = self._birth_date_fault()
        if fault is not None:
            yield finding(self.patient, "birth-date-impossible", f"{label}: the birth date is {fault}.", ("birthDate",))
        if self.deceased:
            yield finding(self.patient, "patient-deceased", f"{label} has died: no recommendation is made.")
        elif self.death_unreadable:
            message = f"{label}: whether the patient has died cannot be read: no recommendation is made."
            hint = "Put deceasedBoolean or deceasedDateTime right, or leave it out for a patient who is alive."
            yield finding(self.patient, "patient-deceased-unreadable", message, severity=Severity.error, hint=hint)
        if self.inactive:
            yield finding(self.patient, "patient-inactive", f"{label} is marked as not in use (active is false).")
        if self.replaced_by is not None:
            message = f"{label} is replaced by {self.replaced_by}: the current data may be there."
            yield finding(self.patient, "patient-replaced", message)

    def _concerns(self, item: Held) -> bool:
        """Whether a pool-wide verdict belongs in this record: it is about its own, a shared or nobody's resource."""
        return len(self._pool.patients) == 1 or not any(
            item in own for n, own in enumerate(self._pool.own) if n != self._position
        ) or item in self._own()  # fmt: skip

    def _own(self) -> list[Held]:
        return self._pool.own[self._position]

    def _held(self) -> dict[str, list[Held]]:
        if self._by_kind is None:
            by_kind: dict[str, list[Held]] = {}
            for item in (*self._own(), *self._pool.shared_with(self.patient)):
                by_kind.setdefault(item.kind, []).append(item)
            self._by_kind = by_kind
        return self._by_kind

    def _kind(self, name: str) -> _Kind:
        kind = self._kinds.get(name)
        if kind is None:
            kind = self._kinds[name] = self._clean([*self._held().get(name, ()), *self._pool.shelf.of(name)])
        return kind

    def _clean(self, held: Iterable[Held]) -> _Kind:
        kind = _Kind()
        for item in sorted(held, key=_order):
            reason = self._judged(item)
            if reason is None:
                kind.kept.append(item)
            else:
                kind.excluded.append(Exclusion(item.label, reason[0], reason[1], item))
        if self._hygiene.policy != "none" and kind.kept and kind.kept[0].kind == "Observation":
            verdicts = self._compare(kind.kept)
            for position, (rule, why) in verdicts.replaced.items():
                kind.excluded.append(Exclusion(kind.kept[position].label, rule, why, kind.kept[position]))
            kind.ties = {id(kind.kept[position]): [reason] for position, reason in verdicts.ties.items()}
            kind.kept = [item for position, item in enumerate(kind.kept) if position not in verdicts.replaced]
        return kind

    def _compare(self, kept: list[Held]) -> Any:
        offset = self._hygiene.evaluation.offset if self._hygiene.evaluation is not None else 0
        return compare(((n, item.label, item.object.data) for n, item in enumerate(kept)), offset)

    def _flags(self, name: str) -> list[Flag]:
        kind = self._kind(name)
        if kind.flagged is None:
            kind.flagged = []
            for item in kind.kept:
                for rule, why in self._hygiene.doubts(item.kind, item.object.data, self._faults_of(kind, item)):
                    kind.flagged.append(Flag(item.label, rule, why, item))
                for path, why in self._leads_nowhere(item):
                    kind.flagged.append(Flag(item.label, "reference-unresolved", f"{path}: {why}", item))
                if item.differs:
                    names = " and ".join(item.differs[:3])
                    kind.flagged.append(Flag(item.label, "versions-differ", f"its versions differ in {names}", item))
                unread = item.faults and {f.path[0] for f in item.faults if f.drop and f.path and f.rule not in _HARMLESS}
                if unread:
                    dropped = sorted(unread, key=str)
                    names = " and ".join(str(d) for d in dropped)
                    kind.flagged.append(Flag(item.label, "element-unreadable", f"{names} could not be read", item))
                for rule, why in kind.ties.get(id(item), ()):
                    kind.flagged.append(Flag(item.label, rule, why, item))
        return kind.flagged

    def _leads_nowhere(self, held: Held) -> Iterator[tuple[str, str]]:
        """The references that say what a resource is about and cannot be followed: path, and why."""
        for path, value in identifying(held.kind, held.object.data):
            reference = value.get("reference")
            if not isinstance(reference, str) or not reference:
                yield path, "it holds no reference that could be followed"
            elif reference.startswith("#"):
                contained = held.object.data.get("contained") or ()
                if not any(isinstance(inner, dict) and inner.get("id") == reference[1:] for inner in contained):
                    yield path, f"{reference} is not among the contained resources"
            else:
                target = self._lookup(reference, held)
                if target is None:
                    yield path, f"{reference} leads to nothing in the data"
                elif (reason := self._judged(target)) is not None:
                    yield path, f"{reference} leads to data that does not count: {reason[1]}"

    def _other_versions(self, held: Held) -> Iterator[Diagnostic]:
        """That a reference which says what a resource is about asks for a version that is not the one in use."""
        for path, value in identifying(held.kind, held.resource):
            reference = value.get("reference")
            wanted = asked_version(reference) if isinstance(reference, str) else None
            target = self._lookup(reference, held) if isinstance(reference, str) and wanted is not None else None
            if target is None or (there := version_of(target)) == wanted:
                continue
            of = f"{held.label}: {path}: {reference} asks for version {wanted}"
            if there is None:
                message = f"{of}; {target.label} is used, which does not say what version it is."
                yield finding(held, "reference-version", message, (path,), Severity.information)
            else:
                hint = f"Check that version {there} still says what was meant."
                message = f"{of}; version {there} of {target.label} is used."
                yield finding(held, "reference-version", message, (path,), hint=hint)

    def _lookup(self, reference: str, holder: Held | None = None) -> Held | None:
        if reference.startswith("#"):
            return None
        if self._by_reference is None:
            held = (*self._own(), *self._pool.shared_with(self.patient), *self._pool.patients)
            self._by_reference = References(held, self._pool.shelf.find)
        return self._by_reference.find(reference, holder)

    def _all_patients(self, name: str) -> list[FhirObject]:
        found = self._unfiltered.get(name)
        if found is None:
            found = self._unfiltered[name] = self._clean(item for item in self._pool.held if item.kind == name).objects
        return found

    def _of_other(self, patient: FhirObject, name: str, code_path: str | None, codes: Codes | None) -> Sequence[FhirObject]:
        """The data of another patient of the same input, where the logic asks for a related one's."""
        for position, held in enumerate(self._pool.patients):
            if held.object.data is patient.data or (held.id is not None and held.id == patient.id):
                if position == self._position:
                    return self.retrieve(name, code_path=code_path, codes=codes)
                other = PatientRecord(self._pool, position, self._hygiene)
                return other.retrieve(name, code_path=code_path, codes=codes)
        return []


def _order(item: Held) -> tuple[str, str]:
    """Sort key: the id; resources without one by their content, so that their order does not depend on the input's."""
    if item.id is not None:
        return item.id, item.full_url or ""
    import json

    return "", json.dumps(item.resource, sort_keys=True, default=str)


def _again(item: Held) -> Held:
    return Held(item.resource, item.source, item.where, item.full_url, item.twice, item.differs)


def _nearly_has_code(held: Held, path: str, codes: Codes) -> bool:
    """Whether a resource has one of the codes without its system."""
    concept = held.resource.get(path) or held.resource.get(f"{path}CodeableConcept")
    codings = concept.get("coding") if isinstance(concept, dict) else None
    bare = [c.get("code") for c in codings if isinstance(c, dict) and not c.get("system")] if isinstance(codings, list) else []
    return any(code == wanted for code in bare for _, wanted in codes)


def _has_code(held: Held, path: str, codes: Codes, resolve: Any) -> bool:
    return any(
        pair in codes or (pair[0] is None and any(pair[1] == code for _, code in codes))
        for pair in codes_at(held.object.data, path, resolve)
    )

"""From a JSON document to the resources in it: Bundles of any type, Parameters, single resources.

Takes what ``decode`` gives; gives ``Held`` resources, each with where it came from, and findings about what could not be taken.
One bad entry never costs the others. FHIR R4 §2.36 (Bundle), §2.41 (Parameters).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from guideway.diagnostics import Diagnostic, GuidewayError, Severity
from guideway.fhir import structure
from guideway.fhir.code_systems import as_fhir
from guideway.fhir.element import FhirObject
from guideway.fhir.plain import plain
from guideway.fhir.structure import Fault
from guideway.records.decode import Decoded

Path = tuple[str | int, ...]

BUNDLE_TYPES = frozenset(
    (
        "document",
        "message",
        "transaction",
        "transaction-response",
        "batch",
        "batch-response",
        "history",
        "searchset",
        "collection",
    )
)
"""http://hl7.org/fhir/R4/valueset-bundle-type.html"""


class Held:
    """One resource as it was given: its JSON, its full URL, which source and place it came from. Its structure is checked when
    something first looks at it; ``object`` is what the engine sees, without the elements that cannot be read."""

    __slots__ = (
        "_faults", "_object", "_references", "alike", "differs", "doubtful", "full_url",
        "id", "kind", "order", "resource", "source", "twice", "versioned", "where",
    )  # fmt: skip

    def __init__(
        self,
        resource: dict[str, Any],
        source: str,
        where: str = "",
        full_url: str | None = None,
        twice: Sequence[Fault] = (),
        differs: tuple[str, ...] = (),
    ) -> None:
        self.resource = resource
        self.kind: str = resource["resourceType"]
        given = resource.get("id")
        self.id: str | None = given if isinstance(given, str) and given.isprintable() and given else None
        self.alike: Callable[[dict[str, Any], Held, Sequence[str] | None], dict[str, Any]] | None = None
        """Writes the references in it (those that are known to be in it, None: not known) as logic compares them; set by the pool
        it goes to."""
        self.source = source
        self.where = where
        self.full_url = full_url
        self.twice = twice
        self.differs = differs
        """Elements that are not used because versions of the resource contradict each other."""
        self.doubtful = False
        """Whether something about it was found that keeps it from being used as it is meant."""
        self.versioned = False
        """Whether a reference in it asks for one version of what it leads to; known once ``object`` has been made."""
        self.order = 0
        self._faults: list[Fault] | None = None
        self._object: FhirObject | None = None
        self._references: list[str] | None = None
        """Of a resource that is plain."""

    @property
    def label(self) -> str:
        """``Observation/x``; for a resource without an id, its place."""
        if self.id is not None:
            return f"{self.kind}/{self.id}"
        return f"{self.kind} ({self.where})" if self.where else self.kind

    @property
    def faults(self) -> list[Fault]:
        """What is wrong with its structure."""
        if self._faults is None:
            self._references = plain(self.resource)
            if self._references is not None and not self.twice:
                self._faults = []
                return self._faults
            self._faults = [*self.twice]
            if self._references is None:
                self.resource, read = as_fhir(self.resource)
                self._faults = [*structure.check(self.resource), *self._faults, *read]
            if self.resource.get("id") is not None and self.id is None:
                self._faults = [f for f in self._faults if f.path != ("id",)]
                self._faults.append(Fault("id-invalid", ("id",), "an id is a string of 1 to 64 letters, digits, '-' and '.'"))
        return self._faults

    @property
    def is_plain(self) -> bool:
        """Whether it is certain that nothing is wrong with its structure and that nothing in it forbids to process it."""
        return not self.faults and self._references is not None

    @property
    def object(self) -> FhirObject:
        """The resource as the engine sees it."""
        if self._object is None:
            faults = self.faults
            data = structure.without(self.resource, faults) if faults else self.resource
            alike = self.alike
            if alike is not None:
                data = alike(data, self, self._references)
                self.alike = None  # a circle with the pool would keep all of it until the garbage collector comes
            if self.id is not None and "id" not in data:
                data = {"resourceType": self.kind, "id": self.id, **data}
            self._object = FhirObject(self.kind, data)
        return self._object

    def findings(self) -> Iterator[Diagnostic]:
        """Its faults as diagnostics."""
        for fault in self.faults[: structure.MAX_FAULTS]:
            yield finding(
                self, fault.rule, f"{self.label}: {element_path(fault.path)}: {fault.message}.", fault.path, fault.severity
            )


def finding(
    held: Held, rule: str, message: str, path: Path = (), severity: Severity = Severity.warning, hint: str | None = None
) -> Diagnostic:
    """A diagnostic about a resource; its pointer is the resource's label and the element's path."""
    pointer = f"{held.label}.{element_path(path)}" if path else held.label
    return Diagnostic(rule, severity, message, held.source, None, pointer, hint)


def element_path(path: Path) -> str:
    """``("component", 2, "code")`` → ``component[2].code``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """The objects of a list; nothing where it is no list."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


class Deletion(msgspec.Struct, frozen=True):
    """An entry of a history that says a resource was deleted, and when."""

    kind: str
    id: str
    when: str | None


class Collected(msgspec.Struct, frozen=True):
    """What one document gave."""

    held: list[Held]
    deletions: list[Deletion]
    findings: list[Diagnostic]


def collect(decoded: Decoded, name: str, place: str | None = None) -> Collected:
    """The resources of a document. Raises GuidewayError, naming ``place`` in it, where it is no FHIR resource at all."""
    gathered = _Gathering(name, _twice(decoded))
    _gather(gathered, decoded.value, place or name)
    return Collected(gathered.held, gathered.deletions, gathered.findings)


def collect_all(resources: Iterable[Any], name: str) -> Collected:
    """The resources of several documents that are decoded already, none of which has a key twice."""
    gathered = _Gathering(name, [])
    for resource in resources:
        _gather(gathered, resource, name)
    return Collected(gathered.held, gathered.deletions, gathered.findings)


def _gather(gathered: _Gathering, value: Any, place: str) -> None:
    if not isinstance(value, dict):
        found = structure.kind_of(value)
        hint = " Put the resources of a list into a Bundle, or one on each line." if isinstance(value, list) else ""
        raise GuidewayError(
            f"{place}: this is {found} in JSON; a FHIR Bundle or resource, an object with a resourceType, is expected.{hint}"
        )
    kind = value.get("resourceType")
    if not isinstance(kind, str) or not kind:
        raise GuidewayError(f"{place}: this is JSON, but no FHIR: it has no resourceType. A FHIR Bundle or resource is expected.")
    gathered.take(value, (), None)


def _twice(decoded: Decoded) -> list[Fault]:
    """The duplicate keys of the document with their paths. A key whose values differ is not read, but for the keys that hold the
    document together; there the last counts."""
    if not decoded.duplicates:
        return []
    wanted = {id(d.holder): d for d in decoded.duplicates}
    faults = []
    pending: list[tuple[Any, Path]] = [(decoded.value, ())]
    while pending:
        value, path = pending.pop()
        if isinstance(value, dict):
            found = wanted.get(id(value))
            if found is not None:
                for duplicate in decoded.duplicates:
                    if duplicate.holder is value:
                        keep = duplicate.same or duplicate.key in ("resourceType", "id", "entry", "resource", "fullUrl", "type")
                        how = "with the same value" if duplicate.same else "with different values"
                        then = "the last counts" if keep else "so it is not read"
                        message = f"the key stands twice in one JSON object {how}, {then}"
                        faults.append(Fault("json-duplicate-key", (*path, duplicate.key), message, drop=not keep))
            pending += [(v, (*path, k)) for k, v in value.items() if isinstance(v, (dict, list))]
        elif isinstance(value, list):
            pending += [(v, (*path, k)) for k, v in enumerate(value) if isinstance(v, (dict, list))]
    return faults


class _Gathering:
    """The walk through one document."""

    def __init__(self, name: str, twice: list[Fault]) -> None:
        self.name = name
        self.twice = twice
        self.held: list[Held] = []
        self.deletions: list[Deletion] = []
        self.findings: list[Diagnostic] = []

    def say(self, rule: str, message: str, path: Path, severity: Severity = Severity.warning) -> None:
        pointer = "/" + "/".join(str(p) for p in path) if path else None
        self.findings.append(Diagnostic(rule, severity, message, self.name, None, pointer))

    def take(self, value: Any, path: Path, full_url: str | None) -> None:
        """Take one resource: open Bundles and Parameters, hold the others."""
        place = element_path(path) if path else ""
        if not isinstance(value, dict):
            self.say("json-type", f"{place}: a resource is expected, this is {structure.kind_of(value)}; it is left out.", path)
            return
        kind = value.get("resourceType")
        if kind == "Bundle":
            self.bundle(value, path)
        elif kind == "Parameters":
            self.parameters(value.get("parameter"), (*path, "parameter"))
        elif not structure.known_type(kind):
            where = f"{place}: " if place else ""
            self.say("resource-type-unknown", f"{where}{structure.unknown_type(kind)}; the resource is left out.", path)
        else:
            own = [Fault(f.rule, f.path[len(path) :], f.message, f.drop) for f in self.twice if f.path[: len(path)] == path] or ()
            self.held.append(Held(value, self.name, place, full_url, own))
            if kind == "OperationOutcome":
                self.outcome(value, path)

    def bundle(self, bundle: dict[str, Any], path: Path) -> None:
        for fault in self.twice:
            inside = fault.path[: len(path)] == path and "resource" not in fault.path[len(path) : -1]
            if inside:
                self.say(fault.rule, f"{element_path(fault.path)}: {fault.message}.", fault.path)
        if str(bundle.get("type")) not in BUNDLE_TYPES:
            given = bundle.get("type")
            message = f"The Bundle's type is {given!r}" if given is not None else "The Bundle has no type"
            self.say("bundle-type", f"{message}; it is read as a collection.", (*path, "type"))
        for link in _objects(bundle.get("link")):
            if link.get("relation") == "next":
                message = (
                    "This Bundle is one page of several (it has a link to the next): what the others hold is not known here."
                )
                self.say("bundle-is-a-page", message, (*path, "link"))
        entries = bundle.get("entry", [])
        if not isinstance(entries, list):
            message = f"entry: a list is expected, this is {structure.kind_of(entries)}; there is nothing to read."
            self.say("json-type", message, (*path, "entry"))
            return
        odd: list[int] = []
        for number, entry in enumerate(entries):
            where: Path = (*path, "entry", number)
            if not isinstance(entry, dict):
                self.say("json-type", f"entry[{number}]: an object is expected, this is {structure.kind_of(entry)}.", where)
                continue
            full_url = entry.get("fullUrl")
            if full_url is not None and (not isinstance(full_url, str) or ":" not in full_url):
                odd.append(number)
            if "resource" in entry:
                self.take(entry["resource"], (*where, "resource"), full_url if isinstance(full_url, str) else None)
            elif bundle.get("type") == "history":
                self.deletion(entry)
        if odd:
            others = f" (and of {len(odd) - 1} more)" if len(odd) > 1 else ""
            message = f"entry[{odd[0]}].fullUrl{others}: an absolute URL is expected; it is used as it is where it can be."
            self.say("full-url-invalid", message, (*path, "entry", odd[0], "fullUrl"))

    def deletion(self, entry: dict[str, Any]) -> None:
        request, response = entry.get("request"), entry.get("response")
        if isinstance(request, dict) and request.get("method") == "DELETE" and isinstance(request.get("url"), str):
            kind, _, rest = request["url"].partition("/")
            when = response.get("lastModified") if isinstance(response, dict) else None
            self.deletions.append(Deletion(kind, rest.partition("/")[0], when if isinstance(when, str) else None))

    def parameters(self, parameters: Any, path: Path) -> None:
        for number, parameter in enumerate(parameters if isinstance(parameters, list) else ()):
            if isinstance(parameter, dict):
                if "resource" in parameter:
                    self.take(parameter["resource"], (*path, number, "resource"), None)
                self.parameters(parameter.get("part"), (*path, number, "part"))

    def outcome(self, outcome: dict[str, Any], path: Path) -> None:
        """A server's complaint inside the data: something may be missing."""
        for issue in _objects(outcome.get("issue")):
            if issue.get("severity") in ("fatal", "error", "warning"):
                message = (
                    f"The source of the data reported {issue['severity']} {issue.get('code', 'unknown')!r}: data may be missing."
                )
                self.say("operation-outcome", message, path)

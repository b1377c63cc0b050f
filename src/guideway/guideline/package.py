"""A package of knowledge artifacts: PlanDefinitions, ActivityDefinitions, CQL libraries, value sets, questionnaires.

A ``Guideline`` holds its artifacts by canonical URL, its CQL and ELM libraries, its manifest (package.json), a content hash
over every byte of it, and what was wrong with its files (``loading`` makes it of them). It resolves references (versioned,
unversioned, contained ``#id``) and finds plans by id, name, title or URL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from guideway.diagnostics import Diagnostic, GuidewayError, Severity
from guideway.guideline.canonical import parse
from guideway.terminology.valuesets import version_key

if TYPE_CHECKING:  # what reading a package needs, and a compiled one does not
    from guideway.guideline.libraries import LibraryText

Json = dict[str, Any]

Head = tuple[str, str, str, str, str | None, str]
"""Of an artifact its file, type, id, URL, version and title."""


class Manifest(msgspec.Struct, frozen=True):
    """Who the guideline is: from package.json, or made up from what there is."""

    id: str
    version: str
    canonical: str | None = None
    title: str | None = None
    description: str | None = None
    hygiene: str = "none"
    settings: Json = {}

    @property
    def label(self) -> str:
        """``id version``, as every output names it."""
        return f"{self.id} {self.version}"


class Artifact:
    """One artifact: its JSON and the file (with a JSON pointer for Bundle entries) it came from.

    What it is found and named by stands beside the JSON, which a stored artifact reads when it is asked for.
    """

    __slots__ = ("_read", "_resource", "canonical", "file", "id", "title", "type", "url", "version")

    _read: Callable[[], Json]

    def __init__(self, resource: Json, file: str) -> None:
        def text(name: str) -> str | None:
            found = resource.get(name)
            return found if isinstance(found, str) and found else None

        kind = str(resource["resourceType"])
        url = text("url") or f"{kind}/{resource.get('id', '')}"
        own = text("id") or url.rpartition("/")[2]
        self._fill(file, kind, own, url, text("version"), text("title") or text("name") or own)
        self._resource: Json | None = resource

    def _fill(self, file: str, kind: str, own: str, url: str, version: str | None, title: str) -> None:
        self.file = file
        self.type = kind
        """The resource type."""
        self.id = own
        """The logical id, or else the last part of the URL."""
        self.url = url
        """The canonical URL; for an artifact without one, ``Type/id``."""
        self.version = version
        """The business version."""
        self.canonical = f"{url}|{version}" if version else url
        """``url|version``."""
        self.title = title
        """What people call it."""

    @property
    def head(self) -> Head:
        """What stands beside the JSON."""
        return self.file, self.type, self.id, self.url, self.version, self.title

    @classmethod
    def stored(cls, head: Head, read: Callable[[], Json]) -> Artifact:
        """The artifact with this head and the JSON that ``read`` gives, the same object each time."""
        made = cls.__new__(cls)
        made._fill(*head)
        made._resource, made._read = None, read
        return made

    @property
    def resource(self) -> Json:
        """The JSON."""
        if self._resource is None:
            self._resource = self._read()
        return self._resource

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Artifact):
            return NotImplemented
        return self.file == other.file and self.resource == other.resource

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Artifact({self.canonical!r}, {self.file!r})"


class Guideline:
    """Everything in one package; see the module's text."""

    def __init__(
        self,
        manifest: Manifest,
        artifacts: Iterable[Artifact],
        libraries: Iterable[LibraryText] = (),
        *,
        content_hash: str = "",
        origin: str = "",
        findings: Iterable[Diagnostic] = (),
    ) -> None:
        self.manifest = manifest
        self.content_hash = content_hash
        self.origin = origin
        self.findings: list[Diagnostic] = list(findings)
        self.artifacts: list[Artifact] = []
        self._by_url: dict[str, list[Artifact]] = {}
        for artifact in artifacts:
            self._add(artifact)
        self.libraries: list[LibraryText] = []
        self._add_libraries(libraries)

    def _add(self, artifact: Artifact) -> None:
        known = self._by_url.setdefault(artifact.url, [])
        for other in known:
            if other.version == artifact.version and other.type == artifact.type:
                if other.resource != artifact.resource:
                    text = f"{artifact.canonical} is already defined in {other.file}; this one is not used"
                    self.findings.append(
                        Diagnostic(
                            "artifact-duplicate", Severity.error, text, artifact.file, hint="give each artifact its own URL"
                        )
                    )
                return
        known.append(artifact)
        known.sort(key=lambda a: version_key(a.version), reverse=True)
        self.artifacts.append(artifact)

    def add(self, artifact: Artifact) -> None:
        """One more artifact; one that is there already stays as it is."""
        self._add(artifact)

    def _add_libraries(self, libraries: Iterable[LibraryText]) -> None:
        """CQL files first, then what Library resources carry; the first of each name and version counts."""
        seen: set[tuple[str, str | None]] = set()
        carried = []
        for artifact in self.of_type("Library"):
            from guideway.guideline.libraries import from_library_resource

            found, findings = from_library_resource(artifact.resource, artifact.file)
            self.findings += findings
            carried += [found] if found else []
        for library in [*libraries, *carried]:
            if (library.name, library.version) not in seen:
                seen.add((library.name, library.version))
                self.libraries.append(library)

    def of_type(self, resource_type: str) -> Iterator[Artifact]:
        """Every artifact of one type, in file order."""
        return (a for a in self.artifacts if a.type == resource_type)

    @property
    def plans(self) -> list[Artifact]:
        """The PlanDefinitions, in file order."""
        return list(self.of_type("PlanDefinition"))

    def resolve(self, reference: str, *types: str) -> Artifact | None:
        """The artifact a canonical reference names; the highest version where the reference names none."""
        wanted = parse(reference)
        for artifact in self._by_url.get(wanted.url, ()):
            if (wanted.version is None or artifact.version == wanted.version) and (not types or artifact.type in types):
                return artifact
        return None

    def plan(self, name: str) -> Artifact:
        """The plan with this id, name, title or URL; ``GuidewayError`` with the nearest names otherwise."""
        matches = [p for p in self.plans if name in (p.id, p.resource.get("name"), p.url, p.canonical)]
        matches = matches or [p for p in self.plans if name == p.title]
        if matches:
            return max(matches, key=lambda p: version_key(p.version))
        from guideway.guideline.nearest import nearest

        known = sorted({p.id for p in self.plans})
        near = nearest(name, ((p.id, (p.id, str(p.resource.get("name") or ""), p.title)) for p in self.plans))
        more = f" and {len(known) - 8} more" if len(known) > 9 else ""
        some = f"; there are: {', '.join(known[: 8 if more else 9])}{more}" if known else ""
        hint = f"; did you mean {' or '.join(dict.fromkeys(near))}?" if near else some
        raise GuidewayError(f"no plan {name!r} in {self.manifest.label}{hint}")

    def library_of(self, reference: str) -> LibraryText | None:
        """The logic that a Library canonical names: by the Library resource's URL, or by the name at the end of the URL."""
        wanted = parse(reference)
        name = wanted.url.rstrip("/").rpartition("/")[2]
        versions = (None, wanted.version) if wanted.version else ()
        usable = [x for x in self.libraries if not versions or x.version in versions]
        found = [x for x in usable if x.url == wanted.url] or [x for x in usable if x.name == name]
        return max(found, key=lambda x: version_key(x.version)) if found else None

"""From the files of a package to a ``Guideline``: which of them hold artifacts and logic, who the guideline is (package.json),
a hash over every byte of it, and what is wrong with its files.

``load(path)`` takes a folder, a FHIR package (.tgz) or a Bundle. Nothing is translated or checked here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from guideway.diagnostics import Diagnostic, GuidewayError, Severity
from guideway.guideline.package import Artifact, Guideline, Manifest

if TYPE_CHECKING:
    from guideway.guideline.libraries import LibraryText
    from guideway.guideline.reading import SourceFile

Json = dict[str, Any]

KNOWLEDGE_TYPES = frozenset(
    {
        "ActivityDefinition", "CodeSystem", "ConceptMap", "ImplementationGuide", "Library", "Measure", "PlanDefinition",
        "Questionnaire", "StructureDefinition", "StructureMap", "ValueSet",
    }
)  # fmt: skip
"""What a guideline is made of; other resources in a package (examples, patients) are not part of it."""


_DECODER = msgspec.json.Decoder(float_hook=Decimal)


def load(path: str | os.PathLike[str]) -> Guideline:
    """The guideline at ``path``; a path that cannot be read, or holds no artifact at all, raises ``GuidewayError``."""
    origin = os.fspath(path)
    from guideway.guideline.reading import read_files

    return from_files(read_files(origin), origin)


def from_files(files: Iterable[SourceFile], origin: str) -> Guideline:
    """A guideline from its files; ``origin`` is only used in messages and for the name where there is no manifest."""
    from hashlib import sha256

    from guideway.guideline.libraries import from_cql

    state = sha256()
    findings: list[Diagnostic] = []
    artifacts: list[Artifact] = []
    libraries: list[LibraryText] = []
    package: Json = {}
    for file in files:
        state.update(f"{len(file.name)}:{file.name}:{len(file.data)}:".encode())
        state.update(file.data)
        if file.name.endswith(".cql"):
            library, problem = from_cql(file.data, file.name)
            libraries += [library] if library else []
            findings += [problem] if problem else []
        elif file.name.endswith(".json"):
            content = _json(file, findings)
            if content is None:
                continue
            if "resourceType" not in content and file.name.rpartition("/")[2] == "package.json":
                package = package or content
            else:
                artifacts += _artifacts(content, file.name, findings)
        elif file.name.endswith(".xml") and b"http://hl7.org/fhir" in file.data[:2000]:
            text = "FHIR artifacts in XML are not read"
            hint = "give it as JSON; this file is not used"
            findings.append(Diagnostic("artifact-xml", Severity.warning, text, file.name, hint=hint))
    if not artifacts and not libraries:
        raise GuidewayError(
            f"{origin}: there is no part of a guideline in it (PlanDefinition, ActivityDefinition, Library, …); give the folder, "
            "the FHIR package (.tgz) or the Bundle of a guideline",
            findings,
        )
    manifest = _manifest(package, origin, artifacts)
    _check_release(package, findings)
    libraries = [x if x.url or not manifest.canonical else x.at(f"{manifest.canonical}/Library/{x.name}") for x in libraries]
    return Guideline(manifest, artifacts, libraries, content_hash=state.hexdigest(), origin=origin, findings=findings)


def without_controls(value: Any) -> Any:
    """A JSON value whose texts hold no control characters: they are left out, as FHIR's strings have none.

    >>> without_controls({"title": "a\\x00b"})
    {'title': 'ab'}
    """
    if isinstance(value, str):
        return value.translate(_CONTROLS)
    if isinstance(value, dict):
        return {without_controls(name): without_controls(item) for name, item in value.items()}
    return [without_controls(item) for item in value] if isinstance(value, list) else value


_CONTROLS = dict.fromkeys(n for n in range(32) if chr(n) not in "\t\n\r") | dict.fromkeys(range(0xD800, 0xE000))


def _json(file: SourceFile, findings: list[Diagnostic]) -> Json | None:
    try:
        content = _DECODER.decode(file.data.removeprefix(b"\xef\xbb\xbf"))
        if b"\\u00" in file.data:  # the only way in for control characters, which no FHIR string holds
            content = without_controls(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        findings.append(
            Diagnostic("artifact-json", Severity.error, f"not JSON: {error}", file.name, hint="this file is not used")
        )
        return None
    if not isinstance(content, dict):
        findings.append(Diagnostic("artifact-json", Severity.error, "not a JSON object", file.name, hint="this file is not used"))
        return None
    return content


def _artifacts(content: Json, file: str, findings: list[Diagnostic]) -> Iterator[Artifact]:
    kind = content.get("resourceType")
    if kind == "Bundle":
        entries = content.get("entry")
        if entries is not None and not isinstance(entries, list):
            findings.append(_no_entry("the Bundle's entry is no list", file, "/entry"))
        for index, entry in enumerate(entries if isinstance(entries, list) else []):
            resource = entry.get("resource") if isinstance(entry, dict) else None
            if isinstance(resource, dict) and isinstance(resource.get("resourceType"), str):
                yield from _artifacts(resource, f"{file}#/entry/{index}/resource", findings)
            elif not isinstance(entry, dict) or "resource" in entry or not entry.keys() & {"request", "response", "search"}:
                findings.append(_no_entry("an entry of the Bundle holds no resource", file, f"/entry/{index}"))
    elif kind in KNOWLEDGE_TYPES:
        if not content.get("url") and not content.get("id"):
            text = f"a {kind} with neither url nor id: nothing can refer to it"
            findings.append(Diagnostic("artifact-unnamed", Severity.error, text, file, hint="give it a url"))
        else:
            yield Artifact(content, file)
    elif not isinstance(kind, str) and "/" not in file and file != "package.json":
        findings.append(Diagnostic("artifact-type", Severity.warning, "no resourceType: not a FHIR resource", file))


def _no_entry(text: str, file: str, pointer: str) -> Diagnostic:
    return Diagnostic("artifact-entry", Severity.warning, text, file, pointer=pointer, hint="it is not used")


def _check_release(package: Json, findings: list[Diagnostic]) -> None:
    """A package that says it is made for another release of FHIR is read as R4 all the same, and that is told."""
    stated = package.get("fhirVersions") or package.get("fhir-version-list")
    versions = [str(version) for version in stated] if isinstance(stated, list) else []
    if versions and not any(version == "R4" or version.startswith("4.0") for version in versions):
        text = f"the package says it is made for FHIR {', '.join(versions)}; it is read as R4 (4.0.1), which may misread it"
        findings.append(Diagnostic("package-release", Severity.warning, text, "package.json", pointer="/fhirVersions"))


def _manifest(package: Json, origin: str, artifacts: list[Artifact]) -> Manifest:
    def text(name: str) -> str | None:
        value = package.get(name)
        return value if isinstance(value, str) and value else None

    own = package.get("guideway")
    settings = own if isinstance(own, dict) else {}
    stem = os.path.basename(os.path.abspath(origin))
    for suffix in (".json", ".tgz", ".tar.gz", ".tar"):
        stem = stem.removesuffix(suffix)
    versions = {a.version for a in artifacts if a.type == "PlanDefinition" and a.version}
    version = text("version") or (versions.pop() if len(versions) == 1 else "unversioned")
    hygiene = settings.get("hygiene")
    return Manifest(
        id=text("name") or stem,
        version=version,
        canonical=(text("canonical") or "").rstrip("/") or None,
        title=text("title"),
        description=text("description"),
        hygiene=hygiene if isinstance(hygiene, str) else "none",
        settings=settings,
    )

"""Checking a guideline before anybody applies it: artifacts, canonical references, CQL, conditions.

Takes paths (a guideline folder, a FHIR package, a Bundle, or single files of a guideline) and gives ``Diagnostic`` values. A file
inside a guideline is checked in its context: the whole guideline is loaded, because its logic and its references lead there,
and what concerns the named files is reported. Rules, by prefix:

- ``artifact-…``: is it JSON, is it a valid FHIR R4 resource (``fhir.check``), is it defined once, does its URL begin with the
  package's canonical base;
- ``canonical-…``: does a reference within the package's base lead to an artifact of the right type;
- ``cql-…``: what the CQL translator says;
- ``expression-…``: does every expression name a define that exists, and is a condition's define Boolean;
- ``plan-…``, ``action-…``, ``valueset-…``, ``evidence-…``, ``dose-…``, …: the modules ``validate_*`` beside this one.

``rules.RULES`` has them all with their severities; docs/validate.md explains them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from guideway.authoring import validate_package
from guideway.authoring.consequences import UNTRANSLATED, without_consequences
from guideway.diagnostics import NOWHERE, Diagnostic, GuidewayError, Position, Severity
from guideway.guideline.canonical import parse
from guideway.guideline.compiled import CompiledGuideline
from guideway.guideline.expressions import CQL_LANGUAGES, FHIRPATH, bind, expressions_of
from guideway.guideline.loading import from_files
from guideway.guideline.locate import MANIFEST, PLAN_FOLDER, content_folders
from guideway.guideline.package import Artifact, Guideline
from guideway.guideline.reading import read_files

Json = dict[str, Any]

CANONICALS: dict[str, tuple[str, ...]] = {
    "definitionCanonical": ("ActivityDefinition", "PlanDefinition", "Questionnaire"),
    "library": ("Library",),
    "transform": ("StructureMap",),
    "answerValueSet": ("ValueSet",),
    "valueSet": ("ValueSet", "CodeSystem"),
    "derivedFrom": (),
    "questionnaire": ("Questionnaire",),
}
"""Elements that hold canonical references → the types they may lead to; none: any type."""

BOOLEAN = frozenset({"System.Boolean", "Boolean", "FHIR.boolean"})
_CONDITION_EXTENSIONS = ("satisfied-when", "withheld-when")


class Checked(NamedTuple):
    """What was found, and in how much."""

    findings: list[Diagnostic]
    artifacts: int
    libraries: int
    consequences: int = 0
    """So many more findings follow from these."""


def validate(paths: Sequence[str]) -> Checked:
    """Check what stands at ``paths``; ``GuidewayError`` where a path holds no guideline at all."""
    findings: dict[Diagnostic, None] = {}
    artifacts = libraries = 0
    for root, wanted in _grouped(paths):
        read = read_files(root)
        guideline = from_files(read, root)
        found = [*validate_package.check(read), *_check(guideline)]
        manifest = next((file.name for file in read if file.name.rpartition("/")[2] == MANIFEST), MANIFEST)
        found = list(validate_package.suppressed(found, guideline.manifest.settings, manifest))
        places = _places(root)
        named = {os.path.realpath(path) for path in wanted}
        for finding in found:
            place = _place(finding.file, places)
            if not named or place is None or os.path.realpath(place.partition("#")[0]) in named:
                findings[replace(finding, file=place or finding.file)] = None
        names = [artifact.file for artifact in guideline.artifacts] + [library.file for library in guideline.libraries]
        files = [_place(name, places) for name in names]
        kept = [not named or (file is not None and os.path.realpath(file.partition("#")[0]) in named) for file in files]
        artifacts += sum(kept[: len(guideline.artifacts)])
        libraries += sum(kept[len(guideline.artifacts) :])
    to_act_on, consequences = without_consequences(sorted(findings, key=_order))
    return Checked(to_act_on, artifacts, libraries, consequences)


def _order(finding: Diagnostic) -> tuple[str, Position, str, str, str]:
    return finding.file or "", finding.position or NOWHERE, finding.pointer or "", finding.rule, finding.message


def _grouped(paths: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Each guideline to load, with the single files of it that were named; an empty list means all of it."""
    groups: dict[str, list[str]] = {}
    whole: set[str] = set()
    for path in paths:
        if not os.path.exists(path):
            raise GuidewayError(f"{path}: there is no such file or folder")
        root = enclosing_guideline(path) if os.path.isfile(path) else None
        if root is None:
            whole.add(path)
            groups[path] = []
        else:
            groups.setdefault(root, []).append(path)
    for root, files in groups.items():
        yield root, [] if root in whole else files


def enclosing_guideline(file: str) -> str | None:
    """The guideline folder that a file belongs to: the nearest above it with a manifest, in it or in ``plandefinitions``."""
    folder = os.path.dirname(os.path.abspath(file))
    while True:
        if os.path.isfile(os.path.join(folder, MANIFEST)) and os.path.basename(file) != MANIFEST:
            return folder
        if os.path.isfile(os.path.join(folder, PLAN_FOLDER, MANIFEST)):
            return folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def _places(root: str) -> list[tuple[str, str]]:
    """Prefixes of a guideline's file names → where those files are, for messages an editor can follow."""
    if not os.path.isdir(root):
        return []
    shown = os.path.abspath if os.path.isabs(root) and os.path.relpath(root).startswith(os.pardir) else os.path.relpath
    return [(prefix, shown(folder)) for prefix, folder in content_folders(root)]


def _place(name: str | None, places: Iterable[tuple[str, str]]) -> str | None:
    if name is None:
        return None
    for prefix, folder in places:
        if name.startswith(prefix):
            return os.path.normpath(os.path.join(folder, name[len(prefix) :]))
    return name


def _check(guideline: Guideline) -> Iterator[Diagnostic]:
    from guideway.authoring import validate_artifacts, validate_evidence, validate_logic, validate_plans, validate_terminology
    from guideway.guideline.compiling import compile_guideline

    yield from guideline.findings
    for artifact in guideline.artifacts:
        yield from _artifact(artifact)
        yield from _base(artifact, guideline)
        yield from _references(artifact, guideline)
    compiled = compile_guideline(guideline)
    yield from (finding for finding in compiled.findings if finding not in guideline.findings)
    for artifact in guideline.artifacts:
        yield from expressions(artifact, compiled)
    libraries, said = validate_logic.translate(guideline)
    yield from (finding for finding in said if finding not in compiled.findings)
    values = validate_terminology.index_of(guideline)
    used = validate_artifacts.used_urls(validate_logic.value_sets_used(libraries))
    yield from validate_artifacts.check(guideline, used)
    yield from validate_plans.check(guideline)
    yield from validate_logic.check(guideline, libraries, compiled, values)
    yield from validate_terminology.check(guideline, values)
    yield from validate_evidence.check(guideline)


def _artifact(artifact: Artifact) -> Iterator[Diagnostic]:
    """Whether it is a valid FHIR resource."""
    from guideway.fhir.check import check_resource

    file, _, pointer = artifact.file.partition("#")
    for finding in check_resource(artifact.resource):
        yield replace(finding, file=file, pointer=(pointer + (finding.pointer or "")) or None)


def _base(artifact: Artifact, guideline: Guideline) -> Iterator[Diagnostic]:
    base = guideline.manifest.canonical
    url = artifact.resource.get("url")
    if base and isinstance(url, str) and not url.startswith(base + "/"):
        text = f"{artifact.type} {artifact.id}: its url {url} does not begin with the package's canonical base"
        hint = f"it could be {base}/{artifact.type}/{artifact.id}"
        yield _found("artifact-canonical-base", Severity.error, text, artifact, "/url", hint)


def _references(artifact: Artifact, guideline: Guideline) -> Iterator[Diagnostic]:
    """References to artifacts of this package that lead nowhere, or to the wrong type; other packages' are not looked into."""
    base = guideline.manifest.canonical
    for reference, types, pointer in canonicals_of(artifact.resource):
        if reference.startswith("#"):
            if not _contained(artifact.resource, reference[1:]):
                text = f"{artifact.type} {artifact.id}: {reference} is not contained in it"
                yield _found("canonical-contained", Severity.error, text, artifact, pointer)
            continue
        wanted = parse(reference)
        if guideline.resolve(reference, *types) or ("Library" in types and guideline.library_of(reference)):
            continue
        other = guideline.resolve(reference)
        if other is not None:
            text = f"{artifact.type} {artifact.id}: {reference} is a {other.type}; {' or '.join(types)} is needed here"
            yield _found("canonical-type", Severity.error, text, artifact, pointer)
        elif guideline.resolve(wanted.url):
            versions = sorted(a.version or "none" for a in guideline.artifacts if a.url == wanted.url)
            text = f"{artifact.type} {artifact.id}: {wanted.url} has version {', '.join(versions)}, not {wanted.version}"
            yield _found("canonical-version", Severity.error, text, artifact, pointer)
        elif base and wanted.url.startswith(base + "/"):
            text = f"{artifact.type} {artifact.id}: {reference} is not in this package"
            yield _found("canonical-unresolved", Severity.error, text, artifact, pointer, _nearest(wanted.url, guideline))


def canonicals_of(resource: Json) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Every canonical reference of an artifact with the types it may lead to and its JSON pointer."""
    pending: list[tuple[Any, str]] = [(resource, "")]
    while pending:
        node, pointer = pending.pop()
        if isinstance(node, dict):
            for name, value in node.items():
                here = f"{pointer}/{name}"
                if name in CANONICALS and (pointer or name != "url"):
                    values = value if isinstance(value, list) else [value]
                    for index, item in enumerate(values):
                        if isinstance(item, str) and (":" in item or item.startswith("#")):
                            yield item, CANONICALS[name], f"{here}/{index}" if isinstance(value, list) else here
                if isinstance(value, dict | list):
                    pending.append((value, here))
        elif isinstance(node, list):
            pending += [(item, f"{pointer}/{index}") for index, item in enumerate(node)]


def expressions(artifact: Artifact, compiled: CompiledGuideline) -> Iterator[Diagnostic]:
    """Expressions that name no define, and conditions that are not Boolean; where a library lacks, all that need it together."""
    lacking: dict[tuple[str, bool], list[tuple[str, str]]] = {}
    libraries = [x for x in artifact.resource.get("library") or [] if isinstance(x, str)]
    for found in expressions_of(artifact.resource):
        language = found.expression.get("language")
        if language == FHIRPATH:
            continue
        if language not in CQL_LANGUAGES:
            text = f"{artifact.type} {artifact.id}: expressions in {language} are not evaluated"
            yield _found("expression-language", Severity.error, text, artifact, found.pointer, "use text/cql-identifier")
            continue
        bound = bind(compiled, found.expression, libraries, found.inputs)
        if bound.lacking:
            name = str(found.expression.get("expression")).strip()
            lacking.setdefault((bound.lacking, bound.library is not None), []).append((found.pointer, name))
            continue
        if bound.error or bound.library is None or bound.define is None:
            yield _found(
                "expression-unknown", Severity.error, f"{artifact.type} {artifact.id}: {bound.error}", artifact, found.pointer
            )
            continue
        if not _is_condition(artifact.resource, found.pointer):
            continue
        known = compiled.definition((bound.library, bound.define))
        if known is not None and known.type is not None and known.type not in BOOLEAN:
            text = f'{artifact.type} {artifact.id}: condition "{bound.define}" of {bound.library} is {known.type}, not Boolean'
            yield _found("expression-not-boolean", Severity.error, text, artifact, found.pointer)
    for (what, untranslated), places in lacking.items():
        names = list(dict.fromkeys(name for _, name in places))
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        rule = UNTRANSLATED if untranslated else "expression-unknown"
        text = f"{artifact.type} {artifact.id}: {what}, so {names[0]!r}{more} cannot be looked up"
        yield _found(rule, Severity.error, text, artifact, places[0][0])


def _is_condition(resource: Json, pointer: str) -> bool:
    parts = pointer.strip("/").split("/")
    if len(parts) >= 3 and parts[-1] == "expression" and parts[-3] == "condition":
        return True
    if len(parts) >= 2 and parts[-1] == "valueExpression":
        node: Any = resource
        for part in parts[:-1]:
            node = node[int(part)] if isinstance(node, list) else node.get(part)
        return isinstance(node, dict) and str(node.get("url", "")).rpartition("/")[2] in _CONDITION_EXTENSIONS
    return False


def _contained(resource: Json, name: str) -> bool:
    contained = resource.get("contained")
    return any(isinstance(c, dict) and c.get("id") == name for c in contained) if isinstance(contained, list) else False


def _nearest(url: str, guideline: Guideline) -> str | None:
    from difflib import get_close_matches

    kind = url.rpartition("/")[0]
    urls = [artifact.url for artifact in guideline.artifacts] + [library.url or "" for library in guideline.libraries]
    near = get_close_matches(url, [known for known in urls if known.rpartition("/")[0] == kind], 1, 0.8)
    return f"did you mean {near[0]}?" if near else None


def _found(
    rule: str, severity: Severity, message: str, artifact: Artifact, pointer: str | None = None, hint: str | None = None
) -> Diagnostic:
    file, _, inside = artifact.file.partition("#")
    return Diagnostic(rule, severity, message, file, None, (inside + (pointer or "")) or None, hint)

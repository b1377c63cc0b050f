"""What every artifact has: an id, a URL that says type and id, a name, metadata; and somebody who uses it.

Takes the guideline and the references that its CQL makes; gives diagnostics. CRMI shareable and publishable profiles
(http://hl7.org/fhir/uv/crmi), FHIR R4 §2.1.0.3 (canonical URLs), FHIR NPM packages (file names).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from guideway.authoring.rules import breach
from guideway.diagnostics import Diagnostic, Severity
from guideway.guideline.canonical import parse
from guideway.guideline.package import Artifact, Guideline

PASCAL_CASE = re.compile(r"[A-Z][A-Za-z0-9]{0,254}")
SHAREABLE = ("url", "version", "title", "description", "status")
EXPERIMENTAL = frozenset(("ActivityDefinition", "CodeSystem", "ValueSet"))
PUBLISHABLE = ("date", "publisher")
USED = ("ActivityDefinition", "CodeSystem", "Questionnaire", "ValueSet")
"""Types that somebody must refer to; plans and libraries are starting points."""


def check(guideline: Guideline, used_by_logic: frozenset[str]) -> Iterator[Diagnostic]:
    """All checks. ``used_by_logic``: the canonicals (without version) that CQL declares and uses."""
    ids: dict[tuple[str, str], Artifact] = {}
    names: dict[tuple[str, str], Artifact] = {}
    for artifact in guideline.artifacts:
        yield from _identity(artifact, ids, names)
        yield from _metadata(artifact)
    yield from _unused(guideline, used_by_logic)


def _identity(artifact: Artifact, ids: dict[Any, Artifact], names: dict[Any, Artifact]) -> Iterator[Diagnostic]:
    resource = artifact.resource
    own, url, name = resource.get("id"), resource.get("url"), resource.get("name")
    if not isinstance(own, str) or not own:
        yield breach("artifact-id-missing", "it has no id", artifact)
    else:
        first = ids.setdefault((artifact.type, own), artifact)
        if first is not artifact and first.url != artifact.url:
            yield breach("artifact-id-duplicate", f"the id {own} is that of {first.file} too", artifact, "/id")
        file = artifact.file.rpartition("/")[2]
        if "#" not in artifact.file and file.endswith(".json") and file != f"{artifact.type}-{own}.json":
            yield breach("artifact-file-name", f"its file is {file}", artifact, None, f"call it {artifact.type}-{own}.json")
    if isinstance(url, str):
        *_, kind, tail = ["", "", *url.split("/")]
        if kind != artifact.type or tail not in ((own, name) if artifact.type == "Library" else (own,)):
            yield breach("artifact-url-id", f"its url {url} does not end in {artifact.type}/{own}", artifact, "/url")
    if isinstance(name, str):
        if not PASCAL_CASE.fullmatch(name):
            yield breach("artifact-name", f"its name {name!r} is not PascalCase", artifact, "/name")
        first = names.setdefault((artifact.type, name), artifact)
        if first is not artifact and first.url != artifact.url:
            yield breach("artifact-name-duplicate", f"the name {name} is that of {first.file} too", artifact, "/name")


def _metadata(artifact: Artifact) -> Iterator[Diagnostic]:
    resource = artifact.resource
    meta = resource.get("meta")
    profiles = [str(p) for p in meta.get("profile", ())] if isinstance(meta, dict) else []
    claimed = any("crmi-shareable" in p for p in profiles)
    wanted = [*SHAREABLE, *(["experimental"] if artifact.type in EXPERIMENTAL else ()),
              *(["caseSensitive"] if artifact.type == "CodeSystem" else ())]  # fmt: skip
    missing = [name for name in wanted if name not in resource and f"_{name}" not in resource]
    if missing:
        severity = Severity.error if claimed else None
        yield breach("artifact-shareable", f"it has no {' and no '.join(missing)}", artifact, severity=severity)
    missing = [name for name in PUBLISHABLE if name not in resource]
    if missing:
        yield breach("artifact-publishable", f"it has no {' and no '.join(missing)}", artifact)


def _unused(guideline: Guideline, used_by_logic: frozenset[str]) -> Iterator[Diagnostic]:
    used = set(used_by_logic)
    for artifact in guideline.artifacts:
        for text in _strings(artifact.resource, top=True):
            if ":" in text:
                used.add(parse(text).url)
    for artifact in guideline.artifacts:
        if artifact.type in USED and artifact.url not in used:
            yield breach("artifact-unused", "nothing in the package refers to it", artifact)


def _strings(value: Any, top: bool = False) -> Iterator[str]:
    """Every string of an artifact but its own url."""
    pending: list[Any] = [[v for k, v in value.items() if k != "url"]] if top else [value]
    while pending:
        node = pending.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, dict):
            pending += node.values()
        elif isinstance(node, list):
            pending += node


def used_urls(urls: Iterable[str]) -> frozenset[str]:
    """Canonicals without their versions."""
    return frozenset(parse(url).url for url in urls)

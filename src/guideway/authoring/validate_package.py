"""What the package itself has: a manifest that package tools read, and JSON that every reader reads alike.

Takes the guideline's files; gives diagnostics. FHIR NPM package specification; the ``guideway`` part of package.json is this
program's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from guideway.authoring.rules import RULES, breach
from guideway.diagnostics import Diagnostic, GuidewayError
from guideway.fhir.structure import known_type, unknown_type
from guideway.guideline.locate import MANIFEST
from guideway.guideline.reading import SourceFile
from guideway.records.decode import decode
from guideway.records.hygiene import POLICIES

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["name", "version", "canonical", "fhirVersions"],
    "properties": {
        "name": {"type": "string", "pattern": r"^[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+$", "maxLength": 214},
        "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$"},
        "canonical": {"type": "string", "pattern": r"^https?://[^\s|#]+[^/\s|#]$"},
        "url": {"type": "string"},
        "title": {"type": "string", "minLength": 1},
        "description": {"type": "string", "minLength": 1},
        "license": {"type": "string", "minLength": 1},
        "author": {"type": ["string", "object"]},
        "date": {"type": "string", "pattern": r"^\d{14}$"},
        "type": {"enum": ["IG", "Core", "Conformance", "Examples", "Template", "Tool", "Group", "fhir.ig"]},
        "fhirVersions": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string"},
            "contains": {"enum": ["4.0.1", "4.0.0", "4.3.0"]},
        },
        "dependencies": {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}},
        "maintainers": {"type": "array", "items": {"type": "object", "required": ["name"]}},
        "directories": {"type": "object", "additionalProperties": {"type": "string"}},
        "guideway": {
            "type": "object",
            "properties": {
                "suppress": {"type": "array", "items": {"type": "object", "required": ["rule"]}},
                "hygiene": {"enum": list(POLICIES)},
                "status": {"type": "string"},
                "disclaimer": {"type": "string"},
                "citations": {"type": "object"},
                "formWords": {"type": "array", "items": {"type": "string", "minLength": 1}},
            },
        },
    },
}
"""What package.json must hold."""


def check(files: Sequence[SourceFile]) -> Iterator[Diagnostic]:
    """All checks of all JSON files."""
    for file in files:
        if not file.name.endswith(".json"):
            continue
        try:
            decoded = decode(file.data, file.name)
        except GuidewayError:
            continue  # that it is no JSON is said where it is loaded
        for duplicate in decoded.duplicates:
            how = "with the same value" if duplicate.same else "with different values"
            yield breach("json-duplicate-key", f"the key {duplicate.key!r} stands twice in one object, {how}", file=file.name)
        kind = decoded.value.get("resourceType") if isinstance(decoded.value, dict) else None
        if kind is not None and not known_type(kind):
            yield breach("artifact-type", unknown_type(kind), file=file.name)
        if file.name == MANIFEST or file.name.endswith(f"/{MANIFEST}"):
            yield from manifest(decoded.value, file.name)


def suppressed(findings: Iterable[Diagnostic], settings: dict[str, Any], file: str) -> Iterator[Diagnostic]:
    """The findings without those that package.json suppresses: ``"guideway": {"suppress": [{"rule": …, "reason": …, "file": …,
    "pointer": …}]}``; ``file`` and ``pointer`` may hold ``*``. A suppression needs a reason, and is itself found when it no
    longer suppresses anything. The translator's rules can be suppressed too."""
    from fnmatch import fnmatchcase

    given = settings.get("suppress")
    wanted = [entry for entry in (given if isinstance(given, list) else ()) if isinstance(entry, dict)]
    used = [0] * len(wanted)
    for finding in findings:
        for number, entry in enumerate(wanted):
            matches = entry.get("rule") == finding.rule and entry.get("reason")
            matches = matches and fnmatchcase(finding.file or "", f"*{entry.get('file', '*')}")
            if matches and fnmatchcase(finding.pointer or "", str(entry.get("pointer", "*"))):
                used[number] += 1
                break
        else:
            yield finding
    for number, entry in enumerate(wanted):
        pointer, rule = f"/guideway/suppress/{number}", entry.get("rule")
        if not entry.get("reason"):
            yield breach("suppression-reason", f"rule {rule} is suppressed without a reason", None, pointer, file=file)
        elif rule not in RULES and not str(rule).startswith("cql-"):
            yield breach("suppression-reason", f"there is no rule {rule}", None, pointer, file=file)
        elif not used[number]:
            yield breach("suppression-unused", f"rule {rule} is suppressed, but finds nothing there", None, pointer, file=file)


def manifest(value: Any, file: str) -> Iterator[Diagnostic]:
    """Whether a package.json is a FHIR package manifest."""
    from jsonschema import Draft202012Validator

    for error in sorted(Draft202012Validator(SCHEMA).iter_errors(value), key=lambda e: list(map(str, e.absolute_path))):
        pointer = "".join(f"/{step}" for step in error.absolute_path)
        yield breach("package-manifest", error.message, None, pointer, file=file)

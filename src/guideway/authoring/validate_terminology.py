"""What value sets have: codes, an expansion that agrees, code systems that are code systems, the notices that licences ask for.

Takes the guideline and its value sets; gives diagnostics.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from guideway.authoring.rules import RULES, breach
from guideway.diagnostics import Diagnostic
from guideway.guideline.package import Artifact, Guideline
from guideway.terminology.check import check_value_set
from guideway.terminology.expansion import concept_table, flat_contains, items
from guideway.terminology.valuesets import ValueSetIndex

NOTICES = {
    "http://loinc.org": ("LOINC",),
    "http://snomed.info/sct": ("SNOMED",),
    "http://www.nlm.nih.gov/research/umls/rxnorm": ("RxNorm", "National Library of Medicine"),
    "http://www.ama-assn.org/go/cpt": ("CPT", "American Medical Association"),
}
"""Code systems whose terms ask for a notice wherever their codes are passed on → what the notice names, one or the other."""


def index_of(guideline: Guideline) -> ValueSetIndex:
    """The value sets and code systems of a guideline."""
    return ValueSetIndex(a.resource for a in guideline.artifacts if a.type in ("ValueSet", "CodeSystem"))


def check(guideline: Guideline, values: ValueSetIndex) -> Iterator[Diagnostic]:
    """All checks of all value sets."""
    for artifact in guideline.of_type("ValueSet"):
        file, _, inside = artifact.file.partition("#")
        for finding in check_value_set(values, artifact.resource, file):
            severity = RULES[finding.rule].severity
            yield replace(finding, severity=severity, pointer=(inside + (finding.pointer or "")) or None)
        yield from _systems(artifact, values)


def _systems(artifact: Artifact, values: ValueSetIndex) -> Iterator[Diagnostic]:
    compose, expansion = artifact.resource.get("compose"), artifact.resource.get("expansion")
    systems: set[str] = set()
    listed: list[tuple[str, str, str]] = []
    for part in ("include", "exclude"):
        for number, include in enumerate(items(compose.get(part)) if isinstance(compose, dict) else ()):
            system = include.get("system")
            if isinstance(system, str):
                if part == "include":
                    systems.add(system)
                pointer = f"/compose/{part}/{number}"
                if ":" not in system:
                    yield breach(
                        "valueset-system", f"the code system {system!r} is no absolute URL", artifact, f"{pointer}/system"
                    )
                elif "/ValueSet/" in system or values.value_set(system) is not None:
                    yield breach("valueset-system", f"{system} is a value set, not a code system", artifact, f"{pointer}/system")
                codes = enumerate(c.get("code") for c in items(include.get("concept")))
                listed += [(system, code, f"{pointer}/concept/{at}") for at, code in codes if isinstance(code, str)]
    for entry in flat_contains(expansion.get("contains")) if isinstance(expansion, dict) else ():
        systems.add(str(entry.get("system")))
    for system, code, pointer in listed:
        resource = values.code_system(system)
        if resource is not None and resource.get("content") == "complete" and code not in concept_table(resource):
            yield breach("valueset-code-unknown", f"{system} has no code {code!r}", artifact, pointer)
    notice = str(artifact.resource.get("copyright", "")).casefold()
    for system in sorted(systems & NOTICES.keys()):
        if not any(owner.casefold() in notice for owner in NOTICES[system]):
            text = f"it uses codes of {NOTICES[system][0]}, and its copyright does not say so"
            yield breach("valueset-copyright", text, artifact, "/copyright")

"""Code systems that data name by OID or by a misspelt URL, and codes of ICD-10 without their dot: what FHIR writes instead.

Converters of C-CDA documents, and several record systems, name a code system by its OID; others write its URL with https, or with
a slash at its end; claims leave the dot out of codes of ICD-10. All of these have exactly one reading. FHIR names these systems
by URL (https://terminology.hl7.org/external_terminologies.html), and a code of ICD-10 with more than three characters has its dot
after the third, and capital letters. Takes a resource as JSON; gives it as FHIR writes it, and a fault of each kind, which says
what was read. What is given stays untouched; what needs no change is shared, not copied.
"""

from __future__ import annotations

from typing import Any

from guideway.diagnostics import Severity
from guideway.fhir.structure import Fault

Path = tuple[str | int, ...]

_OIDS = {
    "2.16.840.1.113883.6.1": "http://loinc.org",
    "2.16.840.1.113883.6.3": "http://hl7.org/fhir/sid/icd-10",
    "2.16.840.1.113883.6.8": "http://unitsofmeasure.org",
    "2.16.840.1.113883.6.12": "http://www.ama-assn.org/go/cpt",
    "2.16.840.1.113883.6.69": "http://hl7.org/fhir/sid/ndc",
    "2.16.840.1.113883.6.88": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "2.16.840.1.113883.6.90": "http://hl7.org/fhir/sid/icd-10-cm",
    "2.16.840.1.113883.6.96": "http://snomed.info/sct",
    "2.16.840.1.113883.12.292": "http://hl7.org/fhir/sid/cvx",
}
BY_OID = {f"{prefix}{oid}": url for oid, url in _OIDS.items() for prefix in ("urn:oid:", "")}
"""The URL by which FHIR names a code system, by its OID."""
_MISSPELT = {
    f"{scheme}{url.removeprefix('http')}{slash}": url
    for url in _OIDS.values()
    for scheme in ("http", "https")
    for slash in ("", "/")
}
OTHER_NAMES = {name: url for name, url in (_MISSPELT | BY_OID).items() if name != url}
"""The URL by which FHIR names a code system, by its OID, and by its URL with https or a slash at its end."""

WITH_DOT = frozenset(("http://hl7.org/fhir/sid/icd-10", "http://hl7.org/fhir/sid/icd-10-cm"))
"""Systems whose codes have capital letters and a dot after three characters."""


def is_respelled(code: object) -> bool:
    """Whether it is a code of ICD-10 without its dot, or in small letters."""
    return type(code) is str and (("." not in code and 3 < len(code) < 8) or not code.isupper()) and _respelled(code) != code


def _respelled(code: str) -> str:
    """As ICD-10 writes it; what is no code of ICD-10 as it is."""
    bare = code.replace(".", "", 1)
    if not (bare.isascii() and bare.isalnum() and 3 <= len(bare) < 8 and bare[0].isalpha() and bare[1].isdigit()):
        return code
    if "." in code and code[3:4] != ".":
        return code
    return f"{bare[:3]}.{bare[3:]}".rstrip(".").upper()


def as_fhir(resource: dict[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """A resource with its code systems and codes as FHIR writes them; and, for each kind of change, the first as a fault."""
    faults: dict[str, Fault] = {}
    changed: dict[str, Any] = _written(resource, (), faults)
    return changed, list(faults.values())


def _written(value: Any, path: Path, faults: dict[str, Fault]) -> Any:
    if type(value) is list:
        items = [_written(item, (*path, number), faults) for number, item in enumerate(value)]
        return items if any(new is not old for new, old in zip(items, value)) else value
    if type(value) is not dict:
        return value
    parts = {name: _written(item, (*path, name), faults) if type(item) in (dict, list) else item for name, item in value.items()}
    system, code = value.get("system"), value.get("code")
    if type(code) is not str or type(system) is not str:
        return parts if any(parts[name] is not value[name] for name in value) else value
    url = OTHER_NAMES.get(system, system)
    if url != system:
        parts["system"] = url
        by_oid = system in BY_OID
        message = f"the code system {system!r} is {'named by its OID' if by_oid else 'misspelt'}, and read as {url}"
        rule = "code-system-by-oid" if by_oid else "code-system-spelling"
        _say(faults, Fault(rule, (*path, "system"), message, drop=False, severity=Severity.information))
    if url in WITH_DOT and is_respelled(code):
        parts["code"] = _respelled(code)
        message = f"the code {code!r} is read as {parts['code']}, as ICD-10 writes it"
        _say(faults, Fault("code-spelling", (*path, "code"), message, drop=False, severity=Severity.information))
    return parts if any(parts[name] is not value[name] for name in value) else value


def _say(faults: dict[str, Fault], fault: Fault) -> None:
    faults.setdefault(fault.rule, fault)

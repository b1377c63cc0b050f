"""Prefetch: templates from data requirements, and the data that a request brings or that must be fetched (CDS Hooks, "Prefetch").

A template is a relative FHIR read or search with tokens of the hook's context. Its key is readable (``observation``,
``medicationRequest``); searches on one resource type are joined, their codes separated by commas (any of them), so that a client
runs as few queries as possible. A value in a request has four states: absent (the client could not, so the service fetches it),
null (no data), an OperationOutcome (the client failed), or a resource or search result, possibly with further pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from guideway.diagnostics import GuidewayError
from guideway.records.owners import is_clinical, subjects
from guideway.remote.client import FhirClient
from guideway.remote.errors import RemoteError

Json = dict[str, Any]
Codes = frozenset[tuple[str, str]]

MEDICATION_LIMIT = 200
CODE_LIMIT = 2000
"""Templates with more characters of codes name the value set with ``:in`` instead."""

# element path of a data requirement → FHIR R4 search parameter
CODE_PARAMETERS = {
    ("Observation", "category"): "category", ("Encounter", "type"): "type", ("Encounter", "class"): "class",
    ("MedicationRequest", "medication"): "code", ("MedicationStatement", "medication"): "code",
    ("MedicationAdministration", "medication"): "code", ("MedicationDispense", "medication"): "code",
    ("Immunization", "vaccineCode"): "vaccine-code", ("DiagnosticReport", "category"): "category",
    ("ServiceRequest", "category"): "category", ("Task", "code"): "code", ("CareTeam", "category"): "category",
    ("DocumentReference", "type"): "type", ("Appointment", "serviceType"): "service-type", ("List", "code"): "code",
    ("QuestionnaireResponse", "questionnaire"): "questionnaire", ("AdverseEvent", "event"): "event",
}  # fmt: skip
GENERAL_CODE = frozenset(
    {
        "Observation", "Condition", "Procedure", "AllergyIntolerance", "DiagnosticReport", "ServiceRequest", "Medication", "Goal",
        "Composition", "CommunicationRequest", "DeviceRequest", "FamilyMemberHistory", "List",
    }
)  # fmt: skip
SUBJECT_PARAMETERS = {"QuestionnaireResponse": "subject", "AdverseEvent": "subject", "Group": "member", "Coverage": "beneficiary"}
WITHOUT_PATIENT = frozenset(
    {"Medication", "Organization", "Practitioner", "PractitionerRole", "Location", "Substance", "Questionnaire"}
)
INCLUDES = {"MedicationRequest": "medication", "MedicationStatement": "medication", "MedicationAdministration": "medication", "MedicationDispense": "medication"}  # fmt: skip  # noqa: E501
FROM_CONTEXT = frozenset({"Patient", "Encounter"})


class Template(msgspec.Struct, frozen=True):
    """One prefetch entry: its key, the query with tokens, and the resource type it brings."""

    key: str
    query: str
    type: str


class Needed(msgspec.Struct, frozen=True):
    """One data requirement in search terms; ``codes`` None: every resource of the type."""

    type: str
    parameter: str | None
    codes: Codes | None
    value_set: str | None


def needs(requirements: Iterable[Json], expand: Callable[[str], Codes | None]) -> list[Needed]:
    """FHIR DataRequirements in search terms; ``expand`` gives a value set's codes, None where it cannot."""
    found = []
    for requirement in requirements:
        kind = str(requirement.get("type"))
        coded = _coded(kind, requirement.get("codeFilter") or [], expand)
        found.append(coded if coded is not None else Needed(kind, None, None, None))
    return found


def _coded(kind: str, filters: Sequence[Json], expand: Callable[[str], Codes | None]) -> Needed | None:
    for each in filters:
        path = str(each.get("path", ""))
        parameter = CODE_PARAMETERS.get((kind, path)) or ("code" if path == "code" and kind in GENERAL_CODE else None)
        if parameter is None:
            continue
        if each.get("valueSet"):
            url = str(each["valueSet"])
            return Needed(kind, parameter, expand(url), url)
        codes = frozenset((str(c.get("system", "")), str(c["code"])) for c in each.get("code") or () if c.get("code"))
        if codes:
            return Needed(kind, parameter, codes, None)
    return None


def templates(
    requirements: Iterable[Json], expand: Callable[[str], Codes | None], *, encounter: bool = False, include: bool = False
) -> list[Template]:
    """The prefetch templates of a service; the patient first, then by type. ``encounter``: the hook's context always has one.

    ``include``: ask for the Medications that are referred to with ``_include``. That is outside of the part of FHIR search that
    CDS Hooks recommends; without it ``gather`` reads them one by one.
    """
    by_type: dict[str, list[Needed]] = {}
    for need in needs(requirements, expand):
        by_type.setdefault(need.type, []).append(need)
    result = [Template("patient", "Patient/{{context.patientId}}", "Patient")]
    if encounter:
        result.append(Template("encounter", "Encounter/{{context.encounterId}}", "Encounter"))
    for kind in sorted(set(by_type) - {"Patient"} - WITHOUT_PATIENT):
        key = kind[0].lower() + kind[1:]
        subject = SUBJECT_PARAMETERS.get(kind, "patient")
        base = f"{kind}?{subject}={{{{context.patientId}}}}"
        more = f"&_include={kind}:{INCLUDES[kind]}" if include and kind in INCLUDES else ""
        for number, query in enumerate(_queries(by_type[kind])):
            name = key if number == 0 and not (kind == "Encounter" and encounter) else f"{key}-{number + 1}"
            result.append(Template(name, base + query + more, kind))
    return result


def _queries(needed: Sequence[Needed]) -> list[str]:
    """The code filters of one type, as few as can be: none where everything of the type is read."""
    if any(n.parameter is None or (n.codes is None and n.value_set is None) for n in needed):
        return [""]
    if any(n.type in INCLUDES for n in needed):
        return [""]  # a code may stand on a referenced Medication, which a code search does not see
    queries: list[str] = []
    for parameter in sorted({n.parameter for n in needed if n.parameter}):
        inlined: set[tuple[str, str]] = set()
        named: set[str] = set()
        for n in (n for n in needed if n.parameter == parameter):
            if n.codes is None or (n.value_set and len(_code_list(n.codes)) > CODE_LIMIT):
                named.add(str(n.value_set))
            else:
                inlined |= n.codes
        if inlined:
            queries.append(f"&{parameter}={_code_list(inlined)}")
        queries += [f"&{parameter}:in={quote(url, safe=':/|')}" for url in sorted(named)]
    return queries


def _code_list(codes: Iterable[tuple[str, str]]) -> str:
    return ",".join(sorted(f"{quote(system, safe=':/')}|{quote(code, safe='')}" for system, code in codes))


class Gathered(msgspec.Struct):
    """The data of one request: resources, keys that could not be obtained (with the reason), and keys the service fetched."""

    resources: list[Json] = []
    missing: dict[str, str] = {}
    fetched: list[str] = []


def filled(query: str, context: Mapping[str, Any]) -> str | None:
    """The query with the context's values in place of its tokens, encoded; None where a value is not in the context."""
    result = query
    while "{{" in result:
        before, _, rest = result.partition("{{")
        token, _, after = rest.partition("}}")
        value = context.get(token.strip().removeprefix("context."))
        if not isinstance(value, str | int) or value == "":
            return None
        result = before + quote(str(value), safe="") + after
    return result


async def gather(
    wanted: Sequence[Template],
    prefetch: Mapping[str, Any],
    context: Mapping[str, Any],
    client: FhirClient | None,
    why_no_client: str,
) -> Gathered:
    """What the request brought, and the rest from the EHR's FHIR server; raises RemoteError only for a page that failed."""
    import asyncio

    found = Gathered(resources=[], missing={}, fetched=[])
    jobs: list[tuple[Template, str]] = []
    pages: list[str] = []
    for template in wanted:
        value = prefetch.get(template.key, ...)
        if value is None and template.key != "patient":
            continue
        if isinstance(value, dict) and value.get("resourceType") and value["resourceType"] != "OperationOutcome":
            found.resources += resources_in(value)
            if next_link(value):
                pages.append(template.key)
            else:
                continue
        query = filled(template.query, context)
        if query is None:
            if template.type not in FROM_CONTEXT or template.type == "Patient":
                found.missing[template.key] = "its context value is not given"
            continue
        jobs.append((template, query))
    if not jobs:
        return await _with_medications(found, wanted, client, why_no_client)
    if client is None:
        for template, _ in jobs:
            found.missing[template.key] = _why(prefetch.get(template.key, ...), template.key in pages, why_no_client)
        return found
    limit = asyncio.Semaphore(6)

    async def fetch(template: Template, query: str) -> tuple[Template, list[Json] | RemoteError]:
        async with limit:
            try:
                if "?" in query:
                    return template, await client.search(query)
                resource = await client.read(query)
                if resource is None:
                    return template, RemoteError("authorization", f"{client.base} has no {template.type} of that id")
                return template, [resource]
            except RemoteError as error:
                return template, error

    for template, result in await asyncio.gather(*(fetch(t, q) for t, q in jobs)):
        if isinstance(result, RemoteError):
            if result.kind in ("deadline", "unreachable", "too-large", "not-fhir", "status"):
                raise result
            found.missing[template.key] = str(result)
        else:
            found.fetched.append(template.key)
            found.resources += result
    return await _with_medications(found, wanted, client, why_no_client)


async def _with_medications(
    found: Gathered, wanted: Sequence[Template], client: FhirClient | None, why_no_client: str
) -> Gathered:
    """The data with the Medications that it refers to; a drug that is not known by name must not count as another drug."""
    here = {f"Medication/{r.get('id')}" for r in found.resources if r.get("resourceType") == "Medication"}
    lacking: dict[str, str] = {}
    for resource in found.resources:
        if resource.get("resourceType") not in INCLUDES:
            continue
        value = resource.get("medicationReference")
        reference = value.get("reference") if isinstance(value, dict) else None
        if isinstance(reference, str) and not reference.startswith("#"):
            plain = "/".join(reference.partition("/_history/")[0].split("/")[-2:])
            if plain not in here and plain.startswith("Medication/"):
                lacking.setdefault(plain, str(resource["resourceType"]))
    for reference, kind in list(lacking.items())[:MEDICATION_LIMIT]:
        key = next((t.key for t in wanted if t.type == kind), kind)
        if client is None:
            found.missing.setdefault(key, f"it refers to {reference}, which is not in the prefetch, and {why_no_client}")
            continue
        medication = await client.read(reference)
        if medication is not None:
            found.resources.append(medication)
    return found


def _why(value: Any, paged: bool, why_no_client: str) -> str:
    if paged:
        return f"its result has more pages, and {why_no_client}"
    if isinstance(value, dict):
        return f"the client could not supply it, and {why_no_client}"
    return f"it is not in the prefetch, and {why_no_client}"


def next_link(bundle: Json) -> str | None:
    """The URL of a Bundle's next page."""
    links = bundle.get("link")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("relation") == "next" and isinstance(link.get("url"), str):
            return str(link["url"])
    return None


def resources_in(value: Json) -> list[Json]:
    """The resources of a prefetch value: of a Bundle its entries (OperationOutcomes left out), otherwise the resource itself.

    GuidewayError where something in it is no resource: left out in silence, it would look as if there were nothing.
    """
    found: list[Any] = [value]
    if value.get("resourceType") == "Bundle":
        entries = value.get("entry", [])
        if not isinstance(entries, list):
            raise GuidewayError("a Bundle's entry is not an array")
        if not all(isinstance(entry, dict) for entry in entries):
            raise GuidewayError("an entry of a Bundle is not an object")
        found = [entry["resource"] for entry in entries if entry.get("resource") is not None]
    for resource in found:
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise GuidewayError("an entry of a Bundle holds no resource (an object with a resourceType)")
    return [r for r in found if r["resourceType"] != "OperationOutcome"]


def of_other_patients(resources: Iterable[Json], patient: str, server: str | None = None, *, drafts: bool = False) -> list[str]:
    """References of resources that are not certainly about ``patient`` (an id): about another, or (unless they are ``drafts``,
    which may be incomplete) saying of nobody whom they are about.

    ``server``: where the data comes from; an absolute reference to another server is another patient, whatever its id.
    """
    wrong = []
    for resource in resources:
        kind = str(resource.get("resourceType"))
        name = f"{kind}/{resource.get('id')}"
        if kind == "Patient":
            if resource.get("id") != patient:
                wrong.append(name)
            continue
        found = [r.get("reference") for r in subjects(resource)]
        texts = [reference for reference in found if isinstance(reference, str)]
        about = [reference for reference in texts if "/" not in reference or "Patient/" in reference]
        if kind == "Appointment":
            about = [reference for reference in texts if "Patient/" in reference]
        of_another = bool(about) and not any(_is(reference, patient, server) for reference in about)
        of_nobody = not texts and not drafts and is_clinical(kind)
        if of_another or of_nobody:
            wrong.append(name)
    return wrong


def _is(reference: str, patient: str, server: str | None) -> bool:
    """Whether a literal reference names the patient."""
    base, _, key = reference.partition("/_history/")[0].rpartition("Patient/")
    return key == patient and (not base or server is None or base.rstrip("/") == server.rstrip("/"))

"""Prefetch: templates from data requirements, and the data that a request brings or that must be fetched (CDS Hooks, "Prefetch").

A template is a relative FHIR read or search with tokens of the hook's context. Its key is readable (``observation``,
``medicationRequest``); searches on one resource type are joined, their codes separated by commas (any of them), so that a client
runs as few queries as possible. A value in a request has four states: absent (the client could not, so the service fetches it),
null (no data), an OperationOutcome (the client failed), or a resource or search result, possibly with further pages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from guideway.diagnostics import GuidewayError
from guideway.fhir.literal_references import relative_reference
from guideway.records.owners import is_clinical, subject_elements, subjects
from guideway.remote.client import FhirClient
from guideway.remote.errors import RemoteError
from guideway.remote.search_results import error_in, next_link, page, short_of
from guideway.service.problems import Problem

Json = dict[str, Any]
Codes = frozenset[tuple[str, str]]

MEDICATION_LIMIT = 1000
"""So many Medications that the data refers to are read; where there are more the data is not whole."""
FEW_MEDICATIONS = 40
"""So many are read one by one; more are searched for by their ids first, in groups of ``A_GROUP``."""
A_GROUP = 100
AT_ONCE = 6
"""So many questions one request asks of the FHIR server at the same time."""
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
AMONG_OTHERS = frozenset({"Appointment", "AppointmentResponse", "SupplyRequest"})
"""Types that name practitioners and places beside the patient, or instead."""
NOT_BY_SUBJECT = AMONG_OTHERS | {"Patient"}
"""Types that have no element ``subject``, whatever a resource says there."""


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
    medications: Sequence[Json] = (),
    drafts: Sequence[Json] = (),
) -> Gathered:
    """What the request brought, and the rest from the EHR's FHIR server; raises RemoteError only where time ran out.

    ``medications`` came with the ``drafts``, orders that may refer to these or to others.
    """
    found = Gathered(resources=list(medications), missing={}, fetched=[])
    jobs: list[tuple[Template, str]] = []
    lacking: dict[str, str] = {}
    for template in wanted:
        resources, lack = brought(template, prefetch.get(template.key, ...))
        if "?" not in template.query and template.type != "Patient":
            _as_asked(template, resources, context)
        found.resources += resources
        if not lack:
            continue
        lacking[template.key] = lack
        query = filled(template.query, context)
        if query is None:
            if template.type not in FROM_CONTEXT or template.type == "Patient":
                found.missing[template.key] = "its context value is not given"
            continue
        jobs.append((template, query))
    if not jobs:
        return await _with_medications(found, wanted, client, why_no_client, drafts)
    if client is None:
        for template, _ in jobs:
            found.missing[template.key] = f"{lacking[template.key]}, and {why_no_client}"
        return found
    limit = asyncio.Semaphore(AT_ONCE)

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
            if result.kind == "deadline":
                raise result
            found.missing[template.key] = str(result)
        else:
            found.fetched.append(template.key)
            found.resources += result
    return await _with_medications(found, wanted, client, why_no_client, drafts)


async def _with_medications(
    found: Gathered,
    wanted: Sequence[Template],
    client: FhirClient | None,
    why_no_client: str,
    drafts: Sequence[Json],
) -> Gathered:
    """The data with the Medications that it and the drafts refer to; a drug that is not known by name must not count as another
    drug. Where one cannot be had the data is not whole; of a draft the logic says then that it could not be judged."""
    here = {f"Medication/{r.get('id')}" for r in found.resources if r.get("resourceType") == "Medication"}
    lacking: dict[tuple[str, str], str | None] = {}
    """(base of another server, reference) → type of the resource that refers to it; None for a draft."""
    for resources, of_draft in ((found.resources, False), (drafts, True)):
        for resource in resources:
            reference = medication_reference(resource) if resource.get("resourceType") in INCLUDES else None
            if reference is not None and not reference.startswith("#"):
                plain = relative_reference(reference)
                if plain not in here and plain.startswith("Medication/"):
                    base = reference.partition(plain)[0]
                    elsewhere = base if client is not None and base and _place(base) != _place(client.base) else ""
                    lacking.setdefault((elsewhere, plain), None if of_draft else str(resource["resourceType"]))
    limit = asyncio.Semaphore(AT_ONCE)

    async def fetch(elsewhere: str, reference: str) -> Json | RemoteError | None:
        if client is None:
            return RemoteError("refused", f"it refers to {reference}, which is not in the prefetch, and {why_no_client}")
        if elsewhere:
            return RemoteError("refused", f"it refers to {reference} of another server than {client.base}")
        async with limit:
            try:
                return await client.read(reference)
            except RemoteError as error:
                return error

    def miss(kind: str | None, why: str) -> None:
        if kind is not None:
            found.missing.setdefault(next((t.key for t in wanted if t.type == kind), kind), why)

    references = sorted(lacking.items(), key=lambda item: item[1] is not None)  # those of drafts first
    for _, kind in references[MEDICATION_LIMIT:]:
        miss(kind, f"it refers to more than {MEDICATION_LIMIT} Medications, which are not in the prefetch")
    references = references[:MEDICATION_LIMIT]
    here_of = [reference for (elsewhere, reference), _ in references if not elsewhere]
    at_hand = await _searched(client, here_of) if client is not None and len(here_of) > FEW_MEDICATIONS else {}
    found.resources += at_hand.values()
    references = [each for each in references if each[0][0] or each[0][1] not in at_hand]
    results = await asyncio.gather(*(fetch(*which) for which, _ in references))
    for (_, kind), result in zip(references, results, strict=True):
        if isinstance(result, RemoteError):
            if result.kind == "deadline":
                raise result
            miss(kind, str(result))
        elif result is not None:
            found.resources.append(result)
    return found


async def _searched(client: FhirClient, references: Sequence[str]) -> dict[str, Json]:
    """Medications by reference, as far as the server finds them by ``_id``; what it does not find is read by itself."""
    found: dict[str, Json] = {}
    for start in range(0, len(references), A_GROUP):
        group = set(references[start : start + A_GROUP])
        ids = ",".join(sorted(quote(reference.partition("/")[2], safe="") for reference in group))
        try:
            result = await client.search(f"Medication?_id={ids}")
        except RemoteError as error:
            if error.kind == "deadline":
                raise
            break
        named = {f"{resource['resourceType']}/{resource.get('id')}": resource for resource in result}
        found.update((reference, resource) for reference, resource in named.items() if reference in group)
        if named.keys() - group:
            break  # the server searches for something else than what it was asked
    return found


def medication_reference(resource: Json) -> str | None:
    """The reference to a Medication that a resource holds."""
    value = resource.get("medicationReference")
    reference = value.get("reference") if isinstance(value, dict) else None
    return reference if isinstance(reference, str) else None


def brought(template: Template, value: Any) -> tuple[list[Json], str]:
    """The resources of a prefetch value (``...``: none was sent), and why they are not all that the template asks for (empty
    where they are).

    Problem 400 where the value is no answer to the template: taken for one, it would look as if there were nothing on record.
    """
    if value is ...:
        return [], "it is not in the prefetch"
    if value is None:
        return [], "the prefetch has null for the patient" if template.key == "patient" else ""
    where = f"prefetch.{template.key}"
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        raise Problem(400, f"{where} is neither null nor a resource", expression=where)
    kind = value["resourceType"]
    if kind == "OperationOutcome":
        return [], error_in(value) or "the client could not supply it"
    if "?" not in template.query:
        if kind != template.type:
            raise Problem(400, f"{where} is {kind} where {template.type} was asked for", expression=where)
        return [value], ""
    try:
        result = page(value, template.type)
        following = next_link(value)
        lack = "its result has more pages" if following else short_of(value, result.matches)
    except GuidewayError as error:
        raise Problem(400, f"{where}: {error}", expression=where) from error
    return ([], result.failure) if result.failure else (result.resources, lack)


def _as_asked(template: Template, resources: Sequence[Json], context: Mapping[str, Any]) -> None:
    """Raises Problem 400 where a read brought the resource of another id (whose Patient it is, is looked at later)."""
    query = filled(template.query, context)
    for resource in resources:
        if query is not None and resource.get("id") is not None and f"{template.type}/{resource['id']}" != query:
            where = f"prefetch.{template.key}"
            raise Problem(400, f"{where} is {template.type}/{resource['id']} where {query} was asked for", expression=where)


def of_other_patients(resources: Iterable[Json], patient: str, server: str | None = None, *, drafts: bool = False) -> list[str]:
    """References of resources that are not certainly about ``patient`` (an id): about somebody or something else, or (unless they
    are ``drafts``, which may be incomplete) saying of nobody whom they are about.

    ``server``: where the data comes from; an absolute reference to another server is another patient, whatever its id.
    """
    wrong = []
    usual = {"reference": f"Patient/{patient}"}
    for resource in resources:
        kind = str(resource.get("resourceType"))
        if resource.get("subject") == usual and kind not in NOT_BY_SUBJECT and subject_elements(kind)[0] == "subject":
            continue
        if kind == "Patient":
            of_this = resource.get("id") == patient
        else:
            clinical = is_clinical(kind)
            about = [str(r.get("reference")) for r in subjects(resource)]
            among_others = kind in AMONG_OTHERS or not clinical
            if among_others:
                about = [reference for reference in about if "Patient/" in reference]
            enough = any if among_others else all
            of_this = enough(_is(reference, patient, server) for reference in about) if about else drafts or not clinical
        if not of_this:
            wrong.append(f"{kind}/{resource.get('id')}")
    return wrong


def _is(reference: str, patient: str, server: str | None) -> bool:
    """Whether a literal reference names the patient."""
    base, found, key = reference.partition("/_history/")[0].partition("Patient/")
    if not found or key != patient:
        return False
    return not base or (base.startswith(("https://", "http://")) and (server is None or _place(base) == _place(server)))


def _place(url: str) -> tuple[str, str, int | None, str]:
    """A base URL so that two of the same place are equal (RFC 3986, section 6.2: case of the host, default port, last slash)."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return "", url, None, ""
    return parts.scheme, parts.hostname or "", port, parts.path.rstrip("/")

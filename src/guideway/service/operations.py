"""The FHIR side of the service, under /fhir: the package's artifacts, and the operations on them (FHIR R4 REST).

Input is query parameters (GET) or a Parameters resource (POST); output is a resource; errors are OperationOutcomes. Data always
comes with the request (``data``, ``prefetchData``): the service keeps no patients.
"""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from guideway.apply.audience import names_something
from guideway.apply.care_plan import bundle, care_plan, requests_bundle
from guideway.apply.data_requirements import module_definition
from guideway.apply.explanation_resources import signed
from guideway.apply.moment import moment
from guideway.apply.policies import POLICIES
from guideway.apply.run import apply_guideline
from guideway.diagnostics import Diagnostic, GuidewayError, Severity
from guideway.guideline.compiled import CompiledGuideline
from guideway.guideline.cql_operations import evaluate_library
from guideway.guideline.hook_contexts import REQUIRED_CONTEXT
from guideway.guideline.package import Artifact, Guideline
from guideway.records.reading import read_resources, select
from guideway.records.record import PatientRecord
from guideway.remote.terminology import PAUSE_SECONDS, is_broken, is_down
from guideway.service.artifact_search import SEARCH, criteria_of, matches
from guideway.service.audit import audit_event
from guideway.service.caller import fhir_caller
from guideway.service.groups import members_at
from guideway.service.intake import decode, form_fields, json_among, read_body, require_json
from guideway.service.operation_inputs import ANY_OPERATION, TAKEN, Inputs, blamed, where, whole
from guideway.service.parameter_values import declared
from guideway.service.problems import Problem
from guideway.service.routes import Place, json_response
from guideway.service.runtime import Runtime
from guideway.service.services import hooks_of
from guideway.service.value_sets import asked_codings, expansion_of, validation
from guideway.terminology.expansion import Member, UnresolvedValueSet
from guideway.terminology.valuesets import ValueSetIndex

Json = dict[str, Any]
Operation = Callable[[Runtime, Inputs], Json]

ARTIFACTS = ("ActivityDefinition", "CodeSystem", "Library", "PlanDefinition", "Questionnaire", "ValueSet")


HL7 = "http://hl7.org/fhir"
DEFINITIONS = {
    "$r5.apply": f"{HL7}/OperationDefinition/PlanDefinition-apply|5.0.0",
    "$package": f"{HL7}/uv/crmi/OperationDefinition/crmi-package",
    "$evaluate": f"{HL7}/uv/cql/OperationDefinition/cql-library-evaluate",
}
"""Where an operation is defined, if not in FHIR R4 itself."""


def _artifact(runtime: Runtime, inputs: Inputs, *types: str) -> tuple[CompiledGuideline, Artifact]:
    """The artifact of the call: by id in the path, or by its canonical in a parameter."""
    if inputs.artifact_id is not None:
        held = runtime.content.by_id(inputs.kind, inputs.artifact_id)
        if held is None:
            raise Problem(404, f"there is no {inputs.kind}/{inputs.artifact_id}")
        _same(held[1], inputs)
        return held
    lower = inputs.kind[0].lower() + inputs.kind[1:]
    if any("resource" in entry for entry in inputs.all(lower)):
        text = f"a {inputs.kind} cannot be brought: the service has its own, name one by url"
        raise Problem(400, text, expression=where(lower), code="not-supported")
    for name in ("url", "canonical", lower, f"{lower}Canonical"):
        reference = inputs.text(name) if inputs.all(name) else None
        if reference is not None:
            version = inputs.text("version") or inputs.text(f"{lower}Version")
            found = runtime.content.resolve(
                f"{reference}|{version}" if version and "|" not in reference else reference, *(types or (inputs.kind,))
            )
            if found is None:
                raise Problem(404, f"there is no {inputs.kind} {reference}", expression=where(name))
            return found
    raise Problem(400, f"name the {inputs.kind}: in the path, or as the parameter url", expression="Parameters")


def _versioned(resource: Json) -> Json:
    """The artifact with a version id, which is another wherever its content is."""
    digest = hashlib.sha256(msgspec.json.encode(resource, order="sorted")).hexdigest()[:16]
    return {**resource, "meta": {**(resource.get("meta") or {}), "versionId": digest}}


def _same(artifact: Artifact, inputs: Inputs) -> None:
    """Raises Problem 400 where a call of an instance names another artifact, or another version of it, as well."""
    lower = inputs.kind[0].lower() + inputs.kind[1:]
    for name in ("url", "canonical", lower, f"{lower}Canonical"):
        named = inputs.text(name) if inputs.all(name) else None
        if named is not None and named not in (artifact.url, artifact.canonical):
            raise Problem(400, f"{inputs.kind}/{artifact.id} is not {named}", expression=where(name))
    for name in ("version", f"{lower}Version"):
        named = inputs.text(name)
        if named is not None and named != artifact.version:
            text = f"{inputs.kind}/{artifact.id} has version {artifact.version}, not {named}"
            raise Problem(400, text, expression=where(name))


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_STARTED = _now()
"""Since when the service offers what its CapabilityStatement says."""


def _subjects(runtime: Runtime, inputs: Inputs) -> list[PatientRecord]:
    """The records of the call's subjects; of a Group, those of its members that are active at that moment."""
    resources = inputs.data()
    if len(resources) > runtime.settings.max_entries:
        raise Problem(413, f"the call brings more than {runtime.settings.max_entries} resources", expression=where("data"))
    names = inputs.texts("subject")
    if not names:
        raise Problem(400, "subject is required", expression=where("subject"))
    members: list[str] = []
    for name in names:
        kind, _, key = name.rpartition("/")
        if kind.endswith("Group"):
            group = next((r for r in resources if r.get("resourceType") == "Group" and r.get("id") == key), None)
            if group is None:
                raise Problem(400, f"{name} is not in the data", expression=where("subject"))
            with blamed("data"):
                active = members_at(group, _when(inputs), runtime.settings.timezone)
            if not active:
                raise Problem(400, f"{name} has no active member", expression=where("subject"))
            members += active
        else:
            members.append(name)
    with blamed("data"):
        found = read_resources([r for r in resources if r.get("resourceType") != "Group"], "data")
    with blamed("subject"):
        return [select(found, member) for member in dict.fromkeys(members)]


def _when(inputs: Inputs) -> str:
    """The moment that the call is about, ``asOf`` or now; Problem 400 for something else."""
    text = inputs.text("asOf") or _now()
    with blamed("asOf"):
        moment(text)
    return text


def _parameters(runtime: Runtime, inputs: Inputs, guideline: CompiledGuideline) -> dict[str, Any]:
    """The site's parameters and over them those of the call; Problem 400 for one that there is not."""
    with blamed("parameters"):
        return {**runtime.settings.parameters, **declared(guideline, inputs.cql_parameters())}


def _policy(inputs: Inputs) -> str:
    policy = inputs.text("policy") or "cpg"
    if policy not in POLICIES:
        raise Problem(400, f"there is no policy {policy!r}; there are {', '.join(POLICIES)}", expression=where("policy"))
    return policy


def _concepts(inputs: Inputs, name: str) -> list[Json] | None:
    """All CodeableConcepts of that name; Problem 400 for something else, and for one without a code or a text."""
    found: list[Json] = []
    for entry in inputs.all(name):
        value = entry.get("valueCodeableConcept")
        codings = value.get("coding", []) if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(codings, list) or not all(isinstance(each, dict) for each in codings):
            raise Problem(400, f"{name} must be a CodeableConcept", expression=where(name))
        if not names_something(value):
            raise Problem(400, f"{name} names nothing: give a code or a text", expression=where(name))
        found.append(value)
    return found or None


def _audience(inputs: Inputs) -> dict[str, Any]:
    """For whom and where, as options of ``apply_guideline``."""
    return {
        "user_type": _concepts(inputs, "userType"),
        "user_language": _language(inputs),
        "user_task": _concepts(inputs, "userTaskContext"),
        "setting": _concepts(inputs, "setting"),
        "setting_context": _concepts(inputs, "settingContext"),
    }


def _language(inputs: Inputs) -> str | None:
    """The code of ``userLanguage``: in R4 a CodeableConcept, elsewhere also a code."""
    entries = inputs.all("userLanguage")
    if len(entries) != 1 or "valueCodeableConcept" not in entries[0]:
        return inputs.text("userLanguage")
    (concept,) = _concepts(inputs, "userLanguage") or ({},)
    codings = [coding for coding in concept.get("coding", []) if isinstance(coding, dict)]
    found = next((coding["code"] for coding in codings if isinstance(coding.get("code"), str)), concept.get("text"))
    if not isinstance(found, str):
        raise Problem(400, "userLanguage names no language: give a code such as de-CH", expression=where("userLanguage"))
    return found


def apply_as_bundle(runtime: Runtime, inputs: Inputs, *, reasons: bool = True) -> Json:
    """``PlanDefinition/$r5.apply``: as ``$apply``, a Bundle a subject."""
    return apply_operation(runtime, inputs, as_bundle=True, reasons=reasons)


def _not_in_the_data(inputs: Inputs, record: PatientRecord) -> list[Diagnostic]:
    """A finding where the encounter of the call did not come with the data: only who called knows that it exists."""
    reference = inputs.reference("encounter")
    if reference is None or record.resolve_quietly(reference) is not None:
        return []
    text = f"encounter: {reference} is not in the data; what is proposed refers to it as it was given."
    return [Diagnostic("encounter-not-in-data", Severity.warning, text)]


WITHOUT_REASONS = Diagnostic(
    "reasons-left-out",
    Severity.warning,
    "The reasons, and the data that is still needed, could not be worked out in time: what applies is told without them.",
)
FORMS = {"careplan": care_plan, "bundle": bundle, "requests": requests_bundle}
"""What ``_outputForm`` may say."""


def apply_operation(runtime: Runtime, inputs: Inputs, *, as_bundle: bool = False, reasons: bool = True) -> Json:
    """``PlanDefinition/$apply``: a CarePlan a subject; a Bundle where ``_outputForm`` says so.

    Without ``reasons`` what applies and no more, with a finding that says so.
    """
    inputs.without_servers()
    guideline, plan = _artifact(runtime, inputs, "PlanDefinition")
    when = _when(inputs)
    parameters = _parameters(runtime, inputs, guideline)
    audience = _audience(inputs)
    hook = inputs.text("hook")
    if hook is not None and hook not in REQUIRED_CONTEXT.keys() | hooks_of(guideline, plan):
        raise Problem(400, f"there is no hook {hook!r}; there are {', '.join(REQUIRED_CONTEXT)}", expression=where("hook"))
    records = _subjects(runtime, inputs)
    outcomes = [
        apply_guideline(
            guideline,
            record,
            plans=[plan.url],
            as_of=when,
            timezone=runtime.settings.timezone,
            parameters=parameters,
            hook=hook,
            explain=False if reasons else "none",
            policy=_policy(inputs),
            encounter=inputs.reference("encounter"),
            practitioner=inputs.reference("practitioner"),
            organization=inputs.reference("organization"),
            **audience,
        )
        for record in records
    ]
    for outcome, record in zip(outcomes, records, strict=True):
        outcome.findings += _not_in_the_data(inputs, record)
        outcome.findings += [] if reasons else [WITHOUT_REASONS]
    wanted = inputs.text("_outputForm") or "careplan"
    if wanted.lower() not in FORMS:
        raise Problem(400, f"_outputForm must be one of {', '.join(FORMS)}", expression=where("_outputForm"))
    form = bundle if as_bundle else FORMS[wanted.lower()]
    results = [signed(form(outcome), outcome) for outcome in outcomes]
    if len(results) == 1:
        return results[0]
    return {"resourceType": "Parameters", "parameter": [{"name": "return", "resource": r} for r in results]}


def apply_activity(runtime: Runtime, inputs: Inputs) -> Json:
    """``ActivityDefinition/$apply``: the one request."""
    from guideway.apply.activity_operation import apply_activity_definition

    inputs.without_servers()
    guideline, activity = _artifact(runtime, inputs, "ActivityDefinition")
    records = _subjects(runtime, inputs)
    if len(records) != 1:
        raise Problem(400, "exactly one subject is needed", expression=where("subject"))
    return apply_activity_definition(
        guideline,
        activity,
        records[0],
        as_of=_when(inputs),
        timezone=runtime.settings.timezone,
        parameters=_parameters(runtime, inputs, guideline),
        policy=_policy(inputs),
        encounter=inputs.reference("encounter"),
        practitioner=inputs.reference("practitioner"),
        organization=inputs.reference("organization"),
        **_audience(inputs),
    )


def data_requirements(runtime: Runtime, inputs: Inputs) -> Json:
    """``PlanDefinition/$data-requirements``: a module-definition Library."""
    guideline, plan = _artifact(runtime, inputs, "PlanDefinition")
    return module_definition(guideline, plan)


def package(runtime: Runtime, inputs: Inputs) -> Json:
    """``PlanDefinition/$package``: the plan and everything it depends on, as a transaction Bundle (CRMI)."""
    guideline, plan = _artifact(runtime, inputs, "PlanDefinition")
    entries = []
    for artifact in closure(runtime.content.packages[runtime.content.guidelines.index(guideline)], plan):
        condition = f"url={artifact.url}" + (f"&version={artifact.version}" if artifact.version else "")
        entries.append(
            {
                "fullUrl": artifact.url,
                "resource": artifact.resource,
                "request": {"method": "POST", "url": artifact.type, "ifNoneExist": condition},
            }
        )
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def closure(guideline: Guideline, plan: Artifact) -> list[Artifact]:
    """The plan, then every artifact of the package that it reaches by a canonical, each once."""
    known = {a.url: a for a in guideline.artifacts if a.url} | {a.canonical: a for a in guideline.artifacts if a.url}
    found: dict[str, Artifact] = {}
    pending = [plan]
    while pending:
        artifact = pending.pop(0)
        if artifact.canonical in found:
            continue
        found[artifact.canonical] = artifact
        values: list[Any] = [artifact.resource]
        while values:
            value = values.pop()
            if isinstance(value, dict):
                values += value.values()
            elif isinstance(value, list):
                values += value
            elif isinstance(value, str) and value in known:
                pending.append(known[value])
        if artifact.type == "Library":  # what it includes and which value sets it names stand in its text
            text = "".join(
                base64.b64decode(str(c.get("data") or "")).decode("utf-8", "replace")
                for c in artifact.resource.get("content") or ()
            )
            pending += [other for url, other in known.items() if f"'{url}'" in text]
            pending += [
                a for a in guideline.of_type("Library") if re.search(rf"^\s*include\s+\"?{re.escape(a.title)}\b", text, re.M)
            ]
    return list(found.values())


def cql(runtime: Runtime, inputs: Inputs) -> Json:
    """``$cql``: the value of an expression, or ``evaluation error`` in the Parameters."""
    if not runtime.settings.serves_cql:
        raise Problem(403, "$cql is switched off here: set cql_operation = true to let callers run expressions")
    inputs.without_servers()
    expression = inputs.text("expression")
    if expression is None:
        raise Problem(400, "expression is required", expression=where("expression"))
    evaluator = runtime.content.cql
    if not inputs.all("subject") and (inputs.all("data") or inputs.all("prefetchData")):
        raise Problem(400, "data is that of a subject: name it, such as Patient/1", expression=where("subject"))
    source = _subjects(runtime, inputs)[0] if inputs.all("subject") else None
    when = moment(_when(inputs), runtime.settings.timezone)
    includes = []
    for entry in inputs.all("library"):
        parts = [p for p in entry.get("part") or () if isinstance(p, dict)] if isinstance(entry.get("part"), list) else []
        given = next((p for p in parts if p.get("name") == "url"), {})
        url = given.get("valueCanonical") or given.get("valueUri") or given.get("valueString")
        if not isinstance(url, str):
            raise Problem(400, "a library is named by its part url", expression=where("library"))
        name = runtime.content.guidelines[0].library_name(url)
        if name is None:
            raise Problem(404, f"there is no library {url}", expression=where("library"))
        includes.append(name)
    return evaluator.evaluate(
        expression, now=when.now, source=source, timezone=when.offset, parameters=inputs.cql_parameters(), includes=includes
    )


def evaluate(runtime: Runtime, inputs: Inputs) -> Json:
    """``Library/$evaluate``: the values of a library's defines."""
    inputs.without_servers()
    guideline, library = _artifact(runtime, inputs, "Library")
    subjects = _subjects(runtime, inputs)
    if len(subjects) != 1:
        raise Problem(400, "exactly one subject is needed", expression=where("subject"))
    when = moment(_when(inputs), runtime.settings.timezone)
    record = subjects[0].under(guideline.manifest.hygiene, when.text, when.offset)
    parameters = _parameters(runtime, inputs, guideline)
    with blamed("expression"):
        return evaluate_library(
            guideline, library.url, record, now=when.now, timezone=when.offset, parameters=parameters,
            expressions=inputs.texts("expression"),
        )  # fmt: skip


def expand(runtime: Runtime, inputs: Inputs) -> Json:
    """``ValueSet/$expand``: the value set with its codes."""
    artifact, members = _members(runtime, inputs)
    return expansion_of(artifact, members, inputs, _now())


def validate_code(runtime: Runtime, inputs: Inputs) -> Json:
    """``ValueSet/$validate-code``: whether a code, Coding or one of a CodeableConcept's is in the value set."""
    codings = asked_codings(inputs)
    return validation(*_members(runtime, inputs), codings, inputs.flag("inferSystem") or False)


def _members(runtime: Runtime, inputs: Inputs) -> tuple[Artifact, tuple[Member, ...]]:
    """The value set of the call and its members; Problem 422 where they cannot be told, 503 where the terminology server
    is out of order, 502 where it cannot be used."""
    posted = inputs.posted("valueSet")
    if posted is not None:
        return _posted_members(runtime, inputs, posted)
    guideline, artifact = _artifact(runtime, inputs, "ValueSet")
    try:
        return artifact, runtime.content.terminology(guideline).members(artifact.url, artifact.version)
    except UnresolvedValueSet as error:
        if is_down(error):
            raise Problem(503, str(error), headers={"Retry-After": str(round(PAUSE_SECONDS))}) from error
        if is_broken(error):
            raise Problem(502, str(error), code="exception") from error
        raise Problem(422, str(error), code="not-supported") from error


UNNAMED = "urn:uuid:6b6f1c39-4f9c-5d0e-8b59-0f6f6a3c2d11"
"""What a value set without a URL is called while its codes are looked for."""


def _posted_members(runtime: Runtime, inputs: Inputs, posted: Json) -> tuple[Artifact, tuple[Member, ...]]:
    """A value set that came with the call, which may refer to those of the guidelines; Problem 422 as above."""
    if inputs.artifact_id is not None or inputs.all("url") or inputs.all("canonical"):
        raise Problem(400, "name a value set or bring one, not both", expression=where("valueSet"))
    url = posted["url"] if isinstance(posted.get("url"), str) else UNNAMED
    others = (a.resource for package in runtime.content.packages for a in package.artifacts if a.url != url)
    try:
        members = ValueSetIndex([*others, posted | {"url": url}]).members(url)
    except UnresolvedValueSet as error:
        text = str(error).replace(f"Value set {UNNAMED}", "The value set that was brought").replace(UNNAMED, "itself")
        raise Problem(422, text, expression=where("valueSet"), code="not-supported") from error
    return Artifact(posted, "valueSet"), members


OPERATIONS: tuple[tuple[str, str, Operation, str], ...] = (
    ("PlanDefinition", "$apply", apply_operation, "system/PlanDefinition.rs"),
    ("PlanDefinition", "$r5.apply", apply_as_bundle, "system/PlanDefinition.rs"),
    ("PlanDefinition", "$data-requirements", data_requirements, "system/PlanDefinition.rs"),
    ("PlanDefinition", "$package", package, "system/PlanDefinition.rs"),
    ("ActivityDefinition", "$apply", apply_activity, "system/ActivityDefinition.rs"),
    ("Library", "$evaluate", evaluate, "system/Library.rs"),
    ("ValueSet", "$expand", expand, "system/ValueSet.rs"),
    ("ValueSet", "$validate-code", validate_code, "system/ValueSet.rs"),
)


IN_SHORT: dict[str, Operation] = {
    "PlanDefinition/$apply": functools.partial(apply_operation, reasons=False),
    "PlanDefinition/$r5.apply": functools.partial(apply_as_bundle, reasons=False),
}
"""Operations of which less can be told where there is no time for all."""
ABOUT_PATIENTS = frozenset(
    {"PlanDefinition/$apply", "PlanDefinition/$r5.apply", "ActivityDefinition/$apply", "Library/$evaluate", "$cql"}
)
"""Operations that look at a patient's data: each call leaves an AuditEvent."""
_SUBJECT = re.compile(r"([A-Z][A-Za-z]{1,63}/)?[A-Za-z0-9.-]{1,64}")
"""What an AuditEvent names as a subject; anything else may be words about a patient."""


def _operation(kind: str, operation: Operation, scope: str, name: str) -> Callable[[Runtime, Request], Awaitable[Response]]:
    async def answer(runtime: Runtime, request: Request, subjects: list[str]) -> Response:
        body = None
        if request.method == "POST":
            raw = await read_body(request, runtime.settings)
            if raw:
                require_json(request)
                body = decode(raw, runtime.settings)
        inputs = Inputs(request.query_params.multi_items(), body, kind, request.path_params.get("id"))
        json_among(inputs.texts("_format"))
        subjects += [subject for subject in inputs.texts("subject") if _SUBJECT.fullmatch(subject)]
        inputs.only(TAKEN[name] | ANY_OPERATION)
        short = IN_SHORT.get(name)
        instead = functools.partial(short, runtime, inputs) if short is not None else None
        seconds = 4 * runtime.settings.deadline_seconds
        try:
            result = await runtime.operations.run(lambda: operation(runtime, inputs), seconds, instead=instead)
        except GuidewayError as error:
            raise Problem(400, str(error)) from error
        return json_response(result, fhir=True)

    async def handle(runtime: Runtime, request: Request) -> Response:
        caller = await fhir_caller(runtime, request, [scope])
        if name not in ABOUT_PATIENTS:
            return await answer(runtime, request, [])
        subjects: list[str] = []
        what, details = {"display": request.url.path}, {"operation": name}
        try:
            response = await answer(runtime, request, subjects)
        except Exception as error:
            status = error.status if isinstance(error, Problem) else 500
            with suppress(Problem):  # the log says that it could not be kept
                await runtime.keep((), audit_event(caller, what, details, about=subjects, status=status))
            raise
        await runtime.keep((), audit_event(caller, what, details, about=subjects))
        return response

    return handle


async def read(runtime: Runtime, request: Request) -> Response:
    """``GET /fhir/{type}/{id}``: one artifact."""
    kind = request.path_params["type"]
    await fhir_caller(runtime, request, [f"system/{kind}.r"])
    if kind not in ARTIFACTS:
        raise Problem(404, f"{kind} is not served; there are {', '.join(ARTIFACTS)}")
    held = runtime.content.by_id(kind, request.path_params["id"])
    if held is not None:
        resource = _versioned(held[1].resource)
        return json_response(resource, fhir=True, headers={"ETag": f'W/"{resource["meta"]["versionId"]}"'})
    raise Problem(404, f"there is no {kind}/{request.path_params['id']}")


async def search(runtime: Runtime, request: Request) -> Response:
    """``GET /fhir/{type}?…``, ``POST /fhir/{type}/_search``: artifacts by id, url, name, title, status or version."""
    kind = request.path_params["type"]
    await fhir_caller(runtime, request, [f"system/{kind}.s"])
    if kind not in ARTIFACTS:
        raise Problem(404, f"{kind} is not served; there are {', '.join(ARTIFACTS)}")
    asked = request.query_params.multi_items()
    if request.method == "POST":
        asked = [*asked, *form_fields(request, await read_body(request, runtime.settings))]
    criteria, query = criteria_of(asked)
    found = [a.resource for g in runtime.content.packages for a in g.of_type(kind) if matches(a, criteria)]
    offset, count = (whole(query.get(name, default), name) for name, default in (("_offset", "0"), ("_count", "100")))
    base = runtime.settings.public_base
    links = [{"relation": "self", "url": f"{base}/fhir/{kind}" + (f"?{urlencode(asked)}" if asked else "")}]
    if offset + count < len(found) and count and query.get("_summary") != "count":
        kept = [(k, v) for k, v in asked if k not in ("_offset", "_count")]
        following = urlencode([*kept, ("_offset", offset + count), ("_count", count)])
        links.append({"relation": "next", "url": f"{base}/fhir/{kind}?{following}"})
    entries = [
        {"fullUrl": f"{base}/fhir/{kind}/{r.get('id')}", "resource": _versioned(r), "search": {"mode": "match"}}
        for r in found[offset : offset + count]
    ]
    result: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": links}
    if query.get("_summary") == "count":
        return json_response(result, fhir=True)
    return json_response({**result, "entry": entries} if entries else result, fhir=True)


async def metadata(runtime: Runtime, request: Request) -> Response:
    """``GET /fhir/metadata``: the CapabilityStatement, or the TerminologyCapabilities where ``mode`` asks for them."""
    made = MODES.get(request.query_params.get("mode", "full"))
    if made is None:
        raise Problem(400, f"mode must be one of {', '.join(MODES)}", expression="mode")
    return json_response(made(runtime), fhir=True)


def _instance(runtime: Runtime, resource_type: str, query: str = "") -> Json:
    """How a statement of what this service can do begins."""
    from guideway import __version__

    return {
        "resourceType": resource_type,
        "url": f"{runtime.settings.public_base}/fhir/metadata{query}",
        "version": __version__,
        "status": "active",
        "date": _STARTED,
        "kind": "instance",
        "software": {"name": "guideway", "version": __version__},
        "implementation": {"description": "Guideway", "url": f"{runtime.settings.public_base}/fhir"},
    }


def capability_statement(runtime: Runtime) -> Json:
    """What the FHIR side offers."""
    resources = []
    for kind in ARTIFACTS:
        operations = [
            {"name": name.lstrip("$"), "definition": DEFINITIONS.get(name, f"{HL7}/OperationDefinition/{of}-{name.lstrip('$')}")}
            for of, name, _, _ in OPERATIONS
            if of == kind
        ]
        entry: Json = {"type": kind, "interaction": [{"code": "read"}, {"code": "search-type"}]}
        entry["searchParam"] = [
            {"name": n, "type": {"url": "uri", "name": "string", "title": "string"}.get(n, "token")} for n in SEARCH[:6]
        ]
        resources.append({**entry, "operation": operations} if operations else entry)
    rest: Json = {"mode": "server", "resource": resources}
    if runtime.settings.serves_cql:
        rest["operation"] = [{"name": "cql", "definition": f"{HL7}/uv/cql/OperationDefinition/cql-cql"}]
    if runtime.settings.token_issuers:
        system = "http://terminology.hl7.org/CodeSystem/restful-security-service"
        rest["security"] = {"service": [{"coding": [{"system": system, "code": "SMART-on-FHIR"}]}]}
    return {
        **_instance(runtime, "CapabilityStatement"),
        "fhirVersion": "4.0.1",
        "format": ["json", "application/fhir+json"],
        "rest": [rest],
    }


def terminology_capabilities(runtime: Runtime) -> Json:
    """What ``$expand`` and ``$validate-code`` can do."""
    taken = sorted(TAKEN["ValueSet/$expand"] & {"filter", "offset", "count", "activeOnly"})
    return {
        **_instance(runtime, "TerminologyCapabilities", "?mode=terminology"),
        "expansion": {"hierarchical": False, "paging": True, "parameter": [{"name": name} for name in taken]},
        "codeSearch": "explicit",
        "validateCode": {"translations": False},
    }


MODES: dict[str, Callable[[Runtime], Json]] = {
    "full": capability_statement, "normative": capability_statement, "terminology": terminology_capabilities,
}  # fmt: skip
"""What ``GET metadata`` gives, by its parameter ``mode`` (FHIR R4, http.html#capabilities)."""


CQL_PATH = "/fhir/$cql"


def _places() -> Iterable[Place]:
    yield Place("GET", "/fhir/metadata", metadata, "CapabilityStatement")
    handler = _operation("", cql, "system/Library.rs", "$cql")
    yield Place("POST", CQL_PATH, handler, "The value of a CQL expression")
    yield Place("GET", CQL_PATH, handler, "The value of a CQL expression")
    for kind, name, operation, scope in OPERATIONS:
        handler = _operation(kind, operation, scope, f"{kind}/{name}")
        for path in (f"/fhir/{kind}/{name}", f"/fhir/{kind}/{{id}}/{name}"):
            for method in ("GET", "POST"):
                yield Place(method, path, handler, (operation.__doc__ or name).split("\n")[0])
    yield Place("GET", "/fhir/{type}", search, "Search artifacts")
    yield Place("POST", "/fhir/{type}/_search", search, "Search artifacts, with the parameters in a form")
    yield Place("GET", "/fhir/{type}/{id}", read, "Read an artifact")


FHIR_PLACES: tuple[Place, ...] = tuple(_places())

"""A CDS Hooks request, checked (CDS Hooks 2.0, "Calling a CDS Service" and the hook library).

Takes the decoded body; gives its parts in one form: plain ids, the parts of the context that the hook defines, the draft orders
and other resources in it. What is wrong is Problem 400 with the element at fault; what the specification does not know is left
out of account.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from guideway.apply.code_names import Displays, concept_name
from guideway.apply.hook_context import RESOURCES, resources_of
from guideway.apply.words import proposal_text
from guideway.diagnostics import GuidewayError
from guideway.fhir.literal_references import relative_reference
from guideway.fhir.structure import check, known_type, without
from guideway.guideline.hook_contexts import OPTIONAL_CONTEXT, REQUIRED_CONTEXT
from guideway.service.prefetch import medication_reference
from guideway.service.problems import Problem
from guideway.service.services import Service
from guideway.service.suggestions import DraftOrder

Json = dict[str, Any]

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_REFERENCE = re.compile(r"(?:[A-Za-z]+/)?[A-Za-z0-9\-.]{1,64}")
MOST_PROPOSED = 500
"""So many draft orders, appointments and tasks may come in a context."""
NO_ORDERS = frozenset(
    {"Bundle", "CarePlan", "MedicationAdministration", "MedicationDispense", "MedicationStatement", "RequestGroup"}
)
"""What holds orders or tells of them, and is none that a hook can be about (CDS Hooks, order-select and order-sign)."""
EMPTY = frozenset({"array-empty", "object-empty", "json-null"})
"""Faults by which nothing is lost."""
UNREADABLE_CODE = "code-unknown"
"""A status, intent, … that is none of FHIR's codes: logic that looks for those would not see the order."""
USER_TYPES = ("Practitioner", "PractitionerRole", "Patient", "RelatedPerson")


class HookRequest:
    """The request: its hook, instance, context with plain ids, prefetch, and where the FHIR server is."""

    def __init__(self, body: Json, service: Service) -> None:
        """Raises Problem 400 with the element at fault."""
        self.hook = _text(body, "hook")
        if self.hook != service.hook:
            raise Problem(400, f"this service answers to {service.hook}, not to {self.hook}", expression="hook")
        self.instance = _text(body, "hookInstance")
        if not _UUID.fullmatch(self.instance):
            raise Problem(400, "hookInstance is not a UUID", expression="hookInstance")
        self.instance = self.instance.lower()  # the same UUID, however it is written
        given = body.get("context")
        if not isinstance(given, dict):
            raise Problem(400, "context is missing or not an object", expression="context")
        required = REQUIRED_CONTEXT[self.hook]
        for name in required:
            if given.get(name) in (None, "", [], {}) and not (name == "selections" and given.get(name) == []):
                raise Problem(400, f"context.{name} is required for {self.hook}", expression=f"context.{name}")
        self.context: Json = {name: given[name] for name in required}
        optional = OPTIONAL_CONTEXT.get(self.hook, ())
        self.context |= {name: given[name] for name in optional if given.get(name) not in (None, "", [], {})}
        self.context["patientId"] = self.patient = plain_id(self.context["patientId"], "patientId", "Patient")
        if "encounterId" in self.context:
            self.context["encounterId"] = plain_id(self.context["encounterId"], "encounterId", "Encounter")
        self.user = _user(self.context.get("userId"))
        for name in ("selections", "dispatchedOrders"):
            if name in self.context:
                _references(self.context[name], f"context.{name}")
        if "performer" in self.context:
            _references([self.context["performer"]], "context.performer")
        prefetch = body.get("prefetch")
        if prefetch is not None and not isinstance(prefetch, dict):
            raise Problem(400, "prefetch is not an object", expression="prefetch")
        self.prefetch: Mapping[str, Any] = prefetch or {}
        if "extension" in body and not isinstance(body["extension"], dict):
            raise Problem(400, "extension is not an object", expression="extension")
        self.medications: list[Json] = []
        """Medications that came with the drafts."""
        self.proposed = [resource for name in RESOURCES if name in self.context for resource in self._resources(name)]
        if len(self.proposed) + len(self.medications) > MOST_PROPOSED:
            raise Problem(413, f"the context holds more than {MOST_PROPOSED} resources", expression="context")
        self._select()
        self.fhir_server, self.token = self._server(body)

    def _resources(self, name: str) -> list[Json]:
        """The resources of one part of the context, each sound, each with an id of its own; Medications in it are what the others
        refer to."""
        where = f"context.{name}"
        value = self.context[name]
        try:
            found = resources_of(value, where)
        except GuidewayError as error:
            raise Problem(400, str(error), expression=where) from error
        in_bundle = isinstance(value, dict) and value.get("resourceType") == "Bundle"
        urls: list[Any] = [entry.get("fullUrl") for entry in value.get("entry") or ()] if in_bundle else [None] * len(found)
        found = [_sound(r, f"{where}.entry[{n}].resource" if in_bundle else f"{where}[{n}]") for n, r in enumerate(found)]
        ids = Counter(f"{r['resourceType']}/{r['id']}" for r in found if r.get("id"))
        twice = [reference for reference, count in ids.items() if count > 1]
        if twice:
            raise Problem(400, f"{where} holds several resources {twice[0]}", expression=where)
        found = _with_plain_references(list(zip(urls, found, strict=True)))
        self.medications += [r for r in found if r["resourceType"] == "Medication"]
        found = [r for r in found if r["resourceType"] != "Medication"]
        self.context[name] = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in found]}
        return found

    def _select(self) -> None:
        """Selections as references of the drafts; Problem 400 where one is none of them."""
        if "selections" not in self.context:
            return
        drafts = [f"{r['resourceType']}/{r['id']}" for r in self.proposed if r.get("id")]
        chosen = []
        for number, selection in enumerate(self.context["selections"]):
            named = [draft for draft in drafts if selection in (draft, draft.partition("/")[2])]
            if not named:
                raise Problem(
                    400, "a selection is none of the draft orders", expression=f"context.selections[{number}]"
                )  # fmt: skip
            chosen += named
        self.context["selections"] = chosen

    def _server(self, body: Json) -> tuple[str | None, str | None]:
        server, authorization = body.get("fhirServer"), body.get("fhirAuthorization")
        if server is not None and not _is_url(server):
            raise Problem(400, "fhirServer is not an http or https URL", expression="fhirServer")
        if authorization is None:
            return server, None
        if not server:
            raise Problem(400, "fhirServer is required where fhirAuthorization is given", expression="fhirServer")
        if not isinstance(authorization, dict):
            raise Problem(400, "fhirAuthorization is not an object", expression="fhirAuthorization")
        for name in ("access_token", "token_type", "scope", "subject"):
            if not isinstance(authorization.get(name), str) or not authorization[name]:
                raise Problem(400, f"fhirAuthorization.{name} is missing", expression=f"fhirAuthorization.{name}")
        expires = authorization.get("expires_in")
        if not isinstance(expires, int) or isinstance(expires, bool) or expires <= 0:
            raise Problem(400, "fhirAuthorization.expires_in must be seconds", expression="fhirAuthorization.expires_in")
        if authorization["token_type"] != "Bearer":
            raise Problem(400, "fhirAuthorization.token_type must be Bearer", expression="fhirAuthorization.token_type")
        if not re.fullmatch(r"[\x21-\x7e]+", authorization["access_token"]):
            raise Problem(400, "fhirAuthorization.access_token is no token", expression="fhirAuthorization.access_token")
        patient = authorization.get("patient")
        if patient is not None and str(patient).removeprefix("Patient/") != self.patient:
            raise Problem(
                400, "fhirAuthorization.patient is another patient than the context's", expression="fhirAuthorization.patient"
            )
        return server, authorization["access_token"]

    def not_judged(self) -> list[str]:
        """A line for each draft that is not looked into and may be about a drug: what is no order itself, but holds orders or
        tells of them, and supplies that are no device."""
        drafts = self.proposed if "draftOrders" in self.context else []
        found = []
        for draft in drafts:
            name = f"{draft['resourceType']}/{draft.get('id', '')} among the draft orders is not judged"
            if draft["resourceType"] in NO_ORDERS:
                found.append(f"{name}: it is no order; give the orders themselves")
            elif draft["resourceType"] == "SupplyRequest" and not _of_a_device(draft):
                found.append(f"{name}: supplies are not looked into; a drug needs an order of its own")
        return found

    def draft_orders(self, medications: Iterable[Json], displays: Displays | None = None) -> dict[str, DraftOrder]:
        """The draft orders by reference, each with what is ordered, in words and by its codes; ``medications`` are those at hand,
        ``displays`` names codes without words."""
        known = {f"Medication/{m.get('id')}": m for m in medications if m["resourceType"] == "Medication"}
        drafts = self.proposed if "draftOrders" in self.context else []
        return {
            f"{r['resourceType']}/{r['id']}": DraftOrder(proposal_text(_named(r, known, displays), displays), _codes(r, known))
            for r in drafts
            if r.get("id")
        }


def plain_id(value: Any, name: str, kind: str) -> str:
    """An id without the type that some clients put before it; Problem 400 for what is none."""
    if not isinstance(value, str) or not _ID.fullmatch(value.removeprefix(f"{kind}/")):
        raise Problem(400, f"context.{name} is not an id", expression=f"context.{name}")
    return value.removeprefix(f"{kind}/")


def _text(body: Json, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Problem(400, f"{name} is missing", expression=name)
    return value


def _user(user: Any) -> str | None:
    if user is None:
        return None
    kind, _, key = user.partition("/") if isinstance(user, str) else ("", "", "")
    if kind not in USER_TYPES or not _ID.fullmatch(key):
        raise Problem(400, "context.userId must be Type/id, such as Practitioner/123", expression="context.userId")
    return str(user)


def _references(value: Any, where: str) -> None:
    if not isinstance(value, list) or not all(isinstance(each, str) and _REFERENCE.fullmatch(each) for each in value):
        raise Problem(400, f"{where} must hold references, such as MedicationRequest/1", expression=where)


def _is_url(value: Any) -> bool:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or set(value) & set(" ?#\\"):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _sound(resource: Json, where: str) -> Json:
    """The resource without empty elements; Problem 400 where it holds something that cannot be read: an order that is judged must
    not be judged in part.

    What is missing may come while the order is written.
    """
    if not known_type(resource["resourceType"]):
        raise Problem(400, f"{where}: resourceType is no type of FHIR R4", expression=where)
    if resource["resourceType"] in ("Bundle", "Parameters"):
        text = f"{where} is a {resource['resourceType']}; what is in it would not be judged: give each resource as an entry"
        raise Problem(400, text, expression=where)
    faults = [fault for fault in check(resource) if fault.drop or fault.rule == UNREADABLE_CODE]
    for fault in faults:
        if fault.rule not in EMPTY and _at(resource, fault.path) is not None:
            path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in fault.path)
            raise Problem(400, f"{where}{path}: {fault.message}", expression=where + path)
    if resource.get("id") is not None and not _ID.fullmatch(str(resource["id"])):
        raise Problem(400, f"{where}.id is not an id", expression=f"{where}.id")
    return without(resource, faults) if faults else resource


def _at(value: Any, path: Iterable[str | int]) -> Any:
    for step in path:
        value = value[step]
    return value


def _of_a_device(supply: Json) -> bool:
    """Whether a SupplyRequest asks for a device by reference, and so certainly for no drug."""
    item = supply.get("itemReference")
    reference = item.get("reference") if isinstance(item, dict) else None
    return isinstance(reference, str) and relative_reference(reference).startswith("Device/")


def _with_plain_references(pairs: list[tuple[Any, Json]]) -> list[Json]:
    """The resources of a Bundle; those that refer to a Medication of it by its fullUrl refer to it by its id."""
    names: dict[str, str] = {}
    found: list[Json] = []
    for url, resource in pairs:
        if resource["resourceType"] == "Medication" and isinstance(url, str):
            key = str(resource.get("id") or re.split(r"[/:]", url)[-1])
            resource = resource | {"id": key}
            names[url] = f"Medication/{key}"
        found.append(resource)
    return [_renamed(resource, names) for resource in found]


def _renamed(resource: Json, names: Mapping[str, str]) -> Json:
    reference = medication_reference(resource)
    if reference is None or reference not in names:
        return resource
    return resource | {"medicationReference": resource["medicationReference"] | {"reference": names[reference]}}


def _medication(resource: Json, medications: Mapping[str, Json]) -> Json:
    """The Medication that an order refers to; empty where it is not at hand."""
    reference = medication_reference(resource) or ""
    inside = (m for m in _objects(resource.get("contained")) if f"#{m.get('id')}" == reference)
    return next(inside, None) or medications.get(relative_reference(reference)) or {}


def _codes(resource: Json, medications: Mapping[str, Json]) -> frozenset[tuple[str, str]]:
    """The codes of what is ordered."""
    concept = resource.get("medicationCodeableConcept") or resource.get("code")
    if isinstance(resource.get("medicationReference"), dict):
        concept = _medication(resource, medications).get("code")
    codings = _objects(concept.get("coding")) if isinstance(concept, dict) else ()
    return frozenset((str(c["system"]), str(c["code"])) for c in codings if c.get("system") and c.get("code"))


def _named(resource: Json, medications: Mapping[str, Json], displays: Displays | None) -> Json:
    """An order with the name of the Medication that it refers to as its own, to be put into words; without one with those of the
    ingredients, or what the reference shows."""
    given = resource.get("medicationReference")
    if not isinstance(given, dict):
        return resource
    medication = _medication(resource, medications)
    parts = [concept_name(each.get("itemCodeableConcept"), displays) for each in _objects(medication.get("ingredient"))]
    named = concept_name(medication.get("code"), displays) or " + ".join(filter(None, parts)) or given.get("display")
    return resource | {"medicationCodeableConcept": {"text": named}}


def _objects(value: Any) -> Iterator[Json]:
    return (each for each in (value if isinstance(value, list) else ()) if isinstance(each, dict))

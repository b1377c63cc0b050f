"""What CDS Hooks asks of a discovery document and of an answer, rule by rule (CDS Hooks 2.0; 3.0 ballot where it says so).

``discovery_faults`` and ``response_faults`` give what is wrong, each with the id of its rule in ``RULES``. They know no service
in particular and never raise, whatever they are given.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from guideway.guideline.hook_contexts import HOOK_VERSIONS, OPTIONAL_CONTEXT, REQUIRED_CONTEXT
from guideway.remote.prefetch_tokens import TOKEN, context_fields, earlier, is_known

Json = dict[str, Any]


class Rule(NamedTuple):
    """One rule: ``must`` (SHALL or REQUIRED), ``should`` (RECOMMENDED), or ``sense`` (where the specification leaves it open and
    anything else would mislead a clinician)."""

    level: str
    text: str


RULES: dict[str, Rule] = {
    "J1": Rule("must", "everything goes over https (on this machine http will do)"),
    "J4": Rule("must", "an answer with cards is given as JSON by its content type"),
    "J2": Rule("must", "no null, empty text, empty array or empty object where there is nothing"),
    "D1": Rule("must", "discovery answers 200 with JSON at {base}/cds-services"),
    "D2": Rule("must", "discovery is an object with an array services"),
    "D3": Rule("must", "every service has hook, description and id, as texts"),
    "D4": Rule("should", "every service has a title"),
    "D6": Rule("must", "every id can stand in the service's URL"),
    "D7": Rule("should", "no two services have one id"),
    "D8": Rule("must", "usageRequirements is text, and hookVersion of the hook's major version"),
    "D9": Rule("must", "an extension is an object"),
    "P1": Rule("must", "prefetch is an object of texts"),
    "P2": Rule("must", "templates hold only tokens that the specification knows"),
    "P3": Rule("must", "a template that uses the result of another is listed after it"),
    "P4": Rule("should", "templates use only the recommended part of FHIR search"),
    "P5": Rule("must", "templates are relative reads or searches"),
    "R1": Rule("must", "a hook request is answered with 200 (or 412 where data is missing)"),
    "R4": Rule("sense", "a request for another hook is an error, not an answer"),
    "R6": Rule("sense", "a body that is no JSON is a client error"),
    "R7": Rule("sense", "a context that lacks a required field is a client error"),
    "R8": Rule("sense", "an unknown service is 404"),
    "E1": Rule("must", "an extension in the request changes nothing"),
    "E2": Rule("should", "unknown fields in the request are ignored"),
    "P7": Rule("must", "data that cannot be obtained is 412"),
    "P8": Rule("should", "a 412 carries an OperationOutcome"),
    "P10": Rule("must", "a prefetch value may be null: no data"),
    "C1": Rule("must", "an answer is an object with an array cards"),
    "C2": Rule("must", "a card has a summary of less than 140 characters"),
    "C3": Rule("must", "a card's indicator is info, warning or critical"),
    "C4": Rule("must", "a card has a source with a label"),
    "C5": Rule("must", "a source's url and icon are absolute URLs"),
    "C6": Rule("must", "a source's topic is a Coding with a code"),
    "C7": Rule("should", "a card has a uuid, so that there can be feedback"),
    "C8": Rule("must", "a card with suggestions has a selectionBehavior: any or at-most-one"),
    "C9": Rule("must", "an action's type is create, update or delete"),
    "C10": Rule("must", "an action of a suggestion has a description"),
    "C11": Rule("must", "an action that creates or updates has the whole resource"),
    "C12": Rule("should", "an action that deletes has a resourceId"),
    "C13": Rule("must", "of at-most-one suggestions at most one is recommended"),
    "C14": Rule("must", "a suggestion has a label"),
    "C15": Rule("should", "a suggestion has a uuid"),
    "C16": Rule("must", "no actionSelectionBehavior unless the client is known to support it"),
    "C17": Rule("must", "an override reason is a Coding with code, system and display"),
    "C18": Rule("must", "a link has a label, a url and a type: absolute or smart"),
    "C19": Rule("must", "only smart links have an appContext"),
    "C20": Rule("must", "systemActions is an array of valid actions"),
    "C21": Rule("should", "no two cards or suggestions have one uuid"),
    "C22": Rule("must", "a card's detail is text"),
    "C23": Rule("sense", "the same request again has the same uuids"),
    "F1": Rule("sense", "feedback is accepted (200), or there is no endpoint for it (404 or 405)"),
    "F2": Rule("sense", "the same feedback may come again"),
    "A3": Rule("sense", "a service that asks for tokens refuses a replayed one"),
    "A5": Rule("must", "a service that asks for tokens refuses an unsigned one"),
    "A14": Rule("should", "without a valid token nothing is answered: 401, and no reason"),
    "X1": Rule("should", "a page of the origin that is named may call, with authorization and content-type"),
    "X2": Rule("should", "pages of any other origin are let in neither by name nor with credentials"),
    "T1": Rule("should", "an answer takes about 500 ms"),
}


class Fault(NamedTuple):
    """One thing that is wrong: which rule, where, what."""

    rule: str
    where: str
    text: str


_RELATIVE = re.compile(r"[A-Z][A-Za-z]+(/[^?\s]+)?(\?\S+)?")
_UNUSUAL = re.compile(r"[?&](_include|_revinclude|_has|_filter|_query|_contained|[\w-]+:(?!in=)[\w-]+|[\w-]+\.[\w.-]+)[^=]*=")


def discovery_faults(document: Any) -> Iterator[Fault]:
    """What is wrong with a discovery document."""
    if not isinstance(document, dict) or not isinstance(document.get("services"), list):
        yield Fault("D2", "discovery", "there is no array services")
        return
    yield from _empty({k: v for k, v in document.items() if k != "services"}, "discovery")
    seen: set[str] = set()
    for number, service in enumerate(document["services"]):
        where = f"services[{number}]"
        if not isinstance(service, dict):
            yield Fault("D3", where, "is no object")
            continue
        where = f"service {service['id']}" if isinstance(service.get("id"), str) else where
        for name in ("hook", "description", "id"):
            if not _text(service.get(name)):
                yield Fault("D3", where, f"{name} is missing")
        if not _text(service.get("title")):
            yield Fault("D4", where, "title is missing")
        key = service.get("id")
        if isinstance(key, str):
            if not re.fullmatch(r"[A-Za-z0-9\-._~!$&'()*+,;=:@%]+", key):
                yield Fault("D6", where, f"the id {key!r} cannot stand in a URL")
            if key in seen:
                yield Fault("D7", where, "its id is that of another service")
            seen.add(key)
        yield from _empty(service, where)
        yield from _extension(service, where)
        yield from _usage(service, where)
        hook = service.get("hook")
        required = REQUIRED_CONTEXT.get(hook) if isinstance(hook, str) else None
        fields = None if required is None else (*required, *OPTIONAL_CONTEXT.get(str(hook), ()))
        yield from _prefetch(service.get("prefetch"), where, fields)


def _usage(service: Json, where: str) -> Iterator[Fault]:
    if not isinstance(service.get("usageRequirements"), str | None):  # that nothing is null is a rule of its own
        yield Fault("D8", where, "usageRequirements is no text")
    given, wanted = service.get("hookVersion"), HOOK_VERSIONS.get(str(service.get("hook")))
    if given is None:
        return
    if not isinstance(given, str) or not re.fullmatch(r"\d+(\.\d+){0,2}", given):
        yield Fault("D8", where, f"hookVersion is no version: {given!r}")
    elif wanted is not None and given.split(".")[0] != wanted.split(".")[0]:
        yield Fault("D8", where, f"hookVersion is {given}, and the hook's version {wanted}")


def _prefetch(prefetch: Any, where: str, fields: Collection[str] | None) -> Iterator[Fault]:
    """``fields``: what the context of the hook holds; None where the hook is not in the library."""
    if prefetch is None:
        return
    if not isinstance(prefetch, dict):
        yield Fault("P1", where, "prefetch is no object")
        return
    told: list[str] = []
    for key, template in prefetch.items():
        here = f"{where}, prefetch {key}"
        if not isinstance(template, str):
            yield Fault("P1", here, "its template is no text")
            continue
        for token in TOKEN.findall(template):
            if not is_known(token):
                yield Fault("P2", here, f"the token {{{{{token}}}}} is unknown")
            for field in context_fields(token):
                if fields is not None and field not in fields:
                    yield Fault("P2", here, f"the context of this hook has no {field}")
            for name in earlier(token):
                if name not in told:
                    yield Fault("P3", here, f"it uses %{name}, which is not listed before it")
        told.append(key)
        plain = TOKEN.sub("x", template)
        if not _RELATIVE.fullmatch(plain):
            yield Fault("P5", here, f"{template[:60]!r} is no relative read or search")
        unusual = _UNUSUAL.search(plain)
        if unusual is not None:
            yield Fault("P4", here, f"{unusual[1]} is not in the recommended part of FHIR search")


def response_faults(body: Any, where: str = "") -> Iterator[Fault]:
    """What is wrong with an answer that came with status 200."""
    if not isinstance(body, dict) or not isinstance(body.get("cards"), list):
        yield Fault("C1", where, "there is no array cards")
        return
    yield from _empty({k: v for k, v in body.items() if k != "cards"}, where, skip=("resource",))
    ids: set[str] = set()
    for number, card in enumerate(body["cards"]):
        here = f"{where}, card {number + 1}" if where else f"card {number + 1}"
        if not isinstance(card, dict):
            yield Fault("C1", here, "is no object")
            continue
        yield from _card(card, here, ids)
    actions = body.get("systemActions")
    if actions is not None and not isinstance(actions, list):
        yield Fault("C20", where, "systemActions is no array")
    for number, action in enumerate(actions if isinstance(actions, list) else ()):
        for fault in _action(action, f"{where}, systemActions[{number}]".removeprefix(", "), described=False):
            yield fault._replace(rule="C20")


def _card(card: Json, where: str, ids: set[str]) -> Iterator[Fault]:
    yield from _empty(card, where, skip=("resource",))
    yield from _extension(card, where)
    summary = card.get("summary")
    if not _text(summary):
        yield Fault("C2", where, "summary is missing")
    elif len(str(summary)) >= 140:
        yield Fault("C2", where, f"its summary has {len(str(summary))} characters")
    if not isinstance(card.get("detail") or "", str):
        yield Fault("C22", where, "its detail is no text")
    if card.get("indicator") not in ("info", "warning", "critical"):
        yield Fault("C3", where, f"its indicator is {card.get('indicator')!r}")
    source = card.get("source")
    if not isinstance(source, dict) or not _text(source.get("label")):
        yield Fault("C4", where, "source.label is missing")
    if isinstance(source, dict):
        for name in ("url", "icon"):
            if name in source and not _absolute(source[name]):
                yield Fault("C5", where, f"source.{name} is no absolute URL: {source[name]!r}")
        topic = source.get("topic")
        if topic is not None and not (isinstance(topic, dict) and _text(topic.get("code"))):
            yield Fault("C6", where, "source.topic is no Coding with a code")
    yield from _identity(card, "C7", where, ids)
    yield from _suggestions(card, where, ids)
    for reason in _list(card.get("overrideReasons")):
        if not isinstance(reason, dict) or not all(_text(reason.get(name)) for name in ("code", "system", "display")):
            yield Fault("C17", where, "an override reason lacks code, system or display")
    for link in _list(card.get("links")):
        right = isinstance(link, dict) and _text(link.get("label")) and _absolute(link.get("url"))
        if not right or link.get("type") not in ("absolute", "smart"):
            yield Fault("C18", where, "a link lacks a label, an absolute url, or the type absolute or smart")
        if isinstance(link, dict) and not isinstance(link.get("autolaunchable", False), bool):
            yield Fault("C18", where, "a link's autolaunchable is neither true nor false")
        if isinstance(link, dict) and "appContext" in link and link.get("type") != "smart":
            yield Fault("C19", where, "an appContext on a link that is not smart")


def _suggestions(card: Json, where: str, ids: set[str]) -> Iterator[Fault]:
    suggestions = _list(card.get("suggestions"))
    behavior = card.get("selectionBehavior")
    if suggestions and behavior not in ("any", "at-most-one"):
        yield Fault("C8", where, f"it has suggestions, and its selectionBehavior is {behavior!r}")
    if behavior == "at-most-one" and sum(isinstance(s, dict) and s.get("isRecommended") is True for s in suggestions) > 1:
        yield Fault("C13", where, "several suggestions are recommended where one may be taken")
    for number, suggestion in enumerate(suggestions):
        here = f"{where}, suggestion {number + 1}"
        if not isinstance(suggestion, dict):
            yield Fault("C14", here, "is no object")
            continue
        if not _text(suggestion.get("label")):
            yield Fault("C14", here, "label is missing")
        if "isRecommended" in suggestion and not isinstance(suggestion["isRecommended"], bool):
            yield Fault("C13", here, "isRecommended is neither true nor false")
        if "actions" in suggestion and not isinstance(suggestion["actions"], list):
            yield Fault("C9", here, "actions is no array")
        yield from _identity(suggestion, "C15", here, ids)
        if "actionSelectionBehavior" in suggestion:
            yield Fault("C16", here, "it has an actionSelectionBehavior")
        for action in _list(suggestion.get("actions")):
            yield from _action(action, here, described=True)


def _action(action: Any, where: str, *, described: bool) -> Iterator[Fault]:
    if not isinstance(action, dict):
        yield Fault("C9", where, "an action is no object")
        return
    kind = action.get("type")
    if kind not in ("create", "update", "delete"):
        yield Fault("C9", where, f"an action's type is {kind!r}")
    if described and not _text(action.get("description")):
        yield Fault("C10", where, "an action has no description")
    resource = action.get("resource")
    if kind in ("create", "update") and not (isinstance(resource, dict) and _text(resource.get("resourceType"))):
        yield Fault("C11", where, f"an action that {kind}s has no resource")
    if kind == "delete" and "resource" in action:
        yield Fault("C11", where, "an action that deletes holds a resource; it names one by resourceId")
    if kind == "delete" and not _text(action.get("resourceId")):
        yield Fault("C12", where, "an action that deletes has no resourceId")


def _identity(element: Json, rule: str, where: str, ids: set[str]) -> Iterator[Fault]:
    given = element.get("uuid")
    try:
        key = str(uuid.UUID(given)) if isinstance(given, str) else ""
    except ValueError:
        key = ""
    if not key:
        yield Fault(rule, where, "uuid is missing" if given is None else f"its uuid is none: {given!r}")
    elif key in ids:
        yield Fault("C21", where, f"its uuid {key} comes twice")
    ids.add(key)


def _extension(element: Json, where: str) -> Iterator[Fault]:
    if "extension" in element and not isinstance(element["extension"], dict):
        yield Fault("D9", where, "its extension is no object")


def _empty(value: Any, where: str, path: str = "", skip: tuple[str, ...] = ()) -> Iterator[Fault]:
    """Null, "", [] and {} below a value; resources (``skip``) have their own rules."""
    if value is None or value == "" or value == [] or value == {}:
        if path:
            yield Fault("J2", where, f"{path} is {'null' if value is None else 'empty'}")
    elif isinstance(value, dict):
        for name, part in value.items():
            if name not in skip:
                yield from _empty(part, where, f"{path}.{name}" if path else str(name), skip)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _empty(part, where, f"{path}[{number}]", skip)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _absolute(value: Any) -> bool:
    try:
        return isinstance(value, str) and urlsplit(value).scheme in ("https", "http") and bool(urlsplit(value).netloc)
    except ValueError:
        return False

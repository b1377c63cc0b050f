"""``guideway hooks``: call any CDS Hooks service with a patient's data, and check any CDS Hooks server."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guideway.cli.output import show_lines, write_result
from guideway.diagnostics import GuidewayError

if TYPE_CHECKING:
    from guideway.cli.lines import Line
    from guideway.remote.cds_hooks import Answer, HooksClient
    from guideway.remote.hooks_check import Verdict
    from guideway.remote.local_search import Shelf

Json = dict[str, Any]
NOBODY: Json = {"resourceType": "Patient", "id": "conformance-check", "gender": "unknown", "birthDate": "1980-01-01"}


@click.group()
def hooks() -> None:
    """Call CDS Hooks services, and check them.

    CDS Hooks 2.0 and 3.0 (https://cds-hooks.hl7.org). URL is the base URL of any server, with or without /cds-services.
    """


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call is about: the server, how to reach it, and whose data is sent."""

    url: str
    services: tuple[str, ...]
    bundles: tuple[str, ...]
    patient: str | None
    context: str | None
    user: str
    encounter: str | None
    package: str | None
    token_file: str | None
    jwt_key: str | None
    jwt_issuer: str | None
    timeout: float


def options_of_a_call(command: Callable[..., int]) -> Callable[..., int]:
    """What ``call`` and ``check`` have in common: the server and these options, given to the command as ``Asked``."""
    parameters = [
        click.argument("url"),
        click.option("--service", "services", metavar="ID", multiple=True, help="Only this service; repeatable."),
        click.option("--bundle", "bundles", metavar="FILE", multiple=True, help="The patient's data, a Bundle; repeatable."),
        click.option("--patient", metavar="ID", help="Which patient, where the data has several."),
        click.option("--context", metavar="FILE", help="More of the hook's context, such as draftOrders; or a whole request."),
        click.option("--user", metavar="TYPE/ID", default="Practitioner/guideway", show_default=True, help="Who asks."),
        click.option("--encounter", metavar="ID", help="The encounter, where the hook has one."),
        click.option("--package", metavar="PATH", help="A guideline or package whose value sets templates may name."),
        click.option("--token-file", metavar="FILE", help="A bearer token to send.  [default: GUIDEWAY_TOKEN, if set]"),
        click.option("--jwt-key", metavar="FILE", help="A private JWK that signs a JWT for each call (needs --jwt-issuer)."),
        click.option("--jwt-issuer", metavar="ISS", help="The issuer that the server knows the key by."),
        click.option("--timeout", type=float, default=10.0, show_default=True, metavar="SECONDS", help="For each call."),
    ]

    @wraps(command)
    def gathered(**given: Any) -> int:
        asked = Asked(**{part.name: given.pop(part.name) for part in fields(Asked)})
        return command(asked, **given)

    for parameter in reversed(parameters):
        gathered = parameter(gathered)
    return gathered


@hooks.command()
@click.option(
    "--hook", default="patient-view", show_default=True, metavar="HOOK", help="The occasion: which services are called."
)
@options_of_a_call
@click.option("--fhir-server", metavar="URL", help="A FHIR server that the services may ask (sent as fhirServer).")
@click.option("--prefetch/--no-prefetch", default=True, show_default=True, help="Send the data that the services ask for.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def call(asked: Asked, hook: str, fhir_server: str | None, prefetch: bool, form: str) -> int:
    """Call every service of a hook as an EHR does, and print the cards.

    The prefetch is made from the data by the templates of the server's own discovery. The exit status is 1 where a service did
    not answer.

    \b
      guideway hooks call http://127.0.0.1:8080 --bundle patient.json
      guideway hooks call https://cds.example.org --hook order-sign \\
        --bundle patient.json --context drafts.json
    """
    from guideway.remote.hooks_check import made_up_context

    if not asked.bundles and asked.patient is None:
        raise GuidewayError("give the patient's data with --bundle FILE, or with --patient ID and --fhir-server URL")
    client = _client(asked)
    given, whose, shelf = _data(asked)
    made = made_up_context(hook, whose, asked.user, asked.encounter, given)
    if made is None:
        from guideway.guideline.hook_contexts import REQUIRED_CONTEXT

        wanted = ", ".join(REQUIRED_CONTEXT.get(hook, ()))
        raise GuidewayError(f"{hook} needs {wanted} in its context; give what is missing with --context FILE")
    more = {"fhirServer": fhir_server} if fhir_server else {}
    calls = asyncio.run(_calls(client, hook, asked.services, made, shelf if prefetch else None, more))
    if form == "json":
        write_result(_json([each.as_json() for each in calls]), None)
    else:
        show_lines(lambda width: _shown(calls, width))
    return 1 if any(each.failure for each in calls) else 0


@hooks.command()
@options_of_a_call
@click.option("--origin", metavar="URL", help="The origin of a web page that should be able to call.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def check(asked: Asked, origin: str | None, form: str) -> int:
    """Check a CDS Hooks server against the specification, rule by rule.

    Without data a made-up patient without findings is sent; with --bundle the rules for cards have more to look at. One item of
    feedback is sent for each service. The exit status is 1 where a rule that the specification requires is broken.
    """
    from guideway.remote.hooks_check import Checker, made_up_context

    client = _client(asked)
    given, whose, shelf = _data(asked)
    drafts = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": _draft(whose)}]}

    def contexts(hook: str) -> Json | None:
        made_up: Json = {"draftOrders": drafts, "selections": ["MedicationRequest/draft"]} if hook.startswith("order-s") else {}
        encounter = asked.encounter or ("none" if hook.startswith("encounter") else None)
        return made_up_context(hook, whose, asked.user, encounter, made_up | given)

    verdicts = asyncio.run(Checker(client, contexts, shelf, origin.rstrip("/") if origin else None).run(asked.services))
    if form == "json":
        write_result(_json([_verdict_json(v) for v in verdicts]), None)
    else:
        show_lines(lambda width: _checklist(client.base, verdicts, width))
    return 1 if any(v.result == "FAIL" for v in verdicts) else 0


def _draft(patient: str) -> Json:
    return {
        "resourceType": "MedicationRequest", "id": "draft", "status": "draft", "intent": "order",
        "subject": {"reference": f"Patient/{patient}"}, "medicationCodeableConcept": {"text": "conformance check"},
    }  # fmt: skip


def _client(asked: Asked) -> HooksClient:
    from guideway.cli.fhir_server import read_token
    from guideway.remote.cds_hooks import HooksClient, SigningKey

    issuer, path = asked.jwt_issuer, asked.jwt_key
    if (path is None) != (issuer is None):
        raise GuidewayError("--jwt-key and --jwt-issuer belong together: the key that signs, and the name it is known by")
    if asked.timeout <= 0:
        raise GuidewayError("--timeout must be more than 0 seconds")
    key = SigningKey.from_file(issuer, Path(path)) if path is not None and issuer is not None else None
    return HooksClient(asked.url, token=read_token(asked.token_file), key=key, seconds=asked.timeout)


def _data(asked: Asked) -> tuple[Json, str, Shelf]:
    """The given context, the patient's id, and the resources that prefetch is made from."""
    from guideway.apply.hook_context import read_context
    from guideway.records.decode import decode
    from guideway.records.reading import file_bytes, file_name, read_resources, select
    from guideway.remote.cds_hooks import with_references
    from guideway.remote.local_search import Shelf

    bundles, patient, context = asked.bundles, asked.patient, asked.context
    given = dict(read_context(decode(file_bytes(context), context).value, context)) if context is not None else {}
    pairs: list[tuple[str | None, Json]] = []
    for name in bundles:
        value = decode(file_bytes(name), file_name(name)).value
        if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
            raise GuidewayError(f"{file_name(name)}: expected a FHIR Bundle or resource in JSON")
        entries = value.get("entry") if value["resourceType"] == "Bundle" else [{"resource": value}]
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
                pairs.append((entry.get("fullUrl"), entry["resource"]))
    resources = with_references(pairs) or [NOBODY | ({"id": patient.removeprefix("Patient/")} if patient else {})]
    records = read_resources(resources, ", ".join(map(file_name, bundles)) or "the patient")
    if patient is None and len(records) > 1:
        listed = ", ".join(str(r.id) for r in records[:10])
        raise GuidewayError(f"the data has {len(records)} patients ({listed}); say which with --patient ID")
    record = select(records, patient) if patient is not None and bundles else records[0]
    if not record.id:
        raise GuidewayError("the patient has no id; an EHR names its patient by id")
    return given, record.id, Shelf(resources, _value_sets(resources, asked.package))


def _value_sets(resources: Sequence[Json], package: str | None) -> Callable[[str], frozenset[tuple[str, str]] | None]:
    """How to expand a value set that a template names: from the data, then from the package (default: guideway's own)."""
    from guideway.terminology.valuesets import UnresolvedValueSet, ValueSetIndex

    own = ValueSetIndex(resources)
    opened: list[Any] = []

    def expand(url: str) -> frozenset[tuple[str, str]] | None:
        name, _, version = url.partition("|")
        for index in (lambda: own, lambda: _terminology(opened, package)):
            try:
                return index().codes(name, version or None)
            except UnresolvedValueSet:
                continue
        return None

    return expand


def _terminology(opened: list[Any], package: str | None) -> Any:
    from guideway.cli.package import open_package

    if not opened:
        opened.append(open_package(package).terminology)
    return opened[0]


class Called:
    """One service, what was sent, and what came of it."""

    def __init__(self, service: Json, left_out: dict[str, str], answer: Answer | None, failure: str) -> None:
        self.service = service
        self.left_out = left_out
        self.answer = answer
        self.failure = failure or (answer.failure() if answer is not None else "")
        if not self.failure and answer is not None and not isinstance(answer.body.get("cards"), list):
            self.failure = f"HTTP {answer.status}, but there is no array of cards (breaks C1)"

    @property
    def cards(self) -> list[Any]:
        """The cards, as they came."""
        body = self.answer.body if self.answer is not None and not self.failure else None
        cards = body.get("cards") if isinstance(body, dict) else None
        return cards if isinstance(cards, list) else []

    def as_json(self) -> Json:
        """For programs."""
        body = self.answer.body if self.answer is not None else None
        result: Json = {"service": self.service.get("id"), "hook": self.service.get("hook"), "failure": self.failure or None}
        result |= {
            "status": self.answer.status if self.answer is not None else None,
            "notPrefetched": self.left_out,
            "answer": body,
        }
        return {name: value for name, value in result.items() if value not in (None, {})}


async def _calls(
    client: HooksClient, hook: str, only: Sequence[str], context: Json, shelf: Shelf | None, more: Json
) -> list[Called]:
    """All services of the hook, called with one hookInstance, as an EHR does."""
    from guideway.remote.cds_hooks import Prefetched, hook_request, prefetch_for
    from guideway.remote.errors import RemoteError

    listed = await client.services()
    chosen = [s for s in listed if s.get("hook") == hook and isinstance(s.get("id"), str) and (not only or s["id"] in only)]
    absent = [name for name in only if all(s["id"] != name for s in chosen)]
    if absent or not chosen:
        there = ", ".join(f"{s.get('id')} ({s.get('hook')})" for s in listed) or "none"
        what = f"no service {absent[0]!r} at {hook}" if absent else f"no service at {hook}"
        raise GuidewayError(f"{client.base} has {what}. There are: {there}")
    instance = str(uuid.uuid4())
    found = []
    for service in chosen:
        made = prefetch_for(service, context, shelf) if shelf is not None else Prefetched({}, {})
        request = hook_request(hook, context, made.values, instance, **more)
        try:
            found.append(Called(service, made.left_out, await client.call(service["id"], request), ""))
        except RemoteError as error:
            found.append(Called(service, made.left_out, None, str(error)))
    return found


def _shown(calls: Sequence[Called], width: int) -> Iterator[Line]:
    from guideway.cli.cards import card_lines, shared_paragraphs
    from guideway.cli.lines import Piece, wrap
    from guideway.remote.hooks_rules import response_faults

    cards = [card for each in calls for card in each.cards if isinstance(card, dict)]
    shared = shared_paragraphs(cards)
    for each in calls:
        title = str(each.service.get("title") or each.service.get("id"))
        seconds = f"  {each.answer.seconds:.2f} s" if each.answer is not None else ""
        yield from wrap(f"{title}  ({each.service.get('id')}){seconds}", width, style="heading")
        for key, why in each.left_out.items():
            yield from wrap(f"{key}: {why}", width, first="  not prefetched  ", rest=" " * 18, style="warning")
        if each.failure:
            yield from wrap(each.failure, width, first="  no answer  ", rest=" " * 13, style="error", first_style="error")
        elif not each.cards:
            yield [Piece("  no cards", "dim")]
        for card in each.cards:
            if isinstance(card, dict):
                yield []
                yield from card_lines(card, width, shared)
        if each.answer is not None and not each.failure:
            for fault in response_faults(each.answer.body):
                what = f"{fault.where}: {fault.text}".lstrip(": ")
                yield from wrap(
                    what, width, first=f"  breaks {fault.rule}  ", rest="    ", style="warning", first_style="warning"
                )
        yield []
    for paragraph in shared:
        yield from wrap(paragraph, width, style="dim")
    failed = sum(bool(each.failure) for each in calls)
    ending = f"; {failed} did not answer" if failed else ""
    yield from wrap(f"{_many(len(cards), 'card')} from {_many(len(calls), 'service')}{ending}", width, style="title")


def _many(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


_RESULTS = {"pass": "applies", "FAIL": "error", "warn": "unknown", "skip": "dim"}


def _checklist(base: str, verdicts: Sequence[Verdict], width: int) -> Iterator[Line]:
    from guideway.cli.lines import Piece, wrap
    from guideway.remote.hooks_rules import RULES

    yield from wrap(f"CDS Hooks at {base}", width, style="heading")
    for verdict in verdicts:
        rule = RULES[verdict.rule]
        note = f" ({verdict.note})" if verdict.note else ""
        lines = wrap(f"{rule.text}{note}", width - 19, style="dim" if verdict.result == "skip" else "")
        for number, line in enumerate(lines):
            head = [
                Piece(f"{verdict.result:<5}", _RESULTS[verdict.result]),
                Piece(f" {verdict.rule:<4} {rule.level:<7}  ", "dim"),
            ]
            yield [*(head if number == 0 else [Piece(" " * 20)]), *line]
        for fault in verdict.faults[:5]:
            yield from wrap(f"{fault.where}: {fault.text}", width, first=" " * 22, rest=" " * 24, style="warning")
        if len(verdict.faults) > 5:
            yield [Piece(f"{' ' * 22}and {len(verdict.faults) - 5} more", "warning")]
    count = {result: sum(v.result == result for v in verdicts) for result in _RESULTS}
    ending = f"{count['pass']} kept, {count['FAIL']} broken, {count['warn']} to think about, {count['skip']} not seen"
    yield []
    yield from wrap(ending, width, style="error" if count["FAIL"] else "title")


def _verdict_json(verdict: Verdict) -> Json:
    from guideway.remote.hooks_rules import RULES

    rule = RULES[verdict.rule]
    found: Json = {"rule": verdict.rule, "level": rule.level, "text": rule.text, "result": verdict.result.lower()}
    faults = [{"where": fault.where, "text": fault.text} for fault in verdict.faults]
    return found | ({"faults": faults} if faults else {}) | ({"note": verdict.note} if verdict.note else {})


def _json(value: Any) -> bytes:
    from guideway.apply.outcome import dumps

    return dumps(value, indent=2)

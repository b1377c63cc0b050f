"""Value sets that the package does not enumerate are asked of a terminology server: in the service and under the engine."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.apply.small import BASE
from tests.service.ehr import COUNT, PATIENT, RX, FhirServer, hook_request, send, write_guideline
from tests.service.local import local
from tests.service.test_requirements_requests import problem

from guideway.diagnostics import GuidewayError
from guideway.remote.terminology import PAGE, Terminology
from guideway.terminology.expansion import UnresolvedValueSet
from guideway.terminology.valuesets import ValueSetIndex

URL = f"{BASE}/ValueSet/tablet-a"
FILTERED = {"include": [{"system": "http://example.org/drugs", "filter": [{"property": "x", "op": "=", "value": "y"}]}]}
UNLISTED = {"resourceType": "ValueSet", "url": URL, "compose": FILTERED}


class Server(FhirServer):
    """A terminology server that knows one value set; ``too_costly``: it lists none and answers for single codes."""

    def __init__(self, members: list[tuple[str, str]]) -> None:
        super().__init__()
        self.members = members
        self.too_costly = False
        self.misbehave = self.answer_terminology

    def answer_terminology(self, handler: Any) -> bool:
        parts = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "too-costly"}]}
        if query.get("url") != URL:
            send(handler, 404, outcome)
        elif parts.path.endswith("$expand"):
            contains = [{"system": s, "code": c} for s, c in self.members]
            expansion = {"timestamp": "2026-01-01", "total": len(contains), "offset": 0, "contains": contains}
            answer = {"resourceType": "ValueSet", "url": URL, "expansion": expansion}
            send(handler, 422 if self.too_costly else 200, outcome if self.too_costly else answer)
        else:
            found = (query.get("system"), query.get("code")) in self.members
            send(handler, 200, {"resourceType": "Parameters", "parameter": [{"name": "result", "valueBoolean": found}]})
        return True

    def asked(self, operation: str) -> int:
        return sum(operation in path for path, _ in self.seen)


@pytest.fixture
def server() -> Iterator[Server]:
    code = RX["medicationCodeableConcept"]["coding"][0]
    made = Server([(code["system"], code["code"]), ("http://example.org/drugs", "other")])
    yield made
    made.stop()


@pytest.fixture
def unlisted(tmp_path: Path) -> Path:
    """The small guideline with a value set that cannot be enumerated from what is at hand."""
    folder = write_guideline(tmp_path / "guideline")
    file = folder / "ValueSet-tablet-a.json"
    resource = json.loads(file.read_text())
    assert resource["url"] == URL
    file.write_text(json.dumps({k: v for k, v in resource.items() if k != "expansion"} | {"compose": FILTERED}))
    return folder


def terminology(server: Server, **options: Any) -> Terminology:
    index = ValueSetIndex([UNLISTED])
    return Terminology(index, server.base, private=True, **options)


def test_members_are_asked_for_once_and_kept(server: Server) -> None:
    found = terminology(server)
    for _ in range(3):
        assert ("http://example.org/drugs", "other") in found.codes(URL)
        assert found.contains(URL, None, "other", "http://example.org/drugs")
        assert not found.contains(URL, None, "none", "http://example.org/drugs")
        assert len(found.members(URL)) == 2
    assert server.asked("$expand") == 1
    assert server.asked("$validate-code") == 0


def test_what_is_at_hand_is_not_asked_for(server: Server) -> None:
    contains = [{"system": "s", "code": "c"}]
    local_set = {"resourceType": "ValueSet", "url": "http://x/vs", "expansion": {"contains": contains}}
    assert Terminology(ValueSetIndex([local_set]), server.base, private=True).codes("http://x/vs") == {("s", "c")}
    assert server.seen == []


def test_codes_are_validated_one_by_one_where_the_server_lists_none(server: Server) -> None:
    server.too_costly = True
    found = terminology(server)
    for _ in range(3):
        assert found.contains(URL, None, "other", "http://example.org/drugs")
        assert not found.contains(URL, None, "none", "http://example.org/drugs")
    assert server.asked("$expand") == 1
    assert server.asked("$validate-code") == 2
    with pytest.raises(UnresolvedValueSet, match="cannot tell either"):
        found.codes(URL)


@pytest.mark.parametrize(
    "answer",
    [
        {"resourceType": "Bundle"},
        {"resourceType": "ValueSet"},
        {"resourceType": "ValueSet", "expansion": 5},
        {"resourceType": "ValueSet", "expansion": {"total": 9, "contains": [{"system": "s", "code": "c"}]}},
        {"resourceType": "ValueSet", "expansion": {"total": "9", "contains": []}},
        {"resourceType": "ValueSet", "expansion": {"contains": [{"code": "c"}]}},
        {"resourceType": "ValueSet", "expansion": {"contains": [{"system": "s", "code": f"c{n}"} for n in range(PAGE)]}},
        {
            "resourceType": "ValueSet",
            "expansion": {"contains": [{"system": "s", "code": "c"}], "parameter": [{"name": "count", "valueInteger": 1}]},
        },
        {
            "resourceType": "ValueSet",
            "url": "http://example.org/other",
            "expansion": {"contains": [{"system": "s", "code": "c"}]},
        },
    ],
)
def test_an_answer_that_cannot_be_trusted_is_an_error(server: Server, answer: Any) -> None:
    def misbehave(handler: Any) -> bool:
        send(handler, 200, answer)
        return True

    server.misbehave = misbehave
    with pytest.raises(UnresolvedValueSet, match="terminology server"):
        terminology(server).codes(URL)


@pytest.mark.parametrize(
    ("told", "size"), [("offset", 100), ("offset", PAGE), ("count", 100), ("count", PAGE), ("nothing", PAGE)]
)
@pytest.mark.parametrize("codes", [100, 250, PAGE, PAGE + 1])
def test_pages_are_joined_whatever_the_server_tells_of_them(server: Server, told: str, size: int, codes: int) -> None:
    def misbehave(handler: Any) -> bool:
        start = int(parse_qs(urlsplit(handler.path).query)["offset"][0])
        contains = [{"system": "s", "code": f"c{n}"} for n in range(start, min(codes, start + size))]
        more = {"offset": {"offset": start}, "count": {"parameter": [{"name": "count", "valueInteger": size}]}}.get(told, {})
        send(handler, 200, {"resourceType": "ValueSet", "url": URL, "expansion": {"contains": contains, **more}})
        return True

    server.misbehave = misbehave
    assert len(terminology(server).codes(URL)) == codes


@pytest.mark.parametrize("codes", [3, PAGE - 1, PAGE + 1])
def test_a_server_without_pages_gives_all_at_once(server: Server, codes: int) -> None:
    for more in ({}, {"offset": 0}):
        contains = [{"system": "s", "code": f"c{n}"} for n in range(codes)]
        answer = {"resourceType": "ValueSet", "url": URL, "expansion": {"contains": contains, **more}}
        server.misbehave = lambda handler, answer=answer: send(handler, 200, answer) or True
        assert len(terminology(server).codes(URL)) == codes


def test_a_server_that_is_down_is_an_error_each_time_and_asked_once() -> None:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{found.getsockname()[1]}/fhir"
    down = Terminology(ValueSetIndex(), base, private=True)
    for url in (URL, URL, "http://x/other"):
        with pytest.raises(UnresolvedValueSet, match="could not be reached"):
            down.codes(url)
    with pytest.raises(GuidewayError):
        down.contains(URL, None, "c", "s")


def test_a_slow_server_is_waited_for_a_moment_and_its_answer_is_kept(server: Server) -> None:
    gate = threading.Event()
    server.misbehave = lambda handler: not gate.wait(60) or server.answer_terminology(handler)
    found = terminology(server, seconds=60, patience=0.05)
    for _ in range(3):
        with pytest.raises(UnresolvedValueSet, match="has not answered within"):
            found.codes(URL)
    assert not gate.is_set()
    gate.set()
    assert terminology_answers(found.over(ValueSetIndex([UNLISTED]))) == set(server.members)
    assert found.codes(URL) == set(server.members)
    assert server.asked("$expand") == 1


def terminology_answers(found: Terminology) -> set[tuple[str, str]]:
    """The codes, as soon as they are there."""
    for _ in range(600):
        with contextlib.suppress(UnresolvedValueSet):
            return set(found.codes(URL))
        time.sleep(0.1)
    raise AssertionError("no answer")


def test_no_more_answers_are_kept_than_is_good(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guideway.remote.terminology.MOST_KEPT", 10)
    server.too_costly = True
    found = terminology(server)
    for number in range(50):
        assert not found.contains(URL, None, f"c{number}", "s")
    assert found.contains(URL, None, "other", "http://example.org/drugs")
    assert len(found._answers.known) <= 10


def test_a_private_address_must_be_allowed(server: Server) -> None:
    with pytest.raises(UnresolvedValueSet, match="private address"):
        Terminology(ValueSetIndex(), server.base).codes(URL)
    assert server.seen == []


def test_hooks_cards_with_a_value_set_of_the_server(tmp_path: Path, unlisted: Path, server: Server) -> None:
    settings = {"terminology_server": {"url": server.base, "private": True}}
    with local(tmp_path / "s", unlisted, **settings) as service:
        entry = next(e for e in service.get("/cds-services").json()["services"] if e["hook"] == "patient-view")
        assert server.seen == []  # what discovery says does not depend on the server
        assert any(card["indicator"] == "critical" for card in service.cards(hook_request(COUNT, RX)))
        assert service.cards(hook_request(COUNT, RX))
        assert server.asked("$expand") == 1
        assert entry["prefetch"]


def test_hooks_a_server_that_fails_is_told_in_the_cards(tmp_path: Path, unlisted: Path, server: Server) -> None:
    server.members = []
    server.misbehave = lambda handler: send(handler, 500, {}) or True  # type: ignore[func-returns-value]
    with local(tmp_path / "s", unlisted, terminology_server={"url": server.base, "private": True}) as service:
        cards = service.cards(hook_request(COUNT, RX))
    assert any("could not be evaluated" in card["summary"] for card in cards)
    assert not any(card["indicator"] == "critical" for card in cards)


def test_hooks_a_server_that_hangs_is_told_in_the_cards(tmp_path: Path, unlisted: Path, server: Server) -> None:
    gate = threading.Event()
    server.misbehave = lambda handler: gate.wait(60) or True
    settings = {"terminology_server": {"url": server.base, "private": True}, "deadline_seconds": 20}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("guideway.service.runtime.PATIENCE", 200)
        with local(tmp_path / "s", unlisted, **settings) as service:
            for _ in range(2):
                cards = service.cards(hook_request(COUNT, RX))
                assert any("could not be evaluated" in card["summary"] for card in cards)
    gate.set()
    assert server.asked("$expand") == 1


def test_without_a_server_that_is_told_in_the_cards(tmp_path: Path, unlisted: Path) -> None:
    with local(tmp_path / "s", unlisted) as service:
        assert any("could not be evaluated" in card["summary"] for card in service.cards(hook_request(COUNT, RX)))


def test_apply_on_the_command_line(tmp_path: Path, unlisted: Path, server: Server) -> None:
    from click.testing import CliRunner

    from guideway.cli.apply_command import apply

    bundle = tmp_path / "p.json"
    bundle.write_text(
        json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in (PATIENT, RX)]})
    )
    arguments = [str(bundle), "--package", str(unlisted), "--as-of", "2026-06-01", "--format", "outcome"]
    without = CliRunner().invoke(apply, arguments, standalone_mode=False)
    assert "is not at hand" in without.output
    with_server = CliRunner().invoke(apply, [*arguments, "--terminology-server", server.base], standalone_mode=False)
    recommendations = json.loads(with_server.output)["recommendations"]
    assert {r["action"]: r["status"] for r in recommendations}["stop"] == "applies"
    refused = CliRunner().invoke(apply, [*arguments, "--terminology-server", "tx.example.org"], standalone_mode=False)
    assert "base URL" in str(refused.exception)


def test_operations_expand_validate_apply_and_cql(tmp_path: Path, unlisted: Path, server: Server) -> None:
    settings = {"terminology_server": {"url": server.base, "private": True}, "cql_operation": True}
    with local(tmp_path / "s", unlisted, **settings) as service:
        expanded = service.get("/fhir/ValueSet/tablet-a/$expand").json()
        assert {c["code"] for c in expanded["expansion"]["contains"]} >= {"other"}
        query = {"system": "http://example.org/drugs", "code": "other"}
        answer = service.get("/fhir/ValueSet/tablet-a/$validate-code", params=query).json()
        assert answer["parameter"][0]["valueBoolean"] is True
        bundle = {"resourceType": "Bundle", "entry": [{"resource": r} for r in (PATIENT, RX)]}
        case = [{"name": "subject", "valueString": "Patient/p"}, {"name": "data", "resource": bundle}]
        body = {"resourceType": "Parameters", "parameter": case}
        values = service.post("/fhir/Library/Logic/$evaluate", body).json()["parameter"]
        assert {"name": "On Tablet A", "valueBoolean": True} in values
        library = {"name": "library", "part": [{"name": "url", "valueCanonical": f"{BASE}/Library/Logic"}]}
        text = {"name": "expression", "valueString": '"Logic"."On Tablet A"'}
        found = service.post("/fhir/$cql", {"resourceType": "Parameters", "parameter": [text, library, *case]}).json()
        assert found["parameter"][0].get("valueBoolean") is True, found


def test_operations_a_value_set_that_cannot_be_told(tmp_path: Path, unlisted: Path, server: Server) -> None:
    server.members = []
    server.misbehave = lambda handler: send(handler, 500, {}) or True  # type: ignore[func-returns-value]
    with local(tmp_path / "s", unlisted, terminology_server={"url": server.base, "private": True}) as service:
        answer = service.get("/fhir/ValueSet/tablet-a/$expand")
        issue = problem(answer, 503)
        assert "terminology server" in issue["diagnostics"]
        assert (issue["code"], answer.headers["Retry-After"]) == ("transient", "30")
        problem(service.get("/fhir/ValueSet/tablet-a/$validate-code?code=a&system=b"), 503)


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (401, {}, 502),
        (403, {}, 502),
        (302, {}, 502),
        (200, {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}, 502),
        (404, {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-found"}]}, 422),
        (429, {}, 503),
    ],
)
def test_operations_say_whose_fault_it_is(
    tmp_path: Path, unlisted: Path, server: Server, status: int, content: Any, expected: int
) -> None:
    server.misbehave = lambda handler: send(handler, status, content) or True  # type: ignore[func-returns-value]
    with local(tmp_path / "s", unlisted, terminology_server={"url": server.base, "private": True}) as service:
        listed = service.get("/openapi.json").json()["paths"]
        for operation in ("$expand", "$validate-code"):
            query = {"code": "a", "system": "b"} if operation == "$validate-code" else {}
            answer = service.get(f"/fhir/ValueSet/tablet-a/{operation}", params=query)
            assert "terminology server" in problem(answer, expected)["diagnostics"]
            assert ("Retry-After" in answer.headers) is (expected == 503)
            assert str(expected) in listed[f"/fhir/ValueSet/{{id}}/{operation}"]["get"]["responses"]

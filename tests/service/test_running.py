"""What those who run the service rely on: logs, health, metrics, audit events, shadow mode, switches and parameters of a site."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from tests.service.ehr import (
    COUNT,
    ISS,
    ORDERS,
    PATIENT,
    RX,
    SERVICE,
    free_port,
    hook_request,
    order_request,
    write_guideline,
    write_keys,
)
from tests.service.local import Local, local
from tests.service.test_requirements_requests import problem

from guideway.diagnostics import GuidewayError
from guideway.service.store import CARDS, Store

Json = dict[str, Any]


def samples(service: Local, name: str) -> dict[str, float]:
    """The samples of one metric: labels as written → value."""
    text = service.get("/metrics", headers=service.headers("/metrics", scope="system/Metrics.rs")).text
    found = re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE)
    return {labels: float(value) for labels, value in found}


def of(found: dict[str, float], **labels: str) -> float:
    """The sum of the samples with these labels."""
    return sum(v for k, v in found.items() if all(f'{name}="{value}"' in k for name, value in labels.items()))


def feedback(service: Local, card: str, outcome: str, at: int = 0, **more: Any) -> None:
    item = {"card": card, "outcome": outcome, "outcomeTimestamp": f"2026-06-01T10:00:{at:02}Z", **more}
    assert service.post(f"/cds-services/{SERVICE}/feedback", {"feedback": [item]}).status_code == 200


# -- logs


def test_every_request_is_one_line_of_json_with_its_id(tmp_path: Path, small: Path) -> None:
    with local(tmp_path, small) as service:
        answers = [service.hook(hook_request()), service.get("/cds-services"), service.get("/none")]
        text = service.log_file.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    by_id = {line["request"]: line for line in lines if line["event"] == "request"}
    assert len(by_id) == 3
    for answer in answers:
        line = by_id[answer.headers["x-request-id"]]
        assert line["status"] == answer.status_code
        assert line["ms"] >= 0
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    (cards,) = [line for line in lines if line["event"] == "cards"]
    assert {"service", "hook", "hookInstance", "cards", "ms"} <= set(cards)


def test_health_is_not_logged_and_tells_the_guideline(tmp_path: Path, small: Path) -> None:
    with local(tmp_path, small) as service:
        assert service.get("/health/live").json() == {"status": "ok"}
        (guideline,) = service.get("/health/ready").json()["guidelines"]
        assert service.log_lines() == []
    assert guideline["version"] == "1.0.0"
    assert len(guideline["hash"]) == 64


def test_a_store_that_does_not_answer_is_not_ready_and_no_cards_are_given(tmp_path: Path, small: Path) -> None:
    with local(tmp_path, small) as service:
        service.runtime.store._engine.dispose()
        service.runtime.store._engine = __import__("sqlalchemy").create_engine(f"sqlite:///{tmp_path}/none/none.sqlite3")
        assert service.get("/health/ready").status_code == 503
        assert service.get("/health/live").status_code == 200
        problem(service.hook(hook_request()), 503)
        service.runtime.store = service.runtime.writer._store = Store(service.settings["store_url"])
        assert service.cards(hook_request(COUNT, RX))


def test_after_the_first_answer_that_could_not_be_kept_none_is_given(tmp_path: Path, small: Path) -> None:
    with local(tmp_path, small) as service:
        store = service.runtime.writer._store
        good, store._engine = store._engine, __import__("sqlalchemy").create_engine(f"sqlite:///{tmp_path}/none/none.sqlite3")
        assert service.cards(hook_request(COUNT, RX))
        assert not service.runtime.writer.flush(0.5)
        problem(service.hook(hook_request(COUNT, RX)), 503)
        store._engine = good
        assert service.runtime.writer.flush()
        assert len(store.audit_events()) == 1, "what was answered is kept once the store is back"


def test_a_store_that_hangs_does_not_hang_the_service(tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again = threading.Event()
    with local(tmp_path, small, "ES384", deadline_seconds=0.5) as service:
        store = service.runtime.store
        for name in ("ping", "use_token", "feedback_counts", "keep"):
            monkeypatch.setattr(store, name, lambda *given: again.wait(60))
        try:
            started = time.monotonic()
            assert service.get("/health/ready").status_code == 503
            assert "ask again" in problem(service.hook(hook_request(COUNT, RX)), 503)["diagnostics"]
            assert service.get("/cds-services", headers=service.headers("/cds-services")).status_code == 503
            assert service.get("/health/live").status_code == 200
            assert time.monotonic() - started < 5
        finally:
            again.set()
            monkeypatch.undo()
        assert service.cards(hook_request(COUNT, RX))


def test_a_store_that_is_back_is_ready_without_a_request_in_between(tmp_path: Path, small: Path) -> None:
    with local(tmp_path, small) as service:
        store = service.runtime.store
        good, store._engine = store._engine, __import__("sqlalchemy").create_engine(f"sqlite:///{tmp_path}/none/none.sqlite3")
        assert service.get("/health/ready").status_code == 503
        store._engine = good
        assert service.get("/health/ready").status_code == 200


def test_a_store_that_takes_nothing_is_not_ready(tmp_path: Path, small: Path) -> None:
    with local(tmp_path, small, deadline_seconds=0.3) as service:
        other = sqlite3.connect(service.runtime.store._engine.url.database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert service.get("/health/ready").status_code == 503
        other.execute("ROLLBACK")
        assert service.get("/health/ready").status_code == 200
        other.close()


def test_draining_is_not_ready(tmp_path: Path, small: Path) -> None:
    with local(tmp_path, small) as service:
        service.runtime.draining = True
        answer = service.get("/health/ready")
    assert answer.status_code == 503
    assert answer.headers["connection"] == "close"


# -- metrics


def test_a_worker_that_is_replaced_does_not_say_that_the_service_drains(
    tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with local(tmp_path, small) as service:
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
        monkeypatch.setattr(service.runtime.settings, "workers", 2)
        service.runtime.draining = True
        assert service.get("/health/ready").status_code == 200
        (tmp_path / "stopping").touch()
        assert service.get("/health/ready").json() == {"status": "draining"}


def test_metrics_count_requests_cards_412s_and_seconds(tmp_path: Path, small: Path) -> None:
    with local(tmp_path, small) as service:
        cards = service.cards(hook_request(COUNT, RX))
        problem(service.hook(hook_request(prefetch=...)), 412)
        requests = samples(service, "guideway_requests_total")
        assert of(requests, route="/cds-services/{id}", status="200") == 1
        assert of(requests, route="/cds-services/{id}", status="412") == 1
        assert of(samples(service, "guideway_incomplete_total"), service=SERVICE) == 1
        made = samples(service, "guideway_cards_total")
        assert of(made, service=SERVICE, shadow="false") == len(cards)
        assert of(made, indicator="critical") == sum(c["indicator"] == "critical" for c in cards)
        assert of(samples(service, "guideway_request_seconds_count"), route="/cds-services/{id}") == 2
        assert of(samples(service, "guideway_request_seconds_bucket"), route="/cds-services/{id}", le="+Inf") == 2


def test_metrics_of_feedback_by_outcome_reason_plan_and_version(tmp_path: Path) -> None:
    package = write_guideline(tmp_path / "g")
    with local(tmp_path / "s", package) as service:
        first = service.cards(hook_request(COUNT, RX))
        reason = {"reason": {"system": "http://r", "code": "cds-suboptimal-context", "display": "Not now"}}
        feedback(service, first[0]["uuid"], "overridden", overrideReason=reason)
        feedback(service, first[0]["uuid"], "overridden", overrideReason=reason)  # the same again is the same
        write_guideline(tmp_path / "g", "2.0.0")
        service.runtime.reload()
        second = service.cards(hook_request(COUNT, RX))
        feedback(service, second[0]["uuid"], "overridden", overrideReason=reason)
        suggestion = next(s for c in second for s in c.get("suggestions", ()))
        owner = next(c for c in second if suggestion in c.get("suggestions", ()))
        feedback(service, owner["uuid"], "accepted", acceptedSuggestions=[{"id": suggestion["uuid"]}])
        found = samples(service, "guideway_card_outcomes")
    assert of(found, outcome="shown", version="1.0.0") == len(first)
    assert of(found, outcome="shown", version="2.0.0") == len(second)
    assert of(found, outcome="overridden", reason="cds-suboptimal-context", version="1.0.0") == 1
    assert of(found, outcome="overridden", reason="cds-suboptimal-context", version="2.0.0") == 1
    assert of(found, outcome="accepted", version="2.0.0") == 1
    assert of(found, outcome="overridden") == 2
    assert all('plan="http://example.org/small/PlanDefinition/main"' in labels for labels in found)


def test_metrics_hold_no_patient_and_no_text(tmp_path: Path, small: Path) -> None:
    with local(tmp_path, small) as service:
        mark = f"zebra{uuid.uuid4().hex}"
        card = service.cards(hook_request())[0]["uuid"]
        feedback(service, card, "overridden", overrideReason={"userComment": mark})
        service.get(f"/{mark}")
        service.get(f"/fhir/PlanDefinition/{mark}")
        text = service.get("/metrics").text
    assert mark not in text
    assert "Patient/p" not in text


def test_metrics_of_a_public_service_need_a_token(tmp_path: Path, small: Path) -> None:
    with local(tmp_path, small, "ES384", base_url="https://cds.example.org") as service:
        problem(service.get("/metrics", headers={"Authorization": "", "Host": "cds.example.org"}), 401)
        with_scope = service.headers("/fhir", scope="system/Metrics.rs", aud="https://cds.example.org/fhir")
        assert service.get("/metrics", headers=with_scope).status_code == 200
        without = service.headers("/fhir", scope="system/PlanDefinition.rs", aud="https://cds.example.org/fhir")
        problem(service.get("/metrics", headers=without), 403)


# -- audit


def test_audit_events_say_who_what_for_whom_and_how_it_ended(tmp_path: Path, small: Path) -> None:
    with local(tmp_path, small, "ES384") as service:
        good, bad = hook_request(COUNT, RX), hook_request(prefetch=...)
        shown = service.cards(good)
        problem(service.hook(bad), 412)
        service.runtime.writer.flush()
        failed, done = service.runtime.store.audit_events(2)
    for event, body, outcome, cards, status in ((done, good, "0", len(shown), 200), (failed, bad, "4", 0, 412)):
        assert event["resourceType"] == "AuditEvent"
        assert (event["type"]["code"], event["subtype"][0]["code"], event["action"]) == ("rest", "operation", "E")
        assert event["outcome"] == outcome
        assert [a["who"] for a in event["agent"]] == [{"display": ISS}, {"reference": "Practitioner/d"}]
        patient, plan = event["entity"]
        assert patient["what"]["reference"] == "Patient/p"
        assert plan["what"]["reference"].endswith("/PlanDefinition/main|1.0.0")
        said = {d["type"]: d["valueString"] for d in plan["detail"]}
        assert said == {"hookInstance": body["hookInstance"], "service": SERVICE, "status": str(status), "cards": str(cards)}
    assert "count" not in json.dumps(done)  # no clinical data


def test_operations_on_a_patient_leave_audit_events(tmp_path: Path, small: Path) -> None:
    entries = [{"resource": r} for r in (PATIENT, COUNT, RX)]
    data = {"name": "data", "resource": {"resourceType": "Bundle", "type": "collection", "entry": entries}}
    with local(tmp_path, small) as service:
        for name in ("p", "another"):
            subject = {"name": "subject", "valueString": f"Patient/{name}"}
            body = {"resourceType": "Parameters", "parameter": [subject, data]}
            service.post("/fhir/PlanDefinition/main/$apply", body)
        assert service.get("/fhir/PlanDefinition/main/$data-requirements").status_code == 200
        service.runtime.writer.flush()
        failed, done = service.runtime.store.audit_events()
    for event, subject, outcome, status in ((done, "Patient/p", "0", "200"), (failed, "Patient/another", "4", "400")):
        patient, what = event["entity"]
        assert (patient["what"]["reference"], event["outcome"]) == (subject, outcome)
        assert {d["type"]: d["valueString"] for d in what["detail"]} == {"operation": "PlanDefinition/$apply", "status": status}


# -- shadow mode, switches, parameters


def test_shadow_mode_shows_nothing_evaluates_and_counts(tmp_path: Path, small: Path) -> None:
    with local(tmp_path, small, shadow=True) as service:
        assert service.hook(hook_request(COUNT, RX)).json() == {"cards": []}
        problem(service.hook(hook_request(prefetch=...)), 412)
        (line,) = [line for line in service.log_lines() if line["event"] == "cards"]
        assert line["shadow"] is True
        assert line["cards"] > 0
        assert of(samples(service, "guideway_cards_total"), shadow="true") == line["cards"]
        assert samples(service, "guideway_card_outcomes") == {}
        service.runtime.writer.flush()
        assert len(service.runtime.store.audit_events()) == 2


def test_a_recommendation_is_switched_off_by_its_statement(tmp_path: Path, small: Path) -> None:
    with local(tmp_path / "on", small) as service:
        assert "Take tablet A" in str(service.cards(hook_request(COUNT, RX)))
    with local(tmp_path / "off", small, disabled=["s1"]) as service:
        cards = service.cards(hook_request(COUNT, RX))
    assert "Take tablet A" not in str(cards)
    assert "Stop tablet A" in str(cards)


def test_sites_have_their_own_parameters_switches_and_rates(tmp_path: Path, small: Path) -> None:
    with local(tmp_path, small, "ES384") as before:
        issuers = before.settings["issuers"]
    for more, expected in (
        ({}, True),
        ({"parameters": {"Limit": "0.5"}}, False),
        ({"disabled": ["s1"]}, False),
        ({"parameters": {"Limit": "2.5"}}, True),
    ):
        folder = tmp_path / uuid.uuid4().hex
        with local(folder, small, "ES384", issuers=[issuers[0] | more]) as service:
            assert ("Take tablet A" in str(service.cards(hook_request(COUNT)))) is expected, more
    with local(tmp_path / "rate", small, "ES384", issuers=[issuers[0] | {"requests_per_minute": 2}]) as service:
        assert [service.get("/cds-services").status_code for _ in range(4)] == [200, 200, 429, 429]


def test_a_site_parameter_of_no_guideline_stops_the_start(tmp_path: Path, small: Path) -> None:
    with (
        pytest.raises(Exception, match="no guideline has a parameter 'Limits'"),
        local(tmp_path, small, parameters={"Limits": "1"}),
    ):
        pass


# -- reload


def test_a_reload_takes_the_new_version_and_keeps_the_old_where_it_is_broken(tmp_path: Path) -> None:
    package = write_guideline(tmp_path / "g")
    with local(tmp_path / "s", package) as service:
        write_guideline(tmp_path / "g", "2.0.0")
        service.runtime.reload()
        assert service.get("/health/ready").json()["guidelines"][0]["version"] == "2.0.0"
        write_guideline(tmp_path / "g", "3.0.0")
        logic = package / "Logic.cql"
        for broken in (b"library Logic version '1.0.0'\nthis is no CQL", b"", b"[]", b"// not yet", None):
            logic.unlink() if broken is None else logic.write_bytes(broken)
            service.runtime.reload()
            assert service.get("/health/ready").json()["guidelines"][0]["version"] == "2.0.0"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("guideway.service.runtime.load_content", lambda settings: 1 / 0)
            service.runtime.reload()
        assert service.cards(hook_request(COUNT, RX))
        assert sum(line["event"].startswith("reload failed") for line in service.log_lines()) == 6
        write_guideline(tmp_path / "g", "4.0.0")
        service.runtime.reload()
        assert service.get("/health/ready").json()["guidelines"][0]["version"] == "4.0.0"


# -- what callers may do to the service


@pytest.mark.parametrize("path", ["/metrics", "/health/ready", "/fhir/metadata", "/openapi.json", "/cds-services"])
def test_no_route_answers_to_other_host_names(tmp_path: Path, small: Path, path: str) -> None:
    with local(tmp_path, small) as service:
        for host in ("evil.example.org", "[abc"):
            problem(service.get(path, headers={"Host": host}), 421)
        assert service.get(path).status_code == 200


def test_each_side_that_asks_for_no_token_asks_for_the_host(tmp_path: Path, small: Path) -> None:
    with local(tmp_path, small, "ES384", token_issuers=[]) as service:
        problem(service.get("/fhir/metadata", headers={"Host": "evil.example.org"}), 421)
        assert service.get("/cds-services").status_code == 200


@pytest.mark.parametrize("path", ["/cds-services/", f"/cds-services/{SERVICE}/", "/fhir/metadata/"])
def test_nobody_is_sent_elsewhere(tmp_path: Path, small: Path, path: str) -> None:
    with local(tmp_path, small) as service:
        problem(service.get(path), 404)


def test_refused_tokens_are_counted_by_address(tmp_path: Path, small: Path) -> None:
    from guideway.service.caller import REFUSALS_PER_MINUTE

    with local(tmp_path, small, "ES384") as service:
        forged = {"Authorization": "Bearer x.y.z"}
        statuses = [service.get("/cds-services", headers=forged).status_code for _ in range(REFUSALS_PER_MINUTE + 20)]
        assert service.cards(hook_request(COUNT, RX)), "a good token from the same address, as all behind one proxy have it"
    assert statuses[:100] == [401] * 100
    assert statuses[-1] == 429


def test_tokens_that_cannot_be_checked_are_counted_by_address_as_well(tmp_path: Path, small: Path) -> None:
    from guideway.service.caller import REFUSALS_PER_MINUTE

    gone = {"iss": "https://gone.example.org", "jku": [f"http://127.0.0.1:{free_port()}/keys"], "jku_private": True}
    known = {"iss": ISS, "jwks_file": str(write_keys(tmp_path / "k.json"))}
    with local(tmp_path, small, "ES384", issuers=[known, gone]) as service:
        ask = lambda: service.get("/cds-services", headers=service.headers("/cds-services", iss=gone["iss"]))  # noqa: E731
        first = ask()
        assert "out of reach" in problem(first, 503)["diagnostics"]
        assert first.headers["Retry-After"] == "5"
        statuses = [ask().status_code for _ in range(REFUSALS_PER_MINUTE + 20)]
        assert service.cards(hook_request(COUNT, RX))
    assert statuses[:100] == [503] * 100
    assert statuses[-1] == 429


def override(card: str, **item: object) -> dict[str, object]:
    moment = "2026-06-01T10:00:00Z"
    return {"feedback": [{"card": card, "outcome": "overridden", "outcomeTimestamp": moment} | item]}


def test_what_callers_write_is_no_label(tmp_path: Path, small: Path) -> None:
    system = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
    with local(tmp_path, small) as service:
        (card,) = service.cards(hook_request(COUNT, RX))
        service.runtime.writer.flush()
        for code in ("Jane Doe, born 1961", "cds-not-applicable"):
            reason = {"reason": {"system": system, "code": code, "display": "x"}}
            body = override(card["uuid"], overrideReason=reason, outcomeTimestamp=f"2026-06-01T10:00:{len(code)}Z")
            assert service.post(f"/cds-services/{SERVICE}/feedback", body).status_code == 200
        service.request("JANE", "/health/live")
        text = service.get("/metrics").text
    assert "JANE" not in text.upper()
    assert {row["reason"] for row in map(dict, samples_of(text)) if row["outcome"] == "overridden"} == {
        "other",
        "cds-not-applicable",
    }


def test_what_a_killed_worker_had_under_way_is_not_counted(tmp_path: Path) -> None:
    from guideway.service.metrics import _forget_the_dead

    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    mine, dead, other = (tmp_path / name for name in (
        f"gauge_livesum_{os.getpid()}.db", f"gauge_livesum_{ended.pid}.db", f"counter_{ended.pid}.db",
    ))  # fmt: skip
    for file in (mine, dead, other):
        file.touch()
    _forget_the_dead(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([mine, other])


def samples_of(text: str) -> list[list[tuple[str, str]]]:
    lines = [line for line in text.splitlines() if line.startswith("guideway_card_outcomes{")]
    return [re.findall(r'(\w+)="([^"]*)"', line) for line in lines]


def test_feedback_is_bounded_and_its_reasons_are_codings(tmp_path: Path, small: Path) -> None:
    with local(tmp_path, small) as service:
        path = f"/cds-services/{SERVICE}/feedback"
        card = service.cards(hook_request(COUNT, RX))[0]["uuid"]
        many = override(card, outcome="accepted", acceptedSuggestions=[{"id": str(n)} for n in range(2000)])
        problem(service.post(path, many), 413)
        problem(service.post(path, override(card, outcome="accepted", acceptedSuggestions=[{"id": ""}])), 400)
        problem(service.post(path, override(card, overrideReason={"reason": {"display": "x"}})), 400)
        problem(service.post(path, override(card, overrideReason={"userComment": "x" * 4001})), 400)
        assert service.post(path, override(card, overrideReason={"userComment": "x" * 4000})).status_code == 200


def test_feedback_of_a_leap_second_and_of_small_letters_is_taken(tmp_path: Path, small: Path) -> None:
    with local(tmp_path, small) as service:
        for moment in ("2016-12-31T23:59:60Z", "2016-12-31t23:59:60z"):
            item = override(service.cards(hook_request())[0]["uuid"], outcomeTimestamp=moment)
            assert service.post(f"/cds-services/{SERVICE}/feedback", item).status_code == 200


def test_feedback_is_about_what_was_shown_to_the_caller(tmp_path: Path, small: Path) -> None:
    path = f"/cds-services/{SERVICE}/feedback"
    with local(tmp_path, small) as service:
        card = service.cards(hook_request(COUNT, RX))[0]["uuid"]
        assert service.post(path, override(card.upper())).status_code == 200
    with local(tmp_path / "other", small, "ES384", store_url=service.settings["store_url"]) as other:
        problem(other.post(path, override(card)), 400)
    with local(tmp_path / "shadow", small, shadow=True) as silent:
        assert silent.cards(hook_request(COUNT, RX)) == []
        silent.runtime.writer.flush()
        with silent.runtime.store._engine.connect() as connection:
            unseen = connection.execute(CARDS.select()).scalars().first()
        problem(silent.post(path, override(unseen)), 400)


@pytest.mark.parametrize("settings", [{"disabled": ["no-such-row"]}, {"missing_data": {"no-such-service": "omit"}}])
def test_names_that_mean_nothing_are_refused_at_start(tmp_path: Path, small: Path, settings: dict[str, object]) -> None:
    with pytest.raises(GuidewayError, match="no-such"), local(tmp_path, small, **settings):
        pass


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": ["' + b"[" * 101 + b'"' + b",{}" * 3_000_000 + b"]}",
        b'{"a": [' + b"1.5," * 2_400_000 + b"1]}",
        b'{"a": 0.' + b"1" * 3_000_000 + b"}",
    ],
    ids=["many objects", "many numbers", "long number"],
)
def test_bodies_that_cost_more_than_they_weigh_are_refused(tmp_path: Path, small: Path, content: bytes) -> None:
    with local(tmp_path, small) as service:
        headers = {"Content-Type": "application/json"}
        problem(service.request("POST", f"/cds-services/{SERVICE}", content=content, headers=headers), 400)


def test_a_long_request_is_checked_beside_the_others(tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from guideway.service import hooks

    where: list[bool] = []

    class Watched(hooks.HookRequest):
        def __init__(self, *arguments: Any) -> None:
            with contextlib.suppress(RuntimeError):
                where.append(asyncio.get_running_loop() is None)
            super().__init__(*arguments)

    monkeypatch.setattr(hooks, "HookRequest", Watched)
    with local(tmp_path, small) as service:
        service.cards(hook_request(COUNT, RX))
        assert len(where) == 1  # where the loop is
        drafts = [RX | {"id": "d", "status": "draft", "note": [{"text": "n" * 100}] * 5000}]
        assert service.cards(order_request(*drafts), ORDERS)
        assert len(where) == 1
        problem(service.hook(order_request(drafts[0] | {"status": 5}), ORDERS), 400)


def test_a_record_too_large_to_explain_in_time_has_its_cards_without_reasons(
    tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from guideway.apply.explain import Explainer
    from guideway.service import hooks, lanes

    def endless(*arguments: object, **options: object) -> None:
        while True:
            sum(range(100))

    monkeypatch.setattr(hooks, "LARGE", 1)
    with local(tmp_path, small) as service:

        def within(seconds: float) -> None:
            monkeypatch.setattr(service.runtime.settings, "deadline_seconds", seconds)

        within(1000)
        whole = service.cards(hook_request(COUNT, RX))
        within(1.5)
        monkeypatch.setattr(Explainer, "explain", endless)
        shown = service.cards(hook_request(COUNT, RX))
        (only,) = service.cards(hook_request(RX | {"status": "stopped"}))
        monkeypatch.setattr(hooks, "HOPELESS", 1)
        within(1000)
        assert [c["summary"] for c in service.cards(hook_request(COUNT, RX))] == [c["summary"] for c in whole]
        within(60)
        monkeypatch.setattr(lanes, "ENOUGH", 0.01)
        monkeypatch.setattr(hooks, "LARGE", 1000)
        monkeypatch.setattr(hooks, "HOPELESS", 1000)
        late = service.cards(hook_request(COUNT, RX))
    assert [c["summary"] for c in late] == [c["summary"] for c in whole]
    assert all("could not be worked out in time" in card["detail"] for card in late)
    assert [c["summary"] for c in shown] == [c["summary"] for c in whole]
    assert [s["label"] for c in shown for s in c["suggestions"]] == [s["label"] for c in whole for s in c["suggestions"]]
    assert "could not be worked out in time" in shown[-1]["detail"]
    assert "could not be worked out in time" not in str(whole)
    assert "cannot be known yet" in only["summary"]
    assert any(line["event"] == "reasons left out" for line in service.log_lines())

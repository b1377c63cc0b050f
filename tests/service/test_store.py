"""The store: replay, cards, feedback that is kept once, audit events; SQLite, and PostgreSQL in the full tier."""

import multiprocessing
import shutil
import time

import pytest

from guideway.diagnostics import GuidewayError
from guideway.service.store import METADATA, Store, StoreError

FEEDBACK = {
    "service": "s", "card": "c1", "outcome": "overridden", "suggestion": "", "reason_system": "r",
    "reason_code": "not-convenient-feasible", "comment": "", "timestamp": "2026-01-01T00:00:00Z", "iss": "", "received": 1,
}  # fmt: skip
CARD = {
    "uuid": "c1", "service": "s", "plan": "p", "version": "1", "action": "a", "indicator": "info", "iss": "",
    "shadow": False, "shown": 1, "recommendations": [],
}  # fmt: skip


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.full)])
def store(request, tmp_path):
    url = f"sqlite:///{tmp_path / 'store' / 's.sqlite3'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("new_database")()
    store = Store(url)
    store.migrate()
    yield store
    store.close()


def test_nothing_is_acknowledged_that_goes_to_a_file_that_is_gone(tmp_path):
    file, copy = tmp_path / "s.sqlite3", tmp_path / "copy"
    store = Store(f"sqlite:///{file}")
    store.migrate()
    store.keep_cards([CARD])
    store.close()  # what was written beside the file goes into it
    shutil.copy(file, copy)
    store.ping()
    for each in tmp_path.glob("s.sqlite3*"):
        each.unlink()
    for _ in range(2):
        with pytest.raises(StoreError):
            store.add_feedback([FEEDBACK])
        with pytest.raises(StoreError):
            store.ping()
    assert not file.exists()
    copy.rename(file)
    assert store.add_feedback([FEEDBACK]) == 1
    assert Store(f"sqlite:///{file}").cards({"c1"}) == {"c1": CARD}
    store.close()


def test_a_token_is_used_once(store):
    later = int(time.time()) + 60
    assert store.use_token("a", "1", later)
    assert not store.use_token("a", "1", later)
    assert store.use_token("b", "1", later)


def test_tokens_long_expired_are_forgotten(store):
    assert store.use_token("a", "old", int(time.time()) - 10_000)
    store._next_sweep = 0
    assert store.use_token("a", "new", int(time.time()) + 60)
    assert store.use_token("a", "old", int(time.time()) + 60)


def test_migrating_again_changes_nothing(store):
    store.keep_cards([CARD])
    store.migrate()
    assert store.cards({"c1", "c2"}) == {"c1": CARD}


def test_of_a_card_that_is_shown_again_what_it_says_now_is_kept(store):
    store.keep_cards([CARD])
    store.keep_cards([CARD | {"recommendations": [{"suggestions": ["s"]}]}])
    assert store.cards({"c1"})["c1"]["recommendations"] == [{"suggestions": ["s"]}]


def test_the_tables_are_those_of_the_migrations(store):
    import sqlalchemy as sa

    found = sa.inspect(store._engine)
    for table in METADATA.sorted_tables:
        assert {c["name"] for c in found.get_columns(table.name)} == set(table.columns.keys())


def test_feedback_is_counted_by_recommendation(store):
    each = {"plan": "p", "version": "1", "status": "applies", "suggestions": []}
    shown = [
        each | {"action": "a", "suggestions": ["s1"]},
        each | {"action": "b", "suggestions": ["s1", "s2"]},
        each | {"action": "c"},
        each | {"action": "d", "status": "unknown"},
    ]
    store.keep_cards([CARD | {"recommendations": shown}])
    store.add_feedback([FEEDBACK, FEEDBACK | {"outcome": "accepted", "suggestion": "s1", "reason_code": ""}])
    store.add_feedback([FEEDBACK | {"card": "of-nobody"}])
    assert [(r["action"], r["outcome"], r["reason"], r["count"]) for r in store.recommendation_feedback()] == [
        ("a", "accepted", "", 1),
        ("a", "overridden", "not-convenient-feasible", 1),
        ("b", "accepted", "", 1),
        ("b", "overridden", "not-convenient-feasible", 1),
        ("c", "overridden", "not-convenient-feasible", 1),
    ]


def test_what_was_counted_once_is_not_read_again(store):
    import sqlalchemy as sa

    shown = [{"plan": "p", "version": "1", "action": "a", "status": "applies", "suggestions": []}]
    store.keep_cards([CARD | {"recommendations": shown}])
    count = lambda: [row["count"] for row in store.recommendation_feedback()]  # noqa: E731
    for number, received in enumerate([1, 1, int(time.time()) + 1000, 1], 1):
        store.add_feedback([FEEDBACK | {"timestamp": f"2026-01-0{number}T00:00:00Z", "received": received}])
        assert count() == count() == [number]
    read: list[str] = []
    sa.event.listen(store._engine, "before_cursor_execute", lambda *given: read.append(str(given[3])))
    assert count() == [4]
    assert any("2" in parameters for parameters in read)  # after the second, the last that is settled
    with store._engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM feedback"))
    assert count() == []


def test_feedback_is_kept_once_and_counted_by_reason(store):
    store.keep_cards([CARD, CARD])
    assert store.add_feedback([FEEDBACK, FEEDBACK]) == 1
    assert store.add_feedback([FEEDBACK | {"timestamp": "2026-01-02T00:00:00Z"}]) == 1
    assert len(store.feedback("s")) == 2
    assert store.feedback("other") == []
    assert {(r["outcome"], r["reason"], r["count"]) for r in store.feedback_counts()} == {
        ("shown", "", 1),
        ("overridden", "not-convenient-feasible", 1),
    }


def test_shadow_cards_do_not_count_as_shown(store):
    store.keep_cards([CARD | {"shadow": True}])
    assert store.feedback_counts() == []


def test_half_of_a_feedback_list_is_never_kept(store):
    import sqlalchemy as sa

    with pytest.raises(sa.exc.SQLAlchemyError):
        store.add_feedback([FEEDBACK, FEEDBACK | {"timestamp": "t", "outcome": None}])
    assert store.feedback() == []


def test_audit_events_newest_first(store):
    store.audit({"resourceType": "AuditEvent", "id": "1"})
    store.audit({"resourceType": "AuditEvent", "id": "2"})
    assert [e["id"] for e in store.audit_events()] == ["2", "1"]


def _race(url, results):
    store = Store(url)
    store.migrate()
    results.put(sum(store.use_token("a", str(i), int(time.time()) + 60) for i in range(25)))


def test_replay_protection_holds_across_processes(tmp_path):
    url = f"sqlite:///{tmp_path / 's.sqlite3'}"
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [context.Process(target=_race, args=(url, results)) for _ in range(3)]
    for worker in workers:
        worker.start()
    assert sum(results.get(timeout=60) for _ in workers) == 25
    for worker in workers:
        worker.join()


@pytest.mark.parametrize("url", ["mysql://x/y", "not a url", "sqlite:////proc/no/such/folder/s.db"])
def test_a_store_that_cannot_be_is_an_error(url):
    with pytest.raises(GuidewayError):
        Store(url).migrate()

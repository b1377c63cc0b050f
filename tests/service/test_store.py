"""The store: replay, cards, feedback that is kept once, audit events; SQLite, and PostgreSQL in the full tier."""

import multiprocessing
import shutil
import threading
import time

import pytest
import sqlalchemy as sa

from guideway.diagnostics import GuidewayError
from guideway.service import retention as retention_module
from guideway.service import writing as writing_module
from guideway.service.retention import Retention
from guideway.service.settings import Settings
from guideway.service.store import METADATA, Store, StoreError
from guideway.service.writing import Writer

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


@pytest.fixture
def between(request):
    from tests.service.postgresql import Between

    found = Between(request.getfixturevalue("new_database")())
    yield found
    found.close()


@pytest.mark.full
def test_what_falls_silent_is_left_and_made_anew(between):
    store = Store(between.url, 2)
    store.migrate()
    store.keep_cards([CARD])
    between.fall_silent()
    begun = time.monotonic()
    store.keep_cards([CARD | {"uuid": "c2"}])
    assert set(store.cards(["c1", "c2"])) == {"c1", "c2"}
    assert time.monotonic() - begun < 20
    store.close()


@pytest.mark.full
def test_a_server_that_is_silent_is_waited_for_no_longer_than_the_clock_says(between):
    store = Store(between.url, 2)
    store.migrate()
    connection = store._engine.connect()
    connection.execute(METADATA.tables["card"].insert(), [CARD])
    between.fall_silent()  # in the middle of a transaction
    begun = time.monotonic()
    with pytest.raises(StoreError):
        connection.execute(METADATA.tables["card"].insert(), [CARD | {"uuid": "c2"}])
    connection.close()
    assert time.monotonic() - begun < 20
    store.keep_cards([CARD])  # what the dead transaction had locked becomes free
    between.fall_silent(new=True)
    begun = time.monotonic()
    for work in (store.ping, lambda: store.cards(["c1"]), store.feedback_counts, lambda: store.remove_cards(5)):
        with pytest.raises(StoreError):
            work()
    assert time.monotonic() - begun < 60
    store.close()


@pytest.mark.full
def test_the_writer_writes_what_it_had_when_its_connection_fell_silent(between):
    store = Store(between.url, 2)
    store.migrate()
    writer = Writer(store)
    assert writer.later([CARD], {"number": 1})
    assert writer.flush()
    between.fall_silent()
    assert writer.later([CARD], {"number": 2})
    writer.close()
    assert writer.lost == 0
    assert [event["number"] for event in store.audit_events()] == [2, 1]
    store.close()


class Hanging:
    """A store that takes nothing until it is told to."""

    def __init__(self):
        self.free, self.kept = threading.Event(), []

    def keep(self, cards, events):
        assert self.free.wait(60)
        self.kept += events


def test_a_commit_that_does_not_return_in_time_is_a_failure(monkeypatch):
    monkeypatch.setattr(writing_module, "LATE_SECONDS", 0.2)
    store = Hanging()
    writer = Writer(store)
    assert writer.later((), {"number": 1})
    until = time.monotonic() + 60
    while not writer.failing:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert not writer.later((), {"number": 2})
    store.free.set()
    assert writer.flush(60)
    assert not writer.failing
    assert store.kept == [{"number": 1}]
    writer.close()


def test_what_is_not_written_at_the_end_is_told():
    store = Hanging()
    writer = Writer(store)
    writer.later((), {"number": 1})
    writer.close(0.1)
    assert writer.lost == 1
    store.free.set()


def test_what_fails_at_the_end_is_tried_again():
    class Failing(Hanging):
        def keep(self, cards, events):
            if not self.free.is_set():
                self.free.set()
                raise OSError("no store")
            self.kept += events

    store = Failing()
    writer = Writer(store)
    writer.later((), {"number": 1})
    writer.close()
    assert (writer.lost, store.kept) == (0, [{"number": 1}])


def test_what_was_written_by_itself_is_not_written_again_for_the_sake_of_another():
    class Picky(Hanging):
        def keep(self, cards, events):
            if len(events) > 1:
                raise sa.exc.DataError("insert", {}, ValueError("one of them"))
            if events[0]["number"] == 3 and not self.free.is_set():
                self.free.set()
                raise OSError("no store")
            self.kept += events

    store = Picky()
    writer = Writer(store)
    with writer._changed:
        for number in (1, 2, 3):
            assert writer.later((), {"number": number})
    writer.close()
    assert (writer.lost, [event["number"] for event in store.kept]) == (0, [1, 2, 3])


def test_what_is_too_much_for_the_time_of_one_transaction_is_written_in_parts(monkeypatch):
    class Slow(Hanging):
        def keep(self, cards, events):
            if len(events) > 3:
                raise sa.exc.OperationalError("insert", {}, TimeoutError("statement timeout"))
            self.kept += events

    monkeypatch.setattr(writing_module, "AGAIN_SECONDS", 0.01)
    store = Slow()
    writer = Writer(store)
    with writer._changed:
        for number in range(50):
            assert writer.later((), {"number": number})
    writer.close(5)
    assert (writer.lost, [event["number"] for event in store.kept]) == (0, list(range(50)))


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


def test_it_answers_before_it_has_tables(store):
    METADATA.drop_all(store._engine)
    store.answers()
    with pytest.raises(StoreError):
        store.ping()


def test_of_a_card_that_is_shown_again_what_it_says_now_is_kept(store):
    store.keep_cards([CARD])
    store.keep_cards([CARD | {"recommendations": [{"suggestions": ["s"]}], "shown": 7}])
    assert store.cards({"c1"})["c1"]["recommendations"] == [{"suggestions": ["s"]}]
    assert store.remove_cards(7) == 0  # it is as old as its last showing
    assert store.remove_cards(8) == 1


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


def test_old_cards_go_with_their_feedback_and_stay_counted(store):
    shown = {"plan": "p", "version": "1", "action": "a", "status": "applies", "suggestions": ["s1"]}
    cards = [CARD | {"uuid": f"c{n}", "shown": n, "recommendations": [shown]} for n in range(1, 8)]
    cards.append(CARD | {"uuid": "hidden", "shadow": True})
    store.keep_cards(cards)
    told = [FEEDBACK | {"card": card["uuid"], "timestamp": str(n)} for n in (1, 2) for card in cards[:-1]]
    told += [FEEDBACK | {"card": "c1", "outcome": "accepted", "suggestion": "s1", "reason_code": ""}]
    told += [FEEDBACK | {"card": "c2", "reason_code": "in my own words", "timestamp": "3"}]
    store.add_feedback(told)
    before = by(store.feedback_counts()), by(store.recommendation_feedback())
    other = Store(store._engine.url.render_as_string(hide_password=False))
    assert by(other.recommendation_feedback()) == before[1]
    assert [store.remove_cards(5, most=2) for _ in range(4)] == [2, 2, 1, 0]
    for each in (store, other):
        assert (by(each.feedback_counts()), by(each.recommendation_feedback())) == before
    assert set(store.cards([card["uuid"] for card in cards])) == {"c5", "c6", "c7"}
    assert {row["card"] for row in store.feedback()} == {"c5", "c6", "c7"}
    assert store.remove_cards(9) == 3
    store.keep_cards([CARD | {"uuid": "new", "recommendations": [shown]}])
    store.add_feedback([FEEDBACK | {"card": "new", "timestamp": str(n)} for n in range(20)])  # perhaps with numbers used before
    after = dict(before[1])
    (key,) = [key for key in after if key[-2:] == ("overridden", "not-convenient-feasible")]
    after[key] += 20
    for each in (store, other):
        assert by(each.recommendation_feedback()) == after
    other.close()


def by(rows):
    """Counts by the rest of a row."""
    found = {tuple(value for name, value in row.items() if name != "count"): row["count"] for row in rows}
    assert len(found) == len(rows)
    return found


def test_old_audit_events_go(store, monkeypatch):
    for second in (10, 20, 30):
        monkeypatch.setattr(time, "time", lambda second=second: second)
        store.audit({"second": second})
    assert [store.remove_audit_events(25, most=1) for _ in range(3)] == [1, 1, 0]
    assert store.audit_events() == [{"second": 30}]


@pytest.mark.parametrize(("settings", "left"), [({}, (1, 1)), ({"keep_cards_days": 3}, (0, 1)), ({"keep_audit_days": 3}, (1, 0))])
def test_what_is_older_than_configured_is_removed(store, monkeypatch, settings, left):
    store.keep_cards([CARD | {"shown": int(time.time()) - 4 * 86400}])
    store.audit({"x": 1})
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + (4 * 86400 if "keep_audit_days" in settings else 0))
    retention = Retention(store, Settings(**settings))
    retention.remove()
    assert (len(store.cards(["c1"])), len(store.audit_events())) == left


def test_removing_goes_on_after_a_failure(store, monkeypatch):
    monkeypatch.setattr(retention_module, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(retention_module, "EVERY_SECONDS", 0.01)
    done = threading.Event()

    def remove(before):
        if not calls:
            calls.append(before)
            raise OSError("no store")
        done.set()
        return 0

    calls = []
    monkeypatch.setattr(store, "remove_cards", remove)
    retention = Retention(store, Settings(keep_cards_days=1))
    retention.start()
    assert done.wait(60)
    retention.close()


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

"""What the service must remember, shared by all its workers: used JWT ids, cards shown, feedback, audit events.

SQLAlchemy Core over SQLite (default) or PostgreSQL (by URL); tables are made and changed by Alembic (migrations/). Every write is
committed before the method returns, so what was acknowledged survives a kill. No token and no patient data is stored: a card is
kept by its id with the plan, version and action it came from; an audit event names who asked and what was asked.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from guideway.diagnostics import GuidewayError
from guideway.service.override_reasons import OVERRIDE_REASONS
from guideway.service.store_clock import Clocks

METADATA = sa.MetaData()
StoreError = sa.exc.SQLAlchemyError
"""What every method raises where the store does not do it."""

USED_TOKENS = sa.Table(
    "used_token",
    METADATA,
    sa.Column("iss", sa.String(512), primary_key=True),
    sa.Column("jti", sa.String(256), primary_key=True),
    sa.Column("expires", sa.BigInteger, nullable=False, index=True),
)
CARDS = sa.Table(
    "card",
    METADATA,
    sa.Column("uuid", sa.String(36), primary_key=True),
    sa.Column("service", sa.String(128), nullable=False),
    sa.Column("plan", sa.String(512), nullable=False),
    sa.Column("version", sa.String(64), nullable=False),
    sa.Column("action", sa.String(128), nullable=False),
    sa.Column("indicator", sa.String(16), nullable=False),
    sa.Column("iss", sa.String(512), nullable=False),
    sa.Column("shadow", sa.Boolean, nullable=False),
    sa.Column("shown", sa.BigInteger, nullable=False, index=True),
    sa.Column("recommendations", sa.JSON, nullable=True),
)
FEEDBACK = sa.Table(
    "feedback",
    METADATA,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("service", sa.String(128), nullable=False),
    sa.Column("card", sa.String(128), nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("suggestion", sa.String(128), nullable=False),
    sa.Column("reason_system", sa.String(512), nullable=False),
    sa.Column("reason_code", sa.String(128), nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("timestamp", sa.String(40), nullable=False),
    sa.Column("iss", sa.String(512), nullable=False),
    sa.Column("received", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("iss", "service", "card", "outcome", "suggestion", "timestamp", name="feedback_once"),
)
AUDIT = sa.Table(
    "audit_event",
    METADATA,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("recorded", sa.BigInteger, nullable=False, index=True),
    sa.Column("resource", sa.JSON, nullable=False),
)
REMOVED = sa.Table(
    "removed",
    METADATA,
    sa.Column("plan", sa.String(512), primary_key=True),
    sa.Column("version", sa.String(64), primary_key=True),
    sa.Column("action", sa.String(128), primary_key=True),
    sa.Column("outcome", sa.String(16), primary_key=True),
    sa.Column("reason", sa.String(128), primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
)
"""What was counted of cards that are no longer kept; of whole cards with an empty action."""


OFFERED_REASON = sa.case(
    (FEEDBACK.c.reason_code.in_(["", *(code for code, _ in OVERRIDE_REASONS)]), FEEDBACK.c.reason_code), else_="other"
)
"""The reason for an override, where it is one that the cards offer: anything else may be words about a patient."""

AT_ONCE = 500
"""So much is removed in one transaction: others want to write as well."""
LONGEST = 5.0
"""So many seconds a transaction on a database server may take, looks at all that is kept (``LOOKING``) aside."""
LOOKING = 60.0
SETTLED_SECONDS = 60
"""After so long no feedback is committed any more whose number is lower than one that was seen."""


def default_store_url() -> str:
    """The SQLite file in the platform's user data folder (``GUIDEWAY_DATA`` overrides the folder)."""
    if folder := os.environ.get("GUIDEWAY_DATA"):
        base = Path(folder)
    elif os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "guideway"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "guideway"
    return f"sqlite:///{base / 'service.sqlite3'}"


class Store:
    """The tables above behind methods that each do one thing and commit it. Methods block: call them from a thread."""

    def __init__(self, url: str, patience: float = 10.0) -> None:
        """Open (and for SQLite make) the store; raises GuidewayError where that cannot be done. ``patience``: so many seconds a
        method waits at most for a connection, for whoever else is writing to a file, and (up to ``LONGEST``) for an answer."""
        try:
            parsed = sa.make_url(url)
            if parsed.get_backend_name() not in ("sqlite", "postgresql"):
                raise GuidewayError(
                    f"store_url: {parsed.get_backend_name()} is not supported; use sqlite:///FILE or postgresql+psycopg://…"
                )
            self._sqlite = parsed.get_backend_name() == "sqlite"
            if self._sqlite and parsed.database and parsed.database != ":memory:":
                _private(Path(parsed.database))
            limit = min(patience, LONGEST)
            bounds = {"timeout": max(1, int(patience))} if self._sqlite else _bounds(limit)
            given = {name: value for name, value in bounds.items() if name not in parsed.query}
            self._engine = sa.create_engine(parsed, pool_size=8, max_overflow=8, pool_timeout=patience, connect_args=given)
        except (sa.exc.ArgumentError, ImportError, OSError) as error:
            raise GuidewayError(f"store_url: the store cannot be opened: {error}") from error
        if self._sqlite:
            sa.event.listen(self._engine, "connect", _prepare_sqlite)
            if parsed.database and os.path.isfile(parsed.database):
                _watch(self._engine, parsed.database)
        else:
            self._clocks = Clocks()
            _bound(self._engine, self._clocks, limit)
        self._next_sweep = 0.0
        self._counting = threading.Lock()
        self._counted: Counter[tuple[str, ...]] = Counter()
        self._counted_to = 0
        """The last feedback among what is counted."""
        self._removed = 0
        """How much had been removed when it was counted."""
        kept = self._insert(CARDS)
        shown = {name: kept.excluded[name] for name in ("version", "indicator", "recommendations", "shown")}
        self._keep_card = kept.on_conflict_do_update(index_elements=["uuid"], set_=shown)
        self._keep_event = AUDIT.insert()

    def migrate(self) -> None:
        """Bring the tables to this program's version; safe to call from several workers at once. Raises GuidewayError."""
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        try:
            with self._engine.begin() as connection:
                if not self._sqlite:
                    self._take_time(connection, None)  # of tables that hold much
                    connection.execute(sa.text("SELECT pg_advisory_xact_lock(7150334)"))
                else:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except sa.exc.SQLAlchemyError as error:
            raise GuidewayError(f"the store cannot be prepared: {type(error).__name__}: {error.__cause__ or ''}") from error

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    def ping(self) -> None:
        """Raises SQLAlchemyError where the store does not answer, or takes nothing that is written."""
        with self._engine.begin() as connection:
            connection.execute(USED_TOKENS.delete().where(sa.false()))

    def answers(self) -> None:
        """As ``ping``, before the tables are made as well."""
        with self._engine.connect() as connection:
            made = sa.inspect(connection).has_table(USED_TOKENS.name)
        if made:
            self.ping()

    def _take_time(self, connection: sa.Connection, seconds: float | None = LOOKING) -> None:
        """Let a transaction that has just begun take longer than others (None: as long as it takes)."""
        if self._sqlite:
            return
        driver = connection.connection.dbapi_connection
        self._clocks.stop(driver)
        if seconds is not None:
            self._clocks.start(driver, seconds)
        for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
            connection.exec_driver_sql(f"SET LOCAL {name} = {round((seconds or 0) * 1000)}")

    def _insert(self, table: sa.Table) -> Any:
        return (sqlite.insert if self._sqlite else postgresql.insert)(table)

    def use_token(self, iss: str, jti: str, expires: int) -> bool:
        """Note that a JWT was used; False where it had been used before, by whichever worker."""
        now = time.time()
        with self._engine.begin() as connection:
            if now > self._next_sweep:
                self._next_sweep = now + 60
                connection.execute(USED_TOKENS.delete().where(USED_TOKENS.c.expires < int(now) - 600))
            new = self._insert(USED_TOKENS).values(iss=iss, jti=jti, expires=expires).on_conflict_do_nothing()
            return connection.execute(new.returning(USED_TOKENS.c.jti)).first() is not None

    def keep_cards(self, cards: Iterable[Mapping[str, Any]]) -> None:
        """Keep what each card was made from; of a card that is shown again what it says now, and when. Keys: the
        columns of ``card``."""
        self.keep(cards, ())

    def keep(self, cards: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]]) -> None:
        """``keep_cards`` and ``audit`` of several requests in one transaction."""
        rows = [dict(card) for card in cards]
        now = int(time.time())
        audited = [{"recorded": now, "resource": dict(event)} for event in events]
        with self._engine.begin() as connection:
            if rows:
                connection.execute(self._keep_card, rows)
            if audited:
                connection.execute(self._keep_event, audited)

    def cards(self, uuids: Collection[str]) -> dict[str, dict[str, Any]]:
        """What is kept of these cards, by their ids; those that are not known are left out."""
        with self._engine.connect() as connection:
            rows = connection.execute(CARDS.select().where(CARDS.c.uuid.in_(list(uuids)))).mappings()
            return {row["uuid"]: dict(row) for row in rows}

    def add_feedback(self, items: Sequence[Mapping[str, Any]]) -> int:
        """Keep feedback; how many items were new. All or none is kept. Keys: the columns of ``feedback`` without ``id``."""
        if not items:
            return 0
        with self._engine.begin() as connection:
            new = self._insert(FEEDBACK).on_conflict_do_nothing().returning(FEEDBACK.c.id)
            return sum(connection.execute(new, dict(item)).first() is not None for item in items)

    def feedback(self, service: str | None = None) -> list[dict[str, Any]]:
        """All feedback in the order received, of one service or of all."""
        query = FEEDBACK.select().order_by(FEEDBACK.c.id)
        if service is not None:
            query = query.where(FEEDBACK.c.service == service)
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def feedback_counts(self) -> list[dict[str, Any]]:
        """Cards shown, accepted and overridden, by plan, version and reason: rows of (plan, version, outcome, reason, count)."""
        shown = (
            sa.select(
                CARDS.c.plan,
                CARDS.c.version,
                sa.literal("shown").label("outcome"),
                sa.literal("").label("reason"),
                sa.func.count().label("count"),
            )
            .where(CARDS.c.shadow.is_(False))
            .group_by(CARDS.c.plan, CARDS.c.version)
        )
        told = (
            sa.select(
                CARDS.c.plan,
                CARDS.c.version,
                FEEDBACK.c.outcome,
                OFFERED_REASON.label("reason"),
                sa.func.count(FEEDBACK.c.card.distinct()).label("count"),
            )
            .join(CARDS, sa.and_(CARDS.c.uuid == FEEDBACK.c.card, CARDS.c.iss == FEEDBACK.c.iss))
            .group_by(CARDS.c.plan, CARDS.c.version, FEEDBACK.c.outcome, sa.text("reason"))
        )
        names = ("plan", "version", "outcome", "reason")
        gone = sa.select(*(REMOVED.c[name] for name in (*names, "count"))).where(REMOVED.c.action == "")
        found: Counter[tuple[str, ...]] = Counter()
        with self._engine.connect() as connection:
            self._at_one_moment(connection)
            self._take_time(connection)
            for row in (row for query in (shown, told, gone) for row in connection.execute(query)):
                found[tuple(row[:-1])] += row[-1]
        return [dict(zip(names, key, strict=True)) | {"count": count} for key, count in found.items()]

    def _at_one_moment(self, connection: sa.Connection) -> None:
        """Let all that is asked on a connection be answered of one moment: what is removed in between would be counted twice, or
        not at all."""
        if self._sqlite:
            connection.exec_driver_sql("BEGIN")
        else:
            connection.execution_options(isolation_level="REPEATABLE READ")

    def recommendation_feedback(self) -> list[dict[str, Any]]:
        """Feedback by recommendation: rows of (plan, version, action, outcome, reason, count).

        An accepted suggestion counts for the recommendations that offered it; an overridden card counts for everything on it
        that applied. What has been counted is remembered, so that this does not take longer from month to month.
        """
        told = FEEDBACK.c.outcome, FEEDBACK.c.suggestion, OFFERED_REASON, CARDS.c.recommendations
        query = (
            sa.select(FEEDBACK.c.id, FEEDBACK.c.received, *told)
            .join(CARDS, sa.and_(CARDS.c.uuid == FEEDBACK.c.card, CARDS.c.iss == FEEDBACK.c.iss))
            .order_by(FEEDBACK.c.id)
        )
        with self._counting, self._engine.connect() as connection:
            self._at_one_moment(connection)
            self._take_time(connection)
            gone = [(tuple(row[:-1]), int(row[-1])) for row in connection.execute(sa.select(REMOVED))]
            removed = sum(count for _, count in gone)
            last = connection.scalar(sa.select(sa.func.max(FEEDBACK.c.id))) or 0
            if last < self._counted_to or removed != self._removed:  # another store in its place, or not all of it
                self._counted, self._counted_to, self._removed = Counter(), 0, removed
            new: Counter[tuple[str, ...]] = Counter()
            settled = True
            for number, received, *row in connection.execute(query.where(FEEDBACK.c.id > self._counted_to)):
                settled = settled and received < time.time() - SETTLED_SECONDS
                _count_feedback(self._counted if settled else new, *row)
                if settled:
                    self._counted_to = number
            counts = self._counted + new + Counter({key: count for key, count in gone if key[2]})
        names = ("plan", "version", "action", "outcome", "reason")
        return [dict(zip(names, key, strict=True)) | {"count": count} for key, count in sorted(counts.items())]

    def remove_cards(self, before: int, most: int = AT_ONCE) -> int:
        """Remove cards that were shown before that second, with the feedback on them, at most so many; how many they were. What
        was counted of them stays counted."""
        old = sa.select(CARDS.c.uuid).where(CARDS.c.shown < before).limit(most)
        counts: Counter[tuple[str, ...]] = Counter()
        with self._engine.begin() as connection:
            self._take_time(connection)
            removal = CARDS.delete().where(CARDS.c.uuid.in_(old), CARDS.c.shown < before)  # one may be shown again meanwhile
            gone = connection.execute(removal.returning(*CARDS.c)).mappings()
            cards = {row["uuid"]: dict(row) for row in gone}
            if not cards:
                return 0
            names = FEEDBACK.c.card, FEEDBACK.c.iss, FEEDBACK.c.outcome, FEEDBACK.c.suggestion, OFFERED_REASON
            told = connection.execute(FEEDBACK.delete().where(FEEDBACK.c.card.in_(list(cards))).returning(*names)).all()
            for card in cards.values():
                counts[card["plan"], card["version"], "", "shown", ""] += not card["shadow"]
            whole: set[tuple[str, str, str]] = set()
            for uuid, iss, outcome, suggestion, reason in told:
                card = cards[uuid]
                if iss != card["iss"]:
                    continue
                _count_feedback(counts, outcome, suggestion, reason, card["recommendations"])
                if (uuid, outcome, reason) not in whole:
                    whole.add((uuid, outcome, reason))
                    counts[card["plan"], card["version"], "", outcome, reason] += 1
            columns = ("plan", "version", "action", "outcome", "reason")
            rows = [dict(zip(columns, key, strict=True)) | {"count": n} for key, n in sorted(counts.items()) if n]
            if rows:
                add = self._insert(REMOVED)
                more = {"count": REMOVED.c.count + add.excluded.count}
                connection.execute(add.on_conflict_do_update(index_elements=list(columns), set_=more), rows)
        return len(cards)

    def remove_audit_events(self, before: int, most: int = AT_ONCE) -> int:
        """Remove AuditEvents that were recorded before that second, at most so many; how many they were."""
        old = sa.select(AUDIT.c.id).where(AUDIT.c.recorded < before).limit(most)
        with self._engine.begin() as connection:
            self._take_time(connection)
            return int(connection.execute(AUDIT.delete().where(AUDIT.c.id.in_(old))).rowcount)

    def audit(self, resource: Mapping[str, Any]) -> None:
        """Keep one AuditEvent."""
        self.keep((), (resource,))

    def audit_events(self, limit: int = 100) -> list[dict[str, Any]]:
        """The newest AuditEvents first."""
        with self._engine.connect() as connection:
            rows = connection.execute(AUDIT.select().order_by(AUDIT.c.id.desc()).limit(limit)).mappings()
            return [dict(row["resource"]) for row in rows]


def _count_feedback(
    counts: Counter[tuple[str, ...]], outcome: str, suggestion: str, reason: str, shown: Sequence[Mapping[str, Any]] | None
) -> None:
    """Count one row of feedback for the recommendations on its card that it is about."""
    for each in shown or ():
        if suggestion in each["suggestions"] if outcome == "accepted" else each["status"] == "applies":
            counts[each["plan"], each["version"], each["action"], outcome, reason] += 1


def _private(file: Path) -> None:
    """Make the file (and its folder, where there is none) for the user of the service alone: it says whose data was asked for."""
    missing = [folder for folder in file.parents if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700 if folder == file.parent else 0o777, exist_ok=True)
    if not file.exists():
        file.touch(mode=0o600)  # the files that SQLite puts beside it get the same


def _watch(engine: sa.Engine, file: str) -> None:
    """Where the file is no longer there, fail: what is written to a deleted file is lost with the process, though it was
    acknowledged. Where another stands in its place (a copy that was put back), open that one."""

    def which() -> tuple[int, int]:
        try:
            found = os.stat(file)
        except OSError as error:
            raise sa.exc.OperationalError("the file of the store", None, error) from error
        return found.st_dev, found.st_ino

    @sa.event.listens_for(engine, "do_connect")
    def is_there(*_: Any) -> None:
        which()

    @sa.event.listens_for(engine, "connect")
    def note(_: Any, record: Any) -> None:
        record.info["file"] = which()

    @sa.event.listens_for(engine, "checkout")
    def is_the_same(_: Any, record: Any, __: Any) -> None:
        if record.info["file"] != which():
            raise sa.exc.DisconnectionError("the file of the store is another")


def _bounds(limit: float) -> dict[str, Any]:
    """How the driver of a database server bounds its connections: libpq's names, which an URL may set otherwise."""
    return {
        "connect_timeout": max(2, int(limit)), "tcp_user_timeout": round(limit * 1000),
        "keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3,
    }  # fmt: skip


def _bound(engine: sa.Engine, clocks: Clocks, limit: float) -> None:
    """Bound everything that is done on a database server. Before a connection is used again it must answer within a part of the
    time; where it does not, none that was made before it is trusted any more. The server ends what takes too long as well, so
    that what a connection that fell silent has locked becomes free."""

    @sa.event.listens_for(engine, "connect", insert=True)
    def prepare(connection: Any, _: Any) -> None:
        clocks.start(connection, limit)
        cursor = connection.cursor()
        for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
            cursor.execute(f"SET {name} = {round(limit * 1000)}")
        cursor.close()
        connection.commit()

    @sa.event.listens_for(engine, "checkout")
    def begin(connection: Any, record: Any, _: Any) -> None:
        if record.info.get("used"):
            clocks.start(connection, limit / 4)
            try:
                engine.dialect.do_ping(connection)
            except Exception as error:
                raise sa.exc.InvalidatePoolError("the connection to the store is dead") from error
        record.info["used"] = True
        clocks.start(connection, limit)

    def end(connection: Any, *_: Any) -> None:
        clocks.stop(connection)

    for name in ("checkin", "invalidate", "close", "close_detached"):
        sa.event.listen(engine, name, end)


def _prepare_sqlite(connection: Any, _: Any) -> None:
    """Many workers, one file: readers beside a writer, and waiting rather than failing."""
    connection.isolation_level = "IMMEDIATE"
    cursor = connection.cursor()
    with suppress(Exception):
        cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()

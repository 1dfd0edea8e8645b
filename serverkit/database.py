"""One database set-up for SQLite and PostgreSQL: read-only unless a write was asked for."""

import re
import select
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    URL,
    Connection,
    DateTime,
    Dialect,
    Engine,
    ExceptionContext,
    MetaData,
    event,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InvalidatePoolError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from serverkit.database_faults import is_of_the_connection
from serverkit.driver import run_text
from serverkit.turns import Turns

BUSY_TIMEOUT_SECONDS = 15
LONGEST_BUSY_TIMEOUT_SECONDS = 60
_SHORT_SECONDS = 0.5
_WRITING = "server_write"
_SINGLE = "AUTOCOMMIT"
_TURNS: "WeakKeyDictionary[Engine, Turns]" = WeakKeyDictionary()

_NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """Keep aware UTC datetimes; a naive one is refused instead of guessed at."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return UTC for the database; SQLite has no zones and stores it bare."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return an aware UTC datetime."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def create_database() -> SQLAlchemy:
    """Return an extension whose models share one naming convention."""
    metadata = MetaData(naming_convention=_NAMING)
    base = type("Base", (DeclarativeBase,), {"metadata": metadata})
    return SQLAlchemy(model_class=base)


def parse_database_url(raw: str) -> str:
    """Return a database URL that this code supports, else raise ValueError."""
    try:
        url = make_url(raw)
    except Exception as error:
        raise ValueError("it is not a database URL") from error
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise ValueError(f"driver {url.drivername!r} is not supported")
    if url.drivername == "sqlite" and url.database in (None, "", ":memory:"):
        raise ValueError("SQLite needs a file: several workers share the database")
    if url.drivername == "sqlite" and not 0 < _patience(url) <= LONGEST_BUSY_TIMEOUT_SECONDS:
        raise ValueError(f"timeout is not from 1 to {LONGEST_BUSY_TIMEOUT_SECONDS} seconds")
    return raw


def _patience(url: URL) -> int:
    """Return for how many seconds a write waits for others; 0 when the URL makes no sense of it."""
    asked = str(url.query.get("timeout", BUSY_TIMEOUT_SECONDS))
    return int(asked) if re.fullmatch(r"[0-9]{1,2}", asked) else 0


def engine_options(url: str) -> dict[str, Any]:
    """Return Flask-SQLAlchemy's engine options for the URL."""
    if make_url(url).drivername == "sqlite":
        return {"hide_parameters": True}
    return {
        "pool_size": 5,
        "max_overflow": 10,
        "pool_timeout": 10,
        "connect_args": {"connect_timeout": 5},
        "hide_parameters": True,
        "execution_options": {"postgresql_readonly": True},
    }


def prepare_engine(engine: Engine) -> None:
    """Make SQLite durable and strict, its transactions say at once what they are, and PostgreSQL's
    connections survive its restart.
    """
    if engine.dialect.name != "sqlite":
        event.listen(engine, "checkout", _check_silence)
        return
    _TURNS[engine] = Turns(str(engine.url.database), _patience(engine.url))
    event.listen(engine, "handle_error", _leave_broken_connections)
    event.listen(engine, "connect", partial(_set_pragmas, _patience(engine.url)))
    event.listen(engine, "begin", _begin_sqlite)


def _check_silence(connection: Any, _record: object, _proxy: object) -> None:
    # A server says nothing on an idle connection but that it ends. To look costs nothing; the
    # usual ping would be one round trip more for every request.
    poll = select.poll()
    if not connection.closed:
        poll.register(connection.fileno(), select.POLLIN)
    if connection.closed or poll.poll(0):
        raise InvalidatePoolError("the database has closed the connection")


def _leave_broken_connections(context: ExceptionContext) -> None:
    # All of the pool, as after a lost PostgreSQL: else each worker would stay broken until its
    # last old connection had failed.
    if is_of_the_connection(context.original_exception):
        context.is_disconnect = True


def _set_pragmas(patience: int, connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own transaction handling cannot begin IMMEDIATE; ours can.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={patience * 1000}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "cache_size=-16000",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    writes = bool(connection.get_execution_options().get(_WRITING))
    # A write that nobody announced would begin as a read and could fail half-way with
    # "database is locked"; query_only turns it into an error at once, in every test.
    if connection.info.get(_WRITING) is not writes:
        run_text(connection, f"PRAGMA query_only={'OFF' if writes else 'ON'}")
        connection.info[_WRITING] = writes
    if writes:
        _begin_to_write(connection)
    else:
        run_text(connection, "BEGIN")


def _begin_to_write(connection: Connection) -> None:
    # Who has waited for the turn waits only for the rest of the time for whoever has none, such
    # as another program: else each in the line would wait for the whole time, one after the other.
    turns = _TURNS.get(connection.engine)
    waited = turns is not None and turns.left < turns.patience - _SHORT_SECONDS
    if not waited or turns is None:
        run_text(connection, "BEGIN IMMEDIATE")
        return
    driver: Any = connection.connection.dbapi_connection
    driver.execute(f"PRAGMA busy_timeout={int(turns.left * 1000)}").close()
    try:
        run_text(connection, "BEGIN IMMEDIATE")
    finally:
        with suppress(sqlite3.ProgrammingError):  # closed, because it found the file unusable
            driver.execute(f"PRAGMA busy_timeout={int(turns.patience * 1000)}").close()


def writable(connection: Connection) -> Connection:
    """Return the connection with its next transactions allowed to write."""
    return connection.execution_options(**_write_options(connection.dialect.name))


def one_moment(engine: Engine) -> Connection:
    """Connect for reads that all see the database as it was at the first of them."""
    options = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name != "sqlite" else {}
    return engine.connect().execution_options(**options)


def single_statements(db: SQLAlchemy) -> Session:
    """Return the session, each of whose statements is a transaction of its own on PostgreSQL.

    To say where one begins and ends would be two round trips more. On SQLite, where they cost
    nothing, they stay together and may only read.
    """
    session = db.session()
    if db.engine.dialect.name == "sqlite":
        return session
    if session.in_transaction():
        if session.connection().get_execution_options().get("isolation_level") == _SINGLE:
            return session
        session.rollback()
    session.connection(execution_options={"isolation_level": _SINGLE})
    return session


def _write_options(dialect: str) -> dict[str, Any]:
    if dialect == "postgresql":
        return {_WRITING: True, "postgresql_readonly": False}
    return {_WRITING: True}


@contextmanager
def turn(engine: Engine) -> Iterator[None]:
    """Wait for the one writer's turn: SQLite has only one at a time, PostgreSQL needs no line."""
    turns = _TURNS.get(engine)
    if turns is None:
        yield
        return
    with ExitStack() as stack:
        try:
            stack.enter_context(turns.taken())
        except OSError as error:  # TimeoutError is one, and what keeps the line's file closed
            raise OperationalError("BEGIN IMMEDIATE", {}, error) from error
        yield


@contextmanager
def writing(db: SQLAlchemy) -> Iterator[Session]:
    """Yield the session inside the one write transaction; commit at the end, or roll back.

    What was read before is let go first, so that decisions are taken on rows read under the
    write's own locks. Not reentrant: a nested call would commit half of the outer one.
    """
    session = db.session()
    if session.info.get(_WRITING):
        raise RuntimeError("a write transaction is open already")
    session.rollback()
    with turn(db.engine):
        session.info[_WRITING] = True
        try:
            session.connection(execution_options=_write_options(db.engine.dialect.name))
            yield session
            session.commit()
        except BaseException:
            session.rollback()
            raise
        finally:
            session.info.pop(_WRITING, None)


Writing = Callable[[], AbstractContextManager[Session]]

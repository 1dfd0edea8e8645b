"""Transactions: announced writes, durable and one at a time; everything else read-only."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import text
from sqlalchemy.exc import StatementError

from sentari.accounts.models import User
from sentari.extensions import db, writing
from serverkit.database import parse_database_url
from tests.clocks import NOON
from tests.conftest import AppFactory


def user(email: str, at: datetime = NOON) -> User:
    return User(email=email, password_hash="x", role="admin", created_at=at)


def emails() -> list[str]:
    return [found.email for found in db.session.query(User).order_by(User.email)]


def add_and_fail() -> None:
    with writing() as session:
        session.add(user("a@b.c"))
        session.flush()
        raise ZeroDivisionError


def nest() -> None:
    with writing(), writing():
        pass


def test_a_write_is_committed_at_its_end(make_app: AppFactory, database_url: str) -> None:
    with make_app(database_url).app_context():
        with writing() as session:
            session.add(user("a@b.c"))
        db.session.remove()
        assert emails() == ["a@b.c"]


def test_a_failed_write_leaves_nothing(make_app: AppFactory, database_url: str) -> None:
    with make_app(database_url).app_context():
        with pytest.raises(ZeroDivisionError):
            add_and_fail()
        assert emails() == []


def test_writes_do_not_nest(make_app: AppFactory, sqlite_url: str) -> None:
    with make_app(sqlite_url).app_context():
        with pytest.raises(RuntimeError, match="open already"):
            nest()
        with writing() as session:
            session.add(user("a@b.c"))
        assert emails() == ["a@b.c"]


def test_a_read_after_a_write_is_read_only_again(make_app: AppFactory, database_url: str) -> None:
    with make_app(database_url).app_context():
        with writing() as session:
            session.add(user("a@b.c"))
        db.session.add(user("b@b.c"))
        with pytest.raises(Exception, match=r"read-only|readonly"):
            db.session.flush()
        db.session.rollback()
        assert emails() == ["a@b.c"]


def test_sqlite_is_set_up_to_keep_what_it_acknowledged(
    make_app: AppFactory, sqlite_url: str
) -> None:
    with make_app(sqlite_url).app_context():
        pragmas = {
            name: db.session.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {
        "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 15_000,
    }  # fmt: skip


def test_connections_that_the_database_closed_are_replaced_before_they_are_used(
    make_app: AppFactory, postgres_url: str
) -> None:
    with make_app(postgres_url).app_context():
        connections = [db.engine.connect() for _ in range(3)]
        query = text("SELECT pg_backend_pid()")
        pids = [connection.execute(query).scalar_one() for connection in connections]
        for connection in connections:
            connection.close()
        with db.engine.connect() as kept:
            kept_pid = kept.execute(query).scalar_one()
            for pid in set(pids) - {kept_pid}:
                kept.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
            for _ in range(2):
                with db.engine.connect() as connection:
                    assert connection.execute(query).scalar_one() not in pids


def test_times_come_back_as_aware_utc(make_app: AppFactory, database_url: str) -> None:
    local = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=-7)))
    with make_app(database_url).app_context():
        with writing() as session:
            session.add(user("a@b.c", local))
        db.session.remove()
        stored = db.session.query(User).one().created_at
    assert stored == local
    assert stored.tzinfo == UTC


def test_a_naive_time_is_refused(make_app: AppFactory, sqlite_url: str) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - the fault itself
    app = make_app(sqlite_url)
    with app.app_context(), pytest.raises(StatementError, match="naive"), writing() as session:
        session.add(user("a@b.c", naive))


@pytest.mark.parametrize("url", ["sqlite:////x/y.db", "postgresql+psycopg://u:p@h:5432/d"])
def test_a_supported_database_is_taken(url: str) -> None:
    assert parse_database_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:////x.db?timeout=0",
        "sqlite:////x.db?timeout=61",
        "sqlite:////x.db?timeout=1.5",
        "sqlite:////x.db?timeout=2&timeout=3",
        "postgresql://h/d",
        "mysql://h/d",
        "x",
        "",
    ],
)
def test_another_database_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"supported|URL|file|timeout"):
        parse_database_url(url)

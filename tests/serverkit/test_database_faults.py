"""What clients are told when the database fails, by the errors that real databases raise."""

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg.errors
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
    TimeoutError,  # noqa: A004 - SQLAlchemy's own
)

from serverkit.database import prepare_engine, writable
from serverkit.database_faults import BUSY, DAMAGED, FULL, LOST, READ_ONLY, Fault, fault_of
from serverkit.http import register_http
from serverkit.problems import register_problems

ROWS = text("INSERT INTO t SELECT hex(randomblob(2000)) FROM t LIMIT 1000")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A file with one table, set up as the servers set theirs up."""
    engine = create_engine(f"sqlite:///{tmp_path}/x.db", connect_args={"timeout": 0})
    prepare_engine(engine)
    with writable(engine.connect()) as connection, connection.begin():
        connection.execute(text("CREATE TABLE t (x TEXT UNIQUE)"))
        connection.execute(text("INSERT INTO t VALUES ('1'), ('2')"))
    yield engine
    engine.dispose()


def write(engine: Engine, *before: str) -> None:
    with writable(engine.connect()) as connection, connection.begin():
        for statement in before:
            connection.exec_driver_sql(statement)
        for _ in range(12):
            connection.execute(ROWS)


def fill(engine: Engine) -> None:
    write(engine, "PRAGMA max_page_count=40")


def write_read_only(engine: Engine) -> None:
    write(engine, "PRAGMA query_only=ON")


def read_damaged(engine: Engine) -> None:
    engine.dispose()
    Path(str(engine.url.database)).write_bytes(b"not a database" * 1000)
    with engine.connect() as connection:
        connection.execute(text("SELECT * FROM t"))


def break_a_rule(engine: Engine) -> None:
    write(engine, "INSERT INTO t VALUES ('1')")


@pytest.mark.parametrize(
    ("fail", "fault"),
    [
        (fill, FULL),
        (write_read_only, READ_ONLY),
        (read_damaged, DAMAGED),
        (break_a_rule, None),
    ],
)
def test_sqlite_s_own_errors_are_told_apart(
    engine: Engine, fail: Callable[[Engine], None], fault: Fault | None
) -> None:
    with pytest.raises(SQLAlchemyError) as raised:
        fail(engine)
    assert fault_of(raised.value) == fault


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (OperationalError("", {}, psycopg.errors.AdminShutdown()), BUSY),
        (OperationalError("", {}, psycopg.errors.DiskFull()), FULL),
        (InterfaceError("", {}, psycopg.InterfaceError("the connection is closed")), BUSY),
        (DBAPIError("", {}, psycopg.Error("lost"), connection_invalidated=True), LOST),
        (DBAPIError("", {}, psycopg.errors.DataCorrupted()), DAMAGED),
        (TimeoutError("the pool is used up"), BUSY),
        (OperationalError("", {}, OSError(errno.EROFS, "no file can be opened")), READ_ONLY),
        (OperationalError("", {}, OSError(errno.ENOSPC, "no file can be made")), FULL),
        (OperationalError("", {}, OSError("the turn did not come")), BUSY),
        (IntegrityError("", {}, psycopg.errors.UniqueViolation()), None),
        (DBAPIError("", {}, psycopg.errors.SyntaxError()), None),
    ],
)
def test_other_errors_are_the_database_s_or_bugs(
    error: SQLAlchemyError, fault: Fault | None
) -> None:
    assert fault_of(error) == fault


@pytest.fixture
def client(engine: Engine) -> FlaskClient:
    app = Flask(__name__)
    register_http(app, trusted_proxies=0)
    register_problems(app, lambda problem: f"<h1>{problem.detail}</h1>")
    app.add_url_rule("/api/fill", "fill", lambda: fill(engine))
    app.add_url_rule("/fill", "fill-page", lambda: fill(engine))
    app.add_url_rule("/api/bug", "bug", lambda: break_a_rule(engine))
    return app.test_client()


def test_programs_and_people_are_told_what_failed_and_when_to_try_again(
    client: FlaskClient,
) -> None:
    answer = client.get("/api/fill")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json is not None
    assert answer.json["code"] == "disk_full"
    assert "Nothing was changed" in answer.json["detail"]
    page = client.get("/fill")
    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
    assert "disk that holds the database is full" in page.text


def test_a_bug_in_what_the_database_is_asked_stays_an_internal_error(client: FlaskClient) -> None:
    answer = client.get("/api/bug")
    assert answer.status_code == 500
    assert "UNIQUE" not in answer.text


@pytest.mark.parametrize(("fail", "kept"), [(write_read_only, False), (break_a_rule, True)])
def test_a_connection_that_found_the_file_unusable_is_not_used_again(
    engine: Engine, fail: Callable[[Engine], None], kept: bool
) -> None:
    with engine.connect() as connection:
        before = connection.connection.dbapi_connection
    with pytest.raises(SQLAlchemyError):
        fail(engine)
    with engine.connect() as connection:
        assert (connection.connection.dbapi_connection is before) is kept

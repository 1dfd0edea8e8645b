"""Statements on the driver itself mean what the library's own execution of them means."""

import pytest
from sqlalchemy import BindParameter, bindparam, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from sentari.accounts.models import User
from sentari.extensions import db, writing
from serverkit.database import UtcDateTime, single_statements
from serverkit.driver import DriverStatement, run_text
from tests.clocks import NOON
from tests.conftest import AppFactory
from tests.postgres import connect

USER = User.__table__
EMAIL: BindParameter[str] = bindparam("this_email")
ADD = DriverStatement(insert(USER))
RENAME = DriverStatement(update(USER).where(USER.c.email == EMAIL))
SINCE = DriverStatement(
    select(USER.c.email, func.coalesce(USER.c.disabled_at.is_(None), False)).where(
        USER.c.created_at >= bindparam("since", type_=UtcDateTime)
    )
)


def add(email: str) -> None:
    row = {"email": email, "password_hash": "x", "role": "admin", "created_at": NOON}
    with writing() as session:
        ADD.run(session.connection(), row)


def test_values_are_stored_and_found_as_through_the_library(
    make_app: AppFactory, database_url: str
) -> None:
    with make_app(database_url).app_context():
        add("a@b.c")
        assert db.session.query(User).one().created_at == NOON
        found = SINCE.run(db.session().connection(), {"since": NOON}).fetchall()
        assert [(email, bool(flag)) for email, flag in found] == [("a@b.c", True)]


def test_the_columns_to_set_are_those_that_come(make_app: AppFactory, database_url: str) -> None:
    with make_app(database_url).app_context():
        add("a@b.c")
        for values in ({"role": "viewer"}, {"email": "d@e.f", "role": "admin"}):
            with writing() as session:
                changed = RENAME.run(session.connection(), {"this_email": "a@b.c", **values})
            assert changed.rowcount == 1
        assert [(user.email, user.role) for user in db.session.query(User)] == [("d@e.f", "admin")]


def test_a_refusal_is_the_librarys_error(make_app: AppFactory, database_url: str) -> None:
    with make_app(database_url).app_context():
        add("a@b.c")
        with pytest.raises(IntegrityError) as caught:
            add("a@b.c")
        assert caught.value.hide_parameters
        with pytest.raises((ProgrammingError, OperationalError)):
            run_text(db.session().connection(), "SELECT nothing FROM nowhere")


def test_a_connection_that_broke_is_not_given_to_anybody_else(
    make_app: AppFactory, postgres_url: str
) -> None:
    with make_app(postgres_url).app_context():
        connection = db.session().connection()
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        with connect(postgres_url) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        with pytest.raises(OperationalError) as caught:
            run_text(connection, "SELECT 1")
        assert caught.value.connection_invalidated
        db.session.rollback()
        assert db.session.scalar(text("SELECT 1")) == 1


def test_single_statements_do_not_wait_for_the_session_to_end(
    make_app: AppFactory, database_url: str
) -> None:
    with make_app(database_url).app_context():
        first = single_statements(db)
        assert single_statements(db) is first
        run_text(first.connection(), "SELECT 1")
        began = first.connection().scalar(text("SELECT 1"))
        assert began == 1
        if db.engine.dialect.name == "postgresql":
            driver = first.connection().connection.dbapi_connection
            assert driver is not None
            assert driver.autocommit
        with writing() as session:
            session.add(User(email="a@b.c", password_hash="x", role="admin", created_at=NOON))
        db.session.add(User(email="b@b.c", password_hash="x", role="admin", created_at=NOON))
        with pytest.raises(Exception, match=r"read-only|readonly"):
            db.session.flush()

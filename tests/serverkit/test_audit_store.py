"""The audit log in the database: appended to by one writer at a time, never changed."""

import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from sentari.audit.store import audit_log, head, newest, record
from sentari.extensions import current, db, writing
from serverkit.database import writable
from tests.conftest import AppFactory


def note(action: str, **detail: object) -> None:
    with writing() as session:
        record(session, at=current().clock.now(), actor="test", action=action, detail=detail)


def note_and_fail() -> None:
    with writing() as session:
        record(session, at=current().clock.now(), actor="test", action="TESTED")
        raise ZeroDivisionError


def test_what_was_appended_verifies_and_moves_the_head(
    make_app: AppFactory, database_url: str
) -> None:
    with make_app(database_url).app_context():
        assert head(db.session()) == (0, "0" * 64)
        for number in range(3):
            note("TESTED", number=number, text="ä\n")
        verdict = audit_log.verify(db.session())
        assert verdict.intact
        assert head(db.session()) == (3, verdict.head)


def test_a_rolled_back_change_leaves_no_entry(make_app: AppFactory, database_url: str) -> None:
    with make_app(database_url).app_context():
        with pytest.raises(ZeroDivisionError):
            note_and_fail()
        assert head(db.session())[0] == 0


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_event SET actor = 'nobody'", "DELETE FROM audit_event"],
)
def test_the_database_refuses_to_change_what_was_written(
    make_app: AppFactory, database_url: str, statement: str
) -> None:
    with make_app(database_url).app_context():
        note("TESTED")
        with pytest.raises(DatabaseError, match="append-only"), writing() as session:
            session.execute(text(statement))
        assert audit_log.verify(db.session()).intact


def test_a_cut_end_is_found_through_the_head(make_app: AppFactory, sqlite_url: str) -> None:
    with make_app(sqlite_url).app_context():
        for _ in range(3):
            note("TESTED")
        with writable(db.engine.connect()) as connection, connection.begin():
            connection.execute(text("DROP TRIGGER audit_event_no_delete"))
            connection.execute(text("DELETE FROM audit_event WHERE seq = 3"))
        assert "entry 3 was written" in (audit_log.verify(db.session()).problem or "")


def test_a_damaged_detail_is_a_finding(make_app: AppFactory, sqlite_url: str) -> None:
    with make_app(sqlite_url).app_context():
        note("TESTED")
        with writable(db.engine.connect()) as connection, connection.begin():
            connection.execute(text("DROP TRIGGER audit_event_no_update"))
            connection.execute(text("UPDATE audit_event SET detail = '[1'"))
        assert audit_log.verify(db.session()).broken_seq == 1


def test_writers_at_once_make_one_chain(make_app: AppFactory, database_url: str) -> None:
    app = make_app(database_url)

    def write() -> None:
        with app.app_context():
            for _ in range(10):
                note("TESTED")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with app.app_context():
        verdict = audit_log.verify(db.session())
        assert verdict.intact
        assert verdict.checked == 40


def test_the_newest_of_several_actions_is_found(make_app: AppFactory, sqlite_url: str) -> None:
    with make_app(sqlite_url).app_context():
        for action in ("A", "B", "C"):
            note(action)
        assert newest(db.session(), ["A", "B"]).action == "B"
        assert newest(db.session(), ["D"]) is None


def test_a_write_outside_a_write_transaction_is_refused(
    make_app: AppFactory, database_url: str
) -> None:
    with make_app(database_url).app_context():
        with pytest.raises(DatabaseError):
            db.session.execute(text("INSERT INTO audit_head (id, seq, hash) VALUES (1, 1, 'x')"))
        db.session.rollback()

"""A long audit log is walked step by step, and nobody can make up where a walk has come to."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from sentari.audit.store import audit_log, record
from sentari.extensions import current, db, writing
from serverkit.audit.chain import Verdict
from serverkit.audit.walk import Walk, take_step
from serverkit.database import writable
from tests.conftest import SECRET, AppFactory

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def note(times: int) -> None:
    with writing() as session:
        for number in range(times):
            detail = {"number": number}
            record(session, at=current().clock.now(), actor="test", action="X", detail=detail)


def edit(statement: str) -> None:
    """Change the log as somebody with the database in hand would."""
    with writable(db.engine.connect()) as connection, connection.begin():
        for verb in ("update", "delete"):
            connection.execute(text(f"DROP TRIGGER IF EXISTS audit_event_no_{verb}"))
        connection.execute(text(statement))
    db.session.rollback()


def step(step: str = "", *, now: datetime = NOW, secret: str = SECRET) -> Walk:
    return take_step(db.session(), audit_log, step, secret_key=secret, now=now, entries=10)


def walked(walk: Walk) -> Walk:
    while walk.next_step:
        walk = step(walk.next_step)
    return walk


def test_a_walk_in_steps_finds_what_a_whole_one_does(
    make_app: AppFactory, database_url: str
) -> None:
    with make_app(database_url).app_context():
        written = 0
        for entries in (0, 9, 10, 11, 25):
            note(entries - written)
            written = entries
            walk = step()
            assert (walk.verdict.checked, walk.total) == (min(entries, 10), entries)
            verdict = walked(walk).verdict
            assert verdict == audit_log.verify(db.session())
            assert (verdict.intact, verdict.checked) == (True, entries)


@pytest.mark.parametrize(
    ("statement", "broken", "problem"),
    [
        ("UPDATE audit_event SET actor = 'nobody' WHERE seq = 3", 3, "was changed"),
        ("UPDATE audit_event SET actor = 'nobody' WHERE seq = 14", 14, "was changed"),
        ("DELETE FROM audit_event WHERE seq = 11", 12, "entry 11 is missing"),
        ("DELETE FROM audit_event WHERE seq = 25", 25, "entry 25 was written"),
        ("DELETE FROM audit_event", 1, "entry 25 was written"),
        ("UPDATE audit_head SET seq = 24", 26, "entry 24 was written"),
    ],
)
def test_the_first_break_is_named_whichever_step_it_is_in(
    make_app: AppFactory, sqlite_url: str, statement: str, broken: int, problem: str
) -> None:
    with make_app(sqlite_url).app_context():
        note(25)
        edit(statement)
        verdict = walked(step()).verdict
        assert verdict == audit_log.verify(db.session())
        assert verdict.broken_seq == broken
        assert problem in (verdict.problem or "")


def test_a_log_that_grows_while_it_is_walked_is_no_broken_one(
    make_app: AppFactory, database_url: str
) -> None:
    app = make_app(database_url)
    over = threading.Event()

    def write() -> None:
        with app.app_context():
            while not over.is_set():
                note(1)

    with app.app_context():
        note(15)
        thread = threading.Thread(target=write)
        thread.start()
        try:
            for _ in range(6):
                db.session.rollback()
                verdict, finished = Verdict.at_the_beginning(), False
                while not finished:
                    verdict, finished = audit_log.verify_part(db.session(), verdict, 10)
                assert verdict.intact, verdict.problem
        finally:
            over.set()
            thread.join()


def test_a_step_that_is_made_up_or_old_begins_anew(make_app: AppFactory, sqlite_url: str) -> None:
    with make_app(sqlite_url).app_context():
        note(25)
        first = step().next_step
        assert first is not None
        elsewhere = step(secret="another secret of the tests, as long").next_step
        for forged in ("x", "é", "a" * 5000, first[:-4], first.swapcase(), elsewhere or ""):
            assert step(forged).verdict.checked == 10
        nearly, over = NOW + timedelta(minutes=10, seconds=-1), NOW + timedelta(minutes=10)
        assert step(first, now=nearly).verdict.checked == 20
        assert step(first, now=over).verdict.checked == 10
        # The servers that take turns may have clocks that differ a little.
        assert step(first, now=NOW - timedelta(seconds=5)).verdict.checked == 20


def test_a_break_behind_a_walk_is_found_by_the_next_one(
    make_app: AppFactory, sqlite_url: str
) -> None:
    with make_app(sqlite_url).app_context():
        note(25)
        second = step(step().next_step or "")
        edit("UPDATE audit_event SET actor = 'nobody' WHERE seq = 3")
        assert walked(second).verdict.intact
        assert walked(step()).verdict.broken_seq == 3

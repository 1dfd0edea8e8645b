"""Writes that come at once share a transaction; each fails or succeeds for itself."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from sentari.accounts.models import User
from sentari.extensions import db, write_with_others, writing
from serverkit.shared_writes import SharedWrites
from tests.clocks import NOON
from tests.conftest import AppFactory

Work = Callable[[Session], str]


def add(email: str) -> Work:
    def work(session: Session) -> str:
        session.add(User(email=email, password_hash="x", role="admin", created_at=NOON))
        session.flush()
        return email

    return work


def add_and_fail(session: Session) -> str:
    add("lost")(session)
    raise ZeroDivisionError


class Line:
    """Threads that write through one SharedWrites, and how often a transaction was begun."""

    def __init__(self, app: Flask, fail: Callable[[int], None] = lambda _number: None) -> None:
        self.app, self.began, self.committed = app, 0, 0
        self.pool = ThreadPoolExecutor(8)
        self._fail = fail
        self.shared = SharedWrites(self._writing)

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        self.began += 1
        self._fail(self.began)
        with writing() as session:
            yield session
        self.committed += 1

    def submit(self, work: Work) -> Future[str]:
        def run() -> str:
            with self.app.app_context():
                return self.shared.run(work)

        return self.pool.submit(run)

    def submit_behind(self, works: list[Work]) -> list[Future[str]]:
        """Have the works gather in the line while another write is under way."""
        writes, over = threading.Event(), threading.Event()

        def first(session: Session) -> str:
            writes.set()
            assert over.wait(10)
            return add("first")(session)

        running = [self.submit(first)]
        assert writes.wait(10)
        for place, work in enumerate(works):
            running.append(self.submit(work))
            while len(self.shared._line) <= place:
                assert not over.wait(0.001)
        over.set()
        return running


def emails(app: Flask) -> set[str]:
    with app.app_context():
        return {user.email for user in db.session.query(User)}


def test_what_gathers_behind_a_write_shares_one_transaction(app: Flask) -> None:
    line = Line(app)
    running = line.submit_behind([add(name) for name in "abcd"])
    assert [each.result(10) for each in running] == ["first", *"abcd"]
    assert (line.began, line.committed) == (2, 2)
    assert emails(app) == {"first", *"abcd"}


def test_nobody_suffers_from_anothers_failure(app: Flask) -> None:
    line = Line(app)
    running = line.submit_behind([add("a"), add_and_fail, add("b"), add("a")])
    assert [each.result(10) for each in (running[0], running[1], running[3])] == ["first", "a", "b"]
    assert isinstance(running[2].exception(10), ZeroDivisionError)
    assert isinstance(running[4].exception(10), IntegrityError)
    assert emails(app) == {"first", "a", "b"}
    assert line.submit(add("later")).result(10) == "later"


def test_a_failure_alone_is_raised_and_the_line_goes_on(app: Flask) -> None:
    line = Line(app)
    assert isinstance(line.submit(add_and_fail).exception(10), ZeroDivisionError)
    assert line.submit(add("a")).result(10) == "a"
    assert emails(app) == {"a"}


def test_a_database_that_lets_nobody_begin_is_asked_once_for_all(app: Flask) -> None:
    def fail(number: int) -> None:
        if number == 2:
            raise OperationalError("BEGIN IMMEDIATE", {}, Exception("database is locked"))

    line = Line(app, fail)
    running = line.submit_behind([add(name) for name in "abc"])
    assert running[0].result(10) == "first"
    assert all(isinstance(each.exception(10), OperationalError) for each in running[1:])
    assert line.began == 2
    assert line.submit(add("later")).result(10) == "later"
    assert emails(app) == {"first", "later"}


def test_nothing_is_lost_between_many_threads(app: Flask) -> None:
    line = Line(app)
    names = [f"user-{number}" for number in range(200)]
    running = [line.submit(add(name)) for name in names]
    assert [each.result(30) for each in running] == names
    assert line.committed <= len(names)
    assert emails(app) == set(names)


def test_both_databases_commit_before_they_answer(make_app: AppFactory, database_url: str) -> None:
    app = make_app(database_url)
    with app.app_context():
        assert write_with_others(add("a")) == "a"
        with pytest.raises(ZeroDivisionError):
            write_with_others(add_and_fail)
    assert emails(app) == {"a"}

"""Rate limits count in the database: exact across workers, over when their window is."""

import threading

import pytest

from sentari.extensions import db, writing
from sentari.rate_limits import create_rate_limiter
from serverkit.problems import Problem
from serverkit.rate_limits import RateLimiter, limit_sign_in
from tests.clocks import FakeClock
from tests.conftest import AppFactory


def test_one_hit_too_many_is_refused_until_the_window_ends(
    make_app: AppFactory, database_url: str, clock: FakeClock
) -> None:
    with make_app(database_url).app_context():
        limiter = create_rate_limiter(db.engine, clock)
        for _ in range(3):
            limiter.hit("3/minute", "test", "a")
        limiter.hit("3/minute", "test", "b")
        with pytest.raises(Problem) as refusal:
            limiter.hit("3/minute", "test", "a")
        assert refusal.value.headers == {"Retry-After": "61"}
        clock.advance(59.9)
        with pytest.raises(Problem):
            limiter.hit("3/minute", "test", "a")
        clock.advance(0.1)
        limiter.hit("3/minute", "test", "a")


def test_workers_at_once_share_one_count(
    make_app: AppFactory, database_url: str, clock: FakeClock
) -> None:
    app, passed = make_app(database_url), []

    def hit() -> None:
        with app.app_context():
            limiter = create_rate_limiter(db.engine, clock)
            for _ in range(10):
                try:
                    limiter.hit("20/minute", "test", "a")
                except Problem:
                    continue
                passed.append(1)

    threads = [threading.Thread(target=hit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 20


def test_one_account_takes_a_hundred_guesses_an_hour_wherever_they_come_from(
    make_app: AppFactory, sqlite_url: str, clock: FakeClock
) -> None:
    with make_app(sqlite_url).app_context():
        limiter = create_rate_limiter(db.engine, clock)

        def guess(number: int, account: str) -> bool:
            try:
                limit_sign_in(limiter, "login", address=f"192.0.2.{number}", account=account)
            except Problem:
                return False
            return True

        for _ in range(20):
            assert all(guess(number, " Ann@example.com") for number in range(5))
            clock.advance(60)
        assert not guess(9, "ann@example.com")
        assert guess(1, "bob@example.com"), "another account has a count of its own"
        clock.advance(40 * 60 - 1)
        assert not guess(9, "ann@example.com")
        clock.advance(1)
        assert guess(1, "ann@example.com")


def rows() -> int:
    with db.engine.connect() as connection:
        count: int = connection.exec_driver_sql("SELECT count(*) FROM rate_limit").scalar_one()
        return count


def hit_within(limiter: RateLimiter, *, fail: bool = False) -> None:
    with writing() as session:
        limiter.hit_within(session.connection(), "2/minute", "test", "a")
        if fail:
            raise ZeroDivisionError


def test_a_hit_within_a_transaction_counts_when_that_is_committed(
    make_app: AppFactory, database_url: str, clock: FakeClock
) -> None:
    with make_app(database_url).app_context():
        limiter = create_rate_limiter(db.engine, clock)
        for _ in range(5):
            with pytest.raises(ZeroDivisionError):
                hit_within(limiter, fail=True)
        hit_within(limiter)
        limiter.hit("2/minute", "test", "a")
        with pytest.raises(Problem):
            hit_within(limiter)


def test_one_too_many_writes_nothing_and_the_next_does_not_even_ask(
    make_app: AppFactory, database_url: str, clock: FakeClock
) -> None:
    with make_app(database_url).app_context():
        limiter, other = (create_rate_limiter(db.engine, clock) for _ in range(2))
        for _ in range(2):
            limiter.hit("2/minute", "test", "a")
        other.check("2/minute", "test", "a")  # what it was not told it does not know
        for _ in range(3):
            with pytest.raises(Problem):
                other.hit("2/minute", "test", "a")
        with db.engine.connect() as connection:
            counted = connection.exec_driver_sql("SELECT hits FROM rate_limit").scalar_one()
        assert counted == 2
        db.engine.dispose()
        with pytest.raises(Problem):
            other.check("2/minute", "test", "a")
        assert db.engine.pool.checkedin() == 0  # type: ignore[attr-defined]
        clock.advance(60)
        other.check("2/minute", "test", "a")
        other.hit("2/minute", "test", "a")


def test_the_counters_of_ended_windows_are_swept(
    make_app: AppFactory, database_url: str, clock: FakeClock
) -> None:
    with make_app(database_url).app_context():
        limiter = create_rate_limiter(db.engine, clock)
        for number in range(5):
            limiter.hit("3/minute", "test", str(number))
        clock.advance(61)
        limiter.hit("3/minute", "test", "x")
        assert rows() == 1


def test_a_sweep_leaves_counters_that_somebody_counts_in(
    make_app: AppFactory, postgres_url: str, clock: FakeClock
) -> None:
    with make_app(postgres_url).app_context():
        limiter, other = (create_rate_limiter(db.engine, clock) for _ in range(2))
        limiter.hit("3/minute", "test", "a")
        limiter.hit("3/minute", "test", "b")
        clock.advance(61)
        with writing() as session:
            other.hit_within(session.connection(), "3/minute", "test", "a")
            limiter.hit("3/minute", "test", "c")  # sweeps, and waits for nobody
        assert rows() == 2

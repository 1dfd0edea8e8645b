"""Rate limits count in the database: exact across workers, over when their window is."""

import threading

import pytest

from sentari.extensions import db
from sentari.rate_limits import create_rate_limiter
from serverkit.problems import Problem
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


def test_the_counters_of_ended_windows_are_swept(
    make_app: AppFactory, sqlite_url: str, clock: FakeClock
) -> None:
    with make_app(sqlite_url).app_context():
        limiter = create_rate_limiter(db.engine, clock)
        for number in range(5):
            limiter.hit("3/minute", "test", str(number))
        clock.advance(61)
        limiter.hit("3/minute", "test", "x")
        with db.engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM rate_limit").scalar() == 1

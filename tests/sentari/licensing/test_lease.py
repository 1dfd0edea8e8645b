"""Leases, on both databases: one holder, whoever comes and whenever."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask

from sentari.extensions import db, writing
from sentari.licensing.core import reading
from sentari.licensing.lease import Claim, new_holder
from tests.clocks import NOON
from tests.conftest import AppFactory

SECONDS = 110
RIVALS = 8


@pytest.fixture
def app(make_app: AppFactory, database_url: str) -> Flask:
    return make_app(database_url)


def claim(holder: str = "first", name: str = "scheduler") -> Claim:
    return Claim(name, holder, SECONDS)


def take(app: Flask, wanted: Claim, after: float = 0) -> bool:
    with app.app_context(), writing() as session:
        return wanted.take(session, NOON + timedelta(seconds=after))


def held(app: Flask, wanted: Claim, after: float = 0) -> bool:
    with app.app_context(), reading() as session:
        return wanted.held(session, NOON + timedelta(seconds=after))


def free(app: Flask, wanted: Claim, after: float = 0) -> bool:
    with app.app_context(), reading() as session:
        return wanted.free(session, NOON + timedelta(seconds=after))


def release(app: Flask, wanted: Claim) -> None:
    with app.app_context(), writing() as session:
        wanted.release(session)


def test_the_first_takes_a_lease_and_a_second_is_refused(app: Flask) -> None:
    assert free(app, claim())
    assert take(app, claim())
    assert held(app, claim())
    assert not take(app, claim("second"))
    assert not held(app, claim("second"))
    assert not free(app, claim("second"))


@pytest.mark.parametrize(("after", "gone"), [(109, False), (110, True), (111, True)])
def test_a_lease_that_is_not_renewed_runs_out(app: Flask, after: int, gone: bool) -> None:
    take(app, claim())
    assert held(app, claim(), after) is not gone
    assert free(app, claim("second"), after) is gone
    assert take(app, claim("second"), after) is gone
    assert held(app, claim("second"), after) is gone


def test_a_holder_renews_and_keeps_the_lease(app: Flask) -> None:
    for after in range(0, 600, 60):
        assert take(app, claim(), after)
        assert not take(app, claim("second"), after + 59)


def test_a_released_lease_is_free_at_once(app: Flask) -> None:
    take(app, claim())
    release(app, claim())
    assert not held(app, claim())
    assert take(app, claim("second"))


def test_only_the_holder_releases(app: Flask) -> None:
    take(app, claim())
    release(app, claim("second"))
    assert held(app, claim())


def test_leases_of_different_names_do_not_meet(app: Flask) -> None:
    assert take(app, claim(name="scheduler"))
    assert take(app, claim("second", name="check-in"))


@pytest.mark.parametrize(("back", "gone"), [(-111, True), (-110, False), (-109, False)])
def test_a_lease_from_before_the_clock_was_turned_back_keeps_nobody_out(
    app: Flask, back: int, gone: bool
) -> None:
    take(app, claim())
    assert held(app, claim(), back) is not gone
    assert take(app, claim("second"), back) is gone


def test_a_rival_whose_look_at_the_clock_was_a_moment_earlier_does_not_get_it(app: Flask) -> None:
    take(app, claim(), 1)
    assert not take(app, claim("second"))
    assert held(app, claim())


def test_of_rivals_that_come_at_once_one_gets_the_lease(app: Flask) -> None:
    barrier = threading.Barrier(RIVALS)

    def rush(after: int) -> bool:
        wanted = claim(new_holder())
        with app.app_context():
            barrier.wait(20)
            try:
                with writing() as session:
                    return wanted.take(session, NOON + timedelta(seconds=after))
            finally:
                db.session.remove()

    with ThreadPoolExecutor(RIVALS) as pool:
        for round_number in range(5):  # The first finds no row, each later one a lapsed lease.
            results = list(pool.map(rush, [round_number * SECONDS] * RIVALS))
            assert sorted(results) == [False] * (RIVALS - 1) + [True]


def test_holders_are_never_the_same() -> None:
    assert len({new_holder() for _ in range(100)}) == 100
    assert len(new_holder()) <= 100

"""Both caps are exact, on both databases, also when many ask at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from flask import Flask
from sqlalchemy import delete, event, insert, select, update
from sqlalchemy.orm import Session

from sentari.extensions import db, writing
from sentari.inventory.models import Device, InventoryTotals
from sentari.licensing import caps
from sentari.licensing.state import Facts, LicenseStatus, Usage, evaluate
from serverkit.problems import Problem
from tests.conftest import AppFactory
from tests.sentari.licensing.samples import ISSUED, make_claims


@pytest.fixture
def app(make_app: AppFactory, database_url: str) -> Flask:
    return make_app(database_url)


def status(**terms: object) -> LicenseStatus:
    return evaluate(make_claims(**terms), Facts(), ISSUED)


def write(app: Flask, work: Callable[[Session], object]) -> Usage:
    with app.app_context():
        with writing() as session:
            work(session)
        return caps.usage(db.session())


def enroll(session: Session, license_status: LicenseStatus) -> None:
    """Take a place and fill it, as a registration does."""
    caps.take_device_place(session, license_status)
    words = {"os": "linux", "arch": "amd64", "agent_version": "1"}
    times = {"enrolled_at": ISSUED, "last_seen_at": ISSUED}
    session.add(Device(uid=str(uuid4()), hostname="h", **words, **times))
    session.flush()


def remove_all(session: Session) -> None:
    session.execute(delete(Device))
    caps.release_device_places(session)


def refusal(app: Flask, work: Callable[[Session], object]) -> Problem:
    with pytest.raises(Problem) as caught:
        write(app, work)
    return caught.value


def test_devices_are_counted_up_to_the_cap_and_refused_past_it(app: Flask) -> None:
    license_status = status(max_devices=2)
    assert write(app, lambda s: enroll(s, license_status)).devices == 1
    assert write(app, lambda s: enroll(s, license_status)).devices == 2
    problem = refusal(app, lambda s: enroll(s, license_status))
    assert (problem.status, problem.code) == (402, "device_limit_reached")
    assert (problem.members["used"], problem.members["limit"]) == (2, 2)
    assert problem.members["license_state"] == "active"
    assert problem.headers["Retry-After"] == "3600"


def test_without_a_license_no_device_fits(app: Flask) -> None:
    unlicensed = evaluate(None, Facts(), ISSUED)
    problem = refusal(app, lambda s: enroll(s, unlicensed))
    assert problem.members["license_state"] == "unlicensed"


def test_a_license_without_caps_counts_and_refuses_nothing(app: Flask) -> None:
    unlimited = status(max_devices=None, max_packages=None)
    assert [write(app, lambda s: enroll(s, unlimited)).devices for _ in range(3)] == [1, 2, 3]
    assert write(app, lambda s: caps.change_packages(s, unlimited, 10**9)).packages == 10**9


def test_the_largest_caps_that_a_license_can_name_are_no_obstacle(app: Flask) -> None:
    largest = status(max_devices=2**53, max_packages=2**53)
    assert write(app, lambda s: enroll(s, largest)).devices == 1
    assert write(app, lambda s: caps.change_packages(s, largest, 5)).packages == 5


def test_packages_are_counted_up_to_the_cap_and_refused_past_it(app: Flask) -> None:
    license_status = status(max_packages=10)
    assert write(app, lambda s: caps.change_packages(s, license_status, 9)).packages == 9
    problem = refusal(app, lambda s: caps.change_packages(s, license_status, 2))
    assert (problem.code, problem.members["used"]) == ("package_limit_reached", 9)
    assert write(app, lambda s: caps.change_packages(s, license_status, 1)).packages == 10


def test_what_does_not_raise_the_total_fits_over_the_cap_too(app: Flask) -> None:
    write(app, lambda s: caps.change_packages(s, status(max_packages=100), 100))
    downgraded = status(max_packages=10)
    assert write(app, lambda s: caps.change_packages(s, downgraded, 0)).packages == 100
    assert write(app, lambda s: caps.change_packages(s, downgraded, -1)).packages == 99
    refusal(app, lambda s: caps.change_packages(s, downgraded, 1))


def test_removed_devices_and_packages_make_room(app: Flask) -> None:
    license_status = status(max_devices=1, max_packages=5)
    write(app, lambda s: enroll(s, license_status))
    write(app, lambda s: caps.change_packages(s, license_status, 5))
    write(app, remove_all)
    write(app, lambda s: caps.release_packages(s, 5))
    assert write(app, lambda s: enroll(s, license_status)) == Usage(1, 0)


def test_a_total_never_goes_below_zero(app: Flask) -> None:
    assert write(app, lambda s: caps.release_packages(s, 7)) == Usage(0, 0)


def test_a_rolled_back_transaction_gives_its_places_back(app: Flask) -> None:
    def fails(session: Session) -> None:
        enroll(session, status())
        raise LookupError

    with pytest.raises(LookupError):
        write(app, fails)
    with app.app_context():
        assert caps.usage(db.session()) == Usage(0, 0)


def test_edited_or_deleted_totals_are_corrected_from_what_is_there(app: Flask) -> None:
    write(app, lambda s: s.execute(insert(InventoryTotals).values(id=1, devices=5, packages=5)))
    assert write(app, caps.correct_totals) == Usage(0, 0)
    write(app, lambda s: s.execute(update(InventoryTotals).values(packages=9)))
    assert write(app, lambda s: s.execute(delete(InventoryTotals))) == Usage(0, 0)
    assert write(app, lambda s: enroll(s, status())) == Usage(1, 0)


def test_an_edited_total_gives_no_place(app: Flask) -> None:
    license_status = status(max_devices=1)
    write(app, lambda s: enroll(s, license_status))
    write(app, lambda s: s.execute(update(InventoryTotals).values(devices=-10)))
    assert refusal(app, lambda s: enroll(s, license_status)).members["used"] == 1


def test_of_eight_who_want_the_last_place_exactly_one_gets_it(app: Flask) -> None:
    license_status = status(max_devices=1)

    def ask(_number: int) -> bool:
        try:
            write(app, lambda s: enroll(s, license_status))
        except Problem:
            return False
        finally:
            with app.app_context():
                db.session.remove()
        return True

    with ThreadPoolExecutor(8) as pool:
        for _round in range(10):
            assert sum(pool.map(ask, range(8))) == 1
            write(app, remove_all)
    with app.app_context():
        assert db.session.scalars(select(InventoryTotals.devices)).all() == [0]


def test_a_totals_row_that_another_writer_makes_meanwhile_is_locked_all_the_same(
    make_app: AppFactory, postgres_url: str
) -> None:
    app = make_app(postgres_url)
    seen: list[str] = []
    free_rows: list[int] = []

    def look(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)
        with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as other:
            if len(seen) == 1:
                other.execute("INSERT INTO inventory_totals VALUES (1, 0, 0)")
            if "count(*)" in statement:
                query = "SELECT id FROM inventory_totals FOR UPDATE SKIP LOCKED"
                free_rows.append(len(other.execute(query).fetchall()))

    with app.app_context():
        event.listen(db.engine, "after_cursor_execute", look)
    write(app, lambda s: enroll(s, status(max_devices=1)))
    assert seen[0].startswith("UPDATE inventory_totals")
    assert free_rows[0] == 0

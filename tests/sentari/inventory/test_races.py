"""Writers that come at once, on both databases: nothing over the caps, nothing lost."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from sentari.agents.enrollment_tokens import TokenRefusedError, create_token
from sentari.agents.registration import EnrolledMeanwhileError
from sentari.extensions import db, writing
from sentari.inventory.models import Device, Package, ScanEntry
from serverkit.problems import Problem
from tests.clocks import NOON
from tests.sentari.inventory.devices import enroll, inventory, send, totals
from tests.sentari.inventory.scans import package, scan
from tests.sentari.statuses import licensed

WRITERS = 8


@pytest.fixture
def app(make_app, database_url):
    return make_app(database_url)


def at_once(app, work, count=WRITERS):
    """Run work(number) in threads that begin together; return results and refusals."""
    barrier = threading.Barrier(count)

    def run(number):
        with app.app_context():
            barrier.wait(10)
            try:
                return work(number)
            except (Problem, TokenRefusedError, EnrolledMeanwhileError) as refusal:
                return refusal

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def refusals(results):
    return [result for result in results if isinstance(result, Exception)]


@pytest.mark.parametrize("round_number", range(3))
def test_devices_that_race_for_the_last_places_get_exactly_those(app, round_number):
    results = at_once(app, lambda _: enroll(status=licensed(max_devices=3)))
    lost = refusals(results)
    assert len(lost) == WRITERS - 3
    assert {problem.code for problem in lost} == {"device_limit_reached"}
    with app.app_context():
        assert totals() == (3, 0)


def test_scans_that_race_for_the_last_places_never_pass_the_cap(app):
    with app.app_context():
        uids = [enroll().device_uid for _ in range(WRITERS)]
    status = licensed(max_packages=35)

    def work(number):
        names = [package(f"p{number}-{item}") for item in range(10)]
        return send(uids[number], scan(*names), status=status)

    lost = refusals(at_once(app, work))
    assert [problem.code for problem in lost] == ["package_limit_reached"] * (WRITERS - 3)
    with app.app_context():
        assert totals() == (WRITERS, 30)
        sizes = sorted(len(inventory(uid)) for uid in uids)
        assert sizes == [0] * (WRITERS - 3) + [10, 10, 10]


def test_devices_that_bring_the_same_new_packages_wait_for_each_other(app):
    with app.app_context():
        uids = [enroll().device_uid for _ in range(WRITERS)]
    shared = [package(f"p{item}") for item in range(200)]

    def work(number):
        turned = shared[number * 20 :] + shared[: number * 20]
        return send(uids[number], scan(*turned))

    assert refusals(at_once(app, work)) == []
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Package)) == 200
        assert totals() == (WRITERS, WRITERS * 200)


def test_one_scan_sent_many_times_at_once_is_stored_once(app):
    with app.app_context():
        uid = enroll().device_uid
    results = at_once(app, lambda _: send(uid, scan(package("a"), package("b"))))
    assert sorted(receipt.status for receipt in results) == ["applied"] + ["duplicate"] * 7
    assert len({receipt.scan_id for receipt in results}) == 1
    with app.app_context():
        assert totals() == (1, 2)


def test_scans_of_one_device_take_turns_and_the_newest_stays(app):
    with app.app_context():
        uid = enroll().device_uid

    def work(number):
        sent = scan(package("a"), package(f"p{number}"), scanned_at=f"2026-11-23T11:00:0{number}Z")
        return send(uid, sent)

    assert refusals(at_once(app, work)) == []
    with app.app_context():
        assert sorted(inventory(uid)) == [("pypi", "a", "24.0"), ("pypi", "p7", "24.0")]
        assert db.session.scalar(select(func.count()).select_from(ScanEntry)) == WRITERS
        assert totals() == (1, 2)


def test_a_token_for_two_devices_enrolls_exactly_two_of_many(app):
    with app.app_context(), writing() as session:
        token = create_token(
            session, name="two", expires_in_days=None, max_uses=2, at=NOON, actor="cli"
        ).text
    lost = refusals(at_once(app, lambda _: enroll(enrollment_token=token)))
    assert len(lost) == WRITERS - 2
    with app.app_context():
        assert totals() == (2, 0)


def test_one_machine_that_enrolls_many_times_at_once_is_one_device(app):
    results = at_once(app, lambda _: enroll(machine_id="m-1", status=licensed(max_devices=1)))
    given = [result for result in results if not isinstance(result, Exception)]
    assert len({enrolled.device_uid for enrolled in given}) == 1
    assert {type(refusal) for refusal in refusals(results)} <= {EnrolledMeanwhileError}
    with app.app_context():
        assert totals() == (1, 0)
        assert db.session.scalar(select(func.count()).select_from(Device)) == 1

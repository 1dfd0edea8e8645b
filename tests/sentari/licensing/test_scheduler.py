"""The thread of a server, tick by tick and for real: who calls, when, and what it survives."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from sentari.extensions import db
from sentari.licensing import service
from sentari.licensing.answer import CheckInError
from sentari.licensing.causes import Cause
from sentari.licensing.models import Lease
from sentari.licensing.refusals import LicensingRefusedError
from sentari.licensing.scheduler import LEASE_SECONDS, Job, Scheduler
from sentari.licensing.store import check_in_record
from sentari.licensing.vault import Vault
from tests.clocks import FakeClock
from tests.conftest import AppFactory
from tests.sentari.licensing.gates import GatedTransport
from tests.sentari.licensing.world import ISSUER, World, make_world
from tests.simulators.license_server import LicenseServerSimulator

WORKERS = 6
HOUR = 3600


def worker(world: World, *minute_jobs: Job) -> Scheduler:
    return Scheduler(world.licensing, world.app.app_context, minute_jobs=minute_jobs)


def next_at(world: World) -> datetime:
    with world.context():
        record = check_in_record(db.session())
        assert record is not None
        assert record.next_at is not None
        return record.next_at


def wait(world: World) -> float:
    """Return how many seconds it is until the next check-in."""
    return (next_at(world) - world.clock.now()).total_seconds()


def holder(world: World) -> str | None:
    with world.context():
        lease = db.session.get(Lease, "scheduler")
        return lease.holder if lease else None


def licensed(world: World) -> World:
    world.install(world.vendor.issue())
    return world


def test_the_key_of_the_environment_is_asked_for_right_after_the_start(
    make_app: AppFactory, database_url: str, clock: FakeClock, tmp_path: Path
) -> None:
    vendor = LicenseServerSimulator(ISSUER, clock)
    key = vendor.issue()
    world = make_world(make_app, database_url, clock, tmp_path, vendor=vendor, license_key=key.text)
    assert (vendor.calls, world.state) == (0, "unlicensed")
    worker(world).tick()
    assert (vendor.calls, world.state) == (1, "active")


def test_without_a_key_nobody_is_asked(world: World) -> None:
    worker(world).tick()
    assert world.transport.documents == []


def test_the_interval_is_kept_to_the_second(each_world: World) -> None:
    world, thread = each_world, worker(each_world)
    licensed(world)
    for calls in (2, 3, 4):
        assert 0.8 * HOUR <= wait(world) <= 1.2 * HOUR
        planned = wait(world)
        world.clock.advance(planned - 1)
        thread.tick()
        assert world.vendor.calls == calls - 1
        world.clock.advance(1)
        thread.tick()
        thread.tick()
        assert world.vendor.calls == calls


def test_of_all_workers_that_look_at_once_one_checks_in(each_world: World) -> None:
    world = licensed(each_world)
    threads = [worker(world) for _ in range(WORKERS)]
    for calls in (2, 3, 4):
        world.clock.advance(wait(world))
        barrier = threading.Barrier(WORKERS)

        def look(thread: Scheduler, barrier: threading.Barrier = barrier) -> None:
            barrier.wait(20)
            thread.tick()

        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(look, threads))
        for thread in threads:  # The holder may have looked before the others let go.
            thread.tick()
        assert world.vendor.calls == calls
    assert world.actions("LICENSE_CHECK_IN_FAILED") == []


@pytest.mark.parametrize(("after", "calls"), [(LEASE_SECONDS - 1, 1), (LEASE_SECONDS, 2)])
def test_another_worker_takes_over_when_the_holder_is_gone(
    each_world: World, after: int, calls: int
) -> None:
    world = licensed(each_world)
    gone, heir = worker(world), worker(world)
    gone.tick()
    world.edit("UPDATE license_check_in SET next_at = NULL")
    heir.tick()
    assert world.vendor.calls == 1
    world.clock.advance(after)
    heir.tick()
    assert world.vendor.calls == calls


def test_a_holder_that_lives_is_not_replaced(world: World) -> None:
    holding, other = worker(world), worker(world)
    holding.tick()
    first = holder(world)
    for _ in range(100):
        world.clock.advance(5)
        other.tick()
        holding.tick()
    assert holder(world) == first


def test_what_is_planned_outlives_the_holder(world: World) -> None:
    licensed(world)
    worker(world).tick()
    planned = next_at(world)
    world.clock.advance(LEASE_SECONDS)
    worker(world).tick()
    assert (next_at(world), world.vendor.calls) == (planned, 1)


def test_failures_are_repeated_after_one_two_five_fifteen_and_sixty_minutes(world: World) -> None:
    licensed(world)
    thread = worker(world)
    world.clock.advance(wait(world))
    world.vendor.unavailable = CheckInError(Cause.DNS, "No such name.")
    sent = len(world.transport.documents)
    for attempt, minutes in enumerate((1, 2, 5, 15, 60), start=1):
        thread.tick()
        thread.tick()
        assert len(world.transport.documents) == sent + attempt
        assert wait(world) == minutes * 60
        world.clock.advance(wait(world))
    thread.tick()
    assert 0.8 * HOUR <= wait(world) <= 1.2 * HOUR
    assert len(set(world.transport.documents[sent:])) == 1
    world.vendor.unavailable = None
    world.clock.advance(wait(world))
    thread.tick()
    assert world.actions("LICENSE_CHECK_IN") == [
        "LICENSE_CHECK_IN_FAILED",
        "LICENSE_CHECK_IN_RECOVERED",
    ]


def test_retry_after_is_honoured(world: World) -> None:
    licensed(world)
    world.clock.advance(wait(world))
    world.vendor.unavailable = CheckInError(
        Cause.HTTP_STATUS, "Busy.", code="unavailable", retry_after_seconds=600
    )
    worker(world).tick()
    assert wait(world) == 600


def test_a_new_key_ends_the_back_off(world: World) -> None:
    world.vendor.unavailable = CheckInError(Cause.DNS, "No such name.")
    thread = worker(world)
    for _ in range(4):
        with pytest.raises(CheckInError):
            world.install(world.vendor.issue())
        assert wait(world) == 60
    world.vendor.unavailable = None
    world.clock.advance(60)
    thread.tick()
    assert world.state == "active"


@pytest.mark.parametrize(("since", "calls"), [(59, 1), (60, 2)])
def test_a_start_checks_in_unless_another_server_just_did(
    world: World, since: int, calls: int
) -> None:
    licensed(world)
    world.clock.advance(since)
    with world.context():
        service.prepare(world.licensing)
    worker(world).tick()
    assert world.vendor.calls == calls


def test_a_clock_that_is_turned_back_by_years_does_not_stop_check_ins(world: World) -> None:
    licensed(world)
    thread = worker(world)
    thread.tick()
    world.clock.turn_wall(-3 * 365 * 86_400)
    thread.tick()
    assert len(world.transport.documents) == 2


def test_airgap_makes_no_call_but_keeps_the_minute(airgap: World) -> None:
    ran: list[int] = []
    thread = worker(airgap, lambda: ran.append(1))
    with pytest.raises(LicensingRefusedError):
        airgap.install(airgap.vendor.issue())
    for _ in range(3):
        airgap.clock.advance(60)
        thread.tick()
    assert len(ran) == 3
    assert airgap.transport.documents == []


def test_jobs_of_the_minute_run_once_a_minute_on_the_holder_only(world: World) -> None:
    ran: list[str] = []
    holding = worker(world, lambda: ran.append("holder"))
    other = worker(world, lambda: ran.append("other"))
    for _ in range(25):  # five seconds apart: 0, 60 and 120 seconds are reached
        holding.tick()
        other.tick()
        world.clock.advance(5)
    assert ran == ["holder"] * 3


def test_a_job_that_fails_does_not_keep_the_others_from_running(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[int] = []
    thread = worker(licensed(world), lambda: 1 / 0, lambda: ran.append(1))
    world.clock.advance(wait(world))
    thread.tick()
    assert (ran, world.vendor.calls) == ([1], 2)
    assert "a job failed" in caplog.text


def test_the_thread_survives_a_database_that_fails(
    each_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world = licensed(each_world)
    thread = worker(world)
    world.clock.advance(wait(world))
    world.edit("ALTER TABLE license_lease RENAME TO away")
    thread.tick()
    assert "the scheduler could not use the database" in caplog.text
    assert "Traceback" not in caplog.text
    world.edit("ALTER TABLE away RENAME TO license_lease")
    thread.tick()
    assert world.vendor.calls == 2


def test_what_cannot_be_written_down_is_not_asked_in_a_loop(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    licensed(world)
    other_secret = replace(world.licensing, vault=Vault("another secret, as long as it has to be"))
    thread = Scheduler(other_secret, world.app.app_context)
    world.clock.advance(wait(world))
    for seconds in (60, 120, 300):
        for _ in range(seconds // 5):
            thread.tick()
            world.clock.advance(5)
    assert caplog.text.count("no check-in is possible") == 3
    assert world.vendor.calls == 1


def test_the_thread_checks_in_at_once_and_leaves_the_lease_at_its_stop(each_world: World) -> None:
    world = licensed(each_world)
    world.clock.advance(wait(world))
    thread = worker(world)
    thread.start()
    deadline = time.monotonic() + 20
    while world.vendor.calls < 2 or holder(world) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    thread.stop()
    assert holder(world) is None


def test_a_stop_in_the_middle_of_a_call_neither_waits_for_it_nor_keeps_the_lease(
    world: World,
) -> None:
    licensed(world)
    world.clock.advance(wait(world))
    gated = GatedTransport(world.transport)
    thread = Scheduler(replace(world.licensing, transport=gated), world.app.app_context)
    thread.start()
    assert gated.called.wait(20)
    began = time.monotonic()
    thread.stop()
    assert time.monotonic() - began < 5
    assert holder(world) is None
    gated.gate.set()
    thread.stop()  # it has a world no longer when the test is over

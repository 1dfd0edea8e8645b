"""Check-ins are counted once each, for all replicas, and no restart or removal forgets them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sentari.extensions import db, writing
from sentari.licensing import service
from sentari.licensing.answer import Answer, CheckInError
from sentari.licensing.causes import Cause
from sentari.licensing.exchange import check_in
from sentari.licensing.tally import BOUNDS_SECONDS, Tally, bound_of, count_check_in, read_tally
from tests.clocks import FakeClock
from tests.conftest import AppFactory
from tests.sentari.licensing.world import ISSUER, World, make_world
from tests.simulators.license_server import Fault, LicenseServerSimulator


def tally(world: World) -> Tally:
    with world.context():
        return read_tally(db.session())


def counted(world: World) -> dict[str, int]:
    """Return the causes that were counted; `none` is success."""
    return {cause: count for (_, cause), count in tally(world).outcomes.items() if count}


def fail(world: World) -> None:
    with pytest.raises(CheckInError):
        world.do(check_in)


@pytest.mark.parametrize(
    ("seconds", "bound"),
    [(0.0, "0.1"), (0.1, "0.1"), (0.11, "0.5"), (15.0, "15.0"), (15.01, "+Inf"), (1e9, "+Inf")],
)
def test_a_duration_belongs_to_the_smallest_bound_that_it_does_not_exceed(
    seconds: float, bound: str
) -> None:
    assert bound_of(seconds) == bound


def test_before_any_check_in_every_outcome_stands_at_nought(world: World) -> None:
    found = tally(world)
    assert set(found.outcomes) == {
        ("success", "none"),
        *(("failure", cause.value) for cause in Cause),
    }
    assert set(found.outcomes.values()) == set(found.within.values()) == {0}
    assert found.seconds == 0
    assert len(found.within) == len(BOUNDS_SECONDS) + 1


def test_each_check_in_is_counted_with_its_cause(each_world: World) -> None:
    world = each_world
    world.install(world.vendor.issue())
    world.do(check_in)
    world.vendor.fault = Fault.BAD_SIGNATURE
    fail(world)
    world.vendor.fault = None
    world.vendor.unavailable = CheckInError(Cause.DNS, "There is no such name.")
    fail(world)
    fail(world)
    assert counted(world) == {"none": 2, "bad_signature": 1, "dns": 2}


def test_what_is_carried_by_hand_is_no_check_in(airgap: World) -> None:
    key = airgap.vendor.issue()
    airgap.install(airgap.vendor.presigned(key))
    assert airgap.state == "active"
    assert counted(airgap) == {}


def test_a_key_that_is_given_up_was_asked_for_all_the_same(world: World) -> None:
    unknown = world.vendor.issue()
    world.vendor.licenses.clear()
    with pytest.raises(CheckInError):
        world.install(unknown)
    assert counted(world) == {"unknown_key": 1}


def test_the_count_goes_on_when_the_license_is_removed(world: World) -> None:
    world.install(world.vendor.issue())
    world.do(service.remove)
    assert counted(world) == {"none": 1}
    world.install(world.vendor.issue())
    assert counted(world) == {"none": 2}


class SlowVendor(LicenseServerSimulator):
    """Take a while for every answer, as the clock has it."""

    seconds = 0.0

    def problem_or_reply(self, request_text: str) -> Answer:
        self.clock.advance(self.seconds)  # type: ignore[attr-defined]
        return super().problem_or_reply(request_text)


def test_the_time_of_failures_counts_as_well(
    make_app: AppFactory, usual_url: str, clock: FakeClock, tmp_path: Path
) -> None:
    vendor = SlowVendor(ISSUER, clock)
    world = make_world(make_app, usual_url, clock, tmp_path, vendor=vendor)
    vendor.seconds = 0.25
    world.install(vendor.issue())
    vendor.seconds, vendor.fault = 15.5, Fault.HTML
    fail(world)
    found = tally(world)
    times = {bound: count for bound, count in found.within.items() if count}
    assert times == {"0.5": 1, "+Inf": 1}
    assert found.seconds == pytest.approx(15.75)


def test_two_replicas_on_one_database_say_the_same(
    make_app: AppFactory, database_url: str, clock: FakeClock, tmp_path: Path
) -> None:
    first = make_world(make_app, database_url, clock, tmp_path)
    first.install(first.vendor.issue())
    second = make_world(make_app, database_url, clock, tmp_path, vendor=first.vendor)
    second.do(check_in)
    assert tally(first) == tally(second)
    assert counted(first) == {"none": 2}


def test_check_ins_that_end_at_once_are_all_counted(each_world: World) -> None:
    def count(_: int) -> None:
        with each_world.context(), writing() as session:
            count_check_in(session, Cause.TLS, 0.25)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(count, range(20)))
    assert counted(each_world) == {"tls": 20}
    assert tally(each_world).seconds == pytest.approx(5)

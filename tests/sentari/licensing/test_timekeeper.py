"""The clock in the hands of an operator who would like more time: what it gains, and who is told.

The wall clock is turned, the stored floor is deleted, edited and put back, servers are
restarted; running time alone goes on.
"""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from sentari.audit.store import record
from sentari.extensions import db, writing
from sentari.licensing import service
from sentari.licensing.answer import CheckInError
from sentari.licensing.causes import Cause
from sentari.licensing.core import create_licensing
from sentari.licensing.exchange import check_in
from sentari.licensing.refusals import LicensingRefusedError
from sentari.licensing.warnings import warnings
from sentari.startup import create_scheduler
from tests.clocks import FakeClock
from tests.sentari.licensing.world import World

MINUTE, HOUR, DAY = 60, 3600, 86_400


def offline(world: World) -> World:
    """Install a license, and have the vendor out of reach from then on."""
    world.install(world.vendor.issue())
    world.vendor.unavailable = CheckInError(Cause.DNS, "No such name.")
    save(world)
    return world


def save(world: World) -> None:
    """Do what the lease holder does each minute."""
    with world.context():
        service.keep_time(world.licensing)


def run(world: World, seconds: int, step: int = 10 * MINUTE) -> None:
    """Let the server run, and do what each minute wants now and then."""
    for _ in range(seconds // step):
        world.clock.advance(step)
        save(world)


def restart(world: World) -> None:
    sentari = world.app.extensions["sentari"]
    sentari.licensing = create_licensing(
        sentari.settings, clock=world.clock, transport=world.transport, server_version="0"
    )
    with world.context():
        service.prepare(world.licensing)


def ahead(world: World) -> float:
    """Return how far the license's time is ahead of the wall clock, in seconds."""
    return (world.status().evaluated_at - world.clock.now()).total_seconds()


def row(world: World) -> dict[str, Any]:
    with world.context():
        return dict(db.session.execute(text("SELECT * FROM license_clock")).mappings().one())


def put_back(world: World, saved: dict[str, Any]) -> None:
    world.edit("DELETE FROM license_clock")
    world.edit("INSERT INTO license_clock (id, state, mac) VALUES (:id, :state, :mac)", **saved)


def codes(world: World) -> list[str]:
    return [warning.code for warning in warnings(world.status())]


def test_turning_the_clock_back_gains_nothing(each_world: World) -> None:
    world = offline(each_world)
    run(world, 23 * HOUR)
    assert world.state == "active"
    world.clock.turn_wall(-30 * DAY)
    assert world.state == "active"
    run(world, HOUR)
    assert world.state == "offline_exceeded"
    restart(world)
    assert world.state == "offline_exceeded"
    assert world.audit_intact()


def test_a_clock_turned_back_is_told_once_until_it_is_right_again(each_world: World) -> None:
    world = offline(each_world)
    for _ in range(2):
        world.clock.turn_wall(-DAY)
        assert "clock_rollback" in codes(world), "the banner does not wait for the minute"
        run(world, HOUR)
        restart(world)
        run(world, HOUR)
        assert "clock_rollback" in codes(world)
        world.clock.turn_wall(DAY)
        run(world, HOUR)
        assert "clock_rollback" not in codes(world)
    told = world.events("CLOCK_ROLLBACK")
    assert len(told) == 2
    assert DAY - 5 <= told[0].details()["behind_seconds"] <= DAY + 5


@pytest.mark.parametrize(("behind", "told"), [(299, 0), (300, 0), (301, 1)])
def test_five_minutes_behind_are_borne(world: World, behind: int, told: int) -> None:
    world.install(world.vendor.issue())
    world.clock.turn_wall(-behind)
    save(world)
    assert len(world.events("CLOCK_ROLLBACK")) == told


def test_the_next_request_tells_the_vendor_and_its_reply_sets_the_time(each_world: World) -> None:
    world = each_world
    key = world.vendor.issue(max_offline_days=30)
    vendors = FakeClock(world.clock.now())
    world.vendor.clock = vendors
    world.install(key)
    world.clock.turn_wall(20 * HOUR)
    save(world)
    world.clock.turn_wall(-20 * HOUR)
    save(world)
    assert ahead(world) > 19 * HOUR
    world.do(check_in)
    assert abs(ahead(world)) < MINUTE, "a fresh reply lowers the floor"
    assert codes(world) == []
    world.do(check_in)
    requests = next(iter(world.vendor.license_of(key).activations.values())).requests
    assert [request.findings for request in requests] == [(), ("clock_rollback",), ()]


def test_a_reply_to_an_old_request_is_followed_by_a_new_one_when_the_time_is_in_doubt(
    each_world: World,
) -> None:
    world = each_world
    vendors = world.vendor.clock = FakeClock(world.clock.now())
    world.install(world.vendor.issue(max_offline_days=30))
    world.vendor.unavailable = CheckInError(Cause.DNS, "No such name.")
    with pytest.raises(CheckInError):
        world.do(check_in)
    world.clock.turn_wall(20 * HOUR)
    save(world)
    world.clock.turn_wall(-20 * HOUR)
    world.clock.advance(HOUR)
    vendors.advance(HOUR)
    world.vendor.unavailable = None
    scheduler = create_scheduler(world.app)
    for calls in (2, 3, 3):
        scheduler.tick()
        assert world.vendor.calls == calls
    assert abs(ahead(world)) < MINUTE


def test_a_long_outage_alone_puts_the_time_in_no_doubt(world: World) -> None:
    world.install(world.vendor.issue(max_offline_days=30))
    world.vendor.unavailable = CheckInError(Cause.DNS, "No such name.")
    with pytest.raises(CheckInError):
        world.do(check_in)
    run(world, 5 * HOUR)
    world.vendor.unavailable = None
    scheduler = create_scheduler(world.app)
    for _ in range(3):
        scheduler.tick()
    assert world.vendor.calls == 2


def test_every_worker_learns_of_a_lowered_floor(each_world: World) -> None:
    world = each_world
    world.install(world.vendor.issue(max_offline_days=30))
    world.clock.turn_wall(20 * HOUR)
    save(world)
    sentari = world.app.extensions["sentari"]
    first, other = (
        world.licensing,
        create_licensing(
            sentari.settings, clock=world.clock, transport=world.transport, server_version="0"
        ),
    )
    sentari.licensing = other
    world.clock.turn_wall(-20 * HOUR)
    assert ahead(world) > 19 * HOUR
    sentari.licensing = first
    world.do(check_in)
    save(world)
    sentari.licensing = other
    assert abs(ahead(world)) < MINUTE
    save(world)
    sentari.licensing = first
    assert abs(ahead(world)) < MINUTE


@pytest.mark.parametrize("wrong", [-2 * HOUR, 2 * HOUR, -301, 302])
def test_a_wall_clock_that_the_vendors_time_contradicts_is_told(
    each_world: World, wrong: int
) -> None:
    world = each_world
    key = world.vendor.issue(max_offline_days=30)
    world.vendor.clock = FakeClock(world.clock.now())
    world.clock.turn_wall(wrong)
    world.edit("DELETE FROM license_clock")
    restart(world)  # for the first time, and with a wrong clock
    world.install(key)
    save(world)
    assert "clock_skew" in codes(world)
    assert world.actions("CLOCK") == ["CLOCK_SKEW_DETECTED"]
    for _ in range(2):
        world.do(check_in)
    assert world.actions("CLOCK") == ["CLOCK_SKEW_DETECTED"], "told once, and not as turned back"
    world.clock.turn_wall(-wrong)
    world.do(check_in)
    assert codes(world) == []
    requests = next(iter(world.vendor.license_of(key).activations.values())).requests
    assert [r.findings for r in requests] == [(), *[("clock_skew",)] * 3]


@pytest.mark.parametrize("wrong", [-300, -299, 299, 300, 301])
def test_five_minutes_off_are_borne(world: World, wrong: int) -> None:
    world.vendor.clock = FakeClock(world.clock.now())
    world.clock.turn_wall(wrong)
    world.install(world.vendor.issue())
    assert world.actions("CLOCK") == []


def test_a_clock_that_leaps_ahead_counts_at_once_and_is_forgotten_when_it_returns(
    each_world: World,
) -> None:
    world = offline(each_world)
    world.clock.turn_wall(400 * DAY)
    assert world.state == "offline_exceeded"
    run(world, HOUR)
    world.clock.turn_wall(-400 * DAY)
    assert world.state == "active"
    run(world, HOUR)
    restart(world)
    assert abs(ahead(world)) < MINUTE
    assert world.actions("CLOCK_ROLLBACK", "CLOCK_SKEW", "CLOCK_FLOOR_REBUILT") == []


def test_a_leap_that_lasts_a_day_stays_even_over_restarts(world: World) -> None:
    offline(world)
    world.clock.turn_wall(40 * DAY)
    for _ in range(25):
        run(world, HOUR, step=MINUTE)
        restart(world)
    world.clock.turn_wall(-40 * DAY)
    assert ahead(world) > 39 * DAY


@pytest.mark.parametrize("turned", [0, -30 * DAY])
def test_a_deleted_floor_gains_nothing(each_world: World, turned: int) -> None:
    world = offline(each_world)
    run(world, 12 * HOUR)
    time = world.status().evaluated_at
    world.clock.turn_wall(turned)
    world.edit("DELETE FROM license_clock")
    restart(world)
    now = world.status().evaluated_at
    assert time <= now <= time + timedelta(hours=1, minutes=1)
    assert world.actions("CLOCK_FLOOR_REBUILT") == ["CLOCK_FLOOR_REBUILT"]


def test_deleting_the_floor_again_and_again_only_costs_time(world: World) -> None:
    offline(world)
    world.clock.turn_wall(-30 * DAY)
    for _ in range(24):
        assert world.state == "active"
        run(world, 50 * MINUTE)
        world.edit("DELETE FROM license_clock")
        restart(world)
    assert world.state == "offline_exceeded"


def test_while_a_server_runs_it_does_not_need_the_row(each_world: World) -> None:
    world = offline(each_world)
    run(world, 12 * HOUR)
    world.clock.turn_wall(-DAY)
    world.edit("DELETE FROM license_clock")
    assert ahead(world) >= DAY
    save(world)
    assert ahead(world) >= DAY
    assert world.actions("CLOCK_FLOOR_REBUILT") == ["CLOCK_FLOOR_REBUILT"]


def test_an_older_row_put_back_gains_an_hour_at_most(each_world: World) -> None:
    world = offline(each_world)
    old = row(world)
    run(world, 12 * HOUR)
    time = world.status().evaluated_at
    world.clock.turn_wall(-12 * HOUR)
    put_back(world, old)
    assert world.status().evaluated_at >= time, "a process that runs knows better"
    put_back(world, old)
    restart(world)
    assert world.status().evaluated_at >= time - timedelta(hours=1)


def test_the_log_is_told_of_the_time_hourly_until_the_budget_is_over(world: World) -> None:
    offline(world)
    run(world, 60 * HOUR)
    told = [event.details()["floor"] for event in world.events("CLOCK_FLOOR_RECORDED")]
    assert 20 <= len(told) <= 24
    assert told == sorted(told)


def test_a_server_that_is_killed_each_minute_does_not_stand_still(world: World) -> None:
    offline(world)
    world.clock.turn_wall(-DAY)
    time = world.status().evaluated_at
    for _ in range(60):
        world.clock.advance(50)
        restart(world)  # killed before anything was saved
    assert world.status().evaluated_at >= time + timedelta(minutes=50)


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE license_clock SET mac = ''",
        "UPDATE license_clock SET state = '{}'",
        "UPDATE license_clock SET state = replace(state, '\"resets\": 0', '\"resets\": 9')",
    ],
)
def test_an_edited_floor_is_tampering_until_a_fresh_reply(each_world: World, edit: str) -> None:
    world = offline(each_world)
    good = row(world)
    world.edit(edit)
    assert world.state == "tampered"
    run(world, HOUR)
    restart(world)
    assert world.state == "tampered", "saving the time does not hide it"
    (told,) = world.events("LICENSE_TAMPER_DETECTED")
    assert told.details()["kind"] == "clock"
    put_back(world, good)
    assert world.state == "active"
    world.edit(edit)
    assert world.state == "tampered"
    world.vendor.unavailable = None
    world.do(check_in)
    assert world.state == "active"


@pytest.mark.parametrize(
    "value",
    [
        "x'ff'",
        "CAST(x'ff' AS TEXT)",
        pytest.param("1e308", marks=pytest.mark.sqlite),  # PostgreSQL finds it too long
        "-1",
        "''",
    ],
)
@pytest.mark.parametrize("column", ["state", "mac"])
def test_no_value_however_wild_keeps_the_last_verdict(
    world: World, column: str, value: str
) -> None:
    offline(world)
    world.edit(f"UPDATE license_clock SET {column} = {value}")
    assert world.state == "tampered"


def test_another_secret_key_does_not_make_a_floor(world: World) -> None:
    offline(world)
    settings = replace(world.app.extensions["sentari"].settings, secret_key="z" * 40)
    world.app.extensions["sentari"].settings = settings
    restart(world)
    assert world.state == "tampered"


def test_without_a_license_an_edited_floor_is_replaced(each_world: World) -> None:
    world = each_world
    save(world)
    world.edit("UPDATE license_clock SET mac = 'x'")
    assert world.state == "unlicensed"
    save(world)
    assert world.state == "unlicensed"
    world.install(world.vendor.issue())
    assert world.state == "active"


def test_events_that_a_clock_ahead_wrote_do_not_bind_a_start(world: World) -> None:
    offline(world)
    world.clock.turn_wall(90 * DAY)
    world.status()
    save(world)
    world.clock.turn_wall(-90 * DAY)
    restart(world)
    assert abs(ahead(world)) < MINUTE


def test_a_worker_that_starts_while_the_clock_is_ahead_believes_it_no_more_than_others(
    each_world: World,
) -> None:
    world = offline(each_world)
    world.clock.turn_wall(4 * DAY)
    assert world.state == "offline_exceeded", "and the log has an event of that day now"
    restart(world)
    save(world)
    world.clock.turn_wall(-4 * DAY)
    assert world.state == "active"
    assert abs(ahead(world)) < MINUTE


def test_events_bind_a_start_with_an_older_row(world: World) -> None:
    offline(world)
    old = row(world)
    run(world, 50 * MINUTE)
    with world.context(), writing() as session:
        record(session, at=world.clock.now(), actor="system", action="DEVICE_REMOVED")
    put_back(world, old)
    restart(world)
    world.clock.turn_wall(-50 * MINUTE)
    assert ahead(world) >= 50 * MINUTE


def test_a_held_back_reply_does_not_turn_the_time_back(airgap: World) -> None:
    key = airgap.vendor.issue(max_offline_days=90)
    with pytest.raises(LicensingRefusedError):
        airgap.install(key)
    request = airgap.do(lambda licensing, actor: service.request_file(licensing))
    reply = airgap.vendor.answer("".join(request.split("\n")[1:-2]))
    run(airgap, 20 * DAY, step=HOUR)
    time = airgap.status().evaluated_at
    airgap.clock.turn_wall(-20 * DAY)
    airgap.install(reply)
    assert airgap.status().evaluated_at >= time
    assert airgap.events("CLOCK_SKEW") == []


def test_an_airgapped_server_keeps_its_time_by_itself(airgap: World) -> None:
    scheduler = create_scheduler(airgap.app)
    scheduler.tick()
    before = json.loads(row(airgap)["state"])["at"]
    airgap.clock.advance(MINUTE)
    scheduler.tick()
    assert json.loads(row(airgap)["state"])["at"] == before + MINUTE * 1_000_000
    airgap.clock.turn_wall(-DAY)
    airgap.clock.ticks += MINUTE
    scheduler.tick()
    assert airgap.actions("CLOCK") == ["CLOCK_ROLLBACK_DETECTED"]
    assert airgap.transport.documents == []


def test_no_request_writes(world: World) -> None:
    world.install(world.vendor.issue())
    before = row(world)
    for _ in range(5):
        world.clock.advance(2)
        world.status()
    assert row(world) == before

"""The status that one process holds: how old it may be, and what an error does to it."""

import pytest

from sentari.licensing.exchange import check_in
from tests.conftest import AppFactory
from tests.sentari.licensing.world import World

DAY = 86_400


def look(world: World, seconds: float) -> str:
    """Let time pass and return the state that a request is answered under."""
    world.clock.advance(seconds)
    with world.context():
        return world.licensing.snapshot.status().state.value


@pytest.mark.parametrize(("age", "seen"), [(0.999, "active"), (1.0, "tampered"), (1.5, "tampered")])
def test_the_status_is_at_most_a_second_old(world: World, age: float, seen: str) -> None:
    world.install(world.vendor.issue())
    assert look(world, 5) == "active"
    world.edit("UPDATE installed_license SET max_devices = 1")
    assert look(world, age) == seen


def test_another_worker_sees_a_change_within_a_second(
    each_world: World, make_app: AppFactory, database_url: str
) -> None:
    world = each_world
    path = world.app.extensions["sentari"].settings.license_public_key_path
    app = make_app(database_url, license_public_key_path=path)
    other = World(app, world.vendor, world.transport, world.clock)
    assert other.state == "unlicensed"
    world.install(world.vendor.issue())
    assert look(other, 1) == "active"


def test_an_error_keeps_the_last_verdict_and_lets_its_time_go_on(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.install(world.vendor.issue(max_offline_days=1))
    assert world.state == "active"
    world.edit("ALTER TABLE installed_license RENAME TO gone")
    assert look(world, 2) == "active"
    assert "could not be looked up" in caplog.text
    assert look(world, DAY) == "offline_exceeded"
    world.edit("ALTER TABLE gone RENAME TO installed_license")
    assert look(world, 1) == "offline_exceeded"
    world.do(check_in)
    assert look(world, 1) == "active"


def test_with_nothing_found_yet_an_error_means_unlicensed(world: World) -> None:
    world.edit("ALTER TABLE installed_license RENAME TO gone")
    assert look(world, 1) == "unlicensed"


def test_before_the_first_look_the_server_is_unlicensed(world: World) -> None:
    assert world.licensing.snapshot.latest().state == "unlicensed"


def test_each_change_of_state_is_in_the_audit_log_once(world: World) -> None:
    world.install(world.vendor.issue(grace_period_days=10, max_offline_days=365))
    for days in (0, 364, 0, 1, 0, 10, 0):
        look(world, days * DAY + 1)
    changes = [event.details() for event in world.events("LICENSE_STATE_CHANGED")]
    assert [change["to"] for change in changes] == ["active", "offline_exceeded"]


def test_the_states_of_a_lapsing_license_follow_each_other(world: World) -> None:
    terms = {"grace_period_days": 10, "read_only_period_days": 5, "max_offline_days": 365}
    world.install(world.vendor.issue(**terms))
    look(world, 300 * DAY)
    world.do(check_in)
    days = (64, 0.5, 9.5, 0.5, 4.5, 0.5)
    seen = [look(world, count * DAY) for count in days]
    assert seen == ["active", "grace", "grace", "read_only", "read_only", "locked_out"]
    changes = [event.details()["to"] for event in world.events("LICENSE_STATE_CHANGED")]
    assert changes == ["active", "grace", "read_only", "locked_out"]


@pytest.mark.sqlite
def test_a_log_that_cannot_be_written_does_not_open_the_gate(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.install(world.vendor.issue())
    world.edit(
        "CREATE TRIGGER no_more BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    world.edit("UPDATE installed_license SET max_devices = 1")
    assert look(world, 1) == "tampered"
    assert "could not be written" in caplog.text
    world.edit("DROP TRIGGER no_more")
    assert look(world, 60) == "tampered"
    assert world.actions("LICENSE_TAMPER") == ["LICENSE_TAMPER_DETECTED"]

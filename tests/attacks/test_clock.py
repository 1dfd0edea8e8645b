"""The operator turns the clock: what he does -> what the server gives when its time is over.

The license allows one day without an answer, and the vendor does not answer any more. How the
floor moves, minute by minute, is in tests/sentari/licensing/test_timekeeper.py.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from license_token.request import read_request
from tests.attacks.site import (
    ACTIVE,
    DAY,
    GRACE,
    HOUR,
    LOCKED_OUT,
    OFFLINE,
    READ_ONLY,
    TAMPERED,
    Gets,
    Site,
)


def cut_off(site: Site) -> None:
    site.wire.meddle = site.wire.dead


def over_and_back(site: Site) -> None:
    site.hours(24)
    site.clock.turn_wall(-DAY)


def back_again_and_again(site: Site) -> None:
    for _ in range(8):
        site.hours(3)
        site.clock.turn_wall(-3 * HOUR)


def back_and_restarted(site: Site) -> None:
    for _ in range(8):
        site.hours(3)
        site.clock.turn_wall(-3 * HOUR)
        site.restart()


def stands_still(site: Site) -> None:
    for _ in range(8):
        site.clock.ticks += 3 * HOUR
        site.minute()
        site.clock.turn_wall(-60)


def floor_deleted(site: Site) -> None:
    site.hours(24)
    site.edit("DELETE FROM license_clock")
    site.clock.turn_wall(-DAY)
    site.restart()


def floor_put_back(site: Site) -> None:
    [row] = site.rows("SELECT * FROM license_clock")
    site.hours(24)
    site.edit("DELETE FROM license_clock")
    site.insert("license_clock", row)
    site.clock.turn_wall(-DAY)
    site.restart()


def floor_edited(site: Site) -> None:
    site.hours(24)
    site.edit("UPDATE license_clock SET state = replace(state, '1', '0')")
    site.clock.turn_wall(-DAY)
    site.restart()


def floor_and_times_of_the_log(site: Site) -> None:
    site.hours(24)
    site.edit(
        "DELETE FROM license_clock",
        "DROP TRIGGER audit_event_no_update",
        "UPDATE audit_event SET occurred_at = datetime(occurred_at, '-1 day')",
    )
    site.clock.turn_wall(-DAY)
    site.restart()


def told_floor_cut_out(site: Site) -> None:
    site.hours(24)
    site.edit(
        "DELETE FROM license_clock",
        "DROP TRIGGER audit_event_no_delete",
        "DELETE FROM audit_event WHERE action LIKE 'CLOCK_%'",
    )
    site.clock.turn_wall(-DAY)
    site.restart()


def years_back(site: Site) -> None:
    site.hours(24)
    site.clock.turn_wall(-3650 * DAY)
    site.restart()


def first_ahead_then_back(site: Site) -> None:
    site.clock.turn_wall(300 * DAY)
    site.minute()
    site.clock.turn_wall(-300 * DAY)
    site.hours(24)


def edited_requests(site: Site) -> None:
    site.hours(24)
    site.edit("UPDATE license_check_in SET succeeded_at = '2099-01-01', attempted_at = NULL")
    site.clock.turn_wall(-DAY)


TURNS: dict[str, tuple[Callable[[Site], None], Gets]] = {
    "nothing": (lambda s: s.hours(21), ACTIVE),
    "nothing, for a day": (lambda s: s.hours(24), OFFLINE),
    "turns it back when the day is over": (over_and_back, OFFLINE),
    "turns it back again and again": (back_again_and_again, OFFLINE),
    "turns it back and restarts": (back_and_restarted, OFFLINE),
    "lets it stand still": (stands_still, OFFLINE),
    "turns it back for years": (years_back, OFFLINE),
    "turns it far ahead and back": (first_ahead_then_back, OFFLINE),
    "deletes the floor": (floor_deleted, OFFLINE),
    "puts an older floor back": (floor_put_back, OFFLINE),
    "edits the floor": (floor_edited, TAMPERED),
    "deletes the floor and dates the log anew": (floor_and_times_of_the_log, TAMPERED),
    "deletes the floor and cuts it out of the log": (told_floor_cut_out, TAMPERED),
    "edits when it checked in": (edited_requests, OFFLINE),
}


@pytest.mark.parametrize("turn", TURNS)
def test_whoever_turns_the_clock_gets_no_second_day(site: Site, turn: str) -> None:
    act, gets = TURNS[turn]
    cut_off(site)
    act(site)
    site.minute()
    assert site.gets() == gets


def test_turning_it_back_is_told_here_and_to_the_vendor(site: Site) -> None:
    site.hours(6)
    site.clock.turn_wall(-6 * HOUR)
    site.minute()
    assert len(site.events("CLOCK_ROLLBACK_DETECTED")) == 1
    site.refresh()
    assert "clock_rollback" in read_request(site.wire.sent[-1]).claims.findings


@pytest.mark.parametrize(
    ("days", "gets"), [(7, ACTIVE), (8, GRACE), (22, READ_ONLY), (52, LOCKED_OUT)]
)
def test_an_end_that_was_seen_stays_seen_when_the_clock_is_turned_back(
    site: Site, days: int, gets: Gets
) -> None:
    site.license(expires_at="2026-12-01", max_devices=3, max_packages=10)
    midnight = datetime(2026, 11, 23, tzinfo=UTC) + timedelta(days=days)
    site.clock.advance((midnight - site.clock.now()).total_seconds())
    site.refresh()
    assert site.gets() == gets
    site.clock.turn_wall(-40 * DAY)
    assert site.gets() == gets
    site.restart()
    assert site.gets() == gets


def test_database_and_clock_put_back_together_win_time_until_the_next_check_in(
    site: Site,
) -> None:
    """What cannot be stopped: nothing on the machine remembers what was undone together."""
    older, then = site.snapshot("older"), site.clock.now()
    cut_off(site)
    for _ in range(3):
        site.hours(21)
        assert site.gets() == ACTIVE
        site.clock.turn_wall((then - site.clock.now()).total_seconds())
        site.put_back(older)
    site.wire.meddle = site.vendor.post
    site.clock.turn_wall(63 * HOUR)
    site.vendor.change(site.sold, "revoke")
    site.refresh()
    assert site.gets().state == "revoked"

"""The rules of the floor, second by second."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sentari.licensing.clock import (
    ClockReading,
    Floor,
    at_least,
    begun,
    confirmed,
    followed,
    has_caught_up,
    is_rolled_back,
    is_skewed,
    is_worth_recording,
    merged,
    rebuilt,
    record_interval,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ISSUED_AT = int(NOW.timestamp())
SECOND, MINUTE, HOUR, DAY = (
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)
ZERO = timedelta()


def run(floor: Floor, lead: timedelta, time: timedelta, step: timedelta = MINUTE) -> Floor:
    """Let a server run and look each `step`, its wall clock so far ahead of true time."""
    began, passed = NOW, ZERO
    while passed < time:
        passed += step
        floor = followed(floor, began + passed + lead, step)
    return floor


def test_the_floor_rises_with_running_time_whatever_the_wall_clock_says() -> None:
    assert followed(Floor(NOW), NOW - 30 * DAY, HOUR).at == NOW + HOUR
    assert followed(Floor(NOW), NOW, HOUR).at == NOW + HOUR
    assert followed(Floor(NOW), NOW, -HOUR).at == NOW, "running time never falls"


@pytest.mark.parametrize(
    ("lead", "followed_at_once"), [(DAY - SECOND, True), (DAY, True), (DAY + SECOND, False)]
)
def test_a_step_of_more_than_a_day_waits(lead: timedelta, followed_at_once: bool) -> None:
    floor = followed(Floor(NOW), NOW + lead, ZERO)
    assert (floor.at == NOW + lead) is followed_at_once
    assert (floor.lead is None) is followed_at_once


@pytest.mark.parametrize(
    ("tried", "adopted"), [(DAY - SECOND, False), (DAY, True), (DAY + SECOND, True)]
)
def test_a_lead_becomes_part_of_the_floor_after_a_day_of_running(
    tried: timedelta, adopted: bool
) -> None:
    before = replace(Floor(NOW), lead=40 * DAY, lead_for=tried - SECOND)
    floor = followed(before, NOW + SECOND + 40 * DAY, SECOND)
    assert (floor.at == NOW + SECOND + 40 * DAY) is adopted


def test_a_bad_time_servers_hour_poisons_nothing() -> None:
    floor = run(Floor(NOW), 400 * DAY, 23 * HOUR)
    back = followed(floor, NOW + 23 * HOUR, ZERO)
    assert back == Floor(NOW + 23 * HOUR)


def test_a_lead_that_grows_on_its_last_minute_is_adopted_only_as_far_as_it_lasted() -> None:
    floor = run(Floor(NOW), 2 * DAY, DAY)
    floor = followed(floor, NOW + DAY + MINUTE + 900 * DAY, MINUTE)
    assert floor.at == NOW + DAY + MINUTE + 2 * DAY
    assert floor.lead == 898 * DAY, "the rest is on trial from here on"


def test_a_server_that_was_off_for_weeks_catches_up_after_a_day() -> None:
    floor = run(Floor(NOW), 21 * DAY, DAY + MINUTE)
    assert floor.at == NOW + DAY + MINUTE + 21 * DAY


def test_a_process_that_nobody_asked_for_a_day_does_not_count_it_as_tried() -> None:
    first = followed(Floor(NOW), NOW + 30 * DAY, ZERO)
    later = followed(first, NOW + 32 * DAY, 2 * DAY)
    assert later.lead_for == timedelta(minutes=2)
    assert later.at == NOW + 2 * DAY


BEHIND = [
    (5 * MINUTE - SECOND, False),
    (5 * MINUTE, False),
    (5 * MINUTE + SECOND, True),
]


@pytest.mark.parametrize(("behind", "found"), BEHIND)
def test_more_than_five_minutes_behind_the_floor_is_turned_back(
    behind: timedelta, found: bool
) -> None:
    assert is_rolled_back(Floor(NOW), NOW - behind) is found


@pytest.mark.parametrize(("behind", "found"), BEHIND)
def test_as_far_as_a_fresh_reply_found_it_wrong_a_clock_was_not_turned_back(
    behind: timedelta, found: bool
) -> None:
    slow, fast = Floor(NOW, skew=-2 * HOUR), Floor(NOW, skew=2 * HOUR)
    assert is_rolled_back(slow, NOW - 2 * HOUR - behind) is found
    assert is_rolled_back(fast, NOW - 2 * HOUR - behind) is found


@pytest.mark.parametrize(
    ("behind", "right"), [(MINUTE - SECOND, True), (MINUTE, True), (MINUTE + SECOND, False)]
)
def test_a_clock_is_right_again_within_a_minute(behind: timedelta, right: bool) -> None:
    assert has_caught_up(Floor(NOW), NOW - behind) is right


@pytest.mark.parametrize(("off", "found"), BEHIND)
def test_more_than_five_minutes_off_the_vendors_time_is_skew(off: timedelta, found: bool) -> None:
    assert is_skewed(off) is found
    assert is_skewed(-off) is found
    assert not is_skewed(None)
    assert ClockReading(skew=off).skewed is found


@pytest.mark.parametrize(
    ("floor", "age", "expected"),
    [
        (-HOUR, ZERO, ZERO),
        (-SECOND, ZERO, ZERO),
        (ZERO, ZERO, ZERO),
        (SECOND, ZERO, SECOND),  # whole seconds are signed
        (2 * SECOND, ZERO, SECOND),
        (40 * DAY, ZERO, SECOND),
        (25 * DAY, 25 * DAY, 25 * DAY),
        (26 * DAY, 25 * DAY, 25 * DAY + SECOND),
        (HOUR, -HOUR, SECOND),
    ],
)
def test_a_fresh_reply_sets_the_floor_to_the_vendors_time(
    floor: timedelta, age: timedelta, expected: timedelta
) -> None:
    heard = confirmed(Floor(NOW + floor, resets=3), NOW, ISSUED_AT, age)
    assert heard.at == NOW + expected
    assert heard.resets == 3 + (expected < floor)


@pytest.mark.parametrize(
    ("wall", "age", "skew"),
    [
        (ZERO, ZERO, ZERO),
        (SECOND, ZERO, ZERO),
        (HOUR + SECOND, ZERO, HOUR),
        (-HOUR, ZERO, -HOUR),
        (3 * DAY, 3 * DAY, ZERO),
        (5 * DAY + SECOND, 3 * DAY, 2 * DAY),
    ],
)
def test_the_wall_clock_is_wrong_outside_of_what_the_vendors_time_can_be(
    wall: timedelta, age: timedelta, skew: timedelta
) -> None:
    assert confirmed(Floor(NOW), NOW + wall, ISSUED_AT, age).skew == skew


def test_a_fresh_reply_ends_a_trial_and_a_report() -> None:
    tried = Floor(NOW, lead=3 * DAY, lead_for=HOUR, rolled_back=True)
    heard = confirmed(tried, NOW, ISSUED_AT, ZERO)
    assert heard == Floor(NOW, resets=1, skew=ZERO)
    assert merged(tried, heard) == heard


def test_the_higher_floor_of_the_same_reset_is_in_force() -> None:
    assert merged(None, Floor(NOW)) == Floor(NOW)
    assert merged(Floor(NOW + HOUR), Floor(NOW)).at == NOW + HOUR
    assert merged(Floor(NOW), Floor(NOW + HOUR)).at == NOW + HOUR


def test_a_row_from_before_the_last_reset_is_ignored_and_a_newer_one_obeyed() -> None:
    ours = Floor(NOW, resets=2)
    assert merged(ours, Floor(NOW + DAY, resets=1)) == ours
    assert merged(ours, Floor(NOW - DAY, resets=3)).at == NOW - DAY


def test_a_trial_goes_on_from_the_longer_of_two() -> None:
    ours, stored = (
        Floor(NOW, lead=3 * DAY, lead_for=MINUTE),
        Floor(NOW, lead=2 * DAY, lead_for=HOUR),
    )
    found = merged(ours, stored)
    assert (found.lead, found.lead_for) == (2 * DAY, HOUR)
    ended = merged(Floor(NOW), stored)
    assert (ended.lead, ended.lead_for) == (None, ZERO)


def test_a_start_counts_the_minute_that_may_be_lost_only_when_the_clock_was_turned_back() -> None:
    assert begun(Floor(NOW), NOW - 5 * MINUTE).at == NOW
    assert begun(Floor(NOW), NOW - 5 * MINUTE - SECOND).at == NOW + MINUTE


def test_what_is_known_to_have_come_raises_the_floor_and_never_lowers_it() -> None:
    assert at_least(Floor(NOW), NOW + SECOND).at == NOW + SECOND
    assert at_least(Floor(NOW), NOW - SECOND).at == NOW


@pytest.mark.parametrize(("days", "interval"), [(1, HOUR), (23, 23 * HOUR), (24, DAY), (365, DAY)])
def test_the_log_is_told_once_in_a_24th_of_the_budget(days: int, interval: timedelta) -> None:
    assert record_interval(days) == interval
    for past, due in ((-SECOND, False), (ZERO, True), (SECOND, True)):
        assert is_worth_recording(Floor(NOW + interval + past), NOW, NOW, days) is due


def test_once_the_budget_is_over_the_log_is_told_no_more() -> None:
    issued = NOW - DAY
    assert not is_worth_recording(Floor(NOW + DAY), NOW, issued, 1)
    assert is_worth_recording(Floor(NOW + DAY), NOW - SECOND, issued, 1)


def test_a_deleted_floor_comes_back_as_late_as_it_can_have_been() -> None:
    gone = NOW + HOUR - SECOND  # the next second the log would have been told
    assert rebuilt(NOW, NOW, 1).at >= gone
    assert rebuilt(NOW + 5 * HOUR, NOW, 1).at == NOW + 5 * HOUR


def test_offsets_are_told_in_seconds_by_what_they_are_compared_with() -> None:
    assert ClockReading(offset=-HOUR).offsets == {"floor": -3600}
    assert ClockReading(skew=MINUTE).offsets == {"floor": 0, "vendor": 60}

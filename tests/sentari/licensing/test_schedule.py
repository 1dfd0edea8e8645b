"""When the server checks in by itself: intervals, jitter, back-off, Retry-After, starts."""

from datetime import datetime, timedelta

import pytest

from sentari.licensing.schedule import Schedule, asked_lately, is_due
from tests.clocks import NOON

HOUR = 3600


def schedule(interval: int = HOUR, chance: float = 0.5) -> Schedule:
    return Schedule(interval, lambda: chance)


def seconds(moment: datetime) -> float:
    return (moment - NOON).total_seconds()


@pytest.mark.parametrize(
    ("interval", "chance", "expected"),
    [
        (HOUR, 0.0, 2880),
        (HOUR, 0.5, 3600),
        (HOUR, 1.0, 4320),
        (60, 0.0, 48),
        (60, 1.0, 72),
        (86_400, 0.0, 69_120),
        (86_400, 1.0, 103_680),
    ],
)
def test_after_a_success_the_interval_is_kept_within_a_fifth(
    interval: int, chance: float, expected: float
) -> None:
    assert seconds(schedule(interval, chance).after_success(NOON)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("failures", "expected"),
    [(0, 60), (1, 60), (2, 120), (3, 300), (4, 900), (5, 3600), (6, 7200), (7, 7200), (999, 7200)],
)
def test_after_failures_the_server_backs_off_and_then_keeps_the_interval(
    failures: int, expected: float
) -> None:
    planned = schedule(2 * HOUR).after_failure(NOON, failures, None)
    assert seconds(planned) == pytest.approx(expected)


def test_the_back_off_has_no_jitter_but_the_interval_after_it_has() -> None:
    early = schedule(chance=0.0)
    assert seconds(early.after_failure(NOON, 5, None)) == 3600
    assert seconds(early.after_failure(NOON, 6, None)) == pytest.approx(2880)


@pytest.mark.parametrize(
    ("interval", "failures", "retry_after", "expected"),
    [
        (HOUR, 1, 1, 60),
        (HOUR, 1, 59, 60),
        (HOUR, 1, 60, 60),
        (HOUR, 1, 61, 61),
        (HOUR, 1, 3599, 3599),
        (HOUR, 1, 3600, 3600),
        (HOUR, 1, 3601, 3600),
        (HOUR, 1, 86_400, 3600),
        (60, 1, 86_400, 3600),
        (2 * HOUR, 1, 86_400, 7200),
        (2 * HOUR, 5, 10, 3600),
    ],
)
def test_retry_after_puts_the_next_attempt_off_within_bounds(
    interval: int, failures: int, retry_after: int, expected: float
) -> None:
    planned = schedule(interval).after_failure(NOON, failures, retry_after)
    assert seconds(planned) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ahead", "due"),
    [(-1, True), (0, True), (1, False), (103_679, False), (103_680, False), (103_681, True)],
)
def test_what_is_planned_is_due_in_time_and_at_once_when_the_clock_was_turned_back(
    ahead: int, due: bool
) -> None:
    assert is_due(NOON + timedelta(seconds=ahead), NOON) is due


def test_what_was_never_planned_is_due() -> None:
    assert is_due(None, NOON)


@pytest.mark.parametrize(
    ("ago", "lately"), [(-1, False), (0, True), (1, True), (59, True), (60, False), (61, False)]
)
def test_a_start_asks_unless_the_vendor_was_asked_within_the_minute(ago: int, lately: bool) -> None:
    assert asked_lately(NOON - timedelta(seconds=ago), NOON) is lately


def test_a_start_asks_when_nobody_asked_before() -> None:
    assert not asked_lately(None, NOON)

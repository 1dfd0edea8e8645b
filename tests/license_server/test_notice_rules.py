"""When a notice is due: the boundaries to the second, and each only once."""

from datetime import UTC, date, datetime, timedelta

import pytest

from license_server.notices.rules import THRESHOLD_DAYS, due_threshold, is_silent

EXPIRES = date(2027, 3, 1)
MIDNIGHT = datetime(2027, 3, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def before(days: float) -> datetime:
    return MIDNIGHT - timedelta(days=days)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (before(60) - SECOND, None),
        (before(60), 60),
        (before(60) + SECOND, 60),
        (before(30) - SECOND, 60),
        (before(30), 30),
        (before(14) - SECOND, 30),
        (before(14), 14),
        (before(7) - SECOND, 14),
        (before(7), 7),
        (before(1) - SECOND, 7),
        (before(1), 1),
        (before(1) + SECOND, 1),
        (MIDNIGHT - SECOND, 1),
        (MIDNIGHT, None),
        (MIDNIGHT + SECOND, None),
        (before(3650), None),
        (before(-3650), None),
    ],
)
def test_the_most_urgent_threshold_that_was_reached_is_due(now: datetime, due: int | None) -> None:
    assert due_threshold(EXPIRES, (), now) == due


@pytest.mark.parametrize("told", THRESHOLD_DAYS)
def test_what_was_told_and_what_is_less_urgent_is_never_told_again(told: int) -> None:
    for days in THRESHOLD_DAYS:
        due = due_threshold(EXPIRES, [told], before(days))
        assert due == (days if days < told else None)


def test_from_first_to_last_day_each_threshold_is_told_once() -> None:
    told: list[int] = []
    for hours in range(90 * 24, -48, -1):
        due = due_threshold(EXPIRES, told, MIDNIGHT - timedelta(hours=hours))
        if due is not None:
            told.append(due)
    assert tuple(told) == THRESHOLD_DAYS


def test_after_a_pause_only_the_most_urgent_is_told_and_the_passed_ones_never() -> None:
    told = [60]
    due = due_threshold(EXPIRES, told, before(5))
    assert due == 7
    told.append(due)
    assert due_threshold(EXPIRES, told, before(4)) is None
    # The clock is turned back over two thresholds.
    assert due_threshold(EXPIRES, told, before(20)) is None
    assert due_threshold(EXPIRES, told, before(1)) == 1


@pytest.mark.parametrize(
    ("days", "seconds", "silent"),
    [
        (1, 43_199, False),
        (1, 43_200, True),
        (1, 43_201, True),
        (3, 129_599, False),
        (3, 129_600, True),
        (365, 15_767_999, False),
        (365, 15_768_000, True),
        (1, -5, False),
    ],
)
def test_a_server_is_silent_from_half_of_its_offline_days(
    days: int, seconds: int, silent: bool
) -> None:
    assert is_silent(MIDNIGHT, days, MIDNIGHT + timedelta(seconds=seconds)) is silent

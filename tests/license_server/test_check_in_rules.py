"""How a check-in is bound, counted and doubted."""

from dataclasses import replace

import pytest

from license_server.check_in_rules import (
    Binding,
    Bound,
    bind,
    check_frequency,
    is_stray,
    marks,
    reply_time,
)
from license_server.errors import CheckInRefusedError

NOW = 1_790_000_000
OURS, THEIRS = "our-thumbprint", "their-thumbprint"
BOUND = Bound(
    thumbprint=OURS,
    released=False,
    recent_jtis=("newest", "older"),
    last_issued_at=NOW - 3600,
    nth_last_at=None,
)
RELEASED = replace(BOUND, released=True)


@pytest.mark.parametrize(
    ("bound", "thumbprint", "in_use", "limit", "expected"),
    [
        (None, OURS, 0, 1, Binding.NEW),
        (None, OURS, 1, 2, Binding.NEW),
        (None, OURS, 1, 1, "activation_limit"),
        (None, OURS, 3, 2, "activation_limit"),
        (BOUND, OURS, 1, 1, Binding.KNOWN),
        # After a downgrade the servers that are bound already go on.
        (BOUND, OURS, 5, 1, Binding.KNOWN),
        (BOUND, THEIRS, 1, 5, "bad_signature"),
        (RELEASED, OURS, 0, 1, Binding.AGAIN),
        (RELEASED, THEIRS, 0, 1, Binding.AGAIN),
        (RELEASED, OURS, 1, 1, "activation_limit"),
        (RELEASED, THEIRS, 1, 1, "activation_limit"),
    ],
)
def test_an_instance_is_bound_to_its_key_as_long_as_there_is_room(
    bound: Bound | None, thumbprint: str, in_use: int, limit: int, expected: Binding | str
) -> None:
    if isinstance(expected, Binding):
        assert bind(thumbprint, bound, in_use=in_use, max_activations=limit) is expected
        return
    with pytest.raises(CheckInRefusedError) as refusal:
        bind(thumbprint, bound, in_use=in_use, max_activations=limit)
    assert refusal.value.code == expected


@pytest.mark.parametrize(
    ("seconds_ago", "wait"),
    [(0, 60), (1, 59), (59, 1), (60, None), (61, None), (-5, 60)],
)
def test_the_eleventh_check_in_within_a_minute_has_to_wait(
    seconds_ago: int, wait: int | None
) -> None:
    bound = replace(BOUND, nth_last_at=NOW - seconds_ago)
    if wait is None:
        check_frequency(bound, NOW)
        return
    with pytest.raises(CheckInRefusedError) as refusal:
        check_frequency(bound, NOW)
    assert refusal.value.code == "rate_limited"
    assert refusal.value.retry_after_seconds == wait


def test_the_first_ten_check_ins_never_wait() -> None:
    check_frequency(None, NOW)
    check_frequency(BOUND, NOW)


@pytest.mark.parametrize(
    ("previous", "stray"),
    [(None, False), ("newest", False), ("older", False), ("oldest", True), ("", True)],
)
def test_a_previous_that_was_not_given_lately_is_stray(previous: str | None, stray: bool) -> None:
    assert is_stray(previous, BOUND.recent_jtis) is stray


def test_at_first_contact_any_previous_is_stray() -> None:
    assert is_stray("newest", ()) is True
    assert is_stray(None, ()) is False


def test_marks_are_sorted_and_named_once() -> None:
    assert marks(("tampered", "clock_skew"), cloned=True) == (
        "clock_skew",
        "clone_suspected",
        "tampered",
    )
    assert marks((), cloned=False) == ()


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (NOW - 1, NOW),
        (NOW, NOW),
        (NOW + 1, NOW + 1),
        (NOW + 300, NOW + 300),
        (NOW + 301, NOW),
    ],
)
def test_a_reply_is_not_older_than_the_one_before_unless_a_clock_was_far_off(
    last: int, expected: int
) -> None:
    assert reply_time(NOW, replace(BOUND, last_issued_at=last)) == expected


def test_the_first_reply_is_of_now() -> None:
    assert reply_time(NOW, None) == NOW

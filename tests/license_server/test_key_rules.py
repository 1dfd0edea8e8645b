"""When a signing key is used up, and when staff are warned: to the second."""

from datetime import UTC, datetime, timedelta

import pytest

from license_server.signing.rules import KeyFacts, Warn, is_used_up, warnings

NOW = 1_795_435_200
DAY = 86_400


@pytest.mark.parametrize(
    ("seconds", "used_up"), [(30 * DAY - 1, False), (30 * DAY, True), (30 * DAY + 1, True)]
)
def test_a_key_is_used_up_thirty_days_after_another_followed(seconds: int, used_up: bool) -> None:
    superseded_at = datetime.fromtimestamp(NOW, UTC)
    assert is_used_up(superseded_at, superseded_at + timedelta(seconds=seconds)) is used_up


def test_a_key_that_no_other_followed_is_never_used_up() -> None:
    assert not is_used_up(None, datetime(2199, 1, 1, tzinfo=UTC))


def kinds(*windows: tuple[int, int], roots: int = 2) -> list[Warn]:
    return [warning.kind for warning in warnings(KeyFacts(windows, roots), NOW)]


@pytest.mark.parametrize(
    ("left", "found"),
    [
        (30 * DAY + 1, []),
        (30 * DAY, [Warn.ROTATION_DUE]),
        (1, [Warn.ROTATION_DUE]),
        (0, [Warn.NO_CERTIFICATE]),
        (-1, [Warn.NO_CERTIFICATE]),
    ],
)
def test_a_rotation_is_due_thirty_days_before_the_last_certificate_ends(
    left: int, found: list[Warn]
) -> None:
    assert kinds((NOW - DAY, NOW + left)) == found


def test_the_certificate_that_ends_last_counts() -> None:
    old, new = (NOW - 90 * DAY, NOW + 10 * DAY), (NOW, NOW + 100 * DAY)
    assert kinds(old, new) == kinds(new, old) == []
    assert kinds(old) == [Warn.ROTATION_DUE]


@pytest.mark.parametrize(("begins", "found"), [(NOW, []), (NOW + 1, [Warn.NO_CERTIFICATE])])
def test_a_certificate_that_begins_later_does_not_help_now(begins: int, found: list[Warn]) -> None:
    assert kinds((begins, begins + 100 * DAY)) == found


def test_without_any_key_the_first_ceremony_is_named() -> None:
    [warning] = warnings(KeyFacts((), 0), NOW)
    assert warning.kind is Warn.NO_CERTIFICATE
    assert "keys init" in warning.advice


def test_one_root_alone_is_warned_of_after_what_is_worse() -> None:
    assert kinds((NOW, NOW + 100 * DAY), roots=1) == [Warn.NO_SPARE_ROOT]
    assert kinds((NOW - 100 * DAY, NOW), roots=1) == [Warn.NO_CERTIFICATE, Warn.NO_SPARE_ROOT]


@pytest.mark.parametrize(
    ("left", "said"),
    [(30 * DAY, "30 days"), (2 * DAY - 1, "1 day"), (DAY, "1 day"), (DAY - 1, "less than a day")],
)
def test_a_warning_says_how_long_there_is(left: int, said: str) -> None:
    [warning] = warnings(KeyFacts(((NOW - DAY, NOW + left),), 2), NOW)
    assert f"ends in {said}." in warning.text
    assert warning.until == NOW + left

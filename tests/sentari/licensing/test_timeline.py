"""What happens next, in the order of time."""

from datetime import datetime

import pytest

from sentari.licensing.state import Facts, evaluate
from sentari.licensing.timeline import Mark, moments, what_happens_next
from tests.sentari.licensing.samples import DAY, EXPIRY, ISSUED, SECOND, make_claims

EXPIRES = "The license expires on 14 March 2027; everything keeps working while grace lasts."
WRITES_STOP = "Writes stop on 28 March 2027 unless a new key is installed."
LOCKOUT = "Only Settings → License stays open from 27 April 2027 unless a new key is installed."
OFFLINE = "The server locks on 2 January 2027, 12:00 UTC unless it checks in before then."


def told(now: datetime, **terms: object) -> list[str]:
    return what_happens_next(evaluate(make_claims(**terms), Facts(), now))


def test_the_nearest_event_is_told_first_and_each_with_its_date() -> None:
    assert told(ISSUED, max_offline_days=1) == [OFFLINE, EXPIRES, WRITES_STOP, LOCKOUT]


@pytest.mark.parametrize(
    ("now", "sentences"),
    [
        (EXPIRY - SECOND, [EXPIRES, WRITES_STOP, LOCKOUT]),
        (EXPIRY, [WRITES_STOP, LOCKOUT]),
        (EXPIRY + 14 * DAY - SECOND, [WRITES_STOP, LOCKOUT]),
        (EXPIRY + 14 * DAY, [LOCKOUT]),
        (EXPIRY + 44 * DAY - SECOND, [LOCKOUT]),
    ],
)
def test_what_has_happened_is_not_announced_again(now: datetime, sentences: list[str]) -> None:
    assert told(now) == sentences


def test_after_the_lockout_only_the_reason_is_left() -> None:
    assert told(EXPIRY + 44 * DAY) == [
        "The license expired on 14 March 2027 and its grace and read-only periods are over "
        "since 27 April 2027. Install a new key."
    ]


def test_a_license_without_grace_announces_the_stop_of_writes_on_its_expiry() -> None:
    stop = "Writes stop on 14 March 2027 unless a new key is installed."
    assert told(EXPIRY - SECOND, grace_period_days=0)[0] == stop


def test_a_license_without_any_period_announces_the_lockout_only() -> None:
    sentences = told(EXPIRY - SECOND, grace_period_days=0, read_only_period_days=0)
    assert sentences == [
        "Only Settings → License stays open from 14 March 2027 unless a new key is installed."
    ]


def test_a_suspended_license_announces_no_stop_of_writes() -> None:
    assert told(ISSUED, status="suspended") == [LOCKOUT]


def test_without_a_license_the_reason_is_all_there_is() -> None:
    assert what_happens_next(evaluate(None, Facts(), ISSUED)) == [
        "No license is installed. Install a license key to accept scans and changes."
    ]


def test_the_moments_stand_in_the_order_of_time_with_today_among_them() -> None:
    status = evaluate(make_claims(max_offline_days=365), Facts(), EXPIRY + DAY)
    assert [moment.mark for moment in moments(status)] == [
        Mark.EXPIRY,
        Mark.TODAY,
        Mark.READ_ONLY,
        Mark.LOCKOUT,
        Mark.OFFLINE,
    ]
    assert moments(evaluate(None, Facts(), EXPIRY)) == []

"""Each warning begins at its threshold, and is seen by those it concerns."""

from datetime import datetime, timedelta

import pytest

from sentari.licensing.clock import ClockReading
from sentari.licensing.state import Facts, State, Usage, evaluate
from sentari.licensing.warnings import EXPIRY_DAYS, LicenseWarning, Severity, visible_to, warnings
from tests.sentari.licensing.samples import DAY, EXPIRY, ISSUED, SECOND, make_claims


def found(
    code: str, now: datetime, facts: Facts | None = None, **terms: object
) -> LicenseWarning | None:
    status = evaluate(make_claims(**terms), facts or Facts(), now)
    return next((warning for warning in warnings(status) if warning.code == code), None)


@pytest.mark.parametrize("days", EXPIRY_DAYS)
def test_expiry_is_announced_from_exactly_the_given_days_on(days: int) -> None:
    at = EXPIRY - days * DAY
    for now, crossed in ((at - SECOND, False), (at, True), (at + SECOND, True)):
        warning = found("expiry", now)
        assert (warning is not None and warning.threshold == days) is crossed


def test_the_expiry_warning_counts_the_days_and_ends_where_grace_begins() -> None:
    last = found("expiry", EXPIRY - SECOND)
    assert last is not None
    assert last.text == "The license expires on 14 March 2027, in less than a day."
    assert found("expiry", EXPIRY) is None
    grace = found("grace", EXPIRY)
    assert grace is not None
    assert grace.everyone


@pytest.mark.parametrize(
    ("percent", "severity"), [(50, "warning"), (75, "warning"), (90, "danger")]
)
def test_the_offline_budget_is_announced_by_its_share(percent: int, severity: str) -> None:
    at = ISSUED + timedelta(days=20) * percent / 100
    for now, crossed in ((at - SECOND, False), (at, True), (at + SECOND, True)):
        warning = found("offline", now, max_offline_days=20)
        assert (warning is not None and warning.threshold == percent) is crossed
    warning = found("offline", at, max_offline_days=20)
    assert warning is not None
    assert warning.severity == severity


@pytest.mark.parametrize(
    ("used", "threshold"),
    [(79, None), (80, 80), (81, 80), (89, 80), (90, 90), (99, 90), (100, 100), (101, 100)],
)
def test_usage_is_announced_from_its_share_on(used: int, threshold: int | None) -> None:
    warning = found("devices_usage", ISSUED, Facts(usage=Usage(used, 0)))
    assert (warning.threshold if warning else None) == threshold
    packages = found("packages_usage", ISSUED, Facts(usage=Usage(0, used * 10)))
    assert (packages.threshold if packages else None) == threshold


def test_an_unlimited_license_has_no_usage_to_warn_of() -> None:
    usage = Facts(usage=Usage(10**6, 10**6))
    assert found("devices_usage", ISSUED, usage, max_devices=None) is None


@pytest.mark.parametrize("state", [state for state in State if state is not State.ACTIVE])
def test_every_state_but_active_warns_everyone(state: State) -> None:
    claims = {
        State.REVOKED: make_claims(status="revoked"),
        State.SUSPENDED: make_claims(status="suspended"),
        State.OFFLINE_EXCEEDED: make_claims(max_offline_days=1),
        State.UNLICENSED: None,
    }.get(state, make_claims())
    now = {
        State.OFFLINE_EXCEEDED: EXPIRY,
        State.GRACE: EXPIRY,
        State.READ_ONLY: EXPIRY + 14 * DAY,
        State.LOCKED_OUT: EXPIRY + 44 * DAY,
    }.get(state, ISSUED)
    facts = Facts(tampering="Edited." if state is State.TAMPERED else None)
    first = warnings(evaluate(claims, facts, now))[0]
    assert (first.code, first.everyone) == (state.value, True)
    assert first.severity in (Severity.WARNING, Severity.DANGER)


def test_an_active_license_far_from_everything_warns_of_nothing() -> None:
    assert warnings(evaluate(make_claims(), Facts(), ISSUED)) == []


def test_viewers_see_only_what_concerns_them() -> None:
    early = warnings(evaluate(make_claims(), Facts(), EXPIRY - DAY))
    assert [w.code for w in visible_to(early, admin=True)] == ["expiry"]
    assert visible_to(early, admin=False) == []
    late = warnings(evaluate(make_claims(), Facts(), EXPIRY))
    assert [w.code for w in visible_to(late, admin=False)] == ["grace"]


def test_the_loudest_warning_comes_first_and_the_states_before_its_equals() -> None:
    status = evaluate(make_claims(max_offline_days=73), Facts(usage=Usage(100, 0)), EXPIRY)
    assert [(w.code, w.severity.value) for w in warnings(status)] == [
        ("offline", "danger"),
        ("devices_usage", "danger"),
        ("grace", "warning"),
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7199, "119 minutes"),
        (7200, "2 hours"),
        (172_799, "47 hours"),
        (172_800, "2 days"),
    ],
)
def test_a_wrong_clock_is_told_to_admins_in_words(seconds: int, words: str) -> None:
    span = timedelta(seconds=seconds)
    facts = Facts(clock=ClockReading(offset=-span, rolled_back=True))
    back = found("clock_rollback", EXPIRY - 90 * DAY, facts)
    assert back is not None
    assert f"it is {words} behind" in back.text
    assert visible_to([back], admin=False) == []


def test_a_wrong_clock_is_told_in_which_direction_and_in_every_state() -> None:
    for sign, words in ((1, "2 hours ahead of"), (-1, "2 hours behind")):
        facts = Facts(clock=ClockReading(skew=sign * timedelta(hours=2)), tampering="It was.")
        skew = found("clock_skew", EXPIRY, facts)
        assert skew is not None
        assert words in skew.text
    assert found("clock_skew", EXPIRY, Facts()) is None

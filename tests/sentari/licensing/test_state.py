"""The table of states, row by row, at every boundary, and for every input at all."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from license_token.fields import END_OF_DATES, MAX_TIME
from license_token.reply import ReplyClaims
from license_token.terms import STATUSES
from sentari.licensing.state import (
    GATES,
    TABLE,
    Entered,
    Facts,
    Gate,
    Limits,
    State,
    Usage,
    evaluate,
)
from tests.sentari.licensing.samples import DAY, EXPIRY, ISSUED, SECOND, make_claims, make_terms

GRACE_END = EXPIRY + 14 * DAY
READ_ONLY_END = EXPIRY + 44 * DAY
OFFLINE = ISSUED + 20 * DAY
BROKEN = Facts(tampering="The database was edited.", tampered_at=ISSUED)


def boundaries() -> list[tuple[datetime, str]]:
    return [
        (EXPIRY - SECOND, "active"),
        (EXPIRY, "grace"),
        (EXPIRY + SECOND, "grace"),
        (GRACE_END - SECOND, "grace"),
        (GRACE_END, "read_only"),
        (GRACE_END + SECOND, "read_only"),
        (READ_ONLY_END - SECOND, "read_only"),
        (READ_ONLY_END, "locked_out"),
        (READ_ONLY_END + SECOND, "locked_out"),
    ]


@pytest.mark.parametrize(("now", "state"), boundaries())
def test_equality_belongs_to_the_later_stage(now: datetime, state: str) -> None:
    assert evaluate(make_claims(), Facts(), now).state == state


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (OFFLINE - SECOND, "active"),
        (OFFLINE, "offline_exceeded"),
        (OFFLINE + SECOND, "offline_exceeded"),
    ],
)
def test_the_offline_budget_ends_the_given_days_after_the_reply(now: datetime, state: str) -> None:
    assert evaluate(make_claims(max_offline_days=20), Facts(), now).state == state


@pytest.mark.parametrize(("now", "without_it"), boundaries())
def test_suspension_closes_writes_until_the_lockout_says_more(
    now: datetime, without_it: str
) -> None:
    state = evaluate(make_claims(status="suspended"), Facts(), now).state
    assert state == ("locked_out" if without_it == "locked_out" else "suspended")


@pytest.mark.parametrize("now", [moment for moment, _ in boundaries()])
def test_revocation_and_tampering_do_not_depend_on_the_date(now: datetime) -> None:
    assert evaluate(make_claims(status="revoked"), Facts(), now).state == "revoked"
    assert evaluate(make_claims(), BROKEN, now).state == "tampered"


SEVERITY = [
    ("tampered", BROKEN, {"status": "revoked", "max_offline_days": 1}, READ_ONLY_END),
    ("revoked", Facts(), {"status": "revoked", "max_offline_days": 1}, READ_ONLY_END),
    ("offline_exceeded", Facts(), {"status": "suspended", "max_offline_days": 1}, READ_ONLY_END),
    ("locked_out", Facts(), {"status": "suspended"}, READ_ONLY_END),
    ("suspended", Facts(), {"status": "suspended"}, GRACE_END),
    ("read_only", Facts(), {}, GRACE_END),
    ("grace", Facts(), {}, EXPIRY),
    ("active", Facts(), {}, ISSUED),
]


@pytest.mark.parametrize(("state", "facts", "claims", "now"), SEVERITY)
def test_the_most_severe_row_that_applies_decides(
    state: str, facts: Facts, claims: dict[str, object], now: datetime
) -> None:
    assert evaluate(make_claims(**claims), facts, now).state == state


def test_the_table_is_ordered_as_the_contract_lists_it() -> None:
    assert [row.state.value for row in TABLE] == [state for state, *_ in SEVERITY]


def test_each_state_opens_the_gate_as_the_contract_says() -> None:
    assert {state.value: gate.value for state, gate in GATES.items()} == {
        "tampered": "locked",
        "revoked": "locked",
        "offline_exceeded": "locked",
        "locked_out": "locked",
        "suspended": "read_only",
        "read_only": "read_only",
        "grace": "full",
        "active": "full",
        "unlicensed": "read_only",
    }


def test_without_a_license_the_server_is_unlicensed_and_counts_no_days() -> None:
    status = evaluate(None, Facts(), ISSUED)
    assert (status.state, status.gate) == (State.UNLICENSED, Gate.READ_ONLY)
    assert status.days_until_expiry is status.offline_days_left is status.next_change is None
    assert (status.limits, status.usage) == (Limits(0, 0), Usage(devices=0, packages=0))
    assert status.terms is status.offline_deadline is status.max_offline_days is None


def test_a_license_that_vanished_is_tampered_and_not_unlicensed() -> None:
    status = evaluate(None, BROKEN, ISSUED)
    assert (status.state, status.gate, status.since) == (State.TAMPERED, Gate.LOCKED, ISSUED)
    assert status.reason.startswith("The database was edited.")


def test_a_pending_activation_and_a_removal_are_told_apart_from_never_installed() -> None:
    never = evaluate(None, Facts(), ISSUED)
    pending = evaluate(None, Facts(activation_pending=True, removed_at=ISSUED), ISSUED)
    removed = evaluate(None, Facts(removed_at=ISSUED), ISSUED)
    assert never.reason.startswith("No license is installed.")
    assert pending.reason.startswith("Activation is pending")
    assert removed.reason.startswith("The license was removed on 1 January 2027.")
    assert (never.since, removed.since) == (None, ISSUED)


@pytest.mark.parametrize(
    ("now", "days"),
    [
        (EXPIRY - 2 * DAY, 2),
        (EXPIRY - DAY - SECOND, 1),
        (EXPIRY - DAY, 1),
        (EXPIRY - DAY + SECOND, 0),
        (EXPIRY - SECOND, 0),
        (EXPIRY, 0),
        (EXPIRY + SECOND, -1),
        (EXPIRY + DAY, -1),
        (EXPIRY + DAY + SECOND, -2),
    ],
)
def test_days_until_expiry_are_rounded_down_and_go_below_zero(now: datetime, days: int) -> None:
    assert evaluate(make_claims(), Facts(), now).days_until_expiry == days


@pytest.mark.parametrize(
    ("now", "grace", "read_only"),
    [
        (EXPIRY - SECOND, 14, 30),
        (EXPIRY, 14, 30),
        (EXPIRY + SECOND, 14, 30),
        (EXPIRY + DAY, 13, 30),
        (GRACE_END - SECOND, 1, 30),
        (GRACE_END, 0, 30),
        (GRACE_END + SECOND, 0, 30),
        (READ_ONLY_END - SECOND, 0, 1),
        (READ_ONLY_END, 0, 0),
        (READ_ONLY_END + DAY, 0, 0),
    ],
)
def test_a_begun_day_of_a_period_is_still_left_until_the_period_is_over(
    now: datetime, grace: int, read_only: int
) -> None:
    status = evaluate(make_claims(), Facts(), now)
    assert (status.grace_days_left, status.read_only_days_left) == (grace, read_only)


@pytest.mark.parametrize(
    ("now", "used", "left"),
    [
        (ISSUED - DAY, 0, 20),
        (ISSUED, 0, 20),
        (ISSUED + DAY - SECOND, 0, 20),
        (ISSUED + DAY, 1, 19),
        (ISSUED + DAY + SECOND, 1, 19),
        (OFFLINE - SECOND, 19, 1),
        (OFFLINE, 20, 0),
        (OFFLINE + 5 * DAY, 25, 0),
    ],
)
def test_offline_days_used_and_left_add_up_to_the_signed_days(
    now: datetime, used: int, left: int
) -> None:
    status = evaluate(make_claims(max_offline_days=20), Facts(), now)
    assert (status.offline_days_used, status.offline_days_left) == (used, left)
    assert status.offline_deadline == OFFLINE


def test_the_next_change_is_the_nearest_one_that_really_changes_the_state() -> None:
    change = evaluate(make_claims(), Facts(), EXPIRY - SECOND).next_change
    assert change is not None
    assert (change.at, change.to) == (EXPIRY, State.GRACE)
    suspended = evaluate(make_claims(status="suspended"), Facts(), ISSUED).next_change
    assert suspended is not None
    assert (suspended.at, suspended.to) == (READ_ONLY_END, State.LOCKED_OUT)


def test_no_change_comes_by_itself_once_the_vendor_must_act() -> None:
    assert evaluate(make_claims(status="revoked"), Facts(), ISSUED).next_change is None
    assert evaluate(make_claims(), BROKEN, ISSUED).next_change is None
    assert evaluate(make_claims(max_offline_days=1), Facts(), EXPIRY).next_change is None


def test_periods_of_no_days_are_skipped() -> None:
    claims = make_claims(grace_period_days=0, read_only_period_days=0)
    assert evaluate(claims, Facts(), EXPIRY).state == State.LOCKED_OUT
    change = evaluate(claims, Facts(), EXPIRY - SECOND).next_change
    assert change is not None
    assert change.to == State.LOCKED_OUT


def test_since_follows_the_dates_where_a_date_decides() -> None:
    claims = make_claims(max_offline_days=365)
    assert evaluate(claims, Facts(), EXPIRY + DAY).since == EXPIRY
    assert evaluate(claims, Facts(), GRACE_END + DAY).since == GRACE_END
    assert evaluate(claims, Facts(), READ_ONLY_END + DAY).since == READ_ONLY_END
    assert evaluate(make_claims(max_offline_days=1), Facts(), EXPIRY).since == ISSUED + DAY


def test_since_is_when_the_change_was_seen_where_the_vendor_decides() -> None:
    entered = Entered(State.SUSPENDED, ISSUED - 3 * DAY)
    suspended = make_claims(status="suspended")
    assert evaluate(suspended, Facts(entered=entered), ISSUED).since == ISSUED - 3 * DAY
    assert evaluate(suspended, Facts(), ISSUED).since == ISSUED
    assert evaluate(make_claims(), Facts(entered=entered), ISSUED).since == ISSUED


def test_the_status_carries_usage_and_signed_limits() -> None:
    status = evaluate(make_claims(max_devices=None), Facts(usage=Usage(5, 60)), ISSUED)
    assert (status.usage, status.limits) == (Usage(5, 60), Limits(None, 1000))
    assert status.terms == make_terms(max_devices=None)
    assert (status.max_offline_days, status.offline_deadline) == (365, ISSUED + 365 * DAY)


@pytest.mark.parametrize(
    ("now", "days", "said"),
    [
        (ISSUED, 365, "The license is valid until 14 March 2027."),
        (EXPIRY, 365, "Everything works until 28 March 2027"),
        (GRACE_END, 365, "Install a new key before 27 April 2027."),
        (READ_ONLY_END, 365, "periods are over since 27 April 2027."),
        (OFFLINE, 20, "allows 20 days without an answer."),
        (OFFLINE, 1, "allows 1 day without an answer."),
    ],
)
def test_the_reason_names_the_dates_that_matter(now: datetime, days: int, said: str) -> None:
    assert said in evaluate(make_claims(max_offline_days=days), Facts(), now).reason


MOMENTS = st.datetimes(timezones=st.just(UTC))
CLAIMS = st.builds(
    make_claims,
    issued_at=st.integers(0, MAX_TIME),
    expires_at=st.dates(max_value=END_OF_DATES - timedelta(days=1)),
    grace_period_days=st.integers(0, 365),
    read_only_period_days=st.integers(0, 3650),
    max_offline_days=st.integers(1, 365),
    status=st.sampled_from(STATUSES),
    max_devices=st.none() | st.integers(0, 2**53),
)
FACTS = st.builds(
    Facts,
    tampering=st.none() | st.text(min_size=1),
    tampered_at=st.none() | MOMENTS,
    entered=st.none() | st.builds(Entered, st.sampled_from(State), MOMENTS),
    removed_at=st.none() | MOMENTS,
    activation_pending=st.booleans(),
)


@settings(deadline=None)
@given(st.none() | CLAIMS, FACTS, MOMENTS)
def test_every_input_has_a_status_and_its_next_change_is_true(
    claims: ReplyClaims | None, facts: Facts, now: datetime
) -> None:
    status = evaluate(claims, facts, now)
    assert status.gate == GATES[status.state]
    assert status.reason
    change = status.next_change
    if change is not None:
        assert change.at > now
        assert evaluate(claims, facts, change.at).state == change.to
        just_before = max(now, change.at - timedelta(microseconds=1))
        assert evaluate(claims, facts, just_before).state == status.state


@settings(deadline=None)
@given(CLAIMS, MOMENTS, st.timedeltas(timedelta(), timedelta(days=9000)))
def test_time_alone_never_opens_the_gate_again(
    claims: ReplyClaims, now: datetime, later: timedelta
) -> None:
    order = [Gate.FULL, Gate.READ_ONLY, Gate.LOCKED]
    try:
        then = now + later
    except OverflowError:
        return
    before, after = evaluate(claims, Facts(), now).gate, evaluate(claims, Facts(), then).gate
    assert order.index(after) >= order.index(before)


def test_the_last_dates_that_can_be_signed_do_not_overflow() -> None:
    claims = make_claims(
        issued_at=MAX_TIME,
        expires_at=END_OF_DATES - timedelta(days=1),
        grace_period_days=365,
        read_only_period_days=3650,
    )
    assert evaluate(claims, Facts(), ISSUED).state == State.ACTIVE
